//! The multicast database.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rsadm_netlink::{Attribute, Attributes, Message};

use super::{address, malformed, put_address};
use crate::uapi::*;
use crate::{FilterMode, Group, Mac, MulticastEntry, Remote, Result, RouterPort, Source, Vni};

/// Bytes of `struct br_port_msg`.
const HEADER: usize = 8;
/// Bytes of `struct br_mdb_entry`.
const ENTRY: usize = 28;

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;

fn message(kind: u16, flags: u16, link: u32) -> Message {
    let mut bytes = [0; HEADER];
    bytes[0] = AF_BRIDGE;
    bytes[4..8].copy_from_slice(&link.to_ne_bytes());
    let mut message = Message::new(kind, flags);
    message.header(&bytes);
    message
}

/// Asks for every database.
pub(crate) fn list() -> Message {
    message(RTM_GETMDB, 0, 0)
}

/// Writes or deletes an entry.
pub(crate) fn put(entry: &MulticastEntry, kind: u16, flags: u16) -> Message {
    let mut message = message(kind, flags, entry.link);
    message.put(MDBA_SET_ENTRY, &fixed(entry));
    let settings = kind == RTM_NEWMDB;
    let remote = &entry.remote;
    if is_plain(entry) {
        return message;
    }
    message.nest(MDBA_SET_ENTRY_ATTRS, |inner| {
        if let Some(source) = entry.source {
            put_address(inner, MDBE_ATTR_SOURCE, source);
        }
        if let Some(vni) = entry.source_vni {
            inner.put_u32(MDBE_ATTR_SRC_VNI, vni.get());
        }
        if let Some(address) = remote.address {
            put_address(inner, MDBE_ATTR_DST, address);
        }
        if let Some(port) = remote.port {
            inner.put_u16(MDBE_ATTR_DST_PORT, port);
        }
        if let Some(vni) = remote.vni {
            inner.put_u32(MDBE_ATTR_VNI, vni.get());
        }
        if let Some(via) = remote.via {
            inner.put_u32(MDBE_ATTR_IFINDEX, via);
        }
        if !settings {
            return;
        }
        if !entry.sources.is_empty() {
            inner.nest(MDBE_ATTR_SRC_LIST, |list| {
                for source in &entry.sources {
                    list.nest(MDBE_SRC_LIST_ENTRY, |item| {
                        put_address(item, MDBE_SRCATTR_ADDRESS, source.address);
                    });
                }
            });
        }
        if let Some(mode) = entry.filter_mode {
            let mode = match mode {
                FilterMode::Exclude => 0,
                FilterMode::Include => 1,
            };
            inner.put_u8(MDBE_ATTR_GROUP_MODE, mode);
        }
        if let Some(protocol) = entry.protocol {
            inner.put_u8(MDBE_ATTR_RTPROT, protocol);
        }
    });
    message
}

/// Whether there is nothing to say but what every kernel knows.
fn is_plain(entry: &MulticastEntry) -> bool {
    let MulticastEntry { source, source_vni, sources, filter_mode, protocol, .. } = entry;
    source.is_none()
        && source_vni.is_none()
        && entry.remote == Remote::NONE
        && sources.is_empty()
        && filter_mode.is_none()
        && protocol.is_none()
}

/// Asks for the remotes of one group of a device.
pub(crate) fn get(entry: &MulticastEntry) -> Message {
    let mut message = message(RTM_GETMDB, 0, entry.link);
    let asked = MulticastEntry { port: 0, permanent: false, ..entry.clone() };
    message.put(MDBA_SET_ENTRY, &fixed(&asked));
    message.nest(MDBA_SET_ENTRY_ATTRS, |inner| {
        if let Some(source) = entry.source {
            put_address(inner, MDBE_ATTR_SOURCE, source);
        }
        if let Some(vni) = entry.source_vni {
            inner.put_u32(MDBE_ATTR_SRC_VNI, vni.get());
        }
    });
    message
}

/// The kernel's own deletion of all entries of a device.
pub(crate) fn flush(link: u32) -> Message {
    let mut message = message(RTM_DELMDB, NLM_F_BULK, link);
    // An entry of zeros is no condition.
    message.put(MDBA_SET_ENTRY, &[0; ENTRY]);
    message
}

/// `struct br_mdb_entry`.
fn fixed(entry: &MulticastEntry) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..4].copy_from_slice(&entry.port.to_ne_bytes());
    bytes[4] = entry.permanent.into();
    bytes[6..8].copy_from_slice(&entry.vlan.to_ne_bytes());
    let protocol = match entry.group {
        Group::Ip(IpAddr::V4(group)) => {
            bytes[8..12].copy_from_slice(&group.octets());
            ETH_P_IP
        }
        Group::Ip(IpAddr::V6(group)) => {
            bytes[8..24].copy_from_slice(&group.octets());
            ETH_P_IPV6
        }
        Group::Mac(mac) => {
            bytes[8..14].copy_from_slice(&mac.0);
            0
        }
    };
    bytes[24..26].copy_from_slice(&protocol.to_be_bytes());
    bytes
}

/// The entries in a message, which are all of one device.
pub(crate) fn entries(payload: &[u8]) -> Result<Vec<MulticastEntry>> {
    let (link, parts) = split(payload)?;
    let mut found = Vec::new();
    for database in parts.filter(|part| part.kind == MDBA_MDB) {
        let groups = database.attributes().filter(|part| part.kind == MDBA_MDB_ENTRY);
        for entries in groups {
            for part in entries.attributes().filter(|part| part.kind == MDBA_MDB_ENTRY_INFO) {
                found.push(entry(link, &part)?);
            }
        }
    }
    Ok(found)
}

/// The device that a message is about, and what is said of it.
fn split(payload: &[u8]) -> Result<(u32, Attributes<'_>)> {
    let (header, rest) =
        payload.split_first_chunk::<HEADER>().ok_or(malformed("header of a multicast entry"))?;
    let [_, _, _, _, a, b, c, d] = *header;
    Ok((u32::from_ne_bytes([a, b, c, d]), Attributes::new(rest)))
}

/// The ports in a message that lead to routers, which are all of one bridge.
pub(crate) fn router_ports(payload: &[u8]) -> Result<Vec<RouterPort>> {
    let (link, parts) = split(payload)?;
    let mut found = Vec::new();
    for routers in parts.filter(|part| part.kind == MDBA_ROUTER) {
        for part in routers.attributes().filter(|part| part.kind == MDBA_ROUTER_PORT) {
            let (port, rest) =
                part.value.split_first_chunk().ok_or(malformed("port that leads to a router"))?;
            let port = u32::from_ne_bytes(*port);
            let mut router = RouterPort { link, port, timer: None, temporary: false };
            for part in Attributes::new(rest) {
                match part.kind {
                    MDBA_ROUTER_PATTR_TIMER => router.timer = part.u32(),
                    MDBA_ROUTER_PATTR_TYPE => {
                        let kinds = [MDB_RTR_TYPE_TEMP_QUERY, MDB_RTR_TYPE_TEMP];
                        router.temporary = part.u8().is_some_and(|kind| kinds.contains(&kind));
                    }
                    _ => {}
                }
            }
            found.push(router);
        }
    }
    Ok(found)
}

fn entry(link: u32, attribute: &Attribute<'_>) -> Result<MulticastEntry> {
    let (bytes, rest) =
        attribute.value.split_first_chunk::<ENTRY>().ok_or(malformed("multicast entry"))?;
    let [p1, p2, p3, p4, state, flags, v1, v2, group @ .., e1, e2, _, _] = *bytes;
    let [a, b, c, d, ..] = group;
    let group = match u16::from_be_bytes([e1, e2]) {
        ETH_P_IP => Group::Ip(Ipv4Addr::new(a, b, c, d).into()),
        ETH_P_IPV6 => Group::Ip(Ipv6Addr::from(group).into()),
        _ => Group::Mac(Mac([a, b, c, d, group[4], group[5]])),
    };
    let mut entry = MulticastEntry::to(link, [0, 0, 0, 0].into(), [0, 0, 0, 0].into());
    entry.port = u32::from_ne_bytes([p1, p2, p3, p4]);
    entry.permanent = state & 1 != 0;
    entry.flags = flags;
    entry.vlan = u16::from_ne_bytes([v1, v2]);
    entry.group = group;
    entry.remote = Remote::NONE;
    for part in Attributes::new(rest) {
        match part.kind {
            MDBA_MDB_EATTR_TIMER => entry.timer = part.u32(),
            MDBA_MDB_EATTR_SRC_LIST => entry.sources = sources(&part),
            MDBA_MDB_EATTR_GROUP_MODE => {
                let mode = |byte| if byte == 0 { FilterMode::Exclude } else { FilterMode::Include };
                entry.filter_mode = part.u8().map(mode);
            }
            MDBA_MDB_EATTR_SOURCE => entry.source = address(&part),
            MDBA_MDB_EATTR_RTPROT => entry.protocol = part.u8(),
            MDBA_MDB_EATTR_DST => entry.remote.address = address(&part),
            MDBA_MDB_EATTR_DST_PORT => entry.remote.port = part.u16(),
            MDBA_MDB_EATTR_VNI => entry.remote.vni = part.u32().and_then(Vni::new),
            MDBA_MDB_EATTR_IFINDEX => entry.remote.via = part.u32(),
            MDBA_MDB_EATTR_SRC_VNI => entry.source_vni = part.u32().and_then(Vni::new),
            _ => {}
        }
    }
    Ok(entry)
}

fn sources(attribute: &Attribute<'_>) -> Vec<Source> {
    let items = attribute.attributes().filter(|part| part.kind == MDBA_MDB_SRCLIST_ENTRY);
    let source = |item: Attribute<'_>| {
        let (mut found, mut timer) = (None, 0);
        for part in item.attributes() {
            match part.kind {
                MDBA_MDB_SRCATTR_ADDRESS => found = address(&part),
                MDBA_MDB_SRCATTR_TIMER => timer = part.u32().unwrap_or_default(),
                _ => {}
            }
        }
        found.map(|address| Source { address, timer })
    };
    items.filter_map(source).collect()
}
