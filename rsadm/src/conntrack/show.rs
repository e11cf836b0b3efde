//! Flows in every form of output, written as they come.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use conntrack::{EventKind, Flow, Layer4, ProtocolState, Status, Tuple};

use serde::Serialize;

use super::labels;
use super::view::FlowView;
use crate::classic::Line;
use crate::classic::conntrack::{Format as TextFormat, save, text, xml};
use crate::cli::{Detail, Format};
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{Form, Items, Structure};

/// Bytes that are collected before they are written.
const PIECE: usize = 32 * 1024;

/// Columns of `-o table`.
const TITLES: [(&str, Align); 10] = [
    ("PROTOCOL", Align::Left),
    ("STATE", Align::Left),
    ("TIMEOUT", Align::Right),
    ("SOURCE", Align::Left),
    ("DESTINATION", Align::Left),
    ("ANSWERED-BY", Align::Left),
    ("ANSWERED-TO", Align::Left),
    ("STATUS", Align::Left),
    ("MARK", Align::Right),
    ("ZONE", Align::Right),
];

/// How conntrack's own text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Text,
    Xml,
    /// Lines that conntrack takes back; with what is to be done with the flow.
    Save(EventKind),
}

/// Where flows of a listing go.
#[derive(Debug)]
pub(super) struct Show<'o, W> {
    target: Target<'o, W>,
    /// The name of the network namespace that they are of, where these are told apart.
    netns: Option<String>,
}

#[derive(Debug)]
enum Target<'o, W> {
    Classic(Classic<'o, W>),
    Table(&'o mut W, Table),
    Items(Items<'o, W>),
}

/// A flow of one of several network namespaces for programs.
#[derive(Serialize)]
struct Placed<'a> {
    netns: &'a str,
    #[serde(flatten)]
    flow: FlowView<'a>,
}

/// conntrack's own text.
#[derive(Debug)]
struct Classic<'o, W> {
    out: &'o mut W,
    line: Line,
    format: TextFormat,
    style: Style,
    /// Whether XML has begun.
    open: bool,
}

/// How conntrack's own text is to be, as `-o` says.
pub(super) fn text_format(form: &Form) -> Result<TextFormat> {
    if form.has(Detail::Save) && form.has(Detail::Xml) {
        return Err(Failure::usage("save and xml are two forms of output"));
    }
    let labels = if form.has(Detail::Labels) { Some(labels::map()?) } else { None };
    Ok(TextFormat {
        extended: form.has(Detail::Extended),
        id: form.has(Detail::Id),
        timestamps: form.has(Detail::Ktimestamp),
        verbatim: false,
        labels,
    })
}

impl<'o, W: Write> Show<'o, W> {
    /// Begins a listing. `saved_as` is what a line of `-o save` asks for.
    pub(super) fn begin(form: &Form, saved_as: EventKind, out: &'o mut W) -> Result<Self> {
        if form.has(Detail::Timestamp) {
            return Err(Failure::usage(
                "timestamp is when an event came, and this lists no events",
            )
            .hint("ktimestamp shows when flows began"));
        }
        let format = form.format().unwrap_or_default();
        let of = |target| Self { target, netns: None };
        if let Some(structure) = Structure::of(format) {
            return Ok(of(Target::Items(Items::new(out, structure))));
        }
        if format == Format::Table {
            return Ok(of(Target::Table(out, Table::new(&TITLES))));
        }
        let style = match form {
            form if form.has(Detail::Xml) => Style::Xml,
            form if form.has(Detail::Save) => Style::Save(saved_as),
            _ => Style::Text,
        };
        let format = text_format(form)?;
        Ok(of(Target::Classic(Classic { out, line: Line::default(), format, style, open: false })))
    }

    /// The same with the network namespace of each flow.
    pub(super) fn with_namespaces(mut self) -> Result<Self> {
        match &mut self.target {
            Target::Classic(Classic { style: Style::Xml | Style::Save(_), .. }) => {
                return Err(Failure::usage("xml and save have no word for a network namespace"));
            }
            Target::Table(_, table) => {
                let titles: Vec<_> = TITLES.into_iter().chain([("NETNS", Align::Left)]).collect();
                *table = Table::new(&titles);
            }
            Target::Classic(_) | Target::Items(_) => {}
        }
        self.netns = Some(String::new());
        Ok(self)
    }

    /// What follows is of this network namespace.
    pub(super) fn enter(&mut self, name: String) {
        self.netns = Some(name);
    }

    /// Writes a flow.
    #[inline]
    pub(super) fn flow(&mut self, flow: &Flow<'_>) -> Result<()> {
        let netns = self.netns.as_deref();
        match &mut self.target {
            Target::Classic(classic) => classic.flow(flow, netns),
            Target::Table(out, table) => {
                let mut row = row(flow);
                row.extend(netns.map(str::to_owned));
                Ok(table.row(out, row)?)
            }
            Target::Items(items) => match netns {
                Some(netns) => items.push(&Placed { netns, flow: FlowView::from(flow) }),
                None => items.push(&FlowView::from(flow)),
            },
        }
    }

    /// Ends the listing.
    pub(super) fn finish(self) -> Result<()> {
        match self.target {
            Target::Classic(mut classic) => classic.finish(),
            Target::Table(out, table) => Ok(table.finish(out)?),
            Target::Items(items) => items.finish(),
        }
    }
}

impl<W: Write> Classic<'_, W> {
    #[inline]
    fn flow(&mut self, flow: &Flow<'_>, netns: Option<&str>) -> Result<()> {
        let Self { out, line, format, .. } = self;
        match self.style {
            Style::Text => {
                text::words(line, flow, format);
                namespace(line, netns);
                line.byte(b'\n');
            }
            Style::Xml => {
                if !std::mem::replace(&mut self.open, true) {
                    line.text(xml::HEAD);
                }
                xml::flow(line, flow, format);
            }
            Style::Save(kind) => {
                save::flow(line, kind, flow);
                line.byte(b'\n');
            }
        }
        Ok(line.spill(PIECE, out)?)
    }

    /// XML is a document without flows as well, which conntrack's is not.
    fn finish(&mut self) -> Result<()> {
        if self.style == Style::Xml {
            if !self.open {
                self.line.text(xml::HEAD);
            }
            self.line.text(xml::FOOT);
        }
        Ok(self.line.spill(1, self.out)?)
    }
}

/// The network namespace of a flow, if it has a name.
pub(super) fn namespace(line: &mut Line, netns: Option<&str>) {
    if let Some(netns) = netns.filter(|netns| !netns.is_empty()) {
        line.text(" netns=");
        line.text(netns);
    }
}

/// A row of `-o table`.
fn row(flow: &Flow<'_>) -> Vec<String> {
    let Tuple { source, destination, protocol, layer4, .. } = flow.original;
    vec![
        protocol.to_string(),
        state(flow).to_owned(),
        flow.timeout.map(|seconds| format!("{seconds}s")).unwrap_or_default(),
        source_of(source, layer4),
        destination_of(destination, layer4),
        source_of(flow.reply.source, flow.reply.layer4),
        destination_of(flow.reply.destination, flow.reply.layer4),
        status(flow),
        flow.mark.filter(|mark| *mark != 0).map(|mark| format!("{mark:#x}")).unwrap_or_default(),
        flow.zone.map(|zone| zone.to_string()).unwrap_or_default(),
    ]
}

/// The state that a flow's protocol has, if it has any.
pub(crate) fn state(flow: &Flow<'_>) -> &'static str {
    flow.state.as_ref().and_then(ProtocolState::name).unwrap_or_default()
}

fn status(flow: &Flow<'_>) -> String {
    let mut words = Vec::new();
    if flow.status.is_some() && !flow.is_seen_reply() {
        words.push("UNREPLIED");
    }
    for (bit, name) in [
        (Status::ASSURED, "ASSURED"),
        (Status::HW_OFFLOAD, "HW_OFFLOAD"),
        (Status::OFFLOAD, "OFFLOAD"),
        (Status::DYING, "DYING"),
    ] {
        if flow.has(bit) {
            words.push(name);
        }
    }
    words.join(",")
}

/// The sender with its port or the like.
pub(super) fn source_of(address: IpAddr, layer4: Layer4) -> String {
    match layer4 {
        Layer4::Ports { source, .. } => SocketAddr::new(address, source).to_string(),
        Layer4::Keys { source, .. } => format!("{address} key {source:#x}"),
        Layer4::Icmp { .. } | Layer4::None => address.to_string(),
    }
}

/// The receiver with its port or the like.
pub(crate) fn destination_of(address: IpAddr, layer4: Layer4) -> String {
    match layer4 {
        Layer4::Ports { destination, .. } => SocketAddr::new(address, destination).to_string(),
        Layer4::Keys { destination, .. } => format!("{address} key {destination:#x}"),
        Layer4::Icmp { kind, code, id } => format!("{address} type {kind} code {code} id {id}"),
        Layer4::None => address.to_string(),
    }
}
