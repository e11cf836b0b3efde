//! `rsadm vxlan peers`: each part of the way to another node.

use serde_json::{Value, json};
use testbed::harness::{Context, Outcome};

use super::{Result, all, flannel, ip, objects, out, rsadm, same};

const SNAPSHOT: &str = "/run/peers.json";

/// What flannel programs for one other node.
fn lab(ctx: &Context) -> Result<()> {
    flannel(ctx)?;
    all(
        ctx,
        "neigh add 10.244.3.0 --lladdr ee:d6:38:55:d5:c7 --dev vx0
         fdb add ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.121",
    )?;
    ip(
        ctx,
        "route add 10.244.3.0/24 via 10.244.3.0 dev vx0 onlink
         neigh add 172.16.20.121 lladdr 52:54:00:10:14:79 dev eth0 nud permanent",
    )
}

/// The way when nothing is wrong.
fn healthy() -> Value {
    json!({
        "ifname": "vx0", "vtep": "172.16.20.121", "vni": 1, "port": 8472,
        "mac": "ee:d6:38:55:d5:c7", "gateway": "10.244.3.0", "routes": ["10.244.3.0/24"],
        "neighbour": ["PERMANENT"], "entry": "permanent",
        "underlay": {
            "ifname": "eth0", "gateway": null, "mac": "52:54:00:10:14:79", "state": ["PERMANENT"]
        },
        "problems": [],
    })
}

/// The ways, which must be the same in a snapshot.
fn peers(ctx: &Context) -> Result<Vec<Value>> {
    let peers = timeless(objects(ctx, "peers")?);
    ctx.capture(rsadm().args(["snapshot", "--no-pods", SNAPSHOT]))?.success()?;
    let mut saved = rsadm();
    saved.args(["--snapshot", SNAPSHOT, "vxlan", "peers", "-o", "json"]);
    let saved = ctx.capture(&mut saved)?.success()?.out();
    same(ctx, "in a snapshot", &peers, &timeless(serde_json::from_str(&saved)?));
    Ok(peers)
}

/// Without the seconds since entries were used.
fn timeless(mut peers: Vec<Value>) -> Vec<Value> {
    for peer in &mut peers {
        if let Some(fields) = peer.as_object_mut() {
            fields.remove("used");
        }
    }
    peers
}

/// The same with some fields changed.
fn with(mut peer: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().into_iter().flatten() {
        peer[key] = value.clone();
    }
    peer
}

/// A fault: what makes it, what is to be seen then, what mends it.
struct Fault {
    name: &'static str,
    make: &'static str,
    seen: Vec<Value>,
    mend: &'static str,
}

fn every_fault() -> Vec<Fault> {
    let nowhere = json!({"ifname": null, "gateway": null, "mac": null, "state": null});
    let orphan = with(
        healthy(),
        &json!({
            "gateway": null, "routes": [], "neighbour": null, "problems": ["neighbour-missing"]
        }),
    );
    let no_entry =
        json!({"vtep": null, "entry": null, "underlay": null, "problems": ["entry-missing"]});
    vec![
        Fault {
            name: "the entry is missing",
            make: "rsadm fdb delete ee:d6:38:55:d5:c7 --dev vx0",
            seen: vec![with(healthy(), &no_entry)],
            mend: "rsadm fdb add ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.121",
        },
        Fault {
            name: "the neighbour has another Ethernet address",
            make: "rsadm neigh replace 10.244.3.0 --lladdr 2:0:0:0:0:7 --dev vx0",
            seen: vec![
                with(with(healthy(), &no_entry), &json!({"mac": "02:00:00:00:00:07"})),
                orphan.clone(),
            ],
            mend: "rsadm neigh replace 10.244.3.0 --lladdr ee:d6:38:55:d5:c7 --dev vx0",
        },
        Fault {
            name: "the neighbour is missing",
            make: "rsadm neigh delete 10.244.3.0 --dev vx0",
            seen: vec![
                with(
                    with(healthy(), &no_entry),
                    &json!({"mac": null, "neighbour": null, "problems": ["neighbour-missing"]}),
                ),
                orphan.clone(),
            ],
            mend: "rsadm neigh add 10.244.3.0 --lladdr ee:d6:38:55:d5:c7 --dev vx0",
        },
        Fault {
            name: "the entry leads elsewhere",
            make: "rsadm fdb replace ee:d6:38:55:d5:c7 --dev vx0 --dst 192.0.2.9",
            seen: vec![with(
                healthy(),
                &json!({
                    "vtep": "192.0.2.9",
                    // The kernel takes for a neighbour what no route leads to.
                    "underlay": {"ifname": "eth0", "gateway": null, "mac": null, "state": null},
                    "problems": ["underlay-unreachable"],
                }),
            )],
            mend: "rsadm fdb replace ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.121",
        },
        Fault {
            name: "the entry leads back here",
            make: "rsadm fdb replace ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.120",
            seen: vec![with(
                healthy(),
                &json!({
                    "vtep": "172.16.20.120", "underlay": nowhere, "problems": ["own-address"]
                }),
            )],
            mend: "rsadm fdb replace ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.121",
        },
        Fault {
            name: "the route is missing",
            make: "ip route del 10.244.3.0/24",
            seen: vec![with(healthy(), &json!({"routes": [], "problems": ["route-missing"]}))],
            mend: "ip route add 10.244.3.0/24 via 10.244.3.0 dev vx0 onlink",
        },
        Fault {
            name: "the other node does not answer",
            make: "ip neigh replace 172.16.20.121 dev eth0 nud failed",
            seen: vec![with(
                healthy(),
                &json!({
                    "underlay": {
                        "ifname": "eth0", "gateway": null, "mac": null, "state": ["FAILED"]
                    },
                    "problems": ["underlay-unresolved"],
                }),
            )],
            mend: "ip neigh replace 172.16.20.121 lladdr 52:54:00:10:14:79 dev eth0 nud permanent",
        },
        Fault {
            name: "the underlay is down",
            make: "ip link set eth0 down",
            seen: vec![with(
                healthy(),
                &json!({"underlay": nowhere, "problems": ["underlay-unreachable"]}),
            )],
            mend: "ip link set eth0 up\n\
                   ip neigh replace 172.16.20.121 lladdr 52:54:00:10:14:79 dev eth0 nud permanent",
        },
        Fault {
            name: "the device is down: routes and neighbours have gone with it",
            make: "ip link set vx0 down",
            seen: vec![with(orphan, &json!({"problems": ["device-down"]}))],
            mend: "ip link set vx0 up\n\
                   rsadm neigh replace 10.244.3.0 --lladdr ee:d6:38:55:d5:c7 --dev vx0\n\
                   ip route replace 10.244.3.0/24 via 10.244.3.0 dev vx0 onlink",
        },
    ]
}

/// Runs lines of ip, and of rsadm.
fn do_lines(ctx: &Context, lines: &str) -> Result<()> {
    for line in lines.lines() {
        match line.trim().split_once(' ') {
            Some(("ip", line)) => ip(ctx, line)?,
            Some((_, line)) => all(ctx, line)?,
            None => {}
        }
    }
    Ok(())
}

pub(crate) fn faults(ctx: &Context) -> Outcome {
    lab(ctx)?;
    same(ctx, "nothing is wrong", vec![healthy()], peers(ctx)?);
    same(ctx, "none is broken", 0, objects(ctx, "peers --broken")?.len());
    for Fault { name, make, seen, mend } in every_fault() {
        do_lines(ctx, make)?;
        let found = peers(ctx)?;
        same(ctx, name, &seen, &found);
        same(ctx, name, seen.len(), objects(ctx, "peers --broken --dev vx0")?.len());
        do_lines(ctx, mend)?;
        same(ctx, &format!("{name}: mended"), vec![healthy()], peers(ctx)?);
    }
    let table = out(ctx, "peers")?;
    let lines: Vec<_> = table.lines().collect();
    ctx.check(
        lines[0],
        lines[0].starts_with("DEVICE  VTEP           MAC                GATEWAY     ROUTES"),
    );
    ctx.check(
        lines[1],
        lines[1].starts_with(
            "vx0     172.16.20.121  ee:d6:38:55:d5:c7  10.244.3.0  10.244.3.0/24  PERMANENT  \
             permanent  eth0 PERMANENT  ",
        ) && lines[1].ends_with("s  ok"),
    );
    Ok(())
}

/// Overlays of other kinds: steered from outside, learning, with nexthop groups, of IPv6, routed.
pub(crate) fn kinds(ctx: &Context) -> Outcome {
    lab(ctx)?;
    ip(
        ctx,
        "link add vx1 type vxlan id 2 dstport 4789
         link add br0 up type bridge
         link set vx1 master br0 up
         addr add 10.250.0.1/16 dev br0
         neigh add 10.250.0.9 lladdr 02:00:00:00:01:09 dev br0 nud permanent
         neigh add 10.250.0.8 lladdr 02:00:00:00:01:08 dev br0 nud permanent
         link add vx2 up type vxlan external dstport 4790
         nexthop add id 1 via 172.16.20.121 fdb
         nexthop add id 2 via 172.16.20.122 fdb
         nexthop add id 10 group 1/2 fdb
         route add 10.77.0.0/24 via 172.16.20.1 dev eth0",
    )?;
    all(
        ctx,
        "fdb append 0:0:0:0:0:0 --dev vx1 --dst 172.16.20.121
         fdb add 02:00:00:00:01:09 --dev vx1 --dst 10.77.0.9
         fdb add 02:00:00:00:02:01 --dev vx2 --dst 10.0.0.2 --vni 7 --src-vni 6
         fdb add 02:00:00:00:00:10 --dev vx0 --nhid 10
         neigh add 10.244.10.0 --lladdr 2:0:0:0:0:10 --dev vx0",
    )?;
    ip(ctx, "route add 10.244.10.0/24 via 10.244.10.0 dev vx0 onlink")?;
    let found = peers(ctx)?;
    let of = |mac: &str| found.iter().filter(|it| it["mac"] == mac).cloned().collect::<Vec<_>>();
    let group = of("02:00:00:00:00:10");
    let ends: Vec<_> = group.iter().filter_map(|it| it["vtep"].as_str()).collect();
    same(ctx, "each member of a group", ["172.16.20.121", "172.16.20.122"], &ends[..]);
    let routed = of("02:00:00:00:01:09");
    same(ctx, "by a bridge's neighbour", &json!("10.250.0.9"), &routed[0]["gateway"]);
    same(ctx, "on the link", &json!(["10.250.0.0/16"]), &routed[0]["routes"]);
    same(ctx, "by a router", &json!("172.16.20.1"), &routed[0]["underlay"]["gateway"]);
    let flooded = of("02:00:00:00:01:08");
    same(
        ctx,
        "flooded",
        (&json!("flooded"), &json!([])),
        (&flooded[0]["entry"], &flooded[0]["problems"]),
    );
    same(ctx, "steered from outside", 0, found.iter().filter(|it| it["ifname"] == "vx2").count());
    same(ctx, "of one device", 3, objects(ctx, "peers --dev vx0")?.len());
    Ok(())
}
