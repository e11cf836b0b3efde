//! What the kernel is asked, and what it answers with.

use std::fmt::Write;
use std::fs;

use testbed::harness::{Context, Outcome};

use super::{Result, listed, load, out, rsadm, same};

/// Flows of the large table.
const FLOWS: usize = 4000;

/// Two of four thousand flows come from one address.
fn many(ctx: &Context, family: &str) -> Result<()> {
    let mut text = String::new();
    for number in 0..FLOWS {
        let (host, port) = (if number < 2 { 1 } else { 2 }, number + 1);
        let (source, destination) = match family {
            "ipv4" => (format!("10.0.0.{host}"), "10.0.0.9"),
            _ => (format!("fd00::{host}"), "fd00::9"),
        };
        writeln!(
            text,
            "-A -t 9000 -s {source} -d {destination} -p udp --sport {port} --dport 53 -m {}",
            number % 100
        )?;
    }
    load(ctx, &text)
}

/// The lines that `RSADM_DEBUG=netlink` has for messages, of a command that must succeed.
fn messages(ctx: &Context, line: &str) -> Result<(String, Vec<String>)> {
    let mut command = rsadm();
    command.env("RSADM_DEBUG", "netlink").arg("conntrack").args(line.split_whitespace());
    let captured = ctx.capture(&mut command)?;
    same(ctx, line, 0, captured.code());
    let messages = captured
        .err()
        .lines()
        .filter(|line| line.starts_with("netlink "))
        .map(str::to_owned)
        .collect();
    Ok((captured.out(), messages))
}

/// Bytes of flows that the kernel sent.
fn received(messages: &[String]) -> usize {
    let flows =
        messages.iter().filter(|line| line.starts_with("netlink < ") && line.contains("type=256 "));
    let length =
        |line: &String| line.split("length=").nth(1)?.split(' ').next()?.parse::<usize>().ok();
    flows.filter_map(length).sum()
}

pub(crate) fn short_listings(ctx: &Context) -> Outcome {
    many(ctx, "ipv4")?;
    many(ctx, "ipv6")?;
    let (all, messages_of_all) = messages(ctx, "list -f ipv4")?;
    same(ctx, "all", FLOWS, all.lines().count());
    let (two, messages_of_two) = messages(ctx, "list -s 10.0.0.1")?;
    same(ctx, "those from one address", 2, two.lines().count());
    let (whole, part) = (received(&messages_of_all), received(&messages_of_two));
    ctx.check(&format!("{part} of {whole} bytes"), part > 0 && part * 100 < whole);
    // The kernel shows the others of IPv6, so it is not asked for an address.
    for family in ["ipv4", "ipv6"] {
        let address = if family == "ipv4" { "10.0.0.1" } else { "fd00::1" };
        let here = listed(ctx, &format!("list -f {family}"))?;
        let expected: Vec<_> =
            here.into_iter().filter(|flow| flow["original"]["source"] == address).collect();
        same(ctx, address, expected.len(), listed(ctx, &format!("list -s {address}"))?.len());
    }
    Ok(())
}

/// Deletions that the kernel was asked for.
fn deletions(messages: &[String]) -> usize {
    messages
        .iter()
        .filter(|line| line.starts_with("netlink > ") && line.contains("type=258 "))
        .count()
}

pub(crate) fn one_deletion(ctx: &Context) -> Outcome {
    // Then the kernel names what it deletes.
    fs::write("/proc/sys/net/netfilter/nf_conntrack_events", "1")?;
    many(ctx, "ipv4")?;
    many(ctx, "ipv6")?;
    // The kernel is tried out first, which `caps` does too.
    let trials = deletions(&messages(ctx, "caps")?.1);
    let (gone, asked) = messages(ctx, "delete -m 7")?;
    same(ctx, "one request", 1, deletions(&asked) - trials);
    same(
        ctx,
        "named",
        2 * FLOWS / 100,
        gone.lines().filter(|line| line.contains("mark=7")).count(),
    );
    same(ctx, "all that match", 0, listed(ctx, "list -m 7")?.len());
    same(ctx, "nothing else", 2 * (FLOWS - FLOWS / 100), listed(ctx, "list")?.len());
    // What the kernel gets wrong is many requests, each for one flow.
    let (gone, asked) = messages(ctx, "delete -s fd00::1")?;
    same(ctx, "flows of IPv6", (2, 2), (gone.lines().count(), deletions(&asked) - trials));
    let left = listed(ctx, "list -f ipv6")?.len();
    same(ctx, "the others of IPv6", FLOWS - FLOWS / 100 - 2, left);
    // Flows that it does not name are told of all the same.
    fs::write("/proc/sys/net/netfilter/nf_conntrack_events", "0")?;
    out(ctx, "flush")?;
    many(ctx, "ipv4")?;
    fs::write("/proc/sys/net/netfilter/nf_conntrack_events", "1")?;
    let mut command = rsadm();
    let told = ctx.capture(command.args(["conntrack", "delete", "-m", "7"]))?;
    ctx.check(
        &told.err(),
        told.err().ends_with(&format!("the table has {} flows fewer\n", FLOWS / 100)),
    );
    Ok(())
}
