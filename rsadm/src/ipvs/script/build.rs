//! Turns the words of a line into a change, checking every value.

use std::net::SocketAddr;

use ipvs::{
    Daemon, Destination, Family, ForwardingMethod, Netmask, Protocol, Role, Service, ServiceFlags,
    ServiceKey, Timeouts, Tunnel,
};

use super::line::{Command, Line, METHOD, Opt, SERVICE};
use crate::ipvs::values::{self, Complaint, Names, TunnelOptions, TunnelPart};
use crate::script::Fault;
use ipvs::Change;

/// The service that was named last: a table names each service once for each of its destinations.
#[derive(Debug)]
pub(super) struct Last {
    option: Option<Opt>,
    text: String,
    key: ServiceKey,
}

impl Default for Last {
    fn default() -> Self {
        Self { option: None, text: String::new(), key: ServiceKey::mark(0, Family::Ipv4) }
    }
}

impl Last {
    fn remember(&mut self, option: Opt, text: &str, key: ServiceKey) {
        self.option = Some(option);
        text.clone_into(&mut self.text);
        self.key = key;
    }
}

impl Line<'_> {
    /// The change that the line asks for.
    pub(super) fn change(&self, names: &dyn Names, last: &mut Last) -> Result<Change, Fault> {
        Ok(match self.command {
            Command::AddService => Change::AddService(self.service(names, last)?),
            Command::EditService => Change::UpdateService(self.service(names, last)?),
            Command::DeleteService => Change::DeleteService(self.key(names, last)?),
            Command::AddServer => {
                let key = self.key(names, last)?;
                Change::AddDestination(key, self.destination(&key, names)?)
            }
            Command::EditServer => {
                let key = self.key(names, last)?;
                Change::UpdateDestination(key, self.destination(&key, names)?)
            }
            Command::DeleteServer => {
                let key = self.key(names, last)?;
                Change::DeleteDestination(key, self.server(&key, names)?)
            }
            Command::Clear => Change::Flush,
            Command::Zero => Change::Zero(self.key_if_given(names, last)?),
            Command::Set => Change::SetTimeouts(self.timeouts()?),
            Command::StartDaemon => Change::StartDaemon(self.daemon()?),
            Command::StopDaemon => Change::StopDaemon(self.role()?, self.sync_id()?),
        })
    }

    /// Reads the value of an option with `read`, placing its complaint.
    fn parse<'t, T>(
        &'t self,
        option: Opt,
        read: impl FnOnce(&'t str) -> Result<T, Complaint>,
    ) -> Result<Option<T>, Fault> {
        match self.value(option) {
            Some((at, text)) => match read(text) {
                Ok(value) => Ok(Some(value)),
                Err(complaint) => Err(Fault::new(at, complaint)),
            },
            None => Ok(None),
        }
    }

    fn key(&self, names: &dyn Names, last: &mut Last) -> Result<ServiceKey, Fault> {
        self.key_if_given(names, last)?
            .ok_or_else(|| Fault::new(self.at, "which service? -t, -u, --sctp-service or -f"))
    }

    fn key_if_given(
        &self,
        names: &dyn Names,
        last: &mut Last,
    ) -> Result<Option<ServiceKey>, Fault> {
        let option = self.one_of(&SERVICE)?;
        if self.has(Opt::Ipv6) && option != Some(Opt::Mark) {
            return Err(Fault::new(self.place(Opt::Ipv6), "-6 belongs to a firewall mark (-f)"));
        }
        let Some(option) = option else { return Ok(None) };
        self.parse(option, |text| {
            if last.option == Some(option) && last.text == text {
                return Ok(last.key);
            }
            let protocol = match option {
                Opt::Tcp => Protocol::TCP,
                Opt::Udp => Protocol::UDP,
                Opt::Sctp => Protocol::SCTP,
                Opt::Mark => return self.mark(text),
                _ => {
                    return text
                        .parse()
                        .map_err(|error: ipvs::ParseKeyError| error.to_string().into());
                }
            };
            let address = values::endpoint(text, protocol, names)?.or_port(0);
            let key = ServiceKey::Address { protocol, address };
            last.remember(option, text, key);
            Ok(key)
        })
    }

    /// ipvsadm saves marks from 2^31 on as negative numbers.
    fn mark(&self, text: &str) -> Result<ServiceKey, Complaint> {
        let family = if self.has(Opt::Ipv6) { Family::Ipv6 } else { Family::Ipv4 };
        let mark = match text.parse::<i32>() {
            Ok(negative) if negative < 0 => negative.cast_unsigned(),
            _ => values::number(text, "a firewall mark", 1, u32::MAX)?,
        };
        Ok(ServiceKey::mark(mark, family))
    }

    fn service(&self, names: &dyn Names, last: &mut Last) -> Result<Service, Fault> {
        let key = self.key(names, last)?;
        let scheduler = self.parse(Opt::Scheduler, values::scheduler)?;
        let scheduler = scheduler.unwrap_or(values::DEFAULT_SCHEDULER);
        let mut service = Service::new(key, scheduler);
        if self.has(Opt::Persistent) {
            // More than ipvsadm takes, so that what another program set can be restored.
            let timeout = self.parse(Opt::Persistent, |text| {
                values::number(text, "a persistence timeout", 0, u32::MAX)
            })?;
            service = service.persistent(timeout.unwrap_or(values::DEFAULT_PERSISTENCE));
        }
        if let Some(netmask) =
            self.parse(Opt::Netmask, |text| values::netmask(text, key.family()))?
        {
            service.netmask = netmask;
        }
        if let Some(flags) =
            self.parse(Opt::Flags, |text| values::scheduler_flags(text, Some(scheduler)))?
        {
            service.flags |= flags;
        }
        service.flags.set(ServiceFlags::ONE_PACKET, self.has(Opt::OnePacket));
        service.persistence_engine =
            self.parse(Opt::Engine, values::persistence_engine)?.map(str::to_owned);
        debug_assert!(matches!(
            (service.netmask, key.family()),
            (Netmask::V4(_), Family::Ipv4) | (Netmask::V6(_), Family::Ipv6)
        ));
        values::check_service(&service).map_err(|complaint| Fault::new(self.at, complaint))?;
        Ok(service)
    }

    /// The address of a destination; the service's port where none is given.
    fn server(&self, key: &ServiceKey, names: &dyn Names) -> Result<SocketAddr, Fault> {
        let protocol = key.protocol().unwrap_or(Protocol::TCP);
        let endpoint = self.parse(Opt::Server, |text| values::endpoint(text, protocol, names))?;
        endpoint
            .map(|endpoint| endpoint.or_port(key.port()))
            .ok_or_else(|| Fault::new(self.at, "which destination? -r ADDRESS:PORT"))
    }

    fn destination(&self, key: &ServiceKey, names: &dyn Names) -> Result<Destination, Fault> {
        let mut address = self.server(key, names)?;
        let method = match self.one_of(&METHOD)? {
            Some(Opt::Masquerading) => ForwardingMethod::MASQUERADE,
            Some(Opt::Ipip) => ForwardingMethod::TUNNEL,
            _ => ForwardingMethod::ROUTE,
        };
        if method != ForwardingMethod::MASQUERADE && key.protocol().is_some() {
            // Only masquerading rewrites the port; ipvsadm puts the service's port here too.
            address.set_port(key.port());
        }
        values::check_families(key.family(), address.ip(), method)
            .map_err(|complaint| Fault::new(self.place(Opt::Server), complaint))?;
        let threshold = |text| values::number(text, "a threshold", 0, u32::MAX);
        let destination = Destination {
            weight: self
                .parse(Opt::Weight, |text| values::number(text, "a weight", 0, values::HEAVIEST))?
                .unwrap_or(1),
            upper_threshold: self.parse(Opt::Upper, threshold)?.unwrap_or(0),
            lower_threshold: self.parse(Opt::Lower, threshold)?.unwrap_or(0),
            tunnel: self.tunnel(method)?,
            ..Destination::new(address, method)
        };
        values::check_thresholds(destination.lower_threshold, destination.upper_threshold)
            .map_err(|complaint| Fault::new(self.place(Opt::Lower), complaint))?;
        Ok(destination)
    }

    fn tunnel(&self, method: ForwardingMethod) -> Result<Tunnel, Fault> {
        let port = |text| values::number(text, "a port", 1, u16::MAX);
        let options = TunnelOptions {
            kind: self.parse(Opt::TunnelType, values::tunnel_kind)?,
            port: self.parse(Opt::TunnelPort, port)?,
            no_checksum: self.has(Opt::TunnelNoChecksum),
            checksum: self.has(Opt::TunnelChecksum),
            remote_checksum: self.has(Opt::TunnelRemoteChecksum),
        };
        options.over(method, Tunnel::default()).map_err(|(part, complaint)| {
            let option = match part {
                TunnelPart::Kind => Opt::TunnelType,
                TunnelPart::Port => Opt::TunnelPort,
                TunnelPart::NoChecksum => Opt::TunnelNoChecksum,
                TunnelPart::Checksum => Opt::TunnelChecksum,
                TunnelPart::RemoteChecksum => Opt::TunnelRemoteChecksum,
            };
            Fault::new(self.place(option), complaint)
        })
    }

    fn timeouts(&self) -> Result<Timeouts, Fault> {
        let mut numbers = [0; 3];
        for (number, (at, text)) in numbers.iter_mut().zip(self.arguments()) {
            *number = values::number(text, "a timeout in seconds", 0, values::LONGEST_TIMEOUT)
                .map_err(|complaint| Fault::new(at, complaint))?;
        }
        let [tcp, tcp_fin, udp] = numbers;
        Ok(Timeouts { tcp, tcp_fin, udp })
    }

    fn role(&self) -> Result<Role, Fault> {
        match self.arguments().next() {
            Some((_, "master")) => Ok(Role::Master),
            Some((_, "backup")) => Ok(Role::Backup),
            other => Err(Fault::new(
                other.map_or(self.at, |(at, _)| at),
                "a daemon is either master or backup",
            )),
        }
    }

    fn sync_id(&self) -> Result<u32, Fault> {
        let id = self.parse(Opt::SyncId, |text| values::number(text, "a sync id", 0, 255))?;
        Ok(id.unwrap_or(0))
    }

    fn daemon(&self) -> Result<Daemon, Fault> {
        let interface = self.parse(Opt::Interface, values::interface)?.unwrap_or("eth0");
        let bounded = |what, most| move |text: &str| values::number(text, what, 1, most);
        Ok(Daemon {
            sync_id: self.sync_id()?,
            max_length: self
                .parse(Opt::MaxLength, bounded("a length in bytes", 65507))?
                .unwrap_or(0),
            group: self.parse(Opt::Group, values::multicast_group)?,
            port: self.parse(Opt::Port, bounded("a port", u16::MAX))?.unwrap_or(0),
            ttl: self
                .parse(Opt::Ttl, |text| values::number(text, "a time to live", 1, u8::MAX))?
                .unwrap_or(0),
            ..Daemon::new(self.role()?, interface)
        })
    }
}
