//! What `nft -j list ruleset` prints.

mod read;
mod show;

pub(super) use read::read;
pub(super) use show::show;
