//! Tables as rows of named texts, so that all are compared alike.

use std::collections::BTreeMap;
use std::net::IpAddr;

use conntrack::{Flow, Layer4};
use serde::Serialize;
use serde_json::Value;
use vxlan::{Entry, Neighbour, State};

use super::DiffOptions;
use crate::{Link, Network, Part, Route, Rule, Snapshot};

/// Fields of a row by name.
pub(super) type Fields = BTreeMap<String, String>;

/// Rows by what they are about.
pub(super) type Rows = BTreeMap<String, Fields>;

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) rows: Part<Rows>,
}

/// Tables of the node; every snapshot has the same.
pub(super) fn node(snapshot: &Snapshot, options: DiffOptions) -> Vec<Table> {
    let itself = BTreeMap::from([
        ("name".to_owned(), snapshot.name.clone()),
        ("kernel".to_owned(), snapshot.kernel.clone()),
    ]);
    let mut tables = vec![read("node", Rows::from([("the node".to_owned(), itself)]))];
    tables.extend(network(&snapshot.network, options));
    let pods = snapshot.pods.get().into_iter().flatten();
    let pods = pods.map(|pod| (pod.name.clone(), Fields::new()));
    tables.push(Table { name: "pods", rows: as_part(&snapshot.pods, pods.collect()) });
    tables.extend(balancer(snapshot, options));
    tables.extend(netfilter(snapshot));
    if options.volatile {
        tables.extend(flows(snapshot));
    }
    tables
}

/// Tables of a network namespace.
pub(super) fn network(network: &Network, options: DiffOptions) -> Vec<Table> {
    let addresses = network.addresses.iter().map(|address| {
        let link = network.link_name(address.link);
        let subject = format!("{}/{} dev {link}", address.address, address.prefix_length);
        (subject, fields(address, &["link", "address", "prefix_length"]))
    });
    let nexthops = network.nexthops.iter().map(|nexthop| {
        let mut row = fields(nexthop, &["id", "link"]);
        row.extend(nexthop.link.map(|link| ("link".to_owned(), network.link_name(link))));
        (nexthop.id.to_string(), row)
    });
    let vnis = network.vnis.iter().map(|entry| {
        let subject = format!("{} dev {}", entry.first, network.link_name(entry.link));
        let volatile: &[&str] = if options.volatile { &[] } else { &["statistics"] };
        (subject, without(fields(entry, &["link", "first"]), volatile))
    });
    let sysctls = network
        .sysctls
        .iter()
        .filter(|(name, _)| options.volatile || *name != "net.netfilter.nf_conntrack_count");
    let value = |value: &String| Fields::from([("value".to_owned(), value.clone())]);
    let listeners = network.listeners.get().into_iter().flatten().map(|listener| {
        let protocol = if listener.protocol == 6 { "tcp" } else { "udp" };
        (format!("{protocol} {}", listener.address), Fields::new())
    });
    let mut tables = vec![
        read("links", numbered(network.links.iter().map(|it| link(network, it, options)))),
        read("addresses", numbered(addresses)),
        read("routes", numbered(network.routes.iter().map(|it| route(network, it)))),
        read("rules", numbered(network.rules.iter().map(rule))),
        read(
            "neighbours",
            numbered(network.neighbours.iter().filter_map(|it| neighbour(network, it, options))),
        ),
        read("entries", numbered(network.entries.iter().map(|it| entry(network, it, options)))),
        read("nexthops", numbered(nexthops)),
        read("vnis", numbered(vnis)),
        read("sysctls", sysctls.map(|(name, text)| (name.clone(), value(text))).collect()),
        Table { name: "listeners", rows: as_part(&network.listeners, numbered(listeners)) },
    ];
    if options.volatile {
        let counters = network.counters.iter();
        let counters = counters.map(|(name, count)| (name.clone(), value(&count.to_string())));
        tables.push(read("counters", counters.collect()));
    }
    tables
}

fn read(name: &'static str, rows: Rows) -> Table {
    Table { name, rows: Part::Read(rows) }
}

fn as_part<T>(part: &Part<T>, rows: Rows) -> Part<Rows> {
    match part {
        Part::Read(_) => Part::Read(rows),
        Part::Unknown(reason) => Part::Unknown(reason.clone()),
    }
}

/// Rows that are about the same are told apart by their order.
fn numbered(rows: impl Iterator<Item = (String, Fields)>) -> Rows {
    let mut numbered = Rows::new();
    for (subject, fields) in rows {
        let mut name = subject.clone();
        let mut number = 2;
        while numbered.contains_key(&name) {
            name = format!("{subject} ({number})");
            number += 1;
        }
        numbered.insert(name, fields);
    }
    numbered
}

/// What a value has, but for the fields that it is told by.
fn fields(value: &impl Serialize, told: &[&str]) -> Fields {
    let mut fields = Fields::new();
    // A value that JSON cannot hold has no fields; there is none in a snapshot.
    flatten(&mut fields, String::new(), &serde_json::to_value(value).unwrap_or_default());
    without(fields, told)
}

/// Leaves out fields, and what is inside them.
fn without(mut fields: Fields, names: &[&str]) -> Fields {
    fields.retain(|field, _| {
        !names.iter().any(|name| {
            field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    });
    fields
}

fn flatten(fields: &mut Fields, name: String, value: &Value) {
    let inside = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| flatten(fields, inside(key), value));
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                flatten(fields, inside(&index.to_string()), value);
            }
        }
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => drop(fields.insert(name, text.clone())),
        value => drop(fields.insert(name, value.to_string())),
    }
}

fn link(network: &Network, link: &Link, options: DiffOptions) -> (String, Fields) {
    let mut row = fields(link, &["name", "master"]);
    if !options.volatile {
        row = without(row, &["counters"]);
    }
    let master = link.base.master.map(|master| network.link_name(master));
    row.extend(master.map(|master| ("master".to_owned(), master)));
    (link.name().to_owned(), row)
}

fn route(network: &Network, route: &Route) -> (String, Fields) {
    let mut subject = format!("{} table {}", route.destination, route.table);
    if let Some(source) = route.source {
        subject = format!("{subject} from {source}");
    }
    if route.tos != 0 {
        subject = format!("{subject} tos {:#x}", route.tos);
    }
    if route.priority != 0 {
        subject = format!("{subject} metric {}", route.priority);
    }
    let mut row =
        fields(route, &["destination", "table", "source", "tos", "priority", "hops", "kind"]);
    let kind = route.kind.name().map_or_else(|| route.kind.0.to_string(), str::to_owned);
    row.insert("kind".to_owned(), kind);
    for (index, hop) in route.hops.iter().enumerate() {
        let mut text = String::new();
        if let Some(gateway) = hop.gateway {
            text = format!("via {gateway} ");
        }
        if let Some(link) = hop.link {
            text = format!("{text}dev {} ", network.link_name(link));
        }
        if route.hops.len() > 1 {
            text = format!("{text}weight {} ", hop.weight);
        }
        for (flag, name) in [
            (crate::HopFlags::ONLINK, "onlink "),
            (crate::HopFlags::DEAD, "dead "),
            (crate::HopFlags::LINK_DOWN, "linkdown "),
        ] {
            if hop.flags.contains(flag) {
                text.push_str(name);
            }
        }
        row.insert(format!("hops.{index}"), text.trim_end().to_owned());
    }
    (subject, row)
}

fn rule(rule: &Rule) -> (String, Fields) {
    let family = if rule.family == ipvs::Family::Ipv4 { "ipv4" } else { "ipv6" };
    (format!("{family} {}", rule.priority), fields(rule, &["family", "priority"]))
}

/// A neighbour; `None` is one that is only being found out about.
fn neighbour(
    network: &Network,
    neighbour: &Neighbour,
    options: DiffOptions,
) -> Option<(String, Fields)> {
    let subject = format!("{} dev {}", neighbour.address, network.link_name(neighbour.link));
    let mut row = fields(neighbour, &["link", "address"]);
    if !options.volatile {
        row = without(row, &["cache", "probes", "state"]);
        let known = State::REACHABLE | State::STALE | State::DELAY | State::PROBE;
        let state = match neighbour.state {
            state if state.contains(State::NOARP) => return None,
            state if state.contains(State::PERMANENT) => "permanent",
            state if state.intersects(known) => "known",
            _ => "unresolved",
        };
        row.insert("state".to_owned(), state.to_owned());
    }
    Some((subject, row))
}

/// Entries of one address are changed; those of a flooding address, which has several remotes, come
/// and go.
fn entry(network: &Network, entry: &Entry, options: DiffOptions) -> (String, Fields) {
    let mut subject = format!("{} dev {}", entry.mac, network.link_name(entry.link));
    if let Some(vlan) = entry.vlan {
        subject = format!("{subject} vlan {vlan}");
    }
    if let Some(vni) = entry.source_vni {
        subject = format!("{subject} src_vni {vni}");
    }
    if let Some(master) = entry.master {
        subject = format!("{subject} master {}", network.link_name(master));
    }
    if entry.mac.floods() && entry.remote != vxlan::Remote::default() {
        subject = format!("{subject} dst {}", entry.remote);
    }
    let mut row = fields(entry, &["link", "mac", "vlan", "source_vni", "master"]);
    if !options.volatile {
        row = without(row, &["cache"]);
    }
    (subject, row)
}

fn balancer(snapshot: &Snapshot, options: DiffOptions) -> Vec<Table> {
    let balancer = &snapshot.balancer;
    let services = || balancer.get().into_iter().flat_map(|balancer| &balancer.services);
    let volatile: &[&str] = if options.volatile {
        &[]
    } else {
        &["statistics", "active_connections", "inactive_connections", "persistent_connections"]
    };
    let rows = services().map(|row| {
        let key = row.service.service.key;
        (key.to_string(), without(fields(&row.service, &["key"]), volatile))
    });
    let destinations = services().flat_map(|row| {
        let key = row.service.service.key;
        row.destinations.iter().map(move |destination| {
            let subject = format!("{key} -> {}", destination.destination.address);
            (subject, without(fields(destination, &["address"]), volatile))
        })
    });
    let settings = balancer.get().into_iter().flat_map(|balancer| {
        let timeouts = ("timeouts".to_owned(), fields(&balancer.timeouts, &[]));
        let daemon =
            |daemon: &ipvs::Daemon| (format!("daemon {}", daemon.role), fields(daemon, &["role"]));
        std::iter::once(timeouts).chain(balancer.daemons.iter().map(daemon))
    });
    vec![
        Table { name: "services", rows: as_part(balancer, numbered(rows)) },
        Table { name: "destinations", rows: as_part(balancer, numbered(destinations)) },
        Table { name: "ipvs", rows: as_part(balancer, numbered(settings)) },
    ]
}

fn netfilter(snapshot: &Snapshot) -> Vec<Table> {
    let rules = &snapshot.netfilter;
    let text = |name, part: &Part<String>, split: fn(&str) -> Rows| Table {
        name,
        rows: match part {
            Part::Read(text) => Part::Read(split(text)),
            Part::Unknown(reason) => Part::Unknown(reason.clone()),
        },
    };
    vec![
        text("nftables", &rules.nftables, nftables),
        text("iptables", &rules.iptables, lines),
        text("ip6tables", &rules.ip6tables, lines),
        text("sets", &rules.sets, lines),
    ]
}

/// Lines of a save, each with its table, without what was counted.
fn lines(text: &str) -> Rows {
    let mut table = "";
    let mut rows = Vec::new();
    for line in text.lines() {
        match line.split_once('*') {
            Some(("", name)) => table = name,
            _ if line.is_empty() || line.starts_with('#') || line == "COMMIT" => {}
            _ => {
                // `:FORWARD ACCEPT [7:420]`, and `[7:420] -A ...` of a save with counters.
                let words = line.split(' ').filter(|word| !is_counted(word));
                let line = words.collect::<Vec<_>>().join(" ");
                let subject = if table.is_empty() { line } else { format!("{table} {line}") };
                rows.push((subject, Fields::new()));
            }
        }
    }
    numbered(rows.into_iter())
}

fn is_counted(word: &str) -> bool {
    let inside = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
    let numbers = inside.and_then(|inside| inside.split_once(':'));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(packets, bytes)| digits(packets) && digits(bytes))
}

/// Objects of a ruleset, without what was counted and without handles.
fn nftables(text: &str) -> Rows {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else { return lines(text) };
    let objects = document.get("nftables").and_then(Value::as_array).into_iter().flatten();
    let objects = objects.filter(|object| object.get("metainfo").is_none());
    numbered(objects.map(|object| {
        let mut object = object.clone();
        forget(&mut object);
        (object.to_string(), Fields::new())
    }))
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for name in ["handle", "packets", "bytes"] {
                object.remove(name);
            }
            object.values_mut().for_each(forget);
        }
        Value::Array(list) => list.iter_mut().for_each(forget),
        _ => {}
    }
}

/// Flows and connections, as how many there are of each kind.
fn flows(snapshot: &Snapshot) -> Vec<Table> {
    let flows = snapshot.tracking.get().map(|tracking| &tracking.flows);
    let flows = flows.and_then(Part::get).into_iter().flatten().map(answered);
    let balancer = snapshot.balancer.get();
    let connections =
        balancer.and_then(|balancer| balancer.connections.get()).into_iter().flatten();
    let connections = connections.map(|connection| {
        format!(
            "{} {} -> {}",
            connection.protocol, connection.virtual_address, connection.destination
        )
    });
    vec![read("flows", counted(flows)), read("connections", counted(connections))]
}

fn counted(groups: impl Iterator<Item = String>) -> Rows {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for group in groups {
        *counts.entry(group).or_default() += 1;
    }
    let row = |count: u64| Fields::from([("count".to_owned(), count.to_string())]);
    counts.into_iter().map(|(group, count)| (group, row(count))).collect()
}

/// Where a flow goes, and who answers.
fn answered(flow: &Flow<'_>) -> String {
    let with_port = |address: IpAddr, port: Option<u16>| match port {
        Some(port) => std::net::SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    };
    let to = match flow.original.layer4 {
        Layer4::Ports { destination, .. } => Some(destination),
        _ => None,
    };
    let from = match flow.reply.layer4 {
        Layer4::Ports { source, .. } => Some(source),
        _ => None,
    };
    let (to, from) = (with_port(flow.original.destination, to), with_port(flow.reply.source, from));
    format!("{} {to} -> {from}", flow.original.protocol)
}
