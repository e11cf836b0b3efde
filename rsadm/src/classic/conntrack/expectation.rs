//! Expectations, for people.

use conntrack::{EventKind, Expectation, ExpectationFlags, Layer4, Tuple};

use super::flow::layer4;
use super::push_kind;
use crate::classic::Line;

/// Appends an expectation with its newline, as a listing shows it.
pub fn expectation(line: &mut Line, expectation: &Expectation<'_>) {
    push(line, expectation);
    line.byte(b'\n');
}

/// Appends an expectation with what happened to it and its newline.
pub fn event(line: &mut Line, kind: EventKind, expectation: &Expectation<'_>) {
    push_kind(line, kind);
    push(line, expectation);
    line.byte(b'\n');
}

fn push(line: &mut Line, expectation: &Expectation<'_>) {
    let Expectation { master, tuple, mask, .. } = expectation;
    if let Some(timeout) = expectation.timeout {
        line.number(timeout);
        line.byte(b' ');
    }
    line.text("proto=");
    line.number(tuple.protocol.0);
    line.byte(b' ');
    push_tuple(line, "", tuple);
    push_tuple(line, "mask-", mask);
    push_tuple(line, "master-", master);
    if let Some(zone) = expectation.zone {
        line.text("zone=");
        line.number(zone);
        line.byte(b' ');
    }
    push_flags(line, expectation.flags.unwrap_or_default());
    if let Some(class) = expectation.class {
        line.text("class=");
        line.number(class);
        line.byte(b' ');
    }
    if let Some(helper) = &expectation.helper {
        line.text("helper=");
        line.text(helper);
    }
}

fn push_tuple(line: &mut Line, prefix: &str, tuple: &Tuple) {
    for (name, address) in [("src=", tuple.source), ("dst=", tuple.destination)] {
        line.text(prefix);
        line.text(name);
        line.address(address);
        line.byte(b' ');
    }
    match layer4(tuple) {
        Layer4::Ports { source, destination } => {
            line.text("sport=");
            line.number(source);
            line.text(" dport=");
            line.number(destination);
            line.byte(b' ');
        }
        Layer4::Keys { source, destination } => {
            line.text("srckey=0x");
            line.hexadecimal(source);
            line.text(" dstkey=0x");
            line.hexadecimal(destination);
            line.byte(b' ');
        }
        Layer4::Icmp { .. } | Layer4::None => {}
    }
}

fn push_flags(line: &mut Line, flags: ExpectationFlags) {
    let names = [
        (ExpectationFlags::PERMANENT, "PERMANENT"),
        (ExpectationFlags::INACTIVE, "INACTIVE"),
        (ExpectationFlags::USERSPACE, "USERSPACE"),
    ];
    let mut set = names.into_iter().filter(|(flag, _)| flags.contains(*flag)).peekable();
    while let Some((_, name)) = set.next() {
        line.text(name);
        line.byte(if set.peek().is_some() { b',' } else { b' ' });
    }
}
