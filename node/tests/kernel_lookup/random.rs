//! Random links, addresses, rules and routes, as lines for `ip -batch`, and random questions.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use node::{Network, Query};
use testbed::random::Random;

const LINKS: [&str; 10] = ["d0", "d1", "d2", "d3", "d4", "d5", "v0", "v1", "br0", "lo"];
const TABLES: [&str; 7] = ["main", "main", "main", "100", "101", "default", "200"];

/// Sysctls, by their paths below `/proc/sys/net`.
pub(crate) fn sysctls(random: &mut Random) -> Vec<(String, String)> {
    let mut values = Vec::new();
    let mut set = |path: &str, value: u32| values.push((path.to_owned(), value.to_string()));
    set("ipv6/conf/all/accept_dad", 0);
    set("ipv6/conf/default/accept_dad", 0);
    set("ipv6/conf/default/dad_transmits", 0);
    set("ipv6/conf/default/accept_ra", 0);
    set("ipv4/ip_forward", random.below(3).min(1));
    set("ipv6/conf/all/forwarding", random.below(2));
    set("ipv4/conf/all/rp_filter", random.pick(&[0, 0, 1, 2]));
    set("ipv4/conf/default/rp_filter", random.pick(&[0, 0, 1, 2]));
    set("ipv4/conf/all/accept_local", random.below(4) / 3);
    set("ipv4/conf/all/send_redirects", random.below(2));
    set("ipv4/conf/default/send_redirects", random.below(2));
    set("ipv4/conf/all/src_valid_mark", random.below(2));
    set("ipv4/conf/all/route_localnet", random.below(6) / 5);
    set("ipv4/conf/all/ignore_routes_with_linkdown", random.below(4) / 3);
    set("ipv4/conf/default/ignore_routes_with_linkdown", random.below(4) / 3);
    set("ipv6/conf/default/ignore_routes_with_linkdown", random.below(3) / 2);
    set("ipv6/conf/default/use_oif_addrs_only", random.below(6) / 5);
    set("ipv4/fib_multipath_use_neigh", random.below(5) / 4);
    values
}

pub(crate) fn links(random: &mut Random) -> String {
    let mut lines = String::new();
    for number in 0..6 {
        let _ = writeln!(lines, "link add d{number} type veth peer name e{number}");
        let _ = writeln!(lines, "link set e{number} up");
    }
    lines += "link add v0 type veth peer name w0\nlink add v1 type veth peer name w1\n";
    lines += "link add br0 type bridge\nlink set d1 group 5\nlink set v0 group 7\n";
    for link in LINKS.iter().chain(&["w0"]) {
        let _ = writeln!(lines, "link set {link} up");
    }
    for _ in 0..16 {
        let (link, address) = (random.pick(&LINKS), v4(random));
        let length = random.pick(&[8, 16, 20, 24, 24, 24, 28, 30, 32]);
        let scope = random.pick(&["global", "global", "global", "link", "host", "site"]);
        if random.one_in(8) {
            let peer = v4(random);
            let _ =
                writeln!(lines, "addr add {address} peer {peer}/{length} dev {link} scope {scope}");
        } else {
            let _ = writeln!(lines, "addr add {address}/{length} brd + dev {link} scope {scope}");
        }
    }
    for _ in 0..16 {
        let (link, address) = (random.pick(&LINKS), v6(random));
        let length = random.pick(&[32, 48, 64, 64, 64, 80, 112, 128]);
        let old = if random.one_in(5) { " preferred_lft 0" } else { "" };
        let _ = writeln!(lines, "addr add {address}/{length} dev {link} nodad{old}");
    }
    lines
}

/// A VRF, for kernels that have it.
pub(crate) fn vrf(random: &mut Random) -> &'static str {
    if !random.one_in(3) {
        return "";
    }
    "link add red type vrf table 200\nlink set red up\nlink set d4 master red\nlink set d5 master red\n"
}

/// Rules of IPv4 and of IPv6.
pub(crate) fn rules(random: &mut Random) -> [String; 2] {
    let mut lines = [String::new(), String::new()];
    // A namespace that never had a rule of its own is another case for the kernel.
    if random.one_in(4) {
        return lines;
    }
    for _ in 0..random.below(14) {
        let family = random.pick(&[4, 6]);
        let mut line =
            format!("rule add pref {}", random.pick(&[1, 5, 9, 50, 99, 30000, 32766, 40000]));
        if random.one_in(8) {
            line += " not";
        }
        let network =
            |random: &mut Random| if family == 4 { network4(random) } else { network6(random) };
        if random.one_in(3) {
            let _ = write!(line, " from {}", network(random));
        }
        if random.one_in(3) {
            let _ = write!(line, " to {}", network(random));
        }
        if random.one_in(4) {
            let mask = random.pick(&["", "/0xff", "/0x3", "/0x10"]);
            let _ = write!(line, " fwmark {}{mask}", random.pick(&[0, 1, 2, 0x10, 0x11]));
        }
        if random.one_in(6) {
            let _ = write!(line, " iif {}", random.pick(&["lo", "d0", "v0", "red", "none0"]));
        }
        if random.one_in(6) {
            let _ = write!(line, " oif {}", random.pick(&["d1", "d2", "v0", "red", "none0"]));
        }
        if random.one_in(8) {
            let _ = write!(line, " tos {}", random.pick(&["0x04", "0x08", "0x10"]));
        }
        if random.one_in(8) {
            let _ =
                write!(line, " uidrange {}", random.pick(&["0-0", "1000-2000", "1-4294967294"]));
        }
        if random.one_in(6) {
            let _ = write!(line, " ipproto {}", random.pick(&["tcp", "udp"]));
            if random.one_in(2) {
                let _ = write!(line, " dport {}", random.pick(&["80", "53", "50-100"]));
            }
            if random.one_in(3) {
                let _ = write!(line, " sport {}", random.pick(&["1000-2000", "7"]));
            }
        }
        line.push(' ');
        line += &action(random);
        let lines = &mut lines[usize::from(family == 6)];
        *lines += &line;
        lines.push('\n');
    }
    // Rarely a namespace loses what it began with.
    if random.one_in(8) {
        lines[0] += "rule del pref 32767\n";
    }
    if random.one_in(10) {
        lines[0] += "rule del pref 0\nrule add pref 10 table local\n";
    }
    lines
}

fn action(random: &mut Random) -> String {
    match random.below(12) {
        0 => "blackhole".to_owned(),
        1 => "unreachable".to_owned(),
        2 => "prohibit".to_owned(),
        3 => "nop".to_owned(),
        4 => format!("goto {}", random.pick(&[50, 99, 30000, 32766, 77])),
        5 => "l3mdev".to_owned(),
        _ => {
            let mut text = format!("table {}", random.pick(&TABLES));
            if random.one_in(4) {
                let _ = write!(text, " suppress_prefixlength {}", random.pick(&[0, 8, 16, 24]));
            }
            if random.one_in(6) {
                let _ = write!(text, " suppress_ifgroup {}", random.pick(&[0, 5, 7]));
            }
            text
        }
    }
}

/// Routes of IPv4 and of IPv6.
pub(crate) fn routes(random: &mut Random) -> [String; 2] {
    let mut lines = String::new();
    for id in 1..=4 {
        let (link, gateway) = (random.pick(&LINKS[..8]), v4(random));
        let _ = writeln!(lines, "nexthop add id {id} via {gateway} dev {link} onlink");
        let (link, gateway) = (random.pick(&LINKS[..8]), v6(random));
        let _ = writeln!(lines, "nexthop add id {} via {gateway} dev {link} onlink", id + 10);
    }
    lines += "nexthop add id 5 blackhole\nnexthop add id 15 blackhole\n";
    lines += "nexthop add id 7 dev d2\n";
    lines += "nexthop add id 20 group 1,3/2,4/7\nnexthop add id 21 group 11/12,2\n";
    lines += "nexthop add id 22 group 11/13,5/14\n";
    // The kernel remembers sources until some address changes; those of nexthop objects it chooses
    // as they are made, before it knows for which routes.
    let address = "addr add 192.0.2.77/32 dev lo\n";
    let mut lines6 = "nexthop add id 6 dev d3\n".to_owned();
    for _ in 0..60 {
        route4(random, &mut lines);
        route6(random, &mut lines6);
    }
    [lines + address, lines6]
}

fn route4(random: &mut Random, lines: &mut String) {
    let verb = random.pick(&["add", "add", "add", "append", "prepend"]);
    let mut line = format!("route {verb} ");
    let refuses = random.one_in(6);
    if refuses {
        line += random.pick(&["blackhole ", "unreachable ", "prohibit ", "throw "]);
    } else if random.one_in(12) {
        line += random.pick(&["local ", "broadcast "]);
    }
    // Routes of several scopes that share a nexthop object share also the source that the kernel
    // remembers for it, whichever was asked first.
    let ordinary = line.ends_with("add ") || line.ends_with("pend ");
    let _ = write!(line, "{}", network4(random));
    if random.one_in(8) {
        let _ = write!(line, " tos {}", random.pick(&["0x04", "0x08", "0x10"]));
    }
    let table = random.pick(&TABLES);
    let table = if random.one_in(12) { "local" } else { table };
    let _ = write!(line, " table {table}");
    if random.one_in(3) {
        let _ = write!(line, " metric {}", random.pick(&[1, 2, 100]));
    }
    if !refuses {
        if random.one_in(6) {
            let _ = write!(line, " mtu {}", random.pick(&[1280, 1400, 9000]));
        }
        let form = random.below(25);
        if form < 5 && ordinary {
            let _ = write!(line, " nhid {}", random.pick(&[1, 2, 3, 4, 5, 7, 20, 21, 11, 12]));
        } else if form < 9 {
            for _ in 0..=random.below(3) {
                let (gateway, link) = (gateway4(random), random.pick(&LINKS[..9]));
                let _ =
                    write!(line, " nexthop {gateway}dev {link} weight {}", random.pick(&[1, 2, 9]));
                line += onlink(random, &gateway);
            }
        } else {
            let gateway = gateway4(random);
            let _ = write!(line, " {gateway}dev {}", random.pick(&LINKS[..9]));
            line += onlink(random, &gateway);
            if random.one_in(4) {
                line += random.pick(&[" scope link", " scope global", " scope host"]);
            }
        }
    }
    *lines += &line;
    lines.push('\n');
}

fn onlink(random: &mut Random, gateway: &str) -> &'static str {
    if gateway.is_empty() { "" } else { random.pick(&["", " onlink", " onlink"]) }
}

fn gateway4(random: &mut Random) -> String {
    match random.below(6) {
        0 | 1 => String::new(),
        2 => format!("via inet6 fe80::{} ", random.below(9) + 1),
        _ => format!("via {} ", v4(random)),
    }
}

fn route6(random: &mut Random, lines: &mut String) {
    let verb = random.pick(&["add", "add", "append"]);
    let mut line = format!("route {verb} ");
    let refuses = random.one_in(6);
    if refuses {
        line += random.pick(&["blackhole ", "unreachable ", "prohibit ", "throw "]);
    }
    let _ = write!(line, "{}", network6(random));
    if random.one_in(5) {
        let _ = write!(line, " from {}", network6(random));
    }
    let _ =
        write!(line, " table {} metric {}", random.pick(&TABLES), random.pick(&[1, 2, 100, 1024]));
    if !refuses {
        if random.one_in(6) {
            let _ = write!(line, " nhid {}", random.pick(&[6, 11, 12, 13, 14, 15, 22]));
        } else if random.one_in(4) {
            for _ in 0..=random.below(3) {
                let (gateway, link) = (gateway6(random), random.pick(&LINKS[..9]));
                let _ =
                    write!(line, " nexthop {gateway}dev {link} weight {}", random.pick(&[1, 2, 9]));
                line += onlink(random, &gateway);
            }
        } else {
            let gateway = gateway6(random);
            let onlink = onlink(random, &gateway);
            let _ = write!(line, " {gateway}dev {}{onlink}", random.pick(&LINKS[..9]));
            if random.one_in(4) {
                let _ = write!(line, " pref {}", random.pick(&["low", "medium", "high"]));
            }
        }
    }
    *lines += &line;
    lines.push('\n');
}

fn gateway6(random: &mut Random) -> String {
    match random.below(4) {
        0 => String::new(),
        1 => format!("via fe80::{} ", random.below(9) + 1),
        _ => format!("via {} ", v6(random)),
    }
}

/// What happens to links afterwards, and what is known of routers.
pub(crate) fn events(random: &mut Random) -> String {
    let mut lines = String::new();
    if random.one_in(3) {
        let _ = writeln!(lines, "link set {} down", random.pick(&LINKS[..8]));
    }
    if random.one_in(3) {
        lines += "link set w0 down\n";
    }
    for _ in 0..6 {
        let (link, state) =
            (random.pick(&LINKS[..8]), random.pick(&["failed", "stale", "permanent"]));
        let router = if random.one_in(2) { v4(random) } else { v6(random) };
        let mac = if state == "failed" { "" } else { " lladdr 02:00:00:00:00:01" };
        let _ = writeln!(lines, "neigh replace {router} dev {link}{mac} nud {state}");
    }
    lines
}

/// Few enough that they meet.
fn v4(random: &mut Random) -> String {
    let low = random.pick(&[0, 1, 2, 3, 9, 100, 130, 200, 255]);
    format!("10.{}.{}.{low}", random.below(4), random.below(4))
}

fn v6(random: &mut Random) -> String {
    let low = random.pick(&[0, 1, 2, 3, 9, 0x100, 0x8000]);
    let start = random.pick(&["fd00", "fd00", "fd00", "2001:db8", "fec0"]);
    format!("{start}:0:{:x}:{:x}::{low:x}", random.below(4), random.below(4))
}

fn network4(random: &mut Random) -> String {
    let length = random.pick(&[0u32, 8, 12, 16, 16, 22, 24, 24, 25, 28, 30, 31, 32, 32]);
    let address: Ipv4Addr = v4(random).parse().expect("an address");
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    format!("{}/{length}", Ipv4Addr::from(address.to_bits() & mask))
}

fn network6(random: &mut Random) -> String {
    let length = random.pick(&[0u32, 7, 16, 48, 56, 64, 64, 80, 112, 127, 128, 128]);
    let address: Ipv6Addr = v6(random).parse().expect("an address");
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    format!("{}/{length}", Ipv6Addr::from(address.to_bits() & mask))
}

/// A question about the network.
pub(crate) fn query(random: &mut Random, network: &Network) -> Query {
    let ipv4 = random.one_in(2);
    let address = |random: &mut Random| -> IpAddr {
        if random.one_in(4) && !network.addresses.is_empty() {
            let own =
                network.addresses[random.below(network.addresses.len() as u32) as usize].address;
            if own.is_ipv4() == ipv4 {
                return own;
            }
        }
        let text = match (ipv4, random.below(30)) {
            (true, 0) => "192.0.2.1".to_owned(),
            (true, 1) => "127.0.0.9".to_owned(),
            (false, 0) => "2001:db8:ffff::1".to_owned(),
            (false, 1) => "fe80::1".to_owned(),
            (false, 2) => "::1".to_owned(),
            (true, _) => v4(random),
            (false, _) => v6(random),
        };
        text.parse().expect("an address")
    };
    let mut query = Query::to(address(random));
    if random.one_in(20) {
        let groups: &[&str] = if ipv4 {
            &["224.0.0.5", "239.1.2.3", "255.255.255.255"]
        } else {
            &["ff02::1", "ff05::2", "ff0e::3"]
        };
        query.destination = random.pick(groups).parse().expect("an address");
    }
    let link = |random: &mut Random| {
        network.links[random.below(network.links.len() as u32) as usize].index()
    };
    let group = query.destination.is_multicast();
    match random.below(6) {
        // What comes in to a group depends on who has joined it.
        0 | 1 if !group => {
            query.input = Some(link(random));
            query.source = Some(address(random));
        }
        2 => query.output = Some(link(random)),
        _ => {}
    }
    if query.source.is_none() && random.one_in(4) {
        let own = network.addresses.iter().filter(|own| own.address.is_ipv4() == ipv4);
        let own: Vec<IpAddr> = own.map(|own| own.address).collect();
        query.source = if random.one_in(6) || own.is_empty() {
            Some(address(random))
        } else {
            Some(own[random.below(own.len() as u32) as usize])
        };
    }
    if random.one_in(3) {
        query.mark = random.pick(&[1, 2, 0x10, 0x11]);
    }
    if random.one_in(4) {
        query.tos = random.pick(&[0x04, 0x08, 0x10]);
    }
    query.protocol = random.pick(&[6, 17]);
    query.source_port = random.pick(&[7, 1500, 40000]);
    query.destination_port = random.pick(&[53, 80, 8080]);
    if query.input.is_none() {
        query.user = random.pick(&[0, 0, 1000]);
    }
    query
}
