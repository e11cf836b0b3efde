//! One line of output, built of bytes: the plain listing of a large table is a hot loop.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipvs::Protocol;

use super::Names;

/// ipvsadm builds `address:port` in a buffer of 60 bytes with its terminator.
const LONGEST_ENDPOINT: usize = 59;

/// A line under construction.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    /// The line so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Starts a new line.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends a text.
    pub(super) fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends bytes that may not be text.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Appends a number.
    pub(super) fn number(&mut self, number: impl itoa::Integer) {
        self.text(itoa::Buffer::new().format(number));
    }

    /// Appends blanks until the part that began at `start` is `width` bytes.
    pub(super) fn pad(&mut self, start: usize, width: usize) {
        if self.0.len() < start + width {
            self.0.resize(start + width, b' ');
        }
    }

    /// Appends a number, left-aligned.
    pub(super) fn left(&mut self, number: impl itoa::Integer, width: usize) {
        let start = self.len();
        self.number(number);
        self.pad(start, width);
    }

    /// Appends a number, right-aligned.
    pub(super) fn right(&mut self, number: impl itoa::Integer, width: usize) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number);
        let blanks = width.saturating_sub(digits.len());
        self.0.resize(self.0.len() + blanks, b' ');
        self.text(digits);
    }

    /// Drops what is beyond `width` bytes of the part that began at `start`.
    pub(super) fn cut(&mut self, start: usize, width: usize) {
        self.0.truncate(start + width);
    }

    /// Appends an IP address in numbers.
    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.ipv4(address),
            IpAddr::V6(address) => self.text(&address.to_string()),
        }
    }

    fn ipv4(&mut self, address: Ipv4Addr) {
        let [a, b, c, d] = address.octets();
        for octet in [a, b, c] {
            self.number(octet);
            self.byte(b'.');
        }
        self.number(d);
    }

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
        String::from_utf8(line.0).expect("text")
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

    #[test]
    fn alignment() {
        let mut line = Line::default();
        line.left(5_u32, 4);
        line.right(123_u64, 5);
        line.right(123_456_u64, 5);
        line.left(1_234_567_u32, 4);
        assert_eq!(line.bytes(), b"5     1231234561234567");
    }
}
