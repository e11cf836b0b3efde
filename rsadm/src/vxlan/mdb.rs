//! `rsadm vxlan mdb`.

use std::io::Write;

use vxlan::{Client, Flushed, Group, MulticastEntry, Remote, Source};

use super::arguments::{Mdb, MdbEdit, MdbGet};
use super::devices::{self, Links};
use super::report::Outcome;
use super::show::objects;
use super::{connect, entries, hint, say};
use crate::classic::bridge::{self, Format as Shape, Printer};
use crate::cli::Format;
use crate::deferred::Deferred;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{self, Structure};
use crate::snapshot;

/// Runs `rsadm vxlan mdb VERB`.
pub(super) fn run(verb: Mdb, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    let shape =
        |details, statistics| Shape { details, statistics, remotes: true, ..Shape::default() };
    match verb {
        Mdb::List { dev, details, stats } => {
            let mut client = connect()?;
            let link = dev.map(|name| devices::device(&mut client, "--dev", &name)).transpose()?;
            let found = client.multicast(link.map(|link| link.index))?;
            show(&mut client, found, shape(details, stats), format.unwrap_or_default(), out)
        }
        Mdb::Get(Deferred(arguments)) => {
            let mut client = connect()?;
            let asked = arguments.entry(&mut client)?;
            let found = client.multicast_of(&asked);
            let found = found.map_err(|error| hint::on(&arguments.dev, &error))?;
            show(&mut client, found, shape(false, false), format.unwrap_or_default(), out)
        }
        Mdb::Add(Deferred(arguments)) => {
            output::none(format)?;
            edit(&arguments, Client::add_multicast)
        }
        Mdb::Replace(Deferred(arguments)) => {
            output::none(format)?;
            edit(&arguments, Client::replace_multicast)
        }
        Mdb::Delete(Deferred(arguments)) => {
            output::none(format)?;
            edit(&arguments, Client::delete_multicast)
        }
        Mdb::Flush { dev } => {
            output::none(format)?;
            flush(&dev)
        }
    }
}

/// Why `rsadm vxlan mdb VERB` does not go with a snapshot.
pub(super) fn saved(verb: &Mdb) -> Failure {
    match verb {
        Mdb::List { .. } | Mdb::Get(_) => snapshot::lacks("multicast entries"),
        _ => snapshot::read_only(),
    }
}

/// Shows the entries of VXLAN devices.
fn show(
    client: &mut Client,
    mut found: Vec<MulticastEntry>,
    shape: Shape,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let links = Links::read(client)?;
    found.retain(|entry| links.is_vxlan(entry.link));
    let names = links.names();
    if let Some(structure) = Structure::of(format) {
        return objects(out, structure, &found, |printer, entry| {
            bridge::multicast_entry(printer, entry, &names);
        });
    }
    if format == Format::Table {
        return table(&found, &links, out);
    }
    let mut printer = Printer::new(shape);
    for entry in &found {
        bridge::multicast_entry(&mut printer, entry, &names);
    }
    Ok(printer.write_to(out)?)
}

fn table(found: &[MulticastEntry], links: &Links, out: &mut impl Write) -> Result<()> {
    let mut table = Table::new(&[
        ("DEVICE", Align::Left),
        ("SRC-VNI", Align::Right),
        ("GROUP", Align::Left),
        ("SOURCE", Align::Left),
        ("REMOTE", Align::Left),
        ("VNI", Align::Right),
        ("MODE", Align::Left),
        ("SOURCES", Align::Left),
    ]);
    for entry in found {
        let Remote { address, port, vni, via } = entry.remote;
        let mut remote = match (address, port) {
            (Some(address), Some(port)) => std::net::SocketAddr::new(address, port).to_string(),
            (Some(address), None) => address.to_string(),
            (None, _) => String::new(),
        };
        if let Some(via) = via {
            remote = format!("{remote} via {}", links.name(via));
        }
        let own = links.defaults(entry.link).vni;
        let sources: Vec<_> = entry.sources.iter().map(|it| it.address.to_string()).collect();
        let row = vec![
            links.name(entry.link),
            entry.source_vni.map(|vni| vni.to_string()).unwrap_or_default(),
            entry.group.to_string(),
            entry.source.map(|source| source.to_string()).unwrap_or_default(),
            remote,
            vni.or(own).map(|vni| vni.to_string()).unwrap_or_default(),
            entry.filter_mode.map(|mode| format!("{mode:?}").to_lowercase()).unwrap_or_default(),
            sources.join(","),
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}

impl MdbGet {
    fn entry(&self, client: &mut Client) -> Result<MulticastEntry> {
        let link = devices::device(client, "--dev", &self.dev)?.index;
        let mut entry = MulticastEntry::to(link, self.group, self.group);
        entry.group = Group::Ip(self.group);
        entry.remote = Remote::default();
        entry.source = self.src;
        entry.source_vni = self.src_vni;
        Ok(entry)
    }
}

fn edit(
    arguments: &MdbEdit,
    verb: fn(&mut Client, &MulticastEntry) -> vxlan::Result<()>,
) -> Result<()> {
    let mut client = connect()?;
    let mut entry = arguments.key.entry(&mut client)?;
    let via = devices::index(&mut client, "--via", arguments.via.as_deref())?;
    let (address, port, vni) = (Some(arguments.dst), arguments.dst_port, arguments.vni);
    entry.remote = Remote { address, port, vni, via };
    entry.filter_mode = arguments.filter_mode;
    let sources = arguments.source_list.iter();
    entry.sources = sources.map(|address| Source { address: *address, timer: 0 }).collect();
    entry.protocol = arguments.protocol.map(|protocol| protocol.0);
    verb(&mut client, &entry).map_err(|error| hint::on(&arguments.key.dev, &error))
}

fn flush(dev: &str) -> Result<()> {
    let mut client = connect()?;
    let link = devices::device(&mut client, "--dev", dev)?.index;
    match client.flush_multicast(link).map_err(|error| hint::on(dev, &error))? {
        Flushed::OneByOne(report) => {
            let mut outcome = Outcome::default();
            outcome.add(report, &[]);
            outcome.tell(dev)?;
            say(&format!(
                "deleted {} one by one: this kernel lacks the request for all, which is Linux 6.8",
                entries(outcome.applied)
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}
