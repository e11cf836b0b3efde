//! `rsadm ipvs restore --sync`.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use testbed::harness::{Context, Outcome};

use crate::connections::{addresses, echo, talk};
use crate::listing::json;
use crate::{out, restore, restored, same, settles};

const BEFORE: &str = "\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1
-A -t 10.0.0.2:80 -s rr
";

const AFTER: &str = "\
-A -t 10.0.0.1:80 -s wrr -p 60
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 7 -x 5
-a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1
-A -u 10.0.0.3:53 -s rr
";

pub(crate) fn difference(ctx: &Context) -> Outcome {
    restore(ctx, BEFORE)?;
    for round in ["first", "again"] {
        let captured = restored(ctx, &["--sync"], AFTER)?;
        same(ctx, round, &(0, String::new()), &(captured.code(), captured.err()));
        let saved = out(ctx, "ipvs save --full")?;
        let table: Vec<_> = saved.lines().filter(|line| !line.starts_with("--set")).collect();
        let mut expected: Vec<_> = AFTER.lines().collect();
        expected.sort_unstable();
        let mut table = table;
        table.sort_unstable();
        same(ctx, "the table", &expected, &table);
    }
    restored(ctx, &["--sync"], "--set 0 0 77\n")?.success()?;
    same(ctx, "nothing but a timeout", "--set 900 120 77\n", &out(ctx, "ipvs save --full")?);
    Ok(())
}

/// A table that changes around the service which traffic goes through. The destination that comes and
/// goes has no weight: the kernel drops what is on its way to a destination that is deleted.
fn around(round: usize) -> String {
    let mut script = String::from("-A -t 192.0.2.1:80 -s wrr\n");
    script += "-a -t 192.0.2.1:80 -r 192.0.2.7:8080 -m -w ";
    script += if round.is_multiple_of(2) { "1\n" } else { "2\n" };
    if round.is_multiple_of(2) {
        script += "-a -t 192.0.2.1:80 -r 192.0.2.8:8080 -m -w 0\n-A -t 10.0.0.1:80 -s rr\n";
    } else {
        script += "-A -u 10.0.0.2:53 -s rr\n-a -u 10.0.0.2:53 -r 10.1.0.1:53 -m\n";
    }
    script
}

pub(crate) fn under_traffic(ctx: &Context) -> Outcome {
    addresses(ctx)?;
    echo("192.0.2.7:8080")?;
    restore(ctx, &around(1))?;
    let mut held = talk("192.0.2.9:40000", "192.0.2.1:80")?;
    let stop = AtomicBool::new(false);
    let (done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut port = 41000;
            while !stop.load(Ordering::Relaxed) && port < 60000 {
                match talk(&format!("192.0.2.9:{port}"), "192.0.2.1:80") {
                    Ok(_) => done.fetch_add(1, Ordering::Relaxed),
                    Err(_) => failed.fetch_add(1, Ordering::Relaxed),
                };
                port += 1;
            }
        });
        let result = (0..20).try_for_each(|round| {
            let captured = restored(ctx, &["--sync"], around(round))?;
            same(ctx, "status", &(0, String::new()), &(captured.code(), captured.err()));
            Ok::<_, testbed::harness::Failure>(())
        });
        stop.store(true, Ordering::Relaxed);
        result
    })?;
    ctx.check("there was traffic", done.load(Ordering::Relaxed) > 20);
    same(ctx, "requests that failed", 0, failed.load(Ordering::Relaxed));
    held.write_all(b"y")?;
    let mut byte = [0];
    held.read_exact(&mut byte)?;
    same(ctx, "the connection from before", b"y", &byte);
    let all = done.load(Ordering::Relaxed) as u64 + 1;
    settles(ctx, "the service kept its counters", Some(all), || {
        let document = json(ctx, "ipvs list tcp://192.0.2.1:80 -o json")?;
        Ok(document[0]["statistics"]["connections"].as_u64())
    })
}
