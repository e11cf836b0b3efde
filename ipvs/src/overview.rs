//! Services with the plain columns of their destinations.

use std::io::BufRead;

use crate::list::Records;
use crate::{DestinationSummary, PlainService, PlainTable, Service, ServiceKey, pack};

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

/// Services with the plain columns of their destinations, in little memory: about five bytes a
/// destination.
#[derive(Clone, Debug, Default)]
pub struct Overview(Records);

impl Overview {
    /// How many services there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The identity of each service, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = ServiceKey> + '_ {
        self.0.keys()
    }

    pub(crate) fn key(&self, index: usize) -> ServiceKey {
        self.0.key(index)
    }

    /// Sorts the services by identity; their order was the kernel's.
    pub fn sort(&mut self) {
        self.0.sort();
    }

    /// A service by its place in the order.
    pub fn get(&self, index: usize) -> Option<ServiceOverview> {
        self.0.get(index).map(row)
    }

    /// The services, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ServiceOverview> + '_ {
        self.0.iter().map(row)
    }

    fn push(&mut self, service: Service, destinations: &[DestinationSummary]) {
        self.0.push(service, |packed| pack::push_summaries(packed, destinations));
    }

    /// Gives a service other destinations.
    pub(crate) fn complete(&mut self, index: usize, destinations: &[DestinationSummary]) {
        self.0.replace(index, |packed| pack::push_summaries(packed, destinations));
    }
}

fn row((service, mut rest): (Service, &[u8])) -> ServiceOverview {
    ServiceOverview { service, destinations: pack::summaries(&mut rest) }
}

/// So that there can be one without a kernel.
impl FromIterator<ServiceOverview> for Overview {
    fn from_iter<I: IntoIterator<Item = ServiceOverview>>(services: I) -> Self {
        let mut overview = Self::default();
        for ServiceOverview { service, destinations } in services {
            overview.push(service, &destinations);
        }
        overview
    }
}

/// Joins a dump of services with the plain table, whose rows are in the same order as long as
/// nobody changes the table. Before Linux 7.1 the plain table lacks rows while other namespaces have
/// services too: those are missing. Where the plain table has a row that the dump has not, or
/// cannot be read to its end, all are.
#[derive(Debug)]
pub(crate) struct Join<R> {
    overview: Overview,
    plain: Option<PlainTable<R>>,
    /// The row of the plain table that no service of the dump was joined with yet.
    pending: Option<PlainService>,
    /// Whether the plain table is there, and could be read so far.
    readable: bool,
    /// Indices of the services whose destinations are missing.
    missing: Vec<usize>,
}

impl<R: BufRead> Join<R> {
    /// Nothing of a dump yet.
    pub(crate) fn new(plain: Option<PlainTable<R>>) -> Self {
        let readable = plain.is_some();
        let (overview, missing) = Default::default();
        let mut join = Self { overview, plain, pending: None, readable, missing };
        join.advance();
        join
    }

    fn advance(&mut self) {
        self.pending = match self.plain.as_mut().and_then(Iterator::next) {
            Some(Ok(row)) => Some(row),
            Some(Err(_)) => {
                self.readable = false;
                None
            }
            None => None,
        };
    }

    /// The next service of the dump.
    pub(crate) fn service(&mut self, service: Service) {
        if let Some(row) = self.pending.take_if(|row| row.key.matches(&service.key)) {
            self.overview.push(service, &row.destinations);
            self.advance();
        } else {
            self.missing.push(self.overview.len());
            self.overview.push(service, &[]);
        }
    }

    /// What was joined, and which services of it have no destinations yet.
    pub(crate) fn finish(mut self) -> (Overview, Vec<usize>) {
        if !self.readable || self.pending.is_some() {
            self.missing = (0..self.overview.len()).collect();
        }
        (self.overview, self.missing)
    }
}
