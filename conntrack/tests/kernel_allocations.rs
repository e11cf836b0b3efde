//! Listing allocates no more for many flows than for few.

use std::process::ExitCode;

use conntrack::{Change, Client, Condition, Error, Filter, NewFlow, Status, Tuple};
use testbed::harness::{Case, Context, Outcome};

fn main() -> ExitCode {
    let name = "listing_allocates_nothing_per_flow";
    testbed::harness::main(&[Case { name, needs: &[], run: listing_allocates_nothing }])
}

fn add(client: &mut Client, ports: std::ops::Range<u16>) -> Result<(), Error> {
    let tuple = |port| Tuple::udp(([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 53).into());
    let changes: Vec<_> =
        ports.map(|port| Change::Create(NewFlow::new(tuple(port), 600))).collect();
    client.apply(&changes).map(drop)
}

/// Allocations of a listing, and how many flows it showed.
fn list(client: &mut Client, filter: &Filter) -> Result<(u64, usize), Error> {
    let mut listed = 0;
    let mut result = Ok(());
    let counted = allocation_counter::measure(|| {
        result = client.flows(filter).and_then(|mut flows| {
            while flows.next()?.is_some() {
                listed += 1;
            }
            Ok(())
        });
    });
    result.map(|()| (counted.count_total, listed))
}

fn listing_allocates_nothing(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let assured = Condition::Status { value: Status::empty(), mask: Status::ASSURED };
    for filter in [Filter::new(), assured.into()] {
        client.flush()?;
        add(&mut client, 1..101)?;
        let few = list(&mut client, &filter)?;
        add(&mut client, 101..4_001)?;
        let many = list(&mut client, &filter)?;
        ctx.equal("flows", &(100, 4_000), &(few.1, many.1));
        ctx.equal("allocations", &few.0, &many.0);
    }
    Ok(())
}
