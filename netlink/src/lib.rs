//! Netlink engine of rsadm: bytes, attributes, requests, dumps, batches, events, namespaces and
//! errors, and nothing of what any table means.
//!
//! - [`Attributes`] walks received attributes without copying, [`Message`] appends them.
//! - [`Exchange`] follows an answer without a socket; [`Connection`] runs it over a [`Transport`]:
//!   a blocking [`Socket`], the one of the module `tokio`, or a scripted kernel for tests.
//! - [`Dump`] lends messages out of one reused buffer, [`Batch`] sends many changes and knows what
//!   became of each, [`Events`] says when notifications were lost.
//! - [`Namespace`] opens sockets in other network namespaces without moving the caller.
//!
//! ```no_run
//! use rsadm_netlink::{Bus, Connection, Options, Socket, now};
//!
//! let mut connection = Connection::new(Socket::open(Bus::Generic, &Options::default())?);
//! let family = now(connection.family("IPVS"))?;
//! println!("IPVS is family {}", family.id);
//! # Ok::<(), rsadm_netlink::Error>(())
//! ```
//!
//! With `RSADM_DEBUG=netlink` in the environment every message is printed to standard error.

mod ahead;
mod attribute;
mod batch;
mod connection;
mod control;
mod debug;
mod error;
mod events;
mod exchange;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod generic;
mod header;
pub mod layout;
mod message;
mod messages;
mod namespace;
mod socket;
#[cfg(feature = "tokio")]
pub mod tokio;
mod transport;
mod uapi;

pub use attribute::{Attribute, Attributes};
pub use batch::{Batch, Outcome};
pub use connection::{Connection, Dump, Reply};
pub use error::{Error, Rejected, Result};
pub use events::{Event, Events};
pub use exchange::{Exchange, Step};
pub use generic::Family;
pub use header::{GenericHeader, Header};
pub use message::Message;
pub use messages::Messages;
pub use namespace::Namespace;
pub use socket::{Bus, Options, Socket, Undelivered};
pub use transport::{Transport, now};
