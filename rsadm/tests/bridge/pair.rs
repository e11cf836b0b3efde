//! Debian's bridge and ours, side by side from the same tables.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use testbed::harness::{Context, Failure};
use testbed::process::Captured;
use vxlan::{Client, Entry, EntryFilter, Flags, MulticastEntry, RouterPort, Verbatim, VniEntry};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Times are shown in seconds; one may pass between the two, and then both are asked again.
const ATTEMPTS: usize = 12;

/// Most passes that making the tables again takes.
const PASSES: usize = 5;

/// One of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Reference,
    Ours,
}

/// The two programs, and the tables that both start from.
pub(crate) struct Pair<'a> {
    pub(crate) ctx: &'a Context,
    reference: PathBuf,
    ours: PathBuf,
    pub(crate) client: Client,
    start: Tables,
}

/// Everything that the programs can change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    entries: Vec<Entry>,
    vnis: Vec<VniEntry>,
    multicast: Vec<MulticastEntry>,
    routers: Vec<RouterPort>,
}

impl<'a> Pair<'a> {
    /// Both programs in the namespace of the case, after lines for `ip` and for `bridge`. Those that
    /// this kernel cannot carry out are left out.
    pub(crate) fn new(ctx: &'a Context, links: &str, entries: &str) -> Result<Self> {
        // Nothing joins groups or talks of its own accord.
        for which in ["all", "default"] {
            let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1");
        }
        let mut ip = ctx.reference("ip");
        ctx.capture_with(ip.args(["-force", "-batch", "-"]), links)?;
        let reference: PathBuf = ctx.reference("bridge").get_program().into();
        let mut bridge = Command::new(&reference);
        ctx.capture_with(bridge.args(["-force", "-batch", "-"]), entries)?;
        let ours = PathBuf::from("/run/bridge");
        if !ours.exists() {
            symlink(env!("CARGO_BIN_EXE_rsadm"), &ours)?;
        }
        let start = Tables::default();
        let mut pair = Self { ctx, reference, ours, client: Client::connect()?, start };
        pair.start = pair.tables()?;
        Ok(pair)
    }

    /// Whether this kernel has made a link.
    pub(crate) fn has(&mut self, link: &str) -> bool {
        self.client.link(link).is_ok()
    }

    /// The command that runs a program under the name `bridge`.
    pub(crate) fn command(&self, tool: Tool) -> Command {
        let mut command = Command::new(match tool {
            Tool::Reference => &self.reference,
            Tool::Ours => &self.ours,
        });
        command.arg0("bridge");
        command
    }

    /// Runs a program.
    pub(crate) fn run(&self, tool: Tool, words: &[&str], input: &[u8]) -> Result<Captured> {
        let mut command = self.command(tool);
        Ok(self.ctx.capture_with(command.args(words), input)?)
    }

    /// Runs both on the same tables and compares what they say.
    pub(crate) fn compare_reading(&self, line: &str) -> Result<()> {
        let words = split(line);
        for attempt in 1.. {
            let expected = self.run(Tool::Reference, &words, b"")?;
            let got = self.run(Tool::Ours, &words, b"")?;
            if is_same(&expected, &got) || attempt == ATTEMPTS {
                self.ctx.same_run(line, &expected, &got);
                break;
            }
        }
        Ok(())
    }

    /// The same of several lines.
    pub(crate) fn compare_reading_lines(&self, lines: &str) -> Result<()> {
        lines
            .lines()
            .filter(|line| !line.is_empty())
            .try_for_each(|line| self.compare_reading(line))
    }

    /// Runs both, each from the same tables, and compares what they say and what they leave.
    pub(crate) fn compare(&mut self, line: &str, input: &[u8]) -> Result<()> {
        let words = split(line);
        let name = match input {
            b"" => line.to_owned(),
            input => format!("{line} <<< {:?}", String::from_utf8_lossy(input)),
        };
        // Times may differ by the second that passes between the two.
        for attempt in 1.. {
            let (expected, left) = self.run_and_look(Tool::Reference, &words, input)?;
            let (got, ours) = self.run_and_look(Tool::Ours, &words, input)?;
            if is_same(&expected, &got) || attempt == ATTEMPTS {
                self.ctx.same_run(&name, &expected, &got);
                let [only_theirs, only_ours] = [left.without(&ours), ours.without(&left)];
                self.ctx.equal(&format!("tables after {name}"), &only_theirs, &only_ours);
                break;
            }
        }
        Ok(())
    }

    /// The same of several lines.
    pub(crate) fn compare_lines(&mut self, lines: &str) -> Result<()> {
        lines.lines().filter(|line| !line.is_empty()).try_for_each(|line| self.compare(line, b""))
    }

    /// What a program says, and the tables that it leaves; they are made again.
    pub(crate) fn run_and_look(
        &mut self,
        tool: Tool,
        words: &[&str],
        input: &[u8],
    ) -> Result<(Captured, Tables)> {
        let captured = self.run(tool, words, input)?;
        let left = self.tables()?;
        if let Err(Failure::Failed(reason)) = self.restore(&left) {
            self.ctx.fail(format!("after {}: {reason}", words.join(" ")))?;
        }
        Ok((captured, left))
    }

    /// What is in the tables, in an order of its own and without times.
    pub(crate) fn tables(&mut self) -> Result<Tables> {
        let mut entries = Vec::new();
        for entry in self.client.entries(&EntryFilter::new())? {
            entries.push(Entry { cache: None, ..entry? });
        }
        entries.sort_unstable_by_key(|entry| format!("{entry:?}"));
        let vnis = self.client.vnis(None, false).unwrap_or_default();
        let mut multicast = self.client.multicast(None).unwrap_or_default();
        for entry in &mut multicast {
            entry.timer = None;
        }
        multicast.sort_unstable_by_key(|entry| format!("{entry:?}"));
        let routers = self.client.router_ports().unwrap_or_default();
        Ok(Tables { entries, vnis, multicast, routers })
    }

    /// Whether nothing has changed.
    pub(crate) fn is_as_it_began(&mut self) -> Result<bool> {
        Ok(self.tables()? == self.start)
    }

    /// Makes the tables again that comparisons start from. Bridges need several passes: an entry
    /// without a VLAN is added to, and deleted from, every VLAN.
    fn restore(&mut self, left: &Tables) -> Result<()> {
        let mut left = left.clone();
        for _ in 0..PASSES {
            if left.entries == self.start.entries
                && left.vnis == self.start.vnis
                && left.multicast == self.start.multicast
            {
                return Ok(());
            }
            self.pass(&left)?;
            left = self.tables()?;
        }
        let (more, less) = (left.without(&self.start), self.start.without(&left));
        self.ctx.fail(format!("not as before: {more:#?}, without {less:#?}"))
    }

    fn pass(&mut self, left: &Tables) -> Result<()> {
        let start = &self.start;
        let mut asked = Vec::new();
        let more = left.entries.iter().filter(|entry| !start.entries.contains(entry));
        let less = start.entries.iter().filter(|entry| !left.entries.contains(entry));
        asked.extend(more.map(|entry| Verbatim::Delete(asked_for(entry))));
        asked.extend(less.map(|entry| Verbatim::Append(asked_for(entry))));
        if left.vnis != start.vnis {
            let delete = |entry: &VniEntry| Verbatim::DeleteVnis(entry.link, vec![*entry]);
            let add = |entry: &VniEntry| Verbatim::AddVnis(entry.link, vec![*entry]);
            asked.extend(left.vnis.iter().map(delete));
            asked.extend(start.vnis.iter().map(add));
        }
        let plain = |entry: &MulticastEntry| MulticastEntry {
            filter_mode: None,
            protocol: None,
            ..entry.clone()
        };
        let more = left.multicast.iter().filter(|entry| !start.multicast.contains(entry));
        let less = start.multicast.iter().filter(|entry| !left.multicast.contains(entry));
        asked.extend(more.map(|entry| Verbatim::DeleteMulticast(plain(entry))));
        asked.extend(less.map(|entry| Verbatim::AddMulticast(plain(entry))));
        self.client.carry_out(&asked)?;
        Ok(())
    }
}

impl Tables {
    /// What is in these tables and not in others.
    fn without(&self, others: &Self) -> Vec<String> {
        let shown = |tables: &Self| {
            let entries = tables.entries.iter().map(|entry| format!("{entry:?}"));
            let vnis = tables.vnis.iter().map(|entry| format!("{entry:?}"));
            let multicast = tables.multicast.iter().map(|entry| format!("{entry:?}"));
            entries.chain(vnis).chain(multicast).collect::<Vec<_>>()
        };
        let others = shown(others);
        shown(self).into_iter().filter(|entry| !others.contains(entry)).collect()
    }
}

/// An entry as it is asked for: what is in a bridge's table goes there, through the bridge if it is
/// the bridge's own.
fn asked_for(entry: &Entry) -> Entry {
    let flags = match entry.master {
        Some(bridge) if bridge != entry.link => entry.flags | Flags::MASTER,
        Some(_) => entry.flags | Flags::SELF,
        None => entry.flags,
    };
    Entry { flags, ..*entry }
}

fn is_same(expected: &Captured, got: &Captured) -> bool {
    expected.stdout == got.stdout && expected.stderr == got.stderr && expected.code() == got.code()
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
