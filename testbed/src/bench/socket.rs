//! A socket without anything around it.

use netlink_sys::{Socket, SocketAddr};
use rsadm_netlink::{Header, Message};

use crate::{Context, Error, Result};

pub(super) const REQUEST: u16 = 1;
pub(super) const ACK: u16 = 4;
pub(super) const DUMP: u16 = 0x300;

/// Messages in one send.
pub(super) const WINDOW: u32 = 128;

/// Bare sends and receives.
pub(super) struct Bare {
    socket: Socket,
    buffer: Vec<u8>,
}

/// A message as it is sent: its type, its flags, and what follows the header.
pub(super) struct Request<'m> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) message: &'m Message,
}

impl Request<'_> {
    /// The bytes; every message has the same number.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = (Header::LENGTH + self.message.payload().len()) as u32;
        let mut bytes = Vec::with_capacity(length as usize);
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&(REQUEST | self.flags).to_ne_bytes());
        bytes.extend_from_slice(&1_u32.to_ne_bytes());
        bytes.extend_from_slice(&0_u32.to_ne_bytes());
        bytes.extend_from_slice(self.message.payload());
        bytes
    }
}

impl Bare {
    pub(super) fn connect(protocol: isize) -> Result<Self> {
        let socket = Socket::new(protocol).context(|| "cannot open a socket".into())?;
        socket.connect(&SocketAddr::new(0, 0)).context(|| "cannot connect a socket".into())?;
        Ok(Self { socket, buffer: vec![0; 32 * 1024] })
    }

    /// Has the kernel check requests, as it must to take conditions of a dump.
    pub(super) fn check_strictly(&mut self) -> Result<()> {
        let set = self.socket.set_netlink_get_strict_chk(true);
        set.context(|| "cannot have requests checked".into())
    }

    pub(super) fn send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.send(bytes, 0).map(drop).context(|| "cannot send".into())
    }

    /// Receives one datagram.
    pub(super) fn receive(&mut self) -> Result<&[u8]> {
        let length = self.socket.recv(&mut &mut self.buffer[..], 0);
        let length = length.context(|| "cannot receive".into())?;
        Ok(&self.buffer[..length])
    }

    /// Receives until an acknowledgement, which must be one of success, or the end of a dump.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&[u8])) -> Result<()> {
        loop {
            let mut rest = self.receive()?;
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

    /// Sends a request and receives all of its answer.
    pub(super) fn ask(&mut self, request: &Request<'_>, each: impl FnMut(&[u8])) -> Result<()> {
        self.send(&request.bytes())?;
        self.finish(each)
    }

    /// Sends windows of messages, of which the last asks for an acknowledgement.
    pub(super) fn send_windows(&mut self, windows: &[Vec<u8>]) -> Result<()> {
        windows.iter().try_for_each(|window| {
            self.send(window)?;
            self.finish(|_| ())
        })
    }
}

/// Messages of one type in windows for [`Bare::send_windows`].
pub(super) fn windows(kind: u16, flags: u16, messages: &[Message]) -> Vec<Vec<u8>> {
    let window = |window: &[Message]| {
        let last = window.len() - 1;
        let flags = |index| if index == last { flags | ACK } else { flags };
        let messages = window.iter().enumerate();
        messages
            .flat_map(|(index, message)| Request { kind, flags: flags(index), message }.bytes())
            .collect()
    };
    messages.chunks(WINDOW as usize).map(window).collect()
}
