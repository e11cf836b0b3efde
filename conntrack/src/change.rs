//! Flows to be created, and what to change of those that are there.

use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};

use rsadm_netlink::Message;

use crate::uapi::*;
use crate::{
    Error, Flow, Key, Labels, ProtocolState, Refused, Request, SequenceAdjustment, Status,
    Synproxy, TcpFlags, Translation, Tuple, encode, wire,
};

/// Where the kernel is to translate an address to: it takes one of the addresses and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "CTA_NAT_SRC")]
#[doc(alias = "CTA_NAT_DST")]
pub struct NatRequest {
    /// The addresses; `None` keeps the address and changes the port alone.
    #[doc(alias = "CTA_NAT_V4_MINIP")]
    #[doc(alias = "CTA_NAT_V6_MINIP")]
    pub addresses: Option<RangeInclusive<IpAddr>>,
    /// The ports; `None` leaves them to the kernel.
    #[doc(alias = "CTA_NAT_PROTO")]
    pub ports: Option<RangeInclusive<u16>>,
}

impl NatRequest {
    /// Exactly this address.
    pub const fn address(address: IpAddr) -> Self {
        Self { addresses: Some(RangeInclusive::new(address, address)), ports: None }
    }

    /// Exactly this port, at the same address.
    pub const fn port(port: u16) -> Self {
        Self { addresses: None, ports: Some(RangeInclusive::new(port, port)) }
    }
}

impl From<SocketAddr> for NatRequest {
    /// Exactly this address and port.
    fn from(to: SocketAddr) -> Self {
        let (address, port) = (to.ip(), to.port());
        Self { addresses: Some(address..=address), ports: Some(port..=port) }
    }
}

impl From<Translation> for NatRequest {
    fn from(to: Translation) -> Self {
        let ports = to.port.map(|port| port..=port);
        Self { addresses: Some(to.address..=to.address), ports }
    }
}

/// Some bits of a mark: the mark becomes `(mark & !mask) ^ value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "CTA_MARK")]
pub struct MarkChange {
    /// What the bits become.
    pub value: u32,
    /// Which bits are replaced.
    #[doc(alias = "CTA_MARK_MASK")]
    pub mask: u32,
}

impl From<u32> for MarkChange {
    /// All bits.
    fn from(value: u32) -> Self {
        Self { value, mask: !0 }
    }
}

/// Some labels, of which each is set or cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LabelsChange {
    /// What the labels become.
    pub value: Labels,
    /// Which labels are replaced.
    #[doc(alias = "CTA_LABELS_MASK")]
    pub mask: Labels,
}

impl LabelsChange {
    /// Sets these, and leaves the others as they are.
    pub const fn set(labels: Labels) -> Self {
        Self { value: labels, mask: labels }
    }

    /// Clears these, and leaves the others as they are.
    pub const fn clear(labels: Labels) -> Self {
        Self { value: Labels::NONE, mask: labels }
    }
}

impl From<Labels> for LabelsChange {
    /// Exactly these.
    fn from(value: Labels) -> Self {
        Self { value, mask: Labels::ALL }
    }
}

/// What to change of a flow. `None` stays as it is: nothing is sent of it.
///
/// ```
/// use conntrack::FlowPatch;
/// let patch = FlowPatch { timeout: Some(60), mark: Some(7.into()), ..FlowPatch::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FlowPatch {
    /// Seconds until it expires. Refused where [`Status::FIXED_TIMEOUT`] is set.
    #[doc(alias = "CTA_TIMEOUT")]
    pub timeout: Option<u32>,
    /// Status bits. The kernel adds those of `SEEN_REPLY`, `ASSURED`, `FIXED_TIMEOUT` and `HELPER`
    /// that are set, clears none, and refuses a value that differs in the
    /// [unchangeable](Status::UNCHANGEABLE) ones; so a patch is best made of the status that the
    /// flow shows.
    #[doc(alias = "CTA_STATUS")]
    pub status: Option<Status>,
    /// State of its protocol.
    #[doc(alias = "CTA_PROTOINFO")]
    pub state: Option<ProtocolState>,
    /// Mark.
    #[doc(alias = "CTA_MARK")]
    pub mark: Option<MarkChange>,
    /// Labels. Refused in network namespaces where no rule uses labels.
    #[doc(alias = "CTA_LABELS")]
    pub labels: Option<LabelsChange>,
    /// Helper; the kernel takes an empty name, which removes it, or the name that the flow has.
    #[doc(alias = "CTA_HELP_NAME")]
    pub helper: Option<String>,
    /// Adjustment of sequence numbers in the original direction.
    #[doc(alias = "CTA_SEQ_ADJ_ORIG")]
    pub sequence_adjustment_original: Option<SequenceAdjustment>,
    /// Adjustment of sequence numbers in the reply direction.
    #[doc(alias = "CTA_SEQ_ADJ_REPLY")]
    pub sequence_adjustment_reply: Option<SequenceAdjustment>,
    /// What SYNPROXY keeps.
    #[doc(alias = "CTA_SYNPROXY")]
    pub synproxy: Option<Synproxy>,
}

/// A flow to be created.
///
/// ```
/// use conntrack::{NewFlow, TcpState, Tuple};
/// let tuple = Tuple::tcp("10.0.0.1:1000".parse()?, "10.243.21.14:80".parse()?);
/// let mut flow = NewFlow::new(tuple, 120);
/// flow.settings.state = Some(TcpState::ESTABLISHED.into());
/// flow.destination_nat = Some("10.244.3.32:8080".parse::<std::net::SocketAddr>()?.into());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NewFlow {
    /// Packets of the side that begins.
    #[doc(alias = "CTA_TUPLE_ORIG")]
    pub original: Tuple,
    /// Packets of the way back, before the kernel applies NAT.
    #[doc(alias = "CTA_TUPLE_REPLY")]
    pub reply: Tuple,
    /// Zone of both directions; zones of one direction are in the tuples, and do not go together
    /// with this one.
    #[doc(alias = "CTA_ZONE")]
    pub zone: Option<u16>,
    /// The flow that expected this one.
    #[doc(alias = "CTA_TUPLE_MASTER")]
    pub master: Option<Tuple>,
    /// Translation of the source.
    #[doc(alias = "CTA_NAT_SRC")]
    pub source_nat: Option<NatRequest>,
    /// Translation of the destination.
    #[doc(alias = "CTA_NAT_DST")]
    pub destination_nat: Option<NatRequest>,
    /// What the helper in user space keeps in the flow.
    #[doc(alias = "CTA_HELP_INFO")]
    pub helper_info: Option<Vec<u8>>,
    /// Everything else. The kernel needs a timeout, and wants a state for TCP;
    /// [`CONFIRMED`](Status::CONFIRMED) is added to a status.
    pub settings: FlowPatch,
}

/// One change of the table, for [`Client::apply`](crate::Client::apply).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Creates a flow that must not exist.
    Create(NewFlow),
    /// Creates a flow, or changes the one that exists.
    Put(NewFlow),
    /// Changes a flow that must exist.
    Update(Key, FlowPatch),
    /// Deletes a flow.
    Delete(Key),
}

/// So that changes can be applied from within larger values.
impl AsRef<Change> for Change {
    fn as_ref(&self) -> &Change {
        self
    }
}

impl Change {
    /// What the change asks of the kernel, for messages about it.
    pub fn request(&self) -> Request {
        match self {
            Self::Create(flow) => Request::CreateFlow(flow.key()),
            Self::Put(flow) => Request::PutFlow(flow.key()),
            Self::Update(key, _) => Request::UpdateFlow(*key),
            Self::Delete(key) => Request::DeleteFlow(*key),
        }
    }

    /// The message that asks for it.
    pub(crate) fn message(&self) -> Message {
        match self {
            Self::Create(flow) => create(flow, NLM_F_CREATE | NLM_F_EXCL),
            Self::Put(flow) => create(flow, NLM_F_CREATE),
            Self::Update(key, patch) => {
                let mut message = wire::message(IPCTNL_MSG_CT_NEW, 0, Some(key.tuple.family()));
                encode::put_key(&mut message, key);
                encode::put_patch(&mut message, patch);
                message
            }
            Self::Delete(key) => {
                let mut message = wire::message(IPCTNL_MSG_CT_DELETE, 0, Some(key.tuple.family()));
                encode::put_key(&mut message, key);
                message
            }
        }
    }
}

fn create(flow: &NewFlow, flags: u16) -> Message {
    let mut message = wire::message(IPCTNL_MSG_CT_NEW, flags, Some(flow.original.family()));
    encode::put_new_flow(&mut message, flow);
    message
}

/// What became of the changes given to [`Client::apply`](crate::Client::apply), by their index.
/// Every change is in exactly one of the groups.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were carried out.
    pub applied: usize,
    /// Those that the kernel refused; the ones behind them were tried all the same.
    pub refused: Vec<(usize, Refused)>,
    /// Those whose answer was lost, and of which the table does not show what became.
    pub unknown: Vec<usize>,
    /// Those that were not sent, because of [`error`](Self::error).
    pub unsent: Range<usize>,
    /// What stopped the batch before its end.
    pub error: Option<Error>,
}

impl Report {
    /// Whether every change was carried out.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty() && self.unknown.is_empty() && self.unsent.is_empty()
    }
}

impl NewFlow {
    /// A flow with this original tuple, its inversion as the reply, and seconds until it expires.
    pub fn new(original: Tuple, timeout: u32) -> Self {
        Self {
            original,
            reply: original.inverted(),
            zone: None,
            master: None,
            source_nat: None,
            destination_nat: None,
            helper_info: None,
            settings: FlowPatch { timeout: Some(timeout), ..FlowPatch::default() },
        }
    }

    /// What creates a flow like one that was read: same tuples, same zone, same NAT, and all that
    /// can be written. Counters, timestamps, id and security context cannot.
    pub fn like(flow: &Flow<'_>) -> Self {
        let mut new = Self::new(flow.original, flow.timeout.unwrap_or_default());
        new.zone = flow.zone;
        new.master = flow.master;
        let translated =
            |bit, to: Option<Translation>| to.filter(|_| flow.has(bit)).map(NatRequest::from);
        new.source_nat = translated(Status::SRC_NAT, flow.source_nat());
        new.destination_nat = translated(Status::DST_NAT, flow.destination_nat());
        // With NAT the kernel makes the reply tuple itself, out of the plain inversion.
        if new.source_nat.is_none() && new.destination_nat.is_none() {
            new.reply = flow.reply;
        }
        new.reply.zone = flow.reply.zone;
        if let Some(helper) = &flow.helper {
            new.settings.helper = Some(helper.name.clone().into_owned());
            new.helper_info = Some(helper.info.to_vec()).filter(|info| !info.is_empty());
        }
        new.settings.status = flow.status.map(|status| status - Status::UNCHANGEABLE);
        new.settings.state = flow.state.map(with_masks);
        new.settings.mark = flow.mark.map(MarkChange::from);
        new.settings.labels = flow.labels.map(LabelsChange::from);
        new.settings.sequence_adjustment_original = flow.sequence_adjustment_original;
        new.settings.sequence_adjustment_reply = flow.sequence_adjustment_reply;
        new.settings.synproxy = flow.synproxy;
        new
    }

    /// What names the flow once it is created.
    pub fn key(&self) -> Key {
        let key = Key::original(self.original);
        self.zone.map_or(key, |zone| key.in_zone(zone))
    }
}

/// What the kernel shows of TCP's flags has no mask, and would change nothing.
fn with_masks(state: ProtocolState) -> ProtocolState {
    let ProtocolState::Tcp(mut tcp) = state else { return state };
    for flags in [&mut tcp.flags_original, &mut tcp.flags_reply].into_iter().flatten() {
        flags.mask = TcpFlags::all();
    }
    ProtocolState::Tcp(tcp)
}
