//! `rsadm monitor fdb`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::entries::{many, sync_to};
use super::{Result, all, flannel, ip, listening, out, refused, rsadm, same};

/// Begins to listen, and waits until it does.
fn listen(arguments: &str) -> Result<Child> {
    let mut command = rsadm();
    command.args(["monitor", "fdb"]).args(arguments.split_whitespace());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    listening::wait_for(&child)?;
    Ok(child)
}

fn signal(child: &Child, signal: Signal) -> Result<()> {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal)?;
    }
    Ok(())
}

pub(crate) fn shown(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    ip(
        ctx,
        "link add br0 type bridge
         link set far master br0",
    )?;
    let mut child = listen("")?;
    let Some(output) = child.stdout.take() else { return ctx.fail("no output") };
    let mut lines = BufReader::new(output).lines();
    let mut next = || lines.next().transpose();
    all(ctx, "fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1 --port 4789")?;
    // It comes while the command goes on.
    let line = "02:00:00:00:00:01 dev vx0 dst 10.0.0.1 port 4789 self permanent";
    same(ctx, "added", Some(line.to_owned()), next()?);
    // Entries of links of other kinds are none of its business.
    ctx.out("bridge", "fdb add 02:00:00:00:00:09 dev far master static".split(' '))?;
    all(
        ctx,
        "link add vx1 --id 2 --dstport 4789\nfdb append 0:0:0:0:0:0 --dev vx1 --dst 10.0.0.2",
    )?;
    same(
        ctx,
        "of a device that is new",
        Some("00:00:00:00:00:00 dev vx1 dst 10.0.0.2 self permanent".to_owned()),
        next()?,
    );
    all(ctx, "fdb delete 2:0:0:0:0:1 --dev vx0")?;
    same(ctx, "deleted", Some(format!("Deleted {line}")), next()?);
    signal(&child, Signal::INT)?;
    same(ctx, "no more lines", None, next()?);
    same(ctx, "status", Some(0), child.wait()?.code());
    let mut said = String::new();
    child.stderr.take().map(|mut err| err.read_to_string(&mut said)).transpose()?;
    same(ctx, "what it says", "rsadm: 3 events\n", said);
    filtered(ctx)
}

/// One device, and the first bytes of an address, for programs.
fn filtered(ctx: &Context) -> Result<()> {
    let mut child = listen("--dev vx1 --mac 02:00:00:00:00 -o ndjson")?;
    all(
        ctx,
        "fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1
         fdb add 2:0:0:0:1:1 --dev vx1 --dst 10.0.0.1
         fdb add 2:0:0:0:0:2 --dev vx1 --dst 10.0.0.1",
    )?;
    thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::TERM)?;
    let mut text = String::new();
    child.stdout.take().map(|mut out| out.read_to_string(&mut text)).transpose()?;
    same(ctx, "status", Some(0), child.wait()?.code());
    let event: Value = serde_json::from_str(text.trim())?;
    let seen = [&event["event"], &event["resync"], &event["mac"], &event["ifname"], &event["dst"]];
    let expected = [
        Value::from("new"),
        false.into(),
        "02:00:00:00:00:02".into(),
        "vx1".into(),
        "10.0.0.1".into(),
    ];
    same(ctx, &text, expected.iter().collect::<Vec<_>>(), seen.to_vec());
    ctx.check("time", event["time"].as_u64().is_some_and(|time| time > 1_600_000_000_000_000_000));
    for form in ["json", "yaml", "table"] {
        let captured = ctx.capture(rsadm().args(["monitor", "fdb", "-o", form]))?;
        same(ctx, form, 2, captured.code());
        ctx.check(form, captured.err().starts_with("rsadm: events have no end, and this form"));
    }
    let captured = ctx.capture(rsadm().args(["monitor", "fdb", "dev", "eth0"]))?;
    ctx.check(&captured.err(), captured.err().starts_with("rsadm: --dev eth0: it is not a VXLAN"));
    refused(ctx, "monitor", 2, "unrecognized subcommand 'monitor'")
}

/// What a listener knows by the events that it was told.
#[derive(Default)]
struct Known {
    macs: BTreeSet<String>,
    lost: u32,
    resynced: u32,
    events: u32,
}

impl Known {
    fn take(&mut self, ctx: &Context, line: &str) -> Result<()> {
        let event: Value = serde_json::from_str(line)?;
        let mac = event["mac"].as_str().unwrap_or_default().to_owned();
        self.events += 1;
        self.resynced += u32::from(event["resync"] == true);
        match event["event"].as_str() {
            Some("lost") => self.lost += 1,
            Some("delete") if !self.macs.remove(&mac) => ctx.check("what goes was there", false),
            Some("delete") => {}
            _ => _ = self.macs.insert(mac),
        }
        Ok(())
    }
}

impl Known {
    /// It is all of them, or what was lost was made up for; and then it is the table.
    fn check(&self, ctx: &Context, events: u32, said: &str) -> Result<()> {
        if self.lost == 0 {
            same(ctx, "complete", (events, 0), (self.events, self.resynced));
            ctx.check(said, !said.contains("lost"));
        } else {
            ctx.check("made up for", self.resynced > 0);
            let told = "events were lost (1): they come faster than they are read";
            ctx.check(said, said.contains(told));
        }
        let left = out(ctx, "fdb list --dev vx0")?;
        let left: BTreeSet<_> = left.lines().filter_map(|it| it.split(' ').next()).collect();
        let known = self.macs.iter().map(String::as_str).collect();
        same(ctx, "what is known is the table", left, known);
        Ok(())
    }
}

/// The last change of a storm. The table that is read again may have it, anywhere.
const LAST: &str = "02:ff:ff:ff:ff:ff";
/// What is changed after that was told: then all is told.
const END: &str = "02:ff:ff:ff:ff:fe";

/// How long a listener may take to tell what happened.
const PATIENCE: Duration = Duration::from_secs(60);

/// Entries come and go while the listener works, and while it is stopped and its buffer small.
pub(crate) fn storm(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    // On kernels that are emulated, fewer.
    let many_of_them = if ctx.kernel() == "host" { 100_000 } else { 20_000 };
    for (arguments, stopped) in [("-o ndjson", false), ("-o ndjson -b 4096", true)] {
        let mut child = listen(arguments)?;
        let Some(output) = child.stdout.take() else { return ctx.fail("no output") };
        let (tell, told) = mpsc::channel();
        // The listener would wait for a reader whose pipe is full.
        let reader = thread::spawn(move || {
            let mut lines = Vec::new();
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                if line.contains(LAST) {
                    _ = tell.send(());
                }
                let is_end = line.contains(END);
                lines.push(line);
                if is_end {
                    break;
                }
            }
            lines
        });
        if stopped {
            signal(&child, Signal::STOP)?;
        }
        sync_to(ctx, &many(0..many_of_them))?;
        sync_to(ctx, &many(many_of_them - 10..many_of_them))?;
        if stopped {
            signal(&child, Signal::CONT)?;
        }
        all(ctx, &format!("fdb add {LAST} --dev vx0 --dst 10.0.0.9"))?;
        ctx.check("the last change is told", told.recv_timeout(PATIENCE).is_ok());
        all(ctx, &format!("fdb add {END} --dev vx0 --dst 10.0.0.9"))?;
        let Ok(lines) = reader.join() else { return ctx.fail("the reader panicked") };
        signal(&child, Signal::TERM)?;
        same(ctx, "status", Some(0), child.wait()?.code());
        let mut known = Known::default();
        for line in lines {
            known.take(ctx, &line)?;
        }
        let mut said = String::new();
        child.stderr.take().map(|mut err| err.read_to_string(&mut said)).transpose()?;
        known.check(ctx, 2 * many_of_them - 10 + 2, &said)?;
        if stopped {
            ctx.check("losses are told", known.lost > 0);
        }
        sync_to(ctx, "")?;
    }
    Ok(())
}

/// A device with l2miss and l3miss asks for what it does not know.
pub(crate) fn misses(ctx: &Context) -> Outcome {
    all(ctx, "link add vx0 --id 7 --dstport 8472 --l2miss --l3miss --proxy --up")?;
    ip(
        ctx,
        "link add br0 up type bridge
         link set vx0 master br0
         addr add 10.244.5.1/24 dev br0
         neigh add 10.244.5.9 lladdr 02:00:00:00:00:09 nud permanent dev br0",
    )?;
    let mut text = listen("")?;
    let mut objects = listen("-o ndjson --dev vx0")?;
    for _ in 0..10 {
        for to in ["10.244.5.9:9", "10.244.5.8:9"] {
            let socket = UdpSocket::bind("10.244.5.1:0")?;
            _ = socket.send_to(b"x", to);
        }
        thread::sleep(Duration::from_millis(100));
    }
    let mut outputs = Vec::new();
    for child in [&mut text, &mut objects] {
        signal(child, Signal::TERM)?;
        let mut output = String::new();
        child.stdout.take().map(|mut out| out.read_to_string(&mut output)).transpose()?;
        same(ctx, "status", Some(0), child.wait()?.code());
        outputs.push(output);
    }
    for line in ["miss 02:00:00:00:00:09 dev vx0", "miss 10.244.5.8 dev vx0"] {
        ctx.check(&format!("{line} in {}", outputs[0]), outputs[0].lines().any(|it| it == line));
    }
    let events: Vec<Value> =
        outputs[1].lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
    let has = |event: &str, key: &str, value: &str| {
        events.iter().any(|it| it["event"] == event && it[key] == value && it["ifname"] == "vx0")
    };
    ctx.check(&outputs[1], has("l2miss", "mac", "02:00:00:00:00:09"));
    ctx.check(&outputs[1], has("l3miss", "dst", "10.244.5.8"));
    Ok(())
}
