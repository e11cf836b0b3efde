//! VXLAN: what the kernel may send as links, entries, neighbours, VNIs, multicast entries, nexthops.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rsadm_fuzz::{Input, kernel};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let choice = input.byte().unwrap_or_default();
    let rest = input.take(usize::MAX);
    if choice < 128 {
        vxlan::fuzz::decode(rest);
    } else {
        let script = rest.to_vec();
        vxlan::fuzz::verbs(move || kernel(&script, false), choice);
    }
});
