//! What can go wrong with a snapshot as a whole.

use std::io;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in this crate. What goes wrong with a part of a snapshot is in its
/// [`Part`](crate::Part) or among its [remarks](crate::Snapshot::remarks).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network namespace cannot be entered, or no socket be opened in it.
    #[error(transparent)]
    Netlink(#[from] rsadm_netlink::Error),
    /// The socket that links and forwarding entries are read from cannot be opened.
    #[error(transparent)]
    Links(#[from] vxlan::Error),
    /// A file cannot be read or written.
    #[error("cannot {action} {name}: {source}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        name: Box<str>,
        /// What happened.
        source: io::Error,
    },
    /// A file is not a snapshot, or not whole.
    #[error("{name}: {problem}")]
    Damaged {
        /// The file.
        name: Box<str>,
        /// What is wrong with it.
        problem: String,
    },
    /// A snapshot that a newer version of this crate wrote.
    #[error(
        "{name}: a snapshot from the future: its version is {version}, and versions up to {known} are known here"
    )]
    Future {
        /// The file.
        name: Box<str>,
        /// Its version.
        version: u64,
        /// The newest version that is known.
        known: u64,
    },
}
