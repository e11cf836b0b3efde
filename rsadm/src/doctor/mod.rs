//! `rsadm doctor`.

use std::io::{self, IsTerminal, Write};

use ::node::{Collector, Report, Snapshot};

mod render;

use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{Structure, document};
use render::Styles;

/// Examines this node.
pub(crate) fn run(format: Format, out: &mut impl Write) -> Result<()> {
    let snapshot =
        Collector::new().collect().map_err(|error| Failure::refused(error.to_string()))?;
    examine(&[snapshot], format, out)
}

/// Examines nodes, and tells what was found.
fn examine(snapshots: &[Snapshot], format: Format, out: &mut impl Write) -> Result<()> {
    let report = ::node::doctor(snapshots);
    match (Structure::of(format), format) {
        (Some(structure), _) => document(out, structure, &report)?,
        (None, Format::Table) => table(out, &report)?,
        (None, _) => {
            let styles = if is_coloured() { Styles::coloured() } else { Styles::default() };
            render::text(out, &report, styles)?;
        }
    }
    out.flush()?;
    if report.is_alarming() { Err(Failure::Found) } else { Ok(()) }
}

/// Whether the reader is a terminal that is to be coloured.
fn is_coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
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
