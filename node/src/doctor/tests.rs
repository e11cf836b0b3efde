//! One fault after the other in a healthy cluster.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use conntrack::{CpuStatistics, Flow, Tuple};
use ipvs::{ForwardingMethod, ServiceKey, Timeouts};
use vxlan::{Entry, Flags, Mac, State, Vni};

use super::*;
use crate::testing::*;
use crate::{
    Address, Code, Hop, Link, Network, Part, Prefix, Route, RouteKind, Rule, RuleAction, Stage,
};

const OTHER: Mac = Mac([2, 0x77, 0x77, 0x77, 0x77, 0x77]);

/// What is found on a cluster of which the first node was changed: severity, code, node, stage.
fn found(change: impl FnOnce(&mut [Snapshot; 2])) -> BTreeSet<(Severity, Code, String, Stage)> {
    let mut nodes = cluster();
    change(&mut nodes);
    let report = doctor(&nodes);
    let findings = report.findings.into_iter();
    findings.map(|one| (one.severity, one.code, one.node, one.stage)).collect()
}

/// Expects exactly this to be found on the first node.
#[track_caller]
fn only(severity: Severity, code: Code, stage: Stage, change: impl FnOnce(&mut [Snapshot; 2])) {
    let found = found(change);
    assert_eq!(found, [(severity, code, "n120".to_owned(), stage)].into());
}

/// Expects this among what is found on the first node.
#[track_caller]
fn among(severity: Severity, code: Code, stage: Stage, change: impl FnOnce(&mut [Snapshot; 2])) {
    let found = found(change);
    assert!(found.contains(&(severity, code, "n120".to_owned(), stage)), "{found:#?}");
}

fn link(snapshot: &mut Snapshot, index: u32) -> &mut Link {
    let mut links = snapshot.network.links.iter_mut();
    links.find(|link| link.index() == index).expect("a link")
}

fn settings(snapshot: &mut Snapshot) -> &mut vxlan::Settings {
    link(snapshot, FLANNEL).base.vxlan.as_mut().expect("VXLAN")
}

fn balancer(snapshot: &mut Snapshot) -> &mut crate::Balancer {
    let Part::Read(balancer) = &mut snapshot.balancer else { panic!("IPVS") };
    balancer
}

fn tracking(snapshot: &mut Snapshot) -> &mut crate::Tracking {
    let Part::Read(tracking) = &mut snapshot.tracking else { panic!("conntrack") };
    tracking
}

fn pods(snapshot: &mut Snapshot) -> &mut Vec<crate::Pod> {
    let Part::Read(pods) = &mut snapshot.pods else { panic!("pods") };
    pods
}

/// The neighbour on the overlay.
fn overlay_neighbour(network: &mut Network) -> &mut vxlan::Neighbour {
    let mut neighbours = network.neighbours.iter_mut();
    neighbours.find(|neighbour| neighbour.link == FLANNEL).expect("a neighbour")
}

fn overlay_route(network: &mut Network) -> &mut Route {
    let mut routes = network.routes.iter_mut();
    let over = |route: &&mut Route| route.hops.iter().any(|hop| hop.link == Some(FLANNEL));
    routes
        .find(|route| route.hops.first().is_some_and(|hop| hop.gateway.is_some()) && over(route))
        .expect("a route")
}

#[test]
fn a_healthy_cluster_gives_no_finding() {
    let report = doctor(&cluster());
    assert_eq!(report.findings, []);
    let about: BTreeSet<_> = report.unknown.iter().map(|doubt| doubt.subject.as_str()).collect();
    assert_eq!(about, ["packets dropped"].into());
    let alone = doctor(&cluster()[..1]);
    assert_eq!(alone.findings, []);
}

#[test]
fn missing_forwarding_entry() {
    only(Severity::Error, Code::FdbMissing, Stage::Fdb, |[node, _]| node.network.entries.clear());
}

#[test]
fn a_default_entry_serves_all() {
    let found = found(|[node, _]| node.network.entries[0].mac = Mac::ZERO);
    assert_eq!(found, [].into());
}

#[test]
fn entry_to_nobody_and_entry_to_itself() {
    let to = |at: u8| {
        move |[node, _]: &mut [Snapshot; 2]| node.network.entries[0].remote = underlay(at).into()
    };
    only(Severity::Error, Code::FdbWrongRemote, Stage::Fdb, to(199));
    only(Severity::Error, Code::FdbLoop, Stage::Fdb, to(120));
}

#[test]
fn entries_that_were_left_behind() {
    let add = |at: u8| {
        move |[node, _]: &mut [Snapshot; 2]| {
            node.network.entries.push(Entry::to(FLANNEL, OTHER, underlay(at)));
        }
    };
    only(Severity::Warning, Code::FdbDuplicate, Stage::Fdb, add(121));
    only(Severity::Warning, Code::FdbOrphan, Stage::Fdb, add(199));
}

#[test]
fn entry_with_another_vni() {
    only(Severity::Error, Code::FdbWrongVni, Stage::Fdb, |[node, _]| {
        node.network.entries[0].remote.vni = Vni::new(7);
    });
}

#[test]
fn neighbours() {
    let state = |state| {
        move |[node, _]: &mut [Snapshot; 2]| {
            let neighbour = overlay_neighbour(&mut node.network);
            neighbour.state = state;
            if state.intersects(State::FAILED) {
                neighbour.mac = None;
            }
        }
    };
    let stage = Stage::Neighbour;
    only(Severity::Warning, Code::NeighbourNotPermanent, stage, state(State::REACHABLE));
    among(Severity::Error, Code::NeighbourFailed, stage, state(State::FAILED));
    among(Severity::Error, Code::NeighbourMissing, stage, |[node, _]| {
        node.network.neighbours.retain(|neighbour| neighbour.link != FLANNEL);
    });
    only(Severity::Error, Code::NeighbourWrongMac, stage, |[node, _]| {
        let real = node.network.entries[0].mac;
        overlay_neighbour(&mut node.network).mac = Some(OTHER);
        assert_ne!(real, OTHER);
        // The right entry is still used by nobody, but leads where it says.
        node.network.entries.push(Entry::to(FLANNEL, OTHER, underlay(121)));
        node.network.entries[0].flags |= Flags::SELF;
        node.network.neighbours.push(vxlan::Neighbour {
            state: State::STALE,
            ..vxlan::Neighbour::permanent(FLANNEL, pod_address(9, 0), real)
        });
    });
}

#[test]
fn a_device_made_anew() {
    only(Severity::Error, Code::VtepMacChanged, Stage::Vtep, |[_, peer]| {
        link(peer, FLANNEL).base.mac = Some(OTHER);
    });
}

#[test]
fn ends_that_differ() {
    only(Severity::Error, Code::VniMismatch, Stage::Vtep, |[_, peer]| {
        settings(peer).id = Vni::new(2);
    });
    only(Severity::Error, Code::PortMismatch, Stage::Vtep, |[_, peer]| {
        settings(peer).port = Some(4789);
    });
    only(Severity::Warning, Code::MtuMismatch, Stage::Mtu, |[node, peer]| {
        for snapshot in [node, peer] {
            for pod in pods(snapshot) {
                pod.network.links[1].base.mtu = Some(1400);
            }
        }
        link(peer, FLANNEL).base.mtu = Some(1400);
    });
    only(Severity::Error, Code::VtepMacDuplicate, Stage::Vtep, |[node, peer]| {
        let mac = link(peer, FLANNEL).mac();
        link(node, FLANNEL).base.mac = mac;
        overlay_neighbour(&mut peer.network).mac = mac;
        peer.network.entries[0].mac = mac.expect("an address");
    });
}

#[test]
fn devices() {
    among(Severity::Error, Code::VtepDown, Stage::Vtep, |[node, _]| {
        switch_off(&mut node.network, FLANNEL);
    });
    among(Severity::Error, Code::VtepEmptied, Stage::Vtep, |[node, _]| {
        node.network.neighbours.retain(|neighbour| neighbour.link != FLANNEL);
        node.network.routes.retain(|route| {
            route.hops.iter().all(|hop| hop.link != Some(FLANNEL) || hop.gateway.is_none())
        });
    });
    only(Severity::Warning, Code::VtepLearning, Stage::Vtep, |[node, _]| {
        settings(node).learning = Some(true);
    });
    among(Severity::Error, Code::VtepLocalAddress, Stage::Vtep, |[node, _]| {
        settings(node).local = Some(underlay(199));
    });
    among(Severity::Error, Code::VtepMissing, Stage::Vtep, |[node, _]| {
        switch_off(&mut node.network, FLANNEL);
        node.network.links.retain(|link| link.index() != FLANNEL);
        node.network.entries.clear();
    });
    among(Severity::Error, Code::VtepPortShared, Stage::Vtep, |[node, _]| {
        let mut rival = link(node, FLANNEL).clone();
        rival.base.index = 77;
        rival.base.name = "cilium_vxlan".to_owned();
        rival.base.vxlan.as_mut().expect("VXLAN").external = Some(true);
        node.network.links.push(rival);
        switch_off(&mut node.network, FLANNEL);
    });
}

#[test]
fn a_metadata_device_needs_no_entries() {
    let found = found(|nodes| {
        for node in nodes {
            settings(node).external = Some(true);
            settings(node).id = None;
            node.network.entries.clear();
            node.network.neighbours.retain(|neighbour| neighbour.link != FLANNEL);
        }
    });
    assert_eq!(found, [].into());
}

#[test]
fn routes() {
    among(Severity::Error, Code::RouteMissing, Stage::Route, |[node, _]| {
        let gone = overlay_route(&mut node.network).destination;
        node.network.routes.retain(|route| route.destination != gone);
    });
    among(Severity::Error, Code::RouteReject, Stage::Route, |[node, _]| {
        let route = overlay_route(&mut node.network);
        (route.kind, route.hops) = (RouteKind::BLACKHOLE, Vec::new());
    });
    among(Severity::Error, Code::RouteWrongDevice, Stage::Route, |[node, _]| {
        let route = overlay_route(&mut node.network);
        route.hops = vec![hop(ETH0, Some(underlay(1)))];
    });
    among(Severity::Error, Code::RuleReject, Stage::Rule, |[node, _]| {
        let mut rule = Rule::lookup(ipvs::Family::Ipv4, 100, crate::Table(0));
        rule.action = RuleAction::PROHIBIT;
        rule.destination = Some("10.244.3.0/24".parse().expect("a network"));
        node.network.rules.insert(1, rule);
    });
}

#[test]
fn between_the_nodes() {
    among(Severity::Error, Code::UnderlayDown, Stage::Underlay, |[node, _]| {
        switch_off(&mut node.network, ETH0);
    });
    among(Severity::Error, Code::UnderlayRouteMissing, Stage::Underlay, |[node, _]| {
        let connected = |route: &Route| route.destination.contains(underlay(121));
        node.network.routes.retain(|route| !connected(route));
    });
    only(Severity::Error, Code::UnderlayNeighbourFailed, Stage::Underlay, |[node, _]| {
        let to = underlay(121);
        for neighbour in node.network.neighbours.iter_mut().filter(|one| one.address == to) {
            (neighbour.state, neighbour.mac) = (State::FAILED, None);
        }
    });
}

#[test]
fn sizes() {
    let devices = |nodes: &mut [Snapshot; 2]| {
        for node in nodes {
            link(node, FLANNEL).base.mtu = Some(1500);
        }
    };
    let found = found(devices);
    let codes: BTreeSet<_> = found.iter().map(|(severity, code, ..)| (*severity, *code)).collect();
    assert_eq!(codes, [(Severity::Warning, Code::MtuOverlay)].into());
    only(Severity::Warning, Code::MtuPod, Stage::Mtu, |[node, _]| {
        pods(node)[0].network.links[1].base.mtu = Some(1500);
    });
}

#[test]
fn services() {
    let stage = Stage::Destination;
    only(Severity::Error, Code::ServiceNoDestinations, stage, |[node, _]| {
        balancer(node).services[0].destinations.clear();
    });
    only(Severity::Error, Code::WeightsZero, stage, |[node, _]| {
        for entry in &mut balancer(node).services[0].destinations {
            entry.destination.weight = 0;
        }
    });
    only(Severity::Info, Code::DestinationLeftover, stage, |[node, _]| {
        balancer(node).services[0].destinations[0].destination.weight = 0;
    });
    only(Severity::Error, Code::DestinationsOverloaded, stage, |[node, _]| {
        for entry in &mut balancer(node).services[0].destinations {
            (entry.destination.upper_threshold, entry.active_connections) = (3, 3);
        }
    });
    only(Severity::Error, Code::ServiceAddressMissing, Stage::Service, |[node, _]| {
        node.network.addresses.retain(|address| address.address != SERVICE.ip());
        node.network.routes.retain(|route| route.destination != Prefix::host(SERVICE.ip()));
    });
    only(Severity::Error, Code::DestinationNotOnLink, stage, |[node, _]| {
        node.network.routes.push(Route::via(
            "192.0.2.0/24".parse().expect("a network"),
            hop(ETH0, Some(underlay(1))),
        ));
        let mut far = destination(SocketAddr::new([192, 0, 2, 9].into(), 80));
        far.destination.method = ForwardingMethod::ROUTE;
        balancer(node).services[0].destinations.push(far);
    });
    only(Severity::Error, Code::DestinationUnreachable, stage, |[node, _]| {
        let pod = pod_address(5, 23);
        let neighbour = vxlan::Neighbour::permanent(CNI0, pod, OTHER);
        let failed = vxlan::Neighbour { state: State::FAILED, mac: None, ..neighbour };
        node.network.neighbours.push(failed);
    });
}

#[test]
fn pods_and_their_sockets() {
    only(Severity::Error, Code::NotListening, Stage::Socket, |[node, _]| {
        pods(node)[0].network.listeners = Part::Read(Vec::new());
    });
    only(Severity::Error, Code::PodLinkDown, Stage::Socket, |[node, _]| {
        link(node, WIRES).carrier = Some(false);
    });
}

#[test]
fn sysctls() {
    let stage = Stage::Sysctl;
    among(Severity::Error, Code::ForwardingOff, stage, |[node, _]| {
        node.network.sysctls.insert("net.ipv4.ip_forward".to_owned(), "0".to_owned());
    });
    let bridge = "net.bridge.bridge-nf-call-iptables";
    only(Severity::Warning, Code::BridgeNetfilterOff, stage, |[node, _]| {
        node.network.sysctls.insert(bridge.to_owned(), "0".to_owned());
    });
    only(Severity::Warning, Code::BridgeNetfilterOff, stage, |[node, _]| {
        node.network.sysctls.remove(bridge);
    });
    only(Severity::Warning, Code::ConnReuseMode, stage, |[node, _]| {
        balancer(node).sysctls.conn_reuse_mode = Some(0);
    });
    only(Severity::Warning, Code::ConnReuseMode, stage, |[node, _]| {
        node.kernel = "5.4.0-150-generic".to_owned();
        node.netfilter.iptables = Part::Read(RULES.replace(" --random-fully", ""));
        balancer(node).sysctls.conn_reuse_mode = Some(1);
    });
    only(Severity::Warning, Code::ChecksumOffload, stage, |[node, _]| {
        node.kernel = "5.4.40".to_owned();
    });
    assert_eq!(found(|[node, _]| node.kernel = "5.4.41".to_owned()), [].into());
    only(Severity::Warning, Code::ExpireNodestConnOff, stage, |[node, _]| {
        let balancer = balancer(node);
        balancer.sysctls.expire_nodest_conn = Some(0);
        let mut dns = balancer.services[0].clone();
        dns.service.service.key = ServiceKey::udp(SERVICE);
        dns.destinations.retain(|entry| entry.destination.address.ip() == pod_address(3, 32));
        balancer.services.push(dns);
        node.netfilter.sets =
            Part::Read(format!("{SETS}add KUBE-CLUSTER-IP 10.243.21.14,udp:8880\n"));
    });
    only(Severity::Info, Code::IpvsTimeoutKeepalive, stage, |[node, _]| {
        balancer(node).timeouts = Some(Timeouts { tcp: 900, tcp_fin: 120, udp: 300 });
        node.network.sysctls.insert("net.ipv4.tcp_keepalive_time".to_owned(), "7200".to_owned());
    });
    only(Severity::Error, Code::IpvsConntrackOff, Stage::Nat, |[node, _]| {
        balancer(node).sysctls.conntrack = Some(0);
    });
}

#[test]
fn the_reverse_path() {
    among(Severity::Error, Code::RpFilterStrict, Stage::Sysctl, |[node, _]| {
        let name = "net.ipv4.conf.flannel/1.rp_filter";
        node.network.sysctls.insert(name.to_owned(), "1".to_owned());
        // A better route for half of the network leaves through another link.
        let half: Prefix = "10.244.3.0/25".parse().expect("a network");
        let hop: Hop = hop(ETH0, Some(underlay(121)));
        node.network.routes.push(Route::via(half, hop));
    });
}

#[test]
fn answers_with_the_nodes_own_address() {
    let routed = |[node, _]: &mut [Snapshot; 2]| {
        let pod: IpAddr = "10.244.5.23".parse().expect("an address");
        let table = &mut balancer(node).services[0];
        table.destinations.retain(|entry| entry.destination.address.ip() == pod);
        table.destinations[0].destination.method = ipvs::ForwardingMethod::ROUTE;
    };
    among(Severity::Error, Code::AcceptLocalOff, Stage::Sysctl, routed);
    let mut nodes = cluster();
    routed(&mut nodes);
    let name = "net.ipv4.conf.cni0.accept_local";
    nodes[0].network.sysctls.insert(name.to_owned(), "1".to_owned());
    let findings = doctor(&nodes).findings;
    assert!(findings.iter().all(|one| one.code != Code::AcceptLocalOff), "{findings:#?}");
}

#[test]
fn rules_of_netfilter() {
    let filter = |rules: &str| format!("{RULES}*filter\n{rules}COMMIT\n");
    let set = |text: String| {
        move |[node, _]: &mut [Snapshot; 2]| node.netfilter.iptables = Part::Read(text)
    };
    let stage = Stage::Netfilter;
    let drop = ":INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n";
    only(Severity::Error, Code::ForwardDrop, stage, set(filter(drop)));
    let tunnel = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                  -A INPUT -p udp -m udp --dport 8472 -j DROP\n";
    only(Severity::Error, Code::TunnelFiltered, stage, set(filter(tunnel)));
    let without = RULES.replace("-A KUBE-POSTROUTING -j MASQUERADE --random-fully\n", "");
    only(Severity::Error, Code::MasqueradeMissing, Stage::Nat, set(without));
}

#[test]
fn flows() {
    let stage = Stage::Conntrack;
    let filled = |count: &str| {
        let count = count.to_owned();
        move |[node, _]: &mut [Snapshot; 2]| {
            tracking(node).sysctls = conntrack::Sysctls::from_values([
                ("nf_conntrack_count".to_owned(), count),
                ("nf_conntrack_max".to_owned(), "1000".to_owned()),
            ]);
        }
    };
    only(Severity::Warning, Code::ConntrackFull, stage, filled("800"));
    only(Severity::Error, Code::ConntrackFull, stage, filled("950"));
    assert_eq!(found(filled("799")), [].into());
    let flow = |to: IpAddr| {
        let original = Tuple::tcp(([10, 244, 5, 1], 1000).into(), SERVICE);
        let reply = Tuple::tcp(SocketAddr::new(to, 80), ([10, 244, 5, 1], 1000).into());
        Part::Read(vec![Flow::new(original, reply)])
    };
    only(Severity::Info, Code::FlowStale, stage, |[node, _]| {
        tracking(node).flows = flow(pod_address(3, 99));
    });
    assert_eq!(found(|[node, _]| tracking(node).flows = flow(pod_address(3, 32))), [].into());
    assert_eq!(
        found(|[node, _]| tracking(node).statistics = Part::Read(Vec::<CpuStatistics>::new())),
        [].into()
    );
}

#[test]
fn what_was_not_read_is_in_doubt_and_never_well() {
    let mut nodes = cluster();
    for node in &mut nodes {
        node.balancer = Part::Unknown("no privilege".to_owned());
        node.tracking = Part::Unknown("no privilege".to_owned());
        node.pods = Part::Unknown("no privilege".to_owned());
        node.netfilter = crate::Netfilter::default();
    }
    let report = doctor(&nodes);
    assert_eq!(report.findings, []);
    let stages: BTreeSet<_> = report.unknown.iter().map(|doubt| doubt.stage).collect();
    let all = [Stage::Service, Stage::Netfilter, Stage::Conntrack, Stage::Socket];
    assert!(all.iter().all(|stage| stages.contains(stage)), "{stages:?}");
}

#[test]
fn a_node_that_is_not_there_is_in_doubt() {
    let mut nodes = cluster();
    nodes[1].name = "stranger".to_owned();
    nodes[1].network = Network {
        addresses: vec![Address {
            address: [192, 0, 2, 1].into(),
            ..nodes[1].network.addresses[1].clone()
        }],
        ..Network::default()
    };
    nodes[1].pods = Part::Read(Vec::new());
    nodes[1].balancer = Part::Unknown("none".to_owned());
    let report = doctor(&nodes);
    assert!(
        report.unknown.iter().any(|doubt| doubt.reason.contains("of one cluster")),
        "{report:#?}"
    );
    assert!(report.unknown.iter().any(|doubt| doubt.reason.contains("no snapshot of the node")));
}

#[test]
fn every_code_is_documented() {
    let text = include_str!("../../../docs/doctor.md");
    let documented: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
    assert_eq!(documented, codes);
}
