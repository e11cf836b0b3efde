//! Rules: which routing tables are asked, and for which packets.

use ipvs::Family;
use serde::{Deserialize, Serialize};

use crate::{Prefix, Table};

/// What a rule does (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[doc(alias = "fib_rule_hdr")]
pub struct RuleAction(pub u8);

impl RuleAction {
    /// Asks its table.
    #[doc(alias = "FR_ACT_TO_TBL")]
    pub const LOOKUP: Self = Self(1);
    /// Goes on with a later rule.
    #[doc(alias = "FR_ACT_GOTO")]
    pub const GOTO: Self = Self(2);
    /// Does nothing.
    #[doc(alias = "FR_ACT_NOP")]
    pub const NOTHING: Self = Self(3);
    /// Drops silently.
    #[doc(alias = "FR_ACT_BLACKHOLE")]
    pub const BLACKHOLE: Self = Self(6);
    /// Says that the network is unreachable.
    #[doc(alias = "FR_ACT_UNREACHABLE")]
    pub const UNREACHABLE: Self = Self(7);
    /// Says that it is prohibited.
    #[doc(alias = "FR_ACT_PROHIBIT")]
    pub const PROHIBIT: Self = Self(8);
}

/// A rule. Conditions that are `None` or 0 are none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[doc(alias = "fib_rule_hdr")]
pub struct Rule {
    /// Family of the packets.
    pub family: Family,
    /// Rules are asked from the lowest number on.
    #[doc(alias = "FRA_PRIORITY")]
    pub priority: u32,
    /// What it does.
    pub action: RuleAction,
    /// The table that it asks.
    #[doc(alias = "FRA_TABLE")]
    pub table: Table,
    /// The number of the rule that it goes on with.
    #[doc(alias = "FRA_GOTO")]
    pub goto: Option<u32>,
    /// Whether it is for the packets that its conditions do not match.
    #[doc(alias = "FIB_RULE_INVERT")]
    pub inverted: bool,
    /// Source address.
    #[doc(alias = "FRA_SRC")]
    pub source: Option<Prefix>,
    /// Destination address.
    #[doc(alias = "FRA_DST")]
    pub destination: Option<Prefix>,
    /// Type of service.
    pub tos: u8,
    /// The packet's DSCP, and which of its six bits count. Linux 6.13, the mask 6.15.
    #[doc(alias = "FRA_DSCP")]
    #[doc(alias = "FRA_DSCP_MASK")]
    pub dscp: Option<(u8, u8)>,
    /// The packet's flow label, and which of its twenty bits count; of IPv6 only. Linux 6.14.
    #[doc(alias = "FRA_FLOWLABEL")]
    #[doc(alias = "FRA_FLOWLABEL_MASK")]
    pub flow_label: Option<(u32, u32)>,
    /// The packet's mark under [`mark_mask`](Self::mark_mask).
    #[doc(alias = "FRA_FWMARK")]
    pub mark: u32,
    /// Bits of the mark that count; 0 for no condition.
    #[doc(alias = "FRA_FWMASK")]
    pub mark_mask: u32,
    /// Name of the link that the packet came in through; `lo` for packets of this host.
    #[doc(alias = "FRA_IIFNAME")]
    pub input: Option<String>,
    /// Name of the link that the sender is bound to.
    #[doc(alias = "FRA_OIFNAME")]
    pub output: Option<String>,
    /// Layer 4 protocol; 0 for all.
    #[doc(alias = "FRA_IP_PROTO")]
    pub protocol: u8,
    /// Source ports, first and last.
    #[doc(alias = "FRA_SPORT_RANGE")]
    pub source_ports: Option<(u16, u16)>,
    /// Destination ports, first and last.
    #[doc(alias = "FRA_DPORT_RANGE")]
    pub destination_ports: Option<(u16, u16)>,
    /// Bits of the source port that count, where it is one port and no range. Linux 6.15.
    #[doc(alias = "FRA_SPORT_MASK")]
    pub source_port_mask: Option<u16>,
    /// Bits of the destination port that count, where it is one port and no range. Linux 6.15.
    #[doc(alias = "FRA_DPORT_MASK")]
    pub destination_port_mask: Option<u16>,
    /// Users whose packets are meant, first and last.
    #[doc(alias = "FRA_UID_RANGE")]
    pub users: Option<(u32, u32)>,
    /// Routes with prefixes of this length and shorter do not count.
    #[doc(alias = "FRA_SUPPRESS_PREFIXLEN")]
    pub suppress_prefix_length: Option<u32>,
    /// Routes over links of this group do not count.
    #[doc(alias = "FRA_SUPPRESS_IFGROUP")]
    pub suppress_group: Option<u32>,
    /// Whether the table is that of the VRF which the link is in.
    #[doc(alias = "FRA_L3MDEV")]
    pub of_vrf: bool,
    /// Id of the tunnel that the packet came out of.
    #[doc(alias = "FRA_TUN_ID")]
    pub tunnel: Option<u64>,
}

impl Rule {
    /// A rule that asks a table for every packet.
    pub const fn lookup(family: Family, priority: u32, table: Table) -> Self {
        Self {
            family,
            priority,
            action: RuleAction::LOOKUP,
            table,
            goto: None,
            inverted: false,
            source: None,
            destination: None,
            tos: 0,
            dscp: None,
            flow_label: None,
            mark: 0,
            mark_mask: 0,
            input: None,
            output: None,
            protocol: 0,
            source_ports: None,
            destination_ports: None,
            source_port_mask: None,
            destination_port_mask: None,
            users: None,
            suppress_prefix_length: None,
            suppress_group: None,
            of_vrf: false,
            tunnel: None,
        }
    }
}
