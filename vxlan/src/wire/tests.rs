//! Messages of real kernels and messages made up.

use proptest::prelude::*;

use super::*;
use crate::link::{DontFragment, Settings};
use crate::{LinkConfig, MulticastEntry, RouterPort, VniEntry, VniStatistics};

/// A row of a kernel's listing: `permanent, port 9, vni 0x010203`, without its netlink header.
#[rustfmt::skip]
const ROW: [u8; 68] = [
    7, 0, 0, 0, 3, 0, 0, 0, 0xc0, 0, 2, 0,
    10, 0, 2, 0, 0xee, 0xd6, 0x38, 0x55, 0xd5, 0xc7, 0, 0,
    8, 0, 1, 0, 172, 16, 20, 121,
    6, 0, 6, 0, 0, 9, 0, 0,
    8, 0, 7, 0, 3, 2, 1, 0,
    20, 0, 3, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0,
];

#[test]
#[cfg(target_endian = "little")]
fn a_row_of_the_kernel() {
    let entry = entry(&ROW).expect("an entry").expect("of a bridge");
    assert_eq!(entry.to_string(), "ee:d6:38:55:d5:c7 dst 172.16.20.121 port 9 vni 66051");
    assert_eq!((entry.link, entry.state, entry.flags), (3, State::STATIC_PERMANENT, Flags::SELF));
    let times = CacheTimes { confirmed: 1, used: 2, updated: 3, references: 4 };
    assert_eq!(entry.cache, Some(times));
    assert_eq!(times.since_update(), std::time::Duration::from_millis(30));
    assert!(neighbour(&ROW).expect("well formed").is_none());
}

#[test]
#[cfg(target_endian = "little")]
fn requests_are_those_of_bridge_and_flannel() {
    let mac = Mac([0xee, 0xd6, 0x38, 0x55, 0xd5, 0xc7]);
    let mut entry = Entry::to(3, mac, [172, 16, 20, 121].into());
    entry.remote.port = Some(9);
    entry.remote.vni = Vni::new(0x01_0203);
    assert_eq!(put_entry(&entry, 0).payload(), &ROW[..48]);
    entry.state = State::PERMANENT;
    assert_eq!(put_entry(&entry, 0).payload()[8..10], [0x80, 0]);
    let listing = list_entries(&EntryFilter::of(3));
    assert_eq!(listing.payload(), [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 8, 0, 3, 0, 0, 0]);
}

#[test]
fn what_is_cut_off_is_an_error_and_what_is_missing_too() {
    assert!(entry(&ROW[..11]).is_err());
    assert!(entry(&ROW[..12]).is_err());
    assert!(neighbour(&[2; 12]).is_err());
    assert!(link::link(&[0; 15]).is_err() && vni::entries(&[0; 7]).is_err());
    assert!(multicast::entries(&[0; 7]).is_err() && nexthop::nexthop(&[0; 8]).is_err());
}

/// `10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink`, of table main, from a kernel.
#[rustfmt::skip]
const ROUTE: [u8; 44] = [
    2, 24, 0, 0, 254, 3, 0, 1, 4, 0, 0, 0,
    8, 0, 15, 0, 254, 0, 0, 0,
    8, 0, 1, 0, 10, 244, 3, 0,
    8, 0, 5, 0, 10, 244, 3, 0,
    8, 0, 4, 0, 7, 0, 0, 0,
];

#[test]
#[cfg(target_endian = "little")]
fn a_route_of_the_kernel() {
    let routes = route::routes(&ROUTE).expect("well formed");
    let expected = crate::Route {
        destination: [10, 244, 3, 0].into(),
        prefix: 24,
        kind: 1,
        table: 254,
        gateway: Some([10, 244, 3, 0].into()),
        link: Some(7),
    };
    assert_eq!(routes, [expected]);
    assert!(routes[0].is_unicast() && !routes[0].is_local());
    assert_eq!(routes[0].to_string(), "10.244.3.0/24");
    let default = route::routes(&ROUTE[..12]).expect("well formed");
    assert_eq!((default[0].to_string(), default[0].table), ("0.0.0.0/24".into(), 254));
    assert!(route::routes(&ROUTE[..11]).is_err());
    assert!(route::routes(&[128; 12]).expect("of another family").is_empty());
}

/// Several ways, of which one has a gateway of the other family, and one is cut off.
#[test]
#[cfg(target_endian = "little")]
fn a_route_of_several_ways() {
    let mut message = ROUTE[..12].to_vec();
    message[1] = 0;
    #[rustfmt::skip]
    let ways = [
        52, 0, 9, 0,
        16, 0, 0, 0, 3, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, 1,
        30, 0, 0, 0, 4, 0, 0, 0,
        22, 0, 18, 0, 10, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0,
    ];
    message.extend(ways);
    let routes = route::routes(&message).expect("well formed");
    let seen: Vec<_> = routes.iter().map(|route| (route.link, route.gateway)).collect();
    let far = "fd00::9".parse().ok();
    assert_eq!(seen, [(Some(3), Some([10, 0, 0, 1].into())), (Some(4), far)]);
    assert_eq!(routes[0].to_string(), "default");
    message[12] = 40;
    message.truncate(12 + 40);
    assert_eq!(route::routes(&message).expect("well formed").len(), 1);
}

#[test]
fn the_kernel_flushes_only_what_it_can_express() {
    let all = EntryFilter::new;
    let at_once = |filter: EntryFilter| flush_entries(7, &filter).is_some();
    assert!(at_once(all()));
    assert!(at_once(EntryFilter { no_state: State::PERMANENT, ..all() }));
    assert!(at_once(EntryFilter { all_flags: Flags::EXTERN_LEARN | Flags::SELF, ..all() }));
    assert!(at_once(EntryFilter { port: Some(4789), ..all() }));
    for filter in [
        EntryFilter { mac: Some(Mac::ZERO), ..all() },
        // Zero is no condition for the kernel.
        EntryFilter { vni: Vni::new(0), ..all() },
        EntryFilter { source_vni: Vni::new(0), ..all() },
        EntryFilter { port: Some(0), ..all() },
        EntryFilter { nexthop_group: Some(0), ..all() },
        EntryFilter { destination: Some([0, 0, 0, 0].into()), ..all() },
        // One of several, where the kernel wants all of them.
        EntryFilter { any_state: State::STATIC_PERMANENT, ..all() },
        EntryFilter { any_state: State::REACHABLE, ..all() },
        EntryFilter { all_flags: Flags::STICKY, ..all() },
        EntryFilter { no_flags: Flags::SELF, ..all() },
        EntryFilter { in_bridge: Some(true), ..all() },
        EntryFilter { master: Some(9), ..all() },
    ] {
        assert!(!at_once(filter.clone()), "{filter:?}");
    }
}

#[test]
fn statistics_of_a_vni() {
    let mut message = Message::new(RTM_NEWTUNNEL, 0);
    message.header(&[7, 0, 0, 0, 3, 0, 0, 0]);
    message.nest(VXLAN_VNIFILTER_ENTRY, |entry| {
        entry.put_u32(VXLAN_VNIFILTER_ENTRY_START, 10);
        entry.nest(VXLAN_VNIFILTER_ENTRY_STATS, |counted| {
            for kind in 1..=9 {
                counted.put_u64(kind, u64::from(kind) * 1000);
            }
        });
    });
    let entries = vni::entries(message.payload()).expect("entries");
    let counted = VniStatistics {
        rx_bytes: 1000,
        rx_packets: 2000,
        rx_drops: 3000,
        rx_errors: 4000,
        tx_bytes: 5000,
        tx_packets: 6000,
        tx_drops: 7000,
        tx_errors: 8000,
    };
    assert_eq!(entries[0].statistics, Some(counted));
    assert_eq!((entries[0].first, entries[0].last), (entries[0].last, entries[0].first));
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn any_vni() -> impl Strategy<Value = Option<Vni>> {
    proptest::option::of(0..1_u32 << 24).prop_map(|number| number.and_then(Vni::new))
}

prop_compose! {
    fn any_remote()(
        address in proptest::option::of(any_address()),
        port in any::<Option<u16>>(),
        vni in any_vni(),
        via in any::<Option<u32>>(),
    ) -> Remote {
        Remote { address, port, vni, via }
    }
}

prop_compose! {
    fn any_entry()(
        link in any::<u32>(),
        mac in any::<[u8; 6]>(),
        vlan in any::<Option<u16>>(),
        source_vni in any_vni(),
        remote in any_remote(),
        nexthop_group in any::<Option<u32>>(),
        bits in any::<(u16, u8, u32)>(),
        protocol in any::<Option<u8>>(),
        activity in any::<Option<(Option<u8>, bool)>>(),
    ) -> Entry {
        Entry {
            vlan,
            source_vni,
            remote,
            nexthop_group,
            state: State::from_bits_retain(bits.0),
            flags: Flags::from_bits_retain(bits.1),
            extended_flags: ExtendedFlags::from_bits_retain(bits.2),
            protocol,
            activity: activity.map(|(notify, keep_times)| Activity { notify, keep_times }),
            ..Entry::new(link, Mac(mac))
        }
    }
}

prop_compose! {
    fn any_settings()(
        id in any_vni(),
        addresses in any::<(Option<[u8; 4]>, Option<[u8; 16]>)>(),
        numbers in any::<(Option<u32>, Option<u8>, Option<u8>, Option<u32>, Option<u32>)>(),
        ports in any::<(Option<u16>, Option<(u16, u16)>)>(),
        flags in any::<[Option<bool>; 12]>(),
        set in any::<[bool; 4]>(),
        newer in any::<(Option<u8>, Option<u32>, Option<u32>, Option<u64>)>(),
    ) -> Settings {
        Settings {
            id,
            group: addresses.0.map(IpAddr::from),
            local: addresses.1.map(IpAddr::from),
            link: numbers.0,
            ttl: numbers.1,
            tos: numbers.2,
            ageing: numbers.3,
            limit: numbers.4,
            port: ports.0,
            source_ports: ports.1,
            ttl_inherit: set[3].then_some(true),
            dont_fragment: newer.0.map(DontFragment),
            flow_label: newer.1,
            flow_label_policy: newer.2,
            reserved_bits: newer.3,
            learning: flags[0],
            proxy: flags[1],
            short_circuit: flags[2],
            notify_missing_entries: flags[3],
            notify_missing_neighbours: flags[4],
            udp_checksum: flags[5],
            udp_zero_checksum6_tx: flags[6],
            udp_zero_checksum6_rx: flags[7],
            remote_checksum_tx: flags[8],
            remote_checksum_rx: flags[9],
            external: flags[10],
            vni_filter: flags[11],
            local_bypass: flags[0],
            multicast_route: flags[1],
            remote_checksum_no_partial: set[0],
            gbp: set[1],
            gpe: set[2],
        }
    }
}

proptest! {
    #[test]
    fn entries_come_back(entry in any_entry()) {
        let again = super::entry(put_entry(&entry, 0).payload());
        prop_assert_eq!(again.ok().flatten(), Some(entry));
    }

    #[test]
    fn neighbours_come_back(
        address in any_address(), mac in any::<Option<[u8; 6]>>(), state: u16, protocol: Option<u8>)
    {
        let mut neighbour = Neighbour::permanent(3, address, Mac::ZERO);
        neighbour.mac = mac.map(Mac);
        neighbour.state = State::from_bits_retain(state);
        neighbour.protocol = protocol;
        let message = neighbour_message(&neighbour, RTM_NEWNEIGH, 0);
        prop_assert_eq!(super::neighbour(message.payload()).ok().flatten(), Some(neighbour));
    }

    #[test]
    fn settings_come_back(settings in any_settings()) {
        let name = Some("vx0".to_owned());
        let mac = Some(Mac([2, 0, 0, 0, 0, 1]));
        let config = LinkConfig {
            name, mac, mtu: Some(1450), settings: settings.clone(), ..LinkConfig::default()
        };
        let again = link::link(link::put_link(None, &config).payload());
        let again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again.vxlan, Some(settings));
        prop_assert_eq!((again.name.as_str(), again.mac, again.mtu), ("vx0", mac, Some(1450)));
    }

    #[test]
    fn vnis_come_back(
        range in any::<(u16, u16)>(), remote in proptest::option::of(any_address()))
    {
        let vni = |number: u16| Vni::new(number.into()).unwrap_or_default();
        let entry = VniEntry { remote, ..VniEntry::new(3, vni(range.0), vni(range.1)) };
        let again = vni::entries(vni::put(&entry, RTM_NEWTUNNEL).payload());
        prop_assert_eq!(again.ok(), Some(vec![entry]));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (entry(&bytes), neighbour(&bytes), link::link(&bytes), vni::entries(&bytes));
        let _ = (multicast::entries(&bytes), nexthop::nexthop(&bytes));
        let _ = multicast::router_ports(&bytes);
    }

    #[test]
    fn routers_are_ports_with_a_kind_and_a_time(port: u32, timer: Option<u32>, kind: Option<u8>) {
        let mut rest = Message::new(0, 0);
        rest.header(&port.to_ne_bytes());
        if let Some(timer) = timer {
            rest.put_u32(MDBA_ROUTER_PATTR_TIMER, timer);
        }
        if let Some(kind) = kind {
            rest.put_u8(MDBA_ROUTER_PATTR_TYPE, kind);
        }
        let mut shown = Message::new(RTM_NEWMDB, 0);
        shown.header(&[7, 0, 0, 0, 3, 0, 0, 0]);
        shown.nest(MDBA_ROUTER, |routers| {
            routers.put(MDBA_ROUTER_PORT, rest.payload());
        });
        let temporary = kind.is_some_and(|kind| kind == 1 || kind == 3);
        let router = RouterPort { link: 3, port, timer, temporary };
        prop_assert_eq!(multicast::router_ports(shown.payload()).ok(), Some(vec![router]));
        prop_assert_eq!(multicast::entries(shown.payload()).ok(), Some(Vec::new()));
    }

    #[test]
    fn groups_have_the_kernels_shape(
        group in any_address(), remote in any_remote(), source_vni in any_vni())
    {
        let mut entry = MulticastEntry::to(3, group, [0, 0, 0, 0].into());
        entry.remote = remote;
        entry.source_vni = source_vni;
        // The kernel shows the same structure, with the attributes behind it under other numbers.
        let request = multicast::put(&entry, RTM_NEWMDB, 0);
        let fixed = request.attributes().next().map(|fixed| fixed.value.to_vec());
        let mut shown = Message::new(RTM_NEWMDB, 0);
        shown.header(&[7, 0, 0, 0, 3, 0, 0, 0]);
        shown.nest(MDBA_MDB, |database| {
            database.nest(MDBA_MDB_ENTRY, |entries| {
                let mut bytes = fixed.unwrap_or_default();
                let mut rest = Message::new(0, 0);
                if let Some(address) = remote.address {
                    put_address(&mut rest, MDBA_MDB_EATTR_DST, address);
                }
                if let Some(port) = remote.port {
                    rest.put_u16(MDBA_MDB_EATTR_DST_PORT, port);
                }
                if let Some(vni) = remote.vni {
                    rest.put_u32(MDBA_MDB_EATTR_VNI, vni.get());
                }
                if let Some(via) = remote.via {
                    rest.put_u32(MDBA_MDB_EATTR_IFINDEX, via);
                }
                if let Some(vni) = source_vni {
                    rest.put_u32(MDBA_MDB_EATTR_SRC_VNI, vni.get());
                }
                bytes.extend_from_slice(rest.payload());
                entries.put(MDBA_MDB_ENTRY_INFO, &bytes);
            });
        });
        prop_assert_eq!(multicast::entries(shown.payload()).ok(), Some(vec![entry]));
    }
}
