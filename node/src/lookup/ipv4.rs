//! IPv4 lookups.

use std::net::{IpAddr, Ipv4Addr};

use ipvs::Family;
use vxlan::State;

use super::flow::{Flow, LOOPBACK};
use super::tables::Routes;
use super::{Decision, Found, Miss, Query, Refusal, Router, Way, refusal_of, verdict_of};
use crate::{Hop, HopFlags, Route, RouteKind, Rule, Scope, Table};

/// States in which a neighbour's Ethernet address is known.
const VALID: State = State::STATIC_PERMANENT
    .union(State::REACHABLE)
    .union(State::PROBE)
    .union(State::STALE)
    .union(State::DELAY);

impl<'a> Router<'a> {
    /// A packet that this host sends.
    #[doc(alias = "ip_route_output_key")]
    pub(super) fn output4(&self, query: &Query) -> Decision<'a> {
        match self.try_output4(query) {
            Ok(decision) => decision,
            Err(miss) => miss.into(),
        }
    }

    fn try_output4(&self, query: &Query) -> Result<Decision<'a>, Miss<'a>> {
        let mut flow = Flow::new(query);
        flow.source = query.source.filter(|source| !source.is_unspecified());
        let IpAddr::V4(destination) = query.destination else { return Err(no_route()) };
        let to_group = destination.is_multicast() || destination.is_broadcast();
        if let Some(IpAddr::V4(source)) = flow.source {
            if source.is_multicast() || source.is_broadcast() || is_zero(source) {
                return Err(Miss::because(Refusal::BadSource));
            }
            let owners = self.owners(source);
            if owners.is_empty() {
                return Err(Miss::because(Refusal::ForeignSource));
            }
            // Whoever sends to a group chooses the link by the source. Of several that have it the
            // kernel takes the one that got it last, which is not to be seen.
            if flow.output == 0 && to_group {
                return self.direct(&flow, &owners);
            }
        }
        if flow.output != 0 {
            let link = self.link(flow.output).ok_or(Miss::because(Refusal::NoLink))?;
            if !link.is_up() {
                return Err(Miss::because(Refusal::LinkDown));
            }
            let on_link = destination.octets()[..3] == [224, 0, 0];
            if on_link || destination.is_broadcast() || query.protocol == 2 {
                flow.source = flow.source.or_else(|| self.select4(link.index(), None, Scope::LINK));
                return self.direct(&flow, &[link.index()]);
            }
            if flow.source.is_none() && (destination.is_multicast() || destination.is_unspecified())
            {
                let scope = if to_group { Scope::UNIVERSE } else { Scope::HOST };
                flow.source = self.select4(link.index(), None, scope);
            }
        }
        if destination.is_unspecified() {
            // To nobody is to oneself.
            let own = flow.source.unwrap_or(Ipv4Addr::LOCALHOST.into());
            let way = self.way4(None, LOOPBACK, None, Some(own));
            return Ok(Decision {
                rule: None,
                route: None,
                outcome: Ok(RouteKind::LOCAL),
                ways: vec![way],
            });
        }
        let found = match self.lookup4(&mut flow, false) {
            Ok(found) => found,
            // Who insists on a link gets it, even without a route, or with one that refuses.
            Err(miss) if flow.output != 0 && (destination.is_multicast() || flow.vrf == 0) => {
                let output = flow.output;
                flow.source = flow.source.or_else(|| self.select4(output, None, Scope::LINK));
                let direct = self.direct(&flow, &[output])?;
                return Ok(Decision { rule: miss.rule, ..direct });
            }
            Err(miss) => return Err(miss),
        };
        if found.route.kind == RouteKind::LOCAL {
            let own = flow.source.or(found.route.preferred_source).unwrap_or(query.destination);
            let ways = vec![self.way4(Some(found.route), self.local_link(&found), None, Some(own))];
            return self.leave(&flow, found.decision(RouteKind::LOCAL, ways));
        }
        let (found, hops) = self.choices(&flow, found);
        let ways =
            hops.iter().map(|hop| self.way_of(&flow, Found { hop: *hop, ..found })).collect();
        let kind = if destination.is_broadcast() {
            RouteKind::BROADCAST
        } else if destination.is_multicast() {
            RouteKind::MULTICAST
        } else {
            found.route.kind
        };
        let mut decision = found.decision(kind, ways);
        // A group is not sent to a router because of a default route.
        if destination.is_broadcast()
            || destination.is_multicast() && found.route.destination.length() < 4
        {
            decision.ways.iter_mut().for_each(|way| way.gateway = None);
        }
        self.leave(&flow, decision)
    }

    /// A packet that comes in.
    #[doc(alias = "ip_route_input")]
    pub(super) fn input4(&self, query: &Query, input: u32) -> Decision<'a> {
        match self.try_input4(query, input) {
            Ok(decision) => decision,
            Err(miss) => miss.into(),
        }
    }

    fn try_input4(&self, query: &Query, input: u32) -> Result<Decision<'a>, Miss<'a>> {
        let IpAddr::V4(destination) = query.destination else { return Err(no_route()) };
        let source = match query.source {
            Some(IpAddr::V4(source)) => source,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let link = self.link(input).ok_or(Miss::because(Refusal::NoLink))?;
        let mut flow = Flow { output: 0, source: Some(source.into()), ..Flow::new(query) };
        if source.is_multicast() || source.is_broadcast() {
            return Err(Miss::because(Refusal::BadSource));
        }
        let to_all =
            destination.is_broadcast() || source.is_unspecified() && destination.is_unspecified();
        if !to_all {
            if is_zero(source) {
                return Err(Miss::because(Refusal::BadSource));
            }
            if is_zero(destination) {
                return Err(Miss::because(Refusal::BadDestination));
            }
            if destination.is_loopback() || source.is_loopback() {
                let why = if destination.is_loopback() {
                    Refusal::BadDestination
                } else {
                    Refusal::BadSource
                };
                if !self.is_on4(link, "route_localnet") {
                    return Err(Miss::because(why));
                }
            }
        }
        let forwards = self.sysctl("ipv4", link.name(), "forwarding") != 0;
        let found = if to_all { None } else { Some(self.lookup4(&mut flow, false)) };
        let found = match found {
            None => None,
            Some(Ok(found)) => Some(found),
            Some(Err(miss)) if forwards => return Err(miss),
            Some(Err(miss)) => return Err(Miss { why: Refusal::NotForwarding, ..miss }),
        };
        let kind = found.map_or(RouteKind::BROADCAST, |found| found.route.kind);
        let blame = |why| Miss {
            rule: found.and_then(|found| found.rule),
            route: found.map(|found| found.route),
            why,
        };
        match kind {
            RouteKind::BROADCAST | RouteKind::LOCAL => {
                let answered =
                    if kind == RouteKind::LOCAL { destination } else { Ipv4Addr::UNSPECIFIED };
                if kind == RouteKind::LOCAL || !is_zero(source) {
                    self.validate_source(query, source, answered.into(), input, 0)
                        .map_err(blame)?;
                }
                let local = found.map_or(LOOPBACK, |found| self.local_link(&found));
                let ways =
                    vec![self.way4(found.map(|found| found.route), local, None, query.source)];
                Ok(Decision {
                    rule: blame(Refusal::NoRoute).rule,
                    route: found.map(|found| found.route),
                    outcome: Ok(kind),
                    ways,
                })
            }
            _ if !forwards => Err(blame(Refusal::NotForwarding)),
            RouteKind::UNICAST => {
                let Some(found) = found else { return Err(no_route()) };
                let (found, hops) = self.choices(&Flow { output: 0, ..flow }, found);
                let ways = hops.iter().map(|hop| self.way_of(&flow, Found { hop: *hop, ..found }));
                let ways: Vec<Way> = ways.collect();
                let output = ways.first().map_or(0, |way| way.link);
                self.validate_source(query, source, destination.into(), input, output)
                    .map_err(blame)?;
                Ok(found.decision(kind, ways))
            }
            _ => Err(blame(Refusal::BadDestination)),
        }
    }

    /// Rules and tables.
    #[doc(alias = "fib_lookup")]
    pub(super) fn lookup4(
        &self,
        flow: &mut Flow,
        whatever_carrier: bool,
    ) -> Result<Found<'a>, Miss<'a>> {
        let policy = &self.ipv4;
        let ask = |flow: &Flow, rule, table| {
            self.find4(policy.tables.get(table)?, flow, rule, whatever_carrier)
        };
        if !policy.custom {
            let first = ask(flow, None, Table::MAIN);
            let second = || ask(flow, None, Table::DEFAULT).unwrap_or(Err(no_route()));
            return match first {
                Some(Ok(found)) => Ok(found),
                Some(Err(miss)) if self.main_is_final => Err(miss),
                // Without a table `default` the refusal stays.
                Some(Err(miss)) if policy.tables.get(Table::DEFAULT).is_none() => Err(miss),
                _ => second(),
            };
        }
        self.settle_vrf(flow);
        let answer = self.ask_rules(&policy.rules, flow, |rule| {
            if rule.action != crate::RuleAction::LOOKUP {
                return Some(Err(Miss { rule: Some(rule), route: None, why: verdict_of(rule) }));
            }
            let answer = ask(flow, Some(rule), self.table_of(rule, flow)?)?;
            let suppressed = answer.as_ref().is_ok_and(|found| self.suppresses4(rule, found));
            (!suppressed).then_some(answer)
        });
        answer.unwrap_or(Err(no_route()))
    }

    #[doc(alias = "fib4_rule_suppress")]
    fn suppresses4(&self, rule: &Rule, found: &Found<'a>) -> bool {
        let length = u32::from(found.route.destination.length());
        let link = found.route.hops.first().and_then(|hop| self.link(hop.link?));
        let group = link.map(|link| link.group);
        rule.suppress_prefix_length.is_some_and(|suppressed| length <= suppressed)
            || rule.suppress_group.is_some() && rule.suppress_group == group
    }

    /// The longest prefix with a route that has a way out. `None` leads to the next rule.
    #[doc(alias = "fib_table_lookup")]
    fn find4(
        &self,
        routes: &Routes<'a>,
        flow: &Flow,
        rule: Option<&'a Rule>,
        whatever_carrier: bool,
    ) -> Option<Result<Found<'a>, Miss<'a>>> {
        // A route whose nexthop object has no way out ends the look at everything that begins at
        // the same address, so that also shorter prefixes from there are passed over.
        let mut passed = None;
        for (key, routes) in routes.to(flow.destination) {
            if passed == Some(key) {
                continue;
            }
            for route in routes {
                // Hardly any route has a type of service; the kernel compares the bits of IPv4's
                // old field.
                if route.tos != 0 && route.tos != flow.query.tos & 0xfc {
                    continue;
                }
                if route.scope < flow.scope {
                    continue;
                }
                if route.kind == RouteKind::THROW {
                    return None;
                }
                if let Some(why) = refusal_of(route) {
                    return Some(Err(Miss { rule, route: Some(route), why }));
                }
                let usable = |hop: &usize| {
                    let link = route.hops.get(*hop).and_then(|hop| hop.link);
                    self.is_alive(route, *hop, whatever_carrier)
                        && (flow.output == 0 || link == Some(flow.output))
                };
                if let Some(hop) = (0..route.hops.len()).find(usable) {
                    return Some(Ok(Found { rule, route, hop }));
                }
                if route.nexthop.is_some() {
                    passed = Some(key);
                    break;
                }
            }
        }
        None
    }

    /// The ways among which the kernel chooses, and the route that they are of.
    #[doc(alias = "fib_select_path")]
    fn choices(&self, flow: &Flow, found: Found<'a>) -> (Found<'a>, Vec<usize>) {
        if flow.output != 0 {
            return (found, vec![found.hop]);
        }
        if found.route.hops.len() > 1 {
            let alive =
                (0..found.route.hops.len()).filter(|hop| self.is_alive(found.route, *hop, false));
            let alive: Vec<usize> = alive.collect();
            if self.network.sysctl("net.ipv4.fib_multipath_use_neigh").unwrap_or(0) != 0 {
                let good =
                    alive.iter().copied().filter(|hop| self.has_good_neighbour(found.route, *hop));
                let good: Vec<usize> = good.collect();
                return (found, if good.is_empty() { vec![found.hop] } else { good });
            }
            return (found, alive);
        }
        if found.route.destination.length() == 0
            && found.route.kind == RouteKind::UNICAST
            && flow.query.input.is_none()
        {
            return (self.living_default(found), vec![0]);
        }
        (found, vec![found.hop])
    }

    /// Among default routes that are alike the one whose router is not known to be dead. Between
    /// routers that are only just not known to be alive the kernel goes back and forth; this is the
    /// first of them.
    #[doc(alias = "fib_select_default")]
    fn living_default(&self, found: Found<'a>) -> Found<'a> {
        let Some(routes) = self.ipv4.tables.get(found.route.table) else { return found };
        if routes.defaults() < 2 {
            return found;
        }
        let all = routes.to(Ipv4Addr::UNSPECIFIED.into()).find(|(key, _)| *key == 0);
        let alike = |route: &&&Route| {
            route.priority == found.route.priority
                && route.tos == found.route.tos
                && route.kind == RouteKind::UNICAST
                && route.scope == found.route.scope
                && route.hops.first().is_some_and(|hop| hop.gateway.is_some())
        };
        let mut routes = all.into_iter().flat_map(|(_, routes)| routes).filter(alike);
        let alive = routes.find(|route| self.has_good_neighbour(route, 0));
        alive.map_or(found, |route| Found { route, hop: 0, ..found })
    }

    /// Whether the router of a way out is not known to be dead.
    #[doc(alias = "fib_good_nh")]
    fn has_good_neighbour(&self, route: &Route, hop: usize) -> bool {
        let Some(hop) = route.hops.get(hop) else { return true };
        let (Some(link), Some(gateway)) = (hop.link, hop.gateway) else { return true };
        self.neighbours.get(&(link, gateway)).is_none_or(|state| state.intersects(VALID))
    }

    /// What is left to say no to, once there is a link.
    #[doc(alias = "__mkroute_output")]
    fn leave(&self, flow: &Flow, decision: Decision<'a>) -> Result<Decision<'a>, Miss<'a>> {
        let miss = |why| Miss { rule: decision.rule, route: decision.route, why };
        let IpAddr::V4(destination) = flow.destination else { return Err(miss(Refusal::NoRoute)) };
        let looped = |way: &Way| way.source.is_some_and(|source| source.is_loopback());
        if let Some(way) = decision.ways.iter().find(|way| looped(way)) {
            let link = self.link(way.link).ok_or(miss(Refusal::NoLink))?;
            let inside = link.is_loopback() || link.vrf_table.is_some();
            if !inside && !self.is_on4(link, "route_localnet") {
                return Err(miss(Refusal::BadSource));
            }
        }
        if is_zero(destination) {
            return Err(miss(Refusal::BadDestination));
        }
        Ok(decision)
    }

    /// Out of a link without a route.
    fn direct(&self, flow: &Flow, links: &[u32]) -> Result<Decision<'a>, Miss<'a>> {
        let IpAddr::V4(destination) = flow.destination else { return Err(no_route()) };
        let kind = if destination.is_broadcast() {
            RouteKind::BROADCAST
        } else if destination.is_multicast() {
            RouteKind::MULTICAST
        } else {
            RouteKind::UNICAST
        };
        let ways = links.iter().map(|link| self.way4(None, *link, None, flow.source)).collect();
        self.leave(flow, Decision { rule: None, route: None, outcome: Ok(kind), ways })
    }

    fn way_of(&self, flow: &Flow, found: Found<'a>) -> Way {
        let hop = found.route.hops.get(found.hop).copied().unwrap_or_default();
        let link = hop.link.unwrap_or(0);
        let gateway = hop.gateway.filter(|gateway| self.is_router(found.route, hop, *gateway));
        let source = flow.source.or_else(|| self.source4(flow, found.route, link, hop.gateway));
        Way { weight: hop.weight.max(1), ..self.way4(Some(found.route), link, gateway, source) }
    }

    /// Whether a gateway is one: it must be a neighbour on its link, and no address of this host. The
    /// kernel finds that out when the route is made; what has changed since then it does not see.
    #[doc(alias = "fib_check_nh")]
    fn is_router(&self, route: &Route, hop: Hop, gateway: IpAddr) -> bool {
        if gateway.is_ipv6() || hop.flags.contains(HopFlags::ONLINK) {
            return true;
        }
        let query = Query { output: hop.link, ..Query::to(gateway) };
        let scope = Scope(route.scope.0.saturating_add(1)).max(Scope::LINK);
        let mut flow = Flow { scope, ..Flow::new(&query) };
        let tables = &self.ipv4.tables;
        let own = tables.get(route.table).filter(|_| route.table != Table::MAIN);
        let own = own.and_then(|routes| self.find4(routes, &flow, None, true)?.ok());
        let found = own.or_else(|| self.lookup4(&mut flow, true).ok());
        found.is_none_or(|found| found.route.scope == Scope::LINK)
    }

    fn way4(
        &self,
        route: Option<&Route>,
        link: u32,
        gateway: Option<IpAddr>,
        source: Option<IpAddr>,
    ) -> Way {
        Way { link, gateway, source, mtu: self.mtu(route, link, Family::Ipv4), weight: 1 }
    }

    /// The link that packets to this host go over: the loopback device, or that of the VRF.
    fn local_link(&self, found: &Found<'a>) -> u32 {
        let link = found.route.hops.get(found.hop).and_then(|hop| hop.link).unwrap_or(LOOPBACK);
        match self.vrf_of(link) {
            0 => LOOPBACK,
            vrf => vrf,
        }
    }

    /// The links that have an address, or whose network a local route gives to this host.
    #[doc(alias = "__ip_dev_find")]
    fn owners(&self, address: Ipv4Addr) -> Vec<u32> {
        if let Some(links) = self.owners.get(&address.into()) {
            return links.clone();
        }
        let table = if self.ipv4.custom { Table::LOCAL } else { Table::MAIN };
        let flow = Flow::new(&Query::to(address.into()));
        let routes = self.ipv4.tables.get(table);
        let found = match routes.and_then(|routes| self.find4(routes, &flow, None, false)) {
            Some(Ok(found)) if found.route.kind == RouteKind::LOCAL => found,
            _ => return Vec::new(),
        };
        found.route.hops.get(found.hop).and_then(|hop| hop.link).into_iter().collect()
    }

    pub(super) fn address_kind4(&self, address: Ipv4Addr) -> RouteKind {
        if address.is_broadcast() || is_zero(address) {
            return RouteKind::BROADCAST;
        }
        if address.is_multicast() {
            return RouteKind::MULTICAST;
        }
        let table = if self.ipv4.custom { Table::LOCAL } else { Table::MAIN };
        let flow = Flow::new(&Query::to(address.into()));
        let routes = self.ipv4.tables.get(table);
        match routes.and_then(|routes| self.find4(routes, &flow, None, false)) {
            Some(Ok(found)) => found.route.kind,
            _ => RouteKind::UNICAST,
        }
    }

    /// The reverse path filter.
    pub(super) fn validate_source(
        &self,
        query: &Query,
        source: Ipv4Addr,
        destination: IpAddr,
        input: u32,
        output: u32,
    ) -> Result<(), Refusal> {
        let link = self.link(input).ok_or(Refusal::NoLink)?;
        let all = self.sysctl("ipv4", "all", "rp_filter");
        let filter = all.max(self.sysctl("ipv4", link.name(), "rp_filter"));
        let accepts_local = self.is_on4(link, "accept_local");
        // Before the sender is told of a shorter way, it is made sure of.
        let redirects = input == output && self.is_on4(link, "send_redirects");
        // Without the filter only this host's own addresses are refused, and only looked up by
        // routes if there are more rules or local routes than the kernel's own.
        if filter == 0 && !redirects {
            if accepts_local {
                return Ok(());
            }
            if !self.ipv4.custom && !self.has_custom_local_routes() {
                let own = self.owners.contains_key(&source.into());
                return if own { Err(Refusal::BadSource) } else { Ok(()) };
            }
        }
        let back = Query {
            source: Some(destination),
            input: None,
            output: None,
            mark: if self.is_on4(link, "src_valid_mark") { query.mark } else { 0 },
            source_port: query.destination_port,
            destination_port: query.source_port,
            user: 0,
            ..*query
        };
        let mut flow = Flow {
            destination: source.into(),
            vrf: self.vrf_of(input),
            // As if it came in where the packet goes out.
            input: if output == 0 { LOOPBACK } else { output },
            ..Flow::new(&Query { destination: source.into(), ..back })
        };
        let unsure = if filter == 0 { Ok(()) } else { Err(Refusal::ReversePath) };
        let Ok(found) = self.lookup4(&mut flow, false) else { return unsure };
        let local = found.route.kind == RouteKind::LOCAL;
        if found.route.kind != RouteKind::UNICAST && !(local && accepts_local) {
            return Err(Refusal::BadSource);
        }
        let uses = found.route.hops.iter().filter_map(|hop| hop.link);
        let mut uses = uses.filter(|link| *link == input || self.vrf_of(*link) == input);
        if uses.next().is_some() || local && input == LOOPBACK {
            return Ok(());
        }
        if !self.addresses_of(input).iter().any(|own| own.address.is_ipv4()) {
            return unsure;
        }
        if filter == 1 { Err(Refusal::ReversePath) } else { Ok(()) }
    }

    fn has_custom_local_routes(&self) -> bool {
        let by_kernel = |route: &Route| route.protocol == 2;
        let local = |route: &&Route| {
            route.kind == RouteKind::LOCAL && route.destination.address().is_ipv4()
        };
        self.network.routes.iter().filter(local).any(|route| !by_kernel(route))
    }
}

impl<'a> Found<'a> {
    pub(super) fn decision(self, kind: RouteKind, ways: Vec<Way>) -> Decision<'a> {
        Decision { rule: self.rule, route: Some(self.route), outcome: Ok(kind), ways }
    }
}

const fn no_route<'a>() -> Miss<'a> {
    Miss::because(Refusal::NoRoute)
}

/// 0.0.0.0/8
const fn is_zero(address: Ipv4Addr) -> bool {
    address.octets()[0] == 0
}
