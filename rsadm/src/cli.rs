//! The command line of rsadm. Help texts are the doc comments of what they describe.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::conntrack::arguments::Conntrack;
use crate::deferred::Deferred;
use crate::ipvs::arguments::Ipvs;

/// Inspect and change the tables behind virtual services on Linux: IPVS and conntrack.
///
/// Exit status: 0 done; 1 the kernel or the system refused; 2 the command line is wrong.
#[derive(Debug, Parser)]
#[command(name = "rsadm", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// Options that go with every command.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// Work in this network namespace: a name of `ip netns`, a path, or the id of a process
    #[arg(long, global = true, value_name = "NAME|PATH|PID")]
    pub(crate) netns: Option<String>,
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
        ]
    }

    /// Details are of some commands only, whose help tells of them.
    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Format(format) => format.to_possible_value(),
            Self::Detail(detail) => detail.to_possible_value().map(|value| value.hide(true)),
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
