//! Verbs that change one thing.

use testbed::harness::{Context, Outcome};

use crate::{all, fails, out, reference_save, restore, same, settles};

pub(crate) fn services(ctx: &Context) -> Outcome {
    all(
        ctx,
        "ipvs service add tcp://10.0.0.1:80
         ipvs service add udp://10.0.0.1:53 -s sh -b sh-fallback,sh-port --ops
         ipvs service add sctp://10.0.0.1:9 -s wrr -p
         ipvs service add tcp://10.0.0.1:0 -p 600 -M 255.255.255.0 -s rr
         ipvs service add udp://10.0.0.1:5060 -p 60 --pe sip -s rr --ops
         ipvs service add tcp://[2001:db8::1]:80 -s mh -b flag-1,mh-port -p 30 -M 64
         ipvs service add fwmark://7 -s lc
         ipvs service add fwmark6://7 -s wlc -p 10",
    )?;
    let before = "\
-A -t 10.0.0.1:0 -s rr -p 600 -M 255.255.255.0
-A -t 10.0.0.1:80 -s wlc
-A -t [2001:db8::1]:80 -s mh -p 30 -M 64 -b mh-fallback,mh-port
-A -u 10.0.0.1:53 -s sh -o -b sh-fallback,sh-port
-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip -o
-A --sctp-service 10.0.0.1:9 -s wrr -p 360
-A -f 7 -s lc
-A -f 7 -6 -s wlc -p 10
";
    same(ctx, "added", &sorted(before), &sorted(&reference_save(ctx)?));

    // Each names one field; all others have to stay.
    all(
        ctx,
        "ipvs service edit udp://10.0.0.1:53 --no-ops
         ipvs service edit udp://10.0.0.1:53 -b sh-port
         ipvs service edit sctp://10.0.0.1:9 -s lc
         ipvs service edit tcp://10.0.0.1:0 -p 700
         ipvs service edit udp://10.0.0.1:5060 --no-pe
         ipvs service edit tcp://[2001:db8::1]:80 -M 128
         ipvs service edit tcp://[2001:db8::1]:80 -b none
         ipvs service edit fwmark://7 --ops -p
         ipvs service edit fwmark6://7 --no-persistent",
    )?;
    let after = "\
-A -t 10.0.0.1:0 -s rr -p 700 -M 255.255.255.0
-A -t 10.0.0.1:80 -s wlc
-A -t [2001:db8::1]:80 -s mh -p 30
-A -u 10.0.0.1:53 -s sh -b sh-port
-A -u 10.0.0.1:5060 -s rr -p 60 -o
-A --sctp-service 10.0.0.1:9 -s lc -p 360
-A -f 7 -s lc -p 360 -o
-A -f 7 -6 -s wlc
";
    same(ctx, "edited", &sorted(after), &sorted(&reference_save(ctx)?));
    fails(
        ctx,
        "ipvs service edit udp://10.0.0.1:53 -b mh-port",
        2,
        "rsadm: 'mh-port' is a flag of the scheduler mh, not of sh\n",
    )?;

    for key in ["tcp://10.0.0.1:0", "fwmark6://7", "sctp://10.0.0.1:9"] {
        out(ctx, &format!("ipvs service delete {key}"))?;
    }
    let left = "\
-A -t 10.0.0.1:80 -s wlc
-A -t [2001:db8::1]:80 -s mh -p 30
-A -u 10.0.0.1:53 -s sh -b sh-port
-A -u 10.0.0.1:5060 -s rr -p 60 -o
-A -f 7 -s lc -p 360 -o
";
    same(ctx, "deleted", &sorted(left), &sorted(&reference_save(ctx)?));
    Ok(())
}

/// The order of tables is another test's business.
fn sorted(lines: &str) -> Vec<String> {
    let mut lines: Vec<_> = lines.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    lines
}

pub(crate) fn destinations(ctx: &Context) -> Outcome {
    restore(ctx, "-A -t 10.0.0.1:80 -s rr\n-A -f 7 -s rr\n-A -t [2001:db8::1]:80 -s rr\n")?;
    all(
        ctx,
        "ipvs dest add tcp://10.0.0.1:80 10.1.0.1
         ipvs dest add tcp://10.0.0.1:80 10.1.0.2:8080 -m -w 5 -x 100 -y 50
         ipvs dest add tcp://10.0.0.1:80 10.1.0.3:80 -i
         ipvs dest add tcp://10.0.0.1:80 10.1.0.4 -i --tun-type gue --tun-port 6080 --tun-csum
         ipvs dest add tcp://10.0.0.1:80 10.1.0.5 -i --tun-type gre --tun-csum -w 0
         ipvs dest add tcp://10.0.0.1:80 [2001:db8::9] --ipip
         ipvs dest add tcp://[2001:db8::1]:80 [2001:db8::8]:8080 --masquerading
         ipvs dest add fwmark://7 10.1.0.1 -g -w 2147483647",
    )?;
    let full = |ctx: &Context| {
        let saved = out(ctx, "ipvs save --full")?;
        let lines = saved.lines().filter(|line| line.starts_with("-a"));
        Ok::<_, testbed::harness::Failure>(sorted(&lines.collect::<Vec<_>>().join("\n")))
    };
    let web = "-a -t 10.0.0.1:80 -r";
    let others = "-a -t [2001:db8::1]:80 -r [2001:db8::8]:8080 -m -w 1
-a -f 7 -r 10.1.0.1:0 -g -w 2147483647";
    let before = format!(
        "{web} 10.1.0.1:80 -g -w 1
{web} 10.1.0.2:8080 -m -w 5 -x 100 -y 50
{web} 10.1.0.3:80 -i -w 1 --tun-type ipip
{web} 10.1.0.4:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
{web} 10.1.0.5:80 -i -w 0 --tun-type gre --tun-csum
{web} [2001:db8::9]:80 -i -w 1 --tun-type ipip
{others}"
    );
    same(ctx, "added", &sorted(&before), &full(ctx)?);

    all(
        ctx,
        "ipvs dest edit tcp://10.0.0.1:80 10.1.0.1 -m
         ipvs dest edit tcp://10.0.0.1:80 10.1.0.2:8080 -w 0
         ipvs dest edit tcp://10.0.0.1:80 10.1.0.2:8080 -x 200
         ipvs dest edit tcp://10.0.0.1:80 10.1.0.3 --tun-type gue --tun-port 7000
         ipvs dest edit tcp://10.0.0.1:80 10.1.0.4 --tun-port 6081
         ipvs dest edit tcp://10.0.0.1:80 10.1.0.5 --tun-nocsum -w 7",
    )?;
    let after = format!(
        "{web} 10.1.0.1:80 -m -w 1
{web} 10.1.0.2:8080 -m -w 0 -x 200 -y 50
{web} 10.1.0.3:80 -i -w 1 --tun-type gue --tun-port 7000 --tun-nocsum
{web} 10.1.0.4:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-csum
{web} 10.1.0.5:80 -i -w 7 --tun-type gre --tun-nocsum
{web} [2001:db8::9]:80 -i -w 1 --tun-type ipip
{others}"
    );
    same(ctx, "edited", &sorted(&after), &full(ctx)?);
    ctx.check("so says ipvsadm", reference_save(ctx)?.contains("--tun-port 6081 --tun-csum"));
    fails(
        ctx,
        "ipvs dest edit tcp://10.0.0.1:80 10.1.0.1 --tun-port 1",
        2,
        "rsadm: options of a tunnel need --ipip (-i)\n",
    )?;

    out(ctx, "ipvs dest delete tcp://10.0.0.1:80 10.1.0.1")?;
    out(ctx, "ipvs dest delete fwmark://7 10.1.0.1")?;
    same(ctx, "deleted", &(after.lines().count() - 2), &full(ctx)?.len());
    Ok(())
}

pub(crate) fn clear_and_zero(ctx: &Context) -> Outcome {
    crate::connections::addresses(ctx)?;
    crate::connections::echo("192.0.2.7:8080")?;
    restore(
        ctx,
        "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:8080 -m\n\
         -A -t 192.0.2.1:81 -s rr\n-a -t 192.0.2.1:81 -r 192.0.2.7:8080 -m\n",
    )?;
    crate::connections::talk("192.0.2.9:40001", "192.0.2.1:80")?;
    crate::connections::talk("192.0.2.9:40002", "192.0.2.1:81")?;
    let counted = |ctx: &Context| {
        let document = crate::listing::json(ctx, "ipvs list -o json")?;
        let of = |index: usize| document[index]["statistics"]["connections"].as_u64();
        Ok::<_, testbed::harness::Failure>((of(0), of(1)))
    };
    settles(ctx, "counted", (Some(1), Some(1)), || counted(ctx))?;
    out(ctx, "ipvs zero tcp://192.0.2.1:81")?;
    settles(ctx, "one is zero", (Some(1), Some(0)), || counted(ctx))?;
    out(ctx, "ipvs zero")?;
    settles(ctx, "all are zero", (Some(0), Some(0)), || counted(ctx))?;
    out(ctx, "ipvs clear")?;
    same(ctx, "cleared", "[]\n", &out(ctx, "ipvs list -o json")?);
    Ok(())
}

pub(crate) fn timeouts(ctx: &Context) -> Outcome {
    let show = |format: &str| out(ctx, &format!("ipvs timeouts -o {format}"));
    same(ctx, "defaults", "Timeout (tcp tcpfin udp): 900 120 300\n", &show("classic")?);
    out(ctx, "ipvs timeouts --tcp 7200 --udp 60")?;
    same(ctx, "set", "Timeout (tcp tcpfin udp): 7200 120 60\n", &out(ctx, "ipvs timeouts")?);
    let expected = "{\"tcp\":7200,\"tcp_fin\":120,\"udp\":60}\n";
    same(ctx, "json", expected, &show("json")?);
    same(ctx, "ndjson", expected, &show("ndjson")?);
    same(ctx, "yaml", "tcp: 7200\ntcp_fin: 120\nudp: 60\n", &show("yaml")?);
    same(ctx, "table", 4, show("table")?.lines().count());
    out(ctx, "ipvs timeouts --tcp-fin 1")?;
    same(ctx, "one", "Timeout (tcp tcpfin udp): 7200 1 60\n", &out(ctx, "ipvs timeouts")?);
    Ok(())
}

pub(crate) fn daemons(ctx: &Context) -> Outcome {
    same(ctx, "none", "", &out(ctx, "ipvs daemons")?);
    same(ctx, "none as json", "[]\n", &out(ctx, "ipvs daemons -o json")?);
    out(ctx, "ipvs daemons start backup --mcast-interface lo --syncid 3")?;
    out(
        ctx,
        "ipvs daemons start master --mcast-interface lo --syncid 3 --sync-maxlen 1400 \
         --mcast-group 239.0.0.1 --mcast-port 9999 --mcast-ttl 5",
    )?;
    let listed = out(ctx, "ipvs daemons")?;
    let master =
        "master sync daemon (mcast=lo, syncid=3, maxlen=1400, group=239.0.0.1, port=9999, ttl=5)";
    same(ctx, "master", Some(master), listed.lines().next());
    ctx.check("backup", listed.contains("\nbackup sync daemon (mcast=lo, syncid=3, "));
    let document = crate::listing::json(ctx, "ipvs daemons -o json")?;
    same(ctx, "roles", Some(2), document.as_array().map(Vec::len));
    same(ctx, "role", "master", document[0]["role"].as_str().unwrap_or_default());
    same(ctx, "group", "239.0.0.1", document[0]["group"].as_str().unwrap_or_default());
    same(ctx, "ndjson", 2, out(ctx, "ipvs daemons -o ndjson")?.lines().count());
    same(ctx, "table", 3, out(ctx, "ipvs daemons -o table")?.lines().count());
    fails(
        ctx,
        "ipvs daemons start master --mcast-interface lo",
        1,
        "rsadm: cannot start the master synchronisation daemon: it runs already\n  hint: `rsadm \
         ipvs daemons stop` ends it\n",
    )?;
    out(ctx, "ipvs daemons stop master --syncid 3")?;
    out(ctx, "ipvs daemons stop backup --syncid 3")?;
    same(ctx, "stopped", "", &out(ctx, "ipvs daemons")?);
    fails(
        ctx,
        "ipvs daemons stop backup",
        1,
        "rsadm: cannot stop the backup synchronisation daemon: it does not run\n  hint: `rsadm \
         ipvs daemons` shows those that run\n",
    )?;
    fails(
        ctx,
        "ipvs daemons start master --mcast-interface nothere0",
        1,
        "rsadm: cannot start the master synchronisation daemon: no such network interface\n  \
         hint: `ip link` shows the interfaces\n",
    )
}
