//! One line of output, built of bytes: the plain listing of a large table is a hot loop.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// An octet in decimal with a dot behind it, and how long that is.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let first = if octet >= 100 {
            0
        } else if octet >= 10 {
            1
        } else {
            2
        };
        let (text, length) = &mut octets[octet];
        let mut digit = first;
        while digit < 3 {
            text[digit - first] = b'0' + digits[digit] as u8;
            digit += 1;
        }
        text[3 - first] = b'.';
        *length = 4 - first as u8;
        octet += 1;
    }
    octets
};

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
    pub(crate) fn left<const WIDTH: usize>(&mut self, number: u64) {
        self.aligned::<WIDTH>(number, |length| 0..length);
    }

    /// Appends a number, right-aligned.
    pub(crate) fn right<const WIDTH: usize>(&mut self, number: u64) {
        self.aligned::<WIDTH>(number, |length| WIDTH - length..WIDTH);
    }

    /// Appends a field whose width the compiler knows: listings are made of such.
    #[inline]
    fn aligned<const WIDTH: usize>(
        &mut self,
        number: u64,
        place: impl FnOnce(usize) -> Range<usize>,
    ) {
        let mut field = [b' '; WIDTH];
        if number < 10 {
            field[place(1).start] = b'0' + number as u8;
            self.0.extend_from_slice(&field);
            return;
        }
        let length = number.ilog10() as usize + 1;
        if length > WIDTH {
            return self.number(number);
        }
        let mut rest = number;
        for byte in field[place(length)].iter_mut().rev() {
            *byte = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.0.extend_from_slice(&field);
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
        let start = self.0.len();
        let mut text = [0; 16];
        let mut length = 0;
        for octet in address.octets() {
            let (digits, count) = OCTETS[usize::from(octet)];
            text[length..length + 4].copy_from_slice(&digits);
            length += usize::from(count);
        }
        // All of it has a length that the compiler knows.
        self.0.extend_from_slice(&text);
        self.0.truncate(start + length - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment() {
        let mut line = Line::default();
        line.left::<4>(5);
        line.right::<5>(123);
        line.right::<5>(123_456);
        line.left::<4>(1_234_567);
        assert_eq!(line.bytes(), b"5     1231234561234567");
        line.clear();
        for number in [0, 9, 10, 999, 1000, u64::MAX] {
            line.right::<3>(number);
            line.byte(b'|');
            line.left::<3>(number);
            line.byte(b'\n');
        }
        let text = "  0|0  \n  9|9  \n 10|10 \n999|999\n1000|1000\n";
        let text = format!("{text}18446744073709551615|18446744073709551615\n");
        assert_eq!(line.bytes(), text.as_bytes());
    }

    #[test]
    fn every_octet_at_every_place() {
        for octet in 0..=255 {
            for address in
                [[octet, 0, 0, 1], [1, octet, 255, 0], [9, 99, octet, 10], [0, 1, 2, octet]]
            {
                let address = Ipv4Addr::from(address);
                let mut line = Line::default();
                line.byte(b'[');
                line.ipv4(address);
                assert_eq!(line.bytes(), format!("[{address}").as_bytes());
            }
        }
    }
}
