//! Flows: what the kernel may send as one, in a listing or an event.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| conntrack::fuzz::flow(bytes));
