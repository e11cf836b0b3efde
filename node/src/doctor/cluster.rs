//! Nodes side by side: who owns which address, and which overlay devices there are.

use std::collections::HashMap;
use std::net::IpAddr;

use vxlan::{Entry, Mac, Neighbour, Settings, State, Vni};

use crate::{Link, Network, Route, RouteKind, Router, Snapshot};

/// All nodes that are examined together.
pub(super) struct Cluster<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// The node with an address, by its place in `nodes`; virtual addresses, which several nodes
    /// have, are not in it.
    owners: HashMap<IpAddr, usize>,
}

/// A node, and what of it is asked for again and again.
pub(super) struct Node<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) router: Router<'a>,
    pub(super) vteps: Vec<Vtep<'a>>,
    /// Its place in the cluster.
    place: usize,
}

/// A VXLAN device with what is written for it.
pub(super) struct Vtep<'a> {
    pub(super) link: &'a Link,
    pub(super) settings: &'a Settings,
    pub(super) entries: Vec<&'a Entry>,
    pub(super) neighbours: Vec<&'a Neighbour>,
    /// Routes over it to a gateway, and the gateway.
    pub(super) routes: Vec<(&'a Route, IpAddr)>,
}

impl<'a> Cluster<'a> {
    pub(super) fn of(snapshots: &'a [Snapshot]) -> Self {
        let mut owners: HashMap<IpAddr, Option<usize>> = HashMap::new();
        for (place, snapshot) in snapshots.iter().enumerate() {
            for address in &snapshot.network.addresses {
                // Loopback and link-local addresses are everybody's too.
                let owner = owners.entry(address.address).or_insert(Some(place));
                if *owner != Some(place) {
                    *owner = None;
                }
            }
        }
        let owners = owners.into_iter().filter_map(|(at, node)| Some((at, node?))).collect();
        let node = |(place, snapshot): (usize, &'a Snapshot)| Node {
            snapshot,
            router: Router::new(&snapshot.network),
            vteps: vteps(snapshot),
            place,
        };
        Self { nodes: snapshots.iter().enumerate().map(node).collect(), owners }
    }

    /// The only node that has this address.
    pub(super) fn owner(&self, address: IpAddr) -> Option<&Node<'a>> {
        self.owners.get(&address).map(|place| &self.nodes[*place])
    }

    /// Every node but one.
    pub(super) fn others(&self, node: &Node<'_>) -> impl Iterator<Item = &Node<'a>> {
        let place = node.place;
        self.nodes.iter().filter(move |other| other.place != place)
    }

    /// Whether there is anybody to compare with.
    pub(super) fn is_single(&self) -> bool {
        self.nodes.len() < 2
    }
}

impl<'a> Node<'a> {
    pub(super) fn network(&self) -> &'a Network {
        &self.snapshot.network
    }

    pub(super) fn name(&self) -> &'a str {
        &self.snapshot.name
    }

    /// The overlay device with this address.
    pub(super) fn vtep_with(&self, address: IpAddr) -> Option<&Vtep<'a>> {
        let owner = self.network().address(address)?.link;
        self.vteps.iter().find(|vtep| vtep.link.index() == owner)
    }
}

impl<'a> Vtep<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.link.name()
    }

    pub(super) fn vni(&self) -> Option<Vni> {
        self.settings.id
    }

    /// Whether its packets are steered from outside (as Cilium's and Antrea's are), so that entries
    /// say nothing.
    pub(super) fn is_external(&self) -> bool {
        self.settings.external == Some(true)
    }

    /// Whether frames without an entry of their own go somewhere.
    pub(super) fn has_default_entry(&self) -> bool {
        self.settings.group.is_some() || self.entries.iter().any(|entry| entry.mac.is_zero())
    }

    /// The entry of this very address.
    pub(super) fn entry(&self, mac: Mac) -> Option<&'a Entry> {
        self.entries.iter().copied().find(|entry| entry.mac == mac)
    }

    pub(super) fn neighbour(&self, address: IpAddr) -> Option<&'a Neighbour> {
        self.neighbours.iter().copied().find(|neighbour| neighbour.address == address)
    }

    /// Neighbours that a control plane wrote.
    pub(super) fn written_neighbours(&self) -> impl Iterator<Item = &'a Neighbour> {
        self.neighbours.iter().copied().filter(|one| one.state.contains(State::PERMANENT))
    }
}

fn vteps(snapshot: &Snapshot) -> Vec<Vtep<'_>> {
    let network = &snapshot.network;
    let links = network.links.iter();
    links.filter_map(|link| Some(vtep(network, link, link.base.vxlan.as_ref()?))).collect()
}

fn vtep<'a>(network: &'a Network, link: &'a Link, settings: &'a Settings) -> Vtep<'a> {
    let index = link.index();
    let entries = network.entries.iter();
    let neighbours = network.neighbours.iter();
    Vtep {
        link,
        settings,
        entries: entries.filter(|entry| entry.link == index && entry.master.is_none()).collect(),
        neighbours: neighbours.filter(|neighbour| neighbour.link == index).collect(),
        routes: gatewayed(network, index),
    }
}

fn gatewayed(network: &Network, link: u32) -> Vec<(&Route, IpAddr)> {
    let unicast = network.routes.iter().filter(|route| route.kind == RouteKind::UNICAST);
    let hops = unicast.flat_map(|route| route.hops.iter().map(move |hop| (route, hop)));
    let ours = hops.filter(|(_, hop)| hop.link == Some(link));
    ours.filter_map(|(route, hop)| Some((route, hop.gateway?))).collect()
}
