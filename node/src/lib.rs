//! A node's network state as one snapshot, and what it does to a packet.
//!
//! - A [`Snapshot`] is what was read of a node at one moment: links, addresses, routes, rules,
//!   neighbours, forwarding entries, virtual services, flows, netfilter's rules and sysctls. What
//!   could not be read is a [`Part`] that says why.
//! - Everything else is a function of snapshots and touches no socket.

mod address;
mod balancer;
mod code;
mod collect;
mod diff;
mod doctor;
mod error;
mod file;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod link;
mod listener;
mod lookup;
pub mod netfilter;
mod network;
mod part;
mod prefix;
mod route;
mod rule;
mod snapshot;
mod stage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trace;
mod tracking;
mod uapi;
mod wire;

pub use address::{Address, AddressFlags, Scope};
pub use balancer::Balancer;
pub use code::{Code, ParseCodeError};
pub use collect::{Collector, Flows};
pub use diff::{DiffOptions, Difference, FieldChange, RowChange, diff};
pub use doctor::{Doubt, Finding, Report, Severity, doctor};
pub use error::{Error, Result};
pub use link::{Bridge, BridgePort, Link, LinkCounters};
pub use listener::Listener;
pub use lookup::{Decision, Query, Refusal, Router, Way};
pub use netfilter::{Firewall, Hook, Netfilter};
pub use network::Network;
pub use part::Part;
pub use prefix::{ParsePrefixError, Prefix};
pub use route::{Hop, HopFlags, Route, RouteKind, Table};
pub use rule::{Rule, RuleAction};
pub use snapshot::{Pod, Snapshot};
pub use stage::Stage;
pub use tracking::Tracking;
