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
use line::Line;

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
    let mut lines = Lines::of(input);
    // Memory for one line at a time.
    let (mut found, mut last) = (Vec::new(), Last::default());
    let (mut items, mut problems) = (Vec::new(), Problems::default());
    while let Some(next) =
        lines.next(|text, words| Line::read(text, words, &mut found)?.change(names, &mut last))
    {
        match next {
            Ok((line, change)) => items.push(Item { line, change }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.total == 0 { Ok(items) } else { Err(problems) }
}

#[cfg(test)]
mod tests;
