//! `fdb sync`: a device's entries from a file.

use std::fs;

use testbed::harness::{Context, Outcome};

use super::entries::{many, sync_to};
use super::{Result, all, done, flannel, ip, objects, out, rsadm, same};

/// Runs `fdb sync` and answers what it says, and how many changes of entries it sent.
fn sync(ctx: &Context, file: &str) -> Result<(String, usize)> {
    let mut command = rsadm();
    command.args(["vxlan", "fdb", "sync", file, "--dev", "vx0"]).env("RSADM_DEBUG", "netlink");
    let err = ctx.capture(&mut command)?.success()?.err();
    let said = err.lines().filter(|line| line.starts_with("rsadm: ")).collect();
    // RTM_NEWNEIGH and RTM_DELNEIGH; notifications of them come from the kernel.
    let sent = err.lines().filter(|line| {
        line.starts_with("netlink > ") && (line.contains(" type=28 ") || line.contains(" type=29 "))
    });
    Ok((said, sent.count()))
}

pub(crate) fn twice(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    fs::write("/run/first", many(0..10_000))?;
    let (said, sent) = sync(ctx, "/run/first")?;
    same(
        ctx,
        "all are new",
        ("rsadm: made 10000 changes for 10000 entries of vx0", 10_000),
        (&*said, sent),
    );
    let nothing = ("rsadm: made no change for 10000 entries of vx0".to_owned(), 0);
    same(ctx, "nothing is sent", &nothing, &sync(ctx, "/run/first")?);
    // One in a hundred leads elsewhere, as many are new, as many are gone.
    let mut lines: Vec<String> = many(100..10_100).lines().map(str::to_owned).collect();
    for line in lines.iter_mut().step_by(100) {
        *line = line.replace("10.0.0.1", "10.0.0.2");
    }
    // One of those is new itself.
    fs::write("/run/second", lines.join("\n"))?;
    let dry = ctx.capture(rsadm().args([
        "vxlan",
        "fdb",
        "sync",
        "/run/second",
        "--dev",
        "vx0",
        "--dry-run",
    ]))?;
    let of = |verb: &str| dry.out().lines().filter(|line| line.starts_with(verb)).count();
    same(ctx, "plan", [100, 99, 100], [of("fdb del"), of("fdb replace"), of("fdb add")]);
    same(
        ctx,
        "a plan changes nothing",
        "rsadm: would make 299 changes for 10000 entries; nothing was changed\n",
        dry.err(),
    );
    same(ctx, "nothing is sent", &nothing, &sync(ctx, "/run/first")?);
    let (said, sent) = sync(ctx, "/run/second")?;
    same(
        ctx,
        "only what changed",
        ("rsadm: made 299 changes for 10000 entries of vx0", 299),
        (&*said, sent),
    );
    same(ctx, "and then nothing", 0, sync(ctx, "/run/second")?.1);
    same(ctx, "elsewhere", "100\n", out(ctx, "fdb list --dst 10.0.0.2 --count")?);
    // The plan is what bridge would be told.
    fs::write("/run/plan", dry.stdout)?;
    sync_to(ctx, &many(0..10_000))?;
    ctx.out("bridge", ["-batch", "/run/plan"])?;
    same(ctx, "as by bridge", 0, sync(ctx, "/run/second")?.1);
    others_entries(ctx)
}

/// Entries of somebody else stay.
fn others_entries(ctx: &Context) -> Result<()> {
    sync_to(ctx, "")?;
    ip(ctx, "link add vx3 type vxlan id 3 remote 10.0.0.9 dstport 4791")?;
    all(
        ctx,
        "fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1 --dynamic
         fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --extern-learn
         fdb add 2:0:0:0:0:3 --dev vx0 --dst 10.0.0.1",
    )?;
    sync_to(ctx, "2:0:0:0:0:4 dst 10.0.0.4")?;
    let left = objects(ctx, "fdb list --dev vx0 --sort mac")?;
    let macs: Vec<_> = left.iter().filter_map(|it| it["mac"].as_str()?.get(16..)).collect();
    same(ctx, "learned, controlled, ours", ["1", "2", "4"], &macs[..]);
    let captured = ctx.capture_with(rsadm().args(["vxlan", "fdb", "sync", "--dev", "vx3"]), "")?;
    same(
        ctx,
        "the device's own remote",
        "rsadm: made no change for 0 entries of vx3\n",
        captured.err(),
    );
    Ok(())
}

/// What a listing prints in any form makes the same entries again.
pub(crate) fn listings(ctx: &Context) -> Outcome {
    super::entries::table(ctx)?;
    let before = out(ctx, "fdb list --dev vx0 --self --sort mac")?;
    for form in ["classic", "json", "ndjson", "yaml"] {
        let text = out(ctx, &format!("fdb list --dev vx0 --self -o {form}"))?;
        fs::write("/run/entries", &text)?;
        same(ctx, form, 0, sync(ctx, "/run/entries")?.1);
        // Learned entries and those of a control plane outlive an empty file.
        done(ctx, "fdb flush --dev vx0")?;
        ctx.check("something is sent", sync(ctx, "/run/entries")?.1 > 0);
        same(ctx, form, &before, &out(ctx, "fdb list --dev vx0 --self --sort mac")?);
    }
    // Of another device, with source VNIs.
    let text = out(ctx, "fdb list --dev vx2 -o ndjson")?;
    let captured =
        ctx.capture_with(rsadm().args(["vxlan", "fdb", "sync", "--dev", "vx2"]), text)?;
    same(ctx, "source VNIs", "rsadm: made no change for 1 entry of vx2\n", captured.err());
    Ok(())
}

pub(crate) fn bad_files(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    all(ctx, "fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1")?;
    let before = out(ctx, "fdb list --dev vx0")?;
    for (text, says) in [
        (
            "2:0:0:0:0:2 dst 10.0.0.1\nfdb append zz dev vx0 dst 10.0.0.1\n2:0:0:0:0:3 dst fd00::1\n",
            "rsadm: /run/bad:2:12: 'zz' is not a MAC address: six bytes in hexadecimal, with colons \
             between them\n\
             rsadm: /run/bad:3:17: fd00::1 is not IPv4, as all of vx0 is\n\
             rsadm: nothing was changed\n",
        ),
        (
            "[{\"mac\":\"2:0:0:0:0:2\",\n  \"dst\":\"10.0.0.1\", \"vni\":16777216}]",
            "rsadm: /run/bad:2:35: '16777216' is not a VNI: a number from 0 to 16777215\n\
             rsadm: nothing was changed\n",
        ),
        (
            "- mac: 2:0:0:0:0:2\n  dst: 10.0.0.1\n  via: eth0\n",
            "rsadm: /run/bad:3:3: unknown field `via`",
        ),
        (
            "2:0:0:0:0:2 dst 10.0.0.1 via nosuch\n",
            "rsadm: /run/bad:1:30: there is no link nosuch\nrsadm: nothing was changed\n",
        ),
    ] {
        fs::write("/run/bad", text)?;
        let captured =
            ctx.capture(rsadm().args(["vxlan", "fdb", "sync", "/run/bad", "--dev", "vx0"]))?;
        same(ctx, text, 2, captured.code());
        let err = captured.err();
        ctx.check(&format!("{text}: {err}"), err.starts_with(says));
        same(ctx, "nothing changed", &before, &out(ctx, "fdb list --dev vx0")?);
    }
    let captured =
        ctx.capture(rsadm().args(["vxlan", "fdb", "sync", "/run/nosuch", "--dev", "vx0"]))?;
    ctx.check(&captured.err(), captured.err().starts_with("rsadm: cannot read /run/nosuch: "));
    full(ctx)
}

/// A table that cannot hold them says so, and what was made.
fn full(ctx: &Context) -> Result<()> {
    all(ctx, "link add vx1 --id 2 --dstport 4789 --maxaddress 2")?;
    let lines = "2:0:0:0:0:1 dst 10.0.0.1\n2:0:0:0:0:2 dst 10.0.0.1\n2:0:0:0:0:3 dst 10.0.0.1\n";
    let captured =
        ctx.capture_with(rsadm().args(["vxlan", "fdb", "sync", "--dev", "vx1"]), lines)?;
    same(ctx, "full", 1, captured.code());
    same(
        ctx,
        "full",
        "rsadm: vx1: cannot add forwarding entry 02:00:00:00:00:03 dst 10.0.0.1: the device has as \
         many entries as it may have\n\
         rsadm: 2 changes were made\n  \
         hint: `rsadm vxlan link show DEV` shows its limit, maxaddr, which is set when it is \
         created\n",
        captured.err(),
    );
    Ok(())
}
