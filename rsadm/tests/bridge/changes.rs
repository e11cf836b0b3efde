//! What commands do to the tables, and what the kernel refuses.

use testbed::harness::{Context, Outcome};

use crate::pair::Pair;
use crate::tables::{ENTRIES, LINKS};

/// Every change with two verbs of four, in turn: starting programs takes most of the time.
fn each(pair: &mut Pair<'_>, changes: &[&str]) -> Outcome {
    for (index, change) in changes.iter().enumerate() {
        for verb in [["add", "del"], ["append", "replace"], ["add", "replace"]][index % 3] {
            pair.compare(&format!("fdb {verb} {change}"), b"")?;
        }
    }
    Ok(())
}

pub(crate) fn of_vxlan(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    let changes = [
        "02:00:00:00:00:91 dev vx1",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 port 9 vni 9 via u0",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 port domain",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 port 0 vni 0x10",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 static sticky use",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 dynamic router extern_learn",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 t loc",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 vlan 5",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 vlan 5000",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 vlan -5",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 src_vni 1",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 master",
        "02:00:00:00:00:91 dev vx1 dst fd00::9",
        "02:00:00:00:00:91 dev vx1 dst 0.0.0.0",
        "02:00:00:00:00:91 dev vx1 dst 10.0.0.9 via if99",
        "02:00:00:00:00:91 dev vx1 nhid 10",
        "02:00:00:00:00:91 dev vx1 nhid 1",
        "02:00:00:00:00:91 dev vx1 nhid 99",
        "02:00:00:00:00:91 dev vx6 nhid 10",
        "02:00:00:00:00:91 dev vx1 nhid 10 via u0",
        "02:00:00:00:00:01 dev vx1 dst 10.0.0.1",
        "02:00:00:00:00:01 dev vx1 dst 10.0.0.99",
        "02:00:00:00:00:01 dev vx1 nhid 10",
        "02:00:00:00:00:07 dev vx1 nhid 10",
        "02:00:00:00:00:07 dev vx1 dst 10.0.0.9",
        "00:00:00:00:00:00 dev vx1 dst 10.0.0.1",
        "00:00:00:00:00:00 dev vx1 dst 10.0.0.3",
        "00:00:00:00:00:00 dev vx1 dst 10.0.0.2 port 9",
        "01:00:5e:00:00:01 dev vx1 dst 10.0.0.3",
        "ff:ff:ff:ff:ff:ff dev vx1 dst 10.0.0.3",
        "02:00:00:00:00:91 dev vx6 dst fd00::9",
        "02:00:00:00:00:91 dev vx6 dst 10.0.0.9",
        "02:00:00:00:00:91 dev vx6 dst fe80::9 via u0",
        "02:00:00:00:00:02 dev vx6 dst fe80::1 via u0 port 9 vni 5",
        "02:00:00:00:00:91 dev vxe dst 10.0.0.9",
        "02:00:00:00:00:91 dev vxe dst 10.0.0.9 src_vni 9 vni 9",
        "02:00:00:00:00:01 dev vxe dst 10.0.0.1 src_vni 5",
        "02:00:00:00:00:91 dev vxf dst 10.0.0.9 src_vni 10",
        "02:00:00:00:00:91 dev vxf dst 10.0.0.9 src_vni 11",
        "02:00:00:00:00:91 dev vxl dst 10.0.0.9",
        "02:00:00:00:00:91 dev other dst 10.0.0.9",
        "02:00:00:00:00:91 dev a-name-that-is-longer-than-others dst 10.0.0.9",
        "02:00:00:00:00:91 dev u0",
        "02:00:00:00:00:01 dev u0",
        "01:00:00:00:00:91 dev u0",
        "02:00:00:00:00:91 dev u0 dynamic",
        "02:00:00:00:00:91 dev lo",
        "02:00:00:00:00:91 dev if2 dst 10.0.0.9",
        "2:0:0:0:0:91 dev vx1 dst 10",
        "02:00:00:00:00:91:zz dev vx1 dst 0x0a.0.0.011",
    ];
    each(&mut pair, &changes)?;
    for line in [
        "fdb a 02:00:00:00:00:91 dev vx1 dst 10.0.0.9",
        "fdb ap 02:00:00:00:00:91 dev vx1 dst 10.0.0.9",
        "fdb rep to 02:00:00:00:00:91 dev vx1 dst 10.0.0.9",
        "fdb d 02:00:00:00:00:01 dev vx1",
        "f delete 00:00:00:00:00:00 dev vx1",
        "-4 fdb add 02:00:00:00:00:91 dev vx1 dst default",
        "-6 fdb add 02:00:00:00:00:91 dev vx6 dst default",
        "-6 fdb add 02:00:00:00:00:91 dev vx6 dst fd00::9",
        "-n blue fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9",
        "-j -s fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9",
    ] {
        pair.compare(line, b"")?;
    }
    Ok(())
}

pub(crate) fn of_bridges(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    if !pair.has("br0") {
        return ctx.skip("this kernel has no bridges");
    }
    let changes = [
        "02:00:00:00:00:91 dev p0 master",
        "02:00:00:00:00:91 dev p0 master vlan 1",
        "02:00:00:00:00:91 dev p0 master vlan 2",
        "02:00:00:00:00:91 dev p0 master static",
        "02:00:00:00:00:91 dev p0 master dynamic vlan 1",
        "02:00:00:00:00:91 dev p0 master dynamic extern_learn vlan 1",
        "02:00:00:00:00:91 dev p0 master use vlan 1",
        "02:00:00:00:00:91 dev p0 master sticky static vlan 1",
        "02:00:00:00:00:91 dev p0 master sticky vlan 1",
        "02:00:00:00:00:91 dev p0 self master",
        "02:00:00:00:00:91 dev p0",
        "02:00:00:00:00:91 dev br0 local",
        "02:00:00:00:00:91 dev br0 master",
        "02:00:00:00:00:91 dev br0 self vlan 1",
        "02:00:00:00:00:91 dev vxb self master dst 10.0.0.9 static",
        "02:00:00:00:00:91 dev vxb master static",
        "02:00:00:00:00:91 dev q0 master static",
        "02:00:00:00:00:91 dev q0 master vlan 1",
        "01:00:00:00:00:91 dev p0 master",
        "00:00:00:00:00:00 dev p0 master",
        "02:00:00:00:01:01 dev p0 master",
        "02:00:00:00:01:02 dev p0 master vlan 1",
        "02:00:00:00:01:02 dev p0 master dynamic vlan 1",
        "02:00:00:00:01:02 dev vxb master vlan 1",
        "02:00:00:00:01:07 dev q0 master",
        "02:00:00:00:00:91 dev q1 master",
    ];
    each(&mut pair, &changes)
}

pub(crate) fn flush(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    for device in ["vx1", "br0"] {
        for conditions in [
            "",
            "self",
            "permanent",
            "nopermanent",
            "static",
            "nostatic",
            "dynamic",
            "nodynamic",
            "permanent static",
            "static permanent",
            "dynamic static nodynamic",
            "static dynamic",
            "nopermanent nostatic",
            "added_by_user",
            "noadded_by_user",
            "extern_learn",
            "noextern_learn permanent",
            "sticky",
            "nosticky",
            "offloaded",
            "nooffloaded",
            "vlan 1",
            "vlan 0",
            "vlan -1",
            "vlan 4095",
            "brport u0",
            "brport p0 vlan 1",
        ] {
            pair.compare(&format!("fdb flush dev {device} {conditions}"), b"")?;
        }
    }
    pair.compare_lines(
        "\
fdb flush dev vxe
fdb flush dev vxe dynamic
fdb flush dev u0 permanent
fdb flush dev lo
fdb flush dev vx1 master
fdb flush dev p0 master extern_learn
fdb flush dev p0 self master extern_learn
fdb flush dev br0 brport p0 extern_learn
fdb flush dev br0 brport p0 nopermanent
fdb flush dev vx1 vlan 4096
fdb flush dev vx1 vlan 70000
fdb flush dev nope vlan 5000
fdb flush dev vx1 brport nope vlan 5000
fdb flush dev vx1 vlan 5 vlan 6
fdb flush dev vx1 brport u0 brport u0
fdb flush dev nope brport nope
fdb flush dev vx1 dev vxe
fdb flush
fdb flush vx1
fdb flush vni 5
fdb flush dev
fdb flush dev vx1 vlan
fdb flush foo dev nope
fdb fl dev vx1
",
    )
}

pub(crate) fn vnis(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    if !pair.has("vxf") {
        return ctx.skip("this kernel has no VNI filters");
    }
    for verb in ["add", "delete"] {
        for change in [
            "vni 40 dev vxf",
            "vni 10 dev vxf",
            "vni 40-45,50,,60 dev vxf",
            "vni 20-30 dev vxf",
            "vni 22 dev vxf",
            "vni 9-8 dev vxf",
            "vni 5- dev vxf",
            "vni -7 dev vxf",
            "vni x dev vxf",
            "vni 0 dev vxf",
            "vni '' dev vxf",
            "vni , dev vxf",
            "vni 40 remote 10.0.0.9 dev vxf",
            "vni 10 remote 10.0.0.9 dev vxf",
            "vni 30 remote 10.0.0.9 dev vxf",
            "vni 40-41 group 239.1.1.9 dev vxf",
            "vni 40 group 10.0.0.9 dev vxf",
            "vni 40 remote 239.1.1.9 dev vxf",
            "vni 40 remote fd00::9 dev vxf",
            "vni 40 remote foo dev vxf",
            "vni 40 remote 10.0.0.9 group 239.1.1.1 dev vxf",
            "vni 40 vni 41 dev vxf",
            "vni 40 dev vx1",
            "vni 40 dev vxe",
            "vni 40 dev lo",
            "vni 40 dev nope",
            "vni 40 foo dev vxf he",
            "vni 40",
            "dev vxf",
            "vni 40 dev",
            "vni",
            "",
        ] {
            pair.compare(&format!("vni {verb} {change}"), b"")?;
        }
    }
    Ok(())
}

pub(crate) fn multicast(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    for verb in ["add", "del"] {
        for change in [
            "dev br0 port p0 grp 239.9.9.9",
            "dev br0 port p0 grp 239.9.9.9 permanent",
            "dev br0 port p0 grp 239.9.9.9 temp vid 1",
            "dev br0 port p0 grp 239.9.9.9 permanent temp vid 1",
            "dev br0 port p0 grp 239.9.9.9 permanent vid 2",
            "dev br0 port p0 grp 239.9.9.9 permanent vid 5000",
            "dev br0 port p0 grp 239.9.9.9 permanent vid x",
            "dev br0 port p0 grp 239.1.1.1 permanent vid 1",
            "dev br0 port p0 grp ff05::1 vid 1",
            "dev br0 port p0 grp ff05::9 permanent",
            "dev br0 port p0 grp ff02::1 permanent",
            "dev br0 port p0 grp 239.9.9.9 src 10.0.0.1 permanent vid 1",
            "dev br0 port p0 grp 239.1.1.2 src 10.1.1.1 permanent vid 1",
            "dev br0 port p0 grp 239.9.9.9 src fd00::1 permanent vid 1",
            "dev br0 port p0 grp 239.9.9.9 src 239.9.9.9 permanent vid 1",
            "dev br0 port br0 grp 239.9.9.9 temp vid 1",
            "dev br0 port br0 grp 239.9.9.9 permanent vid 1",
            "dev br0 port p0 grp 01:00:00:00:00:09 permanent vid 1",
            "dev br0 port p0 grp 01:00:00:00:00:09 vid 1",
            "dev br0 port p0 grp 02:00:00:00:00:09 permanent vid 1",
            "dev br0 port p0 grp 10.0.0.1 permanent",
            "dev br0 port q0 grp 239.9.9.9 permanent",
            "dev br0 port vx1 grp 239.9.9.9 permanent",
            "dev br1 port q0 grp 239.9.9.9 permanent",
            "dev vx1 port vx1 grp 239.9.9.9 permanent",
            "dev vx1 port vx1 grp 239.9.9.9",
            "dev vx1 port vx1 grp 239.9.9.9 src 10.0.0.1 permanent dst 10.0.0.9",
            "dev lo port lo grp 239.9.9.9 permanent",
            "dev u0 port u0 grp 239.9.9.9 permanent",
            "dev nope port p0 grp 239.9.9.9",
            "dev br0 port nope grp 239.9.9.9",
            "dev vx1 port vx1 grp foo",
            "dev vx1 port vx1 grp 239.1.1",
            "dev vx1 port vx1 grp 1:2:3:4:5",
            "dev vx1 port vx1 grp 1:2:3:4:5:6:7",
            "dev vx1 port vx1 grp 1:2:3:4:5:600",
            "dev vx1 port vx1 grp 1:2:3:4:5:zz",
            "dev vx1 port vx1 grp 01-02-03-04-05-06",
            "dev vx1 port vx1 grp ''",
            "dev vx1 port vx1 grp -1:2:3:4:5:6",
            "dev vx1 port vx1 grp 1.2.3:4",
            "dev vx1 port vx1 grp xyz",
            "dev vx1 port vx1 grp 239.9.9.9 src foo",
            "dev vx1 port vx1 grp 239.9.9.9 src 01:02:03:04:05:06",
            "dev vx1 port vx1 grp foo src foo",
            "dev nope port nope grp foo src foo",
            "dev vx1 port vx1 grp",
            "dev vx1 port vx1",
            "dev vx1 grp 239.9.9.9",
            "",
        ] {
            pair.compare(&format!("mdb {verb} {change}"), b"")?;
        }
    }
    pair.compare_lines("mdb a dev br0 port p0 grp 239.9.9.9\nmdb d dev br1 port q0 grp 239.1.1.4")
}
