//! `ipvsadm-save` and `ipvsadm-restore`, Debian's wrappers.

use std::process::Command;

use testbed::harness::{Context, Outcome};
use testbed::process::Captured;

use super::Result;
use super::seat::{Seat, Tool};

#[path = "../ipvsadm/tables.rs"]
mod tables;

pub(crate) fn and_restore(ctx: &Context) -> Outcome {
    let seat = Seat::new(ctx)?;
    seat.make_table(tables::MIXED)?;
    for words in [&["-n"][..], &[], &["-x"]] {
        let [reference, ours] = both(&seat, |_| run(ctx, &seat, "ipvsadm-save", words, ""))?;
        ctx.same_run(&format!("ipvsadm-save {words:?}"), &reference, &ours);
    }
    // Marks that `-S` prints as negative numbers are refused by the reference when they come back.
    let saved: String = seat
        .reference(&["-Sn"])?
        .lines()
        .filter(|line| !line.contains(" -f -"))
        .map(ended)
        .collect();
    restored(ctx, &seat, "a saved table", &saved)?;
    restored(ctx, &seat, "comments", &format!("# one\n{saved}#two\n# three\n"))?;
    restored(ctx, &seat, "nothing", "")?;
    let broken =
        format!("{saved}-A -t 192.0.2.99:99 -s nosuch\n-a -t 192.0.2.98:98 -r 192.0.2.1\n");
    restored(ctx, &seat, "refusals at the end", &broken)?;
    restored(ctx, &seat, "a mistake in the middle", &format!("-A -f 9\n-A -t nonsense\n{saved}"))?;
    round_trip(ctx, &seat, &saved)
}

/// What our save writes, restored by the reference, and the other way round, is the same table.
fn round_trip(ctx: &Context, seat: &Seat<'_>, table: &str) -> Outcome {
    for (saves, restores) in [(Tool::Ours, Tool::Reference), (Tool::Reference, Tool::Ours)] {
        seat.make_table(table)?;
        let before = table_of(seat)?;
        seat.give(saves)?;
        let saved = run(ctx, seat, "ipvsadm-save", &["-n"], "")?.success()?.out();
        seat.make_table(tables::SMALL)?;
        seat.give(restores)?;
        run(ctx, seat, "ipvsadm-restore", &[], &saved)?.success()?;
        let name = format!("saved by {saves:?}, restored by {restores:?}");
        ctx.equal(&name, &before, &table_of(seat)?);
    }
    Ok(())
}

/// Restores over another table and compares what is said and left.
fn restored(ctx: &Context, seat: &Seat<'_>, name: &str, script: &str) -> Result<()> {
    let [reference, ours] = both(seat, |seat| {
        seat.make_table(tables::SMALL)?;
        let run = run(ctx, seat, "ipvsadm-restore", &[], script)?;
        Ok((run, table_of(seat)?))
    })?;
    ctx.same_run(&format!("ipvsadm-restore of {name}"), &reference.0, &ours.0);
    ctx.equal(&format!("the table after {name}"), &reference.1, &ours.1);
    Ok(())
}

/// The same with each of the two programs.
fn both<T>(seat: &Seat<'_>, run: impl Fn(&Seat<'_>) -> Result<T>) -> Result<[T; 2]> {
    let [reference, ours] = Tool::BOTH.map(|tool| {
        seat.give(tool)?;
        run(seat)
    });
    Ok([reference?, ours?])
}

fn run(
    ctx: &Context,
    seat: &Seat<'_>,
    script: &str,
    words: &[&str],
    input: &str,
) -> Result<Captured> {
    let mut command = Command::new("bash");
    command.arg(seat.packaged(&format!("sbin/{script}"))).args(words);
    Ok(ctx.capture_with(&mut command, input)?)
}

/// The table as lines in an order of their own: where no comparison of ipvsadm is an order, the
/// kernel's decides, which from Linux 7.1 is another one in each table.
fn table_of(seat: &Seat<'_>) -> Result<Vec<String>> {
    let mut lines: Vec<_> = seat.reference(&["-Sn"])?.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn ended(line: &str) -> String {
    format!("{line}\n")
}
