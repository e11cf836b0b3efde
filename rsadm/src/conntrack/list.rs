//! `rsadm conntrack list`, `dying`, `unconfirmed`.

use std::io::Write;

use conntrack::{Client, EventKind, Filter, Flow, Place};
use node::Snapshot;
use serde::Serialize;

use super::arguments::List;
use super::connect;
use super::filter::Filters;
use super::service;
use super::show::Show;
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::namespace::{self, Netns};
use crate::output::table::{Align, Table};
use crate::output::{Form, Items, Structure};
use crate::snapshot;

/// Which of the kernel's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Table,
    Dying,
    Unconfirmed,
}

/// Lists flows, or explains the filter.
pub(super) fn run(arguments: &List, form: &Form, out: &mut (impl Write + Send)) -> Result<()> {
    let filter = arguments.filters.build()?;
    if arguments.explain {
        return explain(&filter, form.plain()?.unwrap_or_default(), out);
    }
    if let Some(service) = arguments.filters.service.as_ref().filter(|_| !arguments.zero) {
        let format = form.format().unwrap_or(Format::Table);
        if form.is_joined() {
            return service::run(service, &filter, Structure::of(format), out);
        }
    }
    if arguments.zero {
        return zero(&filter, form, out);
    }
    let mut show = Show::begin(form, EventKind::New, out)?;
    if arguments.all_netns {
        show = show.with_namespaces()?;
        for Netns { name, namespace } in namespace::all()? {
            let mut client = Client::builder().namespace(namespace).read_ahead(true).connect()?;
            show.enter(name);
            flows(&mut client, Source::Table, &filter, &mut show)?;
        }
        return show.finish();
    }
    flows(&mut connect()?, Source::Table, &filter, &mut show)?;
    show.finish()
}

/// Lists flows of a snapshot.
pub(super) fn saved<'s>(
    arguments: &List,
    from: &Snapshot,
    flows: impl Fn() -> Result<&'s Vec<Flow<'static>>>,
    form: &Form,
    out: &mut (impl Write + Send),
) -> Result<()> {
    if arguments.zero {
        return Err(snapshot::read_only());
    }
    if arguments.all_netns {
        return Err(snapshot::one_namespace("--all-netns"));
    }
    let filter = arguments.filters.build()?;
    if arguments.explain {
        return explain(&filter, form.plain()?.unwrap_or_default(), out);
    }
    let mut matching = flows()?.iter().filter(|flow| filter.matches(flow));
    if let Some(service) = arguments.filters.service.as_ref().filter(|_| form.is_joined()) {
        let structure = Structure::of(form.format().unwrap_or(Format::Table));
        return service::saved(service, from, matching, structure, out);
    }
    let mut show = Show::begin(form, EventKind::New, out)?;
    matching.try_for_each(|flow| show.flow(flow))?;
    show.finish()
}

/// Lists flows of another list.
pub(super) fn plain(
    source: Source,
    filters: &Filters,
    form: &Form,
    out: &mut impl Write,
) -> Result<()> {
    let filter = filters.build()?;
    let mut show = Show::begin(form, EventKind::New, out)?;
    flows(&mut connect()?, source, &filter, &mut show)?;
    show.finish()
}

/// Shows every flow that matches, and how many it were.
pub(super) fn flows<W: Write>(
    client: &mut Client,
    source: Source,
    filter: &Filter,
    show: &mut Show<'_, W>,
) -> Result<usize> {
    let mut flows = match source {
        Source::Table => client.flows(filter),
        Source::Dying => client.dying(filter),
        Source::Unconfirmed => client.unconfirmed(filter),
    }?;
    let mut count = 0;
    while let Some(flow) = flows.next()? {
        count += 1;
        show.flow(&flow)?;
    }
    Ok(count)
}

/// What cannot be shown any more is zeroed all the same: the kernel does both in one step.
fn zero(filter: &Filter, form: &Form, out: &mut (impl Write + Send)) -> Result<()> {
    let mut show = Show::begin(form, EventKind::New, out)?;
    let mut shown = Ok(());
    connect()?.zero_flows(filter, |flow| {
        if shown.is_ok() {
            shown = show.flow(&flow);
        }
    })?;
    shown?;
    show.finish()
}

/// A condition of a filter for programs.
#[derive(Serialize)]
struct Explained<'a> {
    condition: &'a str,
    place: &'static str,
}

/// Tells who decides on each condition.
pub(super) fn explain(filter: &Filter, format: Format, out: &mut impl Write) -> Result<()> {
    let plan = filter.plan();
    let rows = plan.places().iter().map(|(condition, place)| (condition.to_string(), *place));
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for (condition, place) in rows {
            let place = match place {
                Place::Kernel => "kernel",
                Place::Narrowed => "narrowed",
                Place::Here => "here",
            };
            items.push(&Explained { condition: &condition, place })?;
        }
        return items.finish();
    }
    let mut table = Table::new(&[("CONDITION", Align::Left), ("DECIDED", Align::Left)]);
    for (condition, place) in rows {
        let decided = match place {
            Place::Kernel => "by the kernel, and checked here",
            Place::Narrowed => "here, of what the kernel leaves",
            Place::Here => "here",
        };
        table.row(out, vec![condition, decided.to_owned()])?;
    }
    table.finish(out).map_err(Failure::from)
}
