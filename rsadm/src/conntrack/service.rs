//! `rsadm conntrack list --service`: flows to a service beside its IPVS connections.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;

use conntrack::{Filter, Flow, Layer4};
use ipvs::{Connection, Proc, ServiceKey};
use node::Snapshot;
use serde::Serialize;

use super::connect;
use super::show::{destination_of, source_of, state};
use super::view::FlowView;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure};

/// A flow with the connection that IPVS made of it.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    flow: FlowView<'a>,
    ipvs: Option<ConnectionView<'a>>,
}

#[derive(Serialize)]
struct ConnectionView<'a> {
    state: &'a str,
    expires: u32,
    destination: SocketAddr,
}

/// Lists the flows to a service, one with its connection a row. `None` is for people.
pub(super) fn run(
    service: &ServiceKey,
    filter: &Filter,
    structure: Option<Structure>,
    out: &mut impl Write,
) -> Result<()> {
    let connections = connections(service)?;
    let mut reader = connect()?;
    let mut flows = reader.flows(filter)?;
    show(&connections, structure, out, |row| {
        while let Some(flow) = flows.next()? {
            row(&flow)?;
        }
        Ok(())
    })
}

/// The same of a snapshot.
pub(super) fn saved<'f>(
    service: &ServiceKey,
    from: &Snapshot,
    mut flows: impl Iterator<Item = &'f Flow<'static>>,
    structure: Option<Structure>,
    out: &mut impl Write,
) -> Result<()> {
    let all = from.balancer.get().and_then(|balancer| balancer.connections.get());
    let all = all.into_iter().flatten().cloned().map(Ok);
    let connections = of_service(service, all)?;
    show(&connections, structure, out, |row| flows.try_for_each(row))
}

/// Shows what `flows` hands on.
fn show(
    connections: &HashMap<SocketAddr, Connection>,
    structure: Option<Structure>,
    out: &mut impl Write,
    flows: impl FnOnce(&mut dyn FnMut(&Flow<'_>) -> Result<()>) -> Result<()>,
) -> Result<()> {
    let of = |flow: &Flow<'_>| client(flow).and_then(|client| connections.get(&client));
    if let Some(structure) = structure {
        let mut items = Items::new(out, structure);
        flows(&mut |flow| {
            let ipvs = of(flow).map(|connection| ConnectionView {
                state: connection.state.as_str(),
                expires: connection.expires,
                destination: connection.destination,
            });
            items.push(&View { flow: FlowView::from(flow), ipvs })
        })?;
        return items.finish();
    }
    let mut table = Table::new(&[
        ("CLIENT", Align::Left),
        ("VIRTUAL", Align::Left),
        ("REAL-SERVER", Align::Left),
        ("ANSWERED-TO", Align::Left),
        ("STATE", Align::Left),
        ("TIMEOUT", Align::Right),
        ("IPVS-STATE", Align::Left),
        ("EXPIRES", Align::Right),
    ]);
    flows(&mut |flow| {
        let connection = of(flow);
        let row = vec![
            source_of(flow.original.source, flow.original.layer4),
            destination_of(flow.original.destination, flow.original.layer4),
            source_of(flow.reply.source, flow.reply.layer4),
            destination_of(flow.reply.destination, flow.reply.layer4),
            state(flow).to_owned(),
            flow.timeout.map(|seconds| format!("{seconds}s")).unwrap_or_default(),
            connection.map(|it| it.state.to_string()).unwrap_or_default(),
            connection.map(|it| format!("{}s", it.expires)).unwrap_or_default(),
        ];
        Ok(table.row(out, row)?)
    })?;
    Ok(table.finish(out)?)
}

/// Where the first packet came from.
fn client(flow: &Flow<'_>) -> Option<SocketAddr> {
    match flow.original.layer4 {
        Layer4::Ports { source, .. } => Some(SocketAddr::new(flow.original.source, source)),
        _ => None,
    }
}

/// The connections to a service by their clients. Without IPVS there are none.
fn connections(service: &ServiceKey) -> Result<HashMap<SocketAddr, Connection>> {
    let all = match Proc::new().connections() {
        Ok(all) => all,
        Err(error) if is_absent(&error) => return Ok(HashMap::new()),
        Err(error) => return Err(Failure::from(error)),
    };
    of_service(service, all)
}

/// Those of a service, by client.
fn of_service(
    service: &ServiceKey,
    all: impl Iterator<Item = ipvs::Result<Connection>>,
) -> Result<HashMap<SocketAddr, Connection>> {
    let ServiceKey::Address { protocol, address } = *service else { return Ok(HashMap::new()) };
    let mut found = HashMap::new();
    for connection in all {
        let connection = connection?;
        let is_it = connection.protocol == protocol && connection.virtual_address == address;
        if is_it && !connection.is_template() {
            found.insert(connection.client, connection);
        }
    }
    Ok(found)
}

fn is_absent(error: &ipvs::Error) -> bool {
    matches!(error, ipvs::Error::File { source, .. }
        if source.kind() == std::io::ErrorKind::NotFound)
        || error.reason() == Some(ipvs::Reason::NoIpvs)
}
