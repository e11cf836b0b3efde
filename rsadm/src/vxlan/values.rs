//! Values on the command line and in files of entries.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use clap::ValueEnum;
use ipnet::IpNet;
use vxlan::{FilterMode, Flags, Mac, State, Vni};

use crate::classic::bridge::PROTOCOLS;

pub(crate) type Parsed<T> = std::result::Result<T, String>;

/// A number in decimal, in a range that is told when it is missed.
fn number<T: FromStr>(text: &str, what: &str, range: &str) -> Parsed<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = Some(text).filter(|_| digits).and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("'{text}' is not {what}: {range}"))
}

pub(crate) fn address(text: &str) -> Parsed<IpAddr> {
    text.parse().map_err(|_| format!("'{text}' is not an IP address"))
}

/// An address, or a network such as `172.16.0.0/12`.
pub(crate) fn network(text: &str) -> Parsed<IpNet> {
    let host = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let net = text.parse().ok().or_else(host).ok_or_else(|| {
        format!("'{text}' is neither an address nor a network such as 10.0.0.0/8 or fd00::/64")
    })?;
    if net == net.trunc() {
        return Ok(net);
    }
    Err(format!("'{text}' has bits set behind its prefix: the network is {}", net.trunc()))
}

/// The address of a group of IP.
pub(crate) fn group(text: &str) -> Parsed<IpAddr> {
    address(text)?;
    address(text).ok().filter(IpAddr::is_multicast).ok_or_else(|| {
        format!("'{text}' is not a multicast address; one host is a remote (--remote)")
    })
}

/// The address of one host.
pub(crate) fn remote(text: &str) -> Parsed<IpAddr> {
    let address = address(text)?;
    if address.is_multicast() {
        return Err(format!("'{text}' is a multicast address; that is a group (--group)"));
    }
    Ok(address)
}

/// The address of a group, or the one that stands for all groups.
pub(crate) fn group_or_any(text: &str) -> Parsed<IpAddr> {
    let address = address(text)?;
    if address.is_multicast() || address.is_unspecified() {
        return Ok(address);
    }
    Err(format!("'{text}' is not a multicast address, nor 0.0.0.0 or :: for all groups"))
}

pub(crate) fn port(text: &str) -> Parsed<u16> {
    number(text, "a port", "1 to 65535")
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("'{text}' is not a port: 1 to 65535"))
}

pub(crate) fn vlan(text: &str) -> Parsed<u16> {
    number(text, "", "")
        .ok()
        .filter(|vlan| (1..4095).contains(vlan))
        .ok_or_else(|| format!("'{text}' is not a VLAN: 1 to 4094"))
}

pub(crate) fn nexthop(text: &str) -> Parsed<u32> {
    number(text, "", "")
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| format!("'{text}' is not the id of a nexthop group: 1 to 4294967295"))
}

pub(crate) fn seconds(text: &str) -> Parsed<u32> {
    number(text, "a time in seconds", "0 to 4294967295")
}

pub(crate) fn bytes(text: &str) -> Parsed<u32> {
    number(text, "a number of bytes", "0 to 4294967295")
}

pub(crate) fn mtu(text: &str) -> Parsed<u32> {
    number(text, "an MTU in bytes", "0 to 4294967295")
}

/// Seconds. The kernel takes 0, which is what ip makes of none, for the time that it chooses itself.
pub(crate) fn ageing(text: &str) -> Parsed<u32> {
    if matches!(text, "0" | "none") {
        return Err("entries always age: the kernel takes none for 300 seconds".to_owned());
    }
    number(text, "a time in seconds", "1 to 4294967295")
}

/// Entries, or no limit.
pub(crate) fn limit(text: &str) -> Parsed<u32> {
    if matches!(text, "none" | "unlimited") {
        return Ok(0);
    }
    number(text, "a number of entries", "0 to 4294967295, or none")
}

/// How long packets live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    Fixed(u8),
    Inherit,
}

pub(crate) fn ttl(text: &str) -> Parsed<Ttl> {
    match text {
        "auto" => Ok(Ttl::Fixed(0)),
        "inherit" => Ok(Ttl::Inherit),
        _ => number(text, "a time to live", "0 to 255, auto or inherit").map(Ttl::Fixed),
    }
}

/// The type of service; 1 is the inner packet's.
pub(crate) fn tos(text: &str) -> Parsed<u8> {
    let number = match text.strip_prefix("0x") {
        _ if text == "inherit" => Some(1),
        Some(digits) => hexadecimal(digits).and_then(|tos| tos.try_into().ok()),
        None => number(text, "", "").ok(),
    };
    number.ok_or_else(|| {
        format!("'{text}' is not a type of service: 0 to 255, 0x0 to 0xff or inherit")
    })
}

fn hexadecimal(digits: &str) -> Option<u64> {
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| all)
}

/// The flow label of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowLabel {
    Fixed(u32),
    Inherit,
}

pub(crate) fn flow_label(text: &str) -> Parsed<FlowLabel> {
    const LARGEST: u32 = 0xf_ffff;
    let number = match text.strip_prefix("0x") {
        _ if text == "inherit" => return Ok(FlowLabel::Inherit),
        Some(digits) => hexadecimal(digits).and_then(|label| label.try_into().ok()),
        None => number(text, "", "").ok(),
    };
    let label = number.filter(|label| *label <= LARGEST).ok_or_else(|| {
        format!("'{text}' is not a flow label: 0 to 1048575, 0x0 to 0xfffff or inherit")
    })?;
    Ok(FlowLabel::Fixed(label))
}

pub(crate) fn reserved_bits(text: &str) -> Parsed<u64> {
    text.strip_prefix("0x").and_then(hexadecimal).ok_or_else(|| {
        format!("'{text}' are no bits of the VXLAN header: 0x and up to 16 hexadecimal digits")
    })
}

/// A range of ports: `49152-65535`.
pub(crate) fn ports(text: &str) -> Parsed<(u16, u16)> {
    let complaint = || format!("'{text}' is not a range of ports such as 49152-65535, or 0-0");
    let (first, last) = text.split_once(['-', ' ']).ok_or_else(complaint)?;
    let port = |text: &str| number::<u16>(text, "", "").map_err(|_| complaint());
    let (first, last) = (port(first)?, port(last)?);
    if first > last { Err(complaint()) } else { Ok((first, last)) }
}

/// A VNI, or a range of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VniRange {
    pub(crate) first: Vni,
    pub(crate) last: Vni,
}

impl FromStr for VniRange {
    type Err = String;

    fn from_str(text: &str) -> Parsed<Self> {
        let vni = |text: &str| text.parse::<Vni>().map_err(|error| error.to_string());
        let Some((first, last)) = text.split_once('-') else {
            return vni(text).map(|vni| Self { first: vni, last: vni });
        };
        let (first, last) = (vni(first)?, vni(last)?);
        if first > last {
            return Err(format!("'{text}' is an empty range: its first VNI is above its last"));
        }
        Ok(Self { first, last })
    }
}

/// The first bytes of an Ethernet address, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MacPrefix {
    bytes: [u8; 6],
    length: usize,
}

impl MacPrefix {
    pub(crate) fn matches(self, mac: Mac) -> bool {
        mac.0[..self.length] == self.bytes[..self.length]
    }

    /// The address, if it is a whole one.
    pub(crate) fn whole(self) -> Option<Mac> {
        (self.length == 6).then_some(Mac(self.bytes))
    }
}

impl FromStr for MacPrefix {
    type Err = String;

    fn from_str(text: &str) -> Parsed<Self> {
        let trimmed = text.strip_suffix(':').unwrap_or(text);
        let length = trimmed.split(':').count();
        let whole = format!("{trimmed}{}", ":0".repeat(6_usize.saturating_sub(length)));
        let mac = whole.parse::<Mac>().map_err(|_| {
            format!("'{text}' is neither a MAC address nor the first bytes of one, such as ee:d6")
        })?;
        Ok(Self { bytes: mac.0, length })
    }
}

/// A state of an entry, by the name that a listing has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub(crate) enum StateName {
    /// Stays until it is deleted
    #[value(alias = "local")]
    Permanent,
    /// Does not age
    #[value(alias = "temp")]
    Static,
    /// About to age
    Stale,
    /// Ages; a listing has no name for it
    #[value(alias = "reachable")]
    Dynamic,
}

impl StateName {
    /// The name of a state, if it has one.
    pub(crate) fn of(state: State) -> Option<Self> {
        Some(match state {
            _ if state.contains(State::PERMANENT) => Self::Permanent,
            _ if state.contains(State::NOARP) => Self::Static,
            _ if state.contains(State::STALE) => Self::Stale,
            _ if state.contains(State::REACHABLE) => Self::Dynamic,
            _ => return None,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Static => "static",
            Self::Stale => "stale",
            Self::Dynamic => "dynamic",
        }
    }
}

/// A flag that is set, or, behind a `!`, not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlagChoice {
    pub(crate) flag: Flags,
    pub(crate) set: bool,
}

impl FromStr for FlagChoice {
    type Err = String;

    fn from_str(text: &str) -> Parsed<Self> {
        let (name, set) = match text.strip_prefix('!') {
            Some(name) => (name, false),
            None => (text, true),
        };
        let flag = match name {
            "router" => Flags::ROUTER,
            "extern_learn" | "extern-learn" => Flags::EXTERN_LEARN,
            "offload" | "offloaded" => Flags::OFFLOADED,
            "sticky" => Flags::STICKY,
            _ => {
                return Err(format!(
                    "'{name}' is not a flag: router, extern_learn, offload, sticky"
                ));
            }
        };
        Ok(Self { flag, set })
    }
}

/// Names of states of neighbours.
const STATES: [(&str, State); 8] = [
    ("incomplete", State::INCOMPLETE),
    ("reachable", State::REACHABLE),
    ("stale", State::STALE),
    ("delay", State::DELAY),
    ("probe", State::PROBE),
    ("failed", State::FAILED),
    ("noarp", State::NOARP),
    ("permanent", State::PERMANENT),
];

pub(crate) fn neighbour_state(text: &str) -> Parsed<State> {
    let all = || STATES.iter().fold(State::empty(), |all, (_, state)| all | *state);
    let lower = text.to_ascii_lowercase();
    let named = STATES.iter().find(|(name, _)| *name == lower).map(|(_, state)| *state);
    named.or_else(|| (lower == "all").then(all)).ok_or_else(|| {
        let names: Vec<_> = STATES.iter().map(|(name, _)| *name).collect();
        format!("'{text}' is not a state of a neighbour: {}", names.join(", "))
    })
}

pub(crate) fn filter_mode(text: &str) -> Parsed<FilterMode> {
    match text {
        "include" => Ok(FilterMode::Include),
        "exclude" => Ok(FilterMode::Exclude),
        _ => Err(format!("'{text}' is not a filter mode: include or exclude")),
    }
}

/// Which program wrote something (`RTPROT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protocol(pub(crate) u8);

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Parsed<Self> {
        let named = PROTOCOLS.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
        let number = named.or_else(|| number(text, "", "").ok());
        number.map(Self).ok_or_else(|| {
            format!("'{text}' is not a protocol: kernel, boot, static, zebra, ..., or 0 to 255")
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PROTOCOLS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_they_say() {
        assert_eq!(ports("49152-65535"), Ok((49152, 65535)));
        assert_eq!((ttl("auto"), ttl("inherit")), (Ok(Ttl::Fixed(0)), Ok(Ttl::Inherit)));
        assert_eq!((tos("inherit"), tos("0x10"), tos("16")), (Ok(1), Ok(16), Ok(16)));
        assert_eq!(flow_label("0x12345"), Ok(FlowLabel::Fixed(0x1_2345)));
        assert_eq!(reserved_bits("0xf7ffffff000000ff"), Ok(0xf7ff_ffff_0000_00ff));
        assert_eq!("20-25".parse::<VniRange>().map(|range| range.last.get()), Ok(25));
        assert_eq!((limit("none"), ageing("60")), (Ok(0), Ok(60)));
        assert!(ageing("none").is_err() && ageing("0").is_err());
        assert_eq!(neighbour_state("STALE"), Ok(State::STALE));
        assert_eq!(
            network("172.16.20.121").map(|net| net.to_string()),
            Ok("172.16.20.121/32".into())
        );
    }

    #[test]
    fn mistakes_are_told() {
        let told = [
            address("10.0.0").err(),
            network("10.0.0.1/8").err(),
            group("10.0.0.1").err(),
            remote("239.1.1.1").err(),
            group_or_any("10.0.0.1").err(),
            port("0").err(),
            vlan("4095").err(),
            nexthop("0").err(),
            seconds("-1").err(),
            ttl("256").err(),
            tos("0x100").err(),
            flow_label("0x100000").err(),
            reserved_bits("7").err(),
            ports("2-1").err(),
            "16777216".parse::<VniRange>().err(),
            "2-1".parse::<VniRange>().err(),
            "zz".parse::<MacPrefix>().err(),
            "self".parse::<FlagChoice>().err(),
            neighbour_state("bogus").err(),
            "bogus".parse::<Protocol>().err(),
        ];
        for (number, told) in told.into_iter().enumerate() {
            assert!(told.is_some_and(|told| told.starts_with('\'')), "{number}");
        }
    }

    #[test]
    fn the_first_bytes_of_an_address() {
        let mac: Mac = "ee:d6:38:55:d5:c7".parse().expect("an address");
        for prefix in ["ee", "ee:", "ee:d6:38", "EE:D6:38:55:D5:C7"] {
            assert!(
                prefix.parse::<MacPrefix>().is_ok_and(|prefix| prefix.matches(mac)),
                "{prefix}"
            );
        }
        assert!("ee:d7".parse::<MacPrefix>().is_ok_and(|prefix| !prefix.matches(mac)));
        assert!("ee:d6:38:55:d5:c7:".parse::<MacPrefix>().is_ok_and(|it| it.whole() == Some(mac)));
        assert!("".parse::<MacPrefix>().is_err() && "1:2:3:4:5:6:7".parse::<MacPrefix>().is_err());
    }

    #[test]
    fn protocols_by_name_and_number() {
        assert_eq!("zebra".parse(), Ok(Protocol(11)));
        assert_eq!(
            (Protocol(4).to_string(), Protocol(80).to_string()),
            ("static".into(), "80".into())
        );
    }
}
