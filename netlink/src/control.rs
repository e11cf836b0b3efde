//! What the kernel says beside a datagram: which network namespace it is from.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use crate::uapi::{NETLINK_LISTEN_ALL_NSID, SOL_NETLINK};

/// Receives from sockets that hear every network namespace.
#[derive(Debug)]
pub(crate) struct Control {
    /// Room for the control messages of a datagram.
    room: Vec<u8>,
    /// The namespace of the last datagram; `None` is the socket's own.
    pub(crate) namespace_id: Option<u32>,
}

impl Control {
    pub(crate) fn new() -> Self {
        Self { room: nix::cmsg_space!(i32, [u8; 64]), namespace_id: None }
    }

    /// Receives once, repeating when a signal came first.
    pub(crate) fn receive(
        &mut self,
        socket: &impl AsFd,
        buffer: &mut [u8],
        flags: MsgFlags,
    ) -> io::Result<usize> {
        let descriptor = socket.as_fd().as_raw_fd();
        loop {
            let mut parts = [IoSliceMut::new(buffer)];
            let room = Some(&mut self.room[..]);
            match recvmsg::<()>(descriptor, &mut parts, room, flags | MsgFlags::MSG_TRUNC) {
                Ok(received) => {
                    self.namespace_id = received.cmsgs()?.find_map(namespace_id);
                    return Ok(received.bytes);
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The id in a control message, if that is what it tells.
fn namespace_id(message: ControlMessageOwned) -> Option<u32> {
    let ControlMessageOwned::Unknown(message) = message else { return None };
    let header = message.cmsg_header;
    if (header.cmsg_level, header.cmsg_type) != (SOL_NETLINK, NETLINK_LISTEN_ALL_NSID) {
        return None;
    }
    message.data_bytes.first_chunk().and_then(|id| u32::try_from(i32::from_ne_bytes(*id)).ok())
}
