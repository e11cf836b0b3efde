//! What is refused, and that nothing changes by it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use testbed::harness::{Context, Outcome};

use super::{has_zones, ids, listed, out, rsadm, run, same, table, translated};

/// Where nobody may read the program.
const PROGRAM: &str = "/run/rsadm-for-all";
const NOBODY: u32 = 65534;

pub(crate) fn hints(ctx: &Context) -> Outcome {
    table(ctx)?;
    let before = ids(&listed(ctx, "list")?);
    for (line, status, says) in [
        ("delete", 2, "rsadm: delete which flows? Without a filter these are all\n"),
        ("delete -s 10.0.0.1/8", 2, "has bits set behind its prefix: the network is 10.0.0.0/8"),
        ("delete -p icmp --dport 80", 2, "rsadm: --dport is not for icmp: it goes with -p tcp,"),
        ("delete -s 10.0.0.1 -d fd00::1", 2, "rsadm: --src is about ipv4 and --dst about ipv6"),
        ("delete -w 65536", 2, "'65536' is not a zone"),
        ("delete -m 4294967296", 2, "'4294967296' is not a mark"),
        ("delete --dport 65536", 2, "'65536' is neither a port nor a range"),
        ("update -p tcp", 2, "required arguments were not provided"),
        ("update -p tcp --set-status !ASSURED", 2, "never clears one"),
        ("create -p tcp -s 10.3.0.1 -d 10.0.0.2 --sport 1 --dport 2 -t 9", 2, "needs --state"),
        ("create -p udp -s 10.3.0.1 -d 10.0.0.2 --sport 1 -t 9", 2, "--sport needs --dport"),
        ("get -p udp -s 10.3.0.1 -d 10.0.0.2 --sport 1 --dport 2", 1, "no such flow\n  hint: "),
        ("list -o json,id", 2, "go with classic output only"),
        ("list -o timestamp", 2, "this lists no events"),
        ("events -o table", 2, "events have no end"),
        ("load /nonexistent", 1, "rsadm: cannot read /nonexistent: "),
    ] {
        let captured = run(ctx, line)?;
        same(ctx, line, status, captured.code());
        let err = captured.err();
        ctx.check(&format!("{line}: {err}"), err.contains(says) && captured.stdout.is_empty());
    }
    same(ctx, "left", &before, &ids(&listed(ctx, "list")?));
    Ok(())
}

/// What the kernel would pass over is refused.
pub(crate) fn silent(ctx: &Context) -> Outcome {
    let udp = "create -p udp -s 10.3.0.1 -d 10.0.0.2 --sport 1 --dport 2 -t 9";
    for (line, status, says) in [
        (
            format!("{udp} -n fd00::1"),
            2,
            "--src-nat fd00::1 and 10.3.0.1 are of different families",
        ),
        (format!("{udp} -g [fd00::1]:80"), 2, "--dst-nat fd00::1 and 10.3.0.1 are of different"),
        (format!("{udp} -u !ASSURED"), 2, "never clears one"),
        (format!("{udp} -u DYING"), 2, "and no other status"),
        (format!("{udp} --label-add 3"), 1, "no rule uses labels, so the flow has none\n  hint: "),
    ] {
        let captured = run(ctx, &line)?;
        same(ctx, &line, status, captured.code());
        ctx.check(&format!("{line}: {}", captured.err()), captured.err().contains(says));
    }
    same(ctx, "left", 0, listed(ctx, "list")?.len());
    let dccp = "-p dccp -s 10.3.0.1 -d 10.0.0.2 --sport 1 --dport 2";
    let created = run(ctx, &format!("create {dccp} -t 9 --state OPEN"))?;
    let caps = out(ctx, "caps")?;
    if caps.lines().any(|line| line.starts_with("track-dccp") && line.contains("ignored")) {
        let text = "rsadm: this kernel does not track dccp: its flows would have no ports\n";
        same(ctx, "create", (1, text.to_owned()), (created.code(), created.err()));
        let line = format!("-A -t 9 {dccp} --state OPEN\n");
        let loaded = ctx.capture_with(rsadm().args(["conntrack", "load"]), &line)?;
        same(ctx, "load", (1, text.to_owned()), (loaded.code(), loaded.err()));
        same(ctx, "left", 0, listed(ctx, "list")?.len());
    } else {
        let made = listed(ctx, "list -p dccp")?;
        let has_port = made.iter().all(|flow| flow["original"]["destination_port"] == 2);
        same(ctx, "made with its ports", has_port, created.code() != 0 || made.len() == 1);
    }
    let labelled = "-A -t 9 -p udp -s 10.3.0.1 -d 10.0.0.2 --sport 1 --dport 2 --labels 0x8\n";
    let loaded = ctx.capture_with(rsadm().args(["conntrack", "load"]), labelled)?;
    let told = "rsadm: loaded 1 flow\nrsadm: the flows have lost their labels\n  hint: ";
    ctx.check(&loaded.err(), loaded.code() == 1 && loaded.err().starts_with(told));
    Ok(())
}

/// What this kernel or its modules cannot do.
pub(crate) fn absent(ctx: &Context) -> Outcome {
    let udp = "create -p udp -s 10.3.0.1 -d 10.0.0.2 --sport 1 --dport 2 -t 9";
    let mut refused = vec![(format!("{udp} --helper nothing-like-it"), "cannot create flow udp ")];
    if !has_zones(ctx) {
        for zone in ["-w 9", "--orig-zone 9", "--reply-zone 9"] {
            refused.push((format!("{udp} {zone}"), "cannot create flow udp "));
        }
        same(ctx, "no flow is in a zone", 0, listed(ctx, "list -w 9")?.len());
        refused.push((
            "get -p udp -s 10.3.0.1 -d 10.0.0.2 --sport 1 --dport 2 -w 9".to_owned(),
            "cannot read flow udp ",
        ));
    }
    if !translated(ctx)? {
        refused.push((format!("{udp} -n 10.9.9.9"), "cannot create flow udp "));
    }
    out(ctx, "flush")?;
    for (line, says) in refused {
        let captured = run(ctx, &line)?;
        same(ctx, &line, 1, captured.code());
        let err = captured.err();
        let mut lines = err.lines();
        let sentence = lines.next().unwrap_or_default();
        ctx.check(&format!("{line}: {err}"), sentence.starts_with(&format!("rsadm: {says}")));
        let hint = lines.next().unwrap_or_default();
        ctx.check(
            &format!("{line}: {err}"),
            hint.starts_with("  hint: ") && lines.next().is_none(),
        );
    }
    same(ctx, "left", 0, listed(ctx, "list")?.len());
    Ok(())
}

/// A kernel that cannot load modules by itself, as long as this lives.
struct NoLoader(String);

impl NoLoader {
    const PATH: &str = "/proc/sys/kernel/modprobe";

    fn new() -> std::io::Result<Self> {
        let before = fs::read_to_string(Self::PATH)?.trim().to_owned();
        fs::write(Self::PATH, "/nothing/here")?;
        Ok(Self(before))
    }
}

impl Drop for NoLoader {
    fn drop(&mut self) {
        drop(fs::write(Self::PATH, &self.0));
    }
}

pub(crate) fn without_module(ctx: &Context) -> Outcome {
    // Whatever goes wrong, the module is loaded again by whoever asks next. A socket keeps the one
    // below it, without which there are no sockets at all.
    let socket = conntrack::Client::connect()?;
    let loader = NoLoader::new()?;
    let removed = ctx.capture(Command::new(&loader.0).args(["-r", "nf_conntrack_netlink"]))?;
    if !removed.status.success() {
        return ctx.skip("the module stays in this kernel");
    }
    for line in ["list", "count", "stats", "delete -p tcp", "flush", "events", "save", "top"] {
        let captured = run(ctx, line)?;
        same(ctx, line, 1, captured.code());
        let err = captured.err();
        let hint = err.ends_with("`modprobe nf_conntrack_netlink` loads it\n");
        ctx.check(&format!("{line}: {err}"), err.starts_with("rsadm: cannot ") && hint);
        ctx.check(line, captured.stdout.is_empty());
    }
    drop(socket);
    Ok(())
}

pub(crate) fn unprivileged(ctx: &Context) -> Outcome {
    table(ctx)?;
    let before = ids(&listed(ctx, "list")?);
    fs::copy(env!("CARGO_BIN_EXE_rsadm"), PROGRAM)?;
    for path in [PROGRAM, "/run"] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    for line in ["list", "count", "delete -p tcp", "flush"] {
        let mut command = Command::new(PROGRAM);
        command.arg("conntrack").args(line.split_whitespace()).current_dir("/");
        command.uid(NOBODY).gid(NOBODY);
        let captured = ctx.capture(&mut command)?;
        same(ctx, line, 1, captured.code());
        let err = captured.err();
        ctx.check(
            &err,
            err.contains("permission denied\n  hint: ") && err.contains("CAP_NET_ADMIN"),
        );
    }
    same(ctx, "left", &before, &ids(&listed(ctx, "list")?));
    Ok(())
}
