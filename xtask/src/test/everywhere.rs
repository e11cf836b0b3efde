//! The tests that need no kernel of ours: cargo's, and Miri's.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use testbed::{Context as _, Result, process};

use super::Tally;
use crate::cargo;

/// What Miri cannot run: system calls of namespaces, and an error text that it words differently.
const MIRI_SKIPS: [&str; 2] = ["namespace", "the_kernels_words_are_in_the_text"];

/// `cargo test --workspace`: unit, property, golden, documentation and command line.
pub(super) fn cargo_test(filter: Option<&str>) -> Result<Tally> {
    let mut command = cargo::command();
    command.args(["test", "--workspace", "--all-features", "--no-fail-fast"]).args(filter);
    follow(&mut command, Tally::new("cargo test"))
}

/// Miri over the netlink engine, where the toolchain has it.
pub(super) fn miri() -> Result<Tally> {
    let mut tally = Tally::new("miri");
    let mut setup = Command::new("cargo");
    setup.args(["+nightly", "miri", "setup"]).current_dir(cargo::workspace());
    without_toolchain(&mut setup);
    match process::capture(&mut setup) {
        Ok(ready) if ready.status.success() => {}
        Ok(refused) => {
            let said = refused.err();
            let reason = said.lines().find(|line| line.contains("error")).unwrap_or("no reason");
            tally.skip(format!("`cargo +nightly miri setup`: {}", reason.trim()), 1);
            return Ok(tally);
        }
        Err(error) => {
            tally.skip(error.to_string(), 1);
            return Ok(tally);
        }
    }
    let mut command = Command::new("cargo");
    command.args(["+nightly", "miri", "test", "-p", "rsadm-netlink", "--all-features"]);
    command.args(["--lib", "--test", "exchange", "--"]);
    command.args(MIRI_SKIPS.iter().flat_map(|name| ["--skip", name]));
    // Few cases of each property: Miri is some hundred times slower.
    command.env("PROPTEST_CASES", "8").env("PROPTEST_FAILURE_PERSISTENCE", "off");
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation").current_dir(cargo::workspace());
    without_toolchain(&mut command);
    follow(&mut command, tally)
}

/// The toolchain that runs this program must not decide for the one that is called.
fn without_toolchain(command: &mut Command) {
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    // A toolchain that is missing is a reason to skip, not something to download.
    command.env("RUSTUP_AUTO_INSTALL", "0");
}

/// Shows what a test command prints while it counts.
fn follow(command: &mut Command, mut tally: Tally) -> Result<Tally> {
    let place = tally.place.clone();
    let mut child =
        command.stdout(Stdio::piped()).spawn().context(|| format!("cannot run {place}"))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.context(|| format!("cannot read from {place}"))?;
            println!("{line}");
            tally.take_libtest(&line);
        }
    }
    let status = child.wait().context(|| format!("cannot wait for {place}"))?;
    if !status.success() && !tally.has_failures() {
        tally.fail(format!("it ended with {status}"));
    }
    Ok(tally)
}
