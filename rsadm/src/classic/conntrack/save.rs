//! Lines that conntrack takes back with `-R`.

use std::net::IpAddr;

use conntrack::{DccpRole, EventKind, Flow, Layer4, Protocol, ProtocolState, Status};

use super::flow::state_name;
use crate::classic::Line;

/// What is to be done with a flow when it is read back.
pub const fn verb(kind: EventKind) -> &'static str {
    match kind {
        EventKind::New => "-A ",
        EventKind::Update => "-U ",
        EventKind::Destroy => "-D ",
    }
}

/// Statuses that are saved, in the order of their bits.
const STATUSES: [(Status, &str); 4] = [
    (Status::EXPECTED, "EXPECTED"),
    (Status::SEEN_REPLY, "SEEN_REPLY"),
    (Status::ASSURED, "ASSURED"),
    (Status::FIXED_TIMEOUT, "FIXED_TIMEOUT"),
];

/// Appends a flow without a newline: who changed it may follow.
///
/// Marks, labels, helpers, masters, and ports that NAT alone changed get lost.
pub fn flow(line: &mut Line, kind: EventKind, flow: &Flow<'_>) {
    line.text(verb(kind));
    number(line, "-t ", flow.timeout);
    push_status(line, flow.status);
    number(line, "-c ", flow.security_mark);
    number(line, "-w ", flow.zone);
    number(line, "--orig-zone ", flow.original.zone);
    number(line, "--reply-zone ", flow.reply.zone);
    push_addresses(line, flow);
    push_layer4(line, flow);
    push_state(line, flow);
    line.drop_last();
}

fn number(line: &mut Line, option: &str, number: Option<impl itoa::Integer>) {
    if let Some(number) = number {
        line.text(option);
        line.number(number);
        line.byte(b' ');
    }
}

fn address(line: &mut Line, option: &str, address: IpAddr) {
    line.text(option);
    line.address(address);
    line.byte(b' ');
}

fn push_status(line: &mut Line, status: Option<Status>) {
    let Some(status) = status else { return };
    line.text("-u ");
    let mut names = STATUSES.iter().filter(|(bit, _)| status.contains(*bit)).map(|(_, name)| name);
    line.text(names.next().unwrap_or(&"UNSET"));
    for name in names {
        line.byte(b',');
        line.text(name);
    }
    line.byte(b' ');
}

/// An address that NAT has changed is written as what asks for that NAT.
fn push_addresses(line: &mut Line, flow: &Flow<'_>) {
    let (sent, real) = (&flow.original, &flow.reply);
    address(line, "-s ", sent.source);
    address(line, "-d ", sent.destination);
    let translated = flow.has(Status::DST_NAT_DONE) && sent.destination != real.source;
    address(line, if translated { "-g " } else { "-r " }, real.source);
    let translated = flow.has(Status::SRC_NAT_DONE) && sent.source != real.destination;
    address(line, if translated { "-n " } else { "-q " }, real.destination);
}

fn push_layer4(line: &mut Line, flow: &Flow<'_>) {
    let protocol = flow.original.protocol;
    line.text("-p ");
    match protocol.name() {
        Some(name) => line.text(name),
        None => line.number(protocol.0),
    }
    line.byte(b' ');
    match (flow.original.layer4, flow.reply.layer4) {
        (
            Layer4::Ports { source, destination },
            Layer4::Ports { source: reply_source, destination: reply_destination },
        ) => {
            number(line, "--sport ", Some(source));
            number(line, "--dport ", Some(destination));
            number(line, "--reply-port-src ", Some(reply_source));
            number(line, "--reply-port-dst ", Some(reply_destination));
        }
        (
            Layer4::Keys { source, destination },
            Layer4::Keys { source: reply_source, destination: reply_destination },
        ) => {
            number(line, "--srckey ", Some(source));
            number(line, "--dstkey ", Some(destination));
            number(line, "--reply-key-src ", Some(reply_source));
            number(line, "--reply-key-dst ", Some(reply_destination));
        }
        (Layer4::Icmp { kind, code, id }, _) => {
            let options = if protocol == Protocol::ICMPV6 {
                ["--icmpv6-type ", "--icmpv6-code ", "--icmpv6-id "]
            } else {
                ["--icmp-type ", "--icmp-code ", "--icmp-id "]
            };
            number(line, options[0], Some(kind));
            number(line, options[1], Some(code));
            number(line, options[2], Some(id));
        }
        _ => {}
    }
}

fn push_state(line: &mut Line, flow: &Flow<'_>) {
    let Some(state) = &flow.state else { return };
    line.text("--state ");
    line.text(state_name(state));
    line.byte(b' ');
    match state {
        ProtocolState::Sctp(sctp) => {
            number(line, "--orig-vtag ", swapped(sctp.verification_tag_original));
            number(line, "--reply-vtag ", swapped(sctp.verification_tag_reply));
        }
        ProtocolState::Dccp(dccp) => match dccp.role {
            Some(DccpRole::CLIENT) => line.text("--role client "),
            Some(DccpRole::SERVER) => line.text("--role server "),
            _ => {}
        },
        _ => {}
    }
}

/// conntrack writes and reads these numbers in the order of the machine's bytes, where the kernel's
/// is another one.
fn swapped(tag: Option<u32>) -> Option<u32> {
    tag.map(u32::from_be)
}

#[cfg(test)]
mod tests {
    use conntrack::{Dccp, DccpState, Sctp, SctpState, TcpState, Tuple};

    use super::*;

    fn saved(kind: EventKind, flow: &Flow<'_>) -> String {
        let mut line = Line::default();
        super::flow(&mut line, kind, flow);
        String::from_utf8(line.bytes().to_vec()).expect("text")
    }

    fn flow_of(protocol: Protocol) -> Flow<'static> {
        let end = |text: &str| text.parse().expect("an end");
        let original = Tuple::with_ports(protocol, end("10.0.0.1:1"), end("10.0.0.2:2"));
        let mut flow = Flow::new(original, original.inverted());
        flow.status = Some(Status::CONFIRMED);
        flow
    }

    const PORTS: &str = "--sport 1 --dport 2 --reply-port-src 2 --reply-port-dst 1";

    #[test]
    fn what_is_saved() {
        let mut flow = flow_of(Protocol::TCP);
        flow.timeout = Some(60);
        flow.status = Some(Status::all());
        flow.state = Some(TcpState::SYN_SENT2.into());
        flow.security_mark = Some(3);
        flow.zone = Some(5);
        flow.original.zone = Some(6);
        flow.reply.zone = Some(7);
        flow.reply.source = "8.8.8.8".parse().expect("an address");
        flow.reply.destination = "9.9.9.9".parse().expect("an address");
        assert_eq!(
            saved(EventKind::New, &flow),
            format!(
                "-A -t 60 -u EXPECTED,SEEN_REPLY,ASSURED,FIXED_TIMEOUT -c 3 -w 5 --orig-zone 6 \
                 --reply-zone 7 -s 10.0.0.1 -d 10.0.0.2 -g 8.8.8.8 -n 9.9.9.9 -p tcp {PORTS} \
                 --state SYN_SENT2"
            )
        );
    }

    #[test]
    fn what_was_changed() {
        let flow = flow_of(Protocol::UDP);
        for (kind, verb) in
            [(EventKind::New, "-A"), (EventKind::Update, "-U"), (EventKind::Destroy, "-D")]
        {
            assert_eq!(
                saved(kind, &flow),
                format!(
                    "{verb} -u UNSET -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p udp {PORTS}"
                )
            );
        }
    }

    /// The last kernel that shows DCCP is Linux 6.16.
    #[test]
    fn states_of_other_protocols() {
        let mut flow = flow_of(Protocol::DCCP);
        let dccp = Dccp { state: DccpState::TIMEWAIT, ..Dccp::default() };
        for (role, text) in [
            (None, "--state TIMEWAIT"),
            (Some(DccpRole::CLIENT), "--state TIMEWAIT --role client"),
            (Some(DccpRole::SERVER), "--state TIMEWAIT --role server"),
            (Some(DccpRole(7)), "--state TIMEWAIT"),
        ] {
            flow.state = Some(ProtocolState::Dccp(Dccp { role, ..dccp }));
            assert!(saved(EventKind::New, &flow).ends_with(&format!("-p dccp {PORTS} {text}")));
        }
        let mut flow = flow_of(Protocol::SCTP);
        flow.state = Some(ProtocolState::Sctp(Sctp {
            state: SctpState::HEARTBEAT_SENT,
            verification_tag_original: Some(1_u32.to_be()),
            verification_tag_reply: Some(u32::MAX),
        }));
        assert!(
            saved(EventKind::New, &flow)
                .ends_with("--state HEARTBEAT_SENT --orig-vtag 1 --reply-vtag 4294967295")
        );
    }

    #[test]
    fn other_protocols() {
        let address = |text: &str| text.parse().expect("an address");
        let gre = Tuple::gre(address("10.0.0.1"), address("10.0.0.2"), 17, 34);
        assert!(
            saved(EventKind::New, &Flow::new(gre, gre.inverted()))
                .ends_with("-p gre --srckey 17 --dstkey 34 --reply-key-src 34 --reply-key-dst 17")
        );
        let echo = Tuple::echo(address("fd00::1"), address("fd00::2"), 5);
        assert!(
            saved(EventKind::New, &Flow::new(echo, echo.inverted()))
                .ends_with("-q fd00::1 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5")
        );
        let esp = Tuple::new(Protocol(50), address("10.0.0.1"), address("10.0.0.2"), Layer4::None);
        assert!(saved(EventKind::New, &Flow::new(esp, esp.inverted())).ends_with(" -p 50"));
    }
}
