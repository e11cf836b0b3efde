//! Nodes as a whole: snapshots, and what is found in them. Nothing else does that, so the targets
//! are times.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use netlink_sys::protocols::NETLINK_NETFILTER;

use super::{ROUNDS, Row, conntrack, ipvs, measure, measure::times, socket::Bare};
use crate::{
    Context, Result,
    lab::{Lab, Node, Variant},
    process,
};

/// Services of a node, and of a large one; each with so many destinations.
const SERVICES: u32 = 1_000;
const MANY_SERVICES: u32 = 5_000;
const DESTINATIONS: u32 = 3;
/// Flows of a large node.
const FLOWS: u32 = 100_000;
const BUCKETS: &str = "/proc/sys/net/netfilter/nf_conntrack_buckets";
/// What `doctor` ends with where it finds something.
const FOUND: i32 = 3;

/// Runs every benchmark of nodes, on the lab's two with more services than they use.
pub(super) fn rows(rsadm: &Path) -> Result<Vec<Row>> {
    let _maximum = conntrack::Maximum::of_at_least(3 * FLOWS)?;
    // A kernel with little memory has few chains of flows, and refuses those that get too long.
    fs::write(BUCKETS, (4 * FLOWS).to_string()).context(|| format!("cannot write {BUCKETS}"))?;
    let lab = Lab::build(Variant::Vxlan)?;
    lab.send_traffic()?;
    let folder = tempfile::tempdir().context(|| "cannot make a folder".into())?;
    let bench = Bench { rsadm, folder, lab };
    let nodes = bench.lab.nodes();
    for node in nodes {
        // As every node has: what is not its own goes to a router.
        node.namespace().ip(&["route", "add", "default", "via", "172.16.20.1", "dev", "eth0"])?;
        add_services(node, 0, SERVICES)?;
    }
    let mut rows =
        vec![bench.snapshot(&format!("snapshot of {SERVICES} services"), "none", "< 0.1")?];
    for node in nodes {
        add_services(node, SERVICES, MANY_SERVICES)?;
        let fill = || conntrack::create(&mut Bare::connect(NETLINK_NETFILTER)?, 0..FLOWS);
        node.namespace().enter(fill)?;
    }
    let large = format!("snapshot of {MANY_SERVICES} and {FLOWS} flows");
    rows.push(bench.snapshot(&large, "all", "< 1")?);
    for node in nodes {
        let mut take = bench.take(node, "all");
        node.namespace().enter(|| measure::run(&mut take))?;
    }
    let service = bench.lab.service();
    rows.push(bench.beyond_reading("trace over two of them", &["trace", &service], "< 0.15")?);
    rows.push(bench.beyond_reading("doctor over two of them", &["doctor"], "")?);
    Ok(rows)
}

/// Services in IPVS from one number to another, and their addresses, as kube-proxy keeps them.
fn add_services(node: &Node, from: u32, to: u32) -> Result<()> {
    let messages = ipvs::Ipvs::table(from..to, DESTINATIONS);
    node.namespace().enter(|| ipvs::Ipvs::connect()?.restore(&messages))?;
    let mut lines = String::new();
    for service in from..to {
        let address = ipvs::service_address(service);
        let _ = writeln!(lines, "addr add {}/32 dev kube-ipvs0", address.ip());
    }
    node.namespace().ip_batch(&lines)
}

/// Where and with what to measure.
struct Bench<'a> {
    rsadm: &'a Path,
    folder: tempfile::TempDir,
    lab: Lab,
}

impl Bench<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.rsadm);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn file(&self, node: &Node) -> PathBuf {
        self.folder.path().join(format!("{}.json", node.name()))
    }

    /// Takes a snapshot of a node, into its file.
    fn take(&self, node: &Node, flows: &str) -> Command {
        let mut command = self.command(&["snapshot", "--name", node.name(), "--conntrack", flows]);
        command.arg(self.file(node));
        command
    }

    fn snapshot(&self, work: &str, flows: &str, target: &'static str) -> Result<Row> {
        let node = &self.lab.nodes()[0];
        let mut take = self.take(node, flows);
        node.namespace().enter(|| {
            let runs = (0..ROUNDS).map(|_| measure::run(&mut take)).collect::<Result<Vec<_>>>()?;
            Ok(Row {
                work: work.to_owned(),
                limit: None,
                ours: times(runs),
                peer: None,
                target,
                memory: Some(measure::memory(&mut take)?),
            })
        })
    }

    /// The time that is left when reading the snapshots and the start of a process are taken away:
    /// listing one service does nothing but these.
    fn beyond_reading(&self, work: &str, arguments: &[&str], target: &'static str) -> Result<Row> {
        let files: Vec<_> = self.lab.nodes().iter().map(|node| self.file(node)).collect();
        let mut whole = self.command(arguments);
        whole.args(files.iter().flat_map(|file| [Path::new("--snapshot"), file]));
        let service = self.lab.service();
        let mut runs = Vec::new();
        for _ in 0..ROUNDS {
            let start = measure::run(&mut self.command(&["--version"]))?;
            let mut reading = Duration::ZERO;
            for file in &files {
                let mut list = self.command(&["ipvs", "list", "-n", &service, "--snapshot"]);
                reading += measure::run(list.arg(file))?.saturating_sub(start);
            }
            let took = measure::run_to(&mut whole, |status| {
                status.success() || process::exit_code(status) == FOUND
            })?;
            runs.push(took.saturating_sub(reading + start));
        }
        Ok(Row {
            work: work.to_owned(),
            limit: None,
            ours: times(runs),
            peer: None,
            target,
            memory: None,
        })
    }
}
