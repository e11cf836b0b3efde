//! The walk of one packet from host to host, and what it tells on its way.

use std::net::IpAddr;

use super::cluster::{Cluster, Host, Place};
use super::routing::{self, Answer, Kind, Question};
use super::rows;
use super::rules::{Outcome, Passing};
use super::service::Witness;
use super::value::{Direction, Evidence, Frame, Packet, State, Step};
use crate::netfilter::Hook;
use crate::{Code, Link, Prefix, Refusal, Stage};

/// Hosts that a packet may pass.
const MOST_HOSTS: usize = 16;

/// The last step says why the packet goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

pub(super) type Way<T> = Result<T, Stopped>;

/// How a packet comes to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A process sends it.
    Local {
        /// Whether it chose the source.
        bound: bool,
    },
    /// IPVS sends it on, past the decision whether to forward.
    Balanced {
        /// The mark that it got before.
        mark: u32,
        /// The destination that it is sent to.
        towards: IpAddr,
        /// Whether it keeps the service's address.
        kept: bool,
    },
    /// It came in through a link.
    Link(u32),
}

/// A packet at a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) place: Place,
    pub(super) origin: Origin,
}

/// Where a packet ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) place: Place,
    /// The mark that rules gave it.
    pub(super) mark: u32,
}

/// A translation that a host made and undoes in answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Translation {
    pub(super) node: usize,
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
}

/// What IPVS made of the packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Balanced {
    pub(super) node: usize,
    pub(super) service: (IpAddr, Option<u16>),
    pub(super) real: (IpAddr, Option<u16>),
    /// Whether an answer came by, to get the service's address again.
    pub(super) undone: bool,
}

/// One packet's walk so far.
#[derive(Clone)]
pub(super) struct Walk<'a, 'c> {
    pub(super) cluster: &'c Cluster<'a>,
    pub(super) steps: Vec<Step>,
    pub(super) direction: Direction,
    pub(super) translations: Vec<Translation>,
    pub(super) balanced: Option<Balanced>,
    /// The packet that began it all, as it was sent.
    pub(super) first: Option<Packet>,
    /// Flows that show what sources become.
    pub(super) witnesses: Vec<Witness>,
}

impl<'a, 'c> Walk<'a, 'c> {
    pub(super) fn new(cluster: &'c Cluster<'a>) -> Self {
        Self {
            cluster,
            steps: Vec::new(),
            direction: Direction::Forward,
            translations: Vec::new(),
            balanced: None,
            first: None,
            witnesses: Vec::new(),
        }
    }

    /// Tells a step.
    pub(super) fn tell(&mut self, at: Place, stage: Stage, state: State, told: Told) {
        let Told { summary, mut evidence } = told;
        evidence.pod = self.cluster.pod_name(at).map(str::to_owned);
        if let (Some(pod), Some(command)) = (&evidence.pod, &mut evidence.command) {
            *command = format!("ip netns exec {pod} {command}");
        }
        let node = self.cluster.nodes[at.node].name().to_owned();
        self.steps.push(Step { node, direction: self.direction, stage, state, summary, evidence });
    }

    pub(super) fn ok(&mut self, at: Place, stage: Stage, told: Told) {
        self.tell(at, stage, State::Ok, told);
    }

    pub(super) fn warn(&mut self, at: Place, stage: Stage, code: Code, told: Told) {
        self.tell(at, stage, State::Warning, told.code(code));
    }

    /// Tells that it is not known what happens, and goes on.
    pub(super) fn doubt(&mut self, at: Place, stage: Stage, code: Code, told: Told) {
        self.tell(at, stage, State::Unknown, told.code(code));
    }

    /// Tells that it is not known where the packet goes.
    pub(super) fn lose_sight(
        &mut self,
        at: Place,
        stage: Stage,
        code: Code,
        told: Told,
    ) -> Stopped {
        self.doubt(at, stage, code, told);
        Stopped
    }

    /// Tells that the packet is lost.
    pub(super) fn lose(&mut self, at: Place, stage: Stage, code: Code, told: Told) -> Stopped {
        self.tell(at, stage, State::Broken, told.code(code));
        Stopped
    }

    pub(super) fn host(&self, place: Place) -> &'c Host<'a> {
        self.cluster.host(place)
    }

    /// Follows the packet to the host that it is for.
    pub(super) fn follow(&mut self, mut at: At, packet: &mut Packet) -> Way<Arrival> {
        self.first.get_or_insert(*packet);
        for _ in 0..MOST_HOSTS {
            match self.pass_host(at, packet)? {
                Passed::Arrived(arrival) => return Ok(arrival),
                Passed::On(next) => at = next,
            }
        }
        let told = Told::new(format!("{packet} circles between hosts until its time is over"));
        Err(self.lose(at.place, Stage::Route, Code::FdbLoop, told))
    }

    /// Takes the packet through one host, to the next one unless it is for this one.
    fn pass_host(&mut self, at: At, packet: &mut Packet) -> Way<Passed> {
        let At { place, origin } = at;
        let (input, mut mark) = match origin {
            Origin::Link(link) => (Some(link), 0),
            Origin::Balanced { mark, .. } => (None, mark),
            Origin::Local { .. } => (None, 0),
        };
        if let Some(input) = input {
            self.check_tracking(place)?;
            mark = self.filter(place, Hook::Prerouting, packet, mark, Some(input), None)?;
            self.undo_translation(place, packet);
        }
        if matches!(origin, Origin::Local { .. }) {
            self.check_tracking(place)?;
        }
        let answer = self.ask_route(at, packet, mark);
        if self.meets_service(at, packet, &answer)? {
            return Ok(Passed::Arrived(Arrival { place, mark }));
        }
        match answer.kind {
            Kind::Local { source } => {
                if origin == (Origin::Local { bound: false }) {
                    packet.source = source.unwrap_or(packet.source);
                }
                mark = self.take_in(at, packet, mark, &answer)?;
                Ok(Passed::Arrived(Arrival { place, mark }))
            }
            Kind::Send { link, next, source, others } => {
                if origin == (Origin::Local { bound: false }) {
                    packet.source = source.unwrap_or(packet.source);
                }
                if place.pod.is_some() && input.is_some() {
                    return Err(self.lose_stray(place, packet));
                }
                self.check_near(at, next, link)?;
                self.translate(at, packet, mark, link, next)?;
                self.tell_route(place, packet, input, &answer, others);
                self.let_out(at, packet, mark, (link.index(), next))?;
                self.send(place, link, next, packet).map(Passed::On)
            }
            Kind::Refused(refusal) => Err(self.lose_refused(at, packet, refusal, &answer)),
        }
    }

    fn ask_route(&self, at: At, packet: &Packet, mark: u32) -> Answer<'a> {
        let mut packet = *packet;
        let (bound, input, mark) = match at.origin {
            Origin::Local { bound } => (bound, None, mark),
            // IPVS asks with nothing but the destination.
            Origin::Balanced { towards, .. } => {
                packet.destination = towards;
                (false, None, 0)
            }
            Origin::Link(link) => (true, Some(link), mark),
        };
        routing::decide(self.host(at.place), &Question { packet, bound, input, mark })
    }

    /// Passes a packet for this host through its rules.
    fn take_in(
        &mut self,
        at: At,
        packet: &mut Packet,
        mut mark: u32,
        answer: &Answer<'a>,
    ) -> Way<u32> {
        let At { place, origin } = at;
        let input = match origin {
            Origin::Link(link) => Some(link),
            _ => None,
        };
        if input.is_none() {
            mark = self.filter(place, Hook::Output, packet, mark, None, None)?;
        }
        if place.pod.is_none() || input.is_none() {
            let told = Told::new(format!("{} is this host's own", packet.destination));
            let told = told.maybe_row(answer.row.clone());
            let command = rows::route_query(packet, self.input_name(place, input));
            self.ok(place, Stage::Route, told.command(command));
        }
        // IPVS takes what the host's own processes send before it comes in again.
        let is_taken = input.is_none()
            && self.direction == Direction::Forward
            && self.balanced.is_none()
            && self.has_service(place, packet);
        if !is_taken {
            let input = input.or_else(|| self.host(place).loopback());
            mark = self.filter(place, Hook::Input, packet, mark, input, None)?;
        }
        self.undo_balancing(place, packet);
        Ok(mark)
    }

    /// Passes a packet that leaves through the host's rules.
    fn let_out(
        &mut self,
        at: At,
        packet: &mut Packet,
        mark: u32,
        output: (u32, IpAddr),
    ) -> Way<()> {
        let place = at.place;
        let output = Some(output);
        match at.origin {
            Origin::Link(input) => {
                self.check_forwarding(place, packet, input)?;
                self.filter(place, Hook::Forward, packet, mark, Some(input), output)?;
            }
            _ => _ = self.filter(place, Hook::Output, packet, mark, None, output)?,
        }
        self.undo_balancing(place, packet);
        Ok(())
    }

    fn tell_route(
        &mut self,
        place: Place,
        packet: &Packet,
        input: Option<u32>,
        answer: &Answer<'a>,
        others: usize,
    ) {
        if let Some(rule) = answer.rule.clone() {
            self.ok(place, Stage::Rule, Told::new(rule.clone()).row(rule).command("ip rule show"));
        }
        let row = answer.row.clone().unwrap_or_default();
        let summary = match others {
            0 => row.clone(),
            _ => format!("{row}, the first of {} ways", others + 1),
        };
        let command = rows::route_query(packet, self.input_name(place, input));
        self.ok(place, Stage::Route, Told::new(summary).row(row).command(command));
    }

    /// Tells why the routing tables lead nowhere.
    fn lose_refused(
        &mut self,
        at: At,
        packet: &Packet,
        refusal: Refusal,
        answer: &Answer<'a>,
    ) -> Stopped {
        let place = at.place;
        let input = match at.origin {
            Origin::Link(link) => Some(link),
            _ => None,
        };
        match (refusal, input) {
            (Refusal::NotForwarding | Refusal::NoRoute, Some(_)) if place.pod.is_some() => {
                self.lose_stray(place, packet)
            }
            (Refusal::NotForwarding, Some(input)) => self.lose_unforwarded(place, packet, input),
            (Refusal::BadSource | Refusal::ReversePath, Some(input)) => {
                self.lose_source(place, packet, input, refusal)
            }
            (Refusal::NoRoute, _) => self.explain_missing_route(place, packet, input),
            _ => {
                let (stage, code, row) = match (&answer.row, &answer.rule) {
                    (Some(row), _) => (Stage::Route, Code::RouteReject, Some(row.clone())),
                    (None, Some(rule)) => (Stage::Rule, Code::RuleReject, Some(rule.clone())),
                    (None, None) => (Stage::Route, Code::RouteReject, None),
                };
                let summary = match &row {
                    Some(row) => format!("{row}: drops what is for {}", packet.destination),
                    None => format!("{refusal}: {packet}"),
                };
                let command = rows::route_query(packet, self.input_name(place, input));
                self.lose(place, stage, code, Told::new(summary).maybe_row(row).command(command))
            }
        }
    }

    /// A pod got a packet that is for another address.
    fn lose_stray(&mut self, place: Place, packet: &Packet) -> Stopped {
        let to = packet.destination;
        let pod = self.cluster.pod_name(place).unwrap_or_default();
        let code =
            if self.cluster.serves(to) { Code::ServiceAddressMissing } else { Code::PodMissing };
        let told = Told::new(format!("{pod} does not have {to}")).command("ip address show");
        let told = told.fix(format!("ip netns exec {pod} ip address add {to} dev lo"));
        self.lose(place, Stage::Route, code, told)
    }

    /// Whether IPVS takes the packet though its address is not the host's own: it does of the
    /// host's own processes only.
    fn meets_service(&mut self, at: At, packet: &mut Packet, answer: &Answer<'a>) -> Way<bool> {
        // What IPVS sends on as it is has the service's address still.
        let is_sent_on = self.balanced.is_some() || matches!(at.origin, Origin::Balanced { .. });
        let forward = self.direction == Direction::Forward && !is_sent_on;
        let is_local = matches!(answer.kind, Kind::Local { .. });
        if !forward || is_local || at.place.pod.is_some() || !self.has_service(at.place, packet) {
            return Ok(false);
        }
        let to = packet.destination;
        let told = Told::new(format!("no link has {to}")).maybe_row(answer.row.clone());
        let told = told.command(format!("ip address show to {to}"));
        let told = told.fix(format!("ip address add {} dev kube-ipvs0", Prefix::host(to)));
        let code = Code::ServiceAddressMissing;
        if let (Kind::Send { source, .. }, Origin::Local { bound }) = (&answer.kind, at.origin) {
            if let (false, Some(source)) = (bound, source) {
                packet.source = *source;
            }
            self.warn(at.place, Stage::Service, code, told);
            return Ok(true);
        }
        Err(self.lose(at.place, Stage::Service, code, told))
    }

    /// Directly routed packets keep their destination, so a router would not know where to.
    fn check_near(&mut self, at: At, next: IpAddr, link: &Link) -> Way<()> {
        let Origin::Balanced { towards, kept: true, .. } = at.origin else { return Ok(()) };
        if next == towards {
            return Ok(());
        }
        let summary =
            format!("{towards} is behind the router {next}, which direct routing cannot pass");
        let told = Told::new(summary).device(link.name());
        let told = told.command(format!("ip route get {towards}"));
        Err(self.lose(at.place, Stage::Destination, Code::DestinationNotOnLink, told))
    }

    pub(super) fn input_name(&self, place: Place, input: Option<u32>) -> Option<String> {
        input.map(|input| self.host(place).network.link_name(input))
    }

    /// Why there is no route, as far as links show it.
    fn explain_missing_route(
        &mut self,
        place: Place,
        packet: &Packet,
        input: Option<u32>,
    ) -> Stopped {
        let to = packet.destination;
        let host = self.host(place);
        let command = rows::route_query(packet, self.input_name(place, input));
        let overlay = match place.pod {
            None => self.overlay_to(to, place.node),
            Some(_) => None,
        };
        let Some(overlay) = overlay else {
            let told = Told::new(format!("no route to {to}")).command(command);
            return self.lose(place, Stage::Route, Code::RouteMissing, told);
        };
        let own = host.vteps().find(|(link, vtep)| {
            link.name() == overlay.name || vtep.id == overlay.vni && vtep.external != Some(true)
        });
        let Some((link, _)) = own else {
            let told = Told::new(format!("no device {}, and so no route to {to}", overlay.name));
            let told = told.device(&overlay.name).command("ip -d link show type vxlan");
            return self.lose(place, Stage::Vtep, Code::VtepMissing, told);
        };
        if !link.is_up() {
            return self.lose_down_vtep(place, link, Some(to));
        }
        let told = Told::new(format!("no route to {to}")).device(link.name()).command(command);
        let told = told.fix(overlay.route_fix(link));
        if host.knows_peers_on(link.index()) {
            return self.lose(place, Stage::Route, Code::RouteMissing, told);
        }
        let summary = format!("no route to {to}: {} lost its routes and neighbours", link.name());
        self.lose(place, Stage::Route, Code::VtepEmptied, Told { summary, ..told })
    }

    /// Hands the packet to the link that it leaves through, and finds the host that it comes to.
    fn send(&mut self, place: Place, link: &'a Link, next: IpAddr, packet: &mut Packet) -> Way<At> {
        if link.base.vxlan.is_some() {
            return self.tunnel_to(place, link, next, packet);
        }
        if !link.is_up() {
            let told = Told::new(format!("{} is down", link.name())).device(link.name());
            let told = told.command(format!("ip link show {}", link.name()));
            let told = told.fix(format!("ip link set {} up", link.name()));
            return Err(self.lose(place, Stage::Route, Code::RouteLinkDown, told));
        }
        match link.kind() {
            Some("bridge") => self.bridge_to(place, link, next, packet),
            _ if place.pod.is_some() => self.leave_pod(place, link, next, packet),
            _ => self.wire_to(place, link, next, packet),
        }
    }

    /// What rules make of the source when the packet leaves.
    fn translate(
        &mut self,
        at: At,
        packet: &mut Packet,
        mark: u32,
        output: &Link,
        next: IpAddr,
    ) -> Way<()> {
        let place = at.place;
        if self.direction == Direction::Return || place.pod.is_some() {
            return Ok(());
        }
        let input = match at.origin {
            Origin::Link(link) => Some(link),
            Origin::Local { .. } => None,
            Origin::Balanced { kept, .. } => {
                return self.translate_balanced(place, packet, mark, output, next, kept);
            }
        };
        let hook = Hook::Postrouting;
        let outcome = self.judge(place, hook, packet, mark, input, Some((output.index(), next)));
        if let Some(to) = outcome.source {
            self.rewrite_source(place, packet, to, outcome.rule);
        }
        Ok(())
    }

    /// Changes the source, and remembers it for answers.
    pub(super) fn rewrite_source(
        &mut self,
        place: Place,
        packet: &mut Packet,
        to: IpAddr,
        rule: Option<String>,
    ) {
        let from = packet.source;
        if from == to {
            return;
        }
        packet.source = to;
        packet.source_port = None;
        self.translations.push(Translation { node: place.node, from, to });
        let told = Told::new(format!("source {from} becomes {to}")).packet(packet);
        self.ok(place, Stage::Nat, told.maybe_row(rule).command(nat_command(packet)));
    }

    /// Gives an answer the address that its asker had before this host translated it.
    fn undo_translation(&mut self, place: Place, packet: &mut Packet) {
        if self.direction == Direction::Forward || place.pod.is_some() {
            return;
        }
        let mut rows = self.translations.iter();
        let row = rows.find(|row| row.node == place.node && row.to == packet.destination);
        let Some(&Translation { from, to, .. }) = row else { return };
        packet.destination = from;
        let told = Told::new(format!("destination {to} becomes {from} again")).packet(packet);
        self.ok(place, Stage::Nat, told.command(format!("conntrack -L --reply-dst {to}")));
    }

    /// Gives an answer the service's address, where it passes the IPVS that chose its sender.
    pub(super) fn undo_balancing(&mut self, place: Place, packet: &mut Packet) {
        let Some(mut balanced) = self.balanced else { return };
        let is_here = self.direction == Direction::Return && Place::node(balanced.node) == place;
        if !is_here || (packet.source, packet.source_port) != balanced.real {
            return;
        }
        balanced.undone = true;
        self.balanced = Some(balanced);
        let real = *packet;
        (packet.source, packet.source_port) = balanced.service;
        let summary = format!("IPVS gives the answer the service's address: {packet}");
        let command = format!("ipvsadm -Lnc | grep {}", real.source);
        self.ok(place, Stage::Service, Told::new(summary).packet(packet).command(command));
    }

    /// What the rules of a hook make of the packet.
    pub(super) fn judge(
        &self,
        place: Place,
        hook: Hook,
        packet: &Packet,
        mark: u32,
        input: Option<u32>,
        output: Option<(u32, IpAddr)>,
    ) -> Outcome {
        let answers = self.first.as_ref().filter(|_| self.direction == Direction::Return);
        let passing = Passing {
            packet,
            mark,
            input: self.input_name(place, input),
            output: self.input_name(place, output.map(|(link, _)| link)),
            next: output.map(|(_, next)| next),
            answers,
        };
        self.cluster.pass(place.node, hook, &passing)
    }
}

/// The command that shows rules of translation.
pub(super) fn nat_command(packet: &Packet) -> String {
    let tool = if packet.source.is_ipv4() { "iptables" } else { "ip6tables" };
    format!("{tool}-save -t nat")
}

/// What became of a packet at a host.
enum Passed {
    Arrived(Arrival),
    On(At),
}

/// What a step tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    summary: String,
    evidence: Evidence,
}

impl Told {
    pub(super) fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), evidence: Evidence::default() }
    }

    pub(super) fn summary(self, summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..self }
    }

    /// Tells more.
    pub(super) fn and(mut self, more: &str) -> Self {
        self.summary = format!("{}; {more}", self.summary);
        self
    }

    fn code(mut self, code: Code) -> Self {
        self.evidence.code = Some(code);
        self
    }

    pub(super) fn row(self, row: impl Into<String>) -> Self {
        self.maybe_row(Some(row.into()))
    }

    pub(super) fn maybe_row(mut self, row: Option<String>) -> Self {
        self.evidence.row = row;
        self
    }

    pub(super) fn command(mut self, command: impl Into<String>) -> Self {
        self.evidence.command = Some(command.into());
        self
    }

    pub(super) fn device(mut self, name: &str) -> Self {
        self.evidence.device = Some(name.to_owned());
        self
    }

    pub(super) fn packet(mut self, packet: &Packet) -> Self {
        self.evidence.packet = Some(*packet);
        self
    }

    pub(super) fn frame(mut self, frame: Frame) -> Self {
        self.evidence.frame = Some(frame);
        self
    }

    pub(super) fn candidates(mut self, candidates: Vec<super::Candidate>) -> Self {
        self.evidence.candidates = candidates;
        self
    }

    pub(super) fn fix(self, fix: impl Into<String>) -> Self {
        self.maybe_fix(Some(fix.into()))
    }

    pub(super) fn maybe_fix(mut self, fix: Option<String>) -> Self {
        self.evidence.fix = fix;
        self
    }
}
