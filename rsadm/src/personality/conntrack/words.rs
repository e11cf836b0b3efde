//! Lists of words apart by commas, any of which may be cut short.

use std::io::Write;

use super::stop::Stop;

/// Statuses that flows can be asked for, and the bits of the kernel.
pub(super) const STATUSES: &[(&str, u32)] = &[
    ("ASSURED", 1 << 2),
    ("SEEN_REPLY", 1 << 1),
    ("UNSET", 0),
    ("FIXED_TIMEOUT", 1 << 10),
    ("EXPECTED", 1),
    ("OFFLOAD", 1 << 14),
    ("HW_OFFLOAD", 1 << 15),
];

/// No reply was seen yet: the only word that must be whole, and may go on.
const UNREPLIED: &[u8] = b"UNREPLIED";
const SEEN_REPLY: u32 = 1 << 1;

/// Events, as bits: new, updated, destroyed.
pub(super) const EVENTS: &[(&str, u32)] =
    &[("ALL", NEW | UPDATE | DESTROY), ("NEW", NEW), ("UPDATES", UPDATE), ("DESTROY", DESTROY)];
pub(super) const NEW: u32 = 1;
pub(super) const UPDATE: u32 = 1 << 1;
pub(super) const DESTROY: u32 = 1 << 2;

/// Forms of output, as bits.
pub(super) const OUTPUTS: &[(&str, u32)] = &[
    ("xml", XML),
    ("extended", EXTENDED),
    ("timestamp", TIMESTAMP),
    ("id", ID),
    ("ktimestamp", KERNEL_TIMESTAMP),
    ("labels", LABELS),
    ("userspace", 0),
    ("save", SAVE),
];
pub(super) const XML: u32 = 1;
pub(super) const EXTENDED: u32 = 1 << 1;
pub(super) const TIMESTAMP: u32 = 1 << 2;
pub(super) const ID: u32 = 1 << 3;
pub(super) const KERNEL_TIMESTAMP: u32 = 1 << 4;
pub(super) const LABELS: u32 = 1 << 5;
pub(super) const SAVE: u32 = 1 << 6;

/// Words that other options stand for. They are looked at before any others, even where they
/// could not be meant.
const ELSEWHERE: [(&str, &str); 2] = [("SRC_NAT", "--src-nat"), ("DST_NAT", "--dst-nat")];

/// Status bits that must be set, and such that must not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Statuses {
    pub(super) set: u32,
    pub(super) unset: u32,
}

/// Reads a list of statuses; `!` before a word turns it round.
pub(super) fn statuses(
    list: &[u8],
    found: &mut Statuses,
    warnings: &mut impl Write,
) -> Result<(), Stop> {
    let mut rest = list;
    loop {
        let negated = rest.first() == Some(&b'!');
        if negated {
            rest = &rest[1..];
        }
        let (word, behind) = first_word(rest)?;
        let bits = if word.starts_with(UNREPLIED) && !negated {
            found.unset |= SEEN_REPLY;
            Some(0)
        } else {
            bits_of(word, STATUSES, warnings)
        };
        let bits = bits.ok_or_else(|| Stop::quoting("Bad parameter", rest))?;
        if negated {
            found.unset |= bits;
        } else {
            found.set |= bits;
        }
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(()),
        }
    }
}

/// Reads a list of other words into bits.
pub(super) fn bits(
    list: &[u8],
    known: &[(&str, u32)],
    warnings: &mut impl Write,
) -> Result<u32, Stop> {
    let mut rest = list;
    let mut found = 0;
    loop {
        let (word, behind) = first_word(rest)?;
        found |=
            bits_of(word, known, warnings).ok_or_else(|| Stop::quoting("Bad parameter", rest))?;
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(found),
        }
    }
}

/// The word up to the next comma, and what is behind that.
fn first_word(rest: &[u8]) -> Result<(&[u8], Option<&[u8]>), Stop> {
    let (word, behind) = match rest.iter().position(|byte| *byte == b',') {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    if word.is_empty() { Err(Stop::quoting("Bad parameter", rest)) } else { Ok((word, behind)) }
}

/// The bits of the first word that begins like that.
fn bits_of(word: &[u8], known: &[(&str, u32)], warnings: &mut impl Write) -> Option<u32> {
    let begins = |whole: &str| {
        whole.as_bytes().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    for (whole, instead) in ELSEWHERE {
        if begins(whole) {
            // Nobody is left to tell if a warning cannot be written.
            _ = writeln!(warnings, "WARNING: ignoring {whole}, use {instead} instead");
            return Some(0);
        }
    }
    known.iter().find(|(whole, _)| begins(whole)).map(|(_, bits)| *bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(list: &str) -> String {
        let mut warnings = Vec::new();
        let mut found = Statuses::default();
        let result = match statuses(list.as_bytes(), &mut found, &mut warnings) {
            Ok(()) => format!("{:#x} {:#x}", found.set, found.unset),
            Err(stop) => String::from_utf8_lossy(&stop.message).into_owned(),
        };
        String::from_utf8_lossy(&warnings).into_owned() + &result
    }

    #[test]
    fn lists_of_statuses() {
        assert_eq!(status("ASSURED"), "0x4 0x0");
        assert_eq!(status("a,seen"), "0x6 0x0");
        assert_eq!(status("UNREPLIED"), "0x0 0x2");
        assert_eq!(status("UNREPLIEDx,ASSURED"), "0x4 0x2");
        assert_eq!(status("!ASSURED,!HW"), "0x0 0x8004");
        assert_eq!(status("u"), "0x0 0x0");
        assert_eq!(status("s"), "WARNING: ignoring SRC_NAT, use --src-nat instead\n0x0 0x0");
    }

    #[test]
    fn bad_statuses_are_shown_with_what_follows() {
        assert_eq!(status(""), "Bad parameter `'");
        assert_eq!(status("ASSURED,"), "Bad parameter `'");
        assert_eq!(status(",ASSURED"), "Bad parameter `,ASSURED'");
        assert_eq!(status("foo,ASSURED"), "Bad parameter `foo,ASSURED'");
        assert_eq!(status("!,ASSURED"), "Bad parameter `,ASSURED'");
        assert_eq!(status("!UNREPLIED"), "Bad parameter `UNREPLIED'");
        assert_eq!(status("unreplied"), "Bad parameter `unreplied'");
    }

    #[test]
    fn forms_of_output() {
        let read = |list: &str| bits(list.as_bytes(), OUTPUTS, &mut Vec::new());
        assert_eq!(read("x"), Ok(XML));
        assert_eq!(read("id,e,timestamp"), Ok(ID | EXTENDED | TIMESTAMP));
        assert_eq!(read("save"), Ok(SAVE));
        assert_eq!(read("user"), Ok(0));
        assert!(read("!xml").is_err());
        let mut warnings = Vec::new();
        assert_eq!(bits(b"d", EVENTS, &mut warnings), Ok(0));
        assert!(warnings.starts_with(b"WARNING: ignoring DST_NAT"));
    }
}
