//! `-L` and `-S` with every subset of their options, orders of tables, and names.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use testbed::harness::{Context, Outcome};

use crate::pair::Pair;
use crate::tables::MIXED;

const FLAGS: [&str; 7] =
    ["--stats", "--rate", "--thresholds", "--persistent-conn", "--tun-info", "--exact", "--nosort"];

fn with_every_subset(ctx: &Context, lists: &[&str], flags: usize) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    for list in lists {
        for chosen in 0..1_u32 << flags {
            let words: Vec<&str> = list
                .split(' ')
                .chain((0..flags).filter(|flag| chosen & 1 << flag != 0).map(|flag| FLAGS[flag]))
                .collect();
            pair.compare(&words, b"")?;
        }
    }
    Ok(())
}

pub(crate) fn tables(ctx: &Context) -> Outcome {
    with_every_subset(ctx, &["-Ln"], 7)
}

pub(crate) fn tables_with_names(ctx: &Context) -> Outcome {
    with_every_subset(ctx, &["-L"], 6)
}

pub(crate) fn one_service(ctx: &Context) -> Outcome {
    with_every_subset(ctx, &["-Ln -t 10.0.0.1:80", "-L -u 10.0.0.1:53", "-Ln -f 2 -6"], 6)
}

pub(crate) fn other_lists(ctx: &Context) -> Outcome {
    with_every_subset(ctx, &["-Ln -c", "-L --timeout", "-L --daemon"], 6)
}

/// Each service by itself, and none.
pub(crate) fn services(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    for line in MIXED.lines().filter(|line| line.starts_with("-A ")) {
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let count = if words.get(2) == Some(&"-6") { 3 } else { 2 };
        for list in ["-Ln", "-L"] {
            let words: Vec<&str> =
                [list].into_iter().chain(words[..count].iter().copied()).collect();
            pair.compare(&words, b"")?;
        }
    }
    pair.compare_lines(
        "\
-L -t 10.0.0.99:80
-Ln -u 10.0.0.1:80
-L -f 99
-L -f 2
-L -t [2001:db8::99]:80
-S
-Sn
-S -n
-L
-l
--list",
    )?;
    pair.compare(&[], b"")?;
    pair.start_from("")?;
    pair.compare_lines("-L\n-Ln\n-S\n-Sn\n-L --stats\n-L --rate\n-L --thresholds\n-L --tun-info\n-L --persistent-conn\n-Lc\n-L --nosort")?;
    pair.compare(&[], b"")
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % below
    }

    fn any<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.next(of.len())]
    }
}

/// Far apart on purpose: differences of these wrap.
const IPV4: [&str; 16] = [
    "8.8.8.8",
    "10.0.0.1",
    "10.0.0.2",
    "100.64.0.1",
    "127.0.0.5",
    "128.0.0.1",
    "137.255.255.255",
    "138.0.0.0",
    "172.16.0.1",
    "191.255.0.1",
    "192.168.0.1",
    "203.0.113.7",
    "223.255.255.255",
    "1.0.0.1",
    "63.255.255.255",
    "64.0.0.1",
];

const IPV6: [&str; 10] = [
    "::1",
    "fd00::1",
    "fe80::1",
    "2001:db8::1",
    "2001:db8::ffff:1",
    "2001:db8:8000::1",
    "2001:db8:0:8000::1",
    "2001:db8::8000:0:0:1",
    "8000::1",
    "7fff::1",
];

const MARKS: [&str; 8] =
    ["5", "2147483648", "3000000000", "1", "2147483647", "2147483653", "4294967295", "1073741824"];

/// A table of up to `lines` lines, most of which the kernel takes.
fn wild_table(numbers: &mut Numbers, lines: usize) -> String {
    let mut script = String::new();
    for _ in 0..lines {
        let port = numbers.any(&["80", "81", "443", "65535", "1"]);
        let service = match numbers.next(5) {
            0 => format!("-f {}", numbers.any(&MARKS)),
            1 => format!("-f {} -6", numbers.any(&MARKS)),
            2 => format!("{} [{}]:{port}", numbers.any(&["-t", "-u"]), numbers.any(&IPV6)),
            _ => {
                let protocol = numbers.any(&["-t", "-u", "--sctp-service"]);
                format!("{protocol} {}:{port}", numbers.any(&IPV4))
            }
        };
        let _ = writeln!(script, "-A {service} -s rr");
        for _ in 0..numbers.next(12) {
            let server = match numbers.next(3) {
                0 => format!("[{}]:80", numbers.any(&IPV6)),
                _ => format!("{}:{}", numbers.any(&IPV4), numbers.any(&["80", "8080", "1"])),
            };
            let _ = writeln!(script, "-a {service} -r {server} -i");
        }
    }
    script
}

/// Listings where no comparison of ipvsadm is an order.
pub(crate) fn wrapping_order(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, "")?;
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for round in 0..30 {
        let script = wild_table(&mut numbers, 4 + round);
        // Duplicates are refused, as they should be, by both.
        pair.compare(&["-R"], script.as_bytes())?;
        pair.run(crate::pair::Tool::Reference, &["-R"], script.as_bytes())?;
        for words in [&["-Ln"][..], &["-Sn"], &["-Ln", "--nosort"], &["-Ln", "--stats"]] {
            let expected = pair.run(crate::pair::Tool::Reference, words, b"")?;
            let got = pair.run(crate::pair::Tool::Ours, words, b"")?;
            pair.same(&format!("{} of table {round}", words.join(" ")), &expected, &got);
        }
        pair.client().flush()?;
    }
    Ok(())
}

/// Names of hosts and ports, long ones too, from files of the case's own.
pub(crate) fn names(ctx: &Context) -> Outcome {
    let long = |letter: &str, length| letter.repeat(length);
    let hosts = format!(
        "127.0.0.1 localhost\n::1 ip6-localhost\n\
         10.0.0.1 {}.example\n10.0.0.2 {}\n10.0.0.3 short.example alias\n10.0.0.3 second.example\n\
         10.0.0.4 multi\n10.0.0.5 255.255.255.0\n2001:db8::1 {}\n2001:db8::2 {}\n\
         2001:db8::3 {}\n2001:db8::4 v6host\nfe80::1 linklocal\n10.0.0.6 {}\n",
        long("a", 60),
        long("b", 40),
        long("a", 60),
        long("b", 40),
        long("c", 54),
        long("d", 22),
    );
    let services = format!(
        "{}\nonlysctp 7777/sctp\nonlyudp 7778/udp\nonlytcp 7779/tcp\n{} 7780/tcp\n\
         sctp2 7781/sctp aliassctp\nodd 7782/dccp\nover 70000/tcp\n5555 7783/tcp\n+7 7784/tcp\n\
         first 7785/tcp\nsecond 7785/tcp\nfirst 7786/tcp\n# no 7787/tcp\nlast 7788/tcp#x\n\
         bad 7789\nbad2 x/tcp\n",
        fs::read_to_string("/etc/services").unwrap_or_default(),
        long("e", 38),
    );
    for (file, text) in [("/etc/hosts", hosts), ("/etc/services", services)] {
        let own = format!("/run/{}", file.replace('/', "_"));
        fs::write(&own, text)?;
        if !ctx.capture(Command::new("mount").args(["--bind", &own, file]))?.status.success() {
            return ctx.skip(format!("{file} cannot be replaced here"));
        }
    }
    let mut script = String::new();
    let ports = ["80", "7777", "7778", "7779", "7780", "7783", "7785", "7788", "7789"];
    for address in [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.6",
        "10.0.0.9",
        "[2001:db8::1]",
        "[2001:db8::2]",
        "[2001:db8::3]",
        "[2001:db8::4]",
        "[2001:db8::9]",
    ] {
        for (index, port) in ports.iter().enumerate() {
            let protocol = ["-t", "-u", "--sctp-service"][index % 3];
            for protocol in [protocol, "-t"] {
                let service = format!("{protocol} {address}:{port}");
                if !script.contains(&format!("-A {service} ")) {
                    let _ = writeln!(script, "-A {service} -s rr");
                    let _ = writeln!(script, "-a {service} -r {address}:{port} -m");
                }
            }
        }
    }
    script.push_str(
        "-A -f 5 -s rr\n-a -f 5 -r 10.0.0.1:80 -m\n-a -f 5 -r 10.0.0.3:80 -m\n\
         -A -f 6 -6 -s rr\n-a -f 6 -6 -r [2001:db8::1]:80 -m\n",
    );
    let mut pair = Pair::new(ctx, &script)?;
    pair.compare_lines(
        "\
-L
-S
-Ln
-L --stats
-L --rate
-L --thresholds
-L --persistent-conn
-L --tun-info
-L -t short.example:80
-L -t alias:http",
    )?;
    pair.start_from("-A -f 9\n")?;
    for host in ["multi", "alias", "v6host", "255.255.255.0", "short.example", "nosuch.example"] {
        pair.compare(&["-A", "-t", &format!("{host}:80")], b"")?;
    }
    for port in [
        "onlysctp",
        "onlyudp",
        "onlytcp",
        "aliassctp",
        "odd",
        "over",
        "5555",
        "+7",
        "HTTP",
        "www",
        "first",
        "second",
        "no",
        "last",
        "bad",
        "bad2",
    ] {
        for service in ["-t", "-u", "--sctp-service"] {
            pair.compare(&["-A", service, &format!("short.example:{port}")], b"")?;
        }
        pair.compare(&["-a", "-f", "9", "-m", "-r", &format!("short.example:{port}")], b"")?;
    }
    Ok(())
}
