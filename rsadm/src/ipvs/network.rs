//! Networks to filter connections by: `CIDR[:PORT]`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// A network, a port, or both; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    network: Option<IpNet>,
    port: Option<u16>,
}

impl Network {
    /// Whether an address is in the network, and its port the one that was asked for.
    pub(crate) fn contains(&self, address: SocketAddr) -> bool {
        self.network.is_none_or(|network| network.contains(&address.ip()))
            && self.port.is_none_or(|port| port == address.port())
    }
}

impl FromStr for Network {
    type Err = String;

    /// `10.0.0.0/8`, `10.0.0.1:80`, `10.0.0.0/8:80`, `2001:db8::/32`, `[2001:db8::]/32:53`,
    /// `[2001:db8::/32]:53`, `:80`.
    fn from_str(text: &str) -> Result<Self, String> {
        let complaint = || {
            format!(
                "'{text}' is not a network: write 10.0.0.0/8, 10.0.0.1:80, [2001:db8::]/32:53 or :80"
            )
        };
        if let Some(network) = network(text) {
            return Ok(Self { network: Some(network), port: None });
        }
        let (rest, port) = text.rsplit_once(':').ok_or_else(complaint)?;
        // A part of an IPv6 address is no port: that wants brackets.
        if rest.contains(':') && !rest.contains(']') {
            return Err(complaint());
        }
        let port = port.parse().map_err(|_| complaint())?;
        let network = match rest {
            "" => None,
            _ => Some(network(rest).ok_or_else(complaint)?),
        };
        Ok(Self { network, port: Some(port) })
    }
}

fn network(text: &str) -> Option<IpNet> {
    if let Ok(network) = text.parse() {
        return Some(network);
    }
    let bare = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, prefix))) if prefix.is_empty() || prefix.starts_with('/') => {
            format!("{address}{prefix}")
        }
        Some(_) => return None,
        None => text.to_owned(),
    };
    bare.parse().ok().or_else(|| bare.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        let network: Network = network.parse().expect(network);
        network.contains(address.parse().expect(address))
    }

    #[test]
    fn networks_addresses_and_ports() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1:7", "11.0.0.0:7"),
            ("10.1.2.3/8", "10.255.0.1:7", "11.0.0.0:7"),
            ("10.0.0.1", "10.0.0.1:7", "10.0.0.2:7"),
            ("10.0.0.1:80", "10.0.0.1:80", "10.0.0.1:81"),
            ("10.0.0.0/8:80", "10.9.0.1:80", "11.0.0.1:80"),
            ("2001:db8::/32", "[2001:db8::7]:1", "[2001:db9::7]:1"),
            ("2001:db8::7", "[2001:db8::7]:1", "[2001:db8::8]:1"),
            ("[2001:db8::7]", "[2001:db8::7]:1", "[2001:db8::8]:1"),
            ("[2001:db8::]/32:53", "[2001:db8::7]:53", "[2001:db8::7]:54"),
            ("[2001:db8::/32]:53", "[2001:db8::7]:53", "[2001:db9::7]:53"),
            ("[2001:db8::7]:53", "[2001:db8::7]:53", "[2001:db8::7]:54"),
            (":80", "[2001:db8::7]:80", "10.0.0.1:81"),
            ("0.0.0.0/0", "10.0.0.1:1", "[::1]:1"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            assert!(!contains(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":",
            "x",
            "10.0.0.0/33",
            "10.0.0.1:",
            "10.0.0.1:65536",
            "10.0.0.1:http",
            "[::1",
            "[::1]x",
            "2001:db8::/32:x",
            "10.0.0.0/8/8",
            "/8",
        ] {
            let complaint = text.parse::<Network>().expect_err(text);
            assert!(complaint.starts_with(&format!("'{text}' is not a network")), "{complaint}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-f:./\\[\\]]{0,24}") {
            _ = text.parse::<Network>();
        }
    }
}
