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
/// nobody changes the table. Where they are not, or the plain table cannot be read to its end, the
/// dump is given back.
pub(crate) fn join(
    services: Vec<ServiceEntry>,
    plain: impl Iterator<Item = Result<PlainService>>,
) -> Result<Vec<ServiceOverview>, Vec<ServiceEntry>> {
    let mut destinations = Vec::with_capacity(services.len());
    for row in plain {
        match (row, services.get(destinations.len())) {
            (Ok(row), Some(entry)) if row.key.matches(&entry.service.key) => {
                destinations.push(row.destinations);
            }
            _ => return Err(services),
        }
    }
    if destinations.len() != services.len() {
        return Err(services);
    }
    let pairs = services.into_iter().zip(destinations);
    Ok(pairs.map(|(service, destinations)| ServiceOverview { service, destinations }).collect())
}
