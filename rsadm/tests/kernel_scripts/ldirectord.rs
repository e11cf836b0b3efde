//! ldirectord, which asks real servers whether they live and tells ipvsadm.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testbed::harness::{Context, Outcome};
use testbed::ldirectord::Ldirectord;
use testbed::process::exit_code;

use super::Result;
use super::seat::{Seat, Tool};

/// Where the real servers listen.
const SERVERS: [&str; 2] = ["127.0.0.11:8001", "127.0.0.12:8002"];
const CONFIGURATION: &str = "/run/ldirectord.cf";
const SAID: &str = "/run/ldirectord.said";

/// One service that removes a dead server and has a fallback, one that keeps it with the weight 0,
/// one that is a firewall mark.
const SERVICES: &str = "\
checktimeout = 30
checkinterval = 1
supervised = yes
quiescent = no

virtual = 192.0.2.1:80
\treal = 127.0.0.11:8001 masq 2
\treal = 127.0.0.12:8002 masq 3
\tfallback = 127.0.0.1:8080 masq
\tscheduler = wrr
\tpersistent = 600
\tnetmask = 255.255.255.0
\tprotocol = tcp
\tchecktype = connect

virtual = 192.0.2.2:80
\treal = 127.0.0.11:8001 masq 1
\treal = 127.0.0.12:8002 masq 1
\tquiescent = yes
\tscheduler = wlc
\tprotocol = tcp
\tchecktype = connect

virtual = 7
\treal = 127.0.0.11:8001 gate 1
\treal = 127.0.0.12:8002 gate 5
\tscheduler = rr
\tprotocol = fwm
\tchecktype = connect
";

const BOTH_LIVE: &str = "\
-A -t 192.0.2.1:80 -s wrr -p 600 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 127.0.0.11:8001 -m -w 2
-a -t 192.0.2.1:80 -r 127.0.0.12:8002 -m -w 3
-A -t 192.0.2.2:80 -s wlc
-a -t 192.0.2.2:80 -r 127.0.0.11:8001 -m -w 1
-a -t 192.0.2.2:80 -r 127.0.0.12:8002 -m -w 1
-A -f 7 -s rr
-a -f 7 -r 127.0.0.11:8001 -g -w 1
-a -f 7 -r 127.0.0.12:8002 -g -w 5
";

const ONE_LIVES: &str = "\
-A -t 192.0.2.1:80 -s wrr -p 600 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 127.0.0.11:8001 -m -w 2
-A -t 192.0.2.2:80 -s wlc
-a -t 192.0.2.2:80 -r 127.0.0.11:8001 -m -w 1
-a -t 192.0.2.2:80 -r 127.0.0.12:8002 -m -w 0
-A -f 7 -s rr
-a -f 7 -r 127.0.0.11:8001 -g -w 1
";

const NONE_LIVES: &str = "\
-A -t 192.0.2.1:80 -s wrr -p 600 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 127.0.0.1:8080 -m -w 1
-A -t 192.0.2.2:80 -s wlc
-a -t 192.0.2.2:80 -r 127.0.0.11:8001 -m -w 0
-a -t 192.0.2.2:80 -r 127.0.0.12:8002 -m -w 0
-A -f 7 -s rr
";

pub(crate) fn follows_the_servers(ctx: &Context) -> Outcome {
    let Some(ldirectord) = Ldirectord::of_this_test() else {
        return ctx.skip("no ldirectord is unpacked");
    };
    let seat = Seat::new(ctx)?;
    fs::write(CONFIGURATION, SERVICES)?;
    let [reference, ours] = Tool::BOTH.map(|tool| {
        seat.give(tool)?;
        life(ctx, &seat, &ldirectord)
    });
    let (reference, ours) = (reference?, ours?);
    ctx.equal("lists on the way", &reference.lists, &ours.lists);
    ctx.equal("what the daemon said", &reference.said, &ours.said);
    let failed: Vec<&String> = ours.said.iter().filter(|line| line.contains("failed")).collect();
    ctx.equal("commands that failed", &Vec::<&String>::new(), &failed);
    Ok(())
}

/// What came of one run of the daemon.
struct Life {
    /// What ipvsadm itself listed when the daemon had done its work.
    lists: Vec<String>,
    /// What the daemon wrote, in the order of the alphabet: its own order is that of a hash.
    said: Vec<String>,
}

/// A daemon that ends with the case.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two servers live, one dies, both are dead, one and then both come back, the daemon is ended.
fn life(ctx: &Context, seat: &Seat<'_>, ldirectord: &Ldirectord) -> Result<Life> {
    let mut lists = Vec::new();
    let first = listen(SERVERS[0])?;
    let second = listen(SERVERS[1])?;
    let mut daemon = start(ldirectord)?;
    let mut settled = |daemon: &mut Daemon, what: &str, table: &str| -> Result<()> {
        settles(ctx, seat, daemon, what, table)?;
        for words in [&["-L", "-n"][..], &["-L", "-n", "--thresholds"]] {
            lists.push(seat.reference(words)?.lines().skip(1).collect::<Vec<_>>().join("\n"));
        }
        Ok(())
    };
    settled(&mut daemon, "both servers live", BOTH_LIVE)?;
    drop(second);
    settled(&mut daemon, "the second is dead", ONE_LIVES)?;
    drop(first);
    settled(&mut daemon, "both are dead", NONE_LIVES)?;
    let _first = listen(SERVERS[0])?;
    settled(&mut daemon, "the first is back", ONE_LIVES)?;
    let _second = listen(SERVERS[1])?;
    settled(&mut daemon, "the second is back", BOTH_LIVE)?;
    end(ctx, &mut daemon)?;
    ctx.equal("table without the daemon", "", &seat.reference(&["-Sn"])?);
    let said = fs::read_to_string(SAID)?;
    let mut said: Vec<String> = said.lines().filter_map(deed).collect();
    said.sort_unstable();
    Ok(Life { lists, said })
}

/// A server that takes connections: they wait in its queue, and to connect is all that is asked.
fn listen(address: &str) -> Result<TcpListener> {
    Ok(TcpListener::bind(address)?)
}

fn start(ldirectord: &Ldirectord) -> Result<Daemon> {
    let said = File::create(SAID)?;
    let mut command = ldirectord.command();
    command.args([CONFIGURATION, "start"]).stdin(Stdio::null());
    command.stdout(said.try_clone()?).stderr(said);
    Ok(Daemon(command.spawn()?))
}

/// Waits until the table is as it must be; the daemon looks every second.
fn settles(
    ctx: &Context,
    seat: &Seat<'_>,
    daemon: &mut Daemon,
    what: &str,
    expected: &str,
) -> Result<()> {
    let mut table = String::new();
    for _ in 0..600 {
        table = seat.reference(&["-Sn"])?;
        if table == expected {
            break;
        }
        if let Some(status) = daemon.0.try_wait()? {
            let said = fs::read_to_string(SAID).unwrap_or_default();
            return ctx.fail(format!("{what}: ldirectord ended with {status}: {said}"));
        }
        thread::sleep(Duration::from_millis(100));
    }
    ctx.equal(what, expected, &table);
    Ok(())
}

/// Asks the daemon to end, as `systemctl stop` does.
fn end(ctx: &Context, daemon: &mut Daemon) -> Result<()> {
    kill_process(Pid::from_child(&daemon.0), Signal::TERM)?;
    for _ in 0..600 {
        if let Some(status) = daemon.0.try_wait()? {
            ctx.equal("status of ldirectord", &0, &exit_code(status));
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    ctx.fail("ldirectord goes on after it was asked to end")
}

/// What the daemon did, of a line `[Mon Jan  1 00:00:00 2024] WHAT`. Others are Perl's warnings
/// about the daemon itself, as many as it has rounds.
fn deed(line: &str) -> Option<String> {
    let (_, what) = line.strip_prefix('[')?.split_once("] ")?;
    let (what, _process) = what.split_once(" with pid: ").unwrap_or((what, ""));
    Some(what.to_owned())
}
