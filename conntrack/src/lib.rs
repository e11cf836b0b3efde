//! Typed access to Linux connection tracking (ctnetlink): flows, expectations, filters, events and
//! statistics.
//!
//! ```no_run
//! use conntrack::{Client, Condition, Direction, Filter, Protocol};
//!
//! let mut client = Client::connect()?;
//! let dns = Filter::new()
//!     .and(Condition::Protocol(Protocol::UDP))
//!     .and(Condition::DestinationPort(Direction::Original, 53.into()));
//! let mut flows = client.flows(&dns)?;
//! while let Some(flow) = flows.next()? {
//!     println!("{} answered: {}", flow.original, flow.is_seen_reply());
//! }
//! # Ok::<(), conntrack::Error>(())
//! ```
//!
//! - A [`Flow`] borrows the receive buffer and is decoded once, without allocation.
//!   [`Flow::into_owned`] detaches it. What this crate does not know stays reachable in
//!   [`Flow::unknown_attributes`].
//! - A [`Filter`] is made of [`Condition`]s. The kernel is given the part that every kernel gets
//!   right; each flow that it shows is checked against the whole filter.
//! - A [`Key`] names one flow: a tuple, a zone, an id. A [`NewFlow`] is created, a [`FlowPatch`]
//!   changes single fields, [`Client::apply`] carries out many changes and knows what became of each.
//!   Those of a large table are best [`Prepared`].
//! - An [`Event`] is what the kernel tells a [`Subscription`] as it happens; lost events are a value.
//!   A [`View`] reads the table again after a loss, and tells the difference as events.
//! - An [`Error`] says what was asked and why it failed; [`Error::reason`] interprets the kernel's
//!   number.
//!
//! Everything but [`Sysctls`] needs `CAP_NET_ADMIN` in the user namespace of the network namespace,
//! reading too.
//!
//! # Kernels
//!
//! Linux 5.10 and newer; tests run on 6.1, 6.12, 6.18 and 7.2. What an older kernel lacks is absent,
//! attributes of newer ones are kept. [`Capabilities`] tries out what a kernel gets right:
//!
//! | since | what |
//! |---|---|
//! | 4.3 | zones of one direction |
//! | 5.8 | listing by tuple; by IPv6 addresses it shows the others, up to at least 7.2 |
//! | 5.15 | listing and deleting by status |
//! | 5.19 | events of flows only while somebody listens; no unconfirmed flows |
//! | 6.8 | listing and deleting by zone |
//! | 6.12 | deleting by tuple; by IPv6 addresses it deletes the others, up to at least 7.2 |
//! | 6.14 | when an event happened |
//! | 6.17 | no DCCP |
//!
//! # Features
//!
//! - `tokio`: the module `tokio` with the same client, its verbs to be awaited.
//! - `serde`: every public value can be serialised.

mod capabilities;
mod change;
mod client;
mod encode;
mod error;
mod event;
mod expectation;
mod filter;
mod flow;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod labels;
mod listener;
mod prepared;
mod protocol;
mod repeats;
mod rest;
mod state;
mod statistics;
mod status;
mod subscription;
mod sysctl;
#[cfg(feature = "tokio")]
pub mod tokio;
mod tuple;
mod uapi;
mod verbs;
mod view;
mod wire;

pub use capabilities::{Capabilities, Capability, Support};
pub use change::{Change, FlowPatch, LabelsChange, MarkChange, NatRequest, NewFlow, Report};
pub use client::{Builder, Client, Flows};
pub use error::{Error, Reason, Refused, Request, Result};
pub use event::{Event, EventKind, Groups, Origin};
pub use expectation::{Expectation, ExpectationFlags, ExpectationKey, ExpectationNat};
pub use filter::{Condition, Filter, NatMatch, Network, Place, Plan, Ports, Predicate};
pub use flow::{Counters, Flow, Helper, SequenceAdjustment, Synproxy, Translation};
pub use labels::Labels;
pub use prepared::Prepared;
pub use protocol::{Family, ParseProtocolError, Protocol};
pub use rsadm_netlink::{Attribute, Attributes, Namespace};
pub use state::{
    Dccp, DccpRole, DccpState, MaskedTcpFlags, ParseStateError, ProtocolState, Sctp, SctpState,
    Tcp, TcpFlags, TcpState,
};
pub use statistics::{Counter, CpuExpectationStatistics, CpuStatistics, GlobalStatistics};
pub use status::Status;
pub use subscription::{Events, Subscription};
pub use sysctl::Sysctls;
pub use tuple::{Direction, Key, Layer4, Tuple};
pub use verbs::Deletion;
pub use view::View;
