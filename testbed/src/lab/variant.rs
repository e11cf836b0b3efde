//! The clusters that the lab can be.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

use super::cluster::{Cluster, Family, Forwarding, NODES, Network, Protocol};

/// One of the clusters that the lab can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Two nodes on a VXLAN, a TCP service.
    Vxlan,
    /// A third node on it.
    ThreeNodes,
    /// IPv6 alone: nodes, overlay, pods and service.
    Ipv6,
    /// Flannel's direct routing: no overlay.
    Direct,
    /// A service in IPVS's direct routing mode.
    Dr,
    /// A UDP service.
    Udp,
}

/// What most variants are.
const COMMON: Cluster = Cluster {
    family: Family::V4,
    nodes: NODES.split_at(2).0,
    network: Network::Vxlan,
    protocol: Protocol::Tcp,
    forwarding: Forwarding::Masquerade,
};

impl Variant {
    /// Every variant, the default first.
    pub const ALL: [Self; 6] =
        [Self::Vxlan, Self::ThreeNodes, Self::Ipv6, Self::Direct, Self::Dr, Self::Udp];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::ThreeNodes => "three-nodes",
            Self::Ipv6 => "ipv6",
            Self::Direct => "direct",
            Self::Dr => "dr",
            Self::Udp => "udp",
        }
    }

    /// What it is, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Self::Vxlan => "two nodes on flannel's VXLAN, a TCP service masqueraded to three pods",
            Self::ThreeNodes => "the same with a third node, which has a fourth pod",
            Self::Ipv6 => "the same in IPv6 alone: underlay, `flannel-v6.1`, pods and service",
            Self::Direct => "flannel's DirectRouting: pods are reached by their node's own address",
            Self::Dr => {
                "the service in IPVS's direct routing mode, on node 120 for its own pods; others \
                 reach it over the VXLAN"
            }
            Self::Udp => "a UDP service on port 53",
        }
    }

    pub(super) fn cluster(self) -> Cluster {
        match self {
            Self::Vxlan => COMMON,
            Self::ThreeNodes => Cluster { nodes: &NODES, ..COMMON },
            Self::Ipv6 => Cluster { family: Family::V6, ..COMMON },
            Self::Direct => Cluster { network: Network::Direct, ..COMMON },
            Self::Dr => Cluster { forwarding: Forwarding::DirectRouting, ..COMMON },
            Self::Udp => Cluster { protocol: Protocol::Udp, ..COMMON },
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Variant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::new(format!("the lab has no variant {text}: it has {names}"))
        })
    }
}
