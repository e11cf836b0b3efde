//! Runs every case in a process of its own and prints how it ended.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    process::{Pid, Signal, kill_process_group},
    thread::UnshareFlags,
};
use serde::{Deserialize, Serialize};

use super::{Case, Context, Failure, KERNEL, Outcome, Record, SAID, Verdict, arguments::Arguments};
use crate::{Context as _, Result, namespace};

/// How long one case may take.
const LIMIT: Duration = Duration::from_secs(600);
/// How often the runner looks whether a case is done.
const TICK: Duration = Duration::from_millis(2);
/// Tells the process which case it is, and where to write how it ended.
const CASE: &str = "RSADM_CASE";
const ENDING: &str = "RSADM_CASE_ENDING";

/// What a case's process leaves behind.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ending {
    failed: Option<String>,
    skipped: Option<String>,
    counts: (u64, u64),
}

pub(super) fn main(cases: &[Case]) -> ExitCode {
    if let Ok(name) = env::var(CASE) {
        return match cases.iter().find(|case| case.name == name) {
            Some(case) => run_inside(case),
            None => ExitCode::FAILURE,
        };
    }
    let arguments = Arguments::parse(env::args().skip(1));
    let wanted: Vec<&Case> = cases.iter().filter(|case| arguments.wants(case.name)).collect();
    if arguments.list {
        for case in wanted {
            println!("{}: test", case.name);
        }
        return ExitCode::SUCCESS;
    }
    if env::var_os(KERNEL).is_none() {
        println!("{} cases skipped: they need a kernel: cargo xtask test", wanted.len());
        println!("0 passed, 0 failed, {} skipped", wanted.len());
        return ExitCode::SUCCESS;
    }
    run_all(&wanted, arguments.no_capture)
}

fn run_all(cases: &[&Case], no_capture: bool) -> ExitCode {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in cases {
        let start = Instant::now();
        let (verdict, counts, said) = run_apart(case, no_capture)
            .unwrap_or_else(|error| (Verdict::Failed, (0, 0), error.to_string()));
        let record = Record { name: case.name.into(), verdict, counts, time: start.elapsed() };
        match record.verdict {
            Verdict::Passed => passed += 1,
            Verdict::Failed => failed += 1,
            Verdict::Skipped(_) => skipped += 1,
        }
        println!("{record}");
        if record.verdict == Verdict::Failed {
            for line in said.lines() {
                println!("{SAID}{line}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the case in another process; answers how it ended, what it compared and what it said.
fn run_apart(case: &Case, no_capture: bool) -> Result<(Verdict, (u64, u64), String)> {
    let folder = tempfile::tempdir().context(|| "cannot make a folder".into())?;
    let (ending, output) = (folder.path().join("ending"), folder.path().join("output"));
    let program = env::current_exe().context(|| "cannot find the test's program".into())?;
    let mut command = Command::new(program);
    command.env(CASE, case.name).env(ENDING, &ending);
    // A group of its own, so that what the case has started ends with it.
    command.stdin(Stdio::null()).process_group(0);
    if !no_capture {
        let file = File::create(&output).context(|| "cannot write the output".into())?;
        let again = file.try_clone().context(|| "cannot write the output".into())?;
        command.stdout(file).stderr(again);
    }
    let mut child = command.spawn().context(|| "cannot start the case".into())?;
    let died = wait(&mut child)?;
    let said = fs::read(&output).unwrap_or_default();
    let mut said = String::from_utf8_lossy(&said).into_owned();
    let ending = fs::read(&ending).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let ending = match (died, ending) {
        (None, Some(ending)) => ending,
        (reason, ending) => Ending {
            failed: Some(reason.unwrap_or_else(|| "it left without an ending".into())),
            ..ending.unwrap_or_default()
        },
    };
    let verdict = match (ending.failed, ending.skipped) {
        (Some(reason), _) => {
            said = format!("{said}\n{reason}");
            Verdict::Failed
        }
        (None, Some(reason)) => Verdict::Skipped(reason.replace('\n', " ")),
        (None, None) => Verdict::Passed,
    };
    Ok((verdict, ending.counts, said))
}

/// Waits for the case within its limit; a sentence when it did not end well.
fn wait(child: &mut Child) -> Result<Option<String>> {
    let group = Pid::from_child(child);
    let end = Instant::now() + LIMIT;
    let died = loop {
        if let Some(status) = child.try_wait().context(|| "cannot wait for the case".into())? {
            break (!status.success()).then(|| format!("the case ended with {status}"));
        }
        if Instant::now() > end {
            break Some(format!("not done after {} s", LIMIT.as_secs()));
        }
        thread::sleep(TICK);
    };
    // Also what it left running; there may be nothing.
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().context(|| "cannot wait for the case".into())?;
    Ok(died)
}

/// The case's own process.
fn run_inside(case: &Case) -> ExitCode {
    let Some(path) = env::var_os(ENDING) else { return ExitCode::FAILURE };
    // Before the case's own /run hides where it is.
    let Ok(mut file) = File::create(&path) else { return ExitCode::FAILURE };
    let ctx = Context::new();
    let outcome = ctx.conclude(run(case, &ctx));
    let mut ending = Ending { counts: ctx.counts(), ..Ending::default() };
    match outcome {
        Ok(()) => {}
        Err(Failure::Failed(reason)) => ending.failed = Some(reason),
        Err(Failure::Skipped(reason)) => ending.skipped = Some(reason),
    }
    let written = serde_json::to_vec(&ending)
        .map_err(std::io::Error::from)
        .and_then(|text| file.write_all(&text));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(case: &Case, ctx: &Context) -> Outcome {
    isolate()?;
    for &need in case.needs {
        ctx.require(need)?;
    }
    (case.run)(ctx)
}

/// A fresh network namespace with its loopback up, and an empty `/run`.
pub(super) fn isolate() -> Result<()> {
    #[expect(deprecated, reason = "only sharing of file descriptors makes it unsafe")]
    rustix::thread::unshare(UnshareFlags::NEWNET | UnshareFlags::NEWNS)
        .context(|| "cannot make a network namespace".into())?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .and_then(|()| mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), Some(c"mode=755")))
        .context(|| "cannot make /run private".into())?;
    for folder in ["/run/netns", "/run/tmp"] {
        fs::create_dir(folder).context(|| format!("cannot make {folder}"))?;
    }
    namespace::raise_loopback()
}
