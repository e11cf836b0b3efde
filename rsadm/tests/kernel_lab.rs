//! The tables of the lab, as a person sees them on its first node.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use testbed::harness::{Case, Context, Failure, Need, Outcome};
use testbed::lab::{Lab, Variant};
use testbed::process::Captured;

type Result<T> = std::result::Result<T, Failure>;

const NODE: &str = "node120";
const CLIENTS_NODE: &str = "node121";

fn main() -> ExitCode {
    testbed::harness::main(&[Case {
        name: "the_lab_reads_like_the_cluster_by_rsadm",
        needs: &[Need::Ipvs, Need::Reference("ipvsadm"), Need::Reference("conntrack")],
        run: reads_like_the_cluster,
    }])
}

fn reads_like_the_cluster(ctx: &Context) -> Outcome {
    symlink(env!("CARGO_BIN_EXE_rsadm"), "/run/ipvsadm")?;
    symlink(env!("CARGO_BIN_EXE_rsadm"), "/run/conntrack")?;
    let lab = Lab::build(Variant::Vxlan)?;
    table_reads(ctx, "0")?;
    lab.send_traffic()?;
    let ours = [env!("CARGO_BIN_EXE_rsadm"), "ipvs", "connections", "-n"];
    let listed = connections_at_rest(ctx, &ours)?;
    // Where nothing masquerades, the node asks from its bridge.
    let client = if lab.masquerades() { "10.243.21.14" } else { "10.244.5.1" };
    connections_read(ctx, client, &listed);
    let symlink = connections_at_rest(ctx, &["./ipvsadm", "-L", "-n", "-c"])?;
    let reference = connections_at_rest(ctx, &[&reference(ctx), "-L", "-n", "-c"])?;
    ctx.equal("connections by the symlink", &reference, &symlink);
    ctx.equal("connections as ipvsadm lists them", &reference, &listed);
    table_reads(ctx, "1")?;
    // Nothing else in the lab makes a kernel track what passes.
    let tracked = if lab.masquerades() { 3 } else { 0 };
    flows_read(ctx, NODE, "--dport 8880", client, tracked)?;
    flows_read(ctx, CLIENTS_NODE, "-s 10.244.3.10", "10.244.3.10", tracked)?;
    if lab.masquerades() { joined_reads(ctx, client) } else { Ok(()) }
}

/// The flows of the requests, by our two names and by conntrack itself.
fn flows_read(ctx: &Context, node: &str, filter: &str, client: &str, tracked: usize) -> Result<()> {
    let words = |program: &[&str]| -> Vec<String> {
        let line = program.iter().copied().chain(["-p", "tcp"]).chain(filter.split(' '));
        line.map(str::to_owned).collect()
    };
    let conntrack = ctx.reference("conntrack").get_program().to_string_lossy().into_owned();
    let programs = [
        words(&[env!("CARGO_BIN_EXE_rsadm"), "conntrack", "list"]),
        words(&["./conntrack", "-L"]),
        words(&[&conntrack, "-L"]),
    ];
    // A second may pass between them, and the time that is left is another one.
    let mut listings = Vec::new();
    for _ in 0..20 {
        listings.clear();
        for program in &programs {
            let program: Vec<&str> = program.iter().map(String::as_str).collect();
            listings.push(on(ctx, node, &program)?.out());
        }
        if listings.iter().all(|listing| *listing == listings[0]) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    ctx.equal(&format!("./conntrack -L on {node}"), &listings[2], &listings[1]);
    ctx.equal(&format!("rsadm conntrack list on {node}"), &listings[2], &listings[0]);
    ctx.equal(&format!("flows on {node}"), &tracked, &listings[0].lines().count());
    for line in listings[0].lines() {
        let begins = line.starts_with("tcp      6 ")
            && line.contains(&format!(" TIME_WAIT src={client} dst=10.243.21.14 sport="))
            && line.contains(" dport=8880 src=10.244.")
            && line.contains(" [ASSURED] ");
        ctx.check(line, begins);
    }
    Ok(())
}

/// An IPVS connection and its flow in one row.
fn joined_reads(ctx: &Context, client: &str) -> Result<()> {
    let rsadm = env!("CARGO_BIN_EXE_rsadm");
    let service = "tcp://10.243.21.14:8880";
    let flows = on_node(ctx, &[rsadm, "conntrack", "list", "--service", service])?;
    let connections = on_node(ctx, &[rsadm, "ipvs", "connections", "-n", "--nat"])?;
    for listing in [flows.success()?.out(), connections.success()?.out()] {
        ctx.equal("a row for each request", &4, &listing.lines().count());
        for row in listing.lines().skip(1) {
            let asked = row.contains(&format!("{client}:")) && row.contains("10.243.21.14:8880");
            ctx.check(row, asked && row.matches("TIME_WAIT").count() == 2);
        }
        let remote = listing.lines().find(|row| row.contains(" 10.244.3.32:80 "));
        let masqueraded = remote.is_some_and(|row| row.contains(" 10.244.5.0:"));
        ctx.check("the masqueraded address", masqueraded);
    }
    Ok(())
}

/// The table of the scenario to the byte, by our two names and by ipvsadm itself.
fn table_reads(ctx: &Context, inactive: &str) -> Result<()> {
    let size = table_size(ctx)?;
    // What ends in a blank is easily lost in an editor.
    let expected = format!(
        "IP Virtual Server version 1.2.1 (size={size})\n\
         Prot LocalAddress:Port Scheduler Flags\n\
         \x20 -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n\
         TCP  10.243.21.14:8880 rr\n\
         \x20 -> 10.244.3.32:80               Masq    1      0          {inactive}         \n\
         \x20 -> 10.244.5.23:80               Masq    1      0          {inactive}         \n\
         \x20 -> 10.244.5.24:80               Masq    1      0          {inactive}         \n"
    );
    let native = on_node(ctx, &[env!("CARGO_BIN_EXE_rsadm"), "ipvs", "list", "-n"])?;
    ctx.equal("rsadm ipvs list -n", expected.as_str(), &native.out());
    ctx.equal("its status and errors", &(0, String::new()), &(native.code(), native.err()));
    let symlink = on_node(ctx, &["./ipvsadm", "-L", "-n"])?;
    ctx.equal("ipvsadm -L -n by the symlink", expected.as_str(), &symlink.out());
    let reference = on_node(ctx, &[&reference(ctx), "-L", "-n"])?;
    ctx.same_run("the symlink beside ipvsadm", &reference, &symlink);
    Ok(())
}

/// The size that kernels give the table of connections; from Linux 7.1 each its own.
fn table_size(ctx: &Context) -> Result<String> {
    if ctx.version() < (7, 1) {
        return Ok("4096".into());
    }
    let plain = on_node(ctx, &["cat", "/proc/net/ip_vs"])?.out();
    match plain.split_once("(size=").and_then(|(_, rest)| rest.split_once(')')) {
        Some((size, _)) => Ok(size.to_owned()),
        None => ctx.fail(format!("no size in {plain}")),
    }
}

/// Every pod was asked once, by the service's address.
fn connections_read(ctx: &Context, client: &str, listed: &str) {
    let mut lines = listed.lines();
    ctx.equal("first title", &Some("IPVS connection entries"), &lines.next());
    let titles = "pro expire state       source             virtual            destination";
    ctx.equal("second title", &Some(titles), &lines.next());
    let mut pods = BTreeSet::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [protocol, expire, state, source, service, pod] = words[..] else {
            ctx.check(&format!("six columns in {line}"), false);
            continue;
        };
        ctx.equal(
            line,
            &("TCP", "MM:SS", "TIME_WAIT", client, "10.243.21.14:8880"),
            &(protocol, expire, state, source.split(':').next().unwrap_or_default(), service),
        );
        pods.insert(pod);
    }
    let all = BTreeSet::from(["10.244.3.32:80", "10.244.5.23:80", "10.244.5.24:80"]);
    ctx.equal("pods", &all, &pods);
    ctx.equal("lines", &5, &listed.lines().count());
}

/// The list when every connection is closed, without the time that each has left.
fn connections_at_rest(ctx: &Context, words: &[&str]) -> Result<String> {
    let mut listed = String::new();
    for _ in 0..100 {
        let run = on_node(ctx, words)?;
        if run.code() != 0 || !run.stderr.is_empty() {
            return ctx.fail(format!("{}: status {}: {}", run.command, run.code(), run.err()));
        }
        listed = run.out().lines().map(without_expiry).collect();
        if listed.lines().skip(2).all(|line| line.contains(" TIME_WAIT ")) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(listed)
}

fn without_expiry(line: &str) -> String {
    let is_expiry = |word: &str| {
        word.len() == 5
            && word.bytes().enumerate().all(|(place, byte)| match place {
                2 => byte == b':',
                _ => byte.is_ascii_digit(),
            })
    };
    match line.split(' ').nth(1).filter(|word| is_expiry(word)) {
        Some(expiry) => format!("{}\n", line.replacen(expiry, "MM:SS", 1)),
        None => format!("{line}\n"),
    }
}

fn reference(ctx: &Context) -> String {
    ctx.reference("ipvsadm").get_program().to_string_lossy().into_owned()
}

/// Runs a command on the node, from the folder that has the symlink.
fn on_node(ctx: &Context, words: &[&str]) -> Result<Captured> {
    on(ctx, NODE, words)
}

fn on(ctx: &Context, node: &str, words: &[&str]) -> Result<Captured> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", node]).args(words).current_dir("/run");
    Ok(ctx.capture(&mut command)?)
}
