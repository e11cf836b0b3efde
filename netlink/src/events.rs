//! Notifications of the kernel, with losses as values.

use std::io;

use crate::connection::{Reply, is_overrun};
use crate::debug::Debug;
use crate::error::{Error, Result};
use crate::header::{Header, align};
use crate::socket::Socket;
use crate::transport::Transport;

/// Datagrams of notifications hold one message each, mostly; a batch of them fits.
const BUFFER: usize = 32 * 1024;

/// What a subscription yields.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A notification.
    Message(Reply<'a>),
    /// Notifications were lost, because they came faster than they were read or did not fit.
    /// Whoever keeps a view must read the table again.
    Lost,
}

/// A subscription to multicast groups that the transport has joined.
#[derive(Debug)]
pub struct Events<T = Socket> {
    transport: T,
    buffer: Box<[u8]>,
    debug: Debug,
    position: usize,
    length: usize,
}

impl<T: Transport> Events<T> {
    /// Reads notifications from `transport`.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            debug: Debug::from_environment(),
            position: 0,
            length: 0,
        }
    }

    /// The socket.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The next event, waiting for it.
    pub async fn next(&mut self) -> Result<Event<'_>> {
        while self.position >= self.length {
            let received = self.transport.receive(&mut self.buffer).await;
            if self.datagram(received)?.is_some() {
                return Ok(Event::Lost);
            }
        }
        self.message()
    }

    /// The next event that is there already, if there is one.
    pub fn try_next(&mut self) -> Result<Option<Event<'_>>> {
        while self.position >= self.length {
            match self.transport.try_receive(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                received => {
                    if self.datagram(received)?.is_some() {
                        return Ok(Some(Event::Lost));
                    }
                }
            }
        }
        self.message().map(Some)
    }

    /// Takes note of a datagram, or that something was lost.
    fn datagram(&mut self, received: io::Result<usize>) -> Result<Option<Lost>> {
        match received {
            Ok(length) if length > self.buffer.len() => Ok(Some(Lost)),
            Ok(length) => {
                self.debug.received(&self.buffer[..length]);
                self.position = 0;
                self.length = length;
                Ok(None)
            }
            Err(error) if is_overrun(&error) => Ok(Some(Lost)),
            Err(error) => Err(Error::socket("receive from")(error)),
        }
    }

    /// The next message of the datagram.
    fn message(&mut self) -> Result<Event<'_>> {
        let start = self.position;
        let rest = &self.buffer[start..self.length];
        // Whatever is wrong below, the rest of the datagram cannot be told apart.
        self.position = self.length;
        let header =
            Header::read(rest).ok_or(Error::Malformed { what: "message header", offset: start })?;
        let length = header.length as usize;
        if length < Header::LENGTH || length > rest.len() {
            return Err(Error::Malformed { what: "message length", offset: start });
        }
        self.position = start + align(length);
        let namespace = self.transport.namespace_id();
        Ok(Event::Message(Reply { header, namespace, payload: &rest[Header::LENGTH..length] }))
    }
}

/// Something was lost.
struct Lost;
