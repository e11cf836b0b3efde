//! Bytes of real kernels, and what goes out comes back.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;
use rsadm_netlink::{Attributes, Message};

use super::*;

/// The captures of one kernel: services, destinations, daemons, timeouts, info.
macro_rules! golden {
    ($kernel:literal) => {
        [
            include_str!(concat!("../../tests/golden/", $kernel, "/netlink/services.hex")),
            include_str!(concat!("../../tests/golden/", $kernel, "/netlink/destinations.hex")),
            include_str!(concat!("../../tests/golden/", $kernel, "/netlink/daemons.hex")),
            include_str!(concat!("../../tests/golden/", $kernel, "/netlink/timeouts.hex")),
            include_str!(concat!("../../tests/golden/", $kernel, "/netlink/info.hex")),
        ]
    };
}

const KERNELS: [(&str, [&str; 5]); 3] =
    [("6.1", golden!("6.1")), ("6.12", golden!("6.12")), ("7.2", golden!("7.2"))];

/// The payloads of a capture: a generic netlink header and attributes each.
fn payloads(capture: &str) -> Vec<Vec<u8>> {
    let lines = capture.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| bytes(line).expect("hexadecimal")).collect()
}

fn bytes(line: &str) -> Option<Vec<u8>> {
    (0..line.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(line.get(start..start + 2)?, 16).ok())
        .collect()
}

fn attributes(payload: &[u8]) -> Attributes<'_> {
    Attributes::new(&payload[4..])
}

fn read_service(payload: &[u8]) -> ServiceEntry {
    let inner = nested(attributes(payload), IPVS_CMD_ATTR_SERVICE, "service").expect("a service");
    service(inner).expect("a service")
}

fn read_destination(payload: &[u8], family: Family) -> DestinationEntry {
    let inner = nested(attributes(payload), IPVS_CMD_ATTR_DEST, "destination").expect("one");
    destination(inner, family).expect("a destination")
}

/// Attributes by type, the outer one of type `kind` taken off.
fn by_kind(outer: Attributes<'_>, kind: u16) -> BTreeMap<u16, Vec<u8>> {
    let inner = nested(outer, kind, "it").expect("it is there");
    inner.map(|attribute| (attribute.kind, attribute.value.to_vec())).collect()
}

/// The services that the capture's table was made of, by key.
fn expected_services() -> BTreeMap<ServiceKey, Service> {
    let key = |text: &str| text.parse::<ServiceKey>().expect("a key");
    let mut services: Vec<Service> = [
        "tcp://10.243.21.14:8880",
        "udp://10.243.0.10:53",
        "sctp://10.243.0.10:36412",
        "tcp://[2001:db8::1]:443",
        "fwmark://7",
        "fwmark6://4294967295",
        "fwmark://3000000000",
    ]
    .into_iter()
    .map(|text| Service::new(key(text), "rr"))
    .collect();
    let mut service = Service::new(key("tcp://10.243.21.14:81"), "wlc").persistent(600);
    service.netmask = Netmask::V4([255, 255, 255, 0].into());
    services.push(service.clone());
    service.key = key("tcp://[2001:db8::1]:81");
    service.netmask = Netmask::V6(48);
    services.push(service);
    let mut service = Service::new(key("udp://10.243.21.14:5060"), "sh").persistent(60);
    service.flags |= ServiceFlags::ONE_PACKET;
    service.flags |= ServiceFlags::SCHEDULER_1 | ServiceFlags::SCHEDULER_2;
    services.push(service.clone());
    service.key = key("udp://10.243.21.14:5061");
    service.persistence_engine = Some("sip".to_owned());
    services.push(service);
    services.into_iter().map(|service| (service.key, service)).collect()
}

#[test]
fn services_of_real_kernels_are_read() {
    for (kernel, [services, ..]) in KERNELS {
        let read: BTreeMap<_, _> = payloads(services)
            .iter()
            .map(|payload| read_service(payload).service)
            .map(|service| (service.key, service))
            .collect();
        assert_eq!(read, expected_services(), "Linux {kernel}");
    }
}

#[test]
fn what_we_write_of_a_service_is_what_the_kernel_writes() {
    for (kernel, [services, ..]) in KERNELS {
        for payload in payloads(services) {
            let entry = read_service(&payload);
            let mut message = Message::new(0, 0);
            put_service(&mut message, &entry.service, ServiceFlags::all());
            let mut theirs = by_kind(attributes(&payload), IPVS_CMD_ATTR_SERVICE);
            let ours = by_kind(message.attributes(), IPVS_CMD_ATTR_SERVICE);
            // The kernel pads IPv4 addresses, shows a flag of its own, and a mask of all ones.
            if let Some(address) = theirs.get_mut(&IPVS_SVC_ATTR_ADDR) {
                if entry.service.key.family() == Family::Ipv4 {
                    address.truncate(4);
                }
            }
            if let Some(flags) = theirs.get_mut(&IPVS_SVC_ATTR_FLAGS) {
                let own = u32::from_ne_bytes([flags[0], flags[1], flags[2], flags[3]]);
                let own = own & !ServiceFlags::HASHED.bits();
                flags[..4].copy_from_slice(&own.to_ne_bytes());
            }
            for (kind, value) in ours {
                assert_eq!(Some(&value), theirs.get(&kind), "Linux {kernel}, attribute {kind}");
            }
        }
    }
}

#[test]
fn destinations_of_real_kernels_are_read() {
    for (kernel, [_, destinations, ..]) in KERNELS {
        let read: Vec<_> = payloads(destinations)
            .iter()
            .map(|payload| read_destination(payload, Family::Ipv4).destination)
            .collect();
        let find = |address: &str| {
            let address = address.parse().expect("an address");
            read.iter().find(|destination| destination.address == address).copied()
        };
        assert_eq!(read.len(), 9, "Linux {kernel}");
        let mut tunnel =
            Destination::new("10.244.3.4:80".parse().expect("one"), ForwardingMethod::TUNNEL);
        tunnel.tunnel =
            Tunnel { kind: TunnelKind::GUE, port: 6082, flags: TunnelFlags::REMOTE_CHECKSUM };
        assert_eq!(find("10.244.3.4:80"), Some(tunnel), "Linux {kernel}");
        let mut masquerade = Destination::new(
            "10.244.3.91:8080".parse().expect("one"),
            ForwardingMethod::MASQUERADE,
        );
        masquerade.weight = 2_147_483_647;
        masquerade.upper_threshold = 100;
        masquerade.lower_threshold = 50;
        assert_eq!(find("10.244.3.91:8080"), Some(masquerade), "Linux {kernel}");
        let other = find("[2001:db8::9]:80").map(|destination| destination.method);
        assert_eq!(other, Some(ForwardingMethod::TUNNEL), "another family, Linux {kernel}");
    }
}

/// Everything in one of those messages, read in the usual way and by the walk.
fn both_ways(payload: &[u8]) -> (Option<DestinationEntry>, Option<DestinationEntry>) {
    let Ok(inner) = nested(attributes(payload), IPVS_CMD_ATTR_DEST, "destination") else {
        return (None, None);
    };
    let mut walked = walked_destination(inner.clone(), Family::Ipv4).ok();
    let mut counters = inner.clone().filter(|found| found.kind == IPVS_DEST_ATTR_STATS64);
    if let (Some(entry), Some(counters)) = (&mut walked, counters.next()) {
        entry.statistics = walked_statistics(counters.attributes());
    }
    (usual::destination(inner.remainder()), walked)
}

#[test]
fn the_usual_destination_is_read_like_any_other() {
    for (kernel, [_, destinations, ..]) in KERNELS {
        for mut payload in payloads(destinations) {
            // Other numbers in every counter.
            let length = payload.len();
            payload[length - 160..].chunks_exact_mut(4).zip(1..).for_each(|(bytes, number)| {
                if bytes == [0; 4] {
                    bytes.copy_from_slice(&u32::to_ne_bytes(number));
                }
            });
            let (usual, walked) = both_ways(&payload);
            assert!(usual.is_some(), "Linux {kernel}");
            assert_eq!(usual, walked, "Linux {kernel}");
            let rates = walked.expect("a destination").statistics.rates;
            assert!(rates.connections != 0 && rates.outgoing_bytes != 0, "Linux {kernel}");
        }
    }
}

#[test]
fn another_layout_is_left_to_the_walk() {
    let mut message = Message::new(0, 0);
    put_destination(
        &mut message,
        &Destination::new("10.244.3.91:8080".parse().expect("an address"), ForwardingMethod::ROUTE),
    );
    let inner = nested(message.attributes(), IPVS_CMD_ATTR_DEST, "destination").expect("one");
    assert_eq!(usual::destination(inner.remainder()), None);
    assert!(destination(inner, Family::Ipv4).is_ok());
    let captured = payloads(KERNELS[1].1[1]).remove(0);
    for cut in (24..captured.len()).step_by(4) {
        let (usual, _) = both_ways(&captured[..cut]);
        assert_eq!(usual, None, "cut to {cut} bytes");
    }
}

#[test]
fn what_we_write_of_a_destination_is_what_the_kernel_writes() {
    for (kernel, [_, destinations, ..]) in KERNELS {
        for payload in payloads(destinations) {
            let entry = read_destination(&payload, Family::Ipv4);
            let mut message = Message::new(0, 0);
            put_destination(&mut message, &entry.destination);
            let mut theirs = by_kind(attributes(&payload), IPVS_CMD_ATTR_DEST);
            if entry.destination.address.is_ipv4() {
                theirs.entry(IPVS_DEST_ATTR_ADDR).and_modify(|address| address.truncate(4));
            }
            for (kind, value) in by_kind(message.attributes(), IPVS_CMD_ATTR_DEST) {
                assert_eq!(Some(&value), theirs.get(&kind), "Linux {kernel}, attribute {kind}");
            }
        }
    }
}

#[test]
fn settings_of_real_kernels_are_read() {
    for (kernel, [_, _, daemons, times, version]) in KERNELS {
        let read: Vec<_> = payloads(daemons)
            .iter()
            .map(|payload| {
                let inner = nested(attributes(payload), IPVS_CMD_ATTR_DAEMON, "daemon");
                daemon(inner.expect("a daemon")).expect("a daemon")
            })
            .collect();
        assert_eq!((read[0].role, read[0].port, read[0].ttl), (Role::Master, 8848, 1), "{kernel}");
        assert_eq!(read[0].group, Some("224.0.0.81".parse::<IpAddr>().expect("one")));
        assert_eq!((read[1].role, read[1].sync_id), (Role::Backup, 7), "{kernel}");
        assert_eq!((read[1].port, read[1].max_length), (9999, 1400), "{kernel}");
        let read: Vec<_> =
            payloads(times).iter().map(|payload| timeouts(attributes(payload))).collect();
        assert_eq!(read[0], Timeouts { tcp: 900, tcp_fin: 120, udp: 300 }, "{kernel}");
        assert_eq!(read[1], Timeouts { tcp: 7200, tcp_fin: 120, udp: 60 }, "{kernel}");
        let info = info(attributes(&payloads(version)[0]));
        assert_eq!(info.version.to_string(), "1.2.1", "{kernel}");
    }
}

/// A destination message without the attributes that came later.
#[test]
fn old_kernels_lack_attributes() {
    let mut message = Message::new(0, 0);
    message.put(IPVS_DEST_ATTR_ADDR, &[10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    message.put_be16(IPVS_DEST_ATTR_PORT, 80).put_u32(IPVS_DEST_ATTR_WEIGHT, 3);
    message.nest(IPVS_DEST_ATTR_STATS, |inner| {
        inner.put_u32(IPVS_STATS_ATTR_CONNS, 5).put_u64(IPVS_STATS_ATTR_INBYTES, 1 << 40);
        inner.put_u32(IPVS_STATS_ATTR_INBPS, 7);
    });
    let entry = destination(message.attributes(), Family::Ipv4).expect("a destination");
    assert_eq!(entry.destination.address.to_string(), "10.0.0.1:80");
    assert_eq!(entry.destination.tunnel, Tunnel::default());
    assert_eq!(entry.statistics.connections, 5);
    assert_eq!(entry.statistics.incoming_bytes, 1 << 40);
    assert_eq!(entry.statistics.rates.incoming_bytes, 7);
}

#[test]
fn the_wide_counters_win() {
    let mut message = Message::new(0, 0);
    message.put(IPVS_DEST_ATTR_ADDR, &[10, 0, 0, 1]);
    for (kind, value) in [(IPVS_DEST_ATTR_STATS, 1_u64), (IPVS_DEST_ATTR_STATS64, 1 << 33)] {
        message.nest(kind, |inner| {
            inner.put_u64(IPVS_STATS_ATTR_CONNS, value);
        });
    }
    let entry = destination(message.attributes(), Family::Ipv4).expect("a destination");
    assert_eq!(entry.statistics.connections, 1 << 33);
}

#[test]
fn what_tells_entries_apart_must_be_there() {
    let empty = Message::new(0, 0);
    assert!(service(empty.attributes()).is_err());
    assert!(destination(empty.attributes(), Family::Ipv4).is_err());
    assert!(daemon(empty.attributes()).is_err());
    assert!(nested(empty.attributes(), IPVS_CMD_ATTR_SERVICE, "service").is_err());
    let mut unknown = Message::new(0, 0);
    unknown.put_u16(IPVS_SVC_ATTR_AF, 99).put_u32(IPVS_SVC_ATTR_FWMARK, 1);
    assert!(service(unknown.attributes()).is_err(), "a family that no address type has");
}

proptest! {
    /// Whatever a byte becomes, the usual way reads what the walk reads, or nothing.
    #[test]
    fn the_usual_way_is_never_of_another_opinion(
        kernel in 0..KERNELS.len(), at in 4..330_usize, byte: u8,
    ) {
        let mut payload = payloads(KERNELS[kernel].1[1]).remove(0);
        payload[at] = byte;
        let (usual, walked) = both_ways(&payload);
        if usual.is_some() {
            prop_assert_eq!(usual, walked);
        }
    }
}

fn any_key() -> impl Strategy<Value = ServiceKey> {
    prop_oneof![
        (any::<u16>(), any::<IpAddr>(), any::<u16>()).prop_map(|(protocol, ip, port)| {
            ServiceKey::Address { protocol: Protocol(protocol), address: SocketAddr::new(ip, port) }
        }),
        (1_u32.., prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)])
            .prop_map(|(mark, family)| ServiceKey::mark(mark, family)),
    ]
}

fn any_service() -> impl Strategy<Value = Service> {
    let words = ("[a-z]{1,15}", proptest::option::of("[a-z]{1,16}"));
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>());
    (any_key(), words, numbers).prop_map(|(key, (scheduler, engine), (flags, timeout, mask))| {
        Service {
            key,
            scheduler,
            flags: ServiceFlags::from_bits_retain(flags) - ServiceFlags::HASHED,
            timeout,
            netmask: match key.family() {
                Family::Ipv4 => Netmask::V4(mask.into()),
                Family::Ipv6 => Netmask::V6(mask),
            },
            persistence_engine: engine,
        }
    })
}

fn any_destination() -> impl Strategy<Value = Destination> {
    let tunnel = (any::<u8>(), any::<u16>(), any::<u16>());
    let numbers = (0_u32..8, any::<u32>(), any::<u32>(), any::<u32>());
    (any::<IpAddr>(), any::<u16>(), tunnel, numbers).prop_map(
        |(ip, port, (kind, tunnel_port, flags), (method, weight, upper, lower))| Destination {
            address: SocketAddr::new(ip, port),
            method: ForwardingMethod(method),
            tunnel: Tunnel {
                kind: TunnelKind(kind),
                port: tunnel_port,
                flags: TunnelFlags::from_bits_retain(flags),
            },
            weight,
            upper_threshold: upper,
            lower_threshold: lower,
        },
    )
}

proptest! {
    #[test]
    fn a_service_goes_there_and_back(wanted in any_service()) {
        let mut message = Message::new(0, 0);
        put_service(&mut message, &wanted, ServiceFlags::all());
        let inner = nested(message.attributes(), IPVS_CMD_ATTR_SERVICE, "service")?;
        prop_assert_eq!(service(inner)?.service, wanted);
    }

    #[test]
    fn a_destination_goes_there_and_back(wanted in any_destination()) {
        let mut message = Message::new(0, 0);
        put_destination(&mut message, &wanted);
        let inner = nested(message.attributes(), IPVS_CMD_ATTR_DEST, "destination")?;
        prop_assert_eq!(destination(inner, Family::Ipv4)?.destination, wanted);
    }

    #[test]
    fn a_key_goes_there_and_back_as_text(key in any_key()) {
        prop_assert_eq!(key.to_string().parse::<ServiceKey>(), Ok(key));
    }

    /// Any change of real bytes is read or refused, never a panic.
    #[test]
    fn damaged_messages_do_not_panic(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        value in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut all = Vec::new();
        for capture in KERNELS[1].1 {
            all.extend(payloads(capture));
        }
        let mut payload = which.get(&all).clone();
        let place = place.index(payload.len());
        payload[place] = value;
        payload.truncate(cut.index(payload.len() + 1));
        read_anything(&payload);
    }

    #[test]
    fn any_bytes_do_not_panic(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_anything(&payload);
    }
}

fn read_anything(payload: &[u8]) {
    let outer = Attributes::new(payload.get(4..).unwrap_or_default());
    for attribute in outer.clone() {
        let _ = service(attribute.attributes());
        let _ = destination(attribute.attributes(), Family::Ipv6);
        let _ = daemon(attribute.attributes());
    }
    let _ = (timeouts(outer.clone()), info(outer));
}
