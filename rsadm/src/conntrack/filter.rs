//! Filters, under the names that conntrack has for them.

use clap::Args;
use conntrack::{
    Condition, DccpState, Direction, Family, Filter, Labels, NatMatch, Network, Protocol,
    SctpState, TcpState,
};
use ipvs::ServiceKey;

use super::arguments::FamilyName;
use super::labels;
use super::values::{
    Choice, Mark, PortChoice, StatusBits, icmp_id, ids, key, marks, nat_match, networks, number32,
    octet, ports, protocols, status, words, zones,
};
use crate::failure::{Failure, Result};

/// Which flows. Values may be lists (`80,443`), of which one has to be met, and `!` in front
/// stands for all others.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Source of the first packet: address or network
    #[arg(short = 's', long = "src", alias = "orig-src", value_name = "CIDR",
          value_parser = networks)]
    src: Option<Choice<Network>>,
    /// Destination of the first packet
    #[arg(short = 'd', long = "dst", alias = "orig-dst", value_name = "CIDR",
          value_parser = networks)]
    dst: Option<Choice<Network>>,
    /// Source of answers: the real end behind NAT or IPVS
    #[arg(short = 'r', long, value_name = "CIDR", value_parser = networks)]
    reply_src: Option<Choice<Network>>,
    /// Destination of answers: the masqueraded source
    #[arg(short = 'q', long, value_name = "CIDR", value_parser = networks)]
    reply_dst: Option<Choice<Network>>,
    /// Protocol: tcp, udp, udplite, sctp, dccp, icmp, icmpv6, gre or a number
    #[arg(short = 'p', long = "proto", alias = "protonum", value_name = "PROTOCOL",
          value_parser = protocols)]
    proto: Option<Choice<Protocol>>,
    /// Family
    #[arg(short = 'f', long, value_name = "FAMILY")]
    family: Option<FamilyName>,
    /// Source port of the first packet: ports and ranges
    #[arg(long, alias = "orig-port-src", value_name = "PORTS", value_parser = ports)]
    sport: Option<PortChoice>,
    /// Destination port of the first packet
    #[arg(long, alias = "orig-port-dst", value_name = "PORTS", value_parser = ports)]
    dport: Option<PortChoice>,
    /// Source port of answers
    #[arg(long, value_name = "PORTS", value_parser = ports)]
    reply_port_src: Option<PortChoice>,
    /// Destination port of answers
    #[arg(long, value_name = "PORTS", value_parser = ports)]
    reply_port_dst: Option<PortChoice>,
    /// State of TCP, SCTP or DCCP, such as ESTABLISHED,TIME_WAIT
    #[arg(long, value_name = "STATE", value_parser = words)]
    state: Option<Choice<String>>,
    /// Status bits, all of which are as given: ASSURED, !SEEN_REPLY, UNREPLIED, ...
    #[arg(short = 'u', long, value_name = "STATUS", value_parser = status)]
    status: Option<StatusBits>,
    /// Mark, or some bits of it
    #[arg(short = 'm', long, value_name = "MARK[/MASK]", value_parser = marks)]
    mark: Option<Choice<Mark>>,
    /// Labels, all of which are set: names or numbers
    #[arg(short = 'l', long, value_name = "LABEL", value_delimiter = ',')]
    label: Vec<String>,
    /// Zone of both directions; 0 is none
    #[arg(short = 'w', long, value_name = "ZONE", value_parser = zones)]
    zone: Option<Choice<u16>>,
    /// Zone of the original direction alone
    #[arg(long, value_name = "ZONE", value_parser = zones)]
    orig_zone: Option<Choice<u16>>,
    /// Zone of the reply direction alone
    #[arg(long, value_name = "ZONE", value_parser = zones)]
    reply_zone: Option<Choice<u16>>,
    /// The source is translated, to that
    #[arg(short = 'n', long, value_name = "CIDR[:PORT]", value_parser = nat_match,
          num_args = 0..=1, default_missing_value = "")]
    src_nat: Option<NatMatch>,
    /// The destination is translated, to that
    #[arg(short = 'g', long, value_name = "CIDR[:PORT]", value_parser = nat_match,
          num_args = 0..=1, default_missing_value = "")]
    dst_nat: Option<NatMatch>,
    /// Source or destination is translated, to that
    #[arg(short = 'j', long, value_name = "CIDR[:PORT]", value_parser = nat_match,
          num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["src_nat", "dst_nat"])]
    any_nat: Option<NatMatch>,
    /// Id, as -o id shows it
    #[arg(short = 'i', long, value_name = "ID", value_parser = ids)]
    id: Option<Choice<u32>>,
    /// Name of the helper
    #[arg(long, value_name = "NAME", value_parser = words)]
    helper: Option<Choice<String>>,
    /// Service that was asked: tcp://ADDRESS:PORT, udp://ADDRESS:PORT, sctp://ADDRESS:PORT
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["dst", "dport", "proto"])]
    pub(crate) service: Option<ServiceKey>,
    #[command(flatten)]
    rare: Rare,
}

/// Filters of single protocols.
#[derive(Args, Clone, Debug, Default)]
struct Rare {
    /// Type of ICMP
    #[arg(long, value_name = "TYPE", value_parser = octet)]
    icmp_type: Option<u8>,
    /// Code of ICMP
    #[arg(long, value_name = "CODE", value_parser = octet)]
    icmp_code: Option<u8>,
    /// Identifier of ICMP
    #[arg(long, value_name = "ID", value_parser = icmp_id)]
    icmp_id: Option<u16>,
    /// Type of ICMPv6
    #[arg(long, value_name = "TYPE", value_parser = octet)]
    icmpv6_type: Option<u8>,
    /// Code of ICMPv6
    #[arg(long, value_name = "CODE", value_parser = octet)]
    icmpv6_code: Option<u8>,
    /// Identifier of ICMPv6
    #[arg(long, value_name = "ID", value_parser = icmp_id)]
    icmpv6_id: Option<u16>,
    /// Source key of GRE
    #[arg(long, alias = "orig-key-src", value_name = "KEY", value_parser = key)]
    srckey: Option<u16>,
    /// Destination key of GRE
    #[arg(long, alias = "orig-key-dst", value_name = "KEY", value_parser = key)]
    dstkey: Option<u16>,
    /// Source key of GRE of answers
    #[arg(long, value_name = "KEY", value_parser = key)]
    reply_key_src: Option<u16>,
    /// Destination key of GRE of answers
    #[arg(long, value_name = "KEY", value_parser = key)]
    reply_key_dst: Option<u16>,
    /// Verification tag of SCTP of the original direction
    #[arg(long, value_name = "TAG", value_parser = number32)]
    orig_vtag: Option<u32>,
    /// Verification tag of SCTP of the reply direction
    #[arg(long, value_name = "TAG", value_parser = number32)]
    reply_vtag: Option<u32>,
}

impl Filters {
    /// The filter, if its parts go together.
    pub(crate) fn build(&self) -> Result<Filter> {
        self.check_families()?;
        let mut filter = Filter::new();
        let mut and = |condition: Option<Condition>| {
            if let Some(condition) = condition {
                filter = std::mem::take(&mut filter).and(condition);
            }
        };
        and(self.family.map(|family| Condition::Family(family.into())));
        for condition in self.protocol_conditions()? {
            and(Some(condition));
        }
        let (original, reply) = (Direction::Original, Direction::Reply);
        for (direction, source, destination) in
            [(original, &self.src, &self.dst), (reply, &self.reply_src, &self.reply_dst)]
        {
            let of = |network| Condition::Source(direction, network);
            and(source.as_ref().map(|choice| choice.condition(of)));
            let of = |network| Condition::Destination(direction, network);
            and(destination.as_ref().map(|choice| choice.condition(of)));
        }
        for (direction, source, destination) in [
            (original, &self.sport, &self.dport),
            (reply, &self.reply_port_src, &self.reply_port_dst),
        ] {
            let of = |ports| Condition::SourcePort(direction, ports);
            and(source.as_ref().map(|choice| choice.condition(of)));
            let of = |ports| Condition::DestinationPort(direction, ports);
            and(destination.as_ref().map(|choice| choice.condition(of)));
        }
        and(self.state_condition()?);
        let bits = self.status.map(|bits| Condition::Status { value: bits.value, mask: bits.mask });
        and(bits);
        let of = |mark: Mark| Condition::Mark { value: mark.value, mask: mark.mask };
        and(self.mark.as_ref().map(|choice| choice.condition(of)));
        let wanted = labels::bits(&self.label)?;
        and((wanted != Labels::NONE).then_some(Condition::Labels(wanted)));
        and(self.zone.as_ref().map(|choice| choice.condition(Condition::Zone)));
        for (direction, zone) in [(original, &self.orig_zone), (reply, &self.reply_zone)] {
            let of = |zone| Condition::TupleZone(direction, zone);
            and(zone.as_ref().map(|choice| choice.condition(of)));
        }
        and(self.src_nat.clone().map(Condition::SourceNat));
        and(self.dst_nat.clone().map(Condition::DestinationNat));
        and(self.any_nat.clone().map(Condition::AnyNat));
        and(self.id.as_ref().map(|choice| choice.condition(Condition::Id)));
        let of = |name: String| Condition::Helper(name.into());
        and(self.helper.as_ref().map(|choice| choice.condition(of)));
        Ok(filter)
    }

    /// Addresses that may be met, under their options' names.
    fn families(&self) -> impl Iterator<Item = (&'static str, Family)> {
        let nat = |nat: &Option<NatMatch>| {
            nat.iter().filter_map(|nat| nat.address).map(|network| network.address).collect()
        };
        let list = |choice: &Option<Choice<Network>>| -> Vec<_> {
            choice.iter().flat_map(Choice::wanted).map(|network| network.address).collect()
        };
        let lists = [
            ("--src", list(&self.src)),
            ("--dst", list(&self.dst)),
            ("--reply-src", list(&self.reply_src)),
            ("--reply-dst", list(&self.reply_dst)),
            ("--src-nat", nat(&self.src_nat)),
            ("--dst-nat", nat(&self.dst_nat)),
            ("--any-nat", nat(&self.any_nat)),
        ];
        lists.into_iter().filter_map(|(option, addresses)| {
            let mut families = addresses.into_iter().map(Family::of);
            let first = families.next()?;
            // A list of both families leaves both.
            families.all(|family| family == first).then_some((option, first))
        })
    }

    fn check_families(&self) -> Result<()> {
        let named = self.family.map(|family| ("--family", Family::from(family)));
        let service = self.service.map(|key| ("--service", family_of(&key)));
        let mut all = named.into_iter().chain(service).chain(self.families());
        let Some((first, family)) = all.next() else { return Ok(()) };
        match all.find(|(_, other)| *other != family) {
            None => Ok(()),
            Some((option, other)) => Err(Failure::usage(format!(
                "{first} is about {family} and {option} about {other}: no flow is of both"
            ))),
        }
    }

    /// The protocols that may be met; none where any may.
    fn protocols(&self) -> &[Protocol] {
        self.proto.as_ref().map(Choice::wanted).unwrap_or_default()
    }

    /// What only some protocols have, and what follows of the protocol from it.
    fn protocol_conditions(&self) -> Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        conditions.extend(self.proto.as_ref().map(|it| it.condition(Condition::Protocol)));
        let ports = [
            ("--sport", self.sport.is_some()),
            ("--dport", self.dport.is_some()),
            ("--reply-port-src", self.reply_port_src.is_some()),
            ("--reply-port-dst", self.reply_port_dst.is_some()),
        ];
        if let Some((option, _)) = ports.into_iter().find(|(_, given)| *given) {
            self.needs(option, Protocol::has_ports, "tcp, udp, udplite, sctp or dccp")?;
        }
        if let Some(service) = &self.service {
            conditions.extend(service_conditions(service)?);
        }
        for (protocol, of_protocol) in self.rare.conditions() {
            let Some((option, _)) = of_protocol.first() else { continue };
            let is_it = |one: Protocol| one == protocol;
            self.needs(option, is_it, protocol.name().unwrap_or_default())?;
            if self.proto.is_none() {
                conditions.push(Condition::Protocol(protocol));
            }
            conditions.extend(of_protocol.into_iter().map(|(_, condition)| condition));
        }
        Ok(conditions)
    }

    /// Refuses an option that none of the protocols asked for has.
    fn needs(&self, option: &str, has: impl Fn(Protocol) -> bool, which: &str) -> Result<()> {
        let protocols = self.protocols();
        if protocols.is_empty() || protocols.iter().any(|protocol| has(*protocol)) {
            return Ok(());
        }
        let names: Vec<_> = protocols.iter().map(Protocol::to_string).collect();
        Err(Failure::usage(format!(
            "{option} is not for {}: it goes with -p {which}",
            names.join(" and ")
        )))
    }

    fn state_condition(&self) -> Result<Option<Condition>> {
        let Some(choice) = &self.state else { return Ok(None) };
        let has_states = |one| matches!(one, Protocol::TCP | Protocol::SCTP | Protocol::DCCP);
        self.needs("--state", has_states, "tcp, sctp or dccp")?;
        let protocols = self.protocols();
        let may = |protocol| protocols.is_empty() || protocols.contains(&protocol);
        let mut values = Vec::new();
        for name in &choice.values {
            let before = values.len();
            if may(Protocol::TCP) {
                values.extend(tcp_state(name).map(Condition::TcpState));
            }
            if may(Protocol::SCTP) {
                values.extend(name.parse::<SctpState>().ok().map(Condition::SctpState));
            }
            if may(Protocol::DCCP) {
                values.extend(name.parse::<DccpState>().ok().map(Condition::DccpState));
            }
            if values.len() == before {
                return Err(no_such_state(name, may));
            }
        }
        let states = Choice { negated: choice.negated, values };
        Ok(Some(states.condition(|condition| condition)))
    }
}

/// The state of TCP, whose last one conntrack calls LISTEN too.
pub(super) fn tcp_state(name: &str) -> Option<TcpState> {
    let listens = || name.eq_ignore_ascii_case("LISTEN").then_some(TcpState::SYN_SENT2);
    name.parse().ok().or_else(listens)
}

fn no_such_state(name: &str, may: impl Fn(Protocol) -> bool) -> Failure {
    let mut known: Vec<&str> = Vec::new();
    if may(Protocol::TCP) {
        known.extend(TcpState::ALL.iter().filter_map(|state| state.name()));
    }
    if may(Protocol::SCTP) {
        known.extend(SctpState::ALL.iter().filter_map(|state| state.name()));
    }
    if may(Protocol::DCCP) {
        known.extend(DccpState::ALL.iter().filter_map(|state| state.name()));
    }
    known.sort_unstable();
    known.dedup();
    Failure::usage(format!("'{name}' is no state: {}", known.join(", ")))
}

fn family_of(key: &ServiceKey) -> Family {
    match key {
        ServiceKey::Address { address, .. } => Family::of(address.ip()),
        ServiceKey::Mark { family, .. } => match family {
            ipvs::Family::Ipv4 => Family::Ipv4,
            ipvs::Family::Ipv6 => Family::Ipv6,
        },
    }
}

/// The flows of clients that asked a service.
fn service_conditions(key: &ServiceKey) -> Result<[Condition; 3]> {
    let ServiceKey::Address { protocol, address } = *key else {
        return Err(Failure::usage(
            "a firewall mark is no address that flows could be found by: --service takes \
             tcp://ADDRESS:PORT, udp://ADDRESS:PORT or sctp://ADDRESS:PORT",
        ));
    };
    let original = Direction::Original;
    Ok([
        Condition::Protocol(Protocol(protocol.0 as u8)),
        Condition::Destination(original, Network::host(address.ip())),
        Condition::DestinationPort(original, address.port().into()),
    ])
}

impl Rare {
    /// Conditions with their options' names, protocol by protocol.
    fn conditions(&self) -> [(Protocol, Vec<(&'static str, Condition)>); 4] {
        let (original, reply) = (Direction::Original, Direction::Reply);
        let icmp = |[kind, code, id]: [&'static str; 3],
                    of_kind: Option<u8>,
                    of_code: Option<u8>,
                    of_id: Option<u16>| {
            let all = [
                of_kind.map(|value| (kind, Condition::IcmpType(original, value))),
                of_code.map(|value| (code, Condition::IcmpCode(original, value))),
                of_id.map(|value| (id, Condition::IcmpId(original, value))),
            ];
            all.into_iter().flatten().collect()
        };
        let keys = [
            self.srckey.map(|key| ("--srckey", Condition::SourceKey(original, key))),
            self.dstkey.map(|key| ("--dstkey", Condition::DestinationKey(original, key))),
            self.reply_key_src.map(|key| ("--reply-key-src", Condition::SourceKey(reply, key))),
            self.reply_key_dst
                .map(|key| ("--reply-key-dst", Condition::DestinationKey(reply, key))),
        ];
        let tag = |direction| move |tag| Condition::VerificationTag(direction, tag);
        let tags = [
            self.orig_vtag.map(tag(original)).map(|condition| ("--orig-vtag", condition)),
            self.reply_vtag.map(tag(reply)).map(|condition| ("--reply-vtag", condition)),
        ];
        let names = ["--icmp-type", "--icmp-code", "--icmp-id"];
        let names6 = ["--icmpv6-type", "--icmpv6-code", "--icmpv6-id"];
        [
            (Protocol::ICMP, icmp(names, self.icmp_type, self.icmp_code, self.icmp_id)),
            (Protocol::ICMPV6, icmp(names6, self.icmpv6_type, self.icmpv6_code, self.icmpv6_id)),
            (Protocol::GRE, keys.into_iter().flatten().collect()),
            (Protocol::SCTP, tags.into_iter().flatten().collect()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filters: Filters,
    }

    fn built(line: &str) -> Result<String, String> {
        let words = ["rsadm"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let filter = line.filters.build().map_err(|failure| failure.to_string())?;
        let lines: Vec<_> = filter.conditions().iter().map(ToString::to_string).collect();
        Ok(lines.join("\n"))
    }

    #[test]
    fn options_become_conditions() {
        for (line, conditions) in [
            ("", ""),
            ("-s 10.0.0.0/8", "original source 10.0.0.0/8"),
            ("--orig-src 10.0.0.1", "original source 10.0.0.1"),
            ("-q fd00::1", "reply destination fd00::1"),
            ("-p tcp --dport 80,8000-8999", "protocol tcp\noriginal destination port 80,8000-8999"),
            ("--sport !53", "not (original source port 53)"),
            ("-p tcp,udp", "protocol tcp or protocol udp"),
            ("-p !tcp", "not (protocol tcp)"),
            ("--icmp-type 8", "protocol icmp\noriginal ICMP type 8"),
            ("-p tcp --state time_wait", "protocol tcp\nTCP state TIME_WAIT"),
            ("--state ESTABLISHED", "TCP state ESTABLISHED or SCTP state ESTABLISHED"),
            ("-u ASSURED", "status ASSURED"),
            ("-m 0x10/0xf0", "mark 0x10/0xf0"),
            ("-m !0", "not (mark 0x0)"),
            ("-w 3 --orig-zone 4", "zone 3\noriginal zone 4"),
            ("-n", "source translated"),
            ("-g 10.0.0.1:80", "destination translated to 10.0.0.1 port 80"),
            ("-j --helper ftp", "source or destination translated\nhelper ftp"),
            ("-l 3", "labels {3}"),
            (
                "--service tcp://10.243.21.14:8880",
                "protocol tcp\noriginal destination 10.243.21.14\noriginal destination port 8880",
            ),
            ("--srckey 0x11", "protocol gre\noriginal source key 0x11"),
        ] {
            assert_eq!(built(line).as_deref(), Ok(conditions), "{line}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (line, says) in [
            ("-p icmp --dport 80", "--dport is not for icmp: it goes with -p tcp, udp,"),
            ("-p udp --state ESTABLISHED", "--state is not for udp"),
            ("-p tcp --icmp-type 8", "--icmp-type is not for tcp: it goes with -p icmp"),
            ("-p tcp --state BOGUS", "'BOGUS' is no state: CLOSE, CLOSE_WAIT"),
            ("-s 10.0.0.1 -d fd00::1", "--src is about ipv4 and --dst about ipv6"),
            ("-f ipv6 -r 10.0.0.1", "--family is about ipv6 and --reply-src about ipv4"),
            ("--service tcp://10.0.0.1:80 -s fd00::1", "--service is about ipv4"),
            ("--service fwmark://7", "a firewall mark is no address"),
            ("--service tcp://10.0.0.1:80 --dport 80", "cannot be used with"),
            ("-n -j", "cannot be used with"),
            ("-s 10.0.0.1/8", "has bits set behind its prefix"),
            ("-l nosuch-label", "'nosuch-label'"),
        ] {
            let error = built(line).expect_err(line);
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
