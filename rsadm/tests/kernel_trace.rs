//! Traces of the lab: what they foretell is what is captured and tracked, and what they find broken
//! is what was broken.

use std::net::IpAddr;
use std::process::ExitCode;

use node::trace::{
    Direction, Frame, Options, Packet, Path, Source as From, State, Trace, Verdict, trace,
};
use node::{Code, Snapshot, Stage};
use testbed::harness::{Case, Context, Failure, Need, Outcome};
use testbed::lab::{self, Effect, Fault, How, Lab, Lost, Source, Variant};

#[path = "support/snapshots.rs"]
mod snapshots;

type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "trace_foretells_frames_and_flows", needs: &[Need::Ipvs], run: foretells },
        Case { name: "trace_names_the_fault", needs: &[Need::Ipvs], run: names_faults },
        Case {
            name: "trace_names_the_fault_of_iptables",
            needs: &[Need::Ipvs, Need::Nat],
            run: names_faults_of_iptables,
        },
    ])
}

fn traced(lab: &Lab, snapshots: &[Snapshot], source: Source) -> Result<Trace> {
    let source = match source {
        Source::Node => lab.node_asks_from().map_or(From::Node, From::Address),
        Source::Client => From::Address(lab.client().address()),
    };
    let options = Options { source, ..Options::default() };
    Ok(trace(snapshots, &lab.service().parse()?, &options)?)
}

fn steps(trace: &Trace) -> String {
    let of = |path: &node::trace::Path| {
        let lines = path.steps.iter().map(|step| {
            let (direction, node, stage, state) =
                (step.direction, &step.node, step.stage, step.state);
            format!("    {direction:?} {node} {stage} {state:?}: {}\n", step.summary)
        });
        let title = format!("  {} {}\n", path.destination, path.verdict);
        std::iter::once(title).chain(lines).collect::<Vec<_>>().concat()
    };
    trace.paths.iter().map(of).collect::<Vec<_>>().concat()
}

/// In every variant, from both sources: all is delivered without a warning, and as foretold.
fn foretells(ctx: &Context) -> Outcome {
    for variant in Variant::ALL {
        let lab = Lab::build(variant)?;
        for source in [Source::Node, Source::Client] {
            let name = format!("{variant} from {source:?}");
            let before = snapshots::of(&lab)?;
            let trace = traced(&lab, &before, source)?;
            let all_well = trace.verdict == Verdict::Delivered
                && trace.paths.iter().flat_map(|path| &path.steps).all(|s| s.state == State::Ok);
            ctx.check(&format!("{name}: all is well:\n{}", steps(&trace)), all_well);
            ctx.equal(&format!("{name}: paths"), &lab.backends().len(), &trace.paths.len());
            let asking = &lab.nodes()[usize::from(source == Source::Client)];
            let (probe, frames) = lab.capture(asking, || lab.probe(source))?;
            ctx.equal(&format!("{name}: {probe}"), &lab.backends(), &probe.answered);
            for path in &trace.paths {
                compare_frames(ctx, &name, path, &frames);
            }
            if lab.masquerades() {
                let after = snapshots::of(&lab)?;
                compare_flows(ctx, &name, &trace, &after)?;
            }
        }
    }
    Ok(())
}

/// Each frame that is foretold is among those that were captured, field by field.
fn compare_frames(ctx: &Context, name: &str, path: &Path, captured: &[lab::Frame]) {
    let foretold: Vec<_> =
        path.steps.iter().filter_map(|step| step.evidence.frame.as_ref()).collect();
    // The third node's frames are not on the asking node's link.
    for frame in foretold {
        let packet = frame.inner.as_ref().map_or(frame.packet, |inner| inner.packet);
        let like = captured
            .iter()
            .find(|captured| is_packet(&packet, captured.inner().unwrap_or(captured)));
        let Some(like) = like else {
            ctx.check(
                &format!("{name}: {packet} was not captured, of {}", path.destination),
                false,
            );
            continue;
        };
        compare_frame(ctx, &format!("{name}: {packet}"), frame, like);
    }
}

fn is_packet(packet: &Packet, frame: &lab::Frame) -> bool {
    let (Some(ip), Some(ports)) = (frame.ip, frame.transport) else { return false };
    let fits = |foretold: Option<u16>, port| foretold.is_none_or(|foretold| foretold == port);
    (ip.source, ip.destination) == (packet.source, packet.destination)
        && packet.protocol.is_some_and(|protocol| protocol.0 == u16::from(ip.protocol))
        && fits(packet.source_port, ports.source)
        && fits(packet.destination_port, ports.destination)
}

fn compare_frame(ctx: &Context, name: &str, foretold: &Frame, captured: &lab::Frame) {
    let mac = |mac: Option<vxlan::Mac>| mac.map(|mac| mac.to_string());
    let source = Some(captured.source.to_string());
    let destination = Some(captured.destination.to_string());
    ctx.equal(&format!("{name}: MAC it is from"), &source, &mac(foretold.source));
    ctx.equal(&format!("{name}: MAC it is for"), &destination, &mac(foretold.destination));
    ctx.check(&format!("{name}: its packet"), is_packet(&foretold.packet, captured));
    let vni = captured.vxlan.as_ref().map(|vxlan| vxlan.vni);
    ctx.equal(&format!("{name}: VNI"), &vni, &foretold.vni.map(vxlan::Vni::get));
    match (&foretold.inner, captured.inner()) {
        (Some(foretold), Some(captured)) => {
            compare_frame(ctx, &format!("{name}: inside"), foretold, captured);
        }
        (None, None) => {}
        (foretold, captured) => {
            ctx.check(&format!("{name}: a frame inside: {foretold:?} {captured:?}"), false);
        }
    }
}

/// The flow of each path is tracked as foretold: what was sent, and what is answered.
fn compare_flows(ctx: &Context, name: &str, trace: &Trace, nodes: &[Snapshot]) -> Result<()> {
    for path in &trace.paths {
        let mut translated = path
            .steps
            .iter()
            .filter(|step| step.direction == Direction::Forward && step.stage == Stage::Nat);
        let Some(step) = translated.next_back() else { continue };
        let Some(sent) = step.evidence.packet else { continue };
        let Some(node) = nodes.iter().find(|node| node.name == step.node) else { continue };
        let flows = node.tracking.get().and_then(|tracking| tracking.flows.get());
        let mut flows = flows.into_iter().flatten();
        let service: IpAddr = trace.target.parse::<node::trace::Target>()?.address();
        let flow = flows.find(|flow| {
            flow.original.destination == service
                && flow.reply.source == sent.destination
                && flow.reply.destination == sent.source
        });
        let Some(flow) = flow else {
            ctx.check(&format!("{name}: no flow of {sent}"), false);
            continue;
        };
        let port = flow.reply.source_port();
        ctx.equal(&format!("{name}: port of {}", path.destination), &sent.destination_port, &port);
        let first = path.steps.iter().rev().find_map(|step| step.evidence.packet);
        let asker = first.map(|packet| packet.destination);
        let source = Some(flow.original.source);
        ctx.equal(&format!("{name}: who asked {}", path.destination), &asker, &source);
    }
    Ok(())
}

/// Where a trace is to find a fault: the node's number, the stage, the word.
type At = (u8, Stage, Code);

/// What each fault looks like to the node and to the client; `None` where nothing breaks.
fn expected(fault: &str) -> [Option<At>; 2] {
    let node = |at: At| [Some(at), None];
    let client = |at: At| [None, Some(at)];
    let both = |at: At| [Some(at); 2];
    match fault {
        "service-missing" => node((120, Stage::Service, Code::ServiceMissing)),
        "service-address-missing" => node((120, Stage::Service, Code::ServiceAddressMissing)),
        "service-no-destinations" => client((121, Stage::Destination, Code::ServiceNoDestinations)),
        "weights-zero" => node((120, Stage::Destination, Code::WeightsZero)),
        "destination-unreachable" => node((120, Stage::Neighbour, Code::PodMissing)),
        "dr-address-missing" => both((120, Stage::Route, Code::ServiceAddressMissing)),
        "dr-accept-local-off" => both((120, Stage::Sysctl, Code::AcceptLocalOff)),
        "masquerade-missing" => node((120, Stage::Nat, Code::MasqueradeMissing)),
        "vs-conntrack-off" => node((120, Stage::Nat, Code::IpvsConntrackOff)),
        "conntrack-full" => both((120, Stage::Conntrack, Code::ConntrackFull)),
        "route-missing" => both((120, Stage::Route, Code::RouteMissing)),
        "route-blackhole" => both((120, Stage::Route, Code::RouteReject)),
        "route-wrong-dev" => both((120, Stage::Route, Code::RouteWrongDevice)),
        "return-route-missing" => both((121, Stage::Route, Code::RouteMissing)),
        "neigh-missing" => both((120, Stage::Neighbour, Code::NeighbourMissing)),
        "neigh-failed" => both((120, Stage::Neighbour, Code::NeighbourFailed)),
        "neigh-wrong-mac" => both((120, Stage::Neighbour, Code::NeighbourWrongMac)),
        "fdb-missing" => both((120, Stage::Fdb, Code::FdbMissing)),
        "fdb-wrong-dst" => both((120, Stage::Fdb, Code::FdbWrongRemote)),
        "fdb-local-dst" => both((120, Stage::Fdb, Code::FdbLoop)),
        "vtep-mac-changed" => both((121, Stage::Vtep, Code::VtepMacChanged)),
        "vni-mismatch" => [
            Some((121, Stage::Vtep, Code::VniMismatch)),
            Some((120, Stage::Vtep, Code::VniMismatch)),
        ],
        "port-mismatch" => [
            Some((121, Stage::Vtep, Code::PortMismatch)),
            Some((120, Stage::Vtep, Code::PortMismatch)),
        ],
        "local-address-wrong" => both((120, Stage::Vtep, Code::VtepLocalAddress)),
        "vtep-down" => both((120, Stage::Vtep, Code::VtepDown)),
        "vtep-bounced" => both((120, Stage::Route, Code::VtepEmptied)),
        "vtep-missing" => both((120, Stage::Vtep, Code::VtepMissing)),
        "vtep-port-taken" => both((120, Stage::Vtep, Code::VtepPortShared)),
        "underlay-down" | "underlay-cut" => both((121, Stage::Underlay, Code::UnderlayDown)),
        "underlay-neigh-wrong-mac" => both((120, Stage::Underlay, Code::NeighbourWrongMac)),
        "udp-blocked" => both((121, Stage::Netfilter, Code::TunnelFiltered)),
        "forward-drop" => both((121, Stage::Netfilter, Code::ForwardDrop)),
        "ip-forward-off" => both((121, Stage::Sysctl, Code::ForwardingOff)),
        "rp-filter-strict" => both((121, Stage::Sysctl, Code::RpFilterStrict)),
        "bridge-nf-off" => client((121, Stage::Sysctl, Code::BridgeNetfilterOff)),
        "pod-down" => both((120, Stage::Neighbour, Code::PodLinkDown)),
        "pod-route-missing" => client((120, Stage::Route, Code::RouteMissing)),
        "pod-not-listening" => both((120, Stage::Socket, Code::NotListening)),
        _ => [None, None],
    }
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
        let after = snapshots::of(&lab)?;
        // Without NAT the node asks from its bridge, and some faults are none to it.
        let sources = [Source::Node, Source::Client];
        for (source, at) in sources.into_iter().zip(expected(fault.name)) {
            let trace = traced(&lab, &after, source)?;
            let name = format!("{} from {source:?}:\n{}", fault.name, steps(&trace));
            let found = trace.broken_at.map(|found| (found.node, found.stage, found.code));
            let at = at.map(|(node, stage, code)| (format!("node{node}"), stage, code));
            ctx.equal(&name, &at, &found);
            check_losses(ctx, &name, &lab, fault, source, &trace.paths);
        }
    }
    Ok(())
}

/// The paths that are broken are those whose requests are lost.
fn check_losses(
    ctx: &Context,
    name: &str,
    lab: &Lab,
    fault: &Fault,
    source: Source,
    paths: &[Path],
) {
    let Effect::Breaks(losses) = fault.effect else { return };
    let loss = losses[source as usize];
    let silent = loss.how == How::TimesOut && matches!(loss.lost, Lost::Remote | Lost::Local);
    if !silent {
        return;
    }
    let expected = fault.effect.expected(lab, source, lab::Asked::Small).answered;
    let delivered = paths.iter().filter(|path| path.verdict == Verdict::Delivered);
    let delivered = delivered.filter_map(|path| {
        path.destination.parse::<std::net::SocketAddr>().ok().map(|address| address.ip())
    });
    ctx.equal(&format!("{name}destinations that answer"), &expected, &delivered.collect());
}
