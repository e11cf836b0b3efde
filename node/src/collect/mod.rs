//! Collecting a snapshot from the kernel.

mod balancer;
mod dump;
mod modules;
mod netfilter;
mod network;
mod pods;
mod proc;
mod sysctls;
mod tracking;

use std::thread;
use std::time::SystemTime;

use conntrack::Filter;
use rsadm_netlink::Namespace;

use crate::{Part, Result, Snapshot};
use modules::Modules;

/// Which flows of connection tracking go into a snapshot.
#[derive(Clone, Debug, Default)]
pub enum Flows {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those that a filter matches.
    Matching(Filter),
}

/// Collects a [`Snapshot`].
///
/// What cannot be read, for want of a privilege, a module or a program, is [`Part::Unknown`] with the
/// reason, and never fails the whole. Nothing is changed, and no module is loaded.
///
/// ```no_run
/// use node::{Collector, Flows};
/// let snapshot = Collector::new().name("n120").flows(Flows::All).collect()?;
/// println!("{} routes", snapshot.network.routes.len());
/// # Ok::<(), node::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Collector {
    name: Option<String>,
    namespace: Namespace,
    pods: bool,
    connections: bool,
    flows: Flows,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            name: None,
            namespace: Namespace::Current,
            pods: true,
            connections: true,
            flows: Flows::None,
        }
    }
}

/// What is beside the tables of the namespace.
struct Rest {
    pods: Part<Vec<crate::Pod>>,
    balancer: Part<crate::Balancer>,
    tracking: Part<crate::Tracking>,
    netfilter: crate::Netfilter,
}

impl Collector {
    /// This namespace with its pods, with connections of IPVS, without flows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Name of the node; else that of the host.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The network namespace that is the node's.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Whether the network namespaces of pods are entered.
    #[must_use]
    pub fn pods(mut self, pods: bool) -> Self {
        self.pods = pods;
        self
    }

    /// Whether the connections of IPVS are read.
    #[must_use]
    pub fn connections(mut self, connections: bool) -> Self {
        self.connections = connections;
        self
    }

    /// Which flows of connection tracking are read.
    #[must_use]
    pub fn flows(mut self, flows: Flows) -> Self {
        self.flows = flows;
        self
    }

    /// Reads everything. It fails only where the namespace cannot be entered.
    pub fn collect(&self) -> Result<Snapshot> {
        self.namespace.run(|| self.here())?
    }

    /// Reads everything from the thread's own namespace.
    fn here(&self) -> Result<Snapshot> {
        let taken_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let taken_at = taken_at.map_or(0, |time| time.as_millis() as u64);
        let uname = rustix::system::uname();
        let mut remarks = Vec::new();
        let modules = Modules::read();
        // Programs are slow to start: they run while the rest is read.
        let (network, rest) = thread::scope(|scope| -> Result<_> {
            let netfilter = netfilter::start(scope, &modules);
            let network = network::read(network::Scope::Node, &mut remarks)?;
            let balancer = balancer::read(self.connections, &mut remarks);
            let tracking = tracking::read(&self.flows, &modules, &mut remarks);
            let pods = if self.pods { pods::read(&network, &mut remarks) } else { Part::default() };
            Ok((network, Rest { pods, balancer, tracking, netfilter: netfilter.finish() }))
        })?;
        let Rest { pods, balancer, tracking, netfilter } = rest;
        let name = || uname.nodename().to_string_lossy().into_owned();
        Ok(Snapshot {
            name: self.name.clone().unwrap_or_else(name),
            kernel: uname.release().to_string_lossy().into_owned(),
            taken_at,
            network,
            pods,
            balancer,
            tracking,
            netfilter,
            remarks,
        })
    }
}
