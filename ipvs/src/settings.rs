//! Settings of a namespace: timeouts, version, table size.

use std::fmt;

/// Timeouts of connections in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timeouts {
    /// Established TCP connections; the kernel's default is 900. Setting 0 keeps the present one.
    #[doc(alias = "IPVS_CMD_ATTR_TIMEOUT_TCP")]
    pub tcp: u32,
    /// TCP connections after a FIN; the kernel's default is 120. Setting 0 keeps the present one.
    #[doc(alias = "IPVS_CMD_ATTR_TIMEOUT_TCP_FIN")]
    pub tcp_fin: u32,
    /// UDP; the kernel's default is 300. Setting 0 keeps the present one.
    #[doc(alias = "IPVS_CMD_ATTR_TIMEOUT_UDP")]
    pub udp: u32,
}

/// Version of IPVS itself; 1.2.1 since Linux 2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[doc(alias = "IPVS_INFO_ATTR_VERSION")]
pub struct Version(pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, major, minor, patch] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What the kernel says of its IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Info {
    /// Version.
    pub version: Version,
    /// Buckets of the connection table. From Linux 7.1 it changes while the kernel runs, and
    /// each namespace has its own.
    #[doc(alias = "IPVS_INFO_ATTR_CONN_TAB_SIZE")]
    pub connection_table_size: u32,
}
