//! Values as few bytes. A page that is touched for the first time costs more than to pack what
//! would have filled it.

use std::net::{IpAddr, SocketAddr};

use crate::{
    Destination, DestinationEntry, DestinationSummary, Family, ForwardingMethod, Protocol, Rates,
    ServiceKey, Statistics, Tunnel, TunnelFlags, TunnelKind,
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

/// The numbers of a row, of which the first so many are often those of the row before it, and the
/// others often 0.
struct Common<const N: usize> {
    usual: [u64; N],
    kept: usize,
}

impl<const N: usize> Common<N> {
    /// What the first row is compared with: weight 1, and [`ForwardingMethod::MASQUERADE`] is 0.
    fn new(kept: usize) -> Self {
        let mut usual = [0; N];
        usual[WEIGHT] = 1;
        Self { usual, kept }
    }

    /// Appends a row: which numbers are unusual, the address, and those numbers.
    fn push(&mut self, packed: &mut Vec<u8>, ip: IpAddr, numbers: [u64; N]) {
        let unusual = |index: usize| numbers[index] != self.usual[index];
        let bits = (0..N).rev().fold(0, |bits, index| bits << 1 | u64::from(unusual(index)));
        push_number(packed, bits << 1 | u64::from(ip.is_ipv6()));
        push_address(packed, ip);
        for index in (0..N).filter(|&index| unusual(index)) {
            push_number(packed, numbers[index]);
        }
        self.usual[..self.kept].copy_from_slice(&numbers[..self.kept]);
    }

    /// Takes a row.
    fn take(&mut self, packed: &mut &[u8]) -> (IpAddr, [u64; N]) {
        let bits = number(packed);
        let ip = address(packed, if bits & 1 == 0 { Family::Ipv4 } else { Family::Ipv6 });
        let mut numbers = self.usual;
        for (index, value) in numbers.iter_mut().enumerate() {
            if bits >> (index + 1) & 1 != 0 {
                *value = number(packed);
            }
        }
        self.usual[..self.kept].copy_from_slice(&numbers[..self.kept]);
        (ip, numbers)
    }
}

/// The place of the weight among the numbers of a row.
const WEIGHT: usize = 2;

/// Appends the plain columns of destinations, their number first.
pub(crate) fn push_summaries(packed: &mut Vec<u8>, destinations: &[DestinationSummary]) {
    push_number(packed, destinations.len() as u64);
    let mut common = Common::<5>::new(3);
    for destination in destinations {
        let DestinationSummary { address, method, weight, .. } = *destination;
        let DestinationSummary { active_connections, inactive_connections, .. } = *destination;
        let numbers = [method.0, weight, active_connections, inactive_connections].map(u64::from);
        let [method, weight, active, inactive] = numbers;
        let row = [address.port().into(), method, weight, active, inactive];
        common.push(packed, address.ip(), row);
    }
}

/// Takes the plain columns of destinations.
pub(crate) fn summaries(packed: &mut &[u8]) -> Vec<DestinationSummary> {
    let count = number(packed);
    let mut common = Common::<5>::new(3);
    let mut summary = |_| {
        let (ip, [port, method, weight, active, inactive]) = common.take(packed);
        DestinationSummary {
            address: SocketAddr::new(ip, port as u16),
            method: ForwardingMethod(method as u32),
            weight: weight as u32,
            active_connections: active as u32,
            inactive_connections: inactive as u32,
        }
    };
    (0..count).map(&mut summary).collect()
}

/// Appends destinations, their number first.
pub(crate) fn push_destinations(packed: &mut Vec<u8>, destinations: &[DestinationEntry]) {
    push_number(packed, destinations.len() as u64);
    let mut common = Common::<11>::new(8);
    for entry in destinations {
        let Destination { address, method, tunnel, weight, .. } = entry.destination;
        let row = [
            address.port().into(),
            method.0.into(),
            weight.into(),
            entry.destination.upper_threshold.into(),
            entry.destination.lower_threshold.into(),
            tunnel.kind.0.into(),
            tunnel.port.into(),
            tunnel.flags.bits().into(),
            entry.active_connections.into(),
            entry.inactive_connections.into(),
            entry.persistent_connections.into(),
        ];
        common.push(packed, address.ip(), row);
        push_statistics(packed, &entry.statistics);
    }
}

/// Takes destinations.
pub(crate) fn destinations(packed: &mut &[u8]) -> Vec<DestinationEntry> {
    let count = number(packed);
    let mut common = Common::<11>::new(8);
    let mut destination = |_| {
        let (ip, row) = common.take(packed);
        let [port, method, weight, upper, lower, kind, tunnel_port, flags, ..] = row;
        let [.., active, inactive, persistent] = row;
        let destination = Destination {
            address: SocketAddr::new(ip, port as u16),
            method: ForwardingMethod(method as u32),
            tunnel: Tunnel {
                kind: TunnelKind(kind as u8),
                port: tunnel_port as u16,
                flags: TunnelFlags::from_bits_retain(flags as u16),
            },
            weight: weight as u32,
            upper_threshold: upper as u32,
            lower_threshold: lower as u32,
        };
        DestinationEntry {
            destination,
            active_connections: active as u32,
            inactive_connections: inactive as u32,
            persistent_connections: persistent as u32,
            statistics: statistics(packed),
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

    fn any_statistics() -> impl Strategy<Value = Statistics> {
        prop::array::uniform10(prop_oneof![Just(0), any::<u64>()]).prop_map(|values| {
            let mut statistics = Statistics::default();
            for (counter, value) in counters(&mut statistics).into_iter().zip(values) {
                *counter = value;
            }
            statistics
        })
    }

    fn any_destination() -> impl Strategy<Value = DestinationEntry> {
        let number = || prop_oneof![0..3_u32, any::<u32>()];
        let tunnel = (0..4_u8, prop_oneof![Just(0), any::<u16>()], any::<u16>());
        let tunnel = tunnel.prop_map(|(kind, port, flags)| Tunnel {
            kind: TunnelKind(kind),
            port,
            flags: TunnelFlags::from_bits_retain(flags),
        });
        let destination = (any_address(), 0..5_u32, tunnel, number(), number(), number());
        let connections = (number(), number(), number());
        (destination, connections, any_statistics()).prop_map(
            |(
                (address, method, tunnel, weight, upper, lower),
                (active, inactive, persistent),
                statistics,
            )| {
                let destination = Destination {
                    tunnel,
                    weight,
                    upper_threshold: upper,
                    lower_threshold: lower,
                    ..Destination::new(address, ForwardingMethod(method))
                };
                DestinationEntry {
                    destination,
                    active_connections: active,
                    inactive_connections: inactive,
                    persistent_connections: persistent,
                    statistics,
                }
            },
        )
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
        fn counters_come_back(sent in any_statistics()) {
            let mut packed = Vec::new();
            push_statistics(&mut packed, &sent);
            prop_assert_eq!(statistics(&mut &packed[..]), sent);
        }

        #[test]
        fn destinations_come_back(sent in prop::collection::vec(any_destination(), 0..12)) {
            let mut packed = Vec::new();
            push_destinations(&mut packed, &sent);
            let mut rest = &packed[..];
            prop_assert_eq!(destinations(&mut rest), sent);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn summaries_come_back(
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
            push_summaries(&mut packed, &sent);
            let mut rest = &packed[..];
            prop_assert_eq!(summaries(&mut rest), sent);
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
        push_summaries(&mut packed, &[row; 10]);
        assert_eq!(packed.len(), 1 + 1 + 10 * 5);
        let entry = DestinationEntry {
            destination: Destination::new(row.address, row.method),
            active_connections: 0,
            inactive_connections: 0,
            persistent_connections: 0,
            statistics: Statistics::default(),
        };
        packed.clear();
        push_destinations(&mut packed, &[entry; 10]);
        assert_eq!(packed.len(), 1 + 1 + 10 * 6);
    }

    #[test]
    fn a_scope_is_not_part_of_a_key() {
        let address = SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 80, 0, 7);
        let packed = packed_key(&ServiceKey::tcp(address.into()));
        let plain = ServiceKey::tcp("[::1]:80".parse().expect("an address"));
        assert_eq!(key(&mut &packed[..]), plain);
    }
}
