//! The lines that `ipvsadm -R` reads.

use std::io::{self, Write};

use ipvs::{
    Destination, Family, ForwardingMethod, Protocol, Service, ServiceFlags, ServiceKey,
    TunnelFlags, TunnelKind,
};

use super::Line;
use super::service::{engine, push_flags, push_mark, push_netmask};
use super::{Format, Names};

impl Format {
    /// Writes the line that adds a service.
    pub fn save_service(&mut self, out: &mut impl Write, service: &Service) -> io::Result<()> {
        let Self { verbatim, names, line, .. } = self;
        line.clear();
        line.text("-A ");
        push_key(line, &service.key, *verbatim, names);
        line.text(" -s ");
        line.text(&service.scheduler);
        if service.is_persistent() {
            line.text(" -p ");
            line.number(service.timeout);
            if !service.netmask.is_host() {
                line.text(" -M ");
                push_netmask(line, service.netmask);
            }
        }
        if let Some(engine) = engine(service) {
            line.text(" --pe ");
            line.text(engine);
        }
        if service.is_one_packet() {
            line.text(" -o");
        }
        if service.flags.intersects(ServiceFlags::SCHEDULER) {
            line.text(" -b ");
            push_flags(line, service, *verbatim);
        }
        line.byte(b'\n');
        out.write_all(line.bytes())
    }

    /// Writes the line that adds a destination to the service `key`.
    pub fn save_destination(
        &mut self,
        out: &mut impl Write,
        key: &ServiceKey,
        destination: &Destination,
    ) -> io::Result<()> {
        self.start_destination(key, destination);
        self.line.byte(b'\n');
        out.write_all(self.line.bytes())
    }

    /// Writes the line that adds a destination with its thresholds, which ipvsadm leaves out.
    pub fn save_destination_full(
        &mut self,
        out: &mut impl Write,
        key: &ServiceKey,
        destination: &Destination,
    ) -> io::Result<()> {
        self.start_destination(key, destination);
        let line = &mut self.line;
        for (option, threshold) in
            [(" -x ", destination.upper_threshold), (" -y ", destination.lower_threshold)]
        {
            if threshold != 0 {
                line.text(option);
                line.number(threshold);
            }
        }
        line.byte(b'\n');
        out.write_all(line.bytes())
    }

    fn start_destination(&mut self, key: &ServiceKey, destination: &Destination) {
        let Self { verbatim, names, line, .. } = self;
        line.clear();
        line.text("-a ");
        push_key(line, key, *verbatim, names);
        line.text(" -r ");
        line.endpoint(destination.address, key.protocol(), names);
        line.text(match destination.method {
            ForwardingMethod::MASQUERADE => " -m",
            ForwardingMethod::TUNNEL => " -i",
            _ => " -g",
        });
        line.text(" -w ");
        line.number(destination.weight);
        if destination.method == ForwardingMethod::TUNNEL {
            push_tunnel(line, destination);
        }
    }
}

/// Appends the options that name a service.
fn push_key(line: &mut Line, key: &ServiceKey, verbatim: bool, names: &mut Names) {
    match *key {
        ServiceKey::Mark { mark, family } => {
            line.text("-f ");
            push_mark(line, mark, verbatim);
            if family == Family::Ipv6 {
                line.text(" -6");
            }
        }
        ServiceKey::Address { protocol, address } => {
            line.text(match protocol {
                Protocol::TCP => "-t ",
                Protocol::UDP => "-u ",
                Protocol::SCTP => "--sctp-service ",
                _ => "--xxx-service ",
            });
            line.endpoint(address, Some(protocol), names);
        }
    }
}

/// Appends the options of the encapsulation.
fn push_tunnel(line: &mut Line, destination: &Destination) {
    match destination.tunnel.kind {
        TunnelKind::GUE => {
            line.text(" --tun-type gue --tun-port ");
            line.number(destination.tunnel.port);
        }
        TunnelKind::GRE => line.text(" --tun-type gre"),
        _ => return line.text(" --tun-type ipip"),
    }
    let flags = destination.tunnel.flags;
    line.text(if flags.contains(TunnelFlags::REMOTE_CHECKSUM) {
        " --tun-remcsum"
    } else if flags.contains(TunnelFlags::CHECKSUM) {
        " --tun-csum"
    } else {
        " --tun-nocsum"
    });
}
