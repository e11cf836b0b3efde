//! What the running kernel does right.

use std::fmt;
use std::net::IpAddr;
use std::thread;

use rsadm_netlink::{Bus, Connection, Message, Options, Socket, now};
use rustix::thread::UnshareFlags;

use crate::filter::{KernelPart, TuplePart};
use crate::uapi::{IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET};
use crate::verbs::{Verbs, flush, listing};
use crate::{
    Dccp, DccpRole, DccpState, Family, Flow, Groups, NewFlow, Protocol, ProtocolState, Status,
    Subscription, Tuple,
};

/// Something that kernels differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Capability {
    /// Listing by bits of the mark.
    ListMark,
    /// Listing by status bits. Linux 5.15.
    ListStatus,
    /// Listing by IPv4 addresses. Linux 5.8.
    ListIpv4,
    /// Listing by IPv6 addresses; wrong from Linux 5.8 to at least 7.2.
    ListIpv6,
    /// Listing by ports of TCP and UDP. Linux 5.8.
    ListPorts,
    /// Listing by ports of SCTP.
    ListOtherPorts,
    /// Listing by zone. Linux 6.8.
    ListZone,
    /// Deleting a whole family. Linux 5.3.
    DeleteFamily,
    /// Deleting by bits of the mark. Linux 4.0.
    DeleteMark,
    /// Deleting by status bits. Linux 5.15.
    DeleteStatus,
    /// Deleting by IPv4 addresses. Linux 6.12.
    DeleteIpv4,
    /// Deleting by IPv6 addresses; wrong from Linux 6.12 to at least 7.2.
    DeleteIpv6,
    /// Deleting by ports of TCP and UDP. Linux 6.12.
    DeletePorts,
    /// Deleting by ports of SCTP.
    DeleteOtherPorts,
    /// Deleting by type, code and identifier of ICMP. Linux 6.12.
    DeleteIcmp,
    /// Deleting by zone. Linux 6.8.
    DeleteZone,
    /// Naming what one request deleted (`NLM_F_ECHO`).
    Echo,
    /// Zones at all.
    Zones,
    /// Ports of UDP-Lite: without them its flows are told apart by addresses alone.
    TrackUdplite,
    /// Ports of DCCP, likewise. Until Linux 6.16.
    TrackDccp,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::ListMark,
        Self::ListStatus,
        Self::ListIpv4,
        Self::ListIpv6,
        Self::ListPorts,
        Self::ListOtherPorts,
        Self::ListZone,
        Self::DeleteFamily,
        Self::DeleteMark,
        Self::DeleteStatus,
        Self::DeleteIpv4,
        Self::DeleteIpv6,
        Self::DeletePorts,
        Self::DeleteOtherPorts,
        Self::DeleteIcmp,
        Self::DeleteZone,
        Self::Echo,
        Self::Zones,
        Self::TrackUdplite,
        Self::TrackDccp,
    ];

    /// A short name, such as `list-ipv6`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListMark => "list-mark",
            Self::ListStatus => "list-status",
            Self::ListIpv4 => "list-ipv4",
            Self::ListIpv6 => "list-ipv6",
            Self::ListPorts => "list-ports",
            Self::ListOtherPorts => "list-other-ports",
            Self::ListZone => "list-zone",
            Self::DeleteFamily => "delete-family",
            Self::DeleteMark => "delete-mark",
            Self::DeleteStatus => "delete-status",
            Self::DeleteIpv4 => "delete-ipv4",
            Self::DeleteIpv6 => "delete-ipv6",
            Self::DeletePorts => "delete-ports",
            Self::DeleteOtherPorts => "delete-other-ports",
            Self::DeleteIcmp => "delete-icmp",
            Self::DeleteZone => "delete-zone",
            Self::Echo => "echo",
            Self::Zones => "zones",
            Self::TrackUdplite => "track-udplite",
            Self::TrackDccp => "track-dccp",
        }
    }
}

impl Capability {
    /// What a kernel needs to have so that it tells flows of a protocol apart by their ports; none
    /// if every kernel has it.
    pub const fn of_tracking(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::UDPLITE => Some(Self::TrackUdplite),
            Protocol::DCCP => Some(Self::TrackDccp),
            _ => None,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the kernel made of it when it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Support {
    /// It does what it should.
    Works,
    /// It is passed over, as if it had not been asked for.
    Ignored,
    /// It does something else: for a filter, it finds what does not match.
    Broken,
    /// The kernel refuses it.
    Refused,
    /// It could not be tried.
    #[default]
    Unknown,
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Works => "works",
            Self::Ignored => "ignored",
            Self::Broken => "broken",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        })
    }
}

/// What the running kernel does right. The default is that nothing is known of it, which is always
/// safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    found: Vec<(Capability, Support)>,
}

impl Capabilities {
    /// Tries everything out on a few flows in a network namespace that is made for it and thrown away,
    /// on a thread of its own. That takes some milliseconds and `CAP_SYS_ADMIN`; without, nothing is
    /// known.
    pub fn probe() -> Self {
        let probing = thread::Builder::new().name("conntrack".to_owned()).spawn(|| {
            #[expect(deprecated, reason = "only sharing of file descriptors makes it unsafe")]
            rustix::thread::unshare(UnshareFlags::NEWNET).ok()?;
            Laboratory::open()?.try_all()
        });
        let found = probing.ok().and_then(|thread| thread.join().ok()).flatten();
        Self { found: found.unwrap_or_default() }
    }

    /// A kernel that gets everything right, which there is none of.
    #[cfg(test)]
    pub(crate) fn of_a_perfect_kernel() -> Self {
        Self { found: Capability::ALL.map(|capability| (capability, Support::Works)).to_vec() }
    }

    /// What was found out.
    pub fn get(&self, capability: Capability) -> Support {
        let found = self.found.iter().find(|(one, _)| *one == capability);
        found.map(|(_, support)| *support).unwrap_or_default()
    }

    /// Everything, with what was found out.
    pub fn iter(&self) -> impl Iterator<Item = (Capability, Support)> {
        Capability::ALL.into_iter().map(|capability| (capability, self.get(capability)))
    }

    /// Whether the kernel deletes what this part says, and nothing else. An empty part is everything.
    pub(crate) fn can_flush(&self, part: &KernelPart) -> bool {
        let tuples = [&part.original, &part.reply];
        let any = |has: fn(&TuplePart) -> bool| tuples.iter().any(|tuple| has(tuple));
        let addresses = |tuple: &TuplePart| tuple.source.is_some() || tuple.destination.is_some();
        let ports =
            |tuple: &TuplePart| tuple.source_port.is_some() || tuple.destination_port.is_some();
        let icmp = |tuple: &TuplePart| {
            tuple.icmp_type.is_some() || tuple.icmp_code.is_some() || tuple.icmp_id.is_some()
        };
        let needed = [
            (part.family.is_some(), Capability::DeleteFamily),
            (part.mark.is_some(), Capability::DeleteMark),
            (part.status.is_some(), Capability::DeleteStatus),
            (part.zone.is_some(), Capability::DeleteZone),
            // The same change of the kernel brought the addresses and the protocol.
            (any(|tuple| !tuple.is_empty()), Capability::DeleteIpv4),
            (any(addresses) && part.family == Some(Family::Ipv6), Capability::DeleteIpv6),
            (any(ports), Capability::DeletePorts),
            (any(icmp), Capability::DeleteIcmp),
        ];
        needed.iter().all(|(needed, capability)| !needed || self.get(*capability) == Support::Works)
    }
}

/// A network namespace with nothing in it but what is tried.
struct Laboratory {
    verbs: Verbs<Socket>,
    connection: Connection<Socket>,
    /// With a listener in the namespace, the kernel tracks events of the flows that it creates.
    _listener: crate::Events,
}

/// A flow that a filter finds, and one that it does not.
struct Pair {
    found: NewFlow,
    other: NewFlow,
    part: KernelPart,
}

impl Laboratory {
    fn open() -> Option<Self> {
        let socket = || Socket::open(Bus::Netfilter, &Options::default()).ok();
        Some(Self {
            verbs: Verbs::new(socket()?, socket()?),
            connection: Connection::new(socket()?),
            _listener: Subscription::new(Groups::DESTROY).open().ok()?,
        })
    }

    fn try_all(&mut self) -> Option<Vec<(Capability, Support)>> {
        let mut found = Vec::new();
        let pairs = [
            (Capability::ListMark, Capability::DeleteMark, by_mark()),
            (Capability::ListStatus, Capability::DeleteStatus, by_status()),
            (Capability::ListIpv4, Capability::DeleteIpv4, by_address("10.0.0.1", "10.0.0.2")),
            (Capability::ListIpv6, Capability::DeleteIpv6, by_address("fd00::1", "fd00::2")),
            (Capability::ListPorts, Capability::DeletePorts, by_port(Protocol::UDP)),
            (Capability::ListOtherPorts, Capability::DeleteOtherPorts, by_port(Protocol::SCTP)),
            (Capability::ListZone, Capability::DeleteZone, by_zone()),
        ];
        for (list, delete, pair) in pairs {
            let pair = pair?;
            found.push((list, self.list(&pair)));
            found.push((delete, self.delete(&pair)));
        }
        found.push((Capability::DeleteFamily, self.delete(&by_family()?)));
        found.push((Capability::DeleteIcmp, self.delete(&by_icmp()?)));
        found.push((Capability::Echo, self.echo(&by_family()?)));
        found.push((Capability::Zones, self.zones(&by_zone()?)));
        found.push((Capability::TrackUdplite, self.tracks(by_port(Protocol::UDPLITE)?.found)));
        found.push((Capability::TrackDccp, self.tracks(by_port(Protocol::DCCP)?.found)));
        Some(found)
    }

    /// Makes the table hold the two flows and nothing else.
    fn prepare(&mut self, pair: &Pair) -> Option<()> {
        now(self.verbs.flush()).ok()?;
        now(self.verbs.create(&pair.found)).ok()?;
        now(self.verbs.create(&pair.other)).ok()
    }

    /// Whether the table shows the one and the other flow, asked for with a part of a filter.
    fn shown(&mut self, pair: &Pair, part: &KernelPart) -> rsadm_netlink::Result<(bool, bool)> {
        let (mut found, mut other) = (false, false);
        let mut message = listing(IPCTNL_MSG_CT_GET, part);
        let dump = now(self.connection.dump(&mut message))?;
        now(dump.for_each(|reply| {
            if let Ok(flow) = Flow::decode(reply.payload) {
                found |= flow.original == pair.found.original;
                other |= flow.original == pair.other.original;
            }
            Ok::<_, rsadm_netlink::Error>(())
        }))?;
        Ok((found, other))
    }

    fn list(&mut self, pair: &Pair) -> Support {
        if self.prepare(pair).is_none() {
            return Support::Unknown;
        }
        match self.shown(pair, &pair.part) {
            Ok((true, false)) => Support::Works,
            Ok((true, true)) => Support::Ignored,
            Ok(_) => Support::Broken,
            Err(error) => refused(&error),
        }
    }

    fn delete(&mut self, pair: &Pair) -> Support {
        if self.prepare(pair).is_none() {
            return Support::Unknown;
        }
        let done = |_: rsadm_netlink::Reply<'_>| Ok::<_, rsadm_netlink::Error>(());
        if let Err(error) = now(self.connection.request(&mut flush(&pair.part), done)) {
            return refused(&error);
        }
        match self.shown(pair, &KernelPart::default()) {
            Ok((false, true)) => Support::Works,
            Ok((false, false)) => Support::Ignored,
            Ok(_) => Support::Broken,
            Err(_) => Support::Unknown,
        }
    }

    /// Whether both flows are named when both are deleted.
    fn echo(&mut self, pair: &Pair) -> Support {
        if self.prepare(pair).is_none() {
            return Support::Unknown;
        }
        let mut named = 0;
        let mut message: Message = flush(&KernelPart::default());
        let request = self.connection.request_with_echo(&mut message, |reply| {
            named += usize::from(reply.header.kind == IPCTNL_MSG_CT_DELETE);
            Ok::<_, rsadm_netlink::Error>(())
        });
        match (now(request), named) {
            (Ok(()), 2) => Support::Works,
            (Ok(()), 0) => Support::Ignored,
            (Ok(()), _) => Support::Broken,
            (Err(error), _) => refused(&error),
        }
    }

    /// Whether a flow keeps its ports.
    fn tracks(&mut self, mut flow: NewFlow) -> Support {
        if flow.original.protocol == Protocol::DCCP {
            let role = Some(DccpRole::CLIENT);
            let dccp = Dccp { state: DccpState::OPEN, role, handshake_sequence: None };
            flow.settings.state = Some(ProtocolState::Dccp(dccp));
        }
        let created = now(self.verbs.flush()).and_then(|()| now(self.verbs.create(&flow)));
        match created {
            Ok(()) => match now(self.verbs.flow(&flow.key())) {
                Ok(made) if made.original == flow.original => Support::Works,
                Ok(_) => Support::Ignored,
                Err(error) if error.is_not_found() => Support::Ignored,
                Err(_) => Support::Unknown,
            },
            Err(error) if error.refused().is_some() => Support::Refused,
            Err(_) => Support::Unknown,
        }
    }

    /// Whether a flow is in the zone that it was created in.
    fn zones(&mut self, pair: &Pair) -> Support {
        let created = now(self.verbs.flush()).and_then(|()| now(self.verbs.create(&pair.found)));
        match created {
            Ok(()) => match now(self.verbs.flow(&pair.found.key())) {
                Ok(flow) if flow.zone == pair.found.zone => Support::Works,
                Ok(_) => Support::Ignored,
                Err(_) => Support::Unknown,
            },
            Err(error) if error.refused().is_some() => Support::Refused,
            Err(_) => Support::Unknown,
        }
    }
}

fn refused(error: &rsadm_netlink::Error) -> Support {
    if error.rejected().is_some() { Support::Refused } else { Support::Unknown }
}

/// Seconds that flows live which are thrown away at once.
const TIMEOUT: u32 = 600;

fn udp(source: &str, port: u16) -> Option<NewFlow> {
    let source: IpAddr = source.parse().ok()?;
    let destination = match source {
        IpAddr::V4(_) => "10.0.0.9",
        IpAddr::V6(_) => "fd00::9",
    };
    let tuple = Tuple::udp((source, port).into(), (destination.parse::<IpAddr>().ok()?, 53).into());
    Some(NewFlow::new(tuple, TIMEOUT))
}

fn by_mark() -> Option<Pair> {
    let (mut found, mut other) = (udp("10.0.0.1", 1)?, udp("10.0.0.1", 2)?);
    found.settings.mark = Some(0x15.into());
    other.settings.mark = Some(0x16.into());
    let part = KernelPart { mark: Some((5, 0xf)), ..KernelPart::default() };
    Some(Pair { found, other, part })
}

fn by_status() -> Option<Pair> {
    let (mut found, mut other) = (udp("10.0.0.1", 1)?, udp("10.0.0.1", 2)?);
    found.settings.status = Some(Status::SEEN_REPLY);
    other.settings.status = Some(Status::SEEN_REPLY | Status::ASSURED);
    let mask = Status::SEEN_REPLY | Status::ASSURED;
    let part = KernelPart { status: Some((Status::SEEN_REPLY, mask)), ..KernelPart::default() };
    Some(Pair { found, other, part })
}

fn by_address(found: &str, other: &str) -> Option<Pair> {
    let source: IpAddr = found.parse().ok()?;
    let original = TuplePart { source: Some(source), ..TuplePart::default() };
    let family = Some(Family::of(source));
    let part = KernelPart { family, original, ..KernelPart::default() };
    Some(Pair { found: udp(found, 1)?, other: udp(other, 1)?, part })
}

fn by_port(protocol: Protocol) -> Option<Pair> {
    let of = |port| {
        let mut flow = udp("10.0.0.1", port)?;
        flow.original.protocol = protocol;
        flow.reply.protocol = protocol;
        Some(flow)
    };
    let (protocol, source_port) = (Some(protocol), Some(1));
    let original = TuplePart { protocol, source_port, ..TuplePart::default() };
    let part = KernelPart { family: Some(Family::Ipv4), original, ..KernelPart::default() };
    Some(Pair { found: of(1)?, other: of(2)?, part })
}

fn by_icmp() -> Option<Pair> {
    let (from, to) = ("10.0.0.1".parse().ok()?, "10.0.0.9".parse().ok()?);
    let (protocol, icmp_id) = (Some(Protocol::ICMP), Some(1));
    let (icmp_type, icmp_code) = (Some(8), Some(0));
    let original = TuplePart { protocol, icmp_type, icmp_code, icmp_id, ..TuplePart::default() };
    let part = KernelPart { family: Some(Family::Ipv4), original, ..KernelPart::default() };
    let of = |id| NewFlow::new(Tuple::echo(from, to, id), TIMEOUT);
    Some(Pair { found: of(1), other: of(2), part })
}

fn by_family() -> Option<Pair> {
    let part = KernelPart { family: Some(Family::Ipv4), ..KernelPart::default() };
    Some(Pair { found: udp("10.0.0.1", 1)?, other: udp("fd00::1", 1)?, part })
}

fn by_zone() -> Option<Pair> {
    let (mut found, mut other) = (udp("10.0.0.1", 1)?, udp("10.0.0.1", 2)?);
    found.zone = Some(7);
    other.zone = Some(8);
    let part = KernelPart { zone: Some(7), ..KernelPart::default() };
    Some(Pair { found, other, part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_relied_on() {
        let nothing = Capabilities::default();
        assert!(nothing.iter().all(|(_, support)| support == Support::Unknown));
        for pair in [by_mark(), by_status(), by_family(), by_zone(), by_icmp()] {
            assert!(!nothing.can_flush(&pair.expect("a pair").part));
        }
    }

    /// One thing that the kernel gets wrong spoils every deletion that needs it.
    #[test]
    fn each_capability_is_needed_for_its_deletion() {
        let pairs = [
            (by_mark(), vec![Capability::DeleteMark]),
            (by_status(), vec![Capability::DeleteStatus]),
            (by_family(), vec![Capability::DeleteFamily]),
            (by_zone(), vec![Capability::DeleteZone]),
            (by_icmp(), vec![Capability::DeleteIcmp, Capability::DeleteIpv4]),
            (by_port(Protocol::UDP), vec![Capability::DeletePorts, Capability::DeleteIpv4]),
            (by_address("10.0.0.1", "10.0.0.2"), vec![Capability::DeleteIpv4]),
            (by_address("fd00::1", "fd00::2"), vec![Capability::DeleteIpv6]),
        ];
        for (pair, needed) in pairs {
            let part = pair.expect("a pair").part;
            assert!(Capabilities::of_a_perfect_kernel().can_flush(&part));
            for capability in needed {
                for support in [Support::Ignored, Support::Broken, Support::Refused] {
                    let mut kernel = Capabilities::of_a_perfect_kernel();
                    kernel.found.retain(|(one, _)| *one != capability);
                    kernel.found.push((capability, support));
                    assert!(!kernel.can_flush(&part), "{capability} {support}");
                }
            }
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = Capability::ALL.iter().map(|one| one.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Capability::ALL.len());
    }
}
