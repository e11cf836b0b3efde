//! What real kernels sent, see `tests/golden/README.md`.

use std::net::SocketAddr;

use super::*;
use crate::{Event, EventKind, Translation};

struct Capture {
    kernel: &'static str,
    /// Of the kernels here, only 6.18 was built with zones and timestamps.
    zones: bool,
    /// The last one with DCCP here is 6.12, the last one with UDP-Lite 6.18.
    untracked: &'static [Protocol],
    flows: &'static str,
    expectations: &'static str,
    events: &'static str,
    statistics: [&'static str; 3],
}

macro_rules! golden {
    ($kernel:literal, $name:literal) => {
        include_str!(concat!("../../tests/golden/", $kernel, "/", $name, ".hex"))
    };
}

macro_rules! capture {
    ($kernel:literal, $zones:literal, $untracked:expr) => {
        Capture {
            kernel: $kernel,
            zones: $zones,
            untracked: $untracked,
            flows: golden!($kernel, "flows"),
            expectations: golden!($kernel, "expectations"),
            events: golden!($kernel, "events"),
            statistics: [
                golden!($kernel, "cpu_statistics"),
                golden!($kernel, "global_statistics"),
                golden!($kernel, "cpu_expectation_statistics"),
            ],
        }
    };
}

const CAPTURES: [Capture; 4] = [
    capture!("6.1", false, &[]),
    capture!("6.12", false, &[]),
    capture!("6.18", true, &[Protocol::DCCP]),
    capture!("7.2", false, &[Protocol::DCCP, Protocol::UDPLITE]),
];

fn lines(capture: &str) -> impl Iterator<Item = &str> {
    capture.lines().filter(|line| !line.starts_with('#'))
}

fn bytes(line: &str) -> Vec<u8> {
    let pairs = (0..line.len()).step_by(2);
    pairs.map(|start| u8::from_str_radix(&line[start..start + 2], 16).expect("hex")).collect()
}

fn flows(capture: &Capture) -> Vec<Flow<'static>> {
    lines(capture.flows).map(|line| flow(&bytes(line)).expect("a flow").into_owned()).collect()
}

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

/// The tuples of the flows that every kernel was given.
fn protocols(untracked: &[Protocol]) -> Vec<Tuple> {
    let mut tuples = Vec::new();
    for (from, to) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let (from, to): (IpAddr, IpAddr) = (from.parse().expect("one"), to.parse().expect("one"));
        for protocol in
            [Protocol::TCP, Protocol::UDP, Protocol::UDPLITE, Protocol::SCTP, Protocol::DCCP]
        {
            let layer4 = if untracked.contains(&protocol) {
                Layer4::None
            } else {
                Layer4::Ports { source: 1000, destination: 80 }
            };
            tuples.push(Tuple::new(protocol, from, to, layer4));
        }
        tuples.push(Tuple::gre(from, to, 0x11, 0x22));
        tuples.push(Tuple::echo(from, to, 77));
        tuples.push(Tuple::new(Protocol(50), from, to, Layer4::None));
    }
    tuples
}

#[test]
fn flows_of_every_protocol_are_read() {
    for capture in &CAPTURES {
        let flows = flows(capture);
        for tuple in protocols(capture.untracked) {
            let kernel = capture.kernel;
            let flow = flows.iter().find(|flow| flow.original == tuple);
            let flow = flow.unwrap_or_else(|| panic!("{kernel}: {tuple}"));
            assert_eq!(flow.reply, tuple.inverted(), "{kernel}: {tuple}");
            let status = Status::CONFIRMED | Status::SEEN_REPLY | Status::ASSURED;
            assert_eq!((flow.status, flow.mark), (Some(status), Some(7)), "{kernel}: {tuple}");
            assert_eq!(flow.counters_original, Some(Counters::default()), "{kernel}: {tuple}");
            assert_eq!(flow.counters_reply, Some(Counters::default()), "{kernel}: {tuple}");
            assert!(flow.id.is_some() && flow.use_count.is_some(), "{kernel}: {tuple}");
            let timeout = flow.timeout.unwrap_or_default();
            assert!((590..=600).contains(&timeout), "{kernel}: {tuple}: {timeout}");
            assert_eq!(flow.started.is_some(), capture.zones, "{kernel}: {tuple}");
            assert_eq!(flow.unknown_attributes().count(), 0, "{kernel}: {tuple}");
            assert_eq!((flow.destination_nat(), flow.source_nat()), (None, None));
        }
    }
}

#[test]
fn states_are_read() {
    let flags = TcpFlags::WINDOW_SCALE | TcpFlags::SACK_PERM;
    let flags = Some(MaskedTcpFlags { flags, mask: TcpFlags::empty() });
    let tcp = Tcp {
        state: TcpState::ESTABLISHED,
        window_scale_original: Some(7),
        window_scale_reply: Some(9),
        flags_original: flags,
        flags_reply: flags,
    };
    let sctp = Sctp {
        state: SctpState::ESTABLISHED,
        verification_tag_original: Some(0x0102_0304),
        verification_tag_reply: Some(5),
    };
    let dccp =
        Dccp { state: DccpState::OPEN, role: Some(DccpRole::CLIENT), handshake_sequence: Some(7) };
    for capture in &CAPTURES {
        for flow in flows(capture) {
            let expected = match flow.original.protocol {
                protocol if capture.untracked.contains(&protocol) => None,
                Protocol::TCP => Some(ProtocolState::Tcp(tcp)),
                Protocol::SCTP => Some(ProtocolState::Sctp(sctp)),
                Protocol::DCCP => Some(ProtocolState::Dccp(dccp)),
                _ => None,
            };
            assert_eq!(flow.state, expected, "{}: {}", capture.kernel, flow.original);
        }
    }
}

#[test]
fn zones_are_read_in_all_three_places() {
    let capture = CAPTURES.iter().find(|capture| capture.zones).expect("one has zones");
    let zones = |port| {
        let tuple =
            |flow: &Flow<'_>| (flow.original.source_port(), flow.original.destination_port());
        let flows = flows(capture);
        let flow = flows.iter().find(|flow| tuple(flow) == (Some(port), Some(port)));
        let flow = flow.expect("it is there");
        (flow.zone, flow.original.zone, flow.reply.zone)
    };
    assert_eq!(zones(7), (Some(7), None, None));
    assert_eq!(zones(8), (None, Some(8), None));
    assert_eq!(zones(9), (None, None, Some(9)));
}

#[test]
fn translation_helper_and_master_are_read() {
    for capture in &CAPTURES {
        let flows = flows(capture);
        let of = |tuple: Tuple| flows.iter().find(|flow| flow.original == tuple).expect("there");
        let translated = of(Tuple::udp(end("10.0.0.1:10"), end("10.96.0.1:53")));
        let to = |text: &str| {
            let end = end(text);
            Some(Translation { address: end.ip(), port: Some(end.port()) })
        };
        assert_eq!(translated.destination_nat(), to("10.244.3.32:5353"), "{}", capture.kernel);
        assert_eq!(translated.source_nat(), to("10.244.5.0:10"), "{}", capture.kernel);
        assert!(translated.has(Status::SRC_NAT | Status::DST_NAT));
        let master = Tuple::udp(end("127.0.0.1:5000"), end("127.0.0.2:69"));
        assert_eq!(of(master).helper, Some(Helper::new("tftp")), "{}", capture.kernel);
        let expected = of(Tuple::udp(end("127.0.0.1:5001"), end("127.0.0.2:70")));
        assert_eq!(expected.master, Some(master), "{}", capture.kernel);
        assert!(expected.has(Status::EXPECTED));
    }
}

#[test]
fn expectations_are_read() {
    for capture in &CAPTURES {
        let found: Vec<_> = lines(capture.expectations)
            .map(|line| expectation(&bytes(line)).expect("an expectation").into_owned())
            .collect();
        let [one] = &found[..] else { panic!("{}", capture.kernel) };
        let every_bit = end("255.255.255.255:65535");
        let master = Tuple::udp(end("127.0.0.1:5000"), end("127.0.0.2:69"));
        assert_eq!((one.master, one.mask), (master, Tuple::udp(every_bit, every_bit)));
        assert_eq!(one.tuple, Tuple::udp(end("6.6.6.6:10"), end("7.7.7.7:20")));
        assert_eq!((one.class, one.flags), (Some(0), Some(ExpectationFlags::PERMANENT)));
        assert!(one.timeout.is_some() && one.id.is_some());
        assert_eq!(one.unknown_attributes().count(), 0);
        let nat = one.nat.expect("a translation");
        assert_eq!(nat.direction, Direction::Reply);
        // The kernel keeps the source alone.
        assert_eq!(nat.tuple.source, end("8.8.8.8:1").ip());
        assert_eq!(nat.tuple.source_port(), Some(1));
    }
}

#[test]
fn events_are_read() {
    for capture in &CAPTURES {
        let mut kinds: Vec<EventKind> = Vec::new();
        let (mut marks, mut expected) = (Vec::new(), Vec::new());
        for line in lines(capture.events) {
            let mut words = line.split(' ');
            let mut number =
                || u16::from_str_radix(words.next().expect("a word"), 16).expect("a number");
            let (kind, flags) = (number(), number());
            let payload = bytes(words.next().expect("a payload"));
            match Event::decode(kind, flags, 77, &payload).expect("well").expect("an event") {
                Event::Flow { kind, flow, origin } => {
                    assert_eq!((origin.port, origin.resync), (77, false));
                    assert_eq!(flow.use_count, None, "never in events");
                    let first = protocols(capture.untracked)[0] == flow.original;
                    marks.extend(flow.mark.filter(|_| first && kind != EventKind::Destroy));
                    kinds.push(kind);
                }
                Event::Expectation { kind, .. } => expected.push(kind),
                Event::Lost => panic!("nothing was lost"),
            }
        }
        let flows = lines(capture.flows).count();
        let count = |kind| kinds.iter().filter(|one| **one == kind).count();
        assert_eq!(count(EventKind::New), flows, "{}", capture.kernel);
        assert_eq!(count(EventKind::Update), 2, "{}", capture.kernel);
        assert_eq!(count(EventKind::Destroy), flows, "{}", capture.kernel);
        assert_eq!(marks[..2], [7, 9], "{}", capture.kernel);
        assert_eq!(expected.iter().filter(|kind| **kind == EventKind::New).count(), 2);
        assert_eq!(expected.iter().filter(|kind| **kind == EventKind::Destroy).count(), 2);
    }
}

#[test]
fn statistics_are_read() {
    for capture in &CAPTURES {
        let [cpus, global, expectations] = capture.statistics;
        let flows = lines(capture.flows).count();
        let cpus: Vec<_> =
            lines(cpus).map(|line| cpu_statistics(&bytes(line)).expect("statistics")).collect();
        let inserted: u32 = cpus.iter().filter_map(|cpu| cpu.get(Counter::INSERT)).sum();
        assert_eq!(inserted as usize, flows, "{}", capture.kernel);
        for cpu in &cpus {
            assert!(cpu.counters.iter().all(|(counter, _)| counter.name().is_some()));
            assert_eq!(cpu.get(Counter::CHAIN_TOO_LONG), Some(0));
        }
        let line = lines(global).next().expect("one");
        let global = global_statistics(&bytes(line)).expect("statistics");
        assert_eq!(global.entries as usize, flows, "{}", capture.kernel);
        assert!(global.max_entries.is_some_and(|max| max > 1000));
        let created: u32 = lines(expectations)
            .map(|line| cpu_expectation_statistics(&bytes(line)).expect("statistics"))
            .filter_map(|cpu| cpu.create)
            .sum();
        assert_eq!(created, 2, "{}", capture.kernel);
    }
}
