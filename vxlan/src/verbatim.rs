//! Requests as a program in bridge's place was told to make them.

use rsadm_netlink::Message;

use crate::uapi::*;
use crate::{Entry, Flags, MulticastEntry, Request, State, VniEntry, wire};

/// A change that is asked for as bridge asks for it, and taken for done if the kernel says so: see
/// [`Client::carry_out`](crate::Client::carry_out). [`Change`](crate::Change) is for everyone else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verbatim {
    /// Adds an entry that must not exist.
    Add(Entry),
    /// Adds a remote. The kernel does nothing of it where a unicast address has another one.
    Append(Entry),
    /// Adds or replaces an entry.
    Replace(Entry),
    /// Deletes an entry. The kernel does nothing of it where the address has other remotes alone.
    Delete(Entry),
    /// Deletes many entries. Linux 5.19 for bridges, 6.7 for VXLAN.
    Flush(Flush),
    /// Adds VNIs to the filter of the device that the first number is the index of.
    AddVnis(u32, Vec<VniEntry>),
    /// Deletes VNIs from the filter of the device that the first number is the index of.
    DeleteVnis(u32, Vec<VniEntry>),
    /// Adds a multicast entry that must not exist.
    AddMulticast(MulticastEntry),
    /// Deletes a multicast entry.
    DeleteMulticast(MulticastEntry),
}

/// Which entries the kernel is to delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flush {
    /// Index of the device or bridge.
    pub link: u32,
    /// Index of the port of a bridge, or of the link that entries of VXLAN leave through.
    #[doc(alias = "NDA_IFINDEX")]
    pub port: Option<u32>,
    /// VLAN.
    #[doc(alias = "NDA_VLAN")]
    pub vlan: Option<u16>,
    /// State, of the bits in the mask.
    pub state: State,
    /// Bits of the state that are compared.
    #[doc(alias = "NDA_NDM_STATE_MASK")]
    pub state_mask: State,
    /// Flags, of the bits in the mask; and which table is meant.
    pub flags: Flags,
    /// Flags that are compared.
    #[doc(alias = "NDA_NDM_FLAGS_MASK")]
    pub flags_mask: Flags,
}

impl Verbatim {
    pub(crate) fn request(&self) -> Request {
        match self {
            Self::Add(entry) => Request::AddEntry(*entry),
            Self::Append(entry) => Request::AppendEntry(*entry),
            Self::Replace(entry) => Request::ReplaceEntry(*entry),
            Self::Delete(entry) => Request::DeleteEntry(*entry),
            Self::Flush(flush) => Request::FlushEntries(flush.link),
            Self::AddVnis(link, _) | Self::DeleteVnis(link, _) => Request::ChangeVnis(*link),
            Self::AddMulticast(entry) => Request::AddMulticast(Box::new(entry.clone())),
            Self::DeleteMulticast(entry) => Request::DeleteMulticast(Box::new(entry.clone())),
        }
    }

    pub(crate) fn message(&self) -> Message {
        const CREATE: u16 = NLM_F_CREATE | NLM_F_EXCL;
        match self {
            Self::Add(entry) => wire::put_entry(entry, CREATE),
            Self::Append(entry) => wire::put_entry(entry, NLM_F_CREATE | NLM_F_APPEND),
            Self::Replace(entry) => wire::put_entry(entry, NLM_F_CREATE | NLM_F_REPLACE),
            Self::Delete(entry) => {
                let mut message = wire::delete_entry(entry);
                if let Some(group) = entry.nexthop_group {
                    message.put_u32(NDA_NH_ID, group);
                }
                message
            }
            Self::Flush(flush) => wire::flush(flush),
            Self::AddVnis(link, entries) => wire::vni::put_all(*link, entries, RTM_NEWTUNNEL),
            Self::DeleteVnis(link, entries) => wire::vni::put_all(*link, entries, RTM_DELTUNNEL),
            Self::AddMulticast(entry) => wire::multicast::put(entry, RTM_NEWMDB, CREATE),
            Self::DeleteMulticast(entry) => wire::multicast::put(entry, RTM_DELMDB, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mac, Vni};

    #[test]
    #[cfg(target_endian = "little")]
    fn requests_are_those_of_bridge() {
        let flush = Flush {
            link: 3,
            port: Some(4),
            vlan: Some(5),
            state: State::NOARP,
            state_mask: State::STATIC_PERMANENT,
            flags: Flags::SELF | Flags::STICKY,
            flags_mask: Flags::STICKY | Flags::USE,
        };
        let message = Verbatim::Flush(flush).message();
        #[rustfmt::skip]
        assert_eq!(message.payload(), [
            7, 0, 0, 0, 3, 0, 0, 0, 0x40, 0, 0x42, 0,
            8, 0, 8, 0, 4, 0, 0, 0,
            6, 0, 5, 0, 5, 0, 0, 0,
            5, 0, 17, 0, 0x41, 0, 0, 0,
            6, 0, 16, 0, 0xc0, 0, 0, 0,
        ]);
        let unicast = Entry::to(7, Mac([2, 0, 0, 0, 0, 1]), [10, 0, 0, 1].into());
        let asked = Verbatim::Append(unicast).message();
        assert_eq!(asked.payload(), crate::Change::Append(unicast).message().payload());
    }

    #[test]
    fn a_list_of_vnis_is_one_request() {
        let vni = |number| Vni::new(number).expect("a VNI");
        let entries = vec![
            VniEntry::new(7, vni(10), vni(10)),
            VniEntry { remote: Some([10, 0, 0, 1].into()), ..VniEntry::new(7, vni(20), vni(25)) },
        ];
        for asked in
            [Verbatim::AddVnis(7, entries.clone()), Verbatim::DeleteVnis(7, entries.clone())]
        {
            assert_eq!(wire::vni::entries(asked.message().payload()).ok().as_ref(), Some(&entries));
        }
        let none = Verbatim::AddVnis(7, Vec::new());
        assert_eq!(none.message().payload(), [7, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(none.request().to_string(), "change VNIs of link 7");
    }
}
