//! Neighbours, as `ip neigh` and `ip -j neigh` print them.

use std::net::IpAddr;

use serde::Serialize;
use vxlan::{ExtendedFlags, Flags, Neighbour, State};

use super::link::push_name;
use crate::classic::Line;
use crate::classic::bridge::Names;

/// A second of the kernel's times.
const SECOND: u32 = 100;

/// Flags in the order in which ip prints them.
const FLAGS: [(Flags, &str); 3] =
    [(Flags::ROUTER, "router"), (Flags::PROXY, "proxy"), (Flags::EXTERN_LEARN, "extern_learn")];
const EXTENDED_FLAGS: [(ExtendedFlags, &str); 2] =
    [(ExtendedFlags::MANAGED, "managed"), (ExtendedFlags::EXTERN_VALID, "extern_valid")];

/// The names of a state's bits, in the order in which ip prints them.
pub fn state_names(state: State) -> impl Iterator<Item = &'static str> {
    const NAMES: [(State, &str); 8] = [
        (State::INCOMPLETE, "INCOMPLETE"),
        (State::REACHABLE, "REACHABLE"),
        (State::STALE, "STALE"),
        (State::DELAY, "DELAY"),
        (State::PROBE, "PROBE"),
        (State::FAILED, "FAILED"),
        (State::NOARP, "NOARP"),
        (State::PERMANENT, "PERMANENT"),
    ];
    let none = state.is_empty().then_some("NONE");
    none.into_iter()
        .chain(NAMES.into_iter().filter(move |(bit, _)| state.contains(*bit)).map(|it| it.1))
}

/// How neighbours are printed.
#[derive(Clone, Copy, Debug)]
pub struct Neighbours<'a> {
    /// Names of links; without them the link is left out, as where one was asked for.
    pub names: Option<&'a Names>,
    /// Times and references too.
    pub statistics: bool,
    /// Names of protocols.
    pub protocol: fn(u8) -> String,
}

/// Prints a neighbour.
pub fn neighbour(line: &mut Line, neighbour: &Neighbour, how: Neighbours<'_>) {
    line.address(neighbour.address);
    line.byte(b' ');
    if let Some(names) = how.names {
        line.text("dev ");
        push_name(line, names, neighbour.link);
        line.byte(b' ');
    }
    if let Some(mac) = neighbour.mac {
        line.text("lladdr ");
        line.text(&mac.to_string());
        line.byte(b' ');
    }
    for name in flags(neighbour) {
        line.text(name);
        line.byte(b' ');
    }
    if how.statistics {
        statistics(line, neighbour);
    }
    for name in state_names(neighbour.state) {
        line.text(name);
        line.byte(b' ');
    }
    if let Some(protocol) = neighbour.protocol {
        line.text("proto ");
        line.text(&(how.protocol)(protocol));
        line.byte(b' ');
    }
    line.byte(b'\n');
}

fn flags(neighbour: &Neighbour) -> impl Iterator<Item = &'static str> {
    let Neighbour { flags, extended_flags, .. } = *neighbour;
    let plain = FLAGS.into_iter().filter(move |(flag, _)| flags.contains(*flag));
    let more = EXTENDED_FLAGS.into_iter().filter(move |(flag, _)| extended_flags.contains(*flag));
    plain.map(|(_, name)| name).chain(more.map(|(_, name)| name))
}

fn statistics(line: &mut Line, neighbour: &Neighbour) {
    if let Some(cache) = neighbour.cache {
        if cache.references > 0 {
            line.text(" ref ");
            line.number(cache.references);
        }
        line.text(" used ");
        line.number(cache.used / SECOND);
        line.byte(b'/');
        line.number(cache.confirmed / SECOND);
        line.byte(b'/');
        line.number(cache.updated / SECOND);
    }
    if let Some(probes) = neighbour.probes {
        line.text("probes ");
        line.number(probes);
        line.byte(b' ');
    }
}

/// A neighbour for programs, under ip's names. A flag that is set is null, as there.
#[derive(Serialize)]
pub(crate) struct NeighbourView<'a> {
    dst: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lladdr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    router: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extern_learn: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    managed: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refcnt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<u32>,
    state: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
}

impl<'a> NeighbourView<'a> {
    pub(crate) fn new(neighbour: &Neighbour, how: Neighbours<'a>) -> Self {
        let flag = |flag: Flags| neighbour.flags.contains(flag).then_some(());
        let seconds = |of: fn(&vxlan::CacheTimes) -> u32| neighbour.cache.as_ref().map(of);
        Self {
            dst: neighbour.address,
            dev: how.names.and_then(|names| names.get(neighbour.link)),
            lladdr: neighbour.mac.map(|mac| mac.to_string()),
            router: flag(Flags::ROUTER),
            proxy: flag(Flags::PROXY),
            extern_learn: flag(Flags::EXTERN_LEARN),
            managed: neighbour.extended_flags.contains(ExtendedFlags::MANAGED).then_some(()),
            refcnt: seconds(|cache| cache.references).filter(|count| *count > 0),
            used: seconds(|cache| cache.used / SECOND),
            confirmed: seconds(|cache| cache.confirmed / SECOND),
            updated: seconds(|cache| cache.updated / SECOND),
            probes: neighbour.probes,
            state: state_names(neighbour.state).collect(),
            protocol: neighbour.protocol.map(how.protocol),
        }
    }
}
