//! Lines of a file under /proc, one at a time in one reused buffer.

use std::io::{self, BufRead, Read};

use crate::{Error, Result};

/// Longest line that is looked at; the kernel's longest, a connection over IPv6 with
/// persistence data, has some 430 bytes.
const LONGEST: u64 = 16 * 1024;

/// Longest part of a line that an error repeats.
const LONGEST_QUOTE: usize = 200;

/// A reader of lines that knows the number of the present one.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    path: &'static str,
    line: Vec<u8>,
    number: usize,
    /// The present line is longer than `LONGEST`, its end is still to be read.
    overlong: bool,
}

impl<R: BufRead> Lines<R> {
    /// `path` is what errors name.
    pub(crate) fn new(reader: R, path: &'static str) -> Self {
        Self { reader, path, line: Vec::new(), number: 0, overlong: false }
    }

    /// Reads the next line; `false` at the end of the file.
    ///
    /// The kernel ends every line with a line feed, so a last line without one was cut off, and
    /// its last number may be wrong: that is an error.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        while self.overlong {
            self.overlong = self.fill()? == LONGEST && !self.line.ends_with(b"\n");
        }
        self.number += 1;
        let length = self.fill()?;
        if length == 0 {
            return Ok(false);
        }
        if self.line.ends_with(b"\n") {
            self.line.pop();
            return Ok(true);
        }
        self.overlong = length == LONGEST;
        Err(self.not_understood())
    }

    fn fill(&mut self) -> Result<u64> {
        self.line.clear();
        if let Some(length) = self.fill_from_buffer()? {
            return Ok(length);
        }
        let mut bounded = (&mut self.reader).take(LONGEST);
        match bounded.read_until(b'\n', &mut self.line) {
            Ok(length) => Ok(length as u64),
            Err(source) => Err(read_error(self.path, source)),
        }
    }

    /// Takes a line that is in the reader's buffer as a whole, as nearly every line is, or the end of
    /// the file.
    fn fill_from_buffer(&mut self) -> Result<Option<u64>> {
        let buffer = match self.reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            result => result.map_err(|source| read_error(self.path, source))?,
        };
        if buffer.is_empty() {
            return Ok(Some(0));
        }
        let end = memchr::memchr(b'\n', buffer).filter(|end| (*end as u64) < LONGEST);
        let Some(end) = end else { return Ok(None) };
        self.line.extend_from_slice(&buffer[..=end]);
        self.reader.consume(end + 1);
        Ok(Some(end as u64 + 1))
    }

    /// Names another file in errors.
    pub(crate) fn set_path(&mut self, path: &'static str) {
        self.path = path;
    }

    /// The present line, without its line feed.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The error for the present line.
    pub(crate) fn not_understood(&self) -> Error {
        let quote = self.line.get(..LONGEST_QUOTE).unwrap_or(&self.line);
        let text = String::from_utf8_lossy(quote).chars().flat_map(printable).collect::<String>();
        Error::Line { path: self.path, line: self.number, text: text.into() }
    }
}

/// Control characters as escapes, so that an error cannot play tricks on a terminal.
fn printable(character: char) -> impl Iterator<Item = char> {
    let escape = character.is_control().then(|| character.escape_default());
    let plain = (!character.is_control()).then_some(character);
    escape.into_iter().flatten().chain(plain)
}

/// The error for a file that could not be read.
pub(crate) fn read_error(path: &str, source: io::Error) -> Error {
    Error::File { action: "read", path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Lines<&[u8]> {
        Lines::new(bytes, "/proc/net/ip_vs")
    }

    #[test]
    fn lines_are_numbered_and_lose_their_line_feed() {
        let mut lines = lines(b"one\n\nthree\n");
        for expected in [&b"one"[..], b"", b"three"] {
            assert!(lines.advance().unwrap());
            assert_eq!(lines.line(), expected);
        }
        assert_eq!(lines.number, 3);
        assert!(!lines.advance().unwrap());
        assert!(!lines.advance().unwrap());
    }

    #[test]
    fn a_line_that_was_cut_off_is_an_error() {
        let mut lines = lines(b"one\ntw");
        assert!(lines.advance().unwrap());
        assert_eq!(
            lines.advance().unwrap_err().to_string(),
            "/proc/net/ip_vs:2: not understood: tw"
        );
        assert!(!lines.advance().unwrap());
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory_and_the_next_is_read() {
        for length in [LONGEST - 1, LONGEST, LONGEST + 1, 3 * LONGEST, 3 * LONGEST + 5] {
            let mut text = vec![b'x'; length as usize];
            text.extend(b"\nnext\n");
            let mut lines = lines(&text);
            let first = lines.advance();
            assert_eq!(first.is_ok(), length < LONGEST, "{length}");
            assert!(lines.line.capacity() <= 2 * LONGEST as usize);
            assert!(lines.advance().unwrap());
            assert_eq!((lines.line(), lines.number), (&b"next"[..], 2), "{length}");
            assert!(!lines.advance().unwrap());
        }
    }

    #[test]
    fn a_quote_is_bounded_and_printable() {
        let mut text = b"\x1b[2J\xff".to_vec();
        text.extend([b'x'; 500]);
        text.push(b'\n');
        let mut lines = lines(&text);
        lines.advance().unwrap();
        let message = lines.not_understood().to_string();
        assert!(message.contains("\\u{1b}[2J\u{fffd}xxx"), "{message}");
        assert!(message.len() < 300, "{message}");
    }
}
