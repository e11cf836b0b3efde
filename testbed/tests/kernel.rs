//! The test bed on real kernels: what every other kernel test stands on.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    process::{Command, ExitCode},
};

use testbed::{
    harness::{Case, Context, Need, Outcome},
    http,
    lab::Lab,
};

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "namespace_is_fresh", needs: &[], run: namespace_is_fresh },
        Case { name: "loopback_answers", needs: &[], run: loopback_answers },
        Case { name: "named_namespaces_are_apart", needs: &[], run: named_namespaces_are_apart },
        Case {
            name: "reference_is_ipvsadm_1_31",
            needs: &[Need::Reference("ipvsadm")],
            run: reference_is_ipvsadm_1_31,
        },
        Case {
            name: "every_scheduler_loads",
            needs: &[Need::Ipvs, Need::Reference("ipvsadm")],
            run: every_scheduler_loads,
        },
        Case {
            name: "lab_reads_like_the_cluster",
            needs: &[Need::Ipvs, Need::Reference("ipvsadm")],
            run: lab_reads_like_the_cluster,
        },
        Case {
            name: "lab_masquerades",
            needs: &[Need::Ipvs, Need::Nat, Need::Reference("conntrack")],
            run: lab_masquerades,
        },
    ])
}

/// Devices that kernels make by themselves are fine, addresses of others are not.
fn namespace_is_fresh(ctx: &Context) -> Outcome {
    let addresses = ctx.out("ip", ["-4", "-o", "addr"])?;
    ctx.equal("IPv4 addresses", &1, &addresses.lines().count());
    ctx.check("it is the loopback's", addresses.contains("127.0.0.1/8"));
    Ok(())
}

fn loopback_answers(ctx: &Context) -> Outcome {
    let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 7), 8080);
    http::serve(address, "here\n")?;
    let from = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 9), 0);
    ctx.equal("from any address", "here\n", http::get(address, None)?.as_str());
    ctx.equal("from a chosen one", "here\n", http::get(address, Some(from))?.as_str());
    Ok(())
}

fn named_namespaces_are_apart(ctx: &Context) -> Outcome {
    let (left, right) = (ctx.namespace("left")?, ctx.namespace("right")?);
    left.ip_batch("link add only type bridge\naddr add 192.0.2.1/24 dev only\n")?;
    for (namespace, expected) in [(&left, true), (&right, false)] {
        let listed = ctx.capture(namespace.command("ip").args(["-o", "link", "show", "only"]))?;
        ctx.equal(namespace.name(), &expected, &listed.status.success());
    }
    drop(left);
    ctx.equal("names that are left", "right\n", ctx.out("ip", ["netns"])?.as_str());
    Ok(())
}

/// Its version is a fact that the differential tests rest on.
fn reference_is_ipvsadm_1_31(ctx: &Context) -> Outcome {
    let mut strings = Command::new("grep");
    strings.args(["-q", "-a", "ipvsadm v1.31"]).arg(ctx.reference("ipvsadm").get_program());
    ctx.equal("the program says so", &0, &ctx.capture(&mut strings)?.code());
    Ok(())
}

fn every_scheduler_loads(ctx: &Context) -> Outcome {
    let schedulers =
        ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"];
    for (port, scheduler) in (1..).zip(schedulers) {
        let service = format!("192.0.2.1:{port}");
        let mut add = ctx.reference("ipvsadm");
        let added = ctx.capture(add.args(["-A", "-t", &service, "-s", scheduler]))?;
        ctx.equal(scheduler, &(String::new(), 0), &(added.err(), added.code()));
    }
    Ok(())
}

fn lab_reads_like_the_cluster(ctx: &Context) -> Outcome {
    let table = "\
TCP  10.243.21.14:8880 rr
  -> 10.244.3.32:80               Masq    1      0          0
  -> 10.244.5.23:80               Masq    1      0          0
  -> 10.244.5.24:80               Masq    1      0          0
";
    let lab = Lab::build()?;
    for node in ["node120", "node121"] {
        let listed = ctx.out("ip", ["netns", "exec", node, "ipvsadm", "-Ln"])?;
        let rows = listed.lines().skip(3).map(|line| format!("{}\n", line.trim_end()));
        ctx.equal(node, table, rows.collect::<String>().as_str());
    }
    lab.send_traffic()?;
    let forwarding = ctx.out("bridge", ["-n", "node120", "fdb", "show", "dev", "flannel.1"])?;
    let entry = "ee:d6:38:55:d5:c7 dst 172.16.20.121 self permanent";
    ctx.equal("forwarding entry", entry, forwarding.trim());
    let counted = ctx.out("ip", ["netns", "exec", "node120", "ipvsadm", "-Ln"])?;
    for line in counted.lines().skip(4) {
        ctx.equal(line, &Some("1"), &line.split_whitespace().last());
    }
    Ok(())
}

/// The flow of the scenario: to the service's address and back to the overlay's.
fn lab_masquerades(ctx: &Context) -> Outcome {
    let lab = Lab::build()?;
    if !lab.masquerades() {
        return ctx.fail("the lab did not set the rule up");
    }
    lab.send_traffic()?;
    let arguments = ["netns", "exec", "node120", "conntrack", "-L", "-p", "tcp"];
    let flows = ctx.out("ip", arguments)?;
    for (pod, back_to) in [
        ("10.244.3.32", "10.244.5.0"),
        ("10.244.5.23", "10.244.5.1"),
        ("10.244.5.24", "10.244.5.1"),
    ] {
        let (origin, reply) =
            ("src=10.243.21.14 dst=10.243.21.14", format!("src={pod} dst={back_to} sport=80"));
        let found = flows.lines().any(|line| {
            line.contains(origin) && line.contains(&reply) && line.contains("[ASSURED]")
        });
        ctx.check(&format!("flow to {pod} in\n{flows}"), found);
    }
    Ok(())
}
