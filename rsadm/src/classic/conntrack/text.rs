//! Lines for people.

use conntrack::{Counters, EventKind, Flow, Layer4, Status, Tuple};

use super::flow::{is_unreplied, layer4, protocol_name, state_name};
use super::{Format, LabelMap, clock, push_kind};
use crate::classic::Line;

/// Appends a flow with its newline, as a listing shows it.
#[inline]
pub fn flow(line: &mut Line, flow: &Flow<'_>, format: &Format) {
    push(line, flow, format);
    line.byte(b'\n');
}

/// Appends a flow without a newline: more follows.
pub fn words(line: &mut Line, flow: &Flow<'_>, format: &Format) {
    push(line, flow, format);
}

/// Appends a flow with what happened to it, without a newline: who did it follows.
pub fn event(line: &mut Line, kind: EventKind, flow: &Flow<'_>, format: &Format) {
    push_kind(line, kind);
    push(line, flow, format);
}

/// Appends a flow. Every part ends with a blank, the last of which is dropped.
fn push(line: &mut Line, flow: &Flow<'_>, format: &Format) {
    if format.extended {
        let family = flow.family();
        padded(line, family.name(), family.number());
    }
    let protocol = flow.original.protocol;
    padded(line, protocol_name(protocol), protocol.0);
    if let Some(timeout) = flow.timeout {
        line.number(timeout);
        line.byte(b' ');
    }
    if let Some(state) = &flow.state {
        line.text(state_name(state));
        line.byte(b' ');
    }
    push_tuple(line, &flow.original, " zone-orig=");
    push_counters(line, flow.counters_original);
    if is_unreplied(flow) {
        line.text("[UNREPLIED] ");
    }
    push_tuple(line, &flow.reply, " zone-reply=");
    push_counters(line, flow.counters_reply);
    push_flag(line, flow);
    if let Some(mark) = flow.mark {
        number(line, "mark=", mark);
    }
    push_rare(line, flow, format);
    if let Some(count) = flow.use_count {
        number(line, "use=", count);
    }
    if format.id
        && let Some(id) = flow.id
    {
        number(line, "id=", id);
    }
    if let (Some(map), Some(labels)) = (&format.labels, flow.labels) {
        push_labels(line, map, labels);
    }
    line.drop_last();
}

/// `NAME     NUMBER `.
fn padded(line: &mut Line, name: &str, number: u8) {
    line.text_padded(name, 8);
    line.byte(b' ');
    line.number(number);
    line.byte(b' ');
}

#[inline]
fn number(line: &mut Line, name: &str, number: impl itoa::Integer) {
    line.text(name);
    line.number(number);
    line.byte(b' ');
}

fn push_tuple(line: &mut Line, tuple: &Tuple, zone_name: &str) {
    line.text("src=");
    line.address(tuple.source);
    line.text(" dst=");
    line.address(tuple.destination);
    match layer4(tuple) {
        Layer4::None => {}
        Layer4::Ports { source, destination } => {
            line.text(" sport=");
            line.number(source);
            line.text(" dport=");
            line.number(destination);
        }
        Layer4::Icmp { kind, code, id } => {
            line.text(" type=");
            line.number(kind);
            line.text(" code=");
            line.number(code);
            line.text(" id=");
            line.number(id);
        }
        Layer4::Keys { source, destination } => {
            line.text(" srckey=0x");
            line.hexadecimal(source);
            line.text(" dstkey=0x");
            line.hexadecimal(destination);
        }
    }
    if let Some(zone) = tuple.zone {
        line.text(zone_name);
        line.number(zone);
    }
    line.byte(b' ');
}

fn push_counters(line: &mut Line, counters: Option<Counters>) {
    if let Some(Counters { packets, bytes }) = counters {
        number(line, "packets=", packets);
        number(line, "bytes=", bytes);
    }
}

/// Of several only the first: what hardware forwards is assured as well.
fn push_flag(line: &mut Line, flow: &Flow<'_>) {
    let status = flow.status.unwrap_or_default();
    if status.contains(Status::HW_OFFLOAD) {
        line.text("[HW_OFFLOAD] ");
    } else if status.contains(Status::OFFLOAD) {
        line.text("[OFFLOAD] ");
    } else if status.contains(Status::ASSURED) {
        line.text("[ASSURED] ");
    }
}

/// What most flows do not have.
fn push_rare(line: &mut Line, flow: &Flow<'_>, format: &Format) {
    if let Some(mark) = flow.security_mark {
        number(line, "secmark=", mark);
    }
    if let Some(context) = &flow.security_context {
        line.text("secctx=");
        line.text(context);
        line.byte(b' ');
    }
    if let Some(zone) = flow.zone {
        number(line, "zone=", zone);
    }
    if let Some(started) = flow.started {
        let end = flow.stopped.map_or_else(clock::now, clock::seconds);
        number(line, "delta-time=", end.wrapping_sub(clock::seconds(started)));
    }
    if format.timestamps {
        for (name, time) in [("[start=", flow.started), ("[stop=", flow.stopped)] {
            if let Some(time) = time {
                line.text(name);
                clock::push_date(line, time);
                line.text("] ");
            }
        }
    }
    if let Some(helper) = &flow.helper {
        line.text("helper=");
        line.text(&helper.name);
        line.byte(b' ');
    }
}

/// Labels, apart by commas. Where none that is set has a name, the `=` is missing too.
fn push_labels(line: &mut Line, map: &LabelMap, labels: conntrack::Labels) {
    let mut names = map.names(labels);
    line.text("labels");
    match names.next() {
        None => {}
        Some(first) => {
            line.byte(b'=');
            line.raw(first);
            for name in names {
                line.byte(b',');
                line.raw(name);
            }
        }
    }
    line.byte(b' ');
}

#[cfg(test)]
mod tests {
    use conntrack::{Dccp, DccpState, Helper, Labels, Protocol, Sctp, SctpState, TcpState};

    use super::*;

    fn flow_of(text: &str) -> Flow<'static> {
        let mut words = text.split(' ');
        let protocol = words.next().and_then(|word| word.parse().ok()).expect("a protocol");
        let mut end = || words.next().and_then(|word| word.parse().ok()).expect("an end");
        let original = Tuple::with_ports(protocol, end(), end());
        let mut flow = Flow::new(original, original.inverted());
        (flow.timeout, flow.mark) = (Some(60), Some(0));
        flow
    }

    fn text(flow: &Flow<'_>, format: &Format) -> String {
        let mut line = Line::default();
        super::flow(&mut line, flow, format);
        String::from_utf8(line.bytes().to_vec()).expect("text")
    }

    const PLAIN: Format =
        Format { extended: false, id: false, timestamps: false, verbatim: false, labels: None };

    #[test]
    fn a_flow_with_everything() {
        let mut flow = flow_of("tcp 10.0.0.1:1000 10.0.0.2:80");
        flow.status = Some(Status::SEEN_REPLY | Status::ASSURED | Status::CONFIRMED);
        flow.state = Some(TcpState::ESTABLISHED.into());
        flow.counters_original = Some(Counters { packets: 5, bytes: 269 });
        flow.counters_reply = Some(Counters { packets: 3, bytes: u64::MAX });
        flow.zone = Some(5);
        flow.started = Some(1_000_000_000);
        flow.stopped = Some(3_999_999_999);
        flow.helper = Some(Helper::new("tftp"));
        flow.security_mark = Some(3);
        flow.security_context = Some("system_u:object_r:x:s0".into());
        flow.use_count = Some(2);
        flow.id = Some(u32::MAX);
        flow.labels = Some(Labels(0b10_0010));
        let labels = Some(LabelMap::parse(b"5 five\n1 one"));
        let format =
            Format { extended: true, id: true, timestamps: false, verbatim: false, labels };
        assert_eq!(
            text(&flow, &format),
            "ipv4     2 tcp      6 60 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 \
             packets=5 bytes=269 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 packets=3 \
             bytes=18446744073709551615 [ASSURED] mark=0 secmark=3 secctx=system_u:object_r:x:s0 \
             zone=5 delta-time=2 helper=tftp use=2 id=4294967295 labels=one,five\n"
        );
        flow.labels = Some(Labels::NONE);
        assert!(text(&flow, &format).ends_with(" id=4294967295 labels\n"));
    }

    #[test]
    fn zones_of_one_direction() {
        let mut flow = flow_of("udp 10.0.0.1:1 10.0.0.2:2");
        flow.status = Some(Status::CONFIRMED);
        flow.original.zone = Some(9);
        assert_eq!(
            text(&flow, &PLAIN),
            "udp      17 60 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 zone-orig=9 [UNREPLIED] \
             src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 mark=0\n"
        );
        flow.original.zone = None;
        flow.reply.zone = Some(8);
        assert!(text(&flow, &PLAIN).ends_with("sport=2 dport=1 zone-reply=8 mark=0\n"));
    }

    #[test]
    fn other_protocols() {
        let address = |text: &str| text.parse().expect("an address");
        let (one, two) = (address("10.0.0.1"), address("10.0.0.2"));
        let echo = Tuple::echo(address("fd00::1"), address("fd00::2"), 5);
        assert_eq!(
            text(&Flow::new(echo, echo.inverted()), &PLAIN),
            "icmpv6   58 src=fd00::1 dst=fd00::2 type=128 code=0 id=5 src=fd00::2 dst=fd00::1 \
             type=129 code=0 id=5\n"
        );
        let gre = Tuple::gre(one, two, 0x11, 0);
        assert_eq!(
            text(&Flow::new(gre, gre.inverted()), &PLAIN),
            "gre      47 src=10.0.0.1 dst=10.0.0.2 srckey=0x11 dstkey=0x0 src=10.0.0.2 \
             dst=10.0.0.1 srckey=0x0 dstkey=0x11\n"
        );
        let esp = Tuple::new(Protocol(50), one, two, Layer4::None);
        assert_eq!(
            text(&Flow::new(esp, esp.inverted()), &PLAIN),
            "unknown  50 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1\n"
        );
    }

    /// What no kernel of today shows, or not without hardware.
    #[test]
    fn states_and_marks_of_forwarding() {
        for (protocol, state, name) in [
            ("tcp", tcp(9), "SYN_SENT2"),
            ("tcp", tcp(10), "NONE"),
            ("sctp", sctp(9), "HEARTBEAT_ACKED"),
            ("sctp", sctp(77), "NONE"),
            ("dccp", dccp(7), "TIMEWAIT"),
            ("dccp", dccp(10), "NONE"),
        ] {
            let mut flow = flow_of(&format!("{protocol} 10.0.0.1:1 10.0.0.2:2"));
            flow.state = Some(state);
            assert!(text(&flow, &PLAIN).contains(&format!(" 60 {name} src=")), "{name}");
        }
        let mut flow = flow_of("tcp 10.0.0.1:1 10.0.0.2:2");
        let all = Status::SEEN_REPLY | Status::ASSURED | Status::OFFLOAD | Status::HW_OFFLOAD;
        flow.timeout = None;
        for (without, name) in [
            (Status::empty(), "[HW_OFFLOAD]"),
            (Status::HW_OFFLOAD, "[OFFLOAD]"),
            (Status::HW_OFFLOAD | Status::OFFLOAD, "[ASSURED]"),
        ] {
            flow.status = Some(all - without);
            assert_eq!(
                text(&flow, &PLAIN),
                format!(
                    "tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 \
                     dst=10.0.0.1 sport=2 dport=1 {name} mark=0\n"
                )
            );
        }
    }

    fn tcp(state: u8) -> conntrack::ProtocolState {
        TcpState(state).into()
    }

    fn sctp(state: u8) -> conntrack::ProtocolState {
        conntrack::ProtocolState::Sctp(Sctp { state: SctpState(state), ..Sctp::default() })
    }

    fn dccp(state: u8) -> conntrack::ProtocolState {
        conntrack::ProtocolState::Dccp(Dccp { state: DccpState(state), ..Dccp::default() })
    }

    #[test]
    fn events_begin_with_what_happened() {
        let flow = flow_of("udp [::1.2.3.4]:7 [2001:db8::]:8");
        for (kind, start) in [
            (EventKind::New, "    [NEW] "),
            (EventKind::Update, " [UPDATE] "),
            (EventKind::Destroy, "[DESTROY] "),
        ] {
            let mut line = Line::default();
            event(&mut line, kind, &flow, &PLAIN);
            let expected = "udp      17 60 src=::1.2.3.4 dst=2001:db8:: sport=7 dport=8 \
                 src=2001:db8:: dst=::1.2.3.4 sport=8 dport=7 mark=0";
            assert_eq!(line.bytes(), format!("{start}{expected}").as_bytes());
        }
    }
}
