//! Colours, where they are wanted.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};

/// Whether there is colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

/// What a text is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Doubtful,
    Bad,
    Strong,
    Faint,
}

impl Paint {
    /// No colour at all.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { on: false };

    /// Colour whatever the output is.
    #[cfg(test)]
    pub(crate) const ALL: Self = Self { on: true };

    /// Colour on a terminal, unless the user wants none.
    pub(crate) fn of_stdout() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: !refused && io::stdout().is_terminal() }
    }

    pub(crate) fn with<T: fmt::Display>(self, tone: Tone, text: T) -> Painted<T> {
        Painted { tone: self.on.then_some(tone), text }
    }
}

/// A text in its colour.
pub(crate) struct Painted<T> {
    tone: Option<Tone>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.tone {
            None => return self.text.fmt(f),
            Some(Tone::Good) => "32",
            Some(Tone::Doubtful) => "33",
            Some(Tone::Bad) => "1;31",
            Some(Tone::Strong) => "1",
            Some(Tone::Faint) => "2",
        };
        write!(f, "\x1b[{code}m")?;
        self.text.fmt(f)?;
        f.write_str("\x1b[0m")
    }
}
