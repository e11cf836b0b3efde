//! Typed access to Linux VXLAN: links, forwarding entries, VNI filters, the multicast database and
//! the neighbours of an overlay.
//!
//! ```no_run
//! use vxlan::{Client, Entry, EntryFilter, Neighbour};
//!
//! let mut client = Client::connect()?;
//! let link = client.link("flannel.1")?.index;
//! let mac = "ee:d6:38:55:d5:c7".parse()?;
//! client.replace_neighbour(&Neighbour::permanent(link, "10.244.3.0".parse()?, mac))?;
//! client.replace(&Entry::to(link, mac, "172.16.20.121".parse()?))?;
//! for entry in client.read_entries(&EntryFilter::of(link))?.entries {
//!     println!("{entry}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - An [`Entry`] says where frames to a [`Mac`] go: to a [`Remote`], or to a nexthop group. Where it
//!   says nothing the device's [`Settings`] count.
//! - [`Client::entries`] lists what the kernel shows: while entries come and go it skips some and
//!   doubles others, and says nothing of it. [`Client::read_entries`] hears what happens meanwhile,
//!   and tells the truth.
//! - The kernel acknowledges deletions of remotes that are not there, and additions that it does
//!   nothing of. Here they are errors: [`Ignored`].
//! - [`Client::apply`] carries out many [`Change`]s and knows what became of each;
//!   [`Client::sync`] makes a device's entries what they are to be, with the smallest change.
//! - A [`Route`] leads to a [`Neighbour`], whose address has an entry: the path of a packet.
//! - An [`Event`] is what the kernel tells as it happens; lost events are a value, and a [`Watch`]
//!   reads the table again and says what was missed.
//! - An [`Error`] says what was asked and why it failed; [`Error::reason`] interprets the kernel's
//!   number.
//!
//! Links are named by their index, as the kernel does; [`Client::link`] finds it. Reading needs no
//! privilege, writing `CAP_NET_ADMIN` in the user namespace of the network namespace.
//!
//! # Features
//!
//! - `tokio`: the module `tokio` with the same client, its verbs to be awaited.
//! - `serde`: every public value can be serialised.

mod capabilities;
mod change;
mod client;
mod entry;
mod error;
mod event;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod link;
mod mac;
mod multicast;
mod neighbour;
mod nexthop;
mod route;
mod state;
mod subscription;
mod sync;
#[cfg(feature = "tokio")]
pub mod tokio;
mod uapi;
mod verbatim;
mod verbs;
mod view;
mod vni;
mod vni_filter;
mod watch;
mod wire;

pub use capabilities::{Capabilities, Support};
pub use change::{Change, Report};
pub use client::{Builder, Client, Entries};
pub use entry::{Activity, Defaults, Entry, EntryFilter, EntryKey, EntryQuery, Remote, Table};
pub use error::{Error, Ignored, Reason, Refused, Request, Result};
pub use event::{Event, EventKind};
pub use link::{DontFragment, Link, LinkConfig, LinkFlags, Settings};
pub use mac::{Mac, ParseMacError};
pub use multicast::{FilterMode, Group, MulticastEntry, RouterPort, Source};
pub use neighbour::Neighbour;
pub use nexthop::{Member, Nexthop};
pub use route::Route;
pub use rsadm_netlink::Namespace;
pub use state::{CacheTimes, ExtendedFlags, Flags, State};
pub use subscription::{Events, Groups, Subscription};
pub use sync::{Plan, Sync, SyncReport};
pub use verbatim::{Flush, Verbatim};
pub use verbs::{Flushed, Reading};
pub use vni::{ParseVniError, Vni};
pub use vni_filter::{VniEntry, VniStatistics};
pub use watch::Watch;
