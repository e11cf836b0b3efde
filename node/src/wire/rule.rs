//! Rules (`struct fib_rule_hdr`).

use ipvs::Family;
use rsadm_netlink::{Attribute, Attributes, Message};

use super::{address, family, prefix};
use crate::uapi::*;
use crate::{Rule, RuleAction, Table};

/// All bits of a DSCP, and of a flow label.
const DSCP_BITS: u8 = 0x3f;
const LABEL_BITS: u32 = 0xf_ffff;

/// Bytes of `struct fib_rule_hdr`.
const HEADER: usize = 12;

/// Asks for the rules of a family.
pub(crate) fn list(family: u8) -> Message {
    super::list::<HEADER>(RTM_GETRULE, family)
}

/// A rule.
pub(crate) fn rule(payload: &[u8]) -> Option<Rule> {
    let (header, rest) = payload.split_first_chunk::<HEADER>()?;
    let [number, to, from, tos, table, _, _, action, flags @ ..] = *header;
    let family: Family = family(number)?;
    let (mut source, mut destination) = (None, None);
    let (mut dscp, mut label) = ((None, None), (None, None));
    let mut rule = Rule::lookup(family, 0, Table(u32::from(table)));
    rule.action = RuleAction(action);
    rule.tos = tos;
    rule.inverted = u32::from_ne_bytes(flags) & FIB_RULE_INVERT != 0;
    for attribute in Attributes::new(rest) {
        let number = || attribute.u32().unwrap_or_default();
        let text = || attribute.str().map(str::to_owned);
        match attribute.kind {
            FRA_DST => destination = address(&attribute),
            FRA_SRC => source = address(&attribute),
            FRA_IIFNAME => rule.input = text(),
            FRA_OIFNAME => rule.output = text(),
            FRA_GOTO => rule.goto = attribute.u32(),
            FRA_PRIORITY => rule.priority = number(),
            FRA_FWMARK => rule.mark = number(),
            FRA_FWMASK => rule.mark_mask = number(),
            FRA_TABLE => rule.table = Table(number()),
            FRA_TUN_ID => rule.tunnel = attribute.be64().filter(|id| *id != 0),
            // Both are sent where there is none, as -1.
            FRA_SUPPRESS_PREFIXLEN => {
                rule.suppress_prefix_length = attribute.u32().filter(|length| *length != u32::MAX);
            }
            FRA_SUPPRESS_IFGROUP => {
                rule.suppress_group = attribute.u32().filter(|group| *group != u32::MAX);
            }
            FRA_L3MDEV => rule.of_vrf = attribute.u8() == Some(1),
            FRA_UID_RANGE => rule.users = users(&attribute),
            FRA_IP_PROTO => rule.protocol = attribute.u8().unwrap_or_default(),
            FRA_SPORT_RANGE => rule.source_ports = ports(&attribute),
            FRA_DPORT_RANGE => rule.destination_ports = ports(&attribute),
            FRA_SPORT_MASK => rule.source_port_mask = attribute.u16(),
            FRA_DPORT_MASK => rule.destination_port_mask = attribute.u16(),
            FRA_DSCP => dscp.0 = attribute.u8(),
            FRA_DSCP_MASK => dscp.1 = attribute.u8(),
            FRA_FLOWLABEL => label.0 = attribute.be32(),
            FRA_FLOWLABEL_MASK => label.1 = attribute.be32(),
            _ => {}
        }
    }
    // Before there were masks all bits counted.
    rule.dscp = dscp.0.map(|value| (value, dscp.1.unwrap_or(DSCP_BITS)));
    rule.flow_label = label.0.map(|value| (value, label.1.unwrap_or(LABEL_BITS)));
    if to > 0 {
        rule.destination = Some(prefix(family, destination, to)?);
    }
    if from > 0 {
        rule.source = Some(prefix(family, source, from)?);
    }
    Some(rule)
}

/// `struct fib_rule_uid_range`.
fn users(attribute: &Attribute<'_>) -> Option<(u32, u32)> {
    let (first, rest) = attribute.value.split_first_chunk::<4>()?;
    Some((u32::from_ne_bytes(*first), u32::from_ne_bytes(*rest.first_chunk()?)))
}

/// `struct fib_rule_port_range`, in host order.
fn ports(attribute: &Attribute<'_>) -> Option<(u16, u16)> {
    let [a, b, c, d] = *attribute.value.first_chunk()?;
    Some((u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d])))
}
