//! Layer 3 and layer 4 protocols.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::uapi::{AF_INET, AF_INET6};

/// Layer 3 protocol of a flow.
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
    #[inline]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Its number, `AF_*`.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ipv4 => AF_INET,
            Self::Ipv6 => AF_INET6,
        }
    }

    /// `ipv4` or `ipv6`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Layer 4 protocol: its IANA number (`IPPROTO_*`).
///
/// The kernel tracks the named ones in ways of their own, and any other number by its addresses
/// alone.
///
/// ```
/// use conntrack::Protocol;
/// assert_eq!("sctp".parse(), Ok(Protocol::SCTP));
/// assert_eq!("50".parse(), Ok(Protocol(50)));
/// assert_eq!(Protocol(50).to_string(), "50");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[doc(alias = "CTA_PROTO_NUM")]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP, 1.
    pub const ICMP: Self = Self(1);
    /// TCP, 6.
    pub const TCP: Self = Self(6);
    /// UDP, 17.
    pub const UDP: Self = Self(17);
    /// DCCP, 33. Tracked up to Linux 6.16.
    pub const DCCP: Self = Self(33);
    /// GRE, 47.
    pub const GRE: Self = Self(47);
    /// ICMPv6, 58.
    pub const ICMPV6: Self = Self(58);
    /// SCTP, 132.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite, 136.
    pub const UDPLITE: Self = Self(136);

    const NAMED: [(Self, &'static str); 8] = [
        (Self::TCP, "tcp"),
        (Self::UDP, "udp"),
        (Self::ICMP, "icmp"),
        (Self::ICMPV6, "icmpv6"),
        (Self::SCTP, "sctp"),
        (Self::DCCP, "dccp"),
        (Self::GRE, "gre"),
        (Self::UDPLITE, "udplite"),
    ];

    /// The kernel's name for it, if it tracks the protocol in a way of its own.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::TCP => Some("tcp"),
            Self::UDP => Some("udp"),
            Self::ICMP => Some("icmp"),
            Self::ICMPV6 => Some("icmpv6"),
            Self::SCTP => Some("sctp"),
            Self::DCCP => Some("dccp"),
            Self::GRE => Some("gre"),
            Self::UDPLITE => Some("udplite"),
            _ => None,
        }
    }

    /// Whether its packets have ports: TCP, UDP, UDP-Lite, SCTP and DCCP.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::UDPLITE | Self::SCTP | Self::DCCP)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

/// A text that is neither a protocol's name nor a number up to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a protocol that the kernel tracks by name nor a number up to 255")]
pub struct ParseProtocolError;

impl FromStr for Protocol {
    type Err = ParseProtocolError;

    /// Takes the names that the kernel has, and numbers.
    fn from_str(text: &str) -> Result<Self, ParseProtocolError> {
        let named = Self::NAMED.into_iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        match named {
            Some((protocol, _)) => Ok(protocol),
            None => text.parse().map(Self).map_err(|_| ParseProtocolError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_back() {
        for number in 0..=u8::MAX {
            assert_eq!(Protocol(number).to_string().parse(), Ok(Protocol(number)));
        }
        assert_eq!("UDPlite".parse(), Ok(Protocol::UDPLITE));
        for text in ["", "256", "-1", "tcp6", "0x6"] {
            assert_eq!(text.parse::<Protocol>(), Err(ParseProtocolError), "{text}");
        }
    }

    #[test]
    fn names_pad_as_text() {
        assert_eq!(format!("[{:<8}]", Protocol::TCP), "[tcp     ]");
        assert_eq!(format!("[{:<8}]", Family::Ipv6), "[ipv6    ]");
    }
}
