//! One flow, by its tuples.

use std::net::IpAddr;

use clap::Args;
use conntrack::{Direction, Key, Layer4, Protocol, Tuple};

use super::values::{address, icmp_id, key, octet, port, protocol};
use crate::failure::{Failure, Result};

/// Addresses and ports of one flow, of the first packet or of answers.
#[derive(Args, Clone, Debug)]
pub(crate) struct Tuples {
    /// Source of the first packet
    #[arg(short = 's', long = "src", alias = "orig-src", value_name = "ADDRESS",
          value_parser = address)]
    src: Option<IpAddr>,
    /// Destination of the first packet
    #[arg(short = 'd', long = "dst", alias = "orig-dst", value_name = "ADDRESS",
          value_parser = address)]
    dst: Option<IpAddr>,
    /// Source of answers
    #[arg(short = 'r', long, value_name = "ADDRESS", value_parser = address)]
    reply_src: Option<IpAddr>,
    /// Destination of answers
    #[arg(short = 'q', long, value_name = "ADDRESS", value_parser = address)]
    reply_dst: Option<IpAddr>,
    /// Protocol: tcp, udp, udplite, sctp, dccp, icmp, icmpv6, gre or a number
    #[arg(short = 'p', long = "proto", alias = "protonum", value_name = "PROTOCOL",
          value_parser = protocol)]
    proto: Protocol,
    /// Source port of the first packet
    #[arg(long, alias = "orig-port-src", value_name = "PORT", value_parser = port)]
    sport: Option<u16>,
    /// Destination port of the first packet
    #[arg(long, alias = "orig-port-dst", value_name = "PORT", value_parser = port)]
    dport: Option<u16>,
    /// Source port of answers
    #[arg(long, value_name = "PORT", value_parser = port)]
    reply_port_src: Option<u16>,
    /// Destination port of answers
    #[arg(long, value_name = "PORT", value_parser = port)]
    reply_port_dst: Option<u16>,
    /// Type of ICMP or ICMPv6 of the first packet
    #[arg(long, alias = "icmpv6-type", value_name = "TYPE", value_parser = octet)]
    icmp_type: Option<u8>,
    /// Code of ICMP or ICMPv6
    #[arg(long, alias = "icmpv6-code", value_name = "CODE", value_parser = octet)]
    icmp_code: Option<u8>,
    /// Identifier of ICMP or ICMPv6
    #[arg(long, alias = "icmpv6-id", value_name = "ID", value_parser = icmp_id)]
    icmp_id: Option<u16>,
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
}

/// Two values that are given together or not at all.
fn pair<T>(first: (&str, Option<T>), second: (&str, Option<T>)) -> Result<Option<(T, T)>> {
    match (first, second) {
        ((_, Some(first)), (_, Some(second))) => Ok(Some((first, second))),
        ((_, None), (_, None)) => Ok(None),
        ((given, Some(_)), (missing, None)) | ((missing, None), (given, Some(_))) => {
            Err(Failure::usage(format!("{given} needs {missing} beside it")))
        }
    }
}

impl Tuples {
    /// The tuples that were given, the original one first.
    pub(crate) fn both(&self) -> Result<(Option<Tuple>, Option<Tuple>)> {
        self.check_protocol()?;
        let original = pair(("--src", self.src), ("--dst", self.dst))?;
        let reply = pair(("--reply-src", self.reply_src), ("--reply-dst", self.reply_dst))?;
        if original.is_none() && reply.is_none() {
            return Err(Failure::usage(
                "which flow? --src and --dst name it, or --reply-src and --reply-dst",
            ));
        }
        let original_layer = self.layer4(Direction::Original)?;
        let reply_layer = self.layer4(Direction::Reply)?;
        let tuple = |(source, destination): (IpAddr, IpAddr), layer4| {
            if source.is_ipv4() != destination.is_ipv4() {
                return Err(Failure::usage(format!(
                    "{source} and {destination} are of different families: no flow is of both"
                )));
            }
            Ok(Tuple::new(self.proto, source, destination, layer4))
        };
        // What is given of one direction stands for the other as well.
        let turned = |layer4: Option<Layer4>| layer4.map(|layer4| self.inverted(layer4));
        let need = |layer4: Option<Layer4>| layer4.ok_or_else(|| self.incomplete());
        let original = match original {
            Some(ends) => Some(tuple(ends, need(original_layer.or(turned(reply_layer)))?)?),
            None => None,
        };
        let reply = match reply {
            Some(ends) => Some(tuple(ends, need(reply_layer.or(turned(original_layer)))?)?),
            None => None,
        };
        Ok((original, reply))
    }

    /// What names the flow: the original tuple, or that of answers.
    pub(crate) fn key(&self) -> Result<Key> {
        match self.both()? {
            (Some(original), _) => Ok(Key::original(original)),
            (None, Some(reply)) => Ok(Key::reply(reply)),
            (None, None) => Err(self.incomplete()),
        }
    }

    fn inverted(&self, layer4: Layer4) -> Layer4 {
        let nowhere = IpAddr::from([0; 4]);
        Tuple::new(self.proto, nowhere, nowhere, layer4).inverted().layer4
    }

    /// What tells flows between the same hosts apart, if it was given; nothing where the protocol
    /// has nothing.
    fn layer4(&self, direction: Direction) -> Result<Option<Layer4>> {
        let original = direction == Direction::Original;
        if self.proto.has_ports() {
            let ports = if original {
                pair(("--sport", self.sport), ("--dport", self.dport))?
            } else {
                let source = ("--reply-port-src", self.reply_port_src);
                pair(source, ("--reply-port-dst", self.reply_port_dst))?
            };
            return Ok(ports.map(|(source, destination)| Layer4::Ports { source, destination }));
        }
        Ok(match self.proto {
            Protocol::ICMP | Protocol::ICMPV6 if original => {
                let kind = pair(("--icmp-type", self.icmp_type), ("--icmp-code", self.icmp_code))?;
                kind.map(|(kind, code)| Layer4::Icmp {
                    kind,
                    code,
                    id: self.icmp_id.unwrap_or_default(),
                })
            }
            Protocol::ICMP | Protocol::ICMPV6 => None,
            Protocol::GRE => {
                let keys = if original {
                    pair(("--srckey", self.srckey), ("--dstkey", self.dstkey))?
                } else {
                    let source = ("--reply-key-src", self.reply_key_src);
                    pair(source, ("--reply-key-dst", self.reply_key_dst))?
                };
                keys.map(|(source, destination)| Layer4::Keys { source, destination })
            }
            _ => Some(Layer4::None),
        })
    }

    fn incomplete(&self) -> Failure {
        let what = match self.proto {
            Protocol::ICMP | Protocol::ICMPV6 => "--icmp-type and --icmp-code",
            Protocol::GRE => "--srckey and --dstkey",
            _ => "--sport and --dport",
        };
        Failure::usage(format!("a flow of {} needs {what}", self.proto))
    }

    /// Refuses options that the protocol does not have.
    fn check_protocol(&self) -> Result<()> {
        let icmp = matches!(self.proto, Protocol::ICMP | Protocol::ICMPV6);
        let gre = self.proto == Protocol::GRE;
        let ports = self.proto.has_ports();
        let given = [
            ("--sport", self.sport.is_some(), ports),
            ("--dport", self.dport.is_some(), ports),
            ("--reply-port-src", self.reply_port_src.is_some(), ports),
            ("--reply-port-dst", self.reply_port_dst.is_some(), ports),
            ("--icmp-type", self.icmp_type.is_some(), icmp),
            ("--icmp-code", self.icmp_code.is_some(), icmp),
            ("--icmp-id", self.icmp_id.is_some(), icmp),
            ("--srckey", self.srckey.is_some(), gre),
            ("--dstkey", self.dstkey.is_some(), gre),
            ("--reply-key-src", self.reply_key_src.is_some(), gre),
            ("--reply-key-dst", self.reply_key_dst.is_some(), gre),
        ];
        match given.into_iter().find(|(_, given, has)| *given && !has) {
            Some((option, ..)) => Err(Failure::usage(format!(
                "{option} is not for {}: it is for another protocol",
                self.proto
            ))),
            None => Ok(()),
        }
    }
}
