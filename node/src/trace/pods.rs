//! Between a node and its pods: virtual wires, and the bridge that they are plugged into.

use std::net::IpAddr;

use vxlan::{Mac, State};

use super::cluster::Place;
use super::rows;
use super::value::{Direction, Packet};
use super::walk::{At, Origin, Stopped, Told, Walk, Way};
use crate::netfilter::Hook;
use crate::{Code, Link, Stage};

impl<'a> Walk<'a, '_> {
    /// Sends a packet to a next hop on a bridge of the node.
    pub(super) fn bridge_to(
        &mut self,
        place: Place,
        bridge: &'a Link,
        next: IpAddr,
        packet: &Packet,
    ) -> Way<At> {
        let host = self.host(place);
        let row = host.neighbour(bridge.index(), next);
        let state = row.map(|row| row.state).unwrap_or_default();
        let failed = state.intersects(State::FAILED | State::INCOMPLETE);
        let mac = row.and_then(|row| row.mac).filter(|_| !failed);
        let owner = self.cluster.owner(next);
        let here = owner.filter(|owner| owner.node == place.node && owner.pod.is_some());
        let told = |summary: String| {
            let text = row.map(|row| rows::neighbour(host.network, row));
            let command = format!("ip neigh show {next} dev {}", bridge.name());
            Told::new(summary).device(bridge.name()).maybe_row(text).command(command)
        };
        if let Some(pod) = here {
            let own = self.host(pod).link_with(next);
            let right = own.and_then(Link::mac);
            if let (Some(mac), Some(right)) = (mac, right)
                && mac != right
            {
                let told = told(format!("neighbour {next} is {mac}, and the pod has {right}"));
                let told = told.fix(format!("ip neigh del {next} dev {}", bridge.name()));
                return Err(self.lose(place, Stage::Neighbour, Code::NeighbourWrongMac, told));
            }
            let Some(port) = own.and_then(|own| self.cluster.wire_of(pod, own)) else {
                let told = told(format!("the wire to the pod with {next} is not known"));
                return Err(self.lose_sight(place, Stage::Neighbour, Code::InputMissing, told));
            };
            return self.plug_into(place, bridge, port, pod, told(name_port(next, mac, port)));
        }
        match (mac, owner) {
            (Some(mac), _) if host.bridged(bridge.index(), mac).is_some() => {
                let told = told(format!("{next} is {mac}, {}", rows::state(state).to_lowercase()));
                self.ok(place, Stage::Neighbour, told);
                self.leave_bridge(place, bridge, mac, Some(next), packet)
            }
            (_, Some(owner)) if owner.node != place.node => {
                Err(self.lose_wrong_device(place, bridge, next, owner))
            }
            _ => Err(self.lose_missing_pod(place, next, failed || mac.is_none(), told)),
        }
    }

    /// The route leads to a bridge, and the address is on another node.
    fn lose_wrong_device(
        &mut self,
        place: Place,
        bridge: &Link,
        next: IpAddr,
        owner: Place,
    ) -> Stopped {
        let name = self.cluster.nodes[owner.node].name();
        let told =
            Told::new(format!("the route leads to {}, and {next} is on {name}", bridge.name()));
        let told = told.device(bridge.name()).command(format!("ip route get {next}"));
        let own = self.host(place).vteps().find(|(_, vtep)| vtep.external != Some(true));
        let fix = self.overlay_to(next, place.node).zip(own);
        let told = told.maybe_fix(fix.map(|(overlay, (link, _))| overlay.route_fix(link)));
        self.lose(place, Stage::Route, Code::RouteWrongDevice, told)
    }

    fn lose_missing_pod(
        &mut self,
        place: Place,
        next: IpAddr,
        silent: bool,
        told: impl Fn(String) -> Told,
    ) -> Stopped {
        match self.cluster.nodes[place.node].snapshot.pods.reason() {
            None if silent => {
                let told = told(format!("no pod here has {next}"));
                self.lose(place, Stage::Neighbour, Code::PodMissing, told)
            }
            None => {
                let told = told(format!("who has {next} is not in the snapshot"));
                self.lose_sight(place, Stage::Neighbour, Code::InputMissing, told)
            }
            Some(why) => {
                let told = told(format!("the pod with {next} cannot be seen: {why}"));
                self.lose_sight(place, Stage::Neighbour, Code::InputMissing, told)
            }
        }
    }

    /// Sends a frame out of a bridge's port.
    fn leave_bridge(
        &mut self,
        place: Place,
        bridge: &'a Link,
        mac: Mac,
        next: Option<IpAddr>,
        packet: &Packet,
    ) -> Way<At> {
        let host = self.host(place);
        let entry = host.bridged(bridge.index(), mac);
        let port = entry.and_then(|entry| host.link(entry.link));
        match port {
            Some(port) if port.base.vxlan.is_some() => self.tunnel(place, port, mac, next, packet),
            Some(port) => {
                if let Some(pod) = self.cluster.pod_behind(place.node, port) {
                    let told = Told::new(format!("{mac} is behind {}", port.name()));
                    self.plug_into(place, bridge, port, pod, told.device(port.name()))
                } else {
                    let told =
                        Told::new(format!("who is behind {} is not in the snapshot", port.name()));
                    let told = told.device(port.name());
                    Err(self.lose_sight(place, Stage::Neighbour, Code::InputMissing, told))
                }
            }
            None => {
                let told = Told::new(format!("{mac} is behind no port of {}", bridge.name()));
                Err(self.lose_sight(place, Stage::Fdb, Code::InputMissing, told))
            }
        }
    }

    /// A frame comes to a bridge out of an overlay.
    pub(super) fn enter_bridge(
        &mut self,
        place: Place,
        bridge: u32,
        mac: Mac,
        packet: &Packet,
    ) -> Way<At> {
        let Some(link) = self.host(place).link(bridge) else {
            let told = Told::new(format!("the bridge with index {bridge} is not in the snapshot"));
            return Err(self.lose_sight(place, Stage::Neighbour, Code::InputMissing, told));
        };
        if link.mac() == Some(mac) {
            return Ok(At { place, origin: Origin::Link(bridge) });
        }
        self.leave_bridge(place, link, mac, None, packet)
    }

    /// Sends a packet through a bridge's port to the pod behind it.
    fn plug_into(
        &mut self,
        place: Place,
        bridge: &Link,
        port: &'a Link,
        pod: Place,
        told: Told,
    ) -> Way<At> {
        self.check_port(place, port, Some(bridge))?;
        self.ok(place, Stage::Neighbour, told);
        self.enter(place, port, pod)
    }

    /// Sends a packet over a wire of its own to a pod.
    pub(super) fn enter_pod(
        &mut self,
        place: Place,
        port: &'a Link,
        pod: Place,
        next: IpAddr,
    ) -> Way<At> {
        self.check_port(place, port, None)?;
        let mac = self.host(pod).link_with(next).and_then(Link::mac);
        let told = Told::new(name_port(next, mac, port)).device(port.name());
        self.ok(place, Stage::Neighbour, told);
        self.enter(place, port, pod)
    }

    fn enter(&mut self, place: Place, port: &Link, pod: Place) -> Way<At> {
        let Some(link) = port.lower.and_then(|lower| self.host(pod).link(lower)) else {
            let told =
                Told::new(format!("the other end of {} is not in the snapshot", port.name()));
            return Err(self.lose_sight(place, Stage::Neighbour, Code::InputMissing, told));
        };
        if !link.is_up() {
            let told = Told::new(format!("{} is down", link.name())).device(link.name());
            let told = told.command(format!("ip link show {}", link.name()));
            let told = told.fix(self.in_pod(pod, &format!("ip link set {} up", link.name())));
            return Err(self.lose(pod, Stage::Neighbour, Code::PodLinkDown, told));
        }
        Ok(At { place: pod, origin: Origin::Link(link.index()) })
    }

    fn in_pod(&self, pod: Place, command: &str) -> String {
        match self.cluster.pod_name(pod) {
            Some(name) => format!("ip netns exec {name} {command}"),
            None => command.to_owned(),
        }
    }

    /// Whether the node's end of a wire carries packets.
    fn check_port(&mut self, place: Place, port: &Link, bridge: Option<&Link>) -> Way<()> {
        let name = port.name();
        let (what, fix) = match bridge {
            _ if !port.is_up() => ("is down".to_owned(), format!("ip link set {name} up")),
            Some(bridge) if port.base.master != Some(bridge.index()) => (
                format!("is no port of {}", bridge.name()),
                format!("ip link set {name} master {}", bridge.name()),
            ),
            _ if port.port.is_some_and(|settings| !settings.is_forwarding()) => {
                ("does not forward".to_owned(), format!("bridge link set dev {name} state 3"))
            }
            _ => return Ok(()),
        };
        let told = Told::new(format!("{name} {what}")).device(name);
        let told = told.command(format!("ip -d link show {name}")).fix(fix);
        Err(self.lose(place, Stage::Neighbour, Code::PodLinkDown, told))
    }

    /// Sends a packet out of a pod.
    pub(super) fn leave_pod(
        &mut self,
        place: Place,
        link: &'a Link,
        next: IpAddr,
        packet: &mut Packet,
    ) -> Way<At> {
        let node = Place::node(place.node);
        let Some(port) = self.cluster.wire_of(place, link) else {
            let told =
                Told::new(format!("the other end of {} is not in the snapshot", link.name()));
            return Err(self.lose_sight(place, Stage::Neighbour, Code::InputMissing, told));
        };
        let bridge = port.base.master.and_then(|bridge| self.host(node).link(bridge));
        self.check_port(node, port, bridge)?;
        let Some(bridge) = bridge else {
            self.tell_gateway(place, link, next, port);
            return Ok(At { place: node, origin: Origin::Link(port.index()) });
        };
        if self.host(node).network.owns(next) {
            if !bridge.is_up() {
                let told = Told::new(format!("{} is down", bridge.name())).device(bridge.name());
                let told = told.command(format!("ip link show {}", bridge.name()));
                let told = told.fix(format!("ip link set {} up", bridge.name()));
                return Err(self.lose(node, Stage::Neighbour, Code::PodLinkDown, told));
            }
            self.tell_gateway(place, link, next, bridge);
            return Ok(At { place: node, origin: Origin::Link(bridge.index()) });
        }
        let owner = self.cluster.owner(next);
        if owner.is_some_and(|owner| owner.node == place.node && owner.pod.is_some()) {
            self.pass_bridge(node, bridge, packet)?;
            self.bridge_to(node, bridge, next, packet)
        } else {
            let told = Told::new(format!("nobody on {} has {next}", bridge.name()));
            let told = told.device(link.name()).command(format!("ip neigh show {next}"));
            Err(self.lose(place, Stage::Neighbour, Code::NeighbourMissing, told))
        }
    }

    fn tell_gateway(&mut self, place: Place, link: &Link, next: IpAddr, via: &Link) {
        let host = self.host(place);
        let row = host.neighbour(link.index(), next).map(|row| rows::neighbour(host.network, row));
        let told = Told::new(format!("{next} is the node's {}", via.name())).device(link.name());
        let told = told.maybe_row(row).command(format!("ip neigh show {next} dev {}", link.name()));
        self.ok(place, Stage::Neighbour, told);
    }

    /// Passes a packet from port to port of a bridge. IPVS sees it only if the bridge shows it to
    /// netfilter.
    fn pass_bridge(&mut self, place: Place, bridge: &Link, packet: &mut Packet) -> Way<()> {
        let network = self.host(place).network;
        let (name, own) = if packet.source.is_ipv4() {
            ("net.bridge.bridge-nf-call-iptables", bridge.bridge.and_then(|b| b.calls_iptables))
        } else {
            ("net.bridge.bridge-nf-call-ip6tables", bridge.bridge.and_then(|b| b.calls_ip6tables))
        };
        let value = network.sysctl(name);
        let needs_balancer = self.direction == Direction::Return
            && self.balanced.is_some_and(|balanced| {
                Place::node(balanced.node) == place
                    && !balanced.undone
                    && (packet.source, packet.source_port) == balanced.real
            });
        let told = |summary: String| {
            let row = value.map(|value| format!("{name} = {value}"));
            Told::new(summary)
                .device(bridge.name())
                .maybe_row(row)
                .command(format!("sysctl {name}"))
        };
        if value.is_some_and(|value| value != 0) || own == Some(true) {
            let index = Some(bridge.index());
            if needs_balancer {
                self.ok(
                    place,
                    Stage::Sysctl,
                    told(format!("IPVS sees what {} forwards", bridge.name())),
                );
            }
            let output = Some((bridge.index(), packet.destination));
            self.filter(place, Hook::Forward, packet, 0, index, output)?;
            self.undo_balancing(place, packet);
            return Ok(());
        }
        if !needs_balancer {
            return Ok(());
        }
        if network.sysctls.is_empty() {
            let told = told(format!("{name} was not collected"));
            return Err(self.lose_sight(place, Stage::Sysctl, Code::InputMissing, told));
        }
        let told = told(format!(
            "the answer passes IPVS by on {}, so it is not translated back",
            bridge.name()
        ));
        let told = told.fix(format!("modprobe br_netfilter\nsysctl -w {name}=1"));
        Err(self.lose(place, Stage::Sysctl, Code::BridgeNetfilterOff, told))
    }
}

fn name_port(next: IpAddr, mac: Option<Mac>, port: &Link) -> String {
    match mac {
        Some(mac) => format!("{next} is {mac}, behind {}", port.name()),
        None => format!("{next} is behind {}, to be resolved", port.name()),
    }
}
