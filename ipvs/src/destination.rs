//! Destinations (real servers): configuration, and the entry that the kernel shows.

use std::net::SocketAddr;

use crate::Statistics;

/// How packets reach a destination (`IP_VS_CONN_F_*` under `IP_VS_CONN_F_FWD_MASK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[doc(alias = "IPVS_DEST_ATTR_FWD_METHOD")]
pub struct ForwardingMethod(pub u32);

impl ForwardingMethod {
    /// Network address translation (`-m`, "Masq").
    #[doc(alias = "IP_VS_CONN_F_MASQ")]
    pub const MASQUERADE: Self = Self(0);
    /// The packet is for this host ("Local"); set by the kernel, not by users.
    #[doc(alias = "IP_VS_CONN_F_LOCALNODE")]
    pub const LOCAL: Self = Self(1);
    /// Encapsulated (`-i`, "Tunnel").
    #[doc(alias = "IP_VS_CONN_F_TUNNEL")]
    pub const TUNNEL: Self = Self(2);
    /// Direct routing (`-g`, "Route").
    #[doc(alias = "IP_VS_CONN_F_DROUTE")]
    pub const ROUTE: Self = Self(3);
    /// Sent on past IPVS; set by the kernel, not by users.
    #[doc(alias = "IP_VS_CONN_F_BYPASS")]
    pub const BYPASS: Self = Self(4);

    /// The lower case word for it: `masq`, `local`, `tunnel`, `route`, `bypass`.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::MASQUERADE => Some("masq"),
            Self::LOCAL => Some("local"),
            Self::TUNNEL => Some("tunnel"),
            Self::ROUTE => Some("route"),
            Self::BYPASS => Some("bypass"),
            _ => None,
        }
    }
}

/// Encapsulation of a tunnelled destination (`IP_VS_CONN_F_TUNNEL_TYPE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[doc(alias = "IPVS_DEST_ATTR_TUN_TYPE")]
pub struct TunnelKind(pub u8);

impl TunnelKind {
    /// IP in IP.
    #[doc(alias = "IP_VS_CONN_F_TUNNEL_TYPE_IPIP")]
    pub const IPIP: Self = Self(0);
    /// Generic UDP encapsulation. Linux 5.2.
    #[doc(alias = "IP_VS_CONN_F_TUNNEL_TYPE_GUE")]
    pub const GUE: Self = Self(1);
    /// Generic routing encapsulation. Linux 5.3.
    #[doc(alias = "IP_VS_CONN_F_TUNNEL_TYPE_GRE")]
    pub const GRE: Self = Self(2);

    /// The lower case word for it: `ipip`, `gue`, `gre`.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::IPIP => Some("ipip"),
            Self::GUE => Some("gue"),
            Self::GRE => Some("gre"),
            _ => None,
        }
    }
}

bitflags::bitflags! {
    /// Checksum flags of a tunnel (`IP_VS_TUNNEL_ENCAP_FLAG_*`); none is "nocsum". Linux 5.3.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[cfg_attr(feature = "serde", serde(transparent))]
    #[doc(alias = "IPVS_DEST_ATTR_TUN_FLAGS")]
    pub struct TunnelFlags: u16 {
        /// UDP or GRE checksums.
        #[doc(alias = "IP_VS_TUNNEL_ENCAP_FLAG_CSUM")]
        const CHECKSUM = 0x1;
        /// Remote checksum offload, GUE only.
        #[doc(alias = "IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM")]
        const REMOTE_CHECKSUM = 0x2;
        const _ = !0;
    }
}

/// Encapsulation of a destination that is reached by [`ForwardingMethod::TUNNEL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tunnel {
    /// Encapsulation.
    pub kind: TunnelKind,
    /// UDP port of GUE, host byte order; 0 otherwise.
    #[doc(alias = "IPVS_DEST_ATTR_TUN_PORT")]
    pub port: u16,
    /// Checksum flags.
    pub flags: TunnelFlags,
}

/// Configuration of a destination.
///
/// ```
/// use ipvs::{Destination, ForwardingMethod};
/// let destination = Destination::new("10.244.3.32:80".parse()?, ForwardingMethod::MASQUERADE);
/// assert_eq!(destination.weight, 1);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Destination {
    /// Identity within its service. Another family than the service's is possible with tunnels,
    /// Linux 3.18.
    #[doc(alias = "IPVS_DEST_ATTR_ADDR")]
    #[doc(alias = "IPVS_DEST_ATTR_PORT")]
    #[doc(alias = "IPVS_DEST_ATTR_ADDR_FAMILY")]
    pub address: SocketAddr,
    /// How packets reach it.
    pub method: ForwardingMethod,
    /// Encapsulation; of effect with [`ForwardingMethod::TUNNEL`] only.
    pub tunnel: Tunnel,
    /// Share of new connections, up to 2147483647; 0 takes no new connections.
    #[doc(alias = "IPVS_DEST_ATTR_WEIGHT")]
    pub weight: u32,
    /// No new connections above this many; 0 is no limit.
    #[doc(alias = "IPVS_DEST_ATTR_U_THRESH")]
    pub upper_threshold: u32,
    /// New connections again below this many, after the upper threshold was reached.
    #[doc(alias = "IPVS_DEST_ATTR_L_THRESH")]
    pub lower_threshold: u32,
}

impl Destination {
    /// A destination of weight 1 without thresholds.
    pub fn new(address: SocketAddr, method: ForwardingMethod) -> Self {
        Self {
            address,
            method,
            tunnel: Tunnel::default(),
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
        }
    }
}

/// A destination as the kernel shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DestinationEntry {
    /// Configuration.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub destination: Destination,
    /// Connections in an active state (TCP: established).
    #[doc(alias = "IPVS_DEST_ATTR_ACTIVE_CONNS")]
    pub active_connections: u32,
    /// All other connections.
    #[doc(alias = "IPVS_DEST_ATTR_INACT_CONNS")]
    pub inactive_connections: u32,
    /// Persistence templates.
    #[doc(alias = "IPVS_DEST_ATTR_PERSIST_CONNS")]
    pub persistent_connections: u32,
    /// Counters and rates.
    pub statistics: Statistics,
}

/// Fields of a destination to change; the others stay as they are.
///
/// The kernel wants all fields in each request, so the present ones are read first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DestinationPatch {
    /// Another forwarding method.
    pub method: Option<ForwardingMethod>,
    /// Another encapsulation.
    pub tunnel: Option<Tunnel>,
    /// Another weight.
    pub weight: Option<u32>,
    /// Another upper threshold.
    pub upper_threshold: Option<u32>,
    /// Another lower threshold.
    pub lower_threshold: Option<u32>,
}

impl DestinationPatch {
    /// The destination with the patch applied.
    #[must_use]
    pub fn apply(&self, destination: Destination) -> Destination {
        Destination {
            address: destination.address,
            method: self.method.unwrap_or(destination.method),
            tunnel: self.tunnel.unwrap_or(destination.tunnel),
            weight: self.weight.unwrap_or(destination.weight),
            upper_threshold: self.upper_threshold.unwrap_or(destination.upper_threshold),
            lower_threshold: self.lower_threshold.unwrap_or(destination.lower_threshold),
        }
    }
}
