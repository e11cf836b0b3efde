//! Mistakes, in the order in which bridge finds them, and help.

use testbed::harness::{Context, Outcome};
use testbed::process::Captured;

use crate::pair::{Pair, Tool, split};
use crate::tables::{ENTRIES, LINKS};

/// Mistakes of which both say the same.
const MISTAKES: &str = "\
fdb add
fdb add dev vx1
fdb add 02:00:00:00:00:91
fdb add 02:00:00:00:00:91 dev nope
fdb add 02:00:00:00:00:91 dev
fdb add to
fdb add to 02:00:00:00:00:91 dev vx1 02:00:00:00:00:92
fdb add 02:00:00:00:00:91 02:00:00:00:00:92 dst foo
fdb add zz dev nope
fdb add '' dev vx1 dst 10.0.0.1
fdb add 02:00:00:00:00 dev vx1 dst 10.0.0.1
fdb add 02:00:00:00:00:91 dev '' dst 10.0.0.1
fdb add 02:00:00:00:00:91 dev 2 dst 10.0.0.1
fdb add 02:00:00:00:00:91 dev vx1 dst
fdb add 02:00:00:00:00:91 dev vx1 dst foo
fdb add 02:00:00:00:00:91 dev vx1 dst 1.2.3.4.5
fdb add 02:00:00:00:00:91 dev vx1 dst 1.2.3.256
fdb add 02:00:00:00:00:91 dev vx1 dst fd00::zz
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 dst 10.0.0.2
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 port
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 port x
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 port 65536
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 port -1
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 vni 16777216
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 vni x
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 vni -1
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 src_vni 16777216
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 src_vni x
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 via
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 via nope
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1 via nope vni x
fdb add 02:00:00:00:00:91 dev vx1 nhid
fdb add 02:00:00:00:00:91 dev vx1 nhid x
fdb add 02:00:00:00:00:91 dev vx1 nhid -1
fdb add 02:00:00:00:00:91 dev vx1 nhid 4294967296
fdb add 02:00:00:00:00:91 dev vx1 nhid 5 vni 5
fdb add 02:00:00:00:00:91 dev vx1 nhid 5 dst 10.0.0.1
fdb add 02:00:00:00:00:91 dev nope nhid 5 port 5
fdb add zz dev nope nhid 5 port 5
fdb add 02:00:00:00:00:91 dev vx1 vlan 5 vlan 6 dst 10.0.0.1
fdb add 02:00:00:00:00:91 dev vx1 vlan 5 v dst 10.0.0.1
fdb add 02:00:00:00:00:91 dev vx1 vlan
fdb add 02:00:00:00:00:91 dev vx1 sel
fdb add 02:00:00:00:00:91 dev vx1 us foo
-4 fdb add 02:00:00:00:00:91 dev vx1 dst fd00::1
-6 fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1
-6 fdb add 02:00:00:00:00:91 dev vx1 dst foo
-f inet fdb add 02:00:00:00:00:91 dev vx1 dst fd00::1
-f inet6 fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1
fdb deleted 02:00:00:00:00:01 dev vx1
fdb f
fdb foo
fdb ''
fdb show dev nope
fdb show dev
fdb show br
fdb show br nope
fdb show br nope dev nope
fdb show dev nope br br0
fdb show vlan
fdb show vlan 1 vlan 2
fdb show vlan x vlan 2 vlan 3
fdb show state
fdb show state foo
fdb show state ''
fdb show state foo dev nope
fdb show state 4294967296
fdb get
fdb get dev vx1
fdb get 02:00:00:00:00:01
fdb get 02:00:00:00:00:01 dev nope
fdb get 02:00:00:00:00:01 br nope
fdb get 02:00:00:00:00:01 br nope dev nope
fdb get 02:00:00:00:00:01 dev
fdb get zz dev vx1
fdb get zz dev nope
fdb get 02:00:00:00:00:01 zz dev vx1
fdb get to 02:00:00:00:00:01 to
fdb get 02:00:00:00:00:01 dev vx1 vlan 1 vlan 2
fdb get 02:00:00:00:00:01 dev vx1 vni x
fdb get 02:00:00:00:00:01 dev vx1 vni
vni foo
vni a vni 5 dev vxf
vni sh
vni show dev
vni show dev nope
vni show dev vxf dev vxf
-j vni show dev lo
mdb foo
mdb show dev
mdb show dev nope
mdb show dev vx1 dev vx1
mdb show vid
mdb show vid 1 vid 2
monitor foo
monitor fdb foo
monitor file
foo
''
-j foo
";

pub(crate) fn mistakes(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    pair.compare_lines(MISTAKES)
}

pub(crate) fn options(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, LINKS, ENTRIES)?;
    pair.compare_reading_lines(
        "\
-x
--foo
---json fdb
-v
-jsonx
-n
-n nope fdb show
-netns nope
-n blue fdb show dev vxm
-n '' fdb show
-f foo
-family link fdb
-f bridge fdb
-b /nope
-batch /proc/nope
-b /proc
-c=foo fdb
-color=x
-c fdb show dev vx6
-com fdb show dev vx6
-s -st -stati -stats -statistics fdb show dev vx6
-d -det -details -o -one -oneline -t -time fdb show dev vx6
-j -js -p -pre fdb show dev vx6
-p fdb show dev vx6
-4 -6 fdb show dev vx6
-fo -force fdb show dev vx6
-- fdb show dev vx6
-j -- fdb show dev vx6
--json --pretty fdb show dev vx6
-s -- -j
",
    )?;
    // What is said is our own; where it goes and the status are not.
    for line in [
        "",
        "-h",
        "-help",
        "--help",
        "-",
        "-f",
        "-f help",
        "-b",
        "-j",
        "h",
        "help",
        "fdb help",
        "fdb h",
        "fdb add help",
        "fdb add h dev vx1",
        "fdb add to help",
        "fdb show he",
        "fdb get help",
        "vni help",
        "vni add help",
        "mdb help",
        "mdb add h",
        "monitor help",
        "monitor h",
        "-V",
        "-Ver",
        "--Version",
        "-s -V foo",
    ] {
        let words = split(line);
        let (expected, got) =
            (pair.run(Tool::Reference, &words, b"")?, pair.run(Tool::Ours, &words, b"")?);
        let shape = |run: &Captured| (run.code(), first_words(&run.out()), first_words(&run.err()));
        ctx.equal(&format!("shape of {line:?}"), &shape(&expected), &shape(&got));
    }
    Ok(())
}

/// The beginning, by which a version or a help is recognised.
fn first_words(text: &str) -> String {
    let version = text.strip_prefix("bridge utility, 6.1.0").map(|_| "bridge utility, 6.1.0");
    let usage = text.strip_prefix("Usage: bridge").map(|_| "Usage: bridge");
    version.or(usage).unwrap_or(text).to_owned()
}

/// What is not part of rsadm says so.
pub(crate) fn not_here(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, "", "")?;
    for line in [
        "link",
        "l set dev lo",
        "vlan show",
        "v",
        "monitor",
        "monitor link",
        "monitor all",
        "mo mdb",
    ] {
        let run = pair.run(Tool::Ours, &split(line), b"")?;
        let told = run.err().ends_with("use the bridge of iproute2 for it\n");
        ctx.equal(
            line,
            &(1, true, 1, 0),
            &(run.code(), told, run.err().lines().count(), run.stdout.len()),
        );
    }
    Ok(())
}
