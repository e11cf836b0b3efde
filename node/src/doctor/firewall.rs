//! Netfilter's rules: what they drop, and what they have to translate.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipvs::{Family, ForwardingMethod, ServiceKey};

use super::cluster::{Node, Vtep};
use super::finding::{Report, Severity, Told};
use crate::netfilter::{Change, Firewall, Hook, Packet, Passage, Verdict};
use crate::{Code, Query, Stage};

/// A port that clients may come from.
const CLIENT: u16 = 40_000;

/// A port of the answer's side where none is known.
const ANY: u16 = 80;

pub(super) fn examine(node: &Node<'_>, report: &mut Report) {
    let mut rules = Rules { node, firewalls: BTreeMap::new() };
    for vtep in node.vteps.iter().filter(|vtep| vtep.link.is_up() && !vtep.is_external()) {
        rules.tunnel(vtep, report);
        rules.forwarded(vtep, report);
    }
    rules.services(report);
}

/// The rules of a node, of each family that something is asked of.
struct Rules<'c, 'a> {
    node: &'c Node<'a>,
    firewalls: BTreeMap<Family, Firewall>,
}

impl Rules<'_, '_> {
    fn pass(&mut self, hook: Hook, packet: &Packet, report: &mut Report) -> Passage {
        let node = self.node;
        let family = Family::of(packet.destination);
        let firewall = self.firewalls.entry(family).or_insert_with(|| {
            let firewall = Firewall::new(&node.snapshot.netfilter, family);
            for gap in firewall.gaps() {
                report.doubt(node.snapshot, Stage::Netfilter, "netfilter's rules", gap);
            }
            firewall
        });
        firewall.pass(hook, packet, &node.router)
    }

    /// Tells of a packet that does not pass; answers whether it does.
    fn expect(
        &mut self,
        (hook, packet): (Hook, &Packet),
        (code, what): (Code, &str),
        report: &mut Report,
    ) -> bool {
        let passage = self.pass(hook, packet, report);
        let rule = passage.rule().map_or_else(|| "a rule".to_owned(), ToString::to_string);
        match passage.verdict() {
            Verdict::Accept => true,
            Verdict::Unknown => {
                let reason = format!("it depends on {rule}");
                report.doubt(self.node.snapshot, Stage::Netfilter, what, &reason);
                false
            }
            Verdict::Drop | Verdict::Reject => {
                let told = Told {
                    subject: hook.chain().to_owned(),
                    summary: format!("{what}: dropped by {rule}"),
                    why: "the packets end here, and whoever sent them waits",
                    fix: "take the rule away, or put one before it that accepts them".to_owned(),
                };
                report.add(Severity::Error, code, self.node.snapshot, Stage::Netfilter, told);
                false
            }
        }
    }

    /// The overlay's own packets, in and out.
    fn tunnel(&mut self, vtep: &Vtep<'_>, report: &mut Report) {
        let network = self.node.network();
        let (Some(local), Some(port)) = (vtep.settings.local, vtep.settings.port) else { return };
        let Some(own) = network.address(local) else { return };
        let link = network.link_name(own.link);
        let remotes = vtep.entries.iter().filter_map(|entry| entry.remote.address);
        let Some(remote) = remotes.into_iter().find(|remote| !network.owns(*remote)) else {
            return;
        };
        let name = vtep.name();
        let sent =
            |from, to| Packet { tcp_flags: 0, ..Packet::first(17, (from, CLIENT), (to, port)) };
        let arriving = sent(remote, local).coming_in(link.clone());
        let what = format!("packets of {name} that {remote} sends");
        for hook in [Hook::Prerouting, Hook::Input] {
            if !self.expect((hook, &arriving), (Code::TunnelFiltered, &what), report) {
                break;
            }
        }
        let leaving = sent(local, remote).going_out(link);
        let what = format!("packets of {name} to {remote}");
        for hook in [Hook::Output, Hook::Postrouting] {
            if !self.expect((hook, &leaving), (Code::TunnelFiltered, &what), report) {
                break;
            }
        }
    }

    /// What comes over the overlay for a pod here, and what a pod sends over it.
    fn forwarded(&mut self, vtep: &Vtep<'_>, report: &mut Report) {
        let network = self.node.network();
        let mut routes = vtep.routes.iter().map(|(route, _)| route.destination);
        let Some(theirs) = routes.next() else { return };
        let family = Family::of(theirs.address());
        let Some((pod, port, wire)) = self.pod(family) else { return };
        let (far, name) = (theirs.address(), vtep.name().to_owned());
        let wire = network.link_name(wire);
        let inwards = Packet::first(6, (far, CLIENT), (pod, port));
        let inwards = inwards.coming_in(name.clone()).going_out(wire.clone());
        let what = format!("packets from {theirs} to the pod {pod}");
        let inside = self.expect((Hook::Forward, &inwards), (Code::ForwardDrop, &what), report);
        let outwards = Packet::first(6, (pod, CLIENT), (far, ANY));
        let outwards = outwards.coming_in(wire).going_out(name);
        let what = format!("packets from the pod {pod} to {theirs}");
        if inside {
            self.expect((Hook::Forward, &outwards), (Code::ForwardDrop, &what), report);
        }
    }

    /// A pod of this node that a service leads to, or any: its address, port and link.
    fn pod(&self, family: Family) -> Option<(IpAddr, u16, u32)> {
        let snapshot = self.node.snapshot;
        let services = snapshot.balancer.get().map(|balancer| &balancer.services);
        let destinations = services.into_iter().flatten().flat_map(|table| &table.destinations);
        let served = destinations.map(|entry| entry.destination.address);
        let pods = snapshot.pods.get().into_iter().flatten();
        let others = pods.flat_map(|pod| &pod.network.addresses).map(|one| one.address);
        let candidates = served.map(|at| (at.ip(), at.port())).chain(others.map(|at| (at, ANY)));
        candidates.filter(|(address, _)| Family::of(*address) == family).find_map(
            |(address, port)| {
                let decision = self.node.router.route(&Query::to(address));
                let way =
                    decision.way().filter(|way| way.gateway.is_none() && !decision.is_local())?;
                let here = self.node.vteps.iter().all(|vtep| vtep.link.index() != way.link);
                here.then_some((address, port, way.link))
            },
        )
    }

    /// Requests of the node itself to its services: they come from the service's own address.
    fn services(&mut self, report: &mut Report) {
        let Some(balancer) = self.node.snapshot.balancer.get() else { return };
        // What keeps IPVS from netfilter is another finding.
        if balancer.sysctls.conntrack == Some(0) {
            return;
        }
        for table in &balancer.services {
            let ServiceKey::Address { protocol, address } = table.service.service.key else {
                continue;
            };
            let Ok(protocol) = u8::try_from(protocol.0) else { continue };
            let far =
                table.destinations.iter().map(|entry| entry.destination).find(|destination| {
                    destination.method == ForwardingMethod::MASQUERADE
                        && self.node.vteps.iter().any(|vtep| {
                            let decision =
                                self.node.router.route(&Query::to(destination.address.ip()));
                            decision.leads_through(vtep.link.index())
                        })
                });
            let Some(far) = far else { continue };
            let own = self.node.router.route(&Query::to(address.ip()));
            // Only a source that is the service's address leads the answer astray.
            if !own.is_local() || own.way().and_then(|way| way.source) != Some(address.ip()) {
                continue;
            }
            let virtual_address = (address.ip(), address.port());
            let first = Packet::first(protocol, (address.ip(), CLIENT), virtual_address);
            let subject = table.service.service.key.to_string();
            self.translated(&first, (far.address.ip(), far.address.port()), &subject, report);
        }
    }

    /// Whether the source of a request is translated on its way to a destination.
    fn translated(
        &mut self,
        first: &Packet,
        to: (IpAddr, u16),
        subject: &str,
        report: &mut Report,
    ) {
        let output = self.pass(Hook::Output, &first.clone().going_out("lo"), report);
        let decision = self.node.router.route(&Query::to(to.0).from(first.source));
        let Some(way) = decision.ways.first() else { return };
        let link = self.node.network().link_name(way.link);
        let doubt = "what the node asks its services";
        let Some(sent) = output.packet() else {
            let reason = output.rule().map_or_else(String::new, ToString::to_string);
            return report.doubt(self.node.snapshot, Stage::Nat, doubt, &reason);
        };
        let led = Packet {
            destination: to.0,
            destination_port: to.1,
            output: Some(link.clone()),
            gateway: way.gateway,
            ..sent.clone()
        };
        let passage = self.pass(Hook::Postrouting, &led, report);
        let changes = passage.accepted().flat_map(|ending| &ending.actions);
        let mut sources = changes.filter(|action| {
            matches!(action.change, Change::Masquerade { .. } | Change::SourceNat { .. })
        });
        if sources.next().is_some() {
            return;
        }
        // Rules that cannot be read may do it all the same.
        if passage.verdict() == Verdict::Unknown || !passage.gaps.is_empty() {
            let reason = passage.gaps.join("; ");
            return report.doubt(self.node.snapshot, Stage::Nat, doubt, &reason);
        }
        let told = Told {
            subject: subject.to_owned(),
            summary: format!(
                "what the node itself asks {subject} goes to {} over {link} with the source {}, the \
                 service's own",
                to.0, first.source
            ),
            why: "the other node has that address too, and keeps the answer",
            fix: "restart kube-proxy, whose rules masquerade what is marked 0x4000".to_owned(),
        };
        let code = Code::MasqueradeMissing;
        report.add(Severity::Error, code, self.node.snapshot, Stage::Nat, told);
    }
}
