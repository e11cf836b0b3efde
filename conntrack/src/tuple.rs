//! One direction of a flow, and what names a flow.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::{Family, Protocol};

/// A direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[doc(alias = "ip_conntrack_dir")]
pub enum Direction {
    /// From the side that sent the first packet.
    #[doc(alias = "IP_CT_DIR_ORIGINAL")]
    Original,
    /// The way back.
    #[doc(alias = "IP_CT_DIR_REPLY")]
    Reply,
}

impl Direction {
    /// The other one.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Original => "original",
            Self::Reply => "reply",
        })
    }
}

/// What tells flows between the same hosts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Layer4 {
    /// Nothing: the kernel tracks this protocol by its addresses alone.
    None,
    /// Ports of TCP, UDP, UDP-Lite, SCTP and DCCP.
    Ports {
        /// Port of the sender.
        #[doc(alias = "CTA_PROTO_SRC_PORT")]
        source: u16,
        /// Port of the receiver.
        #[doc(alias = "CTA_PROTO_DST_PORT")]
        destination: u16,
    },
    /// Type, code and identifier of ICMP and ICMPv6.
    Icmp {
        /// Type of the message.
        #[doc(alias = "CTA_PROTO_ICMP_TYPE")]
        #[doc(alias = "CTA_PROTO_ICMPV6_TYPE")]
        kind: u8,
        /// Code of the message.
        #[doc(alias = "CTA_PROTO_ICMP_CODE")]
        #[doc(alias = "CTA_PROTO_ICMPV6_CODE")]
        code: u8,
        /// Identifier that a request and its answer have in common.
        #[doc(alias = "CTA_PROTO_ICMP_ID")]
        #[doc(alias = "CTA_PROTO_ICMPV6_ID")]
        id: u16,
    },
    /// Keys of GRE; those of PPTP are its call ids.
    Keys {
        /// Key of the sender.
        #[doc(alias = "CTA_PROTO_SRC_PORT")]
        source: u16,
        /// Key of the receiver.
        #[doc(alias = "CTA_PROTO_DST_PORT")]
        destination: u16,
    },
}

impl Layer4 {
    /// The same, seen from the other side. ICMP types without an answer stay as they are.
    pub const fn inverted(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Ports { source, destination } => {
                Self::Ports { source: destination, destination: source }
            }
            Self::Keys { source, destination } => {
                Self::Keys { source: destination, destination: source }
            }
            Self::Icmp { .. } => self,
        }
    }
}

/// One direction of a flow: its addresses, its protocol, and what the protocol tells flows by.
///
/// ```
/// use conntrack::Tuple;
/// let tuple = Tuple::tcp("10.0.0.1:1000".parse()?, "10.0.0.2:80".parse()?);
/// assert_eq!(tuple.inverted(), Tuple::tcp("10.0.0.2:80".parse()?, "10.0.0.1:1000".parse()?));
/// assert_eq!(tuple.to_string(), "tcp 10.0.0.1:1000 -> 10.0.0.2:80");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nf_conntrack_tuple")]
pub struct Tuple {
    /// Address of the sender.
    #[doc(alias = "CTA_IP_V4_SRC")]
    #[doc(alias = "CTA_IP_V6_SRC")]
    pub source: IpAddr,
    /// Address of the receiver.
    #[doc(alias = "CTA_IP_V4_DST")]
    #[doc(alias = "CTA_IP_V6_DST")]
    pub destination: IpAddr,
    /// Layer 4 protocol.
    pub protocol: Protocol,
    /// Ports or the like.
    pub layer4: Layer4,
    /// Zone of this direction, where it has one that the other has not. Linux 4.3.
    #[doc(alias = "CTA_TUPLE_ZONE")]
    pub zone: Option<u16>,
}

impl Tuple {
    /// A tuple without a zone.
    pub const fn new(
        protocol: Protocol,
        source: IpAddr,
        destination: IpAddr,
        layer4: Layer4,
    ) -> Self {
        Self { source, destination, protocol, layer4, zone: None }
    }

    /// A tuple of a protocol that has ports.
    pub const fn with_ports(
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Self {
        let ports = Layer4::Ports { source: source.port(), destination: destination.port() };
        Self::new(protocol, source.ip(), destination.ip(), ports)
    }

    /// A tuple of TCP.
    pub const fn tcp(source: SocketAddr, destination: SocketAddr) -> Self {
        Self::with_ports(Protocol::TCP, source, destination)
    }

    /// A tuple of UDP.
    pub const fn udp(source: SocketAddr, destination: SocketAddr) -> Self {
        Self::with_ports(Protocol::UDP, source, destination)
    }

    /// A tuple of SCTP.
    pub const fn sctp(source: SocketAddr, destination: SocketAddr) -> Self {
        Self::with_ports(Protocol::SCTP, source, destination)
    }

    /// An echo request of ICMP or ICMPv6, as the addresses are.
    pub const fn echo(source: IpAddr, destination: IpAddr, id: u16) -> Self {
        let (protocol, kind) = match source {
            IpAddr::V4(_) => (Protocol::ICMP, 8),
            IpAddr::V6(_) => (Protocol::ICMPV6, 128),
        };
        Self::new(protocol, source, destination, Layer4::Icmp { kind, code: 0, id })
    }

    /// A tuple of GRE.
    pub const fn gre(
        source: IpAddr,
        destination: IpAddr,
        source_key: u16,
        destination_key: u16,
    ) -> Self {
        let keys = Layer4::Keys { source: source_key, destination: destination_key };
        Self::new(Protocol::GRE, source, destination, keys)
    }

    /// The same in another zone.
    #[must_use]
    pub const fn in_zone(mut self, zone: u16) -> Self {
        self.zone = Some(zone);
        self
    }

    /// What answers this tuple: ends swapped, an ICMP query turned into its reply. It has no zone.
    pub const fn inverted(&self) -> Self {
        let layer4 = match (self.layer4, self.protocol) {
            (Layer4::Icmp { kind, code, id }, Protocol::ICMPV6) => {
                Layer4::Icmp { kind: inverted_icmpv6(kind), code, id }
            }
            (Layer4::Icmp { kind, code, id }, _) => {
                Layer4::Icmp { kind: inverted_icmp(kind), code, id }
            }
            (layer4, _) => layer4.inverted(),
        };
        Self {
            source: self.destination,
            destination: self.source,
            protocol: self.protocol,
            layer4,
            zone: None,
        }
    }

    /// Layer 3 protocol.
    #[inline]
    pub const fn family(&self) -> Family {
        Family::of(self.source)
    }

    /// Port of the sender, if the tuple has ports.
    #[inline]
    pub const fn source_port(&self) -> Option<u16> {
        match self.layer4 {
            Layer4::Ports { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Port of the receiver, if the tuple has ports.
    #[inline]
    pub const fn destination_port(&self) -> Option<u16> {
        match self.layer4 {
            Layer4::Ports { destination, .. } => Some(destination),
            _ => None,
        }
    }
}

/// Types of ICMP that the kernel tracks, with their answers: echo, timestamp, information, address
/// mask.
const fn inverted_icmp(kind: u8) -> u8 {
    match kind {
        8 => 0,
        0 => 8,
        13 => 14,
        14 => 13,
        15 => 16,
        16 => 15,
        17 => 18,
        18 => 17,
        other => other,
    }
}

/// Whether the kernel tracks a type of ICMP, as a question or as its answer.
pub(crate) const fn is_icmp_query(kind: u8) -> bool {
    inverted_icmp(kind) != kind
}

/// Types of ICMPv6 that the kernel tracks, with their answers: echo, node information.
const fn inverted_icmpv6(kind: u8) -> u8 {
    match kind {
        128 => 129,
        129 => 128,
        139 => 140,
        140 => 139,
        other => other,
    }
}

impl fmt::Display for Tuple {
    /// For messages about a flow: `udp [fd00::1]:53 -> [fd00::2]:1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, protocol, layer4, zone } = *self;
        match layer4 {
            Layer4::Ports { source: from, destination: to } => {
                let (from, to) = (SocketAddr::new(source, from), SocketAddr::new(destination, to));
                write!(f, "{protocol} {from} -> {to}")?;
            }
            Layer4::Icmp { kind, code, id } => {
                write!(f, "{protocol} {source} -> {destination} type {kind} code {code} id {id}")?;
            }
            Layer4::Keys { source: from, destination: to } => {
                write!(f, "{protocol} {source} -> {destination} keys {from:#x} {to:#x}")?;
            }
            Layer4::None => write!(f, "{protocol} {source} -> {destination}")?,
        }
        match zone {
            Some(zone) => write!(f, " zone {zone}"),
            None => Ok(()),
        }
    }
}

/// Which flow: one of its tuples, its zone, and if it must be the very same flow its id.
///
/// The kernel finds a flow by either tuple, and only in the right zone. An id makes sure that the
/// flow was not replaced by a later one with the same tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Key {
    /// Which of the flow's tuples follows.
    pub direction: Direction,
    /// The tuple. Its own zone is not looked at.
    pub tuple: Tuple,
    /// Zone of the flow in that direction; 0 is no zone.
    pub zone: u16,
    /// Id of the flow. The kernel looks at it when it deletes, and passes over it when it reads or
    /// updates.
    pub id: Option<u32>,
}

impl Key {
    /// A flow by the tuple of its first packet.
    pub fn original(tuple: Tuple) -> Self {
        let zone = tuple.zone.unwrap_or_default();
        Self { direction: Direction::Original, tuple, zone, id: None }
    }

    /// A flow by the tuple of its answers, as they arrive.
    pub fn reply(tuple: Tuple) -> Self {
        Self { direction: Direction::Reply, ..Self::original(tuple) }
    }

    /// The same tuple in another zone.
    #[must_use]
    pub const fn in_zone(mut self, zone: u16) -> Self {
        self.zone = zone;
        self
    }

    /// The same, if it is still the flow of this id.
    #[must_use]
    pub const fn with_id(mut self, id: u32) -> Self {
        self.id = Some(id);
        self
    }
}

impl From<Tuple> for Key {
    fn from(tuple: Tuple) -> Self {
        Self::original(tuple)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Tuple { zone: None, ..self.tuple })?;
        if self.direction == Direction::Reply {
            f.write_str(" (reply)")?;
        }
        if self.zone != 0 {
            write!(f, " zone {}", self.zone)?;
        }
        match self.id {
            Some(id) => write!(f, " id {id}"),
            None => Ok(()),
        }
    }
}
