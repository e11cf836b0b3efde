//! `rsadm ipvs`.

use std::io::Write;

use ::ipvs::{Builder, Client};
use node::{Balancer, Snapshot};

pub(crate) mod arguments;
mod connections;
mod edit;
mod hint;
mod list;
mod names;
mod network;
mod restore;
mod save;
mod schedulers;
pub mod script;
mod settings;
mod sort;
mod sync;
mod values;

use crate::cli::Format;
use crate::deferred::Deferred;
use crate::failure::Result;
use crate::output;
use crate::snapshot;
use arguments::{Daemons, Ipvs, Timeouts};

/// Runs `rsadm ipvs VERB`.
pub(crate) fn run(verb: Ipvs, format: Option<Format>, out: &mut (impl Write + Send)) -> Result<()> {
    match verb {
        Ipvs::List(Deferred(arguments)) => list::run(&arguments, format.unwrap_or_default(), out),
        Ipvs::Connections(Deferred(arguments)) => {
            connections::run(&arguments, format.unwrap_or_default(), out)
        }
        Ipvs::Schedulers => schedulers::list(format.unwrap_or_default(), out),
        Ipvs::Timeouts(Deferred(Timeouts { tcp: None, tcp_fin: None, udp: None })) => {
            settings::show_timeouts(&reader()?.timeouts()?, format.unwrap_or_default(), out)
        }
        Ipvs::Daemons { verb: None } => {
            settings::show_daemons(reader()?.daemons()?, format.unwrap_or_default(), out)
        }
        verb => {
            output::none(format)?;
            change(verb, out)
        }
    }
}

/// Runs `rsadm ipvs VERB` on a snapshot.
pub(crate) fn saved(
    verb: &Ipvs,
    from: &Snapshot,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    let form = format.unwrap_or_default();
    let balancer = || snapshot::part(from, "services", &from.balancer);
    match verb {
        Ipvs::List(Deferred(arguments)) => list::saved(arguments, balancer, form, out),
        Ipvs::Connections(Deferred(arguments)) => {
            let all = snapshot::part(from, "connections", &balancer()?.connections)?;
            let tracking = || snapshot::part(from, "connection tracking", &from.tracking);
            let flows = || snapshot::part(from, "flows", &tracking()?.flows);
            connections::saved(arguments, all, flows, form, out)
        }
        Ipvs::Schedulers => Err(snapshot::lacks("the kernel's schedulers")),
        Ipvs::Timeouts(Deferred(Timeouts { tcp: None, tcp_fin: None, udp: None })) => {
            let timeouts = balancer()?.timeouts;
            let timeouts = timeouts.ok_or_else(|| snapshot::lacks("timeouts"))?;
            settings::show_timeouts(&timeouts, form, out)
        }
        Ipvs::Daemons { verb: None } => {
            settings::show_daemons(balancer()?.daemons.clone(), form, out)
        }
        Ipvs::Save { full } => {
            output::none(format)?;
            let Balancer { services, timeouts, daemons, .. } = balancer()?.clone();
            save::write(*full, services, timeouts, daemons, out)
        }
        _ => Err(snapshot::read_only()),
    }
}

/// The verbs that list nothing.
fn change(verb: Ipvs, out: &mut impl Write) -> Result<()> {
    match verb {
        Ipvs::Service(Deferred(verb)) => edit::service(verb),
        Ipvs::Dest(Deferred(verb)) => edit::destination(verb),
        Ipvs::Clear => Ok(writer()?.flush()?),
        Ipvs::Zero { service } => Ok(writer()?.zero(service.as_ref())?),
        Ipvs::Timeouts(Deferred(arguments)) => settings::set_timeouts(&arguments),
        Ipvs::Daemons { verb: Some(Daemons::Start(arguments)) } => settings::start(arguments),
        Ipvs::Daemons { verb: Some(Daemons::Stop { role, syncid }) } => {
            Ok(writer()?.stop_daemon(role, syncid)?)
        }
        Ipvs::Save { full } => save::run(full, out),
        Ipvs::Restore { file, sync } => restore::run(file.as_deref(), sync),
        Ipvs::List(_) | Ipvs::Connections(_) | Ipvs::Schedulers | Ipvs::Daemons { verb: None } => {
            Ok(())
        }
    }
}

/// A client that only reads and therefore loads no module.
fn reader() -> Result<Client> {
    Ok(Builder::new().load_module(false).connect()?)
}

/// A client that changes something.
fn writer() -> Result<Client> {
    Ok(Client::connect()?)
}
