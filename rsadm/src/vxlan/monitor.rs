//! `rsadm monitor fdb`.

use std::collections::HashMap;
use std::io::Write;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use vxlan::{Builder, Client, Entry, EntryFilter, Event, EventKind, Mac};

use super::arguments::MonitorFdb;
use super::show::{Objects, PIECE};
use super::{devices, say};
use crate::classic::bridge::{self, Format as Shape, Names, Printer};
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::{Items, Structure};
use crate::signals::{Signals, Wake};

/// Shows events until a signal comes.
pub(super) fn run(
    arguments: &MonitorFdb,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    let mut writer = Writer::begin(arguments, format.unwrap_or_default(), out)?;
    let signals = Signals::catch()?;
    let mut builder = Builder::new();
    if let Some(bytes) = arguments.buffer_size {
        builder = builder.receive_buffer(bytes as usize);
    }
    let mut client = builder.connect()?;
    let mut filter = EntryFilter::new();
    if let Some(name) = &arguments.dev {
        filter.link = Some(devices::device(&mut client, "--dev", name)?.index);
    }
    let mut watch = client.watch(&filter)?;
    let mut tally = Tally::default();
    loop {
        // A signal ends a storm of events as well.
        while let Some(event) = watch.try_next()? {
            arguments.show(&event, &filter, &mut writer, &mut tally)?;
            if tally.all.is_multiple_of(1024) && signals.is_raised()? {
                return tally.finish(writer);
            }
        }
        writer.flush()?;
        if signals.or_readable([&watch])? == Wake::Signal {
            return tally.finish(writer);
        }
    }
}

/// How many events there were.
#[derive(Debug, Default)]
struct Tally {
    all: u64,
    shown: u64,
    lost: u64,
}

impl Tally {
    fn finish<W: Write>(self, mut writer: Writer<'_, W>) -> Result<()> {
        writer.flush()?;
        match self.lost {
            0 => say(&format!("{} events", self.shown)),
            lost => say(&format!(
                "{} events; events were lost {lost} times, each made up for",
                self.shown
            )),
        }
        Ok(())
    }
}

impl MonitorFdb {
    fn show<W: Write>(
        &self,
        event: &Event,
        filter: &EntryFilter,
        writer: &mut Writer<'_, W>,
        tally: &mut Tally,
    ) -> Result<()> {
        tally.all += 1;
        let wants = |link: u32, mac: Option<Mac>| {
            filter.link.is_none_or(|wanted| wanted == link)
                && self.mac.is_none_or(|prefix| mac.is_some_and(|mac| prefix.matches(mac)))
        };
        let shown = match event {
            Event::Lost => {
                tally.lost += 1;
                let times = tally.lost;
                say(&format!(
                    "events were lost ({times}): they come faster than they are read; the table is \
                     read again"
                ));
                return writer.lost(times);
            }
            Event::Entry { kind, entry, resync } if wants(entry.link, Some(entry.mac)) => {
                writer.entry(*kind, entry, *resync)?
            }
            Event::MissingEntry { link, mac } if wants(*link, Some(*mac)) => {
                writer.missing(*link, &Missing::L2miss { mac: mac.to_string() })?
            }
            Event::MissingNeighbour { link, address } if wants(*link, None) => {
                writer.missing(*link, &Missing::L3miss { dst: *address })?
            }
            _ => false,
        };
        tally.shown += u64::from(shown);
        Ok(())
    }
}

/// What a device asks for, for programs.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Missing {
    L2miss { mac: String },
    L3miss { dst: IpAddr },
}

/// The same with where and when.
#[derive(Serialize)]
struct Seen<'a> {
    #[serde(flatten)]
    missing: &'a Missing,
    time: u64,
    ifname: &'a str,
}

/// Some events were lost; what follows makes up for them.
#[derive(Serialize)]
struct Lost {
    event: &'static str,
    times: u64,
}

/// Names of VXLAN devices, and which other links there are.
struct Devices {
    client: Client,
    /// Whether a link is a VXLAN device, by index.
    known: HashMap<u32, bool>,
    names: Names,
}

impl Devices {
    /// Whether it is a VXLAN device. Links that are not known are looked up once.
    fn is_vxlan(&mut self, index: u32) -> Result<bool> {
        if let Some(is) = self.known.get(&index) {
            return Ok(*is);
        }
        for link in self.client.every_link()? {
            self.known.insert(link.index, link.vxlan.is_some());
            self.names.insert(link.index, link.name);
        }
        Ok(*self.known.entry(index).or_default())
    }
}

/// Where events go.
struct Writer<'o, W> {
    out: &'o mut W,
    devices: Devices,
    form: Form,
}

enum Form {
    Text(Printer),
    Ndjson(Objects),
}

impl<'o, W: Write> Writer<'o, W> {
    fn begin(arguments: &MonitorFdb, format: Format, out: &'o mut W) -> Result<Self> {
        let form = match format {
            Format::Classic => {
                Form::Text(Printer::new(Shape { statistics: arguments.stats, ..Shape::default() }))
            }
            Format::Ndjson => Form::Ndjson(Objects::new()),
            Format::Table | Format::Json | Format::Yaml => {
                return Err(Failure::usage("events have no end, and this form of output has one")
                    .hint("-o ndjson writes one object a line"));
            }
        };
        let client = super::connect()?;
        let mut devices = Devices { client, known: HashMap::new(), names: Names::default() };
        // The names of devices that go before they were seen.
        devices.is_vxlan(0)?;
        Ok(Self { out, devices, form })
    }

    /// Shows an event, if it is about a VXLAN device.
    fn entry(&mut self, kind: EventKind, entry: &Entry, resync: bool) -> Result<bool> {
        if !self.devices.is_vxlan(entry.link)? {
            return Ok(false);
        }
        let names = &self.devices.names;
        match &mut self.form {
            Form::Text(printer) => {
                if resync {
                    printer.raw(b"[RESYNC]");
                }
                match kind {
                    EventKind::New => bridge::entry(printer, entry, names),
                    EventKind::Delete => bridge::deleted_entry(printer, entry, names),
                }
                printer.spill(PIECE, self.out)?;
            }
            Form::Ndjson(objects) => {
                let object = objects.of(|printer| bridge::entry(printer, entry, names));
                let fields = object.strip_prefix(b"{").unwrap_or(object);
                let time = now();
                write!(self.out, "{{\"event\":\"{kind}\",\"time\":{time},\"resync\":{resync},")?;
                self.out.write_all(fields)?;
                self.out.write_all(b"\n")?;
            }
        }
        Ok(true)
    }

    fn missing(&mut self, link: u32, missing: &Missing) -> Result<bool> {
        if !self.devices.is_vxlan(link)? {
            return Ok(false);
        }
        let ifname = self.devices.names.get(link).unwrap_or_default();
        match &mut self.form {
            Form::Text(printer) => {
                let what = match missing {
                    Missing::L2miss { mac } => mac.clone(),
                    Missing::L3miss { dst } => dst.to_string(),
                };
                printer.raw(format!("miss {what} dev {ifname}\n").as_bytes());
                printer.spill(PIECE, self.out)?;
            }
            Form::Ndjson(_) => {
                let mut items = Items::new(self.out, Structure::Ndjson);
                items.push(&Seen { missing, time: now(), ifname })?;
            }
        }
        Ok(true)
    }

    fn lost(&mut self, times: u64) -> Result<()> {
        match self.form {
            Form::Text(_) => Ok(()),
            Form::Ndjson(_) => {
                let mut items = Items::new(self.out, Structure::Ndjson);
                items.push(&Lost { event: "lost", times })
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        if let Form::Text(printer) = &mut self.form {
            printer.spill(1, self.out)?;
        }
        Ok(self.out.flush()?)
    }
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
