//! The plain table of `/proc/net/ip_vs`: what everybody may read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};

use crate::fields::Fields;
use crate::lines::Lines;
use crate::{
    DestinationEntry, Family, ForwardingMethod, Netmask, Protocol, Result, ServiceKey, Version,
};

/// The columns of a destination in a plain listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DestinationSummary {
    /// Identity within its service.
    pub address: SocketAddr,
    /// How packets reach it.
    pub method: ForwardingMethod,
    /// Share of new connections.
    pub weight: u32,
    /// Connections in an active state (TCP: established).
    pub active_connections: u32,
    /// All other connections.
    pub inactive_connections: u32,
}

impl From<&DestinationEntry> for DestinationSummary {
    fn from(entry: &DestinationEntry) -> Self {
        Self {
            address: entry.destination.address,
            method: entry.destination.method,
            weight: entry.destination.weight,
            active_connections: entry.active_connections,
            inactive_connections: entry.inactive_connections,
        }
    }
}

/// Identity of a service in the plain table, which does not say the family of a firewall mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum PlainKey {
    /// Packets of a protocol to an address and port.
    Address {
        /// Layer 4 protocol.
        protocol: Protocol,
        /// The virtual address and port.
        address: SocketAddr,
    },
    /// Packets that netfilter marked, of one family or the other.
    Mark(u32),
}

impl PlainKey {
    /// Whether this may be the service; sure unless it is a firewall mark.
    pub fn matches(&self, key: &ServiceKey) -> bool {
        match (*self, *key) {
            (
                Self::Address { protocol, address },
                ServiceKey::Address { protocol: other_protocol, address: other_address },
            ) => protocol == other_protocol && address == other_address,
            (Self::Mark(mark), ServiceKey::Mark { mark: other, .. }) => mark == other,
            _ => false,
        }
    }

    /// The identity, `None` for a firewall mark.
    pub fn service_key(&self) -> Option<ServiceKey> {
        match *self {
            Self::Address { protocol, address } => Some(ServiceKey::Address { protocol, address }),
            Self::Mark(_) => None,
        }
    }
}

/// Persistence in the plain table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PlainPersistence {
    /// Timeout in ticks of the kernel (`CONFIG_HZ` a second, 100 to 1000), which are as long as
    /// `clock_getres(CLOCK_MONOTONIC_COARSE)` says; [`Service::timeout`](crate::Service) has
    /// seconds.
    pub timeout_jiffies: u32,
    /// The granularity as it is printed; see [`netmask`](Self::netmask).
    pub raw_netmask: u32,
}

impl PlainPersistence {
    /// The granularity, for a service of this family.
    pub fn netmask(&self, family: Family) -> Netmask {
        match family {
            Family::Ipv4 => Netmask::V4(Ipv4Addr::from_bits(self.raw_netmask)),
            // The kernel prints the prefix length as if it were in network byte order: 48 is
            // 30000000 on a little endian machine.
            Family::Ipv6 if self.raw_netmask > 128 => Netmask::V6(self.raw_netmask.swap_bytes()),
            Family::Ipv6 => Netmask::V6(self.raw_netmask),
        }
    }
}

/// A service and its destinations in the plain table.
///
/// The plain table lacks the family of firewall marks, one-packet scheduling over IPv6, flags of
/// the scheduler, persistence engines, tunnel parameters, thresholds, persistent connections and all counters; a
/// [`Client`](crate::Client) reads those.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PlainService {
    /// Identity.
    pub key: PlainKey,
    /// Name of the scheduler; `none` is a service without one.
    pub scheduler: Box<str>,
    /// Whether every UDP packet is scheduled on its own; `None` for IPv6 addresses, of which the
    /// kernel does not tell it.
    #[doc(alias = "ops")]
    pub one_packet: Option<bool>,
    /// Persistence, if the service is persistent.
    pub persistence: Option<PlainPersistence>,
    /// Destinations, in the kernel's order.
    pub destinations: Vec<DestinationSummary>,
}

/// The services of the plain table, read as they are asked for.
///
/// The order of services and destinations is that of the kernel, the same as in a netlink dump of
/// an unchanged table. The kernel gives no consistent view of a table that changes meanwhile.
///
/// Words and columns that a later kernel may add are passed over. After an error there is nothing
/// more.
///
/// ```
/// use ipvs::PlainTable;
/// let file = b"IP Virtual Server version 1.2.1 (size=4096)\n\
///     Prot LocalAddress:Port Scheduler Flags\n\
///     \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n\
///     TCP  0AF3150E:22B0 rr  \n\
///     \x20 -> 0AF40320:0050      Masq    1      0          2         \n";
/// let mut table = PlainTable::from_reader(&file[..])?;
/// assert_eq!(table.connection_table_size(), 4096);
/// let service = table.next().unwrap()?;
/// assert_eq!(service.key.service_key(), Some("tcp://10.243.21.14:8880".parse()?));
/// assert_eq!(service.destinations[0].inactive_connections, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PlainTable<R = BufReader<File>> {
    lines: Lines<R>,
    version: Version,
    connection_table_size: u32,
    /// The service whose destinations are being read.
    pending: Option<PlainService>,
    ended: bool,
}

/// The file of the plain table.
pub(crate) const PATH: &str = "/proc/net/ip_vs";

impl<R: BufRead> PlainTable<R> {
    /// Reads the text of `/proc/net/ip_vs`, such as one saved on another host.
    pub fn from_reader(reader: R) -> Result<Self> {
        let mut lines = Lines::new(reader, PATH);
        lines.advance()?;
        let Some((version, connection_table_size)) = parse_version(lines.line()) else {
            return Err(lines.not_understood());
        };
        for title in [&b"Prot LocalAddress:Port "[..], b"  -> RemoteAddress:Port "] {
            if !lines.advance()? || !lines.line().starts_with(title) {
                return Err(lines.not_understood());
            }
        }
        Ok(Self { lines, version, connection_table_size, pending: None, ended: false })
    }

    /// Version of IPVS.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Buckets of the connection table; see
    /// [`Info::connection_table_size`](crate::Info::connection_table_size). From Linux 7.1 it is 0
    /// until a namespace has its first service.
    pub fn connection_table_size(&self) -> u32 {
        self.connection_table_size
    }

    /// Reads until a service is complete: to the line of the next one, or the end.
    fn read(&mut self) -> Result<Option<PlainService>> {
        while self.lines.advance()? {
            let line = self.lines.line();
            if line.starts_with(b"  -> ") {
                let (Some(service), Some(destination)) =
                    (&mut self.pending, parse_destination(line))
                else {
                    return Err(self.lines.not_understood());
                };
                service.destinations.push(destination);
            } else {
                let Some(service) = parse_service(line) else {
                    return Err(self.lines.not_understood());
                };
                if let Some(mut complete) = self.pending.replace(service) {
                    // Whoever keeps a large table keeps no more than its rows.
                    complete.destinations.shrink_to_fit();
                    return Ok(Some(complete));
                }
            }
        }
        self.ended = true;
        Ok(self.pending.take())
    }
}

impl<R: BufRead> Iterator for PlainTable<R> {
    type Item = Result<PlainService>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let outcome = self.read();
        self.ended |= outcome.is_err();
        outcome.transpose()
    }
}

/// `IP Virtual Server version 1.2.1 (size=4096)`
fn parse_version(line: &[u8]) -> Option<(Version, u32)> {
    let text = std::str::from_utf8(line).ok()?;
    let text = text.strip_prefix("IP Virtual Server version ")?.strip_suffix(')')?;
    let (version, size) = text.split_once(" (size=")?;
    let mut parts = version.split('.').map(str::parse::<u8>);
    let mut part = || parts.next()?.ok();
    let version = Version(u32::from_be_bytes([0, part()?, part()?, part()?]));
    parts.next().is_none().then_some(())?;
    Some((version, size.parse().ok()?))
}

/// `TCP  0A000001:0050 rr ops persistent 36000 FFFFFFFF`, `FWM  00000007 rr `
fn parse_service(line: &[u8]) -> Option<PlainService> {
    let mut fields = Fields::new(line);
    let key = if line.starts_with(b"FWM ") {
        fields.literal(b"FWM ")?;
        PlainKey::Mark(fields.hex()?)
    } else {
        PlainKey::Address { protocol: fields.protocol()?, address: fields.socket_address()? }
    };
    let scheduler = fields.text()?.into();
    let told = !matches!(key, PlainKey::Address { address: SocketAddr::V6(_), .. });
    let mut one_packet = told.then_some(false);
    let mut persistence = None;
    while let Some(word) = fields.word() {
        match word {
            b"ops" => one_packet = Some(true),
            b"persistent" => {
                persistence = Some(PlainPersistence {
                    timeout_jiffies: fields.signed()?,
                    raw_netmask: fields.hex()?,
                });
            }
            // What a later kernel may have to say.
            _ => {}
        }
    }
    Some(PlainService { key, scheduler, one_packet, persistence, destinations: Vec::new() })
}

/// `  -> 0A090003:1F90      Masq    65535  1          2         `
fn parse_destination(line: &[u8]) -> Option<DestinationSummary> {
    let mut fields = Fields::new(line);
    fields.literal(b"  -> ")?;
    Some(DestinationSummary {
        address: fields.socket_address()?,
        method: match fields.word()? {
            b"Masq" => ForwardingMethod::MASQUERADE,
            b"Local" => ForwardingMethod::LOCAL,
            b"Tunnel" => ForwardingMethod::TUNNEL,
            b"Route" => ForwardingMethod::ROUTE,
            b"Bypass" => ForwardingMethod::BYPASS,
            _ => return None,
        },
        weight: fields.signed()?,
        active_connections: fields.signed()?,
        inactive_connections: fields.signed()?,
    })
}

#[cfg(test)]
mod tests;
