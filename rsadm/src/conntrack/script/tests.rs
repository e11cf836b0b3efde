use std::net::{IpAddr, SocketAddr};

use conntrack::{
    Labels, LabelsChange, MaskedTcpFlags, NatRequest, NewFlow, ProtocolState, Sctp, SctpState,
    SequenceAdjustment, Status, Synproxy, Tcp, TcpFlags, TcpState, Tuple,
};
use proptest::prelude::*;

use super::*;
use crate::classic::Line;

/// The changes of a text and their lines.
fn numbered(text: &str) -> Vec<(usize, Change)> {
    let mut lines = Lines::of(text.as_bytes());
    std::iter::from_fn(|| lines.next(line::read)).filter_map(Result::ok).collect()
}

fn changes(text: &str) -> Vec<Change> {
    checked(text).expect(text);
    numbered(text).into_iter().map(|(_, change)| change).collect()
}

fn checked(text: &str) -> Result<Checked, Problems> {
    check(text.as_bytes()).expect("read")
}

fn complaint(text: &str) -> String {
    checked(text).expect_err(text).to_string()
}

fn written(flow: &NewFlow) -> String {
    let mut line = Line::default();
    write::flow(&mut line, flow);
    String::from_utf8(line.bytes().to_vec()).expect("text")
}

/// Both threads have several pieces, and mistakes stand at their borders.
#[test]
fn a_long_text_is_checked_in_pieces_and_told_by_its_lines() {
    let line = "-A -t 1 -s 10.0.0.1 -d 10.0.0.2 -p 50\n";
    let many = 2 * PIECE / line.len() + 100;
    let good = line.repeat(many);
    let lines = checked(&good).expect("good").parts.into_iter().flat_map(|part| part.lines);
    assert!(lines.eq(1..=many));
    let bad = format!("x\n{good}\u{feff}{line}{good}y");
    let problems = checked(&bad).expect_err("bad");
    let lines: Vec<_> = problems.first.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [1, many + 2, 2 * many + 3]);
    let most = checked(&"x\n".repeat(3 * PIECE)).expect_err("bad");
    assert_eq!((most.total, most.first.len()), (3 * PIECE, 20));
    assert!(most.first.iter().map(|problem| problem.line).eq(1..=20));
}

/// A text is read alike, wherever it is cut.
fn read_alike(text: &str, size: usize) {
    let whole = check_in_pieces(text.as_bytes(), PIECE);
    assert_eq!(checked(text), whole);
    let cut = check_in_pieces(text.as_bytes(), size);
    let (whole, cut) = match (whole, cut) {
        (Ok(whole), Ok(cut)) => (whole, cut),
        (whole, cut) => return assert_eq!(whole.err(), cut.err(), "{text:?}"),
    };
    assert_eq!((whole.rare, whole.labelled), (cut.rare, cut.labelled));
    let mut numbered = numbered(text).into_iter();
    for part in cut.parts {
        let mut expected = Part::default();
        for (line, change) in numbered.by_ref().take(part.lines.len()) {
            expected.lines.push(line);
            expected.changes.push(&change);
        }
        assert_eq!(part, expected, "{text:?}");
    }
    assert!(numbered.next().is_none());
}

#[test]
fn a_byte_order_mark_is_one_at_the_start_only() {
    let line = "-D -s 10.0.0.1 -d 10.0.0.2 -p 50";
    for size in [1, 2, 3, 4, 50, 1000] {
        let marked = format!("\u{feff}{line}\n{line}\n");
        assert_eq!(check_in_pieces(marked.as_bytes(), size).expect("read").count(), 2);
        let misplaced = format!("\u{feff}{line}\n\u{feff}{line}\n");
        let problems = check_in_pieces(misplaced.as_bytes(), size).expect_err("a mark");
        assert_eq!((problems.total, problems.first[0].line), (1, 2));
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let folder = std::fs::File::open("/").expect("opened");
    assert_eq!(check(folder).expect_err("no file").kind(), std::io::ErrorKind::IsADirectory);
    // A long text may end in an error while it is checked.
    let folder = std::fs::File::open("/").expect("opened");
    let text = "#\n".repeat(2 * PIECE);
    assert!(check(text.as_bytes().chain(folder)).is_err());
}

#[test]
fn conntracks_own_lines_are_read() {
    let lines = "\
# a comment
-A -t 3599 -u UNSET -w 5 -s 10.0.0.1 -d 10.0.0.2 -g 10.9.9.9 -q 10.0.0.1 -p udp --sport 1000 \
--dport 53 --reply-port-src 5353 --reply-port-dst 1000
-D -w 7 -s fd00::1 -d fd00::2 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 9
";
    let [put, delete] = &changes(lines)[..] else { panic!("two changes") };
    let Change::Put(flow) = put else { panic!("{put:?}") };
    assert_eq!(flow.zone, Some(5));
    let to: SocketAddr = "10.9.9.9:5353".parse().expect("an address");
    assert_eq!(flow.destination_nat, Some(NatRequest::from(to)));
    assert_eq!(flow.reply, flow.original.inverted());
    let Change::Delete(key) = delete else { panic!("{delete:?}") };
    assert_eq!(key.to_string(), "icmpv6 fd00::1 -> fd00::2 type 128 code 0 id 9 zone 7");
}

#[test]
fn mistakes_have_places() {
    for (text, says) in [
        ("-A -t 1 -p tcp", "1:1: the flow has no --src and --dst"),
        ("\n-A -s 10.0.0.1 -d fd00::1 -p 50 -t 1", "2:1: 10.0.0.1 and fd00::1 are of different"),
        ("-A -s 10.0.0.1 -p udp", "1:7: --dst is missing"),
        ("-A -s 10.0.0.x -d 10.0.0.2 -p 50", "1:7: '10.0.0.x' is not an IP address"),
        ("-A -p icmp --sport 5", "1:20: --sport is not for icmp"),
        ("-A -p 50 -s 1.1.1.1 -d 1.1.1.2", "1:1: the flow has no --timeout"),
        ("-A -t 2147483648 -p 50 -s 1.1.1.1 -d 1.1.1.2", "1:7: '2147483648' is not a timeout"),
        ("-s 1.1.1.1 -d 1.1.1.2 -p 50", "1:1: what is to be done? -A, -I or -D"),
        ("-A -I", "1:4: a line does one thing"),
        ("-U -s 1.1.1.1", "1:1: -U is not read here"),
        ("-A --bogus 1", "1:4: '--bogus' is no option of a flow"),
        ("-A -t 1 -t 2", "1:9: -t is given twice"),
        ("-A -t", "1:4: -t has no value"),
        ("-A portid=7", "1:4: 'portid=7' belongs to no option"),
        (
            "-A -t 1 -p tcp -s 1.1.1.1 -d 1.1.1.2 --sport 1 --dport 2 --state X",
            "1:66: 'X' is no state of tcp",
        ),
        ("-A -t 1 -p udp -s 1.1.1.1 -d 1.1.1.2 --sport 1 --dport 65536", "1:56: '65536' is not a"),
        ("-A -t 1 -p 50 -s 1.1.1.1 -d 1.1.1.2 -w 65536", "'65536' is not a zone"),
    ] {
        let complaint = complaint(text);
        assert!(complaint.contains(says), "{text}: {complaint}");
    }
}

fn tuples() -> impl Strategy<Value = Tuple> {
    let v4 = any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    let v6 = any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    (prop_oneof![v4, v6], any::<(u16, u16)>(), 0_u8..6).prop_map(|((a, b), (p, q), kind)| {
        let (from, to) = (SocketAddr::new(a, p), SocketAddr::new(b, q));
        match kind {
            0 => Tuple::tcp(from, to),
            1 => Tuple::udp(from, to),
            2 => Tuple::sctp(from, to),
            3 => Tuple::gre(a, b, p, q),
            4 => Tuple::echo(a, b, p),
            _ => Tuple::new(conntrack::Protocol(50), a, b, conntrack::Layer4::None),
        }
    })
}

prop_compose! {
    fn flows()(
        original in tuples(),
        timeout in 0..=i32::MAX as u32,
        zone in proptest::option::of(1_u16..),
        nat in proptest::option::of(any::<([u8; 4], u16)>()),
        (state, flags, scales) in (0_u8..12, any::<(u8, u8)>(), any::<(u8, u8)>()),
        tags in any::<(u32, u32)>(),
        status in 0_u32..8,
        mark in any::<Option<u32>>(),
        labels in any::<Option<u128>>(),
        helper in proptest::option::of("[a-z-]{1,15}"),
        info in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..20)),
        sequences in any::<Option<[u32; 3]>>(),
        master in any::<bool>(),
    ) -> NewFlow {
        let mut flow = NewFlow::new(original, timeout);
        flow.zone = zone;
        if original.family() == conntrack::Family::Ipv4 && original.protocol.has_ports() {
            flow.destination_nat = nat.map(|to| SocketAddr::from(to).into());
        }
        let all = |bits| {
            let mask = TcpFlags::from_bits_retain(!0);
            Some(MaskedTcpFlags { flags: TcpFlags::from_bits_retain(bits), mask })
        };
        let settings = &mut flow.settings;
        settings.state = match original.protocol {
            conntrack::Protocol::TCP => Some(ProtocolState::Tcp(Tcp {
                state: TcpState(state),
                window_scale_original: Some(scales.0),
                window_scale_reply: Some(scales.1),
                flags_original: all(flags.0),
                flags_reply: all(flags.1),
            })),
            conntrack::Protocol::SCTP => Some(ProtocolState::Sctp(Sctp {
                state: SctpState(state),
                verification_tag_original: Some(tags.0),
                verification_tag_reply: Some(tags.1),
            })),
            _ => None,
        };
        settings.status =
            Some(Status::from_bits_retain(status << 1) - Status::UNCHANGEABLE);
        settings.mark = mark.map(Into::into);
        settings.labels = labels.map(|bits| LabelsChange::from(Labels(bits)));
        settings.helper = helper;
        flow.helper_info = info;
        settings.sequence_adjustment_reply = sequences
            .map(|[position, before, after]| SequenceAdjustment { position, before, after });
        settings.synproxy = sequences.map(|[a, b, c]| Synproxy {
            initial_sequence: a.max(1),
            initial_timestamp: b,
            timestamp_offset: c,
        });
        let from = SocketAddr::new(original.source, 5000);
        flow.master =
            master.then(|| Tuple::udp(from, SocketAddr::new(original.destination, 69)));
        flow
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(flow in flows()) {
        let text = written(&flow);
        prop_assert_eq!(changes(&text), [Change::Put(flow)]);
    }

    #[test]
    fn pieces_are_read_like_the_whole(
        lines in proptest::collection::vec(
            prop_oneof![
                6 => flows().prop_map(|flow| written(&flow)),
                2 => tuples().prop_map(|tuple| {
                    written(&NewFlow::new(tuple, 5)).replace("-A", "-I").replace("--state 0", "")
                }),
                1 => Just("-D -s 10.0.0.1 -d 10.0.0.2 -p 50\n".to_owned()),
                1 => "[ \t\r]{0,3}(#[a-z\u{e4}]{0,9})?\n",
            ],
            0..20,
        ),
        mistakes in proptest::collection::vec(0_usize..20, 0..3),
        has_end in any::<bool>(),
        size in 1_usize..600,
    ) {
        let mut lines = lines;
        read_alike(&lines.concat(), size);
        if !has_end {
            lines.push("-D -s 10.0.0.1 -d 10.0.0.2 -p 51".to_owned());
        }
        read_alike(&lines.concat(), size);
        for place in mistakes {
            lines.insert(place.min(lines.len()), "-A oops\n".to_owned());
        }
        read_alike(&lines.concat(), size);
    }

    #[test]
    fn no_input_makes_it_panic(bytes: Vec<u8>, words in "[-:.,=#'\"x \ta-zA-Z0-9\n]{0,80}") {
        _ = fuzz(&bytes);
        _ = fuzz(words.as_bytes());
        _ = fuzz(format!("-A -t 1 -p tcp {words}").as_bytes());
    }
}
