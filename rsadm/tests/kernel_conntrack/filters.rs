//! Filters beside their meaning, told by what programs are shown.

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::{done, has_zones, ids, listed, out, same, table, translated};

type Meaning = fn(&Value) -> bool;

fn has_status(flow: &Value, name: &str) -> bool {
    flow["status"].as_array().is_some_and(|list| list.iter().any(|it| it == name))
}

fn original(flow: &Value, field: &str) -> Value {
    flow["original"][field].clone()
}

fn starts(value: &Value, text: &str) -> bool {
    value.as_str().is_some_and(|address| address.starts_with(text))
}

const FILTERS: [(&str, Meaning); 40] = [
    ("-s 10.0.0.1", |it| original(it, "source") == "10.0.0.1"),
    ("-s fd00::1", |it| original(it, "source") == "fd00::1"),
    ("-d fd00::2", |it| original(it, "destination") == "fd00::2"),
    ("-r fd00::2", |it| it["reply"]["source"] == "fd00::2"),
    ("-q fd00::3", |it| it["reply"]["destination"] == "fd00::3"),
    ("-d 10.0.0.0/24", |it| starts(&original(it, "destination"), "10.0.0.")),
    ("-d fd00:1::/32", |it| starts(&original(it, "destination"), "fd00:1:")),
    ("-r 10.0.9.9", |it| it["reply"]["source"] == "10.0.9.9"),
    ("-r 10.0.9.0/24", |it| starts(&it["reply"]["source"], "10.0.9.")),
    ("-r fd00:1::/32", |it| starts(&it["reply"]["source"], "fd00:1:")),
    ("-r !10.0.0.0/16", |it| !starts(&it["reply"]["source"], "10.0.")),
    ("-q 10.0.0.4/31", |it| {
        ["10.0.0.4", "10.0.0.5"].iter().any(|address| it["reply"]["destination"] == *address)
    }),
    ("-q fd00::/16", |it| starts(&it["reply"]["destination"], "fd00:")),
    ("--reply-port-dst 1-1000", |it| {
        let port = it["reply"]["destination_port"].as_u64();
        port.is_some_and(|port| (1..=1000).contains(&port))
    }),
    ("-s !10.0.0.1", |it| original(it, "source") != "10.0.0.1"),
    ("-s 10.0.0.3,10.0.0.4", |it| {
        ["10.0.0.3", "10.0.0.4"].iter().any(|address| original(it, "source") == *address)
    }),
    ("-f ipv6", |it| it["family"] == "ipv6"),
    ("-f ipv4", |it| it["family"] == "ipv4"),
    ("-p tcp", |it| it["protocol"] == "tcp"),
    ("-p !tcp", |it| it["protocol"] != "tcp"),
    ("-p tcp,sctp", |it| it["protocol"] == "tcp" || it["protocol"] == "sctp"),
    ("-p 50", |it| it["protocol"] == 50),
    ("-p tcp --dport 80", |it| it["protocol"] == "tcp" && original(it, "destination_port") == 80),
    ("-p sctp --dport 80", |it| it["protocol"] == "sctp" && original(it, "destination_port") == 80),
    ("--dport 80", |it| original(it, "destination_port") == 80),
    ("--dport 50-90,8080", |it| {
        let port = original(it, "destination_port").as_u64();
        port.is_some_and(|port| (50..=90).contains(&port) || port == 8080)
    }),
    ("-p udp --sport !1000", |it| it["protocol"] == "udp" && original(it, "source_port") != 1000),
    ("--reply-port-src 5353", |it| it["reply"]["source_port"] == 5353),
    ("--icmp-id 77", |it| it["protocol"] == "icmp" && original(it, "icmp_id") == 77),
    ("-p icmpv6 --icmpv6-type 128", |it| original(it, "icmp_type") == 128),
    ("--state ESTABLISHED", |it| it["state"] == "ESTABLISHED"),
    ("-p tcp --state TIME_WAIT,SYN_SENT", |it| {
        it["state"] == "TIME_WAIT" || it["state"] == "SYN_SENT"
    }),
    ("-u ASSURED", |it| has_status(it, "ASSURED")),
    ("-u UNREPLIED", |it| !has_status(it, "SEEN_REPLY")),
    ("-u !ASSURED", |it| !has_status(it, "ASSURED")),
    ("-u SEEN_REPLY,!ASSURED", |it| has_status(it, "SEEN_REPLY") && !has_status(it, "ASSURED")),
    ("-m 7", |it| it["mark"] == 7),
    ("-m 7/0xff", |it| it["mark"].as_u64().is_some_and(|mark| mark & 0xff == 7)),
    ("-s fd00::1 -m 7", |it| original(it, "source") == "fd00::1" && it["mark"] == 7),
    ("--service tcp://10.0.0.2:80", |it| {
        it["protocol"] == "tcp"
            && original(it, "destination") == "10.0.0.2"
            && original(it, "destination_port") == 80
    }),
];

const OF_ZONES: [(&str, Meaning); 5] = [
    ("-w 5", |it| it["zone"] == 5),
    ("-w 0", |it| it["zone"] == 0),
    ("--orig-zone 5", |it| original(it, "zone") == 5),
    ("-w 5 -s 10.0.0.1", |it| it["zone"] == 5 && original(it, "source") == "10.0.0.1"),
    ("-w 5 -d fd00::2", |it| it["zone"] == 5 && original(it, "destination") == "fd00::2"),
];

/// Of the flows that [`translated`] makes.
const OF_NAT: [(&str, Meaning); 9] = [
    ("-n", |it| has_status(it, "SRC_NAT")),
    ("-g", |it| has_status(it, "DST_NAT")),
    ("-j", |it| has_status(it, "SRC_NAT") || has_status(it, "DST_NAT")),
    ("-g 10.9.0.0/16", |it| starts(&it["destination_nat"]["address"], "10.9.")),
    ("-g 10.9.0.0/16:5300-5353", |it| {
        starts(&it["destination_nat"]["address"], "10.9.") && it["destination_nat"]["port"] == 5353
    }),
    ("-g :5354", |it| it["destination_nat"]["port"] == 5354),
    ("-n 10.8.8.8/29", |it| starts(&it["source_nat"]["address"], "10.8.8.")),
    ("-n fd08::/16", |it| starts(&it["source_nat"]["address"], "fd08:")),
    ("-j [fd08::/16]:2000-2999", |it| it["source_nat"]["port"] == 2001),
];

/// Makes the table, and answers the filters that it is asked by.
fn fill(ctx: &Context) -> super::Result<Vec<(&'static str, Meaning)>> {
    table(ctx)?;
    let zones: &[(&str, Meaning)] = if has_zones(ctx) { &OF_ZONES } else { &[] };
    let nat: &[(&str, Meaning)] = if translated(ctx)? { &OF_NAT } else { &[] };
    Ok(FILTERS.iter().chain(zones).chain(nat).copied().collect())
}

fn that_match(flows: &[Value], meaning: Meaning) -> Vec<Value> {
    flows.iter().filter(|flow| meaning(flow)).cloned().collect()
}

pub(crate) fn find(ctx: &Context) -> Outcome {
    let filters = fill(ctx)?;
    let whole = listed(ctx, "list")?;
    ctx.check("flows", whole.len() >= if has_zones(ctx) { 17 } else { 13 });
    for (filter, meaning) in filters {
        let expected = ids(&that_match(&whole, meaning));
        ctx.check(&format!("{filter} matches some"), !expected.is_empty() || filter.contains('!'));
        same(ctx, filter, expected, ids(&listed(ctx, &format!("list {filter}"))?));
    }
    Ok(())
}

pub(crate) fn delete(ctx: &Context) -> Outcome {
    for (filter, meaning) in fill(ctx)? {
        out(ctx, "flush")?;
        fill(ctx)?;
        let before = listed(ctx, "list")?;
        let doomed = ids(&that_match(&before, meaning));
        let command = format!("delete {filter} -o ndjson");
        let deleted = done(ctx, &command)?;
        let shown: Vec<Value> =
            deleted.out().lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        same(ctx, &format!("{command}: shown"), &doomed, &ids(&shown));
        let noun = if doomed.len() == 1 { "flow" } else { "flows" };
        let says = format!("rsadm: deleted {} {noun}\n", doomed.len());
        same(ctx, &command, says, deleted.err());
        let left = &ids(&before) - &doomed;
        same(ctx, &format!("{command}: left"), left, ids(&listed(ctx, "list")?));
    }
    Ok(())
}

pub(crate) fn explain(ctx: &Context) -> Outcome {
    let text =
        out(ctx, "list --explain -s fd00::1 -p tcp --dport 80 -m 7 --state CLOSE -o ndjson")?;
    let places: Vec<(String, String)> = text
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line)?;
            let of = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            Ok((of("condition"), of("place")))
        })
        .collect::<Result<_, serde_json::Error>>()?;
    let place = |condition: &str| {
        let found = places.iter().find(|(one, _)| one == condition);
        found.map(|(_, place)| place.clone())
    };
    // The kernel's filter on IPv6 addresses is inverted: it is told the family alone.
    same(ctx, "source", Some("narrowed".to_owned()), place("original source fd00::1"));
    same(ctx, "mark", Some("kernel".to_owned()), place("mark 0x7"));
    same(ctx, "state", Some("here".to_owned()), place("TCP state CLOSE"));
    Ok(())
}
