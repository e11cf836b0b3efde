//! The same client over tokio: the verbs of [`vxlan::Client`](crate::Client), each to be awaited.
//!
//! ```no_run
//! # async fn example() -> Result<(), vxlan::Error> {
//! let mut client = vxlan::tokio::Client::connect()?;
//! println!("{} VXLAN devices", client.links().await?.len());
//! # Ok(()) }
//! ```
//!
//! The kernel has carried out a request by the time that it was sent, so a verb hardly ever waits.

use rsadm_netlink::tokio::Socket;

use crate::subscription::next;
use crate::verbs::{Cursor, Verbs};
use crate::watch::Watcher;
use crate::{Entry, EntryFilter, Event, Result};

/// A connection to the VXLAN devices of one network namespace; see
/// [`vxlan::Client`](crate::Client).
#[derive(Debug)]
pub struct Client {
    pub(crate) verbs: Verbs<Socket>,
}

impl Client {
    /// The same as [`Client::entries`](crate::Client::entries).
    pub async fn entries<'c>(&'c mut self, filter: &'c EntryFilter) -> Result<Entries<'c>> {
        Ok(Entries { cursor: self.verbs.entries(filter).await? })
    }

    /// The same as [`Client::watch`](crate::Client::watch).
    pub async fn watch(&mut self, filter: &EntryFilter) -> Result<Watch<'_>> {
        Ok(Watch { inner: Watcher::open(&mut self.verbs, filter).await? })
    }
}

/// Entries as the kernel lists them; see [`vxlan::Entries`](crate::Entries).
#[derive(Debug)]
pub struct Entries<'c> {
    cursor: Cursor<'c, Socket>,
}

impl Entries<'_> {
    /// The next entry that matches; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<Entry>> {
        self.cursor.next().await
    }
}

/// Entries that are kept up to date; see [`vxlan::Watch`](crate::Watch).
#[derive(Debug)]
pub struct Watch<'c> {
    inner: Watcher<'c, Socket>,
}

impl Watch<'_> {
    /// The entries as far as [`next`](Self::next) has told them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.inner.view.values()
    }

    /// The next event, waiting for it.
    pub async fn next(&mut self) -> Result<Event> {
        self.inner.next().await
    }
}

/// What the kernel tells; see [`vxlan::Events`](crate::Events).
#[derive(Debug)]
pub struct Events {
    pub(crate) inner: rsadm_netlink::Events<Socket>,
}

impl Events {
    /// The next event, waiting for it. Nothing is lost when this is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Event> {
        next(&mut self.inner).await
    }
}
