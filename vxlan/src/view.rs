//! What is known of a table: rows of a dump, and what happened meanwhile.

use std::collections::{HashMap, HashSet};

use crate::{Entry, EntryKey, EventKind};

/// Entries by key, in the order of their arrival. As long as nothing happens while a table is
/// read it is a list and no more: a table that does not change shows no entry twice.
#[derive(Debug, Default)]
pub(crate) struct View {
    entries: Vec<Entry>,
    /// Where each key is; made when it is needed first.
    index: Option<HashMap<EntryKey, usize>>,
    /// Positions of entries that are gone.
    gone: HashSet<usize>,
}

impl View {
    /// Takes a row of a dump.
    #[inline]
    pub(crate) fn row(&mut self, entry: Entry) {
        if self.index.is_none() {
            self.entries.push(entry);
        } else {
            self.put(entry);
        }
    }

    /// Tells rows apart from now on.
    pub(crate) fn settle(&mut self) {
        if self.index.is_some() {
            return;
        }
        let mut index = HashMap::with_capacity(self.entries.len());
        for (position, entry) in self.entries.iter().enumerate() {
            if let Some(earlier) = index.insert(entry.key(), position) {
                self.gone.insert(earlier);
            }
        }
        self.index = Some(index);
    }

    fn put(&mut self, entry: Entry) {
        let Some(index) = &mut self.index else { return };
        if let Some(&position) = index.get(&entry.key()) {
            self.entries[position] = entry;
        } else {
            index.insert(entry.key(), self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Takes note of an event. Says whether an entry may have moved up in the kernel's order, so
    /// that a dump under way skips another one.
    pub(crate) fn event(&mut self, kind: EventKind, entry: &Entry, belongs: bool) -> bool {
        self.settle();
        let key = entry.key();
        let known = self.index.as_ref().and_then(|index| index.get(&key)).copied();
        if kind == EventKind::New && belongs {
            let same_key = known.map(|position| &self.entries[position]);
            if !entry.is_echo(same_key, self.entries.iter()) {
                self.put(*entry);
            }
            return false;
        }
        // An address that moved to another port of its bridge is gone as well.
        if let Some(position) = self.index.as_mut().and_then(|index| index.remove(&key)) {
            self.gone.insert(position);
        }
        belongs || known.is_some()
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        let Self { mut entries, gone, .. } = self;
        if !gone.is_empty() {
            let mut position = 0;
            entries.retain(|_| {
                position += 1;
                !gone.contains(&(position - 1))
            });
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mac;

    fn entry(last: u8, remote: u8) -> Entry {
        Entry::to(7, Mac([2, 0, 0, 0, 0, last]), [10, 0, 0, remote].into())
    }

    fn flooding(remote: u8) -> Entry {
        Entry::to(7, Mac::ZERO, [10, 0, 0, remote].into())
    }

    #[test]
    fn rows_stay_in_their_order() {
        let mut view = View::default();
        view.row(entry(2, 1));
        view.row(entry(1, 1));
        assert_eq!(view.into_entries(), [entry(2, 1), entry(1, 1)]);
    }

    #[test]
    fn doubled_rows_are_one() {
        let mut view = View::default();
        view.row(entry(1, 1));
        view.row(entry(2, 1));
        view.row(entry(1, 1));
        assert!(!view.event(EventKind::New, &entry(3, 1), true));
        assert_eq!(view.into_entries(), [entry(2, 1), entry(1, 1), entry(3, 1)]);
    }

    #[test]
    fn the_last_event_is_what_is() {
        let mut view = View::default();
        view.row(entry(1, 1));
        view.row(flooding(1));
        view.row(flooding(2));
        assert!(!view.event(EventKind::New, &entry(1, 9), true));
        assert!(view.event(EventKind::Delete, &flooding(1), true));
        assert!(view.event(EventKind::Delete, &flooding(2), true));
        assert!(!view.event(EventKind::New, &flooding(2), true));
        view.row(entry(1, 9));
        assert_eq!(view.into_entries(), [entry(1, 9), flooding(2)]);
    }

    #[test]
    fn an_echo_changes_nothing() {
        let mut view = View::default();
        view.row(entry(1, 1));
        let echo = Entry { remote: crate::Remote::NONE, ..entry(1, 1) };
        assert!(!view.event(EventKind::New, &echo, true));
        view.row(flooding(1));
        let echo = Entry { remote: crate::Remote::NONE, ..flooding(1) };
        assert!(!view.event(EventKind::New, &echo, true));
        assert_eq!(view.into_entries(), [entry(1, 1), flooding(1)]);
    }

    #[test]
    fn an_address_that_moved_away_is_gone() {
        let mut here = Entry::new(7, Mac([2, 0, 0, 0, 0, 1]));
        here.master = Some(9);
        let mut view = View::default();
        view.row(here);
        let there = Entry { link: 8, ..here };
        assert!(view.event(EventKind::New, &there, false));
        assert!(!view.event(EventKind::New, &there, false));
        assert!(view.into_entries().is_empty());
    }
}
