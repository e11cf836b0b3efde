//! The attempt itself: one connection, or one datagram.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ipvs::Protocol;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, getsockname, recv,
    send, socket_with,
};

use super::{Outcome, Payload, Plan};

/// A tick in which the kernel is asked again whether all was acknowledged.
const TICK: Duration = Duration::from_millis(20);

/// What an open socket knows.
///
/// It stays open until the kernel's tables have been looked at.
pub(super) struct Attempt {
    _socket: OwnedFd,
    pub(super) from: SocketAddr,
    pub(super) result: Outcome,
    pub(super) took: Duration,
    pub(super) payload: Option<Payload>,
}

/// Makes the attempt, within the time that the plan has.
pub(super) fn make(plan: &Plan) -> Result<Attempt, Errno> {
    match plan.protocol {
        Protocol::UDP => datagram(plan),
        _ => connection(plan),
    }
}

fn open(plan: &Plan, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if plan.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if let Some(from) = plan.from {
        bind(&socket, &SocketAddr::new(from, 0))?;
    }
    Ok(socket)
}

fn local(socket: &OwnedFd) -> SocketAddr {
    let name = getsockname(socket).ok().and_then(|name| SocketAddr::try_from(name).ok());
    name.unwrap_or(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))
}

/// Largest packet that the host knows to fit the socket's way.
fn known_mtu(plan: &Plan, socket: &OwnedFd) -> Option<u32> {
    if plan.to.is_ipv4() { sockopt::ip_mtu(socket) } else { sockopt::ipv6_mtu(socket) }.ok()
}

/// Waits for events of the socket; whether they came in time.
fn wait(socket: &OwnedFd, events: PollFlags, time: Duration) -> Result<bool, Errno> {
    let time =
        Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
    let mut all = [PollFd::from_borrowed_fd(socket.as_fd(), events)];
    loop {
        match poll(&mut all, Some(&time)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn outcome(error: Errno) -> Result<Outcome, Errno> {
    match error {
        Errno::CONNREFUSED | Errno::CONNRESET => Ok(Outcome::Refused),
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::ACCESS | Errno::INVAL => {
            Ok(Outcome::Unreachable)
        }
        Errno::TIMEDOUT => Ok(Outcome::Silent),
        Errno::MSGSIZE => Ok(Outcome::TooLarge),
        error => Err(error),
    }
}

fn connection(plan: &Plan) -> Result<Attempt, Errno> {
    let socket = open(plan, SocketType::STREAM)?;
    let begun = Instant::now();
    let result = match connect(&socket, &plan.to) {
        Ok(()) => Outcome::Answered,
        Err(Errno::INPROGRESS) if wait(&socket, PollFlags::OUT, plan.patience)? => {
            match sockopt::socket_error(&socket)? {
                Ok(()) => Outcome::Answered,
                Err(error) => outcome(error)?,
            }
        }
        Err(Errno::INPROGRESS) => Outcome::Silent,
        Err(error) => outcome(error)?,
    };
    let took = begun.elapsed();
    let from = local(&socket);
    let payload = match plan.size {
        Some(bytes) if result == Outcome::Answered => {
            Some(push(plan, &socket, from, bytes, begun + plan.patience)?)
        }
        _ => None,
    };
    Ok(Attempt { _socket: socket, from, result, took, payload })
}

/// Sends payload over a connection, and waits until the other end has acknowledged it.
fn push(
    plan: &Plan,
    socket: &OwnedFd,
    from: SocketAddr,
    bytes: u16,
    end: Instant,
) -> Result<Payload, Errno> {
    let zeros = vec![0; usize::from(bytes)];
    let mut rest = zeros.as_slice();
    let mut acknowledged = false;
    while Instant::now() < end && !acknowledged {
        match send(socket, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = &rest[sent..],
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The other end did not like it, and so got it.
            Err(Errno::PIPE | Errno::CONNRESET) => break,
            Err(error) => return Err(error),
        }
        acknowledged = rest.is_empty() && waits_for_acknowledgement(from) == Some(0);
        if !acknowledged {
            std::thread::sleep(TICK);
        }
    }
    let failed = sockopt::socket_error(socket)?.is_err();
    let acknowledged = Some(acknowledged || failed);
    Ok(Payload { bytes, acknowledged, mtu: known_mtu(plan, socket) })
}

/// Bytes of the connection from this address that the other end has not acknowledged; `None` if the
/// connection is gone.
fn waits_for_acknowledgement(from: SocketAddr) -> Option<u64> {
    let name = if from.is_ipv4() { "tcp" } else { "tcp6" };
    let text = fs::read_to_string(format!("/proc/thread-self/net/{name}")).ok()?;
    let port = format!(":{:04X}", from.port());
    let line = text
        .lines()
        .find(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port)))?;
    let (queue, _) = line.split_whitespace().nth(4)?.split_once(':')?;
    u64::from_str_radix(queue, 16).ok()
}

fn datagram(plan: &Plan) -> Result<Attempt, Errno> {
    let socket = open(plan, SocketType::DGRAM)?;
    if plan.size.is_some() {
        match plan.to {
            SocketAddr::V4(_) => {
                sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DO)?;
            }
            SocketAddr::V6(_) => {
                sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::DO)?;
            }
        }
    }
    let begun = Instant::now();
    let bytes = plan.size.unwrap_or(1);
    let sent = connect(&socket, &plan.to)
        .and_then(|()| send(&socket, &vec![0; usize::from(bytes)], SendFlags::empty()));
    let result = match sent {
        Ok(_) if wait(&socket, PollFlags::IN, plan.patience)? => {
            match recv(&socket, &mut [0; 2048][..], RecvFlags::empty()) {
                Ok(_) => Outcome::Answered,
                Err(error) => outcome(error)?,
            }
        }
        Ok(_) => Outcome::Silent,
        Err(error) => outcome(error)?,
    };
    let took = begun.elapsed();
    let acknowledged = (result == Outcome::Answered).then_some(true);
    let mtu = known_mtu(plan, &socket);
    let payload = plan.size.map(|bytes| Payload { bytes, acknowledged, mtu });
    Ok(Attempt { from: local(&socket), _socket: socket, result, took, payload })
}
