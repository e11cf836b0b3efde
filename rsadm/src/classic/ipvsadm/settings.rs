//! Version, timeouts and synchronisation daemons.

use std::io::{self, Write};

use ipvs::{Daemon, Info, Timeouts};

/// Writes the first line of a listing.
pub fn version(out: &mut impl Write, info: &Info) -> io::Result<()> {
    let Info { version, connection_table_size } = info;
    writeln!(out, "IP Virtual Server version {version} (size={connection_table_size})")
}

/// Writes the line of the timeouts.
pub fn timeouts(out: &mut impl Write, timeouts: &Timeouts) -> io::Result<()> {
    let Timeouts { tcp, tcp_fin, udp } = timeouts;
    writeln!(out, "Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}")
}

/// Writes the line of a daemon; what the kernel does not tell is left out.
pub fn daemon(out: &mut impl Write, daemon: &Daemon) -> io::Result<()> {
    let Daemon { role, interface, sync_id, max_length, group, port, ttl } = daemon;
    write!(out, "{role} sync daemon (mcast={interface}, syncid={sync_id}")?;
    if *max_length != 0 {
        write!(out, ", maxlen={max_length}")?;
    }
    if let Some(group) = group {
        write!(out, ", group={group}")?;
    }
    if *port != 0 {
        write!(out, ", port={port}")?;
    }
    if *ttl != 0 {
        write!(out, ", ttl={ttl}")?;
    }
    writeln!(out, ")")
}

#[cfg(test)]
mod tests {
    use ipvs::{Role, Version};

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn settings_as_ipvsadm_prints_them() {
        let info = Info { version: Version(0x0001_0201), connection_table_size: 4096 };
        assert_eq!(
            text(|out| version(out, &info)),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
        );
        let defaults = Timeouts { tcp: 900, tcp_fin: 120, udp: 300 };
        assert_eq!(text(|out| timeouts(out, &defaults)), "Timeout (tcp tcpfin udp): 900 120 300\n");
    }

    #[test]
    fn a_daemon_with_everything_and_with_nothing() {
        let full = Daemon {
            role: Role::Backup,
            interface: "lo".into(),
            sync_id: 7,
            max_length: 1000,
            group: Some("ff02::51".parse().expect("an address")),
            port: 9999,
            ttl: 5,
        };
        assert_eq!(
            text(|out| daemon(out, &full)),
            "backup sync daemon (mcast=lo, syncid=7, maxlen=1000, group=ff02::51, port=9999, \
             ttl=5)\n"
        );
        assert_eq!(
            text(|out| daemon(out, &Daemon::new(Role::Master, "eth0"))),
            "master sync daemon (mcast=eth0, syncid=0)\n"
        );
    }
}
