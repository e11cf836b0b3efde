//! Attributes as they were received, for what this crate does not decode.

use std::borrow::Cow;

use rsadm_netlink::{Attribute, Attributes, Message};

use crate::uapi::NLA_F_NESTED;

/// The attributes of a message. Borrowed, these are all; owned, those that this crate does not
/// know, which are those behind the last one that it knows.
#[derive(Clone, Debug)]
pub(crate) struct Rest<'a> {
    bytes: Cow<'a, [u8]>,
    last_known: u16,
}

impl<'a> Rest<'a> {
    pub(crate) const NONE: Self = Self { bytes: Cow::Borrowed(&[]), last_known: u16::MAX };

    #[inline]
    pub(crate) const fn new(attributes: &'a [u8], last_known: u16) -> Self {
        Self { bytes: Cow::Borrowed(attributes), last_known }
    }

    pub(crate) fn attributes(&self) -> Attributes<'_> {
        Attributes::new(&self.bytes)
    }

    pub(crate) fn unknown(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.attributes().filter(|attribute| attribute.kind > self.last_known)
    }

    pub(crate) fn into_owned(self) -> Rest<'static> {
        let last_known = self.last_known;
        if let Cow::Owned(bytes) = self.bytes {
            return Rest { bytes: Cow::Owned(bytes), last_known };
        }
        let mut unknown = self.unknown().peekable();
        if unknown.peek().is_none() {
            return Rest::NONE;
        }
        let mut message = Message::new(0, 0);
        for attribute in unknown {
            let nested = if attribute.nested { NLA_F_NESTED } else { 0 };
            message.put(attribute.kind | nested, attribute.value);
        }
        Rest { bytes: Cow::Owned(message.payload().to_vec()), last_known }
    }
}

impl Default for Rest<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

/// Two are the same if they have the same unknown attributes: what is known is compared decoded.
impl PartialEq for Rest<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.unknown().eq(other.unknown())
    }
}

impl Eq for Rest<'_> {}
