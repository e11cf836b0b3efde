//! Writes a table as the script that makes it again.

use std::io::{self, Write};

use ipvs::{
    Daemon, Destination, Family, ForwardingMethod, Netmask, Protocol, Service, ServiceKey,
    Timeouts, TunnelFlags, TunnelKind,
};

use crate::ipvs::values;

/// How much of a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What `ipvsadm -S -n` writes.
    Plain,
    /// Everything that the kernel keeps: thresholds and granularity without persistence too.
    Full,
}

/// Writes the line that adds a service.
pub fn service(out: &mut impl Write, service: &Service, detail: Detail) -> io::Result<()> {
    write!(out, "-A {} -s ", Selector(&service.key))?;
    word(out, &service.scheduler)?;
    if service.is_persistent() {
        write!(out, " -p {}", service.timeout)?;
    }
    if !service.netmask.is_host() && (service.is_persistent() || detail == Detail::Full) {
        match service.netmask {
            Netmask::V4(mask) => write!(out, " -M {mask}")?,
            Netmask::V6(prefix) => write!(out, " -M {prefix}")?,
        }
    }
    if let Some(engine) = &service.persistence_engine {
        out.write_all(b" --pe ")?;
        word(out, engine)?;
    }
    if service.is_one_packet() {
        out.write_all(b" -o")?;
    }
    for (index, flag) in values::flag_names(service).enumerate() {
        write!(out, "{}{flag}", if index == 0 { " -b " } else { "," })?;
    }
    out.write_all(b"\n")
}

/// Writes the line that adds a destination to a service.
pub fn destination(
    out: &mut impl Write,
    key: &ServiceKey,
    destination: &Destination,
    detail: Detail,
) -> io::Result<()> {
    let method = match destination.method {
        ForwardingMethod::MASQUERADE => "-m",
        ForwardingMethod::TUNNEL => "-i",
        _ => "-g",
    };
    let Destination { address, weight, .. } = destination;
    write!(out, "-a {} -r {address} {method} -w {weight}", Selector(key))?;
    if detail == Detail::Full {
        if destination.upper_threshold != 0 {
            write!(out, " -x {}", destination.upper_threshold)?;
        }
        if destination.lower_threshold != 0 {
            write!(out, " -y {}", destination.lower_threshold)?;
        }
    }
    if destination.method == ForwardingMethod::TUNNEL {
        tunnel(out, destination)?;
    }
    out.write_all(b"\n")
}

fn tunnel(out: &mut impl Write, destination: &Destination) -> io::Result<()> {
    let tunnel = &destination.tunnel;
    match tunnel.kind.name() {
        Some(name) => write!(out, " --tun-type {name}")?,
        None => write!(out, " --tun-type {}", tunnel.kind.0)?,
    }
    if tunnel.kind == TunnelKind::GUE {
        write!(out, " --tun-port {}", tunnel.port)?;
    }
    if tunnel.kind == TunnelKind::IPIP {
        return Ok(());
    }
    let checksum = tunnel.flags.contains(TunnelFlags::CHECKSUM);
    let remote =
        tunnel.kind == TunnelKind::GUE && tunnel.flags.contains(TunnelFlags::REMOTE_CHECKSUM);
    if !checksum && !remote {
        out.write_all(b" --tun-nocsum")?;
    }
    if checksum {
        out.write_all(b" --tun-csum")?;
    }
    if remote {
        out.write_all(b" --tun-remcsum")?;
    }
    Ok(())
}

/// Writes the line that sets the timeouts.
pub fn timeouts(out: &mut impl Write, timeouts: &Timeouts) -> io::Result<()> {
    writeln!(out, "--set {} {} {}", timeouts.tcp, timeouts.tcp_fin, timeouts.udp)
}

/// Writes the line that starts a synchronisation daemon.
pub fn daemon(out: &mut impl Write, daemon: &Daemon) -> io::Result<()> {
    write!(out, "--start-daemon {} --mcast-interface ", daemon.role)?;
    word(out, &daemon.interface)?;
    write!(out, " --syncid {}", daemon.sync_id)?;
    if daemon.max_length != 0 {
        write!(out, " --sync-maxlen {}", daemon.max_length)?;
    }
    if let Some(group) = daemon.group {
        write!(out, " --mcast-group {group}")?;
    }
    if daemon.port != 0 {
        write!(out, " --mcast-port {}", daemon.port)?;
    }
    if daemon.ttl != 0 {
        write!(out, " --mcast-ttl {}", daemon.ttl)?;
    }
    out.write_all(b"\n")
}

/// A service in the words of ipvsadm.
struct Selector<'a>(&'a ServiceKey);

impl std::fmt::Display for Selector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            ServiceKey::Address { protocol: Protocol::TCP, address } => write!(f, "-t {address}"),
            ServiceKey::Address { protocol: Protocol::UDP, address } => write!(f, "-u {address}"),
            ServiceKey::Address { protocol: Protocol::SCTP, address } => {
                write!(f, "--sctp-service {address}")
            }
            key @ ServiceKey::Address { .. } => write!(f, "--service {key}"),
            ServiceKey::Mark { mark, family: Family::Ipv4 } => write!(f, "-f {mark}"),
            ServiceKey::Mark { mark, family: Family::Ipv6 } => write!(f, "-f {mark} -6"),
        }
    }
}

/// Writes a name so that it is read back as one word.
fn word(out: &mut impl Write, text: &str) -> io::Result<()> {
    let special = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'#');
    if !text.is_empty() && !text.bytes().any(special) {
        return out.write_all(text.as_bytes());
    }
    // There are no escapes: a double quote goes between single quotes, all else between double.
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            out.write_all(b"'\"'")?;
        }
        write!(out, "\"{part}\"")?;
    }
    Ok(())
}
