//! Names of hosts and ports, both ways.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};
use ipvs::Protocol;

use super::values;
use crate::classic::ipvsadm::Names;

/// How long one name may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// Names for a listing, unless numbers are wanted.
pub(super) fn unless(numeric: bool) -> Names {
    if numeric { Names::numeric() } else { Names::resolved_within(PATIENCE) }
}

/// `address:port` with names where there are any; a port without protocol has no name.
pub(super) fn endpoint(
    names: &mut Names,
    address: SocketAddr,
    protocol: Option<Protocol>,
) -> String {
    let port = protocol
        .and_then(|protocol| names.port(address.port(), protocol).map(str::to_owned))
        .unwrap_or_else(|| address.port().to_string());
    let host = match names.host(address.ip()) {
        Some(name) => name.to_owned(),
        None => address.ip().to_string(),
    };
    if address.is_ipv6() { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The names that this system knows, for what ipvsadm saved with names. Each is looked up once.
#[derive(Default)]
pub(super) struct System {
    hosts: RefCell<HashMap<String, Option<IpAddr>>>,
    ports: RefCell<HashMap<(String, Protocol), Option<u16>>>,
}

impl values::Names for System {
    fn host(&self, name: &str) -> Option<IpAddr> {
        let mut hosts = self.hosts.borrow_mut();
        *hosts.entry(name.to_owned()).or_insert_with(|| host(name))
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        let mut ports = self.ports.borrow_mut();
        *ports.entry((name.to_owned(), protocol)).or_insert_with(|| port(name, protocol))
    }
}

/// IPv4 first: that is what ipvsadm means by a name.
fn host(name: &str) -> Option<IpAddr> {
    let found: Vec<_> = addresses(Some(name), None, 0)?.collect();
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first()).map(SocketAddr::ip)
}

fn port(name: &str, protocol: Protocol) -> Option<u16> {
    let socket_type = match protocol {
        Protocol::UDP => SockType::DGram.into(),
        _ => SockType::Stream.into(),
    };
    addresses(None, Some(name), socket_type)?.next().map(|address| address.port())
}

fn addresses(
    host: Option<&str>,
    port: Option<&str>,
    socktype: i32,
) -> Option<impl Iterator<Item = SocketAddr>> {
    let hints = AddrInfoHints { socktype, ..AddrInfoHints::default() };
    let found = getaddrinfo(host, port, Some(hints)).ok()?;
    Some(found.filter_map(Result::ok).map(|entry| entry.sockaddr))
}

#[cfg(test)]
mod tests {
    use super::values::Names as _;
    use super::*;

    #[test]
    fn numbers_when_there_are_no_names() {
        let mut numeric = Names::numeric();
        let address = "[2001:db8::1]:80".parse().expect("an address");
        assert_eq!(endpoint(&mut numeric, address, Some(Protocol::TCP)), "[2001:db8::1]:80");
        let address = "10.0.0.1:80".parse().expect("an address");
        assert_eq!(endpoint(&mut numeric, address, None), "10.0.0.1:80");
    }

    #[test]
    fn this_host_has_a_name() {
        let system = System::default();
        for _ in 0..2 {
            assert_eq!(system.host("localhost"), Some(IpAddr::from([127, 0, 0, 1])));
            assert_eq!(system.host("no such host"), None);
            assert_eq!(system.port("no-such-port", Protocol::TCP), None);
        }
    }
}
