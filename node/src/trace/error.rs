//! Questions that snapshots cannot answer.

use std::net::{IpAddr, SocketAddr};

use ipvs::ServiceKey;

use super::Pick;

/// Result of a trace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A question that makes no sense with the snapshots that are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no snapshot.
    #[error("no snapshot to trace in")]
    NoSnapshot,
    /// Two snapshots are of one node.
    #[error("two snapshots are of the node {0}: give one of each node")]
    SameNode(String),
    /// Two nodes that have nothing to do with each other.
    #[error(
        "the snapshots of {0} and {1} do not belong together: neither is on a network of the other, \
         or knows an address of it"
    )]
    Unrelated(String, String),
    /// The service is not there.
    #[error("no service {service} on {nodes}{}", known_services(.known))]
    NoService {
        /// What was asked for.
        service: ServiceKey,
        /// The nodes that were looked at.
        nodes: String,
        /// Services that are there, a few.
        known: Vec<ServiceKey>,
    },
    /// Nothing has the address, and nothing leads to it.
    #[error("{address} is no address of {nodes} or of their pods, and no route leads to it")]
    NoOwner {
        /// The address.
        address: IpAddr,
        /// The nodes that were looked at.
        nodes: String,
    },
    /// The source has another family than the target.
    #[error("{source_address} and {target} are of different families")]
    Families {
        /// The source.
        source_address: IpAddr,
        /// The target.
        target: IpAddr,
    },
    /// The packet is to come from an address that nothing has.
    #[error("no node or pod has the address {address}{}", hint(.nodes))]
    NoSourceAddress {
        /// The address.
        address: IpAddr,
        /// The nodes that were looked at.
        nodes: String,
    },
    /// The packet is to come from a pod or node that is not there.
    #[error("no pod or node is called '{name}'{}", known_names(.known))]
    NoSource {
        /// The name.
        name: String,
        /// Names that are there.
        known: Vec<String>,
    },
    /// The service has other destinations.
    #[error("{wanted} is no destination of {service}; it has {}", list(.destinations))]
    NoDestination {
        /// The service.
        service: ServiceKey,
        /// What was picked.
        wanted: Pick,
        /// What there is.
        destinations: Vec<SocketAddr>,
    },
    /// The source has no address of the target's family.
    #[error("{name} has no address to send to {target} from")]
    NoAddress {
        /// The source.
        name: String,
        /// The target.
        target: IpAddr,
    },
}

fn list<T: ToString>(items: &[T]) -> String {
    match items {
        [] => "none".to_owned(),
        items => items.iter().map(T::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn known_services(services: &[ServiceKey]) -> String {
    match services {
        [] => ", which has none".to_owned(),
        services => format!("; there are {}", list(services)),
    }
}

fn known_names(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; there are {}", list(names)),
    }
}

fn hint(nodes: &str) -> String {
    format!(" in the snapshots of {nodes}")
}
