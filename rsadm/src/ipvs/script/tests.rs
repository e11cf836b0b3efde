use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipvs::{
    Daemon, Destination, Family, ForwardingMethod, Netmask, Protocol, Role, Service, ServiceFlags,
    ServiceKey, Timeouts, Tunnel, TunnelFlags, TunnelKind,
};
use proptest::prelude::*;

use super::write::{self, Detail};
use super::{Names, Numeric, Problem, parse};
use ipvs::Change;

/// The one change of a script.
fn one(text: &str) -> Change {
    let mut items = parse(text.as_bytes(), &Numeric).expect(text);
    assert_eq!(items.len(), 1, "{text}");
    items.remove(0).change
}

/// The one mistake of a script, as text.
fn mistake(text: impl AsRef<[u8]>) -> String {
    let problems = parse(text.as_ref(), &Numeric).expect_err("a mistake");
    assert_eq!(problems.total, 1, "{problems}");
    problems.to_string()
}

fn key(text: &str) -> ServiceKey {
    text.parse().expect("a key")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn masq(text: &str) -> Destination {
    Destination::new(address(text), ForwardingMethod::MASQUERADE)
}

fn added(text: &str) -> Destination {
    match one(text) {
        Change::AddDestination(_, destination) => destination,
        other => panic!("{other:?}"),
    }
}

fn service(text: &str) -> Service {
    match one(text) {
        Change::AddService(service) => service,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_command() {
    let web = key("tcp://10.0.0.1:80");
    let cases = [
        ("-A -t 10.0.0.1:80", Change::AddService(Service::new(web, "wlc"))),
        ("-E -t 10.0.0.1:80 -s rr", Change::UpdateService(Service::new(web, "rr"))),
        ("-D -t 10.0.0.1:80", Change::DeleteService(web)),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m",
            Change::AddDestination(web, masq("10.1.0.1:8080")),
        ),
        (
            "-e -t 10.0.0.1:80 -r 10.1.0.1 -m -w 5",
            Change::UpdateDestination(web, Destination { weight: 5, ..masq("10.1.0.1:80") }),
        ),
        (
            "-d -t 10.0.0.1:80 -r 10.1.0.1:8080",
            Change::DeleteDestination(web, address("10.1.0.1:8080")),
        ),
        ("-C", Change::Flush),
        ("-Z", Change::Zero(None)),
        ("-Z -t 10.0.0.1:80", Change::Zero(Some(web))),
        ("--set 900 120 0", Change::SetTimeouts(Timeouts { tcp: 900, tcp_fin: 120, udp: 0 })),
        ("--stop-daemon backup --syncid 3", Change::StopDaemon(Role::Backup, 3)),
        ("--start-daemon master", Change::StartDaemon(Daemon::new(Role::Master, "eth0"))),
    ];
    for (text, change) in cases {
        assert_eq!(one(text), change, "{text}");
        assert_eq!(one(&format!("ipvsadm {text}")), change, "with the tool's name: {text}");
    }
}

#[test]
fn long_names_values_behind_equals_signs_and_clusters() {
    let expected = one("-A -t 10.0.0.1:80 -s rr -p 60 -M 255.255.255.0 --pe sip -b flag-1");
    for text in [
        "--add-service --tcp-service=10.0.0.1:80 --scheduler=rr --persistent=60 \
         --netmask=255.255.255.0 --pe=sip --sched-flags=flag-1",
        "-At 10.0.0.1:80 -srr -p60 -M255.255.255.0 --pe sip -bflag-1",
        "-p 60 -t 10.0.0.1:80 --pe sip -b flag-1 -s rr -M 255.255.255.0 -A",
        "'-A'\t-t \"10.0.0.1:80\" -s r'r' -p \"6\"'0' -M 255.255.255.0 --pe sip -b flag-1\r",
    ] {
        assert_eq!(one(text), expected, "{text}");
    }
    assert_eq!(one("-at 10.0.0.1:80 -mr10.1.0.1:81"), one("-a -t 10.0.0.1:80 -r 10.1.0.1:81 -m"));
}

#[test]
fn services_of_every_kind() {
    assert_eq!(service("-A -u 10.0.0.1:53").key, key("udp://10.0.0.1:53"));
    assert_eq!(service("-A --sctp-service [2001:db8::1]:9").key, key("sctp://[2001:db8::1]:9"));
    assert_eq!(service("-A -f 7").key, key("fwmark://7"));
    assert_eq!(service("-A -f 7 -6").key, key("fwmark6://7"));
    assert_eq!(service("-A -6 -f 4294967295").key, key("fwmark6://4294967295"));
    assert_eq!(service("-A -t 2001:db8::1 -p").key, key("tcp://[2001:db8::1]:0"));
    assert_eq!(service("-A -t [2001:db8::1] -p").key, key("tcp://[2001:db8::1]:0"));
    assert_eq!(service("-A --service ip-41://10.0.0.1:1").key, key("ip-41://10.0.0.1:1"));
}

#[test]
fn the_marks_that_ipvsadm_saves_as_negative_numbers() {
    assert_eq!(service("-A -f -1294967296").key, key("fwmark://3000000000"));
    assert_eq!(service("-A -f -1").key, key("fwmark://4294967295"));
}

#[test]
fn persistence() {
    assert_eq!(service("-A -t 10.0.0.1:80 -p").timeout, 360);
    assert_eq!(service("-A -t 10.0.0.1:80 -p -s rr").timeout, 360);
    assert_eq!(service("-A -p 50 -t 10.0.0.1:80").timeout, 50);
    assert!(!service("-A -t 10.0.0.1:80").is_persistent());
    let v6 = service("-A -M 64 -t [2001:db8::1]:80 -p");
    assert_eq!(v6.netmask, Netmask::V6(64));
    let mark = service("-A -M 48 -f 1 -6 -p");
    assert_eq!(mark.netmask, Netmask::V6(48));
}

#[test]
fn scheduler_flags_by_number_and_by_the_schedulers_names() {
    let first = ServiceFlags::SCHEDULER_1;
    let second = ServiceFlags::SCHEDULER_2;
    assert_eq!(service("-A -t 10.0.0.1:80 -b sh-port,sh-fallback -s sh").flags, first | second);
    assert_eq!(service("-A -t 10.0.0.1:80 -b flag-2,mh-fallback -s mh").flags, first | second);
    let ops = service("-A -u 10.0.0.1:53 -s sh -o -b flag-3");
    assert_eq!(ops.flags, ServiceFlags::ONE_PACKET | ServiceFlags::SCHEDULER_3);
}

#[test]
fn ports_of_destinations() {
    let cases = [
        // Only masquerading rewrites the port.
        ("-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m", "10.1.0.1:8080"),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -g", "10.1.0.1:80"),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -i", "10.1.0.1:80"),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1", "10.1.0.1:80"),
        ("-a -r 10.1.0.1 -m -t 10.0.0.1:80", "10.1.0.1:80"),
        ("-a -f 7 -r 10.1.0.1:8080 -g", "10.1.0.1:8080"),
        ("-a -f 7 -r 10.1.0.1 -g", "10.1.0.1:0"),
        ("-a -t 10.0.0.1:80 -r [2001:db8::9]:1 -i", "[2001:db8::9]:80"),
    ];
    for (text, expected) in cases {
        assert_eq!(added(text).address, address(expected), "{text}");
    }
}

#[test]
fn tunnels() {
    let tunnel = |kind, port, flags| Tunnel { kind, port, flags };
    let none = TunnelFlags::empty();
    let cases = [
        ("", tunnel(TunnelKind::IPIP, 0, none)),
        ("--tun-type ipip", tunnel(TunnelKind::IPIP, 0, none)),
        ("--tun-type gue --tun-port 6080", tunnel(TunnelKind::GUE, 6080, none)),
        ("--tun-type gue --tun-port 1 --tun-nocsum", tunnel(TunnelKind::GUE, 1, none)),
        (
            "--tun-type gue --tun-port 1 --tun-csum",
            tunnel(TunnelKind::GUE, 1, TunnelFlags::CHECKSUM),
        ),
        (
            "--tun-type gue --tun-port 1 --tun-remcsum --tun-csum",
            tunnel(TunnelKind::GUE, 1, TunnelFlags::CHECKSUM | TunnelFlags::REMOTE_CHECKSUM),
        ),
        ("--tun-type gre --tun-csum", tunnel(TunnelKind::GRE, 0, TunnelFlags::CHECKSUM)),
    ];
    for (options, expected) in cases {
        let line = format!("-a -t 10.0.0.1:80 -r 10.1.0.1 -i {options}");
        assert_eq!(added(&line).tunnel, expected, "{line}");
    }
}

#[test]
fn daemons() {
    let expected = Daemon {
        role: Role::Backup,
        interface: "eth1".to_owned(),
        sync_id: 255,
        max_length: 1400,
        group: Some("ff02::51".parse().expect("a group")),
        port: 9999,
        ttl: 5,
    };
    let line = "--start-daemon=backup --mcast-interface 'eth1' --syncid 255 --sync-maxlen 1400 \
                --mcast-group ff02::51 --mcast-port 9999 --mcast-ttl 5";
    assert_eq!(one(line), Change::StartDaemon(expected));
}

#[test]
fn blank_lines_comments_line_ends_and_a_byte_order_mark() {
    let script = b"\xef\xbb\xbf# saved on monday\r\n\r\n\t -A -t 10.0.0.1:80 -s rr # web\r\n\
                   \n  # Gr\xfc\xdfe\n-C#x\n";
    let problems = parse(script, &Numeric).expect_err("-C#x");
    assert_eq!(problems.to_string(), "6:3: unknown option '-#'");
    let items = parse(&script[..script.len() - 5], &Numeric).expect("no mistake");
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].line, 3);
    assert_eq!(parse(b"", &Numeric), Ok(vec![]));
    assert_eq!(parse(b"-C", &Numeric).map(|items| items.len()), Ok(1));
}

#[test]
fn names_are_looked_up_only_where_no_number_stands() {
    struct Hosts;
    impl Names for Hosts {
        fn host(&self, name: &str) -> Option<IpAddr> {
            assert_eq!(name, "web.example");
            Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)))
        }
        fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
            (name == "domain" && protocol == Protocol::UDP).then_some(53)
        }
    }
    let items = parse(b"-A -u web.example:domain\n-D -u web.example:53", &Hosts).expect("names");
    assert_eq!(items[0].change, Change::AddService(Service::new(key("udp://10.0.0.1:53"), "wlc")));
    let problems = parse(b"-A -t web.example:domain", &Hosts).expect_err("no TCP port");
    assert_eq!(problems.to_string(), "1:7: 'domain' is neither a port nor the name of one");
}

#[test]
fn every_mistake_has_its_place() {
    let cases = [
        ("-A", "1:1: which service? -t, -u, --sctp-service or -f"),
        ("ipvsadm", "1:8: a line begins with a command, such as -A or -a"),
        ("  -t 10.0.0.1:80", "1:3: a line begins with a command, such as -A or -a"),
        ("hello", "1:1: unexpected word 'hello'"),
        ("-", "1:1: unexpected word '-'"),
        ("--", "1:1: unknown option '--'"),
        ("-A -t 10.0.0.1:80 extra", "1:19: unexpected word 'extra'"),
        ("-A --bogus", "1:4: unknown option '--bogus'"),
        ("-AQ", "1:3: unknown option '-Q'"),
        ("-Aé", "1:3: unknown option '-é'"),
        ("-A -t", "1:4: '-t' needs a value"),
        ("-A --ops=1 -u 10.0.0.1:53", "1:10: this option takes no value"),
        ("-A=1 -u 10.0.0.1:53", "1:3: unknown option '-='"),
        ("--clear=1", "1:9: this option takes no value"),
        ("-A -D -t 10.0.0.1:80", "1:4: a line holds one command only"),
        ("-L", "1:1: this command changes nothing, and a script holds changes only"),
        ("--restore", "1:1: this command changes nothing, and a script holds changes only"),
        ("-A -t 10.0.0.1:80 -t 10.0.0.1:80", "1:19: this option was given before"),
        ("-A -t 10.0.0.1:80 -u 10.0.0.1:80", "1:22: this option excludes another one of the line"),
        ("-A -t 10.0.0.1:80 -w 5", "1:22: this option does not belong to the command of the line"),
        ("-D -t 10.0.0.1:80 -s rr", "1:22: this option does not belong to the command of the line"),
        ("-C -6", "1:4: this option does not belong to the command of the line"),
        ("-A -t 10.0.0.1:80 -6", "1:19: -6 belongs to a firewall mark (-f)"),
        ("-A -t 80", "1:7: '80' is not ADDRESS:PORT; an IPv6 address is written [::1]:80"),
        ("-A -t :80", "1:7: ':80' is not ADDRESS:PORT; an IPv6 address is written [::1]:80"),
        ("-A -t 10.0.0.1:65536", "1:7: '65536' is not a port: 0 to 65535"),
        ("-A -t 10.0.0.1:", "1:7: '' is not a port: 0 to 65535"),
        ("-A -t 10.0.0.1:-1", "1:7: '-1' is neither a port nor the name of one"),
        (
            "-A -t [::1:80",
            "1:7: '[::1:80' is not ADDRESS:PORT; an IPv6 address is written [::1]:80",
        ),
        ("-A -t [fe80::1%2]:80", "1:7: '[fe80::1%2]:80' has a scope, which IPVS does not know"),
        ("-A -t web:80", "1:7: 'web' is neither an address nor the name of a host"),
        ("-A -t 10.0.0.1", "1:1: port 0 takes every port, which needs persistence (-p)"),
        ("-A -t 10.0.0.1:80 -o", "1:1: one-packet scheduling is for UDP and firewall marks"),
        ("-A -f 0", "1:7: '0' is not a firewall mark: 1 to 4294967295"),
        ("-A -f 4294967296", "1:7: '4294967296' is not a firewall mark: 1 to 4294967295"),
        ("-A -f 7x", "1:7: '7x' is not a firewall mark: 1 to 4294967295"),
        ("-A -t 10.0.0.1:80 -p x", "1:22: 'x' is not a persistence timeout: 0 to 4294967295"),
        (
            "-A -t 10.0.0.1:80 -M 24",
            "1:22: '24' is not a mask for IPv4 clients, such as 255.255.255.0",
        ),
        ("-A -t [::1]:80 -M 129", "1:19: '129' is not a prefix length for IPv6 clients: 1 to 128"),
        (
            "-A -t 10.0.0.1:80 -s 1234567890123456",
            "1:22: '1234567890123456' is not the name of a scheduler: 1 to 15 bytes",
        ),
        ("-A -t 10.0.0.1:80 -s ''", "1:22: '' is not the name of a scheduler: 1 to 15 bytes"),
        (
            "-A -t 10.0.0.1:80 --pe 'a b'",
            "1:24: 'a b' is not the name of a persistence engine: 1 to 16 bytes",
        ),
        (
            "-A -t 10.0.0.1:80 -s rr -b sh-port",
            "1:28: 'sh-port' is a flag of the scheduler sh, not of rr",
        ),
        ("-A -t 10.0.0.1:80 -s 'rr", "1:22: the quote that begins here does not end on this line"),
        ("-a -t 10.0.0.1:80", "1:1: which destination? -r ADDRESS:PORT"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -m -g",
            "1:34: this option excludes another one of the line",
        ),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1 -w -1", "1:34: '-1' is not a weight: 0 to 2147483647"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -w 2147483648",
            "1:34: '2147483648' is not a weight: 0 to 2147483647",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -x 1 -y 2",
            "1:39: the lower threshold 2 (-y) is above the upper one 1 (-x)",
        ),
        (
            "-a -t 10.0.0.1:80 -r [::1]:80 -m",
            "1:22: a destination of another address family than the service needs --ipip (-i)",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 --tun-type gue",
            "1:42: options of a tunnel need --ipip (-i)",
        ),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue", "1:45: gue needs --tun-port"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gre --tun-port 1",
            "1:60: only gue has a port",
        ),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-csum", "1:34: ipip has no checksums"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type vx",
            "1:45: 'vx' is not a kind of tunnel: ipip, gue and gre are",
        ),
        ("--set 1 2", "1:1: --set takes three timeouts: TCP, TCP after a FIN, UDP"),
        ("--set 1 2 3 4", "1:13: unexpected word '4'"),
        ("--set 1 2 2678401", "1:11: '2678401' is not a timeout in seconds: 0 to 2678400"),
        ("--start-daemon", "1:1: a daemon is either master or backup"),
        ("--start-daemon both", "1:16: a daemon is either master or backup"),
        ("--start-daemon master --syncid 256", "1:32: '256' is not a sync id: 0 to 255"),
        (
            "--start-daemon master --mcast-group 10.0.0.1",
            "1:37: '10.0.0.1' is not a multicast address",
        ),
        (
            "--stop-daemon master --mcast-ttl 1",
            "1:34: this option does not belong to the command of the line",
        ),
        ("-C \u{7}", "1:4: control character 0x07"),
    ];
    for (script, message) in cases {
        assert_eq!(mistake(script), message, "{script}");
    }
    assert_eq!(mistake(b"-C\n-A -t \xff:80"), "2:7: not UTF-8");
    assert_eq!(
        mistake("-A -t 'häuser':80"),
        "1:7: 'häuser' is neither an address nor the name of a host"
    );
    assert_eq!(mistake("-A -s 'ä' -q"), "1:11: unknown option '-q'", "columns count characters");
}

#[test]
fn all_mistakes_are_counted_and_the_first_twenty_kept() {
    let script = "-A -t 10.0.0.1:80\nbad\n".repeat(50);
    let problems = parse(script.as_bytes(), &Numeric).expect_err("mistakes");
    assert_eq!(problems.total, 50);
    assert_eq!(problems.first.len(), 20);
    let second = Problem { line: 4, column: 1, message: "unexpected word 'bad'".to_owned() };
    assert_eq!(problems.first[1], second);
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("memory takes everything");
    String::from_utf8(out).expect("text")
}

#[test]
fn plain_lines_are_those_of_ipvsadm() {
    for line in [
        "-A -t 10.0.0.1:80 -s wlc\n",
        "-A -u 10.0.0.1:5061 -s rr -p 60 --pe sip -o -b flag-1\n",
        "-A -f 7 -6 -s wlc -p 30 -M 64\n",
        "-A --sctp-service [2001:db8::1]:9 -s sh -b sh-fallback,sh-port\n",
        "-A -t 10.0.0.1:82 -s wrr -p 600 -M 255.255.255.0\n",
        "-A -f 3000000000 -s mh -b mh-port\n",
    ] {
        let text = written(|out| write::service(out, &service(line), Detail::Plain));
        assert_eq!(text, line);
    }
    for line in [
        "-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -w 5\n",
        "-a -t 10.0.0.1:80 -r 10.1.1.4:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n",
        "-a -t 10.0.0.1:80 -r [2001:db8::99]:80 -i -w 1 --tun-type ipip\n",
        "-a -t 10.0.0.1:80 -r 10.1.1.4:80 -i -w 0 --tun-type gre --tun-csum\n",
        "-a -f 7 -r 10.1.1.4:0 -g -w 1\n",
    ] {
        let Change::AddDestination(key, destination) = one(line) else { panic!("{line}") };
        let text = written(|out| write::destination(out, &key, &destination, Detail::Plain));
        assert_eq!(text, line);
    }
}

#[test]
fn plain_lines_lose_thresholds_and_full_ones_do_not() {
    let line = "-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -w 5 -x 100 -y 50\n";
    let Change::AddDestination(key, destination) = one(line) else { panic!("{line}") };
    assert_eq!(written(|out| write::destination(out, &key, &destination, Detail::Full)), line);
    assert_eq!(
        written(|out| write::destination(out, &key, &destination, Detail::Plain)),
        "-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -w 5\n"
    );
}

prop_compose! {
    fn addresses(v6: bool)(bits: u128, port: u16) -> SocketAddr {
        let ip: IpAddr = if v6 {
            std::net::Ipv6Addr::from(bits).into()
        } else {
            Ipv4Addr::from(bits as u32).into()
        };
        SocketAddr::new(ip, port)
    }
}

fn keys() -> impl Strategy<Value = ServiceKey> {
    let protocols = prop_oneof![
        Just(Protocol::TCP),
        Just(Protocol::UDP),
        Just(Protocol::SCTP),
        any::<u16>().prop_map(Protocol)
    ];
    prop_oneof![
        3 => (protocols, any::<bool>().prop_flat_map(addresses))
            .prop_map(|(protocol, address)| ServiceKey::Address { protocol, address }),
        1 => (1..=u32::MAX, any::<bool>()).prop_map(|(mark, v6)| ServiceKey::mark(
            mark,
            if v6 { Family::Ipv6 } else { Family::Ipv4 }
        )),
    ]
}

/// Services that the kernel may hold and the script refuses nothing of.
fn services() -> impl Strategy<Value = Service> {
    let names = "[!-~]{1,15}";
    (
        keys(),
        names,
        proptest::option::of(any::<u32>()),
        any::<u128>(),
        proptest::option::of(names),
        0u32..16,
    )
        .prop_map(|(key, scheduler, timeout, mask, engine, flags)| {
            let mut service = Service::new(key, scheduler);
            if let Some(timeout) = timeout {
                service = service.persistent(timeout);
            }
            service.netmask = match key.family() {
                Family::Ipv4 => Netmask::V4(Ipv4Addr::from(mask as u32)),
                Family::Ipv6 => Netmask::V6((mask % 128) as u32 + 1),
            };
            service.persistence_engine = engine;
            let all = ServiceFlags::ONE_PACKET | ServiceFlags::SCHEDULER;
            service.flags |= ServiceFlags::from_bits_retain(flags << 2) & all;
            service
        })
        .prop_filter("refused", |service| super::super::values::check_service(service).is_ok())
}

/// Destinations that a service may have.
fn destinations(key: ServiceKey) -> impl Strategy<Value = Destination> {
    let tunnels = prop_oneof![
        Just(Tunnel::default()),
        (1..=u16::MAX, 0u16..4).prop_map(|(port, flags)| Tunnel {
            kind: TunnelKind::GUE,
            port,
            flags: TunnelFlags::from_bits_retain(flags)
        }),
        (0u16..2).prop_map(|flags| Tunnel {
            kind: TunnelKind::GRE,
            port: 0,
            flags: TunnelFlags::from_bits_retain(flags)
        }),
    ];
    (any::<bool>().prop_flat_map(addresses), 0u8..3, tunnels, 0..=i32::MAX, any::<[u32; 2]>())
        .prop_map(move |(address, method, tunnel, weight, [one, other])| {
            let same = Family::of(address.ip()) == key.family();
            let method = match method {
                0 if same => ForwardingMethod::MASQUERADE,
                1 if same => ForwardingMethod::ROUTE,
                _ => ForwardingMethod::TUNNEL,
            };
            let mut destination = Destination::new(address, method);
            if method != ForwardingMethod::MASQUERADE && key.protocol().is_some() {
                destination.address.set_port(key.port());
            }
            if method == ForwardingMethod::TUNNEL {
                destination.tunnel = tunnel;
            }
            destination.weight = weight.cast_unsigned();
            destination.upper_threshold = one.max(other);
            destination.lower_threshold = one.min(other);
            destination
        })
}

#[test]
fn control_characters_are_spelled_out() {
    let told = mistake("-A -t 10.0.0.1:80 '\u{9b}2J\t'");
    assert!(told.contains("\\u{9b}2J\\t"), "{told}");
    assert!(!told.contains(char::is_control), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_written_in_full_is_read_back(
        service in services(),
        destination in keys().prop_flat_map(|key| (Just(key), destinations(key))),
    ) {
        let text = written(|out| write::service(out, &service, Detail::Full));
        prop_assert_eq!(one(&text), Change::AddService(service), "{}", text);
        let (key, destination) = destination;
        let text = written(|out| write::destination(out, &key, &destination, Detail::Full));
        prop_assert_eq!(one(&text), Change::AddDestination(key, destination), "{}", text);
    }

    #[test]
    fn daemons_are_read_back(
        master: bool,
        interface in "[!-~]{1,15}",
        sync_id in 0u32..=255,
        max_length in 0u16..=65507,
        group in proptest::option::of(any::<u32>()),
        port: u16,
        ttl: u8,
    ) {
        let daemon = Daemon {
            role: if master { Role::Master } else { Role::Backup },
            interface,
            sync_id,
            max_length,
            group: group.map(|bits| Ipv4Addr::from(bits >> 4 | 0xe000_0000).into()),
            port,
            ttl,
        };
        let text = written(|out| write::daemon(out, &daemon));
        prop_assert_eq!(one(&text), Change::StartDaemon(daemon), "{}", text);
    }

    #[test]
    fn no_input_makes_it_panic(bytes: Vec<u8>, words in "[-\\[\\]:.,=#'\" a-zA-Z0-9\n\t\r]{0,80}") {
        _ = parse(&bytes, &Numeric);
        _ = parse(words.as_bytes(), &Numeric);
    }

    #[test]
    fn no_line_of_options_makes_it_panic(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "-A", "-a", "-E", "-e", "-D", "-d", "-Z", "-C", "--set", "--start-daemon", "-t", "-u",
            "-f", "-6", "-r", "-s", "-p", "-M", "-w", "-x", "-y", "-b", "-i", "-m", "-o",
            "--tun-type", "--tun-port", "gue", "10.0.0.1:80", "[::1]:80", "10.0.0.2", "7", "1",
            "rr", "master", "--tun-csum", "--pe", "#", "'", "\"", "--syncid", "--mcast-group",
        ]), 0..12)
    ) {
        let line = pieces.join(" ");
        match parse(line.as_bytes(), &Numeric) {
            Ok(items) => prop_assert!(items.len() <= 1),
            Err(problems) => {
                let column = problems.first[0].column;
                prop_assert!(column <= line.len() + 1, "{column} of {line}");
            }
        }
    }
}
