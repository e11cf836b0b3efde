//! Packets and bytes that the kernel counts.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::events::signal;
use super::{Result, all, listed, out, rsadm, same};

/// Bytes of the headers of IPv4 and UDP.
const HEADERS: u64 = 28;

/// A socket that datagrams come from, and one that they go to.
struct Pair {
    from: UdpSocket,
    to: UdpSocket,
}

impl Pair {
    fn new(from: &str, to: &str) -> Result<Self> {
        let pair = Self { from: UdpSocket::bind(from)?, to: UdpSocket::bind(to)? };
        pair.to.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(pair)
    }

    /// Sends datagrams of a size, and waits until they have come.
    fn send(&self, count: usize, size: usize) -> Result<()> {
        for _ in 0..count {
            self.from.send_to(&vec![0; size], self.to.local_addr()?)?;
            self.to.recv(&mut [0; 2000])?;
        }
        Ok(())
    }

    fn service(&self) -> Result<SocketAddr> {
        Ok(self.to.local_addr()?)
    }
}

/// Two flows with packets in them.
fn two(ctx: &Context) -> Result<[Pair; 2]> {
    if fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", "1").is_err()
        || !ctx.track_packets()?
    {
        return ctx.skip("nothing makes this kernel count packets");
    }
    let pairs =
        [Pair::new("127.0.0.1:0", "127.0.0.2:53")?, Pair::new("127.0.0.1:0", "127.0.0.3:54")?];
    pairs[0].send(10, 100)?;
    pairs[1].send(2, 1000)?;
    Ok(pairs)
}

/// The groups that `rsadm conntrack top` shows.
fn groups(ctx: &Context, line: &str) -> Result<Vec<Value>> {
    let text = out(ctx, &format!("top {line} -o ndjson"))?;
    Ok(text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

pub(crate) fn top(ctx: &Context) -> Outcome {
    let pairs = two(ctx)?;
    // Of which there is most depends on what is measured.
    for (measure, order, values) in [
        ("packets", [0, 1], [10, 2]),
        ("bytes", [1, 0], [2 * (1000 + HEADERS), 10 * (100 + HEADERS)]),
    ] {
        let groups = groups(ctx, &format!("service --by {measure}"))?;
        same(ctx, measure, 2, groups.len());
        let sum: u64 = values.iter().sum();
        for ((group, index), value) in groups.iter().zip(order).zip(values) {
            let port = pairs[index].service()?.port();
            same(ctx, "service", Some(u64::from(port)), group["port"].as_u64());
            same(ctx, "measure", Some(measure), group["measure"].as_str());
            same(ctx, "value", Some(value), group["value"].as_u64());
            let share = group["share"].as_f64().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let expected = value as f64 / sum as f64;
            ctx.check(&format!("share {share}"), (share - expected).abs() < 1e-9);
        }
    }
    let mut command = rsadm();
    command.args(["conntrack", "top", "service", "--by", "packets", "--watch", "1"]);
    let mut child = command.args(["-o", "ndjson"]).stdout(Stdio::piped()).spawn()?;
    let Some(output) = child.stdout.take() else { return ctx.fail("no output") };
    let mut lines = BufReader::new(output).lines();
    let mut rate = 0.0;
    // Each look shows both; the first may come before the packets.
    for line in lines.by_ref().take(20) {
        pairs[0].send(50, 10)?;
        let group: Value = serde_json::from_str(&line?)?;
        let gained = group["rate"].as_f64();
        ctx.check("a rate", gained.is_some());
        if group["port"] == 53 {
            rate = gained.unwrap_or_default();
        } else {
            same(ctx, "nothing more came", Some(0.0), gained);
        }
        if rate > 0.0 {
            break;
        }
    }
    ctx.check(&format!("{rate} packets a second"), rate > 1.0 && rate < 1100.0);
    signal(&child, Signal::TERM)?;
    lines.count();
    same(ctx, "status", Some(0), child.wait()?.code());
    Ok(())
}

/// What was counted of a flow to a port.
fn packets(ctx: &Context, port: u16) -> Result<Option<u64>> {
    let flows = listed(ctx, &format!("list -p udp --dport {port}"))?;
    Ok(flows.first().and_then(|flow| flow["original"]["packets"].as_u64()))
}

/// By the kernel's own filter and by ours.
pub(crate) fn zero(ctx: &Context) -> Outcome {
    let pairs = two(ctx)?;
    all(ctx, "update -p udp --dport 54 --set-mark 7")?;
    for filter in ["-m 7", "--dport 54-60"] {
        let shown = listed(ctx, &format!("list -z {filter}"))?;
        same(ctx, "shown", 1, shown.len());
        same(ctx, "as it was", Some(2), shown[0]["original"]["packets"].as_u64());
        same(ctx, "zeroed", Some(0), packets(ctx, 54)?);
        same(ctx, "the other one is not", Some(10), packets(ctx, 53)?);
        pairs[1].send(2, 10)?;
    }
    same(ctx, "both", 2, listed(ctx, "list -z -p udp")?.len());
    same(ctx, "zeroed", [Some(0), Some(0)], [packets(ctx, 53)?, packets(ctx, 54)?]);
    Ok(())
}
