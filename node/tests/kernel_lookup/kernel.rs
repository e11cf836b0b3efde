//! What the kernel answers to a lookup.

use std::net::IpAddr;

use node::{Query, RouteKind, Table};
use rsadm_netlink::{Attributes, Bus, Connection, Error, Message, Options, Socket, now};

const RTM_GETROUTE: u16 = 26;
const RTM_F_LOOKUP_TABLE: u32 = 0x1000;
const RTM_F_FIB_MATCH: u32 = 0x2000;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_IIF: u16 = 3;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_TABLE: u16 = 15;
const RTA_MARK: u16 = 16;
const RTA_VIA: u16 = 18;
const RTA_UID: u16 = 25;
const RTA_IP_PROTO: u16 = 27;
const RTA_SPORT: u16 = 28;
const RTA_DPORT: u16 = 29;

/// What a route that was found says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) kind: RouteKind,
    pub(crate) table: Table,
    pub(crate) link: u32,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) source: Option<IpAddr>,
    /// Length of the route's prefix, of its source prefix, and its metric; of the question for the
    /// route itself only.
    pub(crate) lengths: (u8, u8),
    pub(crate) priority: u32,
}

pub(crate) struct Kernel {
    connection: Connection<Socket>,
}

impl Kernel {
    pub(crate) fn open() -> Result<Self, Error> {
        let socket = Socket::open(Bus::Route, &Options::default())?;
        Ok(Self { connection: Connection::new(socket) })
    }

    /// Where the packet goes; an error number if nowhere.
    pub(crate) fn route(&mut self, query: &Query) -> Result<Result<Answer, i32>, Error> {
        self.ask(query, RTM_F_LOOKUP_TABLE)
    }

    /// The route that decides.
    pub(crate) fn decisive(&mut self, query: &Query) -> Result<Result<Answer, i32>, Error> {
        self.ask(query, RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH)
    }

    fn ask(&mut self, query: &Query, flags: u32) -> Result<Result<Answer, i32>, Error> {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let destination = octets(query.destination);
        let (family, bits) = if destination.len() == 4 { (2, 32) } else { (10, 128) };
        let from = if query.source.is_some() { bits } else { 0 };
        // IPv6 always tells the table, and refuses to be asked for it.
        let flags = if family == 10 { flags & !RTM_F_LOOKUP_TABLE } else { flags };
        let mut header = vec![family, bits, from, query.tos, 0, 0, 0, 0];
        header.extend(flags.to_ne_bytes());
        let mut message = Message::new(RTM_GETROUTE, 0);
        message.header(&header).put(RTA_DST, &destination);
        if let Some(source) = query.source {
            message.put(RTA_SRC, &octets(source));
        }
        if let Some(input) = query.input {
            message.put_u32(RTA_IIF, input);
        }
        if let Some(output) = query.output {
            message.put_u32(RTA_OIF, output);
        }
        if query.mark != 0 {
            message.put_u32(RTA_MARK, query.mark);
        }
        message
            .put_u32(RTA_UID, query.user)
            .put_u8(RTA_IP_PROTO, query.protocol)
            .put_be16(RTA_SPORT, query.source_port)
            .put_be16(RTA_DPORT, query.destination_port);
        let mut answer = Answer::default();
        let asked = now(self.connection.request::<Error>(&mut message, |reply| {
            answer = read(reply.payload);
            Ok(())
        }));
        match asked {
            Ok(()) => Ok(Ok(answer)),
            Err(Error::Rejected(rejected)) => Ok(Err(rejected.errno)),
            Err(error) => Err(error),
        }
    }
}

fn read(payload: &[u8]) -> Answer {
    let (header, rest) = payload.split_at(12);
    let mut answer = Answer {
        kind: RouteKind(header[7]),
        table: Table(header[4].into()),
        lengths: (header[1], header[2]),
        ..Answer::default()
    };
    for attribute in Attributes::new(rest) {
        match attribute.kind {
            RTA_OIF => answer.link = attribute.u32().unwrap_or_default(),
            RTA_TABLE => answer.table = Table(attribute.u32().unwrap_or_default()),
            RTA_PRIORITY => answer.priority = attribute.u32().unwrap_or_default(),
            RTA_GATEWAY => answer.gateway = address(attribute.value),
            RTA_VIA => answer.gateway = attribute.value.get(2..).and_then(address),
            // The route's own comes behind the one that was chosen, and is the same.
            RTA_PREFSRC => answer.source = address(attribute.value),
            _ => {}
        }
    }
    answer
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = || Some(IpAddr::from(*bytes.first_chunk::<4>().filter(|_| bytes.len() == 4)?));
    bytes.try_into().ok().map(|sixteen: [u8; 16]| IpAddr::from(sixteen)).or_else(four)
}
