//! The doctor in the lab: silent where all is well, and right about each fault.

use std::process::ExitCode;

use node::{Code, Finding, Severity, Snapshot, Stage, doctor};
use testbed::harness::{Case, Context, Need, Outcome};
use testbed::lab::{Fault, Lab, Variant};

#[path = "support/snapshots.rs"]
mod snapshots;

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "doctor_is_silent_where_all_is_well", needs: &[Need::Ipvs], run: silent },
        Case { name: "doctor_names_the_fault", needs: &[Need::Ipvs], run: names_faults },
        Case {
            name: "doctor_names_the_fault_of_iptables",
            needs: &[Need::Ipvs, Need::Nat],
            run: names_faults_of_iptables,
        },
    ])
}

/// What is found. A lab without NAT lacks what kube-proxy's rules do there, which is a finding of its
/// own and true.
fn found(lab: &Lab, nodes: &[Snapshot]) -> Vec<Finding> {
    let mut findings = doctor(nodes).findings;
    findings.retain(|one| lab.masquerades() || one.code != Code::MasqueradeMissing);
    findings
}

/// A line each.
fn told(findings: &[Finding]) -> Vec<String> {
    let line = |one: &Finding| format!("{} {} {} {}", one.node, one.stage, one.code, one.summary);
    findings.iter().map(line).collect()
}

fn silent(ctx: &Context) -> Outcome {
    for variant in Variant::ALL {
        let lab = Lab::build(variant)?;
        lab.send_traffic()?;
        let nodes = snapshots::of(&lab)?;
        ctx.equal(&format!("{variant}: all nodes"), &Vec::new(), &told(&found(&lab, &nodes)));
        for node in &nodes {
            let alone = told(&found(&lab, std::slice::from_ref(node)));
            ctx.equal(&format!("{variant}: {} alone", node.name), &Vec::new(), &alone);
        }
    }
    Ok(())
}

/// What the doctor has to say of a fault: node, stage and code. `None` is a fault that shows in no
/// node's state.
fn expected(fault: &str, masquerades: bool) -> Option<(u8, Stage, Code)> {
    Some(match fault {
        "service-address-missing" => (120, Stage::Service, Code::ServiceAddressMissing),
        "service-no-destinations" => (121, Stage::Destination, Code::ServiceNoDestinations),
        "weights-zero" => (120, Stage::Destination, Code::WeightsZero),
        "destination-leftover" => (120, Stage::Destination, Code::DestinationLeftover),
        "dr-accept-local-off" => (120, Stage::Sysctl, Code::AcceptLocalOff),
        "dr-address-missing" => (120, Stage::Socket, Code::ServiceAddressMissing),
        "masquerade-missing" => (120, Stage::Nat, Code::MasqueradeMissing),
        "vs-conntrack-off" => (120, Stage::Nat, Code::IpvsConntrackOff),
        "conntrack-full" => (120, Stage::Conntrack, Code::ConntrackFull),
        "timeouts-short" => (120, Stage::Sysctl, Code::IpvsTimeoutKeepalive),
        "conn-reuse-off" => (120, Stage::Sysctl, Code::ConnReuseMode),
        "route-missing" => (120, Stage::Route, Code::RouteMissing),
        "route-blackhole" => (120, Stage::Route, Code::RouteReject),
        // The wrong gateway is none on the overlay.
        "route-wrong-dev" | "route-wrong-gateway" => (120, Stage::Route, Code::RouteWrongDevice),
        "return-route-missing" => (121, Stage::Route, Code::RouteMissing),
        "neigh-missing" => (120, Stage::Neighbour, Code::NeighbourMissing),
        "neigh-failed" => (120, Stage::Neighbour, Code::NeighbourFailed),
        "neigh-wrong-mac" => (120, Stage::Neighbour, Code::NeighbourWrongMac),
        "fdb-missing" => (120, Stage::Fdb, Code::FdbMissing),
        "fdb-wrong-dst" => (120, Stage::Fdb, Code::FdbWrongRemote),
        "fdb-local-dst" => (120, Stage::Fdb, Code::FdbLoop),
        "fdb-duplicate" => (120, Stage::Fdb, Code::FdbDuplicate),
        "vtep-mac-changed" => (120, Stage::Vtep, Code::VtepMacChanged),
        "vni-mismatch" => (120, Stage::Vtep, Code::VniMismatch),
        "port-mismatch" => (120, Stage::Vtep, Code::PortMismatch),
        "learning-on" => (120, Stage::Vtep, Code::VtepLearning),
        "local-address-wrong" => (120, Stage::Vtep, Code::VtepLocalAddress),
        "vtep-down" => (120, Stage::Vtep, Code::VtepDown),
        "vtep-bounced" => (120, Stage::Vtep, Code::VtepEmptied),
        "vtep-missing" => (120, Stage::Vtep, Code::VtepMissing),
        "vtep-port-taken" => (120, Stage::Vtep, Code::VtepPortShared),
        "underlay-down" | "underlay-cut" => (121, Stage::Underlay, Code::UnderlayDown),
        "mtu-mismatch" => (120, Stage::Mtu, Code::MtuOverlay),
        "udp-blocked" => (121, Stage::Netfilter, Code::TunnelFiltered),
        "forward-drop" => (121, Stage::Netfilter, Code::ForwardDrop),
        "ip-forward-off" => (121, Stage::Sysctl, Code::ForwardingOff),
        "rp-filter-strict" => (121, Stage::Sysctl, Code::RpFilterStrict),
        "bridge-nf-off" => (121, Stage::Sysctl, Code::BridgeNetfilterOff),
        "pod-down" => (120, Stage::Socket, Code::PodLinkDown),
        "pod-not-listening" => (120, Stage::Socket, Code::NotListening),
        "udp-stale" if masquerades => (120, Stage::Conntrack, Code::FlowStale),
        // Without NAT no flow is tracked, and what lets IPVS keep its own is left to be found.
        "udp-stale" => (120, Stage::Sysctl, Code::ExpireNodestConnOff),
        _ => return None,
    })
}

fn names_faults(ctx: &Context) -> Outcome {
    each_fault(ctx, |fault| !fault.needs_iptables())
}

fn names_faults_of_iptables(ctx: &Context) -> Outcome {
    each_fault(ctx, Fault::needs_iptables)
}

/// Every fault in the first variant that it can be made in.
fn each_fault(ctx: &Context, chosen: impl Fn(&Fault) -> bool) -> Outcome {
    for fault in Fault::all().iter().filter(|fault| chosen(fault)) {
        let Some(variant) = fault.variant() else { continue };
        let mut lab = Lab::build(variant)?;
        lab.send_traffic()?;
        lab.inject(fault)?;
        let nodes = snapshots::of(&lab)?;
        let findings = found(&lab, &nodes);
        let text = told(&findings).join("\n    ");
        let name = format!("{}:\n    {text}\n  ", fault.name);
        if let Some((node, stage, code)) = expected(fault.name, lab.masquerades()) {
            let node = format!("node{node}");
            let found = findings
                .iter()
                .any(|one| one.node == node && (one.stage, one.code) == (stage, code));
            ctx.check(&format!("{name}{stage} {code}"), found);
        } else {
            // What no state shows must not be told as another fault. Where something was flooded
            // meanwhile, the neighbour that does not answer is what the fault did.
            let is_its_own = |one: &Finding| {
                fault.name == "fdb-flood" && one.code == Code::UnderlayNeighbourFailed
            };
            let alarming =
                findings.iter().any(|one| one.severity > Severity::Info && !is_its_own(one));
            ctx.check(&format!("{name}nothing"), !alarming);
        }
    }
    Ok(())
}
