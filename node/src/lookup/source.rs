//! Which address a packet of this host gets as its source.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

use super::Router;
use super::flow::Flow;
use crate::{Address, AddressFlags, Prefix, Route, Scope};

/// Not known yet to be nobody else's, but used all the same.
const OPTIMISTIC: u32 = 0x04;
/// Of IPv6: random and short-lived. The same bit as [`AddressFlags::SECONDARY`].
const TEMPORARY: u32 = 0x01;

impl<'a> Router<'a> {
    /// The source of an IPv4 packet over a route.
    ///
    /// The kernel remembers it with the way out until some address of the namespace changes. Where
    /// routes of several scopes share a nexthop object the source is the one that was chosen for the
    /// first of them, and before any address has changed the one for the object itself: that cannot be
    /// read, and this is the one for the route.
    #[doc(alias = "fib_result_prefsrc")]
    pub(super) fn source4(
        &self,
        flow: &Flow,
        route: &Route,
        link: u32,
        gateway: Option<IpAddr>,
    ) -> Option<IpAddr> {
        // A route that leads out of the VRF has a source that is in it.
        if self.link(flow.vrf).is_some() && self.vrf_of(link) != flow.vrf {
            return self.select4(flow.vrf, None, Scope::LINK);
        }
        route.preferred_source.or_else(|| self.select4(link, gateway, route.scope))
    }

    /// The first fitting address of the link, best in the network of `near`; else of its VRF; else of
    /// any link.
    #[doc(alias = "inet_select_addr")]
    pub(super) fn select4(&self, link: u32, near: Option<IpAddr>, scope: Scope) -> Option<IpAddr> {
        let nearest = match self.link(link) {
            Some(link) if self.is_on4(link, "route_localnet") => Scope::LINK,
            _ => Scope::HOST,
        };
        let own = self.primary(link).filter(|own| own.scope.min(nearest) <= scope);
        let own: Vec<&Address> = own.collect();
        let beside = |own: &&&Address| {
            near.is_none_or(|near| own.network().is_some_and(|network| network.contains(near)))
        };
        if let Some(address) = own.iter().find(beside).or(own.first()) {
            return Some(address.address);
        }
        let vrf = self.vrf_of(link);
        let peers = self.order.iter().copied().filter(|link| self.vrf_of(*link) == vrf);
        let first = Some(vrf).filter(|vrf| *vrf != 0);
        first.into_iter().chain(peers).find_map(|link| {
            let mut fit =
                self.primary(link).filter(|own| own.scope != Scope::LINK && own.scope <= scope);
            fit.next().map(|address| address.address)
        })
    }

    /// Addresses of IPv4 that are the first of their networks.
    fn primary(&self, link: u32) -> impl Iterator<Item = &'a Address> + '_ {
        let addresses = self.addresses_of(link).iter().copied();
        addresses
            .filter(|own| own.address.is_ipv4() && !own.flags.contains(AddressFlags::SECONDARY))
    }

    /// The source of an IPv6 packet to an address, out of a link: RFC 6724 as the kernel does it.
    #[doc(alias = "ipv6_dev_get_saddr")]
    pub(super) fn source6(&self, destination: Ipv6Addr, link: u32) -> Option<IpAddr> {
        let only_there = destination.is_multicast()
            || scope_of(destination) <= SCOPE_LINK
            || self.link_switch6(link, "use_oif_addrs_only") != 0;
        let mut best = Best { goal: destination, link, of: None };
        if only_there {
            self.consider(&mut best, link);
            return best.address();
        }
        let vrf = self.vrf_of(link);
        if vrf != 0 {
            self.consider(&mut best, link);
            self.consider(&mut best, vrf);
            // As the kernel does: it ends here only if nothing is missing, and a scope that fits
            // exactly is never counted as such unless it is that of a node.
            if best.of.is_some_and(|(score, _)| score.scope >= 0) {
                return best.address();
            }
        }
        for other in &self.order {
            if self.vrf_of(*other) == vrf {
                self.consider(&mut best, *other);
            }
        }
        best.address()
    }

    fn consider(&self, best: &mut Best<'a>, link: u32) {
        let temporary_first = self.link_switch6(link, "use_tempaddr") >= 2;
        let optimistic = self.link_switch6(link, "use_optimistic") != 0;
        for address in self.addresses_of(link) {
            let IpAddr::V6(own) = address.address else { continue };
            let flags = address.flags.bits();
            let tentative = address.flags.contains(AddressFlags::TENTATIVE);
            if tentative && flags & OPTIMISTIC == 0 || own.is_multicast() || own.is_unspecified() {
                continue;
            }
            let avoided = address.flags.contains(AddressFlags::DEPRECATED)
                || !optimistic && flags & OPTIMISTIC != 0;
            let score = Score {
                same: own == best.goal,
                scope: scope_distance(own, best.goal),
                preferred: is_always_preferred(own) || !avoided,
                on_link: best.link == 0 || best.link == link,
                label: label_of(own) == label_of(best.goal),
                privacy: (flags & TEMPORARY != 0) == temporary_first,
                orchid: is_orchid(own) == is_orchid(best.goal),
                shared: shared_bits(own, best.goal).min(address.prefix_length),
                certain: flags & OPTIMISTIC == 0,
            };
            if best.of.is_none_or(|(so_far, _)| score > so_far) {
                best.of = Some((score, address));
            }
        }
    }

    fn link_switch6(&self, link: u32, name: &str) -> i64 {
        self.link(link).map_or(0, |link| self.sysctl("ipv6", link.name(), name))
    }
}

/// The best candidate so far.
#[derive(Debug)]
struct Best<'a> {
    goal: Ipv6Addr,
    link: u32,
    of: Option<(Score, &'a Address)>,
}

impl Best<'_> {
    fn address(&self) -> Option<IpAddr> {
        self.of.map(|(_, address)| address.address)
    }
}

/// How well an address fits, by the rules of RFC 6724 in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    same: bool,
    scope: i32,
    preferred: bool,
    on_link: bool,
    label: bool,
    privacy: bool,
    orchid: bool,
    shared: u8,
    certain: bool,
}

const SCOPE_LINK: i32 = 2;
const SCOPE_SITE: i32 = 5;
const SCOPE_GLOBAL: i32 = 14;

/// How far an address is known, in the numbers of multicast scopes.
#[doc(alias = "ipv6_addr_scope")]
fn scope_of(address: Ipv6Addr) -> i32 {
    let first = address.segments()[0];
    match first {
        0xff00..=0xffff => i32::from(first & 0xf),
        0xfe80..=0xfebf => SCOPE_LINK,
        0xfec0..=0xfeff => SCOPE_SITE,
        _ if address.is_loopback() => SCOPE_LINK,
        _ => SCOPE_GLOBAL,
    }
}

/// The smallest scope that is enough is best; of those that are not, the largest.
fn scope_distance(own: Ipv6Addr, goal: Ipv6Addr) -> i32 {
    match scope_of(own) {
        enough if enough >= scope_of(goal) => -enough,
        short => short - 128,
    }
}

fn is_always_preferred(address: Ipv6Addr) -> bool {
    let compatible = address.to_bits() >> 32 == 0;
    compatible || address.to_ipv4_mapped().is_some()
}

/// 2001:10::/28: addresses that are no places.
fn is_orchid(address: Ipv6Addr) -> bool {
    address.to_bits() >> 100 == 0x200_1001
}

fn shared_bits(one: Ipv6Addr, other: Ipv6Addr) -> u8 {
    (one.to_bits() ^ other.to_bits()).leading_zeros() as u8
}

/// The label that the kernel's policy table gives an address (`ip addrlabel`), as it is until
/// somebody changes it.
#[doc(alias = "ip6addrlbl")]
fn label_of(address: Ipv6Addr) -> u32 {
    const LABELS: [(Ipv6Addr, u8, u32); 10] = [
        (Ipv6Addr::UNSPECIFIED, 0, 1),
        (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 5),
        (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 11),
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 2),
        (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 12),
        (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 6),
        (Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, 7),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 4),
        (Ipv6Addr::UNSPECIFIED, 96, 3),
        (Ipv6Addr::LOCALHOST, 128, 0),
    ];
    let matching = LABELS.iter().filter(|(network, length, _)| {
        Prefix::new((*network).into(), *length).is_some_and(|it| it.contains(address.into()))
    });
    matching.min_by_key(|(_, length, _)| Reverse(*length)).map_or(0, |(_, _, label)| *label)
}
