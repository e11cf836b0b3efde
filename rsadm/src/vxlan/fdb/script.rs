//! Files of entries: lines as `bridge -batch` takes them and listings print them, JSON, YAML.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::str::FromStr;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use serde::Deserialize;
use serde_json::value::RawValue;
use vxlan::{Entry, Flags, Mac, State, Vni};

use crate::script::{Fault, Lines, Problem, Problems, Word, Words};
use crate::vxlan::values;

/// The device that the entries of a file are for.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// Its index.
    pub link: u32,
    /// Its name.
    pub name: String,
    /// Whether its remotes have addresses of IPv6.
    pub is_ipv6: bool,
    /// Whether its entries have source VNIs.
    pub external: bool,
    /// Every link by name.
    pub links: HashMap<String, u32>,
}

/// An entry as it is written, under the names that bridge has in JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    mac: Option<Mac>,
    #[serde(borrow)]
    ifname: Option<Cow<'a, str>>,
    dst: Option<IpAddr>,
    port: Option<u16>,
    vni: Option<Vni>,
    src_vni: Option<Vni>,
    #[serde(rename = "viaIf", borrow)]
    via: Option<Cow<'a, str>>,
    nhid: Option<u32>,
    vlan: Option<u16>,
    #[serde(borrow)]
    master: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    flags: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    /// What only the kernel says.
    #[serde(default, rename = "used")]
    _used: u32,
    #[serde(default, rename = "updated")]
    _updated: u32,
}

/// What is wrong with an entry, and which field it is about.
struct Wrong(&'static str, String);

/// Reads the entries of a file, each of which an address may have once, and groups and the zero
/// address once for each remote.
pub fn parse(input: &[u8], device: &Device) -> Result<Vec<Entry>, Problems> {
    let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut entries = Entries::default();
    match first {
        Some(b'[' | b'{') => json(text, device, &mut entries),
        Some(b'-') => yaml(text, device, &mut entries),
        _ => lines(input, device, &mut entries),
    }
    if entries.problems.total > 0 { Err(entries.problems) } else { Ok(entries.list) }
}

/// Reads a file, as `rsadm vxlan fdb sync` does. It never panics, whatever the input.
pub fn fuzz(input: &[u8]) -> bool {
    let name = "vx0".to_owned();
    let links = HashMap::from([(name.clone(), 7), ("eth0".to_owned(), 2)]);
    parse(input, &Device { link: 7, name, is_ipv6: false, external: true, links }).is_ok()
}

/// What was read so far.
#[derive(Default)]
struct Entries {
    list: Vec<Entry>,
    /// The line of each entry.
    lines: Vec<usize>,
    /// Where each key is in the list.
    known: HashTable<usize>,
    hasher: RandomState,
    problems: Problems,
}

impl Entries {
    fn problem(&mut self, line: usize, column: usize, message: String) {
        self.problems.push(Problem { line, column, message });
    }

    fn push(&mut self, line: usize, column: usize, entry: Entry) {
        let (key, hash) = (entry.key(), |entry: &Entry| self.hasher.hash_one(entry.key()));
        let is_same = |at: &usize| self.list[*at].key() == key;
        match self.known.entry(hash(&entry), is_same, |at| hash(&self.list[*at])) {
            Slot::Vacant(slot) => {
                slot.insert(self.list.len());
                self.list.push(entry);
                self.lines.push(line);
            }
            Slot::Occupied(slot) => {
                let earlier = std::mem::replace(&mut self.lines[*slot.get()], line);
                let what = if entry.mac.floods() { "this remote" } else { "an entry" };
                let message = format!("{} has {what} already, by line {earlier}", entry.mac);
                self.problem(line, column, message);
            }
        }
    }
}

impl Written<'_> {
    /// The entry, if the device can have it.
    fn entry(&self, device: &Device) -> Result<Entry, Wrong> {
        let mac = self.mac.ok_or_else(|| Wrong("mac", "an entry needs a MAC address".into()))?;
        let name = self.ifname.as_deref().unwrap_or(&device.name);
        if name != device.name {
            return Err(Wrong("dev", format!("this entry is {name}'s, not {}'s", device.name)));
        }
        if self.master.is_some() || self.vlan.is_some() {
            let what = "this entry is in a bridge's table, and the device's own is made equal";
            return Err(Wrong("master", format!("{what}; `fdb list --self` lists no others")));
        }
        let mut entry = Entry::new(device.link, mac);
        self.put_remote(&mut entry, device)?;
        entry.source_vni = self.src_vni;
        if self.src_vni.is_some() && !device.external {
            let message = format!("{} has no source VNIs: it is not external", device.name);
            return Err(Wrong("src_vni", message));
        }
        entry.state = match self.state.as_deref().unwrap_or("permanent") {
            "permanent" | "local" => State::STATIC_PERMANENT,
            "static" | "temp" => State::STATIC,
            "dynamic" | "reachable" | "stale" | "" => State::DYNAMIC,
            other => return Err(Wrong("state", format!("'{other}' is not a state of an entry"))),
        };
        for flag in &self.flags {
            entry.flags |= match &**flag {
                "self" | "use" | "offload" => Flags::empty(),
                "router" => Flags::ROUTER,
                "extern_learn" => Flags::EXTERN_LEARN,
                other => {
                    let message = format!("'{other}' is not a flag of an entry of a VXLAN device");
                    return Err(Wrong("flags", message));
                }
            };
        }
        Ok(entry)
    }

    fn put_remote(&self, entry: &mut Entry, device: &Device) -> Result<(), Wrong> {
        entry.nexthop_group = self.nhid;
        match (self.dst, self.nhid) {
            (None, None) => return Err(Wrong("mac", "an entry needs dst or nhid".into())),
            (Some(_), Some(_)) => {
                return Err(Wrong("nhid", "an entry has dst or nhid, and not both".into()));
            }
            (Some(address), None) if address.is_ipv6() != device.is_ipv6 => {
                let family = if device.is_ipv6 { "IPv6" } else { "IPv4" };
                let message = format!("{address} is not {family}, as all of {} is", device.name);
                return Err(Wrong("dst", message));
            }
            (address, _) => entry.remote.address = address,
        }
        if self.nhid.is_some() && (self.port.is_some() || self.vni.is_some() || self.via.is_some())
        {
            return Err(Wrong("nhid", "port, vni and via go with dst, and not with nhid".into()));
        }
        entry.remote.port = self.port.filter(|port| *port != 0);
        entry.remote.vni = self.vni;
        if let Some(name) = self.via.as_deref() {
            let index = device.links.get(name).copied();
            let none = || Wrong("via", format!("there is no link {name}"));
            entry.remote.via = Some(index.ok_or_else(none)?);
        }
        Ok(())
    }
}

// Lines.

fn lines(input: &[u8], device: &Device, entries: &mut Entries) {
    // Growing means to hash every key again.
    entries.known = HashTable::with_capacity(memchr::memchr_iter(b'\n', input).count() + 1);
    let mut lines = Lines::of(input);
    let mut places = Vec::new();
    while let Some(read) = lines.next(|text, words| line(text, words, device, &mut places)) {
        match read {
            Ok((line, (column, entry))) => entries.push(line, column, entry),
            Err(problem) => entries.problems.push(problem),
        }
    }
}

/// `[fdb] [add|append|replace] MAC WORDS`, or the line of a listing. `places` is memory for where
/// the fields of a line are.
fn line(
    text: &str,
    words: &Words,
    device: &Device,
    places: &mut Vec<(&'static str, usize)>,
) -> Result<(usize, Entry), Fault> {
    let mut rest = words.list().iter().copied().peekable();
    rest.next_if(|word| words.text(text, *word) == "fdb");
    let verb = rest.next_if(|word| {
        matches!(words.text(text, *word), "add" | "append" | "replace" | "del" | "delete")
    });
    if let Some(verb) = verb.filter(|verb| words.text(text, *verb).starts_with("del")) {
        return Err(Fault::new(
            verb.at(),
            "the file says which entries there are to be, and none to delete",
        ));
    }
    let Some(first) = rest.next() else {
        return Err(Fault::new(0, "an entry needs a MAC address"));
    };
    let mac = parse_word::<Mac>(words.text(text, first), first)?;
    let mut written = Written { mac: Some(mac), ..Written::default() };
    places.clear();
    places.push(("mac", first.at()));
    while let Some(word) = rest.next() {
        let key = words.text(text, word);
        let mut value = |name: &'static str| {
            let Some(value) = rest.next() else {
                return Err(Fault::new(word.at(), format!("{key} needs a value")));
            };
            places.push((name, value.at()));
            Ok((words.text(text, value), value))
        };
        match key {
            "dev" => written.ifname = Some(value("dev")?.0.into()),
            "dst" => written.dst = Some(read_word(value("dst")?, values::address)?),
            "port" => written.port = Some(read_word(value("port")?, values::port)?),
            "vni" => written.vni = Some(read_word(value("vni")?, vni)?),
            "src_vni" => written.src_vni = Some(read_word(value("src_vni")?, vni)?),
            "nhid" => written.nhid = Some(read_word(value("nhid")?, values::nexthop)?),
            "vlan" => written.vlan = Some(read_word(value("master")?, values::vlan)?),
            "via" => written.via = Some(value("via")?.0.into()),
            "used" => _ = value("used")?,
            "master" => {
                places.push(("master", word.at()));
                written.master = Some("".into());
                // A listing names the bridge.
                rest.next_if(|next| !is_keyword(words.text(text, *next)));
            }
            "permanent" | "local" | "static" | "temp" | "dynamic" | "stale" => {
                places.push(("state", word.at()));
                written.state = Some(key.into());
            }
            "self" | "use" | "router" | "extern_learn" | "offload" => {
                written.flags.push(key.into());
            }
            _ => return Err(Fault::new(word.at(), format!("'{key}' is not a word of an entry"))),
        }
    }
    // A listing ends in the name of the state, and has none for one that ages.
    if verb.is_none() && written.state.is_none() && written.flags.iter().any(|flag| flag == "self")
    {
        written.state = Some("dynamic".into());
    }
    let entry = written.entry(device).map_err(|Wrong(field, message)| {
        let place = places.iter().rfind(|(name, _)| *name == field);
        Fault::new(place.map_or(first.at(), |(_, at)| *at), message)
    })?;
    Ok((1, entry))
}

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 18] = [
        "dev",
        "dst",
        "port",
        "vni",
        "src_vni",
        "nhid",
        "vlan",
        "via",
        "used",
        "permanent",
        "local",
        "static",
        "temp",
        "dynamic",
        "stale",
        "self",
        "router",
        "extern_learn",
    ];
    KEYWORDS.contains(&word)
}

fn vni(text: &str) -> values::Parsed<Vni> {
    text.parse().map_err(|error: vxlan::ParseVniError| error.to_string())
}

fn parse_word<T: FromStr<Err: ToString>>(text: &str, word: Word) -> Result<T, Fault> {
    text.parse().map_err(|error: T::Err| Fault::new(word.at(), error.to_string()))
}

fn read_word<T>(
    (text, word): (&str, Word),
    read: fn(&str) -> values::Parsed<T>,
) -> Result<T, Fault> {
    read(text).map_err(|message| Fault::new(word.at(), message))
}

// JSON: one list of objects, or one object behind the other.

fn json(text: &[u8], device: &Device, entries: &mut Entries) {
    let place = Places::of(text);
    let raw: Result<Vec<&RawValue>, _> = match text.iter().find(|it| !it.is_ascii_whitespace()) {
        Some(b'[') => serde_json::from_slice(text),
        _ => serde_json::Deserializer::from_slice(text).into_iter().collect(),
    };
    let raw = match raw {
        Ok(raw) => raw,
        Err(error) => return entries.problem(error.line(), error.column(), plain(&error)),
    };
    for object in raw {
        let (line, column) = place.of_part(object.get());
        match serde_json::from_str::<Written<'_>>(object.get()) {
            Ok(written) => written.finish(line, column, device, entries),
            Err(error) => {
                // Places in the object are counted from its own beginning.
                let (line, column) = match error.line() {
                    0 | 1 => (line, column + error.column().saturating_sub(1)),
                    further => (line + further - 1, error.column()),
                };
                entries.problem(line, column, plain(&error));
            }
        }
    }
}

impl Written<'_> {
    fn finish(&self, line: usize, column: usize, device: &Device, entries: &mut Entries) {
        match self.entry(device) {
            Ok(entry) => entries.push(line, column, entry),
            Err(Wrong(_, message)) => entries.problem(line, column, message),
        }
    }
}

/// The message without the place, which stands before it.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

/// Where parts of a text are.
struct Places {
    start: usize,
    /// Where lines begin.
    lines: Vec<usize>,
}

impl Places {
    fn of(text: &[u8]) -> Self {
        let ends = memchr::memchr_iter(b'\n', text).map(|end| end + 1);
        Self { start: text.as_ptr() as usize, lines: [0].into_iter().chain(ends).collect() }
    }

    /// Line and column of a part that was borrowed from the text.
    fn of_part(&self, part: &str) -> (usize, usize) {
        let at = (part.as_ptr() as usize).saturating_sub(self.start);
        let line = self.lines.partition_point(|start| *start <= at);
        (line, at - self.lines.get(line - 1).copied().unwrap_or_default() + 1)
    }
}

// YAML: a list.

fn yaml(text: &[u8], device: &Device, entries: &mut Entries) {
    let list: Vec<serde_saphyr::Spanned<Written<'_>>> = match serde_saphyr::from_slice(text) {
        Ok(list) => list,
        Err(error) => {
            let (line, column) = error
                .location()
                .map_or((1, 1), |place| (place.line() as usize, place.column() as usize));
            return entries.problem(line, column, first_line(&error));
        }
    };
    for written in list {
        let place = written.referenced;
        let (line, column) = (place.line() as usize, place.column() as usize);
        written.value.finish(line, column, device, entries);
    }
}

/// What is wrong, without the picture of the place.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    match line.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        let links = HashMap::from([("eth0".to_owned(), 2), ("vx0".to_owned(), 7)]);
        Device { link: 7, name: "vx0".into(), is_ipv6: false, external: false, links }
    }

    fn read(text: &str) -> Vec<Entry> {
        parse(text.as_bytes(), &device()).unwrap_or_else(|problems| panic!("{text}: {problems}"))
    }

    fn mistakes(text: &str) -> String {
        parse(text.as_bytes(), &device()).map_or_else(|it| it.to_string(), |it| format!("{it:?}"))
    }

    #[test]
    fn the_same_entries_in_every_form() {
        let mac: Mac = "02:00:00:00:00:05".parse().expect("an address");
        let mut first = Entry::to(7, mac, [172, 16, 20, 125].into());
        first.remote.port = Some(4789);
        first.remote.vni = Vni::new(77);
        first.remote.via = Some(2);
        let mut second = Entry::to(7, Mac::ZERO, [172, 16, 20, 126].into());
        second.state = State::STATIC;
        second.flags |= Flags::EXTERN_LEARN;
        let third = Entry {
            nexthop_group: Some(10),
            state: State::DYNAMIC,
            ..Entry::new(7, Mac([2, 0, 0, 0, 0, 12]))
        };
        let expected = [first, second, third];
        let forms = [
            "# as bridge -batch takes them\n\
             fdb append 02:00:00:00:00:05 dev vx0 dst 172.16.20.125 port 4789 vni 77 via eth0\n\
             fdb append 00:00:00:00:00:00 dev vx0 dst 172.16.20.126 static extern_learn\n\
             fdb add 02:00:00:00:00:0c dev vx0 nhid 10 self dynamic\n",
            "02:00:00:00:00:05 dst 172.16.20.125 port 4789 vni 77 via eth0 used 1/2 self permanent\n\
             00:00:00:00:00:00 dev vx0 dst 172.16.20.126 self extern_learn static\n\
             02:00:00:00:00:0c nhid 10 self \n",
            r#"[{"mac":"02:00:00:00:00:05","dst":"172.16.20.125","port":4789,"vni":77,"viaIf":"eth0",
                 "used":3,"updated":4,"flags":["self"],"state":"permanent"},
                {"mac":"00:00:00:00:00:00","ifname":"vx0","dst":"172.16.20.126",
                 "flags":["self","extern_learn"],"state":"static"},
                {"mac":"02:00:00:00:00:0c","nhid":10,"flags":[],"state":""}]"#,
            r#"{"mac":"02:00:00:00:00:05","dst":"172.16.20.125","port":4789,"vni":77,"viaIf":"eth0"}
               {"mac":"0:0:0:0:0:0","dst":"172.16.20.126","flags":["extern_learn"],"state":"static"}
               {"mac":"02:00:00:00:00:0c","nhid":10,"state":"dynamic"}"#,
            "- mac: 02:00:00:00:00:05\n  dst: 172.16.20.125\n  port: 4789\n  vni: 77\n  viaIf: eth0\n\
             - mac: 00:00:00:00:00:00\n  dst: 172.16.20.126\n  flags: [extern_learn]\n  state: static\n\
             - {mac: '02:00:00:00:00:0c', nhid: 10, state: dynamic}\n",
        ];
        for form in forms {
            assert_eq!(read(form), expected, "{form}");
        }
        for empty in ["", "# nothing\n\n", "[]", " [ ] "] {
            assert!(read(empty).is_empty(), "{empty}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_places() {
        let cases = [
            ("fdb append zz dev vx0 dst 1.1.1.1", "1:12: 'zz' is not a MAC address"),
            ("2:0:0:0:0:1 dst 1.1.1", "1:17: '1.1.1' is not an IP address"),
            ("\n2:0:0:0:0:1 dst 1.1.1.1 vni 16777216", "2:29: '16777216' is not a VNI"),
            ("2:0:0:0:0:1 dst fd00::1", "1:17: fd00::1 is not IPv4, as all of vx0 is"),
            ("2:0:0:0:0:1 dev vx1 dst 1.1.1.1", "1:17: this entry is vx1's, not vx0's"),
            ("2:0:0:0:0:1 master br0 permanent", "1:13: this entry is in a bridge's table"),
            ("2:0:0:0:0:1", "1:1: an entry needs dst or nhid"),
            ("2:0:0:0:0:1 dst 1.1.1.1 nhid 7", "1:30: an entry has dst or nhid, and not both"),
            ("2:0:0:0:0:1 dst 1.1.1.1 via eth7", "1:29: there is no link eth7"),
            ("2:0:0:0:0:1 dst", "1:13: dst needs a value"),
            ("2:0:0:0:0:1 to 1.1.1.1", "1:13: 'to' is not a word of an entry"),
            ("2:0:0:0:0:1 dst 1.1.1.1 src_vni 7", "1:33: vx0 has no source VNIs"),
            ("fdb del 2:0:0:0:0:1 dev vx0", "1:5: the file says which entries there are to be"),
            (
                "2:0:0:0:0:1 dst 1.1.1.1\n2:0:0:0:0:1 dst 1.1.1.2",
                "2:1: 02:00:00:00:00:01 has an entry already, by line 1",
            ),
            (
                "0:0:0:0:0:0 dst 1.1.1.1\n0:0:0:0:0:0 dst 1.1.1.1",
                "2:1: 00:00:00:00:00:00 has this remote already, by line 1",
            ),
            ("[{\"mac\":\"zz\"}]", "1:"),
            (
                "[\n {\"mac\":\"2:0:0:0:0:1\",\n  \"dest\":\"1.1.1.1\"}]",
                "3:8: unknown field `dest`",
            ),
            ("[\n {\"mac\":\"2:0:0:0:0:1\"}]", "2:2: an entry needs dst or nhid"),
            ("[{]", "1:3: "),
            ("{\"mac\":\"2:0:0:0:0:1\",\"dst\":\"1.1.1.1\"}\n{\"mac\":7}", "2:8: invalid type"),
            ("- mac: 2:0:0:0:0:1\n  dst: 1.1.1.1\n- mac: 2:0:0:0:0:2\n  dst: fd00::1\n", "3:"),
            ("- mac: 2:0:0:0:0:1\n  vni: 16777216\n", "2:"),
            ("- [", "1:"),
        ];
        for (text, expected) in cases {
            let told = mistakes(text);
            assert!(told.starts_with(expected), "{text}: {told}");
        }
    }

    #[test]
    fn every_mistake_is_told() {
        let told = mistakes("zz\n2:0:0:0:0:1 dst 1.1.1.1\nyy\n");
        assert_eq!(told.lines().count(), 2, "{told}");
    }
}
