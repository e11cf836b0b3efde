//! Routes, as far as they lead over an overlay, or to its other ends.

use std::fmt;
use std::net::IpAddr;

/// A way to a network. A route with several ways is several of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "rtmsg")]
pub struct Route {
    /// Address of the network; unspecified for the default route.
    #[doc(alias = "RTA_DST")]
    pub destination: IpAddr,
    /// Bits of the network's prefix.
    #[doc(alias = "rtm_dst_len")]
    pub prefix: u8,
    /// What becomes of packets (`RTN_*`): see [`is_local`](Self::is_local).
    #[doc(alias = "rtm_type")]
    pub kind: u8,
    /// Routing table: 254 is main, 255 local.
    #[doc(alias = "RTA_TABLE")]
    pub table: u32,
    /// The neighbour that packets are given to; `None` where the network is on the link itself.
    #[doc(alias = "RTA_GATEWAY")]
    #[doc(alias = "RTA_VIA")]
    pub gateway: Option<IpAddr>,
    /// Index of the link that packets leave through.
    #[doc(alias = "RTA_OIF")]
    pub link: Option<u32>,
}

impl Route {
    /// Whether packets are for this machine.
    pub const fn is_local(&self) -> bool {
        self.kind == crate::uapi::RTN_LOCAL
    }

    /// Whether packets are sent on.
    pub const fn is_unicast(&self) -> bool {
        self.kind == crate::uapi::RTN_UNICAST
    }
}

/// The network: `10.244.3.0/24`, or `default`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == 0 && self.destination.is_unspecified() {
            return f.pad("default");
        }
        write!(f, "{}/{}", self.destination, self.prefix)
    }
}
