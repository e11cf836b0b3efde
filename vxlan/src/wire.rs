//! Values as messages of rtnetlink, and back. What is missing or unknown is no error, unless a
//! value could not be told from another without it.

pub(crate) mod link;
pub(crate) mod multicast;
pub(crate) mod nexthop;
pub(crate) mod route;
pub(crate) mod vni;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use rsadm_netlink::{Attribute, Attributes, Message};

use crate::uapi::*;
use crate::{
    Activity, CacheTimes, Entry, EntryFilter, EntryQuery, Error, ExtendedFlags, Flags, Flush, Mac,
    Neighbour, Remote, Result, State, Vni,
};

/// Bytes of `struct ndmsg`.
const NEIGHBOUR_HEADER: usize = 12;
/// Bytes of `struct ifinfomsg`.
const LINK_HEADER: usize = 16;

#[cold]
pub(crate) const fn malformed(what: &'static str) -> Error {
    Error::Malformed { what }
}

/// `struct ndmsg`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Header {
    pub(crate) family: u8,
    pub(crate) link: u32,
    pub(crate) state: State,
    pub(crate) flags: Flags,
    pub(crate) kind: u8,
}

impl Header {
    /// Splits a payload into the header and the attributes behind it.
    #[inline]
    pub(crate) fn split(payload: &[u8]) -> Result<(Self, Attributes<'_>)> {
        let (header, rest) = payload
            .split_first_chunk::<NEIGHBOUR_HEADER>()
            .ok_or(malformed("header of a neighbour"))?;
        let [family, _, _, _, a, b, c, d, low, high, flags, kind] = *header;
        let header = Self {
            family,
            link: u32::from_ne_bytes([a, b, c, d]),
            state: State::from_bits_retain(u16::from_ne_bytes([low, high])),
            flags: Flags::from_bits_retain(flags),
            kind,
        };
        Ok((header, Attributes::new(rest)))
    }

    /// A message that starts with this header.
    fn message(self, kind: u16, flags: u16) -> Message {
        let mut bytes = [0; NEIGHBOUR_HEADER];
        bytes[0] = self.family;
        bytes[4..8].copy_from_slice(&self.link.to_ne_bytes());
        bytes[8..10].copy_from_slice(&self.state.bits().to_ne_bytes());
        bytes[10] = self.flags.bits();
        bytes[11] = self.kind;
        let mut message = Message::new(kind, flags);
        message.header(&bytes);
        message
    }
}

/// Four bytes of a number that may be below zero.
pub(crate) fn signed(attribute: &Attribute<'_>) -> Option<i32> {
    attribute.value.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes))
}

/// An address of either family, told by its length.
#[inline]
pub(crate) fn address(attribute: &Attribute<'_>) -> Option<IpAddr> {
    match attribute.value.len() {
        4 => attribute.ipv4().map(IpAddr::V4),
        16 => attribute.ipv6().map(IpAddr::V6),
        _ => None,
    }
}

pub(crate) fn put_address(message: &mut Message, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => message.put(kind, &address.octets()),
        IpAddr::V6(address) => message.put(kind, &address.octets()),
    };
}

pub(crate) const fn family_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

/// A forwarding entry; `None` is a neighbour, which comes in the same messages.
#[inline]
pub(crate) fn entry(payload: &[u8]) -> Result<Option<Entry>> {
    let (header, attributes) = Header::split(payload)?;
    if header.family != AF_BRIDGE {
        return Ok(None);
    }
    let mut entry = Entry::new(header.link, Mac::ZERO);
    entry.state = header.state;
    entry.flags = header.flags;
    let mut mac = None;
    for attribute in attributes {
        match attribute.kind {
            NDA_LLADDR => mac = Mac::read(attribute.value),
            NDA_DST => entry.remote.address = address(&attribute),
            NDA_CACHEINFO => entry.cache = CacheTimes::read(attribute.value),
            NDA_VLAN => entry.vlan = attribute.u16(),
            NDA_PORT => entry.remote.port = attribute.be16(),
            NDA_VNI => entry.remote.vni = attribute.u32().and_then(Vni::new),
            NDA_IFINDEX => entry.remote.via = attribute.u32(),
            NDA_MASTER => entry.master = attribute.u32(),
            NDA_SRC_VNI => entry.source_vni = attribute.u32().and_then(Vni::new),
            NDA_NH_ID => entry.nexthop_group = attribute.u32(),
            NDA_LINK_NETNSID => entry.link_namespace = signed(&attribute),
            NDA_PROTOCOL => entry.protocol = attribute.u8(),
            NDA_FDB_EXT_ATTRS => entry.activity = Some(activity(&attribute)),
            NDA_FLAGS_EXT => {
                let flags = attribute.u32().unwrap_or_default();
                entry.extended_flags = ExtendedFlags::from_bits_retain(flags);
            }
            _ => {}
        }
    }
    entry.mac = mac.ok_or(malformed("address of an entry"))?;
    Ok(Some(entry))
}

fn activity(attribute: &Attribute<'_>) -> Activity {
    let mut activity = Activity::default();
    for part in attribute.attributes() {
        match part.kind {
            NFEA_ACTIVITY_NOTIFY => activity.notify = part.u8(),
            NFEA_DONT_REFRESH => activity.keep_times = true,
            _ => {}
        }
    }
    activity
}

/// A neighbour; `None` is a forwarding entry, or of a family without addresses.
pub(crate) fn neighbour(payload: &[u8]) -> Result<Option<Neighbour>> {
    let (header, attributes) = Header::split(payload)?;
    if header.family != AF_INET && header.family != AF_INET6 {
        return Ok(None);
    }
    let mut neighbour = Neighbour::permanent(header.link, [0, 0, 0, 0].into(), Mac::ZERO);
    neighbour.mac = None;
    neighbour.state = header.state;
    neighbour.flags = header.flags;
    neighbour.kind = header.kind;
    let mut found = None;
    for attribute in attributes {
        match attribute.kind {
            NDA_DST => found = address(&attribute),
            NDA_LLADDR => neighbour.mac = Mac::read(attribute.value),
            NDA_CACHEINFO => neighbour.cache = CacheTimes::read(attribute.value),
            NDA_PROBES => neighbour.probes = attribute.u32(),
            NDA_PROTOCOL => neighbour.protocol = attribute.u8(),
            NDA_FLAGS_EXT => {
                let flags = attribute.u32().unwrap_or_default();
                neighbour.extended_flags = ExtendedFlags::from_bits_retain(flags);
            }
            _ => {}
        }
    }
    neighbour.address = found.ok_or(malformed("address of a neighbour"))?;
    Ok(Some(neighbour))
}

/// Asks for entries. With strict checking the kernel takes the link and the master alone.
pub(crate) fn list_entries(filter: &EntryFilter) -> Message {
    let header = Header { family: AF_BRIDGE, ..Header::default() };
    let mut message = header.message(RTM_GETNEIGH, 0);
    if let Some(link) = filter.link {
        message.put_u32(NDA_IFINDEX, link);
    }
    if let Some(master) = filter.master {
        message.put_u32(NDA_MASTER, master);
    }
    message
}

/// Asks for one entry.
pub(crate) fn get_entry(query: &EntryQuery) -> Message {
    let EntryQuery { link, mac, vlan, source_vni, flags, .. } = *query;
    let header = Header { family: AF_BRIDGE, link, flags, ..Header::default() };
    let mut message = header.message(RTM_GETNEIGH, 0);
    message.put(NDA_LLADDR, &mac.0);
    if let Some(vlan) = vlan {
        message.put_u16(NDA_VLAN, vlan);
    }
    if let Some(vni) = source_vni {
        message.put_u32(NDA_VNI, vni.get());
    }
    if let Some(master) = query.master {
        message.put_u32(NDA_MASTER, master);
    }
    message
}

/// Writes an entry. Without [`State`] and flags of its own it is what bridge makes of no words.
pub(crate) fn put_entry(entry: &Entry, flags: u16) -> Message {
    let mut message = entry_message(entry, RTM_NEWNEIGH, flags);
    if let Some(group) = entry.nexthop_group {
        message.put_u32(NDA_NH_ID, group);
    }
    if let Some(protocol) = entry.protocol {
        message.put_u8(NDA_PROTOCOL, protocol);
    }
    if let Some(activity) = entry.activity {
        message.nest(NDA_FDB_EXT_ATTRS, |inner| {
            if let Some(notify) = activity.notify {
                inner.put_u8(NFEA_ACTIVITY_NOTIFY, notify);
            }
            if activity.keep_times {
                inner.put(NFEA_DONT_REFRESH, &[]);
            }
        });
    }
    if !entry.extended_flags.is_empty() {
        message.put_u32(NDA_FLAGS_EXT, entry.extended_flags.bits());
    }
    message
}

/// Deletes an entry: with a remote that one, else all of its address.
pub(crate) fn delete_entry(entry: &Entry) -> Message {
    entry_message(entry, RTM_DELNEIGH, 0)
}

fn entry_message(entry: &Entry, kind: u16, flags: u16) -> Message {
    let Entry { link, state, flags: entry_flags, .. } = *entry;
    let header = Header { family: AF_BRIDGE, link, state, flags: entry_flags, kind: 0 };
    let mut message = header.message(kind, flags);
    message.put(NDA_LLADDR, &entry.mac.0);
    if let Some(vlan) = entry.vlan {
        message.put_u16(NDA_VLAN, vlan);
    }
    if let Some(vni) = entry.source_vni {
        message.put_u32(NDA_SRC_VNI, vni.get());
    }
    put_remote(&mut message, &entry.remote);
    message
}

fn put_remote(message: &mut Message, remote: &Remote) {
    if let Some(address) = remote.address {
        put_address(message, NDA_DST, address);
    }
    if let Some(port) = remote.port {
        message.put_be16(NDA_PORT, port);
    }
    if let Some(vni) = remote.vni {
        message.put_u32(NDA_VNI, vni.get());
    }
    if let Some(via) = remote.via {
        message.put_u32(NDA_IFINDEX, via);
    }
}

/// The kernel's own deletion of many entries of a link; `None` where it cannot express the filter.
pub(crate) fn flush_entries(link: u32, filter: &EntryFilter) -> Option<Message> {
    // Zero is no condition for the kernel: it would delete everything.
    let cannot = filter.mac.is_some()
        || filter.vlan == Some(0)
        || filter.port == Some(0)
        || filter.vni.is_some_and(|vni| vni.get() == 0)
        || filter.source_vni.is_some_and(|vni| vni.get() == 0)
        || filter.nexthop_group == Some(0)
        || filter.destination.is_some_and(|address| address.is_unspecified())
        || (filter.in_bridge.is_none() && filter.master.is_some());
    let (wanted, refused) = (filter.any_state, filter.no_state);
    let states = State::STATIC_PERMANENT;
    // The kernel compares bits under a mask: all of those wanted, where ours is one of them.
    let one = wanted.is_empty() || wanted.bits().is_power_of_two();
    let flags = Flags::EXTERN_LEARN | Flags::OFFLOADED | Flags::ROUTER;
    let known = states.contains(wanted | refused)
        && flags.contains((filter.all_flags | filter.no_flags) - Flags::SELF)
        && !filter.no_flags.contains(Flags::SELF);
    if cannot || !one || !known || filter.in_bridge == Some(true) {
        return None;
    }
    let state_mask = wanted | refused;
    let flags_mask = (filter.all_flags | filter.no_flags) - Flags::SELF;
    let header = Header {
        family: AF_BRIDGE,
        link,
        state: wanted,
        flags: (filter.all_flags & flags_mask) | Flags::SELF,
        kind: 0,
    };
    let mut message = header.message(RTM_DELNEIGH, NLM_F_BULK);
    if !state_mask.is_empty() {
        message.put_u16(NDA_NDM_STATE_MASK, state_mask.bits());
    }
    if !flags_mask.is_empty() {
        message.put_u8(NDA_NDM_FLAGS_MASK, flags_mask.bits());
    }
    if let Some(vlan) = filter.vlan {
        message.put_u16(NDA_VLAN, vlan);
    }
    if let Some(vni) = filter.source_vni {
        message.put_u32(NDA_SRC_VNI, vni.get());
    }
    if let Some(group) = filter.nexthop_group {
        message.put_u32(NDA_NH_ID, group);
    }
    let Remote { address, port, vni, .. } =
        Remote { address: filter.destination, port: filter.port, vni: filter.vni, via: None };
    put_remote(&mut message, &Remote { address, port, vni, via: None });
    Some(message)
}

/// The same as bridge asks for it.
pub(crate) fn flush(flush: &Flush) -> Message {
    let Flush { link, state, flags, .. } = *flush;
    let header = Header { family: AF_BRIDGE, link, state, flags, kind: 0 };
    let mut message = header.message(RTM_DELNEIGH, NLM_F_BULK);
    if let Some(port) = flush.port {
        message.put_u32(NDA_IFINDEX, port);
    }
    if let Some(vlan) = flush.vlan {
        message.put_u16(NDA_VLAN, vlan);
    }
    if !flush.flags_mask.is_empty() {
        message.put_u8(NDA_NDM_FLAGS_MASK, flush.flags_mask.bits());
    }
    if !flush.state_mask.is_empty() {
        message.put_u16(NDA_NDM_STATE_MASK, flush.state_mask.bits());
    }
    message
}

/// Asks for neighbours of a link, or of all.
pub(crate) fn list_neighbours(link: Option<u32>, family: u8) -> Message {
    let header = Header { family, ..Header::default() };
    let mut message = header.message(RTM_GETNEIGH, 0);
    if let Some(link) = link {
        message.put_u32(NDA_IFINDEX, link);
    }
    message
}

/// Asks for one neighbour.
pub(crate) fn get_neighbour(link: u32, address: IpAddr) -> Message {
    let header = Header { family: family_of(address), link, ..Header::default() };
    let mut message = header.message(RTM_GETNEIGH, 0);
    put_address(&mut message, NDA_DST, address);
    message
}

pub(crate) fn neighbour_message(neighbour: &Neighbour, kind: u16, flags: u16) -> Message {
    let Neighbour { link, address, state, flags: neighbour_flags, .. } = *neighbour;
    let family = family_of(address);
    let header = Header { family, link, state, flags: neighbour_flags, kind: 0 };
    let mut message = header.message(kind, flags);
    put_address(&mut message, NDA_DST, address);
    if kind == RTM_DELNEIGH {
        return message;
    }
    if let Some(mac) = neighbour.mac {
        message.put(NDA_LLADDR, &mac.0);
    }
    if let Some(protocol) = neighbour.protocol {
        message.put_u8(NDA_PROTOCOL, protocol);
    }
    if !neighbour.extended_flags.is_empty() {
        message.put_u32(NDA_FLAGS_EXT, neighbour.extended_flags.bits());
    }
    message
}
