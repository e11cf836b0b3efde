//! IPVS on a node.

use std::net::IpAddr;

use ipvs::{Connection, Daemon, Info, ServiceKey, ServiceTable, Sysctls, Timeouts};
use serde::{Deserialize, Serialize};

use crate::Part;

/// The virtual services of a node, and how they are treated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balancer {
    /// Version, and size of the connection table.
    pub info: Option<Info>,
    /// Services with their destinations, in the kernel's order.
    pub services: Vec<ServiceTable>,
    /// Connections, if they were asked for.
    #[serde(default)]
    pub connections: Part<Vec<Connection>>,
    /// Synchronisation daemons.
    #[serde(default)]
    pub daemons: Vec<Daemon>,
    /// Timeouts.
    pub timeouts: Option<Timeouts>,
    /// The sysctls `net.ipv4.vs.*`.
    pub sysctls: Sysctls,
}

impl Balancer {
    /// The service with this identity.
    pub fn service(&self, key: &ServiceKey) -> Option<&ServiceTable> {
        self.services.iter().find(|table| table.service.service.key == *key)
    }

    /// Services with this virtual address.
    pub fn services_at(&self, address: IpAddr) -> impl Iterator<Item = &ServiceTable> {
        self.services.iter().filter(move |table| match table.service.service.key {
            ServiceKey::Address { address: at, .. } => at.ip() == address,
            ServiceKey::Mark { .. } => false,
        })
    }
}
