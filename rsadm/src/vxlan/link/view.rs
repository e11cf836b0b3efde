//! A VXLAN device for programs, under the names that `ip -d -j link` has; docs/json.md says what
//! the fields mean.

use std::net::IpAddr;

use serde::Serialize;
use vxlan::{DontFragment, Link, Settings};

use super::super::devices::Links;
use crate::classic::ip;

/// A link. What the kernel did not tell is absent.
#[derive(Serialize)]
pub(super) struct LinkView {
    ifindex: u32,
    ifname: String,
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    master: Option<String>,
    operstate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_netnsid: Option<i32>,
    linkinfo: Information,
}

#[derive(Serialize)]
struct Information {
    info_kind: &'static str,
    info_data: Data,
}

/// Settings; numbers that ip writes in hexadecimal are texts, as there.
#[derive(Default, Serialize)]
struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vnifilter: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group6: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote6: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local6: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_range: Option<Range>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    learning: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsc: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    l2miss: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    l3miss: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tos: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_inherit: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    df: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_policy: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ageing: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp_csum: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp_zero_csum6_tx: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp_zero_csum6_rx: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remcsum_tx: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remcsum_rx: Option<bool>,
    remcsum_nopartial: bool,
    gbp: bool,
    gpe: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    localbypass: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_bits: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcroute: Option<bool>,
}

#[derive(Serialize)]
struct Range {
    low: u16,
    high: u16,
}

impl LinkView {
    pub(super) fn new(link: &Link, links: &Links) -> Self {
        let settings = link.vxlan.clone().unwrap_or_default();
        let mut data = Data::of(&settings);
        let underlay = settings.link.filter(|index| *index != 0);
        match link.link_namespace {
            Some(_) => data.link_index = underlay,
            None => data.link = underlay.map(|index| links.name(index)),
        }
        Self {
            ifindex: link.index,
            ifname: link.name.clone(),
            flags: ip::link_flags(link.flags).collect(),
            mtu: link.mtu,
            master: link.master.map(|index| links.name(index)),
            operstate: ip::operational_state(link.operational_state.unwrap_or_default()),
            address: link.mac.map(|mac| mac.to_string()),
            link_netnsid: link.link_namespace,
            linkinfo: Information { info_kind: "vxlan", info_data: data },
        }
    }
}

impl Data {
    fn of(settings: &Settings) -> Self {
        let non_zero = |number: &u32| *number != 0;
        let v4 = |address: &IpAddr| address.is_ipv4();
        let v6 = |address: &IpAddr| address.is_ipv6();
        let (group, remote) = match settings.group {
            Some(group) if group.is_multicast() => (Some(group), None),
            remote => (None, remote.filter(|address| !address.is_unspecified())),
        };
        let local = settings.local.filter(|address| !address.is_unspecified());
        let inherit = settings.ttl_inherit == Some(true);
        Self {
            external: settings.external,
            vnifilter: settings.vni_filter,
            id: settings.id.map(vxlan::Vni::get),
            group: group.filter(v4),
            group6: group.filter(v6),
            remote: remote.filter(v4),
            remote6: remote.filter(v6),
            local: local.filter(v4),
            local6: local.filter(v6),
            port_range: settings.source_ports.map(|(low, high)| Range { low, high }),
            port: settings.port,
            learning: settings.learning,
            proxy: settings.proxy,
            rsc: settings.short_circuit,
            l2miss: settings.notify_missing_entries,
            l3miss: settings.notify_missing_neighbours,
            tos: settings.tos.filter(|tos| *tos != 0).map(|tos| format!("{tos:#x}")),
            ttl: settings.ttl.filter(|_| !inherit),
            ttl_inherit: settings.ttl_inherit,
            df: settings.dont_fragment.and_then(fragment),
            label: settings.flow_label.filter(non_zero).map(|label| format!("{label:#x}")),
            label_policy: settings.flow_label_policy,
            ageing: settings.ageing,
            limit: settings.limit.filter(non_zero),
            udp_csum: settings.udp_checksum,
            udp_zero_csum6_tx: settings.udp_zero_checksum6_tx,
            udp_zero_csum6_rx: settings.udp_zero_checksum6_rx,
            remcsum_tx: settings.remote_checksum_tx,
            remcsum_rx: settings.remote_checksum_rx,
            remcsum_nopartial: settings.remote_checksum_no_partial,
            gbp: settings.gbp,
            gpe: settings.gpe,
            localbypass: settings.local_bypass,
            reserved_bits: settings.reserved_bits.map(|bits| format!("{bits:#x}")),
            mcroute: settings.multicast_route,
            ..Self::default()
        }
    }
}

fn fragment(fragment: DontFragment) -> Option<&'static str> {
    match fragment {
        DontFragment::UNSET => Some("unset"),
        DontFragment::SET => Some("set"),
        DontFragment::INHERIT => Some("inherit"),
        _ => None,
    }
}
