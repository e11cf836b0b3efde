//! Which part of a filter the kernel is given to work with.
//!
//! Only what every kernel does right, or passes over, may go there. Up to at least Linux 7.2 the
//! kernel's filter on IPv6 addresses is inverted, its filter on ports knows TCP, UDP and ICMP only,
//! its filter on the zone of a tuple does nothing, and its filter on zones finds flows that have the
//! zone in one direction as well. A kernel that does not know a filter passes over it.

use std::fmt;
use std::net::IpAddr;

use super::{Condition, Filter, Network};
use crate::tuple::is_icmp_query;
use crate::{Direction, Family, Protocol, Status};

/// Who decides on a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The kernel shows only flows for which it holds, if it is new enough.
    Kernel,
    /// The kernel leaves out some of those for which it does not hold.
    Narrowed,
    /// This crate alone, after the kernel has shown the flow.
    Here,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::Narrowed => "narrowed",
            Self::Here => "here",
        })
    }
}

/// What becomes of the conditions of a [`Filter`]. Every flow that the kernel shows is checked
/// against all of them nevertheless.
#[derive(Clone, Debug)]
pub struct Plan {
    places: Vec<(Condition, Place)>,
    pub(crate) kernel: KernelPart,
}

impl Plan {
    /// The conditions, in the filter's order, and who decides on each.
    pub fn places(&self) -> &[(Condition, Place)] {
        &self.places
    }

    /// Whether the kernel decides on every condition: only then a deletion may be left to it.
    pub fn is_whole(&self) -> bool {
        self.places.iter().all(|(_, place)| *place == Place::Kernel)
    }
}

/// The part of a filter that goes to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KernelPart {
    pub(crate) family: Option<Family>,
    pub(crate) original: TuplePart,
    pub(crate) reply: TuplePart,
    /// Value and mask; the value has no bit outside of the mask.
    pub(crate) mark: Option<(u32, u32)>,
    /// Value and mask; the value has no bit outside of the mask.
    pub(crate) status: Option<(Status, Status)>,
    pub(crate) zone: Option<u16>,
}

/// What is compared of a tuple.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TuplePart {
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: Option<IpAddr>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) source_port: Option<u16>,
    pub(crate) destination_port: Option<u16>,
    pub(crate) icmp_type: Option<u8>,
    pub(crate) icmp_code: Option<u8>,
    pub(crate) icmp_id: Option<u16>,
}

impl TuplePart {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The kernel decides, if it was told.
fn exactly(taken: bool) -> Place {
    if taken { Place::Kernel } else { Place::Here }
}

/// Puts a value where none or the same is.
fn fill<V: Copy + PartialEq>(slot: &mut Option<V>, value: V) -> bool {
    *slot.get_or_insert(value) == value
}

impl KernelPart {
    /// Whether every kernel knows it: family and mark.
    pub(crate) fn is_old(&self) -> bool {
        let Self { family, mark, .. } = *self;
        *self == Self { family, mark, ..Self::default() }
    }

    fn tuple(&mut self, direction: Direction) -> &mut TuplePart {
        match direction {
            Direction::Original => &mut self.original,
            Direction::Reply => &mut self.reply,
        }
    }

    /// Takes over as much of a condition as the kernel gets right. Family and protocol are settled
    /// by now.
    fn take(&mut self, condition: &Condition) -> Place {
        match *condition {
            Condition::Family(family) => exactly(self.family == Some(family)),
            Condition::Protocol(protocol) => {
                let taken = self.original.protocol == Some(protocol);
                self.of_tuple(taken)
            }
            Condition::Source(direction, network) => {
                self.address(direction, network, |tuple| &mut tuple.source)
            }
            Condition::Destination(direction, network) => {
                self.address(direction, network, |tuple| &mut tuple.destination)
            }
            Condition::SourcePort(direction, ref ports) => {
                self.port(direction, ports.single(), |tuple| &mut tuple.source_port)
            }
            Condition::DestinationPort(direction, ref ports) => {
                self.port(direction, ports.single(), |tuple| &mut tuple.destination_port)
            }
            // A type without an answer is refused.
            Condition::IcmpType(_, kind) if !is_icmp_query(kind) => Place::Here,
            Condition::IcmpType(direction, kind) => {
                self.icmp(direction, kind, |tuple| &mut tuple.icmp_type)
            }
            Condition::IcmpCode(direction, code) => {
                self.icmp(direction, code, |tuple| &mut tuple.icmp_code)
            }
            Condition::IcmpId(direction, id) => {
                self.icmp(direction, id, |tuple| &mut tuple.icmp_id)
            }
            Condition::Mark { value, mask } => {
                let taken = mask != 0 && fill(&mut self.mark, (value & mask, mask));
                exactly(taken)
            }
            Condition::Status { value, mask } => {
                let taken = !mask.is_empty() && fill(&mut self.status, (value & mask, mask));
                exactly(taken)
            }
            // The kernel's zone is also that of flows which have it in one direction.
            Condition::Zone(zone) if zone != 0 && fill(&mut self.zone, zone) => Place::Narrowed,
            _ => Place::Here,
        }
    }

    /// A part of the tuple that the kernel compares; with IPv6 it is not to be left to it alone.
    fn of_tuple(&self, taken: bool) -> Place {
        match self.family {
            Some(Family::Ipv4) if taken => Place::Kernel,
            Some(Family::Ipv6) if taken => Place::Narrowed,
            _ => Place::Here,
        }
    }

    fn address(
        &mut self,
        direction: Direction,
        network: Network,
        slot: impl Fn(&mut TuplePart) -> &mut Option<IpAddr>,
    ) -> Place {
        if self.family != Some(Family::of(network.address)) {
            return Place::Here;
        }
        match network.single() {
            Some(address @ IpAddr::V4(_)) if fill(slot(self.tuple(direction)), address) => {
                Place::Kernel
            }
            _ => Place::Narrowed,
        }
    }

    fn port(
        &mut self,
        direction: Direction,
        port: Option<u16>,
        slot: impl Fn(&mut TuplePart) -> &mut Option<u16>,
    ) -> Place {
        let protocol = self.original.protocol;
        let compared = matches!(protocol, Some(Protocol::TCP | Protocol::UDP));
        let Some(port) = port.filter(|_| compared) else { return Place::Here };
        let tuple = self.tuple(direction);
        tuple.protocol = protocol;
        let taken = fill(slot(tuple), port);
        self.of_tuple(taken)
    }

    fn icmp<V: Copy + PartialEq>(
        &mut self,
        direction: Direction,
        value: V,
        slot: impl Fn(&mut TuplePart) -> &mut Option<V>,
    ) -> Place {
        let compared =
            self.family == Some(Family::Ipv4) && self.original.protocol == Some(Protocol::ICMP);
        if !compared {
            return Place::Here;
        }
        let tuple = self.tuple(direction);
        tuple.protocol = Some(Protocol::ICMP);
        let taken = fill(slot(tuple), value);
        self.of_tuple(taken)
    }
}

impl Filter {
    /// What of the filter goes to the kernel, and what does not.
    ///
    /// ```
    /// use conntrack::{Condition, Direction, Filter, Network, Place};
    /// let from = |network| Condition::Source(Direction::Original, network);
    /// let filter = Filter::new()
    ///     .and(from(Network::host("10.0.0.1".parse()?)))
    ///     .and(Condition::custom("of even timeout", |flow| flow.timeout.is_none_or(|t| t % 2 == 0)));
    /// let plan = filter.plan();
    /// assert_eq!(plan.places()[0].1, Place::Kernel);
    /// assert_eq!(plan.places()[1].1, Place::Here);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn plan(&self) -> Plan {
        let mut kernel = KernelPart::default();
        for condition in self.conditions() {
            match condition {
                Condition::Family(family) => drop(kernel.family.get_or_insert(*family)),
                Condition::Source(_, network) | Condition::Destination(_, network) => {
                    kernel.family.get_or_insert(Family::of(network.address));
                }
                _ => {}
            }
        }
        // The kernel compares tuples of a known family only.
        if kernel.family.is_some() {
            kernel.original.protocol = self.conditions().iter().find_map(|condition| {
                if let Condition::Protocol(protocol) = condition { Some(*protocol) } else { None }
            });
        }
        let places = self
            .conditions()
            .iter()
            .map(|condition| (condition.clone(), kernel.take(condition)))
            .collect();
        Plan { places, kernel }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::Ports;

    fn network(text: &str, prefix: u8) -> Network {
        Network::new(text.parse().expect("an address"), prefix)
    }

    fn source(text: &str, prefix: u8) -> Condition {
        Condition::Source(Direction::Original, network(text, prefix))
    }

    fn port(port: u16) -> Condition {
        Condition::DestinationPort(Direction::Original, port.into())
    }

    fn plan(conditions: &[Condition]) -> (Vec<Place>, KernelPart) {
        let filter = conditions.iter().cloned().fold(Filter::new(), Filter::and);
        let plan = filter.plan();
        (plan.places.iter().map(|(_, place)| *place).collect(), plan.kernel)
    }

    #[test]
    fn exact_ipv4_goes_to_the_kernel() {
        let reply = Condition::SourcePort(Direction::Reply, 8080.into());
        let (places, kernel) = plan(&[
            port(80),
            source("10.0.0.1", 32),
            Condition::Protocol(Protocol::TCP),
            reply,
            Condition::Mark { value: 0xf7, mask: 0xf },
            Condition::Status { value: Status::ASSURED, mask: Status::ASSURED },
        ]);
        assert_eq!(places, [Place::Kernel; 6]);
        assert_eq!(kernel.family, Some(Family::Ipv4));
        assert_eq!(kernel.original.destination_port, Some(80));
        assert_eq!(kernel.reply.protocol, Some(Protocol::TCP));
        assert_eq!(kernel.mark, Some((7, 0xf)), "no bit outside of the mask");
    }

    #[test]
    fn ipv6_addresses_never_go_to_the_kernel() {
        for prefix in [0, 64, 128] {
            for direction in [Direction::Original, Direction::Reply] {
                let network = network("fd00::1", prefix);
                for condition in [
                    Condition::Source(direction, network),
                    Condition::Destination(direction, network),
                ] {
                    let (places, kernel) = plan(&[condition]);
                    assert_eq!(places, [Place::Narrowed]);
                    let family = Some(Family::Ipv6);
                    assert_eq!(kernel, KernelPart { family, ..KernelPart::default() });
                }
            }
        }
        let (places, kernel) =
            plan(&[source("fd00::1", 128), Condition::Protocol(Protocol::UDP), port(53)]);
        assert_eq!(places, [Place::Narrowed; 3], "nothing of IPv6 is left to the kernel alone");
        assert_eq!((kernel.original.source, kernel.original.destination), (None, None));
    }

    #[test]
    fn networks_and_ranges_narrow_at_most() {
        let ranges = Ports::from_iter([80..=81]);
        let (places, kernel) = plan(&[
            source("10.0.0.0", 8),
            Condition::Protocol(Protocol::TCP),
            Condition::DestinationPort(Direction::Original, ranges),
        ]);
        assert_eq!(places, [Place::Narrowed, Place::Kernel, Place::Here]);
        assert_eq!(kernel.original.source, None);
    }

    #[test]
    fn ports_of_other_protocols_stay_here() {
        for protocol in [Protocol::SCTP, Protocol::UDPLITE, Protocol::DCCP, Protocol::GRE] {
            let (places, kernel) =
                plan(&[Condition::Family(Family::Ipv4), Condition::Protocol(protocol), port(1)]);
            assert_eq!(places, [Place::Kernel, Place::Kernel, Place::Here]);
            assert_eq!(kernel.original.destination_port, None);
        }
        let (places, _) = plan(&[Condition::Family(Family::Ipv4), port(1)]);
        assert_eq!(places, [Place::Kernel, Place::Here], "a port without a protocol");
    }

    #[test]
    fn without_a_family_no_tuple_goes_to_the_kernel() {
        let (places, kernel) = plan(&[Condition::Protocol(Protocol::UDP), port(53)]);
        assert_eq!(places, [Place::Here; 2]);
        assert_eq!(kernel, KernelPart::default());
    }

    #[test]
    fn zones_are_never_left_to_the_kernel_alone() {
        let (places, kernel) = plan(&[Condition::Zone(7)]);
        assert_eq!((places, kernel.zone), (vec![Place::Narrowed], Some(7)));
        let others = [Condition::Zone(0), Condition::TupleZone(Direction::Original, 7)];
        for condition in others {
            let (places, kernel) = plan(&[condition]);
            assert_eq!(places, [Place::Here]);
            assert_eq!(kernel, KernelPart::default());
        }
    }

    #[test]
    fn of_contradictions_the_kernel_gets_one() {
        let (places, kernel) = plan(&[
            Condition::Mark { value: 1, mask: !0 },
            Condition::Mark { value: 2, mask: !0 },
            source("10.0.0.1", 32),
            source("10.0.0.2", 32),
            source("fd00::1", 128),
            Condition::Family(Family::Ipv6),
        ]);
        let (kernels, here) = (Place::Kernel, Place::Here);
        assert_eq!(places, [kernels, here, kernels, Place::Narrowed, here, here]);
        assert_eq!(kernel.mark, Some((1, !0)));
        assert_eq!(kernel.original.source, Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))));
    }

    #[test]
    fn negations_alternatives_and_code_stay_here() {
        let mark = Condition::Mark { value: 1, mask: !0 };
        for condition in [
            mark.clone().negated(),
            Condition::Any(vec![mark]),
            Condition::custom("anything", |_| true),
            Condition::Mark { value: 0, mask: 0 },
            Condition::Status { value: Status::empty(), mask: Status::empty() },
            Condition::Id(7),
        ] {
            let (places, kernel) = plan(&[condition]);
            assert_eq!(places, [Place::Here]);
            assert_eq!(kernel, KernelPart::default());
        }
    }
}
