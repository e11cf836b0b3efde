//! Connection tracking.

use std::path::Path;

use conntrack::{Client, Filter, Flow, Sysctls};
use rsadm_netlink::Namespace;

use super::Flows;
use super::modules::Modules;
use crate::{Part, Tracking};

/// Flows that end and begin while the table is read make no difference; a resized table does.
const MOST_PASSES: usize = 3;

/// Reads sysctls, statistics and, if they are asked for, flows.
pub(super) fn read(flows: &Flows, modules: &Modules, remarks: &mut Vec<String>) -> Part<Tracking> {
    if !Path::new("/proc/sys/net/netfilter/nf_conntrack_max").exists() {
        return Part::Unknown("the kernel has not loaded connection tracking".to_owned());
    }
    let sysctls = match Sysctls::read(&Namespace::Current) {
        Ok(sysctls) => sysctls,
        Err(error) => return Part::Unknown(error.to_string()),
    };
    let mut tracking = Tracking {
        sysctls,
        statistics: Part::default(),
        filtered: matches!(flows, Flows::Matching(_)),
        flows: Part::default(),
    };
    if !modules.can_ask("nf_conntrack_netlink") {
        let reason = || "the module nf_conntrack_netlink is not loaded".to_owned();
        tracking.statistics = Part::Unknown(reason());
        if !matches!(flows, Flows::None) {
            tracking.flows = Part::Unknown(reason());
        }
        return Part::Read(tracking);
    }
    let statistics = Client::connect().and_then(|mut client| client.statistics());
    tracking.statistics = Part::of(statistics);
    let everything = Filter::new();
    let filter = match flows {
        Flows::None => return Part::Read(tracking),
        Flows::All => &everything,
        Flows::Matching(filter) => filter,
    };
    tracking.flows = Part::of(list(filter, remarks));
    Part::Read(tracking)
}

fn list(filter: &Filter, remarks: &mut Vec<String>) -> conntrack::Result<Vec<Flow<'static>>> {
    let mut client = Client::connect()?;
    let mut flows = Vec::new();
    for _ in 0..MOST_PASSES {
        flows.clear();
        let all = client.flows(filter)?.for_each(|flow| {
            flows.push(flow.into_owned());
            Ok::<_, conntrack::Error>(())
        });
        match all {
            Ok(()) => return Ok(flows),
            Err(error) if error.is_interrupted() => {}
            Err(error) => return Err(error),
        }
    }
    remarks.push("flows may be missing: the table was resized during every reading".to_owned());
    Ok(flows)
}
