//! Debian's conntrack and ours, side by side from the same table.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use conntrack::{Change, Client, Filter, Flow, NewFlow, ProtocolState};
use testbed::harness::{Context, Failure};
use testbed::process::Captured;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A second may pass between the two; then both are asked again.
const ATTEMPTS: usize = 12;

/// The file of the commands that make a table, and of those that are compared.
const COMMANDS: &str = "/run/commands";
const COMPARED: &str = "/run/compared";

/// The timeouts, in seconds, that comparisons give to flows.
const TIMEOUTS: [u32; 3] = [50_000, 60_000, 70_000];

/// A table of this age looks as it did when it was made, see [`without_ages`].
const YOUNG: Duration = Duration::from_secs(7);

/// One of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Reference,
    Ours,
}

/// The two programs, and the table that both start from.
pub(crate) struct Pair<'a> {
    pub(crate) ctx: &'a Context,
    reference: PathBuf,
    ours: PathBuf,
    client: Client,
    /// Lines for `-R` that make the table, those that this kernel can carry out.
    script: String,
    /// The same as changes, where these make the same table.
    copies: Option<Vec<Change>>,
    /// What the table looks like when it is made, and when that was; none if it has changed.
    fresh: Option<(Vec<String>, Instant)>,
}

impl<'a> Pair<'a> {
    /// Both programs in the namespace of the case, from a table that these lines of `-R` make.
    pub(crate) fn new(ctx: &'a Context, script: &str) -> Result<Self> {
        let ours = PathBuf::from("/run/conntrack");
        if !ours.exists() {
            symlink(env!("CARGO_BIN_EXE_rsadm"), &ours)?;
        }
        let reference = ctx.reference("conntrack").get_program().into();
        let client = Client::connect()?;
        let mut pair =
            Self { ctx, reference, ours, client, script: String::new(), copies: None, fresh: None };
        pair.start_from(script)?;
        Ok(pair)
    }

    /// Goes on from another table. Lines that this kernel cannot carry out (zones, NAT) are left
    /// out.
    pub(crate) fn start_from(&mut self, script: &str) -> Result<()> {
        self.client.flush()?;
        self.script.clear();
        self.copies = None;
        for line in script.lines() {
            let made = self.load(Tool::Reference, line.as_bytes())?;
            if made.code() == 0 {
                self.script += line;
                self.script += "\n";
            }
        }
        self.reset()?;
        self.copy()
    }

    /// Keeps what makes the table again without a process, if that makes the same.
    fn copy(&mut self) -> Result<()> {
        let expected = self.table()?;
        let flows = self.client.flows(&Filter::new())?.to_vec()?;
        let copy = |flow| {
            let mut copy = NewFlow::like(flow);
            // A second may have passed.
            copy.settings.timeout = copy.settings.timeout.map(|left| match left {
                49_990..50_000 => 50_000,
                left => left,
            });
            Change::Create(copy)
        };
        let copies: Vec<_> = flows.iter().map(copy).collect();
        self.client.flush()?;
        self.client.apply(&copies)?;
        if self.table()? == expected {
            self.copies = Some(copies);
        }
        self.reset()
    }

    /// Deletes every flow by its name: where the kernel is told to delete all, it waits for a
    /// grace period.
    fn clear(&mut self) -> Result<()> {
        let flows = self.client.flows(&Filter::new())?.to_vec()?;
        let all: Vec<_> = flows.iter().map(|flow| Change::Delete(flow.key())).collect();
        if !self.client.apply(&all)?.is_complete() {
            self.client.flush()?;
        }
        Ok(())
    }

    /// Makes the table again.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.clear()?;
        if let Some(copies) = &self.copies {
            let report = self.client.apply(copies)?;
            if !report.is_complete() {
                return self.ctx.fail(format!("no table again: {report:?}"));
            }
        } else if !self.script.is_empty() {
            let made = self.load(Tool::Reference, self.script.as_bytes())?;
            if made.code() != 0 {
                return self.ctx.fail(format!("no table from {}: {}", self.script, made.err()));
            }
        }
        self.fresh = Some((self.table()?, Instant::now()));
        Ok(())
    }

    /// Makes the table again if it has changed, or is old enough to look otherwise.
    fn refresh(&mut self) -> Result<()> {
        match &self.fresh {
            Some((_, made)) if made.elapsed() < YOUNG => Ok(()),
            _ => self.reset(),
        }
    }

    /// How many flows the table begins with.
    pub(crate) fn flows(&self) -> usize {
        self.script.lines().count()
    }

    /// The command that runs a program under the name `conntrack`.
    pub(crate) fn command(&self, tool: Tool) -> Command {
        let mut command = Command::new(match tool {
            Tool::Reference => &self.reference,
            Tool::Ours => &self.ours,
        });
        command.arg0("conntrack");
        command
    }

    /// Runs a program.
    pub(crate) fn run(&self, tool: Tool, words: &[&str], input: &[u8]) -> Result<Captured> {
        let mut command = self.command(tool);
        Ok(self.ctx.capture_with(command.args(words), input)?)
    }

    /// Has a program carry out commands.
    pub(crate) fn load(&self, tool: Tool, commands: &[u8]) -> Result<Captured> {
        // Not through standard input: conntrack opens it by a name that not every machine has.
        std::fs::write(COMMANDS, commands)?;
        self.run(tool, &["-R", COMMANDS], b"")
    }

    /// Runs both on a file of commands, each from the same table, and compares what they say and
    /// what they leave.
    pub(crate) fn compare_load(&mut self, commands: &[u8]) -> Result<()> {
        self.compare(&["-R", COMPARED], commands)
    }

    /// Runs both on one table and compares what they say.
    pub(crate) fn compare_reading(&self, words: &[&str], input: &[u8]) -> Result<()> {
        let name = name(words, input);
        for attempt in 1.. {
            let expected = self.run(Tool::Reference, words, input)?;
            let got = self.run(Tool::Ours, words, input)?;
            if is_same(&expected, &got) || attempt == ATTEMPTS {
                self.ctx.same_run(&name, &expected, &got);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Runs both, each from the same table, and compares what they say and what they leave.
    pub(crate) fn compare(&mut self, words: &[&str], input: &[u8]) -> Result<()> {
        let name = name(words, input);
        for attempt in 1.. {
            let (expected, left) = self.run_and_look(Tool::Reference, words, input)?;
            let (got, ours) = self.run_and_look(Tool::Ours, words, input)?;
            if (is_same(&expected, &got) && left == ours) || attempt == ATTEMPTS {
                self.ctx.same_run(&name, &expected, &got);
                if left != ours {
                    self.ctx.equal(&format!("table after {name}"), &left, &ours);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// What a program says, its ids as `N`, and the table that it leaves.
    fn run_and_look(
        &mut self,
        tool: Tool,
        words: &[&str],
        input: &[u8],
    ) -> Result<(Captured, Vec<String>)> {
        self.refresh()?;
        if words.contains(&COMPARED) {
            std::fs::write(COMPARED, input)?;
        }
        let mut captured = self.run(tool, words, input)?;
        captured.stdout = without_ages(&without_ids(&captured.out())).into_bytes();
        let table = self.table()?;
        self.fresh = self.fresh.take().filter(|(before, _)| *before == table);
        Ok((captured, table))
    }

    /// The table, in an order of its own, without what differs each time.
    pub(crate) fn table(&mut self) -> Result<Vec<String>> {
        let flows = self.client.flows(&Filter::new())?.to_vec()?;
        let mut table: Vec<_> = flows.into_iter().map(normalised).collect();
        table.sort_unstable();
        Ok(table)
    }

    /// Compares command lines that change nothing, one a line, words apart by blanks; a word in
    /// quotes may have blanks.
    pub(crate) fn compare_reading_lines(&self, lines: &str) -> Result<()> {
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let words = split(line);
            self.compare_reading(&words, b"")?;
        }
        Ok(())
    }

    /// The same for command lines that change something.
    pub(crate) fn compare_lines(&mut self, lines: &str) -> Result<()> {
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let words = split(line);
            self.compare(&words, b"")?;
        }
        Ok(())
    }

    /// Checks what ours alone says, where the two differ on purpose; the table as it is after.
    pub(crate) fn ours(&mut self, line: &str) -> Result<(Captured, Vec<String>)> {
        let words = split(line);
        self.run_and_look(Tool::Ours, &words, b"")
    }

    /// Access for what a case does besides.
    pub(crate) fn client(&mut self) -> &mut Client {
        &mut self.client
    }
}

fn is_same(expected: &Captured, got: &Captured) -> bool {
    expected.stdout == got.stdout && expected.stderr == got.stderr && expected.code() == got.code()
}

fn name(words: &[&str], input: &[u8]) -> String {
    let words = format!("conntrack {}", words.join(" "));
    if input.is_empty() {
        words
    } else {
        format!("{words} <<< {:?}", String::from_utf8_lossy(input))
    }
}

/// Words apart by blanks; those in single quotes may have some.
pub(crate) fn split(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap_or((quoted, "")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

/// A flow without its id, references, age, and what TCP tracking knows of its windows.
fn normalised(mut flow: Flow<'static>) -> String {
    flow.id = None;
    flow.use_count = None;
    flow.started = None;
    if let Some(ProtocolState::Tcp(tcp)) = &mut flow.state {
        tcp.flags_original = None;
        tcp.flags_reply = None;
    }
    without_ages(&format!("{flow:?}"))
}

/// A text in which flows are as old as when they were made: 50000 in place of 49990 to 49999, and
/// so on. The kernel shows one second less once a tick is over, which is sooner for one program than
/// for the other.
fn without_ages(text: &str) -> String {
    let mut text = text.to_owned();
    for timeout in TIMEOUTS {
        for age in 1..=10 {
            text = text.replace(&(timeout - age).to_string(), &timeout.to_string());
        }
    }
    text
}

/// The shape of a time of day, which ends with blanks in place of the last digits of few
/// microseconds.
pub(crate) fn shape_of_time(time: &str) -> String {
    time.replace(|c: char| c.is_ascii_digit() || c == ' ', "9")
}

/// A text with `N` for each id: the kernel makes them of addresses in its memory.
pub(crate) fn without_ids(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = [" id=", "<id>"].iter().filter_map(|mark| rest.find(mark)).min() {
        let (head, tail) = rest.split_at(at + 4);
        result += head;
        // The identifier of ICMP is called the same, and is small.
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        result += if digits > 5 { "N" } else { &tail[..digits] };
        rest = &tail[digits..];
    }
    result + rest
}
