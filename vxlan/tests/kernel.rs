//! The client on real kernels.

use std::collections::HashSet;
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testbed::harness::{Case, Context, Failure, Outcome};
use vxlan::{
    Builder, Change, Client, DontFragment, Entry, EntryFilter, EntryQuery, Error, Event, EventKind,
    Flags, Flushed, Groups, Ignored, Link, LinkConfig, Mac, MulticastEntry, Namespace, Neighbour,
    Reason, Remote, Settings, State, Subscription, Support, Sync, Vni, VniEntry,
};

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    testbed::harness::main(&[
        case("links_come_back_as_they_were_made", links),
        case("links_change_what_the_kernel_lets", link_changes),
        case("entries_of_every_kind_come_back", entries),
        case("entries_are_those_that_bridge_makes", as_bridge),
        case("external_devices_know_source_vnis", source_vnis),
        case("entries_name_nexthop_groups", nexthop_groups),
        case("entries_of_a_bridge", bridge_table),
        case("what_the_kernel_ignores_is_an_error", ignored),
        case("refusals_have_their_reason", refusals),
        case("listings_are_of_what_was_asked", listings),
        case("a_flush_deletes_what_it_says", flushes),
        case("a_reading_misses_nothing", truth),
        case("a_reading_in_the_middle_of_changes", truth_under_changes),
        case("a_batch_reports_every_item", batch),
        case("a_large_batch", large_batch),
        case("sync_sends_what_changed", sync),
        case("events_tell_what_happens", events),
        case("remotes_of_an_address_are_told_once", flooding_events),
        case("lost_events_are_told_and_made_up_for", lost_events),
        case("what_a_device_misses_is_told", misses),
        case("vni_filters", vni_filters),
        case("multicast_entries", multicast),
        case("neighbours", neighbours),
        case("routes_over_an_overlay", routes),
        case("probes_find_what_there_is", probes),
        case("tokio_has_the_same_verbs", tokio_has_the_same_verbs),
    ])
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn mac(number: u32) -> Mac {
    let [_, b, c, d] = number.to_be_bytes();
    Mac([2, 0, 0, b, c, d])
}

fn group(last: u8) -> Mac {
    Mac([1, 0, 0x5e, 0, 0, last])
}

fn vni(number: u32) -> Vni {
    Vni::new(number).expect("24 bits")
}

fn settings(id: u32) -> Settings {
    Settings { id: Vni::new(id), port: Some(8472), learning: Some(false), ..Settings::default() }
}

/// A VXLAN device that is up.
fn device(client: &mut Client, name: &str, settings: Settings) -> Result<Link, Error> {
    let up = Some(true);
    client.create_link(&LinkConfig {
        name: Some(name.into()),
        up,
        settings,
        ..LinkConfig::default()
    })?;
    client.link(name)
}

fn external() -> Settings {
    Settings { external: Some(true), id: None, ..settings(0) }
}

/// Ends the case unless the kernel refused for this reason.
fn refused<T>(what: &str, result: Result<T, Error>, reason: Reason) -> Outcome {
    match result {
        Err(error) if error.reason() == Some(reason) => Ok(()),
        Err(error) => Err(Failure::Failed(format!("{what}: {reason:?} expected, got: {error}"))),
        Ok(_) => Err(Failure::Failed(format!("{what}: {reason:?} expected, but it succeeded"))),
    }
}

/// Without what only the kernel knows.
fn shown(entry: &Entry) -> Entry {
    Entry { cache: None, ..*entry }
}

fn read(client: &mut Client, link: u32) -> Result<Vec<Entry>, Error> {
    let reading = client.read_entries(&EntryFilter::of(link))?;
    Ok(reading.entries.iter().map(shown).collect())
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| (entry.mac, format!("{entry}")));
    entries
}

fn links(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    ctx.out("ip", ["link", "add", "under0", "type", "bridge"])?;
    let under = client.link("under0")?.index;
    let full = Settings {
        group: Some(address("10.0.0.9")),
        local: Some(address("10.0.0.1")),
        link: Some(under),
        ttl: Some(7),
        tos: Some(1),
        dont_fragment: Some(DontFragment::SET),
        ageing: Some(600),
        limit: Some(99),
        source_ports: Some((1000, 2000)),
        proxy: Some(true),
        short_circuit: Some(true),
        notify_missing_entries: Some(true),
        notify_missing_neighbours: Some(true),
        udp_checksum: Some(false),
        udp_zero_checksum6_tx: Some(true),
        udp_zero_checksum6_rx: Some(true),
        remote_checksum_tx: Some(true),
        remote_checksum_rx: Some(true),
        remote_checksum_no_partial: true,
        gbp: true,
        ..settings(77)
    };
    let v6 = Settings {
        group: Some(address("ff05::100")),
        local: Some(address("fd00::1")),
        link: Some(under),
        flow_label: Some(0x12345),
        dont_fragment: Some(DontFragment::INHERIT),
        port: Some(4789),
        learning: Some(true),
        ..settings(78)
    };
    let metadata = Settings { gpe: true, port: Some(4790), ..external() };
    for (name, made) in [("full", &full), ("v6", &v6), ("metadata", &metadata)] {
        let config = LinkConfig {
            name: Some(name.into()),
            mac: Some(mac(5)),
            mtu: Some(1400),
            settings: made.clone(),
            ..LinkConfig::default()
        };
        client.create_link(&config)?;
        let link = client.link(name)?;
        ctx.equal("kind", &Some("vxlan"), &link.kind.as_deref());
        // With GPE it carries packets of IP, not frames.
        let own = (!made.gpe).then_some(mac(5));
        ctx.equal("address and size", &(own, Some(1400)), &(link.mac, link.mtu));
        ctx.check("down", !link.is_up());
        let got = link.vxlan.clone().unwrap_or_default();
        if made.id.is_some() {
            ctx.equal("VNI", &made.id, &got.id);
        }
        if made.flow_label.is_some() {
            ctx.equal("flow label", &made.flow_label, &got.flow_label);
        }
        ctx.equal("group", &made.group, &got.group);
        ctx.equal("local", &made.local, &got.local);
        ctx.equal("port", &made.port, &got.port);
        ctx.equal("learning", &made.learning, &got.learning);
        ctx.equal("flags", &(made.gbp, made.gpe), &(got.gbp, got.gpe));
        ctx.equal("external", &made.external.unwrap_or(false), &got.external.unwrap_or(false));
        ctx.equal("same by index", &link, &client.link_by_index(link.index)?);
    }
    let got = client.link("full")?.vxlan.unwrap_or_default();
    let expected = Settings {
        ttl_inherit: got.ttl_inherit,
        external: got.external,
        flow_label: got.flow_label,
        flow_label_policy: got.flow_label_policy,
        vni_filter: got.vni_filter,
        local_bypass: got.local_bypass,
        reserved_bits: got.reserved_bits,
        multicast_route: got.multicast_route,
        ..full
    };
    ctx.equal("every setting", &expected, &got);
    let names: HashSet<_> = client.links()?.into_iter().map(|link| link.name).collect();
    ctx.equal("only VXLAN devices", &3, &names.len());
    ctx.check("links of every kind", client.every_link()?.len() >= 5);
    let listed = client.links()?.into_iter().find(|link| link.name == "full");
    ctx.equal("listed as read", &client.link("full")?.vxlan, &listed.and_then(|link| link.vxlan));
    Ok(())
}

fn link_changes(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let change = |settings| LinkConfig { settings, ..LinkConfig::default() };
    let changed = Settings { ageing: Some(77), ttl: Some(9), ..Settings::default() };
    client.change_link(link, &change(changed))?;
    let got = client.link("vx0")?.vxlan.unwrap_or_default();
    ctx.equal("changed", &(Some(77), Some(9)), &(got.ageing, got.ttl));
    ctx.equal("the rest stays", &(Vni::new(7), Some(8472)), &(got.id, got.port));
    for wrong in [
        Settings { id: Vni::new(8), ..Settings::default() },
        Settings { port: Some(4789), ..Settings::default() },
        Settings { limit: Some(4), ..Settings::default() },
        Settings { proxy: Some(true), ..Settings::default() },
    ] {
        match client.change_link(link, &change(wrong)) {
            Err(Error::Refused(refused)) => {
                ctx.check("the kernel says which", refused.message.is_some());
            }
            other => return ctx.fail(format!("a refusal expected: {other:?}")),
        }
    }
    client.change_link(link, &LinkConfig { up: Some(false), ..LinkConfig::default() })?;
    ctx.check("down", !client.link("vx0")?.is_up());
    refused("same VNI", device(&mut client, "vx1", settings(7)), Reason::Exists)?;
    refused("no such link", client.link("nothing"), Reason::NoLink)?;
    refused("no such index", client.link_by_index(4711), Reason::NoLink)?;
    ctx.check("not VXLAN", matches!(client.delete_link(1), Err(Error::NotVxlan { .. })));
    let error = client.change_link(1, &LinkConfig::default());
    ctx.check("not VXLAN", matches!(error, Err(Error::NotVxlan { .. })));
    client.delete_link(link)?;
    ctx.equal("deleted", &0, &client.links()?.len());
    Ok(())
}

/// Entries of a device for remotes of IPv4.
fn every_kind(link: u32, via: u32) -> Vec<Entry> {
    let to = |number, last: u8| Entry::to(link, mac(number), [172, 16, 20, last].into());
    let mut port = to(2, 122);
    port.remote.port = Some(4789);
    let mut other_vni = to(3, 123);
    other_vni.remote.vni = Vni::new(0x01_0203);
    let mut all = to(4, 124);
    all.remote = Remote { port: Some(9), vni: Vni::new(0), via: Some(via), ..all.remote };
    let router = Entry { flags: Flags::SELF | Flags::ROUTER, ..to(5, 125) };
    let learned = Entry { flags: Flags::SELF | Flags::EXTERN_LEARN, ..to(6, 126) };
    let mut entries = vec![to(1, 121), port, other_vni, all, router, learned];
    for (number, state) in [
        (7, State::STATIC),
        (8, State::DYNAMIC),
        (9, State::PERMANENT),
        (10, State::STATIC_PERMANENT),
    ] {
        entries.push(Entry { state, ..to(number, 127) });
    }
    for last in 1..4 {
        entries.push(Entry { mac: Mac::ZERO, ..to(0, last) });
        entries.push(Entry { mac: group(1), ..to(0, last) });
    }
    entries
}

fn entries(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    ctx.out("ip", ["link", "add", "under0", "type", "bridge"])?;
    let via = client.link("under0")?.index;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let wanted = every_kind(link, via);
    for entry in &wanted {
        client.append(entry)?;
    }
    let got = read(&mut client, link)?;
    ctx.equal("all come back", &sorted(wanted.clone()), &sorted(got));
    for entry in wanted.iter().filter(|entry| !entry.mac.floods()) {
        let one = client.entry(&EntryQuery::new(link, entry.mac))?;
        ctx.equal("one by one", entry, &shown(&one));
        ctx.check("times", one.cache.is_some());
    }
    for entry in &wanted {
        client.delete(entry)?;
    }
    ctx.equal("none is left", &0, &read(&mut client, link)?.len());

    let v6 = Settings { local: Some(address("fd00::1")), port: Some(4789), ..settings(8) };
    let link = device(&mut client, "vx6", v6)?.index;
    let entry = Entry::to(link, mac(1), address("fd00::2"));
    client.add(&entry)?;
    let mut local = Entry::to(link, mac(2), address("fe80::2"));
    local.remote.via = Some(via);
    client.replace(&local)?;
    client.replace(&Entry { state: State::STATIC, ..local })?;
    let expected = vec![entry, Entry { state: State::STATIC, ..local }];
    ctx.equal("IPv6", &sorted(expected), &sorted(read(&mut client, link)?));
    Ok(())
}

/// What bridge makes of a line, and what this library makes.
fn as_bridge(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    ctx.out("ip", ["link", "add", "under0", "type", "bridge"])?;
    let via = client.link("under0")?.index;
    let ours = device(&mut client, "ours", settings(7))?.index;
    let theirs = device(&mut client, "theirs", settings(8))?.index;
    let wanted = every_kind(ours, via);
    for entry in &wanted {
        let mut line: Vec<String> = vec!["fdb".into(), "append".into(), entry.mac.to_string()];
        let mut say = |words: &[&str]| line.extend(words.iter().map(|word| (*word).to_owned()));
        say(&["dev", "theirs"]);
        if let Some(address) = entry.remote.address {
            say(&["dst", &address.to_string()]);
        }
        if let Some(port) = entry.remote.port {
            say(&["port", &port.to_string()]);
        }
        if let Some(vni) = entry.remote.vni {
            say(&["vni", &vni.to_string()]);
        }
        if entry.remote.via.is_some() {
            say(&["via", "under0"]);
        }
        if entry.flags.contains(Flags::ROUTER) {
            say(&["router"]);
        }
        if entry.flags.contains(Flags::EXTERN_LEARN) {
            say(&["extern_learn"]);
        }
        match entry.state {
            State::STATIC => say(&["static"]),
            State::DYNAMIC => say(&["dynamic"]),
            _ => say(&["permanent"]),
        }
        ctx.out("bridge", &line)?;
        // bridge has no word for permanent alone.
        let state = match entry.state {
            State::PERMANENT => State::STATIC_PERMANENT,
            state => state,
        };
        client.append(&Entry { state, ..*entry })?;
    }
    let of = |client: &mut Client, link| {
        let entries = read(client, link)?.into_iter();
        Ok::<_, Error>(sorted(entries.map(|entry| Entry { link: 0, ..entry }).collect()))
    };
    let (ours, theirs) = (of(&mut client, ours)?, of(&mut client, theirs)?);
    ctx.equal("as many", &wanted.len(), &ours.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        ctx.equal(&ours.to_string(), theirs, ours);
    }
    Ok(())
}

fn source_vnis(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", external())?.index;
    let of = |source: u32, to: u8| {
        let mut entry = Entry::to(link, mac(1), [10, 0, 0, to].into());
        entry.source_vni = Vni::new(source);
        entry.remote.vni = Vni::new(source + 100);
        entry
    };
    let wanted = vec![of(10, 1), of(20, 2)];
    for entry in &wanted {
        client.add(entry)?;
    }
    ctx.equal("both", &sorted(wanted.clone()), &sorted(read(&mut client, link)?));
    let query = EntryQuery { source_vni: Some(vni(20)), ..EntryQuery::new(link, mac(1)) };
    ctx.equal("by source VNI", &wanted[1], &shown(&client.entry(&query)?));
    client.delete(&wanted[0])?;
    ctx.equal("the other stays", &vec![wanted[1]], &read(&mut client, link)?);
    Ok(())
}

fn nexthop_groups(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    for line in [
        "nexthop add id 1 via 172.16.20.121 fdb",
        "nexthop add id 2 via 172.16.20.122 fdb",
        "nexthop add id 10 group 1,3/2,5 fdb",
        "nexthop add id 11 group 1 fdb",
    ] {
        ctx.out("ip", line.split(' '))?;
    }
    let group = client.nexthop(10)?;
    ctx.check("for entries", group.forwarding && client.nexthop(1)?.forwarding);
    let members: Vec<_> = group.members.iter().map(|member| (member.id, member.weight)).collect();
    ctx.equal("members", &vec![(1, 3), (2, 5)], &members);
    ctx.equal("gateway", &Some(address("172.16.20.121")), &client.nexthop(1)?.gateway);
    ctx.equal("all", &4, &client.nexthops()?.len());
    let entry = Entry { nexthop_group: Some(10), ..Entry::new(link, mac(1)) };
    client.add(&entry)?;
    ctx.equal("comes back", &vec![entry], &read(&mut client, link)?);
    client.replace(&Entry { nexthop_group: Some(11), ..entry })?;
    ctx.equal("replaced", &Some(11), &client.entry(&EntryQuery::new(link, mac(1)))?.nexthop_group);
    let plain = Entry::to(link, mac(1), address("10.0.0.1"));
    let report = client.sync(Sync::new(link, vec![plain]))?;
    ctx.check("sync", report.is_complete());
    ctx.equal("a remote instead of a group", &vec![plain], &read(&mut client, link)?);
    let report = client.sync(Sync::new(link, vec![entry]))?;
    ctx.check("sync back", report.is_complete());
    ctx.equal("and back", &vec![entry], &read(&mut client, link)?);
    let mixed = Entry { nexthop_group: Some(10), ..Entry::to(link, mac(2), address("10.0.0.1")) };
    refused("both", client.add(&mixed), Reason::Invalid)?;
    Ok(())
}

fn bridge_table(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    ctx.out("ip", ["link", "add", "br0", "type", "bridge"])?;
    let bridge = client.link("br0")?.index;
    client.change_link(link, &LinkConfig { master: Some(bridge), ..LinkConfig::default() })?;
    let entry = Entry {
        flags: Flags::MASTER,
        vlan: None,
        state: State::STATIC,
        ..Entry::new(link, mac(1))
    };
    client.add(&entry)?;
    client.add(&Entry::to(link, mac(1), address("10.0.0.1")))?;
    let ask = |flags| EntryQuery { flags, ..EntryQuery::new(link, mac(1)) };
    let in_bridge = client.entry(&ask(Flags::MASTER))?;
    ctx.equal(
        "in the bridge",
        &(Some(bridge), None),
        &(in_bridge.master, in_bridge.remote.address),
    );
    ctx.equal("in the device", &None, &client.entry(&ask(Flags::SELF))?.master);
    let of_bridge = EntryFilter { master: Some(bridge), ..EntryFilter::new() };
    // Bridges that know VLANs have the address once more, in the port's own VLAN.
    let mut both = client.read_entries(&of_bridge)?.entries;
    both.retain(|entry| entry.vlan.is_none());
    ctx.equal("two of the address", &2, &both.iter().filter(|entry| entry.mac == mac(1)).count());
    let own = EntryFilter { in_bridge: Some(false), ..EntryFilter::of(link) };
    ctx.equal("own table", &1, &client.read_entries(&own)?.entries.len());
    let by_bridge =
        EntryFilter { in_bridge: Some(true), mac: Some(mac(1)), ..EntryFilter::of(link) };
    let in_its_table = client.read_entries(&by_bridge)?.entries.len();
    ctx.check("bridge's table", in_its_table > 0);
    client.flush(link, &EntryFilter::new())?;
    ctx.equal("own table", &0, &client.read_entries(&own)?.entries.len());
    let kept = client.read_entries(&by_bridge)?.entries.len();
    ctx.equal("the bridge keeps its own", &in_its_table, &kept);
    let local = EntryFilter { in_bridge: Some(true), ..EntryFilter::of(link) };
    client.flush(link, &EntryFilter { no_state: State::PERMANENT, ..local.clone() })?;
    let left = client.read_entries(&local)?.entries;
    ctx.check(
        "its own address survives",
        left.iter().any(|entry| entry.state.contains(State::PERMANENT)),
    );
    ctx.check("the other does not", left.iter().all(|entry| entry.mac != mac(1)));
    Ok(())
}

fn ignored(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let entry = Entry::to(link, mac(1), address("10.0.0.1"));
    let other = Entry::to(link, mac(1), address("10.0.0.2"));
    client.append(&entry)?;
    client.append(&entry)?;
    let mut spelled = entry;
    spelled.remote.port = Some(8472);
    spelled.remote.vni = Vni::new(7);
    client.append(&spelled)?;
    let result = client.append(&other);
    ctx.equal("append", &Some(Ignored::OneRemote), &result.as_ref().err().and_then(Error::ignored));
    ctx.check("exists", result.is_err_and(|error| error.is_exists()));
    let result = client.delete(&other);
    ctx.equal(
        "delete",
        &Some(Ignored::NoSuchRemote),
        &result.err().and_then(|error| error.ignored()),
    );
    let mut port = entry;
    port.remote.port = Some(9);
    let result = client.delete(&port);
    ctx.equal(
        "port",
        &Some(Ignored::NoSuchRemote),
        &result.err().and_then(|error| error.ignored()),
    );
    ctx.equal("nothing changed", &vec![entry], &read(&mut client, link)?);
    client.delete(&spelled)?;
    ctx.equal("gone", &0, &read(&mut client, link)?.len());
    refused("no address", client.delete(&entry), Reason::NotFound)?;

    let to = |last: u8| Entry::to(link, Mac::ZERO, [10, 0, 0, last].into());
    client.append(&to(1))?;
    client.append(&to(2))?;
    let result = client.delete(&to(3));
    ctx.equal(
        "of many",
        &Some(Ignored::NoSuchRemote),
        &result.err().and_then(|error| error.ignored()),
    );
    client.delete(&to(1))?;
    ctx.equal("one left", &vec![to(2)], &read(&mut client, link)?);

    client.add(&entry)?;
    let changes = [
        Change::Append(other),
        Change::Append(entry),
        Change::Delete(to(9)),
        Change::Delete(to(2)),
        Change::Delete(other),
        Change::Add(entry),
    ];
    let report = client.apply(&changes)?;
    ctx.equal("applied", &2, &report.applied);
    let expected =
        vec![(0, Ignored::OneRemote), (2, Ignored::NoSuchRemote), (4, Ignored::NoSuchRemote)];
    ctx.equal("ignored", &expected, &report.ignored);
    let refused: Vec<_> = report.refused.iter().map(|(index, it)| (*index, it.reason)).collect();
    ctx.equal("refused", &vec![(5, Reason::Exists)], &refused);
    let report = client.apply(&[Change::Append(other), Change::Delete(entry)])?;
    ctx.equal("what cannot be known any more", &(vec![0], 1), &(report.unknown, report.applied));
    Ok(())
}

fn refusals(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let limited = Settings { limit: Some(2), ..settings(7) };
    let link = device(&mut client, "vx0", limited)?.index;
    let entry = |number| Entry::to(link, mac(number), address("10.0.0.1"));
    client.add(&entry(1))?;
    refused("exists", client.add(&entry(1)), Reason::Exists)?;
    client.add(&entry(2))?;
    refused("full", client.add(&entry(3)), Reason::Full)?;
    let v6 = Entry::to(link, mac(1), address("fd00::1"));
    refused("family", client.replace(&v6), Reason::OtherFamily)?;
    refused("nowhere", client.replace(&Entry::new(link, mac(1))), Reason::Invalid)?;
    let none = Entry { state: State::empty(), ..entry(1) };
    refused("no state", client.replace(&none), Reason::Invalid)?;
    refused("no link", client.add(&Entry { link: 4711, ..entry(1) }), Reason::NoLink)?;
    refused("no entry", client.entry(&EntryQuery::new(link, mac(9))), Reason::NotFound)?;
    let error = client.entry(&EntryQuery::new(1, mac(9)));
    ctx.check("not of this kind", error.is_err());
    let error = client.sync(Sync::new(1, Vec::new()));
    ctx.check("not VXLAN", matches!(error, Err(Error::NotVxlan { .. })));
    let zero = Entry { mac: Mac::ZERO, ..entry(0) };
    client.delete(&entry(2))?;
    client.append(&zero)?;
    refused("the zero address is not replaced", client.replace(&zero), Reason::NotSupported)?;
    Ok(())
}

fn listings(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let first = device(&mut client, "vx0", settings(7))?.index;
    let second = device(&mut client, "vx1", settings(8))?.index;
    for number in 0..50 {
        client.add(&Entry::to(first, mac(number), [10, 0, 0, (number % 5) as u8 + 1].into()))?;
        client.add(&Entry::to(second, mac(number), [10, 0, 1, 1].into()))?;
    }
    let count = |client: &mut Client, filter: &EntryFilter| {
        let raw = client.entries(filter)?.collect::<Result<Vec<_>, _>>()?.len();
        let reading = client.read_entries(filter)?;
        Ok::<_, Error>((raw, reading.entries.len(), reading.complete, reading.passes))
    };
    let of = EntryFilter::of(first);
    ctx.equal("one device", &(50, 50, true, 1), &count(&mut client, &of)?);
    let by = EntryFilter { destination: Some(address("10.0.0.1")), ..of.clone() };
    ctx.equal("destination", &(10, 10, true, 1), &count(&mut client, &by)?);
    let by = EntryFilter { vni: Vni::new(7), port: Some(8472), ..EntryFilter::new() };
    ctx.equal("the device's own VNI", &(50, 50, true, 1), &count(&mut client, &by)?);
    let by = EntryFilter { port: Some(4789), ..of.clone() };
    ctx.equal("another port", &(0, 0, true, 1), &count(&mut client, &by)?);
    ctx.equal("no such device", &(0, 0, true, 1), &count(&mut client, &EntryFilter::of(4711))?);
    let mut entries = client.entries(&of)?;
    ctx.check("one", entries.next().is_some());
    drop(entries);
    ctx.equal("a dropped listing", &(50, 50, true, 1), &count(&mut client, &of)?);
    Ok(())
}

fn flushes(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let via = 1;
    let fill = |client: &mut Client| -> Result<usize, Error> {
        let changes: Vec<_> = every_kind(link, via).into_iter().map(Change::Append).collect();
        client.apply(&changes)?;
        Ok(changes.len())
    };
    let all = EntryFilter::new;
    let filters = [
        EntryFilter { no_state: State::PERMANENT, ..all() },
        EntryFilter { any_state: State::PERMANENT, ..all() },
        EntryFilter { any_state: State::PERMANENT | State::NOARP, ..all() },
        EntryFilter { all_flags: Flags::EXTERN_LEARN, ..all() },
        EntryFilter { no_flags: Flags::ROUTER, ..all() },
        EntryFilter { destination: Some(address("172.16.20.2")), ..all() },
        EntryFilter { port: Some(8472), ..all() },
        EntryFilter { port: Some(4789), ..all() },
        EntryFilter { vni: Vni::new(0x01_0203), ..all() },
        EntryFilter { vni: Vni::new(0), ..all() },
        EntryFilter { nexthop_group: Some(10), ..all() },
        EntryFilter { source_vni: Vni::new(5), ..all() },
        EntryFilter { mac: Some(mac(1)), ..all() },
        EntryFilter { mac: Some(Mac::ZERO), destination: Some(address("172.16.20.1")), ..all() },
        all(),
    ];
    let mut at_once = 0;
    for filter in filters {
        fill(&mut client)?;
        let of = EntryFilter { link: Some(link), ..filter.clone() };
        let own = client.link_by_index(link)?.defaults();
        let before = read(&mut client, link)?;
        let expected: Vec<_> = before.into_iter().filter(|entry| !of.matches(entry, own)).collect();
        match client.flush(link, &filter)? {
            Flushed::AtOnce => at_once += 1,
            Flushed::OneByOne(report) => ctx.check("all of them", report.is_complete()),
            _ => {}
        }
        let left = read(&mut client, link)?;
        ctx.equal(&format!("{filter:?}"), &sorted(expected), &sorted(left));
    }
    let works = client.probe(Some(link))?.flush == Support::Works;
    ctx.equal("the kernel's own request", &works, &(at_once > 0));
    refused("no link", client.flush(4711, &all()), Reason::NoLink)?;
    Ok(())
}

const MANY: u32 = 20_000;

fn fill(client: &mut Client, link: u32, count: u32) -> Result<Vec<Change>, Failure> {
    let to = address("10.0.0.1");
    let changes: Vec<_> =
        (0..count).map(|number| Change::Append(Entry::to(link, mac(number), to))).collect();
    let report = client.apply(&changes)?;
    if report.applied == changes.len() {
        Ok(changes)
    } else {
        Err(Failure::Failed(format!("{report:?}")))
    }
}

/// Which of the entries that were never touched are missing, and how many are doubled.
fn missing_and_doubled(entries: &[Entry], live: impl Iterator<Item = Mac>) -> (usize, usize) {
    let seen: HashSet<_> = entries.iter().map(|entry| entry.mac).collect();
    (live.filter(|mac| !seen.contains(mac)).count(), entries.len() - seen.len())
}

/// The kernel's listing misses live entries when others are deleted in the middle of it.
fn truth(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut other = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    fill(&mut client, link, MANY)?;
    let filter = EntryFilter::of(link);
    let mut listed = Vec::new();
    let mut deleted = HashSet::new();
    let mut cursor = client.entries(&filter)?;
    for entry in cursor.by_ref() {
        listed.push(entry?);
        if listed.len() == 5000 {
            // Entries that have been listed already.
            let gone: Vec<_> = listed[..300].iter().map(|entry| Change::Delete(*entry)).collect();
            deleted.extend(listed[..300].iter().map(|entry| entry.mac));
            ctx.equal("deleted", &300, &other.apply(&gone)?.applied);
        }
    }
    drop(cursor);
    let live = || (0..MANY).map(mac).filter(|mac| !deleted.contains(mac));
    let (missing, _) = missing_and_doubled(&listed, live());
    ctx.check("the kernel's own listing misses live entries", missing > 0);
    let reading = client.read_entries(&filter)?;
    ctx.equal("a reading", &(0, 0), &missing_and_doubled(&reading.entries, live()));
    ctx.equal("no more", &(MANY as usize - 300), &reading.entries.len());
    Ok(())
}

/// Entries are deleted and added while the table is read, again and again.
fn truth_under_changes(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    fill(&mut client, link, MANY)?;
    let mut disturbed = 0;
    let mut first = 0;
    for round in 0..12_u32 {
        let reading_now = AtomicBool::new(false);
        let doomed: Vec<_> = (0..300)
            .map(|number| Entry::to(link, mac(MANY - 1 - first - number), address("10.0.0.1")))
            .collect();
        let added: Vec<_> = (0..300)
            .map(|number| Entry::to(link, mac(100_000 + round * 300 + number), address("10.0.0.2")))
            .collect();
        first += 300;
        let reading = thread::scope(|scope| {
            let changer = scope.spawn(|| {
                let mut other = Client::connect()?;
                while !reading_now.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                thread::sleep(std::time::Duration::from_millis(u64::from(round) * 6));
                // Without their remote, so that no time goes by to look after each.
                let gone = doomed
                    .iter()
                    .map(|entry| Change::Delete(Entry { remote: Remote::default(), ..*entry }));
                let changes: Vec<_> = gone.chain(added.iter().copied().map(Change::Add)).collect();
                other.apply(&changes).map(|report| report.applied)
            });
            reading_now.store(true, Ordering::Release);
            let reading = client.read_entries(&EntryFilter::of(link));
            let changed = changer.join().expect("the changer lives")?;
            reading.map(|reading| (reading, changed))
        })?;
        let (reading, changed) = reading;
        ctx.equal("changed", &600, &changed);
        disturbed += u32::from(reading.passes > 1);
        ctx.check("complete", reading.complete);
        let doomed: HashSet<_> = doomed.iter().map(|entry| entry.mac).collect();
        let live = (0..MANY - first).map(mac).filter(|mac| !doomed.contains(mac));
        ctx.equal("missing and doubled", &(0, 0), &missing_and_doubled(&reading.entries, live));
        let goes = |entry: &Entry| entry.remote.address.is_some();
        ctx.check("all say where frames go", reading.entries.iter().all(goes));
    }
    ctx.check("some were disturbed", disturbed > 0);
    let end = client.read_entries(&EntryFilter::of(link))?;
    ctx.equal("in the end", &(MANY as usize), &end.entries.len());
    Ok(())
}

fn batch(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let entry = |number| Entry::to(link, mac(number), address("10.0.0.1"));
    let neighbour = Neighbour::permanent(link, address("10.244.3.0"), mac(1));
    let changes = [
        Change::AddNeighbour(neighbour),
        Change::Add(entry(1)),
        Change::Add(entry(1)),
        Change::Add(Entry::to(link, mac(2), address("fd00::1"))),
        Change::Replace(Entry::to(link, mac(1), address("10.0.0.2"))),
        Change::DeleteNeighbour(Neighbour::permanent(link, address("10.244.9.9"), mac(1))),
    ];
    let report = client.apply(&changes)?;
    ctx.equal("applied", &3, &report.applied);
    let refused: Vec<_> = report.refused.iter().map(|(index, it)| (*index, it.reason)).collect();
    let expected = vec![(2, Reason::Exists), (3, Reason::OtherFamily), (5, Reason::NotFound)];
    ctx.equal("refused", &expected, &refused);
    ctx.check("not complete", !report.is_complete());
    ctx.equal(
        "the end",
        &address("10.0.0.2"),
        &read(&mut client, link)?[0].remote.address.expect("one"),
    );
    ctx.check("nothing is nothing", client.apply(&[] as &[Change])?.is_complete());
    Ok(())
}

fn large_batch(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let changes = fill(&mut client, link, 30_000)?;
    let again = client.apply(&changes[..2000])?;
    ctx.equal("what is there already is no failure", &2000, &again.applied);
    let entries = client.read_entries(&EntryFilter::of(link))?;
    ctx.equal("all are there", &30_000, &entries.entries.len());
    let deletions: Vec<_> = entries.entries.into_iter().map(Change::Delete).collect();
    let report = client.apply(&deletions)?;
    ctx.equal("all are looked after", &(30_000, true), &(report.applied, report.is_complete()));
    ctx.equal("none is left", &0, &read(&mut client, link)?.len());
    Ok(())
}

fn sync(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let with_group = Settings { group: Some(address("10.0.0.250")), ..settings(7) };
    let link = device(&mut client, "vx0", with_group)?.index;
    let mut desired: Vec<_> = (0..1000)
        .map(|number| Entry::to(link, mac(number), [10, 0, 0, (number % 200) as u8].into()))
        .collect();
    desired.extend((1..5).map(|last| Entry::to(link, Mac::ZERO, [10, 0, 1, last].into())));
    desired[3].remote.port = Some(8472);
    let first = client.sync(Sync::new(link, desired.clone()))?;
    ctx.equal("all are new", &(1004, true), &(first.changes.len(), first.is_complete()));
    let second = client.sync(Sync::new(link, desired.clone()))?;
    ctx.equal("nothing to do", &0, &second.changes.len());
    let own = read(&mut client, link)?;
    ctx.equal("the device's own remote stays", &1005, &own.len());
    for entry in &mut desired[..10] {
        entry.remote = address("10.9.9.9").into();
    }
    desired.truncate(1002);
    let third = client.sync(Sync::new(link, desired.clone()))?;
    ctx.equal("only what changed", &(12, true), &(third.changes.len(), third.is_complete()));
    let learned =
        Entry { state: State::REACHABLE, ..Entry::to(link, mac(5000), address("10.0.0.7")) };
    client.add(&learned)?;
    ctx.equal("what was learned stays", &0, &client.plan_sync(Sync::new(link, desired))?.len());
    let last = client.sync(Sync::new(link, Vec::new()))?;
    ctx.equal("away", &(1002, true), &(last.changes.len(), last.is_complete()));
    ctx.equal("left", &2, &read(&mut client, link)?.len());
    Ok(())
}

fn events(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut events = Subscription::new(Groups::all()).open()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let entry = Entry::to(link, mac(1), address("10.0.0.1"));
    client.add(&entry)?;
    client.replace(&Entry::to(link, mac(1), address("10.0.0.2")))?;
    client.delete(&Entry::new(link, mac(1)))?;
    client.add_neighbour(&Neighbour::permanent(link, address("10.244.3.0"), mac(1)))?;
    let (mut about_entries, mut neighbours, mut links) = (Vec::new(), 0, 0);
    while let Some(event) = events.try_next()? {
        match event {
            Event::Entry { kind, entry, resync } if entry.mac == mac(1) => {
                ctx.check("as it happened", !resync);
                // Older kernels tell it once more, without where frames go.
                if entry.remote.address.is_some() {
                    about_entries.push((kind, entry.remote.address));
                }
            }
            Event::Neighbour { kind: EventKind::New, neighbour } if neighbour.link == link => {
                neighbours += u32::from(neighbour.address == address("10.244.3.0"));
            }
            Event::Link { kind: EventKind::New, link } => {
                links += u32::from(link.name == "vx0" && link.vxlan.is_some());
            }
            _ => {}
        }
    }
    let expected = vec![
        (EventKind::New, Some(address("10.0.0.1"))),
        (EventKind::New, Some(address("10.0.0.2"))),
        (EventKind::Delete, Some(address("10.0.0.2"))),
    ];
    ctx.equal("entries", &expected, &about_entries);
    ctx.equal("neighbours", &1, &neighbours);
    ctx.check("links", links > 0);
    Ok(())
}

/// Older kernels tell a change of a device's own table twice, once without where frames go.
fn flooding_events(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut follower = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let mut watch = follower.watch(&EntryFilter::of(link))?;
    let to = |last: u8| Entry::to(link, Mac::ZERO, [10, 0, 0, last].into());
    client.append(&to(1))?;
    client.append(&to(2))?;
    client.delete(&to(1))?;
    let mut told = Vec::new();
    while let Some(event) = watch.try_next()? {
        if let Event::Entry { kind, entry, .. } = event {
            told.push((kind, entry.remote.address));
        }
    }
    let expected = vec![
        (EventKind::New, to(1).remote.address),
        (EventKind::New, to(2).remote.address),
        (EventKind::Delete, to(1).remote.address),
    ];
    ctx.equal("each once", &expected, &told);
    let left: Vec<_> = watch.entries().map(|entry| entry.remote.address).collect();
    ctx.equal("one left", &vec![to(2).remote.address], &left);
    Ok(())
}

fn lost_events(ctx: &Context) -> Outcome {
    const COUNT: u32 = 5000;
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let mut events = Subscription::new(Groups::ENTRIES).receive_buffer(64 * 1024).open()?;
    let mut follower = Builder::new().receive_buffer(64 * 1024).connect()?;
    let mut watch = follower.watch(&EntryFilter::of(link))?;
    fill(&mut client, link, COUNT)?;
    let mut told = 0;
    let mut lost = false;
    while let Some(event) = events.try_next()? {
        match event {
            Event::Lost => lost = true,
            _ => told += 1,
        }
    }
    ctx.check("a plain subscription says that it lost some", lost && told < COUNT);
    let mut known = HashSet::new();
    let (mut lost, mut resynced) = (false, 0);
    while let Some(event) = watch.try_next()? {
        match event {
            Event::Lost => lost = true,
            Event::Entry { kind: EventKind::New, entry, resync } => {
                resynced += u32::from(resync);
                known.insert(entry.mac);
            }
            Event::Entry { kind: EventKind::Delete, entry, .. } => {
                known.remove(&entry.mac);
            }
            _ => {}
        }
    }
    ctx.check("so does a watch", lost);
    ctx.check("which makes up for it", resynced > 0);
    ctx.equal("all are known", &(COUNT as usize), &known.len());
    client.flush(link, &EntryFilter::new())?;
    while let Some(event) = watch.try_next()? {
        if let Event::Entry { kind: EventKind::Delete, entry, .. } = event {
            known.remove(&entry.mac);
        }
    }
    ctx.equal("none is known", &(0, 0), &(known.len(), watch.entries().count()));
    Ok(())
}

fn misses(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let telling = Settings {
        notify_missing_entries: Some(true),
        notify_missing_neighbours: Some(true),
        proxy: Some(true),
        ..settings(7)
    };
    let link = device(&mut client, "vx0", telling)?.index;
    // The device is asked for somebody else: for the bridge that it is a port of.
    ctx.out("ip", ["link", "add", "br0", "up", "type", "bridge"])?;
    let bridge = client.link("br0")?.index;
    client.change_link(link, &LinkConfig { master: Some(bridge), ..LinkConfig::default() })?;
    ctx.out("ip", ["addr", "add", "10.244.5.1/24", "dev", "br0"])?;
    client.add_neighbour(&Neighbour::permanent(bridge, address("10.244.5.9"), mac(9)))?;
    let mut events = Subscription::new(Groups::ENTRIES).open()?;
    for to in ["10.244.5.9:9", "10.244.5.8:9"] {
        let socket = std::net::UdpSocket::bind("10.244.5.1:0")?;
        let _ = socket.send_to(b"x", to);
    }
    let (mut entry, mut neighbour) = (false, false);
    for _ in 0..100 {
        while let Some(event) = events.try_next()? {
            entry |= event == Event::MissingEntry { link, mac: mac(9) };
            neighbour |= event == Event::MissingNeighbour { link, address: address("10.244.5.8") };
        }
        if entry && neighbour {
            break;
        }
        thread::sleep(std::time::Duration::from_millis(20));
    }
    ctx.check("an entry", entry);
    ctx.check("a neighbour", neighbour);
    Ok(())
}

fn vni_filters(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let filtered = Settings { vni_filter: Some(true), ..external() };
    let link = device(&mut client, "vx0", filtered)?.index;
    let mut events = Subscription::new(Groups::VNIS).open()?;
    client.add_vnis(&VniEntry::new(link, vni(10), vni(10)))?;
    let range =
        VniEntry { remote: Some(address("10.0.0.1")), ..VniEntry::new(link, vni(20), vni(25)) };
    client.add_vnis(&range)?;
    let got = client.vnis(Some(link), false)?;
    let single = VniEntry::new(link, vni(10), vni(10));
    ctx.equal("listed", &vec![single, range], &got);
    ctx.equal("of all devices", &got, &client.vnis(None, false)?);
    let counted = client.vnis(Some(link), true)?;
    ctx.equal("one by one", &7, &counted.len());
    ctx.check("counted", counted.iter().all(|entry| entry.statistics.is_some()));
    let defaults = read(&mut client, link)?;
    ctx.equal("default entries", &6, &defaults.len());
    ctx.check("of their VNIs", defaults.iter().all(|entry| entry.source_vni.is_some()));
    client.delete_vnis(&VniEntry::new(link, vni(20), vni(25)))?;
    ctx.equal("deleted", &vec![single], &client.vnis(Some(link), false)?);
    let mut told = Vec::new();
    while let Some(event) = events.try_next()? {
        if let Event::Vnis { kind, entries } = event {
            told.extend(entries.into_iter().map(|entry| (kind, entry.first)));
        }
    }
    ctx.check("told of the first", told.contains(&(EventKind::New, vni(10))));
    ctx.check("told of the deletion", told.contains(&(EventKind::Delete, vni(20))));
    let plain = device(&mut client, "vx1", Settings { port: Some(4790), ..settings(9) })?.index;
    let result = client.add_vnis(&VniEntry::new(plain, vni(1), vni(1)));
    ctx.check("a device without a filter", result.is_err_and(|error| error.refused().is_some()));
    Ok(())
}

fn multicast(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", external())?.index;
    if client.probe(Some(link))?.multicast != Support::Works {
        ctx.equal("only before 6.4", &true, &(ctx.version() < (6, 4)));
        return ctx.skip("this kernel has no VXLAN multicast database");
    }
    let of = |group: &str, to: &str| {
        let mut entry = MulticastEntry::to(link, address(group), address(to));
        entry.source_vni = Vni::new(10);
        entry
    };
    let mut sourced = of("239.1.1.1", "10.0.0.2");
    sourced.source = Some(address("10.1.1.1"));
    sourced.remote.port = Some(4789);
    sourced.remote.vni = Vni::new(20);
    let wanted = [
        of("239.1.1.1", "10.0.0.1"),
        of("239.1.1.1", "10.0.0.2"),
        of("ff0e::1", "10.0.0.3"),
        sourced,
    ];
    for entry in &wanted {
        client.add_multicast(entry)?;
    }
    let got = client.multicast(Some(link))?;
    ctx.equal("all", &wanted.len(), &got.len());
    for entry in &wanted {
        let found = got.iter().any(|got| {
            got.group == entry.group
                && got.source == entry.source
                && got.remote.address == entry.remote.address
                && got.source_vni == entry.source_vni
                && got.permanent
                && entry.remote.port.is_none_or(|port| got.remote.port == Some(port))
                && entry.remote.vni.is_none_or(|vni| got.remote.vni == Some(vni))
        });
        ctx.check(&format!("{entry} in {got:?}"), found);
    }
    refused("exists", client.add_multicast(&wanted[0]), Reason::Exists)?;
    client.replace_multicast(&wanted[0])?;
    if ctx.version() >= (6, 7) {
        ctx.equal("of one group", &2, &client.multicast_of(&wanted[0])?.len());
    }
    client.delete_multicast(&wanted[0])?;
    ctx.equal("one less", &(wanted.len() - 1), &client.multicast(Some(link))?.len());
    let flushed = client.flush_multicast(link)?;
    ctx.equal("with one request", &(ctx.version() >= (6, 8)), &matches!(flushed, Flushed::AtOnce));
    ctx.equal("none", &0, &client.multicast(Some(link))?.len());
    Ok(())
}

fn neighbours(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    let v4 = Neighbour::permanent(link, address("10.244.3.0"), mac(1));
    let v6 = Neighbour::permanent(link, address("fd00::3"), mac(2));
    client.add_neighbour(&v4)?;
    client.add_neighbour(&v6)?;
    refused("exists", client.add_neighbour(&v4), Reason::Exists)?;
    let said = |neighbour: &Neighbour| (neighbour.address, neighbour.mac, neighbour.state);
    let permanent = |neighbour: &&Neighbour| neighbour.state == State::PERMANENT;
    let got: Vec<_> = client.neighbours(Some(link))?.iter().filter(permanent).map(said).collect();
    ctx.equal("both", &vec![said(&v4), said(&v6)], &got);
    let changed =
        Neighbour { mac: Some(mac(3)), state: State::REACHABLE, protocol: Some(80), ..v4 };
    client.replace_neighbour(&changed)?;
    let got = client.neighbour(link, v4.address)?;
    ctx.equal("replaced", &(said(&changed), Some(80)), &(said(&got), got.protocol));
    client.delete_neighbour(link, v6.address)?;
    let error = client.delete_neighbour(link, address("10.244.9.9"));
    ctx.check("no neighbour", error.is_err_and(|error| error.is_not_found()));
    let error = client.neighbour(link, address("10.244.9.9"));
    ctx.check("no neighbour", error.is_err_and(|error| error.is_not_found()));
    refused("no link", client.neighbour(4711, v4.address), Reason::NoLink)?;
    Ok(())
}

fn routes(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    client.change_link(link, &LinkConfig { up: Some(true), ..LinkConfig::default() })?;
    ctx.out("ip", "link add eth0 type veth peer name far".split(' '))?;
    ctx.out("ip", "addr add 172.16.20.120/24 dev eth0".split(' '))?;
    ctx.out("ip", "link set eth0 up".split(' '))?;
    ctx.out("ip", "link set far up".split(' '))?;
    let eth0 = client.link("eth0")?.index;
    let lines = [
        "route add 10.244.3.0/24 via 10.244.3.0 dev vx0 onlink",
        "route add 10.250.0.0/16 table 100 nexthop via 10.244.3.0 dev vx0 onlink nexthop via \
         172.16.20.9 dev eth0",
        "-6 route add fd00:3::/64 via fe80::3 dev vx0",
        "route add default via 172.16.20.1",
        "route add blackhole 10.66.0.0/16",
    ];
    for line in lines {
        ctx.out("ip", line.split_whitespace())?;
    }
    let over = client.routes(Some(link))?;
    let shown: Vec<_> = over
        .iter()
        .filter(|route| route.gateway.is_some())
        .map(|route| (route.to_string(), route.gateway, route.table))
        .collect();
    let gateway = Some(address("10.244.3.0"));
    let expected = [
        ("10.250.0.0/16".to_owned(), gateway, 100),
        ("10.244.3.0/24".to_owned(), gateway, 254),
        ("fd00:3::/64".to_owned(), Some(address("fe80::3")), 254),
    ];
    for route in &expected {
        ctx.check(&format!("{route:?} in {shown:?}"), shown.contains(route));
    }
    ctx.equal("no others", &expected.len(), &shown.len());
    let all = client.routes(None)?;
    ctx.check("default", all.iter().any(|it| it.to_string() == "default" && it.is_unicast()));
    let to = client.route_to(address("172.16.20.121"), None)?;
    ctx.equal("the way to a neighbour", &(Some(eth0), None), &(to.link, to.gateway));
    let to = client.route_to(address("192.0.2.1"), Some(eth0))?;
    let router = Some(address("172.16.20.1"));
    ctx.equal("the way by a router", &(Some(eth0), router), &(to.link, to.gateway));
    ctx.check("the way home", client.route_to(address("172.16.20.120"), None)?.is_local());
    let error = client.route_to(address("10.66.0.1"), None);
    ctx.check("no way", error.is_err_and(|error| error.refused().is_some()));
    refused("no way", client.route_to(address("fd77::1"), None), Reason::Unreachable)?;
    Ok(())
}

fn probes(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let link = device(&mut client, "vx0", settings(7))?.index;
    client.add(&Entry::to(link, mac(1), address("10.0.0.1")))?;
    let found = client.probe(Some(link))?;
    let since = |version| if ctx.version() >= version { Support::Works } else { Support::Lacks };
    ctx.equal("listing of a device", &Support::Works, &found.filtered_listing);
    ctx.equal("one entry", &Support::Works, &found.read_entry);
    ctx.equal("flush", &since((6, 7)), &found.flush);
    ctx.equal("VNI filter", &Support::Works, &found.vni_filter);
    ctx.equal("multicast", &since((6, 4)), &found.multicast);
    ctx.equal("nexthops", &Support::Works, &found.nexthops);
    ctx.equal("nothing changed", &1, &read(&mut client, link)?.len());
    ctx.equal("without a device", &Support::Unknown, &client.probe(None)?.flush);
    let apart = ctx.namespace("vxlan-apart")?;
    let mut other = Builder::new().namespace(Namespace::Path(apart.path())).connect()?;
    ctx.equal("another namespace", &0, &other.links()?.len());
    let reading = other.read_entries(&EntryFilter::of(link))?;
    ctx.equal("its own entries", &0, &reading.entries.len());
    Ok(())
}

#[cfg(feature = "tokio")]
fn tokio_has_the_same_verbs(ctx: &Context) -> Outcome {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut client = vxlan::tokio::Client::connect()?;
        let name = Some("vx0".into());
        let config = LinkConfig { name, settings: settings(7), ..LinkConfig::default() };
        assert_send(client.create_link(&config)).await?;
        let link = client.link("vx0").await?.index;
        let mut events = Subscription::new(Groups::ENTRIES).open_tokio()?;
        let entry = Entry::to(link, mac(1), address("10.0.0.1"));
        assert_send(client.add(&entry)).await?;
        let event = assert_send(events.next()).await?;
        ctx.check("heard", matches!(event, Event::Entry { kind: EventKind::New, .. }));
        let filter = EntryFilter::of(link);
        let mut entries = client.entries(&filter).await?;
        ctx.equal("listed", &Some(entry), &entries.next().await?.map(|entry| shown(&entry)));
        drop(entries);
        ctx.equal("read", &1, &assert_send(client.read_entries(&filter)).await?.entries.len());
        let report = assert_send(client.sync(Sync::new(link, Vec::new()))).await?;
        ctx.equal("sync", &1, &report.applied);
        let mut watch = assert_send(client.watch(&filter)).await?;
        Client::connect()?.add(&entry)?;
        let event = assert_send(watch.next()).await?;
        ctx.check("watched", matches!(event, Event::Entry { .. }));
        ctx.equal("view", &1, &watch.entries().count());
        Ok(())
    })
}

#[cfg(not(feature = "tokio"))]
fn tokio_has_the_same_verbs(ctx: &Context) -> Outcome {
    ctx.skip("built without the feature tokio")
}
