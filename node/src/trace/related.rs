//! Whether snapshots belong together.

use std::collections::HashSet;
use std::net::IpAddr;

use super::{Error, Result};
use crate::{Prefix, Snapshot};

/// Refuses snapshots of one node twice, and of nodes that have nothing to do with each other.
pub(super) fn check(snapshots: &[Snapshot]) -> Result<()> {
    let [first, rest @ ..] = snapshots else { return Err(Error::NoSnapshot) };
    let mut names = HashSet::new();
    if let Some(twice) = snapshots.iter().find(|snapshot| !names.insert(&snapshot.name)) {
        return Err(Error::SameNode(twice.name.clone()));
    }
    let ties: Vec<_> = snapshots.iter().map(Ties::of).collect();
    for (index, snapshot) in rest.iter().enumerate() {
        let others = ties.iter().enumerate().filter(|(other, _)| *other != index + 1);
        if !others.into_iter().any(|(_, other)| other.meets(&ties[index + 1])) {
            return Err(Error::Unrelated(first.name.clone(), snapshot.name.clone()));
        }
    }
    Ok(())
}

/// What ties a node to others.
struct Ties {
    own: HashSet<IpAddr>,
    /// Addresses of others that it knows.
    known: HashSet<IpAddr>,
    /// Networks that it is on.
    networks: HashSet<Prefix>,
}

impl Ties {
    fn of(snapshot: &Snapshot) -> Self {
        let network = &snapshot.network;
        let own = network.addresses.iter().filter(|row| !row.address.is_loopback());
        let known = network.neighbours.iter().map(|row| row.address);
        let remotes = network.entries.iter().filter_map(|entry| entry.remote.address);
        let gateways = network.routes.iter().flat_map(|route| &route.hops);
        let gateways = gateways.filter_map(|hop| hop.gateway);
        let networks =
            own.clone().filter_map(super::super::address::Address::network).map(|row| row.masked());
        Self {
            own: own.map(|row| row.address).collect(),
            known: known.chain(remotes).chain(gateways).collect(),
            networks: networks.filter(|row| !row.is_host() && !is_link_local(row)).collect(),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        !self.known.is_disjoint(&other.own)
            || !other.known.is_disjoint(&self.own)
            || !self.networks.is_disjoint(&other.networks)
    }
}

fn is_link_local(network: &Prefix) -> bool {
    match network.address() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
