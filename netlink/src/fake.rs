//! A scripted kernel: a function from what is sent to what comes back.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zerocopy::IntoBytes;

use crate::header::{Header, align};
use crate::transport::Transport;

type Script = Box<dyn FnMut(&[u8]) -> Vec<Answer> + Send>;

/// What the scripted kernel does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A datagram.
    Datagram(Vec<u8>),
    /// An error of the receiving system call, such as `ENOBUFS`.
    Errno(i32),
}

impl From<Vec<u8>> for Answer {
    fn from(datagram: Vec<u8>) -> Self {
        Self::Datagram(datagram)
    }
}

/// How often a [`FakeKernel`] was called: over a socket each is a system call.
#[derive(Debug, Default)]
pub struct Calls {
    sends: AtomicUsize,
    receives: AtomicUsize,
}

impl Calls {
    /// Datagrams sent.
    pub fn sends(&self) -> usize {
        self.sends.load(Ordering::Relaxed)
    }

    /// Attempts to receive one.
    pub fn receives(&self) -> usize {
        self.receives.load(Ordering::Relaxed)
    }
}

/// A transport whose other end is a script.
pub struct FakeKernel {
    script: Script,
    queue: VecDeque<Answer>,
    receive_buffer_size: usize,
    calls: Arc<Calls>,
}

impl FakeKernel {
    /// A kernel that answers each send with what `script` makes of it.
    pub fn new(script: impl FnMut(&[u8]) -> Vec<Answer> + Send + 'static) -> Self {
        Self {
            script: Box::new(script),
            queue: VecDeque::new(),
            receive_buffer_size: 212_992,
            calls: Arc::default(),
        }
    }

    /// The counts of what is sent and received, to look at later.
    pub fn calls(&self) -> Arc<Calls> {
        Arc::clone(&self.calls)
    }

    /// The same kernel with another receive buffer, which bounds batches.
    #[must_use]
    pub fn with_receive_buffer(mut self, size: usize) -> Self {
        self.receive_buffer_size = size;
        self
    }
}

impl fmt::Debug for FakeKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeKernel").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Transport for FakeKernel {
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.calls.sends.fetch_add(1, Ordering::Relaxed);
        self.queue.extend((self.script)(bytes));
        ready(Ok(bytes.len()))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        ready(self.try_receive(buffer))
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls.receives.fetch_add(1, Ordering::Relaxed);
        match self.queue.pop_front() {
            Some(Answer::Datagram(datagram)) => {
                let length = datagram.len().min(buffer.len());
                buffer[..length].copy_from_slice(&datagram[..length]);
                Ok(datagram.len())
            }
            Some(Answer::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn receive_buffer_size(&self) -> usize {
        self.receive_buffer_size
    }
}

/// Splits what was sent into its messages: header and payload of each.
pub fn messages(mut bytes: &[u8]) -> Vec<(Header, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some(header) = Header::read(bytes) {
        let length = (header.length as usize).clamp(Header::LENGTH, bytes.len());
        found.push((header, bytes[Header::LENGTH..length].to_vec()));
        bytes = bytes.get(align(length)..).unwrap_or_default();
    }
    found
}

/// Bytes of a message to `request`'s sender.
pub fn reply(request: Header, kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        length: (Header::LENGTH + payload.len()) as u32,
        kind,
        flags,
        sequence: request.sequence,
        port: request.port,
    };
    let mut bytes = [header.as_bytes(), payload].concat();
    bytes.resize(align(bytes.len()), 0);
    bytes
}

/// Bytes of an acknowledgement of `request`, or with a positive `errno` of a refusal, capped as
/// the kernel does under `NETLINK_CAP_ACK`, with the attributes of an extended acknowledgement.
pub fn acknowledge(request: Header, errno: i32, extended: &[u8]) -> Vec<u8> {
    let mut payload = errno.wrapping_neg().to_ne_bytes().to_vec();
    payload.extend_from_slice(request.as_bytes());
    payload.extend_from_slice(extended);
    let flags = if extended.is_empty() { 0x100 } else { 0x300 };
    reply(request, 2, flags, &payload)
}

/// Bytes of the end of a dump.
pub fn done(request: Header, errno: i32, flags: u16) -> Vec<u8> {
    reply(request, 3, flags | 2, &errno.wrapping_neg().to_ne_bytes())
}

/// Whether a request asks for a dump.
pub fn is_dump(request: Header) -> bool {
    request.flags & 0x300 == 0x300
}

/// Whether a request asks for an acknowledgement.
pub fn wants_acknowledgement(request: Header) -> bool {
    request.flags & 4 != 0
}
