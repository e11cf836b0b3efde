//! Listings: every form of output, every filter, counters, and no flows at all.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool};
use crate::tables::MIXED;

const FORMS: [&str; 12] = [
    "",
    "-o extended",
    "-o id",
    "-o ktimestamp",
    "-o timestamp",
    "-o extended,id,ktimestamp",
    "-o userspace",
    "-o labels",
    "-o xml",
    "-o xml,extended,id",
    "-o xml,ktimestamp,timestamp",
    "-o save",
];

pub(crate) fn forms(ctx: &Context) -> Outcome {
    // Times are kept from the creation of a flow on.
    for on in ["0", "1"] {
        _ = fs::write("/proc/sys/net/netfilter/nf_conntrack_timestamp", on);
        _ = fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", on);
        let pair = Pair::new(ctx, MIXED)?;
        ctx.check("there are many flows", pair.flows() > 12);
        for form in FORMS {
            for family in ["", "-f ipv4", "-f ipv6"] {
                pair.compare_reading_lines(&format!("-L {family} {form}"))?;
            }
            pair.compare_reading_lines(&format!("-L dying {form}\n-L unconfirmed {form}"))?;
            pair.compare_reading_lines(&format!(
                "-G -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 1000 --dport 80 {form}"
            ))?;
        }
        for zone in ["Europe/Berlin", "UTC", "XYZ-5:30", ":America/New_York"] {
            for form in ["-o ktimestamp", "-o xml,ktimestamp"] {
                let words: Vec<&str> = ["-L"].into_iter().chain(form.split(' ')).collect();
                let run = |tool| {
                    let mut command = pair.command(tool);
                    ctx.capture(command.env("TZ", zone).args(&words))
                };
                let mut runs = (run(Tool::Reference)?, run(Tool::Ours)?);
                for _ in 0..5 {
                    if runs.0.stdout == runs.1.stdout {
                        break;
                    }
                    runs = (run(Tool::Reference)?, run(Tool::Ours)?);
                }
                ctx.same_run(&format!("TZ={zone} {form}"), &runs.0, &runs.1);
            }
        }
    }
    Ok(())
}

pub(crate) fn filters(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, MIXED)?;
    let filters = [
        "-s 10.0.0.1",
        "-d 10.0.1.0/24",
        "-r 8.8.8.8",
        "-q 9.9.9.9",
        "-p udp",
        "-p tcp --dport 443",
        "-m 7",
        "-m 1/1",
        "-u SEEN_REPLY",
        "-w 5",
        "--orig-zone 6",
        "--reply-zone 7",
        "-n",
        "-g",
        "-f ipv6",
        "-j",
        "-f ipv4 -w 0",
        "-s fd00::/16",
        "-u UNREPLIED",
    ];
    for (index, first) in filters.iter().enumerate() {
        pair.compare_reading_lines(&format!("-L {first}"))?;
        for second in &filters[index + 1..] {
            // 1.4.7 takes the status for the mark.
            if first.starts_with("-m") && second.starts_with("-u") {
                continue;
            }
            pair.compare_reading_lines(&format!("-L {first} {second}"))?;
        }
    }
    pair.compare_reading_lines(
        "\
-L -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1
-L -p udp --sport 1000 --dport 53 --reply-port-src 53 --reply-port-dst 1000
-L -p udp --reply-port-src 5353
-L -p udp --reply-port-dst 99
-L -p tcp --sport 1001 --state SYN_SENT -m 7
-L -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77 -s 10.0.0.1
-L -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5
-L -p sctp --state ESTABLISHED --sport 1000
-L -s 10.0.0.1 -o xml
-L -s 10.9.9.9 -o xml
-L -p udp -o save
-L -m 5 -o id,extended",
    )
}

/// A listing with `-z` shows what was counted and begins anew.
pub(crate) fn counters(ctx: &Context) -> Outcome {
    if fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", "1").is_err() {
        return ctx.skip("this kernel does not count");
    }
    let by_packets = ctx.track_packets()?;
    let pair = Pair::new(ctx, MIXED)?;
    if by_packets {
        let sink = UdpSocket::bind("127.0.0.1:0")?;
        sink.set_read_timeout(Some(Duration::from_secs(10)))?;
        let source = UdpSocket::bind("127.0.0.1:0")?;
        for size in [1, 100, 1000] {
            source.send_to(&vec![0; size], sink.local_addr()?)?;
            sink.recv(&mut [0; 2000])?;
        }
    }
    for form in ["", " -o xml", " -o save", " -o id,extended"] {
        pair.compare_reading_lines(&format!("-L{form}\n-L -f ipv4{form}"))?;
    }
    let counted = pair.run(Tool::Ours, &["-L", "-p", "udp", "-s", "127.0.0.1"], b"")?.out();
    if by_packets {
        ctx.check("packets are counted", counted.contains("packets=3 bytes="));
        let zeroed = pair.run(Tool::Ours, &["-L", "-z"], b"")?.out();
        ctx.check("the listing shows them", zeroed.contains("packets=3 bytes="));
        let after = pair.run(Tool::Reference, &["-L"], b"")?.out();
        ctx.check("none are left", !after.contains("packets=3 "));
    }
    pair.compare_reading_lines("-L -z\n-L -z -o xml\n-L -z -o save\n-C\n-S\n-S expect\n-C expect")
}

pub(crate) fn without_flows(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, "")?;
    for form in FORMS {
        pair.compare_reading_lines(&format!("-L {form}\n-L expect {form}\n-L dying {form}"))?;
    }
    pair.compare_lines(
        "-D\n-D -s 10.0.0.1\n-D -o xml\n-U -f ipv4 -m 5\n-F\n-F expect\n-C\n-C expect\n-S\n-S expect\n-L -z",
    )
}

/// Without the right to ask the kernel: everything but help and version is refused.
pub(crate) fn without_privilege(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, "")?;
    let nobody = |tool, line: &str| {
        let mut command = pair.command(tool);
        command.args(line.split(' ')).uid(65534).gid(65534);
        ctx.capture(&mut command)
    };
    if nobody(Tool::Reference, "-V").is_err() {
        return ctx.skip("no other user can be taken here");
    }
    for line in [
        "-L",
        "-L -o xml",
        "-L dying",
        "-L expect",
        "-D",
        "-D -s 10.0.0.1",
        "-U -f ipv4 -m 5",
        "-I -s 10.0.0.1 -d 10.0.0.2 -p 50 -t 50",
        "-A -s 10.0.0.1 -d 10.0.0.2 -p 50 -t 50",
        "-G -s 10.0.0.1 -d 10.0.0.2 -p 50",
        "-G expect -s 10.0.0.1 -d 10.0.0.2 -p 50",
        "-D expect -s 10.0.0.1 -d 10.0.0.2 -p 50",
        "-L -q",
        "-L -s foo",
    ] {
        let (expected, got) = (nobody(Tool::Reference, line)?, nobody(Tool::Ours, line)?);
        ctx.same_run(&format!("without privilege: {line}"), &expected, &got);
    }
    Ok(())
}
