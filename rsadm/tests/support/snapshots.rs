//! Snapshots of the lab.

use node::{Collector, Flows, Snapshot};
use testbed::harness::Failure;
use testbed::lab::{Lab, Node};

/// What every node is like now, with all flows.
pub(crate) fn of(lab: &Lab) -> Result<Vec<Snapshot>, Failure> {
    let take = |node: &Node| {
        let collector = Collector::new().name(node.name()).flows(Flows::All);
        let failed = |error: node::Error| testbed::Error::new(error.to_string());
        node.namespace().enter(|| collector.collect().map_err(failed))
    };
    Ok(lab.nodes().iter().map(take).collect::<testbed::Result<_>>()?)
}
