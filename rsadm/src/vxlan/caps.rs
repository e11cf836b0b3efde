//! `rsadm vxlan caps`.

use std::io::Write;

use serde::Serialize;
use vxlan::{Capabilities, Support};

use super::connect;
use crate::cli::Format;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure};

/// A capability for programs.
#[derive(Serialize)]
struct Found {
    capability: &'static str,
    support: &'static str,
    since: &'static str,
}

/// Shows what the kernel does.
pub(super) fn run(format: Format, out: &mut impl Write) -> Result<()> {
    let mut client = connect()?;
    let link = client.links()?.first().map(|link| link.index);
    let capabilities = client.probe(link)?;
    let rows = rows(capabilities);
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for (capability, support, since, _) in rows {
            items.push(&Found { capability, support: name(support), since })?;
        }
        return items.finish();
    }
    let mut table = Table::new(&[
        ("CAPABILITY", Align::Left),
        ("SUPPORT", Align::Left),
        ("SINCE", Align::Left),
        ("MEANING", Align::Left),
    ]);
    for (capability, support, since, meaning) in rows {
        let meaning = match support {
            Support::Unknown => "could not be tried: it takes privilege, and a VXLAN device",
            _ => meaning,
        };
        let row = [capability, name(support), since, meaning];
        table.row(out, row.map(str::to_owned).to_vec())?;
    }
    Ok(table.finish(out)?)
}

type Row = (&'static str, Support, &'static str, &'static str);

fn rows(found: Capabilities) -> [Row; 6] {
    [
        ("list-one-device", found.filtered_listing, "5.0", "the kernel lists one device alone"),
        ("get", found.read_entry, "5.0", "the kernel shows one entry by its address"),
        (
            "flush",
            found.flush,
            "6.7",
            "the kernel deletes many entries with one request; without it they are listed and \
             deleted one by one",
        ),
        ("vnifilter", found.vni_filter, "5.18", "devices take the VNIs of a list"),
        ("mdb", found.multicast, "6.4", "VXLAN devices have a multicast database"),
        ("nexthops", found.nexthops, "5.3", "entries can lead to nexthop groups (5.8)"),
    ]
}

const fn name(support: Support) -> &'static str {
    match support {
        Support::Works => "works",
        Support::Lacks => "lacks",
        Support::Unknown => "unknown",
    }
}
