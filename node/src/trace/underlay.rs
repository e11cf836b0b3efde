//! Between nodes: routes and neighbours of the network that they share.

use std::net::IpAddr;

use vxlan::State;

use super::cluster::{Host, Place};
use super::routing::{self, Kind, Question};
use super::rows;
use super::rules::{Outcome, Passing};
use super::value::{Frame, Packet};
use super::walk::{At, Origin, Told, Walk, Way};
use crate::netfilter::Hook;
use crate::{Code, Link, Stage};

impl<'a> Walk<'a, '_> {
    /// The address that the node sends from to another one.
    pub(super) fn underlay_source(&self, place: Place, remote: IpAddr) -> Option<IpAddr> {
        let packet = Packet {
            protocol: None,
            source: remote,
            source_port: None,
            destination: remote,
            destination_port: None,
        };
        let question = Question { packet, bound: false, input: None, mark: 0 };
        match routing::decide(self.host(place), &question).kind {
            Kind::Send { source, .. } | Kind::Local { source } => source,
            Kind::Refused(_) => None,
        }
    }

    /// The route of the outer packet.
    pub(super) fn underlay_route(
        &mut self,
        place: Place,
        outer: &Packet,
        via: Option<u32>,
    ) -> Way<(&'a Link, IpAddr)> {
        let host = self.host(place);
        let to = outer.destination;
        if let Some(link) = via.and_then(|via| host.link(via)) {
            return Ok((link, to));
        }
        let question = Question { packet: *outer, bound: true, input: None, mark: 0 };
        let answer = routing::decide(host, &question);
        let (summary, code) = match answer.kind {
            Kind::Send { link, next, .. } if !is_down(link) => return Ok((link, next)),
            Kind::Send { link, .. } => {
                let told = Told::new(format!("{} is down", link.name())).device(link.name());
                let told = told.command(format!("ip link show {}", link.name()));
                return Err(self.lose(place, Stage::Underlay, Code::UnderlayDown, told));
            }
            Kind::Local { .. } => (format!("{to} is this node itself"), Code::FdbLoop),
            Kind::Refused(refusal) => {
                let row = answer.row.map_or_else(String::new, |row| format!(" ({row})"));
                (format!("{refusal} to {to}{row}"), Code::UnderlayRouteMissing)
            }
        };
        let told = Told::new(summary).command(rows::route_query(outer, None));
        match down_link_towards(host, to) {
            Some(link) if code == Code::UnderlayRouteMissing => {
                let told =
                    told.summary(format!("{} is down, and so no route to {to}", link.name()));
                let told = told.device(link.name()).fix(format!("ip link set {} up", link.name()));
                Err(self.lose(place, Stage::Underlay, Code::UnderlayDown, told))
            }
            _ => Err(self.lose(place, Stage::Underlay, code, told)),
        }
    }

    /// Sends a packet as it is to a node or router on a network that the host is on.
    pub(super) fn wire_to(
        &mut self,
        place: Place,
        link: &'a Link,
        next: IpAddr,
        packet: &Packet,
    ) -> Way<At> {
        if let Some(pod) = self.cluster.pod_behind(place.node, link)
            && self.host(pod).network.owns(next)
        {
            return self.enter_pod(place, link, pod, next);
        }
        let frame = Frame {
            source: link.mac(),
            destination: None,
            packet: *packet,
            vni: None,
            inner: None,
        };
        let (place, input) = self.wire(place, link, next, frame)?;
        if let Some(input) = input {
            Ok(At { place, origin: Origin::Link(input) })
        } else {
            let told = Told::new("the link that it comes in through is not known");
            Err(self.lose_sight(place, Stage::Underlay, Code::InputMissing, told))
        }
    }

    /// Takes a frame over the network between the nodes, to the node and the link that it comes to.
    pub(super) fn wire(
        &mut self,
        place: Place,
        link: &'a Link,
        next: IpAddr,
        mut frame: Frame,
    ) -> Way<(Place, Option<u32>)> {
        let to = frame.packet.destination;
        let host = self.host(place);
        let owner = self.cluster.owner(next).filter(|owner| owner.node != place.node);
        if let Some((owner, peer)) =
            owner.and_then(|owner| Some((owner, self.host(owner).link_with(next)?)))
            && is_down(peer)
        {
            let what = if peer.is_up() { "has no carrier" } else { "is down" };
            let told = Told::new(format!("{} {what}", peer.name())).device(peer.name());
            let told = told.command(format!("ip link show {}", peer.name()));
            let told = told.fix(format!("ip link set {} up", peer.name()));
            return Err(self.lose(owner, Stage::Underlay, Code::UnderlayDown, told));
        }
        let row = host.neighbour(link.index(), next);
        let command = format!("ip neigh show {next} dev {}", link.name());
        let told = |summary: String| {
            let text = row.map(|row| rows::neighbour(host.network, row));
            Told::new(summary).device(link.name()).maybe_row(text).command(&command)
        };
        let right = owner.and_then(|owner| self.host(owner).link_with(next)?.mac());
        let state = row.map(|row| row.state).unwrap_or_default();
        let mac = row
            .and_then(|row| row.mac)
            .filter(|_| !state.intersects(State::FAILED | State::INCOMPLETE));
        if let (Some(right), Some(mac)) = (right, mac)
            && right != mac
        {
            let told = told(format!("neighbour {next} is {mac}, and its link has {right}"));
            let told = told.fix(format!("ip neigh del {next} dev {}", link.name()));
            return Err(self.lose(place, Stage::Underlay, Code::NeighbourWrongMac, told));
        }
        if state.intersects(State::FAILED | State::INCOMPLETE) {
            let told = told(format!("{next} does not answer: {}", rows::state(state)));
            return Err(self.lose(place, Stage::Underlay, Code::UnderlayNeighbourFailed, told));
        }
        frame.destination = mac.or(right);
        let router = if next == to { "" } else { ", a router" };
        let summary = match (frame.destination, mac) {
            (Some(mac), Some(_)) => {
                format!("{next} is {mac}{router}, {}", rows::state(state).to_lowercase())
            }
            (Some(mac), None) => format!("{next} is {mac}{router}, to be resolved"),
            (None, _) => format!("{next}{router}, to be resolved"),
        };
        self.ok(place, Stage::Underlay, told(summary).frame(frame));
        let peer = owner.or_else(|| self.cluster.owner(to)).map(|peer| Place::node(peer.node));
        let Some(peer) = peer.filter(|peer| peer.node != place.node) else {
            let told = Told::new(format!("no snapshot of the node {to}: collect one there"));
            let told = told.command("rsadm snapshot FILE");
            return Err(self.lose_sight(place, Stage::Underlay, Code::PeerUnknown, told));
        };
        let input = self.host(peer).link_with(next).or_else(|| self.host(peer).link_with(to));
        let input = input.map(Link::index);
        Ok((peer, input.or_else(|| self.way_in(peer, place))))
    }

    /// The link of a node that leads to another node.
    fn way_in(&self, peer: Place, from: Place) -> Option<u32> {
        let rows = self.host(from).network.addresses.iter();
        let mut links = rows.filter_map(|row| {
            let network = row.network().filter(|network| !network.is_host())?;
            let own = self.host(peer).network.addresses.iter();
            let mut own = own.filter(|own| network.contains(own.address));
            Some(own.next()?.link)
        });
        links.next()
    }

    /// What the rules of a hook make of a packet that begins something new.
    pub(super) fn judge_new(
        &self,
        place: Place,
        hook: Hook,
        packet: &Packet,
        input: Option<u32>,
        output: Option<(u32, IpAddr)>,
    ) -> Outcome {
        let passing = Passing {
            packet,
            mark: 0,
            input: self.input_name(place, input),
            output: self.input_name(place, output.map(|(link, _)| link)),
            next: output.map(|(_, next)| next),
            answers: None,
        };
        self.cluster.pass(place.node, hook, &passing)
    }
}

fn is_down(link: &Link) -> bool {
    !link.is_up() || link.carrier == Some(false)
}

/// A link that is down, and whose network the address is in.
fn down_link_towards<'a>(host: &Host<'a>, to: IpAddr) -> Option<&'a Link> {
    let rows = host.network.addresses.iter();
    let mut rows = rows.filter(|row| row.network().is_some_and(|network| network.contains(to)));
    rows.find_map(|row| host.link(row.link).filter(|link| is_down(link)))
}
