//! What the kernel's own tests of connection tracking look at through ctnetlink, in cases of our
//! own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use conntrack::{Condition, Filter, Groups, Namespace, Protocol, Subscription};
use testbed::harness::{Context, Outcome};

use crate::events::compare;
use crate::pair::{Pair, Result, Tool, split};
use crate::router::nowhere;

/// What ours lists.
fn listed(pair: &Pair<'_>, line: &str) -> Result<Vec<String>> {
    let run = pair.run(Tool::Ours, &split(line), b"")?;
    pair.ctx.equal(&format!("status of {line}: {}", run.err()), &0, &run.code());
    Ok(run.out().lines().map(str::to_owned).collect())
}

/// The same flows in two zones and in none: listing and deleting by one zone leaves the others
/// alone, and no zone is a zone too.
pub(crate) fn zones(ctx: &Context) -> Outcome {
    let mut script = String::new();
    for zone in ["", " -w 123", " -w 124"] {
        for flow in [
            "-s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2",
            "-s 10.0.0.3 -d 10.0.0.4 -p tcp --sport 1 --dport 2 --state ESTABLISHED",
            "-s fd00::1 -d fd00::2 -p udp --sport 1 --dport 2",
            "-s fd00::3 -d fd00::4 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5",
        ] {
            writeln!(script, "-I {flow} -t 50000{zone}")?;
        }
    }
    let mut pair = Pair::new(ctx, &script)?;
    if pair.flows() < 12 {
        return ctx.skip("this kernel has no zones");
    }
    for (zone, flows) in [("123", 4), ("124", 4), ("0", 4), ("125", 0)] {
        let line = format!("-L -w {zone}");
        ctx.equal(&line, &flows, &listed(&pair, &line)?.len());
        let shown = format!(" zone={zone} ");
        let own = listed(&pair, &line)?
            .iter()
            .all(|flow| if zone == "0" { !flow.contains(" zone=") } else { flow.contains(&shown) });
        ctx.check(&format!("{line} shows no other zone"), own);
        pair.compare_reading_lines(&line)?;
        for family in ["", " -f ipv4", " -f ipv6"] {
            pair.compare_lines(&format!("-D -w {zone}{family}"))?;
        }
        let (_, left) = pair.ours(&format!("-D -w {zone}"))?;
        ctx.equal(&format!("left without zone {zone}"), &(12 - flows), &left.len());
    }
    let (_, left) = pair.ours("-F")?;
    ctx.equal("left when all are deleted", &0, &left.len());
    // The library's one request does the same where the kernel can.
    let capabilities = conntrack::Capabilities::probe();
    for zone in [0, 123, 125] {
        pair.reset()?;
        let filter = Filter::from(Condition::Zone(zone));
        pair.client().flush_matching(&filter, &capabilities, |_| {})?;
        let left = if zone == 125 { 12 } else { 8 };
        ctx.equal(&format!("left by one request for {zone}"), &left, &pair.table()?.len());
    }
    Ok(())
}

/// One flow in each of many zones.
pub(crate) fn many_zones(ctx: &Context) -> Outcome {
    const ZONES: usize = 2000;
    let line = |zone| {
        format!(
            "-I -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 12345 --dport 9 -t 3600 \
             -u ASSURED,SEEN_REPLY -w {zone}\n"
        )
    };
    let mut pair = Pair::new(ctx, "")?;
    let made = pair.load(Tool::Ours, (1..=ZONES).map(line).collect::<String>().as_bytes())?;
    if made.code() != 0 {
        return ctx.skip("this kernel has no zones");
    }
    ctx.equal("counted", &vec![ZONES.to_string()], &listed(&pair, "-C")?);
    ctx.equal("listed", &ZONES, &listed(&pair, "-L")?.len());
    for zone in [1, 1000, ZONES] {
        ctx.equal("of a zone", &1, &listed(&pair, &format!("-L -w {zone}"))?.len());
        ctx.equal("deleted", &1, &listed(&pair, &format!("-D -w {zone}"))?.len());
    }
    ctx.equal("left", &vec![(ZONES - 3).to_string()], &listed(&pair, "-C")?);
    pair.client().flush()?;
    Ok(())
}

/// The table is resized while it is listed: a listing shows every flow once, or says that it may not
/// have; counting, deleting and following take care of it.
pub(crate) fn resize(ctx: &Context) -> Outcome {
    const FLOWS: usize = 3000;
    /// Each is another one, so that sizes before and after tell.
    const SIZES: std::ops::Range<usize> = 1..25;
    let path = Path::new("/proc/sys/net/netfilter/nf_conntrack_buckets");
    let line =
        |port| format!("-I -s 10.0.0.1 -d 10.0.0.2 -p udp --sport {port} --dport 9 -t 50000\n");
    let mut pair = Pair::new(ctx, "")?;
    let before = fs::read_to_string(path)?;
    // All namespaces share it, so that only the first one may change it.
    let first = Namespace::Process(1);
    let set = |size: &str| first.run(|| fs::write(path, size));
    if !matches!(set(&before), Ok(Ok(()))) {
        return ctx.skip("the table's size cannot be changed from here");
    }
    let resize = |size: usize| set(&(512 * size).to_string());
    let flows = (1..=FLOWS).map(line).collect::<String>();
    pair.load(Tool::Ours, flows.as_bytes())?;
    let udp = Filter::from(Condition::Protocol(Protocol::UDP));
    let mut listing = pair.client().flows(&udp)?;
    ctx.check("one is shown", listing.next()?.is_some());
    let _ = resize(SIZES.end);
    let end = listing.to_vec().map_err(|error| (error.is_interrupted(), error.to_string()));
    let told = (true, "cannot list flows: the table changed while it was being read".to_owned());
    ctx.equal("a listing that was disturbed", &Some(told), &end.err());
    let mut view = Subscription::new(Groups::FLOWS).follow()?;
    let outcome = thread::scope(|scope| {
        let resizing = scope.spawn(|| {
            for size in SIZES {
                let _ = resize(size);
                thread::sleep(Duration::from_millis(20));
            }
        });
        while !resizing.is_finished() {
            ctx.equal("counted meanwhile", &(FLOWS as u64), &pair.client().count_of(&udp)?);
            ctx.equal("the kernel's number", &vec![FLOWS.to_string()], &listed(&pair, "-C")?);
            view.resync()?;
            ctx.equal("followed", &(FLOWS, None), &(view.count(), view.try_next()?));
            let run = pair.run(Tool::Ours, &split("-L -p udp -o id"), b"")?;
            let (shown, said) = (run.out(), run.err());
            let different = shown.lines().collect::<BTreeSet<_>>().len();
            let is_whole = (shown.lines().count(), different) == (FLOWS, FLOWS);
            let is_told = said.contains("the table changed while it was being read");
            let ended = (run.code(), is_told);
            ctx.check(
                &format!("{different} shown, {said}"),
                ended == (1, true) || ended == (0, false) && is_whole,
            );
        }
        Ok(())
    });
    for size in SIZES.step_by(8) {
        let _ = resize(size);
        ctx.equal("listed afterwards", &FLOWS, &listed(&pair, "-L -p udp")?.len());
    }
    let mut sizes = SIZES;
    let deletion = pair.client().delete_matching(&udp, |_| {
        if let Some(size) = sizes.next() {
            let _ = resize(size);
        }
    })?;
    ctx.equal("deleted meanwhile", &FLOWS, &deletion.deleted);
    ctx.equal("none is left", &0, &pair.client().count()?);
    let _ = set(before.trim());
    outcome
}

/// The seconds that the only flow has left.
fn seconds_left(pair: &mut Pair<'_>) -> Result<u32> {
    let flows = pair.client().flows(&Filter::new())?.to_vec()?;
    pair.ctx.equal("flows", &1, &flows.len());
    Ok(flows.first().and_then(|flow| flow.timeout).unwrap_or_default())
}

/// A connection that nobody answers: asking again does not prolong it, and once it is deleted the
/// next try makes a new one.
pub(crate) fn unanswered(ctx: &Context) -> Outcome {
    if !ctx.track_packets()? {
        return ctx.skip("nothing makes this kernel track packets");
    }
    let _nowhere = nowhere(ctx)?;
    fs::write("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent", "20")?;
    let mut pair = Pair::new(ctx, "")?;
    let server = SocketAddr::from(([10, 98, 0, 2], 80));
    thread::scope(|scope| {
        let start = Instant::now();
        let client = scope.spawn(|| TcpStream::connect_timeout(&server, Duration::from_secs(5)));
        thread::sleep(Duration::from_millis(300));
        let at_first = seconds_left(&mut pair)?;
        let line = "-L -p tcp --state SYN_SENT -u UNREPLIED --dport 80";
        ctx.equal(line, &1, &listed(&pair, line)?.len());
        ctx.check("not yet replied", listed(&pair, "-L")?[0].contains("[UNREPLIED]"));
        pair.compare_reading_lines(&format!("{line}\n-L -u SEEN_REPLY\n-L -p tcp\n-L -u ASSURED"))?;
        // By then the first packet was sent once more.
        thread::sleep(Duration::from_millis(1700).saturating_sub(start.elapsed()));
        let then = seconds_left(&mut pair)?;
        ctx.check(&format!("{at_first} s, then {then} s"), at_first <= 20 && then < at_first);
        let deleted = listed(&pair, "-D -u UNREPLIED -p tcp")?;
        ctx.equal("deleted", &1, &deleted.len());
        let refused = client.join().map_err(|_| std::io::Error::other("the client panicked"))?;
        let kind = refused.err().map(|error| error.kind());
        ctx.equal("nobody answered", &Some(ErrorKind::TimedOut), &kind);
        // It was sent again meanwhile.
        ctx.equal("a new one", &1, &listed(&pair, "-L -p tcp -u UNREPLIED")?.len());
        Ok(())
    })
}

/// A message of ICMP about a flow belongs to it, and makes none of its own.
pub(crate) fn related(ctx: &Context) -> Outcome {
    if !ctx.track_packets()? {
        return ctx.skip("nothing makes this kernel track packets");
    }
    let mut pair = Pair::new(ctx, "")?;
    for host in ["127.0.0.1", "127.0.0.2"] {
        let host: IpAddr = host.parse()?;
        let (expected, _) = compare(&mut pair, "-E", |pair| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect((host, 9))?;
            socket.send(b"hello")?;
            let error = socket.recv(&mut [0; 8]).err().map(|error| error.kind());
            ctx.equal("nobody is there", &Some(ErrorKind::ConnectionRefused), &error);
            let flows = listed(pair, &format!("-L -d {host}"))?;
            ctx.equal("one flow", &1, &flows.len());
            ctx.check("of UDP, not replied to", flows.iter().all(|it| it.contains("[UNREPLIED]")));
            ctx.equal("none of ICMP", &0, &listed(pair, "-L -p icmp")?.len());
            Ok(())
        })?;
        ctx.equal("one event", &1, &expected.lines().count());
    }
    pair.compare_reading_lines("-L -p udp\n-L -u UNREPLIED\n-C")
}

/// The examples of the manual.
pub(crate) fn manual(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, crate::tables::MIXED)?;
    pair.compare_reading_lines(
        "-L\n-L -o extended\n-L -o xml\n-L -o save\n-L -f ipv6 -o extended\n-L --src-nat",
    )?;
    let some = "-I -s 1.2.3.4 -d 10.0.0.2 -p udp -t 50000 --sport 1 --dport 2\n\
         -I -s 1.2.3.5 -d 10.0.0.2 -p udp -t 50000 --sport 1 --dport 2\n";
    pair.start_from(some)?;
    pair.compare_lines("-D -s 1.2.3.4")?;
    // Without a family 1.4.7 finds nothing here.
    let (updated, left) = pair.ours("-U -s 1.2.3.4 -m 1")?;
    ctx.equal("status of an update", &0, &updated.code());
    ctx.equal("one is marked", &1, &left.iter().filter(|it| it.contains("mark: Some(1)")).count());
    compare(&mut pair, "-E -o timestamp", |pair| {
        pair.run(Tool::Reference, &split("-D -s 1.2.3.4"), b"").map(drop)
    })?;
    let mut zoned = String::new();
    for port in 1..=3 {
        let flow = format!("-s 10.0.0.1 -d 10.0.0.2 -p udp --sport {port} --dport 2");
        writeln!(zoned, "-I {flow} -t 50000 -w 11")?;
    }
    pair.start_from(&zoned)?;
    if pair.flows() == 3 {
        let saved = listed(&pair, "-L -w 11 -o save")?.join("\n").replace("-w 11", "-w 12");
        let copied = pair.run(Tool::Ours, &["--load-file", "-"], saved.as_bytes())?;
        ctx.equal("status of a copy", &0, &copied.code());
        for zone in ["11", "12"] {
            ctx.equal("in each zone", &3, &listed(&pair, &format!("-L -w {zone}"))?.len());
        }
    }
    Ok(())
}
