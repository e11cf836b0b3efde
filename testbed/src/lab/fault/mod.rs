//! Faults: one thing broken on purpose, and what that does to traffic.

mod list;

use std::{
    collections::BTreeSet,
    fmt, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Command,
};

use super::{
    Lab, Node, Pod, Probe, Source, Variant,
    cluster::{Cluster, Forwarding, Network, Protocol},
    overlay::{Vtep, port_of},
};
use crate::{Context as _, Error, Result, namespace::Namespace};

/// The bytes that a large answer has more: it fits a packet, and that packet fits no small MTU.
pub const LARGE: usize = 1250;

/// One thing that can be broken.
#[derive(Debug)]
pub struct Fault {
    /// Its name on a command line.
    pub name: &'static str,
    /// What is done.
    pub done: &'static str,
    /// What the user sees.
    pub seen: &'static str,
    /// What that does to traffic.
    pub effect: Effect,
    /// What it cannot be made without.
    needs: &'static [Need],
    steps: &'static [Step],
}

/// What a fault does to traffic. A loss is told for each source, the node's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Requests are lost.
    Breaks([Loss; 2]),
    /// Large answers are lost, small ones arrive.
    LosesLarge([Loss; 2]),
    /// Everything arrives, but large packets cross the underlay in fragments.
    Fragments,
    /// UDP flows that were there before get no answer; new ones do.
    BreaksFlows([Loss; 2]),
    /// Nothing yet.
    Latent,
}

/// Which requests of a source are lost, and how it looks to that source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Those that round robin gives to these backends.
    pub lost: Lost,
    /// What the source sees.
    pub how: How,
}

/// Backends, as one source sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// None.
    Nothing,
    /// Every one.
    All,
    /// Those on the other one of the first two nodes.
    Other,
    /// Those on all other nodes.
    Remote,
    /// Those on the source's node.
    Local,
    /// The first pod of the first node.
    FirstPod,
}

/// How a request is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// No answer at all.
    TimesOut,
    /// An answer that says no.
    Refused,
    /// The asking kernel does not even send it.
    Unsent,
    /// It is not: another backend answers.
    Moved,
}

/// What a fault cannot be made without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A VXLAN between the nodes.
    Vxlan,
    /// The service on every node, by NAT.
    Masquerade,
    /// The service by direct routing.
    DirectRouting,
    /// IPv4's own sysctls.
    Ipv4,
    /// A TCP service.
    Tcp,
    /// A UDP service.
    Udp,
    /// No third node.
    TwoNodes,
    /// A kernel with iptables.
    Iptables,
}

/// One thing to do.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Run a command line.
    Run(Place, &'static str),
    /// Run a command line for every destination of the service.
    ForEach(Place, &'static str),
    /// Set a sysctl.
    Set(Place, &'static str, &'static str),
    /// Make the VXLAN device anew, with something changed.
    Recreate(Place, fn(&mut Vtep)),
    /// End the server of the first pod.
    Silence,
    /// Fill the table of flows.
    FillFlows(Place),
}

/// Where a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The first node, the one that asks.
    First,
    /// The second node, the client's.
    Second,
    /// The first pod of the first node.
    Pod,
    /// The switch between the nodes.
    Switch,
}

impl Fault {
    /// Every fault, in the order of the packet.
    pub fn all() -> &'static [Self] {
        list::FAULTS
    }

    /// The fault of this name.
    pub fn find(name: &str) -> Result<&'static Self> {
        Self::all().iter().find(|fault| fault.name == name).ok_or_else(|| {
            let names: Vec<_> = Self::all().iter().map(|fault| fault.name).collect();
            Error::new(format!("the lab has no fault {name}: it has {}", names.join(", ")))
        })
    }

    /// The first variant that it can be made in.
    pub fn variant(&self) -> Option<Variant> {
        Variant::ALL.into_iter().find(|&variant| self.lacks_in(variant).is_none())
    }

    /// Why it cannot be made in a variant.
    pub fn lacks_in(&self, variant: Variant) -> Option<String> {
        let cluster = variant.cluster();
        let lack = self.needs.iter().find_map(|need| need.lacks_in(&cluster))?;
        Some(format!("{} cannot be made in the lab's variant {variant}: {lack}", self.name))
    }

    /// Whether it needs a kernel with iptables, which 7.2 is not.
    pub fn needs_iptables(&self) -> bool {
        self.needs.contains(&Need::Iptables)
    }
}

impl Need {
    fn lacks_in(self, cluster: &Cluster) -> Option<&'static str> {
        let (has, lack) = match self {
            Self::Vxlan => (cluster.network == Network::Vxlan, "it has no VXLAN"),
            Self::Masquerade => {
                (cluster.forwarding == Forwarding::Masquerade, "its service is on one node alone")
            }
            Self::DirectRouting => (
                cluster.forwarding == Forwarding::DirectRouting,
                "its service is not routed directly",
            ),
            Self::Ipv4 => (cluster.service().is_ipv4(), "it has no IPv4"),
            Self::TwoNodes => (cluster.nodes.len() == 2, "it has a third node"),
            Self::Tcp => (cluster.protocol == Protocol::Tcp, "its service is not TCP"),
            Self::Udp => (cluster.protocol == Protocol::Udp, "its service is not UDP"),
            Self::Iptables => (true, ""),
        };
        (!has).then_some(lack)
    }
}

impl Effect {
    /// What a source's probe says when the fault is there: one with small answers, or large ones,
    /// or by flows that were there before.
    pub fn expected(&self, lab: &Lab, source: Source, asked: Asked) -> Probe {
        let losses = match (*self, asked) {
            (Self::Breaks(losses), _)
            | (Self::LosesLarge(losses), Asked::Large)
            | (Self::BreaksFlows(losses), Asked::ByOldFlows) => losses,
            (Self::BreaksFlows(losses), _) => losses.map(|loss| Loss { how: How::Moved, ..loss }),
            _ => [Loss { lost: Lost::Nothing, how: How::TimesOut }; 2],
        };
        losses[source as usize].expected(lab, source)
    }
}

/// What a probe asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Small answers.
    Small,
    /// Answers of [`LARGE`] bytes more.
    Large,
    /// Small answers, by UDP flows that were there before.
    ByOldFlows,
}

impl Loss {
    fn expected(self, lab: &Lab, source: Source) -> Probe {
        let lost = self.lost.backends(lab, source);
        let mut probe = Probe { answered: &lab.backends() - &lost, ..Probe::default() };
        match self.how {
            How::TimesOut => probe.timed_out = lost.len(),
            How::Refused => probe.refused = lost.len(),
            How::Unsent => probe.unsent = lost.len(),
            How::Moved => {}
        }
        probe
    }
}

impl Lost {
    fn backends(self, lab: &Lab, source: Source) -> BTreeSet<IpAddr> {
        let on = |node: usize| -> BTreeSet<IpAddr> {
            lab.nodes[node].pods().iter().map(Pod::address).collect()
        };
        let (all, own, other) = (lab.backends(), on(source as usize), on(1 - source as usize));
        match self {
            Self::Nothing => BTreeSet::new(),
            Self::All => all,
            Self::Other => &all & &other,
            Self::Remote => &all - &own,
            Self::Local => &all & &own,
            Self::FirstPod => BTreeSet::from([lab.nodes[0].pods()[0].address()]),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, losses) = match self {
            Self::Breaks(losses) => ("", losses),
            Self::LosesLarge(losses) => ("large answers: ", losses),
            Self::BreaksFlows(losses) => ("flows from before: ", losses),
            Self::Fragments => return f.write_str("large packets cross in fragments"),
            Self::Latent => return f.write_str("all is answered"),
        };
        f.write_str(what)?;
        match losses {
            [node, client] if node == client => write!(f, "both: {node}"),
            [node, client] if client.lost == Lost::Nothing => write!(f, "node: {node}"),
            [node, client] if node.lost == Lost::Nothing => write!(f, "client: {client}"),
            [node, client] => write!(f, "node: {node}; client: {client}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = match self.lost {
            Lost::Nothing => return f.write_str("nothing"),
            Lost::All => "all",
            Lost::Other => "the other's pods",
            Lost::Remote => "all other nodes' pods",
            Lost::Local => "its own node's pods",
            Lost::FirstPod => "one pod",
        };
        let how = match self.how {
            How::TimesOut => "no answer from",
            How::Refused => "refused by",
            How::Unsent => "not sent to",
            How::Moved => "answered instead of",
        };
        write!(f, "{how} {lost}")
    }
}

impl Lab {
    /// Why a fault cannot be made here.
    pub fn lacks(&self, fault: &Fault) -> Option<String> {
        if let Some(lack) = fault.lacks_in(self.variant) {
            return Some(lack);
        }
        let lacks_iptables = fault.needs_iptables() && !self.masquerades;
        lacks_iptables.then(|| {
            format!("{} needs iptables, which this kernel lacks: 6.1 and 6.12 have it", fault.name)
        })
    }

    /// Makes a fault, and tells what was done, as typed at a prompt.
    pub fn inject(&mut self, fault: &Fault) -> Result<Vec<String>> {
        if let Some(lack) = self.lacks(fault) {
            return Err(Error::new(lack));
        }
        let mut told = Vec::new();
        for &step in fault.steps {
            told.extend(self.take(step)?);
        }
        Ok(told)
    }

    fn take(&mut self, step: Step) -> Result<Vec<String>> {
        let told = match step {
            Step::Run(place, line) => self.run_at(place, &self.filled_at(place, line)),
            Step::ForEach(place, line) => {
                let line = self.filled_at(place, line);
                let pods = self.cluster.backends().map(|pod| {
                    let pod = SocketAddr::new(pod, self.cluster.pod_port()).to_string();
                    self.run_at(place, &line.replace("{destination}", &pod))
                });
                return pods.collect();
            }
            Step::Set(place, name, value) => {
                self.place(place).sysctls(&[(name, value)])?;
                let name = name.replace('/', ".");
                Ok(format!("{}# sysctl -w {name}={value}", self.place(place).name()))
            }
            Step::Recreate(place, change) => self.recreate(place, change),
            Step::Silence => {
                let pod = &mut self.nodes[0].pods_mut()[0];
                pod.silence();
                Ok(format!("{}: the server ended", pod.name()))
            }
            Step::FillFlows(place) => self.fill_flows(place),
        };
        Ok(vec![told?])
    }

    fn run_at(&self, place: Place, line: &str) -> Result<String> {
        let (namespace, mut words) = (self.place(place), line.split(' '));
        let mut command = Command::new(words.next().unwrap_or_default());
        namespace.capture(command.args(words), "")?.success()?;
        Ok(format!("{}# {line}", namespace.name()))
    }

    /// As flannel does it after a restart.
    fn recreate(&self, place: Place, change: fn(&mut Vtep)) -> Result<String> {
        let node = self.node(place);
        let mut vtep = Vtep::of(&self.cluster, &node.plan);
        change(&mut vtep);
        node.namespace().ip(&["link", "delete", node.overlay()])?;
        node.join_overlay(&vtep)?;
        Ok(format!(
            "{}: {} made anew: id {} dstport {} local {} address {}",
            node.name(),
            node.overlay(),
            vtep.vni,
            vtep.port,
            vtep.local,
            vtep.mac
        ))
    }

    /// Flows that nobody may evict, of others than the lab's own.
    fn fill_flows(&self, place: Place) -> Result<String> {
        let node = self.node(place);
        let maximum = "/proc/sys/net/netfilter/nf_conntrack_max";
        let text = node
            .namespace()
            .enter(|| fs::read_to_string(maximum).context(|| format!("cannot read {maximum}")))?;
        let count: u32 = text.trim().parse().context(|| format!("no number in {maximum}"))?;
        let (from, to) = (Ipv4Addr::new(198, 18, 0, 0), Ipv4Addr::new(198, 51, 100, 1));
        let flows = (0..=count).map(|number| {
            let from = Ipv4Addr::from_bits(from.to_bits() + number);
            format!(
                "-A -t 600 -u SEEN_REPLY,ASSURED -s {from} -d {to} -r {to} -q {from} -p udp \
                 --sport 1024 --dport 53 --reply-port-src 53 --reply-port-dst 1024\n"
            )
        });
        let mut load = Command::new("rsadm");
        load.args(["conntrack", "load"]);
        // The last ones are refused: the table is full.
        node.namespace().capture(&mut load, flows.collect::<String>())?;
        Ok(format!("{}: {count} flows of others fill the table", node.name()))
    }

    fn node(&self, place: Place) -> &Node {
        &self.nodes[usize::from(place == Place::Second)]
    }

    fn place(&self, place: Place) -> &Namespace {
        match place {
            Place::First | Place::Second => self.node(place).namespace(),
            Place::Pod => self.nodes[0].pods()[0].namespace(),
            Place::Switch => &self.switch,
        }
    }

    /// A command line with the lab's names in place of those in braces.
    fn filled_at(&self, place: Place, line: &str) -> String {
        let (node, peer) = match place {
            Place::Second => (&self.nodes[1], &self.nodes[0]),
            Place::First | Place::Pod | Place::Switch => (&self.nodes[0], &self.nodes[1]),
        };
        let (family, service) = (self.cluster.family, self.cluster.service());
        let port = self.cluster.pod_port();
        let pod = |number| SocketAddr::new(family.pod(node.plan.subnet, number), port).to_string();
        let names = [
            ("{overlay}", node.overlay().to_owned()),
            ("{address}", node.address().to_string()),
            ("{pods}", node.pod_network()),
            ("{peer}", peer.address().to_string()),
            ("{peer mac}", peer.overlay_mac().to_owned()),
            ("{peer vtep}", peer.overlay_address().to_string()),
            ("{peer pods}", peer.pod_network()),
            ("{peer port}", port_of(peer)),
            ("{nobody}", family.node(199).to_string()),
            ("{service}", self.service()),
            ("{service address}", format!("{}/{}", service.ip(), family.host_length())),
            ("{pod}", pod(node.plan.pods[0])),
            ("{no pod}", pod(99)),
            ("{wire}", node.pods()[0].wire().to_owned()),
            ("{version}", if service.is_ipv4() { "-4" } else { "-6" }.to_owned()),
            ("{iptables}", family.iptables().to_owned()),
        ];
        names.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of the documentation that is about this fault.
    fn row(fault: &Fault) -> String {
        let fits = |variant: &&Variant| fault.lacks_in(**variant).is_none();
        let variants: Vec<_> = Variant::ALL.iter().filter(fits).map(|fits| fits.name()).collect();
        let variants =
            if variants.len() == Variant::ALL.len() { "all".into() } else { variants.join(", ") };
        let kernels = if fault.needs_iptables() { "6.1, 6.12" } else { "all" };
        let Fault { name, done, seen, effect, .. } = fault;
        format!("| `{name}` | {done} | {seen} | {effect} | {variants} | {kernels} |")
    }

    #[test]
    fn the_documentation_lists_every_variant_and_fault() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lab.md");
        let text = fs::read_to_string(path).expect("docs/lab.md is there");
        let found: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
        let variants = Variant::ALL.iter();
        let variants = variants.map(|variant| format!("| `{variant}` | {} |", variant.about()));
        let expected: Vec<_> = variants.chain(Fault::all().iter().map(row)).collect();
        assert!(found == expected, "the tables of docs/lab.md should be\n{}", expected.join("\n"));
    }

    #[test]
    fn names_are_words_of_their_own_and_every_fault_can_be_made() {
        let names: BTreeSet<&str> = Fault::all().iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), Fault::all().len());
        for fault in Fault::all() {
            let plain = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            assert!(fault.name.chars().all(plain), "{}", fault.name);
            assert!(fault.variant().is_some(), "{}", fault.name);
        }
        let said = Fault::find("nosuch").expect_err("there is none").to_string();
        assert!(
            said.starts_with("the lab has no fault nosuch: it has service-missing, "),
            "{said}"
        );
    }
}
