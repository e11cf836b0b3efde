//! Unpacks Debian packages into a folder of ours, through a private apt set-up.
//!
//! The machine's package lists, cache and database are neither read nor changed, and nothing
//! needs root. Only the address of the mirror is taken from the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Context, Error, Layout, Result, process};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The file that says what a folder was made from.
const RECIPE: &str = "recipe";

/// Where a package's libraries are.
pub(crate) const LIBRARY_FOLDERS: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];

/// Packages of one suite that are unpacked together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Set<'a> {
    /// The folder's name under `target/testbed`.
    pub(crate) name: &'a str,
    /// The suite that they come from.
    pub(crate) suite: &'a str,
    /// The packages, none of their dependencies added.
    pub(crate) packages: &'a [&'a str],
    /// The programs in them that are wanted: by which name, and where they are.
    pub(crate) programs: &'a [(&'a str, &'a str)],
}

impl Set<'_> {
    /// The folder with the unpacked packages; fetches them when it is not there yet.
    ///
    /// `finish` prepares the fresh folder before it gets its name, so that a folder of that name
    /// is complete.
    pub(crate) fn fetch(
        &self,
        layout: &Layout,
        finish: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = layout.unpacked(self.name);
        if self.is_in(&folder) {
            return Ok(folder);
        }
        let _lock = layout.lock()?;
        if self.is_in(&folder) {
            return Ok(folder);
        }
        eprintln!("fetching {} from Debian {} ...", self.packages.join(", "), self.suite);
        let fresh = layout.unpacked(&format!("{}.part", self.name));
        let apt = layout.unpacked(&format!("{}.apt", self.name));
        let result = self.unpack(&apt, &fresh).and_then(|()| finish(&fresh));
        drop(fs::remove_dir_all(&apt));
        if let Err(error) = result {
            drop(fs::remove_dir_all(&fresh));
            return Err(Error::new(format!("cannot fetch {}: {error}", self.name)));
        }
        drop(fs::remove_dir_all(&folder));
        fs::rename(&fresh, &folder).context(|| format!("cannot name {}", folder.display()))?;
        Ok(folder)
    }

    /// Whether the folder holds this set, as it is described today.
    fn is_in(&self, folder: &Path) -> bool {
        fs::read_to_string(folder.join(RECIPE)).is_ok_and(|recipe| recipe == format!("{self:?}"))
    }

    fn unpack(&self, apt: &Path, fresh: &Path) -> Result<()> {
        require_programs()?;
        for folder in [apt, fresh] {
            if folder.exists() {
                fs::remove_dir_all(folder)
                    .context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        let archives = apt.join("archives");
        for folder in [fresh, &archives, &apt.join("lists/partial"), &apt.join("cache")] {
            fs::create_dir_all(folder).context(|| format!("cannot make {}", folder.display()))?;
        }
        let config = self.configure(apt)?;
        apt_get(&config, apt, &["update"])?;
        let mut download = vec!["download"];
        download.extend(self.packages);
        apt_get(&config, &archives, &download)?;
        for archive in fs::read_dir(&archives).context(|| "cannot list the packages".into())? {
            let archive = archive.context(|| "cannot list the packages".into())?.path();
            process::capture(Command::new("dpkg").arg("-x").arg(&archive).arg(fresh))?.success()?;
        }
        fs::write(fresh.join(RECIPE), format!("{self:?}")).context(|| "cannot write".into())
    }

    /// Writes the private apt configuration and answers where it is.
    fn configure(&self, apt: &Path) -> Result<PathBuf> {
        let here = apt.display();
        let mirror = mirror()?;
        let sources =
            format!("deb [arch=amd64 signed-by={KEYRING}] {mirror} {} main\n", self.suite);
        let config = format!(
            "Dir::Etc::SourceList \"{here}/sources.list\";\n\
             Dir::Etc::SourceParts \"/dev/null\";\n\
             Dir::Etc::Preferences \"/dev/null\";\n\
             Dir::Etc::PreferencesParts \"/dev/null\";\n\
             Dir::State \"{here}\";\n\
             Dir::State::Lists \"{here}/lists\";\n\
             Dir::State::Status \"{here}/status\";\n\
             Dir::Cache \"{here}/cache\";\n\
             APT::Architecture \"amd64\";\n\
             APT::Architectures \"amd64\";\n\
             APT::Sandbox::User \"\";\n\
             APT::Update::Post-Invoke-Success \"\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
             Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled \"false\";\n"
        );
        let path = apt.join("apt.conf");
        for (path, text) in [
            (apt.join("sources.list"), sources.as_str()),
            (apt.join("status"), ""),
            (path.clone(), config.as_str()),
        ] {
            fs::write(&path, text).context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(path)
    }
}

/// Says which of the programs and files that fetching needs this machine lacks.
fn require_programs() -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(Error::new(format!(
            "Debian builds user-mode-linux for x86_64, this machine is {}: use `--kernel host`",
            std::env::consts::ARCH
        )));
    }
    let mut missing: Vec<&str> =
        ["apt-get", "dpkg"].into_iter().filter(|program| !process::on_path(program)).collect();
    if !Path::new(KEYRING).is_file() {
        missing.push(KEYRING);
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!(
        "this machine lacks {}: on Debian and its relatives install apt, dpkg and \
         debian-archive-keyring; elsewhere use `--kernel host` (root, and a kernel with ip_vs)",
        missing.join(", ")
    )))
}

fn apt_get(config: &Path, folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.env("APT_CONFIG", config).env("LC_ALL", "C").current_dir(folder).arg("-q");
    // Without this a suite that cannot be reached is only a warning.
    command.args(["-o", "APT::Update::Error-Mode=any"]).args(arguments);
    let captured = process::capture(&mut command)?;
    if captured.status.success() {
        return Ok(());
    }
    let said = captured.err();
    let reason = said.lines().find(|line| line.starts_with("E:")).unwrap_or(said.trim());
    Err(Error::new(format!(
        "`apt-get {}` against {} failed ({reason}): check that this machine reaches the mirror, \
         or use `--kernel host`",
        arguments.join(" "),
        mirror()?
    )))
}

/// The Debian mirror that this machine uses.
fn mirror() -> Result<String> {
    let folder = Path::new("/etc/apt/sources.list.d");
    let parts = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = [PathBuf::from("/etc/apt/sources.list")].into_iter().chain(parts);
    let texts: Vec<_> = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
    texts.iter().find_map(|text| mirror_in(text)).ok_or_else(|| {
        Error::new(
            "apt knows no Debian mirror to take the kernels from: name one in \
             /etc/apt/sources.list, or use `--kernel host`",
        )
    })
}

/// The first Debian mirror that a file of apt's sources names, in either of its two formats.
fn mirror_in(sources: &str) -> Option<String> {
    let lines = sources.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(str::split_whitespace).map(|word| word.trim_end_matches('/'));
    let mut mirrors = words.filter(|word| word.starts_with("http") && word.ends_with("/debian"));
    mirrors.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_found_in_both_formats() {
        let lines = "# deb http://old.example/debian bookworm main\n\
            deb http://security.example/debian-security bookworm-security main\n\
            deb [arch=amd64] https://mirror.example/debian/ bookworm main\n";
        assert_eq!(mirror_in(lines).as_deref(), Some("https://mirror.example/debian"));
        let stanza = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n";
        assert_eq!(mirror_in(stanza).as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(mirror_in("deb http://mirror.example/ubuntu noble main\n"), None);
    }
}
