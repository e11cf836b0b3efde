//! `rsadm conntrack delete` and `flush`.

use std::io::Write;

use conntrack::{
    Capabilities, Client, Condition, Deletion, EventKind, Family, Filter, Flow, Namespace, Sysctls,
};

use super::arguments::Delete;
use super::list::{self, Source};
use super::show::Show;
use super::{connect, flows, hint, say};
use crate::failure::{Failure, Result};
use crate::output::Form;

/// How many refusals are told one by one.
const TOLD: usize = 20;

/// Room for the names of what one request deleted, some hundred thousand. It is used only while
/// they wait to be read.
const NAMES: usize = 128 * 1024 * 1024;

/// Deletes flows and shows those that are gone.
pub(super) fn run(arguments: &Delete, form: &Form, out: &mut (impl Write + Send)) -> Result<()> {
    let filter = arguments.filters.build()?;
    if filter.is_empty() {
        return Err(Failure::usage("delete which flows? Without a filter these are all")
            .hint("`rsadm conntrack flush` deletes all"));
    }
    if arguments.explain {
        return list::explain(&filter, form.plain()?.unwrap_or_default(), out);
    }
    let mut show = Show::begin(form, EventKind::Destroy, out)?;
    if arguments.dry_run {
        let count = list::flows(&mut connect()?, Source::Table, &filter, &mut show)?;
        show.finish()?;
        out.flush()?;
        say(&format!("would delete {}; nothing was changed", flows(count)));
        return Ok(());
    }
    let mut client = Client::builder().receive_buffer(NAMES).read_ahead(true).connect()?;
    let mut shown = Ok(());
    let each = |flow: &Flow<'_>| {
        if shown.is_ok() {
            shown = show.flow(flow);
        }
    };
    let before = if names_all() { Some(client.count()?) } else { None };
    let deletion = match before {
        Some(_) => client.flush_matching(&filter, &Capabilities::probe(), each)?,
        None => client.delete_matching(&filter, each)?,
    };
    // Whoever does not read the list any more still wants the flows to be gone.
    let shown = shown.and_then(|()| show.finish()).and_then(|()| Ok(out.flush()?));
    if let Some(before) = before.filter(|_| deletion.in_one_request) {
        let fewer = before.saturating_sub(client.count()?) as usize;
        say(&match deletion.deleted {
            named if named >= fewer => format!("deleted {} with one request", flows(named)),
            named => format!(
                "deleted {} with one request, and more that the kernel does not name: the table has \
                 {} fewer",
                flows(named),
                flows(fewer)
            ),
        });
    } else {
        report(&deletion)?;
    }
    shown
}

/// Whether the kernel names every flow that one request deletes: those whose events it tracks.
/// Otherwise it could not be shown what is gone.
fn names_all() -> bool {
    Sysctls::read(&Namespace::Current).is_ok_and(|sysctls| sysctls.events() == Some(1))
}

/// Says what became of the flows.
fn report(deletion: &Deletion) -> Result<()> {
    let text = match deletion.vanished {
        0 => format!("deleted {}", flows(deletion.deleted)),
        gone => format!("deleted {}; {} ended meanwhile", flows(deletion.deleted), flows(gone)),
    };
    if deletion.refused.is_empty() && deletion.unknown.is_empty() {
        say(&text);
        return Ok(());
    }
    let mut lines: Vec<_> =
        deletion.refused.iter().take(TOLD).map(|(_, refused)| refused.to_string()).collect();
    let more = deletion.refused.len().saturating_sub(TOLD);
    if more > 0 {
        lines.push(format!("{more} more were refused"));
    }
    for key in deletion.unknown.iter().take(TOLD) {
        lines.push(format!("the kernel's answer about {key} was lost"));
    }
    lines.push(text);
    let failure = Failure::refused(lines.join("\n"));
    Err(match deletion.refused.first().and_then(|(_, refused)| hint::hint(refused)) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// Deletes every flow, or every one of a family.
pub(super) fn flush(family: Option<Family>, dry_run: bool) -> Result<()> {
    let mut client = connect()?;
    let filter = family.map_or_else(Filter::new, |family| Condition::Family(family).into());
    let what = |count: usize| match family {
        Some(family) => format!("{} of {family}", flows(count)),
        None => flows(count),
    };
    if dry_run {
        let count = client.count_of(&filter)? as usize;
        say(&format!("would delete {}; nothing was changed", what(count)));
        return Ok(());
    }
    let before = client.count()?;
    let Some(family) = family else {
        client.flush()?;
        let after = client.count()?;
        say(&format!("deleted all flows: {before} before, {after} after"));
        return Ok(());
    };
    let deletion = client.flush_matching(&filter, &Capabilities::probe(), |_| {})?;
    if deletion.in_one_request {
        let after = client.count()?;
        say(&format!(
            "deleted all flows of {family}: of both families there were {before}, and are {after}"
        ));
        return Ok(());
    }
    report(&deletion)
}
