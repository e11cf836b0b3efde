//! Labels and their names.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, mount};
use testbed::harness::{Context, Outcome};

use crate::pair::Pair;
use crate::tables::MIXED;

const NAMES: &str = "# names\n0 zero\n1\tone\n 5 five and six  \n0x10 sixteen\n127 last\n\
    128 beyond\n1023 far\n1024 farther\n5 again\n9 one\nfoo bar\n20 b@d\n21\n";

/// Files that programs need of `/etc`.
const NEEDED: [&str; 6] =
    ["passwd", "group", "nsswitch.conf", "protocols", "ld.so.cache", "localtime"];

pub(crate) fn all(ctx: &Context) -> Outcome {
    own_etc().or_else(|error| ctx.skip(format!("no /etc of its own: {error}")))?;
    fs::create_dir_all("/etc/xtables")?;
    fs::write("/etc/xtables/connlabel.conf", NAMES)?;
    let mut pair = Pair::new(ctx, MIXED)?;
    let rule = ["-t", "raw", "-A", "PREROUTING", "-m", "connlabel", "--label", "one"];
    let mut rules = ctx.reference("iptables");
    // Flows have room for labels where a rule uses some.
    let room = ctx.capture(rules.args(rule))?.status.success();
    pair.compare_reading_lines(
        "\
-L -o labels
-L -o labels,id
-L -o xml,labels
-L -l zero
-L -l one
-L -l zero,one
-L -l zero -l one
-L -l 'five and six'
-L -l sixteen
-L -l last
-L -l again
-L -l bar
-L -l b@d
-L -l zero,
-L -l ,zero
-L -l ''
-L -l foo,zero
-L -l zero -l foo
-L -l ZERO
-L --label-add zero
-L --label-del
-L --label-del zero
-U --label-add zero --label-del one
-U --label-del one --label-add zero
-U --label-del foo
-G -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 1000 --dport 80 -l zero
-I -l zero -s 10.1.0.1 -d 10.1.0.2 -p 50 -t 50000",
    )?;
    pair.compare_lines(
        "\
-D -l zero
-D -l zero -p udp
-D -o labels -p udp
-I -s 10.1.0.1 -d 10.1.0.2 -p 50 -t 50000 --label-add zero
-I -s 10.1.0.1 -d 10.1.0.2 -p 50 -t 50000 --label-add zero,one
-A -s 10.1.0.1 -d 10.1.0.2 -p 50 -t 50000 --label-add 'five and six'
-A -s 10.1.0.1 -d 10.1.0.2 -p 50 -t 50000 --label-del zero",
    )?;
    if room {
        pair.start_from(
            "-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 1 --dport 2 --label-add zero,one\n",
        )?;
        pair.compare_lines(
            "\
-U -f ipv4 --label-add sixteen
-U -f ipv4 --label-add zero
-U -f ipv4 --label-del zero
-U -f ipv4 --label-del
-U -f ipv4 --label-del sixteen
-U -f ipv4 -l zero -m 5
-D -l zero
-D -l zero,sixteen",
        )?;
    }
    Ok(())
}

/// An `/etc` that this case alone sees.
fn own_etc() -> std::io::Result<()> {
    let kept = Path::new("/run/etc");
    fs::create_dir_all(kept)?;
    for name in NEEDED {
        let from = Path::new("/etc").join(name);
        if from.exists() {
            fs::copy(from, kept.join(name))?;
        }
    }
    mount("tmpfs", "/etc", "tmpfs", MountFlags::empty(), Some(c"mode=755"))?;
    let copied = Command::new("cp").args(["-r", "/run/etc/.", "/etc/"]).status()?;
    if copied.success() { Ok(()) } else { Err(std::io::Error::other("cp failed")) }
}
