//! Routes to the pods of other nodes, and to destinations.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipvs::ForwardingMethod;

use super::cluster::{Cluster, Node};
use super::finding::{Report, Severity, Told};
use crate::{Code, Decision, Prefix, Query, Refusal, Stage, Way};

pub(super) fn examine(cluster: &Cluster<'_>, node: &Node<'_>, report: &mut Report) {
    for peer in cluster.others(node) {
        if !is_related(node, peer) {
            let reason =
                format!("nothing of it leads to {}: are they of one cluster?", peer.name());
            report.doubt(node.snapshot, Stage::Route, "routes to the other node", &reason);
            continue;
        }
        for (network, pod) in pod_networks(peer) {
            to_pods(cluster, node, peer, (network, pod), report);
        }
    }
    destinations(cluster, node, report);
}

/// Whether anything of the node leads to the other one.
fn is_related(node: &Node<'_>, peer: &Node<'_>) -> bool {
    let theirs = |address: IpAddr| peer.network().owns(address);
    let over = node.vteps.iter().any(|vtep| {
        vtep.entries.iter().filter_map(|entry| entry.remote.address).any(theirs)
            || vtep.neighbours.iter().any(|neighbour| theirs(neighbour.address))
    });
    let gateways = || node.network().routes.iter().flat_map(|route| &route.hops);
    let networks = || node.network().addresses.iter().filter_map(crate::Address::network);
    let beside = || {
        let near = |address: IpAddr| {
            networks().any(|network| !network.is_host() && network.contains(address))
        };
        peer.network()
            .addresses
            .iter()
            .any(|one| !one.address.is_loopback() && is_global(one.address) && near(one.address))
    };
    over || gateways().filter_map(|hop| hop.gateway).any(theirs) || beside()
}

/// Whether an address means the same on every node.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_loopback(),
    }
}

/// The networks of a node's pods, and an address in each: a pod's, or the bridge's.
fn pod_networks(node: &Node<'_>) -> BTreeMap<Prefix, IpAddr> {
    let network = node.network();
    let bridges = network.links.iter().filter(|link| link.kind() == Some("bridge") && link.is_up());
    let addresses = bridges.flat_map(|bridge| network.addresses_of(bridge.index()));
    let mut networks = BTreeMap::new();
    for address in addresses.filter(|address| is_global(address.address)) {
        let Some(prefix) = address.network().filter(|prefix| !prefix.is_host()) else { continue };
        let pods = node.snapshot.pods.get().into_iter().flatten();
        let mut theirs = pods.flat_map(|pod| &pod.network.addresses).map(|one| one.address);
        networks
            .insert(prefix, theirs.find(|pod| prefix.contains(*pod)).unwrap_or(address.address));
    }
    networks
}

/// The way to a peer's pods.
fn to_pods(
    cluster: &Cluster<'_>,
    node: &Node<'_>,
    peer: &Node<'_>,
    (network, pod): (Prefix, IpAddr),
    report: &mut Report,
) {
    let subject = format!("{network} on {}", peer.name());
    let decision = node.router.route(&Query::to(pod));
    let Some(way) = reached(node, &decision, pod, &subject, report) else { return };
    let gateway = way.neighbour(pod);
    let link = node.network().link_name(way.link);
    let over = node.vteps.iter().find(|vtep| vtep.link.index() == way.link);
    let told = |summary| Told {
        subject,
        summary,
        why: "packets to the pods of that node are sent to somebody else",
        fix: match peer
            .vteps
            .first()
            .and_then(|theirs| Some((theirs, over.or(node.vteps.first())?)))
        {
            Some((theirs, ours)) => {
                let at = peer.network().addresses_of(theirs.link.index()).next();
                let at = at.map_or_else(|| "GATEWAY".to_owned(), |at| at.address.to_string());
                format!("ip route replace {network} via {at} dev {} onlink", ours.name())
            }
            None => format!("ip route replace {network} via ADDRESS-OF-{}", peer.name()),
        },
    };
    if peer.network().owns(gateway) {
        return;
    }
    let (code, summary) = match (over, cluster.owner(gateway)) {
        (Some(_), Some(other)) => (
            Code::RouteWrongGateway,
            format!("pods of {} are sent to {gateway}, which is {}", peer.name(), other.name()),
        ),
        // An address on the overlay that no snapshot has: its owner may be the peer all the same.
        (Some(_), None) => return,
        (None, _) => (
            Code::RouteWrongDevice,
            format!("pods of {} ({network}) are sent to {gateway} on {link}", peer.name()),
        ),
    };
    report.add(Severity::Error, code, node.snapshot, Stage::Route, told(summary));
}

/// The way that a packet takes, unless it goes nowhere, which is a finding.
fn reached(
    node: &Node<'_>,
    decision: &Decision<'_>,
    to: IpAddr,
    subject: &str,
    report: &mut Report,
) -> Option<Way> {
    let Err(refusal) = decision.outcome else {
        // What is for the node itself, or shared out among several ways, is handed to no one in particular.
        return decision.way().copied().filter(|_| !decision.is_local());
    };
    let by_rule = decision.route.is_none() && decision.rule.is_some();
    let (code, stage, summary) = match refusal {
        Refusal::NoRoute => (Code::RouteMissing, Stage::Route, format!("no route leads to {to}")),
        _ if by_rule => {
            (Code::RuleReject, Stage::Rule, format!("a rule refuses packets to {to}: {refusal}"))
        }
        _ => (
            Code::RouteReject,
            Stage::Route,
            format!("the route to {to} refuses packets: {refusal}"),
        ),
    };
    let fix = match (code, decision.route) {
        (Code::RouteReject, Some(route)) => {
            let kind = route.kind.name().unwrap_or_default();
            format!("ip route del {kind} {} table {}", route.destination, route.table)
        }
        (Code::RuleReject, _) => "ip rule shows it, ip rule del PRIORITY takes it away".to_owned(),
        _ => "restart the network plugin, which writes it again".to_owned(),
    };
    let why = "packets are dropped on this node before they are sent";
    let told = Told { subject: subject.to_owned(), summary, why, fix };
    report.add(Severity::Error, code, node.snapshot, stage, told);
    None
}

/// The ways to the destinations of services that are on no node here: those to others' pods were
/// looked at above.
fn destinations(cluster: &Cluster<'_>, node: &Node<'_>, report: &mut Report) {
    let Some(balancer) = node.snapshot.balancer.get() else { return };
    let mut seen = BTreeSet::new();
    for table in &balancer.services {
        for entry in &table.destinations {
            let address = entry.destination.address.ip();
            let first = seen.insert(address);
            if !first || node.network().owns(address) {
                continue;
            }
            let pods_elsewhere =
                || cluster.others(node).any(|peer| peer.snapshot.pod_with(address).is_some());
            let in_networks = || {
                cluster
                    .others(node)
                    .any(|peer| pod_networks(peer).keys().any(|one| one.contains(address)))
            };
            if pods_elsewhere() || in_networks() {
                continue;
            }
            let decision = node.router.route(&Query::to(address));
            let subject = entry.destination.address.to_string();
            let Some(way) = reached(node, &decision, address, &subject, report) else { continue };
            if entry.destination.method != ForwardingMethod::ROUTE || way.gateway.is_none() {
                continue;
            }
            let key = table.service.service.key;
            let told = Told {
                subject,
                summary: format!(
                    "{address} of {key} is behind a router, and reached by direct routing"
                ),
                why: "direct routing rewrites the Ethernet address only: the router does not know the service",
                fix: format!(
                    "rsadm ipvs dest edit {key} {} --masquerading",
                    entry.destination.address
                ),
            };
            let code = Code::DestinationNotOnLink;
            report.add(Severity::Error, code, node.snapshot, Stage::Destination, told);
        }
    }
}
