//! The lab: nodes of a cluster with an overlay, a service, and the pods behind it.
//!
//! ```text
//! node120  172.16.20.120                       node121  172.16.20.121
//!   kube-ipvs0  10.243.21.14  (the service)      kube-ipvs0  10.243.21.14
//!   cni0        10.244.5.1/24                    cni0        10.244.3.1/24
//!     pod 10.244.5.23                              pod 10.244.3.32
//!     pod 10.244.5.24                              pod 10.244.3.10  (the client)
//!   flannel.1   10.244.5.0/32  ---- VXLAN 1, UDP 8472 ----  flannel.1  10.244.3.0/32
//! ```
//!
//! That is [`Variant::Vxlan`]; the others change one thing each. Every node and every pod is a
//! network namespace, and so is the switch between the nodes; the servers of the pods are threads
//! of this process. All of it ends with the process and its namespaces.
//!
//! A [`Fault`] breaks one thing on purpose, [`Lab::probe`] tells what still answers, and
//! [`Lab::capture`] what passed between the nodes.

mod capture;
mod cluster;
mod fault;
mod node;
mod overlay;
mod traffic;
mod variant;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{Context, Error, Result, namespace::Namespace, process};
use cluster::Cluster;

pub use capture::{Frame, Ip, Mac, Transport, Vxlan};
pub use fault::{Asked, Effect, Fault, How, LARGE, Loss, Lost};
pub use node::{Node, Pod};
pub use traffic::{Flows, Probe, Source};
pub use variant::Variant;

/// What the tour shows, on node 120.
const TOUR: [&str; 4] = [
    "rsadm ipvs list -n",
    "rsadm ipvs connections -n",
    "rsadm conntrack list -p {protocol} --dport {port}",
    "rsadm conntrack list --service {service}",
];

/// What it shows on node 121, where the client is.
const CLIENTS_TOUR: &str = "rsadm conntrack list -p {protocol} -s {client}";

/// What it shows of the overlay, on both.
const OVERLAY_TOUR: [&str; 4] = [
    "rsadm vxlan link list",
    "rsadm vxlan neigh list",
    "rsadm vxlan fdb list -o table",
    "rsadm vxlan peers",
];

/// What it ends with: the packet's way, over the snapshots of both.
const SNAPSHOT: &str = "rsadm snapshot --name {node} /run/{node}.json.gz";
const TRACE: &str = "rsadm trace {service} --from {client}";

/// The running lab.
#[derive(Debug)]
pub struct Lab {
    variant: Variant,
    cluster: Cluster,
    nodes: Vec<Node>,
    switch: Namespace,
    masquerades: bool,
}

impl Lab {
    /// Builds the cluster in the caller's namespace, which should be a fresh one.
    ///
    /// Nothing has passed through it yet: [`send_traffic`](Self::send_traffic) checks that
    /// everything is answered.
    pub fn build(variant: Variant) -> Result<Self> {
        if !Path::new("/proc/net/ip_vs").exists() {
            return Err(Error::new(
                "this kernel has no IPVS and `modprobe ip_vs` found none: choose one to boot, \
                 `--kernel 6.12`",
            ));
        }
        let cluster = variant.cluster();
        let nodes = cluster.nodes.iter().map(|&plan| Node::new(cluster, plan));
        let mut nodes = nodes.collect::<Result<Vec<_>>>()?;
        let switch = overlay::connect(&nodes)?;
        let masquerades = nodes[0].can_masquerade();
        for node in &mut nodes {
            node.build()?;
            node.add_service()?;
            if masquerades {
                node.masquerade()?;
            }
        }
        let lab = Self { variant, cluster, nodes, switch, masquerades };
        if let Some(address) = lab.node_asks_from() {
            let why = if masquerades {
                "the pods own the service's address"
            } else {
                "this kernel has no NAT and no masquerade rule"
            };
            eprintln!("{why}: {} asks from its bridge {address}", lab.nodes[0].name());
        }
        Ok(lab)
    }

    /// Which one it is.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Whether the kernel does the NAT that kube-proxy's rule asks for.
    pub fn masquerades(&self) -> bool {
        self.masquerades
    }

    /// Its nodes, the one that asks first, and the client's second.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The pod that asks.
    pub fn client(&self) -> &Pod {
        let pods = self.nodes[1].pods();
        pods.iter().find(|pod| pod.is_client()).unwrap_or(&pods[0])
    }

    /// The service as rsadm's command line takes it: `tcp://10.243.21.14:8880`.
    pub fn service(&self) -> String {
        self.cluster.service_name()
    }

    /// Shows the tables before and after traffic, which breaks on the faults if there are any.
    pub fn tour(&mut self, faults: &[&Fault]) -> Result<()> {
        show("the service table", &self.nodes[0], TOUR[0])?;
        self.send_traffic()?;
        self.break_aloud(faults)?;
        for line in TOUR {
            show("after the requests", &self.nodes[0], &self.filled(line))?;
        }
        show("the client's requests", &self.nodes[1], &self.filled(CLIENTS_TOUR))?;
        for node in self.nodes.iter().take(2) {
            for line in OVERLAY_TOUR {
                show("the overlay", node, line)?;
            }
        }
        self.trace()
    }

    /// Shows the way of the client's packets, over all nodes; a broken one is shown too.
    fn trace(&self) -> Result<()> {
        let mut line = self.filled(TRACE);
        for node in &self.nodes {
            show("its state", node, &SNAPSHOT.replace("{node}", node.name()))?;
            line.push_str(" --snapshot /run/");
            line.push_str(node.name());
            line.push_str(".json.gz");
        }
        let shown = show_but(3, "the way of the client's packets", &self.nodes[1], &line);
        for node in &self.nodes {
            // It was written a moment ago, and is nobody's after the tour.
            _ = std::fs::remove_file(format!("/run/{}.json.gz", node.name()));
        }
        shown
    }

    /// Makes faults, and says what was done and what becomes of traffic.
    pub fn break_aloud(&mut self, faults: &[&Fault]) -> Result<()> {
        for fault in faults {
            eprintln!("\n{}: {}", fault.name, fault.done);
            for line in self.inject(fault)? {
                eprintln!("  {line}");
            }
        }
        if !faults.is_empty() {
            for (source, probe) in [Source::Node, Source::Client].iter().zip(self.probe_both(0)?) {
                eprintln!("{} asked {}: {probe}", self.who(*source), self.service());
            }
        }
        Ok(())
    }

    fn filled(&self, line: &str) -> String {
        let service = self.cluster.service();
        line.replace("{protocol}", self.cluster.protocol.name())
            .replace("{port}", &service.port().to_string())
            .replace("{service}", &self.service())
            .replace("{client}", &self.client().address().to_string())
    }

    /// Runs a command on the node of this number and answers its exit status.
    pub fn run(&self, node: u8, command: &[String]) -> Result<i32> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Error::new("no command to run"));
        };
        let found = self.nodes.iter().find(|candidate| candidate.number() == node);
        let node = found.ok_or_else(|| {
            let numbers: Vec<_> = self.nodes.iter().map(|node| node.number().to_string()).collect();
            Error::new(format!("the lab has no node {node}: it has {}", numbers.join(", ")))
        })?;
        let status = node
            .command(program)
            .args(arguments)
            .status()
            .context(|| format!("cannot run {program}"))?;
        Ok(process::exit_code(status))
    }
}

/// Prints a command line as typed at a prompt, and then what it says.
fn show(what: &str, node: &Node, line: &str) -> Result<()> {
    show_but(0, what, node, line)
}

/// The same, where this exit status is no failure either.
fn show_but(fine: i32, what: &str, node: &Node, line: &str) -> Result<()> {
    println!("\n# {}, {what}\n$ {line}", node.name());
    let mut words = line.split(' ');
    let mut command: Command = node.command(words.next().unwrap_or_default());
    // Both outputs in the order in which they are written.
    command.args(words).stdin(Stdio::null()).stderr(std::io::stdout());
    let status = command.status().context(|| format!("cannot run `{line}`"))?;
    if status.success() || status.code() == Some(fine) {
        return Ok(());
    }
    Err(Error::new(format!("`{line}` on {} ended with {status}", node.name())))
}
