//! Connection tracking: a million flows, beside conntrack.

mod bare;
mod events;
mod maximum;

use std::{
    fmt::Write as _,
    fs,
    net::Ipv4Addr,
    ops::Range,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use netlink_sys::protocols::NETLINK_NETFILTER;

use super::{ROUNDS, Row, measure, measure::times, socket::Bare};
use crate::{Context, Error, Result, namespace::Namespace};
pub(super) use bare::{create, work};
pub(super) use maximum::Maximum;

/// Size of the table.
const FLOWS: u32 = 1_000_000;
/// How many are made at a time.
const PART: u32 = 100_000;
/// How many are loaded from a file.
const LOADED: u32 = 200_000;
/// A network of clients with a quarter of a million flows.
const NETWORK: &str = "10.0.1.0/24";

/// Work that has no limit but what conntrack needs for it.
struct Beside {
    work: &'static str,
    ours: &'static [&'static str],
    /// None where it fails.
    conntrack: Option<&'static [&'static str]>,
}

const BESIDE: [Beside; 3] = [
    Beside {
        work: "list them as XML",
        ours: &["conntrack", "list", "-o", "xml"],
        conntrack: Some(&["-L", "-o", "xml"]),
    },
    Beside {
        work: "list those from an address",
        ours: &["conntrack", "list", "-s", "10.0.1.7"],
        conntrack: Some(&["-L", "-s", "10.0.1.7"]),
    },
    Beside {
        work: "mark those from an address",
        ours: &["conntrack", "update", "-s", "10.0.1.7", "--set-mark", "5"],
        // Version 1.4.7 ends after some 250 of them: "No buffer space available".
        conntrack: None,
    },
];

/// Runs every benchmark of connection tracking.
pub(super) fn rows(rsadm: &Path, conntrack: &Path) -> Result<Vec<Row>> {
    let _maximum = Maximum::of_at_least(FLOWS + FLOWS / 4)?;
    let bench = Bench { rsadm, conntrack };
    let full = Namespace::new("rsadm-bench-full")?;
    full.enter(|| fill(bare::create))?;
    let mut rows = vec![full.enter(|| bench.list())?];
    rows.push(full.enter(decode)?);
    for beside in &BESIDE {
        rows.push(full.enter(|| bench.beside(beside))?);
    }
    rows.push(full.enter(|| bench.delete_address())?);
    rows.push(full.enter(|| bench.delete_network())?);
    drop(full);
    let scattered = Namespace::new("rsadm-bench-scattered")?;
    scattered.enter(|| fill(|bare, numbers| bare::create_from(bare, numbers, bare::sole)))?;
    rows.push(scattered.enter(|| bench.top())?);
    drop(scattered);
    rows.push(bench.load()?);
    rows.push(events::row(rsadm, conntrack)?);
    Ok(rows)
}

/// Fills the table of the namespace.
fn fill(create: impl Fn(&mut Bare, Range<u32>) -> Result<Duration>) -> Result<()> {
    let mut bare = Bare::connect(NETLINK_NETFILTER)?;
    (0..FLOWS)
        .step_by(PART as usize)
        .try_for_each(|first| create(&mut bare, first..FLOWS.min(first + PART)).map(drop))
}

/// The address whose flows are deleted in a round.
fn deleted(round: u32) -> Ipv4Addr {
    bare::destination(round)
}

/// What to measure.
struct Bench<'a> {
    rsadm: &'a Path,
    conntrack: &'a Path,
}

/// A program whose output goes into nothing.
fn quiet(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Bench<'_> {
    fn rsadm(&self, arguments: &[&str]) -> Command {
        quiet(self.rsadm, arguments)
    }

    fn conntrack(&self, arguments: &[&str]) -> Command {
        let mut command = quiet(self.conntrack, arguments);
        command.stderr(Stdio::null());
        command
    }

    fn list(&self) -> Result<Row> {
        let list = ["conntrack", "list"];
        let (mut limits, mut ours, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            limits.push(measure::limit("conntrack", "list")?);
            ours.push(measure::run(&mut self.rsadm(&list))?);
            peers.push(measure::run(&mut self.conntrack(&["-L"]))?);
        }
        Ok(Row {
            work: format!("list {FLOWS} flows as text"),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: Some(times(peers)),
            target: "<= 1.15",
            memory: Some(measure::memory(&mut self.rsadm(&list))?),
        })
    }

    fn beside(&self, beside: &Beside) -> Result<Row> {
        let (mut ours, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(measure::run(&mut self.rsadm(beside.ours))?);
            if let Some(words) = beside.conntrack {
                peers.push(measure::run(&mut self.conntrack(words))?);
            }
        }
        Ok(Row {
            work: beside.work.to_owned(),
            limit: None,
            ours: times(ours),
            peer: beside.conntrack.map(|_| times(peers)),
            target: if beside.conntrack.is_some() { "<= 1" } else { "" },
            memory: None,
        })
    }

    /// Every run deletes the flows of another server: four thousand of a million.
    fn delete_address(&self) -> Result<Row> {
        let (mut limits, mut ours, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        let mut address = (0..).map(|round| (round, deleted(round).to_string()));
        for _ in 0..ROUNDS {
            if let Some((round, _)) = address.next() {
                limits.push(measure::limit("conntrack", &format!("delete-{round}"))?);
            }
            if let Some((_, address)) = address.next() {
                ours.push(measure::run(&mut self.rsadm(&["conntrack", "delete", "-d", &address]))?);
            }
            if let Some((_, address)) = address.next() {
                peers.push(measure::run(&mut self.conntrack(&["-D", "-d", &address]))?);
            }
        }
        Ok(Row {
            work: "delete those to an address".to_owned(),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: Some(times(peers)),
            target: "<= 1.2",
            memory: None,
        })
    }

    /// A quarter of the table, which is made again for the next run.
    fn delete_network(&self) -> Result<Row> {
        let (mut ours, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(measure::run(&mut self.rsadm(&["conntrack", "delete", "-s", NETWORK]))?);
            fill_missing()?;
            peers.push(measure::run(&mut self.conntrack(&["-D", "-s", NETWORK]))?);
            fill_missing()?;
        }
        Ok(Row {
            work: format!("delete those from {NETWORK}"),
            limit: None,
            ours: times(ours),
            peer: Some(times(peers)),
            target: "<= 0.33",
            memory: None,
        })
    }

    /// Ten groups of a million, each of one flow.
    fn top(&self) -> Result<Row> {
        let top = ["conntrack", "top", "src"];
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            limits.push(measure::limit("conntrack", "list")?);
            ours.push(measure::run(&mut self.rsadm(&top))?);
        }
        Ok(Row {
            work: format!("the largest of {FLOWS} groups"),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: None,
            target: "",
            memory: Some(measure::memory(&mut self.rsadm(&top))?),
        })
    }

    fn load(&self) -> Result<Row> {
        let file = tempfile::NamedTempFile::new().context(|| "cannot make a file".into())?;
        fs::write(file.path(), script()).context(|| "cannot write flows".into())?;
        let name = file.path().to_string_lossy();
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let fresh = || Namespace::new("rsadm-bench-load");
            limits.push(fresh()?.enter(|| measure::limit("conntrack", "load"))?);
            let load = ["conntrack", "load", &name];
            ours.push(fresh()?.enter(|| measure::run(&mut self.rsadm(&load)))?);
        }
        let restore = ["-R", &name];
        let fresh = Namespace::new("rsadm-bench-load")?;
        let peer = fresh.enter(|| measure::run(&mut self.conntrack(&restore)))?;
        Ok(Row {
            work: format!("load {LOADED} flows"),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: Some(peer.into()),
            target: "<= 1.3",
            memory: None,
        })
    }
}

/// From memory: the kernel and the text are left out.
fn decode() -> Result<Row> {
    let runs = (0..ROUNDS).map(|_| measure::inside("conntrack", "decode"));
    Ok(Row {
        work: format!("decode {FLOWS} flows"),
        limit: None,
        ours: times(runs.collect::<Result<_>>()?),
        peer: None,
        target: "<= 0.1 s",
        memory: None,
    })
}

/// Makes the flows of the network again.
fn fill_missing() -> Result<()> {
    let mut bare = Bare::connect(NETLINK_NETFILTER)?;
    bare::create(&mut bare, 256_000..512_000).map(drop)
}

/// The first flows as a script of conntrack.
fn script() -> String {
    let mut text = String::new();
    for number in 0..LOADED {
        let (source, port) = (bare::source(number), bare::port(number));
        let destination = bare::destination(number);
        let (protocol, server, state) = if number.is_multiple_of(4) {
            ("tcp", 80, " --state ESTABLISHED")
        } else {
            ("udp", 53, "")
        };
        let _ = writeln!(
            text,
            "-A -t 36000 -u SEEN_REPLY,ASSURED -s {source} -d {destination} -r {destination} \
             -q {source} -p {protocol} --sport {port} --dport {server} --reply-port-src {server} \
             --reply-port-dst {port}{state}"
        );
    }
    text
}

/// Fails where something is not installed that a user can install.
fn missing(what: &str) -> Error {
    Error::new(format!("the kernel has no {what}: load it with `modprobe nf_conntrack_netlink`"))
}
