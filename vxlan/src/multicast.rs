//! The VXLAN multicast database: which remotes want which groups. Linux 6.4.

use std::fmt;
use std::net::IpAddr;

use crate::{Mac, Remote, Vni};

/// What a multicast entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Group {
    /// A group of IP; the unspecified address stands for all groups without an entry of their own.
    Ip(IpAddr),
    /// An Ethernet group; in bridges only.
    Mac(Mac),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
        }
    }
}

/// Whether a list of sources is of those that are wanted, or of those that are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum FilterMode {
    /// These are wanted.
    #[doc(alias = "MCAST_INCLUDE")]
    Include,
    /// All but these are wanted.
    #[doc(alias = "MCAST_EXCLUDE")]
    Exclude,
}

/// A source in the list of a multicast entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Source {
    /// Its address.
    pub address: IpAddr,
    /// Hundredths of a second until it ends; 0 where it does not. Shown only.
    pub timer: u32,
}

/// One remote of a group in the multicast database of a VXLAN device; or a port of a group in that
/// of a bridge, which [`link`](Self::link) then is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "br_mdb_entry")]
pub struct MulticastEntry {
    /// Index of the device that has the database.
    pub link: u32,
    /// Index of the port; of VXLAN devices, the device itself.
    pub port: u32,
    /// The group.
    pub group: Group,
    /// The source, of an entry for packets of one source.
    #[doc(alias = "MDBE_ATTR_SOURCE")]
    pub source: Option<IpAddr>,
    /// VLAN; of bridges only, 0 is none.
    pub vlan: u16,
    /// Whether it stays until it is deleted.
    #[doc(alias = "MDB_PERMANENT")]
    pub permanent: bool,
    /// `MDB_FLAGS_*`. Shown only.
    pub flags: u8,
    /// How [`sources`](Self::sources) are meant.
    #[doc(alias = "MDBE_ATTR_GROUP_MODE")]
    pub filter_mode: Option<FilterMode>,
    /// Sources.
    #[doc(alias = "MDBE_ATTR_SRC_LIST")]
    pub sources: Vec<Source>,
    /// Which program wrote it (`RTPROT_*`).
    #[doc(alias = "MDBE_ATTR_RTPROT")]
    pub protocol: Option<u8>,
    /// Where packets go.
    #[doc(alias = "MDBE_ATTR_DST")]
    pub remote: Remote,
    /// VNI that packets belong to; of devices with `external`.
    #[doc(alias = "MDBE_ATTR_SRC_VNI")]
    pub source_vni: Option<Vni>,
    /// Hundredths of a second until it ends. Shown only.
    #[doc(alias = "MDBA_MDB_EATTR_TIMER")]
    pub timer: Option<u32>,
}

/// A port of a bridge behind which is a router that wants every group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "MDBA_ROUTER_PORT")]
pub struct RouterPort {
    /// Index of the bridge.
    pub link: u32,
    /// Index of the port.
    pub port: u32,
    /// Hundredths of a second until it is forgotten; 0 where it is not.
    #[doc(alias = "MDBA_ROUTER_PATTR_TIMER")]
    pub timer: Option<u32>,
    /// Whether it was learned, or is asked for again and again; otherwise it is configured.
    #[doc(alias = "MDBA_ROUTER_PATTR_TYPE")]
    pub temporary: bool,
}

impl MulticastEntry {
    /// A permanent entry of a VXLAN device.
    pub fn to(link: u32, group: IpAddr, remote: IpAddr) -> Self {
        Self {
            link,
            port: link,
            group: Group::Ip(group),
            source: None,
            vlan: 0,
            permanent: true,
            flags: 0,
            filter_mode: None,
            sources: Vec::new(),
            protocol: None,
            remote: remote.into(),
            source_vni: None,
            timer: None,
        }
    }
}

impl fmt::Display for MulticastEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.group)?;
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        if let Some(vni) = self.source_vni {
            write!(f, " src_vni {vni}")?;
        }
        if self.remote == Remote::NONE { Ok(()) } else { write!(f, " dst {}", self.remote) }
    }
}
