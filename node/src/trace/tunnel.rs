//! Destinations that IPVS sends packets to inside of others.

use ipvs::{Destination, Protocol, TunnelFlags, TunnelKind};

use super::cluster::Place;
use super::routing::{self, Kind, Question};
use super::rows;
use super::value::Packet;
use super::walk::{Arrival, At, Origin, Told, Walk, Way};
use crate::{Code, Link, Stage};

/// IP in IP, IPv6 in IP, and GRE, as protocols.
const IPIP: u16 = 4;
const IPV6: u16 = 41;
const GRE: u16 = 47;

impl<'a> Walk<'a, '_> {
    /// Follows the packet inside of another one to a destination, and on from the device that
    /// unwraps it there.
    pub(super) fn through_tunnel(
        &mut self,
        from: Arrival,
        destination: &Destination,
        packet: &mut Packet,
    ) -> Way<Arrival> {
        let (place, to) = (from.place, destination.address.ip());
        if self.host(place).network.owns(to) {
            let told = Told::new(format!("{to} is this host's own: nothing is wrapped"));
            self.ok(place, Stage::Route, told.command(format!("ip route get {to}")));
            return Ok(from);
        }
        let mut outer = outer(destination, packet);
        self.tell_room(place, destination, &outer);
        let arrival =
            self.follow(At { place, origin: Origin::Local { bound: false } }, &mut outer)?;
        let link = self.unwrapping(arrival.place, destination, packet)?;
        let origin = Origin::Link(link.index());
        let arrival = self.follow(At { place: arrival.place, origin }, packet)?;
        if arrival.place.pod.is_none() && self.has_service(arrival.place, packet) {
            let told = Told::new(format!("IPVS has {packet} here too, and chooses again"));
            let told = told.command("rsadm ipvs list -n");
            return Err(self.lose_sight(arrival.place, Stage::Service, Code::InputMissing, told));
        }
        Ok(arrival)
    }

    /// How large a packet may be that is wrapped; who sends a larger one is told so.
    fn tell_room(&mut self, place: Place, destination: &Destination, outer: &Packet) {
        let question = Question { packet: *outer, bound: false, input: None, mark: 0 };
        let Kind::Send { link, .. } = routing::decide(self.host(place), &question).kind else {
            return;
        };
        let Some(mtu) = link.base.mtu else { return };
        let more = overhead(destination);
        let told = Told::new(format!(
            "packets of up to {} fit: {} adds {more}, {} takes {mtu}",
            mtu.saturating_sub(more),
            name(destination.tunnel.kind),
            link.name()
        ));
        let told = told.device(link.name()).command(rows::route_query(outer, None));
        self.ok(place, Stage::Mtu, told);
    }

    /// The device that unwraps what arrives.
    fn unwrapping(
        &mut self,
        place: Place,
        destination: &Destination,
        packet: &Packet,
    ) -> Way<&'a Link> {
        let kind = device(destination, packet);
        let command = format!("ip -d link show type {kind}");
        if destination.tunnel.kind == TunnelKind::GUE {
            let told = Told::new(format!(
                "whether UDP port {} is open for GUE is not collected",
                destination.tunnel.port
            ));
            self.doubt(place, Stage::Vtep, Code::InputMissing, told.command("ip fou show"));
        }
        let links = self.host(place).network.links.iter();
        let mut links: Vec<&Link> = links.filter(|link| link.kind() == Some(kind)).collect();
        links.sort_by_key(|link| !link.is_up());
        let Some(link) = links.first().copied() else {
            let told = Told::new(format!("no {kind} device unwraps what is tunnelled here"));
            let told = told.command(command).fix(format!("ip link add type {kind}"));
            return Err(self.lose(place, Stage::Vtep, Code::VtepMissing, told));
        };
        let told = Told::new(format!("{} unwraps it ({kind})", link.name())).device(link.name());
        let told = told.command(command);
        if link.is_up() {
            self.ok(place, Stage::Vtep, told);
            return Ok(link);
        }
        let told = told.summary(format!("{} is down", link.name()));
        let told = told.fix(format!("ip link set {} up", link.name()));
        Err(self.lose(place, Stage::Vtep, Code::VtepDown, told))
    }
}

/// The packet outside, whose source is still to be chosen.
fn outer(destination: &Destination, packet: &Packet) -> Packet {
    let to = destination.address.ip();
    let (protocol, port) = match destination.tunnel.kind {
        TunnelKind::GUE => (Protocol::UDP, Some(destination.tunnel.port)),
        TunnelKind::GRE => (Protocol(GRE), None),
        _ if packet.source.is_ipv4() => (Protocol(IPIP), None),
        _ => (Protocol(IPV6), None),
    };
    Packet {
        protocol: Some(protocol),
        source: to,
        source_port: None,
        destination: to,
        destination_port: port,
    }
}

/// Bytes that wrapping adds.
fn overhead(destination: &Destination) -> u32 {
    let ip = if destination.address.is_ipv4() { 20 } else { 40 };
    let checks = destination.tunnel.flags.contains(TunnelFlags::CHECKSUM);
    ip + match destination.tunnel.kind {
        // UDP and the header of GUE; offloaded checksums have four bytes of private flags more.
        TunnelKind::GUE if destination.tunnel.flags.contains(TunnelFlags::REMOTE_CHECKSUM) => 20,
        TunnelKind::GUE => 12,
        TunnelKind::GRE if checks => 8,
        TunnelKind::GRE => 4,
        _ => 0,
    }
}

/// The kind of device that unwraps packets.
fn device(destination: &Destination, packet: &Packet) -> &'static str {
    let (outside, inside) = (destination.address.is_ipv4(), packet.source.is_ipv4());
    match (destination.tunnel.kind, outside, inside) {
        (TunnelKind::GRE, true, _) => "gre",
        (TunnelKind::GRE, false, _) => "ip6gre",
        (_, true, true) => "ipip",
        (_, true, false) => "sit",
        (_, false, _) => "ip6tnl",
    }
}

fn name(kind: TunnelKind) -> &'static str {
    kind.name().unwrap_or("an unknown tunnel")
}
