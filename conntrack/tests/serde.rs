//! Values as JSON, and back.
#![cfg(feature = "serde")]

use conntrack::{
    Counters, Direction, Expectation, ExpectationFlags, ExpectationNat, Flow, Helper, Key,
    LabelsChange, NatRequest, NewFlow, Status, TcpState, Tuple,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).expect("text");
    assert_eq!(&serde_json::from_str::<T>(&text).expect("a value"), value, "{text}");
    text
}

fn tuple() -> Tuple {
    Tuple::tcp(([10, 0, 0, 1], 1000).into(), ([10, 0, 0, 2], 80).into())
}

fn flow() -> Flow<'static> {
    let mut flow = Flow::new(tuple(), tuple().inverted().in_zone(7));
    flow.status = Some(Status::ASSURED | Status::from_bits_retain(1 << 31));
    flow.state = Some(TcpState::ESTABLISHED.into());
    flow.counters_original = Some(Counters { packets: u64::MAX, bytes: 1 });
    flow.labels = Some([0, 127].into_iter().collect());
    flow.helper = Some(Helper::new("ftp"));
    flow.security_context = Some("system_u:object_r:unlabeled_t:s0".into());
    flow.master = Some(Tuple::echo([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 7));
    flow
}

#[test]
fn flows_are_serialised() {
    let text = round_trip(&flow());
    assert!(text.contains(r#""labels":[0,127]"#), "{text}");
    assert!(text.contains(r#""layer4":{"ports":{"source":1000,"destination":80}}"#), "{text}");
    assert!(text.contains(r#""packets":18446744073709551615"#), "{text}");
    round_trip(&NewFlow::like(&flow()));
    round_trip(&Key::reply(tuple()).in_zone(3).with_id(9));
    round_trip(&LabelsChange::set([3].into_iter().collect()));
    let real: std::net::SocketAddr = ([10, 244, 3, 32], 8080).into();
    round_trip(&NatRequest::from(real));
}

#[test]
fn expectations_are_serialised() {
    let mut expectation = Expectation::new(tuple(), tuple(), tuple());
    expectation.flags = Some(ExpectationFlags::PERMANENT);
    expectation.function = Some("nat-follow-master".into());
    expectation.nat = Some(ExpectationNat { direction: Direction::Reply, tuple: tuple() });
    round_trip(&expectation);
    round_trip(&expectation.key());
}
