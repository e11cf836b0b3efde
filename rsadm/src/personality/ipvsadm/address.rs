//! `ADDRESS[:PORT]` as ipvsadm takes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipvs::Protocol;

use crate::classic::ipvsadm::ServicesFile;
use crate::personality::numbers::{inet_aton, number};

/// Where names are looked up; tests have their own.
pub(in crate::personality) trait Directory {
    /// The first IPv4 address of a host.
    fn host(&mut self, name: &str) -> Option<Ipv4Addr>;
    /// The port of a service.
    fn port(&mut self, name: &str, protocol: Protocol) -> Option<u16>;
}

/// The names of this system.
#[derive(Debug, Default)]
pub(in crate::personality) struct System {
    services: Option<ServicesFile>,
}

/// `AF_INET`, `SOCK_STREAM` and `SOCK_DGRAM` of Linux.
const INET: i32 = 2;
const STREAM: i32 = 1;
const DATAGRAM: i32 = 2;

impl Directory for System {
    fn host(&mut self, name: &str) -> Option<Ipv4Addr> {
        let hints = dns_lookup::AddrInfoHints {
            address: INET,
            socktype: STREAM,
            ..dns_lookup::AddrInfoHints::default()
        };
        if name.is_empty() || name.contains('\0') {
            return None;
        }
        let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).ok()?;
        found.flatten().find_map(|found| match found.sockaddr {
            SocketAddr::V4(address) => Some(*address.ip()),
            SocketAddr::V6(_) => None,
        })
    }

    fn port(&mut self, name: &str, protocol: Protocol) -> Option<u16> {
        let services = self.services.get_or_insert_with(ServicesFile::read);
        if let Some(port) = services.port(name, protocol) {
            return Some(port);
        }
        let socktype = match protocol {
            Protocol::TCP => STREAM,
            Protocol::UDP => DATAGRAM,
            _ => return None,
        };
        if services.is_complete() || name.is_empty() || name.contains('\0') {
            return None;
        }
        let hints = dns_lookup::AddrInfoHints {
            address: INET,
            socktype,
            ..dns_lookup::AddrInfoHints::default()
        };
        let mut found = dns_lookup::getaddrinfo(None, Some(name), Some(hints)).ok()?;
        found.next()?.ok().map(|found| found.sockaddr.port())
    }
}

/// What the text of a service or a destination says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: IpAddr,
    /// `None` without a port, and for an IPv4 address in brackets, whose port is not looked at.
    pub(super) port: Option<u16>,
}

/// Reads `10.0.0.1:80`, `host:http`, `[2001:db8::1]:80`, `2001:db8::1`.
///
/// A port's name belongs to `protocol`. The forms that ipvsadm does not take are refused here as
/// well: digits alone, brackets without a port.
pub(super) fn endpoint(
    text: &[u8],
    protocol: Protocol,
    directory: &mut impl Directory,
) -> Option<Endpoint> {
    if text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (host, bracketed_port) = match text {
        [b'[', inner @ ..] => {
            let end = inner.iter().position(|byte| *byte == b']')?;
            let port = inner[end + 1..].strip_prefix(b":")?;
            (&inner[..end], Some(port))
        }
        _ => (text, None),
    };
    let (address, port) = if let Some(address) = ipv6(host) {
        (IpAddr::V6(address), bracketed_port)
    } else {
        let (host, port) = match host.iter().rposition(|byte| *byte == b':') {
            Some(colon) => (&host[..colon], Some(&host[colon + 1..])),
            None => (host, None),
        };
        (IpAddr::V4(ipv4(host, directory)?), port)
    };
    let port = match port {
        Some(text) => Some(self::port(text, protocol, directory)?),
        None => None,
    };
    Some(Endpoint { address, port })
}

fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An IPv4 address in any form of `inet_aton`, or a host.
pub(super) fn ipv4(text: &[u8], directory: &mut impl Directory) -> Option<Ipv4Addr> {
    inet_aton(text).or_else(|| directory.host(std::str::from_utf8(text).ok()?))
}

fn port(text: &[u8], protocol: Protocol, directory: &mut impl Directory) -> Option<u16> {
    match number(text, 0, 65535) {
        Some(port) => u16::try_from(port).ok(),
        None => directory.port(std::str::from_utf8(text).ok()?, protocol),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A directory with one host and two ports.
    #[derive(Default)]
    pub(crate) struct Fixed;

    impl Directory for Fixed {
        fn host(&mut self, name: &str) -> Option<Ipv4Addr> {
            (name == "localhost").then_some(Ipv4Addr::LOCALHOST)
        }

        fn port(&mut self, name: &str, protocol: Protocol) -> Option<u16> {
            match (name, protocol) {
                ("http", Protocol::TCP) => Some(80),
                ("domain", Protocol::TCP | Protocol::UDP) => Some(53),
                _ => None,
            }
        }
    }

    /// `ADDRESS PORT` or `-`.
    fn read(text: &str) -> String {
        match endpoint(text.as_bytes(), Protocol::TCP, &mut Fixed) {
            Some(Endpoint { address, port: Some(port) }) => format!("{address} {port}"),
            Some(Endpoint { address, port: None }) => format!("{address}"),
            None => "-".to_owned(),
        }
    }

    /// Every line was tried with ipvsadm 1.31.
    #[test]
    fn as_ipvsadm_reads_them() {
        for (text, expected) in [
            ("80", "-"),
            ("", "-"),
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.3.4:", "-"),
            ("1.2.3.4:0", "1.2.3.4 0"),
            ("1.2.3.4:http", "1.2.3.4 80"),
            ("1.2.3.4: 80", "1.2.3.4 80"),
            ("1.2.3.4:+80", "1.2.3.4 80"),
            ("1.2.3.4:-1", "-"),
            ("1.2.3.4:65536", "-"),
            ("1.2.3.4:80x", "-"),
            ("1.2.3.4:nope", "-"),
            ("1.2.3.4:0x50", "-"),
            ("1.2.3.4:080", "1.2.3.4 80"),
            ("1.2.3.4:80 ", "-"),
            ("1.2.3.4 x:87", "1.2.3.4 87"),
            (" 1.2.3.4:88", "-"),
            ("1.2.3.4::91", "-"),
            ("1.2.3.4:5:6", "-"),
            ("[1.2.3.4]:99", "1.2.3.4"),
            ("[1.2.3.4]", "-"),
            ("[localhost]:82", "127.0.0.1"),
            ("[2001:db8::1]:80", "2001:db8::1 80"),
            ("[2001:db8::1]:http", "2001:db8::1 80"),
            ("[2001:db8::1]:", "-"),
            ("[2001:db8::1]", "-"),
            ("[2001:db8::1]80", "-"),
            ("2001:db8::1", "2001:db8::1"),
            ("::", "::"),
            ("[::ffff:1.2.3.4]:80", "::ffff:1.2.3.4 80"),
            ("[fe80::1%lo]:92", "-"),
            ("localhost", "127.0.0.1"),
            ("localhost:81", "127.0.0.1 81"),
            ("ip6-localhost:83", "-"),
            (":90", "-"),
            ("10.1:84", "10.0.0.1 84"),
            ("0x0a000001:85", "10.0.0.1 85"),
            ("010.1.1.1:86", "8.1.1.1 86"),
            ("167772161:89", "10.0.0.1 89"),
            ("[]:1", "-"),
            ("[", "-"),
            ("]", "-"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>) {
            let _ = endpoint(&text, Protocol::TCP, &mut Fixed);
        }

        #[test]
        fn every_endpoint_reads_back(endpoint: SocketAddr) {
            // The standard library writes a scope, which is not part of a service.
            let bare = SocketAddr::new(endpoint.ip(), endpoint.port());
            proptest::prop_assert_eq!(read(&bare.to_string()), format!("{} {}", bare.ip(), bare.port()));
        }
    }
}
