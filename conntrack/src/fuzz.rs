//! Ways into what is not public, for the fuzz targets. Not part of the library's interface.

use rsadm_netlink::fake::FakeKernel;
use rsadm_netlink::{Message, now};

use crate::verbs::Verbs;
use crate::{
    Capabilities, Change, Condition, Direction, Expectation, Filter, Flow, FlowPatch, Key,
    NatMatch, Network, NewFlow, Protocol, Status, TcpState, Tuple, encode, wire,
};

/// Decodes a message's payload as a flow. What is understood can be detached, named, filtered, and
/// created again.
pub fn flow(payload: &[u8]) {
    let Ok(flow) = Flow::decode(payload) else { return };
    let owned = flow.clone().into_owned();
    assert_eq!(owned, flow);
    let _ = (flow.key().to_string(), flow.destination_nat(), flow.source_nat(), flow.bytes());
    for filter in filters() {
        assert_eq!(filter.matches(&flow), filter.matches(&owned));
        let negated = filter.conditions().iter().all(|one| one.clone().negated().holds(&flow));
        assert!(filter.is_empty() || !(negated && filter.matches(&flow)));
    }
    let new = NewFlow::like(&flow);
    let mut message = Message::new(0, 0);
    message.header(&[0; 4]);
    encode::put_new_flow(&mut message, &new);
    let again = Flow::decode(message.payload());
    let again = again.map(|again| (again.original, again.mark, again.labels, again.zone));
    assert_eq!(again.ok(), Some((flow.original, flow.mark, flow.labels, flow.zone)));
}

/// Decodes a message's payload as an expectation. What is understood is encoded and decoded again,
/// and must be the same.
pub fn expectation(payload: &[u8]) {
    let Ok(mut read) = Expectation::decode(payload) else { return };
    assert_eq!(read.clone().into_owned(), read);
    let mut message = Message::new(0, 0);
    message.header(&[0; 4]);
    encode::put_expectation(&mut message, &read);
    // The id is the kernel's own, and what is unknown is not sent.
    read.id = None;
    let again = Expectation::decode(message.payload()).map(Expectation::into_owned);
    let known = Expectation { rest: crate::rest::Rest::NONE, ..read };
    assert_eq!(again.ok(), Some(known.into_owned()));
}

/// Decodes a message's payload as statistics.
pub fn statistics(payload: &[u8]) {
    if let Ok(cpu) = wire::cpu_statistics(payload) {
        for (counter, value) in &cpu.counters {
            let first = cpu.counters.iter().find(|(one, _)| one == counter);
            assert_eq!(cpu.get(*counter), first.map(|(_, value)| *value), "{counter:?} {value}");
        }
    }
    let _ = (wire::global_statistics(payload), wire::cpu_expectation_statistics(payload));
}

fn filters() -> Vec<Filter> {
    let network = Network::new([10, 0, 0, 0].into(), 8);
    let nat = NatMatch { address: Some(network), ports: Some(80.into()) };
    let both = Status::SEEN_REPLY | Status::ASSURED;
    vec![
        Filter::new(),
        Condition::Source(Direction::Original, network).into(),
        Condition::AnyNat(nat).into(),
        Condition::Protocol(Protocol::TCP).into(),
        Condition::TcpState(TcpState::ESTABLISHED).into(),
        Condition::IcmpId(Direction::Reply, 7).into(),
        Filter::from(Condition::Mark { value: 7, mask: 7 }).and(Condition::Zone(0)),
        Condition::Status { value: Status::SEEN_REPLY, mask: both }.into(),
    ]
}

/// Runs one of the verbs against a kernel that answers anything.
pub fn verbs(reader: FakeKernel, writer: FakeKernel, choice: u8) {
    let mut verbs = Verbs::new(reader, writer);
    let tuple = Tuple::udp(([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 53).into());
    let key = Key::from(tuple);
    let filters = filters();
    let filter = &filters[usize::from(choice / 16) % filters.len()];
    match choice % 12 {
        0 => {
            if let Ok(mut cursor) = now(verbs.flows(filter)) {
                while let Ok(Some(flow)) = now(cursor.next()) {
                    assert!(filter.matches(&flow));
                }
            }
        }
        1 => drop(now(verbs.flow(&key))),
        2 => drop(now(verbs.statistics())),
        3 => drop(now(verbs.global_statistics())),
        4 => drop(now(verbs.expectation_statistics())),
        5 => drop(now(verbs.expectations(None))),
        6 => drop(now(verbs.create(&NewFlow::new(tuple, 60)))),
        7 => drop(now(verbs.update(&key, &FlowPatch::default()))),
        8 => drop(now(verbs.zero_flows(filter, |_| {}))),
        9 => drop(now(verbs.flush_matching(filter, &Capabilities::default(), |_| {}))),
        10 => delete(&mut verbs, filter),
        _ => apply(&mut verbs, tuple),
    }
}

/// Only what matches is told to be gone, and as often as it is counted.
fn delete(verbs: &mut Verbs<FakeKernel>, filter: &Filter) {
    let mut gone = 0;
    let deletion = now(verbs.delete_matching(filter, |flow| {
        assert!(filter.matches(flow));
        gone += 1;
    }));
    if let Ok(deletion) = deletion {
        assert_eq!(deletion.deleted, gone);
    }
}

/// Every change is in exactly one group of the report.
fn apply(verbs: &mut Verbs<FakeKernel>, tuple: Tuple) {
    let changes = [
        Change::Create(NewFlow::new(tuple, 60)),
        Change::Put(NewFlow::new(tuple, 60)),
        Change::Update(tuple.into(), FlowPatch::default()),
        Change::Delete(tuple.into()),
    ];
    let Ok(report) = now(verbs.apply(&changes)) else { return };
    let refused = report.refused.iter().map(|(index, _)| *index);
    let mut others: Vec<_> =
        refused.chain(report.unknown.iter().copied()).chain(report.unsent.clone()).collect();
    others.sort_unstable();
    others.dedup();
    assert_eq!(report.applied + others.len(), changes.len(), "{report:?}");
}
