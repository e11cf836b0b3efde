//! `rsadm ipvs list`.

use std::io::Write;

use ipvs::{
    Client, DestinationEntry, DestinationSummary, Info, Overview, ServiceEntry, ServiceKey,
    ServiceOverview, ServiceTable, Statistics,
};

use node::Balancer;

use super::arguments::List;
use super::names;
use super::sort::{Row, SortKey};
use crate::classic::ipvsadm::{Columns, Names};
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::namespace::{self, Netns};
use crate::output::{Items, Structure};
use crate::snapshot;

mod plain;
mod render;
mod view;

pub(super) use view::Protocol;

/// Services with their destinations, in whatever detail they were read.
#[derive(Debug)]
struct Reading<D> {
    /// For the line above a whole table.
    info: Option<Info>,
    rows: Vec<(ServiceEntry, Vec<D>)>,
}

/// Lists services.
pub(crate) fn run(arguments: &List, format: Format, out: &mut (impl Write + Send)) -> Result<()> {
    if arguments.all_netns {
        everywhere(arguments, format, out)
    } else {
        here(arguments, format, out)
    }
}

/// Lists services of the current network namespace and of those that have names.
fn everywhere(arguments: &List, format: Format, out: &mut (impl Write + Send)) -> Result<()> {
    let places = namespace::all()?;
    let Some(structure) = Structure::of(format) else {
        for (index, Netns { name, namespace }) in places.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            match name.as_str() {
                "" => writeln!(out, "{line}Current network namespace")?,
                name => writeln!(out, "{line}Network namespace {name}")?,
            }
            namespace::within(namespace, || here(arguments, format, out))?;
        }
        return Ok(());
    };
    let mut items = Items::new(out, structure);
    for Netns { name, namespace } in &places {
        let reading = namespace::within(namespace, || Ok(table(None)?))?;
        push(arguments, reading, Some(name), &mut items)?;
    }
    items.finish()
}

fn here(arguments: &List, format: Format, out: &mut impl Write) -> Result<()> {
    if arguments.is_plain(format) {
        return summaries(arguments, format, out);
    }
    if arguments.is_streamed(format) {
        return stream(arguments, out);
    }
    match table(arguments.service.as_ref()) {
        Err(refusal) if is_unprivileged(&refusal) && arguments.can_be_plain(format) => {
            let reading = plain::read(arguments.service.as_ref(), refusal)?;
            present(arguments, format, reading, out)
        }
        result => present(arguments, format, result.map_err(Failure::from)?, out),
    }
}

/// Lists services of a snapshot.
pub(crate) fn saved<'s>(
    arguments: &List,
    balancer: impl FnOnce() -> Result<&'s Balancer>,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    if arguments.all_netns {
        return Err(snapshot::one_namespace("--all-netns"));
    }
    let balancer = balancer()?;
    let wanted = arguments.service.as_ref();
    let services = balancer.services.iter();
    let services = services.filter(|row| wanted.is_none_or(|key| *key == row.service.service.key));
    let rows: Vec<_> =
        services.map(|row| (row.service.clone(), row.destinations.clone())).collect();
    if let (Some(key), true) = (wanted, rows.is_empty()) {
        return Err(Failure::refused(format!("the snapshot has no service {key}")));
    }
    let info = balancer.info.filter(|_| wanted.is_none());
    if !arguments.is_plain(format) {
        return present(arguments, format, Reading { info, rows }, out);
    }
    let plain = |(mut entry, destinations): (ServiceEntry, Vec<DestinationEntry>)| {
        entry.statistics = Statistics::default();
        (entry, destinations.iter().map(DestinationSummary::from).collect::<Vec<_>>())
    };
    let rows = rows.into_iter().map(plain).collect();
    present(arguments, format, Reading { info, rows }, out)
}

/// Lists the plain columns.
fn summaries(arguments: &List, format: Format, out: &mut impl Write) -> Result<()> {
    let wanted = arguments.service.as_ref();
    let reading = if arguments.is_streamed(format) {
        match overview() {
            Ok((info, overview)) => return show(arguments, info, overview, out),
            Err(refusal) => Err(refusal),
        }
    } else {
        plain_rows(wanted)
    };
    let reading = match reading {
        Err(refusal) if is_unprivileged(&refusal) => plain::read(wanted, refusal)?,
        result => result.map_err(Failure::from)?,
    };
    present(arguments, format, reading, out)
}

/// Lists services that are sorted by what they have themselves, one at a time.
fn show(arguments: &List, info: Info, mut overview: Overview, out: &mut impl Write) -> Result<()> {
    if arguments.sort != SortKey::None {
        overview.sort();
    }
    let mut listing = render::Classic::new(arguments, arguments.columns());
    listing.titles(Some(&info), out)?;
    for ServiceOverview { service, mut destinations } in overview.iter() {
        arguments.sort.sort_destinations(&mut destinations);
        listing.summary(&service, &destinations, out)?;
    }
    Ok(())
}

fn present<D: Row>(
    arguments: &List,
    format: Format,
    mut reading: Reading<D>,
    out: &mut impl Write,
) -> Result<()> {
    let Some(structure) = Structure::of(format) else {
        arguments.sort.sort(&mut reading.rows);
        let columns = arguments.columns();
        let written = match format {
            Format::Table => render::table(arguments, columns, &reading, out),
            _ => render::classic(arguments, columns, &reading, out),
        };
        return written.map_err(Failure::from);
    };
    let mut items = Items::new(out, structure);
    push(arguments, reading, None, &mut items)?;
    items.finish()
}

/// Shows services to programs; `netns` is where they are, if that is to be told.
fn push<D: Row, W: Write>(
    arguments: &List,
    mut reading: Reading<D>,
    netns: Option<&str>,
    items: &mut Items<'_, W>,
) -> Result<()> {
    arguments.sort.sort(&mut reading.rows);
    for (entry, destinations) in &reading.rows {
        items.push(&view::Service::new(netns, entry, destinations))?;
    }
    Ok(())
}

/// Lists services that are sorted by what they have themselves, one dump of destinations each.
fn stream(arguments: &List, out: &mut impl Write) -> Result<()> {
    let mut client = connect()?;
    let mut table = client.table_list()?;
    let info = client.info()?;
    arguments.sort.sort_services(&mut table);
    let mut listing = render::Classic::new(arguments, arguments.columns());
    listing.titles(Some(&info), out)?;
    for ServiceTable { service, mut destinations } in table.iter() {
        arguments.sort.sort_destinations(&mut destinations);
        listing.service(&service, &destinations, out)?;
    }
    Ok(())
}

fn is_unprivileged(error: &ipvs::Error) -> bool {
    error.is_permission()
}

fn connect() -> ipvs::Result<Client> {
    ipvs::Builder::new().load_module(false).connect()
}

/// The table in the form that is read fastest.
fn overview() -> ipvs::Result<(Info, Overview)> {
    let mut client = connect()?;
    let overview = client.overview()?;
    Ok((client.info()?, overview))
}

/// Services with the plain columns of their destinations.
fn plain_rows(service: Option<&ServiceKey>) -> ipvs::Result<Reading<DestinationSummary>> {
    let Some(key) = service else {
        let (info, overview) = overview()?;
        let rows = overview.iter().map(|row| {
            let statistics = Statistics::default();
            (ServiceEntry { service: row.service, statistics }, row.destinations)
        });
        return Ok(Reading { info: Some(info), rows: rows.collect() });
    };
    let mut client = connect()?;
    let entry = client.service(key)?;
    let destinations = client.destinations(key)?.iter().map(DestinationSummary::from).collect();
    Ok(Reading { info: None, rows: vec![(entry, destinations)] })
}

/// Services with everything that the kernel has of their destinations.
fn table(service: Option<&ServiceKey>) -> ipvs::Result<Reading<DestinationEntry>> {
    let mut client = connect()?;
    let Some(key) = service else {
        let rows = client.table()?;
        let rows = rows.into_iter().map(|entry| (entry.service, entry.destinations)).collect();
        return Ok(Reading { info: Some(client.info()?), rows });
    };
    let entry = client.service(key)?;
    Ok(Reading { info: None, rows: vec![(entry, client.destinations(key)?)] })
}

impl List {
    fn columns(&self) -> Columns {
        match self {
            Self { stats: true, .. } => Columns::Statistics,
            Self { rate: true, .. } => Columns::Rates,
            Self { thresholds: true, .. } => Columns::Thresholds,
            Self { persistent_conn: true, .. } => Columns::PersistentConnections,
            Self { tun_info: true, .. } => Columns::Tunnels,
            _ => Columns::Plain,
        }
    }

    /// Whether the plain columns are all that is shown.
    fn is_plain(&self, format: Format) -> bool {
        Structure::of(format).is_none() && self.can_be_plain(format)
    }

    /// Whether a listing of the plain columns is an answer: programs see which fields are missing.
    fn can_be_plain(&self, format: Format) -> bool {
        self.sort.is_plain()
            && (Structure::of(format).is_some() || self.columns() == Columns::Plain)
    }

    /// Whether it is the whole table, in an order that does not depend on the destinations.
    fn is_streamed(&self, format: Format) -> bool {
        let sorted = self.sort.is_of_services();
        self.service.is_none() && matches!(format, Format::Classic) && sorted
    }

    fn names(&self) -> Names {
        names::unless(self.numeric)
    }
}
