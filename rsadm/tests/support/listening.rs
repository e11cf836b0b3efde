//! Programs of ours that listen to the kernel.

use std::fs;
use std::io;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use testbed::listeners::listeners;

const PATIENCE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(20);

/// Waits until a program listens and has read its tables: a netlink socket of its is in a group, and it
/// sleeps at several looks.
pub(crate) fn wait_for(child: &Child) -> io::Result<()> {
    let (end, mut asleep) = (Instant::now() + PATIENCE, 0);
    while asleep < 3 {
        if Instant::now() > end {
            return Err(io::Error::other("the program does not come to listen"));
        }
        thread::sleep(TICK);
        asleep = if is_in_a_group(child.id())? && is_asleep(child.id())? { asleep + 1 } else { 0 };
    }
    Ok(())
}

fn is_asleep(pid: u32) -> io::Result<bool> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before the state may have any characters.
    Ok(stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
}

fn is_in_a_group(pid: u32) -> io::Result<bool> {
    let mut sockets = Vec::new();
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // One that was closed meanwhile is none.
        let Ok(file) = fs::read_link(descriptor?.path()) else { continue };
        let file = file.to_string_lossy().into_owned();
        let inode = file.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        sockets.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
    }
    let all = listeners(&pid.to_string()).map_err(io::Error::other)?;
    Ok(all.iter().any(|listener| sockets.contains(&listener.inode)))
}
