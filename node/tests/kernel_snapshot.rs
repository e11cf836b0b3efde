//! Snapshots of real kernels, compared field by field with what the tools say.

#[path = "kernel_snapshot/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use node::{Collector, Flows, Part, RouteKind, Snapshot};
use testbed::harness::{Case, Context, Failure, Need, Outcome};

use tools::Tools;

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    testbed::harness::main(&[
        case("an_empty_namespace", empty),
        case("links_of_every_kind", links),
        case("addresses_of_every_kind", addresses),
        case("routes_of_every_kind", routes),
        case("routes_without_the_ways_of_their_nexthops", nexthops_alone),
        case("rules_of_every_kind", rules),
        case("neighbours_and_entries", neighbours),
        case("listeners_and_counters", listeners),
        case("pods_are_what_wires_lead_to", pods),
        case("routes_that_change_meanwhile", changes),
        case("rules_of_nftables", nftables),
        Case { name: "rules_of_iptables", needs: &[Need::Nat], run: iptables },
        Case { name: "services_and_flows", needs: &[Need::Ipvs], run: services },
    ])
}

fn collect() -> node::Result<Snapshot> {
    Collector::new().name("here").flows(Flows::All).collect()
}

/// A snapshot of a moment in which nothing happened, compared with what the tools say: links talk by
/// themselves as soon as they have addresses of IPv6.
fn compared(ctx: &Context) -> Result<Snapshot, Failure> {
    for _ in 0..200 {
        let before = Tools::read(ctx)?;
        let snapshot = collect()?;
        let after = Tools::read(ctx)?;
        if before == after {
            after.compare(ctx, &snapshot.network);
            return Ok(snapshot);
        }
    }
    ctx.fail("something happens all the time")
}

/// Lines for `ip`; those that begin with `-6` are of IPv6.
fn batch(ctx: &Context, lines: &str) -> Outcome {
    let (ipv6, other): (Vec<_>, Vec<_>) = lines.lines().partition(|line| line.starts_with("-6 "));
    for (family, lines) in [(None, other), (Some("-6"), ipv6)] {
        let lines = lines.iter().map(|line| {
            format!(
                "{}
",
                line.trim_start_matches("-6 ")
            )
        });
        let mut ip = Command::new("ip");
        ip.args(family).args(["-batch", "-"]);
        ctx.capture_with(&mut ip, lines.collect::<String>())?.success()?;
    }
    Ok(())
}

/// Lines that a kernel may lack the means for: each by itself.
fn each(ctx: &Context, lines: &str) -> Result<usize, testbed::Error> {
    let mut taken = 0;
    for line in lines.lines() {
        let mut ip = Command::new("ip");
        taken += usize::from(ctx.capture(ip.args(line.split_whitespace()))?.status.success());
    }
    Ok(taken)
}

fn empty(ctx: &Context) -> Outcome {
    let snapshot = compared(ctx)?;
    ctx.equal("name", "here", &*snapshot.name);
    ctx.equal("kernel", ctx.out("uname", ["-r"])?.trim(), &*snapshot.kernel);
    // Modules of tunnels, where they are loaded, make a link in each namespace.
    let links = ctx.out("ip", ["-o", "link"])?.lines().count();
    ctx.equal("links", &links, &snapshot.network.links.len());
    ctx.equal("pods", &Some(0), &snapshot.pods.get().map(Vec::len));
    ctx.equal("remarks", &Vec::<String>::new(), &snapshot.remarks);
    Ok(())
}

fn links(ctx: &Context) -> Outcome {
    let other = ctx.namespace("other")?;
    batch(
        ctx,
        "link add wire0 type veth peer name wire1\n\
         link add br0 type bridge nf_call_iptables 1\n\
         link add br1 type bridge\n\
         link add w1 type veth peer name w2\n\
         link set w1 master br0\n\
         link set w1 type bridge_slave hairpin on learning off isolated on\n\
         link set w2 master br1\n\
         link set w2 mtu 1400\n\
         link set br0 up\nlink set br1 up\nlink set w1 up\nlink set w2 up\n\
         link add far type veth peer name eth0 netns other\n\
         link set far up\n\
         link add flannel.1 type vxlan id 1 local 172.16.20.120 dev wire0 dstport 8472 nolearning\n\
         link add flat type vxlan external\n\
         link set flannel.1 up\n",
    )?;
    let optional = each(
        ctx,
        "link set br0 type bridge vlan_filtering 1\n\
         link add red type vrf table 100\n\
         link set red up\n\
         link set wire0 master red\n\
         link add link wire0 name wire0.7 type vlan id 7\n\
         link add link wire0 name mac0 type macvlan mode bridge\n",
    )?;
    println!("{optional} of 6 more links");
    let snapshot = compared(ctx)?;
    let far = snapshot.network.link_named("far").ok_or(std::fmt::Error)?;
    ctx.equal("other namespace", &true, &far.base.link_namespace.is_some());
    ctx.equal("remarks", &Vec::<String>::new(), &snapshot.remarks);
    drop(other);
    Ok(())
}

fn addresses(ctx: &Context) -> Outcome {
    batch(
        ctx,
        "link add d0 type veth peer name d1\n\
         link set d0 up\nlink set d1 up\n\
         addr add 10.1.0.1/24 dev d0\n\
         addr add 10.1.0.2/24 dev d0\n\
         addr add 10.2.0.1 peer 10.2.0.2/32 dev d0\n\
         addr add 10.3.0.1/32 dev d0 scope link\n\
         addr add 10.4.0.1/24 dev d0 noprefixroute\n\
         addr add 10.5.0.1/24 dev d0 preferred_lft 0 valid_lft 1000\n\
         addr add 2001:db8::1/64 dev d0 nodad\n\
         addr add 2001:db8:1::1 peer 2001:db8:1::2/128 dev d0 nodad\n\
         addr add 2001:db8:2::1/64 dev d0\n",
    )?;
    let snapshot = compared(ctx)?;
    let peer = snapshot.network.address("10.2.0.1".parse()?).and_then(|address| address.peer);
    ctx.equal("peer", &Some("10.2.0.2".parse()?), &peer);
    Ok(())
}

/// Links and addresses that routes go over.
const GROUND: &str = "link add d0 type veth peer name far0\n\
    link add d1 type veth peer name far1\n\
    link set d0 up\nlink set d1 up\nlink set far0 up\nlink set far1 up\n\
    addr add 10.1.0.1/24 dev d0\n\
    addr add 10.2.0.1/24 dev d1\n\
    addr add 2001:db8:1::1/64 dev d0 nodad\n\
    addr add 2001:db8:2::1/64 dev d1 nodad\n";

fn routes(ctx: &Context) -> Outcome {
    batch(ctx, GROUND)?;
    batch(
        ctx,
        "route add default via 10.1.0.254 dev d0\n\
         route add 10.10.0.0/16 via 10.9.9.9 dev d0 onlink\n\
         route add 10.11.0.0/16 dev d1 scope link src 10.2.0.1 metric 7\n\
         route add 10.12.0.0/16 via 10.2.0.9 mtu 1400 metric 20 proto 42\n\
         route add 10.12.0.0/16 via 10.1.0.9 metric 30\n\
         route add 10.13.0.0/16 nexthop via 10.1.0.9 dev d0 weight 3 \
             nexthop via 10.2.0.9 dev d1 weight 1\n\
         route add 10.14.0.0/16 tos 0x10 via 10.1.0.7\n\
         route add blackhole 10.20.0.0/16\n\
         route add unreachable 10.21.0.0/16\n\
         route add prohibit 10.22.0.0/16\n\
         route add throw 10.23.0.0/16 table 100\n\
         route add 10.24.0.0/16 via 10.1.0.9 table 100\n\
         route add 10.25.0.0/16 via 10.1.0.9 table 70000\n\
         route add local 10.26.0.0/16 dev lo table 100\n\
         route add 10.27.0.0/16 via inet6 2001:db8:1::9 dev d0\n\
         route add 10.28.0.0/16 nexthop via inet6 2001:db8:1::9 dev d0 nexthop via 10.2.0.9 dev d1\n\
         route add 192.0.2.7 dev d0\n\
         -6 route add default via 2001:db8:1::fe dev d0\n\
         -6 route add 2001:db8:10::/48 via 2001:db8:1::9 metric 50 mtu 1300\n\
         -6 route add 2001:db8:11::/48 nexthop via 2001:db8:1::9 dev d0 weight 2 \
             nexthop via 2001:db8:2::9 dev d1\n\
         -6 route add blackhole 2001:db8:20::/48\n\
         -6 route add unreachable 2001:db8:21::/48 table 100\n\
         -6 route add 2001:db8:22::/48 via fe80::1 dev d1 pref high\n\
         -6 route add 2001:db8:23::/48 dev d1 src 2001:db8:2::1 table 70000\n\
         -6 route add 2001:db8:24::/48 via 2001:db8:9::9 dev d1 onlink\n",
    )?;
    let optional = each(
        ctx,
        "-6 route add 2001:db8:25::/48 from 2001:db8:1::/64 dev d1\n\
         nexthop add id 1 via 10.1.0.9 dev d0\n\
         nexthop add id 2 via 10.2.0.9 dev d1\n\
         nexthop add id 10 group 1,3/2\n\
         route add 10.30.0.0/16 nhid 1\n\
         route add 10.31.0.0/16 nhid 10\n",
    )?;
    println!("{optional} of 6 more routes and nexthops");
    // What the kernel remembers for a while is no route.
    drop(UdpSocket::bind("10.1.0.1:0")?.send_to(b"x", "10.12.0.1:9"));
    let network = compared(ctx)?.network;
    let kinds: BTreeSet<_> = network.routes.iter().map(|route| route.kind.0).collect();
    ctx.equal("kinds", &BTreeSet::from([1, 2, 3, 5, 6, 7, 8, 9]), &kinds);
    Ok(())
}

fn nexthops_alone(ctx: &Context) -> Outcome {
    batch(ctx, GROUND)?;
    batch(
        ctx,
        "nexthop add id 1 via 10.1.0.9 dev d0\n\
         nexthop add id 2 via 10.2.0.9 dev d1\n\
         nexthop add id 10 group 1,3/2\n\
         route add 10.30.0.0/16 nhid 1\n\
         route add 10.31.0.0/16 nhid 10\n",
    )?;
    let shown = collect()?.network;
    fs::write("/proc/sys/net/ipv4/nexthop_compat_mode", "0")?;
    let hidden = collect()?.network;
    let of = |network: &node::Network, text: &str| {
        let found = network.routes.iter().find(|route| route.destination.to_string() == text);
        found.cloned()
    };
    for destination in ["10.30.0.0/16", "10.31.0.0/16"] {
        ctx.equal(destination, &of(&shown, destination), &of(&hidden, destination));
    }
    let ways = of(&hidden, "10.31.0.0/16").map(|route| route.hops.len());
    ctx.equal("ways of the group", &Some(2), &ways);
    Ok(())
}

fn rules(ctx: &Context) -> Outcome {
    batch(ctx, GROUND)?;
    batch(
        ctx,
        "rule add pref 100 from 10.1.0.0/24 to 10.9.0.0/16 lookup 100\n\
         rule add pref 101 fwmark 0x10 lookup 101\n\
         rule add pref 102 fwmark 0x10/0xf0 lookup 70000\n\
         rule add pref 103 iif d0 lookup 100\n\
         rule add pref 104 oif d1 lookup 100\n\
         rule add pref 105 not from 10.1.0.0/24 lookup 100\n\
         rule add pref 106 tos 0x10 lookup 100\n\
         rule add pref 107 ipproto tcp dport 80-90 lookup 100\n\
         rule add pref 108 ipproto udp sport 53 lookup 100\n\
         rule add pref 110 lookup main suppress_prefixlength 0\n\
         rule add pref 111 lookup main suppress_ifgroup 7\n\
         rule add pref 112 from 10.2.0.0/24 blackhole\n\
         rule add pref 113 from 10.3.0.0/24 unreachable\n\
         rule add pref 114 from 10.4.0.0/24 prohibit\n\
         rule add pref 115 from 10.5.0.0/24 goto 32766\n\
         rule add pref 116 from 10.6.0.0/24 nop\n\
         rule add pref 117 tun_id 7 lookup 100\n\
         -6 rule add pref 100 from 2001:db8::/64 lookup 100\n\
         -6 rule add pref 101 to 2001:db8:1::/48 fwmark 0x10/0xf0 iif d0 lookup 70000\n",
    )?;
    // Of users that are not there (in a user namespace), and of VRFs, where the kernel has them.
    let more = "rule add pref 109 uidrange 1000-2000 lookup 100\nrule add pref 118 l3mdev\n";
    println!("{} of 2 more rules", each(ctx, more)?);
    let network = compared(ctx)?.network;
    ctx.check(
        "rules are in order",
        network.rules.is_sorted_by_key(|rule| (rule.family, rule.priority)),
    );
    Ok(())
}

fn neighbours(ctx: &Context) -> Outcome {
    batch(ctx, GROUND)?;
    batch(
        ctx,
        "neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev d0 nud permanent\n\
         neigh add 10.1.0.10 lladdr 02:00:00:00:00:0a dev d0 nud stale\n\
         neigh add 2001:db8:1::9 lladdr 02:00:00:00:00:09 dev d0 nud reachable\n\
         link add flannel.1 type vxlan id 1 local 10.1.0.1 dev d0 dstport 8472 nolearning\n\
         link add br0 type bridge\n\
         link add w1 type veth peer name w2\n\
         link set w1 master br0\n\
         link set flannel.1 up\nlink set br0 up\nlink set w1 up\nlink set w2 up\n",
    )?;
    for arguments in [
        "append 00:00:00:00:00:00 dev flannel.1 dst 10.1.0.9",
        "append 00:00:00:00:00:00 dev flannel.1 dst 10.1.0.10 port 4789 vni 77",
        "add ee:d6:38:55:d5:c7 dev flannel.1 dst 10.1.0.9",
        "add 02:00:00:00:00:77 dev w1 master static",
    ] {
        let mut bridge = Command::new("bridge");
        ctx.capture(bridge.arg("fdb").args(arguments.split(' ')))?.success()?;
    }
    compared(ctx).map(drop)
}

fn listeners(ctx: &Context) -> Outcome {
    let sockets = (TcpListener::bind("127.0.0.1:80")?, TcpListener::bind("[::]:81")?);
    let datagrams = (UdpSocket::bind("0.0.0.0:53")?, UdpSocket::bind("[::1]:54")?);
    let connected = UdpSocket::bind("127.0.0.1:55")?;
    connected.connect("127.0.0.1:53")?;
    let before = collect()?.network;
    let found = before.listeners.get().ok_or(std::fmt::Error)?;
    let found: Vec<_> =
        found.iter().map(|one| format!("{} {}", one.protocol, one.address)).collect();
    let expected = ["6 127.0.0.1:80", "6 [::]:81", "17 0.0.0.0:53", "17 [::1]:54"];
    ctx.equal("listeners", &expected.map(str::to_owned).to_vec(), &found);
    for _ in 0..3 {
        connected.send(b"x")?;
        UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", "127.0.0.1:9")?;
    }
    let after = collect()?.network;
    for (name, by) in [("Udp.NoPorts", 3), ("Udp.InDatagrams", 0), ("Udp.OutDatagrams", 6)] {
        let counted = |network: &node::Network| network.counters.get(name).copied();
        let expected = counted(&before).map(|value| value + by);
        ctx.equal(name, &expected, &counted(&after));
    }
    ctx.check("IPv6 is counted", after.counters.contains_key("Ip6InReceives"));
    ctx.check("losses are counted", after.counters.contains_key("TcpExt.ListenDrops"));
    drop((sockets, datagrams));
    Ok(())
}

fn pods(ctx: &Context) -> Outcome {
    let (pod, node) = (ctx.namespace("p23")?, ctx.namespace("node")?);
    let stranger = ctx.namespace("stranger")?;
    // A process in a namespace without a name.
    let mut nameless = Command::new("unshare");
    let mut nameless = nameless.args(["-n", "sleep", "60"]).stdin(Stdio::null()).spawn()?;
    let id = nameless.id();
    let is_there = |id: u32| -> Option<bool> {
        let of = |id: &str| fs::read_link(format!("/proc/{id}/ns/net")).ok();
        Some(of(&id.to_string())? != of("thread-self")?)
    };
    while !is_there(id).unwrap_or_default() {
        thread::yield_now();
    }
    batch(
        ctx,
        &format!(
            "link add cni0 type bridge\n\
             addr add 10.244.5.1/24 dev cni0\n\
             link add veth23 type veth peer name eth0 netns p23\n\
             link set veth23 master cni0 up\n\
             link add eth0 type veth peer name eth0 netns node\n\
             addr add 172.16.20.120/24 dev eth0\n\
             link add cali7 type veth peer name eth0 netns {id}\n\
             addr add 169.254.1.1/32 dev cali7\n"
        ),
    )?;
    pod.ip_batch("addr add 10.244.5.23/24 dev eth0\nlink set eth0 up\n")?;
    let server = pod.enter(|| {
        TcpListener::bind("10.244.5.23:80").map_err(|error| testbed::Error::new(error.to_string()))
    })?;
    let snapshot = collect()?;
    let found = snapshot.pods.get().ok_or(std::fmt::Error)?;
    let names: Vec<_> = found.iter().map(|pod| &*pod.name).collect();
    ctx.equal("pods", &vec![&*format!("/proc/{id}/ns/net"), "p23"], &names);
    let wire = snapshot.network.link_named("veth23").and_then(|link| link.base.link_namespace);
    let owner = snapshot.pod_with("10.244.5.23".parse()?).ok_or(std::fmt::Error)?;
    ctx.equal("id of the namespace", &wire, &owner.namespace);
    ctx.equal("server", &Some(1), &owner.network.listeners.get().map(Vec::len));
    let named = rsadm_netlink::Namespace::Named("p23".to_owned());
    let alone = Collector::new().namespace(named).collect()?.network;
    ctx.equal("the pod's links", &alone.links.len(), &owner.network.links.len());
    ctx.equal("the pod's addresses", &alone.addresses, &owner.network.addresses);
    ctx.equal("the pod's routes", &alone.routes, &owner.network.routes);
    ctx.equal("without pods", &None, &Collector::new().pods(false).collect()?.pods.get());
    // The node's namespace from outside is the same.
    let name = rsadm_netlink::Namespace::Process(std::process::id());
    let outside = stranger.enter(|| {
        let collector = Collector::new().name("here").namespace(name);
        collector.collect().map_err(|error| testbed::Error::new(error.to_string()))
    })?;
    ctx.equal("from outside", &snapshot.network.links.len(), &outside.network.links.len());
    ctx.equal("addresses from outside", &snapshot.network.addresses, &outside.network.addresses);
    ctx.equal("pods from outside", &Some(2), &outside.pods.get().map(Vec::len));
    nameless.kill()?;
    nameless.wait()?;
    drop((server, node));
    Ok(())
}

/// A route that is there all the time is never missing, though others come and go.
fn changes(ctx: &Context) -> Outcome {
    batch(ctx, GROUND)?;
    let kept: Vec<_> = (0..2000).map(|n| format!("10.64.{}.{}", n / 250, n % 250)).collect();
    let lines = kept.iter().map(|to| format!("route add {to} dev d0\n"));
    let lines = lines.collect::<Vec<_>>().concat();
    batch(ctx, &lines)?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let changing = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let lines: String = (0..100)
                    .map(|n| format!("route add 10.63.0.{n} dev d0\n"))
                    .chain((0..100).map(|n| format!("route del 10.63.0.{n} dev d0\n")))
                    .collect();
                let mut ip = Command::new("ip");
                ctx_free_batch(&mut ip, &lines);
            }
        });
        for round in 0..20 {
            let network = collect()?.network;
            let unicast = network.routes.iter().filter(|route| route.kind == RouteKind::UNICAST);
            let found: Vec<_> = unicast
                .map(|route| route.destination.address().to_string())
                .filter(|to| to.starts_with("10.64."))
                .collect();
            let once: BTreeSet<_> = found.iter().collect();
            ctx.equal(&format!("each once in round {round}"), &once.len(), &found.len());
            ctx.equal(&format!("none missing in round {round}"), &kept.len(), &found.len());
        }
        stop.store(true, Ordering::Relaxed);
        changing.join().map_err(|_| std::fmt::Error)?;
        Ok(())
    })
}

/// A batch on a thread that has no context.
fn ctx_free_batch(ip: &mut Command, lines: &str) {
    drop(testbed::process::capture_with(ip.args(["-batch", "-"]), lines));
}

fn nftables(ctx: &Context) -> Outcome {
    let Ok(version) = ctx.capture(Command::new("nft").arg("--version")) else {
        let unknown = collect()?.netfilter.nftables;
        let told = unknown.reason().is_none_or(|reason| reason.contains("not installed"));
        ctx.check("nft is not installed", told);
        return Ok(());
    };
    version.success()?;
    let rules = "add table ip t\nadd chain ip t c { type filter hook forward priority 0; policy drop; }\n\
        add rule ip t c ip daddr 10.244.0.0/16 counter accept\n";
    let added = ctx.capture_with(Command::new("nft").args(["-f", "-"]), rules)?;
    if !added.status.success() {
        return ctx.skip("this kernel has no nftables");
    }
    let expected = ctx.out("nft", ["-j", "list", "ruleset"])?;
    let found = collect()?.netfilter;
    ctx.equal("rules", &Some(&expected), &found.nftables.get());
    ctx.equal("iptables", &Part::Read(String::new()), &found.iptables);
    Ok(())
}

fn iptables(ctx: &Context) -> Outcome {
    let before = collect()?.netfilter;
    let rules = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 10.244.0.0/16 -j ACCEPT\nCOMMIT\n";
    ctx.capture_with(&mut Command::new("iptables-restore"), rules)?.success()?;
    let found = collect()?.netfilter;
    let text = found.iptables.get().ok_or(std::fmt::Error)?;
    for line in [":FORWARD DROP [0:0]", "-A FORWARD -s 10.244.0.0/16 -j ACCEPT"] {
        ctx.check(line, text.lines().any(|found| found == line));
    }
    ctx.check("tables were known before", before.iptables.get().is_some());
    let set = ctx
        .capture_with(Command::new("ipset").arg("restore"), "create s hash:ip\nadd s 10.0.0.1\n")?;
    if set.status.success() {
        let sets = ctx.out("ipset", ["save"])?;
        ctx.equal("sets", &Some(&sets), &collect()?.netfilter.sets.get());
    }
    Ok(())
}

fn services(ctx: &Context) -> Outcome {
    let rules = "-A -t 10.243.21.14:8880 -s rr\n-a -t 10.243.21.14:8880 -r 10.244.3.32:80 -m -w 1\n\
        -A -u [2001:db8::1]:53 -s wrr -p 60\n-A -f 7 -s wlc\n";
    ctx.capture_with(ctx.reference("ipvsadm").arg("-R"), rules)?.success()?;
    ctx.capture(ctx.reference("ipvsadm").args(["--set", "800", "0", "200"]))?.success()?;
    let snapshot = collect()?;
    let balancer = match &snapshot.balancer {
        Part::Read(balancer) => balancer,
        Part::Unknown(reason) => return ctx.fail(reason.clone()),
    };
    let mut client =
        ipvs::Client::connect().map_err(|error| std::io::Error::other(error.to_string()))?;
    ctx.check("services", client.table().is_ok_and(|table| table == balancer.services));
    ctx.check("timeouts", client.timeouts().ok() == balancer.timeouts);
    ctx.check("size", client.info().ok() == balancer.info);
    ctx.check(
        "sysctls",
        ipvs::Proc::new().sysctls().is_ok_and(|sysctls| sysctls == balancer.sysctls),
    );
    ctx.equal("connections", &Some(0), &balancer.connections.get().map(Vec::len));
    let name = "net.ipv4.vs.conntrack";
    let value = fs::read_to_string("/proc/sys/net/ipv4/vs/conntrack")?;
    ctx.equal(name, &Some(value.trim()), &snapshot.network.sysctls.get(name).map(String::as_str));
    Ok(())
}
