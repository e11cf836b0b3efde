//! The command line of `rsadm trace`.

use clap::Args;

/// Follow a packet to a service or a pod and back, and say where it breaks.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// tcp://ADDRESS:PORT, udp:// or sctp:// of a service, a pod or a node; ADDRESS:PORT is TCP; an
    /// address alone is a pod's or a node's
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// Who sends the packet: an address, or the name of a pod or node [default: this node, or that
    /// of the first snapshot]
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,
    /// Look at one destination of the service only: ADDRESS or ADDRESS:PORT
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) destination: Option<String>,
    /// Send one packet for real from this node, and tell what the kernel did with it
    #[arg(long)]
    pub(crate) probe: bool,
    /// Bytes that the probe sends: a connection that is made and then loses them has a hole in its MTU
    #[arg(long, value_name = "BYTES", requires = "probe")]
    pub(crate) size: Option<u16>,
    /// Seconds that the probe waits for an answer
    #[arg(long, value_name = "SECONDS", requires = "probe", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) patience: u64,
    /// Explain every step: the row that decided, and the command that shows it
    #[arg(long)]
    pub(crate) explain: bool,
}
