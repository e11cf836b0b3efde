//! Connections, dumps, batches and events against a scripted kernel.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rsadm_netlink::fake::{
    Answer, FakeKernel, acknowledge, done, is_dump, messages, reply, wants_acknowledgement,
};
use rsadm_netlink::{
    Connection, Error, Event, Events, Exchange, Header, Message, Messages, Reply, Step, now,
};

const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const ENOBUFS: i32 = 105;
const DUMP_INTR: u16 = 0x10;

/// The first request in what was sent.
fn request(bytes: &[u8]) -> Header {
    messages(bytes)[0].0
}

fn message() -> Message {
    Message::new(40, 0)
}

/// Collects the payloads of a dump.
fn dump(connection: &mut Connection<FakeKernel>) -> (Vec<Vec<u8>>, Result<(), Error>) {
    let mut message = message();
    let mut payloads = Vec::new();
    let mut dump = now(connection.dump(&mut message)).expect("the dump starts");
    let result = loop {
        match now(dump.next()) {
            Ok(Some(reply)) => payloads.push(reply.payload.to_vec()),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    (payloads, result)
}

fn scripted(script: impl FnMut(&[u8]) -> Vec<Answer> + Send + 'static) -> Connection<FakeKernel> {
    Connection::new(FakeKernel::new(script))
}

#[test]
fn a_dump_over_several_datagrams_is_one_list() {
    let mut connection = scripted(|bytes| {
        let request = request(bytes);
        assert!(is_dump(request) && !wants_acknowledgement(request));
        let first = [reply(request, 40, 2, b"aaaa"), reply(request, 40, 2, b"bbbb")].concat();
        let second = reply(request, 40, 2, b"cccc");
        vec![first.into(), second.into(), done(request, 0, 0).into()]
    });
    let (payloads, result) = dump(&mut connection);
    assert_eq!(payloads, [b"aaaa", b"bbbb", b"cccc"]);
    assert!(result.is_ok());
}

#[test]
fn the_end_may_be_in_the_datagram_of_the_last_message() {
    let mut connection = scripted(|bytes| {
        let request = request(bytes);
        vec![[reply(request, 40, 2, b"aaaa"), done(request, 0, 0)].concat().into()]
    });
    assert_eq!(dump(&mut connection).0.len(), 1);
}

#[test]
fn messages_of_another_sequence_are_not_ours() {
    let mut connection = scripted(|bytes| {
        let request = request(bytes);
        let stale = Header { sequence: request.sequence.wrapping_sub(7), ..request };
        let notification = Header { sequence: 0, ..request };
        vec![
            [reply(stale, 40, 2, b"old!"), done(stale, 0, 0)].concat().into(),
            reply(notification, 40, 0, b"news").into(),
            reply(request, 40, 2, b"mine").into(),
            acknowledge(stale, EINVAL, &[]).into(),
            done(request, 0, 0).into(),
        ]
    });
    let (payloads, result) = dump(&mut connection);
    assert_eq!(payloads, [b"mine"]);
    assert!(result.is_ok());
}

#[test]
fn an_interrupted_dump_says_so_after_its_data() {
    for on_done in [true, false] {
        let mut connection = scripted(move |bytes| {
            let request = request(bytes);
            let (message, end) = if on_done { (0, DUMP_INTR) } else { (DUMP_INTR, 0) };
            vec![
                reply(request, 40, 2 | message, b"aaaa").into(),
                reply(request, 40, 2, b"bbbb").into(),
                done(request, 0, end).into(),
            ]
        });
        let (payloads, result) = dump(&mut connection);
        assert_eq!(payloads.len(), 2, "the data comes all the same");
        assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    }
}

#[test]
fn after_the_interruption_there_is_nothing_more() {
    let mut connection = scripted(|bytes| vec![done(request(bytes), 0, DUMP_INTR).into()]);
    let mut message = message();
    let mut dump = now(connection.dump(&mut message)).expect("the dump starts");
    assert!(now(dump.next()).is_err());
    assert!(matches!(now(dump.next()), Ok(None)));
}

#[test]
fn a_refused_request_has_the_kernels_words_and_the_attribute() {
    let mut connection = scripted(|bytes| {
        let request = request(bytes);
        assert!(wants_acknowledgement(request));
        let mut extended = Message::new(0, 0);
        extended.put_str(1, "no such thing").put_u32(2, 16);
        vec![acknowledge(request, EINVAL, extended.payload()).into()]
    });
    let mut message = message();
    message.put_u32(9, 1);
    let result = now(connection.request(&mut message, |_| Ok::<_, Error>(())));
    let Err(Error::Rejected(rejected)) = result else { panic!("{result:?}") };
    assert_eq!(rejected.errno, EINVAL);
    assert_eq!(rejected.message.as_deref(), Some("no such thing"));
    assert_eq!(rejected.attribute.as_deref(), Some(&[9][..]));
}

#[test]
fn an_uncapped_refusal_echoes_the_request_before_the_words() {
    let mut connection = scripted(|bytes| {
        let header = request(bytes);
        let mut payload = (-EINVAL).to_ne_bytes().to_vec();
        payload.extend_from_slice(bytes);
        let mut extended = Message::new(0, 0);
        extended.put_str(1, "words");
        payload.extend_from_slice(extended.payload());
        vec![reply(header, 2, 0x200, &payload).into()]
    });
    let mut message = message();
    message.put(9, b"0123456789");
    let result = now(connection.request(&mut message, |_| Ok::<_, Error>(())));
    let Err(Error::Rejected(rejected)) = result else { panic!("{result:?}") };
    assert_eq!(rejected.message.as_deref(), Some("words"));
}

#[test]
fn a_dump_may_fail_at_its_end() {
    let mut connection = scripted(|bytes| {
        let request = request(bytes);
        vec![reply(request, 40, 2, b"aaaa").into(), done(request, EINVAL, 0).into()]
    });
    let (payloads, result) = dump(&mut connection);
    assert_eq!(payloads.len(), 1);
    assert_eq!(result.expect_err("refused").errno(), Some(EINVAL));
}

#[test]
fn a_truncated_datagram_is_an_error_and_the_connection_stays_usable() {
    let mut calls = 0;
    let mut connection = scripted(move |bytes| {
        let request = request(bytes);
        calls += 1;
        if calls == 1 {
            let long = vec![0; 40_000];
            vec![reply(request, 40, 2, &long).into(), done(request, 0, 0).into()]
        } else {
            vec![reply(request, 40, 2, b"good").into(), done(request, 0, 0).into()]
        }
    });
    let (_, result) = dump(&mut connection);
    assert!(matches!(result, Err(Error::Truncated { length: 40_016, capacity: 32_768 })));
    assert_eq!(dump(&mut connection).0, [b"good"]);
}

#[test]
fn lost_replies_are_an_overrun() {
    let mut connection = scripted(|_| vec![Answer::Errno(ENOBUFS)]);
    assert!(matches!(dump(&mut connection).1, Err(Error::Overrun)));
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let mut connection = scripted(|_| Vec::new());
    let result = now(connection.request(&mut message(), |_| Ok::<_, Error>(())));
    assert!(matches!(result, Err(Error::NoReply)), "{result:?}");
    let mut connection = scripted(|bytes| vec![reply(request(bytes), 40, 2, b"aaaa").into()]);
    let (payloads, result) = dump(&mut connection);
    assert!(payloads.len() == 1 && matches!(result, Err(Error::NoReply)), "{result:?}");
}

#[test]
fn malformed_lengths_are_errors() {
    for length in [0_u32, 15, 4000] {
        let mut connection = scripted(move |bytes| {
            let mut datagram = reply(request(bytes), 40, 2, b"aaaa");
            datagram[..4].copy_from_slice(&length.to_ne_bytes());
            vec![datagram.into()]
        });
        assert!(matches!(dump(&mut connection).1, Err(Error::Malformed { .. })), "{length}");
    }
    let mut connection = scripted(|_| vec![vec![1, 2, 3].into()]);
    assert!(matches!(dump(&mut connection).1, Err(Error::Malformed { .. })));
}

#[test]
fn an_unaligned_tail_ends_the_datagram() {
    let mut connection = scripted(|bytes| {
        let request = request(bytes);
        let mut datagram = reply(request, 40, 2, b"aaaaa");
        datagram.truncate(16 + 5);
        vec![datagram.into(), done(request, 0, 0).into()]
    });
    assert_eq!(dump(&mut connection).0, [b"aaaaa"]);
}

#[test]
fn a_dump_dropped_half_way_is_read_to_its_end_before_the_next() {
    let running = Arc::new(Mutex::new(false));
    let mut first = true;
    let mut connection = {
        let running = Arc::clone(&running);
        scripted(move |bytes| {
            let request = request(bytes);
            let rows = if first { 100 } else { 1 };
            first = false;
            assert!(!*running.lock().expect("lock"), "the kernel would answer EBUSY ({EBUSY})");
            let mut answers: Vec<Answer> = (0..rows)
                .map(|row: u32| reply(request, 40, 2, &row.to_ne_bytes()).into())
                .collect();
            answers.push(done(request, 0, 0).into());
            answers
        })
    };
    let mut message = message();
    let mut half = now(connection.dump(&mut message)).expect("the dump starts");
    assert!(now(half.next()).expect("a row").is_some());
    drop(half);
    let (payloads, result) = dump(&mut connection);
    assert_eq!(payloads, [0_u32.to_ne_bytes()]);
    assert!(result.is_ok());
}

#[test]
fn a_value_that_does_not_fit_is_not_sent() {
    let mut connection = scripted(|_| panic!("nothing may be sent"));
    let mut message = message();
    message.put(1, &vec![0; 70_000]);
    let result = now(connection.request(&mut message, |_| Ok::<_, Error>(())));
    assert!(matches!(result, Err(Error::TooLong)));
}

/// A kernel that refuses messages whose first payload byte is odd.
fn choosy(bytes: &[u8], sends: &Mutex<Vec<usize>>) -> Vec<Answer> {
    let sent = messages(bytes);
    sends.lock().expect("lock").push(sent.len());
    let mut answers = Vec::new();
    for (position, (header, payload)) in sent.iter().enumerate() {
        assert_eq!(wants_acknowledgement(*header), position + 1 == sent.len());
        if payload[0] % 2 == 1 {
            answers.push(acknowledge(*header, EINVAL, &[]).into());
        } else if wants_acknowledgement(*header) {
            answers.push(acknowledge(*header, 0, &[]).into());
        }
    }
    answers
}

fn push(connection: &mut Connection<FakeKernel>, values: &[u8]) -> rsadm_netlink::Outcome {
    let mut batch = connection.batch();
    for value in values {
        let mut message = message();
        message.header(&[*value, 0, 0, 0]);
        now(batch.push(&message));
    }
    now(batch.finish())
}

#[test]
fn a_batch_is_sent_in_windows_and_every_refusal_is_found() {
    let sends = Arc::new(Mutex::new(Vec::new()));
    let mut connection = {
        let sends = Arc::clone(&sends);
        scripted(move |bytes| choosy(bytes, &sends))
    };
    let values: Vec<u8> = (0..300).map(|index| u8::from(index % 100 == 99)).collect();
    let outcome = push(&mut connection, &values);
    let refused: Vec<_> = outcome.refused.iter().map(|(index, _)| *index).collect();
    assert_eq!(refused, [99, 199, 299]);
    assert_eq!(outcome.applied, 297);
    assert!(outcome.unknown.is_empty() && outcome.unsent.is_empty() && !outcome.is_complete());
    assert_eq!(*sends.lock().expect("lock"), [128, 128, 44]);
}

/// Sends messages of these sizes, of which those up to each cut are made ahead together, or with
/// `None` none are. Answers what was sent, and the outcome.
fn send(sizes: &[usize], cuts: Option<&[usize]>, answers: Vec<u8>) -> (Vec<Vec<u8>>, String) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let (log, mut answers) = (Arc::clone(&sent), answers.into_iter().cycle());
    let mut connection = scripted(move |bytes| {
        log.lock().expect("lock").push(bytes.to_vec());
        let answer = |(header, _)| match answers.next() {
            Some(0) => Some(acknowledge(header, EINVAL, &[]).into()),
            Some(1) => Some(Answer::Errno(ENOBUFS)),
            Some(2) => Some(Answer::Errno(EINVAL)),
            _ if wants_acknowledgement(header) => Some(acknowledge(header, 0, &[]).into()),
            _ => None,
        };
        messages(bytes).into_iter().filter_map(answer).collect()
    });
    let mut batch = connection.batch();
    let mut ahead = Messages::new();
    for (index, size) in sizes.iter().enumerate() {
        let mut message = message();
        message.header(&[index as u8, 0, 0, 0]).put(1, &vec![0; *size]);
        let Some(cuts) = cuts else {
            now(batch.push(&message));
            continue;
        };
        ahead.push(&message);
        if cuts.contains(&index) {
            now(batch.push_all(&mut ahead));
            ahead = Messages::new();
        }
    }
    now(batch.push_all(&mut ahead));
    let outcome = format!("{:?}", now(batch.finish()));
    let sent = sent.lock().expect("lock").clone();
    (sent, outcome)
}

proptest! {
    #[test]
    fn what_is_made_ahead_is_sent_like_what_is_pushed(
        sizes in proptest::collection::vec(
            prop_oneof![8 => 0_usize..40, 1 => 20_000_usize..40_000, 1 => Just(70_000)],
            0..300,
        ),
        cuts in proptest::collection::vec(0_usize..300, 0..4),
        answers in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        prop_assert_eq!(send(&sizes, Some(&[]), answers.clone()), send(&sizes, None, answers));
        // In several pieces they fill no windows together, and are the same messages.
        let (sent, outcome) = send(&sizes, None, vec![]);
        let (in_pieces, outcome_in_pieces) = send(&sizes, Some(&cuts), vec![]);
        prop_assert_eq!(in_pieces.concat().len(), sent.concat().len());
        prop_assert_eq!(outcome_in_pieces, outcome);
        let payloads = |bytes: Vec<u8>| -> Vec<_> {
            messages(&bytes).into_iter().map(|(_, payload)| payload).collect()
        };
        prop_assert_eq!(payloads(in_pieces.concat()), payloads(sent.concat()));
    }
}

#[test]
fn messages_can_be_sent_again_in_other_windows() {
    let mut made = Messages::new();
    for _ in 0..20 {
        made.push(&message().header(&[0; 4]).clone());
    }
    for (most, sends) in [(3, 7), (128, 1), (7, 3)] {
        let kernel = FakeKernel::new(|bytes| choosy(bytes, &Mutex::default()));
        let kernel = kernel.with_receive_buffer(most * 1024);
        let calls = kernel.calls();
        let mut connection = Connection::new(kernel);
        let mut batch = connection.batch();
        now(batch.push_all(&mut made));
        assert!(now(batch.finish()).is_complete());
        assert_eq!(calls.sends(), sends);
    }
}

#[test]
fn messages_of_a_batch_keep_their_flags() {
    const EXCLUSIVE: u16 = 0x200;
    let mut connection = scripted(|bytes| {
        let sent = messages(bytes);
        assert!(sent.iter().all(|(header, _)| header.flags & EXCLUSIVE != 0));
        vec![acknowledge(sent[2].0, 0, &[]).into()]
    });
    let mut batch = connection.batch();
    for _ in 0..3 {
        now(batch.push(&Message::new(16, EXCLUSIVE)));
    }
    assert!(now(batch.finish()).is_complete());
}

#[test]
fn an_echo_has_no_sequence_number_and_is_heard_only_if_asked_for() {
    let kernel = |bytes: &[u8]| {
        let header = request(bytes);
        let own = Header { sequence: 0, ..header };
        let foreign = Header { sequence: header.sequence.wrapping_add(9), ..header };
        vec![
            reply(own, 50, 0, b"one.").into(),
            reply(foreign, 50, 0, b"not.").into(),
            reply(own, 50, 0, b"two.").into(),
            acknowledge(header, 0, &[]).into(),
        ]
    };
    let mut heard = Vec::new();
    let each = |reply: Reply<'_>| {
        heard.push(reply.payload.to_vec());
        Ok::<_, Error>(())
    };
    now(scripted(kernel).request_with_echo(&mut message(), each)).expect("carried out");
    assert_eq!(heard, [b"one.", b"two."]);
    let each = |_: Reply<'_>| panic!("no echo was asked for");
    now(scripted(kernel).request::<Error>(&mut message(), each)).expect("carried out");
}

#[test]
fn a_cursor_lends_the_message_that_it_went_to() {
    let mut connection = scripted(|bytes| {
        let header = request(bytes);
        vec![[reply(header, 50, 2, b"one."), done(header, 0, 0)].concat().into()]
    });
    let mut message = message();
    let mut dump = now(connection.dump(&mut message)).expect("started");
    assert!(dump.message().is_none(), "before the first");
    assert!(now(dump.advance()).expect("a message"));
    for _ in 0..2 {
        assert_eq!(dump.message().map(|reply| reply.payload), Some(&b"one."[..]));
    }
    assert!(!now(dump.advance()).expect("the end"));
    assert!(dump.message().is_none(), "behind the last");
}

#[test]
fn a_small_receive_buffer_makes_small_windows() {
    let sends = Arc::new(Mutex::new(Vec::new()));
    let kernel = {
        let sends = Arc::clone(&sends);
        FakeKernel::new(move |bytes| choosy(bytes, &sends)).with_receive_buffer(4096)
    };
    let outcome = push(&mut Connection::new(kernel), &[0; 10]);
    assert!(outcome.is_complete());
    assert_eq!(*sends.lock().expect("lock"), [4, 4, 2]);
}

#[test]
fn after_lost_replies_only_refused_items_are_known() {
    let mut connection = scripted(|bytes| {
        let sent = messages(bytes);
        vec![
            acknowledge(sent[1].0, EINVAL, &[]).into(),
            Answer::Errno(ENOBUFS),
            acknowledge(sent[4].0, 0, &[]).into(),
        ]
    });
    let outcome = push(&mut connection, &[0; 5]);
    assert_eq!(outcome.applied, 0);
    assert_eq!(outcome.refused.len(), 1);
    assert_eq!(outcome.unknown, [0..1, 2..5]);
}

#[test]
fn a_missing_acknowledgement_is_not_taken_for_success() {
    let mut connection = scripted(|_| Vec::new());
    let outcome = push(&mut connection, &[0; 3]);
    assert_eq!(outcome.applied, 0);
    assert_eq!(outcome.unknown.into_iter().flatten().count(), 3);
}

#[test]
fn after_an_oversized_item_the_rest_is_unsent() {
    let sends = Arc::new(Mutex::new(Vec::new()));
    let mut connection = {
        let sends = Arc::clone(&sends);
        scripted(move |bytes| choosy(bytes, &sends))
    };
    let mut batch = connection.batch();
    for size in [4, 4, 70_000, 4] {
        let mut message = message();
        message.header(&[0; 4]).put(1, &vec![0; size]);
        now(batch.push(&message));
    }
    let outcome = now(batch.finish());
    assert_eq!((outcome.applied, outcome.unsent.clone()), (2, 2..4));
    assert!(matches!(outcome.error, Some(Error::TooLong)));
}

#[test]
fn sequence_numbers_may_wrap_within_a_window() {
    let mut exchange = Exchange::of(u32::MAX - 1, 1);
    let header = |sequence| Header { sequence, ..Header::default() };
    let datagram = [
        acknowledge(header(u32::MAX), EINVAL, &[]),
        acknowledge(header(5), EINVAL, &[]),
        acknowledge(header(1), 0, &[]),
    ]
    .concat();
    exchange.datagram(datagram.len(), 4096).expect("fits");
    let step = exchange.step(&datagram).expect("a step");
    assert!(matches!(step, Step::Refused { sequence: u32::MAX, errno: EINVAL, .. }), "{step:?}");
    assert_eq!(exchange.step(&datagram).expect("a step"), Step::Acknowledged { sequence: 1 });
    assert_eq!(exchange.step(&datagram).expect("a step"), Step::End);
}

#[test]
fn events_are_messages_or_losses() {
    let header = Header { sequence: 0, ..Header::default() };
    let both = [reply(header, 50, 0, b"one."), reply(header, 51, 0, b"two.")].concat();
    let mut kernel = FakeKernel::new(move |_| {
        vec![both.clone().into(), Answer::Errno(ENOBUFS), vec![0; 40_000].into(), vec![9].into()]
    });
    now(rsadm_netlink::Transport::send(&mut kernel, b"")).expect("sent");
    let mut events = Events::new(kernel);
    for kind in [50, 51] {
        let event = now(events.next()).expect("an event");
        assert!(matches!(event, Event::Message(reply) if reply.header.kind == kind));
    }
    assert!(matches!(now(events.next()), Ok(Event::Lost)), "overrun");
    assert!(matches!(now(events.next()), Ok(Event::Lost)), "truncated");
    assert!(matches!(now(events.next()), Err(Error::Malformed { .. })));
}

#[test]
fn events_that_are_there_are_read_without_waiting() {
    let header = Header { sequence: 0, ..Header::default() };
    let one = reply(header, 50, 0, b"one.");
    let mut kernel = FakeKernel::new(move |_| vec![Answer::Errno(ENOBUFS), one.clone().into()]);
    now(rsadm_netlink::Transport::send(&mut kernel, b"")).expect("sent");
    let mut events = Events::new(kernel);
    assert!(matches!(events.try_next(), Ok(Some(Event::Lost))));
    assert!(matches!(events.try_next(), Ok(Some(Event::Message(_)))));
    assert!(matches!(events.try_next(), Ok(None)));
}

#[test]
fn a_family_is_resolved_with_its_groups() {
    let mut connection = scripted(|bytes| {
        let (header, payload) = messages(bytes).remove(0);
        assert_eq!(&payload[..4], [3, 2, 0, 0], "CTRL_CMD_GETFAMILY");
        assert!(payload[4..].windows(5).any(|window| window == b"IPVS\0"));
        let mut answer = Message::generic(16, 0, 1, 2);
        answer.put_u16(1, 33).put_str(2, "IPVS").put_u32(3, 1).put_u32(5, 6);
        answer.nest(7, |groups| {
            groups.nest(1, |group| {
                group.put_u32(2, 9).put_str(1, "events");
            });
        });
        vec![reply(header, 16, 0, answer.payload()).into(), acknowledge(header, 0, &[]).into()]
    });
    let family = now(connection.family("IPVS")).expect("found");
    assert_eq!((family.id, family.version, family.max_attribute), (33, 1, 6));
    assert_eq!(family.groups, [("events".to_owned(), 9)]);
}

#[test]
fn a_missing_family_has_its_own_error() {
    let mut connection = scripted(|bytes| vec![acknowledge(request(bytes), 2, &[]).into()]);
    let error = now(connection.family("IPVS")).expect_err("missing");
    assert_eq!(error.to_string(), "the kernel has no generic netlink family 'IPVS'");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the kernel sends, a dump ends and the next request gets its own answer.
    #[test]
    fn no_answer_panics_or_hangs(
        datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..6),
        cut in 0_usize..60,
    ) {
        let mut first = true;
        let mut connection = scripted(move |bytes| {
            let header = request(bytes);
            if !first {
                return vec![reply(header, 40, 2, b"good").into(), done(header, 0, 0).into()];
            }
            first = false;
            let mut answers: Vec<Answer> = datagrams.iter().cloned().map(Answer::from).collect();
            let mut valid = [reply(header, 40, 2, b"aaaa"), done(header, 0, 0)].concat();
            valid.truncate(cut);
            answers.push(valid.into());
            answers
        });
        let _ = dump(&mut connection);
        prop_assert_eq!(dump(&mut connection).0, [b"good"]);
    }
}
