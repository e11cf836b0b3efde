//! Named network namespaces: to run a closure in one, or a command.

use std::{
    fs::{self, File},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use rsadm_netlink::{Bus, Connection, Message, Options, Socket, now};
use rustix::{
    mount::{UnmountFlags, mount_bind, unmount},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space},
};

use crate::{
    Context, Error, Result,
    process::{self, Captured},
};

/// Where `ip netns` keeps the files of namespaces.
const FOLDER: &str = "/run/netns";

/// A network namespace with a name, as `ip netns` keeps them. Deleted when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a fresh namespace with its loopback up.
    pub fn new(name: &str) -> Result<Self> {
        let path = Path::new(FOLDER).join(name);
        fs::create_dir_all(FOLDER).context(|| format!("cannot make {FOLDER}"))?;
        File::create_new(&path).context(|| format!("cannot make {}", path.display()))?;
        // From here on it is removed when something fails.
        let namespace = Self { name: name.to_owned() };
        on_a_thread(|| {
            #[expect(deprecated, reason = "only sharing of file descriptors makes it unsafe")]
            rustix::thread::unshare(UnshareFlags::NEWNET)
                .and_then(|()| mount_bind("/proc/thread-self/ns/net", &path))
                .context(|| format!("cannot make the network namespace {name}"))?;
            raise_loopback()
        })?;
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        Path::new(FOLDER).join(&self.name)
    }

    /// A command that will run in the namespace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs a program in the namespace, with this on its standard input, and keeps what it says.
    pub fn capture(&self, command: &mut Command, input: impl AsRef<[u8]>) -> Result<Captured> {
        let input = input.as_ref();
        self.enter(|| process::capture_with(command, input))
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
        on_a_thread(|| {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .context(|| format!("cannot enter {}", path.display()))?;
            work()
        })
    }
}

/// Brings up the loopback of the calling thread's namespace, without starting a program for it.
pub(crate) fn raise_loopback() -> Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const IFF_UP: u32 = 1;
    /// The first device of every namespace.
    const LOOPBACK: u32 = 1;
    let mut message = Message::new(RTM_NEWLINK, 0);
    // `struct ifinfomsg`: family and type, index, flags, and which of them to change.
    message.header([0, LOOPBACK, IFF_UP, IFF_UP].map(u32::to_ne_bytes).as_flattened());
    Socket::open(Bus::Route, &Options::default())
        .and_then(|socket| now(Connection::new(socket).request(&mut message, |_| Ok(()))))
        .context(|| "cannot bring up the loopback".into())
}

/// Namespaces are a thread's own: the caller's stays as it is.
fn on_a_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let inside = scope.spawn(work);
        inside.join().unwrap_or_else(|_| Err(Error::new("the thread in the namespace died")))
    })
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let path = self.path();
        let _ = unmount(&path, UnmountFlags::DETACH);
        let _ = fs::remove_file(path);
    }
}
