//! Networks: an address, and how much of it counts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipvs::Family;

/// A network in CIDR notation, `10.244.3.0/24`. Bits behind the prefix are kept as they were given.
///
/// ```
/// use node::Prefix;
/// let network: Prefix = "10.244.3.0/24".parse()?;
/// assert!(network.contains("10.244.3.32".parse()?));
/// assert!(!network.contains("10.244.5.23".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// A network; `None` if the family has fewer bits than `length`.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        (length <= bits(address)).then_some(Self { address, length })
    }

    /// The network of one address.
    pub fn host(address: IpAddr) -> Self {
        Self { address, length: bits(address) }
    }

    /// The network of every address.
    pub fn all(family: Family) -> Self {
        let address = match family {
            Family::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { address, length: 0 }
    }

    /// The address as it was given.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits of the address count.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }

    /// The same network, with no bits behind the prefix.
    #[must_use]
    pub fn masked(&self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        };
        Self { address, length: self.length }
    }

    /// Whether it has one address only.
    pub fn is_host(&self) -> bool {
        self.length == bits(self.address)
    }

    /// Whether the address is in it; no address of the other family is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(32 - u32::from(self.length)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(128 - u32::from(self.length)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether every address of the other network is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.length <= other.length && self.contains(other.address)
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}

/// A text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a network: an address, a slash, and how many bits of it count")]
pub struct ParsePrefixError(Box<str>);

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let parts = text.split_once('/');
        let parsed = parts
            .and_then(|(address, length)| Self::new(address.parse().ok()?, length.parse().ok()?));
        parsed.ok_or_else(|| ParsePrefixError(text.into()))
    }
}

impl TryFrom<String> for Prefix {
    type Error = ParsePrefixError;

    fn try_from(text: String) -> Result<Self, ParsePrefixError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a network")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_contains_what_begins_like_it() {
        assert!(prefix("10.244.3.0/24").contains(address("10.244.3.255")));
        assert!(!prefix("10.244.3.0/24").contains(address("10.244.4.0")));
        assert!(prefix("10.244.3.7/24").contains(address("10.244.3.0")));
        assert!(prefix("0.0.0.0/0").contains(address("255.255.255.255")));
        assert!(prefix("::/0").contains(address("ffff::1")));
        assert!(prefix("2001:db8::/33").contains(address("2001:db8:7fff::1")));
        assert!(!prefix("2001:db8::/33").contains(address("2001:db8:8000::")));
        assert!(prefix("10.0.0.1/32").contains(address("10.0.0.1")));
        assert!(!prefix("10.0.0.1/32").contains(address("10.0.0.0")));
        assert!(!prefix("0.0.0.0/0").contains(address("::")));
    }

    #[test]
    fn a_masked_network_has_no_bits_behind_its_prefix() {
        assert_eq!(prefix("10.244.3.7/24").masked(), prefix("10.244.3.0/24"));
        assert_eq!(prefix("10.244.3.7/0").masked(), prefix("0.0.0.0/0"));
        assert_eq!(prefix("10.244.3.7/32").masked(), prefix("10.244.3.7/32"));
        assert_eq!(prefix("2001:db8::7/64").masked(), prefix("2001:db8::/64"));
        assert_eq!(prefix("2001:db8::7/0").masked(), prefix("::/0"));
    }

    #[test]
    fn a_network_covers_the_longer_ones_in_it() {
        assert!(prefix("10.244.0.0/16").covers(&prefix("10.244.3.0/24")));
        assert!(!prefix("10.244.3.0/24").covers(&prefix("10.244.0.0/16")));
        assert!(prefix("10.0.0.0/8").covers(&prefix("10.0.0.0/8")));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "/8"] {
            let error = text.parse::<Prefix>().expect_err(text);
            assert!(error.to_string().starts_with(&format!("'{text}' is not a network")));
        }
    }

    #[test]
    fn as_json_it_is_text() {
        let text = serde_json::to_string(&prefix("10.244.3.0/24")).expect("text");
        assert_eq!(text, r#""10.244.3.0/24""#);
        assert_eq!(serde_json::from_str::<Prefix>(&text).expect("a network").length(), 24);
    }
}
