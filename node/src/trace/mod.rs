//! The way of a packet to a service or a pod and back, hop by hop, out of snapshots.
//!
//! A walk takes the packet from host to host as the kernel would: rules, routes,
//! neighbours, forwarding entries, the network between the nodes. Where it meets a service, it
//! goes on once for every destination. What it needs of a snapshot and does not find is
//! [unknown](State::Unknown), never broken.

mod cluster;
mod error;
mod filters;
mod overlay;
mod pods;
mod question;
mod related;
mod routing;
mod rows;
mod rules;
mod service;
mod socket;
mod tunnel;
mod underlay;
mod value;
mod walk;

pub use error::{Error, Result};
pub use question::{Options, ParseTargetError, Source, Target};
pub use service::Pick;
pub use value::{
    Break, Candidate, Direction, Evidence, Frame, Packet, Path, State, Step, Trace, Verdict,
};

use ipvs::ForwardingMethod;

use cluster::Cluster;
use question::Start;
use service::{Choice, Met};
use walk::{Arrival, At, Origin, Walk, Way};

use crate::{Snapshot, Stage};

/// Follows a packet from its source to a service or pod and back.
///
/// The first snapshot is that of the node where a packet begins if its source does not say.
pub fn trace(snapshots: &[Snapshot], target: &Target, options: &Options) -> Result<Trace> {
    related::check(snapshots)?;
    let cluster = Cluster::new(snapshots);
    let start = Start::find(&cluster, target, options)?;
    let paths = match target {
        Target::Service { .. } if start.is_service => to_service(&cluster, &start, options)?,
        _ => {
            let mut walk = Walk::new(&cluster);
            _ = there_and_back(&mut walk, &start);
            vec![Path::of(target.to_string(), walk.steps)]
        }
    };
    Ok(Trace::of(target.to_string(), start.name, paths))
}

/// To a pod or host itself.
fn there_and_back(walk: &mut Walk<'_, '_>, start: &Start) -> Way<()> {
    let mut packet = start.packet;
    let arrival = walk.follow(start.at(), &mut packet)?;
    walk.check_socket(arrival.place, &packet)?;
    come_back(walk, arrival, start, packet)
}

/// To a service, once for each of its destinations.
fn to_service(cluster: &Cluster<'_>, start: &Start, options: &Options) -> Result<Vec<Path>> {
    let mut walk = Walk::new(cluster);
    let mut packet = start.packet;
    let name = service::name_of(&packet);
    let whole = |walk: Walk<'_, '_>| Ok(vec![Path::of(name.clone(), walk.steps)]);
    let Ok(arrival) = walk.follow(start.at(), &mut packet) else { return whole(walk) };
    let Ok(met) = walk.meet_service(arrival, &packet) else { return whole(walk) };
    walk.witnesses = met.witnesses();
    let Ok(choices) = walk.choices(arrival, &met, &packet, options.destination) else {
        return whole(walk);
    };
    let choices = choices?;
    let one = |choice: &Choice<'_>| {
        let mut walk = walk.clone();
        let on = On { arrival, met: &met, choices: &choices, choice: *choice };
        _ = to_destination(&mut walk, start, packet, &on);
        Path::of(choice.entry.destination.address.to_string(), walk.steps)
    };
    Ok(choices.iter().map(one).collect())
}

/// A packet that goes on to one of a service's destinations.
struct On<'w, 'a> {
    arrival: Arrival,
    met: &'w Met<'a>,
    choices: &'w [Choice<'a>],
    choice: Choice<'a>,
}

fn to_destination<'a>(
    walk: &mut Walk<'a, '_>,
    start: &Start,
    mut packet: Packet,
    on: &On<'_, 'a>,
) -> Way<()> {
    let On { arrival, met, choices, choice } = *on;
    walk.balance(arrival, met, choices, choice, &mut packet)?;
    let destination = &choice.entry.destination;
    let arrival = if destination.method == ForwardingMethod::TUNNEL {
        walk.through_tunnel(arrival, destination, &mut packet)?
    } else {
        let (mark, kept) = (arrival.mark, walk.balanced.is_none());
        let origin = Origin::Balanced { mark, towards: destination.address.ip(), kept };
        walk.follow(At { place: arrival.place, origin }, &mut packet)?
    };
    walk.check_socket(arrival.place, &packet)?;
    come_back(walk, arrival, start, packet)
}

/// The answer.
fn come_back(walk: &mut Walk<'_, '_>, arrival: Arrival, start: &Start, packet: Packet) -> Way<()> {
    walk.direction = Direction::Return;
    let mut answer = packet.answer();
    let at = At { place: arrival.place, origin: Origin::Local { bound: true } };
    let end = walk.follow(at, &mut answer)?;
    match walk.balanced {
        Some(balanced) if !balanced.undone => return Err(walk.lose_untranslated(&answer, balanced)),
        _ => {}
    }
    if end.place != start.place {
        return Err(walk.lose_astray(end.place, &answer, start));
    }
    let told = walk::Told::new(format!("the answer arrives: {answer}")).packet(&answer);
    walk.ok(end.place, Stage::Socket, told);
    Ok(())
}

#[cfg(test)]
mod tests;
