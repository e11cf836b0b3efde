//! IPVS.

use std::collections::HashMap;

use ipvs::{Builder, Connection, Error, Proc};

use crate::{Balancer, Part};

/// Reads services, settings and, if they are asked for, connections.
pub(super) fn read(connections: bool, remarks: &mut Vec<String>) -> Part<Balancer> {
    Part::of(all(connections, remarks))
}

fn all(connections: bool, remarks: &mut Vec<String>) -> ipvs::Result<Balancer> {
    let mut client = Builder::new().load_module(false).connect()?;
    let mut doubt = |what: &str, error: Error| remarks.push(format!("{what} of IPVS: {error}"));
    Ok(Balancer {
        services: client.table()?,
        info: client.info().map_err(|error| doubt("size", error)).ok(),
        timeouts: client.timeouts().map_err(|error| doubt("timeouts", error)).ok(),
        daemons: client.daemons().map_err(|error| doubt("daemons", error)).unwrap_or_default(),
        sysctls: Proc::new().sysctls().map_err(|error| doubt("sysctls", error)).unwrap_or_default(),
        connections: if connections { Part::of(self::connections()) } else { Part::default() },
    })
}

/// The connection table. The kernel shows where connections came from in one file and the data of
/// persistence engines in another; connections that are only in one of them are kept as they are.
fn connections() -> ipvs::Result<Vec<Connection>> {
    let mut connections = Proc::new().connections_with_origin()?.collect::<Result<Vec<_>, _>>()?;
    let identity = |found: &Connection| {
        (found.protocol, found.client, found.virtual_address, found.destination)
    };
    let mut persistence = HashMap::new();
    // A second table of the same size is read only where it says more.
    if connections.iter().any(Connection::is_template) {
        for connection in Proc::new().connections()? {
            let mut connection = connection?;
            if let Some(data) = connection.persistence.take() {
                persistence.insert(identity(&connection), data);
            }
        }
    }
    for connection in &mut connections {
        connection.persistence = persistence.remove(&identity(connection));
    }
    Ok(connections)
}
