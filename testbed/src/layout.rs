//! Where the test bed keeps its files.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::{Context, Error, Result};

/// The folders of the test bed, all of them under cargo's target folder.
#[derive(Debug, Clone)]
pub struct Layout {
    programs: PathBuf,
    root: PathBuf,
}

impl Layout {
    /// Finds the folders from the running program, which cargo put into `target/PROFILE`.
    pub fn of_this_program() -> Result<Self> {
        let program = std::env::current_exe()
            .and_then(fs::canonicalize)
            .context(|| "cannot find the running program".into())?;
        let programs = program.parent().unwrap_or(Path::new("/")).to_path_buf();
        let target = programs.parent().unwrap_or(Path::new("/"));
        Ok(Self { root: target.join("testbed"), programs })
    }

    /// Cargo's folder of built programs, `target/debug` as a rule.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// A program that cargo has built.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.programs.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::new(format!(
            "{} is missing: run `cargo build --bin {name}` first",
            path.display()
        )))
    }

    /// Where a set of unpacked packages lives.
    pub fn unpacked(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Keeps other runs from fetching the same packages at the same time.
    pub(crate) fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.root)
            .context(|| format!("cannot make {}", self.root.display()))?;
        let path = self.root.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .context(|| format!("cannot open {}", path.display()))?;
        file.lock().context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }
}
