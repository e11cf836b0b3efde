//! Typed access to the Linux IP Virtual Server (IPVS).

mod change;
mod client;
mod connections;
mod daemon;
mod destination;
mod error;
mod fields;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod key;
mod lines;
mod modules;
mod overview;
mod proc;
mod service;
mod settings;
mod statistics;
mod status;
mod sysctl;
mod table;
#[cfg(feature = "tokio")]
pub mod tokio;
mod totals;
mod uapi;
mod verbs;
mod wire;

pub use change::{Change, Report};
pub use client::{Builder, Client};
pub use connections::{Connection, ConnectionState, Connections, Origin, PersistenceData};
pub use daemon::{Daemon, Role};
pub use destination::{
    Destination, DestinationEntry, DestinationPatch, ForwardingMethod, Tunnel, TunnelFlags,
    TunnelKind,
};
pub use error::{Error, Reason, Refused, Request, Result};
pub use key::{Family, Netmask, ParseKeyError, Protocol, ServiceKey};
pub use modules::{Module, Modules, Presence};
pub use overview::{ServiceOverview, ServiceTable};
pub use proc::Proc;
pub use rsadm_netlink::Namespace;
pub use service::{Service, ServiceEntry, ServiceFlags, ServicePatch};
pub use settings::{Info, Timeouts, Version};
pub use statistics::{Rates, Statistics};
pub use status::{Chains, HashTable, Status};
pub use sysctl::{SyncThreshold, Sysctls};
pub use table::{DestinationSummary, PlainKey, PlainPersistence, PlainService, PlainTable};
