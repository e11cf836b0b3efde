//! Neighbours: the Ethernet addresses of IP addresses.

use std::fmt;
use std::net::IpAddr;

use crate::{CacheTimes, ExtendedFlags, Flags, Mac, State};

/// A neighbour. On an overlay it says which [entry](crate::Entry) packets to the address use.
///
/// ```
/// use vxlan::{Neighbour, State};
/// let neighbour = Neighbour::permanent(7, "10.244.3.0".parse()?, "ee:d6:38:55:d5:c7".parse()?);
/// assert_eq!(neighbour.state, State::PERMANENT);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Neighbour {
    /// Index of the link.
    #[doc(alias = "ndm_ifindex")]
    pub link: u32,
    /// Its IP address.
    #[doc(alias = "NDA_DST")]
    pub address: IpAddr,
    /// Its Ethernet address, once it is known.
    #[doc(alias = "NDA_LLADDR")]
    pub mac: Option<Mac>,
    /// State.
    pub state: State,
    /// Flags.
    pub flags: Flags,
    /// More flags.
    pub extended_flags: ExtendedFlags,
    /// What kind of address it is (`RTN_UNICAST` is 1). Shown only.
    #[doc(alias = "ndm_type")]
    pub kind: u8,
    /// Which program wrote it (`RTPROT_*`). Linux 5.0.
    #[doc(alias = "NDA_PROTOCOL")]
    pub protocol: Option<u8>,
    /// Times since its use. Shown only.
    pub cache: Option<CacheTimes>,
    /// Requests that were sent to resolve it. Shown only.
    #[doc(alias = "NDA_PROBES")]
    pub probes: Option<u32>,
}

impl Neighbour {
    /// A neighbour that stays until it is deleted.
    pub const fn permanent(link: u32, address: IpAddr, mac: Mac) -> Self {
        Self {
            link,
            address,
            mac: Some(mac),
            state: State::PERMANENT,
            flags: Flags::empty(),
            extended_flags: ExtendedFlags::empty(),
            kind: 0,
            protocol: None,
            cache: None,
            probes: None,
        }
    }
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        match self.mac {
            Some(mac) => write!(f, " lladdr {mac}"),
            None => Ok(()),
        }
    }
}
