//! The speed table: ours, the bare limit of the kernel, and the classic tool, in one run.
//!
//! Absolute times mean little on a shared machine, so the limit and ours are run in turn, several
//! times, and the medians are compared.

mod conntrack;
mod ipvs;
mod measure;
mod socket;

use std::{path::Path, time::Duration};

use crate::{Error, Result};

/// How often the limit and ours are run in turn.
const ROUNDS: usize = 5;

/// One line of the table.
struct Row {
    work: String,
    /// The least that the kernel takes; without it, the classic tool is what ours is measured by.
    limit: Option<Duration>,
    ours: Duration,
    peer: Option<Duration>,
    target: &'static str,
    /// The most resident memory of ours, in KiB.
    memory: Option<u64>,
}

/// Runs the benchmarks of one kernel table and prints their lines. `rsadm` is the program to
/// measure, `peer` the classic tool.
pub fn main(table: &str, rsadm: &Path, peer: &Path) -> Result<()> {
    let rows = match table {
        "ipvs" => ipvs::rows(rsadm, peer)?,
        "conntrack" => conntrack::rows(rsadm, peer)?,
        _ => return Err(Error::new(format!("no benchmarks of {table}"))),
    };
    println!("{table}; medians of {ROUNDS}; seconds");
    println!(
        "{:42} {:>9} {:>9} {:>9} {:>11} {:>8} {:>10} {:>9}",
        "work", "limit", "ours", "classic", "ours/limit", "target", "classic/ours", "memory"
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
        _ => Err(Error::new(format!("no bare work on {table}"))),
    }
}

impl Row {
    fn line(&self) -> String {
        let seconds = |time: Duration| format!("{:.4}", time.as_secs_f64());
        let ratio = |over: Duration, under: Duration| {
            format!("{:.2}", over.as_secs_f64() / under.as_secs_f64())
        };
        let or_blank = |text: Option<String>| text.unwrap_or_default();
        format!(
            "{:42} {:>9} {:>9} {:>9} {:>11} {:>8} {:>10} {:>9}",
            self.work,
            or_blank(self.limit.map(seconds)),
            seconds(self.ours),
            or_blank(self.peer.map(seconds)),
            or_blank(self.limit.or(self.peer).map(|limit| ratio(self.ours, limit))),
            self.target,
            or_blank(self.peer.map(|peer| ratio(peer, self.ours))),
            or_blank(self.memory.map(|memory| format!("{} MiB", memory / 1024))),
        )
    }
}
