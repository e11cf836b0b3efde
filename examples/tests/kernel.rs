//! The examples, run as their users would.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use ipvs::{Client, Destination, ForwardingMethod, Service, Timeouts};
use testbed::harness::{Case, Context, Need, Outcome};

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[Need::Ipvs], run };
    testbed::harness::main(&[
        case("list_services", list_services),
        case("keep_in_sync", keep_in_sync),
        case("wait_for_drain", wait_for_drain),
    ])
}

const SERVICE: &str = "tcp://127.0.1.1:80";

fn addresses(client: &mut Client) -> Result<Vec<SocketAddr>, ipvs::Error> {
    let key = SERVICE.parse().expect("a service");
    let destinations = client.destinations(&key)?;
    let mut addresses: Vec<_> =
        destinations.iter().map(|entry| entry.destination.address).collect();
    addresses.sort_unstable();
    Ok(addresses)
}

fn list_services(ctx: &Context) -> Outcome {
    let mut list = Command::new(env!("CARGO_BIN_EXE_list_services"));
    ctx.equal("empty", "", &ctx.capture(&mut list)?.success()?.out());
    let mut client = Client::connect()?;
    let service = Service::new(SERVICE.parse()?, "rr");
    client.add_service(&service)?;
    let pod = Destination::new("10.244.3.32:80".parse()?, ForwardingMethod::MASQUERADE);
    client.add_destination(&service.key, &pod)?;
    ctx.equal(
        "one service",
        "tcp://127.0.1.1:80 rr\n  10.244.3.32:80 weight 1, 0 active and 0 inactive connections, \
         0 served\n",
        &ctx.capture(&mut list)?.success()?.out(),
    );
    Ok(())
}

fn keep_in_sync(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut sync = |backends: &[&str], expected: &str| -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keep_in_sync"));
        command.arg(SERVICE).args(backends);
        let run = ctx.capture(&mut command)?.success()?;
        ctx.equal("changes", &format!("{expected} changes made\n"), &run.out());
        let wanted: Vec<SocketAddr> =
            backends.iter().map(|backend| backend.parse()).collect::<Result<_, _>>()?;
        ctx.equal("backends", &wanted, &addresses(&mut client)?);
        Ok(())
    };
    sync(&["10.0.1.1:80", "10.0.1.2:80"], "3 of 3")?;
    sync(&["10.0.1.1:80", "10.0.1.2:80"], "0 of 0")?;
    sync(&["10.0.1.2:80", "10.0.1.3:80"], "2 of 2")?;
    sync(&[], "2 of 2")
}

/// The destination stays while a client has a connection, and goes once it has ended. UDP, because
/// the kernel remembers the end of a TCP connection for two minutes.
fn wait_for_drain(ctx: &Context) -> Outcome {
    let server = UdpSocket::bind("127.0.0.1:5353")?;
    thread::spawn(move || -> std::io::Result<()> {
        let mut packet = [0; 16];
        loop {
            let (length, client) = server.recv_from(&mut packet)?;
            server.send_to(&packet[..length], client)?;
        }
    });
    let mut client = Client::connect()?;
    client.set_timeouts(&Timeouts { udp: 4, ..Timeouts::default() })?;
    let service = Service::new("udp://127.0.1.1:53".parse()?, "rr");
    client.add_service(&service)?;
    let pod = Destination::new("127.0.0.1:5353".parse()?, ForwardingMethod::MASQUERADE);
    client.add_destination(&service.key, &pod)?;

    let resolver = UdpSocket::bind("127.0.0.1:0")?;
    resolver.connect("127.0.1.1:53")?;
    resolver.set_read_timeout(Some(Duration::from_secs(10)))?;
    let ask = || -> std::io::Result<()> {
        resolver.send(b"question")?;
        resolver.recv(&mut [0; 16]).map(drop)
    };
    ask()?;
    let drain = |seconds: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wait_for_drain"));
        ctx.capture(command.args(["udp://127.0.1.1:53", "127.0.0.1:5353", seconds]))
    };
    let early = drain("0")?;
    ctx.check("too early", !early.status.success() && early.err().contains("still has 1"));
    ctx.equal("it stays", &1, &client.destinations(&service.key)?.len());
    ctx.check("and serves its client", ask().is_ok());
    let late = drain("60")?;
    ctx.check("it drains", late.out().ends_with("is deleted\n"));
    ctx.equal("it is gone", &0, &client.destinations(&service.key)?.len());
    Ok(())
}
