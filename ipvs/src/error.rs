//! What can go wrong, and what was being done.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::{Role, ServiceKey};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was asked of the kernel; part of every refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Find the generic netlink family `IPVS`.
    Connect,
    /// `IPVS_CMD_GET_INFO`.
    ReadInfo,
    /// `IPVS_CMD_GET_SERVICE` as a dump.
    ListServices,
    /// `IPVS_CMD_GET_SERVICE`.
    ReadService(ServiceKey),
    /// `IPVS_CMD_NEW_SERVICE`.
    AddService(ServiceKey),
    /// `IPVS_CMD_SET_SERVICE`.
    UpdateService(ServiceKey),
    /// `IPVS_CMD_DEL_SERVICE`.
    DeleteService(ServiceKey),
    /// `IPVS_CMD_FLUSH`.
    Flush,
    /// `IPVS_CMD_ZERO`, of one service or all.
    Zero(Option<ServiceKey>),
    /// `IPVS_CMD_GET_DEST`.
    ListDestinations(ServiceKey),
    /// `IPVS_CMD_NEW_DEST`.
    AddDestination(ServiceKey, SocketAddr),
    /// `IPVS_CMD_SET_DEST`.
    UpdateDestination(ServiceKey, SocketAddr),
    /// `IPVS_CMD_DEL_DEST`.
    DeleteDestination(ServiceKey, SocketAddr),
    /// `IPVS_CMD_GET_CONFIG`.
    ReadTimeouts,
    /// `IPVS_CMD_SET_CONFIG`.
    SetTimeouts,
    /// `IPVS_CMD_GET_DAEMON`.
    ListDaemons,
    /// `IPVS_CMD_NEW_DAEMON`.
    StartDaemon(Role),
    /// `IPVS_CMD_DEL_DAEMON`.
    StopDaemon(Role),
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("find IPVS in the kernel"),
            Self::ReadInfo => f.write_str("read the version of IPVS"),
            Self::ListServices => f.write_str("list services"),
            Self::ReadService(key) => write!(f, "read service {key}"),
            Self::AddService(key) => write!(f, "add service {key}"),
            Self::UpdateService(key) => write!(f, "update service {key}"),
            Self::DeleteService(key) => write!(f, "delete service {key}"),
            Self::Flush => f.write_str("clear the table"),
            Self::Zero(Some(key)) => write!(f, "zero the counters of {key}"),
            Self::Zero(None) => f.write_str("zero all counters"),
            Self::ListDestinations(key) => write!(f, "list destinations of {key}"),
            Self::AddDestination(key, address) => write!(f, "add destination {address} to {key}"),
            Self::UpdateDestination(key, address) => {
                write!(f, "update destination {address} of {key}")
            }
            Self::DeleteDestination(key, address) => {
                write!(f, "delete destination {address} of {key}")
            }
            Self::ReadTimeouts => f.write_str("read timeouts"),
            Self::SetTimeouts => f.write_str("set timeouts"),
            Self::ListDaemons => f.write_str("list synchronisation daemons"),
            Self::StartDaemon(role) => write!(f, "start the {role} synchronisation daemon"),
            Self::StopDaemon(role) => write!(f, "stop the {role} synchronisation daemon"),
        }
    }
}

/// What a refusal means for the request that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is such a service already.
    ServiceExists,
    /// There is no such service.
    NoSuchService,
    /// The kernel neither has the scheduler or persistence engine nor can load it.
    NoSuchScheduler,
    /// There is such a destination already.
    DestinationExists,
    /// The service has no such destination.
    NoSuchDestination,
    /// Such a daemon runs already.
    DaemonRuns,
    /// No such daemon runs.
    NoDaemon,
    /// The multicast interface does not exist.
    NoSuchInterface,
    /// The kernel has no IPVS, or its module is not loaded.
    NoIpvs,
    /// `CAP_NET_ADMIN` in the initial user namespace is missing.
    Permission,
    /// A weight is negative or above the limit, or a lower threshold above the upper one.
    OutOfRange,
    /// Values that do not go together, such as a destination that is not unicast.
    Invalid,
    /// The kernel does not know the address family.
    AddressFamily,
    /// The kernel is out of memory.
    Memory,
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
}

impl Refused {
    /// Interprets an error number as an answer to `request`.
    pub fn new(request: Request, errno: i32, message: Option<Box<str>>) -> Self {
        Self { reason: reason(&request, errno), request, errno, message }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: ", self.request)?;
        match self.reason {
            Reason::ServiceExists => f.write_str("the service exists")?,
            Reason::NoSuchService => f.write_str("no such service")?,
            Reason::NoSuchScheduler => f.write_str("no such scheduler or persistence engine")?,
            Reason::DestinationExists => f.write_str("the destination exists")?,
            Reason::NoSuchDestination => f.write_str("no such destination")?,
            Reason::DaemonRuns => f.write_str("it runs already")?,
            Reason::NoDaemon => f.write_str("it does not run")?,
            Reason::NoSuchInterface => f.write_str("no such network interface")?,
            Reason::NoIpvs => f.write_str("the kernel has no IPVS, or its module is not loaded")?,
            Reason::Permission => f.write_str("permission denied")?,
            Reason::OutOfRange => f.write_str("a number is out of range")?,
            Reason::Invalid => f.write_str("the kernel calls the combination invalid")?,
            Reason::AddressFamily => {
                f.write_str("the kernel does not support the address family")?;
            }
            Reason::Memory => f.write_str("the kernel is out of memory")?,
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
    let on_destination = matches!(
        request,
        Request::AddDestination(..)
            | Request::UpdateDestination(..)
            | Request::DeleteDestination(..)
    );
    let on_daemon = matches!(request, Request::StartDaemon(_) | Request::StopDaemon(_));
    match Errno::from_raw_os_error(errno) {
        Errno::EXIST if on_daemon => Reason::DaemonRuns,
        Errno::EXIST if on_destination => Reason::DestinationExists,
        Errno::EXIST => Reason::ServiceExists,
        Errno::SRCH if on_daemon => Reason::NoDaemon,
        Errno::SRCH => Reason::NoSuchService,
        Errno::NOENT if matches!(request, Request::Connect) => Reason::NoIpvs,
        Errno::NOENT if on_destination => Reason::NoSuchDestination,
        Errno::NOENT => Reason::NoSuchScheduler,
        Errno::NODEV if on_daemon => Reason::NoSuchInterface,
        Errno::NOPROTOOPT => Reason::NoIpvs,
        Errno::PERM | Errno::ACCESS => Reason::Permission,
        Errno::RANGE => Reason::OutOfRange,
        Errno::INVAL => Reason::Invalid,
        Errno::AFNOSUPPORT => Reason::AddressFamily,
        Errno::NOMEM => Reason::Memory,
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
    /// A file under /proc could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// Which file.
        path: Box<str>,
        /// What happened.
        source: io::Error,
    },
    /// A line of a file under /proc is not in the form that the kernel writes.
    #[error("{path}:{line}: not understood: {text}")]
    Line {
        /// Which file.
        path: &'static str,
        /// Line number from 1.
        line: usize,
        /// The line.
        text: Box<str>,
    },
    /// The table changed during every attempt to read it whole.
    #[error("the table kept changing while it was read ({attempts} attempts)")]
    Changing {
        /// How often it was read.
        attempts: u32,
    },
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl Error {
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

    /// The kernel's error number, if there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(refused) => Some(refused.errno),
            Self::File { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// No such service, destination, scheduler or daemon.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.reason(),
            Some(
                Reason::NoSuchService
                    | Reason::NoSuchDestination
                    | Reason::NoSuchScheduler
                    | Reason::NoDaemon
            )
        )
    }

    /// The service, destination or daemon exists already.
    pub fn is_exists(&self) -> bool {
        matches!(
            self.reason(),
            Some(Reason::ServiceExists | Reason::DestinationExists | Reason::DaemonRuns)
        )
    }

    /// Missing privilege.
    pub fn is_permission(&self) -> bool {
        match self {
            Self::File { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => self.reason() == Some(Reason::Permission),
        }
    }

    /// The kernel has no IPVS, or its module is not loaded.
    pub fn is_no_ipvs(&self) -> bool {
        self.reason() == Some(Reason::NoIpvs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPERM: i32 = 1;
    const ENOENT: i32 = 2;
    const ESRCH: i32 = 3;
    const ENOMEM: i32 = 12;
    const EEXIST: i32 = 17;
    const ENODEV: i32 = 19;
    const EINVAL: i32 = 22;
    const ERANGE: i32 = 34;
    const ENOPROTOOPT: i32 = 92;
    const EAFNOSUPPORT: i32 = 97;
    const EBUSY: i32 = 16;

    fn key() -> ServiceKey {
        ServiceKey::mark(7, crate::Family::Ipv4)
    }

    fn address() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], 80))
    }

    /// What an error number means depends on what was asked.
    #[test]
    fn every_request_and_error_number_has_its_reason() {
        let services = [
            Request::AddService(key()),
            Request::UpdateService(key()),
            Request::DeleteService(key()),
            Request::ReadService(key()),
            Request::Zero(Some(key())),
        ];
        let destinations = [
            Request::AddDestination(key(), address()),
            Request::UpdateDestination(key(), address()),
            Request::DeleteDestination(key(), address()),
        ];
        let daemons = [Request::StartDaemon(Role::Master), Request::StopDaemon(Role::Backup)];
        let table: [(i32, Reason, Reason, Reason); 10] = [
            (EEXIST, Reason::ServiceExists, Reason::DestinationExists, Reason::DaemonRuns),
            (ESRCH, Reason::NoSuchService, Reason::NoSuchService, Reason::NoDaemon),
            (ENOENT, Reason::NoSuchScheduler, Reason::NoSuchDestination, Reason::NoSuchScheduler),
            (ENODEV, Reason::Other, Reason::Other, Reason::NoSuchInterface),
            (EPERM, Reason::Permission, Reason::Permission, Reason::Permission),
            (EINVAL, Reason::Invalid, Reason::Invalid, Reason::Invalid),
            (ERANGE, Reason::OutOfRange, Reason::OutOfRange, Reason::OutOfRange),
            (EAFNOSUPPORT, Reason::AddressFamily, Reason::AddressFamily, Reason::AddressFamily),
            (ENOMEM, Reason::Memory, Reason::Memory, Reason::Memory),
            (EBUSY, Reason::Other, Reason::Other, Reason::Other),
        ];
        for (errno, service, destination, daemon) in table {
            for (requests, expected) in
                [(&services[..], service), (&destinations, destination), (&daemons, daemon)]
            {
                for request in requests {
                    let refused = Refused::new(request.clone(), errno, None);
                    assert_eq!(refused.reason, expected, "{request:?}, {errno}");
                }
            }
        }
        let absent = |errno| Refused::new(Request::Connect, errno, None).reason;
        assert_eq!([absent(ENOENT), absent(ENOPROTOOPT)], [Reason::NoIpvs; 2]);
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        let text = |request, errno, message: Option<&str>| {
            Refused::new(request, errno, message.map(Into::into)).to_string()
        };
        assert_eq!(
            text(Request::AddDestination(key(), address()), ESRCH, None),
            "cannot add destination 10.0.0.1:80 to fwmark://7: no such service"
        );
        assert_eq!(
            text(Request::Flush, EBUSY, Some("wait")),
            "cannot clear the table: Device or resource busy (os error 16) (wait)"
        );
    }

    #[test]
    fn predicates_follow_the_reason() {
        let error = |request, errno| Error::from(Refused::new(request, errno, None));
        assert!(error(Request::DeleteService(key()), ESRCH).is_not_found());
        assert!(error(Request::AddService(key()), EEXIST).is_exists());
        assert!(error(Request::Flush, EPERM).is_permission());
        assert!(error(Request::Connect, ENOENT).is_no_ipvs());
        assert_eq!(error(Request::Flush, EBUSY).errno(), Some(EBUSY));
    }
}
