//! `rsadm conntrack events`.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use conntrack::{Event, EventKind, Filter, Flow, Groups, Origin, Subscription};
use serde::Serialize;

use super::arguments::{EventName, Events};
use super::say;
use super::show::{namespace, text_format};
use super::view::FlowView;
use crate::classic::Line;
use crate::classic::conntrack::{Format as TextFormat, text};
use crate::cli::{Detail, Format};
use crate::failure::{Failure, Result};
use crate::namespace::{self, Netns};
use crate::output::{Form, Items, Structure};
use crate::signals::{Signals, Wake};

/// Bytes that are collected before they are written, while there is more to come.
const PIECE: usize = 32 * 1024;

/// An event for programs.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum View<'a> {
    New(Seen<'a>),
    Update(Seen<'a>),
    Destroy(Seen<'a>),
    /// Some were lost; what follows makes up for them.
    Lost {
        times: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        netns: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct Seen<'a> {
    /// When it came, in nanoseconds since 1970.
    time: u64,
    /// Netlink port of the process that did it; 0 is none.
    port: u32,
    /// It was found by reading the table again.
    resync: bool,
    /// The network namespace that it happened in, where these are told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<&'a str>,
    #[serde(flatten)]
    flow: FlowView<'a>,
}

/// Shows events until a signal comes.
pub(super) fn run(arguments: &Events, form: &Form, out: &mut impl Write) -> Result<()> {
    let filter = arguments.filters.build()?;
    let mut writer = Writer::begin(form, out)?;
    let signals = Signals::catch()?;
    let mut subscription = Subscription::new(Groups::FLOWS);
    if let Some(bytes) = arguments.buffer_size {
        subscription = subscription.receive_buffer(bytes as usize);
    }
    let places = if arguments.all_netns { namespace::all()? } else { Vec::new() };
    let mut views = Vec::new();
    for Netns { name, namespace } in places {
        views.push((subscription.clone().namespace(namespace).follow()?, Some(name)));
    }
    if views.is_empty() {
        views.push((subscription.follow()?, None));
    }
    let mut seen = Tally::default();
    loop {
        for (view, netns) in &mut views {
            writer.netns.clone_from(netns);
            // A signal ends a storm of events as well.
            while let Some(event) = view.try_next()? {
                arguments.show(event, &filter, &mut writer, &mut seen)?;
                if seen.all.is_multiple_of(1024) && signals.is_raised()? {
                    return seen.finish(writer);
                }
            }
        }
        writer.flush()?;
        if signals.or_readable(views.iter().map(|(view, _)| view))? == Wake::Signal {
            return seen.finish(writer);
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
        let shown = match self.shown {
            1 => "1 event".to_owned(),
            count => format!("{count} events"),
        };
        match self.lost {
            0 => say(&shown),
            1 => say(&format!("{shown}; events were lost once, and made up for")),
            lost => say(&format!("{shown}; events were lost {lost} times, each made up for")),
        }
        Ok(())
    }
}

impl Events {
    fn wants(&self, kind: EventKind) -> bool {
        let name = match kind {
            EventKind::New => EventName::New,
            EventKind::Update => EventName::Updates,
            EventKind::Destroy => EventName::Destroy,
        };
        let mask = &self.event_mask;
        mask.is_empty() || mask.contains(&EventName::All) || mask.contains(&name)
    }

    fn show<W: Write>(
        &self,
        event: Event<'static>,
        filter: &Filter,
        writer: &mut Writer<'_, W>,
        seen: &mut Tally,
    ) -> Result<()> {
        seen.all += 1;
        match event {
            Event::Lost => {
                seen.lost += 1;
                let times = seen.lost;
                say(&format!(
                    "events were lost ({times}): they come faster than they are read; the table is \
                     read again"
                ));
                writer.lost(times)
            }
            Event::Flow { kind, mut flow, origin } if self.wants(kind) && filter.matches(&flow) => {
                seen.shown += 1;
                // References are those of the listing that showed the flow first.
                flow.use_count = None;
                writer.event(kind, &flow, origin)
            }
            _ => Ok(()),
        }
    }
}

/// Where events go.
struct Writer<'o, W> {
    out: &'o mut W,
    line: Line,
    form: Shape,
    /// The name of the network namespace of what comes, where these are told apart.
    netns: Option<String>,
}

enum Shape {
    Text { format: TextFormat, time: bool },
    Ndjson,
}

impl<'o, W: Write> Writer<'o, W> {
    fn begin(form: &Form, out: &'o mut W) -> Result<Self> {
        let endless = || {
            Failure::usage("events have no end, and this form of output has one")
                .hint("-o ndjson writes one object a line")
        };
        if form.has(Detail::Xml) || form.has(Detail::Save) {
            return Err(endless());
        }
        let form = match form.format() {
            None | Some(Format::Classic) => {
                Shape::Text { format: text_format(form)?, time: form.has(Detail::Timestamp) }
            }
            Some(Format::Ndjson) => Shape::Ndjson,
            Some(Format::Table | Format::Json | Format::Yaml) => return Err(endless()),
        };
        Ok(Self { out, line: Line::default(), form, netns: None })
    }

    fn event(&mut self, kind: EventKind, flow: &Flow<'_>, origin: Origin) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = flow.happened.unwrap_or(now.as_nanos() as u64);
        let Self { out, line, form, netns } = self;
        let netns = netns.as_deref();
        match form {
            Shape::Text { format, time: with_time } => {
                if *with_time {
                    line.byte(b'[');
                    line.zero_padded(time / 1_000_000_000, 8);
                    line.byte(b'.');
                    line.zero_padded(time / 1000 % 1_000_000, 6);
                    line.text("]\t");
                }
                text::event(line, kind, flow, format);
                if origin.port != 0 {
                    line.text(" [USERSPACE] portid=");
                    line.number(origin.port);
                }
                if origin.resync {
                    line.text(" [RESYNC]");
                }
                namespace(line, netns);
                line.byte(b'\n');
                Ok(line.spill(PIECE, out)?)
            }
            Shape::Ndjson => {
                let flow = FlowView::from(flow);
                let Origin { port, resync, .. } = origin;
                let seen = Seen { time, port, resync, netns, flow };
                let view = match kind {
                    EventKind::New => View::New(seen),
                    EventKind::Update => View::Update(seen),
                    EventKind::Destroy => View::Destroy(seen),
                };
                object(out, &view)
            }
        }
    }

    fn lost(&mut self, times: u64) -> Result<()> {
        match self.form {
            Shape::Text { .. } => Ok(()),
            Shape::Ndjson => {
                let netns = self.netns.as_deref();
                object(self.out, &View::Lost { times, netns })
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.line.spill(1, self.out)?;
        Ok(self.out.flush()?)
    }
}

/// Writes a line.
fn object(out: &mut impl Write, view: &View<'_>) -> Result<()> {
    let mut items = Items::new(out, Structure::Ndjson);
    items.push(view)?;
    items.finish()
}
