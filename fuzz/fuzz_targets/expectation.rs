//! Expectations: what the kernel may send as one.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| conntrack::fuzz::expectation(bytes));
