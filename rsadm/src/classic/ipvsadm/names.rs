//! Names of addresses and ports.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use ipvs::Protocol;

use super::services_file::ServicesFile;

/// After so many look-ups in a row that took too long, names are no longer asked for.
const PATIENCE: u32 = 3;

/// Where names come from. Each is looked up once.
#[derive(Debug, Default)]
pub struct Names(Option<Box<Resolver>>);

impl Names {
    /// No names: numbers.
    pub fn numeric() -> Self {
        Self(None)
    }

    /// The system's names, however long they take.
    pub fn resolved() -> Self {
        Self(Some(Box::new(Resolver::new(None))))
    }

    /// The system's names; one that takes longer than `limit` is left out, and after three such
    /// in a row all that are not known yet.
    pub fn resolved_within(limit: Duration) -> Self {
        Self(Some(Box::new(Resolver::new(Some(limit)))))
    }

    /// The name of a host.
    pub fn host(&mut self, address: IpAddr) -> Option<&str> {
        self.0.as_mut()?.host(address)
    }

    /// The name of a port.
    pub fn port(&mut self, port: u16, protocol: Protocol) -> Option<&str> {
        self.0.as_mut()?.port(port, protocol)
    }
}

/// Looks a name up; a test puts its own in the place of the system's.
type Lookup = fn(IpAddr) -> Option<String>;

#[derive(Debug)]
struct Resolver {
    hosts: HashMap<IpAddr, Option<String>>,
    lookup: Lookup,
    worker: Option<Worker>,
    limit: Option<Duration>,
    /// Look-ups in a row that took too long.
    late: u32,
    services: Option<ServicesFile>,
    /// Ports that the services file does not know and the name service was asked for.
    ports: HashMap<(u16, u16), Option<String>>,
}

impl Resolver {
    fn new(limit: Option<Duration>) -> Self {
        Self {
            hosts: HashMap::new(),
            lookup: reverse,
            worker: None,
            limit,
            late: 0,
            services: None,
            ports: HashMap::new(),
        }
    }

    fn host(&mut self, address: IpAddr) -> Option<&str> {
        if !self.hosts.contains_key(&address) {
            let name = match self.limit {
                None => (self.lookup)(address),
                Some(limit) => self.host_within(address, limit),
            };
            self.hosts.insert(address, name);
        }
        self.hosts.get(&address)?.as_deref()
    }

    /// Has a thread look the name up. One that does not answer in time is left behind, with its
    /// channels, and ends by itself when the system answers it.
    fn host_within(&mut self, address: IpAddr, limit: Duration) -> Option<String> {
        if self.late >= PATIENCE {
            return None;
        }
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(self.lookup)?,
        };
        worker.addresses.send(address).ok()?;
        match worker.names.recv_timeout(limit) {
            Ok(name) => {
                self.late = 0;
                self.worker = Some(worker);
                name
            }
            Err(RecvTimeoutError::Timeout) => {
                self.late += 1;
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn port(&mut self, port: u16, protocol: Protocol) -> Option<&str> {
        let services = self.services.get_or_insert_with(ServicesFile::read);
        if services.is_complete() || services.name(port, protocol).is_some() {
            return services.name(port, protocol);
        }
        self.ports
            .entry((port, protocol.0))
            .or_insert_with(|| port_from_name_service(port, protocol))
            .as_deref()
    }
}

/// The thread that looks names up.
#[derive(Debug)]
struct Worker {
    addresses: Sender<IpAddr>,
    names: Receiver<Option<String>>,
}

impl Worker {
    fn start(lookup: Lookup) -> Option<Self> {
        let (addresses, asked) = mpsc::channel();
        let (answer, names) = mpsc::channel();
        thread::Builder::new()
            .name("names".into())
            .spawn(move || {
                while let Ok(address) = asked.recv() {
                    if answer.send(lookup(address)).is_err() {
                        return;
                    }
                }
            })
            .ok()?;
        Some(Self { addresses, names })
    }
}

/// `NI_NUMERICHOST`, `NI_NUMERICSERV`, `NI_NAMEREQD` and `NI_DGRAM` of Linux.
const NUMERIC_HOST: i32 = 1;
const NUMERIC_SERVICE: i32 = 2;
const NAME_REQUIRED: i32 = 8;
const DATAGRAM: i32 = 16;

fn reverse(address: IpAddr) -> Option<String> {
    let flags = NAME_REQUIRED | NUMERIC_SERVICE;
    let (host, _) = dns_lookup::getnameinfo(&SocketAddr::new(address, 0), flags).ok()?;
    Some(host)
}

fn port_from_name_service(port: u16, protocol: Protocol) -> Option<String> {
    let flags = match protocol {
        Protocol::TCP => NUMERIC_HOST,
        Protocol::UDP => NUMERIC_HOST | DATAGRAM,
        // The C library's function knows no other protocol.
        _ => return None,
    };
    let address = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port);
    let (_, name) = dns_lookup::getnameinfo(&address, flags).ok()?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_has_no_names() {
        let mut names = Names::numeric();
        assert_eq!(names.host(IpAddr::from([127, 0, 0, 1])), None);
        assert_eq!(names.port(80, Protocol::TCP), None);
    }

    fn resolver(lookup: Lookup) -> Resolver {
        Resolver { lookup, ..Resolver::new(Some(Duration::from_millis(5))) }
    }

    /// The odd hosts answer, the even ones never do.
    fn odd(address: IpAddr) -> Option<String> {
        let IpAddr::V4(address) = address else { return None };
        if address.octets()[3] % 2 == 0 {
            loop {
                thread::park();
            }
        }
        Some(format!("host{}", address.octets()[3]))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_look_up_that_hangs_is_left_out_and_others_go_on() {
        let mut resolver = Resolver { limit: Some(Duration::from_secs(30)), ..resolver(odd) };
        assert_eq!(resolver.host(address(1)), Some("host1"));
        resolver.limit = Some(Duration::from_millis(5));
        assert_eq!(resolver.host(address(2)), None);
        resolver.limit = Some(Duration::from_secs(30));
        assert_eq!(resolver.host(address(3)), Some("host3"));
        assert_eq!(resolver.host(address(1)), Some("host1"));
    }

    #[test]
    fn look_ups_that_hang_are_given_up() {
        let mut resolver = resolver(odd);
        for last in [2, 4, 6] {
            assert_eq!(resolver.host(address(last)), None);
        }
        // A limit that no test would wait for shows that nobody is asked.
        resolver.limit = Some(Duration::from_secs(3600));
        assert_eq!(resolver.host(address(8)), None);
    }
}
