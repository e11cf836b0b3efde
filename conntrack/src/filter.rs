//! Which flows: conditions that all have to hold.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::{
    DccpRole, DccpState, Direction, Family, Flow, Labels, Layer4, Protocol, ProtocolState,
    SctpState, Status, TcpState, Translation,
};

/// Addresses that agree in the bits of a mask. The mask need not be a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// An address of the network.
    pub address: IpAddr,
    /// The bits that count; of the address's family.
    pub mask: IpAddr,
}

impl Network {
    /// The network of a prefix; a length beyond the address's bits is the whole address.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        let mask = match address {
            IpAddr::V4(_) => {
                let free = 32_u32.saturating_sub(prefix.into());
                IpAddr::V4(u32::MAX.checked_shl(free).unwrap_or(0).into())
            }
            IpAddr::V6(_) => {
                let free = 128_u32.saturating_sub(prefix.into());
                IpAddr::V6(u128::MAX.checked_shl(free).unwrap_or(0).into())
            }
        };
        Self { address, mask }
    }

    /// One address.
    pub fn host(address: IpAddr) -> Self {
        Self::new(address, u8::MAX)
    }

    /// Whether an address is in it.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, self.mask, address) {
            (IpAddr::V4(network), IpAddr::V4(mask), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask.to_bits() == 0
            }
            (IpAddr::V6(network), IpAddr::V6(mask), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask.to_bits() == 0
            }
            _ => false,
        }
    }

    /// Length of its prefix, if the mask is one.
    pub fn prefix(&self) -> Option<u8> {
        let (ones, rest) = match self.mask {
            IpAddr::V4(mask) => {
                let bits = mask.to_bits();
                (bits.leading_ones(), bits.checked_shl(bits.leading_ones()).unwrap_or(0) == 0)
            }
            IpAddr::V6(mask) => {
                let bits = mask.to_bits();
                (bits.leading_ones(), bits.checked_shl(bits.leading_ones()).unwrap_or(0) == 0)
            }
        };
        rest.then_some(ones as u8)
    }

    /// Its only address, if it has no other.
    pub fn single(&self) -> Option<IpAddr> {
        let whole = match self.address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        (self.prefix() == Some(whole)).then_some(self.address)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self::host(address)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.single(), self.prefix()) {
            (Some(address), _) => write!(f, "{address}"),
            (None, Some(prefix)) => write!(f, "{}/{prefix}", self.address),
            (None, None) => write!(f, "{}/{}", self.address, self.mask),
        }
    }
}

/// Ports: single ones and ranges.
///
/// ```
/// use conntrack::Ports;
/// let ports: Ports = [80..=80, 8000..=8999].into_iter().collect();
/// assert!(ports.contains(8080) && !ports.contains(81));
/// assert_eq!(ports.to_string(), "80,8000-8999");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ports {
    ranges: Vec<RangeInclusive<u16>>,
}

impl Ports {
    /// Whether a port is among them.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|range| range.contains(&port))
    }

    /// The only port, if there is no other.
    pub fn single(&self) -> Option<u16> {
        match &self.ranges[..] {
            [range] if range.start() == range.end() => Some(*range.start()),
            _ => None,
        }
    }

    /// The ranges, as they were given.
    pub fn ranges(&self) -> &[RangeInclusive<u16>] {
        &self.ranges
    }
}

impl From<u16> for Ports {
    fn from(port: u16) -> Self {
        Self { ranges: vec![port..=port] }
    }
}

impl FromIterator<RangeInclusive<u16>> for Ports {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(ranges: I) -> Self {
        Self { ranges: ranges.into_iter().collect() }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (start, end) if start == end => write!(f, "{comma}{start}")?,
                (start, end) => write!(f, "{comma}{start}-{end}")?,
            }
        }
        Ok(())
    }
}

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

/// A condition in code, with a name for [`explain`](Filter).
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

/// Which flows: those for which all conditions hold. Without conditions that is every flow.
///
/// Every flow that the kernel shows is checked against the whole filter, whatever part of it the
/// kernel was given to work with.
///
/// ```
/// use conntrack::{Condition, Direction, Filter, Network, Protocol};
/// let filter = Filter::new()
///     .and(Condition::Protocol(Protocol::UDP))
///     .and(Condition::Destination(Direction::Original, Network::new("10.96.0.0".parse()?, 12)))
///     .and(Condition::DestinationPort(Direction::Original, 53.into()));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    conditions: Vec<Condition>,
}

impl Filter {
    /// Every flow.
    pub const fn new() -> Self {
        Self { conditions: Vec::new() }
    }

    /// Only flows for which this holds too.
    #[must_use]
    pub fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether every flow matches.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether a flow matches.
    #[inline]
    pub fn matches(&self, flow: &Flow<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(flow))
    }
}

impl From<Condition> for Filter {
    fn from(condition: Condition) -> Self {
        Self::new().and(condition)
    }
}
