//! Constants of `linux/netlink.h` that netlink-packet-core lacks.

/// Level of the options and control messages of netlink sockets.
pub(crate) const SOL_NETLINK: i32 = 270;
/// Option: notifications of other network namespaces. Control message: the id of theirs.
pub(crate) const NETLINK_LISTEN_ALL_NSID: i32 = 8;

/// Type bit: the value holds attributes.
pub(crate) const NLA_F_NESTED: u16 = 1 << 15;
/// Type bit: the value is in network byte order.
pub(crate) const NLA_F_NET_BYTEORDER: u16 = 1 << 14;

/// Message type: nothing.
pub(crate) const NLMSG_NOOP: u16 = 1;
/// Message type: acknowledgement or refusal.
pub(crate) const NLMSG_ERROR: u16 = 2;
/// Message type: end of a dump.
pub(crate) const NLMSG_DONE: u16 = 3;
/// Message type: data was lost.
pub(crate) const NLMSG_OVERRUN: u16 = 4;

/// Attribute of an extended acknowledgement: a text.
pub(crate) const NLMSGERR_ATTR_MSG: u16 = 1;
/// Attribute of an extended acknowledgement: offset of the refused attribute in the request.
pub(crate) const NLMSGERR_ATTR_OFFS: u16 = 2;
/// Attribute of an extended acknowledgement: type of a missing attribute. Linux 6.1.
pub(crate) const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;
