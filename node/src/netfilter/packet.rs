//! Packets, as far as rules look at them.

use std::net::IpAddr;

use crate::Query;

/// A place in a packet's way where rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[doc(alias = "nf_inet_hooks")]
pub enum Hook {
    /// As it comes in, before it is routed.
    Prerouting,
    /// Routed to this host.
    Input,
    /// Routed to somebody else.
    Forward,
    /// Sent by this host.
    Output,
    /// As it goes out, after it was routed.
    Postrouting,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    /// The name of iptables' chain.
    pub const fn chain(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.chain().eq_ignore_ascii_case(name))
    }
}

/// What connection tracking thinks of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[doc(alias = "ctstate")]
pub enum ConnectionState {
    /// The first of its connection.
    #[default]
    New,
    /// Of a connection that has seen packets both ways.
    Established,
    /// The first of a connection that another one announced.
    Related,
    /// Of no connection.
    Invalid,
    /// Not looked at.
    Untracked,
}

/// Addresses and ports of a connection's first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Origin {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

/// The connection that a packet is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Connection {
    /// Its state, as this packet sees it.
    pub state: ConnectionState,
    /// Whether the packet is an answer.
    pub reply: bool,
    /// Its first packet, before anything was translated.
    pub origin: Origin,
    /// Its mark.
    pub mark: u32,
    /// Whether its source is translated.
    #[doc(alias = "IPS_SRC_NAT")]
    pub source_translated: bool,
    /// Whether its destination is translated.
    #[doc(alias = "IPS_DST_NAT")]
    pub destination_translated: bool,
}

/// A packet on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Layer 4 protocol: 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// TCP's flags; `0x02` is SYN. Of TCP only.
    pub tcp_flags: u8,
    /// Name of the link that it came in through.
    pub input: Option<String>,
    /// Name of the link that it goes out through.
    pub output: Option<String>,
    /// The router that it goes to.
    pub gateway: Option<IpAddr>,
    /// Its mark.
    pub mark: u32,
    /// Its connection.
    pub connection: Connection,
}

impl Packet {
    /// The first packet of a connection.
    pub fn first(protocol: u8, source: (IpAddr, u16), destination: (IpAddr, u16)) -> Self {
        let origin = Origin {
            source: source.0,
            destination: destination.0,
            source_port: source.1,
            destination_port: destination.1,
        };
        let connection = Connection {
            state: ConnectionState::New,
            reply: false,
            origin,
            mark: 0,
            source_translated: false,
            destination_translated: false,
        };
        Self {
            source: source.0,
            destination: destination.0,
            protocol,
            source_port: source.1,
            destination_port: destination.1,
            tcp_flags: 0x02,
            input: None,
            output: None,
            gateway: None,
            mark: 0,
            connection,
        }
    }

    /// The answer to it, as the one who got it sends it: of an established connection.
    pub fn answer(&self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            tcp_flags: 0x12,
            input: None,
            output: None,
            gateway: None,
            mark: 0,
            connection: Connection {
                state: ConnectionState::Established,
                reply: true,
                ..self.connection
            },
            ..*self
        }
    }

    /// The packet as it comes in through a link.
    pub fn coming_in(self, link: impl Into<String>) -> Self {
        Self { input: Some(link.into()), ..self }
    }

    /// The packet as it goes out through a link.
    pub fn going_out(self, link: impl Into<String>) -> Self {
        Self { output: Some(link.into()), ..self }
    }

    /// What routing is asked about it.
    pub fn query(&self) -> Query {
        let query = Query::to(self.destination).from(self.source).marked(self.mark);
        query.of(self.protocol, self.source_port, self.destination_port)
    }
}
