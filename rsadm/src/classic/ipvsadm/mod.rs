//! The text that ipvsadm prints, as functions from values of the `ipvs` library to a writer.
//!
//! `rsadm ipvs ... -o classic` and the ipvsadm personality share these functions; what differs
//! between the two (signed firewall marks, unbounded name look-ups, the order of the table) is
//! either a field of [`Format`] or the caller's business.

mod connections;
mod counter;
mod destination;
mod endpoint;
mod names;
mod save;
mod service;
mod services_file;
mod settings;

pub use connections::connection_titles;
pub use names::Names;
pub(crate) use services_file::ServicesFile;
pub use settings::{daemon, timeouts, version};

use super::Line;

/// Which columns a listing shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// Forwarding method, weight and connections.
    #[default]
    Plain,
    /// The plain columns and the encapsulation of tunnels.
    Tunnels,
    /// Counters.
    Statistics,
    /// Rates per second.
    Rates,
    /// Thresholds and connections.
    Thresholds,
    /// Weight, persistence templates and connections.
    PersistentConnections,
}

/// How services and destinations are written.
///
/// Keeps the names that it looked up and one line's buffer, so one `Format` serves a listing.
#[derive(Debug, Default)]
pub struct Format {
    /// Columns of services and destinations.
    pub columns: Columns,
    /// Counters in full instead of with K, M, G and T.
    pub exact: bool,
    /// As ipvsadm prints it even where that misleads: firewall marks from 2^31 are negative, and
    /// of the scheduler's flags those that `sh` and `mh` have no name for are left out.
    pub verbatim: bool,
    /// Names of addresses and ports.
    pub names: Names,
    line: Line,
}

impl Format {
    /// A format with the given columns and names.
    pub fn new(columns: Columns, names: Names) -> Self {
        Self { columns, names, ..Self::default() }
    }
}
