//! The files under /proc in which IPVS shows itself.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use rsadm_netlink::Namespace;

use crate::connections::{Columns, Connections};
use crate::lines::read_error;
use crate::table::PlainTable;
use crate::{Error, Refused, Request, Result, Statistics, Status, Sysctls};
use crate::{status, table, totals};

/// The kernel gives a page at a time or a whole service, whichever is more: one with some 500
/// destinations fits. What does not is given by the next read, without another walk.
const BUFFER: usize = 32 * 1024;

const SYSCTLS: &str = "/proc/sys/net/ipv4/vs";

/// What IPVS shows of a network namespace under /proc.
///
/// Reading needs no privilege except where said, loads no module and changes nothing. Where the
/// module is not loaded the answer is an error with [`is_no_ipvs`](Error::is_no_ipvs).
///
/// ```no_run
/// use std::collections::HashMap;
/// use ipvs::Proc;
/// let mut by_destination: HashMap<_, usize> = HashMap::new();
/// for connection in Proc::new().connections()? {
///     *by_destination.entry(connection?.destination).or_default() += 1;
/// }
/// # Ok::<(), ipvs::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proc {
    namespace: Namespace,
}

impl Proc {
    /// The calling thread's network namespace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another network namespace; entering it needs `CAP_SYS_ADMIN`. What is read stays that
    /// namespace's, the calling thread stays where it is.
    pub fn in_namespace(namespace: Namespace) -> Self {
        Self { namespace }
    }

    /// The connection table, with data of persistence engines.
    #[doc(alias = "ip_vs_conn")]
    pub fn connections(&self) -> Result<Connections> {
        self.open_connections(Columns::Persistence)
    }

    /// The connection table, with the origin of connections.
    #[doc(alias = "ip_vs_conn_sync")]
    pub fn connections_with_origin(&self) -> Result<Connections> {
        self.open_connections(Columns::Origin)
    }

    fn open_connections(&self, columns: Columns) -> Result<Connections> {
        Connections::with_columns(self.open(columns.path())?, columns)
    }

    /// Services and destinations, as far as everybody may see them.
    #[doc(alias = "ip_vs")]
    pub fn table(&self) -> Result<PlainTable> {
        PlainTable::from_reader(self.open(table::PATH)?)
    }

    /// Counters and rates of all services together, as of the kernel's last estimation: every two
    /// seconds, and never while `net.ipv4.vs.run_estimation` is 0.
    #[doc(alias = "ip_vs_stats")]
    pub fn totals(&self) -> Result<Statistics> {
        Statistics::from_reader(self.open(totals::PATH)?)
    }

    /// How full the hash tables are; `None` before Linux 7.1. Root may read it.
    #[doc(alias = "ip_vs_status")]
    pub fn status(&self) -> Result<Option<Status>> {
        match self.open(status::PATH) {
            Ok(reader) => Status::from_reader(reader).map(Some),
            Err(error) if error.is_no_ipvs() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The sysctls `net.ipv4.vs.*`.
    pub fn sysctls(&self) -> Result<Sysctls> {
        self.run(|| {
            let directory = Path::new(SYSCTLS);
            if directory.exists() { Sysctls::read(directory) } else { Err(no_ipvs()) }
        })
    }

    /// Sets one of the sysctls `net.ipv4.vs.*`. Needs root in the user namespace that owns the
    /// network namespace.
    ///
    /// ```no_run
    /// ipvs::Proc::new().set_sysctl("expire_nodest_conn", 1)?;
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    pub fn set_sysctl(&self, name: &str, value: impl fmt::Display) -> Result<()> {
        let value = value.to_string();
        self.run(|| {
            let directory = Path::new(SYSCTLS);
            if directory.exists() {
                Sysctls::write(directory, name, &value)
            } else {
                Err(no_ipvs())
            }
        })
    }

    /// Opens `/proc/net/NAME` for reading.
    fn open(&self, path: &'static str) -> Result<BufReader<File>> {
        self.run(|| open(path))
    }

    fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        self.namespace.run(work).unwrap_or_else(|error| {
            Err(Error::Exchange { request: Box::new(Request::Connect), source: Box::new(error) })
        })
    }
}

/// `/proc/net` shows the namespace of the process's first thread, which a thread that entered
/// another one is not: its own directory is used.
fn open(path: &'static str) -> Result<BufReader<File>> {
    let directory = Path::new("/proc/thread-self/net");
    let name = path.trim_start_matches("/proc/net/");
    match File::open(directory.join(name)) {
        Ok(file) => Ok(BufReader::with_capacity(BUFFER, file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory.exists() => {
            Err(no_ipvs())
        }
        Err(error) => Err(read_error(path, error)),
    }
}

fn no_ipvs() -> Error {
    let errno = rustix::io::Errno::NOENT.raw_os_error();
    Refused::new(Request::Connect, errno, None).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_is_not_there_is_named() {
        let proc = Proc::in_namespace(Namespace::Named("no-such-namespace".to_owned()));
        for message in [
            proc.connections().unwrap_err().to_string(),
            proc.table().unwrap_err().to_string(),
            proc.sysctls().unwrap_err().to_string(),
            proc.set_sysctl("conntrack", 1).unwrap_err().to_string(),
        ] {
            assert!(message.contains("namespace no-such-namespace: No such file"), "{message}");
        }
    }

    #[test]
    fn a_file_that_the_kernel_lacks_means_no_ipvs() {
        let error = open("/proc/net/ip_vs_no_such_file").unwrap_err();
        assert!(error.is_no_ipvs(), "{error}");
        assert!(error.to_string().contains("module is not loaded"), "{error}");
    }
}
