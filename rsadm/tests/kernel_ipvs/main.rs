//! `rsadm ipvs` on real kernels.

use std::fmt::Debug;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use testbed::harness::{Case, Context, Failure, Need};
use testbed::process::Captured;

mod changes;
mod connections;
mod listing;
mod refusals;
mod scripts;
mod synchronise;

type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[Need::Ipvs], run };
    let beside = |name, run| Case { name, needs: &[Need::Ipvs, Need::Reference("ipvsadm")], run };
    testbed::harness::main(&[
        beside("services_are_added_edited_and_deleted", changes::services),
        beside("destinations_are_added_edited_and_deleted", changes::destinations),
        case("clear_and_zero", changes::clear_and_zero),
        case("timeouts", changes::timeouts),
        case("daemons", changes::daemons),
        beside("lists_are_those_of_ipvsadm", listing::classic),
        case("lists_for_programs_agree", listing::structured),
        case("lists_for_eyes", listing::table),
        case("lists_are_in_numeric_order", listing::order),
        case("names_of_hosts_and_ports", listing::names),
        case("anybody_lists_the_plain_table", refusals::unprivileged),
        case("anybody_sees_every_service_of_one_namespace", refusals::among_namespaces),
        case("root_of_a_user_namespace_is_told_so", refusals::user_namespace),
        case("refusals_come_with_a_hint", refusals::hints),
        Case { name: "without_ipvs_it_is_said", needs: &[], run: refusals::no_module },
        case("namespaces_by_name_path_and_process", refusals::namespaces),
        beside("save_writes_what_ipvsadm_writes", scripts::save),
        beside("a_full_save_loses_nothing", scripts::full_save),
        beside("restore_takes_what_people_write", scripts::restore_forms),
        case("restore_tells_what_was_refused", scripts::partial_restore),
        case("a_bad_script_changes_nothing", scripts::bad_script),
        case("a_large_script", scripts::large),
        case("synchronising_changes_only_the_difference", synchronise::difference),
        case("synchronising_keeps_traffic_flowing", synchronise::under_traffic),
        case("connections_are_filtered_and_grouped", connections::filters_and_groups),
        case("connections_for_programs_agree", connections::structured),
        case("many_connections_take_little_memory", connections::many),
    ])
}

/// The program under test.
fn rsadm() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rsadm"))
}

/// Runs `rsadm LINE`.
fn run(ctx: &Context, line: &str) -> Result<Captured> {
    Ok(ctx.capture(rsadm().args(line.split_whitespace()))?)
}

/// Runs what must succeed silently, and answers its output.
fn out(ctx: &Context, line: &str) -> Result<String> {
    let captured = run(ctx, line)?;
    if captured.code() != 0 || !captured.stderr.is_empty() {
        return ctx.fail(format!("rsadm {line}: status {}: {}", captured.code(), captured.err()));
    }
    Ok(captured.out())
}

/// Runs lines that must succeed.
fn all(ctx: &Context, lines: &str) -> Result<()> {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        out(ctx, line)?;
    }
    Ok(())
}

/// Compares what a failing command says, and its status.
fn fails(ctx: &Context, line: &str, status: i32, says: &str) -> Result<()> {
    let captured = run(ctx, line)?;
    same(ctx, line, &(status, says.to_owned()), &(captured.code(), captured.err()));
    same(ctx, &format!("{line}: output"), "", captured.out());
    Ok(())
}

/// Counts one comparison, and tells both values when they differ.
#[expect(clippy::needless_pass_by_value, reason = "comparisons read better without borrows")]
fn same<A: PartialEq<B> + Debug, B: Debug>(ctx: &Context, name: &str, expected: A, got: B) {
    let equal = expected == got;
    let name = if equal {
        name.to_owned()
    } else {
        let told = |value: &dyn Debug| format!("{value:?}").chars().take(2000).collect::<String>();
        let (expected, got) = (told(&expected), told(&got));
        format!("{name}\n    expected {expected}\n    got      {got}")
    };
    ctx.check(&name, equal);
}

/// Asks until the answer is as expected, within bounds: the kernel adds its counters up every two
/// seconds.
fn settles<T: PartialEq + Debug>(
    ctx: &Context,
    name: &str,
    expected: T,
    ask: impl Fn() -> Result<T>,
) -> Result<()> {
    let mut got = ask()?;
    for _ in 0..100 {
        if got == expected {
            break;
        }
        thread::sleep(Duration::from_millis(100));
        got = ask()?;
    }
    same(ctx, name, expected, got);
    Ok(())
}

/// Makes a table by a script.
fn restore(ctx: &Context, script: &str) -> Result<()> {
    let captured = restored(ctx, &[], script)?;
    if captured.code() != 0 || !captured.stderr.is_empty() {
        return ctx.fail(format!("restore: status {}: {}", captured.code(), captured.err()));
    }
    Ok(())
}

/// What `rsadm ipvs restore` says of a script on its standard input.
fn restored(ctx: &Context, arguments: &[&str], script: impl AsRef<[u8]>) -> Result<Captured> {
    let mut command = rsadm();
    Ok(ctx.capture_with(command.args(["ipvs", "restore"]).args(arguments), script)?)
}

/// What the reference tool saves: an opinion of the table that is not ours.
fn reference_save(ctx: &Context) -> Result<String> {
    let saved = ctx.capture(ctx.reference("ipvsadm").arg("-Sn"))?;
    Ok(saved.success()?.out())
}
