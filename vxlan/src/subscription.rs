//! Listening to the kernel.

use std::os::fd::{AsFd, BorrowedFd};

use bitflags::bitflags;
use rsadm_netlink::{Bus, Event as Received, Namespace, Options, Socket, Transport, now};

use crate::uapi::*;
use crate::{Error, Event, Request, Result};

/// Bytes of the receive buffer that a subscription asks for. An event costs about 0.8 KiB of it, so
/// this holds some 40,000, where the system's default holds 256.
pub(crate) const RECEIVE_BUFFER: usize = 32 * 1024 * 1024;

bitflags! {
    /// What to listen to.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Groups: u8 {
        /// Forwarding entries and neighbours, which the kernel tells together.
        #[doc(alias = "RTNLGRP_NEIGH")]
        const ENTRIES = 0x01;
        /// Links.
        #[doc(alias = "RTNLGRP_LINK")]
        const LINKS = 0x02;
        /// VNI filters. Linux 5.18.
        #[doc(alias = "RTNLGRP_TUNNEL")]
        const VNIS = 0x04;
        /// Multicast databases.
        #[doc(alias = "RTNLGRP_MDB")]
        const MULTICAST = 0x08;
        /// Nexthops.
        #[doc(alias = "RTNLGRP_NEXTHOP")]
        const NEXTHOPS = 0x10;
    }
}

impl Groups {
    fn numbers(self) -> impl Iterator<Item = u32> {
        const NUMBERS: [(Groups, u32); 5] = [
            (Groups::ENTRIES, RTNLGRP_NEIGH),
            (Groups::LINKS, RTNLGRP_LINK),
            (Groups::VNIS, RTNLGRP_TUNNEL),
            (Groups::MULTICAST, RTNLGRP_MDB),
            (Groups::NEXTHOPS, RTNLGRP_NEXTHOP),
        ];
        NUMBERS
            .into_iter()
            .filter(move |(group, _)| self.contains(*group))
            .map(|(_, number)| number)
    }
}

/// How to listen to events.
///
/// ```no_run
/// use vxlan::{Event, Groups, Subscription};
/// let mut events = Subscription::new(Groups::ENTRIES).open()?;
/// loop {
///     match events.next()? {
///         Event::Entry { kind, entry, .. } => println!("{kind} {entry}"),
///         Event::MissingEntry { mac, .. } => println!("nobody knows {mac}"),
///         Event::Lost => println!("some events were lost"),
///         _ => {}
///     }
/// }
/// # Ok::<(), vxlan::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subscription {
    groups: Groups,
    options: Options,
}

impl Subscription {
    /// Listens to these in the current namespace.
    pub fn new(groups: Groups) -> Self {
        let receive_buffer = Some(RECEIVE_BUFFER);
        Self { groups, options: Options { receive_buffer, ..Options::default() } }
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
        let groups: Vec<u32> = self.groups.numbers().collect();
        listening(&self.options, &groups).map_err(failed)
    }
}

/// A socket that hears these groups.
pub(crate) fn listening(options: &Options, groups: &[u32]) -> rsadm_netlink::Result<Socket> {
    let mut socket = Socket::open(Bus::Route, options)?;
    for &group in groups {
        socket.join(group)?;
    }
    Ok(socket)
}

pub(crate) fn failed(error: rsadm_netlink::Error) -> Error {
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
    #[expect(clippy::should_implement_trait, reason = "it never ends, and errors are not its end")]
    pub fn next(&mut self) -> Result<Event> {
        now(next(&mut self.inner))
    }

    /// The next event that is there already, if there is one.
    pub fn try_next(&mut self) -> Result<Option<Event>> {
        try_next(&mut self.inner)
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.transport().as_fd()
    }
}

/// An event of a message; what this crate does not know is none.
pub(crate) fn decode(received: Received<'_>) -> Result<Option<Event>> {
    match received {
        Received::Lost => Ok(Some(Event::Lost)),
        Received::Message(reply) => Event::decode(reply.header.kind, reply.payload),
    }
}

pub(crate) async fn next<T: Transport>(events: &mut rsadm_netlink::Events<T>) -> Result<Event> {
    loop {
        if let Some(event) = decode(events.next().await.map_err(failed)?)? {
            return Ok(event);
        }
    }
}

pub(crate) fn try_next<T: Transport>(
    events: &mut rsadm_netlink::Events<T>,
) -> Result<Option<Event>> {
    while let Some(received) = events.try_next().map_err(failed)? {
        if let Some(event) = decode(received)? {
            return Ok(Some(event));
        }
    }
    Ok(None)
}
