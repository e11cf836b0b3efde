//! A socket with one request under way at a time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_ECHO, NLM_F_REQUEST};

use crate::debug::Debug;
use crate::error::{Error, Rejected, Result};
use crate::exchange::{Exchange, Step};
use crate::header::{GenericHeader, Header};
use crate::message::Message;
use crate::socket::Socket;
use crate::transport::Transport;
use crate::{Attributes, Batch};

/// The kernel fills dump datagrams up to this size once it has seen a buffer that large; a larger
/// buffer gains nothing, a smaller one makes it walk its tables more often.
const BUFFER: usize = 32 * 1024;

/// Talks to the kernel over one socket, with one receive buffer that is reused.
///
/// The verbs are `async` so that one engine serves both kinds of transport; over a blocking
/// [`Socket`] they are driven by [`now`](crate::now).
#[derive(Debug)]
pub struct Connection<T = Socket> {
    pub(crate) transport: T,
    pub(crate) buffer: Box<[u8]>,
    pub(crate) debug: Debug,
    sequence: u32,
    /// The exchange whose answer was not read to its end.
    unfinished: Option<Exchange>,
}

/// A message of an answer, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// Its header.
    pub header: Header,
    /// The network namespace that a notification is from, see [`Transport::namespace_id`].
    pub namespace: Option<u32>,
    /// What is behind the header.
    pub payload: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The generic netlink command and the attributes behind it.
    pub fn generic(&self) -> Result<(u8, Attributes<'a>)> {
        let (header, rest) = GenericHeader::split(self.payload)
            .ok_or(Error::Malformed { what: "generic netlink header", offset: 0 })?;
        Ok((header.command, Attributes::new(rest)))
    }
}

impl<T: Transport> Connection<T> {
    /// Talks over `transport`. With `RSADM_DEBUG=netlink` in the environment every message is
    /// printed to standard error.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            debug: Debug::from_environment(),
            sequence: 0,
            unfinished: None,
        }
    }

    /// Sends a request and waits until the kernel has carried it out. Messages that it sends
    /// before the acknowledgement go to `each`.
    pub async fn request<E: From<Error>>(
        &mut self,
        message: &mut Message,
        each: impl FnMut(Reply<'_>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        self.start(message, NLM_F_REQUEST | NLM_F_ACK).await?.for_each(each).await
    }

    /// Sends a request and has the notifications that it causes sent here too (`NLM_F_ECHO`): they
    /// go to `each`, then the request is carried out. Where they are more than the receive buffer
    /// holds this ends with [`Error::Overrun`], though the request was carried out.
    pub async fn request_with_echo<E: From<Error>>(
        &mut self,
        message: &mut Message,
        each: impl FnMut(Reply<'_>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let mut answer = self.start(message, NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO).await?;
        answer.exchange = answer.exchange.clone().with_echo();
        answer.for_each(each).await
    }

    /// Starts a dump.
    pub async fn dump<'c>(&'c mut self, message: &'c mut Message) -> Result<Dump<'c, T>> {
        self.start(message, NLM_F_REQUEST | NLM_F_DUMP).await
    }

    /// Starts a batch of changes.
    pub fn batch(&mut self) -> Batch<'_, T> {
        Batch::new(self)
    }

    async fn start<'c>(&'c mut self, message: &'c mut Message, flags: u16) -> Result<Dump<'c, T>> {
        if message.is_too_long() {
            return Err(Error::TooLong);
        }
        self.settle()?;
        let sequence = self.number(1);
        let bytes = message.seal(sequence, flags);
        self.debug.sent(bytes);
        self.transport.send(bytes).await.map_err(Error::socket("send to"))?;
        let exchange = Exchange::new(sequence);
        Ok(Dump { connection: self, request: message, exchange, current: None, datagrams: 0 })
    }

    /// Numbers the next messages without a gap, and answers the first number; 0 is left to the
    /// kernel's own messages.
    pub(crate) fn number(&mut self, count: u32) -> u32 {
        let last = self.sequence.checked_add(count).unwrap_or(count);
        self.sequence = last;
        last - count + 1
    }

    /// Reads what is left of an answer that was dropped half way: the kernel runs one dump at a
    /// time on a socket. Whatever it still has is queued, so this never waits.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let Some(mut exchange) = self.unfinished.take() else { return Ok(()) };
        loop {
            match exchange.step(&self.buffer) {
                Ok(Step::End) => return Ok(()),
                Ok(Step::Receive) => {}
                // The caller has no use for this answer any more, nor for what is wrong in it.
                Ok(_) | Err(_) => continue,
            }
            match self.transport.try_receive(&mut self.buffer) {
                Ok(length) => {
                    let _ = exchange.datagram(length, self.buffer.len());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if is_overrun(&error) => {}
                Err(error) => return Err(Error::socket("receive from")(error)),
            }
        }
    }
}

/// The socket's descriptor: to look at its options, or to wait on it along with others. Whoever
/// receives from it takes answers away that are waited for.
impl<T: AsFd> AsFd for Connection<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}

/// Whether replies were dropped because the receive buffer was full.
pub(crate) fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
}

/// The answer to one request: a cursor that lends one message at a time out of the receive buffer.
///
/// Dropping it early leaves the connection usable; the rest of the answer is read and thrown away
/// before the next request.
#[derive(Debug)]
pub struct Dump<'c, T: Transport = Socket> {
    connection: &'c mut Connection<T>,
    request: &'c Message,
    exchange: Exchange,
    /// The message that the cursor stands at: its header, and where its payload is.
    current: Option<(Header, usize, usize)>,
    datagrams: u64,
}

impl<T: Transport> Dump<'_, T> {
    /// The next message; `None` once the kernel has said that there are no more.
    ///
    /// [`Error::Interrupted`] comes after the last message when the table changed meanwhile.
    #[inline]
    pub async fn next(&mut self) -> Result<Option<Reply<'_>>> {
        Ok(if self.advance().await? { self.message() } else { None })
    }

    /// The message that [`advance`](Self::advance) went to.
    #[inline]
    pub fn message(&self) -> Option<Reply<'_>> {
        let (header, start, end) = self.current?;
        let payload = &self.connection.buffer[start..end];
        Some(Reply { header, namespace: None, payload })
    }

    /// Goes to the next message, which [`message`](Self::message) then lends; `false` once there are
    /// no more. For whoever looks at a message before it decides to hand it on.
    #[inline]
    pub async fn advance(&mut self) -> Result<bool> {
        self.current = None;
        loop {
            match self.exchange.step(&self.connection.buffer)? {
                Step::Message { header, start, end } => {
                    self.current = Some((header, start, end));
                    return Ok(true);
                }
                Step::Receive => self.receive().await?,
                Step::Refused { errno, start, end, .. } => {
                    return Err(self.rejected(errno, start, end));
                }
                Step::Acknowledged { .. } | Step::End if self.exchange.is_interrupted() => {
                    self.exchange.end();
                    return Err(Error::Interrupted);
                }
                Step::Acknowledged { .. } | Step::End => return Ok(false),
            }
        }
    }

    /// How many datagrams were received so far: which one the current message came in.
    #[inline]
    pub const fn datagrams(&self) -> u64 {
        self.datagrams
    }

    /// Hands every remaining message to `each`.
    pub async fn for_each<E: From<Error>>(
        mut self,
        mut each: impl FnMut(Reply<'_>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        while let Some(reply) = self.next().await? {
            each(reply)?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<()> {
        let Connection { transport, buffer, debug, .. } = &mut *self.connection;
        let length = transport.receive_answer(buffer).await.map_err(|error| match error {
            error if is_overrun(&error) => Error::Overrun,
            error if error.kind() == io::ErrorKind::WouldBlock => Error::NoReply,
            error => Error::socket("receive from")(error),
        })?;
        debug.received(buffer.get(..length).unwrap_or_default());
        self.datagrams += 1;
        self.exchange.datagram(length, buffer.len())
    }

    #[cold]
    fn rejected(&self, errno: i32, start: usize, end: usize) -> Error {
        let extended = &self.connection.buffer[start..end];
        let at = self.request.attributes_at();
        Error::Rejected(Box::new(Rejected::read(errno, extended, self.request.bytes(), at)))
    }
}

impl<T: Transport> Drop for Dump<'_, T> {
    fn drop(&mut self) {
        if !self.exchange.is_ended() {
            self.connection.unfinished = Some(self.exchange.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeKernel;

    #[test]
    fn numbers_have_no_gap_and_are_never_0() {
        let mut connection = Connection::new(FakeKernel::new(|_| Vec::new()));
        assert_eq!([connection.number(1), connection.number(3), connection.number(1)], [1, 2, 5]);
        connection.sequence = u32::MAX - 3;
        assert_eq!([connection.number(3), connection.number(1)], [u32::MAX - 2, 1]);
        connection.sequence = u32::MAX - 3;
        assert_eq!([connection.number(4), connection.number(1)], [1, 5]);
    }
}
