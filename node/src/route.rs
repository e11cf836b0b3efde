//! Routes.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Prefix, Scope};

/// Number of a routing table (`RT_TABLE_*`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
#[doc(alias = "RTA_TABLE")]
pub struct Table(pub u32);

impl Table {
    /// Addresses of this host, and what is broadcast.
    #[doc(alias = "RT_TABLE_LOCAL")]
    pub const LOCAL: Self = Self(255);
    /// Where routes are if nothing else is said.
    #[doc(alias = "RT_TABLE_MAIN")]
    pub const MAIN: Self = Self(254);
    /// Empty, unless somebody uses it.
    #[doc(alias = "RT_TABLE_DEFAULT")]
    pub const DEFAULT: Self = Self(253);
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LOCAL => f.write_str("local"),
            Self::MAIN => f.write_str("main"),
            Self::DEFAULT => f.write_str("default"),
            Self(number) => write!(f, "{number}"),
        }
    }
}

/// What a route does with a packet (`RTN_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[doc(alias = "rtm_type")]
pub struct RouteKind(pub u8);

impl RouteKind {
    /// Sends it on.
    #[doc(alias = "RTN_UNICAST")]
    pub const UNICAST: Self = Self(1);
    /// Takes it: the address is this host's.
    #[doc(alias = "RTN_LOCAL")]
    pub const LOCAL: Self = Self(2);
    /// Takes it, and sends it to all.
    #[doc(alias = "RTN_BROADCAST")]
    pub const BROADCAST: Self = Self(3);
    /// Takes it: the nearest of several hosts.
    #[doc(alias = "RTN_ANYCAST")]
    pub const ANYCAST: Self = Self(4);
    /// Sends it to a group.
    #[doc(alias = "RTN_MULTICAST")]
    pub const MULTICAST: Self = Self(5);
    /// Drops it silently.
    #[doc(alias = "RTN_BLACKHOLE")]
    pub const BLACKHOLE: Self = Self(6);
    /// Drops it, and says that the host is unreachable.
    #[doc(alias = "RTN_UNREACHABLE")]
    pub const UNREACHABLE: Self = Self(7);
    /// Drops it, and says that it is prohibited.
    #[doc(alias = "RTN_PROHIBIT")]
    pub const PROHIBIT: Self = Self(8);
    /// Goes on with the next rule.
    #[doc(alias = "RTN_THROW")]
    pub const THROW: Self = Self(9);

    /// The word that `ip route` has for it.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::UNICAST => "unicast",
            Self::LOCAL => "local",
            Self::BROADCAST => "broadcast",
            Self::ANYCAST => "anycast",
            Self::MULTICAST => "multicast",
            Self::BLACKHOLE => "blackhole",
            Self::UNREACHABLE => "unreachable",
            Self::PROHIBIT => "prohibit",
            Self::THROW => "throw",
            _ => return None,
        })
    }
}

bitflags::bitflags! {
    /// Flags of a way that a route has (`RTNH_F_*`). Bits without a name here are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[doc(alias = "rtnh_flags")]
    pub struct HopFlags: u8 {
        /// Cannot be used.
        #[doc(alias = "RTNH_F_DEAD")]
        const DEAD = 0x01;
        /// The gateway is on the link, whatever its address.
        #[doc(alias = "RTNH_F_ONLINK")]
        const ONLINK = 0x04;
        /// Carried out by hardware.
        #[doc(alias = "RTNH_F_OFFLOAD")]
        const OFFLOADED = 0x08;
        /// The link has no carrier.
        #[doc(alias = "RTNH_F_LINKDOWN")]
        const LINK_DOWN = 0x10;
        const _ = !0;
    }
}

/// One way out that a route has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[doc(alias = "rtnexthop")]
pub struct Hop {
    /// Index of the link that packets leave through.
    #[doc(alias = "RTA_OIF")]
    pub link: Option<u32>,
    /// The router that they go to; `None` where the destination is on the link. May be of the other
    /// family (`RTA_VIA`).
    #[doc(alias = "RTA_GATEWAY")]
    #[doc(alias = "RTA_VIA")]
    pub gateway: Option<IpAddr>,
    /// Flags.
    pub flags: HopFlags,
    /// Its share among the ways of the route, from 1.
    #[doc(alias = "rtnh_hops")]
    pub weight: u16,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[doc(alias = "rtmsg")]
pub struct Route {
    /// Its table.
    pub table: Table,
    /// Which destinations it is for.
    #[doc(alias = "RTA_DST")]
    pub destination: Prefix,
    /// Which sources it is for; of IPv6 only.
    #[doc(alias = "RTA_SRC")]
    pub source: Option<Prefix>,
    /// Type of service that it is for; 0 for all.
    #[doc(alias = "rtm_tos")]
    pub tos: u8,
    /// What it does.
    pub kind: RouteKind,
    /// How far its destinations are.
    pub scope: Scope,
    /// Which program wrote it (`RTPROT_*`): 2 is the kernel, 3 at boot, 4 an administrator.
    #[doc(alias = "rtm_protocol")]
    pub protocol: u8,
    /// Its metric: of two routes to the same network the lower one counts.
    #[doc(alias = "RTA_PRIORITY")]
    pub priority: u32,
    /// Source address of packets that have none yet.
    #[doc(alias = "RTA_PREFSRC")]
    pub preferred_source: Option<IpAddr>,
    /// Ways out; none if it drops packets, several if it shares them.
    #[doc(alias = "RTA_MULTIPATH")]
    pub hops: Vec<Hop>,
    /// Id of the nexthop object that it uses.
    #[doc(alias = "RTA_NH_ID")]
    pub nexthop: Option<u32>,
    /// Largest packet, in bytes, if the route says so.
    #[doc(alias = "RTAX_MTU")]
    pub mtu: Option<u32>,
    /// Preference among routers, of IPv6 (`ICMPV6_ROUTER_PREF_*`): 0 medium, 1 high, 3 low.
    #[doc(alias = "RTA_PREF")]
    pub router_preference: Option<u8>,
    /// Flags (`RTM_F_*`).
    #[doc(alias = "rtm_flags")]
    pub flags: u32,
}

impl Route {
    /// A route of the main table that goes out one way.
    pub fn via(destination: Prefix, hop: Hop) -> Self {
        Self {
            table: Table::MAIN,
            destination,
            source: None,
            tos: 0,
            kind: RouteKind::UNICAST,
            scope: Scope::UNIVERSE,
            protocol: 4,
            priority: 0,
            preferred_source: None,
            hops: vec![hop],
            nexthop: None,
            mtu: None,
            router_preference: None,
            flags: 0,
        }
    }
}
