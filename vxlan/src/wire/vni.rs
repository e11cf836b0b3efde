//! VNI filters.

use rsadm_netlink::{Attribute, Attributes, Message};

use super::{address, malformed, put_address};
use crate::uapi::*;
use crate::{Result, Vni, VniEntry, VniStatistics};

/// Bytes of `struct tunnel_msg`.
const HEADER: usize = 8;

fn message(kind: u16, link: u32, flags: u8) -> Message {
    let mut bytes = [0; HEADER];
    bytes[0] = AF_BRIDGE;
    bytes[1] = flags;
    bytes[4..8].copy_from_slice(&link.to_ne_bytes());
    let mut message = Message::new(kind, 0);
    message.header(&bytes);
    message
}

/// Asks for the filters of a device, or of all.
pub(crate) fn list(link: Option<u32>, statistics: bool) -> Message {
    let flags = if statistics { TUNNEL_MSG_FLAG_STATS } else { 0 };
    message(RTM_GETTUNNEL, link.unwrap_or_default(), flags)
}

/// Adds or deletes VNIs.
pub(crate) fn put(entry: &VniEntry, kind: u16) -> Message {
    put_all(entry.link, std::slice::from_ref(entry), kind)
}

/// The same of several, which are all of one device.
pub(crate) fn put_all(link: u32, entries: &[VniEntry], kind: u16) -> Message {
    let mut message = message(kind, link, 0);
    for entry in entries {
        put_one(&mut message, entry);
    }
    message
}

fn put_one(message: &mut Message, entry: &VniEntry) {
    message.nest(VXLAN_VNIFILTER_ENTRY, |inner| {
        inner.put_u32(VXLAN_VNIFILTER_ENTRY_START, entry.first.get());
        if entry.last != entry.first {
            inner.put_u32(VXLAN_VNIFILTER_ENTRY_END, entry.last.get());
        }
        if let Some(remote) = entry.remote {
            let kind = if remote.is_ipv4() {
                VXLAN_VNIFILTER_ENTRY_GROUP
            } else {
                VXLAN_VNIFILTER_ENTRY_GROUP6
            };
            put_address(inner, kind, remote);
        }
    });
}

/// The filters in a message, which are all of one device.
pub(crate) fn entries(payload: &[u8]) -> Result<Vec<VniEntry>> {
    let (header, rest) =
        payload.split_first_chunk::<HEADER>().ok_or(malformed("header of a VNI filter"))?;
    let [_, _, _, _, a, b, c, d] = *header;
    let link = u32::from_ne_bytes([a, b, c, d]);
    let entries = Attributes::new(rest).filter(|part| part.kind == VXLAN_VNIFILTER_ENTRY);
    entries.map(|part| entry(link, &part)).collect()
}

fn entry(link: u32, attribute: &Attribute<'_>) -> Result<VniEntry> {
    let (mut first, mut last, mut remote, mut counted) = (None, None, None, None);
    for part in attribute.attributes() {
        match part.kind {
            VXLAN_VNIFILTER_ENTRY_START => first = part.u32().and_then(Vni::new),
            VXLAN_VNIFILTER_ENTRY_END => last = part.u32().and_then(Vni::new),
            VXLAN_VNIFILTER_ENTRY_GROUP | VXLAN_VNIFILTER_ENTRY_GROUP6 => remote = address(&part),
            VXLAN_VNIFILTER_ENTRY_STATS => counted = Some(statistics(&part)),
            _ => {}
        }
    }
    let first = first.ok_or(malformed("VNI of a filter"))?;
    Ok(VniEntry { link, first, last: last.unwrap_or(first), remote, statistics: counted })
}

fn statistics(attribute: &Attribute<'_>) -> VniStatistics {
    let mut statistics = VniStatistics::default();
    for part in attribute.attributes() {
        let value = part.u64().unwrap_or_default();
        match part.kind {
            VNIFILTER_ENTRY_STATS_RX_BYTES => statistics.rx_bytes = value,
            VNIFILTER_ENTRY_STATS_RX_PKTS => statistics.rx_packets = value,
            VNIFILTER_ENTRY_STATS_RX_DROPS => statistics.rx_drops = value,
            VNIFILTER_ENTRY_STATS_RX_ERRORS => statistics.rx_errors = value,
            VNIFILTER_ENTRY_STATS_TX_BYTES => statistics.tx_bytes = value,
            VNIFILTER_ENTRY_STATS_TX_PKTS => statistics.tx_packets = value,
            VNIFILTER_ENTRY_STATS_TX_DROPS => statistics.tx_drops = value,
            VNIFILTER_ENTRY_STATS_TX_ERRORS => statistics.tx_errors = value,
            _ => {}
        }
    }
    statistics
}
