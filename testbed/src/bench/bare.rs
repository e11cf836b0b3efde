//! The least that the kernel has to be asked: bare sends and receives, nothing decoded or printed.
//!
//! Each piece of work is done by a process of its own, as is what it is compared with.

use std::{
    fs::File,
    io::Read as _,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use rsadm_netlink::{Attributes, Header, Message};

use super::{DESTINATIONS, SERVICES};
use crate::{Context, Error, Result};

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;

const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const NEW_SERVICE: u8 = 1;
const GET_SERVICE: u8 = 4;
const NEW_DEST: u8 = 5;
const GET_DEST: u8 = 8;
const FLUSH: u8 = 17;

/// Does one piece of work, and answers how long it took. What is sent is made before the clock
/// starts.
pub fn main(work: &str) -> Result<Duration> {
    let mut bare = Bare::connect()?;
    match work {
        "nothing" => Ok(Duration::ZERO),
        "restore" => bare.restore(&Bare::table(SERVICES, DESTINATIONS)),
        "plain" => bare.plain(),
        "destinations" => bare.destinations(),
        _ => Err(Error::new(format!("no bare work {work}"))),
    }
}

/// Messages in one send.
const WINDOW: usize = 128;

/// The virtual address of a service of the benchmark.
pub(super) fn service_address(number: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0af3_0000 + number), 80)
}

/// The address of a destination of the benchmark.
pub(super) fn destination_address(service: u32, number: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a40_0000 + service * 16 + number), 8080)
}

/// A socket without anything around it.
pub(super) struct Bare {
    socket: Socket,
    buffer: Vec<u8>,
    family: u16,
}

/// Bytes of a message, numbered.
fn bytes(message: &Message, kind: u16, flags: u16, sequence: u32) -> Vec<u8> {
    let length = (Header::LENGTH + message.payload().len()) as u32;
    let mut bytes = Vec::with_capacity(length as usize);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&0_u32.to_ne_bytes());
    bytes.extend_from_slice(message.payload());
    bytes
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

impl Bare {
    pub(super) fn connect() -> Result<Self> {
        let socket = Socket::new(NETLINK_GENERIC).context(|| "cannot open a socket".into())?;
        socket.connect(&SocketAddr::new(0, 0)).context(|| "cannot connect a socket".into())?;
        let mut bare = Self { socket, buffer: vec![0; 32 * 1024], family: 0 };
        let mut question = Message::generic(0, 0, GET_FAMILY, 1);
        question.put_str(2, "IPVS");
        bare.send(&bytes(&question, CONTROLLER, REQUEST, 1))?;
        let length = bare.receive()?;
        let attributes = bare.buffer.get(Header::LENGTH + 4..length).unwrap_or_default();
        let family = Attributes::new(attributes).find(|attribute| attribute.kind == 1);
        bare.family = family
            .and_then(|attribute| attribute.u16())
            .ok_or_else(|| Error::new("the kernel has no IPVS"))?;
        Ok(bare)
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.send(bytes, 0).map(drop).context(|| "cannot send".into())
    }

    fn receive(&mut self) -> Result<usize> {
        self.socket.recv(&mut &mut self.buffer[..], 0).context(|| "cannot receive".into())
    }

    /// Receives until an acknowledgement, which must be one of success, or the end of a dump.
    /// Answers how many messages came before it.
    fn finish(&mut self, mut each: impl FnMut(&[u8])) -> Result<()> {
        loop {
            let length = self.receive()?;
            let mut rest = &self.buffer[..length];
            while let Some(header) = Header::read(rest) {
                let size = (header.length as usize).clamp(Header::LENGTH, rest.len());
                match header.kind {
                    2 if rest[Header::LENGTH..].starts_with(&[0; 4]) => return Ok(()),
                    2 => return Err(Error::new("the kernel refused a bare request")),
                    3 => return Ok(()),
                    _ => each(&rest[..size]),
                }
                rest = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let message = Message::generic(0, 0, FLUSH, 1);
        self.send(&bytes(&message, self.family, REQUEST | ACK, 1))?;
        self.finish(|_| ())
    }

    /// The messages that make the table of the benchmark.
    pub(super) fn table(services: u32, destinations: u32) -> Vec<Message> {
        let mut messages = Vec::new();
        for service in 0..services {
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
    pub(super) fn restore(&mut self, messages: &[Message]) -> Result<Duration> {
        let windows: Vec<Vec<u8>> = messages
            .chunks(WINDOW)
            .map(|window| {
                let last = window.len() - 1;
                let flags = |index| if index == last { REQUEST | ACK } else { REQUEST };
                let messages = window.iter().enumerate();
                messages
                    .flat_map(|(index, message)| bytes(message, self.family, flags(index), 1))
                    .collect()
            })
            .collect();
        let start = Instant::now();
        for window in &windows {
            self.send(window)?;
            self.finish(|_| ())?;
        }
        Ok(start.elapsed())
    }

    fn dump(&mut self, message: &Message, each: impl FnMut(&[u8])) -> Result<()> {
        self.send(&bytes(message, self.family, REQUEST | DUMP, 1))?;
        self.finish(each)
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
