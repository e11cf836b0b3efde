//! The command line: what goes with what, how it may be written, what values mean.

use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool};
use crate::tables::{MIXED, SMALL};

/// Every option once or more, with values.
const OPTIONS: [&str; 47] = [
    "-s 10.0.0.1",
    "--orig-src 10.0.0.0/24",
    "-d 10.0.0.2",
    "--dst 10.0.0.0/8",
    "-r 10.0.0.2",
    "-q 10.0.0.1",
    "-s 10.0.0.1 -d 10.0.0.2",
    "-r 10.0.0.2 -q 10.0.0.1",
    "-s fd00::1",
    "-p tcp",
    "-p tcp --sport 1000",
    "-p udp --sport 1000 --dport 53",
    "-p 50",
    "-p icmp --icmp-type 8 --icmp-code 0",
    "-t 50",
    "-u ASSURED",
    "-u SEEN_REPLY,ASSURED",
    "-z",
    "-e NEW",
    "--tuple-src 1.1.1.1",
    "--tuple-dst 1.1.1.1",
    "--mask-src 255.0.0.0",
    "-s 10.0.0.1 --mask-src 255.0.0.0",
    "-d 10.0.0.2 --mask-dst 255.255.0.255",
    "-a 1.1.1.1",
    "-m 5",
    "-m 1/3",
    "-c 5",
    "-i 5",
    "-f ipv4",
    "-n",
    "-n 9.9.9.9",
    "-g",
    "-g 8.8.8.8:5353",
    "-j",
    "-j 9.9.9.9",
    "-o id",
    "-o xml",
    "-o save",
    "-o extended,ktimestamp",
    "-w 5",
    "--orig-zone 5",
    "--reply-zone 5",
    "-l a",
    "--label-add a",
    "--label-del",
    "--label-del a",
];

/// Every command but those that listen or help.
const COMMANDS: [&str; 20] = [
    "-L",
    "-L dying",
    "-L unconfirmed",
    "-L expect",
    "-I",
    "-I expect",
    "-A",
    "-U",
    "-D -p tcp",
    "-D expect",
    "-G",
    "-G expect",
    "-F",
    "-F expect",
    "-C",
    "-C expect",
    "-S",
    "-V",
    "",
    "-A expect",
];

/// Every command with every option, most of which it does not take.
pub(crate) fn every_option(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    for command in COMMANDS {
        for option in OPTIONS {
            // Without a family, or with a reply alone, 1.4.7 does not work.
            if command == "-U" {
                pair.compare_lines(&format!("-U -f ipv4 {option}"))?;
                continue;
            }
            // Where there is no command, or one that takes no options, help and version are our own
            // words; and conntrack looks for the rules of no command beyond their end.
            let no_rules = command.is_empty() && option.starts_with("--reply-zone");
            let own_words = matches!(command, "" | "-V") && option.starts_with("-a");
            if no_rules || own_words {
                continue;
            }
            // Version 1.4.7 does not look at the family.
            if command == "-F" && option.starts_with("-f") {
                continue;
            }
            if command.starts_with("-S") {
                pair.compare_reading_lines(&format!("{command} {option}"))?;
            } else {
                pair.compare_lines(&format!("{command} {option}"))?;
            }
        }
    }
    // Of the options of `-E`, those that it does not take.
    pair.compare_reading_lines(
        "\
-E -t 5
-E -u ASSURED
-E -z
-E --tuple-src 1.1.1.1
-E -i 5
-E --label-add a
-E --label-del
-E expect -s 1.1.1.1
-E expect -e NEW
-E expect -f ipv4
-E expect -b 5
-h -s 1.1.1.1
-h -o xml
-h -p foo
-b 5 -L
-L -b 5
-D -j
-U -w 5
-G -w 5",
    )
}

pub(crate) fn protocols(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    let ports = ["--sport 1000", "--dport 53", "--reply-port-src 53", "--reply-port-dst 1000"];
    for protocol in ["tcp", "udp", "udplite", "sctp", "dccp", "TCP", "6", "0x11", "132"] {
        for port in ports {
            pair.compare_reading_lines(&format!("-L -p {protocol} {port}"))?;
        }
        pair.compare_reading_lines(&format!(
            "\
-L -p {protocol}
-L -p {protocol} --sport 1000 --dport 53
-L -p {protocol} --orig-port-src 1000 --orig-port-dst 80
-L -p {protocol} --sport 65535
-L -p {protocol} --sport 66536
-L -p {protocol} --sport -64536
-L -p {protocol} --sport foo
-L -p {protocol} --mask-port-src 5
-L -p {protocol} --tuple-port-dst 5
-L -p {protocol} --sport
-G -p {protocol} -s 10.0.0.1 -d 10.0.0.2
-G -p {protocol} -s 10.0.0.1 -d 10.0.0.2 --sport 1000
-G -p {protocol} -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 53
-G -p {protocol} -s 10.0.0.1 -d 10.0.0.2 --sport 1000 --dport 1
-G -p {protocol} -s 10.0.0.1 --sport 1000 --dport 53
-I -p {protocol} -t 5 -s 10.0.0.1 -d 10.0.0.2
-I -p {protocol} -t 5 -s 10.0.0.1 -d 10.0.0.2 --sport 5
-I -p {protocol} -t 5 -s 10.0.0.1 -d 10.0.0.2 --reply-port-src 5
-I -p {protocol} -t 5 -s 10.0.0.1 -d 10.0.0.2 --reply-port-dst 5 --state CLOSED
-I -p {protocol} -t 5 -s 10.0.0.1 -d 10.0.0.2 --sport 5 --state ESTABLISHED
-I -p {protocol} -t 5 -s 10.0.0.1 -d 10.0.0.2 --sport 5 --dport 6 --mask-port-src 5
-D expect -p {protocol} -s 10.0.0.1 -d 10.0.0.2 --sport 5
-I expect -p {protocol} -s 10.0.0.1 -d 10.0.0.2
-L -p {protocol} --icmp-type 8
-L -p {protocol} --srckey 8
-L -p {protocol} --orig-vtag 8
-L -p {protocol} --role client"
        ))?;
    }
    pair.compare_reading_lines(
        "\
-L -p tcp --state ESTABLISHED
-L -p tcp --state TIME_WAIT
-L -p tcp --state LISTEN
-L -p tcp --state SYN_SENT2
-L -p tcp --state NONE
-L -p tcp --state established
-L -p tcp --state LISTENING
-L -p tcp --state ''
-L -p sctp --state ESTABLISHED
-L -p sctp --state CLOSED
-L -p sctp --state SHUTDOWN_ACK_SENT
-L -p dccp --state OPEN
-L -p dccp --state INVALID
-L -p dccp --state open
-L -p dccp --state REQUEST --role foo
-I -p dccp -t 5 -s 10.0.0.1 -d 10.0.0.2 --sport 5 --dport 6 --state OPEN --role foo
-I -p dccp -t 5 -s 10.0.0.1 -d 10.0.0.2 --sport 5 --dport 6 --state OPEN
-I -p sctp -t 5 -s 10.0.0.1 -d 10.0.0.2 --sport 5 --dport 6 --state CLOSED --orig-vtag 5
-L -p icmp --icmp-type 8
-L -p icmp --icmp-type 0
-L -p icmp --icmp-code 3
-L -p icmp --icmp-id 77
-L -p icmp --icmp-id 78
-L -p icmp --icmp-type 264
-L -p icmpv6 --icmpv6-type 128
-L -p icmpv6 --icmpv6-id 5
-L -p icmpv6 --icmp-type 8
-L -p ipv6-icmp
-L -p ipv6-icmp --icmpv6-type 128
-G -p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8
-G -p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8 --icmp-code 0
-G -p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8 --icmp-code 0 --icmp-id 77
-L -p gre
-L -p gre --mask-key-src 5
-G -p gre -s 10.0.0.1 -d 10.0.0.2 --srckey 17
-G -p gre -s 10.0.0.1 -d 10.0.0.2 --srckey 17 --dstkey 0xffff
-G -p gre -s 10.0.0.1 -d 10.0.0.2 --orig-key-src 021 --orig-key-dst 65535
-I -p gre -t 5 -s 10.0.0.1 -d 10.0.0.2 --reply-key-src 5
-L -p esp
-L -p ESP
-L -p 50
-L -p 255
-L -p 256
-L -p -1
-L -p 0
-L -p ''
-L -p ' 6'
-L -p 6x
-L -p foo
-L -p ip
-L -p hopopt
-L -p IPSEC-ESP
-G -p 50 -s 10.0.0.1 -d 10.0.0.2
-G -p 50 -s 10.0.0.1 -d 10.0.0.3
-L -p tcp -p udp --sport 1000
-L -p tcp -p udp --state CLOSE
-L -p tcp --state CLOSE -p udp
-L -p tcp --sport 1000 -p udp
-L -p udp -p tcp --state TIME_WAIT
-L -p tcp -p sctp --sport 1000
-L -p sctp -p tcp --sport 1000
-L -p sctp -p dccp --state OPEN
-L -p icmp -p tcp --icmp-type 1000",
    )?;
    let before = pair.table()?;
    pair.reset()?;
    let after = pair.table()?;
    ctx.equal("number of flows after readings", &before.len(), &after.len());
    Ok(())
}

pub(crate) fn spelling(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, MIXED)?;
    pair.compare_reading_lines(
        "\
-q
-L -zXn
-zXn
-L -zq
-L -zo id
-Lz
-LE
-L -L
-L -I
-L --dump
--dump
--dump=foo
--dum
--coun
--counter
--count
--stat
--stats
--stats=x
--version=x
--vers=x
--d
--de -s 1.2.3.4
--fam ipv4 -L
--family=ipv6 -L
-L --sr 10.0.0.1
-L --src=10.0.0.1
-L --s 10.0.0.1
-L --orig 10.0.0.1
-L --orig-s 10.0.0.1
-L --reply-sr 10.0.0.2
-L --reply 10.0.0.2
-L --o id
-L --ou id
-L --mark=5
-L --mar 5
-L --zero=x
-L --label
-L --label a
-L --label-d
-L -s
-L --src
-L -s10.0.0.1
-L -m5
-L -m=5
-L -o=id
-L -oid
-L -n9.9.9.9
-L -n 9.9.9.9
-L --src-nat=9.9.9.9
-L --src-nat 9.9.9.9
-L -g8.8.8.8
-L -j9.9.9.9
-L -i 5
-D -i
-D --id=5
-D -i 5
-L foo
-L ''
-L con
-L conntrackx
-L e
-L exp
-L expect
-L d
-L dy
-L u
-L unconf
-L !
-L !foo
-L -
foo -L
foo -L con
con -L
-L con foo bar
-L -- -q
-L --
-L con -o id foo -m 5 bar
foo bar -L -o id
-L -m 5 con
-o id -L con
-o id -L foo
-C con
-C foo
-S con
-S foo
-S expect
-S exp
-S dying
-C dying
-I dying
-D unconf
-E foo
-F foo
-U e
-A e
-[ 1.1.1.1
-L -[ 1.1.1.1
-L -{ 1.1.1.1
-L -s 10.0.0.1 -{ 255.0.0.0
-L -< a
-L -> a
-L -( 5
-L -) 5
-L -:
-L -;
-L -W
-L -R
-R
--load-file
--load-file=/dev/null
--load-f /dev/null
-R/dev/null
-L -R /dev/null
-R /nonexistent
--load-file /nonexistent
-R /dev/null
-R /dev/null -L -q",
    )
}

pub(crate) fn values(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, MIXED)?;
    for option in ["-s", "-d", "-r", "-q"] {
        for value in [
            "10.0.0.1",
            "10.1",
            "10.0.0.2",
            "0xa000001",
            "167772161",
            "010.0.0.1",
            "10.0.0.1.5",
            "10.0.0.256",
            "'10.0.0.1 foo'",
            "' 10.0.0.1'",
            "''",
            "foo",
            "::1%lo",
            "fd00::1",
            "fd00:0::0001",
            "::ffff:1.2.3.4",
            "::1.2.3.4",
            "10.0.0.0/24",
            "10.0.0.77/24",
            "10.0.0.1/32",
            "10.0.0.1/0",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/-1",
            "10.0.0.1/foo",
            "'10.0.0.1/ 24'",
            "10.0.0.1/+24",
            "10.0.0.1/24x",
            "10.0.0.1/255.255.255.0",
            "10.0.0.1/4294967320",
            "fd00::/64",
            "fd00::1/128",
            "fd00::/129",
            "fd00::/0",
            "fd00::/7/3",
            "::/96",
            "1.1.1.1111111111111111111111111111111111111111111/24",
        ] {
            pair.compare_reading_lines(&format!("-L {option} {value}"))?;
        }
    }
    for option in ["-n", "-g", "-j"] {
        for value in [
            "9.9.9.9",
            "9.9.9.9:99",
            "9.9.9.9:98",
            "8.8.8.8",
            "8.8.8.8:5353",
            "10.0.0.1:77",
            "10.0.0.1",
            "9.9.9.9:0",
            "9.9.9.9:065535",
            "9.9.9.9:65536",
            "9.9.9.9:99999999999999999999",
            "9.9.9.9:",
            "9.9.9.9:foo",
            "9.9.9.9:99x",
            "'9.9.9.9: 99'",
            "9.9.9.9:+99",
            "9.9.9.9:-1",
            ":99",
            "''",
            "9.9.9.9:99:99",
            "9.9.9.9/24",
            "9.9.9.9/99",
            "[9.9.9.9]:99",
            "[9.9.9.9]",
            "[9.9.9.9",
            "[]:99",
            "[]",
            "[9.9.9.9]99",
            "foo",
            "[fd00::9",
            "[fd00::9]:",
            "[fd00::9]:foo",
            "[fd00::9]5353",
        ] {
            pair.compare_reading_lines(&format!("-L {option} {value}"))?;
        }
    }
    for value in [
        "ASSURED",
        "a",
        "A,SEEN_REPLY",
        "seen_reply",
        "SEEN",
        "FIXED_TIMEOUT",
        "fix",
        "EXPECTED",
        "OFFLOAD",
        "HW",
        "UNREPLIED",
        "UNREPLIEDx",
        "unreplied",
        "UNREPLIE",
        "!ASSURED",
        "!SEEN_REPLY",
        "!FIXED",
        "UNREPLIED,!ASSURED",
        "UNSET,ASSURED",
        "!UNREPLIED",
        "!",
        "!,ASSURED",
        "!!ASSURED",
        "ASSURED,",
        ",ASSURED",
        ",",
        "''",
        "foo",
        "ASSUREDx",
        "foo,ASSURED",
        "ASSURED,foo",
        "SRC_NAT,ASSURED",
        "D,A",
        "UNSET",
        "u",
        "SRC_NAT",
        "s",
    ] {
        pair.compare_reading_lines(&format!("-L -u {value}"))?;
    }
    for value in [
        "5",
        "0x5",
        "05",
        "7",
        "4294967295",
        "-1",
        "4294967296",
        "99999999999999999999",
        "foo",
        "''",
        "5x",
        "5/7",
        "1/3",
        "5/",
        "/5",
        "/",
        "5/foo",
        "0/0",
        "8/8",
        "5/0xf",
        "5/7/9",
        "0",
        "0/1",
    ] {
        pair.compare_reading_lines(&format!("-L -m {value}"))?;
    }
    for option in ["-w", "--orig-zone", "--reply-zone"] {
        for value in ["0", "5", "0x6", "7", "65536", "65541", "-1", "foo", "5x"] {
            pair.compare_reading_lines(&format!("-L {option} {value}"))?;
        }
    }
    for value in [
        "xml",
        "x",
        "extended",
        "id",
        "ID",
        "i",
        "timestamp",
        "ktimestamp",
        "labels",
        "userspace",
        "save",
        "s",
        "d",
        "sa",
        "save,save",
        "save,id",
        "id,save",
        "xml,id,extended,ktimestamp",
        "xml,save",
        "foo",
        "''",
        ",",
        "id,",
        "!id",
        "id,foo",
        "idx",
    ] {
        pair.compare_reading_lines(&format!("-L -o {value}"))?;
    }
    pair.compare_reading_lines(
        "\
-L -o id -o extended
-L -o save -o id
-L -o id -o save
-L -f ipv4
-L -f ipv6
-L -f ipv4foo
-L -f ipv
-L -f ipv5
-L -f IPV4
-L -f ''
-L -f ipv4 -f ipv6
-L -f ipv6 -s 10.0.0.1
-L -s 10.0.0.1 -f ipv6
-L -s 10.0.0.1 -d fd00::1
-L -s 10.0.0.1 -s fd00::1
-L -s 10.0.0.1 -n fd00::1
-L -s 10.0.0.1/24 --mask-src fd00::
-L -s 10.0.0.1 -s 10.0.0.3
-L -s 10.0.0.1/24 -s 10.0.0.3
-L -s 10.0.0.3 -s 10.0.0.1/24
-L -m 5 -m 7
--L -u ASSURED -u !SEEN_REPLY
-L --mask-src 255.0.0.0
-L --mask-src 255.0.0.0 -s 10.0.0.1
-L --mask-dst 255.0.0.0 --mask-src 255.0.0.0
-L --mask-src 255.0.0.0 -t 5
-L -s 10.0.0.1 --mask-src 255.255.255.0 --mask-src 0.0.0.0
-L -s 10.0.0.1 --mask-src 255.0.0.255
-L --mask-src 255.0.0.0/8 -s 10.0.0.1
-L -z
-L -z -f ipv4
-L -z -o xml
-L -z -m 5
-L -z -s 10.0.0.1
-L -z -p tcp
-L -z -u ASSURED
--L -z -w 5
-L -z -l a
-L -z -c 5
-L dying -z
-L -j -n
-L -g -j 9.9.9.9
-L -n -g
-L -n 9.9.9.9 -g 8.8.8.8
-L -n 9.9.9.9 -g 8.8.8.8:5353
-L -n 9.9.9.9:99 -n 9.9.9.9
-L -a x
-L -ax
-L --nat-range 10.0.0.1-10.0.0.2
-L -a x -a y -s foo
-E -e FOO
-E -e NEW,
-E -e d -t 5
-E -e S -t 5
-L -l a
-L -l a,b
-L -l ''
-U --label-add a
-U --label-del a
-U --label-add a --label-del b
-L -c foo
-L -c 7",
    )
}

/// Help and version are our own words; their form is what scripts look at.
pub(crate) fn help_and_version(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, "")?;
    for words in [&["-h"][..], &["--help"], &["-h", "-p", "tcp"], &[], &["foo"], &["-h", "expect"]]
    {
        let expected = pair.run(Tool::Reference, words, b"")?;
        let got = pair.run(Tool::Ours, words, b"")?;
        let form = |run: &testbed::process::Captured| {
            (run.code(), run.stdout.is_empty(), run.stderr.is_empty())
        };
        ctx.equal(&words.join(" "), &form(&expected), &form(&got));
        ctx.check("the version is named", got.out().starts_with("conntrack v1.4.7"));
    }
    for protocol in ["tcp", "udp", "udplite", "icmp", "icmpv6", "sctp", "dccp", "gre", "50"] {
        let got = pair.run(Tool::Ours, &["-h", "-p", protocol], b"")?;
        ctx.check(protocol, got.code() == 0 && got.out().contains("\nOptions of "));
    }
    let expected = pair.run(Tool::Reference, &["-V"], b"")?.out();
    let got = pair.run(Tool::Ours, &["-V"], b"")?.out();
    ctx.check("version", got.starts_with(expected.trim_end()));
    Ok(())
}
