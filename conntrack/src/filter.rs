//! Which flows: conditions that all have to hold.

mod condition;
mod network;
mod plan;

pub use condition::{Condition, NatMatch, Predicate};
pub use network::{Network, Ports};
pub use plan::{Place, Plan};

pub(crate) use plan::{KernelPart, TuplePart};

use crate::Flow;

/// Which flows: those for which all conditions hold. Without conditions that is every flow.
///
/// Every flow that the kernel shows is checked against the whole filter, whatever part of it the
/// kernel was given to work with.
///
/// ```
/// use conntrack::{Condition, Direction, Filter, Network, Protocol};
/// let filter = Filter::new()
///     .and(Condition::Protocol(Protocol::UDP))
///     .and(Condition::Destination(Direction::Original, Network::new("10.96.0.0".parse()?, 12)))
///     .and(Condition::DestinationPort(Direction::Original, 53.into()));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    conditions: Vec<Condition>,
}

impl Filter {
    /// Every flow.
    pub const fn new() -> Self {
        Self { conditions: Vec::new() }
    }

    /// Only flows for which this holds too.
    #[must_use]
    pub fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether every flow matches.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether a flow matches.
    #[inline]
    pub fn matches(&self, flow: &Flow<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(flow))
    }
}

impl From<Condition> for Filter {
    fn from(condition: Condition) -> Self {
        Self::new().and(condition)
    }
}
