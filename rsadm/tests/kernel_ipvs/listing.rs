//! `rsadm ipvs list`.

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use crate::{Result, fails, out, restore, rsadm, run, same};

/// A table of everything whose order ipvsadm and we agree on.
pub(crate) const TABLE: &str = "\
-A -t 10.0.0.1:80 -s wlc
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5 -x 100 -y 50
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 0
-a -t 10.0.0.1:80 -r 10.1.0.3:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 10.0.0.1:80 -r 10.1.0.4:80 -i -w 1 --tun-type gre --tun-csum
-A -t 10.0.0.1:82 -s wrr -p 600 -M 255.255.255.0
-A -u 10.0.0.1:53 -s sh -o -b sh-fallback,sh-port
-A -u 10.0.0.1:5061 -s rr -p 60 --pe sip -o -b flag-1
-A --sctp-service 10.0.0.2:36412 -s rr
-A -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -s rr -p 10 -M 48
-a -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -r [2001:db8::7]:1 -m -w 1
-A -f 7 -s lc
-a -f 7 -r 10.1.0.1:0 -g -w 1
-A -f 9 -6 -s lc -p 10
";

/// Parses what a command prints.
pub(crate) fn json(ctx: &Context, line: &str) -> Result<Value> {
    Ok(serde_json::from_str(&out(ctx, line)?)?)
}

pub(crate) fn classic(ctx: &Context) -> Outcome {
    restore(ctx, TABLE)?;
    let services = ["", "tcp://10.0.0.1:80", "udp://10.0.0.1:53", "fwmark://7", "fwmark6://9"];
    let options = ["", "--stats", "--rate", "--thresholds", "--persistent-conn", "--tun-info"];
    let reference = ["", "-t 10.0.0.1:80", "-u 10.0.0.1:53", "-f 7", "-f 9 -6"];
    for (service, theirs) in services.iter().zip(reference) {
        for option in options {
            for exact in ["", "--exact"] {
                let mut tool = ctx.reference("ipvsadm");
                let line = format!("-L -n {theirs} {option} {exact}");
                let expected = ctx.capture(tool.args(line.split_whitespace()))?;
                let line = format!("ipvs list -n {service} {option} {exact}");
                let got = run(ctx, &line)?;
                ctx.same_run(&line, &expected, &got);
            }
        }
    }
    fails(
        ctx,
        "ipvs list -n tcp://10.9.9.9:1",
        1,
        "rsadm: cannot read service tcp://10.9.9.9:1: no such service\n  hint: `rsadm ipvs list \
         -n` shows the services\n",
    )
}

pub(crate) fn structured(ctx: &Context) -> Outcome {
    restore(ctx, TABLE)?;
    let document = json(ctx, "ipvs list -o json")?;
    let services = document.as_array().cloned().unwrap_or_default();
    same(ctx, "services", 8, services.len());
    let expected: Value = serde_json::json!({
        "service": "tcp://10.0.0.1:80",
        "protocol": "tcp",
        "address": "10.0.0.1",
        "port": 80,
        "family": "ipv4",
        "scheduler": "wlc",
        "one_packet": false,
        "persistence": null,
        "scheduler_flags": [],
        "persistence_engine": null,
    });
    let mut first = services[0].clone();
    let destinations = first["destinations"].take();
    first.as_object_mut().map(|object| object.remove("destinations"));
    let statistics = first.as_object_mut().and_then(|object| object.remove("statistics"));
    same(ctx, "the first service", &expected, &first);
    let statistics = statistics.unwrap_or_default();
    for counter in
        ["connections", "incoming_packets", "outgoing_packets", "incoming_bytes", "outgoing_bytes"]
    {
        same(ctx, counter, Some(0), statistics[counter].as_u64());
    }
    same(ctx, "a rate", Some(0), statistics["rates"]["incoming_bytes"].as_u64());
    let first = &destinations[0];
    for (field, value) in [
        ("port", 8080),
        ("weight", 5),
        ("upper_threshold", 100),
        ("lower_threshold", 50),
        ("active_connections", 0),
        ("inactive_connections", 0),
        ("persistent_connections", 0),
    ] {
        same(ctx, field, Some(value), first[field].as_u64());
    }
    same(ctx, "method", Some("masq"), first["method"].as_str());
    same(ctx, "no tunnel", &Value::Null, &first["tunnel"]);
    same(
        ctx,
        "a tunnel",
        &serde_json::json!({
            "kind": "gue", "port": 6080, "checksum": false, "remote_checksum": true
        }),
        &destinations[2]["tunnel"],
    );
    let by_key = |key: &str| {
        services.iter().find(|service| service["service"] == key).cloned().unwrap_or_default()
    };
    same(
        ctx,
        "persistence",
        &serde_json::json!({ "timeout": 600, "netmask": "255.255.255.0" }),
        &by_key("tcp://10.0.0.1:82")["persistence"],
    );
    same(ctx, "engine", Some("sip"), by_key("udp://10.0.0.1:5061")["persistence_engine"].as_str());
    same(ctx, "mark", Some(7), by_key("fwmark://7")["fwmark"].as_u64());
    same(ctx, "family", Some("ipv6"), by_key("fwmark6://9")["family"].as_str());

    let lines = out(ctx, "ipvs list -o ndjson")?;
    let lines: std::result::Result<Vec<Value>, _> =
        lines.lines().map(serde_json::from_str).collect();
    same(ctx, "ndjson", &services, &lines?);
    let yaml: Value = serde_saphyr::from_str(&out(ctx, "ipvs list -o yaml")?)?;
    same(ctx, "yaml", &document, &yaml);
    let one = json(ctx, "ipvs list fwmark://7 -o json")?;
    same(ctx, "one service", &by_key("fwmark://7"), &one[0]);
    same(ctx, "alone", Some(1), one.as_array().map(Vec::len));
    Ok(())
}

pub(crate) fn table(ctx: &Context) -> Outcome {
    restore(ctx, TABLE)?;
    // A line for each destination, for each service that has none, and the titles.
    let count = |line: &str| Ok::<_, testbed::harness::Failure>(out(ctx, line)?.lines().count());
    same(ctx, "plain", 1 + 6 + 5, count("ipvs list -n -o table")?);
    same(ctx, "tunnels", 1 + 6 + 5, count("ipvs list -n -o table --tun-info")?);
    same(ctx, "statistics", 1 + 6 + 8, count("ipvs list -n -o table --stats")?);
    let text = out(ctx, "ipvs list -n -o table tcp://10.0.0.1:80 --tun-info")?;
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = text.lines().map(words).collect();
    same(
        ctx,
        "titles",
        &words("SERVICE SCHEDULER DESTINATION FORWARD TUNNEL WEIGHT ACTIVE INACTIVE"),
        &lines[0],
    );
    same(ctx, "first", &words("tcp://10.0.0.1:80 wlc 10.1.0.1:8080 Masq 5 0 0"), &lines[1]);
    same(ctx, "tunnel", &words("10.1.0.3:80 Tunnel gue port 6080 remcsum 1 0 0"), &lines[3]);
    Ok(())
}

pub(crate) fn order(ctx: &Context) -> Outcome {
    restore(
        ctx,
        "-A -f 3000000000\n-A -f 5\n-A -f 2147483648\n-A -t 224.0.0.1:1\n-A -t 192.168.0.1:1\n\
         -A -t 10.0.0.1:2\n-A -t 10.0.0.1:1\n-A -u 9.0.0.1:1\n-A -t [2001:db8::1]:1\n\
         -a -f 5 -r 192.168.0.9 -w 1\n-a -f 5 -r 10.0.0.9 -w 3\n-a -f 5 -r 172.16.0.9 -w 2\n",
    )?;
    let listed = |line: &str| {
        let text = out(ctx, line)?;
        let lines = text.lines().skip(3);
        let name = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            words[1].to_owned()
        };
        Ok::<Vec<String>, testbed::harness::Failure>(lines.map(name).collect())
    };
    let services = [
        "10.0.0.1:1",
        "10.0.0.1:2",
        "192.168.0.1:1",
        "224.0.0.1:1",
        "9.0.0.1:1",
        "[2001:db8::1]:1",
    ];
    let marks = ["5", "10.0.0.9:0", "172.16.0.9:0", "192.168.0.9:0", "2147483648", "3000000000"];
    let expected: Vec<_> = services.iter().chain(&marks).map(|name| (*name).to_owned()).collect();
    same(ctx, "addresses, then marks", &expected, &listed("ipvs list -n")?);
    same(ctx, "the same with counters", &expected, &listed("ipvs list -n --stats")?);
    let by_weight = listed("ipvs list -n --sort weight")?;
    same(
        ctx,
        "by weight",
        &["5", "10.0.0.9:0", "172.16.0.9:0", "192.168.0.9:0"].map(str::to_owned)[..],
        &by_weight[..4],
    );
    let mut kernel = listed("ipvs list -n --sort none")?;
    kernel.sort();
    let mut all = expected;
    all.sort();
    same(ctx, "all of them in the kernel's order", &all, &kernel);
    Ok(())
}

pub(crate) fn names(ctx: &Context) -> Outcome {
    restore(ctx, "-A -t 127.0.0.1:80 -s rr\n-A -u 127.0.0.1:53 -s rr\n")?;
    // Where the names come from is the system's business, that they come is ours.
    let text = out(ctx, "ipvs list")?;
    let mut tool = ctx.reference("ipvsadm");
    if let Ok(listed) = ctx.capture(tool.arg("-L"))
        && listed.code() == 0
    {
        same(ctx, "as ipvsadm has them", &listed.out(), &text);
    }
    let mut closed = rsadm();
    closed.args(["ipvs", "list", "-n"]);
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let status = closed.stdout(writer).status()?;
    same(ctx, "a closed pipe", Some(0), status.code());
    Ok(())
}
