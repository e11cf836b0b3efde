//! The examples of connection tracking, run as their users would.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};

use conntrack::{Client, Filter, NewFlow, Reason, Tuple};
use testbed::harness::{Case, Context, Failure, Outcome};

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    testbed::harness::main(&[
        case("forget_backend", forget_backend),
        case("count_by_service", count_by_service),
        case("nat_snapshot", nat_snapshot),
    ])
}

fn end(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

/// A flow of a client to a service that is answered by a backend.
fn flow(tuple: fn(SocketAddr, SocketAddr) -> Tuple, client: &str, backend: &str) -> NewFlow {
    let mut flow = NewFlow::new(tuple(end(client), end("10.96.0.10:53")), 600);
    flow.destination_nat = Some(end(backend).into());
    flow
}

/// Makes flows; skips where the kernel has no NAT.
fn fill(ctx: &Context, flows: &[NewFlow]) -> Result<Client, Failure> {
    let mut client = Client::connect()?;
    for flow in flows {
        match client.create(flow) {
            Err(error) if error.reason() == Some(Reason::NotSupported) => {
                return ctx.skip("this kernel has no NAT");
            }
            result => result?,
        }
    }
    Ok(client)
}

fn forget_backend(ctx: &Context) -> Outcome {
    let flows = [
        flow(Tuple::udp, "10.244.5.7:1000", "10.244.3.32:53"),
        flow(Tuple::udp, "10.244.5.8:1000", "10.244.3.32:53"),
        flow(Tuple::udp, "10.244.5.7:1001", "10.244.3.33:53"),
        flow(Tuple::udp, "10.244.5.7:1002", "10.244.3.32:54"),
        flow(Tuple::tcp, "10.244.5.7:1003", "10.244.3.32:53"),
    ];
    let mut client = fill(ctx, &flows)?;
    let mut forget = Command::new(env!("CARGO_BIN_EXE_forget_backend"));
    let said = ctx.capture(forget.arg("10.244.3.32:53"))?.success()?.out();
    let mut lines: Vec<_> = said.lines().collect();
    ctx.equal("count", &Some("2 flows of 10.244.3.32:53 forgotten"), &lines.pop());
    lines.sort_unstable();
    let expected = ["udp 10.244.5.7:1000 -> 10.96.0.10:53", "udp 10.244.5.8:1000 -> 10.96.0.10:53"];
    ctx.equal("flows", &expected[..], &lines);
    ctx.equal("left", &3, &client.flows(&Filter::new())?.to_vec()?.len());
    Ok(())
}

fn count_by_service(ctx: &Context) -> Outcome {
    let flows = [
        flow(Tuple::udp, "10.244.5.7:1000", "10.244.3.32:53"),
        NewFlow::new(Tuple::udp(end("10.0.0.1:1"), end("10.0.0.2:53")), 600),
    ];
    let mut client = fill(ctx, &flows)?;
    let mut count = Command::new(env!("CARGO_BIN_EXE_count_by_service"));
    let mut counting = count.stdout(Stdio::piped()).spawn()?;
    let stdout = counting.stdout.take().ok_or(Failure::Failed("no output".to_owned()))?;
    let mut lines = BufReader::new(stdout).lines();
    let mut expect = |line: &str| -> Outcome {
        let got = lines.next().transpose()?;
        ctx.equal("line", &Some(line), &got.as_deref());
        Ok(())
    };
    expect("10.96.0.10:53 1")?;
    let another = flow(Tuple::udp, "10.244.5.9:1000", "10.244.3.33:53");
    client.create(&another)?;
    expect("10.96.0.10:53 2")?;
    client.delete(&another.key())?;
    expect("10.96.0.10:53 1")?;
    counting.kill()?;
    counting.wait()?;
    Ok(())
}

fn nat_snapshot(ctx: &Context) -> Outcome {
    let flows = [
        flow(Tuple::udp, "10.244.5.7:1000", "10.244.3.32:53"),
        flow(Tuple::udp, "10.244.5.7:1001", "10.244.3.33:53"),
    ];
    fill(ctx, &flows)?;
    let mut snapshot = Command::new(env!("CARGO_BIN_EXE_nat_snapshot"));
    let said = ctx.capture(snapshot.arg("10.244.3.32"))?.success()?.out();
    ctx.equal(
        "flows",
        "udp 10.244.5.7:1000 -> 10.96.0.10:53, answered by 10.244.3.32, not answered\n\
         1 flows through 10.244.3.32\n",
        &said,
    );
    Ok(())
}
