//! Links, with what a packet meets on them.

use serde::{Deserialize, Serialize};
use vxlan::{LinkFlags, Mac};

/// A link of a network namespace.
///
/// The part that is there for every kind, and of VXLAN devices their settings, is what the crate
/// `vxlan` reads; the rest is what bridges, their ports, virtual Ethernet pairs and VRFs add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Name, index, flags, addresses and settings.
    #[serde(flatten)]
    pub base: vxlan::Link,
    /// Index of the link that it stands on, or of the other end of a pair; in the network namespace
    /// [`vxlan::Link::link_namespace`] if that is said.
    #[doc(alias = "IFLA_LINK")]
    pub lower: Option<u32>,
    /// Whether there is a carrier.
    #[doc(alias = "IFLA_CARRIER")]
    pub carrier: Option<bool>,
    /// Where its Ethernet address comes from (`NET_ADDR_*`): 0 is the hardware, 1 made up by the
    /// kernel, 2 stolen from another device, 3 set by a program.
    #[doc(alias = "addr_assign_type")]
    pub mac_origin: Option<u8>,
    /// Group that it is in; 0 unless somebody put it into another.
    #[doc(alias = "IFLA_GROUP")]
    pub group: u32,
    /// What was counted.
    #[doc(alias = "IFLA_STATS64")]
    pub counters: Option<LinkCounters>,
    /// Settings, if it is a bridge.
    pub bridge: Option<Bridge>,
    /// Settings, if it is the port of a bridge.
    pub port: Option<BridgePort>,
    /// The routing table of a VRF.
    #[doc(alias = "IFLA_VRF_TABLE")]
    pub vrf_table: Option<u32>,
}

impl Link {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.base.name
    }

    /// Its index.
    pub const fn index(&self) -> u32 {
        self.base.index
    }

    /// Its Ethernet address.
    pub const fn mac(&self) -> Option<Mac> {
        self.base.mac
    }

    /// Its kind, such as `vxlan`; hardware and the loopback device have none.
    pub fn kind(&self) -> Option<&str> {
        self.base.kind.as_deref()
    }

    /// Whether it is switched on.
    pub fn is_up(&self) -> bool {
        self.base.is_up()
    }

    /// Whether routes over it work: it is on, and what it stands on is too.
    pub fn is_running(&self) -> bool {
        self.is_up() && self.base.flags.contains(LinkFlags::RUNNING)
    }

    /// Whether it is the loopback device.
    #[doc(alias = "IFF_LOOPBACK")]
    pub fn is_loopback(&self) -> bool {
        self.base.flags.bits() & 0x8 != 0
    }

    /// Whether neighbours are not asked for on it.
    #[doc(alias = "IFF_NOARP")]
    pub fn is_without_arp(&self) -> bool {
        self.base.flags.bits() & 0x80 != 0
    }
}

/// What a link counted since it was made (`struct rtnl_link_stats64`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[doc(alias = "rtnl_link_stats64")]
pub struct LinkCounters {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received with an error.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Packets dropped instead of sent; of a VXLAN device those without an entry.
    pub tx_dropped: u64,
    /// Collisions; of a VXLAN device packets whose route leads back into it.
    pub collisions: u64,
    /// Packets received with a wrong frame; of a VXLAN device with congestion marks that contradict.
    pub rx_frame_errors: u64,
    /// Packets dropped for want of a carrier, or of a route for the outer packet.
    pub tx_carrier_errors: u64,
    /// Packets dropped because nobody on this host wanted them. Linux 4.6.
    pub rx_nohandler: u64,
    /// Packets for another Ethernet address. Linux 5.19.
    pub rx_otherhost_dropped: u64,
}

/// Settings of a bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Bridge {
    /// Whether it tells VLANs apart.
    #[doc(alias = "IFLA_BR_VLAN_FILTERING")]
    pub vlan_filtering: Option<bool>,
    /// Whether what it forwards passes netfilter's rules for IPv4, apart from the sysctl
    /// `net.bridge.bridge-nf-call-iptables`.
    #[doc(alias = "IFLA_BR_NF_CALL_IPTABLES")]
    pub calls_iptables: Option<bool>,
    /// The same for IPv6.
    #[doc(alias = "IFLA_BR_NF_CALL_IP6TABLES")]
    pub calls_ip6tables: Option<bool>,
}

/// Settings of the port of a bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct BridgePort {
    /// `BR_STATE_*`: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking.
    #[doc(alias = "IFLA_BRPORT_STATE")]
    pub state: Option<u8>,
    /// Whether packets may leave where they came in.
    #[doc(alias = "IFLA_BRPORT_MODE")]
    pub hairpin: Option<bool>,
    /// Whether it learns addresses.
    #[doc(alias = "IFLA_BRPORT_LEARNING")]
    pub learning: Option<bool>,
    /// Whether it sends no packets to other isolated ports.
    #[doc(alias = "IFLA_BRPORT_ISOLATED")]
    pub isolated: Option<bool>,
}

impl BridgePort {
    /// Whether packets pass; unknown counts as yes.
    pub fn is_forwarding(&self) -> bool {
        self.state.is_none_or(|state| state == 3)
    }
}
