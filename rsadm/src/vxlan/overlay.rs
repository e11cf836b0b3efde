//! Who uses a forwarding entry: the overlay's neighbours, and the routes that lead to them.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use vxlan::{Link, Mac, Neighbour, Route, State};

use super::devices::{Links, Tables};
use crate::failure::Result;

/// The neighbours and routes of one overlay: those of the device, and of the bridge that it is a
/// port of.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) neighbours: Vec<Neighbour>,
    pub(super) routes: Vec<Route>,
    by_mac: HashMap<Mac, Vec<usize>>,
}

impl Overlay {
    fn new(neighbours: Vec<Neighbour>, routes: Vec<Route>) -> Self {
        let mut by_mac: HashMap<Mac, Vec<usize>> = HashMap::new();
        for (index, neighbour) in neighbours.iter().enumerate() {
            if let Some(mac) = neighbour.mac {
                by_mac.entry(mac).or_default().push(index);
            }
        }
        Self { neighbours, routes, by_mac }
    }

    /// Whether IP knows anything of it: else nobody can be missing.
    pub(super) fn is_used(&self) -> bool {
        !self.neighbours.is_empty() || self.gateways().next().is_some()
    }

    /// The neighbours with this Ethernet address.
    pub(super) fn of(&self, mac: Mac) -> impl Iterator<Item = &Neighbour> {
        self.by_mac.get(&mac).into_iter().flatten().map(|index| &self.neighbours[*index])
    }

    /// Addresses that routes need to be neighbours.
    pub(super) fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        self.routes.iter().filter_map(|route| route.gateway)
    }

    /// The routes that packets to a neighbour come by: those that name it, or else the narrowest
    /// that it is in.
    pub(super) fn routes_to(&self, address: IpAddr) -> Vec<&Route> {
        let named: Vec<_> =
            self.routes.iter().filter(|route| route.gateway == Some(address)).collect();
        if !named.is_empty() {
            return named;
        }
        let on_link = self.routes.iter().filter(|route| route.gateway.is_none());
        let containing = on_link.filter(|route| {
            IpNet::new(route.destination, route.prefix).is_ok_and(|net| net.contains(&address))
        });
        containing.max_by_key(|route| route.prefix).into_iter().collect()
    }
}

/// The overlays of these devices, by the devices' indexes.
pub(super) fn read(
    client: &mut impl Tables,
    links: &Links,
    devices: &[&Link],
) -> Result<HashMap<u32, Overlay>> {
    let neighbours = client.neighbours(None)?;
    let routes = client.routes()?;
    let overlays = devices.iter().map(|device| {
        let master = device.master.filter(|master| links.get(*master).is_some());
        let here = |link: u32| link == device.index || Some(link) == master;
        let neighbours = neighbours.iter().filter(|it| here(it.link) && is_a_host(it)).copied();
        let routes = routes.iter().filter(|it| it.link.is_some_and(here) && it.is_unicast());
        (device.index, Overlay::new(neighbours.collect(), routes.copied().collect()))
    });
    Ok(overlays.collect())
}

/// Whether it is a host, and not a group or the like that the kernel keeps among neighbours.
fn is_a_host(neighbour: &Neighbour) -> bool {
    !neighbour.state.contains(State::NOARP) && !neighbour.address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: &str, gateway: Option<&str>) -> Route {
        let (destination, prefix) = destination.split_once('/').expect("a network");
        Route {
            destination: destination.parse().expect("an address"),
            prefix: prefix.parse().expect("a number"),
            kind: 1,
            table: 254,
            gateway: gateway.map(|address| address.parse().expect("an address")),
            link: Some(7),
        }
    }

    fn shown(routes: &[&Route]) -> Vec<String> {
        routes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn routes_by_name_come_before_networks() {
        let routes = vec![
            route("10.244.3.0/24", Some("10.244.3.0")),
            route("10.250.0.0/16", Some("10.244.3.0")),
            route("10.0.0.0/8", None),
            route("10.244.0.0/16", None),
        ];
        let overlay = Overlay::new(Vec::new(), routes);
        let to = |address: &str| overlay.routes_to(address.parse().expect("an address"));
        assert_eq!(shown(&to("10.244.3.0")), ["10.244.3.0/24", "10.250.0.0/16"]);
        assert_eq!(shown(&to("10.244.4.0")), ["10.244.0.0/16"]);
        assert!(to("192.168.0.1").is_empty() && to("fd00::1").is_empty());
    }

    #[test]
    fn neighbours_by_their_ethernet_address() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let of = |last| Neighbour::permanent(7, [10, 0, 0, last].into(), mac);
        let overlay = Overlay::new(vec![of(1), of(2)], Vec::new());
        assert_eq!(overlay.of(mac).count(), 2);
        assert_eq!(overlay.of(Mac::ZERO).count(), 0);
        assert!(overlay.is_used() && !Overlay::default().is_used());
    }
}
