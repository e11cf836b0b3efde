//! Reads a line.

use std::net::IpAddr;

use conntrack::{
    Change, Dccp, DccpRole, Key, Labels, LabelsChange, Layer4, MaskedTcpFlags, NatRequest, NewFlow,
    Protocol, ProtocolState, Sctp, SequenceAdjustment, Status, Synproxy, Tcp, TcpFlags, Tuple,
};

use crate::conntrack::filter::tcp_state;
use crate::conntrack::{expect, values};
use crate::script::{Fault, Word, Words};

/// What to do with the flow of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Put,
    Create,
    Delete,
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
struct Placed<T> {
    at: usize,
    value: T,
}

/// A line as far as it was read.
#[derive(Debug)]
struct Draft<'a> {
    verb: Option<Verb>,
    /// Values by the numbers of their options.
    values: [Option<Placed<&'a str>>; COUNT],
}

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opt {
    Timeout,
    Status,
    SecurityMark,
    Zone,
    OriginalZone,
    ReplyZone,
    Source,
    Destination,
    ReplySource,
    ReplyDestination,
    Protocol,
    SourcePort,
    DestinationPort,
    ReplySourcePort,
    ReplyDestinationPort,
    IcmpType,
    IcmpCode,
    IcmpId,
    Icmpv6Type,
    Icmpv6Code,
    Icmpv6Id,
    SourceKey,
    DestinationKey,
    ReplySourceKey,
    ReplyDestinationKey,
    State,
    OriginalTag,
    ReplyTag,
    Role,
    HandshakeSequence,
    TcpFlags,
    WindowScale,
    SourceNat,
    DestinationNat,
    Mark,
    Labels,
    Helper,
    HelperInfo,
    Master,
    AdjustmentOriginal,
    AdjustmentReply,
    Synproxy,
}

/// Number of options.
const COUNT: usize = Opt::Synproxy as usize + 1;

/// An option by any of its names. A `match`, since a file of many lines asks often.
fn find(name: &str) -> Option<Opt> {
    Some(match name {
        "--timeout" | "-t" => Opt::Timeout,
        "--status" | "-u" => Opt::Status,
        "--secmark" | "-c" => Opt::SecurityMark,
        "--zone" | "-w" => Opt::Zone,
        "--orig-zone" => Opt::OriginalZone,
        "--reply-zone" => Opt::ReplyZone,
        "--src" | "-s" | "--orig-src" => Opt::Source,
        "--dst" | "-d" | "--orig-dst" => Opt::Destination,
        "--reply-src" | "-r" => Opt::ReplySource,
        "--reply-dst" | "-q" => Opt::ReplyDestination,
        "--protonum" | "-p" | "--proto" => Opt::Protocol,
        "--sport" | "--orig-port-src" => Opt::SourcePort,
        "--dport" | "--orig-port-dst" => Opt::DestinationPort,
        "--reply-port-src" => Opt::ReplySourcePort,
        "--reply-port-dst" => Opt::ReplyDestinationPort,
        "--icmp-type" => Opt::IcmpType,
        "--icmp-code" => Opt::IcmpCode,
        "--icmp-id" => Opt::IcmpId,
        "--icmpv6-type" => Opt::Icmpv6Type,
        "--icmpv6-code" => Opt::Icmpv6Code,
        "--icmpv6-id" => Opt::Icmpv6Id,
        "--srckey" | "--orig-key-src" => Opt::SourceKey,
        "--dstkey" | "--orig-key-dst" => Opt::DestinationKey,
        "--reply-key-src" => Opt::ReplySourceKey,
        "--reply-key-dst" => Opt::ReplyDestinationKey,
        "--state" => Opt::State,
        "--orig-vtag" => Opt::OriginalTag,
        "--reply-vtag" => Opt::ReplyTag,
        "--role" => Opt::Role,
        "--handshake-seq" => Opt::HandshakeSequence,
        "--tcp-flags" => Opt::TcpFlags,
        "--tcp-wscale" => Opt::WindowScale,
        "--src-nat" | "-n" => Opt::SourceNat,
        "--dst-nat" | "-g" => Opt::DestinationNat,
        "--mark" | "-m" => Opt::Mark,
        "--labels" => Opt::Labels,
        "--helper" => Opt::Helper,
        "--helper-info" => Opt::HelperInfo,
        "--master" => Opt::Master,
        "--seqadj-orig" => Opt::AdjustmentOriginal,
        "--seqadj-reply" => Opt::AdjustmentReply,
        "--synproxy" => Opt::Synproxy,
        _ => return None,
    })
}

impl Opt {
    /// Its name for messages.
    fn name(self) -> &'static str {
        match self {
            Self::Timeout => "--timeout",
            Self::Status => "--status",
            Self::SecurityMark => "--secmark",
            Self::Zone => "--zone",
            Self::OriginalZone => "--orig-zone",
            Self::ReplyZone => "--reply-zone",
            Self::Source => "--src",
            Self::Destination => "--dst",
            Self::ReplySource => "--reply-src",
            Self::ReplyDestination => "--reply-dst",
            Self::Protocol => "--protonum",
            Self::SourcePort => "--sport",
            Self::DestinationPort => "--dport",
            Self::ReplySourcePort => "--reply-port-src",
            Self::ReplyDestinationPort => "--reply-port-dst",
            Self::IcmpType => "--icmp-type",
            Self::IcmpCode => "--icmp-code",
            Self::IcmpId => "--icmp-id",
            Self::Icmpv6Type => "--icmpv6-type",
            Self::Icmpv6Code => "--icmpv6-code",
            Self::Icmpv6Id => "--icmpv6-id",
            Self::SourceKey => "--srckey",
            Self::DestinationKey => "--dstkey",
            Self::ReplySourceKey => "--reply-key-src",
            Self::ReplyDestinationKey => "--reply-key-dst",
            Self::State => "--state",
            Self::OriginalTag => "--orig-vtag",
            Self::ReplyTag => "--reply-vtag",
            Self::Role => "--role",
            Self::HandshakeSequence => "--handshake-seq",
            Self::TcpFlags => "--tcp-flags",
            Self::WindowScale => "--tcp-wscale",
            Self::SourceNat => "--src-nat",
            Self::DestinationNat => "--dst-nat",
            Self::Mark => "--mark",
            Self::Labels => "--labels",
            Self::Helper => "--helper",
            Self::HelperInfo => "--helper-info",
            Self::Master => "--master",
            Self::AdjustmentOriginal => "--seqadj-orig",
            Self::AdjustmentReply => "--seqadj-reply",
            Self::Synproxy => "--synproxy",
        }
    }
}

/// Reads the change that a line asks for.
pub(super) fn read(text: &str, words: &Words) -> Result<Change, Fault> {
    let mut draft = Draft { verb: None, values: [None; COUNT] };
    let mut list = words.list().iter().copied();
    while let Some(word) = list.next() {
        let name = words.text(text, word);
        if let Some(verb) = verb(name) {
            if draft.verb.replace(verb).is_some() {
                return Err(Fault::new(word.at(), "a line does one thing: -A, -I or -D"));
            }
            continue;
        }
        let Some(option) = find(name) else { return Err(unknown(name, word)) };
        let slot = &mut draft.values[option as usize];
        let Some(value) = list.next() else {
            return Err(Fault::new(word.at(), format!("{name} has no value")));
        };
        if slot.is_some() {
            return Err(Fault::new(word.at(), format!("{name} is given twice")));
        }
        *slot = Some(Placed { at: value.at(), value: words.text(text, value) });
    }
    let at = words.list().first().map_or(0, |word| word.at());
    draft.change(at)
}

fn verb(name: &str) -> Option<Verb> {
    match name {
        "-A" | "--add" => Some(Verb::Put),
        "-I" | "--create" => Some(Verb::Create),
        "-D" | "--delete" => Some(Verb::Delete),
        _ => None,
    }
}

fn unknown(name: &str, word: Word) -> Fault {
    Fault::new(
        word.at(),
        match name {
            "-U" | "--update" | "-F" | "--flush" => {
                format!("{name} is not read here: a line has -A, -I or -D")
            }
            name if name.starts_with('-') => format!("'{name}' is no option of a flow"),
            name => format!("'{name}' belongs to no option"),
        },
    )
}

impl<'a> Draft<'a> {
    fn get(&self, option: Opt) -> Option<Placed<&'a str>> {
        self.values[option as usize]
    }

    fn has(&self, option: Opt) -> bool {
        self.get(option).is_some()
    }

    /// Reads the value of an option.
    fn read<T>(
        &self,
        option: Opt,
        read: impl Fn(&'a str) -> values::Parsed<T>,
    ) -> Result<Option<T>, Fault> {
        self.get(option).map(|word| placed(word, read)).transpose()
    }

    fn need<T>(
        &self,
        at: usize,
        option: Opt,
        read: impl Fn(&'a str) -> values::Parsed<T>,
    ) -> Result<T, Fault> {
        self.read(option, read)?
            .ok_or_else(|| Fault::new(at, format!("the flow has no {}", option.name())))
    }

    /// Two values that are given together or not at all.
    fn pair<T>(
        &self,
        first: Opt,
        second: Opt,
        read: impl Fn(&'a str) -> values::Parsed<T>,
    ) -> Result<Option<(T, T)>, Fault> {
        match (self.get(first), self.get(second)) {
            (Some(one), Some(other)) => Ok(Some((placed(one, &read)?, placed(other, &read)?))),
            (Some(one), None) => Err(Fault::new(one.at, format!("{} is missing", second.name()))),
            (None, Some(other)) => {
                Err(Fault::new(other.at, format!("{} is missing", first.name())))
            }
            (None, None) => Ok(None),
        }
    }

    fn change(&self, at: usize) -> Result<Change, Fault> {
        let Some(verb) = self.verb else {
            return Err(Fault::new(at, "what is to be done? -A, -I or -D"));
        };
        let protocol = self.need(at, Opt::Protocol, values::protocol)?;
        self.check_protocol(protocol)?;
        let addresses = self.pair(Opt::Source, Opt::Destination, values::address)?;
        let Some(addresses) = addresses else {
            return Err(Fault::new(at, "the flow has no --src and --dst"));
        };
        let layer4 = self.layer4(at, protocol)?;
        let original = tuple(at, protocol, addresses, layer4)?;
        let zone = self.read(Opt::Zone, values::zone)?.filter(|zone| *zone != 0);
        if verb == Verb::Delete {
            return Ok(Change::Delete(Key::original(original).in_zone(zone.unwrap_or_default())));
        }
        let timeout = self.need(at, Opt::Timeout, values::timeout)?;
        let mut flow = NewFlow::new(original, timeout);
        flow.zone = zone;
        self.read_reply(at, &mut flow)?;
        flow.original.zone = self.read(Opt::OriginalZone, values::zone)?;
        flow.reply.zone = self.read(Opt::ReplyZone, values::zone)?;
        self.read_settings(at, &mut flow)?;
        Ok(match verb {
            Verb::Create => Change::Create(flow),
            _ => Change::Put(flow),
        })
    }

    /// What tells flows between the same hosts apart.
    fn layer4(&self, at: usize, protocol: Protocol) -> Result<Layer4, Fault> {
        let missing = |what: &str| Fault::new(at, format!("a flow of {protocol} needs {what}"));
        if protocol.has_ports() {
            let ports = self.pair(Opt::SourcePort, Opt::DestinationPort, values::port)?;
            let (source, destination) = ports.ok_or_else(|| missing("--sport and --dport"))?;
            return Ok(Layer4::Ports { source, destination });
        }
        let icmp = |[kind, code, id]: [Opt; 3]| {
            let (kind, code) = self
                .pair(kind, code, values::octet)?
                .ok_or_else(|| missing("its type and code"))?;
            let id = self.read(id, values::icmp_id)?.unwrap_or_default();
            Ok(Layer4::Icmp { kind, code, id })
        };
        match protocol {
            Protocol::ICMP => icmp([Opt::IcmpType, Opt::IcmpCode, Opt::IcmpId]),
            Protocol::ICMPV6 => icmp([Opt::Icmpv6Type, Opt::Icmpv6Code, Opt::Icmpv6Id]),
            Protocol::GRE => {
                let keys = self.pair(Opt::SourceKey, Opt::DestinationKey, values::key)?;
                let (source, destination) = keys.ok_or_else(|| missing("--srckey and --dstkey"))?;
                Ok(Layer4::Keys { source, destination })
            }
            _ => Ok(Layer4::None),
        }
    }

    /// Refuses what belongs to another protocol.
    fn check_protocol(&self, protocol: Protocol) -> Result<(), Fault> {
        let groups: [(&[Opt], bool); 7] = [
            (
                &[
                    Opt::SourcePort,
                    Opt::DestinationPort,
                    Opt::ReplySourcePort,
                    Opt::ReplyDestinationPort,
                ],
                protocol.has_ports(),
            ),
            (&[Opt::IcmpType, Opt::IcmpCode, Opt::IcmpId], protocol == Protocol::ICMP),
            (&[Opt::Icmpv6Type, Opt::Icmpv6Code, Opt::Icmpv6Id], protocol == Protocol::ICMPV6),
            (
                &[
                    Opt::SourceKey,
                    Opt::DestinationKey,
                    Opt::ReplySourceKey,
                    Opt::ReplyDestinationKey,
                ],
                protocol == Protocol::GRE,
            ),
            (&[Opt::OriginalTag, Opt::ReplyTag], protocol == Protocol::SCTP),
            (&[Opt::Role, Opt::HandshakeSequence], protocol == Protocol::DCCP),
            (&[Opt::TcpFlags, Opt::WindowScale], protocol == Protocol::TCP),
        ];
        for (options, _) in groups.into_iter().filter(|(_, has)| !has) {
            for &option in options {
                if let Some(word) = self.get(option) {
                    let message = format!("{} is not for {protocol}", option.name());
                    return Err(Fault::new(word.at, message));
                }
            }
        }
        Ok(())
    }

    /// Reads the reply tuple and NAT. With NAT the kernel makes the reply tuple itself, out of the
    /// plain inversion.
    fn read_reply(&self, at: usize, flow: &mut NewFlow) -> Result<(), Fault> {
        flow.source_nat = self.read(Opt::SourceNat, values::nat_request)?;
        flow.destination_nat = self.read(Opt::DestinationNat, values::nat_request)?;
        let ports = self.pair(Opt::ReplySourcePort, Opt::ReplyDestinationPort, values::port)?;
        if flow.source_nat.is_some() || flow.destination_nat.is_some() {
            if let (Some((source, destination)), Layer4::Ports { source: from, destination: to }) =
                (ports, flow.original.layer4)
            {
                // Ports that NAT changed stand in the reply tuple of conntrack's lines.
                port_of(&mut flow.destination_nat, source, to);
                port_of(&mut flow.source_nat, destination, from);
            }
            return Ok(());
        }
        let addresses = self.pair(Opt::ReplySource, Opt::ReplyDestination, values::address)?;
        let inverted = flow.reply;
        let keys = self.pair(Opt::ReplySourceKey, Opt::ReplyDestinationKey, values::key)?;
        let layer4 = match (ports, keys) {
            (Some((source, destination)), _) => Layer4::Ports { source, destination },
            (_, Some((source, destination))) => Layer4::Keys { source, destination },
            (None, None) => inverted.layer4,
        };
        let addresses = addresses.unwrap_or((inverted.source, inverted.destination));
        flow.reply = tuple(at, inverted.protocol, addresses, layer4)?;
        if flow.reply.family() != flow.original.family() {
            return Err(Fault::new(at, "both directions of a flow are of one family"));
        }
        Ok(())
    }

    fn read_settings(&self, at: usize, flow: &mut NewFlow) -> Result<(), Fault> {
        let status = self.read(Opt::Status, |text| match text {
            "UNSET" => Ok(Status::empty()),
            text => values::status(text).map(|bits| bits.value),
        })?;
        let settings = &mut flow.settings;
        settings.status = status.map(|status| status - Status::UNCHANGEABLE);
        settings.state = self.state(at, flow.original.protocol)?;
        settings.mark = self.read(Opt::Mark, values::mark)?.map(Into::into);
        self.read(Opt::SecurityMark, values::number32)?;
        settings.labels = self.read(Opt::Labels, labels)?.map(LabelsChange::from);
        settings.helper = self.read(Opt::Helper, |text| Ok(text.to_owned()))?;
        flow.helper_info = self.read(Opt::HelperInfo, bytes)?;
        flow.master = self.read(Opt::Master, expect::tuple)?;
        let adjustment =
            |[position, before, after]: [u32; 3]| SequenceAdjustment { position, before, after };
        let (original, reply) =
            (self.read(Opt::AdjustmentOriginal, list)?, self.read(Opt::AdjustmentReply, list)?);
        settings.sequence_adjustment_original = original.map(adjustment);
        settings.sequence_adjustment_reply = reply.map(adjustment);
        settings.synproxy = self.read(Opt::Synproxy, list)?.map(
            |[initial_sequence, initial_timestamp, timestamp_offset]| Synproxy {
                initial_sequence,
                initial_timestamp,
                timestamp_offset,
            },
        );
        Ok(())
    }

    fn state(&self, at: usize, protocol: Protocol) -> Result<Option<ProtocolState>, Fault> {
        let complaint = |name: &str| format!("'{name}' is no state of {protocol}");
        let number = |name: &str| name.parse::<u8>().ok();
        match protocol {
            Protocol::TCP => {
                let state = self.need(at, Opt::State, |name| {
                    let numbered = || number(name).map(conntrack::TcpState);
                    tcp_state(name).or_else(numbered).ok_or_else(|| complaint(name))
                })?;
                let mut tcp = Tcp::new(state);
                if let Some([ours, theirs]) = self.read(Opt::TcpFlags, octets)? {
                    let all = |flags| {
                        let flags = TcpFlags::from_bits_retain(flags);
                        Some(MaskedTcpFlags { flags, mask: TcpFlags::from_bits_retain(!0) })
                    };
                    (tcp.flags_original, tcp.flags_reply) = (all(ours), all(theirs));
                }
                if let Some([ours, theirs]) = self.read(Opt::WindowScale, octets)? {
                    (tcp.window_scale_original, tcp.window_scale_reply) =
                        (Some(ours), Some(theirs));
                }
                Ok(Some(ProtocolState::Tcp(tcp)))
            }
            Protocol::SCTP => {
                let state = self.read(Opt::State, |name| {
                    let numbered = || number(name).map(conntrack::SctpState);
                    name.parse().ok().or_else(numbered).ok_or_else(|| complaint(name))
                })?;
                let tag = |option| self.read(option, values::number32);
                let (original, reply) = (tag(Opt::OriginalTag)?, tag(Opt::ReplyTag)?);
                Ok(state.map(|state| {
                    ProtocolState::Sctp(Sctp {
                        state,
                        verification_tag_original: original.map(u32::from_be),
                        verification_tag_reply: reply.map(u32::from_be),
                    })
                }))
            }
            Protocol::DCCP => {
                let state = self.read(Opt::State, |name| {
                    let numbered = || number(name).map(conntrack::DccpState);
                    name.parse().ok().or_else(numbered).ok_or_else(|| complaint(name))
                })?;
                let role = self.read(Opt::Role, |name| match name {
                    "client" => Ok(DccpRole::CLIENT),
                    "server" => Ok(DccpRole::SERVER),
                    name => Err(format!("'{name}' is no role: client or server")),
                })?;
                let handshake_sequence = self.read(Opt::HandshakeSequence, |text| {
                    text.parse().map_err(|_| format!("'{text}' is not a sequence number"))
                })?;
                let dccp = |state| Dccp { state, role, handshake_sequence };
                Ok(state.map(|state| ProtocolState::Dccp(dccp(state))))
            }
            _ if self.has(Opt::State) => {
                let at = self.get(Opt::State).map_or(at, |word| word.at);
                Err(Fault::new(at, format!("{protocol} has no states")))
            }
            _ => Ok(None),
        }
    }
}

fn tuple(
    at: usize,
    protocol: Protocol,
    (source, destination): (IpAddr, IpAddr),
    layer4: Layer4,
) -> Result<Tuple, Fault> {
    if source.is_ipv4() != destination.is_ipv4() {
        let message = format!("{source} and {destination} are of different families");
        return Err(Fault::new(at, message));
    }
    Ok(Tuple::new(protocol, source, destination, layer4))
}

/// A port that NAT changed, where the request does not say it.
fn port_of(request: &mut Option<NatRequest>, port: u16, unchanged: u16) {
    if let Some(request) = request
        && request.ports.is_none()
        && port != unchanged
    {
        request.ports = Some(port..=port);
    }
}

fn placed<'a, T>(
    word: Placed<&'a str>,
    read: impl Fn(&'a str) -> values::Parsed<T>,
) -> Result<T, Fault> {
    read(word.value).map_err(|message| Fault::new(word.at, message))
}

/// Numbers with commas between.
fn list<const N: usize>(text: &str) -> values::Parsed<[u32; N]> {
    let mut words = text.split(',');
    let mut numbers = [0; N];
    let complaint = || format!("'{text}' is not {N} numbers with commas between");
    for number in &mut numbers {
        *number = values::number32(words.next().ok_or_else(complaint)?)?;
    }
    if words.next().is_some() { Err(complaint()) } else { Ok(numbers) }
}

fn octets(text: &str) -> values::Parsed<[u8; 2]> {
    let complaint = |_| format!("'{text}' is not two numbers up to 255");
    let [ours, theirs] = list::<2>(text)?;
    Ok([u8::try_from(ours).map_err(complaint)?, u8::try_from(theirs).map_err(complaint)?])
}

/// Labels as the number that their bits make.
fn labels(text: &str) -> values::Parsed<Labels> {
    let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'));
    digits
        .and_then(|digits| u128::from_str_radix(digits, 16).ok())
        .map(Labels)
        .ok_or_else(|| format!("'{text}' is not the bits of labels, 0x and hexadecimal digits"))
}

fn bytes(text: &str) -> values::Parsed<Vec<u8>> {
    let complaint = || format!("'{text}' is not pairs of hexadecimal digits");
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        let digits = std::str::from_utf8(pair).ok().filter(|digits| digits.len() == 2)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u8::from_str_radix(digits, 16).ok()
    });
    pairs.collect::<Option<_>>().ok_or_else(complaint)
}
