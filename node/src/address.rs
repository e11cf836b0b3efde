//! IP addresses of links.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Prefix;

bitflags::bitflags! {
    /// Flags of an address (`IFA_F_*`). Bits that this crate has no name for are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[doc(alias = "ifa_flags")]
    pub struct AddressFlags: u32 {
        /// Not the first of its network: not chosen as a source.
        #[doc(alias = "IFA_F_SECONDARY")]
        const SECONDARY = 0x01;
        /// Somebody else has it.
        #[doc(alias = "IFA_F_DADFAILED")]
        const DUPLICATE = 0x08;
        /// Not chosen as a source any more.
        #[doc(alias = "IFA_F_DEPRECATED")]
        const DEPRECATED = 0x20;
        /// Not known yet to be nobody else's, and not used until then.
        #[doc(alias = "IFA_F_TENTATIVE")]
        const TENTATIVE = 0x40;
        /// Stays until it is deleted.
        #[doc(alias = "IFA_F_PERMANENT")]
        const PERMANENT = 0x80;
        /// Brings no route to its network.
        #[doc(alias = "IFA_F_NOPREFIXROUTE")]
        const WITHOUT_ROUTE = 0x200;
        const _ = !0;
    }
}

/// An address of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Index of the link.
    #[doc(alias = "ifa_index")]
    pub link: u32,
    /// The address itself.
    #[doc(alias = "IFA_LOCAL")]
    pub address: IpAddr,
    /// How many bits of it are the network's.
    #[doc(alias = "ifa_prefixlen")]
    pub prefix_length: u8,
    /// The address of the other end, on a link that has two.
    #[doc(alias = "IFA_ADDRESS")]
    pub peer: Option<IpAddr>,
    /// How far it is known.
    #[doc(alias = "ifa_scope")]
    pub scope: Scope,
    /// Flags.
    #[doc(alias = "IFA_FLAGS")]
    pub flags: AddressFlags,
}

impl Address {
    /// Its network: that of the other end, if it has one.
    pub fn network(&self) -> Option<Prefix> {
        Prefix::new(self.peer.unwrap_or(self.address), self.prefix_length)
    }
}

/// How far an address or a route reaches (`RT_SCOPE_*`): the higher, the nearer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
#[doc(alias = "rtm_scope")]
pub struct Scope(pub u8);

impl Scope {
    /// Everywhere.
    #[doc(alias = "RT_SCOPE_UNIVERSE")]
    pub const UNIVERSE: Self = Self(0);
    /// Inside the site.
    #[doc(alias = "RT_SCOPE_SITE")]
    pub const SITE: Self = Self(200);
    /// On the link.
    #[doc(alias = "RT_SCOPE_LINK")]
    pub const LINK: Self = Self(253);
    /// On this host.
    #[doc(alias = "RT_SCOPE_HOST")]
    pub const HOST: Self = Self(254);
    /// Nowhere.
    #[doc(alias = "RT_SCOPE_NOWHERE")]
    pub const NOWHERE: Self = Self(255);
}
