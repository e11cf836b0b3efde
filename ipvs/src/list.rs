//! Services of a large table in little memory.

use crate::{Service, ServiceEntry, ServiceKey, Statistics, pack};

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

/// Services with their counters, in little memory: some twelve bytes for one that is idle.
#[derive(Clone, Debug, Default)]
pub struct ServiceList(Records);

impl ServiceList {
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
    pub fn get(&self, index: usize) -> Option<ServiceEntry> {
        self.0.get(index).map(entry)
    }

    /// The services, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ServiceEntry> + '_ {
        self.0.iter().map(entry)
    }

    /// Sorts the services by identity; their order was the kernel's.
    pub fn sort(&mut self) {
        self.0.sort();
    }

    /// Sorts the services by something of their identity and counters.
    pub fn sort_by_key<K: Ord>(&mut self, mut by: impl FnMut(ServiceKey, Statistics) -> K) {
        self.0.sort_by_key(|key, rest| by(key, pack::statistics(rest)));
    }

    /// Appends a service.
    pub fn push(&mut self, entry: ServiceEntry) {
        let ServiceEntry { service, statistics } = entry;
        self.0.push(service, |packed| pack::push_statistics(packed, &statistics));
    }
}

fn entry((service, mut rest): (Service, &[u8])) -> ServiceEntry {
    ServiceEntry { service, statistics: pack::statistics(&mut rest) }
}

impl FromIterator<ServiceEntry> for ServiceList {
    fn from_iter<I: IntoIterator<Item = ServiceEntry>>(entries: I) -> Self {
        let mut list = Self::default();
        entries.into_iter().for_each(|entry| list.push(entry));
        list
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Family;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(
            rows in prop::collection::vec((1..50_u32, 0..3_u32, 0..4_u64), 0..12)
        ) {
            let entries: Vec<_> = rows.into_iter().map(|(mark, timeout, connections)| {
                let key = ServiceKey::mark(mark, Family::Ipv4);
                ServiceEntry {
                    service: Service { timeout, ..Service::new(key, "rr") },
                    statistics: Statistics { connections, ..Statistics::default() },
                }
            }).collect();
            let mut list: ServiceList = entries.iter().cloned().collect();
            prop_assert!(list.iter().eq(entries.iter().cloned()));
            prop_assert_eq!(list.get(0), entries.first().cloned());
            prop_assert_eq!(list.get(entries.len()), None);
            prop_assert_eq!(list.is_empty(), entries.is_empty());
            list.sort();
            prop_assert!(list.keys().is_sorted());
            list.sort_by_key(|key, statistics| (statistics.connections, key));
            let order = |entry: &ServiceEntry| (entry.statistics.connections, entry.service.key);
            prop_assert!(list.iter().is_sorted_by_key(|entry| order(&entry)));
            for entry in list.iter() {
                prop_assert!(entries.contains(&entry));
            }
        }
    }

    #[test]
    fn services_that_are_alike_share_their_settings() {
        let entry = |number: u32| {
            let key = ServiceKey::mark(number, Family::Ipv4);
            let statistics = Statistics::default();
            ServiceEntry { service: Service::new(key, "rr"), statistics }
        };
        let list: ServiceList = (1..=100).map(entry).collect();
        assert_eq!(list.0.settings.len(), 1);
        assert_eq!(list.0.packed.len(), 100 * 8);
    }
}
