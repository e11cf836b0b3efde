//! Random rules, in the words of both tools.

use std::fmt::Write as _;

use testbed::random::Random;

/// Ports that somebody listens at.
pub(crate) const PORTS: [u16; 4] = [53, 80, 5353, 8080];
const CHAINS: u32 = 4;
/// A packet passes through eight chains with a policy: most must let most packets pass.
const RARELY: u32 = 24;

/// A ruleset for `nft -f`.
pub(crate) fn nftables(random: &mut Random) -> String {
    let mut text = String::from("table inet t {\n");
    let _ = writeln!(
        text,
        "set ports {{ type inet_service; flags interval; elements = {{ {}, 5000-{} }}; }}",
        random.pick(&[53, 80]),
        random.pick(&[5352, 5353, 9000])
    );
    let _ = writeln!(
        text,
        "set nets {{ type ipv4_addr; flags interval; elements = {{ 127.0.0.{}, 127.0.0.4-127.0.0.9 }}; }}",
        random.below(4)
    );
    text += "set pairs { type ipv4_addr . inet_service; elements = { 127.0.0.1 . 80, 127.0.0.2 . 53 }; }\n";
    for number in (0..CHAINS).rev() {
        let _ = writeln!(text, "chain c{number} {{");
        for _ in 0..random.below(5) {
            nft_rule(random, &mut text, number + 1, false);
        }
        text += "}\n";
    }
    text += "map verdicts { type ipv4_addr . inet_service : verdict; elements = { \
             127.0.0.1 . 53 : drop, 127.0.0.2 . 80 : jump c0, 127.0.0.3 . 8080 : accept }; }\n";
    for (name, place) in [
        ("early", "filter hook output priority -300"),
        ("routed", "route hook output priority -150"),
        ("output", "filter hook output priority 0"),
        ("late", "filter hook postrouting priority 50"),
        ("first", "filter hook prerouting priority -150"),
        ("input", "filter hook input priority 0"),
    ] {
        let policy = if random.below(RARELY) == 0 { "drop" } else { "accept" };
        let _ = writeln!(text, "chain {name} {{\ntype {place}; policy {policy};");
        for _ in 0..random.below(6) {
            nft_rule(random, &mut text, 0, name == "output");
        }
        text += "}\n";
    }
    text += "chain translate { type nat hook output priority -100;\n";
    for _ in 0..random.below(3) {
        let (condition, port) = (nft_condition(random), random.pick(&PORTS));
        let target = match random.below(4) {
            0 => format!("meta l4proto udp redirect to :{port}"),
            1 => format!("meta l4proto udp dnat ip to 127.0.0.{}:{port}", random.below(4) + 1),
            2 => format!("dnat ip to 127.0.0.{}", random.below(4) + 1),
            _ => "numgen inc mod 2 vmap { 0 : jump c3, 1 : accept }".to_owned(),
        };
        let _ = writeln!(text, "{condition} {target}");
    }
    text += "}\nchain hide { type nat hook postrouting priority 100;\n";
    if random.below(2) == 0 {
        let condition = nft_condition(random);
        let _ = writeln!(text, "{condition} snat ip to 127.0.0.{}", random.below(4) + 5);
    }
    text + "}\n}\n"
}

fn nft_condition(random: &mut Random) -> String {
    let address = format!("127.0.0.{}", random.below(4) + 1);
    let port = random.pick(&PORTS);
    let not = random.pick(&["", "", "!= "]);
    match random.below(16) {
        0 => format!("ip daddr {not}{address}"),
        1 => format!("ip saddr {not}{address}"),
        2 => format!("ip daddr {not}127.0.0.{}/31", random.below(3) * 2),
        3 => format!("udp dport {not}{port}"),
        4 => format!("udp dport {not}{{ {port}, 81-99 }}"),
        5 => "udp dport @ports".to_owned(),
        6 => format!("ip daddr {not}@nets"),
        7 => "ip daddr . udp dport @pairs".to_owned(),
        8 => format!("meta l4proto {not}{}", random.pick(&["udp", "tcp"])),
        9 => format!("meta mark {not}{}", random.below(3)),
        10 => format!("meta mark & 0x3 {not}{}", random.below(3)),
        11 => format!("ct state {}", random.pick(&["new", "established,related", "new,untracked"])),
        12 => format!("fib daddr type {not}{}", random.pick(&["local", "unicast", "broadcast"])),
        13 => format!("udp dport > {port}"),
        14 => format!("th dport {port} meta nfproto ipv{}", random.pick(&[4, 4, 6])),
        _ => String::new(),
    }
}

fn nft_rule(random: &mut Random, text: &mut String, deeper: u32, rejects: bool) {
    let (one, other) = (nft_condition(random), nft_condition(random));
    let action = match random.below(14) {
        0 => "drop".to_owned(),
        1..=3 => "accept".to_owned(),
        4 => "return".to_owned(),
        5 => format!("meta mark set {}", random.below(4)),
        6 => format!("meta mark set meta mark | 0x{}", random.below(4)),
        7 => format!("meta mark set meta mark & 0x{}", random.below(4)),
        8 => "counter".to_owned(),
        9 if deeper == 0 => "ip daddr . udp dport vmap @verdicts".to_owned(),
        10 if rejects => "reject".to_owned(),
        11 => "counter ct mark set meta mark".to_owned(),
        12 if deeper < CHAINS => {
            format!("goto c{}", deeper + random.below(CHAINS - deeper))
        }
        _ if deeper < CHAINS => format!("jump c{}", deeper + random.below(CHAINS - deeper)),
        _ => "counter".to_owned(),
    };
    let _ = writeln!(text, "{one} {other} {action}");
}

/// Sets for `ipset restore`.
pub(crate) const SETS: &str = "create addresses hash:ip family inet\nadd addresses 127.0.0.2\n\
    create nets hash:net family inet\nadd nets 127.0.0.0/30\nadd nets 127.0.0.2/32 nomatch\n\
    create services hash:ip,port family inet\nadd services 127.0.0.1,udp:80\n\
    add services 127.0.0.2,tcp:53\nadd services 127.0.0.3,udp:8080\n\
    create triples hash:ip,port,ip family inet\nadd triples 127.0.0.1,udp:53,127.0.0.1\n\
    create ports bitmap:port range 0-65535\nadd ports 80\nadd ports 5000-5400\n\
    create both list:set size 8\nadd both services\n";

/// Rules for `iptables-restore`.
pub(crate) fn iptables(random: &mut Random) -> String {
    let mut text = String::new();
    for (table, hooks) in [
        ("raw", &["PREROUTING", "OUTPUT"] as &[&str]),
        ("mangle", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
        ("filter", &["INPUT", "OUTPUT"]),
        ("nat", &["OUTPUT", "POSTROUTING"]),
    ] {
        let _ = writeln!(text, "*{table}");
        for hook in hooks {
            let drops = table != "nat" && random.below(RARELY) == 0;
            let policy = if drops { "DROP" } else { "ACCEPT" };
            let _ = writeln!(text, ":{hook} {policy} [0:0]");
        }
        for number in 0..CHAINS {
            let _ = writeln!(text, ":C{number} - [0:0]");
        }
        for number in 0..CHAINS {
            for _ in 0..random.below(5) {
                iptables_rule(random, &mut text, table, &format!("C{number}"), number + 1);
            }
        }
        for hook in hooks {
            for _ in 0..random.below(6) {
                iptables_rule(random, &mut text, table, hook, 0);
            }
        }
        if table == "nat" {
            let (condition, port) = (iptables_condition(random), random.pick(&PORTS));
            let address = random.below(4) + 1;
            let target = match random.below(3) {
                0 => format!("-p udp -j REDIRECT --to-ports {port}"),
                1 => format!("-p udp -j DNAT --to-destination 127.0.0.{address}:{port}"),
                _ => format!("-j DNAT --to-destination 127.0.0.{address}"),
            };
            let condition = condition.replace("-p udp ", "").replace("-p tcp ", "");
            if !condition.contains("port") {
                let _ = writeln!(text, "-A OUTPUT {condition} {target}");
            }
            if random.below(2) == 0 {
                let _ = writeln!(
                    text,
                    "-A POSTROUTING -d 127.0.0.{address} -j SNAT --to-source 127.0.0.7"
                );
            }
        }
        text += "COMMIT\n";
    }
    text
}

fn iptables_condition(random: &mut Random) -> String {
    let address = format!("127.0.0.{}", random.below(4) + 1);
    let port = random.pick(&PORTS);
    let not = random.pick(&["", "", "! "]);
    match random.below(18) {
        0 => format!("{not}-d {address}"),
        1 => format!("{not}-s {address}"),
        2 => format!("{not}-d 127.0.0.{}/31", random.below(3) * 2),
        3 => format!("-p udp -m udp {not}--dport {port}"),
        4 => format!("-p udp -m multiport {not}--dports {port},5000:5400"),
        5 => format!("-m set {not}--match-set addresses dst"),
        6 => format!("-m set {not}--match-set services dst,dst"),
        7 => format!("-m set {not}--match-set triples dst,dst,src"),
        8 => format!("-m set {not}--match-set ports dst"),
        9 => format!("-m set {not}--match-set nets src"),
        10 => format!("-m mark {not}--mark 0x{}/0x3", random.below(4)),
        11 => format!("-m conntrack --ctstate {}", random.pick(&["NEW", "RELATED,ESTABLISHED"])),
        12 => {
            format!("-m addrtype {not}--dst-type {}", random.pick(&["LOCAL", "UNICAST,BROADCAST"]))
        }
        13 => format!("-m comment --comment \"a \\\"b\\\" {port}\""),
        14 => "-m set --match-set both dst,dst".to_owned(),
        15 => format!("-p {}", random.pick(&["udp", "tcp"])),
        16 => format!("-m iprange {not}--dst-range 127.0.0.2-127.0.0.3"),
        _ => String::new(),
    }
}

fn iptables_rule(random: &mut Random, text: &mut String, table: &str, chain: &str, deeper: u32) {
    let mut condition = iptables_condition(random);
    // Connections are not there yet in the first table.
    if table == "raw" && condition.contains("ctstate") {
        condition.clear();
    }
    let mangles = table == "mangle";
    let action = match random.below(12) {
        0 if table != "nat" => "-j DROP".to_owned(),
        1..=3 => "-j ACCEPT".to_owned(),
        4 => "-j RETURN".to_owned(),
        5 if mangles => format!("-j MARK --set-xmark 0x{0}/0x{0}", random.below(4)),
        6 if mangles => format!("-j MARK --and-mark 0x{}", random.below(4)),
        7 if mangles => format!("-j MARK --set-mark 0x{}", random.below(4)),
        8 if table == "filter" => "-j REJECT".to_owned(),
        9 if deeper < CHAINS => format!("-g C{}", deeper + random.below(CHAINS - deeper)),
        10 | 11 if deeper < CHAINS => format!("-j C{}", deeper + random.below(CHAINS - deeper)),
        _ => String::new(),
    };
    let _ = writeln!(text, "-A {chain} {condition} {action}");
}
