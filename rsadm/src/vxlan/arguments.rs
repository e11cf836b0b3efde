//! The command line of `rsadm vxlan`, under the names that bridge and ip have for things.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use vxlan::{FilterMode, Mac, Vni};

use super::fdb::filter::Filters;
use super::link::options::LinkOptions;
use super::values::{self, MacPrefix, Protocol, VniRange};
use crate::deferred::Deferred;

/// `rsadm vxlan`
#[derive(Debug, Subcommand)]
pub(crate) enum Vxlan {
    /// VXLAN devices
    #[command(subcommand)]
    Link(Deferred<Link>),
    /// Forwarding entries: which frames go where
    #[command(subcommand)]
    Fdb(Deferred<Fdb>),
    /// VNIs that a device with a filter takes
    #[command(subcommand)]
    Vni(Deferred<VniVerb>),
    /// The multicast database: which remotes want which groups
    #[command(subcommand)]
    Mdb(Deferred<Mdb>),
    /// Neighbours over an overlay
    #[command(subcommand)]
    Neigh(Deferred<Neigh>),
    /// The other ends of overlays: routes, neighbours, entries and the way there, joined
    ///
    /// A row is a way over an overlay to another node. A part that is missing is told as a problem:
    /// a route without its neighbour, a neighbour without an entry, an entry that nothing uses.
    Peers(Deferred<Peers>),
    /// What of VXLAN this kernel does
    Caps,
}

/// `rsadm vxlan link`
#[derive(Debug, Subcommand)]
pub(crate) enum Link {
    /// List VXLAN devices
    #[command(visible_alias = "ls")]
    List,
    /// Show one device
    Show {
        /// The device
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Create a device
    Add(Deferred<LinkAdd>),
    /// Change a device, as far as the kernel can
    Set(Deferred<LinkSet>),
    /// Delete a device
    #[command(visible_alias = "del")]
    Delete {
        /// The device
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// `rsadm vxlan link add`
#[derive(Args, Debug)]
pub(crate) struct LinkAdd {
    /// Name of the new device
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) options: LinkOptions,
}

/// `rsadm vxlan link set`
#[derive(Args, Debug)]
pub(crate) struct LinkSet {
    /// The device
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Another name
    #[arg(long = "name", value_name = "NEW")]
    pub(crate) rename: Option<String>,
    #[command(flatten)]
    pub(crate) options: LinkOptions,
}

/// `rsadm vxlan fdb`
#[derive(Debug, Subcommand)]
pub(crate) enum Fdb {
    /// List entries of VXLAN devices
    ///
    /// The listing is right though the table may change while it is read: each entry once, none
    /// missing. -o table joins entries with the overlay's neighbours and routes.
    #[command(visible_alias = "ls", alias = "show", alias = "lst")]
    List(Deferred<FdbList>),
    /// Show one entry
    Get(Deferred<FdbGet>),
    /// Add an entry to an address that has none
    Add(Deferred<FdbEdit>),
    /// Add a remote to the zero address or a group
    ///
    /// An address that is neither has one remote: where it has another one this fails, which the
    /// kernel and bridge pass over.
    Append(Deferred<FdbEdit>),
    /// Add an entry of a unicast address, or replace the one it has
    Replace(Deferred<FdbEdit>),
    /// Delete an entry: with a remote that one, else all of its address
    ///
    /// Where there is no such remote this fails, which the kernel and bridge pass over.
    #[command(visible_alias = "del")]
    Delete(Deferred<FdbDelete>),
    /// Delete the entries that match
    ///
    /// Of the device's own table; with --master of that of its bridge, where the addresses of the
    /// bridge and of its ports stay unless --force is given.
    Flush(Deferred<FdbFlush>),
    /// Make the entries of a device those of a file, with the smallest change
    ///
    /// Lines as `bridge -batch` takes them (`fdb append MAC dev DEV dst ADDRESS`), as `fdb list`
    /// prints them, or its JSON, NDJSON or YAML. The whole file is checked before the first change.
    /// Entries that packets or a control plane taught the device, and the one of its own group or
    /// remote, are left alone.
    Sync(Deferred<FdbSync>),
}

/// `rsadm vxlan fdb list`
#[derive(Args, Debug)]
pub(crate) struct FdbList {
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Not used for at least so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds,
          help_heading = "Filters")]
    pub(crate) idle: Option<u32>,
    /// Changed within the last so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds,
          help_heading = "Filters")]
    pub(crate) changed: Option<u32>,
    /// Order
    #[arg(long, value_name = "KEY", default_value = "none")]
    pub(crate) sort: FdbSort,
    /// Print how many there are, and no entry
    #[arg(long, conflicts_with = "group_by")]
    pub(crate) count: bool,
    /// Count entries by what they have in common, the largest groups first
    #[arg(long, value_name = "WHAT")]
    pub(crate) group_by: Option<FdbGroup>,
    /// Only the N largest groups
    #[arg(long, value_name = "N", requires = "group_by")]
    pub(crate) top: Option<usize>,
    /// Times since use and change
    #[arg(short, long, alias = "statistics")]
    pub(crate) stats: bool,
}

/// The order of a listing; numbers and times are smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FdbSort {
    /// As the kernel has them
    None,
    /// Address
    Mac,
    /// Address of the remote
    Dst,
    /// Name of the device
    Dev,
    /// VNI of the remote; the device's own where the entry has none
    Vni,
    /// Time since use
    Used,
    /// Time since change
    Updated,
}

/// What entries are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FdbGroup {
    /// Address of the remote
    Dst,
    /// Device
    Dev,
    /// VNI of the remote; the device's own where the entry has none
    Vni,
    /// State
    State,
    /// Address: how many remotes it has
    Mac,
}

/// `rsadm vxlan fdb get`
#[derive(Args, Debug)]
pub(crate) struct FdbGet {
    /// The address
    #[arg(value_name = "MAC")]
    pub(crate) mac: Mac,
    /// The device
    #[arg(long, value_name = "DEV", alias = "brport", required_unless_present = "br")]
    pub(crate) dev: Option<String>,
    /// The bridge, to look in its table
    #[arg(long, value_name = "BRIDGE", conflicts_with = "dev")]
    pub(crate) br: Option<String>,
    /// VLAN, in the table of a bridge
    #[arg(long, value_name = "VLAN", value_parser = values::vlan)]
    pub(crate) vlan: Option<u16>,
    /// VNI that frames belong to, of a device with `external`
    #[arg(long, value_name = "VNI", alias = "vni")]
    pub(crate) src_vni: Option<Vni>,
    #[command(flatten)]
    pub(crate) table: WhichTable,
}

/// Which table of entries.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct WhichTable {
    /// In the device's own table
    #[arg(long = "self")]
    pub(crate) own: bool,
    /// In the table of the bridge that the device is a port of
    #[arg(long)]
    pub(crate) master: bool,
}

/// Where frames go.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RemoteOptions {
    /// Address of the remote
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    pub(crate) dst: Option<IpAddr>,
    /// UDP port of the remote [default: the device's own]
    #[arg(long, value_name = "PORT", value_parser = values::port, requires = "dst")]
    pub(crate) port: Option<u16>,
    /// VNI of the packets [default: the device's own]
    #[arg(long, value_name = "VNI", requires = "dst")]
    pub(crate) vni: Option<Vni>,
    /// Link that the packets leave through
    #[arg(long, value_name = "DEV", requires = "dst")]
    pub(crate) via: Option<String>,
}

/// `rsadm vxlan fdb add`, `append`, `replace`
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("state").multiple(false))]
pub(crate) struct FdbEdit {
    /// The address; 00:00:00:00:00:00 is the default entry
    #[arg(value_name = "MAC")]
    pub(crate) mac: Mac,
    /// The VXLAN device
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: String,
    #[command(flatten)]
    pub(crate) remote: RemoteOptions,
    /// Nexthop group, instead of a remote
    #[arg(long, value_name = "ID", value_parser = values::nexthop, conflicts_with = "dst")]
    pub(crate) nhid: Option<u32>,
    /// VNI that frames belong to, of a device with `external`
    #[arg(long, value_name = "VNI")]
    pub(crate) src_vni: Option<Vni>,
    /// VLAN, in the table of a bridge
    #[arg(long, value_name = "VLAN", value_parser = values::vlan)]
    pub(crate) vlan: Option<u16>,
    #[command(flatten)]
    pub(crate) table: WhichTable,
    /// Stays until it is deleted; this is what an entry is unless another state is given
    #[arg(long, alias = "local", group = "state")]
    pub(crate) permanent: bool,
    /// Does not age
    #[arg(long = "static", alias = "temp", group = "state")]
    pub(crate) is_static: bool,
    /// Ages
    #[arg(long, group = "state")]
    pub(crate) dynamic: bool,
    /// Mark it as used
    #[arg(long = "use")]
    pub(crate) mark_used: bool,
    /// The address is a router's
    #[arg(long)]
    pub(crate) router: bool,
    /// It was learned by a control plane
    #[arg(long, alias = "extern_learn")]
    pub(crate) extern_learn: bool,
    /// Does not move to another port, in the table of a bridge
    #[arg(long)]
    pub(crate) sticky: bool,
    /// Notify of its use, in the table of a bridge
    #[arg(long, alias = "activity_notify")]
    pub(crate) activity_notify: bool,
    /// It is not used now
    #[arg(long, requires = "activity_notify")]
    pub(crate) inactive: bool,
    /// Leave its times as they are
    #[arg(long)]
    pub(crate) norefresh: bool,
}

/// `rsadm vxlan fdb delete`
#[derive(Args, Debug)]
pub(crate) struct FdbDelete {
    /// The address
    #[arg(value_name = "MAC")]
    pub(crate) mac: Mac,
    /// The VXLAN device
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: String,
    #[command(flatten)]
    pub(crate) remote: RemoteOptions,
    /// VNI that frames belong to, of a device with `external`
    #[arg(long, value_name = "VNI")]
    pub(crate) src_vni: Option<Vni>,
    /// VLAN, in the table of a bridge
    #[arg(long, value_name = "VLAN", value_parser = values::vlan)]
    pub(crate) vlan: Option<u16>,
    #[command(flatten)]
    pub(crate) table: WhichTable,
}

/// `rsadm vxlan fdb flush`
#[derive(Args, Debug)]
pub(crate) struct FdbFlush {
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// With --master, also the addresses of the bridge and of its ports
    #[arg(long, requires = "master")]
    pub(crate) force: bool,
    /// Show what would be deleted, and delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `rsadm vxlan fdb sync`
#[derive(Args, Debug)]
pub(crate) struct FdbSync {
    /// The file; without one, or with -, the standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The VXLAN device
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: String,
    /// Show the changes as lines of `bridge -batch`, and make none
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `rsadm vxlan vni`
#[derive(Debug, Subcommand)]
pub(crate) enum VniVerb {
    /// List the VNIs that devices take
    #[command(visible_alias = "ls", alias = "show", alias = "lst")]
    List {
        /// The device; without one, all
        #[arg(long, value_name = "DEV")]
        dev: Option<String>,
        /// What was counted of each VNI
        #[arg(short, long, alias = "statistics")]
        stats: bool,
    },
    /// Take packets of more VNIs, or change where their frames go
    Add(Deferred<VniAdd>),
    /// Take packets of fewer VNIs
    #[command(visible_alias = "del")]
    Delete(Deferred<VniDelete>),
}

/// `rsadm vxlan vni add`
#[derive(Args, Debug)]
pub(crate) struct VniAdd {
    /// VNIs and ranges: 10,20-25
    #[arg(value_name = "VNI,...", value_delimiter = ',', required = true, num_args = 1)]
    pub(crate) vnis: Vec<VniRange>,
    /// The device
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: String,
    /// Group that frames without an entry go to
    #[arg(long, value_name = "ADDRESS", value_parser = values::group)]
    pub(crate) group: Option<IpAddr>,
    /// Remote that frames without an entry go to
    #[arg(long, value_name = "ADDRESS", value_parser = values::remote, conflicts_with = "group")]
    pub(crate) remote: Option<IpAddr>,
}

/// `rsadm vxlan vni delete`
#[derive(Args, Debug)]
pub(crate) struct VniDelete {
    /// VNIs and ranges: 10,20-25
    #[arg(value_name = "VNI,...", value_delimiter = ',', required = true, num_args = 1)]
    pub(crate) vnis: Vec<VniRange>,
    /// The device
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: String,
}

/// `rsadm vxlan mdb`
#[derive(Debug, Subcommand)]
pub(crate) enum Mdb {
    /// List multicast entries of VXLAN devices
    #[command(visible_alias = "ls", alias = "show", alias = "lst")]
    List {
        /// The device; without one, all
        #[arg(long, value_name = "DEV")]
        dev: Option<String>,
        /// Sources, protocol and timers
        #[arg(short, long)]
        details: bool,
        /// Timers
        #[arg(short, long, alias = "statistics")]
        stats: bool,
    },
    /// Show the remotes of a group
    Get(Deferred<MdbGet>),
    /// Add a remote that the group must not have
    Add(Deferred<MdbEdit>),
    /// Add a remote, or change the one that the group has
    Replace(Deferred<MdbEdit>),
    /// Delete a remote of a group
    #[command(visible_alias = "del")]
    Delete(Deferred<MdbEdit>),
    /// Delete all multicast entries of a device
    Flush {
        /// The device
        #[arg(long, value_name = "DEV")]
        dev: String,
    },
}

/// `rsadm vxlan mdb get`
#[derive(Args, Debug)]
pub(crate) struct MdbGet {
    /// The group; 0.0.0.0 or :: stands for all groups without an entry
    #[arg(value_name = "GROUP", value_parser = values::group_or_any)]
    pub(crate) group: IpAddr,
    /// The VXLAN device
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: String,
    /// Source of the packets
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    pub(crate) src: Option<IpAddr>,
    /// VNI that packets belong to, of a device with `external`
    #[arg(long, value_name = "VNI")]
    pub(crate) src_vni: Option<Vni>,
}

/// `rsadm vxlan mdb add`, `replace`, `delete`
#[derive(Args, Debug)]
pub(crate) struct MdbEdit {
    #[command(flatten)]
    pub(crate) key: MdbGet,
    /// Address of the remote
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    pub(crate) dst: IpAddr,
    /// UDP port of the remote [default: the device's own]
    #[arg(long, value_name = "PORT", value_parser = values::port)]
    pub(crate) dst_port: Option<u16>,
    /// VNI of the packets [default: the device's own]
    #[arg(long, value_name = "VNI")]
    pub(crate) vni: Option<Vni>,
    /// Link that the packets leave through
    #[arg(long, value_name = "DEV")]
    pub(crate) via: Option<String>,
    /// How --source-list is meant
    #[arg(long, alias = "filter_mode", value_name = "MODE", value_parser = values::filter_mode)]
    pub(crate) filter_mode: Option<FilterMode>,
    /// Sources that the remote wants, or does not want
    #[arg(long, alias = "source_list", value_name = "ADDRESS,...", value_delimiter = ',',
          value_parser = values::address, requires = "filter_mode")]
    pub(crate) source_list: Vec<IpAddr>,
    /// Which program wrote it: a number, or kernel, boot, static, ...
    #[arg(long, value_name = "PROTOCOL", alias = "proto")]
    pub(crate) protocol: Option<Protocol>,
    /// Stays until it is deleted, as every entry of a VXLAN device does
    #[arg(long)]
    pub(crate) permanent: bool,
}

/// `rsadm vxlan neigh`
#[derive(Debug, Subcommand)]
pub(crate) enum Neigh {
    /// List neighbours of VXLAN devices
    #[command(visible_alias = "ls", alias = "show", alias = "lst")]
    List(Deferred<NeighList>),
    /// Show one neighbour
    Get(Deferred<NeighKey>),
    /// Add a neighbour that must not exist
    Add(Deferred<NeighEdit>),
    /// Add a neighbour, or replace it
    Replace(Deferred<NeighEdit>),
    /// Delete a neighbour
    #[command(visible_alias = "del")]
    Delete(Deferred<NeighKey>),
}

/// `rsadm vxlan neigh list`
#[derive(Args, Debug)]
pub(crate) struct NeighList {
    /// The device; without one, all
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: Option<String>,
    /// With this address, or one that begins like it
    #[arg(long, alias = "lladdr", value_name = "MAC")]
    pub(crate) mac: Option<MacPrefix>,
    /// In this network
    #[arg(long, value_name = "CIDR", value_parser = values::network)]
    pub(crate) to: Option<ipnet::IpNet>,
    /// In one of these states; without it, all but noarp
    #[arg(long, alias = "state", value_name = "STATE", value_delimiter = ',',
          value_parser = values::neighbour_state)]
    pub(crate) nud: Vec<vxlan::State>,
    /// Times since use, and references
    #[arg(short, long, alias = "statistics")]
    pub(crate) stats: bool,
}

/// `rsadm vxlan neigh get`, `delete`
#[derive(Args, Debug)]
pub(crate) struct NeighKey {
    /// Its IP address
    #[arg(value_name = "ADDRESS", value_parser = values::address)]
    pub(crate) address: IpAddr,
    /// The VXLAN device
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: String,
}

/// `rsadm vxlan neigh add`, `replace`
#[derive(Args, Debug)]
pub(crate) struct NeighEdit {
    #[command(flatten)]
    pub(crate) key: NeighKey,
    /// Its Ethernet address
    #[arg(long, value_name = "MAC")]
    pub(crate) lladdr: Mac,
    /// State
    #[arg(long, value_name = "STATE", default_value = "permanent",
          value_parser = values::neighbour_state)]
    pub(crate) nud: vxlan::State,
    /// It is a router
    #[arg(long)]
    pub(crate) router: bool,
    /// It was learned by a control plane
    #[arg(long, alias = "extern_learn")]
    pub(crate) extern_learn: bool,
    /// The kernel keeps it resolved
    #[arg(long)]
    pub(crate) managed: bool,
    /// Which program wrote it: a number, or kernel, boot, static, ...
    #[arg(long, value_name = "PROTOCOL", alias = "proto")]
    pub(crate) protocol: Option<Protocol>,
}

/// `rsadm vxlan peers`
#[derive(Args, Debug)]
pub(crate) struct Peers {
    /// The device; without one, all
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: Option<String>,
    /// Only those with a problem
    #[arg(long)]
    pub(crate) broken: bool,
}

/// `rsadm monitor`
#[derive(Debug, Subcommand)]
pub(crate) enum Monitor {
    /// Show forwarding entries of VXLAN devices as they come and go
    ///
    /// Ends at SIGINT or SIGTERM. When events come faster than they are read, some are lost: that is
    /// told, and the entries are read again and what was missed is shown. -o ndjson has also what
    /// devices with l2miss and l3miss ask for.
    Fdb(Deferred<MonitorFdb>),
}

/// `rsadm monitor fdb`
#[derive(Args, Debug)]
pub(crate) struct MonitorFdb {
    /// The device; without one, all VXLAN devices
    #[arg(long, value_name = "DEV")]
    pub(crate) dev: Option<String>,
    /// With this address, or one that begins like it
    #[arg(long, value_name = "MAC")]
    pub(crate) mac: Option<MacPrefix>,
    /// Times since use and change
    #[arg(short, long, alias = "statistics")]
    pub(crate) stats: bool,
    /// Bytes of the socket's buffer [default: 32 MiB]
    #[arg(short, long, value_name = "BYTES", value_parser = values::bytes)]
    pub(crate) buffer_size: Option<u32>,
}
