//! Names of links and of protocols, as they are printed.

use std::collections::HashMap;

use vxlan::Link;

use crate::classic::Line;

/// Programs that write entries (`RTPROT_*`), as far as iproute2 has names for them.
pub(crate) const PROTOCOLS: [(u8, &str); 22] = [
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (18, "keepalived"),
    (42, "babel"),
    (99, "openr"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

/// Names of links by index.
#[derive(Clone, Debug, Default)]
pub struct Names(HashMap<u32, Box<str>>);

impl Names {
    /// The names of these links.
    pub fn of<N: Into<Box<str>>>(links: impl IntoIterator<Item = (u32, N)>) -> Self {
        Self(links.into_iter().map(|(index, name)| (index, name.into())).collect())
    }

    /// The name of a link, if it is known.
    pub fn get(&self, index: u32) -> Option<&str> {
        self.0.get(&index).map(|name| &**name)
    }

    /// Learns a name, or another name.
    pub fn insert(&mut self, index: u32, name: impl Into<Box<str>>) {
        self.0.insert(index, name.into());
    }

    /// Appends the name of a link: of one that is not known, what tells its index.
    #[inline]
    pub(super) fn push(&self, line: &mut Line, index: u32) {
        match self.get(index) {
            Some(name) => line.text(name),
            None if index == 0 => line.byte(b'*'),
            None => {
                line.text("if");
                line.number(index);
            }
        }
    }
}

/// Appends the name of a protocol, or its number.
pub(super) fn push_protocol(line: &mut Line, protocol: u8) {
    match PROTOCOLS.iter().find(|(number, _)| *number == protocol) {
        Some((_, name)) => line.text(name),
        None => line.number(protocol),
    }
}

impl From<Vec<Link>> for Names {
    fn from(links: Vec<Link>) -> Self {
        Self::of(links.into_iter().map(|link| (link.index, link.name)))
    }
}
