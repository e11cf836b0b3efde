//! Parts of a snapshot that may be missing, for a reason.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was read, or why it was not. What is unknown is never taken for empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part<T> {
    /// It was read.
    Read(T),
    /// It was not, because of this.
    Unknown(String),
}

impl<T> Part<T> {
    /// What was read, or the text of why it was not.
    pub fn of<E: fmt::Display>(result: Result<T, E>) -> Self {
        result.map_or_else(|error| Self::Unknown(error.to_string()), Self::Read)
    }

    /// What was read.
    pub const fn get(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// Why it was not read.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Read(_) => None,
            Self::Unknown(reason) => Some(reason),
        }
    }
}

/// Nobody tried to read it.
impl<T> Default for Part<T> {
    fn default() -> Self {
        Self::Unknown("not collected".to_owned())
    }
}
