//! The smallest change that makes a device's entries what they are to be.

use std::hash::{BuildHasher, RandomState};
use std::{mem, vec};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use crate::entry::Defaults;
use crate::{Change, Entry, EntryFilter, Flags, Report, State};

/// What the entries of a VXLAN device are to be.
///
/// ```no_run
/// use vxlan::{Client, Entry, Sync};
/// let mut client = Client::connect()?;
/// let link = client.link("flannel.1")?.index;
/// let peer = Entry::to(link, "ee:d6:38:55:d5:c7".parse()?, "172.16.20.121".parse()?);
/// let report = client.sync(Sync::new(link, vec![peer]))?;
/// println!("{} changes", report.applied);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Index of the device.
    pub link: u32,
    /// Its entries.
    pub desired: Vec<Entry>,
    /// Which of the others are deleted: of the device's own table, those that match. Of itself all
    /// that neither packets nor a control plane taught the device.
    pub owned: EntryFilter,
}

impl Sync {
    /// The entries that are to be, and no others but learned ones and those of a control plane.
    pub fn new(link: u32, desired: Vec<Entry>) -> Self {
        let owned = EntryFilter {
            any_state: State::STATIC_PERMANENT,
            no_flags: Flags::EXTERN_LEARN,
            ..EntryFilter::default()
        };
        Self { link, desired, owned }
    }

    /// What to change of the entries that are. `group` says whether the device's default entry is
    /// the device's own (its [`group`](crate::Settings::group)), which is left alone.
    pub(crate) fn plan(
        self,
        current: &[Entry],
        defaults: Defaults,
        external: bool,
        group: Option<std::net::IpAddr>,
    ) -> Plan {
        let Self { link, mut desired, owned } = self;
        for entry in &mut desired {
            *entry = normal(entry, link, defaults, external);
        }
        let hasher = RandomState::new();
        // Positions alone: with the keys beside them, memory would be most of what planning costs.
        let mut wanted: HashTable<usize> = HashTable::with_capacity(desired.len());
        let mut missing = vec![true; desired.len()];
        let hash = |entry: &Entry| hasher.hash_one(entry.key());
        for (at, entry) in desired.iter().enumerate() {
            let key = entry.key();
            let is_same = |at: &usize| desired[*at].key() == key;
            match wanted.entry(hash(entry), is_same, |at| hash(&desired[*at])) {
                // The last word on an address counts.
                Slot::Occupied(mut earlier) => missing[mem::replace(earlier.get_mut(), at)] = false,
                Slot::Vacant(slot) => _ = slot.insert(at),
            }
        }
        let (mut changes, mut first) = (Vec::new(), Vec::new());
        for is in current.iter().filter(|is| is.master.is_none() && is.link == link) {
            let is = &normal(is, link, defaults, external);
            let key = is.key();
            let found = wanted.find(hash(is), |at| desired[*at].key() == key).copied();
            match found.filter(|at| mem::take(&mut missing[*at])) {
                Some(at) => change(is, desired[at], &mut changes),
                None if owned.matches(is, defaults) && !is_devices_own(is, group) => {
                    first.push(Change::Delete(*is));
                }
                None => {}
            }
        }
        // What is there first makes room for what comes, where entries are limited.
        first.extend(changes);
        let mut missing = missing.into_iter();
        desired.retain(|_| missing.next().unwrap_or_default());
        Plan { first: first.into_iter(), added: desired.into_iter() }
    }
}

/// The changes that [`Client::sync`](crate::Client::sync) would make, in their order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Deletions, and then changes of what stays.
    first: vec::IntoIter<Change>,
    /// Entries that there are none of yet.
    added: vec::IntoIter<Entry>,
}

impl Iterator for Plan {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        self.first.next().or_else(|| self.added.next().map(addition))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.first.len() + self.added.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Plan {}

fn addition(entry: Entry) -> Change {
    if entry.mac.floods() && entry.nexthop_group.is_none() {
        Change::Append(entry)
    } else {
        Change::Add(entry)
    }
}

/// The entry of a device's own group or remote.
fn is_devices_own(is: &Entry, group: Option<std::net::IpAddr>) -> bool {
    is.mac.is_zero() && is.remote.address.is_some() && is.remote.address == group
}

/// Turns an entry into another one of the same key.
fn change(is: &Entry, entry: Entry, changes: &mut Vec<Change>) {
    const WRITTEN: Flags = Flags::EXTERN_LEARN.union(Flags::ROUTER);
    let same = is.remote == entry.remote
        && is.nexthop_group == entry.nexthop_group
        && is_same_state(is.state, entry.state)
        && is.flags & WRITTEN == entry.flags & WRITTEN;
    if same {
        return;
    }
    if is.nexthop_group.is_some() != entry.nexthop_group.is_some() {
        // The kernel turns neither kind into the other.
        changes.push(Change::Delete(*is));
        changes.push(Change::Add(entry));
    } else if entry.mac.floods() {
        changes.push(Change::Append(entry));
    } else {
        changes.push(Change::Replace(entry));
    }
}

/// Permanent is permanent, with the bit that bridge sets and flannel does not, and without.
fn is_same_state(is: State, wanted: State) -> bool {
    is == wanted || (is & wanted).contains(State::PERMANENT)
}

/// The entry without what the kernel does not show, because it is the device's own.
fn normal(entry: &Entry, link: u32, defaults: Defaults, external: bool) -> Entry {
    let mut entry = Entry { link, ..*entry };
    if entry.remote.port == defaults.port || entry.remote.port == Some(0) {
        entry.remote.port = None;
    }
    if entry.remote.vni == defaults.vni {
        entry.remote.vni = None;
    }
    let zero = entry.source_vni.is_some_and(|vni| vni.get() == 0);
    if !external || zero {
        entry.source_vni = None;
    }
    entry
}

/// What a synchronisation did.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// The changes that were needed, in their order.
    pub changes: Vec<Change>,
    /// What became of them.
    pub report: Report,
}

impl std::ops::Deref for SyncReport {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.report
    }
}

#[cfg(test)]
mod tests;
