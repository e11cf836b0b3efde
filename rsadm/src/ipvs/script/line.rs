//! One line of a script: its command and the options that were given with it.

use crate::script::{Fault, Word, Words};

/// What a line does, by ipvsadm's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    AddService,
    EditService,
    DeleteService,
    AddServer,
    EditServer,
    DeleteServer,
    Clear,
    Zero,
    Set,
    StartDaemon,
    StopDaemon,
}

/// An option; the discriminant is its bit in [`Given`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Opt {
    Tcp,
    Udp,
    Sctp,
    Mark,
    Key,
    Ipv6,
    Scheduler,
    Persistent,
    Netmask,
    Engine,
    OnePacket,
    Flags,
    Server,
    Gatewaying,
    Ipip,
    Masquerading,
    Weight,
    Upper,
    Lower,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
    Interface,
    SyncId,
    MaxLength,
    Group,
    Port,
    Ttl,
}

/// A set of options.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given(u32);

impl Given {
    pub(super) const fn of(options: &[Opt]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < options.len() {
            bits |= 1 << options[index] as u32;
            index += 1;
        }
        Self(bits)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn contains(self, option: Opt) -> bool {
        self.0 & (1 << option as u32) != 0
    }
}

/// The ways to name a service.
pub(super) const SERVICE: [Opt; 5] = [Opt::Tcp, Opt::Udp, Opt::Sctp, Opt::Mark, Opt::Key];
/// The forwarding methods.
pub(super) const METHOD: [Opt; 3] = [Opt::Gatewaying, Opt::Ipip, Opt::Masquerading];

const NAMES_SERVICE: Given =
    Given::of(&[Opt::Tcp, Opt::Udp, Opt::Sctp, Opt::Mark, Opt::Key, Opt::Ipv6]);
const SERVICE_OPTIONS: Given = NAMES_SERVICE.and(Given::of(&[
    Opt::Scheduler,
    Opt::Persistent,
    Opt::Netmask,
    Opt::Engine,
    Opt::OnePacket,
    Opt::Flags,
]));
const NAMES_SERVER: Given = NAMES_SERVICE.and(Given::of(&[Opt::Server]));
const SERVER_OPTIONS: Given = NAMES_SERVER.and(Given::of(&[
    Opt::Gatewaying,
    Opt::Ipip,
    Opt::Masquerading,
    Opt::Weight,
    Opt::Upper,
    Opt::Lower,
    Opt::TunnelType,
    Opt::TunnelPort,
    Opt::TunnelNoChecksum,
    Opt::TunnelChecksum,
    Opt::TunnelRemoteChecksum,
]));
const DAEMON_OPTIONS: Given =
    Given::of(&[Opt::Interface, Opt::SyncId, Opt::MaxLength, Opt::Group, Opt::Port, Opt::Ttl]);

impl Command {
    fn allowed(self) -> Given {
        match self {
            Self::AddService | Self::EditService => SERVICE_OPTIONS,
            Self::DeleteService | Self::Zero => NAMES_SERVICE,
            Self::AddServer | Self::EditServer => SERVER_OPTIONS,
            Self::DeleteServer => NAMES_SERVER,
            Self::Clear | Self::Set => Given::of(&[]),
            Self::StartDaemon => DAEMON_OPTIONS,
            Self::StopDaemon => Given::of(&[Opt::SyncId]),
        }
    }

    /// How many words without a dash belong to it.
    fn arguments(self) -> usize {
        match self {
            Self::Set => 3,
            Self::StartDaemon | Self::StopDaemon => 1,
            _ => 0,
        }
    }
}

/// What a letter or name after the dashes stands for.
#[derive(Clone, Copy)]
enum Meaning {
    Command(Command),
    /// An option without a value.
    Switch(Opt),
    /// An option with a value.
    Value(Opt),
    /// An option whose value may be left out.
    Optional(Opt),
    /// A command of ipvsadm that changes nothing.
    NoChange,
}

fn short(letter: u8) -> Option<Meaning> {
    use Meaning::{NoChange, Optional, Switch, Value};
    Some(match letter {
        b'A' => Meaning::Command(Command::AddService),
        b'E' => Meaning::Command(Command::EditService),
        b'D' => Meaning::Command(Command::DeleteService),
        b'a' => Meaning::Command(Command::AddServer),
        b'e' => Meaning::Command(Command::EditServer),
        b'd' => Meaning::Command(Command::DeleteServer),
        b'C' => Meaning::Command(Command::Clear),
        b'Z' => Meaning::Command(Command::Zero),
        b'L' | b'l' | b'S' | b'R' | b'h' | b'v' => NoChange,
        b't' => Value(Opt::Tcp),
        b'u' => Value(Opt::Udp),
        b'f' => Value(Opt::Mark),
        b'6' => Switch(Opt::Ipv6),
        b's' => Value(Opt::Scheduler),
        b'p' => Optional(Opt::Persistent),
        b'M' => Value(Opt::Netmask),
        b'o' => Switch(Opt::OnePacket),
        b'b' => Value(Opt::Flags),
        b'r' => Value(Opt::Server),
        b'g' => Switch(Opt::Gatewaying),
        b'i' => Switch(Opt::Ipip),
        b'm' => Switch(Opt::Masquerading),
        b'w' => Value(Opt::Weight),
        b'x' => Value(Opt::Upper),
        b'y' => Value(Opt::Lower),
        _ => return None,
    })
}

fn long(name: &str) -> Option<Meaning> {
    use Meaning::{Switch, Value};
    Some(match name {
        "add-service" => return short(b'A'),
        "edit-service" => return short(b'E'),
        "delete-service" => return short(b'D'),
        "add-server" => return short(b'a'),
        "edit-server" => return short(b'e'),
        "delete-server" => return short(b'd'),
        "clear" => return short(b'C'),
        "zero" => return short(b'Z'),
        "list" | "save" | "restore" | "help" | "version" => Meaning::NoChange,
        "set" => Meaning::Command(Command::Set),
        "start-daemon" => Meaning::Command(Command::StartDaemon),
        "stop-daemon" => Meaning::Command(Command::StopDaemon),
        "tcp-service" => return short(b't'),
        "udp-service" => return short(b'u'),
        "sctp-service" => Value(Opt::Sctp),
        "fwmark-service" => return short(b'f'),
        "service" => Value(Opt::Key),
        "ipv6" => return short(b'6'),
        "scheduler" => return short(b's'),
        "persistent" => return short(b'p'),
        "netmask" => return short(b'M'),
        "pe" => Value(Opt::Engine),
        "ops" => return short(b'o'),
        "sched-flags" => return short(b'b'),
        "real-server" => return short(b'r'),
        "gatewaying" => return short(b'g'),
        "ipip" => return short(b'i'),
        "masquerading" => return short(b'm'),
        "weight" => return short(b'w'),
        "u-threshold" => return short(b'x'),
        "l-threshold" => return short(b'y'),
        "tun-type" => Value(Opt::TunnelType),
        "tun-port" => Value(Opt::TunnelPort),
        "tun-nocsum" => Switch(Opt::TunnelNoChecksum),
        "tun-csum" => Switch(Opt::TunnelChecksum),
        "tun-remcsum" => Switch(Opt::TunnelRemoteChecksum),
        "mcast-interface" => Value(Opt::Interface),
        "syncid" => Value(Opt::SyncId),
        "sync-maxlen" => Value(Opt::MaxLength),
        "mcast-group" => Value(Opt::Group),
        "mcast-port" => Value(Opt::Port),
        "mcast-ttl" => Value(Opt::Ttl),
        _ => return None,
    })
}

/// An option of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    option: Opt,
    /// Its value; of a switch or an option without one, the option itself.
    word: Word,
    /// Whether it came with a value.
    valued: bool,
}

/// A line whose words have been told apart; the values are not looked at yet.
#[derive(Debug)]
pub(super) struct Line<'a> {
    text: &'a str,
    words: &'a Words,
    pub(super) command: Command,
    /// Where the command is.
    pub(super) at: usize,
    given: Given,
    found: &'a mut Vec<Found>,
    /// Words without a dash.
    arguments: [Word; 3],
    argument_count: usize,
}

impl<'a> Line<'a> {
    /// Tells the words of a line apart; the options go into `found`, whose memory is used again.
    pub(super) fn read(
        text: &'a str,
        words: &'a Words,
        found: &'a mut Vec<Found>,
    ) -> Result<Self, Fault> {
        found.clear();
        let mut list = words.list().iter().copied().peekable();
        list.next_if(|&word| words.text(text, word) == "ipvsadm");
        let at = list.peek().map_or(text.len(), |word| word.at());
        let mut line = Self {
            text,
            words,
            command: Command::Clear,
            at,
            given: Given::default(),
            found,
            arguments: [Word::default(); 3],
            argument_count: 0,
        };
        let mut list = Rest { list, commands: 0 };
        while let Some(word) = list.list.next() {
            line.take(word, &mut list)?;
        }
        if list.commands == 0 {
            return Err(Fault::new(at, "a line begins with a command, such as -A or -a"));
        }
        line.check_options()?;
        Ok(line)
    }

    fn text(&self, word: Word) -> &'a str {
        self.words.text(self.text, word)
    }

    fn take(
        &mut self,
        word: Word,
        rest: &mut Rest<impl Iterator<Item = Word>>,
    ) -> Result<(), Fault> {
        let text = self.text(word);
        if let Some(name) = text.strip_prefix("--").filter(|name| !name.is_empty()) {
            let (name, value) = match name.split_once('=') {
                Some((name, _)) => (name, Some(word.rest(name.len() + 3))),
                None => (name, None),
            };
            let meaning = long(name)
                .ok_or_else(|| Fault::new(word.at(), format!("unknown option '--{name}'")))?;
            return self.take_meaning(meaning, word, value, rest);
        }
        match text.strip_prefix('-') {
            Some(letters) if !letters.is_empty() => self.take_cluster(word, letters, rest),
            _ => self.take_argument(word, rest.commands),
        }
    }

    /// Letters behind one dash; what follows the first that wants a value is its value.
    fn take_cluster(
        &mut self,
        word: Word,
        letters: &str,
        rest: &mut Rest<impl Iterator<Item = Word>>,
    ) -> Result<(), Fault> {
        for (index, letter) in letters.char_indices() {
            let here = if index == 0 { word } else { word.rest(1 + index) };
            let meaning = u8::try_from(letter)
                .ok()
                .and_then(short)
                .ok_or_else(|| Fault::new(here.at(), format!("unknown option '-{letter}'")))?;
            let wants_value = matches!(meaning, Meaning::Value(_) | Meaning::Optional(_));
            let glued = (wants_value && index + 1 < letters.len()).then(|| word.rest(2 + index));
            self.take_meaning(meaning, here, glued, rest)?;
            if glued.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn take_meaning(
        &mut self,
        meaning: Meaning,
        word: Word,
        glued: Option<Word>,
        rest: &mut Rest<impl Iterator<Item = Word>>,
    ) -> Result<(), Fault> {
        let unwanted = |value: Word| Fault::new(value.at(), "this option takes no value");
        match meaning {
            Meaning::NoChange => Err(Fault::new(
                word.at(),
                "this command changes nothing, and a script holds changes only",
            )),
            Meaning::Command(_) if rest.commands > 0 => {
                Err(Fault::new(word.at(), "a line holds one command only"))
            }
            Meaning::Command(command) => {
                rest.commands = 1;
                self.command = command;
                // `--start-daemon=master` is how a value may be written.
                match glued {
                    Some(value) if command.arguments() > 0 => self.take_argument(value, 1),
                    Some(value) => Err(unwanted(value)),
                    None => Ok(()),
                }
            }
            Meaning::Switch(option) => match glued {
                Some(value) => Err(unwanted(value)),
                None => self.give(option, word, None),
            },
            Meaning::Value(option) => {
                let value = glued.or_else(|| rest.list.next()).ok_or_else(|| {
                    Fault::new(word.at(), format!("'{}' needs a value", self.text(word)))
                })?;
                self.give(option, word, Some(value))
            }
            Meaning::Optional(option) => {
                let value =
                    glued.or_else(|| rest.list.next_if(|&next| !self.text(next).starts_with('-')));
                self.give(option, word, value)
            }
        }
    }

    fn give(&mut self, option: Opt, word: Word, value: Option<Word>) -> Result<(), Fault> {
        let bit = Given::of(&[option]);
        if self.given.contains(option) && option != Opt::Ipv6 {
            return Err(Fault::new(word.at(), "this option was given before"));
        }
        self.given = self.given.and(bit);
        let found = Found { option, word: value.unwrap_or(word), valued: value.is_some() };
        self.found.push(found);
        Ok(())
    }

    fn take_argument(&mut self, word: Word, commands: usize) -> Result<(), Fault> {
        let room = if commands == 0 { 0 } else { self.command.arguments() };
        if self.argument_count >= room {
            return Err(Fault::new(word.at(), format!("unexpected word '{}'", self.text(word))));
        }
        self.arguments[self.argument_count] = word;
        self.argument_count += 1;
        Ok(())
    }

    fn check_options(&self) -> Result<(), Fault> {
        let allowed = self.command.allowed();
        if let Some(outside) = self.found.iter().find(|found| !allowed.contains(found.option)) {
            return Err(Fault::new(
                outside.word.at(),
                "this option does not belong to the command of the line",
            ));
        }
        let missing = self.command.arguments() - self.argument_count;
        if missing > 0 {
            let message = match self.command {
                Command::Set => "--set takes three timeouts: TCP, TCP after a FIN, UDP",
                _ => "a daemon is either master or backup",
            };
            return Err(Fault::new(self.at, message));
        }
        Ok(())
    }

    /// Whether an option was given.
    pub(super) fn has(&self, option: Opt) -> bool {
        self.given.contains(option)
    }

    fn find(&self, option: Opt) -> Option<&Found> {
        self.has(option).then(|| self.found.iter().rfind(|found| found.option == option)).flatten()
    }

    /// The value of an option, and where it is.
    pub(super) fn value(&self, option: Opt) -> Option<(usize, &'a str)> {
        let found = self.find(option).filter(|found| found.valued)?;
        Some((found.word.at(), self.text(found.word)))
    }

    /// Where an option is; at the command if it was not given.
    pub(super) fn place(&self, option: Opt) -> usize {
        self.find(option).map_or(self.at, |found| found.word.at())
    }

    /// The words without a dash.
    pub(super) fn arguments(&self) -> impl Iterator<Item = (usize, &'a str)> + '_ {
        self.arguments[..self.argument_count].iter().map(|&word| (word.at(), self.text(word)))
    }

    /// The one option of a group that was given; two of them are a mistake.
    pub(super) fn one_of(&self, group: &[Opt]) -> Result<Option<Opt>, Fault> {
        let mut given = group.iter().copied().filter(|&option| self.has(option));
        let first = given.next();
        match given.next() {
            Some(second) => Err(Fault::new(
                self.place(second).max(first.map_or(0, |first| self.place(first))),
                "this option excludes another one of the line",
            )),
            None => Ok(first),
        }
    }
}

/// The words that are still to be taken.
struct Rest<I: Iterator<Item = Word>> {
    list: std::iter::Peekable<I>,
    /// How many commands came before.
    commands: usize,
}
