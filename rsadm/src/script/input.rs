//! Where a file of commands comes from.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::failure::{Failure, Result};

/// A file, or standard input, and its names for messages.
pub(crate) struct Input {
    /// In front of the places of mistakes.
    pub(crate) name: String,
    spoken: String,
    bytes: Box<dyn Read + Send>,
}

impl Input {
    /// Opens a file; without one, or with `-`, standard input.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self> {
        let Some(path) = file.filter(|path| *path != "-") else {
            let (name, spoken) = ("stdin".to_owned(), "standard input".to_owned());
            return Ok(Self { name, spoken, bytes: Box::new(io::stdin()) });
        };
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Ok(Self { spoken: name.clone(), name, bytes: Box::new(file) }),
            Err(error) => Err(unreadable(&name, &error)),
        }
    }

    /// What is wrong if it cannot be read.
    pub(crate) fn unreadable(&self, error: &io::Error) -> Failure {
        unreadable(&self.spoken, error)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }

    /// A file knows how much it has.
    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.bytes.read_to_end(buffer)
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot read {name}: {error}"))
}

/// The whole text of a file and its name for messages; without a file, or with `-`, standard input.
pub(crate) fn read(file: Option<&Path>) -> Result<(String, Vec<u8>)> {
    let mut input = Input::open(file)?;
    let mut text = Vec::new();
    match input.read_to_end(&mut text) {
        Ok(_) => Ok((input.name, text)),
        Err(error) => Err(input.unreadable(&error)),
    }
}
