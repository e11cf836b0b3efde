//! Receiving a long dump on a thread of its own, while its messages are looked at.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::net::RecvFlags;

use crate::socket;

/// A dump that filled so many buffers is long: a shorter one is not worth a thread.
pub(crate) const LONG: u32 = 4;

/// How many datagrams may wait to be looked at.
const DEPTH: usize = 8;

/// A thread that receives until nothing more is queued, which is the end of a dump: the kernel
/// queues a datagram while the one before is received.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Gone once the thread has to end.
    lanes: Option<Lanes>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Lanes {
    filled: Receiver<Datagram>,
    empty: Sender<Box<[u8]>>,
}

/// A buffer, and what was received into it.
type Datagram = (Box<[u8]>, io::Result<usize>);

impl Ahead {
    /// Starts to receive into buffers of this size. `None` where that would gain nothing, because
    /// there is one processor, or is refused.
    pub(crate) fn start(inner: &Arc<netlink_sys::Socket>, size: usize) -> Option<Self> {
        if rustix::thread::sched_getaffinity(None).ok()?.count() < 2 {
            return None;
        }
        let (fill, filled) = channel();
        let (empty, to_fill) = channel::<Box<[u8]>>();
        for _ in 0..DEPTH {
            empty.send(vec![0; size].into()).ok()?;
        }
        let inner = Arc::clone(inner);
        let receive = move || {
            for mut buffer in to_fill {
                let length = socket::receive(&inner, &mut None, &mut buffer, RecvFlags::DONTWAIT);
                let is_last = length.is_err();
                if fill.send((buffer, length)).is_err() || is_last {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("netlink dump".into()).spawn(receive).ok()?;
        Some(Self { lanes: Some(Lanes { filled, empty }), thread: Some(thread) })
    }

    /// The next datagram; `None` once the thread has ended, and what it received last is handed out.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let lanes = self.lanes.as_ref()?;
        let (filled, length) = lanes.filled.recv().ok()?;
        if let Ok(length) = length {
            let length = length.min(buffer.len());
            buffer[..length].copy_from_slice(&filled[..length]);
        }
        // The thread may have ended.
        _ = lanes.empty.send(filled);
        Some(length)
    }
}

/// Whoever receives next must be alone.
impl Drop for Ahead {
    fn drop(&mut self) {
        self.lanes = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic, and holds nothing that would be lost.
            _ = thread.join();
        }
    }
}
