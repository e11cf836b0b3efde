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
    /// Values by the number of their option in [`OPTIONS`].
    values: [Option<Placed<&'a str>>; OPTIONS.len()],
}

/// The options, each under all of its names.
const OPTIONS: [&[&str]; 42] = [
    &["--timeout", "-t"],
    &["--status", "-u"],
    &["--secmark", "-c"],
    &["--zone", "-w"],
    &["--orig-zone"],
    &["--reply-zone"],
    &["--src", "-s", "--orig-src"],
    &["--dst", "-d", "--orig-dst"],
    &["--reply-src", "-r"],
    &["--reply-dst", "-q"],
    &["--protonum", "-p", "--proto"],
    &["--sport", "--orig-port-src"],
    &["--dport", "--orig-port-dst"],
    &["--reply-port-src"],
    &["--reply-port-dst"],
    &["--icmp-type"],
    &["--icmp-code"],
    &["--icmp-id"],
    &["--icmpv6-type"],
    &["--icmpv6-code"],
    &["--icmpv6-id"],
    &["--srckey", "--orig-key-src"],
    &["--dstkey", "--orig-key-dst"],
    &["--reply-key-src"],
    &["--reply-key-dst"],
    &["--state"],
    &["--orig-vtag"],
    &["--reply-vtag"],
    &["--role"],
    &["--handshake-seq"],
    &["--tcp-flags"],
    &["--tcp-wscale"],
    &["--src-nat", "-n"],
    &["--dst-nat", "-g"],
    &["--mark", "-m"],
    &["--labels"],
    &["--helper"],
    &["--helper-info"],
    &["--master"],
    &["--seqadj-orig"],
    &["--seqadj-reply"],
    &["--synproxy"],
];

/// Reads the change that a line asks for.
pub(super) fn read(text: &str, words: &Words) -> Result<Change, Fault> {
    let mut draft = Draft { verb: None, values: [None; OPTIONS.len()] };
    let mut list = words.list().iter().copied();
    while let Some(word) = list.next() {
        let name = words.text(text, word);
        if let Some(verb) = verb(name) {
            if draft.verb.replace(verb).is_some() {
                return Err(Fault::new(word.at(), "a line does one thing: -A, -I or -D"));
            }
            continue;
        }
        let Some(index) = find(name) else { return Err(unknown(name, word)) };
        let slot = &mut draft.values[index];
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

fn find(name: &str) -> Option<usize> {
    OPTIONS.iter().position(|names| names.contains(&name))
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
    fn get(&self, name: &str) -> Option<Placed<&'a str>> {
        find(name).and_then(|index| self.values[index])
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Reads the value of an option.
    fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&'a str) -> values::Parsed<T>,
    ) -> Result<Option<T>, Fault> {
        self.get(name).map(|word| placed(word, read)).transpose()
    }

    fn need<T>(
        &self,
        at: usize,
        name: &str,
        read: impl Fn(&'a str) -> values::Parsed<T>,
    ) -> Result<T, Fault> {
        self.read(name, read)?.ok_or_else(|| Fault::new(at, format!("the flow has no {name}")))
    }

    /// Two values that are given together or not at all.
    fn pair<T>(
        &self,
        first: &str,
        second: &str,
        read: impl Fn(&'a str) -> values::Parsed<T>,
    ) -> Result<Option<(T, T)>, Fault> {
        match (self.get(first), self.get(second)) {
            (Some(one), Some(other)) => Ok(Some((placed(one, &read)?, placed(other, &read)?))),
            (Some(one), None) => Err(Fault::new(one.at, format!("{second} is missing"))),
            (None, Some(other)) => Err(Fault::new(other.at, format!("{first} is missing"))),
            (None, None) => Ok(None),
        }
    }

    fn change(&self, at: usize) -> Result<Change, Fault> {
        let Some(verb) = self.verb else {
            return Err(Fault::new(at, "what is to be done? -A, -I or -D"));
        };
        let protocol = self.need(at, "--protonum", values::protocol)?;
        self.check_protocol(protocol)?;
        let addresses = self.pair("--src", "--dst", values::address)?;
        let Some(addresses) = addresses else {
            return Err(Fault::new(at, "the flow has no --src and --dst"));
        };
        let layer4 = self.layer4(at, protocol)?;
        let original = tuple(at, protocol, addresses, layer4)?;
        let zone = self.read("--zone", values::zone)?.filter(|zone| *zone != 0);
        if verb == Verb::Delete {
            return Ok(Change::Delete(Key::original(original).in_zone(zone.unwrap_or_default())));
        }
        let timeout = self.need(at, "--timeout", values::timeout)?;
        let mut flow = NewFlow::new(original, timeout);
        flow.zone = zone;
        self.read_reply(at, &mut flow)?;
        flow.original.zone = self.read("--orig-zone", values::zone)?;
        flow.reply.zone = self.read("--reply-zone", values::zone)?;
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
            let ports = self.pair("--sport", "--dport", values::port)?;
            let (source, destination) = ports.ok_or_else(|| missing("--sport and --dport"))?;
            return Ok(Layer4::Ports { source, destination });
        }
        let icmp = |[kind, code, id]: [&str; 3]| {
            let (kind, code) = self
                .pair(kind, code, values::octet)?
                .ok_or_else(|| missing("its type and code"))?;
            let id = self.read(id, values::icmp_id)?.unwrap_or_default();
            Ok(Layer4::Icmp { kind, code, id })
        };
        match protocol {
            Protocol::ICMP => icmp(["--icmp-type", "--icmp-code", "--icmp-id"]),
            Protocol::ICMPV6 => icmp(["--icmpv6-type", "--icmpv6-code", "--icmpv6-id"]),
            Protocol::GRE => {
                let keys = self.pair("--srckey", "--dstkey", values::key)?;
                let (source, destination) = keys.ok_or_else(|| missing("--srckey and --dstkey"))?;
                Ok(Layer4::Keys { source, destination })
            }
            _ => Ok(Layer4::None),
        }
    }

    /// Refuses what belongs to another protocol.
    fn check_protocol(&self, protocol: Protocol) -> Result<(), Fault> {
        let groups: [(&[&str], bool); 7] = [
            (&["--sport", "--dport", "--reply-port-src", "--reply-port-dst"], protocol.has_ports()),
            (&["--icmp-type", "--icmp-code", "--icmp-id"], protocol == Protocol::ICMP),
            (&["--icmpv6-type", "--icmpv6-code", "--icmpv6-id"], protocol == Protocol::ICMPV6),
            (
                &["--srckey", "--dstkey", "--reply-key-src", "--reply-key-dst"],
                protocol == Protocol::GRE,
            ),
            (&["--orig-vtag", "--reply-vtag"], protocol == Protocol::SCTP),
            (&["--role", "--handshake-seq"], protocol == Protocol::DCCP),
            (&["--tcp-flags", "--tcp-wscale"], protocol == Protocol::TCP),
        ];
        for (names, _) in groups.into_iter().filter(|(_, has)| !has) {
            for name in names {
                if let Some(word) = self.get(name) {
                    return Err(Fault::new(word.at, format!("{name} is not for {protocol}")));
                }
            }
        }
        Ok(())
    }

    /// Reads the reply tuple and NAT. With NAT the kernel makes the reply tuple itself, out of the
    /// plain inversion.
    fn read_reply(&self, at: usize, flow: &mut NewFlow) -> Result<(), Fault> {
        flow.source_nat = self.read("--src-nat", values::nat_request)?;
        flow.destination_nat = self.read("--dst-nat", values::nat_request)?;
        let ports = self.pair("--reply-port-src", "--reply-port-dst", values::port)?;
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
        let addresses = self.pair("--reply-src", "--reply-dst", values::address)?;
        let inverted = flow.reply;
        let keys = self.pair("--reply-key-src", "--reply-key-dst", values::key)?;
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
        let status = self.read("--status", |text| match text {
            "UNSET" => Ok(Status::empty()),
            text => values::status(text).map(|bits| bits.value),
        })?;
        let settings = &mut flow.settings;
        settings.status = status.map(|status| status - Status::UNCHANGEABLE);
        settings.state = self.state(at, flow.original.protocol)?;
        settings.mark = self.read("--mark", values::mark)?.map(Into::into);
        self.read("--secmark", values::number32)?;
        settings.labels = self.read("--labels", labels)?.map(LabelsChange::from);
        settings.helper = self.read("--helper", |text| Ok(text.to_owned()))?;
        flow.helper_info = self.read("--helper-info", bytes)?;
        flow.master = self.read("--master", expect::tuple)?;
        let adjustment =
            |[position, before, after]: [u32; 3]| SequenceAdjustment { position, before, after };
        let (original, reply) =
            (self.read("--seqadj-orig", list)?, self.read("--seqadj-reply", list)?);
        settings.sequence_adjustment_original = original.map(adjustment);
        settings.sequence_adjustment_reply = reply.map(adjustment);
        settings.synproxy = self.read("--synproxy", list)?.map(
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
                let state = self.need(at, "--state", |name| {
                    let numbered = || number(name).map(conntrack::TcpState);
                    tcp_state(name).or_else(numbered).ok_or_else(|| complaint(name))
                })?;
                let mut tcp = Tcp::new(state);
                if let Some([ours, theirs]) = self.read("--tcp-flags", octets)? {
                    let all = |flags| {
                        let flags = TcpFlags::from_bits_retain(flags);
                        Some(MaskedTcpFlags { flags, mask: TcpFlags::from_bits_retain(!0) })
                    };
                    (tcp.flags_original, tcp.flags_reply) = (all(ours), all(theirs));
                }
                if let Some([ours, theirs]) = self.read("--tcp-wscale", octets)? {
                    (tcp.window_scale_original, tcp.window_scale_reply) =
                        (Some(ours), Some(theirs));
                }
                Ok(Some(ProtocolState::Tcp(tcp)))
            }
            Protocol::SCTP => {
                let state = self.read("--state", |name| {
                    let numbered = || number(name).map(conntrack::SctpState);
                    name.parse().ok().or_else(numbered).ok_or_else(|| complaint(name))
                })?;
                let tag = |name| self.read(name, values::number32);
                let (original, reply) = (tag("--orig-vtag")?, tag("--reply-vtag")?);
                Ok(state.map(|state| {
                    ProtocolState::Sctp(Sctp {
                        state,
                        verification_tag_original: original.map(u32::from_be),
                        verification_tag_reply: reply.map(u32::from_be),
                    })
                }))
            }
            Protocol::DCCP => {
                let state = self.read("--state", |name| {
                    let numbered = || number(name).map(conntrack::DccpState);
                    name.parse().ok().or_else(numbered).ok_or_else(|| complaint(name))
                })?;
                let role = self.read("--role", |name| match name {
                    "client" => Ok(DccpRole::CLIENT),
                    "server" => Ok(DccpRole::SERVER),
                    name => Err(format!("'{name}' is no role: client or server")),
                })?;
                let handshake_sequence = self.read("--handshake-seq", |text| {
                    text.parse().map_err(|_| format!("'{text}' is not a sequence number"))
                })?;
                let dccp = |state| Dccp { state, role, handshake_sequence };
                Ok(state.map(|state| ProtocolState::Dccp(dccp(state))))
            }
            _ if self.has("--state") => {
                let at = self.get("--state").map_or(at, |word| word.at);
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
