//! Connection tracking on a node.

use conntrack::{CpuStatistics, Flow, Sysctls};
use serde::{Deserialize, Serialize};

use crate::Part;

/// Connection tracking: how full it is, and the flows if they were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// The sysctls `net.netfilter.nf_conntrack_*`: how many flows there are and may be, timeouts.
    pub sysctls: Sysctls,
    /// What each processor counted.
    #[serde(default)]
    pub statistics: Part<Vec<CpuStatistics>>,
    /// Whether only the flows are here that a filter matches.
    #[serde(default)]
    pub filtered: bool,
    /// Flows, all or those of a filter.
    #[serde(default)]
    pub flows: Part<Vec<Flow<'static>>>,
}
