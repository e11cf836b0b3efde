//! What rules make of a packet, compared with what the kernel makes of real ones.

#[path = "kernel_netfilter/random.rs"]
mod random;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use ipvs::Family;
use node::netfilter::{Packet, Passage, Verdict};
use node::{Collector, Firewall, Hook, Netfilter, Part, Router};
use testbed::harness::{Case, Context, Failure, Need, Outcome};
use testbed::process;
use testbed::random::Random;

use random::PORTS;

const RULESETS: u64 = 60;
const PACKETS: u32 = 30;
/// Packets of each end, so that none is foretold by a firewall that says the same of all.
const ENOUGH: u32 = 300;
const MOST_TRIES: u32 = 100;
/// What is delivered over the loopback device is there when the sending is over; this is for a machine
/// that is busy.
const WAIT: Duration = Duration::from_millis(3);

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "nftables_are_the_kernels", needs: &[], run: nftables },
        Case {
            name: "iptables_are_the_kernels",
            needs: &[Need::Nat, Need::Reference("ipset")],
            run: iptables,
        },
    ])
}

fn nftables(ctx: &Context) -> Outcome {
    if Command::new("nft").arg("--version").output().is_err() {
        return ctx.skip("there is no nft");
    }
    let chain = "table ip probe { chain input { type filter hook input priority 0; } }";
    if run(Command::new("nft").args(["-f", "-"]), chain).is_err() {
        return ctx.skip("this kernel has no nftables for IPv4");
    }
    run(Command::new("nft").args(["flush", "ruleset"]), "").map_err(Failure::Failed)?;
    rulesets(ctx, |random| {
        // Rules that contradict themselves nft refuses, and takes none of the set.
        let accepted = (0..MOST_TRIES)
            .any(|_| run(Command::new("nft").args(["-f", "-"]), &random::nftables(random)).is_ok());
        if !accepted {
            return Err("nft takes nothing".to_owned());
        }
        let listed = run(Command::new("nft").args(["-j", "list", "ruleset"]), "")?;
        Ok(Netfilter { nftables: Part::Read(listed), ..nothing() })
    })
}

fn iptables(ctx: &Context) -> Outcome {
    let program = |name: &str| ctx.reference(name).get_program().to_owned();
    let [restore, save, ipset] = ["iptables-restore", "iptables-save", "ipset"].map(program);
    rulesets(ctx, |random| {
        run(Command::new(&ipset).arg("restore"), random::SETS)?;
        // As with nft; a set that is taken replaces what is left of one that was not.
        let accepted = (0..MOST_TRIES)
            .any(|_| run(&mut Command::new(&restore), &random::iptables(random)).is_ok());
        if !accepted {
            return Err("iptables-restore takes nothing".to_owned());
        }
        let iptables = Part::Read(run(&mut Command::new(&save), "")?);
        let sets = Part::Read(run(Command::new(&ipset).arg("save"), "")?);
        Ok(Netfilter { iptables, sets, ..nothing() })
    })
}

fn nothing() -> Netfilter {
    let empty = || Part::Read(String::new());
    Netfilter { nftables: empty(), iptables: empty(), ip6tables: empty(), sets: empty() }
}

fn run(command: &mut Command, input: &str) -> Result<String, String> {
    let done = process::capture_with(command, input).and_then(process::Captured::success);
    done.map(|captured| captured.out()).map_err(|error| format!("{error}\n{input}"))
}

/// A packet, what came of it, and what was said.
struct Sent {
    name: String,
    arrived: Option<SocketAddr>,
    port: u16,
    said: Passage,
}

fn rulesets(
    ctx: &Context,
    load: impl Fn(&mut Random) -> Result<Netfilter, String> + Sync,
) -> Outcome {
    let chosen = std::env::var("RSADM_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = chosen.map_or(1..=RULESETS, |seed| seed..=seed);
    let (mut arrived, mut lost, mut changed) = (0, 0, 0);
    for seed in seeds {
        let namespace = ctx.namespace(&format!("r{seed}"))?;
        let load = &load;
        let sent =
            namespace.enter(move || Ok(one_ruleset(seed, load)))?.map_err(Failure::Failed)?;
        for Sent { name, arrived: at, port, said } in sent {
            let expected = at.map(|from| (from.ip(), port));
            // By chance it may be one of several.
            let possible: Vec<Option<(IpAddr, u16)>> = said
                .endings
                .iter()
                .map(|ending| match ending.verdict {
                    Verdict::Accept => Some((ending.packet.source, ending.packet.destination_port)),
                    _ => None,
                })
                .collect();
            let known = said.endings.iter().all(|ending| ending.verdict != Verdict::Unknown);
            let same = known && possible.contains(&expected);
            if same {
                ctx.check(&name, true);
            } else {
                ctx.equal(&format!("seed {seed}: {name} {said:?}"), &vec![expected], &possible);
            }
            changed += u32::from(said.endings.iter().any(|ending| !ending.actions.is_empty()));
            *(if expected.is_some() { &mut arrived } else { &mut lost }) += 1;
        }
    }
    ctx.check(
        &format!("{arrived} packets arrived, {lost} were lost, {changed} were changed"),
        chosen.is_some() || arrived.min(lost).min(changed) > ENOUGH,
    );
    Ok(())
}

fn one_ruleset(
    seed: u64,
    load: impl Fn(&mut Random) -> Result<Netfilter, String>,
) -> Result<Vec<Sent>, String> {
    let text = |error: std::io::Error| error.to_string();
    let random = &mut Random::new(seed);
    let netfilter = load(random)?;
    let snapshot = Collector::new().pods(false).connections(false).collect();
    let network = snapshot.map_err(|error| error.to_string())?.network;
    let router = Router::new(&network);
    let firewall = Firewall::new(&netfilter, Family::Ipv4);
    if !firewall.gaps().is_empty() {
        return Err(format!("seed {seed}: {:?}", firewall.gaps()));
    }
    let listen = |port: u16| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        socket.set_nonblocking(true)?;
        Ok((port, socket))
    };
    let listeners = PORTS.into_iter().map(listen).collect::<Result<Vec<_>, _>>().map_err(text)?;
    let mut sent = Vec::new();
    for _ in 0..PACKETS {
        let own = |random: &mut Random| Ipv4Addr::from([127, 0, 0, random.below(4) as u8 + 1]);
        let (from, to, port) = (own(random), own(random), random.pick(&PORTS));
        // Every packet is the first of its connection.
        let client = UdpSocket::bind((from, 0)).map_err(text)?;
        let source = client.local_addr().map_err(text)?;
        // Refusals come back as errors here.
        let _ = client.send_to(b"?", (to, port));
        let received = || {
            let mut buffer = [0; 8];
            listeners.iter().find_map(|(port, listener)| {
                listener.recv_from(&mut buffer).ok().map(|(_, from)| (*port, from))
            })
        };
        let got = received().or_else(|| {
            thread::sleep(WAIT);
            received()
        });
        let packet = Packet::first(17, (source.ip(), source.port()), (to.into(), port));
        sent.push(Sent {
            name: format!("{source} > {to}:{port}"),
            arrived: got.map(|(_, from)| from),
            port: got.map_or(0, |(port, _)| port),
            said: over_loopback(&firewall, &packet, &router),
        });
    }
    Ok(sent)
}

/// The way of a packet to this host itself: out and in again.
fn over_loopback(firewall: &Firewall, packet: &Packet, router: &Router<'_>) -> Passage {
    let hooks = [Hook::Output, Hook::Postrouting, Hook::Prerouting, Hook::Input];
    let mut said = Passage { endings: Vec::new(), gaps: Vec::new() };
    let first = packet.clone().going_out("lo");
    let mut under_way = vec![(0, first, Vec::new())];
    while let Some((step, packet, actions)) = under_way.pop() {
        for mut ending in firewall.pass(hooks[step], &packet, router).endings {
            ending.actions = [actions.clone(), ending.actions].concat();
            if ending.verdict != Verdict::Accept || step + 1 == hooks.len() {
                said.endings.push(ending);
                continue;
            }
            let mut next = ending.packet;
            if step == 1 {
                (next.input, next.output) = (Some("lo".to_owned()), None);
            }
            under_way.push((step + 1, next, ending.actions));
        }
    }
    said
}
