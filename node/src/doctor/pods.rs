//! Pods: the wires to them, and whether somebody listens where services lead.

use std::net::SocketAddr;

use ipvs::{Destination, ForwardingMethod, ServiceKey};

use super::cluster::Node;
use super::finding::{Report, Severity, Told};
use crate::{Code, Link, Part, Pod, Snapshot, Stage};

pub(super) fn examine(node: &Node<'_>, report: &mut Report) {
    let pods = match &node.snapshot.pods {
        Part::Read(pods) => pods,
        Part::Unknown(reason) => {
            return report.doubt(node.snapshot, Stage::Socket, "pods", reason);
        }
    };
    for pod in pods {
        wires(node.snapshot, pod, report);
    }
    let Some(balancer) = node.snapshot.balancer.get() else { return };
    for table in &balancer.services {
        let key = table.service.service.key;
        let ServiceKey::Address { protocol, address: virtual_address } = key else { continue };
        let Ok(protocol) = u8::try_from(protocol.0) else { continue };
        for entry in &table.destinations {
            let Destination { address, method, .. } = entry.destination;
            let Some(pod) = node.snapshot.pod_with(address.ip()) else { continue };
            // Only masquerading changes where a packet goes; otherwise the pod has to have the
            // service's own address.
            if method == ForwardingMethod::MASQUERADE {
                socket(node.snapshot, pod, protocol, address, report);
            } else if pod.network.owns(virtual_address.ip()) {
                socket(node.snapshot, pod, protocol, virtual_address, report);
            } else {
                stranger(node.snapshot, pod, virtual_address, report);
            }
        }
    }
}

/// The wires of the node that lead to the pod.
fn wires(snapshot: &Snapshot, pod: &Pod, report: &mut Report) {
    let Some(id) = pod.namespace else { return };
    let leads_there =
        |link: &&Link| link.kind() == Some("veth") && link.base.link_namespace == Some(id);
    for wire in snapshot.network.links.iter().filter(leads_there) {
        let state = if !wire.is_up() {
            "is down"
        } else if wire.carrier == Some(false) {
            "has no carrier: its end in the pod is down"
        } else if wire.port.is_some_and(|port| !port.is_forwarding()) {
            "does not forward"
        } else {
            continue;
        };
        let name = wire.name();
        let told = Told {
            subject: pod.name.clone(),
            summary: format!("{name}, the link to pod {}, {state}", pod.name),
            why: "nothing reaches the pod, and what is sent to it times out",
            fix: format!("ip link set {name} up, and the pod's end too"),
        };
        report.add(Severity::Error, Code::PodLinkDown, snapshot, Stage::Socket, told);
    }
}

/// A pod that gets a service's packets as they are, and does not have its address.
fn stranger(snapshot: &Snapshot, pod: &Pod, address: SocketAddr, report: &mut Report) {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let told = Told {
        subject: pod.name.clone(),
        summary: format!("pod {} does not have {}, whose packets it gets", pod.name, address.ip()),
        why: "without masquerading a packet keeps the service's address, which the pod takes for another's",
        fix: format!("ip address add {}/{bits} dev lo, in the pod", address.ip()),
    };
    let (severity, code) = (Severity::Error, Code::ServiceAddressMissing);
    report.add(severity, code, snapshot, Stage::Socket, told);
}

/// Whether somebody listens where a service leads.
fn socket(snapshot: &Snapshot, pod: &Pod, protocol: u8, address: SocketAddr, report: &mut Report) {
    let listeners = match &pod.network.listeners {
        Part::Read(listeners) => listeners,
        Part::Unknown(reason) => {
            let subject = format!("listeners of pod {}", pod.name);
            return report.doubt(snapshot, Stage::Socket, &subject, reason);
        }
    };
    // Sockets of other protocols are not in the lists that were read.
    let listed = protocol == 6 || protocol == 17;
    if !listed || listeners.iter().any(|listener| listener.takes(protocol, address)) {
        return;
    }
    let told = Told {
        subject: pod.name.clone(),
        summary: format!("nothing in pod {} listens at {address}, where a service leads", pod.name),
        why: "the pod refuses its share of the connections",
        fix: "start the program, or mend the service's target port".to_owned(),
    };
    report.add(Severity::Error, Code::NotListening, snapshot, Stage::Socket, told);
}
