//! What is shown of tables that nobody changes.

use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool, split};
use crate::tables::{ENTRIES, LINKS};

/// Options that say how entries are printed.
const FORMS: [&str; 6] = ["", "-s -t", "-o -d -s", "-j", "-j -p -s -d", "-c=always -s"];

fn every_form(pair: &Pair<'_>, commands: &[&str]) -> Outcome {
    for form in FORMS {
        for command in commands {
            pair.compare_reading(&format!("{form} {command}"))?;
        }
    }
    Ok(())
}

pub(crate) fn entries(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, LINKS, ENTRIES)?;
    every_form(
        &pair,
        &[
            "fdb",
            "fdb show dev vx1",
            "fdb show dev vx6",
            "fdb show dev vxe",
            "fdb show brport p0",
            "fdb show br br0",
            "-n blue fdb show",
        ],
    )
}

pub(crate) fn filters(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, LINKS, ENTRIES)?;
    let filters = [
        "dev vx1 state permanent",
        "dev vx1 state static",
        "dev vx1 state temp",
        "dev vx1 state reachable",
        "dev vx1 state dyn",
        "dev vx1 state stale",
        "dev vx1 state s",
        "dev vx1 state 2",
        "dev vx1 state 0x40 state 0200",
        "dev vx1 state all",
        "dev vx1 state 0",
        "dev vx1 dynamic",
        "dynamic",
        "vlan 1",
        "vlan 2",
        "vlan 0",
        "vlan x",
        "vlan -1",
        "dev vxb",
        "dev other",
        "dev a-name-that-is-longer-than-others",
        "dev a'b<c",
        "dev lo",
        "dev u0",
        "dev br0",
        "br br1",
        "br br0 dev p0",
        "br br0 dev vx1",
        "br vx1",
        "br lo",
        "br br0 vlan 1 dynamic",
        "br br0 state static",
        "brport p0 vlan 1",
        "dev vx1 dev vx6",
        "foo bar dev vx6",
        "dev vxf",
    ];
    for (index, filter) in filters.into_iter().enumerate() {
        let form = ["", "-j", "-s"][index % 3];
        pair.compare_reading(&format!("{form} fdb show {filter}"))?;
    }
    pair.compare_reading_lines(
        "\
fdb s dev vx1
fdb sh dev vx1
fdb l dev vx1
fdb lst dev vx1
fdb list dev vx1
f show dev vx1
fd l dev vx1
-n blue fdb show dev vxm
-n blue -j fdb show dev vxm
-n blue fdb show dev vx1
",
    )
}

pub(crate) fn colours(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, LINKS, ENTRIES)?;
    for colours in ["15;0", "0;15", "15;default;0", "1;8", "", "0"] {
        for line in ["-c=always fdb show dev vx6", "-c fdb show dev vx1"] {
            let run = |tool| {
                let mut command = pair.command(tool);
                ctx.capture(command.env("COLORFGBG", colours).args(split(line)))
            };
            let (expected, got) = (run(Tool::Reference)?, run(Tool::Ours)?);
            ctx.same_run(&format!("COLORFGBG={colours:?} {line}"), &expected, &got);
        }
    }
    for form in ["-c=auto", "-c=never", "-c=", "-co", "-c=never -c", "-c -c=never"] {
        pair.compare_reading(&format!("{form} fdb show dev vx1"))?;
    }
    Ok(())
}

pub(crate) fn get(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, LINKS, ENTRIES)?;
    let questions = [
        "02:00:00:00:00:01 dev vx1 self",
        "02:00:00:00:00:04 dev vx1 self",
        "to 02:00:00:00:00:07 dev vx1 self",
        "00:00:00:00:00:00 dev vx1 self",
        "01:00:5e:00:00:01 dev vx1 self",
        "02:00:00:00:00:99 dev vx1 self",
        "02:00:00:00:00:02 dev vx6 self",
        "02:00:00:00:00:01 dev vxe self",
        "02:00:00:00:00:01 dev vxe vni 5 self",
        "02:00:00:00:00:01 dev vxe vni 6 self",
        "02:00:00:00:00:02 dev vxe vni 0 self",
        "02:00:00:00:00:01 dev vx1 vni 5 self",
        "02:00:00:00:00:01 dev vx1",
        "02:00:00:00:00:01 dev vx1 self dynamic",
        "02:00:00:00:00:05 dev vx1 self dyn",
        "02:00:00:00:00:01 dev vx1 master",
        "02:00:00:00:00:01 br vx1 self",
        "02:00:00:00:00:01 dev u0 self",
        "02:00:00:00:01:01 br br0",
        "02:00:00:00:01:01 dev p0 master",
        "02:00:00:00:01:01 brport p0 m",
        "02:00:00:00:01:01 dev p0",
        "02:00:00:00:01:02 br br0",
        "02:00:00:00:01:02 br br0 vlan 1",
        "02:00:00:00:01:02 br br0 vl 2",
        "02:00:00:00:01:03 dev p0 master vlan 1",
        "02:00:00:00:01:06 dev br0 self",
        "02:00:00:00:01:06 br br0",
        "02:00:00:00:01:05 dev vxb self",
        "02:00:00:00:01:05 dev vxb master",
        "02:00:00:00:01:05 dev vxb self master",
        "02:00:00:00:01:01 br br0 dev p0",
        "02:00:00:00:00:01 dev vx1 self vlan 5",
        "02:00:00:00:00:01 dev vx1 self vlan 4095",
        "02:00:00:00:00:01 dev vx1 self vlan -5",
    ];
    for (index, question) in questions.into_iter().enumerate() {
        let form = ["", "-j", "", "-s -c=always"][index % 4];
        pair.compare_reading(&format!("{form} fdb get {question}"))?;
    }
    Ok(())
}

pub(crate) fn vnis(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    if !pair.has("vxf") {
        return ctx.skip("this kernel has no VNI filters");
    }
    every_form(&pair, &["vni", "vni show dev vxf"])?;
    pair.compare_reading_lines(
        "vni lst\nvni show foo\n-n blue vni show\n-j vni show dev lo\nvn show",
    )
}

pub(crate) fn multicast(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, LINKS, ENTRIES)?;
    every_form(&pair, &["mdb", "mdb show dev br0", "mdb show dev br1", "mdb show dev vx1"])?;
    pair.compare_reading_lines(
        "\
m s
mdb lst dev br1
mdb l dev vx1
mdb show dev br0 vid 2
mdb show vid 1 dev br0
mdb show vid x
mdb show foo
-d mdb show dev br1
-s -d mdb show dev br1
-j -d mdb show dev br1
-j -p -s -d mdb show dev br1
-o -d mdb show dev br1
-o -s -d mdb show dev br1
-n blue mdb show
-n blue -j mdb show
",
    )
}

/// The multicast database of a VXLAN device, of which bridge 6.1 shows what it knows.
pub(crate) fn multicast_of_vxlan(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, "")?;
    let link = pair.client.link("vx1")?.index;
    for group in ["239.1.1.1", "0.0.0.0", "ff05::1", "::"] {
        let entry = vxlan::MulticastEntry::to(link, group.parse()?, "10.0.0.1".parse()?);
        if pair.client.add_multicast(&entry).is_err() {
            return ctx.skip("this kernel has no VXLAN multicast database");
        }
    }
    let mut entry = vxlan::MulticastEntry::to(link, "239.1.1.2".parse()?, "10.0.0.2".parse()?);
    entry.source = Some("10.1.1.1".parse()?);
    pair.client.add_multicast(&entry)?;
    let mut entry = vxlan::MulticastEntry::to(link, "239.1.1.3".parse()?, "10.0.0.2".parse()?);
    let source = |text: &str| {
        Ok::<_, testbed::harness::Failure>(vxlan::Source { address: text.parse()?, timer: 0 })
    };
    entry.sources = vec![source("10.1.1.1")?, source("10.1.1.2")?];
    entry.filter_mode = Some(vxlan::FilterMode::Include);
    entry.protocol = Some(186);
    pair.client.add_multicast(&entry)?;
    every_form(&pair, &["mdb show", "mdb show dev vx1"])
}

/// Nobody special may look, and change nothing.
pub(crate) fn without_privilege(ctx: &Context) -> Outcome {
    use std::os::unix::process::CommandExt as _;
    let pair = Pair::new(ctx, LINKS, ENTRIES)?;
    let nobody = |tool, line: &str| {
        let mut command = pair.command(tool);
        command.args(split(line)).uid(65534).gid(65534);
        ctx.capture(&mut command)
    };
    if nobody(Tool::Reference, "-V").is_err() {
        return ctx.skip("no other user can be taken here");
    }
    for line in [
        "fdb show",
        "-j fdb show dev vx1",
        "fdb get 02:00:00:00:00:01 dev vx1 self",
        "fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.1",
        "fdb append 02:00:00:00:00:91 dev vx1 dst 10.0.0.1",
        "fdb replace 02:00:00:00:00:91 dev vx1 dst 10.0.0.1",
        "fdb del 02:00:00:00:00:01 dev vx1",
        "fdb del 02:00:00:00:01:01 dev p0 master",
        "fdb flush dev vx1",
        "vni show",
        "vni add vni 90 dev vxf",
        "vni delete vni 10 dev vxf",
        "mdb show",
        "mdb add dev br0 port p0 grp 239.9.9.9 permanent",
        "mdb del dev br0 port p0 grp 239.1.1.1",
        "-n blue fdb show",
    ] {
        let (expected, got) = (nobody(Tool::Reference, line)?, nobody(Tool::Ours, line)?);
        ctx.same_run(&format!("without privilege: {line}"), &expected, &got);
    }
    Ok(())
}
