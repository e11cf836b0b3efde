//! Times a process from outside.

use std::{
    env,
    ffi::OsStr,
    fs,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Context, Error, Result};

/// How often a process is asked how much memory it has used at the most.
const SAMPLE: Duration = Duration::from_millis(2);

/// The bare limit of a piece of work: the start of a process, and the time that the work takes it.
pub(super) fn limit(table: &str, work: &str) -> Result<Duration> {
    let (start, _) = bare(table, "nothing")?;
    let (_, work) = bare(table, work)?;
    let time = start + work;
    eprintln!("  {:>9.4} s  the bare limit", time.as_secs_f64());
    Ok(time)
}

/// How long a piece of work takes that needs no process of its own.
pub(super) fn inside(table: &str, work: &str) -> Result<Duration> {
    let (_, time) = bare(table, work)?;
    eprintln!("  {:>9.4} s  {work}", time.as_secs_f64());
    Ok(time)
}

/// How long a process took that did this work, and how long the work took it.
fn bare(table: &str, work: &str) -> Result<(Duration, Duration)> {
    let program = env::current_exe().context(|| "cannot find this program".into())?;
    let mut command = Command::new(program);
    command.args(["bare", table, work]).stderr(Stdio::inherit());
    let start = Instant::now();
    let output = command.output().context(|| format!("cannot do bare {work}"))?;
    let whole = start.elapsed();
    if !output.status.success() {
        return Err(Error::new(format!("bare {work} failed: {}", output.status)));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let told = said.trim().parse().context(|| format!("bare {work} says no time"))?;
    Ok((whole, Duration::from_micros(told)))
}

/// Times a command that must succeed.
pub(super) fn run(command: &mut Command) -> Result<Duration> {
    run_to(command, |status| status.success())
}

/// Times a command that must end well.
pub(super) fn run_to(
    command: &mut Command,
    well: impl FnOnce(ExitStatus) -> bool,
) -> Result<Duration> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let status = command.status().context(|| format!("cannot run {program}"))?;
    let time = start.elapsed();
    if well(status) {
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        eprintln!("  {:>9.4} s  {program} {}", time.as_secs_f64(), arguments.join(" "));
        Ok(time)
    } else {
        Err(Error::new(format!("{program} failed: {status}")))
    }
}

/// The most resident memory (`VmHWM`) that was seen of a command, in KiB. Who looks takes time
/// from who is looked at, so this is never the run that is timed.
pub(super) fn memory(command: &mut Command) -> Result<u64> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().context(|| format!("cannot run {program}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let status = loop {
        most = most.max(high_water(&status_file, &program));
        if let Some(status) = child.try_wait().context(|| format!("cannot wait for {program}"))? {
            break status;
        }
        thread::sleep(SAMPLE);
    };
    if status.success() { Ok(most) } else { Err(Error::new(format!("{program} failed: {status}"))) }
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

/// The times of the same work, one or many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The one in the middle.
    pub(super) median: Duration,
    /// The shortest: what the work takes when nobody else wants the machine.
    pub(super) best: Duration,
}

impl From<Duration> for Times {
    fn from(time: Duration) -> Self {
        Self { median: time, best: time }
    }
}

/// Runs of the same work together.
pub(super) fn times(mut runs: Vec<Duration>) -> Times {
    runs.sort_unstable();
    let at = |index: usize| runs.get(index).copied().unwrap_or_default();
    Times { median: at(runs.len() / 2), best: at(0) }
}
