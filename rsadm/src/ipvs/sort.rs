//! The order of a listing.

use std::cmp::Reverse;
use std::net::SocketAddr;

use clap::ValueEnum;
use ipvs::{DestinationEntry, DestinationSummary, ServiceEntry, Statistics, TableList};

/// What services, and the destinations of each, are sorted by. Addresses, ports and marks are
/// compared as numbers, smallest first; all else is largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortKey {
    /// Address and port, or firewall mark
    #[default]
    Address,
    /// As the kernel has them
    None,
    /// Weight
    Weight,
    /// Active connections
    Activeconn,
    /// Inactive connections
    Inactconn,
    /// Persistence templates
    Persistconn,
    /// Connections so far
    Conns,
    /// Packets from clients
    Inpkts,
    /// Packets from destinations
    Outpkts,
    /// Bytes from clients
    Inbytes,
    /// Bytes from destinations
    Outbytes,
    /// Connections per second
    Cps,
    /// Packets per second from clients
    Inpps,
    /// Packets per second from destinations
    Outpps,
    /// Bytes per second from clients
    Inbps,
    /// Bytes per second from destinations
    Outbps,
}

impl SortKey {
    /// Whether the plain columns are enough to sort by it.
    pub(crate) fn is_plain(self) -> bool {
        matches!(
            self,
            Self::Address | Self::None | Self::Weight | Self::Activeconn | Self::Inactconn
        )
    }

    /// Whether services are sorted by what they have themselves.
    pub(crate) fn is_of_services(self) -> bool {
        !matches!(self, Self::Weight | Self::Activeconn | Self::Inactconn | Self::Persistconn)
    }

    /// Sorts services with their destinations.
    pub(crate) fn sort<D: Row>(self, table: &mut [(ServiceEntry, Vec<D>)]) {
        if self == Self::None {
            return;
        }
        for (_, destinations) in table.iter_mut() {
            self.sort_destinations(destinations);
        }
        table.sort_by_cached_key(|(entry, destinations)| {
            (Reverse(self.total(entry, destinations)), entry.service.key)
        });
    }

    /// Sorts services by what they have themselves.
    pub(crate) fn sort_services(self, table: &mut TableList) {
        match self {
            Self::None => {}
            Self::Address => table.sort(),
            _ => table.sort_by_key(|key, statistics| (Reverse(self.counter(&statistics)), key)),
        }
    }

    /// Sorts the destinations of a service.
    pub(crate) fn sort_destinations<D: Row>(self, destinations: &mut [D]) {
        match self {
            Self::None => {}
            Self::Address => {
                // The kernel has the newest first: what was added in order is the other way round.
                if destinations.is_sorted_by(|one, next| one.address() >= next.address()) {
                    destinations.reverse();
                } else {
                    destinations.sort_unstable_by_key(Row::address);
                }
            }
            _ => {
                destinations.sort_unstable_by_key(|row| (Reverse(row.amount(self)), row.address()));
            }
        }
    }

    /// The amount of a service: its own where it has one, or else its destinations' together.
    fn total<D: Row>(self, entry: &ServiceEntry, destinations: &[D]) -> u64 {
        self.counter(&entry.statistics)
            .unwrap_or_else(|| destinations.iter().map(|row| row.amount(self)).sum())
    }

    fn counter(self, statistics: &Statistics) -> Option<u64> {
        let Statistics { rates, .. } = statistics;
        Some(match self {
            Self::Conns => statistics.connections,
            Self::Inpkts => statistics.incoming_packets,
            Self::Outpkts => statistics.outgoing_packets,
            Self::Inbytes => statistics.incoming_bytes,
            Self::Outbytes => statistics.outgoing_bytes,
            Self::Cps => rates.connections,
            Self::Inpps => rates.incoming_packets,
            Self::Outpps => rates.outgoing_packets,
            Self::Inbps => rates.incoming_bytes,
            Self::Outbps => rates.outgoing_bytes,
            _ => return None,
        })
    }
}

/// A destination in a listing.
pub(crate) trait Row {
    /// Whether all columns were read.
    const WHOLE: bool;

    /// The plain columns.
    fn plain(&self) -> DestinationSummary;

    /// Identity within its service.
    fn address(&self) -> SocketAddr;

    /// All columns, where they were read.
    fn whole(&self) -> Option<&DestinationEntry>;

    /// What it has of a sort key.
    fn amount(&self, key: SortKey) -> u64 {
        let plain = self.plain();
        match key {
            SortKey::Address | SortKey::None => 0,
            SortKey::Weight => plain.weight.into(),
            SortKey::Activeconn => plain.active_connections.into(),
            SortKey::Inactconn => plain.inactive_connections.into(),
            SortKey::Persistconn => {
                self.whole().map_or(0, |entry| entry.persistent_connections.into())
            }
            _ => self.whole().and_then(|entry| key.counter(&entry.statistics)).unwrap_or(0),
        }
    }
}

impl Row for DestinationSummary {
    const WHOLE: bool = false;

    fn plain(&self) -> DestinationSummary {
        *self
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn whole(&self) -> Option<&DestinationEntry> {
        None
    }
}

impl Row for DestinationEntry {
    const WHOLE: bool = true;

    fn plain(&self) -> DestinationSummary {
        self.into()
    }

    fn address(&self) -> SocketAddr {
        self.destination.address
    }

    fn whole(&self) -> Option<&DestinationEntry> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use ipvs::{Destination, ForwardingMethod, Service};

    use super::*;

    fn service(key: &str, connections: u64) -> ServiceEntry {
        ServiceEntry {
            service: Service::new(key.parse().expect(key), "rr"),
            statistics: Statistics { connections, ..Statistics::default() },
        }
    }

    fn destination(address: &str, weight: u32, connections: u64) -> DestinationEntry {
        let mut destination =
            Destination::new(address.parse().expect(address), ForwardingMethod::MASQUERADE);
        destination.weight = weight;
        DestinationEntry {
            destination,
            active_connections: 0,
            inactive_connections: 0,
            persistent_connections: 0,
            statistics: Statistics { connections, ..Statistics::default() },
        }
    }

    fn sorted(key: SortKey) -> Vec<String> {
        let mut table = [
            (service("tcp://192.168.0.1:80", 7), vec![destination("10.0.0.9:1", 5, 1)]),
            (service("fwmark://3000000000", 9), vec![]),
            (
                service("tcp://10.0.0.1:80", 7),
                vec![destination("192.0.2.1:1", 1, 3), destination("9.0.0.1:1", 2, 2)],
            ),
            (service("fwmark://5", 0), vec![destination("10.0.0.8:0", 5, 0)]),
            (service("tcp://[2001:db8::1]:80", 1), vec![]),
            (service("fwmark://2147483648", 0), vec![]),
        ];
        key.sort(&mut table);
        let mut lines = Vec::new();
        for (entry, destinations) in table {
            lines.push(entry.service.key.to_string());
            lines.extend(destinations.iter().map(|row| row.plain().address.to_string()));
        }
        lines
    }

    #[test]
    fn addresses_and_marks_are_numbers() {
        assert_eq!(
            sorted(SortKey::Address),
            [
                "tcp://10.0.0.1:80",
                "9.0.0.1:1",
                "192.0.2.1:1",
                "tcp://192.168.0.1:80",
                "10.0.0.9:1",
                "tcp://[2001:db8::1]:80",
                "fwmark://5",
                "10.0.0.8:0",
                "fwmark://2147483648",
                "fwmark://3000000000",
            ]
        );
    }

    #[test]
    fn amounts_are_largest_first_and_addresses_decide_between_equals() {
        let conns = sorted(SortKey::Conns);
        assert_eq!(
            conns[..4],
            ["fwmark://3000000000", "tcp://10.0.0.1:80", "192.0.2.1:1", "9.0.0.1:1"]
        );
        let weight = sorted(SortKey::Weight);
        assert_eq!(
            weight[..5],
            ["tcp://192.168.0.1:80", "10.0.0.9:1", "fwmark://5", "10.0.0.8:0", "tcp://10.0.0.1:80"]
        );
    }

    #[test]
    fn the_kernels_order_stays() {
        assert_eq!(
            sorted(SortKey::None)[..3],
            ["tcp://192.168.0.1:80", "10.0.0.9:1", "fwmark://3000000000"]
        );
    }
}
