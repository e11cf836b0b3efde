//! Addresses, prefixes, and addresses with ports.

use std::net::{IpAddr, Ipv6Addr};
use std::str;

use super::stop::Stop;
use crate::personality::numbers::{inet_aton, strtol};

/// What is beyond this of an address is not looked at.
const LONGEST: usize = 45;

/// An address, and the length of the prefix behind it.
pub(super) struct Prefixed {
    pub(super) address: IpAddr,
    pub(super) prefix: Option<Result<u8, InvalidPrefix>>,
}

/// A length that no prefix of the family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidPrefix;

/// Reads `ADDRESS[/PREFIX]`.
pub(super) fn prefixed(text: &[u8]) -> Result<Prefixed, Stop> {
    let looked_at = &text[..text.len().min(LONGEST)];
    let (address, prefix) = match looked_at.iter().position(|byte| *byte == b'/') {
        Some(at) => (&looked_at[..at], Some(&looked_at[at + 1..])),
        None => (looked_at, None),
    };
    let address = bare(address).ok_or_else(|| Stop::quoting("Invalid IP address", text))?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map(|text| {
        // As a C `int`: what is too large wraps around.
        let (length, behind) = match strtol(text) {
            Some((length, _, behind)) => (length as i32, behind),
            None => (0, text),
        };
        let length = u8::try_from(length).map_err(|_| InvalidPrefix)?;
        if behind.is_empty() && length <= longest { Ok(length) } else { Err(InvalidPrefix) }
    });
    Ok(Prefixed { address, prefix })
}

/// An address as the C library reads it: IPv4 may have fewer parts, and anything behind a blank.
fn bare(text: &[u8]) -> Option<IpAddr> {
    inet_aton(text).map(IpAddr::V4).or_else(|| {
        let text = str::from_utf8(text).ok()?;
        text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    })
}

/// Takes `ADDRESS`, `ADDRESS:PORT`, or `[ADDRESS]:PORT` apart.
pub(super) fn with_port(text: &[u8]) -> Result<(&[u8], Option<u16>), Stop> {
    let (address, port) = split(text)?;
    let Some(port) = port else { return Ok((address, None)) };
    if port.is_empty() {
        return Err(Stop::usage("No port specified after `:'"));
    }
    let digits = port.iter().all(u8::is_ascii_digit);
    let number = strtol(port).and_then(|(number, ..)| u16::try_from(number).ok());
    match number.filter(|_| digits) {
        Some(number) => Ok((address, Some(number))),
        None => Err(Stop::quoting("Invalid port", port)),
    }
}

fn split(text: &[u8]) -> Result<(&[u8], Option<&[u8]>), Stop> {
    if let [b'[', inside @ ..] = text {
        let close = inside.iter().position(|byte| *byte == b']');
        let close = close.ok_or_else(|| Stop::usage("No closing ']' around IPv6 address"))?;
        if close == 0 {
            return Err(Stop::usage("No IPv6 address specified"));
        }
        return Ok(match &inside[close + 1..] {
            [b':', port @ ..] => (&inside[..close], Some(port)),
            _ => (text, None),
        });
    }
    let mut colons = text.iter().enumerate().filter(|(_, byte)| **byte == b':');
    Ok(match (colons.next(), colons.next()) {
        (Some((at, _)), None) => (&text[..at], Some(&text[at + 1..])),
        _ => (text, None),
    })
}

#[cfg(test)]
mod tests {
    use conntrack::Network;

    use super::*;

    fn read(text: &str) -> String {
        match prefixed(text.as_bytes()) {
            Ok(Prefixed { address, prefix: None }) => address.to_string(),
            Ok(Prefixed { address, prefix: Some(Ok(length)) }) => {
                format!("{address}&{}", Network::new(address, length).mask)
            }
            Ok(Prefixed { prefix: Some(Err(_)), .. }) => "prefix".to_owned(),
            Err(stop) => String::from_utf8_lossy(&stop.message).into_owned(),
        }
    }

    #[test]
    fn addresses_and_prefixes() {
        for (text, expected) in [
            ("10.1", "10.0.0.1"),
            ("1.2.3.4 foo/24", "1.2.3.4&255.255.255.0"),
            ("1.2.3.4/", "1.2.3.4&0.0.0.0"),
            ("1.2.3.4/ +24", "1.2.3.4&255.255.255.0"),
            ("1.2.3.4/4294967320", "1.2.3.4&255.255.255.0"),
            ("1.2.3.4/32", "1.2.3.4&255.255.255.255"),
            ("1.2.3.4/33", "prefix"),
            ("1.2.3.4/-1", "prefix"),
            ("1.2.3.4/foo", "prefix"),
            ("fd00::1/64/3", "prefix"),
            ("fd00::/64", "fd00::&ffff:ffff:ffff:ffff::"),
            ("fd00::/0", "fd00::&::"),
            ("fd00::/129", "prefix"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("::1%lo", "Invalid IP address `::1%lo'"),
            ("foo/3", "Invalid IP address `foo/3'"),
            ("", "Invalid IP address `'"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_with_ports() {
        let read = |text: &'static str| match with_port(text.as_bytes()) {
            Ok((address, port)) => format!("{} {port:?}", String::from_utf8_lossy(address)),
            Err(stop) => String::from_utf8_lossy(&stop.message).into_owned(),
        };
        for (text, expected) in [
            ("1.2.3.4", "1.2.3.4 None"),
            ("1.2.3.4:080", "1.2.3.4 Some(80)"),
            ("1.2.3.4:0", "1.2.3.4 Some(0)"),
            ("1.2.3.4:", "No port specified after `:'"),
            ("1.2.3.4: 80", "Invalid port ` 80'"),
            ("1.2.3.4:65536", "Invalid port `65536'"),
            ("1.2.3.4:99999999999999999999", "Invalid port `99999999999999999999'"),
            (":80", " Some(80)"),
            ("fd00::1:80", "fd00::1:80 None"),
            ("[fd00::1]:80", "fd00::1 Some(80)"),
            ("[fd00::1]80", "[fd00::1]80 None"),
            ("[fd00::1]:", "No port specified after `:'"),
            ("[fd00::1", "No closing ']' around IPv6 address"),
            ("[]:80", "No IPv6 address specified"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>) {
            let _ = prefixed(&text);
            let _ = with_port(&text);
        }
    }
}
