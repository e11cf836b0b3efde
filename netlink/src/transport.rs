//! What a connection needs of a socket, so that a scripted kernel can stand in for it.

use std::future::{Future, ready};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Carries datagrams to the kernel and back.
pub trait Transport: Send {
    /// Sends one datagram.
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Receives one datagram, waiting for it. Returns its whole length, which is more than
    /// `buffer.len()` when the end was cut off.
    fn receive(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Receives one datagram that is there already, else fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Receives the next datagram of an answer. The kernel has queued it by the time that the
    /// request was sent, or the datagram before it received, so this does not wait for it, and
    /// fails like [`try_receive`](Self::try_receive) where the kernel leaves out an answer: it
    /// acknowledges nothing that ended with `EINTR`.
    fn receive_answer(
        &mut self,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send {
        ready(self.try_receive(buffer))
    }

    /// Where the last datagram came from, if the socket hears every network namespace: the id that
    /// the namespace has in the socket's own. `None` is that one itself.
    fn namespace_id(&self) -> Option<u32> {
        None
    }

    /// Size of the socket's receive buffer as the kernel accounts it, in bytes.
    fn receive_buffer_size(&self) -> usize;
}

/// The output of a future over a blocking transport, which is there at the first poll.
///
/// The engine is written once, as `async` functions; over [`Socket`](crate::Socket) and
/// [`FakeKernel`](crate::fake::FakeKernel) they never wait.
#[inline]
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a blocking transport does not wait"),
    }
}
