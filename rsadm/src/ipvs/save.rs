//! `rsadm ipvs save`.

use std::io::Write;

use super::reader;
use super::script::write::{self, Detail};
use crate::failure::Result;

/// Writes the table as a script, always in numbers: names may mean something else tomorrow.
pub(super) fn run(full: bool, out: &mut impl Write) -> Result<()> {
    let mut client = reader()?;
    let detail = if full { Detail::Full } else { Detail::Plain };
    let mut table = client.table()?;
    table.sort_by_key(|entry| entry.service.service.key);
    if full {
        write::timeouts(out, &client.timeouts()?)?;
    }
    for entry in &table {
        let service = &entry.service.service;
        write::service(out, service, detail)?;
        // In the kernel's order, which the destinations will have again.
        for row in &entry.destinations {
            write::destination(out, &service.key, &row.destination, detail)?;
        }
    }
    if full {
        for daemon in client.daemons()? {
            write::daemon(out, &daemon)?;
        }
    }
    Ok(())
}
