//! Multicast entries, and the ports behind which are routers.

use vxlan::{FilterMode, Group, MulticastEntry, Remote, RouterPort, Source};

use super::names::push_protocol;
use super::printer::Colour;
use super::{Names, Printer};
use crate::classic::Line;

/// A second of a timer.
const SECOND: u32 = 100;

/// Prints databases: entries, then with details the ports behind which are routers.
pub fn multicast(
    printer: &mut Printer,
    entries: &[MulticastEntry],
    routers: &[RouterPort],
    names: &Names,
) {
    printer.open_object();
    printer.open_array(Some("mdb"));
    for entry in entries {
        multicast_entry(printer, entry, names);
    }
    printer.close_array();
    printer.open_field("router");
    if printer.format().details {
        for ports in routers.chunk_by(|a, b| a.link == b.link) {
            router_ports(printer, ports, names);
        }
    }
    printer.close_object();
    printer.close_object();
}

/// Prints an entry of a database.
pub fn multicast_entry(printer: &mut Printer, entry: &MulticastEntry, names: &Names) {
    let format = printer.format();
    printer.open_object();
    if printer.is_json() {
        printer.number("index", ("", ""), entry.link);
    }
    printer.link("dev", ("dev ", ""), Colour::Link, entry.link, names);
    printer.link("port", (" port ", ""), Colour::None, entry.port, names);
    match entry.group {
        Group::Ip(address) => printer.address("grp", (" grp ", ""), address),
        Group::Mac(mac) => printer.mac("grp", (" grp ", ""), Colour::None, mac),
    }
    if let Some(source) = entry.source {
        printer.address("src", (" src ", ""), source);
    }
    printer.string("state", (" ", ""), if entry.permanent { "permanent" } else { "temp" });
    if format.details {
        details(printer, entry);
    }
    flags(printer, entry.flags);
    if entry.vlan != 0 {
        printer.number("vid", (" vid ", ""), entry.vlan);
    }
    if format.remotes {
        remote(printer, entry, names);
    }
    if let Some(timer) = entry.timer.filter(|_| format.statistics) {
        printer.field("timer", (" ", ""), Colour::None, |line| push_aligned(line, timer));
    }
    printer.end_line();
    printer.close_object();
}

/// Where packets go.
fn remote(printer: &mut Printer, entry: &MulticastEntry, names: &Names) {
    let Remote { address, port, vni, via } = entry.remote;
    if let Some(address) = address {
        printer.address("dst", (" dst ", ""), address);
    }
    if let Some(port) = port {
        printer.number("dst_port", (" dst_port ", ""), port);
    }
    if let Some(vni) = vni {
        printer.number("vni", (" vni ", ""), vni.get());
    }
    if let Some(vni) = entry.source_vni {
        printer.number("src_vni", (" src_vni ", ""), vni.get());
    }
    if let Some(via) = via {
        printer.link("via", (" via ", ""), Colour::None, via, names);
    }
}

fn details(printer: &mut Printer, entry: &MulticastEntry) {
    if let Some(mode) = entry.filter_mode {
        let name = match mode {
            FilterMode::Include => "include",
            FilterMode::Exclude => "exclude",
        };
        printer.string("filter_mode", (" filter_mode ", ""), name);
    }
    if !entry.sources.is_empty() {
        sources(printer, &entry.sources);
    }
    if let Some(protocol) = entry.protocol {
        let push = |line: &mut Line| push_protocol(line, protocol);
        printer.field("protocol", (" proto ", " "), Colour::None, push);
    }
}

fn sources(printer: &mut Printer, sources: &[Source]) {
    printer.open_array(Some("source_list"));
    printer.text(" source_list ");
    for (index, source) in sources.iter().enumerate() {
        if index > 0 {
            printer.text(",");
        }
        printer.open_object();
        printer.address("address", ("", ""), source.address);
        printer.field("timer", ("/", ""), Colour::None, |line| push_time(line, source.timer));
        printer.close_object();
    }
    printer.close_array();
}

/// Names of flags (`MDB_FLAGS_*`) in the order of their bits.
const FLAGS: [&str; 4] = ["offload", "fast_leave", "added_by_star_ex", "blocked"];

fn flags(printer: &mut Printer, flags: u8) {
    printer.open_array(Some("flags"));
    for (bit, name) in FLAGS.into_iter().enumerate() {
        if flags & 1 << bit != 0 {
            printer.flag((" ", ""), name);
        }
    }
    printer.close_array();
}

/// Prints ports of one bridge: in one line of text, or in a line each with statistics.
fn router_ports(printer: &mut Printer, ports: &[RouterPort], names: &Names) {
    let Some(first) = ports.first() else { return };
    let statistics = printer.format().statistics;
    printer.open_array_of(first.link, names);
    for (index, router) in ports.iter().enumerate() {
        if statistics || index == 0 {
            printer.text("router ports on ");
            if !printer.is_json() {
                printer.link("", ("", ": "), Colour::None, router.link, names);
            }
        }
        printer.open_object();
        printer.link("port", ("", " "), Colour::None, router.port, names);
        if let Some(timer) = router.timer.filter(|_| statistics) {
            printer.field("timer", ("", " "), Colour::None, |line| push_aligned(line, timer));
        }
        if statistics {
            let kind = if router.temporary { "temp" } else { "permanent" };
            printer.string("type", ("", "\n"), kind);
        }
        printer.close_object();
    }
    printer.close_array();
    if !statistics {
        printer.end_line();
    }
}

/// Appends seconds with hundredths.
fn push_time(line: &mut Line, timer: u32) {
    line.number(timer / SECOND);
    line.byte(b'.');
    line.two_digits((timer % SECOND) as u8);
}

/// The same, with at least four places for the seconds.
fn push_aligned(line: &mut Line, timer: u32) {
    line.right::<4>((timer / SECOND).into());
    line.byte(b'.');
    line.two_digits((timer % SECOND) as u8);
}
