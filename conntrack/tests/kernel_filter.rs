//! Filters on real kernels: nothing that matches is missed, and nothing that does not match is
//! deleted, whatever the kernel makes of the part that it is given.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::ExitCode;

use conntrack::{
    Capabilities, Capability, Change, Client, Condition, Direction, Error, Family, Filter, Flow,
    Layer4, NatMatch, Network, NewFlow, Ports, Protocol, Status, Support, TcpState, Tuple,
};
use testbed::harness::{Case, Context, Failure, Outcome};

use Direction::{Original, Reply};

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    testbed::harness::main(&[
        case("filters_show_what_matches_and_nothing_else", filters_show_what_matches),
        case("filtered_deletions_delete_nothing_else", filtered_deletions),
        case("filtered_flushes_delete_nothing_else", filtered_flushes),
        case("without_knowledge_nothing_is_left_to_the_kernel", without_knowledge),
        case("capabilities_are_those_of_the_kernel", capabilities_of_the_kernel),
        case("a_flow_that_took_the_place_of_another_stays", replaced_flow_stays),
        case("counters_of_others_are_not_zeroed", counters_of_others),
    ])
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn network(text: &str, prefix: u8) -> Network {
    Network::new(address(text), prefix)
}

/// Flows of every kind, which differ in everything that a filter may look at.
fn table() -> Vec<NewFlow> {
    let mut flows = Vec::new();
    let pairs = [
        ("10.0.0.1", "10.0.0.9"),
        ("10.0.0.2", "10.0.0.9"),
        ("10.1.0.1", "10.9.0.9"),
        ("fd00::1", "fd00::9"),
        ("fd00::2", "fd00::9"),
        ("fd01::1", "fd09::9"),
    ];
    for (from, to) in pairs.map(|(from, to)| (address(from), address(to))) {
        for protocol in
            [Protocol::TCP, Protocol::UDP, Protocol::UDPLITE, Protocol::SCTP, Protocol::DCCP]
        {
            for (source, destination) in [(1, 80), (2, 80), (1, 443), (8080, 53)] {
                let ports = Layer4::Ports { source, destination };
                flows.push(NewFlow::new(Tuple::new(protocol, from, to, ports), 600));
            }
        }
        for key in [1, 80] {
            flows.push(NewFlow::new(Tuple::gre(from, to, key, 80), 600));
            flows.push(NewFlow::new(Tuple::echo(from, to, key), 600));
        }
        flows.push(NewFlow::new(Tuple::new(Protocol(50), from, to, Layer4::None), 600));
    }
    for (index, flow) in flows.iter_mut().enumerate() {
        let number = index as u32;
        flow.settings.mark = Some((number % 7 * 0x11).into());
        let status = match index % 5 {
            0 => Status::empty(),
            1 => Status::SEEN_REPLY,
            2 => Status::SEEN_REPLY | Status::ASSURED,
            3 => Status::ASSURED,
            _ => Status::FIXED_TIMEOUT,
        };
        flow.settings.status = Some(status);
        if flow.original.protocol == Protocol::TCP {
            let state = TcpState(1 + (number % 8) as u8);
            flow.settings.state = Some(state.into());
        }
    }
    flows
}

/// The same tuples in zones, where the kernel has zones; some with NAT, where it has NAT.
fn extras() -> Vec<NewFlow> {
    let tuple = |from: &str, source, destination| {
        let to = if from.contains(':') { "fd00::9" } else { "10.0.0.9" };
        Tuple::udp((address(from), source).into(), (address(to), destination).into())
    };
    let mut flows = Vec::new();
    for zone in [7, 8] {
        for from in ["10.0.0.1", "fd00::1"] {
            let mut flow = NewFlow::new(tuple(from, 1, 80), 600);
            flow.zone = Some(zone);
            flows.push(flow);
            let mut flow = NewFlow::new(tuple(from, 2, 80).in_zone(zone), 600);
            flow.settings.mark = Some(0x11.into());
            flows.push(flow);
            let mut flow = NewFlow::new(tuple(from, 3, 80), 600);
            flow.reply.zone = Some(zone);
            flows.push(flow);
        }
    }
    for (from, to) in [("10.0.0.1", "10.5.0.5"), ("fd00::1", "fd05::5")] {
        let real = std::net::SocketAddr::new(address(to), 8080);
        let mut flow = NewFlow::new(tuple(from, 9, 80), 600);
        flow.destination_nat = Some(real.into());
        flows.push(flow);
        let mut flow = NewFlow::new(tuple(from, 10, 80), 600);
        flow.source_nat = Some(real.into());
        flows.push(flow);
    }
    flows
}

/// Makes the table.
fn fill(client: &mut Client) -> Result<(), Error> {
    client.flush()?;
    let changes: Vec<_> = table().into_iter().map(Change::Create).collect();
    client.apply(&changes)?;
    // Kernels without zones refuse them, and kernels without NAT refuse that.
    let extras: Vec<_> = extras().into_iter().map(Change::Create).collect();
    client.apply(&extras)?;
    Ok(())
}

/// What names a flow over several tables with the same flows.
type Name = (Tuple, Option<u16>);

fn name(flow: &Flow<'_>) -> Name {
    (flow.original, flow.zone)
}

fn names(client: &mut Client, filter: &Filter) -> Result<BTreeSet<Name>, Error> {
    let mut names = BTreeSet::new();
    client.flows(filter)?.for_each(|flow| {
        names.insert(name(&flow));
        Ok::<_, Error>(())
    })?;
    Ok(names)
}

/// Filters of every condition, alone and together.
fn filters() -> Vec<Filter> {
    let status = |value, mask| Condition::Status { value, mask };
    let mark = |value, mask| Condition::Mark { value, mask };
    let both = Status::SEEN_REPLY | Status::ASSURED;
    let mut conditions = vec![
        Condition::Family(Family::Ipv4),
        Condition::Family(Family::Ipv6),
        status(Status::ASSURED, Status::ASSURED),
        status(Status::empty(), Status::SEEN_REPLY),
        status(Status::SEEN_REPLY, both),
        status(Status::FIXED_TIMEOUT, Status::FIXED_TIMEOUT),
        mark(0x11, !0),
        mark(0x11, 0xf),
        mark(0, !0),
        mark(0, 0),
        Condition::Zone(0),
        Condition::Zone(7),
        Condition::Zone(9),
        Condition::TupleZone(Original, 7),
        Condition::TupleZone(Reply, 8),
        Condition::TcpState(TcpState::ESTABLISHED),
        Condition::SourceNat(NatMatch::default()),
        Condition::DestinationNat(NatMatch::default()),
        Condition::AnyNat(NatMatch { address: Some(network("10.5.0.0", 16)), ports: None }),
        Condition::AnyNat(NatMatch { address: None, ports: Some(8080.into()) }),
        Condition::SourceKey(Original, 80),
        Condition::DestinationKey(Reply, 1),
        Condition::IcmpId(Original, 80),
        Condition::IcmpType(Reply, 129),
    ];
    for direction in [Original, Reply] {
        for (text, prefix) in [
            ("10.0.0.1", 32),
            ("10.0.0.9", 32),
            ("10.0.0.0", 24),
            ("10.0.0.0", 8),
            ("fd00::1", 128),
            ("fd00::9", 128),
            ("fd00::", 64),
            ("fd00::", 8),
            ("fd77::7", 128),
        ] {
            conditions.push(Condition::Source(direction, network(text, prefix)));
            conditions.push(Condition::Destination(direction, network(text, prefix)));
        }
        for port in [1, 80, 9999] {
            conditions.push(Condition::SourcePort(direction, port.into()));
            conditions.push(Condition::DestinationPort(direction, port.into()));
        }
    }
    conditions.push(Condition::DestinationPort(Original, Ports::from_iter([80..=80, 400..=500])));
    let mut filters: Vec<Filter> = Vec::new();
    for condition in conditions {
        filters.push(condition.clone().negated().into());
        for other in [
            Condition::Family(Family::Ipv4),
            Condition::Family(Family::Ipv6),
            Condition::Source(Original, network("10.0.0.1", 32)),
            Condition::Source(Original, network("fd00::1", 128)),
            mark(0x11, !0),
        ] {
            filters.push(Filter::from(condition.clone()).and(other));
        }
        filters.push(condition.into());
    }
    for protocol in [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::UDPLITE,
        Protocol::SCTP,
        Protocol::DCCP,
        Protocol::GRE,
        Protocol::ICMP,
        Protocol::ICMPV6,
        Protocol(50),
    ] {
        for family in [None, Some(Family::Ipv4), Some(Family::Ipv6)] {
            let of_family = family.map(Condition::Family).map(Filter::from).unwrap_or_default();
            let of_protocol = of_family.and(Condition::Protocol(protocol));
            for condition in [
                Condition::SourcePort(Original, 1.into()),
                Condition::DestinationPort(Original, 80.into()),
                Condition::SourcePort(Reply, 80.into()),
                Condition::DestinationPort(Reply, 1.into()),
                Condition::SourceKey(Original, 1),
                Condition::IcmpType(Original, 8),
                Condition::IcmpType(Reply, 0),
                Condition::IcmpType(Original, 3),
                Condition::IcmpCode(Original, 0),
                Condition::IcmpCode(Reply, 1),
                Condition::IcmpId(Original, 80),
                Condition::IcmpId(Reply, 1),
                Condition::Destination(Original, network("10.0.0.9", 32)),
                Condition::Source(Reply, network("fd00::9", 128)),
                Condition::Zone(7),
                Condition::TupleZone(Original, 7),
                status(Status::ASSURED, Status::ASSURED),
            ] {
                filters.push(of_protocol.clone().and(condition));
            }
            filters.push(of_protocol);
        }
    }
    filters
}

fn told(filter: &Filter) -> String {
    let conditions: Vec<_> = filter.conditions().iter().map(ToString::to_string).collect();
    conditions.join(", ")
}

fn filters_show_what_matches(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    fill(&mut client)?;
    let all = client.flows(&Filter::new())?.to_vec()?;
    // Kernels that do not track a protocol any more have one flow of it between two addresses.
    if all.len() < 110 {
        return ctx.fail(format!("only {} flows were created", all.len()));
    }
    let mut in_use = 0;
    for filter in filters() {
        let expected: BTreeSet<_> =
            all.iter().filter(|flow| filter.matches(flow)).map(name).collect();
        in_use += usize::from(!expected.is_empty());
        ctx.equal(&told(&filter), &expected, &names(&mut client, &filter)?);
    }
    ctx.check("most filters match something", in_use > filters().len() / 3);
    Ok(())
}

/// Deletes by every filter, each time from a whole table.
fn delete_by_every_filter(
    ctx: &Context,
    mut delete: impl FnMut(&mut Client, &Filter, &mut BTreeSet<Name>) -> Result<bool, Error>,
) -> Result<usize, Failure> {
    let mut client = Client::connect()?;
    let mut in_one_request = 0;
    fill(&mut client)?;
    let all = client.flows(&Filter::new())?.to_vec()?;
    for filter in filters() {
        fill(&mut client)?;
        let (going, staying): (Vec<_>, Vec<_>) = all.iter().partition(|flow| filter.matches(flow));
        let staying: BTreeSet<_> = staying.into_iter().map(name).collect();
        let going: BTreeSet<_> = going.into_iter().map(name).collect();
        let mut told_gone = BTreeSet::new();
        let in_one = delete(&mut client, &filter, &mut told_gone)?;
        in_one_request += usize::from(in_one);
        let left = names(&mut client, &Filter::new())?;
        ctx.equal(&format!("left by: {}", told(&filter)), &staying, &left);
        if !in_one {
            ctx.equal(&format!("deleted by: {}", told(&filter)), &going, &told_gone);
        }
    }
    Ok(in_one_request)
}

fn filtered_deletions(ctx: &Context) -> Outcome {
    delete_by_every_filter(ctx, |client, filter, gone| {
        let deletion = client.delete_matching(filter, |flow| {
            gone.insert(name(flow));
        })?;
        assert!(deletion.is_exact() && deletion.deleted == gone.len(), "{deletion:?}");
        assert_eq!((deletion.vanished, deletion.refused.len()), (0, 0));
        Ok(false)
    })?;
    Ok(())
}

fn filtered_flushes(ctx: &Context) -> Outcome {
    let capabilities = Capabilities::probe();
    let in_one_request = delete_by_every_filter(ctx, |client, filter, gone| {
        let deletion = client.flush_matching(filter, &capabilities, |flow| {
            gone.insert(name(flow));
        })?;
        Ok(deletion.in_one_request)
    })?;
    // By mark alone, at least, wherever anything could be tried.
    if capabilities.get(Capability::DeleteMark) == Support::Works {
        ctx.check("some deletions were left to the kernel", in_one_request > 0);
    }
    if ctx.version() >= (6, 12) {
        ctx.check("many deletions were left to the kernel", in_one_request > 50);
    }
    Ok(())
}

fn without_knowledge(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    fill(&mut client)?;
    let nothing = Capabilities::default();
    let filter = Condition::Mark { value: 0x11, mask: !0 }.into();
    let deletion = client.flush_matching(&filter, &nothing, |_| {})?;
    ctx.check("one by one", !deletion.in_one_request && deletion.deleted > 0);
    Ok(())
}

fn capabilities_of_the_kernel(ctx: &Context) -> Outcome {
    let capabilities = Capabilities::probe();
    if capabilities == Capabilities::default() {
        return ctx.fail("nothing could be tried");
    }
    let told: Vec<_> = capabilities.iter().map(|(one, found)| format!("{one} {found}")).collect();
    println!("{}", told.join("\n"));
    let version = ctx.version();
    let since = |since, before| if version >= since { Support::Works } else { before };
    for (capability, expected) in [
        (Capability::ListMark, Support::Works),
        (Capability::ListStatus, since((5, 15), Support::Ignored)),
        (Capability::ListIpv4, since((5, 8), Support::Ignored)),
        (Capability::ListPorts, since((5, 8), Support::Ignored)),
        (Capability::ListOtherPorts, Support::Ignored),
        (Capability::DeleteFamily, Support::Works),
        (Capability::DeleteMark, Support::Works),
        (Capability::DeleteStatus, since((5, 15), Support::Ignored)),
    ] {
        ctx.equal(capability.name(), &expected, &capabilities.get(capability));
    }
    // What the kernel gets wrong must be known for what it is; one day it may be right.
    let ipv6 = capabilities.get(Capability::ListIpv6);
    ctx.check("IPv6 is tried", ipv6 != Support::Unknown);
    if ((5, 8)..=(6, 18)).contains(&version) {
        ctx.equal("IPv6", &Support::Broken, &ipv6);
    }
    if version < (6, 12) {
        ctx.check("old flushes", capabilities.get(Capability::DeleteIpv4) != Support::Works);
    }
    Ok(())
}

fn replaced_flow_stays(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let tuple = Tuple::udp((address("10.0.0.1"), 1).into(), (address("10.0.0.2"), 2).into());
    client.create(&NewFlow::new(tuple, 600))?;
    let first = client.flow(&tuple.into())?;
    client.delete(&first.key())?;
    let mut again = NewFlow::new(tuple, 600);
    again.settings.mark = Some(7.into());
    // The kernel makes ids of addresses in its memory: with another flow before it the second one
    // has another.
    let other = Tuple::udp((address("10.0.0.3"), 1).into(), (address("10.0.0.2"), 2).into());
    client.create(&NewFlow::new(other, 600))?;
    client.create(&again)?;
    let second = client.flow(&tuple.into())?;
    if first.id == second.id {
        return ctx.skip("the kernel gave the second flow the id of the first");
    }
    let error = client.delete(&first.key()).expect_err("it is another flow");
    ctx.check("not found", error.is_not_found());
    ctx.equal("it is there", &Some(7), &client.flow(&tuple.into())?.mark);
    client.delete(&second.key())?;
    Ok(())
}

fn counters_of_others(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    fill(&mut client)?;
    for filter in [
        Filter::new(),
        Condition::Mark { value: 0x11, mask: !0 }.into(),
        Condition::Source(Original, network("fd00::1", 128)).into(),
        Condition::TcpState(TcpState::ESTABLISHED).into(),
    ] {
        let expected = names(&mut client, &filter)?;
        let mut zeroed = BTreeSet::new();
        client.zero_flows(&filter, |flow| {
            zeroed.insert(name(&flow));
        })?;
        ctx.equal(&told(&filter), &expected, &zeroed);
    }
    Ok(())
}
