//! Why a command line is not carried out, or not to its end.

/// Ends a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) message: Vec<u8>,
    pub(super) status: u8,
}

/// The kernel or the system refused.
pub(super) const REFUSED: u8 = 1;
/// The command line or a file of commands is wrong.
pub(super) const USAGE: u8 = 2;

impl Stop {
    /// The command line is wrong, and help is offered.
    pub(super) fn usage(message: impl Into<Vec<u8>>) -> Self {
        Self { message: message.into(), status: USAGE }
    }

    /// Anything else.
    pub(super) fn refused(message: impl Into<Vec<u8>>) -> Self {
        Self { message: message.into(), status: REFUSED }
    }

    /// `TEXT `WORD'`: a wrong word of the command line.
    pub(super) fn quoting(text: &str, word: &[u8]) -> Self {
        Self::usage([text.as_bytes(), b" `", word, b"'"].concat())
    }

    /// `` `WORD' TEXT ``: the same the other way round.
    pub(super) fn quoted(word: &[u8], text: &str) -> Self {
        Self::usage([b"`", word, b"' ", text.as_bytes()].concat())
    }
}
