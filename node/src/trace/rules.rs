//! What netfilter's rules do to a packet, as the walk asks for it.

use std::net::IpAddr;

use super::cluster::Cluster;
use super::value::Packet;
use crate::netfilter::{self, Change, ConnectionState, Ending, Hook};

/// A packet at a hook.
#[derive(Clone, Debug)]
pub(super) struct Passing<'p> {
    pub(super) packet: &'p Packet,
    pub(super) mark: u32,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    /// The router or neighbour that it goes to.
    pub(super) next: Option<IpAddr>,
    /// The first packet of its connection, if this is an answer.
    pub(super) answers: Option<&'p Packet>,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// The mark that it has behind the rules.
    pub(super) mark: u32,
    /// Its new source, if that is certain.
    pub(super) source: Option<IpAddr>,
    /// The rule that decided, if one did.
    pub(super) rule: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Dropped,
    /// It cannot be told, because of this.
    Unknown(String),
}

impl Cluster<'_> {
    /// Passes the packet through the rules of a node's hook.
    pub(super) fn pass(&self, node: usize, hook: Hook, passing: &Passing<'_>) -> Outcome {
        let node = &self.nodes[node];
        let firewall = node.firewall(passing.packet.source);
        let packet = packet_of(passing);
        let passage = firewall.pass(hook, &packet, &node.host.router);
        let accepted: Vec<&Ending> = passage.accepted().collect();
        let rule = passage.rule().map(ToString::to_string);
        let translates = |ending: &Ending| {
            let changes = ending.actions.iter().map(|action| &action.change);
            changes.into_iter().any(|change| {
                matches!(change, Change::DestinationNat { .. } | Change::Redirect { .. })
            })
        };
        let verdict = match passage.verdict() {
            netfilter::Verdict::Drop | netfilter::Verdict::Reject => Verdict::Dropped,
            _ if accepted.iter().any(|ending| translates(ending)) => {
                Verdict::Unknown("a rule may send it elsewhere".to_owned())
            }
            netfilter::Verdict::Accept => match passage.gaps.as_slice() {
                [] => Verdict::Accepted,
                gaps => Verdict::Unknown(gaps.join("; ")),
            },
            netfilter::Verdict::Unknown => Verdict::Unknown(match &rule {
                Some(rule) => format!("whether {rule} matches is not known"),
                None => passage.gaps.join("; "),
            }),
        };
        let mut marks = accepted.iter().map(|ending| ending.packet.mark);
        let mark = marks.next().filter(|mark| marks.all(|other| other == *mark));
        let mut changes = accepted.iter().map(|ending| source_change(ending));
        let source = changes.next().filter(|first| changes.all(|other| other == *first)).flatten();
        let (source, rule) = match source {
            Some((source, by)) => (Some(source), Some(by)),
            None => (None, rule),
        };
        Outcome { verdict, mark: mark.unwrap_or(passing.mark), source, rule }
    }
}

/// The new source that an ending gives a packet, and the rule that does.
fn source_change(ending: &Ending) -> Option<(IpAddr, String)> {
    ending.actions.iter().find_map(|action| match action.change {
        Change::Masquerade { address } | Change::SourceNat { address, .. } => {
            Some((address?, action.rule.to_string()))
        }
        _ => None,
    })
}

fn packet_of(passing: &Passing<'_>) -> netfilter::Packet {
    let protocol = |packet: &Packet| {
        let number = packet.protocol.map_or(0, |protocol| protocol.0);
        u8::try_from(number).unwrap_or_default()
    };
    let first = |packet: &Packet| {
        let source = (packet.source, packet.source_port.unwrap_or(0));
        let destination = (packet.destination, packet.destination_port.unwrap_or(0));
        netfilter::Packet::first(protocol(packet), source, destination)
    };
    let mut packet = first(passing.packet);
    if let Some(asked) = passing.answers {
        let asked = first(asked);
        packet.tcp_flags = asked.answer().tcp_flags;
        packet.connection = asked.answer().connection;
        packet.connection.state = ConnectionState::Established;
    }
    packet.input.clone_from(&passing.input);
    packet.output.clone_from(&passing.output);
    packet.gateway = passing.next;
    packet.mark = passing.mark;
    packet
}
