//! Verbs against a scripted kernel: what real ones do too rarely to wait for, or would do harm with.

use std::sync::{Arc, Mutex};

use rsadm_netlink::fake::{Answer, FakeKernel, acknowledge, done, is_dump, messages, reply};
use rsadm_netlink::{Attributes, Header, now};

use super::*;
use crate::{Condition, Direction, Network, Status};

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const EOPNOTSUPP: i32 = 95;
const ENOBUFS: i32 = 105;

/// A request as the scripted kernel sees it.
#[derive(Clone, Debug)]
struct Asked {
    header: Header,
    kinds: Vec<u16>,
    id: Option<u32>,
}

impl Asked {
    fn of(header: Header, payload: &[u8]) -> Self {
        let attributes = Attributes::new(&payload[4..]);
        let id = attributes.clone().find(|one| one.kind == CTA_ID).and_then(|one| one.be32());
        Self { header, kinds: attributes.map(|one| one.kind).collect(), id }
    }

    fn names_a_flow(&self) -> bool {
        self.kinds.iter().any(|kind| [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY].contains(kind))
            && !self.kinds.contains(&CTA_FILTER)
    }
}

type Log = Arc<Mutex<Vec<Asked>>>;

/// Verbs over a kernel that answers each message by `script`, and what it was asked.
fn verbs(
    script: impl FnMut(&Asked) -> Vec<Answer> + Send + Clone + 'static,
) -> (Verbs<FakeKernel>, Log) {
    let log = Log::default();
    let kernel = || {
        let (log, mut script) = (Arc::clone(&log), script.clone());
        FakeKernel::new(move |bytes| {
            let asked =
                messages(bytes).into_iter().map(|(head, payload)| Asked::of(head, &payload));
            let answer = |asked: Asked| {
                let answers = script(&asked);
                log.lock().expect("lock").push(asked);
                answers
            };
            asked.flat_map(answer).collect()
        })
    };
    (Verbs::new(kernel(), kernel()), log)
}

/// What was asked of one type.
fn asked(log: &Log, kind: u16) -> Vec<Asked> {
    let log = log.lock().expect("lock");
    log.iter().filter(|asked| asked.header.kind == kind).cloned().collect()
}

fn flow(number: u32) -> Flow<'static> {
    let tuple = Tuple::udp(([10, 0, 0, number as u8], 1).into(), ([10, 0, 1, 1], 53).into());
    let mut flow = Flow::new(tuple, tuple.inverted());
    flow.id = Some(number);
    flow.mark = Some(number % 2);
    flow.status = Some(Status::CONFIRMED);
    flow
}

fn shown(header: Header, flow: &Flow<'_>) -> Vec<u8> {
    let mut message = wire::message(IPCTNL_MSG_CT_NEW, 0, Some(flow.family()));
    encode::put_tuple(&mut message, CTA_TUPLE_ORIG, &flow.original);
    encode::put_tuple(&mut message, CTA_TUPLE_REPLY, &flow.reply);
    message.put_be32(CTA_STATUS, flow.status.map_or(0, |status| status.bits()));
    message.put_be32(CTA_MARK, flow.mark.unwrap_or_default());
    message.put_be32(CTA_ID, flow.id.unwrap_or_default());
    reply(header, IPCTNL_MSG_CT_NEW, 2, message.payload())
}

/// Answers a dump with all flows, whatever was filtered by.
fn dump(header: Header, count: u32) -> Vec<Answer> {
    let flows = (1..=count).map(|number| shown(header, &flow(number)).into());
    flows.chain([done(header, 0, 0).into()]).collect()
}

/// A table of ten flows in a kernel that ignores every filter, and acknowledges all else.
fn ignorant(asked: &Asked) -> Vec<Answer> {
    match asked.header {
        header if is_dump(header) => dump(header, 10),
        header if header.kind == IPCTNL_MSG_CT_GET => vec![acknowledge(header, ENOENT, &[]).into()],
        header if header.flags & 4 != 0 => vec![acknowledge(header, 0, &[]).into()],
        _ => Vec::new(),
    }
}

fn odd() -> Filter {
    Condition::Mark { value: 1, mask: !0 }.into()
}

fn read(cursor: Result<Cursor<'_, FakeKernel>>) -> Result<Vec<Option<u32>>> {
    let mut cursor = cursor?;
    let mut ids = Vec::new();
    while let Some(flow) = now(cursor.next())? {
        ids.push(flow.id);
    }
    Ok(ids)
}

#[test]
fn a_kernel_that_ignores_the_filter_changes_nothing() {
    let (mut verbs, log) = verbs(ignorant);
    let filter = odd();
    let ids = read(now(verbs.flows(&filter))).expect("listed");
    assert_eq!(ids, [1, 3, 5, 7, 9].map(Some));
    let mut gone = Vec::new();
    let deletion = now(verbs.delete_matching(&filter, |flow| gone.push(flow.id))).expect("deleted");
    assert_eq!(gone, [1, 3, 5, 7, 9].map(Some));
    assert!(deletion.is_exact() && deletion.deleted == 5);
    let deletes = asked(&log, IPCTNL_MSG_CT_DELETE);
    assert!(deletes.iter().all(Asked::names_a_flow), "nothing is deleted but by its name");
    assert_eq!(deletes.iter().map(|asked| asked.id).collect::<Vec<_>>(), gone);
}

#[test]
fn flows_that_the_kernel_shows_twice_are_listed_once() {
    let (mut verbs, _) = verbs(|asked| {
        let header = asked.header;
        let datagram = |ids: &[u32]| -> Answer {
            let shown = ids.iter().map(|id| shown(header, &flow(*id)));
            shown.collect::<Vec<_>>().concat().into()
        };
        // The last flow of the first datagram has ended, so its bucket is shown again.
        vec![datagram(&[1, 2, 3, 4]), datagram(&[3, 5, 2, 6]), done(header, 0, 0).into()]
    });
    let all = Filter::new();
    let ids = read(now(verbs.flows(&all))).expect("listed");
    assert_eq!(ids, [1, 2, 3, 4, 5, 6].map(Some));
    assert_eq!(read(now(verbs.flows(&odd()))).expect("listed"), [1, 3, 5].map(Some));
    assert_eq!(now(verbs.count_of(&all)).expect("counted"), 6);
    assert_eq!(now(verbs.count_of(&odd())).expect("counted"), 3);
    let mut gone = Vec::new();
    now(verbs.zero_flows(&all, |flow| gone.push(flow.id))).expect("zeroed");
    assert_eq!(gone.len(), 6);
}

#[test]
fn without_knowledge_no_deletion_is_left_to_the_kernel() {
    let (mut verbs, log) = verbs(ignorant);
    let capabilities = Capabilities::default();
    for filter in [odd(), Condition::Family(Family::Ipv6).into()] {
        let flushed = now(verbs.flush_matching(&filter, &capabilities, |_| {})).expect("deleted");
        assert!(!flushed.in_one_request);
    }
    assert!(asked(&log, IPCTNL_MSG_CT_DELETE).iter().all(Asked::names_a_flow));
}

#[test]
fn only_a_whole_filter_is_left_to_the_kernel() {
    let (mut verbs, log) = verbs(ignorant);
    let capabilities = Capabilities::of_a_perfect_kernel();
    let address = |text: &str| Network::host(text.parse().expect("an address"));
    let source = |text| Condition::Source(Direction::Original, address(text));
    let port = Condition::DestinationPort(Direction::Original, 53.into());
    for filter in [
        Filter::from(source("fd00::1")),
        odd().and(source("fd00::1")),
        odd().and(Condition::Zone(7)),
        odd().and(port.clone()),
        Filter::from(source("10.0.0.1")).and(Condition::Protocol(Protocol::SCTP)).and(port),
        odd().and(Condition::Source(Direction::Reply, Network::new([10, 0, 0, 0].into(), 8))),
        odd().and(Condition::custom("anything", |_| true)),
        odd().and(Condition::Id(3)),
        odd().and(Condition::Mark { value: 0, mask: !0 }),
    ] {
        let flushed = now(verbs.flush_matching(&filter, &capabilities, |_| {})).expect("deleted");
        assert!(!flushed.in_one_request, "{filter:?}");
    }
    assert!(asked(&log, IPCTNL_MSG_CT_DELETE).iter().all(Asked::names_a_flow));
    let flushed = now(verbs.flush_matching(&odd(), &capabilities, |_| {})).expect("deleted");
    assert!(flushed.in_one_request && !flushed.is_exact());
    let last = asked(&log, IPCTNL_MSG_CT_DELETE).pop().expect("one");
    assert_eq!(last.kinds, [CTA_MARK, CTA_MARK_MASK]);
}

#[test]
fn names_of_what_one_request_deleted_are_handed_on() {
    let (mut verbs, _) = verbs(|asked| {
        let header = asked.header;
        let own = Header { sequence: 0, ..header };
        let named = |number| {
            let mut bytes = shown(own, &flow(number));
            bytes[4..6].copy_from_slice(&IPCTNL_MSG_CT_DELETE.to_ne_bytes());
            Answer::from(bytes)
        };
        vec![named(1), named(3), Answer::Errno(ENOBUFS), acknowledge(header, 0, &[]).into()]
    });
    let capabilities = Capabilities::of_a_perfect_kernel();
    let mut named = Vec::new();
    let flushed = now(verbs.flush_matching(&odd(), &capabilities, |flow| named.push(flow.id)));
    let flushed = flushed.expect("what was deleted was too much to tell");
    assert_eq!(named, [Some(1), Some(3)]);
    assert!(flushed.deleted == 2 && !flushed.is_exact());
}

#[test]
fn what_ended_by_itself_is_told_apart_from_what_is_refused() {
    let (mut verbs, _) = verbs(|asked| match asked.id {
        Some(3) => vec![acknowledge(asked.header, ENOENT, &[]).into()],
        Some(5) => vec![acknowledge(asked.header, EBUSY, &[]).into()],
        _ => ignorant(asked),
    });
    let mut gone = Vec::new();
    let deletion = now(verbs.delete_matching(&odd(), |flow| gone.push(flow.id))).expect("done");
    assert_eq!(gone, [1, 7, 9].map(Some));
    assert_eq!((deletion.deleted, deletion.vanished), (3, 1));
    let (key, refused) = &deletion.refused[0];
    assert_eq!((key.id, refused.reason), (Some(5), Reason::Busy));
}

#[test]
fn lost_answers_are_not_taken_for_success() {
    let (mut verbs, _) = verbs(|asked| match asked.id {
        Some(3) => vec![acknowledge(asked.header, ENOENT, &[]).into(), Answer::Errno(ENOBUFS)],
        _ => ignorant(asked),
    });
    let mut gone = 0;
    let deletion = now(verbs.delete_matching(&odd(), |_| gone += 1)).expect("done");
    assert_eq!((gone, deletion.deleted, deletion.vanished), (0, 0, 1));
    assert!(!deletion.is_exact());
    let unknown: Vec<_> = deletion.unknown.iter().map(|key| key.id).collect();
    assert_eq!(unknown, [1, 5, 7, 9].map(Some));
}

#[test]
fn counters_are_zeroed_of_what_matches_only() {
    let get = |asked: &Asked| {
        let header = asked.header;
        match asked.id {
            Some(id) => vec![shown(header, &flow(id)).into(), acknowledge(header, 0, &[]).into()],
            None => ignorant(asked),
        }
    };
    let (mut verbs, log) = verbs(get);
    let mut zeroed = Vec::new();
    now(verbs.zero_flows(&odd(), |flow| zeroed.push(flow.id))).expect("zeroed");
    assert_eq!(zeroed, [1, 3, 5, 7, 9].map(Some));
    let asked_for = asked(&log, IPCTNL_MSG_CT_GET_CTRZERO);
    assert_eq!(asked_for[0].kinds, [CTA_MARK, CTA_MARK_MASK], "which every kernel knows");
    let filter = odd().and(Condition::Status { value: Status::CONFIRMED, mask: Status::CONFIRMED });
    zeroed.clear();
    now(verbs.zero_flows(&filter, |flow| zeroed.push(flow.id))).expect("zeroed");
    assert_eq!(zeroed, [1, 3, 5, 7, 9].map(Some));
    let asked_for = asked(&log, IPCTNL_MSG_CT_GET_CTRZERO);
    assert!(asked_for[1..].iter().all(Asked::names_a_flow), "an old kernel would zero all");
}

#[test]
fn a_kernel_without_zones_is_not_asked_for_one_twice() {
    let (mut verbs, log) = verbs(|asked| {
        if asked.kinds.contains(&CTA_ZONE) {
            return vec![acknowledge(asked.header, EOPNOTSUPP, &[]).into()];
        }
        ignorant(asked)
    });
    let filter = Condition::Zone(7).into();
    for _ in 0..2 {
        assert_eq!(read(now(verbs.flows(&filter))).expect("listed"), [None; 0]);
    }
    let with_zone = asked(&log, IPCTNL_MSG_CT_GET);
    let with_zone = with_zone.iter().filter(|asked| asked.kinds.contains(&CTA_ZONE));
    assert_eq!(with_zone.count(), 1);
}

#[test]
fn a_listing_that_fails_says_so() {
    let (mut verbs, _) = verbs(|asked| vec![acknowledge(asked.header, EPERM, &[]).into()]);
    let all = Filter::new();
    let error = read(now(verbs.flows(&all))).expect_err("refused");
    assert!(error.is_permission());
    assert_eq!(error.to_string(), "cannot list flows: permission denied");
    let (mut verbs, _) =
        self::verbs(|asked| vec![shown(asked.header, &flow(1)).into(), Answer::Errno(ENOBUFS)]);
    let mut cursor = now(verbs.flows(&all)).expect("begun");
    assert!(now(cursor.next()).expect("a flow").is_some());
    assert!(now(cursor.next()).expect_err("lost").is_unknown());
}

#[test]
fn a_message_that_is_no_flow_is_an_error_and_not_the_end() {
    let (mut verbs, _) = verbs(|asked| {
        let header = asked.header;
        let nothing = reply(header, IPCTNL_MSG_CT_NEW, 2, &[2, 0, 0, 0]);
        vec![nothing.into(), shown(header, &flow(1)).into(), done(header, 0, 0).into()]
    });
    for filter in [Filter::new(), odd()] {
        let mut cursor = now(verbs.flows(&filter)).expect("begun");
        assert!(matches!(now(cursor.next()), Err(Error::Malformed { .. })));
        assert!(now(cursor.next()).expect("a flow").is_some());
        assert!(now(cursor.next()).expect("the end").is_none());
    }
}

#[test]
fn an_answer_without_a_flow_is_no_answer() {
    let (mut verbs, _) = verbs(|asked| vec![acknowledge(asked.header, 0, &[]).into()]);
    let error = now(verbs.flow(&flow(1).key())).expect_err("nothing came");
    assert!(error.is_unknown());
    let (mut verbs, _) = self::verbs(|asked| vec![acknowledge(asked.header, ENOENT, &[]).into()]);
    let error = now(verbs.flow(&flow(1).key())).expect_err("not found");
    assert_eq!(
        error.to_string(),
        "cannot read flow udp 10.0.0.1:1 -> 10.0.1.1:53 id 1: no such flow"
    );
}

#[test]
fn a_batch_tells_what_became_of_each() {
    let (mut verbs, _) = verbs(|asked| match asked.id {
        Some(2) => vec![acknowledge(asked.header, EINVAL, &[]).into()],
        _ => ignorant(asked),
    });
    let changes: Vec<_> = (1..=3).map(|number| Change::Delete(flow(number).key())).collect();
    let report = now(verbs.apply(&changes)).expect("sent");
    assert_eq!((report.applied, report.refused.len()), (2, 1));
    assert_eq!((report.refused[0].0, report.refused[0].1.reason), (1, Reason::Invalid));
    assert!(!report.is_complete());
}

#[test]
fn missing_privilege_is_not_taken_for_a_fixed_timeout() {
    let (mut verbs, _) = verbs(|asked| vec![acknowledge(asked.header, EPERM, &[]).into()]);
    let key = flow(1).key();
    let patch = FlowPatch { timeout: Some(1), ..FlowPatch::default() };
    assert!(now(verbs.update(&key, &patch)).expect_err("refused").is_permission());
    let changes = [Change::Update(key, patch.clone())];
    assert!(now(verbs.apply(&changes)).expect_err("refused").is_permission());
    // With privilege it is the timeout.
    let (mut verbs, _) = self::verbs(|asked| match asked.header.kind {
        IPCTNL_MSG_CT_GET_STATS => {
            let header = asked.header;
            let payload = [0, 0, 0, 0];
            vec![reply(header, header.kind, 0, &payload).into(), acknowledge(header, 0, &[]).into()]
        }
        _ => vec![acknowledge(asked.header, EPERM, &[]).into()],
    });
    let error = now(verbs.update(&key, &patch)).expect_err("refused");
    assert_eq!(error.reason(), Some(Reason::FixedTimeout));
    let report = now(verbs.apply(&changes)).expect("sent");
    assert_eq!(report.refused[0].1.reason, Reason::FixedTimeout);
}
