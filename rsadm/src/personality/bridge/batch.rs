//! Files of commands: lines, and words in them.

use std::io::{BufRead, BufReader, Read};

use memchr::memchr;

use super::stop::Stop;

/// Most words of a line.
const MOST_WORDS: usize = 511;

/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;

/// Reads commands from a file.
#[derive(Debug)]
pub(super) struct Commands<R> {
    input: BufReader<R>,
    /// The number of the line that was read last, from 1.
    pub(super) number: usize,
}

/// What reading a command leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// The words of a line, which may be none.
    Words(Vec<Vec<u8>>),
    /// There are no more lines.
    End,
    /// The last line is to be continued, and is not.
    Unfinished,
}

impl<R: Read> Commands<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(BUFFER, input), number: 0 }
    }

    /// Whether the next line is there already, so that reading it does not wait.
    pub(super) fn is_at_hand(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }

    /// Reads the words of the next line and of those that it is continued by.
    pub(super) fn next(&mut self) -> Result<Command, Stop> {
        let Some(mut line) = self.line() else { return Ok(Command::End) };
        while let Some(at) = line.windows(2).position(|two| two == b"\\\n") {
            line.truncate(at);
            let Some(more) = self.line() else { return Ok(Command::Unfinished) };
            line.extend(more);
        }
        words(&line).map(Command::Words)
    }

    /// A line with its end and without its comment. What cannot be read is the end of the file.
    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match self.input.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => self.number += 1,
        }
        // A line is a C string.
        if let Some(end) = memchr::memchr2(b'#', 0, &line) {
            line.truncate(end);
        }
        Some(line)
    }
}

/// Words apart by blanks; one that begins with a quote ends with it.
fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, Stop> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = &rest[rest.iter().take_while(|byte| is_blank(byte)).count()..];
        let Some(first) = rest.first() else { return Ok(words) };
        if words.len() == MOST_WORDS {
            return Err(Stop::failed("Too many arguments to command"));
        }
        let (word, behind) = match first {
            quote @ (b'\'' | b'"') => {
                let quoted = &rest[1..];
                let end = memchr(*quote, quoted);
                let end = end.ok_or_else(|| Stop::failed("Unterminated quoted string"))?;
                (&quoted[..end], &quoted[end + 1..])
            }
            _ => rest.split_at(rest.iter().take_while(|byte| !is_blank(byte)).count()),
        };
        words.push(word.to_vec());
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The words of each line, with the number of the last line that they come from.
    fn read(text: &str) -> Vec<(usize, Vec<String>)> {
        let mut commands = Commands::new(text.as_bytes());
        let mut found = Vec::new();
        while let Ok(Command::Words(words)) = commands.next() {
            let words = words.into_iter().map(|word| String::from_utf8(word).expect("text"));
            found.push((commands.number, words.collect()));
        }
        found
    }

    fn lines(lines: &[(usize, &[&str])]) -> Vec<(usize, Vec<String>)> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        lines.iter().map(|(number, words)| (*number, owned(words))).collect()
    }

    #[test]
    fn lines_and_words() {
        assert_eq!(
            read("# no\n\nfdb show # all\r\n fdb\tadd 'a b' \"c'd\"e\r\nend"),
            lines(&[
                (1, &[]),
                (2, &[]),
                (3, &["fdb", "show"]),
                (4, &["fdb", "add", "a b", "c'd", "e"]),
                (5, &["end"]),
            ])
        );
        assert_eq!(
            read("a \\\n b \\\n c\nd # \\\ne\\ f\n"),
            lines(&[(3, &["a", "b", "c"]), (4, &["d"]), (5, &["e\\", "f"])])
        );
        assert_eq!(read("a b\0c d\ne"), lines(&[(1, &["a", "b"]), (2, &["e"])]));
        assert_eq!(read("a '' b"), lines(&[(1, &["a", "", "b"])]));
    }

    #[test]
    fn ends() {
        let end = |text: &str| Commands::new(text.as_bytes()).next();
        assert!(matches!(end(""), Ok(Command::End)));
        assert!(matches!(end("a \\\n"), Ok(Command::Unfinished)));
        assert!(matches!(end("a 'b"), Err(Stop::Program(1, _))));
        assert!(matches!(end(&"a ".repeat(511)), Ok(Command::Words(words)) if words.len() == 511));
        assert!(matches!(end(&"a ".repeat(512)), Err(Stop::Program(1, _))));
    }

    #[test]
    fn only_whole_lines_are_at_hand() {
        let mut commands = Commands::new(b"a\nb\nc".as_slice());
        assert!(!commands.is_at_hand());
        assert!(commands.next().is_ok() && commands.is_at_hand());
        assert!(commands.next().is_ok() && !commands.is_at_hand());
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(
            words in proptest::collection::vec("[^'#\\x00\\\\\n]{0,8}", 0..8))
        {
            let line = format!("'{}'\n", words.join("' '"));
            let words = if words.is_empty() { vec![String::new()] } else { words };
            prop_assert_eq!(read(&line), vec![(1, words)]);
        }

        #[test]
        fn lines_are_counted(text: Vec<u8>) {
            let mut commands = Commands::new(text.as_slice());
            while let Ok(Command::Words(words)) = commands.next() {
                prop_assert!(words.iter().all(|word| !word.contains(&0)));
            }
            prop_assert!(commands.number <= text.split(|byte| *byte == b'\n').count());
        }
    }
}
