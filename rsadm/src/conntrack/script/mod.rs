//! The text that `rsadm conntrack save` writes and `load` reads.
//!
//! A line is one flow, in the words of conntrack's command line, and in words of our own for what
//! that has none for: labels by number, what TCP knows of both sides, masters. What
//! `conntrack -o save` writes is read as well.

use conntrack::Change;

use crate::script::{Lines, Problem, Problems};

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

/// Checks a text and counts its changes.
pub(super) fn check(input: &[u8]) -> Result<usize, Problems> {
    let mut problems = Problems::default();
    let mut count = 0;
    for change in Changes::of(input) {
        match change {
            Ok(_) => count += 1,
            Err(problem) => problems.push(problem),
        }
    }
    if problems.total == 0 { Ok(count) } else { Err(problems) }
}

/// Checks a text of flows, as `rsadm conntrack load` does. It never panics, whatever the input.
pub fn fuzz(input: &[u8]) -> bool {
    check(input).is_ok()
}
