use std::fmt::Write;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::Error;

const MIXED: &str = include_str!("../../tests/golden/7.2/mixed/ip_vs");

/// Every capture, of each kernel.
const CAPTURES: [&str; 6] = [
    MIXED,
    include_str!("../../tests/golden/7.2/unused/ip_vs"),
    include_str!("../../tests/golden/7.2/sync/ip_vs"),
    include_str!("../../tests/golden/6.12/mixed/ip_vs"),
    include_str!("../../tests/golden/6.12/unused/ip_vs"),
    include_str!("../../tests/golden/6.12/sync/ip_vs"),
];

const TITLES: &str = "IP Virtual Server version 1.2.1 (size=4096)\n\
    Prot LocalAddress:Port Scheduler Flags\n\
    \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";

fn table(text: &str) -> PlainTable<&[u8]> {
    PlainTable::from_reader(text.as_bytes()).unwrap()
}

fn read(text: &str) -> Vec<PlainService> {
    table(text).collect::<Result<_>>().unwrap()
}

fn write_address(text: &mut String, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(host) => write!(text, "{:08X}", host.to_bits()).unwrap(),
        IpAddr::V6(host) => {
            let groups = host.segments().map(|group| format!("{group:04x}"));
            write!(text, "[{}]", groups.join(":")).unwrap();
        }
    }
    write!(text, ":{:04X}", address.port()).unwrap();
}

/// A table as the kernel writes it, without the titles. The kernel puts one blank more behind the
/// scheduler of an IPv4 service.
fn write(services: &[PlainService]) -> String {
    let mut text = String::new();
    for service in services {
        let mut blank = "";
        match service.key {
            PlainKey::Address { protocol, address } => {
                let name = protocol.name().map_or(format!("IP_{}", protocol.0), str::to_uppercase);
                write!(text, "{name}  ").unwrap();
                write_address(&mut text, address);
                blank = if address.is_ipv4() { " " } else { "" };
            }
            PlainKey::Mark(mark) => write!(text, "FWM  {mark:08X}").unwrap(),
        }
        let ops = if service.one_packet == Some(true) { "ops " } else { "" };
        write!(text, " {} {ops}{blank}", service.scheduler).unwrap();
        if let Some(PlainPersistence { timeout_jiffies, raw_netmask }) = service.persistence {
            let timeout = signed(timeout_jiffies);
            write!(text, "persistent {timeout} {raw_netmask:08X}").unwrap();
        }
        text.push('\n');
        for destination in &service.destinations {
            write_destination(&mut text, destination);
        }
    }
    text
}

/// The number that `%d` prints.
fn signed(number: u32) -> i32 {
    i32::from_ne_bytes(number.to_ne_bytes())
}

fn write_destination(text: &mut String, destination: &DestinationSummary) {
    text.push_str("  -> ");
    write_address(text, destination.address);
    let method = ["Masq", "Local", "Tunnel", "Route", "Bypass"][destination.method.0 as usize];
    let [weight, active, inactive] =
        [destination.weight, destination.active_connections, destination.inactive_connections]
            .map(signed);
    writeln!(text, "      {method:<7} {weight:<6} {active:<10} {inactive:<10}").unwrap();
}

#[test]
fn captures_of_real_kernels_are_read_and_written_identically() {
    for capture in CAPTURES {
        let body = capture.split_inclusive('\n').skip(3).collect::<String>();
        assert_eq!(write(&read(capture)), body);
    }
}

#[test]
fn the_titles_tell_version_and_size() {
    let sizes = CAPTURES.map(|capture| {
        let table = table(capture);
        assert_eq!(table.version().to_string(), "1.2.1");
        table.connection_table_size()
    });
    assert_eq!(sizes, [512, 0, 512, 4096, 4096, 4096]);
}

fn find(services: &[PlainService], key: &str) -> PlainService {
    let key = key.parse().unwrap();
    let mut found = services.iter().filter(|service| service.key.matches(&key));
    let service = found.next().expect("is there").clone();
    assert_eq!(found.next(), None, "one has this key");
    service
}

#[test]
fn services_of_every_kind() {
    let services = read(MIXED);
    assert_eq!(services.len(), 15);
    assert_eq!(
        find(&services, "tcp://10.0.0.1:80"),
        PlainService {
            key: PlainKey::Address {
                protocol: Protocol::TCP,
                address: "10.0.0.1:80".parse().unwrap(),
            },
            scheduler: "rr".into(),
            one_packet: Some(false),
            persistence: None,
            destinations: vec![
                DestinationSummary {
                    address: "10.9.0.3:8080".parse().unwrap(),
                    method: ForwardingMethod::MASQUERADE,
                    weight: 65535,
                    active_connections: 1,
                    inactive_connections: 2,
                },
                DestinationSummary {
                    address: "10.9.0.2:8080".parse().unwrap(),
                    method: ForwardingMethod::MASQUERADE,
                    weight: 5,
                    active_connections: 1,
                    inactive_connections: 2,
                },
            ],
        }
    );
    let both = find(&services, "udp://10.0.0.1:5060");
    assert_eq!(both.one_packet, Some(true));
    assert!(both.persistence.is_some() && both.destinations.is_empty());
    let persistent = find(&services, "tcp://10.0.0.1:81").persistence.unwrap();
    assert_eq!(persistent.timeout_jiffies, 60_000);
    assert_eq!(persistent.netmask(Family::Ipv4), Netmask::V4(Ipv4Addr::new(255, 255, 255, 0)));
    let long = find(&services, "tcp://[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
    assert_eq!(long.persistence.unwrap().netmask(Family::Ipv6), Netmask::V6(48));
    assert_eq!(long.one_packet, None, "the kernel does not tell");
    assert_eq!(long.destinations[0].weight, 2_147_483_647);
    assert_eq!(long.destinations[0].method, ForwardingMethod::TUNNEL);
    let mixed = find(&services, "tcp://10.0.0.1:82");
    assert_eq!(mixed.destinations[2].address, "[2001:db8:9::2]:82".parse().unwrap());
    assert_eq!(find(&services, "sctp://10.0.0.1:90").destinations.len(), 1);
}

#[test]
fn a_mark_may_be_of_either_family() {
    let services = read(MIXED);
    let key = ServiceKey::mark(7, Family::Ipv6);
    let matching: Vec<_> =
        services.iter().filter(|service| service.key.matches(&key)).map(|s| s.key).collect();
    assert_eq!(matching, [PlainKey::Mark(7), PlainKey::Mark(7)]);
    assert_eq!(PlainKey::Mark(7).service_key(), None);
    let highest = find(&services, "fwmark://4294967295");
    assert_eq!((highest.one_packet, highest.persistence), (Some(true), None));
    for service in &services {
        if let Some(key) = service.key.service_key() {
            assert!(service.key.matches(&key));
        }
    }
}

#[test]
fn a_prefix_length_is_the_same_from_either_byte_order() {
    for raw_netmask in [48, 48 << 24] {
        let persistence = PlainPersistence { timeout_jiffies: 1, raw_netmask };
        assert_eq!(persistence.netmask(Family::Ipv6), Netmask::V6(48));
    }
}

#[test]
fn a_file_that_is_no_table_is_refused_at_once() {
    for (text, line) in [
        ("", 1),
        ("IP Virtual Server version 1.2.1 (size=4096)", 1),
        ("IP Virtual Server version 1.2 (size=4096)\n", 1),
        ("IP Virtual Server version 1.2.1.0 (size=4096)\n", 1),
        ("IP Virtual Server version 1.2.256 (size=4096)\n", 1),
        ("IP Virtual Server version 1.2.1 (size=-1)\n", 1),
        ("IP Virtual Server version 1.2.1 (size=4096)\n", 2),
        ("IP Virtual Server version 1.2.1 (size=4096)\nTCP\n", 2),
    ] {
        let error = PlainTable::from_reader(text.as_bytes()).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Line { line: at, .. } if at == line), "{text:?}: {error}");
    }
}

#[test]
fn after_a_bad_line_there_is_nothing_more() {
    let good = "TCP  0A000001:0050 rr  \n  -> 0A090003:1F90      Masq    1      0          0\n";
    for bad in [
        "",
        "TCP  0A000001:0050",
        "TCP  0A000001 rr",
        "TCP  0A000001:0050 rr persistent",
        "TCP  0A000001:0050 rr persistent 1",
        "FWM  100000000 rr",
        "  -> 0A090003:1F90      Masq    1      0",
        "  -> 0A090003:1F90      Magic   1      0          0",
        "  -> 0A090003           Masq    1      0          0",
    ] {
        let text = format!("{TITLES}{good}{bad}\n{good}");
        let read: Vec<_> = table(&text).collect();
        assert!(read.len() <= 2, "{bad}");
        let (last, before) = read.split_last().unwrap();
        let error = last.as_ref().unwrap_err();
        assert!(matches!(error, Error::Line { line: 6, .. }), "{bad}: {error}");
        assert!(before.iter().all(Result::is_ok));
    }
    let orphan = format!("{TITLES}  -> 0A090003:1F90      Masq    1      0          0\n");
    assert!(table(&orphan).next().unwrap().is_err());
}

#[test]
fn what_a_later_kernel_may_add_is_passed_over() {
    let text = format!(
        "{TITLES}TCP  0A000001:0050 rr flux 7 ops persistent 100 FFFFFFFF glow\n\
         \x20 -> 0A090003:1F90      Masq    1      2          3          4\n"
    );
    let [service] = &read(&text)[..] else { panic!("one service") };
    assert_eq!((service.one_packet, service.persistence.is_some()), (Some(true), true));
    assert_eq!(service.destinations[0].inactive_connections, 3);
}

#[test]
#[cfg(feature = "serde")]
fn services_are_read_back_from_json() {
    for service in read(MIXED) {
        let json = serde_json::to_string(&service).unwrap();
        assert_eq!(serde_json::from_str::<PlainService>(&json).unwrap(), service);
    }
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(address, port)| SocketAddr::new(address, port))
}

prop_compose! {
    fn destination()(
        address in address(),
        method in 0u32..5,
        numbers in any::<[u32; 3]>(),
    ) -> DestinationSummary {
        DestinationSummary {
            address,
            method: ForwardingMethod(method),
            weight: numbers[0],
            active_connections: numbers[1],
            inactive_connections: numbers[2],
        }
    }
}

prop_compose! {
    fn service()(
        key in prop_oneof![
            any::<u32>().prop_map(PlainKey::Mark),
            (any::<u16>(), address()).prop_map(|(protocol, address)| PlainKey::Address {
                protocol: Protocol(protocol),
                address,
            }),
        ],
        scheduler in "[a-z]{1,15}",
        one_packet in any::<bool>(),
        persistence in proptest::option::of((any::<u32>(), any::<u32>())),
        destinations in proptest::collection::vec(destination(), 0..5),
    ) -> PlainService {
        PlainService {
            key,
            scheduler: scheduler.into(),
            one_packet: match key {
                PlainKey::Address { address: SocketAddr::V6(_), .. } => None,
                _ => Some(one_packet),
            },
            persistence: persistence.map(|(timeout_jiffies, raw_netmask)| PlainPersistence {
                timeout_jiffies,
                raw_netmask,
            }),
            destinations,
        }
    }
}

proptest! {
    #[test]
    fn what_the_kernel_would_write_is_read_back(
        services in proptest::collection::vec(service(), 0..6),
    ) {
        prop_assert_eq!(read(&format!("{TITLES}{}", write(&services))), services);
    }

    #[test]
    fn a_prefix_gives_a_prefix_and_says_that_it_was_cut(
        which in 0..CAPTURES.len(),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = CAPTURES[which];
        let cut = cut.index(text.len());
        let Ok(table) = PlainTable::from_reader(&text.as_bytes()[..cut]) else {
            return Ok(());
        };
        let (services, errors): (Vec<_>, Vec<_>) = table.partition(Result::is_ok);
        prop_assert_eq!(errors.len(), usize::from(!text[..cut].ends_with('\n')));
        let services: Vec<_> = services.into_iter().map(Result::unwrap).collect();
        let whole = read(text);
        for (service, expected) in services.iter().zip(&whole) {
            prop_assert_eq!(service.key, expected.key);
            prop_assert!(expected.destinations.starts_with(&service.destinations));
        }
        if let [complete @ .., _] = &services[..] {
            prop_assert_eq!(complete, &whole[..complete.len()]);
        }
    }

    #[test]
    fn no_bytes_panic(
        which in 0..CAPTURES.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = CAPTURES[which].as_bytes().to_vec();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(table) = PlainTable::from_reader(&bytes[..]) {
            prop_assert!(table.count() <= bytes.len());
        }
    }
}
