//! What names a service: protocol and virtual address, or a firewall mark.

use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Layer 4 protocol of a virtual service: its IANA number (`IPPROTO_*`).
///
/// IPVS balances TCP, UDP and SCTP; the kernel stores any number that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Protocol(pub u16);

impl Protocol {
    /// TCP, 6.
    pub const TCP: Self = Self(6);
    /// UDP, 17.
    pub const UDP: Self = Self(17);
    /// SCTP, 132.
    pub const SCTP: Self = Self(132);

    /// The lower case name that is used in `tcp://...`, if there is one.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::TCP => Some("tcp"),
            Self::UDP => Some("udp"),
            Self::SCTP => Some("sctp"),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Address family of a firewall-mark service, which has no address to tell it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Family {
    /// `AF_INET`, 2.
    Ipv4,
    /// `AF_INET6`, 10.
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

/// Identity of a virtual service.
///
/// Written as `tcp://10.243.21.14:8880`, `udp://[2001:db8::1]:53`, `sctp://...`, `fwmark://7` and
/// `fwmark6://7`; another protocol number as `ip-41://...`.
///
/// ```
/// use ipvs::ServiceKey;
/// let key: ServiceKey = "tcp://10.243.21.14:8880".parse()?;
/// assert_eq!(key, ServiceKey::tcp("10.243.21.14:8880".parse()?));
/// assert_eq!(key.to_string(), "tcp://10.243.21.14:8880");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKey {
    /// Packets of a protocol to an address and port; port 0 takes every port, which the kernel
    /// allows for persistent services.
    #[doc(alias = "IPVS_SVC_ATTR_ADDR")]
    Address {
        /// Layer 4 protocol.
        protocol: Protocol,
        /// The virtual address and port.
        address: SocketAddr,
    },
    /// Packets that netfilter marked.
    #[doc(alias = "IPVS_SVC_ATTR_FWMARK")]
    Mark {
        /// The firewall mark; never 0 in the kernel.
        mark: u32,
        /// Family of the packets.
        family: Family,
    },
}

impl ServiceKey {
    /// A TCP service.
    pub const fn tcp(address: SocketAddr) -> Self {
        Self::Address { protocol: Protocol::TCP, address }
    }

    /// A UDP service.
    pub const fn udp(address: SocketAddr) -> Self {
        Self::Address { protocol: Protocol::UDP, address }
    }

    /// An SCTP service.
    pub const fn sctp(address: SocketAddr) -> Self {
        Self::Address { protocol: Protocol::SCTP, address }
    }

    /// A firewall-mark service.
    pub const fn mark(mark: u32, family: Family) -> Self {
        Self::Mark { mark, family }
    }

    /// Family of the service's packets.
    pub const fn family(&self) -> Family {
        match self {
            Self::Address { address, .. } => match address {
                SocketAddr::V4(_) => Family::Ipv4,
                SocketAddr::V6(_) => Family::Ipv6,
            },
            Self::Mark { family, .. } => *family,
        }
    }

    /// The protocol, `None` for a firewall mark.
    pub const fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Address { protocol, .. } => Some(*protocol),
            Self::Mark { .. } => None,
        }
    }

    /// The virtual address and port, `None` for a firewall mark.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address { address, .. } => Some(*address),
            Self::Mark { .. } => None,
        }
    }

    /// The virtual port; 0 for a firewall mark.
    pub const fn port(&self) -> u16 {
        match self {
            Self::Address { address, .. } => address.port(),
            Self::Mark { .. } => 0,
        }
    }
}

/// Numeric order: addresses before marks, IPv4 before IPv6, then protocol, address and port.
impl Ord for ServiceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        fn rank(key: &ServiceKey) -> (u32, Family, Option<Protocol>, Option<SocketAddr>) {
            let mark = match key {
                ServiceKey::Address { .. } => 0,
                ServiceKey::Mark { mark, .. } => *mark,
            };
            (mark, key.family(), key.protocol(), key.address())
        }
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for ServiceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, address } => match protocol.name() {
                Some(name) => write!(f, "{name}://{address}"),
                None => write!(f, "ip-{}://{address}", protocol.0),
            },
            Self::Mark { mark, family: Family::Ipv4 } => write!(f, "fwmark://{mark}"),
            Self::Mark { mark, family: Family::Ipv6 } => write!(f, "fwmark6://{mark}"),
        }
    }
}

/// Why a text is not a [`ServiceKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseKeyError {
    /// No `://`.
    #[error("a service is written tcp://ADDRESS:PORT, udp://, sctp://, fwmark://N or fwmark6://N")]
    Form,
    /// A scheme that no service has.
    #[error("unknown protocol '{0}': tcp, udp, sctp, fwmark and fwmark6 are known")]
    Scheme(String),
    /// The part after the scheme is not an address with a port.
    #[error("'{0}' is not ADDRESS:PORT; write 10.0.0.1:80 or [2001:db8::1]:80")]
    Address(String),
    /// The part after `fwmark://` is not a mark.
    #[error("'{0}' is not a firewall mark between 1 and 4294967295")]
    Mark(String),
}

impl FromStr for ServiceKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(ParseKeyError::Form)?;
        let protocol = match scheme {
            "tcp" => Protocol::TCP,
            "udp" => Protocol::UDP,
            "sctp" => Protocol::SCTP,
            "fwmark" => return parse_mark(rest, Family::Ipv4),
            "fwmark6" => return parse_mark(rest, Family::Ipv6),
            _ => scheme
                .strip_prefix("ip-")
                .and_then(|number| number.parse().ok())
                .map(Protocol)
                .ok_or_else(|| ParseKeyError::Scheme(scheme.to_owned()))?,
        };
        let address = rest.parse().map_err(|_| ParseKeyError::Address(rest.to_owned()))?;
        Ok(Self::Address { protocol, address })
    }
}

fn parse_mark(text: &str, family: Family) -> Result<ServiceKey, ParseKeyError> {
    match text.parse() {
        Ok(mark) if mark != 0 => Ok(ServiceKey::Mark { mark, family }),
        _ => Err(ParseKeyError::Mark(text.to_owned())),
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ServiceKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ServiceKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The part of a client's address that persistence remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(untagged))]
#[doc(alias = "IPVS_SVC_ATTR_NETMASK")]
pub enum Netmask {
    /// A mask over IPv4 client addresses; any pattern of bits.
    V4(Ipv4Addr),
    /// A prefix length over IPv6 client addresses, 1 to 128.
    V6(u32),
}

impl Netmask {
    /// The mask that keeps every client address apart: /32 or /128.
    pub const fn host(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::V4(Ipv4Addr::BROADCAST),
            Family::Ipv6 => Self::V6(128),
        }
    }

    /// Whether every client address is apart.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::V4(Ipv4Addr::BROADCAST) | Self::V6(128))
    }
}

/// The unspecified address of a family.
pub(crate) const fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
