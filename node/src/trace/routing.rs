//! Route lookups, as the walk asks for them.

use std::net::IpAddr;

use super::cluster::Host;
use super::rows;
use super::value::Packet;
use crate::{Link, Query, Refusal, RouteKind};

/// What is asked of the routing tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) packet: Packet,
    /// Whether the packet has a source that counts.
    pub(super) bound: bool,
    /// The link that it came in through, if it is not the namespace's own.
    pub(super) input: Option<u32>,
    pub(super) mark: u32,
}

/// What they answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) kind: Kind<'a>,
    /// The route, as `ip route` prints it.
    pub(super) row: Option<String>,
    /// The rule, if rules were asked at all.
    pub(super) rule: Option<String>,
}

/// What becomes of the packet.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    /// It is for this host.
    Local { source: Option<IpAddr> },
    /// It leaves through a link.
    Send {
        link: &'a Link,
        next: IpAddr,
        source: Option<IpAddr>,
        /// How many other ways there are, of which the kernel may take one instead.
        others: usize,
    },
    /// It goes nowhere.
    Refused(Refusal),
}

/// Asks the tables of a network namespace.
pub(super) fn decide<'a>(host: &Host<'a>, question: &Question) -> Answer<'a> {
    let decision = host.router.route(&query(question));
    let row = decision.route.map(|route| rows::route(host.network, route));
    let rule = decision.rule.map(rows::rule);
    let way = decision.ways.first();
    let source = way.and_then(|way| way.source);
    let kind = match decision.outcome {
        Ok(RouteKind::UNICAST) => match way.and_then(|way| Some((way, host.link(way.link)?))) {
            Some((way, link)) => {
                let next = way.neighbour(question.packet.destination);
                Kind::Send { link, next, source, others: decision.ways.len() - 1 }
            }
            None => Kind::Refused(Refusal::NoRoute),
        },
        Ok(_) => Kind::Local { source },
        Err(refusal) => Kind::Refused(refusal),
    };
    Answer { kind, row, rule }
}

fn query(question: &Question) -> Query {
    let Question { packet, bound, input, mark } = *question;
    let protocol = packet.protocol.and_then(|protocol| u8::try_from(protocol.0).ok());
    let (source, destination) =
        (packet.source_port.unwrap_or(0), packet.destination_port.unwrap_or(0));
    Query {
        source: bound.then_some(packet.source),
        input,
        ..Query::to(packet.destination).marked(mark).of(protocol.unwrap_or(0), source, destination)
    }
}

/// The route back to a packet's source.
pub(super) fn way_back(host: &Host<'_>, source: IpAddr) -> Option<String> {
    let decision = host.router.route(&Query::to(source));
    decision.route.map(|route| rows::route(host.network, route))
}
