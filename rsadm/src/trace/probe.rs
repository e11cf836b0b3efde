//! One real attempt, and what the kernel did with it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ipvs::Protocol;
use node::Snapshot;
use node::trace::{Target, Trace, Verdict};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, getsockname, recv,
    send, socket_with,
};
use serde::Serialize;

use crate::failure::{Failure, Result};

/// A tick in which the kernel is asked again whether all was acknowledged.
const TICK: Duration = Duration::from_millis(20);

/// What is sent, and how long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) protocol: Protocol,
    pub(super) to: SocketAddr,
    pub(super) from: Option<IpAddr>,
    /// Bytes of payload.
    pub(super) size: Option<u16>,
    pub(super) patience: Duration,
}

/// What became of an attempt.
#[derive(Debug, Serialize)]
pub(super) struct Probe {
    protocol: String,
    from: SocketAddr,
    to: SocketAddr,
    pub(super) result: Outcome,
    /// Milliseconds until it was known.
    milliseconds: u64,
    /// What became of the payload, if one was asked for.
    payload: Option<Payload>,
    /// The destination that IPVS picked.
    destination: Option<SocketAddr>,
    /// The state that the connection has in IPVS.
    state: Option<String>,
    /// The flow: what was sent, and what answers look like.
    flow: Option<[String; 2]>,
    /// What was counted meanwhile, by others' packets too.
    counters: Vec<Count>,
    /// What that says, where no answer came.
    pub(super) stopped: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Answered,
    Refused,
    Unreachable,
    Silent,
    /// A datagram that the host itself could not send.
    TooLarge,
}

#[derive(Debug, Serialize)]
struct Payload {
    bytes: u16,
    /// Whether the other end acknowledged all of it; unknown of datagrams that are not answered.
    acknowledged: Option<bool>,
    /// Largest packet that the host knows to fit the way.
    mtu: Option<u32>,
}

/// A counter that moved.
#[derive(Debug, Serialize)]
struct Count {
    /// The link; `None` of the host's protocols.
    device: Option<String>,
    name: String,
    more: u64,
}

impl Plan {
    pub(super) fn of(
        target: &Target,
        from: Option<IpAddr>,
        size: Option<u16>,
        patience: Duration,
    ) -> Result<Self> {
        let Target::Service { protocol, address } = *target else {
            return Err(Failure::usage("--probe needs a port: tcp://ADDRESS:PORT or udp://"));
        };
        if protocol != Protocol::TCP && protocol != Protocol::UDP {
            return Err(Failure::usage(format!("--probe speaks TCP and UDP, not {protocol}")));
        }
        Ok(Self { protocol, to: address, from, size, patience })
    }
}

/// What an open socket knows.
struct Attempt {
    socket: OwnedFd,
    from: SocketAddr,
    result: Outcome,
    took: Duration,
    payload: Option<Payload>,
}

/// Makes the attempt; `look` reads the state of the node, before and after.
pub(super) fn run(plan: &Plan, look: impl Fn() -> Result<Snapshot>) -> Result<(Snapshot, Probe)> {
    let before = look()?;
    let attempt = match plan.protocol {
        Protocol::UDP => datagram(plan),
        _ => connection(plan),
    };
    let attempt = attempt.map_err(|error| {
        Failure::refused(format!("cannot probe {}: {}", plan.to, std::io::Error::from(error)))
    })?;
    let after = look()?;
    let probe = Probe::of(plan, &attempt, &before, &after);
    drop(attempt.socket);
    Ok((before, probe))
}

fn open(plan: &Plan, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if plan.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if let Some(from) = plan.from {
        bind(&socket, &SocketAddr::new(from, 0))?;
    }
    Ok(socket)
}

fn local(socket: &OwnedFd) -> SocketAddr {
    let name = getsockname(socket).ok().and_then(|name| SocketAddr::try_from(name).ok());
    name.unwrap_or(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))
}

/// Waits for events of the socket; whether they came in time.
fn wait(socket: &OwnedFd, events: PollFlags, time: Duration) -> Result<bool, Errno> {
    let time =
        Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
    let mut all = [PollFd::from_borrowed_fd(socket.as_fd(), events)];
    loop {
        match poll(&mut all, Some(&time)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn outcome(error: Errno) -> Result<Outcome, Errno> {
    match error {
        Errno::CONNREFUSED | Errno::CONNRESET => Ok(Outcome::Refused),
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::ACCESS | Errno::INVAL => {
            Ok(Outcome::Unreachable)
        }
        Errno::TIMEDOUT => Ok(Outcome::Silent),
        Errno::MSGSIZE => Ok(Outcome::TooLarge),
        error => Err(error),
    }
}

fn connection(plan: &Plan) -> Result<Attempt, Errno> {
    let socket = open(plan, SocketType::STREAM)?;
    let begun = Instant::now();
    let result = match connect(&socket, &plan.to) {
        Ok(()) => Outcome::Answered,
        Err(Errno::INPROGRESS) if wait(&socket, PollFlags::OUT, plan.patience)? => {
            match sockopt::socket_error(&socket)? {
                Ok(()) => Outcome::Answered,
                Err(error) => outcome(error)?,
            }
        }
        Err(Errno::INPROGRESS) => Outcome::Silent,
        Err(error) => outcome(error)?,
    };
    let took = begun.elapsed();
    let from = local(&socket);
    let payload = match plan.size {
        Some(bytes) if result == Outcome::Answered => Some(push(plan, &socket, from, bytes)?),
        _ => None,
    };
    Ok(Attempt { socket, from, result, took, payload })
}

/// Sends payload over a connection, and waits until the other end has acknowledged it.
fn push(plan: &Plan, socket: &OwnedFd, from: SocketAddr, bytes: u16) -> Result<Payload, Errno> {
    let zeros = vec![0; usize::from(bytes)];
    let mut rest = zeros.as_slice();
    let end = Instant::now() + plan.patience;
    let mut acknowledged = false;
    while Instant::now() < end && !acknowledged {
        match send(socket, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = &rest[sent..],
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The other end did not like it, and so got it.
            Err(Errno::PIPE | Errno::CONNRESET) => break,
            Err(error) => return Err(error),
        }
        acknowledged = rest.is_empty() && waits_for_acknowledgement(from) == Some(0);
        if !acknowledged {
            std::thread::sleep(TICK);
        }
    }
    let failed = sockopt::socket_error(socket)?.is_err();
    let mtu = if plan.to.is_ipv4() { sockopt::ip_mtu(socket) } else { sockopt::ipv6_mtu(socket) };
    Ok(Payload { bytes, acknowledged: Some(acknowledged || failed), mtu: mtu.ok() })
}

/// Bytes of the connection from this address that the other end has not acknowledged; `None` if the
/// connection is gone.
fn waits_for_acknowledgement(from: SocketAddr) -> Option<u64> {
    let name = if from.is_ipv4() { "tcp" } else { "tcp6" };
    let text = fs::read_to_string(format!("/proc/thread-self/net/{name}")).ok()?;
    let port = format!(":{:04X}", from.port());
    let line = text
        .lines()
        .find(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port)))?;
    let (queue, _) = line.split_whitespace().nth(4)?.split_once(':')?;
    u64::from_str_radix(queue, 16).ok()
}

fn datagram(plan: &Plan) -> Result<Attempt, Errno> {
    let socket = open(plan, SocketType::DGRAM)?;
    if plan.size.is_some() {
        match plan.to {
            SocketAddr::V4(_) => {
                sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DO)?;
            }
            SocketAddr::V6(_) => {
                sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::DO)?;
            }
        }
    }
    let begun = Instant::now();
    let bytes = plan.size.unwrap_or(1);
    let sent = connect(&socket, &plan.to)
        .and_then(|()| send(&socket, &vec![0; usize::from(bytes)], SendFlags::empty()));
    let result = match sent {
        Ok(_) if wait(&socket, PollFlags::IN, plan.patience)? => {
            match recv(&socket, &mut [0; 2048][..], RecvFlags::empty()) {
                Ok(_) => Outcome::Answered,
                Err(error) => outcome(error)?,
            }
        }
        Ok(_) => Outcome::Silent,
        Err(error) => outcome(error)?,
    };
    let took = begun.elapsed();
    let mtu = if plan.to.is_ipv4() { sockopt::ip_mtu(&socket) } else { sockopt::ipv6_mtu(&socket) };
    let acknowledged = (result == Outcome::Answered).then_some(true);
    let payload = plan.size.map(|bytes| Payload { bytes, acknowledged, mtu: mtu.ok() });
    Ok(Attempt { from: local(&socket), socket, result, took, payload })
}

impl Probe {
    fn of(plan: &Plan, attempt: &Attempt, before: &Snapshot, after: &Snapshot) -> Self {
        let connections = after.balancer.get().and_then(|balancer| balancer.connections.get());
        let connection = connections
            .into_iter()
            .flatten()
            .find(|row| row.client.port() == attempt.from.port() && row.virtual_address == plan.to);
        let flows = after.tracking.get().and_then(|tracking| tracking.flows.get());
        let flow = flows.into_iter().flatten().find(|flow| {
            flow.original.source_port() == Some(attempt.from.port())
                && flow.original.destination == plan.to.ip()
        });
        let counters = counters(before, after);
        let lost = match attempt.result {
            Outcome::Answered => {
                attempt.payload.as_ref().is_some_and(|payload| payload.acknowledged == Some(false))
            }
            Outcome::Silent => true,
            _ => false,
        };
        let stopped = lost.then(|| stopped(before, after));
        Self {
            protocol: plan.protocol.to_string(),
            from: attempt.from,
            to: plan.to,
            result: attempt.result,
            milliseconds: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            payload: attempt
                .payload
                .as_ref()
                .map(|&Payload { bytes, acknowledged, mtu }| Payload { bytes, acknowledged, mtu }),
            destination: connection.map(|row| row.destination),
            state: connection.map(|row| row.state.to_string()),
            flow: flow.map(|flow| [flow.original.to_string(), flow.reply.to_string()]),
            counters,
            stopped,
        }
    }

    /// Whether all that was sent came through.
    pub(super) fn is_well(&self) -> bool {
        let payload = self.payload.as_ref();
        self.result == Outcome::Answered
            && payload.is_none_or(|payload| payload.acknowledged != Some(false))
    }

    /// What it adds to the verdict on these paths, if it was lost.
    pub(super) fn remark(&self, trace: &Trace) -> Option<String> {
        if self.is_well() || trace.verdict != Verdict::Delivered {
            return None;
        }
        let picked = self.destination.map(|destination| destination.to_string());
        let other =
            picked.filter(|picked| trace.paths.iter().all(|path| path.destination != *picked));
        Some(match other {
            Some(other) => {
                format!("and yet the probe was lost: IPVS picked {other}, which was not looked at")
            }
            None => "and yet the probe was lost: what loses it shows in no table of these nodes"
                .to_owned(),
        })
    }

    /// In lines, for eyes.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self { protocol, from, to, milliseconds, .. } = self;
        let result = match self.result {
            Outcome::Answered => format!("answered after {milliseconds} ms"),
            Outcome::Refused => format!("refused after {milliseconds} ms"),
            Outcome::Unreachable => "this host knows no way".to_owned(),
            Outcome::Silent => format!("no answer within {milliseconds} ms"),
            Outcome::TooLarge => "larger than this host's way takes".to_owned(),
        };
        let mut lines = vec![format!("{protocol} {from} > {to}: {result}")];
        if let Some(Payload { bytes, acknowledged, mtu }) = &self.payload {
            let said = match acknowledged {
                Some(true) => "arrived",
                Some(false) => "never acknowledged: packets of that size are lost on the way",
                None => "sent",
            };
            let mtu = mtu.map_or_else(String::new, |mtu| format!(" (the host knows of MTU {mtu})"));
            lines.push(format!("{bytes} bytes: {said}{mtu}"));
        }
        if let Some(destination) = self.destination {
            let state = self.state.as_deref().unwrap_or_default();
            lines.push(format!("IPVS picked {destination}, {state}"));
        }
        if let Some([sent, answers]) = &self.flow {
            lines.push(format!("flow {sent}; answers {answers}"));
        }
        if let Some(stopped) = &self.stopped {
            lines.push(stopped.clone());
            let moved = self.counters.iter().map(|Count { device, name, more }| {
                let device = device.as_ref().map_or_else(String::new, |name| format!("{name} "));
                format!("{device}{name} +{more}")
            });
            lines.push(format!("counted: {}", moved.collect::<Vec<_>>().join(", ")));
        }
        lines
    }
}

/// Counters of links and protocols that moved.
fn counters(before: &Snapshot, after: &Snapshot) -> Vec<Count> {
    let mut moved = Vec::new();
    for link in &after.network.links {
        let old = before.network.links.iter().find(|old| old.index() == link.index());
        let (Some(old), Some(new)) = (old.and_then(|old| old.counters), link.counters) else {
            continue;
        };
        for (name, old, new) in [
            ("tx_packets", old.tx_packets, new.tx_packets),
            ("rx_packets", old.rx_packets, new.rx_packets),
            ("tx_dropped", old.tx_dropped, new.tx_dropped),
            ("rx_dropped", old.rx_dropped, new.rx_dropped),
            ("tx_errors", old.tx_errors, new.tx_errors),
            ("rx_errors", old.rx_errors, new.rx_errors),
            ("tx_carrier_errors", old.tx_carrier_errors, new.tx_carrier_errors),
            ("rx_otherhost_dropped", old.rx_otherhost_dropped, new.rx_otherhost_dropped),
        ] {
            let device = Some(link.name().to_owned());
            push_count(&mut moved, device, name, old, new);
        }
    }
    let old: &BTreeMap<String, u64> = &before.network.counters;
    for (name, new) in &after.network.counters {
        let is_trouble =
            ["Unreach", "NoPorts", "Errors", "Discards", "NoRoutes", "TimeExcds", "Frag"]
                .iter()
                .any(|word| name.contains(word));
        if is_trouble && let Some(old) = old.get(name) {
            push_count(&mut moved, None, name, *old, *new);
        }
    }
    moved
}

fn push_count(moved: &mut Vec<Count>, device: Option<String>, name: &str, old: u64, new: u64) {
    if let Some(more) = new.checked_sub(old).filter(|more| *more > 0) {
        moved.push(Count { device, name: name.to_owned(), more });
    }
}

/// Where counters say that packets stopped.
fn stopped(before: &Snapshot, after: &Snapshot) -> String {
    let deltas = after.network.links.iter().filter_map(|link| {
        let old = before.network.links.iter().find(|old| old.index() == link.index())?.counters?;
        let new = link.counters?;
        let more = |old: u64, new: u64| new.saturating_sub(old);
        Some((
            link,
            more(old.tx_packets, new.tx_packets),
            more(old.rx_packets, new.rx_packets),
            more(old.tx_dropped, new.tx_dropped) + more(old.tx_errors, new.tx_errors),
        ))
    });
    let deltas: Vec<_> = deltas.filter(|(link, ..)| !link.is_loopback()).collect();
    // IPv6 makes an idle device without entries drop a few of its own.
    if let Some((link, .., lost)) = deltas
        .iter()
        .find(|(link, sent, _, lost)| link.base.vxlan.is_some() && *sent == 0 && *lost > 0)
    {
        return format!("{} dropped what it was to send: {lost} packets", link.name());
    }
    let overlay = deltas.iter().find(|(link, sent, ..)| link.base.vxlan.is_some() && *sent > 0);
    let sender = overlay.or_else(|| deltas.iter().find(|(_, sent, ..)| *sent > 0));
    match sender {
        Some((link, sent, 0, _)) => {
            format!(
                "{} sent {sent} packets and received none: they were lost behind it",
                link.name()
            )
        }
        Some((link, sent, received, _)) => format!(
            "{} sent {sent} packets and received {received}: some were lost behind it",
            link.name()
        ),
        None => "no link sent anything: it was lost on this host".to_owned(),
    }
}
