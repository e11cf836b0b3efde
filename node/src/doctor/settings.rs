//! Sysctls, and combinations of them with kernels that are known to hurt.

use std::net::IpAddr;

use ipvs::{ForwardingMethod, ServiceKey};

use super::cluster::Node;
use super::finding::{Report, Severity, Told};
use crate::{Address, Balancer, Code, Prefix, Query, Refusal, Snapshot, Stage};

pub(super) fn examine(node: &Node<'_>, report: &mut Report) {
    let snapshot = node.snapshot;
    let balancer = snapshot.balancer.get().filter(|balancer| !balancer.services.is_empty());
    forwarding(node, balancer, report);
    reverse_path(node, report);
    checksums(node, report);
    if let Some(balancer) = balancer {
        own_sources(node, balancer, report);
        bridge_netfilter(snapshot, balancer, report);
        reuse(snapshot, balancer, report);
        former_destinations(snapshot, balancer, report);
        keepalive(snapshot, balancer, report);
        translation(node, balancer, report);
    }
}

fn add(
    report: &mut Report,
    snapshot: &Snapshot,
    (severity, code): (Severity, Code),
    name: &str,
    (summary, why, value): (String, &'static str, &str),
) {
    let fix = format!("sysctl -w {name}={value}");
    let told = Told { subject: name.to_owned(), summary, why, fix };
    report.add(severity, code, snapshot, Stage::Sysctl, told);
}

/// Whether the node sends on what is not for itself.
fn forwarding(node: &Node<'_>, balancer: Option<&Balancer>, report: &mut Report) {
    let network = node.network();
    let translates = |v6: bool| {
        let services = balancer.map(|balancer| &balancer.services).into_iter().flatten();
        let all = services.flat_map(|table| &table.destinations).map(|entry| entry.destination);
        let mut masqueraded = all.filter(|one| one.method == ForwardingMethod::MASQUERADE);
        masqueraded.any(|one| one.address.is_ipv6() == v6 && !network.owns(one.address.ip()))
    };
    let is_router = |v6: bool| {
        let over = node.vteps.iter().flat_map(|vtep| &vtep.routes);
        over.into_iter().any(|(route, _)| route.destination.address().is_ipv6() == v6)
    };
    let why = "packets between pods and to them are dropped, and nobody is told";
    for (v6, name) in [(false, "net.ipv4.ip_forward"), (true, "net.ipv6.conf.all.forwarding")] {
        if network.sysctl(name) != Some(0) || !(translates(v6) || is_router(v6)) {
            continue;
        }
        let summary = format!("the node does not forward {}", if v6 { "IPv6" } else { "IPv4" });
        let of = (Severity::Error, Code::ForwardingOff);
        add(report, node.snapshot, of, name, (summary, why, "1"));
    }
}

/// Answers between ports of one bridge, which IPVS has to see to translate them back.
fn bridge_netfilter(snapshot: &Snapshot, balancer: &Balancer, report: &mut Report) {
    let network = &snapshot.network;
    let name = "net.bridge.bridge-nf-call-iptables";
    if network.sysctl(name).is_some_and(|value| value != 0) {
        return;
    }
    let bridges = network.links.iter().filter(|link| link.kind() == Some("bridge"));
    let passing = bridges.filter(|link| {
        link.is_up() && link.bridge.is_none_or(|bridge| bridge.calls_iptables != Some(true))
    });
    let destinations = || {
        let all = balancer.services.iter().flat_map(|table| &table.destinations);
        all.map(|entry| entry.destination)
            .filter(|destination| destination.method == ForwardingMethod::MASQUERADE)
            .map(|destination| destination.address.ip())
    };
    for bridge in passing {
        let on_it = |address| {
            let networks = network.addresses_of(bridge.index()).filter_map(Address::network);
            networks.into_iter().any(|one| !one.is_host() && one.contains(address))
        };
        let Some(destination) = destinations().find(|address| address.is_ipv4() && on_it(*address))
        else {
            continue;
        };
        let summary = match network.sysctl(name) {
            Some(_) => {
                format!("{} forwards past netfilter, and {destination} is behind it", bridge.name())
            }
            None => format!(
                "br_netfilter is not loaded, so {} forwards past netfilter, and {destination} is behind it",
                bridge.name()
            ),
        };
        let told = Told {
            subject: name.to_owned(),
            summary,
            why: "a pod that asks the service and is led to a pod beside it gets an answer from an address \
                  that it did not ask: one of several requests hangs",
            fix: format!("modprobe br_netfilter; sysctl -w {name}=1"),
        };
        let (severity, code) = (Severity::Warning, Code::BridgeNetfilterOff);
        report.add(severity, code, snapshot, Stage::Sysctl, told);
    }
}

/// The kernel's version: the first two numbers of its release.
pub(super) fn version(snapshot: &Snapshot) -> Option<(u32, u32)> {
    let mut numbers = snapshot.kernel.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What becomes of a client's port that it uses again.
fn reuse(snapshot: &Snapshot, balancer: &Balancer, report: &mut Report) {
    let name = "net.ipv4.vs.conn_reuse_mode";
    let Some(mode) = balancer.sysctls.conn_reuse_mode else { return };
    let Some(version) = version(snapshot) else {
        return report.doubt(snapshot, Stage::Sysctl, name, "the kernel's version is not known");
    };
    let tracks = balancer.sysctls.conntrack == Some(1);
    let of = (Severity::Warning, Code::ConnReuseMode);
    if version < (5, 9) && mode != 0 && tracks {
        let summary = format!("conn_reuse_mode is {mode} on kernel {}.{}", version.0, version.1);
        let why = "before 5.9 a connection from a port that was used before waits a second, because its \
                   first packet is dropped";
        add(report, snapshot, of, name, (summary, why, "0"));
    } else if version >= (5, 9) && mode == 0 {
        let summary = "conn_reuse_mode is 0".to_owned();
        let why = "a connection from a port that was used before goes to the former destination, even if \
                   that is gone or has weight 0";
        add(report, snapshot, of, name, (summary, why, "1"));
    }
}

/// What becomes of connections whose destination is gone.
fn former_destinations(snapshot: &Snapshot, balancer: &Balancer, report: &mut Report) {
    let udp = |key: &ServiceKey| matches!(key, ServiceKey::Address { protocol, .. } if *protocol == ipvs::Protocol::UDP);
    let mut services = balancer.services.iter();
    let concerned = services.any(|table| udp(&table.service.service.key));
    if !concerned || balancer.sysctls.expire_nodest_conn != Some(0) {
        return;
    }
    let name = "net.ipv4.vs.expire_nodest_conn";
    let summary = "connections to destinations that are gone are kept, and there are UDP services";
    let why = "a client that keeps its port sends into nothing until the connection's timeout";
    let of = (Severity::Warning, Code::ExpireNodestConnOff);
    add(report, snapshot, of, name, (summary.to_owned(), why, "1"));
}

/// Idle connections of TCP, against what keeps them.
fn keepalive(snapshot: &Snapshot, balancer: &Balancer, report: &mut Report) {
    let name = "net.ipv4.tcp_keepalive_time";
    let (Some(timeouts), Some(time)) = (balancer.timeouts, snapshot.network.sysctl(name)) else {
        return;
    };
    let Ok(time) = u32::try_from(time) else { return };
    let mut keys = balancer.services.iter().map(|table| table.service.service.key);
    let tcp = keys.any(|key| {
        matches!(key, ServiceKey::Address { protocol, .. } if protocol == ipvs::Protocol::TCP)
    });
    if !tcp || timeouts.tcp == 0 || time < timeouts.tcp {
        return;
    }
    let summary = format!(
        "IPVS forgets connections that are idle for {} s, TCP keepalive begins after {time} s",
        timeouts.tcp
    );
    let told = Told {
        subject: name.to_owned(),
        summary,
        why: "an idle connection breaks at its next packet",
        fix: format!(
            "sysctl -w {name}={} where the clients are, or rsadm ipvs timeouts --tcp {}",
            timeouts.tcp.saturating_mul(2) / 3,
            time.saturating_add(600)
        ),
    };
    let of = (Severity::Info, Code::IpvsTimeoutKeepalive);
    report.add(of.0, of.1, snapshot, Stage::Sysctl, told);
}

/// Whether the kernel takes what comes over the overlay, as answers to it would be sent there.
fn reverse_path(node: &Node<'_>, report: &mut Report) {
    for vtep in node.vteps.iter().filter(|vtep| vtep.link.is_up()) {
        let link = vtep.link.index();
        // To an address of the node: what is forwarded is checked alike.
        let own =
            node.network().addresses.iter().find(|own| own.address.is_ipv4() && own.link != link);
        let Some(own) = own else { continue };
        // Routes say what comes from there; where they lead elsewhere, the neighbours still do.
        let networks = vtep.routes.iter().map(|(route, _)| route.destination);
        let gateways = vtep.written_neighbours().map(|neighbour| Prefix::host(neighbour.address));
        let mut sources = networks.chain(gateways).filter(|from| from.address().is_ipv4());
        let dropped = |from: &Prefix| {
            let query = Query::to(own.address).from(from.address()).through(link);
            node.router.accepts_source(&query) == Err(Refusal::ReversePath)
        };
        let Some(from) = sources.find(dropped) else { continue };
        let name = vtep.name();
        let told = Told {
            subject: name.to_owned(),
            summary: format!(
                "the reverse path filter of {name} drops packets from {from}, whose answers take another \
                 way"
            ),
            why: "packets of other nodes' pods are dropped here, and nobody is told",
            fix: format!("sysctl -w net.ipv4.conf.{}.rp_filter=2", name.replace('.', "/")),
        };
        let (severity, code) = (Severity::Error, Code::RpFilterStrict);
        report.add(severity, code, node.snapshot, Stage::Sysctl, told);
    }
}

/// Whether the node takes answers of its own pods to which it routes a service as the packets are:
/// they have the service's address, which is the node's own.
fn own_sources(node: &Node<'_>, balancer: &Balancer, report: &mut Report) {
    let network = node.network();
    let mut told_of = Vec::new();
    for table in &balancer.services {
        let ServiceKey::Address { address: service, .. } = table.service.service.key else {
            continue;
        };
        if !service.is_ipv4() || !network.owns(service.ip()) {
            continue;
        }
        let routed =
            table.destinations.iter().map(|entry| &entry.destination).filter(|destination| {
                destination.method == ForwardingMethod::ROUTE
                    && answers_here(node, destination.address.ip())
            });
        for pod in routed.map(|destination| destination.address.ip()) {
            let Some(link) = takes_for_forged(node, service.ip(), pod) else { continue };
            if told_of.contains(&link) {
                continue;
            }
            told_of.push(link);
            let name = network.link_name(link);
            let told = Told {
                subject: name.clone(),
                summary: format!(
                    "answers of {pod} come in through {name} with {}, this node's own address, and are \
                     dropped",
                    service.ip()
                ),
                why: "the kernel takes them for forged: no answer of the service gets past this node",
                fix: format!("sysctl -w net.ipv4.conf.{}.accept_local=1", name.replace('.', "/")),
            };
            let code = Code::AcceptLocalOff;
            report.add(Severity::Error, code, node.snapshot, Stage::Sysctl, told);
        }
    }
}

/// The link that answers of a pod come in through, if the kernel drops them there for having the
/// node's own address.
fn takes_for_forged(node: &Node<'_>, service: IpAddr, pod: IpAddr) -> Option<u32> {
    let link = node.router.route(&Query::to(pod)).way()?.link;
    // To an address of the node: what is forwarded is checked alike.
    let mut own = node.network().addresses.iter();
    let to = own.find(|own| own.address.is_ipv4() && own.link != link && own.address != service)?;
    let query = Query::to(to.address).from(service).through(link);
    (node.router.accepts_source(&query) == Err(Refusal::BadSource)).then_some(link)
}

/// Whether it is a pod of this node that sends its answers by this node.
fn answers_here(node: &Node<'_>, pod: IpAddr) -> bool {
    let Some(pod) = node.snapshot.pod_with(pod) else { return false };
    let mut hops = pod.network.routes.iter().flat_map(|route| &route.hops);
    hops.any(|hop| hop.gateway.is_some_and(|gateway| node.network().owns(gateway)))
}

/// Whether netfilter gets to see what IPVS sends.
fn translation(node: &Node<'_>, balancer: &Balancer, report: &mut Report) {
    if balancer.sysctls.conntrack != Some(0) || !masquerades(node.snapshot) {
        return;
    }
    let destinations = balancer.services.iter().flat_map(|table| &table.destinations);
    let mut masqueraded = destinations
        .filter(|entry| entry.destination.method == ForwardingMethod::MASQUERADE)
        .filter(|entry| !node.network().owns(entry.destination.address.ip()));
    if masqueraded.next().is_none() {
        return;
    }
    let name = "net.ipv4.vs.conntrack";
    let told = Told {
        subject: name.to_owned(),
        summary:
            "IPVS keeps its packets from connection tracking, and there are rules that masquerade"
                .to_owned(),
        why: "the rules do nothing to packets of services: a destination on another node answers past \
              this one",
        fix: format!("sysctl -w {name}=1"),
    };
    let code = Code::IpvsConntrackOff;
    report.add(Severity::Error, code, node.snapshot, Stage::Nat, told);
}

/// Whether a rule masquerades anything.
fn masquerades(snapshot: &Snapshot) -> bool {
    let texts = [&snapshot.netfilter.iptables, &snapshot.netfilter.nftables];
    texts
        .iter()
        .filter_map(|part| part.get())
        .any(|text| text.contains("-j MASQUERADE") || text.contains("\"masquerade\""))
}

/// The releases in which wrong checksums were mended, of each line that is kept up.
const MENDED: [((u32, u32), u32); 4] = [((4, 14), 181), ((4, 19), 123), ((5, 4), 41), ((5, 6), 13)];

/// Wrong checksums of packets that are masqueraded into VXLAN.
fn checksums(node: &Node<'_>, report: &mut Report) {
    let Some(version) = version(node.snapshot) else { return };
    let mut numbers = node.snapshot.kernel.split(|c: char| !c.is_ascii_digit()).skip(2);
    let patch: u32 = numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let mended = MENDED.iter().any(|(line, from)| *line == version && patch >= *from);
    let Some(vtep) = node.vteps.first() else { return };
    let random = node.snapshot.netfilter.iptables.get().is_some_and(|text| {
        text.lines().any(|line| line.contains("MASQUERADE") && line.contains("--random-fully"))
    });
    if version >= (5, 7) || mended || !random {
        return;
    }
    let told = Told {
        subject: vtep.name().to_owned(),
        summary: format!(
            "kernel {} and rules that masquerade --random-fully",
            node.snapshot.kernel
        ),
        why: "packets into the overlay may have wrong checksums: connections are delayed by up to 63 s",
        fix: format!("ethtool -K {} tx-checksum-ip-generic off, or a newer kernel", vtep.name()),
    };
    let code = Code::ChecksumOffload;
    report.add(Severity::Warning, code, node.snapshot, Stage::Sysctl, told);
}
