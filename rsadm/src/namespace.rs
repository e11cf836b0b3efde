//! Network namespaces: those that there are, and work in one of them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rsadm_netlink::{Error, Namespace};

use crate::failure::{Failure, Result};

/// Works in a network namespace.
pub(crate) fn within<T: Send>(
    namespace: &Namespace,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    namespace.run(work).map_err(|error| failure(&error))?
}

/// What to tell when a network namespace cannot be entered.
fn failure(error: &Error) -> Failure {
    let failure = Failure::refused(error.to_string());
    let kind = match error {
        Error::Namespace { source, .. } => source.kind(),
        _ => return failure,
    };
    match kind {
        io::ErrorKind::NotFound => failure.hint(
            "--netns takes a name that `ip netns list` shows, a path such as /run/netns/blue, or \
             the id of a process",
        ),
        io::ErrorKind::PermissionDenied => {
            failure.hint("entering a network namespace needs CAP_SYS_ADMIN, for example by sudo")
        }
        io::ErrorKind::InvalidInput => failure.hint("that file is no network namespace"),
        _ => failure,
    }
}

/// Where `ip netns` keeps them.
const NAMED: &str = "/run/netns";

/// A network namespace and its name, which is empty where the current one has none.
#[derive(Clone, Debug)]
pub(crate) struct Netns {
    pub(crate) name: String,
    pub(crate) namespace: Namespace,
}

/// The current namespace, and behind it those with names, in the order of these.
pub(crate) fn all() -> Result<Vec<Netns>> {
    let mut current = Netns { name: String::new(), namespace: Namespace::Current };
    let here = identity(Path::new("/proc/thread-self/ns/net"));
    let mut named = Vec::new();
    for name in
        names().map_err(|error| Failure::refused(format!("cannot read {NAMED}: {error}")))?
    {
        if here.is_some() && here == identity(&Path::new(NAMED).join(&name)) {
            current.name = name;
        } else {
            named.push(name);
        }
    }
    named.sort();
    let place = |name: String| Netns { namespace: Namespace::Named(name.clone()), name };
    Ok([current].into_iter().chain(named.into_iter().map(place)).collect())
}

fn names() -> io::Result<Vec<String>> {
    match fs::read_dir(NAMED) {
        Ok(entries) => {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What tells one namespace from another.
fn identity(file: &Path) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|file| (file.dev(), file.ino()))
}
