//! Shows who uses a NAT address right now: every flow that was translated to it, in either direction.
//!
//! Run it as root: `cargo run -p examples --bin nat_snapshot 203.0.113.7`.

use std::error::Error;
use std::net::IpAddr;

use conntrack::{Client, Condition, Filter, NatMatch};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address] = words.as_slice() else {
        return Err("usage: nat_snapshot ADDRESS".into());
    };
    let address: IpAddr = address.parse()?;

    let to_it = NatMatch { address: Some(address.into()), ports: None };
    let filter = Filter::from(Condition::AnyNat(to_it));
    let mut client = Client::connect()?;
    let mut flows = client.flows(&filter)?;
    let (mut count, mut bytes) = (0, None);
    // Each flow is lent out of the receive buffer: a million of them take no more memory than one.
    while let Some(flow) = flows.next()? {
        count += 1;
        bytes = bytes.max(flow.bytes());
        let answered = if flow.is_seen_reply() { "" } else { ", not answered" };
        println!("{}, answered by {}{answered}", flow.original, flow.reply.source);
    }
    println!("{count} flows through {address}");
    if let Some(bytes) = bytes {
        println!("the largest has {bytes} bytes");
    }
    Ok(())
}
