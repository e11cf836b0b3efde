//! Links (`struct ifinfomsg`): what the crate `vxlan` does not read of them.

use rsadm_netlink::{Attribute, Attributes, Message};

use crate::uapi::*;
use crate::{Bridge, BridgePort, Link, LinkCounters};

/// Bytes of `struct ifinfomsg`.
const HEADER: usize = 16;

/// Sysctls of a link that lead or drop packets, and their numbers (`IPV4_DEVCONF_*`).
pub(crate) const IPV4_SETTINGS: [(usize, &str); 18] = [
    (1, "forwarding"),
    (3, "proxy_arp"),
    (4, "accept_redirects"),
    (6, "send_redirects"),
    (8, "rp_filter"),
    (9, "accept_source_route"),
    (11, "log_martians"),
    (13, "arp_filter"),
    (18, "arp_announce"),
    (19, "arp_ignore"),
    (20, "promote_secondaries"),
    (21, "arp_accept"),
    (22, "arp_notify"),
    (23, "accept_local"),
    (24, "src_valid_mark"),
    (25, "proxy_arp_pvlan"),
    (26, "route_localnet"),
    (29, "ignore_routes_with_linkdown"),
];

/// The same of IPv6 (`DEVCONF_*`), which are counted from 0.
pub(crate) const IPV6_SETTINGS: [(usize, &str); 13] = [
    (0, "forwarding"),
    (1, "hop_limit"),
    (2, "mtu"),
    (3, "accept_ra"),
    (4, "accept_redirects"),
    (5, "autoconf"),
    (10, "use_tempaddr"),
    (22, "proxy_ndp"),
    (26, "disable_ipv6"),
    (27, "accept_dad"),
    (34, "use_optimistic"),
    (37, "use_oif_addrs_only"),
    (39, "ignore_routes_with_linkdown"),
];

/// A link as far as it is read here, and its sysctls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    /// All but what is in [`Link::base`], of which only the index is there.
    pub(crate) link: Link,
    /// Values of [`IPV4_SETTINGS`], by name.
    pub(crate) ipv4: Vec<(&'static str, i32)>,
    /// Values of [`IPV6_SETTINGS`], by name.
    pub(crate) ipv6: Vec<(&'static str, i32)>,
}

/// Asks for all links.
pub(crate) fn list() -> Message {
    super::list::<HEADER>(RTM_GETLINK, AF_UNSPEC)
}

/// A link.
pub(crate) fn details(payload: &[u8]) -> Option<Details> {
    let (header, rest) = payload.split_first_chunk::<HEADER>()?;
    let [_, _, _, _, index @ .., _, _, _, _, _, _, _, _] = *header;
    let mut details = Details::default();
    let link = &mut details.link;
    link.base.index = u32::from_ne_bytes(index);
    for attribute in Attributes::new(rest) {
        match attribute.kind {
            IFLA_LINK => link.lower = attribute.u32().filter(|lower| *lower != 0),
            IFLA_CARRIER => link.carrier = flag(&attribute),
            IFLA_GROUP => link.group = attribute.u32().unwrap_or_default(),
            IFLA_STATS64 => link.counters = counters(attribute.value),
            IFLA_LINKINFO => information(link, &attribute),
            IFLA_AF_SPEC => {
                for family in attribute.attributes() {
                    settings(&mut details.ipv4, &mut details.ipv6, &family);
                }
            }
            _ => {}
        }
    }
    Some(details)
}

fn flag(attribute: &Attribute<'_>) -> Option<bool> {
    attribute.u8().map(|byte| byte != 0)
}

/// The numbers of an array that have names.
fn named<const COUNT: usize>(
    values: &[u8],
    names: [(usize, &'static str); COUNT],
    first: usize,
) -> Vec<(&'static str, i32)> {
    let value = |(number, name): (usize, &'static str)| {
        let bytes = values.get((number - first) * 4..)?.first_chunk()?;
        Some((name, i32::from_ne_bytes(*bytes)))
    };
    names.into_iter().filter_map(value).collect()
}

fn settings(
    ipv4: &mut Vec<(&'static str, i32)>,
    ipv6: &mut Vec<(&'static str, i32)>,
    family: &Attribute<'_>,
) {
    for part in family.attributes() {
        match (family.kind, part.kind) {
            (kind, IFLA_INET_CONF) if kind == u16::from(AF_INET) => {
                *ipv4 = named(part.value, IPV4_SETTINGS, 1);
            }
            (kind, IFLA_INET6_CONF) if kind == u16::from(AF_INET6) => {
                *ipv6 = named(part.value, IPV6_SETTINGS, 0);
            }
            _ => {}
        }
    }
}

/// `struct rtnl_link_stats64`. Older kernels send less of it.
fn counters(bytes: &[u8]) -> Option<LinkCounters> {
    let counter = |index: usize| {
        let counter = bytes.get(index * 8..)?.first_chunk()?;
        Some(u64::from_ne_bytes(*counter))
    };
    Some(LinkCounters {
        rx_packets: counter(0)?,
        tx_packets: counter(1)?,
        rx_bytes: counter(2)?,
        tx_bytes: counter(3)?,
        rx_errors: counter(4)?,
        tx_errors: counter(5)?,
        rx_dropped: counter(6)?,
        tx_dropped: counter(7)?,
        collisions: counter(9)?,
        rx_frame_errors: counter(13)?,
        tx_carrier_errors: counter(17)?,
        rx_nohandler: counter(23).unwrap_or_default(),
        rx_otherhost_dropped: counter(24).unwrap_or_default(),
    })
}

fn information(link: &mut Link, attribute: &Attribute<'_>) {
    let (mut kind, mut port_kind, mut data, mut port_data) = (None, None, None, None);
    for part in attribute.attributes() {
        match part.kind {
            IFLA_INFO_KIND => kind = part.str(),
            IFLA_INFO_DATA => data = Some(part),
            IFLA_INFO_SLAVE_KIND => port_kind = part.str(),
            IFLA_INFO_SLAVE_DATA => port_data = Some(part),
            _ => {}
        }
    }
    match (kind, data) {
        (Some("bridge"), Some(data)) => link.bridge = Some(bridge(data.attributes())),
        (Some("vrf"), Some(data)) => link.vrf_table = vrf_table(data.attributes()),
        _ => {}
    }
    if let (Some("bridge"), Some(data)) = (port_kind, port_data) {
        link.port = Some(port(data.attributes()));
    }
}

fn bridge(attributes: Attributes<'_>) -> Bridge {
    let mut bridge = Bridge::default();
    for attribute in attributes {
        match attribute.kind {
            IFLA_BR_VLAN_FILTERING => bridge.vlan_filtering = flag(&attribute),
            IFLA_BR_NF_CALL_IPTABLES => bridge.calls_iptables = flag(&attribute),
            IFLA_BR_NF_CALL_IP6TABLES => bridge.calls_ip6tables = flag(&attribute),
            _ => {}
        }
    }
    bridge
}

fn port(attributes: Attributes<'_>) -> BridgePort {
    let mut port = BridgePort::default();
    for attribute in attributes {
        match attribute.kind {
            IFLA_BRPORT_STATE => port.state = attribute.u8(),
            IFLA_BRPORT_MODE => port.hairpin = flag(&attribute),
            IFLA_BRPORT_LEARNING => port.learning = flag(&attribute),
            IFLA_BRPORT_ISOLATED => port.isolated = flag(&attribute),
            _ => {}
        }
    }
    port
}

fn vrf_table(mut attributes: Attributes<'_>) -> Option<u32> {
    attributes.find(|attribute| attribute.kind == IFLA_VRF_TABLE)?.u32()
}
