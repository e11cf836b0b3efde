//! One node: bridge, pods, overlay, service, masquerading.

use std::{ffi::OsStr, net::SocketAddrV4, process::Command};

use super::cluster::{POD_NETWORK, Plan, Pod, SERVICE, SERVICE_RULES};
use crate::{Result, http, namespace::Namespace, process};

/// A node that is up.
#[derive(Debug)]
pub(super) struct Node {
    plan: Plan,
    namespace: Namespace,
    pods: Vec<(Pod, Namespace)>,
}

/// The network between the nodes: one wire.
pub(super) fn connect(nodes: &[Namespace; 2]) -> Result<()> {
    let [first, second] = nodes;
    first.ip(&[
        "link",
        "add",
        "eth0",
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        second.name(),
    ])
}

impl Node {
    /// Builds the node in its namespace, which has `eth0` already.
    pub(super) fn build(namespace: Namespace, plan: Plan, peer: Plan) -> Result<Self> {
        namespace.sysctls(&[
            ("net/ipv4/ip_forward", "1"),
            ("net/ipv4/conf/all/rp_filter", "0"),
            ("net/ipv4/conf/default/rp_filter", "0"),
            ("net/ipv4/vs/conntrack", "1"),
        ])?;
        namespace.ip_batch(&format!(
            "addr add {address}/24 dev eth0\n\
             link set eth0 up\n\
             link add cni0 type bridge\n\
             addr add {prefix}.1/24 dev cni0\n\
             link set cni0 up\n",
            address = plan.address,
            prefix = plan.pod_prefix,
        ))?;
        // Replies between pods of one bridge must meet IPVS again on their way back.
        namespace.sysctls(&[("net/bridge/bridge-nf-call-iptables", "1")])?;
        let pods = plan.pods.iter().map(|&pod| Ok((pod, add_pod(&namespace, plan, pod)?)));
        let pods = pods.collect::<Result<_>>()?;
        let node = Self { plan, namespace, pods };
        node.join_overlay(peer)?;
        Ok(node)
    }

    /// What flannel sets up: a VXLAN device that learns nothing, and what it needs to know.
    fn join_overlay(&self, peer: Plan) -> Result<()> {
        self.namespace.ip_batch(&format!(
            "link add flannel.1 address {mac} mtu 1450 type vxlan id 1 local {address} dev eth0 \
               dstport 8472 nolearning\n\
             addr add {prefix}.0/32 dev flannel.1\n\
             link set flannel.1 up\n\
             route add {peer_prefix}.0/24 via {peer_prefix}.0 dev flannel.1 onlink\n\
             neigh add {peer_prefix}.0 lladdr {peer_mac} dev flannel.1 nud permanent\n",
            mac = self.plan.overlay_mac,
            address = self.plan.address,
            prefix = self.plan.pod_prefix,
            peer_prefix = peer.pod_prefix,
            peer_mac = peer.overlay_mac,
        ))?;
        let mut bridge = Command::new("bridge");
        bridge.args(["-n", self.plan.name, "fdb", "append", peer.overlay_mac]);
        bridge.args(["dev", "flannel.1", "dst", &peer.address.to_string()]);
        process::capture(&mut bridge)?.success().map(drop)
    }

    /// What kube-proxy sets up for the service: its address, and its destinations in IPVS, by
    /// the rsadm on PATH.
    pub(super) fn add_service(&self) -> Result<()> {
        self.namespace.ip_batch(&format!(
            "link add kube-ipvs0 type dummy\n\
             link set kube-ipvs0 arp off\n\
             addr add {}/32 dev kube-ipvs0\n",
            SERVICE.ip()
        ))?;
        let mut restore = self.command("rsadm");
        restore.args(["ipvs", "restore"]);
        process::capture_with(&mut restore, SERVICE_RULES)?.success().map(drop)
    }

    /// Whether the kernel has the nat table.
    pub(super) fn can_masquerade(&self) -> bool {
        let mut list = self.command("iptables");
        list.args(["-t", "nat", "-n", "-L"]);
        process::capture(&mut list).is_ok_and(|listed| listed.status.success())
    }

    /// kube-proxy's rules: who asks a service from outside the pods gets the node's address.
    pub(super) fn masquerade(&self) -> Result<()> {
        let mut set = self.command("ipset");
        let members = format!(
            "create KUBE-CLUSTER-IP hash:ip,port\nadd KUBE-CLUSTER-IP {},tcp:{}\n",
            SERVICE.ip(),
            SERVICE.port()
        );
        process::capture_with(set.arg("restore"), members)?.success()?;
        let rules = format!(
            "*nat\n\
             :KUBE-SERVICES - [0:0]\n\
             :KUBE-MARK-MASQ - [0:0]\n\
             :KUBE-POSTROUTING - [0:0]\n\
             -A PREROUTING -j KUBE-SERVICES\n\
             -A OUTPUT -j KUBE-SERVICES\n\
             -A POSTROUTING -j KUBE-POSTROUTING\n\
             -A KUBE-SERVICES ! -s {POD_NETWORK} -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ\n\
             -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n\
             -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n\
             -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0\n\
             -A KUBE-POSTROUTING -j MASQUERADE --random-fully\n\
             COMMIT\n"
        );
        let mut restore = self.command("iptables-restore");
        process::capture_with(&mut restore, rules)?.success().map(drop)
    }

    pub(super) fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The last part of its address.
    pub(super) fn number(&self) -> u8 {
        self.plan.address.octets()[3]
    }

    /// The address of its bridge, which pods of every node know the way to.
    pub(super) fn bridge_address(&self) -> String {
        format!("{}.1", self.plan.pod_prefix)
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(super) fn pod(&self, name: &str) -> Option<&Namespace> {
        self.pods.iter().find(|(pod, _)| pod.name == name).map(|(_, namespace)| namespace)
    }

    /// A command that will run on the node.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.namespace.command(program)
    }
}

/// A pod: a namespace on the node's bridge, with a web server that says the pod's address.
fn add_pod(node: &Namespace, plan: Plan, pod: Pod) -> Result<Namespace> {
    let namespace = Namespace::new(pod.name)?;
    node.ip_batch(&format!(
        "link add {wire} type veth peer name eth0 netns {name}\n\
         link set {wire} master cni0 up\n",
        wire = pod.wire,
        name = pod.name,
    ))?;
    namespace.ip_batch(&format!(
        "addr add {}/24 dev eth0\nlink set eth0 up\nroute add default via {}.1\n",
        pod.address, plan.pod_prefix
    ))?;
    let body = format!("{}\n", pod.address);
    namespace.enter(|| http::serve(SocketAddrV4::new(pod.address, 80), &body))?;
    Ok(namespace)
}
