//! Nodes: what the kernel may send as links, addresses, routes and rules, and files of snapshots.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    if choice % 2 == 0 { node::fuzz::decode(rest) } else { node::fuzz::file(rest) }
});
