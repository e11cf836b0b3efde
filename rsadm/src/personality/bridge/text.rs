//! Help and version, in this project's own words.

use super::stop::{REFUSED, Stop};

/// The line begins as that of the bridge whose behaviour this is.
pub(super) const VERSION: &str =
    concat!("bridge utility, 6.1.0, as rsadm ", env!("CARGO_PKG_VERSION"), " has it\n");

/// How to call it.
pub(super) fn usage() -> Stop {
    help(BRIDGE)
}

/// Help on an object, which goes to standard error and is a refusal.
pub(super) fn help(text: &str) -> Stop {
    Stop::Program(REFUSED, text.into())
}

const BRIDGE: &str = "\
Usage: bridge [OPTION]... OBJECT [COMMAND] [WORD]...
       bridge [-force] -batch FILE

Forwarding tables of VXLAN devices and bridges, on the command line of bridge. This is
rsadm; `rsadm vxlan --help' shows what it can do beyond that.

OBJECT:
  fdb       forwarding entries
  vni       VNIs that VXLAN devices take packets of
  mdb       multicast entries
  monitor   changes of forwarding entries, as they happen
`bridge OBJECT help' says more. OBJECT, COMMAND and OPTION may be abbreviated.

OPTION:
  -s[tatistics]   times and counters
  -d[etails]      more of multicast entries
  -j[son]         JSON
  -p[retty]       JSON, a field a line
  -c[olor][=always|auto|never]
  -o[neline]      no line breaks in what has several lines
  -t[imestamp]    when it happened (monitor)
  -n[etns] NAME   another network namespace
  -4, -6, -f[amily] inet|inet6   what addresses are
  -b[atch] FILE   carry out the lines of a file (-: standard input), until one is refused
  -force          carry out the lines behind a refused one too
  -V[ersion]
";

pub(super) const FDB: &str = "\
Usage: bridge fdb [show] [dev DEV | brport DEV] [br BRIDGE] [vlan VLAN] [state STATE]... [dynamic]
       bridge fdb add|append|replace|delete [to] MAC dev DEV [WORD]...
       bridge fdb get [to] MAC dev DEV | br BRIDGE [vlan VLAN] [vni VNI] [self] [master] [dynamic]
       bridge fdb flush dev DEV [brport DEV] [vlan VLAN] [self] [master] [CONDITION]...

WORD:
  dst ADDRESS [port PORT] [vni VNI] [via DEV]   where frames go
  nhid ID                                       to a group of nexthops
  src_vni VNI                                   of frames of this VNI (external devices)
  self | master                                 the device's table (default), or its bridge's
  permanent (local) | static (temp) | dynamic
  vlan VLAN | router | use | extern_learn | sticky
CONDITION, each also with `no' in front:
  permanent | static | dynamic | added_by_user | extern_learn | sticky | offloaded
STATE: permanent | static | stale | reachable | all | NUMBER
";

pub(super) const VNI: &str = "\
Usage: bridge vni [show] [dev DEV]
       bridge vni add|delete dev DEV vni VNI[-VNI],... [remote ADDRESS | group ADDRESS]
";

pub(super) const MDB: &str = "\
Usage: bridge mdb [show] [dev DEV] [vid VLAN]
       bridge mdb add|delete dev DEV port PORT grp GROUP [src ADDRESS] [permanent | temp] [vid VLAN]

`rsadm vxlan mdb' writes entries of VXLAN devices, which need a remote.
";

pub(super) const MONITOR: &str = "\
Usage: bridge monitor fdb
";
