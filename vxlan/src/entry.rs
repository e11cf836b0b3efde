//! Forwarding entries: which frames go where.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use crate::{CacheTimes, ExtendedFlags, Flags, Mac, State, Vni};

/// Where a VXLAN device sends frames, as far as an entry says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Remote {
    /// Address of the other end. Unspecified (`0.0.0.0`) in entries that only short-circuit routes.
    #[doc(alias = "NDA_DST")]
    pub address: Option<IpAddr>,
    /// UDP port; `None` is the device's own, and the kernel shows the device's own as none.
    #[doc(alias = "NDA_PORT")]
    pub port: Option<u16>,
    /// VNI that packets carry; `None` is the device's own, which the kernel shows as none.
    #[doc(alias = "NDA_VNI")]
    pub vni: Option<Vni>,
    /// Index of the link that packets leave through.
    #[doc(alias = "NDA_IFINDEX")]
    pub via: Option<u32>,
}

impl From<IpAddr> for Remote {
    fn from(address: IpAddr) -> Self {
        Self { address: Some(address), ..Self::default() }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{address}")?,
            None => f.write_str("any remote")?,
        }
        if let Some(port) = self.port {
            write!(f, " port {port}")?;
        }
        if let Some(vni) = self.vni {
            write!(f, " vni {vni}")?;
        }
        match self.via {
            Some(via) => write!(f, " via link {via}"),
            None => Ok(()),
        }
    }
}

/// What an entry's hardware or control plane wants to know of its use. Linux 5.14.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "NDA_FDB_EXT_ATTRS")]
pub struct Activity {
    /// Bits: 1 asks for notifications of use, 2 says that it is not used.
    #[doc(alias = "NFEA_ACTIVITY_NOTIFY")]
    pub notify: Option<u8>,
    /// Of requests: the entry's times stay as they are.
    #[doc(alias = "NFEA_DONT_REFRESH")]
    pub keep_times: bool,
}

/// A forwarding entry: of a VXLAN device's own table, or of the bridge that a link is a port of.
///
/// A VXLAN device may have several remotes for the zero address and for groups; each is an entry.
///
/// ```
/// use vxlan::{Entry, Flags, State};
/// let mut entry = Entry::to(7, "ee:d6:38:55:d5:c7".parse()?, "172.16.20.121".parse()?);
/// assert_eq!((entry.state, entry.flags), (State::STATIC_PERMANENT, Flags::SELF));
/// entry.remote.port = Some(4789);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// Index of the link.
    #[doc(alias = "ndm_ifindex")]
    pub link: u32,
    /// Destination of the frames.
    #[doc(alias = "NDA_LLADDR")]
    pub mac: Mac,
    /// VLAN of the frames; in tables of bridges only.
    #[doc(alias = "NDA_VLAN")]
    pub vlan: Option<u16>,
    /// VNI that frames of this entry belong to; in devices with `external` only.
    #[doc(alias = "NDA_SRC_VNI")]
    pub source_vni: Option<Vni>,
    /// Where they go.
    pub remote: Remote,
    /// Nexthop group that they go to, instead of a remote. Linux 5.8.
    #[doc(alias = "NDA_NH_ID")]
    pub nexthop_group: Option<u32>,
    /// State.
    pub state: State,
    /// Flags.
    pub flags: Flags,
    /// More flags.
    pub extended_flags: ExtendedFlags,
    /// Index of the bridge whose table the entry is in. Shown only.
    #[doc(alias = "NDA_MASTER")]
    pub master: Option<u32>,
    /// Which program wrote it; the kernel keeps it for neighbours only.
    #[doc(alias = "NDA_PROTOCOL")]
    pub protocol: Option<u8>,
    /// What is said of its use.
    pub activity: Option<Activity>,
    /// Times since its use. Shown only.
    pub cache: Option<CacheTimes>,
    /// Id of the network namespace that [`Remote::via`] is in, if it is another one. Shown only.
    #[doc(alias = "NDA_LINK_NETNSID")]
    pub link_namespace: Option<i32>,
}

impl Entry {
    /// A permanent entry of a device's own table that goes nowhere yet.
    pub const fn new(link: u32, mac: Mac) -> Self {
        Self {
            link,
            mac,
            vlan: None,
            source_vni: None,
            remote: Remote { address: None, port: None, vni: None, via: None },
            nexthop_group: None,
            state: State::STATIC_PERMANENT,
            flags: Flags::SELF,
            extended_flags: ExtendedFlags::empty(),
            master: None,
            protocol: None,
            activity: None,
            cache: None,
            link_namespace: None,
        }
    }

    /// A permanent entry that goes to a remote, as `bridge fdb add MAC dev DEV dst ADDRESS` makes it.
    pub fn to(link: u32, mac: Mac, address: IpAddr) -> Self {
        Self { remote: address.into(), ..Self::new(link, mac) }
    }

    /// Whether it says where frames go, as every entry of a VXLAN device's own table does.
    fn goes_somewhere(&self) -> bool {
        self.remote != Remote::NONE || self.nexthop_group.is_some()
    }

    /// Whether a notification only repeats one about an entry that is known: older kernels, 6.12
    /// among them, tell each change of a device's own table once more, without where frames go.
    /// `same_key` is the entry with its key, if there is one; `known` are all.
    pub(crate) fn is_echo<'a>(
        &self,
        same_key: Option<&Self>,
        mut known: impl Iterator<Item = &'a Self>,
    ) -> bool {
        if self.goes_somewhere() {
            return false;
        }
        if !self.mac.floods() {
            return same_key.is_some_and(Self::goes_somewhere);
        }
        // One of several remotes, and it is not said which.
        let is_of_it =
            |it: &Self| (it.link, it.mac, it.master) == (self.link, self.mac, self.master);
        known.any(|known| is_of_it(known) && known.goes_somewhere())
    }

    /// The table that it is in.
    pub const fn table(&self) -> Table {
        match self.master {
            Some(bridge) => Table::Bridge(bridge),
            None => Table::Device(self.link),
        }
    }

    /// What tells it from every other entry. A unicast address has one entry in a table, so its
    /// remote is no part of it.
    pub const fn key(&self) -> EntryKey {
        let remote = if self.mac.floods() { self.remote } else { Remote::NONE };
        let Self { mac, vlan, source_vni, .. } = *self;
        EntryKey { table: self.table(), mac, vlan, source_vni, remote }
    }
}

impl Remote {
    /// Nothing said.
    pub(crate) const NONE: Self = Self { address: None, port: None, vni: None, via: None };
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mac)?;
        if let Some(vlan) = self.vlan {
            write!(f, " vlan {vlan}")?;
        }
        if let Some(vni) = self.source_vni {
            write!(f, " src_vni {vni}")?;
        }
        if self.remote != Remote::NONE {
            write!(f, " dst {}", self.remote)?;
        }
        if let Some(group) = self.nexthop_group {
            write!(f, " nhid {group}")?;
        }
        Ok(())
    }
}

/// A table of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Table {
    /// The own table of the link with this index.
    Device(u32),
    /// The table of the bridge with this index, for all of its ports.
    Bridge(u32),
}

/// What tells an entry from every other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EntryKey {
    /// Its table.
    pub table: Table,
    /// Its address.
    pub mac: Mac,
    /// Its VLAN.
    pub vlan: Option<u16>,
    /// Its source VNI.
    pub source_vni: Option<Vni>,
    /// Its remote, where an address can have several.
    pub remote: Remote,
}

/// A table has a hundred thousand keys: they are hashed as a few words, and not field by field.
impl Hash for EntryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut first = [0; 8];
        first[..2].copy_from_slice(&self.vlan.unwrap_or_default().to_be_bytes());
        first[2..].copy_from_slice(&self.mac.0);
        state.write_u64(u64::from_be_bytes(first));
        let (Table::Device(index) | Table::Bridge(index)) = self.table;
        let vni = self.source_vni.map_or(0, Vni::get);
        state.write_u64(u64::from(index) << 32 | u64::from(vni));
        match self.remote.address {
            Some(IpAddr::V4(address)) => state.write_u32(address.to_bits()),
            Some(IpAddr::V6(address)) => state.write_u128(address.to_bits()),
            None => {}
        }
    }
}

/// Asks for one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryQuery {
    /// Index of the link, or of a bridge to look through its own table; 0 where
    /// [`master`](Self::master) says it all.
    pub link: u32,
    /// Address.
    pub mac: Mac,
    /// VLAN; of tables of bridges.
    pub vlan: Option<u16>,
    /// VNI that frames belong to (the *source* VNI); of devices with `external`, ignored by others.
    #[doc(alias = "NDA_VNI")]
    pub source_vni: Option<Vni>,
    /// [`Flags::SELF`] asks the device's own table, [`Flags::MASTER`] that of its bridge.
    pub flags: Flags,
    /// Index of a bridge whose table is asked, instead of a link.
    #[doc(alias = "NDA_MASTER")]
    pub master: Option<u32>,
}

impl EntryQuery {
    /// Asks a device's own table.
    pub const fn new(link: u32, mac: Mac) -> Self {
        Self { link, mac, vlan: None, source_vni: None, flags: Flags::SELF, master: None }
    }
}

/// Which entries are meant. `None` and empty sets are no condition.
///
/// The kernel is asked for [`link`](Self::link) and [`master`](Self::master) alone; it knows no
/// other condition of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Entries that this link has, in its own table and as a port.
    pub link: Option<u32>,
    /// Entries of this bridge and of its ports.
    pub master: Option<u32>,
    /// Entries in a device's own table, or in that of a bridge.
    pub in_bridge: Option<bool>,
    /// Address.
    pub mac: Option<Mac>,
    /// Address of the remote.
    pub destination: Option<IpAddr>,
    /// UDP port of the remote; the device's own counts where the entry has none.
    pub port: Option<u16>,
    /// VNI of the remote; the device's own counts where the entry has none.
    pub vni: Option<Vni>,
    /// Source VNI.
    pub source_vni: Option<Vni>,
    /// VLAN.
    pub vlan: Option<u16>,
    /// Nexthop group.
    pub nexthop_group: Option<u32>,
    /// One of these states at least.
    pub any_state: State,
    /// None of these states.
    pub no_state: State,
    /// All of these flags.
    pub all_flags: Flags,
    /// None of these flags.
    pub no_flags: Flags,
}

/// What a device's entries mean where they say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Its UDP port.
    pub port: Option<u16>,
    /// Its VNI.
    pub vni: Option<Vni>,
}

fn accepts<T: PartialEq + Copy>(wanted: Option<T>, is: Option<T>) -> bool {
    wanted.is_none() || wanted == is
}

impl EntryFilter {
    /// Every entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every entry of a link.
    pub fn of(link: u32) -> Self {
        Self { link: Some(link), ..Self::default() }
    }

    /// Whether the kernel can do all of it in a listing.
    pub fn is_whole(&self) -> bool {
        *self == Self { link: self.link, master: self.master, ..Self::default() }
    }

    /// Whether it takes the devices' own values to decide.
    pub fn needs_defaults(&self) -> bool {
        self.port.is_some() || self.vni.is_some()
    }

    /// Whether the entry is meant; `defaults` are those of the entry's device.
    pub fn matches(&self, entry: &Entry, defaults: Defaults) -> bool {
        // An entry of a bridge leads to a port, and to no remote.
        let defaults = if entry.master.is_some() { Defaults::default() } else { defaults };
        self.is_of_its_table(entry)
            && self.in_bridge.is_none_or(|wanted| wanted == entry.master.is_some())
            && self.mac.is_none_or(|mac| mac == entry.mac)
            && accepts(self.destination, entry.remote.address)
            && accepts(self.port, entry.remote.port.or(defaults.port))
            && accepts(self.vni, entry.remote.vni.or(defaults.vni))
            && accepts(self.source_vni, entry.source_vni)
            && accepts(self.vlan, entry.vlan)
            && accepts(self.nexthop_group, entry.nexthop_group)
            && (self.any_state.is_empty() || self.any_state.intersects(entry.state))
            && !self.no_state.intersects(entry.state)
            && entry.flags.contains(self.all_flags)
            && !self.no_flags.intersects(entry.flags)
    }

    /// What the kernel decides of it in a listing. Entries of a bridge's ports that are in the
    /// ports' own tables do not name the bridge, so with [`master`](Self::master) it is only known
    /// of those that do.
    pub(crate) fn is_of_its_table(&self, entry: &Entry) -> bool {
        self.link.is_none_or(|link| link == entry.link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(text: &str) -> Mac {
        text.parse().expect("an address")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_unicast_address_has_one_entry_and_the_zero_address_many() {
        let of = |mac, to: &str| Entry::to(1, mac, address(to)).key();
        let unicast = mac("02:00:00:00:00:01");
        assert_eq!(of(unicast, "10.0.0.1"), of(unicast, "10.0.0.2"));
        assert_ne!(of(Mac::ZERO, "10.0.0.1"), of(Mac::ZERO, "10.0.0.2"));
        let group = mac("01:00:5e:00:00:01");
        assert_ne!(of(group, "10.0.0.1"), of(group, "10.0.0.2"));
    }

    #[test]
    fn a_port_of_a_bridge_does_not_tell_entries_apart() {
        let mut first = Entry::new(1, mac("02:00:00:00:00:01"));
        first.master = Some(9);
        let second = Entry { link: 2, ..first };
        assert_eq!(first.key(), second.key());
        assert_ne!(first.key(), Entry { vlan: Some(7), ..first }.key());
    }

    #[test]
    fn filters_look_at_what_they_say() {
        let mut entry = Entry::to(3, mac("02:00:00:00:00:01"), address("172.16.20.121"));
        entry.source_vni = Vni::new(6);
        let defaults = Defaults { port: Some(8472), vni: Vni::new(1) };
        let all = EntryFilter::default;
        let yes = [
            all(),
            EntryFilter::of(3),
            EntryFilter { in_bridge: Some(false), ..all() },
            EntryFilter { mac: Some(entry.mac), ..all() },
            EntryFilter { destination: entry.remote.address, ..all() },
            EntryFilter { port: Some(8472), ..all() },
            EntryFilter { vni: Vni::new(1), ..all() },
            EntryFilter { source_vni: Vni::new(6), ..all() },
            EntryFilter { any_state: State::PERMANENT | State::STALE, ..all() },
            EntryFilter { no_state: State::REACHABLE, ..all() },
            EntryFilter { all_flags: Flags::SELF, no_flags: Flags::STICKY, ..all() },
        ];
        for filter in yes {
            assert!(filter.matches(&entry, defaults), "{filter:?}");
        }
        let no = [
            EntryFilter::of(4),
            EntryFilter { in_bridge: Some(true), ..all() },
            EntryFilter { mac: Some(Mac::ZERO), ..all() },
            EntryFilter { destination: Some(address("172.16.20.122")), ..all() },
            EntryFilter { port: Some(4789), ..all() },
            EntryFilter { vni: Vni::new(0), ..all() },
            EntryFilter { source_vni: Vni::new(7), ..all() },
            EntryFilter { vlan: Some(1), ..all() },
            EntryFilter { nexthop_group: Some(1), ..all() },
            EntryFilter { any_state: State::STALE, ..all() },
            EntryFilter { no_state: State::NOARP, ..all() },
            EntryFilter { all_flags: Flags::EXTERN_LEARN, ..all() },
            EntryFilter { no_flags: Flags::SELF, ..all() },
        ];
        for filter in no {
            assert!(!filter.matches(&entry, defaults), "{filter:?}");
        }
        let in_bridge = Entry { master: Some(9), ..Entry::new(3, entry.mac) };
        let of_vni = EntryFilter { vni: Vni::new(1), ..all() };
        assert!(all().matches(&in_bridge, defaults) && !of_vni.matches(&in_bridge, defaults));
        assert!(
            EntryFilter::of(3).is_whole() && !EntryFilter { vlan: Some(1), ..all() }.is_whole()
        );
    }
}
