//! What the running kernel can do, found out by asking.

use rsadm_netlink::{Message, Transport};

use crate::entry::{EntryFilter, EntryQuery};
use crate::uapi::*;
use crate::verbs::Verbs;
use crate::{Mac, MulticastEntry, Vni, wire};

/// Whether the kernel can do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Support {
    /// It can.
    Works,
    /// It cannot.
    Lacks,
    /// It could not be asked: privilege or a VXLAN device to ask about is missing.
    #[default]
    Unknown,
}

/// What the running kernel can do. Found out by requests that change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Capabilities {
    /// It lists the entries of one device alone. Linux 5.0.
    #[doc(alias = "NETLINK_GET_STRICT_CHK")]
    pub filtered_listing: Support,
    /// It shows one entry by its address. Linux 5.0.
    pub read_entry: Support,
    /// It deletes many entries of a VXLAN device with one request. Linux 6.7.
    pub flush: Support,
    /// It has VNI filters. Linux 5.18.
    pub vni_filter: Support,
    /// VXLAN devices have a multicast database. Linux 6.4.
    pub multicast: Support,
    /// It has nexthops. Linux 5.3.
    pub nexthops: Support,
}

const NO_SUCH_ADDRESS: Mac = Mac([0x02, 0, 0, 0, 0, 0]);

impl<T: Transport> Verbs<T> {
    /// Finds out what the kernel can do; some of it needs a VXLAN device to ask about.
    pub(crate) async fn probe(&mut self, link: Option<u32>) -> crate::Result<Capabilities> {
        let mut found = Capabilities::default();
        // A header that is not all zero is what only a strict kernel objects to.
        let mut odd = Message::new(RTM_GETNEIGH, 0);
        odd.header(&[AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        found.filtered_listing = match self.attempt(odd, true).await {
            Err(error) if error.errno() == Some(EINVAL) => Support::Works,
            Ok(()) => Support::Lacks,
            Err(_) => Support::Unknown,
        };
        found.vni_filter = answered(self.attempt(wire::vni::list(None, false), true).await);
        found.nexthops = answered(self.attempt(wire::nexthop::get(None), true).await);
        if let Some(link) = link {
            let query = EntryQuery::new(link, NO_SUCH_ADDRESS);
            found.read_entry = answered(self.attempt(wire::get_entry(&query), false).await);
            // Conditions that no entry meets.
            let filter = EntryFilter {
                port: Some(1),
                vni: Some(Vni::MAX),
                source_vni: Some(Vni::MAX),
                ..EntryFilter::new()
            };
            if let Some(message) = wire::flush_entries(link, &filter) {
                found.flush = done(self.attempt(message, false).await);
            }
            // An entry that is not there.
            let mut entry =
                MulticastEntry::to(link, [239, 255, 255, 255].into(), [240, 0, 0, 1].into());
            entry.source_vni = Some(Vni::MAX);
            let message = wire::multicast::put(&entry, RTM_DELMDB, 0);
            found.multicast = match self.attempt(message, false).await {
                Err(error) if error.errno() == Some(ENOENT) => Support::Works,
                other => done(other),
            };
        }
        Ok(found)
    }
}

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const ENODEV: i32 = 19;
const EINVAL: i32 = 22;
const EOPNOTSUPP: i32 = 95;

/// A reading request: any answer but "not supported" shows that the kernel knows it.
fn answered(result: rsadm_netlink::Result<()>) -> Support {
    match result {
        Ok(()) => Support::Works,
        Err(error) => match error.errno() {
            Some(ENOENT) => Support::Works,
            Some(EOPNOTSUPP | EINVAL) => Support::Lacks,
            _ => Support::Unknown,
        },
    }
}

/// A writing request: it works if it was carried out.
fn done(result: rsadm_netlink::Result<()>) -> Support {
    match result {
        Ok(()) => Support::Works,
        Err(error) => match error.errno() {
            None | Some(EPERM | EACCES | ENODEV) => Support::Unknown,
            Some(_) => Support::Lacks,
        },
    }
}
