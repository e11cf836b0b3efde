//! The client on real kernels.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::thread;

use conntrack::{
    Builder, Change, Client, Condition, Dccp, DccpRole, DccpState, Error, Event, EventKind,
    Expectation, ExpectationFlags, Family, Filter, Flow, FlowPatch, Groups, Key, Labels, Layer4,
    MarkChange, MaskedTcpFlags, Namespace, NatRequest, NewFlow, Prepared, Protocol, ProtocolState,
    Reason, Request, Sctp, SctpState, Status, Subscription, Sysctls, Tcp, TcpFlags, TcpState,
    Translation, Tuple,
};
use testbed::harness::{Case, Context, Failure, Outcome};

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    testbed::harness::main(&[
        case("flows_of_every_protocol_come_back", flows_of_every_protocol),
        case("settings_come_back", settings_come_back),
        case("patches_change_what_they_say", patches),
        case("refusals_have_their_reason", refusals),
        case("zones_tell_flows_apart", zones),
        case("translations_are_made_and_shown", translations),
        case("a_copy_of_a_flow_is_the_flow", copies),
        case("a_batch_reports_every_item", batch),
        case("a_large_batch", large_batch),
        case("prepared_changes_are_applied_again_and_again", prepared_changes),
        case("counts_agree", counts),
        case("expectations", expectations),
        case("a_client_survives_a_dropped_listing", dropped_listing),
        case("reading_ahead_shows_the_same", reading_ahead),
        case("a_namespace_is_entered", a_namespace_is_entered),
        case("clients_work_side_by_side", side_by_side),
        case("tokio_has_the_same_verbs", tokio_has_the_same_verbs),
    ])
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

fn udp(source_port: u16) -> Tuple {
    Tuple::udp(([10, 0, 0, 1], source_port).into(), ([10, 0, 0, 2], 53).into())
}

/// Ends the case unless the kernel refused for this reason.
fn refused<T>(result: Result<T, Error>, reason: Reason) -> Outcome {
    match result {
        Err(error) if error.reason() == Some(reason) => Ok(()),
        Err(error) => Err(Failure::Failed(format!("{reason:?} expected, got: {error}"))),
        Ok(_) => Err(Failure::Failed(format!("{reason:?} expected, but it succeeded"))),
    }
}

/// The same without what a kernel does not keep of a protocol that it does not track by itself.
fn as_kept(tuple: Tuple, shown: &Tuple) -> Tuple {
    let layer4 = if shown.layer4 == Layer4::None { Layer4::None } else { tuple.layer4 };
    Tuple { layer4, ..tuple }
}

fn every_protocol() -> Vec<Tuple> {
    let mut tuples = Vec::new();
    for (from, to) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let (from, to) = (address(from), address(to));
        for protocol in
            [Protocol::TCP, Protocol::UDP, Protocol::UDPLITE, Protocol::SCTP, Protocol::DCCP]
        {
            let ports = Layer4::Ports { source: 1000, destination: 65535 };
            tuples.push(Tuple::new(protocol, from, to, ports));
        }
        tuples.push(Tuple::gre(from, to, 0x11, 0xfffe));
        tuples.push(Tuple::echo(from, to, 77));
        tuples.push(Tuple::new(Protocol(50), from, to, Layer4::None));
        tuples.push(Tuple::new(Protocol(255), from, to, Layer4::None));
    }
    let kinds = [(13, Protocol::ICMP), (15, Protocol::ICMP), (17, Protocol::ICMP)];
    for (kind, protocol) in kinds {
        let layer4 = Layer4::Icmp { kind, code: 0, id: 1 };
        tuples.push(Tuple::new(protocol, address("10.0.0.1"), address("10.0.0.2"), layer4));
    }
    tuples
}

fn flows_of_every_protocol(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    for tuple in every_protocol() {
        client.create(&NewFlow::new(tuple, 600))?;
        let flow = client.flow(&tuple.into())?;
        let name = tuple.to_string();
        ctx.equal(&name, &as_kept(tuple, &flow.original), &flow.original);
        let reply = tuple.inverted();
        ctx.equal(&format!("{name} back"), &as_kept(reply, &flow.reply), &flow.reply);
        ctx.check("confirmed", flow.has(Status::CONFIRMED) && !flow.is_seen_reply());
        ctx.check("timeout", flow.timeout.is_some_and(|timeout| (590..=600).contains(&timeout)));
        ctx.check("id and references", flow.id.is_some() && flow.use_count == Some(2));
        let by_reply = client.flow(&Key::reply(reply))?;
        ctx.equal(&format!("{name} by its reply"), &flow.id, &by_reply.id);
    }
    let listed = client.flows(&Filter::new())?.to_vec()?;
    ctx.equal("listed", &every_protocol().len(), &listed.len());
    ctx.check("references of a listing", listed.iter().all(|flow| flow.use_count == Some(1)));
    for flow in &listed {
        client.delete(&flow.key())?;
    }
    ctx.equal("all are deleted", &0, &client.count()?);
    ctx.equal("none is listed", &0, &client.flows(&Filter::new())?.to_vec()?.len());
    Ok(())
}

fn masked(flags: TcpFlags) -> MaskedTcpFlags {
    MaskedTcpFlags { flags, mask: TcpFlags::all() }
}

fn shown(flags: TcpFlags) -> MaskedTcpFlags {
    MaskedTcpFlags { flags, mask: TcpFlags::empty() }
}

fn settings_come_back(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let (original, reply) = (
        TcpFlags::SACK_PERM | TcpFlags::WINDOW_SCALE,
        TcpFlags::BE_LIBERAL | TcpFlags::WINDOW_SCALE,
    );
    for (index, state) in TcpState::ALL.iter().enumerate().skip(1) {
        let port = 1000 + index as u16;
        let tuple = Tuple::tcp(([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 80).into());
        let mut new = NewFlow::new(tuple, 300);
        let tcp = Tcp {
            state: *state,
            window_scale_original: Some(7),
            window_scale_reply: Some(14),
            flags_original: Some(masked(original)),
            flags_reply: Some(masked(reply)),
        };
        new.settings.state = Some(ProtocolState::Tcp(tcp));
        new.settings.status = Some(Status::SEEN_REPLY | Status::ASSURED);
        new.settings.mark = Some(0xffff_fffe.into());
        client.create(&new)?;
        let flow = client.flow(&tuple.into())?;
        let expected =
            Tcp { flags_original: Some(shown(original)), flags_reply: Some(shown(reply)), ..tcp };
        ctx.equal("state", &Some(ProtocolState::Tcp(expected)), &flow.state);
        ctx.equal("mark", &Some(0xffff_fffe), &flow.mark);
        ctx.check("status", flow.has(Status::SEEN_REPLY | Status::ASSURED | Status::CONFIRMED));
    }
    let tuple = Tuple::sctp(end("10.0.0.1:1"), end("10.0.0.2:2"));
    let sctp = Sctp {
        state: SctpState::ESTABLISHED,
        verification_tag_original: Some(0xdead_beef),
        verification_tag_reply: Some(1),
    };
    let mut new = NewFlow::new(tuple, 300);
    new.settings.state = Some(ProtocolState::Sctp(sctp));
    client.create(&new)?;
    let flow = client.flow(&tuple.into())?;
    ctx.equal("SCTP", &Some(ProtocolState::Sctp(sctp)), &flow.state);
    let tuple = Tuple::with_ports(Protocol::DCCP, end("10.0.0.1:1"), end("10.0.0.2:2"));
    let dccp = Dccp {
        state: DccpState::OPEN,
        role: Some(DccpRole::SERVER),
        handshake_sequence: Some(0x1234_5678_9abc),
    };
    let mut new = NewFlow::new(tuple, 300);
    new.settings.state = Some(ProtocolState::Dccp(dccp));
    client.create(&new)?;
    let flow = client.flow(&tuple.into())?;
    if flow.original.layer4 != Layer4::None {
        ctx.equal("DCCP", &Some(ProtocolState::Dccp(dccp)), &flow.state);
    }
    Ok(())
}

fn patches(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let tuple = Tuple::tcp(end("10.0.0.1:1000"), end("10.0.0.2:80"));
    let mut new = NewFlow::new(tuple, 300);
    new.settings.state = Some(TcpState::SYN_SENT.into());
    new.settings.mark = Some(0x1234.into());
    client.create(&new)?;
    let first = client.flow(&tuple.into())?;
    let mut expected = first.clone();
    let mut step = |name: &str, patch: FlowPatch, expect: &dyn Fn(&mut Flow<'static>)| {
        client.update(&tuple.into(), &patch)?;
        let mut got = client.flow(&tuple.into())?;
        expect(&mut expected);
        // It passes by itself.
        if let (Some(expected), Some(got)) = (expected.timeout, &mut got.timeout) {
            if (expected.saturating_sub(10)..=expected).contains(got) {
                *got = expected;
            }
        }
        ctx.equal(name, &expected, &got);
        Ok::<_, Error>(())
    };
    step("nothing", FlowPatch::default(), &|_| {})?;
    let patch = FlowPatch { timeout: Some(5000), ..FlowPatch::default() };
    step("timeout", patch, &|flow| flow.timeout = Some(5000))?;
    let patch = FlowPatch { mark: Some(7.into()), ..FlowPatch::default() };
    step("mark", patch, &|flow| flow.mark = Some(7))?;
    let mark = Some(MarkChange { value: 0x50, mask: 0xf0 });
    let patch = FlowPatch { mark, ..FlowPatch::default() };
    step("bits of the mark", patch, &|flow| flow.mark = Some(0x57))?;
    let patch = FlowPatch { state: Some(TcpState::ESTABLISHED.into()), ..FlowPatch::default() };
    step("state", patch, &|flow| {
        if let Some(ProtocolState::Tcp(tcp)) = &mut flow.state {
            tcp.state = TcpState::ESTABLISHED;
        }
    })?;
    let status = Some(Status::CONFIRMED | Status::SEEN_REPLY | Status::ASSURED);
    let patch = FlowPatch { status, ..FlowPatch::default() };
    step("status", patch, &|flow| flow.status = status)?;
    let patch = FlowPatch {
        status: Some(
            Status::CONFIRMED | Status::SEEN_REPLY | Status::ASSURED | Status::FIXED_TIMEOUT,
        ),
        ..FlowPatch::default()
    };
    step("fixed timeout", patch, &|flow| {
        flow.status = flow.status.map(|status| status | Status::FIXED_TIMEOUT);
    })?;
    let patch = FlowPatch { timeout: Some(9), ..FlowPatch::default() };
    refused(client.update(&tuple.into(), &patch), Reason::FixedTimeout)?;
    let labels = Some(Labels::from_iter([1, 127]).into());
    let patch = FlowPatch { labels, ..FlowPatch::default() };
    refused(client.update(&tuple.into(), &patch), Reason::NoLabels)
}

fn refusals(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let key = Key::from(udp(1));
    refused(client.flow(&key), Reason::NotFound)?;
    refused(client.delete(&key), Reason::NotFound)?;
    refused(client.update(&key, &FlowPatch::default()), Reason::NotFound)?;
    let new = NewFlow::new(udp(1), 60);
    client.create(&new)?;
    refused(client.create(&new), Reason::Exists)?;
    let error = client.create(&new).expect_err("it exists");
    ctx.equal(
        "sentence",
        "cannot create flow udp 10.0.0.1:1 -> 10.0.0.2:53: the flow exists",
        error.to_string().as_str(),
    );
    let status = Some(Status::empty());
    let patch = FlowPatch { status, ..FlowPatch::default() };
    refused(client.update(&key, &patch), Reason::Busy)?;
    let mut new = NewFlow::new(udp(2), 60);
    new.settings.timeout = None;
    refused(client.create(&new), Reason::Invalid)?;
    let mut new = NewFlow::new(udp(3), 60);
    new.reply = Tuple::tcp(end("10.0.0.2:53"), end("10.0.0.1:3"));
    // A kernel may take it; that both are well is what matters.
    let _ = client.create(&new);
    let id = client.flow(&key)?.id.unwrap_or_default();
    refused(client.delete(&key.with_id(id.wrapping_add(1))), Reason::NotFound)?;
    client.delete(&key.with_id(id))?;
    Ok(())
}

fn zones(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut new = NewFlow::new(udp(1), 60);
    new.zone = Some(7);
    match client.create(&new) {
        Err(error) if error.reason() == Some(Reason::NotSupported) => {
            return ctx.skip("this kernel has no zones");
        }
        result => result?,
    }
    let key = Key::from(udp(1));
    refused(client.flow(&key), Reason::NotFound)?;
    refused(client.delete(&key), Reason::NotFound)?;
    refused(client.update(&key, &FlowPatch::default()), Reason::NotFound)?;
    let patch = FlowPatch { mark: Some(9.into()), ..FlowPatch::default() };
    client.update(&key.in_zone(7), &patch)?;
    let flow = client.flow(&key.in_zone(7))?;
    ctx.equal("zone and mark", &(Some(7), Some(9)), &(flow.zone, flow.mark));
    ctx.equal("key", &key.in_zone(7), &Key { id: None, ..flow.key() });
    // The same tuple without a zone, and with one in either direction.
    client.create(&NewFlow::new(udp(1), 60))?;
    let mut original = NewFlow::new(udp(2).in_zone(7), 60);
    original.reply = udp(2).inverted();
    client.create(&original)?;
    let mut reply = NewFlow::new(udp(3), 60);
    reply.reply.zone = Some(7);
    client.create(&reply)?;
    let flow = client.flow(&original.key())?;
    ctx.equal("zones", &(None, Some(7), None), &(flow.zone, flow.original.zone, flow.reply.zone));
    let flow = client.flow(&Key::reply(reply.reply))?;
    ctx.equal("zones", &(None, None, Some(7)), &(flow.zone, flow.original.zone, flow.reply.zone));
    let flows = client.flows(&Filter::new())?.to_vec()?;
    ctx.equal("flows", &4, &flows.len());
    for flow in &flows {
        ctx.equal("read by its key", &flow.id, &client.flow(&flow.key())?.id);
        client.delete(&flow.key())?;
    }
    ctx.equal("all are deleted by their keys", &0, &client.count()?);
    Ok(())
}

fn translations(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let to = |text: &str| {
        let end = end(text);
        Some(Translation { address: end.ip(), port: Some(end.port()) })
    };
    for (from, service, real, via) in [
        ("10.0.0.1:1000", "10.96.0.1:80", "10.244.3.32:8080", "10.244.5.0:4000"),
        ("[fd00::1]:1000", "[fd96::1]:80", "[fd44::32]:8080", "[fd44::5]:4000"),
    ] {
        let tuple = Tuple::udp(end(from), end(service));
        let mut new = NewFlow::new(tuple, 60);
        new.destination_nat = Some(end(real).into());
        new.source_nat = Some(end(via).into());
        match client.create(&new) {
            Err(error) if error.reason() == Some(Reason::NotSupported) => {
                return ctx.skip("this kernel has no NAT");
            }
            result => result?,
        }
        let flow = client.flow(&Key::reply(Tuple::udp(end(real), end(via))))?;
        ctx.equal("original", &tuple, &flow.original);
        ctx.equal("destination", &to(real), &flow.destination_nat());
        ctx.equal("source", &to(via), &flow.source_nat());
        ctx.check("bits", flow.has(Status::SRC_NAT | Status::DST_NAT));
        client.flush()?;
        let mut new = NewFlow::new(tuple, 60);
        new.destination_nat = Some(NatRequest::port(9999));
        client.create(&new)?;
        let flow = client.flow(&tuple.into())?;
        let expected = Translation { address: tuple.destination, port: Some(9999) };
        ctx.equal("port alone", &Some(expected), &flow.destination_nat());
        ctx.equal("source stays", &None, &flow.source_nat());
        client.flush()?;
        let mut new = NewFlow::new(tuple, 60);
        new.source_nat = Some(NatRequest::address(end(via).ip()));
        client.create(&new)?;
        let flow = client.flow(&tuple.into())?;
        let got = flow.source_nat().map(|nat| nat.address);
        ctx.equal("address alone", &Some(end(via).ip()), &got);
        client.flush()?;
    }
    Ok(())
}

/// What of a flow is not the kernel's own.
fn essence(flow: &Flow<'_>) -> Flow<'static> {
    let mut flow = flow.clone().into_owned();
    (flow.id, flow.use_count, flow.timeout) = (None, None, None);
    (flow.started, flow.stopped) = (None, None);
    flow
}

fn copies(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    for tuple in every_protocol() {
        client.create(&NewFlow::new(tuple, 600))?;
    }
    let tuple = Tuple::tcp(end("10.0.0.1:1"), end("10.96.0.1:80"));
    let mut new = NewFlow::new(tuple, 432_000);
    new.settings.state = Some(ProtocolState::Tcp(Tcp {
        window_scale_original: Some(7),
        window_scale_reply: Some(9),
        flags_original: Some(masked(TcpFlags::SACK_PERM | TcpFlags::WINDOW_SCALE)),
        flags_reply: Some(masked(TcpFlags::WINDOW_SCALE | TcpFlags::CLOSE_INIT)),
        ..Tcp::new(TcpState::ESTABLISHED)
    }));
    new.settings.status = Some(Status::SEEN_REPLY | Status::ASSURED);
    new.settings.mark = Some(0x99.into());
    new.destination_nat = Some(end("10.244.3.32:8080").into());
    let nat = client.create(&new);
    if nat.as_ref().is_err_and(|error| error.reason() != Some(Reason::NotSupported)) {
        nat?;
    }
    let mut zoned = NewFlow::new(udp(5), 60);
    zoned.zone = Some(3);
    let _ = client.create(&zoned);
    let mut zoned = NewFlow::new(udp(6).in_zone(4), 60);
    zoned.settings.status = Some(Status::FIXED_TIMEOUT);
    let _ = client.create(&zoned);
    let mut before = client.flows(&Filter::new())?.to_vec()?;
    client.flush()?;
    let copies: Vec<_> = before.iter().map(|flow| Change::Create(NewFlow::like(flow))).collect();
    let report = client.apply(&copies)?;
    ctx.check(&format!("created again: {:?}", report.refused), report.is_complete());
    let mut after = client.flows(&Filter::new())?.to_vec()?;
    before.sort_by_key(|flow| (flow.original, flow.zone));
    after.sort_by_key(|flow| (flow.original, flow.zone));
    for (before, after) in before.iter().zip(&after) {
        ctx.equal("copy", &essence(before), &essence(after));
        let difference = before.timeout.unwrap_or(0).abs_diff(after.timeout.unwrap_or(0));
        ctx.check("timeout", difference <= 10);
    }
    ctx.equal("as many", &before.len(), &after.len());
    Ok(())
}

fn batch(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let new = |port| NewFlow::new(udp(port), 60);
    let patch = FlowPatch { mark: Some(7.into()), ..FlowPatch::default() };
    let changes = [
        Change::Create(new(1)),
        Change::Create(new(1)),
        Change::Put(new(1)),
        Change::Put(new(2)),
        Change::Update(udp(2).into(), patch.clone()),
        Change::Update(udp(3).into(), patch),
        Change::Delete(udp(1).into()),
        Change::Delete(udp(1).into()),
    ];
    let report = client.apply(&changes)?;
    let refused: Vec<_> =
        report.refused.iter().map(|(index, refused)| (*index, refused.reason)).collect();
    let expected = [(1, Reason::Exists), (5, Reason::NotFound), (7, Reason::NotFound)];
    ctx.equal("refused", &expected[..], &refused);
    ctx.equal("applied", &5, &report.applied);
    ctx.check("nothing is unknown", report.unknown.is_empty() && report.unsent.is_empty());
    ctx.check("not complete", !report.is_complete());
    let flows = client.flows(&Filter::new())?.to_vec()?;
    let left: Vec<_> = flows.iter().map(|flow| (flow.original, flow.mark)).collect();
    ctx.equal("left", &[(udp(2), Some(7))][..], &left);
    Ok(())
}

fn large_batch(ctx: &Context) -> Outcome {
    const COUNT: u16 = 4_000;
    let mut client = Client::connect()?;
    let create: Vec<_> =
        (1..=COUNT).map(|port| Change::Create(NewFlow::new(udp(port), 600))).collect();
    let report = client.apply(&create)?;
    ctx.equal("created", &usize::from(COUNT), &report.applied);
    // All are refused: the longest answer that there is.
    let report = client.apply(&create)?;
    ctx.equal("refused", &usize::from(COUNT), &report.refused.len());
    ctx.equal("unknown", &0, &report.unknown.len());
    ctx.equal("count", &u32::from(COUNT), &client.count()?);
    let mut listed = 0;
    client.flows(&Filter::new())?.for_each(|_| {
        listed += 1;
        Ok::<_, Error>(())
    })?;
    ctx.equal("listed", &u32::from(COUNT), &listed);
    let odd = Condition::custom("of an odd port", |flow| {
        flow.original.source_port().is_some_and(|port| port % 2 == 1)
    });
    let deletion = client.delete_matching(&odd.into(), |_| {})?;
    ctx.equal("deleted", &usize::from(COUNT / 2), &deletion.deleted);
    ctx.check("exact", deletion.is_exact());
    ctx.equal("count", &u32::from(COUNT / 2), &client.count()?);
    let delete: Vec<_> = (1..=COUNT).map(|port| Change::Delete(udp(port).into())).collect();
    let report = client.apply(&delete)?;
    ctx.equal("the rest", &usize::from(COUNT / 2), &report.applied);
    ctx.equal("count", &0, &client.count()?);
    Ok(())
}

fn prepared_changes(ctx: &Context) -> Outcome {
    const COUNT: u16 = 4_000;
    let mut client = Client::connect()?;
    let (mut create, mut delete) = (Prepared::new(), Prepared::new());
    for port in 1..=COUNT {
        create.push(&Change::Create(NewFlow::new(udp(port), 600)));
        delete.push(&Change::Delete(udp(port).into()));
    }
    ctx.equal("created", &usize::from(COUNT), &client.apply_prepared(&mut create)?.applied);
    client.delete(&udp(77).into())?;
    let report = client.apply_prepared(&mut create)?;
    ctx.equal("created again", &1, &report.applied);
    ctx.equal("unknown", &0, &report.unknown.len());
    let others = (1..=COUNT).filter(|port| *port != 77);
    let expected = others.map(|port| Request::CreateFlow(udp(port).into()));
    let refused = report.refused.iter().map(|(_, refused)| refused);
    ctx.check("told by their names", refused.clone().map(|it| it.request.clone()).eq(expected));
    ctx.check("they exist", refused.clone().all(|it| it.reason == Reason::Exists));
    // In smaller windows, over another socket.
    let mut narrow = Client::builder().receive_buffer(10_000).connect()?;
    ctx.equal("deleted", &usize::from(COUNT), &narrow.apply_prepared(&mut delete)?.applied);
    ctx.equal("count", &0, &client.count()?);
    ctx.check("nothing is nothing", client.apply_prepared(&mut Prepared::new())?.is_complete());
    Ok(())
}

fn counts(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    for port in 1..=9 {
        client.create(&NewFlow::new(udp(port), 60))?;
    }
    ctx.equal("count", &9, &client.count()?);
    let table = client.global_statistics()?;
    let read = |name: &str| -> Option<u32> {
        let path = format!("/proc/sys/net/netfilter/{name}");
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    ctx.equal("entries", &read("nf_conntrack_count"), &Some(table.entries));
    ctx.equal("maximum", &read("nf_conntrack_max"), &table.max_entries);
    let sysctls = Sysctls::read(&Namespace::Current)?;
    ctx.equal("count", &Some(9), &sysctls.count());
    ctx.equal("maximum", &table.max_entries.map(u64::from), &sysctls.max());
    ctx.check("hash table", sysctls.buckets() > Some(1) && sysctls.expect_max() > Some(1));
    let cpus = client.statistics()?;
    ctx.check("a processor at least", !cpus.is_empty());
    let inserted: u32 = cpus.iter().filter_map(|cpu| cpu.get(conntrack::Counter::INSERT)).sum();
    ctx.equal("inserted", &9, &inserted);
    let numbers: Vec<_> = cpus.iter().map(|cpu| usize::from(cpu.cpu)).collect();
    ctx.equal("processors", &(0..cpus.len()).collect::<Vec<_>>(), &numbers);
    for cpu in client.expectation_statistics()? {
        ctx.equal("expectations", &(Some(0), Some(0)), &(cpu.new, cpu.create));
    }
    ctx.equal("dying", &0, &client.dying(&Filter::new())?.to_vec()?.len());
    ctx.equal("unconfirmed", &0, &client.unconfirmed(&Filter::new())?.to_vec()?.len());
    Ok(())
}

fn expectations(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let master = Tuple::udp(end("127.0.0.1:5000"), end("127.0.0.2:69"));
    let mut flow = NewFlow::new(master, 600);
    flow.settings.helper = Some("tftp".to_owned());
    match client.create(&flow) {
        Err(error) if error.reason() == Some(Reason::NotSupported) => {
            return ctx.skip("this kernel has no TFTP helper");
        }
        result => result?,
    }
    let shown = client.flow(&master.into())?;
    let helper = shown.helper.as_ref().map(|helper| helper.name.to_string());
    ctx.equal("helper", &Some("tftp".to_owned()), &helper);
    let tuple = Tuple::udp(end("4.4.4.4:10"), end("5.5.5.5:20"));
    let mask = Tuple::udp(end("255.255.255.255:65535"), end("255.255.255.255:65535"));
    let mut new = Expectation::new(master, tuple, mask);
    new.timeout = Some(300);
    client.create_expectation(&new)?;
    refused(client.create_expectation(&new), Reason::Exists)
        .or_else(|_| refused(client.create_expectation(&new), Reason::Busy))?;
    let read = client.expectation(&tuple.into())?;
    ctx.equal("tuples", &(master, tuple, mask), &(read.master, read.tuple, read.mask));
    ctx.check("timeout", read.timeout.is_some_and(|timeout| timeout > 0));
    ctx.check("id", read.id.is_some());
    let listed = client.expectations(None)?;
    ctx.equal("listed", &vec![read.id], &listed.iter().map(|one| one.id).collect());
    ctx.equal("of IPv4", &1, &client.expectations(Some(Family::Ipv4))?.len());
    ctx.equal("of IPv6", &0, &client.expectations(Some(Family::Ipv6))?.len());
    let mut other = read.key();
    other.id = Some(read.id.unwrap_or_default() ^ 1);
    refused(client.delete_expectation(&other), Reason::NotFound)?;
    client.delete_expectation(&read.key())?;
    refused(client.expectation(&tuple.into()), Reason::NotFound)?;
    new.flags = Some(ExpectationFlags::USERSPACE | ExpectationFlags::PERMANENT);
    client.create_expectation(&new)?;
    let read = client.expectation(&tuple.into())?;
    let permanent = read.flags.map(|flags| flags - ExpectationFlags::USERSPACE);
    ctx.equal("flags", &Some(ExpectationFlags::PERMANENT), &permanent);
    client.flush_expectations()?;
    ctx.equal("flushed", &0, &client.expectations(None)?.len());
    let mut orphan = new.clone();
    orphan.master = udp(7);
    refused(client.create_expectation(&orphan), Reason::NoMaster)
}

fn dropped_listing(ctx: &Context) -> Outcome {
    let create: Vec<_> =
        (1..=5000).map(|port| Change::Create(NewFlow::new(udp(port), 600))).collect();
    Client::connect()?.apply(&create)?;
    let all = Filter::new();
    for ahead in [false, true] {
        let mut client = Client::builder().read_ahead(ahead).connect()?;
        // The last is far enough for a thread that reads ahead.
        for read in [0, 1, 700, 3000] {
            let mut flows = client.flows(&all)?;
            for _ in 0..read {
                ctx.check("a flow", flows.next()?.is_some());
            }
            drop(flows);
            ctx.equal("after it", &5000, &client.count()?);
            ctx.equal("again", &5000, &client.flows(&all)?.to_vec()?.len());
        }
    }
    Ok(())
}

/// Reading ahead shows the same, in the same order.
fn reading_ahead(ctx: &Context) -> Outcome {
    let create: Vec<_> =
        (1..=6000).map(|port| Change::Create(NewFlow::new(udp(port), 600))).collect();
    let mut plain = Client::connect()?;
    plain.apply(&create)?;
    let mut ahead = Client::builder().read_ahead(true).connect()?;
    for filter in [Filter::new(), Condition::Family(Family::Ipv4).into()] {
        let ids = |client: &mut Client| -> Result<Vec<_>, Error> {
            Ok(client.flows(&filter)?.to_vec()?.iter().map(|flow| flow.id).collect())
        };
        ctx.equal("flows", &ids(&mut plain)?, &ids(&mut ahead)?);
    }
    ctx.equal("none", &0, &ahead.flows(&Condition::Family(Family::Ipv6).into())?.to_vec()?.len());
    let processors = thread::available_parallelism()?.get();
    let threads = || Ok::<_, Failure>(std::fs::read_dir("/proc/self/task")?.count());
    let before = threads()?;
    let all = Filter::new();
    let mut flows = ahead.flows(&all)?;
    for _ in 0..2000 {
        flows.next()?;
    }
    ctx.equal("a thread where it can help", &(before + processors.min(2) - 1), &threads()?);
    drop(flows);
    ctx.equal("count", &6000, &ahead.count()?);
    let mut delete = Client::builder().read_ahead(true).connect()?;
    let low = Condition::custom("of a low port", |flow| {
        flow.original.source_port().is_some_and(|port| port <= 4000)
    });
    let deletion = delete.delete_matching(&low.into(), |_| {})?;
    ctx.equal("deleted", &(4000, true), &(deletion.deleted, deletion.is_exact()));
    ctx.equal("left", &2000, &plain.count()?);
    Ok(())
}

fn a_namespace_is_entered(ctx: &Context) -> Outcome {
    let namespace = ctx.namespace("elsewhere")?;
    let named = Namespace::Named(namespace.name().to_owned());
    let mut there = Builder::new().namespace(named.clone()).connect()?;
    let mut heard = Subscription::new(Groups::NEW).namespace(named).open()?;
    let mut here = Client::connect()?;
    there.create(&NewFlow::new(udp(1), 60))?;
    ctx.equal("flows", &(1, 0), &(there.count()?, here.count()?));
    refused(here.flow(&udp(1).into()), Reason::NotFound)?;
    ctx.check("heard", matches!(heard.try_next()?, Some(Event::Flow { .. })));
    ctx.equal("once", &None, &heard.try_next()?);
    Ok(())
}

fn side_by_side(ctx: &Context) -> Outcome {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker: u16| {
                let mut client = Client::connect()?;
                Ok(scope.spawn(move || {
                    for port in 1..=500 {
                        client.create(&NewFlow::new(udp(worker * 1000 + port), 600))?;
                    }
                    let filter = Condition::Family(Family::Ipv4).into();
                    let seen = client.flows(&filter)?.to_vec()?.len();
                    Ok::<_, Error>(seen >= 500)
                }))
            })
            .collect::<Result<_, Error>>()?;
        for worker in workers {
            let saw_its_own = worker.join().expect("the worker lives")?;
            ctx.check("its own are there", saw_its_own);
        }
        Ok::<_, Error>(())
    })?;
    ctx.equal("all are there", &2000, &Client::connect()?.count()?);
    Ok(())
}

#[cfg(feature = "tokio")]
fn tokio_has_the_same_verbs(ctx: &Context) -> Outcome {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut client = conntrack::tokio::Client::connect()?;
        let mut events = Subscription::new(Groups::FLOWS).open_tokio()?;
        assert_send(client.create(&NewFlow::new(udp(1), 60))).await?;
        let event = assert_send(events.next()).await?;
        ctx.check("heard", matches!(event, Event::Flow { kind: EventKind::New, .. }));
        let all = Filter::new();
        let mut flows = client.flows(&all).await?;
        let original = assert_send(flows.next()).await?.map(|flow| flow.original);
        ctx.equal("listed", &Some(udp(1)), &original);
        ctx.equal("no more", &None, &flows.next().await?);
        drop(flows);
        ctx.equal("count", &1, &client.count().await?);
        let deletion = assert_send(client.delete_matching(&all, |_| {})).await?;
        ctx.equal("deleted", &1, &deletion.deleted);
        ctx.equal("flows", &0, &client.flows(&all).await?.to_vec().await?.len());
        Ok(())
    })
}

#[cfg(not(feature = "tokio"))]
fn tokio_has_the_same_verbs(ctx: &Context) -> Outcome {
    ctx.skip("built without the feature tokio")
}
