//! Netfilter's rules, as its programs print them.

use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use rsadm_netlink::{Bus, Connection, Options, Socket};

use super::dump::dump;
use super::modules::Modules;
use crate::uapi::{AF_INET, AF_INET6};
use crate::{Netfilter, Part, wire};

/// A program that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// A set of rules that no part of the kernel holds is known to be empty.
const EMPTY: Part<String> = Part::Read(String::new());

/// Programs that run.
pub(super) struct Running<'s> {
    nftables: ScopedJoinHandle<'s, Part<String>>,
    iptables: ScopedJoinHandle<'s, Part<String>>,
    ip6tables: ScopedJoinHandle<'s, Part<String>>,
    sets: ScopedJoinHandle<'s, Part<String>>,
}

/// Tables that iptables knows, in the families of its two programs. Others in nftables are not its own.
const OF_IPTABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// Which tables nftables holds, by family and name; `None` where that is not known.
struct Nftables(Option<Vec<(u8, String)>>);

impl Nftables {
    fn read(modules: &Modules) -> Self {
        if !modules.can_ask("nf_tables") {
            return Self(Some(Vec::new()));
        }
        let socket = Socket::open(Bus::Netfilter, &Options::default()).ok();
        let (list, table) = (wire::nftables::list, wire::nftables::table);
        let read = socket.and_then(|socket| dump(&mut Connection::new(socket), list(), table).ok());
        Self(read.filter(|(_, changed)| !changed).map(|(tables, _)| tables))
    }

    /// Whether it may hold any.
    fn may_hold_any(&self) -> bool {
        self.0.as_ref().is_none_or(|tables| !tables.is_empty())
    }

    /// Whether it may hold any that iptables made.
    fn may_hold_iptables(&self, family: u8) -> bool {
        let is_its_own =
            |(of, name): &(u8, String)| *of == family && OF_IPTABLES.contains(&name.as_str());
        self.0.as_ref().is_none_or(|tables| tables.iter().any(is_its_own))
    }
}

/// Starts those that have something to say: a process takes longer than everything else. A thread is in the network namespace of the one that made it, and so is a process.
pub(super) fn start<'s>(scope: &'s Scope<'s, '_>, modules: &Modules) -> Running<'s> {
    let nftables = Nftables::read(modules);
    let has_any = nftables.may_hold_any();
    let [has_ipv4, has_ipv6] = [AF_INET, AF_INET6].map(|family| nftables.may_hold_iptables(family));
    let can_ask = modules.can_ask("ip_set");
    let (ipv4, ipv6) =
        ("/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names");
    Running {
        nftables: scope.spawn(move || listing(has_any, "nft", &["-j", "list", "ruleset"])),
        iptables: scope.spawn(move || tables("iptables", ipv4, has_ipv4)),
        ip6tables: scope.spawn(move || tables("ip6tables", ipv6, has_ipv6)),
        sets: scope.spawn(move || listing(can_ask, "ipset", &["save"])),
    }
}

impl Running<'_> {
    /// What they printed.
    pub(super) fn finish(self) -> Netfilter {
        let joined = |thread: ScopedJoinHandle<'_, Part<String>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        Netfilter {
            nftables: joined(self.nftables),
            iptables: joined(self.iptables),
            ip6tables: joined(self.ip6tables),
            sets: joined(self.sets),
        }
    }
}

fn absent(name: &str) -> impl FnOnce() -> Part<String> {
    let reason = format!("the program {name} is not installed");
    || Part::Unknown(reason)
}

/// What a program says of what its module holds, if there may be anything.
fn listing(has_any: bool, program: &str, arguments: &[&str]) -> Part<String> {
    if has_any { run(program, arguments).unwrap_or_else(absent(program)) } else { EMPTY }
}

/// The rules of both variants of a program. That of legacy tables is asked only where there are any,
/// because asking makes them, and that of nftables if nftables may hold some.
fn tables(name: &str, legacy: &str, has_nft: bool) -> Part<String> {
    let has_legacy = match fs::read_to_string(legacy) {
        Ok(names) => !names.trim().is_empty(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            return Part::Unknown(format!(
                "cannot see whether {name} has rules: {legacy}: {error}"
            ));
        }
    };
    let mut text = String::new();
    for (variant, wanted) in [("legacy", has_legacy), ("nft", has_nft)] {
        if !wanted {
            continue;
        }
        let program = format!("{name}-{variant}-save");
        let plain = format!("{name}-save");
        // Where there is but one variant it may have the plain name only.
        let printed = run(&program, &[])
            .or_else(|| is_variant(name, variant).then(|| run(&plain, &[])).flatten());
        match printed {
            Some(Part::Read(printed)) => text.push_str(&printed),
            Some(unknown) => return unknown,
            // Rules of iptables in nftables are among those that nft lists.
            None if variant == "nft" => {}
            None => return absent(&program)(),
        }
    }
    Part::Read(text)
}

/// Whether the program of the plain name is of this variant, by what it says of its version.
fn is_variant(name: &str, variant: &str) -> bool {
    let version = run(&format!("{name}-save"), &["--version"]);
    let legacy = match version.as_ref().and_then(Part::get) {
        Some(version) => !version.contains("nf_tables"),
        None => return false,
    };
    legacy == (variant == "legacy")
}

/// What a program prints; `None` if it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<Part<String>> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => Some(Part::of(wait(program, child))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Part::Unknown(format!("cannot run {program}: {error}"))),
    }
}

/// Reads what a process prints until it ends, or time is up.
fn wait(program: &str, mut child: Child) -> Result<String, String> {
    let (ended, end) = mpsc::channel();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (printed, told) = thread::scope(|scope| {
        let stderr = scope.spawn(move || read(stderr.as_mut()));
        let stdout = scope.spawn(move || {
            let read = read(stdout.as_mut());
            // Nobody waits any more where time was up.
            _ = ended.send(());
            read
        });
        let in_time = end.recv_timeout(PATIENCE).is_ok();
        if !in_time {
            // It may have ended this moment.
            _ = child.kill();
        }
        let printed = stdout.join().unwrap_or_default();
        let told = stderr.join().unwrap_or_default();
        if in_time { Ok((printed, told)) } else { Err(()) }
    })
    .map_err(|()| format!("{program} did not end within {} s", PATIENCE.as_secs()))?;
    let status = child.wait().map_err(|error| format!("cannot run {program}: {error}"))?;
    if status.success() {
        return Ok(printed);
    }
    let reason = told.lines().find(|line| !line.trim().is_empty()).unwrap_or("without a word");
    Err(format!("{program} failed ({status}): {}", reason.trim()))
}

fn read(pipe: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was read so far says more than nothing; the exit status says that it is not all.
        _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints_or_why_not() {
        assert_eq!(run("echo", &["-n", "rules"]), Some(Part::Read("rules".to_owned())));
        assert_eq!(run("no-such-program-of-rsadm", &[]), None);
        let failed = run("sh", &["-c", "echo; echo no rights >&2; exit 4"]);
        let failed = failed.expect("sh is there");
        assert_eq!(failed.reason(), Some("sh failed (exit status: 4): no rights"));
        assert_eq!(absent("nft")().reason(), Some("the program nft is not installed"));
    }
}
