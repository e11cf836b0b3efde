//! Debian's ipvsadm and the personality, compared on real kernels: both outputs, the exit status
//! and the state that is left, to the byte.

use std::process::ExitCode;

use testbed::harness::{Case, Context, Need, Outcome};

#[path = "ipvsadm/changes.rs"]
mod changes;
#[path = "ipvsadm/listings.rs"]
mod listings;
#[path = "ipvsadm/pair.rs"]
mod pair;
#[path = "ipvsadm/restore.rs"]
mod restore;
#[path = "ipvsadm/startup.rs"]
mod startup;
#[path = "ipvsadm/tables.rs"]
mod tables;
#[path = "ipvsadm/traffic.rs"]
mod traffic;
#[path = "ipvsadm/usage.rs"]
mod usage;

const NEEDS: &[Need] = &[Need::Ipvs, Need::Reference("ipvsadm")];

const fn case(name: &'static str, run: fn(&Context) -> Outcome) -> Case {
    Case { name, needs: NEEDS, run }
}

fn main() -> ExitCode {
    testbed::harness::main(&[
        case("usage_services_with_every_option", usage::services_with_every_option),
        case("usage_servers_with_every_option", usage::servers_with_every_option),
        case("usage_tables_with_every_option", usage::tables_with_every_option),
        case("usage_settings_with_every_option", usage::settings_with_every_option),
        case("usage_pairs_of_mistakes", usage::pairs_of_mistakes),
        case("usage_spelling", usage::spelling),
        case("usage_values", usage::values),
        case("usage_help_and_version", usage::help_and_version),
        case("changes_services", changes::services),
        case("changes_edits", changes::edits),
        case("changes_destinations", changes::destinations),
        case("changes_edited_destinations", changes::edited_destinations),
        case("changes_tunnels", changes::tunnels),
        case("changes_refusals", changes::refusals),
        case("changes_daemons", changes::daemons),
        case("listings_tables", listings::tables),
        case("listings_tables_with_names", listings::tables_with_names),
        case("listings_one_service", listings::one_service),
        case("listings_other_lists", listings::other_lists),
        case("listings_services", listings::services),
        case("listings_wrapping_order", listings::wrapping_order),
        case("listings_names", listings::names),
        case("restore_inputs", restore::inputs),
        case("restore_help_inside", restore::help_inside),
        case("restore_round_trips", restore::round_trips),
        case("restore_large_marks_come_back", restore::large_marks_come_back),
        case("restore_scripts", restore::scripts),
        case("restore_large_inputs", restore::large_inputs),
        case("traffic_counters_and_connections", traffic::counters_and_connections),
        case("startup_without_privilege", startup::without_privilege),
        case("startup_in_a_user_namespace", startup::in_a_user_namespace),
        case("startup_without_the_module", startup::without_the_module),
    ])
}
