//! Ids that a network namespace has for others (`RTM_GETNSID`).

use std::os::fd::{AsRawFd, BorrowedFd};

use rsadm_netlink::{Attributes, Message};

use crate::uapi::*;

/// Bytes of `struct rtgenmsg`, padded.
const HEADER: usize = 4;

/// Asks for the id of the namespace that this file stands for.
pub(crate) fn get(file: BorrowedFd<'_>) -> Message {
    let mut message = super::list::<HEADER>(RTM_GETNSID, AF_UNSPEC);
    message.put_u32(NETNSA_FD, file.as_raw_fd().unsigned_abs());
    message
}

/// The id; `None` is a namespace that has none.
pub(crate) fn id(payload: &[u8]) -> Option<i32> {
    let rest = payload.get(HEADER..)?;
    let id = Attributes::new(rest).find(|attribute| attribute.kind == NETNSA_NSID)?;
    id.value.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)).filter(|id| *id >= 0)
}
