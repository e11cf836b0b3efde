//! Several network namespaces at once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use rustix::process::Signal;
use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::events::{listen, signal};
use super::{Result, listed, out, rsadm, same};

/// Makes a flow in a network namespace.
fn create(ctx: &Context, netns: &str, port: u16) -> Result<()> {
    let mut command = rsadm();
    command.args(["--netns", netns, "conntrack", "create", "-p", "udp", "-t", "9000"]);
    command.args(["-s", "10.0.0.1", "-d", "10.0.0.2", "--dport", "53", "--sport"]);
    let made = ctx.capture(command.arg(port.to_string()))?;
    same(ctx, &format!("create in {netns}: {}", made.err()), 0, made.code());
    Ok(())
}

/// Source ports of flows or events by the names of their namespaces.
fn ports(values: &[Value]) -> BTreeMap<String, u64> {
    let of = |value: &Value| {
        let name = value["netns"].as_str()?.to_owned();
        Some((name, value["original"]["source_port"].as_u64()?))
    };
    values.iter().filter_map(of).collect()
}

pub(crate) fn all(ctx: &Context) -> Outcome {
    let (blue, red) = (ctx.namespace("blue")?, ctx.namespace("red")?);
    let names = ["", blue.name(), red.name()];
    out(ctx, "create -p udp -t 9000 -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 53")?;
    create(ctx, blue.name(), 2)?;
    create(ctx, red.name(), 3)?;
    let expected = |first: u64| -> BTreeMap<String, u64> {
        names.iter().map(|name| (*name).to_owned()).zip(first..).collect()
    };
    same(ctx, "listed", expected(1), ports(&listed(ctx, "list --all-netns --dport 53")?));
    let text = out(ctx, "list --all-netns")?;
    let ending = format!(" netns={}", red.name());
    same(ctx, "text", 1, text.lines().filter(|line| line.ends_with(&ending)).count());
    let mut child = listen("--all-netns -e NEW -o ndjson")?;
    out(ctx, "create -p udp -t 9000 -s 10.0.0.1 -d 10.0.0.2 --sport 11 --dport 53")?;
    create(ctx, blue.name(), 12)?;
    create(ctx, red.name(), 13)?;
    let Some(output) = child.stdout.take() else { return ctx.fail("no output") };
    let lines = BufReader::new(output).lines().take(names.len());
    let lines = lines.collect::<std::io::Result<Vec<_>>>()?;
    let heard: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<std::result::Result<_, _>>()?;
    same(ctx, "heard", expected(11), ports(&heard));
    signal(&child, Signal::TERM)?;
    same(ctx, "status", Some(0), child.wait()?.code());
    Ok(())
}
