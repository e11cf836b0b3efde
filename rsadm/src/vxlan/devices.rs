//! Links by the names that options give them.

use std::collections::HashMap;
use std::net::IpAddr;

use node::{Network, Query, Refusal, Router, Snapshot};
use rustix::io::Errno;
use vxlan::{
    Client, Defaults, Entry, EntryFilter, Error, Link, Neighbour, Nexthop, Refused, Request, Route,
    VniEntry,
};

use super::hint;
use crate::classic::bridge::Names;
use crate::failure::{Failure, Result};

/// Where the tables are read that are listed: from the kernel, or from a snapshot.
pub(super) trait Tables {
    fn link(&mut self, name: &str) -> vxlan::Result<Link>;
    fn every_link(&mut self) -> vxlan::Result<Vec<Link>>;
    /// Entries that a filter matches, and whether none is missing.
    fn entries(&mut self, filter: &EntryFilter) -> vxlan::Result<(Vec<Entry>, bool)>;
    fn neighbours(&mut self, link: Option<u32>) -> vxlan::Result<Vec<Neighbour>>;
    fn neighbour(&mut self, link: u32, address: IpAddr) -> vxlan::Result<Neighbour>;
    fn nexthops(&mut self) -> vxlan::Result<Vec<Nexthop>>;
    fn routes(&mut self) -> vxlan::Result<Vec<Route>>;
    /// The way that packets to an address take, of those that have to leave through a link, if one
    /// is named.
    fn route_to(&mut self, address: IpAddr, link: Option<u32>) -> vxlan::Result<Route>;
    fn vnis(&mut self, link: Option<u32>, statistics: bool) -> vxlan::Result<Vec<VniEntry>>;
}

impl Tables for Client {
    fn link(&mut self, name: &str) -> vxlan::Result<Link> {
        self.link(name)
    }

    fn every_link(&mut self) -> vxlan::Result<Vec<Link>> {
        self.every_link()
    }

    fn entries(&mut self, filter: &EntryFilter) -> vxlan::Result<(Vec<Entry>, bool)> {
        self.read_entries(filter).map(|reading| (reading.entries, reading.complete))
    }

    fn neighbours(&mut self, link: Option<u32>) -> vxlan::Result<Vec<Neighbour>> {
        self.neighbours(link)
    }

    fn neighbour(&mut self, link: u32, address: IpAddr) -> vxlan::Result<Neighbour> {
        self.neighbour(link, address)
    }

    fn nexthops(&mut self) -> vxlan::Result<Vec<Nexthop>> {
        self.nexthops()
    }

    fn routes(&mut self) -> vxlan::Result<Vec<Route>> {
        self.routes(None)
    }

    fn route_to(&mut self, address: IpAddr, link: Option<u32>) -> vxlan::Result<Route> {
        self.route_to(address, link)
    }

    fn vnis(&mut self, link: Option<u32>, statistics: bool) -> vxlan::Result<Vec<VniEntry>> {
        self.vnis(link, statistics)
    }
}

/// The tables of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Saved<'s> {
    network: &'s Network,
    router: Router<'s>,
}

impl<'s> Saved<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
        let network = &snapshot.network;
        Self { network, router: Router::new(network).for_kernel(&snapshot.kernel) }
    }
}

/// What the kernel would have answered.
fn refused(request: Request, errno: i32) -> Error {
    Refused::new(request, errno).into()
}

impl Tables for Saved<'_> {
    fn link(&mut self, name: &str) -> vxlan::Result<Link> {
        let none = || refused(Request::FindLink(name.into()), Errno::NODEV.raw_os_error());
        self.network.link_named(name).map(|link| link.base.clone()).ok_or_else(none)
    }

    fn every_link(&mut self) -> vxlan::Result<Vec<Link>> {
        Ok(self.network.links.iter().map(|link| link.base.clone()).collect())
    }

    fn entries(&mut self, filter: &EntryFilter) -> vxlan::Result<(Vec<Entry>, bool)> {
        let network = self.network;
        let is_of_bridge = |entry: &Entry| {
            let port = |link: &node::Link| link.base.master == filter.master;
            filter.master.is_none_or(|bridge| {
                entry.link == bridge || network.link(entry.link).is_some_and(port)
            })
        };
        let matches = |entry: &&Entry| {
            let defaults = network.link(entry.link).map(|link| link.base.defaults());
            // Which bridge a port is of is known from the links alone.
            let filter = EntryFilter { master: None, ..filter.clone() };
            is_of_bridge(entry) && filter.matches(entry, defaults.unwrap_or_default())
        };
        Ok((network.entries.iter().filter(matches).copied().collect(), true))
    }

    fn neighbours(&mut self, link: Option<u32>) -> vxlan::Result<Vec<Neighbour>> {
        let here = |neighbour: &&Neighbour| link.is_none_or(|link| neighbour.link == link);
        Ok(self.network.neighbours.iter().filter(here).copied().collect())
    }

    fn neighbour(&mut self, link: u32, address: IpAddr) -> vxlan::Result<Neighbour> {
        let none = || refused(Request::ReadNeighbour(address), Errno::NOENT.raw_os_error());
        self.network.neighbour(link, address).copied().ok_or_else(none)
    }

    fn nexthops(&mut self) -> vxlan::Result<Vec<Nexthop>> {
        Ok(self.network.nexthops.clone())
    }

    /// A route with several ways is several of these.
    fn routes(&mut self) -> vxlan::Result<Vec<Route>> {
        let of = |route: &node::Route| {
            let one = Route {
                destination: route.destination.address(),
                prefix: route.destination.length(),
                kind: route.kind.0,
                table: route.table.0,
                gateway: None,
                link: None,
            };
            let ways = route.hops.iter();
            let ways: Vec<_> =
                ways.map(|hop| Route { gateway: hop.gateway, link: hop.link, ..one }).collect();
            if ways.is_empty() { vec![one] } else { ways }
        };
        Ok(self.network.routes.iter().flat_map(of).collect())
    }

    /// Of several ways, the first: which one the kernel takes nobody can know.
    fn route_to(&mut self, address: IpAddr, link: Option<u32>) -> vxlan::Result<Route> {
        let decision = self.router.route(&Query { output: link, ..Query::to(address) });
        let failed = |refusal: Refusal| refused(Request::FindRoute(address), refusal.errno());
        let kind = decision.outcome.map_err(failed)?;
        let way = decision.ways.first();
        Ok(Route {
            destination: address,
            prefix: if address.is_ipv6() { 128 } else { 32 },
            kind: kind.0,
            table: decision.table().unwrap_or_default().0,
            gateway: way.and_then(|way| way.gateway),
            link: way.map(|way| way.link),
        })
    }

    /// Without what was counted, the kernel puts neighbours together that go to the same remote.
    fn vnis(&mut self, link: Option<u32>, statistics: bool) -> vxlan::Result<Vec<VniEntry>> {
        let here = |entry: &&VniEntry| link.is_none_or(|link| entry.link == link);
        let each = self.network.vnis.iter().filter(here).copied();
        if statistics {
            return Ok(each.collect());
        }
        let mut ranges: Vec<VniEntry> = Vec::new();
        for entry in each.map(|entry| VniEntry { statistics: None, ..entry }) {
            match ranges.last_mut() {
                Some(range)
                    if range.link == entry.link
                        && range.remote == entry.remote
                        && range.last.get() + 1 == entry.first.get() =>
                {
                    range.last = entry.last;
                }
                _ => ranges.push(entry),
            }
        }
        Ok(ranges)
    }
}

/// The VXLAN device that an option names.
pub(super) fn device(client: &mut impl Tables, option: &str, name: &str) -> Result<Link> {
    let link = link(client, option, name)?;
    if link.vxlan.is_some() { Ok(link) } else { Err(hint::not_vxlan(option, &link)) }
}

/// The link, of whatever kind, that an option names.
pub(super) fn link(client: &mut impl Tables, option: &str, name: &str) -> Result<Link> {
    client.link(name).map_err(|error| match error.refused() {
        // Names that are too long are "out of range".
        Some(_) if !error.is_permission() => hint::no_such_link(option, name),
        _ => error.into(),
    })
}

/// The index of a link that an option may name.
pub(super) fn index(
    client: &mut impl Tables,
    option: &str,
    name: Option<&str>,
) -> Result<Option<u32>> {
    name.map(|name| Ok(link(client, option, name)?.index)).transpose()
}

/// Every link, to be looked up by index.
#[derive(Debug)]
pub(super) struct Links(HashMap<u32, Link>);

impl Links {
    pub(super) fn read(client: &mut impl Tables) -> Result<Self> {
        let links = client.every_link().map_err(Failure::from)?;
        Ok(Self(links.into_iter().map(|link| (link.index, link)).collect()))
    }

    pub(super) fn get(&self, index: u32) -> Option<&Link> {
        self.0.get(&index)
    }

    /// Whether it is a VXLAN device.
    pub(super) fn is_vxlan(&self, index: u32) -> bool {
        self.get(index).is_some_and(|link| link.vxlan.is_some())
    }

    /// Its name; of a link that is gone, what tells its index.
    pub(super) fn name(&self, index: u32) -> String {
        self.get(index).map_or_else(|| format!("if{index}"), |link| link.name.clone())
    }

    /// What its entries mean where they say nothing.
    pub(super) fn defaults(&self, index: u32) -> Defaults {
        self.get(index).map(Link::defaults).unwrap_or_default()
    }

    /// VXLAN devices, by index.
    pub(super) fn devices(&self) -> Vec<&Link> {
        let mut devices: Vec<_> = self.0.values().filter(|link| link.vxlan.is_some()).collect();
        devices.sort_by_key(|link| link.index);
        devices
    }

    /// Indexes by name.
    pub(super) fn by_name(&self) -> HashMap<String, u32> {
        self.0.values().map(|link| (link.name.clone(), link.index)).collect()
    }

    /// The names for bridge's text.
    pub(super) fn names(&self) -> Names {
        Names::of(self.0.values().map(|link| (link.index, link.name.as_str())))
    }
}
