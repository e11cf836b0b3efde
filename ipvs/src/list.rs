//! A large table in little memory.

use crate::{DestinationEntry, Service, ServiceEntry, ServiceKey, Statistics, pack};

/// Services, each with something packed behind it, in an order that can be changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    /// Services, for all but their identity. Neighbours that are alike share one.
    settings: Vec<Service>,
    /// Records: a packed key, the index of the settings, and what was packed behind.
    packed: Vec<u8>,
    /// Where each record begins.
    places: Vec<usize>,
}

impl Records {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Appends a service and what `pack` appends to it.
    pub(crate) fn push(&mut self, service: Service, pack: impl FnOnce(&mut Vec<u8>)) {
        let place = self.append(service, pack);
        self.places.push(place);
    }

    /// Packs something else behind a service.
    pub(crate) fn replace(&mut self, index: usize, pack: impl FnOnce(&mut Vec<u8>)) {
        let (service, _) = self.read(self.places[index]);
        self.places[index] = self.append(service, pack);
    }

    fn append(&mut self, service: Service, pack: impl FnOnce(&mut Vec<u8>)) -> usize {
        let place = self.packed.len();
        pack::push_key(&mut self.packed, &service.key);
        let known = self.settings.last().is_some_and(|last| {
            let Service { key: _, scheduler, flags, timeout, netmask, persistence_engine } = last;
            (scheduler, flags, timeout) == (&service.scheduler, &service.flags, &service.timeout)
                && (netmask, persistence_engine) == (&service.netmask, &service.persistence_engine)
        });
        if !known {
            self.settings.push(service);
        }
        pack::push_number(&mut self.packed, self.settings.len() as u64 - 1);
        pack(&mut self.packed);
        place
    }

    /// A service, and what is packed behind it.
    fn read(&self, place: usize) -> (Service, &[u8]) {
        let mut rest = &self.packed[place..];
        let key = pack::key(&mut rest);
        let settings = &self.settings[pack::number(&mut rest) as usize];
        (Service { key, ..settings.clone() }, rest)
    }

    pub(crate) fn get(&self, index: usize) -> Option<(Service, &[u8])> {
        self.places.get(index).map(|&place| self.read(place))
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (Service, &[u8])> + '_ {
        self.places.iter().map(|&place| self.read(place))
    }

    pub(crate) fn key(&self, index: usize) -> ServiceKey {
        pack::key(&mut &self.packed[self.places[index]..])
    }

    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = ServiceKey> + '_ {
        (0..self.len()).map(|index| self.key(index))
    }

    /// Sorts by identity. What is behind the keys does not matter: no key begins another.
    pub(crate) fn sort(&mut self) {
        let packed = &self.packed;
        let key = |&place: &usize| {
            let rest = &packed[place..];
            rest.get(..pack::LONGEST_KEY).unwrap_or(rest)
        };
        self.places.sort_unstable_by(|one, other| key(one).cmp(key(other)));
    }

    /// Sorts by something of the identity and of what is packed behind.
    fn sort_by_key<K: Ord>(&mut self, mut by: impl FnMut(ServiceKey, &mut &[u8]) -> K) {
        let packed = &self.packed;
        self.places.sort_unstable_by_key(|&place| {
            let mut rest = &packed[place..];
            let key = pack::key(&mut rest);
            pack::number(&mut rest);
            by(key, &mut rest)
        });
    }
}

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

/// Services with their destinations, in little memory: some seven bytes for a destination that is
/// idle.
#[derive(Clone, Debug, Default)]
pub struct TableList(Records);

impl TableList {
    /// How many services there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The identity of each service, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = ServiceKey> + '_ {
        self.0.keys()
    }

    /// A service by its place in the order.
    pub fn get(&self, index: usize) -> Option<ServiceTable> {
        self.0.get(index).map(table)
    }

    /// The services, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ServiceTable> + '_ {
        self.0.iter().map(table)
    }

    /// Sorts the services by identity; their order was the kernel's.
    pub fn sort(&mut self) {
        self.0.sort();
    }

    /// Sorts the services by something of their identity and counters.
    pub fn sort_by_key<K: Ord>(&mut self, mut by: impl FnMut(ServiceKey, Statistics) -> K) {
        self.0.sort_by_key(|key, rest| by(key, pack::statistics(rest)));
    }

    /// Appends a service with its destinations.
    pub(crate) fn push(&mut self, service: ServiceEntry, destinations: &[DestinationEntry]) {
        let ServiceEntry { service, statistics } = service;
        self.0.push(service, |packed| {
            pack::push_statistics(packed, &statistics);
            pack::push_destinations(packed, destinations);
        });
    }
}

fn table((service, mut rest): (Service, &[u8])) -> ServiceTable {
    let service = ServiceEntry { service, statistics: pack::statistics(&mut rest) };
    ServiceTable { service, destinations: pack::destinations(&mut rest) }
}

/// So that there can be one without a kernel.
impl FromIterator<ServiceTable> for TableList {
    fn from_iter<I: IntoIterator<Item = ServiceTable>>(tables: I) -> Self {
        let mut list = Self::default();
        for ServiceTable { service, destinations } in tables {
            list.push(service, &destinations);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Destination, Family, ForwardingMethod};

    fn entry(mark: u32, timeout: u32, connections: u64) -> ServiceTable {
        let service =
            Service { timeout, ..Service::new(ServiceKey::mark(mark, Family::Ipv4), "rr") };
        let statistics = Statistics { connections, ..Statistics::default() };
        let address = ([10, 0, 0, 1], mark as u16).into();
        let destination = DestinationEntry {
            destination: Destination::new(address, ForwardingMethod::MASQUERADE),
            active_connections: mark,
            inactive_connections: 0,
            persistent_connections: timeout,
            statistics,
        };
        let destinations = vec![destination; connections as usize];
        ServiceTable { service: ServiceEntry { service, statistics }, destinations }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(
            rows in prop::collection::vec((1..50_u32, 0..3_u32, 0..4_u64), 0..12)
        ) {
            let entries: Vec<_> = rows
                .into_iter()
                .map(|(mark, timeout, connections)| entry(mark, timeout, connections))
                .collect();
            let mut list: TableList = entries.iter().cloned().collect();
            prop_assert!(list.iter().eq(entries.iter().cloned()));
            prop_assert_eq!(list.get(0), entries.first().cloned());
            prop_assert_eq!(list.get(entries.len()), None);
            prop_assert_eq!(list.is_empty(), entries.is_empty());
            list.sort();
            prop_assert!(list.keys().is_sorted());
            list.sort_by_key(|key, statistics| (statistics.connections, key));
            let order = |row: &ServiceTable| {
                (row.service.statistics.connections, row.service.service.key)
            };
            prop_assert!(list.iter().is_sorted_by_key(|row| order(&row)));
            for row in list.iter() {
                prop_assert!(entries.contains(&row));
            }
        }
    }

    #[test]
    fn services_that_are_alike_share_their_settings() {
        let list: TableList = (1..=100).map(|mark| entry(mark, 0, 0)).collect();
        assert_eq!(list.0.settings.len(), 1);
        assert_eq!(list.0.packed.len(), 100 * 9);
    }
}
