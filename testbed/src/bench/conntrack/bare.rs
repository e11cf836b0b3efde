//! The least that the kernel has to be asked: bare sends and receives, nothing decoded or printed.

use std::{
    hint::black_box,
    net::Ipv4Addr,
    slice, thread,
    time::{Duration, Instant},
};

use conntrack::Flow;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rsadm_netlink::{Header, Message};

use super::{FLOWS, LOADED, deleted, events};
use crate::{
    Context, Error, Result,
    bench::socket::{ACK, Bare, DUMP, Request, WINDOW, windows},
};

/// How many flows are decoded over and over.
const DECODED: usize = 1000;

const NEW: u16 = 0x100;
const GET: u16 = 0x101;
const DELETE: u16 = 0x102;
const CREATE: u16 = 0x600;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Does one piece of work, and answers how long it took.
pub(in crate::bench) fn work(work: &str) -> Result<Duration> {
    let mut bare = Bare::connect(NETLINK_NETFILTER)?;
    match work.split_once('-') {
        None if work == "nothing" => Ok(Duration::ZERO),
        None if work == "list" => list(&mut bare),
        None if work == "decode" => decode(&mut bare),
        None if work == "listen" => events::listen(),
        None if work == "load" => create(&mut bare, 0..LOADED),
        Some(("delete", round)) => {
            let round = round.parse().map_err(|_| Error::new(format!("no round {round}")))?;
            delete(&mut bare, deleted(round))
        }
        _ => Err(Error::new(format!("no bare work {work}"))),
    }
}

/// The client of a flow: a thousand flows each.
pub(super) fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number / 1000)
}

/// The server of a flow: 250 of them.
pub(super) fn destination(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0af3_0000 + number % 250)
}

/// The client's port.
pub(super) fn port(number: u32) -> u16 {
    10_000 + (number % 1000) as u16
}

fn put_tuple(message: &mut Message, kind: u16, protocol: u8, from: Endpoint, to: Endpoint) {
    message.nest(kind, |tuple| {
        tuple.nest(1, |addresses| {
            addresses.put(1, &from.0.octets()).put(2, &to.0.octets());
        });
        tuple.nest(2, |layer4| {
            layer4.put_u8(1, protocol).put_be16(2, from.1).put_be16(3, to.1);
        });
    });
}

/// An address and a port.
pub(super) type Endpoint = (Ipv4Addr, u16);

/// `nfgenmsg` for IPv4.
fn message() -> Message {
    let mut message = Message::new(0, 0);
    message.header(&[2, 0, 0, 0]);
    message
}

/// A client with a flow of its own.
pub(super) fn sole(number: u32) -> Endpoint {
    (Ipv4Addr::from_bits(0x0a00_0000 + number), 10_000)
}

/// A request that makes a flow: three of four are UDP, the others established TCP.
fn flow(number: u32, client: Endpoint) -> Message {
    let mut message = message();
    let protocol = if number.is_multiple_of(4) { TCP } else { UDP };
    let server = (destination(number), if protocol == TCP { 80 } else { 53 });
    put_tuple(&mut message, 1, protocol, client, server);
    put_tuple(&mut message, 2, protocol, server, client);
    message.put_be32(3, 0b1110).put_be32(7, 36_000).put_be32(8, number % 16);
    if protocol == TCP {
        message.nest(4, |info| {
            info.nest(1, |tcp| {
                tcp.put_u8(1, 3);
            });
        });
    }
    message
}

/// One of a thousand flows of a client.
fn client(number: u32) -> Endpoint {
    (source(number), port(number))
}

/// Makes flows, in windows that were made before the clock starts.
pub(in crate::bench) fn create(bare: &mut Bare, numbers: std::ops::Range<u32>) -> Result<Duration> {
    create_from(bare, numbers, client)
}

/// The same from clients of its own choice.
pub(super) fn create_from(
    bare: &mut Bare,
    numbers: std::ops::Range<u32>,
    client: fn(u32) -> Endpoint,
) -> Result<Duration> {
    let messages: Vec<_> = numbers.map(|number| flow(number, client(number))).collect();
    let windows = windows(NEW, CREATE, &messages);
    let start = Instant::now();
    bare.send_windows(&windows)?;
    Ok(start.elapsed())
}

/// Makes flows at a rate, as far as the kernel makes them that fast.
pub(super) fn create_at(
    bare: &mut Bare,
    numbers: std::ops::Range<u32>,
    rate: f64,
) -> Result<Duration> {
    let messages: Vec<_> = numbers.map(|number| flow(number, client(number))).collect();
    let windows = windows(NEW, CREATE, &messages);
    let interval = Duration::from_secs_f64(f64::from(WINDOW) / rate);
    let start = Instant::now();
    for (window, number) in windows.iter().zip(0..) {
        let due = start + interval * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        bare.send_windows(slice::from_ref(window))?;
    }
    Ok(start.elapsed())
}

fn list(bare: &mut Bare) -> Result<Duration> {
    let start = Instant::now();
    bare.ask(&Request { kind: GET, flags: DUMP, message: &message() }, |_| ())?;
    Ok(start.elapsed())
}

/// Decodes as many flows as the table has: some of them over and over, which lie in the processor's
/// cache as those do that were just received.
fn decode(bare: &mut Bare) -> Result<Duration> {
    let mut some = Vec::new();
    bare.ask(&Request { kind: GET, flags: DUMP, message: &message() }, |flow| {
        if some.len() < DECODED {
            some.push(flow[Header::LENGTH..].to_vec());
        }
    })?;
    let start = Instant::now();
    for payload in some.iter().cycle().take(FLOWS as usize) {
        black_box(Flow::decode(black_box(payload)).context(|| "cannot decode a flow".into())?);
    }
    Ok(start.elapsed())
}

/// One request that deletes every flow to an address. The kernel's filter is `CTA_FILTER` with the
/// flag of the original destination, Linux 6.12.
fn delete(bare: &mut Bare, address: Ipv4Addr) -> Result<Duration> {
    let mut request = message();
    request.nest(1, |tuple| {
        tuple.nest(1, |addresses| {
            addresses.put(2, &address.octets());
        });
    });
    request.nest(25, |filter| {
        filter.put_u32(1, 2).put_u32(2, 0);
    });
    let start = Instant::now();
    bare.ask(&Request { kind: DELETE, flags: ACK, message: &request }, |_| ())?;
    Ok(start.elapsed())
}
