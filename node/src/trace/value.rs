//! What a trace says: every step of a packet's way with its evidence.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipvs::Protocol;
use serde::{Serialize, Serializer};
use vxlan::{Mac, Vni};

use crate::{Code, Stage};

/// The way of a packet to a service or a pod and back, once for every destination that may be
/// chosen.
///
/// As JSON it is documented in `docs/trace.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// What the packet is for: `tcp://10.243.21.14:8880`, or a pod's address.
    pub target: String,
    /// Who sends it.
    pub from: String,
    /// What becomes of it: the worst of the paths.
    pub verdict: Verdict,
    /// Where the first path breaks, if one does.
    pub broken_at: Option<Break>,
    /// A path for every destination, in the order of the service.
    pub paths: Vec<Path>,
}

/// What becomes of a packet, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It arrives, and its answer too.
    Delivered,
    /// Something that decides it could not be seen.
    Unknown,
    /// It is lost.
    Broken,
}

/// Where a way breaks, why, and how it is mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The node.
    pub node: String,
    /// The stage.
    pub stage: Stage,
    /// The link, if the fault is one's.
    pub device: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// The word for it.
    pub code: Code,
    /// Commands that mend it, one a line, if it is known what should be.
    pub fix: Option<String>,
}

/// The way to one destination and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Path {
    /// The destination; the target where there is no choice.
    pub destination: String,
    /// What becomes of the packet.
    pub verdict: Verdict,
    /// Steps in the packet's order; nothing follows one that is broken.
    pub steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The node, by its snapshot's name.
    pub node: String,
    /// There or back.
    pub direction: Direction,
    /// What it is about.
    pub stage: Stage,
    /// How it is.
    pub state: State,
    /// What was found, in a line.
    pub summary: String,
    /// What says so.
    pub evidence: Evidence,
}

/// There or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the source to the target.
    Forward,
    /// The answer.
    Return,
}

/// How a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// The packet passes, but something is wrong.
    Warning,
    /// It cannot be told.
    Unknown,
    /// The packet is lost.
    Broken,
}

/// What a step relies on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The pod, if the step is not in the node's own network namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The row that decided, as the tools print it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// The command that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The packet behind the step, where the step changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<Packet>,
    /// The frame that a capture on the link shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// The destinations of the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// What is wrong, of steps that are not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Commands that mend it, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// A destination of the service, and whether packets may go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Address and port.
    pub address: SocketAddr,
    /// Share of new connections.
    pub weight: u32,
    /// No new connections above this many; 0 is no limit.
    pub upper_threshold: u32,
    /// New connections again below this many.
    pub lower_threshold: u32,
    /// Connections in an active state.
    pub active_connections: u32,
    /// All other connections.
    pub inactive_connections: u32,
    /// Whether it takes new connections.
    pub chosen: bool,
}

/// The headers of a packet that decide its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Packet {
    /// Layer 4 protocol; `None` for any.
    #[serde(serialize_with = "Named::serialize")]
    pub protocol: Option<Protocol>,
    /// Source address.
    pub source: IpAddr,
    /// Source port; `None` where the kernel chooses one.
    pub source_port: Option<u16>,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: Option<u16>,
}

impl Packet {
    /// The answer to it.
    #[must_use]
    pub const fn answer(self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            source_port: self.destination_port,
            destination: self.source,
            destination_port: self.source_port,
        }
    }
}

/// `tcp 10.244.5.0:* > 10.244.3.32:80`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Some(protocol) => write!(f, "{protocol} ")?,
            None => f.write_str("ip ")?,
        }
        let (from, to) = (self.source, self.destination);
        write!(f, "{} > {}", End(from, self.source_port), End(to, self.destination_port))
    }
}

/// An end of a packet; a star stands for a port that the kernel chooses.
struct End(IpAddr, Option<u16>);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (address, Some(port)) => write!(f, "{}", SocketAddr::new(address, port)),
            (IpAddr::V4(address), None) => write!(f, "{address}:*"),
            (IpAddr::V6(address), None) => write!(f, "[{address}]:*"),
        }
    }
}

/// A protocol by its name.
trait Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

impl Named for Option<Protocol> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(protocol) => serializer.collect_str(protocol),
            None => serializer.serialize_none(),
        }
    }
}

/// An Ethernet frame on a link, as a capture shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Whom it is from; `None` if the snapshots do not tell.
    pub source: Option<Mac>,
    /// Whom it is for; `None` if it is still to be resolved.
    pub destination: Option<Mac>,
    /// The packet in it; that of a tunnel comes from a port of the kernel's choice.
    pub packet: Packet,
    /// The virtual network, if it carries another frame.
    pub vni: Option<Vni>,
    /// The frame in it.
    pub inner: Option<Box<Frame>>,
}

impl Trace {
    /// Puts paths together.
    pub(super) fn of(target: String, from: String, paths: Vec<Path>) -> Self {
        let verdict = paths.iter().map(|path| path.verdict).max().unwrap_or(Verdict::Unknown);
        let broken_at = paths.iter().find_map(Path::broken_at);
        Self { target, from, verdict, broken_at, paths }
    }

    /// The first step that is not known, and decides.
    pub fn unknown_at(&self) -> Option<&Step> {
        let steps = self.paths.iter().flat_map(|path| &path.steps);
        steps.into_iter().find(|step| step.state == State::Unknown)
    }

    /// Steps in a state.
    pub fn steps_in(&self, state: State) -> impl Iterator<Item = &Step> {
        self.paths.iter().flat_map(|path| &path.steps).filter(move |step| step.state == state)
    }
}

impl Path {
    /// A path with the verdict that its steps make.
    pub(super) fn of(destination: String, steps: Vec<Step>) -> Self {
        let has = |state| steps.iter().any(|step| step.state == state);
        let verdict = match () {
            () if has(State::Broken) => Verdict::Broken,
            () if has(State::Unknown) => Verdict::Unknown,
            () => Verdict::Delivered,
        };
        Self { destination, verdict, steps }
    }

    /// Where it breaks, if it does.
    pub fn broken_at(&self) -> Option<Break> {
        let step = self.steps.iter().find(|step| step.state == State::Broken)?;
        Some(Break {
            node: step.node.clone(),
            stage: step.stage,
            device: step.evidence.device.clone(),
            reason: step.summary.clone(),
            code: step.evidence.code?,
            fix: step.evidence.fix.clone(),
        })
    }
}

impl Verdict {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Unknown => "unknown",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
