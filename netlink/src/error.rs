//! What can go wrong between this process and the kernel.

use std::fmt;
use std::io;

use crate::attribute::{ATTRIBUTE_HEADER, Attributes};
use crate::header::align;
use crate::uapi::{NLMSGERR_ATTR_MISS_TYPE, NLMSGERR_ATTR_MSG, NLMSGERR_ATTR_OFFS};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call on the socket failed.
    #[error("cannot {action} the netlink socket: {source}")]
    Socket {
        /// `open`, `send to`, `receive from` ...
        action: &'static str,
        /// What happened.
        source: io::Error,
    },
    /// A network namespace cannot be entered.
    #[error("cannot enter network namespace {name}: {source}")]
    Namespace {
        /// How the namespace was named.
        name: Box<str>,
        /// What happened.
        source: io::Error,
    },
    /// The kernel refused the request.
    #[error(transparent)]
    Rejected(Box<Rejected>),
    /// The kernel has no such generic netlink family.
    #[error("the kernel has no generic netlink family '{0}'")]
    NoFamily(Box<str>),
    /// The table changed while it was being dumped (`NLM_F_DUMP_INTR`): entries may be missing or
    /// doubled in what was read.
    #[error("the table changed while it was being read")]
    Interrupted,
    /// A datagram was longer than the receive buffer; its end is lost.
    #[error("a reply of {length} bytes does not fit the buffer of {capacity} bytes")]
    Truncated {
        /// Bytes that the kernel sent.
        length: usize,
        /// Bytes that there was room for.
        capacity: usize,
    },
    /// The socket's receive buffer overflowed and replies were lost (`ENOBUFS`).
    #[error("replies were lost because the socket's receive buffer overflowed")]
    Overrun,
    /// The kernel did not answer, or not with what an answer must have. It may have carried out
    /// the request: what was interrupted inside the kernel (`EINTR`) is never acknowledged.
    #[error("the kernel did not answer")]
    NoReply,
    /// Bytes from the kernel that are not what they should be.
    #[error("malformed {what} at byte {offset} of the kernel's answer")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where, from the start of the datagram or payload.
        offset: usize,
    },
    /// A value does not fit into an attribute.
    #[error("a value does not fit into a netlink attribute")]
    TooLong,
}

impl Error {
    pub(crate) fn socket(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Socket { action, source }
    }

    /// The error number, of the kernel's refusal or of the system call.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Rejected(rejected) => Some(rejected.errno),
            Self::Socket { source, .. } | Self::Namespace { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// The refusal, if the kernel refused.
    pub fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            _ => None,
        }
    }

    /// Whether it is not known what became of the request: the table must be read to find out.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::NoReply | Self::Overrun | Self::Truncated { .. })
    }

    /// Whether a dump was disturbed and may be repeated.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted)
    }
}

/// A request that the kernel refused, with what it says of the reason (`NLMSGERR_ATTR_*`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Error number, positive.
    pub errno: i32,
    /// The kernel's own words.
    #[doc(alias = "NLMSGERR_ATTR_MSG")]
    pub message: Option<Box<str>>,
    /// Types of the attribute that the kernel objects to, from the outermost inwards.
    #[doc(alias = "NLMSGERR_ATTR_OFFS")]
    pub attribute: Option<Box<[u16]>>,
    /// Type of the attribute that the kernel misses.
    #[doc(alias = "NLMSGERR_ATTR_MISS_TYPE")]
    pub missing: Option<u16>,
}

impl Rejected {
    /// Reads the attributes of an extended acknowledgement to `request`, whose own attributes
    /// start at byte `attributes_at`.
    pub(crate) fn read(errno: i32, extended: &[u8], request: &[u8], attributes_at: usize) -> Self {
        let mut rejected = Self { errno, ..Self::default() };
        for attribute in Attributes::new(extended) {
            match attribute.kind {
                NLMSGERR_ATTR_MSG => rejected.message = attribute.str().map(Into::into),
                NLMSGERR_ATTR_OFFS => {
                    let offset = attribute.u32().unwrap_or_default() as usize;
                    rejected.attribute = path_to(request, attributes_at, offset);
                }
                NLMSGERR_ATTR_MISS_TYPE => {
                    rejected.missing = attribute.u32().and_then(|kind| kind.try_into().ok());
                }
                _ => {}
            }
        }
        rejected
    }
}

/// Types of the attributes of `request` that lead to byte `offset`, outermost first.
fn path_to(request: &[u8], start: usize, offset: usize) -> Option<Box<[u16]>> {
    let mut path = Vec::new();
    let mut position = start;
    let mut attributes = Attributes::new(request.get(start..)?);
    while let Some(attribute) = attributes.next() {
        let end = position + align(ATTRIBUTE_HEADER + attribute.value.len());
        if offset < end {
            path.push(attribute.kind);
            if offset <= position || !attribute.nested {
                break;
            }
            position += ATTRIBUTE_HEADER;
            attributes = attribute.attributes();
        } else {
            position = end;
        }
    }
    if path.is_empty() { None } else { Some(path.into()) }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.errno))?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if let Some(path) = &self.attribute {
            let path: Vec<_> = path.iter().map(u16::to_string).collect();
            write!(f, " (attribute {})", path.join("."))?;
        }
        if let Some(kind) = self.missing {
            write!(f, " (attribute {kind} is missing)")?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejected {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn request() -> Vec<u8> {
        let mut message = Message::generic(16, 0, 1, 1);
        message.put_u32(3, 1);
        message.nest(1, |service| {
            service.put_u16(1, 2).put_str(6, "rr");
        });
        message.seal(1, 0).to_vec()
    }

    #[test]
    fn an_offset_becomes_the_path_to_the_attribute() {
        let request = request();
        let path = |offset| path_to(&request, 20, offset).map(Vec::from);
        assert_eq!(path(20), Some(vec![3]));
        assert_eq!(path(28), Some(vec![1]));
        assert_eq!(path(32), Some(vec![1, 1]));
        assert_eq!(path(40), Some(vec![1, 6]));
        assert_eq!(path(4000), None);
        assert_eq!(path_to(&request, 4000, 0), None);
    }

    #[test]
    fn the_kernels_words_are_in_the_text() {
        let mut extended = Message::new(0, 0);
        extended.put_str(NLMSGERR_ATTR_MSG, "no such thing").put_u32(NLMSGERR_ATTR_OFFS, 40);
        extended.put_u32(NLMSGERR_ATTR_MISS_TYPE, 7).put_u32(99, 1);
        let rejected = Rejected::read(22, extended.payload(), &request(), 20);
        assert_eq!(rejected.missing, Some(7));
        assert_eq!(
            rejected.to_string(),
            "Invalid argument (os error 22): no such thing (attribute 1.6) (attribute 7 is missing)"
        );
    }
}
