//! Links by the names that options give them.

use std::collections::HashMap;

use vxlan::{Client, Defaults, Link};

use super::hint;
use crate::classic::bridge::Names;
use crate::failure::{Failure, Result};

/// The VXLAN device that an option names.
pub(super) fn device(client: &mut Client, option: &str, name: &str) -> Result<Link> {
    let link = link(client, option, name)?;
    if link.vxlan.is_some() { Ok(link) } else { Err(hint::not_vxlan(option, &link)) }
}

/// The link, of whatever kind, that an option names.
pub(super) fn link(client: &mut Client, option: &str, name: &str) -> Result<Link> {
    client.link(name).map_err(|error| match error.refused() {
        // Names that are too long are "out of range".
        Some(_) if !error.is_permission() => hint::no_such_link(option, name),
        _ => error.into(),
    })
}

/// The index of a link that an option may name.
pub(super) fn index(client: &mut Client, option: &str, name: Option<&str>) -> Result<Option<u32>> {
    name.map(|name| Ok(link(client, option, name)?.index)).transpose()
}

/// Every link, to be looked up by index.
#[derive(Debug)]
pub(super) struct Links(HashMap<u32, Link>);

impl Links {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let links = client.every_link().map_err(Failure::from)?;
        Ok(Self(links.into_iter().map(|link| (link.index, link)).collect()))
    }

    pub(super) fn get(&self, index: u32) -> Option<&Link> {
        self.0.get(&index)
    }

    /// Whether it is a VXLAN device.
    pub(super) fn is_vxlan(&self, index: u32) -> bool {
        self.get(index).is_some_and(|link| link.vxlan.is_some())
    }

    /// Its name; of a link that is gone, what tells its index.
    pub(super) fn name(&self, index: u32) -> String {
        self.get(index).map_or_else(|| format!("if{index}"), |link| link.name.clone())
    }

    /// What its entries mean where they say nothing.
    pub(super) fn defaults(&self, index: u32) -> Defaults {
        self.get(index).map(Link::defaults).unwrap_or_default()
    }

    /// VXLAN devices, by index.
    pub(super) fn devices(&self) -> Vec<&Link> {
        let mut devices: Vec<_> = self.0.values().filter(|link| link.vxlan.is_some()).collect();
        devices.sort_by_key(|link| link.index);
        devices
    }

    /// Indexes by name.
    pub(super) fn by_name(&self) -> HashMap<String, u32> {
        self.0.values().map(|link| (link.name.clone(), link.index)).collect()
    }

    /// The names for bridge's text.
    pub(super) fn names(&self) -> Names {
        Names::of(self.0.values().map(|link| (link.index, link.name.as_str())))
    }
}
