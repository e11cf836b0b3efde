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

#[cfg(test)]
mod tests {
    use conntrack::Protocol;

    use super::*;

    #[test]
    fn flags_zones_and_helpers() {
        let end = |text: &str| text.parse().expect("an end");
        let master = Tuple::udp(end("127.0.0.1:5000"), end("127.0.0.2:69"));
        let tuple = Tuple::udp(end("4.4.4.4:10"), end("5.5.5.5:20"));
        let mask = Tuple::udp(end("255.255.255.255:65535"), end("255.255.255.255:65535"));
        let mut expectation = Expectation::new(master, tuple, mask);
        let text = |expectation: &Expectation<'_>| {
            let mut line = Line::default();
            super::expectation(&mut line, expectation);
            String::from_utf8(line.bytes().to_vec()).expect("text")
        };
        let tuples = "proto=17 src=4.4.4.4 dst=5.5.5.5 sport=10 dport=20 mask-src=255.255.255.255 \
            mask-dst=255.255.255.255 sport=65535 dport=65535 master-src=127.0.0.1 \
            master-dst=127.0.0.2 sport=5000 dport=69 ";
        assert_eq!(text(&expectation), format!("{tuples}\n"));
        expectation.timeout = Some(299);
        expectation.class = Some(0);
        expectation.helper = Some("tftp".into());
        assert_eq!(text(&expectation), format!("299 {tuples}class=0 helper=tftp\n"));
        expectation.zone = Some(5);
        for (flags, names) in [
            (ExpectationFlags::PERMANENT, "PERMANENT "),
            (ExpectationFlags::INACTIVE | ExpectationFlags::USERSPACE, "INACTIVE,USERSPACE "),
            (ExpectationFlags::from_bits_retain(8), ""),
        ] {
            expectation.flags = Some(flags);
            let expected = format!("299 {tuples}zone=5 {names}class=0 helper=tftp\n");
            assert_eq!(text(&expectation), expected);
        }
        let mut line = Line::default();
        event(&mut line, EventKind::Destroy, &expectation);
        assert!(line.bytes().starts_with(b"[DESTROY] 299 proto=17 "));
    }

    #[test]
    fn protocols_without_ports() {
        let address = |text: &str| text.parse().expect("an address");
        let tuple =
            Tuple::new(Protocol(50), address("10.0.0.1"), address("10.0.0.2"), Layer4::None);
        let mut line = Line::default();
        expectation(&mut line, &Expectation::new(tuple, tuple, tuple));
        assert_eq!(
            line.bytes(),
            b"proto=50 src=10.0.0.1 dst=10.0.0.2 mask-src=10.0.0.1 mask-dst=10.0.0.2 \
              master-src=10.0.0.1 master-dst=10.0.0.2 \n"
        );
    }
}
