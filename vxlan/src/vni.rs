//! VXLAN network identifiers.

use std::fmt;
use std::str::FromStr;

/// A VXLAN network identifier: 24 bits. 0 is one of them, and not the same as none.
///
/// ```
/// use vxlan::Vni;
/// let vni: Vni = "4096".parse()?;
/// assert_eq!(vni.get(), 4096);
/// assert!("16777216".parse::<Vni>().is_err());
/// # Ok::<(), vxlan::ParseVniError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "u32", try_from = "u32"))]
pub struct Vni(u32);

impl Vni {
    /// The largest: 16777215.
    pub const MAX: Self = Self((1 << 24) - 1);

    /// The identifier with this number, if it has no more than 24 bits.
    pub const fn new(number: u32) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text or number is not a VXLAN network identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a VNI: a number from 0 to 16777215")]
pub struct ParseVniError(pub(crate) Box<str>);

impl FromStr for Vni {
    type Err = ParseVniError;

    fn from_str(text: &str) -> Result<Self, ParseVniError> {
        let digits = text.bytes().all(|digit| digit.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.and_then(Self::new).ok_or_else(|| ParseVniError(text.into()))
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> Self {
        vni.0
    }
}

impl TryFrom<u32> for Vni {
    type Error = ParseVniError;

    fn try_from(number: u32) -> Result<Self, ParseVniError> {
        Self::new(number).ok_or_else(|| ParseVniError(number.to_string().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_four_bits_and_no_more() {
        assert_eq!("16777215".parse(), Ok(Vni::MAX));
        assert_eq!(Vni::new(0).map(Vni::get), Some(0));
        for wrong in ["16777216", "-1", "+1", "", "1 ", "0x1", "99999999999999"] {
            assert!(wrong.parse::<Vni>().is_err(), "{wrong}");
        }
        assert_eq!(
            Vni::try_from(1 << 24).map_err(|error| error.to_string()),
            Err("'16777216' is not a VNI: a number from 0 to 16777215".to_owned())
        );
    }
}
