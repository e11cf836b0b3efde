//! Rules as they are asked.

use std::collections::HashSet;
use std::net::IpAddr;
use std::rc::Rc;

use ipvs::Family;

use super::ipset::Sets;
use super::rule::{Base, Chain, Condition, Effect, Field, Program, Rule, Step, Text, Value};
use super::text::{self, state, status};
use super::{
    Action, Change, ConnectionState, Ending, Hook, Netfilter, Packet, Passage, RuleText, Verdict,
    iptables, nftables,
};
use crate::{Part, Query, RouteKind, Router};

/// More possibilities than this are not followed.
const MOST_ENDINGS: usize = 512;
/// More chains that call each other the kernel does not take.
const DEEPEST: usize = 64;
/// More rules than this for one packet are a circle.
const MOST_RULES: usize = 1_000_000;

/// The rules of a network namespace for one family, ready to be asked.
///
/// What both tools wrote is one: chains of both are asked in the order of their priorities.
#[derive(Clone, Debug)]
pub struct Firewall {
    family: Family,
    program: Program,
    gaps: Vec<String>,
}

impl Firewall {
    /// Reads the rules. What cannot be read or understood is kept as a gap, or as a doubt about the
    /// rule that it is in; nothing makes it fail.
    pub fn new(netfilter: &Netfilter, family: Family) -> Self {
        let (mut program, mut gaps) = (Program::default(), Vec::new());
        let sets = netfilter.sets.get().map(|text| Sets::parse(text, family));
        let text = match family {
            Family::Ipv4 => &netfilter.iptables,
            Family::Ipv6 => &netfilter.ip6tables,
        };
        let mut taken = Vec::new();
        match text {
            Part::Read(text) => {
                taken = iptables::read(text, family, sets.as_ref(), &mut program, &mut gaps);
            }
            Part::Unknown(reason) => gaps.push(format!("iptables: {reason}")),
        }
        match &netfilter.nftables {
            Part::Read(text) => nftables::read(text, family, &taken, &mut program, &mut gaps),
            Part::Unknown(reason) => gaps.push(format!("nftables: {reason}")),
        }
        program.bases.sort_by_key(|base| base.priority);
        Self { family, program, gaps }
    }

    /// What could not be read or understood at all.
    pub fn gaps(&self) -> &[String] {
        &self.gaps
    }

    /// Whether there is no rule at a hook, nor a policy that drops.
    pub fn is_open(&self, hook: Hook) -> bool {
        let mut bases = self.program.bases.iter().filter(|base| base.hook == hook);
        bases.all(|base| !base.drops && self.program.chains[base.chain].rules.is_empty())
    }

    /// Lets a packet pass through the rules of a hook.
    ///
    /// A rule of which it is not known whether it matches is taken both ways, if it could matter;
    /// what differs then shows in several endings.
    pub fn pass(&self, hook: Hook, packet: &Packet, router: &Router<'_>) -> Passage {
        let bases: Vec<&Base> =
            self.program.bases.iter().filter(|base| base.hook == hook).collect();
        let mut walk = Walk { firewall: self, router, hook, bases, endings: Vec::new(), asked: 0 };
        walk.enter_base(State::new(packet), 0);
        let endings = merge(walk.endings.into_iter().map(|ending| ending.shown(self)).collect());
        Passage { endings, gaps: self.gaps.clone() }
    }

    fn chain(&self, index: usize) -> &Chain {
        &self.program.chains[index]
    }
}

/// Where a rule is: its chain and its place there; a place behind the last is the policy.
type Place = (usize, usize);

/// A packet on its way through the rules.
#[derive(Clone, Debug)]
struct State {
    packet: Packet,
    actions: Vec<(Place, Change)>,
    doubts: Vec<Place>,
    by_chance: bool,
    /// Whether its addresses were settled at this hook, so that the other chains for that are
    /// passed over.
    translated: bool,
}

impl State {
    fn new(packet: &Packet) -> Self {
        let (actions, doubts) = (Vec::new(), Vec::new());
        Self { packet: packet.clone(), actions, doubts, by_chance: false, translated: false }
    }
}

/// Where to go on when a chain is through: chain and rule, from the inside out.
#[derive(Debug)]
struct Frame {
    chain: usize,
    rule: usize,
    outer: Option<Rc<Frame>>,
    depth: usize,
}

struct Walk<'w> {
    firewall: &'w Firewall,
    router: &'w Router<'w>,
    hook: Hook,
    bases: Vec<&'w Base>,
    endings: Vec<Finished>,
    asked: usize,
}

struct Finished {
    verdict: Verdict,
    by: Option<Place>,
    state: State,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    True,
    False,
    /// Not known; `true` if it is left to chance.
    Unknown(bool),
}

impl Truth {
    fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    fn negated_if(self, negated: bool) -> Self {
        match self {
            Self::Unknown(_) => self,
            known => Self::of((known == Self::True) != negated),
        }
    }
}

impl Walk<'_> {
    /// Goes on with the next chain that the hook calls.
    fn enter_base(&mut self, state: State, base: usize) {
        let Some(next) = self.bases.get(base).copied() else {
            return self.finish(Verdict::Accept, None, state);
        };
        let first = matches!(
            state.packet.connection.state,
            ConnectionState::New | ConnectionState::Related
        );
        if next.nat && (!first || state.translated) {
            return self.enter_base(state, base + 1);
        }
        let frame = Frame { chain: next.chain, rule: 0, outer: None, depth: 0 };
        self.run(state, Rc::new(frame), base);
    }

    fn finish(&mut self, verdict: Verdict, by: Option<Place>, state: State) {
        self.endings.push(Finished { verdict, by, state });
    }

    /// Goes through rules from the frame's on.
    fn run(&mut self, mut state: State, frame: Rc<Frame>, base: usize) {
        let mut frame = frame;
        loop {
            let chain = self.firewall.chain(frame.chain);
            let Some(rule) = chain.rules.get(frame.rule) else {
                match frame.outer.clone() {
                    Some(outer) => frame = outer,
                    None => return self.policy(state, frame.chain, base),
                }
                continue;
            };
            let place = (frame.chain, frame.rule);
            self.asked += 1;
            if self.asked > MOST_RULES || self.endings.len() > MOST_ENDINGS || frame.depth > DEEPEST
            {
                state.doubts.push(place);
                return self.finish(Verdict::Unknown, Some(place), state);
            }
            let outer = frame.outer.clone();
            let after = Rc::new(Frame { rule: frame.rule + 1, outer, ..*frame });
            match self.begin(rule, &state) {
                Truth::False => {}
                // Whether it matches is all the same.
                Truth::Unknown(_) if is_harmless(&rule.steps) => {}
                Truth::True => match self.steps(&mut state, &rule.steps, place, &after, base) {
                    Flow::Next => {}
                    Flow::Into(next) => {
                        frame = next;
                        continue;
                    }
                    Flow::Done => return,
                },
                Truth::Unknown(by_chance) => {
                    let mut taken = state.clone();
                    for state in [&mut taken, &mut state] {
                        if by_chance {
                            state.by_chance = true;
                        } else {
                            state.doubts.push(place);
                        }
                    }
                    match self.steps(&mut taken, &rule.steps, place, &after, base) {
                        Flow::Next => self.run(taken, after.clone(), base),
                        Flow::Into(next) => self.run(taken, next, base),
                        Flow::Done => {}
                    }
                }
            }
            frame = after;
        }
    }

    fn policy(&mut self, state: State, chain: usize, base: usize) {
        if self.bases[base].drops {
            let place = (chain, self.firewall.chain(chain).rules.len());
            return self.finish(Verdict::Drop, Some(place), state);
        }
        self.enter_base(state, base + 1);
    }

    /// The conditions in front of the first effect, together.
    fn begin(&self, rule: &Rule, state: &State) -> Truth {
        let conditions = rule.steps.iter().map_while(|step| match step {
            Step::If(condition) => Some(Some(condition)),
            Step::Do(Effect::Nothing) => Some(None),
            Step::Do(_) => None,
        });
        let truths = conditions.flatten().map(|condition| self.holds(condition, &state.packet));
        all(truths)
    }

    /// Does what a rule does once its first conditions hold.
    fn steps(
        &mut self,
        state: &mut State,
        steps: &[Step],
        place: Place,
        after: &Rc<Frame>,
        base: usize,
    ) -> Flow {
        let begun =
            steps.iter().position(|step| matches!(step, Step::Do(effect) if !effect.is_nothing()));
        for step in &steps[begun.unwrap_or(steps.len())..] {
            let effect = match step {
                Step::If(condition) => match self.holds(condition, &state.packet) {
                    Truth::True => continue,
                    Truth::False => return Flow::Next,
                    Truth::Unknown(_) => {
                        state.doubts.push(place);
                        continue;
                    }
                },
                Step::Do(effect) => effect,
            };
            match self.apply(state, effect, place, after, base) {
                Flow::Next => {}
                other => return other,
            }
        }
        Flow::Next
    }

    fn apply(
        &mut self,
        state: &mut State,
        effect: &Effect,
        place: Place,
        after: &Rc<Frame>,
        base: usize,
    ) -> Flow {
        let into = |chain: &usize, outer: Option<Rc<Frame>>| {
            Flow::Into(Rc::new(Frame { chain: *chain, rule: 0, outer, depth: after.depth + 1 }))
        };
        match effect {
            Effect::Accept => self.accept(state, base),
            Effect::Drop => self.end(Verdict::Drop, state, place),
            Effect::Reject => self.end(Verdict::Reject, state, place),
            Effect::Return => {
                let Some(outer) = after.outer.clone() else {
                    self.policy(state.clone(), after.chain, base);
                    return Flow::Done;
                };
                Flow::Into(outer)
            }
            Effect::Jump(chain) => into(chain, Some(after.clone())),
            Effect::Goto(chain) => {
                let outer = after.outer.clone().unwrap_or_else(|| {
                    // Behind a chain that a hook calls comes its policy.
                    let end = self.firewall.chain(after.chain).rules.len();
                    Rc::new(Frame { rule: end, outer: None, ..**after })
                });
                into(chain, Some(outer))
            }
            Effect::Mark { keep, flip } => set_mark(state, state.packet.mark & keep ^ flip, place),
            Effect::RestoreMark { mask } => {
                let of_connection = state.packet.connection.mark & mask;
                set_mark(state, state.packet.mark & !mask | of_connection, place)
            }
            Effect::ConnectionMark { keep, flip } => {
                let mark = &mut state.packet.connection.mark;
                *mark = *mark & keep ^ flip;
                Flow::Next
            }
            Effect::SaveMark { mask } => {
                let of_packet = state.packet.mark & mask;
                let mark = &mut state.packet.connection.mark;
                *mark = *mark & !mask | of_packet;
                Flow::Next
            }
            Effect::NoTrack => {
                state.packet.connection.state = ConnectionState::Untracked;
                state.actions.push((place, Change::NoTrack));
                Flow::Next
            }
            Effect::Masquerade => self.masquerade(state, place, base),
            Effect::SourceNat { address, port } => {
                self.each(state, *address, base, |state, address| {
                    state.actions.push((place, Change::SourceNat { address, port: *port }));
                    state.packet.source = address.unwrap_or(state.packet.source);
                    state.packet.source_port = port.unwrap_or(state.packet.source_port);
                    state.packet.connection.source_translated = true;
                })
            }
            Effect::DestinationNat { address, port } => {
                self.each(state, *address, base, |state, address| {
                    state.actions.push((place, Change::DestinationNat { address, port: *port }));
                    translate_destination(&mut state.packet, address, *port);
                })
            }
            Effect::Redirect { port } => {
                state.actions.push((place, Change::Redirect { port: *port }));
                let own = self.redirected(&state.packet);
                translate_destination(&mut state.packet, own, *port);
                state.translated = true;
                self.accept(state, base)
            }
            Effect::Map { fields, entries } => self.map(state, fields, entries, place, after, base),
            Effect::Nothing => Flow::Next,
            Effect::Doubt => {
                state.doubts.push(place);
                let mut dropped = state.clone();
                let _ = self.end(Verdict::Unknown, &mut dropped, place);
                Flow::Next
            }
        }
    }

    /// Ends this chain; the others of the hook are still asked.
    fn accept(&mut self, state: &mut State, base: usize) -> Flow {
        self.enter_base(state.clone(), base + 1);
        Flow::Done
    }

    fn end(&mut self, verdict: Verdict, state: &mut State, place: Place) -> Flow {
        self.finish(verdict, Some(place), state.clone());
        Flow::Done
    }

    fn masquerade(&mut self, state: &mut State, place: Place, base: usize) -> Flow {
        let packet = &state.packet;
        let output = packet.output.as_deref();
        let link = output.and_then(|name| self.router.network().link_named(name));
        let next = packet.gateway.unwrap_or(packet.destination);
        let address = link.and_then(|link| {
            self.router.masquerade_address(link.index(), packet.destination, next)
        });
        state.actions.push((place, Change::Masquerade { address }));
        // Without an address to give, the packet is dropped.
        if link.is_some() && address.is_none() {
            return self.end(Verdict::Drop, state, place);
        }
        state.packet.source = address.unwrap_or(packet.source);
        state.packet.connection.source_translated = true;
        state.translated = true;
        self.accept(state, base)
    }

    /// Translates to each of the addresses, of which the kernel takes one by a hash.
    fn each(
        &mut self,
        state: &mut State,
        addresses: Option<super::rule::Addresses>,
        base: usize,
        mut change: impl FnMut(&mut State, Option<IpAddr>),
    ) -> Flow {
        /// Of a longer range only this many.
        const SHOWN: u128 = 16;
        state.translated = true;
        let Some(range) = addresses else {
            change(state, None);
            return self.accept(state, base);
        };
        let (first, last) = (text::number(range.first), text::number(range.last));
        let several = first < last;
        for number in first..=last.min(first.saturating_add(SHOWN - 1)) {
            let mut state = state.clone();
            state.by_chance |= several;
            let address = match range.first {
                IpAddr::V4(_) => IpAddr::V4((number as u32).into()),
                IpAddr::V6(_) => IpAddr::V6(number.into()),
            };
            change(&mut state, Some(address));
            self.enter_base(state, base + 1);
        }
        Flow::Done
    }

    /// This host's address where a packet is redirected to.
    fn redirected(&self, packet: &Packet) -> Option<IpAddr> {
        if self.hook == Hook::Output {
            return Some(match self.firewall.family {
                Family::Ipv4 => IpAddr::from([127, 0, 0, 1]),
                Family::Ipv6 => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        let network = self.router.network();
        let link = network.link_named(packet.input.as_deref()?)?;
        let mut own = network.addresses_of(link.index()).map(|own| own.address);
        own.find(|own| text::is_of(*own, self.firewall.family))
    }

    fn map(
        &mut self,
        state: &mut State,
        fields: &[Field],
        entries: &[(Vec<super::rule::Pattern>, Vec<Step>)],
        place: Place,
        after: &Rc<Frame>,
        base: usize,
    ) -> Flow {
        let values = match self.values(fields, &state.packet) {
            Read::Are(values) => values,
            Read::Absent => return Flow::Next,
            Read::Unknown(by_chance) => {
                for (_, steps) in entries {
                    let mut taken = state.clone();
                    taken.by_chance |= by_chance;
                    if !by_chance {
                        taken.doubts.push(place);
                    }
                    match self.steps(&mut taken, steps, place, after, base) {
                        Flow::Next => self.run(taken, after.clone(), base),
                        Flow::Into(next) => self.run(taken, next, base),
                        Flow::Done => {}
                    }
                }
                // A number by chance always has its entry.
                if by_chance && !entries.is_empty() {
                    return Flow::Done;
                }
                state.doubts.push(place);
                return Flow::Next;
            }
        };
        let takes = |patterns: &[super::rule::Pattern]| {
            patterns.len() == values.len()
                && patterns.iter().zip(&values).all(|(pattern, value)| pattern.takes(value))
        };
        match entries.iter().find(|(patterns, _)| takes(patterns)) {
            Some((_, steps)) => self.steps(state, steps, place, after, base),
            None => Flow::Next,
        }
    }

    fn holds(&self, condition: &Condition, packet: &Packet) -> Truth {
        match condition {
            Condition::Always(always) => Truth::of(*always),
            Condition::Doubt { by_chance } => Truth::Unknown(*by_chance),
            Condition::Any(conditions) => {
                let mut unknown = None;
                for condition in conditions {
                    match self.holds(condition, packet) {
                        Truth::True => return Truth::True,
                        Truth::False => {}
                        doubt @ Truth::Unknown(_) => unknown = Some(doubt),
                    }
                }
                unknown.unwrap_or(Truth::False)
            }
            Condition::In { fields, set, negated } => match self.values(fields, packet) {
                Read::Absent => Truth::False,
                Read::Unknown(by_chance) => Truth::Unknown(by_chance),
                Read::Are(values) => match set.has(&values) {
                    false if set.doubtful => Truth::Unknown(false),
                    found => Truth::of(found).negated_if(*negated),
                },
            },
            Condition::AnyBit { field, bits, negated } => match self.value(field, packet) {
                Read::Are(Value::Number(number)) => Truth::of((number & bits != 0) != *negated),
                Read::Are(Value::Name(_)) | Read::Absent => Truth::False,
                Read::Unknown(by_chance) => Truth::Unknown(by_chance),
            },
            Condition::TcpFlags { mask, flags, negated } => {
                let same = packet.tcp_flags & mask == *flags;
                Truth::of(packet.protocol == 6 && same != *negated)
            }
            Condition::Kind { source, kinds, negated } => {
                let address = if *source { packet.source } else { packet.destination };
                let found = self.router.address_kind(address);
                Truth::of(kinds.contains(&found) != *negated)
            }
            Condition::WayBack { leads, with_mark } => {
                let Some(input) = self.input(packet) else { return Truth::of(*leads) };
                let mark = if *with_mark { packet.mark } else { 0 };
                let back = Query::to(packet.source).from(packet.destination).marked(mark);
                let found = self.router.route(&Query { source: None, ..back });
                let good = found.outcome == Ok(RouteKind::UNICAST) && found.leads_through(input)
                    || input == 1;
                Truth::of(good == *leads)
            }
        }
    }

    fn input(&self, packet: &Packet) -> Option<u32> {
        let name = packet.input.as_deref()?;
        self.router.network().link_named(name).map(crate::Link::index)
    }

    fn values(&self, fields: &[Field], packet: &Packet) -> Read<Vec<Value>> {
        let mut values = Vec::with_capacity(fields.len());
        let mut unknown = None;
        for field in fields {
            match self.value(field, packet) {
                Read::Are(value) => values.push(value),
                Read::Absent => return Read::Absent,
                Read::Unknown(by_chance) => unknown = Some(by_chance),
            }
        }
        unknown.map_or(Read::Are(values), Read::Unknown)
    }

    fn value(&self, field: &Field, packet: &Packet) -> Read<Value> {
        let number = |number: u128| Read::Are(Value::Number(number));
        let address = |address| {
            if text::is_of(address, self.firewall.family) {
                number(text::number(address))
            } else {
                Read::Absent
            }
        };
        let has_ports = matches!(packet.protocol, 6 | 17 | 33 | 132 | 136);
        let port = |port: u16| if has_ports { number(port.into()) } else { Read::Absent };
        let service = |port| {
            if has_ports { number(text::service(packet.protocol, port)) } else { Read::Absent }
        };
        let name = |name: &Option<String>| Read::Are(Value::Name(name.clone().unwrap_or_default()));
        let connection = &packet.connection;
        let tracked = connection.state != ConnectionState::Untracked
            && connection.state != ConnectionState::Invalid;
        let bits = |field: &Field, change: &dyn Fn(u128) -> u128| match self.value(field, packet) {
            Read::Are(Value::Number(value)) => number(change(value)),
            Read::Are(Value::Name(_)) => Read::Absent,
            other => other,
        };
        match field {
            Field::Source => address(packet.source),
            Field::Destination => address(packet.destination),
            Field::Protocol => number(packet.protocol.into()),
            Field::SourcePort => port(packet.source_port),
            Field::DestinationPort => port(packet.destination_port),
            Field::SourceService => service(packet.source_port),
            Field::DestinationService => service(packet.destination_port),
            Field::Input => name(&packet.input),
            Field::Output => name(&packet.output),
            Field::Mark => number(packet.mark.into()),
            Field::State => number(state_bits(packet)),
            _ if !tracked && field.is_of_connection() => Read::Absent,
            Field::ConnectionMark => number(connection.mark.into()),
            Field::Status => number(status_bits(packet)),
            Field::Reply => number(connection.reply.into()),
            Field::OriginSource => address(connection.origin.source),
            Field::OriginDestination => address(connection.origin.destination),
            Field::OriginSourcePort => port(connection.origin.source_port),
            Field::OriginDestinationPort => port(connection.origin.destination_port),
            Field::SourceKind => number(self.router.address_kind(packet.source).0.into()),
            Field::DestinationKind => number(self.router.address_kind(packet.destination).0.into()),
            Field::Family => number(if self.firewall.family == Family::Ipv4 { 2 } else { 10 }),
            Field::And(field, mask) => bits(field, &|value| value & mask),
            Field::Or(field, mask) => bits(field, &|value| value | mask),
            Field::Xor(field, mask) => bits(field, &|value| value ^ mask),
            Field::Chance => Read::Unknown(true),
            Field::Doubt => Read::Unknown(false),
        }
    }
}

impl Field {
    const fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::ConnectionMark
                | Self::Status
                | Self::Reply
                | Self::OriginSource
                | Self::OriginDestination
                | Self::OriginSourcePort
                | Self::OriginDestinationPort
        )
    }
}

/// Where a rule leads.
enum Flow {
    Next,
    Into(Rc<Frame>),
    /// Nowhere: the packet has left.
    Done,
}

enum Read<T> {
    Are(T),
    /// The packet has no such thing, and no condition on it holds.
    Absent,
    Unknown(bool),
}

fn all(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut unknown: Option<bool> = None;
    for truth in truths {
        match truth {
            Truth::True => {}
            Truth::False => return Truth::False,
            Truth::Unknown(by_chance) => unknown = Some(unknown.unwrap_or(true) && by_chance),
        }
    }
    unknown.map_or(Truth::True, Truth::Unknown)
}

/// Whether it is all the same if a rule matches.
fn is_harmless(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::If(_) => true,
        Step::Do(effect) => effect.is_nothing(),
    })
}

fn translate_destination(packet: &mut Packet, address: Option<IpAddr>, port: Option<u16>) {
    packet.destination = address.unwrap_or(packet.destination);
    packet.destination_port = port.unwrap_or(packet.destination_port);
    packet.connection.destination_translated = true;
}

fn set_mark(state: &mut State, mark: u32, place: Place) -> Flow {
    if state.packet.mark != mark {
        state.packet.mark = mark;
        state.actions.push((place, Change::Mark { mark }));
    }
    Flow::Next
}

fn state_bits(packet: &Packet) -> u128 {
    let connection = &packet.connection;
    let own = match connection.state {
        ConnectionState::New => state::NEW,
        ConnectionState::Established => state::ESTABLISHED,
        ConnectionState::Related => state::RELATED,
        ConnectionState::Invalid => return state::INVALID,
        ConnectionState::Untracked => return state::UNTRACKED,
    };
    let source = if connection.source_translated { state::SNAT } else { 0 };
    let destination = if connection.destination_translated { state::DNAT } else { 0 };
    own | source | destination
}

fn status_bits(packet: &Packet) -> u128 {
    let connection = &packet.connection;
    let seen = match connection.state {
        ConnectionState::Established => status::SEEN_REPLY | status::CONFIRMED | status::ASSURED,
        ConnectionState::Related => status::EXPECTED,
        _ => 0,
    };
    let source = if connection.source_translated { status::SNAT } else { 0 };
    let destination = if connection.destination_translated { status::DNAT } else { 0 };
    seen | source | destination
}

impl Finished {
    fn shown(self, firewall: &Firewall) -> Ending {
        let show = |place: Place| firewall.text_of(place);
        let mut doubts: Vec<RuleText> = Vec::new();
        for place in self.state.doubts {
            let text = show(place);
            if !doubts.contains(&text) {
                doubts.push(text);
            }
        }
        let actions = self.state.actions.into_iter();
        Ending {
            verdict: self.verdict,
            rule: self.by.map(show),
            packet: self.state.packet,
            actions: actions.map(|(place, change)| Action { rule: show(place), change }).collect(),
            doubts,
            by_chance: self.state.by_chance,
        }
    }
}

impl Firewall {
    fn text_of(&self, (chain, rule): Place) -> RuleText {
        let chain = self.chain(chain);
        let text = match chain.rules.get(rule).map(|rule| &rule.text) {
            Some(Text::Plain(text)) => text.to_string(),
            Some(Text::Json(rule)) => nftables::show(rule),
            None => "policy DROP".to_owned(),
        };
        RuleText { table: chain.table.clone(), chain: chain.name.clone(), text }
    }
}

/// Endings that are alike are one; if all are, nothing was in doubt.
fn merge(endings: Vec<Ending>) -> Vec<Ending> {
    let mut seen = HashSet::new();
    let mut merged: Vec<Ending> = endings
        .into_iter()
        .filter(|ending| {
            seen.insert((
                ending.verdict,
                ending.rule.clone(),
                ending.packet.clone(),
                ending.actions.clone(),
            ))
        })
        .collect();
    if let [only] = &mut *merged {
        if only.verdict != Verdict::Unknown {
            only.doubts.clear();
            only.by_chance = false;
        }
    }
    merged
}
