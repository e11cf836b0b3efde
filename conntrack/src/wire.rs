//! Values as attributes of ctnetlink, and back.
//!
//! Numbers are in network order, but for the words of labels and the flags of a filter. Attributes
//! that are missing or unknown are no error, unless the flow could not be told from another
//! without them.

mod usual;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use rsadm_netlink::{Attribute, Attributes, Message};

use crate::rest::Rest;
use crate::uapi::*;
use crate::{
    Counter, Counters, CpuExpectationStatistics, CpuStatistics, Dccp, DccpRole, DccpState,
    Direction, Error, Expectation, ExpectationFlags, ExpectationNat, Family, Flow,
    GlobalStatistics, Helper, Key, Labels, Layer4, MaskedTcpFlags, Protocol, ProtocolState, Result,
    Sctp, SctpState, SequenceAdjustment, Status, Synproxy, Tcp, TcpFlags, TcpState, Tuple,
};

/// Bytes of `struct nfgenmsg`: family, version, and a number that depends on the message.
const HEADER: usize = 4;

#[cold]
const fn malformed(what: &'static str) -> Error {
    Error::Malformed { what }
}

/// A message of nfnetlink.
pub(crate) fn message(kind: u16, flags: u16, family: Option<Family>) -> Message {
    let mut message = Message::new(kind, flags);
    message.header(&[family.map_or(AF_UNSPEC, Family::number), 0, 0, 0]);
    message
}

/// A request to delete all flows of a family: since Linux 5.3 the kernel looks at the family if the
/// version is 1, before it deletes those of every family.
pub(crate) fn flush_message(family: Option<Family>) -> Message {
    let mut message = Message::new(IPCTNL_MSG_CT_DELETE, 0);
    message.header(&[family.map_or(AF_UNSPEC, Family::number), 1, 0, 0]);
    message
}

/// Splits a payload into the number in its header and the attributes behind it.
#[inline]
fn split(payload: &[u8]) -> Result<(u16, &[u8])> {
    match payload.split_at_checked(HEADER) {
        Some(([_, _, high, low], attributes)) => {
            Ok((u16::from_be_bytes([*high, *low]), attributes))
        }
        _ => Err(malformed("header")),
    }
}

/// In place of a tuple that has not been read yet.
const ABSENT: Tuple = {
    let unspecified = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    Tuple::new(Protocol(0), unspecified, unspecified, Layer4::None)
};

/// The id of a message's flow, without the rest of it.
#[inline]
pub(crate) fn id(payload: &[u8]) -> Option<u32> {
    let attributes = Attributes::new(payload.get(HEADER..)?);
    attributes.into_iter().find(|attribute| attribute.kind == CTA_ID)?.be32()
}

/// What a request names a flow by.
pub(crate) fn key(payload: &[u8]) -> Result<Key> {
    let (_, bytes) = split(payload)?;
    let (mut key, mut zone, mut id) = (None, None, None);
    for attribute in Attributes::new(bytes) {
        match attribute.kind {
            // The first tuple is the one: the other one of a flow to be created follows it, and
            // perhaps what does not fit into an attribute, which is no attribute then.
            CTA_TUPLE_ORIG if key.is_none() => key = Some(Key::original(tuple(&attribute)?)),
            CTA_TUPLE_REPLY if key.is_none() => key = Some(Key::reply(tuple(&attribute)?)),
            CTA_ZONE => zone = attribute.be16(),
            CTA_ID => id = attribute.be32(),
            _ => {}
        }
    }
    let key = key.ok_or(malformed("request without a tuple"))?;
    Ok(Key { zone: zone.unwrap_or(key.zone), id, ..key })
}

/// A flow of a message's payload.
#[inline]
pub(crate) fn flow(payload: &[u8]) -> Result<Flow<'_>> {
    let (_, bytes) = split(payload)?;
    let mut flow = Flow::new(ABSENT, ABSENT);
    flow.rest = Rest::new(bytes, CTA_TIMESTAMP_EVENT);
    let (mut original, mut reply) = (false, false);
    for attribute in Attributes::new(bytes) {
        match attribute.kind {
            CTA_TUPLE_ORIG => {
                flow.original = tuple(&attribute)?;
                original = true;
            }
            CTA_TUPLE_REPLY => {
                flow.reply = tuple(&attribute)?;
                reply = true;
            }
            CTA_STATUS => flow.status = attribute.be32().map(Status::from_bits_retain),
            CTA_PROTOINFO => flow.state = protocol_state(&attribute),
            CTA_TIMEOUT => flow.timeout = attribute.be32(),
            CTA_MARK => flow.mark = attribute.be32(),
            CTA_ZONE => flow.zone = attribute.be16(),
            CTA_COUNTERS_ORIG => flow.counters_original = Some(counters(&attribute)),
            CTA_COUNTERS_REPLY => flow.counters_reply = Some(counters(&attribute)),
            CTA_ID => flow.id = attribute.be32(),
            CTA_USE => flow.use_count = attribute.be32(),
            _ => rare(&mut flow, &attribute),
        }
    }
    if original && reply { Ok(flow) } else { Err(malformed("flow without tuples")) }
}

/// What few flows have.
fn rare<'a>(flow: &mut Flow<'a>, attribute: &Attribute<'a>) {
    match attribute.kind {
        CTA_LABELS => flow.labels = Some(Labels::from_wire(attribute.value)),
        CTA_HELP => flow.helper = helper(attribute),
        CTA_SECMARK => flow.security_mark = attribute.be32(),
        CTA_SECCTX => {
            let name = attribute.attributes().find(|inner| inner.kind == CTA_SECCTX_NAME);
            flow.security_context = name.and_then(|name| name.str()).map(Cow::Borrowed);
        }
        CTA_TIMESTAMP => {
            for inner in attribute.attributes() {
                match inner.kind {
                    CTA_TIMESTAMP_START => flow.started = inner.be64(),
                    CTA_TIMESTAMP_STOP => flow.stopped = inner.be64(),
                    _ => {}
                }
            }
        }
        CTA_TIMESTAMP_EVENT => flow.happened = attribute.be64(),
        CTA_TUPLE_MASTER => flow.master = tuple(attribute).ok(),
        CTA_SEQ_ADJ_ORIG => {
            flow.sequence_adjustment_original = Some(sequence_adjustment(attribute));
        }
        CTA_SEQ_ADJ_REPLY => {
            flow.sequence_adjustment_reply = Some(sequence_adjustment(attribute));
        }
        CTA_SYNPROXY => flow.synproxy = Some(synproxy(attribute)),
        _ => {}
    }
}

/// A tuple inside an attribute.
#[inline]
fn tuple(attribute: &Attribute<'_>) -> Result<Tuple> {
    match usual::tuple(attribute.value) {
        Some(tuple) => Ok(tuple),
        None => walked_tuple(attribute),
    }
}

#[inline(never)]
fn walked_tuple(attribute: &Attribute<'_>) -> Result<Tuple> {
    let (mut addresses, mut protocol, mut zone) = (None, None, None);
    for part in attribute.attributes() {
        match part.kind {
            CTA_TUPLE_IP => addresses = self::addresses(&part),
            CTA_TUPLE_PROTO => protocol = layer4(&part),
            CTA_TUPLE_ZONE => zone = part.be16(),
            _ => {}
        }
    }
    let Some((source, destination)) = addresses else {
        return Err(malformed("addresses of a tuple"));
    };
    let Some((protocol, layer4)) = protocol else { return Err(malformed("protocol of a tuple")) };
    Ok(Tuple { source, destination, protocol, layer4, zone })
}

#[inline]
fn addresses(attribute: &Attribute<'_>) -> Option<(IpAddr, IpAddr)> {
    let (mut source, mut destination) = (None, None);
    for address in attribute.attributes() {
        match address.kind {
            CTA_IP_V4_SRC => source = address.ipv4().map(IpAddr::V4),
            CTA_IP_V4_DST => destination = address.ipv4().map(IpAddr::V4),
            CTA_IP_V6_SRC => source = address.ipv6().map(IpAddr::V6),
            CTA_IP_V6_DST => destination = address.ipv6().map(IpAddr::V6),
            _ => {}
        }
    }
    Some((source?, destination?))
}

#[inline]
fn layer4(attribute: &Attribute<'_>) -> Option<(Protocol, Layer4)> {
    let mut protocol = None;
    let (mut source, mut destination) = (None, None);
    let (mut kind, mut code, mut id) = (None, None, None);
    for part in attribute.attributes() {
        match part.kind {
            CTA_PROTO_NUM => protocol = part.u8().map(Protocol),
            CTA_PROTO_SRC_PORT => source = part.be16(),
            CTA_PROTO_DST_PORT => destination = part.be16(),
            CTA_PROTO_ICMP_ID | CTA_PROTO_ICMPV6_ID => id = part.be16(),
            CTA_PROTO_ICMP_TYPE | CTA_PROTO_ICMPV6_TYPE => kind = part.u8(),
            CTA_PROTO_ICMP_CODE | CTA_PROTO_ICMPV6_CODE => code = part.u8(),
            _ => {}
        }
    }
    let protocol = protocol?;
    let layer4 = if source.is_some() || destination.is_some() {
        let (source, destination) = (source.unwrap_or_default(), destination.unwrap_or_default());
        match protocol {
            Protocol::GRE => Layer4::Keys { source, destination },
            _ => Layer4::Ports { source, destination },
        }
    } else if kind.is_some() || code.is_some() || id.is_some() {
        let (kind, code) = (kind.unwrap_or_default(), code.unwrap_or_default());
        Layer4::Icmp { kind, code, id: id.unwrap_or_default() }
    } else {
        Layer4::None
    };
    Some((protocol, layer4))
}

#[inline]
fn counters(attribute: &Attribute<'_>) -> Counters {
    usual::counters(attribute.value).unwrap_or_else(|| walked_counters(attribute))
}

#[inline(never)]
fn walked_counters(attribute: &Attribute<'_>) -> Counters {
    let mut counters = Counters::default();
    for part in attribute.attributes() {
        match part.kind {
            CTA_COUNTERS_PACKETS => counters.packets = part.be64().unwrap_or_default(),
            CTA_COUNTERS_BYTES => counters.bytes = part.be64().unwrap_or_default(),
            CTA_COUNTERS32_PACKETS => counters.packets = part.be32().unwrap_or_default().into(),
            CTA_COUNTERS32_BYTES => counters.bytes = part.be32().unwrap_or_default().into(),
            _ => {}
        }
    }
    counters
}

/// The state of a protocol that this crate knows.
#[inline]
fn protocol_state(attribute: &Attribute<'_>) -> Option<ProtocolState> {
    attribute.attributes().find_map(|protocol| match protocol.kind {
        CTA_PROTOINFO_TCP => Some(ProtocolState::Tcp(tcp(&protocol))),
        CTA_PROTOINFO_SCTP => Some(ProtocolState::Sctp(sctp(&protocol))),
        CTA_PROTOINFO_DCCP => Some(ProtocolState::Dccp(dccp(&protocol))),
        _ => None,
    })
}

#[inline]
fn tcp(attribute: &Attribute<'_>) -> Tcp {
    usual::tcp(attribute.value).unwrap_or_else(|| walked_tcp(attribute))
}

#[inline(never)]
fn walked_tcp(attribute: &Attribute<'_>) -> Tcp {
    let flags = |part: &Attribute<'_>| {
        let [flags, mask] = *part.value.first_chunk()?;
        let (flags, mask) = (TcpFlags::from_bits_retain(flags), TcpFlags::from_bits_retain(mask));
        Some(MaskedTcpFlags { flags, mask })
    };
    let mut tcp = Tcp::default();
    for part in attribute.attributes() {
        match part.kind {
            CTA_PROTOINFO_TCP_STATE => tcp.state = TcpState(part.u8().unwrap_or_default()),
            CTA_PROTOINFO_TCP_WSCALE_ORIGINAL => tcp.window_scale_original = part.u8(),
            CTA_PROTOINFO_TCP_WSCALE_REPLY => tcp.window_scale_reply = part.u8(),
            CTA_PROTOINFO_TCP_FLAGS_ORIGINAL => tcp.flags_original = flags(&part),
            CTA_PROTOINFO_TCP_FLAGS_REPLY => tcp.flags_reply = flags(&part),
            _ => {}
        }
    }
    tcp
}

fn sctp(attribute: &Attribute<'_>) -> Sctp {
    let mut sctp = Sctp::default();
    for part in attribute.attributes() {
        match part.kind {
            CTA_PROTOINFO_SCTP_STATE => sctp.state = SctpState(part.u8().unwrap_or_default()),
            CTA_PROTOINFO_SCTP_VTAG_ORIGINAL => sctp.verification_tag_original = part.be32(),
            CTA_PROTOINFO_SCTP_VTAG_REPLY => sctp.verification_tag_reply = part.be32(),
            _ => {}
        }
    }
    sctp
}

fn dccp(attribute: &Attribute<'_>) -> Dccp {
    let mut dccp = Dccp::default();
    for part in attribute.attributes() {
        match part.kind {
            CTA_PROTOINFO_DCCP_STATE => dccp.state = DccpState(part.u8().unwrap_or_default()),
            CTA_PROTOINFO_DCCP_ROLE => dccp.role = part.u8().map(DccpRole),
            CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ => dccp.handshake_sequence = part.be64(),
            _ => {}
        }
    }
    dccp
}

/// A helper; without a name it is none.
fn helper<'a>(attribute: &Attribute<'a>) -> Option<Helper<'a>> {
    let (mut name, mut info) = (None, &[][..]);
    for part in attribute.attributes() {
        match part.kind {
            CTA_HELP_NAME => name = part.str(),
            CTA_HELP_INFO => info = part.value,
            _ => {}
        }
    }
    name.map(|name| Helper { name: Cow::Borrowed(name), info: Cow::Borrowed(info) })
}

fn sequence_adjustment(attribute: &Attribute<'_>) -> SequenceAdjustment {
    let mut adjustment = SequenceAdjustment::default();
    for part in attribute.attributes() {
        let value = part.be32().unwrap_or_default();
        match part.kind {
            CTA_SEQADJ_CORRECTION_POS => adjustment.position = value,
            CTA_SEQADJ_OFFSET_BEFORE => adjustment.before = value,
            CTA_SEQADJ_OFFSET_AFTER => adjustment.after = value,
            _ => {}
        }
    }
    adjustment
}

fn synproxy(attribute: &Attribute<'_>) -> Synproxy {
    let mut synproxy = Synproxy::default();
    for part in attribute.attributes() {
        let value = part.be32().unwrap_or_default();
        match part.kind {
            CTA_SYNPROXY_ISN => synproxy.initial_sequence = value,
            CTA_SYNPROXY_ITS => synproxy.initial_timestamp = value,
            CTA_SYNPROXY_TSOFF => synproxy.timestamp_offset = value,
            _ => {}
        }
    }
    synproxy
}

/// An expectation of a message's payload.
pub(crate) fn expectation(payload: &[u8]) -> Result<Expectation<'_>> {
    let (_, bytes) = split(payload)?;
    let (mut master, mut expected, mut mask) = (None, None, None);
    for attribute in Attributes::new(bytes) {
        match attribute.kind {
            CTA_EXPECT_MASTER => master = Some(tuple(&attribute)?),
            CTA_EXPECT_TUPLE => expected = Some(tuple(&attribute)?),
            CTA_EXPECT_MASK => mask = Some(tuple(&attribute)?),
            _ => {}
        }
    }
    let (Some(master), Some(expected), Some(mask)) = (master, expected, mask) else {
        return Err(malformed("expectation without tuples"));
    };
    let mut expectation = Expectation::new(master, expected, mask);
    expectation.rest = Rest::new(bytes, CTA_EXPECT_FN);
    for attribute in Attributes::new(bytes) {
        match attribute.kind {
            CTA_EXPECT_TIMEOUT => expectation.timeout = attribute.be32(),
            CTA_EXPECT_ID => expectation.id = attribute.be32(),
            CTA_EXPECT_HELP_NAME => expectation.helper = attribute.str().map(Cow::Borrowed),
            CTA_EXPECT_ZONE => expectation.zone = attribute.be16(),
            CTA_EXPECT_FLAGS => {
                expectation.flags = attribute.be32().map(ExpectationFlags::from_bits_retain);
            }
            CTA_EXPECT_CLASS => expectation.class = attribute.be32(),
            CTA_EXPECT_NAT => expectation.nat = expectation_nat(&attribute),
            CTA_EXPECT_FN => expectation.function = attribute.str().map(Cow::Borrowed),
            _ => {}
        }
    }
    Ok(expectation)
}

fn expectation_nat(attribute: &Attribute<'_>) -> Option<ExpectationNat> {
    let (mut direction, mut translated) = (None, None);
    for part in attribute.attributes() {
        match part.kind {
            CTA_EXPECT_NAT_DIR => {
                direction = match part.be32() {
                    Some(0) => Some(Direction::Original),
                    Some(_) => Some(Direction::Reply),
                    None => None,
                };
            }
            CTA_EXPECT_NAT_TUPLE => translated = tuple(&part).ok(),
            _ => {}
        }
    }
    Some(ExpectationNat { direction: direction?, tuple: translated? })
}

/// What one processor counted.
pub(crate) fn cpu_statistics(payload: &[u8]) -> Result<CpuStatistics> {
    let (cpu, bytes) = split(payload)?;
    let counters = Attributes::new(bytes)
        .filter_map(|attribute| Some((Counter(attribute.kind), attribute.be32()?)));
    Ok(CpuStatistics { cpu, counters: counters.collect() })
}

/// How full the table is.
pub(crate) fn global_statistics(payload: &[u8]) -> Result<GlobalStatistics> {
    let (_, bytes) = split(payload)?;
    let mut statistics = GlobalStatistics::default();
    for attribute in Attributes::new(bytes) {
        match attribute.kind {
            CTA_STATS_GLOBAL_ENTRIES => statistics.entries = attribute.be32().unwrap_or_default(),
            CTA_STATS_GLOBAL_MAX_ENTRIES => statistics.max_entries = attribute.be32(),
            _ => {}
        }
    }
    Ok(statistics)
}

/// What one processor counted of expectations.
pub(crate) fn cpu_expectation_statistics(payload: &[u8]) -> Result<CpuExpectationStatistics> {
    let (cpu, bytes) = split(payload)?;
    let mut statistics = CpuExpectationStatistics { cpu, ..Default::default() };
    for attribute in Attributes::new(bytes) {
        match attribute.kind {
            CTA_STATS_EXP_NEW => statistics.new = attribute.be32(),
            CTA_STATS_EXP_CREATE => statistics.create = attribute.be32(),
            CTA_STATS_EXP_DELETE => statistics.delete = attribute.be32(),
            _ => {}
        }
    }
    Ok(statistics)
}

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod tests;
