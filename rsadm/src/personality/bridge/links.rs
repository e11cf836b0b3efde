//! Links by name and by index.

use std::collections::HashMap;

use vxlan::Client;

use super::stop::{FAILED, Stop, refusal};
use crate::classic::bridge::Names;
use crate::personality::numbers::{is_space, strtol};

/// What is known of links. What was looked up once is not asked for again: a batch has many lines
/// about few links.
#[derive(Debug, Default)]
pub(super) struct Links {
    indexes: HashMap<Vec<u8>, u32>,
    names: Option<Names>,
}

/// Where links are looked up; tests have their own.
pub(super) trait FindLink {
    /// The index of a link: by name, by another name of it, or as `if7`.
    fn index(&mut self, name: &[u8]) -> Option<u32>;
}

/// The links of this namespace.
#[derive(Debug)]
pub(super) struct Here<'t> {
    pub(super) client: &'t mut Client,
    pub(super) links: &'t mut Links,
}

impl FindLink for Here<'_> {
    fn index(&mut self, name: &[u8]) -> Option<u32> {
        let Self { client, links } = self;
        if let Some(index) = links.indexes.get(name) {
            return Some(*index);
        }
        let found = std::str::from_utf8(name).ok().and_then(|name| client.link(name).ok());
        let index = found.map(|link| link.index).or_else(|| numbered(name))?;
        links.indexes.insert(name.to_vec(), index);
        Some(index)
    }
}

impl Links {
    /// Names of all links.
    pub(super) fn names(&mut self, client: &mut Client) -> Result<&mut Names, Stop> {
        let names = match self.names.take() {
            Some(names) => names,
            None => client.every_link().map(Names::from).map_err(|error| {
                let text = [refusal(&error), b"Dump terminated\n".to_vec()].concat();
                Stop::Program(FAILED, text)
            })?,
        };
        Ok(self.names.insert(names))
    }
}

/// The index in `if7`.
fn numbered(name: &[u8]) -> Option<u32> {
    let digits = name.strip_prefix(b"if")?;
    // More than digits is not looked at.
    let start = digits.iter().position(|byte| !is_space(*byte))?;
    let (number, ..) = strtol(&digits[start..])?;
    u32::try_from(number).ok().filter(|index| *index != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_without_a_name_have_a_number() {
        let index = |name: &str| numbered(name.as_bytes());
        assert_eq!([index("if7"), index("if 7x"), index("if+7")], [Some(7); 3]);
        assert_eq!([index("if"), index("ifx"), index("if0"), index("7"), index("")], [None; 5]);
    }
}
