//! `rsadm conntrack count`, `stats` and `caps`: the table as a whole.

use std::collections::BTreeMap;
use std::io::Write;

use conntrack::{Capabilities, Capability, CpuStatistics, Flow, Namespace, Support, Sysctls};
use serde::Serialize;

use super::connect;
use super::filter::Filters;
use crate::classic::Line;
use crate::classic::conntrack::statistics as text;
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure, document};

/// How many flows there are and may be.
#[derive(Serialize)]
struct Fill {
    count: u64,
    max: Option<u64>,
    buckets: Option<u64>,
}

/// Shows how full the table is, or how many flows match; classic output is the number alone.
pub(super) fn count(filters: &Filters, format: Format, out: &mut impl Write) -> Result<()> {
    let filter = filters.build()?;
    let mut client = connect()?;
    let table = client.global_statistics()?;
    let sysctls = Sysctls::read(&Namespace::Current).unwrap_or_default();
    let max = table.max_entries.map(u64::from).or(sysctls.max());
    let count = if filter.is_empty() { table.entries.into() } else { client.count_of(&filter)? };
    show_count(&Fill { count, max, buckets: sysctls.buckets() }, format, out)
}

/// The same of a snapshot.
pub(super) fn saved_count<'s>(
    filters: &Filters,
    sysctls: &Sysctls,
    flows: impl Fn() -> Result<&'s Vec<Flow<'static>>>,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let filter = filters.build()?;
    let count = match sysctls.count().filter(|_| filter.is_empty()) {
        Some(count) => count,
        None => flows()?.iter().filter(|flow| filter.matches(flow)).count() as u64,
    };
    show_count(&Fill { count, max: sysctls.max(), buckets: sysctls.buckets() }, format, out)
}

fn show_count(fill: &Fill, format: Format, out: &mut impl Write) -> Result<()> {
    let Fill { count, max, buckets } = *fill;
    if let Some(structure) = Structure::of(format) {
        return document(out, structure, fill);
    }
    if format == Format::Classic {
        return Ok(writeln!(out, "{count}")?);
    }
    let mut table = Table::new(&[
        ("FLOWS", Align::Right),
        ("MAX", Align::Right),
        ("USED", Align::Right),
        ("BUCKETS", Align::Right),
    ]);
    let shown = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let used = max.filter(|max| *max > 0).map(|max| {
        // In thousandths, since these are what is shown.
        let thousandths = (count * 1000 + max / 2) / max;
        format!("{}.{} %", thousandths / 10, thousandths % 10)
    });
    let row = vec![count.to_string(), shown(max), used.unwrap_or_default(), shown(buckets)];
    table.row(out, row)?;
    Ok(table.finish(out)?)
}

/// What a processor counted.
#[derive(Serialize)]
struct Cpu {
    cpu: u16,
    #[serde(flatten)]
    counters: BTreeMap<String, u32>,
}

impl From<&CpuStatistics> for Cpu {
    fn from(statistics: &CpuStatistics) -> Self {
        let name = |counter: conntrack::Counter| match counter.name() {
            Some(name) => name.to_owned(),
            None => format!("counter_{}", counter.0),
        };
        let counters = statistics.counters.iter().map(|(it, value)| (name(*it), *value));
        Self { cpu: statistics.cpu, counters: counters.collect() }
    }
}

/// Shows what each processor counted; in a table also the sums.
pub(super) fn statistics(format: Format, out: &mut impl Write) -> Result<()> {
    show_statistics(&connect()?.statistics()?, format, out)
}

/// Shows what was counted.
pub(super) fn show_statistics(
    all: &[CpuStatistics],
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for cpu in all {
            items.push(&Cpu::from(cpu))?;
        }
        return items.finish();
    }
    if format == Format::Classic {
        let mut line = Line::default();
        for cpu in all {
            text::cpu(&mut line, cpu);
        }
        return Ok(line.spill(1, out)?);
    }
    let mut table =
        Table::new(&[("COUNTER", Align::Left), ("TOTAL", Align::Right), ("LARGEST", Align::Left)]);
    let counters = all.first().map(|cpu| cpu.counters.as_slice()).unwrap_or_default();
    for (counter, _) in counters {
        let of = |cpu: &CpuStatistics| cpu.get(*counter).unwrap_or_default();
        let total: u64 = all.iter().map(|cpu| u64::from(of(cpu))).sum();
        let largest = all.iter().max_by_key(|cpu| of(cpu)).filter(|cpu| of(cpu) > 0);
        let row = vec![
            counter.name().map_or_else(|| format!("counter_{}", counter.0), str::to_owned),
            total.to_string(),
            largest.map(|cpu| format!("{} on cpu {}", of(cpu), cpu.cpu)).unwrap_or_default(),
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}

/// A capability for programs.
#[derive(Serialize)]
struct Found {
    capability: &'static str,
    support: String,
}

/// Shows what the kernel does right.
pub(super) fn capabilities(format: Format, out: &mut impl Write) -> Result<()> {
    let capabilities = Capabilities::probe();
    if capabilities == Capabilities::default() {
        return Err(Failure::refused("cannot find out what the kernel does").hint(
            "it is tried in a network namespace of its own, which needs CAP_SYS_ADMIN; try sudo",
        ));
    }
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for (capability, support) in capabilities.iter() {
            let capability = capability.name();
            items.push(&Found { capability, support: support.to_string() })?;
        }
        return items.finish();
    }
    let mut table = Table::new(&[
        ("CAPABILITY", Align::Left),
        ("SUPPORT", Align::Left),
        ("MEANING", Align::Left),
    ]);
    for (capability, support) in capabilities.iter() {
        let meaning = meaning(capability, support);
        table.row(out, vec![capability.to_string(), support.to_string(), meaning.to_owned()])?;
    }
    Ok(table.finish(out)?)
}

/// What it means for rsadm.
fn meaning(capability: Capability, support: Support) -> &'static str {
    match (capability, support) {
        (_, Support::Unknown) => "could not be tried",
        (Capability::Echo, Support::Works) => "the kernel names what one request deleted",
        (Capability::Echo, _) => "the kernel does not name what one request deleted",
        (Capability::Zones, Support::Works) => "flows have zones",
        (Capability::Zones, _) => "no zones in this kernel",
        (Capability::TrackUdplite | Capability::TrackDccp, Support::Works) => "flows have ports",
        (Capability::TrackUdplite | Capability::TrackDccp, _) => {
            "not tracked: such flows cannot be made"
        }
        (_, Support::Works) => "may be left to the kernel",
        (_, Support::Ignored) => "the kernel passes over it: done here",
        (_, Support::Broken) => "the kernel gets it wrong: done here",
        (_, Support::Refused) => "the kernel refuses it: done here",
    }
}
