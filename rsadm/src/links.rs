//! `rsadm links`: the names under which rsadm is another tool.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::failure::{Failure, Result};

/// The tools that rsadm stands in for.
const TOOLS: [&str; 3] = ["bridge", "conntrack", "ipvsadm"];

/// Makes the links that are not there yet; nothing that is there is overwritten.
pub(crate) fn make(directory: &Path) -> Result<()> {
    let program = env::current_exe()
        .map_err(|error| Failure::refused(format!("cannot find this program: {error}")))?;
    for tool in TOOLS {
        let link = directory.join(tool);
        match symlink(&program, &link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::canonicalize(&link).ok().as_deref() != Some(&program) {
                    return Err(Failure::refused(format!(
                        "cannot make {}: something else has that name",
                        link.display()
                    ))
                    .hint("remove it first, or choose another directory"));
                }
            }
            result => result.map_err(|error| {
                Failure::refused(format!("cannot make {}: {error}", link.display()))
            })?,
        }
    }
    Ok(())
}
