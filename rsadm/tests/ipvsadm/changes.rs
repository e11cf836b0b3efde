//! What commands do to the table, and what the kernel refuses.

use testbed::harness::{Context, Outcome};

use crate::pair::Pair;
use crate::tables::{MIXED, SMALL};

const SERVICES: [&str; 12] = [
    "-t 10.0.0.9:80",
    "-t 10.0.0.9",
    "-u 10.0.0.9:80",
    "--sctp-service 10.0.0.9:80",
    "-t [2001:db8::9]:80",
    "-u 2001:db8::9",
    "--sctp-service [2001:db8::9]:80",
    "-f 9",
    "-f 9 -6",
    "-f 4294967295",
    "-f 2147483648 -6",
    "-t 10.0.0.1:80",
];

pub(crate) fn services(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    for service in SERVICES {
        for settings in [
            "",
            " -s rr",
            " -p",
            " -s sh -p 60 -b sh-port,sh-fallback",
            " -o",
            " -p -o --pe sip -s mh -b mh-port",
            " -M 255.255.255.0 -p 5",
            " -M 64 -p 5",
        ] {
            pair.compare_lines(&format!("-A {service}{settings}"))?;
        }
    }
    Ok(())
}

/// Edits replace everything, which hurts whoever forgets an option.
pub(crate) fn edits(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    pair.compare_lines(
        "\
-E -t 10.0.0.1:80
-E -t 10.0.0.1:80 -s rr
-E -t 10.0.0.1:82
-E -t 10.0.0.1:82 -p 5
-E -t 10.0.0.1:0
-E -t 10.0.0.1:0 -p 7 -M 255.0.0.0
-E -u 10.0.0.1:53
-E -u 10.0.0.1:53 -s sh -b sh-port
-E -u 10.0.0.1:53 -s mh -b mh-port
-E -u 10.0.0.1:5061
-E -u 10.0.0.1:5061 --pe sip
-E -u 10.0.0.1:5061 -p 60 --pe sip -o
-E -u 10.0.0.1:5062 -s wlc
-E --sctp-service 10.0.0.1:9000 -s rr
-E -t [2001:db8::1]:80
-E -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -p 10
-E -f 1
-E -f 1 -6 -s sed -p 9 -M 96
-E -f 2 -6
-E -f 2
-E -f 4294967295
-E -f 2147483648 -o
-E -t 10.0.0.7:80
-D -t 10.0.0.1:80
-D -t 10.0.0.1:0
-D -t 10.0.0.1
-D -u 10.0.0.1:53
-D --sctp-service 10.0.0.1:9000
-D -t [2001:db8::1]:80
-D -t 2001:db8::1
-D -f 1
-D -f 1 -6
-D -f 2
-D -f 4294967295
-D -t 10.0.0.7:80
-C
-Z
-Z -t 10.0.0.1:80
-Z -t 10.0.0.7:80
-Z -t 0.0.0.0:0
-Z -t 0.0.0.0
-Z -u 0.0.0.0:0
-Z -t 0.0.0.0:5
-Z -t [::]:0
-Z -t ::
-Z -t [::1]:0
-Z -t [0:0:1::]:0
-Z -f 1
-Z -f 1 -6
-Z -f 99
-L -t 0.0.0.0:0
-D -t 0.0.0.0:0",
    )
}

pub(crate) fn destinations(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    let services = ["-t 10.0.0.1:80", "-t 10.0.0.1:0", "-t [2001:db8::1]:80", "-f 1", "-f 2 -6"];
    let servers = ["10.9.9.9", "10.9.9.9:8080", "2001:db8::77", "[2001:db8::77]:8080"];
    let methods = [
        "",
        " -g",
        " -m",
        " -i",
        " -m -w 0 -x 5 -y 3",
        " -i --tun-type ipip",
        " -i --tun-type gue --tun-port 6080",
        " -i --tun-type gue --tun-port 6080 --tun-remcsum",
        " -i --tun-type gre --tun-csum",
    ];
    for service in services {
        for server in servers {
            for method in methods {
                pair.compare_lines(&format!("-a {service} -r {server}{method}"))?;
            }
        }
    }
    pair.compare_lines(
        "\
-a -r 10.9.9.9 -t 10.0.0.1:80
-a -r 10.9.9.9 -t 10.0.0.1:80 -m
-a -r 10.9.9.9:http -t 10.0.0.1:80 -m
-a -r 2001:db8::7 -t [2001:db8::1]:80 -m
-a -m -r 10.9.9.9 -f 1
-a -f 1 -r 10.9.9.9:http -m",
    )
}

/// Every combination of a tunnel's options.
pub(crate) fn tunnels(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    let switches = ["--tun-port 5", "--tun-nocsum", "--tun-csum", "--tun-remcsum"];
    for kind in ["", " --tun-type ipip", " --tun-type gue", " --tun-type gre"] {
        for chosen in 0..1_u32 << switches.len() {
            let mut line = format!("-a -t 10.0.0.1:80 -r 10.1.1.9 -i{kind}");
            for (index, switch) in switches.iter().enumerate() {
                if chosen & 1 << index != 0 {
                    line = format!("{line} {switch}");
                }
            }
            pair.compare_lines(&line)?;
        }
    }
    pair.compare_lines(
        "\
-a -t 10.0.0.1:80 -r 10.1.1.9 -i --tun-type foo
-a -t 10.0.0.1:80 -r 10.1.1.9 --tun-type foo -m
-a -t 10.0.0.1:80 -r 10.1.1.9 -m --tun-type ipip
-a -t 10.0.0.1:80 -r 10.1.1.9 --tun-port 6080
-a -t 10.0.0.1:80 -r [::9]:80 -m --tun-type gue
-a -t 10.0.0.1:80 -r [::9]:80 --tun-type gue
-a -t 10.0.0.1:80 -r [::9]:80 -i --tun-type gue
-a -t 10.0.0.1:80 -r [::9]:80 -i --tun-type gue --tun-port 9
-d -t 10.0.0.1:80 -r 10.1.1.1:8080 -i
-d -t 10.0.0.1:80 -r 10.1.1.1:8080 --tun-type gue",
    )
}

pub(crate) fn edited_destinations(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    pair.compare_lines(
        "\
-e -t 10.0.0.1:80 -r 10.1.1.1:8080
-e -t 10.0.0.1:80 -r 10.1.1.1:8080 -m
-e -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -w 9
-e -t 10.0.0.1:80 -r 10.1.1.2
-e -t 10.0.0.1:80 -r 10.1.1.2 -m
-e -t 10.0.0.1:80 -r 10.1.1.3 -i
-e -t 10.0.0.1:80 -r 10.1.1.4 -i
-e -t 10.0.0.1:80 -r 10.1.1.4 -i --tun-type gre
-e -t 10.0.0.1:80 -r 10.1.1.6 -i --tun-type gue --tun-port 2 --tun-csum
-e -t 10.0.0.1:80 -r [2001:db8::99]:80 -i -w 7
-e -t 10.0.0.1:80 -r [2001:db8::99]:80 -m
-e -t 10.0.0.1:81 -r 10.1.1.2:8080 -m
-e -t 10.0.0.1:81 -r 10.1.1.2:8080 -m -x 7
-e -t 10.0.0.1:81 -r 10.1.1.2:8080 -m -x 7 -y 8
-e --sctp-service 10.0.0.1:9000 -r 10.2.1.1:9000 -m -w 2
-e -f 2 -6 -r 2001:db8::5 -g -w 3
-e -f 2 -6 -r 10.3.1.2 -i -w 3
-e -f 1 -r 10.3.1.1:80 -g -w 3
-e -t 10.0.0.1:80 -r 10.7.7.7
-e -t 10.0.0.7:80 -r 10.1.1.1
-d -t 10.0.0.1:80 -r 10.1.1.1:8080
-d -t 10.0.0.1:80 -r 10.1.1.1
-d -t 10.0.0.1:80 -r 10.1.1.2
-d -t 10.0.0.1:80 -r 10.1.1.2:80
-d -t 10.0.0.1:80 -r 10.1.1.2:81
-d -r 10.1.1.2 -t 10.0.0.1:80
-d -t 10.0.0.1:80 -r [2001:db8::99]:80
-d -t 10.0.0.1:80 -r 2001:db8::99
-d -f 1 -r 10.3.1.1:80
-d -f 1 -r 10.3.1.1
-d -f 2 -6 -r 10.3.1.2
-d -f 2 -6 -r 2001:db8::5
-d -f 2 -r 2001:db8::5
-d -t 10.0.0.7:80 -r 10.1.1.1
-d -t 10.0.0.1:81 -r 10.7.7.7",
    )
}

pub(crate) fn refusals(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    pair.compare_lines(
        "\
-A -t 10.0.0.1:80
-A -t [2001:db8::1]:80
-A -f 1
-A -f 1 -6
-A -t 10.0.0.8:80 -s nosuch
-A -t 10.0.0.8:80 --pe nosuch
-E -t 10.0.0.1:80 -s nosuch
-E -t 10.0.0.1:80 --pe nosuch
-E -t 10.0.0.8:80 -s nosuch
-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m
-a -t 10.0.0.8:80 -r 10.1.1.1
-a -f 8 -r 10.1.1.1
-a -t 10.0.0.1:80 -r 0.0.0.0
-a -t 10.0.0.1:80 -r 224.0.0.1
-a -t 10.0.0.1:80 -r 255.255.255.255 -m
-a -t 10.0.0.1:80 -r ff02::1 -i
-a -t [2001:db8::1]:80 -r ff02::1
-a -t [2001:db8::1]:80 -r ::
-a -t 10.0.0.1:80 -r 10.1.1.55 -m -x 5 -y 6
-a -t 10.0.0.1:80 -r 10.1.1.55 -y 1
-e -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -y 5 -x 4
--start-daemon master --mcast-interface nosuch0
--start-daemon master
--stop-daemon master
--stop-daemon backup
--start-daemon master --mcast-interface lo --mcast-group ff02::51",
    )?;
    // Daemons and destinations of another family exclude each other.
    pair.start_from(SMALL)?;
    pair.compare(
        &["-R"],
        b"--start-daemon master --mcast-interface lo\n\
          --start-daemon master --mcast-interface lo\n\
          -a -t 10.0.0.1:80 -r [2001:db8::9]:80 -i\n\
          --stop-daemon backup\n",
    )
}

pub(crate) fn daemons(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    for script in [
        "--start-daemon master --mcast-interface lo\n-L --daemon\n",
        "--start-daemon backup --mcast-interface lo --syncid 7\n-L --daemon -n\n",
        "--start-daemon backup --mcast-interface lo --syncid 7\n\
         --start-daemon master --mcast-interface lo --syncid 255\n-L --daemon\n",
        "--start-daemon backup --mcast-interface lo --mcast-group ff02::51 --mcast-port 9999 \
         --mcast-ttl 5 --sync-maxlen 1000\n-L --daemon\n",
        "--start-daemon master --mcast-interface lo --mcast-ttl 255 --sync-maxlen 65507\n\
         -L --daemon\n",
        "--start-daemon master --mcast-interface lo\n--stop-daemon backup\n-L --daemon\n",
        "--start-daemon master --mcast-interface lo\n--start-daemon master --mcast-interface lo\n",
        "--stop-daemon master\n",
        "-L --daemon\n",
    ] {
        pair.compare(&["-R"], script.as_bytes())?;
    }
    // Not right after the start: ipvsadm waits for ever for the end of a daemon that has not run.
    pair.start_from(
        "--start-daemon master --mcast-interface lo --syncid 3\n\
         --start-daemon backup --mcast-interface lo --syncid 4\n",
    )?;
    pair.compare_lines(
        "\
-L --daemon
--stop-daemon master
--stop-daemon master --syncid 3
--stop-daemon master --syncid 200
--stop-daemon backup
--start-daemon backup --mcast-interface lo",
    )
}
