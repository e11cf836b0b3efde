//! What rules make of a packet.

use std::fmt;
use std::net::IpAddr;

use super::Packet;

/// A rule, as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct RuleText {
    /// The table: `filter` of iptables, `ip filter` of nftables.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The rule as the tool prints it; of a chain's policy `policy DROP`.
    pub text: String,
}

impl fmt::Display for RuleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {}", self.table, self.chain, self.text)
    }
}

/// What becomes of a packet at a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It goes on.
    Accept,
    /// It is dropped silently.
    Drop,
    /// It is dropped, and the sender is told.
    Reject,
    /// It cannot be said.
    Unknown,
}

/// Something that a rule did to a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Action {
    /// The rule.
    pub rule: RuleText,
    /// What it did.
    pub change: Change,
}

/// What a rule can do to a packet other than let it pass or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Change {
    /// Gives it the address of the link that it goes out through.
    Masquerade {
        /// That address; `None` if it is not known.
        address: Option<IpAddr>,
    },
    /// Gives it another source.
    SourceNat {
        /// The address; `None` if it stays.
        address: Option<IpAddr>,
        /// The first port of those that it may get.
        port: Option<u16>,
    },
    /// Gives it another destination.
    DestinationNat {
        /// The address; `None` if it stays.
        address: Option<IpAddr>,
        /// The port; `None` if it stays.
        port: Option<u16>,
    },
    /// Sends it to this host.
    Redirect {
        /// The port; `None` if it stays.
        port: Option<u16>,
    },
    /// Changes its mark.
    Mark {
        /// The new one.
        mark: u32,
    },
    /// Keeps connection tracking from it.
    NoTrack,
}

/// One thing that may happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Ending {
    /// What becomes of the packet.
    pub verdict: Verdict,
    /// The rule or policy that decided; `None` if it passed all.
    pub rule: Option<RuleText>,
    /// The packet as it leaves.
    pub packet: Packet,
    /// What was done to it.
    pub actions: Vec<Action>,
    /// Rules of which it is not known whether they match, and that it depends on.
    pub doubts: Vec<RuleText>,
    /// Whether it depends on chance, as one of several that a rule spreads packets over.
    pub by_chance: bool,
}

/// What rules make of a packet at one hook: one ending, unless something is not known or left to
/// chance.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Passage {
    /// What may happen; at least one.
    pub endings: Vec<Ending>,
    /// Why rules may be missing from it: what could not be read or understood.
    pub gaps: Vec<String>,
}

impl Passage {
    /// What all endings agree on; [`Verdict::Unknown`] if they do not.
    pub fn verdict(&self) -> Verdict {
        let Some(first) = self.endings.first() else { return Verdict::Unknown };
        let agreed = self.endings.iter().all(|ending| ending.verdict == first.verdict);
        if agreed { first.verdict } else { Verdict::Unknown }
    }

    /// The rule to name: the one that decided; of an unknown verdict the one that is in doubt.
    pub fn rule(&self) -> Option<&RuleText> {
        let mut doubts = self.endings.iter().flat_map(|ending| &ending.doubts);
        let decided = || self.endings.iter().find_map(|ending| ending.rule.as_ref());
        match self.verdict() {
            Verdict::Unknown => doubts.next().or_else(decided),
            _ => decided(),
        }
    }

    /// The endings in which the packet goes on.
    pub fn accepted(&self) -> impl Iterator<Item = &Ending> {
        self.endings.iter().filter(|ending| ending.verdict == Verdict::Accept)
    }

    /// The packet as it goes on, if that is certain.
    pub fn packet(&self) -> Option<&Packet> {
        let mut packets = self.endings.iter().map(|ending| &ending.packet);
        let first = packets.next().filter(|_| self.verdict() == Verdict::Accept)?;
        packets.all(|packet| packet == first).then_some(first)
    }
}
