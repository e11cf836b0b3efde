//! The cluster as data: who has which address.

use std::net::{Ipv4Addr, SocketAddrV4};

/// A node and what is on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) address: Ipv4Addr,
    /// The first three parts of its pods' addresses.
    pub(super) pod_prefix: &'static str,
    /// The MAC address of its end of the overlay.
    pub(super) overlay_mac: &'static str,
    pub(super) pods: &'static [Pod],
}

/// A pod on a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pod {
    pub(super) name: &'static str,
    pub(super) address: Ipv4Addr,
    /// Its end of the wire to the node, which the node sees.
    pub(super) wire: &'static str,
}

/// The two nodes.
pub(super) const NODES: [Plan; 2] = [
    Plan {
        name: "node120",
        address: Ipv4Addr::new(172, 16, 20, 120),
        pod_prefix: "10.244.5",
        overlay_mac: "5e:0a:9c:31:44:7b",
        pods: &[
            Pod { name: "pod-5-23", address: Ipv4Addr::new(10, 244, 5, 23), wire: "veth523" },
            Pod { name: "pod-5-24", address: Ipv4Addr::new(10, 244, 5, 24), wire: "veth524" },
        ],
    },
    Plan {
        name: "node121",
        address: Ipv4Addr::new(172, 16, 20, 121),
        pod_prefix: "10.244.3",
        overlay_mac: "ee:d6:38:55:d5:c7",
        pods: &[
            Pod { name: "pod-3-32", address: Ipv4Addr::new(10, 244, 3, 32), wire: "veth332" },
            Pod { name: CLIENT, address: Ipv4Addr::new(10, 244, 3, 10), wire: "veth310" },
        ],
    },
];

/// The pod that asks.
pub(super) const CLIENT: &str = "pod-3-10";
/// The service's virtual address.
pub(super) const SERVICE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 243, 21, 14), 8880);
/// Every pod's address is in this network.
pub(super) const POD_NETWORK: &str = "10.244.0.0/16";

/// The service and its destinations, as a restore reads them.
pub(super) const SERVICE_RULES: &str = "\
-A -t 10.243.21.14:8880 -s rr
-a -t 10.243.21.14:8880 -r 10.244.5.23:80 -m -w 1
-a -t 10.243.21.14:8880 -r 10.244.5.24:80 -m -w 1
-a -t 10.243.21.14:8880 -r 10.244.3.32:80 -m -w 1
";

/// The pods that answer for the service, in the order of their addresses.
pub(super) const BACKENDS: [&str; 3] = ["10.244.3.32", "10.244.5.23", "10.244.5.24"];
