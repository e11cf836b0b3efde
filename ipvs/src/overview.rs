//! Services with their destinations: whole, or the columns of a plain listing.

use crate::{DestinationEntry, DestinationSummary, PlainService, Result, ServiceEntry};

/// A service with its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServiceTable {
    /// The service.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub service: ServiceEntry,
    /// Its destinations, in the kernel's order.
    pub destinations: Vec<DestinationEntry>,
}

/// A service with the plain columns of its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServiceOverview {
    /// The service.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub service: ServiceEntry,
    /// Its destinations, in the kernel's order.
    pub destinations: Vec<DestinationSummary>,
}

/// Joins a dump of services with the plain table, whose rows are in the same order as long as
/// nobody changes the table. Before Linux 7.1 the plain table lacks rows while other namespaces have
/// services too: those are left `None`. Where the plain table has a row that the dump has not, or
/// cannot be read to its end, there is nothing to join.
pub(crate) fn join(
    services: &[ServiceEntry],
    plain: impl Iterator<Item = Result<PlainService>>,
) -> Option<Vec<Option<Vec<DestinationSummary>>>> {
    let mut joined = Vec::with_capacity(services.len());
    for row in plain {
        let row = row.ok()?;
        let rest = services.get(joined.len()..)?;
        let gap = rest.iter().position(|entry| row.key.matches(&entry.service.key))?;
        joined.resize(joined.len() + gap, None);
        joined.push(Some(row.destinations));
    }
    joined.resize(services.len(), None);
    Some(joined)
}
