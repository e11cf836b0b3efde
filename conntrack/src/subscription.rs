//! Listening to the kernel.

use std::os::fd::{AsFd, BorrowedFd};

use std::time::Duration;

use rsadm_netlink::{Bus, Namespace, Options, Socket, Transport, Undelivered, now};

use crate::listener::{Listener, Watch};
use crate::verbs::Verbs;
use crate::view::Tracker;
use crate::{Error, Event, Groups, Request, Result, View};

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
    patience: Option<Duration>,
}

impl Subscription {
    /// Listens to these in the current namespace.
    pub fn new(groups: Groups) -> Self {
        let receive_buffer = Some(RECEIVE_BUFFER);
        let options = Options { receive_buffer, ..Options::default() };
        Self { groups, options, all_namespaces: false, patience: None }
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

    /// Hears events of every network namespace that has an id in this one too, and tells
    /// [which](crate::Origin::namespace). A namespace gets an id by `ip netns set NAME auto`, or when
    /// a link leads into it. A [view](Self::follow) is of one namespace all the same.
    #[doc(alias = "NETLINK_LISTEN_ALL_NSID")]
    #[must_use]
    pub fn all_namespaces(mut self) -> Self {
        self.all_namespaces = true;
        self
    }

    /// Loses no end of a flow: the kernel keeps each until it could be told, and tries again every
    /// second. What is new or changed may still be lost, and comes with the flow's next event.
    ///
    /// This has its cost. Flows that ended stay in the table and count against its maximum while
    /// this process does not keep up, so a listener that hangs would fill the table. Therefore a
    /// thread watches: when nothing was read for as long as `patience` though something waits, the
    /// kernel is told to wait no longer, and the next event is a [loss](Event::Lost).
    #[doc(alias = "NETLINK_BROADCAST_ERROR")]
    #[must_use]
    pub fn lossless(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Begins to listen.
    pub fn open(&self) -> Result<Events> {
        let (socket, undelivered) = self.socket()?;
        Ok(Events { listener: self.listener(socket, undelivered)? })
    }

    /// Begins to listen through tokio; call it inside a runtime with I/O enabled.
    #[cfg(feature = "tokio")]
    pub fn open_tokio(&self) -> Result<crate::tokio::Events> {
        let (socket, undelivered) = self.socket()?;
        let listener = self.listener(over_tokio(socket)?, undelivered)?;
        Ok(crate::tokio::Events { listener })
    }

    /// Begins to listen, reads the table, and keeps a view of it that is right again after losses.
    /// Flows are listened to in any case, and those of the subscription's namespace alone.
    pub fn follow(&self) -> Result<View> {
        let (socket, undelivered) = self.with_flows().socket()?;
        let verbs = Verbs::new(self.plain_socket()?, self.plain_socket()?);
        let tracker = now(Tracker::start(verbs, self.listener(socket, undelivered)?))?;
        Ok(View { tracker })
    }

    /// The same through tokio; call it inside a runtime with I/O enabled.
    #[cfg(feature = "tokio")]
    pub async fn follow_tokio(&self) -> Result<crate::tokio::View> {
        let (socket, undelivered) = self.with_flows().socket()?;
        let reader = over_tokio(self.plain_socket()?)?;
        let verbs = Verbs::new(reader, over_tokio(self.plain_socket()?)?);
        let listener = self.listener(over_tokio(socket)?, undelivered)?;
        Ok(crate::tokio::View { tracker: Tracker::start(verbs, listener).await? })
    }

    fn with_flows(&self) -> Self {
        Self { groups: self.groups | Groups::FLOWS, all_namespaces: false, ..self.clone() }
    }

    /// A socket for requests in the same namespace.
    fn plain_socket(&self) -> Result<Socket> {
        let options = Options { receive_buffer: None, ..self.options.clone() };
        Socket::open(Bus::Netfilter, &options).map_err(failed)
    }

    fn socket(&self) -> Result<(Socket, Option<Undelivered>)> {
        let mut socket = Socket::open(Bus::Netfilter, &self.options).map_err(failed)?;
        if self.all_namespaces {
            socket.hear_all_namespaces().map_err(failed)?;
        }
        let undelivered = match self.patience {
            Some(_) => Some(socket.report_undelivered().map_err(failed)?),
            None => None,
        };
        for group in self.groups.numbers() {
            socket.join(group).map_err(failed)?;
        }
        Ok((socket, undelivered))
    }

    fn listener<T: Transport>(
        &self,
        transport: T,
        undelivered: Option<Undelivered>,
    ) -> Result<Listener<T>> {
        let watch = match (self.patience, undelivered) {
            (Some(patience), Some(undelivered)) => Some(Watch::start(patience, undelivered)?),
            _ => None,
        };
        Ok(Listener::new(transport, watch))
    }
}

#[cfg(feature = "tokio")]
fn over_tokio(socket: Socket) -> Result<rsadm_netlink::tokio::Socket> {
    rsadm_netlink::tokio::Socket::try_from(socket).map_err(failed)
}

pub(crate) fn failed(error: rsadm_netlink::Error) -> Error {
    Error::of(Request::Subscribe, error)
}

/// What the kernel tells. Losses are [values](Event::Lost).
///
/// Its descriptor is readable when there is an event, for whoever waits for more than that.
#[derive(Debug)]
pub struct Events {
    listener: Listener<Socket>,
}

impl Events {
    /// The next event, waiting for it.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Event<'_>> {
        now(self.listener.next())
    }

    /// The next event that is there already, if there is one.
    pub fn try_next(&mut self) -> Result<Option<Event<'_>>> {
        self.listener.try_next()
    }

    /// Bytes of the receive buffer, as the kernel accounts them.
    pub fn receive_buffer_size(&self) -> usize {
        self.listener.transport().receive_buffer_size()
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.transport().as_fd()
    }
}
