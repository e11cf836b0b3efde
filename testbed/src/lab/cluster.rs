//! The cluster as data: who has which address, and how its addresses are written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One of the clusters that the lab can be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cluster {
    pub(super) family: Family,
    pub(super) nodes: &'static [Plan],
    pub(super) network: Network,
    pub(super) protocol: Protocol,
    pub(super) forwarding: Forwarding,
}

/// A node and what is on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The last part of its address; its name is this after `node`.
    pub(super) number: u8,
    /// The part of its pods' addresses that is the node's own.
    pub(super) subnet: u8,
    /// The MAC address of its end of the underlay.
    pub(super) mac: &'static str,
    /// The MAC address of its end of the overlay.
    pub(super) overlay_mac: &'static str,
    /// The last parts of its pods' addresses.
    pub(super) pods: &'static [u8],
}

/// How packets get from node to node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// Flannel's VXLAN.
    Vxlan,
    /// Flannel's `DirectRouting`: by the other node's own address.
    Direct,
}

/// What the service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// How IPVS hands packets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarding {
    /// By NAT, on every node, to the pods of all nodes.
    Masquerade,
    /// As they are, on the first node alone (the director), to its own pods.
    DirectRouting,
}

/// The version of IP, and with it how addresses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// The nodes; the third only where a variant wants it.
pub(super) const NODES: [Plan; 3] = [
    Plan {
        number: 120,
        subnet: 5,
        mac: "52:54:00:10:14:78",
        overlay_mac: "5e:0a:9c:31:44:7b",
        pods: &[23, 24],
    },
    Plan {
        number: 121,
        subnet: 3,
        mac: "52:54:00:10:14:79",
        overlay_mac: "ee:d6:38:55:d5:c7",
        pods: &[32, CLIENT],
    },
    Plan {
        number: 122,
        subnet: 7,
        mac: "52:54:00:10:14:7a",
        overlay_mac: "9a:41:7e:02:c5:3d",
        pods: &[41],
    },
];

/// The pod that asks, on the second node.
pub(super) const CLIENT: u8 = 10;

impl Cluster {
    /// The service's virtual address.
    pub(super) fn service(&self) -> SocketAddr {
        SocketAddr::new(self.family.service(), self.service_port())
    }

    fn service_port(&self) -> u16 {
        if self.protocol == Protocol::Udp { 53 } else { 8880 }
    }

    /// Where a pod is asked. Direct routing changes no packet, so that the port stays the service's.
    pub(super) fn pod_port(&self) -> u16 {
        match (self.forwarding, self.protocol) {
            (Forwarding::DirectRouting, _) | (_, Protocol::Udp) => self.service_port(),
            (Forwarding::Masquerade, Protocol::Tcp) => 80,
        }
    }

    /// Whether the service is on this node.
    pub(super) fn serves(&self, plan: &Plan) -> bool {
        match self.forwarding {
            Forwarding::Masquerade => true,
            Forwarding::DirectRouting => plan.number == self.nodes[0].number,
        }
    }

    /// The addresses of the pods that answer for the service.
    pub(super) fn backends(&self) -> impl Iterator<Item = IpAddr> {
        let serving = self.nodes.iter().filter(|plan| {
            self.forwarding == Forwarding::Masquerade || plan.number == self.nodes[0].number
        });
        let pods = serving.flat_map(|plan| plan.pods.iter().map(|&pod| (plan.subnet, pod)));
        let pods = pods.filter(|&(_, pod)| pod != CLIENT);
        pods.map(|(subnet, pod)| self.family.pod(subnet, pod))
    }

    /// The service as rsadm's command line takes it.
    pub(super) fn service_name(&self) -> String {
        format!("{}://{}", self.protocol.name(), self.service())
    }

    /// The service and its destinations, as a restore reads them.
    pub(super) fn service_rules(&self) -> String {
        let service = match self.protocol {
            Protocol::Tcp => format!("-t {}", self.service()),
            Protocol::Udp => format!("-u {}", self.service()),
        };
        let method = match self.forwarding {
            Forwarding::Masquerade => "-m",
            Forwarding::DirectRouting => "-g",
        };
        let pods = self.backends().map(|pod| {
            let pod = SocketAddr::new(pod, self.pod_port());
            format!("-a {service} -r {pod} {method} -w 1\n")
        });
        std::iter::once(format!("-A {service} -s rr\n")).chain(pods).collect()
    }

    /// What is left for a packet inside of the overlay on the usual 1500 bytes.
    pub(super) fn mtu(&self) -> u16 {
        match (self.network, self.family) {
            (Network::Direct, _) => 1500,
            (Network::Vxlan, Family::V4) => 1450,
            (Network::Vxlan, Family::V6) => 1430,
        }
    }
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Plan {
    pub(super) fn name(&self) -> String {
        format!("node{}", self.number)
    }
}

impl Family {
    /// The service's virtual address.
    pub(super) fn service(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 243, 21, 14).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x10, 0x243, 0x21, 0, 0, 0, 0x14).into(),
        }
    }

    /// The address of the node of this number.
    pub(super) fn node(self, number: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(172, 16, 20, number).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x172, 0x16, 0x20, 0, 0, 0, digits(number)).into(),
        }
    }

    /// The address of a pod; 1 is the node's bridge, 0 its end of the overlay.
    pub(super) fn pod(self, subnet: u8, pod: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 244, subnet, pod).into(),
            Self::V6 => {
                let (subnet, pod) = (digits(subnet), digits(pod));
                Ipv6Addr::new(0xfd00, 0x10, 0x244, subnet, 0, 0, 0, pod).into()
            }
        }
    }

    /// Every pod's address is in this network.
    pub(super) fn pod_network(self) -> &'static str {
        match self {
            Self::V4 => "10.244.0.0/16",
            Self::V6 => "fd00:10:244::/48",
        }
    }

    /// The length of the prefix of a network with neighbours in it.
    pub(super) fn network_length(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }

    /// The length of the prefix of a single address.
    pub(super) fn host_length(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// What flannel calls its end of the overlay.
    pub(super) fn overlay(self) -> &'static str {
        match self {
            Self::V4 => "flannel.1",
            Self::V6 => "flannel-v6.1",
        }
    }
}

/// The decimal digits of a number as a part of an IPv6 address shows them.
fn digits(number: u8) -> u16 {
    let number = u16::from(number);
    (number / 100) << 8 | (number / 10 % 10) << 4 | (number % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_like_the_numbers_that_they_are_made_of() {
        assert_eq!(Family::V4.pod(5, 23).to_string(), "10.244.5.23");
        assert_eq!(Family::V6.pod(5, 23).to_string(), "fd00:10:244:5::23");
        assert_eq!(Family::V6.node(120).to_string(), "fd00:172:16:20::120");
        assert_eq!(Family::V6.pod(3, 0).to_string(), "fd00:10:244:3::");
    }
}
