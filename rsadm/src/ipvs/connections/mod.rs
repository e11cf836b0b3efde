//! `rsadm ipvs connections`.

use std::io::Write;
use std::str::FromStr;

use conntrack::Flow;
use ipvs::{Connection, Origin, Proc};

use super::arguments::Connections;
use super::names;
use crate::classic::ipvsadm::{self, Columns, Names};
use crate::cli::Format;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure};

mod groups;
mod nat;
mod view;

use groups::Groups;
use nat::Flows;

/// Name of a state in upper case, as the kernel writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateName(String);

impl FromStr for StateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !word {
            return Err("states are words such as ESTABLISHED or TIME_WAIT".to_owned());
        }
        Ok(Self(text.to_ascii_uppercase()))
    }
}

/// Lists connections, or counts them.
pub(super) fn run(arguments: &Connections, format: Format, out: &mut impl Write) -> Result<()> {
    let table = if arguments.wants_origin(format) {
        Proc::new().connections_with_origin()?
    } else {
        Proc::new().connections()?
    };
    let connections = table.map(|connection| Ok(connection?));
    show(arguments, Flows::of_the_kernel, format, connections, out)
}

/// Lists connections of a snapshot, which has what either of the kernel's files shows.
pub(super) fn saved<'s>(
    arguments: &Connections,
    connections: &[Connection],
    flows: impl FnOnce() -> Result<&'s Vec<Flow<'static>>>,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let wants_origin = arguments.wants_origin(format);
    let shown = connections.iter().cloned().map(|mut connection| {
        if wants_origin {
            connection.persistence = None;
        } else {
            connection.origin = None;
        }
        Ok(connection)
    });
    show(arguments, || Ok(Flows::of_a_snapshot(flows()?)), format, shown, out)
}

/// What cannot be read ends the listing: it is not all there is. Flows are read if they are listed.
fn show<'s>(
    arguments: &Connections,
    flows: impl FnOnce() -> Result<Flows<'s>>,
    format: Format,
    connections: impl Iterator<Item = Result<Connection>>,
    out: &mut impl Write,
) -> Result<()> {
    let connections = connections
        .filter(|connection| connection.as_ref().map_or(true, |found| arguments.matches(found)));
    match arguments.group_by {
        Some(by) => {
            let mut groups = Groups::new(by);
            for connection in connections {
                groups.count(&connection?);
            }
            groups.list(arguments, format, out)
        }
        None if arguments.nat => {
            let structure = Structure::of(format);
            nat::list(flows()?, structure, &mut arguments.names(), connections, out)
        }
        None => list(arguments, format, connections, out),
    }
}

fn list(
    arguments: &Connections,
    format: Format,
    connections: impl Iterator<Item = Result<Connection>>,
    out: &mut impl Write,
) -> Result<()> {
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for connection in connections {
            items.push(&view::Connection::from(&connection?))?;
        }
        return items.finish();
    }
    let mut names = arguments.names();
    if format == Format::Table {
        return table(&mut names, connections, out);
    }
    let mut format = ipvsadm::Format::new(Columns::Plain, names);
    ipvsadm::connection_titles(out, arguments.persistent_conn)?;
    for connection in connections {
        format.connection(out, &connection?, arguments.persistent_conn)?;
    }
    Ok(())
}

fn table(
    names: &mut Names,
    connections: impl Iterator<Item = Result<Connection>>,
    out: &mut impl Write,
) -> Result<()> {
    let mut table = Table::new(&[
        ("PROTOCOL", Align::Left),
        ("EXPIRES", Align::Right),
        ("STATE", Align::Left),
        ("CLIENT", Align::Left),
        ("VIRTUAL", Align::Left),
        ("DESTINATION", Align::Left),
        ("ORIGIN", Align::Left),
    ]);
    for connection in connections {
        let connection = connection?;
        let protocol = connection.protocol;
        let row = vec![
            protocol.to_string(),
            format!("{}s", connection.expires),
            connection.state.to_string(),
            names::endpoint(names, connection.client, Some(protocol)),
            match connection.mark() {
                Some(mark) => format!("fwmark {mark}"),
                None => names::endpoint(names, connection.virtual_address, Some(protocol)),
            },
            names::endpoint(names, connection.destination, Some(protocol)),
            connection.origin.map_or("", view::origin).to_owned(),
        ];
        table.row(out, row)?;
    }
    table.finish(out)?;
    Ok(())
}

impl Connections {
    /// The kernel shows either the origin of connections or the data of persistence engines.
    fn wants_origin(&self, format: Format) -> bool {
        self.origin.is_some() || (format != Format::Classic && !self.persistent_conn)
    }

    fn matches(&self, connection: &Connection) -> bool {
        self.protocol.is_none_or(|protocol| protocol == connection.protocol)
            && self.client.is_none_or(|network| network.contains(connection.client))
            && self.virtual_address.is_none_or(|network| {
                // The mark of a template is no address, although the kernel shows it as one.
                connection.mark().is_none() && network.contains(connection.virtual_address)
            })
            && self.destination.is_none_or(|network| network.contains(connection.destination))
            && (self.state.is_empty()
                || self.state.iter().any(|state| state.0 == connection.state.as_str()))
            && self.origin.is_none_or(|origin| connection.origin == Some(origin))
    }

    fn names(&self) -> Names {
        names::unless(self.numeric)
    }
}

/// Reads an origin.
pub(super) fn parse_origin(text: &str) -> Result<Origin, String> {
    match text {
        "local" => Ok(Origin::Local),
        "sync" => Ok(Origin::Sync),
        _ => Err("a connection is local or sync".to_owned()),
    }
}

#[cfg(test)]
mod tests;
