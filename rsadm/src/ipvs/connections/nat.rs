//! Connections with what connection tracking knows of them.

use std::collections::HashMap;
use std::io::Write;

use conntrack::{Client, Direction, Flow, Key, Protocol, Tuple};
use ipvs::Connection;
use serde::Serialize;

use super::view;
use crate::classic::ipvsadm::Names;
use crate::conntrack::show::{destination_of, state};
use crate::conntrack::view::FlowView;
use crate::failure::Result;
use crate::ipvs::names;
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure};

/// A connection with its flow, which is null where there is none.
#[derive(Serialize)]
struct Joined<'a> {
    #[serde(flatten)]
    connection: view::Connection<'a>,
    flow: Option<FlowView<'a>>,
}

/// Where flows are looked up.
pub(super) enum Flows<'s> {
    Kernel(Box<Client>),
    /// By the packet that began each, of those in no zone: connections are in none.
    Saved(HashMap<Tuple, &'s Flow<'static>>),
}

impl<'s> Flows<'s> {
    pub(super) fn of_the_kernel() -> Result<Self> {
        Ok(Self::Kernel(Box::new(Client::connect()?)))
    }

    pub(super) fn of_a_snapshot(flows: &'s [Flow<'static>]) -> Self {
        let flows = flows.iter().filter(|flow| flow.zone_of(Direction::Original) == 0);
        Self::Saved(flows.map(|flow| (flow.original, flow)).collect())
    }

    /// The flow that a connection's client began. A template is no connection and has none.
    fn of(&mut self, connection: &Connection) -> Result<Option<Flow<'static>>> {
        if connection.is_template() {
            return Ok(None);
        }
        let protocol = Protocol(connection.protocol.0 as u8);
        let (from, to) = (connection.client, connection.virtual_address);
        let tuple = Tuple::with_ports(protocol, from, to);
        match self {
            Self::Saved(flows) => Ok(flows.get(&tuple).map(|&flow| flow.clone())),
            Self::Kernel(client) => match client.flow(&Key::original(tuple)) {
                Ok(flow) => Ok(Some(flow)),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// Lists connections with their flows.
pub(super) fn list(
    mut flows: Flows<'_>,
    structure: Option<Structure>,
    names: &mut Names,
    connections: impl Iterator<Item = Result<Connection>>,
    out: &mut impl Write,
) -> Result<()> {
    if let Some(structure) = structure {
        let mut items = Items::new(out, structure);
        for connection in connections {
            let connection = connection?;
            let flow = flows.of(&connection)?;
            items.push(&Joined {
                connection: (&connection).into(),
                flow: flow.as_ref().map(FlowView::from),
            })?;
        }
        return items.finish();
    }
    let mut table = Table::new(&[
        ("PROTOCOL", Align::Left),
        ("CLIENT", Align::Left),
        ("VIRTUAL", Align::Left),
        ("DESTINATION", Align::Left),
        ("ANSWERED-TO", Align::Left),
        ("STATE", Align::Left),
        ("EXPIRES", Align::Right),
        ("FLOW", Align::Left),
        ("TIMEOUT", Align::Right),
    ]);
    for connection in connections {
        let connection = connection?;
        let flow = flows.of(&connection)?;
        let protocol = Some(connection.protocol);
        let answered =
            flow.as_ref().map(|flow| destination_of(flow.reply.destination, flow.reply.layer4));
        let timeout = flow.as_ref().and_then(|flow| flow.timeout);
        let row = vec![
            connection.protocol.to_string(),
            names::endpoint(names, connection.client, protocol),
            match connection.mark() {
                Some(mark) => format!("fwmark {mark}"),
                None => names::endpoint(names, connection.virtual_address, protocol),
            },
            names::endpoint(names, connection.destination, protocol),
            answered.unwrap_or_default(),
            connection.state.to_string(),
            format!("{}s", connection.expires),
            flow.as_ref().map(state).unwrap_or_default().to_owned(),
            timeout.map(|seconds| format!("{seconds}s")).unwrap_or_default(),
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}
