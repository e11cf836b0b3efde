//! IPVS: the service, its destinations, and what it makes of the packet.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use conntrack::Flow;
use ipvs::{
    Connection, DestinationEntry, Family, ForwardingMethod, Netmask, Protocol, ServiceKey,
    ServiceTable,
};

use super::cluster::Place;
use super::rules::Verdict;
use super::value::{Candidate, Packet};
use super::walk::{Arrival, Balanced, Stopped, Told, Walk, Way, nat_command};
use super::{Error, Result};
use crate::netfilter::Hook;
use crate::{Code, Link, Part, Stage};

/// A service that a packet met, and what is known of its connections.
pub(super) struct Met<'a> {
    pub(super) table: &'a ServiceTable,
    /// Flows of connection tracking that were sent to the service.
    flows: Vec<&'a Flow<'static>>,
    /// Connections of IPVS to the service, and templates of its persistence.
    connections: Vec<&'a Connection>,
}

/// A destination that a packet may get.
#[derive(Clone, Copy)]
pub(super) struct Choice<'a> {
    pub(super) entry: &'a DestinationEntry,
    /// Why it is this one, if there is a reason.
    pub(super) because: Option<&'static str>,
}

impl<'a> Walk<'a, '_> {
    /// Whether a service of the node is for the packet.
    pub(super) fn has_service(&self, place: Place, packet: &Packet) -> bool {
        self.service_for(place, packet, 0).is_some()
    }

    /// The service of a node that takes the packet, as the kernel looks for it: by mark, by address
    /// and port, by address alone.
    fn service_for(&self, place: Place, packet: &Packet, mark: u32) -> Option<&'a ServiceTable> {
        let node = &self.cluster.nodes[place.node];
        let at = |port| {
            let address = SocketAddr::new(packet.destination, port);
            Some(ServiceKey::Address { protocol: packet.protocol?, address })
        };
        let marked = (mark != 0)
            .then(|| ServiceKey::mark(mark, Family::of(packet.destination)))
            .and_then(|key| node.service(&key));
        let exact = || node.service(&at(packet.destination_port?)?);
        let any = || node.service(&at(0)?).filter(|table| table.service.service.is_persistent());
        marked.or_else(exact).or_else(any)
    }

    /// Looks for the service where the packet arrived.
    pub(super) fn meet_service(&mut self, arrival: Arrival, packet: &Packet) -> Way<Met<'a>> {
        let Arrival { place, mark } = arrival;
        let snapshot = self.cluster.nodes[place.node].snapshot;
        let balancer = match &snapshot.balancer {
            Part::Read(balancer) => balancer,
            Part::Unknown(why) => {
                let told = Told::new(format!("IPVS cannot be seen: {why}")).command("ipvsadm -Ln");
                return Err(self.lose_sight(place, Stage::Service, Code::InputMissing, told));
            }
        };
        let name = name_of(packet);
        let command = format!("rsadm ipvs list -n {name}");
        let Some(table) = self.service_for(place, packet, mark) else {
            let told = Told::new(format!("no service {name}")).command(command);
            let fix = self.service_elsewhere(packet);
            return Err(self.lose(
                place,
                Stage::Service,
                Code::ServiceMissing,
                told.maybe_fix(fix),
            ));
        };
        let service = &table.service.service;
        let link = snapshot.network.address(packet.destination);
        let link = link.map(|row| snapshot.network.link_name(row.link));
        let mut summary = format!("{}, scheduler {}", service.key, service.scheduler);
        if service.is_persistent() {
            _ = write!(summary, ", persistent for {} s", service.timeout);
        }
        if service.is_one_packet() {
            summary.push_str(", a choice for every packet");
        }
        if let Some(link) = &link {
            _ = write!(summary, ", its address on {link}");
        }
        let mut told = Told::new(summary).row(service_row(table)).command(command);
        if let Some(link) = &link {
            told = told.device(link);
        }
        self.ok(place, Stage::Service, told);
        let flows = snapshot.tracking.get().and_then(|tracking| tracking.flows.get());
        let flows = flows.into_iter().flatten().filter(|flow| is_sent_to(flow, packet)).collect();
        let connections = balancer.connections.get().into_iter().flatten();
        let connections = connections.filter(|row| {
            Some(row.virtual_address.ip()) == Some(packet.destination)
                && Some(row.protocol) == packet.protocol
                && (row.virtual_address.port() == packet.destination_port.unwrap_or(0)
                    || row.is_template())
        });
        Ok(Met { table, flows, connections: connections.collect() })
    }

    /// The commands that make a service as another node has it.
    fn service_elsewhere(&self, packet: &Packet) -> Option<String> {
        let address = SocketAddr::new(packet.destination, packet.destination_port?);
        let key = ServiceKey::Address { protocol: packet.protocol?, address };
        let table = self.cluster.nodes.iter().find_map(|node| node.service(&key))?;
        let mut lines =
            vec![format!("rsadm ipvs service add {key} -s {}", table.service.service.scheduler)];
        lines.extend(table.destinations.iter().map(|row| {
            let destination = row.destination;
            format!(
                "rsadm ipvs dest add {key} {} {} --weight {}",
                destination.address,
                flag_of(destination.method),
                destination.weight
            )
        }));
        Some(lines.join("\n"))
    }

    /// The destinations that the packet may get.
    pub(super) fn choices(
        &mut self,
        arrival: Arrival,
        met: &Met<'a>,
        packet: &Packet,
        picked: Option<Pick>,
    ) -> Way<Result<Vec<Choice<'a>>>> {
        let table = met.table;
        let rows = &table.destinations;
        if let Some(pick) = picked {
            let found = rows.iter().find(|row| pick.is(row.destination.address));
            let because = Some("picked");
            return Ok(match found {
                Some(entry) => Ok(vec![Choice { entry, because }]),
                None => Err(Error::NoDestination {
                    service: table.service.service.key,
                    wanted: pick,
                    destinations: rows.iter().map(|row| row.destination.address).collect(),
                }),
            });
        }
        if let Some(entry) = met.persisted(packet) {
            return Ok(Ok(vec![Choice { entry, because: Some("by persistence") }]));
        }
        let open: Vec<_> = rows
            .iter()
            .filter(|entry| takes_new(entry))
            .map(|entry| Choice { entry, because: None })
            .collect();
        if !open.is_empty() {
            return Ok(Ok(open));
        }
        let key = table.service.service.key;
        let (code, summary) = match rows.as_slice() {
            [] => (Code::ServiceNoDestinations, format!("{key} has no destination")),
            _ if rows.iter().all(|row| row.destination.weight == 0) => (
                Code::WeightsZero,
                format!("all {} destinations of {key} have weight 0", rows.len()),
            ),
            _ => (
                Code::DestinationsOverloaded,
                format!("all destinations of {key} have their upper threshold of connections"),
            ),
        };
        let fix = (code == Code::WeightsZero).then(|| {
            let lines = rows.iter().map(|row| {
                format!("rsadm ipvs dest edit {key} {} --weight 1", row.destination.address)
            });
            lines.collect::<Vec<_>>().join("\n")
        });
        let told = Told::new(summary).candidates(candidates(table, &[])).maybe_fix(fix);
        let told = told.command(format!("rsadm ipvs list -n {key}"));
        Err(self.lose(arrival.place, Stage::Destination, code, told))
    }

    /// Tells which destination the packet gets, and gives it its address.
    pub(super) fn balance(
        &mut self,
        arrival: Arrival,
        met: &Met<'a>,
        choices: &[Choice<'a>],
        choice: Choice<'a>,
        packet: &mut Packet,
    ) -> Way<()> {
        let place = arrival.place;
        let destination = choice.entry.destination;
        let address = destination.address;
        let method = destination.method.name().unwrap_or("unknown method");
        let key = met.table.service.service.key;
        let mut summary = format!("{address} {method}, weight {}", destination.weight);
        match choice.because {
            Some(because) => _ = write!(summary, ", {because}"),
            None if choices.len() > 1 => _ = write!(summary, ", one of {}", choices.len()),
            None => {}
        }
        let (active, idle) = (choice.entry.active_connections, choice.entry.inactive_connections);
        if active + idle > 0 {
            _ = write!(summary, ", {active} active and {idle} other connections");
        }
        let told = Told::new(summary)
            .row(destination_row(choice.entry))
            .command(format!("rsadm ipvs list -n {key}"))
            .candidates(candidates(met.table, choices));
        match met.stale(packet) {
            0 => self.ok(place, Stage::Destination, told),
            stale => {
                let told =
                    told.and(&format!("{stale} connections lead to destinations that are gone"));
                let told = told.fix("sysctl -w net.ipv4.vs.expire_nodest_conn=1");
                self.warn(place, Stage::Destination, Code::ExpireNodestConnOff, told);
            }
        }
        match destination.method {
            ForwardingMethod::MASQUERADE | ForwardingMethod::LOCAL => {
                let service = (packet.destination, packet.destination_port);
                // A service that takes every port keeps the port.
                let port = match address.port() {
                    0 => packet.destination_port,
                    port => Some(port),
                };
                let before =
                    SocketAddr::new(packet.destination, packet.destination_port.unwrap_or(0));
                packet.destination = address.ip();
                packet.destination_port = port;
                self.balanced = Some(Balanced {
                    node: place.node,
                    service,
                    real: (address.ip(), port),
                    undone: false,
                });
                let told = Told::new(format!("destination {before} becomes {address} (IPVS)"));
                let told = told.packet(packet).command(format!("ipvsadm -Lnc | grep {address}"));
                self.ok(place, Stage::Nat, told);
                Ok(())
            }
            ForwardingMethod::ROUTE | ForwardingMethod::TUNNEL => Ok(()),
            _ => {
                let told =
                    Told::new(format!("how packets get to {address} is not known ({method})"));
                Err(self.lose_sight(place, Stage::Nat, Code::InputMissing, told))
            }
        }
    }

    /// What netfilter makes of the source of a packet that IPVS sends on.
    pub(super) fn translate_balanced(
        &mut self,
        place: Place,
        packet: &mut Packet,
        mark: u32,
        output: &Link,
        next: IpAddr,
        kept: bool,
    ) -> Way<()> {
        let snapshot = self.cluster.nodes[place.node].snapshot;
        let tracked = snapshot.balancer.get().and_then(|balancer| balancer.sysctls.conntrack);
        let tracked = tracked != Some(0);
        let hook = Hook::Postrouting;
        let outcome = self.judge(place, hook, packet, mark, None, Some((output.index(), next)));
        // Answers to an address of a service do not come back from another node.
        let is_virtual = self.cluster.serves(packet.source) && !kept;
        let away = self.cluster.owner(packet.destination).map(|owner| owner.node != place.node);
        let wanted = outcome.source;
        if !tracked {
            let rule_says = wanted.is_some_and(|to| to != packet.source);
            if is_virtual || rule_says {
                let summary = "net.ipv4.vs.conntrack is 0: what IPVS sends on is not masqueraded";
                let told = Told::new(summary).row("net.ipv4.vs.conntrack = 0");
                let told = told.command("sysctl net.ipv4.vs.conntrack").packet(packet);
                let told = told.fix("sysctl -w net.ipv4.vs.conntrack=1");
                return self.miss_masquerade(place, Code::IpvsConntrackOff, away, told);
            }
            return Ok(());
        }
        if let Some(to) = wanted {
            self.rewrite_source(place, packet, to, outcome.rule);
            return Ok(());
        }
        if let Verdict::Unknown(why) = outcome.verdict {
            self.guess_source(place, packet, output, next, &why);
            return Ok(());
        }
        if is_virtual {
            let told = Told::new(format!(
                "nothing masquerades {}, the service's own address",
                packet.source
            ));
            let told = told.command(nat_command(packet)).packet(packet);
            return self.miss_masquerade(place, Code::MasqueradeMissing, away, told);
        }
        Ok(())
    }

    fn miss_masquerade(
        &mut self,
        place: Place,
        code: Code,
        away: Option<bool>,
        told: Told,
    ) -> Way<()> {
        match away {
            Some(true) => {
                let told = told.and("the answer ends at the other node, which has the address too");
                Err(self.lose(place, Stage::Nat, code, told))
            }
            // The answer comes back by the node's own bridge.
            Some(false) => Ok(()),
            None => {
                self.warn(place, Stage::Nat, code, told);
                Ok(())
            }
        }
    }

    /// What the source became in flows of the same kind, where rules cannot be read.
    fn guess_source(
        &mut self,
        place: Place,
        packet: &mut Packet,
        output: &Link,
        next: IpAddr,
        why: &str,
    ) {
        let witness = self
            .witnesses
            .iter()
            .find(|witness| witness.asked == packet.source && witness.real == packet.destination);
        if let Some(&witness) = witness {
            if witness.became != packet.source {
                self.rewrite_source(place, packet, witness.became, Some(witness.row()));
                return;
            }
            let told = Told::new(format!("source {} is kept, as in flows before", packet.source));
            let told = told
                .row(witness.row())
                .command(format!("conntrack -L --dst-nat {}", packet.destination));
            self.ok(place, Stage::Nat, told);
            return;
        }
        let to = if self.cluster.serves(packet.source) {
            self.host(place).router.masquerade_address(output.index(), packet.destination, next)
        } else {
            None
        };
        let told =
            Told::new(format!("whether {} is masqueraded cannot be told: {why}", packet.source));
        let told = told.command(nat_command(packet));
        self.doubt(place, Stage::Nat, Code::NatUnknown, told);
        if let Some(to) = to {
            self.rewrite_source(place, packet, to, None);
        }
    }

    /// The answer came back past the IPVS that has to translate it.
    pub(super) fn lose_untranslated(&mut self, packet: &Packet, balanced: Balanced) -> Stopped {
        let summary =
            format!("the answer {packet} comes past IPVS, and nobody expects it from there");
        let told = Told::new(summary).packet(packet).command(nat_command(packet));
        self.lose(Place::node(balanced.node), Stage::Nat, Code::MasqueradeMissing, told)
    }
}

/// A destination that the user picked: an address, with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pick {
    /// The address.
    pub address: IpAddr,
    /// The port; `None` for any.
    pub port: Option<u16>,
}

impl Pick {
    fn is(self, destination: SocketAddr) -> bool {
        self.address == destination.ip() && self.port.is_none_or(|port| port == destination.port())
    }
}

impl std::fmt::Display for Pick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}", SocketAddr::new(self.address, port)),
            None => write!(f, "{}", self.address),
        }
    }
}

/// A flow that shows what its source became.
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness {
    asked: IpAddr,
    real: IpAddr,
    became: IpAddr,
}

impl Witness {
    fn row(self) -> String {
        format!("src={} ... src={} dst={}", self.asked, self.real, self.became)
    }
}

impl<'a> Met<'a> {
    /// What flows show of the translation of sources.
    pub(super) fn witnesses(&self) -> Vec<Witness> {
        let mut seen = std::collections::HashSet::new();
        let flows = self
            .flows
            .iter()
            .map(|flow| (flow.original.source, flow.reply.source, flow.reply.destination));
        flows
            .filter(|row| seen.insert(*row))
            .map(|(asked, real, became)| Witness { asked, real, became })
            .collect()
    }

    /// Where persistence sends the packet.
    fn persisted(&self, packet: &Packet) -> Option<&'a DestinationEntry> {
        let service = &self.table.service.service;
        let client = masked(packet.source, service.netmask);
        let mut templates = self.connections.iter().filter(|row| row.is_template());
        let template =
            templates.find(|row| service.is_persistent() && row.client.ip() == client)?;
        let mut rows = self.table.destinations.iter();
        rows.find(|row| row.destination.address == template.destination)
    }

    /// How many connections of the sender lead to destinations that the service no longer has.
    fn stale(&self, packet: &Packet) -> usize {
        let has =
            |address| self.table.destinations.iter().any(|row| row.destination.address == address);
        let rows = self.connections.iter().filter(|row| !row.is_template());
        rows.filter(|row| row.client.ip() == packet.source && !has(row.destination)).count()
    }
}

fn masked(address: IpAddr, mask: Netmask) -> IpAddr {
    match (address, mask) {
        (IpAddr::V4(address), Netmask::V4(mask)) => (address & mask).into(),
        (IpAddr::V6(address), Netmask::V6(length)) => {
            let kept = u128::MAX.checked_shl(128u32.saturating_sub(length)).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(address.to_bits() & kept).into()
        }
        _ => address,
    }
}

fn is_sent_to(flow: &Flow<'_>, packet: &Packet) -> bool {
    flow.original.destination == packet.destination
        && flow.original.destination_port() == packet.destination_port
        && packet.protocol.is_some_and(|protocol| protocol.0 == u16::from(flow.original.protocol.0))
}

fn takes_new(entry: &DestinationEntry) -> bool {
    let upper = entry.destination.upper_threshold;
    let connections = entry.active_connections.saturating_add(entry.inactive_connections);
    entry.destination.weight > 0 && (upper == 0 || connections < upper)
}

fn candidates(table: &ServiceTable, choices: &[Choice<'_>]) -> Vec<Candidate> {
    let rows = table.destinations.iter().map(|row| {
        let destination = row.destination;
        Candidate {
            address: destination.address,
            weight: destination.weight,
            upper_threshold: destination.upper_threshold,
            lower_threshold: destination.lower_threshold,
            active_connections: row.active_connections,
            inactive_connections: row.inactive_connections,
            chosen: choices
                .iter()
                .any(|choice| choice.entry.destination.address == destination.address),
        }
    });
    rows.collect()
}

/// `tcp://10.243.21.14:8880`.
pub(super) fn name_of(packet: &Packet) -> String {
    let address = SocketAddr::new(packet.destination, packet.destination_port.unwrap_or(0));
    let protocol = packet.protocol.unwrap_or(Protocol::TCP);
    ServiceKey::Address { protocol, address }.to_string()
}

/// As `ipvsadm -Sn` writes it.
fn service_row(table: &ServiceTable) -> String {
    let service = &table.service.service;
    let mut row = format!("{} -s {}", service.key, service.scheduler);
    if service.is_persistent() {
        _ = write!(row, " -p {}", service.timeout);
    }
    row
}

fn destination_row(entry: &DestinationEntry) -> String {
    let destination = entry.destination;
    let mut row = format!(
        "-> {} {} -w {}",
        destination.address,
        flag_of(destination.method),
        destination.weight
    );
    if destination.upper_threshold != 0 {
        let (upper, lower) = (destination.upper_threshold, destination.lower_threshold);
        _ = write!(row, " -x {upper} -y {lower}");
    }
    row
}

fn flag_of(method: ForwardingMethod) -> &'static str {
    match method {
        ForwardingMethod::TUNNEL => "-i",
        ForwardingMethod::ROUTE => "-g",
        _ => "-m",
    }
}
