//! Files of commands, one a line: their words, and the places of their mistakes.

use std::borrow::Cow;
use std::fmt;

use crate::failure::Failure;

mod input;
mod pieces;
mod words;

pub(crate) use input::{Input, read};
pub(crate) use pieces::Pieces;
pub(crate) use words::{Word, Words};

/// How many problems are kept; the others are only counted.
const KEPT: usize = 20;

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

impl Problems {
    /// Adds those of what follows.
    pub(crate) fn add(&mut self, more: Self) {
        let room = KEPT.saturating_sub(self.first.len());
        self.total += more.total;
        self.first.extend(more.first.into_iter().take(room));
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
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) message: Cow<'static, str>,
}

impl Fault {
    pub(crate) fn new(at: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Self { at, message: message.into() }
    }
}

/// The lines of a file, one by one.
pub(crate) struct Lines<'a> {
    /// The lines to come; the last one ends without a line feed.
    rest: Option<&'a [u8]>,
    /// How many lines were read.
    line: usize,
    words: Words,
}

impl<'a> Lines<'a> {
    /// Reads a file.
    pub(crate) fn of(input: &'a [u8]) -> Self {
        // Editors of another system begin a file with a byte order mark.
        let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        Self { rest: Some(input), line: 0, words: Words::default() }
    }

    /// Reads what is left of a file behind so many lines.
    pub(crate) fn behind(lines: usize, rest: &'a [u8]) -> Self {
        Self { rest: Some(rest), line: lines, words: Words::default() }
    }

    /// Bytes of the lines to come.
    pub(crate) fn size(&self) -> usize {
        self.rest.map_or(0, <[u8]>::len)
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

    /// Reads the next line that has words, and answers its number and what was read.
    pub(crate) fn next<T>(
        &mut self,
        mut read: impl FnMut(&str, &Words) -> Result<T, Fault>,
    ) -> Option<Result<(usize, T), Problem>> {
        loop {
            let bytes = self.next_line()?;
            let line = self.line;
            match read_line(bytes, &mut self.words, &mut read) {
                Ok(Some(value)) => return Some(Ok((line, value))),
                Ok(None) => {}
                Err(fault) => {
                    let (column, message) = (column(bytes, fault.at), printable(&fault.message));
                    return Some(Err(Problem { line, column, message }));
                }
            }
        }
    }
}

/// What a line says; nothing on a blank line or a comment.
fn read_line<T>(
    bytes: &[u8],
    words: &mut Words,
    read: &mut impl FnMut(&str, &Words) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
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
    read(text, words).map(Some)
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

/// Tells the mistakes of a file with their places.
pub(crate) fn mistakes(name: &str, problems: &Problems) -> Failure {
    let mut lines: Vec<_> =
        problems.first.iter().map(|problem| format!("{name}:{problem}")).collect();
    let more = problems.total - lines.len();
    if more > 0 {
        lines.push(format!("{name}: {more} more mistakes"));
    }
    lines.push("nothing was changed".to_owned());
    Failure::usage(lines.join("\n"))
}
