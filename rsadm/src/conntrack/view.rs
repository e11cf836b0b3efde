//! Flows and expectations for programs; docs/json.md says what the fields mean.

use std::net::IpAddr;

use conntrack::{
    Expectation, ExpectationFlags, Flow, Layer4, Protocol, ProtocolState, Status, Translation,
    Tuple,
};
use serde::{Serialize, Serializer};

/// A flow. What the kernel did not tell is absent.
#[derive(Serialize)]
pub(crate) struct FlowView<'a> {
    family: &'static str,
    #[serde(serialize_with = "protocol")]
    protocol: Protocol,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "state")]
    state: Option<ProtocolState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "status")]
    status: Option<Status>,
    original: DirectionView,
    reply: DirectionView,
    source_nat: Option<TranslationView>,
    destination_nat: Option<TranslationView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<u32>,
    zone: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    use_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "labels")]
    labels: Option<conntrack::Labels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    helper: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secmark: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secctx: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    master: Option<TupleView>,
}

impl<'a> From<&'a Flow<'_>> for FlowView<'a> {
    fn from(flow: &'a Flow<'_>) -> Self {
        let direction = |tuple: &Tuple, counters: Option<conntrack::Counters>| DirectionView {
            tuple: EndsView::from(tuple),
            packets: counters.map(|counters| counters.packets),
            bytes: counters.map(|counters| counters.bytes),
        };
        Self {
            family: flow.family().name(),
            protocol: flow.original.protocol,
            state: flow.state,
            timeout: flow.timeout,
            status: flow.status,
            original: direction(&flow.original, flow.counters_original),
            reply: direction(&flow.reply, flow.counters_reply),
            source_nat: flow.source_nat().map(TranslationView::from),
            destination_nat: flow.destination_nat().map(TranslationView::from),
            mark: flow.mark,
            zone: flow.zone.unwrap_or_default(),
            id: flow.id,
            use_count: flow.use_count,
            labels: flow.labels,
            helper: flow.helper.as_ref().map(|helper| &*helper.name),
            secmark: flow.security_mark,
            secctx: flow.security_context.as_deref(),
            started: flow.started,
            stopped: flow.stopped,
            master: flow.master.as_ref().map(TupleView::from),
        }
    }
}

#[derive(Serialize)]
struct DirectionView {
    #[serde(flatten)]
    tuple: EndsView,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

/// A tuple apart from a flow.
#[derive(Serialize)]
pub(super) struct TupleView {
    #[serde(serialize_with = "protocol")]
    protocol: Protocol,
    #[serde(flatten)]
    ends: EndsView,
}

impl From<&Tuple> for TupleView {
    fn from(tuple: &Tuple) -> Self {
        Self { protocol: tuple.protocol, ends: tuple.into() }
    }
}

#[derive(Serialize)]
struct EndsView {
    source: IpAddr,
    destination: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_key: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_key: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<u16>,
}

impl From<&Tuple> for EndsView {
    fn from(tuple: &Tuple) -> Self {
        let mut view = Self {
            source: tuple.source,
            destination: tuple.destination,
            source_port: None,
            destination_port: None,
            source_key: None,
            destination_key: None,
            icmp_type: None,
            icmp_code: None,
            icmp_id: None,
            zone: tuple.zone,
        };
        match tuple.layer4 {
            Layer4::None => {}
            Layer4::Ports { source, destination } => {
                view.source_port = Some(source);
                view.destination_port = Some(destination);
            }
            Layer4::Keys { source, destination } => {
                view.source_key = Some(source);
                view.destination_key = Some(destination);
            }
            Layer4::Icmp { kind, code, id } => {
                view.icmp_type = Some(kind);
                view.icmp_code = Some(code);
                view.icmp_id = Some(id);
            }
        }
        view
    }
}

#[derive(Serialize)]
struct TranslationView {
    address: IpAddr,
    port: Option<u16>,
}

impl From<Translation> for TranslationView {
    fn from(Translation { address, port }: Translation) -> Self {
        Self { address, port }
    }
}

/// An expectation.
#[derive(Serialize)]
pub(super) struct ExpectationView<'a> {
    family: &'static str,
    master: TupleView,
    tuple: TupleView,
    mask: TupleView,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u32>,
    zone: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    helper: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<u32>,
    flags: Vec<&'static str>,
}

impl<'a> From<&'a Expectation<'_>> for ExpectationView<'a> {
    fn from(expectation: &'a Expectation<'_>) -> Self {
        let flags: ExpectationFlags = expectation.flags.unwrap_or_default();
        Self {
            family: expectation.family().name(),
            master: (&expectation.master).into(),
            tuple: (&expectation.tuple).into(),
            mask: (&expectation.mask).into(),
            timeout: expectation.timeout,
            zone: expectation.zone.unwrap_or_default(),
            id: expectation.id,
            helper: expectation.helper.as_deref(),
            class: expectation.class,
            flags: flags.iter_names().map(|(name, _)| name).collect(),
        }
    }
}

/// A protocol by name, or by number where it has none.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn protocol<S: Serializer>(protocol: &Protocol, out: S) -> Result<S::Ok, S::Error> {
    match protocol.name() {
        Some(name) => out.serialize_str(name),
        None => out.serialize_u8(protocol.0),
    }
}

/// A state by name, or by number where it has none.
#[expect(clippy::ref_option, reason = "serde passes references")]
fn state<S: Serializer>(state: &Option<ProtocolState>, out: S) -> Result<S::Ok, S::Error> {
    let Some(state) = state else { return out.serialize_none() };
    match (state.name(), state) {
        (Some(name), _) => out.serialize_str(name),
        (None, ProtocolState::Tcp(tcp)) => out.serialize_u8(tcp.state.0),
        (None, ProtocolState::Sctp(sctp)) => out.serialize_u8(sctp.state.0),
        (None, ProtocolState::Dccp(dccp)) => out.serialize_u8(dccp.state.0),
        (None, _) => out.serialize_none(),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "serde passes references"
)]
fn status<S: Serializer>(status: &Option<Status>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(status.unwrap_or_default().iter_names().map(|(name, _)| name))
}

#[expect(clippy::ref_option, reason = "serde passes references")]
fn labels<S: Serializer>(labels: &Option<conntrack::Labels>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(labels.unwrap_or_default().iter())
}
