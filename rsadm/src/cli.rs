//! The command line of rsadm. Help texts are the doc comments of what they describe.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::deferred::Deferred;
use crate::ipvs::arguments::Ipvs;

/// Inspect and change IPVS, the tables behind virtual services on Linux.
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
    #[arg(short = 'o', long = "output", global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
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
pub(crate) enum Noun {
    /// Virtual services, their destinations and connections
    #[command(subcommand)]
    Ipvs(Deferred<Ipvs>),
    /// Print a script that completes rsadm's command line
    Completions {
        /// The shell to complete in
        shell: clap_complete::Shell,
    },
    /// Make the links under which rsadm is other tools: ipvsadm
    Links {
        /// Directory for the links
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}
