//! What can go wrong, and what was being done.

use std::fmt;
use std::io;

use crate::{Key, Tuple};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was asked of the kernel; part of every refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Open a socket to connection tracking.
    Connect,
    /// `IPCTNL_MSG_CT_GET` as a dump.
    ListFlows,
    /// `IPCTNL_MSG_CT_GET_CTRZERO` as a dump.
    ZeroCounters,
    /// `IPCTNL_MSG_CT_GET_DYING`.
    ListDying,
    /// `IPCTNL_MSG_CT_GET_UNCONFIRMED`.
    ListUnconfirmed,
    /// `IPCTNL_MSG_CT_GET`.
    ReadFlow(Key),
    /// `IPCTNL_MSG_CT_NEW` of a flow that must not exist.
    CreateFlow(Key),
    /// `IPCTNL_MSG_CT_NEW` of a flow that may exist.
    PutFlow(Key),
    /// `IPCTNL_MSG_CT_NEW` of a flow that must exist.
    UpdateFlow(Key),
    /// `IPCTNL_MSG_CT_DELETE`.
    DeleteFlow(Key),
    /// `IPCTNL_MSG_CT_DELETE` of all.
    Flush,
    /// `IPCTNL_MSG_CT_DELETE` of those that a filter matches.
    DeleteMatching,
    /// `IPCTNL_MSG_CT_GET_STATS_CPU`, `IPCTNL_MSG_CT_GET_STATS`, `IPCTNL_MSG_EXP_GET_STATS_CPU`.
    ReadStatistics,
    /// `IPCTNL_MSG_EXP_GET` as a dump.
    ListExpectations,
    /// `IPCTNL_MSG_EXP_GET`.
    ReadExpectation(Tuple),
    /// `IPCTNL_MSG_EXP_NEW`.
    CreateExpectation(Tuple),
    /// `IPCTNL_MSG_EXP_DELETE`.
    DeleteExpectation(Tuple),
    /// `IPCTNL_MSG_EXP_DELETE` of all.
    FlushExpectations,
    /// Join multicast groups.
    Subscribe,
    /// Read `/proc/sys/net/netfilter`.
    ReadSysctls,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("reach connection tracking"),
            Self::ListFlows => f.write_str("list flows"),
            Self::ZeroCounters => f.write_str("zero counters"),
            Self::ListDying => f.write_str("list dying flows"),
            Self::ListUnconfirmed => f.write_str("list unconfirmed flows"),
            Self::ReadFlow(key) => write!(f, "read flow {key}"),
            Self::CreateFlow(key) => write!(f, "create flow {key}"),
            Self::PutFlow(key) => write!(f, "create or update flow {key}"),
            Self::UpdateFlow(key) => write!(f, "update flow {key}"),
            Self::DeleteFlow(key) => write!(f, "delete flow {key}"),
            Self::Flush => f.write_str("delete all flows"),
            Self::DeleteMatching => f.write_str("delete flows"),
            Self::ReadStatistics => f.write_str("read statistics"),
            Self::ListExpectations => f.write_str("list expectations"),
            Self::ReadExpectation(tuple) => write!(f, "read expectation {tuple}"),
            Self::CreateExpectation(tuple) => write!(f, "create expectation {tuple}"),
            Self::DeleteExpectation(tuple) => write!(f, "delete expectation {tuple}"),
            Self::FlushExpectations => f.write_str("delete all expectations"),
            Self::Subscribe => f.write_str("subscribe to events"),
            Self::ReadSysctls => f.write_str("read sysctls"),
        }
    }
}

/// What a refusal means for the request that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is such a flow or expectation already.
    Exists,
    /// There is no such flow or expectation.
    NotFound,
    /// The flow that is said to expect another one does not exist.
    NoMaster,
    /// `CAP_NET_ADMIN` in the network namespace's user namespace is missing.
    Permission,
    /// The timeout of the flow is fixed.
    FixedTimeout,
    /// Values that do not go together, or that this kernel does not take.
    Invalid,
    /// The table is full, or the kernel out of memory.
    Full,
    /// The flow, or what is to be changed of it, cannot be changed.
    Busy,
    /// The flow has no room for labels: no rule of the network namespace uses any.
    NoLabels,
    /// The kernel cannot do that, or lacks the module for it.
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
        Self { reason: reason(&request, errno), request, errno, message: None, attribute: None }
    }

    pub(crate) fn read(request: Request, rejected: rsadm_netlink::Rejected) -> Self {
        let rsadm_netlink::Rejected { errno, message, attribute, .. } = rejected;
        Self { message, attribute, ..Self::new(request, errno) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: ", self.request)?;
        let expectation = matches!(
            self.request,
            Request::ReadExpectation(_)
                | Request::CreateExpectation(_)
                | Request::DeleteExpectation(_)
        );
        let noun = if expectation { "expectation" } else { "flow" };
        match self.reason {
            Reason::Exists => write!(f, "the {noun} exists")?,
            Reason::NotFound => write!(f, "no such {noun}")?,
            Reason::NoMaster => f.write_str("the master flow does not exist")?,
            Reason::Permission => f.write_str("permission denied")?,
            Reason::FixedTimeout => f.write_str("its timeout is fixed")?,
            Reason::Invalid => f.write_str("the kernel calls the request invalid")?,
            Reason::Full => f.write_str("the table is full, or the kernel out of memory")?,
            Reason::Busy => f.write_str("that cannot be changed")?,
            Reason::NoLabels => f.write_str("no rule uses labels, so the flow has none")?,
            Reason::NotSupported => f.write_str("the kernel does not support that")?,
            Reason::Other => write!(f, "{}", io::Error::from_raw_os_error(self.errno))?,
        }
        match &self.message {
            Some(message) => write!(f, " ({message})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

fn reason(request: &Request, errno: i32) -> Reason {
    use rustix::io::Errno;
    let expecting = matches!(request, Request::CreateExpectation(_));
    let updating = matches!(request, Request::UpdateFlow(_) | Request::PutFlow(_));
    match Errno::from_raw_os_error(errno) {
        Errno::EXIST => Reason::Exists,
        Errno::NOENT if expecting => Reason::NoMaster,
        Errno::NOENT => Reason::NotFound,
        Errno::PERM | Errno::ACCESS if updating => Reason::FixedTimeout,
        Errno::PERM | Errno::ACCESS => Reason::Permission,
        Errno::INVAL | Errno::RANGE => Reason::Invalid,
        Errno::NOMEM | Errno::MFILE => Reason::Full,
        Errno::BUSY => Reason::Busy,
        Errno::NOSPC => Reason::NoLabels,
        Errno::OPNOTSUPP | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::NOPROTOOPT => {
            Reason::NotSupported
        }
        _ => Reason::Other,
    }
}

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a request.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// The exchange with the kernel failed.
    #[error("cannot {request}: {source}")]
    Exchange {
        /// What was asked.
        request: Box<Request>,
        /// What happened.
        source: Box<rsadm_netlink::Error>,
    },
    /// A message that is not what it should be.
    #[error("malformed {what} in a message of connection tracking")]
    Malformed {
        /// What could not be read.
        what: &'static str,
    },
    /// The thread that watches a lossless subscription could not be started.
    #[error("cannot start a thread: {source}")]
    Thread {
        /// What happened.
        source: io::Error,
    },
    /// A file under /proc could not be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which file.
        path: Box<str>,
        /// What happened.
        source: io::Error,
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

    /// The kernel's error number, of its refusal or of a system call, if there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(refused) => Some(refused.errno),
            Self::Exchange { source, .. } => source.errno(),
            Self::File { source, .. } | Self::Thread { source } => source.raw_os_error(),
            Self::Malformed { .. } => None,
        }
    }

    /// No such flow, expectation or master.
    pub fn is_not_found(&self) -> bool {
        matches!(self.reason(), Some(Reason::NotFound | Reason::NoMaster))
    }

    /// The flow or expectation exists already.
    pub fn is_exists(&self) -> bool {
        self.reason() == Some(Reason::Exists)
    }

    /// Missing privilege.
    pub fn is_permission(&self) -> bool {
        match self {
            Self::File { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => self.reason() == Some(Reason::Permission),
        }
    }

    /// The table was resized while it was listed: flows may be missing, or were shown twice.
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Exchange { source, .. } => source.is_interrupted(),
            _ => false,
        }
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

    fn tuple() -> Tuple {
        Tuple::udp(([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 53).into())
    }

    /// What an error number means depends on what was asked.
    #[test]
    fn error_numbers_have_their_reason() {
        let key = Key::from(tuple());
        let update = Request::UpdateFlow(key);
        let expect = Request::CreateExpectation(tuple());
        for (request, errno, reason) in [
            (Request::ListFlows, 1, Reason::Permission),
            (Request::DeleteFlow(key), 1, Reason::Permission),
            (update.clone(), 1, Reason::FixedTimeout),
            (Request::PutFlow(key), 1, Reason::FixedTimeout),
            (Request::ReadFlow(key), 2, Reason::NotFound),
            (expect.clone(), 2, Reason::NoMaster),
            (Request::DeleteExpectation(tuple()), 2, Reason::NotFound),
            (Request::CreateFlow(key), 12, Reason::Full),
            (expect, 24, Reason::Full),
            (update.clone(), 16, Reason::Busy),
            (Request::CreateFlow(key), 17, Reason::Exists),
            (Request::CreateFlow(key), 22, Reason::Invalid),
            (Request::CreateFlow(key), 34, Reason::Invalid),
            (update, 28, Reason::NoLabels),
            (Request::CreateFlow(key), 95, Reason::NotSupported),
            (Request::ReadFlow(key), 97, Reason::NotSupported),
            (Request::Flush, 5, Reason::Other),
        ] {
            assert_eq!(Refused::new(request.clone(), errno).reason, reason, "{request}, {errno}");
        }
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        let flow = "udp 10.0.0.1:1 -> 10.0.0.2:53";
        let key = Key::reply(tuple()).in_zone(7).with_id(9);
        let text = |request, errno| Refused::new(request, errno).to_string();
        assert_eq!(
            text(Request::DeleteFlow(key), 2),
            format!("cannot delete flow {flow} (reply) zone 7 id 9: no such flow")
        );
        assert_eq!(
            text(Request::DeleteExpectation(tuple()), 2),
            format!("cannot delete expectation {flow}: no such expectation")
        );
        let message = Some("Attribute failed policy validation".into());
        let refused = Refused { message, ..Refused::new(Request::ListFlows, 34) };
        assert_eq!(
            refused.to_string(),
            "cannot list flows: the kernel calls the request invalid \
             (Attribute failed policy validation)"
        );
        assert_eq!(
            text(Request::Flush, 5),
            "cannot delete all flows: Input/output error (os error 5)"
        );
    }

    #[test]
    fn predicates_follow_the_reason() {
        let error = |request, errno| Error::from(Refused::new(request, errno));
        let key = Key::from(tuple());
        assert!(error(Request::DeleteFlow(key), 2).is_not_found());
        assert!(error(Request::CreateExpectation(tuple()), 2).is_not_found());
        assert!(error(Request::CreateFlow(key), 17).is_exists());
        assert!(error(Request::Flush, 1).is_permission());
        assert_eq!(error(Request::Flush, 5).errno(), Some(5));
        let lost = Error::of(Request::Flush, rsadm_netlink::Error::Overrun);
        assert!(lost.is_unknown() && !lost.is_permission() && lost.errno().is_none());
        assert_eq!(
            lost.to_string(),
            "cannot delete all flows: replies were lost because the socket's receive buffer overflowed"
        );
    }
}
