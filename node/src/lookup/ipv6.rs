//! IPv6 lookups.

use std::net::{IpAddr, Ipv6Addr};

use ipvs::Family;
use vxlan::State;

use super::flow::{Flow, LOOPBACK};
use super::tables::{Routes, within};
use super::{Decision, Found, Miss, Query, Refusal, Router, Way, refusal_of, verdict_of};
use crate::{Route, RouteKind, Rule, RuleAction, Table};

/// How strictly the link and the router are looked at.
#[derive(Clone, Copy, Debug)]
struct Strictness {
    /// Only routes over the link.
    #[doc(alias = "RT6_LOOKUP_F_IFACE")]
    link: bool,
    /// Only routers that are not known to be dead. A host that forwards does not look.
    #[doc(alias = "RT6_LOOKUP_F_REACHABLE")]
    reachable: bool,
}

/// One way of a route: the kernel keeps each as a route of its own.
type Candidate<'a> = (&'a Route, usize);

impl<'a> Router<'a> {
    pub(super) fn route6(&self, query: &Query) -> Decision<'a> {
        let IpAddr::V6(destination) = query.destination else {
            return Miss::because(Refusal::NoRoute).into();
        };
        let mut flow = Flow::new(query);
        flow.source = query.source.filter(|source| !source.is_unspecified());
        let near = destination.is_multicast()
            || destination.is_unicast_link_local()
            || destination.is_loopback();
        let insists = query.input.is_none() && flow.output != 0 && flow.source.is_none();
        let strict = Strictness {
            link: near || insists,
            reachable: self.network.sysctl("net.ipv6.conf.all.forwarding").unwrap_or(0) == 0,
        };
        let to_link = destination.is_multicast() || destination.is_unicast_link_local();
        let vrf = self.vrf_of(flow.output);
        let found = if query.input.is_none() && to_link && vrf != 0 {
            self.near_in_vrf(&flow, vrf, strict)
        } else {
            self.lookup6(&mut flow, strict)
        };
        match found {
            Ok(found) => self.decide6(&flow, destination, found, strict),
            Err(miss) => miss.into(),
        }
    }

    pub(super) fn address_kind6(&self, address: Ipv6Addr) -> RouteKind {
        if address.is_multicast() {
            return RouteKind::MULTICAST;
        }
        self.route6(&Query::to(address.into())).outcome.unwrap_or_else(|why| match why {
            Refusal::Blackhole => RouteKind::BLACKHOLE,
            Refusal::Prohibited => RouteKind::PROHIBIT,
            _ => RouteKind::UNREACHABLE,
        })
    }

    /// What goes no farther than a link in a VRF is looked for in its table, without rules. The
    /// VRF's own device is no link.
    #[doc(alias = "vrf_link_scope_lookup")]
    fn near_in_vrf(
        &self,
        flow: &Flow,
        vrf: u32,
        strict: Strictness,
    ) -> Result<Found<'a>, Miss<'a>> {
        let table = self.link(vrf).filter(|_| vrf != flow.output).and_then(|link| link.vrf_table);
        let routes = table.and_then(|table| self.ipv6.tables.get(Table(table)));
        let found = routes.and_then(|routes| self.find6(routes, flow, None, strict));
        found.unwrap_or(Err(Miss::because(Refusal::NoRoute)))
    }

    /// Rules and tables.
    #[doc(alias = "fib6_rule_lookup")]
    fn lookup6(&self, flow: &mut Flow, strict: Strictness) -> Result<Found<'a>, Miss<'a>> {
        let policy = &self.ipv6;
        let ask =
            |flow: &Flow, rule, table| self.find6(policy.tables.get(table)?, flow, rule, strict);
        if !policy.custom {
            let answer = ask(flow, None, Table::LOCAL).or_else(|| ask(flow, None, Table::MAIN));
            return answer.unwrap_or(Err(Miss::because(Refusal::NoRoute)));
        }
        self.settle_vrf(flow);
        // A route that the last matching rule suppressed is used all the same: the kernel drops its
        // hold of it and forgets to forget it.
        let mut suppressed = None;
        let answer = self.ask_rules(&policy.rules, flow, |rule| {
            suppressed = None;
            if rule.action != RuleAction::LOOKUP {
                return Some(Err(Miss { rule: Some(rule), route: None, why: verdict_of(rule) }));
            }
            let answer = ask(flow, Some(rule), self.table_of(rule, flow)?)?;
            match answer {
                Ok(found) if self.suppresses6(rule, &found) => {
                    suppressed = Some(found);
                    None
                }
                answer => Some(answer),
            }
        });
        let last = suppressed.ok_or(Miss::because(Refusal::NoRoute));
        answer.unwrap_or(last)
    }

    #[doc(alias = "fib6_rule_suppress")]
    fn suppresses6(&self, rule: &Rule, found: &Found<'a>) -> bool {
        let length = u32::from(found.route.destination.length());
        let link = found.route.hops.get(found.hop).and_then(|hop| self.link(hop.link?));
        let group = link.map(|link| link.group);
        rule.suppress_prefix_length.is_some_and(|suppressed| length <= suppressed)
            || rule.suppress_group.is_some() && rule.suppress_group == group
    }

    /// The route of a table. `None` leads to the next rule.
    #[doc(alias = "fib6_table_lookup")]
    fn find6(
        &self,
        routes: &Routes<'a>,
        flow: &Flow,
        rule: Option<&'a Rule>,
        strict: Strictness,
    ) -> Option<Result<Found<'a>, Miss<'a>>> {
        let nodes = nodes(routes, flow);
        let select = |strict| nodes.iter().find_map(|node| self.select6(node, flow, strict));
        let relaxed = Strictness { reachable: false, ..strict };
        let retry = || strict.reachable.then(|| select(relaxed)).flatten();
        let (route, hop) = select(strict).or_else(retry)?;
        if route.kind == RouteKind::THROW {
            return None;
        }
        Some(match refusal_of(route) {
            Some(why) => Err(Miss { rule, route: Some(route), why }),
            None => Ok(Found { rule, route, hop }),
        })
    }

    /// The best route of a node: the lowest metric that has any, and there the highest score.
    #[doc(alias = "rt6_select")]
    fn select6(
        &self,
        node: &[&'a Route],
        flow: &Flow,
        strict: Strictness,
    ) -> Option<Candidate<'a>> {
        let metric = node.first()?.priority;
        let (first, rest): (Vec<&Route>, Vec<&Route>) =
            node.iter().partition(|route| route.priority == metric);
        // Behind the lowest metric all others are one.
        self.best6(&first, flow, strict).or_else(|| self.best6(&rest, flow, strict))
    }

    fn best6(
        &self,
        routes: &[&'a Route],
        flow: &Flow,
        strict: Strictness,
    ) -> Option<Candidate<'a>> {
        let mut best: Option<(i32, Candidate<'a>)> = None;
        for route in routes {
            if route.nexthop.is_some() && route.kind == RouteKind::BLACKHOLE {
                return Some((route, 0));
            }
            for hop in 0..route.hops.len().max(1) {
                let Some(score) = self.score6(route, hop, flow, strict) else { continue };
                if self.is_alive(route, hop, false) && best.is_none_or(|(most, _)| score > most) {
                    best = Some((score, (route, hop)));
                    // Of a nexthop object the first that is better is enough.
                    if route.nexthop.is_some() {
                        break;
                    }
                }
            }
        }
        best.map(|(_, candidate)| candidate)
    }

    /// How well a way suits; `None` if it does not.
    #[doc(alias = "rt6_score_route")]
    fn score6(&self, route: &Route, hop: usize, flow: &Flow, strict: Strictness) -> Option<i32> {
        let hop = route.hops.get(hop).copied().unwrap_or_default();
        let link = hop.link.unwrap_or(LOOPBACK);
        // For a packet that came in, the link that it came through is preferred.
        let wanted = if flow.query.input.is_some() { flow.input } else { flow.output };
        let on_link = wanted == 0 || wanted == link;
        if strict.link && !on_link {
            return None;
        }
        if let Some(gateway) = hop.gateway.filter(|_| strict.reachable) {
            let state = self.neighbours.get(&(link, gateway));
            if state.is_some_and(|state| state.contains(State::FAILED)) {
                return None;
            }
        }
        // Medium is 0, high 1, low 3.
        let preference = i32::from((route.router_preference.unwrap_or(0) & 3) ^ 2);
        Some(preference << 2 | if on_link { 2 } else { 0 })
    }

    #[doc(alias = "fib6_select_path")]
    fn decide6(
        &self,
        flow: &Flow,
        destination: Ipv6Addr,
        found: Found<'a>,
        strict: Strictness,
    ) -> Decision<'a> {
        let route = found.route;
        let mut hops = vec![found.hop];
        if route.hops.len() > 1 {
            let all = 0..route.hops.len();
            // The hash is taken over those that are alive; one that does not suit gives way to the
            // one that was found.
            let suits = |hop: &usize| {
                route.nexthop.is_some() || self.score6(route, *hop, flow, strict).is_some()
            };
            let living: Vec<usize> = all.filter(|hop| self.is_alive(route, *hop, false)).collect();
            let suiting: Vec<usize> = living.iter().copied().filter(suits).collect();
            let complete = suiting.len() == living.len() || suiting.contains(&found.hop);
            hops = if complete { suiting } else { [vec![found.hop], suiting].concat() };
        }
        let ways = hops.iter().map(|hop| self.way6(flow, destination, route, *hop)).collect();
        found.decision(route.kind, ways)
    }

    fn way6(&self, flow: &Flow, destination: Ipv6Addr, route: &Route, hop: usize) -> Way {
        let hop_at = |hop: usize| route.hops.get(hop).copied().unwrap_or_default();
        let way = hop_at(hop);
        let own = way.link.unwrap_or(LOOPBACK);
        // Of a nexthop object the first of the group counts.
        let speaker = if route.nexthop.is_some() { hop_at(0).link.unwrap_or(own) } else { own };
        let chosen = || route.preferred_source.or_else(|| self.source6(destination, speaker));
        let link = match route.kind {
            RouteKind::LOCAL | RouteKind::ANYCAST => self.local_link6(route, own),
            _ => own,
        };
        Way {
            link,
            gateway: way.gateway,
            source: flow.source.or_else(chosen),
            mtu: self.mtu(Some(route), link, Family::Ipv6),
            weight: way.weight.max(1),
        }
    }

    /// The link that packets to this host go over: the loopback device, or that of the VRF, but for
    /// link-local addresses.
    #[doc(alias = "ip6_rt_get_dev_rcu")]
    fn local_link6(&self, route: &Route, link: u32) -> u32 {
        let near = match route.destination.address() {
            IpAddr::V6(own) => {
                own.is_unicast_link_local() || own.is_multicast() || own.is_loopback()
            }
            IpAddr::V4(_) => false,
        };
        match self.vrf_of(link) {
            0 => LOOPBACK,
            vrf if vrf == link || !near => vrf,
            _ => LOOPBACK,
        }
    }
}

/// The groups of routes that are looked at, one after the other.
///
/// Routes for certain sources hang below those to the same network for all. Where there are any, the
/// first look passes over the routes for all sources if none of them matches; once something was
/// found and has turned out useless, the way back goes over everything.
#[doc(alias = "fib6_node_lookup")]
fn nodes<'a>(routes: &Routes<'a>, flow: &Flow) -> Vec<Vec<&'a Route>> {
    let source = flow.source.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
    let mut nodes = Vec::new();
    // The first look begins at this one.
    let mut begin = None;
    for (_, routes) in routes.to(flow.destination) {
        let (narrow, plain): (Vec<&Route>, Vec<&Route>) = routes
            .iter()
            .copied()
            .partition(|route| route.source.is_some_and(|it| it.length() > 0));
        let has_narrow = !narrow.is_empty();
        let mut below: Vec<&Route> =
            narrow.into_iter().filter(|route| within(route.source, source)).collect();
        below.sort_by_key(|route| std::cmp::Reverse(route.source.map(|source| source.length())));
        if begin.is_none() && (!has_narrow || !below.is_empty()) {
            begin = Some(nodes.len());
        }
        for group in below.chunk_by(|one, other| one.source == other.source) {
            nodes.push(group.to_vec());
        }
        if !plain.is_empty() {
            nodes.push(plain);
        }
    }
    // The last resort of the first look is the root, whether there are routes to everywhere or not.
    let is_root = |node: &Vec<&Route>| {
        node.first().is_some_and(|route| route.destination.length() == 0 && route.source.is_none())
    };
    let begin = begin.or_else(|| nodes.iter().position(is_root)).unwrap_or(nodes.len());
    nodes.split_off(begin)
}
