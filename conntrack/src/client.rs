//! The blocking client, the same verbs over tokio, and how either is opened.

use rsadm_netlink::{Bus, Namespace, Options, Socket, now};

use crate::verbs::{Cursor, Deletion, Verbs};
use crate::{
    Capabilities, Change, CpuExpectationStatistics, CpuStatistics, Error, Expectation,
    ExpectationKey, Family, Filter, Flow, FlowPatch, GlobalStatistics, Key, NewFlow, Prepared,
    Report, Request, Result,
};

/// How to open a client.
///
/// ```no_run
/// use conntrack::{Builder, Namespace};
/// let mut client = Builder::new().namespace(Namespace::Named("blue".into())).connect()?;
/// println!("{} flows", client.count()?);
/// # Ok::<(), conntrack::Error>(())
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
        Ok(Client { verbs: Verbs::new(self.socket()?, self.socket()?) })
    }

    /// Opens a client for tokio; call it inside a runtime with I/O enabled.
    #[cfg(feature = "tokio")]
    pub fn connect_tokio(&self) -> Result<crate::tokio::Client> {
        let socket = || {
            let socket = rsadm_netlink::tokio::Socket::try_from(self.socket()?);
            socket.map_err(|error| Error::of(Request::Connect, error))
        };
        Ok(crate::tokio::Client { verbs: Verbs::new(socket()?, socket()?) })
    }

    fn socket(&self) -> Result<Socket> {
        Socket::open(Bus::Netfilter, &self.options)
            .map_err(|error| Error::of(Request::Connect, error))
    }
}

/// A connection to the connection tracking of one network namespace. Every verb needs
/// `CAP_NET_ADMIN` there.
///
/// ```no_run
/// use conntrack::{Client, Tuple};
///
/// let mut client = Client::connect()?;
/// let tuple = Tuple::udp("10.244.3.10:40000".parse()?, "10.96.0.10:53".parse()?);
/// if let Some(real) = client.flow(&tuple.into())?.destination_nat() {
///     println!("answered by {}", real.address);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    verbs: Verbs<Socket>,
}

/// Flows as the kernel lists them: a cursor that lends one at a time out of the receive buffer.
///
/// The kernel walks its table while flows come and go, and says nothing of it: a flow that exists
/// all the time is listed, and listed once. Where the table is resized meanwhile some may be missing
/// or listed twice; then an error comes after the last flow, of which
/// [`is_interrupted`](Error::is_interrupted) is true. Dropping the cursor early leaves the client
/// usable.
#[derive(Debug)]
pub struct Flows<'c> {
    cursor: Cursor<'c, Socket>,
}

impl Flows<'_> {
    /// The next flow that matches; `None` after the last one.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Flow<'_>>> {
        now(self.cursor.next())
    }

    /// Hands every flow that is left to `each`.
    pub fn for_each<E: From<Error>>(
        self,
        each: impl FnMut(Flow<'_>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        now(self.cursor.for_each(each))
    }

    /// Every flow that is left, detached from the buffer.
    pub fn to_vec(self) -> Result<Vec<Flow<'static>>> {
        let mut flows = Vec::new();
        self.for_each(|flow| {
            flows.push(flow.into_owned());
            Ok::<_, Error>(())
        })?;
        Ok(flows)
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
                #[doc = concat!("The same as [`Client::", stringify!($verb), "`].")]
                pub async fn $verb(&mut self, $($argument: $type),*) -> Result<$value> {
                    self.verbs.$verb($($argument),*).await
                }
            )*
        }
    };
}

/// Writes each listing for both clients; the documentation is the blocking one's.
macro_rules! listings {
    ($($(#[$documentation:meta])* $verb:ident;)*) => {
        impl Client {
            $(
                $(#[$documentation])*
                pub fn $verb<'c>(&'c mut self, filter: &'c Filter) -> Result<Flows<'c>> {
                    Ok(Flows { cursor: now(self.verbs.$verb(filter))? })
                }
            )*
        }

        #[cfg(feature = "tokio")]
        impl crate::tokio::Client {
            $(
                #[doc = concat!("The same as [`Client::", stringify!($verb), "`].")]
                pub async fn $verb<'c>(
                    &'c mut self,
                    filter: &'c Filter,
                ) -> Result<crate::tokio::Flows<'c>> {
                    Ok(crate::tokio::Flows { cursor: self.verbs.$verb(filter).await? })
                }
            )*
        }
    };
}

listings! {
    /// Flows that match a filter, in the kernel's order.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// let all = conntrack::Filter::new();
    /// let mut flows = client.flows(&all)?;
    /// while let Some(flow) = flows.next()? {
    ///     println!("{}", flow.original);
    /// }
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET")]
    flows;

    /// Flows that have ended, while a listener still has to be told of it.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// println!("{} dying", client.dying(&conntrack::Filter::new())?.to_vec()?.len());
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET_DYING")]
    dying;

    /// Flows whose first packet is still on its way. Always none since Linux 5.19.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// println!("{} unconfirmed", client.unconfirmed(&conntrack::Filter::new())?.to_vec()?.len());
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET_UNCONFIRMED")]
    unconfirmed;
}

verbs! {
    /// How many flows match a filter. Each is counted once, also where the table is resized
    /// meanwhile: then they are counted again.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Condition, Protocol};
    /// println!("{} of UDP", client.count_of(&Condition::Protocol(Protocol::UDP).into())?);
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    count_of(filter: &Filter) -> u64;

    /// One flow, by either of its tuples.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Key, Tuple};
    /// let answer = Tuple::tcp("10.244.3.32:80".parse()?, "10.244.5.0:48480".parse()?);
    /// println!("{}", client.flow(&Key::reply(answer))?.original);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET")]
    flow(key: &Key) -> Flow<'static>;

    /// One flow with its counters, which are zeroed in the same step.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// let tuple = conntrack::Tuple::udp("10.0.0.1:1000".parse()?, "10.0.0.2:53".parse()?);
    /// println!("{:?} packets since the last time", client.zero_flow(&tuple.into())?.packets());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET_CTRZERO")]
    zero_flow(key: &Key) -> Flow<'static>;

    /// Flows that match a filter with their counters, each of which is zeroed in the step that reads
    /// it. No other flow's counters are.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Condition, Protocol};
    /// client.zero_flows(&Condition::Protocol(Protocol::TCP).into(), |flow| {
    ///     println!("{}: {:?} bytes since the last time", flow.original, flow.bytes());
    /// })?;
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET_CTRZERO")]
    zero_flows(filter: &Filter, each: impl FnMut(Flow<'_>) + Send) -> ();

    /// Creates a flow that must not exist.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{NewFlow, Tuple};
    /// let tuple = Tuple::udp("10.0.0.1:1000".parse()?, "10.0.0.2:53".parse()?);
    /// client.create(&NewFlow::new(tuple, 30))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_NEW")]
    create(flow: &NewFlow) -> ();

    /// Creates a flow, or changes the one that has its original tuple; of that one, zone, NAT and
    /// master stay as they are.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{NewFlow, Tuple};
    /// let tuple = Tuple::udp("10.0.0.1:1000".parse()?, "10.0.0.2:53".parse()?);
    /// client.put(&NewFlow::new(tuple, 30))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_NEW")]
    put(flow: &NewFlow) -> ();

    /// Changes single fields of a flow.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{FlowPatch, Tuple};
    /// let tuple = Tuple::udp("10.0.0.1:1000".parse()?, "10.0.0.2:53".parse()?);
    /// let patch = FlowPatch { mark: Some(7.into()), ..FlowPatch::default() };
    /// client.update(&tuple.into(), &patch)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_NEW")]
    update(key: &Key, patch: &FlowPatch) -> ();

    /// Deletes a flow.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// let tuple = conntrack::Tuple::udp("10.0.0.1:1000".parse()?, "10.0.0.2:53".parse()?);
    /// client.delete(&tuple.into())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_DELETE")]
    delete(key: &Key) -> ();

    /// Deletes the flows that match a filter, one by one by tuple, zone and id, so that no flow is
    /// deleted that was not checked. Those that are gone go to `each`.
    ///
    /// To see what would be deleted, list [`flows`](Self::flows) with the same filter.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Condition, Direction};
    /// let dead = Condition::Source(Direction::Reply, "10.244.3.32".parse::<std::net::IpAddr>()?.into());
    /// let deletion = client.delete_matching(&dead.into(), |flow| println!("{}", flow.original))?;
    /// println!("{} deleted", deletion.deleted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_DELETE")]
    delete_matching(filter: &Filter, each: impl FnMut(&Flow<'static>) + Send) -> Deletion;

    /// Deletes the flows that a filter matches with one request, where the kernel is known to get the
    /// whole filter right; else like [`delete_matching`](Self::delete_matching). What it can do is
    /// found out by [`Capabilities::probe`].
    ///
    /// This is the faster way to delete a large part of a large table. Of what it deletes, the
    /// kernel names only flows that were created while events were tracked (`nf_conntrack_events`),
    /// and no more than fit into the [receive buffer](Builder::receive_buffer). They go to `each`.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Capabilities, Condition};
    /// let capabilities = Capabilities::probe();
    /// let marked = Condition::Mark { value: 7, mask: !0 }.into();
    /// let deletion = client.flush_matching(&marked, &capabilities, |_| {})?;
    /// println!("{} deleted{}", deletion.deleted, if deletion.is_exact() { "" } else { " or more" });
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_DELETE")]
    #[doc(alias = "NLM_F_ECHO")]
    flush_matching(
        filter: &Filter,
        capabilities: &Capabilities,
        each: impl FnMut(&Flow<'_>) + Send
    ) -> Deletion;

    /// Deletes every flow of the network namespace.
    ///
    /// ```no_run
    /// conntrack::Client::connect()?.flush()?;
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_DELETE")]
    flush() -> ();

    /// Carries out many changes in order, in few system calls. The kernel goes on after a
    /// refusal; what became of each change is in the report.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Change, Filter};
    /// let flows = client.flows(&Filter::new())?.to_vec()?;
    /// let changes: Vec<_> = flows.iter().map(|flow| Change::Delete(flow.key())).collect();
    /// println!("{} deleted", client.apply(&changes)?.applied);
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    apply(changes: &[impl AsRef<Change> + Sync]) -> Report;

    /// The same as [`apply`](Self::apply) for changes in the kernel's form. They can be applied
    /// again. A request in the report is what the kernel was told: a key has no zone in its tuple.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Change, Filter, Prepared};
    /// let mut changes = Prepared::new();
    /// client.flows(&Filter::new())?.for_each(|flow| {
    ///     changes.push(&Change::Delete(flow.key()));
    ///     Ok::<_, conntrack::Error>(())
    /// })?;
    /// println!("{} deleted", client.apply_prepared(&mut changes)?.applied);
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    apply_prepared(changes: &mut Prepared) -> Report;

    /// What each processor counted in this network namespace.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// for cpu in client.statistics()? {
    ///     println!("{}: {:?} dropped", cpu.cpu, cpu.get(conntrack::Counter::DROP));
    /// }
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET_STATS_CPU")]
    statistics() -> Vec<CpuStatistics>;

    /// How full the table is.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// let table = client.global_statistics()?;
    /// println!("{} of {:?}", table.entries, table.max_entries);
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_CT_GET_STATS")]
    global_statistics() -> GlobalStatistics;

    /// What each processor counted of expectations.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// println!("{:?}", client.expectation_statistics()?);
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_EXP_GET_STATS_CPU")]
    expectation_statistics() -> Vec<CpuExpectationStatistics>;

    /// All expectations, of one family or both, in the kernel's order.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// for expectation in client.expectations(None)? {
    ///     println!("{} expects {}", expectation.master, expectation.tuple);
    /// }
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_EXP_GET")]
    expectations(family: Option<Family>) -> Vec<Expectation<'static>>;

    /// One expectation.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// let tuple = conntrack::Tuple::udp("10.0.0.1:0".parse()?, "10.0.0.2:6969".parse()?);
    /// println!("{:?}", client.expectation(&tuple.into())?.helper);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_EXP_GET")]
    expectation(key: &ExpectationKey) -> Expectation<'static>;

    /// Creates an expectation that must not exist. Its master must exist and have a helper.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// use conntrack::{Expectation, Tuple};
    /// let master = Tuple::udp("10.0.0.1:5000".parse()?, "10.0.0.2:69".parse()?);
    /// let tuple = Tuple::udp("10.0.0.2:0".parse()?, "10.0.0.1:5000".parse()?);
    /// let mask = Tuple::udp("255.255.255.255:0".parse()?, "255.255.255.255:65535".parse()?);
    /// client.create_expectation(&Expectation::new(master, tuple, mask))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_EXP_NEW")]
    create_expectation(expectation: &Expectation<'_>) -> ();

    /// Deletes an expectation.
    ///
    /// ```no_run
    /// # let mut client = conntrack::Client::connect()?;
    /// let tuple = conntrack::Tuple::udp("10.0.0.1:0".parse()?, "10.0.0.2:6969".parse()?);
    /// client.delete_expectation(&tuple.into())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_EXP_DELETE")]
    delete_expectation(key: &ExpectationKey) -> ();

    /// Deletes every expectation of the network namespace.
    ///
    /// ```no_run
    /// conntrack::Client::connect()?.flush_expectations()?;
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    #[doc(alias = "IPCTNL_MSG_EXP_DELETE")]
    flush_expectations() -> ();
}

impl Client {
    /// How many flows the network namespace has.
    ///
    /// ```no_run
    /// println!("{}", conntrack::Client::connect()?.count()?);
    /// # Ok::<(), conntrack::Error>(())
    /// ```
    pub fn count(&mut self) -> Result<u32> {
        Ok(self.global_statistics()?.entries)
    }
}

#[cfg(feature = "tokio")]
impl crate::tokio::Client {
    /// The same as [`Client::count`].
    pub async fn count(&mut self) -> Result<u32> {
        Ok(self.global_statistics().await?.entries)
    }
}
