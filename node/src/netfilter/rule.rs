//! Rules, in the form in which they are evaluated: that of both tools.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::Hook;
use crate::RouteKind;

/// The rules of a network namespace for one family.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) chains: Vec<Chain>,
    /// Chains that hooks call, in their order.
    pub(super) bases: Vec<Base>,
}

/// A chain that a hook calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) hook: Hook,
    pub(super) priority: i64,
    pub(super) chain: usize,
    /// Whether it is for the first packets of connections.
    pub(super) nat: bool,
    pub(super) drops: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) text: Text,
    pub(super) steps: Vec<Step>,
}

/// How a rule is shown.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Plain(Box<str>),
    /// An nftables rule: its expressions.
    Json(Arc<serde_json::Value>),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    If(Condition),
    Do(Effect),
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// The fields together are in the set. Where a packet has no such field, it does not match.
    In { fields: Vec<Field>, set: Arc<Set>, negated: bool },
    /// One of the flags is set, or none if `negated`.
    AnyBit { field: Field, bits: u128, negated: bool },
    /// TCP's flags, those of the mask, are these.
    TcpFlags { mask: u8, flags: u8, negated: bool },
    /// The address is of one of these kinds.
    Kind { source: bool, kinds: Vec<RouteKind>, negated: bool },
    /// The way back to the source leads, or does not, through the link that the packet came from.
    WayBack { leads: bool, with_mark: bool },
    /// One of the conditions.
    Any(Vec<Condition>),
    /// Always, or never.
    Always(bool),
    /// Not understood, or not to be known; with chance it is one of several.
    Doubt { by_chance: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Source,
    Destination,
    Protocol,
    /// Of TCP, UDP, SCTP, UDP-Lite and DCCP.
    SourcePort,
    DestinationPort,
    /// Protocol and port as one number.
    SourceService,
    DestinationService,
    Input,
    Output,
    Mark,
    ConnectionMark,
    State,
    Status,
    Reply,
    OriginSource,
    OriginDestination,
    OriginSourcePort,
    OriginDestinationPort,
    /// `RTN_*` of an address.
    SourceKind,
    DestinationKind,
    /// `2` for IPv4, `10` for IPv6.
    Family,
    And(Box<Field>, u128),
    Or(Box<Field>, u128),
    Xor(Box<Field>, u128),
    /// A random number below this.
    Chance,
    /// Not understood.
    Doubt,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// Numbers, and addresses of the family that the rules are for.
    Number(u128),
    /// Names of links.
    Name(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pattern {
    One(Value),
    Range(u128, u128),
    /// Names that begin like this.
    Names(String),
}

/// Values, alone or side by side.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    exact: HashSet<Vec<Value>>,
    others: Vec<(Vec<Pattern>, bool)>,
    /// Whether there is more in it than is understood.
    pub(super) doubtful: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Effect {
    Accept,
    Drop,
    Reject,
    Return,
    /// Index of the chain.
    Jump(usize),
    Goto(usize),
    /// The field's bits, those of the mask, are replaced: `mark = mark & keep ^ flip`.
    Mark {
        keep: u32,
        flip: u32,
    },
    /// The same for the mark of the connection.
    ConnectionMark {
        keep: u32,
        flip: u32,
    },
    /// The packet's mark becomes that of the connection, in these bits.
    RestoreMark {
        mask: u32,
    },
    /// And the other way round.
    SaveMark {
        mask: u32,
    },
    Masquerade,
    SourceNat {
        address: Option<Addresses>,
        port: Option<u16>,
    },
    DestinationNat {
        address: Option<Addresses>,
        port: Option<u16>,
    },
    Redirect {
        port: Option<u16>,
    },
    NoTrack,
    /// What the fields lead to.
    Map {
        fields: Vec<Field>,
        entries: Arc<Vec<(Vec<Pattern>, Vec<Step>)>>,
    },
    /// Nothing that matters here.
    Nothing,
    /// Not understood: it may do anything.
    Doubt,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
}

impl Effect {
    pub(super) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

impl Pattern {
    /// Matches nothing.
    pub(super) const NEVER: Self = Self::Range(1, 0);

    pub(super) fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::One(one), value) => one == value,
            (Self::Range(first, last), Value::Number(number)) => (first..=last).contains(&number),
            (Self::Names(start), Value::Name(name)) => name.starts_with(start.as_str()),
            _ => false,
        }
    }

    /// How much it leaves open.
    fn width(&self) -> u128 {
        match self {
            Self::One(_) => 0,
            Self::Range(first, last) => last.saturating_sub(*first),
            Self::Names(_) => 1,
        }
    }
}

impl Set {
    pub(super) fn of(pattern: Pattern) -> Self {
        let mut set = Self::default();
        set.insert(vec![pattern]);
        set
    }

    pub(super) fn insert(&mut self, patterns: Vec<Pattern>) {
        self.insert_with(patterns, true);
    }

    /// With `matches` off it is an exception.
    pub(super) fn insert_with(&mut self, patterns: Vec<Pattern>, matches: bool) {
        let exact = |pattern: &Pattern| match pattern {
            Pattern::One(value) => Some(value.clone()),
            _ => None,
        };
        match patterns.iter().map(exact).collect::<Option<Vec<Value>>>() {
            Some(values) if matches => {
                self.exact.insert(values);
            }
            _ => self.others.push((patterns, matches)),
        }
    }

    /// Whether the values are in it: the narrowest of what matches decides.
    pub(super) fn has(&self, values: &[Value]) -> bool {
        let takes = |patterns: &[Pattern]| {
            patterns.len() == values.len()
                && patterns.iter().zip(values).all(|(pattern, value)| pattern.takes(value))
        };
        let found = self.others.iter().filter(|(patterns, _)| takes(patterns));
        let narrowest = found.min_by_key(|(patterns, _)| {
            patterns.iter().fold(0, |sum: u128, pattern| sum.saturating_add(pattern.width()))
        });
        self.exact.contains(values)
            && narrowest.is_none_or(|(patterns, matches)| {
                *matches || patterns.iter().any(|pattern| pattern.width() > 0)
            })
            || narrowest.is_some_and(|(_, matches)| *matches)
    }
}
