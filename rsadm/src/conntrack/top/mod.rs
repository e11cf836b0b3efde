//! `rsadm conntrack top`.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use conntrack::{Client, Filter, Flow, Protocol, ProtocolState};
use serde::Serialize;

use super::arguments::{GroupBy, Measure, Top};
use super::connect;
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{Form, Items, Structure};
use crate::signals::{Signals, Wake};

mod heavy;

use heavy::{CAPACITY, Heavy};

/// What the flows of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Address(IpAddr),
    Service(Protocol, SocketAddr),
    Port(Option<u16>),
    Protocol(Protocol),
    State(Protocol, Option<u8>),
    Mark(u32),
    Zone(u16),
}

/// A group for programs.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    key: KeyView,
    /// Flows, bytes or packets.
    measure: &'static str,
    value: u64,
    /// By how much the value may be too small.
    error: u64,
    share: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum KeyView {
    Source(IpAddr),
    Destination(IpAddr),
    ReplySource(IpAddr),
    Port(Option<u16>),
    Mark(u32),
    Zone(u16),
    #[serde(untagged)]
    State {
        #[serde(serialize_with = "super::view::protocol")]
        protocol: Protocol,
        state: Option<String>,
    },
    #[serde(untagged)]
    Protocol {
        #[serde(serialize_with = "super::view::protocol")]
        protocol: Protocol,
    },
    #[serde(untagged)]
    Service {
        #[serde(serialize_with = "super::view::protocol")]
        protocol: Protocol,
        address: IpAddr,
        port: u16,
    },
}

/// Shows the largest groups, once or again and again.
pub(super) fn run(arguments: &Top, form: &Form, out: &mut impl Write) -> Result<()> {
    let format = form.plain()?.unwrap_or_default();
    let filter = arguments.filters.build()?;
    let mut client = connect()?;
    let first = Reading::take(arguments, &mut client, &filter)?;
    let Some(seconds) = arguments.watch else {
        return arguments.show(format, &first, None, out);
    };
    if matches!(format, Format::Json | Format::Yaml) {
        return Err(Failure::usage("--watch has no end, and this form of output has one")
            .hint("-o ndjson writes one object a line"));
    }
    let signals = Signals::catch()?;
    let clear = io::stdout().is_terminal() && Structure::of(format).is_none();
    let mut before = first;
    while signals.or_after(Duration::from_secs(seconds.into()))? == Wake::Ready {
        let now = Reading::take(arguments, &mut client, &filter)?;
        if clear {
            out.write_all(b"\x1b[H\x1b[2J")?;
        }
        arguments.show(format, &now, Some(&before), out)?;
        if Structure::of(format).is_none() {
            out.write_all(b"\n")?;
        }
        out.flush()?;
        before = now;
    }
    Ok(())
}

/// Shows the largest groups of a snapshot.
pub(super) fn saved(
    arguments: &Top,
    flows: &[Flow<'_>],
    form: &Form,
    out: &mut impl Write,
) -> Result<()> {
    let format = form.plain()?.unwrap_or_default();
    if arguments.watch.is_some() {
        return Err(Failure::usage("--watch is of what changes, and a snapshot does not"));
    }
    let filter = arguments.filters.build()?;
    let mut reading = Reading::new();
    for flow in flows.iter().filter(|flow| filter.matches(flow)) {
        reading.add(arguments, flow);
    }
    arguments.show(format, &reading.counted(arguments)?, None, out)
}

/// The groups of one pass over the table.
#[derive(Debug)]
struct Reading {
    groups: Heavy<Key>,
    flows: u64,
    taken: Instant,
}

impl Reading {
    fn take(arguments: &Top, client: &mut Client, filter: &Filter) -> Result<Self> {
        let mut reading = Self::new();
        let mut found = client.flows(filter)?;
        while let Some(flow) = found.next()? {
            reading.add(arguments, &flow);
        }
        reading.counted(arguments)
    }

    fn new() -> Self {
        Self { groups: Heavy::new(CAPACITY), flows: 0, taken: Instant::now() }
    }

    fn add(&mut self, arguments: &Top, flow: &Flow<'_>) {
        self.flows += 1;
        let amount = match arguments.by {
            Measure::Count => Some(1),
            Measure::Bytes => flow.bytes(),
            Measure::Packets => flow.packets(),
        };
        if let Some(amount) = amount {
            self.groups.add(key(arguments.group, flow), amount);
        }
    }

    /// The reading, unless nothing was counted that should be measured.
    fn counted(self, arguments: &Top) -> Result<Self> {
        if arguments.by != Measure::Count && self.flows > 0 && self.groups.total() == 0 {
            return Err(Failure::refused("packets and bytes of flows are not counted").hint(
                "the sysctl net.netfilter.nf_conntrack_acct=1 counts those of flows made from then \
                 on",
            ));
        }
        Ok(self)
    }

    /// What a group gained a second since an earlier reading; what was zeroed or ended is no gain.
    fn rate(&self, key: &Key, value: u64, before: &Self) -> f64 {
        let gained = value.saturating_sub(before.groups.get(key).unwrap_or_default());
        float(gained) / self.taken.duration_since(before.taken).as_secs_f64().max(0.001)
    }
}

#[expect(clippy::cast_precision_loss, reason = "shares and rates are shown with three digits")]
const fn float(number: u64) -> f64 {
    number as f64
}

/// The group of a flow.
fn key(by: GroupBy, flow: &Flow<'_>) -> Key {
    let original = &flow.original;
    match by {
        GroupBy::Src => Key::Address(original.source),
        GroupBy::Dst => Key::Address(original.destination),
        GroupBy::ReplySrc => Key::Address(flow.reply.source),
        GroupBy::Service => {
            let port = original.destination_port().unwrap_or_default();
            Key::Service(original.protocol, SocketAddr::new(original.destination, port))
        }
        GroupBy::Port => Key::Port(original.destination_port()),
        GroupBy::Protocol => Key::Protocol(original.protocol),
        GroupBy::State => Key::State(original.protocol, flow.state.map(number)),
        GroupBy::Mark => Key::Mark(flow.mark.unwrap_or_default()),
        GroupBy::Zone => Key::Zone(flow.zone.unwrap_or_default()),
    }
}

fn number(state: ProtocolState) -> u8 {
    match state {
        ProtocolState::Tcp(tcp) => tcp.state.0,
        ProtocolState::Sctp(sctp) => sctp.state.0,
        ProtocolState::Dccp(dccp) => dccp.state.0,
        _ => 0,
    }
}

fn state(protocol: Protocol, number: u8) -> String {
    match protocol {
        Protocol::TCP => conntrack::TcpState(number).to_string(),
        Protocol::SCTP => conntrack::SctpState(number).to_string(),
        Protocol::DCCP => conntrack::DccpState(number).to_string(),
        _ => number.to_string(),
    }
}

impl Top {
    fn show(
        &self,
        format: Format,
        reading: &Reading,
        before: Option<&Reading>,
        out: &mut impl Write,
    ) -> Result<()> {
        let groups = reading.groups.largest(self.shown);
        let total = reading.groups.total();
        let share = |value: u64| if total == 0 { 0.0 } else { float(value) / float(total) };
        let error = reading.groups.error();
        if let Some(structure) = Structure::of(format) {
            let mut items = Items::new(out, structure);
            for (key, value) in groups {
                items.push(&View {
                    key: self.view(key),
                    measure: self.measure(),
                    value,
                    error,
                    share: share(value),
                    rate: before.map(|before| reading.rate(&key, value, before)),
                })?;
            }
            return items.finish();
        }
        let mut titles = vec![(self.title(), Align::Right), ("SHARE", Align::Right)];
        if before.is_some() {
            titles.push(("PER-SECOND", Align::Right));
        }
        titles.push((self.group_title(), Align::Left));
        let mut table = Table::new(&titles);
        for (key, value) in groups {
            let mut row = vec![value.to_string(), format!("{:.1} %", share(value) * 100.0)];
            row.extend(before.map(|before| format!("{:.1}", reading.rate(&key, value, before))));
            row.push(written(key));
            table.row(out, row)?;
        }
        table.finish(out)?;
        if error > 0 {
            writeln!(
                out,
                "more than {CAPACITY} groups: every number may be too small by up to {error}"
            )?;
        }
        Ok(())
    }

    const fn measure(&self) -> &'static str {
        match self.by {
            Measure::Count => "flows",
            Measure::Bytes => "bytes",
            Measure::Packets => "packets",
        }
    }

    const fn title(&self) -> &'static str {
        match self.by {
            Measure::Count => "FLOWS",
            Measure::Bytes => "BYTES",
            Measure::Packets => "PACKETS",
        }
    }

    const fn group_title(&self) -> &'static str {
        match self.group {
            GroupBy::Src => "SOURCE",
            GroupBy::Dst => "DESTINATION",
            GroupBy::ReplySrc => "ANSWERED-BY",
            GroupBy::Service => "SERVICE",
            GroupBy::Port => "PORT",
            GroupBy::Protocol => "PROTOCOL",
            GroupBy::State => "STATE",
            GroupBy::Mark => "MARK",
            GroupBy::Zone => "ZONE",
        }
    }

    fn view(&self, key: Key) -> KeyView {
        match key {
            Key::Address(address) => match self.group {
                GroupBy::Dst => KeyView::Destination(address),
                GroupBy::ReplySrc => KeyView::ReplySource(address),
                _ => KeyView::Source(address),
            },
            Key::Service(protocol, address) => {
                KeyView::Service { protocol, address: address.ip(), port: address.port() }
            }
            Key::Port(port) => KeyView::Port(port),
            Key::Protocol(protocol) => KeyView::Protocol { protocol },
            Key::State(protocol, number) => {
                KeyView::State { protocol, state: number.map(|number| state(protocol, number)) }
            }
            Key::Mark(mark) => KeyView::Mark(mark),
            Key::Zone(zone) => KeyView::Zone(zone),
        }
    }
}

fn written(key: Key) -> String {
    match key {
        Key::Address(address) => address.to_string(),
        Key::Service(protocol, address) if protocol.has_ports() => {
            format!("{protocol}://{address}")
        }
        Key::Service(protocol, address) => format!("{protocol} {}", address.ip()),
        Key::Port(Some(port)) => port.to_string(),
        Key::Port(None) => "none".to_owned(),
        Key::Protocol(protocol) => protocol.to_string(),
        Key::State(protocol, Some(number)) => format!("{protocol} {}", state(protocol, number)),
        Key::State(protocol, None) => format!("{protocol} without a state"),
        Key::Mark(mark) => format!("{mark:#x}"),
        Key::Zone(zone) => zone.to_string(),
    }
}
