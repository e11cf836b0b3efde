//! The speed table: ours, the bare limit of the kernel, and the classic tool, in one run.
//!
//! Absolute times mean little on a shared machine, so the limit and ours are run in turn, several
//! times. Their medians are compared, and the best run of each: what others do on the machine only
//! ever adds to a run.

mod conntrack;
mod ipvs;
mod measure;
mod node;
mod socket;
mod vxlan;

use std::{path::Path, time::Duration};

use crate::{Error, Result};
use measure::Times;

/// How often the limit and ours are run in turn.
const ROUNDS: usize = 7;

/// One line of the table.
struct Row {
    work: String,
    /// The least that the kernel takes; without it, the classic tool is what ours is measured by, and
    /// without either the target is a time.
    limit: Option<Times>,
    ours: Times,
    peer: Option<Times>,
    target: &'static str,
    /// The most resident memory of ours, in KiB.
    memory: Option<u64>,
}

/// Runs the benchmarks of one kernel table, or of whole nodes, and prints their lines. `rsadm` is
/// the program to measure, `peer` the classic tool.
pub fn main(table: &str, rsadm: &Path, peer: &Path) -> Result<()> {
    let rows = match table {
        "ipvs" => ipvs::rows(rsadm, peer)?,
        "conntrack" => conntrack::rows(rsadm, peer)?,
        "vxlan" => vxlan::rows(rsadm, peer)?,
        "node" => node::rows(rsadm)?,
        _ => return Err(Error::new(format!("no benchmarks of {table}"))),
    };
    println!("{table}; medians of {ROUNDS}; seconds");
    println!(
        "{:42} {:>9} {:>9} {:>9} {:>10} {:>6} {:>6} {:>12} {:>7}",
        "work",
        "limit",
        "ours",
        "classic",
        "ours/limit",
        "best",
        "target",
        "classic/ours",
        "memory"
    );
    for row in &rows {
        println!("{}", row.line());
    }
    Ok(())
}

/// Does one piece of work without anything around it, and answers how long it took. What is sent
/// is made before the clock starts.
pub fn bare(table: &str, work: &str) -> Result<Duration> {
    match table {
        "ipvs" => ipvs::work(work),
        "conntrack" => conntrack::work(work),
        "vxlan" => vxlan::work(work),
        _ => Err(Error::new(format!("no bare work on {table}"))),
    }
}

impl Row {
    fn line(&self) -> String {
        let seconds = |times: Times| format!("{:.4}", times.median.as_secs_f64());
        let ratio = |over: Duration, under: Duration| {
            format!("{:.2}", over.as_secs_f64() / under.as_secs_f64())
        };
        let or_blank = |text: Option<String>| text.unwrap_or_default();
        // Without a limit the classic tool is what ours is measured by.
        let limit = self.limit.or(self.peer);
        format!(
            "{:42} {:>9} {:>9} {:>9} {:>10} {:>6} {:>6} {:>12} {:>7}",
            self.work,
            or_blank(self.limit.map(seconds)),
            seconds(self.ours),
            or_blank(self.peer.map(seconds)),
            or_blank(limit.map(|limit| ratio(self.ours.median, limit.median))),
            or_blank(limit.map(|limit| ratio(self.ours.best, limit.best))),
            self.target,
            or_blank(self.peer.map(|peer| ratio(peer.median, self.ours.median))),
            or_blank(self.memory.map(|memory| format!("{} MiB", memory / 1024))),
        )
    }
}
