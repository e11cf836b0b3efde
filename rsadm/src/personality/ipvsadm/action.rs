//! What a command line asks for, after all checks.

use std::net::IpAddr;

use ipvs::{Change, Destination, Family, ForwardingMethod, Protocol, ServiceKey};

use super::address::Directory;
use super::draft::Draft;
use super::matrix::{Aspect, Aspects, Command};
use super::stop::Stop;
use crate::classic::ipvsadm::Columns;

/// Of a master or backup daemon that is started without an interface.
const DEFAULT_INTERFACE: &str = "eth0";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Change(Change),
    /// The whole table, or one service.
    List(Option<ServiceKey>, Listing),
    Connections {
        numeric: bool,
        persistence: bool,
    },
    Timeouts,
    Daemons,
    Save {
        numeric: bool,
    },
    Restore,
}

/// How to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) columns: Columns,
    pub(super) numeric: bool,
    pub(super) exact: bool,
    pub(super) unsorted: bool,
}

impl Action {
    /// Reads the words behind the program's name; `restoring` ones come from the input of `-R`.
    pub(super) fn read(
        words: &[Vec<u8>],
        restoring: bool,
        directory: &mut impl Directory,
    ) -> Result<Self, Stop> {
        let mut draft = Draft::read(words, restoring, directory)?;
        draft.command.check(draft.given).map_err(Stop::fail)?;
        match draft.command {
            Command::AddService | Command::EditService => check_service(&draft)?,
            Command::AddServer | Command::EditServer => check_destination(&mut draft)?,
            Command::StartDaemon if draft.daemon.interface.is_empty() => {
                DEFAULT_INTERFACE.clone_into(&mut draft.daemon.interface);
            }
            Command::List => check_list(draft.given)?,
            _ => {}
        }
        Ok(Self::from(draft))
    }
}

impl From<Draft> for Action {
    fn from(draft: Draft) -> Self {
        let given = draft.given;
        let numeric = given.contains(Aspect::Numeric);
        let key = draft.key();
        let address = draft.destination.address;
        let destination = Destination { tunnel: draft.tunnel(), ..draft.destination };
        Self::Change(match draft.command {
            Command::AddService => Change::AddService(draft.service()),
            Command::EditService => Change::UpdateService(draft.service()),
            Command::DeleteService => Change::DeleteService(key),
            Command::AddServer => Change::AddDestination(key, destination),
            Command::EditServer => Change::UpdateDestination(key, destination),
            Command::DeleteServer => Change::DeleteDestination(key, address),
            Command::Flush => Change::Flush,
            Command::Set => Change::SetTimeouts(draft.timeouts),
            Command::StartDaemon => Change::StartDaemon(draft.daemon),
            Command::StopDaemon => Change::StopDaemon(draft.daemon.role, draft.daemon.sync_id),
            Command::Zero => Change::Zero(Some(key).filter(|key| !is_everything(key))),
            Command::Restore => return Self::Restore,
            Command::Save => return Self::Save { numeric },
            Command::List if given.contains(Aspect::Connection) => {
                let persistence = given.contains(Aspect::PersistentConnections);
                return Self::Connections { numeric, persistence };
            }
            Command::List if given.contains(Aspect::Timeout) => return Self::Timeouts,
            Command::List if given.contains(Aspect::Daemon) => return Self::Daemons,
            Command::List => {
                let service = given.contains(Aspect::Service).then_some(key);
                return Self::List(service, listing(given));
            }
        })
    }
}

/// No address and no port stand for every service; so does the absence of an option.
fn is_everything(key: &ServiceKey) -> bool {
    matches!(key, ServiceKey::Address { address, .. }
        if address.ip().is_unspecified() && address.port() == 0)
}

fn listing(given: Aspects) -> Listing {
    let columns = [
        (Aspect::Stats, Columns::Statistics),
        (Aspect::Rate, Columns::Rates),
        (Aspect::Thresholds, Columns::Thresholds),
        (Aspect::PersistentConnections, Columns::PersistentConnections),
        (Aspect::TunnelInfo, Columns::Tunnels),
    ]
    .into_iter()
    .find(|(aspect, _)| given.contains(*aspect))
    .map_or(Columns::Plain, |(_, columns)| columns);
    Listing {
        columns,
        numeric: given.contains(Aspect::Numeric),
        exact: given.contains(Aspect::Exact),
        unsorted: given.contains(Aspect::NoSort),
    }
}

fn check_service(draft: &Draft) -> Result<(), Stop> {
    let service = draft.service();
    if draft.mark != 0 {
        return Ok(());
    }
    if draft.port == 0 && !service.is_persistent() {
        return Err(Stop::fail("Zero port specified for non-persistent service"));
    }
    if service.is_one_packet() && draft.protocol != Protocol::UDP {
        return Err(Stop::fail("One-Packet Scheduling is only for UDP virtual services"));
    }
    Ok(())
}

/// Also gives the destination the service's port where packets keep theirs.
fn check_destination(draft: &mut Draft) -> Result<(), Stop> {
    let method = draft.destination.method;
    let destination = &mut draft.destination.address;
    if draft.mark == 0 && method != ForwardingMethod::MASQUERADE {
        destination.set_port(draft.port);
    }
    if family(destination.ip()) != family(draft.address) && method != ForwardingMethod::TUNNEL {
        return Err(Stop::fail("Different address family is allowed only for tunneling servers"));
    }
    if method == ForwardingMethod::TUNNEL {
        draft.encapsulation.check(draft.given).map_err(Stop::fail)
    } else if draft.given.has_tunnel_options() {
        Err(Stop::fail("Tunnel options conflict with forward method"))
    } else {
        Ok(())
    }
}

fn family(address: IpAddr) -> Family {
    Family::of(address)
}

fn check_list(given: Aspects) -> Result<(), Stop> {
    let conflict = given.any(&[Aspect::Connection, Aspect::Timeout, Aspect::Daemon])
        && given.any(&[Aspect::Stats, Aspect::Rate, Aspect::Thresholds])
        || given.any(&[Aspect::Timeout, Aspect::Daemon])
            && given.any(&[Aspect::PersistentConnections]);
    if conflict {
        return Err(Stop::fail("options conflicts in the list command"));
    }
    Ok(())
}
