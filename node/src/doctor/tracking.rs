//! Connection tracking: how full, what was dropped, and flows to destinations that are gone.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use conntrack::{Counter, Flow, Layer4, Protocol};
use ipvs::ServiceKey;

use super::cluster::Node;
use super::finding::{Report, Severity, Told};
use crate::{Balancer, Code, Part, Snapshot, Stage, Tracking};

/// From how many parts in a hundred on a table is nearly full.
const NEARLY: u64 = 80;

/// From how many on it is as good as full.
const FULL: u64 = 95;

pub(super) fn examine(node: &Node<'_>, report: &mut Report) {
    let snapshot = node.snapshot;
    match &snapshot.tracking {
        Part::Read(tracking) => {
            fill(snapshot, tracking, report);
            drops(snapshot, tracking, report);
            stale(snapshot, tracking, report);
        }
        Part::Unknown(reason) => {
            report.doubt(snapshot, Stage::Conntrack, "flows and their number", reason);
        }
    }
}

fn fill(snapshot: &Snapshot, tracking: &Tracking, report: &mut Report) {
    let (Some(count), Some(max)) = (tracking.sysctls.count(), tracking.sysctls.max()) else {
        return;
    };
    // 0 is no limit.
    if max == 0 || count * 100 < max * NEARLY {
        return;
    }
    let severity = if count * 100 >= max * FULL { Severity::Error } else { Severity::Warning };
    let told = Told {
        subject: "nf_conntrack_max".to_owned(),
        summary: format!("{count} flows of {max} that there may be"),
        why: "when the table is full the kernel drops the first packet of every new connection",
        fix: format!(
            "sysctl -w net.netfilter.nf_conntrack_max={}; `rsadm conntrack top src` says who fills it",
            max * 2
        ),
    };
    report.add(severity, Code::ConntrackFull, snapshot, Stage::Conntrack, told);
}

fn drops(snapshot: &Snapshot, tracking: &Tracking, report: &mut Report) {
    let statistics = match &tracking.statistics {
        Part::Read(statistics) => statistics,
        Part::Unknown(reason) => {
            return report.doubt(snapshot, Stage::Conntrack, "packets dropped", reason);
        }
    };
    let sum = |counter| -> u64 {
        statistics.iter().filter_map(|cpu| cpu.get(counter)).map(u64::from).sum()
    };
    let (dropped, early) = (sum(Counter::DROP), sum(Counter::EARLY_DROP));
    if dropped + early == 0 {
        return;
    }
    let told = Told {
        subject: "nf_conntrack".to_owned(),
        summary: format!("{dropped} packets dropped and {early} flows ended early, since boot"),
        why: "the table of flows was full at some time",
        fix:
            "raise net.netfilter.nf_conntrack_max; `rsadm conntrack stats` shows whether it goes on"
                .to_owned(),
    };
    report.add(Severity::Warning, Code::ConntrackDrops, snapshot, Stage::Conntrack, told);
}

/// Flows to a service's address that lead to what is none of its destinations any more.
fn stale(snapshot: &Snapshot, tracking: &Tracking, report: &mut Report) {
    let Some(balancer) = snapshot.balancer.get() else { return };
    let flows = match &tracking.flows {
        Part::Read(flows) => flows,
        Part::Unknown(reason) => {
            return report.doubt(
                snapshot,
                Stage::Conntrack,
                "flows to former destinations",
                reason,
            );
        }
    };
    let destinations = destinations(balancer);
    let mut gone: BTreeMap<(Protocol, SocketAddr, SocketAddr), u64> = BTreeMap::new();
    for flow in flows {
        let Some((protocol, service, destination)) = led(flow) else { continue };
        let Some(present) = destinations.get(&(protocol.0, service)) else { continue };
        if !present.contains(&destination) {
            *gone.entry((protocol, service, destination)).or_default() += 1;
        }
    }
    for ((protocol, service, destination), count) in gone {
        let told = Told {
            subject: format!("{protocol} {service}"),
            summary: format!(
                "{count} flows to {service} lead to {destination}, which is no destination any more"
            ),
            why: "a client that keeps its port is led to the former destination as long as it sends",
            fix: format!(
                "conntrack -D -p {protocol} -d {} --dport {} -r {}",
                service.ip(),
                service.port(),
                destination.ip()
            ),
        };
        // A connection of TCP ends by itself; datagrams keep a flow alive for ever.
        let udp = protocol == Protocol::UDP;
        let severity = if udp { Severity::Warning } else { Severity::Info };
        report.add(severity, Code::FlowStale, snapshot, Stage::Conntrack, told);
    }
}

/// The destinations of each service, by protocol and address.
fn destinations(balancer: &Balancer) -> BTreeMap<(u8, SocketAddr), HashSet<SocketAddr>> {
    let mut services: BTreeMap<_, HashSet<_>> = BTreeMap::new();
    for table in &balancer.services {
        let ServiceKey::Address { protocol, address } = table.service.service.key else { continue };
        let Ok(protocol) = u8::try_from(protocol.0) else { continue };
        let present = services.entry((protocol, address)).or_default();
        present.extend(table.destinations.iter().map(|entry| entry.destination.address));
    }
    services
}

/// The service that a flow was sent to, and the destination that it was led to.
fn led(flow: &Flow<'_>) -> Option<(Protocol, SocketAddr, SocketAddr)> {
    let (Layer4::Ports { destination: asked, .. }, Layer4::Ports { source: answers, .. }) =
        (flow.original.layer4, flow.reply.layer4)
    else {
        return None;
    };
    let service = SocketAddr::new(flow.original.destination, asked);
    let destination = SocketAddr::new(flow.reply.source, answers);
    // What is not translated leads nowhere else.
    (service != destination).then_some((flow.original.protocol, service, destination))
}
