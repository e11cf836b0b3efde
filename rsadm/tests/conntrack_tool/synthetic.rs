//! What no kernel of today shows, or not without hardware: both programs hear of it from somebody
//! who tells of flows in the kernel's place. Of expectations conntrack hears from the kernel alone.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rsadm_netlink::Message;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};
use testbed::harness::{Context, Outcome};

use crate::events::{PATIENCE, compare, is_waiting};
use crate::pair::{Pair, Result};

/// How many messages are told before what was told is read.
const AT_ONCE: usize = 40;

/// What happened.
#[derive(Clone, Copy, Debug)]
enum Kind {
    New,
    Update,
    Destroy,
}

/// A message as the kernel would send it, and the netlink port of who is said to have caused it.
struct Told {
    kind: Kind,
    port: u32,
    message: Message,
}

impl Told {
    fn new(kind: Kind, message: Message) -> Self {
        Self { kind, port: 0, message }
    }

    /// The bytes. Without `NLM_F_REQUEST`: the kernel, which hears it as well, passes over it.
    fn bytes(&self) -> Vec<u8> {
        const CREATE_NEW: u16 = 0x600;
        let (number, flags): (u16, u16) = match self.kind {
            Kind::New => (0x100, CREATE_NEW),
            Kind::Update => (0x100, 0),
            Kind::Destroy => (0x102, 0),
        };
        let payload = self.message.payload();
        let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(self.port.to_ne_bytes());
        bytes.extend(payload);
        bytes
    }

    /// Tells whoever listens to it.
    fn tell(&self, socket: &OwnedFd) -> Result<()> {
        let group = match self.kind {
            Kind::New => 0,
            Kind::Update => 1,
            Kind::Destroy => 2,
        };
        let everybody = SocketAddrNetlink::new(0, 1 << group);
        sendto(socket, &self.bytes(), SendFlags::empty(), &everybody)?;
        Ok(())
    }
}

fn tell(all: &[Told]) -> Result<()> {
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, Some(NETFILTER))?;
    for part in all.chunks(AT_ONCE) {
        part.iter().try_for_each(|told| told.tell(&socket))?;
        let end = Instant::now() + PATIENCE;
        while is_waiting()? && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// What tells flows between the same hosts apart.
#[derive(Clone, Copy, Debug)]
enum Layer4 {
    None,
    Ports,
    Icmp(u16, [u8; 2]),
}

impl Layer4 {
    fn of(protocol: u8) -> Self {
        match protocol {
            1 => Self::Icmp(4, [8, 0]),
            58 => Self::Icmp(7, [128, 0]),
            6 | 17 | 33 | 47 | 132 | 136 => Self::Ports,
            _ => Self::None,
        }
    }
}

fn tuple(message: &mut Message, family: u8, protocol: u8, ends: [u8; 2], ports: [u16; 2]) {
    message.nest(1, |addresses| {
        let (first, length) = if family == 2 { (1, 4) } else { (3, 16) };
        for (kind, end) in (first..).zip(ends) {
            let mut address = vec![0; length];
            (address[0], address[length - 1]) = (if family == 2 { 10 } else { 0xfd }, end);
            addresses.put(kind, &address);
        }
    });
    message.nest(2, |layer4| {
        layer4.put_u8(1, protocol);
        match Layer4::of(protocol) {
            Layer4::None => {}
            Layer4::Ports => {
                layer4.put_be16(2, ports[0]).put_be16(3, ports[1]);
            }
            Layer4::Icmp(first, [kind, code]) => {
                layer4.put_be16(first, ports[0]).put_u8(first + 1, kind).put_u8(first + 2, code);
            }
        }
    });
}

/// A flow of a protocol between two hosts, and what more is told of it.
fn flow_of(family: u8, protocol: u8, more: impl FnOnce(&mut Message)) -> Message {
    let mut message = Message::new(0, 0);
    message.header(&[family, 0, 0, 0]);
    message.nest(1, |original| tuple(original, family, protocol, [1, 2], [1000, 80]));
    message.nest(2, |reply| tuple(reply, family, protocol, [2, 1], [80, 1000]));
    more(&mut message);
    message
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const SCTP: u8 = 132;

/// Bits of the status.
const REPLIED: u32 = 1 << 1;
const ASSURED: u32 = 1 << 2;
const CONFIRMED: u32 = 1 << 3;
const OFFLOAD: u32 = 1 << 14;
const HW_OFFLOAD: u32 = 1 << 15;

/// A flow of UDP with a status, a timeout and a mark, as all have them.
fn plain(more: impl FnOnce(&mut Message)) -> Message {
    flow_of(2, UDP, |flow| {
        flow.put_be32(3, CONFIRMED | REPLIED).put_be32(7, 60).put_be32(8, 0);
        more(flow);
    })
}

/// Protocols and families.
fn protocols(all: &mut Vec<Told>) {
    for protocol in [0, 1, 2, TCP, UDP, DCCP, 41, 47, 50, 58, SCTP, 136, 255] {
        for family in [2, 10] {
            for kind in [Kind::New, Kind::Update, Kind::Destroy] {
                let message = flow_of(family, protocol, |flow| {
                    flow.put_be32(3, CONFIRMED).put_be32(7, 60).put_be32(8, 7).put_be32(12, 77);
                });
                all.push(Told::new(kind, message));
            }
        }
    }
}

/// States of every protocol.
fn states(all: &mut Vec<Told>, states: &[u8]) {
    for (protocol, nest) in [(TCP, 1), (DCCP, 2), (SCTP, 3)] {
        for &state in states {
            for role in [None, Some(0), Some(1)] {
                if role.is_some() && protocol != DCCP {
                    continue;
                }
                let message = flow_of(2, protocol, |flow| {
                    flow.put_be32(3, CONFIRMED | REPLIED | ASSURED).put_be32(7, 60);
                    flow.nest(4, |info| {
                        info.nest(nest, |info| {
                            info.put_u8(1, state);
                            if protocol == SCTP {
                                info.put_be32(2, 1).put_be32(3, u32::MAX);
                            }
                            if let Some(role) = role {
                                info.put_u8(2, role);
                            }
                        });
                    });
                });
                all.push(Told::new(Kind::Update, message));
            }
        }
    }
}

/// Statuses: what a flow table or hardware forwards has no timeout and no state.
fn statuses(all: &mut Vec<Told>) {
    let forwarded = CONFIRMED | REPLIED | ASSURED;
    for status in (0..32).map(|bit| 1 << bit).chain([
        0,
        forwarded,
        forwarded | OFFLOAD,
        forwarded | HW_OFFLOAD,
        forwarded | OFFLOAD | HW_OFFLOAD,
        OFFLOAD,
        HW_OFFLOAD,
        u32::MAX,
    ]) {
        for timeout in [None, Some(60)] {
            let message = flow_of(2, TCP, |flow| {
                flow.put_be32(3, status);
                if let Some(timeout) = timeout {
                    flow.put_be32(7, timeout);
                }
            });
            all.push(Told::new(Kind::Update, message));
        }
    }
}

fn security(flow: &mut Message) {
    flow.put_be32(17, 3).nest(19, |context| {
        context.put_str(1, "system_u:object_r:unlabeled_t:s0-s0:c0.c1023");
    });
}

fn counters(flow: &mut Message) {
    for (kind, packets, bytes) in [(9, 5_u64, 269_u64), (10, 0, u64::MAX)] {
        flow.nest(kind, |counters| {
            counters.put(1, &packets.to_be_bytes()).put(2, &bytes.to_be_bytes());
        });
    }
}

fn times(flow: &mut Message) {
    flow.nest(20, |times| {
        let (start, stop) = (1_500_000_000_u64, 3_400_000_000_u64);
        times.put(1, &start.to_be_bytes()).put(2, &stop.to_be_bytes());
    });
}

fn zone_of_one_direction(kind: u16, family: u8) -> Message {
    let mut message = Message::new(0, 0);
    message.header(&[family, 0, 0, 0]);
    for (nest, ends, ports) in [(1, [1, 2], [1000, 80]), (2, [2, 1], [80, 1000])] {
        message.nest(nest, |it| {
            tuple(it, family, UDP, ends, ports);
            if nest == kind {
                it.put_be16(3, 9);
            }
        });
    }
    message.put_be32(3, CONFIRMED).put_be32(7, 60);
    message
}

/// All that a flow may have besides.
fn extras(all: &mut Vec<Told>) {
    let mut update = |message| all.push(Told::new(Kind::Update, message));
    update(plain(security));
    update(plain(counters));
    update(plain(times));
    for zone in [0, 1, u16::MAX] {
        update(plain(|flow| _ = flow.put_be16(18, zone)));
    }
    for direction in [1, 2] {
        for family in [2, 10] {
            update(zone_of_one_direction(direction, family));
        }
    }
    for mark in [0, 7, u32::MAX] {
        update(flow_of(10, TCP, |flow| _ = flow.put_be32(3, CONFIRMED).put_be32(8, mark)));
    }
    for helper in ["ftp", "fifteen-letters"] {
        update(plain(|flow| {
            flow.nest(5, |help| _ = help.put_str(1, helper));
        }));
    }
    update(plain(|flow| _ = flow.put_be32(11, 5).put_be32(12, u32::MAX)));
    update(plain(|flow| {
        flow.nest(14, |master| tuple(master, 2, TCP, [3, 4], [5, 21]));
    }));
    update(plain(|flow| {
        for kind in [15, 16] {
            flow.nest(kind, |adjustment| {
                adjustment.put_be32(1, 1).put_be32(2, 2).put_be32(3, u32::MAX);
            });
        }
        flow.nest(24, |proxy| _ = proxy.put_be32(1, 1).put_be32(2, 2).put_be32(3, 3));
    }));
    update(plain(|flow| _ = flow.put(22, &[0xff; 16])));
    // From a kernel to come.
    update(plain(|flow| {
        flow.put_be32(200, 1).nest(201, |more| _ = more.put_u8(1, 1));
    }));
    update(plain(|flow| {
        security(flow);
        flow.put_be32(12, 99).put_be32(11, 3);
        counters(flow);
        times(flow);
        flow.nest(5, |help| _ = help.put_str(1, "tftp"));
        flow.put_be16(18, 5).put(22, &[1; 16]);
    }));
    for kind in [Kind::New, Kind::Update, Kind::Destroy] {
        all.push(Told { kind, port: u32::MAX, message: plain(|_| {}) });
        all.push(Told::new(kind, plain(times)));
    }
}

/// A translated flow: what the reply says differs from the inversion of the original.
fn translations(all: &mut Vec<Told>) {
    const SOURCE: u32 = 1 << 4 | 1 << 7;
    const DESTINATION: u32 = 1 << 5 | 1 << 8;
    for bits in [0, SOURCE, DESTINATION, SOURCE | DESTINATION, 1 << 4, 1 << 8] {
        for (ends, ports) in [([2, 1], [80, 1000]), ([8, 9], [80, 1000]), ([8, 9], [8080, 77])] {
            for family in [2, 10] {
                let mut message = Message::new(0, 0);
                message.header(&[family, 0, 0, 0]);
                message.nest(1, |original| tuple(original, family, UDP, [1, 2], [1000, 80]));
                message.nest(2, |reply| tuple(reply, family, UDP, ends, ports));
                message.put_be32(3, CONFIRMED | REPLIED | bits).put_be32(7, 60);
                all.push(Told::new(Kind::New, message));
            }
        }
    }
}

pub(crate) fn flows(ctx: &Context) -> Outcome {
    let mut all = Vec::new();
    for add in [protocols, statuses, extras, translations] {
        add(&mut all);
    }
    // Beyond its lists, which heartbeats of SCTP are too, `-o save` of conntrack ends in a
    // segmentation fault.
    states(&mut all, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let known = all.len();
    states(&mut all, &[8, 9, 10, 11, 12, 13, 255]);
    let mut pair = Pair::new(ctx, "")?;
    for form in [
        "",
        "-o id",
        "-o extended,id,ktimestamp",
        "-o labels",
        "-o xml",
        "-o xml,extended,ktimestamp",
        "-o save",
    ] {
        let line = format!("-E {form}");
        let told = if form == "-o save" { &all[..known] } else { &all[..] };
        let (expected, _) = compare(&mut pair, &line, |_| tell(told))?;
        let frame = |line: &str| line.starts_with("<?xml") || line.ends_with("conntrack>");
        let lines = expected.lines().filter(|line| !frame(line)).count();
        ctx.equal(&format!("{line}: flows"), &told.len(), &lines);
    }
    for filter in ["-p dccp", "-p sctp --state ESTABLISHED", "-n", "-g", "-w 9", "-m 7", "-f ipv6"]
    {
        compare(&mut pair, &format!("-E {filter}"), |_| tell(&all))?;
    }
    Ok(())
}
