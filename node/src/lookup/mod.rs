//! Route lookup: what the kernel would answer, from what was read of it.
//!
//! The kernel has four ways of it, IPv4 and IPv6, for packets that it sends and for those that come
//! in, and they differ in much. Each is followed here as the kernel goes it; where kernels differ,
//! or where state decides that cannot be read, the place says so.

mod decision;
mod flow;
mod ipv4;
mod ipv6;
mod query;
mod source;
mod tables;

use std::collections::HashMap;
use std::net::IpAddr;

use ipvs::Family;
use vxlan::State;

pub use decision::{Decision, Refusal, Way};
pub use query::Query;

use self::tables::{Tables, family_of};
use crate::{Address, HopFlags, Link, Network, Route, RouteKind, Rule, RuleAction, Scope, Table};

/// Answers route lookups of one network namespace. It is made once and asked often.
///
/// ```
/// use node::{Network, Query, Refusal, Router};
/// let network = Network::default();
/// let decision = Router::new(&network).route(&Query::to("192.0.2.1".parse()?));
/// assert_eq!(decision.outcome, Err(Refusal::NoRoute));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Router<'a> {
    network: &'a Network,
    links: HashMap<u32, &'a Link>,
    names: HashMap<&'a str, &'a Link>,
    /// Indices of the links, from the lowest: the order in which the kernel goes through them.
    order: Vec<u32>,
    /// Addresses of the links, in the kernel's order.
    addresses: HashMap<u32, Vec<&'a Address>>,
    /// Links that have an address: several may have the same.
    owners: HashMap<IpAddr, Vec<u32>>,
    neighbours: HashMap<(u32, IpAddr), State>,
    ipv4: Policy<'a>,
    ipv6: Policy<'a>,
    /// Whether a refusal of the table `main` is the last word where there are no other rules than
    /// the kernel's first. In 6.1 the table `default` is still asked then, in 6.12 it is not.
    main_is_final: bool,
}

/// Rules and tables of one family.
#[derive(Clone, Debug)]
struct Policy<'a> {
    tables: Tables<'a>,
    rules: Vec<&'a Rule>,
    /// Whether there are others than the kernel's first ones. Without any the kernel does not look
    /// at its rules at all, and asks its tables in an order of its own.
    custom: bool,
}

/// A route that was found.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    rule: Option<&'a Rule>,
    route: &'a Route,
    /// The way out that matched.
    hop: usize,
}

/// A lookup that ended without a way.
#[derive(Clone, Copy, Debug)]
struct Miss<'a> {
    rule: Option<&'a Rule>,
    route: Option<&'a Route>,
    why: Refusal,
}

impl Network {
    /// What routing makes of a packet. Whoever asks more than once makes a [`Router`].
    pub fn route(&self, query: &Query) -> Decision<'_> {
        Router::new(self).route(query)
    }
}

impl<'a> Router<'a> {
    /// Prepares a network namespace for lookups.
    pub fn new(network: &'a Network) -> Self {
        let links: HashMap<_, _> = network.links.iter().map(|link| (link.index(), link)).collect();
        let mut order: Vec<u32> = links.keys().copied().collect();
        order.sort_unstable();
        let mut addresses = HashMap::<u32, Vec<&Address>>::new();
        let mut owners = HashMap::<IpAddr, Vec<u32>>::new();
        for address in &network.addresses {
            addresses.entry(address.link).or_default().push(address);
            owners.entry(address.address).or_default().push(address.link);
        }
        let neighbours = network.neighbours.iter();
        Self {
            network,
            links,
            names: network.links.iter().map(|link| (link.name(), link)).collect(),
            order,
            addresses,
            owners,
            neighbours: neighbours.map(|it| ((it.link, it.address), it.state)).collect(),
            ipv4: Policy::new(network, Family::Ipv4),
            ipv6: Policy::new(network, Family::Ipv6),
            main_is_final: true,
        }
    }

    /// For the kernel of this release (`uname -r`), where kernels differ; otherwise it is a recent
    /// one.
    #[must_use]
    pub fn for_kernel(mut self, release: &str) -> Self {
        let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
        let mut number = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
        if let (Some(major), Some(minor)) = (number(), number()) {
            self.main_is_final = (major, minor) >= (6, 12);
            // 7.2 keeps the tables together when a rule is deleted, 6.18 does not; those between
            // were not seen.
            if major >= 7 && is_part_of_the_first(&self.ipv4.rules, Family::Ipv4) {
                self.ipv4 = Policy::of(self.network, Family::Ipv4, false);
            }
        }
        self
    }

    /// The network namespace.
    pub const fn network(&self) -> &'a Network {
        self.network
    }

    /// What routing makes of a packet: of one that came in, if the query names a link that it came
    /// in through.
    ///
    /// Of IPv6 whether this host forwards is not asked, as the kernel does that later.
    pub fn route(&self, query: &Query) -> Decision<'a> {
        match (query.destination, query.input) {
            (IpAddr::V4(_), None) => self.output4(query),
            (IpAddr::V4(_), Some(input)) => self.input4(query, input),
            (IpAddr::V6(_), _) => self.route6(query),
        }
    }

    /// Whether a packet with the query's source would be taken from the link that it came in
    /// through: the kernel's reverse path filter (`rp_filter`), and its check that nobody outside
    /// uses this host's addresses. IPv6 has no such check.
    #[doc(alias = "fib_validate_source")]
    pub fn accepts_source(&self, query: &Query) -> Result<(), Refusal> {
        let (Some(IpAddr::V4(source)), Some(input)) = (query.source, query.input) else {
            return Ok(());
        };
        match self.route(query).outcome {
            Ok(_) => Ok(()),
            Err(why @ (Refusal::BadSource | Refusal::ReversePath)) => Err(why),
            Err(_) => self.validate_source(query, source, query.destination, input, 0),
        }
    }

    /// What an address is to this host (`RTN_*`): its own, one to all, a group, or anybody's.
    #[doc(alias = "inet_addr_type")]
    pub fn address_kind(&self, address: IpAddr) -> RouteKind {
        match address {
            IpAddr::V4(address) => self.address_kind4(address),
            IpAddr::V6(address) => self.address_kind6(address),
        }
    }

    /// The source that masquerading gives to a packet that leaves through a link, by its next hop
    /// for IPv4, by its destination for IPv6.
    #[doc(alias = "nf_nat_masquerade_ipv4")]
    pub fn masquerade_address(
        &self,
        link: u32,
        destination: IpAddr,
        next_hop: IpAddr,
    ) -> Option<IpAddr> {
        match destination {
            IpAddr::V4(_) => self.select4(link, Some(next_hop), Scope::UNIVERSE),
            IpAddr::V6(destination) => self.source6(destination, link),
        }
    }

    fn link(&self, index: u32) -> Option<&'a Link> {
        self.links.get(&index).copied()
    }

    fn named(&self, name: &str) -> Option<&'a Link> {
        self.names.get(name).copied()
    }

    fn addresses_of(&self, link: u32) -> &[&'a Address] {
        self.addresses.get(&link).map_or(&[], Vec::as_slice)
    }

    /// A sysctl of a link, or 0.
    fn sysctl(&self, family: &str, link: &str, name: &str) -> i64 {
        self.network.link_sysctl(family, link, name).unwrap_or(0)
    }

    /// Whether a switch of IPv4 is on for a link or for all.
    #[doc(alias = "IN_DEV_ORCONF")]
    fn is_on4(&self, link: &Link, name: &str) -> bool {
        self.sysctl("ipv4", "all", name) != 0 || self.sysctl("ipv4", link.name(), name) != 0
    }

    /// Whether a way out can be used. A link without a carrier can, unless it is told otherwise;
    /// `whatever_carrier` overrules that. What the kernel lists as dead may be no more than that.
    fn is_alive(&self, route: &Route, hop: usize, whatever_carrier: bool) -> bool {
        let Some(hop) = route.hops.get(hop) else { return true };
        let link = hop.link.and_then(|link| self.link(link));
        let flags = hop.flags;
        if !flags.contains(HopFlags::LINK_DOWN) {
            return !flags.contains(HopFlags::DEAD);
        }
        let Some(link) = link else { return !flags.contains(HopFlags::DEAD) };
        if flags.contains(HopFlags::DEAD) && !link.is_up() {
            return false;
        }
        let name = "ignore_routes_with_linkdown";
        let ignored = match family_of(route.destination.address()) {
            Family::Ipv4 => self.is_on4(link, name),
            Family::Ipv6 => self.sysctl("ipv6", link.name(), name) != 0,
        };
        whatever_carrier || !ignored && !flags.contains(HopFlags::DEAD)
    }

    /// The largest packet that a route takes over a link.
    fn mtu(&self, route: Option<&Route>, link: u32, family: Family) -> Option<u32> {
        let link = self.link(link)?;
        let own = match family {
            Family::Ipv4 => None,
            Family::Ipv6 => self.network.link_sysctl("ipv6", link.name(), "mtu"),
        };
        let own = own.and_then(|own| u32::try_from(own).ok());
        route.and_then(|route| route.mtu).or(own).or(link.base.mtu)
    }
}

impl<'a> Policy<'a> {
    fn new(network: &'a Network, family: Family) -> Self {
        let policy = Self::of(network, family, false);
        if policy.rules.is_empty() || are_the_first(&policy.rules, family) {
            return policy;
        }
        Self::of(network, family, true)
    }

    fn of(network: &'a Network, family: Family, custom: bool) -> Self {
        let mut rules: Vec<&Rule> =
            network.rules.iter().filter(|rule| rule.family == family).collect();
        rules.sort_by_key(|rule| rule.priority);
        // Until the first rule is added, the kernel keeps the tables `local` and `main` of IPv4 in
        // one tree, where the longer prefix of the two wins. (A rule that was added and deleted
        // leaves them apart, which cannot be seen.)
        let merged = family == Family::Ipv4 && !custom;
        Self { tables: Tables::new(&network.routes, family, merged), rules, custom }
    }
}

/// The rules that every network namespace begins with.
fn first_rules(family: Family) -> impl Iterator<Item = Rule> {
    let first = [(0, Table::LOCAL), (32766, Table::MAIN), (32767, Table::DEFAULT)];
    let count = if family == Family::Ipv4 { 3 } else { 2 };
    first
        .into_iter()
        .take(count)
        .map(move |(priority, table)| Rule::lookup(family, priority, table))
}

/// Whether the rules are those that every network namespace begins with.
fn are_the_first(rules: &[&Rule], family: Family) -> bool {
    first_rules(family).eq(rules.iter().map(|rule| (**rule).clone()))
}

/// Whether the rules are some of those, and no others.
fn is_part_of_the_first(rules: &[&Rule], family: Family) -> bool {
    rules.iter().all(|rule| first_rules(family).any(|first| first == **rule))
}

/// What a rule that asks no table does.
fn verdict_of(rule: &Rule) -> Refusal {
    match rule.action {
        RuleAction::UNREACHABLE => Refusal::UnreachableByRule,
        RuleAction::PROHIBIT => Refusal::Prohibited,
        _ => Refusal::Blackhole,
    }
}

/// What a route that has no way out does; `None` for those that have.
fn refusal_of(route: &Route) -> Option<Refusal> {
    match route.kind {
        RouteKind::BLACKHOLE => Some(Refusal::Blackhole),
        RouteKind::UNREACHABLE => Some(Refusal::Unreachable),
        RouteKind::PROHIBIT => Some(Refusal::Prohibited),
        _ => None,
    }
}

impl Miss<'_> {
    const fn because(why: Refusal) -> Self {
        Self { rule: None, route: None, why }
    }
}

impl<'a> From<Miss<'a>> for Decision<'a> {
    fn from(miss: Miss<'a>) -> Self {
        Self { rule: miss.rule, route: miss.route, outcome: Err(miss.why), ways: Vec::new() }
    }
}
