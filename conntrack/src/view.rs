//! A view of the table that follows events, and is right again after losses.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};

use rsadm_netlink::{Socket, Transport, now};

use crate::listener::Listener;
use crate::verbs::Verbs;
use crate::{Direction, Event, EventKind, Filter, Flow, Origin, Result, Tuple};

/// How many flows are read of a listing until events that came meanwhile are taken out of the socket's
/// buffer.
const TURN: usize = 256;

/// A view of the table: what it holds, and what happens to it.
///
/// It is made by [`Subscription::follow`](crate::Subscription::follow), which listens first and then
/// reads the table. When events were lost, [`next`](Self::next) says so with
/// [`Event::Lost`], reads the table again, and tells what it missed as events whose
/// [origin](Origin::resync) says so. So whoever applies the events to what
/// [`flows`](Self::flows) was at first has the same table again after each of them.
///
/// An event shows the whole flow as it is known by then, not only what changed. What changes without
/// an event, timeouts and counters, is as old as the flow's last event. A kernel whose
/// `nf_conntrack_events` is 2, as it is by default, does not tell of flows that are older than the first
/// listener; [`resync`](Self::resync) finds their end.
///
/// ```no_run
/// use conntrack::{Event, Groups, Subscription};
/// let mut view = Subscription::new(Groups::FLOWS).follow()?;
/// loop {
///     match view.next()? {
///         Event::Flow { kind, flow, .. } => println!("{kind} {}: {}", flow.original, view.count()),
///         Event::Lost => println!("events were lost, reading again"),
///         _ => {}
///     }
/// }
/// # Ok::<(), conntrack::Error>(())
/// ```
#[derive(Debug)]
pub struct View {
    pub(crate) tracker: Tracker<Socket>,
}

impl View {
    /// The next event, waiting for it.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> Result<Event<'static>> {
        now(self.tracker.next())
    }

    /// The next event that is there already, if there is one.
    pub fn try_next(&mut self) -> Result<Option<Event<'static>>> {
        now(self.tracker.try_next())
    }

    /// The flows of the view.
    pub fn flows(&self) -> impl Iterator<Item = &Flow<'static>> {
        self.tracker.flows()
    }

    /// How many flows the view has.
    pub fn count(&self) -> usize {
        self.tracker.count()
    }

    /// Reads the table again. What turns out to have changed is told by [`next`](Self::next).
    pub fn resync(&mut self) -> Result<()> {
        now(self.tracker.resync())
    }
}

/// Readable when the kernel has something to tell. [`View::try_next`] may have more than that.
impl AsFd for View {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tracker.listener.transport().as_fd()
    }
}

/// Where a flow is in the table: its original tuple and the zone of that direction.
type Place = (Tuple, u16);

fn place(flow: &Flow<'_>) -> Place {
    (flow.original, flow.zone_of(Direction::Original))
}

/// A flow that is known.
#[derive(Debug)]
struct Known {
    flow: Flow<'static>,
    /// The reading of the table, or the events behind it, that showed it last.
    reading: u64,
}

/// The view over any transport.
#[derive(Debug)]
pub(crate) struct Tracker<T> {
    verbs: Verbs<T>,
    listener: Listener<T>,
    known: HashMap<Place, Known>,
    /// How often the table was read.
    reading: u64,
    /// Events that are not handed out yet.
    pending: VecDeque<Event<'static>>,
    /// Events were lost since the table was read.
    stale: bool,
}

impl<T: Transport> Tracker<T> {
    pub(crate) async fn start(verbs: Verbs<T>, listener: Listener<T>) -> Result<Self> {
        let mut tracker = Self {
            verbs,
            listener,
            known: HashMap::new(),
            reading: 0,
            pending: VecDeque::new(),
            stale: true,
        };
        tracker.resync().await?;
        // The view begins with these.
        tracker.pending.retain(|event| *event == Event::Lost);
        Ok(tracker)
    }

    pub(crate) fn flows(&self) -> impl Iterator<Item = &Flow<'static>> {
        self.known.values().map(|known| &known.flow)
    }

    pub(crate) fn count(&self) -> usize {
        self.known.len()
    }

    pub(crate) async fn next(&mut self) -> Result<Event<'static>> {
        loop {
            if let Some(event) = self.settled().await? {
                return Ok(event);
            }
            let event = self.listener.next().await?.into_owned();
            self.take(event);
        }
    }

    pub(crate) async fn try_next(&mut self) -> Result<Option<Event<'static>>> {
        loop {
            if let Some(event) = self.settled().await? {
                return Ok(Some(event));
            }
            match self.listener.try_next()?.map(Event::into_owned) {
                Some(event) => self.take(event),
                None => return Ok(None),
            }
        }
    }

    /// An event that needs no listening: one that waits, or of what was missed.
    async fn settled(&mut self) -> Result<Option<Event<'static>>> {
        if self.pending.is_empty() && self.stale {
            self.resync().await?;
        }
        Ok(self.pending.pop_front())
    }

    /// Takes note of an event, and hands on what it means for the view.
    fn take(&mut self, event: Event<'static>) {
        match event {
            Event::Flow { kind: EventKind::Destroy, flow, origin } => self.remove(flow, origin),
            Event::Flow { flow, origin, .. } => self.put(flow, origin),
            Event::Lost => {
                self.stale = true;
                self.pending.push_back(Event::Lost);
            }
            event @ Event::Expectation { .. } => self.pending.push_back(event),
        }
    }

    fn tell(&mut self, kind: EventKind, flow: Flow<'static>, origin: Origin) {
        self.pending.push_back(Event::Flow { kind, flow, origin });
    }

    /// A flow that is there, of an event.
    fn put(&mut self, flow: Flow<'static>, origin: Origin) {
        let reading = self.reading;
        match self.known.entry(place(&flow)) {
            Entry::Vacant(entry) => {
                entry.insert(Known { flow: flow.clone(), reading });
                self.tell(EventKind::New, flow, origin);
            }
            Entry::Occupied(mut entry) if is_same(&entry.get().flow, &flow) => {
                let known = entry.get_mut();
                merge(&mut known.flow, flow);
                known.reading = reading;
                let flow = known.flow.clone();
                self.tell(EventKind::Update, flow, origin);
            }
            Entry::Occupied(mut entry) => {
                let gone = entry.insert(Known { flow: flow.clone(), reading }).flow;
                self.tell(EventKind::Destroy, gone, Origin { resync: true, ..Origin::default() });
                self.tell(EventKind::New, flow, origin);
            }
        }
    }

    /// A flow that ended, of an event. One that is not known was told of already.
    fn remove(&mut self, flow: Flow<'static>, origin: Origin) {
        if let Entry::Occupied(entry) = self.known.entry(place(&flow)) {
            if is_same(&entry.get().flow, &flow) {
                let mut last = entry.remove().flow;
                merge(&mut last, flow);
                self.tell(EventKind::Destroy, last, origin);
            }
        }
    }

    /// Reads the table, and tells the difference.
    pub(crate) async fn resync(&mut self) -> Result<()> {
        self.stale = true;
        // What was heard so far is older than what will be read now. Of it, an end may be among
        // what was lost, so it must not be applied after the reading.
        while let Some(event) = self.listener.try_next()?.map(Event::into_owned) {
            self.take(event);
        }
        let mut late = VecDeque::new();
        loop {
            self.reading += 1;
            match self.read(&mut late).await {
                Ok(()) => break,
                Err(error) if error.is_interrupted() => {}
                Err(error) => return Err(error),
            }
        }
        self.forget_unseen();
        self.stale = false;
        for event in late {
            self.take(event);
        }
        Ok(())
    }

    /// Reads the table. Events that come meanwhile are kept for afterwards.
    async fn read(&mut self, late: &mut VecDeque<Event<'static>>) -> Result<()> {
        let Self { verbs, listener, known, reading, pending, .. } = self;
        let all = Filter::new();
        let mut flows = verbs.flows(&all).await?;
        let mut count = 0_usize;
        let mut more = true;
        while more {
            match flows.next().await? {
                Some(flow) => see(known, pending, *reading, flow),
                None => more = false,
            }
            count += 1;
            if count % TURN == 0 || !more {
                while let Some(event) = listener.try_next()? {
                    late.push_back(event.into_owned());
                }
            }
        }
        Ok(())
    }

    /// What the last reading did not show is gone.
    fn forget_unseen(&mut self) {
        let Self { known, reading, pending, .. } = self;
        let origin = Origin { resync: true, ..Origin::default() };
        known.retain(|_, known| {
            let seen = known.reading == *reading;
            if !seen {
                let flow = known.flow.clone();
                pending.push_back(Event::Flow { kind: EventKind::Destroy, flow, origin });
            }
            seen
        });
    }
}

/// A flow that a reading of the table showed.
fn see(
    known: &mut HashMap<Place, Known>,
    pending: &mut VecDeque<Event<'static>>,
    reading: u64,
    flow: Flow<'_>,
) {
    let origin = Origin { resync: true, ..Origin::default() };
    let mut tell = |kind, flow| pending.push_back(Event::Flow { kind, flow, origin });
    let flow = flow.into_owned();
    match known.entry(place(&flow)) {
        Entry::Vacant(entry) => {
            entry.insert(Known { flow: flow.clone(), reading });
            tell(EventKind::New, flow);
        }
        Entry::Occupied(mut entry) => {
            let before = entry.insert(Known { flow: flow.clone(), reading }).flow;
            if !is_same(&before, &flow) {
                tell(EventKind::Destroy, before);
                tell(EventKind::New, flow);
            } else if differs(&before, &flow) {
                tell(EventKind::Update, flow);
            }
        }
    }
}

/// Whether two flows of one place are the same flow.
fn is_same(known: &Flow<'_>, flow: &Flow<'_>) -> bool {
    match (known.id, flow.id) {
        (Some(known), Some(id)) => known == id,
        _ => true,
    }
}

/// Whether there should have been an event between the two.
fn differs(before: &Flow<'_>, now: &Flow<'_>) -> bool {
    let marks = |flow: &Flow<'_>| (flow.mark.unwrap_or_default(), flow.labels.unwrap_or_default());
    let state = |flow: &Flow<'_>| flow.state.as_ref().map(|state| (state.name(), flow.reply));
    before.status != now.status
        || marks(before) != marks(now)
        || (before.state.is_some() && state(before) != state(now))
        || before.helper != now.helper
}

/// Takes over a field that an event shows.
fn take<V>(known: &mut Option<V>, event: Option<V>) {
    if event.is_some() {
        *known = event;
    }
}

/// Takes over what an event shows; what it leaves out has not changed.
fn merge(known: &mut Flow<'static>, event: Flow<'static>) {
    let Flow {
        original,
        reply,
        status,
        state,
        timeout,
        mark,
        zone,
        counters_original,
        counters_reply,
        id,
        use_count,
        labels,
        helper,
        security_mark,
        security_context,
        started,
        stopped,
        happened,
        master,
        sequence_adjustment_original,
        sequence_adjustment_reply,
        synproxy,
        rest,
    } = event;
    known.original = original;
    known.reply = reply;
    known.rest = rest;
    take(&mut known.status, status);
    take(&mut known.state, state);
    take(&mut known.timeout, timeout);
    take(&mut known.mark, mark);
    take(&mut known.zone, zone);
    take(&mut known.counters_original, counters_original);
    take(&mut known.counters_reply, counters_reply);
    take(&mut known.id, id);
    take(&mut known.use_count, use_count);
    take(&mut known.labels, labels);
    take(&mut known.helper, helper);
    take(&mut known.security_mark, security_mark);
    take(&mut known.security_context, security_context);
    take(&mut known.started, started);
    take(&mut known.stopped, stopped);
    take(&mut known.happened, happened);
    take(&mut known.master, master);
    take(&mut known.sequence_adjustment_original, sequence_adjustment_original);
    take(&mut known.sequence_adjustment_reply, sequence_adjustment_reply);
    take(&mut known.synproxy, synproxy);
}
