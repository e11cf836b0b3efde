//! Listening to the kernel.

use std::os::fd::{AsFd, BorrowedFd};

use rsadm_netlink::{Bus, Event as Received, Namespace, Options, Socket, Transport, now};

use crate::{Error, Event, Groups, Request, Result};

/// Bytes of the receive buffer that a subscription asks for. An event costs about 1.3 KiB of it, so
/// this holds some 25,000, where the system's default holds 166.
const RECEIVE_BUFFER: usize = 32 * 1024 * 1024;

/// How to listen to events.
///
/// ```no_run
/// use conntrack::{Event, Groups, Subscription};
/// let mut events = Subscription::new(Groups::NEW | Groups::DESTROY).open()?;
/// loop {
///     match events.next()? {
///         Event::Flow { kind, flow, .. } => println!("{kind} {}", flow.original),
///         Event::Lost => println!("some events were lost"),
///         _ => {}
///     }
/// }
/// # Ok::<(), conntrack::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subscription {
    groups: Groups,
    options: Options,
    all_namespaces: bool,
}

impl Subscription {
    /// Listens to these in the current namespace.
    pub fn new(groups: Groups) -> Self {
        let receive_buffer = Some(RECEIVE_BUFFER);
        let options = Options { receive_buffer, ..Options::default() };
        Self { groups, options, all_namespaces: false }
    }

    /// Another network namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.options.namespace = namespace;
        self
    }

    /// Bytes of the receive buffer, 32 MiB unless this says otherwise. They are used only while
    /// events wait to be read. Without `CAP_NET_ADMIN` it is at most `net.core.rmem_max`.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.options.receive_buffer = Some(bytes);
        self
    }

    /// Hears events of every network namespace that has an id in this one too. The events do not
    /// say where they are from: the kernel tells it in a control message that safe Rust has no way
    /// to read. A subscription in each namespace tells them apart.
    #[doc(alias = "NETLINK_LISTEN_ALL_NSID")]
    #[must_use]
    pub fn all_namespaces(mut self) -> Self {
        self.all_namespaces = true;
        self
    }

    /// Begins to listen.
    pub fn open(&self) -> Result<Events> {
        Ok(Events { inner: rsadm_netlink::Events::new(self.socket()?) })
    }

    /// Begins to listen through tokio; call it inside a runtime with I/O enabled.
    #[cfg(feature = "tokio")]
    pub fn open_tokio(&self) -> Result<crate::tokio::Events> {
        let socket = rsadm_netlink::tokio::Socket::try_from(self.socket()?).map_err(failed)?;
        Ok(crate::tokio::Events { inner: rsadm_netlink::Events::new(socket) })
    }

    fn socket(&self) -> Result<Socket> {
        let mut socket = Socket::open(Bus::Netfilter, &self.options).map_err(failed)?;
        if self.all_namespaces {
            socket.hear_all_namespaces().map_err(failed)?;
        }
        for group in self.groups.numbers() {
            socket.join(group).map_err(failed)?;
        }
        Ok(socket)
    }
}

fn failed(error: rsadm_netlink::Error) -> Error {
    Error::of(Request::Subscribe, error)
}

/// What the kernel tells. Losses are [values](Event::Lost).
///
/// Its descriptor is readable when there is an event, for whoever waits for more than that.
#[derive(Debug)]
pub struct Events {
    inner: rsadm_netlink::Events<Socket>,
}

impl Events {
    /// The next event, waiting for it.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Event<'_>> {
        now(next(&mut self.inner))
    }

    /// The next event that is there already, if there is one.
    pub fn try_next(&mut self) -> Result<Option<Event<'_>>> {
        try_next(&mut self.inner)
    }

    /// Bytes of the receive buffer, as the kernel accounts them.
    pub fn receive_buffer_size(&self) -> usize {
        self.inner.transport().receive_buffer_size()
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.transport().as_fd()
    }
}

/// An event of a message; what is not about flows or expectations is none.
fn decode(received: Received<'_>) -> Result<Option<Event<'_>>> {
    match received {
        Received::Lost => Ok(Some(Event::Lost)),
        Received::Message(reply) => {
            let header = reply.header;
            Event::decode(header.kind, header.flags, header.port, reply.payload)
        }
    }
}

pub(crate) async fn next<T: Transport>(events: &mut rsadm_netlink::Events<T>) -> Result<Event<'_>> {
    let received = events.next().await.map_err(failed)?;
    decode(received)?.ok_or(Error::Malformed { what: "event" })
}

fn try_next<T: Transport>(events: &mut rsadm_netlink::Events<T>) -> Result<Option<Event<'_>>> {
    match events.try_next().map_err(failed)? {
        Some(received) => decode(received),
        None => Ok(None),
    }
}
