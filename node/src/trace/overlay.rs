//! Over the VXLAN: neighbour, forwarding entry, device, and the device at the other end.

use std::fmt::Write as _;
use std::net::IpAddr;

use ipvs::Protocol;
use vxlan::{Entry, Mac, Settings, State, Vni};

use super::cluster::Place;
use super::rows;
use super::rules::Verdict;
use super::value::{Frame, Packet};
use super::walk::{At, Origin, Stopped, Told, Walk, Way};
use crate::netfilter::Hook;
use crate::{Code, Link, Prefix, Stage};

/// The UDP port of VXLAN devices of which none is said.
const DEFAULT_PORT: u16 = 8472;

/// Bytes that VXLAN adds to a packet: Ethernet, IP, UDP and its own header.
pub(super) const fn overhead(outer: IpAddr) -> u32 {
    match outer {
        IpAddr::V4(_) => 50,
        IpAddr::V6(_) => 70,
    }
}

/// The device that leads to an address on another node, as that node has it.
pub(super) struct Overlay {
    pub(super) name: String,
    pub(super) vni: Option<Vni>,
    /// Address of the other node's device.
    gateway: Option<IpAddr>,
    /// The network there that the address is in.
    network: Option<Prefix>,
}

impl Overlay {
    /// What gives a node its route back.
    pub(super) fn route_fix(&self, link: &Link) -> String {
        match (self.network, self.gateway) {
            (Some(network), Some(gateway)) => {
                format!("ip route replace {network} via {gateway} dev {} onlink", link.name())
            }
            _ => String::new(),
        }
    }
}

/// Where a device sends a frame.
struct Tunnel<'a> {
    link: &'a Link,
    settings: &'a Settings,
    /// The frame's destination.
    mac: Mac,
    /// The next hop that has it, if the frame is routed.
    next: Option<IpAddr>,
    remote: IpAddr,
    port: u16,
    vni: Option<Vni>,
    /// Whether the entry says another VNI or port than the device.
    overrides: bool,
    via: Option<u32>,
}

impl<'a> Walk<'a, '_> {
    /// The overlay that an address of another node is behind.
    pub(super) fn overlay_to(&self, to: IpAddr, from: usize) -> Option<Overlay> {
        let owner = self.cluster.owner(to).filter(|owner| owner.node != from)?;
        let host = self.host(Place::node(owner.node));
        let of_family = |address: &IpAddr| address.is_ipv4() == to.is_ipv4();
        let mut vteps = host.vteps().filter(|(_, vtep)| vtep.external != Some(true));
        let (link, gateway, settings) = vteps.find_map(|(link, settings)| {
            let mut rows = host.network.addresses_of(link.index());
            let row = rows.find(|row| of_family(&row.address) && row.scope < crate::Scope::LINK)?;
            Some((link, row.address, settings))
        })?;
        let networks = host.network.addresses.iter().filter(|row| row.link != link.index());
        let network = networks.filter_map(crate::Address::network).find(|row| row.contains(to));
        let network = network.map(|network| network.masked());
        let name = link.name().to_owned();
        Some(Overlay { name, vni: settings.id, gateway: Some(gateway), network })
    }

    /// Tells that a device of the overlay is down.
    pub(super) fn lose_down_vtep(
        &mut self,
        place: Place,
        link: &Link,
        to: Option<IpAddr>,
    ) -> Stopped {
        let host = self.host(place);
        let port = |settings: &Settings| settings.port.unwrap_or(DEFAULT_PORT);
        let own = link.base.vxlan.as_ref().map(port);
        let rival = host.vteps().find(|(other, settings)| {
            other.index() != link.index() && other.is_up() && Some(port(settings)) == own
        });
        let route = to.map_or_else(String::new, |to| format!(", and so no route to {to}"));
        let (code, summary) = match rival {
            Some((rival, settings)) => (
                Code::VtepPortShared,
                format!("down{route}: {} has UDP port {}", rival.name(), port(settings)),
            ),
            None => (Code::VtepDown, format!("down{route}")),
        };
        let fix = match rival {
            Some((rival, _)) => {
                format!("ip link set {} down\nip link set {} up", rival.name(), link.name())
            }
            None => format!("ip link set {} up", link.name()),
        };
        let told = Told::new(summary).device(link.name()).fix(fix);
        let told = told.command(format!("ip -d link show {}", link.name()));
        self.lose(place, Stage::Vtep, code, told)
    }

    /// Sends a packet over a VXLAN device to a next hop.
    pub(super) fn tunnel_to(
        &mut self,
        place: Place,
        link: &'a Link,
        next: IpAddr,
        packet: &Packet,
    ) -> Way<At> {
        if !link.is_up() {
            return Err(self.lose_down_vtep(place, link, None));
        }
        if link.base.vxlan.as_ref().and_then(|settings| settings.external) == Some(true) {
            return Err(self.lose_sight_of_metadata(place, link));
        }
        let mac = self.overlay_neighbour(place, link, next)?;
        self.tunnel(place, link, mac, Some(next), packet)
    }

    fn lose_sight_of_metadata(&mut self, place: Place, link: &Link) -> Stopped {
        let told = Told::new(format!(
            "{} is steered from outside (BPF, OVS): its forwarding entries say nothing",
            link.name()
        ));
        let command = format!("ip -d link show {}", link.name());
        let told = told.device(link.name()).command(command);
        self.lose_sight(place, Stage::Fdb, Code::InputMissing, told)
    }

    /// The device at the other end that has a next hop's address.
    fn vtep_of(&self, next: IpAddr, from: Place) -> Option<(Place, &'a Link)> {
        let owner = self.cluster.owner(next).filter(|owner| owner.node != from.node)?;
        let link = self.host(owner).link_with(next)?;
        link.base.vxlan.is_some().then_some((owner, link))
    }

    fn overlay_neighbour(&mut self, place: Place, link: &Link, next: IpAddr) -> Way<Mac> {
        let host = self.host(place);
        let peer = self.vtep_of(next, place);
        let fix = peer.and_then(|(_, link)| link.mac()).map(|mac| {
            format!("ip neigh replace {next} lladdr {mac} dev {} nud permanent", link.name())
        });
        let command = format!("ip neigh get {next} dev {}", link.name());
        let row = host.neighbour(link.index(), next);
        let told = |summary: String| {
            let text = row.map(|row| rows::neighbour(host.network, row));
            Told::new(summary).device(link.name()).maybe_row(text).command(&command)
        };
        let Some(row) = row else {
            let told =
                told(format!("no neighbour {next}, and nobody answers for it")).maybe_fix(fix);
            return Err(self.lose(place, Stage::Neighbour, Code::NeighbourMissing, told));
        };
        let Some(mac) =
            row.mac.filter(|_| !row.state.intersects(State::FAILED | State::INCOMPLETE))
        else {
            let code = if row.state.contains(State::FAILED) {
                Code::NeighbourFailed
            } else {
                Code::NeighbourMissing
            };
            let summary = format!("neighbour {next} is {}", rows::state(row.state));
            return Err(self.lose(place, Stage::Neighbour, code, told(summary).maybe_fix(fix)));
        };
        let right = peer.and_then(|(_, link)| link.mac());
        if right.is_some_and(|right| right != mac) && host.entries(link.index(), mac).is_empty() {
            let summary = format!("neighbour {next} is {mac}, which is not its address");
            let told = told(summary).maybe_fix(fix);
            return Err(self.lose(place, Stage::Neighbour, Code::NeighbourWrongMac, told));
        }
        let summary = format!("{next} is {mac}, {}", rows::state(row.state).to_lowercase());
        if row.state.contains(State::PERMANENT) {
            self.ok(place, Stage::Neighbour, told(summary));
        } else {
            self.warn(
                place,
                Stage::Neighbour,
                Code::NeighbourNotPermanent,
                told(summary).maybe_fix(fix),
            );
        }
        Ok(mac)
    }

    /// Sends a frame through a VXLAN device.
    pub(super) fn tunnel(
        &mut self,
        place: Place,
        link: &'a Link,
        mac: Mac,
        next: Option<IpAddr>,
        packet: &Packet,
    ) -> Way<At> {
        let Some(settings) = link.base.vxlan.as_ref() else {
            return Err(self.lose_sight_of_metadata(place, link));
        };
        let entry = self.forwarding_entry(place, link, mac, next)?;
        let Some(remote) = self.remote_of(place, entry).or(settings.group) else {
            let told = Told::new(format!("the entry of {mac} leads nowhere that is known"));
            let told = told.device(link.name()).row(rows::entry(self.host(place).network, entry));
            return Err(self.lose_sight(place, Stage::Fdb, Code::InputMissing, told));
        };
        let tunnel = Tunnel {
            link,
            settings,
            mac,
            next,
            remote,
            port: entry.remote.port.or(settings.port).unwrap_or(DEFAULT_PORT),
            vni: entry.remote.vni.or(settings.id),
            overrides: entry.remote.port.is_some() || entry.remote.vni.is_some(),
            via: entry.remote.via,
        };
        self.tell_entry(place, &tunnel, entry)?;
        let source = self.tell_vtep(place, &tunnel)?;
        let outer = Packet {
            protocol: Some(Protocol::UDP),
            source,
            source_port: None,
            destination: remote,
            destination_port: Some(tunnel.port),
        };
        let inner = Frame {
            source: link.mac(),
            destination: Some(mac),
            packet: *packet,
            vni: None,
            inner: None,
        };
        let (peer, input) = self.cross_underlay(place, &tunnel, &outer, inner)?;
        self.arrive(peer, input, &tunnel, &outer, packet)
    }

    fn forwarding_entry(
        &mut self,
        place: Place,
        link: &Link,
        mac: Mac,
        next: Option<IpAddr>,
    ) -> Way<&'a Entry> {
        let host = self.host(place);
        if let Some(entry) = host.entries(link.index(), mac).first() {
            return Ok(entry);
        }
        let peer = next.map_or_else(String::new, |next| format!(" (peer {next})"));
        let underlay = next.and_then(|next| {
            let (_, vtep) = self.vtep_of(next, place)?;
            vtep.base.vxlan.as_ref()?.local
        });
        let told = Told::new(format!("no entry for {mac}{peer}")).device(link.name());
        let told = told.command(format!("bridge fdb get {mac} dev {} self", link.name()));
        let fix =
            underlay.map(|to| format!("bridge fdb append {mac} dev {} dst {to}", link.name()));
        Err(self.lose(place, Stage::Fdb, Code::FdbMissing, told.maybe_fix(fix)))
    }

    /// The address that an entry leads to; of a group of nexthops the first member's.
    fn remote_of(&self, place: Place, entry: &Entry) -> Option<IpAddr> {
        let nexthops = &self.host(place).network.nexthops;
        let find = |id: u32| nexthops.iter().find(|nexthop| nexthop.id == id);
        let through_group = || {
            let group = find(entry.nexthop_group?)?;
            let members = group.members.iter().filter_map(|member| find(member.id));
            members.chain([group]).find_map(|nexthop| nexthop.gateway)
        };
        entry.remote.address.or_else(through_group)
    }

    fn tell_entry(&mut self, place: Place, tunnel: &Tunnel<'a>, entry: &Entry) -> Way<()> {
        let Tunnel { link, mac, remote, .. } = *tunnel;
        let network = self.host(place).network;
        let command = format!("bridge fdb get {mac} dev {} self", link.name());
        let told = |summary: String| {
            let row = rows::entry(network, entry);
            Told::new(summary).device(link.name()).row(row).command(&command)
        };
        let right = tunnel.next.and_then(|next| self.vtep_of(next, place));
        let right_remote = right.and_then(|(_, vtep)| vtep.base.vxlan.as_ref()?.local);
        let fix =
            right_remote.map(|to| format!("bridge fdb replace {mac} dev {} dst {to}", link.name()));
        if network.owns(remote) {
            let summary = format!("{mac} leads to {remote}, this node itself: packets circle");
            return Err(self.lose(place, Stage::Fdb, Code::FdbLoop, told(summary).maybe_fix(fix)));
        }
        let leads_to = self.cluster.owner(remote).map(|owner| owner.node);
        if let Some((owner, _)) = right
            && leads_to != Some(owner.node)
        {
            let who = match leads_to {
                Some(node) => format!("node {}", self.cluster.nodes[node].name()),
                None => "which no node has".to_owned(),
            };
            let right = self.cluster.nodes[owner.node].name();
            let summary = format!("{mac} leads to {remote}, {who}, and not to {right}");
            return Err(self.lose(
                place,
                Stage::Fdb,
                Code::FdbWrongRemote,
                told(summary).maybe_fix(fix),
            ));
        }
        let others = self.host(place).entries(link.index(), mac).len().saturating_sub(1);
        let summary = match others {
            0 => format!("{mac} is behind {remote}"),
            _ => format!("{mac} is behind {remote} and {others} more"),
        };
        self.ok(place, Stage::Fdb, told(summary));
        Ok(())
    }

    /// Tells of the device that sends, and answers the address that it sends from.
    fn tell_vtep(&mut self, place: Place, tunnel: &Tunnel<'a>) -> Way<IpAddr> {
        let Tunnel { link, settings, remote, .. } = *tunnel;
        let command = format!("ip -d link show {}", link.name());
        let told = |summary: String| Told::new(summary).device(link.name()).command(&command);
        let host = self.host(place);
        if let Some(local) = settings.local.filter(|local| !host.network.owns(*local)) {
            let told = told(format!("sends from {local}, which the node does not have"));
            return Err(self.lose(place, Stage::Vtep, Code::VtepLocalAddress, told));
        }
        let summary = summary_of(tunnel.vni, tunnel.port, link, settings);
        let row = row_of(link, settings);
        if settings.learning == Some(true) && link.base.master.is_none() {
            let told = told(format!("{summary}, learning on")).row(row);
            let fix = format!("ip link set {} type vxlan nolearning", link.name());
            self.warn(place, Stage::Vtep, Code::VtepLearning, told.fix(fix));
        } else {
            self.ok(place, Stage::Vtep, told(summary).row(row));
        }
        let source = settings.local.or_else(|| self.underlay_source(place, remote));
        Ok(source.unwrap_or(match remote {
            IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        }))
    }

    /// Takes the outer packet to the other node.
    fn cross_underlay(
        &mut self,
        place: Place,
        tunnel: &Tunnel<'a>,
        outer: &Packet,
        inner: Frame,
    ) -> Way<(Place, Option<u32>)> {
        let (link, next) = self.underlay_route(place, outer, tunnel.via)?;
        self.check_size(place, tunnel, link);
        let output = Some((link.index(), next));
        self.filter_tunnel(place, Hook::Output, outer, None, output)?;
        let frame = Frame {
            source: link.mac(),
            destination: None,
            packet: *outer,
            vni: tunnel.vni,
            inner: Some(Box::new(inner)),
        };
        self.wire(place, link, next, frame)
    }

    fn check_size(&mut self, place: Place, tunnel: &Tunnel<'a>, lower: &Link) {
        let (Some(mtu), Some(room)) = (tunnel.link.base.mtu, lower.base.mtu) else { return };
        let more = overhead(tunnel.remote);
        let sum = format!("{mtu} of {} and {more} of VXLAN", tunnel.link.name());
        let command = format!("ip link show {}", lower.name());
        let told = |summary: String| {
            Told::new(summary)
                .device(tunnel.link.name())
                .row(format!("mtu {mtu}; {} mtu {room}", lower.name()))
                .command(&command)
        };
        let pod = self.largest_from_pods(place);
        if mtu + more > room {
            let told = told(format!("{sum} do not fit the {room} of {}", lower.name()));
            let fix =
                format!("ip link set {} mtu {}", tunnel.link.name(), room.saturating_sub(more));
            self.warn(place, Stage::Mtu, Code::MtuOverlay, told.fix(fix));
        } else if let Some((name, large)) = pod.filter(|(_, large)| *large > mtu) {
            let told =
                told(format!("{large} of {name} do not fit the {mtu} of {}", tunnel.link.name()));
            let fix = format!("ip link set {name} mtu {mtu}");
            self.warn(place, Stage::Mtu, Code::MtuPod, told.fix(fix));
        } else {
            self.ok(place, Stage::Mtu, told(format!("{sum} fit the {room} of {}", lower.name())));
        }
    }

    /// The link to pods with the largest packets, unless the node has none.
    fn largest_from_pods(&self, place: Place) -> Option<(&'a str, u32)> {
        let links = self.host(place).network.links.iter();
        let ports = links.filter(|link| {
            let has_pod = self.cluster.pod_behind(place.node, link).is_some();
            has_pod && link.kind() == Some("veth") && link.base.master.is_some()
        });
        ports.filter_map(|link| Some((link.name(), link.base.mtu?))).max_by_key(|(_, mtu)| *mtu)
    }

    /// Passes the outer packet through a host's rules.
    fn filter_tunnel(
        &mut self,
        place: Place,
        hook: Hook,
        outer: &Packet,
        input: Option<u32>,
        output: Option<(u32, IpAddr)>,
    ) -> Way<()> {
        // Outer packets are never answers: ports of both ends differ for each direction.
        let outcome = self.judge_new(place, hook, outer, input, output);
        match outcome.verdict {
            Verdict::Accepted => {
                if hook == Hook::Input {
                    self.tell_accepted(place, hook, outer, outcome.rule);
                }
                Ok(())
            }
            Verdict::Dropped => {
                Err(self.lose_to_rule(place, hook, Code::TunnelFiltered, outer, outcome.rule))
            }
            Verdict::Unknown(why) => {
                self.doubt_rules(place, hook, outer, &why);
                Ok(())
            }
        }
    }

    /// The outer packet comes to the other node.
    fn arrive(
        &mut self,
        peer: Place,
        input: Option<u32>,
        tunnel: &Tunnel<'a>,
        outer: &Packet,
        packet: &Packet,
    ) -> Way<At> {
        self.check_tracking(peer)?;
        if let Some(input) = input {
            self.filter_tunnel(peer, Hook::Prerouting, outer, Some(input), None)?;
        }
        self.filter_tunnel(peer, Hook::Input, outer, input, None)?;
        let (link, settings) = self.vtep_at(peer, tunnel)?;
        let mut told = Told::new(summary_of(settings.id, tunnel.port, link, settings))
            .device(link.name())
            .row(row_of(link, settings))
            .command(format!("ip -d link show {}", link.name()));
        let master = link.base.master;
        if master.is_none()
            && link.mac().is_some_and(|mac| mac != tunnel.mac)
            && !tunnel.mac.floods()
        {
            return Err(self.lose_other_mac(peer, tunnel, link, told));
        }
        if sizes_differ(tunnel.link, link) {
            let summary = format!(
                "MTU {} here, {} on the other side",
                link.base.mtu.unwrap_or_default(),
                tunnel.link.base.mtu.unwrap_or_default()
            );
            let differ = Told::new(summary).device(link.name());
            let differ = differ.command(format!("ip link show {}", link.name()));
            self.warn(peer, Stage::Mtu, Code::MtuMismatch, differ);
        }
        if settings.learning == Some(true) && master.is_none() {
            told = told.fix(format!("ip link set {} type vxlan nolearning", link.name()));
            self.warn(peer, Stage::Vtep, Code::VtepLearning, told);
        } else {
            self.ok(peer, Stage::Vtep, told);
        }
        match master {
            Some(bridge) => self.enter_bridge(peer, bridge, tunnel.mac, packet),
            None => Ok(At { place: peer, origin: Origin::Link(link.index()) }),
        }
    }

    /// The neighbour and the entry of the sender are of an earlier device.
    fn lose_other_mac(
        &mut self,
        peer: Place,
        tunnel: &Tunnel<'_>,
        link: &Link,
        told: Told,
    ) -> Stopped {
        let own = link.mac().unwrap_or(Mac::ZERO);
        let summary = format!("drops frames for {}: its own address is {own}", tunnel.mac);
        let device = tunnel.link.name();
        let fix = tunnel.next.map(|next| {
            format!(
                "ip neigh replace {next} lladdr {own} dev {device} nud permanent\n\
                 bridge fdb append {own} dev {device} dst {}\n\
                 bridge fdb del {} dev {device}",
                tunnel.remote, tunnel.mac
            )
        });
        self.lose(peer, Stage::Vtep, Code::VtepMacChanged, told.summary(summary).maybe_fix(fix))
    }

    /// The device that takes the outer packet.
    fn vtep_at(&mut self, peer: Place, tunnel: &Tunnel<'a>) -> Way<(&'a Link, &'a Settings)> {
        let port = |settings: &Settings| settings.port.unwrap_or(DEFAULT_PORT);
        let all: Vec<_> = self.host(peer).vteps().collect();
        let takes = |settings: &Settings| {
            settings.id == tunnel.vni
                && settings.external != Some(true)
                && port(settings) == tunnel.port
        };
        if let Some((link, settings)) = all.iter().find(|(link, row)| takes(row) && link.is_up()) {
            return Ok((link, settings));
        }
        if let Some((link, _)) = all.iter().find(|(_, settings)| takes(settings)) {
            return Err(self.lose_down_vtep(peer, link, None));
        }
        let vni = tunnel.vni.map_or_else(|| "?".to_owned(), |vni| vni.to_string());
        let command = "ip -d link show type vxlan";
        if let Some((link, _)) =
            all.iter().find(|(_, row)| row.external == Some(true) && port(row) == tunnel.port)
        {
            return Err(self.lose_sight_of_metadata(peer, link));
        }
        let told = |summary: String, link: &Link, settings: &Settings| {
            Told::new(summary).device(link.name()).row(row_of(link, settings)).command(command)
        };
        let same_vni = all.iter().find(|(_, settings)| settings.id == tunnel.vni);
        let same_port = all.iter().find(|(_, settings)| port(settings) == tunnel.port);
        let (code, told) = match (same_vni, same_port) {
            (Some((link, row)), _) => {
                let summary = format!("takes UDP port {}, not {}", port(row), tunnel.port);
                (Code::PortMismatch, told(summary, link, row))
            }
            (None, Some((link, row))) => {
                let own = row.id.map_or_else(|| "?".to_owned(), |vni| vni.to_string());
                (Code::VniMismatch, told(format!("takes VNI {own}, not {vni}"), link, row))
            }
            (None, None) => {
                let summary = format!("no device for VNI {vni} on UDP port {}", tunnel.port);
                (Code::VtepMissing, Told::new(summary).device(tunnel.link.name()).command(command))
            }
        };
        let code =
            if tunnel.overrides && code != Code::VtepMissing { Code::FdbWrongVni } else { code };
        Err(self.lose(peer, Stage::Vtep, code, told))
    }
}

fn sizes_differ(one: &Link, other: &Link) -> bool {
    one.base.mtu.is_some() && other.base.mtu.is_some() && one.base.mtu != other.base.mtu
}

fn summary_of(vni: Option<Vni>, port: u16, link: &Link, settings: &Settings) -> String {
    let vni = vni.or(settings.id).map_or_else(|| "?".to_owned(), |vni| vni.to_string());
    match link.mac() {
        Some(mac) => format!("VNI {vni}, UDP {port}, {mac}, up"),
        None => format!("VNI {vni}, UDP {port}, up"),
    }
}

/// As `ip -d link`, what matters of it.
fn row_of(link: &Link, settings: &Settings) -> String {
    let mut row = format!("{}: vxlan", link.name());
    if let Some(id) = settings.id {
        _ = write!(row, " id {id}");
    }
    if let Some(local) = settings.local {
        _ = write!(row, " local {local}");
    }
    _ = write!(row, " dstport {}", settings.port.unwrap_or(DEFAULT_PORT));
    row.push_str(match settings.learning {
        Some(true) => " learning",
        Some(false) => " nolearning",
        None => "",
    });
    row
}
