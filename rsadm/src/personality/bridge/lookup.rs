//! Names in commands.

use ipvs::Protocol;

use super::links::FindLink;
use super::stop::Stop;
use super::words::Family;
use crate::personality::ipvsadm::Directory;
use crate::personality::numbers::strtoul;

/// Where the names of a command are looked up, and which addresses are meant.
pub(super) struct Lookup<'t> {
    pub(super) links: &'t mut dyn FindLink,
    pub(super) directory: &'t mut dyn Directory,
    pub(super) family: Family,
}

impl Lookup<'_> {
    /// A link; `what` says what is missing otherwise.
    pub(super) fn link(&mut self, what: &str, name: &[u8]) -> Result<u32, Stop> {
        self.links.index(name).ok_or_else(|| Stop::no_link(what, name))
    }

    /// The link that packets leave through, whose absence ends the program.
    pub(super) fn via(&mut self, name: &[u8]) -> Result<u32, Stop> {
        self.link("Cannot find device", name).map_err(|stop| match stop {
            Stop::Command(status, message) => Stop::Program(status, message),
            stop => stop,
        })
    }

    /// A port by number or name; 0 is none.
    pub(super) fn port(&mut self, word: &[u8]) -> Result<Option<u16>, Stop> {
        let wrong = || Stop::wrong(word, "invalid port\n");
        let (number, behind) = strtoul(word);
        let port = if behind.is_empty() {
            u16::try_from(number).map_err(|_| wrong())?
        } else {
            let name = std::str::from_utf8(word).map_err(|_| wrong())?;
            self.directory.port(name, Protocol::UDP).ok_or_else(wrong)?
        };
        Ok(Some(port).filter(|port| *port != 0))
    }
}
