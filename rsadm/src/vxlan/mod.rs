//! `rsadm vxlan` and `rsadm monitor`.

use std::io::{self, Write};

use ::vxlan::{Builder, Client};

pub(crate) mod arguments;
mod caps;
mod devices;
pub mod fdb;
mod hint;
mod link;
mod mdb;
mod monitor;
mod neigh;
mod overlay;
mod peers;
mod report;
mod show;
mod values;
mod vni;
pub(crate) mod words;

use crate::cli::Format;
use crate::deferred::Deferred;
use crate::failure::Result;
use crate::snapshot;
use arguments::{Monitor, Vxlan};
use devices::Saved;
use node::Snapshot;

/// Runs `rsadm vxlan VERB`.
pub(crate) fn run(verb: Vxlan, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    match verb {
        Vxlan::Link(Deferred(verb)) => link::run(verb, format, out),
        Vxlan::Fdb(Deferred(verb)) => fdb::run(verb, format, out),
        Vxlan::Vni(Deferred(verb)) => vni::run(verb, format, out),
        Vxlan::Mdb(Deferred(verb)) => mdb::run(verb, format, out),
        Vxlan::Neigh(Deferred(verb)) => neigh::run(verb, format, out),
        Vxlan::Peers(Deferred(arguments)) => {
            peers::run(&arguments, format.unwrap_or_default(), out)
        }
        Vxlan::Caps => caps::run(format.unwrap_or_default(), out),
    }
}

/// Runs `rsadm vxlan VERB` on a snapshot.
pub(crate) fn saved(
    verb: &Vxlan,
    from: &Snapshot,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    let from = Saved::of(from);
    match verb {
        Vxlan::Link(Deferred(verb)) => link::saved(verb, from, format, out),
        Vxlan::Fdb(Deferred(verb)) => fdb::saved(verb, from, format, out),
        Vxlan::Vni(Deferred(verb)) => vni::saved(verb, from, format, out),
        Vxlan::Neigh(Deferred(verb)) => neigh::saved(verb, from, format, out),
        Vxlan::Mdb(Deferred(verb)) => Err(mdb::saved(verb)),
        Vxlan::Peers(Deferred(arguments)) => {
            peers::saved(arguments, from, format.unwrap_or_default(), out)
        }
        Vxlan::Caps => Err(snapshot::lacks("what the kernel can do")),
    }
}

/// Runs `rsadm monitor WHAT`.
pub(crate) fn monitor(what: Monitor, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    match what {
        Monitor::Fdb(Deferred(arguments)) => monitor::run(&arguments, format, out),
    }
}

fn connect() -> Result<Client> {
    Ok(Builder::new().read_ahead(true).connect()?)
}

/// Says what was done, beside what is listed.
fn say(text: &str) {
    // Where nobody listens there is nobody to tell.
    _ = writeln!(io::stderr(), "rsadm: {text}");
}

/// `1 entry`, `7 entries`.
fn entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}
