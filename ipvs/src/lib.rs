//! Typed access to the Linux IP Virtual Server (IPVS).

mod daemon;
mod destination;
mod error;
mod key;
mod service;
mod settings;
mod statistics;

pub use daemon::{Daemon, Role};
pub use destination::{
    Destination, DestinationEntry, DestinationPatch, ForwardingMethod, Tunnel, TunnelFlags,
    TunnelKind,
};
pub use error::{Error, Reason, Refused, Request, Result};
pub use key::{Family, Netmask, ParseKeyError, Protocol, ServiceKey};
pub use service::{Service, ServiceEntry, ServiceFlags, ServicePatch};
pub use settings::{Info, Timeouts, Version};
pub use statistics::{Rates, Statistics};
