//! `rsadm conntrack expect`.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use conntrack::{Expectation, ExpectationFlags, ExpectationKey, Layer4, Protocol, Tuple};

use super::arguments::{Expect, ExpectCreate, Get};
use super::show::{destination_of, source_of};
use super::values::{Parsed, protocol};
use super::view::ExpectationView;
use super::{connect, say};
use crate::classic::Line;
use crate::classic::conntrack::{expectation, xml};
use crate::cli::{Detail, Format};
use crate::deferred::Deferred;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{self, Form, Items, Structure};

/// Runs `rsadm conntrack expect VERB`.
pub(super) fn run(verb: Expect, form: &Form, out: &mut impl Write) -> Result<()> {
    match verb {
        Expect::List { family } => {
            show(&connect()?.expectations(family.map(Into::into))?, form, out)
        }
        Expect::Get(Deferred(arguments)) => {
            let key = key(&arguments)?;
            show(&[connect()?.expectation(&key)?], form, out)
        }
        Expect::Create(Deferred(arguments)) => {
            output::none(form.plain()?)?;
            Ok(connect()?.create_expectation(&new(arguments)?)?)
        }
        Expect::Delete(Deferred(arguments)) => {
            output::none(form.plain()?)?;
            Ok(connect()?.delete_expectation(&key(&arguments)?)?)
        }
        Expect::Flush { dry_run } => {
            output::none(form.plain()?)?;
            flush(dry_run)
        }
    }
}

fn flush(dry_run: bool) -> Result<()> {
    let mut client = connect()?;
    let before = client.expectations(None)?.len();
    if dry_run {
        say(&format!("would delete all expectations, {before} now; nothing was changed"));
        return Ok(());
    }
    client.flush_expectations()?;
    let after = client.expectations(None)?.len();
    say(&format!("deleted all expectations: {before} before, {after} after"));
    Ok(())
}

fn key(arguments: &Get) -> Result<ExpectationKey> {
    let (Some(tuple), None) = arguments.tuples.both()? else {
        return Err(Failure::usage("an expectation is named by --src, --dst and what is behind"));
    };
    Ok(ExpectationKey { zone: arguments.zone, ..tuple.into() })
}

fn new(arguments: ExpectCreate) -> Result<Expectation<'static>> {
    let ExpectCreate { master, tuple, timeout, helper, flags, zone } = arguments;
    if tuple.family() != master.family() {
        return Err(Failure::usage("--master and --tuple are of different families"));
    }
    let mut expectation = Expectation::new(master, tuple, mask(&tuple));
    expectation.timeout = timeout;
    expectation.helper = helper.map(Into::into);
    expectation.flags = flags;
    expectation.zone = zone;
    Ok(expectation)
}

/// All bits count, but for those of a source that is 0, which is any.
fn mask(tuple: &Tuple) -> Tuple {
    let all = |address: IpAddr| match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::BROADCAST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(!0)),
    };
    let source = if tuple.source.is_unspecified() { tuple.source } else { all(tuple.source) };
    let layer4 = match tuple.layer4 {
        Layer4::Ports { source, .. } => {
            Layer4::Ports { source: if source == 0 { 0 } else { !0 }, destination: !0 }
        }
        Layer4::Keys { .. } => Layer4::Keys { source: !0, destination: !0 },
        other => other,
    };
    Tuple::new(tuple.protocol, source, all(tuple.destination), layer4)
}

/// `udp,10.0.0.1:5000,10.0.0.2:69`.
pub(super) fn tuple(text: &str) -> Parsed<Tuple> {
    let complaint = || {
        format!(
            "'{text}' is not a tuple: PROTOCOL,SOURCE,DESTINATION such as udp,10.0.0.1:5000,10.0.0.2:69"
        )
    };
    let [name, source, destination] = text.split(',').collect::<Vec<_>>()[..] else {
        return Err(complaint());
    };
    let protocol: Protocol = protocol(name)?;
    let family = |source: IpAddr, destination: IpAddr| {
        if source.is_ipv4() == destination.is_ipv4() { Ok(()) } else { Err(complaint()) }
    };
    if protocol.has_ports() {
        let end = |text: &str| text.parse::<SocketAddr>().map_err(|_| complaint());
        let (source, destination) = (end(source)?, end(destination)?);
        family(source.ip(), destination.ip())?;
        return Ok(Tuple::with_ports(protocol, source, destination));
    }
    let end = |text: &str| text.parse::<IpAddr>().map_err(|_| complaint());
    let (source, destination) = (end(source)?, end(destination)?);
    family(source, destination)?;
    Ok(Tuple::new(protocol, source, destination, Layer4::None))
}

pub(super) fn flags(text: &str) -> Parsed<ExpectationFlags> {
    text.split(',').try_fold(ExpectationFlags::empty(), |flags, name| {
        ExpectationFlags::from_name(&name.to_ascii_uppercase())
            .map(|flag| flags | flag)
            .ok_or_else(|| format!("'{name}' is no flag: PERMANENT, INACTIVE, USERSPACE"))
    })
}

fn show(expectations: &[Expectation<'_>], form: &Form, out: &mut impl Write) -> Result<()> {
    let classic = [Detail::Extended, Detail::Id, Detail::Ktimestamp, Detail::Labels, Detail::Save];
    if classic.into_iter().chain([Detail::Timestamp]).any(|detail| form.has(detail)) {
        return Err(Failure::usage("expectations have no such details; -o xml they have"));
    }
    let format = form.format().unwrap_or_default();
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for expectation in expectations {
            items.push(&ExpectationView::from(expectation))?;
        }
        return items.finish();
    }
    if format == Format::Table {
        return table(expectations, out);
    }
    let mut line = Line::default();
    let as_xml = form.has(Detail::Xml);
    if as_xml {
        line.text(xml::EXPECTATIONS_HEAD);
    }
    for expected in expectations {
        if as_xml {
            xml::expectation(&mut line, expected, None);
        } else {
            expectation::expectation(&mut line, expected);
        }
    }
    if as_xml {
        line.text(xml::EXPECTATIONS_FOOT);
    }
    Ok(line.spill(1, out)?)
}

fn table(expectations: &[Expectation<'_>], out: &mut impl Write) -> Result<()> {
    let mut table = Table::new(&[
        ("PROTOCOL", Align::Left),
        ("TIMEOUT", Align::Right),
        ("SOURCE", Align::Left),
        ("DESTINATION", Align::Left),
        ("MASTER-SOURCE", Align::Left),
        ("MASTER-DESTINATION", Align::Left),
        ("HELPER", Align::Left),
        ("ZONE", Align::Right),
    ]);
    for expectation in expectations {
        let (tuple, master) = (&expectation.tuple, &expectation.master);
        let row = vec![
            tuple.protocol.to_string(),
            expectation.timeout.map(|seconds| format!("{seconds}s")).unwrap_or_default(),
            source_of(tuple.source, tuple.layer4),
            destination_of(tuple.destination, tuple.layer4),
            source_of(master.source, master.layer4),
            destination_of(master.destination, master.layer4),
            expectation.helper.as_deref().unwrap_or_default().to_owned(),
            expectation.zone.map(|zone| zone.to_string()).unwrap_or_default(),
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}
