//! Network namespaces of pods: those that the node's virtual Ethernet pairs lead to.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, atomic};
use std::thread;

use rsadm_netlink::{Bus, Connection, Namespace, Options, Socket, now};

use super::network;
use crate::{Link, Network, Part, Pod, Scope, wire};

/// Where names of network namespaces are.
const NAMED: &str = "/run/netns";

/// A namespace that was found.
struct Found {
    name: String,
    file: Arc<OwnedFd>,
    namespace: i32,
}

/// Reads the namespaces of pods.
pub(super) fn read(node: &Network, remarks: &mut Vec<String>) -> Part<Vec<Pod>> {
    let wired = wired(node);
    if wired.is_empty() {
        return Part::Read(Vec::new());
    }
    let found = match find(&wired) {
        Ok(found) => found,
        Err(reason) => return Part::Unknown(reason),
    };
    let (mut pods, failures) = enter_all(&found);
    if pods.is_empty() {
        if let Some(failure) = failures.into_iter().next() {
            return Part::Unknown(failure);
        }
    } else {
        remarks.extend(failures);
    }
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    Part::Read(pods)
}

/// Ids of the namespaces that pods are in, by the node's wires. A wire with a network of its own
/// is no pod's but the way to other nodes, or to the host of a node that is itself a container.
fn wired(node: &Network) -> HashSet<i32> {
    let is_uplink = |link: &Link| {
        node.addresses_of(link.index()).any(|address| {
            let host = if address.address.is_ipv4() { 32 } else { 128 };
            address.scope != Scope::LINK && address.prefix_length < host
        })
    };
    let wires = node.links.iter().filter(|link| !is_uplink(link));
    wires.filter_map(|link| link.base.link_namespace).filter(|id| *id >= 0).collect()
}

/// Namespaces with these ids: those with names first, then those of processes.
fn find(wired: &HashSet<i32>) -> Result<Vec<Found>, String> {
    let socket = Socket::open(Bus::Route, &Options::default());
    let mut connection = Connection::new(socket.map_err(|error| error.to_string())?);
    let mut found: BTreeMap<i32, Found> = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut refused = None;
    let candidates = named().into_iter().chain(of_processes());
    for (name, path) in candidates {
        if found.len() == wired.len() {
            break;
        }
        let file = match open(&path, &mut seen) {
            Ok(Some(file)) => file,
            Ok(None) => continue,
            Err(error) => {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    refused = refused.or(Some(format!("cannot open {}: {error}", path.display())));
                }
                continue;
            }
        };
        let id = id(&mut connection, &file).filter(|id| wired.contains(id));
        if let Some(namespace) = id {
            found.entry(namespace).or_insert(Found { name, file: Arc::new(file), namespace });
        }
    }
    match refused {
        Some(reason) if found.is_empty() => Err(reason),
        _ => Ok(found.into_values().collect()),
    }
}

/// Names and paths of namespaces that have names, in order.
fn named() -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(NAMED).into_iter().flatten().flatten();
    let mut named: Vec<_> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    named.sort();
    named
}

/// The same of processes, by rising id: the path is the name.
fn of_processes() -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let id = |name: &str| name.parse::<u32>().ok();
    let mut ids: Vec<_> = entries.filter_map(|entry| id(entry.file_name().to_str()?)).collect();
    ids.sort_unstable();
    ids.into_iter().map(|id| {
        let path = format!("/proc/{id}/ns/net");
        (path.clone(), path.into())
    })
}

/// Opens a namespace that was not seen yet.
fn open(path: &Path, seen: &mut HashSet<(u64, u64)>) -> io::Result<Option<OwnedFd>> {
    // Looking is cheaper than opening, and most processes are in namespaces that were seen.
    let identity = fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))?;
    if !seen.insert(identity) {
        return Ok(None);
    }
    File::open(path).map(|file| Some(file.into()))
}

/// The id that this namespace has for another; `None` if it has none.
fn id(connection: &mut Connection<Socket>, file: &OwnedFd) -> Option<i32> {
    let mut message = wire::namespace::get(file.as_fd());
    let mut id = None;
    let asked = now(connection.request(&mut message, |reply| {
        id = wire::namespace::id(reply.payload);
        Ok::<_, rsadm_netlink::Error>(())
    }));
    // What is no network namespace is refused.
    asked.ok().and(id)
}

/// Reads all that were found, several at a time.
fn enter_all(found: &[Found]) -> (Vec<Pod>, Vec<String>) {
    let next = atomic::AtomicUsize::new(0);
    let results = Mutex::new((Vec::new(), Vec::new()));
    let work = || {
        while let Some(found) = found.get(next.fetch_add(1, atomic::Ordering::Relaxed)) {
            let mut remarks = Vec::new();
            let read = enter(found, &mut remarks);
            let Ok(mut results) = results.lock() else { return };
            match read {
                Ok(pod) => results.0.push(pod),
                Err(error) => remarks.push(error),
            }
            let told = remarks.into_iter().map(|remark| format!("pod {}: {remark}", found.name));
            results.1.extend(told);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(found.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    results.into_inner().unwrap_or_default()
}

fn enter(found: &Found, remarks: &mut Vec<String>) -> Result<Pod, String> {
    let namespace = Namespace::File(Arc::clone(&found.file));
    let read = namespace.run(|| network::read(network::Scope::Pod, remarks));
    let network = match read {
        Ok(Ok(network)) => network,
        Ok(Err(error)) => return Err(error.to_string()),
        Err(error) => return Err(error.to_string()),
    };
    Ok(Pod { name: found.name.clone(), namespace: Some(found.namespace), network })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, AddressFlags};

    fn wire(index: u32, namespace: Option<i32>) -> Link {
        let base = vxlan::Link { index, link_namespace: namespace, ..vxlan::Link::default() };
        Link { base, ..Link::default() }
    }

    fn address(link: u32, address: &str, prefix_length: u8, scope: Scope) -> Address {
        let address = address.parse().expect("an address");
        let flags = AddressFlags::empty();
        Address { link, address, prefix_length, peer: None, scope, flags }
    }

    #[test]
    fn wires_with_networks_lead_to_no_pods() {
        let links = vec![wire(1, None), wire(2, Some(0)), wire(3, Some(1)), wire(4, Some(2))];
        let addresses = vec![
            address(1, "127.0.0.1", 8, Scope::HOST),
            address(2, "172.16.20.120", 24, Scope::UNIVERSE),
            address(3, "fe80::1", 64, Scope::LINK),
            address(4, "10.244.3.1", 32, Scope::UNIVERSE),
        ];
        let node = Network { links, addresses, ..Network::default() };
        assert_eq!(wired(&node), HashSet::from([1, 2]));
    }
}
