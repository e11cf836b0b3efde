//! The same socket under tokio's reactor.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::control::Control;
use crate::error::{Error, Result};
use crate::socket::{self, Bus, Options};
use crate::transport::Transport;

/// A netlink socket that waits through tokio. It must be opened inside a runtime with I/O enabled.
#[derive(Debug)]
pub struct Socket {
    inner: AsyncFd<Arc<netlink_sys::Socket>>,
    control: Option<Control>,
    /// Datagrams of answers received since other tasks had a turn.
    turn: u32,
}

/// How many datagrams of a long dump are received before other tasks have a turn; the kernel takes
/// some 0.3 ms to fill each.
const TURN: u32 = 16;

impl Socket {
    /// Opens a socket.
    pub fn open(bus: Bus, options: &Options) -> Result<Self> {
        socket::Socket::open(bus, options)?.try_into()
    }
}

impl TryFrom<socket::Socket> for Socket {
    type Error = Error;

    fn try_from(socket: socket::Socket) -> Result<Self> {
        socket.inner.set_non_blocking(true).map_err(Error::socket("unblock"))?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, and the promise that it asks for holds: the socket \
                      owns its descriptor and neither replaces nor closes it while it lives"
        )]
        let inner = AsyncFd::new(socket.inner).map_err(Error::socket("register"))?;
        Ok(Self { inner, control: socket.control, turn: 0 })
    }
}

impl Transport for Socket {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match socket::send(self.inner.get_ref(), bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
        self.inner.async_io(Interest::WRITABLE, |inner| socket::send(inner, bytes)).await
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.try_receive(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
        let Self { inner, control, .. } = self;
        let receive = |inner: &Arc<_>| socket::receive(inner, control, buffer, RecvFlags::DONTWAIT);
        inner.async_io(Interest::READABLE, receive).await
    }

    async fn receive_answer(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn = self.turn.wrapping_add(1);
        if self.turn % TURN == 0 {
            let mut yielded = false;
            poll_fn(|context| {
                if yielded {
                    return Poll::Ready(());
                }
                yielded = true;
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
        self.try_receive(buffer)
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.inner.get_ref(), &mut self.control, buffer, RecvFlags::DONTWAIT)
    }

    fn namespace_id(&self) -> Option<u32> {
        self.control.as_ref()?.namespace_id
    }

    fn receive_buffer_size(&self) -> usize {
        socket::receive_buffer_size(self.inner.get_ref())
    }
}
