//! Runs a program to its end and keeps what it said.

use std::{
    ffi::OsStr,
    io::Write as _,
    process::{Command, ExitStatus, Stdio},
    thread,
};

use crate::{Context, Error, Result};

/// What a program said and how it ended.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The command line, for messages.
    pub command: String,
    /// Standard output, as bytes.
    pub stdout: Vec<u8>,
    /// Standard error, as bytes.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
}

impl Captured {
    /// Standard output as text; bytes that are not UTF-8 are replaced.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; bytes that are not UTF-8 are replaced.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The exit status; 128 and the number of the signal that ended it, as a shell says.
    pub fn code(&self) -> i32 {
        exit_code(self.status)
    }

    /// Itself when the program ended with 0, else a sentence with what it said.
    pub fn success(self) -> Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        let said = if self.stderr.is_empty() { self.out() } else { self.err() };
        Err(Error::new(format!("`{}` failed ({}): {}", self.command, self.status, said.trim())))
    }
}

/// The exit status as a shell counts it.
pub fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// Runs a command without input.
pub fn capture(command: &mut Command) -> Result<Captured> {
    capture_with(command, "")
}

/// What a pipe holds before whoever writes to it has to wait.
const PIPE: usize = 4096;

/// Runs a command with this on its standard input.
pub fn capture_with(command: &mut Command, input: impl AsRef<[u8]>) -> Result<Captured> {
    let line = line_of(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(|| format!("cannot run `{line}`"))?;
    let stdin = child.stdin.take();
    let input = input.as_ref();
    // A program that does not read its input closes the pipe: no error of ours.
    let write = move || drop(stdin.map(|mut pipe| pipe.write_all(input)));
    let output = thread::scope(|scope| {
        // A thread costs a small kernel as much as a process does, and what fits waits for nobody.
        if input.len() <= PIPE {
            write();
        } else {
            scope.spawn(write);
        }
        child.wait_with_output().context(|| format!("cannot wait for `{line}`"))
    })?;
    Ok(Captured {
        command: line,
        stdout: output.stdout,
        stderr: output.stderr,
        status: output.status,
    })
}

/// Whether a program can be found on PATH.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
