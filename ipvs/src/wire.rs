//! Values as netlink attributes, and back.
//!
//! Ports, IPv4 addresses and IPv4 masks are in network byte order, everything else in host order.
//! Attributes that are missing (older kernels) or unknown (newer ones) are no error, unless the
//! entry could not be told from another without them.

mod usual;

use std::net::{IpAddr, SocketAddr};

use rsadm_netlink::{Attribute, Attributes, Error, Message};

use crate::key::unspecified;
use crate::uapi::*;
use crate::{
    Daemon, Destination, DestinationEntry, Family, ForwardingMethod, Info, Netmask, Protocol,
    Rates, Role, Service, ServiceEntry, ServiceFlags, ServiceKey, Statistics, Timeouts, Tunnel,
    TunnelFlags, TunnelKind, Version,
};

const fn malformed(what: &'static str) -> Error {
    Error::Malformed { what, offset: 0 }
}

/// The attributes inside the first attribute of type `kind`.
pub(crate) fn nested<'a>(
    mut attributes: Attributes<'a>,
    kind: u16,
    what: &'static str,
) -> Result<Attributes<'a>, Error> {
    attributes
        .find(|attribute| attribute.kind == kind)
        .map(|attribute| attribute.attributes())
        .ok_or(malformed(what))
}

impl Family {
    const fn number(self) -> u16 {
        match self {
            Self::Ipv4 => AF_INET,
            Self::Ipv6 => AF_INET6,
        }
    }

    const fn from_number(number: u16) -> Option<Self> {
        match number {
            AF_INET => Some(Self::Ipv4),
            AF_INET6 => Some(Self::Ipv6),
            _ => None,
        }
    }
}

fn put_address(message: &mut Message, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => message.put(kind, &address.octets()),
        IpAddr::V6(address) => message.put(kind, &address.octets()),
    };
}

/// The kernel sends sixteen bytes for either family.
fn address(attribute: &Attribute<'_>, family: Family) -> Option<IpAddr> {
    match family {
        Family::Ipv4 => attribute.ipv4().map(IpAddr::V4),
        Family::Ipv6 => attribute.ipv6().map(IpAddr::V6),
    }
}

/// What names a service, as attributes of `IPVS_CMD_ATTR_SERVICE`.
fn put_identity(message: &mut Message, key: &ServiceKey) {
    message.put_u16(IPVS_SVC_ATTR_AF, key.family().number());
    match *key {
        ServiceKey::Mark { mark, .. } => {
            message.put_u32(IPVS_SVC_ATTR_FWMARK, mark);
        }
        ServiceKey::Address { protocol, address } => {
            message.put_u16(IPVS_SVC_ATTR_PROTOCOL, protocol.0);
            put_address(message, IPVS_SVC_ATTR_ADDR, address.ip());
            message.put_be16(IPVS_SVC_ATTR_PORT, address.port());
        }
    }
}

/// A service named in a request.
pub(crate) fn put_key(message: &mut Message, key: &ServiceKey) {
    message.nest(IPVS_CMD_ATTR_SERVICE, |service| put_identity(service, key));
}

/// A whole service in a request; of its flags, those in `mask` are changed.
pub(crate) fn put_service(message: &mut Message, service: &Service, mask: ServiceFlags) {
    message.nest(IPVS_CMD_ATTR_SERVICE, |message| {
        put_identity(message, &service.key);
        message.put_str(IPVS_SVC_ATTR_SCHED_NAME, &service.scheduler);
        if let Some(engine) = &service.persistence_engine {
            message.put_str(IPVS_SVC_ATTR_PE_NAME, engine);
        }
        let mut flags = [0; 8];
        flags[..4].copy_from_slice(&service.flags.bits().to_ne_bytes());
        flags[4..].copy_from_slice(&mask.bits().to_ne_bytes());
        message.put(IPVS_SVC_ATTR_FLAGS, &flags);
        message.put_u32(IPVS_SVC_ATTR_TIMEOUT, service.timeout);
        match service.netmask {
            Netmask::V4(mask) => message.put(IPVS_SVC_ATTR_NETMASK, &mask.octets()),
            Netmask::V6(length) => message.put_u32(IPVS_SVC_ATTR_NETMASK, length),
        };
    });
}

/// Reads the attributes of `IPVS_CMD_ATTR_SERVICE`.
pub(crate) fn service(attributes: Attributes<'_>) -> Result<ServiceEntry, Error> {
    let mut family = None;
    let mut protocol = 0;
    let mut address_bytes = None;
    let mut port = 0;
    let mut mark = 0;
    let mut scheduler = String::new();
    let mut flags = ServiceFlags::empty();
    let mut timeout = 0;
    let mut netmask = None;
    let mut engine = None;
    let mut statistics = StatisticsReader::default();
    for attribute in attributes {
        match attribute.kind {
            IPVS_SVC_ATTR_AF => family = attribute.u16().and_then(Family::from_number),
            IPVS_SVC_ATTR_PROTOCOL => protocol = attribute.u16().unwrap_or_default(),
            IPVS_SVC_ATTR_ADDR => address_bytes = Some(attribute),
            IPVS_SVC_ATTR_PORT => port = attribute.be16().unwrap_or_default(),
            IPVS_SVC_ATTR_FWMARK => mark = attribute.u32().unwrap_or_default(),
            IPVS_SVC_ATTR_SCHED_NAME => {
                attribute.str().unwrap_or_default().clone_into(&mut scheduler);
            }
            IPVS_SVC_ATTR_FLAGS => {
                flags = ServiceFlags::from_bits_retain(attribute.u32().unwrap_or_default());
            }
            IPVS_SVC_ATTR_TIMEOUT => timeout = attribute.u32().unwrap_or_default(),
            IPVS_SVC_ATTR_NETMASK => netmask = Some(attribute),
            IPVS_SVC_ATTR_PE_NAME => engine = attribute.str().map(str::to_owned),
            IPVS_SVC_ATTR_STATS => statistics.narrow = Some(attribute),
            IPVS_SVC_ATTR_STATS64 => statistics.wide = Some(attribute),
            _ => {}
        }
    }
    let family = family.ok_or(malformed("service without address family"))?;
    let key = if mark != 0 {
        ServiceKey::Mark { mark, family }
    } else {
        let address = address_bytes
            .and_then(|attribute| address(&attribute, family))
            .ok_or(malformed("service without address"))?;
        ServiceKey::Address {
            protocol: Protocol(protocol),
            address: SocketAddr::new(address, port),
        }
    };
    let netmask = netmask.and_then(|attribute| match family {
        Family::Ipv4 => attribute.ipv4().map(Netmask::V4),
        Family::Ipv6 => attribute.u32().map(Netmask::V6),
    });
    let service = Service {
        key,
        scheduler,
        flags: flags - ServiceFlags::HASHED,
        timeout,
        netmask: netmask.unwrap_or(Netmask::host(family)),
        persistence_engine: engine,
    };
    Ok(ServiceEntry { service, statistics: statistics.read() })
}

/// What names a destination, as attributes of `IPVS_CMD_ATTR_DEST`.
fn put_destination_identity(message: &mut Message, address: SocketAddr) {
    message.put_u16(IPVS_DEST_ATTR_ADDR_FAMILY, Family::of(address.ip()).number());
    put_address(message, IPVS_DEST_ATTR_ADDR, address.ip());
    message.put_be16(IPVS_DEST_ATTR_PORT, address.port());
}

/// A destination named in a request.
pub(crate) fn put_destination_key(message: &mut Message, address: SocketAddr) {
    message.nest(IPVS_CMD_ATTR_DEST, |message| put_destination_identity(message, address));
}

/// A whole destination in a request.
pub(crate) fn put_destination(message: &mut Message, destination: &Destination) {
    message.nest(IPVS_CMD_ATTR_DEST, |message| {
        put_destination_identity(message, destination.address);
        message
            .put_u32(IPVS_DEST_ATTR_FWD_METHOD, destination.method.0)
            .put_u32(IPVS_DEST_ATTR_WEIGHT, destination.weight)
            .put_u32(IPVS_DEST_ATTR_U_THRESH, destination.upper_threshold)
            .put_u32(IPVS_DEST_ATTR_L_THRESH, destination.lower_threshold);
        if destination.tunnel != Tunnel::default() {
            message
                .put_u8(IPVS_DEST_ATTR_TUN_TYPE, destination.tunnel.kind.0)
                .put_be16(IPVS_DEST_ATTR_TUN_PORT, destination.tunnel.port)
                .put_u16(IPVS_DEST_ATTR_TUN_FLAGS, destination.tunnel.flags.bits());
        }
    });
}

/// Reads the attributes of `IPVS_CMD_ATTR_DEST`. Before Linux 3.18 a destination is of its
/// service's family and does not say so.
#[inline]
pub(crate) fn destination(
    attributes: Attributes<'_>,
    service_family: Family,
) -> Result<DestinationEntry, Error> {
    match usual::destination(attributes.remainder()) {
        Some(entry) => Ok(entry),
        None => walked_destination(attributes, service_family),
    }
}

fn walked_destination(
    attributes: Attributes<'_>,
    service_family: Family,
) -> Result<DestinationEntry, Error> {
    let mut family = service_family;
    let mut address_bytes = None;
    let mut port = 0;
    let mut tunnel = Tunnel::default();
    let mut entry = DestinationEntry {
        destination: Destination::new(
            SocketAddr::new(unspecified(service_family), 0),
            ForwardingMethod::MASQUERADE,
        ),
        active_connections: 0,
        inactive_connections: 0,
        persistent_connections: 0,
        statistics: Statistics::default(),
    };
    let mut statistics = StatisticsReader::default();
    let number = |attribute: &Attribute<'_>| attribute.u32().unwrap_or_default();
    for attribute in attributes {
        match attribute.kind {
            IPVS_DEST_ATTR_ADDR => address_bytes = Some(attribute),
            IPVS_DEST_ATTR_PORT => port = attribute.be16().unwrap_or_default(),
            IPVS_DEST_ATTR_FWD_METHOD => {
                let method = number(&attribute) & IP_VS_CONN_F_FWD_MASK;
                entry.destination.method = ForwardingMethod(method);
            }
            IPVS_DEST_ATTR_WEIGHT => entry.destination.weight = number(&attribute),
            IPVS_DEST_ATTR_U_THRESH => entry.destination.upper_threshold = number(&attribute),
            IPVS_DEST_ATTR_L_THRESH => entry.destination.lower_threshold = number(&attribute),
            IPVS_DEST_ATTR_ACTIVE_CONNS => entry.active_connections = number(&attribute),
            IPVS_DEST_ATTR_INACT_CONNS => entry.inactive_connections = number(&attribute),
            IPVS_DEST_ATTR_PERSIST_CONNS => entry.persistent_connections = number(&attribute),
            IPVS_DEST_ATTR_STATS => statistics.narrow = Some(attribute),
            IPVS_DEST_ATTR_ADDR_FAMILY => {
                family = attribute
                    .u16()
                    .and_then(Family::from_number)
                    .ok_or(malformed("address family of a destination"))?;
            }
            IPVS_DEST_ATTR_STATS64 => statistics.wide = Some(attribute),
            IPVS_DEST_ATTR_TUN_TYPE => {
                tunnel.kind = TunnelKind(attribute.u8().unwrap_or_default());
            }
            IPVS_DEST_ATTR_TUN_PORT => tunnel.port = attribute.be16().unwrap_or_default(),
            IPVS_DEST_ATTR_TUN_FLAGS => {
                tunnel.flags = TunnelFlags::from_bits_retain(attribute.u16().unwrap_or_default());
            }
            _ => {}
        }
    }
    let address = address_bytes
        .and_then(|attribute| address(&attribute, family))
        .ok_or(malformed("destination without address"))?;
    entry.destination.address = SocketAddr::new(address, port);
    entry.destination.tunnel = tunnel;
    entry.statistics = statistics.read();
    Ok(entry)
}

/// The two forms that counters come in; the wide one is there since Linux 4.1.
#[derive(Default)]
struct StatisticsReader<'a> {
    narrow: Option<Attribute<'a>>,
    wide: Option<Attribute<'a>>,
}

impl StatisticsReader<'_> {
    fn read(&self) -> Statistics {
        match self.wide.as_ref().or(self.narrow.as_ref()) {
            Some(attribute) => usual::statistics(attribute.value)
                .unwrap_or_else(|| walked_statistics(attribute.attributes())),
            None => Statistics::default(),
        }
    }
}

fn walked_statistics(attributes: Attributes<'_>) -> Statistics {
    let mut statistics = Statistics::default();
    for attribute in attributes {
        let value = attribute.u64().or(attribute.u32().map(u64::from)).unwrap_or_default();
        let Statistics { rates, .. } = &mut statistics;
        match attribute.kind {
            IPVS_STATS_ATTR_CONNS => statistics.connections = value,
            IPVS_STATS_ATTR_INPKTS => statistics.incoming_packets = value,
            IPVS_STATS_ATTR_OUTPKTS => statistics.outgoing_packets = value,
            IPVS_STATS_ATTR_INBYTES => statistics.incoming_bytes = value,
            IPVS_STATS_ATTR_OUTBYTES => statistics.outgoing_bytes = value,
            IPVS_STATS_ATTR_CPS => rates.connections = value,
            IPVS_STATS_ATTR_INPPS => rates.incoming_packets = value,
            IPVS_STATS_ATTR_OUTPPS => rates.outgoing_packets = value,
            IPVS_STATS_ATTR_INBPS => rates.incoming_bytes = value,
            IPVS_STATS_ATTR_OUTBPS => rates.outgoing_bytes = value,
            _ => {}
        }
    }
    statistics
}

/// A daemon to start. What is zero or absent is left to the kernel.
pub(crate) fn put_daemon(message: &mut Message, daemon: &Daemon) {
    message.nest(IPVS_CMD_ATTR_DAEMON, |message| {
        put_role(message, daemon.role);
        message.put_str(IPVS_DAEMON_ATTR_MCAST_IFN, &daemon.interface);
        message.put_u32(IPVS_DAEMON_ATTR_SYNC_ID, daemon.sync_id);
        if daemon.max_length != 0 {
            message.put_u16(IPVS_DAEMON_ATTR_SYNC_MAXLEN, daemon.max_length);
        }
        match daemon.group {
            Some(IpAddr::V4(group)) => {
                message.put(IPVS_DAEMON_ATTR_MCAST_GROUP, &group.octets());
            }
            Some(IpAddr::V6(group)) => {
                message.put(IPVS_DAEMON_ATTR_MCAST_GROUP6, &group.octets());
            }
            None => {}
        }
        if daemon.port != 0 {
            message.put_u16(IPVS_DAEMON_ATTR_MCAST_PORT, daemon.port);
        }
        if daemon.ttl != 0 {
            message.put_u8(IPVS_DAEMON_ATTR_MCAST_TTL, daemon.ttl);
        }
    });
}

/// A daemon to stop.
pub(crate) fn put_daemon_key(message: &mut Message, role: Role, sync_id: u32) {
    message.nest(IPVS_CMD_ATTR_DAEMON, |message| {
        put_role(message, role);
        message.put_u32(IPVS_DAEMON_ATTR_SYNC_ID, sync_id);
    });
}

fn put_role(message: &mut Message, role: Role) {
    let state = match role {
        Role::Master => IP_VS_STATE_MASTER,
        Role::Backup => IP_VS_STATE_BACKUP,
    };
    message.put_u32(IPVS_DAEMON_ATTR_STATE, state);
}

/// Reads the attributes of `IPVS_CMD_ATTR_DAEMON`.
pub(crate) fn daemon(attributes: Attributes<'_>) -> Result<Daemon, Error> {
    let mut role = None;
    let mut daemon = Daemon::new(Role::Master, "");
    for attribute in attributes {
        match attribute.kind {
            IPVS_DAEMON_ATTR_STATE => {
                role = match attribute.u32() {
                    Some(IP_VS_STATE_MASTER) => Some(Role::Master),
                    Some(IP_VS_STATE_BACKUP) => Some(Role::Backup),
                    _ => None,
                };
            }
            IPVS_DAEMON_ATTR_MCAST_IFN => {
                attribute.str().unwrap_or_default().clone_into(&mut daemon.interface);
            }
            IPVS_DAEMON_ATTR_SYNC_ID => daemon.sync_id = attribute.u32().unwrap_or_default(),
            IPVS_DAEMON_ATTR_SYNC_MAXLEN => {
                daemon.max_length = attribute.u16().unwrap_or_default();
            }
            IPVS_DAEMON_ATTR_MCAST_GROUP => daemon.group = attribute.ipv4().map(IpAddr::V4),
            IPVS_DAEMON_ATTR_MCAST_GROUP6 => daemon.group = attribute.ipv6().map(IpAddr::V6),
            IPVS_DAEMON_ATTR_MCAST_PORT => daemon.port = attribute.u16().unwrap_or_default(),
            IPVS_DAEMON_ATTR_MCAST_TTL => daemon.ttl = attribute.u8().unwrap_or_default(),
            _ => {}
        }
    }
    daemon.role = role.ok_or(malformed("role of a synchronisation daemon"))?;
    Ok(daemon)
}

/// Timeouts to set; 0 keeps the present one.
pub(crate) fn put_timeouts(message: &mut Message, timeouts: &Timeouts) {
    message
        .put_u32(IPVS_CMD_ATTR_TIMEOUT_TCP, timeouts.tcp)
        .put_u32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcp_fin)
        .put_u32(IPVS_CMD_ATTR_TIMEOUT_UDP, timeouts.udp);
}

/// Reads the top-level attributes of an answer to `IPVS_CMD_GET_CONFIG`.
pub(crate) fn timeouts(attributes: Attributes<'_>) -> Timeouts {
    let mut timeouts = Timeouts::default();
    for attribute in attributes {
        let seconds = attribute.u32().unwrap_or_default();
        match attribute.kind {
            IPVS_CMD_ATTR_TIMEOUT_TCP => timeouts.tcp = seconds,
            IPVS_CMD_ATTR_TIMEOUT_TCP_FIN => timeouts.tcp_fin = seconds,
            IPVS_CMD_ATTR_TIMEOUT_UDP => timeouts.udp = seconds,
            _ => {}
        }
    }
    timeouts
}

/// Reads the top-level attributes of an answer to `IPVS_CMD_GET_INFO`.
pub(crate) fn info(attributes: Attributes<'_>) -> Info {
    let mut info = Info { version: Version(0), connection_table_size: 0 };
    for attribute in attributes {
        let value = attribute.u32().unwrap_or_default();
        match attribute.kind {
            IPVS_INFO_ATTR_VERSION => info.version = Version(value),
            IPVS_INFO_ATTR_CONN_TAB_SIZE => info.connection_table_size = value,
            _ => {}
        }
    }
    info
}

#[cfg(test)]
mod tests;
