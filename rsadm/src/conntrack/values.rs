//! Values on the command line and in saved flows.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use conntrack::{Condition, MarkChange, NatMatch, NatRequest, Network, Ports, Protocol, Status};

pub(crate) type Parsed<T> = std::result::Result<T, String>;

/// Values of which one has to be met, or, behind a `!`, none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice<T> {
    pub(crate) negated: bool,
    pub(crate) values: Vec<T>,
}

impl<T: Clone> Choice<T> {
    fn parse(text: &str, value: impl Fn(&str) -> Parsed<T>) -> Parsed<Self> {
        let (negated, list) = negation(text);
        let values = list.split(',').map(value).collect::<Parsed<_>>()?;
        Ok(Self { negated, values })
    }

    /// The condition of it, made of the condition of each value.
    pub(crate) fn condition(&self, each: impl Fn(T) -> Condition) -> Condition {
        let condition = match &self.values[..] {
            [value] => each(value.clone()),
            values => Condition::Any(values.iter().cloned().map(each).collect()),
        };
        if self.negated { condition.negated() } else { condition }
    }

    /// The values that may be met.
    pub(crate) fn wanted(&self) -> &[T] {
        if self.negated { &[] } else { &self.values }
    }
}

fn negation(text: &str) -> (bool, &str) {
    match text.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    }
}

/// A number, decimal or in hexadecimal behind `0x`. What C would take for octal is refused.
pub(crate) fn number(text: &str, what: &str, most: u32) -> Parsed<u32> {
    // The standard library takes a sign as well.
    let value = match text.as_bytes() {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            u32::from_str_radix(&text[2..], 16).ok()
        }
        b"0" => Some(0),
        [b'1'..=b'9', ..] => text.parse().ok(),
        _ => None,
    };
    value
        .filter(|value| *value <= most)
        .ok_or_else(|| format!("'{text}' is not {what}: 0 to {most}, or 0x and hexadecimal digits"))
}

pub(crate) fn number16(text: &str, what: &str) -> Parsed<u16> {
    number(text, what, u16::MAX.into()).map(|number| number as u16)
}

pub(crate) fn zone(text: &str) -> Parsed<u16> {
    number16(text, "a zone")
}

pub(crate) fn key(text: &str) -> Parsed<u16> {
    number16(text, "a key of GRE")
}

pub(crate) fn icmp_id(text: &str) -> Parsed<u16> {
    number16(text, "an identifier of ICMP")
}

pub(crate) fn octet(text: &str) -> Parsed<u8> {
    number(text, "a type or code of ICMP", u8::MAX.into()).map(|number| number as u8)
}

pub(crate) fn number32(text: &str) -> Parsed<u32> {
    number(text, "a number", u32::MAX)
}

pub(crate) fn port(text: &str) -> Parsed<u16> {
    number16(text, "a port").map_err(|_| format!("'{text}' is not a port: 0 to 65535"))
}

/// Seconds. The kernel keeps no more than 31 bits of them.
pub(crate) fn timeout(text: &str) -> Parsed<u32> {
    number(text, "a timeout in seconds", i32::MAX as u32)
        .map_err(|_| format!("'{text}' is not a timeout in seconds: 0 to {}", i32::MAX))
}

pub(crate) fn protocol(text: &str) -> Parsed<Protocol> {
    text.parse().map_err(|error| format!("'{text}' is {error}"))
}

pub(crate) fn address(text: &str) -> Parsed<IpAddr> {
    text.parse().map_err(|_| format!("'{text}' is not an IP address"))
}

/// `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`.
pub(crate) fn network(text: &str) -> Parsed<Network> {
    let complaint =
        || format!("'{text}' is neither an address nor a network such as 10.0.0.0/8 or fd00::/64");
    let Some((address, prefix)) = text.split_once('/') else {
        return text.parse().map(Network::host).map_err(|_| complaint());
    };
    let address: IpAddr = address.parse().map_err(|_| complaint())?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = Some(prefix).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = length.and_then(|text| text.parse().ok()).filter(|length| *length <= bits);
    let network = Network::new(address, length.ok_or_else(complaint)?);
    let first = match (address, network.mask) {
        (IpAddr::V4(address), IpAddr::V4(mask)) => IpAddr::V4(address & mask),
        (IpAddr::V6(address), IpAddr::V6(mask)) => IpAddr::V6(address & mask),
        (address, _) => address,
    };
    if first != address {
        return Err(format!(
            "'{text}' has bits set behind its prefix: the network is {first}/{prefix}, the address \
             {address}"
        ));
    }
    Ok(network)
}

fn port_range(text: &str) -> Parsed<RangeInclusive<u16>> {
    let complaint = || format!("'{text}' is neither a port nor a range such as 8000-8999");
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) =
        (port(first).map_err(|_| complaint())?, port(last).map_err(|_| complaint())?);
    if first > last { Err(complaint()) } else { Ok(first..=last) }
}

/// Ports of which one has to be met, or, behind a `!`, none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortChoice {
    negated: bool,
    pub(crate) ports: Ports,
}

impl PortChoice {
    pub(crate) fn condition(&self, each: impl Fn(Ports) -> Condition) -> Condition {
        let condition = each(self.ports.clone());
        if self.negated { condition.negated() } else { condition }
    }
}

/// `80`, `80,443,8000-8999`, `!53`.
pub(crate) fn ports(text: &str) -> Parsed<PortChoice> {
    let (negated, list) = negation(text);
    let ports = list.split(',').map(port_range).collect::<Parsed<Ports>>()?;
    Ok(PortChoice { negated, ports })
}

pub(crate) fn networks(text: &str) -> Parsed<Choice<Network>> {
    Choice::parse(text, network)
}

pub(crate) fn protocols(text: &str) -> Parsed<Choice<Protocol>> {
    Choice::parse(text, protocol)
}

pub(crate) fn zones(text: &str) -> Parsed<Choice<u16>> {
    Choice::parse(text, zone)
}

pub(crate) fn ids(text: &str) -> Parsed<Choice<u32>> {
    Choice::parse(text, |text| number(text, "an id", u32::MAX))
}

pub(crate) fn words(text: &str) -> Parsed<Choice<String>> {
    Choice::parse(text, |word| match word {
        "" => Err("a name is missing".to_owned()),
        word => Ok(word.to_owned()),
    })
}

/// Bits of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) value: u32,
    pub(crate) mask: u32,
}

impl From<Mark> for MarkChange {
    fn from(Mark { value, mask }: Mark) -> Self {
        Self { value, mask }
    }
}

/// `7`, `0x4000/0x4000`.
pub(crate) fn mark(text: &str) -> Parsed<Mark> {
    let part = |text: &str| number(text, "a mark", u32::MAX);
    let (value, mask) = match text.split_once('/') {
        Some((value, mask)) => (part(value)?, part(mask)?),
        None => (part(text)?, u32::MAX),
    };
    if value & !mask != 0 {
        return Err(format!("'{text}' has bits in the mark that its mask leaves out"));
    }
    Ok(Mark { value, mask })
}

pub(crate) fn marks(text: &str) -> Parsed<Choice<Mark>> {
    Choice::parse(text, mark)
}

/// Status bits that have to be set, and those that must not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusBits {
    pub(crate) value: Status,
    pub(crate) mask: Status,
}

/// `ASSURED`, `SEEN_REPLY,!ASSURED`, `UNREPLIED`.
pub(crate) fn status(text: &str) -> Parsed<StatusBits> {
    let mut bits = StatusBits::default();
    for word in text.split(',') {
        let (negated, name) = negation(word);
        let (bit, set) = if name.eq_ignore_ascii_case("UNREPLIED") {
            (Status::SEEN_REPLY, negated)
        } else {
            (status_bit(name)?, !negated)
        };
        if bits.mask.contains(bit) && bits.value.contains(bit) != set {
            return Err(format!("'{text}' wants a status both set and clear"));
        }
        bits.mask |= bit;
        bits.value.set(bit, set);
    }
    Ok(bits)
}

fn status_bit(name: &str) -> Parsed<Status> {
    let in_any_case = || {
        let mut names = Status::all().iter_names();
        names.find(|(one, _)| name.eq_ignore_ascii_case(one)).map(|(_, bit)| bit)
    };
    // Files of many lines have them as they are.
    Status::from_name(name).or_else(in_any_case).ok_or_else(|| {
        let names: Vec<_> = Status::all().iter_names().map(|(name, _)| name).collect();
        format!("'{name}' is no status: {}, or UNREPLIED", names.join(", "))
    })
}

/// The address and port that a NAT translates to: `10.0.0.1`, `10.0.0.1:80`, `[fd00::1]:80`, `:80`.
fn end<A, P>(
    text: &str,
    address: impl Fn(&str) -> Parsed<A>,
    ports: impl Fn(&str) -> Parsed<P>,
) -> Parsed<(Option<A>, Option<P>)> {
    if text.is_empty() {
        return Ok((None, None));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let complaint = || format!("'{text}' has no ] behind its address");
        let (inside, behind) = rest.split_once(']').ok_or_else(complaint)?;
        let port = match behind.strip_prefix(':') {
            Some(port) => Some(ports(port)?),
            None if behind.is_empty() => None,
            None => return Err(complaint()),
        };
        return Ok((Some(address(inside)?), port));
    }
    match text.split_once(':') {
        Some((before, port)) if !port.contains(':') => {
            let before = Some(before).filter(|text| !text.is_empty()).map(address).transpose()?;
            Ok((before, Some(ports(port)?)))
        }
        _ => Ok((Some(address(text)?), None)),
    }
}

/// A translation that a flow has: any where nothing is given.
pub(crate) fn nat_match(text: &str) -> Parsed<NatMatch> {
    let range = |text: &str| Ok([port_range(text)?].into_iter().collect());
    let (address, ports) = end(text, network, range)?;
    Ok(NatMatch { address, ports })
}

/// A translation to be made.
pub(crate) fn nat_request(text: &str) -> Parsed<NatRequest> {
    let (address, ports) = end(text, address, port_range)?;
    if address.is_none() && ports.is_none() {
        return Err("an address, a port or both are missing".to_owned());
    }
    Ok(NatRequest { addresses: address.map(|address| address..=address), ports })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number32("0x10"), Ok(16));
        assert_eq!(number32("4294967295"), Ok(u32::MAX));
        assert_eq!(zone("0"), Ok(0));
        for text in ["", "010", "-1", "+1", "0x", "4294967296", "1 ", "0x1g"] {
            assert!(number32(text).is_err(), "{text}");
        }
        assert_eq!(
            zone("65536").unwrap_err(),
            "'65536' is not a zone: 0 to 65535, or 0x and hexadecimal digits"
        );
    }

    #[test]
    fn networks_have_no_bits_behind_their_prefix() {
        assert_eq!(network("10.0.0.1").map(|it| it.to_string()).as_deref(), Ok("10.0.0.1"));
        assert_eq!(network("fd00::/64").map(|it| it.to_string()).as_deref(), Ok("fd00::/64"));
        assert_eq!(network("0.0.0.0/0").map(|it| it.to_string()).as_deref(), Ok("0.0.0.0/0"));
        assert_eq!(
            network("10.0.0.1/8").unwrap_err(),
            "'10.0.0.1/8' has bits set behind its prefix: the network is 10.0.0.0/8, the address \
             10.0.0.1"
        );
        for text in ["10.1", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/+8", "x", "/8"] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_lists_and_ranges() {
        let choice = ports("!80,8000-8999").expect("ports");
        assert!(choice.negated);
        assert_eq!(choice.ports.to_string(), "80,8000-8999");
        for text in ["", "80,", "9-8", "65536", "http", "80-"] {
            assert!(ports(text).is_err(), "{text}");
        }
    }

    #[test]
    fn marks_lie_within_their_masks() {
        assert_eq!(mark("0x4000/0xff00"), Ok(Mark { value: 0x4000, mask: 0xff00 }));
        assert_eq!(mark("7"), Ok(Mark { value: 7, mask: !0 }));
        assert!(mark("7/8").is_err());
    }

    #[test]
    fn statuses() {
        let bits = status("seen_reply,!ASSURED").expect("bits");
        assert_eq!(bits.value, Status::SEEN_REPLY);
        assert_eq!(bits.mask, Status::SEEN_REPLY | Status::ASSURED);
        let unreplied = status("UNREPLIED").expect("bits");
        assert_eq!(unreplied, StatusBits { value: Status::empty(), mask: Status::SEEN_REPLY });
        assert_eq!(status("!unreplied"), status("SEEN_REPLY"));
        assert!(status("ASSURED,!ASSURED").is_err());
        assert!(status("BOGUS").unwrap_err().contains("SEEN_REPLY, ASSURED"));
    }

    #[test]
    fn ends_of_nat() {
        let shown = |text| nat_match(text).map(|nat| nat.to_string());
        assert_eq!(shown("").as_deref(), Ok(""));
        assert_eq!(shown("10.0.0.0/8").as_deref(), Ok(" to 10.0.0.0/8"));
        assert_eq!(shown("10.0.0.1:80-90").as_deref(), Ok(" to 10.0.0.1 port 80-90"));
        assert_eq!(shown("[fd00::1]:80").as_deref(), Ok(" to fd00::1 port 80"));
        assert_eq!(shown("fd00::1").as_deref(), Ok(" to fd00::1"));
        assert_eq!(shown(":80").as_deref(), Ok(" port 80"));
        assert!(nat_match("[fd00::1").is_err() && nat_match("10.0.0.1:").is_err());
        assert!(nat_request("").is_err());
        assert_eq!(nat_request(":80"), Ok(NatRequest::port(80)));
    }
}
