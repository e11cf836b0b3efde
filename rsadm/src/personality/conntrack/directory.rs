//! Names that the system has for numbers.

use std::fs;
use std::io;

use crate::classic::conntrack::LabelMap;

/// Where names are looked up; tests have their own.
pub(super) trait Directory {
    /// The number of a protocol.
    fn protocol(&mut self, name: &[u8]) -> Option<u8>;
    /// The names of labels.
    fn labels(&mut self) -> io::Result<LabelMap>;
}

/// The names of this system.
#[derive(Debug, Default)]
pub(super) struct System {
    protocols: Option<Vec<u8>>,
}

impl Directory for System {
    fn protocol(&mut self, name: &[u8]) -> Option<u8> {
        let read = || fs::read("/etc/protocols").unwrap_or_default();
        protocol_in(self.protocols.get_or_insert_with(read), name)
    }

    fn labels(&mut self) -> io::Result<LabelMap> {
        LabelMap::system()
    }
}

/// The number behind a name or one of its aliases in a file of protocols.
fn protocol_in(file: &[u8], name: &[u8]) -> Option<u8> {
    file.split(|byte| *byte == b'\n').find_map(|line| {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let first = words.next()?;
        let number = str::from_utf8(words.next()?).ok()?.parse().ok()?;
        (first == name || words.any(|alias| alias == name)).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_names_and_aliases() {
        let file = b"# x\nip\t0\tIP\t\t# internet protocol\nesp 50 IPSEC-ESP # esp-alias\nbad\n\
            worse 300\nlast 7";
        for (name, number) in [
            ("ip", Some(0)),
            ("IP", Some(0)),
            ("esp", Some(50)),
            ("IPSEC-ESP", Some(50)),
            ("ESP", None),
            ("esp-alias", None),
            ("worse", None),
            ("last", Some(7)),
            ("", None),
        ] {
            assert_eq!(protocol_in(file, name.as_bytes()), number, "{name}");
        }
    }
}
