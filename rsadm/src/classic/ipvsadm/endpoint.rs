//! `address:port`, as ipvsadm prints it.

use std::net::SocketAddr;

use ipvs::Protocol;

use super::{Line, Names};

/// ipvsadm builds `address:port` in a buffer of 60 bytes with its terminator.
const LONGEST_ENDPOINT: usize = 59;

impl Line {
    /// Appends `address:port`, IPv6 in brackets, with names where there are any.
    ///
    /// A `protocol` of `None` keeps the port numeric: a firewall mark has no protocol to look
    /// the port's name up by.
    pub(super) fn endpoint(
        &mut self,
        endpoint: SocketAddr,
        protocol: Option<Protocol>,
        names: &mut Names,
    ) {
        let start = self.len();
        if endpoint.is_ipv6() {
            self.byte(b'[');
        }
        match names.host(endpoint.ip()) {
            Some(name) => self.text(name),
            None => self.address(endpoint.ip()),
        }
        self.text(if endpoint.is_ipv6() { "]:" } else { ":" });
        match protocol.and_then(|protocol| names.port(endpoint.port(), protocol)) {
            Some(name) => self.text(name),
            None => self.number(endpoint.port()),
        }
        self.cut(start, LONGEST_ENDPOINT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> String {
        let mut line = Line::default();
        let endpoint = text.parse().expect("an endpoint");
        line.endpoint(endpoint, Some(Protocol::TCP), &mut Names::numeric());
        String::from_utf8(line.bytes().to_vec()).expect("text")
    }

    #[test]
    fn numeric_endpoints_are_as_the_standard_library_writes_them() {
        for text in ["10.0.0.1:80", "255.255.255.255:65535", "[2001:db8::1]:80", "[::]:0"] {
            assert_eq!(endpoint(text), text);
        }
    }

    #[test]
    fn the_longest_numeric_endpoint_is_not_cut() {
        let text = "[1111:2222:3333:4444:5555:6666:7777:8888]:65535";
        assert_eq!(endpoint(text), text);
    }
}
