//! `rsadm doctor`.

use std::io::Write;
use std::path::PathBuf;

use node::{Flows, Report, Snapshot, doctor};

mod render;

use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::paint::Paint;
use crate::output::table::{Align, Table};
use crate::output::{Structure, document};
use crate::snapshot;

/// Examines this node, or a network namespace.
pub(crate) fn here(netns: Option<&str>, format: Format, out: &mut impl Write) -> Result<()> {
    examine(&[snapshot::collect(netns, Flows::All)?], format, out)
}

/// Examines nodes by their snapshots.
pub(crate) fn over(files: &[PathBuf], format: Format, out: &mut impl Write) -> Result<()> {
    let snapshots = files.iter().map(|file| snapshot::load(file)).collect::<Result<Vec<_>>>()?;
    examine(&snapshots, format, out)
}

/// Examines nodes, and tells what was found.
fn examine(snapshots: &[Snapshot], format: Format, out: &mut impl Write) -> Result<()> {
    let report = doctor(snapshots);
    match Structure::of(format) {
        Some(structure) => document(out, structure, &report)?,
        None if format == Format::Table => table(out, &report)?,
        None => render::text(out, &report, Paint::of_stdout())?,
    }
    out.flush()?;
    if report.is_alarming() { Err(Failure::Found) } else { Ok(()) }
}

fn table(out: &mut impl Write, report: &Report) -> Result<()> {
    let titles = ["SEVERITY", "NODE", "STAGE", "CODE", "SUBJECT", "SUMMARY"];
    let mut table = Table::new(&titles.map(|title| (title, Align::Left)));
    for finding in &report.findings {
        let words = [finding.severity.to_string(), finding.node.clone(), finding.stage.to_string()];
        let rest = [finding.code.to_string(), finding.subject.clone(), finding.summary.clone()];
        table.row(out, words.into_iter().chain(rest).collect())?;
    }
    for doubt in &report.unknown {
        let words = ["unknown".to_owned(), doubt.node.clone(), doubt.stage.to_string()];
        let rest = ["-".to_owned(), doubt.subject.clone(), doubt.reason.clone()];
        table.row(out, words.into_iter().chain(rest).collect())?;
    }
    table.finish(out)?;
    Ok(())
}
