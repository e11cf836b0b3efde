//! Bytes of real kernels, and what goes out comes back.

use std::net::Ipv6Addr;
use std::ops::Range;

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::encode::{
    put_expectation, put_new_flow, put_sequence_adjustment, put_state, put_synproxy, put_tuple,
};
use crate::{FlowPatch, NewFlow};

fn any_address() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let v4 =
        any::<(u32, u32)>().prop_map(|(from, to)| (IpAddr::V4(from.into()), IpAddr::V4(to.into())));
    let v6 = any::<(u128, u128)>()
        .prop_map(|(from, to)| (IpAddr::V6(from.into()), IpAddr::V6(to.into())));
    prop_oneof![v4, v6]
}

fn any_layer4() -> impl Strategy<Value = (Protocol, Layer4)> {
    const WITH_PORTS: [Protocol; 5] =
        [Protocol::TCP, Protocol::UDP, Protocol::UDPLITE, Protocol::SCTP, Protocol::DCCP];
    prop_oneof![
        (prop::sample::select(&WITH_PORTS[..]), any::<(u16, u16)>()).prop_map(
            |(protocol, (source, destination))| (protocol, Layer4::Ports { source, destination })
        ),
        any::<(u16, u16)>().prop_map(|(source, destination)| {
            (Protocol::GRE, Layer4::Keys { source, destination })
        }),
        (prop::sample::select(&[Protocol::ICMP, Protocol::ICMPV6][..]), any::<(u8, u8, u16)>())
            .prop_map(|(protocol, (kind, code, id))| (protocol, Layer4::Icmp { kind, code, id })),
        any::<u8>().prop_map(|number| (Protocol(number), Layer4::None)),
    ]
}

prop_compose! {
    pub(crate) fn any_tuple()(
        (source, destination) in any_address(),
        (protocol, layer4) in any_layer4(),
        zone in any::<Option<u16>>(),
    ) -> Tuple {
        Tuple { source, destination, protocol, layer4, zone }
    }
}

fn any_masked() -> impl Strategy<Value = Option<MaskedTcpFlags>> {
    option::of(any::<(u8, u8)>().prop_map(|(flags, mask)| MaskedTcpFlags {
        flags: TcpFlags::from_bits_retain(flags),
        mask: TcpFlags::from_bits_retain(mask),
    }))
}

pub(crate) fn any_state() -> impl Strategy<Value = ProtocolState> {
    let scales = any::<(u8, Option<u8>, Option<u8>)>();
    prop_oneof![
        (scales, any_masked(), any_masked()).prop_map(
            |((state, original, reply), flags_original, flags_reply)| {
                ProtocolState::Tcp(Tcp {
                    state: TcpState(state),
                    window_scale_original: original,
                    window_scale_reply: reply,
                    flags_original,
                    flags_reply,
                })
            }
        ),
        any::<(u8, Option<u32>, Option<u32>)>().prop_map(|(state, original, reply)| {
            ProtocolState::Sctp(Sctp {
                state: SctpState(state),
                verification_tag_original: original,
                verification_tag_reply: reply,
            })
        }),
        any::<(u8, Option<u8>, Option<u64>)>().prop_map(|(state, role, sequence)| {
            ProtocolState::Dccp(Dccp {
                state: DccpState(state),
                role: role.map(DccpRole),
                handshake_sequence: sequence,
            })
        }),
    ]
}

fn any_counters() -> impl Strategy<Value = Option<Counters>> {
    option::of(any::<(u64, u64)>().prop_map(|(packets, bytes)| Counters { packets, bytes }))
}

fn any_adjustment() -> impl Strategy<Value = Option<SequenceAdjustment>> {
    option::of(any::<(u32, u32, u32)>().prop_map(|(position, before, after)| SequenceAdjustment {
        position,
        before,
        after,
    }))
}

fn any_synproxy() -> impl Strategy<Value = Option<Synproxy>> {
    option::of(any::<(u32, u32, u32)>().prop_map(|(isn, its, offset)| Synproxy {
        initial_sequence: isn,
        initial_timestamp: its,
        timestamp_offset: offset,
    }))
}

fn any_text() -> impl Strategy<Value = Cow<'static, str>> {
    "[a-zA-Z:._-]{1,20}".prop_map(Cow::Owned)
}

prop_compose! {
    fn any_helper()(
        name in any_text(),
        info in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Helper<'static> {
        Helper { name, info: Cow::Owned(info) }
    }
}

prop_compose! {
    fn any_flow()(
        (original, reply, master) in (any_tuple(), any_tuple(), option::of(any_tuple())),
        (status, timeout, mark, zone) in any::<(Option<u32>, Option<u32>, Option<u32>, Option<u16>)>(),
        (id, use_count, labels) in any::<(Option<u32>, Option<u32>, Option<u128>)>(),
        (security_mark, started, stopped) in any::<(Option<u32>, Option<u64>, Option<u64>)>(),
        happened in any::<Option<u64>>(),
        state in option::of(any_state()),
        (counters_original, counters_reply) in (any_counters(), any_counters()),
        (helper, security_context) in (option::of(any_helper()), option::of(any_text())),
        (adjustment_original, adjustment_reply) in (any_adjustment(), any_adjustment()),
        synproxy in any_synproxy(),
    ) -> Flow<'static> {
        Flow {
            status: status.map(Status::from_bits_retain),
            state,
            timeout,
            mark,
            zone,
            counters_original,
            counters_reply,
            id,
            use_count,
            labels: labels.map(Labels),
            helper,
            security_mark,
            security_context,
            started,
            stopped,
            happened,
            master,
            sequence_adjustment_original: adjustment_original,
            sequence_adjustment_reply: adjustment_reply,
            synproxy,
            ..Flow::new(original, reply)
        }
    }
}

/// A message as the kernel makes one of a flow, in its order.
fn message_of(flow: &Flow<'_>) -> Message {
    let mut message = message(IPCTNL_MSG_CT_NEW, 0, Some(flow.family()));
    put_tuple(&mut message, CTA_TUPLE_ORIG, &flow.original);
    put_tuple(&mut message, CTA_TUPLE_REPLY, &flow.reply);
    if let Some(zone) = flow.zone {
        message.put_be16(CTA_ZONE, zone);
    }
    for (kind, value) in [
        (CTA_STATUS, flow.status.map(|status| status.bits())),
        (CTA_MARK, flow.mark),
        (CTA_SECMARK, flow.security_mark),
        (CTA_USE, flow.use_count),
        (CTA_ID, flow.id),
        (CTA_TIMEOUT, flow.timeout),
    ] {
        if let Some(value) = value {
            message.put_be32(kind, value);
        }
    }
    if let Some(context) = &flow.security_context {
        message.nest(CTA_SECCTX, |message| {
            message.put_str(CTA_SECCTX_NAME, context);
        });
    }
    if let Some(master) = &flow.master {
        put_tuple(&mut message, CTA_TUPLE_MASTER, master);
    }
    if let Some(state) = &flow.state {
        put_state(&mut message, state);
    }
    let counters =
        [(CTA_COUNTERS_ORIG, flow.counters_original), (CTA_COUNTERS_REPLY, flow.counters_reply)];
    for (kind, counters) in counters {
        let Some(Counters { packets, bytes }) = counters else { continue };
        message.nest(kind, |message| {
            message.put(CTA_COUNTERS_PACKETS, &packets.to_be_bytes());
            message.put(CTA_COUNTERS_BYTES, &bytes.to_be_bytes());
        });
    }
    if flow.started.is_some() || flow.stopped.is_some() {
        message.nest(CTA_TIMESTAMP, |message| {
            for (kind, at) in
                [(CTA_TIMESTAMP_START, flow.started), (CTA_TIMESTAMP_STOP, flow.stopped)]
            {
                if let Some(at) = at {
                    message.put(kind, &at.to_be_bytes());
                }
            }
        });
    }
    if let Some(helper) = &flow.helper {
        message.nest(CTA_HELP, |message| {
            message.put_str(CTA_HELP_NAME, &helper.name).put(CTA_HELP_INFO, &helper.info);
        });
    }
    if let Some(labels) = flow.labels {
        message.put(CTA_LABELS, &labels.to_wire());
    }
    for (kind, adjustment) in [
        (CTA_SEQ_ADJ_ORIG, flow.sequence_adjustment_original),
        (CTA_SEQ_ADJ_REPLY, flow.sequence_adjustment_reply),
    ] {
        if let Some(adjustment) = adjustment {
            put_sequence_adjustment(&mut message, kind, adjustment);
        }
    }
    if let Some(synproxy) = flow.synproxy {
        put_synproxy(&mut message, synproxy);
    }
    if let Some(happened) = flow.happened {
        message.put(CTA_TIMESTAMP_EVENT, &happened.to_be_bytes());
    }
    message
}

prop_compose! {
    fn any_expectation()(
        (master, tuple, mask) in (any_tuple(), any_tuple(), any_tuple()),
        (timeout, zone, flags, class) in any::<(Option<u32>, Option<u16>, Option<u32>, Option<u32>)>(),
        (helper, function) in (option::of(any_text()), option::of(any_text())),
        nat in option::of((any::<bool>(), any_tuple())),
    ) -> Expectation<'static> {
        Expectation {
            timeout,
            helper,
            zone,
            flags: flags.map(ExpectationFlags::from_bits_retain),
            class,
            nat: nat.map(|(reply, tuple)| ExpectationNat {
                direction: if reply { Direction::Reply } else { Direction::Original },
                tuple,
            }),
            function,
            ..Expectation::new(master, tuple, mask)
        }
    }
}

/// Every place where a message may be cut or an attribute longer than it is.
fn attribute_starts(bytes: &[u8], range: Range<usize>, into: &mut Vec<usize>) {
    let mut position = range.start;
    for attribute in Attributes::new(&bytes[range]) {
        into.push(position);
        if attribute.nested {
            let inner = position + 4..position + 4 + attribute.value.len();
            attribute_starts(bytes, inner, into);
        }
        position = position + 4 + attribute.value.len().next_multiple_of(4);
    }
}

proptest! {
    #[test]
    fn flows_come_back_as_the_kernel_sends_them(sent in any_flow()) {
        let message = message_of(&sent);
        let read = flow(message.payload()).expect("a flow");
        prop_assert_eq!(&read, &sent);
        prop_assert_eq!(read.unknown_attributes().count(), 0);
        let owned = read.clone().into_owned();
        prop_assert_eq!(&owned, &read);
        prop_assert_eq!(owned.attributes().count(), 0);
    }

    #[test]
    fn expectations_come_back(sent in any_expectation()) {
        let mut message = message(IPCTNL_MSG_EXP_NEW, 0, None);
        put_expectation(&mut message, &sent);
        let read = expectation(message.payload()).expect("an expectation");
        prop_assert_eq!(&read, &sent);
        prop_assert_eq!(read.into_owned(), sent);
    }

    /// What a later kernel may append to any attribute, or add anywhere, changes nothing of what is
    /// known.
    #[test]
    fn unknown_attributes_are_kept_and_change_nothing(sent in any_flow(), value: Vec<u8>) {
        let mut message = message_of(&sent);
        message.put(28, &value).nest(0x3000, |message| {
 message.put_u8(1, 2);
 });
        let read = flow(message.payload()).expect("a flow");
        let unknown: Vec<_> = read.unknown_attributes().collect();
        prop_assert_eq!(unknown.len(), 2);
        prop_assert_eq!((unknown[0].kind, unknown[0].value), (28, &value[..]));
        prop_assert!(unknown[1].nested);
        let owned = read.clone().into_owned();
        prop_assert_eq!(&owned, &read);
        prop_assert_eq!(owned.attributes().count(), 2);
        prop_assert_ne!(&owned, &sent, "unknown attributes count");
    }

    #[test]
    fn cut_and_spoiled_messages_do_not_panic(
        sent in any_flow(),
        end: prop::sample::Index,
        spoils in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = message_of(&sent).payload().to_vec();
        for (at, value) in spoils {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(end.index(bytes.len() + 1));
        let _ = (flow(&bytes), expectation(&bytes), cpu_statistics(&bytes));
        let _ = (global_statistics(&bytes), cpu_expectation_statistics(&bytes));
    }

    #[test]
    fn what_is_created_is_what_is_asked_for(sent in any_flow()) {
        let new = NewFlow::like(&sent);
        let mut message = message(IPCTNL_MSG_CT_NEW, 0, None);
        put_new_flow(&mut message, &new);
        let read = flow(message.payload()).expect("a flow");
        prop_assert_eq!(read.original, sent.original);
        prop_assert_eq!(read.timeout, new.settings.timeout);
        prop_assert_eq!((read.mark, read.zone, read.labels), (sent.mark, sent.zone, sent.labels));
        prop_assert_eq!((read.master, &read.synproxy), (sent.master, &sent.synproxy));
        prop_assert_eq!(read.has(Status::CONFIRMED), sent.status.is_some());
        let name = |flow: &Flow<'_>| flow.helper.as_ref().map(|helper| helper.name.to_string());
        prop_assert_eq!(name(&read), name(&sent));
    }
}

fn tuple_of_tcp() -> Tuple {
    Tuple::tcp(([10, 0, 0, 1], 1000).into(), ([10, 0, 0, 2], 80).into())
}

#[test]
fn a_flow_needs_both_tuples() {
    let original = tuple_of_tcp();
    for kinds in [&[][..], &[CTA_TUPLE_ORIG], &[CTA_TUPLE_REPLY]] {
        let mut message = message(IPCTNL_MSG_CT_NEW, 0, None);
        for kind in kinds {
            put_tuple(&mut message, *kind, &original);
        }
        let error = flow(message.payload()).expect_err("incomplete").to_string();
        assert_eq!(error, "malformed flow without tuples in a message of connection tracking");
    }
    assert!(flow(&[2, 0, 0]).is_err(), "no header");
}

#[test]
fn a_tuple_needs_addresses_and_a_protocol() {
    let mut message = message(IPCTNL_MSG_CT_NEW, 0, None);
    message.nest(CTA_TUPLE_ORIG, |message| {
        message.nest(CTA_TUPLE_IP, |message| {
            message.put(CTA_IP_V4_SRC, &[10, 0, 0, 1]);
        });
    });
    let error = flow(message.payload()).expect_err("incomplete").to_string();
    assert_eq!(error, "malformed addresses of a tuple in a message of connection tracking");
}

/// The short way and the walk read the same.
#[test]
fn the_usual_tuple_is_read_like_any_other() {
    for protocol in [Protocol::TCP, Protocol::GRE, Protocol(200)] {
        let layer4 = Layer4::Ports { source: 1000, destination: 80 };
        let sent = Tuple { protocol, layer4, ..tuple_of_tcp() };
        let mut message = Message::new(0, 0);
        put_tuple(&mut message, CTA_TUPLE_ORIG, &sent);
        let attribute = message.attributes().next().expect("one");
        let walked = walked_tuple(&attribute).expect("a tuple");
        assert_eq!(usual::tuple(attribute.value), Some(walked));
        assert_eq!(walked.protocol, protocol);
    }
    for other in [
        tuple_of_tcp().in_zone(1),
        Tuple::echo([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 7),
        Tuple::tcp((Ipv6Addr::LOCALHOST, 1).into(), (Ipv6Addr::LOCALHOST, 2).into()),
    ] {
        let mut message = Message::new(0, 0);
        put_tuple(&mut message, CTA_TUPLE_ORIG, &other);
        let attribute = message.attributes().next().expect("one");
        assert_eq!(usual::tuple(attribute.value), None);
        assert_eq!(walked_tuple(&attribute).expect("a tuple"), other);
    }
}

#[test]
fn usual_counters_and_states_are_read_like_any_other() {
    let mut message = Message::new(0, 0);
    message.nest(CTA_COUNTERS_ORIG, |message| {
        message.put(CTA_COUNTERS_PACKETS, &7_u64.to_be_bytes());
        message.put(CTA_COUNTERS_BYTES, &u64::MAX.to_be_bytes());
    });
    let attribute = message.attributes().next().expect("one");
    assert_eq!(usual::counters(attribute.value), Some(walked_counters(&attribute)));
    assert_eq!(walked_counters(&attribute), Counters { packets: 7, bytes: u64::MAX });
    let flags = |flags, mask| MaskedTcpFlags {
        flags: TcpFlags::from_bits_retain(flags),
        mask: TcpFlags::from_bits_retain(mask),
    };
    let sent = Tcp {
        state: TcpState(9),
        window_scale_original: Some(7),
        window_scale_reply: Some(14),
        flags_original: Some(flags(0x23, 0)),
        flags_reply: Some(flags(0xff, 1)),
    };
    let read = |sent: Tcp| {
        let mut message = Message::new(0, 0);
        put_state(&mut message, &ProtocolState::Tcp(sent));
        let outer = message.attributes().next().expect("one");
        let inner = outer.attributes().next().expect("one");
        (usual::tcp(inner.value), walked_tcp(&inner))
    };
    assert_eq!(read(sent), (Some(sent), sent));
    let few = Tcp { window_scale_reply: None, ..sent };
    assert_eq!(read(few), (None, few));
}

#[test]
fn a_longer_attribute_is_read_by_its_known_part() {
    let flow_of = |extra: usize| {
        let tuple = tuple_of_tcp();
        let mut message = message(IPCTNL_MSG_CT_NEW, 0, None);
        put_tuple(&mut message, CTA_TUPLE_ORIG, &tuple);
        put_tuple(&mut message, CTA_TUPLE_REPLY, &tuple.inverted());
        message.put(CTA_MARK, &[&[0, 0, 0, 7][..], &vec![9; extra]].concat());
        message.put(CTA_LABELS, &[&[1; 16][..], &vec![9; extra]].concat());
        message.nest(CTA_PROTOINFO, |message| {
            message.nest(CTA_PROTOINFO_TCP, |message| {
                message.put(CTA_PROTOINFO_TCP_STATE, &[&[3][..], &vec![9; extra]].concat());
            });
        });
        flow(message.payload()).expect("a flow").into_owned()
    };
    assert_eq!(flow_of(0), flow_of(8));
    assert_eq!(flow_of(8).state, Some(TcpState::ESTABLISHED.into()));
}

#[test]
fn an_attribute_that_is_too_short_is_absent() {
    let bare = Flow::new(tuple_of_tcp(), tuple_of_tcp().inverted());
    for kind in [
        CTA_STATUS,
        CTA_PROTOINFO,
        CTA_HELP,
        CTA_TIMEOUT,
        CTA_MARK,
        CTA_USE,
        CTA_ID,
        CTA_TUPLE_MASTER,
        CTA_SECMARK,
        CTA_ZONE,
        CTA_SECCTX,
        CTA_TIMESTAMP,
        CTA_TIMESTAMP_EVENT,
    ] {
        let mut message = message_of(&bare);
        message.put(kind, &[1]);
        assert_eq!(flow(message.payload()).expect("a flow"), bare, "attribute {kind}");
    }
}

/// Kernels before 5.2 do not mark nested attributes.
#[test]
fn the_mark_of_nested_attributes_is_not_needed() {
    let sent = Flow { mark: Some(1), ..Flow::new(tuple_of_tcp(), tuple_of_tcp().inverted()) };
    let mut bytes = message_of(&sent).payload().to_vec();
    let mut starts = Vec::new();
    attribute_starts(&bytes, 4..bytes.len(), &mut starts);
    assert!(starts.len() > 10);
    for start in starts {
        let kind = u16::from_ne_bytes([bytes[start + 2], bytes[start + 3]]) & 0x3fff;
        bytes[start + 2..start + 4].copy_from_slice(&kind.to_ne_bytes());
    }
    assert_eq!(flow(&bytes).expect("a flow"), sent);
}

#[test]
fn narrow_counters_of_old_kernels_are_read() {
    let mut message = message(IPCTNL_MSG_CT_NEW, 0, None);
    put_tuple(&mut message, CTA_TUPLE_ORIG, &tuple_of_tcp());
    put_tuple(&mut message, CTA_TUPLE_REPLY, &tuple_of_tcp().inverted());
    message.nest(CTA_COUNTERS_ORIG, |message| {
        message.put_be32(CTA_COUNTERS32_PACKETS, 7).put_be32(CTA_COUNTERS32_BYTES, 700);
    });
    let counters = flow(message.payload()).expect("a flow").counters_original;
    assert_eq!(counters, Some(Counters { packets: 7, bytes: 700 }));
}

#[test]
fn texts_that_are_not_utf8_are_absent() {
    let mut message = message(IPCTNL_MSG_CT_NEW, 0, None);
    put_tuple(&mut message, CTA_TUPLE_ORIG, &tuple_of_tcp());
    put_tuple(&mut message, CTA_TUPLE_REPLY, &tuple_of_tcp().inverted());
    message.nest(CTA_HELP, |message| {
        message.put(CTA_HELP_NAME, b"\xff\0");
    });
    message.nest(CTA_SECCTX, |message| {
        message.put(CTA_SECCTX_NAME, b"\xff\0");
    });
    let read = flow(message.payload()).expect("a flow");
    assert_eq!((read.helper, read.security_context), (None, None));
}

#[test]
fn statistics_keep_order_and_unknown_counters() {
    let mut message = message(IPCTNL_MSG_CT_GET_STATS_CPU, 0, None);
    message.put_be32(8, 1).put_be32(2, 2).put_be32(99, 3).put(4, &[1]);
    let mut payload = message.payload().to_vec();
    payload[2..4].copy_from_slice(&300_u16.to_be_bytes());
    let statistics = cpu_statistics(&payload).expect("statistics");
    assert_eq!(statistics.cpu, 300);
    assert_eq!(statistics.counters, [(Counter::INSERT, 1), (Counter::FOUND, 2), (Counter(99), 3)]);
}

#[test]
fn a_patch_sends_what_is_set_and_nothing_else() {
    let kinds = |patch: &FlowPatch| -> Vec<u16> {
        let mut message = Message::new(0, 0);
        crate::encode::put_patch(&mut message, patch);
        message.attributes().map(|attribute| attribute.kind).collect()
    };
    assert_eq!(kinds(&FlowPatch::default()), [0; 0]);
    let mark = Some(7.into());
    assert_eq!(kinds(&FlowPatch { mark, ..FlowPatch::default() }), [CTA_MARK]);
    let mark = Some(crate::MarkChange { value: 7, mask: 0xf });
    assert_eq!(kinds(&FlowPatch { mark, ..FlowPatch::default() }), [CTA_MARK, CTA_MARK_MASK]);
    let status = Some(Status::ASSURED);
    let patch = FlowPatch { timeout: Some(0), status, ..FlowPatch::default() };
    assert_eq!(kinds(&patch), [CTA_TIMEOUT, CTA_STATUS]);
}

#[test]
fn a_key_has_its_zone_once() {
    let tuple = Tuple::echo(Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), 7).in_zone(9);
    let mut message = Message::new(0, 0);
    crate::encode::put_key(&mut message, &crate::Key::reply(tuple).with_id(5));
    let attributes: Vec<_> = message.attributes().collect();
    let kinds: Vec<_> = attributes.iter().map(|attribute| attribute.kind).collect();
    assert_eq!(kinds, [CTA_TUPLE_REPLY, CTA_ZONE, CTA_ID]);
    assert_eq!(attributes[1].be16(), Some(9));
    assert_eq!(self::tuple(&attributes[0]).expect("a tuple").zone, None);
}
