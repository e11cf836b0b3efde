//! The web server in the lab's pods and the client that asks it: just enough of HTTP.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use rustix::net::{
    AddressFamily, Shutdown, SocketType, bind, connect, shutdown, socket,
    sockopt::{Timeout, set_socket_timeout},
};

use crate::{Context, Error, Result};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that is running, until it is dropped.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Server(TcpListener);

/// Answers every request on threads of this process: `body`, and for `/NUMBER` that many bytes
/// after it.
///
/// The listener belongs to the network namespace of the calling thread.
pub fn serve(address: impl Into<SocketAddr>, body: &str) -> Result<Server> {
    let address = address.into();
    let listener = TcpListener::bind(address).context(|| format!("cannot listen on {address}"))?;
    let accepting = listener.try_clone().context(|| "cannot share the listener".into())?;
    let body = body.to_owned();
    thread::spawn(move || {
        loop {
            match accepting.accept() {
                Ok((stream, _)) => {
                    let body = body.clone();
                    // A client that went away is no concern of the server's.
                    thread::spawn(move || reply(&stream, &body));
                }
                // The server was dropped.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
                Err(_) => {}
            }
        }
    });
    Ok(Server(listener))
}

impl Drop for Server {
    /// Nobody listens from now on: what asks is refused.
    fn drop(&mut self) {
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

fn reply(mut stream: &TcpStream, body: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut filler = 0;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let path = line.strip_prefix("GET /").and_then(|rest| rest.split_once(' '));
        filler = path.and_then(|(path, _)| path.parse().ok()).unwrap_or(filler);
    }
    let length = body.len() + filler;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // In one write: what fits a packet is one packet.
    stream.write_all(format!("{head}{body}{}", ".".repeat(filler)).as_bytes())
}

/// Asks `to` for its page, from the address `from` when given, and answers the body.
pub fn get(to: impl Into<SocketAddr>, from: Option<IpAddr>) -> Result<String> {
    let to = to.into();
    let text =
        exchange(to, from, 0, PATIENCE).context(|| format!("no answer from http://{to}/"))?;
    match body_of(&text) {
        Some(body) => Ok(body.to_owned()),
        None => Err(Error::new(format!("http://{to}/ answered `{text}`"))),
    }
}

/// The same with `filler` bytes more in the answer, and within this time for each step.
pub fn ask(
    to: SocketAddr,
    from: Option<IpAddr>,
    filler: usize,
    patience: Duration,
) -> io::Result<String> {
    let text = exchange(to, from, filler, patience)?;
    let body = body_of(&text).filter(|body| body.len() >= filler);
    body.map(str::to_owned).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn body_of(text: &str) -> Option<&str> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then_some(body)
}

fn exchange(
    to: SocketAddr,
    from: Option<IpAddr>,
    filler: usize,
    patience: Duration,
) -> io::Result<String> {
    // The standard library cannot choose the address that it connects from.
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::STREAM, None)?;
    for side in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, side, Some(patience))?;
    }
    if let Some(from) = from {
        bind(&socket, &SocketAddr::new(from, 0))?;
    }
    connect(&socket, &to)?;
    let mut stream = TcpStream::from(socket);
    let request = format!("GET /{filler} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
