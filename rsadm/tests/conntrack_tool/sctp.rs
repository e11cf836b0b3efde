//! Associations of SCTP that both ends begin at once, told packet by packet: the router has to keep
//! the tags that the ends agree on.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;

use conntrack::{Filter, ProtocolState};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, ipproto, recv,
    send, socket_with,
};
use testbed::Context as _;
use testbed::harness::{Context, Outcome};
use testbed::namespace::Namespace;

use crate::events::compare;
use crate::pair::{Pair, Result};
use crate::router::Router;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 71, 1, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 71, 2, 2);
/// Both ends have the same, so that their associations are one.
const PORT: u16 = 9899;
/// How long a packet is waited for, and how long it is made sure that none comes.
const PATIENCE: Duration = Duration::from_millis(500);

/// The tags that the ends choose; the last is of an answer that the client gives late.
const OF_SERVER: u32 = 0x5e00_0001;
const OF_CLIENT: u32 = 0xc100_0001;
const LATE: u32 = 0xc100_0002;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// The chunk of a packet; of those that offer a tag, which one.
#[derive(Clone, Copy)]
enum Chunk {
    Data,
    Init(u32),
    InitAck(u32),
    CookieEcho,
    CookieAck,
}

use Chunk::{CookieAck, CookieEcho, Data, Init, InitAck};
use Side::{Client, Server};

/// A packet, the verification tag that it carries, and the state that its flow is in behind it;
/// none where the router takes it for invalid.
type Step = (Side, Chunk, u32, Option<&'static str>);

const CLOSED: Option<&str> = Some("CLOSED");
const WAIT: Option<&str> = Some("COOKIE_WAIT");
const ECHOED: Option<&str> = Some("COOKIE_ECHOED");
const UP: Option<&str> = Some("ESTABLISHED");

/// Their beginnings cross, and each answers the other's.
const CROSSED: &[Step] = &[
    (Server, Init(OF_SERVER), 0, CLOSED),
    (Client, Init(OF_CLIENT), 0, CLOSED),
    (Server, InitAck(OF_SERVER), OF_CLIENT, CLOSED),
    (Client, InitAck(OF_CLIENT), OF_SERVER, WAIT),
    (Server, CookieEcho, OF_CLIENT, ECHOED),
    (Client, CookieEcho, OF_SERVER, ECHOED),
    (Server, CookieAck, OF_CLIENT, UP),
    (Client, CookieAck, OF_SERVER, UP),
    (Server, Data, OF_CLIENT, UP),
    (Client, Data, OF_SERVER, UP),
];

/// The client has answered with another tag before it began by itself, and that answer comes when
/// the server has answered too. Without an answer to who began, the kernel's state stays.
const LATE_ANSWER: &[Step] = &[
    (Server, Init(OF_SERVER), 0, CLOSED),
    (Client, Init(OF_CLIENT), 0, CLOSED),
    (Server, InitAck(OF_SERVER), OF_CLIENT, CLOSED),
    (Client, InitAck(LATE), OF_SERVER, None),
    (Client, CookieEcho, OF_SERVER, CLOSED),
    (Server, CookieAck, OF_CLIENT, CLOSED),
    (Server, Data, OF_CLIENT, CLOSED),
    (Client, Data, OF_SERVER, CLOSED),
    (Server, Data, LATE, None),
];

/// The same, when the association is there already.
const TOO_LATE_ANSWER: &[Step] = &[
    (Server, Init(OF_SERVER), 0, CLOSED),
    (Client, Init(OF_CLIENT), 0, CLOSED),
    (Server, InitAck(OF_SERVER), OF_CLIENT, CLOSED),
    (Client, CookieEcho, OF_SERVER, CLOSED),
    (Server, CookieAck, OF_CLIENT, CLOSED),
    (Client, InitAck(LATE), OF_SERVER, None),
    (Server, Data, OF_CLIENT, CLOSED),
    (Client, Data, OF_SERVER, CLOSED),
];

pub(crate) fn collisions(ctx: &Context) -> Outcome {
    let mut router = Router::new(ctx)?;
    router.must("-A FORWARD -m conntrack --ctstate INVALID -j DROP")?;
    let client = open(&router.client, CLIENT, SERVER)?;
    let server = open(&router.server, SERVER, CLIENT)?;
    for (name, steps) in
        [("crossed", CROSSED), ("late answer", LATE_ANSWER), ("too late", TOO_LATE_ANSWER)]
    {
        let dropped = router.met("iptables", "-L FORWARD")?;
        compare(&mut router.pair, "-E -p sctp", |pair| {
            for (number, step) in steps.iter().enumerate() {
                pass(pair, name, number, *step, [&client, &server])?;
            }
            Ok(())
        })?;
        let invalid = steps.iter().filter(|step| step.3.is_none()).count() as u64;
        ctx.equal(name, &invalid, &(router.met("iptables", "-L FORWARD")? - dropped));
        let last = steps.iter().rev().find_map(|step| step.3).unwrap_or_default();
        let flows = router.listed(&format!("-L -p sctp --state {last}"))?;
        ctx.equal(&format!("one flow in {last}"), &1, &flows.len());
        let shown = format!(" {last} src={SERVER} dst={CLIENT} sport={PORT} dport={PORT} ");
        let is_assured = flows.concat().contains(" [ASSURED] ");
        ctx.equal("assured", &(last == "ESTABLISHED"), &is_assured);
        ctx.check(&format!("{shown}in {flows:?}"), flows.concat().contains(&shown));
        // conntrack shows the bytes of a tag the wrong way round.
        let tags = (OF_CLIENT.swap_bytes(), OF_SERVER.swap_bytes());
        let tags = format!(" --orig-vtag {} --reply-vtag {}", tags.0, tags.1);
        let saved = router.listed("-L -p sctp -o save")?.concat();
        ctx.check(&format!("{tags} in {saved}"), saved.contains(&tags));
        router.pair.compare_reading_lines(
            "-L\n-L -o extended\n-L -o xml\n-L -o save\n-L -p sctp --state ESTABLISHED\n\
             -L -p sctp --state CLOSED\n-L -u ASSURED\n-S\n-C",
        )?;
        ctx.equal("deleted", &1, &router.listed(&format!("-D -p sctp --state {last}"))?.len());
    }
    Ok(())
}

/// Sends the packet of a step, and looks whether it arrives and what the flow is then.
fn pass(
    pair: &mut Pair<'_>,
    name: &str,
    number: usize,
    step: Step,
    [client, server]: [&OwnedFd; 2],
) -> Result<()> {
    let name = format!("{name}, step {number}");
    let (side, chunk, tag, state) = step;
    let (from, to) = if side == Client { (client, server) } else { (server, client) };
    let sent = packet(tag, chunk);
    send(from, &sent, SendFlags::empty())?;
    let mut buffer = [0; 256];
    let arrived = match recv(to, buffer.as_mut_slice(), RecvFlags::empty()) {
        // Behind a header of IP without options.
        Ok((_, length)) => Some(&buffer[20..length]),
        Err(Errno::AGAIN) => None,
        Err(error) => return Err(error.into()),
    };
    pair.ctx.equal(&format!("{name}: arrived"), &state.map(|_| &*sent), &arrived);
    let flows = pair.client().flows(&Filter::new())?.to_vec()?;
    pair.ctx.equal(&format!("{name}: flows"), &1, &flows.len());
    let Some(ProtocolState::Sctp(sctp)) = flows.into_iter().next().and_then(|flow| flow.state)
    else {
        return pair.ctx.fail(format!("{name}: no state of SCTP"));
    };
    if state.is_some() {
        pair.ctx.equal(&format!("{name}: state"), &state, &sctp.state.name());
    }
    let tags = (sctp.verification_tag_original, sctp.verification_tag_reply);
    let own = if number == 0 { 0 } else { OF_CLIENT };
    pair.ctx.equal(&format!("{name}: tags"), &(Some(own), Some(OF_SERVER)), &tags);
    Ok(())
}

/// A socket of one end, which the kernel has no say in.
fn open(namespace: &Namespace, own: Ipv4Addr, other: Ipv4Addr) -> Result<OwnedFd> {
    let open = || {
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(ipproto::SCTP),
        )?;
        bind(&socket, &SocketAddrV4::new(own, 0))?;
        connect(&socket, &SocketAddrV4::new(other, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok::<_, Errno>(socket)
    };
    Ok(namespace.enter(|| open().context(|| "cannot open a socket of SCTP".into()))?)
}

/// A packet with one chunk, as RFC 9260 has it.
fn packet(tag: u32, chunk: Chunk) -> Vec<u8> {
    // The window, the streams out and in, and the first number that begin an association.
    let offer = |tag: u32| {
        [&tag.to_be_bytes()[..], &65_536_u32.to_be_bytes(), &[0, 1, 0, 1, 0, 0, 0, 1]].concat()
    };
    let cookie = [0, 7, 0, 8, 1, 2, 3, 4];
    let (kind, flags, value) = match chunk {
        // Whole, and with a number, a stream, a number in it, and what it is for.
        Data => (0, 3, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'd', b'a', b't', b'a'].to_vec()),
        Init(own) => (1, 0, offer(own)),
        InitAck(own) => (2, 0, [offer(own), cookie.to_vec()].concat()),
        CookieEcho => (10, 0, cookie[4..].to_vec()),
        CookieAck => (11, 0, Vec::new()),
    };
    let mut packet = [PORT.to_be_bytes(), PORT.to_be_bytes()].concat();
    packet.extend(tag.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend([kind, flags]);
    packet.extend((4 + value.len() as u16).to_be_bytes());
    packet.extend(value);
    let checksum = crc32c(&packet);
    packet[8..12].copy_from_slice(&checksum.to_le_bytes());
    packet
}

/// The checksum of SCTP, a bit at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    let next = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), next))
}
