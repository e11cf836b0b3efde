//! Destinations as every kernel since Linux 5.3 writes them.

use rsadm_netlink::layout::{front, has_fronts, word};

use super::*;

/// Bytes of all attributes before the counters.
const HEAD: usize = 116;

/// The attributes of `IPVS_CMD_ATTR_DEST`.
pub(super) fn destination(bytes: &[u8]) -> Option<DestinationEntry> {
    const FRONTS: [(usize, [u8; 4]); 13] = [
        (0, front(20, IPVS_DEST_ATTR_ADDR)),
        (5, front(6, IPVS_DEST_ATTR_PORT)),
        (7, front(8, IPVS_DEST_ATTR_FWD_METHOD)),
        (9, front(8, IPVS_DEST_ATTR_WEIGHT)),
        (11, front(5, IPVS_DEST_ATTR_TUN_TYPE)),
        (13, front(6, IPVS_DEST_ATTR_TUN_PORT)),
        (15, front(6, IPVS_DEST_ATTR_TUN_FLAGS)),
        (17, front(8, IPVS_DEST_ATTR_U_THRESH)),
        (19, front(8, IPVS_DEST_ATTR_L_THRESH)),
        (21, front(8, IPVS_DEST_ATTR_ACTIVE_CONNS)),
        (23, front(8, IPVS_DEST_ATTR_INACT_CONNS)),
        (25, front(8, IPVS_DEST_ATTR_PERSIST_CONNS)),
        (27, front(6, IPVS_DEST_ATTR_ADDR_FAMILY)),
    ];
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    if !has_fronts(head, &FRONTS) {
        return None;
    }
    let number = |index| u32::from_ne_bytes(word(head, index));
    let half = |index| {
        let [first, second, ..] = word(head, index);
        [first, second]
    };
    let ip = match u16::from_ne_bytes(half(28)) {
        AF_INET => IpAddr::from(word(head, 1)),
        AF_INET6 => IpAddr::from(*head[4..].first_chunk::<16>()?),
        _ => return None,
    };
    Some(DestinationEntry {
        destination: Destination {
            address: SocketAddr::new(ip, u16::from_be_bytes(half(6))),
            method: ForwardingMethod(number(8) & IP_VS_CONN_F_FWD_MASK),
            weight: number(10),
            upper_threshold: number(18),
            lower_threshold: number(20),
            tunnel: Tunnel {
                kind: TunnelKind(word(head, 12)[0]),
                port: u16::from_be_bytes(half(14)),
                flags: TunnelFlags::from_bits_retain(u16::from_ne_bytes(half(16))),
            },
        },
        active_connections: number(22),
        inactive_connections: number(24),
        persistent_connections: number(26),
        statistics: counters(rest)?,
    })
}

/// The narrow counters, which are passed over, and the wide ones, which end the message.
fn counters(bytes: &[u8]) -> Option<Statistics> {
    let mut attributes = Attributes::new(bytes);
    let narrow = attributes.next()?;
    let wide = attributes.next()?;
    let expected = (narrow.kind, wide.kind) == (IPVS_DEST_ATTR_STATS, IPVS_DEST_ATTR_STATS64);
    (expected && attributes.remainder().is_empty()).then_some(())?;
    statistics(wide.value)
}

/// Ten counters of 64 bits. Where the processor wants those aligned, an attribute without a value
/// goes before each that would not be.
pub(super) fn statistics(bytes: &[u8]) -> Option<Statistics> {
    const FRONT: usize = 4;
    let (start, stride) = match bytes.len() {
        120 => (0, 12),
        156 => (0, 16),
        160 => (4, 16),
        _ => return None,
    };
    let mut counters = [0; 10];
    for ((index, counter), kind) in counters.iter_mut().enumerate().zip(1..) {
        let at = start + index * stride;
        let (header, value) = bytes.get(at..)?.split_first_chunk::<FRONT>()?;
        let padded = stride == 12
            || at == 0
            || bytes[at - FRONT..].starts_with(&front(4, IPVS_STATS_ATTR_PAD));
        (padded && *header == front(12, kind)).then_some(())?;
        *counter = u64::from_ne_bytes(*value.first_chunk()?);
    }
    let [connections, incoming_packets, outgoing_packets, incoming_bytes, outgoing_bytes, ..] =
        counters;
    let [.., cps, inpps, outpps, inbps, outbps] = counters;
    Some(Statistics {
        connections,
        incoming_packets,
        outgoing_packets,
        incoming_bytes,
        outgoing_bytes,
        rates: Rates {
            connections: cps,
            incoming_packets: inpps,
            outgoing_packets: outpps,
            incoming_bytes: inbps,
            outgoing_bytes: outbps,
        },
    })
}
