//! What to do about what the kernel says.

use std::borrow::Cow;
use std::fs;

use ipvs::{Error, Reason, Refused, Request};

use crate::failure::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::refused(error.to_string());
        let hint = match &error {
            Error::Refused(refused) => hint(refused),
            Error::File { .. } if error.is_permission() => {
                Some("root may read it; try sudo".into())
            }
            Error::Changing { .. } => Some("try again when fewer changes are made".into()),
            _ => None,
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Error::Refused(Box::new(refused)).into()
    }
}

/// What a person can do about a refusal.
pub(crate) fn hint(refused: &Refused) -> Option<Cow<'static, str>> {
    Some(match refused.reason {
        Reason::NoIpvs => "load the module with `modprobe ip_vs`".into(),
        Reason::Permission => permission().into(),
        Reason::NoSuchScheduler => "`rsadm ipvs schedulers` lists what this kernel has".into(),
        Reason::NoSuchService => "`rsadm ipvs list -n` shows the services".into(),
        Reason::NoSuchDestination => match &refused.request {
            Request::UpdateDestination(key, _) | Request::DeleteDestination(key, _) => {
                format!("`rsadm ipvs list -n {key}` shows its destinations").into()
            }
            _ => return None,
        },
        Reason::ServiceExists => "`rsadm ipvs service edit` changes it".into(),
        Reason::DestinationExists => "`rsadm ipvs dest edit` changes it".into(),
        Reason::DaemonRuns => "`rsadm ipvs daemons stop` ends it".into(),
        Reason::NoDaemon => "`rsadm ipvs daemons` shows those that run".into(),
        Reason::NoSuchInterface => "`ip link` shows the interfaces".into(),
        Reason::OutOfRange => {
            "a lower threshold (-y) may not be above the upper one (-x), nor a weight above \
             2147483647"
                .into()
        }
        Reason::Invalid => invalid(&refused.request)?.into(),
        Reason::AddressFamily => "the kernel may be built without IPv6 for IPVS".into(),
        _ => return None,
    })
}

/// The kernel calls everything invalid with one number.
fn invalid(request: &Request) -> Option<&'static str> {
    match request {
        Request::AddDestination(..) | Request::UpdateDestination(..) => Some(
            "a destination is a unicast address; one of another family than its service needs \
             --ipip and no synchronisation daemon",
        ),
        Request::StartDaemon(_) => Some(
            "the interface needs an address of the group's family, and no destination may be of \
             another family than its service",
        ),
        _ => None,
    }
}

/// Root in a container is often not root enough.
fn permission() -> &'static str {
    let root = rustix::process::geteuid().is_root();
    let initial = fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    if root && !initial {
        "this is root of a user namespace, and IPVS wants CAP_NET_ADMIN in the initial one: run it \
         outside of the container; `rsadm ipvs list` shows the plain table here too"
    } else {
        "this needs CAP_NET_ADMIN in the initial user namespace, for example by sudo; the plain \
         table of `rsadm ipvs list` needs nothing"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(request: Request, errno: i32) -> String {
        Failure::from(Refused::new(request, errno, None)).to_string()
    }

    #[test]
    fn refusals_come_with_advice() {
        let key = "tcp://10.0.0.1:80".parse().expect("a key");
        let address = "10.1.0.1:80".parse().expect("an address");
        let cases = [
            (
                Request::Connect,
                2,
                "rsadm: cannot find IPVS in the kernel: the kernel has no IPVS, or its module is \
                 not loaded\n  hint: load the module with `modprobe ip_vs`\n",
            ),
            (
                Request::AddService(key),
                2,
                "rsadm: cannot add service tcp://10.0.0.1:80: no such scheduler or persistence \
                 engine\n  hint: `rsadm ipvs schedulers` lists what this kernel has\n",
            ),
            (
                Request::DeleteService(key),
                3,
                "rsadm: cannot delete service tcp://10.0.0.1:80: no such service\n  hint: `rsadm \
                 ipvs list -n` shows the services\n",
            ),
            (
                Request::DeleteDestination(key, address),
                2,
                "rsadm: cannot delete destination 10.1.0.1:80 of tcp://10.0.0.1:80: no such \
                 destination\n  hint: `rsadm ipvs list -n tcp://10.0.0.1:80` shows its \
                 destinations\n",
            ),
        ];
        for (request, errno, text) in cases {
            assert_eq!(told(request, errno), text);
        }
        let text = told(Request::Flush, 1);
        assert!(text.starts_with("rsadm: cannot clear the table: permission denied\n"), "{text}");
        assert!(text.contains("CAP_NET_ADMIN in the initial"), "{text}");
        assert_eq!(told(Request::Flush, 5).lines().count(), 1, "nothing to advise");
    }
}
