//! Sets of addresses and ports.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Addresses that agree in the bits of a mask. The mask need not be a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// An address of the network.
    pub address: IpAddr,
    /// The bits that count; of the address's family.
    pub mask: IpAddr,
}

impl Network {
    /// The network of a prefix; a length beyond the address's bits is the whole address.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        let mask = match address {
            IpAddr::V4(_) => {
                let free = 32_u32.saturating_sub(prefix.into());
                IpAddr::V4(u32::MAX.checked_shl(free).unwrap_or(0).into())
            }
            IpAddr::V6(_) => {
                let free = 128_u32.saturating_sub(prefix.into());
                IpAddr::V6(u128::MAX.checked_shl(free).unwrap_or(0).into())
            }
        };
        Self { address, mask }
    }

    /// One address.
    pub fn host(address: IpAddr) -> Self {
        Self::new(address, u8::MAX)
    }

    /// Whether an address is in it.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, self.mask, address) {
            (IpAddr::V4(network), IpAddr::V4(mask), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask.to_bits() == 0
            }
            (IpAddr::V6(network), IpAddr::V6(mask), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask.to_bits() == 0
            }
            _ => false,
        }
    }

    /// Length of its prefix, if the mask is one.
    pub fn prefix(&self) -> Option<u8> {
        let (ones, rest) = match self.mask {
            IpAddr::V4(mask) => {
                let bits = mask.to_bits();
                (bits.leading_ones(), bits.checked_shl(bits.leading_ones()).unwrap_or(0) == 0)
            }
            IpAddr::V6(mask) => {
                let bits = mask.to_bits();
                (bits.leading_ones(), bits.checked_shl(bits.leading_ones()).unwrap_or(0) == 0)
            }
        };
        rest.then_some(ones as u8)
    }

    /// Its only address, if it has no other.
    pub fn single(&self) -> Option<IpAddr> {
        let whole = match self.address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        (self.prefix() == Some(whole)).then_some(self.address)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self::host(address)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.single(), self.prefix()) {
            (Some(address), _) => write!(f, "{address}"),
            (None, Some(prefix)) => write!(f, "{}/{prefix}", self.address),
            (None, None) => write!(f, "{}/{}", self.address, self.mask),
        }
    }
}

/// Ports: single ones and ranges.
///
/// ```
/// use conntrack::Ports;
/// let ports: Ports = [80..=80, 8000..=8999].into_iter().collect();
/// assert!(ports.contains(8080) && !ports.contains(81));
/// assert_eq!(ports.to_string(), "80,8000-8999");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ports {
    ranges: Vec<RangeInclusive<u16>>,
}

impl Ports {
    /// Whether a port is among them.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|range| range.contains(&port))
    }

    /// The only port, if there is no other.
    pub fn single(&self) -> Option<u16> {
        match &self.ranges[..] {
            [range] if range.start() == range.end() => Some(*range.start()),
            _ => None,
        }
    }

    /// The ranges, as they were given.
    pub fn ranges(&self) -> &[RangeInclusive<u16>] {
        &self.ranges
    }
}

impl From<u16> for Ports {
    fn from(port: u16) -> Self {
        Self { ranges: vec![port..=port] }
    }
}

impl FromIterator<RangeInclusive<u16>> for Ports {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(ranges: I) -> Self {
        Self { ranges: ranges.into_iter().collect() }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (start, end) if start == end => write!(f, "{comma}{start}")?,
                (start, end) => write!(f, "{comma}{start}-{end}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_are_told_by_prefix_or_mask() {
        for (network, text) in [
            (Network::new(address("10.0.0.0"), 8), "10.0.0.0/8"),
            (Network::new(address("10.0.0.1"), 32), "10.0.0.1"),
            (Network::new(address("0.0.0.0"), 0), "0.0.0.0/0"),
            (Network::new(address("fd00::"), 8), "fd00::/8"),
            (Network::new(address("fd00::1"), 200), "fd00::1"),
            (
                Network { address: address("10.0.0.1"), mask: address("255.0.0.255") },
                "10.0.0.1/255.0.0.255",
            ),
        ] {
            assert_eq!(network.to_string(), text);
        }
    }

    #[test]
    fn a_mask_with_holes_compares_its_bits() {
        let network = Network { address: address("10.0.0.1"), mask: address("255.0.0.255") };
        assert!(network.contains(address("10.7.7.1")));
        assert!(!network.contains(address("10.7.7.2")));
        assert_eq!((network.prefix(), network.single()), (None, None));
    }

    #[test]
    fn families_do_not_mix() {
        let all = Network::new(address("0.0.0.0"), 0);
        assert!(!all.contains(address("::1")));
        let mixed = Network { address: address("10.0.0.1"), mask: address("::") };
        assert!(!mixed.contains(address("10.0.0.1")) && !mixed.contains(address("::1")));
    }

    #[test]
    fn ports_are_single_only_if_there_is_one() {
        assert_eq!(Ports::from(80).single(), Some(80));
        assert_eq!(Ports::from_iter([80..=81]).single(), None);
        assert_eq!(Ports::from_iter([80..=80, 80..=80]).single(), None);
        assert_eq!(Ports::default().single(), None);
        assert!(!Ports::default().contains(0));
    }

    proptest! {
        #[test]
        fn a_network_contains_what_shares_its_prefix(
            network: u128, other: u128, prefix in 0_u8..=128,
        ) {
            let contained = prefix == 0 || (network ^ other) >> (128 - u32::from(prefix)) == 0;
            let network = Network::new(IpAddr::V6(network.into()), prefix);
            prop_assert_eq!(network.contains(IpAddr::V6(other.into())), contained);
            prop_assert_eq!(network.prefix(), Some(prefix));
            prop_assert_eq!(network.single().is_some(), prefix == 128);
        }

        #[test]
        fn ipv4_networks_do_so_too(network: u32, other: u32, prefix in 0_u8..=32) {
            let contained = prefix == 0 || (network ^ other) >> (32 - u32::from(prefix)) == 0;
            let network = Network::new(IpAddr::V4(network.into()), prefix);
            prop_assert_eq!(network.contains(IpAddr::V4(other.into())), contained);
            prop_assert_eq!(network.prefix(), Some(prefix));
        }
    }
}
