//! One real attempt, and what the kernel did with it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipvs::Protocol;
use node::Snapshot;
use node::trace::{Target, Trace, Verdict};
use serde::Serialize;

mod attempt;
mod counters;
mod tracking;

use crate::failure::{Failure, Result};
use attempt::Attempt;
use counters::Count;
use tracking::{Listener, Tracked};

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
    /// Milliseconds until it was known: at most the patience.
    milliseconds: u64,
    /// What became of the payload, if one was asked for.
    payload: Option<Payload>,
    /// The destination that IPVS picked.
    destination: Option<SocketAddr>,
    /// The state that the connection has in IPVS.
    state: Option<String>,
    /// The flow that was tracked.
    flow: Option<Tracked>,
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

#[derive(Clone, Debug, Serialize)]
struct Payload {
    bytes: u16,
    /// Whether the other end acknowledged all of it; unknown of datagrams that are not answered.
    acknowledged: Option<bool>,
    /// Largest packet that the host knows to fit the way.
    mtu: Option<u32>,
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

/// Makes the attempt; `look` reads the state of the node, before and after.
pub(super) fn run(plan: &Plan, look: impl Fn() -> Result<Snapshot>) -> Result<(Snapshot, Probe)> {
    let before = look()?;
    let mut listener = Listener::of(&before)?;
    let attempt = attempt::make(plan).map_err(|error| {
        Failure::refused(format!("cannot probe {}: {}", plan.to, std::io::Error::from(error)))
    })?;
    let heard = listener.hear(plan, attempt.from)?;
    let after = look()?;
    let probe = Probe::of(plan, &attempt, heard, [&before, &after]);
    Ok((before, probe))
}

impl Probe {
    fn of(
        plan: &Plan,
        attempt: &Attempt,
        heard: Option<Tracked>,
        [before, after]: [&Snapshot; 2],
    ) -> Self {
        let connections = after.balancer.get().and_then(|balancer| balancer.connections.get());
        let connection = connections
            .into_iter()
            .flatten()
            .find(|row| row.client.port() == attempt.from.port() && row.virtual_address == plan.to);
        let destination = connection.map(|row| row.destination);
        let lost = match attempt.result {
            Outcome::Answered => {
                attempt.payload.as_ref().is_some_and(|payload| payload.acknowledged == Some(false))
            }
            Outcome::Silent => true,
            _ => false,
        };
        let towards = destination.unwrap_or(plan.to).ip();
        Self {
            protocol: plan.protocol.to_string(),
            from: attempt.from,
            to: plan.to,
            result: attempt.result,
            milliseconds: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            payload: attempt.payload.clone(),
            destination,
            state: connection.map(|row| row.state.to_string()),
            flow: heard.or_else(|| tracking::listed(plan, attempt.from, after)),
            counters: counters::moved(before, after),
            stopped: lost.then(|| counters::stopped(before, after, towards)),
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
        if let Some(flow) = &self.flow {
            lines.extend(flow.lines());
        }
        if let Some(stopped) = &self.stopped {
            lines.push(stopped.clone());
            let moved = self.counters.iter().map(Count::to_string);
            lines.push(format!("counted: {}", moved.collect::<Vec<_>>().join(", ")));
        }
        lines
    }
}
