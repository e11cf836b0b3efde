//! `rsadm vxlan peers`: the way over an overlay to each other node, with every part of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Write;
use std::net::IpAddr;

use serde::Serialize;
use vxlan::{Entry, EntryFilter, Link, Mac, Neighbour, Nexthop, Reason, State, Vni};

use super::arguments::Peers;
use super::devices::{self, Links, Saved, Tables};
use super::overlay::{self, Overlay};
use super::values::StateName;
use super::{connect, say};
use crate::classic::ip;
use crate::cli::Format;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure};

/// What is wrong with a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Problem {
    /// The device is switched off.
    DeviceDown,
    /// No route leads to the neighbour.
    RouteMissing,
    /// The address that a route names is no neighbour, or the entry's is nobody's.
    NeighbourMissing,
    /// The neighbour has no Ethernet address.
    NeighbourUnresolved,
    /// No entry says where the neighbour is.
    EntryMissing,
    /// The entry leads back to this node.
    OwnAddress,
    /// No route leads to the other node.
    UnderlayUnreachable,
    /// The other node, or the router towards it, does not answer for its Ethernet address.
    UnderlayUnresolved,
}

impl Problem {
    const fn text(self) -> &'static str {
        match self {
            Self::DeviceDown => "device down",
            Self::RouteMissing => "no route",
            Self::NeighbourMissing => "no neighbour",
            Self::NeighbourUnresolved => "neighbour unresolved",
            Self::EntryMissing => "no entry",
            Self::OwnAddress => "leads back to this node",
            Self::UnderlayUnreachable => "no underlay route",
            Self::UnderlayUnresolved => "underlay unresolved",
        }
    }
}

/// One way to another node, for programs. What is missing is null.
#[derive(Debug, Serialize)]
struct Peer {
    ifname: String,
    /// The other end.
    vtep: Option<IpAddr>,
    vni: Option<u32>,
    port: Option<u16>,
    mac: Option<String>,
    /// Its address in the overlay.
    gateway: Option<IpAddr>,
    routes: Vec<String>,
    neighbour: Option<Vec<&'static str>>,
    entry: Option<&'static str>,
    underlay: Option<Underlay>,
    /// Seconds since the entry was used.
    used: Option<u64>,
    problems: Vec<Problem>,
}

/// The way to the other end.
#[derive(Clone, Debug, Serialize)]
struct Underlay {
    ifname: Option<String>,
    gateway: Option<IpAddr>,
    mac: Option<String>,
    /// State of the neighbour; null where nothing was sent yet.
    state: Option<Vec<&'static str>>,
    #[serde(skip)]
    problem: Option<Problem>,
}

/// Shows the other ends.
pub(super) fn run(arguments: &Peers, format: Format, out: &mut impl Write) -> Result<()> {
    list(arguments, &mut connect()?, format, out)
}

/// Shows the other ends of a snapshot.
pub(super) fn saved(
    arguments: &Peers,
    mut from: Saved<'_>,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    list(arguments, &mut from, format, out)
}

fn list(
    arguments: &Peers,
    client: &mut impl Tables,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let mut filter = EntryFilter { in_bridge: Some(false), ..EntryFilter::new() };
    if let Some(name) = &arguments.dev {
        filter.link = Some(devices::device(client, "--dev", name)?.index);
    }
    let (entries, complete) = client.entries(&filter)?;
    if !complete {
        say("entries came and went at each of several readings; some may be missing here");
    }
    let links = Links::read(client)?;
    let mut devices = links.devices();
    devices.retain(|device| filter.link.is_none_or(|link| link == device.index));
    let overlays = overlay::read(client, &links, &devices)?;
    let needs_nexthops = entries.iter().any(|entry| entry.nexthop_group.is_some());
    let nexthops = if needs_nexthops { client.nexthops()? } else { Vec::new() };
    let mut survey = Survey {
        client,
        links: &links,
        nexthops: nexthops.into_iter().map(|nexthop| (nexthop.id, nexthop)).collect(),
        underlays: HashMap::new(),
        peers: Vec::new(),
    };
    for device in devices {
        let own = entries.iter().filter(|entry| entry.link == device.index);
        if let Some(overlay) = overlays.get(&device.index) {
            survey.device(device, overlay, &own.collect::<Vec<_>>())?;
        }
    }
    let mut peers = survey.peers;
    if arguments.broken {
        peers.retain(|peer| !peer.problems.is_empty());
    }
    let Some(structure) = Structure::of(format) else { return table(&peers, out) };
    let mut items = Items::new(out, structure);
    for peer in &peers {
        items.push(peer)?;
    }
    items.finish()
}

/// What was found so far.
struct Survey<'a, T> {
    client: &'a mut T,
    links: &'a Links,
    nexthops: HashMap<u32, Nexthop>,
    /// Ways to other ends through a link, by address; many entries share one.
    underlays: HashMap<(IpAddr, Option<u32>), Underlay>,
    peers: Vec<Peer>,
}

/// The end of a way: where an entry leads.
#[derive(Clone, Copy)]
struct End {
    address: IpAddr,
    via: Option<u32>,
}

impl<T: Tables> Survey<'_, T> {
    /// The ways over one device. One that is steered from outside has none of its own.
    fn device(&mut self, device: &Link, overlay: &Overlay, entries: &[&Entry]) -> Result<()> {
        if device.is_external() {
            return Ok(());
        }
        let mut by_mac: HashMap<Mac, Vec<&Entry>> = HashMap::new();
        for entry in entries {
            by_mac.entry(entry.mac).or_default().push(entry);
        }
        let floods = by_mac.contains_key(&Mac::ZERO);
        let neighbours: HashMap<IpAddr, &Neighbour> =
            overlay.neighbours.iter().map(|neighbour| (neighbour.address, neighbour)).collect();
        let addresses: BTreeSet<IpAddr> =
            neighbours.keys().copied().chain(overlay.gateways()).collect();
        let mut used = HashSet::new();
        for address in addresses {
            let neighbour = neighbours.get(&address).copied();
            let mac = neighbour.and_then(|neighbour| neighbour.mac);
            let of_mac = mac.and_then(|mac| by_mac.get(&mac)).map_or(&[][..], Vec::as_slice);
            used.extend(mac);
            let start = self.start(device, overlay, Some(address), neighbour);
            if of_mac.is_empty() {
                let mut peer = start;
                // Where a device floods, no entry is needed.
                match mac {
                    Some(_) if floods => peer.entry = Some("flooded"),
                    Some(_) => peer.problems.push(Problem::EntryMissing),
                    None => {}
                }
                self.peers.push(peer);
                continue;
            }
            for entry in of_mac {
                self.entry(device, entry, |survey| {
                    survey.start(device, overlay, Some(address), neighbour)
                })?;
            }
        }
        let orphans = entries.iter().filter(|it| !it.mac.floods() && !used.contains(&it.mac));
        for entry in orphans {
            self.entry(device, entry, |survey| survey.start(device, overlay, None, None))?;
        }
        Ok(())
    }

    /// A way as far as the overlay knows it.
    fn start(
        &self,
        device: &Link,
        overlay: &Overlay,
        gateway: Option<IpAddr>,
        neighbour: Option<&Neighbour>,
    ) -> Peer {
        let routes: Vec<_> = gateway.map(|it| overlay.routes_to(it)).unwrap_or_default();
        let mut problems = Vec::new();
        if !device.is_up() {
            problems.push(Problem::DeviceDown);
        }
        if gateway.is_some() && routes.is_empty() {
            problems.push(Problem::RouteMissing);
        }
        match neighbour {
            None if overlay.is_used() => problems.push(Problem::NeighbourMissing),
            Some(it) if is_unresolved(it) => problems.push(Problem::NeighbourUnresolved),
            _ => {}
        }
        Peer {
            ifname: self.links.name(device.index),
            vtep: None,
            vni: device.defaults().vni.map(Vni::get),
            port: device.defaults().port,
            mac: neighbour.and_then(|neighbour| neighbour.mac).map(|mac| mac.to_string()),
            gateway,
            routes: routes.iter().map(ToString::to_string).collect(),
            neighbour: neighbour.map(|neighbour| ip::state_names(neighbour.state).collect()),
            entry: None,
            underlay: None,
            used: None,
            problems,
        }
    }

    /// The ways that an entry is the middle of: one for each end.
    fn entry(&mut self, device: &Link, entry: &Entry, start: impl Fn(&Self) -> Peer) -> Result<()> {
        for end in self.ends(entry) {
            let mut peer = start(self);
            peer.mac = Some(entry.mac.to_string());
            peer.entry = Some(StateName::of(entry.state).map_or("none", StateName::name));
            peer.vni = entry.remote.vni.map(Vni::get).or(peer.vni);
            peer.port = entry.remote.port.or(peer.port);
            peer.used = entry.cache.map(|cache| cache.since_use().as_secs());
            peer.vtep = end.map(|end| end.address);
            // An underlay in another namespace is out of sight.
            if let Some(end) = end.filter(|_| device.link_namespace.is_none()) {
                let underlay = self.underlay(device, end)?;
                peer.problems.extend(underlay.problem);
                peer.underlay = Some(underlay);
            }
            self.peers.push(peer);
        }
        Ok(())
    }

    /// Where an entry leads: to its remote, or to each member of its nexthop group.
    fn ends(&self, entry: &Entry) -> Vec<Option<End>> {
        let Some(group) = entry.nexthop_group else {
            let via = entry.remote.via;
            return vec![entry.remote.address.map(|address| End { address, via })];
        };
        let members = self.nexthops.get(&group).map(|it| it.members.as_slice()).unwrap_or_default();
        let gateways = members.iter().filter_map(|member| self.nexthops.get(&member.id)?.gateway);
        let ends: Vec<_> = gateways.map(|address| Some(End { address, via: None })).collect();
        if ends.is_empty() { vec![None] } else { ends }
    }

    fn underlay(&mut self, device: &Link, end: End) -> Result<Underlay> {
        let settings = device.vxlan.clone().unwrap_or_default();
        let through = end.via.or(settings.link).filter(|link| *link != 0);
        if let Some(known) = self.underlays.get(&(end.address, through)) {
            return Ok(known.clone());
        }
        let underlay = if settings.local == Some(end.address) {
            Underlay { problem: Some(Problem::OwnAddress), ..Underlay::none() }
        } else {
            self.find_underlay(end.address, through)?
        };
        self.underlays.insert((end.address, through), underlay.clone());
        Ok(underlay)
    }

    fn find_underlay(&mut self, address: IpAddr, through: Option<u32>) -> Result<Underlay> {
        let route = match self.client.route_to(address, through) {
            Ok(route) => route,
            // Each way of refusing packets has a number of its own.
            Err(error) if error.refused().is_some() => {
                let problem = Some(Problem::UnderlayUnreachable);
                return Ok(Underlay { problem, ..Underlay::none() });
            }
            Err(error) => return Err(error.into()),
        };
        if route.is_local() {
            return Ok(Underlay { problem: Some(Problem::OwnAddress), ..Underlay::none() });
        }
        let mut underlay = Underlay {
            ifname: route.link.map(|link| self.links.name(link)),
            gateway: route.gateway,
            ..Underlay::none()
        };
        // Where packets have to leave through a link, the kernel takes for a neighbour what no
        // route leads to.
        if through.is_some() && route.gateway.is_none() {
            let anywhere = self.client.route_to(address, None);
            if anywhere.is_err_and(|error| error.refused().is_some()) {
                underlay.problem = Some(Problem::UnderlayUnreachable);
            }
        }
        let Some(link) = route.link else { return Ok(underlay) };
        match self.client.neighbour(link, route.gateway.unwrap_or(address)) {
            Ok(neighbour) => {
                underlay.mac = neighbour.mac.map(|mac| mac.to_string());
                underlay.state = Some(ip::state_names(neighbour.state).collect());
                if is_unresolved(&neighbour) && underlay.problem.is_none() {
                    underlay.problem = Some(Problem::UnderlayUnresolved);
                }
            }
            // Nothing was sent yet.
            Err(error) if error.reason() == Some(Reason::NotFound) => {}
            // Links without Ethernet addresses have no neighbours.
            Err(error) if error.refused().is_some() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(underlay)
    }
}

impl Underlay {
    const fn none() -> Self {
        Self { ifname: None, gateway: None, mac: None, state: None, problem: None }
    }
}

fn is_unresolved(neighbour: &Neighbour) -> bool {
    neighbour.state.intersects(State::INCOMPLETE | State::FAILED)
}

fn table(peers: &[Peer], out: &mut impl Write) -> Result<()> {
    let mut table = Table::new(&[
        ("DEVICE", Align::Left),
        ("VTEP", Align::Left),
        ("MAC", Align::Left),
        ("GATEWAY", Align::Left),
        ("ROUTES", Align::Left),
        ("NEIGHBOUR", Align::Left),
        ("ENTRY", Align::Left),
        ("UNDERLAY", Align::Left),
        ("USED", Align::Right),
        ("PROBLEMS", Align::Left),
    ]);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    for peer in peers {
        let problems: Vec<_> = peer.problems.iter().map(|problem| problem.text()).collect();
        let row = vec![
            peer.ifname.clone(),
            or_none(peer.vtep.map(|vtep| vtep.to_string())),
            or_none(peer.mac.clone()),
            or_none(peer.gateway.map(|gateway| gateway.to_string())),
            if peer.routes.is_empty() { or_none(None) } else { peer.routes.join(",") },
            or_none(peer.neighbour.as_ref().map(|states| states.join(","))),
            or_none(peer.entry.map(str::to_owned)),
            peer.underlay.as_ref().map(Underlay::text).unwrap_or_default(),
            peer.used.map(|seconds| format!("{seconds}s")).unwrap_or_default(),
            if problems.is_empty() { "ok".to_owned() } else { problems.join(", ") },
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}

impl Underlay {
    fn text(&self) -> String {
        let Some(ifname) = &self.ifname else { return "none".to_owned() };
        let way = match self.gateway {
            Some(gateway) => format!("{gateway} dev {ifname}"),
            None => ifname.clone(),
        };
        match &self.state {
            Some(states) => format!("{way} {}", states.join(",")),
            None => way,
        }
    }
}
