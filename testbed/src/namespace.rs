//! Named network namespaces: to run a closure in one, or a command.

use std::{
    fs::{self, File},
    os::fd::AsFd as _,
    path::PathBuf,
    process::Command,
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Context, Error, Result, process};

/// A network namespace with a name, as `ip netns` keeps them. Deleted when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a fresh namespace with its loopback up.
    pub fn new(name: &str) -> Result<Self> {
        let mut add = Command::new("ip");
        process::capture(add.args(["netns", "add", name]))?.success()?;
        let namespace = Self { name: name.to_owned() };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// A command that will run in the namespace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `ip ARGUMENTS` in the namespace.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("ip");
        process::capture(command.args(["-n", &self.name]).args(arguments))?.success().map(drop)
    }

    /// Runs lines of `ip` in the namespace, all with one start of the program.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        let mut command = Command::new("ip");
        command.args(["-n", &self.name, "-batch", "-"]);
        process::capture_with(&mut command, lines)?.success().map(drop)
    }

    /// Sets sysctls of the namespace, written as below `/proc/sys`.
    pub fn sysctls(&self, values: &[(&str, &str)]) -> Result<()> {
        self.enter(|| {
            for (name, value) in values {
                let path = format!("/proc/sys/{name}");
                fs::write(&path, value).context(|| format!("cannot write {value} to {path}"))?;
            }
            Ok(())
        })
    }

    /// Runs a closure on a thread of its own inside the namespace.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let path = self.path();
        let file = File::open(&path).context(|| format!("cannot open {}", path.display()))?;
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .context(|| format!("cannot enter {}", path.display()))?;
                work()
            });
            inside.join().unwrap_or_else(|_| Err(Error::new("the thread in the namespace died")))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let mut delete = Command::new("ip");
        drop(process::capture(delete.args(["netns", "delete", &self.name])));
    }
}
