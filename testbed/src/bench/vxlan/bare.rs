//! The least that the kernel has to be asked: bare sends and receives, nothing decoded or printed.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use netlink_sys::protocols::NETLINK_ROUTE;
use rsadm_netlink::Message;
use rustix::net::{AddressFamily, SocketType, netdevice::name_to_index, socket};

use super::{CHANGED, DEVICE, ENTRIES};
use crate::{
    Context, Error, Result,
    bench::socket::{Bare, DUMP, Request, windows},
};

const NEW: u16 = 28;
const GET: u16 = 30;
const APPEND: u16 = 0x400 | 0x800;
const REPLACE: u16 = 0x400 | 0x100;

/// Does one piece of work, and answers how long it took.
pub(in crate::bench) fn work(work: &str) -> Result<Duration> {
    if work == "nothing" {
        return Ok(Duration::ZERO);
    }
    let mut bare = Bare::connect(NETLINK_ROUTE)?;
    bare.check_strictly()?;
    let link = link()?;
    match work {
        "list" => list(&mut bare, link),
        "append" => write(&mut bare, APPEND, &entries(link, 0..ENTRIES, 1)),
        // What cannot be told from what is there without reading it.
        "sync" => {
            let changes = entries(link, 0..CHANGED, 2);
            Ok(list(&mut bare, link)? + write(&mut bare, REPLACE, &changes)?)
        }
        _ => Err(Error::new(format!("no bare work {work}"))),
    }
}

/// The device's index.
fn link() -> Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None);
    let index = any.and_then(|any| name_to_index(any, DEVICE));
    index.context(|| format!("there is no {DEVICE}"))
}

/// The address of an entry.
pub(super) fn mac(number: u32) -> [u8; 6] {
    let [_, a, b, c] = number.to_be_bytes();
    [2, 0, 0, a, b, c]
}

/// Where it leads.
pub(super) fn remote(number: u32, version: u8) -> Ipv4Addr {
    let [high, low] = ((number % 1000) as u16).to_be_bytes();
    Ipv4Addr::new(10, version, high, low)
}

/// `ndmsg`: a permanent entry of the device's own table.
fn message(link: u32, state: u16, flags: u8) -> Message {
    let mut header = [0; 12];
    header[0] = 7;
    header[4..8].copy_from_slice(&link.to_ne_bytes());
    header[8..10].copy_from_slice(&state.to_ne_bytes());
    header[10] = flags;
    let mut message = Message::new(0, 0);
    message.header(&header);
    message
}

fn entries(link: u32, numbers: std::ops::Range<u32>, version: u8) -> Vec<Message> {
    let entry = |number| {
        let mut message = message(link, 0xc0, 2);
        message.put(2, &mac(number)).put(1, &remote(number, version).octets());
        message
    };
    numbers.map(entry).collect()
}

fn list(bare: &mut Bare, link: u32) -> Result<Duration> {
    let mut message = message(0, 0, 0);
    message.put_u32(8, link);
    let start = Instant::now();
    bare.ask(&Request { kind: GET, flags: DUMP, message: &message }, |_| ())?;
    Ok(start.elapsed())
}

/// Writes entries, in windows that were made before the clock starts.
fn write(bare: &mut Bare, flags: u16, messages: &[Message]) -> Result<Duration> {
    let windows = windows(NEW, flags, messages);
    let start = Instant::now();
    bare.send_windows(&windows)?;
    Ok(start.elapsed())
}
