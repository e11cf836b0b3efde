//! What connection tracking said of the attempt.

use std::net::SocketAddr;

use conntrack::{Event, Flow, Groups, Subscription};
use node::Snapshot;
use serde::Serialize;

use super::Plan;
use crate::failure::{Failure, Result};

/// The flow of an attempt.
#[derive(Debug, Serialize)]
pub(super) struct Tracked {
    /// What was sent.
    original: String,
    /// What answers look like as they arrive: NAT shows in it.
    reply: String,
    /// Whether an answer was seen.
    answered: bool,
    /// What became of it, event by event: `new SYN_SENT`.
    events: Vec<String>,
}

impl Tracked {
    fn of(flow: &Flow<'_>) -> Self {
        Self {
            original: flow.original.to_string(),
            reply: flow.reply.to_string(),
            answered: flow.is_seen_reply(),
            events: Vec::new(),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let Self { original, reply, answered, events } = self;
        let came = if *answered { "" } else { ", and none came" };
        let mut lines = vec![format!("flow {original}; answers {reply}{came}")];
        if !events.is_empty() {
            lines.push(format!("flow's events: {}", events.join(", ")));
        }
        lines
    }
}

/// A flow that nobody answers, or that is refused, may be gone before the table is read.
pub(super) struct Listener(Option<conntrack::Events>);

impl Listener {
    /// Listens where flows are tracked and could be read; nothing is loaded to do so.
    pub(super) fn of(before: &Snapshot) -> Result<Self> {
        let tracks = before.tracking.get().is_some_and(|tracking| tracking.flows.get().is_some());
        let open = || Subscription::new(Groups::FLOWS).open();
        let events = tracks.then(open).transpose();
        events.map(Self).map_err(|error| Failure::refused(error.to_string()))
    }

    /// What was told of the attempt from this address so far.
    pub(super) fn hear(&mut self, plan: &Plan, from: SocketAddr) -> Result<Option<Tracked>> {
        let Some(events) = &mut self.0 else { return Ok(None) };
        let mut tracked: Option<Tracked> = None;
        let failed = |error: conntrack::Error| Failure::refused(error.to_string());
        while let Some(event) = events.try_next().map_err(failed)? {
            let Event::Flow { kind, flow, .. } = event else { continue };
            if !is_of(plan, from, &flow) {
                continue;
            }
            let state = flow.state.as_ref().and_then(conntrack::ProtocolState::name);
            let told = state.map_or_else(|| kind.to_string(), |state| format!("{kind} {state}"));
            let so_far = tracked.get_or_insert_with(|| Tracked::of(&flow));
            so_far.answered |= flow.is_seen_reply();
            so_far.events.push(told);
        }
        Ok(tracked)
    }
}

/// The flow of the attempt as the table has it: where events were lost, or none are told.
pub(super) fn listed(plan: &Plan, from: SocketAddr, after: &Snapshot) -> Option<Tracked> {
    let flows = after.tracking.get()?.flows.get()?;
    flows.iter().find(|flow| is_of(plan, from, flow)).map(Tracked::of)
}

fn is_of(plan: &Plan, from: SocketAddr, flow: &Flow<'_>) -> bool {
    u16::from(flow.original.protocol.0) == plan.protocol.0
        && flow.original.source_port() == Some(from.port())
        && flow.original.destination == plan.to.ip()
        && flow.original.destination_port() == Some(plan.to.port())
}
