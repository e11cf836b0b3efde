//! What the kernel tells about flows and expectations as it happens.

use std::fmt;

use crate::uapi::*;
use crate::{Expectation, Flow, Result};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum EventKind {
    /// It was added.
    #[doc(alias = "NFNLGRP_CONNTRACK_NEW")]
    #[doc(alias = "NFNLGRP_CONNTRACK_EXP_NEW")]
    New,
    /// Something of it changed.
    #[doc(alias = "NFNLGRP_CONNTRACK_UPDATE")]
    #[doc(alias = "NFNLGRP_CONNTRACK_EXP_UPDATE")]
    Update,
    /// It was removed.
    #[doc(alias = "NFNLGRP_CONNTRACK_DESTROY")]
    #[doc(alias = "NFNLGRP_CONNTRACK_EXP_DESTROY")]
    Destroy,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "new",
            Self::Update => "update",
            Self::Destroy => "destroy",
        })
    }
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Origin {
    /// Netlink port of the process that made the change; 0 if a packet or a timer did.
    #[doc(alias = "nlmsg_pid")]
    pub port: u32,
    /// The network namespace that it happened in, if not the subscription's own: the id that it has
    /// there, see `ip netns list-id`. Only where
    /// [all namespaces](crate::Subscription::all_namespaces) are heard.
    #[doc(alias = "NETLINK_LISTEN_ALL_NSID")]
    pub namespace: Option<u32>,
    /// A [`View`](crate::View) found it by comparing, because the event itself was lost.
    pub resync: bool,
}

/// One event of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "nearly every event is about a flow")]
pub enum Event<'a> {
    /// Something happened to a flow. What an event shows of the flow is what changed, and what
    /// names the flow; never its references, and counters only at its end.
    Flow {
        /// What happened.
        kind: EventKind,
        /// The flow.
        flow: Flow<'a>,
        /// Where the event comes from.
        origin: Origin,
    },
    /// Something happened to an expectation.
    Expectation {
        /// What happened.
        kind: EventKind,
        /// The expectation.
        expectation: Expectation<'a>,
        /// Where the event comes from.
        origin: Origin,
    },
    /// Events were lost, because they came faster than they were read. Whoever keeps a view of the
    /// table must read it again, as [`View`](crate::View) does.
    Lost,
}

impl<'a> Event<'a> {
    /// Decodes a message of a subscription: its netlink type, flags and port, and what is behind the
    /// header. `None` is a message of another kind.
    pub fn decode(kind: u16, flags: u16, port: u32, payload: &'a [u8]) -> Result<Option<Self>> {
        let added = flags & NLM_F_CREATE != 0;
        let event = match kind {
            IPCTNL_MSG_CT_NEW | IPCTNL_MSG_EXP_NEW if added => EventKind::New,
            IPCTNL_MSG_CT_NEW | IPCTNL_MSG_EXP_NEW => EventKind::Update,
            IPCTNL_MSG_CT_DELETE | IPCTNL_MSG_EXP_DELETE => EventKind::Destroy,
            _ => return Ok(None),
        };
        let origin = Origin { port, ..Origin::default() };
        Ok(Some(if kind >> 8 == NFNL_SUBSYS_CTNETLINK {
            Self::Flow { kind: event, flow: Flow::decode(payload)?, origin }
        } else {
            Self::Expectation { kind: event, expectation: Expectation::decode(payload)?, origin }
        }))
    }

    /// The same in this network namespace.
    pub(crate) fn of_namespace(mut self, namespace: Option<u32>) -> Self {
        if let Self::Flow { origin, .. } | Self::Expectation { origin, .. } = &mut self {
            origin.namespace = namespace;
        }
        self
    }

    /// The same apart from the receive buffer.
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Flow { kind, flow, origin } => {
                Event::Flow { kind, flow: flow.into_owned(), origin }
            }
            Self::Expectation { kind, expectation, origin } => {
                Event::Expectation { kind, expectation: expectation.into_owned(), origin }
            }
            Self::Lost => Event::Lost,
        }
    }
}

bitflags::bitflags! {
    /// What to subscribe to.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Groups: u8 {
        /// Flows that are added.
        #[doc(alias = "NFNLGRP_CONNTRACK_NEW")]
        const NEW = 1;
        /// Flows that change.
        #[doc(alias = "NFNLGRP_CONNTRACK_UPDATE")]
        const UPDATE = 2;
        /// Flows that end.
        #[doc(alias = "NFNLGRP_CONNTRACK_DESTROY")]
        const DESTROY = 4;
        /// Expectations that are added.
        #[doc(alias = "NFNLGRP_CONNTRACK_EXP_NEW")]
        const EXPECTATION_NEW = 8;
        /// Expectations that change.
        #[doc(alias = "NFNLGRP_CONNTRACK_EXP_UPDATE")]
        const EXPECTATION_UPDATE = 16;
        /// Expectations that end.
        #[doc(alias = "NFNLGRP_CONNTRACK_EXP_DESTROY")]
        const EXPECTATION_DESTROY = 32;

        /// All about flows.
        const FLOWS = Self::NEW.bits() | Self::UPDATE.bits() | Self::DESTROY.bits();
        /// All about expectations.
        const EXPECTATIONS = Self::EXPECTATION_NEW.bits()
            | Self::EXPECTATION_UPDATE.bits()
            | Self::EXPECTATION_DESTROY.bits();
    }
}

impl Groups {
    /// Numbers of the multicast groups.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u32> {
        const NUMBERS: [(Groups, u32); 6] = [
            (Groups::NEW, NFNLGRP_CONNTRACK_NEW),
            (Groups::UPDATE, NFNLGRP_CONNTRACK_UPDATE),
            (Groups::DESTROY, NFNLGRP_CONNTRACK_DESTROY),
            (Groups::EXPECTATION_NEW, NFNLGRP_CONNTRACK_EXP_NEW),
            (Groups::EXPECTATION_UPDATE, NFNLGRP_CONNTRACK_EXP_UPDATE),
            (Groups::EXPECTATION_DESTROY, NFNLGRP_CONNTRACK_EXP_DESTROY),
        ];
        NUMBERS
            .into_iter()
            .filter(move |(group, _)| self.contains(*group))
            .map(|(_, number)| number)
    }
}
