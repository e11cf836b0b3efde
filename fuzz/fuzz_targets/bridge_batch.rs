//! What users write: lines for `bridge -batch`. Any bytes are read or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = rsadm::personality::bridge::read_batch(bytes);
});
