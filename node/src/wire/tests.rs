//! Messages that are made here, parts of them, and any bytes.

use proptest::prelude::*;
use rsadm_netlink::Message;

use super::*;
use crate::{AddressFlags, HopFlags, RouteKind, RuleAction, Scope, Table};

fn message(header: &[u8], fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::new(0, 0);
    message.header(header);
    fill(&mut message);
    message.payload().to_vec()
}

/// `10.244.3.0/24 via 10.244.3.0 dev 7 onlink src 10.244.5.0`, as the kernel sends it.
fn onlink() -> Vec<u8> {
    message(&[2, 24, 0, 0, 254, 3, 0, 1, 4, 0, 0, 0], |route| {
        route.put_u32(RTA_TABLE, 254).put(RTA_DST, &[10, 244, 3, 0]);
        route.put(RTA_GATEWAY, &[10, 244, 3, 0]).put_u32(RTA_OIF, 7);
        route.put(RTA_PREFSRC, &[10, 244, 5, 0]);
        route.nest(RTA_METRICS, |metrics| {
            metrics.put_u32(RTAX_MTU, 1400);
        });
    })
}

/// Two ways of different weight, the second by a router of IPv6, in table 70000.
fn multipath() -> Vec<u8> {
    let mut hops = Vec::new();
    hops.extend_from_slice(&[16, 0, 0, 2, 7, 0, 0, 0]);
    hops.extend_from_slice(&[8, 0, 5, 0, 10, 1, 0, 9]);
    let mut via = vec![10, 0];
    via.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    hops.extend_from_slice(&[32, 0, 16, 0, 8, 0, 0, 0]);
    hops.extend_from_slice(&[22, 0, 18, 0]);
    hops.extend_from_slice(&via);
    hops.extend_from_slice(&[0, 0]);
    message(&[2, 16, 0, 0, 252, 4, 0, 1, 0, 0, 0, 0], |route| {
        route.put_u32(RTA_TABLE, 70000).put(RTA_DST, &[10, 13, 0, 0]);
        route.put(RTA_MULTIPATH, &hops).put_u32(RTA_PRIORITY, 50);
    })
}

#[test]
#[cfg(target_endian = "little")]
fn a_route_over_the_overlay() {
    let route = route::route(&onlink()).expect("a route");
    assert_eq!(route.destination.to_string(), "10.244.3.0/24");
    assert_eq!((route.table, route.kind, route.protocol), (Table::MAIN, RouteKind::UNICAST, 3));
    assert_eq!(route.preferred_source, Some([10, 244, 5, 0].into()));
    assert_eq!((route.mtu, route.flags), (Some(1400), 0));
    let [hop] = route.hops[..] else { panic!("{route:?}") };
    assert_eq!((hop.link, hop.flags, hop.weight), (Some(7), HopFlags::ONLINK, 1));
    assert_eq!(hop.gateway, Some([10, 244, 3, 0].into()));
}

#[test]
#[cfg(target_endian = "little")]
fn a_route_with_several_ways() {
    let route = route::route(&multipath()).expect("a route");
    assert_eq!((route.table, route.priority), (Table(70000), 50));
    let [first, second] = route.hops[..] else { panic!("{route:?}") };
    assert_eq!((first.link, first.weight), (Some(7), 3));
    assert_eq!(first.gateway, Some([10, 1, 0, 9].into()));
    assert_eq!((second.link, second.weight, second.flags), (Some(8), 1, HopFlags::LINK_DOWN));
    assert_eq!(second.gateway, Some("fe80::1".parse().expect("an address")));
}

#[test]
fn a_default_route_and_one_that_drops() {
    let all = message(&[10, 0, 0, 0, 254, 3, 0, 7, 0, 0, 0, 0], |_| ());
    let route = route::route(&all).expect("a route");
    assert_eq!(
        (route.destination.to_string().as_str(), route.kind),
        ("::/0", RouteKind::UNREACHABLE)
    );
    assert!(route.hops.is_empty());
    // A prefix that is too long, and a family that is not of IP.
    assert_eq!(route::route(&message(&[2, 33, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0], |_| ())), None);
    assert_eq!(route::route(&message(&[7, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0], |_| ())), None);
}

#[test]
#[cfg(target_endian = "little")]
fn addresses_with_and_without_another_end() {
    let own = message(&[2, 24, 0x80, 0, 7, 0, 0, 0], |address| {
        address.put(IFA_ADDRESS, &[10, 1, 0, 1]).put(IFA_LOCAL, &[10, 1, 0, 1]);
        address.put_u32(IFA_FLAGS, 0x280);
    });
    let own = address::address(&own).expect("an address");
    assert_eq!((own.link, own.prefix_length, own.peer), (7, 24, None));
    assert_eq!(own.flags, AddressFlags::PERMANENT | AddressFlags::WITHOUT_ROUTE);
    let pair = message(&[2, 32, 0, 253, 7, 0, 0, 0], |address| {
        address.put(IFA_ADDRESS, &[10, 2, 0, 2]).put(IFA_LOCAL, &[10, 2, 0, 1]);
    });
    let pair = address::address(&pair).expect("an address");
    assert_eq!((pair.address, pair.peer), ([10, 2, 0, 1].into(), Some([10, 2, 0, 2].into())));
    assert_eq!(pair.scope, Scope::LINK);
    // An address of the other family than the header says, and none.
    let wrong = message(&[10, 24, 0, 0, 7, 0, 0, 0], |it| {
        it.put(IFA_ADDRESS, &[1; 4]);
    });
    assert_eq!(address::address(&wrong), None);
    assert_eq!(address::address(&message(&[2, 24, 0, 0, 7, 0, 0, 0], |_| ())), None);
}

#[test]
#[cfg(target_endian = "little")]
fn a_rule_with_conditions() {
    let rule = message(&[2, 16, 24, 0x10, 0, 0, 0, 1, 2, 0, 0, 0], |rule| {
        rule.put_u32(FRA_TABLE, 70000).put_u32(FRA_PRIORITY, 100);
        rule.put(FRA_DST, &[10, 9, 0, 0]).put(FRA_SRC, &[10, 1, 0, 0]);
        rule.put_u32(FRA_SUPPRESS_PREFIXLEN, u32::MAX).put_u32(FRA_FWMARK, 0x10);
        rule.put_u32(FRA_FWMASK, 0xf0).put_str(FRA_IIFNAME, "d0");
        rule.put(FRA_DPORT_RANGE, &[80, 0, 90, 0]).put_u8(FRA_IP_PROTO, 6);
        rule.put(FRA_UID_RANGE, &[0, 0, 0, 0, 7, 0, 0, 0]);
    });
    let rule = rule::rule(&rule).expect("a rule");
    assert_eq!((rule.priority, rule.table, rule.action), (100, Table(70000), RuleAction::LOOKUP));
    assert!(rule.inverted);
    assert_eq!(rule.source.map(|it| it.to_string()).as_deref(), Some("10.1.0.0/24"));
    assert_eq!(rule.destination.map(|it| it.to_string()).as_deref(), Some("10.9.0.0/16"));
    assert_eq!((rule.mark, rule.mark_mask, rule.tos, rule.protocol), (0x10, 0xf0, 0x10, 6));
    assert_eq!((rule.input.as_deref(), rule.output), (Some("d0"), None));
    assert_eq!((rule.destination_ports, rule.source_ports), (Some((80, 90)), None));
    assert_eq!((rule.users, rule.suppress_prefix_length), (Some((0, 7)), None));
    assert_eq!((rule.dscp, rule.flow_label), (None, None));
}

#[test]
#[cfg(target_endian = "little")]
fn a_rule_with_masks() {
    let rule = message(&[10, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0], |rule| {
        rule.put_u8(FRA_DSCP, 0x2e).put_u8(FRA_DSCP_MASK, 0x3e);
        rule.put_be32(FRA_FLOWLABEL, 0x12345).put_be32(FRA_FLOWLABEL_MASK, 0xff_fff);
        rule.put(FRA_SPORT_RANGE, &[80, 0, 80, 0]).put_u16(FRA_SPORT_MASK, 0xfff0);
        rule.put_u16(FRA_DPORT_MASK, 0xff);
    });
    let rule = rule::rule(&rule).expect("a rule");
    assert_eq!((rule.dscp, rule.flow_label), (Some((0x2e, 0x3e)), Some((0x12345, 0xff_fff))));
    assert_eq!((rule.source_port_mask, rule.destination_port_mask), (Some(0xfff0), Some(0xff)));
    // Before 6.15 there is no mask.
    let rule = message(&[2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0], |rule| {
        rule.put_u8(FRA_DSCP, 0x2e);
    });
    assert_eq!(rule::rule(&rule).expect("a rule").dscp, Some((0x2e, 0x3f)));
}

#[test]
#[cfg(target_endian = "little")]
fn a_link_with_counters_and_settings() {
    let mut header = [0; 16];
    header[4] = 7;
    let mut counters = Vec::new();
    for counter in 0..25_u64 {
        counters.extend_from_slice(&(100 + counter).to_ne_bytes());
    }
    let mut settings = Vec::new();
    for setting in 1..=33_u32 {
        settings.extend_from_slice(&setting.to_ne_bytes());
    }
    let build = |counters: &[u8]| {
        message(&header, |link| {
            link.put_u32(IFLA_LINK, 3).put_u8(IFLA_CARRIER, 1).put(IFLA_STATS64, counters);
            link.nest(IFLA_LINKINFO, |info| {
                info.put_str(IFLA_INFO_KIND, "veth").put_str(IFLA_INFO_SLAVE_KIND, "bridge");
                info.nest(IFLA_INFO_SLAVE_DATA, |port| {
                    port.put_u8(IFLA_BRPORT_STATE, 3).put_u8(IFLA_BRPORT_MODE, 1);
                });
            });
            link.nest(IFLA_AF_SPEC, |families| {
                families.nest(u16::from(AF_INET), |ipv4| {
                    ipv4.put(IFLA_INET_CONF, &settings);
                });
            });
        })
    };
    let details = link::details(&build(&counters)).expect("a link");
    let link = &details.link;
    assert_eq!((link.index(), link.lower, link.carrier), (7, Some(3), Some(true)));
    let counted = link.counters.expect("counters");
    assert_eq!((counted.rx_packets, counted.tx_dropped, counted.collisions), (100, 107, 109));
    assert_eq!((counted.tx_carrier_errors, counted.rx_otherhost_dropped), (117, 124));
    let port = link.port.expect("a port");
    assert_eq!((port.state, port.hairpin, port.learning), (Some(3), Some(true), None));
    assert!(details.ipv4.contains(&("forwarding", 1)) && details.ipv4.contains(&("rp_filter", 8)));
    assert!(details.ipv4.contains(&("route_localnet", 26)) && details.ipv6.is_empty());
    // Linux before 5.19 counts less.
    let older = link::details(&build(&counters[..24 * 8])).expect("a link");
    assert_eq!(older.link.counters.map(|it| it.rx_otherhost_dropped), Some(0));
    assert_eq!(link::details(&build(&counters[..80])).expect("a link").link.counters, None);
}

#[test]
#[cfg(target_endian = "little")]
fn ids_of_namespaces() {
    let answer = |id: i32| {
        message(&[0; 4], |it| {
            it.put(NETNSA_NSID, &id.to_ne_bytes());
        })
    };
    assert_eq!(namespace::id(&answer(7)), Some(7));
    assert_eq!(namespace::id(&answer(-1)), None);
    assert_eq!(namespace::id(&[0; 3]), None);
}

#[test]
fn a_table_of_nftables() {
    let filter = message(&[2, 0, 0, 5], |table| {
        table.put_str(NFTA_TABLE_NAME, "filter").put_be32(2, 0).put_be32(3, 4);
    });
    assert_eq!(nftables::table(&filter), Some((AF_INET, "filter".to_owned())));
    assert_eq!(nftables::table(&[2, 0, 0, 5]), None);
    assert_eq!(nftables::list().payload(), [0; 4]);
}

fn decode(bytes: &[u8]) {
    let _ = (address::address(bytes), rule::rule(bytes), namespace::id(bytes));
    let _ = (link::details(bytes), route::route(bytes), nftables::table(bytes));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(&bytes);
    }

    #[test]
    fn no_part_and_no_change_of_a_message_panics(
        several: bool, length: prop::sample::Index, at: prop::sample::Index, byte: u8,
    ) {
        let mut bytes = if several { multipath() } else { onlink() };
        decode(&bytes[..length.index(bytes.len())]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        decode(&bytes);
    }
}
