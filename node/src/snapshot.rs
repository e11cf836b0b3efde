//! A node's whole state at one moment.

use std::net::IpAddr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{Balancer, Netfilter, Network, Part, Tracking};

/// One node's state at one moment: what it takes to say what becomes of a packet.
///
/// As JSON it is documented in `docs/snapshot.md`. A field that is new there has a default, so that
/// older snapshots are read by newer programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Name of the node, by which it is told from others.
    pub name: String,
    /// Release of its kernel, as `uname -r` prints it.
    pub kernel: String,
    /// When it was taken, in milliseconds since 1970.
    pub taken_at: u64,
    /// The network namespace that is the node's own.
    pub network: Network,
    /// The network namespaces of its pods, as far as they could be entered.
    #[serde(default)]
    pub pods: Part<Vec<Pod>>,
    /// IPVS.
    #[serde(default)]
    pub balancer: Part<Balancer>,
    /// Connection tracking.
    #[serde(default)]
    pub tracking: Part<Tracking>,
    /// Netfilter's rules.
    #[serde(default)]
    pub netfilter: Netfilter,
    /// What was in doubt while it was taken: tables that changed under every read, parts that were
    /// cut short.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// Another network namespace of the node, which virtual Ethernet pairs lead to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its name under `/run/netns`, or the path of a process's.
    pub name: String,
    /// The id that the node has for it: what [`vxlan::Link::link_namespace`] of its wires says.
    #[doc(alias = "NETNSA_NSID")]
    pub namespace: Option<i32>,
    /// What is in it.
    pub network: Network,
}

impl Snapshot {
    /// The pod that owns the address.
    pub fn pod_with(&self, address: IpAddr) -> Option<&Pod> {
        self.pods.get()?.iter().find(|pod| pod.network.owns(address))
    }

    /// How long before `now` it was taken; `None` if it was taken later.
    pub fn age_at(&self, now: SystemTime) -> Option<std::time::Duration> {
        let taken = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(self.taken_at);
        now.duration_since(taken).ok()
    }
}
