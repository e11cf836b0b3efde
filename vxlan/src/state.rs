//! State and flags that forwarding entries and neighbours share (`struct ndmsg`).

use std::time::Duration;

use bitflags::bitflags;

bitflags! {
    /// State of an entry or neighbour: a set of bits, not one of several values. Bits that this
    /// crate has no name for are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[doc(alias = "ndm_state")]
    pub struct State: u16 {
        /// Being resolved.
        #[doc(alias = "NUD_INCOMPLETE")]
        const INCOMPLETE = 0x01;
        /// Known to be reachable; an entry that may age.
        #[doc(alias = "NUD_REACHABLE")]
        const REACHABLE = 0x02;
        /// Not confirmed for a while; an entry that is about to age.
        #[doc(alias = "NUD_STALE")]
        const STALE = 0x04;
        /// In use, about to be confirmed.
        #[doc(alias = "NUD_DELAY")]
        const DELAY = 0x08;
        /// Being confirmed.
        #[doc(alias = "NUD_PROBE")]
        const PROBE = 0x10;
        /// Did not answer.
        #[doc(alias = "NUD_FAILED")]
        const FAILED = 0x20;
        /// Never resolved, never ages.
        #[doc(alias = "NUD_NOARP")]
        const NOARP = 0x40;
        /// Stays until it is deleted.
        #[doc(alias = "NUD_PERMANENT")]
        const PERMANENT = 0x80;
        const _ = !0;
    }
}

impl State {
    /// `permanent` as bridge writes it; others, as flannel, write [`PERMANENT`](Self::PERMANENT)
    /// alone.
    pub const STATIC_PERMANENT: Self = Self::PERMANENT.union(Self::NOARP);
    /// `static`: does not age, but is not the user's for ever.
    pub const STATIC: Self = Self::REACHABLE.union(Self::NOARP);
    /// `dynamic`: ages.
    pub const DYNAMIC: Self = Self::REACHABLE;

    /// Whether it stays until somebody takes it away: [permanent](Self::PERMANENT) or
    /// [static](Self::NOARP).
    pub const fn is_kept(self) -> bool {
        self.intersects(Self::STATIC_PERMANENT)
    }
}

bitflags! {
    /// Flags of an entry or neighbour. Bits that this crate has no name for are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[doc(alias = "ndm_flags")]
    pub struct Flags: u8 {
        /// Asks for the entry to be marked as used.
        #[doc(alias = "NTF_USE")]
        const USE = 0x01;
        /// In the device's own table.
        #[doc(alias = "NTF_SELF")]
        const SELF = 0x02;
        /// In the table of the bridge that the device is a port of. Asked for, never shown.
        #[doc(alias = "NTF_MASTER")]
        const MASTER = 0x04;
        /// Answered for by this machine.
        #[doc(alias = "NTF_PROXY")]
        const PROXY = 0x08;
        /// Written by a control plane that learned it elsewhere.
        #[doc(alias = "NTF_EXT_LEARNED")]
        const EXTERN_LEARN = 0x10;
        /// Carried out by hardware.
        #[doc(alias = "NTF_OFFLOADED")]
        const OFFLOADED = 0x20;
        /// Does not move to another port.
        #[doc(alias = "NTF_STICKY")]
        const STICKY = 0x40;
        /// The address of a router.
        #[doc(alias = "NTF_ROUTER")]
        const ROUTER = 0x80;
        const _ = !0;
    }

    /// More flags of an entry or neighbour. Linux 5.15.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[doc(alias = "NDA_FLAGS_EXT")]
    pub struct ExtendedFlags: u32 {
        /// Kept resolved by the kernel.
        #[doc(alias = "NTF_EXT_MANAGED")]
        const MANAGED = 0x01;
        /// The port is locked for this address.
        #[doc(alias = "NTF_EXT_LOCKED")]
        const LOCKED = 0x02;
        /// Validated by a control plane.
        #[doc(alias = "NTF_EXT_EXT_VALIDATED")]
        const EXTERN_VALID = 0x04;
        const _ = !0;
    }
}

/// When an entry or neighbour was used, as times since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "NDA_CACHEINFO")]
#[doc(alias = "nda_cacheinfo")]
pub struct CacheTimes {
    /// Hundredths of a second since it was last confirmed.
    #[doc(alias = "ndm_confirmed")]
    pub confirmed: u32,
    /// Hundredths of a second since it was last used.
    #[doc(alias = "ndm_used")]
    pub used: u32,
    /// Hundredths of a second since it was last changed.
    #[doc(alias = "ndm_updated")]
    pub updated: u32,
    /// References to it.
    #[doc(alias = "ndm_refcnt")]
    pub references: u32,
}

impl CacheTimes {
    /// Time since it was last used.
    pub const fn since_use(&self) -> Duration {
        Duration::from_millis(self.used as u64 * 10)
    }

    /// Time since it was last changed.
    pub const fn since_update(&self) -> Duration {
        Duration::from_millis(self.updated as u64 * 10)
    }

    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let word = |index: usize| {
            let bytes = value.get(index * 4..)?.first_chunk::<4>()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let (confirmed, used, updated) = (word(0)?, word(1)?, word(2)?);
        Some(Self { confirmed, used, updated, references: word(3)? })
    }
}
