//! Files of commands.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use testbed::harness::{Context, Failure, Outcome};

use crate::pair::{Pair, Tool};
use crate::tables::{ENTRIES, LINKS};

/// What a batch is called with.
const WAYS: [&str; 2] = ["-b -", "-force -batch -"];

const FILES: [&str; 33] = [
    "",
    "\n\n# nothing\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\n\
     fdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9\nfdb add 00:00:00:00:00:00 dev vxe dst 10.0.0.9\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfdb add 02:00:00:00:00:92 dev vx1\n\
     fdb add 02:00:00:00:00:93 dev vx1\nfdb add 02:00:00:00:00:94 dev u0\n",
    "fdb add 02:00:00:00:00:91 dev vx1\nfdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9\n\
     fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.9\n",
    "fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.9\nfdb append 02:00:00:00:00:92 dev vx1\n\
     fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.8\n",
    "fdb del 02:00:00:00:00:01 dev vx1\nfdb del 02:00:00:00:00:01 dev vx1\nfdb del 02:00:00:00:00:02 dev vx1",
    "fdb replace 02:00:00:00:00:01 dev vx1 dst 10.0.0.9\nfdb replace 00:00:00:00:00:00 dev vx1 dst 10.0.0.9\n\
     fdb replace 02:00:00:00:00:02 dev vx1 dst 10.0.0.9\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfdb add zz dev vx1\nfdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9\n",
    "fdb add 02:00:00:00:00:91 dev vx1\nfdb add 02:00:00:00:00:92 dev vx1 dst foo\nfdb add 02:00:00:00:00:93 dev vx1",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfdb add 02:00:00:00:00:92 dev vx1 dst foo\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfdb add 02:00:00:00:00:92 dev vx1 dst\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfdb foo\nfdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfoo\nfdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9 via nope\nfdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9",
    "fdb add 02:00:00:00:00:91 dev nope dst 10.0.0.9\nfdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9 # first\nfdb show\nfdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9\nfdb show",
    "fdb get 02:00:00:00:00:01 dev vx6 self\nfdb show dev vx6\nfdb show dev vx6 vlan 0",
    "fdb get 02:00:00:00:00:99 dev vx1 self\nfdb get 02:00:00:00:00:01 dev vx1 self",
    "fdb add 02:00:00:00:00:91 \\\n dev vx1 \\\n dst 10.0.0.9\nfoo",
    "fdb add 02:00:00:00:00:91 dev vx1 # dst \\\n 10.0.0.9\nfoo",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9 \\",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9 \\\n",
    "fdb add \"02:00:00:00:00:91\" 'dev' vx1 dst \"10.0.0.9\"\nfdb add \"02:00:00:00:00:92\"dev vx1 dst 10.0.0.9\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\nfdb show 'dev vx1\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\r\n\tfdb\tshow dev vx6\r\n",
    "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9\0 foo\nfdb show dev vx6",
    "-j fdb show\nfdb show dev vx6",
    "fdb flush dev vx1 foo dev nope\nvni add vni 40 dev vxf\nvni delete vni 41 dev vxf\nvni add vni 42 dev vxf",
    "mdb add dev br0 port p0 grp 239.9.9.9\nmdb add dev br0 port p0 grp 239.9.9.9\nmdb show vid 7",
    "fdb add 02:00:00:00:00:91 dev u0 use\nfdb add 02:00:00:00:00:91 dev u0 use\nfdb add 02:00:00:00:00:92 dev u0",
];

pub(crate) fn files(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    for file in FILES {
        for way in WAYS {
            pair.compare(way, file.as_bytes())?;
        }
    }
    for way in ["-j -b -", "-s -force -b -", "-6 -b -", "-n blue -force -b -"] {
        let file = "fdb show dev vx6\nfdb add 02:00:00:00:00:91 dev vx6 dst fd00::9\nfdb show dev vx6 state 2";
        pair.compare(way, file.as_bytes())?;
    }
    for count in [500, 507, 508, 600] {
        let words = "x ".repeat(count);
        pair.compare("-b -", format!("fdb show dev lo {words}\nfoo").as_bytes())?;
    }
    // By its name.
    std::fs::write("/run/commands", "fdb show dev vx6\nfoo\nfdb show dev vx6\n")?;
    pair.compare("-b /run/commands", b"")?;
    pair.compare("-b /run/commands -force fdb show", b"")
}

/// A thousand lines, with mistakes here and there.
pub(crate) fn of_a_thousand(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, "")?;
    let mac = |index: usize| format!("02:00:00:00:{:02x}:{:02x}", index / 256, index % 256);
    let mut every = String::new();
    for index in 0..1000 {
        let verb = ["add", "append", "replace"][index % 3];
        let _ = writeln!(every, "fdb {verb} {} dev vx1 dst 10.0.0.1", mac(index));
        if index % 97 == 96 {
            // Mistakes, which the kernel or bridge finds.
            let _ = writeln!(every, "fdb add {} dev vx1 dst 10.0.0.1", mac(index - 3));
            let _ = writeln!(every, "fdb add {} dev nope", mac(index));
            let _ = writeln!(every, "fdb del {} dev vx1", mac(index + 1));
        }
        if index % 10 == 9 {
            let _ = writeln!(every, "fdb del {} dev vx1", mac(index - 5));
        }
    }
    let mut adds: Vec<String> =
        (0..1000).map(|index| format!("fdb add {} dev vx1 dst 10.0.0.1", mac(index))).collect();
    for way in WAYS {
        pair.compare(way, every.as_bytes())?;
        pair.compare(way, adds.join("\n").as_bytes())?;
    }
    for wrong in [0, 128, 500, 999] {
        let right = std::mem::replace(&mut adds[wrong], "fdb add 02:ff:00:00:00:00 dev vx1".into());
        pair.compare("-b -", adds.join("\n").as_bytes())?;
        adds[wrong] = right;
    }
    Ok(())
}

/// Changes that meet each other in ways that nobody thought of.
pub(crate) fn at_random(ctx: &Context) -> Outcome {
    const VERBS: &[&str] = &["add", "append", "append", "replace", "del", "del"];
    const MACS: &[&str] = &[
        "00:00:00:00:00:00",
        "01:00:5e:00:00:01",
        "02:00:00:00:00:01",
        "02:00:00:00:00:05",
        "02:00:00:00:00:91",
        "02:00:00:00:00:92",
    ];
    const DEVICES: &[&str] = &["vx1", "vx1", "vx1", "vx6", "vxe", "vxl"];
    // No source VNI: an ordinary device's entry with another one than its own was not to be deleted.
    const REMOTES: &[&str] = &[
        "",
        "dst 10.0.0.1",
        "dst 10.0.0.1",
        "dst 10.0.0.2",
        "dst 10.0.0.2 port 9",
        "dst 10.0.0.1 vni 7",
        "dst 10.0.0.1 via u0",
        "dst fd00::2",
        "nhid 10",
    ];
    const WORDS: &[&str] = &["", "", "", "static", "dynamic", "router", "extern_learn", "use"];
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    let words = (select(VERBS), select(MACS), select(DEVICES), select(REMOTES), select(WORDS));
    let line = words.prop_map(|(verb, mac, device, remote, more)| {
        format!("fdb {verb} {mac} dev {device} {remote} {more}\n")
    });
    let file = vec(line, 40).prop_map(|lines| lines.concat());
    // The same in each run.
    let mut runner = TestRunner::deterministic();
    for round in 0..30 {
        let file = file.new_tree(&mut runner);
        let file = file.map_err(|reason| Failure::Failed(reason.to_string()))?.current();
        // Without -force the first failure is the end.
        pair.compare(WAYS[usize::from(round % 3 > 0)], file.as_bytes())?;
    }
    Ok(())
}

/// Lines that come one by one are carried out as they come.
pub(crate) fn waits_for_nothing(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, "")?;
    for way in [&["-b", "-"][..], &["-force", "-b", "-"]] {
        let mut command = pair.command(Tool::Ours);
        command.args(way).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return ctx.fail("no pipes");
        };
        let mut output = BufReader::new(output);
        writeln!(input, "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9")?;
        writeln!(input, "fdb show dev vx1")?;
        let mut line = String::new();
        output.read_line(&mut line)?;
        ctx.equal("shown", "02:00:00:00:00:91 dst 10.0.0.9 self permanent\n", line.as_str());
        writeln!(input, "fdb del 02:00:00:00:00:91 dev vx1")?;
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !pair.is_as_it_began()? {
            if std::time::Instant::now() > end {
                return ctx.fail("a line waits for the next one");
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        drop(input);
        ctx.check("status", child.wait()?.success());
    }
    Ok(())
}
