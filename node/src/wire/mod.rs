//! Messages of rtnetlink, and one of nftables, as values. `None` is a message of something else, or one that lacks what a
//! value cannot be without; what is unknown inside is passed over.

pub(crate) mod address;
pub(crate) mod link;
pub(crate) mod namespace;
pub(crate) mod nftables;
pub(crate) mod route;
pub(crate) mod rule;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipvs::Family;
use rsadm_netlink::{Attribute, Message};

use crate::Prefix;
use crate::uapi::*;

/// An address, of the family that its length says.
fn address(attribute: &Attribute<'_>) -> Option<IpAddr> {
    match attribute.value.len() {
        4 => attribute.ipv4().map(IpAddr::V4),
        16 => attribute.ipv6().map(IpAddr::V6),
        _ => None,
    }
}

/// The family that a header names.
fn family(number: u8) -> Option<Family> {
    match number {
        AF_INET => Some(Family::Ipv4),
        AF_INET6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// A network whose length is in the header and whose address is in an attribute, unless it is zero.
fn prefix(family: Family, address: Option<IpAddr>, length: u8) -> Option<Prefix> {
    Prefix::new(address.unwrap_or(Prefix::all(family).address()), length)
}

/// A request for all of a table; with strict checking the family is all that its header may say.
pub(crate) fn list<const HEADER: usize>(kind: u16, family: u8) -> Message {
    let mut header = [0; HEADER];
    header[0] = family;
    let mut message = Message::new(kind, 0);
    message.header(&header);
    message
}
