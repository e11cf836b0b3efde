//! Nexthops, as far as forwarding entries name them.

use std::net::IpAddr;

/// A member of a nexthop group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nexthop_grp")]
pub struct Member {
    /// Id of the nexthop.
    pub id: u32,
    /// Its share: 1 or more.
    pub weight: u32,
}

/// A nexthop, or a group of them. A forwarding entry names a group of nexthops made with `fdb`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nhmsg")]
pub struct Nexthop {
    /// Its id.
    #[doc(alias = "NHA_ID")]
    pub id: u32,
    /// Members, of a group.
    #[doc(alias = "NHA_GROUP")]
    pub members: Vec<Member>,
    /// Whether it is one that forwarding entries can use. Linux 5.8.
    #[doc(alias = "NHA_FDB")]
    pub forwarding: bool,
    /// Address of the other end.
    #[doc(alias = "NHA_GATEWAY")]
    pub gateway: Option<IpAddr>,
    /// Index of the link that it leaves through.
    #[doc(alias = "NHA_OIF")]
    pub link: Option<u32>,
    /// Which program wrote it (`RTPROT_*`).
    pub protocol: u8,
}
