//! `rsadm diff`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use node::{DiffOptions, Difference, RowChange, diff};

use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::{Items, Structure};
use crate::snapshot;

/// `rsadm diff`
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The first snapshot; - is the standard input
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The second snapshot; - is the standard input
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Show what changes all the time too: counters, times, flows, how neighbours are known
    #[arg(long)]
    volatile: bool,
}

/// Shows what changed. Ends with [`Failure::Found`] if anything did.
pub(crate) fn run(arguments: &Diff, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    if arguments.before == arguments.after && arguments.before.as_os_str() == "-" {
        return Err(Failure::usage("only one of the two can be the standard input"));
    }
    let (before, after) = (snapshot::load(&arguments.before)?, snapshot::load(&arguments.after)?);
    let options = DiffOptions { volatile: arguments.volatile };
    let differences = diff(&before, &after, options);
    match Structure::of(format.unwrap_or_default()) {
        Some(structure) => {
            let mut items = Items::new(out, structure);
            for difference in &differences {
                items.push(difference)?;
            }
            items.finish()?;
        }
        None => text(&differences, out)?,
    }
    out.flush()?;
    if differences.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

fn text(differences: &[Difference], out: &mut impl Write) -> Result<()> {
    let heading = |difference: &Difference| (difference.table, difference.pod.clone());
    for (index, group) in
        differences.chunk_by(|one, other| heading(one) == heading(other)).enumerate()
    {
        if index > 0 {
            writeln!(out)?;
        }
        match heading(&group[0]) {
            (table, None) => writeln!(out, "{table}")?,
            (table, Some(pod)) => writeln!(out, "{table} of pod {pod}")?,
        }
        for difference in group {
            row(difference, out)?;
        }
    }
    Ok(())
}

fn row(difference: &Difference, out: &mut impl Write) -> Result<()> {
    let sign = match difference.change {
        RowChange::Added => '+',
        RowChange::Removed => '-',
        RowChange::Changed => '~',
    };
    write!(out, "  {sign} {}", difference.subject)?;
    if difference.change == RowChange::Changed {
        writeln!(out)?;
        let none = || "none".to_owned();
        for change in &difference.fields {
            let before = change.before.clone().unwrap_or_else(none);
            let after = change.after.clone().unwrap_or_else(none);
            writeln!(out, "      {}: {before} -> {after}", change.field)?;
        }
        return Ok(());
    }
    // Of a route that came or went it matters where it leads.
    let shown = difference.fields.iter().filter(|change| {
        change.field.starts_with("hops.")
            || change.field == "remote.address"
            || change.field == "mac"
    });
    for change in shown {
        let value = change.before.as_ref().or(change.after.as_ref());
        write!(out, " {}", value.map_or("", String::as_str))?;
    }
    Ok(writeln!(out)?)
}
