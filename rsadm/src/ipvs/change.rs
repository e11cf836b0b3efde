//! Changes of the table.

use std::net::SocketAddr;

use ipvs::{Daemon, Destination, Role, Service, ServiceKey, Timeouts};

/// A change of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "stands in for the library's own")]
pub enum Change {
    AddService(Service),
    UpdateService(Service),
    DeleteService(ServiceKey),
    AddDestination(ServiceKey, Destination),
    UpdateDestination(ServiceKey, Destination),
    DeleteDestination(ServiceKey, SocketAddr),
    SetTimeouts(Timeouts),
    StartDaemon(Daemon),
    StopDaemon(Role, u32),
    Flush,
    Zero(Option<ServiceKey>),
}
