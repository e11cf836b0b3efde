//! What a layer 4 protocol keeps of a flow.

use std::fmt;
use std::str::FromStr;

/// State of a flow's protocol. Protocols without states have none.
///
/// The kernel leaves it out of flows that a flow table forwards, and out of most events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
#[doc(alias = "CTA_PROTOINFO")]
pub enum ProtocolState {
    /// TCP.
    #[doc(alias = "CTA_PROTOINFO_TCP")]
    Tcp(Tcp),
    /// SCTP.
    #[doc(alias = "CTA_PROTOINFO_SCTP")]
    Sctp(Sctp),
    /// DCCP. Up to Linux 6.16.
    #[doc(alias = "CTA_PROTOINFO_DCCP")]
    Dccp(Dccp),
}

impl ProtocolState {
    /// The kernel's name of the state; `None` for a number that this crate does not know.
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Tcp(tcp) => tcp.state.name(),
            Self::Sctp(sctp) => sctp.state.name(),
            Self::Dccp(dccp) => dccp.state.name(),
        }
    }
}

impl From<TcpState> for ProtocolState {
    fn from(state: TcpState) -> Self {
        Self::Tcp(Tcp::new(state))
    }
}

/// A text that names no state of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no state of {protocol} has that name")]
pub struct ParseStateError {
    protocol: &'static str,
}

/// A number with the kernel's names for its values.
macro_rules! state {
    (
        $(#[$attribute:meta])*
        $type:ident of $protocol:literal {
            $($(#[$documentation:meta])* $name:ident = $number:literal,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $type(pub u8);

        impl $type {
            $($(#[$documentation])* pub const $name: Self = Self($number);)*

            /// All that this crate knows, in the kernel's order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The kernel's name; `None` for a number that this crate does not know.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl FromStr for $type {
            type Err = ParseStateError;

            /// Takes the kernel's name in upper or lower case.
            fn from_str(text: &str) -> Result<Self, ParseStateError> {
                let mut all = Self::ALL.iter().copied();
                let named = |state: &Self| {
                    state.name().is_some_and(|name| name.eq_ignore_ascii_case(text))
                };
                all.find(named).ok_or(ParseStateError { protocol: $protocol })
            }
        }
    };
}

state! {
    /// State of a TCP flow (`TCP_CONNTRACK_*`).
    #[doc(alias = "tcp_conntrack")]
    #[doc(alias = "CTA_PROTOINFO_TCP_STATE")]
    TcpState of "TCP" {
        /// Not known yet.
        NONE = 0,
        /// A SYN was seen.
        SYN_SENT = 1,
        /// It was answered.
        SYN_RECV = 2,
        /// The handshake is complete.
        ESTABLISHED = 3,
        /// One side has closed.
        FIN_WAIT = 4,
        /// The other side has acknowledged that.
        CLOSE_WAIT = 5,
        /// The other side has closed too.
        LAST_ACK = 6,
        /// Both sides have closed.
        TIME_WAIT = 7,
        /// Reset.
        CLOSE = 8,
        /// Both sides sent a SYN.
        SYN_SENT2 = 9,
    }
}

state! {
    /// State of an SCTP flow (`SCTP_CONNTRACK_*`).
    #[doc(alias = "sctp_conntrack")]
    #[doc(alias = "CTA_PROTOINFO_SCTP_STATE")]
    SctpState of "SCTP" {
        /// Not known yet.
        NONE = 0,
        /// Aborted or shut down.
        CLOSED = 1,
        /// INIT was seen.
        COOKIE_WAIT = 2,
        /// The cookie was echoed.
        COOKIE_ECHOED = 3,
        /// The handshake is complete.
        ESTABLISHED = 4,
        /// One side shuts down.
        SHUTDOWN_SENT = 5,
        /// The other side has received that.
        SHUTDOWN_RECD = 6,
        /// The other side has acknowledged it.
        SHUTDOWN_ACK_SENT = 7,
        /// A heartbeat was seen on a further path.
        HEARTBEAT_SENT = 8,
        /// It was acknowledged. Before Linux 6.1.
        HEARTBEAT_ACKED = 9,
    }
}

state! {
    /// State of a DCCP flow (`CT_DCCP_*`).
    #[doc(alias = "ct_dccp_states")]
    #[doc(alias = "CTA_PROTOINFO_DCCP_STATE")]
    DccpState of "DCCP" {
        /// Not known yet.
        NONE = 0,
        /// A request was seen.
        REQUEST = 1,
        /// It was answered.
        RESPOND = 2,
        /// The client has acknowledged.
        PARTOPEN = 3,
        /// The handshake is complete.
        OPEN = 4,
        /// The server wants to close.
        CLOSEREQ = 5,
        /// One side closes.
        CLOSING = 6,
        /// Closed.
        TIMEWAIT = 7,
        /// A packet that changes nothing.
        IGNORE = 8,
        /// A packet that does not belong to the flow.
        INVALID = 9,
    }
}

bitflags::bitflags! {
    /// What TCP tracking knows of one side (`IP_CT_TCP_FLAG_*`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct TcpFlags: u8 {
        /// It offers window scaling.
        #[doc(alias = "IP_CT_TCP_FLAG_WINDOW_SCALE")]
        const WINDOW_SCALE = 1;
        /// It permits selective acknowledgements.
        #[doc(alias = "IP_CT_TCP_FLAG_SACK_PERM")]
        const SACK_PERM = 2;
        /// It sent the first FIN.
        #[doc(alias = "IP_CT_TCP_FLAG_CLOSE_INIT")]
        const CLOSE_INIT = 4;
        /// Packets outside of its window are let through.
        #[doc(alias = "IP_CT_TCP_FLAG_BE_LIBERAL")]
        const BE_LIBERAL = 8;
        /// It has data that is not acknowledged.
        #[doc(alias = "IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED")]
        const DATA_UNACKNOWLEDGED = 0x10;
        /// The highest acknowledgement is known.
        #[doc(alias = "IP_CT_TCP_FLAG_MAXACK_SET")]
        const MAXACK_SET = 0x20;
        /// A challenge acknowledgement may follow. Linux 4.17.
        #[doc(alias = "IP_CT_EXP_CHALLENGE_ACK")]
        const EXP_CHALLENGE_ACK = 0x40;
        /// Both sides opened at the same time. Linux 5.10.
        #[doc(alias = "IP_CT_TCP_SIMULTANEOUS_OPEN")]
        const SIMULTANEOUS_OPEN = 0x80;

        const _ = !0;
    }
}

/// Flags of one side of TCP, and which of them to change. What the kernel shows has an empty mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "nf_ct_tcp_flags")]
pub struct MaskedTcpFlags {
    /// The flags.
    pub flags: TcpFlags,
    /// Those that a change sets or clears.
    pub mask: TcpFlags,
}

/// TCP of a flow. Of it, an event of its end has the state only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tcp {
    /// State.
    pub state: TcpState,
    /// Window scale of the side that opened. The kernel takes it over only together with the
    /// other, and if both sides' flags have [`TcpFlags::WINDOW_SCALE`].
    #[doc(alias = "CTA_PROTOINFO_TCP_WSCALE_ORIGINAL")]
    pub window_scale_original: Option<u8>,
    /// Window scale of the side that answered.
    #[doc(alias = "CTA_PROTOINFO_TCP_WSCALE_REPLY")]
    pub window_scale_reply: Option<u8>,
    /// Flags of the side that opened.
    #[doc(alias = "CTA_PROTOINFO_TCP_FLAGS_ORIGINAL")]
    pub flags_original: Option<MaskedTcpFlags>,
    /// Flags of the side that answered.
    #[doc(alias = "CTA_PROTOINFO_TCP_FLAGS_REPLY")]
    pub flags_reply: Option<MaskedTcpFlags>,
}

impl Tcp {
    /// A state, and nothing else known or to be changed.
    pub const fn new(state: TcpState) -> Self {
        Self {
            state,
            window_scale_original: None,
            window_scale_reply: None,
            flags_original: None,
            flags_reply: None,
        }
    }
}

/// SCTP of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sctp {
    /// State.
    pub state: SctpState,
    /// Verification tag of packets in the original direction.
    #[doc(alias = "CTA_PROTOINFO_SCTP_VTAG_ORIGINAL")]
    pub verification_tag_original: Option<u32>,
    /// Verification tag of packets in the reply direction.
    #[doc(alias = "CTA_PROTOINFO_SCTP_VTAG_REPLY")]
    pub verification_tag_reply: Option<u32>,
}

/// DCCP of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dccp {
    /// State.
    pub state: DccpState,
    /// Which side the client is on.
    #[doc(alias = "CTA_PROTOINFO_DCCP_ROLE")]
    pub role: Option<DccpRole>,
    /// Sequence number of the handshake.
    #[doc(alias = "CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ")]
    pub handshake_sequence: Option<u64>,
}

/// Role of the side in the original direction (`CT_DCCP_ROLE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct DccpRole(pub u8);

impl DccpRole {
    /// It opened the connection.
    pub const CLIENT: Self = Self(0);
    /// It was connected to.
    pub const SERVER: Self = Self(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_kernels_numbers_and_names() {
        let names: Vec<_> = TcpState::ALL.iter().filter_map(|state| state.name()).collect();
        assert_eq!(
            names.join(" "),
            "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2"
        );
        for (number, state) in TcpState::ALL.iter().enumerate() {
            assert_eq!(usize::from(state.0), number);
            assert_eq!(state.to_string().to_lowercase().parse(), Ok(*state));
        }
        assert_eq!(SctpState::HEARTBEAT_ACKED, SctpState(9));
        assert_eq!(DccpState::ALL.len(), 10);
        assert_eq!(TcpState(77).to_string(), "77");
        assert_eq!(
            "OPENED".parse::<DccpState>().map_err(|error| error.to_string()),
            Err("no state of DCCP has that name".to_owned())
        );
    }
}
