//! Counts the flows of each service as they come and go, from events, and prints each service whose
//! count has changed. A service is an address and port that was translated to another one.
//!
//! Run it as root: `cargo run -p examples --bin count_by_service`.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;

use conntrack::{Event, EventKind, Flow, Groups, Subscription};

/// The service that a flow belongs to, if its destination was translated.
fn service(flow: &Flow<'_>) -> Option<SocketAddr> {
    flow.destination_nat()?;
    Some(SocketAddr::new(flow.original.destination, flow.original.destination_port()?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut view = Subscription::new(Groups::FLOWS).follow()?;
    let mut counts: HashMap<SocketAddr, usize> = HashMap::new();
    for service in view.flows().filter_map(service) {
        *counts.entry(service).or_default() += 1;
    }
    for (service, count) in &counts {
        println!("{service} {count}");
    }
    loop {
        match view.next()? {
            // After a loss the view reads the table again, and tells the difference like this too.
            Event::Flow { kind, flow, .. } => {
                let Some(service) = service(&flow) else { continue };
                let count = counts.entry(service).or_default();
                match kind {
                    EventKind::New => *count += 1,
                    EventKind::Destroy => *count = count.saturating_sub(1),
                    EventKind::Update => continue,
                }
                println!("{service} {count}");
            }
            Event::Lost => eprintln!("the kernel was faster; reading the table again"),
            _ => {}
        }
    }
}
