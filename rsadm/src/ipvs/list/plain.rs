//! The listing for those whom the kernel shows the plain table only.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ipvs::{
    DestinationSummary, Error, Family, Info, Netmask, PlainKey, PlainPersistence, PlainService,
    PlainTable, Proc, Service, ServiceEntry, ServiceFlags, ServiceKey, Statistics,
};
use rustix::time::{ClockId, clock_getres};

use super::Reading;
use crate::failure::{Failure, Result};

/// Reads the plain table, all of it or one service; `refusal` is why nothing better is read.
pub(super) fn read(
    wanted: Option<&ServiceKey>,
    refusal: Error,
) -> Result<Reading<DestinationSummary>> {
    let ticks = ticks_per_second();
    let mut rows = Vec::new();
    let table = open()?;
    let info =
        Info { version: table.version(), connection_table_size: table.connection_table_size() };
    for service in table {
        let (entry, destinations) = entry(service?, ticks);
        if wanted.is_none_or(|key| *key == entry.service.key) {
            rows.push((entry, destinations));
        }
    }
    if let (Some(_), true) = (wanted, rows.is_empty()) {
        return Err(Failure::from(refusal));
    }
    Ok(Reading { info: wanted.is_none().then_some(info), rows })
}

/// Opens the plain table.
///
/// Before Linux 7.1 the services of all network namespaces are in one hash table. A read that goes
/// over those of others counts them, and the next one starts behind too many of our own: services
/// are missing. A read that ends within a service goes over none. That is slower, and the only
/// way: nobody but root can tell whether other namespaces have services.
fn open() -> ipvs::Result<PlainTable<BufReader<File>>> {
    const LESS_THAN_A_SERVICE: usize = 16;
    let name = "/proc/thread-self/net/ip_vs";
    // The kernels that have this file keep namespaces apart.
    if Path::new("/proc/thread-self/net/ip_vs_status").exists() {
        return Proc::new().table();
    }
    let file = File::open(name).map_err(|source| Error::File {
        action: "read",
        path: name.into(),
        source,
    })?;
    PlainTable::from_reader(BufReader::with_capacity(LESS_THAN_A_SERVICE, file))
}

/// What the plain table says of a service, in the form of what the kernel says to the privileged.
fn entry(plain: PlainService, ticks: u32) -> (ServiceEntry, Vec<DestinationSummary>) {
    let PlainService { key, scheduler, one_packet, persistence, destinations } = plain;
    let key = match key {
        PlainKey::Address { protocol, address } => ServiceKey::Address { protocol, address },
        PlainKey::Mark(mark) => ServiceKey::mark(mark, family(persistence, &destinations)),
    };
    let mut service = Service::new(key, scheduler);
    service.flags.set(ServiceFlags::ONE_PACKET, one_packet == Some(true));
    if let Some(persistence) = persistence {
        service.netmask = persistence.netmask(key.family());
        service = service.persistent(seconds(persistence, ticks));
    }
    (ServiceEntry { service, statistics: Statistics::default() }, destinations)
}

/// The family of a firewall mark, which is not shown but shows: no mask of IPv4 clients looks like
/// a prefix length, and destinations are of another family than their service in tunnels only.
fn family(persistence: Option<PlainPersistence>, destinations: &[DestinationSummary]) -> Family {
    if let Some(persistence) = persistence {
        let length = match persistence.netmask(Family::Ipv6) {
            Netmask::V6(length) => length,
            Netmask::V4(_) => 0,
        };
        return if (1..=128).contains(&length) { Family::Ipv6 } else { Family::Ipv4 };
    }
    destinations.first().map_or(Family::Ipv4, |first| Family::of(first.address.ip()))
}

/// The kernel keeps the timeout as seconds times ticks and shows the product.
fn seconds(persistence: PlainPersistence, ticks: u32) -> u32 {
    persistence.timeout_jiffies / ticks
}

/// The kernel's `CONFIG_HZ`: its coarse clocks step once a tick and say how far.
fn ticks_per_second() -> u32 {
    let resolution = clock_getres(ClockId::MonotonicCoarse).tv_nsec;
    let nanoseconds = u32::try_from(resolution).unwrap_or(0).max(1);
    // 300 ticks do not divide a second of nanoseconds: round.
    ((1_000_000_000 + nanoseconds / 2) / nanoseconds).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_plain_table_has() {
        let file = b"IP Virtual Server version 1.2.1 (size=4096)\n\
            Prot LocalAddress:Port Scheduler Flags\n\
            \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n\
            UDP  0AF3150E:22B0 rr ops persistent 36000 FFFFFF00\n\
            \x20 -> 0AF40320:0050      Masq    1      0          2         \n\
            FWM  00000007 wlc \n\
            FWM  00000009 wlc persistent 1000 80000000\n\
            FWM  0000000A wlc persistent 1000 FF000000\n";
        let table = PlainTable::from_reader(&file[..]).expect("a title");
        let rows: Vec<_> = table.map(|row| entry(row.expect("a row"), 100)).collect();
        let first = &rows[0].0.service;
        assert_eq!(first.key, "udp://10.243.21.14:8880".parse().expect("a key"));
        assert!(first.is_one_packet() && first.is_persistent());
        assert_eq!(first.timeout, 360);
        assert!(!first.netmask.is_host());
        assert_eq!(rows[0].1[0].inactive_connections, 2);
        let keys = rows[1..].iter().map(|row| row.0.service.key.to_string());
        assert_eq!(keys.collect::<Vec<_>>(), ["fwmark://7", "fwmark6://9", "fwmark://10"]);
    }

    #[test]
    fn ticks_are_those_that_kernels_have() {
        let ticks = ticks_per_second();
        assert!([100, 250, 300, 1000].contains(&ticks), "{ticks}");
    }
}
