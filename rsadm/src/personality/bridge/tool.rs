//! Carrying out commands and telling what became of them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;

use vxlan::{Client, EntryFilter, EntryQuery, State};

use super::asked::Asked;
use super::fdb;
use super::links::{Here, Links};
use super::lookup::Lookup;
use super::mdb;
use super::options::Options;
use super::pending::Pending;
use super::stop::{FAILED, NOT_FOUND, REFUSED, Stop, refusal};
use super::text;
use super::words::Words;
use crate::classic::bridge::{self, Format, Names, Printer};
use crate::personality::ipvsadm::Directory;
use crate::personality::reason;

/// Done.
const DONE: u8 = 0;
/// Output is written in pieces of at least this size.
const PIECE: usize = 64 * 1024;

/// bridge, its options read and its socket open.
pub(super) struct Tool<'t, D, O, E> {
    pub(super) options: Options,
    pub(super) client: Client,
    directory: D,
    pub(super) out: &'t mut O,
    pub(super) err: &'t mut E,
    links: Links,
    /// Changes of a batch that are not carried out yet.
    pub(super) pending: Pending,
}

/// Carries out a command line, without the program's name, and returns the exit status.
pub(super) fn run<D: Directory>(
    words: &[Vec<u8>],
    input: impl Read,
    directory: D,
    out: &mut impl Write,
    err: &mut impl Write,
) -> u8 {
    let result = start(words, input, directory, out, err);
    let (status, message) = match result {
        Ok(status) => (status, Vec::new()),
        Err(Stop::Command(status, message) | Stop::Program(status, message)) => (status, message),
        Err(Stop::Version) => match out.write_all(text::VERSION.as_bytes()) {
            Ok(()) => (DONE, Vec::new()),
            Err(error) => output_failed(&error),
        },
        Err(Stop::Output(error)) => output_failed(&error),
    };
    let (status, message) = match out.flush() {
        Err(error) if message.is_empty() => output_failed(&error),
        _ => (status, message),
    };
    // Nobody is left to tell if that fails.
    let _ = err.write_all(&message);
    status
}

/// A reader that has seen enough is no error.
fn output_failed(error: &io::Error) -> (u8, Vec<u8>) {
    match error.kind() {
        ErrorKind::BrokenPipe => (DONE, Vec::new()),
        _ => (FAILED, format!("cannot write to standard output: {error}\n").into_bytes()),
    }
}

fn start<D: Directory>(
    words: &[Vec<u8>],
    input: impl Read,
    directory: D,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<u8, Stop> {
    let mut words = Words(words);
    let options = Options::read(&mut words)?;
    let file = match options.batch.as_deref() {
        Some(name) if name != b"-" => Some(open(name)?),
        _ => None,
    };
    let builder = Client::builder().namespace(options.namespace.clone()).read_ahead(true);
    let client = builder.connect().map_err(|error| Stop::Program(FAILED, refusal(&error)))?;
    let (links, pending) = (Links::default(), Pending::default());
    let mut tool = Tool { options, client, directory, out, err, links, pending };
    match (tool.options.batch.take(), file) {
        (Some(name), Some(file)) => tool.batch(&name, file),
        (Some(name), None) => tool.batch(&name, input),
        (None, _) if words.0.is_empty() => Err(text::usage()),
        (None, _) => {
            let asked = tool.read(words)?;
            tool.carry_out(asked)?;
            Ok(DONE)
        }
    }
}

fn open(name: &[u8]) -> Result<File, Stop> {
    File::open(OsStr::from_bytes(name)).map_err(|error| {
        let reason = reason(&error);
        let parts = [b"Cannot open file \"", name, b"\" for reading: ", reason.as_bytes()];
        Stop::failed(parts.concat())
    })
}

impl<D: Directory, O: Write, E: Write> Tool<'_, D, O, E> {
    /// Reads a command.
    pub(super) fn read<'w>(&mut self, words: Words<'w>) -> Result<Asked<'w>, Stop> {
        let mut here = Here { client: &mut self.client, links: &mut self.links };
        let family = self.options.family;
        let directory = &mut self.directory;
        Asked::read(words, &mut Lookup { links: &mut here, directory, family })
    }

    pub(super) fn carry_out(&mut self, asked: Asked<'_>) -> Result<(), Stop> {
        match asked {
            Asked::Entries(show) => self.show_entries(&show),
            Asked::Entry(query, dynamic) => self.show_entry(&query, dynamic),
            Asked::Vnis(link) => self.show_vnis(link),
            Asked::Multicast(show) => self.show_multicast(&show),
            Asked::Change(change) => self.change(change),
            Asked::Monitor(words) => self.monitor(words),
        }
    }

    fn show_entries(&mut self, show: &fdb::Show) -> Result<(), Stop> {
        let format = Format { device: show.link.is_none(), ..self.options.format() };
        let filter = EntryFilter { link: show.link, master: show.bridge, ..EntryFilter::default() };
        let names = self.links.names(&mut self.client)?;
        let mut printer = Printer::new(format);
        printer.begin();
        let failed = |error| dump_failed(&error, "Dump terminated\n");
        let mut list = || {
            for entry in self.client.entries(&filter).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                if show.matches(&entry) {
                    bridge::entry(&mut printer, &entry, names);
                    printer.spill(PIECE, self.out)?;
                }
            }
            printer.end();
            Ok(())
        };
        let listed = list();
        printer.write_to(self.out)?;
        self.out.flush()?;
        listed
    }

    fn show_entry(&mut self, query: &EntryQuery, dynamic: fdb::Dynamic) -> Result<(), Stop> {
        let entry = self.client.entry(query);
        let entry = entry.map_err(|error| Stop::Command(NOT_FOUND, refusal(&error)))?;
        let names = self.links.names(&mut self.client)?;
        let mut printer = Printer::new(self.options.format());
        printer.begin();
        if !(dynamic && entry.state.contains(State::PERMANENT)) {
            bridge::entry(&mut printer, &entry, names);
        }
        printer.end();
        printer.write_to(self.out)?;
        Ok(self.out.flush()?)
    }

    fn show_vnis(&mut self, link: Option<u32>) -> Result<(), Stop> {
        let mut printer = Printer::new(self.options.format());
        printer.begin();
        bridge::vni_heading(&mut printer);
        let names = self.links.names(&mut self.client)?;
        let listed = self.client.vnis(link, self.options.statistics);
        let listed = listed.map(|entries| {
            for entries in entries.chunk_by(|a, b| a.link == b.link) {
                bridge::vni_entries(&mut printer, entries, names);
            }
            printer.end();
        });
        printer.write_to(self.out)?;
        self.out.flush()?;
        // As bridge writes it.
        listed.map_err(|error| dump_failed(&error, "Dump ternminated\n"))
    }

    fn show_multicast(&mut self, show: &mdb::Show) -> Result<(), Stop> {
        let failed = |error| match dump_failed(&error, "Dump terminated\n") {
            Stop::Program(_, message) => Stop::Command(REFUSED, message),
            stop => stop,
        };
        let mut entries = self.client.multicast(None).map_err(failed)?;
        entries.retain(|entry| show.matches(entry));
        let mut routers = self.client.router_ports().map_err(failed)?;
        routers.retain(|router| show.has(router.link));
        let names = self.links.names(&mut self.client)?;
        let mut printer = Printer::new(self.options.format());
        printer.begin();
        bridge::multicast(&mut printer, &entries, &routers, names);
        printer.end();
        printer.write_to(self.out)?;
        Ok(self.out.flush()?)
    }

    /// Names of all links.
    pub(super) fn names(&mut self) -> Result<&Names, Stop> {
        Ok(self.links.names(&mut self.client)?)
    }

    /// Asks for the name of a link that came after the others, if there is one.
    pub(super) fn learn_name(&mut self, link: Option<u32>) -> Result<(), Stop> {
        let Some(index) = link else { return Ok(()) };
        if self.names()?.get(index).is_none()
            && let Ok(link) = self.client.link_by_index(index)
        {
            self.links.names(&mut self.client)?.insert(index, link.name);
        }
        Ok(())
    }

    /// Prints to standard error. Nobody is left to tell if that fails.
    pub(super) fn say(&mut self, text: &[u8]) {
        let _ = self.err.write_all(text);
    }
}

fn dump_failed(error: &vxlan::Error, end: &str) -> Stop {
    Stop::Program(FAILED, [refusal(error).as_slice(), end.as_bytes()].concat())
}
