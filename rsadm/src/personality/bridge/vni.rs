//! `bridge vni`: words, and what they ask for. They cannot be abbreviated.

use std::net::IpAddr;

use vxlan::{Verbatim, Vni, VniEntry};

use super::lookup::Lookup;
use super::stop::Stop;
use super::text;
use super::words::{self, Family, Words};
use crate::personality::numbers::atoi;

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum VniCommand {
    Show(Option<u32>),
    Change(Verbatim),
}

impl VniCommand {
    /// Reads a command, which begins behind `vni`.
    pub(super) fn read(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Self, Stop> {
        match words.next() {
            None => Ok(Self::Show(None)),
            Some(b"add") => change(words, lookup, Verbatim::AddVnis),
            // As newer versions take it, and the help of this one says.
            Some(b"delete" | b"del") => change(words, lookup, Verbatim::DeleteVnis),
            Some(b"show" | b"lst" | b"list") => show(words, lookup),
            Some(b"help") => Err(text::help(text::VNI)),
            Some(word) => Err(Stop::unknown("Command", word, "vni ")),
        }
    }
}

fn show(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<VniCommand, Stop> {
    let mut link = None;
    while let Some(word) = words.next() {
        if word == b"dev" {
            let name = words.value()?;
            if link.is_some() {
                return Err(Stop::again("dev", name));
            }
            link = Some(name);
        }
    }
    let link = link.map(|name| lookup.link("Cannot find device", name)).transpose()?;
    Ok(VniCommand::Show(link))
}

fn change(
    mut words: Words<'_>,
    lookup: &mut Lookup<'_>,
    make: fn(u32, Vec<VniEntry>) -> Verbatim,
) -> Result<VniCommand, Stop> {
    let (mut link, mut vnis, mut remote) = (None, None, None);
    while let Some(word) = words.next() {
        match word {
            b"dev" => link = Some(words.value()?),
            b"vni" => {
                let value = words.value()?;
                if vnis.is_some() {
                    return Err(Stop::wrong(value, "duplicate vni"));
                }
                vnis = Some(value);
            }
            b"group" | b"remote" => {
                if remote.is_some() {
                    return Err(Stop::wrong(word, "duplicate group"));
                }
                let value = words.value()?;
                let address = words::address(value, Family::Any)?;
                if word == b"group" && !address.is_multicast() {
                    return Err(Stop::wrong(value, "invalid group address"));
                }
                remote = Some(address);
            }
            b"help" => return Err(text::help(text::VNI)),
            _ => {}
        }
    }
    let (Some(link), Some(vnis)) = (link, vnis) else {
        return Err(Stop::command("Device and VNI ID are required arguments."));
    };
    let mut entries = entries(vnis, remote)?;
    let index = lookup.link("Cannot find vxlan device", link)?;
    for entry in &mut entries {
        entry.link = index;
    }
    Ok(VniCommand::Change(make(index, entries)))
}

/// `10,20-25`: the numbers are those at the beginning of each text.
fn entries(list: &[u8], remote: Option<IpAddr>) -> Result<Vec<VniEntry>, Stop> {
    let number = |text: &[u8]| {
        let number = u32::try_from(atoi(text)).ok().and_then(Vni::new);
        number.ok_or_else(|| Stop::wrong(text, "invalid VNI"))
    };
    let parts = list.split(|byte| *byte == b',').filter(|part| !part.is_empty());
    let entry = |part: &[u8]| {
        let mut ends = part.splitn(2, |byte| *byte == b'-');
        let first = number(ends.next().unwrap_or_default())?;
        let last = ends.next().map(number).transpose()?.filter(|last| last.get() != 0);
        Ok(VniEntry { remote, ..VniEntry::new(0, first, last.unwrap_or(first)) })
    };
    parts.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(list: &str) -> Option<Vec<(u32, u32)>> {
        let entries = entries(list.as_bytes(), None).ok()?;
        Some(entries.iter().map(|entry| (entry.first.get(), entry.last.get())).collect())
    }

    #[test]
    fn lists() {
        assert_eq!(read("10,20-25"), Some(vec![(10, 10), (20, 25)]));
        assert_eq!(read(",5,,7,"), Some(vec![(5, 5), (7, 7)]));
        assert_eq!(read("5-"), Some(vec![(5, 5)]));
        assert_eq!(read("-7"), Some(vec![(0, 7)]));
        assert_eq!(read("9-8x,y"), Some(vec![(9, 8), (0, 0)]));
        assert_eq!(read(""), Some(vec![]));
        assert_eq!([read("16777216"), read("1-99999999"), read("1--5")], [None, None, None]);
    }

    proptest! {
        #[test]
        fn any_list_is_read_or_refused(list: Vec<u8>) {
            let _ = entries(&list, None);
        }
    }
}
