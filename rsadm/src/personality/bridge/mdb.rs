//! `bridge mdb`: words, and what they ask for.

use vxlan::{Group, MulticastEntry, Remote, Verbatim};

use super::lookup::Lookup;
use super::stop::Stop;
use super::text;
use super::words::{self, Words, matches};
use crate::personality::numbers::atoi;

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mdb {
    Show(Show),
    Change(Verbatim),
}

/// Which entries are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Show {
    pub(super) link: Option<u32>,
    /// 0 is every VLAN.
    vlan: i32,
}

impl Show {
    pub(super) fn matches(&self, entry: &MulticastEntry) -> bool {
        self.has(entry.link) && (self.vlan == 0 || self.vlan == i32::from(entry.vlan))
    }

    /// Whether a database is shown.
    pub(super) fn has(&self, link: u32) -> bool {
        self.link.is_none_or(|wanted| wanted == link)
    }
}

impl Mdb {
    /// Reads a command, which begins behind `mdb`.
    pub(super) fn read(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Self, Stop> {
        let Some(word) = words.next() else { return Ok(Self::Show(Show::default())) };
        let is = |whole| matches(word, whole);
        if is("add") {
            Ok(Self::Change(Verbatim::AddMulticast(change(words, lookup, true)?)))
        } else if is("delete") {
            Ok(Self::Change(Verbatim::DeleteMulticast(change(words, lookup, false)?)))
        } else if is("show") || is("lst") || is("list") {
            show(words, lookup)
        } else if is("help") {
            Err(text::help(text::MDB))
        } else {
            Err(Stop::unknown("Command", word, "mdb "))
        }
    }
}

fn show(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Mdb, Stop> {
    let mut show = Show::default();
    let mut link = None;
    while let Some(word) = words.next() {
        match word {
            b"dev" => {
                let name = words.value()?;
                if link.is_some() {
                    return Err(Stop::again("dev", name));
                }
                link = Some(name);
            }
            b"vid" => {
                let value = words.value()?;
                if show.vlan != 0 {
                    return Err(Stop::again("vid", value));
                }
                show.vlan = atoi(value);
            }
            _ => {}
        }
    }
    show.link = link.map(|name| lookup.link("Cannot find device", name)).transpose()?;
    Ok(Mdb::Show(show))
}

fn change(
    mut words: Words<'_>,
    lookup: &mut Lookup<'_>,
    adds: bool,
) -> Result<MulticastEntry, Stop> {
    let (mut link, mut port, mut group, mut source) = (None, None, None, None);
    let (mut permanent, mut vlan) = (false, 0);
    while let Some(word) = words.next() {
        match word {
            b"dev" => link = Some(words.value()?),
            b"grp" => group = Some(words.value()?),
            b"port" => port = Some(words.value()?),
            b"permanent" => permanent |= adds,
            b"temp" => {}
            b"vid" => vlan = (atoi(words.value()?) as i16).cast_unsigned(),
            b"src" => source = Some(words.value()?),
            _ if matches(word, "help") => return Err(text::help(text::MDB)),
            _ => {}
        }
    }
    let (Some(link), Some(port), Some(group)) = (link, port, group) else {
        let text = "Device, group address and port name are required arguments.";
        return Err(Stop::command(text));
    };
    let link = lookup.link("Cannot find device", link)?;
    let port = lookup.link("Cannot find device", port)?;
    let group = match words::plain_address(group) {
        Some(address) => Group::Ip(address),
        None => Group::Mac(words::group_mac(group).map_err(Stop::command)?),
    };
    let address = |word: &[u8]| {
        let text = [b"Invalid source address \"".as_slice(), word, b"\""].concat();
        words::plain_address(word).ok_or_else(|| Stop::command(text))
    };
    Ok(MulticastEntry {
        link,
        port,
        group,
        source: source.map(address).transpose()?,
        vlan,
        permanent,
        flags: 0,
        filter_mode: None,
        sources: Vec::new(),
        protocol: None,
        remote: Remote::default(),
        source_vni: None,
        timer: None,
    })
}
