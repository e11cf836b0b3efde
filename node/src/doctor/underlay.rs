//! The network between the nodes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vxlan::State;

use super::cluster::Node;
use super::finding::{Report, Severity, Told};
use crate::{Code, Query, Stage};

pub(super) fn examine(node: &Node<'_>, report: &mut Report) {
    let mut ends = BTreeSet::new();
    for vtep in node.vteps.iter().filter(|vtep| vtep.link.is_up()) {
        let remotes = vtep.entries.iter().filter_map(|entry| entry.remote.address);
        ends.extend(remotes.map(|remote| (remote, vtep.settings.local)));
    }
    for (remote, local) in ends {
        // Entries that lead back or nowhere are findings of the overlay.
        if !node.network().owns(remote) && !remote.is_unspecified() && !remote.is_multicast() {
            way(node, remote, local, report);
        }
    }
}

/// The way of the outer packets to another node.
fn way(node: &Node<'_>, remote: IpAddr, local: Option<IpAddr>, report: &mut Report) {
    let network = node.network();
    let mut add = |code, summary: String, fix: String| {
        let why = "packets to all of its pods are dropped on this node";
        let told = Told { subject: remote.to_string(), summary, why, fix };
        report.add(Severity::Error, code, node.snapshot, Stage::Underlay, told);
    };
    // A device without an address of its own that is said is a finding of the overlay.
    let source = local.filter(|local| network.owns(*local));
    let decision = node.router.route(&Query { source, ..Query::to(remote) });
    if let Err(refusal) = decision.outcome {
        let down = network
            .links
            .iter()
            .find(|link| !link.is_running() && is_on(node, link.index(), remote));
        return match down {
            Some(link) => add(
                Code::UnderlayDown,
                format!("{}, the link to the node {remote}, is down", link.name()),
                format!("ip link set {} up", link.name()),
            ),
            None => add(
                Code::UnderlayRouteMissing,
                format!("no route leads to the node {remote}: {refusal}"),
                "ip route shows what there is".to_owned(),
            ),
        };
    }
    for way in &decision.ways {
        let link = network.link(way.link).filter(|link| !link.is_running() && !link.is_loopback());
        if let Some(link) = link {
            let name = link.name();
            let summary =
                format!("{name}, the link to the node {remote}, is down or has no carrier");
            add(
                Code::UnderlayDown,
                summary,
                format!("ip link set {name} up, and see to its cable"),
            );
            continue;
        }
        let neighbour = network.neighbour(way.link, way.neighbour(remote));
        let silent = State::FAILED | State::INCOMPLETE;
        if neighbour.is_some_and(|neighbour| neighbour.state.intersects(silent)) {
            let (link, at) = (network.link_name(way.link), way.neighbour(remote));
            add(
                Code::UnderlayNeighbourFailed,
                format!("{at}, on the way to the node {remote}, does not answer on {link}"),
                format!("see whether {at} runs, and what is between it and {link}"),
            );
        }
    }
}

/// Whether an address of the link is in one network with `address`.
fn is_on(node: &Node<'_>, link: u32, address: IpAddr) -> bool {
    let mut networks = node.network().addresses_of(link).filter_map(crate::Address::network);
    networks.any(|network| network.contains(address))
}
