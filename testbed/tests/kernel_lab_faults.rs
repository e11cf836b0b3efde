//! The lab's variants work, what passes is read field by field, and its faults do to traffic what
//! their list says.

use std::{fs, net::IpAddr, process::ExitCode, sync::Mutex, thread};

use testbed::{
    Error, Result,
    harness::{Case, Context, Need, Outcome},
    lab::{Asked, Effect, Fault, Frame, LARGE, Lab, Node, Probe, Source, Variant},
};

/// Most faults are waited for, so that a few labs side by side take hardly longer than one.
const SIDE_BY_SIDE: usize = 3;

/// How often a probe that is not as expected is made again.
const RETRIES: usize = 2;

const SOURCES: [Source; 2] = [Source::Node, Source::Client];

/// TCP's flags of the first packet, and of the first answer.
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "lab_variants_work", needs: &[Need::Ipvs], run: variants_work },
        Case { name: "lab_capture_reads_the_wire", needs: &[Need::Ipvs], run: capture_reads },
        Case { name: "lab_faults_do_what_they_say", needs: &[Need::Ipvs], run: faults },
        Case {
            name: "lab_faults_of_iptables_do_what_they_say",
            needs: &[Need::Ipvs, Need::Nat],
            run: faults_of_iptables,
        },
    ])
}

/// Every backend answers to everybody, and nothing is left of the lab.
fn variants_work(ctx: &Context) -> Outcome {
    for variant in Variant::ALL {
        let lab = Lab::build(variant)?;
        lab.send_traffic()?;
        for filler in [0, LARGE] {
            let all = Probe { answered: lab.backends(), ..Probe::default() };
            let probes = probe_until(&lab, filler, &[all.clone(), all])?;
            for (source, probe) in SOURCES.iter().zip(probes) {
                let name = format!("{variant}, {source:?}, {filler} bytes more: {probe}");
                ctx.equal(&name, &lab.backends(), &probe.answered);
            }
        }
        drop(lab);
        ctx.equal("namespaces that are left", &0, &fs::read_dir("/run/netns")?.count());
    }
    Ok(())
}

/// The client's first packets to the first node's pods, and the answers to them.
fn capture_reads(ctx: &Context) -> Outcome {
    for variant in Variant::ALL {
        let lab = Lab::build(variant)?;
        let [first, second] = [&lab.nodes()[0], &lab.nodes()[1]];
        let (probe, frames) = lab.capture(first, || lab.probe(Source::Client))?;
        ctx.equal(&format!("{variant}: {probe}"), &lab.backends(), &probe.answered);
        let inside: Vec<&Frame> =
            frames.iter().filter_map(|frame| carried(variant, frame)).collect();
        let client = lab.client().address();
        let service: IpAddr = if variant == Variant::Ipv6 {
            "fd00:10:243:21::14".parse()?
        } else {
            "10.243.21.14".parse()?
        };
        for pod in first.pods() {
            // Nothing is changed on the way where routing is direct.
            let (pod, port) = match variant {
                Variant::Dr => (service, 8880),
                Variant::Udp => (pod.address(), 53),
                _ => (pod.address(), 80),
            };
            let (syn, syn_ack) = match variant {
                Variant::Udp => (None, None),
                _ => (Some(SYN), Some(SYN_ACK)),
            };
            let times = if variant == Variant::Dr { first.pods().len() } else { 1 };
            let asked = inside.iter().filter(|frame| is(frame, client, pod, syn));
            let ports: Vec<_> = asked.filter_map(|frame| frame.transport).collect();
            ctx.equal(&format!("{variant}: requests to {pod}"), &times, &ports.len());
            ctx.check("their port", ports.iter().all(|ports| ports.destination == port));
            let answers = inside.iter().filter(|frame| is(frame, pod, client, syn_ack));
            let answers: Vec<_> = answers.filter_map(|frame| frame.transport).collect();
            ctx.equal(&format!("{variant}: answers from {pod}"), &times, &answers.len());
            for answer in answers {
                let back = ports.iter().any(|ports| {
                    (ports.destination, ports.source) == (answer.source, answer.destination)
                });
                ctx.check("it answers one of the requests", back);
            }
        }
        for frame in frames.iter().filter(|frame| carried(variant, frame).is_some()) {
            let (from, to) = if frame.source.to_string() == second.mac() {
                (second, first)
            } else {
                (first, second)
            };
            check_outer(ctx, variant, frame, from, to);
        }
    }
    Ok(())
}

/// The packet of the service that a frame carries, in the overlay where there is one.
fn carried(variant: Variant, frame: &Frame) -> Option<&Frame> {
    let carried = if variant == Variant::Direct { Some(frame) } else { frame.inner() };
    carried.filter(|frame| frame.transport.is_some())
}

fn is(frame: &Frame, from: IpAddr, to: IpAddr, flags: Option<u8>) -> bool {
    frame.ip.is_some_and(|ip| (ip.source, ip.destination) == (from, to))
        && frame.transport.is_some_and(|transport| transport.flags == flags)
}

/// What the nodes put around it, or on it.
fn check_outer(ctx: &Context, variant: Variant, frame: &Frame, from: &Node, to: &Node) {
    let name = |what: &str| format!("{variant}: {what} of {frame:?}");
    let macs = (frame.source.to_string(), frame.destination.to_string());
    ctx.equal(&name("addresses"), &(from.mac().into(), to.mac().into()), &macs);
    let Some(vxlan) = &frame.vxlan else {
        return ctx.check(&name("no VXLAN"), variant == Variant::Direct);
    };
    let ip = frame.ip.map(|ip| (ip.source, ip.destination, ip.protocol, ip.length + 14));
    ctx.equal(&name("IP"), &Some((from.address(), to.address(), 17, frame.length)), &ip);
    ctx.equal(&name("port"), &Some(8472), &frame.transport.map(|ports| ports.destination));
    ctx.equal(&name("VNI"), &1, &vxlan.vni);
    let macs = (vxlan.inner.source.to_string(), vxlan.inner.destination.to_string());
    let expected = (from.overlay_mac().to_owned(), to.overlay_mac().to_owned());
    ctx.equal(&name("inner addresses"), &expected, &macs);
}

fn faults(ctx: &Context) -> Outcome {
    check_faults(ctx, |fault| !fault.needs_iptables())
}

fn faults_of_iptables(ctx: &Context) -> Outcome {
    check_faults(ctx, Fault::needs_iptables)
}

/// What a fault did: what was asked, what was expected, what became of it.
type Seen = (String, Probe, Probe);

/// Each fault in a lab of its own.
fn check_faults(ctx: &Context, wanted: impl Fn(&Fault) -> bool) -> Outcome {
    let wanted: Vec<_> = Fault::all().iter().filter(|fault| wanted(fault)).collect();
    let waiting = Mutex::new(wanted.into_iter());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    let work = || -> Result<Vec<Seen>> {
        Context::isolate()?;
        let mut seen = Vec::new();
        while let Some(fault) = next() {
            let told = |error| Error::new(format!("{}: {error}", fault.name));
            seen.extend(check_fault(fault).map_err(told)?);
        }
        Ok(seen)
    };
    let seen = thread::scope(|scope| {
        let workers: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(work)).collect();
        let joined = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err(Error::new("a worker died"))));
        joined.collect::<Result<Vec<_>>>()
    })?;
    for (what, expected, got) in seen.into_iter().flatten() {
        ctx.equal(&format!("{what}: {got}"), &expected, &got);
    }
    Ok(())
}

fn check_fault(fault: &Fault) -> Result<Vec<Seen>> {
    let variant = fault.variant().ok_or_else(|| Error::new("no variant has it"))?;
    let mut lab = Lab::build(variant)?;
    let flows = match fault.effect {
        Effect::BreaksFlows(_) => Some(lab.open_flows(Source::Node)?),
        _ => None,
    };
    // Neighbours are known, as on any node that has been up for a while.
    lab.send_traffic()?;
    lab.inject(fault)?;
    let mut seen = Vec::new();
    let mut sizes = vec![(Asked::Small, 0)];
    if matches!(fault.effect, Effect::LosesLarge(_) | Effect::Fragments) {
        sizes.push((Asked::Large, LARGE));
    }
    for (asked, filler) in sizes {
        let expected = SOURCES.map(|source| fault.effect.expected(&lab, source, asked));
        let (probes, frames) =
            lab.capture(&lab.nodes()[0], || probe_until(&lab, filler, &expected))?;
        for ((source, probe), expected) in SOURCES.iter().zip(probes).zip(expected) {
            seen.push((format!("{}, {source:?}, {asked:?}", fault.name), expected, probe));
        }
        let fragments = asked == Asked::Large && fault.effect == Effect::Fragments;
        let is_fragment = |frame: &Frame| frame.ip.is_some_and(|ip| ip.is_fragment);
        if fragments != frames.iter().any(is_fragment) {
            return Err(Error::new(format!("fragments: expected {fragments}, got {frames:?}")));
        }
    }
    if let Some(flows) = flows {
        let expected = fault.effect.expected(&lab, Source::Node, Asked::ByOldFlows);
        seen.push((format!("{}, by old flows", fault.name), expected, flows.ask()?));
    }
    Ok(seen)
}

/// Asks again where it is not as expected: a busy machine may take more than a probe's second to
/// answer, but what is lost stays lost.
fn probe_until(lab: &Lab, filler: usize, expected: &[Probe; 2]) -> Result<[Probe; 2]> {
    let mut probes = lab.probe_both(filler)?;
    for _ in 0..RETRIES {
        if probes != *expected {
            probes = lab.probe_both(filler)?;
        }
    }
    Ok(probes)
}
