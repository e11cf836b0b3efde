//! What a case works with, and how it says what it found.

use std::{
    cell::{Cell, RefCell},
    env,
    ffi::OsStr,
    fmt::Debug,
    fs,
    path::Path,
    process::Command,
};

use super::Need;
use crate::{
    Result,
    namespace::Namespace,
    process::{self, Captured},
};

/// How many differences are told in full.
const TOLD: usize = 5;

/// How a case ends: well, or early.
pub type Outcome = std::result::Result<(), Failure>;

/// Why a case ended early. Every error turns into one with `?`.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong.
    Failed(String),
    /// The kernel or the machine lacks what the case is about.
    Skipped(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Failed(text)
    }
}

/// What a case works with.
#[derive(Debug)]
pub struct Context {
    compared: Cell<u64>,
    different: Cell<u64>,
    differences: RefCell<Vec<String>>,
    version: (u32, u32),
}

impl Context {
    pub(super) fn new() -> Self {
        let release = rustix::system::uname();
        Self {
            compared: Cell::new(0),
            different: Cell::new(0),
            differences: RefCell::default(),
            version: version_of(&release.release().to_string_lossy()),
        }
    }

    /// Ends the case as skipped: `return ctx.skip("...")`.
    pub fn skip<T>(&self, reason: impl Into<String>) -> std::result::Result<T, Failure> {
        Err(Failure::Skipped(reason.into()))
    }

    /// Ends the case as failed: `return ctx.fail("...")`.
    pub fn fail<T>(&self, reason: impl Into<String>) -> std::result::Result<T, Failure> {
        Err(Failure::Failed(reason.into()))
    }

    /// The kernel that was asked for: `6.1`, `6.12`, `7.2` or `host`.
    pub fn kernel(&self) -> String {
        env::var(super::KERNEL).unwrap_or_default()
    }

    /// The running kernel's first two numbers.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// Counts one comparison; the case goes on, and fails at its end if any was not `same`.
    pub fn check(&self, name: &str, same: bool) {
        self.check_or(name, same, String::new);
    }

    /// Counts one comparison of two values, and tells both when they differ.
    pub fn equal<T: PartialEq + Debug + ?Sized>(&self, name: &str, expected: &T, got: &T) {
        self.check_or(name, expected == got, || {
            format!("\n    expected {expected:?}\n    got      {got:?}")
        });
    }

    /// Counts one comparison of two runs of a program: both outputs and the exit status.
    pub fn same_run(&self, name: &str, expected: &Captured, got: &Captured) {
        let same = expected.stdout == got.stdout
            && expected.stderr == got.stderr
            && expected.code() == got.code();
        self.check_or(name, same, || format!("\n{}\n{}", told(expected), told(got)));
    }

    fn check_or(&self, name: &str, same: bool, detail: impl FnOnce() -> String) {
        self.compared.set(self.compared.get() + 1);
        if same {
            return;
        }
        self.different.set(self.different.get() + 1);
        let mut differences = self.differences.borrow_mut();
        if differences.len() < TOLD {
            differences.push(format!("  {name}{}", detail()));
        }
    }

    /// Comparisons made, and those that differed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.compared.get(), self.different.get())
    }

    /// The outcome of the case, its comparisons included.
    pub(super) fn conclude(&self, outcome: Outcome) -> Outcome {
        let (compared, different) = self.counts();
        if different == 0 {
            return outcome;
        }
        let mut text = format!("{compared} compared, {different} different");
        for difference in &*self.differences.borrow() {
            text = format!("{text}\n{difference}");
        }
        if let Err(Failure::Failed(reason)) = outcome {
            text = format!("{reason}\n{text}");
        }
        Err(Failure::Failed(text))
    }

    /// A reference tool: `ipvsadm`, `conntrack`, `ipset`, `iptables`, `ip`, `bridge`.
    ///
    /// Debian's program, unpacked by `cargo xtask test`.
    pub fn reference(&self, name: &str) -> Command {
        let folder = env::var_os("RSADM_REFERENCE").unwrap_or_default();
        Command::new(Path::new(&folder).join(name))
    }

    /// Runs a command and keeps what it says.
    pub fn capture(&self, command: &mut Command) -> Result<Captured> {
        process::capture(command)
    }

    /// Runs a command with this on its standard input.
    pub fn capture_with(&self, command: &mut Command, input: impl AsRef<[u8]>) -> Result<Captured> {
        process::capture_with(command, input)
    }

    /// Runs a command that must succeed, and answers its standard output.
    pub fn out<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        program: &str,
        arguments: I,
    ) -> Result<String> {
        let mut command = Command::new(program);
        Ok(process::capture(command.args(arguments))?.success()?.out())
    }

    /// Has packets tracked in the namespace, which the kernel does as soon as a rule wants it; whether
    /// they are now.
    pub fn track_packets(&self) -> Result<bool> {
        let rule = ["-t", "nat", "-A", "POSTROUTING", "-s", "198.51.100.1", "-j", "MASQUERADE"];
        Ok(self.capture(self.reference("iptables").args(rule))?.status.success())
    }

    /// Gives the calling thread, and what it starts, a network namespace and a `/run` of its own,
    /// as the case has.
    pub fn isolate() -> Result<()> {
        super::runner::isolate()
    }

    /// Makes another namespace, with a name that `ip netns` knows too.
    pub fn namespace(&self, name: &str) -> Result<Namespace> {
        Namespace::new(name)
    }

    /// Skips when the kernel lacks what the case needs.
    pub(super) fn require(&self, need: Need) -> Outcome {
        match need {
            Need::Ipvs if !Path::new("/proc/net/ip_vs").exists() => {
                self.skip("this kernel has no ip_vs")
            }
            Need::Ipvs | Need::RealRoot if !is_first_user_namespace() => {
                self.skip("this needs root outside of user namespaces")
            }
            Need::Nat => {
                let listed = self.capture(self.reference("iptables").args(["-t", "nat", "-nL"]))?;
                if listed.status.success() { Ok(()) } else { self.skip("this kernel has no NAT") }
            }
            Need::Reference(name) if !Path::new(self.reference(name).get_program()).exists() => {
                self.skip(format!("no reference {name} is unpacked"))
            }
            Need::Version(major, minor) if self.version < (major, minor) => {
                self.skip(format!("this needs kernel {major}.{minor}"))
            }
            Need::Ipvs | Need::RealRoot | Need::Reference(_) | Need::Version(..) => Ok(()),
        }
    }
}

fn told(run: &Captured) -> String {
    format!(
        "    {} -> {}\n      stdout {:?}\n      stderr {:?}",
        run.command,
        run.code(),
        run.out(),
        run.err()
    )
}

/// The first user namespace maps every user to itself.
fn is_first_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn version_of(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    let mut next = || numbers.next().flatten().unwrap_or(0);
    (next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_first_two_numbers() {
        assert_eq!(version_of("6.12.113"), (6, 12));
        assert_eq!(version_of("7.2"), (7, 2));
        assert_eq!(version_of("6.18.44-fc-v657"), (6, 18));
        assert_eq!(version_of("strange"), (0, 0));
    }

    #[test]
    fn one_difference_fails_a_case_that_went_well() {
        let ctx = Context::new();
        ctx.equal("first", &1, &1);
        assert!(ctx.conclude(Ok(())).is_ok());
        ctx.equal("second", &1, &2);
        let Err(Failure::Failed(text)) = ctx.conclude(Ok(())) else { panic!("not failed") };
        assert!(text.starts_with("2 compared, 1 different\n  second"), "{text}");
        assert!(text.contains("expected 1") && text.contains("got      2"), "{text}");
    }

    #[test]
    fn a_difference_outweighs_a_later_skip() {
        let ctx = Context::new();
        ctx.check("first", false);
        assert!(matches!(ctx.conclude(ctx.skip("no more")), Err(Failure::Failed(_))));
    }
}
