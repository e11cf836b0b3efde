//! Numbers of `linux/netfilter/nfnetlink_conntrack.h` and of the headers that it refers to, under
//! the kernel's names.

/// `linux/socket.h`.
pub(crate) const AF_UNSPEC: u8 = 0;
pub(crate) const AF_INET: u8 = 2;
pub(crate) const AF_INET6: u8 = 10;

/// `linux/netlink.h`.
pub(crate) const NLA_F_NESTED: u16 = 1 << 15;
pub(crate) const NLM_F_EXCL: u16 = 0x200;
pub(crate) const NLM_F_CREATE: u16 = 0x400;

/// `linux/netfilter/nfnetlink.h`: subsystem in the upper byte of a message's type.
pub(crate) const NFNL_SUBSYS_CTNETLINK: u16 = 1;
pub(crate) const NFNL_SUBSYS_CTNETLINK_EXP: u16 = 2;

/// Messages of flows.
pub(crate) const IPCTNL_MSG_CT_NEW: u16 = NFNL_SUBSYS_CTNETLINK << 8;
pub(crate) const IPCTNL_MSG_CT_GET: u16 = NFNL_SUBSYS_CTNETLINK << 8 | 1;
pub(crate) const IPCTNL_MSG_CT_DELETE: u16 = NFNL_SUBSYS_CTNETLINK << 8 | 2;
pub(crate) const IPCTNL_MSG_CT_GET_CTRZERO: u16 = NFNL_SUBSYS_CTNETLINK << 8 | 3;
pub(crate) const IPCTNL_MSG_CT_GET_STATS_CPU: u16 = NFNL_SUBSYS_CTNETLINK << 8 | 4;
pub(crate) const IPCTNL_MSG_CT_GET_STATS: u16 = NFNL_SUBSYS_CTNETLINK << 8 | 5;
pub(crate) const IPCTNL_MSG_CT_GET_DYING: u16 = NFNL_SUBSYS_CTNETLINK << 8 | 6;
pub(crate) const IPCTNL_MSG_CT_GET_UNCONFIRMED: u16 = NFNL_SUBSYS_CTNETLINK << 8 | 7;

/// Messages of expectations.
pub(crate) const IPCTNL_MSG_EXP_NEW: u16 = NFNL_SUBSYS_CTNETLINK_EXP << 8;
pub(crate) const IPCTNL_MSG_EXP_GET: u16 = NFNL_SUBSYS_CTNETLINK_EXP << 8 | 1;
pub(crate) const IPCTNL_MSG_EXP_DELETE: u16 = NFNL_SUBSYS_CTNETLINK_EXP << 8 | 2;
pub(crate) const IPCTNL_MSG_EXP_GET_STATS_CPU: u16 = NFNL_SUBSYS_CTNETLINK_EXP << 8 | 3;

/// Multicast groups (`NFNLGRP_*`).
pub(crate) const NFNLGRP_CONNTRACK_NEW: u32 = 1;
pub(crate) const NFNLGRP_CONNTRACK_UPDATE: u32 = 2;
pub(crate) const NFNLGRP_CONNTRACK_DESTROY: u32 = 3;
pub(crate) const NFNLGRP_CONNTRACK_EXP_NEW: u32 = 4;
pub(crate) const NFNLGRP_CONNTRACK_EXP_UPDATE: u32 = 5;
pub(crate) const NFNLGRP_CONNTRACK_EXP_DESTROY: u32 = 6;

/// Attributes of a flow (`enum ctattr_type`).
pub(crate) const CTA_TUPLE_ORIG: u16 = 1;
pub(crate) const CTA_TUPLE_REPLY: u16 = 2;
pub(crate) const CTA_STATUS: u16 = 3;
pub(crate) const CTA_PROTOINFO: u16 = 4;
pub(crate) const CTA_HELP: u16 = 5;
pub(crate) const CTA_NAT_SRC: u16 = 6;
pub(crate) const CTA_TIMEOUT: u16 = 7;
pub(crate) const CTA_MARK: u16 = 8;
pub(crate) const CTA_COUNTERS_ORIG: u16 = 9;
pub(crate) const CTA_COUNTERS_REPLY: u16 = 10;
pub(crate) const CTA_USE: u16 = 11;
pub(crate) const CTA_ID: u16 = 12;
pub(crate) const CTA_NAT_DST: u16 = 13;
pub(crate) const CTA_TUPLE_MASTER: u16 = 14;
pub(crate) const CTA_SEQ_ADJ_ORIG: u16 = 15;
pub(crate) const CTA_SEQ_ADJ_REPLY: u16 = 16;
pub(crate) const CTA_SECMARK: u16 = 17;
pub(crate) const CTA_ZONE: u16 = 18;
pub(crate) const CTA_SECCTX: u16 = 19;
pub(crate) const CTA_TIMESTAMP: u16 = 20;
pub(crate) const CTA_MARK_MASK: u16 = 21;
pub(crate) const CTA_LABELS: u16 = 22;
pub(crate) const CTA_LABELS_MASK: u16 = 23;
pub(crate) const CTA_SYNPROXY: u16 = 24;
pub(crate) const CTA_FILTER: u16 = 25;
pub(crate) const CTA_STATUS_MASK: u16 = 26;
pub(crate) const CTA_TIMESTAMP_EVENT: u16 = 27;

/// Of a tuple (`enum ctattr_tuple`).
pub(crate) const CTA_TUPLE_IP: u16 = 1;
pub(crate) const CTA_TUPLE_PROTO: u16 = 2;
pub(crate) const CTA_TUPLE_ZONE: u16 = 3;

/// Of its addresses (`enum ctattr_ip`).
pub(crate) const CTA_IP_V4_SRC: u16 = 1;
pub(crate) const CTA_IP_V4_DST: u16 = 2;
pub(crate) const CTA_IP_V6_SRC: u16 = 3;
pub(crate) const CTA_IP_V6_DST: u16 = 4;

/// Of its layer 4 part (`enum ctattr_l4proto`).
pub(crate) const CTA_PROTO_NUM: u16 = 1;
pub(crate) const CTA_PROTO_SRC_PORT: u16 = 2;
pub(crate) const CTA_PROTO_DST_PORT: u16 = 3;
pub(crate) const CTA_PROTO_ICMP_ID: u16 = 4;
pub(crate) const CTA_PROTO_ICMP_TYPE: u16 = 5;
pub(crate) const CTA_PROTO_ICMP_CODE: u16 = 6;
pub(crate) const CTA_PROTO_ICMPV6_ID: u16 = 7;
pub(crate) const CTA_PROTO_ICMPV6_TYPE: u16 = 8;
pub(crate) const CTA_PROTO_ICMPV6_CODE: u16 = 9;

/// Of the protocol's state (`enum ctattr_protoinfo` and what is inside).
pub(crate) const CTA_PROTOINFO_TCP: u16 = 1;
pub(crate) const CTA_PROTOINFO_DCCP: u16 = 2;
pub(crate) const CTA_PROTOINFO_SCTP: u16 = 3;
pub(crate) const CTA_PROTOINFO_TCP_STATE: u16 = 1;
pub(crate) const CTA_PROTOINFO_TCP_WSCALE_ORIGINAL: u16 = 2;
pub(crate) const CTA_PROTOINFO_TCP_WSCALE_REPLY: u16 = 3;
pub(crate) const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL: u16 = 4;
pub(crate) const CTA_PROTOINFO_TCP_FLAGS_REPLY: u16 = 5;
pub(crate) const CTA_PROTOINFO_DCCP_STATE: u16 = 1;
pub(crate) const CTA_PROTOINFO_DCCP_ROLE: u16 = 2;
pub(crate) const CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ: u16 = 3;
pub(crate) const CTA_PROTOINFO_SCTP_STATE: u16 = 1;
pub(crate) const CTA_PROTOINFO_SCTP_VTAG_ORIGINAL: u16 = 2;
pub(crate) const CTA_PROTOINFO_SCTP_VTAG_REPLY: u16 = 3;

/// Of counters (`enum ctattr_counters`).
pub(crate) const CTA_COUNTERS_PACKETS: u16 = 1;
pub(crate) const CTA_COUNTERS_BYTES: u16 = 2;
pub(crate) const CTA_COUNTERS32_PACKETS: u16 = 3;
pub(crate) const CTA_COUNTERS32_BYTES: u16 = 4;

/// Of a helper (`enum ctattr_help`).
pub(crate) const CTA_HELP_NAME: u16 = 1;
pub(crate) const CTA_HELP_INFO: u16 = 2;

/// Of NAT that is asked for (`enum ctattr_nat`, `enum ctattr_protonat`).
pub(crate) const CTA_NAT_V4_MINIP: u16 = 1;
pub(crate) const CTA_NAT_V4_MAXIP: u16 = 2;
pub(crate) const CTA_NAT_PROTO: u16 = 3;
pub(crate) const CTA_NAT_V6_MINIP: u16 = 4;
pub(crate) const CTA_NAT_V6_MAXIP: u16 = 5;
pub(crate) const CTA_PROTONAT_PORT_MIN: u16 = 1;
pub(crate) const CTA_PROTONAT_PORT_MAX: u16 = 2;

/// Of sequence adjustment (`enum ctattr_seqadj`).
pub(crate) const CTA_SEQADJ_CORRECTION_POS: u16 = 1;
pub(crate) const CTA_SEQADJ_OFFSET_BEFORE: u16 = 2;
pub(crate) const CTA_SEQADJ_OFFSET_AFTER: u16 = 3;

/// Of a security context (`enum ctattr_secctx`).
pub(crate) const CTA_SECCTX_NAME: u16 = 1;

/// Of timestamps (`enum ctattr_tstamp`).
pub(crate) const CTA_TIMESTAMP_START: u16 = 1;
pub(crate) const CTA_TIMESTAMP_STOP: u16 = 2;

/// Of synproxy (`enum ctattr_synproxy`).
pub(crate) const CTA_SYNPROXY_ISN: u16 = 1;
pub(crate) const CTA_SYNPROXY_ITS: u16 = 2;
pub(crate) const CTA_SYNPROXY_TSOFF: u16 = 3;

/// Of a filter (`enum ctattr_filter`), whose values are in host order.
pub(crate) const CTA_FILTER_ORIG_FLAGS: u16 = 1;
pub(crate) const CTA_FILTER_REPLY_FLAGS: u16 = 2;

/// Flags of a filter (`CTA_FILTER_FLAG(...)`).
pub(crate) const CTA_FILTER_F_CTA_IP_SRC: u32 = 1;
pub(crate) const CTA_FILTER_F_CTA_IP_DST: u32 = 1 << 1;
pub(crate) const CTA_FILTER_F_CTA_PROTO_NUM: u32 = 1 << 3;
pub(crate) const CTA_FILTER_F_CTA_PROTO_SRC_PORT: u32 = 1 << 4;
pub(crate) const CTA_FILTER_F_CTA_PROTO_DST_PORT: u32 = 1 << 5;
pub(crate) const CTA_FILTER_F_CTA_PROTO_ICMP_TYPE: u32 = 1 << 6;
pub(crate) const CTA_FILTER_F_CTA_PROTO_ICMP_CODE: u32 = 1 << 7;
pub(crate) const CTA_FILTER_F_CTA_PROTO_ICMP_ID: u32 = 1 << 8;

/// Attributes of global statistics (`enum ctattr_stats_global`).
pub(crate) const CTA_STATS_GLOBAL_ENTRIES: u16 = 1;
pub(crate) const CTA_STATS_GLOBAL_MAX_ENTRIES: u16 = 2;

/// Attributes of statistics of expectations (`enum ctattr_expect_stats`).
pub(crate) const CTA_STATS_EXP_NEW: u16 = 1;
pub(crate) const CTA_STATS_EXP_CREATE: u16 = 2;
pub(crate) const CTA_STATS_EXP_DELETE: u16 = 3;

/// Attributes of an expectation (`enum ctattr_expect`).
pub(crate) const CTA_EXPECT_MASTER: u16 = 1;
pub(crate) const CTA_EXPECT_TUPLE: u16 = 2;
pub(crate) const CTA_EXPECT_MASK: u16 = 3;
pub(crate) const CTA_EXPECT_TIMEOUT: u16 = 4;
pub(crate) const CTA_EXPECT_ID: u16 = 5;
pub(crate) const CTA_EXPECT_HELP_NAME: u16 = 6;
pub(crate) const CTA_EXPECT_ZONE: u16 = 7;
pub(crate) const CTA_EXPECT_FLAGS: u16 = 8;
pub(crate) const CTA_EXPECT_CLASS: u16 = 9;
pub(crate) const CTA_EXPECT_NAT: u16 = 10;
pub(crate) const CTA_EXPECT_FN: u16 = 11;

/// Of its NAT (`enum ctattr_expect_nat`).
pub(crate) const CTA_EXPECT_NAT_DIR: u16 = 1;
pub(crate) const CTA_EXPECT_NAT_TUPLE: u16 = 2;
