//! Carrying out actions and telling what became of them.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use ipvs::{Change, Info};

use super::action::{Action, Listing};
use super::address::Directory;
use super::kernel::{self, Kernel};
use super::listing::{self, Failure};
use super::restore;
use super::stop::Stop;
use super::text;

/// Done.
const DONE: u8 = 0;
/// A listing failed.
const LISTING_FAILED: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;
/// The kernel refused a change, or popt an option.
const REFUSED: u8 = 255;

/// A restore sends to the kernel at once what it reads at once.
const INPUT_BUFFER: usize = 64 * 1024;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// A restore goes on; the status counts if no other line follows.
    Next(u8),
    /// It ends here.
    Exit(u8),
}

/// ipvsadm.
pub(super) struct Tool<K, D, O, E> {
    /// The program's name as it was called, for messages.
    name: Vec<u8>,
    kernel: K,
    info: Info,
    directory: D,
    out: O,
    err: E,
    /// Changes that a restore has read and not sent yet.
    pending: Vec<Change>,
}

impl<K: Kernel, D: Directory, O: Write, E: Write> Tool<K, D, O, E> {
    pub(super) fn new(name: Vec<u8>, kernel: K, info: Info, directory: D, out: O, err: E) -> Self {
        Self { name, kernel, info, directory, out, err, pending: Vec::new() }
    }

    /// Carries out the words behind the program's name and returns the exit status.
    pub(super) fn run(&mut self, words: &[Vec<u8>], input: impl Read) -> u8 {
        let action = if words.is_empty() {
            Ok(Action::List(None, Listing::default()))
        } else {
            Action::read(words, false, &mut self.directory)
        };
        let outcome = match action {
            Ok(Action::Restore) => self.restore(input),
            Ok(action) => self.act(action),
            Err(stop) => self.stop(stop),
        };
        let (Outcome::Next(status) | Outcome::Exit(status)) = outcome;
        match self.out.flush() {
            Ok(()) => status,
            Err(error) => self.output_failed(&error),
        }
    }

    fn act(&mut self, action: Action) -> Outcome {
        let Self { kernel, out, .. } = self;
        let info = self.info;
        let listed = match action {
            Action::Change(change) => return Outcome::Next(self.apply(&[change])),
            // The input of a restore cannot ask for another one.
            Action::Restore => return self.stop(Stop::TryHelp),
            Action::List(None, how) => listing::table(kernel, out, info, how),
            Action::List(Some(key), how) => listing::service(kernel, out, &key, how),
            Action::Connections { numeric, persistence } => {
                listing::connections(kernel, out, numeric, persistence)
            }
            Action::Timeouts => listing::timeouts(kernel, out),
            Action::Daemons => listing::daemons(kernel, out),
            Action::Save { numeric } => listing::save(kernel, out, numeric),
        };
        match listed {
            Ok(()) => Outcome::Next(DONE),
            Err(failure) => Outcome::Exit(self.listing_failed(&failure)),
        }
    }

    /// Carries out the lines of `input`. Neighbouring changes go to the kernel together, but never
    /// wait for input that is not there yet.
    fn restore(&mut self, input: impl Read) -> Outcome {
        let mut input = BufReader::with_capacity(INPUT_BUFFER, input);
        let mut status = DONE;
        let mut line = Vec::new();
        loop {
            if !input.buffer().contains(&b'\n') {
                status = self.flush_pending().unwrap_or(status);
            }
            line.clear();
            match input.read_until(b'\n', &mut line) {
                Ok(0) => return Outcome::Next(status),
                Ok(_) => {}
                Err(error) => {
                    self.complain(format!("cannot read standard input: {error}").as_bytes());
                    return Outcome::Exit(LISTING_FAILED);
                }
            }
            match self.restore_line(&line) {
                Some(Outcome::Next(next)) => status = next,
                Some(exit @ Outcome::Exit(_)) => return exit,
                None => {}
            }
        }
    }

    /// Carries out a line or puts it off; `None` if it says nothing or was put off.
    fn restore_line(&mut self, line: &[u8]) -> Option<Outcome> {
        let words = restore::words(line);
        if words.is_empty() {
            return None;
        }
        match Action::read(&words, true, &mut self.directory) {
            // The kernel leaves the end of a daemon that has hardly begun without an answer, and
            // those of its neighbours would be in doubt as well.
            Ok(Action::Change(change @ (Change::StartDaemon(_) | Change::StopDaemon(..)))) => {
                self.flush_pending();
                Some(Outcome::Next(self.apply(&[change])))
            }
            Ok(Action::Change(change)) => {
                self.pending.push(change);
                None
            }
            Ok(action) => {
                self.flush_pending();
                Some(self.act(action))
            }
            Err(stop) => {
                self.flush_pending();
                Some(self.stop(stop))
            }
        }
    }

    /// Sends what a restore has put off; the status is that of the last change.
    fn flush_pending(&mut self) -> Option<u8> {
        if self.pending.is_empty() {
            return None;
        }
        let changes = std::mem::take(&mut self.pending);
        Some(self.apply(&changes))
    }

    /// Sends changes and prints the refusals; the status is that of the last one.
    fn apply(&mut self, changes: &[Change]) -> u8 {
        let last = changes.len().saturating_sub(1);
        let report = match self.kernel.apply(changes) {
            Ok(report) => report,
            Err(error) => {
                self.complain(kernel::message(&error).as_bytes());
                return REFUSED;
            }
        };
        let mut status = DONE;
        let unknown = report
            .unknown
            .iter()
            .map(|index| (*index, "The kernel did not say what became of it".to_owned()));
        let mut messages: Vec<_> = report
            .refused
            .iter()
            .map(|(index, refused)| (*index, kernel::refusal(refused)))
            .chain(unknown)
            .collect();
        messages.sort_by_key(|(index, _)| *index);
        for (index, message) in messages {
            self.complain(message.as_bytes());
            if index == last {
                status = REFUSED;
            }
        }
        if let Some(error) = &report.error {
            self.complain(kernel::message(error).as_bytes());
            status = REFUSED;
        }
        status
    }

    fn stop(&mut self, stop: Stop) -> Outcome {
        match stop {
            Stop::Fail(message) => {
                self.complain(&message);
                Outcome::Exit(USAGE)
            }
            Stop::Complaint(message) => {
                self.complain(&message);
                Outcome::Next(REFUSED)
            }
            Stop::TryHelp => {
                let name = &self.name;
                let text =
                    [b"Try `", &name[..], b" -h' or '", name, b" --help' for more information."];
                self.complain(&text.concat());
                Outcome::Exit(REFUSED)
            }
            Stop::Help => self.print(|out, name| text::help(out, name)),
            Stop::Version => self.print(|out, _| text::version(out)),
        }
    }

    fn print(&mut self, write: impl FnOnce(&mut O, &[u8]) -> io::Result<()>) -> Outcome {
        Outcome::Exit(match write(&mut self.out, &self.name) {
            Ok(()) => DONE,
            Err(error) => self.output_failed(&error),
        })
    }

    fn listing_failed(&mut self, failure: &Failure) -> u8 {
        match failure {
            Failure::Kernel(error) => self.complain(kernel::message(error).as_bytes()),
            Failure::NoConnections => self.complain(b"cannot open file /proc/net/ip_vs_conn"),
            Failure::Output(error) => return self.output_failed(error),
        }
        LISTING_FAILED
    }

    /// A reader that has seen enough is no error.
    fn output_failed(&mut self, error: &io::Error) -> u8 {
        if error.kind() == ErrorKind::BrokenPipe {
            return DONE;
        }
        self.complain(format!("cannot write to standard output: {error}").as_bytes());
        LISTING_FAILED
    }

    /// Prints a line to standard error. Nobody is left to tell if that fails.
    fn complain(&mut self, message: &[u8]) {
        let _ = self.err.write_all(&[message, b"\n"].concat());
    }
}

#[cfg(test)]
mod tests;
