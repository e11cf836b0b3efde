//! A router that tracks what passes between a client and a server, each in a namespace of its own.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use testbed::Context as _;
use testbed::harness::Context;
use testbed::namespace::Namespace;

use crate::pair::{Pair, Result, Tool, split};

/// How long a packet or a change of a table is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The namespace of the case, which forwards between `toclient` and `toserver`; the other end of
/// either is called `eth0`.
pub(crate) struct Router<'a> {
    pub(crate) pair: Pair<'a>,
    pub(crate) client: Namespace,
    pub(crate) server: Namespace,
}

impl<'a> Router<'a> {
    /// Joins the three. It tracks packets as soon as a rule wants it.
    pub(crate) fn new(ctx: &'a Context) -> Result<Self> {
        let router = Self {
            pair: Pair::new(ctx, "")?,
            client: join(ctx, "client", 1)?,
            server: join(ctx, "server", 2)?,
        };
        set("net/ipv4/ip_forward", "1")?;
        set("net/ipv6/conf/all/forwarding", "1")?;
        Ok(router)
    }

    pub(crate) fn ctx(&self) -> &'a Context {
        self.pair.ctx
    }

    /// Appends rules, one a line; false where the kernel has none like it.
    pub(crate) fn rules(&self, tool: &str, lines: &str) -> Result<bool> {
        for line in lines.lines() {
            let run = self.ctx().capture(self.ctx().reference(tool).args(split(line)))?;
            if !run.status.success() {
                println!("{}: {}", run.command, run.err());
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Appends rules that every kernel with NAT has.
    pub(crate) fn must(&self, lines: &str) -> Result<()> {
        if self.rules("iptables", lines)? { Ok(()) } else { self.ctx().fail("no such rule") }
    }

    /// How many packets the first rule of a chain has met.
    pub(crate) fn met(&self, tool: &str, chain: &str) -> Result<u64> {
        let mut command = self.ctx().reference(tool);
        let listed = self.ctx().capture(command.args(split(chain)).args(["-vnx"]))?.success()?;
        let text = listed.out();
        let first = text.lines().nth(2).and_then(|rule| rule.split_whitespace().next());
        Ok(first.and_then(|packets| packets.parse().ok()).unwrap_or_default())
    }

    /// What ours lists.
    pub(crate) fn listed(&self, line: &str) -> Result<Vec<String>> {
        let run = self.pair.run(Tool::Ours, &split(line), b"")?;
        self.ctx().equal(&format!("status of {line}: {}", run.err()), &0, &run.code());
        Ok(run.out().lines().map(str::to_owned).collect())
    }

    /// Waits until ours lists so many, and answers what it lists then.
    pub(crate) fn wait_for(&self, line: &str, flows: usize) -> Result<Vec<String>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let listed = self.listed(line)?;
            if listed.len() == flows || Instant::now() > end {
                self.ctx().equal(line, &flows, &listed.len());
                return Ok(listed);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A namespace that is joined to the one of the case by its network of that number.
pub(crate) fn join(ctx: &Context, name: &str, network: u8) -> Result<Namespace> {
    let namespace = ctx.namespace(name)?;
    ip(
        ctx,
        &format!(
            "link add to{name} type veth peer name eth0 netns {name}
             addr add 10.71.{network}.1/24 dev to{name}
             addr add fd71:{network}::1/64 dev to{name} nodad
             link set to{name} up"
        ),
    )?;
    namespace.ip_batch(&format!(
        "addr add 10.71.{network}.2/24 dev eth0
         addr add fd71:{network}::2/64 dev eth0 nodad
         link set eth0 up
         route add default via 10.71.{network}.1
         route add default via fd71:{network}::1"
    ))?;
    Ok(namespace)
}

/// Leads 10.98.0.0/24 to where everything vanishes: to a namespace that passes nothing on.
pub(crate) fn nowhere(ctx: &Context) -> Result<Namespace> {
    let namespace = join(ctx, "nowhere", 3)?;
    namespace.sysctls(&[("net/ipv4/ip_forward", "0")])?;
    ip(ctx, "route add 10.98.0.0/24 via 10.71.3.2")?;
    Ok(namespace)
}

/// Runs lines of `ip` in the namespace of the case.
pub(crate) fn ip(ctx: &Context, lines: &str) -> Result<()> {
    ctx.capture_with(ctx.reference("ip").args(["-batch", "-"]), lines)?.success()?;
    Ok(())
}

/// Sets a sysctl of the namespace of the case.
pub(crate) fn set(name: &str, value: &str) -> Result<()> {
    Ok(fs::write(format!("/proc/sys/{name}"), value)?)
}

/// A socket in a namespace that waits for no more than [`PATIENCE`].
pub(crate) fn udp(namespace: &Namespace, own: &str) -> Result<UdpSocket> {
    let own: SocketAddr = own.parse()?;
    Ok(namespace.enter(|| {
        let socket = UdpSocket::bind(own).context(|| format!("cannot bind to {own}"))?;
        socket.set_read_timeout(Some(PATIENCE)).context(|| "cannot set a timeout".into())?;
        Ok(socket)
    })?)
}
