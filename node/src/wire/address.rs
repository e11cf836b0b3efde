//! Addresses (`struct ifaddrmsg`).

use rsadm_netlink::{Attributes, Message};

use super::{address as ip, family};
use crate::uapi::*;
use crate::{Address, AddressFlags, Scope};

/// Bytes of `struct ifaddrmsg`.
const HEADER: usize = 8;

/// Asks for the addresses of all links.
pub(crate) fn list() -> Message {
    super::list::<HEADER>(RTM_GETADDR, AF_UNSPEC)
}

/// An address.
pub(crate) fn address(payload: &[u8]) -> Option<Address> {
    let (header, rest) = payload.split_first_chunk::<HEADER>()?;
    let [number, prefix_length, flags, scope, link @ ..] = *header;
    let family = family(number)?;
    let (mut near, mut far, mut flags) = (None, None, u32::from(flags));
    for attribute in Attributes::new(rest) {
        match attribute.kind {
            IFA_LOCAL => near = ip(&attribute),
            IFA_ADDRESS => far = ip(&attribute),
            IFA_FLAGS => flags = attribute.u32().unwrap_or(flags),
            _ => {}
        }
    }
    // IPv6 says the one address as the far one, unless there are two.
    let address = near.or(far)?;
    let fits = super::prefix(family, Some(address), prefix_length).is_some();
    let right = ipvs::Family::of(address) == family;
    (fits && right).then_some(Address {
        link: u32::from_ne_bytes(link),
        address,
        prefix_length,
        peer: far.filter(|far| *far != address),
        scope: Scope(scope),
        flags: AddressFlags::from_bits_retain(flags),
    })
}
