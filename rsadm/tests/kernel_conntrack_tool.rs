//! Debian's conntrack and the personality, compared on real kernels: both outputs, the exit status
//! and the table that is left, to the byte.

use std::process::ExitCode;

use testbed::harness::{Case, Context, Need, Outcome};

#[path = "conntrack_tool/changes.rs"]
mod changes;
#[path = "conntrack_tool/clashes.rs"]
mod clashes;
#[path = "conntrack_tool/events.rs"]
mod events;
#[path = "conntrack_tool/expectations.rs"]
mod expectations;
#[path = "conntrack_tool/forwarded.rs"]
mod forwarded;
#[path = "conntrack_tool/harms.rs"]
mod harms;
#[path = "conntrack_tool/kernels_own.rs"]
mod kernels_own;
#[path = "conntrack_tool/labels.rs"]
mod labels;
#[path = "conntrack_tool/listings.rs"]
mod listings;
#[path = "conntrack_tool/load.rs"]
mod load;
#[path = "conntrack_tool/pair.rs"]
mod pair;
#[path = "conntrack_tool/router.rs"]
mod router;
#[path = "conntrack_tool/sctp.rs"]
mod sctp;
#[path = "conntrack_tool/synthetic.rs"]
mod synthetic;
#[path = "conntrack_tool/tables.rs"]
mod tables;
#[path = "conntrack_tool/usage.rs"]
mod usage;

const NEEDS: &[Need] = &[Need::Reference("conntrack")];

const fn case(name: &'static str, run: fn(&Context) -> Outcome) -> Case {
    Case { name, needs: NEEDS, run }
}

/// Of packets that are forwarded and translated.
const fn routed(name: &'static str, run: fn(&Context) -> Outcome) -> Case {
    Case { name, needs: &[Need::Reference("conntrack"), Need::Nat], run }
}

fn main() -> ExitCode {
    testbed::harness::main(&[
        case("conntrack_usage_every_command_with_every_option", usage::every_option),
        case("conntrack_usage_protocols", usage::protocols),
        case("conntrack_usage_spelling", usage::spelling),
        case("conntrack_usage_values", usage::values),
        case("conntrack_usage_help_and_version", usage::help_and_version),
        case("conntrack_listings_forms", listings::forms),
        case("conntrack_listings_filters", listings::filters),
        case("conntrack_listings_counters", listings::counters),
        case("conntrack_listings_without_flows", listings::without_flows),
        case("conntrack_listings_without_privilege", listings::without_privilege),
        case("conntrack_changes_creation", changes::creation),
        case("conntrack_changes_addition", changes::addition),
        case("conntrack_changes_updates", changes::updates),
        case("conntrack_changes_deletion", changes::deletion),
        case("conntrack_changes_get", changes::get),
        case("conntrack_load_files", load::files),
        case("conntrack_load_saved_tables", load::saved_tables),
        case("conntrack_expectations", expectations::all),
        case("conntrack_expectations_of_a_live_helper", expectations::of_a_live_helper),
        case("conntrack_labels", labels::all),
        case("conntrack_events_of_changes", events::of_changes),
        case("conntrack_events_of_traffic", events::of_traffic),
        case("conntrack_events_filtered", events::filtered),
        case("conntrack_events_lost", events::lost),
        case("conntrack_synthetic_flows", synthetic::flows),
        case("conntrack_manual_examples", kernels_own::manual),
        case("conntrack_kernel_zones", kernels_own::zones),
        case("conntrack_kernel_many_zones", kernels_own::many_zones),
        case("conntrack_kernel_resize", kernels_own::resize),
        case("conntrack_kernel_unanswered", kernels_own::unanswered),
        case("conntrack_kernel_related", kernels_own::related),
        routed("conntrack_kernel_routed_related", forwarded::related),
        routed("conntrack_kernel_routed_too_large", forwarded::too_large),
        routed("conntrack_kernel_routed_tunnel", forwarded::tunnel),
        routed("conntrack_kernel_routed_flood", forwarded::flood),
        routed("conntrack_kernel_routed_zones_of_devices", forwarded::zones_of_devices),
        routed("conntrack_kernel_routed_vrf", forwarded::vrf),
        routed("conntrack_kernel_routed_sctp_collisions", sctp::collisions),
        routed("conntrack_kernel_routed_clash_held", clashes::held),
        routed("conntrack_kernel_routed_clash_race", clashes::side_by_side),
        routed("conntrack_kernel_routed_clash_reverse", clashes::reverse),
        case("conntrack_harms_are_not_done", harms::are_not_done),
        case("conntrack_harms_meant", harms::what_was_meant),
    ])
}
