//! A command line as it is read, option by option, before anything is checked as a whole.

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipvs::{
    Daemon, Destination, Family, ForwardingMethod, Netmask, Protocol, Role, Service, ServiceFlags,
    ServiceKey, Timeouts, Tunnel, TunnelFlags, TunnelKind,
};

use super::address::{Directory, endpoint, ipv4};
use super::matrix::{Aspect, Aspects, Command, Encapsulation};
use super::options::{Found, Options, Switch};
use super::stop::Stop;
use crate::personality::numbers::{atoi, number};

/// 31 days, the longest timeout that ipvsadm takes.
const LONGEST_TIMEOUT: i64 = 86_400 * 31;
/// Of persistence without a number.
const DEFAULT_TIMEOUT: u32 = 360;
const LARGEST: i64 = i32::MAX as i64;

/// Bytes of names that the kernel's structures hold.
const SCHEDULER_LENGTH: usize = 15;
const ENGINE_LENGTH: usize = 16;
const INTERFACE_LENGTH: usize = 15;
const FLAGS_LENGTH: usize = 127;

/// What the options have said so far.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) command: Command,
    pub(super) given: Aspects,
    /// 0 before the service is named.
    pub(super) protocol: Protocol,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) mark: u32,
    pub(super) scheduler: Vec<u8>,
    pub(super) flags: ServiceFlags,
    pub(super) timeout: u32,
    pub(super) netmask: Netmask,
    pub(super) engine: Vec<u8>,
    scheduler_flags: Vec<u8>,
    pub(super) destination: Destination,
    pub(super) encapsulation: Encapsulation,
    pub(super) timeouts: Timeouts,
    pub(super) daemon: Daemon,
    /// Negative marks are taken as the bit pattern that `-S` printed.
    signed_marks: bool,
}

impl Draft {
    /// Reads the words behind the program's name.
    pub(super) fn read(
        words: &[Vec<u8>],
        restoring: bool,
        directory: &mut impl Directory,
    ) -> Result<Self, Stop> {
        let mut options = Options::new(words, env::var_os("POSIXLY_CORRECT").is_some());
        let Some(Ok(first)) = options.next() else { return Err(Stop::TryHelp) };
        let mut draft = Self::new(command(first)?, restoring);
        if let (Command::StartDaemon | Command::StopDaemon, (_, Some(role))) =
            (draft.command, first)
        {
            draft.role(role)?;
        }
        while let Some(found) = options.next() {
            let (switch, argument) = found
                .map_err(|complaint| Stop::complaint(options.last_word(), complaint.text()))?;
            // An option without an argument never looks at it.
            let known = draft.option(switch, argument, directory)?;
            if !known {
                return Err(Stop::quoting(b"invalid option", options.last_word()));
            }
        }
        draft.rest(&options.rest())?;
        draft.scheduler_flags()?;
        Ok(draft)
    }

    fn new(command: Command, signed_marks: bool) -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self {
            command,
            given: Aspects::default(),
            protocol: Protocol(0),
            address: nowhere.ip(),
            port: 0,
            mark: 0,
            scheduler: Vec::new(),
            flags: ServiceFlags::empty(),
            timeout: 0,
            netmask: Netmask::host(Family::Ipv4),
            engine: Vec::new(),
            scheduler_flags: Vec::new(),
            destination: Destination::new(nowhere, ForwardingMethod::ROUTE),
            encapsulation: Encapsulation::default(),
            timeouts: Timeouts::default(),
            daemon: Daemon::new(Role::Master, ""),
            signed_marks,
        }
    }

    /// The service that was named.
    pub(super) fn key(&self) -> ServiceKey {
        match self.mark {
            0 => ServiceKey::Address {
                protocol: self.protocol,
                address: SocketAddr::new(self.address, self.port),
            },
            mark => ServiceKey::Mark { mark, family: Family::of(self.address) },
        }
    }

    /// The service with its configuration.
    pub(super) fn service(&self) -> Service {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Service {
            key: self.key(),
            scheduler: if self.scheduler.is_empty() { "wlc".into() } else { text(&self.scheduler) },
            flags: self.flags,
            timeout: self.timeout,
            netmask: self.netmask,
            persistence_engine: (!self.engine.is_empty()).then(|| text(&self.engine)),
        }
    }

    /// Notes that an option was given, which only `-6` and `--sort` may be twice.
    fn once(&mut self, aspect: Aspect) -> Result<(), Stop> {
        if self.given.insert(aspect) {
            return Ok(());
        }
        Err(Stop::fail(format!("multiple '{}' options specified", aspect.name())))
    }

    /// Takes one option; false for a second command.
    fn option(
        &mut self,
        switch: Switch,
        argument: Option<&[u8]>,
        directory: &mut impl Directory,
    ) -> Result<bool, Stop> {
        let Some(aspect) = aspect(switch) else {
            return match switch {
                Switch::Sort => Ok(true),
                Switch::Ipv6 => self.ipv6().map(|()| true),
                _ => Ok(false),
            };
        };
        self.once(aspect)?;
        let text = argument.unwrap_or_default();
        match switch {
            Switch::TcpService => self.service_address(Protocol::TCP, text, directory)?,
            Switch::UdpService => self.service_address(Protocol::UDP, text, directory)?,
            Switch::SctpService => self.service_address(Protocol::SCTP, text, directory)?,
            Switch::Mark => self.firewall_mark(text)?,
            Switch::Scheduler => self.scheduler = cut(text, SCHEDULER_LENGTH),
            Switch::Persistent => {
                self.flags |= ServiceFlags::PERSISTENT;
                self.timeout = match argument {
                    Some(text) => timeout(text, 1)?,
                    None => DEFAULT_TIMEOUT,
                };
            }
            Switch::Netmask => self.netmask(text, directory)?,
            Switch::RealServer => self.real_server(text, directory)?,
            Switch::Masquerading => self.destination.method = ForwardingMethod::MASQUERADE,
            Switch::Tunnelling => self.destination.method = ForwardingMethod::TUNNEL,
            Switch::Gatewaying => self.destination.method = ForwardingMethod::ROUTE,
            Switch::Weight => {
                self.destination.weight = bounded(text, 0, LARGEST, "illegal weight specified")?;
            }
            Switch::UpperThreshold => {
                self.destination.upper_threshold =
                    bounded(text, 0, LARGEST, "illegal u_threshold specified")?;
            }
            Switch::LowerThreshold => {
                self.destination.lower_threshold =
                    bounded(text, 0, LARGEST, "illegal l_threshold specified")?;
            }
            Switch::OnePacket => self.flags |= ServiceFlags::ONE_PACKET,
            Switch::Engine => self.engine = cut(text, ENGINE_LENGTH),
            Switch::SchedulerFlags => self.scheduler_flags = cut(text, FLAGS_LENGTH),
            Switch::Interface => {
                self.daemon.interface =
                    String::from_utf8_lossy(&cut(text, INTERFACE_LENGTH)).into_owned();
            }
            Switch::SyncId => {
                self.daemon.sync_id = bounded(text, 0, 255, "illegal syncid specified")?;
            }
            Switch::Group => self.daemon.group = Some(group(text)?),
            Switch::Port => {
                self.daemon.port = bounded(text, 1, 65535, "illegal mcast-port specified")?;
            }
            Switch::Ttl => {
                self.daemon.ttl = bounded(text, 1, 255, "illegal mcast-ttl specified")?;
            }
            Switch::MaxLength => {
                self.daemon.max_length = bounded(text, 1, 65507, "illegal sync-maxlen specified")?;
            }
            Switch::TunnelType => self.encapsulation = encapsulation(text)?,
            Switch::TunnelPort => {
                self.destination.tunnel.port =
                    bounded(text, 1, 65535, "illegal tunnel port specified")?;
            }
            Switch::TunnelChecksum => self.destination.tunnel.flags |= TunnelFlags::CHECKSUM,
            Switch::TunnelRemoteChecksum => {
                self.destination.tunnel.flags |= TunnelFlags::REMOTE_CHECKSUM;
            }
            // The remaining ones say all by being there.
            _ => {}
        }
        Ok(true)
    }

    fn role(&mut self, role: &[u8]) -> Result<(), Stop> {
        self.daemon.role = match role {
            b"master" => Role::Master,
            b"backup" => Role::Backup,
            _ if self.command == Command::StartDaemon => {
                return Err(Stop::fail("illegal start-daemon parameter specified"));
            }
            _ => return Err(Stop::fail("illegal start_daemon specified")),
        };
        Ok(())
    }

    fn service_address(
        &mut self,
        protocol: Protocol,
        text: &[u8],
        directory: &mut impl Directory,
    ) -> Result<(), Stop> {
        self.protocol = protocol;
        let endpoint = endpoint(text, protocol, directory)
            .ok_or_else(|| Stop::fail("illegal virtual server address[:port] specified"))?;
        self.address = endpoint.address;
        self.port = endpoint.port.unwrap_or(0);
        if self.address.is_ipv6() {
            self.netmask = Netmask::host(Family::Ipv6);
        }
        Ok(())
    }

    fn firewall_mark(&mut self, text: &[u8]) -> Result<(), Stop> {
        // ipvsadm refuses the negative marks that its own -S printed.
        let least = if self.signed_marks { i64::from(i32::MIN) } else { 1 };
        self.mark = number(text, least, i64::from(u32::MAX))
            .filter(|mark| *mark != 0)
            .map(|mark| mark.cast_unsigned() as u32)
            .ok_or_else(|| Stop::specified(b"invalid fwmark value", text))?;
        // Names of ports of its destinations are those of TCP.
        self.protocol = Protocol::TCP;
        Ok(())
    }

    fn ipv6(&mut self) -> Result<(), Stop> {
        if self.mark == 0 {
            // The line feed is part of the text.
            return Err(Stop::fail("-6 used before -f\n"));
        }
        self.address = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        self.netmask = Netmask::host(Family::Ipv6);
        Ok(())
    }

    fn netmask(&mut self, text: &[u8], directory: &mut impl Directory) -> Result<(), Stop> {
        self.netmask = match self.address {
            IpAddr::V4(_) => ipv4(text, directory)
                .map(Netmask::V4)
                .ok_or_else(|| Stop::fail("illegal virtual server persistent mask specified"))?,
            IpAddr::V6(_) => u32::try_from(atoi(text))
                .ok()
                .filter(|length| (1..=128).contains(length))
                .map(Netmask::V6)
                .ok_or_else(|| Stop::fail("illegal ipv6 netmask specified"))?,
        };
        Ok(())
    }

    /// A missing port is the service's, as far as the service is known by now.
    fn real_server(&mut self, text: &[u8], directory: &mut impl Directory) -> Result<(), Stop> {
        let endpoint = endpoint(text, self.protocol, directory)
            .ok_or_else(|| Stop::fail("illegal real server address[:port] specified"))?;
        let port = endpoint.port.unwrap_or(self.port);
        self.destination.address = SocketAddr::new(endpoint.address, port);
        Ok(())
    }

    /// The words that are not options: three timeouts, or a mistake.
    fn rest(&mut self, words: &[&[u8]]) -> Result<(), Stop> {
        let mut words = words;
        if self.command == Command::Set {
            let [tcp, tcp_fin, udp, rest @ ..] = words else {
                return Err(Stop::fail("--set option requires 3 timeout values"));
            };
            self.timeouts = Timeouts {
                tcp: timeout(tcp, 0)?,
                tcp_fin: timeout(tcp_fin, 0)?,
                udp: timeout(udp, 0)?,
            };
            words = rest;
        }
        match words {
            [] => Ok(()),
            [word, ..] => Err(Stop::fail([b"unexpected argument ", *word].concat())),
        }
    }

    /// The scheduler's flags, which are looked at when the scheduler is known.
    fn scheduler_flags(&mut self) -> Result<(), Stop> {
        for name in self.scheduler_flags.split(|byte| *byte == b',') {
            let (scheduler, flag) = match name {
                b"" => continue,
                b"flag-1" => (None, ServiceFlags::SCHEDULER_1),
                b"flag-2" => (None, ServiceFlags::SCHEDULER_2),
                b"flag-3" => (None, ServiceFlags::SCHEDULER_3),
                b"sh-fallback" => (Some(&b"sh"[..]), ServiceFlags::SCHEDULER_1),
                b"sh-port" => (Some(&b"sh"[..]), ServiceFlags::SCHEDULER_2),
                b"mh-fallback" => (Some(&b"mh"[..]), ServiceFlags::SCHEDULER_1),
                b"mh-port" => (Some(&b"mh"[..]), ServiceFlags::SCHEDULER_2),
                _ => return Err(Stop::quoting(b"invalid scheduler flag", name)),
            };
            if scheduler.is_some_and(|scheduler| scheduler != self.scheduler) {
                return Err(Stop::quoting(b"incompatible scheduler flag", name));
            }
            self.flags |= flag;
        }
        Ok(())
    }

    /// The tunnel of the destination.
    pub(super) fn tunnel(&self) -> Tunnel {
        let kind = match self.encapsulation {
            Encapsulation::Ipip => TunnelKind::IPIP,
            Encapsulation::Gue => TunnelKind::GUE,
            Encapsulation::Gre => TunnelKind::GRE,
        };
        Tunnel { kind, ..self.destination.tunnel }
    }
}

/// The command, which is the first option.
fn command((switch, _): Found<'_>) -> Result<Command, Stop> {
    Ok(match switch {
        Switch::AddService => Command::AddService,
        Switch::EditService => Command::EditService,
        Switch::DeleteService => Command::DeleteService,
        Switch::Clear => Command::Flush,
        Switch::List => Command::List,
        Switch::Zero => Command::Zero,
        Switch::AddServer => Command::AddServer,
        Switch::EditServer => Command::EditServer,
        Switch::DeleteServer => Command::DeleteServer,
        Switch::Set => Command::Set,
        Switch::Restore => Command::Restore,
        Switch::Save => Command::Save,
        Switch::StartDaemon => Command::StartDaemon,
        Switch::StopDaemon => Command::StopDaemon,
        Switch::Help => return Err(Stop::Help),
        Switch::Version => return Err(Stop::Version),
        _ => return Err(Stop::TryHelp),
    })
}

/// What an option sets; `None` for commands and for what may be repeated.
fn aspect(switch: Switch) -> Option<Aspect> {
    Some(match switch {
        Switch::TcpService | Switch::UdpService | Switch::SctpService | Switch::Mark => {
            Aspect::Service
        }
        Switch::Scheduler => Aspect::Scheduler,
        Switch::Persistent => Aspect::Persistent,
        Switch::Netmask => Aspect::Netmask,
        Switch::RealServer => Aspect::RealServer,
        Switch::Masquerading | Switch::Tunnelling | Switch::Gatewaying => Aspect::Forwarding,
        Switch::Weight => Aspect::Weight,
        Switch::UpperThreshold => Aspect::UpperThreshold,
        Switch::LowerThreshold => Aspect::LowerThreshold,
        Switch::Numeric => Aspect::Numeric,
        Switch::Connection => Aspect::Connection,
        Switch::Interface => Aspect::Interface,
        Switch::Timeout => Aspect::Timeout,
        Switch::Daemon => Aspect::Daemon,
        Switch::Stats => Aspect::Stats,
        Switch::Rate => Aspect::Rate,
        Switch::Thresholds => Aspect::Thresholds,
        Switch::PersistentConnections => Aspect::PersistentConnections,
        Switch::NoSort => Aspect::NoSort,
        Switch::SyncId => Aspect::SyncId,
        Switch::Exact => Aspect::Exact,
        Switch::OnePacket => Aspect::OnePacket,
        Switch::Engine => Aspect::Engine,
        Switch::SchedulerFlags => Aspect::SchedulerFlags,
        Switch::Group => Aspect::Group,
        Switch::Port => Aspect::Port,
        Switch::Ttl => Aspect::Ttl,
        Switch::MaxLength => Aspect::MaxLength,
        Switch::TunnelInfo => Aspect::TunnelInfo,
        Switch::TunnelType => Aspect::TunnelType,
        Switch::TunnelPort => Aspect::TunnelPort,
        Switch::TunnelNoChecksum => Aspect::TunnelNoChecksum,
        Switch::TunnelChecksum => Aspect::TunnelChecksum,
        Switch::TunnelRemoteChecksum => Aspect::TunnelRemoteChecksum,
        _ => return None,
    })
}

fn cut(text: &[u8], length: usize) -> Vec<u8> {
    text[..text.len().min(length)].to_vec()
}

fn timeout(text: &[u8], least: i64) -> Result<u32, Stop> {
    number(text, least, LONGEST_TIMEOUT)
        .and_then(|seconds| u32::try_from(seconds).ok())
        .ok_or_else(|| Stop::specified(b"invalid timeout value", text))
}

fn bounded<T: TryFrom<i64>>(
    text: &[u8],
    least: i64,
    most: i64,
    message: &'static str,
) -> Result<T, Stop> {
    number(text, least, most)
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| Stop::fail(message))
}

fn group(text: &[u8]) -> Result<IpAddr, Stop> {
    let ipv6 = text.contains(&b':');
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<IpAddr>().ok())
        .filter(|group| group.is_multicast() && group.is_ipv6() == ipv6)
        .ok_or_else(|| {
            let family = if ipv6 { "IPv6" } else { "IPv4" };
            Stop::quoting(format!("invalid {family} mcast-group").as_bytes(), text)
        })
}

fn encapsulation(text: &[u8]) -> Result<Encapsulation, Stop> {
    match text {
        b"ipip" => Ok(Encapsulation::Ipip),
        b"gue" => Ok(Encapsulation::Gue),
        b"gre" => Ok(Encapsulation::Gre),
        _ => Err(Stop::fail("illegal tunnel type specified")),
    }
}
