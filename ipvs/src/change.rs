//! Changes that are carried out together, and what became of each.

use std::net::SocketAddr;
use std::ops::Range;

use rsadm_netlink::{Family as GenericFamily, Message};

use crate::uapi::*;
use crate::wire;
use crate::{
    Daemon, Destination, Error, Refused, Request, Role, Service, ServiceFlags, ServiceKey, Timeouts,
};

/// One change of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Adds a service.
    AddService(Service),
    /// Replaces the configuration of a service.
    UpdateService(Service),
    /// Deletes a service with its destinations; connections stay until they expire.
    DeleteService(ServiceKey),
    /// Adds a destination.
    AddDestination(ServiceKey, Destination),
    /// Replaces the configuration of a destination.
    UpdateDestination(ServiceKey, Destination),
    /// Deletes a destination.
    DeleteDestination(ServiceKey, SocketAddr),
    /// Sets timeouts; 0 keeps the present one.
    SetTimeouts(Timeouts),
    /// Starts a synchronisation daemon.
    StartDaemon(Daemon),
    /// Stops a synchronisation daemon.
    StopDaemon(Role, u32),
    /// Zeroes the counters of a service, or all.
    Zero(Option<ServiceKey>),
    /// Deletes every service.
    Flush,
}

/// So that changes can be applied from within larger values; see
/// [`Client::apply`](crate::Client::apply).
impl AsRef<Change> for Change {
    fn as_ref(&self) -> &Change {
        self
    }
}

impl Change {
    /// What the change asks of the kernel, for messages about it.
    pub fn request(&self) -> Request {
        match self {
            Self::AddService(service) => Request::AddService(service.key),
            Self::UpdateService(service) => Request::UpdateService(service.key),
            Self::DeleteService(key) => Request::DeleteService(*key),
            Self::AddDestination(key, destination) => {
                Request::AddDestination(*key, destination.address)
            }
            Self::UpdateDestination(key, destination) => {
                Request::UpdateDestination(*key, destination.address)
            }
            Self::DeleteDestination(key, address) => Request::DeleteDestination(*key, *address),
            Self::SetTimeouts(_) => Request::SetTimeouts,
            Self::StartDaemon(daemon) => Request::StartDaemon(daemon.role),
            Self::StopDaemon(role, _) => Request::StopDaemon(*role),
            Self::Zero(key) => Request::Zero(*key),
            Self::Flush => Request::Flush,
        }
    }

    /// The message that asks for it.
    pub(crate) fn message(&self, family: &GenericFamily) -> Message {
        let new = |command| family.message(command, 0);
        match self {
            Self::AddService(service) => {
                let mut message = new(IPVS_CMD_NEW_SERVICE);
                wire::put_service(&mut message, service, ServiceFlags::all());
                message
            }
            Self::UpdateService(service) => {
                let mut message = new(IPVS_CMD_SET_SERVICE);
                wire::put_service(&mut message, service, ServiceFlags::all());
                message
            }
            Self::DeleteService(key) => {
                let mut message = new(IPVS_CMD_DEL_SERVICE);
                wire::put_key(&mut message, key);
                message
            }
            Self::AddDestination(key, destination) => {
                let mut message = new(IPVS_CMD_NEW_DEST);
                wire::put_key(&mut message, key);
                wire::put_destination(&mut message, destination);
                message
            }
            Self::UpdateDestination(key, destination) => {
                let mut message = new(IPVS_CMD_SET_DEST);
                wire::put_key(&mut message, key);
                wire::put_destination(&mut message, destination);
                message
            }
            Self::DeleteDestination(key, address) => {
                let mut message = new(IPVS_CMD_DEL_DEST);
                wire::put_key(&mut message, key);
                wire::put_destination_key(&mut message, *address);
                message
            }
            Self::SetTimeouts(timeouts) => {
                let mut message = new(IPVS_CMD_SET_CONFIG);
                wire::put_timeouts(&mut message, timeouts);
                message
            }
            Self::StartDaemon(daemon) => {
                let mut message = new(IPVS_CMD_NEW_DAEMON);
                wire::put_daemon(&mut message, daemon);
                message
            }
            Self::StopDaemon(role, sync_id) => {
                let mut message = new(IPVS_CMD_DEL_DAEMON);
                wire::put_daemon_key(&mut message, *role, *sync_id);
                message
            }
            Self::Zero(key) => {
                let mut message = new(IPVS_CMD_ZERO);
                if let Some(key) = key {
                    wire::put_key(&mut message, key);
                }
                message
            }
            Self::Flush => new(IPVS_CMD_FLUSH),
        }
    }
}

/// What became of the changes given to [`Client::apply`](crate::Client::apply), by their index.
/// Every change is in exactly one of the groups.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were carried out.
    pub applied: usize,
    /// Those that the kernel refused; the ones behind them were tried all the same.
    pub refused: Vec<(usize, Refused)>,
    /// Those whose answer was lost and whose effect could not be seen in the table either.
    pub unknown: Vec<usize>,
    /// Those that were not sent, because of [`error`](Self::error).
    pub unsent: Range<usize>,
    /// What stopped the batch before its end.
    pub error: Option<Error>,
}

impl Report {
    /// Whether every change was carried out.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty() && self.unknown.is_empty() && self.unsent.is_empty()
    }
}
