//! `rsadm vxlan fdb sync`.

use std::io::Write;
use std::net::IpAddr;

use vxlan::{Change, Client, Link, Plan, Sync};

use super::script::{self, Device};
use crate::failure::Result;
use crate::output::Progress;
use crate::script::{mistakes, read};
use crate::vxlan::arguments::FdbSync;
use crate::vxlan::devices::{self, Links};
use crate::vxlan::report::Outcome;
use crate::vxlan::{connect, entries, say};

/// Changes that are sent together.
const PART: usize = 4096;

/// Makes the entries of a device those of a file.
pub(super) fn run(arguments: &FdbSync, out: &mut impl Write) -> Result<()> {
    let mut client = connect()?;
    let link = devices::device(&mut client, "--dev", &arguments.dev)?;
    let links = Links::read(&mut client)?;
    let (name, input) = read(arguments.file.as_deref())?;
    let desired = script::parse(&input, &device(&link, &links))
        .map_err(|problems| mistakes(&name, &problems))?;
    let total = desired.len();
    let plan = client.plan_sync(Sync::new(link.index, desired))?;
    let changes = plan.len();
    if arguments.dry_run {
        for change in plan {
            writeln!(out, "{}", line(&change, &link.name, &links))?;
        }
        out.flush()?;
        say(&format!("would make {} for {}; nothing was changed", count(changes), entries(total)));
        return Ok(());
    }
    apply(&mut client, plan)?.tell(&link.name)?;
    let made = if changes == 0 { "no change".to_owned() } else { count(changes) };
    say(&format!("made {made} for {} of {}", entries(total), link.name));
    Ok(())
}

/// What a file has to know of the device.
fn device(link: &Link, links: &Links) -> Device {
    let settings = link.vxlan.clone().unwrap_or_default();
    let is_ipv6 = [settings.local, settings.group].iter().flatten().any(IpAddr::is_ipv6);
    Device {
        link: link.index,
        name: link.name.clone(),
        is_ipv6,
        external: link.is_external(),
        links: links.by_name(),
    }
}

fn count(changes: usize) -> String {
    match changes {
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }
}

fn apply(client: &mut Client, mut plan: Plan) -> Result<Outcome> {
    let mut progress = Progress::of(plan.len(), "changes");
    let mut outcome = Outcome::default();
    let mut part = Vec::with_capacity(PART.min(plan.len()));
    while plan.len() > 0 {
        part.clear();
        part.extend(plan.by_ref().take(PART));
        if outcome.add(client.apply(&part)?, &part) {
            break;
        }
        progress.add(part.len());
    }
    Ok(outcome)
}

/// The change as a line for `bridge -batch`.
fn line(change: &Change, device: &str, links: &Links) -> String {
    let (verb, entry) = match change {
        Change::Add(entry) => ("add", entry),
        Change::Append(entry) => ("append", entry),
        Change::Replace(entry) => ("replace", entry),
        Change::Delete(entry) => ("del", entry),
        // There are no others in a plan.
        _ => return String::new(),
    };
    let mut text = format!("fdb {verb} {} dev {device}", entry.mac);
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text.extend([" ", name, " ", &value]);
        }
    };
    put("src_vni", entry.source_vni.map(|vni| vni.to_string()));
    put("dst", entry.remote.address.map(|address| address.to_string()));
    put("port", entry.remote.port.map(|port| port.to_string()));
    put("vni", entry.remote.vni.map(|vni| vni.to_string()));
    put("via", entry.remote.via.map(|via| links.name(via)));
    put("nhid", entry.nexthop_group.map(|group| group.to_string()));
    if verb != "del" {
        for (flag, name) in
            [(vxlan::Flags::ROUTER, " router"), (vxlan::Flags::EXTERN_LEARN, " extern_learn")]
        {
            if entry.flags.contains(flag) {
                text.push_str(name);
            }
        }
        text.push_str(match entry.state {
            vxlan::State::STATIC => " static",
            vxlan::State::DYNAMIC => " dynamic",
            _ => "",
        });
    }
    text
}
