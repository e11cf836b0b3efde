//! Times a process from outside.

use std::{
    ffi::OsStr,
    fs,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{Context, Error, Result};

/// How often a process is asked how much memory it has used at the most.
const SAMPLE: Duration = Duration::from_millis(2);

/// One run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) time: Duration,
    /// The most resident memory (`VmHWM`) that was seen, in KiB; 0 where nothing was looked at.
    pub(super) memory: u64,
}

/// Times what runs in this process.
pub(super) fn time(work: impl FnOnce() -> Result<()>) -> Result<Run> {
    let start = Instant::now();
    work()?;
    let time = start.elapsed();
    eprintln!("  {:>9.4} s  the bare limit", time.as_secs_f64());
    Ok(Run { time, memory: 0 })
}

/// Times a command that must succeed.
pub(super) fn run(command: &mut Command) -> Result<Run> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command.spawn().context(|| format!("cannot run {program}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let ended = AtomicBool::new(false);
    let (status, time, memory) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(high_water(&status_file, &program));
                thread::sleep(SAMPLE);
            }
            most
        });
        let status = child.wait();
        let time = start.elapsed();
        ended.store(true, Ordering::Relaxed);
        (status, time, watcher.join().unwrap_or_default())
    });
    let status = status.context(|| format!("cannot wait for {program}"))?;
    if status.success() {
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        eprintln!("  {:>9.4} s  {program} {}", time.as_secs_f64(), arguments.join(" "));
        Ok(Run { time, memory })
    } else {
        Err(Error::new(format!("{program} failed: {status}")))
    }
}

/// `VmHWM` of a process, in KiB, once it runs the program: before that its memory is ours.
fn high_water(status_file: &str, program: &str) -> u64 {
    let status = fs::read_to_string(status_file).unwrap_or_default();
    let value = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // The kernel keeps fifteen bytes of a name.
    let started = value("Name:").is_some_and(|name| !name.is_empty() && program.ends_with(name));
    let amount = value("VmHWM:").and_then(|amount| amount.split(' ').next()?.parse().ok());
    amount.filter(|_| started).unwrap_or_default()
}

/// The run in the middle.
pub(super) fn median(runs: &[Run]) -> Duration {
    let mut times: Vec<_> = runs.iter().map(|run| run.time).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
