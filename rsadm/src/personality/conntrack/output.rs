//! Flows and expectations on standard output, in the form that was asked for.

use std::io::{self, Write};

use conntrack::{EventKind, Expectation, Flow};

use super::order::Shared;
use super::words;
use crate::classic::Line;
use crate::classic::conntrack::{Format, expectation, save, text, xml};

/// Output is written in pieces of at least this size.
const PIECE: usize = 64 * 1024;

/// Standard output, and how to write to it.
#[derive(Debug)]
pub(super) struct Output<O> {
    out: O,
    line: Line,
    mask: u32,
    format: Format,
    /// That of flows that were updated, whose times are not shown.
    updated: Format,
    /// That of flows that were deleted, whose labels are not shown either.
    deleted: Format,
    /// XML has begun, and has to be ended.
    open: bool,
}

impl<O: Write> Output<O> {
    pub(super) fn new(out: O) -> Self {
        Self {
            out,
            line: Line::default(),
            mask: 0,
            format: Format::default(),
            updated: Format::default(),
            deleted: Format::default(),
            open: false,
        }
    }

    /// Takes the form that was asked for.
    pub(super) fn take_form(&mut self, shared: Shared) {
        let Shared { output, label_map } = shared;
        self.mask = output;
        self.format = Format {
            extended: output & words::EXTENDED != 0,
            id: output & words::ID != 0,
            timestamps: output & words::KERNEL_TIMESTAMP != 0,
            verbatim: true,
            labels: label_map,
        };
        self.updated = Format { timestamps: false, ..self.format.clone() };
        self.deleted = Format { timestamps: false, labels: None, ..self.format };
    }

    pub(super) fn has(&self, form: u32) -> bool {
        self.mask & form != 0
    }

    /// Writes a flow of a listing: XML has a head before the first.
    #[inline]
    pub(super) fn listed(&mut self, flow: &Flow<'_>) -> io::Result<()> {
        if self.mask & words::XML != 0 {
            self.begin(xml::HEAD);
        }
        push(&mut self.line, flow, EventKind::New, self.mask, &self.format);
        self.line.spill(PIECE, &mut self.out)
    }

    /// Writes a flow that was updated.
    pub(super) fn updated(&mut self, flow: &Flow<'_>) -> io::Result<()> {
        push(&mut self.line, flow, EventKind::New, self.mask, &self.updated);
        self.line.spill(PIECE, &mut self.out)
    }

    /// Writes a flow that was deleted.
    pub(super) fn deleted(&mut self, flow: &Flow<'_>) -> io::Result<()> {
        push(&mut self.line, flow, EventKind::Destroy, self.mask, &self.deleted);
        self.line.spill(PIECE, &mut self.out)
    }

    /// Writes an expectation of a listing; `when` is for XML.
    pub(super) fn expectation(
        &mut self,
        expected: &Expectation<'_>,
        when: Option<u64>,
    ) -> io::Result<()> {
        if self.has(words::XML) {
            self.begin(xml::EXPECTATIONS_HEAD);
            xml::expectation(&mut self.line, expected, when);
        } else {
            expectation::expectation(&mut self.line, expected);
        }
        self.line.spill(PIECE, &mut self.out)
    }

    /// Lets something else be written.
    pub(super) fn write(&mut self, push: impl FnOnce(&mut Line, &Format)) {
        push(&mut self.line, &self.format);
    }

    /// Begins XML, if it has not begun.
    pub(super) fn begin(&mut self, head: &str) {
        if !self.open {
            self.open = true;
            self.line.text(head);
        }
    }

    /// Ends XML, if it has begun.
    pub(super) fn end(&mut self, foot: &str) {
        if self.open {
            self.open = false;
            self.line.text(foot);
        }
    }

    /// Everything that is not written yet.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.line.spill(0, &mut self.out)?;
        self.out.flush()
    }
}

/// Appends a flow in the form that was asked for. It is saved as what would make it, or delete it
/// where it was deleted.
#[inline]
fn push(line: &mut Line, flow: &Flow<'_>, saved_as: EventKind, mask: u32, format: &Format) {
    if mask & words::XML != 0 {
        xml::flow(line, flow, format);
    } else if mask & words::SAVE != 0 {
        save::flow(line, saved_as, flow);
        line.byte(b'\n');
    } else {
        text::flow(line, flow, format);
    }
}
