//! Entries counted by something they share.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Write;
use std::net::IpAddr;

use serde::Serialize;
use vxlan::{Entry, Mac, Vni};

use super::list::Found;
use crate::cli::Format;
use crate::failure::Result;
use crate::output::table::{Align, Table};
use crate::output::{Items, Structure};
use crate::vxlan::arguments::FdbGroup;
use crate::vxlan::values::StateName;

/// What the entries of a group share. Entries that have none share that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Destination(Option<IpAddr>),
    Device(u32),
    Vni(Option<Vni>),
    State(Option<StateName>),
    Mac(Mac),
}

/// A group for programs.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    key: KeyView,
    entries: u64,
}

/// Under bridge's names.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum KeyView {
    Dst(Option<IpAddr>),
    Ifname(String),
    Vni(Option<u32>),
    State(Option<&'static str>),
    Mac(String),
}

impl Key {
    fn of(entry: &Entry, by: FdbGroup, found: &Found) -> Self {
        match by {
            FdbGroup::Dst => Self::Destination(entry.remote.address),
            FdbGroup::Dev => Self::Device(entry.link),
            FdbGroup::Vni => {
                let vni = entry.remote.vni.or(found.links.defaults(entry.link).vni);
                Self::Vni(vni.filter(|_| entry.master.is_none()))
            }
            FdbGroup::State => Self::State(StateName::of(entry.state)),
            FdbGroup::Mac => Self::Mac(entry.mac),
        }
    }

    fn view(self, found: &Found) -> KeyView {
        match self {
            Self::Destination(address) => KeyView::Dst(address),
            Self::Device(link) => KeyView::Ifname(found.links.name(link)),
            Self::Vni(vni) => KeyView::Vni(vni.map(Vni::get)),
            Self::State(state) => KeyView::State(state.map(StateName::name)),
            Self::Mac(mac) => KeyView::Mac(mac.to_string()),
        }
    }

    fn text(self, found: &Found) -> String {
        const NONE: &str = "none";
        match self.view(found) {
            KeyView::Ifname(text) | KeyView::Mac(text) => text,
            KeyView::Dst(address) => address.map_or_else(|| NONE.into(), |it| it.to_string()),
            KeyView::Vni(vni) => vni.map_or_else(|| NONE.into(), |it| it.to_string()),
            KeyView::State(state) => state.unwrap_or(NONE).to_owned(),
        }
    }
}

/// Shows groups, the largest first; what they share decides between equals.
pub(super) fn run(
    found: &Found,
    by: FdbGroup,
    top: Option<usize>,
    format: Format,
    out: &mut impl Write,
) -> Result<()> {
    let mut counts: HashMap<Key, u64> = HashMap::new();
    for entry in &found.entries {
        *counts.entry(Key::of(entry, by, found)).or_default() += 1;
    }
    let mut groups: Vec<_> = counts.into_iter().collect();
    groups.sort_unstable_by_key(|(key, count)| (Reverse(*count), *key));
    groups.truncate(top.unwrap_or(usize::MAX));
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for (key, entries) in groups {
            items.push(&View { key: key.view(found), entries })?;
        }
        return items.finish();
    }
    let title = match by {
        FdbGroup::Dst => "REMOTE",
        FdbGroup::Dev => "DEVICE",
        FdbGroup::Vni => "VNI",
        FdbGroup::State => "STATE",
        FdbGroup::Mac => "MAC",
    };
    let mut table = Table::new(&[("ENTRIES", Align::Right), (title, Align::Left)]);
    for (key, entries) in groups {
        table.row(out, vec![entries.to_string(), key.text(found)])?;
    }
    Ok(table.finish(out)?)
}
