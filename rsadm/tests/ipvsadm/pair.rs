//! Debian's ipvsadm and ours, side by side from the same state.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use ipvs::{Client, Daemon, Role, ServiceTable, Timeouts};
use testbed::harness::{Context, Failure};
use testbed::process::Captured;

type Result<T> = std::result::Result<T, Failure>;

/// What the kernel has when it has just made a namespace.
const DEFAULT_TIMEOUTS: Timeouts = Timeouts { tcp: 900, tcp_fin: 120, udp: 300 };

/// Everything that a command of ipvsadm can change.
#[derive(Debug, PartialEq)]
struct Snapshot {
    table: Vec<ServiceTable>,
    timeouts: Timeouts,
    daemons: Vec<Daemon>,
}

/// What a program left: the saved table and everything.
type Left = (Vec<String>, Snapshot);

/// One of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Reference,
    Ours,
}

/// The two programs, and the state that both start from.
pub(crate) struct Pair<'a> {
    ctx: &'a Context,
    reference: PathBuf,
    ours: PathBuf,
    client: Client,
    /// Lines for `-R` that make the state, and what it looks like.
    script: String,
    baseline: Snapshot,
}

impl<'a> Pair<'a> {
    /// Both programs in the namespace of the case, from a state that these lines of `-R` make.
    pub(crate) fn new(ctx: &'a Context, script: &str) -> Result<Self> {
        let ours = PathBuf::from("/run/ipvsadm");
        if !ours.exists() {
            symlink(env!("CARGO_BIN_EXE_rsadm"), &ours)?;
        }
        let reference = ctx.reference("ipvsadm").get_program().into();
        let mut client = Client::connect()?;
        let baseline = snapshot(&mut client)?;
        let mut pair = Self { ctx, reference, ours, client, script: String::new(), baseline };
        pair.start_from(script)?;
        Ok(pair)
    }

    /// Goes on from another state.
    pub(crate) fn start_from(&mut self, script: &str) -> Result<()> {
        script.clone_into(&mut self.script);
        self.make_state()?;
        self.baseline = snapshot(&mut self.client)?;
        Ok(())
    }

    fn make_state(&mut self) -> Result<()> {
        self.client.flush()?;
        self.client.set_timeouts(&DEFAULT_TIMEOUTS)?;
        for Daemon { role, sync_id, .. } in self.client.daemons()? {
            self.client.stop_daemon(role, sync_id)?;
        }
        if !self.script.is_empty() {
            let made = self.run(Tool::Reference, &["-R"], self.script.as_bytes())?;
            if made.code() != 0 || !made.stderr.is_empty() {
                return self.ctx.fail(format!("no state from {}: {}", self.script, made.err()));
            }
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<()> {
        self.make_state()?;
        if snapshot(&mut self.client)? != self.baseline {
            return self.ctx.fail(format!("the state is not the same again: {}", self.script));
        }
        Ok(())
    }

    /// The command that runs a program under the name `ipvsadm`.
    pub(crate) fn command(&self, tool: Tool) -> Command {
        let mut command = Command::new(match tool {
            Tool::Reference => &self.reference,
            Tool::Ours => &self.ours,
        });
        command.arg0("ipvsadm");
        command
    }

    /// Runs a program.
    pub(crate) fn run(&self, tool: Tool, words: &[&str], input: &[u8]) -> Result<Captured> {
        let mut command = self.command(tool);
        Ok(self.ctx.capture_with(command.args(words), input)?)
    }

    /// Runs both from the same state and compares what they say and what they leave.
    pub(crate) fn compare(&mut self, words: &[&str], input: &[u8]) -> Result<()> {
        let name = name(words, input);
        let (mut expected, expected_state) = self.run_and_look(Tool::Reference, words, input)?;
        let (mut got, state) = self.run_and_look(Tool::Ours, words, input)?;
        let read_only = expected_state.is_none() && state.is_none();
        // From Linux 7.1 the kernel rearranges the table in the background, and where no comparison
        // of ipvsadm is an order its listing changes with that: both are asked again.
        for _ in 0..5 {
            if !read_only || self.ctx.version() < (7, 1) || !is_rearranged(&expected, &got) {
                break;
            }
            expected = self.run(Tool::Reference, words, input)?;
            got = self.run(Tool::Ours, words, input)?;
        }
        self.same(&name, &expected, &got);
        if expected_state != state {
            self.ctx.equal(&format!("state after {name}"), &expected_state, &state);
        }
        Ok(())
    }

    /// Compares two runs; the size of the connection table changes by itself from Linux 7.1.
    pub(crate) fn same(&self, name: &str, expected: &Captured, got: &Captured) {
        if self.ctx.version() < (7, 1) {
            return self.ctx.same_run(name, expected, got);
        }
        self.ctx.same_run(name, &without_size(expected), &without_size(got));
    }

    /// The saved table as lines in an order of their own: where no comparison of ipvsadm is an
    /// order, the kernel's order decides, which from Linux 7.1 is another one in each table.
    pub(crate) fn saved(&self, words: &[&str]) -> Result<Vec<String>> {
        let text = self.run(Tool::Reference, words, b"")?.out();
        Ok(sorted_lines(&text))
    }

    /// What a program says, and the state that it leaves if that is another one.
    fn run_and_look(
        &mut self,
        tool: Tool,
        words: &[&str],
        input: &[u8],
    ) -> Result<(Captured, Option<Left>)> {
        let captured = self.run(tool, words, input)?;
        let state = snapshot(&mut self.client)?;
        if state == self.baseline {
            return Ok((captured, None));
        }
        let saved = self.saved(&["-Sn"])?;
        self.reset()?;
        Ok((captured, Some((saved, state))))
    }

    /// Compares command lines, one a line, words apart by blanks.
    pub(crate) fn compare_lines(&mut self, lines: &str) -> Result<()> {
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            self.compare(&words, b"")?;
        }
        Ok(())
    }

    /// Access for what a case does besides.
    pub(crate) fn client(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Pair<'_> {
    /// Daemons are threads of the kernel that would outlive the case.
    fn drop(&mut self) {
        for role in [Role::Master, Role::Backup] {
            let _ = self.client.stop_daemon(role, 0);
        }
    }
}

fn name(words: &[&str], input: &[u8]) -> String {
    let words = format!("ipvsadm {}", words.join(" "));
    if input.is_empty() {
        words
    } else {
        format!("{words} <<< {:?}", String::from_utf8_lossy(input))
    }
}

/// A run without the size of the connection table.
fn without_size(run: &Captured) -> Captured {
    let mut run = run.clone();
    let text = run.out();
    if let Some((head, (_, tail))) =
        text.split_once("(size=").and_then(|(head, tail)| Some((head, tail.split_once(')')?)))
    {
        run.stdout = format!("{head}(size=N){tail}").into_bytes();
    }
    run
}

/// Whether two listings differ in the order of their lines only.
fn is_rearranged(expected: &Captured, got: &Captured) -> bool {
    let (expected, got) = (without_size(expected).out(), without_size(got).out());
    expected != got && sorted_lines(&expected) == sorted_lines(&got)
}

/// Lines in an order of their own.
pub(crate) fn sorted_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// The state, in an order of its own.
fn snapshot(client: &mut Client) -> Result<Snapshot> {
    let mut table = client.table()?;
    table.sort_by_key(|entry| entry.service.service.key);
    let mut daemons = client.daemons()?;
    daemons.sort_by_key(|daemon| daemon.role);
    Ok(Snapshot { table, timeouts: client.timeouts()?, daemons })
}
