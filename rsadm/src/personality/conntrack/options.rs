//! The options, those of every command line and those that a protocol brings.
//!
//! clap is of no use here: words, errors and their order are those of `getopt_long`, to the byte.

use super::command::Verb;
use super::getopt::{Named, Table, Value};
use super::matrix::Aspect;
use super::protocol::{Counting, Protocol};

use Value::{Optional, Required, Without};

/// An option of every command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    Verb(Verb),
    /// An address of the flow that is asked for.
    Address(Aspect),
    /// A number that stands for itself.
    Number(Aspect),
    /// An address, a port, or both, of which there may be none.
    Nat(Aspect),
    Protocol,
    Timeout,
    Status,
    Zero,
    EventMask,
    NatRange,
    Mark,
    Family,
    Output,
    BufferSize,
    Label,
    LabelAdd,
    LabelDelete,
}

/// What an option stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Switch(Switch),
    /// An option of a protocol, by its place among those. Of several protocols, the last one takes
    /// it for its own option of that place, if it counts them alike.
    Field {
        place: usize,
        counting: Counting,
    },
}

const fn switch(name: &'static str, value: Value, switch: Switch) -> Named<Key> {
    Named { name, value, key: Key::Switch(switch) }
}

const fn verb(name: &'static str, value: Value, verb: Verb) -> Named<Key> {
    switch(name, value, Switch::Verb(verb))
}

const fn address(name: &'static str, aspect: Aspect) -> Named<Key> {
    switch(name, Required, Switch::Address(aspect))
}

const fn number(name: &'static str, aspect: Aspect) -> Named<Key> {
    switch(name, Required, Switch::Number(aspect))
}

const fn nat(name: &'static str, aspect: Aspect) -> Named<Key> {
    switch(name, Optional, Switch::Nat(aspect))
}

/// The options that have names.
const NAMED: &[Named<Key>] = &[
    verb("dump", Optional, Verb::List),
    verb("create", Optional, Verb::Create),
    verb("add", Optional, Verb::Add),
    verb("delete", Optional, Verb::Delete),
    verb("update", Optional, Verb::Update),
    verb("get", Optional, Verb::Get),
    verb("flush", Optional, Verb::Flush),
    verb("event", Optional, Verb::Event),
    verb("counter", Optional, Verb::Count),
    verb("stats", Without, Verb::Statistics),
    verb("version", Without, Verb::Version),
    verb("help", Without, Verb::Help),
    address("orig-src", Aspect::Source),
    address("src", Aspect::Source),
    address("orig-dst", Aspect::Destination),
    address("dst", Aspect::Destination),
    address("reply-src", Aspect::ReplySource),
    address("reply-dst", Aspect::ReplyDestination),
    switch("protonum", Required, Switch::Protocol),
    switch("timeout", Required, Switch::Timeout),
    switch("status", Required, Switch::Status),
    switch("zero", Without, Switch::Zero),
    switch("event-mask", Required, Switch::EventMask),
    address("tuple-src", Aspect::TupleSource),
    address("tuple-dst", Aspect::TupleDestination),
    address("mask-src", Aspect::MaskSource),
    address("mask-dst", Aspect::MaskDestination),
    switch("nat-range", Required, Switch::NatRange),
    switch("mark", Required, Switch::Mark),
    number("secmark", Aspect::SecurityMark),
    Named { name: "id", value: Optional, key: Key::Switch(Switch::Number(Aspect::Id)) },
    switch("family", Required, Switch::Family),
    nat("src-nat", Aspect::SourceNat),
    nat("dst-nat", Aspect::DestinationNat),
    switch("output", Required, Switch::Output),
    switch("buffer-size", Required, Switch::BufferSize),
    nat("any-nat", Aspect::AnyNat),
    number("zone", Aspect::Zone),
    switch("label", Required, Switch::Label),
    switch("label-add", Required, Switch::LabelAdd),
    switch("label-del", Optional, Switch::LabelDelete),
    number("orig-zone", Aspect::OriginalZone),
    number("reply-zone", Aspect::ReplyZone),
];

/// The options that have letters, and the names of those options.
const LETTERS: &[(u8, &str)] = &[
    (b'L', "dump"),
    (b'I', "create"),
    (b'A', "add"),
    (b'D', "delete"),
    (b'U', "update"),
    (b'G', "get"),
    (b'F', "flush"),
    (b'E', "event"),
    (b'C', "counter"),
    (b'S', "stats"),
    (b'V', "version"),
    (b'h', "help"),
    (b's', "src"),
    (b'd', "dst"),
    (b'r', "reply-src"),
    (b'q', "reply-dst"),
    (b'p', "protonum"),
    (b't', "timeout"),
    (b'u', "status"),
    (b'z', "zero"),
    (b'e', "event-mask"),
    (b'[', "tuple-src"),
    (b']', "tuple-dst"),
    (b'{', "mask-src"),
    (b'}', "mask-dst"),
    (b'a', "nat-range"),
    (b'm', "mark"),
    (b'c', "secmark"),
    (b'i', "id"),
    (b'f', "family"),
    (b'n', "src-nat"),
    (b'g', "dst-nat"),
    (b'o', "output"),
    (b'b', "buffer-size"),
    (b'j', "any-nat"),
    (b'w', "zone"),
    (b'l', "label"),
    (b'<', "label-add"),
    (b'>', "label-del"),
    (b'(', "orig-zone"),
    (b')', "reply-zone"),
];

/// The options of a command line, which grow by those of each protocol that it names.
#[derive(Debug)]
pub(super) struct Options(Vec<Named<Key>>);

impl Options {
    pub(super) fn new() -> Self {
        Self(NAMED.to_vec())
    }

    /// Adds those of a protocol. The first option of a name stays the one that the name stands for.
    pub(super) fn add(&mut self, protocol: &'static Protocol) {
        let counting = protocol.counting;
        self.0.extend(protocol.options.iter().filter_map(|(name, field)| {
            let place = protocol.place(*field)?;
            let key = Key::Field { place, counting };
            Some(Named { name, value: Required, key })
        }));
    }
}

impl Table<Key> for Options {
    fn letter(&self, letter: u8) -> Option<(Key, Value)> {
        let (_, name) = LETTERS.iter().find(|(known, _)| *known == letter)?;
        let named = NAMED.iter().find(|option| option.name == *name)?;
        // The letter needs a value where the name does not.
        let value = if letter == b'i' { Required } else { named.value };
        Some((named.key, value))
    }

    fn named(&self) -> &[Named<Key>] {
        &self.0
    }
}

/// The name in complaints about an option with an address.
pub(super) const fn name_of(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Source => "orig-src",
        Aspect::Destination => "orig-dst",
        _ => aspect.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_a_name() {
        let options = Options::new();
        for (letter, name) in LETTERS {
            assert!(options.letter(*letter).is_some(), "{name}");
        }
        assert_eq!(options.letter(b':'), None);
        assert_eq!(options.letter(b'R'), None);
        assert!(options.letter(b'i').is_some_and(|(_, value)| value == Required));
    }

    #[test]
    fn a_protocol_adds_its_options() {
        let mut options = Options::new();
        let before = options.named().len();
        options.add(Protocol::numbered(6));
        assert_eq!(options.named().len(), before + Protocol::numbered(6).options.len());
    }
}
