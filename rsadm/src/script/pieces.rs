//! A text that is read piece by piece.

use std::io::{self, Read};

use super::Lines;

/// A text in pieces of whole lines. Whoever works on one may have the next one read by somebody
/// else.
pub(crate) struct Pieces<R> {
    input: R,
    size: usize,
    /// The begin of a line, which was read together with the lines before it.
    begin: Vec<u8>,
    /// How many pieces were read, and how many lines.
    count: usize,
    lines: usize,
    ended: bool,
}

impl<R: Read> Pieces<R> {
    /// Reads so many bytes at a time. A piece is longer than that where a line is.
    pub(crate) fn of(input: R, size: usize) -> Self {
        Self { input, size, begin: Vec::new(), count: 0, lines: 0, ended: false }
    }

    /// Whether there are no more.
    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Reads the next piece into `text`, and answers which one it is and its lines.
    pub(crate) fn next<'t>(
        &mut self,
        text: &'t mut Vec<u8>,
    ) -> io::Result<Option<(usize, Lines<'t>)>> {
        if self.ended {
            return Ok(None);
        }
        text.clear();
        text.append(&mut self.begin);
        let end = self.fill(text)?;
        self.begin.extend_from_slice(&text[end..]);
        text.truncate(end);
        let (number, before) = (self.count, self.lines);
        self.count += 1;
        self.lines += memchr::memchr_iter(b'\n', text).count();
        let lines = if number == 0 { Lines::of(text) } else { Lines::behind(before, text) };
        Ok(Some((number, lines)))
    }

    /// Reads behind the begin of a line until a line ends, and answers where the last one does.
    fn fill(&mut self, text: &mut Vec<u8>) -> io::Result<usize> {
        // After an error there is nothing more.
        self.ended = true;
        loop {
            let before = text.len();
            let most = self.size as u64;
            if self.input.by_ref().take(most).read_to_end(text)? < self.size {
                return Ok(text.len());
            }
            if let Some(end) = memchr::memrchr(b'\n', &text[before..]) {
                self.ended = false;
                return Ok(before + end + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The pieces of a text with the numbers of their first lines.
    fn pieces(text: &[u8], size: usize) -> Vec<(usize, Vec<u8>)> {
        let mut pieces = Pieces::of(text, size);
        let (mut buffer, mut found) = (Vec::new(), Vec::new());
        while let Some((number, lines)) = pieces.next(&mut buffer).expect("read") {
            assert_eq!(number, found.len());
            let line = lines.line;
            found.push((line, buffer.clone()));
        }
        assert!(pieces.is_ended());
        found
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_cut_at_the_ends_of_lines(
            text in "[a\u{e4}\n]{0,200}",
            size in 1_usize..40,
        ) {
            let found = pieces(text.as_bytes(), size);
            let mut all = Vec::new();
            for (index, (line, piece)) in found.iter().enumerate() {
                prop_assert_eq!(*line, memchr::memchr_iter(b'\n', &all).count());
                prop_assert!(index + 1 == found.len() || piece.ends_with(b"\n"));
                // No longer than the begin of a line, so many bytes, and the rest of a long line.
                let longest = text.split('\n').map(str::len).max().unwrap_or_default();
                prop_assert!(piece.len() <= longest + 2 * size);
                all.extend_from_slice(piece);
            }
            prop_assert_eq!(all, text.as_bytes());
        }
    }

    #[test]
    fn a_short_text_is_one_piece() {
        assert_eq!(pieces(b"", 8), [(0, vec![])]);
        assert_eq!(pieces(b"a\nb", 8), [(0, b"a\nb".to_vec())]);
        assert_eq!(pieces(b"a\nbcdefghij", 8), [(0, b"a\n".to_vec()), (1, b"bcdefghij".to_vec())]);
    }

    #[test]
    fn nothing_follows_an_error() {
        let folder = std::fs::File::open("/").expect("opened");
        let mut pieces = Pieces::of(folder, 8);
        let mut text = Vec::new();
        assert!(pieces.next(&mut text).is_err());
        assert!(matches!(pieces.next(&mut text), Ok(None)));
    }
}
