//! Netlink engine of rsadm.

mod error;

pub use error::Error;
