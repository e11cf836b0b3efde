//! Counts test results and prints them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use testbed::{
    Result,
    harness::{Record, SAID, Verdict},
    suites::{END, HEADING},
};

/// How many of the cases that took longest are told.
const SLOWEST: usize = 12;

/// How many lines of what a failed case said are told again at the end.
const LINES: usize = 24;

/// The results of one run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Where it ran.
    pub(super) place: String,
    passed: u64,
    failures: Vec<Failure>,
    /// Reasons, and how often.
    skipped: BTreeMap<String, u64>,
    compared: u64,
    different: u64,
    /// How long each case of a kernel took.
    times: Vec<(Duration, String)>,
    /// A run on a kernel of ours in which nothing ran is a failure.
    pub(super) must_run: bool,
    suite: String,
    /// The last case failed, so what follows is why.
    explains: bool,
    ended: bool,
}

/// What failed, and the end of what it said.
#[derive(Debug)]
struct Failure {
    what: String,
    said: VecDeque<String>,
}

impl Tally {
    pub(super) fn new(place: impl Into<String>) -> Self {
        Self { place: place.into(), ..Self::default() }
    }

    pub(super) fn fail(&mut self, what: impl Into<String>) {
        self.failures.push(Failure { what: what.into(), said: VecDeque::new() });
    }

    pub(super) fn skip(&mut self, reason: impl Into<String>, count: u64) {
        *self.skipped.entry(reason.into()).or_default() += count;
    }

    /// Takes a line of the kernel tests' harness.
    pub(super) fn take_harness(&mut self, line: &str) {
        if let Some(suite) = line.strip_prefix(HEADING) {
            suite.clone_into(&mut self.suite);
        } else if line == END {
            self.ended = true;
        } else if let Some(said) = line.strip_prefix(SAID) {
            self.explain(said);
        } else if let Some(record) = Record::read(line) {
            self.explains = record.verdict == Verdict::Failed;
            self.compared += record.counts.0;
            self.different += record.counts.1;
            self.times.push((record.time, format!("{} {}", self.suite, record.name)));
            match record.verdict {
                Verdict::Passed => self.passed += 1,
                Verdict::Failed => self.fail(format!("{} {}", self.suite, record.name)),
                Verdict::Skipped(reason) => self.skip(reason, 1),
            }
        }
    }

    fn explain(&mut self, said: &str) {
        let Some(failure) = self.failures.last_mut().filter(|_| self.explains) else { return };
        if failure.said.len() == LINES {
            failure.said.pop_front();
        }
        failure.said.push_back(said.to_owned());
    }

    /// Takes a line of the standard harness.
    pub(super) fn take_libtest(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += number_before(counts, " passed");
            let ignored = number_before(counts, " ignored");
            if ignored > 0 {
                self.skip("marked as ignored", ignored);
            }
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            self.fail(name);
        }
    }

    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Takes how a run of suites ended: a run that did not reach its end failed.
    pub(super) fn conclude(&mut self, ended: Result<i32>) {
        match ended {
            Err(error) => self.fail(error.to_string()),
            Ok(_) if !self.ended => self.fail("it ended before its last test"),
            Ok(code) if code != 0 && self.failures.is_empty() => {
                self.fail(format!("it ended with status {code}"));
            }
            Ok(_) => {}
        }
    }

    /// How long all cases took one after the other, and those that took longest.
    fn slowest(&self) -> (Duration, Vec<&(Duration, String)>) {
        let mut times: Vec<_> = self.times.iter().collect();
        times.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        times.truncate(SLOWEST);
        (self.times.iter().map(|(time, _)| *time).sum(), times)
    }

    fn skips(&self) -> u64 {
        self.skipped.values().sum()
    }

    fn is_good(&self) -> bool {
        self.failures.is_empty() && !(self.must_run && self.passed == 0)
    }
}

/// The number in front of a word.
fn number_before(text: &str, word: &str) -> u64 {
    let before = text.find(word).map_or("", |end| &text[..end]);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Prints the table, and whether everything is well.
pub(super) fn print(tallies: &[Tally]) -> bool {
    println!("\n{:<24} {:>8} {:>8} {:>8}  comparisons", "", "passed", "failed", "skipped");
    for tally in tallies {
        let comparisons = match tally.compared {
            0 => String::new(),
            compared => format!("{compared} compared, {} different", tally.different),
        };
        let row = format!(
            "{:<24} {:>8} {:>8} {:>8}  {comparisons}",
            tally.place,
            tally.passed,
            tally.failures.len(),
            tally.skips()
        );
        println!("{}", row.trim_end());
    }
    for tally in tallies {
        for (reason, count) in &tally.skipped {
            println!("  {}: {count} skipped: {reason}", tally.place);
        }
    }
    for tally in tallies {
        for failure in &tally.failures {
            println!("  {}: FAILED: {}", tally.place, failure.what);
            for line in &failure.said {
                println!("    {line}");
            }
        }
        if tally.must_run && tally.passed == 0 && tally.failures.is_empty() {
            println!("  {}: FAILED: nothing was run", tally.place);
        }
    }
    for tally in tallies.iter().filter(|tally| !tally.times.is_empty()) {
        let (whole, slowest) = tally.slowest();
        println!("  {}: {:.1} s; the slowest cases:", tally.place, whole.as_secs_f64());
        for (time, name) in slowest {
            println!("    {:>7.1} s  {name}", time.as_secs_f64());
        }
    }
    let sum = |count: fn(&Tally) -> u64| tallies.iter().map(count).sum::<u64>();
    let failed = sum(|tally| (tally.failures.len() as u64).max(u64::from(!tally.is_good())));
    println!(
        "\n{} passed, {failed} failed, {} skipped",
        sum(|tally| tally.passed),
        sum(Tally::skips)
    );
    failed == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_results_add_up() {
        let mut tally = Tally::new("here");
        for line in [
            "test encode::pads ... ok",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished",
            "test decode::stops ... FAILED",
            "test result: FAILED. 7 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            tally.take_libtest(line);
        }
        assert_eq!((tally.passed, tally.skips()), (12, 1));
        assert_eq!(tally.failures[0].what, "decode::stops");
        assert!(!tally.is_good());
    }

    #[test]
    fn harness_results_add_up() {
        let mut tally = Tally::new("6.1");
        for line in [
            "suite ipvs/kernel",
            "test round_trip ... ok [0.25 s]",
            "test matrix ... ok (600 compared, 0 different) [41.00 s]",
            "test nat ... skipped: no NAT",
            "test nat_again ... skipped: no NAT",
            "test broken ... FAILED [1.00 s]",
            "  | test inside ... ok [7.00 s]",
            "test whole ... ok [0.00 s]",
            "  | never told",
            "end of the suites",
        ] {
            tally.take_harness(line);
        }
        assert_eq!((tally.passed, tally.skips(), tally.compared), (3, 2, 600));
        assert_eq!(tally.skipped["no NAT"], 2);
        assert_eq!(tally.failures.len(), 1);
        assert_eq!(tally.failures[0].what, "ipvs/kernel broken");
        assert_eq!(tally.failures[0].said, ["test inside ... ok [7.00 s]"]);
        let (whole, slowest) = tally.slowest();
        assert_eq!(whole, Duration::from_millis(42_250));
        assert_eq!(slowest[0].1, "ipvs/kernel matrix");
        assert!(tally.ended);
    }

    #[test]
    fn nothing_run_is_a_failure_only_where_it_must_run() {
        let mut tally = Tally::new("6.1");
        tally.skip("no such thing", 3);
        assert!(tally.is_good());
        tally.must_run = true;
        assert!(!tally.is_good());
    }
}
