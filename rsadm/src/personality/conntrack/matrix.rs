//! Which options go with which command.

use super::command::Command;

/// What an option sets.
///
/// The order is the one in which combinations are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    Source,
    Destination,
    ReplySource,
    ReplyDestination,
    Protocol,
    Timeout,
    Status,
    Zero,
    EventMask,
    TupleSource,
    TupleDestination,
    MaskSource,
    MaskDestination,
    Mark,
    Id,
    Family,
    SourceNat,
    DestinationNat,
    Output,
    SecurityMark,
    BufferSize,
    AnyNat,
    Zone,
    Label,
    LabelAdd,
    LabelDelete,
    OriginalZone,
    ReplyZone,
}

/// The names in complaints, in the order of checks.
const NAMES: [&str; 28] = [
    "src",
    "dst",
    "reply-src",
    "reply-dst",
    "protonum",
    "timeout",
    "status",
    "zero",
    "event-mask",
    "tuple-src",
    "tuple-dst",
    "mask-src",
    "mask-dst",
    "mark",
    "id",
    "family",
    "src-nat",
    "dst-nat",
    "output",
    "secmark",
    "buffer-size",
    "any-nat",
    "zone",
    "label",
    "label-add",
    "label-del",
    "orig-zone",
    "reply-zone",
];

/// A set of options, of those above or of a protocol's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Given(u32);

impl Given {
    pub(super) const fn of(aspects: &[Aspect]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < aspects.len() {
            bits |= 1 << aspects[index] as u32;
            index += 1;
        }
        Self(bits)
    }

    pub(super) const fn has(self, aspect: Aspect) -> bool {
        self.0 & 1 << aspect as u32 != 0
    }

    /// Whether one of the others is among these.
    pub(super) const fn any(self, others: &[Aspect]) -> bool {
        self.0 & Self::of(others).0 != 0
    }

    pub(super) fn insert(&mut self, aspect: Aspect) {
        self.insert_index(aspect as usize);
    }

    pub(super) fn insert_index(&mut self, index: usize) {
        self.0 |= 1 << index;
    }
}

impl Aspect {
    /// The name in complaints.
    pub(super) const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// What is wrong with a set of options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// The message.
    Said(String),
    /// Half a pair, or none where there must be one: the first pair or the second.
    Pair(usize),
}

/// A rule for each option, as digits: 0 illegal, 1 compulsory, 2 optional, 3 one of two pairs.
type Rules = &'static str;

const NOTHING: Rules = "0000000000000000000000000000";

const fn rules(command: Option<Command>) -> Rules {
    match command {
        Some(Command::List) => "2222202200022202222202220022",
        Some(Command::Create | Command::Add) => "3333112000000200220000202022",
        Some(Command::Update) => "2222222000022222222000022200",
        Some(Command::Delete) => "2222222000022222222000220022",
        Some(Command::Get) => "3333100000000020002000020000",
        Some(Command::Flush) => "0000000000000002000000000000",
        Some(Command::Event) => "2222200020022202222222220022",
        Some(Command::Help) => "0000200000000000000000000000",
        Some(Command::ListExpectations) => "0000000000000002002000000000",
        Some(Command::CreateExpectation) => "1122112001111000000000000000",
        Some(Command::DeleteExpectation | Command::GetExpectation) => {
            "1122100000000000000000000000"
        }
        Some(Command::ExpectationEvents) => "0000000000000000002000000000",
        _ => NOTHING,
    }
}

/// The source and destination of the two directions.
const PAIRS: [[usize; 2]; 2] = [[0, 1], [2, 3]];

/// Checks the options of a command, of which there may be none.
pub(super) fn check(command: Option<Command>, given: Given) -> Result<(), Mistake> {
    check_rules(rules(command), &NAMES, given)
}

/// Checks options by rules: each by itself, then the pairs.
pub(super) fn check_rules(rules: Rules, names: &[&str], given: Given) -> Result<(), Mistake> {
    let is_given = |index: usize| given.0 & 1 << index != 0;
    for (index, (rule, name)) in rules.bytes().zip(names).enumerate() {
        match rule {
            b'0' if is_given(index) => {
                return Err(Mistake::Said(format!("Illegal option `--{name}' with this command")));
            }
            b'1' if !is_given(index) => {
                return Err(Mistake::Said(format!(
                    "You need to supply the `--{name}' option for this command"
                )));
            }
            _ => {}
        }
    }
    if !rules.contains('3') {
        return Ok(());
    }
    let mut whole = false;
    let mut half = None;
    for (pair, members) in PAIRS.iter().enumerate() {
        match members.iter().filter(|index| is_given(**index)).count() {
            0 => {}
            1 => half = half.or(Some(pair)),
            _ => whole = true,
        }
    }
    if whole { Ok(()) } else { Err(Mistake::Pair(half.unwrap_or(0))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(command: Command, aspects: &[Aspect]) -> String {
        match check(Some(command), Given::of(aspects)) {
            Ok(()) => "fine".to_owned(),
            Err(Mistake::Said(text)) => text,
            Err(Mistake::Pair(pair)) => format!("pair {pair}"),
        }
    }

    #[test]
    fn every_command_has_a_rule_for_every_option() {
        for command in [
            None,
            Some(Command::List),
            Some(Command::Create),
            Some(Command::Update),
            Some(Command::Delete),
            Some(Command::Get),
            Some(Command::Flush),
            Some(Command::Event),
            Some(Command::Help),
            Some(Command::ListExpectations),
            Some(Command::CreateExpectation),
            Some(Command::GetExpectation),
            Some(Command::ExpectationEvents),
        ] {
            assert_eq!(rules(command).len(), NAMES.len(), "{command:?}");
        }
        assert_eq!(NAMES[Aspect::ReplyZone as usize], "reply-zone");
        assert_eq!(NAMES[Aspect::Mark as usize], "mark");
    }

    #[test]
    fn required_and_illegal() {
        use Aspect::{AnyNat, Destination, Protocol, ReplySource, Source, Timeout};
        assert_eq!(complaint(Command::List, &[Source]), "fine");
        assert_eq!(
            complaint(Command::Delete, &[AnyNat]),
            "Illegal option `--any-nat' with this command"
        );
        assert_eq!(
            complaint(Command::Create, &[Source, Destination]),
            "You need to supply the `--protonum' option for this command"
        );
        assert_eq!(complaint(Command::Create, &[Protocol, Timeout]), "pair 0");
        assert_eq!(complaint(Command::Create, &[Protocol, Timeout, Source]), "pair 0");
        assert_eq!(complaint(Command::Create, &[Protocol, Timeout, ReplySource]), "pair 1");
        assert_eq!(complaint(Command::Create, &[Protocol, Timeout, Source, ReplySource]), "pair 0");
        assert_eq!(
            complaint(Command::Create, &[Protocol, Timeout, Source, ReplySource, Destination]),
            "fine"
        );
    }

    #[test]
    fn without_a_command_no_option_is_legal() {
        assert_eq!(check(None, Given::default()), Ok(()));
        assert!(check(None, Given::of(&[Aspect::Zero])).is_err());
    }
}
