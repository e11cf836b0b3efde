//! Values that the command line and the save format write the same way.
//!
//! Every function takes the text that a person wrote and answers with the value or with the
//! sentence that says what is wrong with it. Nothing here touches the kernel.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipvs::{
    Family, ForwardingMethod, Netmask, Protocol, Service, ServiceFlags, ServiceKey, Tunnel,
    TunnelFlags, TunnelKind,
};

/// The longest persistence and connection timeout that ipvsadm accepts: 31 days.
pub(crate) const LONGEST_TIMEOUT: u32 = 31 * 24 * 60 * 60;
/// Persistence without a number.
pub(crate) const DEFAULT_PERSISTENCE: u32 = 360;
/// Scheduler of a service that names none.
pub(crate) const DEFAULT_SCHEDULER: &str = "wlc";
/// The heaviest destination.
pub(crate) const HEAVIEST: u32 = i32::MAX as u32;
/// Bytes of the longest name of a scheduler and of a network interface.
const NAME_LENGTH: usize = 15;
/// Bytes of the longest name of a persistence engine.
const ENGINE_LENGTH: usize = 16;

/// What is wrong with a value, as the end of a sentence.
pub(crate) type Complaint = Cow<'static, str>;

/// Turns names of hosts and ports into numbers.
///
/// Only texts that are not numeric come here, so a source without names never waits for one.
pub trait Names {
    /// An address of a host.
    fn host(&self, name: &str) -> Option<IpAddr>;
    /// The number of a port.
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16>;
}

/// Knows no names: only numbers are understood.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numeric;

impl Names for Numeric {
    fn host(&self, _: &str) -> Option<IpAddr> {
        None
    }

    fn port(&self, _: &str, _: Protocol) -> Option<u16> {
        None
    }
}

/// An address whose port may have been left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) ip: IpAddr,
    pub(crate) port: Option<u16>,
}

impl Endpoint {
    /// The address with the port that stands in for a missing one.
    pub(crate) fn or_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }
}

/// `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`, numeric or by name.
pub(crate) fn endpoint(
    text: &str,
    protocol: Protocol,
    names: &dyn Names,
) -> Result<Endpoint, Complaint> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address {
            // A scope has no place in the table; dropping it would name another address.
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                Err(format!("'{text}' has a scope, which IPVS does not know").into())
            }
            _ => Ok(Endpoint { ip: address.ip(), port: Some(address.port()) }),
        };
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(Endpoint { ip, port: None });
    }
    let (host, port) = split_port(text).ok_or_else(|| {
        format!("'{text}' is not ADDRESS:PORT; an IPv6 address is written [::1]:80")
    })?;
    let port = match port {
        None => None,
        Some(port) => Some(port_number(port, protocol, names)?),
    };
    let ip = host
        .parse()
        .ok()
        .or_else(|| names.host(host))
        .ok_or_else(|| format!("'{host}' is neither an address nor the name of a host"))?;
    Ok(Endpoint { ip, port })
}

/// Splits at the colon before the port and takes the brackets off.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => (!host.is_empty()).then_some((host, Some(port))),
        // Digits alone are more likely a forgotten address than a host's name.
        None => text.bytes().any(|byte| !byte.is_ascii_digit()).then_some((text, None)),
    }
}

fn port_number(text: &str, protocol: Protocol, names: &dyn Names) -> Result<u16, Complaint> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| format!("'{text}' is not a port: 0 to 65535").into());
    }
    names
        .port(text, protocol)
        .ok_or_else(|| format!("'{text}' is neither a port nor the name of one").into())
}

/// A decimal number within bounds, `what` naming it in the complaint.
pub(crate) fn number<T>(text: &str, what: &str, least: T, most: T) -> Result<T, Complaint>
where
    T: std::str::FromStr + PartialOrd + Copy + fmt::Display,
{
    // A sign would be accepted by `parse`, and `+5` is not how a number is written here.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(value) if digits && least <= value && value <= most => Ok(value),
        _ => Err(format!("'{text}' is not {what}: {least} to {most}").into()),
    }
}

/// Name of a scheduler.
pub(crate) fn scheduler(text: &str) -> Result<&str, Complaint> {
    name(text, "a scheduler", NAME_LENGTH)
}

/// Name of a persistence engine.
pub(crate) fn persistence_engine(text: &str) -> Result<&str, Complaint> {
    name(text, "a persistence engine", ENGINE_LENGTH)
}

/// Name of a network interface.
pub(crate) fn interface(text: &str) -> Result<&str, Complaint> {
    name(text, "a network interface", NAME_LENGTH)
}

/// The kernel cuts a longer name and then looks for another thing than was asked for.
fn name<'a>(text: &'a str, what: &str, longest: usize) -> Result<&'a str, Complaint> {
    if text.is_empty() || text.len() > longest || text.bytes().any(|byte| byte <= b' ') {
        return Err(format!("'{text}' is not the name of {what}: 1 to {longest} bytes").into());
    }
    Ok(text)
}

/// Granularity of persistence: a dotted mask for IPv4, a prefix length for IPv6.
pub(crate) fn netmask(text: &str, family: Family) -> Result<Netmask, Complaint> {
    match family {
        Family::Ipv4 => text.parse::<Ipv4Addr>().map(Netmask::V4).map_err(|_| {
            format!("'{text}' is not a mask for IPv4 clients, such as 255.255.255.0").into()
        }),
        Family::Ipv6 => number(text, "a prefix length for IPv6 clients", 1, 128).map(Netmask::V6),
    }
}

/// Flags of a scheduler: `flag-1` to `flag-3` for any, and the names that `sh` and `mh` give the
/// first two; of `None`, every scheduler's.
pub(crate) fn scheduler_flags(
    text: &str,
    scheduler: Option<&str>,
) -> Result<ServiceFlags, Complaint> {
    let mut flags = ServiceFlags::empty();
    for word in text.split(',') {
        flags |= match word {
            "flag-1" => ServiceFlags::SCHEDULER_1,
            "flag-2" => ServiceFlags::SCHEDULER_2,
            "flag-3" => ServiceFlags::SCHEDULER_3,
            _ => named_flag(word, scheduler)?,
        };
    }
    Ok(flags)
}

fn named_flag(word: &str, scheduler: Option<&str>) -> Result<ServiceFlags, Complaint> {
    let (owner, flag) = match word {
        "sh-fallback" => ("sh", ServiceFlags::SCHEDULER_1),
        "sh-port" => ("sh", ServiceFlags::SCHEDULER_2),
        "mh-fallback" => ("mh", ServiceFlags::SCHEDULER_1),
        "mh-port" => ("mh", ServiceFlags::SCHEDULER_2),
        _ => {
            return Err(format!(
                "'{word}' is not a flag of a scheduler: flag-1, flag-2, flag-3, sh-fallback, \
                 sh-port, mh-fallback and mh-port are"
            )
            .into());
        }
    };
    if let Some(scheduler) = scheduler
        && owner != scheduler
    {
        return Err(
            format!("'{word}' is a flag of the scheduler {owner}, not of {scheduler}").into()
        );
    }
    Ok(flag)
}

/// The flags of a service's scheduler by name, in the order of their bits.
pub(crate) fn flag_names(service: &Service) -> impl Iterator<Item = &'static str> {
    let names = match service.scheduler.as_str() {
        "sh" => ["sh-fallback", "sh-port", "flag-3"],
        "mh" => ["mh-fallback", "mh-port", "flag-3"],
        _ => ["flag-1", "flag-2", "flag-3"],
    };
    let bits = [ServiceFlags::SCHEDULER_1, ServiceFlags::SCHEDULER_2, ServiceFlags::SCHEDULER_3];
    let flags = service.flags;
    bits.into_iter().zip(names).filter(move |(bit, _)| flags.contains(*bit)).map(|(_, name)| name)
}

/// Encapsulation by name.
pub(crate) fn tunnel_kind(text: &str) -> Result<TunnelKind, Complaint> {
    match text {
        "ipip" => Ok(TunnelKind::IPIP),
        "gue" => Ok(TunnelKind::GUE),
        "gre" => Ok(TunnelKind::GRE),
        _ => Err(format!("'{text}' is not a kind of tunnel: ipip, gue and gre are").into()),
    }
}

/// Group of a synchronisation daemon.
pub(crate) fn multicast_group(text: &str) -> Result<IpAddr, Complaint> {
    match text.parse::<IpAddr>() {
        Ok(group) if group.is_multicast() => Ok(group),
        _ => Err(format!("'{text}' is not a multicast address").into()),
    }
}

/// What the kernel accepts and then does nothing sensible with.
pub(crate) fn check_service(service: &Service) -> Result<(), Complaint> {
    check_port(&service.key, service.is_persistent())?;
    if service.is_one_packet() { check_one_packet(&service.key) } else { Ok(()) }
}

/// Without persistence no connection finds a service of port 0.
pub(crate) fn check_port(key: &ServiceKey, persistent: bool) -> Result<(), Complaint> {
    if key.protocol().is_some() && key.port() == 0 && !persistent {
        return Err("port 0 takes every port, which needs persistence (-p)".into());
    }
    Ok(())
}

/// Protocols with connections cannot be scheduled packet by packet.
pub(crate) fn check_one_packet(key: &ServiceKey) -> Result<(), Complaint> {
    if key.protocol().is_some_and(|protocol| protocol != Protocol::UDP) {
        return Err("one-packet scheduling is for UDP and firewall marks".into());
    }
    Ok(())
}

/// A destination of another family than its service is reached through a tunnel only.
pub(crate) fn check_families(
    service: Family,
    destination: IpAddr,
    method: ForwardingMethod,
) -> Result<(), Complaint> {
    if Family::of(destination) != service && method != ForwardingMethod::TUNNEL {
        return Err(
            "a destination of another address family than the service needs --ipip (-i)".into()
        );
    }
    Ok(())
}

/// An option of a tunnel that a complaint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TunnelPart {
    Kind,
    Port,
    NoChecksum,
    Checksum,
    RemoteChecksum,
}

/// The options of a tunnel as they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TunnelOptions {
    pub(crate) kind: Option<TunnelKind>,
    pub(crate) port: Option<u16>,
    pub(crate) no_checksum: bool,
    pub(crate) checksum: bool,
    pub(crate) remote_checksum: bool,
}

impl TunnelOptions {
    /// The first option that was given.
    pub(crate) fn first(&self) -> Option<TunnelPart> {
        let parts = [
            (self.kind.is_some(), TunnelPart::Kind),
            (self.port.is_some(), TunnelPart::Port),
            (self.no_checksum, TunnelPart::NoChecksum),
            (self.checksum, TunnelPart::Checksum),
            (self.remote_checksum, TunnelPart::RemoteChecksum),
        ];
        parts.into_iter().find(|(given, _)| *given).map(|(_, part)| part)
    }

    /// The tunnel of a destination that is reached by `method`: what was not given stays as it is
    /// in `present`, as far as the kind of tunnel has it.
    pub(crate) fn over(
        &self,
        method: ForwardingMethod,
        present: Tunnel,
    ) -> Result<Tunnel, (TunnelPart, Complaint)> {
        if method != ForwardingMethod::TUNNEL {
            return match self.first() {
                Some(part) => Err((part, "options of a tunnel need --ipip (-i)".into())),
                None => Ok(present),
            };
        }
        let kind = self.kind.unwrap_or(present.kind);
        self.check(kind)?;
        let port = self.port.unwrap_or(present.port);
        if kind == TunnelKind::GUE && port == 0 {
            return Err((TunnelPart::Kind, "gue needs --tun-port".into()));
        }
        let mut flags = present.flags;
        if self.no_checksum || self.checksum || self.remote_checksum {
            flags = TunnelFlags::empty();
            flags.set(TunnelFlags::CHECKSUM, self.checksum);
            flags.set(TunnelFlags::REMOTE_CHECKSUM, self.remote_checksum);
        }
        Ok(match kind {
            TunnelKind::IPIP => Tunnel::default(),
            TunnelKind::GRE => Tunnel { kind, port: 0, flags: flags & TunnelFlags::CHECKSUM },
            _ => Tunnel { kind, port, flags },
        })
    }

    /// Refuses what a kind of tunnel does not have.
    fn check(&self, kind: TunnelKind) -> Result<(), (TunnelPart, Complaint)> {
        let refuse = |given: bool, part, complaint: &'static str| {
            if given { Err((part, complaint.into())) } else { Ok(()) }
        };
        if kind == TunnelKind::IPIP {
            refuse(self.no_checksum, TunnelPart::NoChecksum, "ipip has no checksums")?;
            refuse(self.checksum, TunnelPart::Checksum, "ipip has no checksums")?;
        }
        if kind != TunnelKind::GUE {
            refuse(self.port.is_some(), TunnelPart::Port, "only gue has a port")?;
            refuse(
                self.remote_checksum,
                TunnelPart::RemoteChecksum,
                "only gue has remote checksums",
            )?;
        }
        if self.no_checksum {
            let complaint = "--tun-nocsum excludes the other checksum options";
            refuse(self.checksum, TunnelPart::Checksum, complaint)?;
            refuse(self.remote_checksum, TunnelPart::RemoteChecksum, complaint)?;
        }
        Ok(())
    }
}

/// The kernel refuses a lower threshold above the upper one.
pub(crate) fn check_thresholds(lower: u32, upper: u32) -> Result<(), Complaint> {
    if lower > upper {
        return Err(format!(
            "the lower threshold {lower} (-y) is above the upper one {upper} (-x)"
        )
        .into());
    }
    Ok(())
}
