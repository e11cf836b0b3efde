//! What becomes of a packet.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Route, RouteKind, Rule, Table};

/// What routing makes of a packet, and what decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "fib_result")]
pub struct Decision<'a> {
    /// The rule whose table had the route, or that decided itself. `None` where no rule was asked:
    /// a kernel that never had other than its first rules asks its tables directly.
    pub rule: Option<&'a Rule>,
    /// The route; `None` where none was found or none is needed.
    pub route: Option<&'a Route>,
    /// What happens to the packet, or why nothing does.
    pub outcome: Result<RouteKind, Refusal>,
    /// The ways that it can take: none if it is refused, one usually, several if the kernel shares
    /// packets out by a hash whose key nobody can read.
    pub ways: Vec<Way>,
}

impl Decision<'_> {
    /// The way, if there is only one.
    pub fn way(&self) -> Option<&Way> {
        match &*self.ways {
            [way] => Some(way),
            _ => None,
        }
    }

    /// Whether the packet is for this host itself.
    pub fn is_local(&self) -> bool {
        self.outcome == Ok(RouteKind::LOCAL)
    }

    /// The table of the route.
    pub fn table(&self) -> Option<Table> {
        self.route.map(|route| route.table)
    }

    /// Whether one of the ways leads through this link.
    pub fn leads_through(&self, link: u32) -> bool {
        self.ways.iter().any(|way| way.link == link)
    }
}

/// A way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Way {
    /// Index of the link: that of the loopback device for packets to this host.
    pub link: u32,
    /// The router; `None` where the destination itself is the neighbour.
    pub gateway: Option<IpAddr>,
    /// Source address: the packet's own, or the one chosen for it. `None` if there is none to choose.
    pub source: Option<IpAddr>,
    /// Largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Its share among the ways.
    pub weight: u16,
}

impl Way {
    /// The neighbour that the packet is handed to.
    pub fn neighbour(&self, destination: IpAddr) -> IpAddr {
        self.gateway.unwrap_or(destination)
    }
}

/// Why a packet goes nowhere.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    thiserror::Error,
)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No route matches.
    #[error("no route")]
    NoRoute,
    /// A route or a rule drops it silently.
    #[error("blackhole")]
    Blackhole,
    /// A route makes it unreachable.
    #[error("unreachable")]
    Unreachable,
    /// A rule makes it unreachable: of a rule, that is the network.
    #[error("unreachable by a rule")]
    UnreachableByRule,
    /// A route or a rule prohibits it.
    #[error("prohibited")]
    Prohibited,
    /// The link that the sender insists on is not there.
    #[error("no such link")]
    NoLink,
    /// The link that the sender insists on is off.
    #[error("the link is down")]
    LinkDown,
    /// The source is no address of this host.
    #[error("the source is no address of this host")]
    ForeignSource,
    /// The source cannot be one: a group, nobody, a loopback address off the loopback device, or
    /// for a packet from outside an address of this host.
    #[doc(alias = "martian source")]
    #[error("impossible source")]
    BadSource,
    /// The destination cannot be one where the packet comes from.
    #[doc(alias = "martian destination")]
    #[error("impossible destination")]
    BadDestination,
    /// The source would be answered over another link.
    #[doc(alias = "rp_filter")]
    #[error("the way back is another one (rp_filter)")]
    ReversePath,
    /// It is for somebody else, and this host does not forward.
    #[doc(alias = "ip_forward")]
    #[error("forwarding is off")]
    NotForwarding,
}

impl Refusal {
    /// The error number that the kernel answers. (Since 6.13 that of [`Self::ReversePath`] is EINVAL,
    /// like that of [`Self::BadSource`]; a packet is dropped without any.)
    pub const fn errno(self) -> i32 {
        match self {
            Self::Prohibited => 13,
            Self::ReversePath => 18,
            Self::NoLink => 19,
            Self::Blackhole | Self::BadSource | Self::BadDestination => 22,
            Self::NoRoute | Self::UnreachableByRule | Self::LinkDown | Self::ForeignSource => 101,
            Self::Unreachable | Self::NotForwarding => 113,
        }
    }

    /// Its name in C.
    pub const fn errno_name(self) -> &'static str {
        match self.errno() {
            13 => "EACCES",
            18 => "EXDEV",
            19 => "ENODEV",
            22 => "EINVAL",
            101 => "ENETUNREACH",
            _ => "EHOSTUNREACH",
        }
    }
}
