//! Nexthops.

use rsadm_netlink::{Attributes, Message};

use super::{address, malformed};
use crate::uapi::*;
use crate::{Member, Nexthop, Result};

/// Bytes of `struct nhmsg`.
const HEADER: usize = 8;
/// Bytes of `struct nexthop_grp`.
const MEMBER: usize = 8;

/// Asks for one nexthop, or for all.
pub(crate) fn get(id: Option<u32>) -> Message {
    let mut message = Message::new(RTM_GETNEXTHOP, 0);
    message.header(&[AF_UNSPEC; HEADER]);
    if let Some(id) = id {
        message.put_u32(NHA_ID, id);
    }
    message
}

pub(crate) fn nexthop(payload: &[u8]) -> Result<Nexthop> {
    let (header, rest) =
        payload.split_first_chunk::<HEADER>().ok_or(malformed("header of a nexthop"))?;
    let protocol = header[2];
    let mut nexthop = Nexthop {
        id: 0,
        members: Vec::new(),
        forwarding: false,
        gateway: None,
        link: None,
        protocol,
    };
    let mut id = None;
    for attribute in Attributes::new(rest) {
        match attribute.kind {
            NHA_ID => id = attribute.u32(),
            NHA_GROUP => {
                let members = attribute
                    .value
                    .chunks_exact(MEMBER)
                    .filter_map(|bytes| bytes.first_chunk().copied());
                nexthop.members = members.map(member).collect();
            }
            NHA_FDB => nexthop.forwarding = true,
            NHA_GATEWAY => nexthop.gateway = address(&attribute),
            NHA_OIF => nexthop.link = attribute.u32(),
            _ => {}
        }
    }
    nexthop.id = id.ok_or(malformed("id of a nexthop"))?;
    Ok(nexthop)
}

/// The wire has the share less one, its upper byte since Linux 6.12.
fn member(bytes: [u8; MEMBER]) -> Member {
    let [a, b, c, d, low, high, _, _] = bytes;
    let weight = u32::from(u16::from_le_bytes([low, high])) + 1;
    Member { id: u32::from_ne_bytes([a, b, c, d]), weight }
}
