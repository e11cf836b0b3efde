//! What a VXLAN device is made of, under the names that ip has for it.

use std::net::IpAddr;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, ValueEnum};
use vxlan::{Client, DontFragment, LinkConfig, Mac, Settings, Vni};

use crate::failure::Result;
use crate::vxlan::devices;
use crate::vxlan::values::{self, FlowLabel, Ttl};

/// Options of `rsadm vxlan link add` and `set`.
#[derive(Args, Debug)]
pub(crate) struct LinkOptions {
    /// VNI
    #[arg(long, alias = "vni", value_name = "VNI")]
    id: Option<Vni>,
    /// Source of the outer packets
    #[arg(long, value_name = "ADDRESS", value_parser = values::remote)]
    local: Option<IpAddr>,
    /// Where frames without an entry go: one remote
    #[arg(long, value_name = "ADDRESS", value_parser = values::remote, conflicts_with = "group")]
    remote: Option<IpAddr>,
    /// Where frames without an entry go: a multicast group
    #[arg(long, value_name = "ADDRESS", value_parser = values::group)]
    group: Option<IpAddr>,
    /// Link that the outer packets leave through
    #[arg(long, value_name = "DEV")]
    dev: Option<String>,
    /// UDP port that packets are sent to and taken at [default: 8472]
    #[arg(long, value_name = "PORT", value_parser = values::port)]
    dstport: Option<u16>,
    /// UDP ports that packets are sent from
    #[arg(long, value_name = "FIRST-LAST", num_args = 1..=2)]
    srcport: Vec<String>,
    /// Time to live of the outer packets: a number, auto or inherit
    #[arg(long, alias = "hoplimit", value_name = "TTL", value_parser = values::ttl)]
    ttl: Option<Ttl>,
    /// Type of service of the outer packets: a number or inherit
    #[arg(long, alias = "dsfield", value_name = "TOS", value_parser = values::tos)]
    tos: Option<u8>,
    /// The bit that forbids to fragment the outer packets
    #[arg(long, value_name = "DF")]
    df: Option<Fragment>,
    /// Flow label of the outer packets: a number or inherit; of IPv6 only
    #[arg(long, value_name = "LABEL", value_parser = values::flow_label)]
    flowlabel: Option<FlowLabel>,
    /// Seconds that learned entries live [default: 300]
    #[arg(long, value_name = "SECONDS", value_parser = values::ageing)]
    ageing: Option<u32>,
    /// Most entries, or none
    #[arg(long, alias = "maxaddr", value_name = "COUNT", value_parser = values::limit)]
    maxaddress: Option<u32>,
    /// Bits of the VXLAN header that packets may not have set
    #[arg(long, alias = "reserved_bits", value_name = "BITS", value_parser = values::reserved_bits)]
    reserved_bits: Option<u64>,
    /// Carry a group policy
    #[arg(long)]
    gbp: bool,
    /// Carry the generic protocol extension
    #[arg(long)]
    gpe: bool,
    /// Always complete remote checksums
    #[arg(long)]
    remcsumnopartial: bool,
    #[command(flatten)]
    switches: Switches,
    /// Ethernet address of the device
    #[arg(long, value_name = "MAC")]
    address: Option<Mac>,
    /// Largest packet, in bytes
    #[arg(long, value_name = "BYTES", value_parser = values::mtu)]
    mtu: Option<u32>,
    /// Bridge that it is to be a port of
    #[arg(long, value_name = "BRIDGE", conflicts_with = "nomaster")]
    master: Option<String>,
    /// Take it out of its bridge
    #[arg(long)]
    nomaster: bool,
    /// Switch it on
    #[arg(long, conflicts_with = "down")]
    up: bool,
    /// Switch it off
    #[arg(long)]
    down: bool,
}

/// The bit that forbids to fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fragment {
    Unset,
    Set,
    Inherit,
}

impl From<Fragment> for DontFragment {
    fn from(fragment: Fragment) -> Self {
        match fragment {
            Fragment::Unset => Self::UNSET,
            Fragment::Set => Self::SET,
            Fragment::Inherit => Self::INHERIT,
        }
    }
}

/// The place of a switch.
type Field = fn(&mut Settings) -> &mut Option<bool>;

/// A setting that is on or off.
struct Switch {
    on: &'static str,
    off: &'static str,
    help: &'static str,
    field: Field,
}

const fn switch(on: &'static str, off: &'static str, help: &'static str, field: Field) -> Switch {
    Switch { on, off, help, field }
}

/// Each by ip's words.
const SWITCHES: [Switch; 14] = [
    switch("learning", "nolearning", "Learn entries from packets", |it| &mut it.learning),
    switch("proxy", "noproxy", "Answer questions for neighbours", |it| &mut it.proxy),
    switch("rsc", "norsc", "Short-circuit routes", |it| &mut it.short_circuit),
    switch("l2miss", "nol2miss", "Notify of missing entries", |it| &mut it.notify_missing_entries),
    switch("l3miss", "nol3miss", "Notify of missing neighbours", |it| {
        &mut it.notify_missing_neighbours
    }),
    switch("udpcsum", "noudpcsum", "Checksums of outer packets of IPv4", |it| &mut it.udp_checksum),
    switch("udp6zerocsumtx", "noudp6zerocsumtx", "Send those of IPv6 without checksum", |it| {
        &mut it.udp_zero_checksum6_tx
    }),
    switch("udp6zerocsumrx", "noudp6zerocsumrx", "Take those of IPv6 without checksum", |it| {
        &mut it.udp_zero_checksum6_rx
    }),
    switch("remcsumtx", "noremcsumtx", "Leave the inner checksum to the receiver", |it| {
        &mut it.remote_checksum_tx
    }),
    switch("remcsumrx", "noremcsumrx", "Complete the inner checksum of the sender", |it| {
        &mut it.remote_checksum_rx
    }),
    switch("external", "noexternal", "One device for all VNIs, steered from outside", |it| {
        &mut it.external
    }),
    switch("vnifilter", "novnifilter", "With external: take only the VNIs of `vni add`", |it| {
        &mut it.vni_filter
    }),
    switch(
        "localbypass",
        "nolocalbypass",
        "Skip the network to an address of this machine",
        |it| &mut it.local_bypass,
    ),
    switch("mcroute", "nomcroute", "Groups follow the multicast routing table", |it| {
        &mut it.multicast_route
    }),
];

/// The switches that were given, by their place in the list.
#[derive(Clone, Debug, Default)]
struct Switches(Vec<(usize, bool)>);

impl Args for Switches {
    fn augment_args(command: Command) -> Command {
        let option = |name: &'static str, other: &'static str| {
            let option = Arg::new(name).long(name).action(ArgAction::SetTrue);
            option.conflicts_with(other).help_heading("Switches, which `no` in front switches off")
        };
        SWITCHES.iter().fold(command, |command, switch| {
            command
                .arg(option(switch.on, switch.off).help(switch.help))
                .arg(option(switch.off, switch.on).hide(true))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Switches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = SWITCHES.iter().enumerate().filter_map(|(index, switch)| {
            let on = matches.get_flag(switch.on);
            (on || matches.get_flag(switch.off)).then_some((index, on))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl LinkOptions {
    /// The device that is asked for, or what is to change of one.
    pub(super) fn config(&self, client: &mut Client) -> Result<LinkConfig> {
        let master = match &self.master {
            Some(name) => Some(devices::link(client, "--master", name)?.index),
            None => self.nomaster.then_some(0),
        };
        Ok(LinkConfig {
            name: None,
            mac: self.address,
            mtu: self.mtu,
            master,
            up: match (self.up, self.down) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            settings: self.settings(client)?,
        })
    }

    fn settings(&self, client: &mut Client) -> Result<Settings> {
        let mut settings = Settings {
            id: self.id,
            group: self.group.or(self.remote),
            local: self.local,
            link: devices::index(client, "--dev", self.dev.as_deref())?,
            tos: self.tos,
            dont_fragment: self.df.map(DontFragment::from),
            ageing: self.ageing,
            limit: self.maxaddress,
            port: self.dstport,
            source_ports: self.source_ports()?,
            remote_checksum_no_partial: self.remcsumnopartial,
            gbp: self.gbp,
            gpe: self.gpe,
            reserved_bits: self.reserved_bits,
            ..Settings::default()
        };
        match self.ttl {
            Some(Ttl::Fixed(ttl)) => settings.ttl = Some(ttl),
            Some(Ttl::Inherit) => settings.ttl_inherit = Some(true),
            None => {}
        }
        match self.flowlabel {
            Some(FlowLabel::Fixed(label)) => settings.flow_label = Some(label),
            Some(FlowLabel::Inherit) => settings.flow_label_policy = Some(1),
            None => {}
        }
        for (index, on) in &self.switches.0 {
            if let Some(switch) = SWITCHES.get(*index) {
                *(switch.field)(&mut settings) = Some(*on);
            }
        }
        // As by ip: who steers such a device from outside learns nothing from it.
        if settings.external == Some(true) && settings.learning.is_none() {
            settings.learning = Some(false);
        }
        Ok(settings)
    }

    /// `49152-65535`, or as ip has it `49152 65535`.
    fn source_ports(&self) -> Result<Option<(u16, u16)>> {
        if self.srcport.is_empty() {
            return Ok(None);
        }
        let ports = values::ports(&self.srcport.join(" "));
        ports.map(Some).map_err(|message| {
            crate::failure::Failure::usage(format!("invalid value for '--srcport': {message}"))
        })
    }
}
