//! One condition on a flow.

use std::fmt;
use std::sync::Arc;

use super::{Network, Ports};
use crate::{
    DccpRole, DccpState, Direction, Family, Flow, Labels, Layer4, Protocol, ProtocolState,
    SctpState, Status, TcpState, Translation,
};

/// A translation that a flow has: to any end, or to these addresses and ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NatMatch {
    /// The address in place of the one that the sender used.
    pub address: Option<Network>,
    /// The port in place of the one that the sender used.
    pub ports: Option<Ports>,
}

impl NatMatch {
    fn holds(&self, translation: Option<Translation>) -> bool {
        let Some(to) = translation else { return false };
        self.address.is_none_or(|network| network.contains(to.address))
            && self
                .ports
                .as_ref()
                .is_none_or(|ports| to.port.is_some_and(|port| ports.contains(port)))
    }
}

impl fmt::Display for NatMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.address {
            write!(f, " to {address}")?;
        }
        match &self.ports {
            Some(ports) => write!(f, " port {ports}"),
            None => Ok(()),
        }
    }
}

/// A condition in code, with a name for whoever is told of it.
#[derive(Clone)]
pub struct Predicate {
    name: Arc<str>,
    holds: Arc<dyn Fn(&Flow<'_>) -> bool + Send + Sync>,
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Predicate").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One condition on a flow.
///
/// What a flow does not have, no condition on it holds for: a flow of GRE has no source port, so
/// none matches, and `Not` of that does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Condition {
    /// Layer 3 protocol.
    Family(Family),
    /// Layer 4 protocol.
    Protocol(Protocol),
    /// Sender of a direction.
    Source(Direction, Network),
    /// Receiver of a direction.
    Destination(Direction, Network),
    /// Port of the sender of a direction.
    SourcePort(Direction, Ports),
    /// Port of the receiver of a direction.
    DestinationPort(Direction, Ports),
    /// Key of GRE of the sender of a direction.
    SourceKey(Direction, u16),
    /// Key of GRE of the receiver of a direction.
    DestinationKey(Direction, u16),
    /// Type of ICMP or ICMPv6 of a direction.
    IcmpType(Direction, u8),
    /// Code of ICMP or ICMPv6 of a direction.
    IcmpCode(Direction, u8),
    /// Identifier of ICMP or ICMPv6 of a direction.
    IcmpId(Direction, u16),
    /// State of TCP.
    TcpState(TcpState),
    /// State of SCTP.
    SctpState(SctpState),
    /// Verification tag of SCTP of a direction.
    VerificationTag(Direction, u32),
    /// State of DCCP.
    DccpState(DccpState),
    /// Role of the side that began, of DCCP.
    DccpRole(DccpRole),
    /// Status bits: those of the mask are as in the value.
    Status {
        /// What the bits are.
        value: Status,
        /// Which bits count.
        mask: Status,
    },
    /// Bits of the mark: those of the mask are as in the value.
    Mark {
        /// What the bits are.
        value: u32,
        /// Which bits count.
        mask: u32,
    },
    /// Zone of both directions. Zone 0 is that of flows without a zone, and of flows with a zone in
    /// one direction only.
    Zone(u16),
    /// Zone of one direction alone; 0 is none.
    TupleZone(Direction, u16),
    /// All of these labels are set.
    Labels(Labels),
    /// The source is translated, to that.
    SourceNat(NatMatch),
    /// The destination is translated, to that.
    DestinationNat(NatMatch),
    /// Source or destination is translated, to that.
    AnyNat(NatMatch),
    /// The very flow of this id.
    Id(u32),
    /// The flow has a helper of this name.
    Helper(Box<str>),
    /// Any of these holds.
    Any(Vec<Self>),
    /// That does not hold.
    Not(Box<Self>),
    /// Code says so.
    Custom(Predicate),
}

impl Condition {
    /// A condition in code. The name is shown where a filter is explained.
    pub fn custom(
        name: impl Into<Arc<str>>,
        holds: impl Fn(&Flow<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::Custom(Predicate { name: name.into(), holds: Arc::new(holds) })
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Not(condition) => *condition,
            condition => Self::Not(Box::new(condition)),
        }
    }

    /// Whether it holds for a flow.
    pub fn holds(&self, flow: &Flow<'_>) -> bool {
        match self {
            Self::Family(family) => flow.family() == *family,
            Self::Protocol(protocol) => flow.original.protocol == *protocol,
            Self::Source(direction, network) => network.contains(flow.tuple(*direction).source),
            Self::Destination(direction, network) => {
                network.contains(flow.tuple(*direction).destination)
            }
            Self::SourcePort(direction, ports) => {
                flow.tuple(*direction).source_port().is_some_and(|port| ports.contains(port))
            }
            Self::DestinationPort(direction, ports) => {
                flow.tuple(*direction).destination_port().is_some_and(|port| ports.contains(port))
            }
            Self::SourceKey(..)
            | Self::DestinationKey(..)
            | Self::IcmpType(..)
            | Self::IcmpCode(..)
            | Self::IcmpId(..) => self.holds_layer4(flow),
            Self::TcpState(_)
            | Self::SctpState(_)
            | Self::VerificationTag(..)
            | Self::DccpState(_)
            | Self::DccpRole(_) => self.holds_state(flow),
            Self::Status { value, mask } => {
                flow.status.is_some_and(|status| status & *mask == *value & *mask)
            }
            Self::Mark { value, mask } => flow.mark.unwrap_or_default() & mask == value & mask,
            Self::Zone(zone) => flow.zone.unwrap_or_default() == *zone,
            Self::TupleZone(direction, zone) => {
                flow.tuple(*direction).zone.unwrap_or_default() == *zone
            }
            Self::Labels(labels) => {
                flow.labels.is_some_and(|present| present.contains_all(*labels))
            }
            Self::SourceNat(nat) => nat.holds(source_nat(flow)),
            Self::DestinationNat(nat) => nat.holds(destination_nat(flow)),
            Self::AnyNat(nat) => nat.holds(source_nat(flow)) || nat.holds(destination_nat(flow)),
            Self::Id(id) => flow.id == Some(*id),
            Self::Helper(name) => flow.helper.as_ref().is_some_and(|helper| helper.name == **name),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(flow)),
            Self::Not(condition) => !condition.holds(flow),
            Self::Custom(predicate) => (predicate.holds)(flow),
        }
    }

    fn holds_layer4(&self, flow: &Flow<'_>) -> bool {
        match (self, flow.original.layer4, flow.reply.layer4) {
            (Self::SourceKey(direction, key), original, reply) => {
                let keys = of(*direction, original, reply);
                matches!(keys, Layer4::Keys { source, .. } if source == *key)
            }
            (Self::DestinationKey(direction, key), original, reply) => {
                let keys = of(*direction, original, reply);
                matches!(keys, Layer4::Keys { destination, .. } if destination == *key)
            }
            (Self::IcmpType(direction, wanted), original, reply) => {
                let icmp = of(*direction, original, reply);
                matches!(icmp, Layer4::Icmp { kind, .. } if kind == *wanted)
            }
            (Self::IcmpCode(direction, wanted), original, reply) => {
                let icmp = of(*direction, original, reply);
                matches!(icmp, Layer4::Icmp { code, .. } if code == *wanted)
            }
            (Self::IcmpId(direction, wanted), original, reply) => {
                let icmp = of(*direction, original, reply);
                matches!(icmp, Layer4::Icmp { id, .. } if id == *wanted)
            }
            _ => false,
        }
    }

    fn holds_state(&self, flow: &Flow<'_>) -> bool {
        match (self, &flow.state) {
            (Self::TcpState(state), Some(ProtocolState::Tcp(tcp))) => tcp.state == *state,
            (Self::SctpState(state), Some(ProtocolState::Sctp(sctp))) => sctp.state == *state,
            (Self::VerificationTag(direction, tag), Some(ProtocolState::Sctp(sctp))) => {
                let tags = (sctp.verification_tag_original, sctp.verification_tag_reply);
                of(*direction, tags.0, tags.1) == Some(*tag)
            }
            (Self::DccpState(state), Some(ProtocolState::Dccp(dccp))) => dccp.state == *state,
            (Self::DccpRole(role), Some(ProtocolState::Dccp(dccp))) => dccp.role == Some(*role),
            _ => false,
        }
    }
}

/// As in messages about a filter: `original source 10.0.0.0/8`, `mark 0x7/0xff`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family(family) => write!(f, "family {family}"),
            Self::Protocol(protocol) => write!(f, "protocol {protocol}"),
            Self::Source(direction, network) => write!(f, "{direction} source {network}"),
            Self::Destination(direction, network) => write!(f, "{direction} destination {network}"),
            Self::SourcePort(direction, ports) => write!(f, "{direction} source port {ports}"),
            Self::DestinationPort(direction, ports) => {
                write!(f, "{direction} destination port {ports}")
            }
            Self::SourceKey(direction, key) => write!(f, "{direction} source key {key:#x}"),
            Self::DestinationKey(direction, key) => {
                write!(f, "{direction} destination key {key:#x}")
            }
            Self::IcmpType(direction, kind) => write!(f, "{direction} ICMP type {kind}"),
            Self::IcmpCode(direction, code) => write!(f, "{direction} ICMP code {code}"),
            Self::IcmpId(direction, id) => write!(f, "{direction} ICMP id {id}"),
            Self::TcpState(state) => write!(f, "TCP state {state}"),
            Self::SctpState(state) => write!(f, "SCTP state {state}"),
            Self::VerificationTag(direction, tag) => {
                write!(f, "{direction} verification tag {tag}")
            }
            Self::DccpState(state) => write!(f, "DCCP state {state}"),
            Self::DccpRole(role) => write!(f, "DCCP role {}", role.0),
            Self::Status { value, mask } => {
                f.write_str("status")?;
                for (name, bit) in mask.iter_names() {
                    let not = if value.contains(bit) { "" } else { "!" };
                    write!(f, " {not}{name}")?;
                }
                Ok(())
            }
            Self::Mark { value, mask: u32::MAX } => write!(f, "mark {value:#x}"),
            Self::Mark { value, mask } => write!(f, "mark {value:#x}/{mask:#x}"),
            Self::Zone(zone) => write!(f, "zone {zone}"),
            Self::TupleZone(direction, zone) => write!(f, "{direction} zone {zone}"),
            Self::Labels(labels) => write!(f, "labels {labels:?}"),
            Self::SourceNat(nat) => write!(f, "source translated{nat}"),
            Self::DestinationNat(nat) => write!(f, "destination translated{nat}"),
            Self::AnyNat(nat) => write!(f, "source or destination translated{nat}"),
            Self::Id(id) => write!(f, "id {id}"),
            Self::Helper(name) => write!(f, "helper {name}"),
            Self::Any(conditions) => {
                for (index, condition) in conditions.iter().enumerate() {
                    let or = if index == 0 { "" } else { " or " };
                    write!(f, "{or}{condition}")?;
                }
                Ok(())
            }
            Self::Not(condition) => write!(f, "not ({condition})"),
            Self::Custom(predicate) => f.write_str(&predicate.name),
        }
    }
}

fn of<V>(direction: Direction, original: V, reply: V) -> V {
    match direction {
        Direction::Original => original,
        Direction::Reply => reply,
    }
}

/// A translation that netfilter made. IPVS changes reply tuples too, without these bits.
fn source_nat(flow: &Flow<'_>) -> Option<Translation> {
    let done = flow.status.is_none_or(|status| status.contains(Status::SRC_NAT_DONE));
    flow.source_nat().filter(|_| done)
}

fn destination_nat(flow: &Flow<'_>) -> Option<Translation> {
    let done = flow.status.is_none_or(|status| status.contains(Status::DST_NAT_DONE));
    flow.destination_nat().filter(|_| done)
}

#[cfg(test)]
mod tests;
