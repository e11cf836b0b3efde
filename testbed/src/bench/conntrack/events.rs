//! How fast flows may be made before a listener loses events.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netlink_sys::protocols::NETLINK_NETFILTER;
use rsadm_netlink::{Bus, Header, Options, Socket, Transport as _};
use rustix::process::{Pid, Signal, kill_process};

use super::bare;
use crate::{
    Context, Result,
    bench::{Row, socket::Bare},
    namespace::Namespace,
};

/// Flows of one trial.
pub(super) const FLOWS: u32 = 200_000;
/// How often the interval in which the highest rate lies is halved.
const TRIALS: u32 = 5;
/// What the listeners have for a receive buffer, where they can be told.
const BUFFER: usize = 32 * 1024 * 1024;
/// How long a listener may take to begin, and to tell what it has after the last flow.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(20);

/// Flows a second: too slow to lose any, and faster than the kernel makes them.
const SLOWEST: f64 = 5_000.0;
const FASTEST: f64 = 640_000.0;

/// Receives events until as many as there are flows have come; lost ones are an error.
pub(super) fn listen() -> Result<Duration> {
    let options = Options { receive_buffer: Some(BUFFER), ..Options::default() };
    let mut socket = Socket::open(Bus::Netfilter, &options).context(|| "cannot listen".into())?;
    socket.join(1).context(|| "cannot subscribe".into())?;
    let mut buffer = vec![0; 32 * 1024];
    let mut count = 0;
    let start = Instant::now();
    while count < FLOWS {
        let length = rsadm_netlink::now(socket.receive(&mut buffer));
        let mut rest = &buffer[..length.context(|| "events were lost".into())?];
        while let Some(header) = Header::read(rest) {
            count += 1;
            let length = (header.length as usize).next_multiple_of(4);
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    Ok(start.elapsed())
}

/// How long the flows take to make at the highest rate at which nothing is lost.
pub(super) fn row(rsadm: &Path, conntrack: &Path) -> Result<Row> {
    let this = std::env::current_exe().context(|| "cannot find this program".into())?;
    let limit = highest_rate(&this, &["bare", "conntrack", "listen"])?;
    let ours = highest_rate(rsadm, &["conntrack", "events"])?;
    let peer = highest_rate(conntrack, &["-E", "-e", "NEW"])?;
    let time = |rate: f64| Duration::from_secs_f64(f64::from(FLOWS) / rate).into();
    Ok(Row {
        work: format!("make {FLOWS} flows, no event lost"),
        limit: Some(time(limit)),
        ours: time(ours),
        peer: Some(time(peer)),
        target: "",
        memory: None,
    })
}

/// Halves the interval between a rate that goes well and one that does not.
fn highest_rate(program: &Path, arguments: &[&str]) -> Result<f64> {
    let (mut good, mut bad) = (SLOWEST, FASTEST);
    for _ in 0..TRIALS {
        // Rates are compared by their ratio.
        let rate = (good * bad).sqrt();
        let trial = trial(program, arguments, rate)?;
        eprintln!("  {rate:>9.0} flows/s  {} {trial:?}", program.display());
        match trial {
            Trial::Complete => good = rate,
            Trial::Lost => bad = rate,
            // The kernel makes them no faster.
            Trial::TooSlow(made) => return Ok(made),
        }
    }
    Ok(good)
}

#[derive(Debug)]
enum Trial {
    Complete,
    Lost,
    /// Nothing was lost, at a lower rate than was asked for.
    TooSlow(f64),
}

fn trial(program: &Path, arguments: &[&str], rate: f64) -> Result<Trial> {
    let namespace = Namespace::new("rsadm-bench-events")?;
    let folder = tempfile::tempdir().context(|| "cannot make a folder".into())?;
    let output = folder.path().join("events");
    namespace.enter(|| {
        let file = File::create(&output).context(|| "cannot make a file".into())?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        let mut listener = command.spawn().context(|| "cannot run a listener".into())?;
        thread::sleep(PATIENCE);
        let mut bare = Bare::connect(NETLINK_NETFILTER)?;
        let taken = bare::create_at(&mut bare, 0..FLOWS, rate)?;
        let complete = end(&mut listener, &output)?;
        let made = f64::from(FLOWS) / taken.as_secs_f64();
        Ok(match complete {
            false => Trial::Lost,
            true if made < rate * 0.9 => Trial::TooSlow(made),
            true => Trial::Complete,
        })
    })
}

/// Waits until a listener has told every flow, and ends it.
fn end(listener: &mut Child, output: &Path) -> Result<bool> {
    let start = Instant::now();
    let mut seen = None;
    while start.elapsed() < LONGEST {
        if let Some(status) = listener.try_wait().context(|| "cannot wait".into())? {
            return Ok(status.success());
        }
        thread::sleep(PATIENCE);
        let size = fs::metadata(output).map(|file| file.len()).ok();
        if size == seen {
            break;
        }
        seen = size;
    }
    kill_process(Pid::from_child(listener), Signal::INT).context(|| "cannot end it".into())?;
    listener.wait().context(|| "cannot wait for a listener".into())?;
    let text = fs::read(output).context(|| "cannot read events".into())?;
    let told = text.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"    [NEW]"));
    Ok(told.count() == FLOWS as usize)
}
