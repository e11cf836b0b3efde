//! Ways into what is not public, for the fuzz target only. Not part of the library's interface.

use crate::{Snapshot, wire};

/// Decodes a payload as each kind of message.
pub fn decode(payload: &[u8]) {
    let _ = (wire::address::address(payload), wire::rule::rule(payload));
    let _ = (wire::link::details(payload), wire::route::route(payload));
    let _ = wire::namespace::id(payload);
    let _ = wire::nftables::table(payload);
}

/// Reads a file. What is read is written, and read again as the same.
pub fn file(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::read_from(bytes, "a file") else { return };
    let mut text = Vec::new();
    if snapshot.write_to(&mut text).is_ok() {
        let again = Snapshot::read_from(&*text, "a file");
        assert!(again.is_ok_and(|again| again == snapshot));
    }
}
