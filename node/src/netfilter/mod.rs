//! Netfilter's rules on a node, as its tools print them, and what they make of a packet.

mod firewall;
mod ipset;
mod iptables;
mod nftables;
mod packet;
mod passage;
mod rule;
mod text;

use serde::{Deserialize, Serialize};

pub use firewall::Firewall;
pub use packet::{Connection, ConnectionState, Hook, Origin, Packet};
pub use passage::{Action, Change, Ending, Passage, RuleText, Verdict};

use crate::Part;

/// The rules of a network namespace. They are kept as text: what cannot be understood today may be
/// tomorrow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Netfilter {
    /// What `nft -j list ruleset` prints.
    pub nftables: Part<String>,
    /// What `iptables-save` prints: each variant that is there (`iptables-legacy-save`,
    /// `iptables-nft-save`), one after the other.
    pub iptables: Part<String>,
    /// What `ip6tables-save` prints, likewise.
    pub ip6tables: Part<String>,
    /// What `ipset save` prints, for rules that match sets.
    pub sets: Part<String>,
}
