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
                    line.right::<8>(rate);
                }
                line.counter(statistics.rates.incoming_bytes, *exact);
                line.counter(statistics.rates.outgoing_bytes, *exact);
            }
            Columns::Thresholds => {
                for threshold in [destination.upper_threshold, destination.lower_threshold] {
                    line.byte(b' ');
                    line.left::<10>(threshold.into());
                }
                push_connections(line, connections(entry));
            }
            Columns::PersistentConnections => {
                line.byte(b' ');
                line.left::<9>(destination.weight.into());
                line.byte(b' ');
                line.left::<11>(entry.persistent_connections.into());
                push_connections(line, connections(entry));
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

fn weight_and_connections(line: &mut Line, weight: u32, connections: (u32, u32)) {
    line.byte(b' ');
    line.left::<6>(weight.into());
    push_connections(line, connections);
}

fn push_connections(line: &mut Line, (active, inactive): (u32, u32)) {
    line.byte(b' ');
    line.left::<10>(active.into());
    line.byte(b' ');
    line.left::<10>(inactive.into());
}

fn push_method(line: &mut Line, method: ForwardingMethod) {
    let name: &[u8; 7] = match method {
        ForwardingMethod::MASQUERADE => b"Masq   ",
        ForwardingMethod::LOCAL => b"Local  ",
        ForwardingMethod::TUNNEL => b"Tunnel ",
        ForwardingMethod::ROUTE => b"Route  ",
        _ => b"?      ",
    };
    line.raw(name);
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
