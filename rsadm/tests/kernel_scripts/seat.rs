//! Puts a program at `/sbin/ipvsadm`, for the case's own processes alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, mount, mount_bind};
use testbed::harness::Context;

use super::Result;

const SEAT: &str = "/sbin/ipvsadm";

/// Which program is at `/sbin/ipvsadm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Reference,
    Ours,
}

impl Tool {
    pub(crate) const BOTH: [Self; 2] = [Self::Reference, Self::Ours];
}

/// The place where scripts look for ipvsadm.
pub(crate) struct Seat<'a> {
    ctx: &'a Context,
    reference: PathBuf,
}

impl<'a> Seat<'a> {
    pub(crate) fn new(ctx: &'a Context) -> Result<Self> {
        let reference = fs::canonicalize(ctx.reference("ipvsadm").get_program())?;
        cover("/sbin", &["ipvsadm"])?;
        Ok(Self { ctx, reference })
    }

    /// Puts a program there.
    pub(crate) fn give(&self, tool: Tool) -> Result<()> {
        if Path::new(SEAT).symlink_metadata().is_ok() {
            fs::remove_file(SEAT)?;
        }
        let program = match tool {
            Tool::Reference => &self.reference,
            Tool::Ours => Path::new(env!("CARGO_BIN_EXE_rsadm")),
        };
        symlink(program, SEAT)?;
        // Comparisons would prove nothing if both runs met the same program.
        let version = self.ctx.capture(Command::new(SEAT).arg("-v"))?.success()?.out();
        self.ctx.equal(&version, &(tool == Tool::Ours), &version.contains("rsadm"));
        Ok(())
    }

    /// A file of Debian's package, by its path in it.
    pub(crate) fn packaged(&self, path: &str) -> PathBuf {
        // The program is `ROOT/sbin/ipvsadm`.
        let root = self.reference.ancestors().nth(2).unwrap_or(Path::new("/"));
        root.join(path)
    }

    /// What the reference prints, whoever has the seat.
    pub(crate) fn reference(&self, words: &[&str]) -> Result<String> {
        Ok(self.ctx.capture(Command::new(&self.reference).args(words))?.success()?.out())
    }

    /// Makes the table that these lines of `-R` describe.
    pub(crate) fn make_table(&self, script: &str) -> Result<()> {
        self.reference(&["-C"])?;
        let made = self.ctx.capture_with(Command::new(&self.reference).arg("-R"), script)?;
        if made.code() != 0 || !made.stderr.is_empty() {
            return self.ctx.fail(format!("no table from {script}: {}", made.err()));
        }
        Ok(())
    }
}

/// Covers a folder by one with the same entries, but without some: what is written there from now
/// on stays in the case.
pub(crate) fn cover(folder: &str, without: &[&str]) -> Result<()> {
    let folder = fs::canonicalize(folder)?;
    let name = folder.display().to_string().replace('/', "-");
    let original = Path::new("/run/covered").join(name);
    fs::create_dir_all(&original)?;
    mount_bind(&folder, &original)?;
    mount("tmpfs", &folder, "tmpfs", MountFlags::empty(), Some(c"mode=755"))?;
    for entry in fs::read_dir(&original)? {
        let entry = entry?;
        if without.iter().any(|name| entry.file_name() == **name) {
            continue;
        }
        let target = if entry.file_type()?.is_symlink() {
            fs::read_link(entry.path())?
        } else {
            entry.path()
        };
        symlink(target, folder.join(entry.file_name()))?;
    }
    Ok(())
}
