//! The ends: who listens, and who waits for the answer.

use std::net::SocketAddr;

use super::cluster::Place;
use super::question::Start;
use super::value::Packet;
use super::walk::{Stopped, Told, Walk, Way};
use crate::{Code, Part, Stage};

impl Walk<'_, '_> {
    /// Whether a socket takes the packet.
    pub(super) fn check_socket(&mut self, place: Place, packet: &Packet) -> Way<()> {
        let (Some(protocol), Some(port)) = (packet.protocol, packet.destination_port) else {
            return Ok(());
        };
        let address = SocketAddr::new(packet.destination, port);
        let letter = if protocol == ipvs::Protocol::UDP { 'u' } else { 't' };
        let told = |summary: String| Told::new(summary).command(format!("ss -ln{letter}"));
        let listeners = match &self.host(place).network.listeners {
            Part::Read(listeners) => listeners,
            Part::Unknown(why) => {
                let told =
                    told(format!("whether anybody listens on {address} is not known: {why}"));
                self.doubt(place, Stage::Socket, Code::InputMissing, told);
                return Ok(());
            }
        };
        let number = u8::try_from(protocol.0).unwrap_or_default();
        if number != 6 && number != 17 {
            let told = told(format!("listeners of {protocol} are not collected"));
            self.doubt(place, Stage::Socket, Code::InputMissing, told);
            return Ok(());
        }
        if let Some(listener) = listeners.iter().find(|listener| listener.takes(number, address)) {
            let told = told(format!("{} listens", listener.address));
            self.ok(place, Stage::Socket, told.row(format!("{protocol} {}", listener.address)));
            Ok(())
        } else {
            let told = told(format!("nobody listens on {protocol} {address}"));
            Err(self.lose(place, Stage::Socket, Code::NotListening, told))
        }
    }

    /// The answer ended elsewhere than at the one who asked.
    pub(super) fn lose_astray(&mut self, place: Place, answer: &Packet, start: &Start) -> Stopped {
        let told = Told::new(format!("the answer {answer} ends here, and not at {}", start.name));
        self.lose(place, Stage::Route, Code::RouteWrongDevice, told.packet(answer))
    }
}
