//! `--all-netns`: the network namespaces that have names, and the current one.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rsadm_netlink::Namespace;

use crate::failure::{Failure, Result};

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
