//! What most flows have, in the one form that the kernel gives it.

use rsadm_netlink::layout::{front, has_fronts, word};

use super::*;

/// A tuple of IPv4 with ports and without a zone.
#[inline]
pub(super) fn tuple(value: &[u8]) -> Option<Tuple> {
    const FRONTS: [(usize, [u8; 4]); 7] = [
        (0, front(20, NLA_F_NESTED | CTA_TUPLE_IP)),
        (1, front(8, CTA_IP_V4_SRC)),
        (3, front(8, CTA_IP_V4_DST)),
        (5, front(28, NLA_F_NESTED | CTA_TUPLE_PROTO)),
        (6, front(5, CTA_PROTO_NUM)),
        (8, front(6, CTA_PROTO_SRC_PORT)),
        (10, front(6, CTA_PROTO_DST_PORT)),
    ];
    let value: &[u8; 48] = value.try_into().ok()?;
    if !has_fronts(value, &FRONTS) {
        return None;
    }
    let port = |index| {
        let [high, low, ..] = word(value, index);
        u16::from_be_bytes([high, low])
    };
    let (source, destination) = (port(9), port(11));
    let protocol = Protocol(word(value, 7)[0]);
    let layer4 = match protocol {
        Protocol::GRE => Layer4::Keys { source, destination },
        _ => Layer4::Ports { source, destination },
    };
    let address = |index| IpAddr::V4(word(value, index).into());
    Some(Tuple::new(protocol, address(2), address(4), layer4))
}

/// Counters of 64 bits.
#[inline]
pub(super) fn counters(value: &[u8]) -> Option<Counters> {
    const FRONTS: [(usize, [u8; 4]); 2] =
        [(0, front(12, CTA_COUNTERS_PACKETS)), (3, front(12, CTA_COUNTERS_BYTES))];
    let value: &[u8; 24] = value.try_into().ok()?;
    if !has_fronts(value, &FRONTS) {
        return None;
    }
    let number = |index| {
        let half = |index| u64::from(u32::from_be_bytes(word(value, index)));
        half(index) << 32 | half(index + 1)
    };
    Some(Counters { packets: number(1), bytes: number(4) })
}

/// The whole state of TCP, as listings have it.
#[inline]
pub(super) fn tcp(value: &[u8]) -> Option<Tcp> {
    const FRONTS: [(usize, [u8; 4]); 5] = [
        (0, front(5, CTA_PROTOINFO_TCP_STATE)),
        (2, front(5, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL)),
        (4, front(5, CTA_PROTOINFO_TCP_WSCALE_REPLY)),
        (6, front(6, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL)),
        (8, front(6, CTA_PROTOINFO_TCP_FLAGS_REPLY)),
    ];
    let value: &[u8; 40] = value.try_into().ok()?;
    if !has_fronts(value, &FRONTS) {
        return None;
    }
    let flags = |index| {
        let [flags, mask, ..] = word(value, index);
        let (flags, mask) = (TcpFlags::from_bits_retain(flags), TcpFlags::from_bits_retain(mask));
        Some(MaskedTcpFlags { flags, mask })
    };
    Some(Tcp {
        state: TcpState(word(value, 1)[0]),
        window_scale_original: Some(word(value, 3)[0]),
        window_scale_reply: Some(word(value, 5)[0]),
        flags_original: flags(7),
        flags_reply: flags(9),
    })
}
