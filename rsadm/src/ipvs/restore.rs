//! `rsadm ipvs restore`.

use std::path::Path;

use ipvs::{Client, Reason, Refused, Report};

use super::hint;
use super::names::System;
use super::script::{self, Changes, Item};
use super::sync::{Group, State, Wanted};
use super::writer;
use crate::failure::{Failure, Result};
use crate::output::Progress;
use crate::script::{mistakes, read};

/// How many refusals are told one by one.
const TOLD: usize = 20;
/// Changes that are sent together.
const PART: usize = 512;

/// Makes the changes of a script, or with `sync` those that lead to the table it describes.
pub(super) fn run(file: Option<&Path>, sync: bool) -> Result<()> {
    let (name, input) = read(file)?;
    let names = System::default();
    if sync {
        let items = script::parse(&input, &names).map_err(|problems| mistakes(&name, &problems))?;
        let wanted = Wanted::of(items).map_err(|problems| mistakes(&name, &problems))?;
        return synchronise(&wanted);
    }
    // The text is read twice, to check and to act: a change takes several times the room of its
    // line.
    let total = script::check(&input, &names).map_err(|problems| mistakes(&name, &problems))?;
    if total == 0 {
        return Ok(());
    }
    let items = Changes::of(&input, &names).filter_map(std::result::Result::ok);
    let report = apply(&mut writer()?, total, items)?;
    outcome(&report, total, |line| format!("{name}:{line}: "))
}

fn synchronise(wanted: &Wanted) -> Result<()> {
    let mut client = writer()?;
    let present = present(&mut client)?;
    let changes = wanted.changes(&present);
    let total = changes.len();
    let items = changes.into_iter().map(|change| Item { line: 0, change });
    let report = apply(&mut client, total, items)?;
    outcome(&report, total, |_| String::new())
}

/// The present table with its settings.
fn present(client: &mut Client) -> Result<State> {
    let services = client.table()?.into_iter().map(|entry| {
        let service = entry.service.service;
        let destinations =
            entry.destinations.iter().map(|row| (row.destination.address, row.destination));
        (service.key, Group { service: service.clone(), destinations: destinations.collect() })
    });
    let services = services.collect();
    let daemons = client.daemons()?.into_iter().map(|daemon| (daemon.role, daemon)).collect();
    Ok(State { services, timeouts: Some(client.timeouts()?), daemons })
}

/// Tells what was refused, and how much was done all the same.
fn outcome(report: &Report, total: usize, place: impl Fn(usize) -> String) -> Result<()> {
    if report.is_complete() {
        return Ok(());
    }
    if let (0, Some((_, refused))) = (report.applied, report.refused.first())
        && is_final(refused)
    {
        return Err(refused.clone().into());
    }
    let mut lines = Vec::new();
    let mut advice = None;
    for (index, refused) in report.refused.iter().take(TOLD) {
        lines.push(format!("{}{refused}", place(*index)));
        advice = advice.or_else(|| hint::hint(refused));
    }
    let more = report.refused.len().saturating_sub(TOLD);
    if more > 0 {
        lines.push(format!("{more} more were refused"));
    }
    for index in report.unknown.iter().take(TOLD) {
        lines.push(format!("{}the kernel's answer was lost", place(*index)));
    }
    if let Some(error) = &report.error {
        lines.push(format!("{}{error}", place(report.unsent.start)));
    }
    lines.push(match report.unknown.len() {
        0 => format!("restored {} of {total} changes", report.applied),
        unknown => {
            format!("restored {} of {total} changes; of {unknown} it is not known", report.applied)
        }
    });
    let failure = Failure::refused(lines.join("\n"));
    Err(match advice {
        Some(advice) => failure.hint(advice),
        None => failure,
    })
}

/// Makes the changes, and tells of progress. The report has the lines of changes in place of their
/// indices.
fn apply(
    client: &mut Client,
    total: usize,
    mut changes: impl Iterator<Item = Item>,
) -> Result<Report> {
    let mut progress = Progress::of(total, "changes");
    let mut whole = Report::default();
    let mut part = Vec::with_capacity(PART);
    loop {
        part.clear();
        part.extend(changes.by_ref().take(PART));
        if part.is_empty() {
            break;
        }
        let report = client.apply(&part)?;
        let stopped = report.error.is_some() || report.refused.iter().any(|(_, it)| is_final(it));
        let line = |index: usize| part.get(index).map_or(0, |item| item.line);
        whole.applied += report.applied;
        whole.refused.extend(report.refused.into_iter().map(|(index, it)| (line(index), it)));
        whole.unknown.extend(report.unknown.into_iter().map(line));
        whole.error = report.error;
        if stopped {
            let unsent = line(report.unsent.start);
            whole.unsent = unsent..unsent + 1;
            break;
        }
        progress.add(part.len());
    }
    Ok(whole)
}

/// Whether every other change will be refused for the same reason.
fn is_final(refused: &Refused) -> bool {
    matches!(refused.reason, Reason::Permission | Reason::NoIpvs)
}
