//! Rows of tables, as the tools that show them print them.

use std::fmt::Write as _;

use vxlan::{Entry, Neighbour, State};

use crate::{Network, Route, RouteKind, Rule, RuleAction, Table};

/// As `ip route`.
pub(super) fn route(network: &Network, route: &Route) -> String {
    let mut text = String::new();
    if route.kind != RouteKind::UNICAST {
        match route.kind.name() {
            Some(name) => text.push_str(name),
            None => _ = write!(text, "type {}", route.kind.0),
        }
        text.push(' ');
    }
    match (route.destination.length(), route.destination.is_host()) {
        (0, _) => text.push_str("default"),
        (_, true) => _ = write!(text, "{}", route.destination.address()),
        (_, false) => _ = write!(text, "{}", route.destination),
    }
    for hop in &route.hops {
        if let Some(gateway) = hop.gateway {
            _ = write!(text, " via {gateway}");
        }
        if let Some(link) = hop.link {
            _ = write!(text, " dev {}", network.link_name(link));
        }
        if hop.flags.contains(crate::HopFlags::ONLINK) {
            text.push_str(" onlink");
        }
    }
    if let Some(source) = route.preferred_source {
        _ = write!(text, " src {source}");
    }
    if route.priority != 0 {
        _ = write!(text, " metric {}", route.priority);
    }
    if route.table != Table::MAIN && route.table != Table::LOCAL {
        _ = write!(text, " table {}", route.table);
    }
    text
}

/// As `ip rule`, its conditions as far as they matter to most.
pub(super) fn rule(rule: &Rule) -> String {
    let mut text = format!("{}:", rule.priority);
    if rule.inverted {
        text.push_str(" not");
    }
    match rule.source {
        Some(source) => _ = write!(text, " from {source}"),
        None => text.push_str(" from all"),
    }
    if let Some(destination) = rule.destination {
        _ = write!(text, " to {destination}");
    }
    if rule.mark_mask != 0 {
        _ = write!(text, " fwmark {:#x}/{:#x}", rule.mark, rule.mark_mask);
    }
    if let Some((dscp, mask)) = rule.dscp {
        _ = write!(text, " dscp {dscp:#x}/{mask:#x}");
    }
    if let Some(input) = &rule.input {
        _ = write!(text, " iif {input}");
    }
    if let Some(output) = &rule.output {
        _ = write!(text, " oif {output}");
    }
    match rule.action {
        RuleAction::LOOKUP => _ = write!(text, " lookup {}", rule.table),
        RuleAction::BLACKHOLE => text.push_str(" blackhole"),
        RuleAction::UNREACHABLE => text.push_str(" unreachable"),
        RuleAction::PROHIBIT => text.push_str(" prohibit"),
        RuleAction(other) => _ = write!(text, " action {other}"),
    }
    text
}

/// As `ip neigh`.
pub(super) fn neighbour(network: &Network, row: &Neighbour) -> String {
    let mut text = format!("{} dev {}", row.address, network.link_name(row.link));
    if let Some(mac) = row.mac {
        _ = write!(text, " lladdr {mac}");
    }
    _ = write!(text, " {}", state(row.state));
    text
}

/// As `bridge fdb`.
pub(super) fn entry(network: &Network, row: &Entry) -> String {
    let mut text = format!("{} dev {}", row.mac, network.link_name(row.link));
    if row.remote != vxlan::Remote::default() {
        _ = write!(text, " dst {}", row.remote);
    }
    if let Some(group) = row.nexthop_group {
        _ = write!(text, " nhid {group}");
    }
    match row.master {
        Some(bridge) => _ = write!(text, " master {}", network.link_name(bridge)),
        None => text.push_str(" self"),
    }
    if row.state.contains(State::PERMANENT) {
        text.push_str(" permanent");
    } else if row.state.contains(State::NOARP) {
        text.push_str(" static");
    }
    text
}

/// The word of `ip neigh` for a state.
pub(super) fn state(state: State) -> &'static str {
    const NAMES: [(State, &str); 8] = [
        (State::PERMANENT, "PERMANENT"),
        (State::NOARP, "NOARP"),
        (State::REACHABLE, "REACHABLE"),
        (State::STALE, "STALE"),
        (State::DELAY, "DELAY"),
        (State::PROBE, "PROBE"),
        (State::FAILED, "FAILED"),
        (State::INCOMPLETE, "INCOMPLETE"),
    ];
    NAMES.iter().find(|(bit, _)| state.intersects(*bit)).map_or("NONE", |(_, name)| name)
}

/// The command that asks for the route of a packet.
pub(super) fn route_query(packet: &super::Packet, input: Option<String>) -> String {
    match input {
        Some(input) => {
            format!("ip route get {} from {} iif {input}", packet.destination, packet.source)
        }
        None => format!("ip route get {}", packet.destination),
    }
}
