//! The text that `ip` prints of neighbours, and the words that it has for VXLAN devices.

mod link;
mod neighbour;

pub(crate) use link::operational_state;
pub use link::{link, link_flags};
pub(crate) use neighbour::NeighbourView;
pub use neighbour::{Neighbours, neighbour, state_names};
