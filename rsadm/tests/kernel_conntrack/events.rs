//! Events as they come, and too many of them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testbed::harness::{Context, Outcome};
use testbed::listeners::listeners;

use super::{Result, ids, listed, listening, load, out, rsadm, same};

/// Begins to listen, and waits until it does.
pub(crate) fn listen(arguments: &str) -> Result<Child> {
    let mut command = rsadm();
    command.args(["conntrack", "events"]).args(arguments.split_whitespace());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    listening::wait_for(&child)?;
    Ok(child)
}

pub(crate) fn signal(child: &Child, signal: Signal) -> Result<()> {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal)?;
    }
    Ok(())
}

pub(crate) fn shown(ctx: &Context) -> Outcome {
    let mut child = listen("-p udp -e NEW,DESTROY")?;
    load(
        ctx,
        "-A -t 100 -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2\n-A -t 100 -s 10.0.0.1 -d 10.0.0.2 -p 50\n",
    )?;
    let Some(output) = child.stdout.take() else { return ctx.fail("no output") };
    let mut lines = BufReader::new(output).lines();
    // It comes while the command goes on.
    let first = lines.next().transpose()?.unwrap_or_default();
    ctx.check(
        &first,
        first.starts_with("    [NEW] udp      17 100 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 "),
    );
    ctx.check(&first, first.contains(" [USERSPACE] portid="));
    out(ctx, "flush")?;
    let second = lines.next().transpose()?.unwrap_or_default();
    ctx.check(&second, second.starts_with("[DESTROY] udp      17 "));
    signal(&child, Signal::INT)?;
    same(ctx, "no more lines", None, lines.next().transpose()?);
    same(ctx, "status", Some(0), child.wait()?.code());
    let mut said = String::new();
    child.stderr.take().map(|mut err| err.read_to_string(&mut said)).transpose()?;
    same(ctx, "what it says", "rsadm: 2 events\n", said);
    Ok(())
}

/// The listener is stopped while more happens than its buffer holds.
pub(crate) fn storm(ctx: &Context) -> Outcome {
    let line = |port: u32| {
        format!(
            "-A -t 9000 -s 10.1.{}.1 -d 10.0.0.2 -p udp --sport {} --dport 53\n",
            port / 60000,
            port % 60000
        )
    };
    load(ctx, &(0..100).map(line).collect::<String>())?;
    let mut child = listen("-o ndjson -b 4096")?;
    let view = ids(&listed(ctx, "list")?);
    signal(&child, Signal::STOP)?;
    load(ctx, &(100..5000).map(line).collect::<String>())?;
    out(ctx, "delete --sport 0-49 -o ndjson")?;
    signal(&child, Signal::CONT)?;
    let Some(output) = child.stdout.take() else { return ctx.fail("no output") };
    let reader = thread::spawn(move || {
        BufReader::new(output).lines().collect::<std::io::Result<Vec<String>>>()
    });
    thread::sleep(Duration::from_secs(3));
    listening::wait_for(&child)?;
    signal(&child, Signal::TERM)?;
    let Ok(lines) = reader.join() else { return ctx.fail("the reader panicked") };
    same(ctx, "status", Some(0), child.wait()?.code());
    let (mut view, mut lost): (BTreeSet<u64>, u32) = (view, 0);
    for line in lines? {
        let event: Value = serde_json::from_str(&line)?;
        let id = event["id"].as_u64().unwrap_or_default();
        match event["event"].as_str() {
            Some("lost") => lost += 1,
            Some("destroy") => ctx.check("what ends was there", view.remove(&id)),
            _ => _ = view.insert(id),
        }
    }
    ctx.check("losses are told", lost > 0);
    let mut said = String::new();
    child.stderr.take().map(|mut err| err.read_to_string(&mut said)).transpose()?;
    ctx.check(&said, said.contains("events were lost (1): they come faster than they are read"));
    same(ctx, "flows", 4950, view.len());
    ctx.check("the table is right", ids(&listed(ctx, "list")?) == view);
    Ok(())
}

/// Bytes that wait in the socket of netfilter that listens here, and how often it lost some.
fn waiting() -> Result<Option<(u64, u64)>> {
    let mut all = listeners("self")?.into_iter();
    Ok(all.find(|it| it.bus == 12).map(|it| (it.waiting, it.lost)))
}

/// Listens with a buffer of this size, and does not look at it while so many flows are made; what
/// waits then, and how often some was lost.
fn overwhelmed(ctx: &Context, buffer: u32, flows: u32) -> Result<(Child, Option<(u64, u64)>)> {
    let child = listen(&format!("-o ndjson -e NEW -b {buffer}"))?;
    signal(&child, Signal::STOP)?;
    let line =
        |port| format!("-A -t 9000 -s 10.1.0.1 -d 10.0.0.2 -p udp --sport {port} --dport 53\n");
    load(ctx, &(1..=flows).map(line).collect::<String>())?;
    let waiting = waiting()?;
    signal(&child, Signal::CONT)?;
    Ok((child, waiting))
}

/// The buffer is the size that was asked for: what does not fit into the usual one is not lost.
pub(crate) fn buffer(ctx: &Context) -> Outcome {
    const FLOWS: u32 = 5000;
    const USUAL: u64 = 212_992;
    let (mut child, waiting) = overwhelmed(ctx, 65_536, FLOWS)?;
    // Nobody reads what it says.
    drop(child.stdout.take());
    signal(&child, Signal::TERM)?;
    child.wait()?;
    let lost = waiting.is_some_and(|(bytes, lost)| bytes < USUAL && lost > 0);
    ctx.check(&format!("a small one is full: {waiting:?}"), lost);
    out(ctx, "flush")?;
    let (mut child, waiting) = overwhelmed(ctx, 33_554_432, FLOWS)?;
    let Some(output) = child.stdout.take() else { return ctx.fail("no output") };
    let mut lines = BufReader::new(output).lines();
    let heard = lines.by_ref().take(FLOWS as usize).collect::<std::io::Result<Vec<_>>>()?;
    ctx.check(
        "none is made up for",
        heard.iter().all(|line| line.contains("\"event\":\"new\"") && !line.contains("true")),
    );
    ctx.check(
        &format!("{waiting:?}"),
        waiting.is_some_and(|(bytes, lost)| bytes > USUAL && lost == 0),
    );
    signal(&child, Signal::TERM)?;
    same(ctx, "no more", 0, lines.count());
    same(ctx, "status", Some(0), child.wait()?.code());
    let mut said = String::new();
    child.stderr.take().map(|mut err| err.read_to_string(&mut said)).transpose()?;
    same(ctx, "no loss is told", format!("rsadm: {FLOWS} events\n"), said);
    Ok(())
}
