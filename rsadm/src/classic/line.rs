//! One line of output, built of bytes: the plain listing of a large table is a hot loop.

use std::net::{IpAddr, Ipv4Addr};

/// A line under construction.
#[derive(Debug, Default)]
pub(crate) struct Line(Vec<u8>);

impl Line {
    /// The line so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Starts a new line.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends a text.
    pub(crate) fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends bytes that may not be text.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Appends a number.
    pub(crate) fn number(&mut self, number: impl itoa::Integer) {
        self.text(itoa::Buffer::new().format(number));
    }

    /// Appends blanks until the part that began at `start` is `width` bytes.
    pub(crate) fn pad(&mut self, start: usize, width: usize) {
        if self.0.len() < start + width {
            self.0.resize(start + width, b' ');
        }
    }

    /// Appends a number, left-aligned.
    pub(crate) fn left(&mut self, number: impl itoa::Integer, width: usize) {
        let start = self.len();
        self.number(number);
        self.pad(start, width);
    }

    /// Appends a number, right-aligned.
    pub(crate) fn right(&mut self, number: impl itoa::Integer, width: usize) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number);
        let blanks = width.saturating_sub(digits.len());
        self.0.resize(self.0.len() + blanks, b' ');
        self.text(digits);
    }

    /// Drops what is beyond `width` bytes of the part that began at `start`.
    pub(crate) fn cut(&mut self, start: usize, width: usize) {
        self.0.truncate(start + width);
    }

    /// Appends an IP address in numbers.
    pub(crate) fn address(&mut self, address: IpAddr) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
