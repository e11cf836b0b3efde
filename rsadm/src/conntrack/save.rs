//! `rsadm conntrack save`.

use std::io::Write;

use conntrack::{Flow, NewFlow};

use super::connect;
use super::filter::Filters;
use super::script::write;
use crate::classic::Line;
use crate::failure::Result;

/// Bytes that are collected before they are written.
const PIECE: usize = 32 * 1024;

/// Writes each flow as the line that makes it again.
pub(super) fn run(filters: &Filters, out: &mut impl Write) -> Result<()> {
    let filter = filters.build()?;
    let mut client = connect()?;
    let mut flows = client.flows(&filter)?;
    let mut line = Line::default();
    while let Some(flow) = flows.next()? {
        write::flow(&mut line, &NewFlow::like(&flow));
        line.spill(PIECE, out)?;
    }
    Ok(line.spill(1, out)?)
}

/// Writes flows of a snapshot.
pub(super) fn saved<'f>(
    flows: impl Iterator<Item = &'f Flow<'static>>,
    out: &mut impl Write,
) -> Result<()> {
    let mut line = Line::default();
    for flow in flows {
        write::flow(&mut line, &NewFlow::like(flow));
        line.spill(PIECE, out)?;
    }
    Ok(line.spill(1, out)?)
}
