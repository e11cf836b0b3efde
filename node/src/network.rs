//! What a network namespace consists of.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use vxlan::{Entry, Neighbour, Nexthop, VniEntry};

use crate::{Address, Link, Listener, Part, Route, Rule};

/// Links of a network namespace, and the tables that lead packets over them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Links.
    pub links: Vec<Link>,
    /// Addresses of the links.
    pub addresses: Vec<Address>,
    /// Routes of all tables, IPv4 and IPv6; without those that the kernel remembers for a while.
    pub routes: Vec<Route>,
    /// Rules, in the order in which the kernel asks them.
    pub rules: Vec<Rule>,
    /// Neighbours.
    pub neighbours: Vec<Neighbour>,
    /// Forwarding entries of VXLAN devices and bridges.
    pub entries: Vec<Entry>,
    /// Nexthops that routes and forwarding entries name.
    pub nexthops: Vec<Nexthop>,
    /// VNIs of VXLAN devices that filter them, each by itself.
    pub vnis: Vec<VniEntry>,
    /// Sysctls that matter to a packet, by their dotted names (`net.ipv4.conf.all.rp_filter`). A slash
    /// stands for a dot in a link's name.
    pub sysctls: BTreeMap<String, String>,
    /// Sockets that wait for packets.
    pub listeners: Part<Vec<Listener>>,
    /// What the protocols counted (`/proc/net/snmp`, `snmp6`), such as `Udp.NoPorts`.
    pub counters: BTreeMap<String, u64>,
}

impl Network {
    /// The link with this index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index() == index)
    }

    /// The link with this name.
    pub fn link_named(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name() == name)
    }

    /// Name of the link with this index; `if7` if there is none, as the tools write it.
    pub fn link_name(&self, index: u32) -> String {
        self.link(index).map_or_else(|| format!("if{index}"), |link| link.name().to_owned())
    }

    /// The address entry of this address.
    pub fn address(&self, address: IpAddr) -> Option<&Address> {
        self.addresses.iter().find(|entry| entry.address == address)
    }

    /// Whether the address is one of this namespace's own.
    pub fn owns(&self, address: IpAddr) -> bool {
        self.address(address).is_some()
    }

    /// Addresses of a link.
    pub fn addresses_of(&self, link: u32) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(move |address| address.link == link)
    }

    /// The neighbour with this address on a link.
    pub fn neighbour(&self, link: u32, address: IpAddr) -> Option<&Neighbour> {
        self.neighbours
            .iter()
            .find(|neighbour| neighbour.link == link && neighbour.address == address)
    }

    /// A sysctl as a number; `None` if it is not there or is none.
    pub fn sysctl(&self, name: &str) -> Option<i64> {
        self.sysctls.get(name)?.trim().parse().ok()
    }

    /// A sysctl of a link, `net.FAMILY.conf.LINK.NAME`; dots in the link's name are slashes in the
    /// sysctl's.
    pub fn link_sysctl(&self, family: &str, link: &str, name: &str) -> Option<i64> {
        self.sysctl(&format!("net.{family}.conf.{}.{name}", link.replace('.', "/")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctls_of_links_with_dots_are_found() {
        let mut network = Network::default();
        let name = "net.ipv4.conf.flannel/1.rp_filter".to_owned();
        network.sysctls.insert(name, "2\n".to_owned());
        assert_eq!(network.link_sysctl("ipv4", "flannel.1", "rp_filter"), Some(2));
        assert_eq!(network.link_sysctl("ipv4", "flannel.2", "rp_filter"), None);
    }
}
