//! Debian's bridge and the personality, compared on real kernels: both outputs, the exit status and
//! the tables that are left, to the byte.

use std::process::ExitCode;

use testbed::harness::{Case, Context, Need, Outcome};

#[path = "bridge/batch.rs"]
mod batch;
#[path = "bridge/changes.rs"]
mod changes;
#[path = "bridge/harms.rs"]
mod harms;
#[path = "bridge/listings.rs"]
mod listings;
#[path = "bridge/monitor.rs"]
mod monitor;
#[path = "bridge/pair.rs"]
mod pair;
#[path = "bridge/tables.rs"]
mod tables;
#[path = "bridge/usage.rs"]
mod usage;

const NEEDS: &[Need] = &[Need::Reference("bridge")];

const fn case(name: &'static str, run: fn(&Context) -> Outcome) -> Case {
    Case { name, needs: NEEDS, run }
}

fn main() -> ExitCode {
    testbed::harness::main(&[
        case("bridge_usage_options", usage::options),
        case("bridge_usage_mistakes", usage::mistakes),
        case("bridge_usage_not_here", usage::not_here),
        case("bridge_listings_entries", listings::entries),
        case("bridge_listings_filters", listings::filters),
        case("bridge_listings_colours", listings::colours),
        case("bridge_listings_get", listings::get),
        case("bridge_listings_vnis", listings::vnis),
        case("bridge_listings_multicast", listings::multicast),
        case("bridge_listings_multicast_of_vxlan", listings::multicast_of_vxlan),
        case("bridge_listings_without_privilege", listings::without_privilege),
        case("bridge_changes_of_vxlan", changes::of_vxlan),
        case("bridge_changes_of_bridges", changes::of_bridges),
        case("bridge_changes_flush", changes::flush),
        case("bridge_changes_vnis", changes::vnis),
        case("bridge_changes_multicast", changes::multicast),
        case("bridge_batch_files", batch::files),
        case("bridge_batch_of_a_thousand", batch::of_a_thousand),
        case("bridge_batch_at_random", batch::at_random),
        case("bridge_batch_waits_for_nothing", batch::waits_for_nothing),
        case("bridge_monitor", monitor::changes),
        case("bridge_harms_are_not_done", harms::are_not_done),
    ])
}
