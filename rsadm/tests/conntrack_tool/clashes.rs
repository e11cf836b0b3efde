//! Packets of one flow that pass side by side before any of them has made it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rsadm_netlink::{Bus, Connection, Message, Options, Socket, now};
use serde_json::Value;
use testbed::harness::{Context, Outcome};

use crate::pair::{Result, Tool, split};
use crate::router::{PATIENCE, Router, udp};

/// How long it is made sure that nothing more arrives.
const SILENCE: Duration = Duration::from_millis(200);

/// Clients ask 10.71.8.8:53, which two servers stand behind; they are chosen in turn, for each
/// packet that begins a flow.
const SERVICE: &str = "10.71.8.8:53";
const BALANCED: &str = "
    -t nat -A PREROUTING -p udp -d 10.71.8.8 -m statistic --mode nth --every 2 --packet 0 -j DNAT --to 10.71.2.2:5301
    -t nat -A PREROUTING -p udp -d 10.71.8.8 -j DNAT --to 10.71.2.2:5302
    -t nat -A POSTROUTING -o toserver -j MASQUERADE";

/// A queue of netfilter that holds what its rules give it until it is let go.
struct Queue(Connection<Socket>);

impl Queue {
    const NUMBER: u16 = 7;

    /// Begins to hold; `None` where the kernel has no queues.
    fn open() -> Result<Option<Self>> {
        const CONFIGURE: u16 = 2;
        let Ok(socket) = Socket::open(Bus::Netfilter, &Options::default()) else { return Ok(None) };
        let mut queue = Self(Connection::new(socket));
        // The command is to bind; of a packet, no more than that it is there is to be told.
        if queue.ask(CONFIGURE, 1, &[1, 0, 0, 0]).is_err() {
            return Ok(None);
        }
        queue.ask(CONFIGURE, 2, &[0, 0, 0, 0, 1])?;
        Ok(Some(queue))
    }

    /// Waits until so many packets are held, and lets them go in their order.
    fn release(&mut self, ctx: &Context, packets: usize) -> Result<()> {
        const VERDICTS: u16 = 3;
        let end = Instant::now() + PATIENCE;
        while holding()?.0 < packets && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        let (count, last) = holding()?;
        ctx.equal("packets held", &packets, &count);
        let accept = [1_u32.to_be_bytes(), last.to_be_bytes()];
        self.ask(VERDICTS, 2, accept.as_flattened())
    }

    fn ask(&mut self, message: u16, attribute: u16, value: &[u8]) -> Result<()> {
        const SUBSYSTEM: u16 = 3 << 8;
        let [high, low] = Self::NUMBER.to_be_bytes();
        let mut message = Message::new(SUBSYSTEM | message, 0);
        message.header(&[0, 0, high, low]).put(attribute, value);
        Ok(now(self.0.request(&mut message, |_| Ok::<_, rsadm_netlink::Error>(())))?)
    }
}

/// How many packets the queue holds, and the number of the last that it was given.
fn holding() -> Result<(usize, u32)> {
    let queues = std::fs::read_to_string("/proc/net/netfilter/nfnetlink_queue")?;
    let columns: Vec<_> = queues.split_whitespace().collect();
    let [_, _, held, _, _, _, _, last, ..] = columns[..] else { return Ok((0, 0)) };
    Ok((held.parse()?, last.parse()?))
}

/// What the kernel has counted, over all processors: as `-S` of both programs and `stats` say.
fn counted(router: &Router<'_>) -> Result<BTreeMap<String, u64>> {
    router.pair.compare_reading_lines("-S")?;
    let classic = router.pair.run(Tool::Ours, &["-S"], b"")?.success()?.out();
    let mut sums = BTreeMap::new();
    for (name, value) in classic.split_whitespace().filter_map(|pair| pair.split_once('=')) {
        if name != "cpu" {
            *sums.entry(name.to_owned()).or_default() += value.parse::<u64>()?;
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsadm"));
    let stats = router.ctx().capture(command.args(split("conntrack stats -o json")))?.success()?;
    let processors: Vec<BTreeMap<String, Value>> = serde_json::from_slice(&stats.stdout)?;
    let mut ours = BTreeMap::new();
    for (name, value) in processors.into_iter().flatten().filter(|(name, _)| name != "cpu") {
        *ours.entry(name).or_default() += value.as_u64().unwrap_or_default();
    }
    router.ctx().equal("-S and stats", &sums, &ours);
    Ok(sums)
}

/// Answers every datagram that a server has got; how many there were.
fn answer_all(server: &UdpSocket) -> Result<usize> {
    server.set_read_timeout(Some(SILENCE))?;
    let mut count = 0;
    while let Ok((_, client)) = server.recv_from(&mut [0; 64]) {
        server.send_to(b"answer", client)?;
        count += 1;
    }
    Ok(count)
}

/// Where what a socket was sent came from, as often as it came.
fn senders(socket: &UdpSocket) -> Result<Vec<SocketAddr>> {
    socket.set_read_timeout(Some(SILENCE))?;
    Ok(std::iter::from_fn(|| socket.recv_from(&mut [0; 64]).ok()).map(|(_, from)| from).collect())
}

/// The two servers, and what balances between them.
fn balanced(router: &Router<'_>) -> Result<[UdpSocket; 2]> {
    router.must(BALANCED.trim())?;
    Ok([udp(&router.server, "10.71.2.2:5301")?, udp(&router.server, "10.71.2.2:5302")?])
}

/// Questions of one socket are held until all have passed the choice of a server, and none has made
/// the flow: the first makes it, and the others are let through, with their answers.
pub(crate) fn held(ctx: &Context) -> Outcome {
    const PACKETS: usize = 8;
    let router = Router::new(ctx)?;
    let Some(mut queue) = Queue::open()? else { return ctx.skip("this kernel has no queues") };
    let servers = balanced(&router)?;
    router.must("-t mangle -A FORWARD -i toclient -p udp -j NFQUEUE --queue-num 7")?;
    let client = udp(&router.client, "10.71.1.2:7000")?;
    client.connect(SERVICE)?;
    let before = counted(&router)?;
    for _ in 0..PACKETS {
        client.send(b"question")?;
    }
    ctx.equal("nothing is listed yet", &0, &router.listed("-L")?.len());
    queue.release(ctx, PACKETS)?;
    let arrived = [answer_all(&servers[0])?, answer_all(&servers[1])?];
    ctx.equal(&format!("arrived: {arrived:?}"), &PACKETS, &arrived.iter().sum());
    let service: SocketAddr = SERVICE.parse()?;
    ctx.equal("answers", &vec![service; PACKETS], &senders(&client)?);
    let after = counted(&router)?;
    let grown = |name| after[name] - before[name];
    // Older kernels give what a queue lets go to the flow that is there, before it can clash.
    let clashes = if arrived == [PACKETS, 0] { 0 } else { PACKETS as u64 - 1 };
    ctx.equal("clashes", &clashes, &grown("clash_resolve"));
    for name in ["drop", "insert_failed", "invalid"] {
        ctx.equal(name, &0, &grown(name));
    }
    let flows = router.listed("-L")?;
    ctx.equal("one flow", &1, &flows.len());
    let first = " sport=7000 dport=53 src=10.71.2.2 dst=10.71.2.1 sport=5301 dport=7000 ";
    ctx.check(&format!("{first}in {flows:?}"), flows.concat().contains(first));
    router.pair.compare_reading_lines(LOOKS)?;
    ctx.equal("deleted", &1, &router.listed("-D -p udp -g 10.71.2.2:5301")?.len());
    Ok(())
}

/// What both programs are asked when packets have clashed.
const LOOKS: &str = "-L\n-L -g\n-L -n\n-L -g 10.71.2.2:5302\n-L -d 10.71.8.8\n-L -o save\n-C\n-S";

/// Two threads at a time send from one socket. Whether their packets meet is chance: what the kernel
/// makes of them is not.
pub(crate) fn side_by_side(ctx: &Context) -> Outcome {
    const ROUNDS: u16 = 200;
    let rounds = usize::from(ROUNDS);
    let router = Router::new(ctx)?;
    let servers = balanced(&router)?;
    let before = counted(&router)?;
    let barrier = Barrier::new(2);
    let mut clients = Vec::new();
    for port in 20_000..20_000 + ROUNDS {
        let client = udp(&router.client, &format!("10.71.1.2:{port}"))?;
        client.connect(SERVICE)?;
        let ask = || {
            barrier.wait();
            client.send(b"question")
        };
        thread::scope(|scope| {
            let asked = [scope.spawn(ask), scope.spawn(ask)];
            asked.into_iter().all(|thread| matches!(thread.join(), Ok(Ok(_))))
        });
        clients.push(client);
    }
    let mut arrived = 0;
    for server in &servers {
        arrived += answer_all(server)?;
    }
    let after = counted(&router)?;
    let grown = |name| (after[name] - before[name]) as usize;
    println!("{} clashes", grown("clash_resolve"));
    ctx.equal("lost", &(2 * rounds - arrived), &(grown("drop") + grown("insert_failed")));
    ctx.equal("none is invalid", &0, &grown("invalid"));
    ctx.equal("flows", &rounds, &router.listed("-L -p udp -d 10.71.8.8")?.len());
    router.pair.compare_reading_lines(LOOKS)?;
    ctx.equal("deleted", &rounds, &router.listed("-D -p udp --dst-nat")?.len());
    Ok(())
}

/// Two sockets that send to each other at once make one flow; what translates sources does not take
/// its other direction for somebody else's port.
pub(crate) fn reverse(ctx: &Context) -> Outcome {
    let router = Router::new(ctx)?;
    let Some(mut queue) = Queue::open()? else { return ctx.skip("this kernel has no queues") };
    router.must(
        "-t nat -A POSTROUTING -o lo -p udp -j SNAT --to-source 127.0.0.1
         -t mangle -A OUTPUT -p udp --dport 7001:7002 -j NFQUEUE --queue-num 7",
    )?;
    let ends: [SocketAddr; 2] = ["127.0.0.1:7001".parse()?, "127.0.0.1:7002".parse()?];
    let [one, other] = [UdpSocket::bind(ends[0])?, UdpSocket::bind(ends[1])?];
    let before = counted(&router)?;
    for _ in 0..2 {
        one.send_to(b"there", ends[1])?;
        other.send_to(b"and back", ends[0])?;
        queue.release(ctx, 2)?;
        ctx.equal("to the one", &vec![ends[1]], &senders(&one)?);
        ctx.equal("to the other", &vec![ends[0]], &senders(&other)?);
    }
    let after = counted(&router)?;
    println!("{} clashes", after["clash_resolve"] - before["clash_resolve"]);
    let flows = router.listed("-L")?;
    ctx.equal("one flow", &1, &flows.len());
    let shown = " sport=7001 dport=7002 src=127.0.0.1 dst=127.0.0.1 sport=7002 dport=7001 ";
    ctx.check(&format!("{shown}in {flows:?}"), flows.concat().contains(shown));
    router.pair.compare_reading_lines("-L\n-L -n\n-L -j\n-L -u UNREPLIED\n-C\n-S")
}
