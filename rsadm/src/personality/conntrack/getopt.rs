//! A walk over words as the GNU C library's `getopt_long` does it.
//!
//! Options may follow other words, which are moved behind them; names may be abbreviated. What
//! conntrack then shows and takes (`argv[optind - 1]` in complaints, `argv[optind]` as the value
//! that belongs to an option without having to) depends on that moving, so it is done alike.

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Without,
    Required,
    /// Only in the same word: `-nVALUE`, `--name=VALUE`.
    Optional,
}

/// An option: its name and what it stands for. Two names of one option have the same key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<K> {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) key: K,
}

/// The options of a command line.
pub(super) trait Table<K> {
    /// What a letter stands for.
    fn letter(&self, letter: u8) -> Option<(K, Value)>;
    /// The options that have names, in the order in which they are looked at.
    fn named(&self) -> &[Named<K>];
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a, K> {
    Option(K, Option<&'a [u8]>),
    Unknown,
    MissingValue,
    End,
}

/// Walks over the words of a command line, the program's name among them.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    words: Vec<&'a [u8]>,
    /// The next word to look at.
    next: usize,
    /// What is left of a word of letters.
    letters: &'a [u8],
    /// The words that were passed over: from here,
    passed_from: usize,
    /// to here.
    passed_to: usize,
    /// Ends at the first word that is no option, as POSIX has it.
    posix: bool,
}

impl<'a> Walk<'a> {
    /// `posix` is what the environment variable `POSIXLY_CORRECT` asks for.
    pub(super) fn new(words: Vec<&'a [u8]>, posix: bool) -> Self {
        Self { words, next: 1, letters: b"", passed_from: 1, passed_to: 1, posix }
    }

    /// The word before the next one, which complaints show.
    pub(super) fn shown_word(&self) -> &'a [u8] {
        self.next.checked_sub(1).and_then(|at| self.words.get(at)).copied().unwrap_or_default()
    }

    /// The next word if it can be a value: it stays where it is, and is not taken for an option.
    pub(super) fn following_word(&self) -> Option<&'a [u8]> {
        let word = *self.words.get(self.next)?;
        (!matches!(word.first(), Some(b'-' | b'!'))).then_some(word)
    }

    /// The next option.
    pub(super) fn next<K: Copy + PartialEq>(&mut self, table: &impl Table<K>) -> Next<'a, K> {
        if !self.letters.is_empty() {
            return self.short(table);
        }
        self.pass_over();
        let Some(word) = self.words.get(self.next).copied() else { return Next::End };
        match word {
            [b'-', b'-', name @ ..] => self.long(table, name),
            [b'-', letters @ ..] if !letters.is_empty() => {
                self.letters = letters;
                self.short(table)
            }
            _ => Next::End,
        }
    }

    /// Goes to the next option, and moves the words that were passed over behind those since.
    fn pass_over(&mut self) {
        self.passed_to = self.passed_to.min(self.next);
        self.passed_from = self.passed_from.min(self.next);
        if !self.posix {
            self.move_passed();
            while self.words.get(self.next).is_some_and(|word| !is_option(word)) {
                self.next += 1;
            }
            self.passed_to = self.next;
        }
        if self.words.get(self.next) == Some(&b"--".as_slice()) {
            self.next += 1;
            self.move_passed();
            self.passed_to = self.words.len();
            self.next = self.words.len();
        }
    }

    fn move_passed(&mut self) {
        if self.passed_from == self.passed_to {
            self.passed_from = self.next;
        } else if self.passed_to != self.next {
            let since = self.next - self.passed_to;
            self.words[self.passed_from..self.next].rotate_right(since);
            self.passed_from += since;
            self.passed_to = self.next;
        }
    }

    /// The first of the letters; what follows is its value or further letters.
    fn short<K: Copy>(&mut self, table: &impl Table<K>) -> Next<'a, K> {
        let Some((letter, behind)) = self.letters.split_first() else { return Next::End };
        self.letters = behind;
        if behind.is_empty() {
            self.next += 1;
        }
        let Some((key, value)) = table.letter(*letter) else { return Next::Unknown };
        if value == Value::Without {
            return Next::Option(key, None);
        }
        self.letters = b"";
        if !behind.is_empty() {
            self.next += 1;
            return Next::Option(key, Some(behind));
        }
        self.value_behind(key, value)
    }

    /// `--NAME` or `--NAME=VALUE`.
    fn long<K: Copy + PartialEq>(&mut self, table: &impl Table<K>, text: &'a [u8]) -> Next<'a, K> {
        let (name, glued) = match text.iter().position(|byte| *byte == b'=') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        self.next += 1;
        let Some(Named { value, key, .. }) = find(table.named(), name) else {
            return Next::Unknown;
        };
        match glued {
            Some(_) if value == Value::Without => Next::Unknown,
            Some(glued) => Next::Option(key, Some(glued)),
            None => self.value_behind(key, value),
        }
    }

    fn value_behind<K>(&mut self, key: K, value: Value) -> Next<'a, K> {
        if value != Value::Required {
            return Next::Option(key, None);
        }
        let Some(word) = self.words.get(self.next).copied() else { return Next::MissingValue };
        self.next += 1;
        Next::Option(key, Some(word))
    }
}

fn is_option(word: &[u8]) -> bool {
    word.len() > 1 && word[0] == b'-'
}

/// The option of that name, or the one that the name is the beginning of.
fn find<K: Copy + PartialEq>(table: &[Named<K>], name: &[u8]) -> Option<Named<K>> {
    if let Some(exact) = table.iter().find(|option| option.name.as_bytes() == name) {
        return Some(*exact);
    }
    let mut candidates = table.iter().filter(|option| option.name.as_bytes().starts_with(name));
    let first = candidates.next()?;
    let same = |other: &Named<K>| other.key == first.key && other.value == first.value;
    candidates.all(same).then_some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Options;

    const NAMED: &[Named<char>] = &[
        Named { name: "list", value: Value::Optional, key: 'L' },
        Named { name: "label", value: Value::Required, key: 'l' },
        Named { name: "label-add", value: Value::Required, key: '<' },
        Named { name: "orig-src", value: Value::Required, key: 's' },
        Named { name: "orig-source", value: Value::Required, key: 's' },
        Named { name: "zero", value: Value::Without, key: 'z' },
    ];

    impl Table<char> for Options {
        fn letter(&self, letter: u8) -> Option<(char, Value)> {
            let key = char::from(letter);
            NAMED.iter().find(|named| named.key == key).map(|named| (key, named.value))
        }

        fn named(&self) -> &[Named<char>] {
            NAMED
        }
    }

    /// The options of a line, the complaint, and the words that are left.
    fn walk(line: &str) -> String {
        walk_posix(line, false)
    }

    fn walk_posix(line: &str, posix: bool) -> String {
        let words = line.split(' ').map(str::as_bytes).collect();
        let mut walk = Walk::new(words, posix);
        let mut text = Vec::new();
        loop {
            match walk.next(&Options) {
                Next::Option(key, None) => text.push(key.to_string()),
                Next::Option(key, Some(value)) => {
                    text.push(format!("{key}={}", String::from_utf8_lossy(value)));
                }
                Next::End => break,
                stop => {
                    let shown = String::from_utf8_lossy(walk.shown_word()).into_owned();
                    text.push(format!("{stop:?} {shown}"));
                    break;
                }
            }
        }
        text.join(" ")
    }

    #[test]
    fn letters_and_names() {
        assert_eq!(walk("ct -L -z"), "L z");
        assert_eq!(walk("ct -zL"), "z L");
        assert_eq!(walk("ct -Lz"), "L=z");
        assert_eq!(walk("ct -l a -lb --label c --label=d --label="), "l=a l=b l=c l=d l=");
        assert_eq!(walk("ct --list=x --list x"), "L=x L");
        assert_eq!(walk("ct -l -z"), "l=-z");
    }

    #[test]
    fn names_may_be_short_if_they_say_which() {
        assert_eq!(walk("ct --z"), "z");
        assert_eq!(walk("ct --orig a"), "s=a");
        assert_eq!(walk("ct --label a"), "l=a");
        assert_eq!(walk("ct --label- a"), "<=a");
        assert_eq!(walk("ct --l a"), "Unknown --l");
        assert_eq!(walk("ct --=a"), "Unknown --=a");
    }

    #[test]
    fn complaints_show_the_word_before_the_next() {
        assert_eq!(walk("ct --bogus"), "Unknown --bogus");
        assert_eq!(walk("ct -L --zero=x"), "L Unknown --zero=x");
        assert_eq!(walk("ct -L -l"), "L MissingValue -l");
        assert_eq!(walk("ct -L --label"), "L MissingValue --label");
        assert_eq!(walk("ct -L -zl"), "L z MissingValue -zl");
        assert_eq!(walk("ct -L -zq"), "L z Unknown -zq");
        // The word of letters is not done yet.
        assert_eq!(walk("ct -L -zqz"), "L z Unknown -L");
        assert_eq!(walk("ct -zqz"), "z Unknown ct");
    }

    #[test]
    fn other_words_are_passed_over() {
        assert_eq!(walk("ct a -L b -z c - -l d"), "L z l=d");
        assert_eq!(walk("ct a -L -- -z"), "L");
        assert_eq!(walk_posix("ct -L a -z", true), "L");
    }

    #[test]
    fn words_move_behind_the_options() {
        let words = ["ct", "a", "-L", "b", "c", "-z"].map(str::as_bytes).to_vec();
        let mut walk = Walk::new(words, false);
        assert_eq!(walk.next(&Options), Next::Option('L', None));
        assert_eq!(walk.following_word(), Some(b"b".as_slice()));
        assert_eq!(walk.next(&Options), Next::Option('z', None));
        assert_eq!(walk.following_word(), None);
        assert_eq!(walk.next(&Options), Next::End);
        let expected = ["ct", "-L", "-z", "a", "b", "c"].map(str::as_bytes);
        assert_eq!(walk.words, expected);
    }

    #[test]
    fn negations_and_options_are_no_values() {
        for (next, expected) in [("!x", None), ("-x", None), ("x", Some("x")), ("", Some(""))] {
            let mut walk = Walk::new(vec![b"ct", b"-L", next.as_bytes()], false);
            assert_eq!(walk.next(&Options), Next::Option('L', None));
            assert_eq!(walk.following_word(), expected.map(str::as_bytes), "{next}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_words_end(
            words in proptest::collection::vec(
                proptest::collection::vec(0_usize..8, 0..6), 0..8), posix: bool
        ) {
            let words: Vec<Vec<u8>> = words
                .into_iter()
                .map(|word| word.into_iter().map(|at| b"-aLlz=!-"[at]).collect())
                .collect();
            let length: usize = words.iter().map(|word| word.len() + 1).sum();
            let mut borrowed = vec![b"ct".as_slice()];
            borrowed.extend(words.iter().map(Vec::as_slice));
            let mut walk = Walk::new(borrowed, posix);
            for _ in 0..=length {
                if walk.next(&Options) == Next::End {
                    return Ok(());
                }
            }
            proptest::prop_assert!(false, "it does not end");
        }
    }
}
