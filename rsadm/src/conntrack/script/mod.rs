//! The text that `rsadm conntrack save` writes and `load` reads.
//!
//! A line is one flow, in the words of conntrack's command line, and in words of our own for what
//! that has none for: labels by number, what TCP knows of both sides, masters. What
//! `conntrack -o save` writes is read as well.

use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use conntrack::{Capability, Change, Key, Labels, Prepared, Protocol};

use crate::script::{Lines, Pieces, Problems};

/// Bytes of a text that are read at once. A shorter text is not worth a second thread.
const PIECE: usize = 256 * 1024;

mod line;
#[cfg(test)]
mod tests;
pub(super) mod write;

/// The changes of a piece of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) changes: Prepared,
    /// The lines that ask for them.
    pub(super) lines: Vec<usize>,
}

/// What a text asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) parts: Vec<Part>,
    /// Flows of protocols that not every kernel tracks, one of each.
    pub(super) rare: Vec<Protocol>,
    /// A flow that is to have labels.
    pub(super) labelled: Option<Key>,
}

impl Checked {
    /// How many changes.
    pub(super) fn count(&self) -> usize {
        self.parts.iter().map(|part| part.lines.len()).sum()
    }

    fn add(&mut self, more: Self) {
        self.parts.extend(more.parts);
        more.rare.into_iter().for_each(|protocol| self.add_rare(protocol));
        self.labelled = more.labelled.or(self.labelled);
    }

    fn add_rare(&mut self, protocol: Protocol) {
        if !self.rare.contains(&protocol) {
            self.rare.push(protocol);
        }
    }

    /// Notes what has to be looked at besides.
    fn note(&mut self, change: &Change) {
        let (Change::Create(flow) | Change::Put(flow)) = change else { return };
        let protocol = flow.original.protocol;
        if Capability::of_tracking(protocol).is_some() {
            self.add_rare(protocol);
        }
        if flow.settings.labels.is_some_and(|labels| labels.value != Labels::NONE) {
            self.labelled = Some(flow.key());
        }
    }
}

/// What a piece of a text asks for, and what is wrong in it.
#[derive(Debug)]
struct Piece {
    number: usize,
    checked: Checked,
    problems: Problems,
}

impl Piece {
    fn of((number, mut lines): (usize, Lines<'_>)) -> Self {
        // A flow in the kernel's form takes less room than its line.
        let changes = Prepared::with_capacity(lines.size());
        let mut part = Part { changes, lines: Vec::new() };
        let (mut checked, mut problems) = (Checked::default(), Problems::default());
        while let Some(next) = lines.next(line::read) {
            match next {
                Ok((line, change)) => {
                    checked.note(&change);
                    part.changes.push(&change);
                    part.lines.push(line);
                }
                Err(problem) => problems.push(problem),
            }
        }
        checked.parts.push(part);
        Self { number, checked, problems }
    }
}

/// Checks a text, and tells what it asks for. A long one is checked by two threads: each reads the
/// next piece, and has its changes ready for the kernel.
pub(super) fn check(input: impl Read + Send) -> io::Result<Result<Checked, Problems>> {
    let mut pieces = Pieces::of(input, PIECE);
    let mut text = Vec::new();
    let first = pieces.next(&mut text)?;
    let is_short = pieces.is_ended();
    let pieces = Mutex::new(pieces);
    thread::scope(|scope| {
        let start = || thread::Builder::new().spawn_scoped(scope, || check_rest(&pieces)).ok();
        let other = if is_short { None } else { start() };
        let mut checked: Vec<_> = first.into_iter().map(Piece::of).collect();
        checked.extend(check_rest(&pieces)?);
        if let Some(other) = other {
            checked.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(join(checked))
    })
}

/// Checks pieces until there are no more.
fn check_rest(pieces: &Mutex<Pieces<impl Read>>) -> io::Result<Vec<Piece>> {
    let (mut text, mut checked) = (Vec::new(), Vec::new());
    loop {
        let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).next(&mut text)?;
        let Some(piece) = next else { return Ok(checked) };
        checked.push(Piece::of(piece));
    }
}

/// What the pieces ask for together.
fn join(mut pieces: Vec<Piece>) -> Result<Checked, Problems> {
    pieces.sort_unstable_by_key(|piece| piece.number);
    let (mut checked, mut problems) = (Checked::default(), Problems::default());
    for piece in pieces {
        checked.add(piece.checked);
        problems.add(piece.problems);
    }
    if problems.total == 0 { Ok(checked) } else { Err(problems) }
}

/// Checks a text in pieces of another size, on one thread.
fn check_in_pieces(text: &[u8], size: usize) -> Result<Checked, Problems> {
    join(check_rest(&Mutex::new(Pieces::of(text, size))).unwrap_or_default())
}

/// Checks a text of flows, as `rsadm conntrack load` does. It never panics, whatever the input, and
/// says the same of a text in small pieces.
pub fn fuzz(input: &[u8]) -> bool {
    let told = |size| {
        let checked = check_in_pieces(input, size)?;
        let lines: Vec<_> = checked.parts.into_iter().flat_map(|part| part.lines).collect();
        Ok::<_, Problems>((lines, checked.rare, checked.labelled))
    };
    let whole = told(PIECE);
    assert_eq!(whole, told(64));
    whole.is_ok()
}
