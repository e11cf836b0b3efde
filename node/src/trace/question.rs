//! What a trace is asked: where from, where to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipvs::{Protocol, ServiceKey};

use super::cluster::{Cluster, Place};
use super::value::Packet;
use super::walk::{At, Origin};
use super::{Error, Pick, Result};
use crate::{Query, RouteKind, Scope};

/// What a packet is for.
///
/// Written as `tcp://10.243.21.14:8880`, `udp://`, `sctp://`; `10.243.21.14:8880` is TCP, and an
/// address alone is a pod's or node's.
///
/// ```
/// use node::trace::Target;
/// let target: Target = "10.243.21.14:8880".parse()?;
/// assert_eq!(target.to_string(), "tcp://10.243.21.14:8880");
/// # Ok::<(), node::trace::ParseTargetError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A port: of a service, or of a pod or node itself.
    Service {
        /// Layer 4 protocol.
        protocol: Protocol,
        /// Address and port.
        address: SocketAddr,
    },
    /// An address, whatever the protocol.
    Address(IpAddr),
}

impl Target {
    /// Its address.
    pub const fn address(&self) -> IpAddr {
        match self {
            Self::Service { address, .. } => address.ip(),
            Self::Address(address) => *address,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Service { protocol, address } => {
                write!(f, "{}", ServiceKey::Address { protocol, address })
            }
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// A text is not a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a target: write tcp://ADDRESS:PORT, udp://, sctp://, ADDRESS:PORT for TCP, or a \
     pod's address"
)]
pub struct ParseTargetError(Box<str>);

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let error = || ParseTargetError(text.into());
        if text.contains("://") {
            return match text.parse() {
                Ok(ServiceKey::Address { protocol, address }) => {
                    Ok(Self::Service { protocol, address })
                }
                _ => Err(error()),
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Service { protocol: Protocol::TCP, address });
        }
        text.parse().map(Self::Address).map_err(|_| error())
    }
}

/// Who sends the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The first node itself.
    #[default]
    Node,
    /// A pod or node, by an address of its own.
    Address(IpAddr),
    /// A pod or node, by its name.
    Name(String),
}

/// An address, or a name.
impl From<&str> for Source {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Address)
    }
}

/// How a trace is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Who sends the packet.
    pub source: Source,
    /// The only destination to look at; every one that takes new connections otherwise.
    pub destination: Option<Pick>,
}

/// Where a packet begins.
pub(super) struct Start {
    pub(super) place: Place,
    pub(super) packet: Packet,
    /// Whether its source was chosen.
    bound: bool,
    pub(super) name: String,
    /// Whether it is for a service, and not for a pod or node itself.
    pub(super) is_service: bool,
}

impl Start {
    pub(super) fn at(&self) -> At {
        At { place: self.place, origin: Origin::Local { bound: self.bound } }
    }

    pub(super) fn find(cluster: &Cluster<'_>, target: &Target, options: &Options) -> Result<Self> {
        let to = target.address();
        let (place, chosen) = find_source(cluster, &options.source)?;
        if let Some(from) = chosen.filter(|from| from.is_ipv4() != to.is_ipv4()) {
            return Err(Error::Families { source_address: from, target: to });
        }
        let is_service = is_service(cluster, place, target)?;
        let source = match chosen {
            Some(source) => source,
            None => first_source(cluster, place, to)
                .ok_or_else(|| Error::NoAddress { name: name_of(cluster, place), target: to })?,
        };
        let (protocol, port) = match *target {
            Target::Service { protocol, address } => (Some(protocol), Some(address.port())),
            Target::Address(_) => (None, None),
        };
        let packet =
            Packet { protocol, source, source_port: None, destination: to, destination_port: port };
        let name = match (&options.source, chosen) {
            (Source::Address(address), _) => match cluster.pod_name(place) {
                Some(pod) => format!("{address} ({pod} on {})", cluster.nodes[place.node].name()),
                None => format!("{address} ({})", cluster.nodes[place.node].name()),
            },
            _ => name_of(cluster, place),
        };
        Ok(Self { place, packet, bound: chosen.is_some(), name, is_service })
    }
}

fn name_of(cluster: &Cluster<'_>, place: Place) -> String {
    let node = cluster.nodes[place.node].name();
    match cluster.pod_name(place) {
        Some(pod) => format!("{pod} on {node}"),
        None => node.to_owned(),
    }
}

fn nodes_of(cluster: &Cluster<'_>) -> String {
    let names: Vec<_> = cluster.nodes.iter().map(super::cluster::Node::name).collect();
    names.join(", ")
}

/// The place that sends, and its address if one was named.
fn find_source(cluster: &Cluster<'_>, source: &Source) -> Result<(Place, Option<IpAddr>)> {
    match source {
        Source::Node => Ok((Place::node(0), None)),
        Source::Address(address) => {
            let owner = cluster.owner(*address);
            // Addresses of services are on every node; the first is meant.
            let own = || {
                let owns = |node: &super::cluster::Node<'_>| node.snapshot.network.owns(*address);
                cluster.nodes.iter().position(owns).map(Place::node)
            };
            let place = owner.or_else(own).ok_or_else(|| Error::NoSourceAddress {
                address: *address,
                nodes: nodes_of(cluster),
            })?;
            Ok((place, Some(*address)))
        }
        Source::Name(name) => {
            if let Some(node) = cluster.nodes.iter().position(|node| node.name() == name) {
                return Ok((Place::node(node), None));
            }
            let mut pods = cluster.nodes.iter().enumerate().filter_map(|(node, row)| {
                let pod = row.pods.iter().position(|(pod, _)| pod.name == *name)?;
                Some(Place { node, pod: Some(pod) })
            });
            let place = pods
                .next()
                .ok_or_else(|| Error::NoSource { name: name.clone(), known: names(cluster) })?;
            Ok((place, None))
        }
    }
}

/// Names of nodes and pods, a few.
fn names(cluster: &Cluster<'_>) -> Vec<String> {
    let nodes = cluster.nodes.iter().map(|node| node.name().to_owned());
    let pods = cluster.nodes.iter().flat_map(|node| node.pods.iter());
    nodes.chain(pods.map(|(pod, _)| pod.name.clone())).take(10).collect()
}

/// The address that the place would send from: what its routes say, else its first one.
fn first_source(cluster: &Cluster<'_>, place: Place, to: IpAddr) -> Option<IpAddr> {
    let host = cluster.host(place);
    let by_route = host.router.route(&Query::to(to)).ways.first().and_then(|way| way.source);
    let first = || {
        let mut rows = host.network.addresses.iter();
        let fits = |row: &&crate::Address| {
            row.address.is_ipv4() == to.is_ipv4() && row.scope < Scope::LINK
        };
        rows.find(fits).map(|row| row.address)
    };
    by_route.or_else(first)
}

/// Whether the target is a service's, and not a pod's or node's own.
fn is_service(cluster: &Cluster<'_>, from: Place, target: &Target) -> Result<bool> {
    let to = target.address();
    let nodes = nodes_of(cluster);
    if let Target::Service { protocol, address } = *target {
        let key = ServiceKey::Address { protocol, address };
        if cluster.nodes.iter().any(|node| node.service(&key).is_some()) || cluster.serves(to) {
            return Ok(true);
        }
        let marked = cluster.nodes.iter().any(super::cluster::Node::has_marked_services);
        let is_owned = cluster.owner(to).is_some();
        // An address on a link without a wire is a service's that was lost.
        let is_lost = is_owned && cluster.is_on_dummy(to);
        if is_lost || marked && !is_owned {
            return Ok(true);
        }
        if is_owned || leads_on(cluster, from, to) {
            return Ok(false);
        }
        let mut known = Vec::new();
        for key in cluster.nodes.iter().flat_map(super::cluster::Node::service_keys) {
            if known.len() < 5 && !known.contains(&key) {
                known.push(key);
            }
        }
        return Err(Error::NoService { service: key, nodes, known });
    }
    if cluster.owner(to).is_some() || cluster.serves(to) || leads_on(cluster, from, to) {
        return Ok(false);
    }
    Err(Error::NoOwner { address: to, nodes })
}

/// Whether a route leads from the node to the address, other than the one for everything.
fn leads_on(cluster: &Cluster<'_>, from: Place, to: IpAddr) -> bool {
    let host = cluster.host(Place::node(from.node));
    let decision = host.router.route(&Query::to(to));
    decision.outcome == Ok(RouteKind::UNICAST)
        && decision.route.is_some_and(|route| route.destination.length() > 0)
}
