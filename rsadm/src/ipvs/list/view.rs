//! Services for programs: the schema of docs/json.md.

use std::net::{IpAddr, Ipv4Addr};

use ipvs::{Family, Netmask, ServiceEntry, ServiceKey, Statistics, TunnelFlags};
use serde::{Serialize, Serializer};

use crate::ipvs::sort::Row;
use crate::ipvs::values;

/// A service. Fields that the plain table lacks are absent where only that can be read.
#[derive(Serialize)]
pub(super) struct Service<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<&'a str>,
    #[serde(rename = "service")]
    key: Text<ServiceKey>,
    #[serde(flatten)]
    identity: Identity,
    family: Family,
    scheduler: &'a str,
    one_packet: bool,
    persistence: Option<Persistence>,
    #[serde(flatten)]
    details: Option<ServiceDetails<'a>>,
    destinations: Vec<Destination<'a>>,
}

/// What the plain table lacks of a service.
#[derive(Serialize)]
struct ServiceDetails<'a> {
    scheduler_flags: Vec<&'static str>,
    persistence_engine: Option<&'a str>,
    statistics: &'a Statistics,
}

/// What a service is told by.
#[derive(Serialize)]
#[serde(untagged)]
enum Identity {
    Address { protocol: Protocol, address: IpAddr, port: u16 },
    Mark { fwmark: u32 },
}

/// A protocol by its name, or its number if it has none.
#[derive(Serialize)]
#[serde(untagged)]
pub(in crate::ipvs) enum Protocol {
    Name(&'static str),
    Number(u16),
}

impl From<ipvs::Protocol> for Protocol {
    fn from(protocol: ipvs::Protocol) -> Self {
        protocol.name().map_or(Self::Number(protocol.0), Self::Name)
    }
}

#[derive(Serialize)]
struct Persistence {
    /// Seconds.
    timeout: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    netmask: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_length: Option<u32>,
}

#[derive(Serialize)]
struct Destination<'a> {
    address: IpAddr,
    port: u16,
    method: Method,
    weight: u32,
    active_connections: u32,
    inactive_connections: u32,
    #[serde(flatten)]
    details: Option<DestinationDetails<'a>>,
}

/// What the plain table lacks of a destination.
#[derive(Serialize)]
struct DestinationDetails<'a> {
    persistent_connections: u32,
    upper_threshold: u32,
    lower_threshold: u32,
    tunnel: Option<Tunnel>,
    statistics: &'a Statistics,
}

/// A forwarding method by its name, or its number if it has none.
#[derive(Serialize)]
#[serde(untagged)]
enum Method {
    Name(&'static str),
    Number(u32),
}

#[derive(Serialize)]
struct Tunnel {
    kind: Kind,
    port: Option<u16>,
    checksum: bool,
    remote_checksum: bool,
}

/// An encapsulation by its name, or its number if it has none.
#[derive(Serialize)]
#[serde(untagged)]
enum Kind {
    Name(&'static str),
    Number(u8),
}

/// A value as it is written on the command line.
struct Text<T>(T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> Service<'a> {
    /// A service and its destinations; all details or none, by what was read of them. `netns` is
    /// where they are, if that is to be told.
    pub(super) fn new<D: Row>(
        netns: Option<&'a str>,
        entry: &'a ServiceEntry,
        destinations: &'a [D],
    ) -> Self {
        let service = &entry.service;
        Self {
            netns,
            key: Text(service.key),
            identity: match service.key {
                ServiceKey::Address { protocol, address } => Identity::Address {
                    protocol: protocol.into(),
                    address: address.ip(),
                    port: address.port(),
                },
                ServiceKey::Mark { mark, .. } => Identity::Mark { fwmark: mark },
            },
            family: service.key.family(),
            scheduler: &service.scheduler,
            one_packet: service.is_one_packet(),
            persistence: service.is_persistent().then(|| persistence(service)),
            details: D::WHOLE.then(|| ServiceDetails {
                scheduler_flags: values::flag_names(service).collect(),
                persistence_engine: service.persistence_engine.as_deref(),
                statistics: &entry.statistics,
            }),
            destinations: destinations.iter().map(destination).collect(),
        }
    }
}

fn persistence(service: &ipvs::Service) -> Persistence {
    let (netmask, prefix_length) = match service.netmask {
        Netmask::V4(mask) => (Some(mask), None),
        Netmask::V6(length) => (None, Some(length)),
    };
    Persistence { timeout: service.timeout, netmask, prefix_length }
}

fn destination<D: Row>(row: &D) -> Destination<'_> {
    let plain = row.plain();
    Destination {
        address: plain.address.ip(),
        port: plain.address.port(),
        method: plain.method.name().map_or(Method::Number(plain.method.0), Method::Name),
        weight: plain.weight,
        active_connections: plain.active_connections,
        inactive_connections: plain.inactive_connections,
        details: row.whole().map(|entry| DestinationDetails {
            persistent_connections: entry.persistent_connections,
            upper_threshold: entry.destination.upper_threshold,
            lower_threshold: entry.destination.lower_threshold,
            tunnel: tunnel(&entry.destination),
            statistics: &entry.statistics,
        }),
    }
}

fn tunnel(destination: &ipvs::Destination) -> Option<Tunnel> {
    let ipvs::Tunnel { kind, port, flags } = destination.tunnel;
    (destination.method == ipvs::ForwardingMethod::TUNNEL).then(|| Tunnel {
        kind: kind.name().map_or(Kind::Number(kind.0), Kind::Name),
        port: (kind == ipvs::TunnelKind::GUE).then_some(port),
        checksum: flags.contains(TunnelFlags::CHECKSUM),
        remote_checksum: flags.contains(TunnelFlags::REMOTE_CHECKSUM),
    })
}
