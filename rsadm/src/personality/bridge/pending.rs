//! Changes: one, or neighbouring lines of a batch together.

use std::io::{Read, Write};

use vxlan::{Flags, Report, Verbatim};

use super::asked::Asked;
use super::batch::{Command, Commands};
use super::stop::{FAILED, REFUSED, Stop, kernel, refusal};
use super::tool::Tool;
use super::words::Words;
use crate::personality::ipvsadm::Directory;

/// Lines that are carried out together, at most.
const MOST: usize = 4096;

/// Nobody knows whether it was carried out.
const UNKNOWN: &[u8] = b"The kernel did not say what became of it\n";

/// Changes that are not carried out yet, with the numbers of their lines.
#[derive(Debug, Default)]
pub(super) struct Pending {
    changes: Vec<Verbatim>,
    lines: Vec<usize>,
}

impl<D: Directory, O: Write, E: Write> Tool<'_, D, O, E> {
    /// Carries out one change.
    pub(super) fn change(&mut self, change: Verbatim) -> Result<(), Stop> {
        let report = self.client.carry_out(&[change]);
        let report = report.map_err(|error| Stop::refused(REFUSED, &error))?;
        match failures(&report).into_iter().next() {
            None => Ok(()),
            Some((_, message)) => Err(Stop::Command(REFUSED, message)),
        }
    }

    /// Carries out the lines of a file. The status says whether all were.
    pub(super) fn batch(&mut self, file: &[u8], input: impl Read) -> Result<u8, Stop> {
        let mut commands = Commands::new(input);
        let mut status = 0;
        loop {
            // Who waits for input sees what became of the lines before.
            if !commands.is_at_hand() || self.pending.changes.len() >= MOST {
                if self.settle(file)? {
                    status = FAILED;
                }
                if status != 0 && !self.options.force {
                    return Ok(status);
                }
            }
            let command = commands.next();
            let words = match &command {
                Ok(Command::Words(words)) if words.is_empty() => continue,
                Ok(Command::Words(words)) => Some(Words(words)),
                _ => None,
            };
            let asked = words.map(|words| self.read(words));
            let asked = match asked {
                Some(Ok(Asked::Change(change))) if self.can_wait(&change) => {
                    self.pending.changes.push(change);
                    self.pending.lines.push(commands.number);
                    continue;
                }
                asked => asked,
            };
            if self.settle(file)? {
                status = FAILED;
                if !self.options.force {
                    return Ok(status);
                }
            }
            let done = match asked {
                Some(asked) => asked.and_then(|asked| self.carry_out(asked)),
                None => match command? {
                    Command::Unfinished => {
                        self.say(b"Missing continuation line\n");
                        return Ok(status);
                    }
                    _ => return Ok(status),
                },
            };
            match done {
                Ok(()) => {}
                Err(Stop::Command(_, message)) => {
                    self.line_failed(file, commands.number, &message);
                    status = FAILED;
                    if !self.options.force {
                        return Ok(status);
                    }
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Whether a change may be sent with those behind it: with `-force` all are carried out, and
    /// without they must be such that can be taken back.
    fn can_wait(&self, change: &Verbatim) -> bool {
        self.options.force || undone(change).is_some()
    }

    /// Carries out what is pending; whether something of it failed. Without `-force` nothing behind
    /// the first failure has happened then.
    fn settle(&mut self, file: &[u8]) -> Result<bool, Stop> {
        if self.pending.changes.is_empty() {
            return Ok(false);
        }
        let Pending { changes, lines } = std::mem::take(&mut self.pending);
        let report = self.client.carry_out(&changes);
        let report = report.map_err(|error| Stop::Program(FAILED, refusal(&error)))?;
        let failures = failures(&report);
        let Some((first, _)) = failures.first() else { return Ok(false) };
        if self.options.force {
            for (index, message) in &failures {
                self.line_failed(file, lines[*index], message);
            }
            return Ok(true);
        }
        let failed = |index: &usize| failures.iter().any(|(other, _)| other == index);
        let behind = (first + 1..changes.len()).filter(|index| !failed(index));
        let undo: Vec<_> = behind.filter_map(|index| undone(&changes[index])).collect();
        let taken_back = self.client.carry_out(&undo);
        self.line_failed(file, lines[*first], &failures[0].1);
        // Somebody else may have deleted it; anything else is told.
        match taken_back {
            Ok(report) if report.error.is_none() && report.unknown.is_empty() => {}
            _ => self.say(b"Lines behind it were carried out and cannot be taken back\n"),
        }
        Ok(true)
    }

    fn line_failed(&mut self, file: &[u8], line: usize, message: &[u8]) {
        let line = format!(":{line}\n");
        self.say(&[message, b"Command failed ", file, line.as_bytes()].concat());
    }
}

/// What takes a change back that was carried out, if something does: an entry that had to be new
/// is deleted again. In a bridge's table, or with `use`, it may not have been new.
fn undone(change: &Verbatim) -> Option<Verbatim> {
    match change {
        Verbatim::Add(entry) if !entry.flags.intersects(Flags::MASTER | Flags::USE) => {
            Some(Verbatim::Delete(*entry))
        }
        _ => None,
    }
}

/// The changes that were not carried out, in their order, and what is said of each.
fn failures(report: &Report) -> Vec<(usize, Vec<u8>)> {
    let refused = report.refused.iter().map(|(index, refused)| (*index, kernel(refused)));
    let unknown = report.unknown.iter().map(|index| (*index, UNKNOWN.to_vec()));
    let mut failures: Vec<_> = refused.chain(unknown).collect();
    if let Some(error) = &report.error {
        failures.extend(report.unsent.clone().map(|index| (index, refusal(error))));
    }
    failures.sort_by_key(|(index, _)| *index);
    failures
}

#[cfg(test)]
mod tests {
    use vxlan::{Entry, Mac, Refused, Request};

    use super::*;

    #[test]
    fn only_what_had_to_be_new_is_taken_back() {
        let entry = Entry::to(7, Mac::ZERO, [10, 0, 0, 1].into());
        assert_eq!(undone(&Verbatim::Add(entry)), Some(Verbatim::Delete(entry)));
        let with = |flags| Verbatim::Add(Entry { flags, ..entry });
        assert_eq!(undone(&with(Flags::MASTER)), None);
        assert_eq!(undone(&with(Flags::SELF | Flags::USE)), None);
        for other in [Verbatim::Append(entry), Verbatim::Replace(entry), Verbatim::Delete(entry)] {
            assert_eq!(undone(&other), None);
        }
    }

    #[test]
    fn failures_come_in_the_order_of_lines() {
        let refused = |errno| Refused::new(Request::ListEntries, errno);
        let report = Report {
            applied: 1,
            refused: vec![(2, refused(17)), (4, refused(2))],
            unknown: vec![1, 3],
            ..Report::default()
        };
        let failures = failures(&report);
        let order: Vec<_> = failures.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, [1, 2, 3, 4]);
        assert_eq!(failures[1].1, b"RTNETLINK answers: File exists\n");
        assert_eq!(failures[0].1, UNKNOWN);
    }
}
