//! The command line where no kernel is asked: mistakes, help, completions, links.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn rsadm() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rsadm"))
}

fn run(line: &str) -> Output {
    rsadm().args(line.split_whitespace()).output().expect("rsadm runs")
}

/// A command line, and what it says on standard error.
fn refused(line: &str, says: &str) {
    let output = run(line);
    assert_eq!(String::from_utf8_lossy(&output.stderr), says, "rsadm {line}");
    assert_eq!(output.status.code(), Some(2), "rsadm {line}");
    assert!(output.stdout.is_empty(), "rsadm {line}");
}

#[test]
fn mistakes_on_the_command_line() {
    let service = "ipvs service add tcp://10.0.0.1:80";
    let add = "ipvs dest add tcp://10.0.0.1:80";
    let cases = [
        ("", "'rsadm' is not a whole command", "`rsadm --help` lists what may follow"),
        (
            "ipvs",
            "'rsadm ipvs' is not a whole command",
            "`rsadm ipvs --help` lists what may follow",
        ),
        ("ipvs bogus", "unrecognized subcommand 'bogus'", "`rsadm ipvs --help` tells more"),
        (
            "ipvs schedlers",
            "unrecognized subcommand 'schedlers'",
            "a similar subcommand exists: 'schedulers'",
        ),
        (
            "ipvs list --stat",
            "unexpected argument '--stat' found",
            "a similar argument exists: '--stats'",
        ),
        (
            "ipvs list --bogus",
            "unexpected argument '--bogus' found",
            "`rsadm ipvs list --help` tells more",
        ),
        (
            "ipvs list --stats --rate",
            "the argument '--stats' cannot be used with '--rate'",
            "`rsadm ipvs list --help` tells more",
        ),
        (
            "ipvs list -o plain",
            "invalid value 'plain' for '--output <FORMAT>' [possible values: classic, table, json, \
             ndjson, yaml]",
            "`rsadm ipvs list --help` tells more",
        ),
        (
            "ipvs list 10.0.0.1:80",
            "invalid value '10.0.0.1:80' for '[SERVICE]': a service is written tcp://ADDRESS:PORT, \
             udp://, sctp://, fwmark://N or fwmark6://N",
            "`rsadm ipvs list --help` tells more",
        ),
        (
            "ipvs list fwmark://0",
            "invalid value 'fwmark://0' for '[SERVICE]': '0' is not a firewall mark between 1 and \
             4294967295",
            "`rsadm ipvs list --help` tells more",
        ),
        (
            "ipvs service add",
            "the following required arguments were not provided: <SERVICE>",
            "`rsadm ipvs service add --help` tells more",
        ),
        (
            &format!("{service} -p 0"),
            "invalid value '0' for '--persistent [<SECONDS>]': '0' is not a persistence timeout in \
             seconds: 1 to 2678400",
            "`rsadm ipvs service add --help` tells more",
        ),
        (
            &format!("{service} -s 1234567890123456"),
            "invalid value '1234567890123456' for '--scheduler <SCHEDULER>': '1234567890123456' is \
             not the name of a scheduler: 1 to 15 bytes",
            "`rsadm ipvs service add --help` tells more",
        ),
        (
            &format!("{add} 10.1.0.1 -w -1"),
            "invalid value '-1' for '--weight <WEIGHT>': '-1' is not a weight: 0 to 2147483647",
            "`rsadm ipvs dest add --help` tells more",
        ),
        (
            &format!("{add} 10.1.0.1 -w 2147483648"),
            "invalid value '2147483648' for '--weight <WEIGHT>': '2147483648' is not a weight: 0 to \
             2147483647",
            "`rsadm ipvs dest add --help` tells more",
        ),
        (
            &format!("{add} web:80"),
            "invalid value 'web:80' for '<ADDRESS[:PORT]>': 'web' is neither an address nor the \
             name of a host",
            "`rsadm ipvs dest add --help` tells more",
        ),
        (
            &format!("{add} 10.1.0.1 -m -g"),
            "the argument '--masquerading' cannot be used with '--gatewaying'",
            "`rsadm ipvs dest add --help` tells more",
        ),
        (
            &format!("{add} 10.1.0.1 -i --tun-csum --tun-nocsum"),
            "the argument '--tun-csum' cannot be used with '--tun-nocsum'",
            "`rsadm ipvs dest add --help` tells more",
        ),
        (
            "ipvs timeouts --tcp 0",
            "invalid value '0' for '--tcp <SECONDS>': '0' is not a timeout in seconds: 1 to 2678400",
            "`rsadm ipvs timeouts --help` tells more",
        ),
        (
            "ipvs daemons start master",
            "the following required arguments were not provided: --mcast-interface <INTERFACE>",
            "`rsadm ipvs daemons start --help` tells more",
        ),
        (
            "ipvs daemons stop both",
            "invalid value 'both' for '<ROLE>': a daemon is either master or backup",
            "`rsadm ipvs daemons stop --help` tells more",
        ),
        (
            "ipvs daemons start master --mcast-interface lo --mcast-group 10.0.0.1",
            "invalid value '10.0.0.1' for '--mcast-group <ADDRESS>': '10.0.0.1' is not a multicast \
             address",
            "`rsadm ipvs daemons start --help` tells more",
        ),
        (
            "ipvs connections --client 10.0.0.0/33",
            "invalid value '10.0.0.0/33' for '--client <CIDR>': '10.0.0.0/33' is not a network: \
             write 10.0.0.0/8, 10.0.0.1:80, [2001:db8::]/32:53 or :80",
            "`rsadm ipvs connections --help` tells more",
        ),
        (
            "ipvs connections --top 5",
            "the following required arguments were not provided: --group-by <WHAT>",
            "`rsadm ipvs connections --help` tells more",
        ),
        (
            "ipvs connections --protocol http",
            "invalid value 'http' for '--protocol <PROTOCOL>': tcp, udp, sctp and numbers up to 255 \
             are protocols",
            "`rsadm ipvs connections --help` tells more",
        ),
        (
            "ipvs service edit tcp://10.0.0.1:80",
            "nothing was given to change",
            "give at least one setting; --help lists them",
        ),
        (
            "ipvs dest edit tcp://10.0.0.1:80 10.1.0.1",
            "nothing was given to change",
            "give at least one setting; --help lists them",
        ),
    ];
    for (line, message, hint) in cases {
        refused(line, &format!("rsadm: {message}\n  hint: {hint}\n"));
    }
}

#[test]
fn values_that_do_not_go_together() {
    let cases = [
        ("service add tcp://10.0.0.1:0", "port 0 takes every port, which needs persistence (-p)"),
        (
            "service add tcp://10.0.0.1:80 --ops",
            "one-packet scheduling is for UDP and firewall marks",
        ),
        (
            "service add tcp://10.0.0.1:80 -M 24",
            "'24' is not a mask for IPv4 clients, such as 255.255.255.0",
        ),
        (
            "service add tcp://[::1]:80 -M 129",
            "'129' is not a prefix length for IPv6 clients: 1 to 128",
        ),
        (
            "service add tcp://10.0.0.1:80 -s rr -b sh-port",
            "'sh-port' is a flag of the scheduler sh, not of rr",
        ),
        (
            "service edit tcp://10.0.0.1:80 -b sh-prot",
            "'sh-prot' is not a flag of a scheduler: flag-1, flag-2, flag-3, sh-fallback, sh-port, \
             mh-fallback and mh-port are",
        ),
        (
            "service edit tcp://10.0.0.1:0 --no-persistent",
            "port 0 takes every port, which needs persistence (-p)",
        ),
        (
            "service edit tcp://10.0.0.1:80 --ops",
            "one-packet scheduling is for UDP and firewall marks",
        ),
        (
            "dest add tcp://10.0.0.1:80 10.1.0.1:8080",
            "only --masquerading (-m) rewrites the port: packets to port 80 arrive there",
        ),
        (
            "dest add tcp://10.0.0.1:80 [::1]:80 -m",
            "a destination of another address family than the service needs --ipip (-i)",
        ),
        (
            "dest add tcp://10.0.0.1:80 10.1.0.1 -x 1 -y 2",
            "the lower threshold 2 (-y) is above the upper one 1 (-x)",
        ),
        (
            "dest add tcp://10.0.0.1:80 10.1.0.1 --tun-port 1",
            "options of a tunnel need --ipip (-i)",
        ),
        ("dest add tcp://10.0.0.1:80 10.1.0.1 -i --tun-type gue", "gue needs --tun-port"),
        ("dest add tcp://10.0.0.1:80 10.1.0.1 -i --tun-csum", "ipip has no checksums"),
        ("save -o json", "this command lists nothing that --output could form"),
        ("clear -o yaml", "this command lists nothing that --output could form"),
    ];
    for (line, message) in cases {
        refused(&format!("ipvs {line}"), &format!("rsadm: {message}\n"));
    }
}

fn restore(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = rsadm()
        .args(["ipvs", "restore"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rsadm runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // What is refused by its arguments does not read.
    _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("rsadm ends")
}

#[test]
fn mistakes_in_a_script_are_told_with_their_places_before_anything_is_done() {
    let script = b"# ours\n-A -t 10.0.0.1:80\n-A -u 10.0.0.1:53 -w 1\n\n-a -f 7 -r 10.1.0.1 -w x\n";
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("table");
    fs::write(&file, script).expect("a file");
    let path = file.display().to_string();
    for (arguments, name, input) in
        [(vec![], "stdin", &script[..]), (vec!["-"], "stdin", script), (vec![&*path], &*path, b"")]
    {
        let output = restore(&arguments, input);
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            format!(
                "rsadm: {name}:3:22: this option does not belong to the command of the line\n\
                 rsadm: {name}:5:24: 'x' is not a weight: 0 to 2147483647\n\
                 rsadm: nothing was changed\n"
            )
        );
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn many_mistakes_are_not_all_told() {
    let output = restore(&[], "bad\n".repeat(30).as_bytes());
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.lines().count(), 22, "{text}");
    assert!(
        text.ends_with("rsadm: stdin: 10 more mistakes\nrsadm: nothing was changed\n"),
        "{text}"
    );
}

#[test]
fn a_script_that_describes_no_table_cannot_be_synchronised() {
    let output = restore(&["--sync"], b"-A -t 10.0.0.1:80\n-a -t 10.0.0.2:80 -r 10.1.0.1\n-Z\n");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "rsadm: stdin:2:1: the script has no service tcp://10.0.0.2:80 before this line\n\
         rsadm: stdin:3:1: -Z is no part of a table; --sync cannot make it so\n\
         rsadm: nothing was changed\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_empty_script_needs_no_kernel() {
    let output = restore(&[], b"# nothing\n\n");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_script_that_cannot_be_read() {
    let output = restore(&["/no/such/file"], b"");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "rsadm: cannot read /no/such/file: No such file or directory (os error 2)\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_namespace_that_is_not_there() {
    let output = run("--netns no-such-namespace ipvs list");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "rsadm: cannot enter network namespace no-such-namespace: No such file or directory (os \
         error 2)\n  hint: --netns takes a name that `ip netns list` shows, a path such as \
         /run/netns/blue, or the id of a process\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn mistakes_about_flows() {
    for (line, says) in [
        (
            "conntrack",
            "rsadm: 'rsadm conntrack' is not a whole command\n  hint: `rsadm conntrack --help` lists \
             what may follow\n",
        ),
        (
            "conntrack delete",
            "rsadm: delete which flows? Without a filter these are all\n  hint: `rsadm conntrack \
             flush` deletes all\n",
        ),
        (
            "conntrack list -s 10.0.0.1/8",
            "rsadm: invalid value '10.0.0.1/8' for '--src <CIDR>': '10.0.0.1/8' has bits set behind \
             its prefix: the network is 10.0.0.0/8, the address 10.0.0.1\n  hint: `rsadm conntrack \
             list --help` tells more\n",
        ),
        (
            "conntrack list -p icmp --dport 80",
            "rsadm: --dport is not for icmp: it goes with -p tcp, udp, udplite, sctp or dccp\n",
        ),
        (
            "conntrack delete -s 10.0.0.1 -r fd00::1",
            "rsadm: --src is about ipv4 and --reply-src about ipv6: no flow is of both\n",
        ),
        (
            "conntrack list -o json,id",
            "rsadm: extended, id, timestamp, ktimestamp, labels, xml and save go with classic output \
             only\n  hint: the other forms have everything that these words would add\n",
        ),
        (
            "ipvs list -o xml",
            "rsadm: this command's output has the forms classic, table, json, ndjson, yaml\n",
        ),
        (
            "conntrack create -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 2 -t 9",
            "rsadm: a flow of tcp needs --state, such as ESTABLISHED\n",
        ),
        (
            "conntrack get -p udp -s 10.0.0.1 -d 10.0.0.2",
            "rsadm: a flow of udp needs --sport and --dport\n",
        ),
        (
            "conntrack events -o json",
            "rsadm: events have no end, and this form of output has one\n  hint: -o ndjson writes one \
             object a line\n",
        ),
    ] {
        refused(line, says);
    }
}

#[test]
fn mistakes_about_overlays() {
    let add = "fdb add 02:00:00:00:00:01 --dev vx0";
    let tells = |command: &str| format!("`rsadm {command} --help` tells more");
    let cases = [
        (
            "fdb add 02:00:00:00:00 --dev vx0 --dst 10.0.0.1".to_owned(),
            "invalid value '02:00:00:00:00' for '<MAC>': '02:00:00:00:00' is not a MAC address: six \
             bytes in hexadecimal, with colons between them",
            "vxlan fdb add",
        ),
        (
            format!("{add} --dst 10.0.0.1 --vni 16777216"),
            "invalid value '16777216' for '--vni <VNI>': '16777216' is not a VNI: a number from 0 to \
             16777215",
            "vxlan fdb add",
        ),
        (
            format!("{add} --dst 10.0.0"),
            "invalid value '10.0.0' for '--dst <ADDRESS>': '10.0.0' is not an IP address",
            "vxlan fdb add",
        ),
        (
            format!("{add} --dst 10.0.0.1 --port 65536"),
            "invalid value '65536' for '--port <PORT>': '65536' is not a port: 1 to 65535",
            "vxlan fdb add",
        ),
        (
            format!("{add} --dst 10.0.0.1 --nhid 7"),
            "the argument '--dst <ADDRESS>' cannot be used with '--nhid <ID>'",
            "vxlan fdb add",
        ),
        (
            format!("{add} --dst 10.0.0.1 --static --dynamic"),
            "the argument '--static' cannot be used with '--dynamic'",
            "vxlan fdb add",
        ),
        // As bridge writes it.
        (
            "fdb append zz dev vx0 dst 10.0.0.1".to_owned(),
            "invalid value 'zz' for '<MAC>': 'zz' is not a MAC address: six bytes in hexadecimal, \
             with colons between them",
            "vxlan fdb append",
        ),
        (
            "fdb list --mac zz".to_owned(),
            "invalid value 'zz' for '--mac <MAC>': 'zz' is neither a MAC address nor the first bytes \
             of one, such as ee:d6",
            "vxlan fdb list",
        ),
        (
            "fdb list --top 5".to_owned(),
            "the following required arguments were not provided: --group-by <WHAT>",
            "vxlan fdb list",
        ),
        (
            "link add vx0 --id 1 --remote 239.1.1.1".to_owned(),
            "invalid value '239.1.1.1' for '--remote <ADDRESS>': '239.1.1.1' is a multicast address; \
             that is a group (--group)",
            "vxlan link add",
        ),
        (
            "link add vx0 --id 1 --learning --nolearning".to_owned(),
            "the argument '--learning' cannot be used with '--nolearning'",
            "vxlan link add",
        ),
        (
            "vni add 20-10 --dev vx0".to_owned(),
            "invalid value '20-10' for '<VNI,...>...': '20-10' is an empty range: its first VNI is above \
             its last",
            "vxlan vni add",
        ),
        (
            "mdb add 10.0.0.1 --dev vx0 --dst 10.0.0.2".to_owned(),
            "invalid value '10.0.0.1' for '<GROUP>': '10.0.0.1' is not a multicast address, nor \
             0.0.0.0 or :: for all groups",
            "vxlan mdb add",
        ),
        (
            "neigh add 10.0.0.1 --dev vx0".to_owned(),
            "the following required arguments were not provided: --lladdr <MAC>",
            "vxlan neigh add",
        ),
    ];
    for (line, message, command) in cases {
        let says = format!("rsadm: {message}\n  hint: {}\n", tells(command));
        refused(&format!("vxlan {line}"), &says);
    }
    for (line, message) in [
        (
            "fdb add 2:0:0:0:0:1 --dev vx0",
            "where to? An entry of a VXLAN device needs --dst or --nhid",
        ),
        ("fdb flush", "flush the entries of which device? Give --dev"),
        (
            "fdb delete 2:0:0:0:0:1 --dev vx0 --vlan 7",
            "--vlan is about the table of a bridge (--master)",
        ),
        (
            "fdb delete 2:0:0:0:0:1 --dev vx0 -o json",
            "this command lists nothing that --output could form",
        ),
    ] {
        refused(&format!("vxlan {line}"), &format!("rsadm: {message}\n"));
    }
    refused(
        "monitor fdb -o json",
        "rsadm: events have no end, and this form of output has one\n  hint: -o ndjson writes one \
         object a line\n",
    );
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (line, begins) in [
        (
            "--help",
            "Inspect and change the tables behind virtual services on Linux: IPVS, conntrack and VXLAN",
        ),
        ("conntrack list --help", "List flows"),
        ("ipvs list --help", "List services and their destinations"),
        ("--version", "rsadm 0."),
    ] {
        let output = run(line);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.starts_with(begins), "{line}: {text}");
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{line}");
    }
}

#[test]
fn schedulers_are_listed_without_ipvs() {
    for (format, begins) in [
        ("classic", "NAME  "),
        ("table", "NAME  "),
        ("json", "{\"ipvs\":"),
        ("ndjson", "{\"ipvs\":"),
        ("yaml", "ipvs: "),
    ] {
        let output = run(&format!("ipvs schedulers -o {format}"));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.starts_with(begins), "{text}");
        assert!(text.contains("mh-fallback"), "{text}");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for line in ["completions bash", "ipvs schedulers", "--help"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = rsadm()
            .args(line.split(' '))
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("rsadm runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
        assert_eq!(output.status.code(), Some(0), "{line}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = rsadm().args(["completions", "zsh"]).stdout(full).output().expect("rsadm runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "rsadm: cannot write the output: No space left on device (os error 28)\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn links_are_made_once_and_overwrite_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display().to_string();
    let link = directory.path().join("ipvsadm");
    let conntrack = directory.path().join("conntrack");
    for _ in 0..2 {
        let output = run(&format!("links {path}"));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    }
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_rsadm")).expect("a path");
    assert_eq!(fs::canonicalize(&link).expect("a link"), program);
    assert_eq!(fs::canonicalize(&conntrack).expect("a link"), program);

    fs::remove_file(&link).expect("removed");
    fs::write(&link, "mine").expect("a file");
    let output = run(&format!("links {path}"));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "rsadm: cannot make {}: something else has that name\n  hint: remove it first, or \
             choose another directory\n",
            link.display()
        )
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read(&link).expect("the file"), b"mine");

    let output = run("links /no/such/directory");
    assert_eq!(output.status.code(), Some(1));
}
