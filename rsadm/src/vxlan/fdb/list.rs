//! `rsadm vxlan fdb list` and `get`.

use std::io::Write;

use vxlan::{Entry, EntryFilter, EntryQuery, Flags};

use super::filter::Selection;
use super::{groups, table};
use crate::classic::bridge::{self, Format as Shape, Names, Printer};
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::Structure;
use crate::vxlan::arguments::{FdbGet, FdbList, FdbSort};
use crate::vxlan::devices::{self, Links, Tables};
use crate::vxlan::show::{PIECE, objects};
use crate::vxlan::{connect, hint, say};

/// Entries, and what is needed to show them.
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) links: Links,
}

/// Lists entries, or counts them.
pub(super) fn run(
    arguments: &FdbList,
    client: &mut impl Tables,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let mut selection = arguments.filters.build()?;
    let of_one = of_devices(arguments, &mut selection.filter, client)?;
    let mut found = read(client, &selection)?;
    found.entries.retain(|entry| arguments.is_recent_enough(entry));
    if arguments.count {
        return Ok(writeln!(out, "{}", found.entries.len())?);
    }
    if let Some(by) = arguments.group_by {
        return groups::run(&found, by, arguments.top, format, out);
    }
    arguments.sort.sort(&mut found);
    if format == Format::Table {
        return table::run(client, &found, &selection, arguments.stats, out);
    }
    let shape = Shape { statistics: arguments.stats, device: !of_one, ..Shape::default() };
    show(&found, Structure::of(format), shape, out)
}

/// Asks for the devices that are named. Says whether it is one alone.
fn of_devices(
    arguments: &FdbList,
    filter: &mut EntryFilter,
    client: &mut impl Tables,
) -> Result<bool> {
    let filters = &arguments.filters;
    if let Some(name) = &filters.dev {
        filter.link = Some(devices::device(client, "--dev", name)?.index);
    }
    if let Some(name) = &filters.br {
        filter.master = Some(devices::link(client, "--br", name)?.index);
    }
    Ok(filters.dev.is_some())
}

/// The entries of VXLAN devices that are meant.
pub(super) fn read(client: &mut impl Tables, selection: &Selection) -> Result<Found> {
    let (mut entries, complete) = client.entries(&selection.filter)?;
    if !complete {
        say("entries came and went at each of several readings; some may be missing here");
    }
    let links = Links::read(client)?;
    entries.retain(|entry| links.is_vxlan(entry.link) && selection.matches(entry));
    Ok(Found { entries, links })
}

impl FdbList {
    fn is_recent_enough(&self, entry: &Entry) -> bool {
        let times = |seconds: u32| entry.cache.map(|cache| (cache, u64::from(seconds)));
        let idle = self.idle.is_none_or(|seconds| {
            times(seconds).is_some_and(|(cache, least)| cache.since_use().as_secs() >= least)
        });
        let changed = self.changed.is_none_or(|seconds| {
            times(seconds).is_some_and(|(cache, most)| cache.since_update().as_secs() <= most)
        });
        idle && changed
    }
}

impl FdbSort {
    fn sort(self, found: &mut Found) {
        let Found { entries, links } = found;
        let used = |entry: &Entry| entry.cache.map(|cache| cache.used);
        let updated = |entry: &Entry| entry.cache.map(|cache| cache.updated);
        match self {
            Self::None => {}
            Self::Mac => entries.sort_by_key(|entry| entry.mac),
            Self::Dst => entries.sort_by_key(|entry| entry.remote.address),
            Self::Dev => entries.sort_by_cached_key(|entry| links.name(entry.link)),
            Self::Vni => {
                entries.sort_by_key(|it| it.remote.vni.or(links.defaults(it.link).vni));
            }
            Self::Used => entries.sort_by_key(used),
            Self::Updated => entries.sort_by_key(updated),
        }
    }
}

/// Shows entries as bridge does, or for programs.
pub(super) fn show(
    found: &Found,
    structure: Option<Structure>,
    shape: Shape,
    out: &mut impl Write,
) -> Result<()> {
    let names = found.links.names();
    if let Some(structure) = structure {
        return objects(out, structure, &found.entries, |printer, entry| {
            bridge::entry(printer, entry, &names);
        });
    }
    classic(&found.entries, &names, shape, out)
}

fn classic(entries: &[Entry], names: &Names, shape: Shape, out: &mut impl Write) -> Result<()> {
    let mut printer = Printer::new(shape);
    for entry in entries {
        bridge::entry(&mut printer, entry, names);
        printer.spill(PIECE, out)?;
    }
    Ok(printer.write_to(out)?)
}

/// Shows one entry; of the zero address and groups, each of their remotes.
pub(super) fn get(arguments: &FdbGet, format: Format, out: &mut impl Write) -> Result<()> {
    let mut client = connect()?;
    let (link, name) = match (&arguments.dev, &arguments.br) {
        (Some(name), _) => (devices::device(&mut client, "--dev", name)?, name),
        (None, Some(name)) => (devices::link(&mut client, "--br", name)?, name),
        (None, None) => return Err(Failure::usage("where? Give --dev or --br")),
    };
    let mut flags = Flags::empty();
    flags.set(Flags::SELF, arguments.table.own || !arguments.table.master);
    flags.set(Flags::MASTER, arguments.table.master);
    let query = EntryQuery {
        vlan: arguments.vlan,
        source_vni: arguments.src_vni,
        flags,
        ..EntryQuery::new(link.index, arguments.mac)
    };
    let first = client.entry(&query).map_err(|error| hint::on(name, &error))?;
    // The kernel shows the first remote only.
    let entries = if arguments.mac.floods() && first.master.is_none() {
        let filter = EntryFilter {
            mac: Some(arguments.mac),
            source_vni: arguments.src_vni,
            in_bridge: Some(false),
            ..EntryFilter::of(link.index)
        };
        client.read_entries(&filter)?.entries
    } else {
        vec![first]
    };
    let found = Found { entries, links: Links::read(&mut client)? };
    if format == Format::Table {
        return table::run(&mut client, &found, &Selection::default(), false, out);
    }
    show(&found, Structure::of(format), Shape { device: true, ..Shape::default() }, out)
}
