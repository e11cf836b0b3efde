//! The kernels to boot: Debian's user-mode-linux of three suites.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
};

use crate::{
    Context, Error, Layout, Result,
    packages::{LIBRARY_FOLDERS, Set},
    tools::Tools,
};

/// A kernel to boot, by the version that its suite had when this was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Debian 12's: iptables-legacy's nat table, the oldest attributes.
    V6_1,
    /// Debian 13's: as 6.1, and 64-bit statistics of IPVS as today.
    V6_12,
    /// Debian unstable's: no NAT, IPVS's table grows as needed.
    V7_2,
}

impl Kernel {
    /// Every kernel, oldest first.
    pub const ALL: [Self; 3] = [Self::V6_1, Self::V6_12, Self::V7_2];

    /// The version as people say it.
    pub fn version(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::V7_2 => "7.2",
        }
    }

    fn suite(self) -> &'static str {
        match self {
            Self::V6_1 => "bookworm",
            Self::V6_12 => "trixie",
            Self::V7_2 => "sid",
        }
    }

    /// The kernel, ready to boot; fetches it the first time.
    pub fn fetch(self, layout: &Layout, tools: &Tools) -> Result<Installed> {
        let set = Set {
            name: &format!("kernel-{}", self.version()),
            suite: self.suite(),
            packages: &["user-mode-linux", "libc6"],
            programs: &[("linux", "usr/bin/linux.uml")],
        };
        let folder = set.fetch(layout, |fresh| self.finish(fresh, layout, tools))?;
        let modules = folder.join("usr/lib/uml/modules");
        let release = fs::read_dir(&modules)
            .context(|| format!("cannot list {}", modules.display()))?
            .find_map(|entry| entry.ok()?.file_name().into_string().ok())
            .ok_or_else(|| Error::new(format!("no modules in {}", modules.display())))?;
        if !release.starts_with(&format!("{}.", self.version())) {
            eprintln!("Debian {} now has {release}, not {self}: using that", self.suite());
        }
        Ok(Installed { kernel: self, linux: folder.join("linux"), release, modules: folder })
    }

    /// Makes the program run with the C library of its own suite, and its modules visible to
    /// `modprobe -d`.
    fn finish(self, fresh: &Path, layout: &Layout, tools: &Tools) -> Result<()> {
        let linux = fresh.join("linux");
        fs::copy(fresh.join("usr/bin/linux.uml"), &linux)
            .context(|| "cannot copy linux.uml".into())?;
        let home = layout.unpacked(&format!("kernel-{}", self.version()));
        tools.bind_to_libraries(&linux, fresh, &home)?;
        fs::create_dir_all(fresh.join("lib")).context(|| "cannot make lib".into())?;
        std::os::unix::fs::symlink("../usr/lib/uml/modules", fresh.join("lib/modules"))
            .context(|| "cannot link lib/modules".into())
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.version())
    }
}

impl FromStr for Kernel {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kernel| kernel.version() == text)
            .ok_or_else(|| format!("no kernel {text}: there are 6.1, 6.12 and 7.2"))
    }
}

/// A kernel that is ready to boot.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Which one.
    pub kernel: Kernel,
    /// Its full release, as `uname -r` says it.
    pub release: String,
    /// The program to run.
    pub linux: PathBuf,
    /// What `modprobe -d` takes.
    pub modules: PathBuf,
}

/// The folders of `root` that hold libraries, for an rpath.
pub(crate) fn library_path(root: &Path) -> String {
    LIBRARY_FOLDERS.map(|folder| root.join(folder).display().to_string()).join(":")
}

/// Runs a program of `root` with the loader and libraries of `root`.
pub(crate) fn with_libraries_of(root: &Path, program: &Path) -> Result<Command> {
    let loader = loader_of(root)?;
    let mut command = Command::new(root.join(loader));
    command.arg("--library-path").arg(library_path(root)).arg(program);
    Ok(command)
}

/// Where `root` has its loader, relative to it.
pub(crate) fn loader_of(root: &Path) -> Result<String> {
    library_in(root, "ld-linux-x86-64.so.2")
        .ok_or_else(|| Error::new(format!("no dynamic loader under {}", root.display())))
}

/// Where `root` has a library, relative to it.
pub(crate) fn library_in(root: &Path, name: &str) -> Option<String> {
    let places = LIBRARY_FOLDERS.map(|folder| format!("{folder}/{name}"));
    places.into_iter().find(|place| root.join(place).exists())
}
