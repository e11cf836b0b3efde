//! A tracked flow.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use rsadm_netlink::{Attribute, Attributes};

use crate::rest::Rest;
use crate::{Direction, Family, Key, Labels, Layer4, ProtocolState, Result, Status, Tuple, wire};

/// A flow as the kernel shows it, decoded once out of the receive buffer, without allocation.
///
/// `None` is what the kernel left out: what is switched off (counters, timestamps), what the flow
/// does not have, and in events most of what did not change. [`into_owned`](Self::into_owned)
/// detaches it from the buffer.
///
/// ```
/// use conntrack::{Flow, Status, Tuple};
/// let original = Tuple::udp("10.0.0.1:1000".parse()?, "10.0.0.2:53".parse()?);
/// let mut flow = Flow::new(original, original.inverted());
/// flow.status = Some(Status::CONFIRMED);
/// assert!(!flow.is_seen_reply());
/// assert_eq!(flow.destination_nat(), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nf_conn")]
pub struct Flow<'a> {
    /// Packets of the side that began.
    #[doc(alias = "CTA_TUPLE_ORIG")]
    pub original: Tuple,
    /// Packets of the way back, as they arrive: NAT shows in it.
    #[doc(alias = "CTA_TUPLE_REPLY")]
    pub reply: Tuple,
    /// Status bits.
    #[doc(alias = "CTA_STATUS")]
    pub status: Option<Status>,
    /// State of its protocol.
    #[doc(alias = "CTA_PROTOINFO")]
    pub state: Option<ProtocolState>,
    /// Seconds until it expires. A flow that a flow table forwards has none.
    #[doc(alias = "CTA_TIMEOUT")]
    pub timeout: Option<u32>,
    /// Mark.
    #[doc(alias = "CTA_MARK")]
    pub mark: Option<u32>,
    /// Zone of both directions, if it is not 0; zones of one direction are in the tuples.
    #[doc(alias = "CTA_ZONE")]
    pub zone: Option<u16>,
    /// What was counted in the original direction, under `nf_conntrack_acct`.
    #[doc(alias = "CTA_COUNTERS_ORIG")]
    pub counters_original: Option<Counters>,
    /// What was counted in the reply direction, under `nf_conntrack_acct`.
    #[doc(alias = "CTA_COUNTERS_REPLY")]
    pub counters_reply: Option<Counters>,
    /// What tells it from every other flow, also from later ones with its tuples.
    #[doc(alias = "CTA_ID")]
    pub id: Option<u32>,
    /// References that the kernel holds, the one of this request among them. Not in events.
    #[doc(alias = "CTA_USE")]
    pub use_count: Option<u32>,
    /// Labels, where rules use some. Linux 3.9.
    #[doc(alias = "CTA_LABELS")]
    pub labels: Option<Labels>,
    /// Helper.
    #[doc(alias = "CTA_HELP")]
    pub helper: Option<Helper<'a>>,
    /// Number of its security context, from kernels before 2.6.39.
    #[doc(alias = "CTA_SECMARK")]
    pub security_mark: Option<u32>,
    /// Security context.
    #[doc(alias = "CTA_SECCTX")]
    pub security_context: Option<Cow<'a, str>>,
    /// When it began, in nanoseconds since 1970, under `nf_conntrack_timestamp`.
    #[doc(alias = "CTA_TIMESTAMP_START")]
    pub started: Option<u64>,
    /// When it ended.
    #[doc(alias = "CTA_TIMESTAMP_STOP")]
    pub stopped: Option<u64>,
    /// When what an event tells of happened. Linux 6.14.
    #[doc(alias = "CTA_TIMESTAMP_EVENT")]
    pub happened: Option<u64>,
    /// The flow that expected this one, by its original tuple.
    #[doc(alias = "CTA_TUPLE_MASTER")]
    pub master: Option<Tuple>,
    /// Adjustment of sequence numbers in the original direction.
    #[doc(alias = "CTA_SEQ_ADJ_ORIG")]
    pub sequence_adjustment_original: Option<SequenceAdjustment>,
    /// Adjustment of sequence numbers in the reply direction.
    #[doc(alias = "CTA_SEQ_ADJ_REPLY")]
    pub sequence_adjustment_reply: Option<SequenceAdjustment>,
    /// What SYNPROXY keeps. Linux 4.17.
    #[doc(alias = "CTA_SYNPROXY")]
    pub synproxy: Option<Synproxy>,
    /// The attributes as they were received.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) rest: Rest<'a>,
}

/// Packets and bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counters {
    /// Packets.
    #[doc(alias = "CTA_COUNTERS_PACKETS")]
    pub packets: u64,
    /// Bytes, from the layer 3 header on.
    #[doc(alias = "CTA_COUNTERS_BYTES")]
    pub bytes: u64,
}

/// Helper of a flow: what reads its payload to expect further flows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Helper<'a> {
    /// Name, such as `ftp`.
    #[doc(alias = "CTA_HELP_NAME")]
    pub name: Cow<'a, str>,
    /// What a helper in user space keeps in the flow; empty for those of the kernel.
    #[doc(alias = "CTA_HELP_INFO")]
    pub info: Cow<'a, [u8]>,
}

impl<'a> Helper<'a> {
    /// A helper of this name.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), info: Cow::Borrowed(&[]) }
    }

    /// The same apart from the receive buffer.
    pub fn into_owned(self) -> Helper<'static> {
        Helper {
            name: Cow::Owned(self.name.into_owned()),
            info: Cow::Owned(self.info.into_owned()),
        }
    }
}

/// How sequence numbers of one direction of TCP are adjusted, because a helper changed the payload's
/// length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nf_ct_seqadj")]
pub struct SequenceAdjustment {
    /// Sequence number at which the last change was made.
    #[doc(alias = "CTA_SEQADJ_CORRECTION_POS")]
    pub position: u32,
    /// What is added before it, modulo 2^32.
    #[doc(alias = "CTA_SEQADJ_OFFSET_BEFORE")]
    pub before: u32,
    /// What is added from it on, modulo 2^32.
    #[doc(alias = "CTA_SEQADJ_OFFSET_AFTER")]
    pub after: u32,
}

/// What SYNPROXY keeps of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nf_conn_synproxy")]
pub struct Synproxy {
    /// Initial sequence number.
    #[doc(alias = "CTA_SYNPROXY_ISN")]
    pub initial_sequence: u32,
    /// Initial timestamp.
    #[doc(alias = "CTA_SYNPROXY_ITS")]
    pub initial_timestamp: u32,
    /// Offset of timestamps.
    #[doc(alias = "CTA_SYNPROXY_TSOFF")]
    pub timestamp_offset: u32,
}

/// The end that a packet is translated to: an address, and a port if the protocol has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Translation {
    /// The address in place of the one that the sender used.
    pub address: IpAddr,
    /// The port in place of the one that the sender used.
    pub port: Option<u16>,
}

impl Translation {
    /// Address and port, if the protocol has ports.
    pub fn socket_address(self) -> Option<SocketAddr> {
        self.port.map(|port| SocketAddr::new(self.address, port))
    }
}

impl<'a> Flow<'a> {
    /// A flow of which nothing but its tuples is known.
    pub const fn new(original: Tuple, reply: Tuple) -> Self {
        Self {
            original,
            reply,
            status: None,
            state: None,
            timeout: None,
            mark: None,
            zone: None,
            counters_original: None,
            counters_reply: None,
            id: None,
            use_count: None,
            labels: None,
            helper: None,
            security_mark: None,
            security_context: None,
            started: None,
            stopped: None,
            happened: None,
            master: None,
            sequence_adjustment_original: None,
            sequence_adjustment_reply: None,
            synproxy: None,
            rest: Rest::NONE,
        }
    }

    /// Decodes the payload of a message about a flow: what is behind the netlink header.
    ///
    /// What is missing, too short or unknown is passed over; a longer attribute is read by the part
    /// that is known. Only a flow whose tuples cannot be read is an error,
    /// [`Malformed`](crate::Error::Malformed).
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self> {
        wire::flow(payload)
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
    pub fn into_owned(self) -> Flow<'static> {
        Flow {
            original: self.original,
            reply: self.reply,
            status: self.status,
            state: self.state,
            timeout: self.timeout,
            mark: self.mark,
            zone: self.zone,
            counters_original: self.counters_original,
            counters_reply: self.counters_reply,
            id: self.id,
            use_count: self.use_count,
            labels: self.labels,
            helper: self.helper.map(Helper::into_owned),
            security_mark: self.security_mark,
            security_context: self.security_context.map(|text| Cow::Owned(text.into_owned())),
            started: self.started,
            stopped: self.stopped,
            happened: self.happened,
            master: self.master,
            sequence_adjustment_original: self.sequence_adjustment_original,
            sequence_adjustment_reply: self.sequence_adjustment_reply,
            synproxy: self.synproxy,
            rest: self.rest.into_owned(),
        }
    }

    /// Layer 3 protocol.
    #[inline]
    pub const fn family(&self) -> Family {
        self.original.family()
    }

    /// The tuple of a direction.
    #[inline]
    pub const fn tuple(&self, direction: Direction) -> &Tuple {
        match direction {
            Direction::Original => &self.original,
            Direction::Reply => &self.reply,
        }
    }

    /// Zone of a direction; 0 if it has none.
    #[inline]
    pub fn zone_of(&self, direction: Direction) -> u16 {
        self.zone.or(self.tuple(direction).zone).unwrap_or_default()
    }

    /// What names exactly this flow in a request: original tuple, zone and id.
    pub fn key(&self) -> Key {
        Key {
            direction: Direction::Original,
            tuple: self.original,
            zone: self.zone_of(Direction::Original),
            id: self.id,
        }
    }

    /// Whether all of these bits are set.
    #[inline]
    pub fn has(&self, status: Status) -> bool {
        self.status.is_some_and(|present| present.contains(status))
    }

    /// Whether packets were seen in both directions.
    pub fn is_seen_reply(&self) -> bool {
        self.has(Status::SEEN_REPLY)
    }

    /// Where the destination was translated to, as the reply tuple shows: the real end that
    /// answers, if it is not the one that was addressed.
    pub fn destination_nat(&self) -> Option<Translation> {
        let (sent, real) = (&self.original, &self.reply);
        let (asked, port) = (sent.destination_port(), real.source_port());
        let same = sent.destination == real.source && asked == port;
        (!same).then_some(Translation { address: real.source, port })
    }

    /// What the source was translated to, as the reply tuple shows: where answers are sent, if it is
    /// not where the first packet came from.
    pub fn source_nat(&self) -> Option<Translation> {
        let (sent, real) = (&self.original, &self.reply);
        let (from, port) = (sent.source_port(), real.destination_port());
        let same = sent.source == real.destination && from == port;
        (!same).then_some(Translation { address: real.destination, port })
    }

    /// Packets of both directions, if they are counted.
    pub fn packets(&self) -> Option<u64> {
        let reply = self.counters_reply.unwrap_or_default();
        self.counters_original.map(|counters| counters.packets.saturating_add(reply.packets))
    }

    /// Bytes of both directions, if they are counted.
    pub fn bytes(&self) -> Option<u64> {
        let reply = self.counters_reply.unwrap_or_default();
        self.counters_original.map(|counters| counters.bytes.saturating_add(reply.bytes))
    }

    /// The identifier of ICMP, if the flow has one.
    pub const fn icmp_id(&self) -> Option<u16> {
        match self.original.layer4 {
            Layer4::Icmp { id, .. } => Some(id),
            _ => None,
        }
    }
}
