//! Netlink sockets that hear events.

use std::fs;

use crate::{Context as _, Result};

/// A netlink socket that is in a group.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    /// The part of the kernel that it listens to (`NETLINK_*`).
    pub bus: u32,
    /// Bytes that wait in it.
    pub waiting: u64,
    /// How often it lost some.
    pub lost: u64,
    /// Its number among files.
    pub inode: u64,
}

/// The listeners in the network namespace of a process: its id, or `self`.
pub fn listeners(process: &str) -> Result<Vec<Listener>> {
    let path = format!("/proc/{process}/net/netlink");
    let sockets = fs::read_to_string(&path).context(|| format!("cannot read {path}"))?;
    Ok(sockets.lines().filter_map(listener).collect())
}

fn listener(row: &str) -> Option<Listener> {
    let columns: Vec<_> = row.split_whitespace().collect();
    let [_, bus, _, groups, waiting, _, _, _, lost, inode] = columns[..] else { return None };
    let listener = Listener {
        bus: bus.parse().ok()?,
        waiting: waiting.parse().ok()?,
        lost: lost.parse().ok()?,
        inode: inode.parse().ok()?,
    };
    groups.bytes().any(|digit| digit != b'0').then_some(listener)
}
