//! `rsadm ipvs save`.

use std::io::Write;

use ipvs::{Daemon, ServiceTable, Timeouts};

use super::reader;
use super::script::write::{self, Detail};
use crate::failure::Result;

/// Writes the table as a script, always in numbers: names may mean something else tomorrow.
pub(super) fn run(full: bool, out: &mut impl Write) -> Result<()> {
    let mut client = reader()?;
    let table = client.table()?;
    if !full {
        return write(full, table, None, Vec::new(), out);
    }
    let (timeouts, daemons) = (client.timeouts()?, client.daemons()?);
    write(full, table, Some(timeouts), daemons, out)
}

/// Writes what was read; timeouts and daemons only if all is wanted.
pub(super) fn write(
    full: bool,
    mut table: Vec<ServiceTable>,
    timeouts: Option<Timeouts>,
    daemons: Vec<Daemon>,
    out: &mut impl Write,
) -> Result<()> {
    let detail = if full { Detail::Full } else { Detail::Plain };
    table.sort_by_key(|entry| entry.service.service.key);
    if let Some(timeouts) = timeouts.filter(|_| full) {
        write::timeouts(out, &timeouts)?;
    }
    for ServiceTable { service, mut destinations } in table {
        let service = &service.service;
        write::service(out, service, detail)?;
        if full {
            // The kernel puts the last that was added first, and the schedulers sh and dh give
            // clients to destinations by this order.
            destinations.reverse();
        } else {
            destinations.sort_by_key(|row| row.destination.address);
        }
        for row in &destinations {
            write::destination(out, &service.key, &row.destination, detail)?;
        }
    }
    if full {
        for daemon in daemons {
            write::daemon(out, &daemon)?;
        }
    }
    Ok(())
}
