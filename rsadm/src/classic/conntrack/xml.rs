//! One XML element a line.

use conntrack::{
    Counters, EventKind, Expectation, ExpectationFlags, Family, Flow, Layer4, Protocol,
    ProtocolState, Status, Tuple,
};

use super::flow::{TCP_STATES, is_unreplied, layer4, protocol_name, state_name};
use super::{Format, LabelMap, clock};
use crate::classic::Line;

/// What comes before the first flow.
pub const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<conntrack>\n";
/// What comes behind the last flow.
pub const FOOT: &str = "</conntrack>\n";
/// What comes before the first expectation.
pub const EXPECTATIONS_HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<expect>\n";
/// What comes behind the last expectation.
pub const EXPECTATIONS_FOOT: &str = "</expect>\n";

/// Appends a flow with its newline, as a listing shows it.
pub fn flow(line: &mut Line, flow: &Flow<'_>, format: &Format) {
    line.text("<flow>");
    push(line, flow, format);
    line.text("</flow>\n");
}

/// Appends a flow with what happened to it, without a newline: who did it follows. `when` is the
/// time of it, in nanoseconds since 1970, if it is to be shown.
pub fn event(
    line: &mut Line,
    kind: EventKind,
    flow: &Flow<'_>,
    when: Option<u64>,
    format: &Format,
) {
    line.text(match kind {
        EventKind::New => "<flow type=\"new\">",
        EventKind::Update => "<flow type=\"update\">",
        EventKind::Destroy => "<flow type=\"destroy\">",
    });
    push(line, flow, format);
    if let Some(when) = when {
        push_when(line, when);
    }
    line.text("</flow>");
}

fn push(line: &mut Line, flow: &Flow<'_>, format: &Format) {
    for (direction, tuple, counters) in [
        ("original", &flow.original, flow.counters_original),
        ("reply", &flow.reply, flow.counters_reply),
    ] {
        line.text("<meta direction=\"");
        line.text(direction);
        line.text("\">");
        push_tuple(line, tuple);
        push_counters(line, counters);
        line.text("</meta>");
    }
    line.text("<meta direction=\"independent\">");
    push_independent(line, flow, format);
    line.text("</meta>");
    if let Some(helper) = &flow.helper {
        element(line, "helper", |line| line.text(&helper.name));
    }
}

fn push_independent(line: &mut Line, flow: &Flow<'_>, format: &Format) {
    if let Some(state) = &flow.state {
        element(line, "state", |line| line.text(shown_state(state, format)));
    }
    number(line, "timeout", flow.timeout);
    number(line, "mark", flow.mark);
    if let (Some(map), Some(labels)) = (&format.labels, flow.labels) {
        push_labels(line, map, labels);
    }
    number(line, "secmark", flow.security_mark);
    if let Some(context) = &flow.security_context {
        element(line, "secctx", |line| line.text(context));
    }
    number(line, "zone", flow.zone);
    number(line, "use", flow.use_count);
    number(line, "id", flow.id);
    if flow.has(Status::ASSURED) {
        line.text("<assured/>");
    }
    if is_unreplied(flow) {
        line.text("<unreplied/>");
    }
    if format.timestamps && (flow.started.is_some() || flow.stopped.is_some()) {
        element(line, "timestamp", |line| {
            number(line, "start", flow.started);
            number(line, "stop", flow.stopped);
        });
    }
    if let Some(started) = flow.started {
        let age = match flow.stopped {
            Some(stopped) => clock::seconds(stopped.wrapping_sub(started)),
            None => clock::now().wrapping_sub(clock::seconds(started)),
        };
        number(line, "deltatime", Some(age));
    }
}

/// conntrack takes states of other protocols for those of TCP.
fn shown_state(state: &ProtocolState, format: &Format) -> &'static str {
    let number = match state {
        ProtocolState::Sctp(sctp) if format.verbatim => sctp.state.0,
        ProtocolState::Dccp(dccp) if format.verbatim => dccp.state.0,
        state => return state_name(state),
    };
    TCP_STATES.get(usize::from(number)).unwrap_or(&TCP_STATES[0])
}

fn element(line: &mut Line, name: &str, push: impl FnOnce(&mut Line)) {
    line.byte(b'<');
    line.text(name);
    line.byte(b'>');
    push(line);
    line.text("</");
    line.text(name);
    line.byte(b'>');
}

fn number(line: &mut Line, name: &str, number: Option<impl itoa::Integer>) {
    if let Some(number) = number {
        element(line, name, |line| line.number(number));
    }
}

fn push_tuple(line: &mut Line, tuple: &Tuple) {
    open_layer(line, "layer3", tuple.family().number(), tuple.family().name());
    element(line, "src", |line| line.address(tuple.source));
    element(line, "dst", |line| line.address(tuple.destination));
    line.text("</layer3>");
    open_layer(line, "layer4", tuple.protocol.0, protocol_name(tuple.protocol));
    push_ends(line, layer4(tuple));
    line.text("</layer4>");
    number(line, "zone", tuple.zone);
}

/// Ports or keys. ICMP has nothing here.
fn push_ends(line: &mut Line, ends: Layer4) {
    match ends {
        Layer4::None | Layer4::Icmp { .. } => {}
        Layer4::Ports { source, destination } => {
            number(line, "sport", Some(source));
            number(line, "dport", Some(destination));
        }
        Layer4::Keys { source, destination } => {
            for (name, key) in [("srckey", source), ("dstkey", destination)] {
                element(line, name, |line| {
                    line.text("0x");
                    line.hexadecimal(key);
                });
            }
        }
    }
}

fn open_layer(line: &mut Line, layer: &str, number: u8, name: &str) {
    line.byte(b'<');
    line.text(layer);
    line.text(" protonum=\"");
    line.number(number);
    line.text("\" protoname=\"");
    line.text(name);
    line.text("\">");
}

fn push_counters(line: &mut Line, counters: Option<Counters>) {
    if let Some(Counters { packets, bytes }) = counters {
        element(line, "counters", |line| {
            number(line, "packets", Some(packets));
            number(line, "bytes", Some(bytes));
        });
    }
}

fn push_labels(line: &mut Line, map: &LabelMap, labels: conntrack::Labels) {
    element(line, "labels", |line| {
        for name in map.names(labels) {
            element(line, "label", |line| line.raw(name));
        }
    });
}

/// A time of day in the system's time zone. The week begins with day 1, Sunday.
fn push_when(line: &mut Line, when: u64) {
    let Some(time) = clock::local(when) else { return };
    element(line, "when", |line| {
        number(line, "hour", Some(time.hour()));
        element(line, "min", |line| line.two_digits(time.minute().unsigned_abs()));
        element(line, "sec", |line| line.two_digits(time.second().unsigned_abs()));
        number(line, "wday", Some(time.weekday().to_sunday_one_offset()));
        number(line, "day", Some(time.day()));
        number(line, "month", Some(time.month()));
        number(line, "year", Some(time.year()));
    });
}

/// Appends an expectation with its newline, as a listing shows it. `when` is the time of day, if
/// that is to be shown.
pub fn expectation(line: &mut Line, expectation: &Expectation<'_>, when: Option<u64>) {
    line.text("<flow>");
    push_expectation(line, expectation, when);
    line.text("</flow>\n");
}

/// Appends an expectation with what happened to it and its newline. `when` is the time of it.
pub fn expectation_event(
    line: &mut Line,
    kind: EventKind,
    expectation: &Expectation<'_>,
    when: Option<u64>,
) {
    line.text(match kind {
        EventKind::New => "<flow type=\"new\">",
        EventKind::Update => "<flow type=\"update\">",
        EventKind::Destroy => "<flow type=\"destroy\">",
    });
    push_expectation(line, expectation, when);
    line.text("</flow>\n");
}

fn push_expectation(line: &mut Line, expectation: &Expectation<'_>, when: Option<u64>) {
    let Expectation { master, tuple, mask, .. } = expectation;
    let parts = [("expected", tuple), ("mask", mask), ("master", master)];
    let family: Family = tuple.family();
    let protocol: Protocol = tuple.protocol;
    open_layer(line, "layer3", family.number(), family.name());
    for (name, part) in parts {
        element(line, name, |line| {
            element(line, "src", |line| line.address(part.source));
            element(line, "dst", |line| line.address(part.destination));
        });
    }
    line.text("</layer3>");
    open_layer(line, "layer4", protocol.0, protocol_name(protocol));
    for (name, part) in parts {
        element(line, name, |line| push_ends(line, layer4(part)));
    }
    line.text("</layer4><meta>");
    if let Some(helper) = &expectation.helper {
        element(line, "helper-name", |line| line.text(helper));
    }
    number(line, "timeout", expectation.timeout);
    number(line, "class", expectation.class);
    number(line, "zone", expectation.zone);
    if let Some(when) = when {
        push_when(line, when);
    }
    let flags = expectation.flags.unwrap_or_default();
    for (flag, text) in [
        (ExpectationFlags::PERMANENT, "<permanent/>"),
        (ExpectationFlags::INACTIVE, "<inactive/>"),
        (ExpectationFlags::USERSPACE, "<userspace/>"),
    ] {
        if flags.contains(flag) {
            line.text(text);
        }
    }
    line.text("</meta>");
}

#[cfg(test)]
mod tests {
    use conntrack::{Dccp, DccpState, Helper, Labels, Sctp, SctpState, TcpState};

    use super::*;

    fn flow_of(protocol: Protocol) -> Flow<'static> {
        let end = |text: &str| text.parse().expect("an end");
        let original = Tuple::with_ports(protocol, end("10.0.0.1:1"), end("10.0.0.2:2"));
        Flow::new(original, original.inverted())
    }

    fn text(push: impl FnOnce(&mut Line)) -> String {
        let mut line = Line::default();
        push(&mut line);
        String::from_utf8(line.bytes().to_vec()).expect("text")
    }

    fn listed(flow: &Flow<'_>, format: &Format) -> String {
        text(|line| super::flow(line, flow, format))
    }

    fn tuples(number: u8, name: &str) -> [String; 2] {
        let layers = |source: &str, destination: &str, ports: [u8; 2]| {
            format!(
                "<layer3 protonum=\"2\" protoname=\"ipv4\"><src>{source}</src>\
                 <dst>{destination}</dst></layer3><layer4 protonum=\"{number}\" \
                 protoname=\"{name}\"><sport>{}</sport><dport>{}</dport></layer4>",
                ports[0], ports[1]
            )
        };
        [layers("10.0.0.1", "10.0.0.2", [1, 2]), layers("10.0.0.2", "10.0.0.1", [2, 1])]
    }

    #[test]
    fn a_flow_with_everything() {
        let mut flow = flow_of(Protocol::TCP);
        flow.status = Some(Status::SEEN_REPLY | Status::ASSURED);
        flow.state = Some(TcpState::ESTABLISHED.into());
        flow.timeout = Some(60);
        flow.mark = Some(7);
        flow.zone = Some(5);
        flow.original.zone = Some(9);
        flow.counters_original = Some(Counters { packets: 5, bytes: 269 });
        flow.security_mark = Some(3);
        flow.security_context = Some("system_u:object_r:x:s0".into());
        flow.use_count = Some(1);
        flow.id = Some(77);
        flow.labels = Some(Labels(0b10));
        flow.helper = Some(Helper::new("tftp"));
        flow.started = Some(1_500_000_000);
        flow.stopped = Some(3_400_000_000);
        let labels = Some(LabelMap::parse(b"1 one"));
        let format = Format { timestamps: true, labels, ..Format::default() };
        let [original, reply] = tuples(6, "tcp");
        assert_eq!(
            listed(&flow, &format),
            format!(
                "<flow><meta direction=\"original\">{original}<zone>9</zone><counters>\
                 <packets>5</packets><bytes>269</bytes></counters></meta>\
                 <meta direction=\"reply\">{reply}</meta><meta direction=\"independent\">\
                 <state>ESTABLISHED</state><timeout>60</timeout><mark>7</mark><labels>\
                 <label>one</label></labels><secmark>3</secmark>\
                 <secctx>system_u:object_r:x:s0</secctx><zone>5</zone><use>1</use><id>77</id>\
                 <assured/><timestamp><start>1500000000</start><stop>3400000000</stop></timestamp>\
                 <deltatime>1</deltatime></meta><helper>tftp</helper></flow>\n"
            )
        );
    }

    /// No kernel of today shows DCCP; conntrack has its states wrong, and those of SCTP.
    #[test]
    fn states_of_other_protocols() {
        let sctp = Sctp { state: SctpState::ESTABLISHED, ..Sctp::default() };
        let dccp = Dccp { state: DccpState::OPEN, ..Dccp::default() };
        for (protocol, state, right, wrong) in [
            (Protocol::SCTP, ProtocolState::Sctp(sctp), "ESTABLISHED", "FIN_WAIT"),
            (Protocol::DCCP, ProtocolState::Dccp(dccp), "OPEN", "FIN_WAIT"),
        ] {
            let mut flow = flow_of(protocol);
            flow.state = Some(state);
            for (verbatim, name) in [(false, right), (true, wrong)] {
                let format = Format { verbatim, ..Format::default() };
                assert!(listed(&flow, &format).contains(&format!("<state>{name}</state>")));
            }
        }
    }

    #[test]
    fn events() {
        let mut flow = flow_of(Protocol::UDP);
        flow.status = Some(Status::CONFIRMED);
        let [original, reply] = tuples(17, "udp");
        let expected = |kind: &str| {
            format!(
                "<flow type=\"{kind}\"><meta direction=\"original\">{original}</meta>\
                 <meta direction=\"reply\">{reply}</meta><meta direction=\"independent\">\
                 <unreplied/></meta></flow>"
            )
        };
        for (kind, name) in [
            (EventKind::New, "new"),
            (EventKind::Update, "update"),
            (EventKind::Destroy, "destroy"),
        ] {
            let event = text(|line| super::event(line, kind, &flow, None, &Format::default()));
            assert_eq!(event, expected(name));
        }
        let timed = text(|line| {
            super::event(line, EventKind::New, &flow, Some(0), &Format::default());
        });
        assert!(timed.contains("</meta><when><hour>") && timed.ends_with("</when></flow>"));
    }

    #[test]
    fn keys_and_messages() {
        let address = |text: &str| text.parse().expect("an address");
        let gre = Tuple::gre(address("10.0.0.1"), address("10.0.0.2"), 0x11, 0xffff);
        let text = listed(&Flow::new(gre, gre.inverted()), &Format::default());
        assert!(text.contains("<srckey>0x11</srckey><dstkey>0xffff</dstkey></layer4>"), "{text}");
        let echo = Tuple::echo(address("fd00::1"), address("fd00::2"), 5);
        let text = listed(&Flow::new(echo, echo.inverted()), &Format::default());
        assert!(text.contains("<layer4 protonum=\"58\" protoname=\"icmpv6\"></layer4>"), "{text}");
    }
}
