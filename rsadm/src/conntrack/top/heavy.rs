//! The largest of any number of groups, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

/// How many groups are kept at most. Two tables of them, of which one is being sorted, stay below 32
/// MiB.
pub(super) const CAPACITY: usize = 100_000;

/// Sums of groups. As long as there are no more than `capacity` of them, each sum is exact. Beyond
/// that the smaller half is forgotten from time to time, and every sum may be too small by at most
/// [`error`](Self::error).
///
/// This is the summary of Misra and Gries, which takes the median off every sum when it is full; so a
/// group whose sum is above the error is never missing.
#[derive(Debug)]
pub(super) struct Heavy<K> {
    sums: HashMap<K, u64>,
    capacity: usize,
    error: u64,
    total: u64,
}

impl<K: Eq + Hash + Copy> Heavy<K> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { sums: HashMap::new(), capacity, error: 0, total: 0 }
    }

    /// Adds to the sum of a group.
    pub(super) fn add(&mut self, key: K, amount: u64) {
        self.total += amount;
        *self.sums.entry(key).or_default() += amount;
        if self.sums.len() > self.capacity {
            self.forget();
        }
    }

    /// Takes the median off every sum, and forgets the groups of which nothing is left.
    fn forget(&mut self) {
        let mut sums: Vec<_> = self.sums.values().copied().collect();
        let middle = sums.len() / 2;
        let (_, median, _) = sums.select_nth_unstable(middle);
        let median = *median;
        self.error += median;
        self.sums.retain(|_, sum| {
            *sum = sum.saturating_sub(median);
            *sum > 0
        });
    }

    /// The sum of everything, which is exact.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// By how much a sum may be too small.
    pub(super) const fn error(&self) -> u64 {
        self.error
    }

    /// The sum of a group, as far as it is known.
    pub(super) fn get(&self, key: &K) -> Option<u64> {
        self.sums.get(key).copied()
    }
}

impl<K: Eq + Hash + Copy + Ord> Heavy<K> {
    /// The largest groups, the largest first; what they are groups of decides between equals.
    pub(super) fn largest(&self, count: usize) -> Vec<(K, u64)> {
        let order = |a: &(K, u64), b: &(K, u64)| b.1.cmp(&a.1).then(a.0.cmp(&b.0));
        let mut groups: Vec<_> = self.sums.iter().map(|(key, sum)| (*key, *sum)).collect();
        if count > 0 && count < groups.len() {
            groups.select_nth_unstable_by(count - 1, order);
            groups.truncate(count);
        }
        groups.sort_unstable_by(order);
        groups
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_groups_are_exact() {
        let mut heavy = Heavy::new(4);
        for (key, amount) in [(1, 5), (2, 7), (1, 5), (3, 1)] {
            heavy.add(key, amount);
        }
        assert_eq!(heavy.largest(0), [(1, 10), (2, 7), (3, 1)]);
        assert_eq!(heavy.largest(1), [(1, 10)]);
        assert_eq!((heavy.total(), heavy.error()), (18, 0));
    }

    #[test]
    fn a_million_groups_keep_the_large_ones_and_little_memory() {
        let mut heavy = Heavy::new(1000);
        for number in 0..1_000_000_u32 {
            heavy.add(1000 + number, 1);
            heavy.add(number % 7, 1);
        }
        assert!(heavy.sums.len() <= 1000);
        assert!(heavy.sums.capacity() < 4000);
        let mut first: Vec<_> = heavy.largest(7).iter().map(|(key, _)| *key).collect();
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2, 3, 4, 5, 6]);
        for (key, sum) in heavy.largest(7) {
            assert!(sum <= 142_858 && sum + heavy.error() >= 142_857, "{key}");
        }
        assert_eq!(heavy.total(), 2_000_000);
    }

    proptest! {
        #[test]
        fn bounds_hold(adds in proptest::collection::vec((0_u8..40, 1_u64..100), 0..400)) {
            let mut heavy = Heavy::new(8);
            let mut exact = HashMap::new();
            for (key, amount) in adds {
                heavy.add(key, amount);
                *exact.entry(key).or_insert(0) += amount;
            }
            for (key, sum) in exact {
                let known = heavy.get(&key).unwrap_or_default();
                prop_assert!(known <= sum && sum <= known + heavy.error(), "{}", key);
            }
        }
    }
}
