//! Values as few bytes. A page that is touched for the first time costs more than to pack what
//! would have filled it.

use std::net::{IpAddr, SocketAddr};

use crate::{
    DestinationSummary, Family, ForwardingMethod, Protocol, Rates, ServiceKey, Statistics,
};

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn push_number(packed: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        packed.push(number as u8 | 0x80);
        number >>= 7;
    }
    packed.push(number as u8);
}

/// Takes a number.
pub(crate) fn number(packed: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = bytes(packed);
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn number32(packed: &mut &[u8]) -> u32 {
    number(packed) as u32
}

fn bytes<const N: usize>(packed: &mut &[u8]) -> [u8; N] {
    let (bytes, rest) = packed.split_first_chunk().expect("what was packed is unpacked");
    *packed = rest;
    *bytes
}

fn push_address(packed: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => packed.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => packed.extend_from_slice(&address.octets()),
    }
}

fn address(packed: &mut &[u8], family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => bytes::<4>(packed).into(),
        Family::Ipv6 => bytes::<16>(packed).into(),
    }
}

// What a key begins with, in the order of keys. A mark of 0 is none that the kernel has.
const MARK_0_IPV4: u8 = 3;
const ADDRESS_IPV4: u8 = 4;
const MARK_0_IPV6: u8 = 5;
const ADDRESS_IPV6: u8 = 6;
const MARK: u8 = 7;

/// The most bytes of a key.
pub(crate) const LONGEST_KEY: usize = 1 + 2 + 16 + 2;

/// Appends a key. Packed keys compare as the keys do, byte by byte, and none begins another.
pub(crate) fn push_key(packed: &mut Vec<u8>, key: &ServiceKey) {
    match *key {
        ServiceKey::Address { protocol, address } => {
            packed.push(if address.is_ipv4() { ADDRESS_IPV4 } else { ADDRESS_IPV6 });
            packed.extend_from_slice(&protocol.0.to_be_bytes());
            push_address(packed, address.ip());
            packed.extend_from_slice(&address.port().to_be_bytes());
        }
        ServiceKey::Mark { mark: 0, family: Family::Ipv4 } => packed.push(MARK_0_IPV4),
        ServiceKey::Mark { mark: 0, family: Family::Ipv6 } => packed.push(MARK_0_IPV6),
        ServiceKey::Mark { mark, family } => {
            packed.push(MARK);
            packed.extend_from_slice(&mark.to_be_bytes());
            packed.push(family as u8);
        }
    }
}

/// Takes a key.
pub(crate) fn key(packed: &mut &[u8]) -> ServiceKey {
    let of_address = |packed: &mut &[u8], family| {
        let protocol = Protocol(u16::from_be_bytes(bytes(packed)));
        let ip = address(packed, family);
        let address = SocketAddr::new(ip, u16::from_be_bytes(bytes(packed)));
        ServiceKey::Address { protocol, address }
    };
    match bytes(packed) {
        [ADDRESS_IPV4] => of_address(packed, Family::Ipv4),
        [ADDRESS_IPV6] => of_address(packed, Family::Ipv6),
        [MARK_0_IPV4] => ServiceKey::mark(0, Family::Ipv4),
        [MARK_0_IPV6] => ServiceKey::mark(0, Family::Ipv6),
        _ => {
            let mark = u32::from_be_bytes(bytes(packed));
            let [family] = bytes(packed);
            let ipv4 = family == Family::Ipv4 as u8;
            ServiceKey::mark(mark, if ipv4 { Family::Ipv4 } else { Family::Ipv6 })
        }
    }
}

/// Appends counters: which are not 0, and those.
pub(crate) fn push_statistics(packed: &mut Vec<u8>, statistics: &Statistics) {
    let mut statistics = *statistics;
    let counters = counters(&mut statistics).map(|counter| *counter);
    let present =
        counters.iter().rev().fold(0, |bits, &counter| bits << 1 | u64::from(counter != 0));
    push_number(packed, present);
    for counter in counters.into_iter().filter(|&counter| counter != 0) {
        push_number(packed, counter);
    }
}

/// Takes counters.
pub(crate) fn statistics(packed: &mut &[u8]) -> Statistics {
    let mut statistics = Statistics::default();
    let present = number(packed);
    for (index, counter) in counters(&mut statistics).into_iter().enumerate() {
        if present >> index & 1 != 0 {
            *counter = number(packed);
        }
    }
    statistics
}

fn counters(statistics: &mut Statistics) -> [&mut u64; 10] {
    let Statistics {
        connections,
        incoming_packets,
        outgoing_packets,
        incoming_bytes,
        outgoing_bytes,
        rates,
    } = statistics;
    let Rates {
        connections: cps,
        incoming_packets: inpps,
        outgoing_packets: outpps,
        incoming_bytes: inbps,
        outgoing_bytes: outbps,
    } = rates;
    [
        connections,
        incoming_packets,
        outgoing_packets,
        incoming_bytes,
        outgoing_bytes,
        cps,
        inpps,
        outpps,
        inbps,
        outbps,
    ]
}

// What is special about a destination.
const IPV6: u8 = 1;
const ANOTHER_PORT: u8 = 2;
const ANOTHER_METHOD: u8 = 4;
const ANOTHER_WEIGHT: u8 = 8;
const ACTIVE: u8 = 16;
const INACTIVE: u8 = 32;

/// What a destination has in common with the one before it.
#[derive(Clone, Copy)]
struct Common {
    port: u16,
    method: ForwardingMethod,
    weight: u32,
}

/// What the first destination is compared with.
const COMMON: Common = Common { port: 0, method: ForwardingMethod::MASQUERADE, weight: 1 };

/// Appends destinations, their number first.
pub(crate) fn push_destinations(packed: &mut Vec<u8>, destinations: &[DestinationSummary]) {
    push_number(packed, destinations.len() as u64);
    let mut common = COMMON;
    for destination in destinations {
        let DestinationSummary { address, method, weight, .. } = *destination;
        let DestinationSummary { active_connections, inactive_connections, .. } = *destination;
        let port = address.port();
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        packed.push(
            flag(address.is_ipv6(), IPV6)
                | flag(port != common.port, ANOTHER_PORT)
                | flag(method != common.method, ANOTHER_METHOD)
                | flag(weight != common.weight, ANOTHER_WEIGHT)
                | flag(active_connections != 0, ACTIVE)
                | flag(inactive_connections != 0, INACTIVE),
        );
        push_address(packed, address.ip());
        for (is_written, number) in [
            (port != common.port, port.into()),
            (method != common.method, method.0),
            (weight != common.weight, weight),
            (active_connections != 0, active_connections),
            (inactive_connections != 0, inactive_connections),
        ] {
            if is_written {
                push_number(packed, number.into());
            }
        }
        common = Common { port, method, weight };
    }
}

/// Takes destinations.
pub(crate) fn destinations(packed: &mut &[u8]) -> Vec<DestinationSummary> {
    let count = number(packed);
    let mut common = COMMON;
    let mut destination = |_| {
        let [flags] = bytes(packed);
        let has = |flag| flags & flag != 0;
        let ip = address(packed, if has(IPV6) { Family::Ipv6 } else { Family::Ipv4 });
        if has(ANOTHER_PORT) {
            common.port = number(packed) as u16;
        }
        if has(ANOTHER_METHOD) {
            common.method = ForwardingMethod(number32(packed));
        }
        if has(ANOTHER_WEIGHT) {
            common.weight = number32(packed);
        }
        DestinationSummary {
            address: SocketAddr::new(ip, common.port),
            method: common.method,
            weight: common.weight,
            active_connections: if has(ACTIVE) { number32(packed) } else { 0 },
            inactive_connections: if has(INACTIVE) { number32(packed) } else { 0 },
        }
    };
    (0..count).map(&mut destination).collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use proptest::prelude::*;

    use super::*;

    fn any_address() -> impl Strategy<Value = SocketAddr> {
        let ip = prop_oneof![any::<IpAddr>(), (0..3_u8).prop_map(|last| [10, 0, 0, last].into())];
        (ip, prop_oneof![any::<u16>(), Just(80)]).prop_map(SocketAddr::from)
    }

    fn any_key() -> impl Strategy<Value = ServiceKey> {
        let mark = prop_oneof![any::<u32>(), 0..3_u32];
        let family = prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)];
        prop_oneof![
            (mark, family).prop_map(|(mark, family)| ServiceKey::mark(mark, family)),
            (any_address(), prop_oneof![any::<u16>(), Just(6)]).prop_map(|(address, protocol)| {
                ServiceKey::Address { protocol: Protocol(protocol), address }
            }),
        ]
    }

    fn packed_key(key: &ServiceKey) -> Vec<u8> {
        let mut packed = Vec::new();
        push_key(&mut packed, key);
        packed
    }

    proptest! {
        #[test]
        fn keys_come_back_and_compare_as_their_bytes(one in any_key(), other in any_key()) {
            let (first, second) = (packed_key(&one), packed_key(&other));
            prop_assert_eq!(key(&mut &first[..]), one);
            prop_assert!(first.len() <= LONGEST_KEY);
            prop_assert_eq!(first.cmp(&second), one.cmp(&other));
            prop_assert!(one == other || !first.starts_with(&second));
        }

        #[test]
        fn numbers_come_back(number: u64) {
            let mut packed = Vec::new();
            push_number(&mut packed, number);
            prop_assert_eq!(super::number(&mut &packed[..]), number);
        }

        #[test]
        fn counters_come_back(values in prop::array::uniform10(prop_oneof![Just(0), any::<u64>()])) {
            let mut sent = Statistics::default();
            for (counter, value) in counters(&mut sent).into_iter().zip(values) {
                *counter = value;
            }
            let mut packed = Vec::new();
            push_statistics(&mut packed, &sent);
            prop_assert_eq!(statistics(&mut &packed[..]), sent);
        }

        #[test]
        fn destinations_come_back(
            rows in prop::collection::vec((any_address(), 0..5_u32, 0..3_u32, 0..3_u32, any::<u32>()), 0..12)
        ) {
            let sent: Vec<_> = rows
                .into_iter()
                .map(|(address, method, weight, active_connections, inactive_connections)| {
                    let method = ForwardingMethod(method);
                    DestinationSummary {
                        address, method, weight, active_connections, inactive_connections,
                    }
                })
                .collect();
            let mut packed = Vec::new();
            push_destinations(&mut packed, &sent);
            let mut rest = &packed[..];
            prop_assert_eq!(destinations(&mut rest), sent);
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn idle_services_and_their_usual_destinations_take_few_bytes() {
        let key = ServiceKey::tcp("10.0.0.1:80".parse().expect("an address"));
        assert_eq!(packed_key(&key).len(), 9);
        let mut packed = Vec::new();
        push_statistics(&mut packed, &Statistics::default());
        assert_eq!(packed.len(), 1);
        let row = DestinationSummary {
            address: "10.244.3.32:80".parse().expect("an address"),
            method: ForwardingMethod::MASQUERADE,
            weight: 1,
            active_connections: 0,
            inactive_connections: 0,
        };
        packed.clear();
        push_destinations(&mut packed, &[row; 10]);
        assert_eq!(packed.len(), 1 + 1 + 10 * 5);
    }

    #[test]
    fn a_scope_is_not_part_of_a_key() {
        let address = SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 80, 0, 7);
        let packed = packed_key(&ServiceKey::tcp(address.into()));
        let plain = ServiceKey::tcp("[::1]:80".parse().expect("an address"));
        assert_eq!(key(&mut &packed[..]), plain);
    }
}
