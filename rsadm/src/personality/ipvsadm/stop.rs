//! Why a command line is not carried out.

/// Ends the reading of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A mistake: the message; status 2, also in the middle of a restore.
    Fail(Vec<u8>),
    /// popt's complaint: status 255, but a restore goes on with the next line.
    Complaint(Vec<u8>),
    /// No command where one should be: status 255, also in the middle of a restore.
    TryHelp,
    /// `-h`.
    Help,
    /// `-v`.
    Version,
}

impl Stop {
    pub(super) fn fail(message: impl Into<Vec<u8>>) -> Self {
        Self::Fail(message.into())
    }

    /// `TEXT `WORD'`.
    pub(super) fn quoting(text: &[u8], word: &[u8]) -> Self {
        Self::Fail([text, b" `", word, b"'"].concat())
    }

    /// `TEXT `WORD' specified`.
    pub(super) fn specified(text: &[u8], word: &[u8]) -> Self {
        Self::Fail([text, b" `", word, b"' specified"].concat())
    }

    /// `WORD: TEXT`.
    pub(super) fn complaint(word: &[u8], text: &str) -> Self {
        Self::Complaint([word, b": ", text.as_bytes()].concat())
    }
}
