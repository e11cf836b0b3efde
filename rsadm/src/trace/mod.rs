//! `rsadm trace`.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use node::Flows;
use node::trace::{Options, Pick, Source, Target, Trace, Verdict, trace};

pub(crate) mod arguments;
mod dot;
mod graph;
mod mermaid;
mod svg;
mod tree;

use crate::cli::{Drawing, Format};
use crate::failure::{Failure, Result};
use crate::output::paint::Paint;
use crate::output::{Form, Structure, document};
use crate::snapshot;
use arguments::Arguments;

/// Runs `rsadm trace` over snapshots.
pub(crate) fn over(
    arguments: &Arguments,
    files: &[PathBuf],
    form: &Form,
    out: &mut impl Write,
) -> Result<()> {
    let question = Question::of(arguments)?;
    let snapshots = files.iter().map(|file| snapshot::load(file)).collect::<Result<Vec<_>>>()?;
    let trace = trace(&snapshots, &question.target, &question.options);
    let trace = trace.map_err(|error| Failure::usage(error.to_string()))?;
    finish(out, &trace, form, arguments)
}

/// Runs `rsadm trace` over the state of this node, or of a network namespace.
pub(crate) fn here(
    arguments: &Arguments,
    netns: Option<&str>,
    form: &Form,
    out: &mut impl Write,
) -> Result<()> {
    let question = Question::of(arguments)?;
    let snapshot = snapshot::collect(netns, Flows::All)?;
    let trace = trace(&[snapshot], &question.target, &question.options);
    let trace = trace.map_err(|error| {
        Failure::usage(error.to_string()).hint(
            "other nodes are seen by their snapshots: `rsadm snapshot FILE` there, then --snapshot \
             FILE for each",
        )
    })?;
    finish(out, &trace, form, arguments)
}

/// What is asked.
struct Question {
    target: Target,
    options: Options,
}

impl Question {
    fn of(arguments: &Arguments) -> Result<Self> {
        let target = arguments.target.parse::<Target>();
        let target = target.map_err(|error| Failure::usage(error.to_string()))?;
        let source = arguments.from.as_deref().map_or(Source::Node, Source::from);
        let destination = arguments.destination.as_deref().map(pick).transpose()?;
        Ok(Self { target, options: Options { source, destination } })
    }
}

fn pick(text: &str) -> Result<Pick> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Pick { address: address.ip(), port: Some(address.port()) });
    }
    let address = text.parse::<IpAddr>();
    let address = address.map_err(|_| {
        Failure::usage(format!("'{text}' is not a destination: write ADDRESS or ADDRESS:PORT"))
    })?;
    Ok(Pick { address, port: None })
}

/// Shows the trace, and says by the exit status what it found.
fn finish(out: &mut impl Write, trace: &Trace, form: &Form, arguments: &Arguments) -> Result<()> {
    write(out, trace, form, arguments.explain)?;
    out.flush()?;
    match trace.verdict {
        Verdict::Delivered => Ok(()),
        Verdict::Broken | Verdict::Unknown => Err(Failure::Found),
    }
}

fn write(out: &mut impl Write, trace: &Trace, form: &Form, explain: bool) -> Result<()> {
    match form.drawing() {
        Some(Drawing::Mermaid) => return Ok(mermaid::write(out, trace)?),
        Some(Drawing::Dot) => return Ok(dot::write(out, trace)?),
        Some(Drawing::Svg) => return Ok(svg::write(out, trace)?),
        None => {}
    }
    match Structure::of(form.undetailed()?.unwrap_or(Format::Classic)) {
        Some(structure) => document(out, structure, trace),
        None => Ok(tree::write(out, trace, tree::Style { paint: Paint::of_stdout(), explain })?),
    }
}
