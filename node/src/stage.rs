//! The stages of a packet's way, in its order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where on its way a packet is, or a node has a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The virtual service.
    Service,
    /// Its destinations, and the choice among them.
    Destination,
    /// Translation of addresses.
    Nat,
    /// Rules that choose a routing table.
    Rule,
    /// Routes.
    Route,
    /// Neighbours: the Ethernet address of the next hop.
    Neighbour,
    /// Forwarding entries: the node that an Ethernet address is behind.
    Fdb,
    /// The VXLAN device, at either end.
    Vtep,
    /// The network between the nodes.
    Underlay,
    /// Sizes of packets.
    Mtu,
    /// Netfilter's rules.
    Netfilter,
    /// Sysctls.
    Sysctl,
    /// Connection tracking.
    Conntrack,
    /// The pod's socket.
    Socket,
}

impl Stage {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Destination => "destination",
            Self::Nat => "nat",
            Self::Rule => "rule",
            Self::Route => "route",
            Self::Neighbour => "neighbour",
            Self::Fdb => "fdb",
            Self::Vtep => "vtep",
            Self::Underlay => "underlay",
            Self::Mtu => "mtu",
            Self::Netfilter => "netfilter",
            Self::Sysctl => "sysctl",
            Self::Conntrack => "conntrack",
            Self::Socket => "socket",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
