//! The responder in the pods of a UDP service and the client that asks it.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{Context, Result};

/// How often a responder looks whether it is to end: a receiving socket cannot be woken up.
const TICK: Duration = Duration::from_millis(20);
/// No datagram is larger.
const LARGEST: usize = 65_507;

/// A responder that is running, until it is dropped.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Server {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Answers every datagram on a thread of this process: `body`, and for a number that many bytes
/// after it.
///
/// The socket belongs to the network namespace of the calling thread.
pub fn serve(address: SocketAddr, body: &str) -> Result<Server> {
    let socket = UdpSocket::bind(address).context(|| format!("cannot listen on {address}"))?;
    socket.set_read_timeout(Some(TICK)).context(|| "cannot set a timeout".into())?;
    let ended = Arc::new(AtomicBool::new(false));
    let (body, end) = (body.to_owned(), Arc::clone(&ended));
    let thread = thread::spawn(move || {
        let mut datagram = [0; 64];
        while !end.load(Ordering::Relaxed) {
            let Ok((length, client)) = socket.recv_from(&mut datagram) else { continue };
            let text = String::from_utf8_lossy(&datagram[..length]);
            let filler = text.trim().parse().unwrap_or(0);
            // A client that went away is no concern of the responder's.
            let _ = socket.send_to(format!("{body}{}", ".".repeat(filler)).as_bytes(), client);
        }
    });
    Ok(Server { ended, thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// A client that keeps its port, so that all it asks is one flow.
#[derive(Debug)]
pub struct Caller(UdpSocket);

impl Caller {
    /// Will ask `to`, from the address `from` when given.
    pub fn new(to: SocketAddr, from: Option<IpAddr>, patience: Duration) -> io::Result<Self> {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = match from {
            Some(from) => UdpSocket::bind((from, 0)),
            None => UdpSocket::bind(any),
        }?;
        socket.set_read_timeout(Some(patience))?;
        socket.connect(to)?;
        Ok(Self(socket))
    }

    /// Asks once, for `filler` bytes more than the body.
    pub fn ask(&self, filler: usize) -> io::Result<String> {
        self.0.send(filler.to_string().as_bytes())?;
        let mut answer = vec![0; LARGEST];
        let length = self.0.recv(&mut answer)?;
        answer.truncate(length);
        let text = String::from_utf8(answer).map_err(|_| io::ErrorKind::InvalidData)?;
        if text.len() < filler {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(text)
    }
}
