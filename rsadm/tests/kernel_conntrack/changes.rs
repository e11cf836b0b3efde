//! Changes, and what they leave alone.

use std::fs;

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::{all, done, has_zones, ids, listed, load, out, rsadm, run, same, table, translated};

pub(crate) fn one_flow(ctx: &Context) -> Outcome {
    let tcp = "-p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 80";
    all(ctx, &format!("create {tcp} --state ESTABLISHED -t 9000 -u SEEN_REPLY,ASSURED -m 7"))?;
    let flow: Value = serde_json::from_str(&out(ctx, &format!("get {tcp} -o ndjson"))?)?;
    same(ctx, "mark", Some(7), flow["mark"].as_u64());
    same(ctx, "state", Some("ESTABLISHED"), flow["state"].as_str());
    let reply = "-p tcp -r 10.0.0.2 -q 10.0.0.1 --reply-port-src 80 --reply-port-dst 1000";
    let by_reply: Value = serde_json::from_str(&out(ctx, &format!("get {reply} -o ndjson"))?)?;
    same(ctx, "by the reply", &flow["id"], &by_reply["id"]);
    let again = run(ctx, &format!("create {tcp} --state CLOSE -t 9"))?;
    same(ctx, "status of another one", 1, again.code());
    ctx.check("a hint", again.err().contains("`rsadm conntrack update` changes it"));
    let updated =
        done(ctx, "update -p tcp --dport 80 --set-mark 0x10/0xf0 -t 500 --set-state CLOSE_WAIT")?;
    same(ctx, "what update says", "rsadm: updated 1 flow\n", updated.err());
    let flow: Value = serde_json::from_str(&out(ctx, &format!("get {tcp} -o ndjson"))?)?;
    same(ctx, "mark", Some(0x17), flow["mark"].as_u64());
    same(ctx, "state", Some("CLOSE_WAIT"), flow["state"].as_str());
    ctx.check("timeout", flow["timeout"].as_u64().is_some_and(|left| (400..=500).contains(&left)));
    if has_zones(ctx) {
        let udp = "-p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 2";
        all(ctx, &format!("create {udp} -t 9000 -w 9"))?;
        same(ctx, "in no zone", 1, run(ctx, &format!("get {udp}"))?.code());
        all(ctx, &format!("get {udp} -w 9\nupdate -w 9 --set-mark 3"))?;
        let zoned = listed(ctx, "list -w 9 -m 3")?;
        same(ctx, "a flow of a zone is updated", 1, zoned.len());
    }
    Ok(())
}

pub(crate) fn dry_run(ctx: &Context) -> Outcome {
    table(ctx)?;
    let before = ids(&listed(ctx, "list")?);
    let tcp = listed(ctx, "list -p tcp")?;
    for (command, verb) in
        [("delete -p tcp --dry-run", "delete"), ("update -p tcp -t 5 --dry-run", "update")]
    {
        let told = done(ctx, command)?;
        let says = format!("rsadm: would {verb} {} flows; nothing was changed\n", tcp.len());
        same(ctx, command, says, told.err());
        same(ctx, &format!("{command}: shown"), tcp.len(), told.out().lines().count());
    }
    let told = done(ctx, "flush --dry-run")?;
    let says = format!("rsadm: would delete {} flows; nothing was changed\n", before.len());
    same(ctx, "flush", says, told.err());
    same(ctx, "left", &before, &ids(&listed(ctx, "list")?));
    Ok(())
}

pub(crate) fn flush(ctx: &Context) -> Outcome {
    table(ctx)?;
    let left = ids(&listed(ctx, "list -f ipv4")?);
    out(ctx, "flush --family ipv6")?;
    same(ctx, "IPv4 stays", left, ids(&listed(ctx, "list")?));
    out(ctx, "flush")?;
    same(ctx, "nothing stays", 0, listed(ctx, "list")?.len());
    Ok(())
}

pub(crate) fn diff(ctx: &Context) -> Outcome {
    table(ctx)?;
    let before = out(ctx, "list -o ndjson")?;
    fs::write("/run/before.ndjson", &before)?;
    same(ctx, "nothing", "rsadm: 0 added, 0 removed, 0 changed\n", done(ctx, DIFF)?.err());
    let gone = ids(&listed(ctx, "list -p sctp")?).len();
    let marked = ids(&listed(ctx, "list -p icmp")?).len();
    all(
        ctx,
        "create -p udp -s 10.5.0.1 -d 10.5.0.2 --sport 1 --dport 2 -t 9000
         delete -p sctp
         update -p icmp --set-mark 9
         update -p tcp -t 100",
    )?;
    let told = run(ctx, DIFF)?;
    same(ctx, "status", 3, told.code());
    let says = format!("rsadm: 1 added, {gone} removed, {marked} changed\n");
    same(ctx, "summary", says, told.err());
    let lines = told.out();
    let starting = |sign: &str| lines.lines().filter(|line| line.starts_with(sign)).count();
    same(ctx, "added", 1, starting("+ udp 10.5.0.1:1 -> 10.5.0.2:2"));
    same(ctx, "removed", gone, starting("- sctp 10.0.0.1:1000 -> 10.0.0.2:8"));
    same(
        ctx,
        "changed",
        marked,
        starting("~ icmp 10.0.0.1 -> 10.0.0.2 type 8 code 0 id 77  mark 0 -> 9"),
    );
    fs::write("/run/after.json", out(ctx, "list -o json")?)?;
    let files = run(ctx, "diff /run/before.ndjson /run/after.json -o ndjson")?;
    same(ctx, "two files", 3, files.code());
    same(ctx, "as many", lines.lines().count(), files.out().lines().count());
    Ok(())
}

const DIFF: &str = "diff /run/before.ndjson";

/// What a flow keeps when it is saved and loaded.
fn kept(mut flows: Vec<Value>) -> Vec<String> {
    for flow in flows.iter_mut().filter_map(Value::as_object_mut) {
        for field in ["id", "timeout", "use", "started"] {
            flow.remove(field);
        }
    }
    let mut texts: Vec<_> = flows.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

pub(crate) fn save_and_load(ctx: &Context) -> Outcome {
    table(ctx)?;
    // Kernels without NAT refuse these.
    let translated = translated(ctx)?;
    let helped =
        "create -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 5000 --dport 69 -t 9000 --helper tftp";
    let helped = run(ctx, helped)?.code() == 0;
    let rule = ["-t", "raw", "-A", "PREROUTING", "-m", "connlabel", "--label", "3"];
    let has_labels = ctx.capture(ctx.reference("iptables").args(rule))?.status.success();
    if has_labels {
        let flow = "create -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 6000 --dport 69 -t 9000";
        all(ctx, &format!("{flow} --label-add 3,127"))?;
    }
    let before = kept(listed(ctx, "list")?);
    let saved = out(ctx, "save")?;
    for (what, there, text) in [
        ("ports of NAT", translated, ":535"),
        ("a helper", helped, " --helper \"tftp\""),
        ("labels", has_labels, " --labels 0x80000000000000000000000000000008"),
    ] {
        same(ctx, what, there, saved.contains(text));
    }
    out(ctx, "flush")?;
    load(ctx, &saved)?;
    let loaded = listed(ctx, "list")?;
    let timeouts = loaded.iter().filter_map(|flow| flow["timeout"].as_u64());
    ctx.check("timeouts", timeouts.into_iter().all(|left| (8900..=9000).contains(&left)));
    same(ctx, "flows", &before, &kept(loaded));
    // conntrack's own format loses marks and ports of NAT, but names the same flows.
    let classic = out(ctx, "list -o save -f ipv6")?;
    let marked = ids(&listed(ctx, "list -f ipv6")?).len();
    out(ctx, "flush")?;
    load(ctx, &classic)?;
    same(ctx, "conntrack's lines", marked, listed(ctx, "list")?.len());
    Ok(())
}

pub(crate) fn bad_file(ctx: &Context) -> Outcome {
    table(ctx)?;
    let before = ids(&listed(ctx, "list")?);
    fs::write(
        "/run/bad.flows",
        "-A -t 9 -s 10.7.0.1 -d 10.7.0.2 -p 50\n\n-A -t 9 -s 10.7.0.1 -d fd00::1 -p 50\n\
         -A -t x -s 10.7.0.1 -d 10.7.0.2 -p 51\n",
    )?;
    let captured = run(ctx, "load /run/bad.flows")?;
    same(
        ctx,
        "mistakes",
        "rsadm: /run/bad.flows:3:1: 10.7.0.1 and fd00::1 are of different families\n\
         rsadm: /run/bad.flows:4:7: 'x' is not a timeout in seconds: 0 to 2147483647\n\
         rsadm: nothing was changed\n",
        captured.err(),
    );
    same(ctx, "status", 2, captured.code());
    same(ctx, "left", &before, &ids(&listed(ctx, "list")?));
    let lines = "-I -t 9 -s 10.7.0.1 -d 10.7.0.2 -p 50\n-I -t 9 -s 10.7.0.1 -d 10.7.0.2 -p 50\n\
                 -I -t 9 -s 10.7.0.3 -d 10.7.0.2 -p 50\n";
    let captured = ctx.capture_with(rsadm().args(["conntrack", "load"]), lines)?;
    ctx.check(
        "the line that was refused",
        captured.err().starts_with(
            "rsadm: stdin:2: cannot create flow 50 10.7.0.1 -> 10.7.0.2: the flow exists\n\
         rsadm: loaded 2 of 3 flows\n",
        ),
    );
    same(ctx, "status of a refusal", 1, captured.code());
    Ok(())
}

pub(crate) fn expectations(ctx: &Context) -> Outcome {
    let master =
        "create -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 5000 --dport 69 -t 9000 --helper tftp";
    if run(ctx, master)?.code() != 0 {
        return ctx.skip("this kernel has no helper for tftp");
    }
    let create = "expect create --master udp,10.0.0.1:5000,10.0.0.2:69 --tuple \
                  udp,10.0.0.2:0,10.0.0.1:5000 -t 300 --flags USERSPACE --helper tftp";
    all(ctx, create)?;
    let expectations: Value = serde_json::from_str(&out(ctx, "expect list -o json")?)?;
    same(ctx, "one", Some(1), expectations.as_array().map(Vec::len));
    same(ctx, "master", Some(5000), expectations[0]["master"]["source_port"].as_u64());
    let key = "-p udp -s 10.0.0.2 -d 10.0.0.1 --sport 0 --dport 5000";
    ctx.check("read", out(ctx, &format!("expect get {key}"))?.contains("dport=5000"));
    all(ctx, &format!("expect delete {key}"))?;
    same(ctx, "none", String::new(), out(ctx, "expect list")?);
    same(ctx, "deleted", 1, run(ctx, &format!("expect delete {key}"))?.code());
    out(ctx, "expect flush")?;
    Ok(())
}
