//! VXLAN devices, in ip's words: those of its lines that are about the device itself.

use std::net::IpAddr;

use vxlan::{DontFragment, Link, LinkFlags, Settings};

use crate::classic::Line;
use crate::classic::bridge::Names;

/// Flags in the order in which ip prints them.
const FLAGS: [(u32, &str); 15] = [
    (0x8, "LOOPBACK"),
    (0x2, "BROADCAST"),
    (0x10, "POINTOPOINT"),
    (0x1000, "MULTICAST"),
    (0x80, "NOARP"),
    (0x200, "ALLMULTI"),
    (0x100, "PROMISC"),
    (0x400, "MASTER"),
    (0x800, "SLAVE"),
    (0x4, "DEBUG"),
    (0x8000, "DYNAMIC"),
    (0x4000, "AUTOMEDIA"),
    (0x2000, "PORTSEL"),
    (0x20, "NOTRAILERS"),
    (0x1, "UP"),
];
const LOWER_UP: (u32, &str) = (0x1_0000, "LOWER_UP");

/// The names of flags. A device that is up and cannot carry packets has one of its own.
pub fn link_flags(flags: LinkFlags) -> impl Iterator<Item = &'static str> {
    let no_carrier = flags.contains(LinkFlags::UP) && !flags.contains(LinkFlags::RUNNING);
    let set = FLAGS.into_iter().chain([LOWER_UP]).filter(move |(bit, _)| flags.bits() & bit != 0);
    no_carrier.then_some("NO-CARRIER").into_iter().chain(set.map(|(_, name)| name))
}

/// The state of a link by its number (`IF_OPER_*`).
pub(crate) fn operational_state(number: u8) -> &'static str {
    const NAMES: [&str; 7] =
        ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"];
    NAMES.get(usize::from(number)).copied().unwrap_or("UNKNOWN")
}

/// Prints a device: three lines.
pub fn link(line: &mut Line, link: &Link, names: &Names) {
    line.number(link.index);
    line.text(": ");
    line.text(&link.name);
    line.text(": <");
    for (index, flag) in link_flags(link.flags).enumerate() {
        if index > 0 {
            line.byte(b',');
        }
        line.text(flag);
    }
    line.byte(b'>');
    if let Some(mtu) = link.mtu {
        line.text(" mtu ");
        line.number(mtu);
    }
    if let Some(master) = link.master {
        line.text(" master ");
        push_name(line, names, master);
    }
    line.text(" state ");
    line.text(operational_state(link.operational_state.unwrap_or_default()));
    line.byte(b'\n');
    if let Some(mac) = link.mac {
        line.text("    link/ether ");
        line.text(&mac.to_string());
        if let Some(namespace) = link.link_namespace {
            line.text(" link-netnsid ");
            line.number(namespace);
        }
        line.byte(b'\n');
    }
    if let Some(settings) = &link.vxlan {
        line.text("    vxlan");
        push_settings(line, settings, names, link.link_namespace.is_some());
        line.byte(b'\n');
    }
}

/// Appends the name of a link: of one that is not known, what tells its index.
pub(super) fn push_name(line: &mut Line, names: &Names, index: u32) {
    if let Some(name) = names.get(index) {
        line.text(name);
    } else {
        line.text("if");
        line.number(index);
    }
}

fn push_word(line: &mut Line, word: &str) {
    line.byte(b' ');
    line.text(word);
}

fn push_number(line: &mut Line, word: &str, number: u32) {
    push_word(line, word);
    line.byte(b' ');
    line.number(number);
}

fn push_settings(line: &mut Line, settings: &Settings, names: &Names, is_elsewhere: bool) {
    for (set, word) in [(settings.external, "external"), (settings.vni_filter, "vnifilter")] {
        if set == Some(true) {
            push_word(line, word);
        }
    }
    if let Some(id) = settings.id {
        push_number(line, "id", id.get());
    }
    let mut push_address = |word: &str, address: Option<IpAddr>| {
        if let Some(address) = address.filter(|address| !address.is_unspecified()) {
            push_word(line, word);
            line.byte(b' ');
            line.address(address);
        }
    };
    let is_group = settings.group.is_some_and(|address| address.is_multicast());
    push_address(if is_group { "group" } else { "remote" }, settings.group);
    push_address("local", settings.local);
    if let Some(underlay) = settings.link.filter(|index| *index != 0) {
        line.text(" dev ");
        if is_elsewhere {
            line.text("if");
            line.number(underlay);
        } else {
            push_name(line, names, underlay);
        }
    }
    if let Some((low, high)) = settings.source_ports {
        push_number(line, "srcport", low.into());
        line.byte(b' ');
        line.number(high);
    }
    if let Some(port) = settings.port {
        push_number(line, "dstport", port.into());
    }
    if settings.learning == Some(false) {
        line.text(" nolearning");
    }
    for (set, word) in [
        (settings.proxy, "proxy"),
        (settings.short_circuit, "rsc"),
        (settings.notify_missing_entries, "l2miss"),
        (settings.notify_missing_neighbours, "l3miss"),
    ] {
        if set == Some(true) {
            push_word(line, word);
        }
    }
    push_outer(line, settings);
    push_checksums(line, settings);
}

/// What is said of the outer packets' header.
fn push_outer(line: &mut Line, settings: &Settings) {
    match settings.tos {
        None | Some(0) => {}
        Some(1) => line.text(" tos inherit"),
        Some(tos) => {
            line.text(" tos 0x");
            line.hexadecimal(tos.into());
        }
    }
    match settings.ttl {
        _ if settings.ttl_inherit == Some(true) => line.text(" ttl inherit"),
        Some(0) => line.text(" ttl auto"),
        Some(ttl) => push_number(line, "ttl", ttl.into()),
        None => {}
    }
    match settings.dont_fragment {
        Some(DontFragment::SET) => line.text(" df set"),
        Some(DontFragment::INHERIT) => line.text(" df inherit"),
        _ => {}
    }
    if settings.flow_label_policy == Some(1) {
        line.text(" flowlabel inherit");
    } else if let Some(label) = settings.flow_label.filter(|label| *label != 0) {
        push_word(line, &format!("flowlabel {label:#x}"));
    }
    match settings.ageing {
        None => {}
        Some(0) => line.text(" ageing none"),
        Some(seconds) => push_number(line, "ageing", seconds),
    }
    if let Some(limit) = settings.limit.filter(|limit| *limit != 0) {
        push_number(line, "maxaddr", limit);
    }
}

fn push_checksums(line: &mut Line, settings: &Settings) {
    for (set, word) in [
        (settings.udp_checksum, "udpcsum"),
        (settings.udp_zero_checksum6_tx, "udp6zerocsumtx"),
        (settings.udp_zero_checksum6_rx, "udp6zerocsumrx"),
    ] {
        match set {
            Some(true) => push_word(line, word),
            Some(false) => {
                line.text(" no");
                line.text(word);
            }
            None => {}
        }
    }
    for (set, word) in [
        (settings.remote_checksum_tx == Some(true), "remcsumtx"),
        (settings.remote_checksum_rx == Some(true), "remcsumrx"),
        (settings.remote_checksum_no_partial, "remcsumnopartial"),
        (settings.gbp, "gbp"),
        (settings.gpe, "gpe"),
        (settings.local_bypass == Some(false), "nolocalbypass"),
        (settings.multicast_route == Some(true), "mcroute"),
    ] {
        if set {
            push_word(line, word);
        }
    }
    if let Some(bits) = settings.reserved_bits {
        push_word(line, &format!("reserved_bits {bits:#x}"));
    }
}
