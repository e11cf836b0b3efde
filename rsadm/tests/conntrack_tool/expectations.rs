//! Expectations.

use std::net::{SocketAddr, UdpSocket};

use conntrack::{Expectation, ExpectationFlags, Filter, NewFlow, Status, Tuple};
use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool, shape_of_time};

const READINGS: &str = "\
-L expect
-L expect -o xml
-L expect -o id
-L expect -o extended,ktimestamp
-L expect -o xml,ktimestamp
-L expect -o labels
-L expect -f ipv4
-L expect -f ipv6
-L expect -f ipv6 -o xml
-C expect
-S expect
-L
-L -o xml
-L -o save
-L -s 10.0.0.1
-G expect -s 4.4.4.4 -d 5.5.5.5 -p udp --sport 10 --dport 20 --reply-port-src 1 --reply-port-dst 2
-G expect -s 4.4.4.4 -d 5.5.5.5 -p udp --sport 10 --dport 21 --reply-port-src 1 --reply-port-dst 2
-G expect -s 4.4.4.4 -d 5.5.5.5 -p udp --sport 10 --dport 20
-G expect -s fd00::4 -d fd00::5 -p udp --sport 10 --dport 20 --reply-port-src 1 --reply-port-dst 2
-D expect -s 4.4.4.4 -d 5.5.5.5 -p udp --sport 10 --dport 21 --reply-port-src 1 --reply-port-dst 2
-D expect -s 4.4.4.4 -d 5.5.5.5 -p 50
-I expect -s 10.0.0.7 -d 10.0.0.2 --tuple-src 4.4.4.4 --tuple-dst 5.5.5.5 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 -p udp -t 30 --tuple-port-src 1 --tuple-port-dst 2 --mask-port-src 65535 --mask-port-dst 65535 --sport 5000 --dport 69";

pub(crate) fn all(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, "")?;
    let some = ExpectationFlags::PERMANENT | ExpectationFlags::USERSPACE;
    for flags in [ExpectationFlags::empty(), some, some | ExpectationFlags::INACTIVE] {
        make(&mut pair, flags).or_else(|_| ctx.skip("this kernel has no TFTP helper"))?;
        pair.compare_reading_lines(READINGS)?;
    }
    let timed = |tool| pair.run(tool, &["-L", "expect", "-o", "timestamp"], b"");
    let (expected, got) = (timed(Tool::Reference)?, timed(Tool::Ours)?);
    ctx.equal("times of day", &without_time(&expected.out()), &without_time(&got.out()));
    let xml = pair.run(Tool::Ours, &["-L", "expect", "-o", "xml,timestamp"], b"")?.out();
    ctx.check(
        "times of day in XML",
        xml.contains("<when><hour>") && xml.contains("</year></when>"),
    );
    // The table of the flows stays; those of the expectations are compared one after the other.
    let create = "-I expect -s 10.0.0.1 -d 10.0.0.2 --tuple-src 4.4.4.5 --tuple-dst 5.5.5.5 \
         --mask-src 255.255.255.255 --mask-dst 255.255.255.255 -p udp -t 30 --tuple-port-src 1 \
         --tuple-port-dst 2 --mask-port-src 65535 --mask-port-dst 65535 --sport 5000 --dport 69";
    let short = "-I expect -s 10.0.0.1/24 -d 10.0.0.2/32 --tuple-src 4.4.4.6/24 --tuple-dst \
         5.5.5.5/24 -p udp -t 30 --tuple-port-src 1 --tuple-port-dst 2 --mask-port-src 65535 \
         --mask-port-dst 65535 --sport 5000 --dport 69";
    for commands in
        [&[create][..], &[create, create], &[short], &["-F expect"], &["-F expect", create]]
    {
        let mut said = Vec::new();
        for tool in [Tool::Reference, Tool::Ours] {
            pair.client().flush_expectations()?;
            make(&mut pair, ExpectationFlags::empty())?;
            for line in commands {
                let words: Vec<_> = line.split_whitespace().collect();
                let run = pair.run(tool, &words, b"")?;
                let listed = pair.run(Tool::Reference, &["-L", "expect"], b"")?.out();
                let listed: Vec<_> = listed
                    .lines()
                    .filter_map(|line| line.split_once(' '))
                    .map(|(_, rest)| rest.to_owned())
                    .collect();
                said.push((run.code(), run.out(), run.err(), listed));
            }
        }
        let (reference, ours) = said.split_at(commands.len());
        ctx.equal(&format!("{commands:?}"), reference, ours);
    }
    // What 1.4.7 gets wrong: the status of a deletion.
    let found = "-D expect -s 4.4.4.4 -d 5.5.5.5 -p udp --sport 10 --dport 20 --reply-port-src 1 \
         --reply-port-dst 2";
    pair.client().flush_expectations()?;
    make(&mut pair, ExpectationFlags::empty())?;
    let before = pair.client().expectations(None)?.len();
    let words: Vec<_> = found.split_whitespace().collect();
    let deleted = pair.run(Tool::Ours, &words, b"")?;
    ctx.equal("status of a deletion", &0, &deleted.code());
    ctx.check("its footer", deleted.err().ends_with("0 expectations have been shown.\n"));
    ctx.equal("it is gone", &(before - 1), &pair.client().expectations(None)?.len());
    Ok(())
}

/// What the kernel's helper for TFTP expects of packets, and the flow that comes of it.
pub(crate) fn of_a_live_helper(ctx: &Context) -> Outcome {
    if !ctx.track_packets()? {
        return ctx.skip("nothing makes this kernel track packets");
    }
    let mut pair = Pair::new(ctx, "")?;
    let (from, to) = (SocketAddr::from(([127, 0, 0, 1], 5000)), ([127, 0, 0, 1], 69).into());
    let server = UdpSocket::bind(to)?;
    let client = UdpSocket::bind(from)?;
    let mut master = NewFlow::new(Tuple::udp(from, to), 5000);
    master.settings.helper = Some("tftp".to_owned());
    if pair.client().create(&master).is_err() {
        return ctx.skip("this kernel has no TFTP helper");
    }
    client.send_to(b"\0\x01file\0octet\0", to)?;
    server.recv(&mut [0; 64])?;
    ctx.equal("expected", &1, &pair.client().expectations(None)?.len());
    pair.compare_reading_lines(
        "-L expect\n-L expect -o xml\n-L expect -o id\n-C expect\n-S expect\n-L -p udp\n-L -o save",
    )?;
    // The answer comes from a port that nobody could have told.
    UdpSocket::bind("127.0.0.1:0")?.send_to(b"\0\x03\0\x01data", from)?;
    client.recv(&mut [0; 64])?;
    let flows = pair.client().flows(&Filter::new())?.to_vec()?;
    let answer = flows.iter().find(|flow| flow.has(Status::EXPECTED));
    ctx.equal("its master", &Some(master.original), &answer.and_then(|flow| flow.master));
    pair.compare_reading_lines(
        "-L\n-L -o extended,id\n-L -o xml\n-L -o save\n-L -u EXPECTED\n-L expect\n-C expect\n-C",
    )?;
    Ok(())
}

/// Masters with a helper, and what they expect: no more than one each.
fn make(pair: &mut Pair<'_>, flags: ExpectationFlags) -> conntrack::Result<()> {
    let client = pair.client();
    client.flush_expectations()?;
    let end = |text: &str| text.parse().expect("an end in a test");
    for (from, to, expected_from, expected_to, all) in [
        ("10.0.0.1:5000", "10.0.0.2:69", "4.4.4.4:10", "5.5.5.5:20", "255.255.255.255:65535"),
        (
            "[fd00::1]:5000",
            "[fd00::2]:69",
            "[fd00::4]:10",
            "[fd00::5]:20",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        ),
    ] {
        let master = Tuple::udp(end(from), end(to));
        let mut flow = NewFlow::new(master, 50000);
        flow.settings.helper = Some("tftp".to_owned());
        match client.create(&flow) {
            Err(error) if !error.is_exists() => return Err(error),
            _ => {}
        }
        let tuple = Tuple::udp(end(expected_from), end(expected_to));
        let mut expectation = Expectation::new(master, tuple, Tuple::udp(end(all), end(all)));
        expectation.timeout = Some(3000);
        expectation.flags = Some(flags);
        client.create_expectation(&expectation)?;
    }
    Ok(())
}

/// Lines with a `9` for each digit of the time of day, and without what comes before the tab.
fn without_time(text: &str) -> Vec<String> {
    let line = |line: &str| match line.split_once("]\t") {
        Some((time, rest)) => {
            // A second may have passed.
            let rest = rest.split_once(' ').map_or(rest, |(_, rest)| rest);
            format!("{}]\t{rest}", shape_of_time(time))
        }
        None => line.to_owned(),
    };
    text.lines().map(line).collect()
}
