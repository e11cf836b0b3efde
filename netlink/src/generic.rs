//! Generic netlink: families are found by name.

use netlink_packet_core::Emitable;
use netlink_packet_generic::GenlHeader;
use netlink_packet_generic::constants::{
    CTRL_ATTR_FAMILY_ID, CTRL_ATTR_MAXATTR, CTRL_ATTR_MCAST_GROUPS, CTRL_ATTR_MCAST_GRP_ID,
    CTRL_ATTR_MCAST_GRP_NAME, CTRL_ATTR_VERSION, GENL_ID_CTRL,
};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};

use crate::attribute::Attributes;
use crate::connection::{Connection, Reply};
use crate::error::{Error, Result};
use crate::message::Message;
use crate::transport::Transport;

/// A generic netlink family, as the kernel's controller describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Message type of the family.
    pub id: u16,
    /// Version of its protocol.
    pub version: u8,
    /// Highest attribute type at the top level that the running kernel knows.
    pub max_attribute: u16,
    /// Multicast groups: name and number.
    pub groups: Vec<(String, u32)>,
}

impl Family {
    /// A message of the family.
    pub fn message(&self, command: u8, flags: u16) -> Message {
        Message::generic(self.id, flags, command, self.version)
    }
}

impl<T: Transport> Connection<T> {
    /// Asks for a family. The kernel may load a module to answer (`MODULE_ALIAS_GENL_FAMILY`).
    pub async fn family(&mut self, name: &str) -> Result<Family> {
        let mut request = family_request(name);
        let mut family = None;
        let answer = self.request(&mut request, |reply| {
            family = Some(read_family(reply)?);
            Ok::<_, Error>(())
        });
        match answer.await {
            Ok(()) => family.ok_or(Error::NoReply),
            Err(error) if error.errno() == Some(rustix::io::Errno::NOENT.raw_os_error()) => {
                Err(Error::NoFamily(name.into()))
            }
            Err(error) => Err(error),
        }
    }
}

fn family_request(name: &str) -> Message {
    let payload = GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(name.to_owned())],
    };
    let header = GenlHeader { cmd: payload.cmd.into(), version: 2 };
    let mut bytes = vec![0; header.buffer_len() + payload.buffer_len()];
    header.emit(&mut bytes);
    payload.emit(&mut bytes[header.buffer_len()..]);
    let mut message = Message::new(GENL_ID_CTRL, 0);
    message.header(&bytes);
    message
}

/// Read by our own walk: the typed parser panics at attributes shorter than their header.
fn read_family(reply: Reply<'_>) -> Result<Family> {
    let (_, attributes) = reply.generic()?;
    let mut family = Family::default();
    let mut id = None;
    for attribute in attributes {
        match attribute.kind {
            CTRL_ATTR_FAMILY_ID => id = attribute.u16(),
            CTRL_ATTR_VERSION => family.version = attribute.u32().unwrap_or_default() as u8,
            CTRL_ATTR_MAXATTR => family.max_attribute = attribute.u32().unwrap_or_default() as u16,
            CTRL_ATTR_MCAST_GROUPS => {
                let groups = attribute.attributes().map(|group| group.attributes());
                family.groups = groups.filter_map(read_group).collect();
            }
            _ => {}
        }
    }
    family.id = id.ok_or(Error::Malformed { what: "description of a family", offset: 0 })?;
    Ok(family)
}

fn read_group(attributes: Attributes<'_>) -> Option<(String, u32)> {
    let mut name = None;
    let mut id = None;
    for attribute in attributes {
        match attribute.kind {
            CTRL_ATTR_MCAST_GRP_NAME => name = attribute.str(),
            CTRL_ATTR_MCAST_GRP_ID => id = attribute.u32(),
            _ => {}
        }
    }
    Some((name?.to_owned(), id?))
}
