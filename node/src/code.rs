//! Words for what can be wrong. They stay as they are: scripts and alerts rely on them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares the codes with the words for them.
macro_rules! codes {
    ($($(#[$documentation:meta])* $variant:ident = $word:literal,)*) => {
        /// What is wrong, in a word that does not change between versions.
        ///
        /// `docs/doctor.md` says of each how it is found, why it hurts and how it is mended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$documentation])* #[serde(rename = $word)] $variant,)*
        }

        impl Code {
            /// All of them, in the order of a packet's way.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

codes! {
    /// No service has the address, protocol and port.
    ServiceMissing = "service-missing",
    /// No link of the node has the virtual address, so IPVS never sees the packets.
    ServiceAddressMissing = "service-address-missing",
    /// The service has no destination.
    ServiceNoDestinations = "service-no-destinations",
    /// Every destination of the service has weight 0.
    WeightsZero = "weights-zero",
    /// Every destination of the service has as many connections as it may.
    DestinationsOverloaded = "destinations-overloaded",
    /// A destination of weight 0 without connections was left behind.
    DestinationLeftover = "destination-leftover",
    /// Nothing leads to the destination.
    DestinationUnreachable = "destination-unreachable",
    /// Directly routed, but not on a network that the node is on.
    DestinationNotOnLink = "destination-not-on-link",

    /// The source is the service's own address, or one that answers do not come back to, and nothing
    /// masquerades it.
    MasqueradeMissing = "masquerade-missing",
    /// IPVS keeps no flows (`net.ipv4.vs.conntrack`), so netfilter does not translate its packets.
    IpvsConntrackOff = "ipvs-conntrack-off",
    /// What the rules do to the packet cannot be told.
    NatUnknown = "nat-unknown",

    /// A rule drops the packet.
    RuleReject = "rule-reject",
    /// No route leads to the destination.
    RouteMissing = "route-missing",
    /// The route drops the packet.
    RouteReject = "route-reject",
    /// The route leaves through a link that is not the overlay's.
    RouteWrongDevice = "route-wrong-device",
    /// The route's gateway is not the overlay address of the node that has the destination.
    RouteWrongGateway = "route-wrong-gateway",
    /// The link that the route leaves through is down.
    RouteLinkDown = "route-link-down",

    /// The next hop has no neighbour entry, and the overlay resolves none.
    NeighbourMissing = "neighbour-missing",
    /// The next hop does not answer.
    NeighbourFailed = "neighbour-failed",
    /// The neighbour entry has another Ethernet address than the peer's end of the overlay.
    NeighbourWrongMac = "neighbour-wrong-mac",
    /// A neighbour entry of the overlay that is not permanent will vanish.
    NeighbourNotPermanent = "neighbour-not-permanent",

    /// No forwarding entry for the Ethernet address, and no default entry.
    FdbMissing = "fdb-missing",
    /// The forwarding entry leads to an address that no node has, or to another node than the route.
    FdbWrongRemote = "fdb-wrong-remote",
    /// The forwarding entry leads back to the node itself.
    FdbLoop = "fdb-loop",
    /// Several forwarding entries of different addresses lead to one node, or several neighbours have
    /// one Ethernet address.
    FdbDuplicate = "fdb-duplicate",
    /// A forwarding entry that no neighbour uses.
    FdbOrphan = "fdb-orphan",
    /// Packets of the entry carry another VNI or port than the device they are to arrive at.
    FdbWrongVni = "fdb-wrong-vni",

    /// The overlay's device is not there.
    VtepMissing = "vtep-missing",
    /// The overlay's device is down.
    VtepDown = "vtep-down",
    /// The overlay's device is up, but its routes and neighbours are gone, as after it was down.
    VtepEmptied = "vtep-emptied",
    /// The peer's device has another Ethernet address than it is sent to: it was made anew.
    VtepMacChanged = "vtep-mac-changed",
    /// The peers' devices have different VNIs.
    VniMismatch = "vni-mismatch",
    /// The peers' devices have different UDP ports.
    PortMismatch = "port-mismatch",
    /// The device learns addresses from packets, over what was written.
    VtepLearning = "vtep-learning",
    /// Several VXLAN devices use one UDP port.
    VtepPortShared = "vtep-port-shared",
    /// The device sends from an address that the node does not have.
    VtepLocalAddress = "vtep-local-address",
    /// Several nodes' devices have one Ethernet address.
    VtepMacDuplicate = "vtep-mac-duplicate",

    /// No route leads to the other node.
    UnderlayRouteMissing = "underlay-route-missing",
    /// The link to the other node is down.
    UnderlayDown = "underlay-down",
    /// The other node, or the router to it, does not answer.
    UnderlayNeighbourFailed = "underlay-neighbour-failed",
    /// No snapshot of the node that the packet goes to.
    PeerUnknown = "peer-unknown",

    /// Packets of the overlay do not fit the underlay.
    MtuOverlay = "mtu-overlay",
    /// The ends of the overlay have different MTUs.
    MtuMismatch = "mtu-mismatch",
    /// A pod or its bridge sends packets that do not fit the overlay.
    MtuPod = "mtu-pod",

    /// Netfilter drops forwarded packets.
    ForwardDrop = "forward-drop",
    /// Netfilter drops packets that come in.
    InputDrop = "input-drop",
    /// Netfilter drops packets that go out.
    OutputDrop = "output-drop",
    /// Netfilter drops the overlay's packets.
    TunnelFiltered = "tunnel-filtered",
    /// What netfilter does with the packet cannot be told.
    NetfilterUnknown = "netfilter-unknown",

    /// The node does not forward.
    ForwardingOff = "forwarding-off",
    /// The reverse path filter drops packets because their answers take another way.
    RpFilterStrict = "rp-filter-strict",
    /// Packets with one of the node's own addresses as their source are dropped as forged.
    AcceptLocalOff = "accept-local-off",
    /// What a bridge forwards passes IPVS by, so answers between its ports are not translated back.
    BridgeNetfilterOff = "bridge-netfilter-off",
    /// IPVS keeps sending to a destination that is gone.
    ExpireNodestConnOff = "expire-nodest-conn-off",
    /// Reused ports of clients cost a second, or go to destinations that are gone.
    ConnReuseMode = "conn-reuse-mode",
    /// IPVS forgets idle connections before TCP keepalive renews them.
    IpvsTimeoutKeepalive = "ipvs-timeout-keepalive",
    /// The kernel computes wrong checksums of packets that are masqueraded into the overlay.
    ChecksumOffload = "checksum-offload",

    /// The table of flows is full, or nearly.
    ConntrackFull = "conntrack-full",
    /// Packets were dropped because no flow could be made.
    ConntrackDrops = "conntrack-drops",
    /// Flows lead to a destination that is gone.
    FlowStale = "flow-stale",
    /// The live flow is translated otherwise than today's rules would.
    FlowDisagrees = "flow-disagrees",

    /// No pod has the address.
    PodMissing = "pod-missing",
    /// The link to the pod is down, or not in the bridge.
    PodLinkDown = "pod-link-down",
    /// Nothing listens on the port.
    NotListening = "not-listening",

    /// A part of the snapshot that the check needs is missing.
    InputMissing = "input-missing",
    /// Nodes' snapshots are from different moments, or do not belong together.
    SnapshotsUnrelated = "snapshots-unrelated",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A text is not a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a code of a fault")]
pub struct ParseCodeError(Box<str>);

impl FromStr for Code {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        let found = Self::ALL.iter().copied().find(|code| code.word() == text);
        found.ok_or_else(|| ParseCodeError(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_for_one_code() {
        for code in Code::ALL {
            assert_eq!(code.word().parse(), Ok(*code));
            let json = serde_json::to_string(code).expect("text");
            assert_eq!(json, format!("\"{code}\""));
        }
        assert!("fdb".parse::<Code>().is_err());
    }
}
