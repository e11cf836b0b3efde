//! Answers of any kind: the engine ends, accounts for every item, and panics at nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rsadm_fuzz::{FAMILY, Input, kernel};
use rsadm_netlink::fake::FakeKernel;
use rsadm_netlink::{Connection, Error, Events, Exchange, Message, Reply, Step, now};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let choice = input.byte().unwrap_or_default();
    let rest = input.take(usize::MAX);
    match choice % 6 {
        0 => steps(rest),
        1 => request(rest),
        2 => dump(rest, usize::from(choice)),
        3 => batch(rest, usize::from(choice)),
        4 => drop(now(connection(rest).family("IPVS"))),
        _ => events(rest),
    }
});

fn connection(script: &[u8]) -> Connection<FakeKernel> {
    Connection::new(kernel(script, false))
}

fn message() -> Message {
    Message::generic(FAMILY, 0, 1, 1)
}

/// The sans-IO exchange on one datagram.
fn steps(datagram: &[u8]) {
    let mut exchange = Exchange::of(1, 3);
    exchange.datagram(datagram.len(), datagram.len()).expect("it fits");
    // Each step takes a header at least, and says once that there is no more.
    for _ in 0..datagram.len() / 16 + 2 {
        match exchange.step(datagram) {
            Ok(Step::Message { start, end, .. } | Step::Refused { start, end, .. }) => {
                assert!(start <= end && end <= datagram.len());
            }
            Ok(Step::Acknowledged { sequence }) => assert!((1..=3).contains(&sequence)),
            Ok(Step::Receive | Step::End) => return,
            Err(_) => {}
        }
    }
    panic!("the exchange does not end");
}

/// Looks into a reply as a library does.
fn look(reply: &Reply<'_>) -> usize {
    reply.generic().map_or(0, |(_, attributes)| attributes.count())
}

fn request(script: &[u8]) {
    let mut connection = connection(script);
    for _ in 0..3 {
        let mut replies = 0;
        let _ = now(connection.request(&mut message(), |reply| {
            replies += look(&reply);
            Ok::<_, Error>(())
        }));
    }
}

/// Dumps that are dropped after some messages, one behind the other.
fn dump(script: &[u8], choice: usize) {
    let mut connection = connection(script);
    for after in [choice / 6 % 4, usize::MAX, 1] {
        let mut message = message();
        let Ok(mut dump) = now(connection.dump(&mut message)) else { return };
        for _ in 0..after {
            match now(dump.next()) {
                Ok(Some(reply)) => drop(look(&reply)),
                Ok(None) | Err(_) => break,
            }
        }
    }
}

/// Every item is in exactly one group of the outcome.
fn batch(script: &[u8], choice: usize) {
    let items = choice / 6;
    let mut connection = Connection::new(kernel(script, false).with_receive_buffer(8 * 1024));
    let mut batch = connection.batch();
    for _ in 0..items {
        now(batch.push(&message()));
    }
    let outcome = now(batch.finish());
    let unknown = outcome.unknown.iter().cloned().flatten();
    let refused = outcome.refused.iter().map(|(index, _)| *index);
    let mut accounted: Vec<_> = unknown.chain(refused).chain(outcome.unsent.clone()).collect();
    accounted.sort_unstable();
    accounted.dedup();
    assert_eq!(outcome.applied + accounted.len(), items, "{outcome:?}");
    assert!(accounted.iter().all(|index| *index < items));
    assert_eq!(outcome.is_complete(), outcome.applied == items);
}

fn events(script: &[u8]) {
    // Nothing is sent to make it speak, so it is asked once first.
    let mut kernel = kernel(script, false);
    let _ = now(rsadm_netlink::Transport::send(&mut kernel, &[0; 16]));
    let mut events = Events::new(kernel);
    for _ in 0..script.len() + 2 {
        if now(events.next()).is_err() {
            return;
        }
    }
}
