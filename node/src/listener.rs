//! Sockets that wait for packets.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A socket that takes connections or datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    /// Layer 4 protocol: 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// Address and port; the unspecified address takes packets to all, that of IPv6 those of IPv4 too
    /// unless [`only_ipv6`](Self::only_ipv6).
    pub address: SocketAddr,
    /// Whether a socket of IPv6 takes no IPv4; unknown from `/proc`, where it is `None`.
    pub only_ipv6: Option<bool>,
}

impl Listener {
    /// Whether it takes packets of the protocol to the address, as far as is known.
    pub fn takes(&self, protocol: u8, address: SocketAddr) -> bool {
        let everywhere = self.address.ip().is_unspecified();
        let mapped = self.address.is_ipv6() && address.is_ipv4() && self.only_ipv6 != Some(true);
        self.protocol == protocol
            && self.address.port() == address.port()
            && (self.address.ip() == address.ip()
                || self.address.ip().to_canonical() == address.ip()
                || everywhere && (self.address.is_ipv4() == address.is_ipv4() || mapped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_socket_takes_what_its_address_covers() {
        let at = |text| Listener { protocol: 6, address: address(text), only_ipv6: None };
        let pod = address("10.244.3.32:80");
        assert!(at("0.0.0.0:80").takes(6, pod));
        assert!(at("[::]:80").takes(6, pod));
        assert!(at("10.244.3.32:80").takes(6, pod));
        assert!(at("[::ffff:10.244.3.32]:80").takes(6, pod));
        assert!(!Listener { only_ipv6: Some(true), ..at("[::]:80") }.takes(6, pod));
        assert!(!at("0.0.0.0:80").takes(17, pod));
        assert!(!at("0.0.0.0:81").takes(6, pod));
        assert!(!at("127.0.0.1:80").takes(6, pod));
        assert!(!at("0.0.0.0:80").takes(6, address("[2001:db8::1]:80")));
        assert!(at("[::]:80").takes(6, address("[2001:db8::1]:80")));
    }
}
