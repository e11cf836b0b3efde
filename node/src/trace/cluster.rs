//! The snapshots of a trace, with what it asks for indexed.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipvs::{Family, ServiceKey, ServiceTable};
use vxlan::{Entry, Mac, Neighbour, Settings};

use crate::netfilter::Firewall;
use crate::{Link, Network, Pod, Router, Snapshot};

/// Where a packet is: a node, and one of its pods or the node's own network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) node: usize,
    pub(super) pod: Option<usize>,
}

impl Place {
    pub(super) const fn node(node: usize) -> Self {
        Self { node, pod: None }
    }
}

/// All nodes.
pub(super) struct Cluster<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    owners: HashMap<IpAddr, Vec<Place>>,
}

/// A node.
pub(super) struct Node<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) host: Host<'a>,
    pub(super) pods: Vec<(&'a Pod, Host<'a>)>,
    services: HashMap<ServiceKey, &'a ServiceTable>,
    /// Rules of IPv4 and IPv6, read when a packet meets them.
    firewalls: [OnceCell<Firewall>; 2],
    /// Addresses of services, which several nodes have.
    virtual_addresses: HashSet<IpAddr>,
}

/// A network namespace.
pub(super) struct Host<'a> {
    pub(super) network: &'a Network,
    pub(super) router: Router<'a>,
    links: HashMap<u32, &'a Link>,
    neighbours: HashMap<(u32, IpAddr), &'a Neighbour>,
    /// Entries of devices' own tables.
    own: HashMap<(u32, Mac), Vec<&'a Entry>>,
    /// Entries of bridges' tables.
    bridged: HashMap<(u32, Mac), &'a Entry>,
}

impl<'a> Host<'a> {
    fn new(network: &'a Network, kernel: &str) -> Self {
        let mut own: HashMap<_, Vec<&Entry>> = HashMap::new();
        let mut bridged = HashMap::new();
        for entry in &network.entries {
            match entry.master {
                Some(bridge) => _ = bridged.insert((bridge, entry.mac), entry),
                None => own.entry((entry.link, entry.mac)).or_default().push(entry),
            }
        }
        let neighbours = network.neighbours.iter();
        Self {
            network,
            router: Router::new(network).for_kernel(kernel),
            links: network.links.iter().map(|link| (link.index(), link)).collect(),
            neighbours: neighbours.map(|row| ((row.link, row.address), row)).collect(),
            own,
            bridged,
        }
    }

    pub(super) fn link(&self, index: u32) -> Option<&'a Link> {
        self.links.get(&index).copied()
    }

    pub(super) fn neighbour(&self, link: u32, address: IpAddr) -> Option<&'a Neighbour> {
        self.neighbours.get(&(link, address)).copied()
    }

    /// Entries that a device sends frames for the address by: its own, else those for all.
    pub(super) fn entries(&self, link: u32, mac: Mac) -> &[&'a Entry] {
        let of = |mac| self.own.get(&(link, mac)).map(Vec::as_slice);
        of(mac).or_else(|| of(Mac::ZERO)).unwrap_or_default()
    }

    pub(super) fn bridged(&self, bridge: u32, mac: Mac) -> Option<&'a Entry> {
        self.bridged.get(&(bridge, mac)).copied()
    }

    /// VXLAN devices with their settings.
    pub(super) fn vteps(&self) -> impl Iterator<Item = (&'a Link, &'a Settings)> + use<'a> {
        let links = self.network.links.iter();
        links.filter_map(|link| Some((link, link.base.vxlan.as_ref()?)))
    }

    /// The link that has the address.
    pub(super) fn link_with(&self, address: IpAddr) -> Option<&'a Link> {
        self.link(self.network.address(address)?.link)
    }

    /// The loopback device.
    pub(super) fn loopback(&self) -> Option<u32> {
        self.network.links.iter().find(|link| link.is_loopback()).map(Link::index)
    }

    /// Whether the address of a neighbour on the link is known. Groups of hosts, which a device greets when
    /// it comes up, are no neighbours.
    pub(super) fn knows_peers_on(&self, link: u32) -> bool {
        self.neighbours
            .iter()
            .any(|((of, address), row)| *of == link && row.mac.is_some() && !address.is_multicast())
    }
}

impl<'a> Node<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let pods = snapshot.pods.get().map(Vec::as_slice).unwrap_or_default();
        let services = snapshot.balancer.get().map(|read| read.services.as_slice());
        let services: HashMap<_, _> = services
            .unwrap_or_default()
            .iter()
            .map(|table| (table.service.service.key, table))
            .collect();
        let addresses = services.keys().filter_map(ServiceKey::address).map(|address| address.ip());
        Self {
            snapshot,
            host: Host::new(&snapshot.network, &snapshot.kernel),
            pods: pods.iter().map(|pod| (pod, Host::new(&pod.network, &snapshot.kernel))).collect(),
            virtual_addresses: addresses.collect(),
            services,
            firewalls: [OnceCell::new(), OnceCell::new()],
        }
    }

    /// The rules for packets of the address's family.
    pub(super) fn firewall(&self, address: IpAddr) -> &Firewall {
        let family = Family::of(address);
        let read = || Firewall::new(&self.snapshot.netfilter, family);
        self.firewalls[usize::from(family == Family::Ipv6)].get_or_init(read)
    }

    pub(super) fn name(&self) -> &'a str {
        &self.snapshot.name
    }

    pub(super) fn service(&self, key: &ServiceKey) -> Option<&'a ServiceTable> {
        self.services.get(key).copied()
    }

    /// Identities of its services.
    pub(super) fn service_keys(&self) -> impl Iterator<Item = ServiceKey> + use<'a> {
        let services = self.snapshot.balancer.get().map(|read| read.services.as_slice());
        services.unwrap_or_default().iter().map(|table| table.service.service.key)
    }

    pub(super) fn has_marked_services(&self) -> bool {
        self.service_keys().any(|key| key.address().is_none())
    }

    /// Whether a service has the address.
    pub(super) fn serves(&self, address: IpAddr) -> bool {
        self.virtual_addresses.contains(&address)
    }
}

impl<'a> Cluster<'a> {
    pub(super) fn new(snapshots: &'a [Snapshot]) -> Self {
        let nodes: Vec<_> = snapshots.iter().map(Node::new).collect();
        let mut owners: HashMap<_, Vec<Place>> = HashMap::new();
        let is_virtual = |address| nodes.iter().any(|node: &Node<'_>| node.serves(address));
        for (index, node) in nodes.iter().enumerate() {
            let mut add = |network: &Network, place: Place| {
                for address in network.addresses.iter().map(|entry| entry.address) {
                    if !address.is_loopback() && !is_link_local(address) && !is_virtual(address) {
                        owners.entry(address).or_default().push(place);
                    }
                }
            };
            add(&node.snapshot.network, Place::node(index));
            for (pod, (row, _)) in node.pods.iter().enumerate() {
                add(&row.network, Place { node: index, pod: Some(pod) });
            }
        }
        Self { nodes, owners }
    }

    /// Who has the address, services' addresses apart; of several nodes the first.
    pub(super) fn owner(&self, address: IpAddr) -> Option<Place> {
        self.owners.get(&address)?.first().copied()
    }

    pub(super) fn host(&self, place: Place) -> &Host<'a> {
        let node = &self.nodes[place.node];
        match place.pod {
            Some(pod) => &node.pods[pod].1,
            None => &node.host,
        }
    }

    /// The pod's name, if the place is a pod.
    pub(super) fn pod_name(&self, place: Place) -> Option<&'a str> {
        let (pod, _) = self.nodes[place.node].pods.get(place.pod?)?;
        Some(&pod.name)
    }

    /// Whether a service of a node has the address.
    pub(super) fn serves(&self, address: IpAddr) -> bool {
        self.nodes.iter().any(|node| node.serves(address))
    }

    /// Whether the address is on a link of some node that leads nowhere.
    pub(super) fn is_on_dummy(&self, address: IpAddr) -> bool {
        let links = self.nodes.iter().filter_map(|node| node.host.link_with(address));
        links.into_iter().any(|link| link.kind() == Some("dummy"))
    }

    /// The pod at the other end of a node's virtual wire.
    pub(super) fn pod_behind(&self, node: usize, link: &Link) -> Option<Place> {
        let (lower, namespace) = (link.lower?, link.base.link_namespace?);
        let pods = &self.nodes[node].pods;
        let pod = pods.iter().position(|(pod, host)| {
            pod.namespace == Some(namespace) && host.link(lower).is_some()
        })?;
        Some(Place { node, pod: Some(pod) })
    }

    /// The node's end of a pod's link.
    pub(super) fn wire_of(&self, place: Place, link: &Link) -> Option<&'a Link> {
        let node = &self.nodes[place.node];
        let namespace = node.pods.get(place.pod?)?.0.namespace;
        node.host.network.links.iter().find(|candidate| {
            candidate.lower == Some(link.index())
                && candidate.base.link_namespace.is_some()
                && candidate.base.link_namespace == namespace
        })
    }
}

/// Whether an address means something on its link only.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
