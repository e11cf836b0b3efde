//! What users write: scripts for `restore`, and the names of services. What is understood is
//! written, read back, and must be the same.

#![no_main]

use ipvs::{Change, ServiceKey};
use libfuzzer_sys::fuzz_target;
use rsadm::ipvs::script::write::{self, Detail};
use rsadm::ipvs::script::{Numeric, parse};

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    match parse(bytes, &Numeric) {
        Ok(items) => {
            assert!(items.is_sorted_by(|one, next| one.line < next.line));
            assert!(items.iter().all(|item| (1..=lines).contains(&item.line)));
            items.iter().for_each(|item| again(&item.change));
        }
        Err(problems) => {
            assert!(problems.total >= problems.first.len() && !problems.first.is_empty());
            for problem in &problems.first {
                let line = bytes.split(|byte| *byte == b'\n').nth(problem.line - 1);
                let length = line.expect("the line of a problem exists").len();
                assert!((1..=length + 1).contains(&problem.column), "{problem}");
                assert!(!problem.message.contains(char::is_control), "{:?}", problem.message);
            }
        }
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if let Ok(key) = String::from_utf8_lossy(first).parse::<ServiceKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
});

fn again(change: &Change) {
    let mut text = Vec::new();
    let written = match change {
        Change::AddService(service) => write::service(&mut text, service, Detail::Full),
        Change::AddDestination(key, destination) => {
            write::destination(&mut text, key, destination, Detail::Full)
        }
        Change::SetTimeouts(timeouts) => write::timeouts(&mut text, timeouts),
        Change::StartDaemon(daemon) => write::daemon(&mut text, daemon),
        _ => return,
    };
    written.expect("memory takes everything");
    let text = String::from_utf8_lossy(&text);
    let items = parse(text.as_bytes(), &Numeric).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(items.len(), 1, "{text}");
    assert_eq!(&items[0].change, change, "{text}");
}
