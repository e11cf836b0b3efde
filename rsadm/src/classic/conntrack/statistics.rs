//! Counters of each processor.

use conntrack::{CpuExpectationStatistics, CpuStatistics};

use crate::classic::Line;

/// Appends what a processor counted, with the newline.
///
/// Counters that conntrack does not know are called by their number: `unknown1` is the first.
pub fn cpu(line: &mut Line, statistics: &CpuStatistics) {
    push_cpu(line, statistics.cpu);
    for (counter, value) in &statistics.counters {
        if let Some(name) = counter.name() {
            line.text(name);
        } else {
            line.text("unknown");
            line.number(counter.0.saturating_sub(15));
        }
        line.byte(b'=');
        line.number(*value);
        line.byte(b' ');
    }
    line.byte(b'\n');
}

/// Appends what a processor counted of expectations, with the newline.
pub fn expectations(line: &mut Line, statistics: &CpuExpectationStatistics) {
    push_cpu(line, statistics.cpu);
    for (name, value) in [
        ("expect_new=", statistics.new),
        ("expect_create=", statistics.create),
        ("expect_delete=", statistics.delete),
    ] {
        if let Some(value) = value {
            line.text(name);
            line.number(value);
            line.byte(b' ');
        }
    }
    line.byte(b'\n');
}

fn push_cpu(line: &mut Line, cpu: u16) {
    line.text("cpu=");
    line.left::<4>(cpu.into());
    line.byte(b'\t');
}

#[cfg(test)]
mod tests {
    use conntrack::Counter;

    use super::*;

    #[test]
    fn counters_in_the_kernels_order() {
        let counters = vec![(Counter::FOUND, 7), (Counter::CHAIN_TOO_LONG, 0), (Counter(16), 1)];
        let mut line = Line::default();
        cpu(&mut line, &CpuStatistics { cpu: 3, counters });
        assert_eq!(line.bytes(), b"cpu=3   \tfound=7 chaintoolong=0 unknown1=1 \n");
    }

    #[test]
    fn counters_of_expectations() {
        let statistics =
            CpuExpectationStatistics { cpu: 12, new: Some(1), create: Some(2), delete: None };
        let mut line = Line::default();
        expectations(&mut line, &statistics);
        assert_eq!(line.bytes(), b"cpu=12  \texpect_new=1 expect_create=2 \n");
    }
}
