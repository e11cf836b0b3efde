//! A socket that hears events, and what keeps it from harm in lossless mode.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use rsadm_netlink::{Event as Received, Events, Transport, Undelivered};

use crate::subscription::failed;
use crate::{Error, Event, Result};

/// Events of a subscription, over any transport.
#[derive(Debug)]
pub(crate) struct Listener<T> {
    // Closed before the watch is told, so that the watch finds it closed.
    events: Events<T>,
    watch: Option<Watch>,
}

impl<T: Transport> Listener<T> {
    pub(crate) fn new(transport: T, watch: Option<Watch>) -> Self {
        Self { events: Events::new(transport), watch }
    }

    pub(crate) fn transport(&self) -> &T {
        self.events.transport()
    }

    /// The next event, waiting for it. A message of another kind, which no group has, is an error.
    pub(crate) async fn next(&mut self) -> Result<Event<'_>> {
        if self.was_given_up() {
            return Ok(Event::Lost);
        }
        let received = self.events.next().await.map_err(failed)?;
        if let Some(watch) = &self.watch {
            watch.shared.read.fetch_add(1, Ordering::Relaxed);
        }
        decode(received)?.ok_or(Error::Malformed { what: "event" })
    }

    /// The next event that is there already, if there is one.
    pub(crate) fn try_next(&mut self) -> Result<Option<Event<'_>>> {
        if self.was_given_up() {
            return Ok(Some(Event::Lost));
        }
        match self.events.try_next().map_err(failed)? {
            Some(received) => {
                if let Some(watch) = &self.watch {
                    watch.shared.read.fetch_add(1, Ordering::Relaxed);
                }
                decode(received)
            }
            None => Ok(None),
        }
    }

    fn was_given_up(&self) -> bool {
        let watch = self.watch.as_ref();
        watch.is_some_and(|watch| watch.shared.given_up.swap(false, Ordering::Relaxed))
    }
}

/// An event of a message; what is not about flows or expectations is none.
fn decode(received: Received<'_>) -> Result<Option<Event<'_>>> {
    match received {
        Received::Lost => Ok(Some(Event::Lost)),
        Received::Message(reply) => {
            let header = reply.header;
            let event = Event::decode(header.kind, header.flags, header.port, reply.payload)?;
            Ok(event.map(|event| event.of_namespace(reply.namespace)))
        }
    }
}

/// Ends lossless mode when its reader hangs: the kernel would keep flows until the table is full.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    /// How many events were read.
    read: AtomicU64,
    /// Lossless mode was ended, and the reader does not know yet.
    given_up: AtomicBool,
}

impl Watch {
    pub(crate) fn start(patience: Duration, undelivered: Undelivered) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("conntrack-watch".to_owned())
            .spawn(move || of_thread.watch(patience, &undelivered))
            .map_err(|source| Error::Thread { source })?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }
}

impl Shared {
    fn watch(&self, patience: Duration, undelivered: &Undelivered) {
        let mut before = self.read.load(Ordering::Relaxed);
        loop {
            thread::park_timeout(patience);
            let Some(waiting) = undelivered.is_waiting() else { return };
            let read = self.read.load(Ordering::Relaxed);
            if waiting && read == before {
                undelivered.stop();
                self.given_up.store(true, Ordering::Relaxed);
                return;
            }
            before = read;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.thread.unpark();
    }
}
