//! ldirectord, the daemon that keeps IPVS in step with servers that answer, and the Perl that it
//! needs: Debian's own, unpacked and never installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Layout, Result, packages::Set, tools::Tools};

const SET: Set<'static> = Set {
    name: "ldirectord",
    suite: "bookworm",
    packages: &[
        "ldirectord",
        // What it loads before it has read its configuration.
        "libclone-perl",
        "libhttp-date-perl",
        "libhttp-message-perl",
        "libio-socket-inet6-perl",
        "libmailtools-perl",
        "libnet-http-perl",
        "libsocket6-perl",
        "libtimedate-perl",
        "libtry-tiny-perl",
        "liburi-perl",
        "libwww-perl",
        // Perl, down to the C library, so that the machine's own does not matter.
        "libc6",
        "libcrypt1",
        "libperl5.36",
        "perl-base",
        "perl-modules-5.36",
    ],
    programs: &[("perl", "usr/bin/perl"), ("ldirectord", "usr/sbin/ldirectord")],
};

/// Where Perl looks for modules.
const MODULES: [&str; 5] = [
    "usr/share/perl5",
    "usr/lib/x86_64-linux-gnu/perl5/5.36",
    "usr/lib/x86_64-linux-gnu/perl-base",
    "usr/lib/x86_64-linux-gnu/perl/5.36.0",
    "usr/share/perl/5.36.0",
];

/// The unpacked daemon.
#[derive(Debug, Clone)]
pub struct Ldirectord {
    root: PathBuf,
}

impl Ldirectord {
    /// Tells kernel tests where it is.
    pub const VARIABLE: &'static str = "RSADM_LDIRECTORD";

    /// The daemon, fetched the first time.
    pub fn fetch(layout: &Layout, tools: &Tools) -> Result<Self> {
        let home = layout.unpacked(SET.name);
        let root = SET.fetch(layout, |fresh| {
            let perl = fresh.join("usr/bin/perl");
            tools.bind_to_libraries(&perl, fresh, &home)
        })?;
        Ok(Self { root })
    }

    /// The daemon that `cargo xtask test` unpacked, inside a kernel test.
    pub fn of_this_test() -> Option<Self> {
        env::var_os(Self::VARIABLE).map(|root| Self { root: root.into() })
    }

    /// Where it is unpacked.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A command that runs it, in the caller's process.
    pub fn command(&self) -> Command {
        let modules = MODULES.map(|folder| self.root.join(folder).display().to_string());
        let mut command = Command::new(self.root.join("usr/bin/perl"));
        command.arg(self.root.join("usr/sbin/ldirectord")).env("PERL5LIB", modules.join(":"));
        // Without it, it executes itself again, by the machine's Perl.
        command.env("PERLIO", "perlio").env("LC_ALL", "C");
        command
    }
}
