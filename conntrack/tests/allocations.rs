//! Decoding a flow allocates nothing.

use conntrack::{Condition, Direction, Filter, Flow, Network, Protocol, Status};

/// Captures of real kernels, one message's payload a line.
const CAPTURES: [&str; 4] = [
    include_str!("golden/6.1/flows.hex"),
    include_str!("golden/6.12/flows.hex"),
    include_str!("golden/6.18/flows.hex"),
    include_str!("golden/7.2/flows.hex"),
];

fn payloads() -> Vec<Vec<u8>> {
    let lines = CAPTURES.iter().flat_map(|capture| capture.lines());
    lines.filter(|line| !line.starts_with('#')).map(|line| bytes(line).expect("hex")).collect()
}

fn bytes(line: &str) -> Option<Vec<u8>> {
    let pairs = (0..line.len()).step_by(2);
    pairs.map(|start| u8::from_str_radix(line.get(start..start + 2)?, 16).ok()).collect()
}

#[test]
fn decoding_and_filtering_allocate_nothing() {
    let payloads = payloads();
    assert!(payloads.len() > 40);
    let filter = Filter::new()
        .and(Condition::Family(conntrack::Family::Ipv4))
        .and(Condition::Any(vec![
            Condition::Protocol(Protocol::TCP),
            Condition::DestinationPort(
                Direction::Original,
                [50..=60, 80..=80].into_iter().collect(),
            ),
        ]))
        .and(Condition::Source(Direction::Original, Network::new([10, 0, 0, 0].into(), 8)))
        .and(Condition::Status { value: Status::CONFIRMED, mask: Status::CONFIRMED });
    let (mut decoded, mut matched) = (0, 0);
    let counted = allocation_counter::measure(|| {
        for payload in payloads.iter().cycle().take(10_000) {
            let Ok(flow) = Flow::decode(payload) else { continue };
            decoded += 1;
            matched += usize::from(filter.matches(&flow));
        }
    });
    assert_eq!(decoded, 10_000);
    assert!(matched > 0 && matched < decoded);
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}
