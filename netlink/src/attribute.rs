//! Borrowed walk over attributes (`struct nlattr`).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::header::align;
use crate::uapi::{NLA_F_NESTED, NLA_F_NET_BYTEORDER};

/// Bytes of an attribute's header.
pub(crate) const ATTRIBUTE_HEADER: usize = 4;

/// Attributes one behind the other, borrowed from a receive buffer.
///
/// The walk ends at the first bytes that cannot be an attribute; they stay in
/// [`remainder`](Self::remainder), which is empty after a well-formed region.
///
/// ```
/// use rsadm_netlink::{Attributes, Message};
/// let mut message = Message::new(16, 0);
/// message.put_u32(1, 7).put_str(2, "rr");
/// let mut attributes = Attributes::new(message.payload());
/// let first = attributes.next().ok_or("one")?;
/// assert_eq!((first.kind, first.u32()), (1, Some(7)));
/// let second = attributes.next().ok_or("two")?;
/// assert_eq!(second.str(), Some("rr"));
/// assert!(attributes.next().is_none() && attributes.remainder().is_empty());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Walks `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What has not been walked yet.
    #[inline]
    pub const fn remainder(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        let (header, _) = self.bytes.split_first_chunk::<ATTRIBUTE_HEADER>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]);
        let value = self.bytes.get(ATTRIBUTE_HEADER..length)?;
        self.bytes = &self.bytes[align(length).min(self.bytes.len())..];
        Some(Attribute {
            kind: kind & !(NLA_F_NESTED | NLA_F_NET_BYTEORDER),
            nested: kind & NLA_F_NESTED != 0,
            value,
        })
    }
}

/// One attribute. The typed reads take the known front part of a longer value, and are `None` for
/// a shorter one: kernels append to structures, they never shrink them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Type, without the two flag bits.
    pub kind: u16,
    /// Whether the sender marked it as nested; older families do not.
    pub nested: bool,
    /// Value, without padding.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    #[inline]
    fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.value.first_chunk::<N>().copied()
    }

    /// One byte.
    #[inline]
    pub fn u8(&self) -> Option<u8> {
        self.value.first().copied()
    }

    /// Two bytes in host order.
    #[inline]
    pub fn u16(&self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    /// Two bytes in network order.
    #[inline]
    pub fn be16(&self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes in host order.
    #[inline]
    pub fn u32(&self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    /// Four bytes in network order.
    #[inline]
    pub fn be32(&self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes in host order.
    #[inline]
    pub fn u64(&self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    /// Eight bytes in network order.
    #[inline]
    pub fn be64(&self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// An IPv4 address.
    #[inline]
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    /// An IPv6 address.
    #[inline]
    pub fn ipv6(&self) -> Option<Ipv6Addr> {
        self.array::<16>().map(Ipv6Addr::from)
    }

    /// Text up to the first NUL; `None` if it is not UTF-8.
    #[inline]
    pub fn str(&self) -> Option<&'a str> {
        let end = self.value.iter().position(|&byte| byte == 0).unwrap_or(self.value.len());
        std::str::from_utf8(&self.value[..end]).ok()
    }

    /// The attributes inside.
    #[inline]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Message;

    #[test]
    fn typed_reads_take_the_front_and_refuse_the_short() {
        let long = Attribute { kind: 1, nested: false, value: &[1, 2, 3, 4, 5, 6, 7, 8, 9] };
        assert_eq!(long.u8(), Some(1));
        assert_eq!(long.be16(), Some(0x0102));
        assert_eq!(long.u16(), Some(u16::from_ne_bytes([1, 2])));
        assert_eq!(long.be32(), Some(0x0102_0304));
        assert_eq!(long.u32(), Some(u32::from_ne_bytes([1, 2, 3, 4])));
        assert_eq!(long.be64(), Some(0x0102_0304_0506_0708));
        assert_eq!(long.u64(), Some(u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8])));
        assert_eq!(long.ipv4(), Some(Ipv4Addr::new(1, 2, 3, 4)));
        assert_eq!(long.ipv6(), None);
        let empty = Attribute { kind: 1, nested: false, value: &[] };
        assert_eq!((empty.u8(), empty.u16(), empty.u32(), empty.u64()), (None, None, None, None));
        assert_eq!(empty.str(), Some(""));
    }

    #[test]
    fn text_ends_at_nul_and_must_be_utf8() {
        let text = |value| Attribute { kind: 1, nested: false, value }.str();
        assert_eq!(text(b"wlc\0\0rest"), Some("wlc"));
        assert_eq!(text(b"wlc"), Some("wlc"));
        assert_eq!(text(b"\xff\0"), None);
    }

    #[test]
    fn flag_bits_are_not_part_of_the_type() {
        let bytes = [&4_u16.to_ne_bytes()[..], &(NLA_F_NESTED | 9).to_ne_bytes()[..]].concat();
        let attribute = Attributes::new(&bytes).next().expect("one attribute");
        assert_eq!((attribute.kind, attribute.nested), (9, true));
        let bytes = [&4_u16.to_ne_bytes()[..], &(NLA_F_NET_BYTEORDER | 9).to_ne_bytes()].concat();
        let attribute = Attributes::new(&bytes).next().expect("one attribute");
        assert_eq!((attribute.kind, attribute.nested), (9, false));
    }

    #[test]
    fn an_unaligned_last_attribute_is_read() {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&5_u16.to_ne_bytes());
        bytes.extend_from_slice(&3_u16.to_ne_bytes());
        bytes.push(42);
        let mut attributes = Attributes::new(&bytes);
        assert_eq!(attributes.next().and_then(|attribute| attribute.u8()), Some(42));
        assert!(attributes.next().is_none());
        assert!(attributes.remainder().is_empty());
    }

    #[test]
    fn impossible_lengths_end_the_walk_and_stay_visible() {
        for length in [0_u16, 3, 9, u16::MAX] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0]);
            let mut attributes = Attributes::new(&bytes);
            assert!(attributes.next().is_none(), "length {length}");
            assert_eq!(attributes.remainder().len(), 8);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fn walk(attributes: Attributes<'_>, depth: u8) {
                for attribute in attributes {
                    let _ = (attribute.str(), attribute.u64(), attribute.ipv6());
                    if depth < 8 {
                        walk(attribute.attributes(), depth + 1);
                    }
                }
            }
            walk(Attributes::new(&bytes), 0);
        }

        #[test]
        fn what_is_put_is_read(values in proptest::collection::vec(
            (0_u16..0x3fff, proptest::collection::vec(any::<u8>(), 0..40)), 0..20))
        {
            let mut message = Message::new(16, 0);
            for (kind, value) in &values {
                message.put(*kind, value);
            }
            let mut attributes = Attributes::new(message.payload());
            let read: Vec<_> = attributes
                .by_ref()
                .map(|attribute| (attribute.kind, attribute.value.to_vec()))
                .collect();
            prop_assert_eq!(read, values);
            prop_assert!(attributes.remainder().is_empty());
        }
    }
}
