//! Labels of a flow.

use std::fmt;

/// Labels of a flow: 128 bits that rules set and test. Which name stands for which bit is a matter of
/// `connlabel.conf`.
///
/// ```
/// use conntrack::Labels;
/// let labels: Labels = [1, 77].into_iter().collect();
/// assert!(labels.contains(77) && !labels.contains(2));
/// assert_eq!(labels.iter().collect::<Vec<_>>(), [1, 77]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Vec<u8>", into = "Vec<u8>"))]
#[doc(alias = "CTA_LABELS")]
pub struct Labels(pub u128);

impl Labels {
    /// How many there are.
    pub const COUNT: u8 = 128;

    /// None.
    pub const NONE: Self = Self(0);

    /// All.
    pub const ALL: Self = Self(!0);

    /// Whether no label is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a label is set. There is none from 128 on.
    pub const fn contains(self, label: u8) -> bool {
        label < Self::COUNT && self.0 & (1 << label) != 0
    }

    /// Whether all of the others are set.
    pub const fn contains_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Sets a label. There is none from 128 on.
    pub const fn insert(&mut self, label: u8) {
        if label < Self::COUNT {
            self.0 |= 1 << label;
        }
    }

    /// Those that are set, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..Self::COUNT).filter(move |label| self.contains(*label))
    }

    /// Labels as the kernel keeps them: 32-bit words in host order, the first one with labels 0
    /// to 31. What is missing is not set.
    #[inline]
    pub(crate) fn from_wire(bytes: &[u8]) -> Self {
        let mut labels = 0;
        for (index, word) in bytes.chunks_exact(4).take(4).enumerate() {
            let word = word.first_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
            labels |= u128::from(word) << (32 * index);
        }
        Self(labels)
    }

    pub(crate) fn to_wire(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (index, word) in bytes.chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&((self.0 >> (32 * index)) as u32).to_ne_bytes());
        }
        bytes
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<u8> for Labels {
    /// Labels from 128 on are left out.
    fn from_iter<I: IntoIterator<Item = u8>>(labels: I) -> Self {
        let mut set = Self::NONE;
        labels.into_iter().for_each(|label| set.insert(label));
        set
    }
}

/// For formats whose numbers end before 128 bits do.
#[cfg(feature = "serde")]
impl From<Vec<u8>> for Labels {
    fn from(labels: Vec<u8>) -> Self {
        labels.into_iter().collect()
    }
}

#[cfg(feature = "serde")]
impl From<Labels> for Vec<u8> {
    fn from(labels: Labels) -> Self {
        labels.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_in_host_order() {
        let mut bytes = [0; 16];
        bytes[4..8].copy_from_slice(&1_u32.to_ne_bytes());
        assert_eq!(Labels::from_wire(&bytes).iter().collect::<Vec<_>>(), [32]);
        assert_eq!(Labels::from_wire(&bytes[..7]), Labels::NONE);
        assert_eq!(Labels::from_wire(&[0xff; 20]), Labels::ALL);
    }

    #[test]
    fn there_is_no_label_from_128_on() {
        let labels: Labels = [127, 128, 255].into_iter().collect();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [127]);
        assert!(!labels.contains(128) && !labels.contains(255));
        assert_eq!(format!("{labels:?}"), "{127}");
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read(bits: u128) {
            prop_assert_eq!(Labels::from_wire(&Labels(bits).to_wire()), Labels(bits));
            prop_assert_eq!(Labels(bits).iter().collect::<Labels>(), Labels(bits));
        }
    }
}
