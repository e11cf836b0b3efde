//! Requests as attributes of ctnetlink.

use std::net::IpAddr;

use rsadm_netlink::Message;

use crate::filter::{KernelPart, TuplePart};
use crate::uapi::*;
use crate::{
    Direction, Expectation, ExpectationKey, FlowPatch, Key, Layer4, MaskedTcpFlags, NatRequest,
    NewFlow, Protocol, ProtocolState, SequenceAdjustment, Status, Synproxy, Tuple,
};

/// A tuple as attribute `kind`.
pub(crate) fn put_tuple(message: &mut Message, kind: u16, tuple: &Tuple) {
    message.nest(kind, |message| {
        message.nest(CTA_TUPLE_IP, |message| {
            put_address(message, [CTA_IP_V4_SRC, CTA_IP_V6_SRC], tuple.source);
            put_address(message, [CTA_IP_V4_DST, CTA_IP_V6_DST], tuple.destination);
        });
        message.nest(CTA_TUPLE_PROTO, |message| {
            message.put_u8(CTA_PROTO_NUM, tuple.protocol.0);
            put_layer4(message, tuple);
        });
        if let Some(zone) = tuple.zone {
            message.put_be16(CTA_TUPLE_ZONE, zone);
        }
    });
}

/// An address under the attribute of its family.
pub(crate) fn put_address(message: &mut Message, kinds: [u16; 2], address: IpAddr) {
    match address {
        IpAddr::V4(address) => message.put_be32(kinds[0], address.to_bits()),
        IpAddr::V6(address) => message.put(kinds[1], &address.octets()),
    };
}

fn put_layer4(message: &mut Message, tuple: &Tuple) {
    match tuple.layer4 {
        Layer4::None => {}
        Layer4::Ports { source, destination } | Layer4::Keys { source, destination } => {
            message.put_be16(CTA_PROTO_SRC_PORT, source);
            message.put_be16(CTA_PROTO_DST_PORT, destination);
        }
        Layer4::Icmp { kind, code, id } if tuple.protocol == Protocol::ICMPV6 => {
            message.put_be16(CTA_PROTO_ICMPV6_ID, id);
            message.put_u8(CTA_PROTO_ICMPV6_TYPE, kind);
            message.put_u8(CTA_PROTO_ICMPV6_CODE, code);
        }
        Layer4::Icmp { kind, code, id } => {
            message.put_be16(CTA_PROTO_ICMP_ID, id);
            message.put_u8(CTA_PROTO_ICMP_TYPE, kind);
            message.put_u8(CTA_PROTO_ICMP_CODE, code);
        }
    }
}

/// What names a flow.
pub(crate) fn put_key(message: &mut Message, key: &Key) {
    let kind = match key.direction {
        Direction::Original => CTA_TUPLE_ORIG,
        Direction::Reply => CTA_TUPLE_REPLY,
    };
    // The zone of one direction, given for both, finds the flow by the tuple of that direction;
    // given twice it is refused.
    put_tuple(message, kind, &Tuple { zone: None, ..key.tuple });
    if key.zone != 0 {
        message.put_be16(CTA_ZONE, key.zone);
    }
    if let Some(id) = key.id {
        message.put_be32(CTA_ID, id);
    }
}

/// A flow to be created.
pub(crate) fn put_new_flow(message: &mut Message, flow: &NewFlow) {
    put_tuple(message, CTA_TUPLE_ORIG, &flow.original);
    put_tuple(message, CTA_TUPLE_REPLY, &flow.reply);
    if let Some(zone) = flow.zone {
        message.put_be16(CTA_ZONE, zone);
    }
    if let Some(master) = &flow.master {
        put_tuple(message, CTA_TUPLE_MASTER, master);
    }
    for (kind, request) in [(CTA_NAT_SRC, &flow.source_nat), (CTA_NAT_DST, &flow.destination_nat)] {
        if let Some(request) = request {
            put_nat(message, kind, request);
        }
    }
    // A status that is not given must not be sent: it would take bits away from a flow that exists.
    let status = flow.settings.status.map(|status| status | Status::CONFIRMED);
    put_settings(message, &flow.settings, status, flow.helper_info.as_deref());
}

/// What is to be changed of a flow.
pub(crate) fn put_patch(message: &mut Message, patch: &FlowPatch) {
    put_settings(message, patch, patch.status, None);
}

fn put_settings(
    message: &mut Message,
    settings: &FlowPatch,
    status: Option<Status>,
    helper_info: Option<&[u8]>,
) {
    if let Some(timeout) = settings.timeout {
        message.put_be32(CTA_TIMEOUT, timeout);
    }
    if let Some(status) = status {
        message.put_be32(CTA_STATUS, status.bits());
    }
    if let Some(state) = &settings.state {
        put_state(message, state);
    }
    if let Some(mark) = settings.mark {
        message.put_be32(CTA_MARK, mark.value);
        if mark.mask != !0 {
            message.put_be32(CTA_MARK_MASK, mark.mask);
        }
    }
    if let Some(labels) = settings.labels {
        message.put(CTA_LABELS, &labels.value.to_wire());
        message.put(CTA_LABELS_MASK, &labels.mask.to_wire());
    }
    if let Some(helper) = &settings.helper {
        message.nest(CTA_HELP, |message| {
            message.put_str(CTA_HELP_NAME, helper);
            if let Some(info) = helper_info {
                message.put(CTA_HELP_INFO, info);
            }
        });
    }
    let adjustments = [
        (CTA_SEQ_ADJ_ORIG, settings.sequence_adjustment_original),
        (CTA_SEQ_ADJ_REPLY, settings.sequence_adjustment_reply),
    ];
    for (kind, adjustment) in adjustments {
        if let Some(adjustment) = adjustment {
            put_sequence_adjustment(message, kind, adjustment);
        }
    }
    if let Some(synproxy) = settings.synproxy {
        put_synproxy(message, synproxy);
    }
}

pub(crate) fn put_state(message: &mut Message, state: &ProtocolState) {
    message.nest(CTA_PROTOINFO, |message| match state {
        ProtocolState::Tcp(tcp) => {
            message.nest(CTA_PROTOINFO_TCP, |message| {
                message.put_u8(CTA_PROTOINFO_TCP_STATE, tcp.state.0);
                if let Some(scale) = tcp.window_scale_original {
                    message.put_u8(CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, scale);
                }
                if let Some(scale) = tcp.window_scale_reply {
                    message.put_u8(CTA_PROTOINFO_TCP_WSCALE_REPLY, scale);
                }
                put_flags(message, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, tcp.flags_original);
                put_flags(message, CTA_PROTOINFO_TCP_FLAGS_REPLY, tcp.flags_reply);
            });
        }
        ProtocolState::Sctp(sctp) => {
            message.nest(CTA_PROTOINFO_SCTP, |message| {
                message.put_u8(CTA_PROTOINFO_SCTP_STATE, sctp.state.0);
                if let Some(tag) = sctp.verification_tag_original {
                    message.put_be32(CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, tag);
                }
                if let Some(tag) = sctp.verification_tag_reply {
                    message.put_be32(CTA_PROTOINFO_SCTP_VTAG_REPLY, tag);
                }
            });
        }
        ProtocolState::Dccp(dccp) => {
            message.nest(CTA_PROTOINFO_DCCP, |message| {
                message.put_u8(CTA_PROTOINFO_DCCP_STATE, dccp.state.0);
                if let Some(role) = dccp.role {
                    message.put_u8(CTA_PROTOINFO_DCCP_ROLE, role.0);
                }
                if let Some(sequence) = dccp.handshake_sequence {
                    message.put(CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ, &sequence.to_be_bytes());
                }
            });
        }
    });
}

fn put_flags(message: &mut Message, kind: u16, flags: Option<MaskedTcpFlags>) {
    if let Some(MaskedTcpFlags { flags, mask }) = flags {
        message.put(kind, &[flags.bits(), mask.bits()]);
    }
}

fn put_nat(message: &mut Message, kind: u16, request: &NatRequest) {
    message.nest(kind, |message| {
        if let Some(addresses) = &request.addresses {
            put_address(message, [CTA_NAT_V4_MINIP, CTA_NAT_V6_MINIP], *addresses.start());
            put_address(message, [CTA_NAT_V4_MAXIP, CTA_NAT_V6_MAXIP], *addresses.end());
        }
        if let Some(ports) = &request.ports {
            message.nest(CTA_NAT_PROTO, |message| {
                message.put_be16(CTA_PROTONAT_PORT_MIN, *ports.start());
                message.put_be16(CTA_PROTONAT_PORT_MAX, *ports.end());
            });
        }
    });
}

pub(crate) fn put_sequence_adjustment(
    message: &mut Message,
    kind: u16,
    adjustment: SequenceAdjustment,
) {
    message.nest(kind, |message| {
        message
            .put_be32(CTA_SEQADJ_CORRECTION_POS, adjustment.position)
            .put_be32(CTA_SEQADJ_OFFSET_BEFORE, adjustment.before)
            .put_be32(CTA_SEQADJ_OFFSET_AFTER, adjustment.after);
    });
}

pub(crate) fn put_synproxy(message: &mut Message, synproxy: Synproxy) {
    message.nest(CTA_SYNPROXY, |message| {
        message
            .put_be32(CTA_SYNPROXY_ISN, synproxy.initial_sequence)
            .put_be32(CTA_SYNPROXY_ITS, synproxy.initial_timestamp)
            .put_be32(CTA_SYNPROXY_TSOFF, synproxy.timestamp_offset);
    });
}

/// An expectation to be created.
pub(crate) fn put_expectation(message: &mut Message, expectation: &Expectation<'_>) {
    put_tuple(message, CTA_EXPECT_MASTER, &expectation.master);
    put_tuple(message, CTA_EXPECT_TUPLE, &expectation.tuple);
    put_tuple(message, CTA_EXPECT_MASK, &expectation.mask);
    if let Some(timeout) = expectation.timeout {
        message.put_be32(CTA_EXPECT_TIMEOUT, timeout);
    }
    if let Some(helper) = &expectation.helper {
        message.put_str(CTA_EXPECT_HELP_NAME, helper);
    }
    if let Some(zone) = expectation.zone {
        message.put_be16(CTA_EXPECT_ZONE, zone);
    }
    if let Some(flags) = expectation.flags {
        message.put_be32(CTA_EXPECT_FLAGS, flags.bits());
    }
    if let Some(class) = expectation.class {
        message.put_be32(CTA_EXPECT_CLASS, class);
    }
    if let Some(nat) = &expectation.nat {
        message.nest(CTA_EXPECT_NAT, |message| {
            let direction = u32::from(nat.direction == Direction::Reply);
            message.put_be32(CTA_EXPECT_NAT_DIR, direction);
            put_tuple(message, CTA_EXPECT_NAT_TUPLE, &nat.tuple);
        });
    }
    if let Some(function) = &expectation.function {
        message.put_str(CTA_EXPECT_FN, function);
    }
}

/// What names an expectation.
pub(crate) fn put_expectation_key(message: &mut Message, key: &ExpectationKey) {
    put_tuple(message, CTA_EXPECT_TUPLE, &key.tuple);
    if key.zone != 0 {
        message.put_be16(CTA_EXPECT_ZONE, key.zone);
    }
    if let Some(id) = key.id {
        message.put_be32(CTA_EXPECT_ID, id);
    }
}

/// The kernel's part of a filter. The family goes into the header.
pub(crate) fn put_filter(message: &mut Message, part: &KernelPart) {
    let tuples = [(CTA_TUPLE_ORIG, &part.original), (CTA_TUPLE_REPLY, &part.reply)];
    for (kind, tuple) in tuples.into_iter().filter(|(_, tuple)| !tuple.is_empty()) {
        put_tuple_part(message, kind, tuple);
    }
    if tuples.iter().any(|(_, tuple)| !tuple.is_empty()) {
        message.nest(CTA_FILTER, |message| {
            message.put_u32(CTA_FILTER_ORIG_FLAGS, filter_flags(&part.original));
            message.put_u32(CTA_FILTER_REPLY_FLAGS, filter_flags(&part.reply));
        });
    }
    if let Some((value, mask)) = part.mark {
        message.put_be32(CTA_MARK, value).put_be32(CTA_MARK_MASK, mask);
    }
    if let Some((value, mask)) = part.status {
        message.put_be32(CTA_STATUS, value.bits()).put_be32(CTA_STATUS_MASK, mask.bits());
    }
    if let Some(zone) = part.zone {
        message.put_be16(CTA_ZONE, zone);
    }
}

fn put_tuple_part(message: &mut Message, kind: u16, tuple: &TuplePart) {
    message.nest(kind, |message| {
        if tuple.source.is_some() || tuple.destination.is_some() {
            message.nest(CTA_TUPLE_IP, |message| {
                if let Some(source) = tuple.source {
                    put_address(message, [CTA_IP_V4_SRC, CTA_IP_V6_SRC], source);
                }
                if let Some(destination) = tuple.destination {
                    put_address(message, [CTA_IP_V4_DST, CTA_IP_V6_DST], destination);
                }
            });
        }
        let Some(protocol) = tuple.protocol else { return };
        message.nest(CTA_TUPLE_PROTO, |message| {
            message.put_u8(CTA_PROTO_NUM, protocol.0);
            if let Some(port) = tuple.source_port {
                message.put_be16(CTA_PROTO_SRC_PORT, port);
            }
            if let Some(port) = tuple.destination_port {
                message.put_be16(CTA_PROTO_DST_PORT, port);
            }
            if let Some(kind) = tuple.icmp_type {
                message.put_u8(CTA_PROTO_ICMP_TYPE, kind);
            }
            if let Some(code) = tuple.icmp_code {
                message.put_u8(CTA_PROTO_ICMP_CODE, code);
            }
            if let Some(id) = tuple.icmp_id {
                message.put_be16(CTA_PROTO_ICMP_ID, id);
            }
        });
    });
}

/// Which parts of a tuple are compared, in host order on the wire.
fn filter_flags(tuple: &TuplePart) -> u32 {
    let parts = [
        (tuple.source.is_some(), CTA_FILTER_F_CTA_IP_SRC),
        (tuple.destination.is_some(), CTA_FILTER_F_CTA_IP_DST),
        (tuple.protocol.is_some(), CTA_FILTER_F_CTA_PROTO_NUM),
        (tuple.source_port.is_some(), CTA_FILTER_F_CTA_PROTO_SRC_PORT),
        (tuple.destination_port.is_some(), CTA_FILTER_F_CTA_PROTO_DST_PORT),
        (tuple.icmp_type.is_some(), CTA_FILTER_F_CTA_PROTO_ICMP_TYPE),
        (tuple.icmp_code.is_some(), CTA_FILTER_F_CTA_PROTO_ICMP_CODE),
        (tuple.icmp_id.is_some(), CTA_FILTER_F_CTA_PROTO_ICMP_ID),
    ];
    parts.iter().filter(|(present, _)| *present).map(|(_, flag)| flag).sum()
}
