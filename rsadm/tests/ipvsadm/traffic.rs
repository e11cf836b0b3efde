//! Listings of counters and connections that real traffic made.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use testbed::harness::{Context, Failure, Outcome};

use crate::pair::{Pair, Tool};

const PATIENCE: Duration = Duration::from_secs(10);

/// Virtual addresses on the loopback, destinations on it as well.
const TABLE: &str = "\
-A -t 10.10.0.1:80 -s rr
-a -t 10.10.0.1:80 -r 127.0.0.11:8080 -m
-a -t 10.10.0.1:80 -r 127.0.0.12:8080 -m -w 3
-A -t 10.10.0.2:0 -s rr -p 300
-a -t 10.10.0.2:0 -r 127.0.0.11:0 -m
-A -u 10.10.0.1:53 -s rr
-a -u 10.10.0.1:53 -r 127.0.0.11:5353 -m
-A -t [2001:db8:10::1]:80 -s rr
-a -t [2001:db8:10::1]:80 -r [2001:db8:10::11]:8080 -m
-A -u 10.10.0.3:5060 -s rr -p 60 --pe sip -o
-a -u 10.10.0.3:5060 -r 127.0.0.11:5060 -m
";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address in a test")
}

/// Keeps the connection until the client closes it.
fn serve(listen: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(address(listen))?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut byte = [0];
                while stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    if stream.write_all(&byte).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(())
}

fn connect(to: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect_timeout(&address(to), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"x")?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

/// Compares listings until no second has passed between the two: they show seconds.
fn same_connections(pair: &Pair<'_>, words: &[&str]) -> Outcome {
    let mut last = None;
    for _ in 0..20 {
        let before = pair.run(Tool::Reference, words, b"")?;
        let got = pair.run(Tool::Ours, words, b"")?;
        let after = pair.run(Tool::Reference, words, b"")?;
        let still = before.stdout == after.stdout;
        last = Some((before, got));
        if still {
            break;
        }
    }
    if let Some((expected, got)) = last {
        pair.same(&words.join(" "), &expected, &got);
    }
    Ok(())
}

pub(crate) fn counters_and_connections(ctx: &Context) -> Outcome {
    for line in [
        "10.10.0.1/32",
        "10.10.0.2/32",
        "10.10.0.3/32",
        "2001:db8:10::1/128",
        "2001:db8:10::11/128",
    ] {
        ctx.out("ip", ["addr", "add", line, "dev", "lo"])?;
    }
    let mut pair = Pair::new(ctx, TABLE)?;
    for listen in
        ["127.0.0.11:8080", "127.0.0.12:8080", "127.0.0.11:8081", "[2001:db8:10::11]:8080"]
    {
        serve(listen)?;
    }
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(connect("10.10.0.1:80")?);
    }
    for _ in 0..3 {
        drop(connect("10.10.0.1:80")?);
    }
    open.push(connect("10.10.0.2:8081")?);
    open.push(connect("[2001:db8:10::1]:80")?);
    let datagrams = UdpSocket::bind("0.0.0.0:0")?;
    let sink = UdpSocket::bind("127.0.0.11:5353")?;
    sink.set_read_timeout(Some(PATIENCE))?;
    for _ in 0..5 {
        datagrams.send_to(&[0; 1000], "10.10.0.1:53")?;
        sink.recv(&mut [0; 1500])?;
    }
    let call =
        b"INVITE sip:user@example.org SIP/2.0\r\nCall-ID: a84b4c76e66710@pc33.example.org\r\n\r\n";
    datagrams.send_to(call, "10.10.0.3:5060")?;
    // Half closed connections settle.
    thread::sleep(Duration::from_millis(500));

    let stats = |pair: &Pair<'_>| -> Result<Vec<String>, Failure> {
        let listed = pair.run(Tool::Reference, &["-Ln", "--stats"], b"")?.out();
        Ok(listed.lines().skip(3).map(str::to_owned).collect())
    };
    let zeroed = |lines: &[String]| {
        lines.iter().all(|line| line.ends_with(" 0        0        0        0        0"))
    };
    // The kernel adds up counters every two seconds, those of one service after the other.
    for _ in 0..60 {
        if !zeroed(&stats(&pair)?) {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    thread::sleep(Duration::from_secs(3));
    for words in [
        &["-Ln"][..],
        &["-L"],
        &["-Ln", "--stats"],
        &["-Ln", "--stats", "--exact"],
        &["-Ln", "--stats", "-t", "10.10.0.1:80"],
        &["-Ln", "--thresholds"],
        &["-Ln", "--persistent-conn"],
        &["-Ln", "--rate"],
        &["-Ln", "--rate", "--exact"],
        &["-Lnc"],
        &["-Lc"],
        &["-Lnc", "--persistent-conn"],
        &["-Lc", "--persistent-conn"],
        &["-Lnc", "--nosort", "-X"],
        &["-Lnc", "--tun-info"],
    ] {
        same_connections(&pair, words)?;
    }
    let listed = pair.run(Tool::Ours, &["-Lnc", "--persistent-conn"], b"")?.out();
    ctx.check("connections are shown", listed.contains("ESTABLISHED"));
    ctx.check("a template is shown", listed.contains("10.10.0.2:0"));
    ctx.check("IPv6 is shown", listed.contains("[2001:db8:10::1]:80"));

    // One service's counters, then all.
    ctx.check("there was traffic", !zeroed(&stats(&pair)?));
    let one = pair.run(Tool::Ours, &["-Z", "-t", "10.10.0.1:80"], b"")?;
    ctx.equal("status of zero", &0, &one.code());
    let lines = stats(&pair)?;
    let service = lines.iter().position(|line| line.starts_with("TCP  10.10.0.1:80 "));
    ctx.check("the service is zero", service.is_some_and(|at| zeroed(&lines[at..at + 3])));
    ctx.check("the others are not", !zeroed(&lines));
    let all = pair.run(Tool::Ours, &["-Z"], b"")?;
    ctx.equal("status of zero", &0, &all.code());
    ctx.check("all are zero", zeroed(&stats(&pair)?));
    drop(open);
    pair.client().flush()?;
    Ok(())
}
