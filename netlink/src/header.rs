//! Fixed headers, as they stand in memory: host byte order, four-byte alignment.

use netlink_packet_core::NLM_F_ACK;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Header of every netlink message (`struct nlmsghdr`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
#[doc(alias = "nlmsghdr")]
pub struct Header {
    /// Length of the message with this header, without padding.
    pub length: u32,
    /// Message type: `NLMSG_*` below 16, else the family's.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// Sequence number of the request that this belongs to.
    pub sequence: u32,
    /// Port id of the sending socket; 0 is the kernel's.
    pub port: u32,
}

impl Header {
    /// Bytes of the header.
    pub const LENGTH: usize = size_of::<Self>();

    /// The header at the start of `bytes`, if there are enough of them.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Self::read_from_prefix(bytes).ok().map(|(header, _)| header)
    }
}

/// Header of a generic netlink message (`struct genlmsghdr`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
#[doc(alias = "genlmsghdr")]
pub struct GenericHeader {
    /// Command of the family.
    pub command: u8,
    /// Version of the family's protocol.
    pub version: u8,
    /// Always 0.
    pub reserved: u16,
}

impl GenericHeader {
    /// Bytes of the header.
    pub const LENGTH: usize = size_of::<Self>();

    /// Splits a payload into this header and the attributes behind it.
    pub fn split(payload: &[u8]) -> Option<(Self, &[u8])> {
        Self::read_from_prefix(payload).ok()
    }
}

/// Completes a whole message for sending: its length, its number, and flags besides its own. It asks
/// for an acknowledgement if these do.
pub(crate) fn seal(message: &mut [u8], sequence: u32, flags: u16) {
    let Some(mut header) = Header::read(message) else { return };
    header.length = message.len() as u32;
    header.flags = header.flags & !NLM_F_ACK | flags;
    header.sequence = sequence;
    message[..Header::LENGTH].copy_from_slice(header.as_bytes());
}

/// Rounds up to the alignment of messages and attributes.
pub(crate) const fn align(length: usize) -> usize {
    (length + 3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_kernels() {
        assert_eq!(Header::LENGTH, 16);
        assert_eq!(GenericHeader::LENGTH, 4);
        assert_eq!([align(0), align(1), align(4), align(5)], [0, 4, 4, 8]);
    }

    #[test]
    fn only_what_is_asked_last_is_acknowledged() {
        let mut message = [0; 20];
        seal(&mut message, 7, 0x405);
        seal(&mut message, 8, 0x201);
        let header = Header::read(&message).expect("long enough");
        assert_eq!(header, Header { length: 20, flags: 0x601, sequence: 8, ..Header::default() });
    }

    #[test]
    fn a_short_header_is_none() {
        assert_eq!(Header::read(&[0; 15]), None);
        assert!(GenericHeader::split(&[0; 3]).is_none());
    }
}
