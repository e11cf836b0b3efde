//! Ways into what is not public, for the fuzz targets. Not part of the library's interface.

use std::net::SocketAddr;

use rsadm_netlink::fake::FakeKernel;
use rsadm_netlink::{Attributes, Message, now};

use crate::uapi::{IPVS_CMD_ATTR_DAEMON, IPVS_CMD_ATTR_DEST, IPVS_CMD_ATTR_SERVICE};
use crate::verbs::Verbs;
use crate::{
    Change, Destination, DestinationPatch, Family, ForwardingMethod, Role, Service, ServiceFlags,
    ServiceKey, ServicePatch, Timeouts, wire,
};

/// Decodes attributes as each of the entries that they could be. What is understood is encoded and
/// decoded again, and must be the same.
pub fn decode(bytes: &[u8]) {
    let attributes = Attributes::new(bytes);
    if let Ok(entry) = wire::service(attributes.clone()) {
        let mut message = Message::new(16, 0);
        wire::put_service(&mut message, &entry.service, ServiceFlags::all());
        let inside = wire::nested(message.attributes(), IPVS_CMD_ATTR_SERVICE, "service");
        let again = inside.and_then(wire::service).map(|entry| entry.service);
        assert!(again.is_ok_and(|again| again == entry.service), "{entry:?}");
    }
    for family in [Family::Ipv4, Family::Ipv6] {
        if let Ok(entry) = wire::destination(attributes.clone(), family) {
            let mut message = Message::new(16, 0);
            wire::put_destination(&mut message, &entry.destination);
            let inside = wire::nested(message.attributes(), IPVS_CMD_ATTR_DEST, "destination");
            let again = inside.and_then(|inside| wire::destination(inside, family));
            let again = again.map(|entry| entry.destination);
            assert!(again.is_ok_and(|again| again == entry.destination), "{entry:?}");
        }
    }
    if let Ok(daemon) = wire::daemon(attributes.clone()) {
        let mut message = Message::new(16, 0);
        wire::put_daemon(&mut message, &daemon);
        let inside = wire::nested(message.attributes(), IPVS_CMD_ATTR_DAEMON, "daemon");
        let again = inside.and_then(wire::daemon);
        assert!(again.is_ok_and(|again| again == daemon), "{daemon:?}");
    }
    let timeouts = wire::timeouts(attributes.clone());
    let mut message = Message::new(16, 0);
    wire::put_timeouts(&mut message, &timeouts);
    assert_eq!(wire::timeouts(message.attributes()), timeouts);
    let _ = wire::info(attributes);
}

/// Runs one of the verbs against a kernel that answers anything.
pub fn verbs(kernel: FakeKernel, choice: u8) {
    let Ok(mut verbs) = now(Verbs::connect(kernel)) else { return };
    let address = SocketAddr::from(([10, 0, 0, 1], 80));
    let key = ServiceKey::tcp(address);
    let service = Service::new(key, "rr");
    let destination = Destination::new(address, ForwardingMethod::MASQUERADE);
    match choice % 14 {
        0 => {
            if let Ok(mut table) = now(verbs.table_list()) {
                table.sort();
                table.iter().for_each(drop);
            }
        }
        1 => drop(now(verbs.service(&key))),
        2 => drop(now(verbs.destinations(&key))),
        3 => drop(now(verbs.table())),
        4 => {
            if let Ok(mut overview) = now(verbs.overview(None::<crate::PlainTable>)) {
                overview.sort();
                overview.iter().for_each(drop);
            }
        }
        5 => drop(now(verbs.info())),
        6 => drop(now(verbs.timeouts())),
        7 => drop(now(verbs.daemons())),
        8 => drop(now(verbs.put_service(&service))),
        9 => drop(now(verbs.patch_service(&key, &ServicePatch::default()))),
        10 => drop(now(verbs.put_destination(&key, &destination))),
        11 => {
            drop(now(verbs.patch_destination(&key, address, &DestinationPatch::default())));
        }
        12 => drop(now(verbs.stop_daemon(Role::Master, 0))),
        _ => apply(&mut verbs, service, destination),
    }
}

/// Every change is in exactly one group of the report.
fn apply(verbs: &mut Verbs<FakeKernel>, service: Service, destination: Destination) {
    let key = service.key;
    let changes = [
        Change::AddService(service.clone()),
        Change::AddDestination(key, destination),
        Change::UpdateService(service),
        Change::UpdateDestination(key, destination),
        Change::Zero(Some(key)),
        Change::SetTimeouts(Timeouts { tcp: 1, tcp_fin: 2, udp: 3 }),
        Change::StopDaemon(Role::Backup, 0),
        Change::DeleteDestination(key, destination.address),
        Change::DeleteService(key),
        Change::Flush,
    ];
    let Ok(report) = now(verbs.apply(&changes)) else { return };
    let refused = report.refused.iter().map(|(index, _)| *index);
    let mut others: Vec<_> =
        refused.chain(report.unknown.iter().copied()).chain(report.unsent.clone()).collect();
    others.sort_unstable();
    others.dedup();
    assert_eq!(report.applied + others.len(), changes.len(), "{report:?}");
}
