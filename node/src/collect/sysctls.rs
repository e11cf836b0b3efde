//! Sysctls that matter to a packet.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::wire::link::{Details, IPV4_SETTINGS, IPV6_SETTINGS};

/// Below `/proc/sys/net`, as they are in every network namespace.
const EVERYWHERE: [&str; 25] = [
    "ipv4/fib_multipath_hash_policy",
    "ipv4/fib_multipath_use_neigh",
    "ipv4/fwmark_reflect",
    "ipv4/icmp_echo_ignore_all",
    "ipv4/ip_default_ttl",
    "ipv4/ip_forward",
    "ipv4/ip_forward_use_pmtu",
    "ipv4/ip_local_port_range",
    "ipv4/ip_local_reserved_ports",
    "ipv4/ip_no_pmtu_disc",
    "ipv4/ip_nonlocal_bind",
    "ipv4/nexthop_compat_mode",
    "ipv4/raw_l3mdev_accept",
    "ipv4/tcp_fwmark_accept",
    "ipv4/tcp_keepalive_intvl",
    "ipv4/tcp_keepalive_probes",
    "ipv4/tcp_keepalive_time",
    "ipv4/tcp_l3mdev_accept",
    "ipv4/tcp_mtu_probing",
    "ipv4/tcp_tw_reuse",
    "ipv4/udp_l3mdev_accept",
    "ipv6/bindv6only",
    "ipv6/fib_multipath_hash_policy",
    "ipv6/ip_nonlocal_bind",
    "core/somaxconn",
];

/// The same, where they are the node's alone or say nothing of a pod.
const OF_NODES: [&str; 12] = [
    "ipv4/neigh/default/gc_thresh1",
    "ipv4/neigh/default/gc_thresh2",
    "ipv4/neigh/default/gc_thresh3",
    "ipv6/neigh/default/gc_thresh1",
    "ipv6/neigh/default/gc_thresh2",
    "ipv6/neigh/default/gc_thresh3",
    "ipv6/route/max_size",
    "bridge/bridge-nf-call-arptables",
    "bridge/bridge-nf-call-ip6tables",
    "bridge/bridge-nf-call-iptables",
    "bridge/bridge-nf-filter-vlan-tagged",
    "bridge/bridge-nf-pass-vlan-input-dev",
];

/// More than any of them is long. The kernel cuts a list of ports at the end of the first read.
const LONGEST: usize = 16 * 1024;

/// Reads them. Those of links were told with the links; `names` are the links' names by index.
pub(super) fn read(of_node: bool, links: &[(String, Details)]) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let more: &[&str] = if of_node { &OF_NODES } else { &[] };
    for path in EVERYWHERE.iter().chain(more) {
        take(&mut values, path);
    }
    for all in ["all", "default"] {
        for (_, name) in IPV4_SETTINGS {
            take(&mut values, &format!("ipv4/conf/{all}/{name}"));
        }
        for (_, name) in IPV6_SETTINGS {
            take(&mut values, &format!("ipv6/conf/{all}/{name}"));
        }
    }
    if of_node {
        directory(&mut values, "ipv4/vs", "");
        directory(&mut values, "netfilter", "nf_conntrack_");
    }
    for (name, details) in links {
        let name = name.replace('.', "/");
        for (family, settings) in [("ipv4", &details.ipv4), ("ipv6", &details.ipv6)] {
            for (setting, value) in settings {
                values.insert(format!("net.{family}.conf.{name}.{setting}"), value.to_string());
            }
        }
    }
    values
}

/// Takes one, if the kernel has it.
fn take(values: &mut BTreeMap<String, String>, path: &str) {
    let mut buffer = [0; LONGEST];
    // There are hundreds, and the kernel gives each whole: nobody asks for its size and its end.
    let file = File::open(Path::new("/proc/sys/net").join(path));
    let Ok(length) = file.and_then(|mut file| file.read(&mut buffer)) else { return };
    if let Ok(value) = std::str::from_utf8(&buffer[..length]) {
        values.insert(format!("net.{}", path.replace('/', ".")), value.trim().to_owned());
    }
}

/// Takes those of a directory whose names begin like this.
fn directory(values: &mut BTreeMap<String, String>, path: &str, prefix: &str) {
    let Ok(entries) = fs::read_dir(Path::new("/proc/sys/net").join(path)) else { return };
    for entry in entries.flatten() {
        if let Some(name) = entry.file_name().to_str().filter(|name| name.starts_with(prefix)) {
            take(values, &format!("{path}/{name}"));
        }
    }
}
