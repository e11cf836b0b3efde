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
        case("ipvsadm_usage_services_with_every_option", usage::services_with_every_option),
        case("ipvsadm_usage_servers_with_every_option", usage::servers_with_every_option),
        case("ipvsadm_usage_tables_with_every_option", usage::tables_with_every_option),
        case("ipvsadm_usage_settings_with_every_option", usage::settings_with_every_option),
        case("ipvsadm_usage_pairs_of_mistakes", usage::pairs_of_mistakes),
        case("ipvsadm_usage_spelling", usage::spelling),
        case("ipvsadm_usage_posix", usage::posix),
        case("ipvsadm_usage_values", usage::values),
        case("ipvsadm_usage_help_and_version", usage::help_and_version),
        case("ipvsadm_changes_services", changes::services),
        case("ipvsadm_changes_edits", changes::edits),
        case("ipvsadm_changes_destinations", changes::destinations),
        case("ipvsadm_changes_edited_destinations", changes::edited_destinations),
        case("ipvsadm_changes_tunnels", changes::tunnels),
        case("ipvsadm_changes_refusals", changes::refusals),
        case("ipvsadm_changes_daemons", changes::daemons),
        case("ipvsadm_listings_tables", listings::tables),
        case("ipvsadm_listings_tables_with_names", listings::tables_with_names),
        case("ipvsadm_listings_one_service", listings::one_service),
        case("ipvsadm_listings_other_lists", listings::other_lists),
        case("ipvsadm_listings_services", listings::services),
        case("ipvsadm_listings_wrapping_order", listings::wrapping_order),
        case("ipvsadm_listings_names", listings::names),
        case("ipvsadm_restore_inputs", restore::inputs),
        case("ipvsadm_restore_help_inside", restore::help_inside),
        case("ipvsadm_restore_round_trips", restore::round_trips),
        case("ipvsadm_restore_large_marks_come_back", restore::large_marks_come_back),
        case("ipvsadm_restore_scripts", restore::scripts),
        case("ipvsadm_restore_large_inputs", restore::large_inputs),
        case("ipvsadm_traffic_counters_and_connections", traffic::counters_and_connections),
        case("ipvsadm_startup_without_privilege", startup::without_privilege),
        case("ipvsadm_startup_in_a_user_namespace", startup::in_a_user_namespace),
        case("ipvsadm_startup_without_the_module", startup::without_the_module),
    ])
}
