//! `rsadm conntrack load`.

use std::path::Path;

use conntrack::{Client, Key, Reason, Refused, Report, Request};

use super::edit::{NO_ROOM, check_tracked};
use super::script::{self, Checked};
use super::{connect, flows, hint, say};
use crate::failure::{Failure, Result};
use crate::output::Progress;
use crate::script::{Input, mistakes};

/// How many refusals are told one by one.
const TOLD: usize = 20;

/// Makes the changes of a file, after all of it was checked.
pub(super) fn run(file: Option<&Path>) -> Result<()> {
    let mut input = Input::open(file)?;
    let checked = script::check(&mut input).map_err(|error| input.unreadable(&error))?;
    let name = input.name;
    let mut checked = checked.map_err(|problems| mistakes(&name, &problems))?;
    let mut found = None;
    for protocol in checked.rare.drain(..) {
        check_tracked(protocol, &mut found)?;
    }
    let (total, labelled) = (checked.count(), checked.labelled);
    let mut client = connect()?;
    apply(&mut client, total, checked)?.tell(&name, total)?;
    say(&format!("loaded {}", flows(total)));
    match labelled {
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
    fn add(&mut self, report: Report, lines: &[usize]) -> bool {
        let line = |index: usize| lines.get(index).copied().unwrap_or_default();
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

/// Makes the changes, and tells of progress.
fn apply(client: &mut Client, total: usize, checked: Checked) -> Result<Outcome> {
    let mut progress = Progress::of(total, "flows");
    let mut outcome = Outcome::default();
    for mut part in checked.parts {
        if outcome.add(client.apply_prepared(&mut part.changes)?, &part.lines) {
            break;
        }
        progress.add(part.lines.len());
    }
    Ok(outcome)
}

/// Whether every other change will be refused for the same reason.
fn is_final(refused: &Refused) -> bool {
    refused.reason == Reason::Permission
}
