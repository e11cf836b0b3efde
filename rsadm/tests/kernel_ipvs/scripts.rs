//! `rsadm ipvs save` and `rsadm ipvs restore`.

use std::fmt::Write as _;
use std::fs;

use ipvs::Client;
use testbed::harness::{Context, Outcome};

use crate::listing::TABLE;
use crate::{all, out, reference_save, restore, restored, same};

pub(crate) fn save(ctx: &Context) -> Outcome {
    restore(ctx, TABLE)?;
    same(ctx, "the whole table", &reference_save(ctx)?, &out(ctx, "ipvs save")?);
    Ok(())
}

/// Everything that ipvsadm's format loses.
const EVERYTHING: &str = "\
-A -f 3000000000 -s rr
-a -f 3000000000 -r 10.1.0.1:0 -g -w 1
-A -f 4294967295 -6 -s rr
-A -t 10.0.0.3:80 -s rr -M 255.255.0.0
-a -t 10.0.0.3:80 -r 10.1.0.9:80 -m -w 1 -x 7
-A --service ip-41://10.0.0.3:1 -s rr
-A -u 10.0.0.3:53 -s sh -b sh-fallback,flag-3
";

pub(crate) fn full_save(ctx: &Context) -> Outcome {
    restore(ctx, &format!("{TABLE}{EVERYTHING}"))?;
    all(
        ctx,
        "ipvs timeouts --tcp 1000 --tcp-fin 20 --udp 30
         ipvs daemons start master --mcast-interface lo --syncid 9 --sync-maxlen 1400
         ipvs daemons start backup --mcast-interface lo --syncid 9 --mcast-group 239.0.0.7",
    )?;
    let table = |client: &mut Client| {
        let mut table: Vec<_> = client
            .table()?
            .into_iter()
            .map(|entry| {
                let rows = entry.destinations.iter().map(|row| row.destination);
                (entry.service.service, rows.collect::<Vec<_>>())
            })
            .collect();
        table.sort_by_key(|(service, _)| service.key);
        Ok::<_, ipvs::Error>((table, client.timeouts()?, client.daemons()?))
    };
    let mut client = Client::connect()?;
    let before = table(&mut client)?;
    let saved = out(ctx, "ipvs save --full")?;
    for part in [
        "--set 1000 20 30\n",
        "--start-daemon master --mcast-interface lo --syncid 9 --sync-maxlen 1400 ",
        "--start-daemon backup --mcast-interface lo --syncid 9 ",
        "-A -f 3000000000 -s rr\n",
        " -x 100 -y 50\n",
        "-A --service ip-41://10.0.0.3:1 -s rr\n",
        "-b sh-fallback,flag-3\n",
    ] {
        ctx.check(&format!("it has {part}"), saved.contains(part));
    }
    all(
        ctx,
        "ipvs clear
         ipvs timeouts --tcp 1 --tcp-fin 2 --udp 3
         ipvs daemons stop master --syncid 9
         ipvs daemons stop backup --syncid 9",
    )?;
    restore(ctx, &saved)?;
    same(ctx, "the table and its settings", &before, &table(&mut client)?);
    same(ctx, "saved again", &saved, &out(ctx, "ipvs save --full")?);
    let synchronised = restored(ctx, &["--sync"], &saved)?;
    same(ctx, "in sync", &(0, String::new()), &(synchronised.code(), synchronised.err()));
    same(ctx, "still the same", &before, &table(&mut client)?);
    Ok(())
}

fn restores(ctx: &Context, script: &[u8], expected: &str) -> Outcome {
    out(ctx, "ipvs clear")?;
    let captured = restored(ctx, &[], script)?;
    same(ctx, "restored", &(0, String::new()), &(captured.code(), captured.err()));
    same(ctx, "the table", expected, &reference_save(ctx)?);
    Ok(())
}

pub(crate) fn restore_forms(ctx: &Context) -> Outcome {
    let expected = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 1\n";
    let plain = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m";
    let scripts: [&[u8]; 6] = [
        plain.as_bytes(),
        b"# the web\r\n-A -t 10.0.0.1:80 -s rr\r\n\r\n-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m # one\r\n",
        b"ipvsadm -A -t 10.0.0.1:80 -s rr\nipvsadm -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m\n",
        b"--add-service --tcp-service='10.0.0.1:80' \"-s\" rr\n--add-server -t 10.0.0.1:80 -r 10.1.0.1:8080 --masquerading\n",
        b"-A -t 10.0.0.1:80 -s wlc\n-E -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 9\n-e -t 10.0.0.1:80 -r 10.1.0.1:8080 -m\n-Z\n",
        b"-A -f 1\n-C\n-A -t 10.0.0.1:80 -s rr\n-A -f 2\n-a -f 2 -r 10.1.0.1\n-d -f 2 -r 10.1.0.1\n-D -f 2\n-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m\n",
    ];
    for script in scripts {
        restores(ctx, script, expected)?;
    }
    out(ctx, "ipvs clear")?;
    fs::write("/run/table", plain)?;
    out(ctx, "ipvs restore /run/table")?;
    same(ctx, "from a file", expected, &reference_save(ctx)?);
    let marked = "-A -f -1294967296 -s rr\n";
    restored(ctx, &[], marked)?.success()?;
    ctx.check("marks that ipvsadm saved", out(ctx, "ipvs save")?.contains("-f 3000000000 -s rr"));
    Ok(())
}

pub(crate) fn partial_restore(ctx: &Context) -> Outcome {
    let script = "\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.1.0.1 -m
-a -t 10.0.0.1:80 -r 10.1.0.1 -m

-A -t 10.0.0.2:80 -s nonsense
-a -t 10.0.0.2:80 -r 10.1.0.1 -m
-A -t 10.0.0.3:80 -s rr
";
    let captured = restored(ctx, &[], script)?;
    same(
        ctx,
        "told",
        "rsadm: stdin:3: cannot add destination 10.1.0.1:80 to tcp://10.0.0.1:80: the destination \
         exists\nrsadm: stdin:5: cannot add service tcp://10.0.0.2:80: no such scheduler or \
         persistence engine\nrsadm: stdin:6: cannot add destination 10.1.0.1:80 to \
         tcp://10.0.0.2:80: no such service\nrsadm: restored 3 of 6 changes\n  hint: `rsadm ipvs \
         dest edit` changes it\n",
        captured.err(),
    );
    same(ctx, "status", 1, captured.code());
    same(
        ctx,
        "the others were made",
        "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1\n-A -t 10.0.0.3:80 -s rr\n",
        &out(ctx, "ipvs save")?,
    );
    Ok(())
}

pub(crate) fn bad_script(ctx: &Context) -> Outcome {
    restore(ctx, TABLE)?;
    let before = out(ctx, "ipvs save --full")?;
    for arguments in [&[][..], &["--sync"]] {
        let captured = restored(ctx, arguments, "-C\n-A -t 10.9.0.1:80\n-A -t nonsense\n")?;
        same(ctx, "status", 2, captured.code());
        ctx.check("told", captured.err().starts_with("rsadm: stdin:3:7: 'nonsense' is neither"));
        same(ctx, "nothing changed", &before, &out(ctx, "ipvs save --full")?);
    }
    Ok(())
}

pub(crate) fn large(ctx: &Context) -> Outcome {
    let mut script = String::new();
    for service in 0..2000 {
        let key = format!("10.10.{}.{}:80", service / 250, service % 250 + 1);
        writeln!(script, "-A -t {key} -s rr")?;
        for destination in 1..=5 {
            writeln!(script, "-a -t {key} -r 10.20.0.{destination}:8080 -m -w {destination}")?;
        }
    }
    restore(ctx, &script)?;
    same(ctx, "saved", &script, &out(ctx, "ipvs save")?);
    same(ctx, "listed", 3 + 2000 * 6, out(ctx, "ipvs list -n")?.lines().count());
    // All of it is refused now, and only the first of it is told.
    let captured = restored(ctx, &[], &script)?;
    same(ctx, "status", 1, captured.code());
    let text = captured.err();
    same(ctx, "lines", 23, text.lines().count());
    ctx.check(
        "more",
        text.contains("rsadm: 11980 more were refused\nrsadm: restored 0 of 12000 changes\n"),
    );
    Ok(())
}
