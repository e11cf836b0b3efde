//! Writes flows as lines.

use std::net::{IpAddr, SocketAddr};

use conntrack::{
    Layer4, MaskedTcpFlags, NatRequest, NewFlow, Protocol, ProtocolState, SequenceAdjustment,
    Status, Synproxy, Tuple,
};

use crate::classic::Line;

/// Appends a flow with its newline.
pub(in crate::conntrack) fn flow(line: &mut Line, flow: &NewFlow) {
    let settings = &flow.settings;
    line.text("-A");
    number(line, " -t ", settings.timeout);
    if let Some(status) = settings.status {
        push_status(line, status);
    }
    number(line, " -w ", flow.zone);
    number(line, " --orig-zone ", flow.original.zone);
    number(line, " --reply-zone ", flow.reply.zone);
    push_tuples(line, flow);
    if let Some(state) = &settings.state {
        push_state(line, state);
    }
    nat(line, " -n ", flow.source_nat.as_ref());
    nat(line, " -g ", flow.destination_nat.as_ref());
    number(line, " -m ", settings.mark.map(|mark| mark.value));
    if let Some(labels) = settings.labels {
        text(line, " --labels ", &format!("{:#x}", labels.value.0));
    }
    if let Some(helper) = &settings.helper {
        text(line, " --helper ", &quoted(helper));
    }
    if let Some(info) = &flow.helper_info {
        line.text(" --helper-info ");
        for byte in info {
            line.text(&format!("{byte:02x}"));
        }
    }
    if let Some(master) = &flow.master {
        text(line, " --master ", &tuple(master));
    }
    push_sequences(line, " --seqadj-orig ", settings.sequence_adjustment_original);
    push_sequences(line, " --seqadj-reply ", settings.sequence_adjustment_reply);
    // Every flow has room for it where the module is loaded.
    if let Some(kept) = settings.synproxy.filter(|kept| *kept != Synproxy::default()) {
        let numbers = [kept.initial_sequence, kept.initial_timestamp, kept.timestamp_offset];
        push_list(line, " --synproxy ", &numbers);
    }
    line.byte(b'\n');
}

fn number(line: &mut Line, option: &str, number: Option<impl itoa::Integer>) {
    if let Some(number) = number {
        line.text(option);
        line.number(number);
    }
}

fn text(line: &mut Line, option: &str, text: &str) {
    line.text(option);
    line.text(text);
}

fn push_list(line: &mut Line, option: &str, numbers: &[u32]) {
    line.text(option);
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            line.byte(b',');
        }
        line.number(*number);
    }
}

fn push_sequences(line: &mut Line, option: &str, adjustment: Option<SequenceAdjustment>) {
    if let Some(it) = adjustment {
        push_list(line, option, &[it.position, it.before, it.after]);
    }
}

/// A word that may have blanks.
fn quoted(word: &str) -> String {
    match word {
        word if word.contains('"') => format!("'{word}'"),
        word => format!("\"{word}\""),
    }
}

fn push_status(line: &mut Line, status: Status) {
    line.text(" -u ");
    let mut names = status.iter_names().map(|(name, _)| name);
    line.text(names.next().unwrap_or("UNSET"));
    for name in names {
        line.byte(b',');
        line.text(name);
    }
}

/// The reply tuple is left out where the kernel makes it.
fn push_tuples(line: &mut Line, flow: &NewFlow) {
    let (original, reply) = (&flow.original, &flow.reply);
    address(line, " -s ", original.source);
    address(line, " -d ", original.destination);
    let told = flow.source_nat.is_none() && flow.destination_nat.is_none();
    if told {
        address(line, " -r ", reply.source);
        address(line, " -q ", reply.destination);
    }
    line.text(" -p ");
    match original.protocol.name() {
        Some(name) => line.text(name),
        None => line.number(original.protocol.0),
    }
    match (original.layer4, reply.layer4) {
        (
            Layer4::Ports { source, destination },
            Layer4::Ports { source: reply_source, destination: reply_destination },
        ) => {
            number(line, " --sport ", Some(source));
            number(line, " --dport ", Some(destination));
            if told {
                number(line, " --reply-port-src ", Some(reply_source));
                number(line, " --reply-port-dst ", Some(reply_destination));
            }
        }
        (
            Layer4::Keys { source, destination },
            Layer4::Keys { source: reply_source, destination: reply_destination },
        ) => {
            number(line, " --srckey ", Some(source));
            number(line, " --dstkey ", Some(destination));
            if told {
                number(line, " --reply-key-src ", Some(reply_source));
                number(line, " --reply-key-dst ", Some(reply_destination));
            }
        }
        (Layer4::Icmp { kind, code, id }, _) => {
            let options = if original.protocol == Protocol::ICMPV6 {
                [" --icmpv6-type ", " --icmpv6-code ", " --icmpv6-id "]
            } else {
                [" --icmp-type ", " --icmp-code ", " --icmp-id "]
            };
            number(line, options[0], Some(kind));
            number(line, options[1], Some(code));
            number(line, options[2], Some(id));
        }
        _ => {}
    }
}

fn address(line: &mut Line, option: &str, address: IpAddr) {
    line.text(option);
    line.address(address);
}

fn push_state(line: &mut Line, state: &ProtocolState) {
    let (name, code) = match state {
        ProtocolState::Tcp(tcp) => (tcp.state.name(), tcp.state.0),
        ProtocolState::Sctp(sctp) => (sctp.state.name(), sctp.state.0),
        ProtocolState::Dccp(dccp) => (dccp.state.name(), dccp.state.0),
        _ => return,
    };
    line.text(" --state ");
    match name {
        Some(name) => line.text(name),
        None => line.number(code),
    }
    match state {
        ProtocolState::Tcp(tcp) => {
            let flags = |flags: Option<MaskedTcpFlags>| flags.map(|it| it.flags.bits());
            pair(line, " --tcp-flags ", flags(tcp.flags_original), flags(tcp.flags_reply));
            let (ours, theirs) = (tcp.window_scale_original, tcp.window_scale_reply);
            pair(line, " --tcp-wscale ", ours, theirs);
        }
        ProtocolState::Sctp(sctp) => {
            // conntrack writes and reads these in the order of the machine's bytes.
            number(line, " --orig-vtag ", sctp.verification_tag_original.map(u32::to_be));
            number(line, " --reply-vtag ", sctp.verification_tag_reply.map(u32::to_be));
        }
        ProtocolState::Dccp(dccp) => {
            match dccp.role.map(|role| role.0) {
                Some(0) => line.text(" --role client"),
                Some(1) => line.text(" --role server"),
                _ => {}
            }
            number(line, " --handshake-seq ", dccp.handshake_sequence);
        }
        _ => {}
    }
}

fn pair(line: &mut Line, option: &str, original: Option<u8>, reply: Option<u8>) {
    if let (Some(original), Some(reply)) = (original, reply) {
        push_list(line, option, &[original.into(), reply.into()]);
    }
}

fn nat(line: &mut Line, option: &str, request: Option<&NatRequest>) {
    let Some(NatRequest { addresses, ports }) = request else { return };
    line.text(option);
    let address = addresses.as_ref().map(|addresses| *addresses.start());
    match (address, ports.as_ref().map(|ports| *ports.start())) {
        (Some(address), Some(port)) => line.text(&SocketAddr::new(address, port).to_string()),
        (Some(address), None) => line.address(address),
        (None, Some(port)) => {
            line.byte(b':');
            line.number(port);
        }
        (None, None) => {}
    }
}

/// A tuple in one word: protocol, source, destination.
fn tuple(tuple: &Tuple) -> String {
    let Tuple { source, destination, protocol, layer4, .. } = *tuple;
    match layer4 {
        Layer4::Ports { source: from, destination: to } => format!(
            "{protocol},{},{}",
            SocketAddr::new(source, from),
            SocketAddr::new(destination, to)
        ),
        Layer4::Keys { .. } | Layer4::Icmp { .. } | Layer4::None => {
            format!("{protocol},{source},{destination}")
        }
    }
}
