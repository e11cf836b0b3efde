//! VNI filters and the multicast database.

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::{all, done, ip, objects, out, refused, same};

pub(crate) fn vnis(ctx: &Context) -> Outcome {
    ip(
        ctx,
        "link add eth0 type veth peer name far
         link add vx9 type vxlan id 9 dstport 4799",
    )?;
    all(
        ctx,
        "link add vx0 --external --vnifilter --dstport 4789 --dev eth0
         link add vx1 --external --vnifilter --dstport 4790
         vni add 10,20-25 --dev vx0
         vni add 30 --dev vx0 --remote 10.0.0.1
         vni add 40-41 --dev vx0 --group 239.1.1.1
         vni add 16777215 --dev vx1",
    )?;
    for (bridge, line) in [
        ("vni show", "vni list"),
        ("vni show dev vx0", "vni list --dev vx0"),
        ("-s vni show dev vx1", "vni list --dev vx1 -s"),
        ("-s vni show", "vni list --stats"),
    ] {
        let mut command = ctx.reference("bridge");
        let expected = ctx.capture(command.args(bridge.split(' ')))?.success()?.out();
        ctx.check(bridge, expected.contains("vx"));
        same(ctx, line, expected, out(ctx, line)?);
    }
    let mut command = ctx.reference("bridge");
    let theirs = ctx.capture(command.args(["-j", "-s", "vni", "show"]))?.success()?.out();
    let theirs: Vec<Value> = serde_json::from_str(&theirs)?;
    same(ctx, "JSON", theirs, objects(ctx, "vni list")?);
    same(
        ctx,
        "table",
        "DEVICE  VNI       REMOTE\n\
         vx0     10\n\
         vx0     20-25\n\
         vx0     30        10.0.0.1\n\
         vx0     40-41     239.1.1.1\n\
         vx1     16777215\n",
        out(ctx, "vni list -o table")?,
    );
    same(ctx, "an entry for each with a remote", 3, objects(ctx, "fdb list --dev vx0")?.len());
    all(ctx, "vni delete 20-22,30 --dev vx0")?;
    let left = objects(ctx, "vni list --dev vx0")?;
    let left: Vec<_> = left[0]["vnis"].as_array().into_iter().flatten().collect();
    let numbers: Vec<_> = left.iter().filter_map(|it| it["vni"].as_u64()).collect();
    same(ctx, "deleted", [10, 23, 24, 25, 40, 41], &numbers[..]);
    refused(ctx, "vni add 1 --dev vx9", 1, "rsadm: cannot add VNI 1 on vx9: ")?;
    refused(ctx, "vni add 16777216 --dev vx0", 2, "'16777216' is not a VNI: a number from 0 to")?;
    refused(ctx, "vni add 9-8 --dev vx0", 2, "'9-8' is an empty range")?;
    refused(
        ctx,
        "vni add 9 --dev vx0 --group 10.0.0.1",
        2,
        "is not a multicast address; one host",
    )?;
    refused(ctx, "vni add 9 --dev vx0 --remote 239.0.0.1", 2, "is a multicast address; that is a")?;
    refused(ctx, "vni delete 77 --dev vx0", 1, "rsadm: cannot delete VNI 77 on vx0: ")?;
    Ok(())
}

pub(crate) fn entries(ctx: &Context) -> Outcome {
    ip(ctx, "link add eth0 type veth peer name far")?;
    all(ctx, "link add vx0 --external --dstport 4789")?;
    if ctx.version() < (6, 4) {
        refused(
            ctx,
            "mdb add 239.1.1.1 --dev vx0 --dst 10.0.0.1 --src-vni 10",
            1,
            "hint: VXLAN devices have a multicast database since Linux 6.4",
        )?;
        same(ctx, "none", "", out(ctx, "mdb list")?);
        return ctx.skip("this kernel has no VXLAN multicast database");
    }
    all(
        ctx,
        "mdb add 239.1.1.1 --dev vx0 --dst 10.0.0.1 --src-vni 10
         mdb add 239.1.1.1 --dev vx0 --dst 10.0.0.2 --src-vni 10 --dst-port 4790 --vni 20 --via eth0
         mdb add 239.1.1.1 --dev vx0 --src 10.1.1.1 --dst 10.0.0.3 --src-vni 10 --protocol zebra
         mdb add 239.1.1.2 --dev vx0 --dst 10.0.0.4 --src-vni 10 --filter-mode include --source-list 10.1.1.1,10.1.1.2
         mdb add ff0e::1 --dev vx0 --dst 10.0.0.5 --src-vni 11
         mdb add 0.0.0.0 --dev vx0 --dst 10.0.0.6 --src-vni 10",
    )?;
    let text = out(ctx, "mdb list --dev vx0")?;
    for line in [
        "dev vx0 port vx0 grp 239.1.1.1 permanent dst 10.0.0.1 src_vni 10",
        "dev vx0 port vx0 grp 239.1.1.1 permanent dst 10.0.0.2 dst_port 4790 vni 20 src_vni 10 via eth0",
        "dev vx0 port vx0 grp 239.1.1.1 src 10.1.1.1 permanent dst 10.0.0.3 src_vni 10",
        "dev vx0 port vx0 grp ff0e::1 permanent dst 10.0.0.5 src_vni 11",
        "dev vx0 port vx0 grp 0.0.0.0 permanent dst 10.0.0.6 src_vni 10",
    ] {
        ctx.check(&format!("{line} in {text}"), text.lines().any(|it| it == line));
    }
    let all_of_them = objects(ctx, "mdb list --dev vx0")?;
    let sourced = all_of_them.iter().find(|it| it["grp"] == "239.1.1.2" && it["src"].is_null());
    let sourced = sourced.cloned().unwrap_or_default();
    same(
        ctx,
        "as bridge of iproute2 7.1 has it",
        serde_json::json!({
            "index": sourced["index"], "dev": "vx0", "port": "vx0", "grp": "239.1.1.2",
            "state": "permanent", "filter_mode": "include",
            "source_list": [
                {"address": "10.1.1.2", "timer": "0.00"},
                {"address": "10.1.1.1", "timer": "0.00"},
            ],
            "protocol": "static", "flags": [], "dst": "10.0.0.4", "src_vni": 10,
            "timer": sourced["timer"],
        }),
        sourced,
    );
    let table = out(ctx, "mdb list -o table")?;
    ctx.check(&table, table.contains("10.0.0.2:4790 via eth0   20"));
    refused(
        ctx,
        "mdb add 239.1.1.1 --dev vx0 --dst 10.0.0.1 --src-vni 10",
        1,
        "on vx0: it exists",
    )?;
    refused(ctx, "mdb add 10.0.0.1 --dev vx0 --dst 10.0.0.1", 2, "'10.0.0.1' is not a multicast")?;
    refused(
        ctx,
        "mdb delete 239.9.9.9 --dev vx0 --dst 10.0.0.1 --src-vni 10",
        1,
        "rsadm: cannot delete multicast entry 239.9.9.9 src_vni 10 dst 10.0.0.1 on vx0: ",
    )?;
    if ctx.version() >= (6, 7) {
        same(ctx, "one group", 2, objects(ctx, "mdb get 239.1.1.1 --dev vx0 --src-vni 10")?.len());
    }
    all(
        ctx,
        "mdb replace 239.1.1.1 --dev vx0 --dst 10.0.0.1 --src-vni 10 --dst-port 4791
         mdb delete 239.1.1.1 --dev vx0 --dst 10.0.0.2 --src-vni 10",
    )?;
    let text = out(ctx, "mdb list")?;
    ctx.check(&text, text.contains("dst 10.0.0.1 dst_port 4791 src_vni 10"));
    ctx.check(&text, !text.contains("dst 10.0.0.2"));
    let said = done(ctx, "mdb flush --dev vx0")?.err();
    ctx.check(&said, said.is_empty() == (ctx.version() >= (6, 8)));
    same(ctx, "none", "", out(ctx, "mdb list")?);
    Ok(())
}
