//! Entries joined with who uses them: the overlay's neighbours and the routes to them.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use vxlan::{Entry, Flags, Link, Mac, Neighbour, Remote};

use super::filter::Selection;
use super::list::Found;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::vxlan::devices::{Links, Tables};
use crate::vxlan::overlay::{self, Overlay};
use crate::vxlan::values::StateName;

/// What is missing where something should be.
const MISSING: &str = "none";
/// Where frames go of which no entry says where.
const FLOODED: &str = "flooded";

/// Draws entries, and neighbours that have none.
pub(super) fn run(
    client: &mut impl Tables,
    found: &Found,
    selection: &Selection,
    times: bool,
    out: &mut impl Write,
) -> Result<()> {
    let devices: Vec<&Link> = found.links.devices();
    let overlays = overlay::read(client, &found.links, &devices)?;
    let mut titles = vec![
        ("DEVICE", Align::Left),
        ("VNI", Align::Right),
        ("MAC", Align::Left),
        ("REMOTE", Align::Left),
        ("PORT", Align::Right),
        ("STATE", Align::Left),
        ("FLAGS", Align::Left),
        ("NEIGHBOUR", Align::Left),
        ("ROUTE", Align::Left),
    ];
    if times {
        titles.extend([("USED", Align::Right), ("UPDATED", Align::Right)]);
    }
    let mut table = Table::new(&titles);
    for entry in &found.entries {
        table.row(out, row(entry, &found.links, overlays.get(&entry.link), times))?;
    }
    if is_of_everything(selection) {
        for (device, neighbour, floods) in without_entry(found, &devices, &overlays, selection) {
            let mut row = vec![
                device.name.clone(),
                vni(None, &found.links, device.index),
                neighbour.mac.map_or_else(|| MISSING.to_owned(), |mac| mac.to_string()),
                if floods { FLOODED } else { MISSING }.to_owned(),
                String::new(),
                String::new(),
                String::new(),
                neighbour.address.to_string(),
                routes(overlays.get(&device.index), neighbour),
            ];
            row.resize(titles.len(), String::new());
            table.row(out, row)?;
        }
    }
    Ok(table.finish(out)?)
}

/// Whether every entry of a device is listed, so that one that is not there is missing.
fn is_of_everything(selection: &Selection) -> bool {
    let of_one = vxlan::EntryFilter {
        link: selection.filter.link,
        in_bridge: selection.filter.in_bridge.filter(|in_bridge| *in_bridge),
        ..vxlan::EntryFilter::new()
    };
    let own = vxlan::EntryFilter { in_bridge: None, ..selection.filter.clone() };
    selection.is_whole() && own == of_one
}

/// Neighbours of which no entry says where they are, and whether the device has a default entry,
/// so that none is needed.
fn without_entry<'a>(
    found: &Found,
    devices: &[&'a Link],
    overlays: &'a HashMap<u32, Overlay>,
    selection: &Selection,
) -> Vec<(&'a Link, &'a Neighbour, bool)> {
    let own = found.entries.iter().filter(|entry| entry.master.is_none());
    let known: HashSet<_> = own.map(|entry| (entry.link, entry.mac)).collect();
    let mut missing = Vec::new();
    for device in devices.iter().filter(|device| !device.is_external()) {
        if selection.filter.link.is_some_and(|link| link != device.index) {
            continue;
        }
        let floods = known.contains(&(device.index, Mac::ZERO));
        let overlay = overlays.get(&device.index);
        let all = overlay.map(|overlay| overlay.neighbours.as_slice()).unwrap_or_default();
        let of_device = all.iter().filter(|neighbour| neighbour.link == device.index);
        let unknown =
            of_device.filter(|it| it.mac.is_some_and(|mac| !known.contains(&(device.index, mac))));
        missing.extend(unknown.map(|neighbour| (*device, neighbour, floods)));
    }
    missing
}

fn row(entry: &Entry, links: &Links, overlay: Option<&Overlay>, times: bool) -> Vec<String> {
    let mut row = vec![
        links.name(entry.link),
        if entry.master.is_none() {
            vni(entry.remote.vni, links, entry.link)
        } else {
            String::new()
        },
        entry.mac.to_string(),
        remote(entry, links),
        port(entry, links),
        StateName::of(entry.state).map(StateName::name).unwrap_or_default().to_owned(),
        flags(entry),
    ];
    row.extend(users(entry, overlay));
    if times {
        let seconds = |of: fn(&vxlan::CacheTimes) -> std::time::Duration| {
            entry.cache.as_ref().map(|cache| format!("{}s", of(cache).as_secs()))
        };
        row.push(seconds(vxlan::CacheTimes::since_use).unwrap_or_default());
        row.push(seconds(vxlan::CacheTimes::since_update).unwrap_or_default());
    }
    row
}

/// The VNI of an entry, or its device's own.
fn vni(own: Option<vxlan::Vni>, links: &Links, link: u32) -> String {
    own.or(links.defaults(link).vni).map(|vni| vni.to_string()).unwrap_or_default()
}

/// Where an entry leads.
fn remote(entry: &Entry, links: &Links) -> String {
    if let Some(master) = entry.master {
        return format!("port of {}", links.name(master));
    }
    if let Some(group) = entry.nexthop_group {
        return format!("nexthop {group}");
    }
    let Remote { address, via, .. } = entry.remote;
    let Some(address) = address else { return String::new() };
    match (via, entry.link_namespace) {
        (Some(via), Some(_)) => format!("{address} via link {via}"),
        (Some(via), None) => format!("{address} via {}", links.name(via)),
        (None, _) => address.to_string(),
    }
}

/// The UDP port that an entry is sent to, or its device's own.
fn port(entry: &Entry, links: &Links) -> String {
    if entry.remote.address.is_none() {
        return String::new();
    }
    let port = entry.remote.port.or(links.defaults(entry.link).port);
    port.map(|port| port.to_string()).unwrap_or_default()
}

fn flags(entry: &Entry) -> String {
    let mut words = Vec::new();
    for (flag, name) in [
        (Flags::ROUTER, "router"),
        (Flags::EXTERN_LEARN, "extern_learn"),
        (Flags::OFFLOADED, "offload"),
        (Flags::STICKY, "sticky"),
    ] {
        if entry.flags.contains(flag) {
            words.push(name.to_owned());
        }
    }
    if let Some(vlan) = entry.vlan {
        words.push(format!("vlan {vlan}"));
    }
    if let Some(vni) = entry.source_vni {
        words.push(format!("src_vni {vni}"));
    }
    words.join(",")
}

/// The neighbours that an entry is for, and the routes to them.
fn users(entry: &Entry, overlay: Option<&Overlay>) -> [String; 2] {
    let Some(overlay) = overlay.filter(|overlay| overlay.is_used()) else {
        return [String::new(), String::new()];
    };
    if entry.mac.floods() || entry.master.is_some() {
        return [String::new(), String::new()];
    }
    let neighbours: Vec<_> = overlay.of(entry.mac).collect();
    if neighbours.is_empty() {
        return [MISSING.to_owned(), String::new()];
    }
    let addresses: Vec<_> = neighbours.iter().map(|it| it.address.to_string()).collect();
    let routes: Vec<_> = neighbours.iter().map(|it| routes(Some(overlay), it)).collect();
    [addresses.join(","), routes.join(",")]
}

/// The routes that packets to a neighbour come by.
fn routes(overlay: Option<&Overlay>, neighbour: &Neighbour) -> String {
    let routes = overlay.map(|overlay| overlay.routes_to(neighbour.address)).unwrap_or_default();
    if routes.is_empty() {
        return MISSING.to_owned();
    }
    routes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
