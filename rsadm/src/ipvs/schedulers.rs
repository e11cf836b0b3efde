//! `rsadm ipvs schedulers`.

use std::io::Write;

use ipvs::{Module, Modules};

use crate::cli::Format;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{self, Structure};

/// Lists schedulers and persistence engines; what the kernel does not have is listed too, so that
/// a missing module is seen.
pub(super) fn list(format: Format, out: &mut impl Write) -> Result<()> {
    let modules = Modules::read()?;
    if let Some(structure) = Structure::of(format) {
        return output::document(out, structure, &modules);
    }
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("KIND", Align::Left),
        ("KERNEL", Align::Left),
        ("FLAGS", Align::Left),
        ("DESCRIPTION", Align::Left),
    ]);
    for (kind, list) in
        [("scheduler", modules.schedulers), ("persistence engine", modules.persistence_engines)]
    {
        for Module { name, presence, description, flags, .. } in list {
            let row = vec![
                name,
                kind.to_owned(),
                presence.name().to_owned(),
                flags.join(","),
                description,
            ];
            table.row(out, row)?;
        }
    }
    Ok(table.finish(out)?)
}
