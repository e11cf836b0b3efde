//! Virtual services and their destinations.

use ipvs::{DestinationEntry, ServiceKey, ServiceTable};
use vxlan::State;

use super::cluster::Node;
use super::finding::{Report, Severity, Told};
use crate::{Code, Part, Stage};

pub(super) fn examine(node: &Node<'_>, report: &mut Report) {
    match &node.snapshot.balancer {
        Part::Read(balancer) => {
            for table in &balancer.services {
                Virtual { node, table }.examine(report);
            }
        }
        Part::Unknown(reason) => {
            report.doubt(node.snapshot, Stage::Service, "virtual services", reason);
        }
    }
}

/// A virtual service of a node.
struct Virtual<'c, 'a> {
    node: &'c Node<'a>,
    table: &'a ServiceTable,
}

impl Virtual<'_, '_> {
    fn key(&self) -> &ServiceKey {
        &self.table.service.service.key
    }

    fn add(
        &self,
        report: &mut Report,
        (severity, code, stage): (Severity, Code, Stage),
        summary: String,
        why: &'static str,
        fix: String,
    ) {
        let told = Told { subject: self.key().to_string(), summary, why, fix };
        report.add(severity, code, self.node.snapshot, stage, told);
    }

    fn examine(&self, report: &mut Report) {
        self.address(report);
        self.weights(report);
        for entry in &self.table.destinations {
            self.leftover(entry, report);
            self.reach(entry, report);
        }
    }

    /// Whether packets to the virtual address come to IPVS, which sees those for this host only.
    fn address(&self, report: &mut Report) {
        let ServiceKey::Address { address, .. } = *self.key() else { return };
        let of = (Severity::Error, Code::ServiceAddressMissing, Stage::Service);
        if self.node.network().owns(address.ip()) {
            return;
        }
        let bits = if address.is_ipv4() { 32 } else { 128 };
        self.add(
            report,
            of,
            format!("no link has {}, the address of {}", address.ip(), self.key()),
            "IPVS sees packets for addresses of the host only: these are routed on, past the service",
            format!("ip address add {}/{bits} dev kube-ipvs0", address.ip()),
        );
    }

    fn weights(&self, report: &mut Report) {
        let key = self.key();
        let destinations = &self.table.destinations;
        if destinations.is_empty() {
            return self.add(
                report,
                (Severity::Error, Code::ServiceNoDestinations, Stage::Destination),
                format!("{key} has no destination"),
                "connections to it are refused",
                "look for ready endpoints of the service: kubectl get endpointslices".to_owned(),
            );
        }
        if destinations.iter().all(|entry| entry.destination.weight == 0) {
            return self.add(
                report,
                (Severity::Error, Code::WeightsZero, Stage::Destination),
                format!("every destination of {key} has weight 0"),
                "a destination of weight 0 takes no new connections, so all are refused",
                format!("rsadm ipvs dest edit {key} DESTINATION --weight 1"),
            );
        }
        let open = |entry: &DestinationEntry| entry.destination.weight > 0 && !is_full(entry);
        if !destinations.iter().any(open) {
            self.add(
                report,
                (Severity::Error, Code::DestinationsOverloaded, Stage::Destination),
                format!("every destination of {key} has as many connections as it may"),
                "new connections are refused until some end",
                format!(
                    "rsadm ipvs dest edit {key} DESTINATION --u-threshold 0, or add destinations"
                ),
            );
        }
    }

    /// A destination that nobody took away after its connections ended.
    fn leftover(&self, entry: &DestinationEntry, report: &mut Report) {
        let busy = entry.active_connections + entry.inactive_connections > 0;
        let all = self.table.destinations.iter().all(|other| other.destination.weight == 0);
        if entry.destination.weight > 0 || busy || all {
            return;
        }
        let address = entry.destination.address;
        self.add(
            report,
            (Severity::Info, Code::DestinationLeftover, Stage::Destination),
            format!("{address} of {} has weight 0 and no connection", self.key()),
            "it takes part in nothing; a proxy that was restarted meanwhile forgets it",
            format!("rsadm ipvs dest delete {} {address}", self.key()),
        );
    }

    /// What can be told of a destination without sending anything.
    fn reach(&self, entry: &DestinationEntry, report: &mut Report) {
        let address = entry.destination.address.ip();
        let network = self.node.network();
        if network.owns(address) {
            return;
        }
        let failed = network.neighbours.iter().find(|neighbour| {
            neighbour.address == address && neighbour.state.contains(State::FAILED)
        });
        if let Some(neighbour) = failed {
            self.add(
                report,
                (Severity::Error, Code::DestinationUnreachable, Stage::Destination),
                format!(
                    "{} of {} does not answer on {}",
                    entry.destination.address,
                    self.key(),
                    network.link_name(neighbour.link)
                ),
                "its share of the connections times out",
                format!("rsadm ipvs dest delete {} {}", self.key(), entry.destination.address),
            );
        }
    }
}

/// Whether it takes no more connections.
fn is_full(entry: &DestinationEntry) -> bool {
    let limit = entry.destination.upper_threshold;
    limit > 0 && entry.active_connections + entry.inactive_connections >= limit
}
