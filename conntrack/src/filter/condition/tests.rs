//! Every condition, on flows for which it holds and on flows for which it does not.

use super::*;
use crate::{Dccp, Helper, Key, Layer4, Sctp, Tcp, Tuple};
use Direction::{Original, Reply};

fn network(text: &str, prefix: u8) -> Network {
    Network::new(text.parse().expect("an address"), prefix)
}

/// A TCP flow from 10.0.0.1:1000 to 10.96.0.1:80, which is 10.244.3.32:8080, over 10.244.5.0:4000.
fn tcp() -> Flow<'static> {
    let end = |text: &str| text.parse().expect("an address and port");
    let original = Tuple::tcp(end("10.0.0.1:1000"), end("10.96.0.1:80"));
    let mut flow = Flow::new(original, Tuple::tcp(end("10.244.3.32:8080"), end("10.244.5.0:4000")));
    flow.status = Some(Status::SEEN_REPLY | Status::SRC_NAT_DONE | Status::DST_NAT_DONE);
    flow.state = Some(ProtocolState::Tcp(Tcp::new(TcpState::ESTABLISHED)));
    flow.mark = Some(0x15);
    flow.zone = Some(7);
    flow.labels = Some([1, 5].into_iter().collect());
    flow.helper = Some(Helper::new("ftp"));
    flow.id = Some(99);
    flow
}

fn gre() -> Flow<'static> {
    let address = |text: &str| text.parse().expect("an address");
    let tuple = Tuple::gre(address("fd00::1"), address("fd00::2"), 0x11, 0x22);
    Flow::new(tuple, tuple.inverted())
}

fn echo() -> Flow<'static> {
    let tuple = Tuple::echo([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 77).in_zone(3);
    Flow::new(tuple, tuple.inverted())
}

fn sctp() -> Flow<'static> {
    let tuple = Tuple::sctp(([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into());
    let mut flow = Flow::new(tuple, tuple.inverted());
    flow.state = Some(ProtocolState::Sctp(Sctp {
        state: SctpState::COOKIE_WAIT,
        verification_tag_original: Some(5),
        verification_tag_reply: None,
    }));
    flow
}

fn dccp() -> Flow<'static> {
    let ports = Layer4::Ports { source: 1, destination: 2 };
    let (from, to) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let tuple = Tuple::new(Protocol::DCCP, from, to, ports);
    let mut flow = Flow::new(tuple, tuple.inverted());
    flow.state = Some(ProtocolState::Dccp(Dccp {
        state: DccpState::OPEN,
        role: Some(DccpRole::SERVER),
        handshake_sequence: None,
    }));
    flow
}

/// Checks a condition and its negation.
fn check(condition: Condition, flow: &Flow<'_>, holds: bool) {
    assert_eq!(condition.holds(flow), holds, "{condition}");
    let negated = condition.negated();
    assert_eq!(negated.holds(flow), !holds, "{negated}");
}

fn nat(address: Option<Network>, ports: Option<Ports>) -> NatMatch {
    NatMatch { address, ports }
}

#[test]
fn what_holds_for_a_flow_of_tcp() {
    let status = |value, mask| Condition::Status { value, mask };
    let real = Some(network("10.244.3.0", 24));
    for condition in [
        Condition::Family(Family::Ipv4),
        Condition::Protocol(Protocol::TCP),
        Condition::Source(Original, network("10.0.0.1", 32)),
        Condition::Destination(Original, network("10.96.0.0", 12)),
        Condition::Source(Reply, network("10.244.3.32", 32)),
        Condition::Destination(Reply, network("0.0.0.0", 0)),
        Condition::SourcePort(Original, Ports::from_iter([1..=999, 1000..=1000])),
        Condition::DestinationPort(Original, 80.into()),
        Condition::SourcePort(Reply, 8080.into()),
        Condition::DestinationPort(Reply, 4000.into()),
        Condition::TcpState(TcpState::ESTABLISHED),
        status(Status::SEEN_REPLY, Status::SEEN_REPLY),
        status(Status::SEEN_REPLY, Status::SEEN_REPLY | Status::ASSURED),
        status(Status::empty(), Status::ASSURED),
        Condition::Mark { value: 0x15, mask: !0 },
        Condition::Mark { value: 0xf5, mask: 0xf },
        Condition::Zone(7),
        Condition::TupleZone(Original, 0),
        Condition::Labels([5].into_iter().collect()),
        Condition::Labels(Labels::NONE),
        Condition::SourceNat(NatMatch::default()),
        Condition::DestinationNat(nat(real, Some(8080.into()))),
        Condition::AnyNat(nat(None, Some(4000.into()))),
        Condition::Id(99),
        Condition::Helper("ftp".into()),
        Condition::Any(vec![Condition::Id(1), Condition::Id(99)]),
        Condition::custom("established", |flow| flow.state.is_some()),
    ] {
        check(condition, &tcp(), true);
    }
}

#[test]
fn what_does_not_hold_for_a_flow_of_tcp() {
    for condition in [
        Condition::Family(Family::Ipv6),
        Condition::Protocol(Protocol::UDP),
        Condition::Source(Original, network("10.0.0.2", 32)),
        Condition::Source(Original, network("::ffff:10.0.0.1", 128)),
        Condition::Destination(Reply, network("10.244.5.1", 32)),
        Condition::SourcePort(Original, 80.into()),
        Condition::SourcePort(Original, Ports::default()),
        Condition::TcpState(TcpState::SYN_SENT),
        Condition::SctpState(SctpState::ESTABLISHED),
        Condition::DccpState(DccpState::RESPOND),
        Condition::DccpRole(DccpRole::CLIENT),
        Condition::VerificationTag(Original, 0),
        Condition::SourceKey(Original, 1000),
        Condition::IcmpId(Original, 0),
        Condition::Status { value: Status::ASSURED, mask: Status::ASSURED },
        Condition::Mark { value: 0x14, mask: !0 },
        Condition::Zone(0),
        Condition::TupleZone(Original, 7),
        Condition::Labels([1, 2].into_iter().collect()),
        Condition::SourceNat(nat(None, Some(8080.into()))),
        Condition::DestinationNat(nat(Some(network("10.244.5.0", 32)), None)),
        Condition::AnyNat(nat(Some(network("10.244.5.0", 32)), Some(8080.into()))),
        Condition::Id(98),
        Condition::Helper("tftp".into()),
        Condition::Any(Vec::new()),
    ] {
        check(condition, &tcp(), false);
    }
}

#[test]
fn protocols_have_conditions_of_their_own() {
    check(Condition::SourceKey(Original, 0x11), &gre(), true);
    check(Condition::DestinationKey(Reply, 0x11), &gre(), true);
    check(Condition::DestinationKey(Original, 0x11), &gre(), false);
    check(Condition::SourcePort(Original, 0x11.into()), &gre(), false);
    check(Condition::IcmpType(Original, 8), &echo(), true);
    check(Condition::IcmpType(Reply, 0), &echo(), true);
    check(Condition::IcmpCode(Original, 0), &echo(), true);
    check(Condition::IcmpId(Reply, 77), &echo(), true);
    check(Condition::IcmpId(Original, 78), &echo(), false);
    check(Condition::TupleZone(Original, 3), &echo(), true);
    check(Condition::Zone(0), &echo(), true);
    check(Condition::SctpState(SctpState::COOKIE_WAIT), &sctp(), true);
    check(Condition::VerificationTag(Original, 5), &sctp(), true);
    check(Condition::VerificationTag(Reply, 5), &sctp(), false);
    check(Condition::DccpState(DccpState::OPEN), &dccp(), true);
    check(Condition::DccpRole(DccpRole::SERVER), &dccp(), true);
    check(Condition::TcpState(TcpState::ESTABLISHED), &dccp(), false);
}

/// A flow of an event may lack what every listed flow has.
#[test]
fn what_is_not_known_does_not_hold() {
    let bare = Flow::new(tcp().original, tcp().original.inverted());
    check(Condition::Status { value: Status::empty(), mask: Status::ASSURED }, &bare, false);
    check(Condition::Mark { value: 0, mask: !0 }, &bare, true);
    check(Condition::Labels(Labels::NONE), &bare, false);
    check(Condition::AnyNat(NatMatch::default()), &bare, false);
    check(Condition::Id(0), &bare, false);
}

/// The balancer changes reply tuples by itself, which is no translation of netfilter.
#[test]
fn a_translation_needs_its_bit() {
    let mut flow = tcp();
    flow.status = Some(Status::SEEN_REPLY);
    assert!(flow.destination_nat().is_some());
    check(Condition::DestinationNat(NatMatch::default()), &flow, false);
    flow.status = Some(Status::DST_NAT_DONE);
    check(Condition::DestinationNat(NatMatch::default()), &flow, true);
    check(Condition::SourceNat(NatMatch::default()), &flow, false);
}

#[test]
fn conditions_are_told_in_words() {
    let nat = NatMatch { address: Some(network("10.5.0.0", 16)), ports: Some(80.into()) };
    let both = Status::SEEN_REPLY | Status::ASSURED;
    for (condition, text) in [
        (Condition::Source(Original, network("10.0.0.0", 8)), "original source 10.0.0.0/8"),
        (Condition::Destination(Reply, network("fd00::1", 128)), "reply destination fd00::1"),
        (Condition::Status { value: Status::ASSURED, mask: both }, "status !SEEN_REPLY ASSURED"),
        (Condition::Mark { value: 7, mask: 0xff }, "mark 0x7/0xff"),
        (Condition::Mark { value: 7, mask: !0 }.negated(), "not (mark 0x7)"),
        (Condition::AnyNat(nat), "source or destination translated to 10.5.0.0/16 port 80"),
        (Condition::Any(vec![Condition::Zone(1), Condition::Zone(2)]), "zone 1 or zone 2"),
        (Condition::custom("nonsense", |_| true), "nonsense"),
    ] {
        assert_eq!(condition.to_string(), text);
    }
    assert_eq!(format!("{}", Key::from(tcp().original)), "tcp 10.0.0.1:1000 -> 10.96.0.1:80");
}
