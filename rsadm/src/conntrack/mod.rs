//! `rsadm conntrack`.

use std::io::{self, Write};

use ::conntrack::Client;
use node::Snapshot;

pub(crate) mod arguments;
mod delete;
mod diff;
mod edit;
mod events;
mod expect;
pub(crate) mod filter;
mod hint;
mod labels;
mod list;
mod load;
mod save;
pub mod script;
mod service;
pub(crate) mod show;
mod table;
mod top;
mod tuples;
mod values;
pub(crate) mod view;

use crate::deferred::Deferred;
use crate::failure::Result;
use crate::output::{self, Form};
use crate::snapshot;
use arguments::Conntrack;
use list::Source;

/// Runs `rsadm conntrack VERB`.
pub(crate) fn run(verb: Conntrack, form: &Form, out: &mut (impl Write + Send)) -> Result<()> {
    match verb {
        Conntrack::List(Deferred(arguments)) => list::run(&arguments, form, out),
        Conntrack::Dying(Deferred(arguments)) => {
            list::plain(Source::Dying, &arguments.filters, form, out)
        }
        Conntrack::Unconfirmed(Deferred(arguments)) => {
            list::plain(Source::Unconfirmed, &arguments.filters, form, out)
        }
        Conntrack::Get(Deferred(arguments)) => edit::get(&arguments, form, out),
        Conntrack::Update(Deferred(arguments)) => edit::update(&arguments, form, out),
        Conntrack::Delete(Deferred(arguments)) => delete::run(&arguments, form, out),
        Conntrack::Expect(Deferred(verb)) => expect::run(verb, form, out),
        Conntrack::Count(Deferred(arguments)) => {
            table::count(&arguments.filters, form.plain()?.unwrap_or_default(), out)
        }
        Conntrack::Stats => table::statistics(form.plain()?.unwrap_or_default(), out),
        Conntrack::Caps => table::capabilities(form.plain()?.unwrap_or_default(), out),
        Conntrack::Create(Deferred(arguments)) => {
            output::none(form.plain()?)?;
            edit::create(&arguments)
        }
        Conntrack::Flush { family, dry_run } => {
            output::none(form.plain()?)?;
            delete::flush(family.map(Into::into), dry_run)
        }
        Conntrack::Save(Deferred(arguments)) => {
            output::none(form.plain()?)?;
            save::run(&arguments.filters, out)
        }
        Conntrack::Diff(Deferred(arguments)) => diff::run(&arguments, form, out),
        Conntrack::Load { file } => {
            output::none(form.plain()?)?;
            load::run(file.as_deref())
        }
        Conntrack::Events(Deferred(arguments)) => events::run(&arguments, form, out),
        Conntrack::Top(Deferred(arguments)) => top::run(&arguments, form, out),
    }
}

/// Runs `rsadm conntrack VERB` on a snapshot.
pub(crate) fn saved(
    verb: &Conntrack,
    from: &Snapshot,
    form: &Form,
    out: &mut (impl Write + Send),
) -> Result<()> {
    let tracking = || snapshot::part(from, "connection tracking", &from.tracking);
    let flows = || snapshot::part(from, "flows", &tracking()?.flows);
    match verb {
        Conntrack::List(Deferred(arguments)) => list::saved(arguments, from, flows, form, out),
        Conntrack::Get(Deferred(arguments)) => edit::saved(arguments, flows()?, form, out),
        Conntrack::Count(Deferred(arguments)) => {
            let format = form.plain()?.unwrap_or_default();
            table::saved_count(&arguments.filters, &tracking()?.sysctls, flows, format, out)
        }
        Conntrack::Stats => {
            let all = snapshot::part(from, "statistics", &tracking()?.statistics)?;
            table::show_statistics(all, form.plain()?.unwrap_or_default(), out)
        }
        Conntrack::Save(Deferred(arguments)) => {
            output::none(form.plain()?)?;
            let filter = arguments.filters.build()?;
            save::saved(flows()?.iter().filter(|flow| filter.matches(flow)), out)
        }
        Conntrack::Top(Deferred(arguments)) => top::saved(arguments, flows()?, form, out),
        Conntrack::Dying(_) | Conntrack::Unconfirmed(_) => {
            Err(snapshot::lacks("flows that end or begin"))
        }
        Conntrack::Caps => Err(snapshot::lacks("what the kernel can do")),
        Conntrack::Events(_) => Err(snapshot::lacks("events")),
        Conntrack::Expect(_) => Err(snapshot::lacks("expectations")),
        _ => Err(snapshot::read_only()),
    }
}

fn connect() -> Result<Client> {
    Ok(Client::builder().read_ahead(true).connect()?)
}

/// Says what was done, beside what is listed.
fn say(text: &str) {
    // Where nobody listens there is nobody to tell.
    _ = writeln!(io::stderr(), "rsadm: {text}");
}

/// `1 flow`, `7 flows`.
fn flows(count: usize) -> String {
    match count {
        1 => "1 flow".to_owned(),
        count => format!("{count} flows"),
    }
}
