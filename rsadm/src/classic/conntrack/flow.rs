//! What the forms of output have in common: names, and where a flow's parts are.

use conntrack::{Flow, Layer4, Protocol, ProtocolState, Status, Tuple};

/// Names of the states of TCP, by number. Libraries that this text is compatible with have no
/// others.
pub(crate) const TCP_STATES: &[&str] = &[
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
];

/// Names of the states of SCTP.
pub(crate) const SCTP_STATES: &[&str] = &[
    "NONE",
    "CLOSED",
    "COOKIE_WAIT",
    "COOKIE_ECHOED",
    "ESTABLISHED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECD",
    "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
    "HEARTBEAT_ACKED",
];

/// Names of the states of DCCP.
pub(crate) const DCCP_STATES: &[&str] = &[
    "NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE",
    "INVALID",
];

/// The name of a state; one that has none is called like the first.
pub(super) fn state_name(state: &ProtocolState) -> &'static str {
    let (names, number) = match state {
        ProtocolState::Tcp(tcp) => (TCP_STATES, tcp.state.0),
        ProtocolState::Sctp(sctp) => (SCTP_STATES, sctp.state.0),
        ProtocolState::Dccp(dccp) => (DCCP_STATES, dccp.state.0),
        _ => return TCP_STATES[0],
    };
    names.get(usize::from(number)).unwrap_or(&TCP_STATES[0])
}

/// Whether the flow is known not to be answered.
pub(super) fn is_unreplied(flow: &Flow<'_>) -> bool {
    flow.status.is_some_and(|status| !status.contains(Status::SEEN_REPLY))
}

/// The name of a protocol in classic text.
pub(super) fn protocol_name(protocol: conntrack::Protocol) -> &'static str {
    protocol.name().unwrap_or("unknown")
}

/// What the protocol tells flows by; 0 where a kernel that does not track the protocol leaves it
/// out.
#[inline]
pub(super) fn layer4(tuple: &Tuple) -> Layer4 {
    match (tuple.layer4, tuple.protocol) {
        (Layer4::None, Protocol::GRE) => Layer4::Keys { source: 0, destination: 0 },
        (Layer4::None, Protocol::ICMP | Protocol::ICMPV6) => {
            Layer4::Icmp { kind: 0, code: 0, id: 0 }
        }
        (Layer4::None, protocol) if protocol.has_ports() => {
            Layer4::Ports { source: 0, destination: 0 }
        }
        (layer4, _) => layer4,
    }
}
