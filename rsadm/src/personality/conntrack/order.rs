//! A command line as it is read: one option after the other, then all together.

use std::io::Write;
use std::net::IpAddr;

use conntrack::{Family, Labels, Network};

use super::address::{self, InvalidPrefix, Prefixed};
use super::command::{Command, Table, Verb};
use super::directory::Directory;
use super::getopt::{Next, Walk};
use super::matrix::{self, Aspect, Given, Mistake};
use super::options::{Key, Options, Switch, name_of};
use super::protocol::{Counting, Field, Protocol};
use super::stop::Stop;
use super::words::{self, Statuses};
use crate::classic::conntrack::LabelMap;
use crate::personality::numbers::{atoi, atol, strtoul};
use crate::personality::system_text;

/// Source and destination, as far as they are given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) source: Option<IpAddr>,
    pub(super) destination: Option<IpAddr>,
}

/// What NAT makes of an address and a port, as far as it is given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nat {
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
}

/// A number, of which only some bits count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masked {
    pub(super) value: u32,
    pub(super) mask: u32,
}

/// What is to become of labels.
#[derive(Clone, Copy, Debug)]
pub(super) enum LabelChange {
    Add(Labels),
    Delete(Labels),
}

/// The values of a protocol's options.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields([Option<u32>; Field::COUNT]);

impl Fields {
    pub(super) fn get(&self, field: Field) -> Option<u32> {
        self.0[field as usize]
    }

    /// A value of 16 bits.
    pub(super) fn short(&self, field: Field) -> Option<u16> {
        self.get(field).map(|value| value as u16)
    }
}

/// What the commands of a file have in common: the forms of output that any of them asks for are
/// those of all.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) output: u32,
    pub(super) label_map: Option<LabelMap>,
}

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) command: Option<Command>,
    /// Flows of another list than the table.
    pub(super) table: Option<Table>,
    pub(super) given: Given,
    pub(super) family: Option<Family>,
    pub(super) protocol: Option<(u8, &'static Protocol)>,
    pub(super) original: Ends,
    pub(super) reply: Ends,
    pub(super) tuple: Ends,
    pub(super) mask: Ends,
    pub(super) fields: Fields,
    fields_given: Given,
    pub(super) timeout: Option<u32>,
    pub(super) status: Statuses,
    pub(super) mark: Masked,
    pub(super) id: u32,
    pub(super) zone: Option<u16>,
    pub(super) original_zone: Option<u16>,
    pub(super) reply_zone: Option<u16>,
    pub(super) source_nat: Nat,
    pub(super) destination_nat: Nat,
    pub(super) any_nat: Nat,
    pub(super) labels: Labels,
    pub(super) label_change: Option<LabelChange>,
    pub(super) events: u32,
    pub(super) buffer_size: Option<u32>,
}

impl Order {
    /// Reads the words of a command line, the program's name first. Warnings are written at once.
    pub(super) fn read(
        words: Vec<&[u8]>,
        posix: bool,
        shared: &mut Shared,
        directory: &mut impl Directory,
        warnings: &mut impl Write,
    ) -> Result<Self, Stop> {
        let names = &mut Names { shared, directory, warnings };
        let mut order = Self::default();
        let mut walk = Walk::new(words, posix);
        let mut options = Options::new();
        loop {
            match walk.next(&options) {
                Next::End => break,
                Next::Unknown => {
                    return Err(Stop::quoting("unknown option", walk.shown_word()));
                }
                Next::MissingValue => {
                    let option = [b"option `", walk.shown_word(), b"' requires an argument"];
                    return Err(Stop::usage(option.concat()));
                }
                Next::Option(Key::Field { place, counting }, value) => {
                    order.field(place, counting, value.unwrap_or_default())?;
                }
                Next::Option(Key::Switch(Switch::Protocol), value) => {
                    let protocol = order.protocol(value.unwrap_or_default(), names)?;
                    options.add(protocol);
                }
                Next::Option(Key::Switch(switch), value) => {
                    let following = walk.following_word();
                    order.switch(switch, value, following, names)?;
                }
            }
        }
        order.check()?;
        Ok(order)
    }

    /// What has to be true of all options together.
    fn check(&self) -> Result<(), Stop> {
        if self.given.has(Aspect::AnyNat)
            && self.given.any(&[Aspect::SourceNat, Aspect::DestinationNat])
        {
            return Err(Stop::usage("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'"));
        }
        matrix::check(self.command, self.given).map_err(|mistake| match mistake {
            Mistake::Said(text) => Stop::usage(text),
            Mistake::Pair(0) => Stop::usage("you have to specify `--src' and `--dst'"),
            Mistake::Pair(_) => Stop::usage("you have to specify `--reply-src' and `--reply-dst'"),
        })?;
        if let Some((_, protocol)) = self.protocol
            && self.command != Some(Command::Help)
        {
            protocol.check(self.command, self.fields_given).map_err(Stop::usage)?;
        }
        self.check_masks()
    }

    /// A mask is for an address.
    fn check_masks(&self) -> Result<(), Stop> {
        // Of other lists than the table nobody looks at it.
        if self.table.is_some() {
            return Ok(());
        }
        for (mask, addresses, name) in [
            (Aspect::MaskSource, [Aspect::Source, Aspect::TupleSource], "src"),
            (Aspect::MaskDestination, [Aspect::Destination, Aspect::TupleDestination], "dst"),
        ] {
            if self.given.has(mask) && !self.given.any(&addresses) {
                return Err(Stop::usage(format!("Can't use --mask-{name} without --{name}")));
            }
        }
        Ok(())
    }

    /// Whether statuses are asked for, but no bit of them.
    pub(super) fn has_empty_status(&self) -> bool {
        self.given.has(Aspect::Status) && self.status == Statuses::default()
    }

    fn switch(
        &mut self,
        switch: Switch,
        value: Option<&[u8]>,
        following: Option<&[u8]>,
        names: &mut Names<'_, impl Directory, impl Write>,
    ) -> Result<(), Stop> {
        let text = value.unwrap_or_default();
        match switch {
            Switch::Verb(verb) => self.verb(verb, following)?,
            Switch::Address(aspect) => self.address(aspect, text)?,
            Switch::Number(aspect) => {
                // By its name, the option does not need one to be taken.
                let number =
                    value.ok_or_else(|| Stop::usage("option `--id' requires an argument"))?;
                self.number(aspect, number);
            }
            Switch::Nat(aspect) => self.nat(aspect, following)?,
            // It has been read where the protocol's options are known.
            Switch::Protocol => {}
            Switch::Timeout => {
                self.given.insert(Aspect::Timeout);
                self.timeout = Some(atol(text).cast_unsigned() as u32);
            }
            Switch::Status => {
                self.given.insert(Aspect::Status);
                words::statuses(text, &mut self.status, names.warnings)?;
            }
            Switch::Zero => self.given.insert(Aspect::Zero),
            Switch::EventMask => {
                self.given.insert(Aspect::EventMask);
                self.events |= words::bits(text, words::EVENTS, names.warnings)?;
            }
            Switch::NatRange => {
                // Nobody is left to tell if a warning cannot be written.
                _ = writeln!(names.warnings, "WARNING: ignoring -a, deprecated option.");
            }
            Switch::Mark => self.mark(text),
            Switch::Family => self.family(text)?,
            Switch::Output => self.output(text, names)?,
            Switch::BufferSize => {
                self.given.insert(Aspect::BufferSize);
                self.buffer_size = Some(atol(text).cast_unsigned() as u32);
            }
            Switch::Label => {
                self.given.insert(Aspect::Label);
                let labels = names.labels(text)?;
                self.labels.0 |= labels.0;
            }
            Switch::LabelAdd => {
                self.given.insert(Aspect::LabelAdd);
                let labels = names.labels(text)?;
                self.change_labels(LabelChange::Add(labels))?;
            }
            Switch::LabelDelete => {
                self.given.insert(Aspect::LabelDelete);
                let labels = if let Some(text) = value.or(following) {
                    names.labels(text)?
                } else {
                    names.open_label_map();
                    Labels::ALL
                };
                self.change_labels(LabelChange::Delete(labels))?;
            }
        }
        Ok(())
    }

    fn verb(&mut self, verb: Verb, table: Option<&[u8]>) -> Result<(), Stop> {
        let table = match table {
            None => Table::Flows,
            // These two take no table.
            Some(_) if matches!(verb, Verb::Version | Verb::Help) => Table::Flows,
            Some(word) => Table::named(word).ok_or_else(|| Stop::quoting("unknown type", word))?,
        };
        let command = match table {
            Table::Flows => verb.on_flows(),
            Table::Expectations => verb
                .on_expectations()
                .map_err(|name| Stop::usage(format!("Can't do --{name} on expectations")))?,
            Table::Dying | Table::Unconfirmed if verb == Verb::List => {
                self.table = Some(table);
                Command::List
            }
            Table::Dying | Table::Unconfirmed => {
                return Err(Stop::usage(
                    "Can't do that command with tables `dying' and `unconfirmed'",
                ));
            }
        };
        match self.command.replace(command) {
            None => Ok(()),
            Some(_) => Err(Stop::usage("Invalid commands combination")),
        }
    }

    /// An address settles the family of all others.
    fn settle_family(&mut self, family: Family) -> Result<(), Stop> {
        match self.family.replace(family) {
            Some(other) if other != family => Err(Stop::usage("mismatched address family")),
            _ => Ok(()),
        }
    }

    fn family(&mut self, name: &[u8]) -> Result<(), Stop> {
        self.given.insert(Aspect::Family);
        let family = match name {
            [b'i', b'p', b'v', b'4', ..] => Family::Ipv4,
            [b'i', b'p', b'v', b'6', ..] => Family::Ipv6,
            _ => return Err(Stop::quoted(name, "unsupported protocol")),
        };
        self.settle_family(family)
    }

    fn address(&mut self, aspect: Aspect, text: &[u8]) -> Result<(), Stop> {
        self.given.insert(aspect);
        let with_prefix = matches!(
            aspect,
            Aspect::Source | Aspect::Destination | Aspect::TupleSource | Aspect::TupleDestination
        );
        let (address, prefix) = self.plain_address(aspect, text, with_prefix)?;
        let (place, mask, mask_aspect) = match aspect {
            Aspect::Source | Aspect::TupleSource => {
                let place =
                    if aspect == Aspect::Source { &mut self.original } else { &mut self.tuple };
                (&mut place.source, &mut self.mask.source, Aspect::MaskSource)
            }
            Aspect::Destination | Aspect::TupleDestination => {
                let tuple = aspect == Aspect::TupleDestination;
                let place = if tuple { &mut self.tuple } else { &mut self.original };
                (&mut place.destination, &mut self.mask.destination, Aspect::MaskDestination)
            }
            other => {
                *match other {
                    Aspect::MaskSource => &mut self.mask.source,
                    Aspect::MaskDestination => &mut self.mask.destination,
                    Aspect::ReplySource => &mut self.reply.source,
                    _ => &mut self.reply.destination,
                } = Some(address);
                return Ok(());
            }
        };
        *place = Some(address);
        if let Some(length) =
            prefix.filter(|length| Network::new(address, *length).single().is_none())
        {
            *mask = Some(Network::new(address, length).mask);
            self.given.insert(mask_aspect);
        }
        Ok(())
    }

    /// An address, with the length of a prefix where that is allowed.
    fn plain_address(
        &mut self,
        aspect: Aspect,
        text: &[u8],
        with_prefix: bool,
    ) -> Result<(IpAddr, Option<u8>), Stop> {
        let Prefixed { address, prefix } = address::prefixed(text)?;
        self.settle_family(Family::of(address))?;
        match prefix {
            None => Ok((address, None)),
            Some(_) if !with_prefix => {
                Err(Stop::usage(format!("CIDR notation unavailable for `--{}'", name_of(aspect))))
            }
            Some(Ok(length)) => Ok((address, Some(length))),
            Some(Err(InvalidPrefix)) => Err(Stop::usage("Invalid netmask")),
        }
    }

    fn number(&mut self, aspect: Aspect, text: &[u8]) {
        self.given.insert(aspect);
        let (number, _) = strtoul(text);
        match aspect {
            Aspect::Id => self.id = number as u32,
            Aspect::Zone => self.zone = Some(number as u16),
            Aspect::OriginalZone => self.original_zone = Some(number as u16),
            Aspect::ReplyZone => self.reply_zone = Some(number as u16),
            // Of the security mark nobody knows what it would be compared to.
            _ => {}
        }
    }

    fn mark(&mut self, text: &[u8]) {
        self.given.insert(Aspect::Mark);
        let (value, behind) = strtoul(text);
        let mask = match behind {
            [b'/', mask @ ..] => strtoul(mask).0 as u32,
            _ => !0,
        };
        self.mark = Masked { value: value as u32, mask };
    }

    fn nat(&mut self, aspect: Aspect, text: Option<&[u8]>) -> Result<(), Stop> {
        self.given.insert(aspect);
        let Some(text) = text else { return Ok(()) };
        let (address, port) = address::with_port(text)?;
        let (address, _) = self.plain_address(aspect, address, false)?;
        let nat = match aspect {
            Aspect::SourceNat => &mut self.source_nat,
            Aspect::DestinationNat => &mut self.destination_nat,
            _ => &mut self.any_nat,
        };
        nat.address = Some(address);
        nat.port = port.or(nat.port);
        Ok(())
    }

    fn output(
        &mut self,
        text: &[u8],
        names: &mut Names<'_, impl Directory, impl Write>,
    ) -> Result<(), Stop> {
        self.given.insert(Aspect::Output);
        let output = names.shared.output | words::bits(text, words::OUTPUTS, names.warnings)?;
        names.shared.output = output;
        if output & words::LABELS != 0 {
            names.open_label_map();
        }
        if output & words::SAVE != 0 && output != words::SAVE {
            return Err(Stop::refused(
                "cannot combine save output with any other output type, use -o save only",
            ));
        }
        Ok(())
    }

    fn protocol(
        &mut self,
        name: &[u8],
        names: &mut Names<'_, impl Directory, impl Write>,
    ) -> Result<&'static Protocol, Stop> {
        self.given.insert(Aspect::Protocol);
        let unsupported = || Stop::quoted(name, "unsupported protocol");
        let (number, protocol) = if let Some(protocol) = Protocol::named(name) {
            (protocol.number(), protocol)
        } else if let Some(number) = names.directory.protocol(name) {
            (number, Protocol::unknown())
        } else {
            let number = protocol_number(name).ok_or_else(unsupported)?;
            (number, Protocol::numbered(number))
        };
        self.protocol = Some((number, protocol));
        Ok(protocol)
    }

    fn field(&mut self, place: usize, counting: Counting, text: &[u8]) -> Result<(), Stop> {
        let protocol = self.protocol.map(|(_, protocol)| protocol);
        let Some(protocol) = protocol.filter(|protocol| protocol.counting == counting) else {
            return Ok(());
        };
        if let Some(field) = protocol.field(place) {
            self.fields.0[field as usize] = Some(protocol.value(field, text)?);
            self.fields_given.insert_index(place);
        }
        Ok(())
    }

    fn change_labels(&mut self, change: LabelChange) -> Result<(), Stop> {
        let both = match (self.label_change, change) {
            (None, change) => change,
            (Some(LabelChange::Add(some)), LabelChange::Add(more)) => {
                LabelChange::Add(Labels(some.0 | more.0))
            }
            (Some(LabelChange::Delete(some)), LabelChange::Delete(more)) => {
                LabelChange::Delete(Labels(some.0 | more.0))
            }
            _ => {
                let text = "cannot use --label-add and --label-del at the same time";
                return Err(Stop::refused(text));
            }
        };
        self.label_change = Some(both);
        Ok(())
    }
}

/// Where names are looked up, and what is said about it.
struct Names<'a, D, W> {
    shared: &'a mut Shared,
    directory: &'a mut D,
    warnings: &'a mut W,
}

impl<D: Directory, W: Write> Names<'_, D, W> {
    fn open_label_map(&mut self) {
        if self.shared.label_map.is_some() {
            return;
        }
        match self.directory.labels() {
            Ok(map) => self.shared.label_map = Some(map),
            Err(error) => {
                let reason = system_text(error.raw_os_error().unwrap_or_default());
                // Nobody is left to tell if a warning cannot be written.
                _ = writeln!(self.warnings, "nfct_labelmap_new: {reason}");
            }
        }
    }

    /// The bits of names that are apart by commas.
    fn labels(&mut self, names: &[u8]) -> Result<Labels, Stop> {
        self.open_label_map();
        let mut labels = Labels::NONE;
        for name in names.split(|byte| *byte == b',') {
            let bit = self.shared.label_map.as_ref().and_then(|map| map.bit(name));
            let bit = bit.ok_or_else(|| Stop::usage([b"unknown label '", name, b"'"].concat()))?;
            // No flow has a label beyond those of the kernel.
            labels.insert(u8::try_from(bit).unwrap_or(u8::MAX));
        }
        Ok(labels)
    }
}

/// A number of a protocol, of which nothing may follow.
fn protocol_number(text: &[u8]) -> Option<u8> {
    let (number, behind) = strtoul(text);
    if text.is_empty() || !behind.is_empty() {
        return None;
    }
    u8::try_from(number).ok()
}

impl Protocol {
    /// The value of an option; a name that means nothing is a mistake.
    fn value(&self, field: Field, text: &[u8]) -> Result<u32, Stop> {
        match field {
            Field::State => self.state(text),
            Field::Role => role(text),
            _ if self.has_keys() => Ok(strtoul(text).0 as u32),
            _ => Ok(atoi(text).cast_unsigned()),
        }
    }
}

fn role(text: &[u8]) -> Result<u32, Stop> {
    if text.eq_ignore_ascii_case(b"client") {
        return Ok(0);
    }
    if text.eq_ignore_ascii_case(b"server") {
        return Ok(1);
    }
    Err(Stop::quoting("Unknown DCCP role", text))
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::*;

    struct Names;

    impl Directory for Names {
        fn protocol(&mut self, name: &[u8]) -> Option<u8> {
            (name == b"esp").then_some(50)
        }

        fn labels(&mut self) -> io::Result<LabelMap> {
            Ok(LabelMap::parse(b"1 one\n2 two\n"))
        }
    }

    /// What a line is read as, or the message and status, with warnings in front.
    fn read(line: &str) -> Result<Order, String> {
        let words = std::iter::once("conntrack").chain(line.split(' '));
        let mut warnings = Vec::new();
        let words = words.map(str::as_bytes).collect();
        Order::read(words, false, &mut Shared::default(), &mut Names, &mut warnings).map_err(
            |stop| {
                let text = [warnings, stop.message].concat();
                format!("{} {}", stop.status, String::from_utf8_lossy(&text))
            },
        )
    }

    fn complaint(line: &str) -> String {
        read(line).err().unwrap_or_default()
    }

    #[test]
    fn a_line_with_everything() {
        let order = read("-L -s 10.0.0.0/8 -r fd00::1");
        assert_eq!(order.err().as_deref(), Some("2 mismatched address family"));
        let order = read(
            "-D con -s 10.0.0.0/8 -d 10.1 -r 1.1.1.1 -q 2.2.2.2 -p tcp --sport 80 --state CLOSE -m \
             5/7 -u ASSURED,!SEEN_REPLY -w 0x10 --orig-zone 1 --reply-zone 2 -n 3.3.3.3:99 -l one,two",
        )
        .expect("a line");
        assert_eq!(order.command, Some(Command::Delete));
        assert_eq!(order.family, Some(Family::Ipv4));
        assert_eq!(order.mask.source, "255.0.0.0".parse().ok());
        assert_eq!(order.original.destination, "10.0.0.1".parse().ok());
        assert_eq!(order.protocol.map(|(number, _)| number), Some(6));
        assert_eq!(order.fields.short(Field::OriginalSource), Some(80));
        assert_eq!(order.fields.get(Field::State), Some(8));
        assert_eq!((order.mark.value, order.mark.mask), (5, 7));
        assert_eq!(order.status, Statuses { set: 4, unset: 2 });
        assert_eq!(
            (order.zone, order.original_zone, order.reply_zone),
            (Some(16), Some(1), Some(2))
        );
        assert_eq!(order.source_nat.port, Some(99));
        assert_eq!(order.labels, Labels(0b110));
    }

    #[test]
    fn tables() {
        assert_eq!(read("-L exp").map(|order| order.command), Ok(Some(Command::ListExpectations)));
        assert_eq!(read("-L dy").map(|order| order.table), Ok(Some(Table::Dying)));
        assert_eq!(complaint("-D dying").lines().count(), 1);
        assert_eq!(complaint("-L foo"), "2 unknown type `foo'");
        assert_eq!(complaint("-U expect"), "2 Can't do --update on expectations");
        assert_eq!(complaint("-L -D"), "2 Invalid commands combination");
        assert_eq!(read("foo").map(|order| order.command), Ok(None));
    }

    #[test]
    fn the_order_of_complaints() {
        assert_eq!(complaint("-I -s foo -q"), "2 Invalid IP address `foo'");
        assert_eq!(
            complaint("-I -s 1.1.1.1 -j -n"),
            "2 cannot specify `--src-nat' or `--dst-nat' with `--any-nat'"
        );
        assert_eq!(complaint("-I -p tcp -t 5"), "2 you have to specify `--src' and `--dst'");
        assert_eq!(
            complaint("-L --mask-src 1.1.1.1 -p tcp --mask-port-src 5"),
            "2 Illegal option `--mask-port-src' with this command"
        );
        assert_eq!(complaint("-L --mask-src 1.1.1.1"), "2 Can't use --mask-src without --src");
        assert_eq!(complaint("-L -p tcp --sport 5 -p icmp"), "");
        assert_eq!(complaint("-L --sport 5 -p tcp"), "2 unknown option `--sport'");
        assert_eq!(
            complaint("-L -a x -u SRC_NAT,foo"),
            "2 WARNING: ignoring -a, deprecated option.\n\
             WARNING: ignoring SRC_NAT, use --src-nat instead\nBad parameter `foo'"
        );
        assert_eq!(
            complaint("-L -o save,id"),
            "1 cannot combine save output with any other output type, use -o save only"
        );
        assert_eq!(complaint("-L -l three"), "2 unknown label 'three'");
        assert_eq!(complaint("-D --id"), "2 option `--id' requires an argument");
    }

    #[test]
    fn protocols() {
        for (name, number) in [("tcp", 6), ("UDP", 17), ("esp", 50), ("0x11", 17), ("255", 255)] {
            let order = read(&format!("-L -p {name}")).expect(name);
            assert_eq!(order.protocol.map(|(number, _)| number), Some(number), "{name}");
        }
        for name in ["256", "-1", "foo", "6x", "ESP"] {
            assert_eq!(
                complaint(&format!("-L -p {name}")),
                format!("2 `{name}' unsupported protocol")
            );
        }
    }

    /// Words that mean something, in any order.
    const WORDS: [&str; 40] = [
        "-L",
        "-D",
        "-I",
        "-U",
        "-G",
        "-E",
        "-F",
        "-h",
        "-V",
        "expect",
        "dying",
        "-s",
        "-d",
        "-r",
        "-p",
        "tcp",
        "icmp",
        "sctp",
        "--sport",
        "--state",
        "ESTABLISHED",
        "-n",
        "-g",
        "10.0.0.1:80",
        "[fd00::1]:80",
        "10.0.0.0/8",
        "-u",
        "ASSURED,!x",
        "-m",
        "5/7",
        "-o",
        "xml,id",
        "-l",
        "one",
        "--label-del",
        "-t",
        "99",
        "--",
        "--mask-src",
        "-zq",
    ];

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(words: Vec<Vec<u8>>, posix: bool) {
            let words = words.iter().map(Vec::as_slice).collect();
            _ = Order::read(words, posix, &mut Shared::default(), &mut Names, &mut Vec::new());
        }

        #[test]
        fn known_words_in_any_order_are_read_or_refused(
            places in prop::collection::vec(0..WORDS.len(), 0..12)
        ) {
            let words = places.into_iter().map(|place| WORDS[place].as_bytes());
            let words = std::iter::once(b"conntrack".as_slice()).chain(words).collect();
            let read = Order::read(words, false, &mut Shared::default(), &mut Names, &mut Vec::new());
            if let Ok(order) = read {
                // What can be read can be asked for.
                _ = order.filter();
                _ = order.new_flow();
                _ = order.key();
                _ = order.expectation();
            }
        }
    }
}
