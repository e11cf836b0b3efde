//! What netfilter's tools print, and packets that pass through it: every packet has an end.

#![no_main]

use std::net::IpAddr;

use ipvs::Family;
use libfuzzer_sys::fuzz_target;
use node::netfilter::Packet;
use node::{Firewall, Hook, Netfilter, Network, Part, Router};

const IPV4: [[u8; 4]; 2] = [[10, 244, 5, 9], [10, 243, 21, 14]];
const IPV6: [[u16; 8]; 2] = [[0xfd00, 0, 0, 0, 0, 0, 0, 1], [0xfd00, 0, 0, 0, 0, 0, 0, 2]];

fuzz_target!(|bytes: &[u8]| {
    // The first byte is the packet; zeros are between the three texts.
    let Some((choice, rest)) = bytes.split_first() else { return };
    let mut parts = rest.splitn(3, |byte| *byte == 0).map(String::from_utf8_lossy);
    let mut part = || Part::Read(parts.next().unwrap_or_default().into_owned());
    let (iptables, sets, nftables) = (part(), part(), part());
    let rules = Netfilter { ip6tables: iptables.clone(), iptables, nftables, sets };
    let network = Network::default();
    let router = Router::new(&network);
    let protocol = [6, 17, 1, 132][usize::from(*choice & 3)];
    for (family, [source, destination]) in
        [(Family::Ipv4, IPV4.map(IpAddr::from)), (Family::Ipv6, IPV6.map(IpAddr::from))]
    {
        let firewall = Firewall::new(&rules, family);
        let mut packet = Packet::first(protocol, (source, 40000), (destination, 8880));
        packet.mark = u32::from(choice >> 2);
        let packet = packet.coming_in("eth0").going_out("cni0");
        for hook in Hook::ALL {
            assert!(!firewall.pass(hook, &packet, &router).endings.is_empty());
        }
    }
});
