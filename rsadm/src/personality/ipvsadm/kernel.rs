//! The kernel, and how ipvsadm words its refusals.

use std::io;

use ipvs::{
    Change, Connection, Daemon, DestinationEntry, Error, Overview, Refused, Report, Request,
    Result, ServiceEntry, ServiceKey, Timeouts,
};
use rustix::io::Errno;

/// What the tool needs of the kernel; a test has its own.
pub(super) trait Kernel {
    fn services(&mut self) -> Result<Vec<ServiceEntry>>;
    fn service(&mut self, key: &ServiceKey) -> Result<ServiceEntry>;
    fn destinations(&mut self, key: &ServiceKey) -> Result<Vec<DestinationEntry>>;
    fn overview(&mut self) -> Result<Overview>;
    fn timeouts(&mut self) -> Result<Timeouts>;
    fn daemons(&mut self) -> Result<Vec<Daemon>>;
    fn connections(&mut self) -> Result<Box<dyn Iterator<Item = Result<Connection>>>>;
    fn apply(&mut self, changes: &[Change]) -> Result<Report>;
}

impl Kernel for ipvs::Client {
    fn services(&mut self) -> Result<Vec<ServiceEntry>> {
        self.services()
    }

    fn service(&mut self, key: &ServiceKey) -> Result<ServiceEntry> {
        self.service(key)
    }

    fn destinations(&mut self, key: &ServiceKey) -> Result<Vec<DestinationEntry>> {
        self.destinations(key)
    }

    fn overview(&mut self) -> Result<Overview> {
        self.overview()
    }

    fn timeouts(&mut self) -> Result<Timeouts> {
        self.timeouts()
    }

    fn daemons(&mut self) -> Result<Vec<Daemon>> {
        self.daemons()
    }

    fn connections(&mut self) -> Result<Box<dyn Iterator<Item = Result<Connection>>>> {
        Ok(Box::new(ipvs::Proc::new().connections()?))
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Report> {
        self.apply(changes)
    }
}

/// The text of an error.
pub(super) fn message(error: &Error) -> String {
    match error.refused() {
        Some(refused) => refusal(refused),
        None => error.errno().map_or_else(|| error.to_string(), system_text),
    }
}

/// The text of a refusal, which depends on what was asked.
pub(super) fn refusal(refused: &Refused) -> String {
    let errno = Errno::from_raw_os_error(refused.errno);
    let text = match (&refused.request, errno) {
        (Request::AddService(_), Errno::EXIST) => "Service already exists",
        (Request::AddService(_) | Request::UpdateService(_), Errno::NOENT) => {
            "Scheduler or persistence engine not found"
        }
        (
            Request::UpdateService(_)
            | Request::DeleteService(_)
            | Request::Zero(_)
            | Request::ReadService(_)
            | Request::ListServices
            | Request::ListDestinations(_),
            Errno::SRCH,
        ) => "No such service",
        (
            Request::AddDestination(..)
            | Request::UpdateDestination(..)
            | Request::DeleteDestination(..),
            Errno::SRCH,
        ) => "Service not defined",
        (Request::AddDestination(..), Errno::EXIST) => "Destination already exists",
        (Request::UpdateDestination(..) | Request::DeleteDestination(..), Errno::NOENT) => {
            "No such destination"
        }
        (Request::StartDaemon(_), Errno::EXIST) => "Daemon has already run",
        (Request::StopDaemon(_), Errno::SRCH) => "No daemon is running",
        (_, Errno::PERM) => "Permission denied (you must be root)",
        (_, Errno::INVAL) => {
            "Invalid operation.  Possibly wrong module version, address not unicast, ..."
        }
        (_, Errno::NOPROTOOPT) => "Protocol not available",
        (_, Errno::NOMEM) => "Memory allocation problem",
        (_, Errno::OPNOTSUPP) => "Operation not supported with IPv6",
        (_, Errno::AFNOSUPPORT) => "Operation not supported with specified address family",
        (_, Errno::MSGSIZE) => "Module is wrong version",
        _ => return system_text(refused.errno),
    };
    text.to_owned()
}

/// The C library's text, without the number that Rust adds.
fn system_text(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use ipvs::Role;

    use super::*;

    #[test]
    fn texts_depend_on_the_request() {
        let key: ServiceKey = "tcp://10.0.0.1:80".parse().expect("a service");
        let address = "10.1.1.1:80".parse().expect("an address");
        let text = |request: Request, errno: Errno| {
            refusal(&Refused::new(request, errno.raw_os_error(), None))
        };
        for (request, errno, expected) in [
            (Request::AddService(key), Errno::EXIST, "Service already exists"),
            (
                Request::UpdateService(key),
                Errno::NOENT,
                "Scheduler or persistence engine not found",
            ),
            (Request::DeleteService(key), Errno::SRCH, "No such service"),
            (Request::ReadService(key), Errno::SRCH, "No such service"),
            (Request::AddDestination(key, address), Errno::SRCH, "Service not defined"),
            (Request::AddDestination(key, address), Errno::EXIST, "Destination already exists"),
            (Request::DeleteDestination(key, address), Errno::NOENT, "No such destination"),
            (Request::StartDaemon(Role::Master), Errno::EXIST, "Daemon has already run"),
            (Request::StartDaemon(Role::Master), Errno::NODEV, "No such device"),
            (Request::StopDaemon(Role::Master), Errno::SRCH, "No daemon is running"),
            (Request::Flush, Errno::PERM, "Permission denied (you must be root)"),
            (Request::AddDestination(key, address), Errno::RANGE, "Numerical result out of range"),
        ] {
            assert_eq!(text(request.clone(), errno), expected, "{request:?}");
        }
    }
}
