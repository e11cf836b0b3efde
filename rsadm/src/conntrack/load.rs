//! `rsadm conntrack load`.

use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use conntrack::{Client, Key, Reason, Refused, Report, Request};

use super::edit::{NO_ROOM, check_tracked};
use super::script::{self, Changes, Item};
use super::{connect, flows, hint, say};
use crate::failure::{Failure, Result};
use crate::output::Progress;
use crate::script::{mistakes, read};

/// How many refusals are told one by one.
const TOLD: usize = 20;
/// Changes that are sent together.
const PART: usize = 512;
/// How many parts are read ahead of the kernel.
const AHEAD: usize = 4;

/// Makes the changes of a file, after all of it was checked.
pub(super) fn run(file: Option<&Path>) -> Result<()> {
    let (name, input) = read(file)?;
    // The text is read twice, to check and to act: a change takes several times the room of its
    // line.
    let checked = script::check(&input).map_err(|problems| mistakes(&name, &problems))?;
    let total = checked.count;
    let mut found = None;
    for protocol in checked.rare {
        check_tracked(protocol, &mut found)?;
    }
    let mut client = connect()?;
    if total > 0 {
        let changes = Changes::of(&input).filter_map(std::result::Result::ok);
        apply(&mut client, total, changes)?.tell(&name, total)?;
    }
    say(&format!("loaded {}", flows(total)));
    match checked.labelled {
        Some(key) => check_labels(&mut client, &key),
        None => Ok(()),
    }
}

/// The kernel says nothing where it drops labels.
fn check_labels(client: &mut Client, key: &Key) -> Result<()> {
    match client.flow(key) {
        Ok(flow) if flow.labels.is_none() => {
            let refused = Refused::new(Request::UpdateFlow(*key), NO_ROOM);
            let failure = Failure::refused("the flows have lost their labels");
            Err(match hint::hint(&refused) {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
        // It may have ended.
        _ => Ok(()),
    }
}

/// What became of the changes, by their lines.
#[derive(Debug, Default)]
struct Outcome {
    applied: usize,
    refused: Vec<(usize, Refused)>,
    /// How many were refused; the first of them are kept.
    total_refused: usize,
    unknown: Vec<usize>,
    /// What stopped it, and before which line.
    stopped: Option<(usize, conntrack::Error)>,
}

impl Outcome {
    fn add(&mut self, report: Report, part: &[Item]) -> bool {
        let line = |index: usize| part.get(index).map_or(0, |item| item.line);
        self.applied += report.applied;
        self.total_refused += report.refused.len();
        let is_final = report.refused.iter().any(|(_, refused)| is_final(refused));
        let room = TOLD.saturating_sub(self.refused.len());
        let first = report.refused.into_iter().take(room);
        self.refused.extend(first.map(|(index, refused)| (line(index), refused)));
        self.unknown.extend(report.unknown.into_iter().map(line));
        self.stopped = report.error.map(|error| (line(report.unsent.start), error));
        is_final || self.stopped.is_some()
    }

    /// Tells what was refused, and how much was done all the same.
    fn tell(self, name: &str, total: usize) -> Result<()> {
        if self.total_refused == 0 && self.unknown.is_empty() && self.stopped.is_none() {
            return Ok(());
        }
        if let (0, Some((_, refused))) = (self.applied, self.refused.first())
            && is_final(refused)
        {
            return Err(refused.clone().into());
        }
        let mut lines = Vec::new();
        let mut advice = None;
        for (line, refused) in &self.refused {
            lines.push(format!("{name}:{line}: {refused}"));
            advice = advice.or_else(|| hint::hint(refused));
        }
        let more = self.total_refused - self.refused.len();
        if more > 0 {
            lines.push(format!("{more} more were refused"));
        }
        for line in self.unknown.iter().take(TOLD) {
            lines.push(format!("{name}:{line}: the kernel's answer was lost"));
        }
        if let Some((line, error)) = &self.stopped {
            lines.push(format!("{name}:{line}: {error}"));
        }
        lines.push(match self.unknown.len() {
            0 => format!("loaded {} of {total} flows", self.applied),
            unknown => {
                format!("loaded {} of {total} flows; of {unknown} it is not known", self.applied)
            }
        });
        let failure = Failure::refused(lines.join("\n"));
        Err(match advice {
            Some(advice) => failure.hint(advice),
            None => failure,
        })
    }
}

/// Makes the changes, and tells of progress. They are read on a thread of its own, since the kernel
/// makes them on the one that asks for them.
fn apply(
    client: &mut Client,
    total: usize,
    changes: impl Iterator<Item = Item> + Send,
) -> Result<Outcome> {
    let mut progress = Progress::of(total, "flows");
    let mut outcome = Outcome::default();
    let (sender, parts) = mpsc::sync_channel::<Vec<Item>>(AHEAD);
    thread::scope(|scope| {
        thread::Builder::new()
            .name("reader".to_owned())
            .spawn_scoped(scope, move || read_ahead(changes, &sender))
            .map_err(|error| Failure::refused(format!("cannot start a thread: {error}")))?;
        // What is not received any more ends the reader.
        for part in parts {
            if outcome.add(client.apply(&part)?, &part) {
                break;
            }
            progress.add(part.len());
        }
        Ok(outcome)
    })
}

/// Hands on the changes in parts until nobody wants any more.
fn read_ahead(mut changes: impl Iterator<Item = Item>, sender: &SyncSender<Vec<Item>>) {
    loop {
        let mut part = Vec::with_capacity(PART);
        part.extend(changes.by_ref().take(PART));
        if part.is_empty() || sender.send(part).is_err() {
            return;
        }
    }
}

/// Whether every other change will be refused for the same reason.
fn is_final(refused: &Refused) -> bool {
    refused.reason == Reason::Permission
}
