//! The command line of `rsadm conntrack`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use conntrack::{ExpectationFlags, Family, MarkChange, NatRequest};

use super::filter::Filters;
use super::tuples::Tuples;
use super::values::{Mark, StatusBits, mark, nat_request, number32, status, timeout, zone};
use crate::deferred::Deferred;

/// `rsadm conntrack`
#[derive(Debug, Subcommand)]
pub(crate) enum Conntrack {
    /// List flows
    ///
    /// Besides the forms that every listing has, -o takes the words of conntrack, separated by
    /// commas: extended, id, ktimestamp, labels; xml; save.
    #[command(visible_alias = "ls")]
    List(Deferred<List>),
    /// Show one flow
    Get(Deferred<Get>),
    /// Create a flow
    Create(Deferred<Create>),
    /// Change the flows that match
    Update(Deferred<Update>),
    /// Delete the flows that match, and show those that are gone
    Delete(Deferred<Delete>),
    /// Delete all flows
    Flush {
        /// Only those of this family
        #[arg(short, long, value_name = "FAMILY")]
        family: Option<FamilyName>,
        /// Say what would be deleted, and delete nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// How many flows there are, or match, and how many there may be
    Count(Deferred<Plain>),
    /// What each processor counted
    Stats,
    /// Count flows by what they have in common, the largest groups first
    Top(Deferred<Top>),
    /// Show events as they come
    ///
    /// Ends at SIGINT or SIGTERM. When events come faster than they are read, some are lost: that is
    /// told, and the flows that there are then are shown anew. Besides the forms that every listing
    /// has, -o takes extended, id, timestamp, ktimestamp, labels.
    Events(Deferred<Events>),
    /// Write flows to be loaded again, without loss
    Save(Deferred<Plain>),
    /// Create the flows of a file that save or conntrack wrote
    ///
    /// The whole file is checked before the first change. When the kernel refuses one, the others
    /// are still made, and what was refused is told with its line.
    Load {
        /// The file; without one, or with -, the standard input
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Tell what differs between two listings, or between one and the table
    ///
    /// Flows are the same if their ids are; timeouts, counters and references are no difference.
    /// Status 3 is that something differs.
    Diff(Deferred<Diff>),
    /// List flows that have ended, while a listener still has to be told of it
    Dying(Deferred<Plain>),
    /// List flows whose first packet is still on its way
    Unconfirmed(Deferred<Plain>),
    /// Flows that helpers expect
    #[command(subcommand)]
    Expect(Deferred<Expect>),
    /// What of connection tracking this kernel does, and does right
    Caps,
}

/// A family by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FamilyName {
    Ipv4,
    Ipv6,
}

impl From<FamilyName> for Family {
    fn from(name: FamilyName) -> Self {
        match name {
            FamilyName::Ipv4 => Self::Ipv4,
            FamilyName::Ipv6 => Self::Ipv6,
        }
    }
}

/// `rsadm conntrack list`
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Set the counters of the flows that are shown to zero
    #[arg(short, long)]
    pub(crate) zero: bool,
    /// Tell which filters the kernel works with and which are checked here, and list nothing
    #[arg(long, conflicts_with = "zero")]
    pub(crate) explain: bool,
    /// List those of the current network namespace and of all that `ip netns` has named
    #[arg(long, conflicts_with_all = ["zero", "explain", "service"])]
    pub(crate) all_netns: bool,
}

/// `rsadm conntrack count`, `save`, `dying` and `unconfirmed`
#[derive(Args, Debug)]
pub(crate) struct Plain {
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// `rsadm conntrack diff`
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// What list -o ndjson (or json) wrote; - is the standard input
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// The same from later; without it, the table as it is
    #[arg(value_name = "AFTER")]
    pub(crate) after: Option<PathBuf>,
}

/// `rsadm conntrack get`
#[derive(Args, Debug)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) tuples: Tuples,
    /// Zone of the flow
    #[arg(short = 'w', long, value_name = "ZONE", value_parser = zone, default_value = "0",
          hide_default_value = true)]
    pub(crate) zone: u16,
}

/// `rsadm conntrack create`
#[derive(Args, Debug)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) tuples: Tuples,
    /// Seconds until it expires
    #[arg(short, long, value_name = "SECONDS", value_parser = timeout)]
    pub(crate) timeout: u32,
    /// State of TCP, SCTP or DCCP
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// Status bits to set, such as SEEN_REPLY,ASSURED
    #[arg(short = 'u', long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Option<StatusBits>,
    /// Mark
    #[arg(short = 'm', long, value_name = "MARK", value_parser = number32)]
    pub(crate) mark: Option<u32>,
    /// Labels: names or numbers; kept only where some rule uses labels
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub(crate) label_add: Vec<String>,
    /// Zone of both directions
    #[arg(short = 'w', long, value_name = "ZONE", value_parser = zone)]
    pub(crate) zone: Option<u16>,
    /// Zone of the original direction alone
    #[arg(long, value_name = "ZONE", value_parser = zone, conflicts_with = "zone")]
    pub(crate) orig_zone: Option<u16>,
    /// Zone of the reply direction alone
    #[arg(long, value_name = "ZONE", value_parser = zone, conflicts_with = "zone")]
    pub(crate) reply_zone: Option<u16>,
    /// Translate the source to this address, port or both
    #[arg(short = 'n', long, value_name = "ADDRESS[:PORT]", value_parser = nat_request)]
    pub(crate) src_nat: Option<NatRequest>,
    /// Translate the destination to this address, port or both
    #[arg(short = 'g', long, value_name = "ADDRESS[:PORT]", value_parser = nat_request)]
    pub(crate) dst_nat: Option<NatRequest>,
    /// Helper, such as ftp
    #[arg(long, value_name = "NAME")]
    pub(crate) helper: Option<String>,
    /// Verification tag of SCTP of the original direction
    #[arg(long, value_name = "TAG", value_parser = number32)]
    pub(crate) orig_vtag: Option<u32>,
    /// Verification tag of SCTP of the reply direction
    #[arg(long, value_name = "TAG", value_parser = number32)]
    pub(crate) reply_vtag: Option<u32>,
}

/// `rsadm conntrack update`
#[derive(Args, Debug)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) filters: Filters,
    #[command(flatten)]
    pub(crate) changes: Changes,
    /// Show the flows that match, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What to change of flows.
#[derive(Args, Debug)]
#[group(id = "changes", required = true, multiple = true)]
pub(crate) struct Changes {
    /// Seconds until they expire
    #[arg(short = 't', long = "timeout", value_name = "SECONDS", value_parser = timeout)]
    pub(crate) timeout: Option<u32>,
    /// Mark, or some bits of it
    #[arg(long, value_name = "MARK[/MASK]", value_parser = mark)]
    pub(crate) set_mark: Option<Mark>,
    /// Status bits to set besides those that are set: SEEN_REPLY, ASSURED or FIXED_TIMEOUT
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) set_status: Option<StatusBits>,
    /// State of TCP, SCTP or DCCP
    #[arg(long, value_name = "STATE")]
    pub(crate) set_state: Option<String>,
    /// Labels to set: names or numbers
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub(crate) label_add: Vec<String>,
    /// Labels to clear; without names, all
    #[arg(long, value_name = "LABEL", value_delimiter = ',', num_args = 0..)]
    pub(crate) label_del: Option<Vec<String>>,
}

impl Changes {
    pub(crate) fn mark(&self) -> Option<MarkChange> {
        self.set_mark.map(MarkChange::from)
    }
}

/// `rsadm conntrack delete`
#[derive(Args, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Show what would be deleted, and delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Tell which filters the kernel works with and which are checked here, and delete nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) explain: bool,
}

/// `rsadm conntrack top`
#[derive(Args, Debug)]
pub(crate) struct Top {
    /// What the flows of a group have in common
    #[arg(value_name = "WHAT", default_value = "src")]
    pub(crate) group: GroupBy,
    /// What decides which group is the largest
    #[arg(long, value_name = "MEASURE", default_value = "count")]
    pub(crate) by: Measure,
    /// Only the N largest groups; 0 shows all
    #[arg(long = "top", value_name = "N", default_value_t = 10)]
    pub(crate) shown: usize,
    /// Look again every so many seconds and show rates, until a signal ends it
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub(crate) watch: Option<u32>,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// What flows are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// Source of the first packet
    Src,
    /// Destination of the first packet
    Dst,
    /// Source of answers: the real end
    ReplySrc,
    /// Protocol, destination and port of the first packet
    Service,
    /// Destination port of the first packet
    Port,
    /// Protocol
    Protocol,
    /// State of the protocol
    State,
    /// Mark
    Mark,
    /// Zone
    Zone,
}

/// What groups are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Flows
    Count,
    /// Bytes of both directions
    Bytes,
    /// Packets of both directions
    Packets,
}

/// `rsadm conntrack events`
#[derive(Args, Debug)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Only these: NEW, UPDATES, DESTROY
    #[arg(
        short = 'e',
        long,
        value_name = "EVENT",
        value_enum,
        ignore_case = true,
        value_delimiter = ','
    )]
    pub(crate) event_mask: Vec<EventName>,
    /// Listen in the current network namespace and in all that `ip netns` has named by now
    #[arg(long)]
    pub(crate) all_netns: bool,
    /// Bytes of the socket's buffer [default: 32 MiB]
    #[arg(short, long, value_name = "BYTES", value_parser = number32)]
    pub(crate) buffer_size: Option<u32>,
}

/// An event by conntrack's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventName {
    All,
    New,
    #[value(alias = "update")]
    Updates,
    Destroy,
}

/// `rsadm conntrack expect`
#[derive(Debug, Subcommand)]
pub(crate) enum Expect {
    /// List expectations
    #[command(visible_alias = "ls")]
    List {
        /// Only those of this family
        #[arg(short, long, value_name = "FAMILY")]
        family: Option<FamilyName>,
    },
    /// Show one expectation, by the tuple that is expected
    Get(Deferred<Get>),
    /// Create an expectation
    Create(Deferred<ExpectCreate>),
    /// Delete an expectation, by the tuple that is expected
    Delete(Deferred<Get>),
    /// Delete all expectations
    Flush {
        /// Say what would be deleted, and delete nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// `rsadm conntrack expect create`
#[derive(Args, Debug)]
pub(crate) struct ExpectCreate {
    /// The flow that expects: PROTOCOL,SOURCE,DESTINATION with ports, such as
    /// udp,10.0.0.1:5000,10.0.0.2:69
    #[arg(long, value_name = "TUPLE", value_parser = super::expect::tuple)]
    pub(crate) master: conntrack::Tuple,
    /// The flow that is expected; port 0 of its source is any
    #[arg(long, value_name = "TUPLE", value_parser = super::expect::tuple)]
    pub(crate) tuple: conntrack::Tuple,
    /// Seconds until it expires; the helper's own unless --flags has USERSPACE
    #[arg(short, long, value_name = "SECONDS", value_parser = timeout)]
    pub(crate) timeout: Option<u32>,
    /// Helper that the expected flow gets
    #[arg(long, value_name = "NAME")]
    pub(crate) helper: Option<String>,
    /// PERMANENT, INACTIVE, USERSPACE
    #[arg(long, value_name = "FLAGS", value_parser = super::expect::flags)]
    pub(crate) flags: Option<ExpectationFlags>,
    /// Zone
    #[arg(short = 'w', long, value_name = "ZONE", value_parser = zone)]
    pub(crate) zone: Option<u16>,
}
