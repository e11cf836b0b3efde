//! Files of commands: `-R`.

use std::io::{self, BufRead};

use super::stop::Stop;

/// The longest word, with the byte that ends it in C.
const LONGEST_WORD: usize = 1024;
/// The most words of a line.
const MOST_WORDS: usize = 253;
/// A line is cut into pieces of this length, with the byte that ends it in C.
const LONGEST_LINE: usize = 10240;

/// The words of each line that has some.
pub(super) fn read(input: &mut impl BufRead) -> Result<Vec<Vec<Vec<u8>>>, Stop> {
    let mut commands = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(commands),
            Ok(_) => {}
            Err(error) => return Err(unreadable(&error)),
        }
        for piece in line.chunks(LONGEST_LINE - 1) {
            let words = words(piece)?;
            if !words.is_empty() {
                commands.push(words);
            }
        }
    }
}

fn unreadable(error: &io::Error) -> Stop {
    Stop::refused(format!("cannot read the commands: {error}"))
}

/// The words of a line: apart by blanks, in quotes where they have some themselves. A comment has
/// none.
fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, Stop> {
    let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let line = &line[start..];
    if matches!(line.first(), None | Some(b'\n' | b'#')) {
        return Ok(Vec::new());
    }
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut quoted = false;
    let mut escaped = false;
    for byte in line {
        match byte {
            _ if escaped => {
                word.push(*byte);
                escaped = false;
            }
            b'\\' if quoted => escaped = true,
            b'"' if quoted => {
                quoted = false;
                add(&mut words, std::mem::take(&mut word))?;
            }
            b'"' => quoted = true,
            b' ' | b'\t' | b'\n' if !quoted => {
                if !word.is_empty() {
                    add(&mut words, std::mem::take(&mut word))?;
                }
            }
            _ => word.push(*byte),
        }
        if word.len() >= LONGEST_WORD {
            return Err(Stop::usage("Parameter too long!"));
        }
    }
    // Quotes that are not closed take the end of the line in.
    if !word.is_empty() {
        add(&mut words, word)?;
    }
    Ok(words)
}

fn add(words: &mut Vec<Vec<u8>>, word: Vec<u8>) -> Result<(), Stop> {
    if words.len() == MOST_WORDS {
        return Err(Stop::usage("too many arguments"));
    }
    words.push(word);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> String {
        match read(&mut text.as_bytes()) {
            Ok(commands) => commands
                .iter()
                .map(|words| {
                    let words = words.iter().map(|word| String::from_utf8_lossy(word));
                    words.collect::<Vec<_>>().join("|")
                })
                .collect::<Vec<_>>()
                .join(";"),
            Err(stop) => String::from_utf8_lossy(&stop.message).into_owned(),
        }
    }

    #[test]
    fn lines_and_words() {
        assert_eq!(split("-D -s 1.1.1.1\n  \t-F\n"), "-D|-s|1.1.1.1;-F");
        assert_eq!(split("# comment\n\n   # another\n \n-F\n"), "-F");
        assert_eq!(split("-D \"a b\" \"c\\\"d\" e\\f\n"), "-D|a b|c\"d|e\\f");
        assert_eq!(split("-D a\"b c\"d\n"), "-D|ab c|d");
        assert_eq!(split("-F \"\"\n"), "-F|");
        assert_eq!(split("-F"), "-F");
        assert_eq!(split("-F \"a b\n-F\n"), "-F|a b\n;-F");
    }

    #[test]
    fn limits() {
        assert_eq!(split(&format!("-D {}\n", "x".repeat(1024))), "Parameter too long!");
        assert_eq!(split(&"x ".repeat(254)), "too many arguments");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_split_or_refused(text: Vec<u8>) {
            if let Ok(commands) = read(&mut text.as_slice()) {
                proptest::prop_assert!(commands.iter().all(|words| !words.is_empty()));
            }
        }
    }
}
