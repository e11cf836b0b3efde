//! `rsadm vxlan link`.

use std::io::Write;

use vxlan::{LinkConfig, Settings};

pub(crate) mod options;
mod view;

use super::arguments::{Link, LinkAdd, LinkSet};
use super::devices::{self, Links, Saved, Tables};
use super::{connect, hint};
use crate::classic::{Line, ip};
use crate::cli::Format;
use crate::deferred::Deferred;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{self, Items, Structure};
use crate::snapshot;
use view::LinkView;

/// Runs `rsadm vxlan link VERB`.
pub(super) fn run(verb: Link, format: Option<Format>, out: &mut impl Write) -> Result<()> {
    match verb {
        Link::List => list(None, &mut connect()?, format.unwrap_or_default(), out),
        Link::Show { name } => list(Some(&name), &mut connect()?, format.unwrap_or_default(), out),
        Link::Add(Deferred(arguments)) => {
            output::none(format)?;
            add(&arguments)
        }
        Link::Set(Deferred(arguments)) => {
            output::none(format)?;
            set(&arguments)
        }
        Link::Delete { name } => {
            output::none(format)?;
            let mut client = connect()?;
            let index = devices::device(&mut client, "NAME", &name)?.index;
            client.delete_link(index).map_err(|error| hint::on(&name, &error))
        }
    }
}

/// Runs `rsadm vxlan link VERB` on a snapshot.
pub(super) fn saved(
    verb: &Link,
    mut from: Saved<'_>,
    format: Option<Format>,
    out: &mut impl Write,
) -> Result<()> {
    match verb {
        Link::List => list(None, &mut from, format.unwrap_or_default(), out),
        Link::Show { name } => list(Some(name), &mut from, format.unwrap_or_default(), out),
        _ => Err(snapshot::read_only()),
    }
}

fn list(
    name: Option<&str>,
    client: &mut impl Tables,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let one = name.map(|name| devices::device(client, "NAME", name)).transpose()?;
    let links = Links::read(client)?;
    let devices = match &one {
        Some(link) => vec![link],
        None => links.devices(),
    };
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for link in devices {
            items.push(&LinkView::new(link, &links))?;
        }
        return items.finish();
    }
    if format == Format::Table {
        return table(&devices, &links, out);
    }
    let mut line = Line::default();
    let names = links.names();
    for link in devices {
        ip::link(&mut line, link, &names);
    }
    Ok(line.spill(1, out)?)
}

fn table(devices: &[&vxlan::Link], links: &Links, out: &mut impl Write) -> Result<()> {
    let mut table = Table::new(&[
        ("DEVICE", Align::Left),
        ("STATE", Align::Left),
        ("VNI", Align::Right),
        ("PORT", Align::Right),
        ("LOCAL", Align::Left),
        ("REMOTE", Align::Left),
        ("UNDERLAY", Align::Left),
        ("LEARNING", Align::Left),
        ("MTU", Align::Right),
        ("MAC", Align::Left),
        ("BRIDGE", Align::Left),
    ]);
    for link in devices {
        let settings = link.vxlan.clone().unwrap_or_default();
        let external = link.is_external();
        let vni = settings.id.filter(|_| !external).map(|vni| vni.to_string());
        let name = |index: Option<u32>| index.map(|index| links.name(index)).unwrap_or_default();
        let learning = settings.learning.map_or("", |learns| if learns { "on" } else { "off" });
        let row = vec![
            link.name.clone(),
            if link.is_up() { "up" } else { "down" }.to_owned(),
            if external { "external".to_owned() } else { vni.unwrap_or_default() },
            settings.port.map(|port| port.to_string()).unwrap_or_default(),
            settings.local.map(|address| address.to_string()).unwrap_or_default(),
            settings.group.map(|address| address.to_string()).unwrap_or_default(),
            match link.link_namespace {
                Some(_) => settings.link.map(|link| format!("link {link}")).unwrap_or_default(),
                None => name(settings.link.filter(|link| *link != 0)),
            },
            learning.to_owned(),
            link.mtu.map(|mtu| mtu.to_string()).unwrap_or_default(),
            link.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            name(link.master),
        ];
        table.row(out, row)?;
    }
    Ok(table.finish(out)?)
}

fn add(arguments: &LinkAdd) -> Result<()> {
    let mut client = connect()?;
    let config = arguments.options.config(&mut client)?;
    let Settings { id, external, .. } = config.settings;
    if id.is_none() && external != Some(true) {
        return Err(Failure::usage("a VXLAN device needs --id, or --external to have all VNIs"));
    }
    let config = LinkConfig { name: Some(arguments.name.clone()), ..config };
    client.create_link(&config).map_err(|error| hint::on(&arguments.name, &error))?;
    let link = client.link(&arguments.name)?;
    let Some(option) = unknown(&config.settings, &link) else { return Ok(()) };
    client.delete_link(link.index)?;
    Err(does_not_know(option))
}

/// The option that the kernel took no notice of, as it does of those that it does not know.
fn unknown(asked: &Settings, link: &vxlan::Link) -> Option<&'static str> {
    let is = link.vxlan.clone().unwrap_or_default();
    [
        ("--flowlabel inherit", asked.flow_label_policy.is_some(), is.flow_label_policy.is_some()),
        ("--vnifilter", asked.vni_filter.is_some(), is.vni_filter.is_some()),
        ("--localbypass", asked.local_bypass.is_some(), is.local_bypass.is_some()),
        ("--reserved-bits", asked.reserved_bits.is_some(), is.reserved_bits.is_some()),
        ("--mcroute", asked.multicast_route.is_some(), is.multicast_route.is_some()),
    ]
    .into_iter()
    .find_map(|(option, asked, is)| (asked && !is).then_some(option))
}

fn does_not_know(option: &str) -> Failure {
    Failure::refused(format!("{option}: this kernel does not know it"))
}

fn set(arguments: &LinkSet) -> Result<()> {
    let mut client = connect()?;
    let link = devices::device(&mut client, "NAME", &arguments.name)?;
    let config = arguments.options.config(&mut client)?;
    if let Some(option) = unknown(&config.settings, &link) {
        return Err(does_not_know(option));
    }
    let config = LinkConfig { name: arguments.rename.clone(), ..config };
    if config == LinkConfig::default() {
        return Err(Failure::usage("nothing was given to change")
            .hint("give at least one setting; --help lists them"));
    }
    client.change_link(link.index, &config).map_err(|error| hint::on(&arguments.name, &error))
}
