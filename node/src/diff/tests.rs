//! Differences, from snapshots that are made here.

use std::net::IpAddr;

use super::*;
use crate::{Hop, Link, Network, Pod, Prefix, Route};

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn node() -> Snapshot {
    let base =
        |index, name: &str| vxlan::Link { index, name: name.into(), ..vxlan::Link::default() };
    let link = |index, name| Link { base: base(index, name), ..Link::default() };
    let network: Prefix = "10.244.3.0/24".parse().expect("a network");
    let hop =
        Hop { link: Some(7), gateway: Some(address("10.244.3.0")), weight: 1, ..Hop::default() };
    Snapshot {
        name: "n120".to_owned(),
        kernel: "6.12".to_owned(),
        taken_at: 1,
        network: Network {
            links: vec![link(1, "lo"), link(7, "flannel.1")],
            routes: vec![Route::via(network, hop)],
            neighbours: vec![vxlan::Neighbour::permanent(
                7,
                address("10.244.3.0"),
                vxlan::Mac::ZERO,
            )],
            listeners: Part::Read(Vec::new()),
            ..Network::default()
        },
        pods: Part::Read(Vec::new()),
        balancer: Part::default(),
        tracking: Part::default(),
        netfilter: crate::Netfilter::default(),
        remarks: Vec::new(),
    }
}

fn told(before: &Snapshot, after: &Snapshot, volatile: bool) -> Vec<String> {
    let sign = |change| match change {
        RowChange::Added => '+',
        RowChange::Removed => '-',
        RowChange::Changed => '~',
    };
    let differences = diff(before, after, DiffOptions { volatile });
    let row = |it: &Difference| {
        let fields: Vec<_> = it.fields.iter().map(|change| change.field.as_str()).collect();
        format!("{} {} {} [{}]", it.table, sign(it.change), it.subject, fields.join(" "))
    };
    differences.iter().map(row).collect()
}

#[test]
fn a_snapshot_does_not_differ_from_itself_nor_by_its_time() {
    let (before, mut after) = (node(), node());
    after.taken_at = 2;
    after.remarks.push("links changed during every reading".to_owned());
    assert_eq!(told(&before, &after, true), Vec::<String>::new());
}

#[test]
fn a_link_that_was_made_anew_takes_its_routes_along() {
    let (before, mut after) = (node(), node());
    after.network.links[1].base.index = 9;
    after.network.routes[0].hops[0].link = Some(9);
    after.network.neighbours[0].link = 9;
    assert_eq!(told(&before, &after, false), ["links ~ flannel.1 [index]"]);
}

#[test]
fn rows_come_go_and_change() {
    let (before, mut after) = (node(), node());
    after.network.routes[0].hops[0].gateway = Some(address("10.244.3.1"));
    after.network.neighbours.clear();
    after.network.sysctls.insert("net.ipv4.ip_forward".to_owned(), "1".to_owned());
    let expected = [
        "routes ~ 10.244.3.0/24 table main [hops.0]",
        "neighbours - 10.244.3.0 dev flannel.1 [mac state]",
        "sysctls + net.ipv4.ip_forward [value]",
    ];
    let got = told(&before, &after, false);
    assert_eq!(got[0], expected[0]);
    assert!(got[1].starts_with("neighbours - 10.244.3.0 dev flannel.1 ["), "{got:?}");
    assert_eq!(got[2..], expected[2..]);
}

#[test]
fn routes_to_the_same_network_are_told_apart() {
    let (mut before, mut after) = (node(), node());
    let again = before.network.routes[0].clone();
    before.network.routes.push(again.clone());
    after.network.routes.push(Route { priority: 7, ..again });
    let got = told(&before, &after, false);
    assert!(got[0].starts_with("routes - 10.244.3.0/24 table main (2) ["), "{got:?}");
    assert!(got[1].starts_with("routes + 10.244.3.0/24 table main metric 7 ["), "{got:?}");
}

#[test]
fn what_changes_all_the_time_counts_if_it_is_asked_for() {
    let (mut before, mut after) = (node(), node());
    let state = |state| vxlan::Neighbour { state, ..node().network.neighbours[0] };
    before.network.neighbours[0] = state(vxlan::State::STALE);
    after.network.neighbours[0] = state(vxlan::State::REACHABLE);
    after.network.counters.insert("Udp.NoPorts".to_owned(), 7);
    after.network.links[0].counters = Some(crate::LinkCounters::default());
    assert_eq!(told(&before, &after, false), Vec::<String>::new());
    let tables: Vec<_> = diff(&before, &after, DiffOptions { volatile: true });
    let tables: Vec<_> = tables.iter().map(|difference| difference.table).collect();
    assert_eq!(tables, ["links", "neighbours", "counters"]);
    // A neighbour that does not answer any more is news at all times.
    after.network.neighbours[0] = state(vxlan::State::FAILED);
    assert_eq!(told(&before, &after, false), ["neighbours ~ 10.244.3.0 dev flannel.1 [state]"]);
}

#[test]
fn what_became_unknown_is_told_once() {
    let (before, mut after) = (node(), node());
    after.network.listeners = Part::Unknown("no rights".to_owned());
    assert_eq!(told(&before, &after, false), ["listeners ~ the table itself [unknown]"]);
    // Unknown for the same reason twice is no difference.
    assert_eq!(told(&after, &after, false), Vec::<String>::new());
}

#[test]
fn pods_are_compared_inside() {
    let (mut before, mut after) = (node(), node());
    let pod = |name: &str| Pod {
        name: name.to_owned(),
        namespace: Some(0),
        network: Network { listeners: Part::Read(Vec::new()), ..Network::default() },
    };
    before.pods = Part::Read(vec![pod("p23"), pod("p24")]);
    let mut changed = pod("p23");
    changed.network.sysctls.insert("net.ipv4.ip_forward".to_owned(), "1".to_owned());
    after.pods = Part::Read(vec![changed, pod("p25")]);
    let differences = diff(&before, &after, DiffOptions::default());
    let got: Vec<_> =
        differences.iter().map(|it| (it.pod.as_deref(), it.table, it.subject.as_str())).collect();
    let expected = [
        (None, "pods", "p24"),
        (None, "pods", "p25"),
        (Some("p23"), "sysctls", "net.ipv4.ip_forward"),
    ];
    assert_eq!(got, expected);
}

#[test]
fn rules_are_compared_without_what_they_counted() {
    let (mut before, mut after) = (node(), node());
    let save = |policy: &str, count: u32| {
        Part::Read(format!(
            "# Generated by iptables-save v1.8.9 on day {count}\n*filter\n:FORWARD {policy} \
             [{count}:{count}]\n[{count}:0] -A FORWARD -s 10.244.0.0/16 -j ACCEPT\nCOMMIT\n"
        ))
    };
    before.netfilter.iptables = save("ACCEPT", 7);
    after.netfilter.iptables = save("ACCEPT", 8);
    let ruleset = |handle: u32, word: &str| {
        Part::Read(format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "1"}}}}, {{"rule": {{"handle": {handle},
            "expr": [{{"counter": {{"packets": {handle}, "bytes": 1}}}}, {{"{word}": null}}]}}}}]}}"#
        ))
    };
    before.netfilter.nftables = ruleset(1, "accept");
    after.netfilter.nftables = ruleset(2, "accept");
    assert_eq!(told(&before, &after, true), Vec::<String>::new());
    after.netfilter.iptables = save("DROP", 8);
    after.netfilter.nftables = ruleset(1, "drop");
    let got = told(&before, &after, false);
    assert_eq!(got.len(), 4, "{got:?}");
    assert_eq!(got[2], "iptables - filter :FORWARD ACCEPT []");
    assert_eq!(got[3], "iptables + filter :FORWARD DROP []");
}
