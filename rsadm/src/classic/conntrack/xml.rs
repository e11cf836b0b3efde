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
