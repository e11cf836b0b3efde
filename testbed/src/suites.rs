//! Runs test programs one after the other, inside a kernel.

use std::{path::PathBuf, process::Command};

use serde::{Deserialize, Serialize};

use crate::{Context, Result};

/// A test program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Suite {
    /// What it is called: package and target.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Where it is run, its package's folder.
    pub folder: PathBuf,
}

/// Starts the line that names the suite whose lines follow.
pub const HEADING: &str = "suite ";
/// The line after which nothing follows: without it the kernel has died on the way.
pub const END: &str = "end of the suites";

impl Suite {
    /// What is left to filter by: a suite that is named by the filter itself is run whole.
    pub fn filter<'f, 'w>(&self, filter: &'f [&'w str]) -> &'f [&'w str] {
        if filter.iter().any(|word| self.name.contains(word)) { &[] } else { filter }
    }
}

/// Runs the suites of a list, which is JSON; 0 when every one ended well.
pub fn run(list: &str, filter: &[&str]) -> Result<i32> {
    let suites: Vec<Suite> =
        serde_json::from_str(list).context(|| "cannot read the list of suites".into())?;
    let mut code = 0;
    for suite in suites {
        println!("{HEADING}{}", suite.name);
        let status = Command::new(&suite.program)
            .args(suite.filter(filter))
            .current_dir(&suite.folder)
            .status()
            .context(|| format!("cannot run {}", suite.program.display()))?;
        if !status.success() {
            code = 1;
        }
    }
    println!("{END}");
    Ok(code)
}
