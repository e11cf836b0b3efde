//! The healthy cluster, and each fault that a trace can find in it.

use super::*;
use crate::testing::{self, CNI0, ETH0, FLANNEL, KUBE_IPVS0, SERVICE, WIRES};
use crate::{Code, Network, Part, Prefix, Route, RouteKind};
use std::net::IpAddr;
use vxlan::{Mac, Neighbour, State as Nud, Vni};

const TARGET: &str = "tcp://10.243.21.14:8880";
const NODE: &str = "n120";
const CLIENT: &str = "10.244.3.10";
const OLD_MAC: &str = "ee:d6:38:55:d5:c7";

fn mac(text: &str) -> Mac {
    text.parse().expect("an Ethernet address")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a network")
}

fn of(nodes: &[Snapshot], target: &str, from: &str) -> Trace {
    let options = Options { source: from.into(), ..Options::default() };
    trace(nodes, &target.parse().expect("a target"), &options).expect("a trace")
}

/// What a trace says is broken: node, stage, device and code.
fn broken(nodes: &[Snapshot], from: &str) -> (String, Stage, Option<String>, Code) {
    let trace = of(nodes, TARGET, from);
    assert_eq!(trace.verdict, Verdict::Broken, "{trace:#?}");
    let at = trace.broken_at.expect("a place");
    (at.node, at.stage, at.device, at.code)
}

/// The first node of the cluster, and the change that breaks it.
fn with(change: impl FnOnce(&mut Snapshot, &mut Snapshot)) -> [Snapshot; 2] {
    let mut nodes = testing::cluster();
    let [first, second] = &mut nodes;
    change(first, second);
    nodes
}

fn at(node: &str, stage: Stage, device: &str, code: Code) -> (String, Stage, Option<String>, Code) {
    let device = (!device.is_empty()).then(|| device.to_owned());
    (node.to_owned(), stage, device, code)
}

fn link(network: &mut Network, index: u32) -> &mut crate::Link {
    network.links.iter_mut().find(|link| link.index() == index).expect("the link")
}

fn vtep(node: &mut Snapshot) -> &mut vxlan::Settings {
    link(&mut node.network, FLANNEL).base.vxlan.as_mut().expect("a VXLAN device")
}

fn drop_route(node: &mut Snapshot, to: &str) {
    node.network.routes.retain(|route| route.destination != prefix(to));
}

fn service(node: &mut Snapshot) -> &mut ipvs::ServiceTable {
    let Part::Read(balancer) = &mut node.balancer else { panic!("IPVS was read") };
    &mut balancer.services[0]
}

#[test]
fn a_healthy_cluster_delivers_without_a_warning() {
    let nodes = testing::cluster();
    let pod = "10.244.5.23";
    for from in [NODE, "n121", CLIENT, "pod-5-23", "10.244.5.1", "10.243.21.14"] {
        for target in [TARGET, "10.244.3.32", "tcp://10.244.3.32:80"] {
            // Nobody sends from the service's address but to the service.
            if from == "10.243.21.14" && target != TARGET {
                continue;
            }
            let trace = of(&nodes, target, from);
            // A pod that is given itself by the service needs masquerading, which is not there.
            if from == "pod-5-23" && target == TARGET {
                assert_eq!(trace.broken_at.map(|at| at.code), Some(Code::MasqueradeMissing));
                let path = trace.paths.iter().find(|path| !path.destination.starts_with(pod));
                assert_eq!(path.map(|path| path.verdict), Some(Verdict::Delivered));
                continue;
            }
            assert_eq!(trace.verdict, Verdict::Delivered, "{from} {target}: {trace:#?}");
            assert!(trace.paths.iter().flat_map(|p| &p.steps).all(|s| s.state == State::Ok));
            assert_eq!(trace.broken_at, None);
        }
    }
}

#[test]
fn the_frame_is_the_one_that_a_capture_shows() {
    let nodes = testing::cluster();
    let trace = of(&nodes, TARGET, NODE);
    let steps = &trace.paths[0].steps;
    let frames: Vec<_> = steps.iter().filter_map(|step| step.evidence.frame.as_ref()).collect();
    let [there, back] = frames.as_slice() else { panic!("two frames: {frames:#?}") };
    assert_eq!(there.source, Some(mac("52:54:00:10:14:78")));
    assert_eq!(there.destination, Some(mac("52:54:00:10:14:79")));
    assert_eq!(there.packet.to_string(), "udp 172.16.20.120:* > 172.16.20.121:8472");
    assert_eq!(there.vni, Vni::new(1));
    let inner = there.inner.as_ref().expect("a frame inside");
    assert_eq!(inner.source, Some(mac("5e:0a:9c:31:44:7b")));
    assert_eq!(inner.destination, Some(mac(OLD_MAC)));
    assert_eq!(inner.packet.to_string(), "tcp 10.244.5.0:* > 10.244.3.32:80");
    assert_eq!(back.packet.to_string(), "udp 172.16.20.121:* > 172.16.20.120:8472");
    let inner = back.inner.as_ref().expect("a frame inside");
    assert_eq!(inner.packet.to_string(), "tcp 10.244.3.32:80 > 10.244.5.0:*");
}

#[test]
fn faults_of_the_service() {
    let missing = with(|first, _| {
        let Part::Read(balancer) = &mut first.balancer else { panic!("IPVS was read") };
        balancer.services.clear();
    });
    assert_eq!(broken(&missing, NODE), at("n120", Stage::Service, "", Code::ServiceMissing));
    assert!(of(&missing, TARGET, NODE).broken_at.and_then(|at| at.fix).is_some());
    assert_eq!(of(&missing, TARGET, CLIENT).verdict, Verdict::Delivered);

    let homeless = with(|first, _| {
        first.network.addresses.retain(|row| row.link != KUBE_IPVS0);
        first.network.routes.retain(|row| row.destination != Prefix::host(SERVICE.ip()));
    });
    let expected = at("n120", Stage::Service, "", Code::ServiceAddressMissing);
    assert_eq!(broken(&homeless, NODE), expected);

    let empty = with(|first, _| service(first).destinations.clear());
    let expected = at("n120", Stage::Destination, "", Code::ServiceNoDestinations);
    assert_eq!(broken(&empty, NODE), expected);

    let idle = with(|first, _| {
        service(first).destinations.iter_mut().for_each(|row| row.destination.weight = 0);
    });
    assert_eq!(broken(&idle, NODE), at("n120", Stage::Destination, "", Code::WeightsZero));

    let busy = with(|first, _| {
        for row in &mut service(first).destinations {
            row.destination.upper_threshold = 1;
            row.active_connections = 1;
        }
    });
    let expected = at("n120", Stage::Destination, "", Code::DestinationsOverloaded);
    assert_eq!(broken(&busy, NODE), expected);

    let gone = with(|first, _| {
        service(first).destinations[0].destination.address = "10.244.5.99:80".parse().expect("it");
    });
    assert_eq!(broken(&gone, NODE), at("n120", Stage::Neighbour, "cni0", Code::PodMissing));
}

#[test]
fn faults_of_translation() {
    let bare = with(|first, _| first.netfilter.iptables = Part::Read(String::new()));
    assert_eq!(broken(&bare, NODE), at("n120", Stage::Nat, "", Code::MasqueradeMissing));
    let untracked = with(|first, _| {
        let Part::Read(balancer) = &mut first.balancer else { panic!("IPVS was read") };
        balancer.sysctls.conntrack = Some(0);
    });
    assert_eq!(broken(&untracked, NODE), at("n120", Stage::Nat, "", Code::IpvsConntrackOff));
    // Pods of the node itself answer by its bridge.
    let trace = of(&untracked, TARGET, NODE);
    let verdicts: Vec<_> = trace.paths.iter().map(|path| path.verdict).collect();
    assert_eq!(verdicts, [Verdict::Broken, Verdict::Delivered, Verdict::Delivered]);
    let full = with(|_, second| {
        let Part::Read(tracking) = &mut second.tracking else { panic!("flows were read") };
        tracking.sysctls = conntrack::Sysctls::from_values([
            ("nf_conntrack_count".to_owned(), "8".to_owned()),
            ("nf_conntrack_max".to_owned(), "8".to_owned()),
        ]);
    });
    assert_eq!(broken(&full, CLIENT), at("n121", Stage::Conntrack, "", Code::ConntrackFull));
}

#[test]
fn faults_of_routes() {
    let missing = with(|first, _| drop_route(first, "10.244.3.0/24"));
    let expected = at("n120", Stage::Route, "flannel.1", Code::RouteMissing);
    assert_eq!(broken(&missing, NODE), expected);
    // The client's packets arrive; the answers break.
    assert_eq!(broken(&missing, CLIENT), expected);
    let fix = of(&missing, TARGET, NODE).broken_at.and_then(|at| at.fix);
    let line = "ip route replace 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink";
    assert_eq!(fix.as_deref(), Some(line));

    let blackhole = with(|first, _| {
        drop_route(first, "10.244.3.0/24");
        let route = Route::via(prefix("10.244.3.0/24"), crate::Hop::default());
        let route = Route { kind: RouteKind::BLACKHOLE, hops: Vec::new(), ..route };
        first.network.routes.push(route);
    });
    assert_eq!(broken(&blackhole, NODE), at("n120", Stage::Route, "", Code::RouteReject));

    let astray = with(|first, _| {
        drop_route(first, "10.244.3.0/24");
        let route = Route::via(prefix("10.244.3.0/24"), testing::hop(CNI0, None));
        first.network.routes.push(route);
    });
    assert_eq!(broken(&astray, NODE), at("n120", Stage::Route, "cni0", Code::RouteWrongDevice));

    let back = with(|_, second| drop_route(second, "10.244.5.0/24"));
    let trace = of(&back, TARGET, NODE);
    let last = trace.paths[0].steps.last().expect("a step");
    assert_eq!((last.direction, last.node.as_str()), (Direction::Return, "n121"));
    assert_eq!(last.evidence.code, Some(Code::RouteMissing));
}

#[test]
fn faults_of_neighbours_and_entries() {
    let change = |change: fn(&mut vxlan::Neighbour)| {
        with(move |first, _| {
            let mut rows = first.network.neighbours.iter_mut();
            change(rows.find(|row| row.link == FLANNEL).expect("the neighbour"));
        })
    };
    let missing = with(|first, _| first.network.neighbours.retain(|row| row.link != FLANNEL));
    // All that the device knew is gone, and the route is still there.
    let neighbour = |code| at("n120", Stage::Neighbour, "flannel.1", code);
    assert_eq!(broken(&missing, NODE), neighbour(Code::NeighbourMissing));
    let failed = change(|row| (row.state, row.mac) = (Nud::FAILED, None));
    assert_eq!(broken(&failed, NODE), neighbour(Code::NeighbourFailed));
    let wrong = change(|row| row.mac = Some(mac("02:00:00:00:00:99")));
    assert_eq!(broken(&wrong, NODE), neighbour(Code::NeighbourWrongMac));
    let fading = change(|row| row.state = Nud::REACHABLE);
    let trace = of(&fading, TARGET, NODE);
    assert_eq!(trace.verdict, Verdict::Delivered);
    let warned = trace.steps_in(State::Warning).map(|step| step.evidence.code);
    assert_eq!(warned.collect::<Vec<_>>(), [Some(Code::NeighbourNotPermanent)]);

    let fdb = |code| at("n120", Stage::Fdb, "flannel.1", code);
    let missing = with(|first, _| first.network.entries.clear());
    assert_eq!(broken(&missing, NODE), fdb(Code::FdbMissing));
    let at = of(&missing, TARGET, NODE).broken_at.expect("a place");
    assert_eq!(at.reason, "no entry for ee:d6:38:55:d5:c7 (peer 10.244.3.0)");
    let line = "bridge fdb append ee:d6:38:55:d5:c7 dev flannel.1 dst 172.16.20.121";
    assert_eq!(at.fix.as_deref(), Some(line));
    let to = |address: &'static str| {
        with(move |first, _| first.network.entries[0].remote.address = Some(ip(address)))
    };
    assert_eq!(broken(&to("172.16.20.99"), NODE), fdb(Code::FdbWrongRemote));
    assert_eq!(broken(&to("172.16.20.120"), NODE), fdb(Code::FdbLoop));
}

#[test]
fn faults_of_the_overlays_devices() {
    let far = |code| at("n121", Stage::Vtep, "flannel.1", code);
    let near = |code| at("n120", Stage::Vtep, "flannel.1", code);
    let anew = with(|_, second| {
        link(&mut second.network, FLANNEL).base.mac = Some(mac("02:77:77:77:77:77"));
    });
    assert_eq!(broken(&anew, NODE), far(Code::VtepMacChanged));
    let other_vni = with(|_, second| vtep(second).id = Vni::new(2));
    assert_eq!(broken(&other_vni, NODE), far(Code::VniMismatch));
    let other_port = with(|_, second| vtep(second).port = Some(4789));
    assert_eq!(broken(&other_port, NODE), far(Code::PortMismatch));
    let foreign = with(|first, _| vtep(first).local = Some(ip("10.0.2.15")));
    assert_eq!(broken(&foreign, NODE), near(Code::VtepLocalAddress));
    let down = with(|first, _| testing::switch_off(&mut first.network, FLANNEL));
    assert_eq!(broken(&down, NODE), near(Code::VtepDown));
    let bounced = with(|first, _| {
        testing::switch_off(&mut first.network, FLANNEL);
        link(&mut first.network, FLANNEL).base.flags = vxlan::LinkFlags::from_bits_retain(0x1_0043);
        // It told the routers which groups it listens to.
        let group = Neighbour::permanent(FLANNEL, ip("ff02::16"), mac("33:33:00:00:00:16"));
        first.network.neighbours.push(Neighbour { state: Nud::NOARP, ..group });
    });
    let emptied = at("n120", Stage::Route, "flannel.1", Code::VtepEmptied);
    assert_eq!(broken(&bounced, NODE), emptied);
    let taken = with(|first, _| {
        testing::switch_off(&mut first.network, FLANNEL);
        let mut rival = testing::link(9, "cilium_vxlan", Some("vxlan"), Mac([2, 0, 0, 0, 0, 9]));
        let settings =
            vxlan::Settings { port: Some(8472), external: Some(true), ..Default::default() };
        rival.base.vxlan = Some(settings);
        first.network.links.push(rival);
    });
    assert_eq!(broken(&taken, NODE), near(Code::VtepPortShared));
    let missing = with(|first, _| {
        testing::switch_off(&mut first.network, FLANNEL);
        first.network.links.retain(|link| link.index() != FLANNEL);
        first.network.entries.clear();
    });
    assert_eq!(broken(&missing, NODE), near(Code::VtepMissing));
    let learning = with(|first, _| vtep(first).learning = Some(true));
    let trace = of(&learning, TARGET, NODE);
    assert_eq!(trace.verdict, Verdict::Delivered);
    let codes: Vec<_> = trace.steps_in(State::Warning).map(|step| step.evidence.code).collect();
    assert_eq!(codes, [Some(Code::VtepLearning); 2]);
}

#[test]
fn faults_of_the_network_between_nodes() {
    let down = with(|_, second| testing::switch_off(&mut second.network, ETH0));
    let expected = at("n121", Stage::Underlay, "eth0", Code::UnderlayDown);
    assert_eq!(broken(&down, NODE), expected);
    let cut = with(|_, second| link(&mut second.network, ETH0).carrier = Some(false));
    assert_eq!(broken(&cut, NODE), expected);
    let own = with(|first, _| testing::switch_off(&mut first.network, ETH0));
    assert_eq!(broken(&own, NODE), at("n120", Stage::Underlay, "eth0", Code::UnderlayDown));
    let change = |change: fn(&mut vxlan::Neighbour)| {
        with(move |first, _| {
            let mut rows = first.network.neighbours.iter_mut();
            change(rows.find(|row| row.link == ETH0).expect("the neighbour"));
        })
    };
    let wrong = change(|row| row.mac = Some(mac("02:00:00:00:00:98")));
    let underlay = |code| at("n120", Stage::Underlay, "eth0", code);
    assert_eq!(broken(&wrong, NODE), underlay(Code::NeighbourWrongMac));
    let failed = change(|row| (row.state, row.mac) = (Nud::FAILED, None));
    assert_eq!(broken(&failed, NODE), underlay(Code::UnderlayNeighbourFailed));
    let unrouted = with(|first, _| drop_route(first, "172.16.20.0/24"));
    let expected = at("n120", Stage::Underlay, "", Code::UnderlayRouteMissing);
    assert_eq!(broken(&unrouted, NODE), expected);
    let narrow = with(|first, _| link(&mut first.network, ETH0).base.mtu = Some(1400));
    let trace = of(&narrow, TARGET, NODE);
    let codes: Vec<_> = trace.steps_in(State::Warning).map(|step| step.evidence.code).collect();
    assert_eq!(codes, [Some(Code::MtuOverlay)]);
}

#[test]
fn faults_of_sysctls() {
    let set = |name: &'static str, value: &'static str| {
        with(move |_, second| {
            second.network.sysctls.insert(name.to_owned(), value.to_owned());
        })
    };
    let mut still = set("net.ipv4.ip_forward", "0");
    for (name, value) in &mut still[1].network.sysctls {
        if name.ends_with(".forwarding") {
            *value = "0".to_owned();
        }
    }
    let expected = at("n121", Stage::Sysctl, "flannel.1", Code::ForwardingOff);
    assert_eq!(broken(&still, NODE), expected);
    let mut strict = set("net.ipv4.conf.all.rp_filter", "1");
    drop_route(&mut strict[1], "10.244.5.0/24");
    let way = testing::hop(ETH0, Some(ip("172.16.20.120")));
    strict[1].network.routes.push(Route::via(prefix("10.244.5.0/24"), way));
    let expected = at("n121", Stage::Sysctl, "flannel.1", Code::RpFilterStrict);
    assert_eq!(broken(&strict, NODE), expected);
    let passed = set("net.bridge.bridge-nf-call-iptables", "0");
    let expected = at("n121", Stage::Sysctl, "cni0", Code::BridgeNetfilterOff);
    assert_eq!(broken(&passed, CLIENT), expected);
    assert_eq!(of(&passed, TARGET, NODE).verdict, Verdict::Delivered);
}

#[test]
fn faults_of_pods() {
    let down = with(|first, _| testing::switch_off(&mut first.network, WIRES));
    let expected = at("n120", Stage::Neighbour, "veth523", Code::PodLinkDown);
    assert_eq!(broken(&down, NODE), expected);
    assert_eq!(broken(&down, CLIENT), expected);
    let unplugged = with(|first, _| link(&mut first.network, WIRES).base.master = None);
    assert_eq!(broken(&unplugged, NODE), expected);
    let pod = |change: fn(&mut Network)| {
        with(move |first, _| {
            let Part::Read(pods) = &mut first.pods else { panic!("pods were read") };
            change(&mut pods[0].network);
        })
    };
    let lost = pod(|network| network.routes.retain(|route| route.destination.length() > 0));
    assert_eq!(of(&lost, TARGET, NODE).verdict, Verdict::Delivered);
    assert_eq!(broken(&lost, CLIENT), at("n120", Stage::Route, "", Code::RouteMissing));
    let silent = pod(|network| network.listeners = Part::Read(Vec::new()));
    assert_eq!(broken(&silent, NODE), at("n120", Stage::Socket, "", Code::NotListening));
}

#[test]
fn faults_of_rules() {
    let rule = |change: fn(&str) -> String| {
        with(move |_, second| {
            second.netfilter.iptables = Part::Read(change(testing::RULES));
        })
    };
    let filtered = rule(|rules| {
        format!(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 8472 -j DROP\nCOMMIT\n{rules}"
        )
    });
    assert_eq!(broken(&filtered, NODE), at("n121", Stage::Netfilter, "", Code::TunnelFiltered));
    let closed = rule(|rules| format!("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n{rules}"));
    assert_eq!(broken(&closed, NODE), at("n121", Stage::Netfilter, "", Code::ForwardDrop));
    // What the host's own processes send to a service never comes in.
    let mut guarded = testing::cluster();
    guarded[0].netfilter.iptables = Part::Read(format!(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -i eth0 -j ACCEPT\n-A INPUT -i flannel.1 -j ACCEPT\n\
         -A INPUT -i cni0 -j ACCEPT\nCOMMIT\n{}",
        testing::RULES
    ));
    assert_eq!(of(&guarded, TARGET, NODE).verdict, Verdict::Delivered);
    let odd = rule(|rules| {
        format!(
            "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m moon --phase full -j DROP\nCOMMIT\n{rules}"
        )
    });
    let trace = of(&odd, TARGET, NODE);
    assert_eq!(trace.verdict, Verdict::Unknown);
    let code = trace.unknown_at().and_then(|step| step.evidence.code);
    assert_eq!(code, Some(Code::NetfilterUnknown));
}

#[test]
fn without_the_other_nodes_snapshot_nothing_is_said_to_be_broken() {
    let [first, _] = testing::cluster();
    let trace = of(std::slice::from_ref(&first), TARGET, NODE);
    assert_eq!(trace.verdict, Verdict::Unknown);
    let step = trace.unknown_at().expect("an unknown step");
    assert_eq!(step.evidence.code, Some(Code::PeerUnknown));
    assert_eq!(step.summary, "no snapshot of the node 172.16.20.121: collect one there");
    let verdicts: Vec<_> = trace.paths.iter().map(|path| path.verdict).collect();
    assert_eq!(verdicts, [Verdict::Unknown, Verdict::Delivered, Verdict::Delivered]);
}

#[test]
fn what_a_steered_device_does_is_unknown() {
    let nodes = with(|first, _| vtep(first).external = Some(true));
    let trace = of(&nodes, TARGET, NODE);
    assert_eq!(trace.verdict, Verdict::Unknown);
    assert_eq!(trace.unknown_at().map(|step| step.stage), Some(Stage::Fdb));
}

#[test]
fn directly_routed_packets_keep_the_services_address() {
    let mut nodes = testing::cluster();
    for row in &mut service(&mut nodes[0]).destinations {
        row.destination.method = ipvs::ForwardingMethod::ROUTE;
        row.destination.address.set_port(SERVICE.port());
    }
    let own = service(&mut nodes[0]);
    own.destinations.retain(|row| row.destination.address.ip() == ip("10.244.5.23"));
    let sysctl = "net.ipv4.conf.cni0.accept_local".to_owned();
    nodes[0].network.sysctls.insert(sysctl, "1".to_owned());
    // The pod without the address drops what is for it.
    let lost = at("n120", Stage::Route, "", Code::ServiceAddressMissing);
    assert_eq!(broken(&nodes, "10.244.5.1"), lost);
    let Part::Read(pods) = &mut nodes[0].pods else { panic!("pods were read") };
    let network = &mut pods[0].network;
    let loopback = network.routes[0].clone();
    network.routes.push(Route { destination: Prefix::host(SERVICE.ip()), ..loopback });
    network.addresses.push(crate::Address {
        address: SERVICE.ip(),
        prefix_length: 32,
        ..network.addresses[0].clone()
    });
    let server = crate::Listener { protocol: 6, address: SERVICE, only_ipv6: None };
    network.listeners = Part::Read(vec![server]);
    let trace = of(&nodes, TARGET, "10.244.5.1");
    assert_eq!(trace.verdict, Verdict::Delivered, "{trace:#?}");
    nodes[0].network.sysctls.remove("net.ipv4.conf.cni0.accept_local");
    let forged = at("n120", Stage::Sysctl, "cni0", Code::AcceptLocalOff);
    assert_eq!(broken(&nodes, "10.244.5.1"), forged);
}

#[test]
fn tunnelled_packets_are_followed_to_the_device_that_unwraps_them() {
    let mut nodes = testing::cluster();
    let real = ip("172.16.20.121");
    let table = service(&mut nodes[0]);
    table.destinations.truncate(1);
    table.destinations[0].destination.method = ipvs::ForwardingMethod::TUNNEL;
    table.destinations[0].destination.address = (real, SERVICE.port()).into();
    // The real server has the address, a socket, and no service.
    let Part::Read(balancer) = &mut nodes[1].balancer else { panic!("IPVS was read") };
    balancer.services.clear();
    let server = crate::Listener { protocol: 6, address: SERVICE, only_ipv6: None };
    nodes[1].network.listeners = Part::Read(vec![server]);
    assert_eq!(broken(&nodes, "10.244.5.23"), at("n121", Stage::Vtep, "", Code::VtepMissing));
    let mut device = nodes[1].network.links[0].clone();
    (device.base.index, device.base.name) = (30, "tunl0".to_owned());
    device.base.kind = Some("ipip".to_owned());
    device.base.flags = vxlan::LinkFlags::empty();
    nodes[1].network.links.push(device);
    assert_eq!(broken(&nodes, "10.244.5.23"), at("n121", Stage::Vtep, "tunl0", Code::VtepDown));
    let device = nodes[1].network.links.last_mut().expect("a link");
    device.base.flags = vxlan::LinkFlags::UP | vxlan::LinkFlags::RUNNING;
    // The answer has the service's address, which the asker's node has too.
    let forged = at("n120", Stage::Sysctl, "flannel.1", Code::AcceptLocalOff);
    assert_eq!(broken(&nodes, "10.244.5.23"), forged);
    let sysctl = "net.ipv4.conf.flannel/1.accept_local".to_owned();
    nodes[0].network.sysctls.insert(sysctl, "1".to_owned());
    let trace = of(&nodes, TARGET, "10.244.5.23");
    assert_eq!(trace.verdict, Verdict::Delivered, "{trace:#?}");
    let said: Vec<_> = trace.paths[0].steps.iter().map(|step| step.summary.as_str()).collect();
    assert!(
        said.contains(&"packets of up to 1480 fit: ipip adds 20, eth0 takes 1500"),
        "{said:#?}"
    );
    assert!(said.contains(&"tunl0 unwraps it (ipip)"), "{said:#?}");
}

#[test]
fn a_destination_can_be_picked() {
    let nodes = testing::cluster();
    let pick = |address: &str, port| Options {
        destination: Some(Pick { address: ip(address), port }),
        ..Options::default()
    };
    let target = TARGET.parse().expect("a target");
    let picked = trace(&nodes, &target, &pick("10.244.5.24", None)).expect("a trace");
    assert_eq!(picked.paths.len(), 1);
    assert_eq!(picked.paths[0].destination, "10.244.5.24:80");
    let error = trace(&nodes, &target, &pick("10.244.5.24", Some(81))).expect_err("no such one");
    assert_eq!(
        error.to_string(),
        "10.244.5.24:81 is no destination of tcp://10.243.21.14:8880; it has 10.244.3.32:80, \
         10.244.5.23:80, 10.244.5.24:80"
    );
}

#[test]
fn questions_without_an_answer_are_told_in_a_sentence() {
    let nodes = testing::cluster();
    let ask = |target: &str, from: &str| {
        let options = Options { source: from.into(), ..Options::default() };
        trace(&nodes, &target.parse().expect("a target"), &options)
            .expect_err("no answer")
            .to_string()
    };
    let from_node = |target: &str| ask(target, NODE);
    assert_eq!(
        from_node("tcp://10.9.9.9:80"),
        "no service tcp://10.9.9.9:80 on n120, n121; there are tcp://10.243.21.14:8880"
    );
    assert_eq!(
        from_node("10.9.9.9"),
        "10.9.9.9 is no address of n120, n121 or of their pods, and no route leads to it"
    );
    assert_eq!(
        ask(TARGET, "10.9.9.9"),
        "no node or pod has the address 10.9.9.9 in the snapshots of n120, n121"
    );
    assert_eq!(
        ask(TARGET, "pod-7"),
        "no pod or node is called 'pod-7'; there are n120, n121, pod-5-23, pod-5-24, pod-3-32, \
         pod-3-10"
    );
    assert_eq!(
        ask(TARGET, "fd00::1"),
        "no node or pod has the address fd00::1 in the snapshots of n120, n121"
    );
    let [first, mut second] = testing::cluster();
    second.name.clone_from(&first.name);
    let options = Options::default();
    let target: Target = TARGET.parse().expect("a target");
    let error = trace(&[first.clone(), second.clone()], &target, &options).expect_err("one node");
    assert_eq!(error.to_string(), "two snapshots are of the node n120: give one of each node");
    second.name = "elsewhere".into();
    second.network = Network::default();
    let error = trace(&[first, second], &target, &options).expect_err("strangers");
    assert_eq!(
        error.to_string(),
        "the snapshots of n120 and elsewhere do not belong together: neither is on a network of \
         the other, or knows an address of it"
    );
    assert_eq!(trace(&[], &target, &options), Err(Error::NoSnapshot));
}

#[test]
fn a_service_port_that_nobody_has_is_a_missing_service() {
    let nodes = testing::cluster();
    let trace = of(&nodes, "tcp://10.243.21.14:8881", NODE);
    let at = trace.broken_at.expect("a place");
    assert_eq!((at.stage, at.code), (Stage::Service, Code::ServiceMissing));
}

#[test]
fn json_is_as_documented() {
    let nodes = with(|first, _| first.network.entries.clear());
    let value = serde_json::to_value(of(&nodes, TARGET, NODE)).expect("JSON");
    let keys = |value: &serde_json::Value| {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys(&value), ["broken_at", "from", "paths", "target", "verdict"]);
    let at = &value["broken_at"];
    assert_eq!(keys(at), ["code", "device", "fix", "node", "reason", "stage"]);
    assert_eq!(at["code"], "fdb-missing");
    assert_eq!(at["stage"], "fdb");
    let path = &value["paths"][0];
    assert_eq!(keys(path), ["destination", "steps", "verdict"]);
    let step = &path["steps"][0];
    assert_eq!(keys(step), ["direction", "evidence", "node", "stage", "state", "summary"]);
    assert_eq!(step["direction"], "forward");
    assert_eq!(step["state"], "ok");
}

mod arbitrary {
    use proptest::prelude::*;

    use super::*;

    /// One of many things that can be wrong with a node, as a number.
    fn spoil(node: &mut Snapshot, what: u32, value: u32) {
        let network = &mut node.network;
        let nth = value as usize;
        let address = IpAddr::from([10, 244, (value >> 8) as u8, value as u8]);
        match what % 16 {
            0 if !network.links.is_empty() => {
                let count = network.links.len();
                network.links.remove(nth % count);
            }
            1 if !network.addresses.is_empty() => {
                let count = network.addresses.len();
                network.addresses[nth % count].address = address;
            }
            2 if !network.routes.is_empty() => {
                let count = network.routes.len();
                network.routes[nth % count].hops.clear();
            }
            3 if !network.routes.is_empty() => {
                let count = network.routes.len();
                network.routes[nth % count].hops = vec![testing::hop(value % 20, Some(address))];
            }
            4 => network.neighbours.iter_mut().for_each(|row| row.mac = None),
            5 => network.entries.iter_mut().for_each(|row| row.remote.address = Some(address)),
            6 => network.entries.iter_mut().for_each(|row| row.nexthop_group = Some(value)),
            7 => network.sysctls.clear(),
            8 => node.pods = Part::Unknown("gone".into()),
            9 => node.balancer = Part::Unknown("gone".into()),
            10 => node.netfilter = crate::Netfilter::default(),
            11 => network.links.iter_mut().for_each(|link| link.base.master = Some(value % 20)),
            12 => network.links.iter_mut().for_each(|link| link.lower = Some(value % 20)),
            13 => network.links.iter_mut().for_each(|link| link.base.mtu = Some(value)),
            14 => network.rules.clear(),
            _ => network.links.iter_mut().for_each(|link| link.base.mac = None),
        }
    }

    proptest! {
        /// Whatever the snapshots say, there is an answer, and it keeps its own rules.
        #[test]
        fn nothing_makes_it_fail(
            faults in prop::collection::vec((any::<bool>(), any::<u32>(), any::<u32>()), 0..6),
            target in prop::sample::select(vec![TARGET, "10.244.3.32", "udp://10.243.21.14:53"]),
            from in prop::sample::select(vec![NODE, CLIENT, "pod-5-23", "10.244.5.1"]),
        ) {
            let mut nodes = testing::cluster();
            for (second, what, value) in faults {
                spoil(&mut nodes[usize::from(second)], what, value);
            }
            let options = Options { source: from.into(), ..Options::default() };
            let target = target.parse().expect("a target");
            if let Ok(trace) = trace(&nodes, &target, &options) {
                prop_assert_eq!(trace.broken_at.is_some(), trace.verdict == Verdict::Broken);
                for path in &trace.paths {
                    let broken = path.steps.iter().position(|step| step.state == State::Broken);
                    if let Some(broken) = broken {
                        prop_assert_eq!(broken + 1, path.steps.len(), "nothing follows");
                    }
                    let worst = path.steps.iter().all(|s| {
                        matches!(s.state, State::Ok | State::Warning)
                    });
                    prop_assert_eq!(path.verdict == Verdict::Delivered, worst);
                }
            }
        }

        /// A trace over snapshots that were written and read is that over the values.
        #[test]
        fn files_are_as_good_as_the_kernel(
            what in any::<u32>(),
            value in any::<u32>(),
        ) {
            let mut nodes = testing::cluster();
            spoil(&mut nodes[0], what, value);
            let read: Vec<Snapshot> = nodes.iter().map(|node| {
                let mut bytes = Vec::new();
                node.write_to(&mut bytes).expect("memory");
                Snapshot::read_from(bytes.as_slice(), "memory").expect("a snapshot")
            }).collect();
            let options = Options::default();
            let target = TARGET.parse().expect("a target");
            prop_assert_eq!(trace(&nodes, &target, &options), trace(&read, &target, &options));
        }
    }
}
