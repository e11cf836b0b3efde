//! Links. What is sent is encoded by netlink-packet-route; what is received is decoded here, where
//! an attribute that grew is no error.

use std::net::IpAddr;

use netlink_packet_core::Emitable;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage, VxlanDf,
};
use rsadm_netlink::{Attribute, Attributes, Message};

use super::{LINK_HEADER, address, malformed, signed};
use crate::link::{DontFragment, LinkFlags, Settings};
use crate::uapi::*;
use crate::{Link, LinkConfig, Mac, Result, Vni};

/// A link.
pub(crate) fn link(payload: &[u8]) -> Result<Link> {
    let (header, rest) =
        payload.split_first_chunk::<LINK_HEADER>().ok_or(malformed("header of a link"))?;
    let [_, _, _, _, index @ .., f1, f2, f3, f4, _, _, _, _] = *header;
    let mut link = Link {
        index: u32::from_ne_bytes(index),
        flags: LinkFlags::from_bits_retain(u32::from_ne_bytes([f1, f2, f3, f4])),
        ..Link::default()
    };
    for attribute in Attributes::new(rest) {
        match attribute.kind {
            IFLA_IFNAME => attribute.str().unwrap_or_default().clone_into(&mut link.name),
            IFLA_ADDRESS => link.mac = Mac::read(attribute.value),
            IFLA_MTU => link.mtu = attribute.u32(),
            IFLA_MASTER => link.master = attribute.u32(),
            IFLA_OPERSTATE => link.operational_state = attribute.u8(),
            IFLA_LINK_NETNSID => link.link_namespace = signed(&attribute),
            IFLA_LINKINFO => information(&mut link, &attribute),
            _ => {}
        }
    }
    Ok(link)
}

fn information(link: &mut Link, attribute: &Attribute<'_>) {
    let mut data = None;
    for part in attribute.attributes() {
        match part.kind {
            IFLA_INFO_KIND => link.kind = part.str().map(str::to_owned),
            IFLA_INFO_DATA => data = Some(part),
            _ => {}
        }
    }
    if link.kind.as_deref() == Some("vxlan") {
        link.vxlan = Some(data.map(|data| settings(data.attributes())).unwrap_or_default());
    }
}

pub(crate) fn settings(attributes: Attributes<'_>) -> Settings {
    let mut settings = Settings::default();
    for attribute in attributes {
        let flag = || attribute.u8().map(|byte| byte != 0);
        match attribute.kind {
            IFLA_VXLAN_ID => settings.id = attribute.u32().and_then(Vni::new),
            IFLA_VXLAN_GROUP | IFLA_VXLAN_GROUP6 => settings.group = address(&attribute),
            IFLA_VXLAN_LINK => settings.link = attribute.u32(),
            IFLA_VXLAN_LOCAL | IFLA_VXLAN_LOCAL6 => settings.local = address(&attribute),
            IFLA_VXLAN_TTL => settings.ttl = attribute.u8(),
            // An empty one, as in requests, says yes.
            IFLA_VXLAN_TTL_INHERIT => settings.ttl_inherit = flag().or(Some(true)),
            IFLA_VXLAN_TOS => settings.tos = attribute.u8(),
            IFLA_VXLAN_DF => settings.dont_fragment = attribute.u8().map(DontFragment),
            IFLA_VXLAN_LABEL => settings.flow_label = attribute.be32(),
            IFLA_VXLAN_LABEL_POLICY => settings.flow_label_policy = attribute.u32(),
            IFLA_VXLAN_LEARNING => settings.learning = flag(),
            IFLA_VXLAN_AGEING => settings.ageing = attribute.u32(),
            IFLA_VXLAN_LIMIT => settings.limit = attribute.u32(),
            IFLA_VXLAN_PORT => settings.port = attribute.be16(),
            IFLA_VXLAN_PORT_RANGE => settings.source_ports = ports(&attribute),
            IFLA_VXLAN_PROXY => settings.proxy = flag(),
            IFLA_VXLAN_RSC => settings.short_circuit = flag(),
            IFLA_VXLAN_L2MISS => settings.notify_missing_entries = flag(),
            IFLA_VXLAN_L3MISS => settings.notify_missing_neighbours = flag(),
            IFLA_VXLAN_UDP_CSUM => settings.udp_checksum = flag(),
            IFLA_VXLAN_UDP_ZERO_CSUM6_TX => settings.udp_zero_checksum6_tx = flag(),
            IFLA_VXLAN_UDP_ZERO_CSUM6_RX => settings.udp_zero_checksum6_rx = flag(),
            IFLA_VXLAN_REMCSUM_TX => settings.remote_checksum_tx = flag(),
            IFLA_VXLAN_REMCSUM_RX => settings.remote_checksum_rx = flag(),
            IFLA_VXLAN_REMCSUM_NOPARTIAL => settings.remote_checksum_no_partial = true,
            IFLA_VXLAN_GBP => settings.gbp = true,
            IFLA_VXLAN_GPE => settings.gpe = true,
            IFLA_VXLAN_COLLECT_METADATA => settings.external = flag(),
            IFLA_VXLAN_VNIFILTER => settings.vni_filter = flag(),
            IFLA_VXLAN_LOCALBYPASS => settings.local_bypass = flag(),
            IFLA_VXLAN_RESERVED_BITS => settings.reserved_bits = attribute.be64(),
            IFLA_VXLAN_MC_ROUTE => settings.multicast_route = flag(),
            _ => {}
        }
    }
    settings
}

fn ports(attribute: &Attribute<'_>) -> Option<(u16, u16)> {
    let [a, b, c, d] = *attribute.value.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// The settings as the attributes of a request.
fn attributes(settings: &Settings) -> Vec<InfoVxlan> {
    let mut list = Vec::new();
    let mut put = |attribute: Option<InfoVxlan>| list.extend(attribute);
    let flag = |set: bool, attribute| if set { Some(attribute) } else { None };
    put(settings.id.map(|id| InfoVxlan::Id(id.get())));
    put(settings.group.map(|group| match group {
        IpAddr::V4(group) => InfoVxlan::Group(group),
        IpAddr::V6(group) => InfoVxlan::Group6(group),
    }));
    put(settings.local.map(|local| match local {
        IpAddr::V4(local) => InfoVxlan::Local(local),
        IpAddr::V6(local) => InfoVxlan::Local6(local),
    }));
    put(settings.link.map(InfoVxlan::Link));
    put(settings.ttl.map(InfoVxlan::Ttl));
    put(flag(settings.ttl_inherit == Some(true), InfoVxlan::TtlInheritFlag));
    put(settings.tos.map(InfoVxlan::Tos));
    put(settings.dont_fragment.map(|DontFragment(value)| InfoVxlan::Df(VxlanDf::from(value))));
    put(settings.flow_label.map(InfoVxlan::Label));
    put(settings.flow_label_policy.map(InfoVxlan::LabelPolicy));
    put(settings.learning.map(InfoVxlan::Learning));
    put(settings.ageing.map(InfoVxlan::Ageing));
    put(settings.limit.map(InfoVxlan::Limit));
    put(settings.port.map(InfoVxlan::Port));
    put(settings.source_ports.map(InfoVxlan::PortRange));
    put(settings.proxy.map(InfoVxlan::Proxy));
    put(settings.short_circuit.map(InfoVxlan::Rsc));
    put(settings.notify_missing_entries.map(InfoVxlan::L2Miss));
    put(settings.notify_missing_neighbours.map(InfoVxlan::L3Miss));
    put(settings.udp_checksum.map(InfoVxlan::UDPCsum));
    put(settings.udp_zero_checksum6_tx.map(InfoVxlan::UDPZeroCsumTX));
    put(settings.udp_zero_checksum6_rx.map(InfoVxlan::UDPZeroCsumRX));
    put(settings.remote_checksum_tx.map(InfoVxlan::RemCsumTX));
    put(settings.remote_checksum_rx.map(InfoVxlan::RemCsumRX));
    put(flag(settings.remote_checksum_no_partial, InfoVxlan::RemCsumNoPartial));
    put(flag(settings.gbp, InfoVxlan::Gbp));
    put(flag(settings.gpe, InfoVxlan::Gpe));
    put(settings.external.map(InfoVxlan::CollectMetadata));
    put(settings.vni_filter.map(InfoVxlan::Vnifilter));
    put(settings.local_bypass.map(InfoVxlan::Localbypass));
    put(settings.reserved_bits.map(InfoVxlan::ReservedBits));
    put(settings.multicast_route.map(InfoVxlan::McRoute));
    list
}

fn header(index: u32, up: Option<bool>) -> [u8; LINK_HEADER] {
    let mut bytes = [0; LINK_HEADER];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    if let Some(up) = up {
        let flags = if up { IFF_UP } else { 0 };
        bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
        bytes[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
    }
    bytes
}

/// Creates a device, or changes the one with this index.
pub(crate) fn put_link(index: Option<u32>, config: &LinkConfig) -> Message {
    let mut list = Vec::new();
    list.extend(config.name.clone().map(LinkAttribute::IfName));
    list.extend(config.mac.map(|mac| LinkAttribute::Address(mac.0.to_vec())));
    list.extend(config.mtu.map(LinkAttribute::Mtu));
    list.extend(config.master.map(LinkAttribute::Controller));
    let data = attributes(&config.settings);
    if index.is_none() || !data.is_empty() {
        let data = LinkInfo::Data(InfoData::Vxlan(data));
        list.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Vxlan), data]));
    }
    let mut encoded = LinkMessage::default();
    encoded.attributes = list;
    let mut bytes = vec![0; encoded.buffer_len()];
    encoded.emit(&mut bytes);
    let flags = if index.is_some() { 0 } else { NLM_F_CREATE | NLM_F_EXCL };
    let mut message = Message::new(RTM_NEWLINK, flags);
    message.header(&header(index.unwrap_or_default(), config.up));
    message.encoded(bytes.get(LINK_HEADER..).unwrap_or_default());
    message
}

/// A request about the link with this index.
pub(crate) fn of_index(kind: u16, index: u32) -> Message {
    let mut message = Message::new(kind, 0);
    message.header(&header(index, None));
    message
}

/// Asks for the link with this name.
pub(crate) fn of_name(name: &str) -> Message {
    let mut message = of_index(RTM_GETLINK, 0);
    // The kernel refuses to look for a long name as a short one.
    let kind =
        if name.is_empty() || name.len() >= IFNAMSIZ { IFLA_ALT_IFNAME } else { IFLA_IFNAME };
    message.put_str(kind, name);
    message
}

/// Asks for links: all, or VXLAN devices.
pub(crate) fn list(only_vxlan: bool) -> Message {
    let mut message = of_index(RTM_GETLINK, 0);
    if only_vxlan {
        message.nest(IFLA_LINKINFO, |info| {
            info.put_str(IFLA_INFO_KIND, "vxlan");
        });
    }
    message
}
