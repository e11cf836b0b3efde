//! The command line, as cargo and people know it from the standard harness.

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    /// Only the ignored tests: there are none.
    ignored: bool,
    pub(super) list: bool,
    pub(super) no_capture: bool,
}

/// Options of the standard harness that take a value and change nothing here.
const WITH_VALUE: [&str; 7] =
    ["--format", "--color", "--test-threads", "--logfile", "--shuffle-seed", "-Z", "--report-time"];

impl Arguments {
    pub(super) fn parse(words: impl Iterator<Item = String>) -> Self {
        let mut arguments = Self::default();
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => arguments.list = true,
                "--exact" => arguments.exact = true,
                "--ignored" => arguments.ignored = true,
                "--nocapture" | "--no-capture" => arguments.no_capture = true,
                "--skip" => arguments.skips.extend(words.next()),
                option if WITH_VALUE.contains(&option) => drop(words.next()),
                option if option.starts_with('-') => {}
                _ => arguments.filters.push(word),
            }
        }
        arguments
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        let matches = |filter: &String| {
            if self.exact { name == filter } else { name.contains(filter.as_str()) }
        };
        !self.ignored
            && (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.skips.iter().any(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Arguments {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_is_wanted_by_default() {
        assert!(parse("").wants("anything"));
        assert!(parse("--format terse --test-threads=4 --quiet").wants("anything"));
    }

    #[test]
    fn filters_match_parts_unless_exact() {
        assert!(parse("zero").wants("ipvs_zero_all"));
        assert!(!parse("zero --exact").wants("ipvs_zero_all"));
        assert!(parse("--exact ipvs_zero_all").wants("ipvs_zero_all"));
        assert!(!parse("zero --skip all").wants("ipvs_zero_all"));
        assert!(parse("nothing zero").wants("ipvs_zero_all"));
    }

    #[test]
    fn an_options_value_is_no_filter() {
        assert_eq!(parse("--color always"), Arguments::default());
        assert_eq!(parse("--skip all").skips, ["all"]);
    }

    #[test]
    fn no_case_is_an_ignored_one() {
        assert!(!parse("--ignored").wants("anything"));
    }
}
