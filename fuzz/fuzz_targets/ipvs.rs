//! IPVS: what the kernel may send as services, destinations and the rest.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rsadm_fuzz::{Input, kernel};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let choice = input.byte().unwrap_or_default();
    let rest = input.take(usize::MAX);
    if choice < 128 {
        ipvs::fuzz::decode(rest);
    } else {
        ipvs::fuzz::verbs(kernel(rest, true), choice);
    }
});
