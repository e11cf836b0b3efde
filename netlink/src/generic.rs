//! Generic netlink: families are found by name.

use netlink_packet_core::{Emitable, ParseableParametrized};
use netlink_packet_generic::GenlHeader;
use netlink_packet_generic::constants::GENL_ID_CTRL;
use netlink_packet_generic::ctrl::nlas::{GenlCtrlAttrs, McastGrpAttrs};
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};

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

fn read_family(reply: Reply<'_>) -> Result<Family> {
    let malformed = |_| Error::Malformed { what: "description of a family", offset: 0 };
    let header = GenlHeader::parse(reply.payload).map_err(malformed)?;
    let rest = reply.payload.get(header.buffer_len()..).unwrap_or_default();
    let control = GenlCtrl::parse_with_param(rest, header).map_err(malformed)?;
    let mut family = Family::default();
    for attribute in control.nlas {
        match attribute {
            GenlCtrlAttrs::FamilyId(id) => family.id = id,
            GenlCtrlAttrs::Version(version) => family.version = version as u8,
            GenlCtrlAttrs::MaxAttr(kind) => family.max_attribute = kind as u16,
            GenlCtrlAttrs::McastGroups(groups) => {
                family.groups = groups.iter().filter_map(|group| read_group(group)).collect();
            }
            _ => {}
        }
    }
    Ok(family)
}

fn read_group(attributes: &[McastGrpAttrs]) -> Option<(String, u32)> {
    let name = attributes.iter().find_map(|attribute| match attribute {
        McastGrpAttrs::Name(name) => Some(name.clone()),
        McastGrpAttrs::Id(_) => None,
    })?;
    let id = attributes.iter().find_map(|attribute| match attribute {
        McastGrpAttrs::Id(id) => Some(*id),
        McastGrpAttrs::Name(_) => None,
    })?;
    Some((name, id))
}
