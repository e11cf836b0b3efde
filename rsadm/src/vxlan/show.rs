//! Listings whose text and JSON are bridge's.

use std::io::{self, Write};

use crate::classic::bridge::{Form, Format, Printer};
use crate::failure::Result;
use crate::output::{Items, Structure};

/// Bytes that are collected before they are written.
pub(super) const PIECE: usize = 32 * 1024;

/// Values as bridge's JSON, one object each.
#[derive(Debug)]
pub(super) struct Objects(Printer);

impl Objects {
    pub(super) fn new() -> Self {
        let form = Form::Json { pretty: false };
        Self(Printer::new(Format {
            form,
            statistics: true,
            details: true,
            remotes: true,
            ..Format::default()
        }))
    }

    /// The object that is printed.
    pub(super) fn of(&mut self, print: impl FnOnce(&mut Printer)) -> &[u8] {
        // A sink takes everything.
        _ = self.0.write_to(&mut io::sink());
        self.0.begin();
        print(&mut self.0);
        self.0.end();
        let list = self.0.bytes();
        list.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]\n")).unwrap_or(list)
    }
}

/// Writes each of the values as an object for programs.
pub(super) fn objects<V>(
    out: &mut impl Write,
    structure: Structure,
    values: impl IntoIterator<Item = V>,
    print: impl Fn(&mut Printer, V),
) -> Result<()> {
    let mut items = Items::new(out, structure);
    let mut objects = Objects::new();
    for value in values {
        items.encoded(objects.of(|printer| print(printer, value)))?;
    }
    items.finish()
}
