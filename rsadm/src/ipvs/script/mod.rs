//! The text format of `ipvsadm -S`, which `rsadm ipvs save` writes and `rsadm ipvs restore` reads.
//!
//! A script is a list of changes, one a line, in the words of ipvsadm's command line: `-A` adds a
//! service, `-a` a destination, and so on. [`parse`] checks a whole script before anything is done
//! with it and names the place of every mistake. It has no state outside its arguments and never
//! panics, whatever the input.
//!
//! ```
//! use rsadm::ipvs::script;
//!
//! let items = script::parse(b"-A -t 10.0.0.1:80 -s rr # web\n", &script::Numeric).unwrap();
//! assert_eq!(items[0].line, 1);
//!
//! let problems = script::parse(b"\n-A -t 10.0.0.1:http\n", &script::Numeric).unwrap_err();
//! assert!(problems.to_string().starts_with("2:7: 'http' is neither a port"));
//! ```

use std::fmt;

use ipvs::Change;

use super::values::Complaint;
pub use super::values::{Names, Numeric};

mod build;
mod line;
mod words;
pub mod write;

use build::Last;
use line::{Found, Line};
use words::Words;

/// How many problems are kept; the others are only counted.
const KEPT: usize = 20;

/// A change and the line that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Line number from 1.
    pub line: usize,
    /// What to do.
    pub change: Change,
}

impl AsRef<Change> for Item {
    fn as_ref(&self) -> &Change {
        &self.change
    }
}

/// A mistake in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line number from 1.
    pub line: usize,
    /// Column from 1, counted in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// The mistakes of a script, at most one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// The first of them.
    pub first: Vec<Problem>,
    /// How many there are.
    pub total: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.total += 1;
        if self.first.len() < KEPT {
            self.first.push(problem);
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.first.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A mistake at a byte of a line.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: Complaint,
}

impl Fault {
    fn new(at: usize, message: impl Into<Complaint>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Reads a script; `names` turns names of hosts and ports into numbers.
pub fn parse(input: &[u8], names: &dyn Names) -> Result<Vec<Item>, Problems> {
    let mut items = Vec::new();
    read(input, names, |item| items.push(item))?;
    Ok(items)
}

/// Checks a script and counts its changes.
pub fn check(input: &[u8], names: &dyn Names) -> Result<usize, Problems> {
    let mut count = 0;
    read(input, names, |_| count += 1)?;
    Ok(count)
}

fn read(input: &[u8], names: &dyn Names, mut take: impl FnMut(Item)) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for change in Changes::of(input, names) {
        match change {
            Ok(item) => take(item),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.total == 0 { Ok(()) } else { Err(problems) }
}

/// The changes of a script, line by line.
pub(crate) struct Changes<'a> {
    /// The lines to come; the last one ends without a line feed.
    rest: Option<&'a [u8]>,
    /// How many lines were read.
    line: usize,
    names: &'a dyn Names,
    room: Room,
}

/// Memory for one line at a time.
#[derive(Default)]
struct Room {
    words: Words,
    found: Vec<Found>,
    last: Last,
}

impl<'a> Changes<'a> {
    /// Reads a script.
    pub(crate) fn of(input: &'a [u8], names: &'a dyn Names) -> Self {
        // Editors of another system begin a file with a byte order mark.
        let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        Self { rest: Some(input), line: 0, names, room: Room::default() }
    }

    fn next_line(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        self.line += 1;
        match memchr::memchr(b'\n', rest) {
            Some(end) => {
                self.rest = Some(&rest[end + 1..]);
                Some(&rest[..end])
            }
            None => Some(rest),
        }
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Item, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let bytes = self.next_line()?;
            let line = self.line;
            match read_line(bytes, &mut self.room, self.names) {
                Ok(Some(change)) => return Some(Ok(Item { line, change })),
                Ok(None) => {}
                Err(fault) => {
                    let (column, message) = (column(bytes, fault.at), printable(&fault.message));
                    return Some(Err(Problem { line, column, message }));
                }
            }
        }
    }
}

/// The change that a line asks for; none on a blank line or a comment.
fn read_line(bytes: &[u8], room: &mut Room, names: &dyn Names) -> Result<Option<Change>, Fault> {
    let Room { words, found, last } = room;
    let (text, invalid) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let at = error.valid_up_to();
            (std::str::from_utf8(&bytes[..at]).unwrap_or_default(), Some(at))
        }
    };
    words.split(text)?;
    // A comment may be in any encoding.
    if let Some(at) = invalid.filter(|_| !words.comment) {
        return Err(Fault::new(at, "not UTF-8"));
    }
    if words.list().is_empty() {
        return Ok(None);
    }
    Line::read(text, words, found)?.change(names, last).map(Some)
}

/// The message with control characters spelled out: a script cannot play tricks on the terminal
/// that its mistakes are told on.
fn printable(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for character in message.chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// Column of a byte, counted in characters as editors do.
fn column(line: &[u8], at: usize) -> usize {
    let before = &line[..at.min(line.len())];
    before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() + 1
}

#[cfg(test)]
mod tests;
