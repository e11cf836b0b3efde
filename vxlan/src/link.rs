//! Links, and what a VXLAN device is made of.

use std::net::IpAddr;

use bitflags::bitflags;

use crate::entry::Defaults;
use crate::{Mac, Vni};

bitflags! {
    /// Flags of a link (`IFF_*`). Bits that this crate has no name for are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    #[doc(alias = "ifi_flags")]
    pub struct LinkFlags: u32 {
        /// Switched on.
        #[doc(alias = "IFF_UP")]
        const UP = 0x1;
        /// Able to carry packets.
        #[doc(alias = "IFF_RUNNING")]
        const RUNNING = 0x40;
        /// What it stands on is up.
        #[doc(alias = "IFF_LOWER_UP")]
        const LOWER_UP = 0x1_0000;
        const _ = !0;
    }
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Link {
    /// Its index.
    #[doc(alias = "ifi_index")]
    pub index: u32,
    /// Its name.
    #[doc(alias = "IFLA_IFNAME")]
    pub name: String,
    /// Flags.
    pub flags: LinkFlags,
    /// Its Ethernet address.
    #[doc(alias = "IFLA_ADDRESS")]
    pub mac: Option<Mac>,
    /// Largest packet that it carries, in bytes.
    #[doc(alias = "IFLA_MTU")]
    pub mtu: Option<u32>,
    /// Index of the bridge or the like that it is a port of.
    #[doc(alias = "IFLA_MASTER")]
    pub master: Option<u32>,
    /// `IF_OPER_*`: 6 is up, 2 is down, 0 unknown.
    #[doc(alias = "IFLA_OPERSTATE")]
    pub operational_state: Option<u8>,
    /// Id of the network namespace that [`Settings::link`] is in, if it is another one.
    #[doc(alias = "IFLA_LINK_NETNSID")]
    pub link_namespace: Option<i32>,
    /// Its kind: `vxlan`, `bridge`, `veth` ...
    #[doc(alias = "IFLA_INFO_KIND")]
    pub kind: Option<String>,
    /// What it is made of, if it is a VXLAN device.
    pub vxlan: Option<Settings>,
}

impl Link {
    /// Whether it is switched on.
    pub fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::UP)
    }

    /// Whether it is a VXLAN device that is steered from outside, one for all VNIs.
    pub fn is_external(&self) -> bool {
        self.vxlan.as_ref().is_some_and(|settings| settings.external == Some(true))
    }

    /// What its entries mean where they say nothing.
    pub fn defaults(&self) -> Defaults {
        let settings = self.vxlan.as_ref();
        let vni = settings.and_then(|settings| settings.id);
        Defaults { port: settings.and_then(|settings| settings.port), vni }
    }
}

/// What becomes of the bit that forbids to fragment the outer packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "ifla_vxlan_df")]
pub struct DontFragment(pub u8);

impl DontFragment {
    /// Not set.
    #[doc(alias = "VXLAN_DF_UNSET")]
    pub const UNSET: Self = Self(0);
    /// Set.
    #[doc(alias = "VXLAN_DF_SET")]
    pub const SET: Self = Self(1);
    /// As in the inner packet.
    #[doc(alias = "VXLAN_DF_INHERIT")]
    pub const INHERIT: Self = Self(2);
}

/// What a VXLAN device is made of. Read, a value is what the kernel says, `None` what this kernel
/// does not know. Written, `None` is left to the kernel or stays as it is.
///
/// The kernel refuses to change most of them once the device is there; it says so, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Settings {
    /// VNI; needed to create a device that is not `external`.
    #[doc(alias = "IFLA_VXLAN_ID")]
    pub id: Option<Vni>,
    /// Where frames without an entry go: a group, or one remote. Changeable.
    #[doc(alias = "IFLA_VXLAN_GROUP")]
    #[doc(alias = "IFLA_VXLAN_GROUP6")]
    pub group: Option<IpAddr>,
    /// Source of the outer packets. Changeable.
    #[doc(alias = "IFLA_VXLAN_LOCAL")]
    #[doc(alias = "IFLA_VXLAN_LOCAL6")]
    pub local: Option<IpAddr>,
    /// Index of the link that outer packets leave through. Changeable.
    #[doc(alias = "IFLA_VXLAN_LINK")]
    pub link: Option<u32>,
    /// Time to live of the outer packets; 0 is the kernel's choice. Changeable.
    #[doc(alias = "IFLA_VXLAN_TTL")]
    pub ttl: Option<u8>,
    /// Whether the time to live is that of the inner packet.
    #[doc(alias = "IFLA_VXLAN_TTL_INHERIT")]
    pub ttl_inherit: Option<bool>,
    /// Type of service of the outer packets; 1 is that of the inner one. Changeable.
    #[doc(alias = "IFLA_VXLAN_TOS")]
    pub tos: Option<u8>,
    /// The bit that forbids to fragment.
    #[doc(alias = "IFLA_VXLAN_DF")]
    pub dont_fragment: Option<DontFragment>,
    /// Flow label of the outer packets; of IPv6 only.
    #[doc(alias = "IFLA_VXLAN_LABEL")]
    pub flow_label: Option<u32>,
    /// Where the flow label comes from: 0 is [`flow_label`](Self::flow_label), 1 the inner packet.
    /// Linux 6.7.
    #[doc(alias = "IFLA_VXLAN_LABEL_POLICY")]
    pub flow_label_policy: Option<u32>,
    /// Whether entries are learned from packets. Changeable.
    #[doc(alias = "IFLA_VXLAN_LEARNING")]
    pub learning: Option<bool>,
    /// Seconds that learned entries live; the kernel takes 0 for its default, 300. Changeable.
    #[doc(alias = "IFLA_VXLAN_AGEING")]
    pub ageing: Option<u32>,
    /// Most entries; 0 for no limit.
    #[doc(alias = "IFLA_VXLAN_LIMIT")]
    pub limit: Option<u32>,
    /// UDP port that packets are sent to and taken at; 8472 if it is not said.
    #[doc(alias = "IFLA_VXLAN_PORT")]
    pub port: Option<u16>,
    /// UDP ports that packets are sent from: the first and the last; 0 for the system's range.
    #[doc(alias = "IFLA_VXLAN_PORT_RANGE")]
    pub source_ports: Option<(u16, u16)>,
    /// Whether questions for neighbours are answered by the device.
    #[doc(alias = "IFLA_VXLAN_PROXY")]
    pub proxy: Option<bool>,
    /// Whether routes are short-circuited.
    #[doc(alias = "IFLA_VXLAN_RSC")]
    pub short_circuit: Option<bool>,
    /// Whether missing entries are notified.
    #[doc(alias = "IFLA_VXLAN_L2MISS")]
    pub notify_missing_entries: Option<bool>,
    /// Whether missing neighbours are notified.
    #[doc(alias = "IFLA_VXLAN_L3MISS")]
    pub notify_missing_neighbours: Option<bool>,
    /// Whether outer packets of IPv4 have a checksum.
    #[doc(alias = "IFLA_VXLAN_UDP_CSUM")]
    pub udp_checksum: Option<bool>,
    /// Whether outer packets of IPv6 are sent without a checksum.
    #[doc(alias = "IFLA_VXLAN_UDP_ZERO_CSUM6_TX")]
    pub udp_zero_checksum6_tx: Option<bool>,
    /// Whether outer packets of IPv6 are taken without a checksum.
    #[doc(alias = "IFLA_VXLAN_UDP_ZERO_CSUM6_RX")]
    pub udp_zero_checksum6_rx: Option<bool>,
    /// Whether the checksum is left to the receiver.
    #[doc(alias = "IFLA_VXLAN_REMCSUM_TX")]
    pub remote_checksum_tx: Option<bool>,
    /// Whether the checksum is completed here.
    #[doc(alias = "IFLA_VXLAN_REMCSUM_RX")]
    pub remote_checksum_rx: Option<bool>,
    /// Whether remote checksums are always completed. Can only be set.
    #[doc(alias = "IFLA_VXLAN_REMCSUM_NOPARTIAL")]
    pub remote_checksum_no_partial: bool,
    /// Whether packets carry a group policy. Can only be set.
    #[doc(alias = "IFLA_VXLAN_GBP")]
    pub gbp: bool,
    /// Whether packets carry the generic protocol extension. Can only be set.
    #[doc(alias = "IFLA_VXLAN_GPE")]
    pub gpe: bool,
    /// Whether packets are steered from outside (`external`), one device for all VNIs.
    #[doc(alias = "IFLA_VXLAN_COLLECT_METADATA")]
    pub external: Option<bool>,
    /// Whether only filtered VNIs are taken; with `external`. Linux 5.18.
    #[doc(alias = "IFLA_VXLAN_VNIFILTER")]
    pub vni_filter: Option<bool>,
    /// Whether packets to an address of this machine skip the network. Linux 6.5.
    #[doc(alias = "IFLA_VXLAN_LOCALBYPASS")]
    pub local_bypass: Option<bool>,
    /// Bits of the VXLAN header that packets may not have set. Linux 6.14.
    #[doc(alias = "IFLA_VXLAN_RESERVED_BITS")]
    pub reserved_bits: Option<u64>,
    /// Whether groups follow the multicast routing table. Linux 6.17.
    #[doc(alias = "IFLA_VXLAN_MC_ROUTE")]
    pub multicast_route: Option<bool>,
}

/// A VXLAN device to be created, or what to change of one. `None` is left to the kernel, or stays
/// as it is.
///
/// ```
/// use vxlan::{LinkConfig, Settings, Vni};
/// let settings = Settings {
///     id: Vni::new(1),
///     local: Some("172.16.20.120".parse()?),
///     port: Some(8472),
///     learning: Some(false),
///     ..Settings::default()
/// };
/// let link = LinkConfig { name: Some("flannel.1".into()), settings, ..LinkConfig::default() };
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LinkConfig {
    /// Name; of a new device the kernel finds one.
    pub name: Option<String>,
    /// Ethernet address; of a new device the kernel makes one up.
    pub mac: Option<Mac>,
    /// Largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Index of the bridge that it is to be a port of; 0 takes it out.
    pub master: Option<u32>,
    /// Switched on or off.
    pub up: Option<bool>,
    /// What the device is made of.
    pub settings: Settings,
}
