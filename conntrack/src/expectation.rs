//! Flows that a helper expects.

use std::borrow::Cow;

use rsadm_netlink::{Attribute, Attributes};

use crate::rest::Rest;
use crate::{Direction, Family, Result, Tuple, wire};

bitflags::bitflags! {
    /// Flags of an expectation (`NF_CT_EXPECT_*`). Bits that this crate does not know are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[doc(alias = "CTA_EXPECT_FLAGS")]
    pub struct ExpectationFlags: u32 {
        /// It stays when a flow has fulfilled it.
        #[doc(alias = "NF_CT_EXPECT_PERMANENT")]
        const PERMANENT = 1;
        /// It does not match yet.
        #[doc(alias = "NF_CT_EXPECT_INACTIVE")]
        const INACTIVE = 2;
        /// User space made it.
        #[doc(alias = "NF_CT_EXPECT_USERSPACE")]
        const USERSPACE = 4;

        const _ = !0;
    }
}

/// An expectation: a flow that matches its tuple under its mask will be related to its master.
///
/// The same value is what the kernel shows and what it is asked to create.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nf_conntrack_expect")]
pub struct Expectation<'a> {
    /// The flow whose helper expects, by its original tuple.
    #[doc(alias = "CTA_EXPECT_MASTER")]
    pub master: Tuple,
    /// The expected flow's original tuple.
    #[doc(alias = "CTA_EXPECT_TUPLE")]
    pub tuple: Tuple,
    /// Which bits of source address and source port are compared. Of the destination the kernel
    /// always compares all.
    #[doc(alias = "CTA_EXPECT_MASK")]
    pub mask: Tuple,
    /// Seconds until it expires. Where it is created, the kernel prefers those of the helper's
    /// policy, if it has the helper.
    #[doc(alias = "CTA_EXPECT_TIMEOUT")]
    pub timeout: Option<u32>,
    /// What tells it from every other expectation.
    #[doc(alias = "CTA_EXPECT_ID")]
    pub id: Option<u32>,
    /// Name of the helper that the expected flow gets.
    #[doc(alias = "CTA_EXPECT_HELP_NAME")]
    pub helper: Option<Cow<'a, str>>,
    /// Zone, if it is not 0.
    #[doc(alias = "CTA_EXPECT_ZONE")]
    pub zone: Option<u16>,
    /// Flags.
    #[doc(alias = "CTA_EXPECT_FLAGS")]
    pub flags: Option<ExpectationFlags>,
    /// Which of the helper's policies it is counted under.
    #[doc(alias = "CTA_EXPECT_CLASS")]
    pub class: Option<u32>,
    /// How the expected flow is translated.
    #[doc(alias = "CTA_EXPECT_NAT")]
    pub nat: Option<ExpectationNat>,
    /// What the kernel calls when the flow arrives, such as `nat-follow-master`.
    #[doc(alias = "CTA_EXPECT_FN")]
    pub function: Option<Cow<'a, str>>,
    /// The attributes as they were received.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) rest: Rest<'a>,
}

/// How an expected flow is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExpectationNat {
    /// The direction of the master that the expected flow goes in.
    #[doc(alias = "CTA_EXPECT_NAT_DIR")]
    pub direction: Direction,
    /// Source address and port before translation.
    #[doc(alias = "CTA_EXPECT_NAT_TUPLE")]
    pub tuple: Tuple,
}

impl<'a> Expectation<'a> {
    /// An expectation of which nothing but its tuples is known.
    pub const fn new(master: Tuple, tuple: Tuple, mask: Tuple) -> Self {
        Self {
            master,
            tuple,
            mask,
            timeout: None,
            id: None,
            helper: None,
            zone: None,
            flags: None,
            class: None,
            nat: None,
            function: None,
            rest: Rest::NONE,
        }
    }

    /// Decodes the payload of a message about an expectation: what is behind the netlink header.
    pub fn decode(payload: &'a [u8]) -> Result<Self> {
        wire::expectation(payload)
    }

    /// The attributes as they were received. [`into_owned`](Self::into_owned) keeps only those that
    /// this crate does not know.
    pub fn attributes(&self) -> Attributes<'_> {
        self.rest.attributes()
    }

    /// The attributes that this crate does not know.
    pub fn unknown_attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.rest.unknown()
    }

    /// The same apart from the receive buffer.
    pub fn into_owned(self) -> Expectation<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Expectation {
            master: self.master,
            tuple: self.tuple,
            mask: self.mask,
            timeout: self.timeout,
            id: self.id,
            helper: self.helper.map(owned),
            zone: self.zone,
            flags: self.flags,
            class: self.class,
            nat: self.nat,
            function: self.function.map(owned),
            rest: self.rest.into_owned(),
        }
    }

    /// Layer 3 protocol.
    pub const fn family(&self) -> Family {
        self.tuple.family()
    }
}

/// Which expectation: its tuple, its zone, and if it must be the very same one its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExpectationKey {
    /// The expected flow's original tuple.
    #[doc(alias = "CTA_EXPECT_TUPLE")]
    pub tuple: Tuple,
    /// Zone; 0 is none.
    #[doc(alias = "CTA_EXPECT_ZONE")]
    pub zone: u16,
    /// Id.
    #[doc(alias = "CTA_EXPECT_ID")]
    pub id: Option<u32>,
}

impl From<Tuple> for ExpectationKey {
    fn from(tuple: Tuple) -> Self {
        Self { tuple, zone: 0, id: None }
    }
}

impl Expectation<'_> {
    /// What names exactly this expectation in a request.
    pub fn key(&self) -> ExpectationKey {
        ExpectationKey { tuple: self.tuple, zone: self.zone.unwrap_or_default(), id: self.id }
    }
}
