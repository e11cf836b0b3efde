//! Takes a destination out of service without cutting anybody off: weight 0 stops new
//! connections, and when the last one has ended the destination is deleted.
//!
//! Run it as root:
//! `cargo run -p examples --bin wait_for_drain tcp://10.0.0.1:80 10.0.1.1:8080 60`.

use std::error::Error;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ipvs::{Client, DestinationEntry, DestinationPatch, ServiceKey};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [service, address, seconds] = words.as_slice() else {
        return Err("usage: wait_for_drain SERVICE DESTINATION SECONDS".into());
    };
    let (service, address): (ServiceKey, SocketAddr) = (service.parse()?, address.parse()?);
    let deadline = Instant::now() + Duration::from_secs(seconds.parse()?);

    let mut client = Client::connect()?;
    // A patch keeps the forwarding method, the tunnel and the thresholds as they are.
    let drain = DestinationPatch { weight: Some(0), ..DestinationPatch::default() };
    client.patch_destination(&service, address, &drain)?;
    loop {
        let entry = find(&mut client, &service, address)?;
        let left = entry.active_connections + entry.inactive_connections;
        if left == 0 {
            client.delete_destination(&service, address)?;
            println!("{address} has no connections any more and is deleted");
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(format!("{address} still has {left} connections; its weight is 0").into());
        }
        println!("{left} connections are left");
        sleep(Duration::from_secs(1));
    }
}

fn find(
    client: &mut Client,
    service: &ServiceKey,
    address: SocketAddr,
) -> Result<DestinationEntry, Box<dyn Error>> {
    let destinations = client.destinations(service)?;
    destinations
        .into_iter()
        .find(|entry| entry.destination.address == address)
        .ok_or_else(|| format!("somebody else deleted {address}").into())
}
