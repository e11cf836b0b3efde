//! Snapshots of the lab: what is listed from one is what was listed from the kernel, and two of
//! them tell what happened.

use std::fs;
use std::process::{Command, ExitCode};

use serde_json::Value;
use testbed::harness::{Case, Context, Failure, Need, Outcome};
use testbed::lab::{Lab, Variant};
use testbed::process::Captured;

type Result<T> = std::result::Result<T, Failure>;

const RSADM: &str = env!("CARGO_BIN_EXE_rsadm");
const NODE: &str = "node120";

/// Listings of which each form is compared.
const LISTINGS: [&str; 24] = [
    "ipvs list",
    "ipvs list -n",
    "ipvs list -n --stats",
    "ipvs list -n --thresholds",
    "ipvs list -n --sort service",
    "ipvs list -n tcp://10.243.21.14:8880",
    "ipvs connections -n",
    "ipvs connections -n --nat",
    "ipvs connections -n --group-by destination",
    "ipvs timeouts",
    "ipvs daemons",
    "vxlan link list",
    "vxlan link show flannel.1",
    "vxlan fdb list",
    "vxlan fdb list --dev flannel.1",
    "vxlan fdb list --count",
    "vxlan neigh list",
    "vxlan vni list",
    "vxlan peers",
    "conntrack list",
    "conntrack list --proto tcp",
    "conntrack list --service tcp://10.243.21.14:8880",
    "conntrack stats",
    "conntrack top",
];

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case {
            name: "listings_from_a_snapshot_are_those_of_the_kernel",
            needs: &[Need::Ipvs],
            run: same_listings,
        },
        Case { name: "a_diff_tells_what_happened", needs: &[], run: differences },
        Case { name: "without_privileges_parts_are_unknown", needs: &[], run: unprivileged },
        Case { name: "what_a_snapshot_cannot_do_is_said", needs: &[], run: refusals },
    ])
}

fn rsadm(ctx: &Context, arguments: &[&str]) -> Result<Captured> {
    Ok(ctx.capture(Command::new(RSADM).args(arguments))?)
}

fn good(ctx: &Context, arguments: &[&str]) -> Result<String> {
    Ok(rsadm(ctx, arguments)?.success()?.out())
}

fn same_listings(ctx: &Context) -> Outcome {
    let lab = Lab::build(Variant::Vxlan)?;
    lab.send_traffic()?;
    let path = "/run/node120.json";
    for form in ["classic", "table", "json", "ndjson", "yaml"] {
        for listing in LISTINGS {
            same_listing(ctx, path, listing, form)?;
        }
    }
    for whole in ["ipvs save", "ipvs save --full", "conntrack count", "conntrack save"] {
        same_listing(ctx, path, whole, "classic")?;
    }
    let text = fs::read_to_string(path)?;
    let document: Value = serde_json::from_str(&text)?;
    let snapshot = &document["snapshot"];
    ctx.equal("name", &Value::from(NODE), &snapshot["name"]);
    let pods = snapshot["pods"]["read"].as_array().map(Vec::len);
    ctx.equal("pods, and not the other node", &Some(2), &pods);
    ctx.equal("remarks", &Some(0), &snapshot["remarks"].as_array().map(Vec::len));
    let services = snapshot["balancer"]["read"]["services"].as_array().map(Vec::len);
    ctx.equal("services", &Some(1), &services);
    Ok(())
}

/// Without the seconds since an entry was used, which are other ones at each look on a slow machine,
/// and without the holds on a flow: who asks for one has one more than who lists all.
fn timeless(text: &str) -> String {
    let mut left = text.to_owned();
    for key in ["used", "updated", "confirmed", "use"]
        .into_iter()
        .flat_map(|key| [format!("\"{key}\":"), format!("{key}: ")])
    {
        let mut parts = left.split(key.as_str());
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            kept.push_str(&key);
            kept.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        }
        left = kept;
    }
    left.split_inclusive('\n').map(without_seconds).collect()
}

/// A line of a table: `17s` is any number of seconds, however wide.
fn without_seconds(line: &str) -> String {
    let is_seconds = |word: &str| {
        let digits = word.strip_suffix('s').unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !line.split_whitespace().any(is_seconds) {
        return line.to_owned();
    }
    let words = line.split_whitespace().map(|word| if is_seconds(word) { "seconds" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Lists from the kernel, from a snapshot, and from the kernel again: a second may pass between them,
/// and then times that are left are others.
fn same_listing(ctx: &Context, path: &str, listing: &str, form: &str) -> Result<()> {
    let words: Vec<_> = listing.split(' ').chain(["-o", form]).collect();
    let live = [&["--netns", NODE], &words[..]].concat();
    let saved = [&["--snapshot", path], &words[..]].concat();
    for _ in 0..20 {
        let before = rsadm(ctx, &live)?;
        good(ctx, &["--netns", NODE, "snapshot", "--conntrack", "all", path])?;
        let after = rsadm(ctx, &live)?;
        if timeless(&before.out()) == timeless(&after.out()) {
            let got = rsadm(ctx, &saved)?;
            let (after_out, got_out) = (timeless(&after.out()), timeless(&got.out()));
            ctx.equal(&format!("{listing} -o {form}"), &after_out, &got_out);
            ctx.equal(&format!("status of {listing} -o {form}"), &after.code(), &got.code());
            return Ok(());
        }
    }
    ctx.fail(format!("{listing} -o {form} is never the same twice"))
}

const OVERLAY: &str = "link add d0 type veth peer name d1\n\
    link set d0 up\nlink set d1 up\n\
    addr add 172.16.20.120/24 dev d0\n\
    link add flannel.1 type vxlan id 1 local 172.16.20.120 dev d0 dstport 8472 nolearning\n\
    link set flannel.1 up\n\
    addr add 10.244.5.0/32 dev flannel.1\n\
    route add 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink\n\
    neigh add 10.244.3.0 lladdr ee:d6:38:55:d5:c7 dev flannel.1 nud permanent\n";

fn batch(ctx: &Context, lines: &str) -> Result<()> {
    ctx.capture_with(Command::new("ip").args(["-batch", "-"]), lines)?.success()?;
    Ok(())
}

fn bridge(ctx: &Context, line: &str) -> Result<()> {
    ctx.capture(Command::new("bridge").arg("fdb").args(line.split(' ')))?.success()?;
    Ok(())
}

fn differences(ctx: &Context) -> Outcome {
    // Addresses of IPv6 come by themselves, a while after their links.
    fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")?;
    batch(ctx, OVERLAY)?;
    bridge(ctx, "append ee:d6:38:55:d5:c7 dev flannel.1 dst 172.16.20.121")?;
    good(ctx, &["snapshot", "/run/a.json.gz"])?;
    good(ctx, &["snapshot", "/run/same.json.zst"])?;
    let same = rsadm(ctx, &["diff", "/run/a.json.gz", "/run/same.json.zst"])?;
    ctx.equal("nothing happened", &(0, String::new()), &(same.code(), same.out()));
    bridge(ctx, "del ee:d6:38:55:d5:c7 dev flannel.1")?;
    bridge(ctx, "append ee:d6:38:55:d5:c7 dev flannel.1 dst 172.16.20.122")?;
    batch(
        ctx,
        "route del 10.244.3.0/24\n\
         route add 10.244.4.0/24 via 10.244.4.0 dev flannel.1 onlink\n\
         neigh del 10.244.3.0 dev flannel.1\n\
         addr add 10.244.5.9/32 dev flannel.1\n\
         rule add pref 100 from 10.9.0.0/16 lookup 100\n\
         link set d1 mtu 1400\n",
    )?;
    fs::write("/proc/sys/net/ipv4/conf/d0/rp_filter", "2")?;
    good(ctx, &["snapshot", "/run/b.json"])?;
    let found = rsadm(ctx, &["diff", "/run/a.json.gz", "/run/b.json"])?;
    ctx.equal("status", &3, &found.code());
    let expected = "links\n\
        \x20 ~ d1\n\
        \x20     mtu: 1500 -> 1400\n\
        \n\
        addresses\n\
        \x20 + 10.244.5.9/32 dev flannel.1\n\
        \n\
        routes\n\
        \x20 - 10.244.3.0/24 table main via 10.244.3.0 dev flannel.1 onlink\n\
        \x20 + 10.244.4.0/24 table main via 10.244.4.0 dev flannel.1 onlink\n\
        \x20 + 10.244.5.9/32 table local dev flannel.1\n\
        \n\
        rules\n\
        \x20 + ipv4 100\n\
        \n\
        neighbours\n\
        \x20 - 10.244.3.0 dev flannel.1 ee:d6:38:55:d5:c7\n\
        \n\
        entries\n\
        \x20 ~ ee:d6:38:55:d5:c7 dev flannel.1\n\
        \x20     remote.address: 172.16.20.121 -> 172.16.20.122\n\
        \n\
        sysctls\n\
        \x20 ~ net.ipv4.conf.d0.rp_filter\n\
        \x20     value: 0 -> 2\n\
        \x20 ~ net.ipv6.conf.d1.mtu\n\
        \x20     value: 1500 -> 1400\n";
    ctx.equal("differences", expected, &found.out());
    let rows = rsadm(ctx, &["diff", "-o", "json", "/run/a.json.gz", "/run/b.json"])?;
    let rows: Vec<Value> = serde_json::from_str(&rows.out())?;
    ctx.equal("rows", &10, &rows.len());
    ctx.check("a table and what became of it", rows[0]["change"] == "changed");
    let back = rsadm(ctx, &["diff", "/run/b.json", "/run/a.json.gz"])?;
    ctx.equal("the other way round", &found.out().lines().count(), &back.out().lines().count());
    Ok(())
}

fn unprivileged(ctx: &Context) -> Outcome {
    batch(ctx, OVERLAY)?;
    let nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", RSADM]);
        ctx.capture(command.args(arguments))
    };
    let Ok(taken) = nobody(&["snapshot", "--conntrack", "all", "-"]) else {
        return ctx.skip("this machine has no setpriv");
    };
    if taken.err().contains("setresuid failed") {
        return ctx.skip("no other user can be taken here");
    }
    let document: Value = serde_json::from_str(&taken.success()?.out())?;
    let snapshot = &document["snapshot"];
    let links = snapshot["network"]["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<_> = links.iter().filter_map(|link| link["name"].as_str()).collect();
    // Modules of tunnels, where they are loaded, make a link in each namespace.
    let named = ["lo", "d0", "d1", "flannel.1"].iter().all(|name| names.contains(name));
    ctx.check(&format!("links: {names:?}"), named);
    let shown = ctx.out("ip", ["-o", "link"])?.lines().count();
    ctx.equal("as many as ip shows", &shown, &names.len());
    let routes = snapshot["network"]["routes"].as_array().map(Vec::len).unwrap_or_default();
    ctx.check("routes", routes > 5);
    ctx.check("services are unknown", snapshot["balancer"]["unknown"].is_string());
    let tracking = &snapshot["tracking"];
    let unknown =
        tracking["unknown"].is_string() || tracking["read"]["flows"]["unknown"].is_string();
    ctx.check("flows are unknown", unknown);
    Ok(())
}

fn refusals(ctx: &Context) -> Outcome {
    good(ctx, &["snapshot", "/run/a.json"])?;
    let told = |arguments: &[&str], status: i32, words: &str| -> Result<()> {
        let run = rsadm(ctx, &[&["--snapshot", "/run/a.json"], arguments].concat())?;
        ctx.equal(&format!("status of {arguments:?}"), &status, &run.code());
        ctx.check(&format!("{arguments:?}: {}", run.err()), run.err().contains(words));
        ctx.equal(&format!("output of {arguments:?}"), "", &run.out());
        Ok(())
    };
    let changes = "changes the kernel's tables";
    for command in [
        "ipvs clear",
        "ipvs zero",
        "ipvs timeouts --tcp 7",
        "ipvs service delete tcp://10.0.0.1:80",
        "vxlan link delete x",
        "vxlan fdb flush --dev x",
        "vxlan fdb delete ee:d6:38:55:d5:c7 --dev x",
        "vxlan neigh delete 10.0.0.1 --dev x",
        "vxlan vni delete 7 --dev x",
        "vxlan mdb flush --dev x",
        "conntrack flush",
        "conntrack delete --proto tcp",
        "conntrack list --zero",
    ] {
        told(&command.split(' ').collect::<Vec<_>>(), 2, changes)?;
    }
    told(&["conntrack", "list"], 1, "does not have its")?;
    told(&["conntrack", "events"], 1, "a snapshot does not have events")?;
    told(&["vxlan", "mdb", "list"], 1, "a snapshot does not have multicast entries")?;
    told(&["vxlan", "caps"], 1, "a snapshot does not have what the kernel can do")?;
    told(&["completions", "bash"], 2, "does not read from a snapshot")?;
    told(&["--netns", "x", "ipvs", "list"], 2, "--netns")?;
    told(&["ipvs", "list", "--all-netns"], 2, "--all-netns")?;
    told(&["conntrack", "list", "--all-netns"], 2, "--all-netns")?;
    fs::write("/run/future.json", r#"{"format":"rsadm-snapshot","version":7,"snapshot":{}}"#)?;
    let future = rsadm(ctx, &["--snapshot", "/run/future.json", "ipvs", "list"])?;
    ctx.equal("status of the future", &1, &future.code());
    ctx.check("the future", future.err().contains("a snapshot from the future"));
    Ok(())
}
