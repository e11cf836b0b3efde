//! The test bed on real kernels: what every other kernel test stands on.

use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use testbed::{
    harness::{Case, Context, Need, Outcome},
    http,
    lab::{Lab, Variant},
};

/// Set where this program shows how cases may end, for a case to look at.
const ENDINGS: &str = "TESTBED_ENDINGS";

fn main() -> ExitCode {
    if env::var_os(ENDINGS).is_some() {
        return show_endings();
    }
    testbed::harness::main(&[
        Case { name: "every_ending_is_told", needs: &[], run: every_ending_is_told },
        Case { name: "leftovers_end_with_the_case", needs: &[], run: leftovers_end_with_the_case },
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

fn show_endings() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "passes", needs: &[], run: |_| Ok(()) },
        Case { name: "fails", needs: &[], run: |ctx| ctx.fail("on purpose") },
        Case { name: "skips", needs: &[], run: |ctx| ctx.skip("for a\nreason") },
        Case { name: "panics", needs: &[], run: |_| panic!("out of the blue") },
        Case { name: "exits", needs: &[], run: |_| std::process::exit(0) },
        Case { name: "lacks", needs: &[Need::Version(99, 0)], run: |_| Ok(()) },
        Case {
            name: "differs",
            needs: &[],
            run: |ctx| {
                ctx.equal("one", &1, &1);
                ctx.equal("two", &2, &3);
                Ok(())
            },
        },
        Case {
            name: "leaves",
            needs: &[],
            run: |_| {
                let sleeper = Command::new("sleep").arg("1000").spawn()?;
                println!("left {}", sleeper.id());
                Err(testbed::Error::new("to have it told").into())
            },
        },
    ])
}

/// Runs this program again, as a person would.
fn endings(ctx: &Context, filter: &str) -> testbed::Result<testbed::process::Captured> {
    let mut again = Command::new(env::args_os().next().unwrap_or_default());
    again.env(ENDINGS, "1").env_remove("RSADM_CASE").env_remove("RSADM_CASE_ENDING");
    ctx.capture(again.args([filter, "--skip", "leaves"]))
}

fn every_ending_is_told(ctx: &Context) -> Outcome {
    let run = endings(ctx, "s")?;
    let told = run.out();
    ctx.equal("status", &1, &run.code());
    // How long a case took comes behind its ending.
    let untimed =
        |line: &'_ str| line.rsplit_once(" [").map_or(line.len(), |(ending, _)| ending.len());
    let lines = told.lines().filter(|line| !line.starts_with("  |"));
    let lines: Vec<&str> = lines.map(|line| &line[..untimed(line)]).collect();
    let expected = [
        "test passes ... ok",
        "test fails ... FAILED",
        "test skips ... skipped: for a reason",
        "test panics ... FAILED",
        "test exits ... FAILED",
        "test lacks ... skipped: this needs kernel 99.0",
        "test differs ... FAILED (2 compared, 1 different)",
        "1 passed, 4 failed, 2 skipped",
    ];
    ctx.equal("lines", expected.as_slice(), lines.as_slice());
    for detail in ["on purpose", "out of the blue", "without an ending", "expected 2"] {
        ctx.check(&format!("{detail} in {told}"), told.contains(detail));
    }
    let one = endings(ctx, "passes")?;
    ctx.equal("status of one that passes", &0, &one.code());
    Ok(())
}

fn leftovers_end_with_the_case(ctx: &Context) -> Outcome {
    let mut again = Command::new(env::args_os().next().unwrap_or_default());
    again.env(ENDINGS, "1").env_remove("RSADM_CASE").env_remove("RSADM_CASE_ENDING");
    let told = ctx.capture(again.arg("leaves"))?.out();
    let Some((_, rest)) = told.split_once("left ") else {
        return ctx.fail(format!("no process was left: {told}"));
    };
    let process: String = rest.chars().take_while(char::is_ascii_digit).collect();
    // Gone, or a zombie that nobody has buried yet. The signal takes its time to arrive.
    let is_gone = || {
        let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    let gone = (0..1000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        is_gone()
    });
    ctx.check("gone", gone);
    Ok(())
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
    let server = http::serve(address, "here\n")?;
    let from = IpAddr::from([127, 0, 0, 9]);
    ctx.equal("from any address", "here\n", http::get(address, None)?.as_str());
    ctx.equal("from a chosen one", "here\n", http::get(address, Some(from))?.as_str());
    drop(server);
    ctx.check("refused when it has ended", http::get(address, None).is_err());
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
    let lab = Lab::build(Variant::Vxlan)?;
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
    let lab = Lab::build(Variant::Vxlan)?;
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
