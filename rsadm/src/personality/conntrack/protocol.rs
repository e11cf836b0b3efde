//! What a protocol brings to the command line: options, and which of them go with which command.

use super::command::Command;
use super::matrix::{self, Given, Mistake};
use super::stop::Stop;
use crate::classic::conntrack::{DCCP_STATES, SCTP_STATES, TCP_STATES};

/// What an option of a protocol sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    OriginalSource,
    OriginalDestination,
    ReplySource,
    ReplyDestination,
    MaskSource,
    MaskDestination,
    TupleSource,
    TupleDestination,
    State,
    Role,
    OriginalTag,
    ReplyTag,
    Type,
    Code,
    Identifier,
}

impl Field {
    /// How many there are.
    pub(super) const COUNT: usize = 15;
}

use Field::{
    Code, Identifier, MaskDestination, MaskSource, OriginalDestination, OriginalSource,
    OriginalTag, ReplyDestination, ReplySource, ReplyTag, Role, State, TupleDestination,
    TupleSource, Type,
};

/// The rules of a protocol's options, as digits in the order of its fields: see [`matrix`].
#[derive(Debug)]
struct Rules {
    /// `-L`, `-E`, and `-D`.
    list: &'static str,
    update: &'static str,
    create: &'static str,
    get: &'static str,
    create_expectation: &'static str,
    /// `-G` and `-D` of expectations.
    get_expectation: &'static str,
}

/// How a protocol counts its options, which shows where a command line names several protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    Digits,
    Numbers,
}

/// A protocol of conntrack's command line.
#[derive(Debug)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    number: u8,
    pub(super) counting: Counting,
    pub(super) options: &'static [(&'static str, Field)],
    /// What the options set, with its name in complaints, in the order of checks.
    fields: &'static [(Field, &'static str)],
    rules: Rules,
    /// What is said about half a pair.
    pairs: [&'static str; 2],
}

const PORTS: [&str; 2] = [
    "you have to specify `--sport' and `--dport'",
    "you have to specify `--reply-src-port' and `--reply-dst-port'",
];

/// The options of ports, long names first where those come first.
macro_rules! ports {
    ($($more:expr),*) => {
        &[
            ("orig-port-src", OriginalSource),
            ("sport", OriginalSource),
            ("orig-port-dst", OriginalDestination),
            ("dport", OriginalDestination),
            ("reply-port-src", ReplySource),
            ("reply-port-dst", ReplyDestination),
            ("mask-port-src", MaskSource),
            ("mask-port-dst", MaskDestination),
            ("tuple-port-src", TupleSource),
            ("tuple-port-dst", TupleDestination),
            $($more),*
        ]
    };
}

/// The fields of ports; those of states are between them and the tuples'.
macro_rules! port_fields {
    ([$($state:expr),*] $($more:expr),*) => {
        &[
            (OriginalSource, "sport"),
            (OriginalDestination, "dport"),
            (ReplySource, "reply-port-src"),
            (ReplyDestination, "reply-port-dst"),
            (MaskSource, "mask-port-src"),
            (MaskDestination, "mask-port-dst"),
            $($state,)*
            (TupleSource, "tuple-port-src"),
            (TupleDestination, "tuple-port-dst"),
            $($more),*
        ]
    };
}

const UDP_RULES: Rules = Rules {
    list: "22220000",
    update: "22220000",
    create: "33330000",
    get: "33330000",
    create_expectation: "11001111",
    get_expectation: "11110000",
};

const ICMP_RULES: Rules = Rules {
    list: "222",
    update: "222",
    create: "112",
    get: "112",
    create_expectation: "000",
    get_expectation: "000",
};

const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "tcp",
        number: 6,
        counting: Counting::Digits,
        options: ports!(("state", State)),
        fields: port_fields!([(State, "state")]),
        rules: Rules {
            list: "222200200",
            update: "222200200",
            create: "333300100",
            get: "333300200",
            create_expectation: "110011011",
            get_expectation: "111100000",
        },
        pairs: PORTS,
    },
    Protocol {
        name: "udp",
        number: 17,
        counting: Counting::Digits,
        options: ports!(),
        fields: port_fields!([]),
        rules: UDP_RULES,
        pairs: PORTS,
    },
    Protocol {
        name: "udplite",
        number: 136,
        counting: Counting::Digits,
        options: ports!(),
        fields: port_fields!([]),
        rules: UDP_RULES,
        pairs: PORTS,
    },
    Protocol {
        name: "icmp",
        number: 1,
        counting: Counting::Digits,
        options: &[("icmp-type", Type), ("icmp-code", Code), ("icmp-id", Identifier)],
        fields: &[(Type, "icmp-type"), (Code, "icmp-code"), (Identifier, "icmp-id")],
        rules: ICMP_RULES,
        pairs: ["", ""],
    },
    Protocol {
        name: "icmpv6",
        number: 58,
        counting: Counting::Digits,
        options: &[("icmpv6-type", Type), ("icmpv6-code", Code), ("icmpv6-id", Identifier)],
        fields: &[(Type, "icmpv6-type"), (Code, "icmpv6-code"), (Identifier, "icmpv6-id")],
        rules: ICMP_RULES,
        pairs: ["", ""],
    },
    Protocol {
        name: "sctp",
        number: 132,
        counting: Counting::Numbers,
        options: ports!(("state", State), ("orig-vtag", OriginalTag), ("reply-vtag", ReplyTag)),
        fields: port_fields!(
            [(State, "state")](OriginalTag, "orig-vtag"),
            (ReplyTag, "reply-vtag")
        ),
        rules: Rules {
            list: "22220020000",
            update: "22220020022",
            create: "33330010011",
            get: "33330020022",
            create_expectation: "11001101111",
            get_expectation: "11110000000",
        },
        pairs: PORTS,
    },
    Protocol {
        name: "dccp",
        number: 33,
        counting: Counting::Numbers,
        options: ports!(("state", State), ("role", Role)),
        fields: port_fields!([(State, "state")](Role, "role")),
        rules: Rules {
            list: "2222002000",
            update: "2222002000",
            create: "3333001001",
            get: "3333002000",
            create_expectation: "1100110111",
            get_expectation: "1111000000",
        },
        pairs: [PORTS[0], "you have to specify `--reply-port-src' and `--report-port-dst'"],
    },
    Protocol {
        name: "gre",
        number: 47,
        counting: Counting::Digits,
        options: &[
            ("orig-key-src", OriginalSource),
            ("srckey", OriginalSource),
            ("orig-key-dst", OriginalDestination),
            ("dstkey", OriginalDestination),
            ("reply-key-src", ReplySource),
            ("reply-key-dst", ReplyDestination),
            ("mask-key-src", MaskSource),
            ("mask-key-dst", MaskDestination),
            ("tuple-key-src", TupleSource),
            ("tuple-key-dst", TupleDestination),
        ],
        fields: &[
            (OriginalSource, "srckey"),
            (OriginalDestination, "dstkey"),
            (ReplySource, "reply-key-src"),
            (ReplyDestination, "reply-key-dst"),
            (MaskSource, "mask-key-src"),
            (MaskDestination, "mask-key-dst"),
            (TupleSource, "tuple-key-src"),
            (TupleDestination, "tuple-key-dst"),
        ],
        rules: Rules { create_expectation: "11111111", ..UDP_RULES },
        pairs: [
            "you have to specify `--srckey' and `--dstkey'",
            "you have to specify `--reply-src-key' and `--reply-dst-key'",
        ],
    },
];

/// Any protocol that has no options.
const UNKNOWN: &Protocol = &Protocol {
    name: "unknown",
    number: 0,
    counting: Counting::Digits,
    options: &[],
    fields: &[],
    rules: Rules {
        list: "",
        update: "",
        create: "",
        get: "",
        create_expectation: "",
        get_expectation: "",
    },
    pairs: ["", ""],
};

impl Protocol {
    /// The protocol of that name, whatever the case.
    pub(super) fn named(name: &[u8]) -> Option<&'static Self> {
        PROTOCOLS.iter().find(|protocol| protocol.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The protocol of that number; one without options if there is none.
    pub(super) fn numbered(number: u8) -> &'static Self {
        PROTOCOLS.iter().find(|protocol| protocol.number == number).unwrap_or(UNKNOWN)
    }

    pub(super) const fn unknown() -> &'static Self {
        UNKNOWN
    }

    pub(super) const fn number(&self) -> u8 {
        self.number
    }

    /// Whether its numbers may be written in other bases than ten.
    pub(super) const fn has_keys(&self) -> bool {
        self.number == 47
    }

    /// The number of a state.
    pub(super) fn state(&self, name: &[u8]) -> Result<u32, Stop> {
        let (states, complaint) = match self.number {
            6 if name == b"LISTEN" => return Ok(9),
            6 => (TCP_STATES, "unknown TCP state"),
            132 => (SCTP_STATES, "unknown SCTP state"),
            _ => (DCCP_STATES, "Unknown DCCP state"),
        };
        let number = states.iter().position(|state| state.as_bytes() == name);
        number.map(|number| number as u32).ok_or_else(|| Stop::quoting(complaint, name))
    }

    /// What the option of a place sets.
    pub(super) fn field(&self, place: usize) -> Option<Field> {
        self.fields.get(place).map(|(field, _)| *field)
    }

    /// The place of a field, which is that in the order of checks too.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        self.fields.iter().position(|(other, _)| *other == field)
    }

    /// Checks this protocol's options; `Err` is the message.
    pub(super) fn check(&self, command: Option<Command>, given: Given) -> Result<(), String> {
        let names: Vec<_> = self.fields.iter().map(|(_, name)| *name).collect();
        matrix::check_rules(self.rules(command), &names, given).map_err(|mistake| match mistake {
            Mistake::Said(text) => text,
            Mistake::Pair(pair) => self.pairs[pair].to_owned(),
        })
    }

    fn rules(&self, command: Option<Command>) -> &'static str {
        let rules = &self.rules;
        match command {
            Some(Command::List | Command::Event | Command::Delete) => rules.list,
            Some(Command::Update) => rules.update,
            Some(Command::Create | Command::Add) => rules.create,
            Some(Command::Get) => rules.get,
            Some(Command::CreateExpectation) => rules.create_expectation,
            Some(Command::DeleteExpectation | Command::GetExpectation) => rules.get_expectation,
            // As many as the protocol with the most options needs.
            _ => &"00000000000"[..self.fields.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(protocol: &str, command: Command, fields: &[Field]) -> String {
        let protocol = Protocol::named(protocol.as_bytes()).expect("a protocol");
        let mut given = Given::default();
        for field in fields {
            given.insert_index(protocol.place(*field).expect("a field of the protocol"));
        }
        protocol.check(Some(command), given).err().unwrap_or_default()
    }

    #[test]
    fn every_field_has_a_rule_and_an_option() {
        for protocol in PROTOCOLS {
            for command in [
                Command::List,
                Command::Update,
                Command::Create,
                Command::Get,
                Command::CreateExpectation,
                Command::GetExpectation,
                Command::Flush,
            ] {
                let rules = protocol.rules(Some(command));
                assert_eq!(rules.len(), protocol.fields.len(), "{} {command:?}", protocol.name);
            }
            for (field, name) in protocol.fields {
                assert!(protocol.options.contains(&(*name, *field)), "{} {name}", protocol.name);
            }
        }
    }

    #[test]
    fn required_and_illegal() {
        let ports = [OriginalSource, OriginalDestination];
        assert_eq!(complaint("udp", Command::Create, &ports), "");
        assert_eq!(complaint("udp", Command::Create, &[]), PORTS[0]);
        assert_eq!(complaint("UDP", Command::Create, &[ReplySource]), PORTS[1]);
        assert_eq!(
            complaint("tcp", Command::Create, &ports),
            "You need to supply the `--state' option for this command"
        );
        assert_eq!(
            complaint("sctp", Command::List, &[OriginalTag]),
            "Illegal option `--orig-vtag' with this command"
        );
        assert_eq!(
            complaint("icmp", Command::Get, &[Code]),
            "You need to supply the `--icmp-type' option for this command"
        );
        assert_eq!(complaint("gre", Command::List, &[OriginalSource]), "");
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(Protocol::numbered(58).name, "icmpv6");
        assert_eq!(Protocol::numbered(50).name, "unknown");
        assert!(Protocol::named(b"Sctp").is_some_and(|protocol| protocol.number() == 132));
        assert!(Protocol::named(b"esp").is_none());
    }
}
