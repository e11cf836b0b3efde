//! Makes a service have exactly the backends named, with the smallest change: the loop body of a
//! controller. Connections to backends that stay are not disturbed.
//!
//! Run it as root:
//! `cargo run -p examples --bin keep_in_sync tcp://10.0.0.1:80 10.0.1.1:8080 10.0.1.2:8080`.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::SocketAddr;

use ipvs::{Change, Client, Destination, ForwardingMethod, Service, ServiceKey};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let service = words.next().ok_or("usage: keep_in_sync SERVICE [BACKEND...]")?.parse()?;
    let backends = words.map(|word| word.parse()).collect::<Result<_, _>>()?;

    let mut client = Client::connect()?;
    let changes = changes(&mut client, service, &backends)?;
    let report = client.apply(&changes)?;
    for (index, refused) in &report.refused {
        eprintln!("change {index}: {refused}");
    }
    println!("{} of {} changes made", report.applied, changes.len());
    if report.is_complete() { Ok(()) } else { Err("the service is not as it should be".into()) }
}

/// What is missing and what is too much.
fn changes(
    client: &mut Client,
    service: ServiceKey,
    backends: &BTreeSet<SocketAddr>,
) -> Result<Vec<Change>, ipvs::Error> {
    let mut changes = Vec::new();
    match client.service(&service) {
        Ok(_) => {}
        Err(error) if error.is_not_found() => {
            changes.push(Change::AddService(Service::new(service, "rr")));
        }
        Err(error) => return Err(error),
    }
    let present: BTreeSet<SocketAddr> =
        client.destinations(&service)?.iter().map(|entry| entry.destination.address).collect();
    for address in backends.difference(&present) {
        let destination = Destination::new(*address, ForwardingMethod::MASQUERADE);
        changes.push(Change::AddDestination(service, destination));
    }
    for address in present.difference(backends) {
        changes.push(Change::DeleteDestination(service, *address));
    }
    Ok(changes)
}
