//! What passes between the nodes, as the kernel's packet socket shows it, field by field.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with,
        sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_timeout},
    },
};

use super::{Lab, Node};
use crate::{Context, Result};

/// The underlay's packets fit, whatever its MTU.
const LARGEST: usize = 65_536;
/// Room for what comes while nobody reads.
const BUFFER: usize = 4 << 20;
/// Nothing more comes when nothing has come for this long.
const SILENCE: Duration = Duration::from_millis(20);
/// The port that flannel's VXLAN uses.
const VXLAN: u16 = 8472;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6_FRAGMENT: u8 = 44;

/// A MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.0.map(|part| format!("{part:02x}"));
        f.write_str(&parts.join(":"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An Ethernet frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whom it is for.
    pub destination: Mac,
    /// Whom it is from.
    pub source: Mac,
    /// What it carries: 0x0800 is IPv4, 0x86dd IPv6, 0x0806 ARP.
    pub ethertype: u16,
    /// Its bytes, the Ethernet header included.
    pub length: usize,
    /// Its packet, when that is IP.
    pub ip: Option<Ip>,
    /// What the packet carries, when that is a whole header of TCP or UDP.
    pub transport: Option<Transport>,
    /// What the datagram carries, when it is one to flannel's port.
    pub vxlan: Option<Vxlan>,
}

/// An IP packet's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip {
    /// Whom it is from.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// The IANA number of what it carries: 6 is TCP, 17 UDP.
    pub protocol: u8,
    /// How many routers it may still pass.
    pub ttl: u8,
    /// Its bytes.
    pub length: usize,
    /// Whether it is a part of a packet, and not the whole.
    pub is_fragment: bool,
}

/// The ports of TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// TCP's flags: 0x02 is SYN, 0x12 SYN and ACK. None of UDP.
    pub flags: Option<u8>,
}

/// A VXLAN header, and the frame that it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vxlan {
    /// The network's identifier.
    pub vni: u32,
    /// The frame inside.
    pub inner: Box<Frame>,
}

impl Frame {
    /// Reads a frame; `None` when not even its Ethernet header is whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (destination, source) = (Mac(take(&mut rest)?), Mac(take(&mut rest)?));
        let ethertype = u16::from_be_bytes(take(&mut rest)?);
        let mut frame = Self {
            destination,
            source,
            ethertype,
            length: bytes.len(),
            ip: None,
            transport: None,
            vxlan: None,
        };
        let packet = match ethertype {
            ETHERTYPE_IPV4 => read_ipv4(rest),
            ETHERTYPE_IPV6 => read_ipv6(rest),
            _ => None,
        };
        if let Some((ip, payload, is_first)) = packet {
            frame.ip = Some(ip);
            if is_first {
                frame.read_transport(ip.protocol, payload);
            }
        }
        Some(frame)
    }

    fn read_transport(&mut self, protocol: u8, payload: &[u8]) {
        let mut rest = payload;
        let ports = take::<2>(&mut rest).zip(take::<2>(&mut rest));
        let Some((source, destination)) = ports else { return };
        let flags = match protocol {
            // Behind the two numbers and the header's length.
            TCP => payload.get(13).copied(),
            UDP => None,
            _ => return,
        };
        let [source, destination] = [source, destination].map(u16::from_be_bytes);
        self.transport = Some(Transport { source, destination, flags });
        if protocol == UDP && destination == VXLAN {
            self.vxlan = payload.get(8..).and_then(Vxlan::read);
        }
    }

    /// The frame that the overlay carries in this one, if it is such.
    pub fn inner(&self) -> Option<&Frame> {
        self.vxlan.as_ref().map(|vxlan| &*vxlan.inner)
    }
}

impl Vxlan {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [_flags, _, _, _, high, middle, low, _] = take(&mut rest)?;
        let vni = u32::from_be_bytes([0, high, middle, low]);
        Some(Self { vni, inner: Box::new(Frame::read(rest)?) })
    }
}

/// The header, what follows it, and whether that begins with the next header.
fn read_ipv4(bytes: &[u8]) -> Option<(Ip, &[u8], bool)> {
    let header: [u8; 20] = *bytes.first_chunk()?;
    let start = usize::from(header[0] & 0x0f) * 4;
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    let (more, offset) = (fragment & 0x2000 != 0, fragment & 0x1fff);
    let ip = Ip {
        source: Ipv4Addr::new(header[12], header[13], header[14], header[15]).into(),
        destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]).into(),
        protocol: header[9],
        ttl: header[8],
        length: usize::from(u16::from_be_bytes([header[2], header[3]])),
        is_fragment: more || offset != 0,
    };
    Some((ip, bytes.get(start.max(20)..)?, offset == 0))
}

fn read_ipv6(bytes: &[u8]) -> Option<(Ip, &[u8], bool)> {
    let mut rest = bytes;
    let [_, _, _, _, high, low, mut protocol, ttl] = take(&mut rest)?;
    let source = Ipv6Addr::from(take::<16>(&mut rest)?).into();
    let destination = Ipv6Addr::from(take::<16>(&mut rest)?).into();
    let length = 40 + usize::from(u16::from_be_bytes([high, low]));
    let (mut is_fragment, mut is_first) = (false, true);
    if protocol == IPV6_FRAGMENT {
        let [next, _, high, low, _, _, _, _] = take(&mut rest)?;
        (protocol, is_fragment) = (next, true);
        is_first = u16::from_be_bytes([high, low]) & 0xfff8 == 0;
    }
    Some((Ip { source, destination, protocol, ttl, length, is_fragment }, rest, is_first))
}

/// Takes bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

impl Lab {
    /// Does `work`, and answers what passed the node's `eth0` meanwhile, in both directions.
    pub fn capture<T>(
        &self,
        node: &Node,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Vec<Frame>)> {
        let socket = node.namespace().enter(open)?;
        let done = work()?;
        let mut frames = Vec::new();
        let mut buffer = vec![0; LARGEST];
        loop {
            match recv(&socket, buffer.as_mut_slice(), RecvFlags::empty()) {
                Ok((_, length)) => {
                    let frame = Frame::read(&buffer[..length.min(LARGEST)]);
                    frames.extend(frame.filter(|frame| is_on_underlay(node, frame)));
                }
                Err(Errno::AGAIN) => return Ok((done, frames)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error).context(|| "cannot capture".into()),
            }
        }
    }
}

/// A socket that is given every frame of every device of the namespace.
fn open() -> Result<OwnedFd> {
    let socket =
        socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, Some(eth::ALL));
    let socket = socket.context(|| "cannot open a packet socket".into())?;
    set_socket_recv_buffer_size_force(&socket, BUFFER)
        .and_then(|()| set_socket_timeout(&socket, Timeout::Recv, Some(SILENCE)))
        .context(|| "cannot set up the packet socket".into())?;
    Ok(socket)
}

/// The socket does not say which device a frame was on; `eth0`'s address is on no other.
fn is_on_underlay(node: &Node, frame: &Frame) -> bool {
    [frame.source, frame.destination].iter().any(|mac| mac.to_string() == node.mac())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTER: &str = "525400101479 525400101478 0800 \
        4500006e 1a2b0000 40110000 ac101478 ac101479 b31c2118 005a0000";
    const HEADER: &str = "08000000 00000100";
    const INNER: &str = "eed63855d5c7 5e0a9c31447b 0800 \
        4500003c 00004000 3f060000 0af40500 0af40320 \
        e5c60050 00000001 00000000 a002fd20 00000000 020405820402080a0000000100000000 01030307";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn read(hex: &str) -> Frame {
        Frame::read(&bytes(hex)).expect("its Ethernet header is whole")
    }

    #[test]
    fn a_packet_in_the_overlay_is_read_whole() {
        let frame = read(&format!("{OUTER}{HEADER}{INNER}"));
        assert_eq!(frame.length, 124);
        assert_eq!(frame.source.to_string(), "52:54:00:10:14:78");
        let ip = frame.ip.expect("it has IP");
        assert_eq!((ip.length, ip.ttl, ip.protocol, ip.is_fragment), (110, 64, 17, false));
        let ports = Transport { source: 45852, destination: 8472, flags: None };
        assert_eq!(frame.transport, Some(ports));
        assert_eq!(frame.vxlan.as_ref().map(|vxlan| vxlan.vni), Some(1));
        let inner = frame.inner().expect("it carries a frame");
        assert_eq!(*inner, read(INNER));
        assert_eq!(inner.destination.to_string(), "ee:d6:38:55:d5:c7");
        let ip = inner.ip.expect("that has IP");
        assert_eq!((ip.source.to_string().as_str(), ip.protocol), ("10.244.5.0", 6));
        let syn = Transport { source: 58822, destination: 80, flags: Some(0x02) };
        assert_eq!(inner.transport, Some(syn));
    }

    #[test]
    fn only_a_first_fragment_has_ports() {
        let first = read(&INNER.replace("00004000", "00002000"));
        assert!(first.ip.is_some_and(|ip| ip.is_fragment));
        assert_eq!(first.transport.map(|ports| ports.destination), Some(80));
        let later = read(&INNER.replace("00004000", "00000064"));
        assert!(later.ip.is_some_and(|ip| ip.is_fragment));
        assert_eq!(later.transport, None);
    }

    #[test]
    fn ipv6_is_read_with_and_without_fragments() {
        let head = "525400101479 525400101478 86dd 60012345 0010";
        let addresses = "fd000172001600200000000000000120 fd000172001600200000000000000121";
        let datagram = "b31c0035 00080000";
        let whole = read(&format!("{head} 1140 {addresses} {datagram} 0000000000000000"));
        let ip = whole.ip.expect("it has IP");
        assert_eq!(ip.source.to_string(), "fd00:172:16:20::120");
        assert_eq!((ip.protocol, ip.length, ip.is_fragment), (17, 56, false));
        assert_eq!(whole.transport.map(|ports| ports.destination), Some(53));
        let first = read(&format!("{head} 2c40 {addresses} 11000001 00000007 {datagram}"));
        assert!(first.ip.is_some_and(|ip| ip.is_fragment && ip.protocol == 17));
        assert_eq!(first.transport, whole.transport);
        let later = read(&format!("{head} 2c40 {addresses} 11000009 00000007 {datagram}"));
        assert_eq!(later.transport, None);
    }

    #[test]
    fn what_was_cut_off_is_read_as_far_as_it_goes() {
        let whole = bytes(&format!("{OUTER}{HEADER}{INNER}"));
        for length in 0..whole.len() {
            assert_eq!(Frame::read(&whole[..length]).is_some(), length >= 14, "{length} bytes");
        }
        assert_eq!(Frame::read(&whole[..42]).and_then(|frame| frame.vxlan), None);
    }
}
