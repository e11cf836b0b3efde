//! The listing for those whom the kernel shows the plain table only.

use ipvs::{
    DestinationSummary, Error, Family, Info, PlainKey, PlainPersistence, PlainService, Proc,
    Service, ServiceEntry, ServiceFlags, ServiceKey, Statistics,
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
    let table = Proc::new().table()?;
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

/// What the plain table says of a service, in the form of what the kernel says to the privileged.
fn entry(plain: PlainService, ticks: u32) -> (ServiceEntry, Vec<DestinationSummary>) {
    let PlainService { key, scheduler, one_packet, persistence, destinations } = plain;
    let key = match key {
        PlainKey::Address { protocol, address } => ServiceKey::Address { protocol, address },
        // The family is not shown. That of the destinations is the service's but for tunnels.
        PlainKey::Mark(mark) => {
            let first = destinations.first().map(|destination| destination.address.ip());
            ServiceKey::mark(mark, first.map_or(Family::Ipv4, Family::of))
        }
    };
    let mut service = Service::new(key, scheduler);
    service.flags.set(ServiceFlags::ONE_PACKET, one_packet == Some(true));
    if let Some(persistence) = persistence {
        service.netmask = persistence.netmask(key.family());
        service = service.persistent(seconds(persistence, ticks));
    }
    (ServiceEntry { service, statistics: Statistics::default() }, destinations)
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
    use ipvs::PlainTable;

    use super::*;

    #[test]
    fn what_the_plain_table_has() {
        let file = b"IP Virtual Server version 1.2.1 (size=4096)\n\
            Prot LocalAddress:Port Scheduler Flags\n\
            \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n\
            UDP  0AF3150E:22B0 rr ops persistent 36000 FFFFFF00\n\
            \x20 -> 0AF40320:0050      Masq    1      0          2         \n\
            FWM  00000007 wlc \n";
        let table = PlainTable::from_reader(&file[..]).expect("a title");
        let rows: Vec<_> = table.map(|row| entry(row.expect("a row"), 100)).collect();
        let first = &rows[0].0.service;
        assert_eq!(first.key, "udp://10.243.21.14:8880".parse().expect("a key"));
        assert!(first.is_one_packet() && first.is_persistent());
        assert_eq!(first.timeout, 360);
        assert!(!first.netmask.is_host());
        assert_eq!(rows[0].1[0].inactive_connections, 2);
        assert_eq!(rows[1].0.service.key, "fwmark://7".parse().expect("a key"));
    }

    #[test]
    fn ticks_are_those_that_kernels_have() {
        let ticks = ticks_per_second();
        assert!([100, 250, 300, 1000].contains(&ticks), "{ticks}");
    }
}
