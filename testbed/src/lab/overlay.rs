//! How the nodes reach each other: the wires between them, and what flannel sets up on them.

use std::process::Command;

use super::{
    cluster::{Cluster, Plan},
    node::Node,
};
use crate::{Result, namespace::Namespace, process};

/// The namespace of the switch that the nodes are connected to.
const SWITCH: &str = "underlay";

/// A node's end of the VXLAN.
#[derive(Debug, Clone)]
pub(super) struct Vtep {
    pub(super) vni: u32,
    pub(super) port: u16,
    pub(super) mac: String,
    pub(super) local: String,
}

impl Vtep {
    /// As flannel makes it.
    pub(super) fn of(cluster: &Cluster, plan: &Plan) -> Self {
        Self {
            vni: 1,
            port: 8472,
            mac: plan.overlay_mac.into(),
            local: cluster.family.node(plan.number).to_string(),
        }
    }
}

/// The network between the nodes: a switch with a wire to each one's `eth0`.
pub(super) fn connect(nodes: &[Node]) -> Result<Namespace> {
    let switch = Namespace::new(SWITCH)?;
    let mut lines = vec!["link add switch type bridge\nlink set switch up\n".to_owned()];
    for node in nodes {
        lines.push(format!(
            "link add {port} type veth peer name eth0 address {mac} netns {node}\n\
             link set {port} master switch up\n",
            port = port_of(node),
            mac = node.mac(),
            node = node.name(),
        ));
    }
    switch.ip_batch(&lines.concat())?;
    // It is a switch: no firewall looks at what passes.
    switch.sysctls(&[
        ("net/bridge/bridge-nf-call-iptables", "0"),
        ("net/bridge/bridge-nf-call-ip6tables", "0"),
    ])?;
    Ok(switch)
}

/// The switch's port of a node.
pub(super) fn port_of(node: &Node) -> String {
    format!("to{}", node.number())
}

impl Node {
    /// What flannel sets up: a VXLAN device that learns nothing, and what it needs to know.
    pub(super) fn join_overlay(&self, vtep: &Vtep) -> Result<()> {
        let overlay = self.overlay();
        let mut lines = vec![format!(
            "link add {overlay} address {mac} mtu {mtu} type vxlan id {vni} local {local} dev eth0 \
               dstport {port} nolearning\n\
             addr add {address}/{length} dev {overlay}\n\
             link set {overlay} up\n",
            mac = vtep.mac,
            mtu = self.cluster.mtu(),
            vni = vtep.vni,
            local = vtep.local,
            port = vtep.port,
            address = self.overlay_address(),
            length = self.cluster.family.host_length(),
        )];
        let mut entries = Vec::new();
        for peer in self.peers() {
            let (address, length) =
                (self.cluster.family.pod(peer.subnet, 0), self.cluster.family.network_length());
            lines.push(format!(
                "route add {address}/{length} via {address} dev {overlay} onlink\n\
                 neigh add {address} lladdr {mac} dev {overlay} nud permanent\n",
                mac = peer.overlay_mac,
            ));
            entries.push(format!(
                "fdb append {} dev {overlay} dst {}\n",
                peer.overlay_mac,
                self.cluster.family.node(peer.number)
            ));
        }
        self.namespace().ip_batch(&lines.concat())?;
        let mut bridge = Command::new("bridge");
        bridge.args(["-n", self.name(), "-batch", "-"]);
        process::capture_with(&mut bridge, entries.concat())?.success().map(drop)
    }

    /// What flannel sets up for nodes of one network with DirectRouting.
    pub(super) fn route_directly(&self) -> Result<()> {
        let routes = self.peers().map(|peer| {
            format!(
                "route add {}/{} via {} dev eth0\n",
                self.cluster.family.pod(peer.subnet, 0),
                self.cluster.family.network_length(),
                self.cluster.family.node(peer.number)
            )
        });
        self.namespace().ip_batch(&routes.collect::<String>())
    }

    fn peers(&self) -> impl Iterator<Item = &'static Plan> {
        let own = self.plan.number;
        self.cluster.nodes.iter().filter(move |plan| plan.number != own)
    }
}
