//! What is wrong on nodes, found in their snapshots before anybody asks.

mod balancer;
mod cluster;
mod finding;
mod firewall;
mod overlay;
mod pods;
mod routes;
mod settings;
mod sizes;
#[cfg(test)]
mod tests;
mod tracking;
mod underlay;

use crate::Snapshot;
use cluster::Cluster;
pub use finding::{Doubt, Finding, Report, Severity};

/// Examines nodes, each for itself and all together.
///
/// A healthy node gives no finding. What a check needs and a snapshot lacks is a [`Doubt`]: such a
/// check has neither found anything nor found everything well.
///
/// ```
/// assert!(node::doctor(&[]).findings.is_empty());
/// ```
pub fn doctor(snapshots: &[Snapshot]) -> Report {
    let cluster = Cluster::of(snapshots);
    let mut report = Report::default();
    for node in &cluster.nodes {
        overlay::examine(&cluster, node, &mut report);
        underlay::examine(node, &mut report);
        routes::examine(&cluster, node, &mut report);
        sizes::examine(&cluster, node, &mut report);
        balancer::examine(node, &mut report);
        firewall::examine(node, &mut report);
        pods::examine(node, &mut report);
        settings::examine(node, &mut report);
        tracking::examine(node, &mut report);
    }
    report.conclude();
    report
}
