//! The options, and how popt walks over them.
//!
//! clap is of no use here: words, errors and their order are popt's, to the byte.

use self::Argument::{Optional, Required, Without};

/// An option, or a command, which is an option in the first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    AddService,
    EditService,
    DeleteService,
    Clear,
    List,
    Zero,
    AddServer,
    EditServer,
    DeleteServer,
    Set,
    Help,
    Version,
    Restore,
    Save,
    StartDaemon,
    StopDaemon,
    TcpService,
    UdpService,
    SctpService,
    Mark,
    Scheduler,
    Persistent,
    Netmask,
    RealServer,
    Masquerading,
    Tunnelling,
    Gatewaying,
    Weight,
    UpperThreshold,
    LowerThreshold,
    Numeric,
    Connection,
    Interface,
    Timeout,
    Daemon,
    Stats,
    Rate,
    Thresholds,
    PersistentConnections,
    NoSort,
    Sort,
    SyncId,
    Exact,
    Ipv6,
    OnePacket,
    Engine,
    SchedulerFlags,
    Group,
    Port,
    Ttl,
    MaxLength,
    TunnelInfo,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
}

/// Whether an option has an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    Without,
    Required,
    /// The next word, unless it begins with a dash.
    Optional,
}

struct Row {
    long: &'static str,
    short: u8,
    switch: Switch,
    argument: Argument,
}

const fn row(long: &'static str, short: u8, switch: Switch, argument: Argument) -> Row {
    Row { long, short, switch, argument }
}

/// No option has this as its letter: no argument contains it.
const NONE: u8 = 0;

const OPTIONS: &[Row] = &[
    row("add-service", b'A', Switch::AddService, Without),
    row("edit-service", b'E', Switch::EditService, Without),
    row("delete-service", b'D', Switch::DeleteService, Without),
    row("clear", b'C', Switch::Clear, Without),
    row("list", b'L', Switch::List, Without),
    row("list", b'l', Switch::List, Without),
    row("zero", b'Z', Switch::Zero, Without),
    row("add-server", b'a', Switch::AddServer, Without),
    row("edit-server", b'e', Switch::EditServer, Without),
    row("delete-server", b'd', Switch::DeleteServer, Without),
    row("set", NONE, Switch::Set, Without),
    row("help", b'h', Switch::Help, Without),
    row("version", b'v', Switch::Version, Without),
    row("restore", b'R', Switch::Restore, Without),
    row("save", b'S', Switch::Save, Without),
    row("start-daemon", NONE, Switch::StartDaemon, Required),
    row("stop-daemon", NONE, Switch::StopDaemon, Required),
    row("tcp-service", b't', Switch::TcpService, Required),
    row("udp-service", b'u', Switch::UdpService, Required),
    row("sctp-service", NONE, Switch::SctpService, Required),
    row("fwmark-service", b'f', Switch::Mark, Required),
    row("scheduler", b's', Switch::Scheduler, Required),
    row("persistent", b'p', Switch::Persistent, Optional),
    row("netmask", b'M', Switch::Netmask, Required),
    row("real-server", b'r', Switch::RealServer, Required),
    row("masquerading", b'm', Switch::Masquerading, Without),
    row("ipip", b'i', Switch::Tunnelling, Without),
    row("gatewaying", b'g', Switch::Gatewaying, Without),
    row("weight", b'w', Switch::Weight, Required),
    row("u-threshold", b'x', Switch::UpperThreshold, Required),
    row("l-threshold", b'y', Switch::LowerThreshold, Required),
    row("numeric", b'n', Switch::Numeric, Without),
    row("connection", b'c', Switch::Connection, Without),
    row("mcast-interface", NONE, Switch::Interface, Required),
    row("timeout", NONE, Switch::Timeout, Without),
    row("daemon", NONE, Switch::Daemon, Without),
    row("stats", NONE, Switch::Stats, Without),
    row("rate", NONE, Switch::Rate, Without),
    row("thresholds", NONE, Switch::Thresholds, Without),
    row("persistent-conn", NONE, Switch::PersistentConnections, Without),
    row("nosort", NONE, Switch::NoSort, Without),
    row("sort", NONE, Switch::Sort, Without),
    row("syncid", NONE, Switch::SyncId, Required),
    row("exact", b'X', Switch::Exact, Without),
    row("ipv6", b'6', Switch::Ipv6, Without),
    row("ops", b'o', Switch::OnePacket, Without),
    row("pe", NONE, Switch::Engine, Required),
    row("sched-flags", b'b', Switch::SchedulerFlags, Required),
    row("mcast-group", NONE, Switch::Group, Required),
    row("mcast-port", NONE, Switch::Port, Required),
    row("mcast-ttl", NONE, Switch::Ttl, Required),
    row("sync-maxlen", NONE, Switch::MaxLength, Required),
    row("tun-info", NONE, Switch::TunnelInfo, Without),
    row("tun-type", NONE, Switch::TunnelType, Required),
    row("tun-port", NONE, Switch::TunnelPort, Required),
    row("tun-nocsum", NONE, Switch::TunnelNoChecksum, Without),
    row("tun-csum", NONE, Switch::TunnelChecksum, Without),
    row("tun-remcsum", NONE, Switch::TunnelRemoteChecksum, Without),
];

/// What popt complains of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    Unknown,
    MissingArgument,
    UnwantedArgument,
}

impl Complaint {
    /// The text after the offending word.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "unknown option",
            Self::MissingArgument => "missing argument",
            Self::UnwantedArgument => "option does not take an argument",
        }
    }
}

/// Walks over the words behind the program's name.
#[derive(Debug)]
pub(super) struct Options<'a> {
    words: &'a [Vec<u8>],
    /// The next word to look at.
    next: usize,
    /// What is left of a word of letters, such as `n` of `-Ln`.
    letters: Option<&'a [u8]>,
    /// After `--` no word is an option.
    only_rest: bool,
    /// As POSIX has it, nor after the first word that is none.
    posix: bool,
    rest: Vec<&'a [u8]>,
}

/// An option with its argument.
pub(super) type Found<'a> = (Switch, Option<&'a [u8]>);

impl<'a> Options<'a> {
    /// `posix` is what the environment variable `POSIXLY_CORRECT` asks for.
    pub(super) fn new(words: &'a [Vec<u8>], posix: bool) -> Self {
        let rest = Vec::new();
        Self { words, next: 0, letters: None, only_rest: false, posix, rest }
    }

    /// The word that was looked at last, which messages show: of `--opt VALUE` it is the value.
    pub(super) fn last_word(&self) -> &'a [u8] {
        self.next.checked_sub(1).and_then(|last| self.words.get(last)).map_or(b"", Vec::as_slice)
    }

    /// The words that are not options nor their arguments.
    pub(super) fn rest(self) -> Vec<&'a [u8]> {
        self.rest
    }

    fn next_word(&mut self) -> Option<&'a [u8]> {
        let word = self.words.get(self.next)?;
        self.next += 1;
        Some(word)
    }

    /// The argument of an option whose word does not have it.
    fn argument(&mut self, row: &Row) -> Result<Option<&'a [u8]>, Complaint> {
        match (row.argument, self.words.get(self.next)) {
            (Without, _) | (Optional, None) => Ok(None),
            (Required, None) => Err(Complaint::MissingArgument),
            (Optional, Some(word)) if word.starts_with(b"-") => Ok(None),
            (_, Some(word)) => {
                self.next += 1;
                Ok(Some(word))
            }
        }
    }

    /// `--name` or `--name=value`.
    fn long(&mut self, text: &'a [u8]) -> Result<Found<'a>, Complaint> {
        let (name, value) = match text.iter().position(|byte| *byte == b'=') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let row =
            OPTIONS.iter().find(|row| row.long.as_bytes() == name).ok_or(Complaint::Unknown)?;
        self.with_value(row, value)
    }

    /// The first of some letters; what follows is its argument or further letters.
    fn short(&mut self, letters: &'a [u8]) -> Result<Found<'a>, Complaint> {
        let (letter, behind) = letters.split_first().ok_or(Complaint::Unknown)?;
        let row = OPTIONS
            .iter()
            .find(|row| row.short == *letter && row.short != NONE)
            .ok_or(Complaint::Unknown)?;
        let value = match behind {
            [] => None,
            [b'=', value @ ..] => Some(value),
            value if row.argument != Without => Some(value),
            letters => {
                self.letters = Some(letters);
                None
            }
        };
        self.with_value(row, value)
    }

    fn with_value(&mut self, row: &Row, value: Option<&'a [u8]>) -> Result<Found<'a>, Complaint> {
        match value {
            Some(_) if row.argument == Without => Err(Complaint::UnwantedArgument),
            Some(value) => Ok((row.switch, Some(value))),
            None => Ok((row.switch, self.argument(row)?)),
        }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Found<'a>, Complaint>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(letters) = self.letters.take() {
            return Some(self.short(letters));
        }
        loop {
            let word = self.next_word()?;
            match word {
                _ if self.only_rest => self.rest.push(word),
                b"--" => self.only_rest = true,
                [b'-', b'-', name @ ..] => return Some(self.long(name)),
                [b'-', letters @ ..] if !letters.is_empty() => return Some(self.short(letters)),
                _ => {
                    self.only_rest |= self.posix;
                    self.rest.push(word);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    /// Switches with arguments, then the complaint or the rest.
    fn walk(line: &str) -> String {
        walk_posix(line, false)
    }

    fn walk_posix(line: &str, posix: bool) -> String {
        let words = words(line);
        let mut options = Options::new(&words, posix);
        let mut text = String::new();
        while let Some(found) = options.next() {
            match found {
                Ok((switch, argument)) => {
                    let argument = argument.map(String::from_utf8_lossy);
                    let sign = if argument.is_some() { "=" } else { "" };
                    let argument = argument.unwrap_or_default();
                    let _ = write!(text, "{switch:?}{sign}{argument} ");
                }
                Err(complaint) => {
                    let word = String::from_utf8_lossy(options.last_word()).into_owned();
                    return format!("{text}{word}: {}", complaint.text());
                }
            }
        }
        for word in options.rest() {
            let _ = write!(text, "[{}]", String::from_utf8_lossy(word));
        }
        text
    }

    #[test]
    fn letters_and_names() {
        assert_eq!(walk("-Ln"), "List Numeric ");
        assert_eq!(walk("--list --numeric"), "List Numeric ");
        assert_eq!(walk("-A -t10.0.0.1:80"), "AddService TcpService=10.0.0.1:80 ");
        assert_eq!(walk("-A -t=10.0.0.1:80"), "AddService TcpService=10.0.0.1:80 ");
        assert_eq!(walk("-A --tcp-service=10.0.0.1:80"), "AddService TcpService=10.0.0.1:80 ");
        assert_eq!(walk("-LnXt 10.0.0.1:80"), "List Numeric Exact TcpService=10.0.0.1:80 ");
        assert_eq!(walk("--set 1 2 3"), "Set [1][2][3]");
        assert_eq!(walk("--set 1 -- -2 3"), "Set [1][-2][3]");
        assert_eq!(walk("-L -"), "List [-]");
    }

    #[test]
    fn an_optional_argument_does_not_begin_with_a_dash() {
        assert_eq!(walk("-A -p -s rr"), "AddService Persistent Scheduler=rr ");
        assert_eq!(walk("-A -p 60 -s rr"), "AddService Persistent=60 Scheduler=rr ");
        assert_eq!(walk("-A -p"), "AddService Persistent ");
        assert_eq!(walk("-A -p=-5"), "AddService Persistent=-5 ");
        assert_eq!(walk("-A -p=60"), "AddService Persistent=60 ");
        assert_eq!(walk("-A --persistent="), "AddService Persistent= ");
    }

    #[test]
    fn options_may_have_to_come_first() {
        assert_eq!(walk_posix("--set 1 -2 3", true), "Set [1][-2][3]");
        assert_eq!(walk_posix("word -L", true), "[word][-L]");
        assert_eq!(walk_posix("-L -n - -X", true), "List Numeric [-][-X]");
        assert_eq!(walk_posix("-A -t word -n", true), "AddService TcpService=word Numeric ");
    }

    #[test]
    fn complaints_name_the_word() {
        assert_eq!(walk("-L --bogus"), "List --bogus: unknown option");
        assert_eq!(walk("-L --stat"), "List --stat: unknown option");
        assert_eq!(walk("-L --=3"), "List --=3: unknown option");
        assert_eq!(walk("-L ---n"), "List ---n: unknown option");
        assert_eq!(walk("-L -="), "List -=: unknown option");
        assert_eq!(walk("-Lq"), "List -Lq: unknown option");
        assert_eq!(walk("-L -nXt"), "List Numeric Exact -nXt: missing argument");
        assert_eq!(walk("-L --numeric=1"), "List --numeric=1: option does not take an argument");
        assert_eq!(walk("-L -n="), "List -n=: option does not take an argument");
        assert_eq!(walk("--set -1 0 0"), "Set -1: unknown option");
    }

    proptest::proptest! {
        #[test]
        fn any_words_end(words in proptest::collection::vec(
            proptest::collection::vec(0_u8..=255, 0..6), 0..8), posix: bool
        ) {
            let mut options = Options::new(&words, posix);
            let mut found = 0;
            while options.next().is_some() {
                found += 1;
                proptest::prop_assert!(found <= words.iter().map(Vec::len).sum::<usize>());
            }
        }
    }
}
