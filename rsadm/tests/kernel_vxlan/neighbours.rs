//! Neighbours over an overlay, as ip has them.

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::{Result, all, flannel, ip, list_of, objects, out, refused, same};

fn table(ctx: &Context) -> Result<()> {
    flannel(ctx)?;
    all(
        ctx,
        "link add vx1 --id 2 --dstport 4789 --up
         neigh add 10.244.3.0 --lladdr ee:d6:38:55:d5:c7 --dev vx0
         neigh add 10.244.4.0 --lladdr ee:d6:38:55:d5:c8 --dev vx0 --nud stale --router --extern-learn --protocol 80
         neigh add 10.244.6.0 --lladdr ee:d6:38:55:d5:c9 --dev vx0 --nud noarp
         neigh add fd00::3 --lladdr ee:d6:38:55:d5:ca --dev vx0 --protocol zebra
         neigh add 10.244.3.0 --lladdr ee:d6:38:55:d5:cb --dev vx1 --nud reachable",
    )
}

/// Without times, which are others a moment later.
fn timeless(list: Vec<Value>) -> Vec<Value> {
    let mut list = list;
    for fields in list.iter_mut().filter_map(Value::as_object_mut) {
        for field in ["used", "confirmed", "updated", "probes", "refcnt"] {
            fields.remove(field);
        }
    }
    list
}

pub(crate) fn as_ip(ctx: &Context) -> Outcome {
    table(ctx)?;
    for (words, line) in [
        ("neigh show dev vx0", "neigh list --dev vx0"),
        ("neigh show dev vx1", "neigh list --dev vx1"),
        ("neigh show dev vx1 nud reachable", "neigh list --dev vx1 --nud reachable"),
        ("neigh show dev vx0 nud stale", "neigh list --dev vx0 --nud stale"),
        ("neigh show to 10.244.3.0", "neigh list --to 10.244.3.0"),
        ("neigh get 10.244.3.0 dev vx0", "neigh get 10.244.3.0 --dev vx0"),
        ("neigh get fd00::3 dev vx0", "neigh get fd00::3 --dev vx0"),
    ] {
        let expected = ctx.out("ip", words.split(' '))?;
        ctx.check(words, !expected.is_empty());
        same(ctx, line, expected, out(ctx, line)?);
    }
    // ip tells of every link.
    let expected: String = ctx
        .out("ip", ["neigh", "show"])?
        .lines()
        .filter(|line| line.contains(" dev vx"))
        .fold(String::new(), |text, line| text + line + "\n");
    same(ctx, "all", expected, out(ctx, "neigh list")?);
    let theirs: Vec<Value> = list_of(ctx, "ip", "-j neigh show")?
        .into_iter()
        .filter(|it| it["dev"].as_str().is_some_and(|dev| dev.starts_with("vx")))
        .collect();
    same(ctx, "JSON", theirs, timeless(objects(ctx, "neigh list")?));
    let shown = |text: String| text.replace(|c: char| c.is_ascii_digit(), "0");
    let expected = ctx.out("ip", "-s neigh show dev vx0".split(' '))?;
    same(ctx, "times", shown(expected), shown(out(ctx, "neigh list --dev vx0 -s")?));
    let theirs = list_of(ctx, "ip", "-s -j neigh show dev vx0")?;
    let ours = objects(ctx, "neigh list --dev vx0")?;
    let keys = |it: &Value| {
        it.as_object().map(|it| it.keys().filter(|key| *key != "dev").cloned().collect::<Vec<_>>())
    };
    same(
        ctx,
        "fields",
        theirs.iter().map(keys).collect::<Vec<_>>(),
        ours.iter().map(keys).collect::<Vec<_>>(),
    );
    // ip shows what a control plane learned whatever its state.
    let held = objects(ctx, "neigh list --dev vx0 --nud noarp --to 10.0.0.0/8")?;
    let held: Vec<_> = held.iter().filter_map(|it| it["dst"].as_str()).collect();
    same(ctx, "by state", ["10.244.6.0"], &held[..]);
    same(ctx, "by address", 1, objects(ctx, "neigh list --mac ee:d6:38:55:d5:cb")?.len());
    let table = out(ctx, "neigh list -o table --dev vx1")?;
    ctx.check(&table, table.contains("vx1     10.244.3.0  ee:d6:38:55:d5:cb  REACHABLE"));
    Ok(())
}

pub(crate) fn written(ctx: &Context) -> Outcome {
    table(ctx)?;
    ip(ctx, "neigh add 172.16.20.9 lladdr 2:0:0:0:0:9 dev eth0 nud permanent")?;
    let exists =
        "rsadm: cannot add neighbour 10.244.3.0 lladdr 02:00:00:00:00:01 on vx0: it exists";
    refused(ctx, "neigh add 10.244.3.0 --lladdr 2:0:0:0:0:1 --dev vx0", 1, exists)?;
    all(ctx, "neigh replace 10.244.3.0 --lladdr 2:0:0:0:0:1 --dev vx0")?;
    let shown = ctx.out("ip", "neigh show 10.244.3.0 dev vx0".split(' '))?;
    same(ctx, "replaced", "10.244.3.0 lladdr 02:00:00:00:00:01 PERMANENT \n", shown);
    all(ctx, "neigh replace 10.244.3.0 --lladdr 2:0:0:0:0:1 --dev vx0 --managed --nud reachable")?;
    let shown = ctx.out("ip", "neigh show 10.244.3.0 dev vx0".split(' '))?;
    ctx.check(&shown, shown.contains(" managed "));
    all(ctx, "neigh delete 10.244.3.0 --dev vx0")?;
    refused(ctx, "neigh delete 10.244.3.0 --dev vx0", 1, "on vx0: there is none")?;
    refused(ctx, "neigh get 10.244.3.0 --dev vx0", 1, "cannot read neighbour 10.244.3.0 on vx0: ")?;
    refused(ctx, "neigh delete 172.16.20.9 --dev eth0", 1, "--dev eth0: it is not a VXLAN device")?;
    refused(ctx, "neigh add 10.0.0.1 --dev vx0 --lladdr zz", 2, "'zz' is not a MAC address")?;
    refused(
        ctx,
        "neigh list --nud bogus",
        2,
        "'bogus' is not a state of a neighbour: incomplete,",
    )?;
    same(ctx, "the other link's stays", "", out(ctx, "neigh list --mac 2:0:0:0:0:9")?);
    Ok(())
}
