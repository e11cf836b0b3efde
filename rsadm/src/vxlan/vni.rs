//! `rsadm vxlan vni`.

use std::io::Write;

use vxlan::{Change, VniEntry};

use super::arguments::VniVerb;
use super::devices::{self, Links, Saved, Tables};
use super::report::Outcome;
use super::show::{PIECE, objects};
use super::values::VniRange;
use super::{connect, hint};
use crate::classic::bridge::{self, Format as Shape, Printer};
use crate::cli::Format;
use crate::deferred::Deferred;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{self, Structure};
use crate::snapshot;

/// Runs `rsadm vxlan vni VERB`.
pub(super) fn run(verb: VniVerb, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    match verb {
        VniVerb::List { dev, stats } => {
            list((dev.as_deref(), stats), &mut connect()?, format.unwrap_or_default(), out)
        }
        VniVerb::Add(Deferred(arguments)) => {
            output::none(format)?;
            let remote = arguments.group.or(arguments.remote);
            change(&arguments.dev, &arguments.vnis, |entry| {
                Change::AddVnis(VniEntry { remote, ..entry })
            })
        }
        VniVerb::Delete(Deferred(arguments)) => {
            output::none(format)?;
            change(&arguments.dev, &arguments.vnis, Change::DeleteVnis)
        }
    }
}

/// Runs `rsadm vxlan vni VERB` on a snapshot.
pub(super) fn saved(
    verb: &VniVerb,
    mut from: Saved<'_>,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    match verb {
        VniVerb::List { dev, stats } => {
            list((dev.as_deref(), *stats), &mut from, format.unwrap_or_default(), out)
        }
        _ => Err(snapshot::read_only()),
    }
}

/// Lists the VNIs that devices take.
fn list(
    (dev, counted): (Option<&str>, bool),
    client: &mut impl Tables,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let link = dev.map(|name| devices::device(client, "--dev", name)).transpose()?;
    let structure = Structure::of(format);
    let entries = client.vnis(link.map(|link| link.index), counted || structure.is_some())?;
    let links = Links::read(client)?;
    let names = links.names();
    let of_devices = entries.chunk_by(|a, b| a.link == b.link);
    if let Some(structure) = structure {
        return objects(out, structure, of_devices, |printer, entries| {
            bridge::vni_entries(printer, entries, &names);
        });
    }
    if format == Format::Table {
        return table(&entries, counted, &links, out);
    }
    let mut printer = Printer::new(Shape { statistics: counted, ..Shape::default() });
    bridge::vni_heading(&mut printer);
    for entries in of_devices {
        bridge::vni_entries(&mut printer, entries, &names);
        printer.spill(PIECE, out)?;
    }
    Ok(printer.write_to(out)?)
}

fn table(entries: &[VniEntry], counted: bool, links: &Links, out: &mut impl Write) -> Result<()> {
    let mut titles = vec![("DEVICE", Align::Left), ("VNI", Align::Left), ("REMOTE", Align::Left)];
    if counted {
        let counters = ["RX-PACKETS", "RX-BYTES", "RX-DROPS", "TX-PACKETS", "TX-BYTES", "TX-DROPS"];
        titles.extend(counters.map(|title| (title, Align::Right)));
    }
    let mut table = Table::new(&titles);
    for entry in entries {
        let VniEntry { first, last, remote, .. } = entry;
        let mut row = vec![
            links.name(entry.link),
            if first == last { first.to_string() } else { format!("{first}-{last}") },
            remote.map(|remote| remote.to_string()).unwrap_or_default(),
        ];
        if counted {
            let counters = entry.statistics.unwrap_or_default();
            let numbers = [
                counters.rx_packets,
                counters.rx_bytes,
                counters.rx_drops,
                counters.tx_packets,
                counters.tx_bytes,
                counters.tx_drops,
            ];
            row.extend(numbers.map(|number| number.to_string()));
        }
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}

fn change(dev: &str, vnis: &[VniRange], make: impl Fn(VniEntry) -> Change) -> Result<()> {
    let mut client = connect()?;
    let link = devices::device(&mut client, "--dev", dev)?.index;
    let of = |range: &VniRange| make(VniEntry::new(link, range.first, range.last));
    let changes: Vec<_> = vnis.iter().map(of).collect();
    // One alone is told in one sentence.
    if let [change] = &changes[..] {
        let done = match change {
            Change::AddVnis(entry) => client.add_vnis(entry),
            Change::DeleteVnis(entry) => client.delete_vnis(entry),
            _ => Ok(()),
        };
        return done.map_err(|error| hint::on(dev, &error));
    }
    let mut outcome = Outcome::default();
    outcome.add(client.apply(&changes)?, &changes);
    outcome.tell(dev)
}
