//! VNIs that devices take packets of.

use vxlan::{VniEntry, VniStatistics};

use super::printer::Colour;
use super::{Names, Printer};

/// Prints what is above the first device; JSON has nothing there.
pub fn vni_heading(printer: &mut Printer) {
    printer.text("dev               vni              group/remote   \n");
}

/// Prints the VNIs of one device, which is that of the first; there is at least one.
pub fn vni_entries(printer: &mut Printer, entries: &[VniEntry], names: &Names) {
    let Some(first) = entries.first() else { return };
    printer.open_object();
    device(printer, first.link, names);
    printer.open_array(Some("vnis"));
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            printer.text(MARGIN);
        }
        fields(printer, entry);
    }
    printer.close_array();
    printer.end_line();
    printer.close_object();
}

/// As wide as a device's name and the blank behind it.
const MARGIN: &str = "                   ";

fn device(printer: &mut Printer, link: u32, names: &Names) {
    if printer.is_json() {
        return printer.link("ifname", ("", ""), Colour::Link, link, names);
    }
    printer.field("ifname", ("", ""), Colour::Link, |line| {
        let start = line.len();
        names.push(line, link);
        line.pad(start, MARGIN.len() - 1);
    });
    printer.text(" ");
}

fn fields(printer: &mut Printer, entry: &VniEntry) {
    printer.open_object();
    if printer.is_json() {
        printer.number("vni", ("", ""), entry.first.get());
        if entry.last != entry.first {
            printer.number("vniEnd", ("", ""), entry.last.get());
        }
    } else if entry.last == entry.first {
        printer.column::<14>(entry.first.get());
    } else {
        printer.number("vni", ("", "-"), entry.first.get());
        printer.column::<15>(entry.last.get());
    }
    if let Some(remote) = entry.remote {
        let key = if remote.is_multicast() { "group" } else { "remote" };
        printer.field(key, (" ", ""), Colour::None, |line| line.address(remote));
    }
    printer.end_line();
    if let Some(statistics) = &entry.statistics {
        counters(printer, statistics);
    }
    printer.close_object();
}

fn counters(printer: &mut Printer, statistics: &VniStatistics) {
    let VniStatistics { rx_bytes, rx_packets, rx_drops, rx_errors, .. } = *statistics;
    let VniStatistics { tx_bytes, tx_packets, tx_drops, tx_errors, .. } = *statistics;
    printer.open_field("stats");
    printer.text(MARGIN);
    printer.text("RX: ");
    printer.number("rx_bytes", ("bytes ", " "), rx_bytes);
    printer.number("rx_pkts", ("pkts ", " "), rx_packets);
    printer.number("rx_drops", ("drops ", " "), rx_drops);
    printer.number("rx_errors", ("errors ", " "), rx_errors);
    printer.end_line();
    printer.text(MARGIN);
    printer.text("TX: ");
    printer.number("tx_bytes", ("bytes ", " "), tx_bytes);
    printer.number("tx_pkts", ("pkts ", " "), tx_packets);
    printer.number("tx_drops", ("drops ", " "), tx_drops);
    printer.number("tx_errors", ("errors ", " "), tx_errors);
    printer.end_line();
    printer.close_object();
}
