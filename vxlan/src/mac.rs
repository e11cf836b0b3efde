//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

/// An Ethernet address, written `ee:d6:38:55:d5:c7`.
///
/// ```
/// use vxlan::Mac;
/// let mac: Mac = "EE:D6:38:55:D5:C7".parse()?;
/// assert_eq!(mac.to_string(), "ee:d6:38:55:d5:c7");
/// assert!(!mac.is_multicast() && "ee:d6:38:55:d5".parse::<Mac>().is_err());
/// # Ok::<(), vxlan::ParseMacError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "String", try_from = "String"))]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address of the default entry: where frames go that no other entry matches.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether this is the address of the default entry.
    pub const fn is_zero(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Whether this is a group's address, the broadcast address included.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether an entry of this address can have several remotes in a VXLAN device: the default
    /// entry and those of groups.
    pub const fn floods(self) -> bool {
        self.is_zero() || self.is_multicast()
    }

    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        <[u8; 6]>::try_from(value).ok().map(Self)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.map(|byte| format!("{byte:02x}")).join(":"))
    }
}

/// A text is not an Ethernet address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a MAC address: six bytes in hexadecimal, with colons between them")]
pub struct ParseMacError(pub(crate) Box<str>);

impl FromStr for Mac {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let error = || ParseMacError(text.into());
        let mut bytes = [0; 6];
        let mut rest = text.as_bytes();
        for (index, byte) in bytes.iter_mut().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix(b":").ok_or_else(error)?;
            }
            // One digit or two.
            let (first, behind) = digit(rest).ok_or_else(error)?;
            (*byte, rest) = match digit(behind) {
                Some((second, behind)) => (first << 4 | second, behind),
                None => (first, behind),
            };
        }
        if rest.is_empty() { Ok(Self(bytes)) } else { Err(error()) }
    }
}

/// A digit in hexadecimal, and what is behind it.
fn digit(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digit, rest) = text.split_first()?;
    let value = char::from(*digit).to_digit(16)?;
    Some((value as u8, rest))
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for Mac {
    type Error = ParseMacError;

    fn try_from(text: String) -> Result<Self, ParseMacError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_six_bytes_are_an_address() {
        assert_eq!("2:0:0:0:0:1".parse(), Ok(Mac([2, 0, 0, 0, 0, 1])));
        for wrong in ["", "02", "02:00:00:00:00", "02:00:00:00:00:00:00", "02:00:00:00:00:zz"] {
            assert!(wrong.parse::<Mac>().is_err(), "{wrong}");
        }
        for wrong in ["02:00:00:00:00:001", "02:00:00:00:00:+1", "02-00-00-00-00-01", "::::::"] {
            let error = wrong.parse::<Mac>().expect_err(wrong);
            assert!(error.to_string().contains(wrong));
        }
    }

    #[test]
    fn groups_and_the_default_flood() {
        let floods = |text: &str| text.parse::<Mac>().expect("an address").floods();
        assert!(floods("00:00:00:00:00:00") && floods("01:00:5e:00:00:01"));
        assert!(floods("ff:ff:ff:ff:ff:ff") && !floods("02:00:00:00:00:01"));
    }

    proptest! {
        #[test]
        fn text_and_back(bytes in any::<[u8; 6]>()) {
            prop_assert_eq!(Mac(bytes).to_string().parse(), Ok(Mac(bytes)));
        }
    }
}
