//! Virtual services: configuration, and the entry that the kernel shows.

use crate::{Netmask, ServiceKey, Statistics};

bitflags::bitflags! {
    /// Flags of a service (`IP_VS_SVC_F_*`); bits that this crate does not know are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[cfg_attr(feature = "serde", serde(transparent))]
    #[doc(alias = "IPVS_SVC_ATTR_FLAGS")]
    pub struct ServiceFlags: u32 {
        /// A client's connections go to one destination for the persistence timeout.
        #[doc(alias = "IP_VS_SVC_F_PERSISTENT")]
        const PERSISTENT = 0x1;
        /// Set by the kernel in every entry that it shows; ignored in requests and not kept in
        /// [`Service::flags`].
        #[doc(alias = "IP_VS_SVC_F_HASHED")]
        const HASHED = 0x2;
        /// Every UDP packet is scheduled on its own.
        #[doc(alias = "IP_VS_SVC_F_ONEPACKET")]
        const ONE_PACKET = 0x4;
        /// First flag of the scheduler: `sh-fallback`, `mh-fallback`. Linux 3.11.
        #[doc(alias = "IP_VS_SVC_F_SCHED1")]
        const SCHEDULER_1 = 0x8;
        /// Second flag of the scheduler: `sh-port`, `mh-port`. Linux 3.11.
        #[doc(alias = "IP_VS_SVC_F_SCHED2")]
        const SCHEDULER_2 = 0x10;
        /// Third flag of the scheduler. Linux 3.11.
        #[doc(alias = "IP_VS_SVC_F_SCHED3")]
        const SCHEDULER_3 = 0x20;
        const _ = !0;
    }
}

impl ServiceFlags {
    /// The three flags that belong to the scheduler.
    pub const SCHEDULER: Self = Self::SCHEDULER_1.union(Self::SCHEDULER_2).union(Self::SCHEDULER_3);
}

/// Configuration of a virtual service.
///
/// ```
/// use ipvs::{Service, ServiceKey};
/// let key: ServiceKey = "tcp://10.243.21.14:8880".parse()?;
/// let service = Service::new(key, "rr").persistent(300);
/// assert_eq!(service.timeout, 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Service {
    /// Identity.
    pub key: ServiceKey,
    /// Name of the scheduler, at most 15 bytes; `none` is a service without one.
    #[doc(alias = "IPVS_SVC_ATTR_SCHED_NAME")]
    pub scheduler: String,
    /// Flags, without [`ServiceFlags::HASHED`].
    #[doc(alias = "IPVS_SVC_ATTR_FLAGS")]
    pub flags: ServiceFlags,
    /// Persistence timeout in seconds; of no effect without [`ServiceFlags::PERSISTENT`].
    #[doc(alias = "IPVS_SVC_ATTR_TIMEOUT")]
    pub timeout: u32,
    /// Granularity of persistence.
    #[doc(alias = "IPVS_SVC_ATTR_NETMASK")]
    pub netmask: Netmask,
    /// Name of the persistence engine (`sip`), at most 16 bytes. Linux 2.6.37.
    #[doc(alias = "IPVS_SVC_ATTR_PE_NAME")]
    pub persistence_engine: Option<String>,
}

impl Service {
    /// A service without persistence.
    pub fn new(key: ServiceKey, scheduler: impl Into<String>) -> Self {
        Self {
            key,
            scheduler: scheduler.into(),
            flags: ServiceFlags::empty(),
            timeout: 0,
            netmask: Netmask::host(key.family()),
            persistence_engine: None,
        }
    }

    /// The same service with persistence for `seconds`.
    #[must_use]
    pub fn persistent(mut self, seconds: u32) -> Self {
        self.flags |= ServiceFlags::PERSISTENT;
        self.timeout = seconds;
        self
    }

    /// Whether a client's connections stay with one destination.
    pub fn is_persistent(&self) -> bool {
        self.flags.contains(ServiceFlags::PERSISTENT)
    }

    /// Whether every UDP packet is scheduled on its own.
    pub fn is_one_packet(&self) -> bool {
        self.flags.contains(ServiceFlags::ONE_PACKET)
    }
}

/// A service as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServiceEntry {
    /// Configuration.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub service: Service,
    /// Counters and rates.
    pub statistics: Statistics,
}

/// Fields of a service to change; the others stay as they are.
///
/// The kernel changes flags under a mask, so two writers of different flags do not undo each
/// other; the remaining fields are read and sent back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePatch {
    /// Another scheduler.
    pub scheduler: Option<String>,
    /// Values of the flags in [`flags_mask`](Self::flags_mask).
    pub flags: ServiceFlags,
    /// Which flags to change.
    pub flags_mask: ServiceFlags,
    /// Another persistence timeout in seconds.
    pub timeout: Option<u32>,
    /// Another granularity.
    pub netmask: Option<Netmask>,
    /// Another persistence engine, or none.
    pub persistence_engine: Option<Option<String>>,
}

impl ServicePatch {
    /// The service with the patch applied.
    pub fn apply(&self, mut service: Service) -> Service {
        if let Some(scheduler) = &self.scheduler {
            service.scheduler.clone_from(scheduler);
        }
        service.flags = (service.flags - self.flags_mask) | (self.flags & self.flags_mask);
        service.timeout = self.timeout.unwrap_or(service.timeout);
        service.netmask = self.netmask.unwrap_or(service.netmask);
        if let Some(engine) = &self.persistence_engine {
            service.persistence_engine.clone_from(engine);
        }
        service
    }
}
