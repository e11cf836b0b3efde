//! Typed access to the Linux IP Virtual Server (IPVS): services, destinations, connections,
//! timeouts, synchronisation daemons and sysctls.
//!
//! ```no_run
//! use ipvs::{Client, Destination, ForwardingMethod, Service};
//!
//! let mut client = Client::connect()?;
//! let service = Service::new("tcp://10.243.21.14:8880".parse()?, "rr");
//! client.put_service(&service)?;
//! let pod = Destination::new("10.244.3.32:80".parse()?, ForwardingMethod::MASQUERADE);
//! client.put_destination(&service.key, &pod)?;
//! for entry in client.destinations(&service.key)? {
//!     println!("{} {}", entry.destination.address, entry.active_connections);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Client`] talks generic netlink: it reads and changes everything. It needs `CAP_NET_ADMIN`
//!   in the initial user namespace, for reading too. [`Client::apply`] makes many changes in few
//!   system calls and knows what became of each; [`Client::table`] reads consistently, which a
//!   plain dump of this kernel table does not.
//! - [`Proc`] reads what anybody may see under /proc: the plain table, the connections, sysctls.
//!   [`Connections`] streams; a hundred thousand of them take no more memory than one.
//! - A [`ServiceKey`] says which service, a [`Service`] how it is set up, a [`ServiceEntry`] what
//!   the kernel shows of it. Destinations are the same: an address, [`Destination`],
//!   [`DestinationEntry`].
//! - An [`Error`] says what was asked and why it failed: [`Error::reason`] tells a missing service
//!   from a missing scheduler, though the kernel has one number for both.
//!
//! # Kernels
//!
//! Linux 5.10 and newer; tests run on 6.1, 6.12 and 7.2. What an older kernel lacks is absent or
//! zero, attributes of newer ones are passed over:
//!
//! | since | what |
//! |---|---|
//! | 3.18 | destinations of another family than their service, with tunnels |
//! | 4.1 | 64-bit counters |
//! | 4.3 | group, port and time to live of synchronisation daemons |
//! | 5.2, 5.3 | GUE and GRE tunnels |
//! | 7.1 | tables that grow, one for each namespace; [`Status`] |
//!
//! # Features
//!
//! - `tokio`: the module `tokio` with the same client, its verbs to be awaited.
//! - `serde`: every public value can be serialised.

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
mod list;
mod modules;
mod overview;
mod pack;
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
pub use list::{ServiceTable, TableList};
pub use modules::{Module, Modules, Presence};
pub use overview::{Overview, ServiceOverview};
pub use proc::Proc;
pub use rsadm_netlink::Namespace;
pub use service::{Service, ServiceEntry, ServiceFlags, ServicePatch};
pub use settings::{Info, Timeouts, Version};
pub use statistics::{Rates, Statistics};
pub use status::{Chains, HashTable, Status};
pub use sysctl::{SyncThreshold, Sysctls};
pub use table::{DestinationSummary, PlainKey, PlainPersistence, PlainService, PlainTable};
