//! Connection tracking: verbs against a kernel that answers anything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rsadm_fuzz::{Input, kernel};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let choice = input.byte().unwrap_or_default();
    let reader = input.region();
    let writer = input.take(usize::MAX);
    conntrack::fuzz::verbs(kernel(reader, false), kernel(writer, false), choice);
});
