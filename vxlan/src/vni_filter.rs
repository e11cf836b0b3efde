//! Which VNIs a VXLAN device takes packets of. Linux 5.18.

use std::fmt;
use std::net::IpAddr;

use crate::Vni;

/// VNIs of a device made with `external` and `vnifilter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "VXLAN_VNIFILTER_ENTRY")]
pub struct VniEntry {
    /// Index of the device.
    pub link: u32,
    /// The first VNI.
    #[doc(alias = "VXLAN_VNIFILTER_ENTRY_START")]
    pub first: Vni,
    /// The last one; the same for a single one.
    #[doc(alias = "VXLAN_VNIFILTER_ENTRY_END")]
    pub last: Vni,
    /// Where frames without an entry of their own go: a group, or one remote. The kernel keeps a
    /// default entry for each VNI that has one.
    #[doc(alias = "VXLAN_VNIFILTER_ENTRY_GROUP")]
    #[doc(alias = "VXLAN_VNIFILTER_ENTRY_GROUP6")]
    pub remote: Option<IpAddr>,
    /// What was counted; where it was asked for, each VNI is an entry of its own.
    pub statistics: Option<VniStatistics>,
}

impl VniEntry {
    /// VNIs from the first to the last.
    pub const fn new(link: u32, first: Vni, last: Vni) -> Self {
        Self { link, first, last, remote: None, statistics: None }
    }
}

impl fmt::Display for VniEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        match self.remote {
            Some(remote) => write!(f, " remote {remote}"),
            None => Ok(()),
        }
    }
}

/// What was counted of one VNI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "VXLAN_VNIFILTER_ENTRY_STATS")]
#[expect(missing_docs, reason = "the kernel's own names, which say it")]
pub struct VniStatistics {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_drops: u64,
    pub rx_errors: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_drops: u64,
    pub tx_errors: u64,
}
