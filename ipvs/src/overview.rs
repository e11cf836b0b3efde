//! Services with their destinations: whole, or the columns of a plain listing.

use std::ops::Range;

use crate::table::{self, PlainService};
use crate::{DestinationEntry, DestinationSummary, Netmask, Service, ServiceEntry, ServiceKey};

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
    pub service: Service,
    /// Its destinations, in the kernel's order.
    pub destinations: Vec<DestinationSummary>,
}

/// Services with the plain columns of their destinations.
///
/// What the kernel told as text is kept as text, and read when it is asked for: a table of 100,000
/// destinations takes as many bytes as its file.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    text: Vec<u8>,
    rows: Vec<Row>,
    /// Services of which the text does not say all, or nothing.
    told: Vec<ServiceOverview>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    key: ServiceKey,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// From here to there in the text.
    Text(u32, u32),
    /// An index into those that were told.
    Told(u32),
}

impl Overview {
    /// How many services there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The identity of each service, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = ServiceKey> + '_ {
        self.rows.iter().map(|row| row.key)
    }

    /// Sorts the services by identity; their order was the kernel's.
    pub fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|row| row.key);
    }

    /// A service by its place in the order.
    pub fn get(&self, index: usize) -> Option<ServiceOverview> {
        self.rows.get(index).map(|row| self.read(row))
    }

    /// The services, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ServiceOverview> + '_ {
        self.rows.iter().map(|row| self.read(row))
    }

    fn tell(&mut self, service: Service, destinations: Vec<DestinationSummary>) {
        self.rows.push(Row { key: service.key, place: Place::Told(self.told.len() as u32) });
        self.told.push(ServiceOverview { service, destinations });
    }

    /// Gives a service that was told its destinations.
    pub(crate) fn complete(&mut self, told: usize, destinations: Vec<DestinationSummary>) {
        self.told[told].destinations = destinations;
    }

    /// The identity of a service that was told.
    pub(crate) fn told(&self, index: usize) -> ServiceKey {
        self.told[index].service.key
    }

    fn read(&self, row: &Row) -> ServiceOverview {
        match row.place {
            Place::Told(index) => self.told[index as usize].clone(),
            Place::Text(start, end) => {
                let text = &self.text[start as usize..end as usize];
                let plain = table::parse(text).expect("only what can be read has a place");
                let service = Service::new(row.key, plain.scheduler);
                ServiceOverview { service, destinations: plain.destinations }
            }
        }
    }
}

/// So that there can be one without a kernel.
impl FromIterator<ServiceOverview> for Overview {
    fn from_iter<I: IntoIterator<Item = ServiceOverview>>(services: I) -> Self {
        let mut overview = Self::default();
        for ServiceOverview { service, destinations } in services {
            overview.tell(service, destinations);
        }
        overview
    }
}

/// Joins a dump of services with the plain table, whose rows are in the same order as long as
/// nobody changes the table. Before Linux 7.1 the plain table lacks rows while other namespaces have
/// services too: those are missing. Where the plain table has a row that the dump has not, or
/// cannot be read to its end, all are.
#[derive(Debug)]
pub(crate) struct Join {
    overview: Overview,
    /// The row of the text that no service of the dump was joined with yet, and where it is.
    pending: Option<(PlainService, Range<usize>)>,
    /// Whether the text could not be read to its end.
    broken: bool,
    /// Indices of those that were told whose destinations are missing.
    missing: Vec<usize>,
}

impl Join {
    /// Nothing of a dump yet, and the text of the plain table, if there is one.
    pub(crate) fn new(text: Option<Vec<u8>>) -> Self {
        let overview = Overview { text: text.unwrap_or_default(), ..Overview::default() };
        let start = table::titles_length(&overview.text);
        let mut join = Self { overview, pending: None, broken: false, missing: Vec::new() };
        match start {
            Some(start) => join.advance(start),
            None => join.broken = true,
        }
        join
    }

    /// Goes to the row that begins here in the text.
    fn advance(&mut self, start: usize) {
        let rest = &self.overview.text[start..];
        let row = table::first_service(rest);
        self.broken |= row.is_none() && !rest.is_empty();
        self.pending = row.map(|(row, length)| (row, start..start + length));
    }

    /// The next service of the dump.
    pub(crate) fn service(&mut self, service: Service) {
        let joined = self.pending.take_if(|(row, _)| row.key.matches(&service.key));
        let Some((row, place)) = joined else {
            self.missing.push(self.overview.told.len());
            return self.overview.tell(service, Vec::new());
        };
        match (u32::try_from(place.start), u32::try_from(place.end)) {
            (Ok(start), Ok(end)) if says_all(&row, &service) => {
                self.overview.rows.push(Row { key: service.key, place: Place::Text(start, end) });
            }
            _ => {
                let whole = table::parse(&self.overview.text[place.clone()]);
                let destinations = whole.map(|row| row.destinations).unwrap_or_default();
                self.overview.tell(service, destinations);
            }
        }
        self.advance(place.end);
    }

    /// What was joined, and which of those that were told have no destinations yet.
    pub(crate) fn finish(self) -> (Overview, Vec<usize>) {
        if self.pending.is_none() && !self.broken {
            return (self.overview, self.missing);
        }
        let mut again = Self::new(None);
        self.overview.iter().for_each(|row| again.service(row.service));
        (again.overview, again.missing)
    }
}

/// Whether the plain table says of a service what the dump does: the scheduler, and that there is
/// nothing else.
fn says_all(row: &PlainService, service: &Service) -> bool {
    let Service { key, scheduler, flags, timeout, netmask, persistence_engine } = service;
    *row.scheduler == **scheduler
        && flags.is_empty()
        && *timeout == 0
        && *netmask == Netmask::host(key.family())
        && persistence_engine.is_none()
}
