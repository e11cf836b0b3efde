//! The lines that the harness prints and `cargo xtask test` reads.

use std::{fmt, time::Duration};

/// What a failed case said follows its line, each line after this.
pub const SAID: &str = "  | ";

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It went well.
    Passed,
    /// It did not; what it said is printed apart.
    Failed,
    /// It could not be run, for this reason.
    Skipped(String),
}

/// One line: a case, how it ended, how much it compared, how long it took.
///
/// ```text
/// test service_round_trip ... ok [0.25 s]
/// test option_matrix ... ok (612 compared, 0 different) [41.02 s]
/// test masquerade ... skipped: this kernel has no NAT
/// test restore ... FAILED [1.50 s]
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The case.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Comparisons, and how many of them differed.
    pub counts: (u64, u64),
    /// How long it took, to a hundredth of a second.
    pub time: Duration,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test {} ... ", self.name)?;
        match &self.verdict {
            Verdict::Passed => f.write_str("ok")?,
            Verdict::Failed => f.write_str("FAILED")?,
            Verdict::Skipped(reason) => return write!(f, "skipped: {reason}"),
        }
        if let (compared @ 1.., different) = self.counts {
            write!(f, " ({compared} compared, {different} different)")?;
        }
        write!(f, " [{:.2} s]", self.time.as_secs_f64())
    }
}

impl Record {
    /// Reads the line back; `None` when it is another line.
    pub fn read(line: &str) -> Option<Self> {
        let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let name = name.to_owned();
        if let Some(reason) = verdict.strip_prefix("skipped: ") {
            let verdict = Verdict::Skipped(reason.into());
            return Some(Self { name, verdict, counts: (0, 0), time: Duration::ZERO });
        }
        let (verdict, time) = verdict.strip_suffix(" s]")?.rsplit_once(" [")?;
        let time = Duration::try_from_secs_f64(time.parse().ok()?).ok()?;
        let (word, rest) = verdict.split_once(' ').unwrap_or((verdict, ""));
        let verdict = match word {
            "ok" => Verdict::Passed,
            "FAILED" => Verdict::Failed,
            _ => return None,
        };
        let mut counts = rest.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
        let counts = (counts.next().unwrap_or(0), counts.next().unwrap_or(0));
        Some(Self { name, verdict, counts, time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        for (verdict, counts, hundredths) in [
            (Verdict::Passed, (0, 0), 0),
            (Verdict::Passed, (612, 0), 4102),
            (Verdict::Failed, (612, 3), 1),
            (Verdict::Failed, (0, 0), 100),
            (Verdict::Skipped("no NAT ... here".into()), (0, 0), 0),
        ] {
            let time = Duration::from_millis(hundredths * 10);
            let record = Record { name: "a_case".into(), verdict, counts, time };
            assert_eq!(Record::read(&record.to_string()), Some(record));
        }
    }

    #[test]
    fn other_lines_are_not_records() {
        for line in [
            "",
            "running 3 tests",
            "test result: ok. 3 passed",
            "test x ... bench",
            "test x ... ok",
        ] {
            assert_eq!(Record::read(line), None, "{line}");
        }
    }
}
