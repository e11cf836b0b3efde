//! Events on real kernels: heard, lost, and made up for.

use std::collections::HashMap;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use conntrack::{
    Change, Client, Error, Event, EventKind, Filter, Flow, FlowPatch, Groups, NewFlow,
    Subscription, Tuple, View,
};
use testbed::harness::{Case, Context, Outcome};

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    testbed::harness::main(&[
        case("events_tell_what_happens", events),
        case("lost_events_are_told", lost_events),
        case("a_view_is_right_after_a_loss", view_after_a_loss),
        case("a_view_is_right_after_a_storm", view_after_a_storm),
        case("a_view_finds_what_nobody_told", view_finds_what_nobody_told),
        case("a_view_shows_whole_flows", view_shows_whole_flows),
        case("no_end_is_lost_in_lossless_mode", lossless),
        case("a_listener_that_hangs_is_given_up", given_up),
        case("other_namespaces_are_heard", all_namespaces),
        case("tokio_hears_the_same", tokio_hears_the_same),
    ])
}

fn udp(source_port: u16) -> Tuple {
    Tuple::udp(([10, 0, 0, 1], source_port).into(), ([10, 0, 0, 2], 53).into())
}

fn create(ports: impl Iterator<Item = u16>) -> Vec<Change> {
    ports.map(|port| Change::Create(NewFlow::new(udp(port), 600))).collect()
}

fn delete(ports: impl Iterator<Item = u16>) -> Vec<Change> {
    ports.map(|port| Change::Delete(udp(port).into())).collect()
}

/// The events that are there: what happened, and to which flow.
fn pending(events: &mut conntrack::Events) -> Result<Vec<(EventKind, Tuple)>, Error> {
    let mut pending = Vec::new();
    while let Some(event) = events.try_next()? {
        if let Event::Flow { kind, flow, .. } = event {
            pending.push((kind, flow.original));
        }
    }
    Ok(pending)
}

fn events(ctx: &Context) -> Outcome {
    let mut all = Subscription::new(Groups::FLOWS).open()?;
    let mut ends = Subscription::new(Groups::DESTROY).open()?;
    let mut client = Client::connect()?;
    let patch = FlowPatch { mark: Some(7.into()), ..FlowPatch::default() };
    client.create(&NewFlow::new(udp(1), 60))?;
    client.update(&udp(1).into(), &patch)?;
    client.delete(&udp(1).into())?;
    let expected = [EventKind::New, EventKind::Update, EventKind::Destroy];
    let expected = expected.map(|kind| (kind, udp(1)));
    ctx.equal("all", &expected[..], &pending(&mut all)?);
    ctx.equal("ends", &expected[2..], &pending(&mut ends)?);
    ctx.equal("no more", &None, &all.try_next()?);
    client.create(&NewFlow::new(udp(2), 60))?;
    match all.next()? {
        Event::Flow { kind, flow, origin } => {
            ctx.equal("kind", &EventKind::New, &kind);
            ctx.equal("references are not told", &None, &flow.use_count);
            ctx.check("somebody did it", origin.port != 0 && !origin.resync);
        }
        event => return ctx.fail(format!("{event:?}")),
    }
    ctx.check("a large buffer", all.receive_buffer_size() >= 212_992);
    Ok(())
}

fn lost_events(ctx: &Context) -> Outcome {
    let mut events = Subscription::new(Groups::FLOWS).receive_buffer(64 * 1024).open()?;
    let mut client = Client::connect()?;
    let create: Vec<_> =
        (1..=2000).map(|port| Change::Create(NewFlow::new(udp(port), 600))).collect();
    client.apply(&create)?;
    let (mut heard, mut lost) = (0, 0);
    while let Some(event) = events.try_next()? {
        match event {
            Event::Lost => lost += 1,
            _ => heard += 1,
        }
    }
    ctx.check(&format!("{heard} of 2000 were heard"), (1..2000).contains(&heard));
    ctx.equal("told that some were lost", &1, &lost);
    client.delete(&udp(1).into())?;
    ctx.equal("it goes on", &1, &pending(&mut events)?.len());
    Ok(())
}

/// How long to wait for what the kernel does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so; whether it ever was.
fn wait_until(mut is_so: impl FnMut() -> Result<bool, Error>) -> Result<bool, Error> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if is_so()? {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(false)
}

/// What whoever applies events to a copy of the table has.
#[derive(Default)]
struct Copy {
    flows: HashMap<Tuple, Flow<'static>>,
    lost: usize,
    made_up: usize,
    /// Events that do not fit what the copy has.
    wrong: Vec<String>,
}

impl Copy {
    fn of(view: &View) -> Self {
        let flows = view.flows().map(|flow| (flow.original, flow.clone())).collect();
        Self { flows, ..Self::default() }
    }

    fn apply(&mut self, event: Event<'static>) {
        let (kind, flow, origin) = match event {
            Event::Flow { kind, flow, origin } => (kind, flow, origin),
            Event::Lost => {
                self.lost += 1;
                return;
            }
            _ => return,
        };
        self.made_up += usize::from(origin.resync);
        let name = format!("{kind} {}", flow.original);
        let known = self.flows.get(&flow.original).map(|known| known.id);
        let fits = match kind {
            EventKind::New => known.is_none(),
            EventKind::Update | EventKind::Destroy => known == Some(flow.id),
        };
        if !fits {
            self.wrong.push(name);
        }
        if kind == EventKind::Destroy {
            self.flows.remove(&flow.original);
        } else {
            self.flows.insert(flow.original, flow);
        }
    }

    /// What of the flows must be right.
    fn essence<'a>(flows: impl Iterator<Item = &'a Flow<'static>>) -> Vec<String> {
        let told = |flow: &Flow<'_>| {
            let mark = flow.mark.unwrap_or_default();
            format!("{} {:?} {mark} {:?}", flow.original, flow.id, flow.status)
        };
        let mut essence: Vec<_> = flows.map(told).collect();
        essence.sort();
        essence
    }
}

/// Reads what there is, and compares the view, the copy and the table.
fn compare(ctx: &Context, view: &mut View, copy: &mut Copy) -> Result<(), Error> {
    while let Some(event) = view.try_next()? {
        copy.apply(event);
    }
    let table = Client::connect()?.flows(&Filter::new())?.to_vec()?;
    ctx.equal("view", &Copy::essence(table.iter()), &Copy::essence(view.flows()));
    ctx.equal("copy", &Copy::essence(table.iter()), &Copy::essence(copy.flows.values()));
    ctx.equal("events that do not fit", &Vec::<String>::new(), &copy.wrong);
    Ok(())
}

fn small_view() -> Result<View, Error> {
    Subscription::new(Groups::FLOWS).receive_buffer(64 * 1024).follow()
}

fn view_after_a_loss(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    client.apply(&create(1..=1000))?;
    let mut view = small_view()?;
    ctx.equal("at first", &1000, &view.count());
    let mut copy = Copy::of(&view);
    // Far more than the buffer holds: some end, some are new, some change, and some are replaced by
    // others with the same tuple.
    client.apply(&delete(1..=300))?;
    client.apply(&create(1001..=3000))?;
    let mark = Some(7.into());
    let changes: Vec<_> = (400..=500)
        .map(|port| {
            let patch = FlowPatch { mark, ..FlowPatch::default() };
            Change::Update(udp(port).into(), patch)
        })
        .collect();
    client.apply(&changes)?;
    client.apply(&delete(600..=700))?;
    client.apply(&create(600..=700))?;
    compare(ctx, &mut view, &mut copy)?;
    ctx.check("told that some were lost", copy.lost > 0);
    ctx.check("the difference was made up for", copy.made_up > 1000);
    ctx.equal("flows", &2700, &view.count());
    // From here on it hears again.
    let made_up = copy.made_up;
    client.apply(&delete(1001..=1010))?;
    compare(ctx, &mut view, &mut copy)?;
    ctx.equal("nothing more was made up", &made_up, &copy.made_up);
    ctx.equal("flows", &2690, &view.count());
    Ok(())
}

fn view_after_a_storm(ctx: &Context) -> Outcome {
    let mut view = small_view()?;
    let mut copy = Copy::of(&view);
    thread::scope(|scope| {
        let mut client = Client::connect()?;
        let storm = scope.spawn(move || {
            for round in 0..40_u16 {
                let first = round % 8 * 400;
                client.apply(&create(first + 1..=first + 600))?;
                client.apply(&delete(first + 100..=first + 500))?;
                let patch =
                    || FlowPatch { mark: Some(u32::from(round).into()), ..FlowPatch::default() };
                let changes: Vec<_> = (first + 1..first + 99)
                    .map(|port| Change::Update(udp(port).into(), patch()))
                    .collect();
                client.apply(&changes)?;
            }
            Ok::<_, Error>(())
        });
        while !storm.is_finished() {
            match view.try_next()? {
                Some(event) => copy.apply(event),
                None => thread::yield_now(),
            }
        }
        storm.join().expect("the storm ends by itself")
    })?;
    compare(ctx, &mut view, &mut copy)?;
    println!("{} losses, {} made up", copy.lost, copy.made_up);
    Ok(())
}

fn view_finds_what_nobody_told(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    // Without a listener the kernel does not track the events of what is created now.
    client.apply(&create(1..=5))?;
    let mut view = Subscription::new(Groups::FLOWS).follow()?;
    client.delete(&udp(1).into())?;
    client.delete(&udp(2).into())?;
    let mut copy = Copy::of(&view);
    view.resync()?;
    compare(ctx, &mut view, &mut copy)?;
    ctx.equal("flows", &3, &view.count());
    ctx.equal("losses", &0, &copy.lost);
    Ok(())
}

fn view_shows_whole_flows(ctx: &Context) -> Outcome {
    let mut view = Subscription::new(Groups::FLOWS).follow()?;
    let mut client = Client::connect()?;
    let mut new = NewFlow::new(udp(1), 600);
    new.settings.mark = Some(7.into());
    client.create(&new)?;
    let patch = FlowPatch { timeout: Some(900), ..FlowPatch::default() };
    client.update(&udp(1).into(), &patch)?;
    let patch = FlowPatch { mark: Some(8.into()), ..FlowPatch::default() };
    client.update(&udp(1).into(), &patch)?;
    client.delete(&udp(1).into())?;
    let mut told = Vec::new();
    while let Some(event) = view.try_next()? {
        if let Event::Flow { kind, flow, .. } = event {
            told.push((kind, flow.mark));
        }
    }
    ctx.equal("first", &Some(&(EventKind::New, Some(7))), &told.first());
    ctx.equal("last", &Some(&(EventKind::Destroy, Some(8))), &told.last());
    ctx.equal("flows", &0, &view.count());
    Ok(())
}

fn lossless(ctx: &Context) -> Outcome {
    const COUNT: u16 = 3000;
    let mut events =
        Subscription::new(Groups::DESTROY).receive_buffer(64 * 1024).lossless(PATIENCE).open()?;
    let mut client = Client::connect()?;
    client.apply(&create(1..=COUNT))?;
    client.apply(&delete(1..=COUNT))?;
    ctx.equal("listed", &0, &client.flows(&Filter::new())?.to_vec()?.len());
    let dying = client.dying(&Filter::new())?.to_vec()?;
    ctx.check("those that could not be told are kept", dying.len() > usize::from(COUNT / 2));
    let mut heard: HashMap<Tuple, usize> = HashMap::new();
    let all = wait_until(|| {
        while let Some(event) = events.try_next()? {
            if let Event::Flow { kind: EventKind::Destroy, flow, .. } = event {
                *heard.entry(flow.original).or_default() += 1;
            }
        }
        Ok(heard.len() == usize::from(COUNT))
    })?;
    ctx.check(&format!("every end is heard: {} of {COUNT}", heard.len()), all);
    ctx.check("each once", heard.values().all(|times| *times == 1));
    let none = wait_until(|| Ok(client.dying(&Filter::new())?.next()?.is_none()))?;
    ctx.check("none is kept any more", none);
    Ok(())
}

fn given_up(ctx: &Context) -> Outcome {
    let mut events = Subscription::new(Groups::DESTROY)
        .receive_buffer(64 * 1024)
        .lossless(Duration::from_millis(300))
        .open()?;
    let mut client = Client::connect()?;
    client.apply(&create(1..=3000))?;
    client.apply(&delete(1..=3000))?;
    ctx.check("some are kept", client.dying(&Filter::new())?.next()?.is_some());
    let none = wait_until(|| Ok(client.dying(&Filter::new())?.next()?.is_none()))?;
    ctx.check("then they are not", none);
    ctx.equal("the loss is told", &Some(Event::Lost), &events.try_next()?);
    let heard = pending(&mut events)?;
    ctx.check("and what was there before", !heard.is_empty() && heard.len() < 3000);
    // Closing ends the watch too, and a second one starts afresh.
    drop(events);
    let mut events = Subscription::new(Groups::FLOWS).lossless(PATIENCE).open()?;
    client.create(&NewFlow::new(udp(1), 60))?;
    ctx.equal("heard again", &1, &pending(&mut events)?.len());
    Ok(())
}

fn all_namespaces(ctx: &Context) -> Outcome {
    let namespace = ctx.namespace("elsewhere")?;
    let named = conntrack::Namespace::Named(namespace.name().to_owned());
    let mut there = Client::builder().namespace(named).connect()?;
    let mut here = Client::connect()?;
    let mut own = Subscription::new(Groups::FLOWS).open()?;
    let mut all = Subscription::new(Groups::FLOWS).all_namespaces().open()?;
    // A namespace is heard once it has an id here.
    ctx.out("ip", ["netns", "set", namespace.name(), "7"])?;
    here.create(&NewFlow::new(udp(1), 60))?;
    there.create(&NewFlow::new(udp(2), 60))?;
    let flows = |events: &mut conntrack::Events| -> Result<Vec<_>, Error> {
        let mut heard = Vec::new();
        while let Some(event) = events.try_next()? {
            if let Event::Flow { flow, origin, .. } = event {
                heard.push((flow.original, origin.namespace));
            }
        }
        Ok(heard)
    };
    ctx.equal("own", &vec![(udp(1), None)], &flows(&mut own)?);
    let heard = flows(&mut all)?;
    if heard == [(udp(1), None)] {
        // Without a listener of its own, the other namespace may not track events at all.
        return ctx.skip("this kernel does not track events of a namespace without a listener");
    }
    ctx.equal("all", &vec![(udp(1), None), (udp(2), Some(7))], &heard);
    // A view is of one namespace, whatever its subscription hears.
    let mut view = Subscription::new(Groups::FLOWS).all_namespaces().follow()?;
    there.create(&NewFlow::new(udp(3), 60))?;
    ctx.equal("events of the view", &None, &view.try_next()?);
    view.resync()?;
    ctx.equal("flows of the view", &1, &view.count());
    Ok(())
}

#[cfg(feature = "tokio")]
fn tokio_hears_the_same(ctx: &Context) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let subscription = Subscription::new(Groups::FLOWS).receive_buffer(64 * 1024);
        let mut view = subscription.follow_tokio().await?;
        let mut client = conntrack::tokio::Client::connect()?;
        client.apply(&create(1..=2000)).await?;
        client.apply(&delete(1..=500)).await?;
        client.create(&NewFlow::new(udp(3000), 60)).await?;
        let (mut lost, mut last) = (0, None);
        while last != Some(udp(3000)) || view.count() != 1501 {
            match view.next().await? {
                Event::Flow { flow, .. } => last = Some(flow.original),
                Event::Lost => lost += 1,
                _ => {}
            }
            if view.count() == 1501 {
                break;
            }
        }
        ctx.check("a loss was told", lost > 0);
        ctx.equal("flows", &1501, &view.flows().count());
        Ok(())
    })
}

#[cfg(not(feature = "tokio"))]
fn tokio_hears_the_same(ctx: &Context) -> Outcome {
    ctx.skip("built without the feature tokio")
}
