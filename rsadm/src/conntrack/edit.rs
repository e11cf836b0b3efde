//! `rsadm conntrack get`, `create` and `update`.

use std::io::Write;

use conntrack::{
    Capabilities, Capability, Client, Dccp, DccpState, Direction, EventKind, Flow, FlowPatch,
    LabelsChange, NatRequest, NewFlow, Protocol, ProtocolState, Refused, Request, Sctp, SctpState,
    Status, Support, TcpState, Tuple,
};

use super::arguments::{Changes, Create, Get, Update};
use super::filter::tcp_state;
use super::list::{self, Source};
use super::show::Show;
use super::values::StatusBits;
use super::{connect, flows, hint, labels, say};
use crate::failure::{Failure, Result};
use crate::output::Form;

/// How many refusals are told one by one.
const TOLD: usize = 20;

/// `ENOSPC`: a flow has no room for labels.
pub(super) const NO_ROOM: i32 = 28;

/// Shows one flow.
pub(super) fn get(arguments: &Get, form: &Form, out: &mut impl Write) -> Result<()> {
    let key = arguments.tuples.key()?.in_zone(arguments.zone);
    let mut show = Show::begin(form, EventKind::New, out)?;
    show.flow(&connect()?.flow(&key)?)?;
    show.finish()
}

/// Shows one flow of a snapshot.
pub(super) fn saved(
    arguments: &Get,
    flows: &[Flow<'_>],
    form: &Form,
    out: &mut impl Write,
) -> Result<()> {
    let key = arguments.tuples.key()?.in_zone(arguments.zone);
    let mut show = Show::begin(form, EventKind::New, out)?;
    let found = flows.iter().find(|flow| {
        let tuple = match key.direction {
            Direction::Original => flow.original,
            Direction::Reply => flow.reply,
        };
        let zone = flow.zone.or(tuple.zone).unwrap_or_default();
        Tuple { zone: None, ..tuple } == Tuple { zone: None, ..key.tuple } && zone == key.zone
    });
    show.flow(found.ok_or_else(|| Failure::refused("the snapshot has no such flow"))?)?;
    show.finish()
}

/// The state of a protocol by name.
fn state(protocol: Protocol, name: &str) -> Result<ProtocolState> {
    let (state, known): (Option<ProtocolState>, Vec<_>) = match protocol {
        Protocol::TCP => (
            tcp_state(name).map(ProtocolState::from),
            TcpState::ALL.iter().filter_map(|state| state.name()).collect(),
        ),
        Protocol::SCTP => (
            name.parse().ok().map(|state| ProtocolState::Sctp(Sctp { state, ..Sctp::default() })),
            SctpState::ALL.iter().filter_map(|state| state.name()).collect(),
        ),
        Protocol::DCCP => (
            name.parse().ok().map(|state| ProtocolState::Dccp(Dccp { state, ..Dccp::default() })),
            DccpState::ALL.iter().filter_map(|state| state.name()).collect(),
        ),
        _ => return Err(Failure::usage(format!("{protocol} has no states"))),
    };
    state.ok_or_else(|| {
        Failure::usage(format!("'{name}' is no state of {protocol}: {}", known.join(", ")))
    })
}

/// Creates a flow that must not exist.
pub(super) fn create(arguments: &Create) -> Result<()> {
    let flow = new_flow(arguments)?;
    let mut client = connect()?;
    check_tracked(flow.original.protocol, &mut None)?;
    client.create(&flow)?;
    let Some(labels) = flow.settings.labels else { return Ok(()) };
    // The kernel says nothing where it drops them.
    let made = client.flow(&flow.key())?;
    if made.labels.is_some_and(|made| made.0 & labels.mask.0 == labels.value.0) {
        return Ok(());
    }
    client.delete(&made.key())?;
    let request = Request::CreateFlow(flow.key());
    Err(Refused::new(request, NO_ROOM).into())
}

fn new_flow(arguments: &Create) -> Result<NewFlow> {
    let (original, reply) = arguments.tuples.both()?;
    let original = match (original, reply) {
        (Some(original), _) => original,
        (None, Some(reply)) => reply.inverted(),
        (None, None) => return Err(Failure::usage("a flow needs --src and --dst")),
    };
    let protocol = original.protocol;
    let mut flow = NewFlow::new(original, arguments.timeout);
    flow.reply = reply.unwrap_or(flow.reply);
    flow.zone = arguments.zone;
    flow.original.zone = arguments.orig_zone;
    flow.reply.zone = arguments.reply_zone;
    for (option, request) in [("--src-nat", &arguments.src_nat), ("--dst-nat", &arguments.dst_nat)]
    {
        check_nat(option, request.as_ref(), &flow)?;
    }
    flow.source_nat.clone_from(&arguments.src_nat);
    flow.destination_nat.clone_from(&arguments.dst_nat);
    flow.settings.state = match &arguments.state {
        Some(name) => Some(state(protocol, name)?),
        None if protocol == Protocol::TCP => {
            return Err(Failure::usage("a flow of tcp needs --state, such as ESTABLISHED"));
        }
        None => None,
    };
    let tags = (arguments.orig_vtag, arguments.reply_vtag);
    match &mut flow.settings.state {
        Some(ProtocolState::Sctp(sctp)) => {
            (sctp.verification_tag_original, sctp.verification_tag_reply) = tags;
        }
        _ if tags != (None, None) => {
            return Err(Failure::usage("--orig-vtag and --reply-vtag go with -p sctp --state"));
        }
        _ => {}
    }
    flow.settings.status = arguments.status.map(settable).transpose()?;
    flow.settings.mark = arguments.mark.map(Into::into);
    if !arguments.label_add.is_empty() {
        flow.settings.labels = Some(LabelsChange::set(labels::bits(&arguments.label_add)?));
    }
    flow.settings.helper.clone_from(&arguments.helper);
    Ok(flow)
}

/// Refuses a protocol that the kernel does not tell flows apart of: it would drop their ports
/// without a word. What the kernel can do is found out where it matters.
pub(super) fn check_tracked(protocol: Protocol, found: &mut Option<Capabilities>) -> Result<()> {
    let Some(needed) = Capability::of_tracking(protocol) else { return Ok(()) };
    match found.get_or_insert_with(Capabilities::probe).get(needed) {
        Support::Ignored | Support::Refused => Err(Failure::refused(format!(
            "this kernel does not track {protocol}: its flows would have no ports"
        ))),
        _ => Ok(()),
    }
}

/// Refuses an address that the kernel would pass over.
fn check_nat(option: &str, request: Option<&NatRequest>, flow: &NewFlow) -> Result<()> {
    let addresses = request.and_then(|request| request.addresses.as_ref());
    let Some(to) = addresses.map(|range| *range.start()) else { return Ok(()) };
    let from = flow.original.source;
    if to.is_ipv4() == from.is_ipv4() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{option} {to} and {from} are of different families: no flow is of both"
    )))
}

/// Status bits that can be set from outside.
fn settable(bits: StatusBits) -> Result<Status> {
    if bits.value != bits.mask {
        return Err(Failure::usage("the kernel sets status bits and never clears one"));
    }
    let settable = Status::SEEN_REPLY | Status::ASSURED | Status::FIXED_TIMEOUT;
    if !(bits.value - settable).is_empty() {
        return Err(Failure::usage(
            "the kernel sets SEEN_REPLY, ASSURED and FIXED_TIMEOUT from outside, and no other \
             status",
        ));
    }
    Ok(bits.value)
}

/// Changes every flow that matches, and shows what became of it.
pub(super) fn update(arguments: &Update, form: &Form, out: &mut impl Write) -> Result<()> {
    let filter = arguments.filters.build()?;
    let patch = Patch::of(&arguments.changes)?;
    let mut show = Show::begin(form, EventKind::Update, out)?;
    if arguments.dry_run {
        let count = list::flows(&mut connect()?, Source::Table, &filter, &mut show)?;
        show.finish()?;
        out.flush()?;
        say(&format!("would update {}; nothing was changed", flows(count)));
        return Ok(());
    }
    // The listing goes on while flows are changed.
    let (mut reader, mut writer) = (connect()?, connect()?);
    let mut found = reader.flows(&filter)?;
    let mut outcome = Outcome::default();
    while let Some(flow) = found.next()? {
        match patch.apply(&mut writer, &flow) {
            Ok(changed) => {
                outcome.updated += 1;
                show.flow(&changed)?;
            }
            Err(Failed::Kernel(error)) if error.is_not_found() => outcome.vanished += 1,
            Err(Failed::Kernel(error)) => outcome.refused(&error),
            Err(Failed::Usage(failure)) => return Err(failure),
        }
    }
    show.finish()?;
    out.flush()?;
    outcome.tell()
}

/// Why a flow was not changed.
enum Failed {
    Kernel(conntrack::Error),
    Usage(Failure),
}

impl From<conntrack::Error> for Failed {
    fn from(error: conntrack::Error) -> Self {
        Self::Kernel(error)
    }
}

/// What became of the flows that matched.
#[derive(Default)]
struct Outcome {
    updated: usize,
    vanished: usize,
    refused: usize,
    lines: Vec<String>,
    hint: Option<std::borrow::Cow<'static, str>>,
}

impl Outcome {
    fn refused(&mut self, error: &conntrack::Error) {
        self.refused += 1;
        if self.lines.len() < TOLD {
            self.lines.push(error.to_string());
        }
        if self.hint.is_none() {
            self.hint = error.refused().and_then(hint::hint);
        }
    }

    fn tell(mut self) -> Result<()> {
        let text = match self.vanished {
            0 => format!("updated {}", flows(self.updated)),
            gone => format!("updated {}; {} ended meanwhile", flows(self.updated), flows(gone)),
        };
        if self.refused == 0 {
            say(&text);
            return Ok(());
        }
        let more = self.refused - self.lines.len();
        if more > 0 {
            self.lines.push(format!("{more} more were refused"));
        }
        self.lines.push(text);
        let failure = Failure::refused(self.lines.join("\n"));
        Err(match self.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        })
    }
}

/// What to change, apart from what depends on the flow.
struct Patch<'a> {
    fixed: FlowPatch,
    status: Option<Status>,
    state: Option<&'a str>,
}

impl<'a> Patch<'a> {
    fn of(changes: &'a Changes) -> Result<Self> {
        let labels = match (&changes.label_add[..], &changes.label_del) {
            ([], None) => None,
            (names, None) => Some(LabelsChange::set(labels::bits(names)?)),
            ([], Some(names)) if names.is_empty() => {
                Some(LabelsChange::clear(conntrack::Labels::ALL))
            }
            ([], Some(names)) => Some(LabelsChange::clear(labels::bits(names)?)),
            (names, Some(gone)) => {
                let (set, clear) = (labels::bits(names)?, labels::bits(gone)?);
                if set.0 & clear.0 != 0 {
                    return Err(Failure::usage("a label cannot be both set and cleared"));
                }
                Some(LabelsChange { value: set, mask: conntrack::Labels(set.0 | clear.0) })
            }
        };
        let patch = FlowPatch {
            timeout: changes.timeout,
            mark: changes.mark(),
            labels,
            ..FlowPatch::default()
        };
        let status = changes.set_status.map(settable).transpose()?;
        Ok(Self { fixed: patch, status, state: changes.set_state.as_deref() })
    }

    /// Changes a flow, and answers what it has become.
    fn apply(&self, client: &mut Client, flow: &Flow<'_>) -> Result<Flow<'static>, Failed> {
        let mut patch = self.fixed.clone();
        patch.status = self.status.map(|status| flow.status.unwrap_or_default() | status);
        if let Some(name) = self.state {
            patch.state = Some(state(flow.original.protocol, name).map_err(Failed::Usage)?);
        }
        let key = flow.key();
        client.update(&key, &patch)?;
        Ok(client.flow(&key)?)
    }
}
