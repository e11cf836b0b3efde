//! The sysctls of connection tracking, `net.netfilter.nf_conntrack_*`.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use rsadm_netlink::Namespace;

use crate::{Error, Request, Result};

/// Where they are.
const DIRECTORY: &str = "/proc/sys/net/netfilter";

/// What their names begin with.
const PREFIX: &str = "nf_conntrack_";

/// The sysctls of connection tracking in a network namespace: its timeouts and switches, and how large
/// the table may get. Reading them takes no privilege.
///
/// ```no_run
/// use conntrack::{Namespace, Sysctls};
/// let sysctls = Sysctls::read(&Namespace::Current)?;
/// println!("{:?} of {:?} flows", sysctls.count(), sysctls.max());
/// # Ok::<(), conntrack::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[doc(alias = "net.netfilter")]
pub struct Sysctls {
    /// Values by name, `nf_conntrack_` taken off.
    values: BTreeMap<String, String>,
}

impl Sysctls {
    /// Reads those of a network namespace. There are none where connection tracking is not loaded.
    pub fn read(namespace: &Namespace) -> Result<Self> {
        let read = namespace.run(|| read_directory(Path::new(DIRECTORY)));
        let read = read.map_err(|error| Error::of(Request::ReadSysctls, error))?;
        let failed = |source| Error::File { path: DIRECTORY.into(), source };
        read.map(Self::from_values).map_err(failed)
    }

    /// Takes values by name, such as those saved on another host. What is not of connection
    /// tracking is left out.
    ///
    /// ```
    /// let sysctls = conntrack::Sysctls::from_values([
    ///     ("nf_conntrack_max".to_owned(), "262144\n".to_owned()),
    ///     ("nf_log_all_netns".to_owned(), "0\n".to_owned()),
    /// ]);
    /// assert_eq!(sysctls.max(), Some(262_144));
    /// assert_eq!(sysctls.iter().count(), 1);
    /// ```
    pub fn from_values(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |(name, value): (String, String)| {
            Some((name.strip_prefix(PREFIX)?.to_owned(), value.trim().to_owned()))
        };
        Self { values: values.into_iter().filter_map(ours).collect() }
    }

    /// A value by its name, `nf_conntrack_` taken off: `tcp_timeout_established`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A value as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Names without `nf_conntrack_`, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Flows of the network namespace.
    #[doc(alias = "nf_conntrack_count")]
    pub fn count(&self) -> Option<u64> {
        self.number("count")
    }

    /// The most flows that any one network namespace may have.
    #[doc(alias = "nf_conntrack_max")]
    pub fn max(&self) -> Option<u64> {
        self.number("max")
    }

    /// Buckets of the hash table, which all network namespaces share.
    #[doc(alias = "nf_conntrack_buckets")]
    pub fn buckets(&self) -> Option<u64> {
        self.number("buckets")
    }

    /// The most expectations that any one network namespace may have.
    #[doc(alias = "nf_conntrack_expect_max")]
    pub fn expect_max(&self) -> Option<u64> {
        self.number("expect_max")
    }

    /// Whether new flows count packets and bytes.
    #[doc(alias = "nf_conntrack_acct")]
    pub fn counts_packets(&self) -> bool {
        self.number("acct") == Some(1)
    }

    /// Whether new flows know when they began.
    #[doc(alias = "nf_conntrack_timestamp")]
    pub fn keeps_timestamps(&self) -> bool {
        self.number("timestamp") == Some(1)
    }

    /// Whether new flows tell events: 0 never, 1 always, 2 while somebody listens (Linux 5.19).
    #[doc(alias = "nf_conntrack_events")]
    pub fn events(&self) -> Option<u64> {
        self.number("events")
    }
}

fn read_directory(directory: &Path) -> io::Result<Vec<(String, String)>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut values = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) {
            match fs::read_to_string(entry.path()) {
                Ok(value) => values.push((name, value)),
                // A module was unloaded meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_others_passed_over() {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, value) in
            [("nf_conntrack_max", "7\n"), ("nf_conntrack_events", "2\n"), ("nf_hooks", "1\n")]
        {
            fs::write(directory.path().join(name), value).expect("written");
        }
        fs::create_dir(directory.path().join("nf_log")).expect("made");
        let values = read_directory(directory.path()).expect("read");
        let sysctls = Sysctls::from_values(values);
        assert_eq!(sysctls.iter().collect::<Vec<_>>(), [("events", "2"), ("max", "7")]);
        assert_eq!((sysctls.max(), sysctls.events()), (Some(7), Some(2)));
        assert_eq!((sysctls.count(), sysctls.counts_packets()), (None, false));
    }

    #[test]
    fn without_connection_tracking_there_are_none() {
        let values = read_directory(Path::new("/nonexistent")).expect("none");
        assert_eq!(Sysctls::from_values(values), Sysctls::default());
    }

    #[test]
    fn a_value_of_another_form_is_no_number() {
        let value = ("nf_conntrack_max".to_owned(), "many".to_owned());
        let sysctls = Sysctls::from_values([value]);
        assert_eq!((sysctls.get("max"), sysctls.max()), (Some("many"), None));
    }
}
