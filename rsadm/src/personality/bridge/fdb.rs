//! `bridge fdb`: words, and what they ask for.

use std::net::IpAddr;

use vxlan::{Entry, EntryQuery, Flags, Flush, Mac, State, Verbatim, Vni};

use super::lookup::Lookup;
use super::stop::Stop;
use super::text;
use super::words::{self, Words, matches};
use crate::personality::numbers::atoi;

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fdb {
    Show(Show),
    Get(EntryQuery, Dynamic),
    Change(Verbatim),
}

/// Whether entries that are permanent are left out.
pub(super) type Dynamic = bool;

/// Which entries are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Show {
    pub(super) link: Option<u32>,
    pub(super) bridge: Option<u32>,
    /// 0 is every VLAN.
    vlan: i32,
    /// No bits are every state.
    states: u32,
    dynamic: Dynamic,
}

/// How an entry is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Append,
    Replace,
    Delete,
}

impl Fdb {
    /// Reads a command, which begins behind `fdb`.
    pub(super) fn read(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Self, Stop> {
        let Some(word) = words.next() else { return Ok(Self::Show(Show::default())) };
        let is = |whole| matches(word, whole);
        if is("add") {
            change(Verb::Add, words, lookup)
        } else if is("append") {
            change(Verb::Append, words, lookup)
        } else if is("replace") {
            change(Verb::Replace, words, lookup)
        } else if is("delete") {
            change(Verb::Delete, words, lookup)
        } else if is("get") {
            get(words, lookup)
        } else if is("show") || is("lst") || is("list") {
            show(words, lookup)
        } else if word == b"flush" {
            flush(words, lookup)
        } else if is("help") {
            Err(text::help(text::FDB))
        } else {
            Err(Stop::unknown("Command", word, "fdb "))
        }
    }
}

impl Show {
    /// What the kernel does not decide.
    #[inline]
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        self.link.is_none_or(|link| link == entry.link)
            && (self.states == 0 || self.states & u32::from(entry.state.bits()) != 0)
            && (self.vlan == 0 || self.vlan == i32::from(entry.vlan.unwrap_or_default()))
            && !(self.dynamic && entry.state.contains(State::PERMANENT))
    }
}

fn show(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Fdb, Stop> {
    let mut show = Show::default();
    let (mut link, mut bridge) = (None, None);
    while let Some(word) = words.next() {
        match word {
            b"brport" | b"dev" => link = Some(words.value()?),
            b"br" => bridge = Some(words.value()?),
            b"vlan" => {
                let value = words.value()?;
                if show.vlan != 0 {
                    return Err(Stop::again("vlan", value));
                }
                show.vlan = atoi(value);
            }
            b"state" => {
                let value = words.value()?;
                show.states |= state(value).ok_or_else(|| Stop::wrong(value, "invalid state"))?;
            }
            b"dynamic" => show.dynamic = true,
            _ if matches(word, "help") => return Err(text::help(text::FDB)),
            _ => {}
        }
    }
    if let Some(name) = bridge {
        show.bridge = Some(lookup.link("Cannot find bridge device", name)?);
    }
    if let Some(name) = link {
        show.link = Some(lookup.link("Cannot find device", name)?);
    }
    Ok(Fdb::Show(show))
}

/// The bits of a state's name, one of which is enough.
fn state(word: &[u8]) -> Option<u32> {
    let is = |whole| matches(word, whole);
    Some(if is("permanent") {
        State::PERMANENT.bits().into()
    } else if is("static") || is("temp") {
        State::NOARP.bits().into()
    } else if is("stale") {
        State::STALE.bits().into()
    } else if is("reachable") || is("dynamic") {
        State::REACHABLE.bits().into()
    } else if word == b"all" {
        u32::MAX
    } else {
        words::unsigned(word)?
    })
}

/// What the words of a change say.
#[derive(Default)]
struct Draft<'w> {
    link: Option<&'w [u8]>,
    mac: Option<&'w [u8]>,
    destination: Option<IpAddr>,
    port: Option<u16>,
    vni: Option<Vni>,
    source_vni: Option<Vni>,
    via: Option<u32>,
    group: u32,
    vlan: Option<u16>,
    flags: Flags,
    permanent: bool,
    reachable: bool,
    ages: bool,
}

impl<'w> Draft<'w> {
    fn read(mut words: Words<'w>, lookup: &mut Lookup<'_>) -> Result<Self, Stop> {
        let mut draft = Self::default();
        while let Some(word) = words.next() {
            let is = |whole| matches(word, whole);
            match word {
                b"dev" => draft.link = Some(words.value()?),
                b"dst" => {
                    let value = words.value()?;
                    if draft.destination.is_some() {
                        return Err(Stop::again_or_garbage("dst", value));
                    }
                    draft.destination = Some(words::address(value, lookup.family)?);
                }
                b"nhid" => {
                    let value = words.value()?;
                    let wrong = || Stop::wrong(value, "\"id\" value is invalid\n");
                    draft.group = words::unsigned(value).ok_or_else(wrong)?;
                }
                b"port" => draft.port = lookup.port(words.value()?)?,
                b"vni" => draft.vni = Some(words::vni(words.value()?, "VNI")?),
                b"src_vni" => draft.source_vni = Some(words::vni(words.value()?, "src VNI")?),
                b"via" => draft.via = Some(lookup.via(words.value()?)?),
                b"self" => draft.flags |= Flags::SELF,
                _ if is("master") => draft.flags |= Flags::MASTER,
                _ if is("router") => draft.flags |= Flags::ROUTER,
                _ if is("local") || is("permanent") => draft.permanent = true,
                _ if is("temp") || is("static") => draft.reachable = true,
                _ if is("dynamic") => {
                    draft.reachable = true;
                    draft.ages = true;
                }
                _ if is("vlan") => {
                    if draft.vlan.is_some() {
                        return Err(Stop::again_or_garbage("vlan", word));
                    }
                    draft.vlan = words::vlan(words.value()?);
                }
                _ if is("use") => draft.flags |= Flags::USE,
                _ if is("extern_learn") => draft.flags |= Flags::EXTERN_LEARN,
                _ if is("sticky") => draft.flags |= Flags::STICKY,
                _ => draft.mac = Some(mac_word(word, &mut words, draft.mac)?),
            }
        }
        Ok(draft)
    }

    fn state(&self) -> State {
        let mut state = if self.ages { State::empty() } else { State::NOARP };
        state.set(State::REACHABLE, self.reachable);
        state.set(State::PERMANENT, self.permanent || !self.reachable);
        state
    }

    /// The entry, of a link that is not looked up yet.
    fn entry(&self, mac: Mac) -> Entry {
        let mut entry = Entry::new(0, mac);
        entry.vlan = self.vlan;
        entry.source_vni = self.source_vni;
        entry.remote.address = self.destination;
        entry.remote.port = self.port;
        entry.remote.vni = self.vni;
        entry.remote.via = self.via;
        entry.nexthop_group = Some(self.group).filter(|group| *group != 0);
        entry.state = self.state();
        entry.flags = with_table(self.flags);
        entry
    }
}

/// The device's own table, if none was named.
fn with_table(flags: Flags) -> Flags {
    if flags.intersects(Flags::SELF | Flags::MASTER) { flags } else { flags | Flags::SELF }
}

/// A word that is nothing else is the address.
fn mac_word<'w>(
    word: &'w [u8],
    words: &mut Words<'w>,
    before: Option<&[u8]>,
) -> Result<&'w [u8], Stop> {
    let word = if word == b"to" { words.value()? } else { word };
    if matches(word, "help") {
        return Err(text::help(text::FDB));
    }
    match before {
        Some(_) => Err(Stop::again_or_garbage("to", word)),
        None => Ok(word),
    }
}

fn mac(word: &[u8]) -> Result<Mac, Stop> {
    words::mac(word).ok_or_else(|| Stop::command([b"Invalid mac address ", word].concat()))
}

fn change(verb: Verb, words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Fdb, Stop> {
    let draft = Draft::read(words, lookup)?;
    let (Some(link), Some(address)) = (draft.link, draft.mac) else {
        return Err(Stop::command("Device and address are required arguments."));
    };
    let remote = draft.destination.is_some() || draft.port.is_some() || draft.vni.is_some();
    if draft.group != 0 && remote {
        return Err(Stop::command("dst, port, vni are mutually exclusive with nhid"));
    }
    let mut entry = draft.entry(mac(address)?);
    entry.link = lookup.link("Cannot find device", link)?;
    Ok(Fdb::Change(match verb {
        Verb::Add => Verbatim::Add(entry),
        Verb::Append => Verbatim::Append(entry),
        Verb::Replace => Verbatim::Replace(entry),
        Verb::Delete => Verbatim::Delete(entry),
    }))
}

fn get(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Fdb, Stop> {
    let (mut link, mut bridge, mut address) = (None, None, None);
    let (mut vlan, mut vni) = (None, None);
    let mut flags = Flags::empty();
    let mut dynamic = false;
    while let Some(word) = words.next() {
        let is = |whole| matches(word, whole);
        match word {
            b"brport" | b"dev" => link = Some(words.value()?),
            b"br" => bridge = Some(words.value()?),
            b"vni" => vni = Some(words::vni(words.value()?, "VNI")?),
            b"self" => flags |= Flags::SELF,
            _ if is("master") => flags |= Flags::MASTER,
            _ if is("vlan") => {
                if vlan.is_some() {
                    return Err(Stop::again_or_garbage("vlan", word));
                }
                vlan = words::vlan(words.value()?);
            }
            _ if is("dynamic") => dynamic = true,
            _ => address = Some(mac_word(word, &mut words, address)?),
        }
    }
    let (false, Some(address)) = (link.is_none() && bridge.is_none(), address) else {
        return Err(Stop::command("Device or master and address are required arguments."));
    };
    let mut query = EntryQuery::new(0, mac(address)?);
    (query.vlan, query.source_vni, query.flags) = (vlan, vni, flags);
    if let Some(name) = link {
        query.link = lookup.link("Cannot find device", name)?;
    }
    if let Some(name) = bridge {
        query.master = Some(lookup.link("Cannot find bridge device", name)?);
    }
    Ok(Fdb::Get(query, dynamic))
}

/// Words that are no conditions, such as those of newer versions, are passed over by 6.1, which
/// then deletes everything. Here they are refused.
fn flush(mut words: Words<'_>, lookup: &mut Lookup<'_>) -> Result<Fdb, Stop> {
    let (mut link, mut port, mut vlan, mut unknown) = (None, None, None, None);
    let mut flush = Flush::default();
    while let Some(word) = words.next() {
        match word {
            b"dev" => link = Some(words.value()?),
            b"master" => flush.flags |= Flags::MASTER,
            b"self" => flush.flags |= Flags::SELF,
            b"brport" => {
                if port.is_some() {
                    return Err(Stop::again_or_garbage("brport", word));
                }
                port = Some(words.value()?);
            }
            b"vlan" => {
                if vlan.is_some() {
                    return Err(Stop::again_or_garbage("vlan", word));
                }
                vlan = words::vlan(words.value()?);
            }
            b"help" => return Err(text::help(text::FDB)),
            _ if flush.condition(word) => {}
            _ => unknown = unknown.or(Some(word)),
        }
    }
    let link = link.ok_or_else(|| Stop::command("Device is a required argument."))?;
    flush.link = lookup.link("Cannot find bridge device", link)?;
    if let Some(name) = port {
        flush.port = Some(lookup.link("Cannot find bridge port device", name)?);
    }
    if let Some(vlan) = vlan.filter(|vlan| *vlan >= 4096) {
        return Err(Stop::command(format!("Invalid VLAN ID \"{vlan}\"")));
    }
    if let Some(word) = unknown {
        return Err(not_a_condition(word));
    }
    flush.vlan = vlan;
    flush.flags = with_table(flush.flags);
    Ok(Fdb::Change(Verbatim::Flush(flush)))
}

fn not_a_condition(word: &[u8]) -> Stop {
    let reason = b"\" is no condition that bridge 6.1 knows, so nothing was flushed; \
        `rsadm vxlan fdb flush' knows more";
    Stop::command([b"Error: \"", word, reason.as_slice()].concat())
}

/// Conditions of a flush.
trait Conditions {
    /// Takes a condition; whether the word is one.
    fn condition(&mut self, word: &[u8]) -> bool;
}

impl Conditions for Flush {
    fn condition(&mut self, word: &[u8]) -> bool {
        const FLAGS: [(&[u8], Flags); 4] = [
            (b"added_by_user", Flags::USE),
            (b"extern_learn", Flags::EXTERN_LEARN),
            (b"sticky", Flags::STICKY),
            (b"offloaded", Flags::OFFLOADED),
        ];
        let (wanted, name) = match word.strip_prefix(b"no") {
            Some(name) => (false, name),
            None => (true, word),
        };
        let both = State::NOARP | State::PERMANENT;
        let (bit, is_set, mask) = match (name, wanted) {
            (b"permanent", _) => (State::PERMANENT, wanted, State::PERMANENT),
            (b"static", true) => (State::NOARP, true, both),
            (b"static", false) => (State::NOARP, false, State::NOARP),
            (b"dynamic", true) => (State::NOARP, false, both),
            (b"dynamic", false) => (State::NOARP, true, State::NOARP),
            _ => {
                let found = FLAGS.iter().find(|(flag, _)| *flag == name);
                let Some((_, flag)) = found else { return false };
                self.flags.set(*flag, wanted);
                self.flags_mask |= *flag;
                return true;
            }
        };
        self.state.set(bit, is_set);
        self.state_mask |= mask;
        true
    }
}
