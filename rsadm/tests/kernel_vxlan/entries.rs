//! Forwarding entries: listings, filters, joins, changes.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::{Result, all, done, flannel, ip, objects, out, refused, rsadm, run, same};

/// Entries of every kind, on plain and external devices and in a bridge.
pub(crate) fn table(ctx: &Context) -> Result<()> {
    flannel(ctx)?;
    ip(
        ctx,
        "link add br0 type bridge
         link add vx1 type vxlan id 2 dstport 4789
         link set vx1 master br0
         link add vx2 type vxlan external dstport 4790
         link add vx6 type vxlan id 6 local fd00::120 dstport 4791
         link add veth9 type veth peer name far9
         link set veth9 master br0
         nexthop add id 1 via 172.16.20.121 fdb
         nexthop add id 2 via 172.16.20.122 fdb
         nexthop add id 10 group 1/2 fdb",
    )?;
    all(
        ctx,
        "fdb add ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.121
         fdb add 02:00:00:00:00:05 --dev vx0 --dst 172.16.20.125 --port 4789 --vni 77 --via eth0
         fdb add 02:00:00:00:00:06 --dev vx0 --dst 172.16.20.125 --static
         fdb add 02:00:00:00:00:07 --dev vx0 --dst 172.16.20.126 --dynamic
         fdb add 02:00:00:00:00:08 --dev vx0 --dst 172.16.20.126 --router --extern-learn
         fdb add 02:00:00:00:00:09 --dev vx0 --nhid 10
         fdb add 02:00:00:00:00:0a --dev vx0 --dst 172.16.20.127 --vni 0
         fdb append 00:00:00:00:00:00 --dev vx0 --dst 172.16.20.121
         fdb append 00:00:00:00:00:00 --dev vx0 --dst 172.16.20.122
         fdb append 01:00:5e:00:00:01 --dev vx0 --dst 172.16.20.123
         fdb add 02:00:00:00:01:01 --dev vx1 --dst 10.0.0.1 --use
         fdb add 02:00:00:00:01:02 --dev vx1 --master --static
         fdb add 02:00:00:00:01:03 --dev vx1 --master --sticky --static
         fdb add 02:00:00:00:02:01 --dev vx2 --dst 10.0.0.2 --vni 7 --src-vni 6
         fdb add 02:00:00:00:06:01 --dev vx6 --dst fd00::121",
    )
}

/// The lines of `bridge fdb show` that are about VXLAN devices.
fn by_bridge(ctx: &Context, line: &str) -> Result<String> {
    let mut command = ctx.reference("bridge");
    let text = ctx.capture(command.args(line.split_whitespace()))?.success()?.out();
    let is_ours = |line: &&str| !line.contains(" dev ") || line.contains(" dev vx");
    Ok(text.lines().filter(is_ours).fold(String::new(), |text, line| text + line + "\n"))
}

/// Without times, which are others a moment later.
fn timeless(mut entry: Value) -> Value {
    if let Some(fields) = entry.as_object_mut() {
        fields.remove("used");
        fields.remove("updated");
    }
    entry
}

/// Entries as bridge's own JSON has them, of VXLAN devices.
fn objects_of_bridge(ctx: &Context) -> Result<Vec<Value>> {
    let mut command = ctx.reference("bridge");
    let text = ctx.capture(command.args(["-j", "-s", "fdb", "show"]))?.success()?.out();
    let list: Vec<Value> = serde_json::from_str(&text)?;
    let is_ours = |entry: &Value| entry["ifname"].as_str().is_some_and(|it| it.starts_with("vx"));
    Ok(list.into_iter().filter(is_ours).collect())
}

pub(crate) fn classic(ctx: &Context) -> Outcome {
    table(ctx)?;
    for (bridge, line) in [
        ("fdb show", "fdb list"),
        ("fdb show dev vx0", "fdb list --dev vx0"),
        ("fdb show dev vx1", "fdb list --dev vx1"),
        ("fdb show dev vx2", "fdb list --dev vx2"),
        ("fdb show dev vx6", "fdb list --dev vx6"),
        ("fdb show brport vx1", "fdb list --brport vx1"),
        ("fdb show br br0", "fdb list --br br0"),
        ("fdb get 02:00:00:00:00:05 dev vx0 self", "fdb get 02:00:00:00:00:05 --dev vx0"),
        ("fdb get 02:00:00:00:01:02 dev vx1 master", "fdb get 2:0:0:0:1:2 --dev vx1 --master"),
        ("fdb get 02:00:00:00:01:02 br br0", "fdb get 02:00:00:00:01:02 --br br0"),
    ] {
        let expected = by_bridge(ctx, bridge)?;
        ctx.check(&format!("{bridge} shows something"), !expected.is_empty());
        same(ctx, line, expected, out(ctx, line)?);
    }
    // Times may move on between two listings.
    let shown = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let expected = by_bridge(ctx, "-s fdb show dev vx0")?;
    same(ctx, "times", shown(&expected), shown(&out(ctx, "fdb list --dev vx0 -s")?));
    let theirs: Vec<_> = objects_of_bridge(ctx)?.into_iter().map(timeless).collect();
    let ours: Vec<_> = objects(ctx, "fdb list")?.into_iter().map(timeless).collect();
    same(ctx, "JSON", theirs, ours);
    Ok(())
}

/// Each filter, and which of bridge's objects it finds.
type Rule = (&'static str, fn(&Value) -> bool);

fn number(entry: &Value, key: &str) -> Option<u64> {
    entry[key].as_u64()
}

/// The VNI of an entry, or its device's own.
fn vni(entry: &Value) -> Option<u64> {
    if entry["master"].is_string() {
        return None;
    }
    let own = match entry["ifname"].as_str() {
        Some("vx0") => 1,
        Some("vx1") => 2,
        Some("vx6") => 6,
        _ => 0,
    };
    number(entry, "vni").or(Some(own))
}

fn has(entry: &Value, flag: &str) -> bool {
    entry["flags"].as_array().is_some_and(|flags| flags.iter().any(|it| it == flag))
}

const RULES: [Rule; 21] = [
    ("--mac ee:d6:38:55:d5:c7", |it| it["mac"] == "ee:d6:38:55:d5:c7"),
    ("--mac 02:00:00:00:01", |it| {
        it["mac"].as_str().is_some_and(|it| it.starts_with("02:00:00:00:01"))
    }),
    ("--mac 0:0:0:0:0:0", |it| it["mac"] == "00:00:00:00:00:00"),
    ("--dst 172.16.20.125", |it| it["dst"] == "172.16.20.125"),
    ("--dst 172.16.20.0/25", |it| {
        it["dst"].as_str().is_some_and(|it| it.starts_with("172.16.20."))
    }),
    ("--dst fd00::/16", |it| it["dst"].as_str().is_some_and(|it| it.starts_with("fd00"))),
    ("--port 4789 --dev vx0", |it| it["ifname"] == "vx0" && number(it, "port") == Some(4789)),
    ("--vni 77", |it| vni(it) == Some(77)),
    ("--vni 1", |it| vni(it) == Some(1)),
    ("--vni 2", |it| vni(it) == Some(2)),
    ("--vni 0 --dev vx0", |it| it["ifname"] == "vx0" && vni(it) == Some(0)),
    ("--src-vni 6", |it| number(it, "src_vni") == Some(6)),
    ("--vlan 1", |it| number(it, "vlan") == Some(1)),
    ("--nhid 10", |it| number(it, "nhid") == Some(10)),
    ("--state permanent", |it| it["state"] == "permanent"),
    ("--state static", |it| it["state"] == "static"),
    ("--state dynamic", |it| it["state"] == ""),
    ("--state static,dynamic --self", |it| {
        (it["state"] == "static" || it["state"] == "") && has(it, "self")
    }),
    ("--flag router,extern_learn", |it| has(it, "router") && has(it, "extern_learn")),
    ("--flag !router --self", |it| !has(it, "router") && has(it, "self")),
    ("--master", |it| it["master"].is_string()),
];

pub(crate) fn filters(ctx: &Context) -> Outcome {
    table(ctx)?;
    let all_of_them: Vec<_> = objects_of_bridge(ctx)?.into_iter().map(timeless).collect();
    for (options, rule) in RULES {
        let expected: Vec<_> = all_of_them.iter().filter(|entry| rule(entry)).cloned().collect();
        let found = objects(ctx, &format!("fdb list {options}"))?;
        let found: Vec<_> = found.into_iter().map(timeless).collect();
        // Not every kernel has VLANs in bridges.
        let is_found = !expected.is_empty() || options == "--vlan 1";
        ctx.check(&format!("{options} finds something"), is_found);
        same(ctx, options, &expected, &found);
        let count = out(ctx, &format!("fdb list {options} --count"))?;
        same(ctx, options, format!("{}\n", expected.len()), count);
    }
    same(ctx, "not idle for long", 0, objects(ctx, "fdb list --idle 3600")?.len());
    same(ctx, "all are new", all_of_them.len(), objects(ctx, "fdb list --changed 3600")?.len());
    thread::sleep(Duration::from_secs(6));
    // A change of the remote alone is no change for older kernels.
    all(ctx, "fdb replace 02:00:00:00:00:06 --dev vx0 --dst 172.16.20.99 --dynamic")?;
    let changed = objects(ctx, "fdb list --changed 3")?;
    let macs: Vec<_> = changed.iter().map(|entry| entry["mac"].clone()).collect();
    same(ctx, "changed lately", ["02:00:00:00:00:06"], &macs[..]);
    let idle = objects(ctx, "fdb list --idle 5 --dev vx0 --mac 02:00:00:00:00:05")?;
    same(ctx, "idle for a while", 1, idle.len());
    sorted(ctx)
}

/// The order of a listing, and groups.
fn sorted(ctx: &Context) -> Result<()> {
    let found = objects(ctx, "fdb list --dev vx0 --self --sort mac")?;
    let macs: Vec<_> = found.iter().filter_map(|it| it["mac"].as_str()).collect();
    ctx.check(&format!("{macs:?}"), macs.is_sorted() && macs.len() > 3);
    let found = objects(ctx, "fdb list --dev vx0 --self --sort dst")?;
    let remotes = found.iter().filter_map(|it| it["dst"].as_str()?.parse().ok());
    let remotes: Vec<std::net::IpAddr> = remotes.collect();
    ctx.check(&format!("{remotes:?}"), remotes.is_sorted() && remotes.len() > 3);
    let found = objects(ctx, "fdb list --dev vx0 --sort vni")?;
    ctx.check("VNIs", found.iter().map(vni).is_sorted());
    let found = objects(ctx, "fdb list --sort updated")?;
    ctx.check("the last change is first", found[0]["mac"] == "02:00:00:00:00:06");
    let groups = objects(ctx, "fdb list --dev vx0 --group-by dst")?;
    let counts: Vec<_> = groups.iter().map(|group| number(group, "entries")).collect();
    ctx.check(&format!("the largest first: {counts:?}"), counts.is_sorted_by(|a, b| a >= b));
    let text = out(ctx, "fdb list --dev vx0 --group-by mac --top 1")?;
    same(ctx, "of one address", "ENTRIES  MAC\n      2  00:00:00:00:00:00\n", text);
    for (by, key) in [("dev", "ifname"), ("vni", "vni"), ("state", "state")] {
        let groups = objects(ctx, &format!("fdb list --self --group-by {by}"))?;
        let total: u64 = groups.iter().filter_map(|group| number(group, "entries")).sum();
        let count = out(ctx, "fdb list --self --count")?;
        same(ctx, by, count.trim(), total.to_string());
        ctx.check(key, groups.iter().all(|group| group.get(key).is_some()));
    }
    Ok(())
}

pub(crate) fn forms(ctx: &Context) -> Outcome {
    table(ctx)?;
    let lines: Vec<_> = objects(ctx, "fdb list --dev vx0")?.into_iter().map(timeless).collect();
    let json: Vec<Value> = serde_json::from_str(&out(ctx, "fdb list --dev vx0 -o json")?)?;
    same(ctx, "one document", &lines, &json.into_iter().map(timeless).collect::<Vec<_>>());
    let yaml = out(ctx, "fdb list --dev vx0 -o yaml")?;
    same(ctx, "YAML", lines.len(), yaml.lines().filter(|line| line.starts_with("- mac: ")).count());
    same(ctx, "nothing", "[]\n", out(ctx, "fdb list --mac 2:9 -o json")?);
    same(ctx, "nothing", "", out(ctx, "fdb list --mac 2:9")?);
    same(ctx, "nothing", "0\n", out(ctx, "fdb list --mac 2:9 --count")?);
    // All remotes of an address, where the kernel itself shows the first alone.
    same(ctx, "remotes", 2, objects(ctx, "fdb get 0:0:0:0:0:0 --dev vx0")?.len());
    same(ctx, "remotes", 1, objects(ctx, "fdb get 02:00:00:00:02:01 --dev vx2 --src-vni 6")?.len());
    refused(
        ctx,
        "fdb get 2:0:0:0:9:9 --dev vx0",
        1,
        "rsadm: cannot read forwarding entry 02:00:00:00:09:09 on vx0: there is none",
    )?;
    Ok(())
}

pub(crate) fn joined(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    ip(ctx, "link add eth1 type veth peer name far1")?;
    all(
        ctx,
        "fdb add ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.121
         fdb add 02:00:00:00:00:05 --dev vx0 --dst 172.16.20.125 --port 4789 --vni 77 --via eth0
         neigh add 10.244.3.0 --lladdr ee:d6:38:55:d5:c7 --dev vx0
         neigh add 10.244.9.0 --lladdr ee:d6:38:55:d5:c9 --dev vx0",
    )?;
    ip(ctx, "route add 10.244.3.0/24 via 10.244.3.0 dev vx0 onlink")?;
    let table = out(ctx, "fdb list --dev vx0 --sort mac -o table")?;
    same(
        ctx,
        "broken joins are seen",
        "DEVICE  VNI  MAC                REMOTE                  PORT  STATE      FLAGS  \
         NEIGHBOUR   ROUTE\n\
         vx0      77  02:00:00:00:00:05  172.16.20.125 via eth0  4789  permanent         none\n\
         vx0       1  ee:d6:38:55:d5:c7  172.16.20.121           8472  permanent         \
         10.244.3.0  10.244.3.0/24\n\
         vx0       1  ee:d6:38:55:d5:c9  none                                            \
         10.244.9.0  none\n",
        table,
    );
    all(ctx, "fdb append 0:0:0:0:0:0 --dev vx0 --dst 172.16.20.121")?;
    let table = out(ctx, "fdb list --dev vx0 -o table")?;
    ctx.check(&table, table.contains("vx0       1  ee:d6:38:55:d5:c9  flooded"));
    // Part of the entries says nothing of what is missing.
    let part = out(ctx, "fdb list --dev vx0 --mac 02 -o table -s")?;
    ctx.check(&part, !part.contains("10.244.9.0") && part.contains("UPDATED"));
    Ok(())
}

/// What people type who know bridge and ip.
pub(crate) fn words(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    all(
        ctx,
        "link add vx1 type vxlan id 2 remote 10.0.0.1 dev eth0 dstport 4789 srcport 1 2 nolearning
         link add vx2 type vxlan external dstport 4790 vnifilter
         fdb append 00:00:00:00:00:00 dev vx0 dst 172.16.20.126 self static
         fdb add ee:d6:38:55:d5:c7 dev vx0 dst 172.16.20.121 extern_learn
         neigh add 10.244.3.0 lladdr ee:d6:38:55:d5:c7 dev vx0 nud permanent
         vni add vni 10,20-25 dev vx2 remote 10.0.0.9
         vni del vni 20-25 dev vx2
         fdb del ee:d6:38:55:d5:c7 dev vx0",
    )?;
    same(ctx, "entries", 1, objects(ctx, "fdb show dev vx0 state static")?.len());
    same(ctx, "neighbours", 1, objects(ctx, "neigh show to 10.244.3.0 dev vx0")?.len());
    let vnis = objects(ctx, "vni show dev vx2")?;
    same(ctx, "VNIs", 1, vnis[0]["vnis"].as_array().map_or(0, Vec::len));
    refused(
        ctx,
        "fdb add zz dev vx0 dst 10.0.0.1",
        2,
        "rsadm: invalid value 'zz' for '<MAC>': 'zz' is not a MAC",
    )?;
    refused(ctx, "fdb add 2:0:0:0:0:1 device vx0", 2, "rsadm: unexpected argument 'device' found")?;
    Ok(())
}

pub(crate) fn one(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    let state = |ctx: &Context| out(ctx, "fdb list --dev vx0 --sort dst");
    all(ctx, "fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1")?;
    same(ctx, "added", "02:00:00:00:00:01 dst 10.0.0.1 self permanent\n", state(ctx)?);
    let exists =
        "rsadm: cannot add forwarding entry 02:00:00:00:00:01 dst 10.0.0.2 on vx0: it exists";
    refused(ctx, "fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.2", 1, exists)?;
    all(
        ctx,
        "fdb append 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1
         fdb replace 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.3 --port 4789 --dynamic",
    )?;
    same(ctx, "replaced", "02:00:00:00:00:01 dst 10.0.0.3 port 4789 self \n", state(ctx)?);
    // What the kernel acknowledges and does nothing of.
    let before = state(ctx)?;
    refused(
        ctx,
        "fdb append 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.4",
        1,
        "has an entry, and only the zero address",
    )?;
    refused(
        ctx,
        "fdb delete 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.4",
        1,
        "on vx0: the address has no such remote",
    )?;
    refused(ctx, "fdb delete 2:0:0:0:0:9 --dev vx0 --dst 10.0.0.4", 1, "on vx0: there is none")?;
    same(ctx, "nothing changed", before, state(ctx)?);
    all(
        ctx,
        "fdb append 0:0:0:0:0:0 --dev vx0 --dst 10.0.0.5
         fdb append 0:0:0:0:0:0 --dev vx0 --dst 10.0.0.6
         fdb append 0:0:0:0:0:0 --dev vx0 --dst 10.0.0.6
         fdb delete 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.3 --port 4789
         fdb delete 0:0:0:0:0:0 --dev vx0 --dst 10.0.0.5",
    )?;
    same(ctx, "one left", "00:00:00:00:00:00 dst 10.0.0.6 self permanent\n", state(ctx)?);
    refused(
        ctx,
        "fdb replace 0:0:0:0:0:0 --dev vx0 --dst 10.0.0.7",
        1,
        "hint: the zero address and groups have several",
    )?;
    all(ctx, "fdb delete 0:0:0:0:0:0 --dev vx0")?;
    same(ctx, "none left", "", state(ctx)?);
    Ok(())
}

/// Lines for `fdb sync`, or for bridge.
pub(crate) fn many(numbers: std::ops::Range<u32>) -> String {
    let line = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        format!("fdb append 02:00:00:{a:02x}:{b:02x}:{c:02x} dev vx0 dst 10.0.0.1\n")
    };
    numbers.map(line).collect()
}

/// Each entry once, none missing, though others come and go while it is read.
pub(crate) fn truth(ctx: &Context) -> Outcome {
    const MANY: u32 = 20_000;
    flannel(ctx)?;
    sync_to(ctx, &many(0..MANY))?;
    let everything: BTreeSet<String> =
        addresses(&out(ctx, "fdb list --dev vx0")?).into_iter().collect();
    same(ctx, "all are there", MANY as usize, everything.len());
    let mut gone = BTreeSet::new();
    for round in 0..6_u32 {
        let doomed: Vec<_> = everything.iter().skip(round as usize * 300).take(300).collect();
        let lines = doomed
            .iter()
            .map(|mac| format!("fdb del {mac} dev vx0\n"))
            .collect::<Vec<_>>()
            .concat();
        std::fs::write("/run/doomed", lines)?;
        let deleting = thread::spawn(move || {
            thread::sleep(Duration::from_millis(u64::from(round) * 12));
            Command::new("bridge").args(["-batch", "/run/doomed"]).status()
        });
        let listed = addresses(&out(ctx, "fdb list --dev vx0")?);
        let Ok(status) = deleting.join() else { return ctx.fail("the thread panicked") };
        ctx.check("deleted", status?.success());
        gone.extend(doomed.into_iter().cloned());
        let seen: BTreeSet<String> = listed.iter().cloned().collect();
        same(ctx, "none is doubled", seen.len(), listed.len());
        let missing = everything.iter().filter(|mac| !gone.contains(*mac) && !seen.contains(*mac));
        same(ctx, "no live one is missing", 0, missing.count());
    }
    same(ctx, "the others", MANY as usize - gone.len(), addresses(&out(ctx, "fdb list")?).len());
    Ok(())
}

fn addresses(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Makes the entries of vx0 these.
pub(crate) fn sync_to(ctx: &Context, lines: &str) -> Result<()> {
    let captured =
        ctx.capture_with(rsadm().args(["vxlan", "fdb", "sync", "--dev", "vx0"]), lines)?;
    if captured.code() == 0 { Ok(()) } else { ctx.fail(captured.err()) }
}

pub(crate) fn flush(ctx: &Context) -> Outcome {
    table(ctx)?;
    let everything = out(ctx, "fdb list --dev vx0 --self")?;
    let lacks = ctx.version() < (6, 7);
    for options in [
        "--state permanent",
        "--state static",
        "--state dynamic",
        "--state static,dynamic",
        "--flag extern_learn",
        "--flag router",
        "--flag !router",
        "--vni 77",
        // Which is no condition for the kernel.
        "--vni 0",
        "--dst 172.16.20.125",
        "--dst 172.16.20.0/24 --vni 77",
        "--port 4789",
        "--nhid 10",
        "--mac 02:00",
        "--mac 0:0:0:0:0:0 --dst 172.16.20.122",
        "",
    ] {
        let captured = done(ctx, &format!("fdb flush --dev vx0 {options} --dry-run"))?;
        let shown = captured.out();
        let said = format!(
            "rsadm: would delete {}; nothing was changed\n",
            entries(shown.lines().count())
        );
        same(ctx, options, said, captured.err());
        let now = out(ctx, "fdb list --dev vx0 --self")?;
        same(ctx, options, everything.lines().collect::<BTreeSet<_>>(), now.lines().collect());
        let expected: BTreeSet<_> =
            everything.lines().filter(|line| !shown.lines().any(|gone| gone == *line)).collect();
        let captured = done(ctx, &format!("fdb flush --dev vx0 {options}"))?;
        if lacks {
            ctx.check(&captured.err(), captured.err().starts_with("rsadm: deleted "));
        }
        let left = out(ctx, "fdb list --dev vx0 --self")?;
        same(ctx, options, &expected, &left.lines().collect());
        sync_to(ctx, &everything)?;
    }
    let said = done(ctx, "fdb flush --dev vx0")?.err();
    let expected = if lacks {
        let count = entries(everything.lines().count());
        format!(
            "rsadm: deleted {count} one by one: this kernel lacks VXLAN flush, which is Linux 6.7\n"
        )
    } else {
        String::new()
    };
    same(ctx, "what the kernel lacks is said", expected, said);
    all(ctx, "fdb add 02:00:00:00:02:01 --dev vx2 --dst 10.0.0.3 --src-vni 7")?;
    done(ctx, "fdb flush --dev vx2 --src-vni 6")?;
    let left = objects(ctx, "fdb list --dev vx2")?;
    let left: Vec<_> = left.iter().map(|entry| number(entry, "src_vni")).collect();
    same(ctx, "by the source VNI", [Some(7)], &left[..]);
    refused(ctx, "fdb flush", 2, "rsadm: flush the entries of which device? Give --dev\n")?;
    refused(
        ctx,
        "fdb flush --dev vx0 --force",
        2,
        "required arguments were not provided: --master",
    )?;
    Ok(())
}

fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// The addresses of a bridge and of its ports survive.
pub(crate) fn guard(ctx: &Context) -> Outcome {
    table(ctx)?;
    let local = |ctx: &Context| out(ctx, "fdb list --dev vx1 --master --state permanent");
    let own = local(ctx)?;
    let kept = own.lines().count();
    ctx.check(&own, kept > 0);
    let captured = done(ctx, "fdb flush --dev vx1 --master")?;
    let which = if kept == 1 { "is an address" } else { "are addresses" };
    same(
        ctx,
        "what is kept is said",
        format!(
            "kept {}, which {which} of the bridge or of its ports; --force deletes them too",
            entries(kept)
        ),
        captured.err().lines().nth(1).unwrap_or_default().trim_start_matches("rsadm: "),
    );
    same(ctx, "they survive", &own, &local(ctx)?);
    same(ctx, "the others do not", &own, &out(ctx, "fdb list --dev vx1 --master")?);
    same(ctx, "the device's own table stays", 1, objects(ctx, "fdb list --dev vx1 --self")?.len());
    done(ctx, "fdb flush --dev vx1 --master --force")?;
    same(ctx, "unless it is wanted", "", local(ctx)?);
    let other = run(ctx, "fdb list --dev vx0 --self --count")?.out();
    ctx.check("another device is left alone", other != "0\n");
    Ok(())
}
