//! What an order means to the kernel: flows, changes, conditions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use conntrack::{
    Condition, Dccp, DccpRole, DccpState, Direction, Expectation, Family, Filter, Flow, FlowPatch,
    Key, Labels, LabelsChange, Layer4, MaskedTcpFlags, NatRequest, Network, NewFlow, Ports,
    Protocol, ProtocolState, Sctp, SctpState, Status, Tcp, TcpFlags, TcpState, Translation, Tuple,
};

use super::command::Command;
use super::matrix::Aspect;
use super::order::{Ends, LabelChange, Masked, Nat, Order};
use super::protocol::Field;

/// The two directions, with the fields that their ports are in.
const ORIGINAL: [Field; 2] = [Field::OriginalSource, Field::OriginalDestination];
const REPLY: [Field; 2] = [Field::ReplySource, Field::ReplyDestination];
const TUPLE: [Field; 2] = [Field::TupleSource, Field::TupleDestination];
const MASK: [Field; 2] = [Field::MaskSource, Field::MaskDestination];

/// What has no answer among the types of ICMP.
const NO_ANSWER: u8 = 255;

impl Order {
    fn family_or_ipv4(&self) -> Family {
        self.family.unwrap_or(Family::Ipv4)
    }

    fn protocol_number(&self) -> Protocol {
        Protocol(self.protocol.map_or(0, |(number, _)| number))
    }

    /// What is not given is 0.
    fn ends(&self, ends: Ends) -> (IpAddr, IpAddr) {
        let unspecified: IpAddr = match self.family_or_ipv4() {
            Family::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        (ends.source.unwrap_or(unspecified), ends.destination.unwrap_or(unspecified))
    }

    fn has_any(&self, fields: [Field; 2]) -> bool {
        fields.iter().any(|field| self.fields.get(*field).is_some())
    }

    /// What a protocol tells flows by; ports that are not given are 0.
    fn layer4(&self, fields: [Field; 2]) -> Layer4 {
        let [source, destination] =
            fields.map(|field| self.fields.short(field).unwrap_or_default());
        match (self.protocol_number(), self.family_or_ipv4()) {
            // The other one's messages are none of that family.
            (Protocol::ICMP, Family::Ipv4) | (Protocol::ICMPV6, Family::Ipv6) => Layer4::Icmp {
                kind: self.fields.short(Field::Type).unwrap_or_default() as u8,
                code: self.fields.short(Field::Code).unwrap_or_default() as u8,
                id: self.fields.short(Field::Identifier).unwrap_or_default(),
            },
            (Protocol::GRE, _) => Layer4::Keys { source, destination },
            (protocol, _) if protocol.has_ports() => Layer4::Ports { source, destination },
            _ => Layer4::None,
        }
    }

    fn tuple(&self, ends: Ends, fields: [Field; 2]) -> Tuple {
        let (source, destination) = self.ends(ends);
        Tuple::new(self.protocol_number(), source, destination, self.layer4(fields))
    }

    fn original_tuple(&self) -> Tuple {
        self.tuple(self.original, ORIGINAL)
    }

    /// The reply as it is given. Where the protocol has ports and none are given, the protocol is
    /// not given either.
    fn reply_tuple(&self) -> Tuple {
        let mut tuple = self.tuple(self.reply, REPLY);
        match tuple.layer4 {
            Layer4::Ports { .. } | Layer4::Keys { .. } if !self.has_any(REPLY) => {
                (tuple.protocol, tuple.layer4) = (Protocol(0), Layer4::None);
            }
            Layer4::Icmp { .. } => tuple.layer4 = self.original_tuple().inverted().layer4,
            _ => {}
        }
        tuple
    }

    /// Both tuples: a direction of which no address is given is the inversion of the other.
    fn tuples(&self) -> (Tuple, Tuple) {
        let has = |aspects: &[Aspect]| self.given.any(aspects);
        let original = has(&[Aspect::Source, Aspect::Destination]);
        let reply = has(&[Aspect::ReplySource, Aspect::ReplyDestination]);
        match (original, reply) {
            (true, false) => (self.original_tuple(), self.original_tuple().inverted()),
            (true, true) => (self.original_tuple(), self.reply_tuple()),
            (false, _) => {
                let mut reply = self.reply_tuple();
                let mut original = reply.inverted();
                if let (Layer4::Icmp { kind, .. }, Layer4::Icmp { code, id, .. }) =
                    (self.layer4(ORIGINAL), reply.layer4)
                {
                    original.layer4 = Layer4::Icmp { kind, code, id };
                    reply.layer4 = Layer4::Icmp { kind: NO_ANSWER, code, id };
                }
                (original, reply)
            }
        }
    }

    /// The flow to create.
    pub(super) fn new_flow(&self) -> NewFlow {
        let (mut original, mut reply) = self.tuples();
        original.zone = self.original_zone;
        reply.zone = self.reply_zone;
        let mut flow = NewFlow::new(original, self.timeout.unwrap_or_default());
        flow.reply = reply;
        flow.zone = self.zone;
        flow.source_nat = self.nat_request(self.source_nat);
        flow.destination_nat = self.nat_request(self.destination_nat);
        let settings = &mut flow.settings;
        settings.state = self.state(None);
        if self.given.has(Aspect::Status) {
            settings.status = Some(Status::from_bits_retain(self.status.set));
        }
        if self.given.has(Aspect::Mark) {
            settings.mark = Some(self.mark.value.into());
        }
        if let Some(LabelChange::Add(labels)) = self.label_change {
            settings.labels = Some(labels.into());
        }
        flow
    }

    /// Of protocols without ports the kernel would take the port for something else.
    fn nat_request(&self, nat: Nat) -> Option<NatRequest> {
        let port = nat.port.filter(|_| self.protocol_number().has_ports());
        let addresses = nat.address.map(|address| address..=address);
        let ports = port.map(|port| port..=port);
        addresses.is_some().then_some(NatRequest { addresses, ports })
    }

    /// The state to give to a flow, which may have one already.
    fn state(&self, now: Option<ProtocolState>) -> Option<ProtocolState> {
        let state = self.fields.get(Field::State).map(|state| state as u8);
        match self.protocol_number() {
            Protocol::TCP => Some(ProtocolState::Tcp(tcp(TcpState(state?)))),
            Protocol::SCTP => {
                let tags = [Field::OriginalTag, Field::ReplyTag]
                    .map(|field| self.fields.get(field).map(u32::to_be));
                let now = match now {
                    Some(ProtocolState::Sctp(sctp)) => Some(sctp),
                    _ => None,
                };
                if state.is_none() && tags == [None, None] {
                    return None;
                }
                let now = now.unwrap_or_default();
                Some(ProtocolState::Sctp(Sctp {
                    state: state.map_or(now.state, SctpState),
                    verification_tag_original: tags[0].or(now.verification_tag_original),
                    verification_tag_reply: tags[1].or(now.verification_tag_reply),
                }))
            }
            Protocol::DCCP => Some(ProtocolState::Dccp(Dccp {
                state: DccpState(state?),
                role: self.fields.get(Field::Role).map(|role| DccpRole(role as u8)),
                handshake_sequence: None,
            })),
            _ => None,
        }
    }

    /// What to change of a flow; `None` if it is like that already.
    pub(super) fn patch(&self, flow: &Flow<'_>) -> Option<FlowPatch> {
        let mut patch = FlowPatch::default();
        let was = flow.timeout;
        patch.timeout = self.timeout.filter(|timeout| was != Some(*timeout));
        if self.given.has(Aspect::Status) {
            let status = flow.status.unwrap_or_default();
            let wanted = status | Status::from_bits_retain(self.status.set) | Status::CONFIRMED;
            patch.status = Some(wanted).filter(|wanted| *wanted != status);
        }
        if self.given.has(Aspect::Mark) {
            let Masked { value, mask } = self.mark;
            let mark = flow.mark.unwrap_or_default();
            let wanted = (mark & !mask) ^ value;
            patch.mark = Some(wanted).filter(|wanted| *wanted != mark).map(Into::into);
        }
        patch.state = self
            .state(flow.state)
            .filter(|wanted| !flow.state.is_some_and(|state| same(&state, wanted)));
        patch.labels = self.labels_change(flow.labels);
        (patch != FlowPatch::default()).then_some(patch)
    }

    /// Labels that the flow has are set again: that counts as an update.
    fn labels_change(&self, now: Option<Labels>) -> Option<LabelsChange> {
        match self.label_change? {
            LabelChange::Add(labels) => Some(LabelsChange::set(labels)),
            LabelChange::Delete(labels) => now.map(|_| LabelsChange::clear(labels)),
        }
    }

    /// Which flow to get.
    pub(super) fn key(&self) -> Key {
        if self.given.any(&[Aspect::Source, Aspect::Destination]) {
            Key::original(self.original_tuple())
        } else {
            Key::reply(self.tuple(self.reply, REPLY))
        }
    }

    /// The expectation to create.
    pub(super) fn expectation(&self) -> Expectation<'static> {
        let master = self.original_tuple();
        let tuple = self.tuple(self.tuple, TUPLE);
        let mask = self.tuple(self.mask, MASK);
        let mut expectation = Expectation::new(master, tuple, mask);
        expectation.timeout = self.timeout;
        expectation
    }

    /// Which expectation to get or delete.
    pub(super) fn expectation_tuple(&self) -> Tuple {
        self.original_tuple()
    }

    /// Which flows are meant.
    pub(super) fn filter(&self) -> Filter {
        let mut filter = Filter::new();
        let mut and = |condition| filter = std::mem::take(&mut filter).and(condition);
        if let Some(family) = self.family {
            and(Condition::Family(family));
        }
        self.address_conditions(&mut and);
        if let Some((number, _)) = self.protocol {
            and(Condition::Protocol(Protocol(number)));
            self.field_conditions(&mut and);
        }
        // An update sets what others look for.
        if self.command != Some(Command::Update) {
            self.settable_conditions(&mut and);
        }
        if self.given.has(Aspect::Id) {
            and(Condition::Id(self.id));
        }
        if self.given.has(Aspect::Label) {
            and(Condition::Labels(self.labels));
        }
        self.nat_conditions(&mut and);
        filter
    }

    fn address_conditions(&self, and: &mut impl FnMut(Condition)) {
        let network = |address: IpAddr, mask: Option<IpAddr>| match mask {
            Some(mask) => Network { address, mask },
            None => address.into(),
        };
        if let Some(address) = self.original.source {
            and(Condition::Source(Direction::Original, network(address, self.mask.source)));
        }
        if let Some(address) = self.original.destination {
            let network = network(address, self.mask.destination);
            and(Condition::Destination(Direction::Original, network));
        }
        if let Some(address) = self.reply.source {
            and(Condition::Source(Direction::Reply, address.into()));
        }
        if let Some(address) = self.reply.destination {
            and(Condition::Destination(Direction::Reply, address.into()));
        }
    }

    fn field_conditions(&self, and: &mut impl FnMut(Condition)) {
        let keys = self.protocol_number() == Protocol::GRE;
        for (direction, [source, destination]) in
            [(Direction::Original, ORIGINAL), (Direction::Reply, REPLY)]
        {
            if let Some(number) = self.fields.short(source) {
                and(if keys {
                    Condition::SourceKey(direction, number)
                } else {
                    Condition::SourcePort(direction, Ports::from(number))
                });
            }
            if let Some(number) = self.fields.short(destination) {
                and(if keys {
                    Condition::DestinationKey(direction, number)
                } else {
                    Condition::DestinationPort(direction, Ports::from(number))
                });
            }
        }
        if let Some(kind) = self.fields.short(Field::Type) {
            and(Condition::IcmpType(Direction::Original, kind as u8));
        }
        if let Some(code) = self.fields.short(Field::Code) {
            and(Condition::IcmpCode(Direction::Original, code as u8));
        }
        if let Some(id) = self.fields.short(Field::Identifier) {
            and(Condition::IcmpId(Direction::Original, id));
        }
    }

    fn settable_conditions(&self, and: &mut impl FnMut(Condition)) {
        if let Some(state) = self.fields.get(Field::State).map(|state| state as u8) {
            and(match self.protocol_number() {
                Protocol::TCP => Condition::TcpState(TcpState(state)),
                Protocol::SCTP => Condition::SctpState(SctpState(state)),
                _ => Condition::DccpState(DccpState(state)),
            });
        }
        // Of those that make one it is no condition.
        if let Some(timeout) = self.timeout.filter(|_| self.command == Some(Command::Delete)) {
            and(Condition::custom("timeout", move |flow| flow.timeout == Some(timeout)));
        }
        if self.given.has(Aspect::Status) {
            let value = Status::from_bits_retain(self.status.set);
            let mask = value | Status::from_bits_retain(self.status.unset);
            and(Condition::Status { value, mask });
        }
        if self.given.has(Aspect::Mark) {
            let Masked { value, mask } = self.mark;
            and(match value & !mask {
                0 => Condition::Mark { value, mask },
                // Bits that do not count are 0, whatever the mark.
                _ => Condition::Any(Vec::new()),
            });
        }
        if let Some(zone) = self.zone {
            // Kernels without zones refuse to look for one: this keeps the question from them.
            and(Condition::Any(vec![Condition::Zone(zone)]));
        }
        for (direction, zone) in
            [(Direction::Original, self.original_zone), (Direction::Reply, self.reply_zone)]
        {
            if let Some(zone) = zone {
                and(Condition::TupleZone(direction, zone));
            }
        }
    }

    fn nat_conditions(&self, and: &mut impl FnMut(Condition)) {
        let source = |nat: Nat| {
            Condition::custom("src-nat", move |flow| is_translated(flow, Direction::Original, nat))
        };
        let destination = |nat: Nat| {
            Condition::custom("dst-nat", move |flow| is_translated(flow, Direction::Reply, nat))
        };
        if self.given.has(Aspect::SourceNat) {
            and(source(self.source_nat));
        }
        if self.given.has(Aspect::DestinationNat) {
            and(destination(self.destination_nat));
        }
        if self.given.has(Aspect::AnyNat) {
            and(Condition::Any(vec![source(self.any_nat), destination(self.any_nat)]));
        }
    }
}

/// TCP of a flow that did not come by packets: its window is not known, so everything is taken.
fn tcp(state: TcpState) -> Tcp {
    let mut flags = TcpFlags::BE_LIBERAL | TcpFlags::SACK_PERM;
    if state >= TcpState::TIME_WAIT {
        flags |= TcpFlags::CLOSE_INIT;
    }
    let flags = Some(MaskedTcpFlags { flags, mask: flags });
    Tcp { flags_original: flags, flags_reply: flags, ..Tcp::new(state) }
}

/// Whether a state is what a change would make of it.
fn same(now: &ProtocolState, wanted: &ProtocolState) -> bool {
    match (now, wanted) {
        (ProtocolState::Tcp(now), ProtocolState::Tcp(wanted)) => now.state == wanted.state,
        (ProtocolState::Dccp(now), ProtocolState::Dccp(wanted)) => now.state == wanted.state,
        (now, wanted) => now == wanted,
    }
}

/// Whether the source (the original direction's sender) or the destination (the reply's) is
/// translated: to that address if one is given, and that port if one is given. What is the same as
/// before is not translated.
fn is_translated(flow: &Flow<'_>, sender: Direction, nat: Nat) -> bool {
    let (done, to, was) = match sender {
        Direction::Original => {
            let was = (flow.original.source, flow.original.source_port());
            (Status::SRC_NAT_DONE, flow.source_nat(), was)
        }
        Direction::Reply => {
            let was = (flow.original.destination, flow.original.destination_port());
            (Status::DST_NAT_DONE, flow.destination_nat(), was)
        }
    };
    let Some(Translation { address, port }) = to.filter(|_| flow.has(done)) else { return false };
    let address_fits = nat.address.is_none_or(|wanted| address == wanted && address != was.0);
    let port_fits = nat.port.is_none_or(|wanted| port == Some(wanted) && port != was.1);
    address_fits && port_fits
}
