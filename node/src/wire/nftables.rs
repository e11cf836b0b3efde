//! Tables of nftables (`NFT_MSG_GETTABLE`).

use rsadm_netlink::{Attributes, Message};

use crate::uapi::*;

/// Bytes of `struct nfgenmsg`.
const HEADER: usize = 4;

/// Asks for the tables of all families.
pub(crate) fn list() -> Message {
    super::list::<HEADER>(NFT_MSG_GETTABLE, AF_UNSPEC)
}

/// The family and the name of a table.
pub(crate) fn table(payload: &[u8]) -> Option<(u8, String)> {
    let ([family, ..], rest) = payload.split_first_chunk::<HEADER>()?;
    let name = Attributes::new(rest).find(|attribute| attribute.kind == NFTA_TABLE_NAME)?;
    Some((*family, name.str()?.to_owned()))
}
