//! The blocking socket, and how it is opened.

use std::future::{Future, ready};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};

use netlink_sys::SocketAddr;
use nix::sys::socket::MsgFlags;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, sockopt};

use crate::ahead::{Ahead, LONG};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::namespace::Namespace;
use crate::transport::Transport;

/// Which part of the kernel a socket talks to (`NETLINK_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// Links, addresses, routes, neighbours.
    #[doc(alias = "NETLINK_ROUTE")]
    Route,
    /// Connection tracking and the rest of netfilter.
    #[doc(alias = "NETLINK_NETFILTER")]
    Netfilter,
    /// Families that are found by name.
    #[doc(alias = "NETLINK_GENERIC")]
    Generic,
}

/// How to open a socket.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The network namespace to be in.
    pub namespace: Namespace,
    /// Bytes for the socket's receive buffer, instead of `net.core.rmem_default`. Above
    /// `net.core.rmem_max` it takes `CAP_NET_ADMIN`, and is less without.
    pub receive_buffer: Option<usize>,
    /// Receives a long dump on a thread of its own, so that the kernel fills the next datagram while
    /// the one before is looked at. It takes a second processor, 256 KiB, and a blocking socket that
    /// hears no other namespaces; elsewhere it changes nothing.
    pub read_ahead: bool,
}

/// A blocking netlink socket, connected to the kernel so that no other process can answer.
#[derive(Debug)]
pub struct Socket {
    pub(crate) inner: Arc<netlink_sys::Socket>,
    /// Hears other network namespaces too.
    pub(crate) control: Option<Control>,
    reads_ahead: bool,
    /// Full buffers that the answer under way brought so far.
    filled: u32,
    ahead: Option<Ahead>,
}

impl Socket {
    /// Opens a socket.
    pub fn open(bus: Bus, options: &Options) -> Result<Self> {
        let protocol = match bus {
            Bus::Route => netlink_sys::protocols::NETLINK_ROUTE,
            Bus::Netfilter => netlink_sys::protocols::NETLINK_NETFILTER,
            Bus::Generic => netlink_sys::protocols::NETLINK_GENERIC,
        };
        let inner = options
            .namespace
            .run(|| netlink_sys::Socket::new(protocol))?
            .map_err(Error::socket("open"))?;
        if let Some(size) = options.receive_buffer {
            sockopt::set_socket_recv_buffer_size_force(inner.as_fd(), size)
                .or_else(|_| sockopt::set_socket_recv_buffer_size(inner.as_fd(), size))
                .map_err(|errno| Error::socket("size the receive buffer of")(errno.into()))?;
        }
        // Kernels without an option still answer, only less fully.
        let _ = inner.set_ext_ack(true);
        let _ = inner.set_cap_ack(true);
        if bus == Bus::Route {
            let _ = inner.set_netlink_get_strict_chk(true);
        }
        inner.connect(&SocketAddr::new(0, 0)).map_err(Error::socket("connect"))?;
        Ok(Self {
            inner: Arc::new(inner),
            control: None,
            reads_ahead: options.read_ahead,
            filled: 0,
            ahead: None,
        })
    }

    /// Joins a multicast group by number.
    pub fn join(&mut self, group: u32) -> Result<()> {
        self.inner.add_membership(group).map_err(Error::socket("subscribe"))
    }

    /// Has the kernel's senders told when a notification could not be delivered to this socket.
    /// Connection tracking then keeps the end of a flow and sends it again later. What is answered
    /// switches that off again, from wherever the socket is by then.
    #[doc(alias = "NETLINK_BROADCAST_ERROR")]
    pub fn report_undelivered(&mut self) -> Result<Undelivered> {
        let undelivered = Undelivered { socket: Arc::downgrade(&self.inner) };
        self.inner.set_broadcast_error(true).map_err(Error::socket("report what is lost to"))?;
        Ok(undelivered)
    }

    /// Hears notifications of every network namespace that has an id in the socket's own, see
    /// [`Transport::namespace_id`].
    #[doc(alias = "NETLINK_LISTEN_ALL_NSID")]
    pub fn hear_all_namespaces(&mut self) -> Result<()> {
        self.inner.set_listen_all_namespaces(true).map_err(Error::socket("widen"))?;
        self.control = Some(Control::new());
        self.reads_ahead = false;
        Ok(())
    }

    /// Has the rest of an answer received ahead once it is long.
    fn answered(&mut self, length: &io::Result<usize>, capacity: usize) {
        if self.reads_ahead && length.as_ref().is_ok_and(|length| *length > capacity / 2) {
            self.filled += 1;
            if self.filled == LONG {
                self.ahead = Ahead::start(&self.inner, capacity);
            }
        }
    }
}

/// A hold on a socket whose losses the kernel's senders are told of. It does not keep the socket
/// open.
#[derive(Clone, Debug)]
pub struct Undelivered {
    socket: Weak<netlink_sys::Socket>,
}

impl Undelivered {
    /// Whether notifications wait in the socket; `None` once it is closed.
    pub fn is_waiting(&self) -> Option<bool> {
        let socket = self.socket.upgrade()?;
        let mut waiting = [PollFd::new(&*socket, PollFlags::IN)];
        let ready = poll(&mut waiting, Some(&Timespec::default()));
        Some(ready.is_ok_and(|count| count > 0))
    }

    /// Has losses no longer told to the senders.
    pub fn stop(&self) {
        if let Some(socket) = self.socket.upgrade() {
            // The option is there, or it could not have been set.
            let _ = socket.set_broadcast_error(false);
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// Receives once, repeating when a signal came first.
pub(crate) fn receive(
    socket: &netlink_sys::Socket,
    control: &mut Option<Control>,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> io::Result<usize> {
    let flags = (flags | RecvFlags::TRUNC).bits().try_into().unwrap_or_default();
    if let Some(control) = control {
        return control.receive(socket, buffer, MsgFlags::from_bits_retain(flags));
    }
    loop {
        match socket.recv(&mut &mut buffer[..], flags) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Size of the receive buffer as the kernel accounts it. Of a socket that is open it is known.
pub(crate) fn receive_buffer_size(socket: &netlink_sys::Socket) -> usize {
    socket.get_rx_buf_sz().unwrap_or_default()
}

/// Sends once, repeating when a signal came first.
pub(crate) fn send(socket: &netlink_sys::Socket, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match socket.send(bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Transport for Socket {
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.filled = 0;
        self.ahead = None;
        ready(send(&self.inner, bytes))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        ready(receive(&self.inner, &mut self.control, buffer, RecvFlags::empty()))
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(length) = self.ahead.as_mut().and_then(|ahead| ahead.receive(buffer)) {
            return length;
        }
        self.ahead = None;
        receive(&self.inner, &mut self.control, buffer, RecvFlags::DONTWAIT)
    }

    fn receive_answer(
        &mut self,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send {
        let length = self.try_receive(buffer);
        self.answered(&length, buffer.len());
        ready(length)
    }

    fn namespace_id(&self) -> Option<u32> {
        self.control.as_ref()?.namespace_id
    }

    fn receive_buffer_size(&self) -> usize {
        receive_buffer_size(&self.inner)
    }
}
