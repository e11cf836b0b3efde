//! What bridge 6.1 printed of the same state, on Linux 6.12 and 6.18.

use std::net::IpAddr;

use vxlan::{
    CacheTimes, Entry, FilterMode, Flags, Group, Mac, MulticastEntry, RouterPort, Source, State,
    Vni, VniEntry, VniStatistics,
};

use super::*;

fn names() -> Names {
    let links = [(1, "lo"), (2, "d0"), (3, "vx1"), (4, "vxf"), (5, "p0"), (6, "br0"), (10, "br1")];
    Names::of(links.into_iter().chain([(11, "q0"), (12, "q1")]))
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn mac(text: &str) -> Mac {
    text.parse().expect("an address")
}

fn printed(format: Format, print: impl FnOnce(&mut Printer)) -> String {
    let mut printer = Printer::new(format);
    printer.begin();
    print(&mut printer);
    printer.end();
    String::from_utf8(printer.bytes().to_vec()).expect("text")
}

const TEXT: Format = Format {
    form: Form::Text,
    details: false,
    statistics: false,
    one_line: false,
    device: true,
    remotes: false,
};
const JSON: Format = Format { form: Form::Json { pretty: false }, ..TEXT };
const PRETTY: Format = Format { form: Form::Json { pretty: true }, ..TEXT };
const COLOURED: Format = Format { form: Form::Coloured { dark: false }, ..TEXT };

fn entries(format: Format, entries: &[Entry]) -> String {
    let names = names();
    printed(format, |printer| entries.iter().for_each(|each| entry(printer, each, &names)))
}

fn to(mac_text: &str, remote: &str) -> Entry {
    Entry::to(3, mac(mac_text), address(remote))
}

/// `bridge fdb add 02:00:00:00:00:02 dev vx1 dst 10.0.0.1 port 5 vni 77 via d0 static router
/// extern_learn`.
fn with_everything() -> Entry {
    let mut entry = to("02:00:00:00:00:02", "10.0.0.1");
    entry.remote.port = Some(5);
    entry.remote.vni = Vni::new(77);
    entry.remote.via = Some(2);
    entry.state = State::STATIC;
    entry.flags = Flags::SELF | Flags::ROUTER | Flags::EXTERN_LEARN;
    entry.cache = Some(CacheTimes { used: 199, updated: 1200, ..CacheTimes::default() });
    entry
}

/// Entries of a bridge's table and of its port's own.
fn of_a_bridge() -> [Entry; 3] {
    let mut dynamic = Entry::new(5, mac("02:00:00:00:00:05"));
    (dynamic.vlan, dynamic.master) = (Some(1), Some(6));
    (dynamic.state, dynamic.flags) = (State::DYNAMIC, Flags::EXTERN_LEARN);
    dynamic.cache = Some(CacheTimes::default());
    let mut own = Entry::new(5, mac("be:de:b5:fa:13:be"));
    (own.vlan, own.master, own.flags) = (Some(0), Some(6), Flags::empty());
    [dynamic, own, Entry::new(5, mac("33:33:00:00:00:01"))]
}

#[test]
fn entries_in_text() {
    let dynamic = Entry { state: State::DYNAMIC, ..to("02:00:00:00:00:03", "10.0.0.1") };
    let [first, second, third] = of_a_bridge();
    let all = [with_everything(), dynamic, first, second, third];
    assert_eq!(
        entries(TEXT, &all),
        "02:00:00:00:00:02 dev vx1 dst 10.0.0.1 port 5 vni 77 via d0 self router extern_learn \
         static\n\
         02:00:00:00:00:03 dev vx1 dst 10.0.0.1 self \n\
         02:00:00:00:00:05 dev p0 vlan 1 extern_learn master br0 \n\
         be:de:b5:fa:13:be dev p0 master br0 permanent\n\
         33:33:00:00:00:01 dev p0 self permanent\n"
    );
    let format = Format { device: false, statistics: true, one_line: true, ..TEXT };
    assert_eq!(
        entries(format, &all[..3]),
        "02:00:00:00:00:02 dst 10.0.0.1 port 5 vni 77 via d0 used 1/12 self router extern_learn \
         static\n\
         02:00:00:00:00:03 dst 10.0.0.1 self \n\
         02:00:00:00:00:05 vlan 1 used 0/0 extern_learn master br0 \n"
    );
}

#[test]
fn entries_in_json() {
    let all = [with_everything(), of_a_bridge()[0]];
    assert_eq!(
        entries(JSON, &all),
        "[{\"mac\":\"02:00:00:00:00:02\",\"ifname\":\"vx1\",\"dst\":\"10.0.0.1\",\"port\":5,\
         \"vni\":77,\"viaIf\":\"d0\",\"flags\":[\"self\",\"router\",\"extern_learn\"],\
         \"state\":\"static\"},{\"mac\":\"02:00:00:00:00:05\",\"ifname\":\"p0\",\"vlan\":1,\
         \"flags\":[\"extern_learn\"],\"master\":\"br0\",\"state\":\"\"}]\n"
    );
    let format = Format { device: false, statistics: true, ..PRETTY };
    assert_eq!(
        entries(format, &all),
        r#"[ {
        "mac": "02:00:00:00:00:02",
        "dst": "10.0.0.1",
        "port": 5,
        "vni": 77,
        "viaIf": "d0",
        "used": 1,
        "updated": 12,
        "flags": [ "self","router","extern_learn" ],
        "state": "static"
    },{
        "mac": "02:00:00:00:00:05",
        "vlan": 1,
        "used": 0,
        "updated": 0,
        "flags": [ "extern_learn" ],
        "master": "br0",
        "state": ""
    } ]
"#
    );
    assert_eq!((entries(JSON, &[]), entries(PRETTY, &[])), ("[]\n".into(), "[ ]\n".into()));
}

#[test]
fn entries_in_colours() {
    let all = [to("02:00:00:00:00:01", "10.0.0.1"), to("02:00:00:00:00:01", "fe80::1")];
    assert_eq!(
        entries(COLOURED, &all),
        "\x1b[33m02:00:00:00:00:01 \x1b[0mdev \x1b[36mvx1 \x1b[0mdst \x1b[35m10.0.0.1 \x1b[0mself \
         permanent\n\
         \x1b[33m02:00:00:00:00:01 \x1b[0mdev \x1b[36mvx1 \x1b[0mdst \x1b[34mfe80::1 \x1b[0mself \
         permanent\n"
    );
    let format = Format { form: Form::Coloured { dark: true }, device: false, ..TEXT };
    assert_eq!(
        entries(format, &all[..1]),
        "\x1b[1;33m02:00:00:00:00:01 \x1b[0mdst \x1b[1;35m10.0.0.1 \x1b[0mself permanent\n"
    );
}

#[test]
fn entries_of_moved_devices_and_of_groups() {
    let mut moved = to("02:00:00:00:09:01", "172.16.20.121");
    (moved.remote.via, moved.link_namespace) = (Some(1), Some(0));
    let mut group = Entry::new(3, mac("02:00:00:00:00:0c"));
    group.nexthop_group = Some(10);
    let mut external = to("02:00:00:00:02:01", "172.16.20.122");
    (external.remote.vni, external.source_vni) = (Vni::new(7), Vni::new(6));
    let all = [moved, group, external];
    assert_eq!(
        entries(TEXT, &all),
        "02:00:00:00:09:01 dev vx1 dst 172.16.20.121 via ifindex 1 link-netnsid 0 self permanent\n\
         02:00:00:00:00:0c dev vx1 nhid 10 self permanent\n\
         02:00:00:00:02:01 dev vx1 dst 172.16.20.122 vni 7 src_vni 6 self permanent\n"
    );
    assert_eq!(
        entries(Format { device: false, ..JSON }, &all),
        "[{\"mac\":\"02:00:00:00:09:01\",\"dst\":\"172.16.20.121\",\"viaIfIndex\":1,\
         \"linkNetNsId\":0,\"flags\":[\"self\"],\"state\":\"permanent\"},\
         {\"mac\":\"02:00:00:00:00:0c\",\"nhid\":10,\"flags\":[\"self\"],\"state\":\"permanent\"},\
         {\"mac\":\"02:00:00:00:02:01\",\"dst\":\"172.16.20.122\",\"vni\":7,\"src_vni\":6,\
         \"flags\":[\"self\"],\"state\":\"permanent\"}]\n"
    );
}

#[test]
fn every_state_and_flag() {
    let with = |state, flags| Entry { state, flags, ..Entry::new(99, Mac::ZERO) };
    let all = [
        with(State::STALE, Flags::OFFLOADED | Flags::STICKY | Flags::MASTER | Flags::USE),
        with(State::FAILED | State::INCOMPLETE, Flags::empty()),
        with(State::empty(), Flags::empty()),
    ];
    assert_eq!(
        entries(TEXT, &all),
        "00:00:00:00:00:00 dev if99 offload master sticky stale\n\
         00:00:00:00:00:00 dev if99 state=0x21\n\
         00:00:00:00:00:00 dev if99 state=0\n"
    );
    assert!(entries(JSON, &all[1..2]).ends_with("\"flags\":[],\"state\":\"0x21\"}]\n"));
}

#[test]
fn deleted_entries_say_so_first() {
    let names = names();
    let entry = to("02:00:00:00:00:11", "10.0.0.1");
    let print = |format| printed(format, |printer| deleted_entry(printer, &entry, &names));
    assert_eq!(print(TEXT), "Deleted 02:00:00:00:00:11 dev vx1 dst 10.0.0.1 self permanent\n");
    assert!(print(JSON).starts_with("[{\"deleted\":true,\"mac\":"));
}

#[test]
fn strange_names_are_escaped_in_json_alone() {
    let names = Names::of([(3, "a\"'\\b<\u{e9}"), (2, "d\u{1}\u{8}z")]);
    let mut entry = to("02:00:00:00:00:01", "10.0.0.1");
    entry.remote.via = Some(2);
    let print = |format| printed(format, |printer| super::entry(printer, &entry, &names));
    assert!(print(TEXT).contains(" dev a\"'\\b<\u{e9} dst 10.0.0.1 via d\u{1}\u{8}z self"));
    let json = print(JSON);
    assert!(json.contains(r#""ifname":"a\"'\\b<é","#), "{json}");
    assert!(json.contains("\"viaIf\":\"d\u{1}\\bz\","), "{json}");
}

fn vni(number: u32) -> Vni {
    Vni::new(number).expect("a VNI")
}

fn vnis(format: Format) -> String {
    let range = |first, last| VniEntry::new(4, vni(first), vni(last));
    let mut remote = range(30, 30);
    remote.remote = Some(address("172.16.20.121"));
    let mut last = range(16_777_214, 16_777_215);
    last.remote = Some(address("255.255.255.255"));
    let mut group = VniEntry { link: 9, ..range(34, 34) };
    group.remote = Some(address("ff05::1"));
    let names = Names::of([(4, "vxf"), (9, "verylongname123")]);
    printed(format, |printer| {
        vni_heading(printer);
        vni_entries(printer, &[range(10, 10), range(20, 25), remote, last], &names);
        vni_entries(printer, &[group], &names);
        vni_entries(printer, &[], &names);
    })
}

const VNIS: &str = "\
dev               vni              group/remote   
vxf                10            
                   20-25             
                   30             172.16.20.121
                   16777214-16777215        255.255.255.255

verylongname123    34             ff05::1

";

#[test]
fn filters_of_vnis() {
    assert_eq!(vnis(TEXT), VNIS);
    let heading = VNIS.find('\n').expect("a line") + 1;
    assert_eq!(
        vnis(Format { one_line: true, ..TEXT }),
        format!("{}{}", &VNIS[..heading], VNIS[heading..].replace('\n', "\\"))
    );
    assert!(vnis(COLOURED).contains("\n\x1b[36mvxf               \x1b[0m 10            \n"));
    assert_eq!(
        vnis(JSON),
        "[{\"ifname\":\"vxf\",\"vnis\":[{\"vni\":10},{\"vni\":20,\"vniEnd\":25},\
         {\"vni\":30,\"remote\":\"172.16.20.121\"},\
         {\"vni\":16777214,\"vniEnd\":16777215,\"remote\":\"255.255.255.255\"}]},\
         {\"ifname\":\"verylongname123\",\"vnis\":[{\"vni\":34,\"group\":\"ff05::1\"}]}]\n"
    );
}

#[test]
fn counters_of_vnis() {
    let statistics = VniStatistics { rx_bytes: 1, tx_errors: 8, ..VniStatistics::default() };
    let mut first = VniEntry::new(4, vni(10), vni(10));
    first.statistics = Some(statistics);
    let second = VniEntry { first: vni(11), last: vni(11), ..first };
    let names = names();
    let print = |format| printed(format, |printer| vni_entries(printer, &[first, second], &names));
    assert_eq!(
        print(TEXT),
        "\
vxf                10            
                   RX: bytes 1 pkts 0 drops 0 errors 0 
                   TX: bytes 0 pkts 0 drops 0 errors 8 
                   11            
                   RX: bytes 1 pkts 0 drops 0 errors 0 
                   TX: bytes 0 pkts 0 drops 0 errors 8 

"
    );
    let json = print(PRETTY);
    let stats = r#"[ {
        "ifname": "vxf",
        "vnis": [ {
                "vni": 10,
                "stats": {
                    "rx_bytes": 1,
                    "rx_pkts": 0,
                    "rx_drops": 0,
                    "rx_errors": 0,
                    "tx_bytes": 0,
                    "tx_pkts": 0,
                    "tx_drops": 0,
                    "tx_errors": 8
                }
            },{
                "vni": 11,"#;
    assert!(json.starts_with(stats), "{json}");
    assert!(json.ends_with("\n                }\n            } ]\n    } ]\n"), "{json}");
}

fn group(text: &str) -> MulticastEntry {
    let mut entry = MulticastEntry::to(6, address(text), address("0.0.0.0"));
    (entry.port, entry.permanent, entry.vlan) = (5, false, 1);
    entry
}

fn database() -> Vec<MulticastEntry> {
    let source = |text, timer| Source { address: address(text), timer };
    let mut listed = group("ff05::9");
    listed.filter_mode = Some(FilterMode::Include);
    listed.sources = vec![source("fd00::2", 25964), source("fd00::1", 0)];
    (listed.protocol, listed.timer) = (Some(2), Some(0));
    let mut blocked = group("239.9.9.8");
    (blocked.source, blocked.flags) = (Some(address("10.7.7.8")), 0b1111);
    (blocked.protocol, blocked.timer) = (Some(77), Some(25949));
    let mut own = group("0.0.0.0");
    (own.group, own.port, own.permanent) = (Group::Mac(mac("03:03:03:03:03:03")), 6, true);
    own.vlan = 0;
    vec![listed, blocked, own]
}

fn databases(format: Format) -> String {
    let router = |link, port, timer, temporary| RouterPort { link, port, timer, temporary };
    let routers = [
        router(6, 5, Some(0), false),
        router(10, 12, Some(25497), true),
        router(10, 11, Some(0), false),
    ];
    printed(format, |printer| multicast(printer, &database(), &routers, &names()))
}

#[test]
fn multicast_databases_in_text() {
    assert_eq!(
        databases(TEXT),
        "dev br0 port p0 grp ff05::9 temp vid 1\n\
         dev br0 port p0 grp 239.9.9.8 src 10.7.7.8 temp offload fast_leave added_by_star_ex \
         blocked vid 1\n\
         dev br0 port br0 grp 03:03:03:03:03:03 permanent\n"
    );
    let format = Format { details: true, ..TEXT };
    assert_eq!(
        databases(format),
        "dev br0 port p0 grp ff05::9 temp filter_mode include source_list \
         fd00::2/259.64,fd00::1/0.00 proto kernel  vid 1\n\
         dev br0 port p0 grp 239.9.9.8 src 10.7.7.8 temp proto 77  offload fast_leave \
         added_by_star_ex blocked vid 1\n\
         dev br0 port br0 grp 03:03:03:03:03:03 permanent\n\
         router ports on br0: p0 \n\
         router ports on br1: q1 q0 \n"
    );
    let format = Format { statistics: true, one_line: true, ..format };
    assert_eq!(
        databases(format),
        "dev br0 port p0 grp ff05::9 temp filter_mode include source_list \
         fd00::2/259.64,fd00::1/0.00 proto kernel  vid 1    0.00\\\
         dev br0 port p0 grp 239.9.9.8 src 10.7.7.8 temp proto 77  offload fast_leave \
         added_by_star_ex blocked vid 1  259.49\\\
         dev br0 port br0 grp 03:03:03:03:03:03 permanent\\\
         router ports on br0: p0    0.00 permanent\n\
         router ports on br1: q1  254.97 temp\n\
         router ports on br1: q0    0.00 permanent\n"
    );
}

#[test]
fn multicast_databases_in_colours() {
    let text = databases(Format { details: true, ..COLOURED });
    assert!(text.starts_with(
        "\x1b[36mdev br0\x1b[0m port p0\x1b[34m grp ff05::9\x1b[0m temp filter_mode include \
         source_list \x1b[34mfd00::2\x1b[0m/259.64,\x1b[34mfd00::1\x1b[0m/0.00 proto kernel  vid \
         1\n\
         \x1b[36mdev br0\x1b[0m port p0\x1b[35m grp 239.9.9.8\x1b[0m\x1b[35m src 10.7.7.8\x1b[0m \
         temp "
    ));
    assert!(text.contains("\x1b[36mdev br0\x1b[0m port br0 grp 03:03:03:03:03:03 permanent\n"));
}

#[test]
fn multicast_databases_in_json() {
    assert!(databases(JSON).ends_with(
        ",{\"index\":6,\"dev\":\"br0\",\"port\":\"br0\",\"grp\":\"03:03:03:03:03:03\",\
         \"state\":\"permanent\",\"flags\":[]}],\"router\":{}}]\n"
    ));
    let format = Format { details: true, statistics: true, ..JSON };
    let json = databases(format);
    assert!(json.starts_with(
        "[{\"mdb\":[{\"index\":6,\"dev\":\"br0\",\"port\":\"p0\",\"grp\":\"ff05::9\",\
         \"state\":\"temp\",\"filter_mode\":\"include\",\"source_list\":[\
         {\"address\":\"fd00::2\",\"timer\":\"259.64\"},{\"address\":\"fd00::1\",\"timer\":\"0.00\"}\
         ],\"protocol\":\"kernel\",\"flags\":[],\"vid\":1,\"timer\":\"   0.00\"}"
    ));
    assert!(json.ends_with(
        "\"router\":{\"br0\":[{\"port\":\"p0\",\"timer\":\"   0.00\",\"type\":\"permanent\"}],\
         \"br1\":[{\"port\":\"q1\",\"timer\":\" 254.97\",\"type\":\"temp\"},\
         {\"port\":\"q0\",\"timer\":\"   0.00\",\"type\":\"permanent\"}]}}]\n"
    ));
    let pretty = databases(Format { details: true, ..PRETTY });
    assert!(pretty.ends_with(
        r#" ],
        "router": {
            "br0": [ {
                    "port": "p0"
                } ],
            "br1": [ {
                    "port": "q1"
                },{
                    "port": "q0"
                } ]
        }
    } ]
"#
    ));
    assert_eq!(
        printed(PRETTY, |printer| multicast(printer, &[], &[], &names())),
        "[ {\n        \"mdb\": [ ],\n        \"router\": {}\n    } ]\n"
    );
}
