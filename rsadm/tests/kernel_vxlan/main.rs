//! `rsadm vxlan` and `rsadm monitor` on real kernels.

use std::fmt::Debug;
use std::process::{Command, ExitCode};

use serde_json::Value;
use testbed::harness::{Case, Context, Failure, Need};
use testbed::process::Captured;

mod entries;
mod events;
mod links;
#[path = "../support/listening.rs"]
mod listening;
mod multicast;
mod neighbours;
mod peers;
mod refusals;
mod sync;

type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    let beside = |name, run| Case { name, needs: &[Need::Reference("bridge")], run };
    let rooted = |name, run| Case { name, needs: &[Need::RealRoot], run };
    testbed::harness::main(&[
        case("devices_have_the_facts_that_ip_tells", links::facts),
        case("what_a_kernel_cannot_change_it_says_itself", links::fixed),
        case("devices_in_every_form", links::forms),
        beside("entries_are_listed_as_by_bridge", entries::classic),
        beside("filters_find_what_bridge_lists", entries::filters),
        case("entries_in_every_form", entries::forms),
        case("entries_are_joined_with_who_uses_them", entries::joined),
        case("words_of_bridge_and_ip_are_options", entries::words),
        case("one_entry_is_written_and_deleted", entries::one),
        case("a_listing_in_the_middle_of_changes", entries::truth),
        case("a_flush_deletes_what_it_shows", entries::flush),
        case("a_flush_keeps_addresses_of_the_bridge", entries::guard),
        case("a_file_and_then_nothing_to_do", sync::twice),
        case("a_listing_is_a_file", sync::listings),
        case("a_bad_file_changes_nothing", sync::bad_files),
        case("events_are_shown_until_a_signal", events::shown),
        case("a_storm_of_events_is_made_up_for", events::storm),
        case("what_a_device_misses_is_an_event", events::misses),
        beside("vnis_are_listed_as_by_bridge", multicast::vnis),
        case("multicast_entries", multicast::entries),
        case("neighbours_are_those_of_ip", neighbours::as_ip),
        case("neighbours_are_written", neighbours::written),
        case("every_part_of_a_peer", peers::faults),
        case("peers_of_every_kind", peers::kinds),
        case("capabilities_are_those_of_the_version", refusals::capabilities),
        case("bad_input_changes_nothing", refusals::sentences),
        rooted("without_privilege_tables_are_read", refusals::unprivileged),
    ])
}

/// The program under test.
fn rsadm() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rsadm"))
}

/// Runs `rsadm vxlan LINE`.
fn run(ctx: &Context, line: &str) -> Result<Captured> {
    Ok(ctx.capture(rsadm().arg("vxlan").args(line.split_whitespace()))?)
}

/// Runs what must succeed, and answers its output.
fn out(ctx: &Context, line: &str) -> Result<String> {
    Ok(done(ctx, line)?.out())
}

fn done(ctx: &Context, line: &str) -> Result<Captured> {
    let captured = run(ctx, line)?;
    if captured.code() != 0 {
        let text = format!("rsadm vxlan {line}: status {}: {}", captured.code(), captured.err());
        return ctx.fail(text);
    }
    Ok(captured)
}

/// Runs lines that must succeed and say nothing.
fn all(ctx: &Context, lines: &str) -> Result<()> {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let captured = done(ctx, line)?;
        same(ctx, line, String::new(), captured.out() + &captured.err());
    }
    Ok(())
}

/// Runs lines of ip that must succeed.
fn ip(ctx: &Context, lines: &str) -> Result<()> {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        ctx.out("ip", line.split_whitespace())?;
    }
    Ok(())
}

/// Runs what is refused, with nothing on standard output.
fn refused(ctx: &Context, line: &str, status: i32, says: &str) -> Result<()> {
    let captured = run(ctx, line)?;
    same(ctx, line, status, captured.code());
    let err = captured.err();
    ctx.check(&format!("{line}: {err}"), err.contains(says) && captured.stdout.is_empty());
    Ok(())
}

/// The objects that a command lists.
fn objects(ctx: &Context, line: &str) -> Result<Vec<Value>> {
    let text = out(ctx, &format!("{line} -o ndjson"))?;
    Ok(text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

/// What a tool prints as one JSON list.
fn list_of(ctx: &Context, program: &str, line: &str) -> Result<Vec<Value>> {
    let text = ctx.out(program, line.split_whitespace())?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_str(&text)?)
}

/// Counts one comparison, and tells both values when they differ.
#[expect(clippy::needless_pass_by_value, reason = "comparisons read better without borrows")]
fn same<A: PartialEq<B> + Debug, B: Debug>(ctx: &Context, name: &str, expected: A, got: B) {
    let equal = expected == got;
    let name = if equal {
        name.to_owned()
    } else {
        format!("{name}\n    expected {expected:?}\n    got      {got:?}")
    };
    ctx.check(&name, equal);
}

/// The link that outer packets leave through, and a device of flannel's kind on it.
fn flannel(ctx: &Context) -> Result<()> {
    ip(
        ctx,
        "link add eth0 type veth peer name far
         addr add 172.16.20.120/24 dev eth0
         link set eth0 up
         link set far up",
    )?;
    all(
        ctx,
        "link add vx0 --id 1 --local 172.16.20.120 --dev eth0 --dstport 8472 --nolearning --up",
    )?;
    ip(ctx, "addr add 10.244.5.0/32 dev vx0")
}
