//! Network namespaces: a socket belongs to the one that its opening thread was in.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::{io, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{Error, Result};

/// A network namespace.
///
/// As text: a number is a process, a text with a slash a path, anything else a name.
///
/// ```
/// use rsadm_netlink::Namespace;
/// assert_eq!("blue".parse::<Namespace>()?.to_string(), "blue");
/// assert_eq!("4711".parse::<Namespace>()?.to_string(), "of process 4711");
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Clone, Debug, Default)]
pub enum Namespace {
    /// The one that the calling thread is in.
    #[default]
    Current,
    /// One that `ip netns add NAME` made: `/run/netns/NAME`.
    Named(String),
    /// A file that holds one, such as `/proc/PID/ns/net`.
    Path(PathBuf),
    /// The one of a process.
    Process(u32),
    /// An open file that holds one.
    File(Arc<OwnedFd>),
}

impl Namespace {
    /// Runs `work` on a thread that is in the namespace, and waits for it. The calling thread
    /// stays where it is.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        if matches!(self, Self::Current) {
            return Ok(work());
        }
        let file = self.open().map_err(|source| self.error(source))?;
        thread::scope(|scope| {
            let worker =
                thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, || {
                    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
                    Ok(work())
                })?;
            match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
        .map_err(|source| self.error(source))
    }

    /// Opens the file that stands for the namespace.
    fn open(&self) -> io::Result<Arc<OwnedFd>> {
        let path = match self {
            Self::Current => PathBuf::from("/proc/thread-self/ns/net"),
            Self::Named(name) => Path::new("/run/netns").join(name),
            Self::Path(path) => path.clone(),
            Self::Process(id) => PathBuf::from(format!("/proc/{id}/ns/net")),
            Self::File(file) => return Ok(Arc::clone(file)),
        };
        Ok(Arc::new(File::open(path)?.into()))
    }

    fn error(&self, source: io::Error) -> Error {
        Error::Namespace { name: self.to_string().into(), source }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("of this thread"),
            Self::Named(name) => f.write_str(name),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Process(id) => write!(f, "of process {id}"),
            Self::File(_) => f.write_str("of an open file"),
        }
    }
}

impl FromStr for Namespace {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.parse() {
            Ok(id) => Self::Process(id),
            Err(_) if text.contains('/') => Self::Path(text.into()),
            Err(_) => Self::Named(text.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_a_process_a_path_or_a_name() {
        let parse = |text: &str| text.parse::<Namespace>().expect("infallible");
        assert!(matches!(parse("17"), Namespace::Process(17)));
        assert!(matches!(parse("./17"), Namespace::Path(_)));
        assert!(matches!(parse("17a"), Namespace::Named(_)));
    }

    #[test]
    #[cfg_attr(miri, ignore = "opens a file")]
    fn a_missing_namespace_is_named() {
        let error = Namespace::Named("no-such-namespace".to_owned()).run(|| ()).expect_err("none");
        assert_eq!(
            error.to_string(),
            "cannot enter network namespace no-such-namespace: \
             No such file or directory (os error 2)"
        );
    }

    #[test]
    fn the_current_namespace_needs_no_thread() {
        let here = thread::current().id();
        assert_eq!(Namespace::Current.run(|| thread::current().id()).expect("runs"), here);
    }
}
