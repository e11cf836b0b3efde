//! The lines that the harness prints and `cargo xtask test` reads.

use std::fmt;

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

/// One line: a case, how it ended, how much it compared.
///
/// ```text
/// test service_round_trip ... ok
/// test option_matrix ... ok (612 compared, 0 different)
/// test masquerade ... skipped: this kernel has no NAT
/// test restore ... FAILED
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The case.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Comparisons, and how many of them differed.
    pub counts: (u64, u64),
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test {} ... ", self.name)?;
        match &self.verdict {
            Verdict::Passed => f.write_str("ok")?,
            Verdict::Failed => f.write_str("FAILED")?,
            Verdict::Skipped(reason) => return write!(f, "skipped: {reason}"),
        }
        match self.counts {
            (0, _) => Ok(()),
            (compared, different) => write!(f, " ({compared} compared, {different} different)"),
        }
    }
}

impl Record {
    /// Reads the line back; `None` when it is another line.
    pub fn read(line: &str) -> Option<Self> {
        let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let name = name.to_owned();
        if let Some(reason) = verdict.strip_prefix("skipped: ") {
            return Some(Self { name, verdict: Verdict::Skipped(reason.into()), counts: (0, 0) });
        }
        let (word, rest) = verdict.split_once(' ').unwrap_or((verdict, ""));
        let verdict = match word {
            "ok" => Verdict::Passed,
            "FAILED" => Verdict::Failed,
            _ => return None,
        };
        let mut counts = rest.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
        let counts = (counts.next().unwrap_or(0), counts.next().unwrap_or(0));
        Some(Self { name, verdict, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        for (verdict, counts) in [
            (Verdict::Passed, (0, 0)),
            (Verdict::Passed, (612, 0)),
            (Verdict::Failed, (612, 3)),
            (Verdict::Failed, (0, 0)),
            (Verdict::Skipped("no NAT ... here".into()), (0, 0)),
        ] {
            let record = Record { name: "a_case".into(), verdict, counts };
            assert_eq!(Record::read(&record.to_string()), Some(record));
        }
    }

    #[test]
    fn other_lines_are_not_records() {
        for line in ["", "running 3 tests", "test result: ok. 3 passed", "test x ... bench"] {
            assert_eq!(Record::read(line), None, "{line}");
        }
    }
}
