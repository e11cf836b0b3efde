//! Connection synchronisation daemons.

use std::fmt;
use std::net::IpAddr;

/// What a synchronisation daemon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[doc(alias = "IPVS_DAEMON_ATTR_STATE")]
pub enum Role {
    /// Sends its connections.
    #[doc(alias = "IP_VS_STATE_MASTER")]
    Master,
    /// Receives the connections of a master.
    #[doc(alias = "IP_VS_STATE_BACKUP")]
    Backup,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// A synchronisation daemon. Zero and `None` leave the choice to the kernel when starting one; a
/// kernel before 4.3 reports them so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Daemon {
    /// Master or backup; both may run at once.
    pub role: Role,
    /// Network interface of the multicast, at most 15 bytes.
    #[doc(alias = "IPVS_DAEMON_ATTR_MCAST_IFN")]
    pub interface: String,
    /// Id that master and backup share, 0 to 255; a backup with 0 takes every master's.
    #[doc(alias = "IPVS_DAEMON_ATTR_SYNC_ID")]
    pub sync_id: u32,
    /// Largest message in bytes; 0 lets the kernel choose from the interface's MTU. Linux 4.3.
    #[doc(alias = "IPVS_DAEMON_ATTR_SYNC_MAXLEN")]
    pub max_length: u16,
    /// Multicast group; the kernel's choice is 224.0.0.81. Linux 4.3.
    #[doc(alias = "IPVS_DAEMON_ATTR_MCAST_GROUP")]
    #[doc(alias = "IPVS_DAEMON_ATTR_MCAST_GROUP6")]
    pub group: Option<IpAddr>,
    /// UDP port; the kernel's choice is 8848. Linux 4.3.
    #[doc(alias = "IPVS_DAEMON_ATTR_MCAST_PORT")]
    pub port: u16,
    /// Time to live; the kernel's choice is 1. Linux 4.3.
    #[doc(alias = "IPVS_DAEMON_ATTR_MCAST_TTL")]
    pub ttl: u8,
}

impl Daemon {
    /// A daemon whose remaining settings are left to the kernel.
    pub fn new(role: Role, interface: impl Into<String>) -> Self {
        Self {
            role,
            interface: interface.into(),
            sync_id: 0,
            max_length: 0,
            group: None,
            port: 0,
            ttl: 0,
        }
    }
}
