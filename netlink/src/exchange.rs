//! One request and its answer, without a socket: which bytes belong to it, and when it ends.

use crate::error::{Error, Result};
use crate::header::{Header, align};
use crate::uapi::{NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN};
use netlink_packet_core::{NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR};

/// What the next bytes of a datagram are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message of the answer; its payload is `start..end` of the datagram.
    Message {
        /// Its header.
        header: Header,
        /// Where its payload starts.
        start: usize,
        /// Where its payload ends.
        end: usize,
    },
    /// Message `sequence` was carried out.
    Acknowledged {
        /// Its number.
        sequence: u32,
    },
    /// Message `sequence` was refused.
    Refused {
        /// Its number.
        sequence: u32,
        /// Error number, positive.
        errno: i32,
        /// Where the attributes of the extended acknowledgement start in the datagram.
        start: usize,
        /// Where they end.
        end: usize,
    },
    /// The datagram is used up; another one is needed.
    Receive,
    /// The answer is complete.
    End,
}

/// Follows the answer to messages numbered `first..=last` that were sent together, of which the
/// last asks for an acknowledgement or is a dump.
#[derive(Clone, Debug)]
pub struct Exchange {
    first: u32,
    last: u32,
    position: usize,
    length: usize,
    interrupted: bool,
    ended: bool,
    echo: bool,
}

impl Exchange {
    /// The answer to one message.
    pub const fn new(sequence: u32) -> Self {
        Self::of(sequence, sequence)
    }

    /// The answer to messages that were sent together.
    pub const fn of(first: u32, last: u32) -> Self {
        Self { first, last, position: 0, length: 0, interrupted: false, ended: false, echo: false }
    }

    /// The same with the notifications that the request caused (`NLM_F_ECHO`): those that the kernel
    /// has no sequence number for.
    pub const fn with_echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Ends the exchange, whatever may follow.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.interrupted = false;
    }

    /// Whether the answer is complete.
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether the kernel said so far that the table changed under the dump.
    pub const fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Takes note of a datagram of `length` bytes, received into a buffer of `capacity`.
    pub fn datagram(&mut self, length: usize, capacity: usize) -> Result<()> {
        self.position = 0;
        if length > capacity {
            self.length = 0;
            return Err(Error::Truncated { length, capacity });
        }
        self.length = length;
        Ok(())
    }

    /// The next step in the datagram that [`datagram`](Self::datagram) announced.
    #[inline]
    pub fn step(&mut self, buffer: &[u8]) -> Result<Step> {
        loop {
            if self.ended {
                return Ok(Step::End);
            }
            let start = self.position;
            let rest = buffer.get(start..self.length).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Step::Receive);
            }
            let Some(header) = Header::read(rest) else {
                return Err(self.malformed("message header", start));
            };
            let length = header.length as usize;
            if length < Header::LENGTH || length > rest.len() {
                return Err(self.malformed("message length", start));
            }
            self.position = start + align(length);
            if !self.is_ours(header.sequence) {
                continue;
            }
            self.interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
            let (start, end) = (start + Header::LENGTH, start + length);
            match header.kind {
                NLMSG_NOOP => {}
                NLMSG_OVERRUN => return Err(Error::Overrun),
                NLMSG_ERROR => return self.error(header, buffer, start, end),
                NLMSG_DONE => return Ok(self.done(header, buffer, start, end)),
                _ => return Ok(Step::Message { header, start, end }),
            }
        }
    }

    /// Sequence numbers wrap, so the window is compared as a distance.
    const fn is_ours(&self, sequence: u32) -> bool {
        (self.echo && sequence == 0)
            || sequence.wrapping_sub(self.first) <= self.last.wrapping_sub(self.first)
    }

    #[cold]
    fn malformed(&mut self, what: &'static str, offset: usize) -> Error {
        self.position = self.length;
        Error::Malformed { what, offset }
    }

    fn error(&mut self, header: Header, buffer: &[u8], start: usize, end: usize) -> Result<Step> {
        let Some(code) = code(&buffer[start..end]) else {
            return Err(self.malformed("acknowledgement", start));
        };
        let sequence = header.sequence;
        self.ended = sequence == self.last;
        if code == 0 {
            return Ok(Step::Acknowledged { sequence });
        }
        // The request follows: its header alone when capped, else the whole of it.
        let echo = start + CODE;
        let echoed = match buffer.get(echo..end).and_then(Header::read) {
            Some(request) if header.flags & NLM_F_CAPPED == 0 => align(request.length as usize),
            _ => Header::LENGTH,
        };
        let start = extended(header, echo.saturating_add(echoed), end);
        Ok(Step::Refused { sequence, errno: code.wrapping_neg(), start, end })
    }

    fn done(&mut self, header: Header, buffer: &[u8], start: usize, end: usize) -> Step {
        self.ended = true;
        match code(&buffer[start..end]) {
            Some(code) if code < 0 => Step::Refused {
                sequence: header.sequence,
                errno: code.wrapping_neg(),
                start: extended(header, start + CODE, end),
                end,
            },
            _ => Step::End,
        }
    }
}

/// Bytes of the error number in an acknowledgement.
const CODE: usize = 4;

fn code(payload: &[u8]) -> Option<i32> {
    payload.first_chunk::<CODE>().map(|code| i32::from_ne_bytes(*code))
}

/// Where the attributes of an extended acknowledgement start; at the end if there are none.
fn extended(header: Header, start: usize, end: usize) -> usize {
    if header.flags & NLM_F_ACK_TLVS == 0 { end } else { start.min(end) }
}
