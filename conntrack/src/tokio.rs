//! The same client over tokio: the verbs of [`conntrack::Client`](crate::Client), each to be awaited.
//!
//! ```no_run
//! # async fn example() -> Result<(), conntrack::Error> {
//! let mut client = conntrack::tokio::Client::connect()?;
//! println!("{} flows", client.count().await?);
//! # Ok(()) }
//! ```
//!
//! The kernel has carried out a request by the time that it was sent, so a verb hardly ever waits.

use rsadm_netlink::tokio::Socket;

use crate::listener::Listener;
use crate::verbs::{Cursor, Verbs};
use crate::view::Tracker;
use crate::{Error, Event, Flow, Result};

/// A connection to the connection tracking of one network namespace; see
/// [`conntrack::Client`](crate::Client).
#[derive(Debug)]
pub struct Client {
    pub(crate) verbs: Verbs<Socket>,
}

/// Flows as the kernel lists them; see [`conntrack::Flows`](crate::Flows).
#[derive(Debug)]
pub struct Flows<'c> {
    pub(crate) cursor: Cursor<'c, Socket>,
}

impl Flows<'_> {
    /// The next flow that matches; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<Flow<'_>>> {
        self.cursor.next().await
    }

    /// Hands every flow that is left to `each`.
    pub async fn for_each<E: From<Error> + Send>(
        self,
        each: impl FnMut(Flow<'_>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        self.cursor.for_each(each).await
    }

    /// Every flow that is left, detached from the buffer.
    pub async fn to_vec(self) -> Result<Vec<Flow<'static>>> {
        let mut flows = Vec::new();
        let collect = self.for_each(|flow| {
            flows.push(flow.into_owned());
            Ok::<_, Error>(())
        });
        collect.await?;
        Ok(flows)
    }
}

/// What the kernel tells; see [`conntrack::Events`](crate::Events).
#[derive(Debug)]
pub struct Events {
    pub(crate) listener: Listener<Socket>,
}

impl Events {
    /// The next event, waiting for it. Nothing is lost when this is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Event<'_>> {
        self.listener.next().await
    }
}

/// A view of the table that follows events; see [`conntrack::View`](crate::View).
#[derive(Debug)]
pub struct View {
    pub(crate) tracker: Tracker<Socket>,
}

impl View {
    /// The next event, waiting for it. Nothing is lost when this is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Event<'static>> {
        self.tracker.next().await
    }

    /// The flows of the view.
    pub fn flows(&self) -> impl Iterator<Item = &Flow<'static>> {
        self.tracker.flows()
    }

    /// How many flows the view has.
    pub fn count(&self) -> usize {
        self.tracker.count()
    }

    /// Reads the table again.
    pub async fn resync(&mut self) -> Result<()> {
        self.tracker.resync().await
    }
}
