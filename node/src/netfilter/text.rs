//! What both tools write alike: addresses, ports, protocols.

use std::net::{IpAddr, Ipv4Addr};

use ipvs::Family;

use super::rule::{Pattern, Value};
use crate::Prefix;

/// An address as a number.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

pub(super) const fn is_of(address: IpAddr, family: Family) -> bool {
    matches!((address, family), (IpAddr::V4(_), Family::Ipv4) | (IpAddr::V6(_), Family::Ipv6))
}

/// The addresses of a network; none for those of the other family.
pub(super) fn network(prefix: Prefix, family: Family) -> Pattern {
    if !is_of(prefix.address(), family) {
        return Pattern::NEVER;
    }
    let first = number(prefix.address());
    if prefix.is_host() {
        return Pattern::One(Value::Number(first));
    }
    let width: u32 = if family == Family::Ipv4 { 32 } else { 128 };
    let host = width - u32::from(prefix.length());
    let low = u128::MAX.checked_shr(128 - host).unwrap_or(0);
    Pattern::Range(first & !low, first | low)
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1`, `10.0.0.1-10.0.0.9`. `None` if it is nothing of
/// that.
pub(super) fn addresses(text: &str, family: Family) -> Option<Pattern> {
    if let Some((first, last)) = text.split_once('-') {
        let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
        let fits = is_of(first, family) && is_of(last, family);
        return Some(if fits {
            Pattern::Range(number(first), number(last))
        } else {
            Pattern::NEVER
        });
    }
    let prefix = match text.split_once('/') {
        None => Prefix::host(text.parse().ok()?),
        Some((address, mask)) => {
            let length = mask.parse().ok().or_else(|| {
                let mask = mask.parse::<Ipv4Addr>().ok()?.to_bits();
                (mask.leading_ones() + mask.trailing_zeros() == 32 || mask == u32::MAX)
                    .then(|| mask.leading_ones() as u8)
            })?;
            Prefix::new(address.parse().ok()?, length)?
        }
    };
    Some(network(prefix, family))
}

/// Number of a layer 4 protocol.
pub(super) fn protocol(text: &str) -> Option<u8> {
    Some(match text {
        "icmp" => 1,
        "igmp" => 2,
        "tcp" => 6,
        "udp" => 17,
        "dccp" => 33,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" | "ipv6-icmp" | "icmp6" => 58,
        "comp" => 108,
        "sctp" => 132,
        "udplite" => 136,
        _ => return text.parse().ok(),
    })
}

/// `80`, `80:90` or `80-90`.
pub(super) fn ports(text: &str) -> Option<Pattern> {
    match text.split_once([':', '-']) {
        None => Some(Pattern::One(Value::Number(u128::from(text.parse::<u16>().ok()?)))),
        Some((first, last)) => {
            let end =
                |text: &str, open| if text.is_empty() { Some(open) } else { text.parse().ok() };
            Some(Pattern::Range(end(first, 0u16)?.into(), end(last, u16::MAX)?.into()))
        }
    }
}

/// Protocol and port as one number.
pub(super) fn service(protocol: u8, port: u16) -> u128 {
    u128::from(protocol) << 16 | u128::from(port)
}

/// `7` or `0x7`.
pub(super) fn integer(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `0x4000/0x4000`; without a mask all bits count.
pub(super) fn masked(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        None => Some((integer(text)?, u32::MAX)),
        Some((value, mask)) => Some((integer(value)?, integer(mask)?)),
    }
}

/// The name of a link, or the beginning of names, which ends in `wildcard`.
pub(super) fn link(text: &str, wildcard: char) -> Pattern {
    match text.strip_suffix(wildcard) {
        Some(start) => Pattern::Names(start.to_owned()),
        None => Pattern::One(Value::Name(text.to_owned())),
    }
}

/// Bits for states of a connection.
pub(super) mod state {
    pub(crate) const INVALID: u128 = 1;
    pub(crate) const ESTABLISHED: u128 = 2;
    pub(crate) const RELATED: u128 = 4;
    pub(crate) const NEW: u128 = 8;
    pub(crate) const UNTRACKED: u128 = 64;
    /// What iptables counts among states: the source, the destination is translated.
    pub(crate) const SNAT: u128 = 128;
    pub(crate) const DNAT: u128 = 256;

    pub(crate) fn named(name: &str) -> Option<u128> {
        Some(match &*name.to_ascii_lowercase() {
            "invalid" => INVALID,
            "established" => ESTABLISHED,
            "related" => RELATED,
            "new" => NEW,
            "untracked" => UNTRACKED,
            "snat" => SNAT,
            "dnat" => DNAT,
            _ => return None,
        })
    }
}

/// Bits for what a connection has seen (`IPS_*`).
pub(super) mod status {
    pub(crate) const EXPECTED: u128 = 1;
    pub(crate) const SEEN_REPLY: u128 = 2;
    pub(crate) const ASSURED: u128 = 4;
    pub(crate) const CONFIRMED: u128 = 8;
    pub(crate) const SNAT: u128 = 16;
    pub(crate) const DNAT: u128 = 32;

    pub(crate) fn named(name: &str) -> Option<u128> {
        Some(match &*name.to_ascii_lowercase().replace('_', "-") {
            "expected" => EXPECTED,
            "seen-reply" => SEEN_REPLY,
            "assured" => ASSURED,
            "confirmed" => CONFIRMED,
            "snat" => SNAT,
            "dnat" => DNAT,
            _ => return None,
        })
    }
}
