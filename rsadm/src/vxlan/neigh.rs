//! `rsadm vxlan neigh`.

use std::io::Write;

use vxlan::{Client, ExtendedFlags, Flags, Neighbour, State};

use super::arguments::{Neigh, NeighEdit, NeighList};
use super::devices::{self, Links, Saved, Tables};
use super::values::Protocol;
use super::{connect, hint};
use crate::classic::ip::{NeighbourView, Neighbours};
use crate::classic::{Line, ip};
use crate::cli::Format;
use crate::deferred::Deferred;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{self, Items, Structure};
use crate::snapshot;

/// Runs `rsadm vxlan neigh VERB`.
pub(super) fn run(verb: Neigh, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    match verb {
        Neigh::List(Deferred(arguments)) => {
            list(&arguments, &mut connect()?, format.unwrap_or_default(), out)
        }
        Neigh::Get(Deferred(key)) => {
            let mut client = connect()?;
            let link = devices::device(&mut client, "--dev", &key.dev)?.index;
            let found = client.neighbour(link, key.address);
            let found = found.map_err(|error| hint::on(&key.dev, &error))?;
            show(&mut client, &[found], (true, false), format.unwrap_or_default(), out)
        }
        Neigh::Add(Deferred(arguments)) => {
            output::none(format)?;
            edit(&arguments, Client::add_neighbour)
        }
        Neigh::Replace(Deferred(arguments)) => {
            output::none(format)?;
            edit(&arguments, Client::replace_neighbour)
        }
        Neigh::Delete(Deferred(key)) => {
            output::none(format)?;
            let mut client = connect()?;
            let link = devices::device(&mut client, "--dev", &key.dev)?.index;
            let done = client.delete_neighbour(link, key.address);
            done.map_err(|error| hint::on(&key.dev, &error))
        }
    }
}

/// Runs `rsadm vxlan neigh VERB` on a snapshot.
pub(super) fn saved(
    verb: &Neigh,
    mut from: Saved<'_>,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    match verb {
        Neigh::List(Deferred(arguments)) => {
            list(arguments, &mut from, format.unwrap_or_default(), out)
        }
        Neigh::Get(_) => Err(snapshot::lacks("the kernel's answer for one neighbour")),
        _ => Err(snapshot::read_only()),
    }
}

fn list(
    arguments: &NeighList,
    client: &mut impl Tables,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let link = arguments.dev.as_deref().map(|name| devices::device(client, "--dev", name));
    let link = link.transpose()?;
    let mut found = client.neighbours(link.as_ref().map(|link| link.index))?;
    found.retain(|neighbour| arguments.wants(neighbour));
    let one = link.is_some();
    show(client, &found, (!one, arguments.stats), format, out)
}

impl NeighList {
    fn wants(&self, neighbour: &Neighbour) -> bool {
        let state = if self.nud.is_empty() {
            // As ip: these are groups and the like, which nobody resolves.
            !neighbour.state.contains(State::NOARP)
        } else {
            self.nud.iter().any(|state| state.intersects(neighbour.state))
        };
        state
            && self.to.is_none_or(|net| net.contains(&neighbour.address))
            && self.mac.is_none_or(|it| neighbour.mac.is_some_and(|mac| it.matches(mac)))
    }
}

/// Shows the neighbours of VXLAN devices.
fn show(
    client: &mut impl Tables,
    found: &[Neighbour],
    (with_device, statistics): (bool, bool),
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let links = Links::read(client)?;
    let names = links.names();
    let found = found.iter().filter(|neighbour| links.is_vxlan(neighbour.link));
    let protocol = |number: u8| Protocol(number).to_string();
    let mut how = Neighbours { names: Some(&names), statistics, protocol };
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for neighbour in found {
            items.push(&NeighbourView::new(neighbour, how))?;
        }
        return items.finish();
    }
    if format == Format::Table {
        return table(found, &links, out);
    }
    if !with_device {
        how.names = None;
    }
    let mut line = Line::default();
    for neighbour in found {
        ip::neighbour(&mut line, neighbour, how);
    }
    Ok(line.spill(1, out)?)
}

fn table<'a>(
    found: impl Iterator<Item = &'a Neighbour>,
    links: &Links,
    out: &mut impl Write,
) -> Result<()> {
    let mut table = Table::new(&[
        ("DEVICE", Align::Left),
        ("ADDRESS", Align::Left),
        ("MAC", Align::Left),
        ("STATE", Align::Left),
        ("PROTOCOL", Align::Left),
        ("USED", Align::Right),
        ("UPDATED", Align::Right),
    ]);
    for neighbour in found {
        let seconds = |of: fn(&vxlan::CacheTimes) -> std::time::Duration| {
            let time = neighbour.cache.as_ref().map(of);
            time.map(|time| format!("{}s", time.as_secs())).unwrap_or_default()
        };
        let row = vec![
            links.name(neighbour.link),
            neighbour.address.to_string(),
            neighbour.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            ip::state_names(neighbour.state).collect::<Vec<_>>().join(","),
            neighbour.protocol.map(|it| Protocol(it).to_string()).unwrap_or_default(),
            seconds(vxlan::CacheTimes::since_use),
            seconds(vxlan::CacheTimes::since_update),
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}

fn edit(
    arguments: &NeighEdit,
    verb: fn(&mut Client, &Neighbour) -> vxlan::Result<()>,
) -> Result<()> {
    let NeighEdit { key, lladdr, nud, router, extern_learn, managed, protocol } = arguments;
    let mut client = connect()?;
    let link = devices::device(&mut client, "--dev", &key.dev)?.index;
    let mut neighbour = Neighbour::permanent(link, key.address, *lladdr);
    neighbour.state = *nud;
    neighbour.flags.set(Flags::ROUTER, *router);
    neighbour.flags.set(Flags::EXTERN_LEARN, *extern_learn);
    neighbour.extended_flags.set(ExtendedFlags::MANAGED, *managed);
    neighbour.protocol = protocol.map(|protocol| protocol.0);
    verb(&mut client, &neighbour).map_err(|error| hint::on(&key.dev, &error))
}
