//! The network between the nodes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vxlan::State;

use super::cluster::{Cluster, Node};
use super::finding::{Report, Severity, Told};
use crate::{Code, Stage};

pub(super) fn examine(_cluster: &Cluster<'_>, node: &Node<'_>, report: &mut Report) {
    let network = node.network();
    let entries = node.vteps.iter().flat_map(|vtep| &vtep.entries);
    let remotes: BTreeSet<IpAddr> = entries.filter_map(|entry| entry.remote.address).collect();
    for remote in remotes {
        let failed = network.neighbours.iter().find(|neighbour| {
            neighbour.address == remote
                && neighbour.state.intersects(State::FAILED | State::INCOMPLETE)
        });
        let Some(neighbour) = failed else { continue };
        let link = network.link_name(neighbour.link);
        let told = Told {
            subject: remote.to_string(),
            summary: format!("the node {remote} does not answer on {link}"),
            why: "packets to all of its pods are dropped here",
            fix: format!("see whether the node runs, and what is between it and {link}"),
        };
        let code = Code::UnderlayNeighbourFailed;
        report.add(Severity::Error, code, node.snapshot, Stage::Underlay, told);
    }
}
