//! Connections counted by something they share.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use ipvs::{Connection, ConnectionState, Protocol};
use serde::Serialize;

use super::view::Endpoint;
use crate::classic::ipvsadm::Names;
use crate::cli::Format;
use crate::failure::Result;
use crate::ipvs::arguments::{Connections, GroupBy};
use crate::ipvs::list;
use crate::ipvs::names;
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure};

/// What the connections of a group share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Client(IpAddr),
    Destination(SocketAddr),
    State(ConnectionState),
    Service(Protocol, SocketAddr),
    Mark(u32),
}

/// How many there are in a group. Templates of persistent services are no connections, and the
/// kernel does not count them as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Count {
    connections: u64,
    templates: u64,
}

/// A group for programs.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    connections: u64,
    templates: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum KeyView<'a> {
    Client(IpAddr),
    Destination(Endpoint),
    State(&'a str),
    Fwmark(u32),
    #[serde(untagged)]
    Service {
        protocol: list::Protocol,
        address: IpAddr,
        port: u16,
    },
}

/// Groups of connections.
#[derive(Debug)]
pub(super) struct Groups {
    by: GroupBy,
    counts: HashMap<Key, Count>,
}

impl Groups {
    pub(super) fn new(by: GroupBy) -> Self {
        Self { by, counts: HashMap::new() }
    }

    pub(super) fn count(&mut self, connection: &Connection) {
        let key = match self.by {
            GroupBy::Client => Key::Client(connection.client.ip()),
            GroupBy::Dest => Key::Destination(connection.destination),
            GroupBy::State => Key::State(connection.state),
            GroupBy::Service => match connection.mark() {
                Some(mark) => Key::Mark(mark),
                None => Key::Service(connection.protocol, connection.virtual_address),
            },
        };
        let count = self.counts.entry(key).or_default();
        if connection.is_template() {
            count.templates += 1;
        } else {
            count.connections += 1;
        }
    }

    /// The largest first; what they share decides between equals.
    fn sorted(self, top: Option<usize>) -> Vec<(Key, Count)> {
        let mut groups: Vec<_> = self.counts.into_iter().collect();
        groups.sort_unstable_by_key(|(key, count)| (Reverse(*count), *key));
        groups.truncate(top.unwrap_or(usize::MAX));
        groups
    }

    pub(super) fn list(
        self,
        arguments: &Connections,
        format: Format,
        out: &mut impl Write,
    ) -> Result<()> {
        let title = match self.by {
            GroupBy::Client => "CLIENT",
            GroupBy::Dest => "DESTINATION",
            GroupBy::State => "STATE",
            GroupBy::Service => "SERVICE",
        };
        let groups = self.sorted(arguments.top);
        if let Some(structure) = Structure::of(format) {
            let mut items = Items::new(out, structure);
            for (key, count) in &groups {
                items.push(&view(key, *count))?;
            }
            return items.finish();
        }
        let mut names = arguments.names();
        let mut table = Table::new(&[
            ("CONNECTIONS", Align::Right),
            ("TEMPLATES", Align::Right),
            (title, Align::Left),
        ]);
        for (key, count) in groups {
            let row = vec![
                count.connections.to_string(),
                count.templates.to_string(),
                written(&key, &mut names),
            ];
            table.row(out, row)?;
        }
        table.finish(out)?;
        Ok(())
    }
}

fn view(key: &Key, count: Count) -> View<'_> {
    let key = match key {
        Key::Client(address) => KeyView::Client(*address),
        Key::Destination(address) => KeyView::Destination((*address).into()),
        Key::State(state) => KeyView::State(state.as_str()),
        Key::Service(protocol, address) => KeyView::Service {
            protocol: (*protocol).into(),
            address: address.ip(),
            port: address.port(),
        },
        Key::Mark(mark) => KeyView::Fwmark(*mark),
    };
    View { key, connections: count.connections, templates: count.templates }
}

fn written(key: &Key, names: &mut Names) -> String {
    match key {
        Key::Client(address) => match names.host(*address) {
            Some(name) => name.to_owned(),
            None => address.to_string(),
        },
        // The protocol, which the port's name depends on, is no part of a destination.
        Key::Destination(address) => names::endpoint(names, *address, None),
        Key::State(state) => state.to_string(),
        Key::Service(protocol, address) => {
            format!("{protocol}://{}", names::endpoint(names, *address, Some(*protocol)))
        }
        Key::Mark(mark) => format!("fwmark {mark}"),
    }
}
