//! `RSADM_DEBUG=netlink`: every message, decoded as far as netlink itself goes.

use std::fmt::Write;

use crate::attribute::Attributes;
use crate::header::{Header, align};
use crate::uapi::{NLMSG_DONE, NLMSG_ERROR};

/// Prints messages to standard error, or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Debug {
    enabled: bool,
}

impl Debug {
    pub(crate) fn from_environment() -> Self {
        let wanted = std::env::var_os("RSADM_DEBUG");
        Self { enabled: wanted.is_some_and(|topics| topics == "netlink") }
    }

    #[inline]
    pub(crate) fn sent(self, bytes: &[u8]) {
        if self.enabled {
            eprint!("{}", describe('>', bytes));
        }
    }

    #[inline]
    pub(crate) fn received(self, bytes: &[u8]) {
        if self.enabled {
            eprint!("{}", describe('<', bytes));
        }
    }
}

/// One paragraph a message: the header, then a line an attribute.
fn describe(direction: char, mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let Some(header) = Header::read(bytes) {
        let length = (header.length as usize).clamp(Header::LENGTH, bytes.len());
        let _ = writeln!(
            text,
            "netlink {direction} length={} type={} flags={} sequence={} port={}",
            header.length,
            kind_name(header.kind),
            flag_names(header.flags),
            header.sequence,
            header.port,
        );
        let payload = &bytes[Header::LENGTH..length];
        let (fixed, attributes) = payload.split_at(payload.len().min(4));
        let _ = writeln!(text, "  {}", hex(fixed));
        describe_attributes(&mut text, attributes, 1);
        bytes = bytes.get(align(length)..).unwrap_or_default();
    }
    text
}

fn describe_attributes(text: &mut String, bytes: &[u8], depth: usize) {
    let mut attributes = Attributes::new(bytes);
    for attribute in attributes.by_ref() {
        let _ = write!(text, "{:width$}{}", "", attribute.kind, width = depth * 2);
        if attribute.nested {
            text.push('\n');
            describe_attributes(text, attribute.value, depth + 1);
        } else {
            let _ = writeln!(text, ": {}", hex(attribute.value));
        }
    }
    if !attributes.remainder().is_empty() {
        let rest = hex(attributes.remainder());
        let _ = writeln!(text, "{:width$}rest: {rest}", "", width = depth * 2);
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let _ = write!(text, "{byte:02x} ");
    }
    text.truncate(text.trim_end().len());
    text
}

fn kind_name(kind: u16) -> String {
    match kind {
        NLMSG_ERROR => "ERROR".to_owned(),
        NLMSG_DONE => "DONE".to_owned(),
        _ => kind.to_string(),
    }
}

/// The flags whose meaning does not depend on the message.
fn flag_names(flags: u16) -> String {
    const NAMES: [(u16, &str); 6] = [
        (0x01, "REQUEST"),
        (0x02, "MULTI"),
        (0x04, "ACK"),
        (0x08, "ECHO"),
        (0x10, "DUMP_INTR"),
        (0x20, "DUMP_FILTERED"),
    ];
    let mut names: Vec<_> =
        NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    let rest = match flags & !0x3f {
        0 => String::new(),
        rest => format!("{rest:#x}"),
    };
    if !rest.is_empty() {
        names.push(&rest);
    }
    if names.is_empty() { "0".to_owned() } else { names.join("|") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn a_message_is_readable() {
        let mut message = Message::generic(31, 0, 4, 1);
        message.nest(1, |service| {
            service.put_be16(4, 80).put_str(6, "rr");
        });
        message.put_u8(2, 9);
        assert_eq!(
            describe('>', message.seal(7, 0x305)),
            "netlink > length=48 type=31 flags=REQUEST|ACK|0x300 sequence=7 port=0\n  \
             04 01 00 00\n  1\n    4: 00 50\n    6: 72 72 00\n  2: 09\n"
        );
    }

    #[test]
    fn broken_bytes_are_shown_as_they_are() {
        let mut message = Message::new(3, 0x10);
        message.header(&[0; 4]).header(&[9, 0, 1, 0]);
        assert_eq!(
            describe('<', message.seal(1, 0)),
            "netlink < length=24 type=DONE flags=DUMP_INTR sequence=1 port=0\n  \
             00 00 00 00\n  rest: 09 00 01 00\n"
        );
    }
}
