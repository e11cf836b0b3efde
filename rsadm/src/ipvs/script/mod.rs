//! The text format of `ipvsadm -S`, which `rsadm ipvs save` writes and `rsadm ipvs restore` reads.
//!
//! A script is a list of changes, one a line, in the words of ipvsadm's command line: `-A` adds a
//! service, `-a` a destination, and so on. [`parse`] checks a whole script before anything is done
//! with it and names the place of every mistake. It has no state outside its arguments and never
//! panics, whatever the input.
//!
//! ```
//! use rsadm::ipvs::script;
//!
//! let items = script::parse(b"-A -t 10.0.0.1:80 -s rr # web\n", &script::Numeric).unwrap();
//! assert_eq!(items[0].line, 1);
//!
//! let problems = script::parse(b"\n-A -t 10.0.0.1:http\n", &script::Numeric).unwrap_err();
//! assert!(problems.to_string().starts_with("2:7: 'http' is neither a port"));
//! ```

use ipvs::Change;

pub use super::values::{Names, Numeric};
use crate::script::Lines;
pub use crate::script::{Problem, Problems};

mod build;
mod line;
pub mod write;

use build::Last;
use line::{Found, Line};

/// A change and the line that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Line number from 1.
    pub line: usize,
    /// What to do.
    pub change: Change,
}

impl AsRef<Change> for Item {
    fn as_ref(&self) -> &Change {
        &self.change
    }
}

/// Reads a script; `names` turns names of hosts and ports into numbers.
pub fn parse(input: &[u8], names: &dyn Names) -> Result<Vec<Item>, Problems> {
    let mut items = Vec::new();
    read(input, names, |item| items.push(item))?;
    Ok(items)
}

/// Checks a script and counts its changes.
pub fn check(input: &[u8], names: &dyn Names) -> Result<usize, Problems> {
    let mut count = 0;
    read(input, names, |_| count += 1)?;
    Ok(count)
}

fn read(input: &[u8], names: &dyn Names, mut take: impl FnMut(Item)) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for change in Changes::of(input, names) {
        match change {
            Ok(item) => take(item),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.total == 0 { Ok(()) } else { Err(problems) }
}

/// The changes of a script, line by line.
pub(crate) struct Changes<'a> {
    lines: Lines<'a>,
    names: &'a dyn Names,
    /// Memory for one line at a time.
    found: Vec<Found>,
    last: Last,
}

impl<'a> Changes<'a> {
    /// Reads a script.
    pub(crate) fn of(input: &'a [u8], names: &'a dyn Names) -> Self {
        Self { lines: Lines::of(input), names, found: Vec::new(), last: Last::default() }
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Item, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { lines, names, found, last } = self;
        let next =
            lines.next(|text, words| Line::read(text, words, found)?.change(*names, last))?;
        Some(next.map(|(line, change)| Item { line, change }))
    }
}

#[cfg(test)]
mod tests;
