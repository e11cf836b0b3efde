//! Services with their destinations: whole, or the columns of a plain listing.

use std::io::BufRead;

use crate::{
    DestinationEntry, DestinationSummary, PlainService, PlainTable, Service, ServiceEntry,
    ServiceKey,
};

/// A service with its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServiceTable {
    /// The service.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub service: ServiceEntry,
    /// Its destinations, in the kernel's order.
    pub destinations: Vec<DestinationEntry>,
}

/// A service with the plain columns of its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServiceOverview {
    /// The service.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub service: Service,
    /// Its destinations, in the kernel's order.
    pub destinations: Vec<DestinationSummary>,
}

/// Services with the plain columns of their destinations, in little memory: about ten bytes a
/// destination.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    rows: Vec<Row>,
    /// Services, for all but their identity. Neighbours that are alike share one.
    settings: Vec<Service>,
    /// Destinations as [`pack`] writes them, their number before those of each service.
    packed: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    key: ServiceKey,
    settings: u32,
    destinations: usize,
}

impl Overview {
    /// How many services there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The identity of each service, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = ServiceKey> + '_ {
        self.rows.iter().map(|row| row.key)
    }

    /// Sorts the services by identity; their order was the kernel's.
    pub fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|row| row.key);
    }

    /// A service by its place in the order.
    pub fn get(&self, index: usize) -> Option<ServiceOverview> {
        self.rows.get(index).map(|row| self.read(row))
    }

    /// The services, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ServiceOverview> + '_ {
        self.rows.iter().map(|row| self.read(row))
    }

    fn read(&self, row: &Row) -> ServiceOverview {
        let service = Service { key: row.key, ..self.settings[row.settings as usize].clone() };
        let mut packed = &self.packed[row.destinations..];
        let count = pack::number(&mut packed);
        let destinations = (0..count).map(|_| pack::destination(&mut packed)).collect();
        ServiceOverview { service, destinations }
    }

    fn push(&mut self, service: Service, destinations: &[DestinationSummary]) {
        let key = service.key;
        let known = self.settings.last().is_some_and(|last| {
            let Service { key: _, scheduler, flags, timeout, netmask, persistence_engine } = last;
            (scheduler, flags, timeout) == (&service.scheduler, &service.flags, &service.timeout)
                && (netmask, persistence_engine) == (&service.netmask, &service.persistence_engine)
        });
        if !known {
            self.settings.push(service);
        }
        let settings = self.settings.len() as u32 - 1;
        let destinations = self.pack(destinations);
        self.rows.push(Row { key, settings, destinations });
    }

    /// Keeps destinations, and answers where.
    fn pack(&mut self, destinations: &[DestinationSummary]) -> usize {
        let start = self.packed.len();
        pack::push_number(&mut self.packed, destinations.len() as u32);
        for destination in destinations {
            pack::push_destination(&mut self.packed, destination);
        }
        start
    }

    pub(crate) fn key(&self, index: usize) -> ServiceKey {
        self.rows[index].key
    }

    /// Gives a service other destinations.
    pub(crate) fn complete(&mut self, index: usize, destinations: &[DestinationSummary]) {
        self.rows[index].destinations = self.pack(destinations);
    }
}

/// So that there can be one without a kernel.
impl FromIterator<ServiceOverview> for Overview {
    fn from_iter<I: IntoIterator<Item = ServiceOverview>>(services: I) -> Self {
        let mut overview = Self::default();
        for ServiceOverview { service, destinations } in services {
            overview.push(service, &destinations);
        }
        overview
    }
}

/// Joins a dump of services with the plain table, whose rows are in the same order as long as
/// nobody changes the table. Before Linux 7.1 the plain table lacks rows while other namespaces have
/// services too: those are missing. Where the plain table has a row that the dump has not, or
/// cannot be read to its end, all are.
#[derive(Debug)]
pub(crate) struct Join<R> {
    overview: Overview,
    plain: Option<PlainTable<R>>,
    /// The row of the plain table that no service of the dump was joined with yet.
    pending: Option<PlainService>,
    /// Whether the plain table is there, and could be read so far.
    readable: bool,
    /// Indices of the services whose destinations are missing.
    missing: Vec<usize>,
}

impl<R: BufRead> Join<R> {
    /// Nothing of a dump yet.
    pub(crate) fn new(plain: Option<PlainTable<R>>) -> Self {
        let readable = plain.is_some();
        let (overview, missing) = Default::default();
        let mut join = Self { overview, plain, pending: None, readable, missing };
        join.advance();
        join
    }

    fn advance(&mut self) {
        self.pending = match self.plain.as_mut().and_then(Iterator::next) {
            Some(Ok(row)) => Some(row),
            Some(Err(_)) => {
                self.readable = false;
                None
            }
            None => None,
        };
    }

    /// The next service of the dump.
    pub(crate) fn service(&mut self, service: Service) {
        if let Some(row) = self.pending.take_if(|row| row.key.matches(&service.key)) {
            self.overview.push(service, &row.destinations);
            self.advance();
        } else {
            self.missing.push(self.overview.len());
            self.overview.push(service, &[]);
        }
    }

    /// What was joined, and which services of it have no destinations yet.
    pub(crate) fn finish(mut self) -> (Overview, Vec<usize>) {
        if !self.readable || self.pending.is_some() {
            self.missing = (0..self.overview.len()).collect();
        }
        (self.overview, self.missing)
    }
}

/// Destinations as few bytes.
mod pack {
    use std::net::{IpAddr, SocketAddr};

    use crate::{DestinationSummary, ForwardingMethod};

    /// Appends a number, seven bits a byte, the lowest first.
    pub(super) fn push_number(packed: &mut Vec<u8>, mut number: u32) {
        while number >= 0x80 {
            packed.push(number as u8 | 0x80);
            number >>= 7;
        }
        packed.push(number as u8);
    }

    /// Takes a number.
    pub(super) fn number(packed: &mut &[u8]) -> u32 {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let [byte] = bytes(packed);
            number |= u32::from(byte & 0x7f) << shift;
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

    pub(super) fn push_destination(packed: &mut Vec<u8>, destination: &DestinationSummary) {
        let DestinationSummary { address, method, weight, .. } = *destination;
        match address.ip() {
            IpAddr::V4(ip) => {
                packed.push(4);
                packed.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                packed.push(6);
                packed.extend_from_slice(&ip.octets());
            }
        }
        packed.extend_from_slice(&address.port().to_ne_bytes());
        let DestinationSummary { active_connections, inactive_connections, .. } = *destination;
        for number in [method.0, weight, active_connections, inactive_connections] {
            push_number(packed, number);
        }
    }

    pub(super) fn destination(packed: &mut &[u8]) -> DestinationSummary {
        let ip = match bytes(packed) {
            [4] => IpAddr::from(bytes::<4>(packed)),
            _ => IpAddr::from(bytes::<16>(packed)),
        };
        DestinationSummary {
            address: SocketAddr::new(ip, u16::from_ne_bytes(bytes(packed))),
            method: ForwardingMethod(number(packed)),
            weight: number(packed),
            active_connections: number(packed),
            inactive_connections: number(packed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ForwardingMethod;

    fn destination() -> impl Strategy<Value = DestinationSummary> {
        let numbers = (any::<u32>(), any::<u32>(), 0..3_u32);
        (any::<std::net::IpAddr>(), any::<u16>(), 0..5_u32, numbers).prop_map(
            |(ip, port, method, (weight, active_connections, inactive_connections))| {
                DestinationSummary {
                    address: (ip, port).into(),
                    method: ForwardingMethod(method),
                    weight,
                    active_connections,
                    inactive_connections,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            tables in prop::collection::vec(
                (1..u32::MAX, 0..3_u32, prop::collection::vec(destination(), 0..12)), 0..8),
        ) {
            let services: Vec<_> = tables.into_iter().map(|(mark, timeout, destinations)| {
                let key = ServiceKey::mark(mark, crate::Family::Ipv4);
                let service = Service { timeout, ..Service::new(key, "rr") };
                ServiceOverview { service, destinations }
            }).collect();
            let mut overview: Overview = services.iter().cloned().collect();
            prop_assert!(overview.iter().eq(services.iter().cloned()));
            prop_assert_eq!(overview.get(0), services.first().cloned());
            prop_assert!(overview.settings.len() <= services.len());
            overview.sort();
            let keys: Vec<_> = overview.keys().collect();
            prop_assert!(keys.is_sorted());
            for row in overview.iter() {
                prop_assert!(services.contains(&row));
            }
        }
    }

    #[test]
    fn ten_bytes_a_destination() {
        let row = DestinationSummary {
            address: "10.244.3.32:80".parse().expect("an address"),
            method: ForwardingMethod::MASQUERADE,
            weight: 1,
            active_connections: 0,
            inactive_connections: 127,
        };
        let service = Service::new("tcp://10.0.0.1:80".parse().expect("a key"), "rr");
        let table = vec![ServiceOverview { service, destinations: vec![row; 10] }; 10];
        let overview: Overview = table.into_iter().collect();
        assert_eq!(overview.packed.len(), 10 * (1 + 10 * 11));
        assert_eq!(overview.settings.len(), 1);
    }
}
