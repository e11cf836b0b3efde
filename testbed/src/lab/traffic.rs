//! Requests to the service, and who answered them.

use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, SocketAddr},
    thread,
    time::Duration,
};

use rustix::io::Errno;

use super::{
    Lab,
    cluster::{Forwarding, Protocol},
};
use crate::{Context, Error, Result, http, namespace::Namespace, udp};

/// How long a probe's attempt waits. What is well answers within a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same where every answer is expected, so that nothing is waited for but a busy machine.
const MUCH_PATIENCE: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The first node itself.
    Node,
    /// The client, a pod of the second node.
    Client,
}

/// What became of as many requests as there are backends: round robin asks each one once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// The backends that answered.
    pub answered: BTreeSet<IpAddr>,
    /// Requests without any answer within a second.
    pub timed_out: usize,
    /// Requests that were refused: by a reset, or because nobody serves there.
    pub refused: usize,
    /// Requests that the asking kernel did not send: no way, or dropped on the way out.
    pub unsent: usize,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered: Vec<_> = self.answered.iter().map(IpAddr::to_string).collect();
        match answered.as_slice() {
            [] => f.write_str("no answer")?,
            pods => write!(f, "answers from {}", pods.join(", "))?,
        }
        for (count, what) in [
            (self.timed_out, "without an answer"),
            (self.refused, "refused"),
            (self.unsent, "not sent"),
        ] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        Ok(())
    }
}

impl Probe {
    fn of(results: impl IntoIterator<Item = io::Result<String>>) -> Result<Self> {
        let mut probe = Self::default();
        for result in results {
            match result {
                Ok(text) => {
                    let name = text.lines().next().unwrap_or_default();
                    let pod = name.parse().context(|| format!("`{name}` is no pod's answer"))?;
                    probe.answered.insert(pod);
                }
                Err(error) => match Errno::from_io_error(&error) {
                    // The last two are how a socket's own timeouts look.
                    Some(Errno::TIMEDOUT | Errno::AGAIN | Errno::INPROGRESS) => {
                        probe.timed_out += 1;
                    }
                    Some(Errno::CONNREFUSED | Errno::CONNRESET) => probe.refused += 1,
                    Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::PERM) => {
                        probe.unsent += 1;
                    }
                    _ => return Err(Error::new(format!("a request failed: {error}"))),
                },
            }
        }
        Ok(probe)
    }
}

/// Asks everything at the same time: what is lost is waited for once.
fn at_once<A: FnOnce() -> io::Result<String> + Send>(
    requests: impl Iterator<Item = A>,
) -> Result<Probe> {
    thread::scope(|scope| {
        let asking: Vec<_> = requests.map(|request| scope.spawn(request)).collect();
        let answers = asking
            .into_iter()
            .map(|asked| asked.join().map_err(|_| Error::new("the thread of a request died")));
        Probe::of(answers.collect::<Result<Vec<_>>>()?)
    })
}

/// Who asks, in which namespace, and by which address.
#[derive(Debug, Clone, Copy)]
struct Asker<'a> {
    namespace: &'a Namespace,
    from: Option<IpAddr>,
    service: SocketAddr,
    protocol: Protocol,
    times: usize,
}

impl Asker<'_> {
    /// Asks as often as there are backends.
    fn ask(self, filler: usize, patience: Duration) -> Result<Probe> {
        let Self { from, service, protocol, times, .. } = self;
        let ask = move || match protocol {
            Protocol::Tcp => http::ask(service, from, filler, patience),
            Protocol::Udp => {
                udp::Caller::new(service, from, patience).and_then(|caller| caller.ask(filler))
            }
        };
        self.namespace.enter(|| at_once((0..times).map(|_| ask)))
    }
}

/// UDP flows that stay: each client keeps its port.
#[derive(Debug)]
pub struct Flows(Vec<udp::Caller>);

impl Flows {
    /// Asks once more by each flow.
    pub fn ask(&self) -> Result<Probe> {
        at_once(self.0.iter().map(|caller| || caller.ask(0)))
    }
}

impl Lab {
    /// The addresses of the pods that answer for the service.
    pub fn backends(&self) -> BTreeSet<IpAddr> {
        self.cluster.backends().collect()
    }

    /// Asks the service as often as it has backends, and tells what became of it within about a
    /// second.
    pub fn probe(&self, source: Source) -> Result<Probe> {
        self.probe_sized(source, 0)
    }

    /// The same with `filler` bytes more in each answer.
    pub fn probe_sized(&self, source: Source, filler: usize) -> Result<Probe> {
        self.asker(source).ask(filler, PATIENCE)
    }

    /// Both sources, the node and the client; at the same time, unless both ask the same IPVS.
    pub fn probe_both(&self, filler: usize) -> Result<[Probe; 2]> {
        if self.cluster.forwarding == Forwarding::DirectRouting {
            return Ok([
                self.probe_sized(Source::Node, filler)?,
                self.probe_sized(Source::Client, filler)?,
            ]);
        }
        let [node, client] = [self.asker(Source::Node), self.asker(Source::Client)];
        thread::scope(|scope| {
            let node = scope.spawn(move || node.ask(filler, PATIENCE));
            let client = client.ask(filler, PATIENCE)?;
            let node = node.join().map_err(|_| Error::new("the thread of a probe died"))??;
            Ok([node, client])
        })
    }

    /// Opens as many UDP flows to the service as it has backends; each has had an answer.
    pub fn open_flows(&self, source: Source) -> Result<Flows> {
        let asker = self.asker(source);
        if asker.protocol != Protocol::Udp {
            return Err(Error::new(format!("the service of {} speaks no UDP", self.variant())));
        }
        let opened = asker.namespace.enter(|| {
            let open = || udp::Caller::new(asker.service, asker.from, PATIENCE);
            let callers = (0..asker.times).map(|_| open()).collect::<io::Result<Vec<_>>>();
            callers.context(|| "cannot open a flow".into())
        })?;
        let flows = Flows(opened);
        self.require_all(source, &flows.ask()?)?;
        Ok(flows)
    }

    /// Asks the service often enough to reach every pod, and checks that all of them answered.
    pub fn send_traffic(&self) -> Result<()> {
        for source in [Source::Node, Source::Client] {
            self.require_all(source, &self.asker(source).ask(0, MUCH_PATIENCE)?)?;
            eprintln!(
                "{} asked {} {} times: every pod answered",
                self.who(source),
                self.cluster.service_name(),
                self.backends().len()
            );
        }
        Ok(())
    }

    fn require_all(&self, source: Source, probe: &Probe) -> Result<()> {
        if probe.answered == self.backends() {
            return Ok(());
        }
        Err(Error::new(format!(
            "{} asked {} {} times and not every pod answered: {probe}",
            self.who(source),
            self.cluster.service_name(),
            self.backends().len()
        )))
    }

    pub(super) fn who(&self, source: Source) -> String {
        match source {
            Source::Node => self.nodes[0].name().to_owned(),
            Source::Client => format!("{} on {}", self.client().name(), self.nodes[1].name()),
        }
    }

    fn asker(&self, source: Source) -> Asker<'_> {
        let (namespace, from) = match source {
            Source::Node => (self.nodes[0].namespace(), self.node_asks_from()),
            Source::Client => (self.client().namespace(), None),
        };
        Asker {
            namespace,
            from,
            service: self.cluster.service(),
            protocol: self.cluster.protocol,
            times: self.backends().len(),
        }
    }

    /// The address that the node asks from, when it must not be the kernel's choice.
    ///
    /// That is the service's own. Without masquerading the answer to it would not find its way
    /// back, and pods to which the service is routed directly have that address too.
    pub fn node_asks_from(&self) -> Option<IpAddr> {
        let masquerades = self.masquerades && self.cluster.forwarding == Forwarding::Masquerade;
        (!masquerades).then(|| self.nodes[0].bridge_address())
    }
}
