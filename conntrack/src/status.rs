//! Status bits of a flow.

bitflags::bitflags! {
    /// Status of a flow (`IPS_*`), under the kernel's names. Bits that this crate does not know are
    /// kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[doc(alias = "ip_conntrack_status")]
    #[doc(alias = "CTA_STATUS")]
    pub struct Status: u32 {
        /// Some flow expected this one.
        #[doc(alias = "IPS_EXPECTED")]
        const EXPECTED = 1;
        /// Packets were seen in both directions.
        #[doc(alias = "IPS_SEEN_REPLY")]
        const SEEN_REPLY = 1 << 1;
        /// The flow is not dropped early when the table is full.
        #[doc(alias = "IPS_ASSURED")]
        const ASSURED = 1 << 2;
        /// The first packet has left: the flow is in the table.
        #[doc(alias = "IPS_CONFIRMED")]
        const CONFIRMED = 1 << 3;
        /// Its source is to be translated.
        #[doc(alias = "IPS_SRC_NAT")]
        const SRC_NAT = 1 << 4;
        /// Its destination is to be translated.
        #[doc(alias = "IPS_DST_NAT")]
        const DST_NAT = 1 << 5;
        /// Sequence numbers of TCP are adjusted.
        #[doc(alias = "IPS_SEQ_ADJUST")]
        const SEQ_ADJUST = 1 << 6;
        /// Translation of the source is set up.
        #[doc(alias = "IPS_SRC_NAT_DONE")]
        const SRC_NAT_DONE = 1 << 7;
        /// Translation of the destination is set up.
        #[doc(alias = "IPS_DST_NAT_DONE")]
        const DST_NAT_DONE = 1 << 8;
        /// It is being removed.
        #[doc(alias = "IPS_DYING")]
        const DYING = 1 << 9;
        /// Packets do not prolong its timeout, and nobody may change it.
        #[doc(alias = "IPS_FIXED_TIMEOUT")]
        const FIXED_TIMEOUT = 1 << 10;
        /// It is a template for flows.
        #[doc(alias = "IPS_TEMPLATE")]
        const TEMPLATE = 1 << 11;
        /// It clashed with another flow over NAT; before Linux 5.12 a flow that is not tracked.
        #[doc(alias = "IPS_NAT_CLASH")]
        #[doc(alias = "IPS_UNTRACKED")]
        const NAT_CLASH = 1 << 12;
        /// A rule gave it its helper.
        #[doc(alias = "IPS_HELPER")]
        const HELPER = 1 << 13;
        /// A flow table forwards it; connection tracking does not see its packets. Linux 4.16.
        #[doc(alias = "IPS_OFFLOAD")]
        const OFFLOAD = 1 << 14;
        /// Hardware forwards it. Linux 5.7.
        #[doc(alias = "IPS_HW_OFFLOAD")]
        const HW_OFFLOAD = 1 << 15;

        const _ = !0;
    }
}

impl Status {
    /// The bits that the kernel refuses to change from outside.
    #[doc(alias = "IPS_UNCHANGEABLE_MASK")]
    pub const UNCHANGEABLE: Self = Self::SRC_NAT_DONE
        .union(Self::DST_NAT_DONE)
        .union(Self::SRC_NAT)
        .union(Self::DST_NAT)
        .union(Self::EXPECTED)
        .union(Self::CONFIRMED)
        .union(Self::DYING)
        .union(Self::SEQ_ADJUST)
        .union(Self::TEMPLATE)
        .union(Self::NAT_CLASH)
        .union(Self::OFFLOAD)
        .union(Self::HW_OFFLOAD);
}
