//! One node: bridge, pods, service, masquerading.

use std::{
    ffi::OsStr,
    net::{IpAddr, SocketAddr},
    process::Command,
};

use super::{
    cluster::{CLIENT, Cluster, Family, Forwarding, Network, Plan, Protocol},
    overlay::Vtep,
};
use crate::{Result, http, namespace::Namespace, udp};

/// A node of the lab that is up.
#[derive(Debug)]
pub struct Node {
    pub(super) plan: Plan,
    pub(super) cluster: Cluster,
    namespace: Namespace,
    pods: Vec<Pod>,
}

/// A pod: a namespace on its node's bridge, with a server that says the pod's address.
#[derive(Debug)]
pub struct Pod {
    number: u8,
    address: IpAddr,
    wire: String,
    namespace: Namespace,
    server: Option<Server>,
}

/// What answers in a pod.
#[derive(Debug)]
#[expect(dead_code, reason = "kept for what they do when they are dropped")]
enum Server {
    Tcp(http::Server),
    Udp(udp::Server),
}

impl Pod {
    /// Its name, which is its namespace's: `pod-5-23`.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// Its address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The node's end of the wire to it.
    pub fn wire(&self) -> &str {
        &self.wire
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Whether it asks instead of answering.
    pub fn is_client(&self) -> bool {
        self.number == CLIENT
    }

    /// A command that will run in the pod.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.namespace.command(program)
    }

    fn new(cluster: &Cluster, plan: &Plan, number: u8) -> Result<Self> {
        let (subnet, address) = (plan.subnet, cluster.family.pod(plan.subnet, number));
        let namespace = Namespace::new(&format!("pod-{subnet}-{number}"))?;
        let wire = format!("veth{subnet}{number}");
        Ok(Self { number, address, wire, namespace, server: None })
    }

    /// Its own end of the wire, and its server.
    fn start(&mut self, cluster: &Cluster, plan: &Plan) -> Result<()> {
        let (family, serves) = (cluster.family, !self.is_client());
        let mut lines = vec![format!(
            "addr add {}/{} dev eth0 {}\nlink set eth0 up\nroute add default via {}\n",
            self.address,
            family.network_length(),
            family.no_detection(),
            family.pod(plan.subnet, 1)
        )];
        let mut listen = SocketAddr::new(self.address, cluster.pod_port());
        let takes_service = cluster.forwarding == Forwarding::DirectRouting && cluster.serves(plan);
        if takes_service {
            // Whom packets reach as they are must own their address, and keep it to itself.
            self.namespace.sysctls(&[
                ("net/ipv4/conf/all/arp_ignore", "1"),
                ("net/ipv4/conf/all/arp_announce", "2"),
            ])?;
            listen = cluster.service();
            lines.push(format!("addr add {}/{} dev lo\n", listen.ip(), family.host_length()));
        }
        self.namespace.ip_batch(&lines.concat())?;
        if serves {
            let body = format!("{}\n", self.address);
            self.server = Some(self.namespace.enter(|| match cluster.protocol {
                Protocol::Tcp => http::serve(listen, &body).map(Server::Tcp),
                Protocol::Udp => udp::serve(listen, &body).map(Server::Udp),
            })?);
        }
        Ok(())
    }

    /// Ends its server.
    pub(super) fn silence(&mut self) {
        self.server = None;
    }
}

impl Node {
    /// The node's namespace and its pods', all of them empty.
    pub(super) fn new(cluster: Cluster, plan: Plan) -> Result<Self> {
        let namespace = Namespace::new(&plan.name())?;
        let pods = plan.pods.iter().map(|&pod| Pod::new(&cluster, &plan, pod));
        Ok(Self { plan, cluster, namespace, pods: pods.collect::<Result<_>>()? })
    }

    /// Builds the node in its namespace, which has `eth0` already.
    pub(super) fn build(&mut self) -> Result<()> {
        self.namespace.sysctls(&self.cluster.family.node_sysctls())?;
        let family = self.cluster.family;
        let mut lines = vec![format!(
            "addr add {address}/{length} dev eth0 {no_detection}\n\
             link set eth0 up\n\
             link add cni0 mtu {mtu} type bridge\n\
             addr add {bridge}/{length} dev cni0 {no_detection}\n\
             link set cni0 up\n",
            address = self.address(),
            length = family.network_length(),
            no_detection = family.no_detection(),
            bridge = self.bridge_address(),
            mtu = self.cluster.mtu(),
        )];
        for pod in &self.pods {
            lines.push(format!(
                "link add {wire} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {name}\n\
                 link set {wire} master cni0 up\n",
                wire = pod.wire,
                name = pod.name(),
                mtu = self.cluster.mtu(),
            ));
        }
        self.namespace.ip_batch(&lines.concat())?;
        // Replies between pods of one bridge must meet IPVS again on their way back.
        self.namespace.sysctls(&[
            ("net/bridge/bridge-nf-call-iptables", "1"),
            ("net/bridge/bridge-nf-call-ip6tables", "1"),
        ])?;
        for pod in &mut self.pods {
            pod.start(&self.cluster, &self.plan)?;
        }
        match self.cluster.network {
            Network::Vxlan => self.join_overlay(&Vtep::of(&self.cluster, &self.plan)),
            Network::Direct => self.route_directly(),
        }
    }

    /// What kube-proxy sets up for the service: its address, and its destinations in IPVS, by
    /// the rsadm on PATH.
    pub(super) fn add_service(&self) -> Result<()> {
        let (service, length) = (self.cluster.service(), self.cluster.family.host_length());
        if !self.cluster.serves(&self.plan) {
            let director = self.cluster.family.pod(self.cluster.nodes[0].subnet, 0);
            let overlay = self.overlay();
            let route = format!("{}/{length}", service.ip());
            let to = ["route", "add", &route, "via", &director.to_string(), "dev", overlay];
            return self.namespace.ip(&[to.as_slice(), &["onlink"]].concat());
        }
        self.namespace.ip_batch(&format!(
            "link add kube-ipvs0 type dummy\n\
             link set kube-ipvs0 arp off\n\
             addr add {}/{length} dev kube-ipvs0 {}\n",
            service.ip(),
            self.cluster.family.no_detection(),
        ))?;
        if self.cluster.forwarding == Forwarding::DirectRouting {
            // Answers pass the director with the service's address, its own, as their source.
            self.namespace.sysctls(&[("net/ipv4/conf/cni0/accept_local", "1")])?;
        }
        let mut restore = Command::new("rsadm");
        restore.args(["ipvs", "restore"]);
        self.namespace.capture(&mut restore, self.cluster.service_rules())?.success().map(drop)
    }

    /// Whether the kernel has the nat table.
    pub(super) fn can_masquerade(&self) -> bool {
        let mut list = Command::new(self.cluster.family.iptables());
        list.args(["-t", "nat", "-n", "-L"]);
        self.namespace.capture(&mut list, "").is_ok_and(|listed| listed.status.success())
    }

    /// kube-proxy's rules: who asks a service from outside the pods gets the node's address.
    pub(super) fn masquerade(&self) -> Result<()> {
        let (family, service) = (self.cluster.family, self.cluster.service());
        let (name, kind) = match family {
            Family::V4 => ("KUBE-CLUSTER-IP", "hash:ip,port"),
            Family::V6 => ("KUBE-6-CLUSTER-IP", "hash:ip,port family inet6"),
        };
        let member =
            format!("{},{}:{}", service.ip(), self.cluster.protocol.name(), service.port());
        let mut set = Command::new("ipset");
        let members = format!("create {name} {kind}\nadd {name} {member}\n");
        self.namespace.capture(set.arg("restore"), members)?.success()?;
        let rules = format!(
            "*nat\n\
             :KUBE-SERVICES - [0:0]\n\
             :KUBE-MARK-MASQ - [0:0]\n\
             :KUBE-POSTROUTING - [0:0]\n\
             -A PREROUTING -j KUBE-SERVICES\n\
             -A OUTPUT -j KUBE-SERVICES\n\
             -A POSTROUTING -j KUBE-POSTROUTING\n\
             -A KUBE-SERVICES ! -s {pods} -m set --match-set {name} dst,dst -j KUBE-MARK-MASQ\n\
             -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n\
             -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n\
             -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0\n\
             -A KUBE-POSTROUTING -j MASQUERADE --random-fully\n\
             COMMIT\n",
            pods = family.pod_network(),
        );
        let mut restore = Command::new(format!("{}-restore", family.iptables()));
        self.namespace.capture(&mut restore, rules)?.success().map(drop)
    }

    /// Its name, which is its namespace's: `node120`.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The last part of its address.
    pub fn number(&self) -> u8 {
        self.plan.number
    }

    /// Its address on the underlay.
    pub fn address(&self) -> IpAddr {
        self.cluster.family.node(self.plan.number)
    }

    /// The MAC address of its end of the underlay, `eth0`.
    pub fn mac(&self) -> &'static str {
        self.plan.mac
    }

    /// The MAC address that its end of the overlay is built with.
    pub fn overlay_mac(&self) -> &'static str {
        self.plan.overlay_mac
    }

    /// The address of its end of the overlay.
    pub fn overlay_address(&self) -> IpAddr {
        self.cluster.family.pod(self.plan.subnet, 0)
    }

    /// The device that is its end of the overlay.
    pub fn overlay(&self) -> &'static str {
        self.cluster.family.overlay()
    }

    /// The network of its pods.
    pub fn pod_network(&self) -> String {
        format!("{}/{}", self.overlay_address(), self.cluster.family.network_length())
    }

    /// The address of its bridge, which pods of every node know the way to.
    pub fn bridge_address(&self) -> IpAddr {
        self.cluster.family.pod(self.plan.subnet, 1)
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Its pods.
    pub fn pods(&self) -> &[Pod] {
        &self.pods
    }

    pub(super) fn pods_mut(&mut self) -> &mut [Pod] {
        &mut self.pods
    }

    /// A command that will run on the node.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.namespace.command(program)
    }
}

impl Family {
    pub(super) fn iptables(self) -> &'static str {
        match self {
            Self::V4 => "iptables",
            Self::V6 => "ip6tables",
        }
    }

    /// Addresses are known to be nobody else's: used at once.
    fn no_detection(self) -> &'static str {
        match self {
            Self::V4 => "",
            Self::V6 => "nodad",
        }
    }

    /// What kube-proxy sets, and what makes a node a router.
    fn node_sysctls(self) -> Vec<(&'static str, &'static str)> {
        let mut values = vec![
            ("net/ipv4/vs/conntrack", "1"),
            ("net/ipv4/vs/expire_nodest_conn", "1"),
            ("net/ipv4/vs/expire_quiescent_template", "1"),
            // Not kube-proxy's, but of whoever knows that IPVS forgets what is idle for 900 s.
            ("net/ipv4/tcp_keepalive_time", "600"),
        ];
        values.extend(match self {
            Self::V4 => [
                ("net/ipv4/ip_forward", "1"),
                ("net/ipv4/conf/all/rp_filter", "0"),
                ("net/ipv4/conf/default/rp_filter", "0"),
            ]
            .as_slice(),
            // Without it forwarding waits for the detection of duplicate link-local addresses.
            Self::V6 => [
                ("net/ipv6/conf/all/forwarding", "1"),
                ("net/ipv6/conf/all/accept_dad", "0"),
                ("net/ipv6/conf/default/accept_dad", "0"),
            ]
            .as_slice(),
        });
        values
    }
}
