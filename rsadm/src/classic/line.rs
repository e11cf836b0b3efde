//! One line of output, built of bytes: the plain listing of a large table is a hot loop.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A line under construction.
#[derive(Debug, Default)]
pub struct Line(Vec<u8>);

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

    /// Appends a text, left-aligned.
    pub(crate) fn text_padded(&mut self, text: &str, width: usize) {
        let start = self.len();
        self.text(text);
        self.pad(start, width);
    }

    /// Appends a number in hexadecimal, without `0x`.
    pub(crate) fn hexadecimal(&mut self, number: u16) {
        let digits = (4 - number.leading_zeros() / 4).max(1);
        for digit in (0..digits).rev() {
            self.byte(b"0123456789abcdef"[usize::from(number >> (4 * digit) & 0xf)]);
        }
    }

    /// Appends a byte in hexadecimal with both digits.
    pub(crate) fn two_hexadecimal(&mut self, byte: u8) {
        for digit in [byte >> 4, byte & 0xf] {
            self.byte(b"0123456789abcdef"[usize::from(digit)]);
        }
    }

    /// Appends a number of at most two digits with both of them.
    pub(crate) fn two_digits(&mut self, number: u8) {
        self.byte(b'0' + number / 10 % 10);
        self.byte(b'0' + number % 10);
    }

    /// Appends a number, filled with zeros.
    pub(crate) fn zero_padded(&mut self, number: u64, width: usize) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number);
        self.0.resize(self.0.len() + width.saturating_sub(digits.len()), b'0');
        self.text(digits);
    }

    /// Drops the last byte.
    pub(crate) fn drop_last(&mut self) {
        self.0.pop();
    }

    /// Writes everything and starts over, if there are `limit` bytes or more.
    pub(crate) fn spill(&mut self, limit: usize, out: &mut impl Write) -> io::Result<()> {
        if self.0.len() >= limit {
            out.write_all(&self.0)?;
            self.clear();
        }
        Ok(())
    }

    /// Drops what is beyond `width` bytes of the part that began at `start`.
    pub(crate) fn cut(&mut self, start: usize, width: usize) {
        self.0.truncate(start + width);
    }

    /// Appends an IP address in numbers.
    pub(crate) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.ipv4(address),
            IpAddr::V6(address) => self.ipv6(address),
        }
    }

    /// As the C library writes it: the standard library differs in `::a.b.c.d`.
    fn ipv6(&mut self, address: Ipv6Addr) {
        if let [0, 0, 0, 0, 0, 0, high, low] = address.segments()
            && high != 0
        {
            self.text("::");
            return self.ipv4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
        }
        // Writing to memory does not fail.
        _ = write!(self.0, "{address}");
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
