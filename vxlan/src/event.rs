//! What the kernel tells as it happens.

use std::fmt;
use std::net::IpAddr;

use crate::uapi::*;
use crate::wire::{self, Header};
use crate::{Entry, Link, Mac, MulticastEntry, Neighbour, Nexthop, Result, VniEntry};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum EventKind {
    /// It was added or changed.
    New,
    /// It was deleted.
    Delete,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "new",
            Self::Delete => "delete",
        })
    }
}

/// One event of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Something happened to a forwarding entry.
    Entry {
        /// What happened.
        kind: EventKind,
        /// The entry as it is now, or was.
        entry: Entry,
        /// It was found by comparing tables after events had been lost.
        resync: bool,
    },
    /// Something happened to a neighbour.
    Neighbour {
        /// What happened.
        kind: EventKind,
        /// The neighbour as it is now, or was.
        neighbour: Neighbour,
    },
    /// A frame had no entry, and the device was told to say so.
    #[doc(alias = "l2miss")]
    MissingEntry {
        /// Index of the device.
        link: u32,
        /// Destination of the frame.
        mac: Mac,
    },
    /// A packet had no neighbour, and the device was told to say so.
    #[doc(alias = "l3miss")]
    MissingNeighbour {
        /// Index of the device.
        link: u32,
        /// Destination of the packet.
        address: IpAddr,
    },
    /// Something happened to VNIs of a filter.
    Vnis {
        /// What happened.
        kind: EventKind,
        /// The VNIs.
        entries: Vec<VniEntry>,
    },
    /// Something happened to multicast entries.
    Multicast {
        /// What happened.
        kind: EventKind,
        /// The entries.
        entries: Vec<MulticastEntry>,
    },
    /// Something happened to a link.
    Link {
        /// What happened.
        kind: EventKind,
        /// The link as it is now, or was.
        link: Box<Link>,
    },
    /// Something happened to a nexthop.
    Nexthop {
        /// What happened.
        kind: EventKind,
        /// The nexthop as it is now, or was.
        nexthop: Nexthop,
    },
    /// Events were lost, because they came faster than they were read. Whoever keeps a view of a
    /// table must read it again; a [`Watch`](crate::Watch) has done so, and its next events say what
    /// it missed.
    Lost,
}

impl Event {
    /// Decodes a message of a subscription: its netlink type and what is behind the header. `None`
    /// is a message of another kind.
    pub fn decode(kind: u16, payload: &[u8]) -> Result<Option<Self>> {
        let what = match kind {
            RTM_NEWNEIGH | RTM_NEWLINK | RTM_NEWMDB | RTM_NEWTUNNEL | RTM_NEWNEXTHOP => {
                EventKind::New
            }
            RTM_GETNEIGH => return missing(payload),
            _ => EventKind::Delete,
        };
        Ok(match kind {
            RTM_NEWNEIGH | RTM_DELNEIGH => match wire::entry(payload)? {
                Some(entry) => Some(Self::Entry { kind: what, entry, resync: false }),
                None => wire::neighbour(payload)?
                    .map(|neighbour| Self::Neighbour { kind: what, neighbour }),
            },
            RTM_NEWLINK | RTM_DELLINK => {
                let (header, _) = Header::split(payload)?;
                // Bridges tell of their ports in messages of their own.
                if header.family == AF_BRIDGE {
                    return Ok(None);
                }
                Some(Self::Link { kind: what, link: Box::new(wire::link::link(payload)?) })
            }
            RTM_NEWTUNNEL | RTM_DELTUNNEL => {
                Some(Self::Vnis { kind: what, entries: wire::vni::entries(payload)? })
            }
            RTM_NEWMDB | RTM_DELMDB => {
                let entries = wire::multicast::entries(payload)?;
                // Messages about a bridge's routers have none.
                (!entries.is_empty()).then_some(Self::Multicast { kind: what, entries })
            }
            RTM_NEWNEXTHOP | RTM_DELNEXTHOP => {
                Some(Self::Nexthop { kind: what, nexthop: wire::nexthop::nexthop(payload)? })
            }
            _ => None,
        })
    }
}

/// What a device misses: the kernel asks for it as if somebody else had it.
fn missing(payload: &[u8]) -> Result<Option<Event>> {
    let (header, attributes) = Header::split(payload)?;
    let (mut mac, mut address) = (None, None);
    for attribute in attributes {
        match attribute.kind {
            NDA_LLADDR => mac = Mac::read(attribute.value),
            NDA_DST => address = wire::address(&attribute),
            _ => {}
        }
    }
    let link = header.link;
    Ok(match (address, mac) {
        (Some(address), None) => Some(Event::MissingNeighbour { link, address }),
        (None, Some(mac)) => Some(Event::MissingEntry { link, mac }),
        _ => None,
    })
}
