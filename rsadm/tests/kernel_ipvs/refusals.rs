//! What the kernel refuses, and to whom.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testbed::harness::{Context, Outcome};
use testbed::process::Captured;

use crate::listing::TABLE;
use crate::{Result, fails, out, restore, rsadm, same};

const NOBODY: u32 = 65534;

/// Runs a copy of the program that everybody can reach, as nobody.
fn nobody(ctx: &Context, line: &str) -> Result<Captured> {
    let program = Path::new("/run/rsadm-for-all");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_rsadm"), program)?;
        fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
        fs::set_permissions("/run", fs::Permissions::from_mode(0o755))?;
    }
    let mut command = Command::new(program);
    command.args(line.split_whitespace()).current_dir("/").uid(NOBODY).gid(NOBODY);
    Ok(ctx.capture(&mut command)?)
}

pub(crate) fn unprivileged(ctx: &Context) -> Outcome {
    restore(ctx, TABLE)?;
    // What the plain table lacks: flags of schedulers, engines, the family of empty marks.
    let known = |text: &str| {
        let text = text.replace(" (sh-fallback,sh-port)", "").replace(" (flag-1)", "");
        text.replace(" pe sip", "")
            .replace("FWM  9 IPv6", "FWM  9")
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let listed = nobody(ctx, "ipvs list -n")?;
    same(ctx, "status", &(0, String::new()), &(listed.code(), listed.err()));
    let (mut expected, mut got) = (known(&out(ctx, "ipvs list -n")?), known(&listed.out()));
    expected.sort();
    got.sort();
    same(ctx, "the plain table", &expected, &got);

    let one = nobody(ctx, "ipvs list -n tcp://10.0.0.1:80")?;
    same(ctx, "one service", &out(ctx, "ipvs list -n tcp://10.0.0.1:80")?, &one.out());
    let document: Value = serde_json::from_str(&nobody(ctx, "ipvs list -o json")?.out())?;
    same(ctx, "services", Some(8), document.as_array().map(Vec::len));
    same(ctx, "no statistics", &Value::Null, &document[0]["statistics"]);
    same(ctx, "a weight", Some(5), document[0]["destinations"][0]["weight"].as_u64());
    same(ctx, "no thresholds", &Value::Null, &document[0]["destinations"][0]["upper_threshold"]);

    let hint = "  hint: this needs CAP_NET_ADMIN in the initial user namespace, for example by \
                sudo; the plain table of `rsadm ipvs list` needs nothing\n";
    for (line, tried) in [
        ("ipvs list --stats", "list services"),
        ("ipvs save", "list services"),
        ("ipvs service add tcp://10.0.0.9:1", "add service tcp://10.0.0.9:1"),
        (
            "ipvs dest delete tcp://10.0.0.1:80 10.1.0.1",
            "delete destination 10.1.0.1:80 of tcp://10.0.0.1:80",
        ),
        ("ipvs clear", "clear the table"),
        ("ipvs timeouts", "read timeouts"),
    ] {
        let refused = nobody(ctx, line)?;
        let says = format!("rsadm: cannot {tried}: permission denied\n{hint}");
        same(ctx, line, &(1, says), &(refused.code(), refused.err()));
    }
    same(ctx, "connections", 0, nobody(ctx, "ipvs connections -n")?.code());
    same(ctx, "schedulers", 0, nobody(ctx, "ipvs schedulers")?.code());
    Ok(())
}

/// Old kernels lose services of a namespace beside those of others when their table is read.
pub(crate) fn among_namespaces(ctx: &Context) -> Outcome {
    let blue = ctx.namespace("blue")?;
    let script = |network: u8| {
        let service = |number: u8| {
            format!(
                "-A -t 10.{network}.0.{number}:80 -s rr\n\
                 -a -t 10.{network}.0.{number}:80 -r 10.9.0.1 -m\n\
                 -a -t 10.{network}.0.{number}:80 -r 10.9.0.2 -m\n"
            )
        };
        (1..=200).map(service).collect::<String>()
    };
    restore(ctx, &script(1))?;
    let mut there = rsadm();
    ctx.capture_with(there.args(["--netns", "blue", "ipvs", "restore"]), script(2))?.success()?;
    let listed = nobody(ctx, "ipvs list -n")?;
    same(ctx, "here", out(ctx, "ipvs list -n")?, listed.out());
    same(ctx, "all of them", 3 + 3 * 200, listed.out().lines().count());
    drop(blue);
    Ok(())
}

pub(crate) fn user_namespace(ctx: &Context) -> Outcome {
    let inside = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", env!("CARGO_BIN_EXE_rsadm")]).args(arguments);
        ctx.capture(&mut command)
    };
    let allowed =
        ctx.capture(Command::new("unshare").args(["--user", "--map-root-user", "true"]))?;
    if allowed.code() != 0 {
        return ctx.skip(format!("no user namespaces here: {}", allowed.err().trim()));
    }
    let refused = inside(&["ipvs", "clear"])?;
    same(
        ctx,
        "told",
        &(
            1,
            "rsadm: cannot clear the table: permission denied\n  hint: this is root of a user \
             namespace, and IPVS wants CAP_NET_ADMIN in the initial one: run it outside of the \
             container; `rsadm ipvs list` shows the plain table here too\n"
                .to_owned(),
        ),
        &(refused.code(), refused.err()),
    );
    same(ctx, "listed", 0, inside(&["ipvs", "list", "-n"])?.code());
    Ok(())
}

pub(crate) fn hints(ctx: &Context) -> Outcome {
    restore(ctx, "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1 -m\n")?;
    let web = "tcp://10.0.0.1:80";
    let none = "tcp://10.0.0.9:80";
    let services = "hint: `rsadm ipvs list -n` shows the services";
    for (line, says) in [
        (
            format!("service add {web}"),
            format!(
                "cannot add service {web}: the service exists\n  hint: `rsadm ipvs service edit` changes it"
            ),
        ),
        (
            format!("service add {none} -s nonsense"),
            format!(
                "cannot add service {none}: no such scheduler or persistence engine\n  hint: \
                 `rsadm ipvs schedulers` lists what this kernel has"
            ),
        ),
        (
            format!("service edit {none} -s rr"),
            format!("cannot read service {none}: no such service\n  {services}"),
        ),
        (
            format!("service delete {none}"),
            format!("cannot delete service {none}: no such service\n  {services}"),
        ),
        (
            format!("zero {none}"),
            format!("cannot zero the counters of {none}: no such service\n  {services}"),
        ),
        (
            format!("dest add {none} 10.1.0.1"),
            format!("cannot add destination 10.1.0.1:80 to {none}: no such service\n  {services}"),
        ),
        (
            format!("dest add {web} 10.1.0.1 -m"),
            format!(
                "cannot add destination 10.1.0.1:80 to {web}: the destination exists\n  hint: \
                 `rsadm ipvs dest edit` changes it"
            ),
        ),
        (
            format!("dest add {web} 224.0.0.1 -m"),
            format!(
                "cannot add destination 224.0.0.1:80 to {web}: the kernel calls the combination \
                 invalid\n  hint: a destination is a unicast address; one of another family than \
                 its service needs --ipip and no synchronisation daemon"
            ),
        ),
        (
            format!("dest edit {web} 10.1.0.2 -w 1"),
            format!(
                "cannot update destination 10.1.0.2:80 of {web}: no such destination\n  hint: \
                 `rsadm ipvs list -n {web}` shows its destinations"
            ),
        ),
        (
            format!("dest edit {web} 10.1.0.1 -y 1"),
            format!(
                "cannot update destination 10.1.0.1:80 of {web}: a number is out of range\n  \
                 hint: a lower threshold (-y) may not be above the upper one (-x), nor a weight \
                 above 2147483647"
            ),
        ),
        (
            format!("dest delete {web} 10.1.0.2"),
            format!(
                "cannot delete destination 10.1.0.2:80 of {web}: no such destination\n  hint: \
                 `rsadm ipvs list -n {web}` shows its destinations"
            ),
        ),
    ] {
        fails(ctx, &format!("ipvs {line}"), 1, &format!("rsadm: {says}\n"))?;
    }
    Ok(())
}

pub(crate) fn no_module(ctx: &Context) -> Outcome {
    if Path::new("/proc/net/ip_vs").exists() {
        return ctx.skip("this kernel has ip_vs loaded");
    }
    let says = "rsadm: cannot find IPVS in the kernel: the kernel has no IPVS, or its module is \
                not loaded\n  hint: load the module with `modprobe ip_vs`\n";
    for verb in ["list", "list -o json", "connections", "save", "timeouts", "daemons"] {
        fails(ctx, &format!("ipvs {verb}"), 1, says)?;
    }
    ctx.check("nothing was loaded", !Path::new("/proc/net/ip_vs").exists());
    Ok(())
}

pub(crate) fn namespaces(ctx: &Context) -> Outcome {
    let blue = ctx.namespace("blue")?;
    out(ctx, "--netns blue ipvs service add tcp://10.0.0.1:80 -s rr")?;
    out(ctx, "ipvs service add tcp://10.0.0.2:80 -s rr")?;
    let mut sleeper = blue.command("sleep").arg("60").spawn()?;
    // `ip netns exec` is the process that becomes `sleep`, once it is in the namespace.
    let process = sleeper.id().to_string();
    let there =
        |id: &str| fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| !exe.ends_with("ip"));
    for _ in 0..200 {
        if there(&process) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let path = blue.path().display().to_string();
    for name in ["blue", &*path, &*process] {
        let text = out(ctx, &format!("ipvs list -n --netns {name}"))?;
        ctx.check(&format!("{name} has its own"), text.contains("10.0.0.1:80"));
        ctx.check(&format!("{name} has not ours"), !text.contains("10.0.0.2:80"));
    }
    sleeper.kill()?;
    sleeper.wait()?;
    let here = out(ctx, "ipvs list -n")?;
    ctx.check("here is ours alone", here.contains("10.0.0.2:80") && !here.contains("10.0.0.1:80"));
    let saved = ctx.capture(rsadm().args(["--netns", "blue", "ipvs", "save"]))?;
    same(ctx, "saved there", "-A -t 10.0.0.1:80 -s rr\n", saved.out());
    same(ctx, "connections there", 2, out(ctx, "--netns blue ipvs connections")?.lines().count());
    all_namespaces(ctx)?;
    fails(
        ctx,
        "--netns /etc/passwd ipvs list",
        1,
        "rsadm: cannot enter network namespace /etc/passwd: Invalid argument (os error 22)\n  \
         hint: that file is no network namespace\n",
    )
}

/// What `--all-netns` lists is what each namespace lists.
fn all_namespaces(ctx: &Context) -> Outcome {
    for options in ["-n", "-n --stats", "-n --sort weight", "-n -o table"] {
        let here = out(ctx, &format!("ipvs list {options}"))?;
        let blue = out(ctx, &format!("--netns blue ipvs list {options}"))?;
        let both = format!("Current network namespace\n{here}\nNetwork namespace blue\n{blue}");
        same(ctx, options, both, out(ctx, &format!("ipvs list --all-netns {options}"))?);
    }
    let seen_there = out(ctx, "--netns blue ipvs list --all-netns")?;
    let first = seen_there.lines().next().map(str::to_owned);
    same(ctx, "the current one has its name", Some("Network namespace blue".to_owned()), first);
    let document = crate::listing::json(ctx, "ipvs list --all-netns -o json")?;
    let services = document.as_array().into_iter().flatten();
    let services: Vec<_> =
        services.map(|row| (row["netns"].as_str(), row["service"].as_str())).collect();
    let expected =
        vec![(Some(""), Some("tcp://10.0.0.2:80")), (Some("blue"), Some("tcp://10.0.0.1:80"))];
    same(ctx, "for programs", expected, services);
    Ok(())
}
