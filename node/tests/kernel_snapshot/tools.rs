//! What `ip`, `bridge` and `/proc` say of a namespace, in the words of both sides.

use std::collections::BTreeMap;
use std::fs;

use ipvs::Family;
use node::{Address, AddressFlags, Hop, HopFlags, Link, Network, Route, Rule, RuleAction};
use serde_json::Value;
use testbed::harness::{Context, Failure};

/// Rows of a table as a program prints them.
type Rows = Vec<Value>;

/// What the tools say of a namespace.
#[derive(Debug, PartialEq)]
pub(crate) struct Tools {
    links: Rows,
    addresses: Rows,
    routes: [Rows; 2],
    rules: [Rows; 2],
    neighbours: Rows,
    entries: Rows,
}

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

impl Tools {
    pub(crate) fn read(ctx: &Context) -> Result<Self, Failure> {
        let ip = |what: &str| list(ctx, "ip", what);
        Ok(Self {
            links: without_timers(ip("-j -d -s -s link show")?),
            addresses: without_timers(ip("-j -d addr show")?),
            routes: [
                ip("-N -j -d -4 route show table all")?,
                ip("-N -j -d -6 route show table all")?,
            ],
            rules: [ip("-N -j -d -4 rule show")?, ip("-N -j -d -6 rule show")?],
            neighbours: ip("-j -d neigh show nud all")?,
            entries: list(ctx, "bridge", "-j fdb show")?,
        })
    }

    /// Compares everything that they show.
    pub(crate) fn compare(&self, ctx: &Context, network: &Network) {
        compare_links(ctx, network, &self.links);
        compare_addresses(ctx, network, &self.addresses);
        for (family, rows) in FAMILIES.into_iter().zip(&self.routes) {
            compare_routes(ctx, network, rows, family);
        }
        for (family, rows) in FAMILIES.into_iter().zip(&self.rules) {
            compare_rules(ctx, network, rows, family);
        }
        compare_neighbours(ctx, network, &self.neighbours);
        compare_entries(ctx, network, &self.entries);
        compare_sysctls(ctx, network);
    }
}

/// Bridges show how far their timers are, which is never the same twice.
fn without_timers(mut rows: Rows) -> Rows {
    for row in &mut rows {
        for data in ["info_data", "info_slave_data"] {
            if let Some(data) = row["linkinfo"].get_mut(data).and_then(Value::as_object_mut) {
                data.retain(|name, _| !name.ends_with("_timer"));
            }
        }
    }
    rows
}

fn list(ctx: &Context, program: &str, arguments: &str) -> Result<Rows, Failure> {
    let text = ctx.out(program, arguments.split(' '))?;
    let rows: Rows = serde_json::from_str(if text.trim().is_empty() { "[]" } else { &text })?;
    // Programs print an empty object for what they leave out.
    Ok(rows.into_iter().filter(|row| row.as_object().is_some_and(|row| !row.is_empty())).collect())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

/// Fields that both have, by name.
type Fields = BTreeMap<&'static str, String>;

/// Compares rows, whatever their order.
fn same(ctx: &Context, what: &str, mut expected: Vec<Fields>, mut got: Vec<Fields>) {
    expected.sort();
    got.sort();
    ctx.equal(&format!("number of {what}"), &expected.len(), &got.len());
    for (expected, got) in expected.iter().zip(&got) {
        ctx.equal(what, expected, got);
    }
}

fn put(fields: &mut Fields, name: &'static str, value: &impl ToString) {
    let value = value.to_string();
    if !value.is_empty() {
        fields.insert(name, value);
    }
}

fn maybe(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn compare_links(ctx: &Context, network: &Network, rows: &Rows) {
    let expected = rows.iter().map(|row| {
        let mut fields = Fields::new();
        let info = &row["linkinfo"];
        for (name, value) in [
            ("index", &row["ifindex"]),
            ("name", &row["ifname"]),
            ("mtu", &row["mtu"]),
            ("mac", &row["address"]),
            ("master", &row["master"]),
            ("kind", &info["info_kind"]),
            ("namespace", &row["link_netnsid"]),
            ("rx_packets", &row["stats64"]["rx"]["packets"]),
            ("tx_bytes", &row["stats64"]["tx"]["bytes"]),
            ("tx_dropped", &row["stats64"]["tx"]["dropped"]),
            ("tx_carrier", &row["stats64"]["tx"]["carrier_errors"]),
            ("collisions", &row["stats64"]["tx"]["collisions"]),
            ("rx_frame", &row["stats64"]["rx"]["frame_errors"]),
            ("otherhost", &row["stats64"]["rx"]["otherhost"]),
        ] {
            put(&mut fields, name, &text(value));
        }
        let kind = info["info_kind"].as_str().unwrap_or_default();
        match kind {
            "bridge" => {
                put(&mut fields, "vlan_filtering", &text(&info["info_data"]["vlan_filtering"]));
                put(&mut fields, "calls", &text(&info["info_data"]["nf_call_iptables"]));
            }
            "vrf" => put(&mut fields, "vrf", &text(&info["info_data"]["table"])),
            "vxlan" => put(&mut fields, "vni", &text(&info["info_data"]["id"])),
            _ => {}
        }
        if info["info_slave_kind"] == "bridge" {
            let port = &info["info_slave_data"];
            put(&mut fields, "state", &text(&port["state"]));
            for (name, key) in
                [("hairpin", "hairpin"), ("learning", "learning"), ("isolated", "isolated")]
            {
                put(&mut fields, name, &text(&port[key]));
            }
        }
        let up = row["flags"].as_array().is_some_and(|flags| flags.iter().any(|one| one == "UP"));
        put(&mut fields, "up", &up);
        // The other end by name where it is here, else by number.
        put(&mut fields, "lower", &lower(row));
        fields
    });
    let got = network.links.iter().map(|link| link_fields(network, link));
    same(ctx, "links", expected.collect(), got.collect());
}

fn lower(row: &Value) -> String {
    match (&row["link"], &row["link_index"]) {
        (Value::String(name), _) => name.clone(),
        (_, index) => text(index),
    }
}

fn link_fields(network: &Network, link: &Link) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "index", &link.index());
    put(&mut fields, "name", &link.name());
    put(&mut fields, "mtu", &maybe(link.base.mtu));
    put(&mut fields, "mac", &maybe(link.mac()));
    put(&mut fields, "master", &maybe(link.base.master.map(|index| network.link_name(index))));
    put(&mut fields, "kind", &link.kind().unwrap_or_default());
    put(&mut fields, "namespace", &maybe(link.base.link_namespace));
    if let Some(counters) = link.counters {
        put(&mut fields, "rx_packets", &counters.rx_packets);
        put(&mut fields, "tx_bytes", &counters.tx_bytes);
        put(&mut fields, "tx_dropped", &counters.tx_dropped);
        put(&mut fields, "tx_carrier", &counters.tx_carrier_errors);
        put(&mut fields, "collisions", &counters.collisions);
        put(&mut fields, "rx_frame", &counters.rx_frame_errors);
        if counters.rx_otherhost_dropped != 0 {
            put(&mut fields, "otherhost", &counters.rx_otherhost_dropped);
        }
    }
    if let Some(bridge) = link.bridge {
        put(&mut fields, "vlan_filtering", &maybe(bridge.vlan_filtering.map(u8::from)));
        put(&mut fields, "calls", &maybe(bridge.calls_iptables.map(u8::from)));
    }
    if let Some(port) = link.port {
        let states = ["disabled", "listening", "learning", "forwarding", "blocking"];
        let state = port.state.and_then(|state| states.get(usize::from(state)));
        put(&mut fields, "state", &maybe(state));
        put(&mut fields, "hairpin", &maybe(port.hairpin));
        put(&mut fields, "learning", &maybe(port.learning));
        put(&mut fields, "isolated", &maybe(port.isolated));
    }
    put(&mut fields, "vrf", &maybe(link.vrf_table));
    if let Some(settings) = &link.base.vxlan {
        put(&mut fields, "vni", &maybe(settings.id.filter(|_| settings.external != Some(true))));
        if settings.external == Some(true) {
            put(&mut fields, "vni", &0);
        }
    }
    put(&mut fields, "up", &link.is_up());
    let here = link.base.link_namespace.is_none();
    put(
        &mut fields,
        "lower",
        &maybe(link.lower.map(|index| match network.link(index) {
            Some(lower) if here => lower.name().to_owned(),
            _ => index.to_string(),
        })),
    );
    fields
}

const SCOPES: [(u8, &str); 4] = [(0, "global"), (200, "site"), (253, "link"), (254, "host")];

fn compare_addresses(ctx: &Context, network: &Network, rows: &Rows) {
    let flags = [
        ("secondary", AddressFlags::SECONDARY),
        ("temporary", AddressFlags::SECONDARY),
        ("deprecated", AddressFlags::DEPRECATED),
        ("tentative", AddressFlags::TENTATIVE),
        ("dadfailed", AddressFlags::DUPLICATE),
        ("noprefixroute", AddressFlags::WITHOUT_ROUTE),
    ];
    let mut expected = Vec::new();
    for link in rows {
        for row in link["addr_info"].as_array().into_iter().flatten() {
            let mut fields = Fields::new();
            put(&mut fields, "link", &text(&link["ifname"]));
            for (name, key) in [
                ("address", "local"),
                ("length", "prefixlen"),
                ("peer", "address"),
                ("scope", "scope"),
            ] {
                put(&mut fields, name, &text(&row[key]));
            }
            let set = flags.iter().filter(|(name, _)| row[*name] == true).map(|(name, _)| *name);
            put(&mut fields, "flags", &set.collect::<Vec<_>>().join(" "));
            expected.push(fields);
        }
    }
    let got = network.addresses.iter().map(|address: &Address| {
        let mut fields = Fields::new();
        put(&mut fields, "link", &network.link_name(address.link));
        put(&mut fields, "address", &address.address);
        put(&mut fields, "length", &address.prefix_length);
        put(&mut fields, "peer", &maybe(address.peer));
        let scope = SCOPES.iter().find(|(number, _)| *number == address.scope.0);
        put(&mut fields, "scope", &maybe(scope.map(|(_, name)| name)));
        let other = if address.address.is_ipv4() { "temporary" } else { "secondary" };
        let set =
            flags.iter().filter(|(name, flag)| *name != other && address.flags.contains(*flag));
        put(&mut fields, "flags", &set.map(|(name, _)| *name).collect::<Vec<_>>().join(" "));
        fields
    });
    same(ctx, "addresses", expected, got.collect());
}

fn gateway(row: &Value) -> String {
    match &row["via"] {
        Value::Object(via) => text(&via["host"]),
        _ => text(&row["gateway"]),
    }
}

fn hop_text(gateway: &str, device: &str, weight: &str, flags: &[&str]) -> String {
    format!("{gateway}|{device}|{weight}|{}", flags.join(","))
}

fn row_flags(row: &Value) -> Vec<&str> {
    let known = ["dead", "onlink", "linkdown"];
    let flags = row["flags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    flags.filter(|flag| known.contains(flag)).collect()
}

fn compare_routes(ctx: &Context, network: &Network, rows: &Rows, family: Family) {
    let expected = rows.iter().map(|row| {
        let mut fields = Fields::new();
        for (name, key) in [
            ("protocol", "protocol"),
            ("source", "prefsrc"),
            ("metric", "metric"),
            ("nexthop", "nhid"),
            ("preference", "pref"),
            ("from", "from"),
        ] {
            put(&mut fields, name, &text(&row[key]));
        }
        let table = text(&row["table"]);
        put(&mut fields, "table", &if table.is_empty() { "254" } else { &table });
        let kind = text(&row["type"]);
        // Numbers, because `-N` was asked for; none is the usual kind.
        put(&mut fields, "kind", &if kind.is_empty() { "1" } else { &kind });
        put(&mut fields, "to", &destination(&text(&row["dst"]), family));
        put(&mut fields, "mtu", &text(&row["metrics"][0]["mtu"]));
        let tos = text(&row["tos"]);
        put(&mut fields, "tos", &u8::from_str_radix(tos.trim_start_matches("0x"), 16).unwrap_or(0));
        let scope = text(&row["scope"]);
        put(&mut fields, "scope", &if scope.is_empty() { "0".to_owned() } else { scope });
        let hops = match row["nexthops"].as_array() {
            Some(hops) => hops.iter().map(hop_of_row).collect(),
            None if row["dev"].is_string() || !gateway(row).is_empty() => {
                vec![hop_text(&gateway(row), &text(&row["dev"]), "1", &row_flags(row))]
            }
            None => Vec::new(),
        };
        put(&mut fields, "hops", &hops.join(" "));
        fields
    });
    let ours = network.routes.iter().filter(|route| route.destination.family() == family);
    let got = ours.map(|route| route_fields(network, route));
    same(ctx, &format!("routes of {family:?}"), expected.collect(), got.collect());
}

fn hop_of_row(hop: &Value) -> String {
    hop_text(&gateway(hop), &text(&hop["dev"]), &text(&hop["weight"]), &row_flags(hop))
}

/// Networks as `ip` leaves them short, in full.
fn destination(text: &str, family: Family) -> String {
    let (all, length) = match family {
        Family::Ipv4 => ("0.0.0.0/0", 32),
        Family::Ipv6 => ("::/0", 128),
    };
    match text {
        "default" | "all" => all.to_owned(),
        text if text.contains('/') => text.to_owned(),
        text => format!("{text}/{length}"),
    }
}

fn route_fields(network: &Network, route: &Route) -> Fields {
    let mut fields = Fields::new();
    let is_ipv4 = route.destination.family() == Family::Ipv4;
    put(&mut fields, "protocol", &route.protocol);
    put(&mut fields, "source", &maybe(route.preferred_source));
    put(&mut fields, "metric", &maybe((!is_ipv4 || route.priority > 0).then_some(route.priority)));
    put(&mut fields, "nexthop", &maybe(route.nexthop));
    let preference = route.router_preference.map(|preference| match preference {
        1 => "high",
        3 => "low",
        _ => "medium",
    });
    put(&mut fields, "preference", &maybe(preference));
    put(&mut fields, "from", &maybe(route.source));
    put(&mut fields, "table", &route.table.0);
    put(&mut fields, "kind", &route.kind.0);
    put(&mut fields, "to", &route.destination);
    put(&mut fields, "mtu", &maybe(route.mtu));
    put(&mut fields, "tos", &route.tos);
    put(&mut fields, "scope", &route.scope.0);
    let hops = route.hops.iter().map(|hop: &Hop| {
        let named = [
            (HopFlags::DEAD, "dead"),
            (HopFlags::ONLINK, "onlink"),
            (HopFlags::LINK_DOWN, "linkdown"),
        ];
        let flags: Vec<_> = named
            .iter()
            .filter(|(flag, _)| hop.flags.contains(*flag))
            .map(|(_, name)| *name)
            .collect();
        let device = hop.link.map(|link| network.link_name(link)).unwrap_or_default();
        hop_text(&maybe(hop.gateway), &device, &hop.weight.to_string(), &flags)
    });
    put(&mut fields, "hops", &hops.collect::<Vec<_>>().join(" "));
    fields
}

fn compare_rules(ctx: &Context, network: &Network, rows: &Rows, family: Family) {
    let expected = rows.iter().map(|row| {
        let mut fields = Fields::new();
        for (name, key) in [
            ("priority", "priority"),
            ("mark", "fwmark"),
            ("mask", "fwmask"),
            ("input", "iif"),
            ("output", "oif"),
            ("tos", "tos"),
            ("protocol", "ipproto"),
            ("goto", "goto"),
            ("tunnel", "tun_id"),
        ] {
            let text = text(&row[key]);
            put(&mut fields, name, &text.trim_start_matches("0x").trim_start_matches("ipproto-"));
        }
        let network = |address: &str, length: &str| match text(&row[address]) {
            text if text.is_empty() || text == "all" => String::new(),
            text => format!(
                "{text}/{}",
                row[length].as_u64().unwrap_or(match family {
                    Family::Ipv4 => 32,
                    Family::Ipv6 => 128,
                })
            ),
        };
        put(&mut fields, "from", &network("src", "srclen"));
        put(&mut fields, "to", &network("dst", "dstlen"));
        put(&mut fields, "not", &if row.get("not").is_some() { "yes" } else { "" });
        put(&mut fields, "vrf", &if row.get("l3mdev").is_some() { "yes" } else { "" });
        put(&mut fields, "table", &text(&row["table"]));
        let action = if row.get("nop").is_some() { "3".to_owned() } else { text(&row["action"]) };
        put(&mut fields, "action", &action);
        put(&mut fields, "users", &range(row, "uid_start", "uid_end", ""));
        put(&mut fields, "sport", &range(row, "sport_start", "sport_end", "sport"));
        put(&mut fields, "dport", &range(row, "dport_start", "dport_end", "dport"));
        put(&mut fields, "suppress", &text(&row["suppress_prefixlen"]));
        put(&mut fields, "group", &text(&row["suppress_ifgroup"]));
        fields
    });
    let ours = network.rules.iter().filter(|rule| rule.family == family);
    same(ctx, &format!("rules of {family:?}"), expected.collect(), ours.map(rule_fields).collect());
}

fn range(row: &Value, first: &str, last: &str, only: &str) -> String {
    match (&row[first], &row[last]) {
        (Value::Null, _) | (_, Value::Null) => {
            let one = text(&row[only]);
            if one.is_empty() { one } else { format!("{one}-{one}") }
        }
        (first, last) => format!("{first}-{last}"),
    }
}

fn rule_fields(rule: &Rule) -> Fields {
    let mut fields = Fields::new();
    let hex = |number: u32| if number == 0 { String::new() } else { format!("{number:x}") };
    put(&mut fields, "priority", &rule.priority);
    put(&mut fields, "mark", &hex(rule.mark));
    put(
        &mut fields,
        "mask",
        &if rule.mark_mask == u32::MAX { String::new() } else { hex(rule.mark_mask) },
    );
    put(&mut fields, "input", &maybe(rule.input.as_ref()));
    put(&mut fields, "output", &maybe(rule.output.as_ref()));
    put(&mut fields, "tos", &hex(u32::from(rule.tos)));
    put(
        &mut fields,
        "protocol",
        &if rule.protocol == 0 { String::new() } else { rule.protocol.to_string() },
    );
    put(&mut fields, "goto", &maybe(rule.goto));
    put(&mut fields, "tunnel", &maybe(rule.tunnel));
    put(&mut fields, "from", &maybe(rule.source));
    put(&mut fields, "to", &maybe(rule.destination));
    put(&mut fields, "not", &if rule.inverted { "yes" } else { "" });
    put(&mut fields, "vrf", &if rule.of_vrf { "yes" } else { "" });
    put(
        &mut fields,
        "table",
        &if rule.table.0 == 0 { String::new() } else { rule.table.0.to_string() },
    );
    put(
        &mut fields,
        "action",
        &match rule.action {
            RuleAction::LOOKUP | RuleAction::GOTO => String::new(),
            RuleAction(number) => number.to_string(),
        },
    );
    let range =
        |range: Option<(u16, u16)>| maybe(range.map(|(first, last)| format!("{first}-{last}")));
    put(&mut fields, "users", &maybe(rule.users.map(|(first, last)| format!("{first}-{last}"))));
    put(&mut fields, "sport", &range(rule.source_ports));
    put(&mut fields, "dport", &range(rule.destination_ports));
    put(&mut fields, "suppress", &maybe(rule.suppress_prefix_length));
    put(&mut fields, "group", &maybe(rule.suppress_group));
    fields
}

fn compare_neighbours(ctx: &Context, network: &Network, rows: &Rows) {
    let states = [
        ("INCOMPLETE", 1_u16),
        ("REACHABLE", 2),
        ("STALE", 4),
        ("DELAY", 8),
        ("PROBE", 0x10),
        ("FAILED", 0x20),
        ("NOARP", 0x40),
        ("PERMANENT", 0x80),
    ];
    let expected = rows.iter().map(|row| {
        let mut fields = Fields::new();
        put(&mut fields, "address", &text(&row["dst"]));
        put(&mut fields, "link", &text(&row["dev"]));
        put(&mut fields, "mac", &text(&row["lladdr"]));
        put(&mut fields, "state", &text(&row["state"][0]));
        fields
    });
    let got = network.neighbours.iter().map(|neighbour| {
        let mut fields = Fields::new();
        put(&mut fields, "address", &neighbour.address);
        put(&mut fields, "link", &network.link_name(neighbour.link));
        put(&mut fields, "mac", &maybe(neighbour.mac));
        let state = states.iter().find(|(_, bit)| neighbour.state.bits() & bit != 0);
        put(&mut fields, "state", &maybe(state.map(|(name, _)| name)));
        fields
    });
    same(ctx, "neighbours", expected.collect(), got.collect());
}

fn compare_entries(ctx: &Context, network: &Network, rows: &Rows) {
    let expected = rows.iter().map(|row| {
        let mut fields = Fields::new();
        for (name, key) in [
            ("mac", "mac"),
            ("link", "ifname"),
            ("remote", "dst"),
            ("port", "port"),
            ("vni", "vni"),
            ("vlan", "vlan"),
            ("master", "master"),
        ] {
            put(&mut fields, name, &text(&row[key]));
        }
        fields
    });
    let got = network.entries.iter().map(|entry| {
        let mut fields = Fields::new();
        put(&mut fields, "mac", &entry.mac);
        put(&mut fields, "link", &network.link_name(entry.link));
        put(&mut fields, "remote", &maybe(entry.remote.address));
        put(&mut fields, "port", &maybe(entry.remote.port));
        put(&mut fields, "vni", &maybe(entry.remote.vni));
        put(&mut fields, "vlan", &maybe(entry.vlan));
        put(&mut fields, "master", &maybe(entry.master.map(|index| network.link_name(index))));
        fields
    });
    same(ctx, "entries", expected.collect(), got.collect());
}

/// Each sysctl is what its file says; and those of each link are there.
fn compare_sysctls(ctx: &Context, network: &Network) {
    let volatile = ["net.netfilter.nf_conntrack_count"];
    for (name, value) in &network.sysctls {
        let file = name.replace('.', "\0").replace('/', ".").replace('\0', "/");
        // A link's array has what the kernel was built without, too: 0, and without a file.
        let Ok(read) = fs::read_to_string(format!("/proc/sys/{file}")) else {
            let of_link = network
                .links
                .iter()
                .any(|link| name.contains(&format!(".conf.{}.", link.name().replace('.', "/"))));
            ctx.check(&format!("{name} is {value} and has no file"), of_link && value == "0");
            continue;
        };
        if !volatile.contains(&&**name) {
            ctx.equal(name, read.trim(), value);
        }
    }
    for link in &network.links {
        for (family, setting) in
            [("ipv4", "rp_filter"), ("ipv4", "forwarding"), ("ipv6", "disable_ipv6")]
        {
            let path = format!("/proc/sys/net/{family}/conf/{}/{setting}", link.name());
            let expected = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
            let got = network.link_sysctl(family, link.name(), setting);
            ctx.equal(&format!("{setting} of {}", link.name()), &expected, &got);
        }
    }
    for name in
        ["net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"]
    {
        ctx.check(name, network.sysctl(name).is_some());
    }
}
