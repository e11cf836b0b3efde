//! Forgets the UDP flows of a backend that has left. Clients that keep sending from the same port
//! would otherwise reach nobody until their flow expires, which it does not while they send.
//!
//! Run it as root: `cargo run -p examples --bin forget_backend 10.244.3.32:53`.

use std::error::Error;
use std::net::SocketAddr;

use conntrack::{Client, Condition, Direction, Filter, Network, Protocol};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [backend] = words.as_slice() else {
        return Err("usage: forget_backend ADDRESS:PORT".into());
    };
    let backend: SocketAddr = backend.parse()?;

    // The reply direction has the real backend, whatever address the client asked for.
    let its_flows = Filter::new()
        .and(Condition::Protocol(Protocol::UDP))
        .and(Condition::Source(Direction::Reply, Network::host(backend.ip())))
        .and(Condition::SourcePort(Direction::Reply, backend.port().into()));
    let mut client = Client::connect()?;
    let deletion = client.delete_matching(&its_flows, |flow| println!("{}", flow.original))?;
    for (key, refused) in &deletion.refused {
        eprintln!("{key}: {refused}");
    }
    println!("{} flows of {backend} forgotten", deletion.deleted);
    Ok(())
}
