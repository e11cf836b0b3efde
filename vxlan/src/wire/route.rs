//! Routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rsadm_netlink::{Attribute, Attributes, Message};

use super::{address, family_of, malformed, put_address};
use crate::uapi::*;
use crate::{Result, Route};

/// Bytes of `struct rtmsg`.
const HEADER: usize = 12;
/// Bytes of `struct rtnexthop`.
const NEXTHOP: usize = 8;

fn message(family: u8, prefix: u8) -> Message {
    let mut header = [0; HEADER];
    (header[0], header[1]) = (family, prefix);
    let mut message = Message::new(RTM_GETROUTE, 0);
    message.header(&header);
    message
}

/// Asks for the routes of a family.
pub(crate) fn list(family: u8) -> Message {
    message(family, 0)
}

/// Asks which way packets to an address take, through a link if one is given.
pub(crate) fn to(destination: IpAddr, link: Option<u32>) -> Message {
    let bits = if destination.is_ipv4() { 32 } else { 128 };
    let mut message = message(family_of(destination), bits);
    put_address(&mut message, RTA_DST, destination);
    if let Some(link) = link {
        message.put_u32(RTA_OIF, link);
    }
    message
}

/// The ways of a route; none of families other than those of IP.
pub(crate) fn routes(payload: &[u8]) -> Result<Vec<Route>> {
    let (header, rest) =
        payload.split_first_chunk::<HEADER>().ok_or(malformed("header of a route"))?;
    let [family, prefix, _, _, table, _, _, kind, ..] = *header;
    let destination = match family {
        AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        AF_INET6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return Ok(Vec::new()),
    };
    let mut route =
        Route { destination, prefix, kind, table: table.into(), gateway: None, link: None };
    let mut ways = None;
    for attribute in Attributes::new(rest) {
        match attribute.kind {
            RTA_DST => route.destination = address(&attribute).unwrap_or(destination),
            RTA_TABLE => route.table = attribute.u32().unwrap_or(route.table),
            RTA_OIF => route.link = attribute.u32(),
            RTA_GATEWAY => route.gateway = address(&attribute),
            RTA_VIA => route.gateway = via(&attribute),
            RTA_MULTIPATH => ways = Some(attribute.value),
            _ => {}
        }
    }
    Ok(match ways {
        Some(ways) => multipath(ways, route),
        None => vec![route],
    })
}

/// A gateway of another family than the route's: a family, and an address.
fn via(attribute: &Attribute<'_>) -> Option<IpAddr> {
    let (_, bytes) = attribute.value.split_first_chunk::<2>()?;
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes)),
        16 => bytes.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes)),
        _ => None,
    }
}

/// The same route by each of its ways.
fn multipath(mut ways: &[u8], route: Route) -> Vec<Route> {
    let mut routes = Vec::new();
    while let Some(header) = ways.first_chunk::<NEXTHOP>() {
        let [low, high, _, _, link @ ..] = *header;
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let Some(attributes) = ways.get(NEXTHOP..length) else { break };
        let mut way = Route { link: Some(u32::from_ne_bytes(link)), ..route };
        for attribute in Attributes::new(attributes) {
            match attribute.kind {
                RTA_GATEWAY => way.gateway = address(&attribute),
                RTA_VIA => way.gateway = via(&attribute),
                _ => {}
            }
        }
        routes.push(way);
        ways = ways.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    routes
}
