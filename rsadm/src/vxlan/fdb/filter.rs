//! Which entries are meant.

use clap::Args;
use ipnet::IpNet;
use vxlan::{Entry, EntryFilter, State, Vni};

use crate::failure::{Failure, Result};
use crate::vxlan::values::{self, FlagChoice, MacPrefix, StateName};

/// Which entries.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Of this VXLAN device
    #[arg(long, value_name = "DEV", alias = "brport")]
    pub(crate) dev: Option<String>,
    /// Of VXLAN devices that are ports of this bridge
    #[arg(long, value_name = "BRIDGE")]
    pub(crate) br: Option<String>,
    /// In the devices' own tables
    #[arg(long = "self", conflicts_with = "master")]
    pub(crate) own: bool,
    /// In the tables of bridges that the devices are ports of
    #[arg(long)]
    pub(crate) master: bool,
    /// With this address, or one that begins like it
    #[arg(long, value_name = "MAC")]
    pub(crate) mac: Option<MacPrefix>,
    /// Remote in this network
    #[arg(long, value_name = "CIDR", value_parser = values::network)]
    pub(crate) dst: Option<IpNet>,
    /// UDP port of the remote; the device's own counts where the entry has none
    #[arg(long, value_name = "PORT", value_parser = values::port)]
    pub(crate) port: Option<u16>,
    /// VNI of the packets; the device's own counts where the entry has none
    #[arg(long, value_name = "VNI")]
    pub(crate) vni: Option<Vni>,
    /// VNI that frames belong to, of devices with `external`
    #[arg(long, value_name = "VNI")]
    pub(crate) src_vni: Option<Vni>,
    /// VLAN, in tables of bridges
    #[arg(long, value_name = "VLAN", value_parser = values::vlan)]
    pub(crate) vlan: Option<u16>,
    /// Nexthop group
    #[arg(long, value_name = "ID", value_parser = values::nexthop)]
    pub(crate) nhid: Option<u32>,
    /// In one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_enum)]
    pub(crate) state: Vec<StateName>,
    /// With all of these flags, behind a ! without them: router, extern_learn, offload, sticky
    #[arg(long, value_name = "FLAG", value_delimiter = ',')]
    pub(crate) flag: Vec<FlagChoice>,
}

/// A filter: what the library knows of it, and the rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) filter: EntryFilter,
    mac: Option<MacPrefix>,
    destination: Option<IpNet>,
    states: Vec<StateName>,
}

impl Filters {
    /// The filter, without the devices.
    pub(crate) fn build(&self) -> Result<Selection> {
        let mut filter = EntryFilter {
            port: self.port,
            vni: self.vni,
            source_vni: self.src_vni,
            vlan: self.vlan,
            nexthop_group: self.nhid,
            ..EntryFilter::new()
        };
        filter.in_bridge = match (self.own, self.master) {
            (true, _) => Some(false),
            (_, true) => Some(true),
            _ => None,
        };
        for FlagChoice { flag, set } in &self.flag {
            if *set {
                filter.all_flags |= *flag;
            } else {
                filter.no_flags |= *flag;
            }
        }
        if filter.all_flags.intersects(filter.no_flags) {
            return Err(Failure::usage("--flag asks for a flag that is both set and not set"));
        }
        let mut selection = Selection { filter, ..Selection::default() };
        selection.mac(self.mac);
        match self.dst {
            Some(net) if net.prefix_len() == net.max_prefix_len() => {
                selection.filter.destination = Some(net.addr());
            }
            net => selection.destination = net,
        }
        selection.states(&self.state);
        Ok(selection)
    }
}

impl Selection {
    /// Only this address, or those that begin like it.
    pub(crate) fn mac(&mut self, prefix: Option<MacPrefix>) {
        match prefix.and_then(MacPrefix::whole) {
            Some(mac) => self.filter.mac = Some(mac),
            None => self.mac = prefix,
        }
    }

    fn states(&mut self, states: &[StateName]) {
        match states {
            [StateName::Permanent] => self.filter.any_state = State::PERMANENT,
            [StateName::Static] => {
                self.filter.any_state = State::NOARP;
                self.filter.no_state = State::PERMANENT;
            }
            [StateName::Dynamic] => self.filter.no_state = State::STATIC_PERMANENT,
            states => self.states = states.to_vec(),
        }
    }

    /// Whether the library knows all of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.mac.is_none() && self.destination.is_none() && self.states.is_empty()
    }

    /// Whether an entry that the library's filter matches is meant.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        let in_network = |net: IpNet| entry.remote.address.is_some_and(|it| net.contains(&it));
        let state = || StateName::of(entry.state);
        self.mac.is_none_or(|prefix| prefix.matches(entry.mac))
            && self.destination.is_none_or(in_network)
            && (self.states.is_empty() || state().is_some_and(|name| self.states.contains(&name)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use vxlan::{Defaults, Flags, Mac};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filters: Filters,
    }

    fn selection(line: &str) -> Selection {
        let words = ["line"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).expect(line).filters.build().expect(line)
    }

    #[test]
    fn every_filter_decides() {
        let mac: Mac = "ee:d6:38:55:d5:c7".parse().expect("an address");
        let mut entry = Entry::to(3, mac, [172, 16, 20, 121].into());
        entry.flags |= Flags::ROUTER;
        let defaults = Defaults { port: Some(8472), vni: Vni::new(1) };
        let matches = |line: &str| {
            let selection = selection(line);
            selection.filter.matches(&entry, defaults) && selection.matches(&entry)
        };
        for line in [
            "--mac ee:d6:38",
            "--mac ee:d6:38:55:d5:c7",
            "--dst 172.16.0.0/12",
            "--dst 172.16.20.121",
            "--port 8472 --vni 1",
            "--state permanent",
            "--state static,permanent",
            "--flag router,!sticky",
            "--self",
        ] {
            assert!(matches(line), "{line}");
        }
        for line in [
            "--mac ee:d7",
            "--dst 172.17.0.0/16",
            "--dst 172.16.20.122",
            "--port 4789",
            "--vni 2",
            "--state static",
            "--state dynamic,stale",
            "--flag !router",
            "--flag extern_learn",
            "--master",
            "--nhid 1",
        ] {
            assert!(!matches(line), "{line}");
        }
    }

    #[test]
    fn what_the_library_knows_is_left_to_it() {
        for line in ["", "--mac 2:0:0:0:0:1 --dst 10.0.0.1 --state static", "--state dynamic"] {
            assert!(selection(line).is_whole(), "{line}");
        }
        for line in ["--mac 2:0", "--dst 10.0.0.0/8", "--state static,dynamic", "--state stale"] {
            assert!(!selection(line).is_whole(), "{line}");
        }
    }
}
