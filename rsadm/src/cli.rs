//! The command line of rsadm. Help texts are the doc comments of what they describe.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::conntrack::arguments::Conntrack;
use crate::deferred::Deferred;
use crate::diff::Diff;
use crate::ipvs::arguments::{Ipvs, List};
use crate::snapshot::Snapshot;
use crate::trace::arguments::Arguments as Trace;
use crate::vxlan::arguments::{Monitor, Vxlan};

/// Inspect and change the tables behind virtual services on Linux: IPVS, conntrack and VXLAN.
///
/// Exit status: 0 done; 1 the kernel or the system refused; 2 the command line is wrong; 3 trace,
/// doctor or diff found something.
#[derive(Debug, Parser)]
#[command(name = "rsadm", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// Options that go with every command.
#[derive(Args, Debug, Default)]
pub(crate) struct Global {
    /// Work in this network namespace: a name of `ip netns`, a path, or the id of a process
    #[arg(long, global = true, value_name = "NAME|PATH|PID")]
    pub(crate) netns: Option<String>,
    /// Read from a snapshot that `rsadm snapshot` wrote instead of the kernel; - is the standard input
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) snapshot: Vec<PathBuf>,
    /// Form of the output [default: classic]
    #[arg(short = 'o', long = "output", global = true, value_name = "FORMAT", value_enum,
          value_delimiter = ',', action = ArgAction::Set)]
    pub(crate) output: Vec<Word>,
}

/// A word of `--output`: a form, or how conntrack's own text is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Format(Format),
    Detail(Detail),
    Drawing(Drawing),
}

/// Pictures of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// A flowchart of Mermaid's, which Markdown shows
    Mermaid,
    /// A graph of Graphviz's
    Dot,
    /// A picture
    Svg,
}

/// The words that `conntrack -o` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Detail {
    Extended,
    Id,
    Timestamp,
    Ktimestamp,
    Labels,
    Xml,
    Save,
}

impl ValueEnum for Word {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Format(Format::Classic),
            Self::Format(Format::Table),
            Self::Format(Format::Json),
            Self::Format(Format::Ndjson),
            Self::Format(Format::Yaml),
            Self::Detail(Detail::Extended),
            Self::Detail(Detail::Id),
            Self::Detail(Detail::Timestamp),
            Self::Detail(Detail::Ktimestamp),
            Self::Detail(Detail::Labels),
            Self::Detail(Detail::Xml),
            Self::Detail(Detail::Save),
            Self::Drawing(Drawing::Mermaid),
            Self::Drawing(Drawing::Dot),
            Self::Drawing(Drawing::Svg),
        ]
    }

    /// Details are of some commands only, whose help tells of them.
    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Format(format) => format.to_possible_value(),
            Self::Detail(detail) => detail.to_possible_value().map(|value| value.hide(true)),
            Self::Drawing(drawing) => drawing.to_possible_value().map(|value| value.hide(true)),
        }
    }
}

/// Form of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As the tool that you know prints it
    #[default]
    Classic,
    /// Columns that fit their contents
    Table,
    /// One document
    Json,
    /// One object a line
    Ndjson,
    /// One document
    Yaml,
}

/// What a command is about.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one in a run")]
pub(crate) enum Noun {
    /// Virtual services, their destinations and connections
    #[command(subcommand)]
    Ipvs(Deferred<Ipvs>),
    /// Tracked flows, expectations and their events
    #[command(subcommand)]
    Conntrack(Deferred<Conntrack>),
    /// VXLAN devices, forwarding entries, VNIs, multicast entries, neighbours
    #[command(subcommand)]
    Vxlan(Deferred<Vxlan>),
    /// Show changes of tables as they come
    #[command(subcommand)]
    Monitor(Deferred<Monitor>),
    /// Write down the state of this node: links, routes, services, and all that leads a packet
    ///
    /// What cannot be read is written down as unknown, with the reason. Nothing is changed and no
    /// module is loaded.
    Snapshot(Deferred<Snapshot>),
    /// Show what changed from one snapshot to another
    Diff(Deferred<Diff>),
    /// Follow a packet to a service or a pod and back, and say where it breaks
    ///
    /// Seen from this node alone, or with --snapshot for each node from all of them. The output is a
    /// tree; -o json, ndjson and yaml are for programs, mermaid, dot and svg are pictures. Exit
    /// status: 0 delivered, 3 broken or unknown.
    Trace(Deferred<Trace>),
    /// Find what is wrong on a node: services, routes, the overlay, rules, sysctls, flows
    ///
    /// Of this node alone, or with --snapshot for each node of all of them. Nothing is sent. Exit
    /// status: 0 nothing is wrong, 3 there is an error or a warning.
    Doctor,
    /// Print a script that completes rsadm's command line
    Completions {
        /// The shell to complete in
        shell: clap_complete::Shell,
    },
    /// Make the links under which rsadm is other tools: conntrack, ipvsadm
    Links {
        /// Directory for the links
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

impl Cli {
    /// Reads a command line, the program's name first.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        match Self::read_listing(arguments) {
            Some(listing) => Ok(listing),
            None => Self::try_parse_from(arguments),
        }
    }

    /// Reads what is run most.
    fn read_listing(arguments: &[OsString]) -> Option<Self> {
        let [_, noun, verb, words @ ..] = arguments else { return None };
        if !(noun == "ipvs" && (verb == "list" || verb == "ls")) {
            return None;
        }
        let list = List::of_switches(words)?;
        let noun = Noun::Ipvs(Deferred(Ipvs::List(Deferred(list))));
        Some(Self { global: Global::default(), noun })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn both(line: &str) -> (Option<String>, Option<String>) {
        let listing = Cli::read_listing(&words(line)).map(|cli| format!("{cli:?}"));
        let whole = Cli::try_parse_from(words(line)).ok().map(|cli| format!("{cli:?}"));
        (listing, whole)
    }

    #[test]
    fn every_switch_of_a_listing_is_read_the_same_both_ways() {
        let command = List::augment_args(Command::new("list"));
        let options = command.get_arguments().filter(|option| !option.get_action().takes_values());
        let switches: Vec<_> = options
            .flat_map(|option| {
                let long = option.get_long().map(|name| format!("--{name}"));
                [long, option.get_short().map(|name| format!("-{name}"))]
            })
            .flatten()
            .collect();
        assert!(switches.len() >= 10, "{switches:?}");
        for switch in &switches {
            let (listing, whole) = both(&format!("rsadm ipvs list {switch}"));
            assert!(listing.is_some(), "{switch}");
            assert_eq!(listing, whole, "{switch}");
        }
        // What goes together, and what does not.
        for first in &switches {
            for second in &switches {
                let (listing, whole) = both(&format!("rsadm ipvs ls {first} {second}"));
                assert_eq!(listing, whole, "{first} {second}");
            }
        }
        let (listing, whole) = both("rsadm ipvs list");
        assert!(listing.is_some());
        assert_eq!(listing, whole);
    }

    #[test]
    fn all_else_is_left_to_the_whole_description() {
        for line in [
            "rsadm",
            "rsadm ipvs",
            "rsadm ipvs list --help",
            "rsadm ipvs list --nosuch",
            "rsadm ipvs list -nX",
            "rsadm ipvs list --stats --rate",
            "rsadm ipvs list --sort conns",
            "rsadm ipvs list -o json",
            "rsadm ipvs list tcp://10.0.0.1",
            "rsadm ipvs list tcp://10.0.0.1:80",
            "rsadm --netns blue ipvs list",
            "rsadm ipvs zero",
            "rsadm conntrack list",
        ] {
            assert!(Cli::read_listing(&words(line)).is_none(), "{line}");
        }
    }
}
