//! Command lines: which options go with which command, and what values they take.

use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool};
use crate::tables::SMALL;

/// Every option that is not a command, with a value that it takes.
const OPTIONS: [&str; 44] = [
    "-t 10.0.0.1:80",
    "--udp-service=10.0.0.1:53",
    "--sctp-service 10.0.0.1:9000",
    "-f 7",
    "-s rr",
    "-p",
    "-p 60",
    "-M 255.255.255.0",
    "-r 10.1.1.1:8080",
    "-m",
    "-i",
    "-g",
    "-w 3",
    "-x 4",
    "-y 5",
    "-n",
    "-c",
    "--mcast-interface lo",
    "--timeout",
    "--daemon",
    "--stats",
    "--rate",
    "--thresholds",
    "--persistent-conn",
    "--nosort",
    "--sort",
    "--syncid 7",
    "-X",
    "-6",
    "-o",
    "--pe sip",
    "-b flag-1",
    "--mcast-group 224.0.0.82",
    "--mcast-port 9999",
    "--mcast-ttl 5",
    "--sync-maxlen 1000",
    "--tun-info",
    "--tun-type gue",
    "--tun-port 6080",
    "--tun-nocsum",
    "--tun-csum",
    "--tun-remcsum",
    "word",
    "--bogus",
];

fn with_every_option(ctx: &Context, commands: &[&str]) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    for command in commands {
        let command: Vec<&str> = command.split(' ').collect();
        pair.compare(&command, b"")?;
        for option in OPTIONS {
            let words: Vec<&str> = command.iter().copied().chain(option.split(' ')).collect();
            pair.compare(&words, b"")?;
        }
    }
    Ok(())
}

pub(crate) fn services_with_every_option(ctx: &Context) -> Outcome {
    with_every_option(
        ctx,
        &["-A", "-A -t 10.0.0.2:80", "-E -t 10.0.0.1:80", "-D", "-D -t 10.0.0.1:80"],
    )
}

pub(crate) fn servers_with_every_option(ctx: &Context) -> Outcome {
    with_every_option(
        ctx,
        &[
            "-a -t 10.0.0.1:80",
            "-a -t 10.0.0.1:80 -r 10.1.1.2",
            "-a -t 10.0.0.1:80 -r 10.1.1.2 -i",
            "-a -f 7 -r 10.1.1.2 -i --tun-type gre",
            "-e -t 10.0.0.1:80 -r 10.1.1.1:8080 -m",
            "-d -t 10.0.0.1:80 -r 10.1.1.1:8080",
        ],
    )
}

pub(crate) fn tables_with_every_option(ctx: &Context) -> Outcome {
    with_every_option(ctx, &["-C", "-L", "-L -t 10.0.0.1:80", "-S", "-Z", "-R", "-Ln -c"])
}

pub(crate) fn settings_with_every_option(ctx: &Context) -> Outcome {
    with_every_option(
        ctx,
        &[
            "--set 7200 0 60",
            "--start-daemon master --mcast-interface lo",
            "--start-daemon backup",
            "--stop-daemon master",
            "-n",
            "-t 10.0.0.1:80",
        ],
    )
}

/// Two options at once, where the order of checks shows.
pub(crate) fn pairs_of_mistakes(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    let mistakes = [
        "-n",
        "-w x",
        "-w -1",
        "--mcast-ttl 0",
        "-b bogus",
        "-b sh-port",
        "-6",
        "extra",
        "--bogus",
        "-t 80",
        "-M x",
        "-p 0",
        "-L",
        "--tun-type x",
        "-s",
    ];
    for first in mistakes {
        for second in mistakes {
            let line = format!("-A {first} {second}");
            pair.compare(&line.split(' ').collect::<Vec<_>>(), b"")?;
        }
    }
    Ok(())
}

/// How popt takes words apart.
pub(crate) fn spelling(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    pair.compare_lines(
        "\
-L --numeric=foo
-L -n=foo
-L -n=
-L -nX=
-LnA
-Ln
-lnX
-L -nXt
-L -nXt10.0.0.1:80
-L -nXt=10.0.0.1:80
-L -nt=
-Lnt
-Lntx10.0.0.1:80
-L -n --start-daemon master
-L --stop-daemon=foo
-L --stop-daemon
-L --add-service=3
--list=3
--list -n -- --foo
-L -- -n
-L -
- -L
-Ln -
foo -Ln
foo
-- -L
--
-
-p -L
-A -t 10.0.0.3:80 -p=60
-A -t 10.0.0.3:80 -p=
-A -t 10.0.0.3:80 -p=-5
-A -t 10.0.0.3:80 -p60
-A -t 10.0.0.3:80 -p -s rr
-A -t10.0.0.3:80 -prr
-A -t=10.0.0.3:80 --persistent=70
-A -t 10.0.0.3:80 --persistent=
-A -pt 10.0.0.3:80
-A -opt 10.0.0.3:80
-A -t= 10.0.0.3:80
-A --tcp-service=
-L --=3
-L ---n
-L -=
-L -=n
-L -t
-nL
-L -q
-L -nq
-L --stat
-L --statss
-L --STATS
-L -n -n
-L --numeric -n
-L -6
-Ln --sort --sort
-Ln -L
-Ln --list
-Ln -h
-Ln -v
-Ln -R
-Ln --help
-h=1
--help=1
-v=1
-A -t 10.0.0.1:80 -t 10.0.0.1:80
-A -t 10.0.0.1:80 -u 10.0.0.1:80
-A -t 10.0.0.1:80 -f 5
-A -f 5 -6 -6
-A -f 5 -t 10.0.0.9:80
-a -t 10.0.0.1:80 -r 10.1.1.1 -m -g
-a -t 10.0.0.1:80 -r 10.1.1.1 -mgi
-L -c -t 10.0.0.1:80
-L -c --timeout
-L --timeout --daemon
-L --daemon --timeout
-L --daemon -c -t 10.0.0.1:80
-L -t 10.0.0.1:80 --timeout
-L -c --stats
-L --timeout --persistent-conn
-L --timeout --exact --stats
-L --daemon --rate
-L -c --nosort -X --tun-info -n
-L --syncid 5
-L --syncid 500
--restore --foo
--start-daemon
--stop-daemon
--start-daemon foo
--stop-daemon foo
--start-daemon=master --mcast-interface=lo
--start-daemon Master",
    )?;
    for words in [
        &[""][..],
        &["-L", ""],
        &["-L", "-t", ""],
        &["-L", "-f", ""],
        &["-A", "-s", "", "-t", "10.0.0.3:80"],
        &["-A", "-p", "", "-t", "10.0.0.3:80"],
        &["-A", "-M", "", "-p", "-t", "10.0.0.3:80"],
        &["-A", "--pe", "", "-t", "10.0.0.3:80"],
        &["-A", "-b", "", "-t", "10.0.0.3:80"],
        &["-A", "-t", "10.0.0.3: 80"],
        &["-A", "-t", "10.0.0.3 x:80"],
        &["-A", "-t", " 10.0.0.3:80"],
        &["-A", "-t", "10.0.0.3:80 "],
        &["-A", "-p", " 60", "-t", "10.0.0.3:80"],
        &["-A", "-p", "60 ", "-t", "10.0.0.3:80"],
        &["-A", "-p", "9", "-M", "255.255.0.0 x", "-t", "10.0.0.3:80"],
        &["-A", "-f", " 5"],
        &["-A", "-f", "5 "],
        &["-A", "-b", " flag-1", "-t", "10.0.0.3:80"],
        &["-a", "-t", "10.0.0.1:80", "-r", ""],
        &["-a", "-t", "10.0.0.1:80", "-r", "10.1.1.7", "--tun-type", ""],
        &["--start-daemon", "master", "--mcast-interface", ""],
        &["--start-daemon", ""],
        &["--set", "", "", ""],
    ] {
        pair.compare(words, b"")?;
    }
    Ok(())
}

/// Where the environment asks for options first.
pub(crate) fn posix(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, SMALL)?;
    for line in
        ["-L foo -n", "foo -L", "--set 1 -1 3", "--set -n 1 2 3", "-L - -n", "-Ln", "-L -- -n"]
    {
        let run = |tool| {
            let mut command = pair.command(tool);
            ctx.capture(command.env("POSIXLY_CORRECT", "").args(line.split(' ')))
        };
        pair.same(line, &run(Tool::Reference)?, &run(Tool::Ours)?);
    }
    Ok(())
}

/// Values of options, good and bad.
pub(crate) fn values(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    let addresses = [
        "80",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:0",
        "1.2.3.4:http",
        "1.2.3.4:+80",
        "1.2.3.4:-1",
        "1.2.3.4:65535",
        "1.2.3.4:65536",
        "1.2.3.4:99999999999999999999",
        "1.2.3.4:80x",
        "1.2.3.4:domain",
        "1.2.3.4:nope",
        "1.2.3.4:www",
        "1.2.3.4:HTTP",
        "1.2.3.4:0x50",
        "1.2.3.4:080",
        "1.2.3.4::91",
        "1.2.3.4:5:6",
        "[1.2.3.4]:99",
        "[1.2.3.4]",
        "[1.2.3.4:5]:6",
        "[2001:db8::1]:80",
        "[2001:db8::1]",
        "[2001:db8::1]80",
        "2001:db8::1",
        "[2001:db8::1]:",
        "[::1]:http",
        "[::ffff:1.2.3.4]:80",
        "[::ffff:1.2.3.04]:80",
        "::",
        "[1::2::3]:80",
        "[12345::]:80",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9",
        "localhost",
        "localhost:81",
        "[localhost]:82",
        "nosuchhost.invalid:83",
        "10.1:84",
        "10.1.258:84",
        "0x0a000001:85",
        "010.1.1.1:86",
        "08.1.1.1:86",
        "167772161:89",
        "4294967296:89",
        "1.2.3.256:89",
        "1.2.3.4.5:89",
        "1.2.3.:89",
        ":90",
        "[fe80::1%lo]:92",
        "255.255.255.255:93",
        "224.0.0.1:94",
        "0.0.0.0:95",
        "[]:1",
        "[",
        "]",
        "[]",
        "[:]:1",
        ":",
    ];
    for address in addresses {
        pair.compare(&["-A", "-t", address, "-p", "30"], b"")?;
        pair.compare(&["-a", "-f", "7", "-r", address, "-m"], b"")?;
    }
    for address in ["10.0.0.3:domain", "10.0.0.3:sip", "10.0.0.3:amqp", "[::3]:domain"] {
        for protocol in ["-u", "--sctp-service"] {
            pair.compare(&["-A", protocol, address], b"")?;
        }
    }
    for (line, values) in [
        (
            "-A -t 10.0.0.3:80 -p",
            "0 1 2678400 2678401 -1 x 1x 0x10 +5 99999999999999999999 -99999999999999999999",
        ),
        ("-A -f", "0 1 -1 4294967295 4294967296 99999999999999999999 0x5 5x -4294967295 +9 007"),
        (
            "-A -t 10.0.0.3:80 -p -M",
            "255.0.0.0 0.0.0.0 24 33 4294967295 4294967296 10.1 x localhost",
        ),
        (
            "-A -t [::3]:80 -p -M",
            "0 1 64 128 129 -1 24x x 4294967360 99999999999999999999 255.0.0.0",
        ),
        ("-A -f 9 -6 -p -M", "1 64 128 129 255.0.0.0"),
        ("-A -f 9 -p -6 -M", "0 48"),
        (
            "-A -t 10.0.0.3:80 -s",
            "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos none nosuch \
             abcdefghijklmnopqrstuvw RR",
        ),
        ("-A -u 10.0.0.3:80 --pe", "sip nosuch sipsipsipsipsipsipsip SIP"),
        (
            "-A -u 10.0.0.3:80 -b",
            "flag-1 flag-2 flag-3 flag-4 flag-1,flag-2,flag-3 flag-1,,flag-3 ,flag-2 flag-2, \
             sh-port mh-port FLAG-1 flag-1,bogus bogus,flag-1 flag-1,flag-1",
        ),
        (
            "-A -u 10.0.0.3:80 -s sh -b",
            "sh-port sh-fallback flag-3 sh-fallback,sh-port,flag-3 mh-port flag-2 sh-port,mh-port sh_port",
        ),
        ("-A -u 10.0.0.3:80 -b sh-port -s", "sh mh rr"),
        ("-A -u 10.0.0.3:80 -s mh -b", "mh-port mh-fallback mh-fallback,flag-3 sh-port"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.1.9 -m -w",
            "0 1 65535 65536 2147483647 2147483648 -1 x 1.5 1x 0x1 +7",
        ),
        ("-a -t 10.0.0.1:80 -r 10.1.1.9 -m -x", "0 1 2147483647 2147483648 -1 x"),
        ("-a -t 10.0.0.1:80 -r 10.1.1.9 -m -x 9 -y", "0 9 10 2147483647 2147483648 -1 x"),
        ("-a -t 10.0.0.1:80 -r 10.1.1.9 -i --tun-type gue --tun-port", "0 1 65535 65536 x -1"),
        ("--set 1 2", "0 1 2678400 2678401 -1 x 3x"),
        ("--set -- -1 2", "3"),
        ("--set 0 0", "0"),
        ("--set 1 2 3", "4"),
        ("--set 1", "2"),
        ("-L --syncid", "0 255 256 -1 x"),
        ("--start-daemon master --mcast-interface", "lo eth0 nosuch0 averylonginterfacename"),
        ("--start-daemon master --mcast-interface lo --syncid", "0 255 256 -1 x"),
        (
            "--start-daemon backup --mcast-interface lo --mcast-group",
            "224.0.0.81 239.255.255.255 10.0.0.1 240.0.0.1 224.0.0.081 ff02::51 ff02::zz fe80::1 \
             foo : ff0e::1:2",
        ),
        ("--start-daemon master --mcast-interface lo --mcast-port", "0 1 65535 65536 x"),
        ("--start-daemon master --mcast-interface lo --mcast-ttl", "0 1 255 256 x"),
        ("--start-daemon backup --mcast-interface lo --sync-maxlen", "0 1 1000 65507 65508 x"),
    ] {
        for value in values.split_whitespace() {
            let words: Vec<&str> = line.split(' ').chain([value]).collect();
            pair.compare(&words, b"")?;
        }
    }
    // The buffer for flags ends in the middle of a name.
    let flags = "flag-1,".repeat(30);
    pair.compare(&["-A", "-u", "10.0.0.3:80", "-b", &flags], b"")?;
    pair.compare(&["-A", "-u", "10.0.0.3:80", "-b", &"x".repeat(300)], b"")
}

/// Help and version have words of their own; stream and status are ipvsadm's.
pub(crate) fn help_and_version(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, "")?;
    for words in
        [&["-h"][..], &["--help"], &["-v"], &["--version"], &["-v", "--bogus"], &["-hL"], &["-vx"]]
    {
        let name = words.join(" ");
        let expected = pair.run(Tool::Reference, words, b"")?;
        let got = pair.run(Tool::Ours, words, b"")?;
        ctx.equal(&format!("status of {name}"), &expected.code(), &got.code());
        ctx.equal(&format!("errors of {name}"), &expected.err(), &got.err());
        let start = |text: String| text.split(" (").next().map(str::to_owned);
        ctx.equal(&format!("version of {name}"), &start(expected.out()), &start(got.out()));
        ctx.equal(
            &format!("lines of {name}"),
            &(expected.out().lines().count() > 1),
            &(got.out().lines().count() > 1),
        );
    }
    Ok(())
}
