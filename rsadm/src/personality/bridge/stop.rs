//! Why a command line is not carried out, or not to its end.

use std::io;

use vxlan::{Error, Refused};

use crate::personality::system_text;

/// Ends a command.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is over; with `-force` the next line of a batch is tried. What is said, lines and all.
    Command(u8, Vec<u8>),
    /// The program ends, even in the middle of a batch.
    Program(u8, Vec<u8>),
    /// The program ends by saying which version it is.
    Version,
    /// Standard output cannot be written.
    Output(io::Error),
}

/// What main returns as -1.
pub(super) const REFUSED: u8 = 255;
/// What `fdb get` returns as -2.
pub(super) const NOT_FOUND: u8 = 254;
/// What is wrong with an address, a dump or a file.
pub(super) const FAILED: u8 = 1;

impl Stop {
    /// The command is over.
    pub(super) fn command(message: impl Into<Vec<u8>>) -> Self {
        Self::Command(REFUSED, line(message))
    }

    /// The program is over.
    pub(super) fn program(message: impl Into<Vec<u8>>) -> Self {
        Self::Program(REFUSED, line(message))
    }

    /// The program is over, with status 1.
    pub(super) fn failed(message: impl Into<Vec<u8>>) -> Self {
        Self::Program(FAILED, line(message))
    }

    /// There is no such link.
    pub(super) fn no_link(what: &str, name: &[u8]) -> Self {
        Self::command(quoting(what, name, ""))
    }

    /// A value is missing.
    pub(super) fn incomplete() -> Self {
        Self::program("Command line is not complete. Try option \"help\"")
    }

    /// A value is wrong.
    pub(super) fn wrong(value: &[u8], reason: &str) -> Self {
        Self::program(quoting("Error: argument", value, &format!(" is wrong: {reason}")))
    }

    /// A word that may stand there once stands there again.
    pub(super) fn again(key: &str, value: &[u8]) -> Self {
        let what = format!("Error: duplicate \"{key}\":");
        Self::program(quoting(&what, value, " is the second value."))
    }

    /// The same of a word that could be something else.
    pub(super) fn again_or_garbage(key: &str, value: &[u8]) -> Self {
        let what = format!("Error: either \"{key}\" is duplicate, or");
        Self::program(quoting(&what, value, " is a garbage."))
    }

    /// A word that is none of those that can stand there; `object` is what is asked for help.
    pub(super) fn unknown(kind: &str, word: &[u8], object: &str) -> Self {
        let reason = format!(" is unknown, try \"bridge {object}help\".");
        Self::program(quoting(kind, word, &reason))
    }

    /// Something that bridge does and rsadm does not.
    pub(super) fn not_here(what: &str) -> Self {
        Self::failed(format!(
            "bridge {what} is not part of rsadm: use the bridge of iproute2 for it"
        ))
    }

    /// The kernel refused, with a status of its own.
    pub(super) fn refused(status: u8, error: &Error) -> Self {
        Self::Command(status, refusal(error))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn line(message: impl Into<Vec<u8>>) -> Vec<u8> {
    let mut message = message.into();
    message.push(b'\n');
    message
}

fn quoting(before: &str, word: &[u8], behind: &str) -> Vec<u8> {
    [before.as_bytes(), b" \"", word, b"\"", behind.as_bytes()].concat()
}

/// What is said of a request that failed.
pub(super) fn refusal(error: &Error) -> Vec<u8> {
    match error.refused() {
        Some(refused) => kernel(refused),
        None => line(error.to_string()),
    }
}

/// What the kernel says, in its own words if it has some.
pub(super) fn kernel(refused: &Refused) -> Vec<u8> {
    let Some(message) = refused.message.as_deref() else {
        return line(format!("RTNETLINK answers: {}", system_text(refused.errno)));
    };
    let end = if message.ends_with('.') { "" } else { "." };
    line(format!("Error: {message}{end}"))
}

#[cfg(test)]
mod tests {
    use vxlan::Request;

    use super::*;

    #[test]
    fn the_kernels_words_end_with_a_point() {
        let mut refused = Refused::new(Request::ListEntries, 17);
        assert_eq!(kernel(&refused), b"RTNETLINK answers: File exists\n");
        refused.message = Some("Device not found".into());
        assert_eq!(kernel(&refused), b"Error: Device not found.\n");
        refused.message = Some("Device not found.".into());
        assert_eq!(kernel(&refused), b"Error: Device not found.\n");
    }
}
