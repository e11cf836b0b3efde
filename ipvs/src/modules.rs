//! Which schedulers and persistence engines the kernel has, found without loading any.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::Result;
use crate::lines::read_error;

/// Schedulers of Linux 7.2, and the flags that each gives a meaning, first to third.
const SCHEDULERS: [(&str, &str, &[&str]); 14] = [
    ("rr", "round robin", &[]),
    ("wrr", "weighted round robin", &[]),
    ("lc", "least connections", &[]),
    ("wlc", "weighted least connections", &[]),
    ("lblc", "locality-based least connections", &[]),
    ("lblcr", "locality-based least connections with replication", &[]),
    ("dh", "hash of the virtual address", &[]),
    ("sh", "hash of the client's address", &["sh-fallback", "sh-port"]),
    ("sed", "shortest expected delay", &[]),
    ("nq", "idle destination first, else shortest expected delay", &[]),
    ("fo", "highest weight, others as fail-over", &[]),
    ("ovf", "highest weight until its connections reach it, then overflow to the next", &[]),
    ("mh", "Maglev consistent hash of the client's address", &["mh-fallback", "mh-port"]),
    ("twos", "the lesser loaded of two random destinations", &[]),
];

const PERSISTENCE_ENGINES: [(&str, &str, &[&str]); 1] = [("sip", "call id of SIP over UDP", &[])];

/// Where a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Presence {
    /// Part of the kernel itself.
    Builtin,
    /// Loaded.
    Loaded,
    /// On disk; the kernel loads it when a service asks for it.
    Available,
    /// Neither loaded nor on disk.
    Absent,
    /// Not loaded; nothing is known of the disk, as in a container without `/lib/modules`.
    Unknown,
}

impl Presence {
    /// The lower case word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Loaded => "loaded",
            Self::Available => "available",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

/// A scheduler or a persistence engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Module {
    /// The name that services use, such as `rr` or `sip`.
    pub name: String,
    /// The kernel module's name, such as `ip_vs_rr` or `ip_vs_pe_sip`.
    pub module: String,
    /// Where it is.
    pub presence: Presence,
    /// What it does, in a few words; empty for one that this crate does not know.
    pub description: String,
    /// What the service flags of the scheduler mean to it, first to third.
    pub flags: Vec<String>,
}

/// The modules of IPVS.
///
/// Known are those of Linux 7.2 and whatever else carries the name of one, because by its name the
/// kernel loads it.
///
/// ```no_run
/// for scheduler in ipvs::Modules::read()?.schedulers {
///     println!("{} {}", scheduler.name, scheduler.presence.name());
/// }
/// # Ok::<(), ipvs::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Modules {
    /// IPVS itself, `ip_vs`.
    pub ipvs: Presence,
    /// Schedulers: the known ones, then others by name.
    pub schedulers: Vec<Module>,
    /// Persistence engines: the known ones, then others by name.
    pub persistence_engines: Vec<Module>,
}

impl Modules {
    /// Looks at the running kernel and its modules under `/lib/modules`. Loads nothing and needs
    /// no privilege.
    pub fn read() -> Result<Self> {
        Self::read_under(Path::new("/lib/modules"))
    }

    /// The same with the directory that holds one directory for each kernel release.
    pub fn read_under(modules: &Path) -> Result<Self> {
        let release = read_text("/proc/sys/kernel/osrelease".as_ref())?.unwrap_or_default();
        let directory = modules.join(release.trim());
        Ok(Self::from_texts(
            &read_text("/proc/modules".as_ref())?.unwrap_or_default(),
            read_text(&directory.join("modules.builtin"))?.as_deref(),
            read_text(&directory.join("modules.dep"))?.as_deref(),
        ))
    }

    /// Understands the texts of `/proc/modules`, `modules.builtin` and `modules.dep`.
    pub fn from_texts(loaded: &str, builtin: Option<&str>, available: Option<&str>) -> Self {
        let mut presences = BTreeMap::new();
        // From the weakest to the strongest, so that the strongest stays.
        for line in available.unwrap_or_default().lines() {
            if let Some((path, _)) = line.split_once(':') {
                presences.insert(module_name(path), Presence::Available);
            }
        }
        for line in loaded.lines() {
            let name = line.split(' ').next().unwrap_or_default();
            presences.insert(name.to_owned(), Presence::Loaded);
        }
        for path in builtin.unwrap_or_default().lines() {
            presences.insert(module_name(path), Presence::Builtin);
        }
        presences.retain(|name, _| name.starts_with("ip_vs"));
        let missing = match available {
            Some(_) => Presence::Absent,
            None => Presence::Unknown,
        };
        Self {
            ipvs: presences.remove("ip_vs").unwrap_or(missing),
            persistence_engines: take(&mut presences, missing, "ip_vs_pe_", &PERSISTENCE_ENGINES),
            schedulers: {
                // An application helper, which services do not name.
                presences.remove("ip_vs_ftp");
                take(&mut presences, missing, "ip_vs_", &SCHEDULERS)
            },
        }
    }
}

/// Takes the modules of a prefix: the known ones, present or not, then the others.
fn take(
    presences: &mut BTreeMap<String, Presence>,
    missing: Presence,
    prefix: &str,
    known: &[(&str, &str, &[&str])],
) -> Vec<Module> {
    let mut modules: Vec<_> = known
        .iter()
        .map(|(name, description, flags)| {
            let module = format!("{prefix}{name}");
            Module {
                presence: presences.remove(&module).unwrap_or(missing),
                name: (*name).to_owned(),
                module,
                description: (*description).to_owned(),
                flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            }
        })
        .collect();
    presences.retain(|module, presence| {
        let Some(name) = module.strip_prefix(prefix) else { return true };
        modules.push(Module {
            name: name.to_owned(),
            module: module.clone(),
            presence: *presence,
            description: String::new(),
            flags: Vec::new(),
        });
        false
    });
    modules
}

/// `ip_vs_rr` of `kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split('.').next().unwrap_or_default().replace('-', "_")
}

/// The text of a file; `None` if there is none, or this process may not look for it.
fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(read_error(&path.to_string_lossy(), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADED: &str = include_str!("../tests/golden/6.12/sync/modules");
    const AVAILABLE: &str = include_str!("../tests/golden/6.12/modules.dep");

    fn presence(modules: &[Module], name: &str) -> Presence {
        modules.iter().find(|module| module.name == name).expect("is listed").presence
    }

    #[test]
    fn loaded_and_available_modules_of_a_real_kernel() {
        let modules = Modules::from_texts(LOADED, Some(""), Some(AVAILABLE));
        assert_eq!(modules.ipvs, Presence::Loaded);
        for (name, expected) in [
            ("rr", Presence::Loaded),
            ("lblcr", Presence::Loaded),
            ("fo", Presence::Available),
            ("ovf", Presence::Available),
            ("twos", Presence::Absent),
        ] {
            assert_eq!(presence(&modules.schedulers, name), expected, "{name}");
        }
        assert_eq!(presence(&modules.persistence_engines, "sip"), Presence::Loaded);
        assert_eq!(modules.schedulers.len(), SCHEDULERS.len(), "ip_vs_ftp is no scheduler");
        assert_eq!(modules.persistence_engines.len(), 1);
    }

    #[test]
    fn without_module_files_nothing_is_claimed_to_be_absent() {
        let modules = Modules::from_texts("ip_vs_rr 1 0 - Live 0x0\n", None, None);
        assert_eq!(presence(&modules.schedulers, "rr"), Presence::Loaded);
        assert_eq!(presence(&modules.schedulers, "wlc"), Presence::Unknown);
        assert_eq!(modules.ipvs, Presence::Unknown);
    }

    #[test]
    fn built_in_compressed_and_foreign_modules() {
        let builtin = "kernel/net/netfilter/ipvs/ip_vs.ko\nkernel/net/netfilter/ipvs/ip_vs_rr.ko\n";
        let available = "kernel/net/netfilter/ipvs/ip_vs_wlc.ko.xz: kernel/x.ko.xz\n\
            updates/ip_vs-new.ko.zst:\nupdates/ip_vs_pe_quic.ko.gz:\nkernel/net/ip_vsx/dummy.ko:\n";
        let modules = Modules::from_texts("", Some(builtin), Some(available));
        assert_eq!(modules.ipvs, Presence::Builtin);
        assert_eq!(presence(&modules.schedulers, "rr"), Presence::Builtin);
        assert_eq!(presence(&modules.schedulers, "wlc"), Presence::Available);
        assert_eq!(presence(&modules.schedulers, "lc"), Presence::Absent);
        assert_eq!(presence(&modules.schedulers, "new"), Presence::Available);
        assert_eq!(modules.schedulers.len(), SCHEDULERS.len() + 1);
        assert_eq!(presence(&modules.persistence_engines, "quic"), Presence::Available);
        assert_eq!(modules.persistence_engines[1].module, "ip_vs_pe_quic");
    }

    #[test]
    fn the_running_kernel_can_be_asked_anywhere() {
        let modules = Modules::read().unwrap();
        assert!(modules.schedulers.len() >= SCHEDULERS.len());
        let nowhere = Modules::read_under("/no/such/directory".as_ref()).unwrap();
        assert!(!nowhere.schedulers.iter().any(|module| module.presence == Presence::Absent));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(loaded in ".*", builtin in ".*", available in "([a-z_./:-]*\n)*") {
            let modules = Modules::from_texts(&loaded, Some(&builtin), Some(&available));
            assert!(modules.schedulers.len() >= SCHEDULERS.len());
        }
    }
}
