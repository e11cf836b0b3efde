//! Where IPVS is out of reach.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use testbed::harness::{Context, Outcome};
use testbed::process::Captured;

use crate::pair::{Pair, Tool};

/// Command lines that fail in the same way, whatever they ask for.
const LINES: [&str; 6] = ["-Ln", "-h", "-v", "--bogus", "-A -t 10.0.0.1:80", ""];

fn compare(
    ctx: &Context,
    pair: &Pair<'_>,
    name: &str,
    wrap: impl Fn(Command) -> Command,
) -> Outcome {
    for line in LINES {
        let run = |tool| -> Result<Captured, testbed::harness::Failure> {
            let mut command = pair.command(tool);
            command.args(line.split_whitespace());
            Ok(ctx.capture(&mut wrap(command))?)
        };
        let (expected, got) = (run(Tool::Reference)?, run(Tool::Ours)?);
        ctx.same_run(&format!("{name}: ipvsadm {line}"), &expected, &got);
    }
    Ok(())
}

/// Puts another program in front.
fn wrapped(program: &str, options: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(program);
    wrapped.args(options).arg(command.get_program()).args(command.get_args());
    wrapped
}

pub(crate) fn without_privilege(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, "")?;
    compare(ctx, &pair, "nobody", |command| {
        let options = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        wrapped("setpriv", &options, &command)
    })?;
    compare(ctx, &pair, "no capability", |command| {
        wrapped("setpriv", &["--bounding-set=-net_admin", "--inh-caps=-net_admin"], &command)
    })
}

pub(crate) fn in_a_user_namespace(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, "")?;
    if !ctx.capture(Command::new("unshare").args(["-Urn", "true"]))?.status.success() {
        return ctx.skip("no user namespaces here");
    }
    compare(ctx, &pair, "user namespace", |command| wrapped("unshare", &["-Urn"], &command))
}

/// Puts the module back however the case ends.
struct WithoutModule {
    modprobe: String,
}

impl Drop for WithoutModule {
    fn drop(&mut self) {
        let _ = fs::write("/proc/sys/kernel/modprobe", &self.modprobe);
        let _ = Command::new(self.modprobe.trim()).args(["--", "ip_vs"]).status();
    }
}

/// Unloads the module, once the namespaces of earlier cases are gone; `Err` is modprobe's reason.
fn unload(modprobe: &str) -> Result<(), String> {
    let mut reason = String::new();
    for _ in 0..100 {
        let loaded = fs::read_to_string("/proc/modules").unwrap_or_default();
        let names = loaded.lines().filter_map(|line| line.split(' ').next());
        // The schedulers first: they hold it.
        let mut parts: Vec<_> = names.filter(|name| name.starts_with("ip_vs")).collect();
        if parts.is_empty() {
            return Ok(());
        }
        parts.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
        for part in parts {
            let removed = Command::new(modprobe).args(["-r", part]).output();
            reason = removed.map_or_else(
                |error| error.to_string(),
                |removed| String::from_utf8_lossy(&removed.stderr).trim().to_owned(),
            );
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(reason)
}

pub(crate) fn without_the_module(ctx: &Context) -> Outcome {
    let pair = Pair::new(ctx, "")?;
    let modprobe = fs::read_to_string("/proc/sys/kernel/modprobe")?;
    let module = WithoutModule { modprobe };
    if let Err(reason) = unload(module.modprobe.trim()) {
        return ctx.skip(format!("ip_vs stays loaded: {reason}"));
    }
    fs::write("/proc/sys/kernel/modprobe", "/bin/false")?;
    compare(ctx, &pair, "no module", |command| command)?;
    compare(ctx, &pair, "no module, nobody", |command| {
        let options = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        wrapped("setpriv", &options, &command)
    })
}
