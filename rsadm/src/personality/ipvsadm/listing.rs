//! `-L` and `-S`.

use std::io::Write;

use ipvs::{DestinationEntry, Info, Result, ServiceEntry, ServiceKey};

use super::action::Listing;
use super::kernel::Kernel;
use super::order;
use crate::classic::ipvsadm::{self, Columns, Format, Names};

/// What ends a listing early.
#[derive(Debug)]
pub(super) enum Failure {
    /// The kernel refused.
    Kernel(ipvs::Error),
    /// The connection table cannot be read.
    NoConnections,
    /// The output cannot be written.
    Output(std::io::Error),
}

impl From<ipvs::Error> for Failure {
    fn from(error: ipvs::Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

type Outcome = std::result::Result<(), Failure>;

fn format(columns: Columns, numeric: bool) -> Format {
    let names = if numeric { Names::numeric() } else { Names::resolved() };
    let mut format = Format::new(columns, names);
    format.verbatim = true;
    format
}

fn listing_format(listing: Listing) -> Format {
    let mut format = format(listing.columns, listing.numeric);
    format.exact = listing.exact;
    format
}

/// The whole table.
pub(super) fn table(
    kernel: &mut impl Kernel,
    out: &mut impl Write,
    info: Info,
    listing: Listing,
) -> Outcome {
    if listing.columns == Columns::Plain {
        return plain_table(kernel, out, info, listing);
    }
    let mut format = listing_format(listing);
    let services = sorted_services(kernel, listing.unsorted)?;
    ipvsadm::version(out, &info)?;
    format.titles(out)?;
    for service in &services {
        entries(kernel, out, &mut format, service, listing.unsorted)?;
    }
    Ok(())
}

/// The columns that the kernel also shows in one file take two requests, not one a service.
fn plain_table(
    kernel: &mut impl Kernel,
    out: &mut impl Write,
    info: Info,
    listing: Listing,
) -> Outcome {
    let mut format = listing_format(listing);
    let overview = kernel.overview()?;
    let mut services: Vec<_> = overview.keys().enumerate().collect();
    if !listing.unsorted {
        services = order::services(services, |(_, key)| *key);
    }
    ipvsadm::version(out, &info)?;
    format.titles(out)?;
    for entry in services.into_iter().filter_map(|(index, _)| overview.get(index)) {
        let mut destinations = entry.destinations;
        if !listing.unsorted {
            destinations = order::destinations(destinations, |destination| destination.address);
        }
        format.service_summary(out, &entry.service)?;
        for destination in &destinations {
            format.destination_summary(out, &entry.service.key, destination)?;
        }
    }
    Ok(())
}

/// One service, under titles of its own.
pub(super) fn service(
    kernel: &mut impl Kernel,
    out: &mut impl Write,
    key: &ServiceKey,
    listing: Listing,
) -> Outcome {
    let mut format = listing_format(listing);
    let entry = kernel.service(key)?;
    format.titles(out)?;
    entries(kernel, out, &mut format, &entry, listing.unsorted)
}

fn entries(
    kernel: &mut impl Kernel,
    out: &mut impl Write,
    format: &mut Format,
    service: &ServiceEntry,
    unsorted: bool,
) -> Outcome {
    let key = &service.service.key;
    let destinations = destinations(kernel, key, unsorted)?;
    format.service(out, service)?;
    for destination in &destinations {
        format.destination(out, key, destination)?;
    }
    Ok(())
}

/// The table as lines that `-R` reads.
pub(super) fn save(kernel: &mut impl Kernel, out: &mut impl Write, numeric: bool) -> Outcome {
    let mut format = format(Columns::Plain, numeric);
    for service in sorted_services(kernel, false)? {
        let service = service.service;
        let destinations = destinations(kernel, &service.key, false)?;
        format.save_service(out, &service)?;
        for entry in destinations {
            format.save_destination(out, &service.key, &entry.destination)?;
        }
    }
    Ok(())
}

/// The connections, in the kernel's order.
pub(super) fn connections(
    kernel: &mut impl Kernel,
    out: &mut impl Write,
    numeric: bool,
    persistence: bool,
) -> Outcome {
    let mut format = format(Columns::Plain, numeric);
    let connections = kernel.connections().map_err(|_| Failure::NoConnections)?;
    ipvsadm::connection_titles(out, persistence)?;
    for connection in connections {
        format.connection(out, &connection?, persistence)?;
    }
    Ok(())
}

/// The timeouts.
pub(super) fn timeouts(kernel: &mut impl Kernel, out: &mut impl Write) -> Outcome {
    Ok(ipvsadm::timeouts(out, &kernel.timeouts()?)?)
}

/// The synchronisation daemons, the master first.
pub(super) fn daemons(kernel: &mut impl Kernel, out: &mut impl Write) -> Outcome {
    let mut daemons = kernel.daemons()?;
    daemons.sort_by_key(|daemon| daemon.role);
    for daemon in &daemons {
        ipvsadm::daemon(out, daemon)?;
    }
    Ok(())
}

fn sorted_services(kernel: &mut impl Kernel, unsorted: bool) -> Result<Vec<ServiceEntry>> {
    let services = kernel.services()?;
    Ok(if unsorted { services } else { order::services(services, |entry| entry.service.key) })
}

fn destinations(
    kernel: &mut impl Kernel,
    key: &ServiceKey,
    unsorted: bool,
) -> Result<Vec<DestinationEntry>> {
    let destinations = kernel.destinations(key)?;
    Ok(if unsorted {
        destinations
    } else {
        order::destinations(destinations, |entry| entry.destination.address)
    })
}
