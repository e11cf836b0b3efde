//! What can go wrong, and what was being done.

use std::fmt;
use std::io;
use std::net::IpAddr;

use crate::{Entry, Mac, MulticastEntry, Neighbour, VniEntry};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was asked of the kernel; part of every refusal. Links are named by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Open a socket to the routing tables.
    Connect,
    /// `RTM_GETLINK` as a dump.
    ListLinks,
    /// `RTM_GETLINK` by name.
    FindLink(Box<str>),
    /// `RTM_GETLINK` by index.
    ReadLink(u32),
    /// `RTM_NEWLINK` of a device that must not exist.
    CreateLink(Box<str>),
    /// `RTM_NEWLINK` of a device that must exist.
    ChangeLink(u32),
    /// `RTM_DELLINK`.
    DeleteLink(u32),
    /// `RTM_GETNEIGH` of entries as a dump.
    ListEntries,
    /// `RTM_GETNEIGH` of an entry.
    ReadEntry(Mac),
    /// `RTM_NEWNEIGH` of an entry that must not exist.
    AddEntry(Entry),
    /// `RTM_NEWNEIGH` of one more remote.
    AppendEntry(Entry),
    /// `RTM_NEWNEIGH` of an entry that may exist.
    ReplaceEntry(Entry),
    /// `RTM_DELNEIGH` of an entry.
    DeleteEntry(Entry),
    /// `RTM_DELNEIGH` of many entries of a link.
    FlushEntries(u32),
    /// `RTM_GETNEIGH` of neighbours as a dump.
    ListNeighbours,
    /// `RTM_GETNEIGH` of a neighbour.
    ReadNeighbour(IpAddr),
    /// `RTM_NEWNEIGH` of a neighbour that must not exist.
    AddNeighbour(Neighbour),
    /// `RTM_NEWNEIGH` of a neighbour that may exist.
    ReplaceNeighbour(Neighbour),
    /// `RTM_DELNEIGH` of a neighbour.
    DeleteNeighbour(Neighbour),
    /// `RTM_GETTUNNEL`.
    ListVnis,
    /// `RTM_NEWTUNNEL`.
    AddVnis(VniEntry),
    /// `RTM_DELTUNNEL`.
    DeleteVnis(VniEntry),
    /// `RTM_NEWTUNNEL` or `RTM_DELTUNNEL` of several.
    ChangeVnis(u32),
    /// `RTM_GETMDB` as a dump.
    ListMulticast,
    /// `RTM_GETMDB` as a dump, for what it says of routers.
    ListRouterPorts,
    /// `RTM_GETMDB` of a group.
    ReadMulticast(Box<MulticastEntry>),
    /// `RTM_NEWMDB` of an entry that must not exist.
    AddMulticast(Box<MulticastEntry>),
    /// `RTM_NEWMDB` of an entry that may exist.
    ReplaceMulticast(Box<MulticastEntry>),
    /// `RTM_DELMDB`.
    DeleteMulticast(Box<MulticastEntry>),
    /// `RTM_DELMDB` of all entries of a device.
    FlushMulticast(u32),
    /// `RTM_GETNEXTHOP` as a dump.
    ListNexthops,
    /// `RTM_GETNEXTHOP`.
    ReadNexthop(u32),
    /// `RTM_GETROUTE` as a dump.
    ListRoutes,
    /// `RTM_GETROUTE` of an address.
    FindRoute(IpAddr),
    /// Join multicast groups.
    Subscribe,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("reach the routing tables"),
            Self::ListLinks => f.write_str("list links"),
            Self::FindLink(name) => write!(f, "find link {name}"),
            Self::ReadLink(index) => write!(f, "read link {index}"),
            Self::CreateLink(name) => write!(f, "create link {name}"),
            Self::ChangeLink(index) => write!(f, "change link {index}"),
            Self::DeleteLink(index) => write!(f, "delete link {index}"),
            Self::ListEntries => f.write_str("list forwarding entries"),
            Self::ReadEntry(mac) => write!(f, "read forwarding entry {mac}"),
            Self::AddEntry(entry) => write!(f, "add forwarding entry {entry}"),
            Self::AppendEntry(entry) => write!(f, "append forwarding entry {entry}"),
            Self::ReplaceEntry(entry) => write!(f, "replace forwarding entry {entry}"),
            Self::DeleteEntry(entry) => write!(f, "delete forwarding entry {entry}"),
            Self::FlushEntries(link) => write!(f, "flush forwarding entries of link {link}"),
            Self::ListNeighbours => f.write_str("list neighbours"),
            Self::ReadNeighbour(address) => write!(f, "read neighbour {address}"),
            Self::AddNeighbour(neighbour) => write!(f, "add neighbour {neighbour}"),
            Self::ReplaceNeighbour(neighbour) => write!(f, "replace neighbour {neighbour}"),
            Self::DeleteNeighbour(neighbour) => write!(f, "delete neighbour {neighbour}"),
            Self::ListVnis => f.write_str("list VNI filters"),
            Self::AddVnis(entry) => write!(f, "add VNI {entry}"),
            Self::DeleteVnis(entry) => write!(f, "delete VNI {entry}"),
            Self::ChangeVnis(index) => write!(f, "change VNIs of link {index}"),
            Self::ListMulticast => f.write_str("list multicast entries"),
            Self::ListRouterPorts => f.write_str("list ports that lead to routers"),
            Self::ReadMulticast(entry) => write!(f, "read multicast entry {entry}"),
            Self::AddMulticast(entry) => write!(f, "add multicast entry {entry}"),
            Self::ReplaceMulticast(entry) => write!(f, "replace multicast entry {entry}"),
            Self::DeleteMulticast(entry) => write!(f, "delete multicast entry {entry}"),
            Self::FlushMulticast(link) => write!(f, "flush multicast entries of link {link}"),
            Self::ListNexthops => f.write_str("list nexthops"),
            Self::ReadNexthop(id) => write!(f, "read nexthop {id}"),
            Self::ListRoutes => f.write_str("list routes"),
            Self::FindRoute(address) => write!(f, "find a route to {address}"),
            Self::Subscribe => f.write_str("subscribe to events"),
        }
    }
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It exists already.
    Exists,
    /// It does not exist.
    NotFound,
    /// There is no such link.
    NoLink,
    /// `CAP_NET_ADMIN` in the network namespace's user namespace is missing.
    Permission,
    /// No route leads there.
    Unreachable,
    /// An address of the other family than the device's.
    OtherFamily,
    /// The device has as many entries as it may have.
    Full,
    /// Values that do not go together, or that this kernel does not take.
    Invalid,
    /// Another device uses the UDP port, or the VNI on it.
    InUse,
    /// It cannot be changed now.
    Busy,
    /// The kernel, or this device, cannot do that.
    NotSupported,
    /// Anything else; see the error number.
    Other,
}

/// A request that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was asked.
    pub request: Request,
    /// What the refusal means.
    pub reason: Reason,
    /// The kernel's error number, positive.
    pub errno: i32,
    /// The kernel's extended message, if it sent one.
    pub message: Option<Box<str>>,
    /// Types of the attribute that the kernel objects to, from the outermost inwards.
    pub attribute: Option<Box<[u16]>>,
}

impl Refused {
    /// Interprets an error number as an answer to `request`.
    pub fn new(request: Request, errno: i32) -> Self {
        Self { reason: reason(errno), request, errno, message: None, attribute: None }
    }

    pub(crate) fn read(request: Request, rejected: rsadm_netlink::Rejected) -> Self {
        let rsadm_netlink::Rejected { errno, message, attribute, .. } = rejected;
        Self { message, attribute, ..Self::new(request, errno) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: ", self.request)?;
        match self.reason {
            Reason::Exists => f.write_str("it exists")?,
            Reason::NotFound => f.write_str("there is none")?,
            Reason::NoLink => f.write_str("no such link")?,
            Reason::Permission => f.write_str("permission denied")?,
            Reason::Unreachable => f.write_str("no route leads there")?,
            Reason::OtherFamily => {
                f.write_str("the address is of another family than the device's")?;
            }
            Reason::Full => f.write_str("the device has as many entries as it may have")?,
            Reason::Invalid => f.write_str("the kernel calls the request invalid")?,
            Reason::InUse => f.write_str("another device uses its UDP port or VNI")?,
            Reason::Busy => f.write_str("it cannot be changed now")?,
            Reason::NotSupported => {
                f.write_str("the kernel or the device does not support that")?;
            }
            Reason::Other => write!(f, "{}", io::Error::from_raw_os_error(self.errno))?,
        }
        match &self.message {
            Some(message) => write!(f, " ({message})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

fn reason(errno: i32) -> Reason {
    use rustix::io::Errno;
    match Errno::from_raw_os_error(errno) {
        Errno::EXIST => Reason::Exists,
        Errno::NOENT => Reason::NotFound,
        Errno::NODEV | Errno::NXIO => Reason::NoLink,
        Errno::PERM | Errno::ACCESS => Reason::Permission,
        Errno::NETUNREACH | Errno::HOSTUNREACH => Reason::Unreachable,
        Errno::AFNOSUPPORT => Reason::OtherFamily,
        Errno::NOSPC => Reason::Full,
        Errno::INVAL | Errno::RANGE => Reason::Invalid,
        Errno::ADDRINUSE => Reason::InUse,
        Errno::BUSY => Reason::Busy,
        Errno::OPNOTSUPP | Errno::PROTONOSUPPORT => Reason::NotSupported,
        _ => Reason::Other,
    }
}

/// What the kernel acknowledged and did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ignored {
    /// The address has entries, but none with this remote: nothing was deleted.
    NoSuchRemote,
    /// A unicast address has one remote, and it has another one: nothing was appended.
    OneRemote,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchRemote => "the address has no such remote",
            Self::OneRemote => {
                "the address has an entry, and only the zero address and groups can have several"
            }
        })
    }
}

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a request.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// The kernel has no objection to a request, and does nothing of it.
    #[error("cannot {request}: {ignored}")]
    Ignored {
        /// What was asked.
        request: Box<Request>,
        /// What is in the way.
        ignored: Ignored,
    },
    /// The link is not a VXLAN device.
    #[error("cannot {request}: {name} is not a VXLAN device")]
    NotVxlan {
        /// What was asked.
        request: Box<Request>,
        /// The link's name.
        name: Box<str>,
    },
    /// The exchange with the kernel failed.
    #[error("cannot {request}: {source}")]
    Exchange {
        /// What was asked.
        request: Box<Request>,
        /// What happened.
        source: Box<rsadm_netlink::Error>,
    },
    /// A message that is not what it should be.
    #[error("malformed {what} in a message of the kernel")]
    Malformed {
        /// What could not be read.
        what: &'static str,
    },
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl Error {
    /// Names the request in an error of the exchange, and interprets the kernel's refusal.
    pub(crate) fn of(request: Request, error: rsadm_netlink::Error) -> Self {
        match error {
            rsadm_netlink::Error::Rejected(rejected) => Refused::read(request, *rejected).into(),
            source => Self::Exchange { request: Box::new(request), source: Box::new(source) },
        }
    }

    /// The refusal, if the kernel refused.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// What the refusal means, if the kernel refused.
    pub fn reason(&self) -> Option<Reason> {
        self.refused().map(|refused| refused.reason)
    }

    /// What the kernel did not do, if it did nothing.
    pub fn ignored(&self) -> Option<Ignored> {
        match self {
            Self::Ignored { ignored, .. } => Some(*ignored),
            _ => None,
        }
    }

    /// The kernel's error number, of its refusal or of a system call, if there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(refused) => Some(refused.errno),
            Self::Exchange { source, .. } => source.errno(),
            Self::Ignored { .. } | Self::NotVxlan { .. } | Self::Malformed { .. } => None,
        }
    }

    /// There is no such thing, or no such link.
    pub fn is_not_found(&self) -> bool {
        matches!(self.reason(), Some(Reason::NotFound | Reason::NoLink))
            || self.ignored() == Some(Ignored::NoSuchRemote)
    }

    /// It exists already.
    pub fn is_exists(&self) -> bool {
        self.reason() == Some(Reason::Exists) || self.ignored() == Some(Ignored::OneRemote)
    }

    /// Missing privilege.
    pub fn is_permission(&self) -> bool {
        self.reason() == Some(Reason::Permission)
    }

    /// The kernel or the device cannot do that.
    pub fn is_not_supported(&self) -> bool {
        self.reason() == Some(Reason::NotSupported)
    }

    /// It is not known what became of the request: its answer was lost.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Exchange { source, .. } => source.is_unknown(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_sentence() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let entry = Entry::to(7, mac, [172, 16, 20, 121].into());
        let mut refused = Refused::new(Request::AddEntry(entry), 17);
        refused.message = Some("words of the kernel".into());
        let error = Error::from(refused);
        assert_eq!(
            error.to_string(),
            "cannot add forwarding entry 02:00:00:00:00:01 dst 172.16.20.121: it exists \
             (words of the kernel)"
        );
        assert!(error.is_exists() && !error.is_not_found() && error.errno() == Some(17));
    }

    #[test]
    fn what_is_ignored_is_an_error_of_its_own() {
        let entry = Entry::new(7, Mac::ZERO);
        let request = Box::new(Request::DeleteEntry(entry));
        let error = Error::Ignored { request, ignored: Ignored::NoSuchRemote };
        assert!(error.is_not_found() && error.errno().is_none());
        assert_eq!(
            error.to_string(),
            "cannot delete forwarding entry 00:00:00:00:00:00: the address has no such remote"
        );
    }

    #[test]
    fn numbers_have_a_meaning() {
        let of = |errno| Refused::new(Request::ListEntries, errno).reason;
        assert_eq!([of(1), of(2), of(19)], [Reason::Permission, Reason::NotFound, Reason::NoLink]);
        assert_eq!([of(97), of(28), of(22)], [Reason::OtherFamily, Reason::Full, Reason::Invalid]);
        assert_eq!([of(98), of(95), of(5)], [Reason::InUse, Reason::NotSupported, Reason::Other]);
    }
}
