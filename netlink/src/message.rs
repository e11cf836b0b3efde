//! A message under construction: header, payload, attributes, in one pass.

use zerocopy::IntoBytes;

use crate::attribute::{ATTRIBUTE_HEADER, Attributes};
use crate::header::{GenericHeader, Header, align, seal};
use crate::uapi::NLA_F_NESTED;

/// A netlink message that is appended to and then sent.
///
/// A value that does not fit into the 16-bit length of an attribute makes the whole message
/// [too long](crate::Error::TooLong) to send; nothing is cut silently.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Vec<u8>,
    attributes_at: usize,
    too_long: bool,
}

impl Message {
    /// A message of type `kind` with `NLM_F_*` flags and no payload.
    pub fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = Vec::with_capacity(256);
        let header = Header { kind, flags, ..Header::default() };
        bytes.extend_from_slice(header.as_bytes());
        Self { bytes, attributes_at: Header::LENGTH, too_long: false }
    }

    /// A generic netlink message: `kind` is the family's number.
    pub fn generic(kind: u16, flags: u16, command: u8, version: u8) -> Self {
        let mut message = Self::new(kind, flags);
        message.header(GenericHeader { command, version, reserved: 0 }.as_bytes());
        message
    }

    /// Appends the family's own header; comes before the first attribute.
    pub fn header(&mut self, bytes: &[u8]) -> &mut Self {
        self.push(bytes);
        self.attributes_at = self.bytes.len();
        self
    }

    /// Appends bytes, padded.
    fn push(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(align(self.bytes.len()), 0);
        self
    }

    /// Appends an attribute.
    pub fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.open(kind, value.len());
        self.push(value)
    }

    /// Appends an attribute header for `length` bytes of value.
    fn open(&mut self, kind: u16, length: usize) {
        let length = u16::try_from(ATTRIBUTE_HEADER + length).unwrap_or_else(|_| {
            self.too_long = true;
            0
        });
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
    }

    /// Appends attributes that are encoded already.
    pub fn encoded(&mut self, attributes: &[u8]) -> &mut Self {
        self.push(attributes)
    }

    /// Appends an attribute of `length` bytes in a padded word: most are that small, and one step
    /// is several times faster than four.
    #[inline]
    fn put_word(&mut self, kind: u16, length: u8, word: [u8; 4]) -> &mut Self {
        let [size, kind] =
            [ATTRIBUTE_HEADER as u16 + u16::from(length), kind].map(u16::to_ne_bytes);
        let attribute = [size[0], size[1], kind[0], kind[1], word[0], word[1], word[2], word[3]];
        self.bytes.extend_from_slice(&attribute);
        self
    }

    /// Appends one byte.
    pub fn put_u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.put_word(kind, 1, [value, 0, 0, 0])
    }

    /// Appends two bytes in host order.
    pub fn put_u16(&mut self, kind: u16, value: u16) -> &mut Self {
        let [first, second] = value.to_ne_bytes();
        self.put_word(kind, 2, [first, second, 0, 0])
    }

    /// Appends two bytes in network order.
    pub fn put_be16(&mut self, kind: u16, value: u16) -> &mut Self {
        self.put_u16(kind, value.to_be())
    }

    /// Appends four bytes in host order.
    pub fn put_u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put_word(kind, 4, value.to_ne_bytes())
    }

    /// Appends four bytes in network order.
    pub fn put_be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put_u32(kind, value.to_be())
    }

    /// Appends eight bytes in host order.
    pub fn put_u64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Appends a text with its terminating NUL.
    pub fn put_str(&mut self, kind: u16, value: &str) -> &mut Self {
        self.open(kind, value.len() + 1);
        self.bytes.extend_from_slice(value.as_bytes());
        self.push(&[0])
    }

    /// Appends an attribute that holds what `fill` appends.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.open(kind | NLA_F_NESTED, 0);
        fill(self);
        match u16::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.too_long = true,
        }
        self
    }

    /// What is behind the netlink header.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[Header::LENGTH..]
    }

    /// The attributes.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes::new(&self.bytes[self.attributes_at..])
    }

    /// Offset of the first attribute in the whole message.
    pub(crate) fn attributes_at(&self) -> usize {
        self.attributes_at
    }

    /// The whole message.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a value did not fit.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// The whole message, numbered and with further flags.
    pub(crate) fn seal(&mut self, sequence: u32, flags: u16) -> &[u8] {
        seal(&mut self.bytes, sequence, flags);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_kernel_headers() {
        let mut message = Message::generic(0x1f, 1, 4, 1);
        message.nest(1, |service| {
            service.put_u16(1, 2).put_be16(4, 80).put_str(6, "rr");
        });
        let bytes = message.seal(9, 0x104).to_vec();
        let mut expected = Vec::new();
        expected.extend_from_slice(&(16_u32 + 4 + 4 + 8 + 8 + 8).to_ne_bytes());
        expected.extend_from_slice(&0x1f_u16.to_ne_bytes());
        expected.extend_from_slice(&0x105_u16.to_ne_bytes());
        expected.extend_from_slice(&9_u32.to_ne_bytes());
        expected.extend_from_slice(&0_u32.to_ne_bytes());
        expected.extend_from_slice(&[4, 1, 0, 0]);
        expected.extend_from_slice(&28_u16.to_ne_bytes());
        expected.extend_from_slice(&0x8001_u16.to_ne_bytes());
        for (length, kind) in [(6_u16, 1_u16), (6, 4), (7, 6)] {
            expected.extend_from_slice(&length.to_ne_bytes());
            expected.extend_from_slice(&kind.to_ne_bytes());
            match kind {
                1 => expected.extend_from_slice(&[2_u16.to_ne_bytes(), [0, 0]].concat()),
                4 => expected.extend_from_slice(&[0, 80, 0, 0]),
                _ => expected.extend_from_slice(b"rr\0\0"),
            }
        }
        assert_eq!(bytes, expected);
    }

    #[test]
    fn an_attribute_that_does_not_fit_is_remembered() {
        let mut message = Message::new(16, 0);
        message.put(1, &vec![0; 65531]);
        assert!(!message.is_too_long());
        message.put(1, &vec![0; 65532]);
        assert!(message.is_too_long());
        let mut nested = Message::new(16, 0);
        nested.nest(1, |inner| {
            inner.put(1, &vec![0; 40000]).put(2, &vec![0; 40000]);
        });
        assert!(nested.is_too_long());
    }

    #[test]
    fn encoded_attributes_are_taken_as_they_are() {
        let mut other = Message::new(16, 0);
        other.put_u8(3, 1).put_str(4, "rr");
        let mut message = Message::new(16, 0);
        message.header(&[0; 4]).encoded(other.payload());
        assert_eq!(message.attributes().remainder(), other.payload());
    }

    #[test]
    fn attributes_start_behind_the_family_header() {
        let mut message = Message::generic(16, 0, 1, 1);
        message.put_u8(3, 1);
        let kinds: Vec<_> = message.attributes().map(|attribute| attribute.kind).collect();
        assert_eq!(kinds, [3]);
        assert_eq!(message.payload().len(), 12);
    }
}
