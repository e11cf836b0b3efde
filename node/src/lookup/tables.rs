//! Routing tables, by prefix.

use std::collections::HashMap;
use std::net::IpAddr;

use ipvs::Family;

use crate::{Prefix, Route, Table};

/// The routes of one table and family: a lookup costs one look for each length of a prefix in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes<'a> {
    /// Lengths of the prefixes, the longest first.
    lengths: Vec<u8>,
    /// Routes in the kernel's order.
    by_prefix: HashMap<(u8, u128), Vec<&'a Route>>,
}

/// All tables of a family.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables<'a> {
    by_number: HashMap<Table, Routes<'a>>,
}

impl<'a> Tables<'a> {
    /// Sorts the routes of a family. With `merged` the tables `local` and `main` are one.
    pub(super) fn new(routes: &'a [Route], family: Family, merged: bool) -> Self {
        let mut tables = Self::default();
        for route in routes.iter().filter(|route| family_of(route.destination.address()) == family)
        {
            let table =
                if merged && route.table == Table::LOCAL { Table::MAIN } else { route.table };
            tables.by_number.entry(table).or_default().insert(route);
        }
        for table in tables.by_number.values_mut() {
            table.sort(family);
        }
        tables
    }

    pub(super) fn get(&self, table: Table) -> Option<&Routes<'a>> {
        self.by_number.get(&table)
    }
}

impl<'a> Routes<'a> {
    fn insert(&mut self, route: &'a Route) {
        let length = route.destination.length();
        let key = (length, masked(route.destination.address(), length));
        self.by_prefix.entry(key).or_default().push(route);
    }

    /// The kernel lists routes in the order in which it looks at them, so that routes which are
    /// alike stay as they are.
    fn sort(&mut self, family: Family) {
        self.lengths = self.by_prefix.keys().map(|(length, _)| *length).collect();
        self.lengths.sort_unstable_by(|one, other| other.cmp(one));
        self.lengths.dedup();
        for routes in self.by_prefix.values_mut() {
            match family {
                Family::Ipv4 => routes
                    .sort_by_key(|route| (!route.table.0, u8::MAX - route.tos, route.priority)),
                Family::Ipv6 => routes.sort_by_key(|route| route.priority),
            }
        }
    }

    /// Routes to the networks that the address is in, the longest first; with the address of the
    /// network as a number.
    pub(super) fn to(&self, address: IpAddr) -> impl Iterator<Item = (u128, &[&'a Route])> {
        self.lengths.iter().filter_map(move |length| {
            let key = masked(address, *length);
            Some((key, &**self.by_prefix.get(&(*length, key))?))
        })
    }

    /// How many routes there are to everywhere.
    pub(super) fn defaults(&self) -> usize {
        self.by_prefix.get(&(0, 0)).map_or(0, Vec::len)
    }
}

pub(super) const fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::Ipv4,
        IpAddr::V6(_) => Family::Ipv6,
    }
}

/// The first bits of an address as a number.
fn masked(address: IpAddr, length: u8) -> u128 {
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let host = width - u32::from(length);
    let kept = bits.checked_shr(host).unwrap_or(0);
    kept.checked_shl(host).unwrap_or(0)
}

/// Whether the optional prefix matches; without one everything does.
pub(super) fn within(prefix: Option<Prefix>, address: IpAddr) -> bool {
    prefix.is_none_or(|prefix| prefix.contains(address))
}
