//! `rsadm ipvs connections`, and the traffic that other cases need too.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use serde_json::Value;
use testbed::harness::{Context, Failure, Outcome};

use crate::listing::json;
use crate::{Result, out, restore, rsadm, same};

/// Makes every address of 192.0.2.0/24 and 198.18.0.0/16 local.
pub(crate) fn addresses(ctx: &Context) -> Result<()> {
    for network in ["192.0.2.0/24", "198.18.0.0/16"] {
        ctx.out("ip", ["addr", "add", network, "dev", "lo"])?;
    }
    Ok(())
}

/// Answers what it is sent until the other side closes.
pub(crate) fn echo(at: &str) -> Result<()> {
    let listener = TcpListener::bind(at)?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut byte = [0];
                while stream.read(&mut byte).is_ok_and(|length| length == 1) {
                    stream.write_all(&byte)?;
                }
                Ok::<_, std::io::Error>(())
            });
        }
    });
    Ok(())
}

/// Connects from a chosen address, and waits for the echo of one byte.
pub(crate) fn talk(from: &str, to: &str) -> Result<TcpStream> {
    let (from, to) = (from.parse::<SocketAddr>()?, to.parse::<SocketAddr>()?);
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &from)?;
    rustix::net::connect(&socket, &to)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"x")?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

/// Two services, connections of three clients to them, a template, and packets of a fourth client.
/// The streams keep the connections established.
fn traffic(ctx: &Context) -> Result<Vec<TcpStream>> {
    addresses(ctx)?;
    for server in ["192.0.2.7:8080", "192.0.2.8:8080"] {
        echo(server)?;
    }
    restore(
        ctx,
        "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:8080 -m\n\
         -a -t 192.0.2.1:80 -r 192.0.2.8:8080 -m\n\
         -A -t 192.0.2.1:81 -s rr -p 300\n-a -t 192.0.2.1:81 -r 192.0.2.7:8080 -m\n\
         -A -u 192.0.2.1:53 -s rr\n-a -u 192.0.2.1:53 -r 192.0.2.8:53 -m\n",
    )?;
    let mut streams = Vec::new();
    for (client, port) in [(11, 80), (11, 80), (12, 80), (13, 81), (11, 80)] {
        let from = format!("192.0.2.{client}:{}", 40000 + streams.len());
        streams.push(talk(&from, &format!("192.0.2.1:{port}"))?);
    }
    // One is over, once its server has closed it too.
    drop(streams.pop());
    let mut waits = 100;
    while out(ctx, "ipvs connections -n --state TIME_WAIT")?.lines().count() < 3 {
        waits -= 1;
        if waits == 0 {
            return ctx.fail("the server does not close the connection");
        }
        thread::sleep(Duration::from_millis(20));
    }
    UdpSocket::bind("192.0.2.14:40000")?.send_to(b"x", "192.0.2.1:53")?;
    Ok(streams)
}

pub(crate) fn filters_and_groups(ctx: &Context) -> Outcome {
    let _streams = traffic(ctx)?;
    let count = |options: &str| {
        let text = out(ctx, &format!("ipvs connections -n {options}"))?;
        Ok::<_, Failure>(text.lines().count() - 2)
    };
    for (options, expected) in [
        ("", 7),
        ("--protocol udp", 1),
        ("--client 192.0.2.11", 3),
        ("--client 192.0.2.12/31", 3),
        ("--virtual 192.0.2.1:81", 2),
        ("--virtual :80", 4),
        ("--virtual 198.51.100.0/24", 0),
        ("--destination 192.0.2.7", 4),
        ("--destination 192.0.2.8:8080", 2),
        ("--state established", 4),
        ("--state ESTABLISHED,UDP", 5),
        ("--client 192.0.2.11 --state ESTABLISHED", 2),
        ("--origin local", 7),
        ("--origin sync", 0),
    ] {
        same(ctx, options, expected, count(options)?);
    }
    sums(ctx)?;
    let services = json(ctx, "ipvs connections --group-by service --top 1 -o json")?;
    same(
        ctx,
        "the largest service",
        &serde_json::json!([{
            "protocol": "tcp", "address": "192.0.2.1", "port": 80, "connections": 4, "templates": 0
        }]),
        &services,
    );
    let clients = out(ctx, "ipvs connections -n --group-by client")?;
    let words: Vec<_> =
        clients.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    same(ctx, "clients", 5, words.len());
    same(ctx, "the busiest", &vec!["3", "0", "192.0.2.11"], &words[1]);
    same(ctx, "with a template", &vec!["1", "1", "192.0.2.13"], &words[2]);
    Ok(())
}

/// The connections of each destination are those that the kernel counts.
fn sums(ctx: &Context) -> Outcome {
    let number = |value: &Value, field: &str| value[field].as_u64().unwrap_or_default();
    let mut counted = BTreeMap::new();
    let table = json(ctx, "ipvs list -o json")?;
    for service in table.as_array().into_iter().flatten() {
        for row in service["destinations"].as_array().into_iter().flatten() {
            let name = format!("{}:{}", row["address"], row["port"]);
            *counted.entry(name).or_insert(0) +=
                number(row, "active_connections") + number(row, "inactive_connections");
        }
    }
    let mut grouped = BTreeMap::new();
    let groups = json(ctx, "ipvs connections --group-by dest -o json")?;
    for group in groups.as_array().into_iter().flatten() {
        let end = &group["destination"];
        grouped.insert(format!("{}:{}", end["address"], end["port"]), number(group, "connections"));
    }
    same(ctx, "the kernel's count", &counted, &grouped);
    Ok(())
}

pub(crate) fn structured(ctx: &Context) -> Outcome {
    let _streams = traffic(ctx)?;
    // The seconds that are left go on between two listings.
    let stable = |mut value: Value| {
        for connection in value.as_array_mut().into_iter().flatten() {
            ctx.check("expires", connection["expires"].as_u64().is_some());
            connection["expires"] = Value::Null;
        }
        value
    };
    let document = stable(json(ctx, "ipvs connections -o json")?);
    same(ctx, "connections", Some(7), document.as_array().map(Vec::len));
    let lines = out(ctx, "ipvs connections -o ndjson")?;
    let lines: std::result::Result<Vec<Value>, _> =
        lines.lines().map(serde_json::from_str).collect();
    same(ctx, "ndjson", &document, &stable(Value::Array(lines?)));
    let yaml = serde_saphyr::from_str(&out(ctx, "ipvs connections -o yaml")?)?;
    same(ctx, "yaml", &document, &stable(yaml));
    same(ctx, "table", 8, out(ctx, "ipvs connections -n -o table")?.lines().count());
    let first = json(ctx, "ipvs connections --client 192.0.2.12 -o json")?;
    let expected = serde_json::json!({
        "protocol": "tcp",
        "client": { "address": "192.0.2.12", "port": 40002 },
        "virtual": { "address": "192.0.2.1", "port": 80 },
        "destination": first[0]["destination"],
        "state": "ESTABLISHED",
        "expires": null,
        "template": false,
        "origin": "local",
    });
    same(ctx, "one", &expected, &stable(first)[0]);
    let template = json(ctx, "ipvs connections --virtual :81 --state NONE,ASSURED -o json")?;
    same(ctx, "a template", Some(true), template[0]["template"].as_bool());
    Ok(())
}

/// 100,000 connections, listed in little memory.
pub(crate) fn many(ctx: &Context) -> Outcome {
    const CONNECTIONS: usize = 100_000;
    addresses(ctx)?;
    // On a slow machine the usual five minutes are over before the last listing is.
    let table =
        "--set 0 0 86400\n-A -u 192.0.2.1:53 -s rr\n-a -u 192.0.2.1:53 -r 192.0.2.7:53 -m\n";
    restore(ctx, table)?;
    let _server = UdpSocket::bind("192.0.2.7:53")?;
    let mut sent = 0;
    'all: for host in 1..=255 {
        for port in 10_000..60_000 {
            UdpSocket::bind(format!("198.18.0.{host}:{port}"))?.send_to(b"", "192.0.2.1:53")?;
            sent += 1;
            if sent == CONNECTIONS {
                break 'all;
            }
        }
    }
    for options in ["-n", "-o json", "-o ndjson", "-n --group-by client", "-n -o table"] {
        let (lines, kilobytes) = listed(options)?;
        let least = if options.contains("group") { 2 } else { CONNECTIONS };
        ctx.check(&format!("{options}: {lines} lines"), lines >= least);
        ctx.check(&format!("{options}: {kilobytes} KiB"), kilobytes <= 20 * 1024);
    }
    Ok(())
}

/// Lines that a listing prints, and the most memory that it took meanwhile.
fn listed(options: &str) -> Result<(usize, u64)> {
    let mut command = rsadm();
    command.args(["ipvs", "connections"]).args(options.split(' ')).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take().ok_or_else(|| Failure::Failed("no pipe".to_owned()))?;
    let mut buffer = vec![0; 64 * 1024];
    let (mut lines, mut kilobytes) = (0, 0);
    loop {
        // It waits for the pipe to be emptied and cannot end before.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|text| text.split_whitespace().next()?.parse().ok());
        kilobytes = number.unwrap_or(kilobytes);
        let length = stdout.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        lines += buffer[..length].split(|&byte| byte == b'\n').count() - 1;
    }
    child.wait()?;
    Ok((lines, kilobytes))
}
