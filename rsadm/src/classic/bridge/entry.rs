//! Forwarding entries.

use vxlan::{CacheTimes, Entry, Flags, State};

use super::printer::Colour;
use super::{Names, Printer};

/// A second of [`CacheTimes`].
const SECOND: u32 = 100;

/// Prints an entry.
#[inline]
pub fn entry(printer: &mut Printer, entry: &Entry, names: &Names) {
    printer.open_object();
    fields(printer, entry, names);
}

/// Prints an entry that was deleted.
pub fn deleted_entry(printer: &mut Printer, entry: &Entry, names: &Names) {
    printer.open_object();
    printer.switch("deleted", "Deleted ");
    fields(printer, entry, names);
}

#[inline]
fn fields(printer: &mut Printer, entry: &Entry, names: &Names) {
    let remote = &entry.remote;
    printer.mac("mac", ("", " "), Colour::Mac, entry.mac);
    if printer.format().device && entry.link != 0 {
        printer.text("dev ");
        printer.link("ifname", ("", " "), Colour::Link, entry.link, names);
    }
    if let Some(address) = remote.address {
        printer.text("dst ");
        printer.address("dst", ("", " "), address);
    }
    if let Some(vlan) = entry.vlan.filter(|vlan| *vlan != 0) {
        printer.number("vlan", ("vlan ", " "), vlan);
    }
    if let Some(port) = remote.port {
        printer.number("port", ("port ", " "), port);
    }
    if let Some(vni) = remote.vni {
        printer.number("vni", ("vni ", " "), vni.get());
    }
    if let Some(vni) = entry.source_vni {
        printer.number("src_vni", ("src_vni ", " "), vni.get());
    }
    if let Some(via) = remote.via {
        if entry.link_namespace.is_some() {
            printer.number("viaIfIndex", ("via ifindex ", " "), via);
        } else {
            printer.link("viaIf", ("via ", " "), Colour::None, via, names);
        }
    }
    if let Some(group) = entry.nexthop_group {
        printer.number("nhid", ("nhid ", " "), group);
    }
    if let Some(id) = entry.link_namespace {
        namespace(printer, id);
    }
    if let Some(times) = entry.cache.filter(|_| printer.format().statistics) {
        statistics(printer, times);
    }
    flags(printer, entry.flags);
    if let Some(master) = entry.master {
        printer.link("master", ("master ", " "), Colour::None, master, names);
    }
    state(printer, entry.state);
    printer.close_object();
}

/// JSON has it without a sign.
fn namespace(printer: &mut Printer, id: i32) {
    if printer.is_json() {
        printer.number("linkNetNsId", ("", ""), id.cast_unsigned());
    } else {
        printer.number("linkNetNsId", ("link-netnsid ", " "), id);
    }
}

fn statistics(printer: &mut Printer, times: CacheTimes) {
    printer.number("used", ("used ", ""), times.used / SECOND);
    printer.number("updated", ("/", " "), times.updated / SECOND);
}

/// Names of flags in the order in which they are printed.
const FLAGS: [(Flags, &str); 6] = [
    (Flags::SELF, "self"),
    (Flags::ROUTER, "router"),
    (Flags::EXTERN_LEARN, "extern_learn"),
    (Flags::OFFLOADED, "offload"),
    (Flags::MASTER, "master"),
    (Flags::STICKY, "sticky"),
];

fn flags(printer: &mut Printer, flags: Flags) {
    printer.open_array(Some("flags"));
    for (flag, name) in FLAGS {
        if flags.contains(flag) {
            printer.flag(("", " "), name);
        }
    }
    printer.close_array();
}

fn state(printer: &mut Printer, state: State) {
    let name = if state.contains(State::PERMANENT) {
        "permanent"
    } else if state.contains(State::NOARP) {
        "static"
    } else if state.contains(State::STALE) {
        "stale"
    } else if state.contains(State::REACHABLE) {
        ""
    } else {
        let before = if printer.is_json() { "" } else { "state=" };
        printer.field("state", (before, "\n"), Colour::None, |line| {
            // The C library's `%#x` leaves zero alone.
            if !state.is_empty() {
                line.text("0x");
            }
            line.hexadecimal(state.bits());
        });
        return;
    };
    printer.string("state", ("", "\n"), name);
}
