//! `rsadm snapshot`, and commands that read from one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser};
use node::{Collector, Error, Flows, Part};

use crate::cli::Noun;
use crate::conntrack::filter::Filters;
use crate::deferred::Deferred;
use crate::failure::{Failure, Result};
use crate::output::Form;
use crate::{conntrack, ipvs, vxlan};

/// `rsadm snapshot`
#[derive(Args, Debug)]
pub(crate) struct Snapshot {
    /// Name of the node [default: that of --netns, or of the host]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Flows of connection tracking: all, none, or the filters of `rsadm conntrack list` in quotes
    #[arg(long, value_name = "all|none|FILTER", default_value = "none", value_parser = flows,
          allow_hyphen_values = true)]
    conntrack: Choice,
    /// Leave the network namespaces of pods alone
    #[arg(long)]
    no_pods: bool,
    /// Leave the connections of IPVS out
    #[arg(long)]
    no_connections: bool,
    /// The file: compressed if its name ends in .gz or .zst; - is the standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Which flows.
#[derive(Clone, Debug)]
enum Choice {
    None,
    All,
    Matching(Box<Filters>),
}

/// Filters by themselves.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Alone {
    #[command(flatten)]
    filters: Filters,
}

fn flows(text: &str) -> Result<Choice, String> {
    match text {
        "none" => return Ok(Choice::None),
        "all" => return Ok(Choice::All),
        _ => {}
    }
    let parsed = Alone::try_parse_from(text.split_whitespace());
    let told = |error: clap::Error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        format!("all, none, or filters such as '--proto tcp --dst 10.243.21.14': {line}")
    };
    parsed.map(|alone| Choice::Matching(Box::new(alone.filters))).map_err(told)
}

/// Takes a snapshot of the thread's network namespace, which `--netns` may have named.
pub(crate) fn take(arguments: &Snapshot, netns: Option<&str>) -> Result<()> {
    let flows = match &arguments.conntrack {
        Choice::None => Flows::None,
        Choice::All => Flows::All,
        Choice::Matching(filters) => Flows::Matching(filters.build()?),
    };
    let mut collector = Collector::new()
        .flows(flows)
        .pods(!arguments.no_pods)
        .connections(!arguments.no_connections);
    if let Some(name) = arguments.name.as_deref().or(name_of(netns)) {
        collector = collector.name(name);
    }
    let snapshot = collector.collect().map_err(|error| failure(&error))?;
    for remark in &snapshot.remarks {
        // Where nobody listens there is nobody to tell.
        _ = writeln!(io::stderr(), "rsadm: in doubt: {remark}");
    }
    if arguments.file == Path::new("-") {
        return Ok(snapshot.write_to(io::BufWriter::new(io::stdout().lock()))?);
    }
    snapshot.save(&arguments.file).map_err(|error| failure(&error))
}

/// The name of a node that `--netns` names; processes have none.
pub(crate) fn name_of(netns: Option<&str>) -> Option<&str> {
    let name = netns.filter(|name| name.parse::<u32>().is_err())?;
    Path::new(name).file_name()?.to_str()
}

/// The state of the thread's network namespace, which `--netns` may have named.
pub(crate) fn collect(netns: Option<&str>, flows: Flows) -> Result<node::Snapshot> {
    let mut collector = Collector::new().flows(flows);
    if let Some(name) = name_of(netns) {
        collector = collector.name(name);
    }
    collector.collect().map_err(|error| failure(&error))
}

/// Reads a snapshot; `-` is the standard input.
pub(crate) fn load(path: &Path) -> Result<node::Snapshot> {
    let read = if path == Path::new("-") {
        node::Snapshot::read_from(io::stdin().lock(), "the standard input")
    } else {
        node::Snapshot::load(path)
    };
    read.map_err(|error| failure(&error))
}

pub(crate) fn failure(error: &Error) -> Failure {
    let failure = Failure::refused(error.to_string());
    match error {
        Error::Future { .. } => failure.hint("a newer rsadm wrote it, and can read it"),
        Error::Damaged { .. } => failure.hint("`rsadm snapshot FILE` writes such files"),
        _ => failure,
    }
}

/// Runs a command that reads on a snapshot instead of the kernel.
pub(crate) fn show(
    noun: &Noun,
    path: &Path,
    form: &Form,
    out: &mut (impl Write + Send),
) -> Result<()> {
    match noun {
        Noun::Ipvs(Deferred(verb)) => ipvs::saved(verb, &load(path)?, form.plain()?, out),
        Noun::Conntrack(Deferred(verb)) => conntrack::saved(verb, &load(path)?, form, out),
        Noun::Vxlan(Deferred(verb)) => vxlan::saved(verb, &load(path)?, form.plain()?, out),
        Noun::Monitor(_) => Err(lacks("events")),
        _ => Err(Failure::usage("this command does not read from a snapshot")
            .hint("--snapshot goes with listings of ipvs, conntrack and vxlan")),
    }
}

/// A part of a snapshot, or why it is not there.
pub(crate) fn part<'s, T>(from: &node::Snapshot, what: &str, part: &'s Part<T>) -> Result<&'s T> {
    let missing = |reason: &str| {
        let failure = Failure::refused(format!(
            "the snapshot of {} does not have its {what}: {reason}",
            from.name
        ));
        match what {
            "flows" => failure.hint("`rsadm snapshot --conntrack all FILE` collects them"),
            _ => failure,
        }
    };
    part.get().ok_or_else(|| missing(part.reason().unwrap_or_default()))
}

/// Commands that change something do not go with a snapshot.
pub(crate) fn read_only() -> Failure {
    Failure::usage("this command changes the kernel's tables, and a snapshot cannot be changed")
        .hint("leave --snapshot out")
}

/// Options that choose network namespaces do not go with a snapshot either.
pub(crate) fn one_namespace(option: &str) -> Failure {
    Failure::usage(format!("{option} says which kernel's tables, --snapshot none"))
}

/// What no snapshot has.
pub(crate) fn lacks(what: &str) -> Failure {
    Failure::refused(format!("a snapshot does not have {what}"))
}
