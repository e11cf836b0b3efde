//! The examples of VXLAN, run as their users would, in the lab.

use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::Duration;

use testbed::harness::{Case, Context, Failure, Need, Outcome};
use testbed::lab::{Lab, Node, Variant};
use testbed::namespace::Namespace;

fn main() -> ExitCode {
    testbed::harness::main(&[Case {
        name: "flannel_peer",
        needs: &[Need::Ipvs],
        run: flannel_peer,
    }])
}

/// The new node, and the Ethernet address of its end of the overlay.
const NODE: &str = "172.16.20.122";
const NETWORK: &str = "10.244.7.0/24";
const MAC: &str = "ee:d6:38:55:d5:c9";
/// Its end of the overlay, and that of the node that is told of it.
const ITS_END: &str = "10.244.7.0";
const OUR_END: &str = "10.244.5.0";

/// A node that knows the way to the first one.
fn third_node(first: &Node) -> Result<Namespace, Failure> {
    let node = Namespace::new("node122")?;
    let switch = ["-n", "underlay", "-batch", "-"];
    let mut ip = std::process::Command::new("ip");
    let wire = "link add to122 type veth peer name eth0 netns node122\n\
                link set to122 master switch up\n";
    testbed::process::capture_with(ip.args(switch), wire)?.success()?;
    node.ip_batch(&format!(
        "addr add {NODE}/24 dev eth0\n\
         link set eth0 up\n\
         link add flannel.1 address {MAC} mtu 1450 type vxlan id 1 local {NODE} dev eth0 \
           dstport 8472 nolearning\n\
         addr add {ITS_END}/32 dev flannel.1\n\
         link set flannel.1 up\n\
         neigh add {OUR_END} lladdr {mac} dev flannel.1 nud permanent\n\
         route add 10.244.5.0/24 via {OUR_END} dev flannel.1 onlink\n",
        mac = first.overlay_mac(),
    ))?;
    let mut bridge = node.command("bridge");
    let address = first.address().to_string();
    bridge.args(["fdb", "add", first.overlay_mac(), "dev", "flannel.1", "dst", &address]);
    testbed::process::capture(&mut bridge)?.success()?;
    Ok(node)
}

/// Whether a packet from the first node arrives at the new one.
fn arrives(ctx: &Context, from: &Node, to: &Namespace) -> Result<bool, Failure> {
    let bind = |address: &str| {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        Ok::<_, std::io::Error>(socket)
    };
    let open = |address: &'static str| {
        move || bind(address).map_err(|error| testbed::Error::new(format!("cannot bind: {error}")))
    };
    let listener = to.enter(open("10.244.7.0:4789"))?;
    let sender = from.namespace().enter(open("10.244.5.0:0"))?;
    // Without a way there the kernel refuses at once.
    if sender.send_to(b"over the overlay", "10.244.7.0:4789").is_err() {
        return Ok(false);
    }
    let mut buffer = [0; 32];
    match listener.recv_from(&mut buffer) {
        Ok((length, sender)) => {
            ctx.equal("packet", &b"over the overlay"[..], &buffer[..length]);
            ctx.equal("sender", OUR_END, &sender.ip().to_string());
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

fn flannel_peer(ctx: &Context) -> Outcome {
    let lab = Lab::build(Variant::Vxlan)?;
    let first = &lab.nodes()[0];
    let third = third_node(first)?;
    let tables = || -> Result<Vec<String>, Failure> {
        let lines = [
            ["bridge", "fdb", "show", "dev", "flannel.1"],
            ["ip", "neigh", "show", "dev", "flannel.1"],
            ["ip", "route", "show", "dev", "flannel.1"],
        ];
        let shown = lines.map(|[program, words @ ..]| {
            let mut command = first.command(program);
            Ok(ctx.capture(command.args(words))?.success()?.out())
        });
        shown.into_iter().collect()
    };
    let example = |verb: &str| -> Result<String, Failure> {
        let mut command = first.command(env!("CARGO_BIN_EXE_flannel_peer"));
        Ok(ctx.capture(command.args([verb, NODE, NETWORK, MAC]))?.success()?.out())
    };
    let before = tables()?;
    ctx.check("no way there yet", !arrives(ctx, first, &third)?);
    for _ in 0..2 {
        let said = format!("{NETWORK} by {ITS_END} at {MAC} on {NODE}: add done\n");
        ctx.equal("added", &said, &example("add")?);
    }
    let [entries, neighbours, routes] = &tables()?[..] else { return ctx.fail("three tables") };
    ctx.check(entries, entries.contains(&format!("{MAC} dst {NODE} self permanent\n")));
    ctx.check(neighbours, neighbours.contains(&format!("{ITS_END} lladdr {MAC} PERMANENT \n")));
    ctx.check(routes, routes.contains(&format!("{NETWORK} via {ITS_END} onlink")));
    ctx.check("a packet arrives", arrives(ctx, first, &third)?);
    for _ in 0..2 {
        example("remove")?;
    }
    ctx.equal("everything is as before", &before, &tables()?);
    ctx.check("no packet arrives", !arrives(ctx, first, &third)?);
    Ok(())
}
