//! Sizes: whether what one link takes fits into the next.

use std::net::IpAddr;

use super::cluster::{Cluster, Node, Vtep};
use super::finding::{Report, Severity, Told};
use crate::{Code, Link, Stage};

/// Bytes that the outer headers add: Ethernet, IP, UDP and VXLAN.
pub(super) const fn overhead(local: Option<IpAddr>) -> u32 {
    match local {
        Some(IpAddr::V6(_)) => 70,
        _ => 50,
    }
}

pub(super) fn examine(cluster: &Cluster<'_>, node: &Node<'_>, report: &mut Report) {
    for vtep in node.vteps.iter().filter(|vtep| vtep.link.is_up() && !vtep.is_external()) {
        underlay(node, vtep, report);
        peers(cluster, node, vtep, report);
        pods(node, vtep, report);
    }
}

fn mtu(link: &Link) -> Option<u32> {
    link.base.mtu
}

/// The device's packets with their outer headers, against the link that they leave through.
fn underlay(node: &Node<'_>, vtep: &Vtep<'_>, report: &mut Report) {
    let lower =
        vtep.settings.link.or_else(|| Some(node.network().address(vtep.settings.local?)?.link));
    let Some(lower) = lower.and_then(|index| node.network().link(index)) else { return };
    let (Some(inner), Some(outer)) = (mtu(vtep.link), mtu(lower)) else { return };
    let room = outer.saturating_sub(overhead(vtep.settings.local));
    if inner <= room {
        return;
    }
    let (name, lower) = (vtep.name(), lower.name());
    let told = Told {
        subject: name.to_owned(),
        summary: format!(
            "{name} takes packets of {inner} bytes, but {lower} ({outer}) has room for {room}"
        ),
        why: "large packets are cut in pieces, or dropped where that is forbidden: transfers hang",
        fix: format!("ip link set {name} mtu {room}"),
    };
    report.add(Severity::Warning, Code::MtuOverlay, node.snapshot, Stage::Mtu, told);
}

/// The device against that of each peer, once for each pair.
fn peers(cluster: &Cluster<'_>, node: &Node<'_>, vtep: &Vtep<'_>, report: &mut Report) {
    for peer in cluster.others(node).filter(|peer| peer.name() > node.name()) {
        let same = |theirs: &&Vtep<'_>| theirs.vni() == vtep.vni() && !theirs.is_external();
        let Some(theirs) = peer.vteps.iter().find(same) else { continue };
        let (Some(here), Some(there)) = (mtu(vtep.link), mtu(theirs.link)) else { continue };
        if here == there {
            continue;
        }
        let name = vtep.name();
        let told = Told {
            subject: name.to_owned(),
            summary: format!(
                "{name} takes packets of {here} bytes, {} on {} of {there}",
                theirs.name(),
                peer.name()
            ),
            why: "the larger end sends what the path to the smaller may not carry",
            fix: format!("ip link set {name} mtu {}, on both nodes", here.min(there)),
        };
        report.add(Severity::Warning, Code::MtuMismatch, node.snapshot, Stage::Mtu, told);
    }
}

/// What pods send, against the device.
fn pods(node: &Node<'_>, vtep: &Vtep<'_>, report: &mut Report) {
    let (Some(room), Some(pods)) = (mtu(vtep.link), node.snapshot.pods.get()) else { return };
    // A routed overlay only: pods on the device's own bridge have its MTU from the bridge.
    if vtep.link.base.master.is_some() || vtep.routes.is_empty() {
        return;
    }
    let too_large = |link: &&Link| !link.is_loopback() && link.is_up() && mtu(link) > Some(room);
    for pod in pods.iter().filter(|pod| pod.namespace.is_some()) {
        let Some(link) = pod.network.links.iter().find(too_large) else { continue };
        let told = Told {
            subject: pod.name.clone(),
            summary: format!(
                "{} of pod {} sends packets of {} bytes, {} takes {room}",
                link.name(),
                pod.name,
                mtu(link).unwrap_or_default(),
                vtep.name()
            ),
            why: "the pod has to be told by ICMP that its packets are too large, which is often filtered",
            fix: "set the network plugin's MTU, and start the pod anew".to_owned(),
        };
        report.add(Severity::Warning, Code::MtuPod, node.snapshot, Stage::Mtu, told);
    }
}
