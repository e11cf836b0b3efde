//! The least that the kernel has to be asked: bare sends and receives, nothing decoded or printed.
//!
//! Each piece of work is done by a process of its own, as is what it is compared with.

use std::{
    fs::File,
    io::Read as _,
    net::{Ipv4Addr, SocketAddrV4},
    ops::Range,
    time::{Duration, Instant},
};

use netlink_sys::protocols::NETLINK_GENERIC;
use rsadm_netlink::{Attributes, Header, Message};

use super::{DESTINATIONS, SERVICES};
use crate::{
    Context, Error, Result,
    bench::socket::{ACK, Bare, DUMP, Request, windows},
};

const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const NEW_SERVICE: u8 = 1;
const GET_SERVICE: u8 = 4;
const NEW_DEST: u8 = 5;
const GET_DEST: u8 = 8;
const FLUSH: u8 = 17;

/// Does one piece of work, and answers how long it took. What is sent is made before the clock
/// starts.
pub(in crate::bench) fn work(work: &str) -> Result<Duration> {
    let mut bare = Ipvs::connect()?;
    match work {
        "nothing" => Ok(Duration::ZERO),
        "restore" => bare.restore(&Ipvs::table(0..SERVICES, DESTINATIONS)),
        "plain" => bare.plain(),
        "destinations" => bare.destinations(),
        _ => Err(Error::new(format!("no bare work {work}"))),
    }
}

/// The virtual address of a service of the benchmark.
pub(in crate::bench) fn service_address(number: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0af3_0000 + number), 80)
}

/// The address of a destination of the benchmark.
pub(super) fn destination_address(service: u32, number: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a40_0000 + service * 16 + number), 8080)
}

/// The socket, and the number of the family.
pub(in crate::bench) struct Ipvs {
    bare: Bare,
    family: u16,
}

fn put_service_key(message: &mut Message, number: u32, whole: bool) {
    let address = service_address(number);
    message.nest(1, |service| {
        service.put_u16(1, 2).put_u16(2, 6);
        service.put(3, &address.ip().octets()).put_be16(4, address.port());
        if whole {
            service.put_str(6, "rr").put(7, &[0, 0, 0, 0, 255, 255, 255, 255]);
            service.put_u32(8, 0).put_u32(9, u32::MAX);
        }
    });
}

impl Ipvs {
    pub(in crate::bench) fn connect() -> Result<Self> {
        let mut bare = Bare::connect(NETLINK_GENERIC)?;
        let mut message = Message::generic(0, 0, GET_FAMILY, 1);
        message.put_str(2, "IPVS");
        bare.send(&Request { kind: CONTROLLER, flags: 0, message: &message }.bytes())?;
        let answer = bare.receive()?.get(Header::LENGTH + 4..).unwrap_or_default();
        let family = Attributes::new(answer).find(|attribute| attribute.kind == 1);
        let family = family
            .and_then(|attribute| attribute.u16())
            .ok_or_else(|| Error::new("the kernel has no IPVS"))?;
        Ok(Self { bare, family })
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let message = Message::generic(0, 0, FLUSH, 1);
        self.bare.ask(&Request { kind: self.family, flags: ACK, message: &message }, |_| ())
    }

    /// The messages that make the table of the benchmark.
    pub(in crate::bench) fn table(services: Range<u32>, destinations: u32) -> Vec<Message> {
        let mut messages = Vec::new();
        for service in services {
            let mut message = Message::generic(0, 0, NEW_SERVICE, 1);
            put_service_key(&mut message, service, true);
            messages.push(message);
            for destination in 0..destinations {
                let address = destination_address(service, destination);
                let mut message = Message::generic(0, 0, NEW_DEST, 1);
                put_service_key(&mut message, service, false);
                message.nest(2, |attributes| {
                    attributes.put_u16(11, 2).put(1, &address.ip().octets());
                    attributes.put_be16(2, address.port()).put_u32(3, 0).put_u32(4, 1);
                    attributes.put_u32(5, 0).put_u32(6, 0);
                });
                messages.push(message);
            }
        }
        messages
    }

    /// Sends messages in windows, with an acknowledgement for the last of each.
    pub(in crate::bench) fn restore(&mut self, messages: &[Message]) -> Result<Duration> {
        let windows = windows(self.family, 0, messages);
        let start = Instant::now();
        self.bare.send_windows(&windows)?;
        Ok(start.elapsed())
    }

    fn dump(&mut self, message: &Message, each: impl FnMut(&[u8])) -> Result<()> {
        self.bare.ask(&Request { kind: self.family, flags: DUMP, message }, each)
    }

    /// The service attribute of every service.
    pub(super) fn services(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut services = Vec::new();
        self.dump(&Message::generic(0, 0, GET_SERVICE, 1), |message| {
            let attributes = Attributes::new(&message[Header::LENGTH + 4..]);
            services.extend(attributes.map(|attribute| attribute.value.to_vec()));
        })?;
        Ok(services)
    }

    /// One dump of the services, and one read of the plain table.
    fn plain(&mut self) -> Result<Duration> {
        let message = Message::generic(0, 0, GET_SERVICE, 1);
        let mut buffer = vec![0; 128 * 1024];
        let start = Instant::now();
        self.dump(&message, |_| ())?;
        let path = "/proc/thread-self/net/ip_vs";
        let mut file = File::open(path).context(|| format!("cannot open {path}"))?;
        while file.read(&mut buffer).context(|| format!("cannot read {path}"))? > 0 {}
        Ok(start.elapsed())
    }

    /// One dump of the services, and one of the destinations of each.
    fn destinations(&mut self) -> Result<Duration> {
        let key = |service: &Vec<u8>| {
            let mut message = Message::generic(0, 0, GET_DEST, 1);
            message.nest(1, |attributes| {
                for attribute in Attributes::new(service).take_while(|found| found.kind <= 4) {
                    attributes.put(attribute.kind, attribute.value);
                }
            });
            message
        };
        let requests: Vec<_> = self.services()?.iter().map(key).collect();
        let start = Instant::now();
        self.dump(&Message::generic(0, 0, GET_SERVICE, 1), |_| ())?;
        requests.iter().try_for_each(|request| self.dump(request, |_| ()))?;
        Ok(start.elapsed())
    }
}
