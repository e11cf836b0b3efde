//! Carrying out commands and telling what became of them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;

use conntrack::{Client, Error};

use super::command::Command;
use super::directory::Directory;
use super::order::{Order, Shared};
use super::output::Output;
use super::stop::{REFUSED, Stop, USAGE};
use super::{errors, load, text};

/// Done.
const DONE: u8 = 0;

/// What every message to standard error begins with.
const PREFIX: &str = "conntrack v1.4.7 (conntrack-tools): ";

/// Why a command ended early.
pub(super) enum Failure {
    Stopped(Stop),
    /// The kernel refused.
    Refused(Error),
    /// Standard output cannot be written.
    Output(io::Error),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

/// conntrack.
pub(super) struct Tool<D, O, E> {
    /// The words of the command line, the program's name first.
    words: Vec<Vec<u8>>,
    posix: bool,
    directory: D,
    pub(super) out: Output<O>,
    pub(super) err: E,
    client: Option<Client>,
}

impl<D: Directory, O: Write + Send, E: Write> Tool<D, O, E> {
    pub(super) fn new(words: Vec<Vec<u8>>, posix: bool, directory: D, out: O, err: E) -> Self {
        let out = Output::new(out);
        Self { words, posix, directory, out, err, client: None }
    }

    /// Carries out the command line and returns the exit status.
    pub(super) fn run(&mut self, input: impl Read) -> u8 {
        let result = match &self.words[..] {
            [_, option, file, ..] if matches!(&option[..], b"-R" | b"--load-file") => {
                let file = file.clone();
                self.load(&file, input)
            }
            _ => self.command_line(),
        };
        let written = self.out.flush();
        let status = match result {
            Ok(status) => status,
            Err(Failure::Stopped(stop)) => self.stop(&stop),
            Err(Failure::Refused(error)) => self.stop(&Stop::refused(error.to_string())),
            Err(Failure::Output(error)) => return self.output_failed(&error),
        };
        match written {
            Ok(()) => status,
            Err(error) => self.output_failed(&error),
        }
    }

    fn name(&self) -> &[u8] {
        self.words.first().map_or(b"conntrack", Vec::as_slice)
    }

    fn command_line(&mut self) -> Result<u8> {
        let mut shared = Shared::default();
        let words = self.words.iter().map(Vec::as_slice).collect();
        let order =
            Order::read(words, self.posix, &mut shared, &mut self.directory, &mut self.err)?;
        self.out.take_form(shared);
        let Some(command) = order.command else {
            self.print_help(None)?;
            return Ok(DONE);
        };
        let count = self.carry_out(command, &order)?;
        let Some(count) = count else { return Ok(DONE) };
        self.out.flush()?;
        if let Some(footer) = footer(command, count) {
            self.note(footer.as_bytes());
        }
        let must_find = matches!(command, Command::Update | Command::Delete | Command::Get);
        Ok(if count == 0 && must_find { REFUSED } else { DONE })
    }

    /// Reads all commands of a file, then carries them out until one fails.
    fn load(&mut self, file: &[u8], input: impl Read) -> Result<u8> {
        let commands = match file {
            b"-" => load::read(&mut BufReader::new(input)),
            file => {
                let path = OsStr::from_bytes(file);
                let opened = File::open(path).map_err(|_| {
                    let text = [b"Failed to open file ", file, b" for reading"];
                    Stop::usage(text.concat())
                })?;
                load::read(&mut BufReader::new(opened))
            }
        }?;
        let mut shared = Shared::default();
        let mut orders = Vec::with_capacity(commands.len());
        for words in &commands {
            let name = self.words.first().map_or(b"conntrack".as_slice(), Vec::as_slice);
            let words = std::iter::once(name).chain(words.iter().map(Vec::as_slice)).collect();
            let order =
                Order::read(words, self.posix, &mut shared, &mut self.directory, &mut self.err)?;
            let refused = order.command.map_or(Err("unknown"), Command::may_be_in_file);
            refused.map_err(|name| {
                Stop::usage(format!("Cannot use command `{name}' with --load-file"))
            })?;
            orders.push(order);
        }
        self.out.take_form(shared);
        for order in &orders {
            if let Some(command) = order.command {
                self.carry_out(command, order)?;
            }
        }
        Ok(DONE)
    }

    /// Carries out a command. How many flows or expectations it was about; none if it does not
    /// count.
    fn carry_out(&mut self, command: Command, order: &Order) -> Result<Option<u64>> {
        self.execute(command, order).map_err(|failure| match failure {
            Failure::Refused(error) => Failure::Stopped(errors::refused(command, &error)),
            failure => failure,
        })
    }

    /// The connection to the kernel, opened when it is needed first.
    pub(super) fn client(&mut self) -> Result<&mut Client> {
        let (client, _) = self.client_and_output()?;
        Ok(client)
    }

    /// The same with where its answers go.
    pub(super) fn client_and_output(&mut self) -> Result<(&mut Client, &mut Output<O>)> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::builder().read_ahead(true).connect()?,
        };
        Ok((self.client.insert(client), &mut self.out))
    }

    pub(super) fn print_help(&mut self, protocol: Option<&str>) -> Result<()> {
        let mut text = Vec::new();
        text::help(&mut text, self.name(), protocol)?;
        self.out.write(|line, _| line.raw(&text));
        Ok(())
    }

    fn stop(&mut self, stop: &Stop) -> u8 {
        self.note(&stop.message);
        if stop.status == USAGE {
            let name = self.name();
            let text = [b"Try `", name, b" -h' or '", name, b" --help' for more information.\n"];
            let text = text.concat();
            self.say(&text);
        }
        stop.status
    }

    /// A reader that has seen enough is no error.
    fn output_failed(&mut self, error: &io::Error) -> u8 {
        if error.kind() == ErrorKind::BrokenPipe {
            return DONE;
        }
        self.note(format!("cannot write to standard output: {error}").as_bytes());
        REFUSED
    }

    /// Prints a message to standard error.
    pub(super) fn note(&mut self, message: &[u8]) {
        self.say(&[PREFIX.as_bytes(), message, b"\n"].concat());
    }

    /// Prints to standard error. Nobody is left to tell if that fails.
    pub(super) fn say(&mut self, text: &[u8]) {
        let _ = self.err.write_all(text);
    }
}

/// What is said in the end of a command that counts.
fn footer(command: Command, count: u64) -> Option<String> {
    let what = match command {
        Command::List | Command::Get => "flow entries have been shown.",
        Command::Create => "flow entries have been created.",
        Command::Add => "flow entries have been added.",
        Command::Update => "flow entries have been updated.",
        Command::Delete => "flow entries have been deleted.",
        Command::Event => "flow events have been shown.",
        Command::ListExpectations | Command::DeleteExpectation => "expectations have been shown.",
        Command::ExpectationEvents => "expectation events have been shown.",
        _ => return None,
    };
    Some(format!("{count} {what}"))
}
