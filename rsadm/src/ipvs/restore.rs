//! `rsadm ipvs restore`.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use ipvs::{Change, Client, Reason, Refused, Report};

use super::hint;
use super::names::System;
use super::script::{self, Problems};
use super::sync::{Group, State, Wanted};
use super::writer;
use crate::failure::{Failure, Result};

/// How many refusals are told one by one.
const TOLD: usize = 20;
/// Changes between two steps of the progress bar.
const PART: usize = 2048;

/// Makes the changes of a script, or with `sync` those that lead to the table it describes.
pub(super) fn run(file: Option<&Path>, sync: bool) -> Result<()> {
    let (name, input) = read(file)?;
    let items =
        script::parse(&input, &System::default()).map_err(|problems| mistakes(&name, &problems))?;
    if sync {
        let wanted = Wanted::of(items).map_err(|problems| mistakes(&name, &problems))?;
        return synchronise(&wanted);
    }
    if items.is_empty() {
        return Ok(());
    }
    let report = apply(&mut writer()?, &items)?;
    outcome(&report, items.len(), |index| format!("{name}:{}: ", items[index].line))
}

/// The script, and its name for messages.
fn read(file: Option<&Path>) -> Result<(String, Vec<u8>)> {
    let Some(path) = file.filter(|path| *path != "-") else {
        let mut input = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut input)
            .map_err(|error| Failure::refused(format!("cannot read standard input: {error}")))?;
        return Ok(("stdin".to_owned(), input));
    };
    let name = path.display().to_string();
    match fs::read(path) {
        Ok(input) => Ok((name, input)),
        Err(error) => Err(Failure::refused(format!("cannot read {name}: {error}"))),
    }
}

/// Tells the mistakes of a script with their places.
fn mistakes(name: &str, problems: &Problems) -> Failure {
    let mut lines: Vec<_> =
        problems.first.iter().map(|problem| format!("{name}:{problem}")).collect();
    let more = problems.total - lines.len();
    if more > 0 {
        lines.push(format!("{name}: {more} more mistakes"));
    }
    lines.push("nothing was changed".to_owned());
    Failure::usage(lines.join("\n"))
}

fn synchronise(wanted: &Wanted) -> Result<()> {
    let mut client = writer()?;
    let present = present(&mut client)?;
    let changes = wanted.changes(&present);
    let report = apply(&mut client, &changes)?;
    outcome(&report, changes.len(), |_| String::new())
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

/// Makes the changes, with a progress bar on a terminal once they have taken a second.
fn apply(client: &mut Client, changes: &[impl AsRef<Change> + Sync]) -> Result<Report> {
    let bar =
        ProgressBar::with_draw_target(Some(changes.len() as u64), ProgressDrawTarget::hidden());
    let terminal = io::stderr().is_terminal();
    let began = Instant::now();
    let mut whole = Report::default();
    for part in changes.chunks(PART) {
        let sent = bar.position() as usize;
        let report = client.apply(part)?;
        let stopped = report.error.is_some() || report.refused.iter().any(|(_, it)| is_final(it));
        whole.applied += report.applied;
        whole.refused.extend(report.refused.into_iter().map(|(index, it)| (sent + index, it)));
        whole.unknown.extend(report.unknown.into_iter().map(|index| sent + index));
        whole.error = report.error;
        if stopped {
            let unsent = if report.unsent.is_empty() { part.len() } else { report.unsent.start };
            whole.unsent = sent + unsent..changes.len();
            break;
        }
        bar.inc(part.len() as u64);
        if terminal && bar.is_hidden() && began.elapsed() > Duration::from_secs(1) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
    bar.finish_and_clear();
    Ok(whole)
}

/// Whether every other change will be refused for the same reason.
fn is_final(refused: &Refused) -> bool {
    matches!(refused.reason, Reason::Permission | Reason::NoIpvs)
}
