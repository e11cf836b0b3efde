//! `rsadm vxlan fdb flush`.

use std::io::Write;

use vxlan::{Change, Client, Entry, Flags, Flushed, State, Support};

use super::filter::Selection;
use super::list;
use crate::classic::bridge::Format as Shape;
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::{self, Structure};
use crate::vxlan::arguments::FdbFlush;
use crate::vxlan::report::Outcome;
use crate::vxlan::{connect, devices, entries, hint, say};

/// Deletes the entries that match, or shows them.
pub(super) fn run(
    arguments: &FdbFlush,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    let Some(name) = &arguments.filters.dev else {
        return Err(Failure::usage("flush the entries of which device? Give --dev"));
    };
    if arguments.filters.br.is_some() {
        return Err(Failure::usage("a flush is about one device (--dev), and not about a bridge"));
    }
    let mut selection = arguments.filters.build()?;
    selection.filter.in_bridge = Some(arguments.filters.master);
    let mut client = connect()?;
    let link = devices::device(&mut client, "--dev", name)?;
    selection.filter.link = Some(link.index);
    if arguments.dry_run {
        return show(arguments, &mut client, &selection, format.unwrap_or_default(), out);
    }
    output::none(format)?;
    if selection.is_whole() && !arguments.filters.master {
        let flushed = client.flush(link.index, &selection.filter);
        return match flushed.map_err(|error| hint::on(name, &error))? {
            Flushed::OneByOne(report) => {
                let mut outcome = Outcome::default();
                outcome.add(report, &[]);
                outcome.tell(name)?;
                say(&format!(
                    "deleted {} one by one{}",
                    entries(outcome.applied),
                    why(&mut client, link.index)
                ));
                Ok(())
            }
            // The kernel does not say how many it were.
            _ => Ok(()),
        };
    }
    let found = list::read(&mut client, &selection)?.entries;
    let (kept, gone): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|entry| arguments.keeps(entry));
    let changes: Vec<_> = gone.into_iter().map(deletion).collect();
    let mut outcome = Outcome::default();
    outcome.add(client.apply(&changes)?, &changes);
    outcome.tell(name)?;
    say(&format!("deleted {}", entries(outcome.applied)));
    tell_kept(kept.len());
    Ok(())
}

impl FdbFlush {
    /// Whether an entry is the address of a bridge or of a port, without which the bridge does not
    /// take frames for itself.
    fn keeps(&self, entry: &Entry) -> bool {
        !self.force && entry.master.is_some() && entry.state.contains(State::PERMANENT)
    }
}

fn deletion(entry: Entry) -> Change {
    let flags = if entry.master.is_some() { Flags::MASTER } else { entry.flags };
    Change::Delete(Entry { flags, ..entry })
}

fn tell_kept(kept: usize) {
    if kept > 0 {
        let which = if kept == 1 { "is an address" } else { "are addresses" };
        say(&format!(
            "kept {}, which {which} of the bridge or of its ports; --force deletes them too",
            entries(kept)
        ));
    }
}

fn show(
    arguments: &FdbFlush,
    client: &mut Client,
    selection: &Selection,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let mut found = list::read(client, selection)?;
    let before = found.entries.len();
    found.entries.retain(|entry| !arguments.keeps(entry));
    let kept = before - found.entries.len();
    if format == Format::Table {
        return Err(Failure::usage("a flush shows entries as classic, json, ndjson or yaml"));
    }
    list::show(&found, Structure::of(format), Shape { device: false, ..Shape::default() }, out)?;
    out.flush()?;
    say(&format!("would delete {}; nothing was changed", entries(found.entries.len())));
    tell_kept(kept);
    Ok(())
}

/// Why the kernel's own request was not used.
fn why(client: &mut Client, link: u32) -> &'static str {
    match client.probe(Some(link)).map(|found| found.flush) {
        Ok(Support::Lacks) => ": this kernel lacks VXLAN flush, which is Linux 6.7",
        _ => "",
    }
}
