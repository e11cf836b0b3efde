//! Flows that a dump shows a second time.
//!
//! With each datagram the kernel goes on behind the last flow that it has shown. If that flow has
//! ended by then, it does not find the place any more and shows the whole bucket again.

/// No bucket of the kernel's table holds more flows (`MAX_CHAINLEN`).
const LONGEST: usize = 80;

/// More than a datagram has room for.
const MOST: usize = 256;

/// The ids that a dump has shown lately.
#[derive(Debug)]
pub(crate) struct Repeats {
    datagram: u64,
    /// Those at the end of the datagram before.
    before: Vec<u32>,
    /// Those of this one.
    now: Vec<u32>,
}

impl Repeats {
    pub(crate) fn new() -> Self {
        let room = || Vec::with_capacity(MOST);
        Self { datagram: 0, before: room(), now: room() }
    }

    /// Whether the flow of this id, in this datagram, was shown at the end of the one before.
    #[inline]
    pub(crate) fn has(&mut self, datagram: u64, id: Option<u32>) -> bool {
        let Some(id) = id else { return false };
        if datagram != self.datagram {
            self.turn(datagram);
        }
        let is_repeated = self.now.len() < LONGEST && self.before.contains(&id);
        self.now.push(id);
        is_repeated
    }

    #[cold]
    fn turn(&mut self, datagram: u64) {
        self.datagram = datagram;
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
        self.before.drain(..self.before.len().saturating_sub(LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(datagrams: &[&[u32]]) -> Vec<u32> {
        let mut repeats = Repeats::new();
        let all = datagrams
            .iter()
            .zip(1..)
            .flat_map(|(ids, datagram)| ids.iter().map(move |id| (datagram, *id)));
        all.filter(|(datagram, id)| !repeats.has(*datagram, Some(*id))).map(|(_, id)| id).collect()
    }

    #[test]
    fn a_bucket_that_is_shown_again_is_passed_over() {
        assert_eq!(shown(&[&[1, 2, 3], &[4, 5]]), [1, 2, 3, 4, 5]);
        // 4 has ended, 9 has come, and the bucket of 2, 3 and 4 is shown again.
        assert_eq!(shown(&[&[1, 2, 3, 4], &[9, 2, 3, 5], &[6]]), [1, 2, 3, 4, 9, 5, 6]);
    }

    #[test]
    fn only_the_end_of_the_last_datagram_counts() {
        assert_eq!(shown(&[&[1], &[2], &[1]]), [1, 2, 1], "ids are reused");
        let many: Vec<u32> = (0..200).collect();
        assert_eq!(shown(&[&many, &[0, 119, 120, 199]]).len(), 202);
    }

    #[test]
    fn flows_without_an_id_are_no_repeats() {
        let mut repeats = Repeats::new();
        assert!(!repeats.has(1, None) && !repeats.has(2, None));
    }
}
