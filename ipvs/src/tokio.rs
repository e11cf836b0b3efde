//! The same client over tokio: the verbs of [`ipvs::Client`](crate::Client), each to be awaited.
//!
//! ```no_run
//! # async fn example() -> Result<(), ipvs::Error> {
//! let mut client = ipvs::tokio::Client::connect().await?;
//! println!("{} services", client.services().await?.len());
//! # Ok(()) }
//! ```
//!
//! The kernel has carried out a request by the time that it was sent, so a verb hardly ever waits.

use rsadm_netlink::Namespace;
use rsadm_netlink::tokio::Socket;

use crate::verbs::Verbs;

/// A connection to the IPVS of one network namespace; see [`ipvs::Client`](crate::Client).
#[derive(Debug)]
pub struct Client {
    pub(crate) verbs: Verbs<Socket>,
    pub(crate) namespace: Namespace,
}
