//! Routes (`struct rtmsg`).

use std::net::IpAddr;

use rsadm_netlink::{Attribute, Attributes, Message};

use super::{address, family, prefix};
use crate::uapi::*;
use crate::{Hop, HopFlags, Route, RouteKind, Scope, Table};

/// Bytes of `struct rtmsg`.
const HEADER: usize = 12;
/// Bytes of `struct rtnexthop`.
const HOP_HEADER: usize = 8;

/// Asks for the routes of all tables. With strict checking the kernel leaves out those that it
/// remembers for a while.
pub(crate) fn list(family: u8) -> Message {
    super::list::<HEADER>(RTM_GETROUTE, family)
}

/// A route.
pub(crate) fn route(payload: &[u8]) -> Option<Route> {
    let (header, rest) = payload.split_first_chunk::<HEADER>()?;
    let [number, to, from, tos, table, protocol, scope, kind, flags @ ..] = *header;
    let family = family(number)?;
    let flags = u32::from_ne_bytes(flags);
    let (mut destination, mut source, mut several) = (None, None, Vec::new());
    // The low byte of the route's flags are those of its way out, where there is one.
    let single_flags = HopFlags::from_bits_retain((flags & !RTM_F_MASK) as u8);
    let mut single = Hop { flags: single_flags, weight: 1, ..Hop::default() };
    let mut route = Route {
        table: Table(u32::from(table)),
        destination: crate::Prefix::all(family),
        source: None,
        tos,
        kind: RouteKind(kind),
        scope: Scope(scope),
        protocol,
        priority: 0,
        preferred_source: None,
        hops: Vec::new(),
        nexthop: None,
        mtu: None,
        router_preference: None,
        flags: flags & RTM_F_MASK,
    };
    for attribute in Attributes::new(rest) {
        match attribute.kind {
            RTA_DST => destination = address(&attribute),
            RTA_SRC => source = address(&attribute),
            RTA_OIF => single.link = attribute.u32(),
            RTA_GATEWAY => single.gateway = address(&attribute),
            RTA_VIA => single.gateway = via(&attribute),
            RTA_PRIORITY => route.priority = attribute.u32().unwrap_or_default(),
            RTA_PREFSRC => route.preferred_source = address(&attribute),
            RTA_METRICS => route.mtu = mtu(&attribute),
            RTA_MULTIPATH => several = hops(attribute.value),
            RTA_TABLE => route.table = attribute.u32().map_or(route.table, Table),
            RTA_PREF => route.router_preference = attribute.u8(),
            RTA_NH_ID => route.nexthop = attribute.u32(),
            _ => {}
        }
    }
    route.destination = prefix(family, destination, to)?;
    if from > 0 {
        route.source = Some(prefix(family, source, from)?);
    }
    route.hops = several;
    if route.hops.is_empty() && (single.link.is_some() || single.gateway.is_some()) {
        route.hops.push(single);
    }
    Some(route)
}

/// A router of another family than the route (`struct rtvia`).
fn via(attribute: &Attribute<'_>) -> Option<IpAddr> {
    let (_, address) = attribute.value.split_first_chunk::<2>()?;
    super::address(&Attribute { value: address, ..*attribute })
}

fn mtu(attribute: &Attribute<'_>) -> Option<u32> {
    attribute.attributes().find(|metric| metric.kind == RTAX_MTU)?.u32()
}

/// Ways out (`struct rtnexthop` with attributes, one behind the other).
fn hops(mut bytes: &[u8]) -> Vec<Hop> {
    let mut hops = Vec::new();
    while let Some((header, _)) = bytes.split_first_chunk::<HOP_HEADER>() {
        let [low, high, flags, share, link @ ..] = *header;
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let Some(rest) = bytes.get(HOP_HEADER..length) else { break };
        let mut hop = Hop {
            link: Some(u32::from_ne_bytes(link)).filter(|link| *link != 0),
            gateway: None,
            flags: HopFlags::from_bits_retain(flags),
            weight: u16::from(share) + 1,
        };
        for attribute in Attributes::new(rest) {
            match attribute.kind {
                RTA_GATEWAY => hop.gateway = address(&attribute),
                RTA_VIA => hop.gateway = via(&attribute),
                _ => {}
            }
        }
        hops.push(hop);
        bytes = bytes.get((length + 3) & !3..).unwrap_or_default();
    }
    hops
}
