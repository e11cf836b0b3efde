//! The command line of `rsadm ipvs`.

use std::ffi::OsString;
use std::mem;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use ipvs::{ForwardingMethod, Origin, Protocol, Role, ServiceKey, TunnelKind};

use super::connections::{StateName, parse_origin};
use super::network::Network;
use super::sort::SortKey;
use super::values::{self, Endpoint};
use crate::deferred::Deferred;

/// `rsadm ipvs`
#[derive(Debug, Subcommand)]
pub(crate) enum Ipvs {
    /// List services and their destinations
    #[command(visible_alias = "ls")]
    List(Deferred<List>),
    /// List connections, or count them
    Connections(Deferred<Connections>),
    /// Add, edit or delete a service
    #[command(subcommand)]
    Service(Deferred<Service>),
    /// Add, edit or delete a destination of a service
    #[command(subcommand)]
    Dest(Deferred<Dest>),
    /// Delete all services; connections stay until they expire
    Clear,
    /// Set counters to zero
    Zero {
        /// The service; without one, all
        #[arg(value_name = "SERVICE")]
        service: Option<ServiceKey>,
    },
    /// Show the timeouts of connections, or set some of them
    Timeouts(Deferred<Timeouts>),
    /// Show the synchronisation daemons, start or stop one
    Daemons {
        #[command(subcommand)]
        verb: Option<Daemons>,
    },
    /// Write the table in the format of ipvsadm
    Save {
        /// Lose nothing: thresholds, timeouts and synchronisation daemons too
        #[arg(long)]
        full: bool,
    },
    /// Make the changes that a file in the format of ipvsadm asks for
    ///
    /// The whole file is checked before the first change. When the kernel refuses one, the others
    /// are still made, and what was refused is told with its line.
    Restore {
        /// The file; without one, or with -, the standard input
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Change only what differs from the file, and delete what it does not have; never flushes
        #[arg(long)]
        sync: bool,
    },
    /// List schedulers and persistence engines, and whether the kernel has them
    Schedulers,
}

/// `rsadm ipvs list`
#[derive(Args, Debug, Default)]
#[command(group = ArgGroup::new("columns").multiple(false))]
pub(crate) struct List {
    /// The service; without one, all
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<ServiceKey>,
    /// Numbers instead of names of hosts and ports
    #[arg(short, long)]
    pub(crate) numeric: bool,
    /// Counters of connections, packets and bytes
    #[arg(long, group = "columns")]
    pub(crate) stats: bool,
    /// Rates per second
    #[arg(long, group = "columns")]
    pub(crate) rate: bool,
    /// Thresholds of connections
    #[arg(long, group = "columns")]
    pub(crate) thresholds: bool,
    /// Persistence templates
    #[arg(long, group = "columns")]
    pub(crate) persistent_conn: bool,
    /// Encapsulation of tunnels
    #[arg(long, group = "columns")]
    pub(crate) tun_info: bool,
    /// Counters in full instead of with K, M, G and T
    #[arg(short = 'X', long)]
    pub(crate) exact: bool,
    /// Order of services, and of destinations within a service
    #[arg(long, value_name = "KEY", default_value = "address")]
    pub(crate) sort: SortKey,
    /// List those of the current network namespace and of all that `ip netns` has named
    #[arg(long, conflicts_with = "service")]
    pub(crate) all_netns: bool,
}

impl List {
    /// Reads options without values, which is what a table is listed with again and again: to list a
    /// small one takes less than to describe all options to a parser. All else is left to that.
    pub(crate) fn of_switches(words: &[OsString]) -> Option<Self> {
        let mut list = Self::default();
        for word in words {
            let switch = match word.to_str()? {
                "-n" | "--numeric" => &mut list.numeric,
                "-X" | "--exact" => &mut list.exact,
                "--stats" => &mut list.stats,
                "--rate" => &mut list.rate,
                "--thresholds" => &mut list.thresholds,
                "--persistent-conn" => &mut list.persistent_conn,
                "--tun-info" => &mut list.tun_info,
                "--all-netns" => &mut list.all_netns,
                _ => return None,
            };
            if mem::replace(switch, true) {
                return None;
            }
        }
        let Self { stats, rate, thresholds, persistent_conn, tun_info, .. } = list;
        let columns = [stats, rate, thresholds, persistent_conn, tun_info];
        (columns.iter().filter(|given| **given).count() <= 1).then_some(list)
    }
}

/// `rsadm ipvs connections`
#[derive(Args, Debug)]
pub(crate) struct Connections {
    /// Numbers instead of names of hosts and ports
    #[arg(short, long)]
    pub(crate) numeric: bool,
    /// Data of the persistence engine
    #[arg(long, conflicts_with = "group_by")]
    pub(crate) persistent_conn: bool,
    /// Only this protocol: tcp, udp, sctp or a number
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    pub(crate) protocol: Option<Protocol>,
    /// Only clients in this network
    #[arg(long, value_name = "CIDR")]
    pub(crate) client: Option<Network>,
    /// Only virtual addresses in this network
    #[arg(long = "virtual", value_name = "CIDR[:PORT]")]
    pub(crate) virtual_address: Option<Network>,
    /// Only destinations in this network
    #[arg(long, value_name = "CIDR[:PORT]")]
    pub(crate) destination: Option<Network>,
    /// Only these states, such as ESTABLISHED,TIME_WAIT
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub(crate) state: Vec<StateName>,
    /// Only connections that this host scheduled (local) or that a master sent (sync)
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin,
          conflicts_with = "persistent_conn")]
    pub(crate) origin: Option<Origin>,
    /// With the flow that connection tracking has of each, and where its answers go
    #[arg(long, conflicts_with_all = ["group_by", "persistent_conn"])]
    pub(crate) nat: bool,
    /// Count connections instead of listing them
    #[arg(long, value_name = "WHAT")]
    pub(crate) group_by: Option<GroupBy>,
    /// Only the N largest groups
    #[arg(long, value_name = "N", requires = "group_by")]
    pub(crate) top: Option<usize>,
}

/// What connections are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// Address of the client
    Client,
    /// Address and port of the destination
    Dest,
    /// State of the connection
    State,
    /// Protocol, virtual address and port
    Service,
}

/// `rsadm ipvs service`
#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Add a service
    Add(ServiceAdd),
    /// Change some settings of a service; the others stay
    Edit(ServiceEdit),
    /// Delete a service and its destinations
    Delete {
        /// The service
        #[arg(value_name = "SERVICE")]
        key: ServiceKey,
    },
}

/// `rsadm ipvs service add`
#[derive(Args, Debug)]
pub(crate) struct ServiceAdd {
    /// The service: tcp://ADDRESS:PORT, udp://..., sctp://..., fwmark://N or fwmark6://N
    #[arg(value_name = "SERVICE")]
    pub(crate) key: ServiceKey,
    /// Scheduler; `rsadm ipvs schedulers` lists them
    #[arg(short, long, value_parser = scheduler, default_value = values::DEFAULT_SCHEDULER)]
    pub(crate) scheduler: String,
    /// Keep a client's connections on one destination, for this long after the last
    #[arg(short, long, value_name = "SECONDS", value_parser = persistence,
          num_args = 0..=1, default_missing_value = "360")]
    pub(crate) persistent: Option<u32>,
    /// Granularity of persistence: a mask such as 255.255.255.0, or a prefix length for IPv6
    #[arg(short = 'M', long, value_name = "MASK")]
    pub(crate) netmask: Option<String>,
    /// Persistence engine
    #[arg(long, value_name = "NAME", value_parser = persistence_engine)]
    pub(crate) pe: Option<String>,
    /// Schedule every UDP packet on its own
    #[arg(long)]
    pub(crate) ops: bool,
    /// Flags of the scheduler, such as sh-fallback,sh-port
    #[arg(short = 'b', long, value_name = "FLAGS")]
    pub(crate) sched_flags: Option<String>,
}

/// `rsadm ipvs service edit`
#[derive(Args, Debug)]
pub(crate) struct ServiceEdit {
    /// The service
    #[arg(value_name = "SERVICE")]
    pub(crate) key: ServiceKey,
    /// Another scheduler
    #[arg(short, long, value_parser = scheduler)]
    pub(crate) scheduler: Option<String>,
    /// Persistence, for this long after the last connection of a client
    #[arg(short, long, value_name = "SECONDS", value_parser = persistence,
          num_args = 0..=1, default_missing_value = "360")]
    pub(crate) persistent: Option<u32>,
    /// No persistence
    #[arg(long, conflicts_with = "persistent")]
    pub(crate) no_persistent: bool,
    /// Granularity of persistence: a mask such as 255.255.255.0, or a prefix length for IPv6
    #[arg(short = 'M', long, value_name = "MASK")]
    pub(crate) netmask: Option<String>,
    /// Persistence engine
    #[arg(long, value_name = "NAME", value_parser = persistence_engine)]
    pub(crate) pe: Option<String>,
    /// No persistence engine
    #[arg(long, conflicts_with = "pe")]
    pub(crate) no_pe: bool,
    /// Schedule every UDP packet on its own
    #[arg(long)]
    pub(crate) ops: bool,
    /// Schedule connections
    #[arg(long, conflicts_with = "ops")]
    pub(crate) no_ops: bool,
    /// Flags of the scheduler in place of its present ones, or none
    #[arg(short = 'b', long, value_name = "FLAGS")]
    pub(crate) sched_flags: Option<String>,
}

/// `rsadm ipvs dest`
#[derive(Debug, Subcommand)]
pub(crate) enum Dest {
    /// Add a destination to a service
    Add(DestAdd),
    /// Change some settings of a destination; the others stay
    Edit(DestEdit),
    /// Delete a destination of a service
    Delete {
        #[command(flatten)]
        place: Place,
    },
}

/// Which destination of which service.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// The service
    #[arg(value_name = "SERVICE")]
    pub(crate) key: ServiceKey,
    /// The destination; its port is the service's unless given
    #[arg(value_name = "ADDRESS[:PORT]", value_parser = destination)]
    pub(crate) address: Endpoint,
}

/// `rsadm ipvs dest add`
#[derive(Args, Debug)]
pub(crate) struct DestAdd {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) settings: DestSettings,
}

/// `rsadm ipvs dest edit`
#[derive(Args, Debug)]
pub(crate) struct DestEdit {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) settings: DestSettings,
}

/// Settings of a destination.
#[derive(Args, Debug)]
pub(crate) struct DestSettings {
    #[command(flatten)]
    pub(crate) method: Method,
    /// Share of new connections; 0 takes none [added with: 1]
    #[arg(short, long, value_parser = weight, allow_negative_numbers = true)]
    pub(crate) weight: Option<u32>,
    /// No new connections above this many; 0 is no limit
    #[arg(short = 'x', long, value_name = "CONNECTIONS", value_parser = threshold,
          allow_negative_numbers = true)]
    pub(crate) u_threshold: Option<u32>,
    /// New connections again below this many
    #[arg(short = 'y', long, value_name = "CONNECTIONS", value_parser = threshold,
          allow_negative_numbers = true)]
    pub(crate) l_threshold: Option<u32>,
    #[command(flatten)]
    pub(crate) tunnel: Tunnel,
}

/// How packets reach a destination.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct Method {
    /// Direct routing [added with]
    #[arg(short = 'g', long)]
    gatewaying: bool,
    /// Tunnel
    #[arg(short = 'i', long)]
    ipip: bool,
    /// Network address translation
    #[arg(short = 'm', long)]
    masquerading: bool,
}

impl Method {
    /// The method that was chosen.
    pub(crate) fn chosen(&self) -> Option<ForwardingMethod> {
        match self {
            Self { gatewaying: true, .. } => Some(ForwardingMethod::ROUTE),
            Self { ipip: true, .. } => Some(ForwardingMethod::TUNNEL),
            Self { masquerading: true, .. } => Some(ForwardingMethod::MASQUERADE),
            _ => None,
        }
    }
}

/// Encapsulation of a tunnel.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("checksums").multiple(false).args([
    "no_checksum", "checksum", "remote_checksum",
]))]
pub(crate) struct Tunnel {
    /// Encapsulation of a tunnel: ipip, gue or gre [added with: ipip]
    #[arg(long = "tun-type", value_name = "KIND", value_parser = tunnel_kind)]
    pub(crate) kind: Option<TunnelKind>,
    /// UDP port of gue
    #[arg(long = "tun-port", value_name = "PORT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// No checksums in the tunnel, gue and gre
    #[arg(long = "tun-nocsum")]
    pub(crate) no_checksum: bool,
    /// Checksums in the tunnel, gue and gre
    #[arg(long = "tun-csum")]
    pub(crate) checksum: bool,
    /// Remote checksum offload, gue
    #[arg(long = "tun-remcsum")]
    pub(crate) remote_checksum: bool,
}

/// `rsadm ipvs timeouts`
#[derive(Args, Debug)]
pub(crate) struct Timeouts {
    /// Established TCP connections
    #[arg(long, value_name = "SECONDS", value_parser = timeout,
          allow_negative_numbers = true)]
    pub(crate) tcp: Option<u32>,
    /// TCP connections after a FIN
    #[arg(long, value_name = "SECONDS", value_parser = timeout,
          allow_negative_numbers = true)]
    pub(crate) tcp_fin: Option<u32>,
    /// UDP
    #[arg(long, value_name = "SECONDS", value_parser = timeout,
          allow_negative_numbers = true)]
    pub(crate) udp: Option<u32>,
}

/// `rsadm ipvs daemons`
#[derive(Debug, Subcommand)]
pub(crate) enum Daemons {
    /// Start a synchronisation daemon
    Start(DaemonStart),
    /// Stop a synchronisation daemon
    Stop {
        /// master or backup
        #[arg(value_parser = role)]
        role: Role,
        /// Id of the daemon
        #[arg(long, value_name = "ID", default_value_t = 0, value_parser = sync_id,
          allow_negative_numbers = true)]
        syncid: u32,
    },
}

/// `rsadm ipvs daemons start`
#[derive(Args, Debug)]
pub(crate) struct DaemonStart {
    /// master, which sends its connections, or backup, which takes those of a master
    #[arg(value_parser = role)]
    pub(crate) role: Role,
    /// Network interface of the multicast
    #[arg(long, value_name = "INTERFACE", value_parser = interface)]
    pub(crate) mcast_interface: String,
    /// Id that master and backup share; a backup with 0 takes every master's
    #[arg(long, value_name = "ID", default_value_t = 0, value_parser = sync_id,
          allow_negative_numbers = true)]
    pub(crate) syncid: u32,
    /// Largest message [default: what fits the interface]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1..=65507))]
    pub(crate) sync_maxlen: Option<u16>,
    /// Multicast group [default: 224.0.0.81]
    #[arg(long, value_name = "ADDRESS", value_parser = multicast_group)]
    pub(crate) mcast_group: Option<IpAddr>,
    /// UDP port [default: 8848]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) mcast_port: Option<u16>,
    /// Time to live [default: 1]
    #[arg(long, value_name = "HOPS", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) mcast_ttl: Option<u8>,
}

type Parsed<T> = Result<T, String>;

fn protocol(text: &str) -> Parsed<Protocol> {
    match text {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "sctp" => Ok(Protocol::SCTP),
        _ => text
            .parse::<u8>()
            .map(|number| Protocol(number.into()))
            .map_err(|_| "tcp, udp, sctp and numbers up to 255 are protocols".to_owned()),
    }
}

fn role(text: &str) -> Parsed<Role> {
    match text {
        "master" => Ok(Role::Master),
        "backup" => Ok(Role::Backup),
        _ => Err("a daemon is either master or backup".to_owned()),
    }
}

fn scheduler(text: &str) -> Parsed<String> {
    Ok(values::scheduler(text)?.to_owned())
}

fn persistence_engine(text: &str) -> Parsed<String> {
    Ok(values::persistence_engine(text)?.to_owned())
}

fn interface(text: &str) -> Parsed<String> {
    Ok(values::interface(text)?.to_owned())
}

fn persistence(text: &str) -> Parsed<u32> {
    Ok(values::number(text, "a persistence timeout in seconds", 1, values::LONGEST_TIMEOUT)?)
}

fn timeout(text: &str) -> Parsed<u32> {
    Ok(values::number(text, "a timeout in seconds", 1, values::LONGEST_TIMEOUT)?)
}

fn weight(text: &str) -> Parsed<u32> {
    Ok(values::number(text, "a weight", 0, values::HEAVIEST)?)
}

fn threshold(text: &str) -> Parsed<u32> {
    Ok(values::number(text, "a threshold", 0, values::HEAVIEST)?)
}

fn sync_id(text: &str) -> Parsed<u32> {
    Ok(values::number(text, "a sync id", 0, 255)?)
}

fn tunnel_kind(text: &str) -> Parsed<TunnelKind> {
    Ok(values::tunnel_kind(text)?)
}

fn multicast_group(text: &str) -> Parsed<IpAddr> {
    Ok(values::multicast_group(text)?)
}

/// A destination is written in numbers: its name may mean another host tomorrow.
fn destination(text: &str) -> Parsed<Endpoint> {
    Ok(values::endpoint(text, Protocol::TCP, &values::Numeric)?)
}
