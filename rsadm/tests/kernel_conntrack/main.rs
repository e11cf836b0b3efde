//! `rsadm conntrack` on real kernels.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::process::{Command, ExitCode};

use serde_json::Value;
use testbed::harness::{Case, Context, Failure, Need};
use testbed::process::Captured;

mod changes;
mod counted;
mod events;
mod filters;
#[path = "../support/listening.rs"]
mod listening;
mod listing;
mod places;
mod refusals;
mod requests;

type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[], run };
    let beside = |name, run| Case { name, needs: &[Need::Reference("conntrack")], run };
    testbed::harness::main(&[
        beside("lists_are_those_of_conntrack", listing::classic),
        case("lists_for_programs_have_every_field", listing::structured),
        case("counts_statistics_and_capabilities", listing::table),
        case("groups_are_counted", listing::top),
        case("groups_are_measured_and_watched", counted::top),
        case("counters_of_those_that_match_are_zeroed", counted::zero),
        case("every_filter_finds_what_it_says", filters::find),
        case("deletions_hit_nothing_else", filters::delete),
        case("filters_are_explained", filters::explain),
        case("one_flow_is_created_read_and_updated", changes::one_flow),
        case("a_dry_run_changes_nothing", changes::dry_run),
        case("flush_by_family", changes::flush),
        case("saved_flows_are_loaded_the_same", changes::save_and_load),
        case("a_bad_file_changes_nothing", changes::bad_file),
        case("expectations", changes::expectations),
        case("what_lies_between_two_listings", changes::diff),
        case("every_named_namespace_is_listed_and_heard", places::all),
        case("one_request_deletes_what_it_says", requests::one_deletion),
        case("the_kernel_leaves_out_what_does_not_match", requests::short_listings),
        case("events_are_shown_until_a_signal", events::shown),
        case("a_storm_of_events_is_made_up_for", events::storm),
        Case {
            name: "a_large_buffer_holds_a_storm",
            needs: &[Need::RealRoot],
            run: events::buffer,
        },
        case("xml_is_well_formed", listing::xml),
        case("refusals_come_with_a_hint", refusals::hints),
        case("what_the_kernel_lacks_is_said", refusals::absent),
        Case {
            name: "a_missing_module_is_named",
            needs: &[Need::RealRoot],
            run: refusals::without_module,
        },
        case("nothing_is_dropped_without_a_word", refusals::silent),
        Case {
            name: "without_privilege_it_is_said",
            needs: &[Need::RealRoot],
            run: refusals::unprivileged,
        },
    ])
}

/// The program under test.
fn rsadm() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rsadm"))
}

/// Runs `rsadm conntrack LINE`.
fn run(ctx: &Context, line: &str) -> Result<Captured> {
    Ok(ctx.capture(rsadm().arg("conntrack").args(line.split_whitespace()))?)
}

/// Runs what must succeed, and answers its output.
fn out(ctx: &Context, line: &str) -> Result<String> {
    Ok(done(ctx, line)?.out())
}

fn done(ctx: &Context, line: &str) -> Result<Captured> {
    let captured = run(ctx, line)?;
    if captured.code() != 0 {
        let text =
            format!("rsadm conntrack {line}: status {}: {}", captured.code(), captured.err());
        return ctx.fail(text);
    }
    Ok(captured)
}

/// Runs lines that must succeed.
fn all(ctx: &Context, lines: &str) -> Result<()> {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        out(ctx, line)?;
    }
    Ok(())
}

/// Loads flows.
fn load(ctx: &Context, text: &str) -> Result<()> {
    let captured = ctx.capture_with(rsadm().args(["conntrack", "load"]), text)?;
    if captured.code() != 0 || !captured.err().starts_with("rsadm: loaded ") {
        return ctx.fail(format!("load: status {}: {}", captured.code(), captured.err()));
    }
    Ok(())
}

/// The flows that a command lists, as values.
fn listed(ctx: &Context, line: &str) -> Result<Vec<Value>> {
    let text = out(ctx, &format!("{line} -o ndjson"))?;
    Ok(text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

/// Their ids.
fn ids(flows: &[Value]) -> BTreeSet<u64> {
    flows.iter().filter_map(|flow| flow["id"].as_u64()).collect()
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

/// Whether flows have zones here.
fn has_zones(ctx: &Context) -> bool {
    ctx.kernel() == "host"
}

/// Makes translated flows; whether this kernel can.
fn translated(ctx: &Context) -> Result<bool> {
    let flow = "create -p udp -t 9000 --dport 53 -s";
    for rest in [
        "10.0.0.1 -d 10.0.0.8 --sport 1000 -g 10.9.9.9:5353 -n 10.8.8.8:2000",
        "10.0.0.1 -d 10.0.0.8 --sport 1001 -g :5354",
        "fd00::1 -d fd00::8 --sport 1000 -n [fd08::8]:2001",
    ] {
        if run(ctx, &format!("{flow} {rest}"))?.code() != 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Flows of every kind; zones where the kernel has them.
fn table(ctx: &Context) -> Result<()> {
    load(
        ctx,
        "\
-A -t 9000 -u SEEN_REPLY,ASSURED -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 1000 --dport 80 --state ESTABLISHED -m 7
-A -t 9000 -u SEEN_REPLY -s 10.0.0.1 -d 10.0.1.2 -p tcp --sport 1001 --dport 443 --state TIME_WAIT -m 0x4007
-A -t 9000 -s 10.0.0.3 -d 10.0.0.2 -p tcp --sport 1000 --dport 8080 --state SYN_SENT
-A -t 9000 -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1000 --dport 53
-A -t 9000 -u SEEN_REPLY -s 10.0.0.4 -d 10.0.0.2 -r 10.0.9.9 -q 10.0.0.4 -p udp --sport 1000 --dport 53 --reply-port-src 5353 --reply-port-dst 1000
-A -t 9000 -s fd00::1 -d fd00::2 -p udp --sport 1000 --dport 53 -m 7
-A -t 9000 -u SEEN_REPLY,ASSURED -s fd00::1 -d fd00:1::2 -p tcp --sport 1000 --dport 80 --state ESTABLISHED
-A -t 9000 -s fd00::3 -d fd00::2 -p tcp --sport 1000 --dport 80 --state SYN_SENT
-A -t 9000 -s 10.0.0.1 -d 10.0.0.2 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77
-A -t 9000 -s fd00::1 -d fd00::2 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 78
-A -t 9000 -s 10.0.0.1 -d 10.0.0.2 -p sctp --sport 1000 --dport 80 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2
-A -t 9000 -s 10.0.0.1 -d 10.0.0.2 -p sctp --sport 1000 --dport 81 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2
-A -t 9000 -s 10.0.0.1 -d 10.0.0.2 -p 50
",
    )?;
    if has_zones(ctx) {
        load(
            ctx,
            "\
-A -t 9000 -w 5 -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1000 --dport 53
-A -t 9000 -w 6 -s 10.0.0.1 -d 10.0.0.2 -p udp --sport 1000 --dport 53
-A -t 9000 --orig-zone 5 -s 10.0.0.5 -d 10.0.0.2 -p udp --sport 1000 --dport 53
-A -t 9000 -w 5 -s fd00::1 -d fd00::2 -p udp --sport 1000 --dport 53
",
        )?;
    }
    Ok(())
}
