//! Netlink engine of rsadm.
