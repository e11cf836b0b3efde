//! The sysctls of IPVS, `net.ipv4.vs.*`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::lines::read_error;
use crate::{Error, Result};

/// Values of `sync_threshold`: which packets of a connection send its state to the backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "sync_threshold")]
pub struct SyncThreshold {
    /// The first packet that does.
    pub first: i32,
    /// How many packets from one to the next.
    pub period: i32,
}

/// A type that a sysctl's text is read as.
trait Value: Sized {
    fn parse(text: &str) -> Option<Self>;
}

impl Value for i32 {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for u64 {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for String {
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for SyncThreshold {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_ascii_whitespace();
        let (first, period) = (i32::parse(numbers.next()?)?, i32::parse(numbers.next()?)?);
        numbers.next().is_none().then_some(Self { first, period })
    }
}

/// Declares the struct, and by the fields' names what reads them.
macro_rules! sysctls {
    ($($(#[$attribute:meta])* $name:ident: $type:ty,)*) => {
        /// The sysctls of a network namespace, under the kernel's own names.
        ///
        /// `None` is a sysctl that the kernel does not have, or one whose value this crate does not
        /// understand; such a value is in [`other`](Self::other), as are the values of sysctls that
        /// this crate does not know. Switches are numbers because the kernel takes any number for
        /// most of them, and shows it.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[doc(alias = "net.ipv4.vs")]
        pub struct Sysctls {
            $(
                $(#[$attribute])*
                #[doc = ""]
                #[doc = concat!("`net.ipv4.vs.", stringify!($name), "`")]
                pub $name: Option<$type>,
            )*
            /// Values that are not understood, by name.
            pub other: BTreeMap<String, String>,
        }

        impl Sysctls {
            /// Takes a value; `false` if the name or the value is not understood.
            fn take(&mut self, name: &str, text: &str) -> bool {
                match name {
                    $(stringify!($name) => {
                        self.$name = Value::parse(text);
                        self.$name.is_some()
                    })*
                    _ => false,
                }
            }
        }
    };
}

sysctls! {
    /// Every how many packets `drop_packet` drops one in its mode 3.
    am_droprate: i32,
    /// Free memory in pages under which the automatic modes of the defences start.
    amemthresh: i32,
    /// Whether a host that runs the backup daemon schedules nothing, so that it can be a
    /// destination too.
    backup_only: i32,
    /// Whether packets of a transparent cache go to their origin while no cache is left.
    cache_bypass: i32,
    /// Entries a bucket of the connection table, as a power of two, -8 to 8. Linux 7.1.
    conn_lfactor: i32,
    /// Most connections. Linux 7.2.
    conn_max: i32,
    /// What to do with a client's port that is used again while its old connection is known: 0
    /// keeps the destination; bit 0 schedules it anew when the old connection is in `TIME_WAIT`, or
    /// its destination is gone and `expire_nodest_conn` set; bit 1 when it is in `FIN_WAIT` too.
    conn_reuse_mode: i32,
    /// Whether connections have netfilter's connection tracking too.
    conntrack: i32,
    /// Verbosity of the kernel's log; in kernels that were built for it.
    debug_level: i32,
    /// Mode of the defence that drops random entries: 0 never, 1 and 2 when memory is short, 3 always.
    drop_entry: i32,
    /// Mode of the defence that drops packets: 0 never, 1 and 2 when memory is short, 3 always.
    drop_packet: i32,
    /// Processors that estimate rates. Linux 6.2.
    est_cpulist: String,
    /// Priority of the threads that estimate rates. Linux 6.2.
    est_nice: i32,
    /// Whether connections expire at once when their destination is gone.
    expire_nodest_conn: i32,
    /// Whether persistence ends for destinations of weight 0.
    expire_quiescent_template: i32,
    /// Whether tunnelled packets to this host are not scheduled.
    ignore_tunneled: i32,
    /// Seconds that an entry of the scheduler `lblc` stays unused; while `ip_vs_lblc` is loaded.
    lblc_expiration: i32,
    /// Seconds that an entry of the scheduler `lblcr` stays unused; while `ip_vs_lblcr` is loaded.
    lblcr_expiration: i32,
    /// Whether a masqueraded destination is told by ICMP that the connection of its packet is not
    /// known.
    nat_icmp_send: i32,
    /// Whether tunnels obey path MTU discovery.
    pmtu_disc: i32,
    /// Whether rates and counters are estimated.
    run_estimation: i32,
    /// Whether ICMP packets of unknown connections are scheduled.
    schedule_icmp: i32,
    /// Mode of the defence by stricter TCP states: 0 never, 1 and 2 when memory is short, 3 always.
    secure_tcp: i32,
    /// Whether SCTP connections are scheduled by any packet, not only by INIT.
    sloppy_sctp: i32,
    /// Whether TCP connections are scheduled by any packet, not only by SYN.
    sloppy_tcp: i32,
    /// Whether packets are routed again after their source was rewritten.
    snat_reroute: i32,
    /// Entries a bucket of the service table, as a power of two, -8 to 8. Linux 7.1.
    svc_lfactor: i32,
    /// Whether backups are told persistence templates in place of connections.
    sync_persist_mode: i32,
    /// Threads and UDP ports of the synchronisation daemons.
    sync_ports: i32,
    /// Most messages that wait to be sent to the backups.
    sync_qlen_max: u64,
    /// Seconds that backups are spared messages of a connection whose state does not change.
    sync_refresh_period: i32,
    /// How often a message to the backups is sent again.
    sync_retries: i32,
    /// Socket buffer of the synchronisation daemons in bytes; 0 is the system's default.
    sync_sock_size: i32,
    /// Which packets of a connection send its state to the backups.
    sync_threshold: SyncThreshold,
    /// Version of the synchronisation protocol.
    sync_version: i32,
}

impl Sysctls {
    /// Understands values by name, such as those saved on another host.
    ///
    /// ```
    /// let sysctls = ipvs::Sysctls::from_values([("conntrack", "1"), ("flux", "9")]);
    /// assert_eq!(sysctls.conntrack, Some(1));
    /// assert_eq!(sysctls.est_nice, None);
    /// assert_eq!(sysctls.other["flux"], "9");
    /// ```
    pub fn from_values<N, V>(values: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str> + Into<String>,
        V: AsRef<str> + Into<String>,
    {
        let mut sysctls = Self::default();
        for (name, value) in values {
            if !sysctls.take(name.as_ref(), value.as_ref().trim()) {
                sysctls.other.insert(name.into(), value.as_ref().trim().to_owned());
            }
        }
        sysctls
    }

    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let failed = |path: &Path, source| read_error(&path.to_string_lossy(), source);
        let entries = fs::read_dir(directory).map_err(|source| failed(directory, source))?;
        let mut values = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| failed(directory, source))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match fs::read(entry.path()) {
                Ok(value) => values.push((name, String::from_utf8_lossy(&value).into_owned())),
                // A scheduler's module was unloaded meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&entry.path(), error)),
            }
        }
        Ok(Self::from_values(values))
    }

    pub(crate) fn write(directory: &Path, name: &str, value: &str) -> Result<()> {
        let path = directory.join(name);
        let failed =
            |source| Error::File { action: "write", path: path.to_string_lossy().into(), source };
        // The name is one of a file in the directory, not a path out of it.
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || name.is_empty()
        {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a sysctl's name")));
        }
        let mut file = fs::OpenOptions::new().write(true).open(&path).map_err(failed)?;
        io::Write::write_all(&mut file, value.as_bytes()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(text: &str) -> Sysctls {
        Sysctls::from_values(text.lines().map(|line| line.split_once(':').unwrap()))
    }

    #[test]
    fn defaults_of_each_kernel_are_all_understood() {
        let old = golden(include_str!("../tests/golden/6.12/mixed/sysctls"));
        let new = golden(include_str!("../tests/golden/7.2/mixed/sysctls"));
        for sysctls in [&old, &new] {
            assert_eq!(sysctls.other, BTreeMap::new());
            assert_eq!(sysctls.am_droprate, Some(10));
            assert_eq!(sysctls.conn_reuse_mode, Some(1));
            assert_eq!(sysctls.est_cpulist.as_deref(), Some("0"));
            assert_eq!(sysctls.sync_threshold, Some(SyncThreshold { first: 3, period: 50 }));
            assert_eq!(sysctls.lblc_expiration, None);
        }
        assert_eq!((old.conn_lfactor, old.svc_lfactor, old.conn_max), (None, None, None));
        assert_eq!((new.conn_lfactor, new.svc_lfactor), (Some(-4), Some(-3)));
        assert_eq!(new.conn_max, Some(1 << 30));
    }

    #[test]
    fn changed_values_and_those_of_schedulers_are_understood() {
        let sysctls = golden(include_str!("../tests/golden/7.2/sync/sysctls"));
        assert_eq!(sysctls.other, BTreeMap::new());
        assert_eq!(sysctls.cache_bypass, Some(7));
        assert_eq!(sysctls.expire_nodest_conn, Some(1));
        assert_eq!(sysctls.sync_qlen_max, Some(5000));
        assert_eq!(sysctls.sync_threshold, Some(SyncThreshold { first: 1, period: 50 }));
        assert_eq!((sysctls.lblc_expiration, sysctls.lblcr_expiration), (Some(86400), Some(86400)));
    }

    #[test]
    fn a_value_of_another_form_is_kept_as_text() {
        for (name, value) in
            [("conntrack", "yes"), ("sync_threshold", "1 2 3"), ("sync_qlen_max", "-1")]
        {
            let sysctls = Sysctls::from_values([(name, value)]);
            assert_eq!(sysctls.other.get(name).map(String::as_str), Some(value));
            assert_eq!(Sysctls { other: BTreeMap::new(), ..sysctls }, Sysctls::default());
        }
    }

    #[test]
    fn a_name_that_leaves_the_directory_is_refused() {
        for name in ["../x", "", ".", "a/b", "net.ipv4.vs.conntrack"] {
            let error = Sysctls::write(&std::env::temp_dir(), name, "1").unwrap_err();
            assert!(error.to_string().contains("not a sysctl's name"), "{error}");
        }
    }
}
