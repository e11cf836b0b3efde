//! The tools to build with and to compare with: Debian's own, unpacked and never installed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use crate::{Context, Layout, Result, kernels, packages::Set, process};

const SET: Set<'static> = Set {
    name: "tools",
    suite: "bookworm",
    packages: &[
        // The tools.
        "conntrack",
        "ipset",
        "iptables",
        "iproute2",
        "ipvsadm",
        "kmod",
        "patchelf",
        // Their libraries, down to the C library, so that the machine's own do not matter.
        "libbpf1",
        "libbsd0",
        "libc6",
        "libcap2",
        "libelf1",
        "libgcc-s1",
        "libip4tc2",
        "libip6tc2",
        "libipset13",
        "libkmod2",
        "liblzma5",
        "libmd0",
        "libmnl0",
        "libnetfilter-conntrack3",
        "libnfnetlink0",
        "libnl-3-200",
        "libnl-genl-3-200",
        "libpopt0",
        "libssl3",
        "libstdc++6",
        "libxtables12",
        "libzstd1",
        "zlib1g",
    ],
    programs: &[
        ("bridge", "sbin/bridge"),
        ("conntrack", "usr/sbin/conntrack"),
        ("ip", "bin/ip"),
        ("ip6tables", "usr/sbin/xtables-legacy-multi"),
        ("ip6tables-restore", "usr/sbin/xtables-legacy-multi"),
        ("ip6tables-save", "usr/sbin/xtables-legacy-multi"),
        ("ipset", "usr/sbin/ipset"),
        ("iptables", "usr/sbin/xtables-legacy-multi"),
        ("iptables-restore", "usr/sbin/xtables-legacy-multi"),
        ("iptables-save", "usr/sbin/xtables-legacy-multi"),
        ("ipvsadm", "sbin/ipvsadm"),
        ("lsmod", "bin/kmod"),
        ("modprobe", "bin/kmod"),
    ],
};

/// The unpacked tools.
#[derive(Debug, Clone)]
pub struct Tools {
    root: PathBuf,
}

impl Tools {
    /// The tools, fetched the first time.
    pub fn fetch(layout: &Layout) -> Result<Self> {
        let home = layout.unpacked(SET.name);
        let root = SET.fetch(layout, |fresh| finish(fresh, &home))?;
        Ok(Self { root })
    }

    /// The folder to put on PATH: every tool under its own name.
    pub fn folder(&self) -> PathBuf {
        self.root.join("path")
    }

    /// One tool.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where iptables finds its extensions (`XTABLES_LIBDIR`).
    pub fn iptables_extensions(&self) -> PathBuf {
        self.root.join("usr/lib/x86_64-linux-gnu/xtables")
    }

    /// Makes `program` use the loader and the libraries under `fresh`, which will be called
    /// `home`.
    pub(crate) fn bind_to_libraries(
        &self,
        program: &Path,
        fresh: &Path,
        home: &Path,
    ) -> Result<()> {
        bind(&self.root, program, fresh, home)
    }
}

fn finish(fresh: &Path, home: &Path) -> Result<()> {
    let path = fresh.join("path");
    fs::create_dir(&path).context(|| format!("cannot make {}", path.display()))?;
    let mut bound: Vec<&str> = Vec::new();
    for (name, place) in SET.programs {
        if !bound.contains(place) {
            bind(fresh, &fresh.join(place), fresh, home)?;
            bound.push(place);
        }
        symlink(Path::new("..").join(place), path.join(name))
            .context(|| format!("cannot link {name}"))?;
    }
    Ok(())
}

/// Runs the patchelf of `tools` on `program`.
///
/// Its libraries get their whole paths, as fast to find as installed ones: a search takes some forty
/// calls, which a benchmark would take for the program's own. What libraries need themselves is found
/// by the old kind of rpath.
fn bind(tools: &Path, program: &Path, fresh: &Path, home: &Path) -> Result<()> {
    let patchelf = || kernels::with_libraries_of(tools, &tools.join("usr/bin/patchelf"));
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))
        .context(|| format!("cannot make {} writable", program.display()))?;
    let needed = process::capture(patchelf()?.arg("--print-needed").arg(program))?.success()?;
    // In steps: what patchelf does in one, it mixes up.
    let mut places = patchelf()?;
    for library in needed.out().lines() {
        if let Some(place) = kernels::library_in(fresh, library) {
            places.args(["--replace-needed", library]).arg(home.join(place));
        }
    }
    process::capture(places.arg(program))?.success()?;
    let mut bind = patchelf()?;
    bind.arg("--set-interpreter").arg(home.join(kernels::loader_of(fresh)?));
    bind.args(["--force-rpath", "--set-rpath", &kernels::library_path(home)]).arg(program);
    process::capture(&mut bind)?.success().map(drop)
}
