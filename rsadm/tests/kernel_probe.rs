//! Probes in the lab: one real attempt, and what the kernel is said to have done with it.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use node::Snapshot;
use serde_json::Value;
use testbed::harness::{Case, Context, Failure, Need, Outcome};
use testbed::lab::{Fault, Lab, Source, Variant};

#[path = "support/snapshots.rs"]
mod snapshots;

type Result<T> = std::result::Result<T, Failure>;

/// Does not fit the switch's port of the fault `mtu-underlay`, and every link of the lab otherwise.
const LARGE: &str = "1350";

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "probe_tells_destination_and_nat", needs: &[Need::Ipvs], run: healthy },
        Case { name: "probe_tells_where_it_stopped", needs: &[Need::Ipvs], run: silent },
        Case { name: "probe_tells_who_refuses", needs: &[Need::Ipvs], run: refused },
        Case { name: "probe_finds_a_hole_in_the_mtu", needs: &[Need::Ipvs], run: large },
    ])
}

/// A lab, and files of what its nodes were like when all was well.
struct Probes {
    lab: Lab,
    folder: tempfile::TempDir,
    nodes: Vec<Snapshot>,
}

/// What a run said as JSON, and its exit status.
struct Probed {
    status: i32,
    verdict: Value,
    probe: Value,
}

impl Probes {
    fn new(variant: Variant) -> Result<Self> {
        let lab = Lab::build(variant)?;
        lab.send_traffic()?;
        let nodes = snapshots::of(&lab)?;
        let folder = tempfile::tempdir()?;
        for node in &nodes {
            node.save(folder.path().join(format!("{}.json.gz", node.name)))?;
        }
        Ok(Self { lab, folder, nodes })
    }

    /// What the command line has besides.
    fn arguments(&self, source: Source) -> Vec<String> {
        let mut words = vec!["trace".to_owned(), self.lab.service(), "--probe".to_owned()];
        let from = match source {
            Source::Node => self.lab.node_asks_from(),
            Source::Client => Some(self.lab.client().address()),
        };
        words.extend(from.map(|from| format!("--from={from}")));
        for node in &self.nodes {
            let file = self.folder.path().join(format!("{}.json.gz", node.name));
            words.push(format!("--snapshot={}", file.display()));
        }
        words
    }

    /// Probes the service once.
    fn once(&self, ctx: &Context, source: Source, more: &[&str]) -> Result<Probed> {
        let rsadm = env!("CARGO_BIN_EXE_rsadm");
        let mut command = match source {
            Source::Node => self.lab.nodes()[0].command(rsadm),
            Source::Client => self.lab.client().command(rsadm),
        };
        let run =
            ctx.capture(command.args(self.arguments(source)).args(["-o", "json"]).args(more))?;
        let Ok(mut value) = serde_json::from_slice::<Value>(&run.stdout) else {
            return ctx.fail(format!("{}: {}{}", run.command, run.out(), run.err()));
        };
        let (verdict, probe) = (value["verdict"].take(), value["probe"].take());
        Ok(Probed { status: run.code(), verdict, probe })
    }

    /// Probes until every backend has been picked: round robin asks each one once.
    fn all(&self, ctx: &Context, more: &[&str]) -> Result<Vec<(IpAddr, Probed)>> {
        let mut all = Vec::new();
        for _ in self.lab.backends() {
            let probed = self.once(ctx, Source::Node, more)?;
            let picked = probed.probe["destination"].as_str().unwrap_or_default();
            match picked.parse::<SocketAddr>() {
                Ok(picked) => all.push((picked.ip(), probed)),
                Err(_) => return ctx.fail(format!("no destination was told: {}", probed.probe)),
            }
        }
        let picked = all.iter().map(|(address, _)| *address).collect();
        ctx.equal("each was picked", &self.lab.backends(), &picked);
        Ok(all)
    }

    fn is_remote(&self, address: IpAddr) -> bool {
        self.lab.nodes()[0].pods().iter().all(|pod| pod.address() != address)
    }
}

fn healthy(ctx: &Context) -> Outcome {
    for variant in [Variant::Vxlan, Variant::Ipv6, Variant::Direct, Variant::Udp] {
        let probes = Probes::new(variant)?;
        for (picked, probed) in probes.all(ctx, &[])? {
            let name = format!("{variant} {picked}: {}", probed.probe);
            ctx.equal(&name, &0, &probed.status);
            ctx.equal(&name, &Value::from("answered"), &probed.probe["result"]);
            ctx.check(&name, probed.probe["stopped"].is_null());
            if probes.lab.masquerades() {
                flow_is_told(ctx, &name, &probes, picked, &probed.probe);
            }
        }
        // The client's own tables have neither service nor flow.
        let probed = probes.once(ctx, Source::Client, &[])?;
        let name = format!("{variant} from the client: {}", probed.probe);
        ctx.equal(&name, &0, &probed.status);
        ctx.equal(&name, &Value::from("answered"), &probed.probe["result"]);
        ctx.check(&name, probed.probe["destination"].is_null());
    }
    Ok(())
}

/// The NAT that was made, and that an answer came.
fn flow_is_told(ctx: &Context, name: &str, probes: &Probes, picked: IpAddr, probe: &Value) {
    let flow = &probe["flow"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (original, reply) = (text(&flow["original"]), text(&flow["reply"]));
    ctx.check(name, original.ends_with(&format!(" -> {}", text(&probe["to"]))));
    ctx.check(name, reply.contains(&format!(" {} -> ", text(&probe["destination"]))));
    if probes.is_remote(picked) {
        let node = &probes.lab.nodes()[0];
        let became = match probes.lab.variant() {
            Variant::Direct => node.address(),
            _ => node.overlay_address(),
        };
        let port = reply.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let became = SocketAddr::new(became, port.unwrap_or(0));
        ctx.check(name, reply.ends_with(&format!(" -> {became}")));
    }
    ctx.equal(name, &Value::from(true), &flow["answered"]);
    let events = flow["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let begun = events.first().and_then(Value::as_str).is_some_and(|word| word.starts_with("new"));
    ctx.check(name, begun);
}

/// What is lost without a word: where counters stopped.
fn silent(ctx: &Context) -> Outcome {
    for (variant, fault, device, how) in [
        (Variant::Vxlan, "fdb-missing", "flannel.1", " dropped what it was to send: "),
        (Variant::Vxlan, "vni-mismatch", "flannel.1", " packets and received none: "),
        // Broadcasts may come in meanwhile.
        (Variant::Direct, "underlay-neigh-wrong-mac", "eth0", " packets and received "),
        (Variant::Udp, "fdb-missing", "flannel.1", " dropped what it was to send: "),
        (Variant::Udp, "port-mismatch", "flannel.1", " packets and received none: "),
    ] {
        let mut probes = Probes::new(variant)?;
        probes.lab.inject(Fault::find(fault)?)?;
        for (picked, probed) in probes.all(ctx, &[])? {
            let name = format!("{fault} {picked}: {}", probed.probe);
            if !probes.is_remote(picked) {
                ctx.equal(&name, &Value::from("answered"), &probed.probe["result"]);
                continue;
            }
            ctx.equal(&name, &3, &probed.status);
            ctx.equal(&name, &Value::from("silent"), &probed.probe["result"]);
            // The patience of two seconds, to the end.
            ctx.check(&name, probed.probe["milliseconds"].as_u64() >= Some(2000));
            let stopped = probed.probe["stopped"].as_str().unwrap_or_default();
            ctx.check(&name, stopped.starts_with(&format!("{device} ")) && stopped.contains(how));
            if probes.lab.masquerades() {
                ctx.equal(&name, &Value::from(false), &probed.probe["flow"]["answered"]);
            }
        }
    }
    Ok(())
}

fn refused(ctx: &Context) -> Outcome {
    let mut probes = Probes::new(Variant::Vxlan)?;
    probes.lab.inject(Fault::find("pod-not-listening")?)?;
    let dead = probes.lab.nodes()[0].pods()[0].address();
    for (picked, probed) in probes.all(ctx, &[])? {
        let name = format!("{picked}: {}", probed.probe);
        let (status, result) = if picked == dead { (3, "refused") } else { (0, "answered") };
        ctx.equal(&name, &status, &probed.status);
        ctx.equal(&name, &Value::from(result), &probed.probe["result"]);
        if probes.lab.masquerades() {
            // A flow that was refused is gone from the table; its events told of it.
            let reply = probed.probe["flow"]["reply"].as_str().unwrap_or_default();
            ctx.check(&name, reply.contains(&format!(" {} -> ", SocketAddr::new(picked, 80))));
        }
    }
    Ok(())
}

/// No node's state shows what the switch between them drops.
fn large(ctx: &Context) -> Outcome {
    for variant in [Variant::Vxlan, Variant::Ipv6, Variant::Direct, Variant::Udp] {
        let mut probes = Probes::new(variant)?;
        for (picked, probed) in probes.all(ctx, &["--size", LARGE])? {
            let name = format!("{variant} {picked}, before: {}", probed.probe);
            ctx.equal(&name, &0, &probed.status);
            let acknowledged = &probed.probe["payload"]["acknowledged"];
            ctx.equal(&name, &Value::from(true), acknowledged);
        }
        probes.lab.inject(Fault::find("mtu-underlay")?)?;
        for (picked, probed) in probes.all(ctx, &["--size", LARGE])? {
            let name = format!("{variant} {picked}: {}", probed.probe);
            ctx.equal(&name, &Value::from("delivered"), &probed.verdict);
            let lost = probes.is_remote(picked);
            ctx.equal(&name, &if lost { 3 } else { 0 }, &probed.status);
            let (result, acknowledged) = match (lost, variant) {
                (false, _) => ("answered", Value::from(true)),
                (true, Variant::Udp) => ("silent", Value::Null),
                (true, _) => ("answered", Value::from(false)),
            };
            ctx.equal(&name, &Value::from(result), &probed.probe["result"]);
            ctx.equal(&name, &acknowledged, &probed.probe["payload"]["acknowledged"]);
        }
        // What is small arrives all the same.
        for (picked, probed) in probes.all(ctx, &[])? {
            ctx.equal(&format!("{variant} {picked}, small"), &0, &probed.status);
        }
        remark_is_made(ctx, &probes, variant)?;
    }
    Ok(())
}

/// For eyes: the verdict of the tables, and that the probe knows better.
fn remark_is_made(ctx: &Context, probes: &Probes, variant: Variant) -> Outcome {
    let mut remarks = 0;
    for _ in probes.lab.backends() {
        let mut command = probes.lab.nodes()[0].command(env!("CARGO_BIN_EXE_rsadm"));
        command.args(probes.arguments(Source::Node)).args(["--size", LARGE, "--patience", "1"]);
        let run = ctx.capture(&mut command)?;
        if run.code() != 0 {
            let last =
                "and yet the probe was lost: what loses it shows in no table of these nodes\n";
            ctx.check(&format!("{variant}: {}", run.out()), run.out().ends_with(last));
            remarks += 1;
        }
    }
    ctx.equal(&format!("{variant}: remarks"), &1, &remarks);
    Ok(())
}
