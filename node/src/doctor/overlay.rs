//! The overlay: devices, the neighbours on them, and the forwarding entries of those.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vxlan::{Entry, Mac, Neighbour, State};

use super::cluster::{Cluster, Node, Vtep};
use super::finding::{Report, Severity, Told};
use crate::{Code, Stage};

pub(super) fn examine(cluster: &Cluster<'_>, node: &Node<'_>, report: &mut Report) {
    for vtep in &node.vteps {
        device(node, vtep, report);
        duplicates(cluster, node, vtep, report);
        if vtep.is_external() || !vtep.link.is_up() {
            continue;
        }
        entries(node, vtep, report);
        // The entries of a bridged device are for the pods' own addresses: no routes lead over it.
        if vtep.link.base.master.is_some() {
            continue;
        }
        let gateways: BTreeSet<_> = vtep.routes.iter().map(|(_, gateway)| *gateway).collect();
        for gateway in &gateways {
            Way { cluster, node, vtep, gateway: *gateway }.examine(report);
        }
        unused(node, vtep, &gateways, report);
    }
    if node.vteps.is_empty() {
        absent(cluster, node, report);
    }
}

/// What a device is like, apart from what it leads to.
fn device(node: &Node<'_>, vtep: &Vtep<'_>, report: &mut Report) {
    let name = vtep.name();
    let mut add = |severity, code, summary: String, why, fix: String| {
        let told = Told { subject: name.to_owned(), summary, why, fix };
        report.add(severity, code, node.snapshot, Stage::Vtep, told);
    };
    if !vtep.link.is_up() {
        let rival = node.vteps.iter().find(|other| is_rival(vtep, other));
        match rival {
            Some(rival) => add(
                Severity::Error,
                Code::VtepPortShared,
                format!("{name} is down, and {} has its UDP port", rival.name()),
                "the kernel refuses to switch on a device whose port or VNI another one uses",
                format!("ip link delete {}, or give one of them another port", rival.name()),
            ),
            None => add(
                Severity::Error,
                Code::VtepDown,
                format!("{name} is down"),
                "nothing is sent or taken over a device that is down, and its routes are gone",
                format!(
                    "ip link set {name} up, then let the network plugin write its routes again"
                ),
            ),
        }
        return;
    }
    if let Some(local) = vtep.settings.local.filter(|local| !node.network().owns(*local)) {
        add(
            Severity::Error,
            Code::VtepLocalAddress,
            format!("{name} sends from {local}, which the node does not have"),
            "answers and the other nodes' packets go to an address that nobody takes",
            format!("ip link set {name} type vxlan local ADDRESS, with an address of the node"),
        );
    }
    let written = || vtep.entries.iter().any(|entry| !entry.mac.floods() && is_kept(entry));
    if vtep.is_external() {
        return;
    }
    if vtep.settings.learning == Some(true) && written() {
        add(
            Severity::Warning,
            Code::VtepLearning,
            format!("{name} learns addresses though its entries were written"),
            "packets from elsewhere can move an address, and stale addresses are learned again",
            format!("ip link set {name} type vxlan nolearning"),
        );
    }
    let routed = vtep.link.base.master.is_none();
    if routed && written() && vtep.routes.is_empty() && vtep.written_neighbours().next().is_none() {
        add(
            Severity::Error,
            Code::VtepEmptied,
            format!("{name} has entries, but no route leads over it and no neighbour is written"),
            "a device that was down keeps its entries and loses its routes and neighbours",
            "restart the network plugin, which writes them again".to_owned(),
        );
    }
}

fn is_kept(entry: &Entry) -> bool {
    entry.state.is_kept()
}

/// Whether the other device keeps this one from being switched on.
fn is_rival(vtep: &Vtep<'_>, other: &Vtep<'_>) -> bool {
    let same_port = other.settings.port == vtep.settings.port;
    let both_take_all = other.is_external() || vtep.is_external() || other.vni() == vtep.vni();
    other.link.index() != vtep.link.index() && other.link.is_up() && same_port && both_take_all
}

/// Several ends of the overlay with one Ethernet address.
fn duplicates(cluster: &Cluster<'_>, node: &Node<'_>, vtep: &Vtep<'_>, report: &mut Report) {
    let Some(mac) = vtep.link.mac() else { return };
    for other in cluster.others(node).filter(|other| other.name() > node.name()) {
        let same = |twin: &&Vtep<'_>| twin.link.mac() == Some(mac) && twin.vni() == vtep.vni();
        let Some(twin) = other.vteps.iter().find(same) else { continue };
        let name = vtep.name();
        let told = Told {
            subject: name.to_owned(),
            summary: format!(
                "{name} has the Ethernet address {mac}, and so has {} on {}",
                twin.name(),
                other.name()
            ),
            why: "a third node sends the packets of both to one of them",
            fix: format!("delete {name} on one of them and let the network plugin make it anew"),
        };
        report.add(Severity::Error, Code::VtepMacDuplicate, node.snapshot, Stage::Vtep, told);
    }
}

/// Entries by themselves: those that lead back, and those that say the same twice.
fn entries(node: &Node<'_>, vtep: &Vtep<'_>, report: &mut Report) {
    let name = vtep.name();
    for entry in &vtep.entries {
        let Some(remote) = entry.remote.address.filter(|remote| node.network().owns(*remote))
        else {
            continue;
        };
        let told = Told {
            subject: format!("{name} {}", entry.mac),
            summary: format!("the entry of {} leads to {remote}, which is this node", entry.mac),
            why: "packets go round on this node until their time to live is over",
            fix: format!("bridge fdb del {} dev {name} dst {remote}", entry.mac),
        };
        report.add(Severity::Error, Code::FdbLoop, node.snapshot, Stage::Fdb, told);
    }
}

/// One way over the overlay: to a gateway, as routes say.
struct Way<'c, 'a> {
    cluster: &'c Cluster<'a>,
    node: &'c Node<'a>,
    vtep: &'c Vtep<'a>,
    gateway: IpAddr,
}

impl<'c, 'a> Way<'c, 'a> {
    /// The other end, if its snapshot is there: the device with the gateway's address.
    fn peer(&self) -> Option<(&'c Node<'a>, &'c Vtep<'a>)> {
        let mut peers = self.cluster.others(self.node);
        peers.find_map(|peer| Some((peer, peer.vtep_with(self.gateway)?)))
    }

    fn examine(&self, report: &mut Report) {
        let Some(mac) = self.neighbour(report) else { return };
        if !self.mac(mac, report) {
            return;
        }
        let Some(entry) = self.vtep.entry(mac) else {
            if !self.vtep.has_default_entry() {
                self.no_entry(mac, report);
            }
            return;
        };
        // Where the entry leads back has been said.
        match entry.remote.address {
            Some(remote) if !self.node.network().owns(remote) => self.remote(entry, remote, report),
            _ => {}
        }
    }

    /// The gateway's Ethernet address.
    fn neighbour(&self, report: &mut Report) -> Option<Mac> {
        let (name, gateway) = (self.vtep.name(), self.gateway);
        let found = self.vtep.neighbour(gateway);
        let mac = found.filter(|neighbour| !is_unresolved(neighbour)).and_then(|one| one.mac);
        // With a default entry the neighbour is asked for when it is needed.
        let resolves = self.vtep.has_default_entry() && !self.vtep.link.is_without_arp();
        let (severity, code, summary) = match (found, mac) {
            (Some(neighbour), Some(mac)) => {
                if resolves || neighbour.state.is_kept() {
                    return Some(mac);
                }
                let summary = format!("the neighbour {gateway} on {name} is not permanent");
                (Severity::Warning, Code::NeighbourNotPermanent, summary)
            }
            (None, _) if resolves => return None,
            (Some(neighbour), None) if !is_missing(neighbour) => {
                let summary = format!("the neighbour {gateway} on {name} does not answer");
                (Severity::Error, Code::NeighbourFailed, summary)
            }
            _ => {
                let summary = format!("the route's gateway {gateway} is no neighbour on {name}");
                (Severity::Error, Code::NeighbourMissing, summary)
            }
        };
        let peers_mac = self.peer().and_then(|(_, vtep)| vtep.link.mac());
        let known = peers_mac.map_or_else(|| "MAC-OF-THE-PEER".to_owned(), |mac| mac.to_string());
        let told = Told {
            subject: format!("{name} {gateway}"),
            summary,
            why: "an overlay without flooding resolves nothing: packets to the pods behind it are dropped",
            fix: format!("ip neigh replace {gateway} lladdr {known} dev {name} nud permanent"),
        };
        report.add(severity, code, self.node.snapshot, Stage::Neighbour, told);
        mac
    }

    /// Whether the peer has this Ethernet address, as far as is known.
    fn mac(&self, mac: Mac, report: &mut Report) -> bool {
        let Some((peer, theirs)) = self.peer() else { return true };
        let Some(real) = theirs.link.mac().filter(|real| *real != mac) else { return true };
        let (name, gateway) = (self.vtep.name(), self.gateway);
        let told = |summary, why| Told {
            subject: format!("{name} {gateway}"),
            summary,
            why,
            fix: format!(
                "ip neigh replace {gateway} lladdr {real} dev {name} nud permanent; \
                 bridge fdb replace {real} dev {name} dst {}; bridge fdb del {mac} dev {name}",
                theirs.settings.local.map_or_else(|| "ADDRESS".to_owned(), |at| at.to_string())
            ),
        };
        if self.vtep.entry(real).is_some() {
            let summary = format!(
                "the neighbour {gateway} is said to be {mac}, but {} on {} is {real}",
                theirs.name(),
                peer.name()
            );
            let told = told(summary, "frames to an address that nobody has are dropped");
            let (code, stage) = (Code::NeighbourWrongMac, Stage::Neighbour);
            report.add(Severity::Error, code, self.node.snapshot, stage, told);
        } else {
            let summary = format!(
                "{} on {} is {real}, but neighbour and entry still say {mac}",
                theirs.name(),
                peer.name()
            );
            let why = "the peer made its device anew; it drops frames to its old address";
            let (code, stage) = (Code::VtepMacChanged, Stage::Vtep);
            report.add(Severity::Error, code, self.node.snapshot, stage, told(summary, why));
        }
        false
    }

    fn no_entry(&self, mac: Mac, report: &mut Report) {
        let (name, gateway) = (self.vtep.name(), self.gateway);
        let local = self.peer().and_then(|(_, theirs)| theirs.settings.local);
        let remote = local.map_or_else(|| "ADDRESS-OF-THE-NODE".to_owned(), |at| at.to_string());
        let told = Told {
            subject: format!("{name} {mac}"),
            summary: format!("no forwarding entry on {name} for {mac} (peer {gateway})"),
            why: "the device drops frames that no entry leads anywhere",
            fix: format!("bridge fdb replace {mac} dev {name} dst {remote}"),
        };
        report.add(Severity::Error, Code::FdbMissing, self.node.snapshot, Stage::Fdb, told);
    }

    /// The node that the entry leads to.
    fn remote(&self, entry: &Entry, remote: IpAddr, report: &mut Report) {
        if let Some((peer, theirs)) = self.peer() {
            if peer.network().owns(remote) {
                self.ends(entry, peer, theirs, report);
            } else {
                self.elsewhere(entry, remote, (peer, theirs), report);
            }
            return;
        }
        if self.cluster.is_single() {
            return;
        }
        match self.cluster.owner(remote) {
            Some(peer) => self.bare(peer, remote, report),
            None => report.doubt(
                self.node.snapshot,
                Stage::Vtep,
                &format!("{} {}", self.vtep.name(), self.gateway),
                &format!("no snapshot of the node with {remote}"),
            ),
        }
    }

    /// The entry leads to another node than the gateway is on.
    fn elsewhere(
        &self,
        entry: &Entry,
        remote: IpAddr,
        (peer, theirs): (&Node<'_>, &Vtep<'_>),
        report: &mut Report,
    ) {
        let name = self.vtep.name();
        let who = match self.cluster.owner(remote) {
            Some(other) => format!("{remote} ({})", other.name()),
            None => format!("{remote}, which no node has"),
        };
        let right = theirs.settings.local.map_or_else(|| "ADDRESS".to_owned(), |at| at.to_string());
        let told = Told {
            subject: format!("{name} {}", entry.mac),
            summary: format!(
                "the entry of {} (peer {} on {}) leads to {who}",
                entry.mac,
                self.gateway,
                peer.name()
            ),
            why: "packets to the pods of that node arrive nowhere",
            fix: format!("bridge fdb replace {} dev {name} dst {right}", entry.mac),
        };
        report.add(Severity::Error, Code::FdbWrongRemote, self.node.snapshot, Stage::Fdb, told);
    }

    /// The entry leads to a node of which no overlay device has the gateway's address.
    fn bare(&self, peer: &Node<'_>, remote: IpAddr, report: &mut Report) {
        let vni = self.vtep.vni();
        let like = |theirs: &&Vtep<'_>| theirs.is_external() || theirs.vni() == vni;
        if peer.vteps.iter().any(|theirs| like(&theirs)) {
            return;
        }
        let name = self.vtep.name();
        let vni = vni.map_or_else(|| "?".to_owned(), |vni| vni.to_string());
        let told = Told {
            subject: name.to_owned(),
            summary: format!(
                "there is no VXLAN device with VNI {vni}, and {} sends to it",
                self.node.name()
            ),
            why: "the kernel drops packets of a VNI that no device takes",
            fix: format!(
                "restart the network plugin on {}, which makes {name} ({remote})",
                peer.name()
            ),
        };
        report.add(Severity::Error, Code::VtepMissing, peer.snapshot, Stage::Vtep, told);
    }

    /// Whether both ends speak of the same network.
    fn ends(&self, entry: &Entry, peer: &Node<'_>, theirs: &Vtep<'_>, report: &mut Report) {
        let name = self.vtep.name();
        let defaults = self.vtep.link.base.defaults();
        let vni = entry.remote.vni.or(defaults.vni);
        let port = entry.remote.port.or(defaults.port);
        let own_words = entry.remote.vni.is_some() || entry.remote.port.is_some();
        // What both devices are like is the same seen from either side: said once.
        if !own_words && peer.name() < self.node.name() {
            return;
        }
        let mut differ = |code, what: &str, here: String, there: String| {
            let (code, stage) =
                if own_words { (Code::FdbWrongVni, Stage::Fdb) } else { (code, Stage::Vtep) };
            let told = Told {
                subject: name.to_owned(),
                summary: format!(
                    "{name} sends with {what} {here}, but {} on {} has {there}",
                    theirs.name(),
                    peer.name()
                ),
                why: "the kernel drops packets that no device of theirs takes",
                fix: format!("make one of the devices anew with the other's {what}"),
            };
            report.add(Severity::Error, code, self.node.snapshot, stage, told);
        };
        let pair = |(here, there)| (here != there).then_some((here, there));
        if let Some((here, there)) =
            vni.zip(theirs.vni()).and_then(|two| (two.0 != two.1).then_some(two))
        {
            if !theirs.is_external() {
                differ(Code::VniMismatch, "VNI", here.to_string(), there.to_string());
            }
        }
        if let Some((here, there)) = port.zip(theirs.settings.port).and_then(pair) {
            differ(Code::PortMismatch, "UDP port", here.to_string(), there.to_string());
        }
    }
}

fn is_unresolved(neighbour: &Neighbour) -> bool {
    neighbour.state.intersects(State::FAILED | State::INCOMPLETE)
}

/// Whether the kernel only remembers that somebody asked.
fn is_missing(neighbour: &Neighbour) -> bool {
    neighbour.mac.is_none() && !is_unresolved(neighbour)
}

/// What was written and leads nowhere: entries without a neighbour, neighbours without a route.
fn unused(node: &Node<'_>, vtep: &Vtep<'_>, gateways: &BTreeSet<IpAddr>, report: &mut Report) {
    let name = vtep.name();
    for neighbour in vtep.written_neighbours().filter(|one| !gateways.contains(&one.address)) {
        let told = Told {
            subject: format!("{name} {}", neighbour.address),
            summary: format!("no route leads to the neighbour {} on {name}", neighbour.address),
            why: "packets to the pods behind it take another way, mostly the default route",
            fix: format!(
                "ip route replace POD-NETWORK via {} dev {name} onlink",
                neighbour.address
            ),
        };
        report.add(Severity::Error, Code::RouteMissing, node.snapshot, Stage::Route, told);
    }
    let used: BTreeSet<Mac> =
        vtep.neighbours.iter().filter_map(|neighbour| neighbour.mac).collect();
    let idle =
        |entry: &&&Entry| !entry.mac.floods() && is_kept(entry) && !used.contains(&entry.mac);
    for entry in vtep.entries.iter().filter(idle) {
        let Some(remote) = entry.remote.address else { continue };
        let twin = vtep.entries.iter().find(|other| {
            other.mac != entry.mac
                && other.remote.address == Some(remote)
                && used.contains(&other.mac)
        });
        let (code, summary) = match twin {
            Some(twin) => (
                Code::FdbDuplicate,
                format!(
                    "{} and {} both lead to {remote}, and no neighbour is the former",
                    entry.mac, twin.mac
                ),
            ),
            None => (
                Code::FdbOrphan,
                format!(
                    "the entry of {} leads to {remote}, and no neighbour has that address",
                    entry.mac
                ),
            ),
        };
        let told = Told {
            subject: format!("{name} {}", entry.mac),
            summary,
            why: "an entry that a node left behind can lead packets astray when its address is used again",
            fix: format!("bridge fdb del {} dev {name} dst {remote}", entry.mac),
        };
        report.add(Severity::Warning, code, node.snapshot, Stage::Fdb, told);
    }
}

/// A node that others send the overlay's packets to, and that has no device for them.
fn absent(cluster: &Cluster<'_>, node: &Node<'_>, report: &mut Report) {
    for other in cluster.others(node) {
        let leads_here = |entry: &&&Entry| {
            !entry.mac.floods()
                && is_kept(entry)
                && entry.remote.address.is_some_and(|remote| node.network().owns(remote))
        };
        let Some(vtep) =
            other.vteps.iter().find(|vtep| vtep.entries.iter().any(|e| leads_here(&e)))
        else {
            continue;
        };
        let told = Told {
            subject: vtep.name().to_owned(),
            summary: format!(
                "there is no VXLAN device, and {} sends to it over {}",
                other.name(),
                vtep.name()
            ),
            why: "the kernel answers that nobody listens on the port",
            fix: format!("restart the network plugin, which makes {}", vtep.name()),
        };
        report.add(Severity::Error, Code::VtepMissing, node.snapshot, Stage::Vtep, told);
        return;
    }
}
