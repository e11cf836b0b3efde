//! `rsadm trace`.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use node::trace::{Options, Pick, Source, Target, Trace, Verdict, trace};
use node::{Flows, Snapshot};
use serde::Serialize;

pub(crate) mod arguments;
mod dot;
mod graph;
mod mermaid;
mod probe;
mod svg;
mod tree;

use crate::cli::{Drawing, Format};
use crate::failure::{Failure, Result};
use crate::output::paint::Paint;
use crate::output::{Form, Structure, document};
use crate::snapshot;
use arguments::Arguments;
use probe::{Plan, Probe};

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
    let probe = if arguments.probe { Some(question.probe(arguments, None)?.1) } else { None };
    finish(out, &Told { trace, probe }, form, arguments)
}

/// Runs `rsadm trace` over the state of this node, or of a network namespace.
pub(crate) fn here(
    arguments: &Arguments,
    netns: Option<&str>,
    form: &Form,
    out: &mut impl Write,
) -> Result<()> {
    let question = Question::of(arguments)?;
    let (snapshot, probe) = if arguments.probe {
        question.probe(arguments, netns).map(|(before, probe)| (before, Some(probe)))?
    } else {
        (snapshot::collect(netns, Flows::All)?, None)
    };
    let trace = trace(&[snapshot], &question.target, &question.options);
    let trace = trace.map_err(|error| {
        Failure::usage(error.to_string()).hint(
            "other nodes are seen by their snapshots: `rsadm snapshot FILE` there, then --snapshot \
             FILE for each",
        )
    })?;
    finish(out, &Told { trace, probe }, form, arguments)
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

    /// Sends a packet for real from here, and answers what there was before, and what became of it.
    fn probe(&self, arguments: &Arguments, netns: Option<&str>) -> Result<(Snapshot, Probe)> {
        let from = match &self.options.source {
            Source::Node => None,
            Source::Address(address) => Some(*address),
            Source::Name(name) => {
                return Err(Failure::usage(format!("--probe sends from here, not from {name}"))
                    .hint("--netns sends from another network namespace"));
            }
        };
        let patience = Duration::from_secs(arguments.patience);
        let plan = Plan::of(&self.target, from, arguments.size, patience)?;
        probe::run(&plan, || snapshot::collect(netns, Flows::All))
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

/// A trace, and what became of a real packet.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    trace: Trace,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<Probe>,
}

/// Shows the trace, and says by the exit status what it found.
fn finish(out: &mut impl Write, told: &Told, form: &Form, arguments: &Arguments) -> Result<()> {
    write(out, told, form, arguments.explain)?;
    out.flush()?;
    let is_well = told.probe.as_ref().is_none_or(Probe::is_well);
    if told.trace.verdict == Verdict::Delivered && is_well { Ok(()) } else { Err(Failure::Found) }
}

fn write(out: &mut impl Write, told: &Told, form: &Form, explain: bool) -> Result<()> {
    let trace = &told.trace;
    match form.drawing() {
        Some(Drawing::Mermaid) => return Ok(mermaid::write(out, trace)?),
        Some(Drawing::Dot) => return Ok(dot::write(out, trace)?),
        Some(Drawing::Svg) => return Ok(svg::write(out, trace)?),
        None => {}
    }
    if let Some(structure) = Structure::of(form.undetailed()?.unwrap_or(Format::Classic)) {
        return document(out, structure, told);
    }
    let style = tree::Style { paint: Paint::of_stdout(), explain };
    let lines = told.probe.as_ref().map(|probe| (probe.lines(), probe.remark(trace)));
    Ok(tree::write(out, trace, lines.as_ref(), style)?)
}
