//! The blocking client, the same verbs over tokio, and how either is opened.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rsadm_netlink::{Bus, Namespace, Options, Socket, now};

use crate::change::{Change, Report};
use crate::error::{Error, Refused, Request, Result};
use crate::verbs::Verbs;
use crate::{
    Daemon, Destination, DestinationEntry, DestinationPatch, Info, Overview, PlainTable, Proc,
    Role, Service, ServiceEntry, ServiceKey, ServicePatch, ServiceTable, TableList, Timeouts,
};

/// How to open a client.
///
/// ```no_run
/// use ipvs::{Builder, Namespace};
/// let mut client = Builder::new().namespace(Namespace::Named("blue".into())).connect()?;
/// println!("{} services", client.services()?.len());
/// # Ok::<(), ipvs::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    options: Options,
    load_module: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self { options: Options::default(), load_module: true }
    }
}

impl Builder {
    /// The current namespace, buffers of the system's size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another network namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.options.namespace = namespace;
        self
    }

    /// Bytes of the socket's receive buffer instead of `net.core.rmem_default`.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.options.receive_buffer = Some(bytes);
        self
    }

    /// Whether connecting may make the kernel load the module `ip_vs`, which anybody's question
    /// for the family does. It may unless this says otherwise; whoever only looks should not.
    #[must_use]
    pub fn load_module(mut self, load: bool) -> Self {
        self.load_module = load;
        self
    }

    /// Opens a blocking client.
    pub fn connect(&self) -> Result<Client> {
        let socket = self.socket()?;
        Ok(Client {
            verbs: now(Verbs::connect(socket))?,
            namespace: self.options.namespace.clone(),
        })
    }

    /// Opens a client for tokio; call it inside a runtime with I/O enabled.
    #[cfg(feature = "tokio")]
    pub async fn connect_tokio(&self) -> Result<crate::tokio::Client> {
        let socket = self.socket()?;
        let socket = rsadm_netlink::tokio::Socket::try_from(socket).map_err(failed)?;
        let namespace = self.options.namespace.clone();
        Ok(crate::tokio::Client { verbs: Verbs::connect(socket).await?, namespace })
    }

    fn socket(&self) -> Result<Socket> {
        if !self.load_module && !Path::new("/proc/sys/net/ipv4/vs").exists() {
            let errno = rustix::io::Errno::NOENT.raw_os_error();
            return Err(Refused::new(Request::Connect, errno, None).into());
        }
        Socket::open(Bus::Generic, &self.options).map_err(failed)
    }
}

fn failed(source: rsadm_netlink::Error) -> Error {
    Error::Exchange { request: Box::new(Request::Connect), source: Box::new(source) }
}

/// The plain table of a namespace, if it can be read.
fn plain_table(namespace: &Namespace) -> Option<PlainTable> {
    Proc::in_namespace(namespace.clone()).table().ok()
}

/// A connection to the IPVS of one network namespace. Every verb is one exchange with the kernel,
/// unless it says otherwise, and needs `CAP_NET_ADMIN` in the initial user namespace; what anybody
/// may read is in [`Proc`].
///
/// ```no_run
/// use ipvs::{Client, Destination, ForwardingMethod, Service};
///
/// let mut client = Client::connect()?;
/// let service = Service::new("tcp://10.243.21.14:8880".parse()?, "rr");
/// client.add_service(&service)?;
/// let pod = Destination::new("10.244.3.32:80".parse()?, ForwardingMethod::MASQUERADE);
/// client.add_destination(&service.key, &pod)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    verbs: Verbs<Socket>,
    namespace: Namespace,
}

impl Client {
    /// Opens a client in the current network namespace. The kernel loads the module `ip_vs` if it
    /// has to; see [`Builder::load_module`].
    pub fn connect() -> Result<Self> {
        Builder::new().connect()
    }

    /// How to open a client otherwise.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Services with the columns of a plain listing, in the kernel's order.
    ///
    /// One dump of the services is joined with one read of `/proc/net/ip_vs`, which is some
    /// thirty times faster than a dump for each service. What the file lacks is dumped; where the
    /// two disagree, because somebody changes the table, all is.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// for entry in client.overview()?.iter() {
    ///     println!("{} -> {} destinations", entry.service.key, entry.destinations.len());
    /// }
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "/proc/net/ip_vs")]
    pub fn overview(&mut self) -> Result<Overview> {
        now(self.verbs.overview(plain_table(&self.namespace)))
    }
}

/// The descriptor of the client's socket. Between verbs there is nothing to receive from it.
impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.verbs.as_fd()
    }
}

#[cfg(feature = "tokio")]
impl crate::tokio::Client {
    /// Opens a client in the current network namespace; call it inside a runtime with I/O enabled.
    pub async fn connect() -> Result<Self> {
        Builder::new().connect_tokio().await
    }

    /// The same as [`Client::overview`]. The file under /proc is read without waiting for tokio.
    pub async fn overview(&mut self) -> Result<Overview> {
        self.verbs.overview(plain_table(&self.namespace)).await
    }
}

/// Writes each verb for both clients; the documentation is the blocking one's.
macro_rules! verbs {
    ($(
        $(#[$documentation:meta])*
        $verb:ident($($argument:ident: $type:ty),*) -> $value:ty;
    )*) => {
        impl Client {
            $(
                $(#[$documentation])*
                pub fn $verb(&mut self, $($argument: $type),*) -> Result<$value> {
                    now(self.verbs.$verb($($argument),*))
                }
            )*
        }

        #[cfg(feature = "tokio")]
        impl crate::tokio::Client {
            $(
                #[doc = concat!("The same as [`Client::", stringify!($verb), "`].")]
                pub async fn $verb(&mut self, $($argument: $type),*) -> Result<$value> {
                    self.verbs.$verb($($argument),*).await
                }
            )*
        }
    };
}

verbs! {
    /// Version and size of the connection table.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// println!("IPVS {}", client.info()?.version);
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_INFO")]
    info() -> Info;

    /// All services, in the kernel's order.
    ///
    /// One dump. The kernel skips services when others are deleted while it runs, and does not
    /// say so; [`table`](Self::table) reads consistently.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// for entry in client.services()? {
    ///     println!("{} {}", entry.service.key, entry.statistics.connections);
    /// }
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_SERVICE")]
    services() -> Vec<ServiceEntry>;

    /// One service.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// let key = "udp://10.243.0.10:53".parse()?;
    /// println!("{}", client.service(&key)?.service.scheduler);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_SERVICE")]
    service(key: &ServiceKey) -> ServiceEntry;

    /// The destinations of a service, in the kernel's order; none if there is no such service,
    /// which the kernel does not tell apart.
    ///
    /// One dump, with the weakness of [`services`](Self::services).
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// for entry in client.destinations(&"tcp://10.243.21.14:8880".parse()?)? {
    ///     println!("{} {}", entry.destination.address, entry.active_connections);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_DEST")]
    destinations(key: &ServiceKey) -> Vec<DestinationEntry>;

    /// The same into a list whose memory is used again; what it had is gone.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// let mut destinations = Vec::new();
    /// for entry in client.services()? {
    ///     let key = entry.service.key;
    ///     client.destinations_into(&key, &mut destinations)?;
    ///     println!("{key} has {}", destinations.len());
    /// }
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_DEST")]
    destinations_into(key: &ServiceKey, destinations: &mut Vec<DestinationEntry>) -> ();

    /// All services with all destinations, read so that nothing that was there all the time is
    /// missing, in the kernel's order.
    ///
    /// Dumps are repeated until one has lost nothing of the dump before it. Under deletions
    /// without end, what several dumps showed is put together, and each service asked for again.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// for entry in client.table()? {
    ///     println!("{} {}", entry.service.service.key, entry.destinations.len());
    /// }
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    table() -> Vec<ServiceTable>;

    /// The same in little memory and as fast as the kernel tells it: every dump is taken once, with
    /// the weakness of [`services`](Self::services).
    ///
    /// Services are asked in the kernel's order: before Linux 7.1 it looks through a list of
    /// neighbours for each, which are at hand then.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// let mut table = client.table_list()?;
    /// table.sort();
    /// for row in table.iter() {
    ///     println!("{} {}", row.service.service.key, row.service.statistics.connections);
    /// }
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_SERVICE")]
    #[doc(alias = "IPVS_CMD_GET_DEST")]
    table_list() -> TableList;

    /// Adds a service.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// client.add_service(&ipvs::Service::new("fwmark://7".parse()?, "wrr"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_NEW_SERVICE")]
    add_service(service: &Service) -> ();

    /// Replaces the whole configuration of a service; destinations and connections stay.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// client.update_service(&ipvs::Service::new("fwmark://7".parse()?, "rr").persistent(60))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_SET_SERVICE")]
    update_service(service: &Service) -> ();

    /// Updates a service, or adds it where there is none. Two requests in the second case.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// client.put_service(&ipvs::Service::new("fwmark://7".parse()?, "rr"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    put_service(service: &Service) -> ();

    /// Changes single fields of a service: it is read, and sent back with the changes. Flags
    /// outside the patch's mask are not touched even if somebody changes them meanwhile.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// let patch = ipvs::ServicePatch { scheduler: Some("lc".into()), ..Default::default() };
    /// client.patch_service(&"tcp://10.243.21.14:8880".parse()?, &patch)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    patch_service(key: &ServiceKey, patch: &ServicePatch) -> ();

    /// Deletes a service with its destinations. Connections stay until they expire.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// client.delete_service(&"fwmark://7".parse()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_DEL_SERVICE")]
    delete_service(key: &ServiceKey) -> ();

    /// Deletes every service of the namespace.
    ///
    /// ```no_run
    /// ipvs::Client::connect()?.flush()?;
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_FLUSH")]
    flush() -> ();

    /// Zeroes the counters of a service and its destinations, or all.
    ///
    /// ```no_run
    /// ipvs::Client::connect()?.zero(None)?;
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_ZERO")]
    zero(key: Option<&ServiceKey>) -> ();

    /// Adds a destination. One that was deleted while connections refer to it comes back with
    /// its counters.
    ///
    /// ```no_run
    /// use ipvs::{Destination, ForwardingMethod};
    /// # let mut client = ipvs::Client::connect()?;
    /// let pod = Destination::new("10.244.3.32:80".parse()?, ForwardingMethod::MASQUERADE);
    /// client.add_destination(&"tcp://10.243.21.14:8880".parse()?, &pod)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_NEW_DEST")]
    add_destination(key: &ServiceKey, destination: &Destination) -> ();

    /// Replaces the whole configuration of a destination; connections stay.
    ///
    /// ```no_run
    /// use ipvs::{Destination, ForwardingMethod};
    /// # let mut client = ipvs::Client::connect()?;
    /// let mut pod = Destination::new("10.244.3.32:80".parse()?, ForwardingMethod::MASQUERADE);
    /// pod.weight = 0;
    /// client.update_destination(&"tcp://10.243.21.14:8880".parse()?, &pod)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_SET_DEST")]
    update_destination(key: &ServiceKey, destination: &Destination) -> ();

    /// Updates a destination, or adds it where there is none. Two requests in the second case.
    ///
    /// ```no_run
    /// use ipvs::{Destination, ForwardingMethod};
    /// # let mut client = ipvs::Client::connect()?;
    /// let pod = Destination::new("10.244.3.32:80".parse()?, ForwardingMethod::MASQUERADE);
    /// client.put_destination(&"tcp://10.243.21.14:8880".parse()?, &pod)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    put_destination(key: &ServiceKey, destination: &Destination) -> ();

    /// Changes single fields of a destination: it is read, and sent back with the changes.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// let drain = ipvs::DestinationPatch { weight: Some(0), ..Default::default() };
    /// let key = "tcp://10.243.21.14:8880".parse()?;
    /// client.patch_destination(&key, "10.244.3.32:80".parse()?, &drain)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    patch_destination(key: &ServiceKey, address: SocketAddr, patch: &DestinationPatch) -> ();

    /// Deletes a destination. Its connections linger unless `net.ipv4.vs.expire_nodest_conn`
    /// is 1.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// let key = "tcp://10.243.21.14:8880".parse()?;
    /// client.delete_destination(&key, "10.244.3.32:80".parse()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPVS_CMD_DEL_DEST")]
    delete_destination(key: &ServiceKey, address: SocketAddr) -> ();

    /// Timeouts of connections.
    ///
    /// ```no_run
    /// println!("{} s", ipvs::Client::connect()?.timeouts()?.tcp);
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_CONFIG")]
    timeouts() -> Timeouts;

    /// Sets timeouts of connections; 0 keeps the present one.
    ///
    /// ```no_run
    /// # let mut client = ipvs::Client::connect()?;
    /// client.set_timeouts(&ipvs::Timeouts { tcp: 7200, ..Default::default() })?;
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_SET_CONFIG")]
    set_timeouts(timeouts: &Timeouts) -> ();

    /// The synchronisation daemons that run: at most a master and a backup.
    ///
    /// ```no_run
    /// for daemon in ipvs::Client::connect()?.daemons()? {
    ///     println!("{} on {}", daemon.role, daemon.interface);
    /// }
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_GET_DAEMON")]
    daemons() -> Vec<Daemon>;

    /// Starts a synchronisation daemon.
    ///
    /// ```no_run
    /// use ipvs::{Daemon, Role};
    /// ipvs::Client::connect()?.start_daemon(&Daemon::new(Role::Master, "eth0"))?;
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_NEW_DAEMON")]
    start_daemon(daemon: &Daemon) -> ();

    /// Stops a synchronisation daemon.
    ///
    /// ```no_run
    /// ipvs::Client::connect()?.stop_daemon(ipvs::Role::Master, 0)?;
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    #[doc(alias = "IPVS_CMD_DEL_DAEMON")]
    stop_daemon(role: Role, sync_id: u32) -> ();

    /// Carries out many changes in order, in few system calls. The kernel goes on after a
    /// refusal; what became of each change is in the report. Where answers were lost the table is
    /// read again to find out.
    ///
    /// ```no_run
    /// use ipvs::{Change, Service};
    /// # let mut client = ipvs::Client::connect()?;
    /// let changes: Vec<_> = (1..=10_000)
    ///     .map(|mark| Change::AddService(Service::new(ipvs::ServiceKey::mark(mark, ipvs::Family::Ipv4), "rr")))
    ///     .collect();
    /// let report = client.apply(&changes)?;
    /// for (index, refused) in &report.refused {
    ///     eprintln!("change {index}: {refused}");
    /// }
    /// # Ok::<(), ipvs::Error>(())
    /// ```
    apply(changes: &[impl AsRef<Change> + Sync]) -> Report;
}
