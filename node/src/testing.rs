//! Nodes as values, for tests: a cluster of two on an overlay of flannel's, with a service whose
//! three pods are on both.
//!
//! ```text
//! n120  172.16.20.120                          n121  172.16.20.121
//!   kube-ipvs0  10.243.21.14  (the service)      kube-ipvs0  10.243.21.14
//!   cni0        10.244.5.1/24                    cni0        10.244.3.1/24
//!     pod 10.244.5.23                              pod 10.244.3.32
//!     pod 10.244.5.24                              pod 10.244.3.10  (the client)
//!   flannel.1   10.244.5.0/32  ---- VXLAN 1, UDP 8472 ----  flannel.1  10.244.3.0/32
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipvs::{
    Destination, DestinationEntry, Family, ForwardingMethod, Service, ServiceEntry, ServiceKey,
    ServiceTable, Statistics,
};
use vxlan::{Entry, LinkFlags, Mac, Neighbour, Settings, State, Vni};

use crate::{
    Address, AddressFlags, Balancer, Bridge, BridgePort, Hop, HopFlags, Link, Listener, Netfilter,
    Network, Part, Pod, Prefix, Route, RouteKind, Rule, Scope, Snapshot, Table, Tracking,
};

/// Index of the loopback device.
pub const LO: u32 = 1;
/// Index of the link to the other nodes, and of a pod's only link.
pub const ETH0: u32 = 2;
/// Index of the bridge.
pub const CNI0: u32 = 3;
/// Index of the overlay's device.
pub const FLANNEL: u32 = 4;
/// Index of the link with the service's address.
pub const KUBE_IPVS0: u32 = 5;
/// Index of the wire to the first pod; the others follow.
pub const WIRES: u32 = 10;

/// The service's address and port.
pub const SERVICE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 243, 21, 14)), 8880);

/// A node's part in the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Last part of its address.
    pub number: u8,
    /// Third part of its pods' addresses.
    pub subnet: u8,
    /// Ethernet address of its end of the overlay.
    pub overlay_mac: Mac,
    /// Last parts of its pods' addresses.
    pub pods: &'static [u8],
}

/// The two nodes.
pub const PLANS: [Plan; 2] = [
    Plan {
        number: 120,
        subnet: 5,
        overlay_mac: Mac([0x5e, 0x0a, 0x9c, 0x31, 0x44, 0x7b]),
        pods: &[23, 24],
    },
    Plan {
        number: 121,
        subnet: 3,
        overlay_mac: Mac([0xee, 0xd6, 0x38, 0x55, 0xd5, 0xc7]),
        pods: &[32, 10],
    },
];

/// kube-proxy's rules: who asks a service from outside the pods gets the node's address.
pub const RULES: &str = "\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
-A KUBE-SERVICES ! -s 10.244.0.0/16 -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ
COMMIT
";

/// The set that the rules match.
pub const SETS: &str = "\
create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536
add KUBE-CLUSTER-IP 10.243.21.14,tcp:8880
";

/// The healthy cluster.
pub fn cluster() -> [Snapshot; 2] {
    PLANS.map(|plan| node(plan, &PLANS))
}

/// A node of a cluster.
pub fn node(plan: Plan, plans: &[Plan]) -> Snapshot {
    let network = network(plan, plans);
    let pods = plan.pods.iter().zip(WIRES..).map(|(pod, wire)| self::pod(plan, *pod, wire));
    Snapshot {
        name: format!("n{}", plan.number),
        kernel: "6.12.0".to_owned(),
        taken_at: 1_790_000_000_000,
        network,
        pods: Part::Read(pods.collect()),
        balancer: Part::Read(balancer()),
        tracking: Part::Read(Tracking {
            sysctls: conntrack::Sysctls::from_values([
                ("nf_conntrack_count".to_owned(), "12".to_owned()),
                ("nf_conntrack_max".to_owned(), "262144".to_owned()),
            ]),
            filtered: false,
            statistics: Part::default(),
            flows: Part::Read(Vec::new()),
        }),
        netfilter: Netfilter {
            nftables: Part::Read(String::new()),
            iptables: Part::Read(RULES.to_owned()),
            ip6tables: Part::Read(String::new()),
            sets: Part::Read(SETS.to_owned()),
        },
        remarks: Vec::new(),
    }
}

/// `172.16.20.NUMBER`.
pub fn underlay(number: u8) -> IpAddr {
    Ipv4Addr::new(172, 16, 20, number).into()
}

/// `10.244.SUBNET.LAST`.
pub fn pod_address(subnet: u8, last: u8) -> IpAddr {
    Ipv4Addr::new(10, 244, subnet, last).into()
}

fn prefix(address: IpAddr, length: u8) -> Prefix {
    Prefix::new(address, length).unwrap_or_else(|| Prefix::host(address)).masked()
}

/// A link that is up.
pub fn link(index: u32, name: &str, kind: Option<&str>, mac: Mac) -> Link {
    let base = vxlan::Link {
        index,
        name: name.to_owned(),
        flags: LinkFlags::UP | LinkFlags::RUNNING | LinkFlags::LOWER_UP,
        mac: Some(mac),
        mtu: Some(1500),
        kind: kind.map(str::to_owned),
        ..vxlan::Link::default()
    };
    Link { base, carrier: Some(true), ..Link::default() }
}

/// Switches a link off.
pub fn switch_off(network: &mut Network, index: u32) {
    if let Some(link) = network.links.iter_mut().find(|link| link.index() == index) {
        link.base.flags = LinkFlags::empty();
        link.carrier = Some(false);
    }
    network.routes.retain(|route| route.table == Table::LOCAL || route.hops[0].link != Some(index));
    network.neighbours.retain(|row| row.link != index);
}

fn address(link: u32, address: IpAddr, prefix_length: u8) -> Address {
    let (scope, flags) = (Scope::UNIVERSE, AddressFlags::PERMANENT);
    Address { link, address, prefix_length, peer: None, scope, flags }
}

/// The route to an own address.
fn local(link: u32, own: IpAddr) -> Route {
    Route {
        table: Table::LOCAL,
        kind: RouteKind::LOCAL,
        scope: Scope::HOST,
        protocol: 2,
        preferred_source: Some(own),
        ..Route::via(Prefix::host(own), hop(link, None))
    }
}

/// The route to a link's own network.
fn connected(link: u32, own: IpAddr, length: u8) -> Route {
    let (scope, preferred_source) = (Scope::LINK, Some(own));
    Route {
        scope,
        protocol: 2,
        preferred_source,
        ..Route::via(prefix(own, length), hop(link, None))
    }
}

/// A way out.
pub fn hop(link: u32, gateway: Option<IpAddr>) -> Hop {
    Hop { link: Some(link), gateway, flags: HopFlags::empty(), weight: 1 }
}

fn underlay_mac(number: u8) -> Mac {
    Mac([0x52, 0x54, 0x00, 0x10, 0x14, number])
}

fn bridge_mac(subnet: u8) -> Mac {
    Mac([0x0a, 0x58, 10, 244, subnet, 1])
}

fn pod_mac(subnet: u8, last: u8) -> Mac {
    Mac([0x0a, 0x58, 10, 244, subnet, last])
}

fn network(plan: Plan, plans: &[Plan]) -> Network {
    let peers = plans.iter().filter(|peer| peer.number != plan.number);
    let (own, bridge) = (underlay(plan.number), pod_address(plan.subnet, 1));
    let (overlay, service) = (pod_address(plan.subnet, 0), SERVICE.ip());
    let mut network = Network {
        links: links(plan),
        addresses: vec![
            loopback(),
            address(ETH0, own, 24),
            address(CNI0, bridge, 24),
            address(FLANNEL, overlay, 32),
            address(KUBE_IPVS0, service, 32),
        ],
        routes: vec![
            loopback_route(),
            local(ETH0, own),
            local(CNI0, bridge),
            local(FLANNEL, overlay),
            local(KUBE_IPVS0, service),
            connected(ETH0, own, 24),
            connected(CNI0, bridge, 24),
        ],
        rules: first_rules(),
        listeners: Part::Read(Vec::new()),
        ..Network::default()
    };
    for peer in peers {
        let gateway = pod_address(peer.subnet, 0);
        let way = Hop { flags: HopFlags::ONLINK, ..hop(FLANNEL, Some(gateway)) };
        network.routes.push(Route::via(prefix(gateway, 24), way));
        network.neighbours.push(Neighbour::permanent(FLANNEL, gateway, peer.overlay_mac));
        let to = underlay(peer.number);
        network.entries.push(Entry::to(FLANNEL, peer.overlay_mac, to));
        let neighbour = Neighbour::permanent(ETH0, to, underlay_mac(peer.number));
        network.neighbours.push(Neighbour { state: State::REACHABLE, ..neighbour });
    }
    let sysctls = [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv6.conf.all.forwarding", "1"),
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.bridge.bridge-nf-call-iptables", "1"),
        ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ];
    let own = sysctls.map(|(name, value)| (name.to_owned(), value.to_owned()));
    network.sysctls.extend(own);
    for link in &network.links {
        let name = format!("net.ipv4.conf.{}.forwarding", link.name().replace('.', "/"));
        network.sysctls.insert(name, "1".to_owned());
    }
    network
}

fn loopback() -> Address {
    Address { scope: Scope::HOST, ..address(LO, Ipv4Addr::LOCALHOST.into(), 8) }
}

fn loopback_route() -> Route {
    let own = IpAddr::from(Ipv4Addr::LOCALHOST);
    Route { destination: prefix(own, 8), ..local(LO, own) }
}

fn first_rules() -> Vec<Rule> {
    vec![
        Rule::lookup(Family::Ipv4, 0, Table::LOCAL),
        Rule::lookup(Family::Ipv4, 32766, Table::MAIN),
        Rule::lookup(Family::Ipv4, 32767, Table::DEFAULT),
    ]
}

fn links(plan: Plan) -> Vec<Link> {
    let mut lo = link(LO, "lo", None, Mac::ZERO);
    lo.base.flags |= LinkFlags::from_bits_retain(0x8);
    let eth0 = link(ETH0, "eth0", None, underlay_mac(plan.number));
    let mut cni0 = link(CNI0, "cni0", Some("bridge"), bridge_mac(plan.subnet));
    cni0.bridge = Some(Bridge::default());
    cni0.base.mtu = Some(1450);
    let mut flannel = link(FLANNEL, "flannel.1", Some("vxlan"), plan.overlay_mac);
    flannel.base.mtu = Some(1450);
    flannel.base.vxlan = Some(Settings {
        id: Vni::new(1),
        local: Some(underlay(plan.number)),
        link: Some(ETH0),
        port: Some(8472),
        learning: Some(false),
        ..Settings::default()
    });
    let mut ipvs = link(KUBE_IPVS0, "kube-ipvs0", Some("dummy"), Mac([2, 0, 0, 0, 0, 9]));
    ipvs.base.flags = LinkFlags::from_bits_retain(0x82);
    ipvs.carrier = None;
    let mut links = vec![lo, eth0, cni0, flannel, ipvs];
    for (pod, index) in plan.pods.iter().zip(WIRES..) {
        let name = format!("veth{}{pod}", plan.subnet);
        let mut wire = link(index, &name, Some("veth"), Mac([0xfe, 0, 0, 0, plan.subnet, *pod]));
        wire.base.mtu = Some(1450);
        wire.base.master = Some(CNI0);
        wire.base.link_namespace = i32::try_from(index).ok();
        wire.lower = Some(ETH0);
        wire.port = Some(BridgePort { state: Some(3), ..BridgePort::default() });
        links.push(wire);
    }
    links
}

fn pod(plan: Plan, last: u8, wire: u32) -> Pod {
    let (own, gateway) = (pod_address(plan.subnet, last), pod_address(plan.subnet, 1));
    let mut eth0 = link(ETH0, "eth0", Some("veth"), pod_mac(plan.subnet, last));
    eth0.base.mtu = Some(1450);
    eth0.base.link_namespace = Some(0);
    eth0.lower = Some(wire);
    let mut lo = link(LO, "lo", None, Mac::ZERO);
    lo.base.flags |= LinkFlags::from_bits_retain(0x8);
    let server = Listener { protocol: 6, address: SocketAddr::new(own, 80), only_ipv6: None };
    let is_client = last == 10;
    let network = Network {
        links: vec![lo, eth0],
        addresses: vec![loopback(), address(ETH0, own, 24)],
        routes: vec![
            loopback_route(),
            local(ETH0, own),
            connected(ETH0, own, 24),
            Route::via(Prefix::all(Family::Ipv4), hop(ETH0, Some(gateway))),
        ],
        rules: first_rules(),
        listeners: Part::Read(if is_client { Vec::new() } else { vec![server] }),
        sysctls: [("net.ipv4.conf.eth0.forwarding".to_owned(), "0".to_owned())].into(),
        ..Network::default()
    };
    Pod {
        name: format!("pod-{}-{last}", plan.subnet),
        namespace: i32::try_from(wire).ok(),
        network,
    }
}

/// IPVS with the service.
fn balancer() -> Balancer {
    let rows = PLANS.iter().flat_map(|plan| plan.pods.iter().map(|pod| (plan.subnet, *pod)));
    let mut pods: Vec<_> = rows.filter(|(_, pod)| *pod != 10).collect();
    pods.sort_unstable();
    let destinations = pods
        .into_iter()
        .map(|(subnet, pod)| destination(SocketAddr::new(pod_address(subnet, pod), 80)));
    let service = Service::new(ServiceKey::tcp(SERVICE), "rr");
    Balancer {
        info: None,
        daemons: Vec::new(),
        services: vec![ServiceTable {
            service: ServiceEntry { service, statistics: Statistics::default() },
            destinations: destinations.collect(),
        }],
        connections: Part::Read(Vec::new()),
        timeouts: None,
        sysctls: ipvs::Sysctls { conntrack: Some(1), ..ipvs::Sysctls::default() },
    }
}

/// A masqueraded destination of weight 1.
pub fn destination(address: SocketAddr) -> DestinationEntry {
    DestinationEntry {
        destination: Destination::new(address, ForwardingMethod::MASQUERADE),
        active_connections: 0,
        inactive_connections: 0,
        persistent_connections: 0,
        statistics: Statistics::default(),
    }
}
