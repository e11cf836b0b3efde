//! The walk over attributes: it stays inside its bytes, and what it reads can be written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rsadm_netlink::{Attributes, Message};

/// Attributes of attributes of ...: as deep as no kernel goes.
const DEEPEST: usize = 8;

fuzz_target!(|bytes: &[u8]| walk(bytes, 0));

fn walk(bytes: &[u8], depth: usize) {
    let mut attributes = Attributes::new(bytes);
    let mut message = Message::new(16, 0);
    let mut found = Vec::new();
    while let Some(attribute) = attributes.next() {
        assert!(attributes.remainder().len() < bytes.len());
        assert!(
            bytes.as_ptr_range().contains(&attribute.value.as_ptr()) || attribute.value.is_empty()
        );
        assert_eq!(attribute.u32().is_some(), attribute.value.len() >= 4);
        assert_eq!(attribute.u64().is_some(), attribute.value.len() >= 8);
        assert_eq!(attribute.ipv6().is_some(), attribute.value.len() >= 16);
        assert_eq!(attribute.be16(), attribute.u16().map(u16::to_be));
        let _ = (attribute.u8(), attribute.be32(), attribute.be64(), attribute.ipv4());
        if let Some(text) = attribute.str() {
            assert!(!text.contains('\0') && text.len() <= attribute.value.len());
        }
        message.put(attribute.kind, attribute.value);
        found.push((attribute.kind, attribute.value));
        if depth < DEEPEST {
            walk(attribute.value, depth + 1);
        }
    }
    assert!(found.len() * 4 + attributes.remainder().len() <= bytes.len());
    let again = message.attributes();
    assert!(again.map(|attribute| (attribute.kind, attribute.value)).eq(found));
}
