//! Lists every service with its destinations and what they have served.
//!
//! Run it as root: `cargo run -p examples --bin list_services`.

use ipvs::Client;

fn main() -> Result<(), ipvs::Error> {
    // Looking on should not load the module: without it there is nothing to see.
    let mut client = match Client::builder().load_module(false).connect() {
        Ok(client) => client,
        Err(error) if error.is_no_ipvs() => {
            println!("IPVS is not in use");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for entry in client.table()? {
        let service = &entry.service.service;
        println!("{} {}", service.key, service.scheduler);
        for entry in &entry.destinations {
            println!(
                "  {} weight {}, {} active and {} inactive connections, {} served",
                entry.destination.address,
                entry.destination.weight,
                entry.active_connections,
                entry.inactive_connections,
                entry.statistics.connections,
            );
        }
    }
    Ok(())
}
