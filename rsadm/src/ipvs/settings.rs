//! `rsadm ipvs timeouts` and `rsadm ipvs daemons`.

use std::io::Write;

use ipvs::{Daemon, Timeouts};

use super::arguments::{self, DaemonStart};
use super::writer;
use crate::classic::ipvsadm;
use crate::cli::Format;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{self, Items, Structure};

/// Shows the timeouts.
pub(super) fn show_timeouts(
    timeouts: &Timeouts,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    if let Some(structure) = Structure::of(format) {
        return output::document(out, structure, timeouts);
    }
    if format == Format::Classic {
        return Ok(ipvsadm::timeouts(out, timeouts)?);
    }
    let mut table = Table::new(&[("CONNECTIONS", Align::Left), ("SECONDS", Align::Right)]);
    for (name, seconds) in
        [("tcp", timeouts.tcp), ("tcp_fin", timeouts.tcp_fin), ("udp", timeouts.udp)]
    {
        table.row(out, vec![name.to_owned(), seconds.to_string()])?;
    }
    Ok(table.finish(out)?)
}

/// Sets the timeouts that were given; the kernel takes 0 as "leave it".
pub(super) fn set_timeouts(arguments: &arguments::Timeouts) -> Result<()> {
    let timeouts = Timeouts {
        tcp: arguments.tcp.unwrap_or(0),
        tcp_fin: arguments.tcp_fin.unwrap_or(0),
        udp: arguments.udp.unwrap_or(0),
    };
    Ok(writer()?.set_timeouts(&timeouts)?)
}

/// Shows the synchronisation daemons.
pub(super) fn show_daemons(
    mut daemons: Vec<Daemon>,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    daemons.sort_by_key(|daemon| daemon.role);
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for daemon in &daemons {
            items.push(daemon)?;
        }
        return items.finish();
    }
    if format == Format::Classic {
        for daemon in &daemons {
            ipvsadm::daemon(out, daemon)?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[
        ("ROLE", Align::Left),
        ("INTERFACE", Align::Left),
        ("SYNCID", Align::Right),
        ("MAXLEN", Align::Right),
        ("GROUP", Align::Left),
        ("PORT", Align::Right),
        ("TTL", Align::Right),
    ]);
    for daemon in daemons {
        let row = vec![
            daemon.role.to_string(),
            daemon.interface,
            daemon.sync_id.to_string(),
            daemon.max_length.to_string(),
            daemon.group.map(|group| group.to_string()).unwrap_or_default(),
            daemon.port.to_string(),
            daemon.ttl.to_string(),
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}

/// Starts a synchronisation daemon.
pub(super) fn start(arguments: DaemonStart) -> Result<()> {
    let daemon = Daemon {
        sync_id: arguments.syncid,
        max_length: arguments.sync_maxlen.unwrap_or(0),
        group: arguments.mcast_group,
        port: arguments.mcast_port.unwrap_or(0),
        ttl: arguments.mcast_ttl.unwrap_or(0),
        ..Daemon::new(arguments.role, arguments.mcast_interface)
    };
    Ok(writer()?.start_daemon(&daemon)?)
}
