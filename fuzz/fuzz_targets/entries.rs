//! What users write: entries for `vxlan fdb sync`, as lines, JSON or YAML. Any bytes are read or
//! refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = rsadm::vxlan::fdb::script::fuzz(bytes);
});
