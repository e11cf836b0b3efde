//! Titles and service lines.

use std::io::{self, Write};

use ipvs::{Family, Netmask, Protocol, Service, ServiceEntry, ServiceFlags, ServiceKey};

use super::Line;
use super::{Columns, Format, Names};

/// ipvsadm cuts `PROT ADDRESS:PORT` here unless the address is IPv6.
const LONGEST_NAME: usize = 33;

impl Format {
    /// Writes the two lines above the first service.
    pub fn titles(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(match self.columns {
            Columns::Plain => concat!(
                "Prot LocalAddress:Port Scheduler Flags\n",
                "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            ),
            Columns::Tunnels => concat!(
                "Prot LocalAddress:Port Scheduler Flags\n",
                "  -> RemoteAddress:Port           Forward TunnelInfo    ",
                "Weight ActiveConn InActConn\n"
            ),
            Columns::Statistics => concat!(
                "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n",
                "  -> RemoteAddress:Port\n"
            ),
            Columns::Rates => concat!(
                "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n",
                "  -> RemoteAddress:Port\n"
            ),
            Columns::Thresholds => concat!(
                "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n",
                "  -> RemoteAddress:Port\n"
            ),
            Columns::PersistentConnections => concat!(
                "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n",
                "  -> RemoteAddress:Port\n"
            ),
        }
        .as_bytes())
    }

    /// Writes the line of a service.
    pub fn service(&mut self, out: &mut impl Write, entry: &ServiceEntry) -> io::Result<()> {
        let Self { columns, exact, verbatim, names, line } = self;
        let statistics = &entry.statistics;
        line.clear();
        name(line, &entry.service.key, *verbatim, names);
        match columns {
            Columns::Statistics => {
                line.pad(0, LONGEST_NAME);
                line.counter(statistics.connections, *exact);
                line.counter(statistics.incoming_packets, *exact);
                line.counter(statistics.outgoing_packets, *exact);
                line.counter(statistics.incoming_bytes, *exact);
                line.counter(statistics.outgoing_bytes, *exact);
            }
            Columns::Rates => {
                line.pad(0, LONGEST_NAME);
                line.counter(statistics.rates.connections, *exact);
                line.counter(statistics.rates.incoming_packets, *exact);
                line.counter(statistics.rates.outgoing_packets, *exact);
                line.counter(statistics.rates.incoming_bytes, *exact);
                line.counter(statistics.rates.outgoing_bytes, *exact);
            }
            _ => scheduling(line, &entry.service, *verbatim),
        }
        line.byte(b'\n');
        out.write_all(line.bytes())
    }

    /// Writes the plain line of a service.
    pub fn service_summary(&mut self, out: &mut impl Write, service: &Service) -> io::Result<()> {
        let Self { verbatim, names, line, .. } = self;
        line.clear();
        name(line, &service.key, *verbatim, names);
        scheduling(line, service, *verbatim);
        line.byte(b'\n');
        out.write_all(line.bytes())
    }
}

/// Appends `TCP  10.0.0.1:80` or `FWM  7`.
fn name(line: &mut Line, key: &ServiceKey, verbatim: bool, names: &mut Names) {
    match *key {
        ServiceKey::Mark { mark, family } => {
            line.text("FWM  ");
            push_mark(line, mark, verbatim);
            if family == Family::Ipv6 {
                line.text(" IPv6");
            }
        }
        ServiceKey::Address { protocol, address } => {
            line.text(match protocol {
                Protocol::TCP => "TCP  ",
                Protocol::UDP => "UDP  ",
                Protocol::SCTP => "SCTP ",
                _ => "?    ",
            });
            line.endpoint(address, Some(protocol), names);
            if address.is_ipv4() {
                line.cut(0, LONGEST_NAME);
            }
        }
    }
}

/// Appends a firewall mark.
pub(super) fn push_mark(line: &mut Line, mark: u32, signed: bool) {
    if signed {
        line.number(mark.cast_signed());
    } else {
        line.number(mark);
    }
}

/// Appends the scheduler and what follows it.
fn scheduling(line: &mut Line, service: &Service, verbatim: bool) {
    line.byte(b' ');
    line.text(&service.scheduler);
    if service.flags.intersects(ServiceFlags::SCHEDULER) {
        line.text(" (");
        push_flags(line, service, verbatim);
        line.byte(b')');
    }
    if service.is_persistent() {
        line.text(" persistent ");
        line.number(service.timeout);
        if !service.netmask.is_host() {
            line.text(" mask ");
            push_netmask(line, service.netmask);
        }
        if let Some(engine) = engine(service) {
            line.text(" pe ");
            line.text(engine);
        }
    }
    if service.is_one_packet() {
        line.text(" ops");
    }
}

/// The persistence engine; no name is the same as none.
pub(super) fn engine(service: &Service) -> Option<&str> {
    service.persistence_engine.as_deref().filter(|name| !name.is_empty())
}

/// Appends the mask of persistence: dotted for IPv4, a prefix length for IPv6.
pub(super) fn push_netmask(line: &mut Line, netmask: Netmask) {
    match netmask {
        Netmask::V4(mask) => line.address(mask.into()),
        Netmask::V6(length) => line.number(length.cast_signed()),
    }
}

/// Appends the scheduler's flags by the names that the scheduler gives them.
pub(super) fn push_flags(line: &mut Line, service: &Service, verbatim: bool) {
    let third = if verbatim { "" } else { "flag-3" };
    let names = match service.scheduler.as_str() {
        "sh" => ["sh-fallback", "sh-port", third],
        "mh" => ["mh-fallback", "mh-port", third],
        _ => ["flag-1", "flag-2", "flag-3"],
    };
    let flags = [ServiceFlags::SCHEDULER_1, ServiceFlags::SCHEDULER_2, ServiceFlags::SCHEDULER_3];
    let mut separator = "";
    for (flag, name) in flags.into_iter().zip(names) {
        if service.flags.contains(flag) && !name.is_empty() {
            line.text(separator);
            line.text(name);
            separator = ",";
        }
    }
}
