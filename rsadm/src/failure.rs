//! Why a command ended early, and how that is told.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// The kernel or the system refused.
pub(crate) const REFUSED: u8 = 1;
/// The command line or an input file is wrong.
pub(crate) const USAGE: u8 = 2;
/// What was looked for was found: a difference, a fault.
pub(crate) const FOUND: u8 = 3;

/// Result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// The end of a command that did not do what it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Whoever read the output has seen enough, which is no failure of ours.
    ClosedPipe,
    /// Something was found, which the output tells.
    Found,
    /// Anything else.
    Told {
        /// Exit status.
        status: u8,
        /// What was tried and why it failed; several lines when there are several mistakes.
        message: String,
        /// What to do about it.
        hint: Option<Cow<'static, str>>,
    },
}

impl Failure {
    /// The kernel or the system refused.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Told { status: REFUSED, message: message.into(), hint: None }
    }

    /// The command line or an input file is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Told { status: USAGE, message: message.into(), hint: None }
    }

    /// The same with advice.
    pub(crate) fn hint(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        if let Self::Told { hint, .. } = &mut self {
            *hint = Some(advice.into());
        }
        self
    }

    /// Exit status of the program.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::ClosedPipe => 0,
            Self::Found => FOUND,
            Self::Told { status, .. } => *status,
        }
    }
}

/// Every line of the message behind the program's name, then the hint.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Told { message, hint, .. } = self else { return Ok(()) };
        for line in message.lines() {
            writeln!(f, "rsadm: {line}")?;
        }
        match hint {
            Some(hint) => writeln!(f, "  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Output that cannot be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::refused(format!("cannot write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_silent_and_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.status(), failure.to_string().as_str()), (0, ""));
    }

    #[test]
    fn every_line_carries_the_name_of_the_program() {
        let failure = Failure::usage("a:1:1: no\na:2:1: no").hint("read the manual");
        assert_eq!(failure.status(), 2);
        assert_eq!(
            failure.to_string(),
            "rsadm: a:1:1: no\nrsadm: a:2:1: no\n  hint: read the manual\n"
        );
    }

    #[test]
    fn a_full_disk_is_told() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(failure.status(), 1);
        assert_eq!(failure.to_string(), "rsadm: cannot write the output: no storage space\n");
    }
}
