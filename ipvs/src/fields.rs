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
        let start = self.rest.iter().position(|byte| *byte != b' ')?;
        let word = &self.rest[start..];
        let length = word.iter().position(|byte| *byte == b' ').unwrap_or(word.len());
        let (word, rest) = word.split_at(length);
        self.rest = rest;
        Some(word)
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
        decimal(self.word()?)
    }

    /// The next word as a number that the kernel prints signed (`%d`) and sends over netlink as
    /// its bits.
    pub(crate) fn signed(&mut self) -> Option<u32> {
        match self.word()? {
            [b'-', digits @ ..] => {
                let value = decimal(digits)?;
                (value <= 1 << 31).then(|| value.wrapping_neg())
            }
            digits => decimal(digits),
        }
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
        let word = self.word()?;
        let colon = word.iter().rposition(|byte| *byte == b':')?;
        let (host, port) = (&word[..colon], &word[colon + 1..]);
        let host = match host {
            [b'[', host @ .., b']'] => IpAddr::V6(ipv6(host)?),
            host => IpAddr::V4(ipv4(host)?),
        };
        Some(SocketAddr::new(host, u16::try_from(hex(port)?).ok()?))
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
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0u32, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'F' => byte - b'A' + 10,
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u32::from(digit))
    })
}

fn address(word: &[u8]) -> Option<IpAddr> {
    match word.len() {
        8 => ipv4(word).map(IpAddr::V4),
        _ => ipv6(word).map(IpAddr::V6),
    }
}

fn ipv4(word: &[u8]) -> Option<Ipv4Addr> {
    if word.len() != 8 {
        return None;
    }
    hex(word).map(Ipv4Addr::from_bits)
}

/// An IPv6 address as `%pI6` prints it: eight groups of four digits, nothing left out.
fn ipv6(word: &[u8]) -> Option<Ipv6Addr> {
    if word.len() != 39 {
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
        for wrong in ["-2147483649", "-", "--1", "4294967296"] {
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
