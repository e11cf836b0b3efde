//! What a packet is asked about.

use std::net::IpAddr;

/// A packet, as far as routing looks at it.
///
/// ```
/// use node::Query;
/// let query = Query::to("10.244.3.32".parse()?).from("10.244.5.23".parse()?).through(7);
/// assert_eq!(query.input, Some(7));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "flowi")]
pub struct Query {
    /// Where it goes.
    pub destination: IpAddr,
    /// Where it comes from; `None` if a socket of this host has not chosen yet.
    pub source: Option<IpAddr>,
    /// Its mark.
    pub mark: u32,
    /// Index of the link that it came in through; `None` for packets of this host.
    pub input: Option<u32>,
    /// Index of the link that the sender insists on.
    pub output: Option<u32>,
    /// Type of service. Of IPv4 kernels before 6.13 look at the bits of `0x1c` only.
    pub tos: u8,
    /// Layer 4 protocol: 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// Port that it comes from; 0 if there is none.
    pub source_port: u16,
    /// Port that it goes to; 0 if there is none.
    pub destination_port: u16,
    /// User of the socket; 0 for packets without one, as the kernel takes it.
    pub user: u32,
    /// Id of the tunnel that it came out of.
    pub tunnel: Option<u64>,
}

impl Query {
    /// A packet of this host to an address.
    pub const fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            source: None,
            mark: 0,
            input: None,
            output: None,
            tos: 0,
            protocol: 0,
            source_port: 0,
            destination_port: 0,
            user: 0,
            tunnel: None,
        }
    }

    /// The packet with this source address.
    pub const fn from(self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The packet as it comes in through this link.
    pub const fn through(self, input: u32) -> Self {
        Self { input: Some(input), ..self }
    }

    /// The packet of a sender that insists on this link.
    pub const fn out_of(self, output: u32) -> Self {
        Self { output: Some(output), ..self }
    }

    /// The packet with this mark.
    pub const fn marked(self, mark: u32) -> Self {
        Self { mark, ..self }
    }

    /// The packet with this protocol and these ports.
    pub const fn of(self, protocol: u8, source_port: u16, destination_port: u16) -> Self {
        Self { protocol, source_port, destination_port, ..self }
    }
}
