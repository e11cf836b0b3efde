//! The tables of one network namespace: that of the thread.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;

use rsadm_netlink::{Bus, Connection, Event, Events, Message, Options, Socket, Transport};
use vxlan::{Entry, EntryFilter, Neighbour, Nexthop, VniEntry};

use super::dump::dump;
use super::{proc, sysctls};
use crate::uapi::*;
use crate::wire::link::Details;
use crate::{Hop, HopFlags, Link, Network, Result, Route, RouteKind, wire};

/// How often tables that change while they are read are read again, at most.
const MOST_PASSES: usize = 4;

/// Room for what happens meanwhile.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Groups of the tables that have to fit each other: routes name links, sources are addresses.
const GROUPS: [u32; 8] = [
    RTNLGRP_LINK,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV4_RULE,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV6_RULE,
    RTNLGRP_NEXTHOP,
];

/// Whose namespace it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Node,
    Pod,
}

/// Reads everything of the thread's network namespace.
pub(super) fn read(scope: Scope, remarks: &mut Vec<String>) -> Result<Network> {
    let mut reader = Reader::open()?;
    let (mut network, details) = reader.tables(remarks);
    network.neighbours = reader.neighbours(remarks);
    network.entries = reader.entries(remarks);
    network.vnis = reader.vnis(remarks);
    mac_origins(&mut network.links);
    network.sysctls = sysctls::read(scope == Scope::Node, &details);
    network.listeners = proc::listeners();
    network.counters = proc::counters();
    Ok(network)
}

/// Sockets of the namespace.
struct Reader {
    connection: Connection<Socket>,
    vxlan: vxlan::Client,
    changes: Events<Socket>,
}

/// Links by name with what is read of them here, for their sysctls.
type Named = Vec<(String, Details)>;

impl Reader {
    fn open() -> Result<Self> {
        Ok(Self {
            connection: Connection::new(Socket::open(Bus::Route, &Options::default())?),
            vxlan: vxlan::Client::connect()?,
            changes: listen(&GROUPS)?,
        })
    }

    /// Reads the tables that have to fit each other, until none changes meanwhile.
    fn tables(&mut self, remarks: &mut Vec<String>) -> (Network, Named) {
        let mut passes = 1;
        loop {
            let mut doubts = Vec::new();
            let read = self.pass(&mut doubts);
            let changed = changes(&mut self.changes, table_of);
            if changed.is_empty() || passes == MOST_PASSES {
                remarks.append(&mut doubts);
                let told = |table: &&str| format!("{table} changed during every reading");
                remarks.extend(changed.iter().map(told));
                return read;
            }
            passes += 1;
        }
    }

    fn pass(&mut self, doubts: &mut Vec<String>) -> (Network, Named) {
        let (links, details) = self.links(doubts);
        let nexthops = self.vxlan.nexthops();
        let nexthops = nexthops.unwrap_or_else(|error| doubt(doubts, "nexthops", &error));
        let mut network = Network { links, nexthops, ..Network::default() };
        network.addresses =
            self.dump(wire::address::list(), wire::address::address, "addresses", doubts);
        // Where IPv6 is switched off the kernel answers for it with what else there is.
        let families: &[u8] = if Path::new("/proc/sys/net/ipv6").exists() {
            &[AF_INET, AF_INET6]
        } else {
            &[AF_INET]
        };
        for family in families {
            let routes = self.dump(wire::route::list(*family), kept, "routes", doubts);
            network.routes.extend(routes);
            let rules = self.dump(wire::rule::list(*family), wire::rule::rule, "rules", doubts);
            network.rules.extend(rules);
        }
        let by_id: HashMap<_, _> = network.nexthops.iter().map(|hop| (hop.id, hop)).collect();
        for route in &mut network.routes {
            spread(route, &by_id);
        }
        (network, details)
    }

    fn dump<V: Send>(
        &mut self,
        message: Message,
        decode: fn(&[u8]) -> Option<V>,
        what: &str,
        doubts: &mut Vec<String>,
    ) -> Vec<V> {
        match dump(&mut self.connection, message, decode) {
            Ok((values, false)) => values,
            Ok((values, true)) => {
                doubts.push(format!("{what} changed during every reading"));
                values
            }
            Err(error) => doubt(doubts, what, &error),
        }
    }

    /// Links, joined of what two readers say of them. A link that only one has is coming or going,
    /// which is told as a change.
    fn links(&mut self, doubts: &mut Vec<String>) -> (Vec<Link>, Named) {
        let bases = self.vxlan.every_link();
        let bases = bases.unwrap_or_else(|error| doubt(doubts, "links", &error));
        let details = self.dump(wire::link::list(), wire::link::details, "links", doubts);
        let mut by_index: HashMap<_, _> =
            details.into_iter().map(|details| (details.link.index(), details)).collect();
        let mut named = Vec::new();
        let mut links = Vec::new();
        for base in bases {
            let Some(details) = by_index.remove(&base.index) else { continue };
            let name = base.name.clone();
            links.push(Link { base, ..details.link.clone() });
            named.push((name, details));
        }
        (links, named)
    }

    /// Neighbours, again where one was deleted meanwhile: the kernel skips others then.
    fn neighbours(&mut self, remarks: &mut Vec<String>) -> Vec<Neighbour> {
        let mut deletions = match listen(&[RTNLGRP_NEIGH]) {
            Ok(deletions) => deletions,
            Err(error) => return doubt(remarks, "neighbours", &error),
        };
        let mut passes = 1;
        loop {
            let neighbours = match self.vxlan.neighbours(None) {
                Ok(neighbours) => neighbours,
                Err(error) => return doubt(remarks, "neighbours", &error),
            };
            let disturbed = !changes(&mut deletions, deletion_of_neighbour).is_empty();
            if disturbed && passes == MOST_PASSES {
                remarks.push("neighbours were deleted during every reading".to_owned());
            }
            if !disturbed || passes == MOST_PASSES {
                return neighbours;
            }
            passes += 1;
        }
    }

    fn entries(&mut self, remarks: &mut Vec<String>) -> Vec<Entry> {
        match self.vxlan.read_entries(&EntryFilter::new()) {
            Ok(reading) => {
                if !reading.complete {
                    let told = "forwarding entries were deleted during every reading";
                    remarks.push(told.to_owned());
                }
                reading.entries
            }
            Err(error) => doubt(remarks, "forwarding entries", &error),
        }
    }

    /// VNI filters, which kernels before 5.18 do not have.
    fn vnis(&mut self, remarks: &mut Vec<String>) -> Vec<VniEntry> {
        match self.vxlan.vnis(None, true) {
            Ok(vnis) => vnis,
            Err(error) if error.reason() == Some(vxlan::Reason::NotSupported) => Vec::new(),
            Err(error) => doubt(remarks, "VNI filters", &error),
        }
    }
}

/// Opens a socket that hears what happens.
fn listen(groups: &[u32]) -> rsadm_netlink::Result<Events<Socket>> {
    let options = Options { receive_buffer: Some(RECEIVE_BUFFER), ..Options::default() };
    let mut socket = Socket::open(Bus::Route, &options)?;
    for group in groups {
        socket.join(*group)?;
    }
    Ok(Events::new(socket))
}

/// Which tables changed since this was last asked, as `table_of` names them.
fn changes<T: Transport>(
    events: &mut Events<T>,
    table_of: fn(u16, &[u8]) -> Option<&'static str>,
) -> BTreeSet<&'static str> {
    let mut changed = BTreeSet::new();
    loop {
        match events.try_next() {
            Ok(Some(Event::Message(reply))) => {
                changed.extend(table_of(reply.header.kind, reply.payload));
            }
            // More happened than there is room for, or it cannot be understood.
            Ok(Some(Event::Lost)) | Err(rsadm_netlink::Error::Malformed { .. }) => {
                changed.insert("tables");
            }
            Ok(None) => return changed,
            Err(_) => {
                changed.insert("tables");
                return changed;
            }
        }
    }
}

/// The table that a notification is about.
fn table_of(kind: u16, _: &[u8]) -> Option<&'static str> {
    Some(match kind {
        RTM_NEWLINK | RTM_DELLINK => "links",
        RTM_NEWADDR | RTM_DELADDR => "addresses",
        RTM_NEWROUTE | RTM_DELROUTE => "routes",
        RTM_NEWRULE | RTM_DELRULE => "rules",
        RTM_NEWNEXTHOP | RTM_DELNEXTHOP => "nexthops",
        _ => return None,
    })
}

/// Neighbours that went; forwarding entries go by the same messages.
fn deletion_of_neighbour(kind: u16, payload: &[u8]) -> Option<&'static str> {
    let family = payload.first().copied().unwrap_or_default();
    let gone = kind == RTM_DELNEIGH && (family == AF_INET || family == AF_INET6);
    gone.then_some("neighbours")
}

/// Takes note of what could not be read.
fn doubt<T: Default>(remarks: &mut Vec<String>, what: &str, error: &dyn std::error::Error) -> T {
    remarks.push(format!("{what} are unknown: {error}"));
    T::default()
}

/// A route, unless the kernel only remembers it.
fn kept(payload: &[u8]) -> Option<Route> {
    wire::route::route(payload).filter(|route| route.flags & RTM_F_CLONED == 0)
}

/// Gives a route the ways out of its nexthop, where the kernel does not show them with the route
/// (`net.ipv4.nexthop_compat_mode` is 0).
fn spread(route: &mut Route, nexthops: &HashMap<u32, &Nexthop>) {
    let Some(nexthop) = route.nexthop.and_then(|id| nexthops.get(&id)) else { return };
    if !route.hops.is_empty() || route.kind != RouteKind::UNICAST {
        return;
    }
    let hop = |nexthop: &Nexthop, weight: u32| Hop {
        link: nexthop.link,
        gateway: nexthop.gateway,
        flags: HopFlags::empty(),
        weight: weight as u16,
    };
    if nexthop.members.is_empty() {
        route.hops.push(hop(nexthop, 1));
    }
    for member in &nexthop.members {
        if let Some(nexthop) = nexthops.get(&member.id) {
            route.hops.push(hop(nexthop, member.weight));
        }
    }
}

/// Where links have their addresses from, which only sysfs says: for the network namespace that it
/// was mounted in. Whether that is this one is told by its links being the same.
fn mac_origins(links: &mut [Link]) {
    let directory = Path::new("/sys/class/net");
    let Ok(entries) = fs::read_dir(directory) else { return };
    let names: HashSet<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let read = |name: &str, file: &str| fs::read_to_string(directory.join(name).join(file)).ok();
    // Files such as `bonding_masters` are among them.
    let devices = names.iter().filter(|name| directory.join(name).join("ifindex").exists());
    if devices.count() != links.len() {
        return;
    }
    let same = |link: &Link| {
        let index = read(link.name(), "ifindex").and_then(|text| text.trim().parse().ok());
        let mac = read(link.name(), "address").and_then(|text| text.trim().parse().ok());
        index == Some(link.index()) && mac == link.mac()
    };
    if links.iter().all(same) {
        for link in links {
            let origin = read(link.name(), "addr_assign_type");
            link.mac_origin = origin.and_then(|text| text.trim().parse().ok());
        }
    }
}
