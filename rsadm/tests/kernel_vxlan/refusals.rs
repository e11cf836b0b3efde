//! What is refused, that nothing changes by it, and what needs no privilege.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use testbed::harness::{Context, Outcome};

use super::{all, flannel, objects, out, refused, same};

/// Where everybody may run the program.
const PROGRAM: &str = "/run/rsadm-for-all";
const NOBODY: u32 = 65534;

pub(crate) fn capabilities(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    let found = objects(ctx, "caps")?;
    let since = |version| if ctx.version() >= version { "works" } else { "lacks" };
    for (name, expected) in [
        ("list-one-device", since((5, 0))),
        ("get", since((5, 0))),
        ("flush", since((6, 7))),
        ("vnifilter", since((5, 18))),
        ("mdb", since((6, 4))),
        ("nexthops", since((5, 3))),
    ] {
        let support = found.iter().find(|it| it["capability"] == name);
        same(ctx, name, Some(expected), support.and_then(|it| it["support"].as_str()));
    }
    let table = out(ctx, "caps")?;
    ctx.check(&table, table.starts_with("CAPABILITY       SUPPORT  SINCE  MEANING\n"));
    Ok(())
}

pub(crate) fn sentences(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    all(
        ctx,
        "link add vx1 --id 2 --dstport 4789 --maxaddress 1
         fdb add 2:0:0:0:0:1 --dev vx1 --dst 10.0.0.1
         fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1",
    )?;
    let before = out(ctx, "fdb list")?;
    for (line, status, says) in [
        (
            "fdb add 02:00:00:00:00 --dev vx0 --dst 10.0.0.1",
            2,
            "rsadm: invalid value '02:00:00:00:00' for '<MAC>': '02:00:00:00:00' is not a MAC address",
        ),
        (
            "fdb replace 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1 --vni 16777216",
            2,
            "rsadm: invalid value '16777216' for '--vni <VNI>': '16777216' is not a VNI: a number \
             from 0 to 16777215",
        ),
        (
            "fdb replace 2:0:0:0:0:1 --dev vx0 --dst fd00::1",
            1,
            "rsadm: cannot replace forwarding entry 02:00:00:00:00:01 dst fd00::1 on vx0: the address \
             is of another family than the device's",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev nosuch --dst 10.0.0.1",
            1,
            "rsadm: --dev nosuch: there is no such link\n",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev a-name-of-more-than-15 --dst 10.0.0.1",
            1,
            "rsadm: --dev a-name-of-more-than-15: there is no such link\n",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev eth0 --dst 10.0.0.1",
            1,
            "rsadm: --dev eth0: it is not a VXLAN device but veth\n",
        ),
        ("fdb list --dev lo", 1, "rsadm: --dev lo: it is not a VXLAN device\n"),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --via nosuch",
            1,
            "rsadm: --via nosuch: there is no such link\n",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx1 --dst 10.0.0.1",
            1,
            "rsadm: cannot add forwarding entry 02:00:00:00:00:02 dst 10.0.0.1 on vx1: the device has \
             as many entries as it may have",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0",
            2,
            "rsadm: where to? An entry of a VXLAN device needs --dst or --nhid\n",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --nhid 7",
            1,
            "rsadm: cannot add forwarding entry 02:00:00:00:00:02 nhid 7 on vx0: ",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --port 0",
            2,
            "'0' is not a port: 1 to 65535",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --src-vni 7",
            1,
            "rsadm: --src-vni is about devices with `external`, which vx0 is not\n",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --vlan 7",
            2,
            "rsadm: --vlan is about the table of a bridge (--master)\n",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --sticky",
            2,
            "--norefresh are about the table of a bridge",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --master",
            2,
            "rsadm: --dst is about the device's own table (--self)",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --master",
            1,
            "rsadm: cannot add forwarding entry 02:00:00:00:00:02 on vx0: ",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dst 10.0.0.1",
            2,
            "required arguments were not provided: --dev <DEV>",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 --static --dynamic",
            2,
            "cannot be used with '--dynamic'",
        ),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --port 7",
            2,
            "required arguments were not provided: --dst <ADDRESS>",
        ),
        (
            "fdb list --flag router,!router",
            2,
            "rsadm: --flag asks for a flag that is both set and not",
        ),
        (
            "fdb list --flag bogus",
            2,
            "'bogus' is not a flag: router, extern_learn, offload, sticky",
        ),
        (
            "fdb list --dst 10.0.0.1/8",
            2,
            "has bits set behind its prefix: the network is 10.0.0.0/8",
        ),
        ("fdb get 2:0:0:0:0:1", 2, "required arguments were not provided: --dev <DEV>"),
        ("fdb get 2:0:0:0:0:1 --br nosuch", 1, "rsadm: --br nosuch: there is no such link\n"),
        ("link add vx1 --id 9", 1, "rsadm: cannot create link vx1: it exists"),
        ("link add vx9 --id 1 --dstport 8472", 1, "rsadm: cannot create link vx9: "),
        ("fdb list -o json -o yaml", 2, ""),
        (
            "fdb add 2:0:0:0:0:2 --dev vx0 --dst 10.0.0.1 -o json",
            2,
            "rsadm: this command lists nothing that --output could form\n",
        ),
    ] {
        refused(ctx, line, status, says)?;
        same(ctx, line, &before, &out(ctx, "fdb list")?);
    }
    Ok(())
}

/// Reading needs nothing; writing says what it needs.
pub(crate) fn unprivileged(ctx: &Context) -> Outcome {
    flannel(ctx)?;
    all(
        ctx,
        "fdb add ee:d6:38:55:d5:c7 --dev vx0 --dst 172.16.20.121
         neigh add 10.244.3.0 --lladdr ee:d6:38:55:d5:c7 --dev vx0",
    )?;
    let before = out(ctx, "fdb list")?;
    fs::copy(env!("CARGO_BIN_EXE_rsadm"), PROGRAM)?;
    for path in [PROGRAM, "/run"] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    let as_nobody = |line: &str| {
        let mut command = Command::new(PROGRAM);
        command.arg("vxlan").args(line.split_whitespace()).current_dir("/");
        command.uid(NOBODY).gid(NOBODY);
        ctx.capture(&mut command)
    };
    for line in [
        "link list",
        "link show vx0 -o json",
        "fdb list",
        "fdb list -o table",
        "fdb get ee:d6:38:55:d5:c7 --dev vx0",
        "fdb sync /dev/null --dev vx0 --dry-run",
        "neigh list",
        "neigh get 10.244.3.0 --dev vx0",
        "vni list",
        "mdb list",
        "peers",
    ] {
        // A second may pass between the two, and then a time is another.
        let (mut captured, mut ours) = (as_nobody(line)?, super::run(ctx, line)?);
        for _ in 0..5 {
            if captured.stdout == ours.stdout {
                break;
            }
            (captured, ours) = (as_nobody(line)?, super::run(ctx, line)?);
        }
        same(ctx, &format!("{line}: {}", captured.err()), 0, captured.code());
        same(ctx, line, ours.out(), captured.out());
    }
    let caps = as_nobody("caps")?;
    ctx.check(&caps.out(), caps.code() == 0 && caps.out().contains("flush            unknown"));
    for line in [
        "link add vx1 --id 9",
        "link set vx0 --down",
        "link delete vx0",
        "fdb add 2:0:0:0:0:1 --dev vx0 --dst 10.0.0.1",
        "fdb append 0:0:0:0:0:0 --dev vx0 --dst 10.0.0.1",
        "fdb replace ee:d6:38:55:d5:c7 --dev vx0 --dst 10.0.0.1",
        "fdb delete ee:d6:38:55:d5:c7 --dev vx0",
        "fdb flush --dev vx0",
        "fdb flush --dev vx0 --mac ee",
        "fdb sync /dev/null --dev vx0",
        "neigh add 10.0.0.1 --lladdr 2:0:0:0:0:1 --dev vx0",
        "neigh delete 10.244.3.0 --dev vx0",
        "vni add 7 --dev vx0",
        "mdb add 239.1.1.1 --dev vx0 --dst 10.0.0.1",
    ] {
        let captured = as_nobody(line)?;
        same(ctx, line, 1, captured.code());
        let err = captured.err();
        ctx.check(
            &format!("{line}: {err}"),
            err.contains("permission denied") && err.contains("  hint: this needs CAP_NET_ADMIN"),
        );
        same(ctx, line, &before, &out(ctx, "fdb list")?);
    }
    Ok(())
}
