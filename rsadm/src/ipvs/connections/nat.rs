//! Connections with what connection tracking knows of them.

use std::io::Write;

use conntrack::{Client, Flow, Key, Protocol, Tuple};
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

/// Lists connections with their flows.
pub(super) fn list(
    structure: Option<Structure>,
    names: &mut Names,
    connections: impl Iterator<Item = Result<Connection>>,
    out: &mut impl Write,
) -> Result<()> {
    let mut client = Client::connect()?;
    if let Some(structure) = structure {
        let mut items = Items::new(out, structure);
        for connection in connections {
            let connection = connection?;
            let flow = flow(&mut client, &connection)?;
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
        let flow = flow(&mut client, &connection)?;
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

/// The flow that a connection's client began. A template is no connection and has none.
fn flow(client: &mut Client, connection: &Connection) -> Result<Option<Flow<'static>>> {
    if connection.is_template() {
        return Ok(None);
    }
    let protocol = Protocol(connection.protocol.0 as u8);
    let (from, to) = (connection.client, connection.virtual_address);
    let tuple = Tuple::with_ports(protocol, from, to);
    match client.flow(&Key::original(tuple)) {
        Ok(flow) => Ok(Some(flow)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
