//! Splits a line of a script into words.
//!
//! Blanks, tabs and carriage returns separate words; single and double quotes keep a word
//! together, and a `#` at the start of a word begins a comment. There are no escapes: a quote
//! inside a word is written with the other kind of quote.

use super::Fault;

/// A word of a line: where it begins in the line, and its text in [`Words::text`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// Byte offset in the line, for messages.
    pub(super) at: usize,
    start: usize,
    end: usize,
}

impl Word {
    /// The rest of the word from `skip` bytes on.
    pub(super) fn rest(self, skip: usize) -> Self {
        Self { at: self.at + skip, start: self.start + skip, end: self.end }
    }
}

/// The words of one line at a time; its memory is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Words {
    list: Vec<Word>,
    /// Text of the words of a line that has quotes.
    unquoted: String,
    quoted: bool,
    /// Whether the line ended in a comment.
    pub(super) comment: bool,
}

impl Words {
    /// Splits a line.
    pub(super) fn split(&mut self, line: &str) -> Result<(), Fault> {
        self.list.clear();
        self.unquoted.clear();
        self.comment = false;
        self.quoted = line.bytes().any(|byte| byte == b'"' || byte == b'\'');
        if self.quoted { self.split_quoted(line) } else { self.split_plain(line) }
    }

    /// The words in order.
    pub(super) fn list(&self) -> &[Word] {
        &self.list
    }

    /// The text of a word of `line`.
    pub(super) fn text<'a>(&'a self, line: &'a str, word: Word) -> &'a str {
        if self.quoted { &self.unquoted[word.start..word.end] } else { &line[word.start..word.end] }
    }

    fn split_plain(&mut self, line: &str) -> Result<(), Fault> {
        let mut start = None;
        for (at, byte) in line.bytes().enumerate() {
            if is_separator(byte) {
                if let Some(start) = start.take() {
                    self.list.push(Word { at: start, start, end: at });
                }
            } else if start.is_none() {
                if byte == b'#' {
                    self.comment = true;
                    return Ok(());
                }
                check(byte, at)?;
                start = Some(at);
            } else {
                check(byte, at)?;
            }
        }
        if let Some(start) = start {
            self.list.push(Word { at: start, start, end: line.len() });
        }
        Ok(())
    }

    fn split_quoted(&mut self, line: &str) -> Result<(), Fault> {
        let mut word: Option<Word> = None;
        let mut quote: Option<(usize, char)> = None;
        for (at, letter) in line.char_indices() {
            if let Some((_, open)) = quote {
                if letter == open {
                    quote = None;
                    continue;
                }
            } else if letter == '"' || letter == '\'' {
                quote = Some((at, letter));
                word.get_or_insert_with(|| self.begin(at));
                continue;
            } else if letter.is_ascii() && is_separator(letter as u8) {
                self.finish(word.take());
                continue;
            } else if letter == '#' && word.is_none() {
                self.comment = true;
                return Ok(());
            }
            if letter.is_ascii() {
                check(letter as u8, at)?;
            }
            word.get_or_insert_with(|| self.begin(at));
            self.unquoted.push(letter);
        }
        if let Some((at, _)) = quote {
            return Err(Fault::new(at, "the quote that begins here does not end on this line"));
        }
        self.finish(word);
        Ok(())
    }

    fn begin(&self, at: usize) -> Word {
        Word { at, start: self.unquoted.len(), end: 0 }
    }

    fn finish(&mut self, word: Option<Word>) {
        if let Some(word) = word {
            self.list.push(Word { end: self.unquoted.len(), ..word });
        }
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

fn check(byte: u8, at: usize) -> Result<(), Fault> {
    if byte.is_ascii_control() && byte != b'\t' {
        return Err(Fault::new(at, format!("control character 0x{byte:02x}")));
    }
    Ok(())
}
