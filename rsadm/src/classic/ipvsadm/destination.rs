//! Destination lines.

use std::io::{self, Write};
use std::net::SocketAddr;

use ipvs::{
    Destination, DestinationEntry, ForwardingMethod, ServiceKey, Tunnel, TunnelFlags, TunnelKind,
};

use super::Line;
use super::{Columns, Format, Names};

/// Where the first column of a destination begins, and how wide it is.
const NAME_START: usize = "  -> ".len();
const NAME_WIDTH: usize = 28;

impl Format {
    /// Writes the line of a destination of the service `key`.
    pub fn destination(
        &mut self,
        out: &mut impl Write,
        key: &ServiceKey,
        entry: &DestinationEntry,
    ) -> io::Result<()> {
        let Self { columns, exact, names, line, .. } = self;
        let DestinationEntry { destination, statistics, .. } = entry;
        name(line, key, destination.address, names);
        match columns {
            Columns::Plain => {
                plain(line, destination.method, destination.weight, connections(entry));
            }
            Columns::Tunnels => {
                line.byte(b' ');
                push_method(line, destination.method);
                push_tunnel_info(line, destination);
                weight_and_connections(line, destination.weight, connections(entry));
            }
            Columns::Statistics => {
                line.counter(statistics.connections, *exact);
                line.counter(statistics.incoming_packets, *exact);
                line.counter(statistics.outgoing_packets, *exact);
                line.counter(statistics.incoming_bytes, *exact);
                line.counter(statistics.outgoing_bytes, *exact);
            }
            Columns::Rates => {
                // ipvsadm shortens only the bytes of a destination.
                for rate in [
                    statistics.rates.connections,
                    statistics.rates.incoming_packets,
                    statistics.rates.outgoing_packets,
                ] {
                    line.byte(b' ');
                    line.right(rate, 8);
                }
                line.counter(statistics.rates.incoming_bytes, *exact);
                line.counter(statistics.rates.outgoing_bytes, *exact);
            }
            Columns::Thresholds => {
                let (active, inactive) = connections(entry);
                for number in
                    [destination.upper_threshold, destination.lower_threshold, active, inactive]
                {
                    line.byte(b' ');
                    line.left(number, 10);
                }
            }
            Columns::PersistentConnections => {
                let (active, inactive) = connections(entry);
                for (number, width) in [
                    (destination.weight, 9),
                    (entry.persistent_connections, 11),
                    (active, 10),
                    (inactive, 10),
                ] {
                    line.byte(b' ');
                    line.left(number, width);
                }
            }
        }
        line.byte(b'\n');
        out.write_all(line.bytes())
    }

    /// Writes the plain line of a destination of the service `key`.
    pub fn destination_summary(
        &mut self,
        out: &mut impl Write,
        key: &ServiceKey,
        summary: &ipvs::DestinationSummary,
    ) -> io::Result<()> {
        let line = &mut self.line;
        name(line, key, summary.address, &mut self.names);
        let connections = (summary.active_connections, summary.inactive_connections);
        plain(line, summary.method, summary.weight, connections);
        line.byte(b'\n');
        out.write_all(line.bytes())
    }
}

fn connections(entry: &DestinationEntry) -> (u32, u32) {
    (entry.active_connections, entry.inactive_connections)
}

/// Starts the line with the destination's address, which IPv4 keeps within its column.
fn name(line: &mut Line, key: &ServiceKey, address: SocketAddr, names: &mut Names) {
    line.clear();
    line.text("  -> ");
    line.endpoint(address, key.protocol(), names);
    if address.is_ipv4() {
        line.cut(NAME_START, NAME_WIDTH);
    }
    line.pad(NAME_START, NAME_WIDTH);
}

fn plain(line: &mut Line, method: ForwardingMethod, weight: u32, connections: (u32, u32)) {
    line.byte(b' ');
    push_method(line, method);
    weight_and_connections(line, weight, connections);
}

fn weight_and_connections(line: &mut Line, weight: u32, (active, inactive): (u32, u32)) {
    line.byte(b' ');
    line.left(weight, 6);
    line.byte(b' ');
    line.left(active, 10);
    line.byte(b' ');
    line.left(inactive, 10);
}

fn push_method(line: &mut Line, method: ForwardingMethod) {
    let start = line.len();
    line.text(match method {
        ForwardingMethod::MASQUERADE => "Masq",
        ForwardingMethod::LOCAL => "Local",
        ForwardingMethod::TUNNEL => "Tunnel",
        ForwardingMethod::ROUTE => "Route",
        _ => "?",
    });
    line.pad(start, 7);
}

/// Appends the column of the encapsulation.
fn push_tunnel_info(line: &mut Line, destination: &Destination) {
    line.byte(b' ');
    let start = line.len();
    let Tunnel { kind, port, flags } = destination.tunnel;
    match kind {
        _ if destination.method != ForwardingMethod::TUNNEL => line.text("n/a"),
        TunnelKind::IPIP => line.text("ipip"),
        TunnelKind::GUE => {
            line.text("gue:");
            line.number(port);
            line.byte(b':');
            line.text(checksum(flags));
        }
        TunnelKind::GRE => {
            line.text("gre:");
            line.text(checksum(flags));
        }
        _ => line.byte(b'?'),
    }
    line.pad(start, 13);
}

/// Both flags at once are possible in the kernel, not in ipvsadm.
fn checksum(flags: TunnelFlags) -> &'static str {
    match (flags.contains(TunnelFlags::CHECKSUM), flags.contains(TunnelFlags::REMOTE_CHECKSUM)) {
        (false, false) => "-c",
        (true, false) => "+c",
        (false, true) => "r+c",
        (true, true) => "+c,r+c",
    }
}
