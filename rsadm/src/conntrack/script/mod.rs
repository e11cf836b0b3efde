//! The text that `rsadm conntrack save` writes and `load` reads.
//!
//! A line is one flow, in the words of conntrack's command line, and in words of our own for what
//! that has none for: labels by number, what TCP knows of both sides, masters. What
//! `conntrack -o save` writes is read as well.

use std::thread;

use conntrack::{Capability, Change, Key, Labels, Protocol};

use crate::script::{Lines, Problem, Problems};

/// Bytes of a text that is worth a second thread.
const LONG: usize = 256 * 1024;

mod line;
#[cfg(test)]
mod tests;
pub(super) mod write;

/// A change and the line that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) line: usize,
    change: Change,
}

impl AsRef<Change> for Item {
    fn as_ref(&self) -> &Change {
        &self.change
    }
}

/// The changes of a text, line by line.
pub(super) struct Changes<'a>(Lines<'a>);

impl<'a> Changes<'a> {
    pub(super) fn of(input: &'a [u8]) -> Self {
        Self(Lines::of(input))
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Item, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0.next(line::read)?;
        Some(next.map(|(line, change)| Item { line, change }))
    }
}

/// What a text asks for.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// How many changes.
    pub(super) count: usize,
    /// Flows of protocols that not every kernel tracks, one of each.
    pub(super) rare: Vec<Protocol>,
    /// A flow that is to have labels.
    pub(super) labelled: Option<Key>,
}

impl Checked {
    fn add(&mut self, more: Self) {
        self.count += more.count;
        let new = more.rare.into_iter().filter(|protocol| !self.rare.contains(protocol));
        self.rare.extend(new.collect::<Vec<_>>());
        self.labelled = self.labelled.or(more.labelled);
    }

    fn take(&mut self, change: &Change) {
        self.count += 1;
        let (Change::Create(flow) | Change::Put(flow)) = change else { return };
        let protocol = flow.original.protocol;
        if Capability::of_tracking(protocol).is_some() && !self.rare.contains(&protocol) {
            self.rare.push(protocol);
        }
        if flow.settings.labels.is_some_and(|labels| labels.value != Labels::NONE) {
            self.labelled = Some(flow.key());
        }
    }
}

/// Checks a text, and tells what it asks for. Both halves of a long one are checked at once.
pub(super) fn check(input: &[u8]) -> Result<Checked, Problems> {
    let half = input.len() / 2;
    let end = memchr::memchr(b'\n', &input[half..]).filter(|_| input.len() > LONG);
    let (first, second) = input.split_at(end.map_or(input.len(), |end| half + end + 1));
    let rest = || part(Lines::behind(memchr::memchr_iter(b'\n', first).count(), second));
    let (mut checked, mut problems) = (Checked::default(), Problems::default());
    thread::scope(|scope| {
        let other = end.and_then(|_| thread::Builder::new().spawn_scoped(scope, rest).ok());
        let mut add = |(more, wrong): (Checked, Problems)| {
            checked.add(more);
            problems.add(wrong);
        };
        add(part(Lines::of(first)));
        if end.is_some() {
            add(other.and_then(|other| other.join().ok()).unwrap_or_else(rest));
        }
    });
    if problems.total == 0 { Ok(checked) } else { Err(problems) }
}

fn part(lines: Lines<'_>) -> (Checked, Problems) {
    let (mut checked, mut problems) = (Checked::default(), Problems::default());
    for item in Changes(lines) {
        match item {
            Ok(item) => checked.take(&item.change),
            Err(problem) => problems.push(problem),
        }
    }
    (checked, problems)
}

/// Checks a text of flows, as `rsadm conntrack load` does. It never panics, whatever the input.
pub fn fuzz(input: &[u8]) -> bool {
    check(input).is_ok()
}
