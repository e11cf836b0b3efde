//! Names of labels.

use std::fs;
use std::io;
use std::path::Path;

use conntrack::Labels;

use crate::personality::numbers::strtoul;

/// Where names of labels are written down.
pub const CONFIGURATION: &str = "/etc/xtables/connlabel.conf";

/// More than the kernel has: names of higher bits are known, but no flow has them.
const BITS: u64 = 1024;

/// Names of labels, in the order of their bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelMap(Vec<(u16, Vec<u8>)>);

impl LabelMap {
    /// Reads the system's names.
    pub fn system() -> io::Result<Self> {
        Self::read(Path::new(CONFIGURATION))
    }

    /// Reads names from a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&fs::read(path)?))
    }

    /// Reads lines of a bit and a name; others are passed over.
    pub fn parse(text: &[u8]) -> Self {
        let mut map = Self::default();
        for line in text.split(|byte| *byte == b'\n').filter(|line| line.first() != Some(&b'#')) {
            let (bit, name) = strtoul(line);
            let name = name.trim_ascii();
            let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b" -".contains(byte);
            if name.len() == line.trim_ascii().len() || bit >= BITS || name.is_empty() {
                continue;
            }
            let known = |(other, text): &(u16, Vec<u8>)| u64::from(*other) == bit || text == name;
            if name.iter().all(sane) && !map.0.iter().any(known) {
                map.0.push((bit as u16, name.to_vec()));
            }
        }
        map.0.sort_unstable();
        map
    }

    /// The bit of a name.
    pub fn bit(&self, name: &[u8]) -> Option<u16> {
        self.0.iter().find(|(_, known)| known == name).map(|(bit, _)| *bit)
    }

    /// The names of those labels that are set and have one, in the order of their bits.
    pub fn names(&self, labels: Labels) -> impl Iterator<Item = &[u8]> {
        let set = move |bit: u16| u8::try_from(bit).is_ok_and(|bit| labels.contains(bit));
        self.0.iter().filter(move |(bit, _)| set(*bit)).map(|(_, name)| name.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"# comment\n0 zero\n 5\tfive with blanks  \n0x10 sixteen\n\
        5 again\n7 five with blanks\n1024 beyond\n1023 high\nfoo bar\n9 b@d\n10\n11 eleven";

    #[test]
    fn lines_that_make_no_sense_are_passed_over() {
        let map = LabelMap::parse(FILE);
        for (name, bit) in [
            ("zero", Some(0)),
            ("five with blanks", Some(5)),
            ("sixteen", Some(16)),
            ("again", None),
            ("beyond", None),
            ("high", Some(1023)),
            ("bar", None),
            ("b@d", None),
            ("eleven", Some(11)),
        ] {
            assert_eq!(map.bit(name.as_bytes()), bit, "{name}");
        }
    }

    #[test]
    fn names_come_in_the_order_of_bits() {
        let map = LabelMap::parse(FILE);
        let labels = [16, 0, 3, 11].into_iter().collect();
        let names: Vec<_> = map.names(labels).collect();
        assert_eq!(names, [b"zero".as_slice(), b"eleven", b"sixteen"]);
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read(text: Vec<u8>) {
            let map = LabelMap::parse(&text);
            for (bit, name) in &map.0 {
                proptest::prop_assert_eq!(map.bit(name), Some(*bit));
            }
        }
    }
}
