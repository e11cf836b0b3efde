//! Events, while both programs listen.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use testbed::harness::{Context, Failure, Outcome};
use testbed::listeners::listeners;

use crate::pair::{Pair, Result, Tool, shape_of_time, split};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A program that listens.
struct Listener {
    child: Child,
    /// What it says goes into files: nobody reads before it ends, and a pipe holds little.
    out: File,
    err: File,
}

/// What it said until it was told to end.
struct Heard {
    out: String,
    err: String,
    status: Option<i32>,
}

impl Listener {
    fn start(pair: &Pair<'_>, tool: Tool, line: &str) -> Result<Self> {
        let before = listening()?;
        let mut command = pair.command(tool);
        command.args(split(line)).stdin(Stdio::null());
        let (out, err) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdout(out.try_clone()?).stderr(err.try_clone()?);
        let child = command.spawn()?;
        let end = Instant::now() + PATIENCE;
        while listening()? == before {
            if Instant::now() > end {
                return Err(Failure::Failed(format!("{line} does not listen")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Groups are joined one after the other.
        std::thread::sleep(Duration::from_millis(150));
        Ok(Self { child, out, err })
    }

    fn end(mut self, signal: Signal) -> Result<Heard> {
        // What waits is read, however busy the machine is, and what was read is told.
        let end = Instant::now() + PATIENCE;
        while is_waiting()? && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(300));
        kill_process(Pid::from_child(&self.child), signal)?;
        let status = self.child.wait()?.code();
        let (mut out, mut err) = (String::new(), String::new());
        for (file, text) in [(&mut self.out, &mut out), (&mut self.err, &mut err)] {
            file.rewind()?;
            file.read_to_string(text)?;
        }
        Ok(Heard { out, err, status })
    }
}

/// Bytes that wait in each socket of netfilter that listens in this namespace.
fn waiting() -> Result<Vec<u64>> {
    let all = listeners("self")?.into_iter();
    Ok(all.filter(|it| it.bus == 12).map(|it| it.waiting).collect())
}

/// How many sockets of netfilter listen in this namespace.
fn listening() -> Result<usize> {
    Ok(waiting()?.len())
}

pub(crate) fn is_waiting() -> Result<bool> {
    Ok(waiting()?.iter().any(|bytes| *bytes > 0))
}

/// Events without what differs between two runs: ports of sockets, times.
fn plain(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = match line.split_once(" portid=") {
            Some((head, _)) => head,
            None => line,
        };
        let line = match line.split_once("]\t") {
            Some((time, rest)) => format!("{}]\t{rest}", shape_of_time(time)),
            None => line.to_owned(),
        };
        lines.push(match line.split_once("<when>") {
            Some((head, tail)) => {
                let tail = tail.split_once("</when>").map_or("", |(_, tail)| tail);
                format!("{head}<when>{tail}")
            }
            None => line,
        });
    }
    lines.join("\n")
}

/// Both listen while `happen` makes events; what they heard must be the same.
pub(crate) fn compare(
    pair: &mut Pair<'_>,
    line: &str,
    happen: impl FnOnce(&mut Pair<'_>) -> Result<()>,
) -> Result<(String, String)> {
    let listeners =
        [Listener::start(pair, Tool::Reference, line)?, Listener::start(pair, Tool::Ours, line)?];
    happen(pair)?;
    let [reference, ours] = listeners;
    let expected = reference.end(Signal::INT)?;
    let got = ours.end(Signal::INT)?;
    let (ours, theirs) = (plain(&got.out), plain(&expected.out));
    let different = theirs.lines().zip(ours.lines()).find(|(one, other)| one != other);
    let (theirs, ours) = different.unwrap_or((&theirs, &ours));
    pair.ctx.equal(&format!("{line}: events"), theirs, ours);
    pair.ctx.equal(&format!("{line}: messages"), &expected.err, &got.err);
    pair.ctx.equal(&format!("{line}: status"), &expected.status, &got.status);
    Ok((expected.out, got.out))
}

const FLOWS: [&str; 4] = [
    "-s 10.0.0.1 -d 10.0.0.2 -p udp --sport 5 --dport 6 -t 5000",
    "-s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 5 --dport 6 -t 5000 --state ESTABLISHED -u SEEN_REPLY,ASSURED -m 7",
    "-s fd00::1 -d fd00::2 -p icmpv6 -t 5000 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5",
    "-s 10.0.0.1 -d 10.0.0.2 -p gre -t 5000 --srckey 1 --dstkey 2",
];

/// Creates, updates and deletes flows.
fn change(pair: &mut Pair<'_>) -> Result<()> {
    for flow in FLOWS {
        let line = format!("-I {flow}");
        pair.run(Tool::Reference, &split(&line), b"")?;
    }
    for line in [
        "-U -f ipv4 -p tcp -m 9",
        "-U -f ipv4 -p tcp --state CLOSE",
        "-U -f ipv4 -p udp -u ASSURED",
        "-D",
    ] {
        pair.run(Tool::Reference, &split(line), b"")?;
    }
    Ok(())
}

pub(crate) fn of_changes(ctx: &Context) -> Outcome {
    _ = std::fs::write("/proc/sys/net/netfilter/nf_conntrack_events", "1");
    _ = std::fs::write("/proc/sys/net/netfilter/nf_conntrack_timestamp", "1");
    let mut pair = Pair::new(ctx, "")?;
    for form in [
        "",
        "-o id",
        "-o extended,ktimestamp",
        "-o timestamp",
        "-o xml",
        "-o xml,timestamp",
        "-o save",
        "-o timestamp,id",
    ] {
        let (expected, got) = compare(&mut pair, &format!("-E {form}"), change)?;
        ctx.check("events were heard", expected.lines().count() >= 10);
        // The program that made a change is named where it can still be found.
        ctx.check("ports are shown", form.contains("xml") || got.contains(" [USERSPACE] portid="));
    }
    Ok(())
}

pub(crate) fn filtered(ctx: &Context) -> Outcome {
    _ = std::fs::write("/proc/sys/net/netfilter/nf_conntrack_events", "1");
    let mut pair = Pair::new(ctx, "")?;
    for line in [
        "-E -e NEW",
        "-E -e UPDATES",
        "-E -e DESTROY",
        "-E -e NEW,DESTROY",
        "-E -e ALL",
        "-E -e n -e d",
        "-E -p tcp",
        "-E -p udp --dport 6",
        "-E -p udp --dport 7",
        "-E -s 10.0.0.1",
        "-E -s 10.0.0.0/8",
        "-E -s fd00::1 -o xml",
        "-E -f ipv6",
        "-E -f ipv4",
        "-E -m 7",
        "-E -m 9/1",
        "-E -p tcp --state CLOSE",
        "-E -r 10.0.0.2",
        "-E -n",
        "-E -w 0",
        "-E expect",
        "-E -b 3000000",
    ] {
        compare(&mut pair, line, change)?;
    }
    // A program that is told to end by another signal ends as well as by an interrupt.
    let listener = Listener::start(&pair, Tool::Ours, "-E -o xml")?;
    change(&mut pair)?;
    let heard = listener.end(Signal::TERM)?;
    ctx.equal("status after SIGTERM", &Some(0), &heard.status);
    ctx.check("the end of XML", heard.out.ends_with("</conntrack>\n"));
    Ok(())
}

/// Events that packets cause.
pub(crate) fn of_traffic(ctx: &Context) -> Outcome {
    if !ctx.track_packets()? {
        return ctx.skip("nothing makes this kernel track packets");
    }
    _ = std::fs::write("/proc/sys/net/netfilter/nf_conntrack_events", "1");
    _ = std::fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", "1");
    let mut pair = Pair::new(ctx, "")?;
    for form in ["", "-o extended,id", "-o xml", "-o save"] {
        let (expected, _) = compare(&mut pair, &format!("-E {form}"), |pair| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let mut stream = TcpStream::connect(listener.local_addr()?)?;
            let (mut served, _) = listener.accept()?;
            stream.write_all(b"hello")?;
            served.read_exact(&mut [0; 5])?;
            drop(stream);
            drop(served);
            let sink = UdpSocket::bind("127.0.0.1:0")?;
            let source = UdpSocket::bind("127.0.0.1:0")?;
            source.send_to(b"hello", sink.local_addr()?)?;
            std::thread::sleep(Duration::from_millis(200));
            pair.run(Tool::Reference, &["-D"], b"")?;
            Ok(())
        })?;
        ctx.check("packets made events", expected.lines().count() >= 6);
    }
    Ok(())
}

/// More events than the buffer holds.
pub(crate) fn lost(ctx: &Context) -> Outcome {
    _ = std::fs::write("/proc/sys/net/netfilter/nf_conntrack_events", "1");
    let mut pair = Pair::new(ctx, "")?;
    let listener = Listener::start(&pair, Tool::Ours, "-E -b 4096")?;
    let process = Pid::from_child(&listener.child);
    kill_process(process, Signal::STOP)?;
    let line =
        |port| format!("-I -s 10.0.0.1 -d 10.0.0.2 -p udp --sport {port} --dport 6 -t 5000\n");
    let script: String = (1..2000).map(line).collect();
    pair.load(Tool::Reference, script.as_bytes())?;
    pair.client().flush()?;
    kill_process(process, Signal::CONT)?;
    let heard = listener.end(Signal::INT)?;
    ctx.check(
        "the loss is told",
        heard.err.contains(
            "WARNING: We have hit ENOBUFS! We are losing events.\n\
             This message means that the current netlink socket buffer size is too small.\n\
             Please, check --buffer-size in conntrack(8) manpage.\n",
        ),
    );
    ctx.equal("status", &Some(0), &heard.status);
    ctx.check("the footer", heard.err.ends_with(" flow events have been shown.\n"));
    Ok(())
}
