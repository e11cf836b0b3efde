//! Services for people.

use std::io::{self, Write};

use ipvs::{
    Destination, DestinationSummary, ForwardingMethod, Info, Netmask, Service, ServiceEntry,
    ServiceKey, Statistics, TunnelFlags, TunnelKind,
};

use super::Reading;
use crate::classic::ipvsadm::{self, Columns, Format, Names};
use crate::ipvs::arguments::List;
use crate::ipvs::names;
use crate::ipvs::sort::Row;
use crate::ipvs::values;
use crate::output::table::{Align, Table};

/// As ipvsadm prints them.
pub(super) fn classic<D: Row>(
    arguments: &List,
    columns: Columns,
    reading: &Reading<D>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut listing = Classic::new(arguments, columns);
    listing.titles(reading.info.as_ref(), out)?;
    reading.rows.iter().try_for_each(|(entry, rows)| listing.service(entry, rows, out))
}

/// A listing as ipvsadm prints it, service by service.
pub(super) struct Classic(Format);

impl Classic {
    pub(super) fn new(arguments: &List, columns: Columns) -> Self {
        let mut format = Format::new(columns, arguments.names());
        format.exact = arguments.exact;
        Self(format)
    }

    /// The lines above; the first one above a whole table only.
    pub(super) fn titles(&mut self, info: Option<&Info>, out: &mut impl Write) -> io::Result<()> {
        if let Some(info) = info {
            ipvsadm::version(out, info)?;
        }
        self.0.titles(out)
    }

    /// A service and its destinations.
    pub(super) fn service<D: Row>(
        &mut self,
        entry: &ServiceEntry,
        rows: &[D],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let key = &entry.service.key;
        self.0.service(out, entry)?;
        rows.iter().try_for_each(|row| match row.whole() {
            Some(whole) => self.0.destination(out, key, whole),
            None => self.0.destination_summary(out, key, &row.plain()),
        })
    }

    /// A service and the plain columns of its destinations.
    pub(super) fn summary(
        &mut self,
        service: &Service,
        rows: &[DestinationSummary],
        out: &mut impl Write,
    ) -> io::Result<()> {
        self.0.service_summary(out, service)?;
        rows.iter().try_for_each(|row| self.0.destination_summary(out, &service.key, row))
    }
}

/// In columns that fit: a line for each destination, and one for each service that has none.
pub(super) fn table<D: Row>(
    arguments: &List,
    columns: Columns,
    reading: &Reading<D>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut names = arguments.names();
    let mut titles =
        vec![("SERVICE", Align::Left), ("SCHEDULER", Align::Left), ("DESTINATION", Align::Left)];
    let numbers = titles_of(columns);
    titles.extend(numbers.iter().map(|title| {
        let text = matches!(*title, "FORWARD" | "TUNNEL");
        (*title, if text { Align::Left } else { Align::Right })
    }));
    let mut table = Table::new(&titles);
    for (entry, destinations) in &reading.rows {
        let service = service_name(&entry.service.key, &mut names);
        let scheduling = scheduling(&entry.service);
        if matches!(columns, Columns::Statistics | Columns::Rates) || destinations.is_empty() {
            let mut row = vec![service, scheduling, String::new()];
            row.extend(service_cells(columns, &entry.statistics, numbers.len()));
            table.row(out, row)?;
            for row in destinations {
                let name = destination_name(&entry.service.key, row, &mut names);
                let mut cells = vec![String::new(), String::new(), name];
                cells.extend(destination_cells(columns, row));
                table.row(out, cells)?;
            }
            continue;
        }
        let mut first = [service, scheduling];
        for row in destinations {
            let [service, scheduling] = std::mem::take(&mut first);
            let name = destination_name(&entry.service.key, row, &mut names);
            let mut cells = vec![service, scheduling, name];
            cells.extend(destination_cells(columns, row));
            table.row(out, cells)?;
        }
    }
    table.finish(out)
}

fn titles_of(columns: Columns) -> &'static [&'static str] {
    match columns {
        Columns::Plain => &["FORWARD", "WEIGHT", "ACTIVE", "INACTIVE"],
        Columns::Tunnels => &["FORWARD", "TUNNEL", "WEIGHT", "ACTIVE", "INACTIVE"],
        Columns::Statistics => &["CONNS", "INPKTS", "OUTPKTS", "INBYTES", "OUTBYTES"],
        Columns::Rates => &["CPS", "INPPS", "OUTPPS", "INBPS", "OUTBPS"],
        Columns::Thresholds => &["UPPER", "LOWER", "ACTIVE", "INACTIVE"],
        Columns::PersistentConnections => &["WEIGHT", "PERSISTENT", "ACTIVE", "INACTIVE"],
    }
}

fn service_cells(columns: Columns, statistics: &Statistics, count: usize) -> Vec<String> {
    match columns {
        Columns::Statistics | Columns::Rates => counters(columns, statistics),
        _ => vec![String::new(); count],
    }
}

fn destination_cells<D: Row>(columns: Columns, row: &D) -> Vec<String> {
    let plain = row.plain();
    let method = || match plain.method {
        ForwardingMethod::MASQUERADE => "Masq".to_owned(),
        ForwardingMethod::LOCAL => "Local".to_owned(),
        ForwardingMethod::TUNNEL => "Tunnel".to_owned(),
        ForwardingMethod::ROUTE => "Route".to_owned(),
        ForwardingMethod::BYPASS => "Bypass".to_owned(),
        ForwardingMethod(number) => number.to_string(),
    };
    let mut cells = match (columns, row.whole()) {
        (Columns::Statistics | Columns::Rates, Some(whole)) => {
            return counters(columns, &whole.statistics);
        }
        (Columns::Tunnels, Some(whole)) => {
            vec![method(), tunnel(&whole.destination), plain.weight.to_string()]
        }
        (Columns::Thresholds, Some(whole)) => vec![
            whole.destination.upper_threshold.to_string(),
            whole.destination.lower_threshold.to_string(),
        ],
        (Columns::PersistentConnections, Some(whole)) => {
            vec![plain.weight.to_string(), whole.persistent_connections.to_string()]
        }
        _ => vec![method(), plain.weight.to_string()],
    };
    cells.push(plain.active_connections.to_string());
    cells.push(plain.inactive_connections.to_string());
    cells
}

fn counters(columns: Columns, statistics: &Statistics) -> Vec<String> {
    let rates = &statistics.rates;
    let numbers = match columns {
        Columns::Rates => [
            rates.connections,
            rates.incoming_packets,
            rates.outgoing_packets,
            rates.incoming_bytes,
            rates.outgoing_bytes,
        ],
        _ => [
            statistics.connections,
            statistics.incoming_packets,
            statistics.outgoing_packets,
            statistics.incoming_bytes,
            statistics.outgoing_bytes,
        ],
    };
    numbers.iter().map(u64::to_string).collect()
}

/// The scheduler with its flags and all that keeps clients together.
fn scheduling(service: &Service) -> String {
    let mut words = vec![service.scheduler.clone()];
    let flags: Vec<_> = values::flag_names(service).collect();
    if !flags.is_empty() {
        words.push(format!("({})", flags.join(",")));
    }
    if service.is_persistent() {
        words.push(format!("persistent {}", service.timeout));
        match service.netmask {
            mask if mask.is_host() => {}
            Netmask::V4(mask) => words.push(format!("mask {mask}")),
            Netmask::V6(length) => words.push(format!("mask {length}")),
        }
        words.extend(service.persistence_engine.as_ref().map(|engine| format!("pe {engine}")));
    }
    if service.is_one_packet() {
        words.push("ops".to_owned());
    }
    words.join(" ")
}

fn tunnel(destination: &Destination) -> String {
    if destination.method != ForwardingMethod::TUNNEL {
        return String::new();
    }
    let tunnel = destination.tunnel;
    let kind = tunnel.kind.name().map_or_else(|| tunnel.kind.0.to_string(), str::to_owned);
    let mut words = vec![kind];
    if tunnel.kind == TunnelKind::GUE {
        words.push(format!("port {}", tunnel.port));
    }
    for (flag, word) in [(TunnelFlags::CHECKSUM, "csum"), (TunnelFlags::REMOTE_CHECKSUM, "remcsum")]
    {
        if tunnel.flags.contains(flag) {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

/// The service as it is written on the command line, with names where there are any.
fn service_name(key: &ServiceKey, names: &mut Names) -> String {
    match *key {
        ServiceKey::Address { protocol, address } => {
            let address = names::endpoint(names, address, Some(protocol));
            match protocol.name() {
                Some(name) => format!("{name}://{address}"),
                None => format!("ip-{protocol}://{address}"),
            }
        }
        ServiceKey::Mark { .. } => key.to_string(),
    }
}

fn destination_name(key: &ServiceKey, row: &impl Row, names: &mut Names) -> String {
    names::endpoint(names, row.plain().address, key.protocol())
}
