//! Statistics: what the kernel may send of each processor and of the table.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| conntrack::fuzz::statistics(bytes));
