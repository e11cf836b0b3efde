//! The words of a command, and values as bridge reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vxlan::{Mac, Vni};

use super::stop::Stop;
use crate::personality::numbers::{atoi, is_space, strtoul};

/// Words that are not yet looked at.
#[derive(Clone, Debug)]
pub(super) struct Words<'w>(pub(super) &'w [Vec<u8>]);

impl<'w> Iterator for Words<'w> {
    type Item = &'w [u8];

    fn next(&mut self) -> Option<&'w [u8]> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
}

impl<'w> Words<'w> {
    /// The value of the word before.
    pub(super) fn value(&mut self) -> Result<&'w [u8], Stop> {
        self.next().ok_or_else(Stop::incomplete)
    }
}

/// Whether a word is the beginning of a longer one, or all of it.
pub(super) fn matches(word: &[u8], whole: &str) -> bool {
    !word.is_empty() && whole.as_bytes().starts_with(word)
}

/// Which addresses are meant (`-4`, `-6`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Family {
    #[default]
    Any,
    Ipv4,
    Ipv6,
}

impl Family {
    const fn name(self) -> &'static str {
        match self {
            Self::Any => "any valid",
            Self::Ipv4 => "inet",
            Self::Ipv6 => "inet6",
        }
    }
}

/// The address of a remote. The words for addresses of no bytes are no addresses here.
pub(super) fn address(word: &[u8], family: Family) -> Result<IpAddr, Stop> {
    let found = match (word, family) {
        (b"default", Family::Ipv4) => Some(Ipv4Addr::UNSPECIFIED.into()),
        (b"default", Family::Ipv6) => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ if word.contains(&b':') => ipv6(word).filter(|_| family != Family::Ipv4).map(IpAddr::V6),
        _ => ipv4(word).filter(|_| family != Family::Ipv6).map(IpAddr::V4),
    };
    found.ok_or_else(|| {
        let name = family.name();
        let text = format!("Error: {name} address is expected rather than \"");
        Stop::failed([text.as_bytes(), word, b"\"."].concat())
    })
}

/// One to four parts, of which missing ones are 0: `10.8` is 10.8.0.0.
fn ipv4(word: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut rest = word;
    for (index, octet) in octets.iter_mut().enumerate() {
        let (number, behind) = strtoul(rest);
        if behind.len() == rest.len() {
            return None;
        }
        *octet = u8::try_from(number).ok()?;
        match behind {
            [] => break,
            [b'.', behind @ ..] if index < 3 => rest = behind,
            _ => return None,
        }
    }
    Some(octets.into())
}

fn ipv6(word: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// An address in its usual form, as `inet_pton` takes it.
pub(super) fn plain_address(word: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// An Ethernet address, as `sscanf` finds six numbers with colons between them: what is behind
/// them does not matter, nor do the upper bits of each.
pub(super) fn mac(word: &[u8]) -> Option<Mac> {
    let mut bytes = [0; 6];
    let mut rest = word;
    for (index, byte) in bytes.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b":")?;
        }
        let number;
        (number, rest) = hexadecimal(rest)?;
        *byte = number as u8;
    }
    Some(Mac(bytes))
}

/// An Ethernet address of a group. `Err` is what is said of one that is none: bridge has cut the
/// text at its first colon by then.
pub(super) fn group_mac(word: &[u8]) -> Result<Mac, Vec<u8>> {
    let invalid = |part: &[u8]| [b"\"", part, b"\" is invalid lladdr.\n"].concat();
    let said = |before: Vec<u8>, word: &[u8]| {
        [&before, b"Invalid address \"".as_slice(), word, b"\""].concat()
    };
    if word.contains(&b'.') {
        let before = if ipv4(word).is_some() { Vec::new() } else { invalid(word) };
        return Err(said(before, word));
    }
    let mut parts = word.split(|byte| *byte == b':');
    let cut = word.split(|byte| *byte == b':').next().unwrap_or_default();
    let mut bytes = [0; 6];
    for byte in &mut bytes {
        let Some(part) = parts.next() else { return Err(said(Vec::new(), cut)) };
        let number = hexadecimal(part).and_then(|(number, _)| u8::try_from(number).ok());
        *byte = number.ok_or_else(|| said(invalid(part), cut))?;
    }
    match parts.next() {
        None => Ok(Mac(bytes)),
        Some(_) => Err(said(Vec::new(), cut)),
    }
}

/// What `%x` reads, and what is behind it.
fn hexadecimal(text: &[u8]) -> Option<(u32, &[u8])> {
    let blanks = text.iter().take_while(|byte| is_space(**byte)).count();
    let (negative, rest) = match &text[blanks..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let (prefixed, rest) = match rest {
        [b'0', b'x' | b'X', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if count == 0 {
        // The zero before the x is a number.
        return prefixed.then_some((0, rest));
    }
    let digits = std::str::from_utf8(&rest[..count]).ok()?;
    let number = u64::from_str_radix(digits, 16).unwrap_or(u64::MAX);
    let number = if negative && number != u64::MAX { number.wrapping_neg() } else { number };
    Some((number as u32, &rest[count..]))
}

/// A VNI in any base; no digits at all are 0.
pub(super) fn vni(word: &[u8], what: &str) -> Result<Vni, Stop> {
    let (number, behind) = strtoul(word);
    let number = u32::try_from(number).ok().filter(|_| behind.is_empty());
    number.and_then(Vni::new).ok_or_else(|| Stop::wrong(word, &format!("invalid {what}\n")))
}

/// A number in any base that is all of the word.
pub(super) fn unsigned(word: &[u8]) -> Option<u32> {
    let (number, behind) = strtoul(word);
    let is_number = !word.is_empty() && behind.is_empty();
    u32::try_from(number).ok().filter(|_| is_number)
}

/// A VLAN as a `short` holds it; below zero it is none.
pub(super) fn vlan(word: &[u8]) -> Option<u16> {
    u16::try_from(atoi(word) as i16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_ethernet() {
        let read = |text: &str| mac(text.as_bytes()).map(|mac| mac.to_string());
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(read("2:0:0:0:0:1"), is("02:00:00:00:00:01"));
        assert_eq!(read("02:00:00:00:00:99:zz"), is("02:00:00:00:00:99"));
        assert_eq!(read("02:00:00:00:00:199"), is("02:00:00:00:00:99"));
        assert_eq!(read("0x2:-1:+3: 4:5:6"), is("02:ff:03:04:05:06"));
        assert_eq!(read("fffffffff:00:0x:00:00:99"), is("ff:00:00:00:00:99"));
        assert_eq!(read("ffffffffffffffffffff:0:0:0:0:1"), is("ff:00:00:00:00:01"));
        for wrong in ["", "02:00:00:00:00", "02:00:00:00:00:zz", "02 :00:00:00:00:01", "::::::"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_of_groups() {
        let read = |text: &str| match group_mac(text.as_bytes()) {
            Ok(mac) => mac.to_string(),
            Err(text) => String::from_utf8(text).expect("text"),
        };
        assert_eq!(read("1:2:3:4:5:0x6z"), "01:02:03:04:05:06");
        assert_eq!(read("foo"), "Invalid address \"foo\"");
        assert_eq!(read("1:2:3:4:5:6:7"), "Invalid address \"1\"");
        assert_eq!(read("1:2"), "Invalid address \"1\"");
        assert_eq!(read("1.2.3"), "Invalid address \"1.2.3\"");
        let part =
            |part, word| format!("\"{part}\" is invalid lladdr.\nInvalid address \"{word}\"");
        assert_eq!(read("1:xx"), part("xx", "1"));
        assert_eq!(read("-1:2:3:4:5:6"), part("-1", "-1"));
        assert_eq!(read("100:2"), part("100", "100"));
        assert_eq!(read("1:2:3:4:5:6:"), "Invalid address \"1\"");
        assert_eq!(read(""), part("", ""));
        assert_eq!(read("1.2.3:4"), part("1.2.3:4", "1.2.3:4"));
    }

    #[test]
    fn addresses_of_remotes() {
        let read = |text: &str, family| address(text.as_bytes(), family).ok();
        let is = |text: &str| text.parse::<IpAddr>().ok();
        for (text, expected) in [
            ("10", "10.0.0.0"),
            ("10.8", "10.8.0.0"),
            ("0x1.010.3.4", "1.8.3.4"),
            (" 1.+2.3.4", "1.2.3.4"),
            ("fe80::1", "fe80::1"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ] {
            assert_eq!(read(text, Family::Any), is(expected), "{text}");
        }
        for wrong in ["", "foo", "1.2.3.4.5", "1.2.3.", "1.2.3.256", "-1", "any", "all", "default"]
        {
            assert_eq!(read(wrong, Family::Any), None, "{wrong}");
        }
        assert_eq!(read("default", Family::Ipv4), is("0.0.0.0"));
        assert_eq!(read("default", Family::Ipv6), is("::"));
        assert!(read("::1", Family::Ipv4).is_none() && read("1.2.3.4", Family::Ipv6).is_none());
    }

    #[test]
    fn numbers() {
        let vni = |text: &str| vni(text.as_bytes(), "VNI").ok().map(Vni::get);
        assert_eq!([vni(""), vni("0x10"), vni("16777215")], [Some(0), Some(16), Some(16_777_215)]);
        assert_eq!([vni("16777216"), vni("-1"), vni("5x")], [None; 3]);
        let number = |text: &str| unsigned(text.as_bytes());
        assert_eq!([number("4294967295"), number("010")], [Some(u32::MAX), Some(8)]);
        assert_eq!([number(""), number("-1"), number("4294967296"), number("x")], [None; 4]);
        let vlan = |text: &str| vlan(text.as_bytes());
        assert_eq!([vlan("5"), vlan("x"), vlan("70000")], [Some(5), Some(0), Some(4464)]);
        assert_eq!([vlan("-5"), vlan("40000")], [None; 2]);
    }

    #[test]
    fn prefixes() {
        assert!(matches(b"a", "add") && matches(b"add", "add"));
        assert!(!matches(b"", "add") && !matches(b"adds", "add") && !matches(b"d", "add"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(word: Vec<u8>) {
            let _ = (mac(&word), unsigned(&word), vlan(&word), plain_address(&word), group_mac(&word));
            let _ = (address(&word, Family::Any), vni(&word, "VNI"));
        }

        #[test]
        fn every_address_reads_back(bytes: [u8; 6], remote: IpAddr) {
            prop_assert_eq!(mac(Mac(bytes).to_string().as_bytes()), Some(Mac(bytes)));
            let read = address(remote.to_string().as_bytes(), Family::Any).ok();
            prop_assert_eq!(read, Some(remote));
        }
    }
}
