//! The lab: two nodes of a cluster with an overlay, a service, and the pods behind it.
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
//! Every node and every pod is a network namespace; the web servers of the pods are threads of
//! this process. All of it ends with the process and its namespaces.

mod cluster;
mod node;
mod traffic;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{Context, Error, Result, namespace::Namespace, process};
use cluster::NODES;
use node::Node;

/// What the tour shows, on node 120.
const TOUR: [&str; 4] = [
    "rsadm ipvs list -n",
    "rsadm ipvs connections -n",
    "rsadm conntrack list -p tcp --dport 8880",
    "rsadm conntrack list --service tcp://10.243.21.14:8880",
];

/// What it shows on node 121, where the client is.
const CLIENTS_TOUR: &str = "rsadm conntrack list -p tcp -s 10.244.3.10";

/// The running lab.
#[derive(Debug)]
pub struct Lab {
    nodes: [Node; 2],
    masquerades: bool,
}

impl Lab {
    /// Builds the cluster in the caller's namespace, which should be a fresh one.
    pub fn build() -> Result<Self> {
        if !Path::new("/proc/net/ip_vs").exists() {
            return Err(Error::new(
                "this kernel has no IPVS and `modprobe ip_vs` found none: choose one to boot, \
                 `--kernel 6.12`",
            ));
        }
        let namespaces = [Namespace::new(NODES[0].name)?, Namespace::new(NODES[1].name)?];
        node::connect(&namespaces)?;
        let [first, second] = namespaces;
        let nodes =
            [Node::build(first, NODES[0], NODES[1])?, Node::build(second, NODES[1], NODES[0])?];
        let masquerades = nodes[0].can_masquerade();
        for node in &nodes {
            node.add_service()?;
            if masquerades {
                node.masquerade()?;
            }
        }
        Ok(Self { nodes, masquerades })
    }

    /// Whether the kernel does the NAT that kube-proxy's rule asks for.
    pub fn masquerades(&self) -> bool {
        self.masquerades
    }

    /// Shows the tables before and after traffic.
    pub fn tour(&self) -> Result<()> {
        show("the service table", &self.nodes[0], TOUR[0])?;
        self.send_traffic()?;
        for line in TOUR {
            show("after the requests", &self.nodes[0], line)?;
        }
        show("the client's requests", &self.nodes[1], CLIENTS_TOUR)
    }

    /// Asks the service often enough to reach every pod, and checks that all of them answered.
    pub fn send_traffic(&self) -> Result<()> {
        traffic::from_node(&self.nodes[0], self.masquerades)?;
        traffic::from_client(&self.nodes[1])
    }

    /// Runs a command on the node of this number (120 or 121) and answers its exit status.
    pub fn run(&self, node: u8, command: &[String]) -> Result<i32> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Error::new("no command to run"));
        };
        let node =
            self.nodes.iter().find(|candidate| candidate.number() == node).ok_or_else(|| {
                Error::new(format!("the lab has no node {node}: it has 120 and 121"))
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
    println!("\n# {}, {what}\n$ {line}", node.name());
    let mut words = line.split(' ');
    let mut command: Command = node.command(words.next().unwrap_or_default());
    // Both outputs in the order in which they are written.
    command.args(words).stdin(Stdio::null()).stderr(std::io::stdout());
    let status = command.status().context(|| format!("cannot run `{line}`"))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{line}` on {} ended with {status}", node.name())))
}
