//! `rsadm vxlan fdb`.

use std::io::Write;

pub(super) mod edit;
pub(crate) mod filter;
mod flush;
mod groups;
mod list;
pub mod script;
mod sync;
mod table;

use super::arguments::Fdb;
use super::connect;
use super::devices::Saved;
use crate::cli::Format;
use crate::deferred::Deferred;
use crate::failure::Result;
use crate::output;
use crate::snapshot;

/// Runs `rsadm vxlan fdb VERB` on a snapshot.
pub(super) fn saved(
    verb: &Fdb,
    mut from: Saved<'_>,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    match verb {
        Fdb::List(Deferred(arguments)) => {
            list::run(arguments, &mut from, format.unwrap_or_default(), out)
        }
        Fdb::Get(_) => Err(snapshot::lacks("the kernel's choice of an entry")),
        _ => Err(snapshot::read_only()),
    }
}

/// Runs `rsadm vxlan fdb VERB`.
pub(super) fn run(verb: Fdb, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    match verb {
        Fdb::List(Deferred(arguments)) => {
            list::run(&arguments, &mut connect()?, format.unwrap_or_default(), out)
        }
        Fdb::Get(Deferred(arguments)) => list::get(&arguments, format.unwrap_or_default(), out),
        Fdb::Flush(Deferred(arguments)) => flush::run(&arguments, format, out),
        Fdb::Sync(Deferred(arguments)) => {
            output::none(format)?;
            sync::run(&arguments, out)
        }
        Fdb::Add(Deferred(arguments)) => {
            output::none(format)?;
            edit::edit(edit::Verb::Add, &arguments)
        }
        Fdb::Append(Deferred(arguments)) => {
            output::none(format)?;
            edit::edit(edit::Verb::Append, &arguments)
        }
        Fdb::Replace(Deferred(arguments)) => {
            output::none(format)?;
            edit::edit(edit::Verb::Replace, &arguments)
        }
        Fdb::Delete(Deferred(arguments)) => {
            output::none(format)?;
            edit::delete(&arguments)
        }
    }
}
