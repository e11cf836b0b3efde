//! Ways into what is not public, for the fuzz targets. Not part of the library's interface.

use rsadm_netlink::fake::FakeKernel;
use rsadm_netlink::{Attributes, now};

use crate::uapi::*;
use crate::verbs::Verbs;
use crate::{Change, Entry, EntryFilter, EntryQuery, Event, Mac, Neighbour, Sync, wire};

/// Decodes a payload as each of the values that it could be. What is understood is encoded and
/// decoded again, and must be the same.
pub fn decode(payload: &[u8]) {
    if let Ok(Some(entry)) = wire::entry(payload) {
        let again = wire::entry(wire::put_entry(&entry, 0).payload());
        let shown = Entry { master: None, cache: None, link_namespace: None, ..entry };
        assert!(again.is_ok_and(|again| again == Some(shown)), "{entry:?}");
        let _ = (entry.to_string(), entry.key(), Change::Append(entry).message());
    }
    if let Ok(Some(neighbour)) = wire::neighbour(payload) {
        let message = wire::neighbour_message(&neighbour, RTM_NEWNEIGH, 0);
        let shown = Neighbour { kind: 0, cache: None, probes: None, ..neighbour };
        let again = wire::neighbour(message.payload());
        assert!(again.is_ok_and(|again| again == Some(shown)), "{neighbour:?}");
    }
    if let Ok(link) = wire::link::link(payload) {
        let settings = link.vxlan.unwrap_or_default();
        let config = crate::LinkConfig { settings: settings.clone(), ..Default::default() };
        let message = wire::link::put_link(None, &config);
        let again = wire::link::link(message.payload()).map(|link| link.vxlan);
        let sent = crate::Settings {
            ttl_inherit: settings.ttl_inherit.filter(|inherit| *inherit),
            ..settings
        };
        assert!(again.is_ok_and(|again| again == Some(sent)));
    }
    for entry in wire::vni::entries(payload).unwrap_or_default() {
        let again = wire::vni::entries(wire::vni::put(&entry, RTM_NEWTUNNEL).payload());
        let shown = crate::VniEntry { statistics: None, ..entry };
        assert!(again.is_ok_and(|again| again == [shown]), "{entry:?}");
    }
    for entry in wire::multicast::entries(payload).unwrap_or_default() {
        let _ = (entry.to_string(), wire::multicast::put(&entry, RTM_NEWMDB, 0));
    }
    let _ = (wire::nexthop::nexthop(payload), wire::multicast::router_ports(payload));
    for route in wire::route::routes(payload).unwrap_or_default() {
        let _ = route.to_string();
    }
    for kind in [RTM_NEWLINK, RTM_NEWNEIGH, RTM_GETNEIGH, RTM_NEWMDB, RTM_NEWNEXTHOP, RTM_NEWTUNNEL]
    {
        let _ = Event::decode(kind, payload);
    }
    let _ = wire::link::settings(Attributes::new(payload));
}

/// Runs the verbs against a kernel of which `kernel` makes one for each socket.
pub fn verbs(kernel: impl Fn() -> FakeKernel + Send + std::marker::Sync + 'static, choice: u8) {
    let (reader, writer) = (kernel(), kernel());
    let mut verbs = Verbs::new(reader, writer, Box::new(move |_| Ok(kernel())));
    let entry = Entry::to(7, Mac::ZERO, [10, 0, 0, 1].into());
    let filter = EntryFilter::of(7);
    match choice % 10 {
        0 => drop(now(verbs.read_entries(&filter))),
        1 => drop(now(verbs.entry(&EntryQuery::new(7, Mac::ZERO)))),
        2 => drop(now(verbs.delete(&entry))),
        3 => drop(now(verbs.append(&Entry { mac: Mac([2; 6]), ..entry }))),
        4 => drop(now(verbs.flush(7, &filter))),
        5 => {
            let report = now(verbs.apply(&[Change::Delete(entry), Change::Append(entry)]));
            if let Ok(report) = report {
                let others = report.refused.len() + report.ignored.len() + report.unknown.len();
                assert_eq!(report.applied + others + report.unsent.len(), 2, "{report:?}");
            }
        }
        6 => drop(now(verbs.sync(Sync::new(7, vec![entry])))),
        7 => drop(now(verbs.links())),
        8 => drop(now(verbs.multicast(Some(7)))),
        _ => drop(now(verbs.probe(Some(7)))),
    }
}
