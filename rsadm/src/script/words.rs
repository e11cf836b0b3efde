//! Splits a line of a script into words.
//!
//! Blanks, tabs and carriage returns separate words; single and double quotes keep a word
//! together, and a `#` at the start of a word begins a comment. There are no escapes: a quote
//! inside a word is written with the other kind of quote.

use super::Fault;

/// A word of a line: where it begins in the line, and its text in [`Words::text`]. Lines are kept
/// in 32 bits: [`LONGEST`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word {
    at: u32,
    start: u32,
    end: u32,
}

/// The longest line, in bytes.
const LONGEST: usize = u32::MAX as usize;

impl Word {
    fn new(at: usize, start: usize, end: usize) -> Self {
        Self { at: at as u32, start: start as u32, end: end as u32 }
    }

    /// Byte offset in the line, for messages.
    pub(crate) fn at(self) -> usize {
        self.at as usize
    }

    /// The rest of the word from `skip` bytes on.
    pub(crate) fn rest(self, skip: usize) -> Self {
        Self { at: self.at + skip as u32, start: self.start + skip as u32, end: self.end }
    }
}

/// What a byte means outside quotes.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Text,
    Separator,
    Quote,
    Control,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Text; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\r' => Class::Separator,
            b'"' | b'\'' => Class::Quote,
            byte if byte.is_ascii_control() => Class::Control,
            _ => Class::Text,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    CLASSES[usize::from(byte)]
}

/// Whether there are but words with blanks between, as on nearly every line. No byte ends the look at
/// them: so the compiler looks at many at once.
fn is_simple(line: &[u8]) -> bool {
    let odd = |byte| u8::from(matches!(byte, ..b' ' | b'"' | b'#' | b'\'' | 0x7f));
    line.iter().fold(0, |found, &byte| found | odd(byte)) == 0
}

/// Hands the place of every blank to `each`. Words are so short that a search for the end of each
/// takes longer than a look at eight bytes at a time.
fn each_blank(line: &[u8], mut each: impl FnMut(usize)) {
    const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
    const LOWER: u64 = u64::from_ne_bytes([0x7f; 8]);
    let (eights, rest) = line.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        // Of a blank nothing is left, so that neither the sum nor it has the upper bit of the byte.
        let odd = u64::from_le_bytes(*eight) ^ BLANKS;
        let mut blanks = !(((odd & LOWER) + LOWER) | odd | LOWER);
        while blanks != 0 {
            each(8 * index + blanks.trailing_zeros() as usize / 8);
            blanks &= blanks - 1;
        }
    }
    for (index, _) in rest.iter().enumerate().filter(|(_, byte)| **byte == b' ') {
        each(8 * eights.len() + index);
    }
}

/// The words of one line at a time; its memory is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Words {
    list: Vec<Word>,
    /// Text of the words of a line that has quotes.
    unquoted: String,
    quoted: bool,
    /// Whether the line ended in a comment.
    pub(crate) comment: bool,
}

impl Words {
    /// Splits a line.
    pub(crate) fn split(&mut self, line: &str) -> Result<(), Fault> {
        if line.len() > LONGEST {
            return Err(Fault::new(LONGEST, "no line is this long"));
        }
        self.list.clear();
        self.unquoted.clear();
        self.comment = false;
        self.quoted = false;
        if is_simple(line.as_bytes()) {
            self.split_simple(line.as_bytes());
            return Ok(());
        }
        self.split_plain(line)
    }

    /// The words in order.
    pub(crate) fn list(&self) -> &[Word] {
        &self.list
    }

    /// The text of a word of `line`.
    #[inline]
    pub(crate) fn text<'a>(&'a self, line: &'a str, word: Word) -> &'a str {
        let range = word.start as usize..word.end as usize;
        if self.quoted { &self.unquoted[range] } else { &line[range] }
    }

    fn split_simple(&mut self, line: &[u8]) {
        let mut start = 0;
        each_blank(line, |blank| {
            if start < blank {
                self.list.push(Word::new(start, start, blank));
            }
            start = blank + 1;
        });
        if start < line.len() {
            self.list.push(Word::new(start, start, line.len()));
        }
    }

    fn split_plain(&mut self, line: &str) -> Result<(), Fault> {
        let bytes = line.as_bytes();
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            match class(first) {
                Class::Separator => at += 1,
                Class::Text if first == b'#' => {
                    self.comment = true;
                    break;
                }
                Class::Text => {
                    let rest = &bytes[at..];
                    let length = rest.iter().position(|&byte| class(byte) != Class::Text);
                    let end = at + length.unwrap_or(rest.len());
                    self.list.push(Word::new(at, at, end));
                    at = end;
                }
                Class::Quote => {
                    self.list.clear();
                    self.quoted = true;
                    return self.split_quoted(line);
                }
                Class::Control => return Err(control_character(first, at)),
            }
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
            } else if letter.is_ascii() && class(letter as u8) == Class::Separator {
                self.finish(word.take());
                continue;
            } else if letter == '#' && word.is_none() {
                self.comment = true;
                return Ok(());
            }
            if letter.is_ascii_control() && letter != '\t' {
                return Err(control_character(letter as u8, at));
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
        Word::new(at, self.unquoted.len(), 0)
    }

    fn finish(&mut self, word: Option<Word>) {
        if let Some(word) = word {
            self.list.push(Word { end: self.unquoted.len() as u32, ..word });
        }
    }
}

fn control_character(byte: u8, at: usize) -> Fault {
    Fault::new(at, format!("control character 0x{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Result<Vec<(usize, String)>, String> {
        let mut words = Words::default();
        words.split(line).map_err(|fault| fault.message.into_owned())?;
        let list = words.list().iter();
        Ok(list.map(|word| (word.at(), words.text(line, *word).to_owned())).collect())
    }

    proptest! {
        #[test]
        fn blanks_and_tabs_separate_alike(line in "[-a\u{e4}0 ]{0,60}") {
            // Tabs are not simple.
            prop_assert!(is_simple(line.as_bytes()));
            let tabs = line.replace(' ', "\t");
            prop_assert!(tabs == line || !is_simple(tabs.as_bytes()));
            prop_assert_eq!(words(&line), words(&tabs));
        }
    }

    proptest! {
        #[test]
        fn every_blank_is_found(line: Vec<u8>, text in "[ !a\u{a0}\u{100a0}]{0,40}") {
            for line in [&line[..], text.as_bytes()] {
                let mut blanks = Vec::new();
                each_blank(line, |blank| blanks.push(blank));
                prop_assert_eq!(blanks, memchr::memchr_iter(b' ', line).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_is_not_simple() {
        for (line, expected) in [
            ("a  b", Ok(vec![(0, "a"), (3, "b")])),
            ("a 'b c'", Ok(vec![(0, "a"), (2, "b c")])),
            ("a #b", Ok(vec![(0, "a")])),
            ("a#b", Ok(vec![(0, "a#b")])),
            ("a\r", Ok(vec![(0, "a")])),
            ("a\x7f", Err("control character 0x7f")),
        ] {
            let expected = expected.map_err(str::to_owned);
            let expected = expected.map(|words| {
                words.into_iter().map(|(at, word)| (at, word.to_owned())).collect::<Vec<_>>()
            });
            assert_eq!(words(line), expected, "{line:?}");
        }
    }
}
