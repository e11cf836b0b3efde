//! What was counted while the attempt was made, and what that says.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use node::{Link, Query, Router, Snapshot};
use serde::Serialize;

/// A counter that moved.
#[derive(Debug, Serialize)]
pub(super) struct Count {
    /// The link; `None` of the host's protocols.
    device: Option<String>,
    name: String,
    more: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(device) = &self.device {
            write!(f, "{device} ")?;
        }
        write!(f, "{} +{}", self.name, self.more)
    }
}

/// Counters of links and protocols that moved.
pub(super) fn moved(before: &Snapshot, after: &Snapshot) -> Vec<Count> {
    let mut moved = Vec::new();
    for link in &after.network.links {
        let old = before.network.link(link.index()).and_then(|old| old.counters);
        let (Some(old), Some(new)) = (old, link.counters) else {
            continue;
        };
        for (name, old, new) in [
            ("tx_packets", old.tx_packets, new.tx_packets),
            ("rx_packets", old.rx_packets, new.rx_packets),
            ("tx_dropped", old.tx_dropped, new.tx_dropped),
            ("rx_dropped", old.rx_dropped, new.rx_dropped),
            ("tx_errors", old.tx_errors, new.tx_errors),
            ("rx_errors", old.rx_errors, new.rx_errors),
            ("tx_carrier_errors", old.tx_carrier_errors, new.tx_carrier_errors),
            ("rx_otherhost_dropped", old.rx_otherhost_dropped, new.rx_otherhost_dropped),
        ] {
            push_count(&mut moved, Some(link.name()), name, old, new);
        }
    }
    let old: &BTreeMap<String, u64> = &before.network.counters;
    for (name, new) in &after.network.counters {
        let is_trouble =
            ["Unreach", "NoPorts", "Errors", "Discards", "NoRoutes", "TimeExcds", "Frag"]
                .iter()
                .any(|word| name.contains(word));
        if is_trouble && let Some(old) = old.get(name) {
            push_count(&mut moved, None, name, *old, *new);
        }
    }
    moved
}

fn push_count(moved: &mut Vec<Count>, device: Option<&str>, name: &str, old: u64, new: u64) {
    if let Some(more) = new.checked_sub(old).filter(|more| *more > 0) {
        moved.push(Count { device: device.map(str::to_owned), name: name.to_owned(), more });
    }
}

/// What a link sent, received, and failed to send meanwhile.
struct Traffic<'a> {
    link: &'a Link,
    sent: u64,
    received: u64,
    lost: u64,
}

/// Where counters say that packets towards an address stopped.
pub(super) fn stopped(before: &Snapshot, after: &Snapshot, towards: IpAddr) -> String {
    let all: Vec<_> = after.network.links.iter().filter_map(|link| traffic(before, link)).collect();
    // The link that routing chose, if it did; else the first that could have been.
    let router = Router::new(&before.network).for_kernel(&before.kernel);
    let decision = router.route(&Query::to(towards));
    let mut chosen = all.iter().filter(|one| decision.leads_through(one.link.index()));
    let Some(Traffic { link, sent, received, lost }) = chosen
        .next()
        .or_else(|| all.iter().find(|one| one.sent > 0 && one.link.base.vxlan.is_some()))
        .or_else(|| all.iter().find(|one| one.sent > 0))
    else {
        return "no link sent anything: it was lost on this host".to_owned();
    };
    let name = link.name();
    match (sent, received, lost) {
        (0, _, 0) => format!("{name} sent nothing: it was lost before"),
        (0, _, lost) => format!("{name} dropped what it was to send: {lost} packets"),
        (sent, 0, _) => {
            format!("{name} sent {sent} packets and received none: they were lost behind it")
        }
        (sent, received, _) => {
            format!("{name} sent {sent} packets and received {received}: some were lost behind it")
        }
    }
}

fn traffic<'a>(before: &Snapshot, link: &'a Link) -> Option<Traffic<'a>> {
    if link.is_loopback() {
        return None;
    }
    let old = before.network.link(link.index())?.counters?;
    let new = link.counters?;
    let more = |old: u64, new: u64| new.saturating_sub(old);
    Some(Traffic {
        link,
        sent: more(old.tx_packets, new.tx_packets),
        received: more(old.rx_packets, new.rx_packets),
        lost: more(old.tx_dropped, new.tx_dropped)
            + more(old.tx_errors, new.tx_errors)
            + more(old.tx_carrier_errors, new.tx_carrier_errors),
    })
}
