//! How far work has come, for somebody who waits at a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Work that takes less is not talked about.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two updates.
const INTERVAL: Duration = Duration::from_millis(100);

/// A line on standard error, if that is a terminal, which is rewritten as the work goes on and
/// disappears with its end.
#[derive(Debug)]
pub(crate) struct Progress {
    total: usize,
    things: &'static str,
    done: usize,
    /// When to write next; never where nobody looks.
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Work on so many things.
    pub(crate) fn of(total: usize, things: &'static str) -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + PATIENCE);
        Self { total, things, done: 0, next, shown: false }
    }

    /// So many more are done.
    pub(crate) fn add(&mut self, count: usize) {
        self.done += count;
        let Some(next) = self.next else { return };
        let now = Instant::now();
        if now >= next {
            self.next = Some(now + INTERVAL);
            self.shown = true;
            let line = line(self.done, self.total, self.things);
            _ = write!(io::stderr(), "\r{line}\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(done: usize, total: usize, things: &str) -> String {
    let percent = (done as u128 * 100).checked_div(total as u128).unwrap_or(100);
    format!("{percent:3} %  {done} of {total} {things}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(line(0, 4, "changes"), "  0 %  0 of 4 changes");
        assert_eq!(line(1100, 110_000, "changes"), "  1 %  1100 of 110000 changes");
        assert_eq!(line(4, 4, "changes"), "100 %  4 of 4 changes");
        assert_eq!(line(0, 0, "changes"), "100 %  0 of 0 changes");
    }

    #[test]
    fn nobody_looks_at_a_pipe() {
        let mut progress = Progress { next: None, ..Progress::of(10, "changes") };
        progress.add(5);
        assert!(!progress.shown);
    }

    #[test]
    fn patience_comes_first() {
        let mut progress =
            Progress { next: Some(Instant::now() + PATIENCE), ..Progress::of(10, "x") };
        progress.add(5);
        assert!(!progress.shown && progress.done == 5);
    }
}
