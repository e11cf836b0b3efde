//! The same socket under tokio's reactor.

use std::io;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};
use crate::socket::{self, Bus, Options};
use crate::transport::Transport;

/// A netlink socket that waits through tokio. It must be opened inside a runtime with I/O enabled.
#[derive(Debug)]
pub struct Socket {
    inner: AsyncFd<netlink_sys::Socket>,
    receive_buffer_size: usize,
}

impl Socket {
    /// Opens a socket.
    pub fn open(bus: Bus, options: &Options) -> Result<Self> {
        socket::Socket::open(bus, options)?.try_into()
    }
}

impl TryFrom<socket::Socket> for Socket {
    type Error = Error;

    fn try_from(socket: socket::Socket) -> Result<Self> {
        let receive_buffer_size = socket.receive_buffer_size();
        socket.inner.set_non_blocking(true).map_err(Error::socket("unblock"))?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, and the promise that it asks for holds: the socket \
                      owns its descriptor and neither replaces nor closes it while it lives"
        )]
        let inner = AsyncFd::new(socket.inner).map_err(Error::socket("register"))?;
        Ok(Self { inner, receive_buffer_size })
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
        // The kernel has answered most requests by the time `send` returned.
        match self.try_receive(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
        let flags = RecvFlags::DONTWAIT;
        self.inner.async_io(Interest::READABLE, |inner| socket::receive(inner, buffer, flags)).await
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.inner.get_ref(), buffer, RecvFlags::DONTWAIT)
    }

    fn receive_buffer_size(&self) -> usize {
        self.receive_buffer_size
    }
}
