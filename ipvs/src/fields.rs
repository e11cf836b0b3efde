//! Fields of one line, taken from its bytes without copying.
//!
//! A table of 10,000 services has 110,000 lines; number parsing over `str` would cost more than
//! the kernel takes to write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Protocol;

/// What is left of a line. Every method that finds something else than it wants says `None`; the
/// line is then not understood as a whole, so the position no longer matters.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing but blanks is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.iter().all(|byte| *byte == b' ')
    }

    /// The next run of bytes other than blanks.
    pub(crate) fn word(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        let length = self.rest.iter().position(|byte| *byte == b' ').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then_some(word)
    }

    fn skip_blanks(&mut self) {
        // Columns are filled with many of them.
        while let Some((b"        ", rest)) = self.rest.split_first_chunk() {
            self.rest = rest;
        }
        while let [b' ', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// The next word as text.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.word()?).ok()
    }

    /// Takes exactly these bytes.
    pub(crate) fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal)?;
        Some(())
    }

    /// The next word as a decimal number (`%u`).
    pub(crate) fn decimal(&mut self) -> Option<u32> {
        self.skip_blanks();
        let (value, rest) = leading_decimal(self.rest)?;
        self.rest = rest;
        matches!(rest, [] | [b' ', ..]).then_some(value)
    }

    /// The next word as a number that the kernel prints signed (`%d`) and sends over netlink as
    /// its bits.
    pub(crate) fn signed(&mut self) -> Option<u32> {
        self.skip_blanks();
        let [b'-', digits @ ..] = self.rest else { return self.decimal() };
        if digits.starts_with(b" ") {
            return None;
        }
        self.rest = digits;
        let value = self.decimal()?;
        (value <= 1 << 31).then(|| value.wrapping_neg())
    }

    /// The next word as a hexadecimal number of at most 32 bits.
    pub(crate) fn hex(&mut self) -> Option<u32> {
        hex(self.word()?)
    }

    /// The next word as a hexadecimal number of at most 64 bits.
    pub(crate) fn hex64(&mut self) -> Option<u64> {
        let word = self.word()?;
        let (high, low) = word.split_at(word.len().saturating_sub(8));
        let high = if high.is_empty() { 0 } else { hex(high)? };
        Some(u64::from(high) << 32 | u64::from(hex(low)?))
    }

    /// The next word as a port, `%04X`.
    pub(crate) fn port(&mut self) -> Option<u16> {
        u16::try_from(self.hex()?).ok()
    }

    /// The next word as an address: `%08X`, or an IPv6 address in full.
    pub(crate) fn address(&mut self) -> Option<IpAddr> {
        address(self.word()?)
    }

    /// The next word as `%08X:%04X` or `[IPv6 in full]:%04X`.
    pub(crate) fn socket_address(&mut self) -> Option<SocketAddr> {
        self.skip_blanks();
        if let Some(address) = self.usual_socket_address() {
            return Some(address);
        }
        let word = self.word()?;
        let (host, port) = if let [b'[', rest @ ..] = word {
            let (host, rest) = rest.split_at_checked(IPV6_LENGTH)?;
            (IpAddr::V6(ipv6(host)?), rest.strip_prefix(b"]:")?)
        } else {
            let (host, rest) = word.split_at_checked(IPV4_LENGTH)?;
            (IpAddr::V4(ipv4(host)?), rest.strip_prefix(b":")?)
        };
        Some(SocketAddr::new(host, u16::try_from(hex(port)?).ok()?))
    }

    /// `%08X:%04X` and a blank, without looking for where it ends.
    fn usual_socket_address(&mut self) -> Option<SocketAddr> {
        let (address, rest) = self.rest.split_first_chunk::<IPV4_LENGTH>()?;
        let (b":", rest) = rest.split_first_chunk()? else { return None };
        let (port, rest) = rest.split_first_chunk::<4>()?;
        let address = Ipv4Addr::from_bits(hex(address)?);
        let address = SocketAddr::new(address.into(), hex(port)? as u16);
        self.rest = rest.strip_prefix(b" ")?;
        Some(address)
    }

    /// The next word as the name of a protocol (`ip_vs_proto_name()`).
    pub(crate) fn protocol(&mut self) -> Option<Protocol> {
        Some(match self.word()? {
            b"TCP" => Protocol::TCP,
            b"UDP" => Protocol::UDP,
            b"SCTP" => Protocol::SCTP,
            b"IP" => Protocol(0),
            b"ICMP" => Protocol(1),
            b"ICMPv6" => Protocol(58),
            other => {
                let number = other.strip_prefix(b"IP_").unwrap_or(other);
                Protocol(u16::try_from(decimal(number)?).ok()?)
            }
        })
    }
}

fn decimal(digits: &[u8]) -> Option<u32> {
    let (value, rest) = leading_decimal(digits)?;
    rest.is_empty().then_some(value)
}

/// The number of the leading digits, of which there must be one, and what follows them.
fn leading_decimal(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u32;
    let mut rest = bytes;
    while let [digit @ b'0'..=b'9', following @ ..] = rest {
        value = value.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
        rest = following;
    }
    (rest.len() < bytes.len()).then_some((value, rest))
}

/// Values of hexadecimal digits by their bytes; 0xff is none.
const HEX: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        values[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

#[inline]
fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let mut value = 0;
    let mut all = 0;
    for byte in digits {
        let digit = HEX[usize::from(*byte)];
        all |= digit;
        value = value << 4 | u32::from(digit & 0xf);
    }
    (all <= 0xf).then_some(value)
}

/// Length of `%08X`.
const IPV4_LENGTH: usize = 8;
/// Length of `%pI6`: eight groups of four digits, nothing left out.
const IPV6_LENGTH: usize = 39;

fn address(word: &[u8]) -> Option<IpAddr> {
    match word.len() {
        IPV4_LENGTH => ipv4(word).map(IpAddr::V4),
        _ => ipv6(word).map(IpAddr::V6),
    }
}

fn ipv4(word: &[u8]) -> Option<Ipv4Addr> {
    if word.len() != IPV4_LENGTH {
        return None;
    }
    hex(word).map(Ipv4Addr::from_bits)
}

fn ipv6(word: &[u8]) -> Option<Ipv6Addr> {
    if word.len() != IPV6_LENGTH {
        return None;
    }
    let mut groups = [0u16; 8];
    for (group, text) in groups.iter_mut().zip(word.chunks(5)) {
        let (digits, colon) = text.split_at(4);
        if !matches!(colon, b":" | b"") {
            return None;
        }
        *group = hex(digits)? as u16;
    }
    Some(Ipv6Addr::from(groups))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Fields<'_> {
        Fields::new(line.as_bytes())
    }

    #[test]
    fn words_are_split_at_runs_of_blanks() {
        let mut fields = fields("  a  bc d");
        let words: Vec<_> = std::iter::from_fn(|| fields.text()).collect();
        assert_eq!(words, ["a", "bc", "d"]);
        assert!(fields.is_empty());
    }

    #[test]
    fn numbers_are_whole_words_within_their_range() {
        assert_eq!(fields("4294967295").decimal(), Some(u32::MAX));
        for wrong in ["4294967296", "", "-1", "+1", "1x", "0x1", "99999999999999999999"] {
            assert_eq!(fields(wrong).decimal(), None, "{wrong}");
        }
        assert_eq!(fields("2147483647").signed(), Some(i32::MAX as u32));
        assert_eq!(fields("-1").signed(), Some(u32::MAX));
        assert_eq!(fields("-2147483648").signed(), Some(1 << 31));
        assert_eq!(fields("-0").signed(), Some(0));
        for wrong in ["-2147483649", "-", "--1", "- 1", "4294967296", "1-"] {
            assert_eq!(fields(wrong).signed(), None, "{wrong}");
        }
        assert_eq!(fields("fFfFFFff").hex(), Some(u32::MAX));
        for wrong in ["100000000", "", "G", "0x10"] {
            assert_eq!(fields(wrong).hex(), None, "{wrong}");
        }
        assert_eq!(fields("FFFFFFFFFFFFFFFF").hex64(), Some(u64::MAX));
        assert_eq!(fields("13D4").hex64(), Some(0x13d4));
        assert_eq!(fields("10000000000000000").hex64(), None);
        assert_eq!(fields("10000").port(), None);
    }

    #[test]
    fn addresses_are_in_the_kernels_form_only() {
        assert_eq!(fields("0A000001").address(), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(
            fields("2001:0db8:0000:0000:0000:0000:0000:00fe").address(),
            Some("2001:db8::fe".parse().unwrap())
        );
        for wrong in [
            "A000001",
            "10.0.0.1",
            "2001:db8::1",
            "2001:0db8:0000:0000:0000:0000:0000:00fg",
            "2001:0db8:0000:0000:0000:0000:0000-00fe",
            "0000000000000000000000000000000000000000",
        ] {
            assert_eq!(fields(wrong).address(), None, "{wrong}");
        }
        assert_eq!(
            fields("0A000001:FFFF").socket_address(),
            Some("10.0.0.1:65535".parse().unwrap())
        );
        assert_eq!(
            fields("[2001:0db8:0000:0000:0000:0000:0000:00fe]:0050").socket_address(),
            Some("[2001:db8::fe]:80".parse().unwrap())
        );
        for wrong in ["0A000001", "0A000001:", ":0050", "[0A000001]:0050", "[]:0050", "["] {
            assert_eq!(fields(wrong).socket_address(), None, "{wrong}");
        }
    }

    #[test]
    fn protocols_are_names_or_numbers() {
        for (name, number) in [
            ("IP", 0),
            ("ICMP", 1),
            ("TCP", 6),
            ("UDP", 17),
            ("SCTP", 132),
            ("ICMPv6", 58),
            ("IP_47", 47),
            ("47", 47),
            ("IP_65535", 65535),
        ] {
            assert_eq!(fields(name).protocol(), Some(Protocol(number)), "{name}");
        }
        for wrong in ["tcp", "IP_", "IP_65536", "", "FWM"] {
            assert_eq!(fields(wrong).protocol(), None, "{wrong}");
        }
    }
}
