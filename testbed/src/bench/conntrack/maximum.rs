//! Room for the flows of a benchmark.

use std::fs;

use crate::{Context, Result};

const PATH: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// `net.netfilter.nf_conntrack_max`, which all network namespaces share, raised for as long as this
/// lives.
pub(in crate::bench) struct Maximum {
    before: Option<u32>,
}

impl Maximum {
    pub(in crate::bench) fn of_at_least(flows: u32) -> Result<Self> {
        let Ok(text) = fs::read_to_string(PATH) else {
            return Err(super::missing("connection tracking"));
        };
        let before = text.trim().parse().context(|| format!("{PATH} has no number"))?;
        if before >= flows {
            return Ok(Self { before: None });
        }
        fs::write(PATH, flows.to_string()).context(|| format!("cannot raise {PATH}"))?;
        Ok(Self { before: Some(before) })
    }
}

impl Drop for Maximum {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            drop(fs::write(PATH, before.to_string()));
        }
    }
}
