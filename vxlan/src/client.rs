//! The blocking client, the same verbs over tokio, and how either is opened.

use std::net::IpAddr;

use rsadm_netlink::{Bus, Namespace, Options, Socket, now};

use crate::subscription::{RECEIVE_BUFFER, listening};
use crate::verbs::{Cursor, Flushed, Reading, Verbs};
use crate::{
    Capabilities, Change, Entry, EntryFilter, EntryQuery, Error, Link, LinkConfig, MulticastEntry,
    Neighbour, Nexthop, Plan, Report, Request, Result, Route, RouterPort, Sync, SyncReport,
    Verbatim, VniEntry,
};

/// How to open a client.
///
/// ```no_run
/// use vxlan::{Builder, Namespace};
/// let mut client = Builder::new().namespace(Namespace::Named("blue".into())).connect()?;
/// println!("{} VXLAN devices", client.links()?.len());
/// # Ok::<(), vxlan::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    options: Options,
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

    /// Bytes of the sockets' receive buffers instead of `net.core.rmem_default`. Above
    /// `net.core.rmem_max` it takes `CAP_NET_ADMIN`, and is less without.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.options.receive_buffer = Some(bytes);
        self
    }

    /// Has a blocking client receive long dumps on a thread of their own, where there is a second
    /// processor: reading a large table takes little longer than the kernel needs to show it.
    #[must_use]
    pub fn read_ahead(mut self, read_ahead: bool) -> Self {
        self.options.read_ahead = read_ahead;
        self
    }

    /// Opens a blocking client.
    pub fn connect(&self) -> Result<Client> {
        let options = self.listening();
        let listen = Box::new(move |groups: &[u32]| listening(&options, groups));
        Ok(Client { verbs: Verbs::new(self.socket()?, self.socket()?, listen) })
    }

    /// Opens a client for tokio; call it inside a runtime with I/O enabled.
    #[cfg(feature = "tokio")]
    pub fn connect_tokio(&self) -> Result<crate::tokio::Client> {
        let socket = || {
            let socket = rsadm_netlink::tokio::Socket::try_from(self.socket()?);
            socket.map_err(|error| Error::of(Request::Connect, error))
        };
        let options = self.listening();
        let listen = Box::new(move |groups: &[u32]| listening(&options, groups)?.try_into());
        Ok(crate::tokio::Client { verbs: Verbs::new(socket()?, socket()?, listen) })
    }

    /// The sockets that hear what happens while a table is read have room for it.
    fn listening(&self) -> Options {
        let receive_buffer = self.options.receive_buffer.or(Some(RECEIVE_BUFFER));
        Options { receive_buffer, ..self.options.clone() }
    }

    fn socket(&self) -> Result<Socket> {
        Socket::open(Bus::Route, &self.options).map_err(|error| Error::of(Request::Connect, error))
    }
}

/// A connection to the VXLAN devices of one network namespace.
///
/// ```no_run
/// use vxlan::{Client, EntryQuery};
///
/// let mut client = Client::connect()?;
/// let link = client.link("flannel.1")?.index;
/// let neighbour = client.neighbour(link, "10.244.3.0".parse()?)?;
/// if let Some(mac) = neighbour.mac {
///     println!("sent to {}", client.entry(&EntryQuery::new(link, mac))?.remote);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    pub(crate) verbs: Verbs<Socket>,
}

/// Entries as the kernel lists them, one at a time.
///
/// The kernel walks its table anew for each piece of the list. While entries come and go it skips
/// others, shows some twice, and says nothing of it; [`Client::read_entries`] finds out. Dropping
/// the cursor early leaves the client usable.
#[derive(Debug)]
pub struct Entries<'c> {
    cursor: Cursor<'c, Socket>,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry>;

    #[inline]
    fn next(&mut self) -> Option<Result<Entry>> {
        now(self.cursor.next()).transpose()
    }
}

impl Client {
    /// Opens a client in the current network namespace.
    pub fn connect() -> Result<Self> {
        Builder::new().connect()
    }

    /// How to open a client otherwise.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Entries that a filter matches, in the kernel's order, as the kernel shows them.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// for entry in client.entries(&vxlan::EntryFilter::new())? {
    ///     println!("{}", entry?);
    /// }
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETNEIGH")]
    pub fn entries<'c>(&'c mut self, filter: &'c EntryFilter) -> Result<Entries<'c>> {
        Ok(Entries { cursor: now(self.verbs.entries(filter))? })
    }
}

#[cfg(feature = "tokio")]
impl crate::tokio::Client {
    /// Opens a client in the current network namespace; call it inside a runtime with I/O enabled.
    pub fn connect() -> Result<Self> {
        Builder::new().connect_tokio()
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
                #[doc = concat!("The same as [`Client::", stringify!($verb), "`](crate::Client::", stringify!($verb), ").")]
                pub async fn $verb(&mut self, $($argument: $type),*) -> Result<$value> {
                    self.verbs.$verb($($argument),*).await
                }
            )*
        }
    };
}

verbs! {
    /// VXLAN devices.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// for link in client.links()? {
    ///     println!("{} {:?}", link.name, link.vxlan.and_then(|settings| settings.id));
    /// }
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETLINK")]
    links() -> Vec<Link>;

    /// Links of every kind, for their names.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// println!("{} links", client.every_link()?.len());
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETLINK")]
    every_link() -> Vec<Link>;

    /// The link with this name, of whatever kind.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// println!("{}", client.link("flannel.1")?.index);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETLINK")]
    link(name: &str) -> Link;

    /// The link with this index, of whatever kind.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// println!("{}", client.link_by_index(1)?.name);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETLINK")]
    link_by_index(index: u32) -> Link;

    /// Creates a VXLAN device.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// use vxlan::{LinkConfig, Settings, Vni};
    /// let settings = Settings { id: Vni::new(1), ..Settings::default() };
    /// client.create_link(&LinkConfig { name: Some("vx1".into()), settings, ..LinkConfig::default() })?;
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_NEWLINK")]
    create_link(config: &LinkConfig) -> ();

    /// Changes a VXLAN device. What the kernel cannot change it refuses, and says what.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// client.change_link(link, &vxlan::LinkConfig { up: Some(true), ..Default::default() })?;
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_NEWLINK")]
    change_link(index: u32, config: &LinkConfig) -> ();

    /// Deletes a VXLAN device. A link of another kind is left alone.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// client.delete_link(link)?;
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_DELLINK")]
    delete_link(index: u32) -> ();

    /// Entries that a filter matches, as they are: each once, none missing, though the table may
    /// change while it is read. It is read again where an entry may have been skipped.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// let reading = client.read_entries(&vxlan::EntryFilter::of(link))?;
    /// assert!(reading.complete);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETNEIGH")]
    read_entries(filter: &EntryFilter) -> Reading;

    /// One entry by its address; of several remotes, the first.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// let query = vxlan::EntryQuery::new(link, "ee:d6:38:55:d5:c7".parse()?);
    /// println!("{}", client.entry(&query)?.remote);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_GETNEIGH")]
    entry(query: &EntryQuery) -> Entry;

    /// Adds an entry to an address that has none.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// let mac = "ee:d6:38:55:d5:c7".parse()?;
    /// client.add(&vxlan::Entry::to(link, mac, "172.16.20.121".parse()?))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWNEIGH")]
    #[doc(alias = "NLM_F_EXCL")]
    add(entry: &Entry) -> ();

    /// Adds a remote to the zero address or a group, or an entry to an address that has none. The
    /// remote may be there already. Where a unicast address has another one this fails; the kernel
    /// alone would say nothing and do nothing.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// client.append(&vxlan::Entry::to(link, vxlan::Mac::ZERO, "172.16.20.121".parse()?))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWNEIGH")]
    #[doc(alias = "NLM_F_APPEND")]
    append(entry: &Entry) -> ();

    /// Adds an entry of a unicast address, or replaces the one it has.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// let mac = "ee:d6:38:55:d5:c7".parse()?;
    /// client.replace(&vxlan::Entry::to(link, mac, "172.16.20.121".parse()?))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWNEIGH")]
    #[doc(alias = "NLM_F_REPLACE")]
    replace(entry: &Entry) -> ();

    /// Deletes an entry: with a remote that one, else all of its address. Where there is no such
    /// remote this fails; the kernel alone would say nothing and do nothing.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// client.delete(&vxlan::Entry::new(link, "ee:d6:38:55:d5:c7".parse()?))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_DELNEIGH")]
    delete(entry: &Entry) -> ();

    /// Deletes the entries of a link's own table that a filter matches; with
    /// [`in_bridge`](EntryFilter::in_bridge) those of the bridge's table that the link is a port of,
    /// the link's own address among them unless the filter excludes it. The filter's link is this
    /// one. Linux before 6.7, and conditions that the kernel does not know, take a listing first.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// let learned = vxlan::EntryFilter { no_state: vxlan::State::PERMANENT, ..Default::default() };
    /// client.flush(link, &learned)?;
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "NLM_F_BULK")]
    flush(link: u32, filter: &EntryFilter) -> Flushed;

    /// What [`sync`](Self::sync) would change.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// println!("{} changes", client.plan_sync(vxlan::Sync::new(link, Vec::new()))?.len());
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    plan_sync(sync: Sync) -> Plan;

    /// Makes the entries of a VXLAN device what they are to be, with the smallest change.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// println!("{} changed", client.sync(vxlan::Sync::new(link, Vec::new()))?.applied);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    sync(sync: Sync) -> SyncReport;

    /// Neighbours of a link, or of all: those of IPv4 first.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// for neighbour in client.neighbours(None)? {
    ///     println!("{neighbour}");
    /// }
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETNEIGH")]
    neighbours(link: Option<u32>) -> Vec<Neighbour>;

    /// One neighbour by its address.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// println!("{:?}", client.neighbour(link, "10.244.3.0".parse()?)?.mac);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_GETNEIGH")]
    neighbour(link: u32, address: IpAddr) -> Neighbour;

    /// Adds a neighbour that must not exist.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// let mac = "ee:d6:38:55:d5:c7".parse()?;
    /// client.add_neighbour(&vxlan::Neighbour::permanent(link, "10.244.3.0".parse()?, mac))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWNEIGH")]
    add_neighbour(neighbour: &Neighbour) -> ();

    /// Adds or replaces a neighbour.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// let mac = "ee:d6:38:55:d5:c7".parse()?;
    /// client.replace_neighbour(&vxlan::Neighbour::permanent(link, "10.244.3.0".parse()?, mac))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWNEIGH")]
    replace_neighbour(neighbour: &Neighbour) -> ();

    /// Deletes a neighbour.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// client.delete_neighbour(link, "10.244.3.0".parse()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_DELNEIGH")]
    delete_neighbour(link: u32, address: IpAddr) -> ();

    /// VNI filters of a device, or of all; with statistics each VNI by itself. Linux 5.18.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// println!("{:?}", client.vnis(None, true)?);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETTUNNEL")]
    vnis(link: Option<u32>, statistics: bool) -> Vec<VniEntry>;

    /// Adds VNIs to a device's filter, or changes where their frames go.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// client.add_vnis(&vxlan::VniEntry::new(link, "10".parse()?, "20".parse()?))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWTUNNEL")]
    add_vnis(entry: &VniEntry) -> ();

    /// Deletes VNIs from a device's filter.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// client.delete_vnis(&vxlan::VniEntry::new(link, "10".parse()?, "20".parse()?))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_DELTUNNEL")]
    delete_vnis(entry: &VniEntry) -> ();

    /// Multicast entries of a device, or of all; those of bridges too.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// for entry in client.multicast(None)? {
    ///     println!("{entry}");
    /// }
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETMDB")]
    multicast(link: Option<u32>) -> Vec<MulticastEntry>;

    /// Ports of bridges behind which are multicast routers.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// println!("{} routers", client.router_ports()?.len());
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETMDB")]
    router_ports() -> Vec<RouterPort>;

    /// The remotes of one group, source and source VNI. Linux 6.7.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// use vxlan::MulticastEntry;
    /// let link = client.link("vx1")?.index;
    /// let group = MulticastEntry::to(link, "239.1.1.1".parse()?, "0.0.0.0".parse()?);
    /// println!("{} remotes", client.multicast_of(&group)?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_GETMDB")]
    multicast_of(entry: &MulticastEntry) -> Vec<MulticastEntry>;

    /// Adds a multicast entry that must not exist. Linux 6.4.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// use vxlan::MulticastEntry;
    /// let link = client.link("vx1")?.index;
    /// client.add_multicast(&MulticastEntry::to(link, "239.1.1.1".parse()?, "10.0.0.2".parse()?))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWMDB")]
    add_multicast(entry: &MulticastEntry) -> ();

    /// Adds or replaces a multicast entry. Linux 6.4.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// use vxlan::MulticastEntry;
    /// let link = client.link("vx1")?.index;
    /// let entry = MulticastEntry::to(link, "239.1.1.1".parse()?, "10.0.0.2".parse()?);
    /// client.replace_multicast(&entry)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_NEWMDB")]
    replace_multicast(entry: &MulticastEntry) -> ();

    /// Deletes a multicast entry. Linux 6.4.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// use vxlan::MulticastEntry;
    /// let link = client.link("vx1")?.index;
    /// let entry = MulticastEntry::to(link, "239.1.1.1".parse()?, "10.0.0.2".parse()?);
    /// client.delete_multicast(&entry)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_DELMDB")]
    delete_multicast(entry: &MulticastEntry) -> ();

    /// Deletes all multicast entries of a device. Linux before 6.8 takes a listing first.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// client.flush_multicast(link)?;
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_DELMDB")]
    flush_multicast(link: u32) -> Flushed;

    /// Nexthops and groups of them. Linux 5.3.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// for nexthop in client.nexthops()?.iter().filter(|nexthop| nexthop.forwarding) {
    ///     println!("{} {:?}", nexthop.id, nexthop.members);
    /// }
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETNEXTHOP")]
    nexthops() -> Vec<Nexthop>;

    /// The nexthop, or group, with this id.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// println!("{:?}", client.nexthop(10)?.members);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETNEXTHOP")]
    nexthop(id: u32) -> Nexthop;

    /// Routes of every table that leave through a link, or all.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("flannel.1")?.index;
    /// for route in client.routes(Some(link))? {
    ///     println!("{route} by {:?}", route.gateway);
    /// }
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    #[doc(alias = "RTM_GETROUTE")]
    routes(link: Option<u32>) -> Vec<Route>;

    /// The way that packets to an address take, if one does; through a link if one is given.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// println!("{:?}", client.route_to("172.16.20.121".parse()?, None)?.link);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "RTM_GETROUTE")]
    route_to(address: IpAddr, link: Option<u32>) -> Route;

    /// Finds out what the kernel can do, by requests that change nothing; some need a VXLAN device
    /// to ask about.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let link = client.link("vx1")?.index;
    /// println!("{:?}", client.probe(Some(link))?.flush);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    probe(link: Option<u32>) -> Capabilities;

    /// Carries out changes in few system calls. A refused one does not keep the others from being
    /// tried.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// use vxlan::{Change, Entry};
    /// let link = client.link("flannel.1")?.index;
    /// let entry = Entry::to(link, "ee:d6:38:55:d5:c7".parse()?, "172.16.20.121".parse()?);
    /// let report = client.apply(&[Change::Replace(entry)])?;
    /// assert!(report.is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    apply(changes: &[impl AsRef<Change> + std::marker::Sync]) -> Report;

    /// The same of changes as bridge asks for them: what the kernel acknowledges is taken for done,
    /// whether or not it has done anything. For programs that stand in for bridge.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// use vxlan::{Entry, Verbatim};
    /// let link = client.link("flannel.1")?.index;
    /// let entry = Entry::to(link, "ee:d6:38:55:d5:c7".parse()?, "172.16.20.121".parse()?);
    /// assert!(client.carry_out(&[Verbatim::Delete(entry)])?.is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    carry_out(asked: &[Verbatim]) -> Report;
}
