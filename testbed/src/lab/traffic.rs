//! Requests to the service, and the check that they arrived.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
};

use super::{
    cluster::{BACKENDS, CLIENT, SERVICE},
    node::Node,
};
use crate::{Context, Error, Result, http, namespace::Namespace};

/// From the node itself.
///
/// Without masquerading the answer to the node's own choice of address, the service's, would not
/// find its way back: then the node asks from its bridge's.
pub(super) fn from_node(node: &Node, masquerades: bool) -> Result<()> {
    if masquerades {
        return ask_all(node.name(), node.namespace(), None);
    }
    let bridge: Ipv4Addr =
        node.bridge_address().parse().context(|| "the bridge's address".into())?;
    eprintln!(
        "this kernel has no NAT: no masquerade rule, and {} asks from its bridge {bridge}",
        node.name()
    );
    ask_all(node.name(), node.namespace(), Some(SocketAddrV4::new(bridge, 0)))
}

/// From the client, a pod.
pub(super) fn from_client(node: &Node) -> Result<()> {
    let client =
        node.pod(CLIENT).ok_or_else(|| Error::new(format!("{} has no {CLIENT}", node.name())))?;
    ask_all(&format!("{CLIENT} on {}", node.name()), client, None)
}

/// Asks as often as there are pods: round robin reaches each once.
fn ask_all(who: &str, namespace: &Namespace, from: Option<SocketAddrV4>) -> Result<()> {
    let answers: BTreeSet<String> = namespace.enter(|| {
        BACKENDS.iter().map(|_| Ok(http::get(SERVICE, from)?.trim().to_owned())).collect()
    })?;
    if answers.iter().ne(BACKENDS) {
        return Err(Error::new(format!(
            "{who} asked http://{SERVICE}/ {} times and only {answers:?} answered",
            BACKENDS.len()
        )));
    }
    eprintln!("{who} asked http://{SERVICE}/ {} times: every pod answered", BACKENDS.len());
    Ok(())
}
