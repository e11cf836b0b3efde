//! The packet while the tables are asked, and the rules that match it.

use std::net::{IpAddr, Ipv4Addr};

use super::tables::within;
use super::{Query, Router};
use crate::{Rule, RuleAction, Scope, Table};

/// Index of the loopback device, in every network namespace.
#[doc(alias = "LOOPBACK_IFINDEX")]
pub(super) const LOOPBACK: u32 = 1;

/// The kernel's `struct flowi`: the query, and what the lookup itself changes in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) query: Query,
    pub(super) destination: IpAddr,
    pub(super) source: Option<IpAddr>,
    /// 0 for none.
    pub(super) output: u32,
    /// The loopback device for packets of this host.
    pub(super) input: u32,
    /// The VRF whose packet it is; 0 for none.
    pub(super) vrf: u32,
    /// Routes that reach farther do not count; of IPv4 only.
    pub(super) scope: Scope,
}

impl Flow {
    pub(super) fn new(query: &Query) -> Self {
        Self {
            query: *query,
            destination: query.destination,
            source: query.source,
            output: query.output.unwrap_or(0),
            input: query.input.unwrap_or(LOOPBACK),
            vrf: 0,
            scope: Scope::UNIVERSE,
        }
    }
}

impl<'a> Router<'a> {
    /// Finds out the VRF. A sender that insists on the VRF's device means any link in it.
    #[doc(alias = "l3mdev_update_flow")]
    pub(super) fn settle_vrf(&self, flow: &mut Flow) {
        if let Some(link) = self.link(flow.output) {
            if flow.vrf == 0 {
                flow.vrf = self.vrf_of(flow.output);
            }
            if link.vrf_table.is_some() {
                flow.output = 0;
            }
        } else if flow.input > LOOPBACK && flow.vrf == 0 {
            flow.vrf = self.vrf_of(flow.input);
        }
    }

    /// The VRF that a link is, or is a port of; 0 for none.
    #[doc(alias = "l3mdev_master_ifindex")]
    pub(super) fn vrf_of(&self, index: u32) -> u32 {
        let Some(link) = self.link(index) else { return 0 };
        if link.vrf_table.is_some() {
            return index;
        }
        let master = link.base.master.and_then(|master| self.link(master));
        master.filter(|master| master.vrf_table.is_some()).map_or(0, crate::Link::index)
    }

    /// The table that a rule asks for a flow, or `None` if it has none for it.
    pub(super) fn table_of(&self, rule: &Rule, flow: &Flow) -> Option<Table> {
        if rule.of_vrf {
            return self.link(flow.vrf)?.vrf_table.map(Table);
        }
        Some(rule.table)
    }

    /// The rules of the flow, one after the other, until `ask` has an answer.
    pub(super) fn ask_rules<T>(
        &self,
        rules: &[&'a Rule],
        flow: &Flow,
        mut ask: impl FnMut(&'a Rule) -> Option<T>,
    ) -> Option<T> {
        let mut index = 0;
        while let Some(rule) = rules.get(index) {
            index += 1;
            if !self.matches(rule, flow) {
                continue;
            }
            match rule.action {
                RuleAction::GOTO => {
                    // Only forwards, so this ends; a target that is not there is as no rule.
                    let target = rule.goto.filter(|target| *target > rule.priority);
                    let place = |target| rules.iter().position(|rule| rule.priority == target);
                    index = target.and_then(place).unwrap_or(index);
                }
                RuleAction::NOTHING => {}
                _ => {
                    if let Some(answer) = ask(rule) {
                        return Some(answer);
                    }
                }
            }
        }
        None
    }

    fn matches(&self, rule: &Rule, flow: &Flow) -> bool {
        self.conditions_match(rule, flow) != rule.inverted
    }

    #[doc(alias = "fib_rule_match")]
    fn conditions_match(&self, rule: &Rule, flow: &Flow) -> bool {
        let query = &flow.query;
        // A name without a link matches nothing.
        let on = |name: &Option<String>, index: u32| {
            name.as_ref()
                .is_none_or(|name| self.named(name).is_some_and(|link| link.index() == index))
        };
        on(&rule.input, flow.input)
            && on(&rule.output, flow.output)
            && (rule.mark ^ query.mark) & rule.mark_mask == 0
            && rule.tunnel.is_none_or(|tunnel| query.tunnel == Some(tunnel))
            && (!rule.of_vrf || self.link(flow.vrf).is_some_and(|vrf| vrf.vrf_table.is_some()))
            && rule.users.is_none_or(|(first, last)| (first..=last).contains(&query.user))
            && within(rule.destination, flow.destination)
            && source_matches(rule, flow)
            && (rule.tos == 0 || rule.tos & 0xfc == query.tos & 0xfc)
            && (rule.protocol == 0 || rule.protocol == query.protocol)
            && rule.dscp.is_none_or(|(dscp, mask)| ((query.tos >> 2) ^ dscp) & mask == 0)
            // No packet that is asked about has a flow label.
            && rule.flow_label.is_none_or(|(label, mask)| label & mask == 0)
            && port_matches(rule.source_ports, rule.source_port_mask, query.source_port)
            && port_matches(
                rule.destination_ports,
                rule.destination_port_mask,
                query.destination_port,
            )
    }
}

/// A flow of IPv4 that has no source yet is as one from 0.0.0.0; one of IPv6 matches no source.
fn source_matches(rule: &Rule, flow: &Flow) -> bool {
    let Some(prefix) = rule.source.filter(|prefix| prefix.length() > 0) else { return true };
    match (flow.source, flow.destination) {
        (Some(source), _) => prefix.contains(source),
        (None, IpAddr::V4(_)) => prefix.contains(Ipv4Addr::UNSPECIFIED.into()),
        (None, IpAddr::V6(_)) => false,
    }
}

#[doc(alias = "fib_rule_port_match")]
fn port_matches(range: Option<(u16, u16)>, mask: Option<u16>, port: u16) -> bool {
    range.is_none_or(|(first, last)| match mask {
        Some(mask) => (first ^ port) & mask == 0,
        None => (first..=last).contains(&port),
    })
}
