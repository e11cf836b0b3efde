//! Connections for programs: the schema of docs/json.md.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use ipvs::Origin;
use serde::Serialize;

use crate::ipvs::list::Protocol;

/// A connection, or the memory of a persistent service.
#[derive(Serialize)]
pub(super) struct Connection<'a> {
    protocol: Protocol,
    client: Endpoint,
    #[serde(flatten)]
    virtual_side: Virtual,
    destination: Endpoint,
    state: &'a str,
    /// Seconds.
    expires: u32,
    template: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persistence: Option<Persistence<'a>>,
}

/// What the client connects to.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Virtual {
    Virtual(Endpoint),
    Fwmark(u32),
}

/// An address and a port.
#[derive(Serialize)]
pub(super) struct Endpoint {
    address: IpAddr,
    port: u16,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { address: address.ip(), port: address.port() }
    }
}

#[derive(Serialize)]
struct Persistence<'a> {
    engine: &'a str,
    data: Cow<'a, str>,
}

impl<'a> From<&'a ipvs::Connection> for Connection<'a> {
    fn from(connection: &'a ipvs::Connection) -> Self {
        Self {
            protocol: connection.protocol.into(),
            client: connection.client.into(),
            virtual_side: match connection.mark() {
                Some(mark) => Virtual::Fwmark(mark),
                None => Virtual::Virtual(connection.virtual_address.into()),
            },
            destination: connection.destination.into(),
            state: connection.state.as_str(),
            expires: connection.expires,
            template: connection.is_template(),
            origin: connection.origin.map(origin),
            persistence: connection.persistence.as_ref().map(|persistence| Persistence {
                engine: &persistence.engine,
                data: persistence.data_lossy(),
            }),
        }
    }
}

/// Where a connection came from, in a word.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Local => "local",
        Origin::Sync => "sync",
    }
}
