//! Changes, and what became of many of them.

use std::ops::Range;

use rsadm_netlink::Message;

use crate::uapi::*;
use crate::{Entry, Error, Flags, MulticastEntry, Neighbour, Refused, Request, VniEntry, wire};

/// One change, for [`Client::apply`](crate::Client::apply).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Adds an entry that must not exist.
    Add(Entry),
    /// Adds a remote to the zero address or a group, or an entry to an address that has none.
    Append(Entry),
    /// Adds an entry of a unicast address, or replaces the one it has.
    Replace(Entry),
    /// Deletes an entry: with a remote that one, else all of its address.
    Delete(Entry),
    /// Adds a neighbour that must not exist.
    AddNeighbour(Neighbour),
    /// Adds or replaces a neighbour.
    ReplaceNeighbour(Neighbour),
    /// Deletes a neighbour.
    DeleteNeighbour(Neighbour),
    /// Adds VNIs to a device's filter.
    AddVnis(VniEntry),
    /// Deletes VNIs from a device's filter.
    DeleteVnis(VniEntry),
    /// Adds a multicast entry that must not exist.
    AddMulticast(MulticastEntry),
    /// Adds or replaces a multicast entry.
    ReplaceMulticast(MulticastEntry),
    /// Deletes a multicast entry.
    DeleteMulticast(MulticastEntry),
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
            Self::Add(entry) => Request::AddEntry(*entry),
            Self::Append(entry) => Request::AppendEntry(*entry),
            Self::Replace(entry) => Request::ReplaceEntry(*entry),
            Self::Delete(entry) => Request::DeleteEntry(*entry),
            Self::AddNeighbour(neighbour) => Request::AddNeighbour(*neighbour),
            Self::ReplaceNeighbour(neighbour) => Request::ReplaceNeighbour(*neighbour),
            Self::DeleteNeighbour(neighbour) => Request::DeleteNeighbour(*neighbour),
            Self::AddVnis(entry) => Request::AddVnis(*entry),
            Self::DeleteVnis(entry) => Request::DeleteVnis(*entry),
            Self::AddMulticast(entry) => Request::AddMulticast(Box::new(entry.clone())),
            Self::ReplaceMulticast(entry) => Request::ReplaceMulticast(Box::new(entry.clone())),
            Self::DeleteMulticast(entry) => Request::DeleteMulticast(Box::new(entry.clone())),
        }
    }

    /// The message that asks for it.
    pub(crate) fn message(&self) -> Message {
        const CREATE: u16 = NLM_F_CREATE | NLM_F_EXCL;
        const PUT: u16 = NLM_F_CREATE | NLM_F_REPLACE;
        match self {
            Self::Add(entry) => wire::put_entry(entry, CREATE),
            // What the kernel would do nothing of is asked for so that it refuses it.
            Self::Append(entry) if has_one_remote(entry) => wire::put_entry(entry, CREATE),
            Self::Append(entry) => wire::put_entry(entry, NLM_F_CREATE | NLM_F_APPEND),
            Self::Replace(entry) => wire::put_entry(entry, PUT),
            Self::Delete(entry) => wire::delete_entry(entry),
            Self::AddNeighbour(neighbour) => {
                wire::neighbour_message(neighbour, RTM_NEWNEIGH, CREATE)
            }
            Self::ReplaceNeighbour(neighbour) => {
                wire::neighbour_message(neighbour, RTM_NEWNEIGH, PUT)
            }
            Self::DeleteNeighbour(neighbour) => wire::neighbour_message(neighbour, RTM_DELNEIGH, 0),
            Self::AddVnis(entry) => wire::vni::put(entry, RTM_NEWTUNNEL),
            Self::DeleteVnis(entry) => wire::vni::put(entry, RTM_DELTUNNEL),
            Self::AddMulticast(entry) => wire::multicast::put(entry, RTM_NEWMDB, CREATE),
            Self::ReplaceMulticast(entry) => wire::multicast::put(entry, RTM_NEWMDB, PUT),
            Self::DeleteMulticast(entry) => wire::multicast::put(entry, RTM_DELMDB, 0),
        }
    }

    /// The entry, of a deletion that the kernel acknowledges whether or not there is such a remote.
    pub(crate) fn unsure_deletion(&self) -> Option<&Entry> {
        match self {
            Self::Delete(entry) if is_own_table(entry) => {
                let address = entry.remote.address?;
                (!address.is_unspecified()).then_some(entry)
            }
            _ => None,
        }
    }

    /// The entry, of an addition to an address that can have one remote only.
    pub(crate) fn single_append(&self) -> Option<&Entry> {
        match self {
            Self::Append(entry) if has_one_remote(entry) => Some(entry),
            _ => None,
        }
    }
}

/// Whether an entry goes to the device's own table.
fn is_own_table(entry: &Entry) -> bool {
    !entry.flags.contains(Flags::MASTER)
}

fn has_one_remote(entry: &Entry) -> bool {
    !entry.mac.floods() && is_own_table(entry)
}

/// Whether a notification tells that the deletion of `asked` was carried out. The kernel leaves out
/// a port and VNI that are the device's own.
pub(crate) fn tells_of(notified: &Entry, asked: &Entry) -> bool {
    fn same<T: PartialEq + Copy>(notified: Option<T>, asked: Option<T>) -> bool {
        notified.is_none() || notified == asked
    }
    let (told, remote) = (&notified.remote, &asked.remote);
    notified.link == asked.link
        && notified.mac == asked.mac
        && told.address == remote.address
        && same(told.port, remote.port)
        && same(told.vni, remote.vni)
        && same(told.via, remote.via)
        && same(notified.source_vni, asked.source_vni)
}

/// What became of the changes given to [`Client::apply`](crate::Client::apply), by their index.
/// Every change is in exactly one of the groups.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were carried out.
    pub applied: usize,
    /// Those that the kernel refused; the ones behind them were tried all the same.
    pub refused: Vec<(usize, Refused)>,
    /// Those that the kernel has no objection to, and does nothing of.
    pub ignored: Vec<(usize, crate::Ignored)>,
    /// Those whose answer was lost: the table must be read to find out.
    pub unknown: Vec<usize>,
    /// Those that were not sent, because of [`error`](Self::error).
    pub unsent: Range<usize>,
    /// What stopped the batch before its end.
    pub error: Option<Error>,
}

impl Report {
    /// Whether every change was carried out.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
            && self.ignored.is_empty()
            && self.unknown.is_empty()
            && self.unsent.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mac, Vni};

    #[test]
    fn a_notification_leaves_out_what_is_the_devices_own() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let told = Entry::to(7, mac, [10, 0, 0, 1].into());
        let mut asked = told;
        assert!(tells_of(&told, &asked));
        asked.remote.port = Some(8472);
        asked.remote.vni = Vni::new(1);
        assert!(tells_of(&told, &asked));
        let mut other = told;
        other.remote.port = Some(4789);
        assert!(!tells_of(&other, &asked) && !tells_of(&other, &told));
        assert!(!tells_of(&Entry::to(7, mac, [10, 0, 0, 2].into()), &asked));
        assert!(!tells_of(&Entry::to(8, mac, [10, 0, 0, 1].into()), &asked));
    }

    #[test]
    fn only_what_the_kernel_may_ignore_is_looked_after() {
        let unicast = Entry::to(7, Mac([2, 0, 0, 0, 0, 1]), [10, 0, 0, 1].into());
        let default = Entry { mac: Mac::ZERO, ..unicast };
        let in_bridge = Entry { flags: Flags::MASTER, ..unicast };
        assert!(Change::Delete(unicast).unsure_deletion().is_some());
        assert!(Change::Delete(default).unsure_deletion().is_some());
        assert!(Change::Delete(in_bridge).unsure_deletion().is_none());
        assert!(Change::Delete(Entry::new(7, Mac::ZERO)).unsure_deletion().is_none());
        assert!(Change::Append(unicast).single_append().is_some());
        assert!(Change::Append(default).single_append().is_none());
        assert!(Change::Append(in_bridge).single_append().is_none());
        assert!(Change::Add(unicast).single_append().is_none());
    }
}
