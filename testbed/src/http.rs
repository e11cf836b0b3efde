//! The web server in the lab's pods and the client that asks it: just enough of HTTP.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddrV4, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use rustix::net::{
    AddressFamily, SocketType, bind, connect, socket,
    sockopt::{Timeout, set_socket_timeout},
};

use crate::{Context, Error, Result};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers every request with `body`, on threads of this process, until it ends.
///
/// The listener belongs to the network namespace of the calling thread.
pub fn serve(address: SocketAddrV4, body: &str) -> Result<()> {
    let listener = TcpListener::bind(address).context(|| format!("cannot listen on {address}"))?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            // A client that went away is no concern of the server's.
            thread::spawn(move || reply(&stream, &answer));
        }
    });
    Ok(())
}

fn reply(mut stream: &TcpStream, answer: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = BufReader::new(stream);
    for line in request.lines() {
        if line?.is_empty() {
            break;
        }
    }
    stream.write_all(answer.as_bytes())
}

/// Asks `to` for its page, from the address `from` when given, and answers the body.
pub fn get(to: SocketAddrV4, from: Option<SocketAddrV4>) -> Result<String> {
    let text = exchange(to, from).context(|| format!("no answer from http://{to}/"))?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(Error::new(format!("http://{to}/ answered `{text}`"))),
    }
}

fn exchange(to: SocketAddrV4, from: Option<SocketAddrV4>) -> std::io::Result<String> {
    // The standard library cannot choose the address that it connects from.
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    for side in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, side, Some(PATIENCE))?;
    }
    if let Some(from) = from {
        bind(&socket, &from)?;
    }
    connect(&socket, &to)?;
    let mut stream = TcpStream::from(socket);
    write!(stream, "GET / HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
