//! Files below `/proc/thread-self/net`: sockets that wait for packets, and counters.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{Listener, Part};

const DIRECTORY: &str = "/proc/thread-self/net";

/// State of a TCP socket that takes connections, and of a UDP socket that is connected to nobody.
const LISTEN: &str = "0A";
const UNCONNECTED: &str = "07";

/// Counters of `/proc/net/netstat` that tell of packets lost.
const LOSSES: [&str; 10] = [
    "TcpExt.IPReversePathFilter",
    "TcpExt.ListenOverflows",
    "TcpExt.ListenDrops",
    "TcpExt.TCPTimeouts",
    "TcpExt.TCPSynRetrans",
    "TcpExt.PAWSEstab",
    "IpExt.InNoRoutes",
    "IpExt.InTruncatedPkts",
    "IpExt.InCsumErrors",
    "IpExt.ReasmOverlaps",
];

fn file(name: &str) -> std::io::Result<String> {
    let bytes = fs::read(format!("{DIRECTORY}/{name}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Sockets that wait for packets, in order.
pub(super) fn listeners() -> Part<Vec<Listener>> {
    let mut listeners = Vec::new();
    for (name, protocol, state) in [
        ("tcp", 6, LISTEN),
        ("tcp6", 6, LISTEN),
        ("udp", 17, UNCONNECTED),
        ("udp6", 17, UNCONNECTED),
    ] {
        match file(name) {
            Ok(text) => listeners.extend(sockets(&text, protocol, state)),
            // A kernel without IPv6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name.ends_with('6') => {}
            Err(error) => return Part::Unknown(format!("cannot read {DIRECTORY}/{name}: {error}")),
        }
    }
    listeners.sort_unstable();
    listeners.dedup();
    Part::Read(listeners)
}

/// The sockets of a file that are in this state.
fn sockets<'a>(
    text: &'a str,
    protocol: u8,
    wanted: &'a str,
) -> impl Iterator<Item = Listener> + use<'a> {
    text.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
        let address = address(local).filter(|_| state == wanted)?;
        Some(Listener { protocol, address, only_ipv6: None })
    })
}

/// `0100007F:0035`: words of four bytes in host order, and a port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |index: usize| {
        let digits = address.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    let port = u16::from_str_radix(port, 16).ok().filter(|_| port.len() == 4)?;
    Some(SocketAddr::new(address, port))
}

/// What the protocols counted. A file that is not there has no counters.
pub(super) fn counters() -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    counters.extend(tables(&file("snmp").unwrap_or_default()));
    counters.extend(lines(&file("snmp6").unwrap_or_default()));
    let losses = file("netstat").unwrap_or_default();
    counters.extend(tables(&losses).filter(|(name, _)| LOSSES.contains(&name.as_str())));
    counters
}

/// Two lines each: names, then values. Some values are limits that may be below zero.
fn tables(text: &str) -> impl Iterator<Item = (String, u64)> + '_ {
    let mut lines = text.lines();
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?))).flat_map(|(names, values)| {
        let group = names.split(':').next().unwrap_or_default();
        names
            .split_ascii_whitespace()
            .zip(values.split_ascii_whitespace())
            .skip(1)
            .filter_map(move |(name, value)| Some((format!("{group}.{name}"), value.parse().ok()?)))
    })
}

/// A line each: name and value.
fn lines(text: &str) -> impl Iterator<Item = (String, u64)> + '_ {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_wait_are_told_from_those_that_talk() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue\n\
            \x20  0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n\
            \x20  1: 20030AF4:0050 0A030AF4:9C40 01 00000000:00000000 00:00000000 00000000\n\
            \x20  2: nonsense\n";
        let text = if cfg!(target_endian = "little") { text } else { return };
        let found: Vec<_> = sockets(text, 6, LISTEN).collect();
        let expected = "0.0.0.0:80".parse().expect("an address");
        assert_eq!(found, [Listener { protocol: 6, address: expected, only_ipv6: None }]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_are_words_in_host_order() {
        let read = |text| address(text).map(|address| address.to_string());
        assert_eq!(read("0100007F:0035").as_deref(), Some("127.0.0.1:53"));
        let loopback = "00000000000000000000000001000000:1F90";
        assert_eq!(read(loopback).as_deref(), Some("[::1]:8080"));
        let documentation = "B80D0120000000000000000001000000:0050";
        assert_eq!(read(documentation).as_deref(), Some("[2001:db8::1]:80"));
        for wrong in ["", ":", "0100007F", "0100007G:0035", "01:0035", "0100007F:00350"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn counters_have_the_name_of_their_table() {
        let text = "Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 7\n\
            Tcp: RtoMin MaxConn ActiveOpens\nTcp: 200 -1 3\nUdp: InDatagrams NoPorts\nUdp: 5\n";
        let read: BTreeMap<_, _> = tables(text).collect();
        assert_eq!(read.get("Ip.InReceives"), Some(&7));
        assert_eq!(read.get("Tcp.MaxConn"), None);
        assert_eq!(read.get("Tcp.ActiveOpens"), Some(&3));
        assert_eq!((read.get("Udp.InDatagrams"), read.get("Udp.NoPorts")), (Some(&5), None));
        let read: BTreeMap<_, _> = lines("Ip6InReceives    \t12\nnonsense\n").collect();
        assert_eq!(read, BTreeMap::from([("Ip6InReceives".to_owned(), 12)]));
    }
}
