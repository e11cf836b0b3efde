//! Statistics of connection tracking.

/// A counter of connection tracking: its attribute's number (`CTA_STATS_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[doc(alias = "ctattr_stats_cpu")]
pub struct Counter(pub u16);

/// Declares the counters under the names that the kernel shows.
macro_rules! counters {
    ($($(#[$documentation:meta])* $constant:ident = $number:literal, $name:literal;)*) => {
        impl Counter {
            $($(#[$documentation])* pub const $constant: Self = Self($number);)*

            /// All that this crate knows, in the kernel's order.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];

            /// The kernel's name; `None` for a number that this crate does not know.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

counters! {
    /// Lookups. Before Linux 4.9.
    #[doc(alias = "CTA_STATS_SEARCHED")]
    SEARCHED = 1, "searched";
    /// Lookups for NAT that found a flow.
    #[doc(alias = "CTA_STATS_FOUND")]
    FOUND = 2, "found";
    /// Flows added that nobody expected. Before Linux 4.9.
    #[doc(alias = "CTA_STATS_NEW")]
    NEW = 3, "new";
    /// Packets that do not belong to any flow and cannot begin one.
    #[doc(alias = "CTA_STATS_INVALID")]
    INVALID = 4, "invalid";
    /// Packets that belonged to a flow already. Before Linux 5.9.
    #[doc(alias = "CTA_STATS_IGNORE")]
    IGNORE = 5, "ignore";
    /// Flows removed. Before Linux 4.9.
    #[doc(alias = "CTA_STATS_DELETE")]
    DELETE = 6, "delete";
    /// Flows put on the list of those to remove. Before Linux 4.9.
    #[doc(alias = "CTA_STATS_DELETE_LIST")]
    DELETE_LIST = 7, "delete_list";
    /// Flows added to the table.
    #[doc(alias = "CTA_STATS_INSERT")]
    INSERT = 8, "insert";
    /// Flows that could not be added, because their tuples were taken meanwhile.
    #[doc(alias = "CTA_STATS_INSERT_FAILED")]
    INSERT_FAILED = 9, "insert_failed";
    /// Packets dropped because no flow could be made.
    #[doc(alias = "CTA_STATS_DROP")]
    DROP = 10, "drop";
    /// Flows removed before their time because the table was full.
    #[doc(alias = "CTA_STATS_EARLY_DROP")]
    EARLY_DROP = 11, "early_drop";
    /// Packets of ICMP that tell of an error and could not be tracked.
    #[doc(alias = "CTA_STATS_ERROR")]
    ERROR = 12, "error";
    /// Lookups that began again because the table was resized. Linux 2.6.36.
    #[doc(alias = "CTA_STATS_SEARCH_RESTART")]
    SEARCH_RESTART = 13, "search_restart";
    /// Clashes between flows that were resolved. Linux 5.10.
    #[doc(alias = "CTA_STATS_CLASH_RESOLVE")]
    CLASH_RESOLVE = 14, "clash_resolve";
    /// Flows that could not be added because their bucket's chain was too long. Linux 5.15.
    #[doc(alias = "CTA_STATS_CHAIN_TOOLONG")]
    CHAIN_TOO_LONG = 15, "chaintoolong";
}

/// What one processor counted in the network namespace. Counters have 32 bits and wrap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "IPCTNL_MSG_CT_GET_STATS_CPU")]
pub struct CpuStatistics {
    /// Number of the processor.
    pub cpu: u16,
    /// What the kernel sent, in its order.
    pub counters: Vec<(Counter, u32)>,
}

impl CpuStatistics {
    /// One counter; `None` if this kernel does not have it.
    pub fn get(&self, counter: Counter) -> Option<u32> {
        self.counters.iter().find(|(kind, _)| *kind == counter).map(|(_, value)| *value)
    }
}

/// How full the table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "IPCTNL_MSG_CT_GET_STATS")]
pub struct GlobalStatistics {
    /// Flows of the network namespace.
    #[doc(alias = "CTA_STATS_GLOBAL_ENTRIES")]
    pub entries: u32,
    /// The most that any one network namespace may have. Linux 4.18.
    #[doc(alias = "CTA_STATS_GLOBAL_MAX_ENTRIES")]
    pub max_entries: Option<u32>,
}

/// What one processor counted of expectations. Counters have 32 bits and wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "IPCTNL_MSG_EXP_GET_STATS_CPU")]
pub struct CpuExpectationStatistics {
    /// Number of the processor.
    pub cpu: u16,
    /// Flows that were expected.
    #[doc(alias = "CTA_STATS_EXP_NEW")]
    pub new: Option<u32>,
    /// Expectations made.
    #[doc(alias = "CTA_STATS_EXP_CREATE")]
    pub create: Option<u32>,
    /// Expectations removed.
    #[doc(alias = "CTA_STATS_EXP_DELETE")]
    pub delete: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_the_kernels_numbers_and_names() {
        for (index, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(usize::from(counter.0), index + 1);
            assert!(counter.name().is_some());
        }
        assert_eq!(Counter(16).name(), None);
    }

    #[test]
    fn a_counter_that_was_not_sent_is_none() {
        let counters = vec![(Counter::FOUND, 7), (Counter(99), 1)];
        let statistics = CpuStatistics { cpu: 3, counters };
        assert_eq!(statistics.get(Counter::FOUND), Some(7));
        assert_eq!(statistics.get(Counter(99)), Some(1));
        assert_eq!(statistics.get(Counter::NEW), None);
    }
}
